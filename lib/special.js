'use strict';

/**
 * What crosses in a way of its own: `derefInto()`, `copyInto()`, callbacks, functions, the memory of array buffers.
 * Guests have `guest/special.js`.
 */

const { Buffer } = require('node:buffer');
const { isArrayBuffer } = require('node:util').types;
const channel = require('./channel');
const { isCallback, callbackParts } = require('./callback');
const { isDetached, isResizable, uncurry } = require('./clone/inspect');
const { illegalConstructor, released, typeError, withCode } = require('./errors');
const { MAKE, drop, idOf, kindOf, open, pin, unpin } = require('./handle');
const native = require('./native');
const { ELSE_COPY, PROMISE } = require('./options');
const wire = require('./wire');

const APPLY = 9;

/** Takes a buffer's memory out of this heap, without a copy where the runtime allows it; its number in the addon. */
function detach(buffer) {
	const { byteLength } = buffer;
	const own = native.reclaim(buffer);
	if (own !== undefined) {
		return own;
	}
	const moved = transfer === undefined ? structuredClone(buffer, { transfer: [buffer] }) : transferred(buffer);
	if (!isDetached(buffer)) {
		// Node 20 copies instead of moving what an addon made.
		native.detach(buffer);
		if (!isDetached(buffer)) {
			throw notDetachable();
		}
	}
	return native.adopt(moved) ?? native.stage(moved, 0, byteLength);
}

/** Of this realm, whatever the realm of the buffer: the new one is of it. Node 20 has none. */
const transfer = ArrayBuffer.prototype.transfer === undefined ? undefined : uncurry(ArrayBuffer.prototype.transfer);

function transferred(buffer) {
	try {
		return transfer(buffer);
	} catch (error) {
		throw isDetached(buffer) ? error : notDetachable();
	}
}

/** V8's words. */
function notDetachable() {
	return typeError('ArrayBuffer is not detachable and could not be cloned.', 'ERR_DATA_CLONE');
}

wire.hooks.detach = detach;

/** Node's small Buffers share one pool; taking it away would take others' memory. */
const POOL = Buffer.from('pool');

/** Refuses a buffer whose memory others use. */
function checkTransferable(buffer) {
	if (buffer === POOL.buffer) {
		throw withCode(new TypeError('A Buffer of Node\'s pool can\'t be transferred; copy it first'), 'ERR_DATA_CLONE');
	}
}

const PAGE = 65536;

/**
 * Refuses several buffers of which one can't be detached, before the others are: they can't be given back. Of one alone, trying tells
 * ({@link detach}).
 */
function checkTransferables(buffers) {
	for (let i = 0; i < buffers.length; ++i) {
		if (!isDetachable(buffers[i])) {
			throw notDetachable();
		}
	}
}

/**
 * Whether a buffer isn't the memory of a WebAssembly instance. No runtime says so outright. What is tried here fails with any buffer,
 * without an effect, but in different ways.
 */
function isDetachable(buffer) {
	if (isDetached(buffer) || native.isOwn(buffer)) {
		return true;
	}
	if (!isResizable(buffer)) {
		if (buffer.byteLength % PAGE !== 0) {
			return true;
		}
		const message = transferTwice(buffer);
		if (message !== undefined && message === saidTwice()) {
			return true;
		}
		if (transfer === undefined) {
			// Node 20. It takes what another addon made for such memory.
			return false;
		}
	}
	if (transfer === undefined) {
		return true;
	}
	try {
		// To a length that there can't be. V8 looks for room first, with all the garbage collections that it has: hence the last resort.
		transfer(buffer, Number.MAX_SAFE_INTEGER);
	} catch (error) {
		return !(error instanceof TypeError);
	}
	return true;
}

let twice;

/** What Node and Bun say of a buffer that is to be transferred twice, and could be once. */
function saidTwice() {
	twice ??= transferTwice(new ArrayBuffer(1));
	return twice;
}

/** What the runtime says when a buffer is to be transferred twice. Deno isn't asked: it would transfer it. */
function transferTwice(buffer) {
	if (globalThis.Deno !== undefined) {
		return undefined;
	}
	try {
		structuredClone(undefined, { transfer: [buffer, buffer] });
	} catch (error) {
		return error.message;
	}
	return undefined;
}

/** What `copyInto()` gives: arrives as a copy. */
class Copy {
	#owner;
	#id;
	/** Arrived once: from then on the owner itself has to be alive. */
	#used = false;
	#once;
	#transferIn;

	constructor(make, owner, release, transferIn) {
		if (make !== MAKE) {
			throw illegalConstructor('Copy', '`copyInto()`');
		}
		this.#owner = owner;
		this.#id = pin(owner);
		this.#once = release;
		this.#transferIn = transferIn;
		if (release) {
			drop(owner);
		}
	}

	/** Whether `value` is such an object. */
	static is(value) {
		return #owner in value;
	}

	/** Writes it; with `release` or `transferIn` it can be passed once. */
	static write(value) {
		if (value.#used) {
			if (value.#once || value.#transferIn) {
				throw withCode(new Error('The return value of `copyInto()` should only be used once'), 'ERR_RELEASED');
			}
			open(value.#owner, 'Copy');
		}
		wire.u8(wire.COPY_INTO);
		wire.u32(value.#id);
		wire.u8(value.#transferIn ? 1 : 0);
		if (!value.#used) {
			value.#used = true;
			const id = unpin(value.#owner);
			if (id >= 0) {
				queueMicrotask(() => channel.release(id));
			}
		}
	}
}

/** What `derefInto()` gives: arrives as what the reference refers to. */
class Dereference {
	#reference;
	#id;
	/** What it refers to, when that is a value of this environment. */
	#host;
	/** Arrived once: from then on the reference itself has to be alive. */
	#used = false;
	#once;

	constructor(make, reference, release) {
		if (make !== MAKE) {
			throw illegalConstructor('Dereference', '`derefInto()`');
		}
		this.#reference = reference;
		const index = wire.hooks.hostReference(reference);
		this.#host = index === undefined ? undefined : wire.hostValues[index];
		this.#id = this.#host === undefined ? pin(reference) : -1;
		this.#once = release;
		if (release && this.#host === undefined) {
			drop(reference);
		}
	}

	static is(value) {
		return #reference in value;
	}

	static write(value) {
		if (value.#host !== undefined) {
			throw typeError('Cannot dereference this into target isolate', 'ERR_WRONG_ISOLATE');
		}
		value.#check();
		wire.u8(wire.DEREF);
		wire.u32(value.#id);
		if (!value.#used) {
			value.#used = true;
			const id = unpin(value.#reference);
			if (id >= 0) {
				queueMicrotask(() => channel.release(id));
			}
		}
	}

	/** The value itself, for references to this environment that come back to it. */
	static here(value) {
		if (value.#host === undefined) {
			throw typeError('Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
		}
		value.#check();
		value.#used = true;
		return value.#host.value;
	}

	/** Refuses it when it arrived once, and was to, or the reference is gone. */
	#check() {
		if (!this.#used) {
			return;
		}
		if (this.#once) {
			throw withCode(new Error('The return value of `derefInto()` should only be used once'), 'ERR_RELEASED');
		}
		if (this.#host === undefined || wire.hooks.hostReference(this.#reference) === undefined) {
			open(this.#reference, 'Reference');
		}
	}
}

// For the library, not for users.
const { is: isCopy, write: writeCopyInto } = Copy;
const { is: isDereference, write: writeDereference, here: valueHere } = Dereference;
for (const name of ['is', 'write', 'here']) {
	delete Copy[name];
	delete Dereference[name];
}

/** Whether `value` is written in a way of its own. */
function isSpecial(value) {
	return isDereference(value) || isCopy(value) || isCallback(value);
}

wire.hooks.isSpecial = isSpecial;

wire.hooks.special = value => {
	if (isDereference(value)) {
		writeDereference(value);
	} else if (isCopy(value)) {
		writeCopyInto(value);
	} else if (isCallback(value)) {
		const [fn, mode] = callbackParts(value);
		wire.writeFunction(fn, mode);
	} else {
		return false;
	}
	return true;
};

wire.hooks.check = handle => {
	if (idOf(handle) < 0) {
		throw released(kindOf(handle));
	}
};

wire.hooks.makeFunction = (id, mode, name, length) => {
	const call = CALLS[mode];
	const flags = mode === ASYNC ? ELSE_COPY | PROMISE : ELSE_COPY;
	const made = (...values) => call(APPLY, id, flags, 0, 0, writeCall, values);
	Object.defineProperty(made, 'name', { value: name, configurable: true });
	Object.defineProperty(made, 'length', { value: length, configurable: true });
	return made;
};

/** How the function of a guest is called, by its mode (lib/callback.js). */
const CALLS = [channel.callSync, channel.callAsync, channel.callIgnored];
const ASYNC = 1;

function writeCall(values) {
	wire.writeValue(undefined, 0);
	for (let i = 0; i < values.length; ++i) {
		wire.writeValue(values[i], ELSE_COPY);
	}
	return values.length;
}

module.exports = { Copy, Dereference, checkTransferable, checkTransferables, isArrayBuffer, isCopy, isDereference, isSpecial, valueHere };
