'use strict';

/**
 * Programs made from a grammar of hostile pieces, in child processes: whatever they do, each call settles, and the host and other guests
 * go on. Fixed seeds, bounded runs. `ISLET_FUZZ_SEED=n` and `ISLET_FUZZ_COUNT=n` for others.
 */

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { repeat, runChild, seeded, times } = require('./helpers');
const { encode, decode, Writer, Reader } = require('../lib/clone');

const SEED = Number(process.env.ISLET_FUZZ_SEED ?? 1);
const COUNT = Number(process.env.ISLET_FUZZ_COUNT ?? times(240));
const BATCH = 30;

const batch = (seed, from, count) => `
	const { program } = require(${JSON.stringify(join(__dirname, 'hostile', 'grammar.js'))});
	const { seeded } = require(${JSON.stringify(join(__dirname, 'helpers.js'))});
	const fs = require('node:fs');
	const other = guest({ memoryLimit: 16 });
	(async () => {
		const ways = [
			(g, code) => g.context.eval(code, { timeout: 60 }),
			(g, code) => g.context.eval(code, { timeout: 60, copy: true }),
			async (g, code) => g.context.evalSync(code, { timeout: 60, copy: true }),
			(g, code) => g.context.evalClosure('return $0((0, eval)($1))', [value => value, code], { timeout: 60, result: { copy: true } }),
			(g, code) => g.context.eval('throw (0, eval)(' + JSON.stringify(code) + ')', { timeout: 60 }),
		];
		for (let i = ${from}; i < ${from + count}; ++i) {
			const code = program(seeded(${seed} * 1e6 + i));
			fs.writeSync(2, '@ ' + i + '\\n');
			const g = guest({ memoryLimit: 16 });
			await ways[i % ways.length](g, code).catch(() => {});
			if (!g.isolate.isDisposed) g.isolate.dispose();
			assert.equal(other.context.evalSync('1 + 1'), 2);
		}
		islet.configure({ maxCondemned: Infinity });
		report([guest().context.evalSync('2 + 2'), process.memoryUsage.rss() < 1.5e9]);
		process.exit(0);
	})();
`;

describe('a program made of hostile pieces', { skip: process.env.ISLET_ABORT_FOR_REAL === '1' }, () => {
	it(`does no harm (seed ${SEED}, ${COUNT} programs)`, async () => {
		const { program } = require('./hostile/grammar');
		await repeat(Math.ceil(COUNT / BATCH), async i => {
			const count = Math.min(BATCH, COUNT - i * BATCH);
			const { status, signal, hung, stderr, reports } = await runChild(batch(SEED, i * BATCH, count), { deadline: 90_000 });
			const last = Number(/@ (\d+)\n(?!.*@ \d)/s.exec(stderr)?.[1] ?? 0);
			assert.deepEqual({ status, signal, hung, reports }, { status: 0, signal: null, hung: false, reports: [[4, true]] },
				`program ${last} of seed ${SEED}:\n${program(seeded(SEED * 1e6 + last))}\n${stderr.slice(-2000)}`);
		});
	});
});

describe('the decoder of copied values', () => {
	const samples = [
		{ a: [1, 'two', null, undefined, true], b: { c: -1.5, d: 2n ** 70n } }, new Map([[1, new Set(['x', { y: 1 }])]]), [new Date(5), /a+/gi, new Error('e')],
		new Float64Array([1, 2, 3]), [, 1, , 2], 'text\u1234', Object.assign([1, 2], { more: 1 }), [Object(1), Object('s'), Object(1n)], new DataView(new ArrayBuffer(8), 2),
	];
	const side = { hostObjectIndex: () => -1, functionIndex: () => -1, transferredIndex: () => -1, sharedArrayBufferIndex: () => -1, cloneError: message => new TypeError(message) };
	const host = {
		hostObject: () => ({}), transferred: () => new ArrayBuffer(8), sharedArrayBuffer: () => new ArrayBuffer(8), cloneError: message => new TypeError(message),
	};

	function bytesOf(value) {
		const writer = new Writer();
		encode(writer, value, side);
		return new Uint8Array(writer.buffer, 0, writer.pos).slice();
	}

	it('gives a value or throws, whatever bytes it gets', () => {
		const random = seeded(SEED);
		let thrown = 0;
		for (let i = 0; i < times(40_000); ++i) {
			const bytes = bytesOf(random.pick(samples));
			for (let n = 1 + random.below(4); n > 0; --n) {
				bytes[random.below(bytes.length)] = random.below(256);
			}
			const end = random.below(4) === 0 ? random.below(bytes.length) : bytes.length;
			const reader = new Reader(bytes.buffer.slice(0, end));
			try {
				decode(reader, host);
			} catch (error) {
				assert.ok(error instanceof Error, `${typeof error}`);
				assert.ok(!(error instanceof ReferenceError), error.stack);
				++thrown;
			}
		}
		assert.ok(thrown > 0);
	});
});
