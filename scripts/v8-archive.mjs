// Where the static library of V8 comes from that the addon links: the decision, without any building.
//
// The crate `v8` has a build script of its own that reads RUSTY_V8_ARCHIVE and RUSTY_V8_MIRROR, and downloads from
// GitHub without them. scripts/build-v8 makes an archive where neither helps, and keeps it in a cache. We choose the variables it sees, always the same ones for the same source: it runs again, and
// with it the link, when they change.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const RELEASES = 'https://github.com/denoland/rusty_v8/releases/download';

/** The cargo features of islet that need a V8 of their own, and what the crate puts into its files' names for them. */
export const FEATURES = {
	'pointer-compression': '_ptrcomp',
	// It brings pointer compression with it.
	sandbox: '_ptrcomp_sandbox',
};

/** What scripts/build-v8 makes an archive for. */
export const BUILDABLE = 'x86_64-unknown-linux-gnu';

/** No source of the archive answers. The message says what was tried and what helps. */
export class NoArchive extends Error {
	/**
	 * @param {string} message
	 * @param {boolean} [buildable] whether an archive of scripts/build-v8 would do
	 */
	constructor(message, buildable = false) {
		super(message);
		this.buildable = buildable;
	}
}

/**
 * Where scripts/build-v8 keeps what it builds.
 * @param {Record<string, string | undefined>} env
 */
export function cacheRoot(env) {
	return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'islet', 'v8');
}

/**
 * The folder in it for one V8.
 * @param {Record<string, string | undefined>} env
 * @param {string} version of the crate `v8`
 * @param {string[]} features keys of {@link FEATURES}
 */
export function cacheFolder(env, version, features = []) {
	return join(cacheRoot(env), [version, ...ofV8(features)].join('-'));
}

/** The one feature that decides: the sandbox has pointer compression in it. */
function ofV8(features) {
	const known = Object.keys(FEATURES).filter(name => features.includes(name));
	return known.slice(-1);
}

/**
 * @param {string} manifest text of Cargo.toml
 * @returns {{ v8: string, rust: string }} the version of the crate `v8` that is pinned, and the oldest Rust that will do
 */
export function readManifest(manifest) {
	const v8 = /^v8\s*=\s*(?:\{[^}\n]*version\s*=\s*)?"=(\d+\.\d+\.\d+)"/m.exec(manifest)?.[1];
	const rust = /^rust-version\s*=\s*"(\d+(?:\.\d+){1,2})"/m.exec(manifest)?.[1];
	if (!v8 || !rust) {
		throw new Error('Cargo.toml: no exact version of v8, or no rust-version');
	}
	return { v8, rust };
}

/**
 * @param {string} target Rust's name of a platform
 * @param {string[]} [features] of islet
 * @returns {{ library: string, binding: string }} the names of the two files V8 comes in
 */
export function fileNames(target, features = []) {
	const kind = `${ofV8(features).map(name => FEATURES[name])}_release_${target}`;
	const library = target.includes('windows') ? `rusty_v8${kind}.lib.gz` : `librusty_v8${kind}.a.gz`;
	return { library, binding: `src_binding${kind}.rs` };
}

/**
 * What keeps a folder of ours, which is named after nothing, from being used.
 * @param {string} folder
 * @param {string} version of the crate `v8`
 * @param {string} target
 * @param {string[]} [features]
 * @returns {string | undefined} the reason, `undefined` when the folder holds the archive of that version
 */
export function folderLacks(folder, version, target, features = []) {
	if (!existsSync(folder)) {
		return 'no such folder';
	}
	const missing = Object.values(fileNames(target, features)).filter(name => !existsSync(join(folder, name)));
	if (missing.length > 0) {
		return `has no ${missing.join(' and no ')}`;
	}
	// The file names carry no version: the README beside them does, in `checked/` the one a level up.
	const readme = [join(folder, 'README.md'), join(folder, '..', 'README.md')].find(file => existsSync(file));
	const named = readme && /\bv8\b\W+(\d+\.\d+\.\d+)\b/.exec(readFileSync(readme, 'utf8'))?.[1];
	if (named !== version) {
		return named ? `holds v8 ${named}` : 'has no README.md that names the version';
	}
}

const isRemote = place => /^https?:/.test(place);
const isOn = value => ['1', 'true', 'yes'].includes(value);

/**
 * What is wrong with the value of RUSTY_V8_MIRROR, as far as can be seen without the network.
 * @returns {string | undefined}
 */
function mirrorLacks(mirror, env, version, target, features) {
	if (isRemote(mirror) || mirror.includes('{') || isOn(env.RUSTY_V8_MIRROR_FALLBACK)) {
		return;
	}
	const tag = env.RUSTY_V8_MIRROR_TAG || `v${version}`;
	const names = Object.values(fileNames(target, features))
		// Either alone may come from elsewhere.
		.filter((name, index) => !(index === 0 ? env.RUSTY_V8_ARCHIVE :
			env.RUSTY_V8_SRC_BINDING_PATH || env.RUSTY_V8_SRC_BINDING_URL));
	const missing = names.filter(name => !existsSync(join(mirror, tag, name)) && !existsSync(join(mirror, name)));
	if (missing.length > 0) {
		return `RUSTY_V8_MIRROR=${mirror}: no ${missing.join(' and no ')} there or in its ${tag}/`;
	}
}

/** The same for RUSTY_V8_ARCHIVE: a file, or a folder with the file in it. */
function archiveLacks(archive, target, features) {
	if (isRemote(archive)) {
		return;
	}
	if (!existsSync(archive)) {
		return `RUSTY_V8_ARCHIVE=${archive}: no such file or folder`;
	}
	const { library } = fileNames(target, features);
	const inside = [library, library.replace(/\.gz$/, '')];
	if (statSync(archive).isDirectory() && !inside.some(name => existsSync(join(archive, name)))) {
		return `RUSTY_V8_ARCHIVE=${archive}: no ${library} there`;
	}
}

/**
 * @typedef {object} Source
 * @property {'environment' | 'folder' | 'cache' | 'download'} kind
 * @property {string} text where V8 comes from, for a person
 * @property {Record<string, string | undefined>} env variables for cargo; `undefined`: to be taken away
 * @property {string[]} tried one line for each place that was looked at
 */

/**
 * Chooses where V8 comes from: the environment's word, the folder, the cache, the download.
 * @param {object} question
 * @param {Record<string, string | undefined>} question.env
 * @param {string} question.folder where the archive may lie
 * @param {string} question.version of the crate `v8`
 * @param {string} question.target
 * @param {string[]} [question.features] of islet
 * @param {string} [question.cwd] what relative paths in the environment are relative to
 * @returns {Source}
 * @throws {NoArchive} when the environment points at a place that hasn't got it
 */
export function findArchive({ env, folder, version, target, features = [], cwd = process.cwd() }) {
	// An empty value is one for the crate's build script, which is never what is meant.
	const chosen = {};
	for (const name of ['RUSTY_V8_ARCHIVE', 'RUSTY_V8_MIRROR']) {
		// Relative to here; the build script would take it as relative to the crate's sources.
		const isPath = env[name] && !isRemote(env[name]) && !env[name].includes('{');
		chosen[name] = isPath ? resolve(cwd, env[name]) : env[name] || undefined;
	}
	const { RUSTY_V8_ARCHIVE: archive, RUSTY_V8_MIRROR: mirror } = chosen;
	if (archive || mirror) {
		const all = { ...env, ...chosen };
		const problems = [
			archive && archiveLacks(archive, target, features),
			mirror && mirrorLacks(mirror, all, version, target, features),
		].filter(Boolean);
		if (problems.length > 0) {
			throw new NoArchive(explain({ tried: problems, version, target, features }));
		}
		const tried = Object.entries(chosen).filter(([, value]) => value).map(([name, value]) => `${name}=${value}`);
		return { kind: 'environment', text: tried.join(' '), env: chosen, tried };
	}
	const tried = ['RUSTY_V8_ARCHIVE, RUSTY_V8_MIRROR: not set'];
	for (const [kind, path] of [['folder', folder], ['cache', cacheFolder(env, version, features)]]) {
		const lack = folderLacks(path, version, target, features);
		if (lack === undefined) {
			return { kind, text: path, env: { ...chosen, RUSTY_V8_MIRROR: path }, tried: [...tried, path] };
		}
		tried.push(`${path}: ${lack}`);
	}
	const url = `${RELEASES}/v${version}/`;
	return { kind: 'download', text: url, env: chosen, tried: [...tried, url] };
}

/**
 * The message for when no place answered.
 * @param {object} failure
 * @param {string[]} failure.tried
 * @param {string} failure.version
 * @param {string} failure.target
 * @param {string[]} [failure.features]
 * @returns {string}
 */
export function explain({ tried, version, target, features = [] }) {
	const { library, binding } = fileNames(target, features);
	const command = ['scripts/build-v8', ...ofV8(features).map(name => `--feature ${name}`)].join(' ');
	return [
		`No V8 for the addon: it links the static library that belongs to the crate v8 ${version}. Tried:`,
		...tried.map(line => `  - ${line}`),
		...target === BUILDABLE ? [
			'Where GitHub is out of reach, this builds it from the crates registry and Debian\'s packages, once, in about 40 minutes:',
			`  ${command}`,
			'(ISLET_BUILD_V8=1 lets `npm install` do so.) If you have it already,',
		] : ['Where GitHub is out of reach,'],
		'put these two files into a folder and set RUSTY_V8_MIRROR to its path:',
		`  ${library}`,
		`  ${binding}`,
		`(RUSTY_V8_ARCHIVE takes that folder too, or the first file alone.) They are published at ${RELEASES}/v${version}/;`,
		`a folder ../shared/v8 beside the checkout, with a README.md that names v8 ${version}, is found without either.`,
	].join('\n');
}
