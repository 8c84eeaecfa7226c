// Makes the packages that are published, as folders and as tarballs: `islet`, which is JavaScript and types, and for each
// platform one with the addon, which npm chooses by `os`, `cpu` and `libc`.
//
//   node scripts/pack.mjs                        both, for the platform at hand, into dist/
//   node scripts/pack.mjs main | platform        one of them
//   --addon FILE        the addon (islet.node)
//   --platform NAME     what it is for (linux-x64-gnu, …)
//   --out FOLDER        where the packages go
//
// The platform packages are named as optional dependencies only in what is published: a checkout builds its addon, and
// `npm ci` must not look for packages that are not there yet.

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BuildError, isProgram, main, ROOT } from './build.mjs';
import { writeBundle } from './bundle.mjs';

/** The platforms that are published, and how npm tells them apart. */
export const PLATFORMS = {
	'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc' },
	'linux-arm64-gnu': { os: 'linux', cpu: 'arm64', libc: 'glibc' },
	'linux-x64-musl': { os: 'linux', cpu: 'x64', libc: 'musl' },
	'linux-arm64-musl': { os: 'linux', cpu: 'arm64', libc: 'musl' },
	'darwin-x64': { os: 'darwin', cpu: 'x64' },
	'darwin-arm64': { os: 'darwin', cpu: 'arm64' },
	'win32-x64': { os: 'win32', cpu: 'x64' },
};

/** What a package may weigh, in MB of 10^6 bytes: the addon, and its tarball. */
export const BUDGET = { addon: 52, packed: 20 };
/** What both packages have. */
const COMMON = ['LICENSE', 'THIRD_PARTY.md'];
const SHARED_FIELDS = ['version', 'license', 'author', 'repository', 'homepage', 'bugs', 'engines'];

const manifest = () => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const pick = (object, names) => Object.fromEntries(names.filter(name => name in object).map(name => [name, object[name]]));
const megabytes = path => statSync(path).size / 1e6;

function write(folder, fields) {
	writeFileSync(join(folder, 'package.json'), `${JSON.stringify(fields, null, 2)}\n`);
}

/** An empty folder. */
function fresh(folder) {
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	return folder;
}

/**
 * Makes a tarball of a folder.
 * @returns {string} its path
 */
function tarball(folder, out) {
	const { status, stdout, stderr } = spawnSync('npm', ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', out],
		{ cwd: out, encoding: 'utf8', shell: process.platform === 'win32' });
	if (status !== 0) {
		throw new BuildError(`npm pack ${folder}:\n${stderr}`);
	}
	// npm has written names of scoped packages in more than one way.
	const [{ filename }] = JSON.parse(stdout);
	return join(out, filename.replace(/^@/, '').replaceAll('/', '-'));
}

/**
 * The package of one platform.
 * @param {object} options
 * @param {string} options.platform key of PLATFORMS
 * @param {string} options.addon path
 * @param {string} options.out folder
 * @returns {{ folder: string, tarball: string }}
 */
export function packPlatform({ platform, addon, out }) {
	if (!(platform in PLATFORMS)) {
		throw new BuildError(`no package for ${platform}, there are: ${Object.keys(PLATFORMS).join(' ')}`);
	}
	if (!existsSync(addon)) {
		throw new BuildError(`${addon} is not there: run \`npm run build\` first`);
	}
	const size = megabytes(addon);
	if (size > BUDGET.addon) {
		throw new BuildError(`${addon} has ${size.toFixed(1)} MB, more than the ${BUDGET.addon} allowed. Is it of the profile \`release\`?`);
	}
	const folder = fresh(join(out, platform));
	cpSync(addon, join(folder, 'islet.node'));
	chmodSync(join(folder, 'islet.node'), 0o755);
	COMMON.forEach(name => cpSync(join(ROOT, name), join(folder, name)));
	const { os, cpu, libc } = PLATFORMS[platform];
	const name = `@islet/${platform}`;
	writeFileSync(join(folder, 'README.md'), `# ${name}\n\nThe addon of \`islet\` for ${platform}. Install \`islet\`; it brings this.\n`);
	write(folder, {
		name, description: `The addon of islet for ${platform}`, ...pick(manifest(), SHARED_FIELDS),
		main: 'islet.node', os: [os], cpu: [cpu], ...libc && { libc: [libc] },
		files: ['islet.node', ...COMMON], preferUnplugged: true, publishConfig: { access: 'public' },
	});
	const file = tarball(folder, out);
	if (megabytes(file) > BUDGET.packed) {
		throw new BuildError(`${file} has ${megabytes(file).toFixed(1)} MB, more than the ${BUDGET.packed} allowed`);
	}
	return { folder, tarball: file };
}

/**
 * The package `islet`: no Rust, nothing to build, and the platforms' packages as optional dependencies.
 * @param {{ out: string }} options
 * @returns {{ folder: string, tarball: string }}
 */
export function packMain({ out }) {
	const folder = fresh(join(out, 'islet'));
	const { scripts: _, devDependencies: __, files, ...fields } = manifest();
	const shipped = files.filter(name => name !== 'islet.node');
	// In place of lib/ there is what writeBundle makes of it.
	shipped.filter(name => name !== 'lib').forEach(name => cpSync(join(ROOT, name), join(folder, name), { recursive: true }));
	writeBundle(folder);
	const optionalDependencies = Object.fromEntries(Object.keys(PLATFORMS).map(name => [`@islet/${name}`, fields.version]));
	write(folder, { ...fields, files: shipped, optionalDependencies });
	return { folder, tarball: tarball(folder, out) };
}

/** @returns {string} the platform this runs on */
export function platformHere() {
	const { platformPackage } = createRequire(import.meta.url)('../lib/platform-package.js');
	return platformPackage().replace('@islet/', '');
}

if (isProgram(import.meta.url)) {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: { addon: { type: 'string' }, platform: { type: 'string' }, out: { type: 'string' } },
	});
	await main(() => {
		const unknown = positionals.find(name => !['main', 'platform'].includes(name));
		if (unknown !== undefined) {
			throw new BuildError(`no package ${unknown}: main, platform, or nothing for both`);
		}
		const out = resolve(values.out ?? join(ROOT, 'dist'));
		mkdirSync(out, { recursive: true });
		const wants = name => positionals.length === 0 || positionals.includes(name);
		const made = [
			wants('platform') && packPlatform({
				platform: values.platform ?? platformHere(), addon: resolve(values.addon ?? join(ROOT, 'islet.node')), out,
			}),
			wants('main') && packMain({ out }),
		].filter(Boolean);
		made.forEach(({ folder, tarball: file }) => {
			const unpacked = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
				.reduce((sum, entry) => sum + megabytes(join(entry.parentPath ?? entry.path, entry.name)), 0);
			console.log(`${file}: ${megabytes(file).toFixed(2)} MB, unpacked ${unpacked.toFixed(2)} MB`);
		});
	});
}
