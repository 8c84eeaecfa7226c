'use strict';

// node bench/program.js LIBRARY [ROW]
//
// Measures what an API of the shape of isolated-vm costs: every row whose name contains ROW. Prints
// one line of JSON per row. `run.mjs` starts it on two libraries in turn and compares.
//
// For a fair comparison both libraries run this very file, every row checks its results before it
// is timed, and the guest functions do next to nothing: what is measured is the crossing.

const assert = require('assert');
const { isAsyncFunction } = require('util').types;

const ivm = require.main === module ? require(process.argv[2]) : undefined;

const CALLS_PER_RUN = 1000;
const PIPELINED = 20000;
const ISOLATES_ALIVE = 200;

/** A batch is as many operations as take this long (ms); a row's figure is the median of some. */
const BATCH_TIME = 60;
const BATCHES = 5;
const WARM_UP_TIME = 300;

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {() => () => unknown} prepare makes the operation to time
 * @property {number} [per] how many of the thing named are in one operation
 */

/** @returns {{ isolate: object, context: object }} */
function create() {
	const isolate = new ivm.Isolate();
	return { isolate, context: isolate.createContextSync() };
}

/**
 * @param {string} source of a guest function
 * @param {object} [context]
 * @returns {object} Reference to it
 */
function guestFunction(source, context = create().context) {
	return context.evalSync(`(${source})`, { reference: true });
}

/** @returns {object} Reference to a guest function which calls a host function again and again */
function guestCaller() {
	const { context } = create();
	context.global.setSync('add', (a, b) => a + b);
	return guestFunction(`function () {
		let sum = 0;
		for (let i = 0; i < ${CALLS_PER_RUN}; ++i) sum = add(sum, 1);
		return sum;
	}`, context);
}

const copied = { arguments: { copy: true }, result: { copy: true } };

/** @type {Row[]} */
const rows = [{
	name: 'script.runSync of 1+1',
	prepare() {
		const { isolate, context } = create();
		const script = isolate.compileScriptSync('1+1');
		assert.strictEqual(script.runSync(context), 2);
		return () => script.runSync(context);
	},
}, {
	// Always the same source, so a cache of compiled code may serve it: real programs do this too.
	name: 'context.evalSync of 1+1',
	prepare() {
		const { context } = create();
		assert.strictEqual(context.evalSync('1+1'), 2);
		return () => context.evalSync('1+1');
	},
}, {
	name: 'reference.applySync(undefined, [1, 2])',
	prepare() {
		const add = guestFunction('(a, b) => a + b');
		assert.strictEqual(add.applySync(undefined, [1, 2]), 3);
		return () => add.applySync(undefined, [1, 2]);
	},
}, {
	name: 'guest calls host callback, sync run',
	per: CALLS_PER_RUN,
	prepare() {
		const run = guestCaller();
		assert.strictEqual(run.applySync(), CALLS_PER_RUN);
		return () => run.applySync();
	},
}, {
	name: 'guest calls host callback, async run',
	per: CALLS_PER_RUN,
	prepare() {
		const run = guestCaller();
		return async () => assert.strictEqual(await run.apply(), CALLS_PER_RUN);
	},
}, {
	name: 'small object in and out',
	prepare() {
		const object = { a: 1, b: 'two', c: [1, 2, 3] };
		const change = guestFunction('o => ({ a: o.a + 1, b: o.b, c: o.c })');
		assert.deepStrictEqual(change.applySync(undefined, [object], copied), { ...object, a: 2 });
		return () => change.applySync(undefined, [object], copied);
	},
}, {
	name: '1000 objects of 5 fields in and out',
	prepare() {
		const objects = Array.from({ length: 1000 }, (_, id) => (
			{ id, name: `item ${id}`, price: id + 0.5, active: id % 2 === 0, tag: null }
		));
		const same = guestFunction('o => o');
		assert.deepStrictEqual(same.applySync(undefined, [objects], copied), objects);
		return () => same.applySync(undefined, [objects], copied);
	},
}, {
	// The guest reads the string, so that putting the work off is no gain.
	name: 'one-byte string of 1 MiB in',
	prepare() {
		const string = 'x'.repeat(2 ** 20);
		const read = guestFunction('s => s.charCodeAt(s.length - 1)');
		assert.strictEqual(read.applySync(undefined, [string]), 'x'.charCodeAt(0));
		return () => read.applySync(undefined, [string]);
	},
}, {
	name: 'await reference.apply(undefined, [1, 2])',
	prepare() {
		const add = guestFunction('(a, b) => a + b');
		return async () => assert.strictEqual(await add.apply(undefined, [1, 2]), 3);
	},
}, {
	name: `reference.apply, ${PIPELINED} pipelined`,
	per: PIPELINED,
	prepare() {
		const add = guestFunction('(a, b) => a + b');
		return async () => {
			const results = await Promise.all(
				Array.from({ length: PIPELINED }, (_, i) => add.apply(undefined, [i, 2])));
			assert.strictEqual(results[PIPELINED - 1], PIPELINED + 1);
		};
	},
}, {
	name: 'new Isolate, context, eval, dispose',
	prepare: () => () => {
		const { isolate, context } = create();
		assert.strictEqual(context.evalSync('1+1'), 2);
		isolate.dispose();
	},
}, {
	name: 'context create and release',
	prepare() {
		const { isolate } = create();
		return () => isolate.createContextSync().release();
	},
}];

const memoryRow = 'KB resident per isolate with a context';

/** @returns {number} KB for one of many isolates alive at once, each with a context that has run */
function memoryPerIsolate() {
	const hold = [create()];
	hold[0].context.evalSync('1+1');
	const before = process.memoryUsage.rss();
	for (let i = 0; i < ISOLATES_ALIVE; ++i) {
		const one = create();
		one.context.evalSync('1+1');
		hold.push(one);
	}
	return (process.memoryUsage.rss() - before) / 1024 / ISOLATES_ALIVE;
}

/** @param {number[]} numbers */
function median(numbers) {
	return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/**
 * @param {Row} row
 * @returns {Promise<{ wall: number, cpu: number }>} µs per operation, on the clock and of all threads
 */
async function measure({ prepare, per = 1 }) {
	const operation = prepare();
	const batch = isAsyncFunction(operation) ?
		async n => { for (let i = 0; i < n; ++i) await operation(); } :
		n => { for (let i = 0; i < n; ++i) operation(); };

	async function time(n) {
		const cpu = process.cpuUsage();
		const start = process.hrtime.bigint();
		await batch(n);
		const wall = Number(process.hrtime.bigint() - start) / 1000;
		const { user, system } = process.cpuUsage(cpu);
		return { wall, cpu: user + system };
	}

	let size = 1;
	for (let spent = 0; spent < WARM_UP_TIME;) {
		const { wall } = await time(size);
		spent += wall / 1000;
		if (wall < BATCH_TIME * 1000) {
			size = Math.ceil(size * Math.min(2, BATCH_TIME * 1000 / wall));
		}
	}
	const times = [];
	for (let i = 0; i < BATCHES; ++i) {
		times.push(await time(size));
	}
	return {
		wall: median(times.map(({ wall }) => wall)) / size / per,
		cpu: median(times.map(({ cpu }) => cpu)) / size / per,
	};
}

/** @param {string} filter part of the names of rows */
async function main(filter) {
	// First, in a process as fresh as can be.
	if (memoryRow.includes(filter)) {
		console.log(JSON.stringify({ name: memoryRow, wall: memoryPerIsolate() }));
	}
	for (const row of rows.filter(({ name }) => name.includes(filter))) {
		console.log(JSON.stringify({ name: row.name, ...await measure(row) }));
	}
	// Isolates still alive need no tidy end.
	process.exit();
}

module.exports = { median, names: [...rows.map(({ name }) => name), memoryRow] };

if (require.main === module) {
	main(process.argv[3] ?? '');
}
