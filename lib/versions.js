'use strict';

/** What is installed. */

const channel = require('./channel');
const { version } = require('../package.json');

const VERSIONS = 121;

const [v8, flags] = channel.local(VERSIONS, 0);

module.exports = {
	versions: Object.freeze({
		islet: version,
		v8,
		flags,
	}),
};
