'use strict';

/**
 * Runs the programs of one file on one library, and writes what happens as lines of JSON. A process of its own:
 * programs may end it (harness.js goes on with the next one).
 *
 *   node child.js LIBRARY FILE FROM
 */

const { writeSync } = require('node:fs');
const { list } = require('./harness');
const { makeKit } = require('./kit');

const [, , library, file, from] = process.argv;
const say = line => writeSync(1, `\n@@${JSON.stringify(line)}\n`);

const write = event => say({ event });
process.on('unhandledRejection', reason => write(`unhandled rejection: ${reason?.message ?? reason}`));
process.on('uncaughtException', error => write(`uncaught exception: ${error?.message ?? error}`));

const turn = () => new Promise(resolve => setImmediate(resolve));
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Waits for a condition; the harness ends what never comes. */
async function until(condition) {
	while (!condition()) {
		await sleep(1);
	}
}

/** Gives a guest the library, and runs the program there. */
async function inside(ivm, program) {
	const isolate = new ivm.Isolate();
	const context = isolate.createContextSync();
	context.global.setSync('ivm', ivm);
	context.global.setSync('write', event => write(event));
	context.evalSync(`globalThis.kit = (${makeKit})(ivm, write); kit.inside = true; undefined`);
	await context.evalSync(`(${program})(kit).then(() => kit.cleanUp())`, { promise: true });
	isolate.dispose();
}

async function main() {
	const ivm = require(library);
	const programs = list(file);
	for (let i = Number(from); i < programs.length; ++i) {
		const { program, face } = programs[i];
		say({ start: i });
		try {
			if (face === 'inside') {
				await inside(ivm, program);
			} else {
				const kit = { ...makeKit(ivm, write), inside: false, turn, sleep, until };
				await program(kit);
				kit.cleanUp();
			}
		} catch (error) {
			write(`program fails: ${error?.stack?.includes('ReferenceError') ? error.stack : `${error?.name}: ${error?.message ?? error}`}`);
		}
		// What comes late belongs to this program.
		await turn();
		await turn();
		say({ end: i });
	}
	process.exit(0);
}

const alive = setInterval(() => {}, 1000);
main().finally(() => clearInterval(alive));
