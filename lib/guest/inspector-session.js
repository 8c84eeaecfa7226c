'use strict';

/** Guests don't debug others: what they would hear waits in the host's memory. */

const { withCode } = require('../errors');

function refuse() {
	throw withCode(new TypeError('The inspector is not supported inside a guest'), 'ERR_NOT_SUPPORTED');
}

class InspectorSession {
	constructor() {
		refuse();
	}
}

module.exports = { InspectorSession, openSession: refuse };
