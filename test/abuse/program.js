'use strict';

/**
 * Runs calls.js on a class, on the host or inside a guest. A process of its own (abuse.test.js): a crash or a hang is what it
 * looks for.
 *
 *   node program.js CLASS FACE TRACE
 *
 * TRACE is a file that holds the call that is being made.
 */

const { openSync, writeSync } = require('node:fs');
const islet = require('../..');
const { abuse } = require('./calls');

const [, , className, face, traceFile] = process.argv;

const file = openSync(traceFile, 'w');
const trace = label => writeSync(file, `${label}\n`.padEnd(300), 0);
const unhandled = [];
process.on('unhandledRejection', error => {
	if (error?.message !== 'mine') {
		unhandled.push({ what: `unhandled rejection: ${error?.message}`, count: 1 });
	}
});

async function inside() {
	const isolate = new islet.Isolate({ memoryLimit: 2048 });
	const context = isolate.createContextSync();
	context.global.setSync('ivm', islet);
	context.global.setSync('trace', trace);
	return context.eval(`(${abuse})(ivm, ${JSON.stringify(className)},
		{ inside: true, more: {}, trace, patience: () => new Promise(() => {}) })`, { promise: true, copy: true });
}

const outside = () => abuse(islet, className, {
	inside: false,
	more: { nodeBuffer: () => Buffer.from('pool') },
	trace,
	patience: () => new Promise(resolve => setTimeout(resolve, 10_000).unref()),
});

(face === 'inside' ? inside() : outside()).then(({ calls, findings }) => {
	writeSync(1, `\n@@${JSON.stringify({ calls, findings: [...findings, ...unhandled] })}\n`);
	process.exit(0);
}, error => {
	writeSync(1, `\n${error?.stack}\n`);
	process.exit(1);
});
