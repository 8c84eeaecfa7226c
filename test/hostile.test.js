'use strict';

/**
 * A slice of `npm run test:hostile`: some cases of each kind, each through one of the entries.
 */

const assert = require('node:assert/strict');
const { availableParallelism } = require('node:os');
const { describe, it } = require('node:test');
const { FEW } = require('./helpers');
const { ENTRIES, attemptCase, each } = require('./hostile/hostile');
const { KINDS, cases } = require('./hostile/cases');

/** Of every kind, one case in so many. */
const EVERY = FEW ? 40 : 12;

describe('no guest kills, wedges or outgrows its host', { skip: process.env.ISLET_ABORT_FOR_REAL === '1' }, () => {
	for (const [k, kind] of KINDS.entries()) {
		it(`of kind ${kind}`, async () => {
			const chosen = cases.filter(one => one.kind === kind).filter((_, i) => i % EVERY === k % EVERY);
			const fell = [];
			let late = 0;
			const jobs = chosen.map((one, i) => ({ one, entry: ENTRIES[(i + k) % ENTRIES.length] }));
			await each(jobs, availableParallelism(), async ({ one, entry }) => {
				const { why } = await attemptCase(one, entry, { timeout: 300 });
				// How late is the machine's affair; that it ended at all is not.
				const machine = why.filter(text => text.startsWith('late') || text.startsWith('burns'));
				late += machine.length > 0;
				if (machine.length < why.length) {
					fell.push(`${one.id} through ${entry}: ${why.join('; ')}`);
				}
			});
			assert.deepEqual(fell, []);
			assert.ok(late <= Math.ceil(chosen.length / 2), `${late} of ${chosen.length} were late`);
		});
	}

	it('the corpus has a name for every case, and no name twice', () => {
		assert.ok(cases.length >= 220, String(cases.length));
		assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
	});
});
