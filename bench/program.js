'use strict';

// node bench/program.js LIBRARY [ROW]
//
// Measures what an API of the shape of isolated-vm costs: every row whose name contains ROW; rows about the whole
// process only when ROW names one, in a process of its own. Prints one line of JSON per row. `run.mjs` starts it on two libraries in turn and compares.
//
// For a fair comparison both libraries run this very file, every row checks its results before it
// is timed, and the guest functions do next to nothing: what is measured is the crossing.

const assert = require('assert');
const { isAsyncFunction } = require('util').types;

const began = process.hrtime.bigint();
const ivm = require.main === module ? require(process.argv[2]) : undefined;

const CALLS_PER_RUN = 1000;
const PIPELINED = 20000;
const ISOLATES_ALIVE = 200;
const MANY_ISOLATES = 10_000;
const PLAYERS = 20;
const LARGE_BUFFER = 16 * 2 ** 20;
const IDLE_TIME = 1;

/** A batch is as many operations as take this long (ms); a row's figure is the median of some. */
const BATCH_TIME = 60;
const BATCHES = 5;
const WARM_UP_TIME = 300;

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {() => unknown} prepare makes the operation to time: a function, or a promise of one
 * @property {number} [per] how many of the thing named are in one operation
 * @property {number} [pause] ms of sleep before each operation, which is timed alone
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

/** Some 200 KB of code as libraries have it: functions and tables, of which little is ever called. */
function libraryCode() {
	let code = '';
	for (let i = 0; code.length < 200_000; ++i) {
		code += `function lib${i}(a, b) { const table = [${i}, 'text ${i}', { a, b }]; ` +
			`return table.map(x => typeof x === 'number' ? x + a * ${i} : String(x)).filter(Boolean).join('-') + (b ?? ''); }\n` +
			`const object${i} = { id: ${i}, name: 'object ${i}', list: [1, 2, 3], run: lib${i} };\n`;
	}
	return code;
}

/** Makes and uses an isolate from a snapshot, with so many made ahead where there is `prewarm`. */
async function prewarmed(count) {
	const snapshot = ivm.Isolate.createSnapshot([{ code: libraryCode() }]);
	await ivm.prewarm?.({ count, snapshot });
	return async () => {
		const isolate = new ivm.Isolate({ snapshot });
		const context = await isolate.createContext();
		assert.strictEqual(await context.eval('lib7(1)'), '14-text 7-[object Object]');
		isolate.dispose();
	};
}

/** A state of about 50 KB as games hand it to their players. */
function gameState() {
	return Array.from({ length: 420 }, (_, id) => (
		{ id, type: id % 3 ? 'creep' : 'tower', x: id % 50, y: id / 50, hits: 100 + id, owner: `player ${id % 20}`, fatigue: 0.5 * id }
	));
}

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
	// The guest's thread sleeps by then, and has to be woken.
	name: `the same after ${IDLE_TIME} ms of idleness`,
	pause: IDLE_TIME,
	prepare() {
		const add = guestFunction('(a, b) => a + b');
		return () => assert.strictEqual(add.applySync(undefined, [1, 2]), 3);
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
	// Each time another one, so that what was kept of the last is no gain.
	name: 'another string of 1 MiB in, each time',
	prepare() {
		const strings = Array.from({ length: 32 }, (_, i) => String.fromCharCode(97 + i % 26).repeat(2 ** 20 - i));
		const read = guestFunction('s => s.charCodeAt(s.length - 1)');
		let i = 0;
		return () => read.applySync(undefined, [strings[++i % strings.length]]);
	},
}, {
	name: 'ArrayBuffer of 16 MiB in and out, transferred',
	prepare() {
		const { context } = create();
		context.global.setSync('ivm', ivm);
		const move = guestFunction('b => new ivm.ExternalCopy(b, { transferOut: true })', context);
		let buffer = new ArrayBuffer(LARGE_BUFFER);
		return () => {
			const there = new ivm.ExternalCopy(buffer, { transferOut: true }).copyInto({ release: true, transferIn: true });
			const back = move.applySync(undefined, [there]);
			buffer = back.copy({ transferIn: true });
			back.release();
			assert.strictEqual(buffer.byteLength, LARGE_BUFFER);
		};
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
	name: 'the same from a snapshot with 200 KB of code',
	prepare() {
		const snapshot = ivm.Isolate.createSnapshot([{ code: libraryCode() }]);
		return () => {
			const isolate = new ivm.Isolate({ snapshot });
			assert.strictEqual(isolate.createContextSync().evalSync('lib7(1)'), '14-text 7-[object Object]');
			isolate.dispose();
		};
	},
}, {
	// `prewarm`, where there is such a thing. What is made ahead is made meanwhile: the row is what keeps coming out.
	name: 'the same, prewarmed, one after the other',
	prepare: () => prewarmed(16),
}, {
	// As a server has it: a request now and then.
	name: 'the same, prewarmed, 10 ms apart',
	pause: 10,
	prepare: () => prewarmed(4),
}, {
	name: 'context create and release',
	prepare() {
		const { isolate } = create();
		return () => isolate.createContextSync().release();
	},
}, {
	name: `arena: a tick of one of ${PLAYERS} players, 50 KB of state in`,
	per: PLAYERS,
	prepare() {
		const players = Array.from({ length: PLAYERS }, () => guestFunction(`state => {
			let sum = 0;
			for (const thing of state) sum += thing.hits;
			return state.filter(thing => thing.type === 'tower').map(({ id }) => ({ id, action: 'attack', target: sum % 100 }));
		}`));
		const state = gameState();
		return async () => {
			const orders = await Promise.all(players.map(player => player.apply(undefined, [state], copied)));
			assert.strictEqual(orders[PLAYERS - 1].length, 140);
		};
	},
}];

/** Rows that measure a whole process, once. */
const processRows = {
	'first isolate ready after `require`, ms': () => {
		assert.strictEqual(create().context.evalSync('1+1'), 2);
		return Number(process.hrtime.bigint() - began) / 1e6;
	},
	'KB resident per isolate with a context': () => memoryPerIsolate(ISOLATES_ALIVE),
	[`seconds to create ${MANY_ISOLATES} isolates, all alive`]: () => {
		const start = process.hrtime.bigint();
		createMany(MANY_ISOLATES);
		return Number(process.hrtime.bigint() - start) / 1e9;
	},
	[`KB resident per isolate, ${MANY_ISOLATES} alive`]: () => memoryPerIsolate(MANY_ISOLATES),
};

/** @returns {object[]} so many isolates, each with a context that has run */
function createMany(count) {
	return Array.from({ length: count }, () => {
		const one = create();
		one.context.evalSync('1+1');
		return one;
	});
}

/** @returns {number} KB for one of many isolates alive at once, each with a context that has run */
function memoryPerIsolate(count) {
	const hold = createMany(1);
	const before = process.memoryUsage.rss();
	hold.push(...createMany(count));
	return (process.memoryUsage.rss() - before) / 1024 / count;
}

/** @param {number[]} numbers */
function median(numbers) {
	return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/**
 * @param {Row} row
 * @returns {Promise<{ wall: number, cpu: number }>} µs per operation, on the clock and of all threads
 */
async function measure({ prepare, per = 1, pause }) {
	const operation = await prepare();
	if (pause !== undefined) {
		return measureApart(operation, pause);
	}
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

/**
 * Each operation after a sleep, which isn't timed: what it costs when nothing is warm.
 * @returns {Promise<{ wall: number }>} µs
 */
async function measureApart(operation, pause) {
	const cell = new Int32Array(new SharedArrayBuffer(4));
	const async = isAsyncFunction(operation);
	const times = [];
	for (const end = Date.now() + 3000; Date.now() < end;) {
		// Async work may go on meanwhile only if the event loop turns.
		await (async ? new Promise(resolve => setTimeout(resolve, pause)) : Atomics.wait(cell, 0, 0, pause));
		const start = process.hrtime.bigint();
		const result = operation();
		if (async) await result;
		times.push(Number(process.hrtime.bigint() - start) / 1000);
	}
	return { wall: median(times) };
}

/** @param {string} filter part of the names of rows */
async function main(filter) {
	// First, in a process as fresh as can be.
	const [whole] = Object.keys(processRows).filter(name => name.includes(filter));
	if (whole !== undefined && filter !== '') {
		console.log(JSON.stringify({ name: whole, wall: processRows[whole]() }));
	}
	for (const row of rows.filter(({ name }) => name.includes(filter))) {
		console.log(JSON.stringify({ name: row.name, ...await measure(row) }));
	}
	// Isolates still alive need no tidy end.
	process.exit();
}

module.exports = { median, names: [...rows.map(({ name }) => name), ...Object.keys(processRows)] };

if (require.main === module) {
	main(process.argv[3] ?? '');
}
