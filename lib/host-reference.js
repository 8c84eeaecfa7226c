'use strict';

/**
 * Operations on references to values of this environment, used by this environment: they cross no line, and keep
 * to the same rules as those that do.
 */

const { typeError } = require('./errors');
const { ACCESSORS, COPY, EXTERNAL_COPY, PROMISE, REFERENCE } = require('./options');
const wire = require('./wire');
const { ExternalCopy, Copy } = require('./external-copy');
const { types } = require('node:util');

let classes;

/** Lets go of the values of references that were collected. */
const registry = new FinalizationRegistry(index => wire.releaseHostValue(index));

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
		return Promise.resolve(value).then(settled => argument(settled, flags & ~PROMISE));
	}
	switch (flags & 3) {
		case COPY: return copyOf(value);
		case EXTERNAL_COPY: return new ExternalCopy(value);
		case REFERENCE: return new classes.Reference(value);
		default:
	}
	if (typeof value === 'object' && value !== null) {
		if (classes.Dereference.is(value)) {
			return classes.Dereference.here(value);
		}
		if (Copy.is(value)) {
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
	return require('./handle').idOf(value) !== undefined || wire.hooks.isSpecial(value);
}

/** A value as it is returned with these flags; what has no other way becomes a reference. */
function result(value, flags, unsafeInherit = false) {
	if (flags & PROMISE) {
		return Promise.resolve(value).then(settled => result(settled, flags & ~PROMISE, unsafeInherit));
	}
	switch (flags & 3) {
		case COPY: return copyOf(value);
		case EXTERNAL_COPY: return new ExternalCopy(value);
		case REFERENCE: return new classes.Reference(value, { unsafeInherit });
		default:
	}
	return typeof value === 'symbol' || (typeof value === 'object' && value !== null && !isOwn(value)) ?
		new classes.Reference(value, { unsafeInherit }) : value;
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
	if (typeof key !== 'string' && !(typeof key === 'number' && (key | 0) === key)) {
		throw typeError('Invalid `key`', 'ERR_REFERENCE');
	}
	return key;
}

function get(host, key, flags) {
	const object = objectOf(host);
	keyOf(key);
	for (let link = object; link !== null; link = host.unsafeInherit ? Object.getPrototypeOf(link) : null) {
		const descriptor = Object.getOwnPropertyDescriptor(link, key);
		if (descriptor !== undefined) {
			if (!Object.hasOwn(descriptor, 'value') && !(flags & ACCESSORS)) {
				throw typeError('Property is getter', 'ERR_REFERENCE');
			}
			return result(object[key], flags, host.unsafeInherit);
		}
	}
	return result(undefined, flags);
}

function set(host, key, value, flags) {
	const object = objectOf(host);
	keyOf(key);
	const arrived = argument(value, flags);
	if (!Reflect.defineProperty(object, key, { value: arrived, writable: true, enumerable: true, configurable: true })) {
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

module.exports = {
	apply, applyIgnored, get, registry, remove, result, set,
	setClasses(all) {
		classes = all;
	},
};
