'use strict';

/**
 * Random calls over many isolates for a while (test/soak/program.js). `npm run soak` does the same for longer. In CI a minute, elsewhere
 * a slice of that.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { FEW } = require('./helpers');
const { soak } = require('./soak/harness');

const SECONDS = process.env.CI ? 60 : 10;

describe('random calls over many isolates', { concurrency: 2, skip: FEW && 'takes long on a slow V8' }, () => {
	it('neither crash, hang, nor grow', async () => {
		const { faults, rounds } = await soak({ seconds: SECONDS, seed: 20261124 });
		assert.deepEqual(faults, []);
		assert.ok(rounds.at(-1).operations > 100, 'something was done');
	});

	it('neither crash nor hang, with dispose, release and terminate at any point', async () => {
		const { faults, rounds } = await soak({ seconds: SECONDS, seed: 4, mode: 'fuzz' });
		assert.deepEqual(faults, []);
		assert.ok(rounds.at(-1).operations > 100, 'something was done');
	});
});
