'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { FEW, child, guest, inBothForms, islet, rejection, rejects, throws, times } = require('./helpers');
const { Context, Isolate, Module, Reference } = islet;

const nothing = () => assert.fail('no resolver is needed here');

/** A guest with modules by name: `link` compiles, links and gives the one asked for. */
function modules(sources, options) {
	const made = guest();
	const cache = new Map();
	const get = name => {
		if (!cache.has(name)) {
			cache.set(name, made.isolate.compileModuleSync(sources[name], { filename: name, ...options }));
		}
		return cache.get(name);
	};
	const link = name => {
		const module = get(name);
		module.instantiateSync(made.context, get);
		return module;
	};
	return { ...made, get, link };
}

/** What a module exports. */
const exportsOf = (module, ...names) => names.map(name => module.namespace.getSync(name, { copy: true }));

describe('compileModule', () => {
	inBothForms('gives a module that tells what it imports', 'compileModule', async call => {
		const { isolate } = guest();
		const module = await call(isolate, `
			import a from './a'; import './b'; import './a'; export * from '../c'; export { d } from 'd'; import('./no');
			import json from './json' with { type: 'json' }; import text from './json' with { type: 'text' };`,
		{ filename: 'main.mjs' });
		assert.ok(module instanceof Module);
		assert.deepEqual(module.dependencySpecifiers, ['./a', './b', '../c', 'd', './json']);
		assert.equal(module.filename, 'main.mjs');
		module.dependencySpecifiers.pop();
		assert.equal(module.dependencySpecifiers.length, 5);
		assert.deepEqual((await call(isolate, '')).dependencySpecifiers, []);
	});

	inBothForms('tells where syntax is wrong', 'compileModule', async call => {
		const { isolate } = guest();
		const cases = [
			['\n\nimport x from', {}, 'Unexpected end of input [<isolated-vm>:3:14]'],
			['x = ;', { filename: 'f.mjs', lineOffset: 7, columnOffset: 2 }, 'Unexpected token \';\' [f.mjs:8:7]'],
			['export const a = 1;\nexport { a }', {}, 'Duplicate export of \'a\' [<isolated-vm>:2:10]'],
			['with (a) {}', {}, 'Strict mode code may not include a with statement [<isolated-vm>:1:1]'],
		];
		for (const [code, options, message] of cases) {
			await rejects(call(isolate, code, options), SyntaxError, message);
		}
	});

	inBothForms('wants sensible arguments', 'compileModule', async (call, form) => {
		const { isolate } = guest();
		await rejects(call(isolate), TypeError, `\`${form}\` requires at least 1 parameter`, 'ERR_MISSING_ARGS');
		for (const code of [undefined, 5, {}, null]) {
			await rejects(call(isolate, code), TypeError, `\`${form}\` requires parameter 1 to be a string`);
		}
		await rejects(call(isolate, '', 5), TypeError, `\`${form}\` requires parameter 2 to be an object`);
		await rejects(call(isolate, '', { filename: 5 }), TypeError, '`filename` must be a string');
		await rejects(call(isolate, '', { meta: {} }), TypeError, '`meta` must be a function');
		assert.ok(await call(isolate, '', { meta: null, filename: null }));
	});
});

describe('instantiate', () => {
	inBothForms('follows imports depth first, each module once', 'instantiate', async (call, form) => {
		const { context, get } = modules({
			root: 'import { a } from "mid"; import { b } from "mid"; import "z"; import json from "z" with { type: "json" }',
			mid: 'import { a } from "x"; export { a } from "y"; export { b } from "x"',
			x: 'export const a = 1; export const b = 2',
			y: 'export const a = 3',
			z: 'export default 5',
		});
		const calls = [];
		const resolve = function (...values) {
			assert.equal(this, undefined);
			calls.push([values[0], values[1].filename, values.length, { ...values[2].attributes }]);
			return get(values[0]);
		};
		assert.equal(await call(get('root'), context, resolve), undefined);
		const expected = [
			['mid', 'root', 3, {}], ['x', 'mid', 3, {}], ['y', 'mid', 3, {}],
			['z', 'root', 3, {}], ['z', 'root', 3, { type: 'json' }],
		];
		const sorted = list => list.map(each => JSON.stringify(each)).sort();
		if (form === 'instantiateSync') {
			assert.deepEqual(calls, expected);
		}
		assert.deepEqual(sorted(calls), sorted(expected));
		assert.equal(get('root').evaluateSync(), undefined);
	});

	inBothForms('gives the resolver the module that imports', 'instantiate', async call => {
		const { context, get } = modules({ root: 'import "a"', a: 'import "b"', b: '' });
		const referrers = [];
		await call(get('root'), context, (specifier, referrer) => {
			referrers.push(referrer);
			return get(specifier);
		});
		assert.equal(referrers[0], get('root'));
		assert.equal(referrers[1], get('a'));
	});

	inBothForms('takes cycles', 'instantiate', async call => {
		const { context, get } = modules({
			a: 'import { b } from "b"; export const a = 1; export const sum = a + b',
			b: 'import * as own from "b"; import { a } from "a"; export const b = 5; export const late = () => a + own.b',
			self: 'import * as own from "self"; export const x = 1; export const y = own.x',
		});
		await call(get('a'), context, get);
		get('a').evaluateSync();
		assert.deepEqual(exportsOf(get('a'), 'a', 'sum'), [1, 6]);
		assert.equal(get('b').namespace.getSync('late')(), 6);
		await call(get('self'), context, get);
		get('self').evaluateSync();
		assert.deepEqual(exportsOf(get('self'), 'y'), [1]);
	});

	inBothForms('does nothing to a module that is instantiated', 'instantiate', async call => {
		const { isolate, context, link } = modules({ a: 'import "b"; export const a = globalThis', b: '' });
		const module = link('a');
		await call(module, context, nothing);
		await call(module, isolate.createContextSync(), nothing);
		const other = isolate.compileModuleSync('import "a"');
		const asked = [];
		await call(other, context, specifier => {
			asked.push(specifier);
			return module;
		});
		assert.deepEqual(asked, ['a']);
	});

	it('takes promises from the resolver', async () => {
		const { context, get } = modules({ a: 'import { b } from "b"; import "c"; export const a = b', b: 'import "c"; export const b = 2', c: '' });
		await get('a').instantiate(context, async specifier => {
			await new Promise(resolve => setTimeout(resolve, 1));
			return get(specifier);
		});
		await get('a').evaluate();
		assert.deepEqual(exportsOf(get('a'), 'a'), [2]);
	});

	it('resolves what one module imports at the same time', async () => {
		const { context, get } = modules({ a: 'import "b"; import "c"; import "d"', b: '', c: '', d: '' });
		let waiting = 0;
		let most = 0;
		await get('a').instantiate(context, async specifier => {
			most = Math.max(most, ++waiting);
			await new Promise(resolve => setTimeout(resolve, 5));
			--waiting;
			return get(specifier);
		});
		assert.equal(most, 3);
	});

	inBothForms('passes on what the resolver throws, as it is', 'instantiate', async call => {
		const { context, get } = modules({ a: 'import "b"; export const a = 1', b: '' });
		for (const mine of [new Error('mine'), 'text', undefined, { own: 1 }]) {
			const seen = await Promise.allSettled([call(get('a'), context, () => {
				throw mine;
			})]);
			assert.deepEqual(seen, [{ status: 'rejected', reason: mine }]);
			assert.equal(seen[0].reason, mine);
		}
		await call(get('a'), context, get);
		await get('a').evaluate();
		assert.deepEqual(exportsOf(get('a'), 'a'), [1]);
	});

	it('asks no more after the resolver failed', async () => {
		const { context, get } = modules({ a: 'import "slow"; import "bad"; import "after"', slow: 'import "more"' });
		const mine = new Error('mine');
		const asked = [];
		const error = await rejection(get('a').instantiate(context, async specifier => {
			asked.push(specifier);
			if (specifier === 'bad') {
				throw mine;
			}
			await new Promise(resolve => setTimeout(resolve, 10));
			throw new Error('late, and nobody minds');
		}));
		assert.equal(error, mine);
		await new Promise(resolve => setTimeout(resolve, 20));
		assert.deepEqual(asked, ['slow', 'bad', 'after']);
	});

	inBothForms('wants modules from the resolver', 'instantiate', async (call, form) => {
		const { context, get } = modules({ a: 'import "./b"' });
		for (const value of [undefined, null, 5, 'x', {}, context, Object.create(Module.prototype), Module]) {
			await rejects(call(get('a'), context, () => value), TypeError,
				'Resolved dependency was not `Module`: \'./b\', imported by \'a\'', 'ERR_MODULE');
		}
		if (form === 'instantiateSync') {
			await rejects(call(get('a'), context, async () => get('a')), TypeError,
				'Resolved dependency was not `Module`: \'./b\', imported by \'a\'; for promises there is `instantiate`');
		}
		await rejects(call(get('a'), context, () => guest().isolate.compileModuleSync('')), TypeError,
			'Module does not belong to this isolate', 'ERR_WRONG_ISOLATE');
		await rejects(call(get('a'), guest().context, () => get('a')), TypeError,
			'Context does not belong to this isolate', 'ERR_WRONG_ISOLATE');
		const released = guest().isolate.compileModuleSync('');
		released.release();
		await rejects(call(get('a'), context, () => released), Error, 'Module has been released', 'ERR_RELEASED');
	});

	inBothForms('tells of names that are not exported, and where they are imported', 'instantiate', async call => {
		const { context, get } = modules({ a: '\nimport { zz } from "b"', b: 'export const a = 1', star: 'export * from "b"; export * from "c"', c: 'export const a = 2', d: 'import { a } from "star"' });
		const error = await rejects(call(get('a'), context, get), SyntaxError,
			'The requested module \'b\' does not provide an export named \'zz\'');
		assert.equal(error.stack.split('\n')[1], '    at a:2:10');
		await rejects(call(get('d'), context, get), SyntaxError,
			'The requested module \'star\' contains conflicting star exports for name \'a\'');
		await rejects(call(get('a'), context, get), SyntaxError, /zz/);
		await rejects(call(get('a'), context, () => get('b')), SyntaxError, /zz/);
	});

	inBothForms('wants sensible arguments', 'instantiate', async (call, form) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('');
		await rejects(call(module), TypeError, `\`${form}\` requires at least 2 parameters`, 'ERR_MISSING_ARGS');
		await rejects(call(module, context), TypeError, `\`${form}\` requires at least 2 parameters`, 'ERR_MISSING_ARGS');
		await rejects(call(module, {}, nothing), TypeError, `\`${form}\` requires parameter 1 to be a Context`);
		await rejects(call(module, context, {}), TypeError, `\`${form}\` requires parameter 2 to be a function`);
	});

	it('may be called many times at once, for graphs that share modules', async () => {
		for (let i = 0; i < times(300); ++i) {
			const { isolate, context } = guest();
			const made = new Map();
			const names = ['a', 'b', 'c', 'd', 'e'];
			for (const name of names) {
				const others = names.filter(other => other !== name).map(other => `import "${other}";`).join('');
				made.set(name, isolate.compileModuleSync(`${others} globalThis.count = (globalThis.count || 0) + 1`));
			}
			const resolve = async specifier => {
				for (let k = i % 4; k > 0; --k) {
					await null;
				}
				return made.get(specifier);
			};
			await Promise.all([...names, ...names].map(async (name, k) => {
				await made.get(name).instantiate(k === 7 ? isolate.createContextSync() : context, resolve);
				await made.get(name).evaluate();
			}));
			const counted = await context.eval('globalThis.count');
			assert.ok(counted === 5 || counted === undefined, `${counted}`);
			isolate.dispose();
		}
	});

	it('may be called by a resolver', () => {
		const { context, get } = modules({ a: 'import "b"; export const a = 1', b: 'import "c"', c: 'globalThis.c = 1' });
		get('a').instantiateSync(context, specifier => {
			const module = get(specifier);
			module.instantiateSync(context, get);
			module.evaluateSync();
			return module;
		});
		assert.equal(context.evalSync('c'), 1);
		get('a').evaluateSync();
		assert.deepEqual(exportsOf(get('a'), 'a'), [1]);
	});

	it('fails when the isolate ends meanwhile', async () => {
		for (let i = 0; i < times(200); ++i) {
			const { isolate, context } = guest();
			const module = isolate.compileModuleSync('import "b"');
			const dependency = isolate.compileModuleSync('');
			const outcome = rejection(module.instantiate(context, async () => {
				if (i % 2 === 0) {
					isolate.dispose();
				} else {
					await new Promise(resolve => setImmediate(() => {
						isolate.dispose();
						setTimeout(resolve, 1);
					}));
				}
				return dependency;
			}));
			assert.equal((await outcome).code, 'ERR_ISOLATE_DISPOSED');
		}
	});
});

describe('evaluate', () => {
	inBothForms('runs a module and what it imports, once', 'evaluate', async call => {
		const { context, link } = modules({
			a: 'import "b"; import "c"; log.push("a")', b: 'import "c"; log.push("b")', c: 'log.push("c")',
		});
		context.evalSync('globalThis.log = []');
		for (let i = 0; i < 3; ++i) {
			assert.equal(await call(link('a')), undefined);
		}
		assert.deepEqual(context.evalSync('log', { copy: true }), ['c', 'b', 'a']);
	});

	it('settles when the module does', async () => {
		const { context, link } = modules({ a: 'import "b"; log.push("a")', b: 'log.push("b"); await new Promise(go => globalThis.go = go); log.push("b2")' });
		context.evalSync('globalThis.log = []');
		let done = false;
		const promise = link('a').evaluate().then(() => { done = true; });
		await context.eval('1');
		await new Promise(resolve => setTimeout(resolve, 5));
		assert.equal(done, false);
		assert.equal(link('a').evaluateSync(), undefined);
		context.evalSync('go()');
		await promise;
		assert.deepEqual(context.evalSync('log', { copy: true }), ['b', 'b2', 'a']);
	});

	inBothForms('waits for what needs nobody else', 'evaluate', async call => {
		const { link } = modules({ a: 'export let a = 1; for (let i = 0; i < 10; ++i) a = await (a + 1)' });
		await call(link('a'));
		assert.deepEqual(exportsOf(link('a'), 'a'), [11]);
	});

	it('waits for functions of the host', async () => {
		const { jail, link } = modules({ a: 'export const a = await ask("x")' });
		jail.setSync('ask', new islet.Callback(async question => {
			await new Promise(resolve => setTimeout(resolve, 2));
			return `${question}!`;
		}, { async: true }));
		await link('a').evaluate();
		assert.deepEqual(exportsOf(link('a'), 'a'), ['x!']);
	});

	it('gives a promise when asked to, synchronously as well', async () => {
		const { context, link } = modules({ a: 'await new Promise(go => globalThis.go = go)', b: '', c: 'await new Promise((_, no) => globalThis.no = no)' });
		const [a, b, c] = ['a', 'b', 'c'].map(name => link(name).evaluateSync({ promise: true }));
		assert.ok(a instanceof Promise && b instanceof Promise);
		assert.equal(await b, undefined);
		context.evalSync('go(5); no(new RangeError("no"))');
		assert.equal(await a, undefined);
		await rejects(c, RangeError, 'no');
	});

	inBothForms('passes on what a module throws, each time', 'evaluate', async call => {
		const { link, context } = modules({
			now: '\n throw new RangeError("now")', later: 'await 1; throw new TypeError("later")',
			uses: 'import "now"; globalThis.ran = 1', usesLater: 'import "later"; globalThis.ran = 1', value: 'throw null',
		});
		for (let i = 0; i < 2; ++i) {
			const error = await rejects(call(link('now')), RangeError, 'now');
			assert.equal(error.stack.split('\n')[1], '    at now:2:8');
			await rejects(call(link('uses')), RangeError, 'now');
			await rejects(call(link('later')), TypeError, 'later');
			await rejects(call(link('usesLater')), TypeError, 'later');
			assert.deepEqual(await Promise.allSettled([call(link('value'))]), [{ status: 'rejected', reason: null }]);
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('wants an instantiated module', 'evaluate', async call => {
		const { isolate } = guest();
		await rejects(call(isolate.compileModuleSync('')), Error, 'Module is uninstantiated', 'ERR_MODULE');
		throws(() => isolate.compileModuleSync('').namespace, Error, 'Module has not been instantiated.', 'ERR_MODULE');
	});

	inBothForms('holds a time limit', 'evaluate', async call => {
		const { context, link } = modules({ loop: 'while (true);', later: 'await 1; while (true);', uses: 'import "loop"', dep: 'import "loop2"', loop2: 'for (;;);' });
		for (const name of ['loop', 'later', 'dep']) {
			await rejects(call(link(name), { timeout: 20 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		}
		for (const name of ['loop', 'uses', 'loop2']) {
			await rejects(call(link(name)), Error, 'The evaluation of the module was terminated', 'ERR_MODULE');
		}
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	inBothForms('wants sensible options', 'evaluate', async (call, form) => {
		const module = modules({ a: '' }).link('a');
		await rejects(call(module, 5), TypeError, `\`${form}\` requires parameter 1 to be an object`);
		await rejects(call(module, { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number');
		await rejects(call(module, { promise: 1 }), TypeError, '`promise` must be a boolean');
		assert.equal(await call(module, null), undefined);
		assert.equal(await call(module, { copy: true, release: true }), undefined);
		await rejects(call(module), Error, 'Module has been released');
	});

	it('refuses the module that is being evaluated', () => {
		const { jail, link, get } = modules({ a: 'export let error; try { again() } catch (e) { error = e.message }', b: 'export const b = other()', c: 'import "b"; export const c = 1' });
		jail.setSync('again', () => get('a').evaluateSync());
		link('a').evaluateSync();
		assert.deepEqual(exportsOf(get('a'), 'error'), ['Module is being evaluated']);
		if (FEW) {
			// V8's assertions want no module to be linked while one is evaluated; it works.
			return;
		}
		jail.setSync('other', () => {
			link('c').evaluateSync();
			return 7;
		});
		link('b').evaluateSync();
		assert.deepEqual([...exportsOf(get('b'), 'b'), ...exportsOf(get('c'), 'c')], [7, 1]);
	});

	it('is rejected when the isolate ends', async () => {
		for (let i = 0; i < times(200); ++i) {
			const { isolate, link } = modules({ never: 'await new Promise(() => {})', loop: 'for (;;);', loop2: 'await 1; for (;;);' });
			const promise = rejection(link(['never', 'loop', 'loop2'][i % 3]).evaluate());
			if (i % 2 === 0) {
				await new Promise(resolve => setTimeout(resolve, i % 5));
			}
			isolate.dispose();
			assert.equal((await promise).code, 'ERR_ISOLATE_DISPOSED');
		}
	});
});

describe('namespace', () => {
	it('is a reference to the exports, which are live', () => {
		const { link } = modules({ a: 'export let n = 1; export default function f() { return ++n }; export { f as g }' });
		const module = link('a');
		module.evaluateSync();
		const { namespace } = module;
		assert.ok(namespace instanceof Reference);
		assert.equal(namespace.typeof, 'object');
		assert.equal(namespace.getSync('n'), 1);
		assert.equal(namespace.getSync('default')(), 2);
		assert.equal(namespace.getSync('n'), 2);
		assert.equal(namespace.getSync('missing'), undefined);
		throws(() => namespace.setSync('n', 5), TypeError, /Set failed|Cannot/);
		assert.notEqual(module.namespace, namespace);
	});

	it('is there before the evaluation, without values', () => {
		const { link } = modules({ a: 'export const n = 1; export function f() { return 5 }' });
		throws(() => link('a').namespace.getSync('n'), ReferenceError, /n/);
		assert.equal(link('a').namespace.getSync('f')(), 5);
	});
});

describe('import.meta', () => {
	it('has what the callback returns, asked for once', () => {
		const calls = [];
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export const a = [import.meta.url, import.meta.n, import.meta === import.meta, Object.keys(import.meta)]', {
			meta: (...values) => {
				calls.push(values.length);
				return { url: 'file:///a', n: 1, deep: { x: [1] } };
			},
		});
		module.instantiateSync(context, nothing);
		assert.deepEqual(calls, []);
		module.evaluateSync();
		assert.deepEqual(exportsOf(module, 'a'), [['file:///a', 1, true, ['url', 'n', 'deep']]]);
		assert.deepEqual(calls, [1]);
	});

	it('can be filled by the callback', () => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export const a = import.meta.resolve("b")', {
			meta: meta => {
				assert.ok(meta instanceof Reference);
				meta.setSync('resolve', specifier => `file:///${specifier}`);
			},
		});
		module.instantiateSync(context, nothing);
		module.evaluateSync();
		assert.deepEqual(exportsOf(module, 'a'), ['file:///b']);
	});

	it('is an empty object without a callback, and for each module another', () => {
		const { context, link } = modules({ a: 'import { b } from "b"; export const a = [Object.keys(import.meta), b === import.meta, Object.getPrototypeOf(import.meta)]', b: 'export const b = import.meta' });
		link('a').evaluateSync();
		assert.deepEqual(exportsOf(link('a'), 'a'), [[[], false, null]]);
		throws(() => context.evalSync('import.meta'), SyntaxError, /import.meta/);
	});

	it('throws what the callback throws', () => {
		const mine = new RangeError('mine');
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export let e; try { import.meta } catch (error) { e = error.message }; export const f = () => import.meta', {
			meta: () => {
				throw mine;
			},
		});
		module.instantiateSync(context, nothing);
		module.evaluateSync();
		assert.deepEqual(exportsOf(module, 'e'), ['mine']);
		throws(() => module.namespace.getSync('f')(), RangeError, 'mine');
	});

	it('can be asked for after the module was released', () => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('globalThis.late = () => import.meta.url', { meta: () => ({ url: 'late' }) });
		module.instantiateSync(context, nothing);
		module.evaluateSync();
		module.release();
		isolate.createContextSync();
		assert.equal(context.evalSync('late()'), 'late');
	});
});

describe('JSON modules', () => {
	inBothForms('export the value as default', 'compileJsonModule', async call => {
		const { isolate, context } = guest();
		const json = await call(isolate, '{"a": [1, {"b": null}], "__proto__": 5}', { filename: 'd.json' });
		assert.ok(json instanceof Module);
		assert.deepEqual([json.dependencySpecifiers, json.filename], [[], 'd.json']);
		const module = isolate.compileModuleSync(`
			import d from './d.json' with { type: 'json' }; import again from './d.json' with { type: 'json' };
			export const a = [JSON.stringify(d), d === again, d instanceof Object];`);
		const seen = [];
		module.instantiateSync(context, (specifier, referrer, { attributes }) => {
			seen.push(attributes.type);
			return json;
		});
		module.evaluateSync();
		assert.deepEqual(exportsOf(module, 'a'), [['{"a":[1,{"b":null}],"__proto__":5}', true, true]]);
		assert.deepEqual(seen, ['json']);
	});

	inBothForms('tell where they are wrong', 'compileJsonModule', async (call, form) => {
		const { isolate } = guest();
		await rejects(call(isolate, '{"a":\n  }', { filename: 'd.json' }), SyntaxError, /Unexpected token '}'.* \[d\.json:2:3\]$/s);
		await rejects(call(isolate, ''), SyntaxError, 'Unexpected end of JSON input [<isolated-vm>:1:1]');
		await rejects(call(isolate, 5), TypeError, `\`${form}\` requires parameter 1 to be a string`);
		await rejects(call(isolate), TypeError, `\`${form}\` requires at least 1 parameter`);
	});

	it('can be evaluated by themselves', () => {
		const { isolate, context } = guest();
		const json = isolate.compileJsonModuleSync('[1, 2]');
		json.instantiateSync(context, nothing);
		json.evaluateSync();
		assert.deepEqual(exportsOf(json, 'default'), [[1, 2]]);
	});
});

describe('synthetic modules', () => {
	inBothForms('export values of the host', 'createSyntheticModule', async call => {
		const { isolate, context, jail } = guest();
		const calls = [];
		const synthetic = await call(isolate, {
			'default': (...values) => calls.push(values), 'n': 5, 'text': 'ü\u1234', 'big': 2n ** 70n, 'o': { deep: [1, new Date(0)] }, 'none': undefined,
			'global': jail.derefInto(), 'any name': 1,
		}, { filename: 'host' });
		assert.equal(synthetic.filename, 'host');
		const module = isolate.compileModuleSync(`
			import f, { n, text, big, o, none, global, 'any name' as any } from 'host';
			f(1, { a: 2 });
			export const a = [n, text, big === 2n ** 70n, o.deep[1] instanceof Date, none, global === globalThis, any];`);
		module.instantiateSync(context, () => synthetic);
		await module.evaluate();
		assert.deepEqual(exportsOf(module, 'a'), [[5, 'ü\u1234', true, true, undefined, true, 1]]);
		assert.deepEqual(calls, [[1, { a: 2 }]]);
	});

	inBothForms('want an object of values that can cross', 'createSyntheticModule', async (call, form) => {
		const { isolate } = guest();
		for (const exports of [undefined, null, 5, 'x', () => 1]) {
			await rejects(call(isolate, exports), TypeError, `\`${form}\` requires parameter 1 to be an object`);
		}
		await rejects(call(isolate), TypeError, `\`${form}\` requires at least 1 parameter`);
		await rejects(call(isolate, { a: Symbol('x') }), TypeError, 'Unsupported type', 'ERR_NON_TRANSFERABLE');
		await rejects(call(isolate, {}, { filename: 5 }), TypeError, '`filename` must be a string');
		const mine = new Error('mine');
		const error = await rejection(call(isolate, {
			get a() {
				throw mine;
			},
		}));
		assert.equal(error, mine);
	});

	it('tell when a value has come to the wrong isolate', () => {
		const { isolate, context } = guest();
		const synthetic = isolate.createSyntheticModuleSync({ a: guest().jail.derefInto() });
		synthetic.instantiateSync(context, nothing);
		throws(() => synthetic.evaluateSync(), TypeError, 'Cannot dereference this into target isolate', 'ERR_WRONG_ISOLATE');
	});

	it('say which names they have', () => {
		const { isolate, context } = guest();
		const synthetic = isolate.createSyntheticModuleSync({ a: 1 });
		throws(() => isolate.compileModuleSync('import { b } from "x"').instantiateSync(context, () => synthetic), SyntaxError,
			'The requested module \'x\' does not provide an export named \'b\'');
	});
});

describe('a module as a handle', () => {
	it('is released once', () => {
		const { isolate, context, link } = modules({ a: 'export const a = 1' });
		const module = link('a');
		assert.equal(module.release(), undefined);
		assert.equal(module.release(), undefined);
		assert.deepEqual([module.filename, module.dependencySpecifiers], ['a', []]);
		for (const use of [() => module.namespace, () => module.evaluateSync(), () => module.instantiateSync(context, nothing)]) {
			throws(use, Error, 'Module has been released', 'ERR_RELEASED');
		}
		const other = isolate.compileModuleSync('');
		other[Symbol.dispose]();
		throws(() => other.instantiateSync(context, nothing), Error, 'Module has been released');
	});

	it('leaves alone what imports it', () => {
		const { isolate, context, get } = modules({ a: 'import { b } from "b"; export const a = () => b()', b: 'export const b = () => 7' });
		get('a').instantiateSync(context, get);
		get('b').release();
		get('a').evaluateSync();
		const a = get('a').namespace.getSync('a');
		get('a').release();
		isolate.createContextSync();
		assert.equal(a(), 7);
	});

	it('passes through guests', () => {
		const { isolate, context, jail } = guest();
		const other = guest();
		const module = isolate.compileModuleSync('import "x"; export const a = 1', { filename: 'a' });
		other.jail.setSync('m', module);
		const back = other.context.evalSync('m');
		assert.ok(back instanceof Module);
		assert.deepEqual([back.filename, back.dependencySpecifiers], ['a', ['x']]);
		// The same module by another object: a cycle ends there.
		back.instantiateSync(context, () => other.context.evalSync('m'));
		module.evaluateSync();
		assert.equal(back.namespace.getSync('a'), 1);
		jail.setSync('m', back);
		assert.equal(context.evalSync('m').namespace.getSync('a'), 1);
	});

	it('counts while it is held', () => {
		const { isolate, context } = guest();
		const count = () => {
			context.evalSync('1');
			return isolate.referenceCount;
		};
		const before = count();
		const made = [isolate.compileModuleSync('export {}'), isolate.compileJsonModuleSync('1'), isolate.createSyntheticModuleSync({ f() {} })];
		assert.equal(count(), before + 3);
		for (const module of made) {
			module.instantiateSync(context, nothing);
			module.evaluateSync();
			module.namespace.release();
			module.release();
		}
		assert.equal(count(), before);
	});

	it('is forgotten with everything it has, once nothing holds it', async () => {
		const [held, grown] = await child(`
			const { isolate, context } = guest({ memoryLimit: 64 });
			let held = 0;
			const registry = new FinalizationRegistry(() => { --held; });
			const round = n => {
				for (let i = 0; i < n; ++i) {
					const host = () => ({ url: 'x' });
					registry.register(host, 0);
					++held;
					const leaf = isolate.compileModuleSync('export const big = new Array(2000).fill(import.meta.url); //' + i, { meta: host });
					const value = isolate.createSyntheticModuleSync({ f: host, text: 'x'.repeat(1000) });
					const root = isolate.compileModuleSync('import { big } from "a"; import { text } from "b"; export const n = big.length;//' + i);
					root.instantiateSync(context, name => name === 'a' ? leaf : value);
					root.evaluateSync();
					root.namespace.release();
					for (const module of [root, leaf, value]) module.release();
				}
			};
			(async () => {
				round(200);
				await isolate.collectGarbage();
				const before = isolate.getHeapStatisticsSync().used_heap_size;
				for (let i = 0; i < 10; ++i) {
					round(times(500));
					await sleep(1);
				}
				await until(async () => { gc(); await isolate.collectGarbage(); return held < 50; });
				report(held);
				report(isolate.getHeapStatisticsSync().used_heap_size - before);
				isolate.dispose();
			})();
		`, { args: ['--expose-gc'] });
		assert.ok(held < 50, `${held}`);
		assert.ok(grown < 2e6, `${grown}`);
	});

	it('keeps its isolate', async () => {
		await child(`
			let module = (() => {
				const { isolate, context } = guest();
				const module = isolate.compileModuleSync('export const a = 1');
				module.instantiateSync(context, () => {});
				return module;
			})();
			(async () => {
				for (let i = 0; i < 5; ++i) { gc(); await sleep(1); }
				await module.evaluate();
				assert.equal(module.namespace.getSync('a'), 1);
				report(1);
			})();
		`, { args: ['--expose-gc'] });
	});

	it('can\'t be made by a program', () => {
		for (const values of [[], ['1'], [undefined, 1]]) {
			assert.throws(() => new Module(...values), TypeError);
		}
		const { context } = guest();
		for (const other of [undefined, null, {}, 5, Module.prototype, new Isolate(), context]) {
			for (const method of ['instantiateSync', 'evaluateSync', 'release']) {
				assert.throws(() => Module.prototype[method].call(other, context, nothing), TypeError, method);
			}
			for (const name of ['namespace', 'dependencySpecifiers', 'filename']) {
				assert.throws(() => Reflect.get(Module.prototype, name, other), TypeError, name);
			}
		}
		assert.ok(context instanceof Context);
	});
});

describe('hostile modules', () => {
	it('can\'t nest deeper than the stack', async () => {
		const { isolate, context } = guest();
		const depth = 20_000;
		const made = Array.from({ length: depth + 1 }, (_, i) => isolate.compileModuleSync(i < depth ? `import "${i + 1}"` : ''));
		await rejects(made[0].instantiate(context, specifier => made[specifier]), RangeError, 'Maximum call stack size exceeded');
		assert.equal(context.evalSync('1 + 1'), 2);
		made[depth - 100].instantiateSync(context, specifier => made[specifier]);
		made[depth - 100].evaluateSync();
	});

	it('may be many, in one cycle', () => {
		const { isolate, context } = guest();
		const size = 2000;
		const made = Array.from({ length: size }, (_, i) =>
			isolate.compileModuleSync(`${i % 50 === 0 ? Array.from({ length: 50 }, (_, k) => `import "${(i + k + 1) % size}";`).join('') : 'import "0";'} export const n = ${i}`));
		made[0].instantiateSync(context, specifier => made[specifier]);
		made[0].evaluateSync();
		assert.equal(made[1].namespace.getSync('n'), 1);
	});

	it('may fail in a long row', async () => {
		const [message] = await child(`
			const { isolate, context } = guest({ memoryLimit: 512 });
			let last = isolate.compileModuleSync('await new Promise((_, no) => globalThis.no = no); export {}');
			last.instantiateSync(context, () => {});
			last.evaluateSync();
			for (let i = 0; i < times(32000); ++i) {
				const before = last;
				last = isolate.compileModuleSync('import "x"');
				last.instantiateSync(context, () => before);
				last.evaluateSync();
			}
			const end = last.evaluate();
			context.evalSync('no(new Error("all of them"))');
			end.catch(error => report(error.message));
		`);
		assert.equal(message, 'all of them');
	});

	it('stay within the memory limit', async () => {
		const [code] = await child(`
			const { isolate, context } = guest({ memoryLimit: 16 });
			const module = isolate.compileModuleSync('const all = []; for (;;) { all.push(new Array(1000).fill(0)); }');
			module.instantiateSync(context, () => {});
			module.evaluate().catch(error => report(error.code));
		`);
		assert.equal(code, 'ERR_MEMORY_LIMIT');
	});
});
