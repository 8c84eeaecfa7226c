'use strict';

/**
 * References to values of the guest itself. They are like all others, and operations on them are requests to the guest's own
 * isolate: so there is nothing here of what `lib/host-reference.js` does for a Node environment.
 */

const native = require('./native');

module.exports = {
	/** What a new `Reference` is made of. */
	refer(value, unsafeInherit) {
		const type = value === null ? 'null' : typeof value;
		return {
			id: native.keep(value, unsafeInherit),
			host: undefined,
			type: type === 'symbol' || type === 'bigint' ? 'object' : type,
		};
	},
	/** The value itself, if it is one of this isolate. */
	deref: native.deref,
};
