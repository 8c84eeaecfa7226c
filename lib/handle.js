'use strict';

/**
 * Handles: JavaScript objects that stand for a place in the addon's handle table.
 */

const { illegalConstructor } = require('./errors');
const { receiver } = require('./receiver');

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
let pin;
let unpin;

/** Base of every class that stands for something in the addon. */
class Handle {
	/** The place in the handle table; -1 after release. */
	#id;
	/** Its class, as errors name it. */
	#kind;
	/** What still has to arrive somewhere by this handle, also when it is released meanwhile. */
	#pins = 0;
	/** The id of a released handle while there are pins. */
	#pinned = -1;

	constructor(make, id, kind) {
		if (make !== MAKE) {
			throw illegalConstructor(new.target.name, 'the library');
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
			if (id < 0) {
				return id;
			}
			handle.#id = -1;
			if (handle.#pins > 0) {
				handle.#pinned = id;
				return -1;
			}
			registry.unregister(handle);
			return id;
		};
		pin = handle => {
			++handle.#pins;
			return handle.#id;
		};
		unpin = handle => {
			if (--handle.#pins > 0 || handle.#pinned < 0) {
				return -1;
			}
			const id = handle.#pinned;
			handle.#pinned = -1;
			registry.unregister(handle);
			return id;
		};
	}
}

/** What `Callback` is made from; guests have one of their own. */
class CallbackBase {}

const { open, own } = receiver(idOf, kindOf);

module.exports = {
	CallbackBase,
	Handle,
	MAKE,
	/** The id of a handle, -1 when released, undefined for any other object. */
	idOf: value => idOf(value),
	/** Its class, as errors name it. */
	kindOf: value => kindOf(value),
	/** Marks a handle as released; the id that is to be let go of, -1 when it still has pins. */
	drop: handle => drop(handle),
	/** Keeps a handle's id valid until {@link unpin}, or until the handle is collected; the id. */
	pin: handle => pin(handle),
	/** Takes a pin back; the id that is to be let go of, -1 when there is none. */
	unpin: handle => unpin(handle),
	open,
	own,
	registry,
	unreachable,
	setOnUnreachable(callback) {
		onUnreachable = callback;
	},
};
