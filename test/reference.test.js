'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, rejection, thrown, throws } = require('./helpers');
const { ExternalCopy, Isolate, Reference } = islet;

/** A guest and a reference to what `code` gives. */
function referring(code) {
	const made = guest();
	return { ...made, reference: made.context.evalSync(code, { reference: true }) };
}

describe('typeof', () => {
	it('says what is referred to, symbols and bigints being objects and null being null', () => {
		const { context } = guest();
		const types = {
			undefined: 'undefined', null: 'null', 1: 'number', NaN: 'number', '"s"': 'string', true: 'boolean', '1n': 'object',
			'Symbol()': 'object', '({})': 'object', '[]': 'object', '() => 1': 'function', 'class {}': 'function',
			'new Proxy({}, {})': 'object', 'new Proxy(() => 1, {})': 'function', parseInt: 'function', globalThis: 'object',
		};
		for (const [code, type] of Object.entries(types)) {
			assert.equal(context.evalSync(`(${code})`, { reference: true }).typeof, type, code);
		}
	});

	it('can be asked after the isolate\'s end, but not after the release', () => {
		const { isolate, reference } = referring('({})');
		isolate.dispose();
		assert.equal(reference.typeof, 'object');
		reference.release();
		throws(() => reference.typeof, Error, 'Reference has been released', 'ERR_RELEASED');
	});

	it('can not be set', () => {
		const { reference } = referring('5');
		assert.throws(() => { reference.typeof = 'string'; }, TypeError);
		assert.equal(reference.typeof, 'number');
	});
});

describe('get', () => {
	const OBJECT = `globalThis.o = {
		u: undefined, n: null, number: 1, s: 'x', big: 1n, b: true, symbol: Symbol('y'), object: { q: 1 }, array: [1, 2],
		f: function foo(a) { return a }, promise: Promise.resolve(5), date: new Date(3), error: new RangeError('er'),
		get getter() { return 42 }, set setter(v) {}, 5: 'five', '': 'empty', 'ä\\u1234': 'wide',
	}`;

	inBothForms('gives primitives and functions as they are, and references to the rest', 'get', async call => {
		const { reference } = referring(OBJECT);
		for (const [key, value] of Object.entries({ u: undefined, n: null, number: 1, s: 'x', big: 1n, b: true, 5: 'five',
			'': 'empty', 'ä\u1234': 'wide' })) {
			assert.equal(await call(reference, key), value, key);
		}
		for (const key of ['symbol', 'object', 'array', 'promise', 'date', 'error']) {
			const inner = await call(reference, key);
			assert.ok(inner instanceof Reference, key);
			assert.equal(inner.typeof, 'object', key);
		}
		assert.equal((await call(reference, 'f'))(7), 7);
	});

	inBothForms('copies when asked to', 'get', async call => {
		const { reference } = referring(OBJECT);
		const copy = { copy: true };
		assert.deepEqual(await call(reference, 'object', copy), { q: 1 });
		assert.deepEqual(await call(reference, 'array', copy), [1, 2]);
		assert.deepEqual(await call(reference, 'date', copy), new Date(3));
		assert.ok(await call(reference, 'error', copy) instanceof RangeError);
		assert.equal(await call(reference, 'missing', copy), undefined);
		await rejects(call(reference, 'symbol', copy), TypeError, 'Unsupported type', 'ERR_NON_TRANSFERABLE');
		await rejects(call(reference, 'f', copy), TypeError, 'function foo(a) { return a } could not be cloned.');
		await rejects(call(reference, 'promise', copy), TypeError, '#<Promise> could not be cloned.');
	});

	inBothForms('gives external copies, references and promises when asked to', 'get', async call => {
		const { reference } = referring(OBJECT);
		assert.deepEqual((await call(reference, 'object', { externalCopy: true })).copy(), { q: 1 });
		assert.equal((await call(reference, 'missing', { externalCopy: true })).copy(), undefined);
		assert.equal((await call(reference, 'number', { reference: true })).typeof, 'number');
		assert.equal((await call(reference, 'missing', { reference: true })).typeof, 'undefined');
		assert.equal(await call(reference, 'promise', { promise: true }), 5);
		assert.equal(await call(reference, 'number', { promise: true }), 1);
		assert.ok(await call(reference, 'object', { promise: true }) instanceof Reference);
		assert.deepEqual(await call(reference, 'object', { promise: true, copy: true }), { q: 1 });
	});

	inBothForms('sees own properties only', 'get', async call => {
		const { context, reference } = referring(`${OBJECT}; Object.prototype.inherited = 'yes'; Object.create(o)`);
		for (const key of ['toString', 'constructor', '__proto__', 'inherited', 'missing', 'number', 'getter']) {
			assert.equal(await call(reference, key), undefined, key);
		}
		const { reference: own } = referring('JSON.parse(\'{ "__proto__": 1, "constructor": 2 }\')');
		assert.equal(await call(own, '__proto__'), 1);
		assert.equal(await call(own, 'constructor'), 2);
		assert.equal(context.evalSync('({}).inherited'), 'yes');
	});

	inBothForms('runs a getter only when asked to', 'get', async call => {
		const { reference } = referring(OBJECT);
		await rejects(call(reference, 'getter'), TypeError, 'Property is getter', 'ERR_REFERENCE');
		await rejects(call(reference, 'setter'), TypeError, 'Property is getter');
		assert.equal(await call(reference, 'getter', { accessors: true }), 42);
		assert.equal(await call(reference, 'setter', { accessors: true }), undefined);
		assert.equal(await call(reference, 'number', { accessors: true }), 1);
		await rejects(call(reference, 'number', { accessors: 1 }), TypeError, '`accessors` must be a boolean');
	});

	inBothForms('passes on what a getter throws', 'get', async call => {
		const { reference } = referring('({ get a() { throw new RangeError("from the getter") } })');
		await rejects(call(reference, 'a', { accessors: true }), RangeError, 'from the getter');
	});

	inBothForms('is not fooled by what the guest does to its builtins', 'get', async call => {
		const { context, reference } = referring('globalThis.o = { a: 1 }; o');
		context.evalSync(`
			Object.prototype.get = () => { throw 'fooled' };
			Object.defineProperty(Object.prototype, 'value', { get() { throw 'fooled' }, configurable: true });
			Object.getOwnPropertyDescriptor = Object.prototype.hasOwnProperty = Reflect.get = () => { throw 'fooled' };
			Array.prototype[Symbol.iterator] = () => { throw 'fooled' };`);
		assert.equal(await call(reference, 'a'), 1);
		assert.deepEqual(await call(reference, 'a', { copy: true }), 1);
	});

	inBothForms('refuses proxies, also as prototypes', 'get', async call => {
		const { context } = guest();
		for (const code of ['new Proxy({ a: 1 }, { get() { globalThis.ran = true } })', 'new Proxy({ a: 1 }, {})',
			'Object.create(new Proxy({}, { get() { globalThis.ran = true }, getPrototypeOf() { globalThis.ran = true } }))',
			'Object.create(Object.create(new Proxy({}, {})))', '(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()']) {
			const reference = context.evalSync(code, { reference: true });
			for (const options of [undefined, { accessors: true }, { copy: true }]) {
				await rejects(call(reference, 'a', options), TypeError, 'Object is or has proxy', 'ERR_REFERENCE');
			}
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('wants an object', 'get', async call => {
		const { context } = guest();
		for (const code of ['undefined', 'null', '5', '"string"', 'true', '1n', 'Symbol()']) {
			const reference = context.evalSync(code, { reference: true });
			await rejects(call(reference, 'length'), TypeError, 'Reference is not an object', 'ERR_REFERENCE');
		}
	});

	inBothForms('reads arrays, typed arrays, functions and classes', 'get', async call => {
		const { context } = guest();
		const read = (code, key) => call(context.evalSync(`(${code})`, { reference: true }), key);
		assert.equal(await read('[7, 8]', 0), 7);
		assert.equal(await read('[7, 8]', '1'), 8);
		assert.equal(await read('[7, 8]', 2), undefined);
		assert.equal(await read('[7, 8]', -1), undefined);
		assert.equal(await read('[7, 8]', 'length'), 2);
		assert.equal(await read('new Uint8Array([1, 2])', 1), 2);
		assert.equal(await read('Object.assign(() => 1, { a: 5 })', 'a'), 5);
		assert.equal(await read('class { static st = 1 }', 'st'), 1);
		assert.equal(await read('new Error("m")', 'message'), 'm');
	});

	inBothForms('takes strings and 32-bit integers for keys', 'get', async (call, form) => {
		const { reference } = referring(`${OBJECT}; o[2147483647] = 'most'; o['-2147483648'] = 'least'; o['4294967296'] = 'big'; o[4294967295] = 'no index'; o`);
		assert.equal(await call(reference, 5), 'five');
		assert.equal(await call(reference, '5'), 'five');
		assert.equal(await call(reference, 2147483647), 'most');
		assert.equal(await call(reference, -2147483648), 'least');
		assert.equal(await call(reference, 4294967295), 'no index');
		assert.equal(await call(reference, '4294967296'), 'big');
		for (const key of [null, undefined, true, 1.5, 1n, 2 ** 32, -(2 ** 31) - 1, NaN, {}, [], () => 1, Symbol.iterator, Symbol('z'),
			new String('s'), new Reference('s'), new ExternalCopy('s'), new ExternalCopy('s').copyInto()]) {
			await rejects(call(reference, key), TypeError, 'Invalid `key`', 'ERR_REFERENCE');
		}
		await rejects(call(reference), TypeError, `\`${form}\` requires at least 1 parameter`, 'ERR_MISSING_ARGS');
		await rejects(call(reference, 'a', 5), TypeError, `\`${form}\` requires parameter 2 to be an object`);
	});
});

describe('every index of an array', () => {
	it('is a key, in guests and in the host', async () => {
		for (const array of [referring('[]').reference, new Reference([])]) {
			for (const index of [2147483648, 4294967294]) {
				array.setSync(index, 'x');
				assert.equal(array.getSync(index), 'x');
				assert.equal(array.getSync('length'), index + 1);
				await array.delete(index);
				assert.equal(array.getSync(index), undefined);
			}
			array.setSync(4294967295, 'y');
			assert.equal(array.getSync('length'), 4294967295);
		}
	});
});

describe('set', () => {
	inBothForms('sets primitives and functions', 'set', async call => {
		const { context, jail } = guest();
		for (const value of [undefined, null, 1, -0, 'text', '\ud800\u1234', 1n, true]) {
			assert.equal(await call(jail, 'v', value), undefined);
			assert.ok(Object.is(context.evalSync('v'), value));
		}
		await call(jail, 'v', () => 5);
		assert.equal(context.evalSync('v()'), 5);
		await call(jail, 5, 'five');
		assert.equal(context.evalSync('globalThis[5]'), 'five');
		await call(jail, '', 'empty');
		assert.equal(context.evalSync('globalThis[""]'), 'empty');
	});

	inBothForms('refuses what needs an option, and leaves the property alone', 'set', async call => {
		const { context, jail } = guest();
		context.evalSync('v = "before"');
		for (const value of [{}, [], Symbol('s'), new Date(), new Error('e'), Promise.resolve(1), new Map(), /x/, Object(1)]) {
			await rejects(call(jail, 'v', value), TypeError, 'A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
		}
		assert.equal(context.evalSync('v'), 'before');
	});

	inBothForms('takes the ways of transfer', 'set', async call => {
		const { context, jail } = guest();
		await call(jail, 'v', { a: [1] }, { copy: true });
		assert.equal(context.evalSync('JSON.stringify(v)'), '{"a":[1]}');
		assert.equal(context.evalSync('v instanceof Object && v.a instanceof Array'), true);
		await call(jail, 'v', { a: 1 }, { reference: true });
		assert.equal(context.evalSync('v').deref().a, 1);
		await call(jail, 'v', { a: 1 }, { externalCopy: true });
		assert.deepEqual(context.evalSync('v').copy(), { a: 1 });
		await call(jail, 'v', Promise.resolve(5), { promise: true });
		assert.equal(await context.eval('v.then(n => n + 1)', { promise: true }), 6);
	});

	inBothForms('defines, and runs no setter', 'set', async call => {
		const { context, reference } = referring(`
			globalThis.o = { set a(v) { globalThis.ran = true } };
			Object.defineProperty(Object.prototype, 'b', { set(v) { globalThis.ran = true }, configurable: true }); o`);
		await call(reference, 'a', 1);
		await call(reference, 'b', 2);
		assert.deepEqual(context.evalSync('[o.a, o.b, typeof ran, Object.hasOwn(o, "b")]', { copy: true }),
			[1, 2, 'undefined', true]);
	});

	inBothForms('makes an own property of __proto__', 'set', async call => {
		const { context, reference } = referring('globalThis.o = {}; o');
		await call(reference, '__proto__', 5);
		assert.deepEqual(context.evalSync('[Object.hasOwn(o, "__proto__"), Object.getPrototypeOf(o) === Object.prototype]',
			{ copy: true }), [true, true]);
	});

	inBothForms('tells when the object refuses', 'set', async call => {
		const { context, jail } = guest();
		context.evalSync('Object.defineProperty(globalThis, "fixed", { value: 1 }); globalThis.frozen = Object.freeze({ a: 1 })');
		await rejects(call(jail, 'fixed', 2), TypeError, 'Set failed', 'ERR_REFERENCE');
		await rejects(call(jail.getSync('frozen'), 'a', 2), TypeError, 'Set failed');
		await rejects(call(jail.getSync('frozen'), 'b', 2), TypeError, 'Set failed');
		assert.deepEqual(context.evalSync('[fixed, frozen]', { copy: true }), [1, { a: 1 }]);
		const proxy = context.evalSync('new Proxy({}, { defineProperty() { globalThis.ran = true; return true } })',
			{ reference: true });
		await rejects(call(proxy, 'a', 1), TypeError, 'Object is or has proxy');
		for (const code of ['5', '"s"', 'null', 'undefined', 'Symbol()', '1n']) {
			await rejects(call(context.evalSync(code, { reference: true }), 'a', 1), TypeError, 'Reference is not an object');
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('wants a key and a value', 'set', async (call, form) => {
		const { context, jail } = guest();
		await rejects(call(jail), TypeError, `\`${form}\` requires at least 2 parameters`, 'ERR_MISSING_ARGS');
		await rejects(call(jail, 'x'), TypeError, `\`${form}\` requires at least 2 parameters`);
		await rejects(call(jail, {}, 1), TypeError, 'Invalid `key`');
		await rejects(call(jail, Symbol.iterator, 1), TypeError, 'Invalid `key`');
		await rejects(call(jail, 'x', 1, 5), TypeError, `\`${form}\` requires parameter 3 to be an object`);
		await rejects(call(jail, 'x', 1, { copy: 1 }), TypeError, '`copy` must be a boolean');
		assert.equal(context.evalSync('typeof x'), 'undefined');
	});

	it('can be ignored', async () => {
		const { context, jail } = guest();
		assert.equal(jail.setIgnored('a', 7), undefined);
		assert.equal(await context.eval('a'), 7);
		context.evalSync('Object.defineProperty(globalThis, "fixed", { value: 1 })');
		assert.equal(jail.setIgnored('fixed', 2), undefined);
		throws(() => jail.setIgnored('a', {}), TypeError, 'A non-transferable value was passed');
		throws(() => jail.setIgnored('a'), TypeError, '`setIgnored` requires at least 2 parameters');
		throws(() => jail.setIgnored('a', 1, { copy: 1 }), TypeError, '`copy` must be a boolean');
		assert.equal(await context.eval('fixed + a'), 8);
	});
});

describe('delete', () => {
	inBothForms('deletes', 'delete', async call => {
		const { context, jail } = guest();
		context.evalSync('globalThis.a = 1; globalThis[5] = 2');
		assert.equal(await call(jail, 'a'), undefined);
		assert.equal(await call(jail, 5), undefined);
		assert.equal(await call(jail, 'missing'), undefined);
		assert.equal(context.evalSync('typeof a + typeof globalThis[5]'), 'undefinedundefined');
	});

	inBothForms('tells when the object refuses', 'delete', async (call, form) => {
		const { context, jail } = guest();
		context.evalSync('Object.defineProperty(globalThis, "fixed", { value: 1 })');
		await rejects(call(jail, 'fixed'), TypeError, 'Delete failed', 'ERR_REFERENCE');
		await rejects(call(jail), TypeError, `\`${form}\` requires at least 1 parameter`);
		await rejects(call(jail, Symbol.iterator), TypeError, 'Invalid `key`');
		await rejects(call(context.evalSync('5', { reference: true }), 'a'), TypeError, 'Reference is not an object');
		const proxy = context.evalSync('new Proxy({}, { deleteProperty() { globalThis.ran = true; return true } })',
			{ reference: true });
		await rejects(call(proxy, 'a'), TypeError, 'Object is or has proxy');
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	it('can be ignored', async () => {
		const { context, jail } = guest();
		context.evalSync('globalThis.a = 1; Object.defineProperty(globalThis, "fixed", { value: 1 })');
		assert.equal(jail.deleteIgnored('a'), undefined);
		assert.equal(jail.deleteIgnored('fixed'), undefined);
		throws(() => jail.deleteIgnored(), TypeError, '`deleteIgnored` requires at least 1 parameter');
		throws(() => jail.deleteIgnored({}), TypeError, 'Invalid `key`');
		assert.equal(await context.eval('typeof a + fixed'), 'undefined1');
	});
});

describe('apply', () => {
	const SEEN = `"use strict"; (function (...values) {
		return JSON.stringify([typeof this, String(this), values.length, ...values.map(v => typeof v)]) })`;

	inBothForms('passes receiver and arguments', 'apply', async call => {
		const { reference, jail } = referring(SEEN);
		const seen = async (...values) => JSON.parse(await call(reference, ...values));
		assert.deepEqual(await seen(), ['undefined', 'undefined', 0]);
		assert.deepEqual(await seen(undefined, [1, 's', true, null, undefined, 1n, () => 1]),
			['undefined', 'undefined', 7, 'number', 'string', 'boolean', 'object', 'undefined', 'bigint', 'function']);
		assert.deepEqual(await seen(null, []), ['object', 'null', 0]);
		assert.deepEqual(await seen(5, ['x']), ['number', '5', 1, 'string']);
		assert.deepEqual(await seen('str'), ['string', 'str', 0]);
		assert.deepEqual(await seen(jail.derefInto(), []), ['object', '[object Object]', 0]);
		assert.deepEqual((await seen(() => 1, [])).slice(0, 1), ['function']);
		// eslint-disable-next-line no-sparse-arrays
		assert.deepEqual(await seen(undefined, [, 2]), ['undefined', 'undefined', 2, 'undefined', 'number']);
		assert.deepEqual(await seen(undefined, null), ['undefined', 'undefined', 0]);
	});

	inBothForms('passes many arguments', 'apply', async call => {
		const { reference } = referring('(...values) => values.length + ":" + values.join("")');
		for (const count of [3, 4, 5, 17, 1000, 20_000]) {
			const values = Array.from({ length: count }, (_, i) => i % 10);
			assert.equal(await call(reference, undefined, values), `${count}:${values.join('')}`);
		}
	});

	inBothForms('refuses what needs an option', 'apply', async call => {
		const { context, reference } = referring('(function () { globalThis.ran = true })');
		for (const value of [{}, [], Symbol('s'), new Date(), Promise.resolve(1), new Error('e')]) {
			await rejects(call(reference, undefined, [1, value]), TypeError, 'A non-transferable value was passed',
				'ERR_NON_TRANSFERABLE');
			await rejects(call(reference, value, []), TypeError, 'A non-transferable value was passed');
			// The receiver never gets the options of the arguments.
			await rejects(call(reference, value, [], { arguments: { copy: true } }), TypeError,
				'A non-transferable value was passed');
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('wants arguments in an array, and sensible options', 'apply', async (call, form) => {
		const { reference } = referring('() => 1');
		for (const values of [5, 'ab', { 0: 1, length: 1 }, new Set([1]), () => 1, new Uint8Array([3])]) {
			await rejects(call(reference, undefined, values), TypeError, `\`${form}\` requires parameter 2 to be an array`,
				'ERR_INVALID_ARG_TYPE');
		}
		await rejects(call(reference, undefined, [], 5), TypeError, `\`${form}\` requires parameter 3 to be an object`);
		for (const name of ['arguments', 'result']) {
			for (const value of [5, true]) {
				await rejects(call(reference, undefined, [], { [name]: value }), TypeError, `\`${name}\` must be an object`);
			}
			await rejects(call(reference, undefined, [], { [name]: { reference: 'x' } }), TypeError,
				'`reference` must be a boolean');
		}
		await rejects(call(reference, undefined, [], { timeout: 1.5 }), TypeError, '`timeout` must be a 32-bit number');
		assert.equal(await call(reference, undefined, [], null), 1);
		assert.equal(await call(reference, undefined, [], { copy: true }), 1);
	});

	inBothForms('gives a reference for results that need an option', 'apply', async call => {
		const { context } = guest();
		for (const code of ['({ a: 1 })', '[1]', 'Symbol("q")', 'new Date(1)', 'Promise.resolve(1)', 'new Error("re")', 'globalThis']) {
			const f = context.evalSync(`() => ${code}`, { reference: true });
			const result = await call(f);
			assert.ok(result instanceof Reference, code);
			assert.equal(result.typeof, 'object');
		}
		for (const [code, value] of [['undefined', undefined], ['null', null], ['"s"', 's'], ['2n', 2n], ['-0', -0]]) {
			assert.ok(Object.is(await call(context.evalSync(`() => ${code}`, { reference: true })), value), code);
		}
		assert.equal((await call(context.evalSync('() => x => x + 1', { reference: true })))(1), 2);
	});

	inBothForms('takes the ways of transfer for results', 'apply', async call => {
		const { reference } = referring('() => ({ a: 1 })');
		assert.deepEqual(await call(reference, undefined, [], { result: { copy: true } }), { a: 1 });
		assert.deepEqual((await call(reference, undefined, [], { result: { externalCopy: true } })).copy(), { a: 1 });
		assert.ok(await call(reference, undefined, [], { result: { reference: true } }) instanceof Reference);
		const { reference: later } = referring('async () => ({ a: 1 })');
		assert.deepEqual(await call(later, undefined, [], { result: { promise: true, copy: true } }), { a: 1 });
		assert.ok(await call(later, undefined, [], { result: { promise: true } }) instanceof Reference);
		await rejects(call(later, undefined, [], { result: { copy: true } }), TypeError, '#<Promise> could not be cloned.');
	});

	inBothForms('takes the ways of transfer for arguments', 'apply', async call => {
		const { context } = guest();
		const kinds = context.evalSync('(...values) => values.map(v => v.constructor.name + ":" + typeof v).join()',
			{ reference: true });
		const seen = way => call(kinds, undefined, [{ a: 1 }, [1]], { arguments: { [way]: true } });
		assert.equal(await seen('copy'), 'Object:object,Array:object');
		assert.equal(await seen('reference'), 'Reference:object,Reference:object');
		assert.equal(await seen('externalCopy'), 'ExternalCopy:object,ExternalCopy:object');
		const sum = context.evalSync('async (...values) => (await values[0]) + (await values[1])', { reference: true });
		assert.equal(await call(sum, undefined, [Promise.resolve(1), 2], {
			arguments: { promise: true }, result: { promise: true },
		}), 3);
	});

	inBothForms('wants a function', 'apply', async call => {
		const { context } = guest();
		for (const code of ['({})', '5', 'null', 'undefined', '"s"', 'new Proxy({}, {})', 'Symbol()', '1n']) {
			await rejects(call(context.evalSync(code, { reference: true })), TypeError, 'Reference is not a function',
				'ERR_REFERENCE');
		}
		await rejects(call(context.evalSync('(class Q {})', { reference: true })), TypeError,
			'Class constructor Q cannot be invoked without \'new\'');
		assert.equal(await call(context.evalSync('new Proxy(() => 8, {})', { reference: true })), 8);
		assert.equal(await call(context.evalSync('new Proxy(() => 8, { apply: () => 9 })', { reference: true })), 9);
	});

	inBothForms('passes on what is thrown', 'apply', async call => {
		const { reference } = referring('(function thrower() { throw new RangeError("applied") })');
		const error = await rejects(call(reference), RangeError, 'applied');
		assert.match(error.stack.split('\n')[1], /at thrower \(<isolated-vm>:1:\d+\)/);
	});

	it('can be ignored', async () => {
		const { context } = guest();
		const f = context.evalSync('n => { globalThis.n = n; throw new Error("nobody hears") }', { reference: true });
		assert.equal(f.applyIgnored(undefined, [5]), undefined);
		assert.equal(context.evalSync('({})', { reference: true }).applyIgnored(), undefined);
		throws(() => f.applyIgnored(undefined, [{}]), TypeError, 'A non-transferable value was passed');
		throws(() => f.applyIgnored({}, []), TypeError, 'A non-transferable value was passed');
		throws(() => f.applyIgnored(undefined, 5), TypeError, '`applyIgnored` requires parameter 2 to be an array');
		throws(() => f.applyIgnored(undefined, [], { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number');
		assert.equal(await context.eval('n'), 5);
	});

	it('has a form for guests only', () => {
		const { reference } = referring('() => 1');
		throws(() => reference.applySyncPromise(undefined, []), Error,
			'This function may not be called from the default thread', 'ERR_WRONG_THREAD');
	});
});

describe('copy', () => {
	inBothForms('copies what is referred to', 'copy', async call => {
		const { context } = guest();
		const copy = code => call(context.evalSync(`(${code})`, { reference: true }));
		assert.equal(await copy('undefined'), undefined);
		assert.equal(await copy('null'), null);
		assert.equal(await copy('2n ** 70n'), 2n ** 70n);
		assert.deepEqual(await copy('{ a: [1, { b: 2 }] }'), { a: [1, { b: 2 }] });
		assert.deepEqual(await copy('new Date(3)'), new Date(3));
		assert.ok(await copy('new RangeError("q")') instanceof RangeError);
		await rejects(copy('Symbol("x")'), TypeError, 'Unsupported type');
		await rejects(copy('() => 1'), TypeError, '() => 1 could not be cloned.');
		await rejects(copy('Promise.resolve(1)'), TypeError, '#<Promise> could not be cloned.');
		await rejects(copy('new Proxy({}, {})'), TypeError, '#<Object> could not be cloned.');
	});
});

describe('deref and derefInto', () => {
	it('deref refuses what belongs to a guest', () => {
		const { reference } = referring('({})');
		throws(() => reference.deref(), TypeError, 'Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
		throws(() => reference.deref(5), TypeError, '`deref` requires parameter 1 to be an object');
		throws(() => reference.deref({ release: 1 }), TypeError, '`release` must be a boolean');
	});

	it('derefInto arrives as the value itself', () => {
		const { context, jail, reference } = referring('globalThis.object = { a: 1 }; object');
		jail.setSync('same', reference.derefInto());
		assert.equal(context.evalSync('same === object'), true);
		assert.equal(context.evalClosureSync('return $0 === object && $1 === object', [reference.derefInto(), reference.derefInto()]), true);
		const identity = context.evalSync('function identity(x) { return this === object && x === object } identity', { reference: true });
		assert.equal(identity.applySync(reference.derefInto(), [reference.derefInto()]), true);
		for (const code of ['undefined', '5', '"s"', 'Symbol.iterator', '1n']) {
			jail.setSync('value', context.evalSync(code, { reference: true }).derefInto());
			assert.equal(context.evalSync(`value === ${code}`), true, code);
		}
	});

	it('derefInto works inside copied values and in what callbacks give', () => {
		const { context, jail, reference } = referring('globalThis.object = { a: 1 }; object');
		jail.setSync('holder', { inner: [reference.derefInto()] }, { copy: true });
		assert.equal(context.evalSync('holder.inner[0] === object'), true);
		jail.setSync('give', () => reference.derefInto());
		assert.equal(context.evalSync('give() === object'), true);
		jail.setSync('promise', Promise.resolve(0).then(() => reference.derefInto()), { promise: true });
		return context.eval('promise.then(value => value === object)', { promise: true })
			.then(same => assert.equal(same, true));
	});

	inBothForms('derefInto is refused by another isolate', 'set', async call => {
		const { reference } = referring('({})');
		const other = guest();
		await rejects(call(other.jail, 'x', reference.derefInto()), TypeError, 'Cannot dereference this into target isolate',
			'ERR_WRONG_ISOLATE');
		assert.equal(other.context.evalSync('typeof x'), 'undefined');
	});

	it('derefInto reaches other contexts of the isolate', () => {
		const { isolate, context, reference } = referring('globalThis.object = { a: 1 }; object');
		const second = isolate.createContextSync();
		second.global.setSync('object', reference.derefInto());
		assert.equal(second.evalSync('object.a'), 1);
		assert.equal(second.evalSync('object instanceof Object'), false);
		second.evalSync('object.a = 2');
		assert.equal(context.evalSync('object.a'), 2);
		second.global.setSync('otherGlobal', context.global.derefInto());
		assert.equal(second.evalSync('otherGlobal.object === object'), true);
	});

	it('derefInto can release on the way', () => {
		const { context, jail, reference } = referring('globalThis.object = {}; object');
		const into = reference.derefInto({ release: true });
		throws(() => reference.typeof, Error, 'Reference has been released');
		jail.setSync('same', into);
		assert.equal(context.evalSync('same === object'), true);
		throws(() => jail.setSync('again', into), Error, 'The return value of `derefInto()` should only be used once');
		throws(() => guest().context.global.derefInto({ release: 1 }), TypeError, '`release` must be a boolean');
	});

	it('derefInto holds what it refers to by itself', () => {
		const { context, jail, reference } = referring('globalThis.object = {}; object');
		const into = reference.derefInto();
		reference.release();
		jail.setSync('same', into);
		assert.equal(context.evalSync('same === object'), true);
	});

	it('derefInto works again and again in async calls that release nothing', async () => {
		const { context, reference } = referring('globalThis.object = {}; object');
		const promises = Array.from({ length: 10 }, () => context.evalClosure('return $0 === object', [reference.derefInto()]));
		assert.deepEqual(await Promise.all(promises), Array(10).fill(true));
	});

	it('what derefInto gives can not be made otherwise', () => {
		const { reference } = referring('({})');
		const Dereference = reference.derefInto().constructor;
		assert.throws(() => new Dereference(), TypeError);
		assert.throws(() => new Dereference({}, reference, false), TypeError);
	});
});

describe('release', () => {
	it('gives nothing, and is an error the second time', () => {
		const { reference } = referring('({})');
		assert.equal(reference.release(), undefined);
		throws(() => reference.release(), Error, 'Reference has been released', 'ERR_RELEASED');
	});

	it('ends the use of the reference', async () => {
		const { jail, reference } = referring('({})');
		reference.release();
		const uses = {
			getSync: ['a'], setSync: ['a', 1], setIgnored: ['a', 1], deleteSync: ['a'], deleteIgnored: ['a'], applySync: [],
			applyIgnored: [], copySync: [], deref: [], derefInto: [], applySyncPromise: [],
		};
		for (const [method, values] of Object.entries(uses)) {
			throws(() => reference[method](...values), Error, 'Reference has been released', 'ERR_RELEASED');
		}
		for (const [method, values] of Object.entries({ get: ['a'], set: ['a', 1], delete: ['a'], apply: [], copy: [] })) {
			await rejects(reference[method](...values), Error, 'Reference has been released', 'ERR_RELEASED');
		}
		throws(() => jail.setSync('r', reference), Error, 'Reference has been released', 'ERR_RELEASED');
	});

	it('lets go on what was asked for before', async () => {
		const { context, isolate } = guest();
		const object = context.evalSync('({ who: "old" })', { reference: true });
		const f = context.evalSync('() => "old"', { reference: true });
		context.evalIgnored('for (const end = Date.now() + 20; Date.now() < end;);');
		const newer = context.eval('({ who: "new" })', { reference: true });
		const promises = [object.get('who'), object.copy(), f.apply(), object.set('who', 'set'), object.get('who')];
		object.release();
		f.release();
		assert.deepEqual(await Promise.all(promises), ['old', { who: 'old' }, 'old', undefined, 'set']);
		assert.equal((await newer).getSync('who'), 'new');
		assert.ok(isolate.referenceCount >= 2);
	});

	it('leaves other references to the same value alone', () => {
		const { context } = guest();
		context.evalSync('globalThis.object = { a: 1 }');
		const [a, b] = [0, 0].map(() => context.evalSync('object', { reference: true }));
		a.release();
		assert.equal(b.getSync('a'), 1);
	});

	it('of the whole isolate is an error with every method', async () => {
		const { isolate, reference } = referring('({})');
		isolate.dispose();
		const gone = [Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED'];
		for (const [method, values] of Object.entries({ getSync: ['a'], setSync: ['a', 1], deleteSync: ['a'], applySync: [], copySync: [] })) {
			throws(() => reference[method](...values), ...gone);
		}
		for (const [method, values] of Object.entries({ get: ['a'], set: ['a', 1], delete: ['a'], apply: [], copy: [] })) {
			await rejects(reference[method](...values), ...gone);
		}
		assert.equal(reference.setIgnored('a', 1), undefined);
		assert.equal(reference.deleteIgnored('a'), undefined);
		assert.equal(reference.applyIgnored(), undefined);
		reference.derefInto();
		reference.release();
	});
});

describe('a reference on its way through guests', () => {
	it('is an instance of the class, with nothing of its own', () => {
		const { context, jail, reference } = referring('({})');
		jail.setSync('r', reference);
		assert.equal(context.evalSync('typeof r'), 'object');
		assert.equal(context.evalSync('r.constructor.name'), 'Reference');
		assert.equal(context.evalSync('Reflect.ownKeys(r).length'), 0);
		throws(() => context.evalSync('Reflect.construct(r.constructor, [])'), TypeError, /./);
		assert.equal(context.evalSync('try { r.constructor(); "made" } catch (error) { error.constructor === TypeError }'), true);
	});

	it('comes back as a reference to the same value', () => {
		const { context, jail, reference } = referring('globalThis.object = { a: 1 }; object');
		jail.setSync('r', reference);
		const back = context.evalSync('r');
		assert.ok(back instanceof Reference);
		reference.release();
		back.setSync('a', 2);
		assert.equal(context.evalSync('object.a'), 2);
	});

	it('goes on through other isolates', () => {
		const { context, reference } = referring('globalThis.object = { a: 1 }; object');
		let carried = reference;
		for (let i = 0; i < 5; ++i) {
			const other = guest();
			other.jail.setSync('r', carried);
			carried = i % 2 ? other.context.evalSync('r') : other.context.evalSync('({ r })', { copy: true }).r;
		}
		carried.setSync('a', 5);
		assert.equal(context.evalSync('object.a'), 5);
	});

	it('is not taken for what merely looks like one', () => {
		const { context, jail, reference } = referring('({})');
		jail.setSync('r', reference);
		assert.equal(context.evalSync('Object.create(r)'), undefined);
		assert.equal(context.evalSync('new Proxy(r, {})'), undefined);
		assert.equal(context.evalSync('({ __proto__: r.constructor.prototype })'), undefined);
	});

	it('survives any prototype the guest gives it', () => {
		const { context, jail, reference } = referring('({ a: 1 })');
		jail.setSync('r', reference);
		assert.equal(context.evalSync('Object.setPrototypeOf(r, null); r').getSync('a'), 1);
	});
});

describe('the class', () => {
	it('has methods that refuse a foreign this', async () => {
		const { context, isolate } = guest();
		for (const other of [undefined, null, {}, 5, Reference.prototype, isolate, context, new ExternalCopy(1), () => 1]) {
			for (const [method, values] of Object.entries({
				getSync: ['a'], setSync: ['a', 1], setIgnored: ['a', 1], deleteSync: ['a'], deleteIgnored: ['a'], applySync: [],
				applyIgnored: [], applySyncPromise: [], copySync: [], deref: [], derefInto: [], release: [],
			})) {
				assert.ok(thrown(() => Reference.prototype[method].call(other, ...values)) instanceof TypeError, method);
			}
			for (const [method, values] of Object.entries({ get: ['a'], set: ['a', 1], delete: ['a'], apply: [], copy: [] })) {
				assert.ok(await rejection(Reference.prototype[method].call(other, ...values)) instanceof TypeError, method);
			}
		}
		assert.equal(context.evalSync('1'), 1);
	});

	it('gives references that can be had in great numbers', () => {
		const { context, isolate } = guest();
		const before = isolate.referenceCount;
		const references = Array.from({ length: 2000 }, (_, i) => context.evalSync(`({ i: ${i} })`, { reference: true }));
		assert.equal(isolate.referenceCount, before + 2000);
		references.forEach((reference, i) => assert.equal(reference.getSync('i'), i));
		references.filter((_, i) => i % 2).forEach(reference => reference.release());
		context.evalSync('1');
		assert.equal(isolate.referenceCount, before + 1000);
		const more = Array.from({ length: 1000 }, (_, i) => context.evalSync(`({ i: ${-i} })`, { reference: true }));
		references.forEach((reference, i) => i % 2 || assert.equal(reference.getSync('i'), i));
		more.forEach((reference, i) => assert.equal(reference.getSync('i'), 0 - i));
	});

	it('keeps the isolate in use', () => {
		const reference = new Isolate().createContextSync().evalSync('({ a: 1 })', { reference: true });
		assert.equal(reference.getSync('a'), 1);
	});
});
