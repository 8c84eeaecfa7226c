'use strict';

/** The library as a value that crosses, and what others ask of values of this environment. */

const hostReference = require('./host-reference');
const { Reference } = require('./reference');
const wire = require('./wire');

hostReference.setReference(Reference);
wire.hooks.serve = hostReference.serve;

/** What the library is an instance of: inside copied values only instances of classes are looked at twice. */
class Library {}

module.exports = {
	/** Names the object that arrives in guests as the library. */
	setLibrary(library) {
		Object.setPrototypeOf(library, Library.prototype);
		wire.hooks.library = library;
	},
};
