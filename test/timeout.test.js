'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { assertError, child, guest, inBothForms, islet, rejection, rejects, thrown, throws, times } = require('./helpers');
const { Isolate } = islet;

const MESSAGE = 'Script execution timed out.';
const timedOut = [Error, MESSAGE, 'ERR_TIMEOUT'];
const LOOP = 'while (true);';
/** A loop that ends by itself after so many ms. */
const busy = ms => `for (const end = Date.now() + ${ms}; Date.now() < end;);`;

describe('a time limit', () => {
	inBothForms('ends eval', 'eval', call => rejects(call(guest().context, LOOP, { timeout: 20 }), ...timedOut));

	inBothForms('ends evalClosure', 'evalClosure', call => rejects(call(guest().context, LOOP, [], { timeout: 20 }), ...timedOut));

	inBothForms('ends run', 'run', call => {
		const { isolate, context } = guest();
		return rejects(call(isolate.compileScriptSync(LOOP), context, { timeout: 20 }), ...timedOut);
	});

	inBothForms('ends apply', 'apply', call => {
		const { context } = guest();
		return rejects(call(context.evalSync(`() => { ${LOOP} }`, { reference: true }), undefined, [], { timeout: 20 }), ...timedOut);
	});

	inBothForms('leaves the guest usable', 'eval', async call => {
		const { context } = guest();
		context.evalSync('globalThis.kept = 5');
		await rejects(call(context, 'globalThis.half = 1; while (true);', { timeout: 10 }), ...timedOut);
		assert.equal(await call(context, 'kept + half'), 6);
		assert.equal(await call(context, 'Promise.resolve(1)', { promise: true }), 1);
		for (let i = 0; i < 20; ++i) {
			await rejects(call(context, LOOP, { timeout: 1 }), ...timedOut);
			assert.equal(await call(context, `${i}`, { timeout: 10_000 }), i);
		}
	});

	inBothForms('does nothing to what ends in time', 'eval', async call => {
		const { context } = guest();
		assert.equal(await call(context, '1 + 1', { timeout: 10_000 }), 2);
		await rejects(call(context, 'throw new RangeError("own")', { timeout: 10_000 }), RangeError, 'own');
		for (let i = 0; i < times(300); ++i) {
			assert.equal(await call(context, `${i}`, { timeout: 10_000 }), i);
		}
	});

	inBothForms('is none when it is 0, negative or absent', 'eval', async call => {
		const { context } = guest();
		for (const timeout of [0, -1, -(2 ** 31), null, undefined]) {
			assert.equal(await call(context, `${busy(15)} "done"`, { timeout }), 'done');
		}
	});

	inBothForms('is an integer', 'eval', async call => {
		const { context } = guest();
		for (const timeout of ['10', 1.5, NaN, Infinity, 2 ** 31, 2 ** 32, true, {}, 10n, -0]) {
			await rejects(call(context, 'globalThis.ran = true', { timeout }), TypeError, '`timeout` must be a 32-bit number');
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
		assert.equal(await call(context, '1', { timeout: 2 ** 31 - 1 }), 1);
	});

	inBothForms('gives an error with host frames', 'eval', async call => {
		const error = await rejection(call(guest().context, LOOP, { timeout: 5 }));
		assert.deepEqual(Object.getOwnPropertyDescriptor(error, 'code'),
			{ value: 'ERR_TIMEOUT', writable: true, enumerable: true, configurable: true });
		assert.ok(error.stack.startsWith(`Error: ${MESSAGE}\n    at `));
	});
});

describe('a guest can not escape its time limit', () => {
	const escapes = {
		'by catching': 'while (true) { try { while (true); } catch {} finally { globalThis.escaped = true } }',
		'by finally': 'try { while (true); } finally { globalThis.escaped = true; while (true); }',
		'by a generator': 'function* g() { try { while (true) yield } finally { while (true); } } for (const x of g());',
		'by an async function': '(async () => { while (true) await null })()',
		'by reactions': '(function again() { Promise.resolve().then(again) })()',
		'by a reaction after the end': 'Promise.resolve().then(() => { while (true); }); 1',
		'by a thenable': 'Promise.resolve({ then(r) { while (true); } }); 1',
		'by a proxy': 'new Proxy({}, { get() { while (true); } }).x',
		'by toString': 'String({ toString() { while (true); } })',
		'by sorting': '[3, 1, 2].sort(() => { while (true); })',
		'by replacing': '"x".replace(/x/, () => { while (true); })',
		'by a RegExp': '/(a+)+$/.test("a".repeat(60) + "b")',
		'by JSON': 'JSON.stringify({ toJSON() { while (true); } })',
		'by eval': 'eval("while (true);")',
		'by Function': 'new Function("while (true);")()',
		'by a class': 'class A { static { while (true); } }',
		'by formatting stacks': 'Error.prepareStackTrace = () => { while (true); }; new Error("x").stack',
		'by deep recursion': 'function f() { try { f() } finally { f() } } f()',
		'by WebAssembly': `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
			0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11]))).exports.f()`,
		'by FinalizationRegistry': 'new FinalizationRegistry(() => { while (true); }).register({}, 1); while (true) new ArrayBuffer(1000)',
	};
	for (const [how, code] of Object.entries(escapes)) {
		inBothForms(how, 'eval', async call => {
			const { context } = guest();
			await rejects(call(context, code, { timeout: 25 }), ...timedOut);
			assert.equal(context.evalSync('typeof escaped'), 'undefined');
			assert.equal(context.evalSync('1 + 1'), 2);
		});
	}

	inBothForms('by what it returns', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, '({ get a() { while (true); } })', { copy: true, timeout: 25 }), ...timedOut);
		// A promise is followed without asking it.
		assert.equal(await call(context, 'const p = Promise.resolve(1); Object.defineProperty(p, "constructor", { get() { while (true); } }); p',
			{ promise: true, timeout: 5000 }), 1);
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	inBothForms('by what it throws', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, 'throw { get a() { while (true); } }', { timeout: 25 }), ...timedOut);
		await rejects(call(context, 'Error.prepareStackTrace = () => { while (true); }; throw new Error("x")', { timeout: 25 }), ...timedOut);
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('by a builtin that never looks up', async () => {
		// In a process of its own: the guest thread may be lost for good.
		for (const code of ['[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', '[].includes.call({ length: 2 ** 53 - 1 }, 1)',
			'Array.prototype.lastIndexOf.call({ length: 2 ** 53 - 1 }, 1)', 'new Array(2 ** 32 - 1).reverse()']) {
			const [outcome] = await child(`
				const { context } = guest();
				let error;
				try { context.evalSync(${JSON.stringify(code)}, { timeout: 50 }) } catch (e) { error = e }
				const other = guest().context.evalSync('1 + 1');
				report([error instanceof Error, typeof error?.code, other]);
				process.exit(0);
			`, { deadline: 8000 });
			assert.deepEqual(outcome, [true, 'string', 2], code);
		}
	});
});

describe('time in host functions', () => {
	const slow = ms => () => {
		for (const end = Date.now() + ms; Date.now() < end;);
		return 'slept';
	};

	inBothForms('does not count', 'eval', async call => {
		const { context, jail } = guest();
		jail.setSync('slow', slow(120));
		assert.equal(await call(context, 'slow(); slow()', { timeout: 60 }), 'slept');
	});

	inBothForms('does not stop the clock for good', 'eval', async call => {
		const { context, jail } = guest();
		jail.setSync('slow', slow(30));
		await rejects(call(context, 'slow(); globalThis.after = 1; while (true);', { timeout: 20 }), ...timedOut);
		assert.equal(context.evalSync('after'), 1);
	});

	inBothForms('does not hide a loop of calls', 'eval', async call => {
		const { context, jail } = guest();
		let calls = 0;
		jail.setSync('quick', () => { ++calls; });
		await rejects(call(context, 'while (true) quick()', { timeout: 30 }), ...timedOut);
		assert.ok(calls > 0);
		assert.equal(context.evalSync('1'), 1);
	});

	inBothForms('does not hide a loop of calls that are caught', 'eval', async call => {
		const { context, jail } = guest();
		jail.setSync('quick', () => { throw new Error('x'); });
		await rejects(call(context, 'while (true) try { quick() } catch {}', { timeout: 30 }), ...timedOut);
	});

	inBothForms('does not hide a loop of async and ignored calls', 'eval', async call => {
		const { context, jail } = guest({ memoryLimit: 512 });
		jail.setSync('ignored', new islet.Callback(() => {}, { ignored: true }));
		await rejects(call(context, 'let n = 0; while (true) if (++n % 1000 === 0) ignored()', { timeout: 30 }), ...timedOut);
	});
});

describe('time limits inside time limits', () => {
	it('end the inner call only', () => {
		const { context, jail } = guest();
		let inner;
		jail.setSync('f', () => {
			inner = thrown(() => context.evalSync(LOOP, { timeout: 10 }));
			return 'went on';
		});
		assert.equal(context.evalSync('f()', { timeout: 5000 }), 'went on');
		assertError(inner, ...timedOut);
		assert.equal(context.evalSync('f() + "."'), 'went on.');
	});

	it('let the outer guest catch the inner error', () => {
		const { context, jail } = guest();
		jail.setSync('f', () => context.evalSync(LOOP, { timeout: 10 }));
		assert.equal(context.evalSync('try { f() } catch (error) { error.message }', { timeout: 5000 }), MESSAGE);
		assert.equal(context.evalSync('try { f() } catch (error) { error.message }'), MESSAGE);
	});

	it('leave the outer limit in force', () => {
		const { context, jail } = guest();
		jail.setSync('f', () => { thrown(() => context.evalSync(LOOP, { timeout: 10 })); });
		throws(() => context.evalSync('f(); globalThis.after = 1; while (true);', { timeout: 20 }), ...timedOut);
		assert.equal(context.evalSync('after'), 1);
	});

	it('let an inner call without a limit take as long as it likes', () => {
		const { context, jail } = guest();
		jail.setSync('f', () => context.evalSync(`${busy(60)} "done"`));
		assert.equal(context.evalSync('f()', { timeout: 30 }), 'done');
	});

	it('work through other isolates', () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('f', () => b.context.evalSync(LOOP, { timeout: 10 }));
		assert.equal(a.context.evalSync('try { f() } catch (error) { error.message }', { timeout: 5000 }), MESSAGE);
		b.jail.setSync('g', a.context.evalSync('() => { while (true); }'));
		throws(() => b.context.evalSync('1; while (true);', { timeout: 10 }), ...timedOut);
		assert.equal(a.context.evalSync('1') + b.context.evalSync('1'), 2);
	});

	it('go many levels deep', () => {
		const { context, jail } = guest();
		jail.setSync('down', n => context.evalSync(n === 0 ? LOOP : `down(${n - 1})`, { timeout: n === 0 ? 10 : 10_000 }));
		assert.equal(context.evalSync('try { down(10) } catch (error) { error.message }'), MESSAGE);
		assert.equal(context.evalSync('1'), 1);
	});
});

describe('time limits of many', () => {
	it('end each isolate\'s own call', async () => {
		const guests = Array.from({ length: 6 }, () => guest());
		const outcomes = await Promise.all(guests.map(({ context }, i) => i % 2 ?
			context.eval(`${i}`, { timeout: 20_000 }) :
			context.eval(LOOP, { timeout: 10 + i * 5 }).catch(error => error.code)));
		assert.deepEqual(outcomes, ['ERR_TIMEOUT', 1, 'ERR_TIMEOUT', 3, 'ERR_TIMEOUT', 5]);
		guests.forEach(({ context }, i) => assert.equal(context.evalSync(`${i}`), i));
	});

	it('end each call of a queue by itself', async () => {
		const { context } = guest();
		const outcomes = await Promise.all([0, 1, 2, 3, 4, 5].map(i => context.eval(i % 2 ? `${i}` : LOOP, { timeout: 10 })
			.catch(error => error.code)));
		assert.deepEqual(outcomes, ['ERR_TIMEOUT', 1, 'ERR_TIMEOUT', 3, 'ERR_TIMEOUT', 5]);
	});

	it('do not start before the call does', async () => {
		const { context } = guest();
		const first = context.eval(`${busy(80)} "first"`);
		const second = context.eval('"second"', { timeout: 30 });
		assert.deepEqual(await Promise.all([first, second]), ['first', 'second']);
	});

	it('do not count for what comes after the call', async () => {
		const { context, jail } = guest();
		jail.setSync('p', new Promise(resolve => setTimeout(resolve, 30, 1)), { promise: true });
		assert.equal(await context.eval('p.then(() => "done")', { promise: true, timeout: 20 }), 'done');
	});

	it('are forgotten with the isolate', () => {
		for (let i = 0; i < times(50); ++i) {
			const { isolate, context } = guest();
			if (i % 2) {
				throws(() => context.evalSync(LOOP, { timeout: 1 }), ...timedOut);
			}
			isolate.dispose();
		}
		assert.equal(new Isolate().createContextSync().evalSync('1'), 1);
	});
});

describe('a function of any size', () => {
	const variables = Array.from({ length: 50 }, (_, i) => `let x${i} = 0;`).join('');
	const body = Array.from({ length: 8000 }, (_, i) => `x${i % 50} += ${i};`).join('\n');
	const programs = {
		'a small loop in it': `(function () { ${variables} ${body} for (;;) ++x0; })()`,
		'a loop around all of it': `(function () { ${variables} for (;;) { ${body} } })()`,
		'it is called again and again': `(function () { function f() { ${variables} ${body} return x0 } for (;;) f(); })()`,
	};
	for (const [title, code] of Object.entries(programs)) {
		it(`is stopped, and its isolate goes on: ${title}`, () => {
			const { isolate, context } = guest();
			throws(() => context.evalSync(code, { timeout: 200 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
			assert.equal(isolate.isDisposed, false);
			assert.equal(context.evalSync('1 + 1'), 2);
		});
	}
});
