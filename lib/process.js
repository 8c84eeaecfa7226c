'use strict';

/** What concerns all isolates of the process. Not in guests. */

const channel = require('./channel');
const { typeError, withCode } = require('./errors');
const { optionsOf } = require('./options');
const spares = require('./spares');
const wire = require('./wire');

// Operations (src/face/message.rs).
const STATISTICS = 170;
const CONFIGURE = 171;

const MOST = 2 ** 31 - 1;

/** How many isolates, threads, and isolates given up there are. */
function stats() {
	const [isolates, condemnedIsolates, condemnedMemory, threads, maxCondemned] = channel.local(STATISTICS, 0);
	return { isolates, spareIsolates: spares.count(), condemnedIsolates, condemnedMemory, threads, maxCondemned };
}

function writeBound(bound) {
	wire.u32(bound);
	return 0;
}

/** Sets what holds for all isolates of the process. */
function configure(options) {
	options = optionsOf(options, 'configure', 1);
	const bound = options?.maxCondemned;
	if (bound === undefined || bound === null) {
		return;
	}
	if (typeof bound !== 'number' || Number.isNaN(bound)) {
		throw typeError('`maxCondemned` must be a number');
	}
	if (bound < 1) {
		throw withCode(new RangeError(`\`maxCondemned\` must be at least 1, got ${bound}`), 'ERR_OUT_OF_RANGE');
	}
	channel.local(CONFIGURE, 0, 0, writeBound, Math.min(Math.floor(bound), MOST));
}

module.exports = { configure, stats };
