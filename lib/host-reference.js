'use strict';

/**
 * Operations on references to values of this environment, used by this environment: they cross no line, and keep
 * to the same rules as those that do.
 */

const { typeError } = require('./errors');
const { ACCESSORS, COPY, EXTERNAL_COPY, PROMISE, REFERENCE } = require('./options');
const wire = require('./wire');
const { ExternalCopy } = require('./external-copy');
const { idOf } = require('./handle');
const { isCopy, isDereference, valueHere } = require('./special');
const { types } = require('node:util');

/** Set by index.js. */
let Reference;

/** Lets go of the values of references that were collected. */
const registry = new FinalizationRegistry(index => wire.releaseHostValue(index));

/** What a new `Reference` to a value of this environment is made of. */
function refer(value, unsafeInherit) {
	const host = { index: wire.keepHostValue(value, unsafeInherit) };
	return { id: -2, host, type: typeOf(host) };
}

/** One more reference to what others refer to. */
function share(index) {
	return { index: wire.shareHostValue(index) };
}

function typeOf(host) {
	return wire.TYPES[wire.typeCode(wire.hostValues[host.index].value)];
}

/** Lets go of the value when the reference is collected. */
function watch(reference, host) {
	registry.register(reference, host.index, reference);
}

function release(reference, host) {
	registry.unregister(reference);
	wire.releaseHostValue(host.index);
}

function deref(id, host) {
	if (host === undefined) {
		throw typeError('Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
	}
	return wire.hostValues[host.index].value;
}

function copy(host) {
	return result(wire.hostValues[host.index].value, COPY);
}

/** A copy of a value, as it would be after a journey. */
function copyOf(value) {
	if (typeof value === 'symbol') {
		throw typeError('Unsupported type', 'ERR_NON_TRANSFERABLE');
	}
	const copy = new ExternalCopy(value);
	try {
		return copy.copy();
	} finally {
		copy.release();
	}
}

/** A value as it arrives when it is passed with these flags. */
function argument(value, flags) {
	if (flags & PROMISE) {
		const promise = Promise.resolve(value).then(settled => argument(settled, flags & ~PROMISE));
		// Whoever gets it may leave it alone, as a guest may.
		promise.catch(() => {});
		return promise;
	}
	switch (flags & 3) {
		case COPY: return copyOf(value);
		case EXTERNAL_COPY: return new ExternalCopy(value);
		case REFERENCE: return new Reference(value);
		default:
	}
	if (typeof value === 'object' && value !== null) {
		if (isDereference(value)) {
			return valueHere(value);
		}
		if (isCopy(value)) {
			return copyOf(value);
		}
		if (!isOwn(value)) {
			throw wire.nonTransferable();
		}
	} else if (typeof value === 'symbol') {
		throw wire.nonTransferable();
	}
	return value;
}

function isOwn(value) {
	return idOf(value) !== undefined || wire.hooks.isSpecial(value) || wire.hooks.isLibrary(value);
}

/** With these flags a value stays as it is. */
const RAW = 1 << 20;

// Operations (src/face/message.rs).
const GET = 6;
const SET = 7;
const DELETE = 8;
const APPLY = 9;

/** A value as it is returned with these flags; what has no other way becomes a reference. */
function result(value, flags, unsafeInherit = false) {
	if (flags & RAW) {
		return value;
	}
	if (flags & PROMISE) {
		return Promise.resolve(value).then(settled => result(settled, flags & ~PROMISE, unsafeInherit));
	}
	switch (flags & 3) {
		case COPY: return copyOf(value);
		case EXTERNAL_COPY: return new ExternalCopy(value);
		case REFERENCE: return new Reference(value, { unsafeInherit });
		default:
	}
	return typeof value === 'symbol' || (typeof value === 'object' && value !== null && !isOwn(value)) ?
		new Reference(value, { unsafeInherit }) : value;
}

function objectOf(host) {
	const { value } = wire.hostValues[host.index];
	if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
		throw typeError('Reference is not an object', 'ERR_REFERENCE');
	}
	for (let link = value; link !== null; link = Object.getPrototypeOf(link)) {
		if (types.isProxy(link)) {
			throw typeError('Object is or has proxy', 'ERR_REFERENCE');
		}
	}
	return value;
}

function keyOf(key) {
	if (typeof key !== 'string' && !(typeof key === 'number' && ((key | 0) === key || key >>> 0 === key))) {
		throw typeError('Invalid `key`', 'ERR_REFERENCE');
	}
	return key;
}

function get(host, key, flags) {
	const object = objectOf(host);
	const { unsafeInherit } = wire.hostValues[host.index];
	keyOf(key);
	for (let link = object; link !== null; link = unsafeInherit ? Object.getPrototypeOf(link) : null) {
		const descriptor = Object.getOwnPropertyDescriptor(link, key);
		if (descriptor !== undefined) {
			if (!Object.hasOwn(descriptor, 'value') && !(flags & ACCESSORS)) {
				throw typeError('Property is getter', 'ERR_REFERENCE');
			}
			return result(object[key], flags, unsafeInherit);
		}
	}
	return result(undefined, flags);
}

function set(host, key, value, flags) {
	const object = objectOf(host);
	keyOf(key);
	define(object, key, argument(value, flags));
}

function define(object, key, value) {
	if (!Reflect.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })) {
		throw typeError('Set failed', 'ERR_REFERENCE');
	}
}

function remove(host, key) {
	if (!Reflect.deleteProperty(objectOf(host), keyOf(key))) {
		throw typeError('Delete failed', 'ERR_REFERENCE');
	}
}

function apply(host, receiver, values, flags, resultFlags) {
	const call = prepare(host, receiver, values, flags);
	return result(call(), resultFlags);
}

/** As {@link apply}: a mistake in the arguments is thrown, the outcome is ignored. */
function applyIgnored(host, receiver, values, flags) {
	const call = prepare(host, receiver, values, flags);
	try {
		const value = call();
		if (types.isPromise(value)) {
			value.then(undefined, () => {});
		}
	} catch {
		// Ignored.
	}
}

function prepare(host, receiver, values, flags) {
	const { value } = wire.hostValues[host.index];
	const target = argument(receiver, 0);
	const arrived = Array.from(values, each => argument(each, flags));
	return () => {
		if (typeof value !== 'function') {
			throw typeError('Reference is not a function', 'ERR_REFERENCE');
		}
		return Reflect.apply(value, target, arrived);
	};
}

/**
 * What somebody else asks of a value of this environment: an operation of `src/face/message.rs`, with what it takes. The
 * values have arrived; the result leaves as the flags say.
 */
function serve(index, op, flags, values) {
	const host = { index };
	switch (op) {
		case APPLY: {
			const { value } = wire.hostValues[index];
			if (typeof value !== 'function') {
				throw typeError('Reference is not a function', 'ERR_REFERENCE');
			}
			return Reflect.apply(value, values[0], values.slice(1));
		}
		case GET: return get(host, values[0], flags & ACCESSORS | RAW);
		case SET: return define(objectOf(host), keyOf(values[0]), values[1]);
		case DELETE: return remove(host, values[0]);
		default: return wire.hostValues[index].value;
	}
}

module.exports = {
	apply, applyIgnored, copy, deref, get, refer, release, remove, result, serve, set, share, typeOf, watch,
	setReference(Class) {
		Reference = Class;
	},
};
