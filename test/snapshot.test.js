'use strict';

/**
 * `Isolate.createSnapshot`, and isolates that start from snapshots.
 */

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { assertError, child, guest, islet, rejects, seeded, throws, times, thrown } = require('./helpers');

const { ExternalCopy, Isolate } = islet;

const make = (code, ...rest) => Isolate.createSnapshot([{ code }], ...rest);

/** A context of a new isolate that starts from a snapshot. */
const start = (snapshot, options) => guest({ ...options, snapshot }).context;

/** The two forms: `createSnapshot` and `createSnapshotAsync`. */
function inBoth(title, body) {
	for (const method of ['createSnapshot', 'createSnapshotAsync']) {
		it(`${title} (${method})`, () => body(async (...rest) => Isolate[method](...rest)));
	}
}

describe('a snapshot', () => {
	inBoth('holds the globals of its scripts, in every context of every isolate, each its own', async create => {
		const snapshot = await create([{ code: 'var n = 1; let lexical = 2; class Point {} function f() { return ++n }' }]);
		assert.ok(snapshot instanceof ExternalCopy);
		assert.ok(snapshot.copy() instanceof ArrayBuffer);
		for (let i = 0; i < 2; ++i) {
			const isolate = new Isolate({ snapshot });
			for (let j = 0; j < 2; ++j) {
				const context = isolate.createContextSync();
				assert.deepEqual(context.evalSync('[n, lexical, typeof Point, f(), f()]', { copy: true }), [1, 2, 'function', 2, 3]);
			}
		}
	});

	it('runs its scripts in order, in one context, with their microtasks', () => {
		const snapshot = Isolate.createSnapshot([
			{ code: 'var order = ["a"]; Promise.resolve().then(() => order.push("microtask"))' },
			{ code: 'order.push("b")' },
			{ code: '(async () => { await null; order.push("later") })()' },
		]);
		assert.equal(start(snapshot).evalSync('order.join()'), 'a,microtask,b,later');
	});

	it('may be of no scripts at all', () => {
		assert.equal(start(Isolate.createSnapshot([])).evalSync('1 + 1'), 2);
	});

	it('is warmed up by a script of which nothing else stays', () => {
		const snapshot = make('var list = []; function push(a) { return list.push(a) }', 'push(1); globalThis.warm = true');
		assert.deepEqual(start(snapshot).evalSync('[list.length, typeof warm, push(5)]', { copy: true }), [0, 'undefined', 1]);
	});

	it('holds what plain code makes', () => {
		const snapshot = make(`
			var map = new Map([[1, 'one'], ['k', {}]]), set = new Set([1]), weak = new WeakMap([[map, 1]]), date = new Date(5);
			var re = /a(b)/g, big = 10n ** 50n, symbol = Symbol.for('s'), proxy = new Proxy({}, { get: () => 'trap' });
			var typed = new Uint8Array([1, 2, 3]), buffer = new ArrayBuffer(100000), error = new RangeError('kept');
			var generator = (function* () { yield 1; yield 2 })(); generator.next();
			var pending = new Promise(resolve => { globalThis.resolve = resolve });
			class Base { #secret = 7; get secret() { return this.#secret } } var object = new (class extends Base {})();
			Object.freeze(Array.prototype);
			var text = 'ä☃'.repeat(1000), wr = new WeakRef(map), closure = (() => { let n = 1; return () => ++n })();
		`);
		const context = start(snapshot);
		assert.deepEqual(context.evalSync(`[
			map.get(1), set.has(1), weak.get(map), date.getTime(), re.exec('ab')[1], String(big), symbol === Symbol.for('s'), proxy.x,
			typed.join(), buffer.byteLength, error.message, error instanceof RangeError, generator.next().value, object.secret,
			Object.isFrozen(Array.prototype), text.length, wr.deref() === map, closure(),
		]`, { copy: true }), [
			'one', true, 1, 5, 'b', `1${'0'.repeat(50)}`, true, 'trap', '1,2,3', 100000, 'kept', true, 2, 7, true, 2000, true, 2,
		]);
		context.evalSync('resolve(3); pending.then(value => { globalThis.got = value }); 0');
		assert.equal(context.evalSync('got'), 3);
	});

	it('has the same builtins as any other context, WebAssembly and Intl included', () => {
		const names = 'Object.getOwnPropertyNames(globalThis).sort().join()';
		const context = start(Isolate.createSnapshot([]));
		assert.equal(context.evalSync(names), guest().context.evalSync(names));
		assert.equal(context.evalSync('new Intl.NumberFormat("de").format(1234.5)'), guest().context.evalSync('new Intl.NumberFormat("de").format(1234.5)'));
		assert.equal(context.evalSync('new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) instanceof WebAssembly.Module'), true);
		assert.equal(context.evalSync('Error.stackTraceLimit'), guest().context.evalSync('Error.stackTraceLimit'));
	});

	it('keeps file names for stacks', () => {
		const snapshot = Isolate.createSnapshot([{ code: '\nfunction boom() { throw new Error("x") }', filename: 'file:///lib.js', lineOffset: 10 }]);
		const error = throws(() => start(snapshot).evalSync('boom()'), Error, 'x');
		assert.match(error.stack, /boom \(file:\/\/\/lib\.js:12:/);
	});

	it('outlives its handle: isolates need it no more once they are made', async () => {
		const snapshot = make('var kept = "still here"');
		const isolate = new Isolate({ snapshot });
		snapshot.release();
		await isolate.collectGarbage();
		assert.equal(isolate.createContextSync().evalSync('kept'), 'still here');
		throws(() => new Isolate({ snapshot }), Error, 'Copy has been released', 'ERR_RELEASED');
	});

	it('may be given as an ExternalCopy, a buffer, a view or a Buffer, and isn\'t changed by it', () => {
		const snapshot = make('var a = 1');
		const buffer = snapshot.copy();
		for (const form of [snapshot, buffer, new Uint8Array(buffer), Buffer.from(buffer), new DataView(buffer), new ExternalCopy(buffer)]) {
			assert.equal(start(form).evalSync('a'), 1);
		}
	});

	it('isn\'t changed by what is written to the memory it came from', () => {
		const buffer = make('var a = "unharmed"').copy();
		const isolate = new Isolate({ snapshot: buffer });
		new Uint8Array(buffer).fill(0xff);
		assert.equal(isolate.createContextSync().evalSync('a'), 'unharmed');
	});

	it('goes with limits, references, callbacks and copies as any other context', async () => {
		const context = start(make('var list = [1, 2, 3]; function call(f, a) { return f(a) } function loop() { for (;;); }'), { memoryLimit: 16 });
		const { global } = context;
		assert.deepEqual(global.getSync('list', { copy: true }), [1, 2, 3]);
		assert.equal(global.getSync('call', { reference: true }).applySync(undefined, [n => n * 2, 21]), 42);
		throws(() => context.evalSync('loop()', { timeout: 10 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		throws(() => context.evalSync('new ArrayBuffer(64 * 1024 * 1024)'), RangeError, 'Array buffer allocation failed', 'ERR_MEMORY_LIMIT');
		assert.equal(await context.eval('Promise.resolve(list.length)', { promise: true }), 3);
		throws(() => context.evalSync('for (;;) list.push(new Array(1000).fill({}))'), Error, /memory limit/, 'ERR_MEMORY_LIMIT');
	});

	it('starts many isolates at once, beside others of other snapshots and of none', async () => {
		const first = make('var who = "first"'), second = make('var who = "second", map = new Map([[{}, 1]])');
		await Promise.all(Array.from({ length: times(60) }, async (_, i) => {
			const isolate = new Isolate({ snapshot: [first, second, undefined][i % 3] });
			const context = await isolate.createContext();
			assert.equal(await context.eval('typeof who === "string" ? who : "none"'), ['first', 'second', 'none'][i % 3]);
			await isolate.collectGarbage();
			await context.eval('let s = 0; for (let i = 0; i < 1e5; ++i) s += [i].length; s');
			isolate.dispose();
		}));
	});

	it('of a bundle of a megabyte starts isolates', async () => {
		const functions = Array.from({ length: 8000 }, (_, i) =>
			`exports.f${i} = function (a, b) { var o = { id: ${i}, name: "function number ${i}", a: a }; return o.id + a * b + o.name.length }`);
		const code = `var bundle = (function () { var exports = {};\n${functions.join(';\n')};\nreturn exports })()`;
		assert.ok(code.length > 1e6);
		const snapshot = await Isolate.createSnapshotAsync([{ code, filename: 'bundle.js' }], 'for (const key in bundle) bundle[key](1, 2)');
		for (let i = 0; i < 3; ++i) {
			assert.equal(start(snapshot).evalSync('bundle.f7999(2, 3) + Object.keys(bundle).length'), 7999 + 6 + 20 + 8000);
		}
	});
});

describe('createSnapshot', () => {
	it('checks its arguments', async () => {
		throws(() => Isolate.createSnapshot(), TypeError, '`createSnapshot` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		for (const scripts of [1, 'code', {}, null]) {
			throws(() => Isolate.createSnapshot(scripts), TypeError, '`createSnapshot` requires parameter 1 to be an array', 'ERR_INVALID_ARG_TYPE');
		}
		throws(() => Isolate.createSnapshot([1]), TypeError, '`createSnapshot` requires parameter 1 to be an object', 'ERR_INVALID_ARG_TYPE');
		for (const script of [{}, { code: 1 }, null]) {
			throws(() => Isolate.createSnapshot([script]), TypeError, '`code` property is required', 'ERR_INVALID_ARG_TYPE');
		}
		throws(() => Isolate.createSnapshot([{ code: '', filename: 1 }]), TypeError, '`filename` must be a string', 'ERR_INVALID_ARG_TYPE');
		throws(() => Isolate.createSnapshot([], 1), TypeError, '`createSnapshot` requires parameter 2 to be a string', 'ERR_INVALID_ARG_TYPE');
		throws(() => Isolate.createSnapshot([], '', 1), TypeError, '`createSnapshot` requires parameter 3 to be an object', 'ERR_INVALID_ARG_TYPE');
		throws(() => Isolate.createSnapshot([], '', { memoryLimit: 1 }), RangeError, '`memoryLimit` must be at least 8', 'ERR_OUT_OF_RANGE');
		throws(() => Isolate.createSnapshot([], '', { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		await rejects(Isolate.createSnapshotAsync(), TypeError, '`createSnapshotAsync` requires at least 1 parameter', 'ERR_MISSING_ARGS');
	});

	it('tells which script failed, with its error', async () => {
		const scripts = [{ code: '1', filename: 'fine.js' }, { code: '\n  throw new TypeError("bad start")', filename: 'file:///bad.js' }, { code: '' }];
		const error = throws(() => Isolate.createSnapshot(scripts), TypeError, 'bad start');
		assert.deepEqual([error.scriptIndex, error.scriptFilename], [1, 'file:///bad.js']);
		assert.match(error.stack, /^TypeError: bad start\n {4}at file:\/\/\/bad\.js:2:9\n/);
		const async = await rejects(Isolate.createSnapshotAsync(scripts), TypeError, 'bad start');
		assert.deepEqual([async.scriptIndex, async.scriptFilename], [1, 'file:///bad.js']);
		const syntax = throws(() => Isolate.createSnapshot([{ code: '\nlet let = 1', filename: 'bad.js' }]), SyntaxError, /\[bad\.js:2:5\]$/);
		assert.equal(syntax.scriptIndex, 0);
		throws(() => make('throw { a: 1 }'), Error, /^An object was thrown/);
		const named = throws(() => make('throw Object.assign(new Error("m"), { name: "Mine" })'), Error, 'm');
		assert.equal(named.name, 'Mine');
	});

	it('tells a warmup script apart from the scripts', async () => {
		const scripts = [{ code: '1', filename: 'a' }, { code: '2', filename: 'b' }];
		const cases = [
			['null.x', undefined, TypeError, /^Cannot read properties of null/, undefined],
			['let let', undefined, SyntaxError, /\[<warmup>:1:5\]$/, undefined],
			['for (;;);', { timeout: 30 }, Error, 'Script execution timed out.', 'ERR_TIMEOUT'],
		];
		for (const [warmup, options, Class, message, code] of cases) {
			for (const error of [
				throws(() => Isolate.createSnapshot(scripts, warmup, options), Class, message, code),
				await rejects(Isolate.createSnapshotAsync(scripts, warmup, options), Class, message, code),
			]) {
				assert.deepEqual([error.scriptIndex, error.scriptFilename], [-1, '<warmup>']);
			}
		}
		assert.match(throws(() => make('1', 'throw new EvalError("w")'), EvalError, 'w').stack, /at <warmup>:1:7/);
	});

	it('tells which script threw a value that is no error', () => {
		const error = throws(() => Isolate.createSnapshot([{ code: '1' }, { code: 'throw 5', filename: 'b' }]), Error, 'A script threw a value that is no error');
		assert.deepEqual([error.cause, error.scriptIndex, error.scriptFilename], [5, 1, 'b']);
		assert.equal(throws(() => make('1', 'throw null'), Error, 'A script threw a value that is no error').cause, null);
	});

	it('holds to its time limit and its memory limit, and tells which script passed them', async () => {
		const scripts = code => [{ code: '1' }, { code, filename: 'wild.js' }];
		const cases = [
			['for (;;);', { timeout: 30 }, 'Script execution timed out.', 'ERR_TIMEOUT'],
			['Promise.resolve().then(() => { for (;;); })', { timeout: 30 }, 'Script execution timed out.', 'ERR_TIMEOUT'],
			['const all = []; for (;;) all.push(new Array(1000).fill({}))', { memoryLimit: 16 }, /memory limit/, 'ERR_MEMORY_LIMIT'],
		];
		for (const [code, options, message, text] of cases) {
			const error = throws(() => Isolate.createSnapshot(scripts(code), undefined, options), Error, message, text);
			assert.deepEqual([error.scriptIndex, error.scriptFilename], [1, 'wild.js']);
			await rejects(Isolate.createSnapshotAsync(scripts(code), undefined, options), Error, message, text);
			throws(() => Isolate.createSnapshot([], code, options), Error, message, text);
		}
		throws(() => make('new ArrayBuffer(1e9)', undefined, { memoryLimit: 16 }), RangeError, 'Array buffer allocation failed');
		assert.equal(start(make('var a = 1')).evalSync('a'), 1);
	});

	it('leaves the event loop free in its async form', async () => {
		let turns = 0;
		const timer = setInterval(() => ++turns, 1);
		await assert.rejects(Isolate.createSnapshotAsync([{ code: 'for (;;);' }], undefined, { timeout: 100 }));
		clearInterval(timer);
		assert.ok(turns > 0);
	});

	it('never takes the process down: what V8 can\'t stop, hold or finish is an error', async () => {
		const reports = await child(`
			const codes = {
				heap: 'new Array(1e8).fill(0)',
				abort: '"x".repeat(2 ** 28).split("")',
				stuck: '[].indexOf.call({ length: 2 ** 53 - 1 }, 1)',
				intl: 'globalThis.x = new Intl.NumberFormat("de")',
				segmenter: 'globalThis.x = new Intl.Segmenter()',
				registry: 'globalThis.x = new FinalizationRegistry(() => {}); x.register({}, 1)',
				deep: '(function f() { f() })()',
				wasm: 'new WebAssembly.Memory({ initial: 1 })',
			};
			const result = {};
			for (const [name, code] of Object.entries(codes)) {
				try {
					Isolate.createSnapshot([{ code }], undefined, { memoryLimit: 32, timeout: name === 'stuck' ? 200 : 0 });
					result[name] = 'made';
				} catch (error) {
					result[name] = error.code ?? error.constructor.name;
				}
			}
			const snapshot = Isolate.createSnapshot([{ code: 'var a = "after all that"' }]);
			result.after = new Isolate({ snapshot }).createContextSync().evalSync('a');
			report(result);
		`);
		assert.deepEqual(reports, [{
			heap: 'ERR_MEMORY_LIMIT', abort: 'ERR_MEMORY_LIMIT', stuck: 'ERR_TIMEOUT', intl: 'ERR_SNAPSHOT', segmenter: 'ERR_SNAPSHOT',
			registry: 'ERR_SNAPSHOT', deep: 'RangeError', wasm: 'ReferenceError', after: 'after all that',
		}]);
	});

	it('prints nothing when V8 gives up', async () => {
		const { stdout, stderr } = await require('./helpers').runChild(`
			try { Isolate.createSnapshot([{ code: 'globalThis.x = new Intl.Segmenter()' }]); } catch {}
		`);
		assert.deepEqual([stdout, stderr], ['', '']);
	});

	it('ends with its worker', async () => {
		const reports = await child(`
			const worker = new Worker(${JSON.stringify(`
				const { Isolate } = require(${JSON.stringify(require('./helpers').ROOT)});
				Isolate.createSnapshotAsync([{ code: 'for (;;);' }]).catch(() => {});
				setTimeout(() => process.exit(), 20);
			`)}, { eval: true });
			worker.on('exit', () => report('ended'));
		`);
		assert.deepEqual(reports, ['ended']);
	});
});

describe('a snapshot that is none', () => {
	it('is refused before V8 sees it', () => {
		for (const snapshot of [1, 'x', true, false, Symbol('s')]) {
			throws(() => new Isolate({ snapshot }), TypeError, '`snapshot` must be an object', 'ERR_INVALID_ARG_TYPE');
		}
		for (const snapshot of [{}, new ExternalCopy({}), new ExternalCopy(1), new ExternalCopy(new Uint8Array(8))]) {
			throws(() => new Isolate({ snapshot }), TypeError, '`snapshot` must be an ExternalCopy to ArrayBuffer', 'ERR_INVALID_ARG_TYPE');
		}
		for (const snapshot of [new ArrayBuffer(0), new ArrayBuffer(8), Buffer.alloc(1e6, 7)]) {
			throws(() => new Isolate({ snapshot }), Error, 'The snapshot can\'t be used: it was not made by islet', 'ERR_SNAPSHOT');
		}
		const { cachedData } = new Isolate().compileScriptSync('1', { produceCachedData: true });
		for (const snapshot of [cachedData, cachedData.copy()]) {
			throws(() => new Isolate({ snapshot }), Error, 'The snapshot can\'t be used: it is something else', 'ERR_SNAPSHOT');
		}
	});

	it('is refused when it is of another build, cut off, or damaged anywhere', () => {
		const whole = new Uint8Array(make('var a = 1').copy());
		const changed = at => {
			const bytes = whole.slice();
			bytes[at] ^= 4;
			return bytes;
		};
		throws(() => new Isolate({ snapshot: changed(8) }), Error, /^The snapshot can't be used: it was made by V8 [\d.]+.* of another build, this is V8 [\d.]+/, 'ERR_SNAPSHOT');
		const random = seeded(3);
		for (let i = 0; i < times(100); ++i) {
			const bytes = i % 2 ? changed(64 + random.below(whole.length - 64)) : whole.subarray(0, 64 + random.below(whole.length - 64));
			throws(() => new Isolate({ snapshot: bytes }), Error, 'The snapshot can\'t be used: it is damaged', 'ERR_SNAPSHOT');
		}
		assert.equal(start(whole).evalSync('a'), 1);
	});
});

describe('a snapshot in a file', () => {
	const folder = mkdtempSync(join(tmpdir(), 'islet-snapshot-'));
	after(() => rmSync(folder, { recursive: true, force: true }));

	it('works in the next process', async () => {
		const file = JSON.stringify(join(folder, 'snapshot'));
		await child(`
			const snapshot = Isolate.createSnapshot([{ code: 'var from = "the process before"' }]);
			require('node:fs').writeFileSync(${file}, new Uint8Array(snapshot.copy()));
		`);
		assert.deepEqual(await child(`
			const snapshot = new ExternalCopy(new Uint8Array(require('node:fs').readFileSync(${file})).buffer);
			report([1, 2].map(() => new Isolate({ snapshot }).createContextSync().evalSync('from')));
		`), [['the process before', 'the process before']]);
	});
});

describe('snapshots inside a guest', () => {
	it('are made and used there; what a guest could have made up is refused', () => {
		const { context, jail } = guest();
		jail.setSync('ivm', islet);
		jail.setSync('given', make('var a = "from the host"'));
		const run = code => context.evalSync(`(() => { ${code} })()`, { copy: true });
		assert.equal(run('return new ivm.Isolate({ snapshot: given }).createContextSync().evalSync("a")'), 'from the host');
		assert.equal(run(`
			const own = ivm.Isolate.createSnapshot([{ code: 'var b = "made inside"' }]);
			return new ivm.Isolate({ snapshot: own }).createContextSync().evalSync('b');
		`), 'made inside');
		assertError(thrown(() => run('new ivm.Isolate({ snapshot: given.copy() })')), Error, 'The snapshot can\'t be used: it comes from a guest', 'ERR_SNAPSHOT');
		assert.deepEqual(run(`
			try { ivm.Isolate.createSnapshot([{ code: 'throw new RangeError("in")', filename: 'f.js' }]) } catch (error) {
				return [error instanceof RangeError, error.message, error.scriptIndex, error.scriptFilename];
			}
		`), [true, 'in', 0, 'f.js']);
		throws(() => run('ivm.Isolate.createSnapshot([{ code: "for (;;);" }], undefined, { timeout: 20 })'), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});
});
