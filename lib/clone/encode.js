'use strict';

/**
 * The writing half of V8's structured-clone wire format (version 15), in plain
 * JavaScript. The authority on the format is `value-serializer.cc` in V8; where
 * a choice below looks odd (an order, a skipped property, an id), V8 makes it.
 *
 * Inner functions take the next position to write and return the one after what
 * they wrote: a local number stays in a register, `writer.pos` would not.
 */

const { Buffer } = require('node:buffer');
const { types } = require('node:util');

// What is used at run time is captured now, so that a program which patches a
// builtin later changes neither what is written nor what is called.
const { isProxy, isArgumentsObject, isModuleNamespaceObject } = types;
const { getPrototypeOf, getOwnPropertyDescriptor, keys: ownKeys, values: ownValues } = Object;
const { isArray } = Array;
const { isView } = ArrayBuffer;
const ObjectPrototype = Object.prototype;
const { hasOwnProperty } = ObjectPrototype;
const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype);

const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const getter = (prototype, key) => {
	const descriptor = getOwnPropertyDescriptor(prototype, key);
	return descriptor === undefined ? () => undefined : uncurry(descriptor.get);
};

const mapForEach = uncurry(Map.prototype.forEach);
const setForEach = uncurry(Set.prototype.forEach);
const dateValue = uncurry(Date.prototype.getTime);
const booleanValue = uncurry(Boolean.prototype.valueOf);
const numberValue = uncurry(Number.prototype.valueOf);
const bigintValue = uncurry(BigInt.prototype.valueOf);
const stringValue = uncurry(String.prototype.valueOf);
const bigintToString = uncurry(BigInt.prototype.toString);
const functionToString = uncurry(Function.prototype.toString);
const exec = uncurry(RegExp.prototype.exec);
const regexpSource = getter(RegExp.prototype, 'source');
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const bufferMaxLength = getter(ArrayBuffer.prototype, 'maxByteLength');
const bufferResizable = getter(ArrayBuffer.prototype, 'resizable');
const bufferDetached = getter(ArrayBuffer.prototype, 'detached');
const bufferImmutable = getter(ArrayBuffer.prototype, 'immutable');
const bufferResize = uncurry(ArrayBuffer.prototype.resize ?? (() => {}));
const sharedLength = getter(SharedArrayBuffer.prototype, 'byteLength');
const sharedGrowable = getter(SharedArrayBuffer.prototype, 'growable');
const arrayName = getter(TypedArrayPrototype, Symbol.toStringTag);
const arrayBuffer = getter(TypedArrayPrototype, 'buffer');
const arrayOffset = getter(TypedArrayPrototype, 'byteOffset');
const arrayLength = getter(TypedArrayPrototype, 'byteLength');
const arrayKeys = uncurry(TypedArrayPrototype.keys);
const viewBuffer = getter(DataView.prototype, 'buffer');
const viewOffset = getter(DataView.prototype, 'byteOffset');
const viewLength = getter(DataView.prototype, 'byteLength');

const HEADER_VERSION = 15;

/** Strings up to this long are written char by char; a native call costs more than that. */
const SHORT_STRING = 24;

/** Up to this many objects, scanning a list finds an identity faster than hashing does. */
const SCANNED_OBJECTS = 32;

/** Finds a code unit beyond Latin-1. V8 answers at once for strings it stores one byte per char. */
const WIDE = /[^\0-\xff]/;

/** The bits of a RegExp's flags, each with the getter which tells whether it is set. */
const REGEXP_FLAGS = [
	'global', 'ignoreCase', 'multiline', 'sticky', 'unicode', 'dotAll', null, 'hasIndices', 'unicodeSets'
].map((key, bit) => ({ bit: 1 << bit, isSet: key === null ? () => false : getter(RegExp.prototype, key) }));

const ERROR_TAGS = {
	__proto__: null,
	EvalError: 0x45, RangeError: 0x52, ReferenceError: 0x46, SyntaxError: 0x53, TypeError: 0x54, URIError: 0x55
};

/** Tag and element size of each kind of view; a DataView has no name of its own. */
const VIEWS = {
	__proto__: null,
	Int8Array: [0x62, 1], Uint8Array: [0x42, 1], Uint8ClampedArray: [0x43, 1], Int16Array: [0x77, 2],
	Uint16Array: [0x57, 2], Int32Array: [0x64, 4], Uint32Array: [0x44, 4], Float16Array: [0x68, 2],
	Float32Array: [0x66, 4], Float64Array: [0x46, 8], BigInt64Array: [0x71, 8], BigUint64Array: [0x51, 8]
};
const DATA_VIEW = [0x3f, 1];

/**
 * Prototypes of builtins which V8 can't clone and for which there is no brand
 * check: whatever inherits from one of them is refused.
 */
const OPAQUE = new Set();
/** Prototypes in whose presence an object must be looked at closely. */
const BUILTIN = new Set([
	Map, Set, Date, RegExp, Error, ArrayBuffer, SharedArrayBuffer, DataView, Boolean, Number, String, Symbol,
	BigInt, Promise, WeakMap, WeakSet
].map((constructor) => constructor.prototype));
BUILTIN.add(TypedArrayPrototype);

for (const namespace of [Intl, globalThis.WebAssembly, globalThis.Temporal, {
	WeakRef,
	FinalizationRegistry,
	DisposableStack: globalThis.DisposableStack,
	AsyncDisposableStack: globalThis.AsyncDisposableStack
}]) {
	for (const name of namespace === undefined ? [] : Object.getOwnPropertyNames(namespace)) {
		const prototype = typeof namespace[name] === 'function' ? namespace[name].prototype : undefined;
		// WebAssembly's errors are errors, which can be cloned.
		if (typeof prototype === 'object' && !(prototype instanceof Error)) OPAQUE.add(prototype);
	}
}
for (const iterator of [[].keys(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), ''.matchAll(/x/g)]) {
	OPAQUE.add(getPrototypeOf(iterator));
}
for (const generator of [function* () {}, async function* () {}]) {
	OPAQUE.add(getPrototypeOf(generator.prototype));
}
const helper = [].keys().map?.(() => {});
if (helper !== undefined) OPAQUE.add(getPrototypeOf(helper));
for (const prototype of OPAQUE) BUILTIN.add(prototype);

/**
 * A growing buffer to encode into.
 */
class Writer {
	/** @param {ArrayBuffer} [buffer] where to write first, 64 KiB when not given */
	constructor(buffer = new ArrayBuffer(65536)) {
		/** Next byte to write. @type {number} */
		this.pos = 0;
		/** Told of each new buffer. @type {null | ((buffer: ArrayBuffer) => void)} */
		this.onGrow = null;
		// What one run of `encode` needs to remember; kept here so that runs nested
		// in a getter (which have another Writer) can't disturb each other.
		this._delegate = null;
		this._start = 0;
		this._count = 0;
		this._scanned = new Array(SCANNED_OBJECTS).fill(undefined);
		this._ids = null;
		this._install(buffer);
	}

	/** @param {ArrayBuffer} buffer */
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
		const buffer = new ArrayBuffer(Math.max(needed, this._limit * 2));
		new Uint8Array(buffer).set(this.u8.subarray(0, this.pos));
		this._install(buffer);
		if (this.onGrow !== null) this.onGrow(buffer);
	}
}

/**
 * What `encode` asks of its caller.
 * @typedef {object} EncodeDelegate
 * @property {(object: object) => number} hostObjectIndex index of a handle of the library, or -1
 * @property {(fn: Function) => number} functionIndex index of a function which may pass, or -1
 * @property {(buffer: SharedArrayBuffer) => number} sharedArrayBufferIndex
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
	const start = writer.pos;
	writer._delegate = delegate;
	writer._start = start;
	let pos = start;
	try {
		if (start + 2 > writer._limit) grow(writer, start, 2);
		writer.u8[start] = 0xff;
		writer.u8[start + 1] = HEADER_VERSION;
		pos = writeValue(writer, value, start + 2);
	} finally {
		// A throw leaves `pos` at the start.
		writer.pos = pos;
		writer._delegate = null;
		forget(writer);
	}
}

function grow(w, pos, n) {
	w.pos = pos;
	w.reserve(n);
}

function refuse(w, value) {
	throw w._delegate.cloneError(`${describe(value)} could not be cloned.`);
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

function forget(w) {
	const scanned = w._scanned;
	for (let i = 0, n = Math.min(w._count, SCANNED_OBJECTS); i < n; ++i) scanned[i] = undefined;
	w._count = 0;
	w._ids = null;
}

// -- Primitives -------------------------------------------------------------

/** Writes a varint of up to 32 bits; room for 5 bytes is the caller's affair. */
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
		value = Math.floor(value / 0x80);
	}
	return putVarint(u8, value, pos);
}

function writeTagged(w, tag, number, pos) {
	if (pos + 6 > w._limit) grow(w, pos, 6);
	w.u8[pos] = tag;
	return putVarint(w.u8, number, pos + 1);
}

function writeByte(w, byte, pos) {
	if (pos >= w._limit) grow(w, pos, 1);
	w.u8[pos] = byte;
	return pos + 1;
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
	const u8 = w.u8;
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
	// Reserving for the wide case too spares a second check there.
	if (pos + 2 * SHORT_STRING + 4 > w._limit) grow(w, pos, 2 * SHORT_STRING + 4);
	const u8 = w.u8;
	u8[pos] = 0x22;
	u8[pos + 1] = length;
	let p = pos + 2;
	let all = 0;
	let i = 0;
	for (const { view } = w; i + 4 <= length; i += 4, p += 4) {
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
	if (all <= 0xff) return p;
	p = putWideHead(w, 2 * length, pos);
	for (i = 0; i < length; ++i) {
		const code = string.charCodeAt(i);
		u8[p++] = code & 0xff;
		u8[p++] = code >> 8;
	}
	return p;
}

/** Tag and byte length of a two-byte string, whose chars V8 wants at an even offset of the data. */
function putWideHead(w, byteLength, pos) {
	const u8 = w.u8;
	let varint = 1;
	for (let rest = byteLength >>> 7; rest !== 0; rest >>>= 7) ++varint;
	if ((pos - w._start + 1 + varint) & 1) u8[pos++] = 0;
	u8[pos++] = 0x63;
	return putVarint(u8, byteLength, pos);
}

function writeLongString(w, string, pos) {
	const { length } = string;
	// Three bytes for each char is the most UTF-8 can take, so that it is never
	// cut short and its length tells for certain whether all was ASCII.
	if (pos + 3 * length + 8 > w._limit) grow(w, pos, 3 * length + 8);
	const u8 = w.u8;
	u8[pos] = 0x22;
	const start = putVarint(u8, length, pos + 1);
	if (string.charCodeAt(0) < 0x80 && w._native.utf8Write(string, start, 3 * length) === length) {
		return start + length;
	}
	if (exec(WIDE, string) === null) {
		w._native.latin1Write(string, start, length);
		return start + length;
	}
	const wide = putWideHead(w, 2 * length, pos);
	w._native.ucs2Write(string, wide, 2 * length);
	return wide + 2 * length;
}

/** Sign and digits, as both BigInts and BigInt objects have them. */
function writeBigInt(w, tag, value, pos) {
	const sign = value < 0n ? 1 : 0;
	const hex = bigintToString(sign ? -value : value, 16);
	const words = value === 0n ? 0 : Math.ceil(hex.length / 16);
	if (pos + 6 + 8 * words > w._limit) grow(w, pos, 6 + 8 * words);
	w.u8[pos] = tag;
	pos = putVarint(w.u8, words * 16 + sign, pos + 1);
	for (let i = hex.length, word = 0; word < words; ++word, i -= 16) {
		w.view.setBigUint64(pos, BigInt(`0x${hex.slice(Math.max(0, i - 16), i)}`), true);
		pos += 8;
	}
	return pos;
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
	// First of all, as each of the questions below would run a proxy's traps.
	if (isProxy(object)) refuse(w, object);
	if (isArray(object)) return writeArray(w, object, pos);
	const prototype = getPrototypeOf(object);
	if (prototype === ObjectPrototype) return writeProperties(w, object, pos);
	if (prototype === null) {
		if (isModuleNamespaceObject(object)) refuse(w, object);
		return writeProperties(w, object, pos);
	}
	return writeInstance(w, object, prototype, pos);
}

function writeProperties(w, object, pos) {
	pos = writeByte(w, 0x6f, pos);
	let count = 0;
	let slot = 0;
	// `for in` reads neither keys which a getter added nor those it deleted.
	for (const key in object) {
		if (count === 0 && key === '0' && isArgumentsObject(object)) refuse(w, object);
		const value = object[key];
		let next = keyNext[slot];
		if (keyStrings[next] !== key) next = keyNext[slot] = findKey(key);
		slot = next;
		pos = writeValue(w, value, slot === 0 ? writeRareKey(w, key, pos) : writeKnownKey(w, slot, pos));
		++count;
	}
	if (count === 0 && isArgumentsObject(object)) refuse(w, object);
	return writeTagged(w, 0x7b, count, pos);
}

/**
 * Known keys, ready to be copied four bytes at a time. As objects tend to be
 * alike, each has the slot of the one which last came after it: mostly, a
 * comparison of two interned strings is all it takes to find a key. Slot 0 is
 * for what can't be had so. There are few enough to keep them until they are too many.
 */
const KEY_SLOTS = 2048;
const KEY_WORDS = 8;
const keySlots = new Map();
const keyStrings = new Array(KEY_SLOTS).fill('');
const keySizes = new Uint8Array(KEY_SLOTS);
const keyWords = new Int32Array(KEY_SLOTS * KEY_WORDS);
const keyNext = new Uint16Array(KEY_SLOTS);

function findKey(key) {
	const slot = keySlots.get(key);
	if (slot !== undefined) return slot;
	const { length } = key;
	if (length === 0 || length > 4 * KEY_WORDS - 2 || exec(/^\d|[^\0-\xff]/, key) !== null) return 0;
	if (keySlots.size === KEY_SLOTS - 1) keySlots.clear();
	const added = keySlots.size + 1;
	const bytes = new Uint8Array(4 * KEY_WORDS);
	bytes[0] = 0x22;
	bytes[1] = length;
	for (let i = 0; i < length; ++i) bytes[i + 2] = key.charCodeAt(i);
	const view = new DataView(bytes.buffer);
	for (let i = 0; i < KEY_WORDS; ++i) keyWords[added * KEY_WORDS + i] = view.getInt32(4 * i, true);
	keySizes[added] = length + 2;
	keyStrings[added] = key;
	keySlots.set(key, added);
	return added;
}

function writeKnownKey(w, slot, pos) {
	if (pos + 4 * KEY_WORDS > w._limit) grow(w, pos, 4 * KEY_WORDS);
	const { view } = w;
	const end = pos + keySizes[slot];
	for (let word = slot * KEY_WORDS; pos < end; pos += 4) view.setInt32(pos, keyWords[word++], true);
	return end;
}

/** Writes a key as V8 has it: array indices are numbers. */
function writeRareKey(w, key, pos) {
	return isIndex(key) ? writeNumber(w, +key, pos) : writeString(w, key, pos);
}

function writeArray(w, array, pos) {
	const { length } = array;
	for (let i = 0; i < length; ++i) {
		if (!(i in array)) return writeSparseArray(w, array, pos);
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
		for (const key of ownKeys(array)) {
			if (isIndex(key) || !hasOwnProperty.call(array, key)) continue;
			const value = array[key];
			pos = writeValue(w, value, writeString(w, key, pos));
			++count;
		}
	}
	return writeArrayEnd(w, 0x24, count, length, pos);
}

function writeSparseArray(w, array, pos) {
	const { length } = array;
	pos = writeTagged(w, 0x61, length, pos);
	let count = 0;
	for (const key of ownKeys(array)) {
		if (!hasOwnProperty.call(array, key)) continue;
		const value = array[key];
		pos = writeValue(w, value, writeRareKey(w, key, pos));
		++count;
	}
	return writeArrayEnd(w, 0x40, count, length, pos);
}

function writeArrayEnd(w, tag, count, length, pos) {
	if (pos + 11 > w._limit) grow(w, pos, 11);
	const u8 = w.u8;
	u8[pos] = tag;
	return putVarint(u8, length, putVarint(u8, count, pos + 1));
}

/** Whether an array without holes has more than its elements; all engines make this expensive to know. */
function hasNamedProperties(array, length) {
	if (length === 0) {
		for (const key in array) {
			if (hasOwnProperty.call(array, key)) return true;
		}
		return false;
	}
	// Keys become strings, which values of many elements needn't.
	return (length <= 8 ? ownKeys(array) : ownValues(array)).length !== length;
}

function isIndex(key) {
	const index = +key >>> 0;
	return index !== 0xffffffff && `${index}` === key;
}

// -- Instances of classes and builtins --------------------------------------

function writeInstance(w, object, prototype, pos) {
	if (isOrdinary(prototype)) {
		const index = w._delegate.hostObjectIndex(object);
		if (index >= 0) return writeTagged(w, 0x5c, index, pos);
		if (object === globalThis) refuse(w, object);
		return writeProperties(w, object, pos);
	}
	if (isView(object)) return writeView(w, object, pos);
	if (types.isMap(object)) return writeMap(w, object, pos);
	if (types.isSet(object)) return writeSet(w, object, pos);
	if (types.isDate(object)) return writeDouble(w, 0x44, dateValue(object), pos);
	if (types.isNativeError(object)) return writeError(w, object, pos);
	if (types.isArrayBuffer(object)) return writeBuffer(w, object, pos);
	if (types.isSharedArrayBuffer(object)) return writeSharedBuffer(w, object, pos);
	if (types.isRegExp(object)) return writeRegExp(w, object, pos);
	if (types.isBoxedPrimitive(object)) return writeBoxed(w, object, pos);
	const index = w._delegate.hostObjectIndex(object);
	if (index >= 0) return writeTagged(w, 0x5c, index, pos);
	if (isUncloneable(object)) refuse(w, object);
	return writeProperties(w, object, pos);
}

/** Whether the chain of prototypes has no builtin but the `Object.prototype` of this realm. */
function isOrdinary(prototype) {
	for (; prototype !== null; prototype = getPrototypeOf(prototype)) {
		if (prototype === ObjectPrototype) return true;
		if (BUILTIN.has(prototype)) return false;
	}
	return false;
}

function isUncloneable(object) {
	if (types.isPromise(object) || types.isWeakMap(object) || types.isWeakSet(object) ||
		types.isGeneratorObject(object) || types.isMapIterator(object) || types.isSetIterator(object) ||
		types.isExternal(object) || isModuleNamespaceObject(object)) return true;
	for (let p = getPrototypeOf(object); p !== null; p = getPrototypeOf(p)) {
		if (OPAQUE.has(p)) return true;
	}
	return false;
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
	for (const { bit, isSet } of REGEXP_FLAGS) {
		if (isSet(regexp)) flags |= bit;
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
	if (message !== undefined && 'value' in message) {
		const text = `${message.value}`;
		pos = writeString(w, text, writeByte(w, 0x6d, pos));
	}
	const { stack } = error;
	if (typeof stack === 'string') pos = writeString(w, stack, writeByte(w, 0x73, pos));
	// Last, since it may lead back to the error, which a reader must have made by then.
	if (cause !== undefined && 'value' in cause) pos = writeValue(w, cause.value, writeByte(w, 0x63, pos));
	return writeByte(w, 0x2e, pos);
}

// -- Buffers and views ------------------------------------------------------

function writeBuffer(w, buffer, pos) {
	const index = w._delegate.transferredIndex(buffer);
	if (index >= 0) return writeTagged(w, 0x74, index, pos);
	const length = bufferLength(buffer);
	if (length === 0 && isDetached(buffer)) refuseDetached(w);
	if (length > 0xffffffff) refuse(w, buffer);
	if (pos + 14 + length > w._limit) grow(w, pos, 14 + length);
	const u8 = w.u8;
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
	if (!(index >= 0)) refuse(w, buffer);
	return writeTagged(w, 0x75, index, pos);
}

function isDetached(buffer) {
	const detached = bufferDetached(buffer);
	if (detached !== undefined) return detached;
	try {
		return new Uint8Array(buffer) === null;
	} catch {
		return true;
	}
}

function refuseDetached(w) {
	throw w._delegate.cloneError('An ArrayBuffer is detached and could not be cloned.');
}

function writeView(w, view, pos) {
	const name = arrayName(view);
	const buffer = name === undefined ? viewBuffer(view) : arrayBuffer(view);
	// A view comes after its buffer, in the data as in the order of ids.
	unidentify(w, view);
	pos = writeObject(w, buffer, pos);
	identify(w, view);
	const shared = types.isSharedArrayBuffer(buffer);
	const [tag, size] = name === undefined ? DATA_VIEW : VIEWS[name];
	let flags = 0;
	if (shared ? sharedGrowable(buffer) : bufferResizable(buffer)) {
		if (isOutOfBounds(view, name)) refuse(w, view);
		flags = (tracksLength(view, name, size, buffer, shared) ? 1 : 0) | (shared ? 0 : 2);
	} else if (!shared && bufferLength(buffer) === 0 && isDetached(buffer)) {
		refuseDetached(w);
	}
	const offset = name === undefined ? viewOffset(view) : arrayOffset(view);
	const length = byteLengthOf(view, name);
	if (pos + 19 > w._limit) grow(w, pos, 19);
	const u8 = w.u8;
	u8[pos] = 0x56;
	u8[pos + 1] = tag;
	pos = putLongVarint(u8, offset, pos + 2);
	pos = putLongVarint(u8, (flags & 1) === 1 ? 0 : length, pos);
	return putVarint(u8, flags, pos);
}

function byteLengthOf(view, name) {
	return name === undefined ? viewLength(view) : arrayLength(view);
}

function isOutOfBounds(view, name) {
	try {
		if (name === undefined) viewLength(view);
		else arrayKeys(view);
		return false;
	} catch {
		return true;
	}
}

/**
 * Whether the length of a view follows that of its buffer, which only a change
 * of the latter can tell: so it is made and undone, in one go, nobody seeing it.
 */
function tracksLength(view, name, size, buffer, shared) {
	const offset = name === undefined ? viewOffset(view) : arrayOffset(view);
	const length = byteLengthOf(view, name);
	const total = shared ? sharedLength(buffer) : bufferLength(buffer);
	// A view which ends before the last whole element doesn't follow.
	if (total - offset - length >= size) return false;
	// What is shared can't shrink again. Take it as following, as most are made.
	if (shared) return true;
	const max = bufferMaxLength(buffer);
	try {
		if (total + size <= max) {
			bufferResize(buffer, total + size);
			const follows = byteLengthOf(view, name) !== length;
			bufferResize(buffer, total);
			return follows;
		}
		if (length === 0) return true;
		const tail = new Uint8Array(buffer, total - size).slice();
		bufferResize(buffer, total - size);
		const follows = !isOutOfBounds(view, name);
		bufferResize(buffer, total);
		new Uint8Array(buffer, total - size).set(tail);
		return follows;
	} catch {
		// A buffer which refuses to change, such as WebAssembly's.
		return true;
	}
}

// -- Messages ---------------------------------------------------------------

/** What V8 calls a value in its messages. Runs no code of the value's. */
function describe(value) {
	if (typeof value === 'symbol') return `Symbol(${abridge(value.description ?? '', 56, 56)})`;
	if (isProxy(value)) return '#<Object>';
	if (typeof value === 'function') return abridge(functionToString(value), 111, 2);
	if (dataProperty(value, 'toString') === ObjectPrototype.toString) {
		const constructor = dataProperty(value, 'constructor');
		const name = typeof constructor === 'function' ? dataProperty(constructor, 'name') : undefined;
		if (typeof name === 'string' && name !== '') return `#<${name}>`;
	}
	const tag = dataProperty(value, Symbol.toStringTag);
	return `[object ${typeof tag === 'string' ? tag : 'Object'}]`;
}

function abridge(text, head, tail) {
	return text.length <= 128 ? text : `${text.slice(0, head)}...<omitted>...${text.slice(-tail)}`;
}

function dataProperty(object, key) {
	for (let o = object; o !== null && !isProxy(o); o = getPrototypeOf(o)) {
		const descriptor = getOwnPropertyDescriptor(o, key);
		if (descriptor !== undefined) return descriptor.value;
	}
	return undefined;
}

module.exports = { Writer, encode };
