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
/** What is written for options that are not there. */
const UNSET_BOUND = 0;
const UNSET_TIME = 2 ** 32 - 1;

/** How many isolates, threads, and isolates given up there are. */
function stats() {
	const [isolates, condemnedIsolates, condemnedMemory, threads, maxCondemned] = channel.local(STATISTICS, 0);
	return { isolates, spareIsolates: spares.count(), condemnedIsolates, condemnedMemory, threads, maxCondemned };
}

function writeSettings(bound, after) {
	wire.u32(bound);
	wire.u32(after);
	return 0;
}

/** A number of `options`, `least` or more; `otherwise` when it isn't there. */
function numberOf(options, name, least, otherwise) {
	const value = options?.[name];
	if (value === undefined || value === null) {
		return otherwise;
	}
	if (typeof value !== 'number' || Number.isNaN(value)) {
		throw typeError(`\`${name}\` must be a number`);
	}
	if (value < least) {
		throw withCode(new RangeError(`\`${name}\` must be at least ${least}, got ${value}`), 'ERR_OUT_OF_RANGE');
	}
	return Math.min(Math.floor(value), MOST);
}

/** Sets what holds for all isolates of the process. */
function configure(options) {
	options = optionsOf(options, 'configure', 1);
	const bound = numberOf(options, 'maxCondemned', 1, UNSET_BOUND);
	const after = numberOf(options, 'trimAfter', 0, UNSET_TIME);
	// No time at all is never, as is one that never comes.
	channel.local(CONFIGURE, 0, 0, writeSettings, bound, after === MOST ? 0 : after);
}

module.exports = { configure, stats };
