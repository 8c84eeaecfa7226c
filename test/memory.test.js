'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, inBothForms, islet, rejects, thrown, throws, times } = require('./helpers');
const { ExternalCopy } = islet;

const LIMIT = 'Isolate was disposed during execution due to memory limit';
const MB = 1024 * 1024;

/**
 * Runs `code` in an isolate of 16 MB in a process of its own, by `call` (an expression with `context`, `jail`, `isolate` and `code`).
 * Tells what became of the call, of the isolate and of the host.
 */
async function exhaust(code, call = 'context.evalSync(code)', { limit = 16, args = [] } = {}) {
	const [outcome] = await child(`
		const { isolate, context, jail } = guest({ memoryLimit: ${limit} });
		const code = ${JSON.stringify(code)};
		(async () => {
			let error;
			try { await (${call}) } catch (e) { error = e }
			const after = [];
			try { after.push(context.evalSync('1')) } catch (e) { after.push(e.message) }
			await context.eval('1').then(value => after.push(value), e => after.push(e.message));
			const other = guest({ memoryLimit: 16 });
			report({
				class: error && Object.getPrototypeOf(error).constructor.name, message: error?.message, code: error?.code,
				isDisposed: isolate.isDisposed, after, host: other.context.evalSync('[1, 2, 3].map(x => x * 2).join()'),
				large: process.memoryUsage().rss > 1.5e9,
			});
			process.exit(0);
		})();
	`, { args, deadline: 40_000 });
	return outcome;
}

/** The heap's limit was passed: the isolate is gone, the host lives. */
function assertGone(outcome) {
	assert.deepEqual(outcome, {
		class: 'Error', message: LIMIT, code: 'ERR_MEMORY_LIMIT', isDisposed: true,
		after: ['Isolate is disposed', 'Isolate is disposed'], host: '2,4,6', large: false,
	});
}

describe('a guest that fills the heap', { concurrency: 2 }, () => {
	const ways = {
		'with objects': 'const a = []; while (true) a.push({})',
		'with arrays': 'const a = []; while (true) a.push(new Array(100).fill(0))',
		'with one array': 'new Array(1e8).fill(0).length',
		'with a Map': 'const m = new Map(); for (let i = 0;; ++i) m.set(i, i + "v")',
		'with a Set': 'const s = new Set(); for (let i = 0;; ++i) s.add(i)',
		'with strings': 'const a = []; for (let i = 0;; ++i) a.push("text" + i)',
		'with joined strings': 'let s = "x"; while (true) s = [s, s].join("")',
		'with closures': 'let f = () => 0; while (true) { const g = f; f = () => g }',
		'with properties': 'const o = {}; for (let i = 0;; ++i) o["k" + i] = i',
		'with symbols': 'const o = {}; while (true) o[Symbol()] = 1',
		'with promises': 'const a = []; while (true) a.push(new Promise(() => {}))',
		'with reactions': 'const p = Promise.resolve(); while (true) p.then(() => 1)',
		'with bigints': 'let n = 1n; const a = []; while (true) a.push(n = n * 3n + 1n)',
		'with regular expressions': 'const a = []; for (let i = 0;; ++i) a.push(new RegExp("(a|b)".repeat(1000) + i))',
		'with functions': 'const a = []; for (let i = 0;; ++i) a.push(new Function("return " + i))',
		'with JSON': 'const s = JSON.stringify(Array(100000).fill("text")); const a = []; while (true) a.push(JSON.parse(s))',
		'with a flattened string': 'const s = "x".repeat(2 ** 28); s.charCodeAt(5); const a = [s]; while (true) a.push({})',
		'with spreads': 'const a = [1]; while (true) a.push(...a.slice(0, 10000))',
		'with stacks': 'const a = []; function f(n) { if (n) f(n - 1); else a.push(new Error("x")) } Error.stackTraceLimit = 1000; while (true) f(500)',
	};
	for (const [how, code] of Object.entries(ways)) {
		it(`${how} ends, and the host goes on`, async () => assertGone(await exhaust(code)));
	}

	it('by an array beyond all bounds ends, and the host goes on', async () => {
		// V8 gives up here without asking; which of its two ways it takes is its own affair.
		const { code, message, ...rest } = await exhaust('"x".repeat(2 ** 28).split("")');
		assert.match(code, /^ERR_(?:MEMORY_LIMIT|ENGINE_FATAL)$/);
		assert.match(message, /^Isolate was disposed during execution due to /);
		assert.deepEqual(rest, {
			class: 'Error', isDisposed: true, after: ['Isolate is disposed', 'Isolate is disposed'], host: '2,4,6', large: false,
		});
	});
});

describe('a guest that fills the heap ends, however it is called:', { concurrency: 2 }, () => {
	const FILL = 'const a = []; while (true) a.push({ a: [1, 2, 3] })';
	const calls = {
		'by eval': 'context.eval(code)',
		'by evalClosureSync': 'context.evalClosureSync(code)',
		'by evalClosure': 'context.evalClosure(code)',
		'by runSync': 'isolate.compileScriptSync(code).runSync(context)',
		'by run': 'isolate.compileScriptSync(code).run(context)',
		'as a function': 'context.evalSync("() => { " + code + " }")()',
		'by applySync': 'context.evalSync("() => { " + code + " }", { reference: true }).applySync()',
		'by apply': 'context.evalSync("() => { " + code + " }", { reference: true }).apply()',
		'by a getter': 'context.evalSync("({ get a() { " + code + " } })", { reference: true }).getSync("a", { accessors: true })',
		'by a reaction': 'context.evalSync("Promise.resolve().then(() => { " + code + " }); 1")',
		'within a time limit': 'context.evalSync(code, { timeout: 30000 })',
		'with a try around it': 'context.evalSync("while (true) try { " + code + " } catch {} finally { globalThis.escaped = 1 }")',
		'in a call within a call': '(jail.setSync("f", () => context.evalSync(code)), context.evalSync("try { f() } catch {} while (true);"))',
	};
	for (const [how, call] of Object.entries(calls)) {
		it(how, async () => assertGone(await exhaust(FILL, call)));
	}

	it('ignored', async () => {
		const [outcome] = await child(`
			const { isolate, context } = guest({ memoryLimit: 16 });
			context.evalIgnored(${JSON.stringify(FILL)});
			until(() => isolate.isDisposed).then(() => report(guest().context.evalSync('1 + 1')));
		`);
		assert.equal(outcome, 2);
	});
});

describe('a guest that fills its heap after a buffer was refused', () => {
	it('ends in order, and no thread is given up for it', async () => {
		const [seen] = await child(`
			const seen = [];
			for (let i = 0; i < 5; ++i) {
				const { isolate, context } = guest({ memoryLimit: 32 });
				context.evalSync('{ const kept = []; try { for (;;) kept.push(new Uint8Array(2 ** 20).fill(1)) } catch {} } 1');
				try {
					context.evalSync('const hoard = []; for (;;) { const text = "x".repeat(2 ** 20) + hoard.length; text.charCodeAt(0); hoard.push(text) }');
				} catch (error) {
					seen.push([error.code, isolate.isDisposed]);
				}
			}
			report([seen, islet.stats().condemnedIsolates, guest().context.evalSync('1 + 1')]);
			process.exit(0);
		`);
		assert.deepEqual(seen, [Array(5).fill(['ERR_MEMORY_LIMIT', true]), 0, 2]);
	});
});

describe('calls around the one that filled the heap', () => {
	it('those queued behind it learn that the isolate is gone', async () => {
		const [outcomes] = await child(`
			const { context, isolate } = guest({ memoryLimit: 16 });
			const calls = [context.eval('const a = []; while (true) a.push({})'), context.eval('1'), isolate.compileScript('1'), isolate.createContext()];
			Promise.allSettled(calls).then(all => { report(all.map(({ reason }) => reason?.message)); process.exit(0) });
		`);
		assert.deepEqual(outcomes, [LIMIT, 'Isolate is disposed', 'Isolate is disposed', 'Isolate is disposed']);
	});

	it('other isolates do not notice', async () => {
		const [outcomes] = await child(`
			const others = Array.from({ length: 3 }, () => guest({ memoryLimit: 16 }));
			others.forEach(({ context }, i) => context.evalSync('globalThis.n = ' + i));
			const bad = guest({ memoryLimit: 16 });
			const waiting = others.map(({ context }) => context.eval('for (const end = Date.now() + 100; Date.now() < end;); n'));
			let message;
			try { bad.context.evalSync('const a = []; while (true) a.push({})') } catch (error) { message = error.message }
			Promise.all(waiting).then(all => { report([message, all, others.map(({ context }) => context.evalSync('n * 2'))]); process.exit(0) });
		`);
		assert.deepEqual(outcomes, [LIMIT, [0, 1, 2], [0, 2, 4]]);
	});

	it('the host can do it again and again', async () => {
		const count = times(30);
		const [seen] = await child(`
			const ways = ['const a = []; while (true) a.push({})', 'new Array(1e8).fill(0)', 'let s = "x"; while (true) s = [s, s].join("")',
				'const m = new Map(); for (let i = 0;; ++i) m.set(i, {})'];
			let seen = 0;
			for (let i = 0; i < ${count}; ++i) {
				const { isolate, context } = guest({ memoryLimit: 8 });
				try { context.evalSync(ways[i % ways.length]) } catch (error) { seen += error.code === 'ERR_MEMORY_LIMIT' && isolate.isDisposed }
			}
			report([seen, guest().context.evalSync('1 + 1')]);
			process.exit(0);
		`, { deadline: 60_000 });
		assert.deepEqual(seen, [count, 2]);
	});

	it('many can do it at once', async () => {
		const [seen] = await child(`
			Promise.all(Array.from({ length: 12 }, () => guest({ memoryLimit: 8 }).context.eval('const a = []; while (true) a.push([{}])').catch(error => error.code)))
				.then(codes => { report([codes, guest().context.evalSync('1 + 1')]); process.exit(0) });
		`, { deadline: 60_000 });
		assert.deepEqual(seen, [Array(12).fill('ERR_MEMORY_LIMIT'), 2]);
	});

	it('the process still ends by itself', async () => {
		const [seen] = await child(`
			for (const code of ['const a = []; while (true) a.push({})', 'new Array(1e8).fill(0)', '"x".repeat(2 ** 28).split("")']) {
				const { context } = guest({ memoryLimit: 16 });
				try { context.evalSync(code) } catch (error) { var code_ = error.code }
			}
			report(code_);
		`);
		assert.match(seen, /^ERR_/);
	});

	it('onCatastrophicError hears of isolates that V8 itself gave up', async () => {
		const [seen] = await child(`
			const messages = [];
			const isolate = new Isolate({ memoryLimit: 16, onCatastrophicError: message => { messages.push(typeof message); } });
			const context = isolate.createContextSync();
			const ordinary = new Isolate({ memoryLimit: 16, onCatastrophicError: () => { messages.push('wrong') } });
			ordinary.createContextSync().evalSync('1');
			ordinary.dispose();
			let error;
			try { context.evalSync('"x".repeat(2 ** 28).split("")') } catch (e) { error = e }
			until(() => messages.length > 0).then(() => { report([messages, error instanceof Error, isolate.isDisposed]); process.exit(0) });
		`);
		assert.deepEqual(seen, [['string'], true, true]);
	});
});

describe('what comes in counts as well', () => {
	it('a copied structure', async () => assertGone(await exhaust('', `
		jail.setSync('big', Array.from({ length: 1e6 }, (_, i) => ({ i })), { copy: true })`)));

	it('a long string', async () => {
		const outcome = await exhaust('', 'jail.setSync("big", "x".repeat(64 * 1024 * 1024))');
		assert.equal(outcome.host, '2,4,6');
		assert.match(String(outcome.message), /memory limit|allocation failed|undefined/);
	});

	it('what a host function returns', async () => assertGone(await exhaust('f()', `
		(jail.setSync('f', () => Array.from({ length: 1e6 }, (_, i) => ({ i }))), context.evalSync('const kept = []; while (true) kept.push(f())'))`)));
});

describe('array buffers', () => {
	const REFUSED = 'Array buffer allocation failed';

	inBothForms('that alone are too large are refused, and nothing else happens', 'eval', async call => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		for (const code of ['new ArrayBuffer(2 ** 26)', 'new Uint8Array(2 ** 26)', 'new Float64Array(2 ** 23)', 'new Uint8Array(17 * 2 ** 20)']) {
			await rejects(call(context, code), RangeError, REFUSED);
			assert.equal(await call(context, `try { ${code}; "made" } catch (error) { error instanceof RangeError && error.message }`), REFUSED);
		}
		assert.equal(isolate.isDisposed, false);
		assert.equal(await call(context, 'new Uint8Array(2 ** 20).length'), 2 ** 20);
	});

	it('of impossible size are the language\'s affair', () => {
		const { context } = guest();
		assert.ok(thrown(() => context.evalSync('new ArrayBuffer(2 ** 53)')) instanceof RangeError);
		assert.ok(thrown(() => context.evalSync('new ArrayBuffer(-1)')) instanceof RangeError);
		assert.equal(context.evalSync('1'), 1);
	});

	it('together count against the limit, in the guest as a RangeError', () => {
		const { isolate, context } = guest({ memoryLimit: 32 });
		const made = context.evalSync(`
			globalThis.all = [];
			try { while (true) all.push(new Uint8Array(2 ** 20)) } catch (error) { globalThis.error = error }
			all.length`);
		assert.ok(made >= 16 && made <= 32, String(made));
		assert.equal(context.evalSync('error instanceof RangeError && error.message'), REFUSED);
		assert.equal(isolate.isDisposed, false);
		throws(() => context.evalSync('new Uint8Array(2 ** 23)'), RangeError, REFUSED);
		assert.ok(isolate.getHeapStatisticsSync().externally_allocated_size >= made * MB);
	});

	it('that the guest lets go of make room for others', () => {
		const { context } = guest({ memoryLimit: 32 });
		assert.equal(context.evalSync('for (let i = 0; i < 1000; ++i) new Uint8Array(2 ** 20).fill(1); "done"'), 'done');
		assert.equal(context.evalSync('globalThis.b = []; try { while (true) b.push(new Uint8Array(2 ** 20)) } catch {} b = null; "dropped"'), 'dropped');
		assert.equal(context.evalSync('new Uint8Array(8 * 2 ** 20).length'), 8 * 2 ** 20);
	});

	inBothForms('that come in are refused when they do not fit', 'set', async call => {
		const { isolate, context, jail } = guest({ memoryLimit: 16 });
		await rejects(call(jail, 'big', new Uint8Array(2 ** 26), { copy: true }), RangeError, REFUSED, 'ERR_MEMORY_LIMIT');
		await rejects(call(jail, 'big', new ExternalCopy(new Uint8Array(2 ** 26), { transferOut: true }).copyInto()), RangeError, REFUSED);
		await rejects(call(jail, 'big', { inner: [new Uint8Array(2 ** 26)] }, { copy: true }), RangeError, REFUSED);
		assert.equal(isolate.isDisposed, false);
		assert.equal(context.evalSync('typeof big'), 'undefined');
		await call(jail, 'small', new Uint8Array(2 ** 20), { copy: true });
		assert.equal(context.evalSync('small.length'), 2 ** 20);
	});

	it('that come in and go make room again', () => {
		const { context, jail } = guest({ memoryLimit: 32 });
		for (let i = 0; i < 100; ++i) {
			jail.setSync('buffer', new ExternalCopy(new Uint8Array(4 * MB).fill(i), { transferOut: true }).copyInto({ transferIn: true, release: true }));
			assert.equal(context.evalSync('buffer[5]'), i);
		}
	});

	const growing = {
		'resizable buffers': ['new ArrayBuffer(8, { maxByteLength: 2 ** 33 })', '.resize(2 ** 32)'],
		'growable shared buffers': ['new SharedArrayBuffer(8, { maxByteLength: 2 ** 33 })', '.grow(2 ** 32)'],
		'WebAssembly memories': ['new WebAssembly.Memory({ initial: 1 })', '.grow(60000)'],
		'shared WebAssembly memories': ['new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true })', '.grow(60000)'],
		'64-bit WebAssembly memories': ['new WebAssembly.Memory({ address: "i64", initial: 1n, maximum: 131072n })', '.grow(100000n)'],
	};
	for (const [what, [make, grow]] of Object.entries(growing)) {
		it(`(${what}) that grow over the limit are refused, and nothing else happens`, () => {
			const { isolate, context } = guest({ memoryLimit: 16 });
			context.evalSync(`globalThis.buffer = ${make}`);
			assert.equal(context.evalSync(`try { buffer${grow}; 'grew' } catch (error) { error instanceof RangeError }`), true);
			const error = thrown(() => context.evalSync(`buffer${grow}`));
			assert.deepEqual([error.constructor, error.code], [RangeError, 'ERR_MEMORY_LIMIT']);
			assert.equal(isolate.isDisposed, false);
			assert.equal(context.evalSync('1 + 1'), 2);
		});
	}

	it('and WebAssembly memories count together, and make room again', () => {
		const { isolate, context } = guest({ memoryLimit: 32 });
		const fill = () => context.evalSync(`
			globalThis.kept = [];
			try { for (;;) kept.push(new WebAssembly.Memory({ initial: 16 }), new Uint8Array(2 ** 20)) } catch (error) { kept.error = error }
			kept.error instanceof RangeError ? kept.length : -1`);
		const made = fill();
		assert.ok(made >= 16 && made <= 33, String(made));
		assert.ok(isolate.getHeapStatisticsSync().externally_allocated_size >= 16 * MB);
		context.evalSync('kept = undefined');
		isolate.collectGarbageSync();
		assert.ok(fill() >= 16);
	});

	it('of WebAssembly that are too large are refused at once', () => {
		const { context } = guest({ memoryLimit: 16 });
		const error = thrown(() => context.evalSync('new WebAssembly.Memory({ initial: 60000 })'));
		assert.deepEqual([error.constructor, error.code], [RangeError, 'ERR_MEMORY_LIMIT']);
	});

	it('memory.grow inside WebAssembly gives -1', () => {
		const { context } = guest({ memoryLimit: 16 });
		// (memory 1) (func (export "f") (param i32) (result i32) local.get 0 memory.grow)
		assert.equal(context.evalSync(`new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0,
			1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 102, 0, 0, 10, 8, 1, 6, 0, 32, 0, 64, 0, 11]))).exports.f(60000)`), -1);
	});

	it('that are shared count, too', () => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		assert.equal(context.evalSync('try { new SharedArrayBuffer(2 ** 26); "made" } catch (error) { error instanceof RangeError }'), true);
		assert.equal(isolate.isDisposed, false);
	});

	it('in a program as in the README end in a RangeError', async () => {
		const [outcome] = await child(`
			const { isolate, context, jail } = guest({ memoryLimit: 64 });
			let wasted = 0;
			jail.setSync('log', text => { ++wasted; });
			const hostile = isolate.compileScriptSync(\`
				const storage = [];
				const twoMegabytes = 1024 * 1024 * 2;
				while (true) {
					const array = new Uint8Array(twoMegabytes);
					for (let ii = 0; ii < twoMegabytes; ii += 4096) array[ii] = 1;
					storage.push(array);
					log('wasted');
				}\`);
			hostile.run(context).catch(error => { report([error.constructor.name, error.message, wasted > 20 && wasted <= 32]) });
		`);
		assert.deepEqual(outcome, ['RangeError', REFUSED, true]);
	});
});

describe('limits that are not passed', () => {
	it('let a guest use most of its memory', () => {
		const { isolate, context } = guest({ memoryLimit: 64 });
		assert.equal(context.evalSync('globalThis.list = Array.from({ length: 400000 }, (_, i) => ({ i })); list.length'), 400_000);
		assert.equal(isolate.isDisposed, false);
		assert.equal(context.evalSync('list[399999].i'), 399_999);
	});

	it('let a guest make garbage for ever', () => {
		const { context } = guest({ memoryLimit: 16 });
		assert.equal(context.evalSync('let n = 0; for (let i = 0; i < 3e6; ++i) n += [i, { i }].length; n'), 6e6);
		assert.equal(context.evalSync('let s = ""; for (let i = 0; i < 200; ++i) s = "x".repeat(1e5) + i; s.length'), 100_003);
	});

	// Busy processes beside it: what a collection takes of wall time then says nothing.
	const GARBAGE = {
		'objects and strings': 'for (let i = 0;; ++i) ("x" + i).split("").map(c => ({ c }))',
		'large arrays': 'while (true) new Array(1e5).fill(1)',
		'maps': 'while (true) { const map = new Map(); for (let i = 0; i < 3000; ++i) map.set(i, { i }); }',
		'array buffers': 'while (true) new ArrayBuffer(1e5)',
		'array buffers that are refused': 'while (true) try { new ArrayBuffer(2 ** 30) } catch {}',
		'WebAssembly memories': 'while (true) try { new WebAssembly.Memory({ initial: 1 }) } catch {}',
	};
	for (const [what, code] of Object.entries(GARBAGE)) {
		it(`let a guest with a heap in use that makes garbage (${what}) run until its time is over, however busy the machine is`, async () => {
			const [codes] = await child(`
				const { spawn } = require('node:child_process');
				const busy = Array.from({ length: 2 * require('node:os').availableParallelism() }, () =>
					spawn(process.execPath, ['-e', 'for (const end = Date.now() + 20000; Date.now() < end;);'], { stdio: 'ignore' }));
				(async () => {
					await Promise.all(busy.map(one => new Promise(resolve => one.on('spawn', resolve))));
					const codes = await Promise.all([16, 64].map(memoryLimit => {
						const { context } = guest({ memoryLimit });
						// About 30 % of the limit.
						const keep = 'globalThis.keep = Array.from({ length: ' + memoryLimit * 2400 + ' }, (_, i) => ({ i, pair: [i, i] }));';
						return context.eval(keep + ${JSON.stringify(code)}, { timeout: 2000 }).catch(error => error.code);
					}));
					busy.forEach(one => one.kill());
					report(codes);
					process.exit(0);
				})();
			`);
			assert.deepEqual(codes, ['ERR_TIMEOUT', 'ERR_TIMEOUT']);
		});
	}

	it('let the host collect garbage as often as it likes', () => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		context.evalSync('globalThis.keep = Array.from({ length: 50000 }, (_, i) => ({ i, pair: [i, i] })); 1');
		for (let i = 0; i < 60; ++i) {
			isolate.collectGarbageSync();
		}
		assert.equal(context.evalSync('keep.length'), 50_000);
	});

	it('leave ordinary errors alone', () => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		throws(() => context.evalSync('let s = "x"; while (true) s += s'), RangeError, 'Invalid string length');
		throws(() => context.evalSync('(function f() { f() })()'), RangeError, 'Maximum call stack size exceeded');
		throws(() => context.evalSync('new Array(-1)'), RangeError, 'Invalid array length');
		assert.equal(isolate.isDisposed, false);
		assert.equal(context.evalSync('1'), 1);
	});
});

describe('a string that is larger than the memory limit', () => {
	const LARGE = 'x'.repeat(16 << 20);
	const ways = {
		'as a value': context => context.global.setSync('large', LARGE),
		'as an argument': context => context.evalClosureSync('return $0.length', [LARGE]),
		'as source': context => context.evalSync(`1 //${LARGE}`),
		'of two bytes a character': context => context.evalClosureSync('return $0.length', [`${LARGE.slice(0, 6 << 20)}€`]),
		'from a callback': context => {
			context.global.setSync('give', () => LARGE);
			return context.evalSync('give().length');
		},
	};
	for (const [way, pass] of Object.entries(ways)) {
		it(`is refused ${way}, and the isolate lives on`, () => {
			const { isolate, context } = guest({ memoryLimit: 8 });
			throws(() => pass(context), RangeError, 'The value is too large for the memory limit of its isolate', 'ERR_MEMORY_LIMIT');
			assert.equal(isolate.isDisposed, false);
			assert.equal(context.evalSync('1 + 1'), 2);
		});
	}

	it('can be caught by the guest that asked for it', () => {
		const { context } = guest({ memoryLimit: 8 });
		context.global.setSync('give', () => LARGE);
		assert.equal(context.evalSync('try { give() } catch (error) { error instanceof RangeError }'), true);
	});
});
