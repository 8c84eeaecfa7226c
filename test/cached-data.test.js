'use strict';

/**
 * `cachedData`, `produceCachedData`, `cachedDataRejected`.
 */

const assert = require('node:assert/strict');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { child, guest, inBothForms, islet, rejects, seeded, throws, times } = require('./helpers');

const { ExternalCopy, Isolate } = islet;

const CODE = 'function double(n) { return n * 2 } double(21)';
const bytesOf = copy => new Uint8Array(copy.copy());

/** Cached data of `code`, as an ExternalCopy. */
const produce = (code = CODE, options = undefined) =>
	new Isolate().compileScriptSync(code, { ...options, produceCachedData: true }).cachedData;

/** What a script says that is compiled in a new isolate with `cachedData`. */
function consume(cachedData, code = CODE) {
	const { isolate, context } = guest();
	const script = isolate.compileScriptSync(code, { cachedData });
	return { rejected: script.cachedDataRejected, result: script.runSync(context) };
}

describe('cachedData', () => {
	inBothForms('is produced as an ExternalCopy, and taken by another isolate', 'compileScript', async call => {
		const script = await call(new Isolate(), CODE, { produceCachedData: true });
		assert.deepEqual(Object.keys(script), ['cachedData']);
		assert.ok(script.cachedData instanceof ExternalCopy);
		assert.ok(script.cachedData.copy() instanceof ArrayBuffer);
		const { isolate, context } = guest();
		const other = await call(isolate, CODE, { cachedData: script.cachedData });
		assert.deepEqual(Object.keys(other), ['cachedDataRejected']);
		assert.equal(other.cachedDataRejected, false);
		assert.equal(other.runSync(context), 42);
	});

	it('leaves no property where it isn\'t asked for', () => {
		const isolate = new Isolate();
		for (const options of [undefined, null, {}, { produceCachedData: false }, { cachedData: null, produceCachedData: null }]) {
			assert.deepEqual(Object.keys(isolate.compileScriptSync(CODE, options)), []);
		}
	});

	it('may be an ExternalCopy, an ArrayBuffer, a view or a Buffer', () => {
		const copy = produce();
		const buffer = copy.copy();
		const shifted = new Uint8Array(buffer.byteLength + 5);
		shifted.set(new Uint8Array(buffer), 5);
		const shared = new Uint8Array(new SharedArrayBuffer(buffer.byteLength));
		shared.set(new Uint8Array(buffer));
		for (const data of [
			copy, buffer, new Uint8Array(buffer), new DataView(buffer), Buffer.from(buffer), shifted.subarray(5), shared,
			new ExternalCopy(buffer),
		]) {
			assert.deepEqual(consume(data), { rejected: false, result: 42 });
		}
		assert.equal(buffer.byteLength, copy.copy().byteLength, 'is left as it is');
	});

	it('of a large script is taken in any of these forms', () => {
		const code = `[${Array.from({ length: 3000 }, (_, i) => `function f${i}(a) { return a + ${i} }`)}].length`;
		const copy = produce(code);
		assert.ok(copy.copy().byteLength > 16384);
		for (const data of [copy, copy.copy(), new Uint8Array(copy.copy()), new ExternalCopy(copy.copy())]) {
			assert.deepEqual(consume(data, code), { rejected: false, result: 3000 });
		}
	});

	it('is for one source, whatever its length and its characters', () => {
		assert.deepEqual(consume(produce('"secret one"'), '"secret two"'), { rejected: true, result: 'secret two' });
		for (const code of ['"äöü"', '"snow ☃ man"', '"\u{1f600}"']) {
			assert.equal(consume(produce(code), code).rejected, false);
		}
	});

	it('is made anew together with produceCachedData only if what was given was refused', () => {
		const isolate = new Isolate();
		const copy = produce();
		const accepted = isolate.compileScriptSync(CODE, { cachedData: copy, produceCachedData: true });
		assert.deepEqual([Object.keys(accepted), accepted.cachedDataRejected], [['cachedDataRejected'], false]);
		const refused = isolate.compileScriptSync('1 + 1', { cachedData: copy, produceCachedData: true });
		assert.deepEqual([Object.keys(refused), refused.cachedDataRejected], [['cachedData', 'cachedDataRejected'], true]);
		assert.deepEqual(consume(refused.cachedData, '1 + 1'), { rejected: false, result: 2 });
	});

	it('can be used often and after its isolate\'s end, but not after release()', () => {
		const isolate = new Isolate();
		const { cachedData } = isolate.compileScriptSync(CODE, { produceCachedData: true });
		isolate.dispose();
		for (let i = 0; i < 3; ++i) {
			assert.equal(consume(cachedData).rejected, false);
		}
		cachedData.release();
		throws(() => consume(cachedData), Error, 'Copy has been released', 'ERR_RELEASED');
	});

	it('keeps the names of files: they are of the script that is compiled', () => {
		const code = 'throw new Error("here")';
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync(code, { cachedData: produce(code, { filename: 'a.js' }), filename: 'b.js' });
		assert.equal(script.cachedDataRejected, false);
		const error = throws(() => script.runSync(context), Error, 'here');
		assert.match(error.stack, /b\.js:1:7/);
	});

	it('of code that doesn\'t parse isn\'t there: the syntax error is thrown', () => {
		throws(() => produce('let let = 1'), SyntaxError, /\[<isolated-vm>:1:5\]$/);
		throws(() => consume(produce(), 'let let = 1'), SyntaxError, /\[<isolated-vm>:1:5\]$/);
	});

	it('must be what it is said to be', async () => {
		const isolate = new Isolate();
		for (const cachedData of [1, 'x', true, false, Symbol('s'), () => {}]) {
			throws(() => isolate.compileScriptSync('1', { cachedData }), TypeError, '`cachedData` must be an object', 'ERR_INVALID_ARG_TYPE');
		}
		for (const cachedData of [{}, [], new Date(), new ExternalCopy({}), new ExternalCopy('x'), new ExternalCopy(new Uint8Array(8))]) {
			throws(() => isolate.compileScriptSync('1', { cachedData }), TypeError,
				'`cachedData` must be an ExternalCopy to ArrayBuffer', 'ERR_INVALID_ARG_TYPE');
			await rejects(isolate.compileScript('1', { cachedData }), TypeError,
				'`cachedData` must be an ExternalCopy to ArrayBuffer', 'ERR_INVALID_ARG_TYPE');
		}
		throws(() => isolate.compileScriptSync('1', { produceCachedData: 1 }), TypeError, '`produceCachedData` must be a boolean',
			'ERR_INVALID_ARG_TYPE');
	});
});

describe('cachedData that is not what it was', () => {
	const rejected = data => assert.deepEqual(consume(data), { rejected: true, result: 42 });

	it('is refused when it is empty, anything else, or of Node\'s own V8', () => {
		const { Script } = require('node:vm');
		const node = new Script(CODE).createCachedData();
		for (const data of [new ArrayBuffer(0), new Uint8Array(63), new Uint8Array(64), new Uint8Array(1e5).fill(7), node]) {
			rejected(data);
		}
	});

	it('is refused when it was cut off, anywhere', () => {
		const whole = bytesOf(produce());
		const random = seeded(7);
		for (let i = 0; i < times(60); ++i) {
			rejected(whole.subarray(0, random.below(whole.length)));
		}
		rejected(Buffer.concat([whole, Buffer.alloc(8)]));
	});

	it('is refused when a bit of it flipped, and never ends the process', async () => {
		const [count] = await child(`
			const code = ${JSON.stringify(CODE)};
			const { isolate, context } = guest();
			const whole = new Uint8Array(new Isolate().compileScriptSync(code, { produceCachedData: true }).cachedData.copy());
			let count = 0;
			for (let at = 0; at < whole.length; ++at) {
				// There the version of V8 stands as text, for people.
				if (at >= 40 && at < 64) continue;
				const bytes = whole.slice();
				bytes[at] ^= 1 << at % 8;
				const script = isolate.compileScriptSync(code, { cachedData: bytes });
				assert.equal(script.cachedDataRejected, true, 'byte ' + at);
				assert.equal(script.runSync(context), 42);
				++count;
			}
			report(count);
		`);
		assert.ok(count > 300);
	});

	it('doesn\'t matter any more once it was looked at: what was written to the memory later isn\'t seen', () => {
		const copy = produce();
		assert.equal(consume(copy).rejected, false);
		const stolen = new ExternalCopy(copy.copy());
		assert.equal(consume(stolen).rejected, false);
		new Uint8Array(stolen.copy({ transferIn: true })).fill(0xff);
		throws(() => consume(stolen), TypeError, '`cachedData` must be an ExternalCopy to ArrayBuffer', 'ERR_INVALID_ARG_TYPE');
	});
});

describe('cachedData in a file', () => {
	const folder = mkdtempSync(join(tmpdir(), 'islet-cache-'));
	after(() => rmSync(folder, { recursive: true, force: true }));

	it('works in the next process', async () => {
		const file = join(folder, 'cache');
		await child(`
			const script = new Isolate().compileScriptSync(${JSON.stringify(CODE)}, { produceCachedData: true });
			require('node:fs').writeFileSync(${JSON.stringify(file)}, new Uint8Array(script.cachedData.copy()));
		`);
		assert.ok(readFileSync(file).length > 64);
		const [result] = await child(`
			const { isolate, context } = guest();
			const cachedData = require('node:fs').readFileSync(${JSON.stringify(file)});
			const script = isolate.compileScriptSync(${JSON.stringify(CODE)}, { cachedData });
			report([script.cachedDataRejected, script.runSync(context)]);
		`);
		assert.deepEqual(result, [false, 42]);
	});
});

describe('cachedData inside a guest', () => {
	const inside = setup => {
		const { isolate, context, jail } = guest();
		jail.setSync('ivm', islet);
		jail.setSync('CODE', CODE);
		setup?.(jail);
		return code => context.evalSync(`(() => { const own = new ivm.Isolate(); ${code} })()`, { copy: true });
	};

	it('is produced and taken', () => {
		assert.deepEqual(inside()(`
			const { cachedData } = own.compileScriptSync(CODE, { produceCachedData: true });
			const script = own.compileScriptSync(CODE, { cachedData });
			return [script.cachedDataRejected, script.runSync(own.createContextSync())];
		`), [false, 42]);
	});

	it('is refused when a guest could have made it up', () => {
		assert.deepEqual(inside()(`
			const { cachedData } = own.compileScriptSync(CODE, { produceCachedData: true });
			const bytes = cachedData.copy();
			return [bytes, new Uint8Array(bytes), new ivm.ExternalCopy(bytes)].map(data => {
				const script = own.compileScriptSync(CODE, { cachedData: data });
				return [script.cachedDataRejected, script.runSync(own.createContextSync())];
			});
		`), [[true, 42], [true, 42], [true, 42]]);
	});

	it('is taken from the host, when the host has taken it before or made it', () => {
		const made = produce();
		const checked = new ExternalCopy(made.copy());
		consume(checked);
		const run = inside(jail => {
			jail.setSync('made', made);
			jail.setSync('checked', checked);
			jail.setSync('unknown', new ExternalCopy(made.copy()));
		});
		assert.deepEqual(run('return [made, checked, unknown].map(cachedData => own.compileScriptSync(CODE, { cachedData }).cachedDataRejected)'),
			[false, false, true]);
	});
});
