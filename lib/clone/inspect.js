'use strict';

/**
 * What the encoder has to know of a value and plain JavaScript doesn't tell
 * outright. Nothing in here runs code of the value's.
 */

const { types } = require('node:util');

// What is used at run time is captured now, so that a program which patches a
// builtin later changes neither what is found nor what is called.
const { Uint8Array } = globalThis;
const { getPrototypeOf, getOwnPropertyDescriptor, getOwnPropertyNames } = Object;
const ObjectPrototype = Object.prototype;
const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype);

/** Makes a function of a method: the receiver becomes the first argument. */
const uncurry = Function.prototype.bind.bind(Function.prototype.call);

/** The getter of a property as a function, which finds nothing where the runtime has no such property. */
const getter = (prototype, key) => {
	const descriptor = getOwnPropertyDescriptor(prototype, key);
	return descriptor === undefined ? () => undefined : uncurry(descriptor.get);
};

const functionToString = uncurry(Function.prototype.toString);

// -- Builtins ---------------------------------------------------------------

/**
 * Prototypes of builtins which can't be cloned and for which there is no brand
 * check: whatever inherits from one of them is refused.
 */
const OPAQUE = new Set();

const { WebAssembly, Temporal, DisposableStack, AsyncDisposableStack } = globalThis;
for (const namespace of [
	Intl, WebAssembly, Temporal, { WeakRef, FinalizationRegistry, DisposableStack, AsyncDisposableStack }
]) {
	for (const name of namespace === undefined ? [] : getOwnPropertyNames(namespace)) {
		const prototype = typeof namespace[name] === 'function' ? namespace[name].prototype : undefined;
		// The errors of WebAssembly are errors like others.
		if (typeof prototype === 'object' && !(prototype instanceof Error)) OPAQUE.add(prototype);
	}
}
for (const iterator of [
	[].keys(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), ''.matchAll(/x/g), [].keys().map?.(() => {})
]) {
	if (iterator !== undefined) OPAQUE.add(getPrototypeOf(iterator));
}
for (const generator of [function* () {}, async function* () {}]) {
	OPAQUE.add(getPrototypeOf(generator.prototype));
}

/** Prototypes whose heirs must be looked at closely. */
const BUILTIN = new Set(OPAQUE).add(TypedArrayPrototype);
for (const { prototype } of [
	Map, Set, Date, RegExp, Error, ArrayBuffer, SharedArrayBuffer, DataView, Boolean, Number, String, Symbol, BigInt,
	Promise, WeakMap, WeakSet
]) BUILTIN.add(prototype);

/** Whether a chain of prototypes has no builtin but the `Object.prototype` of this realm. */
function isOrdinary(prototype) {
	for (; prototype !== null; prototype = getPrototypeOf(prototype)) {
		if (prototype === ObjectPrototype) return true;
		if (BUILTIN.has(prototype)) return false;
	}
	return false;
}

/** Whether an object, none of those which can be cloned, is a builtin nevertheless. */
function isUncloneable(object) {
	if (types.isPromise(object) || types.isWeakMap(object) || types.isWeakSet(object) ||
		types.isGeneratorObject(object) || types.isMapIterator(object) || types.isSetIterator(object) ||
		types.isArgumentsObject(object) || types.isModuleNamespaceObject(object) ||
		types.isExternal?.(object)) return true;
	for (let p = getPrototypeOf(object); p !== null; p = getPrototypeOf(p)) {
		if (OPAQUE.has(p)) return true;
	}
	return false;
}

// -- Buffers and views ------------------------------------------------------

const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const bufferMaxLength = getter(ArrayBuffer.prototype, 'maxByteLength');
const bufferResizable = getter(ArrayBuffer.prototype, 'resizable');
const bufferDetached = getter(ArrayBuffer.prototype, 'detached');
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

/** Tag and element size of each kind of view. */
const VIEWS = {
	__proto__: null,
	DataView: [0x3f, 1], Int8Array: [0x62, 1], Uint8Array: [0x42, 1], Uint8ClampedArray: [0x43, 1],
	Int16Array: [0x77, 2], Uint16Array: [0x57, 2], Int32Array: [0x64, 4], Uint32Array: [0x44, 4],
	Float16Array: [0x68, 2], Float32Array: [0x66, 4], Float64Array: [0x46, 8],
	BigInt64Array: [0x71, 8], BigUint64Array: [0x51, 8]
};

function isDetached(buffer) {
	if (bufferLength(buffer) !== 0) return false;
	const detached = bufferDetached(buffer);
	if (detached !== undefined) return detached;
	try {
		new Uint8Array(buffer);
		return false;
	} catch {
		return true;
	}
}

function isResizable(buffer) {
	return bufferResizable(buffer) === true;
}

/** The buffer a view is of. */
function bufferOf(view) {
	return arrayName(view) === undefined ? viewBuffer(view) : arrayBuffer(view);
}

/**
 * What a view looks like on the wire, or `undefined` if it is out of the bounds of its buffer.
 * @param {ArrayBufferView} view
 * @param {ArrayBuffer | SharedArrayBuffer} buffer its buffer
 * @param {boolean} shared whether that is shared
 */
function inspectView(view, buffer, shared) {
	const name = arrayName(view);
	const [tag, size] = VIEWS[name ?? 'DataView'];
	const lengthOf = name === undefined ? viewLength : arrayLength;
	const resizable = shared ? sharedGrowable(buffer) : bufferResizable(buffer);
	try {
		// Both throw for a view out of bounds.
		if (name === undefined) viewLength(view);
		else arrayKeys(view);
	} catch {
		return undefined;
	}
	const offset = name === undefined ? viewOffset(view) : arrayOffset(view);
	const length = lengthOf(view);
	const follows = resizable === true && followsLength(view, lengthOf, buffer, shared, offset + length, size);
	return { tag, offset, length: follows ? 0 : length, flags: (follows ? 1 : 0) | (resizable && !shared ? 2 : 0) };
}

/**
 * Whether the length of a view follows that of its buffer. Only a change of the
 * latter can tell: so it is made and undone, in one go, nobody seeing it.
 */
function followsLength(view, lengthOf, buffer, shared, end, size) {
	const total = shared ? sharedLength(buffer) : bufferLength(buffer);
	// It doesn't when another whole element would fit in.
	if (total - end >= size) return false;
	// What is shared can't shrink again; it is assumed to follow, as views mostly do.
	if (shared) return true;
	try {
		const length = lengthOf(view);
		if (total + size <= bufferMaxLength(buffer)) {
			bufferResize(buffer, total + size);
			const grows = lengthOf(view) !== length;
			bufferResize(buffer, total);
			return grows;
		}
		if (length === 0) return true;
		const tail = new Uint8Array(buffer, total - size).slice();
		bufferResize(buffer, total - size);
		let shrinks;
		try {
			// One which doesn't is out of bounds now, which makes a DataView throw.
			shrinks = lengthOf(view) === length - size;
		} catch {
			shrinks = false;
		}
		bufferResize(buffer, total);
		new Uint8Array(buffer, total - size).set(tail);
		return shrinks;
	} catch {
		// The buffer refuses to change, as WebAssembly's may.
		return true;
	}
}

// -- Messages ---------------------------------------------------------------

/** What V8 calls a value in its messages. */
function describe(value) {
	if (typeof value === 'symbol') return `Symbol(${abridge(value.description ?? '', 56, 56)})`;
	if (types.isProxy(value)) return '#<Object>';
	if (typeof value === 'function') return abridge(functionToString(value), 111, 2);
	if (dataProperty(value, 'toString') === ObjectPrototype.toString) {
		const constructor = dataProperty(value, 'constructor');
		const name = typeof constructor === 'function' ? dataProperty(constructor, 'name') : undefined;
		if (typeof name === 'string' && name !== '') return `#<${name}>`;
	}
	const tag = dataProperty(value, Symbol.toStringTag);
	return `[object ${typeof tag === 'string' ? tag : arrayName(value) ?? 'Object'}]`;
}

function abridge(text, head, tail) {
	return text.length <= 128 ? text : `${text.slice(0, head)}...<omitted>...${text.slice(-tail)}`;
}

/** The value of a property, own or inherited, without running code: undefined for accessors, and behind a proxy. */
function dataProperty(object, key) {
	for (let o = object; o !== null && !types.isProxy(o); o = getPrototypeOf(o)) {
		const descriptor = getOwnPropertyDescriptor(o, key);
		if (descriptor !== undefined) return descriptor.value;
	}
	return undefined;
}

module.exports = { uncurry, getter, isOrdinary, isUncloneable, isDetached, isResizable, bufferOf, inspectView, describe, dataProperty };
