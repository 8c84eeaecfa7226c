'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { assertError, child, guest, islet, rejection, rejects, thrown, throws, times, turn, until } = require('./helpers');
const { Callback, ExternalCopy, Isolate, Reference } = islet;

const GONE = [Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED'];
const DURING = [Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED'];

describe('dispose', () => {
	it('gives nothing, and is an error the second time', () => {
		const { isolate } = guest();
		assert.equal(isolate.isDisposed, false);
		assert.equal(isolate.dispose(), undefined);
		assert.equal(isolate.isDisposed, true);
		throws(() => isolate.dispose(), Error, 'Isolate is already disposed', 'ERR_ISOLATE_DISPOSED');
		assert.equal(isolate.isDisposed, true);
	});

	it('may come before anything was done', () => {
		for (let i = 0; i < times(50); ++i) {
			const isolate = new Isolate();
			isolate.dispose();
			assert.equal(isolate.isDisposed, true);
			throws(() => isolate.createContextSync(), ...GONE);
		}
	});

	it('makes every sync method throw', () => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		const f = context.evalSync('() => 1');
		isolate.dispose();
		for (const call of [
			() => context.evalSync('1'), () => context.evalClosureSync('return 1'), () => script.runSync(context), () => jail.getSync('a'),
			() => jail.setSync('a', 1), () => jail.deleteSync('a'), () => jail.applySync(), () => jail.copySync(), () => isolate.createContextSync(),
			() => isolate.compileScriptSync('1'), () => isolate.getHeapStatisticsSync(), () => f(),
		]) {
			throws(call, ...GONE);
		}
	});

	it('makes every async method reject', async () => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		isolate.dispose();
		for (const call of [
			() => context.eval('1'), () => context.evalClosure('return 1'), () => script.run(context), () => jail.get('a'), () => jail.set('a', 1),
			() => jail.delete('a'), () => jail.apply(), () => jail.copy(), () => isolate.createContext(), () => isolate.compileScript('1'),
			() => isolate.getHeapStatistics(),
		]) {
			await rejects(call(), ...GONE);
		}
	});

	it('makes ignored methods do nothing', () => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		isolate.dispose();
		for (const call of [
			() => context.evalIgnored('1'), () => context.evalClosureIgnored('1'), () => script.runIgnored(context),
			() => jail.setIgnored('a', 1), () => jail.deleteIgnored('a'), () => jail.applyIgnored(),
		]) {
			assert.equal(call(), undefined);
		}
	});

	it('leaves mistakes of the caller what they are', async () => {
		const { isolate, context, jail } = guest();
		isolate.dispose();
		throws(() => context.evalSync(5), TypeError, '`evalSync` requires parameter 1 to be a string');
		throws(() => context.evalSync('1', { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number');
		throws(() => jail.setSync('a', {}), TypeError, 'A non-transferable value was passed');
		await rejects(context.eval(5), TypeError, '`eval` requires parameter 1 to be a string');
	});

	it('leaves what is outside the isolate', () => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		const copy = context.evalSync('({ a: [1, 2] })', { externalCopy: true });
		const bytes = context.evalSync('new Uint8Array(100000).fill(5)', { copy: true });
		const moved = context.evalSync('new Uint8Array(100000).fill(6)', { externalCopy: true }).copy({ transferIn: true });
		isolate.dispose();
		assert.deepEqual(copy.copy(), { a: [1, 2] });
		assert.ok(bytes.every(byte => byte === 5));
		assert.ok(moved.every(byte => byte === 6));
		assert.equal(context.global, jail);
		assert.equal(jail.typeof, 'object');
		assert.equal(script.release(), undefined);
		assert.equal(context.release(), true);
		assert.equal(isolate.isDisposed, true);
	});

	it('of one isolate is nothing to the others', async () => {
		const all = Array.from({ length: 10 }, (_, i) => ({ i, ...guest() }));
		all.filter(({ i }) => i % 2).forEach(({ isolate }) => isolate.dispose());
		for (const { i, isolate, context } of all) {
			assert.equal(isolate.isDisposed, i % 2 === 1);
			if (i % 2) {
				throws(() => context.evalSync('1'), ...GONE);
			} else {
				assert.equal(context.evalSync('1 + 1'), 2);
				assert.equal(await context.eval('2 + 2'), 4);
			}
		}
	});

	it('gives memory back', async () => {
		const [grown] = await child(`
			const use = count => {
				for (let i = 0; i < count; ++i) {
					const { isolate, context } = guest();
					context.evalSync('globalThis.kept = [new Uint8Array(4 << 20).fill(1), Array.from({ length: 50000 }, (_, i) => ({ i }))]; 0');
					isolate.dispose();
				}
			};
			use(5);
			const before = process.memoryUsage().rss;
			use(${times(60)});
			report((process.memoryUsage().rss - before) / 1048576);
		`);
		assert.ok(grown < 120, `${grown} MB more`);
	});
});

describe('dispose while a guest runs', () => {
	it('ends an endless loop', async () => {
		const { isolate, context, jail } = guest();
		let running = false;
		jail.setSync('started', new Callback(() => { running = true; }, { ignored: true }));
		const promise = rejects(context.eval('started(); while (true);'), ...DURING);
		await until(() => running);
		assert.equal(isolate.dispose(), undefined);
		assert.equal(isolate.isDisposed, true);
		await promise;
		throws(() => context.evalSync('1'), ...GONE);
	});

	it('ends it whatever it does to stay', async () => {
		for (const code of [
			'while (true) try { while (true); } catch {} finally {}', '(async () => { while (true) await null })()',
			'(function again() { Promise.resolve().then(again) })()', 'for (const x of (function* () { while (true) yield })());',
			'/(a+)+$/.test("a".repeat(60) + "b")', 'const a = []; for (let i = 0;; i = i + 1 & 1023) a[i] = { i }',
		]) {
			const { isolate, context, jail } = guest();
			let running = false;
			jail.setSync('started', new Callback(() => { running = true; }, { ignored: true }));
			const outcome = context.eval(`started(); ${code}`).catch(error => error);
			await until(() => running);
			isolate.dispose();
			assertError(await outcome, ...DURING);
		}
	});

	it('tells those queued behind it', async () => {
		const { isolate, context, jail } = guest();
		let running = false;
		jail.setSync('started', new Callback(() => { running = true; }, { ignored: true }));
		const calls = [context.eval('started(); while (true);'), context.eval('2'), isolate.compileScript('1'), jail.get('a'), isolate.createContext()]
			.map(rejection);
		await until(() => running);
		isolate.dispose();
		const [first, ...rest] = await Promise.all(calls);
		assertError(first, ...DURING);
		rest.forEach(error => assertError(error, ...GONE));
	});

	it('at once answers what was only queued', async () => {
		for (let i = 0; i < times(100); ++i) {
			const { isolate, context } = guest();
			const calls = [context.eval('1'), context.eval('2')].map(promise => promise.then(value => value, error => error.code));
			isolate.dispose();
			const [one, two] = await Promise.all(calls);
			assert.ok(one === 1 || one === 'ERR_ISOLATE_DISPOSED', String(one));
			assert.ok(two === 2 || two === 'ERR_ISOLATE_DISPOSED', String(two));
		}
	});

	it('ends a builtin that never looks up', async () => {
		const [message] = await child(`
			const { isolate, context, jail } = guest();
			let running = false;
			jail.setSync('started', new Callback(() => { running = true }, { ignored: true }));
			context.eval('started(); [].indexOf.call({ length: 2 ** 53 - 1 }, 1)').catch(error => { report(error.code); process.exit(0) });
			until(() => running).then(() => sleep(20)).then(() => isolate.dispose());
		`, { deadline: 8000 });
		assert.equal(message, 'ERR_ISOLATE_DISPOSED');
	});

	it('rejects promises that the guest has not settled', async () => {
		const { isolate, context } = guest();
		const promise = context.evalSync('new Promise(() => {})', { promise: true });
		const later = context.eval('new Promise(() => {})', { promise: true });
		await turn();
		isolate.dispose();
		for (const error of await Promise.all([promise, later].map(rejection))) {
			assert.ok(error instanceof Error);
			assert.equal(error.code, 'ERR_ISOLATE_DISPOSED');
		}
	});
});

describe('dispose from a host function that the guest called', () => {
	it('ends a sync call', () => {
		const { isolate, context, jail } = guest();
		jail.setSync('end', () => isolate.dispose());
		throws(() => context.evalSync('end(); 5'), ...DURING);
		assert.equal(isolate.isDisposed, true);
	});

	it('ends an async call', async () => {
		const { isolate, context, jail } = guest();
		jail.setSync('end', () => isolate.dispose());
		await rejects(context.eval('end(); while (true);'), ...DURING);
		assert.equal(isolate.isDisposed, true);
	});

	it('can not be caught by the guest', async () => {
		for (const call of [
			({ context }, code) => context.evalSync(code), ({ context }, code) => context.eval(code),
			({ context }, code) => context.evalSync(`() => { ${code} }`)(),
			({ isolate, context }, code) => isolate.compileScriptSync(code).runSync(context),
			({ context }, code) => context.evalSync(`() => { ${code} }`, { reference: true }).apply(),
		]) {
			const made = guest();
			let after = false;
			made.jail.setSync('end', () => made.isolate.dispose());
			made.jail.setSync('after', () => { after = true; });
			const error = await rejection((async () => call(made, 'while (true) try { end() } catch { after() } finally { after() }'))());
			assertError(error, ...DURING);
			assert.equal(after, false);
		}
	});

	it('ends a host function\'s own result', () => {
		const { isolate, context, jail } = guest();
		let returned = false;
		jail.setSync('end', () => {
			isolate.dispose();
			throws(() => context.evalSync('1'), ...GONE);
			throws(() => isolate.dispose(), Error, 'Isolate is already disposed');
			returned = true;
			return { a: [1] };
		});
		throws(() => context.evalSync('end().a'), ...DURING);
		assert.equal(returned, true);
	});

	it('ends calls at every depth', () => {
		const { isolate, context, jail } = guest();
		const errors = [];
		jail.setSync('down', n => {
			if (n === 0) {
				isolate.dispose();
				return 0;
			}
			try {
				return context.evalSync(`down(${n - 1})`);
			} catch (error) {
				errors.push(error);
				return 5;
			}
		});
		throws(() => context.evalSync('down(5)'), ...DURING);
		assert.equal(errors.length, 5);
		errors.forEach(error => assertError(error, ...DURING));
	});

	it('of another isolate lets the caller go on', () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('endB', () => b.isolate.dispose());
		assert.equal(a.context.evalSync('endB(); 5'), 5);
		throws(() => b.context.evalSync('1'), ...GONE);
	});

	it('in the middle of a chain of isolates ends that one only', () => {
		const a = guest();
		const b = guest();
		const c = guest();
		c.jail.setSync('endB', () => b.isolate.dispose());
		c.context.evalSync('globalThis.f = () => { endB(); return 7 }');
		b.jail.setSync('callC', c.context.evalSync('f'));
		a.jail.setSync('callB', b.context.evalSync('() => callC() + 1'));
		const message = a.context.evalSync('try { callB() } catch (error) { error.message }');
		assert.match(message, /^Isolate (?:was disposed during execution|is disposed)$/);
		assert.equal(c.context.evalSync('f() + 1'.replace('f()', '7')), 8);
		assert.equal(a.context.evalSync('1'), 1);
	});

	it('that is async or ignored lets the guest run on until then', async () => {
		const { isolate, context, jail } = guest();
		jail.setSync('end', new Callback(() => isolate.dispose(), { ignored: true }));
		await rejects(context.eval('end(); while (true);'), ...DURING);
		const second = guest();
		second.jail.setSync('end', new Callback(() => second.isolate.dispose(), { async: true }));
		await rejects(second.context.eval('end().then(() => 1)', { promise: true }), Error, /^Isolate /, 'ERR_ISOLATE_DISPOSED');
	});
});

describe('dispose in odd places', () => {
	it('inside a getter of an argument', () => {
		const { isolate, context, jail } = guest();
		const identity = context.evalSync('x => x');
		throws(() => identity({ get a() { isolate.dispose(); return 1; } }), ...GONE);
		assert.equal(isolate.isDisposed, true);
		assert.ok(thrown(() => jail.setSync('a', 1)) instanceof Error);
	});

	it('inside a getter of a host function\'s result', () => {
		const { isolate, context, jail } = guest();
		jail.setSync('f', () => ({ get a() { isolate.dispose(); return 1; } }));
		throws(() => context.evalSync('f()'), ...DURING);
	});

	it('inside an option\'s getter', () => {
		const { isolate, context } = guest();
		throws(() => context.evalSync('1', { get timeout() { isolate.dispose(); return 5; } }), ...GONE);
	});

	it('while a guest waits in an async host function', async () => {
		const { isolate, context, jail } = guest();
		let resolve;
		let running = false;
		jail.setSync('f', new Callback(() => { running = true; return new Promise(done => { resolve = done; }); }, { async: true }));
		const promise = rejection(context.eval('f().then(() => 1)', { promise: true }));
		await until(() => running);
		isolate.dispose();
		resolve(5);
		assert.equal((await promise).code, 'ERR_ISOLATE_DISPOSED');
	});

	it('when handles of it are spread over other guests', () => {
		const a = guest();
		const b = guest();
		b.jail.setSync('all', {
			isolate: a.isolate, context: a.context, jail: a.jail, copy: new ExternalCopy({ a: 1 }),
			reference: a.context.evalSync('({})', { reference: true }), host: new Reference({}),
		}, { copy: true });
		b.jail.setSync('f', a.context.evalSync('() => 1'));
		a.isolate.dispose();
		throws(() => b.context.evalSync('f()'), Error, 'Isolate is disposed');
		const back = b.context.evalSync('all', { copy: true });
		assert.equal(back.isolate.isDisposed, true);
		throws(() => back.context.evalSync('1'), ...GONE);
		throws(() => back.reference.getSync('a'), ...GONE);
		assert.deepEqual(back.copy.copy(), { a: 1 });
		b.isolate.dispose();
	});

	it('in any order with releases', () => {
		const random = [...Array(times(60)).keys()];
		for (const i of random) {
			const { isolate, context, jail } = guest();
			const handles = [context.evalSync('({})', { reference: true }), isolate.compileScriptSync('1'), context, context.evalSync('() => 1', { reference: true })];
			const steps = [() => isolate.dispose(), ...handles.map(handle => () => handle.release())];
			for (let n = steps.length, k = i; n > 0; --n) {
				const [step] = steps.splice(k % n, 1);
				k = Math.floor(k / n) + i * 7;
				step();
			}
			assert.equal(isolate.isDisposed, true);
			assert.ok(thrown(() => jail.getSync('a')) instanceof Error);
		}
	});
});
