'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, islet, runChild, throws, times } = require('./helpers');
const { Callback, ExternalCopy } = islet;

/** Node-API can make a shared buffer on memory of others from Node 24 on. */
const CAN_ADOPT = (() => {
	try {
		guest().context.evalSync('new SharedArrayBuffer(8)', { copy: true });
		return true;
	} catch {
		return false;
	}
})();

describe('a shared array buffer of the host', () => {
	it('is the same memory in the guest', () => {
		const { context, jail, evaluate } = guest();
		const shared = new SharedArrayBuffer(64);
		const view = new Int32Array(shared);
		view[0] = 1;
		jail.setSync('shared', shared, { copy: true });
		assert.equal(context.evalSync('shared instanceof SharedArrayBuffer && shared.byteLength'), 64);
		context.evalSync('globalThis.view = new Int32Array(shared); view[1] = view[0] + 1');
		assert.equal(view[1], 2);
		Atomics.add(view, 1, 40);
		assert.equal(evaluate('Atomics.load(view, 1)'), 42);
	});

	it('comes home as itself', () => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(64);
		jail.setSync('shared', { deep: [shared] }, { copy: true });
		assert.equal(context.evalSync('shared.deep[0]', { copy: true }), shared);
		assert.equal(context.evalSync('new Uint8Array(shared.deep[0], 8, 4)', { copy: true }).buffer, shared);
		assert.equal(context.evalSync('({ again: shared })', { externalCopy: true }).copy().again.deep[0], shared);
	});

	it('crosses wherever values are copied', async () => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(16);
		const view = new Int32Array(shared);
		jail.setSync('sync', buffer => {
			assert.equal(buffer, shared);
			return { buffer };
		});
		jail.setSync('async', new Callback(async buffer => buffer, { async: true }));
		const add = context.evalSync('(function (buffer) { Atomics.add(new Int32Array(buffer), 0, 1); return buffer })', { reference: true });
		assert.equal(add.applySync(undefined, [shared], { arguments: { copy: true }, result: { copy: true } }), shared);
		assert.equal(context.evalClosureSync('new Int32Array($0.x)[1] = 5; return $0.x', [{ x: shared }], { arguments: { copy: true }, result: { copy: true } }), shared);
		assert.equal(context.evalClosureSync('return sync($0).buffer', [new ExternalCopy(shared).copyInto()], { result: { copy: true } }), shared);
		assert.equal(await context.evalClosure('return async($0)', [shared], { arguments: { copy: true }, result: { copy: true, promise: true } }), shared);
		assert.equal(new ExternalCopy(shared).copy(), shared);
		assert.deepEqual([...view], [1, 5, 0, 0]);
	});

	it('needs the option to be copied, as any object', () => {
		const { context, jail } = guest();
		throws(() => jail.setSync('shared', new SharedArrayBuffer(8)), TypeError, 'A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
		assert.equal(context.evalSync('new SharedArrayBuffer(8)'), undefined);
	});

	it('keeps views as they are: kinds, offsets, lengths', () => {
		const { jail, evaluate } = guest();
		const shared = new SharedArrayBuffer(64);
		jail.setSync('views', { f: new Float64Array(shared, 8, 2), d: new DataView(shared, 4), u: new Uint8Array(shared) }, { copy: true });
		assert.deepEqual(evaluate('[views.f.byteOffset, views.f.length, views.d.byteOffset, views.d.byteLength, views.u.length, views.f.buffer === views.u.buffer]'),
			[8, 2, 4, 60, 64, true]);
	});

	it('of no length, or one that grows', () => {
		const { context, jail } = guest();
		jail.setSync('empty', new SharedArrayBuffer(0), { copy: true });
		assert.equal(context.evalSync('empty.byteLength'), 0);
		throws(() => jail.setSync('growing', new SharedArrayBuffer(8, { maxByteLength: 16 }), { copy: true }), TypeError,
			'A growable SharedArrayBuffer can\'t be shared over the line; one of fixed length can.', 'ERR_DATA_CLONE');
		throws(() => new ExternalCopy(new SharedArrayBuffer(8), { transferList: [new SharedArrayBuffer(8)] }), TypeError,
			'Non-ArrayBuffer passed in `transferList`');
	});

	it('is one terrain for fifty isolates, larger than any of them may be', () => {
		const terrain = new SharedArrayBuffer(32 << 20);
		const view = new Int32Array(terrain);
		view.fill(7);
		const copy = new ExternalCopy({ terrain });
		assert.ok(ExternalCopy.totalExternalSize < 32 << 20);
		const guests = Array.from({ length: times(50) }, () => guest({ memoryLimit: 8 }));
		const before = process.memoryUsage().rss;
		guests.forEach(({ context, jail }, i) => {
			jail.setSync('world', copy.copyInto());
			assert.equal(context.evalSync(`
				globalThis.view = new Int32Array(world.terrain);
				view[${i}] = ${i};
				Atomics.add(view, ${1 << 20}, 1);
				view[${2 << 20}]`), 7);
		});
		assert.ok(process.memoryUsage().rss - before < 200 << 20, 'memory grew');
		assert.equal(view[1 << 20], 7 + guests.length);
		for (const [i, { context, isolate }] of guests.entries()) {
			assert.equal(context.evalSync(`view[${guests.length - 1 - i}]`), guests.length - 1 - i);
			assert.equal(isolate.isDisposed, false);
			isolate.dispose();
		}
	});

	it('can be waited for and notified across', async () => {
		const { context, jail } = guest();
		const view = new Int32Array(new SharedArrayBuffer(8));
		jail.setSync('view', view, { copy: true });
		const running = context.eval('while (Atomics.load(view, 0) === 0); Atomics.store(view, 1, 9); "seen"');
		Atomics.store(view, 0, 1);
		assert.equal(await running, 'seen');
		assert.equal(view[1], 9);
	});

	it('outlives its maker in the guest, and is freed when nobody has it', async () => {
		const [kept, lost] = await child(`
			(async () => {
				const { isolate, context, jail } = guest();
				const seen = [];
				const registry = new FinalizationRegistry(name => seen.push(name));
				(() => {
					for (const name of ['kept', 'dropped']) {
						const shared = new SharedArrayBuffer(1 << 20);
						new Int32Array(shared)[0] = 5;
						registry.register(shared, name);
						jail.setSync(name, shared, { copy: true });
					}
				})();
				context.evalSync('delete globalThis.dropped; 0');
				await until(() => { isolate.collectGarbageSync(); gc(); return seen.includes('dropped'); });
				report(context.evalSync('new Int32Array(kept)[0]'));
				isolate.dispose();
				await until(() => { gc(); return seen.includes('kept'); });
				report(seen.length);
			})();
		`, { args: ['--expose-gc'] });
		assert.equal(kept, 5);
		assert.equal(lost, 2);
	});
});

describe('a shared array buffer of a guest', () => {
	it('is shared with other guests, and outlives the guest that made it', () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('give', b.context.evalSync('(buffer => { globalThis.view = new Int32Array(buffer); return buffer.byteLength })'));
		assert.equal(a.context.evalSync('globalThis.view = new Int32Array(new SharedArrayBuffer(1024)); view[0] = 3; give(view.buffer)'), 1024);
		assert.equal(b.context.evalSync('view[0]'), 3);
		b.context.evalSync('view[1] = 4');
		assert.equal(a.context.evalSync('view[1]'), 4);
		a.isolate.dispose();
		assert.equal(b.context.evalSync('view[2] = 5; view[0] + view[1] + view[2]'), 12);
	});

	it('goes by an external copy, too', () => {
		const a = guest();
		const b = guest();
		const copy = a.context.evalSync('globalThis.view = new Int32Array(new SharedArrayBuffer(8)); ({ buffer: view.buffer })', { externalCopy: true });
		b.jail.setSync('given', copy.copyInto());
		b.context.evalSync('new Int32Array(given.buffer)[0] = 8');
		assert.equal(a.context.evalSync('view[0]'), 8);
	});

	it('may grow between guests', () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('give', b.context.evalSync('(buffer => { globalThis.buffer = buffer })'));
		a.context.evalSync('globalThis.buffer = new SharedArrayBuffer(8, { maxByteLength: 64 }); give(buffer)');
		b.context.evalSync('buffer.grow(32)');
		assert.equal(a.context.evalSync('buffer.byteLength'), 32);
	});

	it('counts against the limit of the guest that made it, as long as anybody has it', () => {
		const a = guest({ memoryLimit: 32 });
		const b = guest({ memoryLimit: 32 });
		a.jail.setSync('give', b.context.evalSync('(buffer => { (globalThis.all ||= []).push(buffer) })'));
		throws(() => a.context.evalSync('for (let i = 0; i < 100; ++i) give(new SharedArrayBuffer(2 << 20))'),
			RangeError, 'Array buffer allocation failed', 'ERR_MEMORY_LIMIT');
		assert.ok(b.context.evalSync('all.length') < 16);
		assert.equal(b.context.evalSync('new SharedArrayBuffer(8 << 20).byteLength'), 8 << 20);
	});

	it('is shared with the host where the runtime can, and refused clearly where it can\'t', () => {
		const { isolate, context } = guest();
		if (!CAN_ADOPT) {
			throws(() => context.evalSync('new SharedArrayBuffer(8)', { copy: true }), TypeError,
				'A SharedArrayBuffer that a guest made can\'t be shared with this host, or grows. Make it in the host, and hand it to the guest.', 'ERR_DATA_CLONE');
			assert.equal(context.evalSync('1 + 1'), 2);
			return;
		}
		const shared = context.evalSync('globalThis.view = new Int32Array(new SharedArrayBuffer(16)); view[0] = 1; view.buffer', { copy: true });
		const view = new Int32Array(shared);
		view[1] = 2;
		assert.equal(context.evalSync('view[1]'), 2);
		isolate.dispose();
		assert.deepEqual([...view], [1, 2, 0, 0]);
	});

	it('that grows can\'t become the host\'s', () => {
		const { context } = guest();
		throws(() => context.evalSync('new SharedArrayBuffer(8, { maxByteLength: 16 })', { copy: true }), TypeError, /or grows/, 'ERR_DATA_CLONE');
	});
});

describe('shared memory', () => {
	it('does not move, and a copy of nothing else stays', () => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(8);
		const copy = new ExternalCopy({ shared }, { transferOut: true });
		jail.setSync('a', copy.copyInto({ transferIn: true }));
		jail.setSync('b', copy.copyInto({ transferIn: true }));
		assert.equal(copy.copy({ transferIn: true }).shared, shared);
		assert.equal(context.evalSync('new Int32Array(a.shared)[0] = 4; new Int32Array(b.shared)[0]'), 4);
	});

	it('survives hundreds of makers and takers', async () => {
		const result = await runChild(`
			const shared = new SharedArrayBuffer(4096);
			const view = new Int32Array(shared);
			for (let i = 0; i < times(150); ++i) {
				const { isolate, context, jail } = guest({ memoryLimit: 8 });
				jail.setSync('view', view, { copy: true });
				context.evalSync('Atomics.add(view, 0, 1)');
				const copy = context.evalSync('({ view, own: 1 })', { externalCopy: true });
				if (i % 2) isolate.dispose();
				assert.equal(copy.copy().view.buffer, shared);
				if (i % 16 === 0) gc();
			}
			report(view[0]);
		`, { args: ['--expose-gc'] });
		assert.deepEqual([result.status, result.reports], [0, [times(150)]], result.stderr);
	});

	it('of a worker is no longer used when the worker has ended', async () => {
		const [seen] = await child(`
			const worker = new Worker(${JSON.stringify(`
				const { Isolate } = require(process.argv[2]);
				const context = new Isolate().createContextSync();
				context.global.setSync('view', new Int32Array(new SharedArrayBuffer(1 << 20)), { copy: true });
				context.evalIgnored('for (;;) view[0]++;');
				setTimeout(() => process.exit(), 50);
			`)}, { eval: true, argv: [ROOT] });
			worker.on('exit', () => report('ended'));
		`);
		assert.equal(seen, 'ended');
	});
});
