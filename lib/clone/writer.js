'use strict';

/**
 * The buffer which is encoded into, and how primitives are written there.
 *
 * All functions which write take the next position to write and return the one
 * after what they wrote: a local number stays in a register, `writer.pos` would not.
 */

const { Buffer } = require('node:buffer');
const { uncurry } = require('./inspect');

const { Array, ArrayBuffer, BigInt, DataView, Map, Uint8Array } = globalThis;
const { ceil, floor, max, min } = Math;
const bigintToString = uncurry(BigInt.prototype.toString);
const exec = uncurry(RegExp.prototype.exec);

/** Strings up to this long are written char by char, as a native call costs more than that. */
const SHORT_STRING = 24;

/** The same for strings of two bytes a char, for which Deno has nothing native. */
const SHORT_WIDE_STRING = globalThis.Deno === undefined ? 24 : Infinity;

/** Up to this many objects, scanning a list finds an identity faster than hashing does. */
const SCANNED_OBJECTS = 32;

/** Finds a code unit beyond Latin-1. V8 answers at once for strings it stores one byte per char. */
const WIDE = /[^\0-\xff]/;

/** A growing buffer to encode into. */
class Writer {
	/** @param {ArrayBuffer} [buffer] where to write first, 64 KiB when not given */
	constructor(buffer = new ArrayBuffer(65536)) {
		/** Next byte to write. @type {number} */
		this.pos = 0;
		/** Told of each new buffer. @type {null | ((buffer: ArrayBuffer) => void)} */
		this.onGrow = null;
		// What one run of `encode` needs to remember. It is kept here so that runs
		// nested in a getter, which have another writer, can't disturb each other.
		this._delegate = null;
		this._start = 0;
		this._inherits = false;
		this._ordinary = null;
		this._count = 0;
		this._scanned = new Array(SCANNED_OBJECTS).fill(undefined);
		this._ids = null;
		this._install(buffer);
	}

	_install(buffer) {
		/** @type {ArrayBuffer} */
		this.buffer = buffer;
		/** All of `buffer`. @type {Uint8Array} */
		this.u8 = new Uint8Array(buffer);
		/** All of `buffer`. @type {DataView} */
		this.view = new DataView(buffer);
		this._native = Buffer.from(buffer);
		this._limit = buffer.byteLength;
	}

	/**
	 * Guarantees `n` free bytes after `pos`, in a larger copy of the buffer when need be.
	 * @param {number} n
	 */
	reserve(n) {
		const needed = this.pos + n;
		if (needed <= this._limit) return;
		const buffer = new ArrayBuffer(max(needed, this._limit * 2));
		new Uint8Array(buffer).set(this.u8.subarray(0, this.pos));
		this._install(buffer);
		if (this.onGrow !== null) this.onGrow(buffer);
	}
}

/** Makes room for `n` bytes at `pos`. */
function grow(w, pos, n) {
	w.pos = pos;
	w.reserve(n);
}

// -- Identity ---------------------------------------------------------------

/** The id of an object met before, or -1 when it is new (and now has the next id). */
function identify(w, object) {
	const count = w._count;
	if (count >= SCANNED_OBJECTS) return identifyByHash(w, object);
	const scanned = w._scanned;
	for (let i = 0; i < count; ++i) {
		if (scanned[i] === object) return i;
	}
	scanned[count] = object;
	w._count = count + 1;
	return -1;
}

function identifyByHash(w, object) {
	let ids = w._ids;
	if (ids === null) {
		ids = w._ids = new Map();
		for (let i = 0; i < SCANNED_OBJECTS; ++i) ids.set(w._scanned[i], i);
	}
	const id = ids.get(object);
	if (id !== undefined) return id;
	ids.set(object, w._count++);
	return -1;
}

/** Takes the newest id back. */
function unidentify(w, object) {
	--w._count;
	if (w._ids !== null) w._ids.delete(object);
}

/** Lets go of the objects. */
function forget(w) {
	const scanned = w._scanned;
	for (let i = 0, n = min(w._count, SCANNED_OBJECTS); i < n; ++i) scanned[i] = undefined;
	w._ids = null;
}

// -- Primitives -------------------------------------------------------------

/** Writes a varint of up to 32 bits; room for its 5 bytes is the caller's affair. */
function putVarint(u8, value, pos) {
	while ((value & ~0x7f) !== 0) {
		u8[pos++] = value | 0x80;
		value >>>= 7;
	}
	u8[pos++] = value;
	return pos;
}

/** As above for up to 53 bits, in up to 8 bytes. */
function putLongVarint(u8, value, pos) {
	while (value > 0x7fffffff) {
		u8[pos++] = (value % 0x80) | 0x80;
		value = floor(value / 0x80);
	}
	return putVarint(u8, value, pos);
}

function writeByte(w, byte, pos) {
	if (pos >= w._limit) grow(w, pos, 1);
	w.u8[pos] = byte;
	return pos + 1;
}

function writeTagged(w, tag, number, pos) {
	if (pos + 6 > w._limit) grow(w, pos, 6);
	w.u8[pos] = tag;
	return putVarint(w.u8, number, pos + 1);
}

function writeDouble(w, tag, value, pos) {
	if (pos + 9 > w._limit) grow(w, pos, 9);
	w.u8[pos] = tag;
	w.view.setFloat64(pos + 1, value, true);
	return pos + 9;
}

function writeNumber(w, value, pos) {
	const integer = value | 0;
	if (integer !== value || (integer === 0 && 1 / value < 0)) return writeDouble(w, 0x4e, value, pos);
	if (pos + 6 > w._limit) grow(w, pos, 6);
	const { u8 } = w;
	const zigzag = (integer << 1) ^ (integer >> 31);
	u8[pos] = 0x49;
	// Unrolled for the lengths which most numbers have.
	if ((zigzag & ~0x7f) === 0) {
		u8[pos + 1] = zigzag;
		return pos + 2;
	}
	if ((zigzag & ~0x3fff) === 0) {
		u8[pos + 1] = zigzag | 0x80;
		u8[pos + 2] = zigzag >>> 7;
		return pos + 3;
	}
	return putVarint(u8, zigzag, pos + 1);
}

function writeString(w, string, pos) {
	const { length } = string;
	if (length > SHORT_STRING) return writeLongString(w, string, pos);
	// Room for the wide case as well.
	if (pos + 2 * SHORT_STRING + 4 > w._limit) grow(w, pos, 2 * SHORT_STRING + 4);
	const { u8, view } = w;
	u8[pos] = 0x22;
	u8[pos + 1] = length;
	let p = pos + 2;
	let all = 0;
	let i = 0;
	for (; i + 4 <= length; i += 4, p += 4) {
		const a = string.charCodeAt(i);
		const b = string.charCodeAt(i + 1);
		const c = string.charCodeAt(i + 2);
		const d = string.charCodeAt(i + 3);
		all |= a | b | c | d;
		view.setInt32(p, a | b << 8 | c << 16 | d << 24, true);
	}
	for (; i < length; ++i, ++p) {
		const code = string.charCodeAt(i);
		all |= code;
		u8[p] = code;
	}
	return all <= 0xff ? p : putWide(w, string, pos);
}

/** Writes a two-byte string, whose chars V8 wants at an even offset of the data. Room is the caller's affair. */
function putWide(w, string, pos) {
	const { u8, view } = w;
	const { length } = string;
	let varint = 1;
	for (let rest = length >>> 6; rest !== 0; rest >>>= 7) ++varint;
	if ((pos - w._start + 1 + varint) & 1) u8[pos++] = 0;
	u8[pos] = 0x63;
	pos = putVarint(u8, 2 * length, pos + 1);
	if (length > SHORT_WIDE_STRING) {
		w._native.ucs2Write(string, pos, 2 * length);
	} else {
		for (let i = 0; i < length; ++i) view.setUint16(pos + 2 * i, string.charCodeAt(i), true);
	}
	return pos + 2 * length;
}

/** Whether a string has chars beyond Latin-1. */
function isWide(string) {
	return exec(WIDE, string) !== null;
}

function writeLongString(w, string, pos) {
	const { length } = string;
	// Three bytes for each char is the most which UTF-8 can take: it is never cut
	// short, and its length tells for certain whether all was ASCII.
	if (pos + 3 * length + 8 > w._limit) grow(w, pos, 3 * length + 8);
	const { u8, _native: native } = w;
	u8[pos] = 0x22;
	const start = putVarint(u8, length, pos + 1);
	if (string.charCodeAt(0) < 0x80 && native.utf8Write(string, start, 3 * length) === length) return start + length;
	if (isWide(string)) return putWide(w, string, pos);
	native.latin1Write(string, start, length);
	return start + length;
}

/** Sign and digits, as both BigInts and BigInt objects have them. */
function writeBigInt(w, tag, value, pos) {
	const sign = value < 0n ? 1 : 0;
	const hex = bigintToString(sign === 1 ? -value : value, 16);
	const words = value === 0n ? 0 : ceil(hex.length / 16);
	if (pos + 6 + 8 * words > w._limit) grow(w, pos, 6 + 8 * words);
	w.u8[pos] = tag;
	pos = putVarint(w.u8, words * 16 + sign, pos + 1);
	for (let word = 0, end = hex.length; word < words; ++word, end -= 16, pos += 8) {
		w.view.setBigUint64(pos, BigInt(`0x${hex.slice(max(0, end - 16), end)}`), true);
	}
	return pos;
}

module.exports = {
	Writer, grow, identify, unidentify, forget, isWide,
	putVarint, putLongVarint, writeByte, writeTagged, writeDouble, writeNumber, writeString, writeBigInt
};
