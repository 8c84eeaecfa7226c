'use strict';

/**
 * Calls over the line: waiting and serving, posting, answering. `src/face/node/calls.rs` is the other end.
 */

const { setImmediate } = require('node:timers');
const { types } = require('node:util');
const { Thrown, withCode } = require('./errors');
const asyncContext = require('./async-context');
const handle = require('./handle');
const { Writer } = require('./clone');
const native = require('./native');
const { COPY, PROMISE } = require('./options');
const wire = require('./wire');
const { HEADER, hooks, reader, scratch, writer } = wire;

const { then } = Promise.prototype;

// Places in the header.
const OP = 0;
const TARGET = 1;
const FLAGS = 2;
const TIMEOUT = 3;
const END = 4;
const COUNT = 5;
const OTHER = 6;
const CALL = 7;
const DEPTH = 8;
const DEADLINE = 9;
const CONTEXT = 10;
const CPU_TIMEOUT = 11;

// What the answer is.
const NOTHING = 0;
const VALUE = 1;
const THROWN = 2;
const HOST_CALL = 3;
const AGAIN = 4;
const GROW = 5;
const REPLIED = 6;
const REJECTED = 7;
const FULFILLED = 8;
const BROKEN = 9;
const RELEASED = 10;

/** Operations (src/face/message.rs). */
const COPY_VALUE = 10;
const RELEASE = 102;

// A guest waits for the answer; somebody wants it at all; nobody does, but an error is this environment's own.
const WAITED_FOR = 1;
const ANSWERED = 2;
const REPORTED = 4;

// --- requests ----------------------------------------------------------------------------------

/** Whether a request is being written: a getter of the user's may call the library meanwhile. */
let writing = false;
/** How many requests are half-written, under the one that is at work. */
let suspended = 0;

/**
 * Puts a half-written request aside, with all of the scratch: what writes it is still on the stack.
 * @returns {object} For {@link resume}.
 */
function suspend() {
	++suspended;
	const outer = { writer: { ...writer }, owed: wire.owe() };
	Object.assign(writer, new Writer(), { onGrow: writer.onGrow });
	writer.onGrow(writer.buffer);
	writing = false;
	return outer;
}

/**
 * Writes a request. Every operation goes through here: `write` fills the payload from the values given and returns
 * how many of them the guest counts as arguments. What it throws is thrown.
 * @returns {object | null} A request that was being written when this one began: for {@link resume}.
 */
function request(op, target, flags, timeout, other, write, a, b, c) {
	const outer = writing ? suspend() : null;
	writing = true;
	wire.owe();
	writer.pos = HEADER;
	let count;
	try {
		count = write(a, b, c);
	} catch (error) {
		writing = false;
		wire.takeBack(0);
		resume(outer);
		throw error;
	}
	writing = false;
	const { head } = scratch;
	head[OP] = op;
	head[TARGET] = target;
	head[FLAGS] = flags;
	if (typeof timeout === 'number') {
		head[TIMEOUT] = timeout;
		head[DEADLINE] = 0;
		head[CPU_TIMEOUT] = 0;
	} else {
		// See `limitsOf`.
		head[TIMEOUT] = timeout.timeout;
		head[DEADLINE] = timeout.deadline;
		head[CPU_TIMEOUT] = timeout.cpuTimeout;
	}
	head[END] = writer.pos;
	head[COUNT] = count;
	head[OTHER] = other;
	return outer;
}

/** Goes on with a request whose writing another one interrupted. */
function resume(outer) {
	if (outer !== null) {
		--suspended;
		Object.assign(writer, outer.writer);
		writer.onGrow(writer.buffer);
		wire.owe(outer.owed);
		writing = true;
	}
}

/** The caller's context, for what the guest calls later: its place among the host values, and one; 0 for none. */
function keepContext() {
	const context = asyncContext.capture();
	return context === undefined ? 0 : wire.keepHostValue(context) + 1;
}

// --- sync calls --------------------------------------------------------------------------------

/** How many calls of this thread wait. */
let depth = 0;

/** Makes a call and waits for it. Arguments as of {@link request}. */
function callSync(op, target, flags, timeout, other, write, a, b, c) {
	const outer = request(op, target, flags, timeout, other, write, a, b, c);
	const own = depth++;
	try {
		scratch.head[DEPTH] = own;
		scratch.head[CONTEXT] = wire.hasDeferred() ? keepContext() : 0;
		native.call();
		for (;;) {
			switch (scratch.head[OP]) {
				case VALUE:
					return read();
				case THROWN:
					throw readThrown().materialize();
				case HOST_CALL:
					serve();
					break;
				case GROW:
					grow();
					continue;
				default:
			}
			scratch.head[DEPTH] = own;
			native.resume();
		}
	} finally {
		depth = own;
		resume(outer);
	}
}

function read() {
	reader.pos = HEADER;
	reader.end = scratch.head[END];
	return wire.readValue();
}

/** Reads what was thrown. What can't be read here (memory that can't be shared, say) is an error of its own. */
function readThrown() {
	reader.pos = HEADER;
	reader.end = scratch.head[END];
	try {
		return wire.readThrown();
	} catch (error) {
		return new Thrown(error);
	}
}

/** Makes room for an answer that did not fit. */
function grow() {
	writer.pos = HEADER;
	writer.reserve(scratch.head[END] - HEADER);
	native.sendAgain();
}

/** Runs the host function that is called, and writes what it gives as the answer. */
function serve() {
	const { exit, run } = readCall();
	let value;
	let threw = false;
	try {
		value = run();
		if (!(exit & PROMISE)) {
			disown(value);
		}
	} catch (error) {
		value = error;
		threw = true;
	}
	writeAnswer(value, threw, exit);
}

/** A promise that a sync or ignored function gave can't be passed on: if it rejects, that is nobody's to handle. */
function disown(value) {
	if (types.isPromise(value)) {
		then.call(value, undefined, () => {});
	}
}

/** Reads a call of a host function. Arguments that can't be read (too deep for this stack, say) are thrown by `run`. */
function readCall() {
	const { head } = scratch;
	const flags = head[FLAGS];
	const token = head[CALL];
	const index = head[TARGET];
	const op = head[OTHER] & 0xff;
	// How the result leaves.
	const exit = op === COPY_VALUE ? COPY : head[OTHER] >> 8;
	const values = new Array(head[COUNT]);
	reader.pos = HEADER;
	reader.end = head[END];
	try {
		for (let i = 0; i < values.length; ++i) {
			values[i] = wire.readValue();
		}
	} catch (error) {
		return {
			exit, flags, token, run() {
				throw error;
			},
		};
	}
	return { exit, flags, token, run: () => hooks.serve(index, op, exit, values) };
}

/** Writes a value, or what was thrown, as the answer to somebody else's call. */
function writeOutcome(value, threw, flags) {
	if (!threw) {
		try {
			wire.writeValue(value, flags);
			return VALUE;
		} catch (error) {
			value = error;
			wire.takeBack(0);
			writer.pos = HEADER;
		}
	}
	wire.writeThrown(value);
	return THROWN;
}

/** Writes the answer to a call of a host function. */
function writeAnswer(value, threw, exit) {
	writing = true;
	wire.owe();
	writer.pos = HEADER;
	const op = writeOutcome(value, threw, exit);
	writing = false;
	scratch.head[END] = writer.pos;
	scratch.head[OP] = op;
}

// --- async calls -------------------------------------------------------------------------------

/** Resolvers of async calls, by their number; there is no call 0. */
const calls = [undefined];
/** Numbers that are free again. */
const freeCalls = [];

/** Queues a call; a promise of its value, or of a {@link Thrown}: for {@link outcome}. */
function callLater(op, target, flags, timeout, other, write, a, b, c) {
	const outer = request(op, target, flags, timeout, other, write, a, b, c);
	const id = freeCalls.length > 0 ? freeCalls.pop() : calls.length;
	scratch.head[CALL] = id;
	scratch.head[CONTEXT] = keepContext();
	native.post();
	let promise;
	if (scratch.head[OP] === THROWN) {
		promise = Promise.resolve(readThrown());
		return_(id);
	} else {
		promise = new Promise(done => {
			calls[id] = done;
		});
	}
	resume(outer);
	return promise;
}

/** What came of {@link callLater}: thrown in the async function that awaits it, so that the stack tells who awaits that. */
function outcome(value) {
	if (value instanceof Thrown) {
		throw value.materialize();
	}
	return value;
}

/** Queues a call and waits for it. Arguments as of {@link request}. */
async function callAsync(op, target, flags, timeout, other, write, a, b, c) {
	return outcome(await callLater(op, target, flags, timeout, other, write, a, b, c));
}

/** Queues a call; nobody hears of its outcome. An isolate that has ended is no error here. */
function callIgnored(op, target, flags, timeout, other, write, a, b, c) {
	const outer = request(op, target, flags, timeout, other, write, a, b, c);
	scratch.head[CALL] = 0;
	scratch.head[CONTEXT] = keepContext();
	native.post();
	const thrown = scratch.head[OP] === THROWN ? readThrown() : undefined;
	resume(outer);
	const error = thrown?.materialize();
	if (error !== undefined && error.code !== 'ERR_ISOLATE_DISPOSED') {
		throw error;
	}
}

/** For guests: a thread that waits for a promise of its own would wait for ever. */
function callSyncPromise() {
	throw withCode(new Error('This function may not be called from the default thread'), 'ERR_WRONG_THREAD');
}

// --- promises ----------------------------------------------------------------------------------

/** Promises made for promises of guests, by their number: `{ resolve, reject }`. */
const arriving = new Map();

hooks.promise = id => new Promise((resolve, reject) => arriving.set(id, { resolve, reject }));

let nextFollowed = 1;

/** Follows a value as a promise: the guest's promise settles as it does. */
hooks.follow = (value, flags) => {
	const id = nextFollowed++;
	const settle = (outcome, threw) => {
		let op = VALUE;
		request(0, 0, 0, 0, 0, () => {
			op = writeOutcome(outcome, threw, flags);
			return 0;
		});
		scratch.head[OP] = op;
		scratch.head[CALL] = id;
		native.settle();
	};
	then.call(Promise.resolve(value), outcome => settle(outcome, false), error => settle(error, true));
	return id;
};

// --- event loop --------------------------------------------------------------------------------

/** Messages handled in one turn of the event loop before others get theirs. */
const TURN = 4096;

/**
 * Handles what is in the inbox: called by the addon on the event loop. Goes on in the next turn of the loop, until one finds nothing:
 * only then guests have to wake it again. A second wake-up right away would come before timers and everything else.
 */
function turn() {
	let handled = 0;
	try {
		while (handled < TURN && next()) {
			++handled;
		}
		if (handled === 0) {
			releaseUnreachable();
			native.rest();
		}
	} catch (error) {
		++handled;
		throw error;
	} finally {
		if (handled > 0 || scratch.head[OP] === AGAIN) {
			setImmediate(turn);
		}
	}
}

/** Handles the next message; false when there is none. */
function next() {
	native.poll();
	while (scratch.head[OP] === GROW) {
		grow();
	}
	const { head } = scratch;
	const id = head[CALL];
	switch (head[OP]) {
		case NOTHING:
			return false;
		case REPLIED:
			return_(id, readSafely());
			break;
		case REJECTED:
			return_(id, readThrown());
			break;
		case FULFILLED: {
			const promise = arriving.get(id);
			arriving.delete(id);
			const value = readSafely();
			if (value instanceof Thrown) {
				promise?.reject(value.materialize());
			} else {
				promise?.resolve(value);
			}
			break;
		}
		case BROKEN: {
			const promise = arriving.get(id);
			arriving.delete(id);
			promise?.reject(readThrown().materialize());
			break;
		}
		case HOST_CALL:
			serveFromLoop();
			break;
		case RELEASED:
			wire.releaseHostValue(head[TARGET]);
			break;
		default:
	}
	return true;
}

/** Reads a value; what can't be read (too deep for this stack, say) concerns only the one who waits for it. */
function readSafely() {
	try {
		return read();
	} catch (error) {
		return new Thrown(error);
	}
}

function return_(id, value) {
	const resolve = calls[id];
	calls[id] = undefined;
	freeCalls.push(id);
	resolve?.(value);
}

/** A guest that this thread doesn't wait for calls a function of it. */
function serveFromLoop() {
	const context = scratch.head[CONTEXT];
	const { exit, flags, token, run } = readCall();
	const reply = (value, threw) => {
		writeAnswer(value, threw, exit);
		scratch.head[CALL] = token;
		native.reply();
	};
	let value;
	let follow;
	try {
		value = context === 0 ? run() : asyncContext.within(wire.hostValues[context - 1].value, run);
		if (!(flags & ANSWERED) || flags & WAITED_FOR) {
			if (!(exit & PROMISE)) {
				disown(value);
			}
			value = flags & ANSWERED ? value : undefined;
		} else if (typeof value?.then === 'function') {
			follow = Promise.resolve(value);
		}
	} catch (error) {
		reply(error, true);
		if (flags & REPORTED) {
			queueMicrotask(() => {
				throw error;
			});
		}
		return;
	}
	if (follow === undefined) {
		reply(value, false);
	} else {
		then.call(follow, settled => reply(settled, false), error => reply(error, true));
	}
}

/** Lets go of handles whose objects were collected. */
function releaseUnreachable() {
	const { unreachable } = handle;
	for (let id = unreachable.pop(); id !== undefined; id = unreachable.pop()) {
		release(id);
	}
}

/** Lets go of a handle. While a request is being written, later: it may name the handle. */
function release(id) {
	if (id < 0) {
		return;
	}
	if (writing || suspended > 0) {
		handle.unreachable.push(id);
		releaseSoon();
	} else {
		local(RELEASE, id);
	}
}

function releaseSoon() {
	setImmediate(releaseUnreachable).unref?.();
}

const nothing = () => 0;

/** Does an operation that needs no guest. `write` fills the payload and returns the operation's number argument. */
function local(op, target, other = 0, write = nothing, a = undefined, b = undefined) {
	const outer = request(op, target, 0, 0, other, write, a, b);
	try {
		native.local();
		while (scratch.head[OP] === GROW) {
			grow();
		}
		if (scratch.head[OP] === THROWN) {
			throw readThrown().materialize();
		}
		return read();
	} finally {
		resume(outer);
	}
}

native.start(writer.buffer, turn);
handle.setOnUnreachable(releaseSoon);

module.exports = { callAsync, callIgnored, callLater, callSync, callSyncPromise, local, nothing, outcome, release };
