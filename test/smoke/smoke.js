// The whole API once, shortly, with nothing but `node:assert`: for every runtime that can load the addon.
//
//   node test/smoke/smoke.js       prints `ok`, or throws
//
// `node scripts/runtimes.mjs --smoke test/smoke/smoke.js` runs it on all of them.

'use strict';

const assert = require('node:assert');
const vm = require('node:vm');
const ivm = require('../..');

const { Callback, ExternalCopy, Isolate, Reference } = ivm;

/** What a function throws. */
function thrown(body) {
	try {
		body();
	} catch (error) {
		return error;
	}
	assert.fail('nothing was thrown');
}

/** What a promise is rejected with. */
async function rejection(promise) {
	let value;
	try {
		value = await promise;
	} catch (error) {
		return error;
	}
	assert.fail(`fulfilled with ${value}`);
}

/** An error has this class, message and code. */
function isError(error, Class, message, code) {
	assert.ok(error instanceof Class, String(error));
	assert.strictEqual(error.message, message);
	assert.strictEqual(error.code, code);
}

/** Until a condition holds; fails after five seconds. */
async function until(condition) {
	for (const end = Date.now() + 5000; !condition();) {
		assert.ok(Date.now() < end, `waited in vain: ${condition}`);
		await new Promise(resolve => setTimeout(resolve, 5));
	}
}

async function main() {
	assert.deepStrictEqual(Object.keys(ivm).sort(), [
		'Callback', 'Context', 'ExternalCopy', 'InspectorSession', 'Isolate', 'Module', 'NativeModule', 'Reference', 'Script',
		'configure', 'prewarm', 'serveInspector', 'stats', 'versions',
	]);

	// --- isolates and contexts ---
	const isolate = new Isolate({ memoryLimit: 32 });
	const context = isolate.createContextSync();
	const other = await isolate.createContext();
	const jail = context.global;
	other.global.setSync('ivm', ivm);
	assert.strictEqual(other.evalSync('new ivm.Isolate({ memoryLimit: 8 }).createContextSync().evalSync("6 * 7")'), 42);
	assert.ok(isolate instanceof Isolate && context instanceof ivm.Context && jail instanceof Reference);
	assert.strictEqual(context.evalSync('1 + 1'), 2);
	assert.strictEqual(await context.eval('"a" + "b"'), 'ab');
	assert.strictEqual(context.evalSync('typeof process + typeof require + typeof setTimeout'), 'undefinedundefinedundefined');
	context.evalSync('var only = "here"');
	assert.strictEqual(other.evalSync('typeof only'), 'undefined');
	context.evalIgnored('globalThis.ignored = 1');
	assert.strictEqual(await context.eval('ignored'), 1);
	assert.strictEqual(isolate.isDisposed, false);
	assert.ok(isolate.cpuTime > 0n && isolate.wallTime > 0n && isolate.referenceCount >= 4);
	const heap = isolate.getHeapStatisticsSync();
	assert.strictEqual(heap.heap_size_limit, 32 * 2 ** 20);
	assert.ok((await isolate.getHeapStatistics()).used_heap_size > 0);

	// --- values ---
	for (const value of [undefined, null, true, 0, -0, NaN, 1.5, 2 ** 31, 'text', 'ü', '\u{1f600}', '\ud800', 2n ** 70n, -1n]) {
		assert.ok(Object.is(context.evalClosureSync('return $0', [value]), value), String(value));
	}
	assert.strictEqual(context.evalSync('({ a: 1 })'), undefined);
	const rich = '({ d: new Date(5), m: new Map([[1, new Set([2])]]), r: /x/g, b: new Uint8Array([1, 2]), n: [1, , 3] })';
	const copied = context.evalSync(rich, { copy: true });
	assert.strictEqual(copied.d.getTime(), 5);
	assert.ok(copied.d instanceof Date && copied.m.get(1).has(2) && copied.r.global && !(1 in copied.n));
	assert.deepStrictEqual([...copied.b], [1, 2]);
	assert.deepStrictEqual(context.evalSync('[1, 2]', { externalCopy: true }).copy(), [1, 2]);
	assert.strictEqual(context.evalSync('({})', { reference: true }).typeof, 'object');
	assert.deepStrictEqual(
		await context.evalClosure('return { twice: $0.a * 2 }', [{ a: 4 }], { arguments: { copy: true }, result: { copy: true } }),
		{ twice: 8 });
	context.evalClosureIgnored('globalThis.closure = $0', [7]);
	assert.strictEqual(await jail.get('closure'), 7);
	const large = new Uint8Array(1 << 20).fill(3);
	assert.strictEqual(
		context.evalClosureSync('return $0.length + $0[99]', [large], { arguments: { copy: true } }), (1 << 20) + 3);

	// --- references ---
	context.evalSync('globalThis.box = { n: 1, o: { p: 2 }, get g() { return 3 }, add(a, b) { return a + b + this.n } }');
	const box = jail.getSync('box');
	assert.strictEqual(box.getSync('n'), 1);
	assert.strictEqual(box.getSync('missing'), undefined);
	assert.deepStrictEqual(await box.get('o', { copy: true }), { p: 2 });
	assert.strictEqual(box.getSync('g', { accessors: true }), 3);
	isError(thrown(() => box.getSync('g')), TypeError, 'Property is getter', 'ERR_REFERENCE');
	box.setSync('s', 's');
	await box.set('t', { deep: [1] }, { copy: true });
	box.setIgnored('u', new ExternalCopy([2]).copyInto({ release: true }));
	assert.strictEqual(context.evalSync('box.s + box.t.deep[0] + box.u[0]'), 's12');
	box.deleteSync('s');
	await box.delete('t');
	box.deleteIgnored('u');
	assert.strictEqual(context.evalSync('"s" in box || "t" in box || "u" in box'), false);
	const add = box.getSync('add', { reference: true });
	assert.strictEqual(add.typeof, 'function');
	assert.strictEqual(add.applySync(box.derefInto(), [1, 2]), 4);
	assert.strictEqual(await add.apply(box.derefInto(), [1, 2], { timeout: 1000 }), 4);
	add.applyIgnored(undefined, []);
	isError(thrown(() => add.applySyncPromise()), Error, 'This function may not be called from the default thread', 'ERR_WRONG_THREAD');
	assert.deepStrictEqual(box.getSync('o').copySync(), { p: 2 });
	assert.deepStrictEqual(await box.getSync('o').copy(), { p: 2 });
	isError(thrown(() => box.deref()), TypeError, 'Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
	box.release();
	isError(thrown(() => box.getSync('n')), Error, 'Reference has been released', 'ERR_RELEASED');
	const mine = { here: true };
	const own = new Reference(mine);
	jail.setSync('own', own);
	assert.strictEqual(jail.getSync('own').deref(), mine);
	assert.strictEqual(own.getSync('here'), true);

	// --- functions ---
	const seen = [];
	jail.setSync('log', (...values) => {
		seen.push(values);
		return { count: values.length };
	});
	assert.strictEqual(context.evalSync('log(1, { a: [2] }, new Date(3)).count'), 3);
	assert.deepStrictEqual(seen, [[1, { a: [2] }, new Date(3)]]);
	assert.strictEqual(await context.eval('log().count'), 0);
	jail.setSync('inner', () => context.evalSync('"inner"'));
	assert.strictEqual(context.evalSync('inner()'), 'inner');
	jail.setSync('later', new Callback(async value => ({ value }), { async: true }));
	assert.strictEqual(await context.eval('later(4).then(({ value }) => value)', { promise: true }), 4);
	const dropped = [];
	jail.setSync('drop', new Callback(value => dropped.push(value), { ignored: true }));
	assert.strictEqual(context.evalSync('drop(1); drop(2)'), undefined);
	await until(() => dropped.length === 2);
	const double = context.evalSync('(function double(value) { return { value: value * 2 } })');
	assert.deepStrictEqual(double(4), { value: 8 });
	assert.strictEqual(double.name + double.length, 'double1');
	other.global.setSync('double', double);
	assert.strictEqual(other.evalSync('double(5).value'), 10);

	// --- promises ---
	assert.strictEqual(await context.evalSync('Promise.resolve(1)', { promise: true }), 1);
	assert.deepStrictEqual(await context.eval('(async () => [2])()', { promise: true, copy: true }), [2]);
	jail.setSync('promised', new Promise(resolve => setTimeout(resolve, 10, 'late')), { promise: true });
	assert.strictEqual(await context.eval('promised', { promise: true }), 'late');
	isError(await rejection(context.eval('Promise.reject(new RangeError("no"))', { promise: true })), RangeError, 'no');

	// --- scripts ---
	const script = isolate.compileScriptSync('globalThis.runs = (globalThis.runs || 0) + 1', { filename: 'runs.js' });
	assert.ok(script instanceof ivm.Script);
	assert.deepStrictEqual([script.runSync(context), await script.run(context), script.runSync(other)], [1, 2, 1]);
	script.runIgnored(context);
	assert.strictEqual(await script.run(context, { release: true }), 4);
	isError(thrown(() => script.runSync(context)), Error, 'Script has been released', 'ERR_RELEASED');
	assert.ok(await isolate.compileScript('1') instanceof ivm.Script);

	// --- external copies ---
	const copy = new ExternalCopy({ list: [1, 2], isolate });
	assert.deepStrictEqual(copy.copy().list, [1, 2]);
	assert.ok(copy.copy().isolate instanceof Isolate);
	assert.ok(ExternalCopy.totalExternalSize > 0);
	jail.setSync('list', new ExternalCopy([1, 2, 3]).copyInto());
	assert.strictEqual(context.evalSync('list.length'), 3);
	const buffer = new ArrayBuffer(8);
	const moved = new ExternalCopy({ buffer }, { transferList: [buffer] });
	assert.strictEqual(buffer.byteLength, 0);
	assert.strictEqual(moved.copy({ transferIn: true }).buffer.byteLength, 8);
	isError(thrown(() => moved.copy()), Error, 'Array buffer is invalid', 'ERR_RELEASED');
	const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
	const view = new ExternalCopy(new Uint8Array(resizable), { transferOut: true }).copy();
	assert.deepStrictEqual([resizable.byteLength, view.length, view.buffer.resizable], [0, 4, true]);
	const foreign = vm.runInNewContext('new ArrayBuffer(4)');
	assert.strictEqual(new ExternalCopy({ foreign }, { transferList: [foreign] }).copy().foreign.byteLength, 4);
	assert.strictEqual(foreign.byteLength, 0);
	const page = new ArrayBuffer(65536);
	const wasm = new WebAssembly.Memory({ initial: 1 }).buffer;
	for (const transferList of [[wasm], [page, wasm]]) {
		isError(thrown(() => new ExternalCopy(0, { transferList })), TypeError,
			'ArrayBuffer is not detachable and could not be cloned.', 'ERR_DATA_CLONE');
	}
	assert.strictEqual(page.byteLength, 65536);
	new ExternalCopy(0, { transferList: [page, new ArrayBuffer(65536)] }).release();
	assert.strictEqual(page.byteLength, 0);
	copy.release();
	isError(thrown(() => copy.copy()), Error, 'Copy has been released', 'ERR_RELEASED');

	// --- errors ---
	const error = thrown(() => context.evalSync(
		'function deep() { throw Object.assign(new TypeError("boom", { cause: new Error("root") }), { extra: 1 }) }\ndeep()',
		{ filename: 'file:///guest.js' }));
	isError(error, TypeError, 'boom');
	assert.strictEqual(error.extra, 1);
	assert.strictEqual(error.cause.message, 'root');
	assert.ok(/at deep \(file:\/\/\/guest\.js:1:\d+\)[^]*boundary/.test(error.stack), error.stack);
	isError(thrown(() => context.evalSync('x = ;', { filename: 'bad.js' })), SyntaxError, "Unexpected token ';' [bad.js:1:5]");
	assert.strictEqual(thrown(() => context.evalSync('throw 5')), 5);
	jail.setSync('fail', () => {
		throw new RangeError('host');
	});
	assert.strictEqual(context.evalSync('try { fail() } catch (error) { error instanceof RangeError && error.message }'), 'host');
	jail.setSync('fail', () => vm.runInNewContext('throw new RangeError("of another realm")'));
	assert.strictEqual(context.evalSync('try { fail() } catch (error) { error instanceof RangeError && error.message }'), 'of another realm');
	isError(thrown(() => jail.setSync('object', {})), TypeError, 'A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
	isError(thrown(() => new ExternalCopy(() => 1)), TypeError, '()=>1 could not be cloned.'.replace('=>', ' => '), 'ERR_DATA_CLONE');
	isError(thrown(() => new Isolate({ memoryLimit: 1 })), RangeError, '`memoryLimit` must be at least 8', 'ERR_OUT_OF_RANGE');
	isError(await rejection(context.eval('1', { timeout: 1.5 })), TypeError, '`timeout` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');

	// --- limits ---
	isError(thrown(() => context.evalSync('for (;;);', { timeout: 30 })), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	isError(await rejection(context.eval('for (;;);', { timeout: 30 })), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	assert.strictEqual(context.evalSync('1'), 1);
	const hog = new Isolate({ memoryLimit: 8 });
	const hungry = await hog.createContext();
	const full = await rejection(hungry.eval('const all = []; for (;;) all.push(new Array(1000).fill(1.5))'));
	isError(full, Error, 'Isolate was disposed during execution due to memory limit', 'ERR_MEMORY_LIMIT');
	assert.strictEqual(hog.isDisposed, true);
	assert.strictEqual(context.evalSync('1'), 1);

	// --- the end ---
	assert.strictEqual(other.release(), true);
	assert.strictEqual(other.release(), false);
	isError(thrown(() => other.evalSync('1')), Error, 'Context is released', 'ERR_RELEASED');
	const looping = context.eval('for (;;);');
	isolate.dispose();
	assert.strictEqual((await rejection(looping)).code, 'ERR_ISOLATE_DISPOSED');
	isError(thrown(() => isolate.dispose()), Error, 'Isolate is already disposed', 'ERR_ISOLATE_DISPOSED');
	isError(await rejection(context.eval('1')), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
	assert.strictEqual(isolate.isDisposed, true);
	process.exitCode = 0;
	console.log('ok');
}

// A process that ends with its work undone has failed as well.
process.exitCode = 1;
main().catch(error => console.error(error));
