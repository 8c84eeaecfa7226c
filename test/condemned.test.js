'use strict';

/**
 * Isolates that are given up: what is told of them, and what they let go of. In processes of their own: what is given up stays.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, islet, throws } = require('./helpers');

const STUCK = '[].indexOf.call({ length: 2 ** 53 - 1 }, 1)';
const FATAL = 'new Array(1e8).fill(0).map(x => [x])';

describe('an isolate that is given up', { skip: process.env.ISLET_ABORT_FOR_REAL === '1' }, () => {
	it('is counted', async () => {
		const [[before, stuck, fatal, after]] = await child(`
			const seen = [islet.stats()];
			for (const code of [${JSON.stringify(STUCK)}, ${JSON.stringify(FATAL)}]) {
				const { context } = guest({ memoryLimit: 32 });
				try { context.evalSync(code, { timeout: 100 }); } catch {}
				seen.push(islet.stats());
			}
			const { isolate, context } = guest();
			context.evalSync('1');
			seen.push(islet.stats());
			report(seen);
			process.exit(0);
		`);
		assert.deepEqual([before.isolates, before.condemnedIsolates, before.condemnedMemory], [0, 0, 0]);
		assert.deepEqual([stuck.isolates, stuck.condemnedIsolates], [0, 1]);
		assert.ok(stuck.condemnedMemory > 0 && stuck.threads > 0);
		assert.ok(fatal.condemnedIsolates >= 1);
		assert.equal(after.isolates, 1);
	});

	it('is counted with what it took since its last full collection', async () => {
		const [held] = await child(`
			const { context } = guest({ memoryLimit: 64 });
			const fill = 'globalThis.a = []; for (let i = 0; i < 400000; ++i) a.push({ i, j: i });';
			try { context.evalSync(fill + ${JSON.stringify(STUCK)}, { timeout: 1000 }); } catch {}
			report(islet.stats().condemnedMemory);
			process.exit(0);
		`);
		assert.ok(held > 8e6 && held < 100e6, String(held));
	});

	it('lets go of the functions and handles it held', async () => {
		const [collected] = await child(`
			let collected = 0;
			const registry = new FinalizationRegistry(() => { ++collected; });
			(() => {
				const { context, jail } = guest({ memoryLimit: 32 });
				const held = Object.assign(() => {}, { big: new Array(1000) });
				registry.register(held, 1);
				jail.setSync('held', held);
				try { context.evalSync(${JSON.stringify(STUCK)}, { timeout: 50 }); } catch {}
			})();
			until(() => { gc(); return collected === 1 }).then(() => { report(collected); process.exit(0) });
		`, { args: ['--expose-gc'] });
		assert.equal(collected, 1);
	});

	it('rejects promises of it that the host waits for', async () => {
		const [code] = await child(`
			const { context } = guest({ memoryLimit: 32 });
			(async () => {
				const alive = setInterval(() => {}, 1000);
				const waiting = context.evalSync('new Promise(() => {})', { promise: true });
				context.eval(${JSON.stringify(STUCK)}, { timeout: 50 }).catch(() => {});
				report(await waiting.then(() => 'settled', error => error.code));
				process.exit(0);
			})();
		`);
		assert.match(code, /^ERR_(?:TIMEOUT|ISOLATE_DISPOSED)$/);
	});

	it('gives the contents of its buffers back', async () => {
		const [grown] = await child(`
			const { context } = guest({ memoryLimit: 512 });
			const before = process.memoryUsage.rss();
			context.evalSync('globalThis.m = new WebAssembly.Memory({ initial: 4000 }); new Uint8Array(m.buffer).fill(1); 1');
			try { context.evalSync(${JSON.stringify(STUCK)}, { timeout: 50 }); } catch {}
			until(() => process.memoryUsage.rss() - before < 100e6).then(() => { report(true); process.exit(0) });
		`);
		assert.equal(grown, true);
	});

	const ENDS = {
		'stopped in a builtin': STUCK,
		'that V8 gave up': FATAL,
	};
	for (const [how, code] of Object.entries(ENDS)) {
		it(`gives the contents of its array buffers back (${how}), and no longer counts them`, async () => {
			const [seen] = await child(`
				const { context } = guest({ memoryLimit: 512 });
				const before = process.memoryUsage.rss();
				context.evalSync('globalThis.all = []; for (let i = 0; i < 2000; ++i) all.push(new Uint8Array(100_000).fill(1)); 1');
				const full = process.memoryUsage.rss() - before;
				try { context.evalSync(${JSON.stringify(code)}, { timeout: 50 }); } catch {}
				until(() => islet.stats().condemnedMemory < 150e6 && process.memoryUsage.rss() - before < full - 170e6).then(() => {
					report([full > 190e6, islet.stats().condemnedIsolates]);
					process.exit(0);
				});
			`);
			assert.deepEqual(seen, [true, 1]);
		});

		it(`leaves buffers alone that it gave away or shares (${how})`, async () => {
			const [seen] = await child(`
				const { context, jail } = guest({ memoryLimit: 512 });
				const other = guest({ memoryLimit: 512 });
				jail.setSync('ivm', islet);
				const sum = bytes => bytes.reduce((sum, byte) => sum + byte, 0);
				context.evalSync('globalThis.keep = []; for (let i = 0; i < 100; ++i) keep.push(new Uint8Array(1e6).fill(1)); 1');
				// Moved out, for the host and for another guest; copied; shared with another guest, as buffer and as memory of WebAssembly.
				const forHost = context.evalSync('new ivm.ExternalCopy(new Uint8Array(1e6).fill(2), { transferOut: true })');
				const forOther = context.evalSync('new ivm.ExternalCopy(new Uint8Array(1e6).fill(3), { transferOut: true })');
				const copied = context.evalSync('new Uint8Array(1e6).fill(4)', { copy: true });
				other.jail.setSync('moved', forOther.copyInto({ transferIn: true, release: true }));
				other.jail.setSync('shared', context.evalSync('globalThis.shared = new Uint8Array(new SharedArrayBuffer(1e6)).fill(5); shared', { externalCopy: true }).copyInto());
				other.jail.setSync('memory', context.evalSync('globalThis.memory = new Uint8Array(new WebAssembly.Memory({ initial: 20, maximum: 20, shared: true }).buffer).fill(6); memory', { externalCopy: true }).copyInto());
				other.jail.setSync('growing', context.evalSync('globalThis.growing = new Uint8Array(new SharedArrayBuffer(1e6, { maxByteLength: 2e6 })).fill(7); growing', { externalCopy: true }).copyInto());
				try { context.evalSync(${JSON.stringify(code)}, { timeout: 50 }); } catch {}
				// The 100 MB that nobody else uses are given back.
				until(() => islet.stats().condemnedIsolates === 1 && islet.stats().condemnedMemory < 80e6).then(() => {
					const theirs = other.context.evalSync('[moved, shared, memory, growing].map(bytes => bytes.every(byte => byte === bytes[0]) ? bytes[0] : -1)', { copy: true });
					report([sum(forHost.copy()) / 1e6, sum(copied) / 1e6, ...theirs]);
					process.exit(0);
				});
			`);
			assert.deepEqual(seen, [2, 4, 3, 5, 6, 7]);
		});
	}

	it('burns no CPU, whether it was in generated code or in C++', async () => {
		const [quiet] = await child(`
			const { setTimeout: wait } = require('node:timers/promises');
			for (const code of [${JSON.stringify(STUCK)}, "'a'.repeat(2 ** 24).indexOf('a'.repeat(2 ** 23) + 'b')", 'Array(2 ** 32 - 1).indexOf(1)']) {
				try { guest({ memoryLimit: 128 }).context.evalSync(code, { timeout: 50 }); } catch {}
			}
			until(async () => {
				const { user, system } = process.cpuUsage();
				await wait(200);
				const now = process.cpuUsage();
				return now.user + now.system - user - system < 50_000;
			}).then(() => { report(true); process.exit(0) });
		`);
		assert.equal(quiet, true);
	});

	it('counts against a bound, past which no more isolates are made', async () => {
		const [seen] = await child(`
			islet.configure({ maxCondemned: 2 });
			const seen = [];
			for (let i = 0; i < 3; ++i) {
				try {
					guest({ memoryLimit: 32 }).context.evalSync(${JSON.stringify(STUCK)}, { timeout: 20 });
				} catch ({ code, message }) { seen.push([code, message]) }
			}
			islet.configure({ maxCondemned: Infinity });
			seen.push(guest().context.evalSync('1 + 1'));
			report(seen);
			process.exit(0);
		`);
		assert.deepEqual(seen.map(one => one[0] ?? one), ['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_TOO_MANY_CONDEMNED', 2]);
		assert.match(seen[2][1], /^No more isolates are made: 2 were given up/);
	});
});

describe('configure', () => {
	it('refuses what is no bound', () => {
		throws(() => islet.configure(1), TypeError, /to be an object/, 'ERR_INVALID_ARG_TYPE');
		throws(() => islet.configure({ maxCondemned: '1' }), TypeError, /must be a number/, 'ERR_INVALID_ARG_TYPE');
		throws(() => islet.configure({ maxCondemned: NaN }), TypeError, /must be a number/, 'ERR_INVALID_ARG_TYPE');
		throws(() => islet.configure({ maxCondemned: 0 }), RangeError, /at least 1/, 'ERR_OUT_OF_RANGE');
	});

	it('leaves what it is not told', () => {
		const { maxCondemned } = islet.stats();
		islet.configure();
		islet.configure({});
		islet.configure({ maxCondemned: undefined });
		assert.equal(islet.stats().maxCondemned, maxCondemned);
	});
});
