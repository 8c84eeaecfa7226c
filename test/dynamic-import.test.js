'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { assertError, child, islet, rejection, rejects, throws, times } = require('./helpers');
const { Isolate, Module } = islet;

/** A guest that can import these sources by name. `calls` has what the function was called with. */
function importer(sources, options) {
	const calls = [];
	const cache = new Map();
	const importModuleDynamically = async (...values) => {
		const [specifier] = values;
		calls.push(values);
		if (!cache.has(specifier)) {
			cache.set(specifier, isolate.compileModule(sources[specifier], { filename: specifier }));
		}
		return cache.get(specifier);
	};
	const isolate = new Isolate({ importModuleDynamically, ...options });
	const context = isolate.createContextSync();
	const run = (code, more) => context.eval(code, { promise: true, copy: true, ...more });
	return { isolate, context, calls, cache, run, jail: context.global };
}

describe('import()', () => {
	it('gives the namespace of the module that the function returns', async () => {
		const { run } = importer({ a: 'import { b } from "b"; export const a = [b]; export default 1', b: 'export const b = 2' });
		assert.deepEqual(await run('import("a").then(n => [n.a, n.default, Object.keys(n), Object.prototype.toString.call(n)])'),
			[[2], 1, ['a', 'default'], '[object Module]']);
		assert.equal(await run('(async () => (await import("a")) === (await import("a")))()'), true);
	});

	it('works in scripts, evals, closures, functions made from text, and modules', async () => {
		const { isolate, context, run } = importer({ a: 'export const a = 1', m: 'export const m = (await import("a")).a + 1' });
		const options = { promise: true };
		assert.equal(await run('import("a").then(n => n.a)'), 1);
		assert.equal(await isolate.compileScriptSync('import("a").then(n => n.a)').run(context, options), 1);
		assert.equal(await context.evalClosure('return import("a").then(n => n.a)', [], { result: options }), 1);
		assert.equal(await run('new Function("return import(\'a\')")().then(n => n.a)'), 1);
		assert.equal(await run('(0, eval)("import(\'a\')").then(n => n.a)'), 1);
		assert.equal(await run('import("m").then(n => n.m)'), 2);
		const module = isolate.compileModuleSync('export const x = await import("a").then(n => n.a)');
		module.instantiateSync(context, () => {});
		await module.evaluate();
		assert.equal(module.namespace.getSync('x'), 1);
	});

	it('tells the function who imports, and with what attributes', async () => {
		const { isolate, context, run, calls, cache } = importer({
			a: 'import "b" with { x: "1" }; export default import("c", { with: { type: "text" } })', b: '', c: '',
		});
		await run('import("a").then(n => n.default).then(() => 1)', { filename: 'main.js' });
		const a = await cache.get('a');
		assert.deepEqual(calls.map(([specifier, referrer, attributes]) => [specifier, referrer, { ...attributes }]), [
			['a', 'main.js', {}],
			['b', a, { x: '1' }],
			['c', a, { type: 'text' }],
		]);
		assert.equal(calls[2][1], a);
		assert.equal(calls[2][1].filename, 'a');
		a.release();
		const other = isolate.compileModuleSync('globalThis.again = () => import("b"); await again()', { filename: 'other' });
		other.instantiateSync(context, () => {});
		await other.evaluate();
		assert.equal(calls[3][1], other);
		await run('again().then(() => 1)');
		assert.equal(calls[4][1], other);
	});

	it('names a module of which the program kept nothing', async () => {
		const [seen] = await child(`
			const seen = [];
			const isolate = new Isolate({
				importModuleDynamically: async (specifier, referrer) => {
					seen.push(referrer instanceof islet.Module, referrer.filename);
					return isolate.compileModule('export const a = 1');
				},
			});
			const context = isolate.createContextSync();
			(() => {
				const module = isolate.compileModuleSync('globalThis.go = () => import("a").then(n => n.a)', { filename: 'gone' });
				module.instantiateSync(context, () => {});
				module.evaluateSync();
			})();
			(async () => {
				for (let i = 0; i < 10; ++i) { gc(); await sleep(1); }
				assert.equal(await context.eval('go()', { promise: true }), 1);
				report(seen);
			})();
		`, { args: ['--expose-gc'] });
		assert.deepEqual(seen, [true, 'gone']);
	});

	it('takes a module that was used before', async () => {
		const { isolate, context, run, cache, calls } = importer({});
		const module = isolate.compileModuleSync('export let n = 0; export const up = () => ++n; globalThis.count = (globalThis.count || 0) + 1');
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		module.namespace.getSync('up')();
		cache.set('a', module);
		assert.equal(await run('import("a").then(n => n.n)'), 1);
		assert.equal(context.evalSync('count'), 1);
		assert.equal(calls.length, 1);
	});

	it('takes JSON and values of the host', async () => {
		const isolate = new Isolate({
			importModuleDynamically: (specifier, referrer, { type }) => type === 'json' ?
				isolate.compileJsonModuleSync('{"a": 1}') :
				isolate.createSyntheticModuleSync({ double: n => 2 * n }),
		});
		const context = isolate.createContextSync();
		const options = { promise: true, copy: true };
		assert.deepEqual(await context.eval('import("x", { with: { type: "json" } }).then(n => n.default)', options), { a: 1 });
		assert.equal(await context.eval('import("x").then(n => n.double(4))', options), 8);
	});

	it('waits for a module that waits', async () => {
		const { run, jail } = importer({ a: 'export const a = await ask()', b: 'import { a } from "a"; export const b = a + 1' });
		jail.setSync('ask', new islet.Callback(async () => {
			await new Promise(resolve => setTimeout(resolve, 2));
			return 5;
		}, { async: true }));
		assert.deepEqual(await run('Promise.all([import("a"), import("b"), import("a")]).then(all => all.map(n => n.b ?? n.a))'), [5, 6, 5]);
	});

	it('imports the module that it stands in, and cycles', async () => {
		const { run } = importer({
			self: 'export const me = import("self"); export const s = 3',
			a: 'import "b"; export const a = 1; export const viaB = () => globalThis.fromB()',
			b: 'import { a } from "a"; globalThis.fromB = () => import("a").then(n => n.a + a)',
		});
		assert.equal(await run('import("self").then(n => n.me.then(m => m === n && m.s))'), 3);
		assert.equal(await run('import("a").then(n => n.viaB())'), 2);
	});

	it('keeps the contexts apart', async () => {
		const isolate = new Isolate({ importModuleDynamically: () => isolate.compileModule('export default globalThis.name') });
		const contexts = ['x', 'y'].map(name => {
			const context = isolate.createContextSync();
			context.evalSync(`globalThis.name = "${name}"`);
			return context;
		});
		const names = contexts.map(context => context.eval('import("a").then(n => n.default)', { promise: true }));
		assert.deepEqual(await Promise.all(names), ['x', 'y']);
	});
});

describe('an import() that fails', () => {
	it('says so where nothing answers it', async () => {
		const isolate = new Isolate();
		const context = isolate.createContextSync();
		const message = 'import() is not available here: the isolate has no `importModuleDynamically`';
		await rejects(context.eval('import("a")', { promise: true }), Error, message, 'ERR_MODULE');
		assert.equal(await context.eval('import("a").catch(e => [e.name, e.code].join())', { promise: true }), 'Error,ERR_MODULE');
		assert.equal(context.evalSync('import("a"); 1'), 1);
	});

	it('rejects with what goes wrong: syntax, names, the module, one that it imports', async () => {
		const { run } = importer({
			syntax: 'x = ;', names: 'import { z } from "ok"', ok: 'export const a = 1', throws: 'throw new RangeError("mine")',
			later: 'await 1; throw new RangeError("later")', uses: 'import "throws"', usesSyntax: 'import "syntax"',
		});
		for (let i = 0; i < 2; ++i) {
			await rejects(run('import("syntax")'), SyntaxError, 'Unexpected token \';\' [syntax:1:5]');
			await rejects(run('import("usesSyntax")'), SyntaxError, 'Unexpected token \';\' [syntax:1:5]');
			await rejects(run('import("names")'), SyntaxError, 'The requested module \'ok\' does not provide an export named \'z\'');
			const error = await rejects(run('import("throws")'), RangeError, 'mine');
			assert.equal(error.stack.split('\n')[1], '    at throws:1:7');
			await rejects(run('import("later")'), RangeError, 'later');
			await rejects(run('import("uses")'), RangeError, 'mine');
		}
		assert.deepEqual(await run('import("syntax").catch(e => [e instanceof SyntaxError, e.message])'), [true, 'Unexpected token \';\' [syntax:1:5]']);
		assert.equal(await run('import("throws").catch(a => import("throws").catch(b => a === b))'), true);
	});

	it('rejects with what the function throws', async () => {
		const isolate = new Isolate({
			importModuleDynamically(specifier) {
				throw Object.assign(new RangeError(`no ${specifier}`), { own: 5 });
			},
		});
		const context = isolate.createContextSync();
		const error = await rejects(context.eval('import("a")', { promise: true }), RangeError, 'no a');
		assert.equal(error.own, 5);
	});

	it('rejects when the function gives something else', async () => {
		const other = new Isolate();
		const values = [undefined, null, 5, 'x', {}, () => 1, other, Module];
		for (const value of values) {
			const isolate = new Isolate({ importModuleDynamically: () => value });
			const context = isolate.createContextSync();
			await rejects(context.eval('import("./a")', { promise: true }), TypeError,
				'`importModuleDynamically` did not return a Module for \'./a\'', 'ERR_MODULE');
		}
		const foreign = other.compileModuleSync('');
		const isolate = new Isolate({ importModuleDynamically: () => foreign });
		await rejects(isolate.createContextSync().eval('import("./a")', { promise: true }), TypeError,
			/does not belong to this isolate/, 'ERR_WRONG_ISOLATE');
		foreign.instantiateSync(other.createContextSync(), () => {});
		await rejects(isolate.createContextSync().eval('import("./a")', { promise: true }), TypeError,
			/does not belong to this isolate/, 'ERR_WRONG_ISOLATE');
	});

	it('rejects with what is wrong about its arguments', async () => {
		const { run, calls } = importer({});
		await rejects(run('import(Symbol())'), TypeError, 'Cannot convert a Symbol value to a string');
		assert.equal(await run('import({ toString() { throw 5 } }).catch(e => e)'), 5);
		await rejects(run('import("a", 5)'), TypeError, /must be an object/);
		await rejects(run('import("a", { with: { type: 5 } })'), TypeError, /string/);
		assert.deepEqual(calls, []);
	});

	it('wants a function of the isolate\'s maker', () => {
		for (const value of [5, 'x', {}, true]) {
			throws(() => new Isolate({ importModuleDynamically: value }), TypeError, '`importModuleDynamically` must be a function');
		}
		for (const value of [undefined, null]) {
			assert.ok(new Isolate({ importModuleDynamically: value }));
		}
	});
});

describe('limits of import()', () => {
	it('are those of the code that imports', async () => {
		const { run, context, cache, isolate } = importer({ loop: 'for (;;);', uses: 'import "loop2"', loop2: 'for (;;);', nested: 'export default import("loop3")', loop3: 'for (;;);' });
		await rejects(run('import("loop")', { timeout: 30 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await rejects(run('import("uses")', { timeout: 30 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await rejects(run('import("nested").then(n => n.default)', { timeout: 30 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await rejects(run('import("loop")', { timeout: 30 }), Error, 'The evaluation of the module was terminated', 'ERR_MODULE');
		assert.equal(await run('import("loop").catch(e => e.code)', { timeout: 30 }), 'ERR_MODULE');
		assert.equal(context.evalSync('1 + 1'), 2);
		cache.set('mine', isolate.compileModule('for (;;);'));
		const module = isolate.compileModuleSync('await import("mine")');
		module.instantiateSync(context, () => {});
		await rejects(module.evaluate({ timeout: 30 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});

	it('hold for what the guest does after one that took too long', async () => {
		const { run, context } = importer({ loop: 'for (;;);' });
		await run('import("loop").catch(() => { globalThis.caught = 1; for (;;); }); 1', { timeout: 30, promise: false });
		while (context.evalSync('globalThis.caught') !== 1) {
			await new Promise(resolve => setTimeout(resolve, 1));
		}
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('bound how many are under way', async () => {
		const [first, refused, after] = await child(`
			const isolate = new Isolate({ importModuleDynamically: () => isolate.compileModule('export const a = 1') });
			const context = isolate.createContextSync();
			const code = 'globalThis.refused = 0; globalThis.done = 0;' +
				'for (let i = 0; i < 30000; ++i) import("a").then(() => ++done, e => { if (e instanceof RangeError && e.message === "Too many imports are under way") ++refused; })';
			context.evalSync(code);
			(async () => {
				await until(async () => await context.eval('done + refused') === 30000);
				report(await context.eval('done > 0 && done <= 10000'));
				report(await context.eval('refused >= 20000'));
				report(await context.eval('import("a").then(n => n.a)', { promise: true }));
				isolate.dispose();
			})();
		`, { deadline: 120_000 });
		assert.deepEqual([first, refused, after], [true, true, 1]);
	});

	it('let the host live with a guest that imports in a loop', async () => {
		await child(`
			const isolate = new Isolate({ memoryLimit: 32, importModuleDynamically: () => isolate.compileModule('export const a = 1') });
			const context = isolate.createContextSync();
			const endless = context.eval('(async () => { for (;;) await import("a"); })()', { promise: true });
			const sync = context.eval('for (;;) import("a").catch(() => {})', { timeout: 100 });
			(async () => {
				await assert.rejects(sync, { code: 'ERR_TIMEOUT' });
				for (let i = 0; i < 20; ++i) await sleep(5);
				isolate.dispose();
				await assert.rejects(endless, { code: 'ERR_ISOLATE_DISPOSED' });
				report(1);
			})();
		`);
	});

	it('end with the isolate', async () => {
		for (let i = 0; i < times(200); ++i) {
			const { isolate, run } = importer({ a: 'import "b"; export const a = 1', b: 'await new Promise(() => {})', c: 'for (;;);' });
			const promise = rejection(run(`import("${i % 3 === 0 ? 'c' : 'a'}")`));
			for (let k = i % 7; k > 0; --k) {
				await new Promise(resolve => setImmediate(resolve));
			}
			isolate.dispose();
			assertError(await promise, Error, /^Isolate (is|was) disposed/, 'ERR_ISOLATE_DISPOSED');
		}
	});

	it('don\'t keep anything of what was imported', async () => {
		const [grown] = await child(`
			const isolate = new Isolate({ importModuleDynamically: specifier => isolate.compileModule('export const a = new Array(1000).fill(' + specifier + ')') });
			const context = isolate.createContextSync();
			(async () => {
				const round = async n => {
					for (let i = 0; i < n; ++i) {
						await context.eval('import("' + i + '").then(n => n.a[0])', { promise: true });
					}
					for (let k = 0; k < 5; ++k) { gc(); await sleep(1); }
					await isolate.collectGarbage();
					await context.eval('1');
					return isolate.referenceCount;
				};
				await round(20);
				const before = await round(20);
				report(await until(async () => { const now = await round(times(300)); return now <= before + 5 && [now - before]; }));
				isolate.dispose();
			})();
		`, { args: ['--expose-gc'] });
		assert.ok(grown[0] <= 5, `${grown}`);
	});

	it('are no reason for the process to stay', async () => {
		await child(`
			const isolate = new Isolate({ importModuleDynamically: () => new Promise(() => {}) });
			isolate.createContextSync().eval('import("a")', { promise: true });
		`);
	});
});
