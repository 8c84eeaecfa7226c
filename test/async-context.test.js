'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { describe, it } = require('node:test');
const { child, guest, islet, times, turn, until } = require('./helpers');
const { Callback, Isolate } = islet;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** A guest with functions that note in which store they run. */
function noting() {
	const als = new AsyncLocalStorage();
	const notes = [];
	const note = value => {
		notes.push([value, als.getStore()]);
		return als.getStore();
	};
	const made = guest();
	made.jail.setSync('sync', note);
	made.jail.setSync('async', new Callback(note, { async: true }));
	made.jail.setSync('later', new Callback(async value => {
		await sleep(2);
		return note(value);
	}, { async: true }));
	made.jail.setSync('ignored', new Callback(note, { ignored: true }));
	return { ...made, als, notes };
}

describe('functions of the host', () => {
	it('run in the async context of the sync call that caused them', async () => {
		const { als, context, notes } = noting();
		als.run('a', () => context.evalSync('sync(1); async(2); ignored(3); later(4); 0'));
		als.run('b', () => context.evalSync('sync(5); async(6); 0'));
		context.evalSync('sync(7); async(8); 0');
		await until(() => notes.length === 8);
		assert.deepEqual(notes.sort(), [[1, 'a'], [2, 'a'], [3, 'a'], [4, 'a'], [5, 'b'], [6, 'b'], [7, undefined], [8, undefined]]);
	});

	it('run in the async context of the async call that caused them', async () => {
		const { als, context, notes } = noting();
		await Promise.all([
			als.run('a', () => context.eval('sync(1); async(2); ignored(3); later(4)', { promise: true })),
			als.run('b', () => context.eval('sync(5); async(6)', { promise: true })),
			context.eval('sync(7); async(8)', { promise: true }),
		]);
		als.run('c', () => context.evalIgnored('sync(9)'));
		await until(() => notes.length === 9);
		assert.deepEqual(notes.sort(), [[1, 'a'], [2, 'a'], [3, 'a'], [4, 'a'], [5, 'b'], [6, 'b'], [7, undefined], [8, undefined], [9, 'c']]);
	});

	it('run there in late reactions, too, however late', async () => {
		const { als, context } = noting();
		const run = name => als.run(name, () => context.eval(`(async () => {
			const seen = [];
			for (let i = 0; i < 5; ++i) seen.push(await later(i), await async(i), sync(i));
			return seen.join('');
		})()`, { promise: true }));
		assert.deepEqual(await Promise.all([run('a'), run('b'), run('c')]), ['a', 'b', 'c'].map(name => name.repeat(15)));
	});

	it('run there when promises of the host settle', async () => {
		const { als, context, notes } = noting();
		const f = context.evalSync('async promise => { await promise; async(1); sync(2) }', { reference: true });
		await als.run('x', () => f.apply(undefined, [sleep(5)], { arguments: { promise: true }, result: { promise: true } }));
		als.run('y', () => f.applySync(undefined, [sleep(5)], { arguments: { promise: true } }));
		await until(() => notes.length === 4);
		assert.deepEqual(notes.sort(), [[1, 'x'], [1, 'y'], [2, 'x'], [2, 'y']]);
	});

	it('run there when they hear of unhandled rejections, of each in its own', async () => {
		const als = new AsyncLocalStorage();
		const heard = [];
		const isolate = new Isolate({ onUnhandledRejection: reason => heard.push([reason, als.getStore()]) });
		const context = isolate.createContextSync();
		await als.run('a', () => context.eval('Promise.reject(1); 0'));
		als.run('b', () => context.evalSync('Promise.reject(2); 0'));
		als.run('c', () => context.evalIgnored('(async () => { await 0; throw 3 })()'));
		als.run('d', () => context.evalIgnored('(async () => { await 0; throw 4 })()'));
		context.evalSync('Promise.reject(5); 0');
		await until(() => heard.length === 5);
		assert.deepEqual(heard, [[1, 'a'], [2, 'b'], [3, 'c'], [4, 'd'], [5, undefined]]);
	});

	it('run there when a promise is rejected because one of the host is settled', async () => {
		const als = new AsyncLocalStorage();
		const heard = [];
		const isolate = new Isolate({ onUnhandledRejection: reason => heard.push([reason, als.getStore()]) });
		const context = isolate.createContextSync();
		context.global.setSync('later', new Callback(() => sleep(2), { async: true }));
		for (const name of ['a', 'b']) {
			als.run(name, () => context.evalIgnored(`(async () => { await later(); throw '${name}' })()`));
		}
		await until(() => heard.length === 2);
		assert.deepEqual(heard.sort(), [['a', 'a'], ['b', 'b']]);
	});

	it('run there when they say what modules are', async () => {
		const als = new AsyncLocalStorage();
		const seen = [];
		const note = what => void seen.push([what, als.getStore()]);
		const isolate = new Isolate({
			importModuleDynamically(specifier) {
				note(specifier);
				return isolate.createSyntheticModule({ default: 1 });
			},
		});
		const context = isolate.createContextSync();
		als.run('a', () => context.evalSync('import("sync"); 0'));
		await als.run('b', () => context.eval('import("async").then(() => 0)', { promise: true }));
		await als.run('c', async () => {
			const module = await isolate.compileModule('import "x"; import.meta.url', { meta: () => note('meta') });
			await module.instantiate(context, specifier => {
				note(specifier);
				return isolate.createSyntheticModuleSync({});
			});
			await module.evaluate();
		});
		await until(() => seen.length === 4);
		assert.deepEqual(seen.sort(), [['async', 'b'], ['meta', 'c'], ['sync', 'a'], ['x', 'c']]);
	});

	it('run there when one guest calls another', async () => {
		const { als, context, jail, notes } = noting();
		const other = guest();
		other.jail.setSync('f', context.evalSync('value => { async(value) }'));
		als.run('through', () => other.context.evalSync('f(1)'));
		await als.run('again', () => other.context.eval('f(2)'));
		await until(() => notes.length === 2);
		assert.deepEqual(notes, [[1, 'through'], [2, 'again']]);
		assert.ok(jail);
	});

	it('that are nested see the innermost store', async () => {
		const { als, context, jail, notes } = noting();
		jail.setSync('inner', () => als.run('inner', () => context.evalSync('async(1); 0')));
		als.run('outer', () => context.evalSync('inner(); async(2); 0'));
		await until(() => notes.length === 2);
		assert.deepEqual(notes.sort(), [[1, 'inner'], [2, 'outer']]);
	});
});

describe('what awaits', () => {
	it('goes on in its own context', async () => {
		const { als, context } = noting();
		await als.run('mine', async () => {
			await context.eval('later(1)', { promise: true });
			assert.equal(als.getStore(), 'mine');
			await context.eval('1');
			assert.equal(als.getStore(), 'mine');
		});
		assert.equal(als.getStore(), undefined);
	});
});

describe('contexts', () => {
	it('are let go of', async () => {
		const [count] = await child(`
			const { AsyncLocalStorage } = require('node:async_hooks');
			(async () => {
				const als = new AsyncLocalStorage();
				const { context, jail, isolate } = guest();
				jail.setSync('f', new Callback(() => {}, { async: true }));
				let collected = 0;
				const registry = new FinalizationRegistry(() => { ++collected; });
				const count = times(200);
				for (let i = 0; i < count; ++i) {
					const store = { i };
					registry.register(store, i);
					await als.run(store, () => i % 2 ? context.eval('f()', { promise: true }) : context.evalSync('f(); 0'));
				}
				await until(() => { isolate.collectGarbageSync(); gc(); return collected >= count - 3; });
				report('collected');
			})();
		`, { args: ['--expose-gc'] });
		assert.equal(count, 'collected');
	});

	it('of thousands of calls at once don\'t mix', async () => {
		const { als, context } = noting();
		const count = times(1000);
		const seen = await Promise.all(Array.from({ length: count }, (_, i) => als.run(i, () => context.eval(`(async () => await async(0) === ${i} && await later(0) === ${i})()`, { promise: true }))));
		assert.ok(seen.every(Boolean));
		await turn();
		assert.equal(new Isolate().isDisposed, false);
	});
});
