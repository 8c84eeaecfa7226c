'use strict';

/**
 * Handles: JavaScript objects that stand for a place in the addon's handle table.
 */

const { released } = require('./errors');

/** Handles whose objects were collected; emptied by the channel, outside any call. */
const unreachable = [];
let onUnreachable = () => {};

const registry = new FinalizationRegistry(id => {
	unreachable.push(id);
	if (unreachable.length === 1) {
		onUnreachable();
	}
});

/** Only the library makes handles. */
const MAKE = Symbol('make');

let idOf;
let kindOf;
let drop;

/** Base of every class that stands for something in the addon. */
class Handle {
	/** The place in the handle table; -1 after release. */
	#id;
	/** Its class, as errors name it. */
	#kind;

	constructor(make, id, kind) {
		if (make !== MAKE) {
			throw new TypeError(`\`${new.target.name}\` can't be constructed; it is made by the library`);
		}
		this.#id = id;
		this.#kind = kind;
		if (id >= 0) {
			registry.register(this, id, this);
		}
	}

	static {
		idOf = value => #id in value ? value.#id : undefined;
		kindOf = value => #kind in value ? value.#kind : undefined;
		drop = handle => {
			const id = handle.#id;
			if (id >= 0) {
				handle.#id = -1;
				registry.unregister(handle);
			}
			return id;
		};
	}
}

/**
 * The id of a handle that may have been released.
 * @param {Handle} handle
 * @param {string} kind Its class, as errors name it: a method may be called on anything.
 */
function own(handle, kind) {
	if (typeof handle !== 'object' || handle === null || kindOf(handle) !== kind) {
		throw new TypeError('Illegal invocation');
	}
	return idOf(handle);
}

/** The id of a handle that is used. Parameters as of {@link own}. */
function open(handle, kind) {
	const id = own(handle, kind);
	if (id < 0) {
		throw released(kind);
	}
	return id;
}

module.exports = {
	Handle,
	MAKE,
	/** The id of a handle, -1 when released, undefined for any other object. */
	idOf: value => idOf(value),
	/** Its class, as errors name it. */
	kindOf: value => kindOf(value),
	/** Marks a handle as released and gives the id it had. */
	drop: handle => drop(handle),
	open,
	own,
	registry,
	unreachable,
	setOnUnreachable(callback) {
		onUnreachable = callback;
	},
};
