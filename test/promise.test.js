'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, inBothForms, islet, rejects, rejection, throws, times, turn, until } = require('./helpers');
const { Callback, ExternalCopy, Reference } = islet;

describe('a guest\'s promise with the option promise', () => {
	inBothForms('arrives as a promise of what it gives', 'eval', async call => {
		const { context } = guest();
		const promise = { promise: true };
		assert.equal(await call(context, 'Promise.resolve(1)', promise), 1);
		assert.equal(await call(context, '(async () => "text")()', promise), 'text');
		assert.equal(await call(context, 'Promise.resolve(Promise.resolve(7))', promise), 7);
		assert.equal(await call(context, '5', promise), 5);
		assert.equal(await call(context, 'undefined', promise), undefined);
		assert.equal((await call(context, 'Promise.resolve(x => x + 1)', promise))(1), 2);
	});

	it('is a promise at once in the sync form', async () => {
		const { context } = guest();
		const promise = context.evalSync('globalThis.promise = new Promise(resolve => { globalThis.resolve = resolve })', { promise: true });
		assert.ok(promise instanceof Promise);
		let settled = false;
		promise.then(() => { settled = true; });
		await turn();
		assert.equal(settled, false);
		context.evalSync('resolve("done")');
		assert.equal(await promise, 'done');
	});

	inBothForms('takes the other ways of transfer for its value', 'eval', async call => {
		const { context } = guest();
		const code = 'Promise.resolve({ a: 1 })';
		assert.deepEqual(await call(context, code, { promise: true, copy: true }), { a: 1 });
		assert.deepEqual((await call(context, code, { promise: true, externalCopy: true })).copy(), { a: 1 });
		assert.equal((await call(context, code, { promise: true, reference: true })).getSync('a'), 1);
		await rejects(call(context, code, { promise: true }), TypeError, 'A non-transferable value was passed');
		await rejects(call(context, 'Promise.resolve(() => 1)', { promise: true, copy: true }), TypeError, '() => 1 could not be cloned.');
		await rejects(call(context, 'Promise.resolve(Symbol())', { promise: true, copy: true }), TypeError, 'Unsupported type');
		await rejects(call(context, '({})', { promise: true }), TypeError, 'A non-transferable value was passed');
	});

	inBothForms('rejects with the reason', 'eval', async call => {
		const { context } = guest();
		const promise = { promise: true };
		await rejects(call(context, 'Promise.reject(new RangeError("r"))', promise), RangeError, 'r');
		assert.equal(await rejection(call(context, 'Promise.reject(5)', promise)), 5);
		assert.equal(await rejection(call(context, 'Promise.reject()', promise)), undefined);
		assert.deepEqual(await rejection(call(context, 'Promise.reject({ a: 1 })', promise)), { a: 1 });
		await rejects(call(context, '(async () => { await null; throw new TypeError("later") })()', promise), TypeError, 'later');
		await rejects(call(context, 'throw new Error("at once")', promise), Error, 'at once');
	});

	inBothForms('is followed only when it is a promise', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, '({ then(resolve) { resolve(9) } })', { promise: true }), TypeError, 'A non-transferable value was passed');
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('works for get, apply and closures', 'get', async (call, form) => {
		const { context, jail } = guest();
		const sync = form.endsWith('Sync') ? 'Sync' : '';
		context.evalSync('globalThis.p = Promise.resolve({ a: 1 }); globalThis.f = async () => ({ a: 2 })');
		assert.deepEqual(await call(jail, 'p', { promise: true, copy: true }), { a: 1 });
		const f = jail.getSync('f', { reference: true });
		assert.deepEqual(await f[`apply${sync}`](undefined, [], { result: { promise: true, copy: true } }), { a: 2 });
		assert.ok(await f[`apply${sync}`](undefined, [], { result: { promise: true } }) instanceof Reference);
		assert.deepEqual(await context[`evalClosure${sync}`]('return f()', [], { result: { promise: true, copy: true } }), { a: 2 });
	});

	it('can not be followed by a guest that changed its builtins', async () => {
		const { context } = guest();
		context.evalSync(`
			Promise.prototype.then = () => { throw new Error('patched') };
			Promise.resolve = Promise.reject = () => { throw new Error('patched') };
			Object.defineProperty(Promise, Symbol.species, { get() { throw new Error('species') } });`);
		assert.equal(await context.eval('(async () => 5)()', { promise: true }), 5);
	});

	it('is without the option what any object is', async () => {
		const { context } = guest();
		assert.equal(context.evalSync('Promise.resolve(1)'), undefined);
		assert.equal(await context.eval('Promise.resolve(1)'), undefined);
		assert.ok(context.evalSync('async () => 1', { reference: true }).applySync() instanceof Reference);
		throws(() => context.evalSync('Promise.resolve(1)', { copy: true }), TypeError, '#<Promise> could not be cloned.');
	});

	it('is told of the end of its isolate', async () => {
		const { isolate, context } = guest();
		const promise = context.evalSync('new Promise(() => {})', { promise: true });
		isolate.dispose();
		const error = await rejection(promise);
		assert.ok(error instanceof Error);
		assert.equal(error.code, 'ERR_ISOLATE_DISPOSED');
	});

	it('is one of thousands', async () => {
		const { context } = guest();
		const count = times(3000);
		const promises = Array.from({ length: count }, (_, i) => context.evalSync(`new Promise(resolve => { (globalThis.all ||= [])[${i}] = resolve })`, { promise: true }));
		context.evalSync('all.forEach((resolve, i) => resolve(i))');
		assert.deepEqual(await Promise.all(promises), Array.from({ length: count }, (_, i) => i));
	});
});

describe('a promise of the host with the option promise', () => {
	it('arrives as a promise of the guest\'s', async () => {
		const { context, jail } = guest();
		jail.setSync('p', Promise.resolve(5), { promise: true });
		assert.equal(context.evalSync('p instanceof Promise'), true);
		assert.equal(await context.eval('p.then(n => n + 1)', { promise: true }), 6);
		jail.setSync('p', 5, { promise: true });
		assert.equal(context.evalSync('p instanceof Promise'), true);
		assert.equal(await context.eval('p', { promise: true }), 5);
		jail.setSync('p', Promise.resolve({ a: 1 }), { promise: true, copy: true });
		assert.equal(await context.eval('p.then(v => JSON.stringify(v))', { promise: true }), '{"a":1}');
		jail.setSync('p', Promise.resolve(() => 5), { promise: true });
		assert.equal(await context.eval('p.then(f => f())', { promise: true }), 5);
		jail.setSync('p', Promise.resolve(new ExternalCopy({ b: 2 }).copyInto()), { promise: true });
		assert.equal(await context.eval('p.then(v => v.b)', { promise: true }), 2);
	});

	it('may settle later', async () => {
		const { context, jail } = guest();
		let resolve;
		jail.setSync('p', new Promise(done => { resolve = done; }), { promise: true });
		const outcome = context.eval('globalThis.state = "pending"; p.then(v => { state = v; return v })', { promise: true });
		await turn();
		assert.equal(context.evalSync('state'), 'pending');
		resolve('settled');
		assert.equal(await outcome, 'settled');
		assert.equal(context.evalSync('state'), 'settled');
	});

	it('rejects in the guest with the same reason', async () => {
		const { context, jail } = guest();
		jail.setSync('p', Promise.reject(new TypeError('from the host')), { promise: true });
		assert.equal(await context.eval('p.catch(error => (error instanceof TypeError) + error.message)', { promise: true }), 'truefrom the host');
		jail.setSync('p', Promise.reject(5), { promise: true });
		assert.equal(await context.eval('p.catch(error => error)', { promise: true }), 5);
	});

	it('rejects in the guest when its value needs an option', async () => {
		const { context, jail } = guest();
		for (const [value, way, message] of [[{}, { promise: true }, 'A non-transferable value was passed'],
			[Symbol('s'), { promise: true }, 'A non-transferable value was passed'], [() => 1, { promise: true, copy: true }, '() => 1 could not be cloned.']]) {
			jail.setSync('p', Promise.resolve(value), way);
			assert.equal(await context.eval('p.then(() => "none", error => (error instanceof TypeError) + error.message)', { promise: true }),
				`true${message}`);
		}
	});

	it('may be any thenable', async () => {
		const { context, jail } = guest();
		jail.setSync('p', { then: resolve => resolve('thenable') }, { promise: true });
		assert.equal(await context.eval('p', { promise: true }), 'thenable');
	});

	it('does not trouble the host when nobody handles it', async () => {
		const [seen] = await child(`
			const { jail, context } = guest();
			process.on('unhandledRejection', () => report('unhandled'));
			jail.setSync('p', Promise.reject(new Error('nobody')), { promise: true });
			setTimeout(() => report(context.evalSync('1 + 1')), 50);
		`);
		assert.equal(seen, 2);
	});

	it('goes through arguments, too', async () => {
		const { context } = guest();
		const f = context.evalSync('async (...values) => (await Promise.all(values)).join()', { reference: true });
		assert.equal(await f.apply(undefined, [Promise.resolve(1), 2, turn().then(() => 3)],
			{ arguments: { promise: true }, result: { promise: true } }), '1,2,3');
		assert.equal(await context.evalClosure('return $0.then(v => v.a)', [Promise.resolve({ a: 1 })],
			{ arguments: { promise: true, copy: true }, result: { promise: true } }), 1);
	});

	it('of a guest becomes one of another guest', async () => {
		const a = guest();
		const b = guest();
		b.jail.setSync('p', a.context.evalSync('new Promise(resolve => { globalThis.resolve = resolve })', { promise: true }), { promise: true });
		const outcome = b.context.eval('p.then(v => v * 2)', { promise: true });
		a.context.evalSync('resolve(21)');
		assert.equal(await outcome, 42);
	});

	it('that settles after the isolate\'s end does no harm', async () => {
		const { isolate, jail } = guest();
		let resolve;
		jail.setSync('p', new Promise(done => { resolve = done; }), { promise: true });
		isolate.dispose();
		resolve(5);
		await turn();
		assert.equal(guest().context.evalSync('1'), 1);
	});
});

describe('reactions in a guest', () => {
	it('run when the call ends, before its result is back', async () => {
		const { context, evaluate } = guest();
		assert.deepEqual(evaluate('var log = []; Promise.resolve().then(() => log.push("micro")); log.push("sync"); [...log]'), ['sync']);
		assert.deepEqual(evaluate('log'), ['sync', 'micro']);
		context.evalSync('log = []; (async () => { for (let i = 0; i < 100; ++i) { await null; log.push(i) } })()');
		assert.equal(context.evalSync('log.length'), 100);
		await context.eval('log = []; Promise.resolve().then(() => log.push("a")).then(() => log.push("b")); 0');
		assert.equal(context.evalSync('log.join()'), 'a,b');
	});

	it('do not run while a host function is called', () => {
		const { context, jail } = guest();
		let seen;
		jail.setSync('f', () => { seen = context.evalSync('log.join()'); });
		context.evalSync('var log = ["start"]; Promise.resolve().then(() => log.push("micro")); f(); log.push("end")');
		assert.equal(seen, 'start');
		assert.equal(context.evalSync('log.join()'), 'start,end,micro');
	});

	it('run after guest functions, applies, gets and sets as well', () => {
		const { context, jail } = guest();
		context.evalSync('var n = 0; function later() { Promise.resolve().then(() => ++n) } var o = { get g() { later(); return 1 } }');
		context.evalSync('later')();
		assert.equal(context.evalSync('n'), 1);
		jail.getSync('later', { reference: true }).applySync();
		assert.equal(context.evalSync('n'), 2);
		jail.getSync('o', { reference: true }).getSync('g', { accessors: true });
		assert.equal(context.evalSync('n'), 3);
	});

	it('that never end are the guest\'s own trouble, within its time limit', () => {
		const { context } = guest();
		const code = '(function again() { Promise.resolve().then(again) })()';
		throws(() => context.evalSync(code, { timeout: 20 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('to a settled promise of the host run by themselves', async () => {
		const { context, jail } = guest();
		const calls = [];
		jail.setSync('tell', value => { calls.push(value); });
		let resolve;
		jail.setSync('p', new Promise(done => { resolve = done; }), { promise: true });
		context.evalSync('p.then(v => tell(v)); 0');
		resolve('now');
		await until(() => calls.length > 0);
		assert.deepEqual(calls, ['now']);
	});
});

describe('a rejection that nobody handles', () => {
	it('never fails a call', async () => {
		const { context, jail } = guest();
		assert.equal(context.evalSync('Promise.reject(new Error("forgotten")); 5'), 5);
		assert.equal(context.evalSync('6'), 6);
		assert.equal(await context.eval('Promise.reject(new Error("forgotten")); 7'), 7);
		assert.equal(await context.eval('(async () => { throw new Error("forgotten") })(); 8'), 8);
		assert.equal(context.evalSync('() => { Promise.reject(1); return 9 }')(), 9);
		assert.equal(context.evalSync('() => { Promise.reject(1); return 10 }', { reference: true }).applySync(), 10);
		context.evalSync('Promise.reject(1)');
		jail.setSync('x', 1);
		assert.equal(context.evalSync('Promise.resolve().then(() => { throw new RangeError("in a reaction") }); 11'), 11);
		assert.equal(context.evalSync('12'), 12);
	});

	it('can be handled by a later call', async () => {
		const { context } = guest();
		context.evalSync('globalThis.p = Promise.reject(new RangeError("kept"))');
		await turn();
		assert.equal(await context.eval('p.catch(error => error.message)', { promise: true }), 'kept');
	});

	it('still shows the error that was thrown', () => {
		const { context } = guest();
		throws(() => context.evalSync('Promise.reject(new Error("other")); throw new RangeError("direct")'), RangeError, 'direct');
		assert.equal(context.evalSync('1'), 1);
	});
});

describe('waiting for what guests still do', () => {
	const programs = {
		'a promise with an async callback in it': `
			jail.setSync('f', new Callback(x => x + 1, { async: true }));
			context.evalSync('f(1).then(x => x * 2)', { promise: true }).then(report)`,
		'the same, asynchronously': `
			jail.setSync('f', new Callback(x => x + 1, { async: true }));
			context.eval('f(1).then(x => x * 2)', { promise: true }).then(report)`,
		'a reaction that takes its time': `
			jail.setSync('f', new Callback(x => x + 1, { async: true }));
			context.evalSync('f(1).then(x => { for (const end = Date.now() + 50; Date.now() < end;); return x * 2 })', { promise: true }).then(report)`,
		'a promise of the host that settles into a guest': `
			const f = context.evalSync('async v => (await v) + 3', { reference: true });
			f.apply(undefined, [new Promise(done => setTimeout(done, 20, 1))], { arguments: { promise: true }, result: { promise: true } }).then(report)`,
		'an ignored callback of a sync call': `
			jail.setSync('f', new Callback(report, { ignored: true }));
			context.evalSync('f(4)')`,
		'an ignored callback of an ignored call': `
			jail.setSync('f', new Callback(report, { ignored: true }));
			context.evalIgnored('for (const end = Date.now() + 50; Date.now() < end;); f(4)')`,
		'a sync callback in a reaction to a promise of the host': `
			jail.setSync('f', report);
			jail.setSync('p', sleep(20), { promise: true });
			context.evalSync('p.then(() => f(4)); 0')`,
		'a chain over several isolates': `
			const other = guest();
			other.jail.setSync('up', new Callback(async x => x + 1, { async: true }));
			jail.setSync('viaOther', new Callback(x => other.context.eval('up(' + x + ')', { promise: true }), { async: true }));
			context.evalSync('viaOther(1).then(viaOther).then(x => viaOther(x))', { promise: true }).then(report)`,
	};

	for (const [what, program] of Object.entries(programs)) {
		it(`goes on for ${what}`, async () => {
			assert.deepEqual(await child(`const { context, jail } = guest(); ${program}`), [4]);
		});
	}

	it('ends for a promise that nothing will ever settle', async () => {
		assert.deepEqual(await child(`
			const { context, jail } = guest();
			context.evalSync('new Promise(() => {})', { promise: true }).then(report);
			jail.setSync('p', new Promise(() => {}), { promise: true });
			context.eval('p.then(() => 1)', { promise: true }).then(report);
			report('main');
		`), ['main']);
	});
});
