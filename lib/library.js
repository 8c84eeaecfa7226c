'use strict';

/** The library as a value that crosses, and what others ask of values of this environment. */

const hostReference = require('./host-reference');
const { Reference } = require('./reference');
const wire = require('./wire');

hostReference.setReference(Reference);
wire.hooks.serve = hostReference.serve;

module.exports = {
	/** Names the object that arrives in guests as the library. */
	setLibrary(library) {
		wire.hooks.library = library;
	},
};
