'use strict';

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { typeError, withCode } = require('./errors');
const { Handle, MAKE, drop, open, own, pin, unpin } = require('./handle');
const native = require('./native');
const { boolean, COPY, optionsOf, required } = require('./options');
const wire = require('./wire');

const NEW_COPY = 108;
const READ_COPY = 109;
const EXTERNAL_SIZE = 110;
const KIND = 4;

/** Takes a buffer's memory out of this heap, without a copy where the runtime allows it; its number in the addon. */
function detach(buffer) {
	const { byteLength } = buffer;
	const own = native.reclaim(buffer);
	if (own !== undefined) {
		return own;
	}
	const moved = typeof buffer.transfer === 'function' ?
		buffer.transfer() :
		structuredClone(buffer, { transfer: [buffer] });
	if (byteLength > 0 && buffer.byteLength > 0) {
		// Node 20 copies instead of moving what an addon made.
		native.detach(buffer);
	}
	return native.adopt(moved) ?? native.stage(moved, 0, byteLength);
}

wire.hooks.detach = detach;

function transferListOf(value, options) {
	const list = options?.transferList;
	let buffers = [];
	if (list !== undefined && list !== null) {
		if (!Array.isArray(list)) {
			throw typeError('`transferList` must be an array');
		}
		for (const buffer of list) {
			if (!(buffer instanceof ArrayBuffer)) {
				throw typeError('Non-ArrayBuffer passed in `transferList`');
			}
		}
		buffers = list;
	}
	if (options !== undefined && boolean(options, 'transferOut')) {
		const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
		if (buffer instanceof ArrayBuffer) {
			buffers = [...buffers, buffer];
		}
	}
	for (const buffer of buffers) {
		// Node's small Buffers share one pool; taking it away would take others' memory.
		if (buffer === POOL.buffer) {
			throw withCode(new TypeError('A Buffer of Node\'s pool can\'t be transferred; copy it first'), 'ERR_DATA_CLONE');
		}
	}
	return buffers.length === 0 ? undefined : buffers;
}

const POOL = Buffer.from('pool');

function writeCopy(value, transferList) {
	if (transferList === undefined) {
		wire.writeValue(value, COPY);
	} else {
		wire.writeClone(value, transferList);
	}
	return 0;
}

/** A value outside every heap, to be copied into any. */
class ExternalCopy extends Handle {
	constructor(value, options) {
		if (value === MAKE) {
			super(MAKE, options, 'Copy');
			return;
		}
		required(arguments.length, 1, 'ExternalCopy');
		options = optionsOf(options, 'ExternalCopy', 2);
		const transferList = transferListOf(value, options);
		super(MAKE, channel.local(NEW_COPY, 0, 0, writeCopy, value, transferList), 'Copy');
	}

	static get totalExternalSize() {
		return channel.local(EXTERNAL_SIZE, 0);
	}

	copy(options) {
		const id = open(this, 'Copy');
		options = optionsOf(options, 'copy', 1);
		const release = options !== undefined && boolean(options, 'release');
		const transferIn = options !== undefined && boolean(options, 'transferIn');
		const value = channel.local(READ_COPY, id, transferIn ? 1 : 0);
		if (release) {
			this.release();
		}
		return value;
	}

	copyInto(options) {
		open(this, 'Copy');
		options = optionsOf(options, 'copyInto', 1);
		const release = options !== undefined && boolean(options, 'release');
		const transferIn = options !== undefined && boolean(options, 'transferIn');
		return new Copy(MAKE, this, release, transferIn);
	}

	release() {
		open(this, 'Copy');
		channel.release(drop(this));
	}

	[DISPOSE]() {
		if (own(this, 'Copy') >= 0) {
			this.release();
		}
	}
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
			throw new TypeError('`Copy` can\'t be constructed; `copyInto()` makes it');
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

	/** Writes it; with `release` it can be passed once. */
	static write(value) {
		if (value.#used) {
			if (value.#once) {
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

wire.hooks.make[KIND] = id => new ExternalCopy(MAKE, id);

module.exports = { Copy, ExternalCopy };
