'use strict';

/**
 * Requests of a guest: `src/face/guest/native.rs` is the other end. The same functions as `lib/channel.js` has.
 */

const { abort, begin, call, local, post, send } = require('./native');
const { AWAIT, PROMISE } = require('../options');

/** Writes a request: its parts by `write`, which returns how many of them count as arguments. */
function request(write, a, b, c) {
	begin();
	try {
		return write(a, b, c);
	} catch (error) {
		abort();
		throw error;
	}
}

/** Makes a call and waits for it. */
function callSync(op, target, flags, timeout, other, write, a, b, c) {
	const count = request(write, a, b, c);
	return typeof timeout === 'number' ?
		call(op, target, flags, timeout, other, count) :
		call(op, target, flags, timeout.timeout, other, count, timeout.deadline, timeout.cpuTimeout);
}

/** Makes a call and waits for the promise that it returns. */
function callSyncPromise(op, target, flags, timeout, other, write, a, b, c) {
	return callSync(op, target, flags | PROMISE | AWAIT, timeout, other, write, a, b, c);
}

/** Queues a call; a promise of its value. */
function callAsync(op, target, flags, timeout, other, write, a, b, c) {
	const count = request(write, a, b, c);
	return typeof timeout === 'number' ?
		post(op, target, flags, timeout, other, count) :
		post(op, target, flags, timeout.timeout, other, count, timeout.deadline, timeout.cpuTimeout);
}

/** Queues a call; nobody hears of its outcome. */
function callIgnored(op, target, flags, timeout, other, write, a, b, c) {
	const count = request(write, a, b, c);
	if (typeof timeout === 'number') {
		send(op, target, flags, timeout, other, count);
	} else {
		send(op, target, flags, timeout.timeout, other, count, timeout.deadline, timeout.cpuTimeout);
	}
}

const nothing = () => 0;

module.exports = {
	callAsync, callIgnored, callSync, callSyncPromise, nothing,
	// Its promises reject by themselves.
	callLater: callAsync,
	outcome: value => value,
	/** Does an operation that needs no guest. */
	local(op, target, other = 0, write = nothing, a = undefined, b = undefined) {
		const count = request(write, a, b);
		return local(op, target, 0, 0, other, count);
	},
	/** Nothing is left to do after `drop` (guest/handle.js). */
	release() {},
};
