'use strict';

/**
 * The writing half of V8's structured-clone wire format (version 15), in plain
 * JavaScript. The authority on the format is `value-serializer.cc` in V8; where
 * a choice below looks odd (an order, a skipped property, an id), V8 makes it.
 */

const { Buffer } = require('node:buffer');
const { types } = require('node:util');
const {
	uncurry, getter, isOrdinary, isUncloneable, isDetached, bufferOf, inspectView, describe
} = require('./inspect');
const {
	Writer, grow, identify, unidentify, forget, isWide,
	putVarint, putLongVarint, writeByte, writeTagged, writeDouble, writeNumber, writeString, writeBigInt
} = require('./writer');

// What is used at run time is captured now, so that a program which patches a
// builtin later changes neither what is written nor what is called.
const { isProxy, isArgumentsObject, isModuleNamespaceObject } = types;
const { Uint8Array } = globalThis;
const { getPrototypeOf, getOwnPropertyDescriptor, keys: ownKeys, values: ownValues } = Object;
const { isArray } = Array;
const { isView } = ArrayBuffer;
const ObjectPrototype = Object.prototype;
const { hasOwnProperty } = ObjectPrototype;

const mapForEach = uncurry(Map.prototype.forEach);
const setForEach = uncurry(Set.prototype.forEach);
const dateValue = uncurry(Date.prototype.getTime);
const booleanValue = uncurry(Boolean.prototype.valueOf);
const numberValue = uncurry(Number.prototype.valueOf);
const bigintValue = uncurry(BigInt.prototype.valueOf);
const stringValue = uncurry(String.prototype.valueOf);
const regexpSource = getter(RegExp.prototype, 'source');
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const bufferMaxLength = getter(ArrayBuffer.prototype, 'maxByteLength');
const bufferResizable = getter(ArrayBuffer.prototype, 'resizable');
const bufferImmutable = getter(ArrayBuffer.prototype, 'immutable');

const HEADER_VERSION = 15;

const IS_V8 = globalThis.Bun === undefined;

/** For each bit of a RegExp's flags, the getter which tells whether it is set. */
const REGEXP_FLAGS = [
	'global', 'ignoreCase', 'multiline', 'sticky', 'unicode', 'dotAll', 'linear', 'hasIndices', 'unicodeSets'
].map((key) => getter(RegExp.prototype, key));

const ERROR_TAGS = {
	__proto__: null,
	EvalError: 0x45, RangeError: 0x52, ReferenceError: 0x46, SyntaxError: 0x53, TypeError: 0x54, URIError: 0x55
};

/**
 * What `encode` asks of its caller.
 * @typedef {object} EncodeDelegate
 * @property {(object: object) => number} hostObjectIndex index of a handle of the library, or -1
 * @property {(fn: Function) => number} functionIndex index of a function which may pass, or -1
 * @property {(buffer: SharedArrayBuffer) => number} sharedArrayBufferIndex index of the buffer, or -1 to refuse it
 * @property {(buffer: ArrayBuffer) => number} transferredIndex index in the transfer list, or -1
 * @property {(message: string) => Error} cloneError makes the error to throw
 */

/**
 * Appends the header and `value` at `writer.pos`. When that throws, because
 * something can't be cloned or because a getter did, `pos` is where it was.
 *
 * @param {Writer} writer
 * @param {unknown} value
 * @param {EncodeDelegate} delegate
 */
function encode(writer, value, delegate) {
	if (writer._delegate !== null) throw new Error('The writer is in use.');
	let { pos } = writer;
	writer._delegate = delegate;
	writer._start = pos;
	writer._inherits = inheritsProperties();
	writer._count = 0;
	writer._ids = null;
	writer._ordinary = null;
	try {
		if (pos + 2 > writer._limit) grow(writer, pos, 2);
		writer.u8[pos] = 0xff;
		writer.u8[pos + 1] = HEADER_VERSION;
		pos = writeValue(writer, value, pos + 2);
	} finally {
		// A throw leaves `pos` at the start.
		writer.pos = pos;
		writer._delegate = null;
		forget(writer);
	}
}

const EMPTY = {};

/** Whether someone gave all objects an enumerable property. */
function inheritsProperties() {
	for (const key in EMPTY) return key !== undefined;
	return false;
}

function refuse(w, value) {
	throw w._delegate.cloneError(`${describe(value)} could not be cloned.`);
}

function refuseDetached(w) {
	throw w._delegate.cloneError('An ArrayBuffer is detached and could not be cloned.');
}

// -- Values -----------------------------------------------------------------

function writeValue(w, value, pos) {
	if (typeof value === 'string') return writeString(w, value, pos);
	if (typeof value === 'number') return writeNumber(w, value, pos);
	if (typeof value === 'object' && value !== null) return writeObject(w, value, pos);
	if (value === undefined) return writeByte(w, 0x5f, pos);
	if (value === null) return writeByte(w, 0x30, pos);
	if (value === true) return writeByte(w, 0x54, pos);
	if (value === false) return writeByte(w, 0x46, pos);
	if (typeof value === 'bigint') return writeBigInt(w, 0x5a, value, pos);
	if (typeof value === 'function') return writeFunction(w, value, pos);
	return refuse(w, value);
}

function writeFunction(w, fn, pos) {
	const id = identify(w, fn);
	if (id !== -1) return writeTagged(w, 0x5e, id, pos);
	const index = isProxy(fn) ? -1 : w._delegate.functionIndex(fn);
	if (index < 0) refuse(w, fn);
	return writeTagged(w, 0x5c, index, pos);
}

function writeObject(w, object, pos) {
	const id = identify(w, object);
	if (id !== -1) return writeTagged(w, 0x5e, id, pos);
	// First of all, since each of the questions below would run a proxy's traps.
	if (isProxy(object)) refuse(w, object);
	if (isArray(object)) return writeArray(w, object, pos);
	const prototype = getPrototypeOf(object);
	if (prototype === ObjectPrototype) {
		return w._inherits ? writeOwnProperties(w, object, pos) : writeProperties(w, object, pos);
	}
	if (prototype === null) {
		if (isModuleNamespaceObject(object)) refuse(w, object);
		return writeProperties(w, object, pos);
	}
	return writeInstance(w, object, prototype, pos);
}

/** Writes an object which has no inherited properties. */
function writeProperties(w, object, pos) {
	pos = writeByte(w, 0x6f, pos);
	let count = 0;
	let slot = 0;
	// Skips, as V8 does, keys which a getter added as well as those it deleted.
	for (const key in object) {
		if (count === 0 && key === '0' && isArgumentsObject(object)) refuse(w, object);
		const value = object[key];
		let next = keyNext[slot];
		if (keyStrings[next] !== key) next = keyNext[slot] = findKey(key);
		slot = next;
		pos = writeValue(w, value, slot === 0 ? writeKey(w, key, pos) : writeKnownKey(w, slot, pos));
		++count;
	}
	if (count === 0 && isArgumentsObject(object)) refuse(w, object);
	return writeTagged(w, 0x7b, count, pos);
}

/** Writes an object which may have inherited properties. */
function writeOwnProperties(w, object, pos) {
	pos = writeByte(w, 0x6f, pos);
	let count = 0;
	let slot = 0;
	const keys = ownKeys(object);
	for (let i = 0; i < keys.length; ++i) {
		const key = keys[i];
		if (!hasOwnProperty.call(object, key)) continue;
		const value = object[key];
		let next = keyNext[slot];
		if (keyStrings[next] !== key) next = keyNext[slot] = findKey(key);
		slot = next;
		pos = writeValue(w, value, slot === 0 ? writeKey(w, key, pos) : writeKnownKey(w, slot, pos));
		++count;
	}
	return writeTagged(w, 0x7b, count, pos);
}

/** Writes a key as V8 has it: array indices are numbers. */
function writeKey(w, key, pos) {
	return isIndex(key) ? writeNumber(w, +key, pos) : writeString(w, key, pos);
}

function isIndex(key) {
	const first = key.charCodeAt(0);
	if (!(first >= 0x30 && first <= 0x39)) return false;
	const index = +key >>> 0;
	return index !== 0xffffffff && `${index}` === key;
}

/**
 * Known keys, ready to be copied four bytes at a time. As objects tend to be
 * alike, each has the slot of the one which last came after it: mostly, the
 * comparison of two interned strings is all it takes to find a key. Slot 0
 * stands for the start of an object and for keys which can't be had so.
 */
const KEY_SLOTS = 2048;
const KEY_WORDS = 8;
const keySlots = new Map();
const keyStrings = new Array(KEY_SLOTS).fill('');
const keySizes = new Uint8Array(KEY_SLOTS);
const keyWords = new Int32Array(KEY_SLOTS * KEY_WORDS);
const keyNext = new Uint16Array(KEY_SLOTS);
const keyBytes = new Uint8Array(4 * KEY_WORDS);
const keyView = new DataView(keyBytes.buffer);

function findKey(key) {
	const known = keySlots.get(key);
	if (known !== undefined) return known;
	const { length } = key;
	if (length === 0 || length > keyBytes.length - 2 || isIndex(key) || isWide(key)) return 0;
	// Starting again bounds the memory; what slots said of each other is merely a guess.
	if (keySlots.size === KEY_SLOTS - 1) keySlots.clear();
	const slot = keySlots.size + 1;
	keyBytes[0] = 0x22;
	keyBytes[1] = length;
	for (let i = 0; i < length; ++i) keyBytes[i + 2] = key.charCodeAt(i);
	for (let i = 0; i < KEY_WORDS; ++i) keyWords[slot * KEY_WORDS + i] = keyView.getInt32(4 * i, true);
	keySizes[slot] = length + 2;
	keyStrings[slot] = key;
	keySlots.set(key, slot);
	return slot;
}

function writeKnownKey(w, slot, pos) {
	if (pos + 4 * KEY_WORDS > w._limit) grow(w, pos, 4 * KEY_WORDS);
	const { view } = w;
	const end = pos + keySizes[slot];
	for (let word = slot * KEY_WORDS; pos < end; pos += 4) view.setInt32(pos, keyWords[word++], true);
	return end;
}

// -- Arrays -----------------------------------------------------------------

function writeArray(w, array, pos) {
	const { length } = array;
	for (let i = 0; i < length; ++i) {
		if (!(i in array)) return writeSparseArray(w, array, length, pos);
	}
	pos = writeTagged(w, 0x41, length, pos);
	for (let i = 0; i < length; ++i) {
		const value = array[i];
		// Only a getter of an earlier element can have made a hole by now.
		pos = value === undefined && !hasOwnProperty.call(array, i)
			? writeByte(w, 0x2d, pos)
			: writeValue(w, value, pos);
	}
	let count = 0;
	if (hasNamedProperties(array, length)) {
		const keys = ownKeys(array);
		for (let i = 0; i < keys.length; ++i) {
			const key = keys[i];
			if (isIndex(key) || !hasOwnProperty.call(array, key)) continue;
			const value = array[key];
			pos = writeValue(w, value, writeString(w, key, pos));
			++count;
		}
	}
	return writeArrayEnd(w, 0x24, count, length, pos);
}

function writeSparseArray(w, array, length, pos) {
	pos = writeTagged(w, 0x61, length, pos);
	let count = 0;
	const keys = ownKeys(array);
	for (let i = 0; i < keys.length; ++i) {
		const key = keys[i];
		if (!hasOwnProperty.call(array, key)) continue;
		const value = array[key];
		pos = writeValue(w, value, writeKey(w, key, pos));
		++count;
	}
	return writeArrayEnd(w, 0x40, count, length, pos);
}

function writeArrayEnd(w, tag, count, length, pos) {
	if (pos + 11 > w._limit) grow(w, pos, 11);
	w.u8[pos] = tag;
	return putVarint(w.u8, length, putVarint(w.u8, count, pos + 1));
}

/**
 * Whether an array without holes may have more than its elements. No engine
 * makes this cheap to know; which way is the least expensive differs. Should a
 * getter be among many elements, it is called once more here.
 */
function hasNamedProperties(array, length) {
	if (length > 0 && length <= 8) return ownKeys(array).length !== length;
	if (length > 0 && IS_V8) return ownValues(array).length !== length;
	let count = 0;
	for (const _key in array) ++count;
	return count !== length;
}

// -- Instances of classes and builtins --------------------------------------

function writeInstance(w, object, prototype, pos) {
	if (prototype === w._ordinary || isOrdinary(prototype)) {
		w._ordinary = prototype;
	} else {
		if (isView(object)) return writeView(w, object, pos);
		if (types.isMap(object)) return writeMap(w, object, pos);
		if (types.isSet(object)) return writeSet(w, object, pos);
		if (types.isDate(object)) return writeDouble(w, 0x44, dateValue(object), pos);
		if (types.isNativeError(object)) return writeError(w, object, pos);
		if (types.isArrayBuffer(object)) return writeBuffer(w, object, pos);
		if (types.isSharedArrayBuffer(object)) return writeSharedBuffer(w, object, pos);
		if (types.isRegExp(object)) return writeRegExp(w, object, pos);
		if (types.isBoxedPrimitive(object)) return writeBoxed(w, object, pos);
		if (isUncloneable(object)) refuse(w, object);
	}
	const index = w._delegate.hostObjectIndex(object);
	if (index >= 0) return writeTagged(w, 0x5c, index, pos);
	if (object === globalThis) refuse(w, object);
	return writeOwnProperties(w, object, pos);
}

function writeMap(w, map, pos) {
	// Copied first, since getters could change it.
	const entries = [];
	mapForEach(map, (value, key) => entries.push(key, value));
	return writeEntries(w, 0x3b, entries, 0x3a, pos);
}

function writeSet(w, set, pos) {
	const entries = [];
	setForEach(set, (value) => entries.push(value));
	return writeEntries(w, 0x27, entries, 0x2c, pos);
}

function writeEntries(w, open, entries, close, pos) {
	pos = writeByte(w, open, pos);
	for (let i = 0; i < entries.length; ++i) pos = writeValue(w, entries[i], pos);
	return writeTagged(w, close, entries.length, pos);
}

function writeRegExp(w, regexp, pos) {
	let flags = 0;
	for (let bit = 0; bit < REGEXP_FLAGS.length; ++bit) {
		if (REGEXP_FLAGS[bit](regexp)) flags |= 1 << bit;
	}
	pos = writeString(w, regexpSource(regexp), writeByte(w, 0x52, pos));
	if (pos + 2 > w._limit) grow(w, pos, 2);
	return putVarint(w.u8, flags, pos);
}

function writeBoxed(w, object, pos) {
	if (types.isBooleanObject(object)) return writeByte(w, booleanValue(object) ? 0x79 : 0x78, pos);
	if (types.isNumberObject(object)) return writeDouble(w, 0x6e, numberValue(object), pos);
	if (types.isBigIntObject(object)) return writeBigInt(w, 0x7a, bigintValue(object), pos);
	if (types.isStringObject(object)) return writeString(w, stringValue(object), writeByte(w, 0x73, pos));
	return refuse(w, object);
}

function writeError(w, error, pos) {
	const message = getOwnPropertyDescriptor(error, 'message');
	const cause = getOwnPropertyDescriptor(error, 'cause');
	pos = writeByte(w, 0x72, pos);
	const tag = ERROR_TAGS[`${error.name}`];
	if (tag !== undefined) pos = writeByte(w, tag, pos);
	if (message !== undefined && hasOwnProperty.call(message, 'value')) {
		const text = `${message.value}`;
		pos = writeString(w, text, writeByte(w, 0x6d, pos));
	}
	const { stack } = error;
	if (typeof stack === 'string') pos = writeString(w, stack, writeByte(w, 0x73, pos));
	// Last, since it may lead back to the error, which a reader must have made by then.
	if (cause !== undefined && hasOwnProperty.call(cause, 'value')) {
		pos = writeValue(w, cause.value, writeByte(w, 0x63, pos));
	}
	return writeByte(w, 0x2e, pos);
}

function writeBuffer(w, buffer, pos) {
	const index = w._delegate.transferredIndex(buffer);
	if (index >= 0) return writeTagged(w, 0x74, index, pos);
	if (isDetached(buffer)) refuseDetached(w);
	const length = bufferLength(buffer);
	if (length > 0xffffffff) refuse(w, buffer);
	if (pos + 14 + length > w._limit) grow(w, pos, 14 + length);
	const { u8 } = w;
	if (bufferResizable(buffer)) {
		u8[pos] = 0x7e;
		pos = putLongVarint(u8, bufferMaxLength(buffer), putVarint(u8, length, pos + 1));
	} else {
		u8[pos] = bufferImmutable(buffer) ? 0x43 : 0x42;
		pos = putVarint(u8, length, pos + 1);
	}
	u8.set(new Uint8Array(buffer), pos);
	return pos + length;
}

function writeSharedBuffer(w, buffer, pos) {
	const index = w._delegate.sharedArrayBufferIndex(buffer);
	if (index < 0) refuse(w, buffer);
	return writeTagged(w, 0x75, index, pos);
}

/**
 * What is written for a view: itself, but a copy for a Node `Buffer` that is part of a larger one. Such buffers share
 * a pool with others of the process, whose bytes are nobody else's business; structured clone would take the whole pool.
 */
function ownView(view) {
	return Buffer.isBuffer(view) && view.byteLength !== view.buffer.byteLength ? new Uint8Array(view) : view;
}

function writeView(w, original, pos) {
	// Its buffer comes first, in the data as in the order of ids.
	unidentify(w, original);
	const view = ownView(original);
	const buffer = bufferOf(view);
	const shared = types.isSharedArrayBuffer(buffer);
	const id = identify(w, buffer);
	if (id !== -1) pos = writeTagged(w, 0x5e, id, pos);
	else pos = shared ? writeSharedBuffer(w, buffer, pos) : writeBuffer(w, buffer, pos);
	identify(w, original);
	if (!shared && isDetached(buffer)) refuseDetached(w);
	const found = inspectView(view, buffer, shared);
	if (found === undefined) refuse(w, view);
	if (pos + 23 > w._limit) grow(w, pos, 23);
	const { u8 } = w;
	u8[pos] = 0x56;
	u8[pos + 1] = found.tag;
	pos = putLongVarint(u8, found.offset, pos + 2);
	pos = putLongVarint(u8, found.length, pos);
	return putVarint(u8, found.flags, pos);
}

module.exports = { Writer, encode };
