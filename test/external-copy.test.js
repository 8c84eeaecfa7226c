'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const vm = require('node:vm');
const { child, guest, inBothForms, islet, rejects, thrown, throws } = require('./helpers');
const { Callback, Context, ExternalCopy, Isolate, Reference, Script } = islet;

const round = (value, options) => new ExternalCopy(value, options).copy();

describe('making a copy', () => {
	it('needs a value', () => {
		throws(() => new ExternalCopy(), TypeError, '`ExternalCopy` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		assert.throws(() => ExternalCopy(1), TypeError);
		assert.equal(round(undefined), undefined);
	});

	it('takes options', () => {
		throws(() => new ExternalCopy(1, 5), TypeError, '`ExternalCopy` requires parameter 2 to be an object');
		throws(() => new ExternalCopy({}, { transferList: 5 }), TypeError, '`transferList` must be an array');
		throws(() => new ExternalCopy({}, { transferOut: 5 }), TypeError, '`transferOut` must be a boolean');
		for (const no of [5, null, {}, new Uint8Array(1)]) {
			throws(() => new ExternalCopy({}, { transferList: [no] }), TypeError, 'Non-ArrayBuffer passed in `transferList`');
		}
		assert.equal(round(1, null), 1);
		assert.equal(round(1, { transferOut: null, transferList: null }), 1);
	});

	it('takes the value as it is at the time', () => {
		const value = { a: [1] };
		const copy = new ExternalCopy(value);
		value.a.push(2);
		value.b = 3;
		assert.deepEqual(copy.copy(), { a: [1] });
	});

	it('can be extended', () => {
		class Mine extends ExternalCopy {}
		assert.ok(new Mine(1) instanceof Mine);
		assert.equal(new Mine({ a: 1 }).copy().a, 1);
	});

	it('refuses what can not be copied', () => {
		const cases = [
			[Symbol('q'), 'Unsupported type'],
			[() => 1, '() => 1 could not be cloned.'],
			[Promise.resolve(1), '#<Promise> could not be cloned.'],
			[{ inner: [Promise.resolve(1)] }, '#<Promise> could not be cloned.'],
			[{ f() { return 1; } }, 'f() { return 1; } could not be cloned.'],
			[{ s: Symbol('in') }, 'Symbol(in) could not be cloned.'],
			[new WeakMap(), '#<WeakMap> could not be cloned.'],
			[new WeakRef({}), '#<WeakRef> could not be cloned.'],
			[new Proxy({}, {}), '#<Object> could not be cloned.'],
		];
		for (const [value, message] of cases) {
			assert.ok(thrown(() => new ExternalCopy(value)) instanceof TypeError, message);
			throws(() => new ExternalCopy(value), TypeError, message);
		}
	});

	it('passes on what a getter throws, and goes on working', () => {
		const error = new RangeError('from the getter');
		assert.equal(thrown(() => new ExternalCopy({ a: 1, get b() { throw error; } })), error);
		assert.deepEqual(round({ get b() { return 5; } }), { b: 5 });
	});

	it('lets a getter use the library meanwhile', () => {
		const { context, evaluate } = guest();
		const shared = { s: 1 };
		const value = {
			before: 'x'.repeat(1000), shared,
			get middle() {
				assert.deepEqual(evaluate('({ a: [1, { b: 2 }], c: "y".repeat(100000) })').a, [1, { b: 2 }]);
				assert.deepEqual(round({ many: Array.from({ length: 50 }, (_, i) => ({ i })) }).many[49], { i: 49 });
				context.evalClosureSync('globalThis.x = $0', [{ other: [{}, {}, {}] }], { arguments: { copy: true } });
				return { from: 'the getter' };
			},
			again: shared, after: [shared, { t: 2 }],
		};
		const copy = round(value);
		assert.deepEqual(copy, {
			before: 'x'.repeat(1000), shared: { s: 1 }, middle: { from: 'the getter' }, again: { s: 1 }, after: [{ s: 1 }, { t: 2 }],
		});
		assert.equal(copy.shared, copy.again);
		assert.equal(copy.after[0], copy.shared);
	});
});

describe('copy', () => {
	it('gives another copy each time', () => {
		const copy = new ExternalCopy({ a: { b: 1 }, buffer: new Uint8Array([1, 2]) });
		const [one, two] = [copy.copy(), copy.copy()];
		assert.deepEqual(one, two);
		assert.notEqual(one, two);
		one.a.b = 5;
		one.buffer[0] = 9;
		assert.equal(two.a.b, 1);
		assert.deepEqual(copy.copy(), { a: { b: 1 }, buffer: new Uint8Array([1, 2]) });
	});

	it('keeps identities and cycles', () => {
		const inner = { x: 1 };
		const value = { a: inner, b: inner, list: [inner] };
		value.self = value;
		const copy = round(value);
		assert.equal(copy.a, copy.b);
		assert.equal(copy.list[0], copy.a);
		assert.equal(copy.self, copy);
		const memory = new ArrayBuffer(8);
		const views = round({ a: new Uint8Array(memory, 0, 4), b: new Uint8Array(memory, 4, 4), memory });
		assert.equal(views.a.buffer, views.b.buffer);
		assert.equal(views.memory, views.a.buffer);
	});

	it('takes options', () => {
		const copy = new ExternalCopy({ a: 1 });
		throws(() => copy.copy(5), TypeError, '`copy` requires parameter 1 to be an object');
		throws(() => copy.copy({ release: 5 }), TypeError, '`release` must be a boolean');
		throws(() => copy.copy({ transferIn: 5 }), TypeError, '`transferIn` must be a boolean');
		assert.deepEqual(copy.copy(null), { a: 1 });
		assert.deepEqual(copy.copy({ release: true }), { a: 1 });
		throws(() => copy.copy(), Error, 'Copy has been released', 'ERR_RELEASED');
	});

	it('gives things of this realm, without running code', () => {
		const copy = round(JSON.parse('{ "__proto__": { "polluted": 1 }, "constructor": 2, "list": [1] }'));
		assert.ok(Object.hasOwn(copy, '__proto__'));
		assert.equal(Object.getPrototypeOf(copy), Object.prototype);
		assert.equal(copy.polluted, undefined);
		assert.equal(copy.list.constructor, Array);
	});

	it('copies what is in the heap, however much', () => {
		const text = 'ab'.repeat(500_000);
		assert.equal(round(text), text);
		assert.equal(round('\u1234'.repeat(300_000)).length, 300_000);
		const list = Array.from({ length: 200_000 }, (_, i) => ({ i, s: `s${i}` }));
		assert.deepEqual(round(list), list);
		let deep = null;
		for (let i = 0; i < 500; ++i) {
			deep = { deep };
		}
		assert.deepEqual(round(deep), deep);
	});

	it('survives structures that are too deep', () => {
		let deep = null;
		for (let i = 0; i < 200_000; ++i) {
			deep = { deep };
		}
		const error = thrown(() => new ExternalCopy(deep));
		assert.ok(error instanceof RangeError, String(error));
		assert.deepEqual(round({ a: 1 }), { a: 1 });
	});

	it('keeps the view but not more than its buffer', () => {
		const copy = round(new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
		assert.deepEqual([...copy], [2, 3]);
		assert.equal(copy.byteOffset, 1);
		assert.equal(copy.buffer.byteLength, 4);
		assert.ok(round(Buffer.from('hi')) instanceof Uint8Array);
		assert.equal(Buffer.from(round(Buffer.from('hi'))).toString(), 'hi');
	});
});

describe('array buffers', () => {
	const SIZES = [0, 1, 8, 1000, 16_383, 16_384, 16_385, 100_000, 3_000_000];
	const filled = size => Uint8Array.from({ length: size }, (_, i) => i * 7);

	it('of any size are copied', () => {
		for (const size of SIZES) {
			const bytes = filled(size);
			const copy = new ExternalCopy(bytes.buffer);
			bytes.fill(0);
			for (let i = 0; i < 2; ++i) {
				assert.deepEqual(new Uint8Array(copy.copy()), filled(size), String(size));
			}
		}
	});

	it('are taken away by transferOut', () => {
		for (const size of SIZES.slice(1)) {
			const bytes = filled(size);
			const copy = new ExternalCopy(bytes.buffer, { transferOut: true });
			assert.equal(bytes.buffer.byteLength, 0);
			assert.equal(bytes.length, 0);
			for (let i = 0; i < 2; ++i) {
				assert.deepEqual(new Uint8Array(copy.copy()), filled(size), String(size));
			}
		}
	});

	it('are taken away with their views', () => {
		const bytes = new Uint8Array([1, 2, 3, 4]);
		const part = bytes.subarray(1, 3);
		const copy = round(part, { transferOut: true });
		assert.equal(bytes.byteLength, 0);
		assert.deepEqual([...copy], [2, 3]);
		assert.equal(copy.byteOffset, 1);
		assert.equal(copy.buffer.byteLength, 4);
		const view = new DataView(new ArrayBuffer(4), 1, 2);
		assert.deepEqual([round(view, { transferOut: true }).byteLength, round(new Float64Array([1.5]), { transferOut: true })[0]],
			[2, 1.5]);
	});

	it('are taken away by transferList, the others are copied', () => {
		const value = { a: new ArrayBuffer(4), b: new ArrayBuffer(5), u: new Uint8Array([1, 2]) };
		const copy = round(value, { transferList: [value.a, value.u.buffer] });
		assert.deepEqual([value.a.byteLength, value.b.byteLength, value.u.byteLength], [0, 5, 0]);
		assert.deepEqual([copy.a.byteLength, copy.b.byteLength, [...copy.u]], [4, 5, [1, 2]]);
	});

	it('stay with whoever transfers something else', () => {
		assert.deepEqual(round({ a: 1 }, { transferOut: true }), { a: 1 });
		assert.equal(round(5, { transferOut: true }), 5);
		const buffer = new ArrayBuffer(4);
		assert.deepEqual(round({ a: 1 }, { transferList: [] }), { a: 1 });
		assert.equal(round(buffer, { transferList: [] }).byteLength, 4);
		assert.equal(buffer.byteLength, 4);
	});

	it('are given away by transferIn, once', () => {
		for (const size of SIZES.slice(1)) {
			const copy = new ExternalCopy(filled(size));
			assert.deepEqual(copy.copy({ transferIn: true }), filled(size));
			throws(() => copy.copy(), Error, 'Array buffer is invalid', 'ERR_RELEASED');
			throws(() => copy.copy({ transferIn: true }), Error, 'Array buffer is invalid');
			copy.release();
		}
	});

	it('move all the way from host to guest and back', () => {
		const { context, jail } = guest();
		for (const size of SIZES.slice(1)) {
			const bytes = filled(size);
			jail.setSync('bytes', new ExternalCopy(bytes, { transferOut: true }).copyInto({ transferIn: true, release: true }));
			assert.equal(bytes.length, 0);
			assert.equal(context.evalSync('bytes.length'), size);
			assert.equal(context.evalSync('bytes.every((byte, i) => byte === (i * 7 & 255))'), true);
			const back = context.evalSync('bytes.fill(3)', { externalCopy: true }).copy({ transferIn: true });
			assert.equal(back.length, size);
			assert.ok(back.every(byte => byte === 3));
		}
	});

	it('keep their owners apart', () => {
		const { context, jail } = guest();
		const copy = new ExternalCopy(filled(50_000));
		jail.setSync('a', copy.copyInto());
		jail.setSync('b', copy.copyInto());
		const here = copy.copy();
		context.evalSync('a.fill(1)');
		here.fill(2);
		assert.equal(context.evalSync('b.every((byte, i) => byte === (i * 7 & 255))'), true);
		assert.deepEqual(copy.copy(), filled(50_000));
	});

	it('of Node\'s pool stay with the pool', () => {
		const small = Buffer.from('small');
		assert.ok(small.buffer.byteLength > small.length, 'it is pooled');
		throws(() => new ExternalCopy(small, { transferOut: true }), TypeError, /pool/, 'ERR_DATA_CLONE');
		assert.equal(small.toString(), 'small');
		const own = Buffer.alloc(20, 'x');
		assert.equal(Buffer.from(round(own, { transferOut: true })).toString(), 'x'.repeat(20));
	});

	it('that are gone can not be copied', () => {
		const buffer = new ArrayBuffer(8);
		const view = new Uint8Array(buffer);
		structuredClone(buffer, { transfer: [buffer] });
		for (const value of [buffer, view, { buffer }]) {
			throws(() => new ExternalCopy(value), TypeError, 'An ArrayBuffer is detached and could not be cloned.', 'ERR_DATA_CLONE');
			throws(() => new ExternalCopy(value, { transferOut: true }), TypeError,
				'An ArrayBuffer is detached and could not be cloned.');
		}
	});

	it('stay where they are when the rest of the value can not be copied', () => {
		const buffer = new ArrayBuffer(8);
		throws(() => new ExternalCopy({ buffer, f() {} }, { transferList: [buffer] }), TypeError, 'f() {} could not be cloned.');
		assert.equal(buffer.byteLength, 8);
	});

	it('can be resizable', () => {
		const buffer = new ArrayBuffer(4, { maxByteLength: 16 });
		new Uint8Array(buffer).set([1, 2, 3, 4]);
		const copy = round(buffer);
		assert.deepEqual([...new Uint8Array(copy)], [1, 2, 3, 4]);
		const tracking = round(new Uint8Array(buffer));
		assert.deepEqual([...tracking], [1, 2, 3, 4]);
	});

	it('stay resizable when they are taken away', () => {
		const { context, jail } = guest();
		jail.setSync('ivm', islet);
		const whole = () => {
			const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
			new Uint8Array(buffer).set([1, 2, 3, 4]);
			return buffer;
		};
		const cases = {
			'the buffer': buffer => buffer,
			'a view that follows': buffer => new Uint8Array(buffer),
			'a view that follows, from an offset': buffer => new Uint8Array(buffer, 2),
			'a view of fixed length': buffer => new Uint8Array(buffer, 1, 2),
			'a DataView': buffer => new DataView(buffer),
		};
		const look = value => {
			const buffer = value.buffer ?? value;
			const seen = [buffer.resizable, buffer.maxByteLength, [...new Uint8Array(buffer)].join(), value.byteLength];
			buffer.resize(6);
			return [...seen, value.byteLength].join(' ');
		};
		for (const [what, make] of Object.entries(cases)) {
			const expected = look(structuredClone(make(whole())));
			const ways = {
				transferOut: buffer => new ExternalCopy(make(buffer), { transferOut: true }),
				transferList: buffer => new ExternalCopy(make(buffer), { transferList: [buffer] }),
			};
			for (const [way, go] of Object.entries(ways)) {
				const buffer = whole();
				const copy = go(buffer);
				assert.equal(buffer.byteLength, 0, what);
				assert.equal(look(copy.copy()), expected, `${what}, ${way}`);
				jail.setSync('value', copy.copyInto());
				assert.equal(context.evalSync(`(${look})(value)`), expected, `${what}, ${way}, in a guest`);
				jail.setSync('value', copy.copyInto({ transferIn: true, release: true }));
				assert.equal(context.evalSync(`(${look})(value)`), expected, `${what}, ${way}, moved into a guest`);
				const moved = go(whole());
				assert.equal(look(moved.copy({ transferIn: true })), expected, `${what}, ${way}, moved`);
			}
			const inside = `
				const whole = ${whole};
				const buffer = whole();
				const copy = new ivm.ExternalCopy((${make})(buffer), { transferOut: true });
				if (buffer.byteLength !== 0) throw new Error('It is still there');
				return [(${look})(copy.copy()), copy];
			`;
			const [seen, copy] = context.evalClosureSync(inside, [], { result: { copy: true } });
			assert.equal(seen, expected, `${what}, inside`);
			assert.equal(look(copy.copy()), expected, `${what}, from inside`);
		}
		const nested = whole();
		const copy = round({ a: [new Uint8Array(nested)], b: nested }, { transferList: [nested] });
		assert.equal(copy.a[0].buffer, copy.b);
		assert.deepEqual([nested.byteLength, copy.b.resizable, [...copy.a[0]]], [0, true, [1, 2, 3, 4]]);
		const large = new ArrayBuffer(100_000, { maxByteLength: 200_000 });
		assert.deepEqual([round(large, { transferOut: true }).maxByteLength, large.byteLength], [200_000, 0]);
		const other = whole();
		assert.deepEqual([round(5, { transferList: [other] }), other.byteLength], [5, 0]);
	});

	it('of another realm of the host are taken away, too', () => {
		const make = code => vm.runInNewContext(code);
		const buffer = make('new Uint8Array([1, 2, 3]).buffer');
		const copy = round(buffer, { transferOut: true });
		assert.deepEqual([buffer.byteLength, copy instanceof ArrayBuffer, [...new Uint8Array(copy)]], [0, true, [1, 2, 3]]);
		const view = make('new Uint8Array([1, 2, 3])');
		assert.deepEqual([...round(view, { transferOut: true })], [1, 2, 3]);
		assert.equal(view.length, 0);
		const listed = make('({ buffer: new ArrayBuffer(3) })');
		assert.equal(round(listed, { transferList: [listed.buffer] }).buffer.byteLength, 3);
		assert.equal(listed.buffer.byteLength, 0);
		const home = new ExternalCopy(make('new ArrayBuffer(3)'), { transferOut: true }).copy({ transferIn: true });
		assert.ok(home instanceof ArrayBuffer);
		for (const no of ['new SharedArrayBuffer(8)', '({ __proto__: ArrayBuffer.prototype })', 'new Proxy(new ArrayBuffer(3), {})']) {
			throws(() => new ExternalCopy({}, { transferList: [make(no)] }), TypeError, 'Non-ArrayBuffer passed in `transferList`');
		}
	});

	it('of WebAssembly memory are copied, and can not be taken', () => {
		const memory = new WebAssembly.Memory({ initial: 1 });
		new Uint8Array(memory.buffer)[5] = 7;
		assert.equal(new Uint8Array(round(memory.buffer))[5], 7);
		const { context, jail } = guest();
		jail.setSync('ivm', islet);
		const message = 'ArrayBuffer is not detachable and could not be cloned.';
		const others = [new ArrayBuffer(8), new ArrayBuffer(65536)];
		const { buffer } = memory;
		for (const [value, options] of [
			[buffer, { transferOut: true }],
			[new Uint8Array(buffer), { transferOut: true }],
			[buffer, { transferList: [buffer] }],
			[{ buffer, others }, { transferList: [...others, buffer] }],
			[5, { transferList: [...others, buffer] }],
			[5, { transferList: [...others, new WebAssembly.Memory({ initial: 0 }).buffer] }],
		]) {
			throws(() => new ExternalCopy(value, options), TypeError, message, 'ERR_DATA_CLONE');
		}
		assert.deepEqual(others.map(each => each.byteLength), [8, 65536]);
		throws(() => context.evalSync('new ivm.ExternalCopy(new WebAssembly.Memory({ initial: 1 }).buffer, { transferOut: true })'),
			TypeError, message, 'ERR_DATA_CLONE');
		assert.equal(context.evalSync(`
			const other = new ArrayBuffer(8);
			try {
				new ivm.ExternalCopy(5, { transferList: [other, new WebAssembly.Memory({ initial: 1 }).buffer] });
			} catch {}
			other.byteLength
		`), 8);
		assert.equal(memory.buffer.byteLength, 65536);
		assert.equal(new Uint8Array(memory.buffer)[5], 7);
	});

	it('may be named twice, or not be part of the value', () => {
		const buffer = new ArrayBuffer(4);
		assert.equal(round({ buffer }, { transferList: [buffer, buffer] }).buffer.byteLength, 4);
		const other = new ArrayBuffer(4);
		assert.deepEqual(round({ a: 1 }, { transferList: [other] }), { a: 1 });
		assert.equal(other.byteLength, 0);
	});
});

describe('copyInto', () => {
	it('arrives as a copy', () => {
		const { context, jail } = guest();
		const copy = new ExternalCopy({ a: [1, { b: 2 }] });
		jail.setSync('a', copy.copyInto());
		jail.setSync('b', copy.copyInto());
		assert.equal(context.evalSync('JSON.stringify([a, b])'), '[{"a":[1,{"b":2}]},{"a":[1,{"b":2}]}]');
		assert.equal(context.evalSync('a !== b && a instanceof Object && a.a instanceof Array'), true);
	});

	it('arrives anywhere a value can', async () => {
		const { context, jail } = guest();
		const into = () => new ExternalCopy({ a: 1 }).copyInto();
		assert.equal(context.evalClosureSync('return $0.a', [into()]), 1);
		assert.equal(context.evalSync('x => x.a', { reference: true }).applySync(undefined, [into()]), 1);
		jail.setSync('f', () => into());
		assert.equal(context.evalSync('f().a'), 1);
		assert.equal(context.evalSync('(x => x.a)')(into()), 1);
		jail.setSync('nested', { inner: [into()] }, { copy: true });
		assert.equal(context.evalSync('nested.inner[0].a'), 1);
		jail.setSync('later', Promise.resolve(into()), { promise: true });
		assert.equal(await context.eval('later.then(x => x.a)', { promise: true }), 1);
	});

	inBothForms('can release on the way', 'set', async call => {
		const { jail } = guest();
		const copy = new ExternalCopy({ a: 1 });
		const into = copy.copyInto({ release: true });
		throws(() => copy.copy(), Error, 'Copy has been released', 'ERR_RELEASED');
		await call(jail, 'a', into);
		await rejects(call(jail, 'b', into), Error, 'The return value of `copyInto()` should only be used once', 'ERR_RELEASED');
	});

	it('with transferIn can be passed once', () => {
		const { context, jail } = guest();
		jail.setSync('ivm', islet);
		for (const value of [new Uint8Array(3), { a: 1 }, 5]) {
			const copy = new ExternalCopy(value);
			const into = copy.copyInto({ transferIn: true });
			jail.setSync('a', into);
			throws(() => jail.setSync('a', into), Error, 'The return value of `copyInto()` should only be used once', 'ERR_RELEASED');
			throws(() => jail.setSync('a', copy.copyInto()), Error, 'Array buffer is invalid', 'ERR_RELEASED');
			jail.setSync('value', value, { copy: true });
			throws(() => context.evalClosureSync(`
				const into = new ivm.ExternalCopy(value).copyInto({ transferIn: true });
				const take = new ivm.Reference(() => 1);
				take.applySync(undefined, [into]);
				take.applySync(undefined, [into]);
			`), Error, 'The return value of `copyInto()` should only be used once', 'ERR_RELEASED');
		}
	});

	it('holds the value by itself', () => {
		const { context, jail } = guest();
		const copy = new ExternalCopy({ a: 1 });
		const into = copy.copyInto();
		copy.release();
		jail.setSync('a', into);
		assert.equal(context.evalSync('a.a'), 1);
	});

	it('takes options', () => {
		const copy = new ExternalCopy(1);
		throws(() => copy.copyInto(5), TypeError, '`copyInto` requires parameter 1 to be an object');
		throws(() => copy.copyInto({ transferIn: 1 }), TypeError, '`transferIn` must be a boolean');
		throws(() => copy.copyInto({ release: 1 }), TypeError, '`release` must be a boolean');
	});

	it('gives an object that can not be made otherwise', () => {
		const Copy = new ExternalCopy(1).copyInto().constructor;
		assert.throws(() => new Copy(), TypeError);
	});
});

describe('an external copy on its way through guests', () => {
	it('is opaque there and comes back as a copy', () => {
		const { context, jail } = guest();
		const copy = new ExternalCopy({ a: 1 });
		jail.setSync('c', copy);
		assert.equal(context.evalSync('c.constructor.name'), 'ExternalCopy');
		assert.equal(context.evalSync('Reflect.ownKeys(c).length'), 0);
		copy.release();
		const back = context.evalSync('c');
		assert.ok(back instanceof ExternalCopy);
		assert.deepEqual(back.copy(), { a: 1 });
	});

	it('can not be passed on when it was released', () => {
		const { jail } = guest();
		const copy = new ExternalCopy({ a: 1 });
		copy.release();
		throws(() => jail.setSync('c', copy), Error, 'Copy has been released', 'ERR_RELEASED');
	});

	it('outlives the isolate it came from', () => {
		const { isolate, context } = guest();
		const copy = context.evalSync('({ a: new Uint8Array(100000).fill(7), b: "x".repeat(100000) })', { externalCopy: true });
		isolate.dispose();
		const { a, b } = copy.copy();
		assert.ok(a.length === 100000 && a.every(byte => byte === 7));
		assert.equal(b, 'x'.repeat(100000));
	});
});

describe('objects of the library inside copied values', () => {
	it('arrive as what they are', () => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		const value = { isolate, deep: [{ context }], jail, script, reference: new Reference({ r: 1 }), copy: new ExternalCopy({ c: 1 }) };
		const copy = round(value);
		assert.ok(copy.isolate instanceof Isolate);
		assert.ok(copy.deep[0].context instanceof Context);
		assert.ok(copy.jail instanceof Reference);
		assert.ok(copy.script instanceof Script);
		assert.equal(copy.reference.deref().r, 1);
		assert.equal(copy.copy.copy().c, 1);
		assert.equal(copy.deep[0].context.evalSync('1 + 1'), 2);
		assert.equal(copy.script.runSync(copy.deep[0].context), 1);
	});

	it('pass through a guest', () => {
		const { isolate, context } = guest();
		const f = context.evalSync('x => ({ list: [x.isolate, x] })', { reference: true });
		const both = { arguments: { copy: true }, result: { copy: true } };
		const back = f.applySync(undefined, [{ isolate, n: 5 }], both);
		assert.ok(back.list[0] instanceof Isolate);
		assert.ok(back.list[1].isolate instanceof Isolate);
		assert.equal(back.list[1].n, 5);
	});

	it('a callback inside becomes a function', () => {
		const { context, jail } = guest();
		jail.setSync('o', { double: new Callback(x => x * 2) }, { copy: true });
		assert.equal(context.evalSync('o.double(4)'), 8);
		const copy = round({ double: new Callback(x => x * 2) });
		assert.equal(typeof copy.double, 'function');
		assert.equal(copy.double(4), 8);
		assert.equal(round(new Callback(x => x * 2))(4), 8);
	});

	it('hold what they refer to when the original is released', () => {
		const { context } = guest();
		const reference = context.evalSync('({ a: 1 })', { reference: true });
		const copy = new ExternalCopy({ reference });
		reference.release();
		context.evalSync('1');
		assert.equal(copy.copy().reference.getSync('a'), 1);
		assert.equal(copy.copy().reference.getSync('a'), 1);
	});
});

describe('release', () => {
	it('gives nothing, and is an error the second time', () => {
		const copy = new ExternalCopy({ a: 1 });
		assert.equal(copy.release(), undefined);
		throws(() => copy.release(), Error, 'Copy has been released', 'ERR_RELEASED');
		throws(() => copy.copy(), Error, 'Copy has been released', 'ERR_RELEASED');
		throws(() => copy.copyInto(), Error, 'Copy has been released', 'ERR_RELEASED');
	});
});

describe('totalExternalSize', () => {
	it('counts what copies hold, and nothing else', async () => {
		// In a process of its own: no other test's copies come and go.
		const [sizes] = await child(`
			const size = () => ExternalCopy.totalExternalSize;
			const sizes = [typeof size(), size()];
			const big = new ExternalCopy(new ArrayBuffer(1000000));
			sizes.push(size() >= 1000000 && size() < 1100000);
			const text = new ExternalCopy('x'.repeat(1000));
			const wide = new ExternalCopy({ s: '\\u1234'.repeat(1000) });
			sizes.push(size() >= 1003000 && size() < 1110000);
			big.copy(); big.copy(); wide.copy();
			const { jail } = guest();
			jail.setSync('a', big.copyInto());
			sizes.push(size() < 1110000);
			big.release(); text.release(); wide.release();
			sizes.push(size());
			const moved = new ExternalCopy(new Uint8Array(500000), { transferOut: true });
			sizes.push(size() >= 500000);
			moved.copy({ transferIn: true });
			sizes.push(size() < 500000);
			moved.release();
			sizes.push(size());
			report(sizes);
		`);
		assert.deepEqual(sizes, ['number', 0, true, true, true, 0, true, true, 0]);
	});

	it('can not be set', () => {
		assert.throws(() => { ExternalCopy.totalExternalSize = 5; }, TypeError);
		assert.equal(typeof ExternalCopy.totalExternalSize, 'number');
	});
});

describe('the class', () => {
	it('has methods that refuse a foreign this', () => {
		const { isolate, context } = guest();
		for (const other of [undefined, null, {}, 5, ExternalCopy.prototype, isolate, context, new Reference(1)]) {
			for (const method of ['copy', 'copyInto', 'release']) {
				assert.ok(thrown(() => ExternalCopy.prototype[method].call(other)) instanceof TypeError, method);
			}
		}
		assert.equal(context.evalSync('1'), 1);
	});
});

describe('one and the same memory, to and fro', () => {
	const there = context => ({
		'through a guest': (buffer, transfer) => context.evalClosureSync(
			'new Uint8Array($0)[0]++; return new ivm.ExternalCopy($0, { transferOut: true })',
			[new ExternalCopy(buffer, transfer).copyInto({ transferIn: true })],
		).copy({ transferIn: true }),
		'nested in an object': buffer => context.evalClosureSync(
			'new Uint8Array($0.buffer)[0]++; return new ivm.ExternalCopy($0, { transferList: [$0.buffer] })',
			[new ExternalCopy({ buffer }, { transferList: [buffer] }).copyInto({ transferIn: true })],
		).copy({ transferIn: true }).buffer,
		'without a guest': (buffer, transfer) => {
			const home = new ExternalCopy(buffer, transfer).copy({ transferIn: true });
			new Uint8Array(home)[0]++;
			return home;
		},
	});
	for (const way of Object.keys(there())) {
		for (const size of [100, 20_000, 1 << 20]) {
			it(`is whole each time: ${size} bytes, ${way}`, () => {
				const { context, jail } = guest();
				jail.setSync('ivm', islet);
				const go = there(context)[way];
				let buffer = new Uint8Array(size).fill(1).buffer;
				for (let i = 0; i < 5; ++i) {
					const before = buffer;
					buffer = go(before, { transferOut: true });
					assert.equal(before.byteLength, 0);
					const bytes = new Uint8Array(buffer);
					assert.deepEqual([bytes.length, bytes[0], bytes[size - 1]], [size, i + 2, 1]);
				}
			});
		}
	}
});
