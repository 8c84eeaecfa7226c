'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, inBothForms, islet, rejects, thrown, throws, times, until } = require('./helpers');
const { Callback, Isolate } = islet;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const TEXT = /^Deadline of \d+ ms exceeded$/;

/** A guest with an async callback `sleep(ms)` and a sync one `spin(ms)`. */
function sleeper(options) {
	const made = guest(options);
	made.jail.setSync('sleep', new Callback(sleep, { async: true }));
	made.jail.setSync('spin', ms => {
		for (const end = Date.now() + ms; Date.now() < end;);
	});
	return made;
}

describe('deadline', () => {
	inBothForms('stops a guest that runs', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, 'for (;;);', { deadline: 30 }), Error, 'Deadline of 30 ms exceeded', 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1 + 1'), 2);
		await rejects(call(context, '(function again() { Promise.resolve().then(again) })()', { deadline: 30 }), Error, 'Deadline of 30 ms exceeded', 'ERR_TIMEOUT');
		assert.equal(await call(context, '5', { deadline: 10_000 }), 5);
	});

	it('is there for every call that has a timeout', async () => {
		const { context, isolate, jail } = guest();
		const options = { deadline: 20 };
		const script = isolate.compileScriptSync('for (;;);');
		const loop = context.evalSync('globalThis.loop = () => { for (;;); }', { reference: true });
		const holder = context.evalSync('({ get x() { for (;;); } })', { reference: true });
		throws(() => context.evalClosureSync('for (;;);', [], options), Error, TEXT, 'ERR_TIMEOUT');
		throws(() => script.runSync(context, options), Error, TEXT, 'ERR_TIMEOUT');
		throws(() => loop.applySync(undefined, [], options), Error, TEXT, 'ERR_TIMEOUT');
		throws(() => holder.getSync('x', { ...options, accessors: true }), Error, TEXT, 'ERR_TIMEOUT');
		await rejects(context.evalClosure('for (;;);', [], options), Error, TEXT, 'ERR_TIMEOUT');
		await rejects(script.run(context, options), Error, TEXT, 'ERR_TIMEOUT');
		await rejects(loop.apply(undefined, [], options), Error, TEXT, 'ERR_TIMEOUT');
		await rejects(holder.get('x', { ...options, accessors: true }), Error, TEXT, 'ERR_TIMEOUT');
		script.runIgnored(context, options);
		loop.applyIgnored(undefined, [], options);
		context.evalIgnored('for (;;);', options);
		assert.equal(jail.getSync('loop', { reference: true }).typeof, 'function');
	});

	inBothForms('counts the time of host functions, which timeout doesn\'t', 'eval', async call => {
		const { context } = sleeper();
		assert.equal(await call(context, 'spin(60); 1', { timeout: 30 }), 1);
		await rejects(call(context, 'spin(60); globalThis.went = true; 1', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(context.evalSync('typeof went'), 'undefined');
	});

	inBothForms('breaks a pending promise off', 'eval', async call => {
		const { context } = sleeper();
		await rejects(call(context, 'new Promise(() => {})', { promise: true, deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		await rejects(call(context, 'sleep(10_000)', { promise: true, deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(await call(context, 'sleep(5).then(() => 7)', { promise: true, deadline: 10_000 }), 7);
		assert.equal(await call(context, '8', { promise: true, deadline: 10_000 }), 8);
		assert.equal(await call(context, 'sleep(5).then(() => { throw 9 })', { promise: true, deadline: 10_000 }).catch(reason => reason), 9);
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('keeps the process for the promise it bounds, and no longer than that', async () => {
		const start = Date.now();
		const seen = await child(`
			const { context } = guest();
			context.eval('new Promise(() => {})', { promise: true, deadline: 50 }).catch(error => report(error.code));
			context.eval('Promise.resolve(1)', { promise: true, deadline: 100_000 }).then(report);
			context.eval('2', { deadline: 100_000 }).then(report);
		`);
		assert.deepEqual(new Set(seen), new Set([1, 2, 'ERR_TIMEOUT']));
		assert.ok(Date.now() - start < 60_000);
	});

	it('counts time in the queue', async () => {
		const { context } = guest();
		context.evalIgnored('for (;;);', { timeout: 300 });
		await rejects(context.eval('globalThis.ran = true', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		context.evalIgnored('for (;;);', { timeout: 300 });
		throws(() => context.evalSync('globalThis.ran = true', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	it('holds for calls made by host functions that the call waits for', () => {
		const { context, jail } = guest();
		const other = guest();
		let inner;
		jail.setSync('again', () => { context.evalSync('for (;;);'); });
		jail.setSync('other', () => {
			inner = thrown(() => other.context.evalSync('for (;;);', { deadline: 100_000 }));
			throw inner;
		});
		throws(() => context.evalSync('try { again() } catch { } for (;;);', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		throws(() => context.evalSync('other()', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(inner.message, 'Deadline of 30 ms exceeded');
		other.jail.setSync('f', context.evalSync('() => { for (;;); }'));
		throws(() => other.context.evalSync('f()', { deadline: 30 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1') + other.context.evalSync('1'), 2);
	});

	it('of an inner call leaves the outer one alone', () => {
		const { context, jail } = guest();
		jail.setSync('inner', () => thrown(() => context.evalSync('for (;;);', { deadline: 20 })).message);
		assert.equal(context.evalSync('inner() + "!"', { deadline: 100_000 }), 'Deadline of 20 ms exceeded!');
		assert.equal(context.evalSync('inner() + "!"'), 'Deadline of 20 ms exceeded!');
	});

	it('comes first or the timeout does', () => {
		const { context } = guest();
		throws(() => context.evalSync('for (;;);', { deadline: 20, timeout: 100_000 }), Error, TEXT, 'ERR_TIMEOUT');
		throws(() => context.evalSync('for (;;);', { deadline: 100_000, timeout: 20 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});

	it('ends an isolate whose guest doesn\'t stop', async () => {
		const { isolate, context } = guest();
		throws(() => context.evalSync('[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', { deadline: 20 }), Error, TEXT, 'ERR_TIMEOUT');
		assert.equal(isolate.isDisposed, true);
	});

	it('can be as short as it likes, hundreds of times', async () => {
		const { context } = sleeper();
		const outcomes = new Set();
		for (let i = 0; i < times(400); ++i) {
			const code = ['for (let i = 0; i < 3e5; ++i);', 'spin(1)', 'sleep(1)', 'sleep(0).then(() => 1)'][i % 4];
			const options = { deadline: 1 + i % 3, promise: i % 4 > 1 };
			const call = i % 8 < 4 ? async () => context.evalSync(code, options) : () => context.eval(code, options);
			outcomes.add(await call().then(() => 'fine', error => error.code));
			assert.equal(context.evalSync('6 * 7'), 42);
		}
		assert.ok(outcomes.has('ERR_TIMEOUT'), [...outcomes].join());
		assert.ok([...outcomes].every(outcome => outcome === 'fine' || outcome === 'ERR_TIMEOUT'), [...outcomes].join());
	});

	it('does no harm when its isolate ends first', async () => {
		for (let i = 0; i < times(50); ++i) {
			const { isolate, context } = sleeper();
			const calls = Promise.allSettled([
				context.eval('sleep(1)', { promise: true, deadline: 3 }), context.eval('for (;;);', { deadline: 2 }), context.eval('1', { deadline: 1 }),
			]);
			if (i % 2) {
				await sleep(1);
			}
			isolate.dispose();
			for (const result of await calls) {
				assert.ok(result.status === 'fulfilled' || /ERR_TIMEOUT|ERR_ISOLATE_DISPOSED/.test(result.reason.code), String(result.reason));
			}
		}
	});

	it('is a 32-bit number, not negative', () => {
		const { context } = guest();
		throws(() => context.evalSync('1', { deadline: '5' }), TypeError, '`deadline` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		throws(() => context.evalSync('1', { deadline: 1.5 }), TypeError, '`deadline` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		throws(() => context.evalSync('1', { deadline: -1 }), RangeError, '`deadline` must not be negative', 'ERR_OUT_OF_RANGE');
		assert.equal(context.evalSync('1', { deadline: 0 }), 1);
	});
});

describe('the timeout of an isolate', () => {
	it('bounds every call that has none of its own', async () => {
		const { context } = guest({ timeout: 30 });
		const text = 'Script execution timed out.';
		throws(() => context.evalSync('for (;;);'), Error, text, 'ERR_TIMEOUT');
		await rejects(context.eval('for (;;);'), Error, text, 'ERR_TIMEOUT');
		throws(context.evalSync('() => { for (;;); }'), Error, text, 'ERR_TIMEOUT');
		throws(() => context.evalSync('({ get x() { for (;;); } })', { reference: true }).getSync('x', { accessors: true }), Error, text, 'ERR_TIMEOUT');
		throws(() => context.evalSync('({ get x() { for (;;); } })', { reference: true }).copySync(), Error, text, 'ERR_TIMEOUT');
		assert.equal(context.evalSync('for (const end = Date.now() + 60; Date.now() < end;); 1', { timeout: 10_000 }), 1);
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('is a 32-bit number, not negative', () => {
		throws(() => new Isolate({ timeout: '5' }), TypeError, '`timeout` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		throws(() => new Isolate({ timeout: -5 }), RangeError, '`timeout` must not be negative', 'ERR_OUT_OF_RANGE');
	});
});

describe('late reactions', () => {
	it('have the timeout of the call that made the promise', async () => {
		const { context, isolate } = sleeper();
		await rejects(context.eval('sleep(5).then(() => { for (;;); })', { promise: true, timeout: 30 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await rejects(context.eval('(async () => { await sleep(5); await sleep(5); for (;;); })()', { promise: true, timeout: 30 }),
			Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		const before = isolate.cpuTime;
		context.evalSync('sleep(1).then(() => { for (;;); }); 0', { timeout: 30 });
		await sleep(20);
		assert.equal(context.evalSync('1 + 1'), 2);
		assert.ok(isolate.cpuTime - before < 10_000_000_000n);
	});

	it('have that of the isolate when the call had none', async () => {
		const { context } = sleeper({ timeout: 30 });
		await rejects(context.eval('sleep(5).then(() => { for (;;); })', { promise: true }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});

	it('that run out of time leave other promises pending', async () => {
		const { context } = sleeper();
		const good = context.eval('new Promise(resolve => { globalThis.resolve = resolve })', { promise: true });
		await rejects(context.eval('sleep(1).then(() => { for (;;); })', { promise: true, timeout: 20 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		context.evalSync('resolve(3)');
		assert.equal(await good, 3);
	});

	it('are not stopped within their time, however often they wait', async () => {
		const { context } = sleeper();
		assert.equal(await context.eval('(async () => { for (let i = 0; i < 30; ++i) await sleep(2); return i = 5 })()', { promise: true, timeout: 40 }), 5);
	});

	it('of V8\'s own tasks have a limit, too', async () => {
		const { context } = guest({ timeout: 50 });
		context.evalSync(`
			const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
			WebAssembly.compile(bytes).then(() => { globalThis.compiled = true; for (;;); }); 0`);
		await until(() => context.evalSync('globalThis.compiled === true'));
		assert.equal(context.evalSync('1 + 1'), 2);
	});
});
