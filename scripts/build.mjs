// Builds the addon and puts it where lib/native.js looks: islet.node at the root.
//
//   node scripts/build.mjs [--profile dev-fast]   build
//   node scripts/build.mjs --features sandbox     the cargo features `sandbox` or `pointer-compression`
//   node scripts/build.mjs --install              what `npm install` runs: builds in a checkout, and does nothing
//                                                 where the addon came with the package

import { spawn, spawnSync } from 'node:child_process';
import {
	copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BUILDABLE, explain, FEATURES, fileNames, findArchive, NoArchive, readManifest } from './v8-archive.mjs';
import { StepError } from './v8/steps.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Where the archive of V8 may lie, beside the checkout. */
export const V8_FOLDER = join(ROOT, '..', 'shared', 'v8');

const HEARTBEAT = 15_000;
const CONNECT = 20_000;
const LIBRARY = ['.so', '.dylib', '.dll'];

/** A failure whose message is all there is to say. */
export class BuildError extends Error {}

const say = text => console.error(`islet: ${text}`);

/**
 * Makes sure that there is a cargo that can build this.
 * @param {string} wanted the oldest version that will do
 * @returns {{ target: string }} the platform it builds for
 */
function checkCargo(wanted) {
	const help = 'Install Rust from https://rustup.rs, or update it with `rustup update stable`.';
	const { stdout, stderr, status, error } = spawnSync('cargo', ['-vV'], { cwd: ROOT, encoding: 'utf8' });
	if (error || status !== 0) {
		const why = error?.code === 'ENOENT' ? 'there is no `cargo` on the PATH' : error?.message ?? stderr.trim();
		throw new BuildError(`Building the addon takes Rust ${wanted} or newer: ${why}.\n${help}`);
	}
	const field = name => new RegExp(`^${name}: (.*)$`, 'm').exec(stdout)?.[1];
	const found = field('release');
	if (isOlder(found, wanted)) {
		throw new BuildError(`Building the addon takes Rust ${wanted} or newer, cargo is ${found}.\n${help}`);
	}
	return { target: process.env.CARGO_BUILD_TARGET || field('host') };
}

/** Whether the version `found` comes before `wanted`; what follows the numbers (`-nightly`) doesn't count. */
export function isOlder(found, wanted) {
	const numbers = version => version.split('-')[0].split('.').map(Number);
	const [a, b] = [numbers(found), numbers(wanted)];
	const at = b.findIndex((number, index) => number !== (a[index] ?? 0));
	return at >= 0 && (a[at] ?? 0) < b[at];
}

/**
 * Cargo's environment for this checkout. Every call of cargo takes this one, so that they share what they compiled.
 * @param {Record<string, string | undefined>} [env]
 * @param {object} [options]
 * @param {string[]} [options.features] of Cargo.toml
 * @param {string} [options.folder] where the archive may lie
 * @returns {{ env: Record<string, string>, source: import('./v8-archive.mjs').Source, version: string, target: string }}
 */
export function cargoSetup(env = process.env, { features = [], folder = V8_FOLDER } = {}) {
	const { v8: version, rust } = readManifest(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
	const { target } = checkCargo(rust);
	const source = findArchive({ env, folder, version, target, features });
	const merged = Object.entries({ ...env, ...source.env }).filter(([, value]) => value !== undefined);
	return { env: Object.fromEntries(merged), source, version, target };
}

/**
 * What keeps the crate's build script from downloading. It would find out itself, but only after minutes of compiling.
 * @returns {Promise<string | undefined>} the reason; `undefined` also when that can't be told from here
 */
async function downloadLacks({ env, source: { text: url }, version, target }, profile, features) {
	const kept = [
		join(env.CARGO_TARGET_DIR || join(ROOT, 'target'), profile, 'gn_out', 'obj', 'librusty_v8.a'),
		join(env.CARGO_HOME || join(homedir(), '.cargo'), '.rusty_v8',
			`v${version}/${fileNames(target, features).library}`.replace(/[^A-Za-z0-9]/g, '_')),
	];
	// With a proxy, the build script's programs reach what we don't.
	const differs = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'V8_FROM_SOURCE'].some(name => env[name]);
	if (process.platform !== 'linux' || differs || kept.some(file => existsSync(file))) {
		return;
	}
	try {
		await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(CONNECT) });
	} catch (error) {
		return `out of reach (${error.cause?.code ?? error.name})`;
	}
}

/**
 * Runs `cargo build` and says how it goes: cargo itself does on a terminal.
 * @returns {Promise<{ code: number, library: string | undefined, v8: 'unknown' | 'sought' | 'found' }>} cargo's exit
 * code, the path of the addon it made, and how far the build script of the crate `v8` came
 */
async function runCargo(args, env) {
	const { stderr } = process;
	const terminal = stderr.isTTY && !env.CI && env.TERM !== 'dumb';
	const cargo = spawn('cargo', [...args, '--message-format=json-render-diagnostics'], {
		cwd: ROOT, env, stdio: ['ignore', 'pipe', terminal ? 'inherit' : 'pipe'],
	});
	const exit = new Promise((resolve, reject) => cargo.on('error', reject).on('close', resolve));
	const compiled = new Set();
	let library, v8 = 'unknown';
	// Cargo takes up the package with its build script; its own code has to wait for V8's bindings.
	const last = { v8: false, islet: false };
	const sayLast = () => last.v8 && last.islet && say('compiling islet itself, and linking');

	createInterface({ input: cargo.stdout }).on('line', line => {
		const { reason, package_id: id = '', target, filenames, fresh } = JSON.parse(line);
		if (reason === 'compiler-artifact') {
			if (!fresh) {
				compiled.add(id);
			}
			if (target.kind.includes('cdylib')) {
				library = filenames.find(name => LIBRARY.includes(extname(name)));
			} else if (/#v8@/.test(id)) {
				if (target.kind.includes('custom-build')) {
					v8 = 'sought';
				} else {
					last.v8 = true;
					sayLast();
				}
			}
		} else if (reason === 'build-script-executed' && /#v8@/.test(id)) {
			v8 = 'found';
		}
	});

	let heartbeat;
	if (!terminal) {
		const start = Date.now();
		heartbeat = setInterval(() => {
			say(`${Math.round((Date.now() - start) / 1000)} s, ${compiled.size} crates compiled`);
		}, HEARTBEAT);
		// Cargo says which crate it takes up: too many lines. One for each phase.
		const phases = new Set();
		createInterface({ input: cargo.stderr }).on('line', line => {
			const [, word, name] =
				/^ {2,}(Compiling|Fresh|Downloading|Downloaded|Updating|Locking|Adding|Finished) (\S+)/.exec(line) ?? [];
			const phase = { Downloading: 'fetching crates', Compiling: 'compiling crates' }[word];
			if (!word) {
				console.error(line);
			} else if (word === 'Compiling' && name === 'islet') {
				last.islet = true;
				sayLast();
			} else if (phase && !phases.has(phase)) {
				phases.add(phase);
				say(phase);
			}
		});
	}
	try {
		return { code: await exit, library, v8 };
	} finally {
		clearInterval(heartbeat);
	}
}

/**
 * Puts a copy of `file` at `place`, never touching the file that is there: a running process has it mapped.
 * @returns {boolean} whether there was anything to do
 */
function replace(file, place) {
	if (existsSync(place) && statSync(place).size === statSync(file).size &&
		readFileSync(place).equals(readFileSync(file))) {
		return false;
	}
	mkdirSync(dirname(place), { recursive: true });
	const making = `${place}.${process.pid}.tmp`;
	try {
		copyFileSync(file, making);
		try {
			renameSync(making, place);
		} catch (error) {
			// Windows: a loaded library can be renamed, but not replaced. The next build takes it away.
			if (process.platform !== 'win32') {
				throw error;
			}
			rmSync(`${place}.old`, { force: true });
			renameSync(place, `${place}.old`);
			renameSync(making, place);
		}
	} finally {
		rmSync(making, { force: true });
	}
	return true;
}

/**
 * Builds the addon.
 * @param {object} [options]
 * @param {string} [options.profile] of Cargo.toml
 * @param {string[]} [options.features] of Cargo.toml
 * @param {string} [options.folder] where the archive of V8 may lie
 * @param {string} [options.place] where the addon is to be
 * @param {Record<string, string | undefined>} [options.env]
 */
export async function build(options = {}) {
	try {
		await attempt(options);
	} catch (error) {
		if (!error.buildable || !await mayBuildV8(options.env ?? process.env)) {
			throw error;
		}
		const { buildV8 } = await import('./build-v8.mjs');
		await buildV8({ env: options.env, features: options.features });
		await attempt(options);
	}
}

/** Whether V8 may be built for want of an archive: the environment says so, or a person at the terminal. */
export async function mayBuildV8(env, { stdin, stderr } = process) {
	if (env.ISLET_BUILD_V8) {
		return env.ISLET_BUILD_V8 === '1';
	}
	if (env.CI || !stdin.isTTY || !stderr.isTTY) {
		return false;
	}
	const questions = createInterface({ input: stdin, output: stderr });
	try {
		const answer = await new Promise(resolve => {
			// Nobody is there any more.
			questions.on('close', () => resolve(''));
			questions.question('islet: there is no V8 to be had. Build it here, in about 40 minutes and 6 GB (freed afterwards)? [y/N] ', resolve);
		});
		return /^y(es)?$/i.test(answer.trim());
	} finally {
		questions.close();
	}
}

async function attempt({
	profile = 'release', features = [], folder, place = join(ROOT, 'islet.node'), env = process.env,
}) {
	const start = Date.now();
	const setup = cargoSetup(env, { features, folder });
	const { source, version, target } = setup;
	const noArchive = tried => new NoArchive(
		explain({ tried, version, target, features }), source.kind === 'download' && target === BUILDABLE);
	say(`V8 of the crate v8 ${version} from ${source.text}`);
	const lack = source.kind === 'download' && await downloadLacks(setup, profile, features);
	if (lack) {
		throw noArchive(source.tried.map(line => line === source.text ? `${line}: ${lack}` : line));
	}
	const args = ['build', '--locked', '--profile', profile, ...features.length > 0 ? ['--features', features.join()] : []];
	say(`cargo ${args.join(' ')}`);
	const { code, library, v8 } = await runCargo(args, setup.env);
	if (code !== 0) {
		throw v8 === 'sought' ? noArchive(source.tried) : new BuildError(`cargo failed, see above (exit code ${code})`);
	}
	if (!library) {
		throw new BuildError('cargo made no addon');
	}
	const seconds = ((Date.now() - start) / 1000).toFixed(1);
	say(`${place} ${replace(library, place) ? 'is built' : 'was up to date'} (${seconds} s)`);
}

/**
 * Whether an installation has to build.
 * @param {string} root of the package
 * @param {(name: string) => boolean} resolves whether there is a package of this name
 * @returns {boolean}
 */
export function installBuilds(root, resolves) {
	const { platformPackage } = createRequire(import.meta.url)('../lib/platform-package.js');
	return ['Cargo.toml', 'src'].every(name => existsSync(join(root, name))) && !resolves(platformPackage());
}

function resolves(name) {
	try {
		createRequire(join(ROOT, 'index.js')).resolve(name);
		return true;
	} catch {
		return false;
	}
}

/** Runs a script's body; a failure of the kinds foreseen is reported by its message alone. */
export async function main(body) {
	try {
		await body();
	} catch (error) {
		if (!(error instanceof BuildError || error instanceof NoArchive || error instanceof StepError)) {
			throw error;
		}
		console.error(`\nislet: ${error.message}`);
		process.exitCode = 1;
	}
}

/** Whether the module at `url` is the program that was started. */
export function isProgram(url) {
	return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

if (isProgram(import.meta.url)) {
	const args = process.argv.slice(2);
	const value = name => {
		const at = args.indexOf(name);
		return at >= 0 ? args.splice(at, 2)[1] ?? '' : undefined;
	};
	const profile = value('--profile') ?? 'release';
	const features = value('--features')?.split(',') ?? [];
	const install = args[0] === '--install' && args.shift();
	if (args.length > 0 || !profile || !features.every(name => name in FEATURES)) {
		console.error(`usage: node scripts/build.mjs [--install] [--profile NAME] [--features ${Object.keys(FEATURES).join('|')}]`);
		process.exitCode = 2;
	} else if (!install || installBuilds(ROOT, resolves)) {
		await main(() => build({ profile, features }));
	}
}
