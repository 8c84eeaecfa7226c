'use strict';

/**
 * What the tests share: making guests, looking at errors, running programs that may crash or hang.
 */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { join } = require('node:path');
const { after, it } = require('node:test');

const ROOT = join(__dirname, '..');
const islet = require(ROOT);

/** The tests run on a slow V8 (see scripts/checked.mjs): fewer repetitions, longer deadlines. */
const FEW = process.env.ISLET_FEW === '1';
const DEADLINE = 30_000;

// What keeps a process alive is tested in child processes (lifecycle.test.js); here nothing ends for want of work.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

/** How often something is repeated: `count`, or a tenth of it on a slow V8. */
const times = count => FEW ? Math.max(2, Math.ceil(count / 10)) : count;

/** A new isolate with one context. */
function guest(options) {
	const isolate = new islet.Isolate(options);
	const context = isolate.createContextSync();
	return {
		isolate,
		context,
		jail: context.global,
		/** Evaluates and copies the result. */
		evaluate: (code, more) => context.evalSync(code, { copy: true, ...more }),
	};
}

/** What `body` throws. */
function thrown(body) {
	let value;
	try {
		value = body();
	} catch (error) {
		return error;
	}
	assert.fail(`nothing was thrown, but returned: ${typeof value}`);
}

/** What a promise is rejected with. */
async function rejection(promise) {
	assert.ok(promise instanceof Promise, 'a promise is expected');
	let value;
	try {
		value = await promise;
	} catch (error) {
		return error;
	}
	assert.fail(`the promise was not rejected, but fulfilled: ${typeof value}`);
}

/** Looks at an error's class, its message and, when given, its code. Returns the error. */
function assertError(error, Class, message, code) {
	assert.ok(error instanceof Error, `no error: ${typeof error}`);
	const seen = { class: Object.getPrototypeOf(error).constructor.name, message: error.message };
	const expected = { class: Class.name, message };
	if (message instanceof RegExp) {
		assert.match(error.message, message);
		expected.message = error.message;
	}
	if (code !== undefined) {
		seen.code = error.code;
		expected.code = code;
	}
	assert.deepEqual(seen, expected);
	return error;
}

/** `body` throws such an error. */
const throws = (body, Class, message, code) => assertError(thrown(body), Class, message, code);

/** `promise` is rejected with such an error. */
const rejects = async (promise, Class, message, code) => assertError(await rejection(promise), Class, message, code);

/**
 * Tests the same of a method's two forms. `body` gets a function that calls the method of an object and
 * gives a promise in either case.
 */
function inBothForms(title, method, body) {
	for (const form of [`${method}Sync`, method]) {
		it(`${title} (${form})`, () => body(async (target, ...rest) => target[form](...rest), form));
	}
}

/** Lets everything go on that is ready to. */
const turn = () => new Promise(resolve => setImmediate(resolve));

/** Turns the event loop until `condition` holds. The runner's own deadline ends what never comes. */
async function until(condition) {
	for (;;) {
		const value = await condition();
		if (value) {
			return value;
		}
		await new Promise(resolve => setTimeout(resolve, 1));
	}
}

/** What a child's program has at hand besides its own code. */
const PREAMBLE = `
	'use strict';
	const islet = require(${JSON.stringify(ROOT)});
	const ROOT = ${JSON.stringify(ROOT)};
	const { Callback, Context, ExternalCopy, Isolate, Module, Reference, Script } = islet;
	const assert = require('node:assert/strict');
	const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
	const times = count => ${FEW ? 'Math.max(2, Math.ceil(count / 10))' : 'count'};
	const report = value => require('node:fs').writeSync(1, '\\n@@' + JSON.stringify(value ?? null) + '\\n');
	const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
	const guest = options => {
		const isolate = new Isolate(options);
		const context = isolate.createContextSync();
		return { isolate, context, jail: context.global };
	};
	const until = async condition => {
		for (;;) {
			const value = await condition();
			if (value) return value;
			await sleep(1);
		}
	};
`;

/** The preamble for code of a worker, which a child's program starts. */
const WORKER_PREAMBLE = PREAMBLE;

/**
 * Runs a program in a process of its own. It has the names of {@link PREAMBLE}; what it passes to `report` is returned.
 * @param {string} source
 * @param {{ deadline?: number, args?: string[], env?: object, bare?: boolean }} [options] `bare` leaves the preamble out.
 */
function runChild(source, { deadline = DEADLINE, args = [], env = {}, bare = false } = {}) {
	const code = bare ? source : PREAMBLE + source;
	return new Promise(resolve => {
		const child = spawn(process.execPath, [...args, '-e', code], {
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '', ...env },
		});
		let stdout = '';
		let stderr = '';
		child.stdout.on('data', chunk => { stdout += chunk; });
		child.stderr.on('data', chunk => { stderr += chunk; });
		let hung = false;
		const timer = setTimeout(() => {
			hung = true;
			child.kill('SIGKILL');
		}, deadline * (FEW ? 8 : 1));
		child.on('close', (status, signal) => {
			clearTimeout(timer);
			const reports = stdout.split('\n').filter(line => line.startsWith('@@')).map(line => JSON.parse(line.slice(2)));
			resolve({ status, signal, hung, stdout, stderr, reports });
		});
	});
}

/** Runs a program that ends well, and returns what it reported. */
async function child(source, options) {
	const { status, signal, hung, stdout, stderr, reports } = await runChild(source, options);
	assert.deepEqual({ status, signal, hung }, { status: options?.status ?? 0, signal: null, hung: false },
		`${stdout}\n${stderr}`.slice(-4000));
	return reports;
}

/** Runs `body` `count` times, two at a time. */
async function repeat(count, body) {
	let next = 0;
	const one = async () => {
		while (next < count) {
			await body(next++);
		}
	};
	await Promise.all([one(), one()]);
}

/** Random numbers from a seed (mulberry32): the same ones every time. */
function seeded(seed) {
	let state = seed | 0;
	const random = () => {
		state = state + 0x6d2b79f5 | 0;
		let t = Math.imul(state ^ state >>> 15, 1 | state);
		t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
		return ((t ^ t >>> 14) >>> 0) / 4294967296;
	};
	random.below = n => Math.floor(random() * n);
	random.pick = list => list[random.below(list.length)];
	return random;
}

module.exports = {
	FEW, ROOT, WORKER_PREAMBLE,
	assertError, child, guest, inBothForms, islet, rejection, rejects, repeat, runChild, seeded, thrown, throws,
	times, turn, until,
};
