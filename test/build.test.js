'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const {
	existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { PassThrough } = require('node:stream');
const { after, before, beforeEach, describe, it } = require('node:test');
const { platformPackage } = require('../lib/platform-package');

const TARGET = 'x86_64-unknown-linux-gnu';
const VERSION = '152.2.0';
const LIBRARY = `librusty_v8_release_${TARGET}.a.gz`;
const BINDING = `src_binding_release_${TARGET}.rs`;

let archive, builder;
before(async () => {
	archive = await import('../scripts/v8-archive.mjs');
	builder = await import('../scripts/build.mjs');
});

const base = mkdtempSync(join(tmpdir(), 'islet-build-'));
after(() => rmSync(base, { recursive: true }));

let root;
beforeEach(() => root = mkdtempSync(join(base, 'case-')));

/** Makes a folder under `root` with these files. @returns {string} its path */
function folder(name, files) {
	const path = join(root, name);
	mkdirSync(path, { recursive: true });
	Object.entries(files).forEach(([file, text]) => writeFileSync(join(path, file), text));
	return path;
}

const shared = () => join(root, 'shared', 'v8');
const README = `the static library of the crate \`v8\` ${VERSION} (V8 15.2.124.1)`;
const complete = { [LIBRARY]: '', [BINDING]: '' };

const cache = () => join(root, 'cache');
const find = (env = {}, features = []) => archive.findArchive({
	env: { XDG_CACHE_HOME: cache(), ...env }, folder: shared(), version: VERSION, target: TARGET, features, cwd: root,
});

describe('where V8 comes from', () => {
	it('is what RUSTY_V8_MIRROR names, before the folder', () => {
		folder('shared/v8', { ...complete, 'README.md': README });
		const mirror = folder('mirror', complete);
		const { kind, env } = find({ RUSTY_V8_MIRROR: mirror });
		assert.equal(kind, 'environment');
		assert.deepEqual(env, { RUSTY_V8_ARCHIVE: undefined, RUSTY_V8_MIRROR: mirror });
	});

	it('is what RUSTY_V8_ARCHIVE names: a file, or a folder with it', () => {
		const path = folder('files', complete);
		assert.equal(find({ RUSTY_V8_ARCHIVE: path }).env.RUSTY_V8_ARCHIVE, path);
		assert.equal(find({ RUSTY_V8_ARCHIVE: join(path, LIBRARY) }).env.RUSTY_V8_ARCHIVE, join(path, LIBRARY));
	});

	it('may be a mirror with a folder for each release, a template, or a server', () => {
		const mirror = folder('mirror', {});
		folder(`mirror/v${VERSION}`, complete);
		for (const value of [mirror, `${root}/{tag}/{file}`, 'https://mirror.example/v8']) {
			assert.equal(find({ RUSTY_V8_MIRROR: value }).env.RUSTY_V8_MIRROR, value);
		}
	});

	it('takes relative paths of the environment as relative to the current folder', () => {
		const mirror = folder('mirror', complete);
		assert.equal(find({ RUSTY_V8_MIRROR: 'mirror' }).env.RUSTY_V8_MIRROR, mirror);
	});

	it('is the folder beside the checkout when it holds the pinned version', () => {
		folder('shared/v8', { ...complete, 'README.md': README });
		const { kind, env } = find();
		assert.equal(kind, 'folder');
		assert.deepEqual(env, { RUSTY_V8_ARCHIVE: undefined, RUSTY_V8_MIRROR: shared() });
	});

	it('is the cache of scripts/build-v8 after the folder, and before the download', () => {
		const cached = folder(`cache/islet/v8/${VERSION}`, { ...complete, 'README.md': README });
		const { kind, env } = find();
		assert.equal(kind, 'cache');
		assert.deepEqual(env, { RUSTY_V8_ARCHIVE: undefined, RUSTY_V8_MIRROR: cached });
		folder('shared/v8', { ...complete, 'README.md': README });
		assert.equal(find().kind, 'folder');
	});

	it('is not what an interrupted build left in the cache', () => {
		folder(`cache/islet/v8/${VERSION}.part`, { ...complete, 'README.md': README });
		folder(`cache/islet/v8/${VERSION}`, { [LIBRARY]: '' });
		assert.equal(find().kind, 'download');
	});

	it('is another archive for the sandbox and for pointer compression', () => {
		folder('shared/v8', { ...complete, 'README.md': README });
		assert.equal(find({}, ['sandbox']).kind, 'download');
		const { library, binding } = archive.fileNames(TARGET, ['sandbox']);
		assert.deepEqual([library, binding], [
			`librusty_v8_ptrcomp_sandbox_release_${TARGET}.a.gz`, `src_binding_ptrcomp_sandbox_release_${TARGET}.rs`,
		]);
		const cached = folder(`cache/islet/v8/${VERSION}-sandbox`, { [library]: '', [binding]: '', 'README.md': README });
		// The sandbox has pointer compression in it.
		assert.equal(find({}, ['pointer-compression', 'sandbox']).env.RUSTY_V8_MIRROR, cached);
		assert.equal(find({}, ['pointer-compression']).kind, 'download');
	});

	it('takes variables that are set to nothing as not set, and away from cargo', () => {
		const { kind, env } = find({ RUSTY_V8_ARCHIVE: '', RUSTY_V8_MIRROR: '' });
		assert.equal(kind, 'download');
		assert.deepEqual(env, { RUSTY_V8_ARCHIVE: undefined, RUSTY_V8_MIRROR: undefined });
	});

	it('is the download of the crate when the folder lacks something, and says what', () => {
		const lacks = () => {
			const { kind, tried } = find();
			assert.equal(kind, 'download');
			return tried[1];
		};
		assert.match(lacks(), /no such folder/);
		folder('shared/v8', { [LIBRARY]: '', 'README.md': README });
		assert.match(lacks(), new RegExp(`has no ${BINDING}`));
		folder('shared/v8', { ...complete, 'README.md': README.replace(VERSION, '151.0.0') });
		assert.match(lacks(), /holds v8 151\.0\.0/);
		folder('shared/v8', { 'README.md': 'nothing of the kind' });
		assert.match(lacks(), /no README\.md that names the version/);
	});

	it('finds the V8 with assertions by the README one level up', () => {
		folder('shared/v8', { 'README.md': README });
		const checked = folder('shared/v8/checked', complete);
		assert.equal(archive.folderLacks(checked, VERSION, TARGET), undefined);
		assert.match(archive.folderLacks(checked, '153.0.0', TARGET), /holds v8 152\.2\.0/);
	});
});

describe('without an archive', () => {
	/** @returns {string} the message of the failure */
	function failure(env) {
		let message;
		assert.throws(() => find(env), error => {
			({ message } = error);
			return error instanceof archive.NoArchive;
		});
		return message;
	}

	it('a mirror or an archive that is not there ends the build before it begins', () => {
		assert.match(failure({ RUSTY_V8_MIRROR: join(root, 'nowhere') }), /RUSTY_V8_MIRROR=.*nowhere: no librusty/);
		assert.match(failure({ RUSTY_V8_ARCHIVE: join(root, 'nowhere') }), /no such file or folder/);
		assert.match(failure({ RUSTY_V8_ARCHIVE: folder('empty', {}) }), new RegExp(`empty: no ${LIBRARY}`));
	});

	it('a mirror needs only what is not named by a variable of its own', () => {
		const mirror = folder('mirror', { [BINDING]: '' });
		const file = join(folder('files', complete), LIBRARY);
		assert.equal(find({ RUSTY_V8_MIRROR: mirror, RUSTY_V8_ARCHIVE: file }).kind, 'environment');
		assert.match(failure({ RUSTY_V8_MIRROR: mirror }), new RegExp(`no ${LIBRARY}`));
	});

	it('the message says what was tried, which files are needed and where to name them', () => {
		const { tried } = find();
		const text = archive.explain({ tried, version: VERSION, target: TARGET });
		for (const part of [
			...tried, LIBRARY, BINDING, 'RUSTY_V8_MIRROR', 'RUSTY_V8_ARCHIVE', shared(), 'https://github.com/denoland/',
		]) {
			assert.ok(text.includes(part), `${part} in:\n${text}`);
		}
	});
});

describe('an installation without an archive', { skip: process.platform === 'win32' }, () => {
	/** Runs scripts/build.mjs with stand-ins for cargo and the rest, and no network. */
	function install(env) {
		folder('bin', {});
		const host = '#!/bin/sh\necho "release: 1.99.0"; echo "host: x86_64-unknown-linux-gnu"\n';
		writeFileSync(join(root, 'bin', 'cargo'), host, { mode: 0o755 });
		// Nothing is built in a test: what a build would take is not there.
		for (const name of ['sh', 'dirname', 'node']) {
			const path = name === 'node' ? process.execPath : ['/bin', '/usr/bin'].map(place => join(place, name)).find(existsSync);
			symlinkSync(path, join(root, 'bin', name));
		}
		const script = `
			import { main, build } from ${JSON.stringify(`file://${join(__dirname, '../scripts/build.mjs')}`)};
			globalThis.fetch = () => Promise.reject(Object.assign(new Error('no network'), { cause: { code: 'ENOTFOUND' } }));
			await main(() => build({ folder: ${JSON.stringify(join(root, 'nowhere'))} }));
		`;
		return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
			encoding: 'utf8', timeout: 30_000, killSignal: 'SIGKILL', input: '',
			env: { PATH: join(root, 'bin'), XDG_CACHE_HOME: cache(), CARGO_HOME: root, CARGO_TARGET_DIR: root, HOME: root, ...env },
		});
	}

	it('prints the one command that builds it, where nobody can be asked', () => {
		const { status, stderr } = install();
		assert.equal(status, 1, stderr);
		assert.match(stderr, /out of reach \(ENOTFOUND\)[^]*\n {2}scripts\/build-v8\n/);
		assert.doesNotMatch(stderr, /can't be built here/);
	});

	it('asks a person at a terminal, and takes nothing but yes for it', async () => {
		const ask = async (answer, env = {}) => {
			const [stdin, stderr] = [new PassThrough(), new PassThrough()].map(stream => Object.assign(stream, { isTTY: true }));
			let asked = '';
			stderr.on('data', chunk => asked += chunk);
			stdin.end(answer);
			return [await builder.mayBuildV8(env, { stdin, stderr }), asked.includes('Build it here')];
		};
		assert.deepEqual(await ask('y\n'), [true, true]);
		assert.deepEqual(await ask('Yes\n'), [true, true]);
		for (const answer of ['\n', 'n\n', 'yesterday\n', '']) {
			assert.deepEqual(await ask(answer), [false, true], JSON.stringify(answer));
		}
		assert.deepEqual(await ask('y\n', { CI: 'true' }), [false, false]);
		assert.deepEqual(await ask('n\n', { ISLET_BUILD_V8: '1' }), [true, false]);
		assert.deepEqual(await ask('y\n', { ISLET_BUILD_V8: '0' }), [false, false]);
		const piped = [new PassThrough(), new PassThrough()];
		assert.equal(await builder.mayBuildV8({}, { stdin: piped[0], stderr: piped[1] }), false);
	});

	it('runs that command itself with ISLET_BUILD_V8=1', () => {
		const { status, stderr } = install({ ISLET_BUILD_V8: '1' });
		assert.equal(status, 1, stderr);
		assert.match(stderr, /V8 can't be built here yet:[^]*no `apt-get`/);
	});
});

describe('the build', () => {
	it('reads the pinned V8 and the oldest Rust from Cargo.toml', () => {
		const own = archive.readManifest(readFileSync(join(__dirname, '..', 'Cargo.toml'), 'utf8'));
		assert.match(own.v8, /^\d+\.\d+\.\d+$/);
		const text = 'rust-version = "1.91"\n[dependencies]\n# v8 = "=1.1.1"\n';
		assert.deepEqual(archive.readManifest(`${text}v8 = "=152.2.0"\n`), { v8: '152.2.0', rust: '1.91' });
		assert.equal(archive.readManifest(`${text}v8 = { version = "=9.8.7" }\n`).v8, '9.8.7');
		assert.throws(() => archive.readManifest(`${text}v8 = "152"\n`), /no exact version of v8/);
	});

	it('compares versions of Rust by their numbers', () => {
		assert.equal(builder.isOlder('1.90.0', '1.91'), true);
		assert.equal(builder.isOlder('1.9.1', '1.91'), true);
		assert.equal(builder.isOlder('1.91.0', '1.91'), false);
		assert.equal(builder.isOlder('1.100.0-nightly', '1.91.1'), false);
		assert.equal(builder.isOlder('2.0.0', '1.91'), false);
	});

	it('names the files as the crate does on Windows, too', () => {
		assert.deepEqual(archive.fileNames('x86_64-pc-windows-msvc'), {
			library: 'rusty_v8_release_x86_64-pc-windows-msvc.lib.gz',
			binding: 'src_binding_release_x86_64-pc-windows-msvc.rs',
		});
	});

	it('is part of an installation in a checkout, not where the addon came with a package', () => {
		const never = () => false;
		const checkout = folder('checkout', { 'Cargo.toml': '' });
		mkdirSync(join(checkout, 'src'));
		assert.equal(builder.installBuilds(checkout, never), true);
		assert.equal(builder.installBuilds(checkout, name => name === platformPackage()), false);
		assert.equal(builder.installBuilds(folder('package', {}), never), false);
	});
});
