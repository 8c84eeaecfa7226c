'use strict';

/**
 * The reading half of V8's structured-clone wire format (versions 13 to 16), in
 * plain JavaScript. The data may come from a hostile guest: each length, id and
 * offset is checked, nothing is allocated which the data can't justify, and no
 * key means anything but an own data property.
 */

const { Buffer } = require('node:buffer');
const { isArrayBuffer, isSharedArrayBuffer } = require('node:util').types;
const { uncurry, getter } = require('./inspect');
const {
	Reader, fail, attempt, readByte, peekTag, readVarint, readLongVarint, readDouble, take,
	readOneByteString, readTwoByteString, readUtf8String, shortString
} = require('./reader');

// What is used at run time is captured now, so that a program which patches a
// builtin later changes neither what is read nor what is called.
const { Array, ArrayBuffer, BigInt, DataView, Date, Error, Map, Object, RegExp, Set, Uint8Array } = globalThis;
const { defineProperty, keys: ownKeys } = Object;
const { imul } = Math;
const ObjectPrototype = Object.prototype;
const { hasOwnProperty } = ObjectPrototype;
const mapSet = uncurry(Map.prototype.set);
const setAdd = uncurry(Set.prototype.add);
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const bufferResizable = getter(ArrayBuffer.prototype, 'resizable');
const sharedLength = getter(SharedArrayBuffer.prototype, 'byteLength');
const sharedGrowable = getter(SharedArrayBuffer.prototype, 'growable');
const toImmutable = ArrayBuffer.prototype.transferToImmutable === undefined
	? (buffer) => buffer
	: uncurry(ArrayBuffer.prototype.transferToImmutable);

const UNSUPPORTED = 'Unable to deserialize cloned data due to invalid or unsupported version.';
const OLDEST_VERSION = 13;
const LATEST_VERSION = 16;

const REGEXP_FLAGS = ['g', 'i', 'm', 'y', 'u', 's', null, 'd', 'v'];

/** The constructors of errors other than plain ones. */
const ERRORS = {
	__proto__: null,
	0x45: EvalError, 0x52: RangeError, 0x46: ReferenceError, 0x53: SyntaxError, 0x54: TypeError, 0x55: URIError
};

const VIEWS = {
	__proto__: null,
	0x62: Int8Array, 0x42: Uint8Array, 0x43: Uint8ClampedArray, 0x77: Int16Array, 0x57: Uint16Array,
	0x64: Int32Array, 0x44: Uint32Array, 0x68: globalThis.Float16Array, 0x66: Float32Array, 0x46: Float64Array,
	0x71: BigInt64Array, 0x51: BigUint64Array, 0x3f: DataView
};

/**
 * What `decode` asks of its caller. An object which is not there is `undefined`.
 * @typedef {object} DecodeDelegate
 * @property {(index: number) => object | undefined} hostObject
 * @property {(index: number) => SharedArrayBuffer | undefined} sharedArrayBuffer
 * @property {(index: number) => ArrayBuffer | undefined} transferred
 * @property {(message: string) => Error} cloneError makes the error to throw
 */

/**
 * Reads the header and one value from `reader.pos`, and leaves `pos` after it.
 *
 * @param {Reader} reader
 * @param {DecodeDelegate} delegate
 * @returns {unknown}
 */
function decode(reader, delegate) {
	if (reader._delegate !== null) throw new Error('The reader is in use.');
	reader._delegate = delegate;
	reader._refs = [];
	try {
		if (reader.end > reader.u8.length) fail(reader);
		const version = readByte(reader) === 0xff ? readVarint(reader) : 0;
		if (version < OLDEST_VERSION || version > LATEST_VERSION) throw delegate.cloneError(UNSUPPORTED);
		reader._version = version;
		// Each element of a dense array takes at least a byte.
		reader._slack = 0x10000 + (reader.end - reader.pos);
		return readValue(reader, 0);
	} finally {
		reader._delegate = null;
		reader._refs = null;
	}
}

// -- Values -----------------------------------------------------------------

/**
 * Reads a value.
 * @param {Reader} r
 * @param {number} hint the slot whose child is expected to be the first key, if the value is an object
 */
function readValue(r, hint) {
	const { u8, end } = r;
	let { pos } = r;
	let tag = 0;
	do {
		if (pos >= end) fail(r);
		tag = u8[pos++];
	} while (tag === 0);
	r.pos = pos;
	switch (tag) {
		case 0x22: return readOneByteString(r);
		case 0x49: {
			let zigzag = pos < end ? u8[pos] : 0xff;
			if (zigzag < 0x80) r.pos = pos + 1;
			else zigzag = readVarint(r);
			return (zigzag >>> 1) ^ -(zigzag & 1);
		}
		case 0x6f: return readObject(r, hint);
		case 0x41: return readDenseArray(r, hint);
		case 0x5f: return undefined;
		case 0x30: return null;
		case 0x54: return true;
		case 0x46: return false;
		case 0x4e: return readDouble(r);
		case 0x63: return readTwoByteString(r);
		case 0x61: return readSparseArray(r, hint);
		default: return readRareValue(r, tag, hint);
	}
}

function readRareValue(r, tag, hint) {
	switch (tag) {
		case 0x5e: return readReference(r);
		case 0x55: return readVarint(r);
		case 0x5a: return readBigInt(r);
		case 0x53: return readUtf8String(r);
		case 0x44: return keep(r, new Date(readDouble(r)));
		case 0x79: return keep(r, Object(true));
		case 0x78: return keep(r, Object(false));
		case 0x6e: return keep(r, Object(readDouble(r)));
		case 0x7a: return keep(r, Object(readBigInt(r)));
		case 0x73: return keep(r, Object(readString(r)));
		case 0x52: return readRegExp(r);
		case 0x3b: return readMap(r, hint);
		case 0x27: return readSet(r, hint);
		case 0x72: return readError(r);
		case 0x42: case 0x43: case 0x7e: return readView(r, readBuffer(r, tag));
		case 0x74: return readView(r, keepIf(r, isArrayBuffer, r._delegate.transferred(readVarint(r))));
		case 0x75: return readView(r, keepIf(r, isSharedArrayBuffer, r._delegate.sharedArrayBuffer(readVarint(r))));
		case 0x5c: return keepIf(r, isObject, r._delegate.hostObject(readVarint(r)));
		case 0x3f:
			// A count of objects, which is of no use.
			readVarint(r);
			return readValue(r, hint);
		default: return fail(r);
	}
}

function isObject(value) {
	return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

/** Gives an object the next id. */
function keep(r, object) {
	r._refs.push(object);
	return object;
}

function keepIf(r, check, object) {
	return check(object) ? keep(r, object) : fail(r);
}

function readReference(r) {
	const id = readVarint(r);
	const refs = r._refs;
	const object = id < refs.length ? refs[id] : undefined;
	if (object === undefined) fail(r);
	if (r.pos < r.end && (r.u8[r.pos] === 0x56 || r.u8[r.pos] === 0) &&
		(isArrayBuffer(object) || isSharedArrayBuffer(object))) return readView(r, object);
	return object;
}

// -- Objects ----------------------------------------------------------------

/**
 * Known keys, so that a key read a second time is neither made nor interned
 * again. A slot holds the bytes of a key and, as objects tend to be alike, the
 * slots of the key which last followed it and of the first key in its value:
 * mostly a comparison of bytes with the expected slot is all there is to do.
 * Slots are overwritten on collision, hence bounded, and a stale expectation is
 * merely a wrong guess.
 */
const KEY_SLOTS = 2048;
const KEY_WORDS = 8;
const KEY_SIZE = 4 * KEY_WORDS - 2;
const keyStrings = new Array(KEY_SLOTS).fill('');
/** Tag, length and chars of a key, padded with zeros, to be compared four bytes at a time. */
const keyWords = new Int32Array(KEY_SLOTS * KEY_WORDS);
const keySizes = new Uint8Array(KEY_SLOTS).fill(2);
const keyIsPlain = new Uint8Array(KEY_SLOTS);
const keyNext = new Uint16Array(KEY_SLOTS);
const keyChild = new Uint16Array(KEY_SLOTS);

function readObject(r, hint) {
	const object = {};
	r._refs.push(object);
	const { u8, view, end } = r;
	let expected = keyChild[hint];
	let previous = -1;
	let count = 0;
	for (;; ++count) {
		const { pos } = r;
		if (pos + 2 > end) fail(r);
		const tag = u8[pos];
		if (tag === 0x22 && u8[pos + 1] <= KEY_SIZE) {
			let slot = expected;
			if (!isKeyAt(view, pos, end, slot)) {
				slot = findKey(r, pos);
				if (previous === -1) keyChild[hint] = slot;
				else keyNext[previous] = slot;
			}
			// Taken before the value is read, which may put another key in this slot.
			const key = keyStrings[slot];
			const isPlain = keyIsPlain[slot];
			expected = keyNext[slot];
			previous = slot;
			r.pos = pos + keySizes[slot];
			const value = readValue(r, slot);
			if (isPlain === 1) object[key] = value;
			else setProperty(r, object, key, value);
		} else if (tag === 0x7b) {
			r.pos = pos + 1;
			break;
		} else if (peekTag(r) === 0x7b) {
			++r.pos;
			break;
		} else {
			const key = readValue(r, 0);
			setProperty(r, object, key, readValue(r, 0));
		}
	}
	if (readVarint(r) !== count) fail(r);
	return object;
}

/** Whether the key at `pos` is that in `slot`. */
function isKeyAt(view, pos, end, slot) {
	let left = keySizes[slot];
	// At least a value and the end of the object follow, so that whole words can be read.
	if (pos + left + 3 > end) return false;
	let word = slot * KEY_WORDS;
	for (; left >= 4; left -= 4, pos += 4) {
		if (view.getInt32(pos, true) !== keyWords[word++]) return false;
	}
	return left === 0 || (view.getInt32(pos, true) ^ keyWords[word]) << (32 - 8 * left) === 0;
}

/** The slot of a key which was not the expected one; makes it when it isn't known. */
function findKey(r, pos) {
	const { u8, view, end } = r;
	const length = u8[pos + 1];
	if (pos + 2 + length + 3 > end) fail(r);
	let hash = length;
	for (let i = 0; i < length; ++i) hash = imul(hash ^ u8[pos + 2 + i], 0x01000193);
	const slot = (hash ^ (hash >>> 15)) & (KEY_SLOTS - 1);
	if (isKeyAt(view, pos, end, slot)) return slot;
	const string = shortString(u8, pos + 2, length);
	// Names of properties are interned, which makes the engine's work easier.
	keyStrings[slot] = ownKeys({ __proto__: null, [string]: 0 })[0];
	keySizes[slot] = length + 2;
	keyIsPlain[slot] = string in ObjectPrototype || isDigit(string.charCodeAt(0)) ? 0 : 1;
	const bytes = new Uint8Array(4 * KEY_WORDS);
	bytes.set(u8.subarray(pos, pos + 2 + length));
	const words = new DataView(bytes.buffer);
	for (let i = 0; i < KEY_WORDS; ++i) keyWords[slot * KEY_WORDS + i] = words.getInt32(4 * i, true);
	return slot;
}

function isDigit(code) {
	return code >= 0x30 && code <= 0x39;
}

/** Defines a property whatever its key: `__proto__` and setters up there have no say. */
function setProperty(r, object, key, value) {
	const index = typeof key === 'number' ? key : indexOf(r, key);
	if (index >>> 0 !== index || index === 0xffffffff) define(object, key, value);
	// An engine makes room for all the elements up to one which isn't extremely far off.
	else if (index < 64 || index > 100000 || hasOwnProperty.call(object, index - 1) || affords(r, index)) {
		object[index] = value;
	} else defineSparsely(object, index, value);
}

/** The array index which a string is, or -1. */
function indexOf(r, key) {
	if (typeof key !== 'string') fail(r);
	return isDigit(key.charCodeAt(0)) && `${+key >>> 0}` === key ? +key : -1;
}

function define(object, key, value) {
	defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

/** Defines an element in a way which makes engines store the elements in a dictionary. */
function defineSparsely(object, index, value) {
	defineProperty(object, index, { __proto__: null, value, writable: false, enumerable: true, configurable: true });
	defineProperty(object, index, { __proto__: null, writable: true });
}

/**
 * Whether to make room for `count` elements of which the data merely says that
 * there are. Honest data always can, but for very sparse elements.
 */
function affords(r, count) {
	if (count > r._slack) return false;
	r._slack -= count;
	return true;
}

// -- Arrays -----------------------------------------------------------------

function readDenseArray(r, hint) {
	const length = readVarint(r);
	const { u8, end } = r;
	if (length > end - r.pos) fail(r);
	const array = length < 0x100000 && affords(r, length) ? new Array(length) : [];
	r._refs.push(array);
	for (let i = 0; i < length; ++i) {
		if ((u8[r.pos] === 0x2d || u8[r.pos] === 0) && peekTag(r) === 0x2d) ++r.pos;
		else array[i] = readValue(r, hint);
	}
	if (array.length !== length) array.length = length;
	return readArrayProperties(r, array, length, 0x24, 0);
}

function readSparseArray(r, hint) {
	const length = readVarint(r);
	const array = keep(r, []);
	readArrayProperties(r, array, length, 0x40, hint);
	const missing = length - array.length;
	if (missing > 0) {
		// The largest length makes engines store the elements in a dictionary.
		if (missing > 64 && !affords(r, missing)) array.length = 0xffffffff;
		array.length = length;
	}
	return array;
}

function readArrayProperties(r, array, length, close, hint) {
	let count = 0;
	for (; peekTag(r) !== close; ++count) {
		const key = readValue(r, 0);
		const value = readValue(r, hint);
		if (key === array.length) array[key] = value;
		else if (typeof key !== 'number' && typeof key !== 'string') fail(r);
		// No property comes twice, `length` being one already.
		else if (hasOwnProperty.call(array, key)) fail(r);
		else setProperty(r, array, key, value);
	}
	++r.pos;
	if (readVarint(r) !== count || readVarint(r) !== length) fail(r);
	return array;
}

// -- Builtins ---------------------------------------------------------------

function readBigInt(r) {
	const bits = readVarint(r);
	const length = bits >>> 1;
	if (bits === 1) fail(r);
	const start = take(r, length);
	let magnitude = 0n;
	if (length === 8) {
		magnitude = r.view.getBigUint64(start, true);
	} else if (length !== 0) {
		const digits = Buffer.from(r._native.subarray(start, start + length)).reverse();
		magnitude = attempt(r, () => BigInt(`0x${digits.toString('hex')}`));
	}
	return bits & 1 ? -magnitude : magnitude;
}

/** A value which must be a string. */
function readString(r) {
	const value = readValue(r, 0);
	return typeof value === 'string' ? value : fail(r);
}

function readMap(r, hint) {
	const map = keep(r, new Map());
	let count = 0;
	for (; peekTag(r) !== 0x3a; count += 2) {
		const key = readValue(r, 0);
		mapSet(map, key, readValue(r, hint));
	}
	++r.pos;
	return readVarint(r) === count ? map : fail(r);
}

function readSet(r, hint) {
	const set = keep(r, new Set());
	let count = 0;
	for (; peekTag(r) !== 0x2c; ++count) setAdd(set, readValue(r, hint));
	++r.pos;
	return readVarint(r) === count ? set : fail(r);
}

function readRegExp(r) {
	const source = readString(r);
	const bits = readVarint(r);
	let flags = '';
	for (let i = 0; bits >>> i !== 0; ++i) {
		if (bits & (1 << i)) flags += REGEXP_FLAGS[i] ?? fail(r);
	}
	return keep(r, attempt(r, () => new RegExp(source, flags)));
}

function readError(r) {
	const id = r._refs.push(undefined) - 1;
	let tag = readByte(r);
	let Type = ERRORS[tag];
	if (Type === undefined) Type = Error;
	else tag = readByte(r);
	let message;
	let stack;
	let error;
	for (; tag !== 0x2e; tag = readByte(r)) {
		if (tag === 0x6d && error === undefined) {
			message = readString(r);
		} else if (tag === 0x73) {
			stack = readString(r);
		} else if (tag === 0x63 && error === undefined) {
			// The cause may lead back to the error, which therefore must be there by now.
			error = r._refs[id] = makeError(Type, message);
			defineProperty(error, 'cause', {
				__proto__: null, value: readValue(r, 0), writable: true, enumerable: false, configurable: true
			});
		} else fail(r);
	}
	error ??= r._refs[id] = makeError(Type, message);
	// Even when there is none: that of this place would be of no interest.
	error.stack = stack;
	return error;
}

function makeError(Type, message) {
	return message === undefined ? new Type() : new Type(message);
}

function readBuffer(r, tag) {
	const length = readLongVarint(r);
	const max = tag === 0x7e ? readLongVarint(r) : length;
	const start = take(r, length);
	const buffer = attempt(r, () => (
		tag === 0x7e ? new ArrayBuffer(length, { maxByteLength: max }) : new ArrayBuffer(length)
	));
	new Uint8Array(buffer).set(r.u8.subarray(start, start + length));
	return keep(r, tag === 0x43 ? toImmutable(buffer) : buffer);
}

/** The view of which `buffer` turns out to be the beginning, or else `buffer`. */
function readView(r, buffer) {
	const { u8, end } = r;
	let { pos } = r;
	while (pos < end && u8[pos] === 0) ++pos;
	if (pos >= end || u8[pos] !== 0x56) return buffer;
	r.pos = pos + 1;
	const View = VIEWS[readByte(r)];
	const offset = readLongVarint(r);
	const length = readLongVarint(r);
	const flags = r._version >= 14 ? readVarint(r) : 0;
	const follows = (flags & 1) !== 0;
	const ofResizable = (flags & 2) !== 0;
	const shared = isSharedArrayBuffer(buffer);
	const total = shared ? sharedLength(buffer) : bufferLength(buffer);
	if (View === undefined || offset > total || length > total - offset) fail(r);
	if (ofResizable !== (!shared && bufferResizable(buffer) === true)) fail(r);
	if (follows && !ofResizable && !(shared && sharedGrowable(buffer) === true)) fail(r);
	const size = View.BYTES_PER_ELEMENT ?? 1;
	if (offset % size !== 0 || length % size !== 0) fail(r);
	return keep(r, attempt(r, () => (
		follows ? new View(buffer, offset) : new View(buffer, offset, length / size)
	)));
}

module.exports = { Reader, decode };
