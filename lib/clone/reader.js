'use strict';

/**
 * The buffer which is decoded from, and how its bytes are read. They may be
 * hostile: there is no reading on beyond the end of the data.
 */

const { Buffer } = require('node:buffer');

const { DataView, Uint8Array } = globalThis;
const { fromCharCode } = String;

const MALFORMED = 'Unable to deserialize cloned data.';

/** Strings up to this long are made from their codes, as a native call costs more than that; Bun's don't. */
const SHORT_STRING = globalThis.Bun === undefined ? 24 : 1;

/**
 * Where to decode from.
 */
class Reader {
	/** @param {ArrayBuffer} buffer */
	constructor(buffer) {
		// What one run of `decode` needs to remember.
		this._delegate = null;
		this._refs = null;
		this._version = 0;
		this._slack = 0;
		this.setBuffer(buffer);
	}

	/**
	 * Reads from another buffer from now on, from its start to its end.
	 * @param {ArrayBuffer} buffer
	 */
	setBuffer(buffer) {
		/** All of the buffer. @type {Uint8Array} */
		this.u8 = new Uint8Array(buffer);
		/** All of the buffer. @type {DataView} */
		this.view = new DataView(buffer);
		/** Next byte to read. @type {number} */
		this.pos = 0;
		/** Where the data ends. @type {number} */
		this.end = buffer.byteLength;
		this._native = Buffer.from(buffer);
	}
}

function fail(r) {
	throw r._delegate.cloneError(MALFORMED);
}

/** Makes something of which only the engine knows whether the data for it was sound. */
function attempt(r, make) {
	try {
		return make();
	} catch {
		return fail(r);
	}
}

// -- Bytes ------------------------------------------------------------------

function readByte(r) {
	if (r.pos >= r.end) fail(r);
	return r.u8[r.pos++];
}

/** The next byte which isn't padding, without taking it. */
function peekTag(r) {
	const { u8, end } = r;
	let { pos } = r;
	while (pos < end && u8[pos] === 0) ++pos;
	if (pos >= end) fail(r);
	r.pos = pos;
	return u8[pos];
}

function readVarint(r) {
	const { u8, end } = r;
	let { pos } = r;
	let value = 0;
	for (let shift = 0; shift < 35; shift += 7) {
		if (pos >= end) fail(r);
		const byte = u8[pos++];
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			r.pos = pos;
			return value >>> 0;
		}
	}
	return fail(r);
}

/** As above, of 64 bits: what is too long for a number is too long for anything else. */
function readLongVarint(r) {
	let value = 0;
	for (let scale = 1; scale < 2 ** 63; scale *= 0x80) {
		const byte = readByte(r);
		value += (byte & 0x7f) * scale;
		if (byte < 0x80) return value;
	}
	return fail(r);
}

function readDouble(r) {
	const { pos } = r;
	if (r.end - pos < 8) fail(r);
	r.pos = pos + 8;
	return r.view.getFloat64(pos, true);
}

/** Checks and skips a run of bytes; returns where it begins. */
function take(r, length) {
	const { pos } = r;
	if (length > r.end - pos) fail(r);
	r.pos = pos + length;
	return pos;
}

// -- Strings ----------------------------------------------------------------

function readOneByteString(r) {
	const { u8, end } = r;
	let { pos } = r;
	let length = pos < end ? u8[pos] : 0x80;
	if (length < 0x80) r.pos = ++pos;
	else {
		length = readVarint(r);
		({ pos } = r);
	}
	if (length > end - pos) fail(r);
	r.pos = pos + length;
	if (length <= SHORT_STRING) return shortString(u8, pos, length);
	return nativeString(r, 'latin1Slice', pos, length);
}

/** A string made in one go, or two: there is no faster way for so few chars. */
function shortString(u8, i, length) {
	switch (length) {
		case 0: return '';
		case 1: return fromCharCode(u8[i]);
		case 2: return fromCharCode(u8[i], u8[i + 1]);
		case 3: return fromCharCode(u8[i], u8[i + 1], u8[i + 2]);
		case 4: return fromCharCode(u8[i], u8[i + 1], u8[i + 2], u8[i + 3]);
		case 5: return fromCharCode(u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4]);
		case 6: return fromCharCode(u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5]);
		case 7: return fromCharCode(u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5], u8[i + 6]);
		case 8: return fromCharCode(
			u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5], u8[i + 6], u8[i + 7]
		);
		case 9: return fromCharCode(
			u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5], u8[i + 6], u8[i + 7], u8[i + 8]
		);
		case 10: return fromCharCode(
			u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5], u8[i + 6], u8[i + 7], u8[i + 8], u8[i + 9]
		);
		default: return fromCharCode(
			u8[i], u8[i + 1], u8[i + 2], u8[i + 3], u8[i + 4], u8[i + 5], u8[i + 6], u8[i + 7], u8[i + 8], u8[i + 9],
			u8[i + 10]
		) + shortString(u8, i + 11, length - 11);
	}
}

function readTwoByteString(r) {
	const length = readVarint(r);
	if (length & 1) fail(r);
	return nativeString(r, 'ucs2Slice', take(r, length), length);
}

function readUtf8String(r) {
	const length = readVarint(r);
	return nativeString(r, 'utf8Slice', take(r, length), length);
}

function nativeString(r, slice, start, length) {
	try {
		return r._native[slice](start, start + length);
	} catch {
		// Longer than the engine can have it.
		return fail(r);
	}
}

module.exports = {
	Reader, fail, attempt, readByte, peekTag, readVarint, readLongVarint, readDouble, take,
	readOneByteString, readTwoByteString, readUtf8String, shortString
};
