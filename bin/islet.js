#!/usr/bin/env node
'use strict';

/**
 * The command line: `islet run` and `islet doctor`.
 *
 * Exit codes: 0 fine; 1 the script threw; 2 wrong usage, or the script can't be read; 3 its time was over;
 * 4 it passed its memory limit; 5 V8 gave its isolate up.
 */

const COMMANDS = {
	run: () => require('./run'),
	doctor: () => require('./doctor'),
};

const HELP = `Usage: islet run [options] [FILE]     runs JavaScript in an isolate; without FILE, or with -, from standard input
       islet doctor                   says what is installed, and tries it

islet run --help says more.`;

async function main([name, ...rest]) {
	if (name === '--version' || name === '-v') {
		console.log(require('../package.json').version);
		return 0;
	}
	if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
		console.log(HELP);
		return name === undefined ? 2 : 0;
	}
	if (!Object.hasOwn(COMMANDS, name)) {
		console.error(`islet: no command \`${name}\`\n\n${HELP}`);
		return 2;
	}
	return COMMANDS[name]()(rest);
}

main(process.argv.slice(2)).then(code => {
	// A script may have left calls behind: nobody waits for them.
	process.exitCode = code;
	if (code !== undefined) {
		process.stdout.write('', () => process.exit());
	}
});
