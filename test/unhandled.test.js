'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, islet, times, throws, turn, until } = require('./helpers');
const { Callback, Isolate } = islet;

/** A guest whose unhandled rejections are collected. */
function listening(options) {
	const reports = [];
	const made = guest({ ...options, onUnhandledRejection: (reason, info) => { reports.push({ reason, info }); } });
	return { ...made, reports, reasons: () => reports.map(({ reason }) => reason) };
}

describe('onUnhandledRejection', () => {
	it('hears of a rejection that nobody handles, with its reason', async () => {
		const { context, reports } = listening();
		assert.equal(context.evalSync('Promise.reject(new RangeError("forgotten")); 1'), 1);
		assert.equal(reports.length, 0, 'not during the call');
		await until(() => reports.length > 0);
		assert.equal(reports.length, 1);
		const [{ reason, info }] = reports;
		assert.ok(reason instanceof RangeError);
		assert.equal(reason.message, 'forgotten');
		assert.match(reason.stack, /<isolated-vm>:1:/);
		assert.deepEqual(info, { dropped: 0 });
	});

	it('hears of every way to reject', async () => {
		const { context, reasons } = listening();
		await context.eval(`
			(async () => { throw 1 })();
			new Promise((_, reject) => reject(2));
			new Promise(() => { throw 3 });
			Promise.resolve().then(() => { throw 4 });
			Promise.all([Promise.reject(5)]);
			Promise.reject({ six: 6 });
			Promise.reject(undefined);
			0`);
		await until(() => reasons().length === 7);
		assert.deepEqual(new Set(reasons().map(reason => JSON.stringify(reason))), new Set(['1', '2', '3', '4', '5', '{"six":6}', undefined]));
	});

	it('hears nothing of rejections that are handled before the call ends', async () => {
		const { context, jail, reasons } = listening();
		jail.setSync('tick', () => {});
		context.evalSync(`
			Promise.reject(1).catch(() => {});
			(async () => { try { await Promise.reject(2) } catch {} })();
			const late = Promise.reject(3);
			tick();
			Promise.resolve().then(() => late.catch(() => {}));
			Promise.allSettled([Promise.reject(4)]);
			0`);
		assert.equal(await context.eval('Promise.reject(5)', { promise: true }).catch(reason => reason), 5);
		context.evalSync('Promise.reject("last"); 0');
		await until(() => reasons().length > 0);
		assert.deepEqual(reasons(), ['last']);
	});

	it('hears of late reactions', async () => {
		const { context, jail, reasons } = listening();
		jail.setSync('wait', new Callback(() => turn(), { async: true }));
		jail.setSync('fail', new Callback(async () => { throw new Error('of the host'); }, { async: true }));
		context.evalSync('wait().then(() => { throw "late" }); fail(); 0');
		await until(() => reasons().length === 2);
		assert.deepEqual(reasons().map(reason => reason.message ?? reason).sort(), ['late', 'of the host']);
	});

	it('never fails another call, nor the host', async () => {
		const [unhandled, seen] = await child(`
			let unhandled = 0, seen = 0;
			process.on('unhandledRejection', () => ++unhandled);
			const { context } = guest({ onUnhandledRejection: () => ++seen });
			for (let i = 0; i < 20; ++i) {
				assert.equal(context.evalSync('Promise.reject(new Error("x")); 5'), 5);
				assert.equal(await context.eval('Promise.reject(1); 6'), 6);
			}
			setTimeout(() => { report(unhandled); report(seen); }, 50);
		`.replace(/^/, '(async () => {') + '})();');
		assert.equal(unhandled, 0);
		assert.equal(seen, 40);
	});

	it('tells how many it was not told of, when a guest floods', async () => {
		const { context, reports } = listening();
		const count = times(50_000);
		await context.eval(`for (let i = 0; i < ${count}; ++i) Promise.reject(i); 0`);
		await until(() => reports.reduce((sum, { info }) => sum + info.dropped, reports.length) === count);
		assert.ok(reports.length <= 1024, `${reports.length} reports`);
	});

	it('keeps no more than some reasons of a flooding guest in memory', async () => {
		const [grown] = await child(`
			const { context } = guest({ memoryLimit: 64, onUnhandledRejection: () => {} });
			const before = process.memoryUsage().rss;
			for (let i = 0; i < 40; ++i) {
				context.evalSync('for (let i = 0; i < 20; ++i) Promise.reject("x".repeat(2 ** 19) + i); 0');
			}
			report((process.memoryUsage().rss - before) / 2 ** 20);
		`);
		assert.ok(grown < 150, `${grown} MB`);
	});

	it('may throw: that is the host\'s own error, and others are heard', async () => {
		const reports = await child(`
			process.on('unhandledRejection', error => report('host: ' + error.message));
			const { context } = guest({ onUnhandledRejection: reason => { if (reason === 1) throw new Error('mine'); report(reason); } });
			context.evalSync('Promise.reject(1); Promise.reject(2); 0');
		`);
		assert.deepEqual(reports.sort(), [2, 'host: mine']);
	});

	it('gets its reasons within the time limit of the call', async () => {
		const { context, reasons } = listening();
		throws(() => context.evalSync('Error.prepareStackTrace = () => { for (;;); }; Promise.reject(new Error()); 0', { timeout: 50 }),
			Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		context.evalSync('Error.prepareStackTrace = undefined; Promise.reject(2); 0');
		await until(() => reasons().includes(2));
	});

	it('hears nothing more after the end of its isolate', async () => {
		for (let i = 0; i < times(100); ++i) {
			const { isolate, context } = listening();
			context.evalSync('Promise.reject(1); 0');
			isolate.dispose();
		}
		await turn();
	});

	it('is a function, or nothing', () => {
		throws(() => new Isolate({ onUnhandledRejection: 1 }), TypeError, '`onUnhandledRejection` must be a function', 'ERR_INVALID_ARG_TYPE');
		new Isolate({ onUnhandledRejection: undefined }).dispose();
		new Isolate({ onUnhandledRejection: null }).dispose();
	});
});

describe('the host\'s unhandled rejections', () => {
	const programs = {
		'a function that is called synchronously and returns a promise that rejects': `
			jail.setSync('f', async () => { throw new Error('x') });
			context.evalSync('try { f() } catch {} 0');
			await context.eval('try { f() } catch {} 0');`,
		'an ignored callback that rejects': `
			jail.setSync('f', new Callback(async () => { throw new Error('x') }, { ignored: true }));
			context.evalSync('f(); 0');
			await context.eval('f(); 0');`,
		'an async callback that rejects, forgotten by the guest': `
			jail.setSync('f', new Callback(async () => { throw new Error('x') }, { async: true }));
			context.evalSync('f(); 0');
			await context.eval('f(); 0');`,
		'a callback that throws what nobody can read': `
			const bad = () => { throw new Proxy(new Error('x'), { get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 } }) };
			jail.setSync('f', bad);
			jail.setSync('g', new Callback(bad, { async: true }));
			jail.setSync('h', new Callback(async () => bad(), { async: true }));
			context.evalSync('try { f() } catch {} 0');
			await context.eval('try { f() } catch {} 0');
			assert.equal(await context.eval('g().catch(() => 1)', { promise: true }), 1);
			assert.equal(await context.eval('h().catch(() => 2)', { promise: true }), 2);`,
		'an async callback that gives a thenable that throws': `
			jail.setSync('f', new Callback(() => ({ get then() { throw new Error('x') } }), { async: true }));
			assert.equal(await context.eval('f().catch(() => 1)', { promise: true }), 1);`,
		'a promise that goes nowhere': `
			jail.setIgnored('p', Promise.reject(new Error('x')), { promise: true });
			context.evalIgnored('Promise.reject(1)', { promise: true });
			context.evalClosureIgnored('0', [Promise.reject(new Error('y'))], { arguments: { promise: true } });`,
		'a promise of a call that fails': `
			assert.throws(() => context.evalClosureSync('$0; throw new Error()', [Promise.reject(new Error('x'))], { arguments: { promise: true } }));
			assert.throws(() => context.evalSync('Promise.reject(1); for (;;);', { promise: true, timeout: 10 }));
			await assert.rejects(context.eval('Promise.reject(1); for (;;);', { promise: true, timeout: 10 }));`,
		'a promise passed to an isolate that has ended': `
			const f = context.evalSync('() => {}', { reference: true });
			isolate.dispose();
			assert.throws(() => f.applySync(undefined, [Promise.reject(new Error('x'))], { arguments: { promise: true } }));
			f.applyIgnored(undefined, [Promise.reject(new Error('x'))], { arguments: { promise: true } });`,
		'the end of an isolate while its promises are pending': `
			jail.setSync('f', new Callback(() => sleep(20).then(() => { throw new Error('x') }), { async: true }));
			context.evalSync('f(); f().then(() => {}); 0');
			context.evalSync('new Promise(() => {})', { promise: true }).catch(() => {});
			isolate.dispose();
			await sleep(50);`,
	};
	for (const [title, program] of Object.entries(programs)) {
		it(`don't come from ${title}`, async () => {
			const seen = await child(`
				process.on('unhandledRejection', error => report(String(error?.stack ?? error)));
				const { isolate, context, jail } = guest();
				(async () => { ${program} report('done'); await sleep(20); })();
			`);
			assert.deepEqual(seen, ['done']);
		});
	}

	it('are those of promises that the host itself leaves unhandled', async () => {
		const seen = await child(`
			process.on('unhandledRejection', error => report(error));
			const { context } = guest();
			context.evalSync('Promise.reject(1)', { promise: true });
			context.eval('Promise.reject(2)', { promise: true });
		`);
		assert.deepEqual(seen.sort(), [1, 2]);
	});
});
