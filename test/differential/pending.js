'use strict';

/**
 * Areas of programs for what islet does not have yet: what isolated-vm does is recorded, islet isn't compared.
 * `inside` stands for programs that run inside a guest.
 */

module.exports = [
	'inside', 'nested', 'modules', 'snapshots', 'inspector', 'shared',
	'habits: a guest runs code on itself, catches the timeout, and goes on',
	'habits: a guest reads its own figures',
	'habits: a guest disposes its own isolate',
	'habits: handles set as globals, used at the start, then deleted',
	'habits: a console made of references',
	'habits: setTimeout for guests',
	'habits: fetch for guests by a promised apply',
	'promise: reference to an async host function',
	'isolate: inspector must be a boolean',
	'isolate: snapshot must be an external copy of a buffer',
	'isolate: createContext with wrong options',
	'isolate: members of the library',
];
