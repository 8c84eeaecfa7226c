'use strict';

/**
 * What errors need to know of the place that the library runs in: here, a Node environment. Guests have `guest/here.js`.
 */

const { sep } = require('node:path');

module.exports = {
	/** How frames of the library itself are told from the user's. */
	OWN_FRAMES: __dirname + sep,
	/** Nobody has to be told that an error is the library's own. */
	mark() {},
};
