'use strict';

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { typeError } = require('./errors');
const { Handle, MAKE, drop, open, own } = require('./handle');
const { boolean, COPY, optionsOf, required } = require('./options');
const { Copy, checkTransferable, checkTransferables, isArrayBuffer } = require('./special');
const wire = require('./wire');

const { isArray } = Array;
const { isView } = ArrayBuffer;
const { defineProperty } = Object;

const NEW_COPY = 108;
const READ_COPY = 109;
const EXTERNAL_SIZE = 110;
const KIND = 4;

function transferListOf(value, options) {
	const list = options?.transferList;
	const buffers = [];
	const add = buffer => {
		checkTransferable(buffer);
		defineProperty(buffers, buffers.length, { __proto__: null, value: buffer, enumerable: true, writable: true, configurable: true });
	};
	if (list !== undefined && list !== null) {
		if (!isArray(list)) {
			throw typeError('`transferList` must be an array');
		}
		for (let i = 0; i < list.length; ++i) {
			if (!isArrayBuffer(list[i])) {
				throw typeError('Non-ArrayBuffer passed in `transferList`');
			}
			add(list[i]);
		}
	}
	if (options !== undefined && boolean(options, 'transferOut')) {
		const buffer = isView(value) ? value.buffer : value;
		if (isArrayBuffer(buffer)) {
			add(buffer);
		}
	}
	if (buffers.length > 1) {
		checkTransferables(buffers);
	}
	return buffers.length === 0 ? undefined : buffers;
}

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
		options = optionsOf(options, 'copy', 1);
		const release = options !== undefined && boolean(options, 'release');
		const transferIn = options !== undefined && boolean(options, 'transferIn');
		const value = channel.local(READ_COPY, open(this, 'Copy'), transferIn ? 1 : 0);
		if (release) {
			channel.release(drop(this));
		}
		return value;
	}

	copyInto(options) {
		options = optionsOf(options, 'copyInto', 1);
		const release = options !== undefined && boolean(options, 'release');
		const transferIn = options !== undefined && boolean(options, 'transferIn');
		open(this, 'Copy');
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

wire.hooks.make[KIND] = id => new ExternalCopy(MAKE, id);

module.exports = { ExternalCopy };
