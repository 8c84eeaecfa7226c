'use strict';

/** `islet doctor`: what is installed and on what, and whether it works. */

const os = require('node:os');
const { readFileSync } = require('node:fs');

function limitOf(file) {
	try {
		return readFileSync(file, 'utf8').trim();
	} catch {
		return undefined;
	}
}

function facts(islet) {
	const { versions, platform, arch } = process;
	const runtime = versions.bun ? `Bun ${versions.bun}` : versions.deno ? `Deno ${versions.deno}` : `Node ${versions.node}`;
	const maps = limitOf('/proc/sys/vm/max_map_count');
	return [
		['islet', islet.versions.islet],
		['V8 of guests', islet.versions.v8],
		['V8 flags', islet.versions.flags],
		['runtime', `${runtime}, its own V8 ${versions.v8}`],
		['platform', `${platform} ${arch}, ${os.release()}`],
		['CPUs', String(os.availableParallelism?.() ?? os.cpus().length)],
		['memory', `${Math.round(os.totalmem() / 2 ** 20)} MB, ${Math.round(os.freemem() / 2 ** 20)} MB free`],
		// An isolate takes some seven maps.
		...maps === undefined ? [] : [['memory maps', `${maps}: enough for about ${Math.floor(maps / 7)} isolates`]],
	];
}

/** Each check: what it tries, and a function that throws or rejects. */
const CHECKS = {
	'runs code': ({ context }) => same(context.evalSync('[1, 2].map(n => n * 2).join()'), '2,4'),
	'calls both ways': ({ context }) => {
		context.global.setSync('twice', n => n * 2);
		same(context.evalSync('n => twice(n) + 1')(4), 9);
	},
	'copies data': ({ context, islet }) => {
		const value = { a: [1, new Date(0)], b: new Map([[1, 'x']]) };
		context.global.setSync('value', new islet.ExternalCopy(value).copyInto());
		same(context.evalSync('value.b.get(1) + value.a.length'), 'x2');
	},
	'waits for promises': async ({ context }) => same(await context.eval('(async () => 7)()', { promise: true }), 7),
	'ends loops': ({ context }) => fails(() => context.evalSync('for (;;);', { timeout: 50 }), 'ERR_TIMEOUT'),
	'bounds memory': ({ islet }) => {
		const context = new islet.Isolate({ memoryLimit: 8 }).createContextSync();
		fails(() => context.evalSync('const all = []; for (;;) all.push(new Array(1000).fill(0));'), 'ERR_MEMORY_LIMIT');
	},
	'survives fatal errors of V8': ({ islet }) => {
		const context = new islet.Isolate({ memoryLimit: 64 }).createContextSync();
		fails(() => context.evalSync('"x".repeat(2 ** 28).split("")', { timeout: 5000 }), 'ERR_MEMORY_LIMIT', 'ERR_ENGINE_FATAL');
	},
};

function same(actual, expected) {
	if (actual !== expected) {
		throw new Error(`gave ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
	}
}

function fails(body, ...codes) {
	let code = 'no error';
	try {
		body();
	} catch (error) {
		code = error.code ?? error.message;
	}
	if (!codes.includes(code)) {
		throw new Error(`gave ${code} instead of ${codes.join(' or ')}`);
	}
}

/** @param {string[]} args @returns {Promise<number>} the exit code */
module.exports = async args => {
	if (args.length > 0) {
		console.error('islet doctor takes no arguments');
		return args[0] === '--help' || args[0] === '-h' ? 0 : 2;
	}
	let islet;
	try {
		islet = require('..');
	} catch (error) {
		console.error(`islet can't be loaded: ${error.message}`);
		return 1;
	}
	for (const [name, value] of facts(islet)) {
		console.log(`${name.padEnd(14)}${value}`);
	}
	console.log('');
	let failed = 0;
	for (const [name, check] of Object.entries(CHECKS)) {
		const isolate = new islet.Isolate();
		try {
			await check({ islet, isolate, context: isolate.createContextSync() });
			console.log(`fine    ${name}`);
		} catch (error) {
			++failed;
			console.log(`FAILED  ${name}: ${error.message}`);
		} finally {
			if (!isolate.isDisposed) {
				isolate.dispose();
			}
		}
	}
	return failed === 0 ? 0 : 1;
};
