'use strict';

/**
 * Instances in a guest: each has a place in the guest's table of foreign things (`src/engine/transfer/foreign.rs`), which is
 * emptied when the instance is collected. The same functions as `lib/handle.js` has.
 */

const { illegalConstructor } = require('../errors');
const { receiver } = require('../receiver');
const { Base, callback, library, release, seal, token } = require('./native');

/** Only the library makes handles. No symbol: `Symbol` may be the guest's own by now. */
const MAKE = token;

/** Classes by name, as their numbers on the wire (src/engine/transfer/foreign.rs). */
const CLASSES = { __proto__: null, Isolate: 0, Context: 1, Script: 2, Reference: 3, Copy: 4, Module: 5 };
const NO_CLASS = 255;

let idOf;
let kindOf;
let drop;

/** Base of every class that stands for something elsewhere. */
class Handle extends Base {
	/** The place in the table; -1 after release. */
	#id;
	/** Its class, as errors name it. */
	#kind;

	constructor(make, id, kind) {
		if (make !== MAKE) {
			throw illegalConstructor(new.target.name, 'the library');
		}
		super(token, id, CLASSES[kind], undefined);
		this.#id = id;
		this.#kind = kind;
	}

	static {
		idOf = value => #id in value ? value.#id : undefined;
		kindOf = value => #kind in value ? value.#kind : undefined;
		drop = handle => {
			const id = handle.#id;
			if (id >= 0) {
				handle.#id = -1;
				release(handle);
			}
			return id;
		};
	}
}

/** What `Callback` is made from. */
class CallbackBase extends Base {
	constructor(fn, mode) {
		super(token, callback(mode), NO_CLASS, fn);
	}
}

/** What `derefInto()` and `copyInto()` give. */
class Special extends Base {
	constructor(id) {
		super(token, id, NO_CLASS, undefined);
	}
}

/** The library itself: it crosses as such. */
class Library extends Base {
	constructor() {
		super(token, library(), NO_CLASS, undefined);
	}
}

// `super(…)` calls whatever the prototype of a class is at that moment: nobody else may be put there, and be told the token.
seal(Handle);
seal(CallbackBase);
seal(Special);
seal(Library);

const { open, own } = receiver(idOf, kindOf);

module.exports = { CallbackBase, Handle, Library, MAKE, Special, drop, idOf, kindOf, open, own };
