'use strict';

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { illegalInvocation, typeError } = require('./errors');
const { Handle, MAKE, drop, open, own } = require('./handle');
const hostReference = require('./host-reference');
const {
	ACCESSORS, ELSE_REFERENCE, PROMISE,
	arrayArgument, boolean, directionOf, limitsOf, optionsOf, required, transferOf,
} = require('./options');
const { Dereference } = require('./special');
const wire = require('./wire');

const GET = 6;
const SET = 7;
const DELETE = 8;
const APPLY = 9;
const COPY_VALUE = 10;
const KIND = 3;

const NO_ARGUMENTS = [];

function writeKey(key) {
	if (typeof key !== 'string' && !(typeof key === 'number' && ((key | 0) === key || key >>> 0 === key))) {
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
		const { id, host, type: own } = hostReference.refer(value, unsafeInherit);
		super(MAKE, id, 'Reference');
		this.#adopt(host, own);
	}

	#adopt(host, type) {
		this.#host = host;
		this.#typeof = type;
		if (host !== undefined) {
			hostReference.watch(this, host);
		}
	}

	static {
		wire.hooks.makeReference = index => {
			const reference = new Reference(MAKE, -2);
			const host = hostReference.share(index);
			reference.#adopt(host, hostReference.typeOf(host));
			return reference;
		};
		wire.hooks.hostReference = value => #host in value ? value.#host?.index : undefined;
	}

	/**
	 * Its id, -2 when it refers to a value of this environment; throws when it was released. Asked for first, as any mistake of
	 * this kind comes first, and again when all options are read: they may have getters, which may release it.
	 */
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
		Reference.#open(self);
		required(count, 1, method);
		options = optionsOf(options, method, 2);
		const flags = options === undefined ? ELSE_REFERENCE :
			transferOf(options) | ELSE_REFERENCE | (boolean(options, 'accessors') ? ACCESSORS : 0);
		const limits = options === undefined ? 0 : limitsOf(options);
		const id = Reference.#open(self);
		if (id === -2) {
			return hostReference.get(self.#host, key, flags);
		}
		return call(GET, id, flags, limits, 0, writeKey, key);
	}

	async get(key, options) {
		return channel.outcome(await Reference.#get(this, channel.callLater, 'get', arguments.length, key, options));
	}

	getSync(key, options) {
		return Reference.#get(this, channel.callSync, 'getSync', arguments.length, key, options);
	}

	static #set(self, call, method, count, key, value, options) {
		Reference.#open(self);
		required(count, 2, method);
		options = optionsOf(options, method, 3);
		const flags = options === undefined ? 0 : transferOf(options);
		const id = Reference.#open(self);
		if (id === -2) {
			return hostReference.set(self.#host, key, value, flags);
		}
		return call(SET, id, 0, 0, 0, writeSet, key, value, flags);
	}

	async set(key, value, options) {
		return channel.outcome(await Reference.#set(this, channel.callLater, 'set', arguments.length, key, value, options));
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
		return channel.outcome(await Reference.#delete(this, channel.callLater, 'delete', arguments.length, key));
	}

	deleteSync(key) {
		return Reference.#delete(this, channel.callSync, 'deleteSync', arguments.length, key);
	}

	deleteIgnored(key) {
		Reference.#delete(this, channel.callIgnored, 'deleteIgnored', arguments.length, key);
	}

	// --- apply -----------------------------------------------------------------------------------

	static #apply(self, call, method, receiver, values, options) {
		Reference.#open(self);
		values = values === undefined ? NO_ARGUMENTS : arrayArgument(values, method, 2);
		options = optionsOf(options, method, 3);
		const result = options === undefined ? ELSE_REFERENCE : directionOf(options, 'result') | ELSE_REFERENCE;
		const flags = options === undefined ? 0 : directionOf(options, 'arguments');
		const limits = options === undefined ? 0 : limitsOf(options);
		const id = Reference.#open(self);
		if (id === -2 && call !== channel.callSyncPromise) {
			return call === channel.callIgnored ?
				hostReference.applyIgnored(self.#host, receiver, values, flags) :
				hostReference.apply(self.#host, receiver, values, flags, result);
		}
		return call(APPLY, id, result, limits, 0, writeApply, receiver, values, flags);
	}

	async apply(receiver, values, options) {
		return channel.outcome(await Reference.#apply(this, channel.callLater, 'apply', receiver, values, options));
	}

	applySync(receiver, values, options) {
		return Reference.#apply(this, channel.callSync, 'applySync', receiver, values, options);
	}

	applyIgnored(receiver, values, options) {
		Reference.#apply(this, channel.callIgnored, 'applyIgnored', receiver, values, options);
	}

	applySyncPromise(receiver, values, options) {
		return Reference.#apply(this, channel.callSyncPromise, 'applySyncPromise', receiver, values, options);
	}

	// --- copy, deref, release ----------------------------------------------------------------------

	async copy() {
		return channel.outcome(await Reference.#copy(this, channel.callLater));
	}

	copySync() {
		return Reference.#copy(this, channel.callSync);
	}

	static #copy(self, call) {
		const id = Reference.#open(self);
		return id === -2 ?
			hostReference.copy(self.#host) :
			call(COPY_VALUE, id, 0, 0, 0, channel.nothing);
	}

	deref(options) {
		Reference.#open(this);
		options = optionsOf(options, 'deref', 1);
		const release = options !== undefined && boolean(options, 'release');
		const id = Reference.#open(this);
		const value = hostReference.deref(id, this.#host);
		if (release) {
			this.release();
		}
		return value;
	}

	derefInto(options) {
		Reference.#open(this);
		options = optionsOf(options, 'derefInto', 1);
		const release = options !== undefined && boolean(options, 'release');
		const id = Reference.#open(this);
		const into = new Dereference(MAKE, this, release);
		if (release && id === -2) {
			this.#releaseHost();
		}
		return into;
	}

	release() {
		if (Reference.#open(this) === -2) {
			this.#releaseHost();
		} else {
			channel.release(drop(this));
		}
	}

	#releaseHost() {
		const host = this.#host;
		this.#host = undefined;
		drop(this);
		hostReference.release(this, host);
	}

	[DISPOSE]() {
		if (own(this, 'Reference') >= 0 || this.#host !== undefined) {
			this.release();
		}
	}
}

wire.hooks.make[KIND] = (id, type) => new Reference(MAKE, id, type);

module.exports = { Reference };
