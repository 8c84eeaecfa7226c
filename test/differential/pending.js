'use strict';

/**
 * Areas of programs for what islet does not have yet: what isolated-vm does is recorded, islet isn't compared.
 */

module.exports = [
	'inspector',
	'isolate: inspector must be a boolean',
	'isolate: createContext with wrong options',
	'isolate: createContext with wrong options (inside)',
	'isolate: members of the library',
];
