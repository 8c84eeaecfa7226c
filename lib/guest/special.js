'use strict';

/** What crosses in a way of its own: `derefInto()` and `copyInto()` of a guest. */

const { MAKE, Special, drop, open } = require('./handle');
const native = require('./native');

/** What `derefInto()` gives: arrives as what the reference refers to. */
class Dereference extends Special {
	constructor(make, reference, release) {
		if (make !== MAKE) {
			throw new TypeError('`Dereference` can\'t be constructed; `derefInto()` makes it');
		}
		super(native.derefInto(open(reference, 'Reference'), release));
		if (release) {
			drop(reference);
		}
	}
}

/** What `copyInto()` gives: arrives as a copy. */
class Copy extends Special {
	constructor(make, owner, release, transferIn) {
		if (make !== MAKE) {
			throw new TypeError('`Copy` can\'t be constructed; `copyInto()` makes it');
		}
		super(native.copyInto(open(owner, 'Copy'), release, transferIn));
		if (release) {
			drop(owner);
		}
	}
}

module.exports = {
	Copy, Dereference,
	/** Any buffer's memory may move. */
	checkTransferable() {},
};
