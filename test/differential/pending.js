'use strict';

/**
 * Areas of programs for what islet does not have yet: what isolated-vm does is recorded, islet isn't compared.
 */

module.exports = [
	'snapshots', 'inspector',
	'isolate: inspector must be a boolean',
	'isolate: snapshot must be an external copy of a buffer',
	'isolate: createContext with wrong options',
	'isolate: createContext with wrong options (inside)',
	'isolate: members of the library',
];
