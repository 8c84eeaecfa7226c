'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { FEW, child, guest, islet, rejection, seeded, thrown, times } = require('./helpers');
const { Callback, Context, ExternalCopy, Isolate, Reference, Script } = islet;

/** Same structure, prototypes, order and identities inside; -0, NaN and holes told apart. */
function assertSame(actual, expected, message = '') {
	const seen = new Map();
	const taken = new Set();
	const same = (a, b, path) => {
		if (!Object.is(a, b)) {
			assert.fail(`${message} ${path || 'the value'} is ${typeof a} ${String(a)}, not ${typeof b} ${String(b)}`);
		}
	};
	const walk = (a, b, path) => {
		if (typeof b !== 'object' || b === null) {
			return same(a, b, path);
		}
		same(typeof a, 'object', `typeof ${path}`);
		if (seen.has(b)) {
			assert.ok(a === seen.get(b), `${message} ${path} is another object than before`);
			return;
		}
		assert.ok(!taken.has(a), `${message} ${path} is an object met before`);
		seen.set(b, a);
		taken.add(a);
		assert.ok(Object.getPrototypeOf(a) === Object.getPrototypeOf(b), `${message} ${path}: prototype`);
		same(Object.prototype.toString.call(a), Object.prototype.toString.call(b), `tag of ${path}`);
		if (b instanceof Map || b instanceof Set) {
			same(a.size, b.size, `${path}.size`);
			const [left, right] = [[...a], [...b]];
			right.forEach((each, i) => {
				if (b instanceof Map) {
					walk(left[i][0], each[0], `${path}.key${i}`);
					walk(left[i][1], each[1], `${path}.value${i}`);
				} else {
					walk(left[i], each, `${path}.item${i}`);
				}
			});
		} else if (ArrayBuffer.isView(b)) {
			same(a.byteOffset, b.byteOffset, `${path}.byteOffset`);
			same(a.byteLength, b.byteLength, `${path}.byteLength`);
			return walk(a.buffer, b.buffer, `${path}.buffer`);
		} else if (b instanceof ArrayBuffer) {
			assert.ok(Buffer.from(a).equals(Buffer.from(b)), `${message} ${path}: bytes`);
		} else if (b instanceof Date || b instanceof Number || b instanceof String || b instanceof Boolean || b instanceof BigInt) {
			same(a.valueOf(), b.valueOf(), path);
		} else if (b instanceof RegExp) {
			same(String(a), String(b), path);
		}
		if (Array.isArray(b)) {
			same(a.length, b.length, `${path}.length`);
		}
		const keys = Object.keys(b);
		assert.deepEqual(Object.keys(a), keys, `${message} keys of ${path}`);
		for (const key of keys) {
			walk(a[key], b[key], `${path}.${key}`);
		}
	};
	walk(actual, expected, '');
}

// --- kinds of values ---------------------------------------------------------------------------

/** Code for a value that copies, evaluated on both sides. */
const COPYABLE = {
	undefined: 'undefined', null: 'null', true: 'true', false: 'false', zero: '0', 'minus zero': '-0', 'an int': '42',
	'a negative int': '-7', 'the largest int': '2147483647', 'the least int': '-2147483648', 'beyond an int': '2147483648',
	'a fraction': '0.1', NaN: 'NaN', Infinity: 'Infinity', 'minus Infinity': '-Infinity', 'the least number': '5e-324',
	'an empty string': '""', 'a string': '"text"', 'a Latin-1 string': '"\\xff\\x80"', 'a two-byte string': '"\\u1234x"',
	'a lone surrogate': '"\\ud800"', 'a string with NUL': '"a\\0b"', 'a string of 23': '"x".repeat(23)', 'a string of 24': '"ü".repeat(24)',
	'a string of 49': '"y".repeat(49)', 'a long string': '"z".repeat(100000)', 'a long two-byte string': '"\\u1234".repeat(50000)',
	'a cons string': '"a".repeat(20) + "b".repeat(20)', 'a slice': '"abcdefghijklmnopqrstuvwxyz".slice(2, 20)',
	'a zero bigint': '0n', 'a bigint': '12345678901234567890n', 'a negative bigint': '-1n', 'a huge bigint': '-(2n ** 500n) + 1n',
	'an empty object': '({})', 'an object': '({ a: 1, b: { c: [1, 2] } })', 'an object of ints': '({ 1: "a", 0: "b", x: "c" })',
	'an object with __proto__': 'JSON.parse("{\\"__proto__\\": {\\"x\\": 1}, \\"y\\": 2}")',
	'an object with odd keys': '({ "": 1, " ": 2, "\\u1234": 3, "-1": 4, "1.5": 5, "4294967295": 6 })',
	'an empty array': '[]', 'an array': '[1, "a", null, undefined, true]', 'a sparse array': '[, 1, , , 2, ,]',
	'a very sparse array': 'Object.assign([], { 5: 1, 1000: 2 })', 'an array of doubles': '[0.5, NaN, -0]',
	'an array with properties': 'Object.assign([1, 2], { extra: 3 })', 'a nested array': '[[[[[]]]]]',
	'a Date': 'new Date(1234567890123)', 'a Date before 1970': 'new Date(-1)', 'an invalid Date': 'new Date(NaN)',
	'a RegExp': '/a(b)[\\]]/gimsuy', 'an empty RegExp': 'new RegExp("")', 'a two-byte RegExp': '/\\u1234ü/d',
	'a Map': 'new Map([[1, "a"], ["b", { c: 1 }], [{ k: 1 }, new Map([[NaN, -0]])]])', 'an empty Map': 'new Map()',
	'a Set': 'new Set([1, "a", { b: 2 }, new Set()])', 'an empty Set': 'new Set()',
	'a Boolean object': 'Object(true)', 'a Number object': 'Object(-0)', 'a String object': 'Object("s\\u1234")', 'a BigInt object': 'Object(5n)',
	'an ArrayBuffer': 'new Uint8Array([1, 2, 3]).buffer', 'an empty ArrayBuffer': 'new ArrayBuffer(0)',
	'a large ArrayBuffer': 'new Uint8Array(50000).fill(7).buffer', 'a DataView': 'new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)',
	...Object.fromEntries(['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float32', 'Float64'].map(name =>
		[`a ${name}Array`, `new ${name}Array([1, 2, 3]).subarray(1)`])),
	'a BigInt64Array': 'new BigInt64Array([1n, -1n])', 'a BigUint64Array': 'new BigUint64Array([1n, 2n ** 64n - 1n])',
	'a large typed array': 'new Uint16Array(20000).fill(513)', 'an empty typed array': 'new Uint8Array(0)',
	'an array with itself': '(() => { const a = [1]; a.push(a); return a })()', 'an object with itself': '(() => { const o = { a: 1 }; o.o = { o }; return o })()',
	'a Map with itself': '(() => { const m = new Map(); m.set(m, m); return m })()', 'one object twice': '(() => { const o = {}; return [o, o, { o }] })()',
	'one buffer, two views': '(() => { const b = new Uint8Array([1, 2, 3, 4]).buffer; return [new Uint8Array(b, 0, 2), new Uint16Array(b, 2), b] })()',
};

/** Code for a value that does not copy, and the message. */
const UNCOPYABLE = {
	'a symbol': ['Symbol("s")', /^Unsupported type$/],
	'a function': ['(function f() { return 1 })', /^function f\(\) \{ return 1 \} could not be cloned\.$/],
	'an arrow function': ['(x => x)', /^x => x could not be cloned\.$/],
	'a class': ['(class K {})', /^class K \{\} could not be cloned\.$/],
	'a promise': ['Promise.resolve(1)', /^#<Promise> could not be cloned\.$/],
	'a proxy': ['new Proxy({}, {})', /^#<Object> could not be cloned\.$/],
	'a WeakMap': ['new WeakMap()', /^#<WeakMap> could not be cloned\.$/],
	'a WeakRef': ['new WeakRef({})', /^#<WeakRef> could not be cloned\.$/],
	'a generator': ['(function* () {})()', /could not be cloned\.$/],
	'an iterator': ['[][Symbol.iterator]()', /could not be cloned\.$/],
	'a symbol inside': ['({ s: Symbol("in") })', /^Symbol\(in\) could not be cloned\.$/],
	'a function inside': ['({ a: [{ f() {} }] })', /^f\(\) \{\} could not be cloned\.$/],
};

/** Values that cross without any option. */
const isTransferable = code => {
	const value = (0, eval)(code);
	return value === null || (typeof value !== 'object' && typeof value !== 'symbol');
};

describe('every kind of value that copies', () => {
	const { context, jail } = guest();
	const identity = context.evalSync('x => x', { reference: true });
	const check = context.evalSync(`(function (a, code) {
		const b = eval(code);
		return Object.is(a, b) || (typeof a === typeof b && Object.getPrototypeOf(a) === Object.getPrototypeOf(b));
	})`, { reference: true });

	for (const [kind, code] of Object.entries(COPYABLE)) {
		it(`${kind} crosses by each way of transfer`, async () => {
			const make = () => (0, eval)(code);
			const expected = make();
			// guest → host
			assertSame(context.evalSync(code, { copy: true }), expected, 'evalSync copy');
			assertSame(await context.eval(code, { copy: true }), expected, 'eval copy');
			assertSame(context.evalSync(code, { externalCopy: true }).copy(), expected, 'evalSync externalCopy');
			assertSame(context.evalSync(code, { reference: true }).copySync(), expected, 'reference.copySync');
			assertSame(await context.evalSync(`Promise.resolve(${code})`, { promise: true, copy: true }), expected, 'promise copy');
			assertSame(await context.evalSync(code, { promise: true, copy: true }), expected, 'promise of no promise');
			assertSame((await context.evalSync(`Promise.resolve(${code})`, { promise: true, externalCopy: true })).copy(), expected,
				'promise externalCopy');
			assertSame((await context.evalSync(`Promise.resolve(${code})`, { promise: true, reference: true })).copySync(), expected,
				'promise reference');
			let seen;
			jail.setSync('f', value => { seen = value; });
			context.evalSync(`f(${code})`);
			assertSame(seen, expected, 'argument of a host function');
			assertSame(context.evalSync(`() => ${code}`)(), expected, 'result of a guest function');
			// host → guest, as the guest sees it
			const arrived = { arguments: { copy: true } };
			assert.equal(check.applySync(undefined, [make(), code], arrived), true, 'prototype in the guest');
			// host → guest → host
			const both = { arguments: { copy: true }, result: { copy: true } };
			assertSame(identity.applySync(undefined, [make()], both), expected, 'apply copy');
			assertSame(await identity.apply(undefined, [make()], both), expected, 'async apply copy');
			jail.setSync('v', make(), { copy: true });
			assertSame(context.evalSync('v', { copy: true }), expected, 'set copy');
			jail.setSync('v', make(), { externalCopy: true });
			assertSame(context.evalSync('v').copy(), expected, 'set externalCopy');
			jail.setSync('v', new ExternalCopy(make()).copyInto());
			assertSame(jail.getSync('v', { copy: true }), expected, 'copyInto');
			jail.setSync('v', Promise.resolve(make()), { promise: true, copy: true });
			assertSame(await context.eval('v', { promise: true, copy: true }), expected, 'set promise copy');
			assertSame(context.evalClosureSync('return $0', [make()], both), expected, 'evalClosure copy');
			jail.setSync('f', make);
			assertSame(context.evalSync('f()', { copy: true }), expected, 'result of a host function');
			jail.setSync('f', new Callback(make, { async: true }));
			assertSame(await context.eval('f()', { promise: true, copy: true }), expected, 'result of an async host function');
			assertSame(context.evalSync('x => x')(make()), expected, 'through a guest function');
			assertSame(new ExternalCopy(make()).copy(), expected, 'ExternalCopy');
			assertSame(new Reference(make()).copySync(), expected, 'copy of a host reference');
			// thrown
			let caught;
			try {
				context.evalSync(`throw ${code}`);
			} catch (error) {
				caught = error;
			}
			assertSame(caught, expected, 'thrown by the guest');
		});
	}

	for (const [kind, code] of Object.entries(COPYABLE)) {
		it(`${kind} without an option is what the rules say`, async () => {
			const value = (0, eval)(code);
			const plain = isTransferable(code);
			const closure = `return ${code}`;
			if (plain) {
				for (const result of [context.evalSync(`(${code})`), await context.eval(`(${code})`), context.evalClosureSync(closure),
					await context.evalClosure(closure), identity.applySync(undefined, [value]), await identity.apply(undefined, [value])]) {
					assert.ok(Object.is(result, value));
				}
				jail.setSync('v', value);
				assert.ok(Object.is(jail.getSync('v'), value));
				assert.ok(Object.is(await context.eval(`Promise.resolve(${code})`, { promise: true }), value));
			} else {
				assert.equal(context.evalSync(`(${code})`), undefined);
				assert.equal(await context.eval(`(${code})`), undefined);
				const refused = [() => context.evalClosureSync(closure), () => jail.setSync('v', value),
					() => identity.applySync(undefined, [value]), () => identity.applySync(value), () => context.evalClosureSync('1', [value])];
				const later = [context.evalClosure(closure), jail.set('v', value), identity.apply(undefined, [value]), identity.apply(value),
					context.evalClosure('1', [value]), context.eval(`(${code})`, { promise: true }), context.eval(`Promise.resolve(${code})`, { promise: true })]
					.map(rejection);
				for (const error of [...refused.map(thrown), ...await Promise.all(later)]) {
					assert.ok(error instanceof TypeError);
					assert.equal(error.message, 'A non-transferable value was passed');
				}
				context.evalSync(`v = ${code}; 0`);
				assert.ok(jail.getSync('v') instanceof Reference);
				assertSame(context.evalSync(`() => ${code}`, { reference: true }).applySync().copySync(), value);
			}
		});
	}
});

describe('every kind of value that does not copy', () => {
	const { context, jail } = guest();
	const identity = context.evalSync('x => x', { reference: true });

	for (const [kind, [code, message]] of Object.entries(UNCOPYABLE)) {
		it(`${kind} is refused with the same message everywhere`, async () => {
			const value = (0, eval)(`(${code})`);
			const errors = [
				thrown(() => context.evalSync(`(${code})`, { copy: true })),
				thrown(() => context.evalSync(`(${code})`, { externalCopy: true })),
				thrown(() => context.evalSync(`(${code})`, { reference: true }).copySync()),
				await rejection(context.eval(`(${code})`, { copy: true })),
				thrown(() => jail.setSync('v', value, { copy: true })),
				thrown(() => jail.setSync('v', value, { externalCopy: true })),
				await rejection(jail.set('v', value, { copy: true })),
				thrown(() => identity.applySync(undefined, [value], { arguments: { copy: true } })),
				thrown(() => new ExternalCopy(value)),
				thrown(() => new Reference(value).copySync()),
			];
			for (const error of errors) {
				assert.ok(error instanceof TypeError, String(error));
				assert.match(error.message, message);
			}
		});

		it(`${kind} is refused by a promise, too`, async () => {
			// A promise in a promise is followed; any other value is what the promise gives.
			const error = await rejection(context.eval(`Promise.resolve([${code}])`, { copy: true, promise: true }));
			assert.ok(error instanceof TypeError, String(error));
			assert.match(error.message, /could not be cloned\.$/);
		});

		it(`${kind} can be referred to from both sides`, async () => {
			const value = (0, eval)(`(${code})`);
			jail.setSync('v', value, { reference: true });
			assert.equal(context.evalSync('v').deref(), value);
			const reference = context.evalSync(`globalThis.w = ${code}; w`, { reference: true });
			jail.setSync('same', reference.derefInto());
			assert.equal(context.evalSync('same === w'), true);
			assert.ok(await context.eval('w', { reference: true }) instanceof Reference);
		});
	}
});

describe('objects of the library', () => {
	/** One of each, the way it is recognised, and a fresh one each time. */
	const made = guest();
	const kinds = {
		Isolate: [() => made.isolate, value => value instanceof Isolate && !value.isDisposed],
		Context: [() => made.context, value => value instanceof Context && value.evalSync('1 + 1') === 2],
		Script: [() => made.isolate.compileScriptSync('3 + 4'), value => value instanceof Script && value.runSync(made.context) === 7],
		Reference: [() => new Reference({ a: 5 }), value => value instanceof Reference && value.getSync('a') === 5],
		'Reference to a guest': [() => made.context.evalSync('({ a: 6 })', { reference: true }),
			value => value instanceof Reference && value.getSync('a') === 6],
		ExternalCopy: [() => new ExternalCopy({ a: 7 }), value => value instanceof ExternalCopy && value.copy().a === 7],
	};

	for (const [kind, [make, test]] of Object.entries(kinds)) {
		it(`${kind} crosses with and without options, both ways`, async () => {
			const { context, jail } = guest();
			const identity = context.evalSync('x => x', { reference: true });
			for (const way of [undefined, { copy: true }, { promise: true }, { promise: true, copy: true }]) {
				jail.setSync('v', make(), way);
				assert.ok(test(await context.eval('v', { promise: true })), JSON.stringify(way));
				assert.ok(test(await identity.apply(undefined, [make()], { arguments: way, result: { promise: true } })), JSON.stringify(way));
				jail.setSync('plain', make());
				assert.ok(test(await context.evalSync('plain', way)), JSON.stringify(way));
			}
			assert.ok(test(context.evalSync('({ inner: [plain] })', { copy: true }).inner[0]));
			assert.ok(test(context.evalSync('({ inner: [plain] })', { externalCopy: true }).copy().inner[0]));
			assert.ok(test(context.evalSync('plain', { externalCopy: true }).copy()));
			jail.setSync('nested', { inner: { value: make() } }, { copy: true });
			assert.ok(test(context.evalSync('nested.inner.value')));
			jail.setSync('f', value => { assert.ok(test(value)); return value; });
			assert.ok(test(context.evalSync('f(plain)')));
			assert.ok(test(context.evalSync('x => x')(make())));
			assert.ok(test(new ExternalCopy({ v: make() }).copy().v));
			jail.setSync('r', make(), { reference: true });
			assert.ok(test(context.evalSync('r').deref()));
		});
	}
});

// --- random structures --------------------------------------------------------------------------

/** A random value, made of all that can be cloned; objects turn up again now and then. */
function randomValue(random, size) {
	const known = [];
	const keep = value => { known.push(value); return value; };
	const text = () => {
		const alphabet = random.pick(['abc', 'xyz\xe4\xff\0', '\u1234\u5678\ud83d\ude00', '\ud800\udc00\udfff']);
		return Array.from({ length: random.pick([0, 1, 2, 5, 23, 24, 25, 60, 300]) }, () => alphabet[random.below(alphabet.length)]).join('');
	};
	const number = () => random.pick([0, -0, 1, -1, random.below(256), -random.below(70000), random.below(2 ** 31), 2 ** 31, -(2 ** 31) - 1,
		random(), random() * 1e300, NaN, Infinity, -Infinity, Number.MAX_SAFE_INTEGER]);
	const key = () => random.pick([() => text(), () => String(random.below(20)), () => random.pick(['__proto__', 'constructor', 'length', 'then'])])();
	const bytes = () => {
		const length = random.pick([0, 1, 7, 8, 64, 1000, 16_383, 16_384, 20_000]);
		return keep(Uint8Array.from({ length }, () => random.below(256)).buffer);
	};
	const value = depth => {
		if (known.length > 0 && random() < 0.07) {
			return random.pick(known);
		}
		if (depth <= 0 || random() < 0.4) {
			return random.pick([number, text, number, text, () => null, () => undefined, () => random() < 0.5,
				() => BigInt(random.below(2 ** 31)) * (random() < 0.5 ? 1n : -1n) << BigInt(random.below(200)),
				() => keep(new Date(random.pick([0, 1e12, -5, NaN]))),
				() => keep(new RegExp(random.pick(['', 'a+', '[\\]/]', '\u1234']), random.pick(['', 'g', 'gimsuy']))),
				() => keep(Object(random.pick([true, 5, -0, 'text', 7n])))])();
		}
		const count = random.below(size);
		switch (random.below(7)) {
			case 0: {
				const list = keep([]);
				for (let i = 0; i < count; ++i) {
					if (random() < 0.1) {
						list.length += 1;
					} else {
						list.push(value(depth - 1));
					}
				}
				return list;
			}
			case 1: {
				const map = keep(new Map());
				for (let i = 0; i < count; ++i) {
					map.set(value(depth - 2), value(depth - 1));
				}
				return map;
			}
			case 2: {
				const set = keep(new Set());
				for (let i = 0; i < count; ++i) {
					set.add(value(depth - 1));
				}
				return set;
			}
			case 3: {
				const buffer = bytes();
				if (random() < 0.3) {
					return buffer;
				}
				const [View, unit] = random.pick([[Uint8Array, 1], [Int16Array, 2], [Uint32Array, 4], [Float32Array, 4], [Float64Array, 8],
					[BigInt64Array, 8], [Uint8ClampedArray, 1], [DataView, 1]]);
				const room = Math.floor(buffer.byteLength / unit);
				const offset = random.below(room + 1);
				return keep(new View(buffer, offset * unit, random.below(room - offset + 1)));
			}
			default: {
				const object = keep({});
				for (let i = 0; i < count; ++i) {
					Object.defineProperty(object, key(), { value: value(depth - 1), writable: true, enumerable: true, configurable: true });
				}
				return object;
			}
		}
	};
	return value(random.below(7));
}

describe('random structures', () => {
	const SEEDS = times(400);

	it('survive the way host → guest → host', () => {
		const { context } = guest();
		const identity = context.evalSync('x => x', { reference: true });
		const through = context.evalSync('x => x');
		const both = { arguments: { copy: true }, result: { copy: true } };
		for (let seed = 1; seed <= SEEDS; ++seed) {
			const value = randomValue(seeded(seed), 8);
			assertSame(identity.applySync(undefined, [value], both), value, `seed ${seed}`);
			if (typeof value !== 'symbol') {
				assertSame(through(value), value, `seed ${seed}, as arguments of a function`);
			}
		}
	});

	it('survive external copies and async ways', async () => {
		const { context, jail } = guest();
		const identity = context.evalSync('async x => x', { reference: true });
		for (let seed = 1; seed <= SEEDS / 4; ++seed) {
			const value = randomValue(seeded(seed * 7919), 8);
			assertSame(new ExternalCopy(value).copy(), value, `seed ${seed}`);
			const [one, two] = await Promise.all([
				identity.apply(undefined, [value], { arguments: { copy: true }, result: { copy: true, promise: true } }),
				identity.apply(undefined, [new ExternalCopy(value).copyInto({ release: true })], { result: { externalCopy: true, promise: true } }),
			]);
			assertSame(one, value, `seed ${seed}`);
			assertSame(two.copy({ transferIn: true }), value, `seed ${seed}`);
			jail.setSync('f', () => value);
			assertSame(context.evalSync('f()', { copy: true }), value, `seed ${seed}`);
		}
	});

	it('are taken apart by the guest as by the host', () => {
		const describe = `(function describe(value) {
			const seen = new Map();
			const walk = v => {
				if (Object.is(v, -0)) return '-0';
				if (typeof v === 'bigint') return v + 'n';
				if (typeof v === 'string') return JSON.stringify(v);
				if (typeof v !== 'object' || v === null) return String(v);
				if (seen.has(v)) return '#' + seen.get(v);
				seen.set(v, seen.size);
				const tag = Object.prototype.toString.call(v).slice(8, -1);
				if (v instanceof Map) return 'Map(' + [...v].map(([k, x]) => walk(k) + '=>' + walk(x)).join() + ')';
				if (v instanceof Set) return 'Set(' + [...v].map(walk).join() + ')';
				if (v instanceof ArrayBuffer) return 'ArrayBuffer(' + new Uint8Array(v).join('.') + ')';
				if (ArrayBuffer.isView(v)) return tag + '(' + v.byteOffset + ',' + v.byteLength + ',' + walk(v.buffer) + ')';
				if (v instanceof Date) return 'Date(' + v.getTime() + ')';
				if (v instanceof RegExp) return String(v);
				if (['Boolean', 'Number', 'String', 'BigInt'].includes(tag)) return tag + '(' + walk(v.valueOf()) + ')';
				return tag + (Array.isArray(v) ? v.length : '') + '{' + Object.keys(v).map(k => JSON.stringify(k) + ':' + walk(v[k])).join() + '}';
			};
			return walk(value);
		})`;
		const here = (0, eval)(describe);
		const there = guest().context.evalSync(describe, { reference: true });
		for (let seed = 1; seed <= SEEDS / 2; ++seed) {
			const value = randomValue(seeded(seed * 104729), 7);
			assert.equal(there.applySync(undefined, [value], { arguments: { copy: true } }), here(value), `seed ${seed}`);
		}
	});

	it('made by the guest arrive as the guest describes them', () => {
		const { context } = guest();
		const make = context.evalSync(`(${seeded}); (${randomValue}); (seed => (${randomValue})((${seeded})(seed), 8))`, { reference: true });
		for (let seed = 1; seed <= SEEDS / 2; ++seed) {
			assertSame(make.applySync(undefined, [seed * 15485863], { result: { copy: true } }), randomValue(seeded(seed * 15485863), 8),
				`seed ${seed}`);
		}
	});

	it('may be large', () => {
		const { context } = guest({ memoryLimit: 512 });
		const both = { arguments: { copy: true }, result: { copy: true } };
		const identity = context.evalSync('x => x', { reference: true });
		const random = seeded(42);
		const large = Array.from({ length: FEW ? 200 : 1500 }, () => randomValue(random, 6));
		assertSame(identity.applySync(undefined, [large], both), large);
	});
});

describe('random arguments in one call', () => {
	it('keep their order and number', () => {
		const { context } = guest();
		const collect = context.evalSync('(...values) => values', { reference: true });
		for (let seed = 1; seed <= times(100); ++seed) {
			const random = seeded(seed);
			const values = Array.from({ length: random.below(30) }, () => randomValue(random, 4));
			const result = collect.applySync(undefined, values, { arguments: { copy: true }, result: { copy: true } });
			assert.equal(result.length, values.length);
			values.forEach((value, i) => assertSame(result[i], value, `seed ${seed}, argument ${i}`));
		}
	});

	it('do not mix what is separate', () => {
		const { context } = guest();
		const shared = { a: 1 };
		const same = context.evalSync('(a, b) => a === b', { reference: true });
		assert.equal(same.applySync(undefined, [shared, shared], { arguments: { copy: true } }), false);
	});
});

describe('long strings', () => {
	const long = {
		'of ASCII': 'abcdefghij'.repeat(30_000),
		'of Latin-1': 'é'.repeat(100_000) + 'a',
		'of two bytes a character': 'a'.repeat(100_000) + '€',
		'with half of a surrogate pair': '\ud800'.repeat(5_000),
		'with nulls': 'a\0b'.repeat(50_000),
		'a part of another': 'x'.repeat(300_000).slice(7, 200_000),
		'put together of parts': Array.from({ length: 9_000 }, (_, i) => String(i)).reduce((sum, part) => sum + part, ''),
	};
	for (const [kind, text] of Object.entries(long)) {
		it(`${kind} cross both ways, as values, keys, sources and in errors`, async () => {
			const { context, jail } = guest();
			const same = context.evalSync('s => s', { reference: true });
			for (let i = 0; i < 3; ++i) {
				assert.ok(same.applySync(undefined, [text]) === text);
				assert.ok(await same.apply(undefined, [text]) === text);
			}
			assert.equal(context.evalClosureSync('return $0.length + $0.charCodeAt($0.length - 1)', [text]),
				text.length + text.charCodeAt(text.length - 1));
			assert.ok(same.applySync(undefined, [{ text }], { arguments: { copy: true }, result: { copy: true } }).text === text);
			jail.setSync(text, 1);
			assert.equal(jail.getSync(text), 1);
			assert.ok(context.evalSync(`/* ${text.replace('\0', '')} */ ${JSON.stringify(text)}`) === text);
			assert.ok(thrown(() => context.evalClosureSync('throw new Error($0)', [text])).message === text);
			jail.setSync('host', value => value + value);
			assert.ok(context.evalClosureSync('return host($0)', [text]) === text + text);
		});
	}

	it('of every length about where their way changes', () => {
		const { context } = guest();
		const same = context.evalSync('s => s', { reference: true });
		for (const around of [48, 4096, 16_384, 65_536, 131_072]) {
			for (let length = around - 3; length < around + 3; ++length) {
				for (const end of ['a', 'é', '€']) {
					const text = 'x'.repeat(length - 1) + end;
					assert.ok(same.applySync(undefined, [text]) === text, `${length} ${end}`);
				}
			}
		}
	});

	it('do not pile up in the process', async () => {
		const [growth] = await child(`
			const { context } = guest();
			const same = context.evalSync('s => s', { reference: true });
			const run = () => {
				for (let i = 0; i < times(300); ++i) {
					same.applySync(undefined, [String.fromCharCode(97 + i % 20).repeat(1 << 20)]);
				}
			};
			run();
			const before = process.memoryUsage.rss();
			for (let i = 0; i < 4; ++i) run();
			report((process.memoryUsage.rss() - before) / 2 ** 20);
		`);
		assert.ok(growth < 100, `${growth} MB more`);
	});

	it('that come again and again are one copy for all isolates, whichever ends first', () => {
		const text = `(() => { /* ${'library '.repeat(20_000)} */ return 'ready'; })()`;
		const guests = times(20) < 20 ? [guest(), guest()] : Array.from({ length: 20 }, () => guest());
		const keep = guests.map(({ context }) => context.evalSync('var kept; s => (kept = s).length', { reference: true }));
		for (const [i, { context }] of guests.entries()) {
			assert.equal(context.evalSync(text), 'ready');
			assert.equal(keep[i].applySync(undefined, [text]), text.length);
		}
		for (const { context, isolate } of guests) {
			assert.ok(context.evalSync('kept') === text);
			isolate.dispose();
		}
		const { context } = guest();
		assert.ok(context.evalClosureSync('return $0', [text]) === text);
	});

	it('of one length that differ in one character are told apart', () => {
		const { context } = guest();
		const same = context.evalSync('s => s', { reference: true });
		const base = 'x'.repeat(20_000);
		for (let i = 0; i < times(300); ++i) {
			const at = (i * 7919) % base.length;
			const text = base.slice(0, at) + (i % 5 === 0 ? '€' : 'y') + base.slice(at + 1);
			for (const one of [base, text, base, text]) {
				assert.ok(same.applySync(undefined, [one]) === one);
			}
		}
	});

	it('that came again are forgotten after a while', async () => {
		const [shrunk] = await child(`
			const { context } = guest();
			const length = context.evalSync('s => s.length', { reference: true });
			const wait = ms => new Promise(done => setTimeout(done, ms));
			const use = () => {
				for (let i = 0; i < 4; ++i) {
					const text = String.fromCharCode(97 + i).repeat(8 << 20);
					for (let j = 0; j < 3; ++j) length.applySync(undefined, [text]);
				}
			};
			use();
			const before = process.memoryUsage.rss();
			wait(1800).then(() => {
				context.evalSync('0');
				const shrunk = (before - process.memoryUsage.rss()) / 2 ** 20;
				report(shrunk);
			});
		`);
		assert.ok(shrunk > 20, `${shrunk} MB less`);
	});

	it('that a failed call did not take are let go of', async () => {
		const [growth] = await child(`
			const { context } = guest();
			const same = context.evalSync('s => s', { reference: true });
			const text = 'x'.repeat(1 << 20);
			const before = process.memoryUsage.rss();
			for (let i = 0; i < times(400); ++i) {
				try {
					same.applySync(undefined, [text, Symbol()]);
					throw new Error('not refused');
				} catch (error) {
					if (!(error instanceof TypeError)) throw error;
				}
			}
			report((process.memoryUsage.rss() - before) / 2 ** 20);
		`);
		assert.ok(growth < 60, `${growth} MB more`);
	});
});
