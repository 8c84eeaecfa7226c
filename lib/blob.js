'use strict';

/**
 * Options that take what the library made of code: cached data and snapshots.
 */

const { typeError } = require('./errors');
const { kindOf } = require('./handle');
const wire = require('./wire');
const { COPY } = require('./options');

const { isView } = ArrayBuffer;
const { call } = Function.prototype;
const getter = (prototype, name) => call.bind(Object.getOwnPropertyDescriptor(prototype, name).get);
const lengthOf = getter(ArrayBuffer.prototype, 'byteLength');
const slice = call.bind(Uint8Array.prototype.slice);
const bufferOf = getter(Object.getPrototypeOf(Uint8Array.prototype), 'buffer');
const Bytes = Uint8Array;

function isArrayBuffer(value) {
	try {
		lengthOf(value);
		return true;
	} catch {
		return false;
	}
}

/**
 * An option that is an `ExternalCopy` of an array buffer, a buffer or a view on one; undefined without it.
 * @returns {object | undefined} An `ExternalCopy` or an `ArrayBuffer`, for {@link writeBlob}.
 */
function blobOf(options, name) {
	const value = options?.[name];
	if (value === undefined || value === null) {
		return undefined;
	}
	if (typeof value !== 'object') {
		throw typeError(`\`${name}\` must be an object`);
	}
	if (kindOf(value) === 'Copy' || isArrayBuffer(value)) {
		return value;
	}
	if (isView(value)) {
		try {
			return bufferOf(slice(new Bytes(value.buffer, value.byteOffset, value.byteLength)));
		} catch {
			throw typeError(`\`${name}\` is a view on a detached ArrayBuffer`);
		}
	}
	throw typeError(`\`${name}\` must be an ExternalCopy to ArrayBuffer`);
}

/** Writes what {@link blobOf} gave. */
function writeBlob(value) {
	wire.writeValue(value, kindOf(value) === undefined ? COPY : 0);
}

module.exports = { blobOf, writeBlob };
