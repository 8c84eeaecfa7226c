'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, times } = require('./helpers');

/** Runs a program that may collect garbage: `collect()` collects, and lets finalisers run. */
const collecting = (source, options) => child(`
	const collect = async () => { for (let i = 0; i < 3; ++i) { globalThis.gc(); await sleep(1); } };
	/** Collects until the condition holds; tells whether it came to that. */
	const collected = async condition => {
		for (let i = 0; i < 200; ++i) {
			await collect();
			if (await condition()) return true;
		}
		return false;
	};
	/** Makes a guest collect what it can. */
	const collectGuest = context => context.evalSync('for (let i = 0; i < 3; ++i) { let a = []; for (let k = 0; k < 200000; ++k) a.push({ k }); } 0');
	(async () => {
		${source}
	})().catch(error => { console.error(error); process.exitCode = 1; });
`, { args: ['--expose-gc'], ...options });

describe('handles that the host forgets', { concurrency: 2 }, () => {
	const makes = {
		references: 'context.evalSync("({})", { reference: true })',
		functions: 'context.evalSync("() => 1")',
		scripts: 'isolate.compileScriptSync("1")',
		contexts: 'isolate.createContextSync()',
		'references inside copies': 'context.evalSync("({ r: [r] })", { copy: true })',
		'references from async calls': 'await context.eval("({})", { reference: true })',
		'dereferences that were never used': 'context.evalSync("({})", { reference: true }).derefInto()',
		'dereferences that were to release': 'context.evalSync("({})", { reference: true }).derefInto({ release: true })',
	};
	for (const [what, make] of Object.entries(makes)) {
		it(`release their entries: ${what}`, async () => {
			const [seen] = await collecting(`
				const { isolate, context, jail } = guest();
				jail.setSync('r', context.evalSync('({})', { reference: true }));
				await collect();
				context.evalSync('1');
				const before = isolate.referenceCount;
				await (async () => { for (let i = 0; i < 50; ++i) { ${make}; } })();
				const most = isolate.referenceCount;
				const fell = await collected(() => { context.evalSync('1'); return isolate.referenceCount <= before + 1; });
				report([most >= before, fell]);
			`);
			assert.deepEqual(seen, [true, true]);
		});
	}

	it('are not collected while they are in use', async () => {
		const [seen] = await collecting(`
			const { isolate, context, jail } = guest();
			const references = Array.from({ length: 100 }, (_, i) => context.evalSync('({ i: ' + i + ' })', { reference: true }));
			const functions = Array.from({ length: 100 }, (_, i) => context.evalSync('() => ' + i));
			for (let i = 0; i < 5; ++i) { await collect(); collectGuest(context); }
			report([references.every((r, i) => r.getSync('i') === i), functions.every((f, i) => f() === i), jail.typeof]);
		`);
		assert.deepEqual(seen, [true, true, 'object']);
	});

	it('finish what they were asked for', async () => {
		const [seen] = await collecting(`
			const results = [];
			const promises = [];
			for (let i = 0; i < 20; ++i) promises.push(guest().context.eval('for (const end = Date.now() + 5; Date.now() < end;); ' + i));
			for (let i = 0; i < 10; ++i) await collect();
			report(await Promise.all(promises));
		`);
		assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => i));
	});

	it('let go of external copies', async () => {
		const [seen] = await collecting(`
			for (let i = 0; i < 20; ++i) new ExternalCopy(new Uint8Array(1000000));
			for (let i = 0; i < 20; ++i) new ExternalCopy(new Uint8Array(1000000)).copyInto();
			for (let i = 0; i < 20; ++i) new ExternalCopy(new Uint8Array(1000000)).copyInto({ release: true });
			for (let i = 0; i < 20; ++i) guest().context.evalSync('new Uint8Array(1000000)', { externalCopy: true });
			const most = ExternalCopy.totalExternalSize;
			report([most > 10000000, await collected(() => ExternalCopy.totalExternalSize === 0)]);
		`);
		assert.deepEqual(seen, [true, true]);
	});

	it('let go of whole isolates', async () => {
		const [seen] = await collecting(`
			const use = async count => {
				for (let i = 0; i < count; ++i) {
					guest().context.evalSync('globalThis.kept = new Uint8Array(8 << 20).fill(1); 0');
					if (i % 5 === 0) await collect();
				}
				await collect();
			};
			await use(10);
			const before = process.memoryUsage().rss;
			await use(${times(60)});
			await collect();
			report((process.memoryUsage().rss - before) / 1048576);
		`);
		assert.ok(seen < 200, `${seen} MB more`);
	});

	it('keep an isolate as long as one of them is left', async () => {
		const [seen] = await collecting(`
			const parts = {
				context: (() => guest().context)(), reference: (() => guest().context.evalSync('({ a: 1 })', { reference: true }))(),
				f: (() => guest().context.evalSync('globalThis.n = 0; () => ++n'))(), isolate: (() => guest().isolate)(),
			};
			const holder = guest();
			holder.jail.setSync('held', (() => guest().context)());
			for (let i = 0; i < 5; ++i) await collect();
			report([parts.context.evalSync('1'), parts.reference.getSync('a'), parts.f(), parts.isolate.isDisposed, holder.context.evalSync('held').evalSync('2')]);
		`);
		assert.deepEqual(seen, [1, 1, 1, false, 2]);
	});
});

describe('values of the host that guests forget', { concurrency: 2 }, () => {
	const ways = {
		'a function that was set': 'jail.setSync("v", value)',
		'a callback': 'jail.setSync("v", new Callback(value))',
		'a reference': 'jail.setSync("v", new Reference(value))',
		'by the option reference': 'jail.setSync("v", value, { reference: true })',
		'an argument': 'context.evalClosureSync("globalThis.v = $0", [value])',
		'a result': 'jail.setSync("f", () => value); context.evalSync("v = f(); 0"); jail.setSync("f", 0)',
		'inside a copy': 'jail.setSync("v", { inner: new Callback(value) }, { copy: true })',
		'inside an external copy': 'jail.setSync("v", new ExternalCopy({ inner: new Reference(value) }).copyInto({ release: true }))',
		'by a promise': 'jail.setSync("v", Promise.resolve(value), { promise: true }); await sleep(5)',
	};
	for (const [what, way] of Object.entries(ways)) {
		it(`are let go of: ${what}`, async () => {
			const [seen] = await collecting(`
				const { context, jail } = guest();
				const weak = await (async () => { const value = () => 1; ${way}; return new WeakRef(value); })();
				collectGuest(context);
				await collect();
				const before = weak.deref() !== undefined;
				jail.setSync('v', undefined);
				report([before, await collected(() => { collectGuest(context); return weak.deref() === undefined; })]);
			`);
			assert.deepEqual(seen, [true, true]);
		});
	}

	it('are let go of with the isolate', async () => {
		const [seen] = await collecting(`
			const weak = (() => {
				const { isolate, jail } = guest();
				const values = [() => 1, {}, {}];
				jail.setSync('a', values[0]);
				jail.setSync('b', new Reference(values[1]));
				jail.setSync('c', values[2], { reference: true });
				isolate.dispose();
				return values.map(value => new WeakRef(value));
			})();
			report(await collected(() => weak.every(each => each.deref() === undefined)));
		`);
		assert.equal(seen, true);
	});

	it('are let go of when they never arrived', async () => {
		const [seen] = await collecting(`
			const { isolate, context, jail } = guest();
			const other = guest();
			const weak = [];
			const attempts = [
				f => jail.setSync({}, f),
				f => context.evalClosureSync('1', [f, Symbol()]),
				f => context.evalClosureSync('1', [new Reference(f), {}]),
				f => new ExternalCopy({ f: new Callback(f), bad: Symbol() }),
				f => jail.setSync('x', [new Reference(f), () => 1], { copy: true }),
				f => other.jail.setSync('x', [new Callback(f), jail.derefInto()], { copy: true }),
				f => { throw context.evalSync('g => g')(f, Symbol()); },
			];
			for (const attempt of attempts) {
				(() => {
					const f = () => attempt;
					weak.push(new WeakRef(f));
					try { attempt(f) } catch {}
				})();
			}
			jail.setSync('fails', () => { const f = () => 1; weak.push(new WeakRef(f)); return { f: new Callback(f), bad: Symbol() } });
			try { context.evalSync('fails()') } catch {}
			jail.setSync('throws', () => { const f = () => 1; weak.push(new WeakRef(f)); throw Object.assign(new Error('x'), { f: new Callback(f) }) });
			try { context.evalSync('throws()') } catch {}
			isolate.dispose();
			(() => { const f = () => 1; weak.push(new WeakRef(f)); try { jail.setSync('late', f) } catch {} jail.setIgnored('late', f); jail.set('late', f).catch(() => {}) })();
			const all = () => weak.map(each => each.deref() === undefined);
			await collected(() => { collectGuest(other.context); return all().every(Boolean) });
			report(all());
		`);
		assert.deepEqual(seen, seen.map(() => true));
		assert.equal(seen.length, 10);
	});

	it('are kept while guests can still use them', async () => {
		const [seen] = await collecting(`
			const { context, jail } = guest();
			for (let i = 0; i < 100; ++i) {
				jail.setSync('f' + i, () => i);
				jail.setSync('r' + i, new Reference({ i }));
			}
			for (let i = 0; i < 5; ++i) { await collect(); collectGuest(context); }
			let right = 0;
			for (let i = 0; i < 100; ++i) right += context.evalSync('f' + i + '()') === i && context.evalSync('r' + i).deref().i === i;
			report(right);
		`);
		assert.equal(seen, 100);
	});
});

describe('what crosses often', { concurrency: 2 }, () => {
	const programs = {
		'calls of guest functions': 'const f = context.evalSync("(...v) => v.length"); loop = () => f(1, "a", { b: [1] }, new Uint8Array(50000))',
		'calls of host functions': 'jail.setSync("f", (...v) => ({ n: v.length, bytes: new Uint8Array(50000) })); loop = () => context.evalSync("f(1, {}, new Uint8Array(50000)).n")',
		'functions as arguments': 'const f = context.evalSync("g => g(1)"); loop = () => f(x => x)',
		'functions as results': 'const f = context.evalSync("() => () => 1"); loop = () => f()()',
		'functions of the host in guests': 'jail.setSync("f", () => () => 1); loop = () => context.evalSync("f()()")',
		'references': 'loop = () => context.evalSync("({})", { reference: true })',
		'references to the host': 'loop = () => jail.setSync("r", {}, { reference: true })',
		'external copies': 'loop = () => context.evalSync("new Uint8Array(50000)", { externalCopy: true }).copy()',
		'transferred buffers': 'loop = () => jail.setSync("b", new ExternalCopy(new Uint8Array(50000), { transferOut: true }).copyInto({ transferIn: true, release: true }))',
		errors: 'loop = () => { try { context.evalSync("throw Object.assign(new Error(\'x\', { cause: { a: 1 } }), { data: new Uint8Array(50000) })") } catch {} }',
		'errors of the host': 'jail.setSync("f", () => { throw Object.assign(new Error("x"), { data: new Uint8Array(50000) }) }); loop = () => context.evalSync("try { f() } catch (e) { e.message }")',
		'values that can not be copied': 'const f = context.evalSync("x => x"); loop = () => { try { f({ data: new Uint8Array(50000), g() {} }) } catch {} }',
		'time limits': 'loop = () => context.evalSync("1", { timeout: 1000 })',
		contexts: 'loop = () => { const c = isolate.createContextSync(); c.evalSync("1"); c.release() }',
		scripts: 'loop = i => isolate.compileScriptSync("globalThis.x = " + i).runSync(context)',
		promises: 'jail.setSync("f", new Callback(async x => x, { async: true })); loop = i => context.eval("f(" + i + ")", { promise: true })',
		'promises of the host': 'loop = i => jail.set("p", Promise.resolve({ i }), { promise: true, copy: true })',
	};
	for (const [what, program] of Object.entries(programs)) {
		it(`does not pile up: ${what}`, async () => {
			// The growth of the second half tells: the first fills caches and pools.
			const [grown] = await collecting(`
				const { isolate, context, jail } = guest({ memoryLimit: 32 });
				let loop;
				${program};
				const run = async () => {
					for (let i = 0; i < ${times(300)}; ++i) {
						await loop(i);
						if (i % 200 === 0) { await collect(); context.evalSync('1'); }
					}
					await collect();
					collectGuest(context);
					await collect();
					return process.memoryUsage().rss;
				};
				await run();
				const before = await run();
				report((await run() - before) / 1048576);
			`, { deadline: 60_000 });
			assert.ok(grown < 40, `${grown} MB more`);
		});
	}
});
