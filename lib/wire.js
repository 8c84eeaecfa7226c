'use strict';

/**
 * Values as bytes of the scratch. `src/face/node/wire.rs` is the other end; its head says what the bytes mean.
 */

const { types } = require('node:util');
const { Buffer } = require('node:buffer');
const clone = require('./clone');
const { isDetached, isResizable } = require('./clone/inspect');
const { isWide } = require('./clone/writer');
const { classOf } = require('./error-class');
const { CLASSES, ErrorParts, Thrown, typeError, withCode, withoutOwnFrames } = require('./errors');
const { idOf, registry } = require('./handle');
const keptText = require('./kept-text');
const native = require('./native');
const { COPY, ELSE_COPY, ELSE_REFERENCE, EXTERNAL_COPY, PROMISE, REFERENCE } = require('./options');

const UNDEFINED = 0;
const NULL = 1;
const TRUE = 2;
const FALSE = 3;
const INT = 4;
const NUMBER = 5;
const ONE_BYTE = 6;
const TWO_BYTE = 7;
const BIGINT = 8;
const HANDLE = 9;
const DEREF = 10;
const COPY_INTO = 11;
const CLONED = 12;
const ERROR = 13;
const FUNCTION = 14;
const PROMISE_VALUE = 15;
const HOST_VALUE = 16;
const PAIR = 17;
const NUMBERS = 18;
const HOST_REFERENCE = 19;
const EXTERNAL_COPY_OF = 20;
const GUEST_FUNCTION = 21;
const LONG_TEXT = 22;
const LIBRARY = 30;
const LIST = 35;

const HAS_NAME = 1;
const HAS_STACK = 2;
const HAS_CAUSE = 4;
const HAS_PROPERTIES = 8;
const HAS_CODE = 16;

/** Array buffers from this size on travel beside the bytes, copied once. */
const STAGED = 16384;
/** Strings up to this length are written unit by unit. */
const SHORT = 48;
/** Strings from this length on go beside the message: copied once, from heap to heap. */
const LONG = 4096;

/** Bytes of the header before every payload. */
const HEADER = 64;

// --- scratch -----------------------------------------------------------------------------------

const writer = new clone.Writer(new ArrayBuffer(65536));
const reader = new clone.Reader(writer.buffer);
/** The header's numbers, in whatever buffer the scratch is at the moment. */
const scratch = { head: new Int32Array(writer.buffer, 0, HEADER / 4) };

writer.onGrow = buffer => {
	reader.setBuffer(buffer);
	scratch.head = new Int32Array(buffer, 0, HEADER / 4);
	native.setScratch(buffer);
};

// --- values of this environment that others refer to --------------------------------------------

/** Functions and referenced values, by index: `{ value, mode, count }`. */
const hostValues = [];
const freeHostValues = [];

/**
 * What the message being written has counted in (indices of host values) and staged (`~number` of the block): when writing
 * fails, nobody else lets go of it.
 */
let owed = [];

/** Takes back what was counted in and staged since `owed` had this length. */
function takeBack(length) {
	while (owed.length > length) {
		const each = owed.pop();
		if (each >= 0) {
			releaseHostValue(each);
		} else {
			native.takeBuffer(~each);
		}
	}
}

/** Begins a list of its own for another message; gives the one so far. */
function owe(list = []) {
	const before = owed;
	owed = list;
	return before;
}

function stage(buffer) {
	const block = native.stage(buffer, 0, buffer.byteLength);
	owed.push(~block);
	return block;
}

/** Gives a value an index, counted once. */
function keepHostValue(value, unsafeInherit = false) {
	const entry = { value, count: 1, unsafeInherit };
	const index = freeHostValues.pop();
	if (index === undefined) {
		return hostValues.push(entry) - 1;
	}
	hostValues[index] = entry;
	return index;
}

/** Counts an index once more. */
function shareHostValue(index) {
	++hostValues[index].count;
	return index;
}

/** Counts an index once less. */
function releaseHostValue(index) {
	const entry = hostValues[index];
	if (entry !== undefined && --entry.count === 0) {
		hostValues[index] = undefined;
		freeHostValues.push(index);
	}
}

/** Guest functions made here, with their handles' ids. */
const guestFunctions = new WeakMap();

/** Hooks that the class files set: how things are recognised and made. */
const hooks = {
	/** An instance for a handle that arrived: by kind. */
	make: [],
	/** A function that calls the guest function behind a handle. */
	makeFunction: undefined,
	/** A `Reference` to a value of this environment. */
	makeReference: undefined,
	/** What special objects (`derefInto()`, `copyInto()`, `Callback`) write. */
	special: undefined,
	/** Where a promise that arrives is settled from. */
	promise: undefined,
	/** The library itself, and whether a value is it. */
	library: undefined,
	isLibrary: value => value === hooks.library,
	/** The number under which a promise of this environment is followed. */
	follow: undefined,
};

// --- writing -----------------------------------------------------------------------------------

const encoder = new TextEncoder();

function u8(value) {
	writer.reserve(1);
	writer.u8[writer.pos++] = value;
}

function u32(value) {
	writer.reserve(4);
	writer.view.setUint32(writer.pos, value, true);
	writer.pos += 4;
}

function writeLongString(text) {
	const kept = keptText.share(text, isWide);
	const number = kept < 0 ? native.stageText(text, isWide(text)) : kept;
	owed.push(~number);
	u8(LONG_TEXT);
	u32(number);
}

/** Writes a string. */
function writeString(text) {
	const { length } = text;
	if (length >= LONG) {
		return writeLongString(text);
	}
	writer.reserve(5 + length);
	const start = writer.pos;
	const bytes = writer.u8;
	let at = start + 5;
	if (length <= SHORT) {
		let i = 0;
		for (; i < length; ++i) {
			const unit = text.charCodeAt(i);
			if (unit > 0xff) {
				break;
			}
			bytes[at++] = unit;
		}
		if (i === length) {
			bytes[start] = ONE_BYTE;
			writer.view.setUint32(start + 1, length, true);
			writer.pos = at;
			return;
		}
	} else {
		const { read, written } = encoder.encodeInto(text, bytes.subarray(at, at + length));
		if (read === length && written === length) {
			bytes[start] = ONE_BYTE;
			writer.view.setUint32(start + 1, length, true);
			writer.pos = at + length;
			return;
		}
	}
	writer.reserve(5 + length * 2);
	writer.u8[start] = TWO_BYTE;
	writer.view.setUint32(start + 1, length, true);
	Buffer.from(writer.buffer, start + 5, length * 2).write(text, 'utf16le');
	writer.pos = start + 5 + length * 2;
}

/**
 * Writes a value as the flags say.
 * @param {unknown} value
 * @param {number} flags `COPY`, `EXTERNAL_COPY`, `REFERENCE` or none, with `PROMISE` or `ELSE_COPY`.
 */
function writeValue(value, flags) {
	if ((flags & 7) > 1) {
		if (flags & PROMISE) {
			return writePromise(value, flags);
		}
		if ((flags & 3) === REFERENCE) {
			return writeReference(value);
		}
		u8(EXTERNAL_COPY_OF);
		return writeValue(value, COPY);
	}
	switch (typeof value) {
		case 'number':
			writer.reserve(9);
			if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
				writer.u8[writer.pos] = INT;
				writer.view.setInt32(writer.pos + 1, value, true);
				writer.pos += 5;
			} else {
				writer.u8[writer.pos] = NUMBER;
				writer.view.setFloat64(writer.pos + 1, value, true);
				writer.pos += 9;
			}
			return;
		case 'string':
			return writeString(value);
		case 'undefined':
			return u8(UNDEFINED);
		case 'boolean':
			return u8(value ? TRUE : FALSE);
		case 'bigint':
			return writeBigInt(value);
		case 'symbol':
			if ((flags & ELSE_COPY) === ELSE_REFERENCE) {
				return writeReference(value);
			}
			throw flags & COPY || flags & ELSE_COPY ? typeError('Unsupported type', 'ERR_NON_TRANSFERABLE') : nonTransferable();
		case 'function':
			if (flags & COPY) {
				return writeClone(value);
			}
			return writeFunction(value, 0);
		default:
			return writeObject(value, flags);
	}
}

function writeObject(value, flags) {
	if (value === null) {
		return u8(NULL);
	}
	if (writeOwn(value)) {
		return;
	}
	if ((flags & COPY) || (flags & ELSE_COPY) === ELSE_COPY) {
		return writeClone(value);
	}
	if (flags & ELSE_REFERENCE) {
		return writeReference(value);
	}
	throw nonTransferable();
}

/** Writes an instance of a class of the library. */
function writeOwn(value) {
	const id = idOf(value);
	if (id === undefined) {
		if (hooks.isLibrary(value)) {
			u8(LIBRARY);
			return true;
		}
		return hooks.special(value);
	}
	const index = hooks.hostReference(value);
	if (index !== undefined) {
		owed.push(shareHostValue(index));
		u8(HOST_REFERENCE);
		u32(index);
		u8(typeCode(hostValues[index].value));
		return true;
	}
	hooks.check(value);
	u8(HANDLE);
	u32(id);
	return true;
}

function nonTransferable() {
	return typeError('A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
}

function writeBigInt(value) {
	u8(BIGINT);
	u8(value < 0n ? 1 : 0);
	let rest = value < 0n ? -value : value;
	const at = writer.pos;
	u32(0);
	let count = 0;
	for (; rest > 0n; ++count) {
		writer.reserve(8);
		writer.view.setBigUint64(writer.pos, BigInt.asUintN(64, rest), true);
		writer.pos += 8;
		rest >>= 64n;
	}
	writer.view.setUint32(at, count, true);
}

/** What `Reference.typeof` says, by its number on the wire. */
const TYPES = ['undefined', 'null', 'boolean', 'number', 'string', 'object', 'function'];

function typeCode(value) {
	const type = value === null ? 'null' : typeof value;
	const code = TYPES.indexOf(type);
	return code < 0 ? 5 : code;
}

/** Writes a `Reference` to a value of this environment. */
function writeReference(value) {
	const index = keepHostValue(value);
	owed.push(index);
	u8(HOST_REFERENCE);
	u32(index);
	u8(typeCode(value));
}

/** Guests were given async or ignored functions, or promises: what they do with these happens after the call. */
let deferred = false;

/** From now on guests may call functions of this environment after the call that made them do so. */
function defer() {
	deferred = true;
}

/** Writes a function: it arrives as a plain function that calls back. */
function writeFunction(value, mode) {
	deferred ||= mode !== 0;
	const guest = guestFunctions.get(value);
	if (guest === undefined) {
		const index = keepHostValue(value);
		owed.push(index);
		u8(FUNCTION);
		u32(index);
	} else {
		u8(GUEST_FUNCTION);
		u32(guest);
	}
	u8(mode);
	writeString(functionName(value));
	u32(functionLength(value));
}

/** A function's `name`, read without running anything. */
function functionName(value) {
	const name = types.isProxy(value) ? undefined : Object.getOwnPropertyDescriptor(value, 'name')?.value;
	return typeof name === 'string' ? name : '';
}

function functionLength(value) {
	const length = types.isProxy(value) ? 0 : Object.getOwnPropertyDescriptor(value, 'length')?.value;
	return typeof length === 'number' && length > 0 ? Math.min(Math.trunc(length), 0x7fffffff) : 0;
}

function writePromise(value, flags) {
	deferred = true;
	u8(PROMISE_VALUE);
	u32(hooks.follow(value, flags & ~PROMISE));
}

/** What one clone refers to beside its bytes. */
class Side {
	constructor(transferList) {
		this.handles = [];
		this.buffers = [];
		this.shared = [];
		this.transferList = transferList;
	}

	hostObjectIndex(object) {
		return idOf(object) !== undefined || hooks.isSpecial(object) || hooks.isLibrary(object) ?
			this.handles.push(object) - 1 : -1;
	}

	functionIndex() {
		return -1;
	}

	transferredIndex(buffer) {
		if (this.transferList?.includes(buffer)) {
			// Taken away when all is written: its views still tell their lengths, and a failure takes nothing. One that is resizable is
			// written in place nevertheless: memory that goes beside the bytes arrives as a buffer that isn't, which its views don't fit.
			return isDetached(buffer) || isResizable(buffer) ? -1 : this.buffers.push(buffer) - 1;
		}
		if (buffer.byteLength >= STAGED && !isResizable(buffer)) {
			return this.buffers.push(stage(buffer)) - 1;
		}
		return -1;
	}

	sharedArrayBufferIndex(buffer) {
		if (buffer.growable === true) {
			throw this.cloneError('A growable SharedArrayBuffer can\'t be shared over the line; one of fixed length can.');
		}
		const block = native.lendShared(buffer, new Uint8Array(buffer));
		owed.push(~block);
		return this.shared.push(block) - 1;
	}

	cloneError(message) {
		return typeError(message, 'ERR_DATA_CLONE');
	}
}

/** Writes a copy of any value that structured clone takes. */
function writeClone(value, transferList) {
	const side = new Side(transferList);
	u8(CLONED);
	const at = writer.pos;
	u32(0);
	clone.encode(writer, value, side);
	writer.view.setUint32(at, writer.pos - at - 4, true);
	u32(side.handles.length);
	for (const handle of side.handles) {
		writeOwn(handle);
	}
	u32(side.buffers.length);
	for (const buffer of side.buffers) {
		u32(typeof buffer === 'number' ? buffer : hooks.detach(buffer));
	}
	u32(side.shared.length);
	for (const block of side.shared) {
		u32(block);
	}
	if (transferList !== undefined) {
		for (const buffer of transferList) {
			if (!side.buffers.includes(buffer) && !isDetached(buffer)) {
				native.takeBuffer(hooks.detach(buffer));
			}
		}
	}
}

const NOT_SHARED =
	'A SharedArrayBuffer that a guest made can\'t be shared with this host, or grows. Make it in the host, and hand it to the guest.';

const NOT_AN_ERROR =
	'An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.';

/** Writes what was thrown: errors as such, other values copied where they can be. */
function writeThrown(value, depth = 8) {
	const start = writer.pos;
	const before = owed.length;
	try {
		const type = classOf(value);
		if (type >= 0) {
			writeError(value, type, depth);
		} else {
			writeValue(value, COPY);
		}
	} catch {
		takeBack(before);
		writer.pos = start;
		writeError(new Error(NOT_AN_ERROR), 0, 0);
	}
}

function writeError(error, type, depth) {
	const name = textOf(error, 'name');
	const message = textOf(error, 'message');
	const stack = withoutOwnFrames(textOf(error, 'stack'));
	const hasCause = depth > 0 && Object.hasOwn(error, 'cause');
	const properties = ownProperties(error);
	u8(ERROR);
	u8(type);
	const differs = name !== undefined && name !== CLASSES[type].name;
	u8((differs ? HAS_NAME : 0) | (stack === undefined ? 0 : HAS_STACK) |
		(hasCause ? HAS_CAUSE : 0) | (properties === undefined ? 0 : HAS_PROPERTIES));
	writeString(message ?? '');
	if (differs) {
		writeString(name);
	}
	if (stack !== undefined) {
		writeString(stack);
	}
	if (hasCause) {
		writeThrown(error.cause, depth - 1);
	}
	if (properties !== undefined) {
		writeClone(properties);
	}
}

function textOf(error, key) {
	try {
		const value = error[key];
		return typeof value === 'string' ? value : undefined;
	} catch {
		return undefined;
	}
}

/** The error's own enumerable properties that can be copied. */
function ownProperties(error) {
	let copy;
	for (const key of Object.keys(error)) {
		if (key === 'name' || key === 'message' || key === 'stack' || key === 'cause') {
			continue;
		}
		const start = writer.pos;
		const before = owed.length;
		try {
			const value = error[key];
			writeValue(value, COPY);
			(copy ??= Object.create(null))[key] = value;
		} catch {
			// Not copyable: the rest of the error matters more.
		}
		takeBack(before);
		writer.pos = start;
	}
	return copy;
}

// --- reading -----------------------------------------------------------------------------------

function readU32() {
	const value = reader.view.getUint32(reader.pos, true);
	reader.pos += 4;
	return value;
}

/** Reads a string after its tag. */
function readString(tag) {
	if (tag === LONG_TEXT) {
		return native.takeText(readU32());
	}
	const length = readU32();
	const start = reader.pos;
	if (tag === ONE_BYTE) {
		reader.pos = start + length;
		if (length < 16) {
			let text = '';
			for (let i = start; i < start + length; ++i) {
				text += String.fromCharCode(reader.u8[i]);
			}
			return text;
		}
		return Buffer.from(writer.buffer, start, length).toString('latin1');
	}
	reader.pos = start + length * 2;
	return Buffer.from(writer.buffer, start, length * 2).toString('utf16le');
}

function readText() {
	return readString(reader.u8[reader.pos++]);
}

/** Reads a value. Errors come as {@link ErrorParts}. */
function readParts() {
	const tag = reader.u8[reader.pos++];
	switch (tag) {
		case UNDEFINED: return undefined;
		case NULL: return null;
		case TRUE: return true;
		case FALSE: return false;
		case INT: {
			const value = reader.view.getInt32(reader.pos, true);
			reader.pos += 4;
			return value;
		}
		case NUMBER: {
			const value = reader.view.getFloat64(reader.pos, true);
			reader.pos += 8;
			return value;
		}
		case ONE_BYTE:
		case TWO_BYTE:
		case LONG_TEXT:
			return readString(tag);
		case BIGINT: return readBigInt();
		case HANDLE: {
			const kind = reader.u8[reader.pos++];
			const id = readU32();
			const type = TYPES[reader.u8[reader.pos++]];
			return hooks.make[kind](id, type);
		}
		case CLONED: return readClone();
		case ERROR: return readError();
		case FUNCTION: {
			const id = readU32();
			const mode = reader.u8[reader.pos++];
			const name = readText();
			const length = readU32();
			const made = hooks.makeFunction(id, mode, name, length);
			guestFunctions.set(made, id);
			registry.register(made, id);
			return made;
		}
		case PROMISE_VALUE: return hooks.promise(readU32());
		case HOST_VALUE: return hostValues[readU32()].value;
		case HOST_REFERENCE: return hooks.makeReference(readU32());
		case LIBRARY: return hooks.library;
		case PAIR: return [readParts(), readParts()];
		case LIST: {
			const values = new Array(readU32());
			for (let i = 0; i < values.length; ++i) {
				values[i] = readParts();
			}
			return values;
		}
		case NUMBERS: {
			const numbers = new Array(readU32());
			for (let i = 0; i < numbers.length; ++i) {
				numbers[i] = reader.view.getFloat64(reader.pos, true);
				reader.pos += 8;
			}
			return numbers;
		}
		default: throw new Error(`islet: unknown tag ${tag}`);
	}
}

/** Reads a value; an error becomes an object, without host frames. */
function readValue() {
	const value = readParts();
	return value instanceof ErrorParts ? value.make('') : value;
}

function readBigInt() {
	const negative = reader.u8[reader.pos++] !== 0;
	const count = readU32();
	let value = 0n;
	for (let i = count - 1; i >= 0; --i) {
		value = value << 64n | reader.view.getBigUint64(reader.pos + i * 8, true);
	}
	reader.pos += count * 8;
	return negative ? -value : value;
}

function readError() {
	const type = reader.u8[reader.pos++];
	const flags = reader.u8[reader.pos++];
	const message = readText();
	const code = flags & HAS_CODE ? readText() : undefined;
	const name = flags & HAS_NAME ? readText() : undefined;
	const stack = flags & HAS_STACK ? readText() : undefined;
	const cause = flags & HAS_CAUSE ? new Thrown(readParts()) : undefined;
	const properties = flags & HAS_PROPERTIES ? readValue() : undefined;
	return new ErrorParts(type, message, code, name, stack, cause, properties);
}

function readClone() {
	const length = readU32();
	const start = reader.pos;
	const { end } = reader;
	reader.pos = start + length;
	const handles = new Array(readU32());
	for (let i = 0; i < handles.length; ++i) {
		handles[i] = readValue();
	}
	const buffers = new Array(readU32());
	for (let i = 0; i < buffers.length; ++i) {
		buffers[i] = native.takeBuffer(readU32());
	}
	const shared = new Array(readU32());
	for (let i = 0; i < shared.length; ++i) {
		shared[i] = native.takeShared(readU32());
	}
	const after = reader.pos;
	reader.pos = start;
	reader.end = start + length;
	try {
		return clone.decode(reader, {
			hostObject: index => handles[index],
			transferred: index => buffers[index],
			sharedArrayBuffer(index) {
				if (shared[index] === undefined) {
					throw this.cloneError(NOT_SHARED);
				}
				return shared[index];
			},
			cloneError: message => withCode(new TypeError(message), 'ERR_DATA_CLONE'),
		});
	} finally {
		reader.pos = after;
		reader.end = end;
	}
}

/** Reads what was thrown. */
function readThrown() {
	return new Thrown(readParts());
}

module.exports = {
	ELSE_COPY, EXTERNAL_COPY, HEADER, TYPES,
	guestFunctions, hooks, hostValues,
	keepHostValue, releaseHostValue, shareHostValue,
	owe, takeBack,
	defer,
	hasDeferred: () => deferred,
	nonTransferable, readThrown, readValue, reader, typeCode,
	u8, u32, writeClone, writeFunction, writeString, writeThrown, writeValue, writer,
	COPY_INTO, DEREF, scratch,
};
