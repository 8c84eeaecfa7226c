'use strict';

/**
 * Random calls of the API over many isolates, from a seed. What it looks for: a crash, a call that never settles, a wrong
 * result, an error that isn't one of the library's, memory or handles that grow. A process of its own (scripts/soak.mjs).
 *
 *   node --expose-gc program.js SECONDS SEED MODE TRACE
 *
 * MODE `soak`: guests that end in an orderly way. MODE `fuzz`: dispose, release and terminate at any point, hostile
 * guests among them, which may cost memory for good, so that isn't looked at.
 */

const assert = require('node:assert/strict');
const { openSync, readFileSync, readdirSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { Worker, isMainThread, parentPort, threadId, workerData } = require('node:worker_threads');

const ROOT = join(__dirname, '..', '..');
const islet = require(ROOT);
const { Callback, ExternalCopy, Isolate, Reference } = islet;
// What the library holds for guests: only its inside shows whether that grows.
const { hostValues } = require(join(ROOT, 'lib', 'wire.js'));

const [seconds, seed, mode, traceFile] = isMainThread ?
	[Number(process.argv[2]), Number(process.argv[3]), process.argv[4] ?? 'soak', process.argv[5] ?? '/dev/null'] :
	[workerData.seconds, workerData.seed, workerData.mode, workerData.traceFile];
const FUZZ = mode === 'fuzz';

// --- chance -----------------------------------------------------------------------------------------

let state = seed | 0;
/** mulberry32: the same numbers for the same seed. */
function random() {
	state = state + 0x6d2b79f5 | 0;
	let t = Math.imul(state ^ state >>> 15, 1 | state);
	t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
	return ((t ^ t >>> 14) >>> 0) / 4294967296;
}
const below = n => Math.floor(random() * n);
const pick = list => list[below(list.length)];
const chance = p => random() < p;

/** A value that structured clone takes. */
function value(depth = 3) {
	switch (below(depth > 0 ? 16 : 9)) {
		case 0: return below(1000);
		case 1: return random() * 1e9;
		case 2: return 'text '.repeat(below(50));
		case 3: return String.fromCharCode(0x4e00 + below(1000)).repeat(below(30));
		case 4: return chance(0.5);
		case 5: return null;
		case 6: return undefined;
		case 7: return BigInt(below(1000)) ** 9n;
		case 8: return -0;
		case 9: return Array.from({ length: below(6) }, () => value(depth - 1));
		case 10: return Object.fromEntries(Array.from({ length: below(6) }, (_, i) => [`k${i}`, value(depth - 1)]));
		case 11: return new Date(below(1e9));
		case 12: return new Map([[value(0), value(depth - 1)]]);
		case 13: return new Set([value(0), value(0)]);
		case 14: return new Uint8Array(below(chance(0.1) ? 100_000 : 100)).fill(7);
		default: return new Float64Array(below(20)).buffer;
	}
}

// --- what happens -----------------------------------------------------------------------------------

const trace = openSync(isMainThread ? traceFile : `${traceFile}.${threadId}`, 'w');
let operations = 0;
const kinds = new Map();

/** Calls that have to settle. */
const outstanding = new Map();
let calls = 0;

function fail(what, error) {
	const text = `${what}: ${error?.stack ?? error} (seed ${seed}, operation ${operations})`;
	if (isMainThread) {
		writeSync(1, `\n@@${JSON.stringify({ failure: text })}\n`);
		process.exit(1);
	}
	parentPort.postMessage({ failure: text });
}

/** Errors are those of the library, or of guest code that was meant to throw. */
function expected(error, label) {
	if (!(error instanceof Error)) {
		return;
	}
	if (error.code === 'ERR_INTERNAL' || (error.code === undefined && !/<isolated-vm|^mine|^guest|^An object was thrown/.test(error.message + error.stack))) {
		fail(`an unexpected error of ${label}`, error);
	}
}

/** Follows what a call gives. */
function watch(label, promise) {
	const id = ++calls;
	outstanding.set(id, label);
	return promise.then(
		result => {
			outstanding.delete(id);
			return result;
		},
		error => {
			outstanding.delete(id);
			expected(error, label);
			return undefined;
		});
}

// --- the world --------------------------------------------------------------------------------------

const world = [];

// Functions apart from what holds a context: closures made in one place hold all that any of them uses.
function giveFunctions(global) {
	global.setSync('host', (...values) => values.length);
	global.setSync('promised', new Callback(async value => value, { async: true }));
	global.setSync('ignored', new Callback(() => { throw new Error('mine'); }, { ignored: true }));
	global.setSync('throws', () => { throw new TypeError('mine'); });
	global.setSync('own', new Reference({ a: 1, f: value => value }));
	if (INSIDE) {
		global.setSync('ivm', islet);
	}
}

function giveRecursion(context) {
	context.global.setSync('again', depth => depth > 0 ? context.evalSync(`again(${depth - 1}) + 1`) : 0);
}

class Tenant {
	/** @param {boolean} cyclic Whether it has functions of ours that hold its own context: such a one has to be disposed. */
	constructor(cyclic = true) {
		this.cyclic = cyclic;
		this.isolate = new Isolate({ memoryLimit: 8 + below(24) });
		this.contexts = [this.isolate.createContextSync()];
		this.references = [];
		this.scripts = [];
		this.modules = [];
		this.prepare(this.contexts[0]);
	}

	prepare(context) {
		context.evalSync(`
			globalThis.n = 0;
			globalThis.add = (a, b) => a + b;
			globalThis.echo = value => value;
			globalThis.fail = text => { throw new Error('guest ' + text) };
			globalThis.later = async value => { await null; return value };
			globalThis.store = {};
			undefined`);
		giveFunctions(context.global);
		if (this.cyclic) {
			giveRecursion(context);
		}
	}

	get context() {
		return pick(this.contexts);
	}
}

const tenant = () => pick(world);

/** Whether guests can be given the library in this version. */
const INSIDE = (() => {
	const isolate = new Isolate({ memoryLimit: 8 });
	try {
		isolate.createContextSync().global.setSync('ivm', islet);
		return true;
	} catch {
		return false;
	} finally {
		isolate.dispose();
	}
})();
const INSPECTOR = typeof Isolate.prototype.createInspectorSession === 'function';
const SNAPSHOT = typeof Isolate.createSnapshot === 'function' &&
	Isolate.createSnapshot([{ code: 'var counter = 1; var later = "after"' }]);
const MODULES = typeof Isolate.prototype.compileModuleSync === 'function';
const SHARED = (() => {
	try {
		new ExternalCopy(new SharedArrayBuffer(8)).release();
		return true;
	} catch {
		return false;
	}
})();

/** Guest code, and what comes of it when it is run with `copy`. */
const CODE = [
	['1 + 1', 2], ['n += 1; "counted"', 'counted'], ['[1, , { a: "b" }]', [1, , { a: 'b' }]], ['host(1, 2, 3)', 3], ['again(3)', 3],
	['store.x = new Array(1000).fill(1.5); store.x.length', 1000], ['JSON.stringify({ a: [1, 2] })', '{"a":[1,2]}'], ['new Uint8Array(5000).length', 5000],
	['let sum = 0; for (let i = 0; i < 10000; ++i) sum += i; sum', undefined], ['try { throws() } catch (error) { error.message }', 'mine'],
	['ignored(1)', undefined], ['promised(1).then(() => {}); 7', 7], ['Promise.resolve().then(() => ++n); 8', 8],
	['try { null.x } catch (error) { error.constructor.name }', 'TypeError'], ['new Map([[1, 2]])', new Map([[1, 2]])],
	['(function f(i) { return i === 0 ? 0 : 1 + f(i - 1) })(500)', 500], ['typeof own', undefined], ['"é".repeat(100).length', 100],
];

/** Code that fails, or takes what time there is. */
const BAD = ['fail("here")', 'null.x', 'let let', 'throw { a: 1 }', 'throws()', '(function f() { f() })()', 'new ArrayBuffer(1e9)', 'throw undefined',
	'Promise.reject(new Error("guest left it")); 1', 'new Array(-1)', 'eval("}")', 'again(-1)', 'throw new Proxy({}, {})'];

/** Guest code for guests that have the library. */
const INSIDE_CODE = [
	'new ivm.ExternalCopy({ a: [1, 2] }).copy().a.length', 'new ivm.Reference(store).copySync(), 1', 'own.getSync("a")', 'own.copySync === undefined ? 0 : 1',
	'{ const i = new ivm.Isolate({ memoryLimit: 8 }); const c = i.createContextSync(); c.global.setSync("up", host); const r = c.evalSync("up(1, 2)"); i.dispose(); r }',
	'new ivm.Isolate({ memoryLimit: 8 }).createContextSync().evalSync("1")', 'new ivm.Callback(x => x); 1', 'own.getSync("f")(4)',
	'store.r = new ivm.Reference(x => x); store.r.applySync(undefined, [5])',
];

const ASYNC_INSIDE = ['(async () => { const i = new ivm.Isolate({ memoryLimit: 8 }); const c = await i.createContext(); const v = await c.eval("6 * 7"); i.dispose(); return v })()',
	'own.get("a").then(v => v + 1)'];

/** What takes a guest down, or leaves something behind for good. */
const HOSTILE = ['const all = []; for (;;) all.push(new Array(1000).fill(1.5))', '[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', 'new Array(1e8).fill(0)',
	'"x".repeat(2 ** 28).split("")', 'for (;;);', 'const b = []; for (;;) b.push(new ArrayBuffer(1 << 20))'];

const same = (actual, wanted, what) => {
	try {
		assert.deepEqual(actual, wanted);
	} catch (error) {
		fail(what, error);
	}
};

/** The operations, by weight. Each may throw what {@link expected} takes. */
const OPERATIONS = [
	[30, 'evalSync', () => {
		const [code, wanted] = pick(CODE);
		const result = tenant().context.evalSync(code.startsWith('let ') ? `{ ${code} }` : code, { copy: true });
		if (wanted !== undefined) {
			same(result, wanted, code);
		}
	}],
	[30, 'eval', () => {
		const [code, wanted] = pick(CODE);
		watch('eval', tenant().context.eval(`{ ${code} }`, { copy: true, timeout: 5000 }).then(result => {
			if (wanted !== undefined && !code.startsWith('[') && !code.startsWith('(')) {
				same(result, wanted, code);
			}
		}));
	}],
	[10, 'evalIgnored', () => tenant().context.evalIgnored(pick(chance(0.5) ? BAD : ['n += 1', 'host()', 'ignored()']))],
	[10, 'bad code', () => {
		const code = pick(BAD);
		if (chance(0.5)) {
			tenant().context.evalSync(code, { timeout: 2000 });
		} else {
			watch('bad eval', tenant().context.eval(code, { timeout: 2000 }));
		}
	}],
	[2, 'a loop', () => {
		if (chance(0.5)) {
			tenant().context.evalSync('for (;;);', { timeout: 1 + below(5) });
		} else {
			watch('a loop', tenant().context.eval('for (;;);', { timeout: 1 + below(5) }));
		}
	}],
	[20, 'closure', () => {
		const sent = value();
		const result = tenant().context.evalClosureSync('return $0', [sent], { arguments: { copy: true }, result: { copy: true } });
		same(result, sent, 'closure');
	}],
	[10, 'closure async', () => {
		const sent = value();
		watch('closure', tenant().context.evalClosure('return later($0)', [sent], { arguments: { copy: true }, result: { copy: true, promise: true } })
			.then(result => same(result, sent, 'closure async')));
	}],
	[10, 'compile and run', () => {
		const { isolate, scripts, context } = tenant();
		scripts.push(isolate.compileScriptSync(`n + ${below(10)}`));
		pick(scripts).runSync(context, chance(0.2) ? { release: true } : undefined);
		if (scripts.length > 8) {
			scripts.splice(0, 4).forEach(script => chance(0.5) && script.release());
		}
	}],
	[8, 'compile and run async', () => {
		const { isolate, context } = tenant();
		watch('compile', isolate.compileScript(chance(0.1) ? 'let let' : 'n').then(script => script.run(context)));
	}],
	[20, 'set and get', () => {
		const { context } = tenant();
		const sent = value();
		context.global.setSync('given', sent, { copy: true });
		same(context.global.getSync('given', { copy: true }), sent, 'set and get');
	}],
	[10, 'set and get async', () => {
		const { context } = tenant();
		const key = `k${below(20)}`;
		watch('set', context.global.set(key, value(), { copy: true }));
		watch('get', context.global.get(key, { copy: true }));
		context.global.setIgnored(key, below(100));
		if (chance(0.5)) {
			watch('delete', context.global.delete(key));
		}
	}],
	[15, 'references', () => {
		const { context, references } = tenant();
		references.push(context.global.getSync(pick(['add', 'echo', 'store', 'later']), { reference: true }));
		const reference = pick(references);
		if (reference.typeof === 'function') {
			reference.applySync(undefined, [below(10), below(10)]);
			watch('apply', reference.apply(undefined, [value()], { arguments: { copy: true }, result: { reference: true } }).then(result => result?.release?.()));
			reference.applyIgnored(undefined, [1]);
		} else {
			reference.copySync();
		}
		if (references.length > 10) {
			references.splice(0, 5).forEach(each => chance(0.5) && each.release());
		}
	}],
	[8, 'derefInto', () => {
		const { context } = tenant();
		context.global.setSync('self', context.global.derefInto(chance(0.1) ? { release: false } : undefined));
		same(context.evalSync('self === globalThis'), true, 'derefInto');
		context.global.deleteSync('self');
	}],
	[10, 'functions', () => {
		const { context } = tenant();
		const other = tenant();
		const add = context.global.getSync('add');
		same(add(2, 3), 5, 'a function');
		other.context.global.setSync('theirs', add);
		same(other.context.evalSync('theirs(20, 22)'), 42, 'a function of another guest');
		other.context.global.deleteSync('theirs');
	}],
	[10, 'external copies', () => {
		const sent = value();
		const copy = new ExternalCopy(sent);
		same(copy.copy(), sent, 'external copy');
		tenant().context.global.setSync('copied', copy.copyInto({ release: chance(0.5) }));
		if (chance(0.5)) {
			copy.release();
		}
	}],
	[5, 'transfers', () => {
		const buffer = new ArrayBuffer(1 + below(50_000));
		const { byteLength } = buffer;
		const copy = new ExternalCopy(buffer, { transferOut: true });
		same(buffer.byteLength, 0, 'transferred');
		const { context } = tenant();
		context.global.setSync('moved', copy.copyInto({ release: true, transferIn: true }));
		same(context.evalSync('moved.byteLength'), byteLength, 'moved');
		context.global.deleteSync('moved');
	}],
	[8, 'promises', () => {
		const { context } = tenant();
		watch('promise out', context.eval('later(5)', { promise: true }).then(result => same(result, 5, 'promise out')));
		watch('promise in', context.evalClosure('return $0.then(v => v + 1)', [Promise.resolve(4)], { arguments: { promise: true }, result: { promise: true } })
			.then(result => same(result, 5, 'promise in')));
		watch('callback', context.eval('promised(9)', { promise: true, copy: true }).then(result => same(result, 9, 'async callback')));
	}],
	[4, 'promises sync', () => watch('promise', tenant().context.evalSync('later([1])', { promise: true, copy: true }))],
	[2, 'deep through the wall', () => tenant().context.evalSync(`again(${below(12)})`)],
	[4, 'new context', () => {
		const each = tenant();
		const context = each.isolate.createContextSync();
		each.prepare(context);
		each.contexts.push(context);
		if (each.contexts.length > 4) {
			each.contexts.splice(1, 1)[0].release();
		}
	}],
	[4, 'figures', () => {
		const { isolate } = tenant();
		isolate.getHeapStatisticsSync();
		watch('statistics', isolate.getHeapStatistics());
		void [isolate.cpuTime, isolate.wallTime, isolate.referenceCount, ExternalCopy.totalExternalSize];
	}],
	[6, 'new isolate', () => {
		if (world.length < 10) {
			world.push(new Tenant());
		}
	}],
	[5, 'dispose', () => {
		if (world.length > 2) {
			const [each] = world.splice(below(world.length), 1);
			if (chance(0.3)) {
				watch('at the end', each.context.eval('for (let i = 0; i < 1e5; ++i); n'));
				each.context.evalIgnored('n');
			}
			each.isolate.dispose();
		}
	}],
	[2, 'forget', () => {
		// Its handles are garbage at once, and calls under way.
		const each = new Tenant(false);
		each.context.evalSync('host(1)');
		each.context.global.getSync('add')(1, 2);
		each.context.evalIgnored('n');
	}],
	[2, 'dispose by a callback', () => {
		const each = new Tenant();
		each.context.global.setSync('end', () => each.isolate.dispose());
		each.context.evalSync('end(); for (;;);', { timeout: 5000 });
	}],
	[1, 'gc', () => globalThis.gc?.()],
	[INSIDE ? 12 : 0, 'inside', () => tenant().context.evalSync(`{ ${pick(INSIDE_CODE)} }`, { timeout: 5000 })],
	[INSIDE ? 6 : 0, 'inside async', () => watch('inside', tenant().context.eval(pick(ASYNC_INSIDE), { promise: true, copy: true }))],
	[INSIDE ? 4 : 0, 'applySyncPromise', () => {
		const { context } = tenant();
		context.global.setSync('read', new Reference(async value => value * 2));
		watch('applySyncPromise', context.eval('read.applySyncPromise(undefined, [21])').then(result => same(result, 42, 'applySyncPromise')));
	}],
	[MODULES ? 8 : 0, 'modules', () => {
		const { isolate, context, modules } = tenant();
		const dependency = isolate.compileModuleSync('export const b = 2; export const f = x => x');
		const module = isolate.compileModuleSync('import { b } from "b"; export const c = b + 1; export default await Promise.resolve(c)');
		module.instantiateSync(context, () => dependency);
		watch('evaluate', module.evaluate().then(() => same(module.namespace.getSync('c'), 3, 'module')));
		modules.push(module);
		if (modules.length > 6) {
			modules.splice(0, 3);
		}
	}],
	[SHARED ? 5 : 0, 'shared buffers', () => {
		const shared = new SharedArrayBuffer(64);
		const { context } = tenant();
		context.global.setSync('shared', new ExternalCopy(shared).copyInto({ release: true }));
		context.evalSync('new Uint8Array(shared)[3] = 9; undefined');
		same(new Uint8Array(shared)[3], 9, 'shared');
	}],
	[2, 'cached data', () => {
		const { isolate, context } = tenant();
		const code = `(function () { return ${below(3)} + n })()`;
		const { cachedData } = isolate.compileScriptSync(code, { produceCachedData: true });
		tenant().isolate.compileScriptSync(code, { cachedData });
		isolate.compileScriptSync(code, { cachedData }).runSync(context);
	}],
	[SNAPSHOT ? 3 : 0, 'a snapshot', () => {
		const isolate = new Isolate({ memoryLimit: 16, snapshot: SNAPSHOT });
		same(isolate.createContextSync().evalSync('++counter + later.length'), 7, 'a snapshot');
		isolate.dispose();
	}],
	[0.3, 'a new snapshot', () => {
		if (typeof Isolate.createSnapshot === 'function') {
			Isolate.createSnapshot([{ code: chance(0.2) ? 'throw new Error("guest")' : 'var a = 1' }]);
		}
	}],
	[INSPECTOR ? 1.5 : 0, 'the inspector', () => {
		const isolate = new Isolate({ memoryLimit: 16, inspector: true });
		const context = isolate.createContextSync({ inspector: true });
		const session = isolate.createInspectorSession();
		watch('inspector', new Promise(resolve => {
			session.onResponse = (id, message) => resolve(message);
			session.onNotification = () => {};
			session.dispatchProtocolMessage('{"id":1,"method":"Runtime.evaluate","params":{"expression":"6 * 7"}}');
		}).then(message => {
			same(JSON.parse(message).result.result.value, 42, 'inspector');
			if (chance(0.5)) {
				session.dispose();
			}
			isolate.dispose();
		}));
		watch('inspected', context.eval('console.log("a"); 1'));
	}],
	[INSPECTOR ? 1 : 0, 'the profiler', () => {
		const { isolate, context } = tenant();
		const title = `t${below(100)}`;
		isolate.startCpuProfiler(title);
		watch('profiled', context.eval('for (let i = 0; i < 1e5; ++i); n'));
		watch('profiler', isolate.stopCpuProfiler(title));
	}],
	[2, 'deadline', () => {
		const { context } = tenant();
		watch('deadline', context.eval(pick(['new Promise(() => {})', 'later(1)', 'for (;;);']), { promise: true, deadline: 5 + below(20) }));
	}],
	[isMainThread ? 0.4 : 0, 'worker', () => startWorker()],
	// Only where nothing has to be as before:
	[FUZZ ? 15 : 0, 'dispose at any point', () => {
		const each = new Tenant();
		watch('any point', each.context.eval(pick(['for (let i = 0; i < 1e6; ++i);', 'again(5)', 'host()', 'promised(1)', 'for (;;);', ...BAD]), { timeout: 50 }));
		setTimeout(() => each.isolate.isDisposed || each.isolate.dispose(), below(4));
	}],
	[FUZZ ? 10 : 0, 'release at any point', () => {
		const each = tenant();
		const context = each.isolate.createContextSync();
		const { global } = context;
		watch('released', context.eval('[1, 2]', { copy: true }));
		watch('released', global.get('Array', { reference: true }).then(result => result.release()));
		pick([context, global]).release();
		watch('released', context.eval('1'));
	}],
	[FUZZ ? 0.6 : 0, 'a hostile guest', () => {
		const isolate = new Isolate({ memoryLimit: 8 });
		watch('hostile', isolate.createContextSync().eval(pick(HOSTILE), { timeout: 100 }).finally(() => isolate.isDisposed || isolate.dispose()));
	}],
	[FUZZ ? 10 : 0, 'wrong calls', () => {
		const { isolate, context, scripts } = tenant();
		const target = pick([isolate, context, context.global, ...scripts, new ExternalCopy(1)]);
		const names = Object.getOwnPropertyNames(Object.getPrototypeOf(target)).filter(name => typeof target[name] === 'function' &&
			!['constructor', 'dispose', 'release'].includes(name));
		const result = target[pick(names)](...Array.from({ length: below(4) }, () => value(1)));
		if (result instanceof Promise) {
			watch('wrong call', result);
		}
	}],
].filter(([weight]) => weight > 0);

const TOTAL = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0);

function step() {
	let left = random() * TOTAL;
	const [, name, operation] = OPERATIONS.find(([weight]) => (left -= weight) <= 0) ?? OPERATIONS[0];
	++operations;
	kinds.set(name, (kinds.get(name) ?? 0) + 1);
	writeSync(trace, `${operations} ${name}\n`.padEnd(60), 0);
	if (world.length < 2) {
		world.push(new Tenant());
	}
	try {
		operation();
	} catch (error) {
		expected(error, name);
	}
	// Isolates that ended by a guest's doing are no good any more.
	for (let i = world.length - 1; i >= 0; --i) {
		if (world[i].isolate.isDisposed) {
			world.splice(i, 1);
		}
	}
}

// --- workers ----------------------------------------------------------------------------------------

let workers = 0;
function startWorker() {
	if (workers >= 2) {
		return;
	}
	++workers;
	const worker = new Worker(__filename, { workerData: { seconds: 0.3 + random(), seed: below(2 ** 31), mode, traceFile } });
	const ended = new Promise(resolve => worker.on('exit', resolve));
	worker.on('message', ({ failure }) => failure && fail('in a worker', failure));
	worker.on('error', error => fail('a worker', error));
	watch('worker', ended).then(() => --workers);
	if (chance(0.5)) {
		setTimeout(() => worker.terminate(), below(600));
	}
}

// --- rounds -----------------------------------------------------------------------------------------

const turn = () => new Promise(resolve => setImmediate(resolve));
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Waits until all calls have settled. */
async function settled() {
	const until = Date.now() + 60_000;
	while (outstanding.size > 0) {
		await sleep(2);
		if (Date.now() > until) {
			fail('calls that never settle', [...new Set(outstanding.values())].join(', '));
			return;
		}
	}
}

/** What the process holds when nothing of the world is left. */
async function measure() {
	await settled();
	world.splice(0).forEach(({ isolate }) => isolate.isDisposed || isolate.dispose());
	for (let i = 0; i < 4; ++i) {
		globalThis.gc?.();
		await sleep(20);
	}
	return {
		operations,
		rss: Math.round(process.memoryUsage().rss / 1048576),
		heap: Math.round(process.memoryUsage().heapUsed / 104857.6) / 10,
		external: ExternalCopy.totalExternalSize,
		hostValues: hostValues.filter(each => each !== undefined).length,
		threads: process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0,
		swap: process.platform === 'linux' ? Number(/VmSwap:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) : 0,
	};
}

async function main() {
	const until = Date.now() + seconds * 1000;
	const round = Math.min(5, Math.max(0.5, seconds / 12)) * 1000;
	while (Date.now() < until) {
		const roundEnds = Math.min(until, Date.now() + round);
		while (Date.now() < roundEnds) {
			for (let i = below(20); i >= 0; --i) {
				step();
			}
			await (chance(0.2) ? sleep(below(3)) : turn());
			if (outstanding.size > 300) {
				await settled();
			}
		}
		if (isMainThread) {
			writeSync(1, `\n@@${JSON.stringify(await measure())}\n`);
		}
	}
	if (isMainThread) {
		writeSync(1, `\n@@${JSON.stringify({ done: true, kinds: Object.fromEntries([...kinds].sort()) })}\n`);
		process.exit(0);
	}
	// A worker ends with whatever is under way.
	if (chance(0.5)) {
		await settled();
	}
	process.exit(0);
}

process.on('unhandledRejection', error => fail('an unhandled rejection', error));
process.on('uncaughtException', error => fail('an uncaught exception', error));
main();
