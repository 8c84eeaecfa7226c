'use strict';

/**
 * Modules by guests that have the library, and modules with code caches, limits and reports of the rest of the library.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, islet, rejects, throws, times } = require('./helpers');
const { ExternalCopy, Isolate } = islet;

/** A guest that has the library, itself, and its context. */
function inside(options) {
	const made = guest(options);
	made.jail.setSync('ivm', islet);
	made.jail.setSync('isolate', made.isolate);
	made.jail.setSync('context', made.context);
	const later = code => made.context.eval(`(async () => { ${code} })()`, { promise: true, copy: true });
	return { ...made, later };
}

describe('modules of a guest\'s own isolates', () => {
	it('are linked and evaluated as by the host', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const inner = new ivm.Isolate();
			const context = inner.createContextSync();
			const main = inner.compileModuleSync('import { b } from "b"; export const a = b + 1', { filename: 'main' });
			const b = await inner.compileModule('await 1; export const b = 1');
			const calls = [];
			await main.instantiate(context, async (specifier, referrer, { attributes }) => {
				calls.push([specifier, referrer === main, Object.keys(attributes).length]);
				return b;
			});
			await main.evaluate();
			return [calls, main.dependencySpecifiers, main.filename, await main.namespace.get('a'), main instanceof ivm.Module];
		`), [[['b', true, 0]], ['b'], 'main', 2, true]);
	});

	it('may be JSON and values, and come by import()', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const inner = new ivm.Isolate({
				importModuleDynamically: async (specifier, referrer, { type }) => type === 'json' ?
					inner.compileJsonModule('[1]') : inner.createSyntheticModule({ twice: n => 2 * n, from: String(referrer) }),
			});
			const context = inner.createContextSync();
			const options = { promise: true, copy: true, filename: 'here.js' };
			return [
				await context.eval('import("x", { with: { type: "json" } }).then(n => n.default)', options),
				await context.eval('import("x").then(n => [n.twice(4), n.from])', options),
			];
		`), [[1], [8, 'here.js']]);
	});

	it('pass on errors of every kind', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const inner = new ivm.Isolate({ importModuleDynamically() { throw new RangeError('no') } });
			const context = inner.createContextSync();
			const mine = new Error('mine');
			const seen = [];
			const see = async body => { try { await body(); seen.push('nothing'); } catch (error) { seen.push(error === mine || error.name + ': ' + error.message); } };
			await see(() => inner.compileModuleSync('x = ;'));
			await see(() => inner.compileModuleSync('import "x"').instantiateSync(context, () => { throw mine; }));
			await see(() => inner.compileModuleSync('import "x"').instantiate(context, async () => { throw mine; }));
			await see(() => inner.compileModuleSync('import "x"').instantiateSync(context, () => 5));
			await see(() => inner.compileModuleSync('').evaluateSync());
			await see(() => context.eval('import("x")', { promise: true }));
			const bad = inner.compileModuleSync('throw new TypeError("bad")');
			bad.instantiateSync(context, () => {});
			await see(() => bad.evaluate());
			await see(() => bad.evaluateSync());
			return seen;
		`), [
			'SyntaxError: Unexpected token \';\' [<isolated-vm>:1:5]', true, true,
			'TypeError: Resolved dependency was not `Module`: \'x\', imported by \'<isolated-vm>\'',
			'Error: Module is uninstantiated', 'RangeError: no', 'TypeError: bad', 'TypeError: bad',
		]);
	});

	it('work when the guest replaced its builtins', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			ivm.Isolate;
			for (const Class of [Array, Map, Set, WeakRef, FinalizationRegistry, Object]) {
				for (const key of Object.getOwnPropertyNames(Class.prototype)) {
					if (key !== 'constructor' && key !== '__proto__') {
						try { Class.prototype[key] = () => { throw new Error('replaced ' + key); }; } catch {}
					}
				}
			}
			Object.defineProperty(Array.prototype, 0, { set() { throw new Error('setter'); }, configurable: true });
			globalThis.Promise = globalThis.WeakRef = globalThis.Map = undefined;
			const inner = new ivm.Isolate();
			const context = inner.createContextSync();
			const b = inner.compileModuleSync('export const b = 1');
			const main = inner.compileModuleSync('import { b } from "b"; import "c" with { x: "y" }; export const a = b + 1');
			await main.instantiate(context, async () => b);
			await main.evaluate();
			return main.namespace.getSync('a') + main.dependencySpecifiers.length;
		`), 4);
	});
});

describe('modules of the isolate that the guest runs in', () => {
	it('are linked and evaluated on its stack', async () => {
		const { later, context } = inside();
		assert.deepEqual(await later(`
			const b = isolate.compileModuleSync('export const b = globalThis.given');
			const main = isolate.compileModuleSync('import { b } from "b"; globalThis.got = b');
			globalThis.given = { own: 1 };
			main.instantiateSync(context, () => b);
			main.evaluateSync();
			return [got === given];
		`), [true]);
		assert.equal(context.evalSync('got.own'), 1);
	});

	it('go on when the guest lets them', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const main = isolate.compileModuleSync('globalThis.a = 1; await 1; globalThis.a = 2;');
			main.instantiateSync(context, () => {});
			main.evaluateSync();
			const before = a;
			await main.evaluate();
			return [before, a];
		`), [1, 2]);
	});

	it('get the real import.meta object', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const meta = x => { globalThis.seen = x; x.self = x; };
			const main = isolate.compileModuleSync('globalThis.ok = [import.meta === seen, import.meta.self === import.meta]', { meta });
			main.instantiateSync(context, () => {});
			main.evaluateSync();
			return ok;
		`), [true, true]);
	});

	it('can\'t be evaluated by themselves', async () => {
		const { later } = inside();
		assert.deepEqual(await later(`
			const main = isolate.compileModuleSync('try { again() } catch (error) { globalThis.error = error }');
			globalThis.again = () => main.evaluateSync();
			main.instantiateSync(context, () => {});
			main.evaluateSync();
			return [error.message, error.code];
		`), ['Module is being evaluated', 'ERR_MODULE']);
	});

	it('don\'t keep it alive', async () => {
		const [gone] = await child(`
			let isolates = 0;
			const registry = new FinalizationRegistry(() => { --isolates; });
			for (let i = 0; i < 20; ++i) {
				const { isolate, context, jail } = guest();
				jail.setSync('isolate', isolate);
				jail.setSync('context', context);
				jail.setSync('host', (held => () => held)({ i }));
				const held = {};
				registry.register(held, i);
				++isolates;
				jail.setSync('held', () => held);
				jail.setSync('ivm', islet);
				context.evalSync(\`
					globalThis.kept = [
						isolate.compileModuleSync('import.meta', { meta: () => ({ x: 1 }) }),
						isolate.createSyntheticModuleSync({ f: () => 1, isolate: context }),
					];
				\`);
			}
			until(async () => { gc(); await sleep(1); return isolates === 0; }).then(() => report('gone'));
		`, { args: ['--expose-gc'] });
		assert.equal(gone, 'gone');
	});
});

describe('cached data of modules', () => {
	const code = `export const list = [${'[1].map(n => n + 1),'.repeat(200)}]; export default 5`;

	for (const form of ['compileModuleSync', 'compileModule']) {
		it(`is made and taken (${form})`, async () => {
			const made = await new Isolate()[form](code, { produceCachedData: true, filename: 'a.js' });
			assert.ok(made.cachedData instanceof ExternalCopy);
			assert.equal('cachedDataRejected' in made, false);
			const { isolate, context } = guest();
			const module = await isolate[form](code, { cachedData: made.cachedData, filename: 'b.js' });
			assert.equal(module.cachedDataRejected, false);
			assert.equal(module.filename, 'b.js');
			module.instantiateSync(context, () => {});
			module.evaluateSync();
			assert.deepEqual(module.namespace.getSync('default'), 5);
			assert.equal('cachedData' in await isolate[form](code), false);
		});
	}

	it('is refused for other code, for scripts, and when it is damaged', () => {
		const { isolate, context } = guest();
		const { cachedData } = isolate.compileModuleSync(code, { produceCachedData: true });
		assert.equal(isolate.compileModuleSync(`${code};`, { cachedData }).cachedDataRejected, true);
		const bytes = new Uint8Array(cachedData.copy());
		bytes[bytes.length >> 1] ^= 1;
		const module = isolate.compileModuleSync(code, { cachedData: bytes });
		assert.equal(module.cachedDataRejected, true);
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		const text = 'globalThis.x = 1';
		const script = isolate.compileScriptSync(text, { produceCachedData: true });
		assert.equal(new Isolate().compileModuleSync(text, { cachedData: script.cachedData }).cachedDataRejected, true);
		throws(() => isolate.compileModuleSync(code, { cachedData: 'x' }), TypeError, /cachedData/);
	});

	it('works with import() in the module', async () => {
		const text = 'export const a = await import("b").then(n => n.b)';
		const { cachedData } = new Isolate().compileModuleSync(text, { produceCachedData: true });
		const isolate = new Isolate({
			importModuleDynamically(specifier, referrer) {
				assert.equal(referrer.filename, 'main');
				return isolate.compileModule('export const b = 7');
			},
		});
		const module = isolate.compileModuleSync(text, { cachedData, filename: 'main' });
		assert.equal(module.cachedDataRejected, false);
		module.instantiateSync(isolate.createContextSync(), () => {});
		await module.evaluate();
		assert.equal(module.namespace.getSync('a'), 7);
	});
});

describe('modules beside other things', () => {
	it('report rejections that nobody takes, and only those', async () => {
		const reports = [];
		const isolate = new Isolate({ onUnhandledRejection: reason => reports.push(reason.message) });
		const context = isolate.createContextSync();
		const module = code => {
			const made = isolate.compileModuleSync(code);
			made.instantiateSync(context, () => {});
			return made;
		};
		throws(() => module('throw new Error("sync")').evaluateSync(), Error, 'sync');
		await rejects(module('await 1; throw new Error("async")').evaluate(), Error, 'async');
		throws(() => module('await 1; throw new Error("both")').evaluateSync(), Error, 'both');
		await module('Promise.reject(new Error("forgotten"))').evaluate();
		await context.eval('import("x"); 1');
		for (let i = 0; i < 20; ++i) {
			await new Promise(resolve => setImmediate(resolve));
		}
		assert.deepEqual(reports, ['forgotten', 'import() is not available here: the isolate has no `importModuleDynamically`']);
	});

	it('hold the deadline of their evaluation', async () => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('await new Promise(() => {})');
		module.instantiateSync(context, () => {});
		await rejects(module.evaluate({ deadline: 20 }), Error, /Deadline/, 'ERR_TIMEOUT');
	});

	it('hold the time limit of their isolate', async () => {
		const isolate = new Isolate({ timeout: 20, importModuleDynamically: () => isolate.compileModule('for (;;);') });
		const context = isolate.createContextSync();
		await rejects(context.eval('import("x")', { promise: true }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('end with the worker that made them', async () => {
		await child(`
			const code = ${JSON.stringify(`
				const { Isolate } = require(ROOT);
				const isolate = new Isolate({ importModuleDynamically: () => new Promise(() => {}) });
				const context = isolate.createContextSync();
				const module = isolate.compileModuleSync('await import("x")');
				module.instantiate(context, () => {}).then(() => { module.evaluate().catch(() => {}); require('node:worker_threads').parentPort.postMessage(1); });
				setInterval(() => {}, 1000);
			`)}.replace('ROOT', JSON.stringify(ROOT));
			(async () => {
				for (let i = 0; i < times(10); ++i) {
					const worker = new Worker(code, { eval: true });
					await new Promise(resolve => worker.once('message', resolve));
					await worker.terminate();
				}
				report(1);
			})();
		`);
	});
});
