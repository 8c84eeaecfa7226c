'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { inBothForms, islet, rejects } = require('./helpers');

const contextOf = options => new islet.Isolate({ memoryLimit: 32 }).createContextSync(options);
/** What code throws in the guest, by name; or what it gives. */
const outcome = (context, code) => context.evalSync(`(() => { try { return String(${code}) } catch (error) { return error.name } })()`);

describe('codeGeneration', () => {
	const makers = [
		'eval("1")', '(0, eval)("1")', 'new Function("return 1")()', 'Function("return 1")()', '(() => {}).constructor("return 1")()',
		'(async () => {}).constructor("return 1")()', '(function* () {}).constructor("yield 1")()', 'Reflect.construct(Function, ["return 1"])()',
		'Function.prototype.constructor.call(null, "return 1")()', '(async function* () {}).constructor("yield 1")()', 'Function.apply(null, ["return 1"])()',
	];

	it('of strings can be withheld, by whatever name', () => {
		const context = contextOf({ codeGeneration: { strings: false } });
		for (const maker of makers) {
			assert.equal(outcome(context, maker), 'EvalError', maker);
		}
		assert.equal(context.evalSync('1 + 1'), 2);
		assert.equal(context.evalClosureSync('return $0', [3]), 3);
		assert.equal(outcome(context, 'eval({ a: 1 })'), '[object Object]');
	});

	it('of strings is there otherwise', () => {
		for (const options of [undefined, {}, { codeGeneration: {} }, { codeGeneration: { strings: true } }, { codeGeneration: null }]) {
			const context = contextOf(options);
			for (const maker of makers.slice(0, 5)) {
				assert.equal(outcome(context, maker), '1', maker);
			}
		}
	});

	it('of WebAssembly can be withheld', () => {
		assert.equal(contextOf({ codeGeneration: { wasm: false } }).evalSync('typeof WebAssembly'), 'undefined');
		assert.equal(contextOf().evalSync('typeof WebAssembly'), 'object');
	});
});

describe('sharedArrayBuffer', () => {
	it('can be withheld', () => {
		const context = contextOf({ sharedArrayBuffer: false });
		assert.equal(context.evalSync('typeof SharedArrayBuffer'), 'undefined');
		// The way around by WebAssembly leads to no constructor.
		assert.equal(context.evalSync('new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer.constructor.name'), 'Object');
	});
});

describe('clock', () => {
	const NOW = Date.UTC(2001, 1, 3, 4, 5, 6, 7);
	const ways = [
		'Date.now()', 'new Date().getTime()', 'Reflect.construct(Date, []).getTime()', 'new (class extends Date {})().getTime()',
		'new (new Date(0).constructor)().getTime()', 'new Date.prototype.constructor().getTime()',
	];

	it('that is frozen stands still, whichever way it is read', () => {
		const context = contextOf({ clock: { frozen: NOW } });
		for (const way of ways) {
			assert.equal(context.evalSync(way), NOW, way);
		}
		assert.equal(context.evalSync('Date()'), context.evalSync(`new Date(${NOW}).toString()`));
		const format = 'new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "full", timeZone: "UTC" })';
		assert.equal(context.evalSync(`${format}.format()`), context.evalSync(`${format}.format(${NOW})`));
		assert.equal(context.evalSync(`JSON.stringify(${format}.formatToParts())`), context.evalSync(`JSON.stringify(${format}.formatToParts(${NOW}))`));
		assert.equal(context.evalSync('typeof Temporal === "object" && typeof Temporal.Now'), 'undefined');
	});

	it('leaves everything else of Date alone', () => {
		const context = contextOf({ clock: { frozen: NOW } });
		assert.equal(context.evalSync('new Date(5).getTime()'), 5);
		assert.equal(context.evalSync('new Date(2020, 1).getMonth()'), 1);
		assert.equal(context.evalSync('Date.UTC(1970, 0)'), 0);
		assert.equal(context.evalSync('Date.parse("1970-01-01T00:00:00Z")'), 0);
		assert.equal(context.evalSync('[Date.name, Date.length, new Date() instanceof Date, Object.prototype.toString.call(new Date())].join()'), 'Date,7,true,[object Date]');
		assert.deepEqual(context.evalSync('new Date(7)', { copy: true }), new Date(7));
		context.global.setSync('given', new Date(9), { copy: true });
		assert.equal(context.evalSync('given instanceof Date && given.getTime()'), 9);
	});

	it('that is coarse goes in steps', () => {
		const context = contextOf({ clock: { resolution: 1000 } });
		for (const way of ways) {
			const seen = context.evalSync(way);
			assert.equal(seen % 1000, 0, way);
			assert.ok(Math.abs(seen - Date.now()) < 60_000, way);
		}
	});

	it('is the real one otherwise', () => {
		assert.ok(Math.abs(contextOf({ clock: {} }).evalSync('Date.now()') - Date.now()) < 60_000);
	});
});

describe('randomSeed', () => {
	const take = seed => contextOf({ randomSeed: seed }).evalSync('Array.from({ length: 1000 }, Math.random)', { copy: true });

	it('gives the same numbers for the same seed, and others for another', () => {
		assert.deepEqual(take(1), take(1));
		assert.notDeepEqual(take(1), take(2));
		assert.notDeepEqual(contextOf().evalSync('Math.random()'), contextOf().evalSync('Math.random()'));
	});

	it('gives numbers from 0 to 1, spread', () => {
		const numbers = take(42);
		assert.ok(numbers.every(n => n >= 0 && n < 1));
		assert.ok(Math.abs(numbers.reduce((a, b) => a + b) / 1000 - 0.5) < 0.05);
		assert.equal(new Set(numbers).size, 1000);
	});
});

inBothForms('options of contexts that mean nothing are refused', 'createContext', async call => {
	const isolate = new islet.Isolate({ memoryLimit: 32 });
	for (const options of [
		{ codeGeneration: 1 }, { codeGeneration: { strings: 'no' } }, { codeGeneration: { wasm: 0 } }, { sharedArrayBuffer: 1 }, { clock: 5 },
		{ clock: { frozen: '1' } }, { clock: { frozen: 1, resolution: 1 } }, { randomSeed: 'a' }, { randomSeed: 1.5 },
	]) {
		await rejects(call(isolate, options), TypeError, /./, 'ERR_INVALID_ARG_TYPE');
	}
	for (const options of [{ clock: { frozen: NaN } }, { clock: { resolution: 0 } }, { randomSeed: -1 }, { randomSeed: 2 ** 32 }]) {
		await rejects(call(isolate, options), RangeError, /./, 'ERR_OUT_OF_RANGE');
	}
});
