'use strict';

const channel = require('./channel');
const { isCallback, callbackParts } = require('./callback');
const { DISPOSE } = require('./disposable');
const { illegalInvocation, released, typeError, withCode } = require('./errors');
const { Copy } = require('./external-copy');
const { Handle, MAKE, drop, idOf, kindOf, open, pin, unpin } = require('./handle');
const {
	ACCESSORS, COPY, ELSE_COPY, ELSE_REFERENCE,
	arrayArgument, boolean, directionOf, optionsOf, required, timeoutOf, transferOf,
} = require('./options');
const wire = require('./wire');
const hostReference = require('./host-reference');

const GET = 6;
const SET = 7;
const DELETE = 8;
const APPLY = 9;
const COPY_VALUE = 10;
const KIND = 3;

const NO_ARGUMENTS = [];

function writeKey(key) {
	if (typeof key !== 'string' && !(typeof key === 'number' && (key | 0) === key)) {
		throw typeError('Invalid `key`', 'ERR_REFERENCE');
	}
	wire.writeValue(key, 0);
	return 0;
}

function writeSet(key, value, flags) {
	writeKey(key);
	wire.writeValue(value, flags);
	return 0;
}

function writeApply(receiver, values, flags) {
	wire.writeValue(receiver, 0);
	const count = values.length;
	for (let i = 0; i < count; ++i) {
		wire.writeValue(values[i], flags);
	}
	return count;
}

/** A pointer to a value of any isolate, or of this environment. */
class Reference extends Handle {
	#typeof;
	/** Set when it refers to a value of this environment: its index, and how `get` looks. */
	#host;

	constructor(value, options, type) {
		if (value === MAKE) {
			super(MAKE, options, 'Reference');
			this.#typeof = type;
			return;
		}
		required(arguments.length, 1, 'Reference');
		options = optionsOf(options, 'Reference', 2);
		const unsafeInherit = options !== undefined && boolean(options, 'unsafeInherit');
		super(MAKE, -2, 'Reference');
		this.#refer(wire.keepHostValue(value), unsafeInherit);
	}

	#refer(index, unsafeInherit) {
		this.#host = { index, unsafeInherit };
		this.#typeof = wire.TYPES[wire.typeCode(wire.hostValues[index].value)];
		hostReference.registry.register(this, index, this);
	}

	static {
		wire.hooks.makeReference = index => {
			const reference = new Reference(MAKE, -2);
			reference.#refer(index, false);
			return reference;
		};
		wire.hooks.hostReference = value => #host in value ? value.#host?.index : undefined;
		wire.hooks.check = handle => {
			if (idOf(handle) < 0) {
				throw released(kindOf(handle));
			}
		};
	}

	/** Whether it refers to a value of this environment; throws when it was released. */
	static #open(reference) {
		if (typeof reference !== 'object' || reference === null || !(#host in reference)) {
			throw illegalInvocation();
		}
		return reference.#host === undefined ? open(reference, 'Reference') : -2;
	}

	get typeof() {
		Reference.#open(this);
		return this.#typeof;
	}

	// --- get, set, delete ------------------------------------------------------------------------

	static #get(self, call, method, count, key, options) {
		const id = Reference.#open(self);
		required(count, 1, method);
		options = optionsOf(options, method, 2);
		const flags = options === undefined ? ELSE_REFERENCE :
			transferOf(options) | ELSE_REFERENCE | (boolean(options, 'accessors') ? ACCESSORS : 0);
		if (id === -2) {
			return hostReference.get(self.#host, key, flags);
		}
		return call(GET, id, flags, 0, 0, writeKey, key);
	}

	async get(key, options) {
		return Reference.#get(this, channel.callAsync, 'get', arguments.length, key, options);
	}

	getSync(key, options) {
		return Reference.#get(this, channel.callSync, 'getSync', arguments.length, key, options);
	}

	static #set(self, call, method, count, key, value, options) {
		const id = Reference.#open(self);
		required(count, 2, method);
		options = optionsOf(options, method, 3);
		const flags = options === undefined ? 0 : transferOf(options);
		if (id === -2) {
			return hostReference.set(self.#host, key, value, flags);
		}
		return call(SET, id, 0, 0, 0, writeSet, key, value, flags);
	}

	async set(key, value, options) {
		return Reference.#set(this, channel.callAsync, 'set', arguments.length, key, value, options);
	}

	setSync(key, value, options) {
		return Reference.#set(this, channel.callSync, 'setSync', arguments.length, key, value, options);
	}

	setIgnored(key, value, options) {
		Reference.#set(this, channel.callIgnored, 'setIgnored', arguments.length, key, value, options);
	}

	static #delete(self, call, method, count, key) {
		const id = Reference.#open(self);
		required(count, 1, method);
		if (id === -2) {
			return hostReference.remove(self.#host, key);
		}
		return call(DELETE, id, 0, 0, 0, writeKey, key);
	}

	async delete(key) {
		return Reference.#delete(this, channel.callAsync, 'delete', arguments.length, key);
	}

	deleteSync(key) {
		return Reference.#delete(this, channel.callSync, 'deleteSync', arguments.length, key);
	}

	deleteIgnored(key) {
		Reference.#delete(this, channel.callIgnored, 'deleteIgnored', arguments.length, key);
	}

	// --- apply -----------------------------------------------------------------------------------

	static #apply(self, call, method, receiver, values, options) {
		const id = Reference.#open(self);
		values = values === undefined ? NO_ARGUMENTS : arrayArgument(values, method, 2);
		if (options === undefined && id >= 0) {
			return call(APPLY, id, ELSE_REFERENCE, 0, 0, writeApply, receiver, values, 0);
		}
		options = optionsOf(options, method, 3) ?? {};
		const result = directionOf(options, 'result') | ELSE_REFERENCE;
		const flags = directionOf(options, 'arguments');
		const timeout = timeoutOf(options);
		if (id === -2) {
			return call === channel.callIgnored ?
				hostReference.applyIgnored(self.#host, receiver, values, flags) :
				hostReference.apply(self.#host, receiver, values, flags, result);
		}
		return call(APPLY, id, result, timeout, 0, writeApply, receiver, values, flags);
	}

	async apply(receiver, values, options) {
		return Reference.#apply(this, channel.callAsync, 'apply', receiver, values, options);
	}

	applySync(receiver, values, options) {
		return Reference.#apply(this, channel.callSync, 'applySync', receiver, values, options);
	}

	applyIgnored(receiver, values, options) {
		Reference.#apply(this, channel.callIgnored, 'applyIgnored', receiver, values, options);
	}

	applySyncPromise() {
		Reference.#open(this);
		throw withCode(new Error('This function may not be called from the default thread'), 'ERR_WRONG_THREAD');
	}

	// --- copy, deref, release ----------------------------------------------------------------------

	async copy() {
		return Reference.#copy(this, channel.callAsync);
	}

	copySync() {
		return Reference.#copy(this, channel.callSync);
	}

	static #copy(self, call) {
		const id = Reference.#open(self);
		return id === -2 ?
			hostReference.result(wire.hostValues[self.#host.index].value, COPY) :
			call(COPY_VALUE, id, 0, 0, 0, channel.nothing);
	}

	deref(options) {
		const id = Reference.#open(this);
		options = optionsOf(options, 'deref', 1);
		const release = options !== undefined && boolean(options, 'release');
		if (id !== -2) {
			throw typeError('Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
		}
		const { value } = wire.hostValues[this.#host.index];
		if (release) {
			this.release();
		}
		return value;
	}

	derefInto(options) {
		Reference.#open(this);
		options = optionsOf(options, 'derefInto', 1);
		const release = options !== undefined && boolean(options, 'release');
		return new Dereference(MAKE, this, release);
	}

	release() {
		if (Reference.#open(this) === -2) {
			const { index } = this.#host;
			this.#host = undefined;
			drop(this);
			hostReference.registry.unregister(this);
			wire.releaseHostValue(index);
		} else {
			channel.release(drop(this));
		}
	}

	[DISPOSE]() {
		if (this.#host !== undefined || idOf(this) >= 0) {
			this.release();
		}
	}
}

/** What `derefInto()` gives: arrives as what the reference refers to. */
class Dereference {
	#reference;
	#id;
	/** Arrived once: from then on the reference itself has to be alive. */
	#used = false;
	#once;

	constructor(make, reference, release) {
		if (make !== MAKE) {
			throw new TypeError('`Dereference` can\'t be constructed; `derefInto()` makes it');
		}
		this.#reference = reference;
		this.#id = pin(reference);
		this.#once = release;
		if (release && this.#id >= 0) {
			drop(reference);
		}
	}

	static is(value) {
		return #reference in value;
	}

	static write(value) {
		const host = wire.hooks.hostReference(value.#reference);
		if (host !== undefined) {
			throw typeError('Cannot dereference this into target isolate', 'ERR_WRONG_ISOLATE');
		}
		if (value.#used) {
			if (value.#once) {
				throw withCode(new Error('The return value of `derefInto()` should only be used once'), 'ERR_RELEASED');
			}
			open(value.#reference, 'Reference');
		}
		wire.u8(wire.DEREF);
		wire.u32(value.#id);
		if (!value.#used) {
			value.#used = true;
			const id = unpin(value.#reference);
			if (id >= 0) {
				queueMicrotask(() => channel.release(id));
			}
		}
	}

	/** The value itself, for references to this environment that come back to it. */
	static here(value) {
		return value.#reference.deref(value.#once ? { release: true } : undefined);
	}
}

/** Whether `value` is written in a way of its own. */
function isSpecial(value) {
	return Dereference.is(value) || Copy.is(value) || isCallback(value);
}

wire.hooks.isSpecial = isSpecial;

wire.hooks.special = value => {
	if (Dereference.is(value)) {
		Dereference.write(value);
	} else if (Copy.is(value)) {
		Copy.write(value);
	} else if (isCallback(value)) {
		const [fn, mode] = callbackParts(value);
		wire.writeFunction(fn, mode);
	} else {
		return false;
	}
	return true;
};

wire.hooks.make[KIND] = (id, type) => new Reference(MAKE, id, type);

wire.hooks.makeFunction = (id, mode, name, length) => {
	const made = (...values) => channel.callSync(APPLY, id, ELSE_COPY, 0, 0, writeApply, undefined, values, ELSE_COPY);
	Object.defineProperty(made, 'name', { value: name, configurable: true });
	Object.defineProperty(made, 'length', { value: length, configurable: true });
	return made;
};

hostReference.setClasses({ Reference, Dereference });

module.exports = { Dereference, Reference };
