'use strict';

/**
 * islet does what isolated-vm 7.0.1 was seen to do, or differs as docs/migration.md says.
 * `npm run test:differential` compares with the package itself, and records it anew.
 */

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { FEW, ROOT } = require('./helpers');
const { areas, difference, list, recorded, run } = require('./differential/harness');
const known = require('./differential/known');

const NODE = Number(process.versions.node.split('.')[0]);

const theirs = recorded();
const keys = new Set(areas().flatMap(area => list(area).map(({ key }) => key)));

describe('the recorded programs of isolated-vm', () => {
	it('are those that are here', () => {
		for (const area of areas()) {
			for (const { key, hash } of list(area)) {
				assert.equal(theirs[key]?.hash, hash, `"${key}" changed: node scripts/differential.mjs --record ${area}`);
			}
		}
		assert.deepEqual(Object.keys(theirs).filter(key => !keys.has(key)), []);
	});

	it('differ only where docs/migration.md says so', () => {
		const migration = readFileSync(join(ROOT, 'docs', 'migration.md'), 'utf8');
		for (const [key, { says }] of Object.entries(known.programs)) {
			assert.ok(keys.has(key), `no program "${key}"`);
			assert.ok(migration.includes(says), `docs/migration.md doesn't say: ${says}`);
		}
		for (const { says } of known.texts) {
			assert.ok(migration.includes(says), `docs/migration.md doesn't say: ${says}`);
		}
	});
});

describe('islet does as isolated-vm', { concurrency: 2 }, () => {
	for (const area of areas()) {
		it(area, async t => {
			const ours = await run({
				command: [process.execPath, '--expose-gc'], library: ROOT, deadline: FEW ? 120_000 : 30_000,
			}, area);
			for (const [key, events] of ours) {
				await t.test(key, () => {
					const lines = difference(theirs[key].events, events);
					assert.deepEqual(lines, known.entryOf(key, lines, NODE)?.differs ?? []);
				});
			}
		});
	}
});
