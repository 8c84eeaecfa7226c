'use strict';

/** What crosses in a way of its own: `derefInto()` and `copyInto()` of a guest. */

const { illegalConstructor } = require('../errors');
const { MAKE, Special, drop, open } = require('./handle');
const native = require('./native');

/** What `derefInto()` gives: arrives as what the reference refers to. */
class Dereference extends Special {
	constructor(make, reference, release) {
		if (make !== MAKE) {
			throw illegalConstructor('Dereference', '`derefInto()`');
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
			throw illegalConstructor('Copy', '`copyInto()`');
		}
		super(native.copyInto(open(owner, 'Copy'), release, transferIn));
		if (release) {
			drop(owner);
		}
	}
}

native.seal(Dereference);
native.seal(Copy);

module.exports = {
	Copy, Dereference,
	isArrayBuffer: native.isArrayBuffer,
	/** Any buffer's memory may move; the addon looks for those that can't, before any does. */
	checkTransferable() {},
	checkTransferables() {},
};
