// Where the static library of V8 comes from that the addon links: the decision, without any building.
//
// The crate `v8` has a build script of its own that reads RUSTY_V8_ARCHIVE and RUSTY_V8_MIRROR, and downloads from
// GitHub without them. We choose the variables it sees, always the same ones for the same source: it runs again, and
// with it the link, when they change.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const RELEASES = 'https://github.com/denoland/rusty_v8/releases/download';

/** No source of the archive answers. The message says what was tried and what helps. */
export class NoArchive extends Error {}

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
 * @returns {{ library: string, binding: string }} the names of the two files V8 comes in
 */
export function fileNames(target) {
	const library = target.includes('windows') ?
		`rusty_v8_release_${target}.lib.gz` : `librusty_v8_release_${target}.a.gz`;
	return { library, binding: `src_binding_release_${target}.rs` };
}

/**
 * What keeps a folder of ours, which is named after nothing, from being used.
 * @param {string} folder
 * @param {string} version of the crate `v8`
 * @param {string} target
 * @returns {string | undefined} the reason, `undefined` when the folder holds the archive of that version
 */
export function folderLacks(folder, version, target) {
	if (!existsSync(folder)) {
		return 'no such folder';
	}
	const missing = Object.values(fileNames(target)).filter(name => !existsSync(join(folder, name)));
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
function mirrorLacks(mirror, env, version, target) {
	if (isRemote(mirror) || mirror.includes('{') || isOn(env.RUSTY_V8_MIRROR_FALLBACK)) {
		return;
	}
	const tag = env.RUSTY_V8_MIRROR_TAG || `v${version}`;
	const names = Object.values(fileNames(target))
		// Either alone may come from elsewhere.
		.filter((name, index) => !(index === 0 ? env.RUSTY_V8_ARCHIVE :
			env.RUSTY_V8_SRC_BINDING_PATH || env.RUSTY_V8_SRC_BINDING_URL));
	const missing = names.filter(name => !existsSync(join(mirror, tag, name)) && !existsSync(join(mirror, name)));
	if (missing.length > 0) {
		return `RUSTY_V8_MIRROR=${mirror}: no ${missing.join(' and no ')} there or in its ${tag}/`;
	}
}

/** The same for RUSTY_V8_ARCHIVE: a file, or a folder with the file in it. */
function archiveLacks(archive, target) {
	if (isRemote(archive)) {
		return;
	}
	if (!existsSync(archive)) {
		return `RUSTY_V8_ARCHIVE=${archive}: no such file or folder`;
	}
	const { library } = fileNames(target);
	const inside = [library, library.replace(/\.gz$/, '')];
	if (statSync(archive).isDirectory() && !inside.some(name => existsSync(join(archive, name)))) {
		return `RUSTY_V8_ARCHIVE=${archive}: no ${library} there`;
	}
}

/**
 * @typedef {object} Source
 * @property {'environment' | 'folder' | 'download'} kind
 * @property {string} text where V8 comes from, for a person
 * @property {Record<string, string | undefined>} env variables for cargo; `undefined`: to be taken away
 * @property {string[]} tried one line for each place that was looked at
 */

/**
 * Chooses where V8 comes from: the environment's word, the folder, the download.
 * @param {object} question
 * @param {Record<string, string | undefined>} question.env
 * @param {string} question.folder where the archive may lie
 * @param {string} question.version of the crate `v8`
 * @param {string} question.target
 * @param {string} [question.cwd] what relative paths in the environment are relative to
 * @returns {Source}
 * @throws {NoArchive} when the environment points at a place that hasn't got it
 */
export function findArchive({ env, folder, version, target, cwd = process.cwd() }) {
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
			archive && archiveLacks(archive, target),
			mirror && mirrorLacks(mirror, all, version, target),
		].filter(Boolean);
		if (problems.length > 0) {
			throw new NoArchive(explain({ tried: problems, version, target }));
		}
		const tried = Object.entries(chosen).filter(([, value]) => value).map(([name, value]) => `${name}=${value}`);
		return { kind: 'environment', text: tried.join(' '), env: chosen, tried };
	}
	const tried = ['RUSTY_V8_ARCHIVE, RUSTY_V8_MIRROR: not set'];
	const lack = folderLacks(folder, version, target);
	if (lack === undefined) {
		return { kind: 'folder', text: folder, env: { ...chosen, RUSTY_V8_MIRROR: folder }, tried: [...tried, folder] };
	}
	const url = `${RELEASES}/v${version}/`;
	return { kind: 'download', text: url, env: chosen, tried: [...tried, `${folder}: ${lack}`, url] };
}

/**
 * The message for when no place answered.
 * @param {object} failure
 * @param {string[]} failure.tried
 * @param {string} failure.version
 * @param {string} failure.target
 * @returns {string}
 */
export function explain({ tried, version, target }) {
	const { library, binding } = fileNames(target);
	return [
		`No V8 for the addon: it links the static library that belongs to the crate v8 ${version}. Tried:`,
		...tried.map(line => `  - ${line}`),
		'Where GitHub is out of reach, put these two files into a folder and set RUSTY_V8_MIRROR to its path:',
		`  ${library}`,
		`  ${binding}`,
		`(RUSTY_V8_ARCHIVE takes that folder too, or the first file alone.) They are published at ${RELEASES}/v${version}/;`,
		`a folder ../shared/v8 beside the checkout, with a README.md that names v8 ${version}, is found without either.`,
	].join('\n');
}
