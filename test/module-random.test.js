'use strict';

/** Random graphs of modules, instantiated, evaluated, imported, released and disposed of at the same time: nothing crashes or hangs. */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { FEW, child, seeded } = require('./helpers');

const PROGRAM = `
	const { below, pick } = (${seeded})(SEED);
	const codes = new Set();
	const note = error => codes.add(error?.code ?? 'theirs');
	const BODIES = ['', 'await 1;', 'await ask();', 'throw new Error("x");', 'throw null;', 'await Promise.reject(new Error("y"));',
		'import.meta.x;', 'sync();', 'fill();', 'nested();', 'await import("N");', 'import("N").catch(() => {});', 'export * from "N";'];

	function sourceOf(i, n) {
		let source = '';
		for (let k = below(4); k > 0; --k) {
			source += 'import ' + pick(['', '* as m' + k + ' from ']) + '"' + below(n) + '"' + pick(['', '', ' with { type: "t" }']) + ';';
		}
		const body = below(40) === 0 ? 'for (;;);' : pick(BODIES).replace('N', below(n));
		return source + body + 'export const v' + below(3) + ' = ' + i + ';';
	}

	async function round() {
		const n = 2 + below(12);
		const sources = Array.from({ length: n }, (_, i) => sourceOf(i, n));
		const cache = new Map();
		const isolate = new Isolate({
			memoryLimit: 32, timeout: 200, onUnhandledRejection() {},
			async importModuleDynamically(specifier) {
				if (below(9) === 0) throw new Error('import');
				if (below(4) === 0) await sleep(below(3));
				return get(specifier);
			},
		});
		const make = specifier => below(8) === 0 ? isolate.createSyntheticModuleSync({ v0: 1, v1: () => 1, default: 5 }) :
			below(9) === 0 ? isolate.compileJsonModuleSync('{ "a": 1 }') :
			isolate.compileModuleSync(sources[specifier], { meta: () => { if (below(9) === 0) throw new Error('meta'); return { x: 1 }; } });
		const get = specifier => {
			if (!cache.has(specifier)) cache.set(specifier, make(specifier));
			return cache.get(specifier);
		};
		const contexts = [isolate.createContextSync(), isolate.createContextSync()];
		for (const context of contexts) {
			const jail = context.global;
			jail.setSync('sync', () => 1);
			jail.setSync('ask', new Callback(async () => {
				await sleep(below(3));
				if (below(6) === 0) throw new Error('ask');
			}, { async: true }));
			jail.setSync('nested', () => {
				try {
					const module = get(String(below(n)));
					module.instantiateSync(context, get);
					module.evaluateSync({ timeout: 50 });
				} catch (error) {
					note(error);
				}
			});
			context.evalSync('globalThis.fill = () => { for (let i = 0; i < 2000; ++i) new Array(100).fill(i); }');
		}
		const one = async () => {
			try {
				const specifier = String(below(n));
				const module = get(specifier);
				const context = pick(contexts);
				if (below(2) === 0) {
					module.instantiateSync(context, get);
				} else {
					await module.instantiate(context, async specifier => {
						await sleep(below(2));
						if (below(15) === 0) throw new Error('resolve');
						return get(specifier);
					});
				}
				if (below(2) === 0) {
					module.evaluateSync({ timeout: 50 });
				} else {
					await module.evaluate({ timeout: 100, deadline: 60 });
				}
				module.namespace.getSync('v0');
				if (below(6) === 0) {
					module.release();
					cache.delete(specifier);
				}
				if (below(4) === 0) await isolate.collectGarbage();
			} catch (error) {
				note(error);
			}
		};
		if (below(5) === 0) setTimeout(() => isolate[Symbol.dispose ?? Symbol.for('none')]?.(), below(6));
		await Promise.all(Array.from({ length: 6 }, one));
		if (!isolate.isDisposed) isolate.dispose();
	}

	(async () => {
		for (let i = 0; i < times(250); ++i) await round();
		report([...codes].sort());
	})();
`;

describe('random modules', { skip: FEW && 'V8\'s assertions want no module to be linked while one is evaluated' }, () => {
	for (const seed of [1, 2]) {
		it(`end in errors that are expected (seed ${seed})`, async () => {
			const [codes] = await child(PROGRAM.replace('SEED', seed), { deadline: 120_000 });
			const expected = ['ERR_ISOLATE_DISPOSED', 'ERR_MODULE', 'ERR_RELEASED', 'ERR_TIMEOUT', 'theirs'];
			assert.deepEqual(codes.filter(code => !expected.includes(code)), []);
			assert.ok(codes.includes('theirs') && codes.includes('ERR_MODULE'), `${codes}`);
		});
	}
});
