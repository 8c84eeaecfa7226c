'use strict';

/** Guests don't debug others: what they would hear waits in the host's memory. */

const { withCode } = require('../errors');

/** As `lib/inspector-session.js` has it. */
function openSession() {
	throw withCode(new TypeError('The inspector is not supported inside a guest'), 'ERR_NOT_SUPPORTED');
}

module.exports = { openSession };
