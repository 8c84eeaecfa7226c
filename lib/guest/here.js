'use strict';

/** What errors need to know of the place that the library runs in: here, a guest. */

const { mark } = require('./native');

module.exports = {
	/** No stack has frames of it that would have to go. */
	OWN_FRAMES: 'islet:',
	/** The error is the library's: its code is kept when it leaves the guest. */
	mark,
};
