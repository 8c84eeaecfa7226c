'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { FEW, child, islet, rejects, until } = require('./helpers');
const { ExternalCopy, Isolate, prewarm, stats } = islet;

/** Runs `body` with so many isolates ready, and none after. */
async function warmed(options, body) {
	await prewarm(options);
	try {
		return await body();
	} finally {
		await prewarm({ ...options, count: 0 });
	}
}

describe('prewarm', () => {
	it('keeps isolates ready that `new Isolate()` takes, and makes others for them', async () => {
		await warmed({ count: 2 }, async () => {
			assert.equal(stats().spareIsolates, 2);
			const before = stats().isolates;
			const isolate = new Isolate();
			assert.equal(stats().spareIsolates, 1);
			await until(() => stats().spareIsolates === 2);
			assert.equal(stats().isolates, before + 1);
			isolate.dispose();
		});
		assert.equal(stats().spareIsolates, 0);
	});

	it('gives isolates like others', async () => {
		await warmed({ count: 1 }, async () => {
			const isolate = new Isolate({ timeout: 100 });
			assert.ok(isolate instanceof Isolate);
			const [first, second] = [isolate.createContextSync(), await isolate.createContext()];
			assert.ok(first !== second);
			assert.equal(first.evalSync('globalThis.x = 1'), 1);
			assert.equal(second.evalSync('typeof x'), 'undefined');
			first.global.setSync('f', n => n + 1);
			assert.equal(await first.eval('f(1)'), 2);
			assert.throws(() => first.evalSync('for (;;);'), { code: 'ERR_TIMEOUT' });
			isolate.dispose();
			assert.equal(isolate.isDisposed, true);
			assert.equal(isolate.disposeReason, 'disposed');
			assert.throws(() => isolate.dispose(), { message: 'Isolate is already disposed' });
			assert.throws(() => first.evalSync('1'), { code: 'ERR_ISOLATE_DISPOSED' });
		});
	});

	it('gives a context once, and with `createContext()` without options only', async () => {
		await warmed({ count: 1 }, async () => {
			const isolate = new Isolate();
			const bare = isolate.createContextSync({ codeGeneration: { strings: false } });
			assert.throws(() => bare.evalSync('eval("1")'), { name: 'EvalError' });
			const ready = isolate.createContextSync();
			assert.equal(ready.evalSync('eval("1")'), 1);
			const other = isolate.createContextSync();
			ready.evalSync('globalThis.mine = 1');
			assert.equal(other.evalSync('typeof mine'), 'undefined');
			isolate.dispose();
		});
	});

	it('is for one memory limit', async () => {
		await warmed({ count: 1, memoryLimit: 32 }, () => {
			const other = new Isolate({ memoryLimit: 64 });
			assert.equal(stats().spareIsolates, 1);
			const same = new Isolate({ memoryLimit: 32 });
			assert.equal(same.getHeapStatisticsSync().heap_size_limit, 32 << 20);
			assert.equal(other.getHeapStatisticsSync().heap_size_limit, 64 << 20);
			same.dispose();
			other.dispose();
		});
	});

	// Snapshots: see scripts/checked.mjs.
	it('is for one snapshot', { skip: FEW }, async () => {
		const snapshot = Isolate.createSnapshot([{ code: 'globalThis.made = "of a snapshot"' }]);
		await warmed({ count: 2, snapshot }, async () => {
			const [of, without] = [new Isolate({ snapshot }), new Isolate()];
			assert.equal(of.createContextSync().evalSync('made'), 'of a snapshot');
			assert.equal(without.createContextSync().evalSync('typeof made'), 'undefined');
			of.dispose();
			without.dispose();
		});
	});

	it('leaves alone what needs an isolate of its own making', { skip: FEW }, async () => {
		await warmed({ count: 1 }, () => {
			const own = [
				new Isolate({ inspector: true }),
				new Isolate({ sourceMaps: true }),
				new Isolate({ onCatastrophicError() {} }),
			];
			Isolate.createSnapshot([{ code: '1' }]);
			assert.equal(stats().spareIsolates, 1);
			own.forEach(isolate => isolate.dispose());
		});
	});

	it('takes another number at any time', async () => {
		await prewarm({ count: 3 });
		await prewarm({ count: 1 });
		assert.equal(stats().spareIsolates, 1);
		await Promise.all([prewarm({ count: 4 }), prewarm({ count: 2 })]);
		assert.equal(stats().spareIsolates, 2);
		await prewarm({ count: 0 });
		assert.equal(stats().spareIsolates, 0);
	});

	it('refuses what is no number of isolates', async () => {
		await rejects(prewarm(), TypeError, '`prewarm` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		await rejects(prewarm({}), TypeError, '`count` must be a number');
		await rejects(prewarm({ count: '1' }), TypeError, '`count` must be a number');
		for (const count of [-1, 0.5, NaN, Infinity, 10_001]) {
			await rejects(prewarm({ count }), RangeError, `\`count\` must be an integer from 0 to 10000, got ${count}`, 'ERR_OUT_OF_RANGE');
		}
		await rejects(prewarm({ count: 1, memoryLimit: 1 }), RangeError, '`memoryLimit` must be at least 8', 'ERR_OUT_OF_RANGE');
	});

	it('rejects when the isolates can\'t be made', async () => {
		const snapshot = new ExternalCopy(new ArrayBuffer(100));
		await assert.rejects(prewarm({ count: 1, snapshot }), { code: 'ERR_SNAPSHOT' });
		await prewarm({ count: 0, snapshot });
	});

	it('doesn\'t keep the process alive, nor is it in the way of its end', async () => {
		const [done] = await child(`
			islet.prewarm({ count: 3 }).then(() => report(true));
		`);
		assert.equal(done, true);
		await child('islet.prewarm({ count: 3 }).then(() => process.exit())');
		await child('islet.prewarm({ count: 3 }); process.exit()');
	});

	it('is each worker\'s own', async () => {
		const [counts] = await child(`
			islet.prewarm({ count: 2 }).then(() => {
				const worker = new Worker(\`
					const islet = require(\${JSON.stringify(ROOT)});
					const { parentPort } = require('node:worker_threads');
					const before = islet.stats().spareIsolates;
					islet.prewarm({ count: 1 }).then(() => {
						const isolate = new islet.Isolate();
						parentPort.postMessage([before, isolate.createContextSync().evalSync('1 + 1')]);
					});
				\`, { eval: true });
				worker.on('message', seen => {
					worker.terminate().then(() => report([seen, islet.stats().spareIsolates]));
				});
			});
		`);
		assert.deepEqual(counts, [[0, 2], 2]);
	});
});
