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
let drop;

/** Base of every class that stands for something in the addon. */
class Handle {
	/** The place in the handle table; -1 after release. */
	#id;

	constructor(make, id) {
		if (make !== MAKE) {
			throw new TypeError(`\`${new.target.name}\` can't be constructed; it is made by the library`);
		}
		this.#id = id;
		if (id >= 0) {
			registry.register(this, id, this);
		}
	}

	static {
		idOf = value => #id in value ? value.#id : undefined;
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
 * The id of a handle that is used.
 * @param {Handle} handle
 * @param {string} what Its class, for the error.
 */
function open(handle, what) {
	const id = typeof handle === 'object' && handle !== null ? idOf(handle) : undefined;
	if (id === undefined) {
		throw new TypeError('Illegal invocation');
	}
	if (id < 0) {
		throw released(what);
	}
	return id;
}

module.exports = {
	Handle,
	MAKE,
	/** The id of a handle, -1 when released, undefined for any other object. */
	idOf: value => idOf(value),
	/** Marks a handle as released and gives the id it had. */
	drop: handle => drop(handle),
	open,
	registry,
	unreachable,
	setOnUnreachable(callback) {
		onUnreachable = callback;
	},
};
