'use strict';

/** What every method of a handle class asks of its receiver, on either face. */

const { illegalInvocation, released } = require('./errors');

/**
 * @param {(handle: object) => number | undefined} idOf
 * @param {(handle: object) => string | undefined} kindOf
 */
function receiver(idOf, kindOf) {
	/**
	 * The id of a handle that may have been released.
	 * @param {object} handle
	 * @param {string} kind Its class, as errors name it: a method may be called on anything.
	 */
	function own(handle, kind) {
		if (typeof handle !== 'object' || handle === null || kindOf(handle) !== kind) {
			throw illegalInvocation();
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

	return { open, own };
}

module.exports = { receiver };
