'use strict';

/**
 * What programs that use isolated-vm do, and the texts that they match on. `test/differential/programs/habits.js` and
 * `texts.js` compare the like with isolated-vm; here is what must hold whatever that does.
 */

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { FEW, child, guest, islet, rejects, throws } = require('./helpers');
const { ExternalCopy, Isolate, Reference } = islet;

const SNAPSHOTS = typeof Isolate.createSnapshot === 'function';

describe('a guest that was given its own isolate and context', () => {
	const self = options => {
		const all = guest(options);
		all.jail.setSync('isolate', all.isolate);
		all.jail.setSync('context', all.context);
		return all;
	};

	it('runs a script on itself, catches the timeout, and goes on', async () => {
		const { context } = self();
		const code = `(() => {
			const loop = isolate.compileScriptSync('for (;;);');
			const caught = [];
			for (let i = 0; i < 3; ++i) {
				try { loop.runSync(context, { timeout: 10 }) } catch (error) { caught.push(error.message + error.code) }
			}
			return caught.join();
		})()`;
		const expected = Array(3).fill('Script execution timed out.ERR_TIMEOUT').join();
		assert.equal(context.evalSync(code), expected);
		assert.equal(await context.eval(code), expected);
		assert.equal(context.evalSync(code, { timeout: 60_000 }), expected);
	});

	it('is ended by the limit of the call around, also while it runs a script of its own without one', async () => {
		const { context } = self();
		const code = 'isolate.compileScriptSync("for (;;);").runSync(context)';
		throws(() => context.evalSync(code, { timeout: 50 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await rejects(context.eval(code, { timeout: 50 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	it('reads its own figures', () => {
		const { context } = self({ memoryLimit: 32 });
		assert.equal(context.evalSync(`
			const before = isolate.cpuTime;
			for (let i = 0; i < 1e6; ++i);
			isolate.cpuTime > before && isolate.wallTime >= isolate.cpuTime / 2n`), true);
		assert.equal(context.evalSync(`
			const { used_heap_size, heap_size_limit } = isolate.getHeapStatisticsSync();
			used_heap_size > 100000 && heap_size_limit === 32 * 1048576`), true);
	});

	it('disposes its own running isolate: nothing of it runs any more', async () => {
		for (const how of ['evalSync', 'eval']) {
			const { isolate, context, jail } = self();
			let after = 0;
			jail.setSync('after', () => { ++after; });
			await rejects((async () => context[how]('try { isolate.dispose(); after(); for (;;); } catch { after() } finally { after() }'))(),
				Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED');
			assert.equal(isolate.isDisposed, true);
			assert.equal(after, 0);
		}
	});
});

describe('start-up code', () => {
	it('uses handles that were set as globals, and deletes them', () => {
		const { isolate, context, jail } = guest();
		const seen = [];
		jail.setSync('global', jail.derefInto());
		jail.setSync('_ivm', islet);
		jail.setSync('_isolate', isolate);
		jail.setSync('_print', new Reference((...values) => { seen.push(values); }));
		context.evalSync(`(() => {
			const ivm = _ivm, isolate = _isolate, print = _print;
			delete global._ivm; delete global._isolate; delete global._print;
			global.print = (...values) => print.applySync(undefined, values.map(value => new ivm.ExternalCopy(value).copyInto()));
			global.cpu = () => isolate.cpuTime;
		})()`);
		assert.equal(context.evalSync('print({ a: [1] }, "b"); [typeof _ivm, typeof _isolate, typeof _print, typeof cpu()].join()'),
			'undefined,undefined,undefined,bigint');
		assert.deepEqual(seen, [[{ a: [1] }, 'b']]);
	});

	it('returns a reference by which the host calls the guest, tick after tick', async () => {
		const { context, jail } = guest();
		jail.setSync('ivm', islet);
		const tick = await context.eval('globalThis.n = 0; new ivm.Reference(function tick(state) { n += state.by; return { n } })');
		for (let i = 1; i <= 20; ++i) {
			assert.deepEqual(await tick.apply(undefined, [{ by: 2 }], { arguments: { copy: true }, result: { copy: true }, timeout: 1000 }), { n: i * 2 });
		}
	});

	it('takes a function by `get` without options: a plain callable', async () => {
		const { context, jail } = guest();
		context.evalSync('function tick(n) { return { n, squared: n * n } }');
		const tick = await jail.get('tick');
		assert.equal(typeof tick, 'function');
		assert.deepEqual(tick(4), { n: 4, squared: 16 });
		assert.deepEqual([1, 2].map(jail.getSync('tick')).map(({ squared }) => squared), [1, 4]);
	});
});

describe('terrain', () => {
	it('is shared by one SharedArrayBuffer into many isolates', () => {
		const shared = new SharedArrayBuffer(50 * 50);
		const terrain = new Uint8Array(shared);
		terrain.fill(1);
		const copy = new ExternalCopy(shared);
		const guests = Array.from({ length: 8 }, () => guest({ memoryLimit: 8 }));
		guests.forEach(({ jail }) => jail.setSync('terrain', copy.copyInto()));
		copy.release();
		terrain[7] = 42;
		for (const { context } of guests) {
			assert.equal(context.evalSync('const view = new Uint8Array(terrain); view[7] + view.length'), 2542);
		}
		guests[0].context.evalSync('view[8] = 9; undefined');
		assert.equal(terrain[8], 9);
		guests[0].isolate.dispose();
		assert.equal(guests[1].context.evalSync('view[8]'), 9);
	});
});

describe('instances', () => {
	it('are of the library\'s classes, whatever returned them', async () => {
		const { isolate, context, jail } = guest();
		context.evalSync('globalThis.o = {}; undefined');
		jail.setSync('ivm', islet);
		const instances = {
			Reference: [jail, jail.getSync('o'), await jail.get('o'), context.evalSync('o', { reference: true }), context.evalSync('new ivm.Reference(o)'),
				new ExternalCopy({ r: jail }).copy().r, context.evalClosureSync('return $0', [jail])],
			Context: [context, await isolate.createContext(), new ExternalCopy([context]).copy()[0], context.evalSync('new ivm.Isolate({ memoryLimit: 8 }).createContextSync()')],
			Isolate: [isolate, new ExternalCopy([isolate]).copy()[0], context.evalSync('new ivm.Isolate({ memoryLimit: 8 })')],
			Script: [isolate.compileScriptSync('1'), await isolate.compileScript('1')],
			ExternalCopy: [context.evalSync('o', { externalCopy: true }), context.evalSync('new ivm.ExternalCopy(o)')],
		};
		for (const [name, list] of Object.entries(instances)) {
			list.forEach((instance, i) => {
				assert.equal(Object.getPrototypeOf(instance), islet[name].prototype, `${name} ${i}`);
				assert.ok(instance instanceof islet[name]);
			});
		}
	});
});

describe('what is written to a file', () => {
	const inFolder = async body => {
		const folder = mkdtempSync(join(tmpdir(), 'islet-habits-'));
		try {
			await body(join(folder, 'data'));
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	};

	// A bundle of a megabyte, and what is in it at the end.
	const BUNDLE = 'let source = ""; for (let i = 0; source.length < 1 << 20; ++i) source += `globalThis.f${i} = function (a) { return a + ${i} };\\n`; source += "globalThis.last = f1(41)";';

	it('cachedData of a 1 MB bundle: the next process takes it', () => inFolder(async file => {
		const [made] = await child(`${BUNDLE}
			const script = new Isolate().compileScriptSync(source, { produceCachedData: true });
			require('node:fs').writeFileSync(${JSON.stringify(file)}, Buffer.from(script.cachedData.copy()));
			report({ rejected: script.cachedDataRejected ?? null });`);
		assert.deepEqual(made, { rejected: null });
		const [taken] = await child(`${BUNDLE}
			const bytes = require('node:fs').readFileSync(${JSON.stringify(file)});
			const { isolate, context } = guest();
			const script = isolate.compileScriptSync(source, { cachedData: new ExternalCopy(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) });
			report({ rejected: script.cachedDataRejected, result: script.runSync(context) });`);
		assert.deepEqual(taken, { rejected: false, result: 42 });
	}));

	// The V8 with assertions compares a checksum of its read-only heap, hash seed included, which differs in every process.
	it('a snapshot of a 1 MB bundle: the next process starts from it', { skip: !SNAPSHOTS || FEW }, () => inFolder(async file => {
		await child(`${BUNDLE}
			const snapshot = Isolate.createSnapshot([{ code: source, filename: 'file:///bundle.js' }], 'f2(1)');
			require('node:fs').writeFileSync(${JSON.stringify(file)}, Buffer.from(snapshot.copy()));`);
		const [started] = await child(`
			const bytes = require('node:fs').readFileSync(${JSON.stringify(file)});
			const snapshot = new ExternalCopy(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
			report([1, 2, 3].map(() => {
				const isolate = new Isolate({ snapshot });
				const result = isolate.createContextSync().evalSync('last + f100(1)');
				isolate.dispose();
				return result;
			}));`);
		assert.deepEqual(started, [143, 143, 143]);
	}));
});

describe('texts that programs match on', () => {
	it('a time limit', () => {
		throws(() => guest().context.evalSync('for (;;);', { timeout: 5 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});

	it('memory that a buffer would take', () => {
		throws(() => guest({ memoryLimit: 8 }).context.evalSync('new ArrayBuffer(1 << 28)'), RangeError, 'Array buffer allocation failed', 'ERR_MEMORY_LIMIT');
		assert.equal(guest({ memoryLimit: 8 }).context.evalSync('try { new ArrayBuffer(1 << 28) } catch (error) { String(error) }'),
			'RangeError: Array buffer allocation failed');
	});

	it('the end of an isolate', async () => {
		const { isolate, context } = guest();
		isolate.dispose();
		throws(() => isolate.dispose(), Error, 'Isolate is already disposed', 'ERR_ISOLATE_DISPOSED');
		await rejects(context.eval('1'), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		const running = guest({ memoryLimit: 16 });
		await rejects(running.context.eval('const all = []; for (;;) all.push({ a: new Array(100).fill(1.5) })'),
			Error, 'Isolate was disposed during execution due to memory limit', 'ERR_MEMORY_LIMIT');
	});

	it('wrong options', () => {
		const { context } = guest();
		throws(() => new Isolate({ memoryLimit: '8' }), TypeError, '`memoryLimit` must be a number', 'ERR_INVALID_ARG_TYPE');
		throws(() => context.evalSync('1', { timeout: '5' }), TypeError, '`timeout` must be a 32-bit number', 'ERR_INVALID_ARG_TYPE');
	});

	it('what does not cross', () => {
		const { context, jail } = guest();
		throws(() => jail.setSync('a', {}), TypeError, 'A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
		throws(() => context.evalSync('() => 1', { copy: true }), TypeError, '() => 1 could not be cloned.', 'ERR_DATA_CLONE');
	});

	it('syntax errors, with their place at the end', async () => {
		const { isolate, context } = guest();
		throws(() => context.evalSync('\n\n )'), SyntaxError, 'Unexpected token \')\' [<isolated-vm>:3:2]');
		throws(() => isolate.compileScriptSync('\n\n )'), SyntaxError, 'Unexpected token \')\' [<isolated-vm>:3:2]');
		await rejects(isolate.compileScript('\n\n )', { filename: 'file:///main.js' }), SyntaxError, 'Unexpected token \')\' [file:///main.js:3:2]');
	});
});
