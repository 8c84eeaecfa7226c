'use strict';

/** THIRD_PARTY.md, which is shipped: nothing that is linked in is missing. */

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { before, describe, it } = require('node:test');
const { ROOT } = require('./helpers');

const read = name => readFileSync(join(ROOT, name), 'utf8');
const metadata = () => {
	const { status, stdout } = spawnSync('cargo', ['metadata', '--offline', '--locked', '--format-version', '1'],
		{ cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });
	return status === 0 ? JSON.parse(stdout) : undefined;
};

describe('THIRD_PARTY.md', () => {
	let notices;
	before(async () => {
		notices = await import('../scripts/notices.mjs');
	});

	it('names every package of Cargo.lock at its version', () => {
		const text = read('THIRD_PARTY.md');
		const locked = [...read('Cargo.lock').matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)].filter(([, name]) => name !== 'islet');
		assert.ok(locked.length > 50);
		const missing = locked.map(([, name, version]) => `- ${name} ${version} (`).filter(line => !text.includes(`\n${line}`));
		assert.deepEqual(missing, []);
	});

	it('says what is linked in with the text of its licence', () => {
		const text = read('THIRD_PARTY.md');
		for (const { name, licence } of notices.PARTS) {
			assert.match(text, new RegExp(`^### ${name.replace(/[()+.]/g, '\\$&')}\n\n${licence}`, 'm'));
		}
		for (const part of ['UNICODE LICENSE V3', 'Copyright 2014, the V8 project authors', 'Apache License\n', 'LLVM Exceptions',
			'Copyright 2021 The simdutf authors', 'Chinese/Japanese Word Break Dictionary Data']) {
			assert.ok(text.includes(part), part);
		}
	});

	it('knows every part of the sources of V8: as linked in, or as not', context => {
		const found = metadata()?.packages.find(({ name }) => name === 'v8');
		if (!found) {
			context.skip('cargo has not fetched the crate v8');
			return;
		}
		const known = [...notices.PARTS.flatMap(({ folders }) => folders), ...notices.NOT_LINKED];
		const parts = ['third_party', 'v8/third_party'].flatMap(folder =>
			readdirSync(join(found.manifest_path, '..', folder)).map(name => `${folder}/${name}`));
		assert.deepEqual(parts.filter(part => !known.includes(part)), []);
		assert.deepEqual(known.filter(part => !parts.includes(part)), [], 'no longer there');
	});

	it('is what scripts/notices.mjs writes', context => {
		if (!metadata()?.packages.every(({ manifest_path: manifest }) => existsSync(manifest))) {
			context.skip('cargo has not fetched the crates');
			return;
		}
		assert.equal(read('THIRD_PARTY.md'), notices.notices());
	});
});
