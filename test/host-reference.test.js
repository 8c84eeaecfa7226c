'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, rejection, thrown, throws } = require('./helpers');
const { Callback, ExternalCopy, Reference } = islet;

/** Something of the host's to refer to. */
function sample() {
	return {
		a: 1, s: 'x', n: null, big: 1n, nested: { b: 2 }, list: [1, 2], date: new Date(3), symbol: Symbol('y'),
		method(x) { return [this === undefined, x]; },
		get accessor() { return 3; },
		later: Promise.resolve(4),
	};
}

describe('making a reference', () => {
	it('needs a value, of any kind', () => {
		const types = [[undefined, 'undefined'], [null, 'null'], [1, 'number'], ['s', 'string'], [true, 'boolean'],
			[1n, 'object'], [Symbol('x'), 'object'], [{}, 'object'], [[], 'object'], [() => 1, 'function'], [class {}, 'function'],
			[new Proxy({}, {}), 'object']];
		for (const [value, type] of types) {
			const reference = new Reference(value);
			assert.equal(reference.typeof, type);
			assert.equal(reference.deref(), value);
		}
		throws(() => new Reference(), TypeError, '`Reference` requires at least 1 parameter', 'ERR_MISSING_ARGS');
	});

	it('needs new', () => {
		assert.throws(() => Reference(1), TypeError);
	});

	it('takes options', () => {
		throws(() => new Reference({}, 5), TypeError, '`Reference` requires parameter 2 to be an object');
		throws(() => new Reference({}, { unsafeInherit: 5 }), TypeError, '`unsafeInherit` must be a boolean');
		assert.equal(new Reference(1, null).typeof, 'number');
		assert.equal(new Reference(1, { unsafeInherit: null }).typeof, 'number');
	});

	it('may refer to any object of the library', () => {
		const { isolate } = guest();
		assert.equal(new Reference(isolate).deref(), isolate);
		const inner = new Reference(1);
		assert.equal(new Reference(inner).deref(), inner);
		assert.equal(new Reference(new Callback(() => 1)).typeof, 'object');
	});

	it('can be extended', () => {
		class Mine extends Reference {}
		const mine = new Mine({ a: 1 });
		assert.ok(mine instanceof Mine);
		assert.equal(mine.getSync('a'), 1);
	});
});

describe('deref', () => {
	it('gives the very value', () => {
		const value = {};
		const reference = new Reference(value);
		assert.equal(reference.deref(), value);
		assert.equal(reference.deref(null), value);
		throws(() => reference.deref(5), TypeError, '`deref` requires parameter 1 to be an object');
	});

	it('can release the reference', () => {
		const value = {};
		const reference = new Reference(value);
		assert.equal(reference.deref({ release: true }), value);
		throws(() => reference.deref(), Error, 'Reference has been released', 'ERR_RELEASED');
	});
});

describe('get on the host', () => {
	inBothForms('gives primitives and functions as they are, and references to the rest', 'get', async call => {
		const value = sample();
		const reference = new Reference(value);
		for (const key of ['a', 's', 'n', 'big', 'missing', 'toString']) {
			assert.equal(await call(reference, key), Object.hasOwn(value, key) ? value[key] : undefined, key);
		}
		const nested = await call(reference, 'nested');
		assert.ok(nested instanceof Reference);
		assert.equal(nested.deref(), value.nested);
		for (const key of ['list', 'date', 'symbol', 'later']) {
			assert.equal((await call(reference, key)).deref(), value[key], key);
		}
		assert.deepEqual((await call(reference, 'method'))('x'), [true, 'x']);
	});

	inBothForms('copies, refers and follows promises when asked to', 'get', async call => {
		const value = sample();
		const reference = new Reference(value);
		const copy = await call(reference, 'nested', { copy: true });
		assert.deepEqual(copy, { b: 2 });
		assert.notEqual(copy, value.nested);
		assert.deepEqual((await call(reference, 'nested', { externalCopy: true })).copy(), { b: 2 });
		assert.equal((await call(reference, 'method', { reference: true })).typeof, 'function');
		assert.equal(await call(reference, 'later', { promise: true }), 4);
		await rejects(call(reference, 'symbol', { copy: true }), TypeError, 'Unsupported type');
		await rejects(call(reference, 'method', { copy: true }), TypeError, /could not be cloned\.$/);
	});

	inBothForms('runs getters only when asked to', 'get', async call => {
		const reference = new Reference(sample());
		await rejects(call(reference, 'accessor'), TypeError, 'Property is getter', 'ERR_REFERENCE');
		assert.equal(await call(reference, 'accessor', { accessors: true }), 3);
		const error = new Error('from the getter');
		assert.equal(await rejection(call(new Reference({ get a() { throw error; } }), 'a', { accessors: true })), error);
	});

	inBothForms('wants an object, no proxy, and a proper key', 'get', async call => {
		for (const value of [undefined, null, 1, 's', 1n, Symbol('x'), true]) {
			await rejects(call(new Reference(value), 'length'), TypeError, 'Reference is not an object', 'ERR_REFERENCE');
		}
		for (const value of [new Proxy({}, {}), Object.create(new Proxy({}, {}))]) {
			await rejects(call(new Reference(value), 'a'), TypeError, 'Object is or has proxy', 'ERR_REFERENCE');
		}
		for (const key of [undefined, null, true, 1.5, 1n, {}, Symbol.iterator]) {
			await rejects(call(new Reference({}), key), TypeError, 'Invalid `key`', 'ERR_REFERENCE');
		}
		assert.equal(await call(new Reference([7, 8]), 1), 8);
		assert.equal(await call(new Reference([7, 8]), 'length'), 2);
	});

	inBothForms('follows prototypes with unsafeInherit', 'get', async call => {
		const value = Object.create({ inherited: 1, get accessor() { return 2; }, nested: { __proto__: { deep: 5 } } });
		const plain = new Reference(value);
		const unsafe = new Reference(value, { unsafeInherit: true });
		assert.equal(await call(plain, 'inherited'), undefined);
		assert.equal(await call(unsafe, 'inherited'), 1);
		await rejects(call(unsafe, 'accessor'), TypeError, 'Property is getter');
		assert.equal(await call(unsafe, 'accessor', { accessors: true }), 2);
		assert.equal(await call(plain, 'accessor', { accessors: true }), undefined);
		assert.equal((await call(unsafe, 'hasOwnProperty', { reference: true })).typeof, 'function');
		assert.equal((await call(new Reference([1], { unsafeInherit: true }), 'map', { reference: true })).typeof, 'function');
	});

	inBothForms('passes unsafeInherit on to the references it gives', 'get', async call => {
		const unsafe = new Reference({ nested: Object.create({ deep: 5 }) }, { unsafeInherit: true });
		const nested = await call(unsafe, 'nested');
		assert.equal(await call(nested, 'deep'), 5);
	});
});

describe('set and delete on the host', () => {
	inBothForms('set changes the value itself', 'set', async call => {
		const value = sample();
		const reference = new Reference(value);
		assert.equal(await call(reference, 'z', 5), undefined);
		assert.equal(value.z, 5);
		const f = () => 6;
		await call(reference, 'f', f);
		assert.equal(value.f(), 6);
		await call(reference, 'c', { q: 1 }, { copy: true });
		assert.deepEqual(value.c, { q: 1 });
		await call(reference, 'same', new Reference(value.nested).derefInto());
		assert.equal(value.same, value.nested);
		await call(reference, 'copied', new ExternalCopy({ e: 1 }).copyInto());
		assert.deepEqual(value.copied, { e: 1 });
		await call(reference, '__proto__', 7);
		assert.ok(Object.hasOwn(value, '__proto__'));
		assert.equal(Object.getPrototypeOf(value), Object.prototype);
	});

	inBothForms('set defines, and runs no setter', 'set', async call => {
		let ran = false;
		const value = { set a(v) { ran = true; } };
		await call(new Reference(value), 'a', 1);
		assert.equal(value.a, 1);
		assert.equal(ran, false);
	});

	inBothForms('set refuses what it would refuse anywhere', 'set', async (call, form) => {
		const reference = new Reference({});
		for (const value of [{}, [], Symbol('s'), Promise.resolve(1), new Date()]) {
			await rejects(call(reference, 'a', value), TypeError, 'A non-transferable value was passed', 'ERR_NON_TRANSFERABLE');
		}
		await rejects(call(reference, 'a'), TypeError, `\`${form}\` requires at least 2 parameters`);
		await rejects(call(reference, Symbol.iterator, 1), TypeError, 'Invalid `key`');
		await rejects(call(new Reference(Object.freeze({ a: 1 })), 'a', 2), TypeError, 'Set failed', 'ERR_REFERENCE');
		await rejects(call(new Reference(5), 'a', 2), TypeError, 'Reference is not an object');
		await rejects(call(new Reference(new Proxy({}, {})), 'a', 2), TypeError, 'Object is or has proxy');
		assert.deepEqual(reference.deref(), {});
	});

	inBothForms('delete deletes', 'delete', async call => {
		const value = { a: 1 };
		assert.equal(await call(new Reference(value), 'a'), undefined);
		assert.equal(await call(new Reference(value), 'missing'), undefined);
		assert.deepEqual(value, {});
		await rejects(call(new Reference(Object.freeze({ a: 1 })), 'a'), TypeError, 'Delete failed', 'ERR_REFERENCE');
	});

	it('can be ignored', () => {
		const value = { b: 1 };
		const reference = new Reference(value);
		assert.equal(reference.setIgnored('a', 1), undefined);
		assert.equal(reference.deleteIgnored('b'), undefined);
		assert.deepEqual(value, { a: 1 });
		throws(() => reference.setIgnored('a', {}), TypeError, 'A non-transferable value was passed');
	});
});

describe('apply on the host', () => {
	inBothForms('calls, with receiver and arguments', 'apply', async call => {
		const receiver = {};
		const seen = [];
		const reference = new Reference(function (...values) { seen.push(this, values); return values.length; });
		assert.equal(await call(reference, new Reference(receiver).derefInto(), [1, 's', undefined]), 3);
		assert.deepEqual(seen, [receiver, [1, 's', undefined]]);
		assert.equal(seen[0], receiver);
		assert.equal(await call(reference), 0);
	});

	inBothForms('treats results like those of a guest', 'apply', async call => {
		const object = { x: 1 };
		const reference = new Reference(() => object);
		assert.equal((await call(reference)).deref(), object);
		assert.deepEqual(await call(reference, undefined, [], { result: { copy: true } }), { x: 1 });
		assert.deepEqual((await call(reference, undefined, [], { result: { externalCopy: true } })).copy(), { x: 1 });
		const later = new Reference(async x => x);
		assert.ok((await call(later, undefined, [1])) instanceof Reference);
		assert.equal(await call(later, undefined, [1], { result: { promise: true } }), 1);
	});

	inBothForms('treats arguments like those for a guest', 'apply', async call => {
		const identity = new Reference(x => x);
		const object = { a: 1 };
		await rejects(call(identity, undefined, [object]), TypeError, 'A non-transferable value was passed');
		await rejects(call(identity, object, []), TypeError, 'A non-transferable value was passed');
		const copied = (await call(identity, undefined, [object], { arguments: { copy: true } })).deref();
		assert.deepEqual(copied, object);
		assert.notEqual(copied, object);
		const referred = await call(identity, undefined, [object], { arguments: { reference: true } });
		assert.equal(referred.deref(), object);
	});

	inBothForms('passes on the very thing that was thrown', 'apply', async call => {
		const error = new TypeError('from the host');
		assert.equal(await rejection(call(new Reference(() => { throw error; }))), error);
		await rejects(call(new Reference({})), TypeError, 'Reference is not a function', 'ERR_REFERENCE');
	});

	it('can be ignored, errors too', () => {
		let ran = 0;
		assert.equal(new Reference(() => { ++ran; throw new Error('nobody hears'); }).applyIgnored(), undefined);
		assert.equal(ran, 1);
		throws(() => new Reference(() => 1).applyIgnored(undefined, [{}]), TypeError, 'A non-transferable value was passed');
	});

	it('swallows errors that carry a code when ignored', () => {
		const failing = new Reference(() => { throw Object.assign(new Error('x'), { code: 'ENOENT' }); });
		assert.equal(failing.applyIgnored(), undefined);
	});
});

describe('copy on the host', () => {
	inBothForms('copies', 'copy', async call => {
		const value = { a: [new Date(3), new Map([[1, { b: 2n }]])] };
		const copy = await call(new Reference(value));
		assert.deepEqual(copy, value);
		assert.notEqual(copy, value);
		assert.equal(await call(new Reference(5)), 5);
		await rejects(call(new Reference(Symbol('x'))), TypeError, 'Unsupported type');
		await rejects(call(new Reference(() => 1)), TypeError, '() => 1 could not be cloned.');
		await rejects(call(new Reference(Promise.resolve())), TypeError, '#<Promise> could not be cloned.');
	});
});

describe('a reference to the host in a guest', () => {
	it('is opaque there and comes back as a reference to the same value', () => {
		const { context, jail } = guest();
		const value = {};
		jail.setSync('r', new Reference(value));
		assert.equal(context.evalSync('typeof r'), 'object');
		assert.equal(context.evalSync('r.constructor.name'), 'Reference');
		assert.equal(context.evalSync('Reflect.ownKeys(r).length'), 0);
		const back = context.evalSync('r');
		assert.ok(back instanceof Reference);
		assert.equal(back.typeof, 'object');
		assert.equal(back.deref(), value);
		assert.equal(context.evalSync('({ list: [r] })', { copy: true }).list[0].deref(), value);
	});

	it('arrives by the option reference', () => {
		const { context, jail } = guest();
		for (const value of [{}, [], 1, 's', Symbol('x'), () => 1, Promise.resolve(1), new Error('e'), undefined]) {
			jail.setSync('r', value, { reference: true });
			assert.equal(context.evalSync('r').deref(), value);
		}
	});

	it('arrives in callbacks as a reference to the same value', () => {
		const { context, jail } = guest();
		const value = {};
		let seen;
		jail.setSync('r', new Reference(value));
		jail.setSync('f', reference => { seen = reference; return reference; });
		assert.equal(context.evalSync('f(r)').deref(), value);
		assert.equal(seen.deref(), value);
	});

	it('stays when the host releases its own', () => {
		const { context, jail } = guest();
		const value = {};
		const reference = new Reference(value);
		jail.setSync('r', reference);
		reference.release();
		throws(() => reference.deref(), Error, 'Reference has been released');
		assert.equal(context.evalSync('r').deref(), value);
	});

	it('is one of many', () => {
		const { context, jail } = guest();
		const values = Array.from({ length: 500 }, (_, i) => ({ i }));
		context.evalSync('globalThis.all = []');
		jail.setSync('keep', function (r) { return r; });
		values.forEach(value => context.evalClosureSync('all.push($0)', [new Reference(value)]));
		for (let i = 0; i < values.length; ++i) {
			assert.equal(context.evalSync(`all[${i}]`).deref(), values[i]);
		}
	});

	it('can not be dereferenced into a guest', () => {
		const { context, jail } = guest();
		const reference = new Reference({});
		throws(() => jail.setSync('x', reference.derefInto()), TypeError, 'Cannot dereference this into target isolate',
			'ERR_WRONG_ISOLATE');
		jail.setSync('f', () => reference.derefInto());
		throws(() => context.evalSync('f()'), TypeError, 'Cannot dereference this into target isolate');
		assert.equal(context.evalSync('typeof x'), 'undefined');
	});
});

describe('derefInto on the host', () => {
	const same = new Reference(value => new Reference(value));
	/** What arrives where a value is passed to a function of this host. */
	const arrived = into => same.applySync(undefined, [into]).deref();

	it('releases at once when it is to', () => {
		const value = {};
		const reference = new Reference(value);
		const into = reference.derefInto({ release: true });
		assert.equal(thrown(() => reference.typeof).message, 'Reference has been released');
		throws(() => reference.release(), Error, 'Reference has been released', 'ERR_RELEASED');
		assert.equal(arrived(into), value);
		throws(() => arrived(into), Error, 'The return value of `derefInto()` should only be used once', 'ERR_RELEASED');
	});

	it('holds what the reference refers to by itself', () => {
		const value = {};
		const reference = new Reference(value);
		const into = reference.derefInto();
		assert.equal(arrived(into), value);
		assert.equal(arrived(into), value);
		reference.release();
		throws(() => arrived(into), Error, 'Reference has been released', 'ERR_RELEASED');
		const unused = new Reference(value);
		const late = unused.derefInto();
		unused.release();
		assert.equal(arrived(late), value);
	});

	it('is refused for a value of a guest', () => {
		const { context } = guest();
		for (const options of [undefined, { release: true }]) {
			const reference = context.evalSync('({})', { reference: true });
			throws(() => arrived(reference.derefInto(options)), TypeError, 'Cannot dereference this from current isolate', 'ERR_WRONG_ISOLATE');
		}
	});
});

describe('release', () => {
	it('ends the use of the reference', async () => {
		const reference = new Reference({});
		assert.equal(reference.release(), undefined);
		throws(() => reference.release(), Error, 'Reference has been released', 'ERR_RELEASED');
		const uses = { getSync: ['a'], setSync: ['a', 1], setIgnored: ['a', 1], deleteSync: ['a'], deleteIgnored: ['a'], applySync: [],
			applyIgnored: [], copySync: [], deref: [], derefInto: [] };
		for (const [method, values] of Object.entries(uses)) {
			throws(() => reference[method](...values), Error, 'Reference has been released', 'ERR_RELEASED');
		}
		assert.ok(thrown(() => reference.typeof) instanceof Error);
		for (const [method, values] of Object.entries({ get: ['a'], set: ['a', 1], delete: ['a'], apply: [], copy: [] })) {
			await rejects(reference[method](...values), Error, 'Reference has been released');
		}
		const { jail } = guest();
		throws(() => jail.setSync('r', reference), Error, 'Reference has been released', 'ERR_RELEASED');
	});

	it('leaves other references to the same value alone', () => {
		const value = {};
		const [a, b] = [new Reference(value), new Reference(value)];
		a.release();
		const c = new Reference([]);
		assert.equal(b.deref(), value);
		assert.deepEqual(c.deref(), []);
	});
});
