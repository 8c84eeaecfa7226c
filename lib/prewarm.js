'use strict';

const { typeError, withCode } = require('./errors');
const { Isolate, limitAndSnapshotOf } = require('./isolate');
const { optionsOf, required } = require('./options');
const spares = require('./spares');

/** More would be a slip: each takes about a megabyte. */
const MOST = 10_000;

spares.setMake(async ({ limit, snapshot }) => {
	const isolate = spares.without(() => new Isolate({ __proto__: null, memoryLimit: limit, snapshot }));
	try {
		return { isolate, context: await isolate.createContext() };
	} catch (error) {
		isolate.dispose();
		throw error;
	}
});

/** Keeps isolates ready, each with a context, for `new Isolate()` with the same limit and snapshot. */
async function prewarm(options) {
	required(arguments.length, 1, 'prewarm');
	options = optionsOf(options, 'prewarm', 1);
	const count = options?.count;
	if (typeof count !== 'number') {
		throw typeError('`count` must be a number');
	}
	if (!Number.isInteger(count) || count < 0 || count > MOST) {
		throw withCode(new RangeError(`\`count\` must be an integer from 0 to ${MOST}, got ${count}`), 'ERR_OUT_OF_RANGE');
	}
	const { limit, snapshot } = limitAndSnapshotOf(options);
	await spares.keep(limit, snapshot, count);
}

module.exports = { prewarm };
