'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, throws, times, turn, until } = require('./helpers');
const { Callback, Isolate } = islet;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const USED = 'Script execution used up its CPU time.';
const SHARE = 'Isolate used up its CPU limit.';

describe('cpuTimeout', () => {
	inBothForms('stops a guest that used up its CPU time', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, 'for (;;);', { cpuTimeout: 20 }), Error, USED, 'ERR_TIMEOUT');
		await rejects(call(context, '(function again() { Promise.resolve().then(again) })()', { cpuTimeout: 20 }), Error, USED, 'ERR_TIMEOUT');
		assert.equal(await call(context, '1 + 1', { cpuTimeout: 20 }), 2);
	});

	it('counts the guest\'s own time, on a machine that is busy, too', async () => {
		const { isolate, context } = guest();
		context.evalSync('1');
		const others = Array.from({ length: 4 }, () => guest().context.eval('for (;;);', { timeout: 300 }).catch(() => {}));
		const before = isolate.cpuTime;
		await rejects(context.eval('for (;;);', { cpuTimeout: 50 }), Error, USED, 'ERR_TIMEOUT');
		const used = Number(isolate.cpuTime - before) / 1e6;
		assert.ok(used >= 45, `${used} ms`);
		await Promise.all(others);
	});

	it('doesn\'t count waiting for functions of the host', async () => {
		const { context, jail } = guest();
		jail.setSync('spin', ms => {
			for (const end = Date.now() + ms; Date.now() < end;);
		});
		assert.equal(context.evalSync('for (let i = 0; i < 5; ++i) spin(10); 1', { cpuTimeout: 30 }), 1);
		throws(() => context.evalSync('spin(5); for (;;);', { cpuTimeout: 30 }), Error, USED, 'ERR_TIMEOUT');
		throws(() => context.evalSync('for (;;) spin(0)', { cpuTimeout: 30 }), Error, USED, 'ERR_TIMEOUT');
	});

	it('comes with timeout and deadline: whichever is first', () => {
		const { context } = guest();
		throws(() => context.evalSync('for (;;);', { cpuTimeout: 20, timeout: 60_000, deadline: 60_000 }), Error, USED, 'ERR_TIMEOUT');
		throws(() => context.evalSync('for (;;);', { cpuTimeout: 60_000, timeout: 20 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		throws(() => context.evalSync('for (;;);', { cpuTimeout: 60_000, deadline: 20 }), Error, 'Deadline of 20 ms exceeded', 'ERR_TIMEOUT');
	});

	it('ends an isolate whose guest doesn\'t stop', () => {
		const { isolate, context } = guest();
		throws(() => context.evalSync('[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', { cpuTimeout: 20 }), Error, USED, 'ERR_TIMEOUT');
		assert.equal(isolate.isDisposed, true);
		assert.equal(isolate.disposeReason, 'timeout');
	});

	it('is a 32-bit number, not negative', () => {
		const { context } = guest();
		throws(() => context.evalSync('1', { cpuTimeout: '5' }), TypeError, '`cpuTimeout` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		throws(() => context.evalSync('1', { cpuTimeout: -1 }), RangeError, '`cpuTimeout` must not be negative', 'ERR_OUT_OF_RANGE');
	});
});

describe('cpuLimit', () => {
	it('lets a guest burst, and stops it when the bucket is empty', () => {
		const { isolate, context } = guest({ cpuLimit: { perSecond: 1, burst: 50 } });
		const before = isolate.cpuTime;
		throws(() => context.evalSync('for (;;);'), Error, SHARE, 'ERR_CPU_LIMIT');
		const used = Number(isolate.cpuTime - before) / 1e6;
		assert.ok(used > 20, `${used} ms`);
		throws(() => context.evalSync('globalThis.ran = true'), Error, SHARE, 'ERR_CPU_LIMIT');
		assert.equal(isolate.isDisposed, false);
	});

	it('fills the bucket again', async () => {
		const { context } = guest({ cpuLimit: { perSecond: 200, burst: 20 } });
		throws(() => context.evalSync('for (;;);'), Error, SHARE, 'ERR_CPU_LIMIT');
		await until(() => {
			try {
				return context.evalSync('1 + 1') === 2;
			} catch (error) {
				assert.equal(error.code, 'ERR_CPU_LIMIT');
				return false;
			}
		});
	});

	it('holds over many calls of every kind', async () => {
		const { context } = guest({ cpuLimit: { perSecond: 1, burst: 60 } });
		const spin = context.evalSync('globalThis.spin = ms => { for (const end = Date.now() + ms; Date.now() < end;); }');
		let calls = 0;
		const error = await until(async () => {
			++calls;
			try {
				if (calls % 2) {
					spin(10);
				} else {
					await context.eval('spin(10)');
				}
				return undefined;
			} catch (thrown) {
				return thrown;
			}
		});
		assert.equal(error.code, 'ERR_CPU_LIMIT');
		assert.ok(calls > 2, `${calls} calls`);
	});

	it('is charged for what the guest does beside waiting for the host', () => {
		const { context, jail } = guest({ cpuLimit: { perSecond: 1, burst: 60 } });
		jail.setSync('spin', ms => {
			for (const end = Date.now() + ms; Date.now() < end;);
		});
		assert.equal(context.evalSync('for (let i = 0; i < 10; ++i) spin(20); 1'), 1);
		throws(() => context.evalSync('for (;;) spin(1)'), Error, SHARE, 'ERR_CPU_LIMIT');
	});

	it('lets late reactions wait until there is CPU time for them', async () => {
		const { context, jail } = guest({ cpuLimit: { perSecond: 100, burst: 30 } });
		jail.setSync('sleep', new Callback(sleep, { async: true }));
		const late = context.eval('sleep(1).then(() => "late")', { promise: true });
		throws(() => context.evalSync('for (;;);'), Error, SHARE, 'ERR_CPU_LIMIT');
		assert.equal(await late, 'late');
		await rejects(context.eval('sleep(1).then(() => { for (;;); })', { promise: true }), Error, SHARE, 'ERR_CPU_LIMIT');
	});

	it('leaves others alone', async () => {
		const { context } = guest({ cpuLimit: { perSecond: 1, burst: 10 } });
		const other = guest();
		for (let i = 0; i < times(20); ++i) {
			await context.eval('for (;;);').catch(error => assert.equal(error.code, 'ERR_CPU_LIMIT'));
			assert.equal(other.context.evalSync('1 + 1'), 2);
			await turn();
		}
	});

	it('can be ended by dispose', async () => {
		for (let i = 0; i < times(50); ++i) {
			const { isolate, context } = guest({ cpuLimit: { perSecond: 1, burst: 1 } });
			const call = context.eval('for (;;);').catch(error => error.code);
			isolate.dispose();
			assert.match(await call, /ERR_CPU_LIMIT|ERR_ISOLATE_DISPOSED/);
		}
	});

	it('is an object of two positive numbers', () => {
		throws(() => new Isolate({ cpuLimit: 5 }), TypeError, '`cpuLimit` must be an object', 'ERR_INVALID_ARG_TYPE');
		throws(() => new Isolate({ cpuLimit: { perSecond: '5' } }), TypeError, '`perSecond` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
		throws(() => new Isolate({ cpuLimit: { perSecond: 5, burst: -5 } }), RangeError, '`burst` must not be negative', 'ERR_OUT_OF_RANGE');
		throws(() => new Isolate({ cpuLimit: {} }), RangeError, '`perSecond` and `burst` of `cpuLimit` must be positive', 'ERR_OUT_OF_RANGE');
		new Isolate({ cpuLimit: { perSecond: 5 } }).dispose();
	});
});
