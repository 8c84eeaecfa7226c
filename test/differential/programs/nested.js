'use strict';

/** Isolates that guests make. */

module.exports = {
	'a guest makes an isolate': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('made', () => context.evalSync('globalThis.isolate = new ivm.Isolate; isolate instanceof ivm.Isolate'));
		attempt('context', () => context.evalSync('globalThis.inner = isolate.createContextSync(); inner.evalSync("1 + 1")'));
		attempt('global', () => context.evalSync('inner.global.setSync("a", 5); inner.evalSync("a * 2")'));
		attempt('script', () => context.evalSync('isolate.compileScriptSync("a + 1").runSync(inner)'));
		attempt('closure', () => context.evalSync('inner.evalClosureSync("return $0 + a", [1])'));
		attempt('copy', () => context.evalSync('inner.evalSync("({ list: [1, 2] })", { copy: true }).list.length'));
		attempt('copy is of the guest', () => context.evalSync('inner.evalSync("({ list: [1, 2] })", { copy: true }) instanceof Object'));
		attempt('reference', () => context.evalSync('inner.evalSync("({ b: 3 })", { reference: true }).getSync("b")'));
		attempt('dispose', () => context.evalSync('isolate.dispose(); isolate.isDisposed'));
	},
	'async use of a nested isolate': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		await settle('eval', () => context.eval(`(async () => {
			const isolate = new ivm.Isolate({ memoryLimit: 16 });
			const inner = await isolate.createContext();
			await inner.global.set('a', 5);
			const script = await isolate.compileScript('a + 1');
			return [await inner.eval('a'), await script.run(inner), await inner.eval('Promise.resolve(7)', { promise: true })].join();
		})()`, { promise: true }));
		await settle('throws', () => context.eval(`(async () => {
			const inner = await new ivm.Isolate().createContext();
			try { await inner.eval('throw new RangeError("deep")') } catch (error) { return error.constructor.name + error.message + (error instanceof RangeError) }
		})()`, { promise: true }));
	},
	'functions of a guest in its nested isolate': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('function', () => context.evalSync(`
			globalThis.inner = new ivm.Isolate().createContextSync();
			inner.global.setSync('double', value => value * 2);
			inner.evalSync('double(21)')`));
		attempt('reference', () => context.evalSync(`
			inner.global.setSync('ref', new ivm.Reference(value => value + 1));
			inner.evalSync('ref.applySync(undefined, [1])')`));
		attempt('callback', () => context.evalSync(`
			inner.global.setSync('cb', new ivm.Callback(value => value + 2));
			inner.evalSync('cb(1)')`));
		attempt('function out', () => context.evalSync('inner.evalSync("value => value + 3")(1)'));
		attempt('throws', () => context.evalSync('inner.global.setSync("fail", () => { throw new TypeError("mid") }); try { inner.evalSync("fail()") } catch (error) { error instanceof TypeError && error.message }'));
	},
	'host functions go through two walls': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('host', value => { log('host', value); return value + '!'; });
		attempt('passed on', () => context.evalSync(`
			globalThis.inner = new ivm.Isolate().createContextSync();
			inner.global.setSync('host', host);
			inner.evalSync('host("deep")')`));
		jail.setSync('ref', new ivm.Reference(value => { log('ref', value); return value + '?'; }));
		attempt('reference passed on', () => context.evalSync('inner.global.setSync("ref", ref); inner.evalSync("ref.applySync(undefined, [\\"deep\\"])")'));
		jail.setSync('api', { f: new ivm.Callback(() => 'nested') }, { copy: true });
		attempt('within a copy', () => context.evalSync('inner.global.setSync("api", { f: new ivm.Callback(api.f) }, { copy: true }); inner.evalSync("api.f()")'));
	},
	'three levels': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('log', (...values) => log(...values));
		attempt('down', () => context.evalSync(`
			const one = new ivm.Isolate().createContextSync();
			one.global.setSync('ivm', ivm);
			one.global.setSync('log', log);
			one.evalSync(\`
				const two = new ivm.Isolate().createContextSync();
				two.global.setSync('ivm', ivm);
				two.global.setSync('log', log);
				two.evalSync('log("at the bottom"); new ivm.ExternalCopy({ a: 1 }).copy().a')
			\`)`));
	},
	'references home through all levels': async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		const value = { mine: 1 };
		jail.setSync('ivm', ivm);
		jail.setSync('r', new ivm.Reference(value));
		const back = attempt('back', () => context.evalSync(`
			const inner = new ivm.Isolate().createContextSync();
			inner.global.setSync('r', r);
			inner.evalSync('r')`));
		log(back.deref() === value);
	},
	'a nested isolate comes out': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		const isolate = attempt('isolate', () => context.evalSync('globalThis.isolate = new ivm.Isolate; isolate'));
		const inner = attempt('context', () => context.evalSync('globalThis.inner = isolate.createContextSync(); inner'));
		attempt('used', () => inner.evalSync('6 * 7'));
		attempt('set', () => inner.global.setSync('fromHost', 1));
		attempt('seen inside', () => context.evalSync('inner.evalSync("fromHost")'));
		attempt('dispose outside', () => isolate.dispose());
		attempt('seen inside', () => context.evalSync('isolate.isDisposed'));
	},
	'a nested isolate lives on without its maker': async ({ ivm, guest, attempt }) => {
		const one = guest();
		one.jail.setSync('ivm', ivm);
		const inner = one.context.evalSync('new ivm.Isolate().createContextSync()');
		attempt('before', () => inner.evalSync('1'));
		one.isolate.dispose();
		attempt('after', () => inner.evalSync('2'));
	},
	'limits of a nested isolate': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest({ memoryLimit: 64 });
		jail.setSync('ivm', ivm);
		attempt('too small', () => context.evalSync('new ivm.Isolate({ memoryLimit: 1 })'));
		attempt('not a number', () => context.evalSync('new ivm.Isolate({ memoryLimit: "a" })'));
		attempt('timeout', () => context.evalSync('globalThis.inner = new ivm.Isolate({ memoryLimit: 8 }).createContextSync(); try { inner.evalSync("for (;;);", { timeout: 20 }) } catch (error) { error.message }'));
		attempt('goes on', () => context.evalSync('inner.evalSync("1")'));
	},
	'a timeout outside ends a loop in a nested isolate': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		context.evalSync('globalThis.inner = new ivm.Isolate().createContextSync(); undefined');
		await settle('loop', () => context.evalSync('inner.evalSync("const end = Date.now() + 300; while (Date.now() < end);"); for (;;);', { timeout: 100 }));
		await settle('goes on', () => context.evalSync('1'));
	},
	'siblings meet through a guest': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('function', () => context.evalSync(`
			globalThis.a = new ivm.Isolate().createContextSync();
			globalThis.b = new ivm.Isolate().createContextSync();
			a.evalSync('globalThis.f = value => value + " by a"; undefined');
			b.global.setSync('f', a.global.getSync('f'));
			b.evalSync('f("called")')`));
		attempt('reference', () => context.evalSync('b.global.setSync("r", a.evalSync("({ x: 1 })", { reference: true })); b.evalSync("r.getSync(\\"x\\")")'));
		attempt('deref', () => context.evalSync('try { b.evalSync("r.deref()") } catch (error) { error.message }'));
		attempt('derefInto back', () => context.evalSync('a.global.setSync("same", b.evalSync("r").derefInto()); a.evalSync("same.x")'));
	},
	'an isolate that a guest makes and forgets': async ({ ivm, guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		for (let i = 0; i < 5; ++i) {
			context.evalSync('new ivm.Isolate({ memoryLimit: 8 }).createContextSync().evalSync("1")');
		}
		log(context.evalSync('"fine"'));
	},
	'nested isolates are disposed with nothing of theirs left': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('use after dispose', () => context.evalSync(`
			const isolate = new ivm.Isolate();
			const inner = isolate.createContextSync();
			isolate.dispose();
			try { inner.evalSync('1') } catch (error) { error.message }`));
	},
	'options of nested isolates': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('limit', () => context.evalSync('const a = new ivm.Isolate({ memoryLimit: 16 }).getHeapStatisticsSync().heap_size_limit / 1048576; a >= 16 && a < 64'));
		attempt('buffer', () => context.evalSync('globalThis.small = new ivm.Isolate({ memoryLimit: 8 }).createContextSync(); try { small.evalSync("new ArrayBuffer(64 << 20)") } catch (error) { error.constructor.name + error.message }'));
		attempt('goes on', () => context.evalSync('small.evalSync("1")'));
		attempt('figures', () => context.evalSync('const i = new ivm.Isolate; [typeof i.cpuTime, typeof i.wallTime, typeof i.referenceCount, i.isDisposed].join()'));
	},
	'transfer options in nested isolates': async ({ ivm, guest, attempt, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		context.evalSync('globalThis.inner = new ivm.Isolate().createContextSync(); undefined');
		for (const code of ['inner.evalSync("({ a: 1 })", { copy: true }).a', 'inner.evalSync("({ a: 1 })", { reference: true }).typeof', 'inner.evalSync("({ a: 1 })", { externalCopy: true }).copy().a', 'inner.evalSync("({})")',
			'inner.evalClosureSync("return $0.a", [{ a: 2 }], { arguments: { copy: true } })', 'inner.evalClosureSync("return typeof $0", [{ a: 2 }], { arguments: { reference: true } })', 'inner.evalClosureSync("return {}")',
			'inner.global.setSync("x", { y: 1 })', 'inner.global.setSync("x", { y: 1 }, { copy: true }), inner.evalSync("x.y")', 'inner.global.getSync("x").getSync("y")', 'inner.global.getSync("x", { copy: true }).y']) {
			attempt(code, () => context.evalSync(code));
		}
		await settle('promise', () => context.eval('inner.eval("Promise.resolve([1])", { promise: true, copy: true }).then(list => list.length)', { promise: true }));
		await settle('rejected', () => context.eval('inner.eval("Promise.reject(new RangeError(\\"r\\"))", { promise: true }).catch(e => e.constructor.name + e.message)', { promise: true }));
	},
	'syntax errors and stacks of nested isolates': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		context.evalSync('globalThis.inner = new ivm.Isolate().createContextSync(); undefined');
		attempt('caught', () => context.evalSync('try { inner.evalSync("\\n }", { filename: "inner.js" }) } catch (error) { error.constructor.name + error.message }'));
		attempt('uncaught', () => context.evalSync('inner.evalSync("\\n }", { filename: "inner.js" })'));
		attempt('thrown', () => context.evalSync('inner.evalSync("null.x")'));
		attempt('own class', () => context.evalSync('inner.evalSync("class Own extends Error {}; throw new Own(\\"o\\")")'));
		attempt('text', () => context.evalSync('inner.evalSync("throw \\"text\\"")'));
	},
	'applySyncPromise from a nested isolate': async ({ ivm, guest, settle, sleep }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('read', new ivm.Reference(async name => { await sleep(2); return `contents of ${name}`; }));
		await settle('deep', () => context.eval(`(async () => {
			const inner = await new ivm.Isolate().createContext();
			await inner.global.set('read', read);
			return inner.eval('read.applySyncPromise(undefined, ["a"])');
		})()`, { promise: true }));
	},
	'async callbacks of a guest for its nested isolate': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		await settle('called', () => context.eval(`(async () => {
			const inner = await new ivm.Isolate().createContext();
			await inner.global.set('f', new ivm.Callback(value => value * 2, { async: true }));
			return inner.eval('f(4)', { promise: true });
		})()`, { promise: true }));
	},
	'the host disposes of a guest while it waits for its nested isolate': async ({ ivm, guest, log, until }) => {
		const { isolate, context, jail } = guest();
		let begun = false;
		jail.setSync('ivm', ivm);
		const inner = context.evalSync('globalThis.inner = new ivm.Isolate().createContextSync()');
		inner.global.setSync('begin', new ivm.Callback(() => { begun = true; }, { ignored: true }));
		// It is told in different words, as the end catches it at different points.
		const running = context.eval('inner.eval("begin(); const end = Date.now() + 200; while (Date.now() < end);")', { promise: true, timeout: 2000 })
			.then(() => 'ended', error => `fails as it should: ${/disposed|abandoned/.test(error.message)}`);
		await until(() => begun);
		isolate.dispose();
		log(await running);
	},
	'many nested isolates at once': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest({ memoryLimit: 256 });
		jail.setSync('ivm', ivm);
		await settle('all', () => context.eval(`(async () => {
			const all = await Promise.all(Array.from({ length: 6 }, async (_, i) => {
				const isolate = new ivm.Isolate({ memoryLimit: 8 });
				const c = await isolate.createContext();
				const result = await c.evalClosure('return $0 * $0', [i]);
				isolate.dispose();
				return result;
			}));
			return all.join();
		})()`, { promise: true }));
	},
	'external copies between levels': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		const copy = new ivm.ExternalCopy({ list: [1, 2, 3] });
		jail.setSync('copy', copy);
		attempt('passed on', () => context.evalSync('globalThis.inner = new ivm.Isolate().createContextSync(); inner.global.setSync("data", copy.copyInto()); inner.evalSync("data.list.length")'));
		attempt('the copy itself', () => context.evalSync('inner.global.setSync("copy", copy); inner.evalSync("copy.copy().list[2]")'));
		attempt('made below', () => context.evalSync('inner.evalSync("({ deep: [1] })", { externalCopy: true })').copy());
		copy.release();
		attempt('released outside', () => context.evalSync('inner.evalSync("copy.copy().list[0]")'));
	},
};
