'use strict';

const assert = require('node:assert/strict');
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
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

const find = (env = {}) =>
	archive.findArchive({ env, folder: shared(), version: VERSION, target: TARGET, cwd: root });

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
