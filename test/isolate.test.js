'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, throws } = require('./helpers');
const { Context, ExternalCopy, Isolate, Reference, Script } = islet;

describe('making an isolate', () => {
	it('needs no options', () => {
		for (const options of [undefined, null, {}]) {
			const isolate = new Isolate(options);
			assert.ok(isolate instanceof Isolate);
			assert.equal(isolate.isDisposed, false);
		}
	});

	it('needs new', () => {
		assert.throws(() => Isolate(), TypeError);
	});

	it('ignores options it does not know', () => {
		assert.equal(new Isolate({ colour: 'red' }).isDisposed, false);
	});

	it('refuses options that are no object', () => {
		for (const options of [5, 'x', true, 1n]) {
			throws(() => new Isolate(options), TypeError, '`Isolate` requires parameter 1 to be an object',
				'ERR_INVALID_ARG_TYPE');
		}
	});

	it('can be extended', () => {
		class Mine extends Isolate {
			name() {
				return 'mine';
			}
		}
		const mine = new Mine({ memoryLimit: 32 });
		assert.equal(mine.name(), 'mine');
		assert.equal(mine.createContextSync().evalSync('6 * 7'), 42);
	});

	it('works without a context at first', () => {
		const isolate = new Isolate();
		assert.ok(isolate.getHeapStatisticsSync().used_heap_size > 0);
		isolate.dispose();
	});

	it('can be done hundreds of times', () => {
		for (let i = 0; i < 50; ++i) {
			const { isolate, context } = guest();
			assert.equal(context.evalSync(`${i} + 1`), i + 1);
			isolate.dispose();
		}
		const many = Array.from({ length: 50 }, () => guest());
		many.forEach(({ context }, i) => assert.equal(context.evalSync(`globalThis.n = ${i}`), i));
		many.forEach(({ context }, i) => assert.equal(context.evalSync('n'), i));
		many.forEach(({ isolate }) => isolate.dispose());
	});
});

describe('memoryLimit', () => {
	const limitOf = options => new Isolate(options).getHeapStatisticsSync().heap_size_limit / 1024 / 1024;

	it('is 128 MB unless given', () => {
		for (const options of [undefined, {}, { memoryLimit: undefined }, { memoryLimit: null }]) {
			assert.equal(limitOf(options), 128);
		}
	});

	it('is what was asked for', () => {
		for (const memoryLimit of [8, 16, 64, 512]) {
			assert.equal(limitOf({ memoryLimit }), memoryLimit);
		}
	});

	it('may be a fraction', () => {
		assert.ok(limitOf({ memoryLimit: 8.5 }) >= 8.5);
	});

	it('is at least 8', () => {
		for (const memoryLimit of [0, -0, 1, 4, 7, 7.9, -1, -Infinity, NaN]) {
			throws(() => new Isolate({ memoryLimit }), RangeError, '`memoryLimit` must be at least 8');
		}
	});

	it('is no larger than anything could be', () => {
		for (const memoryLimit of [Infinity, 2 ** 32, 1e9]) {
			throws(() => new Isolate({ memoryLimit }), RangeError, /^`memoryLimit` must be at most /);
		}
	});

	it('is a number', () => {
		for (const memoryLimit of ['128', true, {}, [16], 16n, Symbol('16')]) {
			throws(() => new Isolate({ memoryLimit }), TypeError, '`memoryLimit` must be a number', 'ERR_INVALID_ARG_TYPE');
		}
	});
});

describe('options', () => {
	it('take a function for catastrophes', () => {
		new Isolate({ onCatastrophicError() {} });
		for (const onCatastrophicError of [5, {}, 'x', true]) {
			throws(() => new Isolate({ onCatastrophicError }), TypeError, '`onCatastrophicError` must be a function');
		}
	});
});

describe('createContext', () => {
	inBothForms('gives a context', 'createContext', async call => {
		const context = await call(new Isolate());
		assert.ok(context instanceof Context);
		assert.ok(context.global instanceof Reference);
		assert.equal(context.evalSync('1 + 1'), 2);
	});

	inBothForms('refuses options that are no object', 'createContext', async (call, form) => {
		const isolate = new Isolate();
		await rejects(call(isolate, 5), TypeError, `\`${form}\` requires parameter 1 to be an object`);
		assert.ok(await call(isolate, null) instanceof Context);
	});

	it('gives contexts that share nothing but the isolate', () => {
		const isolate = new Isolate();
		const [a, b] = [isolate.createContextSync(), isolate.createContextSync()];
		a.evalSync('globalThis.x = 1; Array.prototype.y = 2; Object.prototype.z = 3');
		assert.deepEqual(b.evalSync('[typeof x, typeof [].y, typeof {}.z]', { copy: true }),
			['undefined', 'undefined', 'undefined']);
		assert.deepEqual(a.evalSync('[x, [].y, {}.z]', { copy: true }), [1, 2, 3]);
	});
});

describe('compileScript', () => {
	inBothForms('gives a script', 'compileScript', async call => {
		const { isolate, context } = guest();
		const script = await call(isolate, 'globalThis.runs = (globalThis.runs || 0) + 1');
		assert.ok(script instanceof Script);
		assert.equal(context.evalSync('typeof runs'), 'undefined');
		assert.equal(script.runSync(context), 1);
	});

	inBothForms('wants source', 'compileScript', async (call, form) => {
		const isolate = new Isolate();
		await rejects(call(isolate), TypeError, `\`${form}\` requires at least 1 parameter`, 'ERR_MISSING_ARGS');
		for (const code of [undefined, null, 5, {}, new String('1'), Buffer.from('1')]) {
			await rejects(call(isolate, code), TypeError, `\`${form}\` requires parameter 1 to be a string`,
				'ERR_INVALID_ARG_TYPE');
		}
	});

	inBothForms('wants sensible options', 'compileScript', async (call, form) => {
		const isolate = new Isolate();
		for (const options of [5, 'x']) {
			await rejects(call(isolate, '1', options), TypeError, `\`${form}\` requires parameter 2 to be an object`);
		}
		await rejects(call(isolate, '1', { filename: 5 }), TypeError, '`filename` must be a string');
		for (const name of ['lineOffset', 'columnOffset']) {
			for (const value of ['x', 1.5, 2 ** 31, NaN, true]) {
				await rejects(call(isolate, '1', { [name]: value }), TypeError, `\`${name}\` must be a 32-bit number`);
			}
			for (const value of [undefined, null, 0, -1, 5]) {
				assert.ok(await call(isolate, '1', { [name]: value }) instanceof Script);
			}
		}
		assert.ok(await call(isolate, '1', null) instanceof Script);
		assert.ok(await call(isolate, '1', { filename: null }) instanceof Script);
	});
});

describe('getHeapStatistics', () => {
	const NAMES = [
		'total_heap_size', 'total_heap_size_executable', 'total_physical_size', 'total_available_size', 'used_heap_size',
		'heap_size_limit', 'malloced_memory', 'peak_malloced_memory', 'does_zap_garbage', 'externally_allocated_size',
		'number_of_native_contexts', 'number_of_detached_contexts', 'total_global_handles_size', 'used_global_handles_size',
		'external_memory', 'total_allocated_bytes',
	];

	inBothForms('gives numbers under the names V8 has for them', 'getHeapStatistics', async call => {
		const statistics = await call(new Isolate());
		assert.deepEqual(Object.keys(statistics), NAMES);
		assert.equal(Object.getPrototypeOf(statistics), Object.prototype);
		for (const name of NAMES) {
			assert.equal(typeof statistics[name], 'number', name);
		}
		assert.ok(statistics.used_heap_size > 0);
		assert.ok(statistics.used_heap_size <= statistics.total_heap_size);
		assert.ok(statistics.total_heap_size < statistics.heap_size_limit);
	});

	it('counts array buffers as external', () => {
		const { isolate, context } = guest();
		const before = isolate.getHeapStatisticsSync().externally_allocated_size;
		context.evalSync('globalThis.buffer = new ArrayBuffer(3 * 1024 * 1024); 0');
		assert.equal(isolate.getHeapStatisticsSync().externally_allocated_size, before + 3 * 1024 * 1024);
	});

	it('grows with what the guest holds', () => {
		const { isolate, context } = guest();
		const before = isolate.getHeapStatisticsSync().used_heap_size;
		context.evalSync('globalThis.list = Array.from({ length: 100000 }, (_, i) => ({ i })); 0');
		assert.ok(isolate.getHeapStatisticsSync().used_heap_size > before + 1024 * 1024);
	});
});

describe('clocks', () => {
	it('are bigints that never run backwards', () => {
		const { isolate, context } = guest();
		let [cpu, wall] = [isolate.cpuTime, isolate.wallTime];
		assert.equal(typeof cpu, 'bigint');
		assert.equal(typeof wall, 'bigint');
		for (let i = 0; i < 10; ++i) {
			context.evalSync('for (let i = 0; i < 1e5; ++i);');
			assert.ok(isolate.cpuTime >= cpu);
			assert.ok(isolate.wallTime >= wall);
			[cpu, wall] = [isolate.cpuTime, isolate.wallTime];
		}
		assert.ok(cpu > 0n);
		assert.ok(wall > 0n);
	});

	it('can still be read when the isolate is gone', () => {
		const { isolate, context } = guest();
		context.evalSync('1');
		isolate.dispose();
		assert.ok(isolate.cpuTime > 0n);
		assert.ok(isolate.wallTime > 0n);
	});
});

describe('referenceCount', () => {
	it('counts what is held of the isolate', () => {
		const isolate = new Isolate();
		assert.equal(isolate.referenceCount, 0);
		const context = isolate.createContextSync();
		assert.equal(isolate.referenceCount, 2);
		isolate.compileScriptSync('1');
		assert.equal(isolate.referenceCount, 3);
		context.evalSync('({})', { reference: true });
		assert.equal(isolate.referenceCount, 4);
		context.evalSync('(() => 1)');
		assert.equal(isolate.referenceCount, 5);
	});

	it('counts nothing for values, copies and references to the host', () => {
		const { isolate, context, jail } = guest();
		const before = isolate.referenceCount;
		context.evalSync('({ a: [1] })', { copy: true });
		context.evalSync('({ a: [1] })', { externalCopy: true });
		jail.setSync('f', () => 1);
		jail.setSync('r', new Reference({}));
		assert.equal(isolate.referenceCount, before);
	});

	it('falls with the next call after a release', () => {
		const { isolate, context } = guest();
		const before = isolate.referenceCount;
		const references = Array.from({ length: 5 }, () => context.evalSync('({})', { reference: true }));
		assert.equal(isolate.referenceCount, before + 5);
		references.forEach(reference => reference.release());
		context.evalSync('1');
		assert.equal(isolate.referenceCount, before);
	});
});

describe('an isolate on its way through guests', () => {
	it('is opaque there and comes back as a handle to the same isolate', () => {
		const a = guest();
		const b = guest();
		b.jail.setSync('other', a.isolate);
		assert.equal(b.context.evalSync('typeof other'), 'object');
		assert.equal(b.context.evalSync('Object.getOwnPropertyNames(other).length'), 0);
		const back = b.context.evalSync('other');
		assert.ok(back instanceof Isolate);
		back.createContextSync();
		assert.equal(back.isDisposed, false);
		a.isolate.dispose();
		assert.equal(back.isDisposed, true);
	});

	it('lives on when the first handle to it is gone', () => {
		const b = guest();
		b.jail.setSync('other', new Isolate());
		assert.equal(b.context.evalSync('other').createContextSync().evalSync('2 + 2'), 4);
	});
});

describe('methods and getters', () => {
	it('refuse a foreign this', async () => {
		const { isolate } = guest();
		for (const target of [undefined, null, {}, 5, guest().context, Isolate.prototype]) {
			for (const method of ['compileScriptSync', 'createContextSync', 'getHeapStatisticsSync', 'dispose']) {
				assert.throws(() => Isolate.prototype[method].call(target, '1'), TypeError, method);
			}
			for (const method of ['compileScript', 'createContext', 'getHeapStatistics']) {
				await assert.rejects(Isolate.prototype[method].call(target, '1'), TypeError, method);
			}
			for (const name of ['isDisposed', 'cpuTime', 'wallTime', 'referenceCount']) {
				const { get } = Object.getOwnPropertyDescriptor(Isolate.prototype, name);
				assert.throws(() => get.call(target), TypeError, name);
			}
		}
		assert.equal(isolate.isDisposed, false);
	});

	it('can not be set', () => {
		const { isolate } = guest();
		assert.throws(() => { isolate.isDisposed = true; }, TypeError);
		assert.equal(isolate.isDisposed, false);
	});

	it('carry the right names', () => {
		for (const name of Object.getOwnPropertyNames(Isolate.prototype).filter(name => name !== 'constructor')) {
			const { value, get } = Object.getOwnPropertyDescriptor(Isolate.prototype, name);
			assert.equal((value ?? get).name.replace('get ', ''), name);
		}
	});
});
