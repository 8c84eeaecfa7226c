'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const v8 = require('node:v8');
const { Reader, Writer, decode, encode } = require('../lib/clone');

const MALFORMED = /^CloneError: Unable to deserialize cloned data\.$/;

class CloneError extends Error {
	get name() {
		return 'CloneError';
	}
}

/** A delegate which knows of no handles, with what a test needs instead. */
function delegateWith(overrides) {
	return {
		hostObjectIndex: () => -1,
		functionIndex: () => -1,
		sharedArrayBufferIndex: () => -1,
		transferredIndex: () => -1,
		hostObject: () => undefined,
		sharedArrayBuffer: () => undefined,
		transferred: () => undefined,
		cloneError: (message) => new CloneError(message),
		...overrides
	};
}

const plain = delegateWith({});

function ours(value, delegate = plain) {
	const writer = new Writer();
	encode(writer, value, delegate);
	return Buffer.from(writer.u8.slice(0, writer.pos));
}

/** Decodes bytes which lie at the very end of their buffer, so that reading on would be noticed. */
function ourDecode(bytes, delegate = plain) {
	const reader = new Reader(Uint8Array.from(bytes).buffer);
	const value = decode(reader, delegate);
	assert.equal(reader.pos, bytes.length);
	return value;
}

function theirs(value) {
	const serializer = new v8.Serializer();
	serializer.writeHeader();
	serializer.writeValue(value);
	return serializer.releaseBuffer();
}

function theirDecode(bytes) {
	const deserializer = new v8.Deserializer(bytes);
	deserializer.readHeader();
	return deserializer.readValue();
}

function bytes(...parts) {
	return Buffer.concat(parts.map((part) => typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1')));
}

function varint(value) {
	const out = [];
	for (; value > 0x7f; value = Math.floor(value / 0x80)) out.push((value % 0x80) | 0x80);
	return Buffer.from([...out, value]).toString('latin1');
}

/** A message of version 15. */
function message(...parts) {
	return bytes(0xff, 0x0f, ...parts);
}

function random(seed) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

function assertSame(actual, expected) {
	assert.deepStrictEqual(actual, expected);
	if (expected instanceof Error) {
		assert.equal(actual.stack, expected.stack);
		assert.deepStrictEqual(
			Object.getOwnPropertyDescriptor(actual, 'message'), Object.getOwnPropertyDescriptor(expected, 'message')
		);
		assert.equal(Object.prototype.hasOwnProperty.call(actual, 'cause'), 'cause' in expected);
	}
	if (ArrayBuffer.isView(expected)) {
		assert.equal(actual.byteOffset, expected.byteOffset);
		assert.deepStrictEqual(actual.buffer, expected.buffer);
	}
}

/** Whether it is about bytes or about values; see `agreement`. */
let comparing = '';

/**
 * Compares with V8: what is written, or what is read.
 * @param {unknown} value
 * @param {{ sameBytes?: boolean, holes?: boolean }} [options] whether all versions of V8 write the same, and
 *   whether there are arrays with holes
 */
function assertAgrees(value, { sameBytes = true, holes = false } = {}) {
	const reference = theirs(value);
	if (comparing === 'bytes') {
		if (!sameBytes || holes) return;
		assert.equal(ours(value).toString('latin1'), reference.toString('latin1'));
	} else {
		const mine = ours(value);
		const expected = theirDecode(reference);
		assertSame(theirDecode(mine), expected);
		const decoded = ourDecode(reference);
		assertSame(decoded, expected);
		assertSame(ourDecode(mine), expected);
		// Identities survive, or else there would be other ids.
		if (sameBytes) assert.equal(ours(decoded).toString('latin1'), mine.toString('latin1'));
	}
}

/**
 * A test of values which are written as V8 writes them, and are read so, too.
 * All that is written is compared first, since V8 writes an array in another
 * way once it has come to store it as if it had holes. It may well do that
 * after any code, such as that of `assert`, has met both kinds of arrays.
 */
const agreements = [];
function agreement(title, run) {
	agreements.push({ title, run });
}

class Point {
	constructor(x, y) {
		this.x = x;
		this.y = y;
	}

	get length() {
		return Math.hypot(this.x, this.y);
	}
}

const typedArrays = [
	Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
	Float64Array, BigInt64Array, BigUint64Array
];

agreement('primitives are written and read as V8 does', () => {
	for (const value of [undefined, null, true, false, 0, -0, NaN, Infinity, -Infinity, 0.1, 1e300, 5e-324]) {
		assertAgrees(value);
	}
});

agreement('integers are written in as many bytes as V8 takes', () => {
	for (let bit = 0; bit < 53; ++bit) {
		for (const delta of [-1, 0, 1]) {
			for (const value of [2 ** bit + delta, -(2 ** bit) + delta]) {
				// V8 would write a double for an integer which it happens to store as such.
				assertAgrees((value | 0) === value ? value | 0 : value);
			}
		}
	}
});

agreement('BigInts of any size and sign pass', () => {
	for (const bits of [0n, 1n, 31n, 63n, 64n, 65n, 127n, 128n, 1000n, 100000n]) {
		for (const delta of [-1n, 0n, 1n]) {
			assertAgrees((1n << bits) + delta);
			assertAgrees(-(1n << bits) + delta);
		}
	}
});

agreement('strings of every length and width pass, aligned as V8 has them', () => {
	for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 23, 24, 25, 26, 31, 63, 64, 65, 100, 127, 128, 1000, 16383, 16384, 70000]) {
		for (const unit of ['a', '\0', '\x7f', '\x80', '\xff', '\u0100', '漢', '\ud800', '\udc00', '😀']) {
			const string = unit.repeat(length);
			assertAgrees(string);
			assertAgrees(['x'.repeat(length % 5), string]);
			if (length > 0) assertAgrees('a'.repeat(length - 1) + unit);
		}
	}
});

agreement('strings which are slices, ropes or numbers are written by their content', () => {
	const text = 'the quick brown fox jumps over the lazy dog'.repeat(4);
	for (const string of [text.slice(3, 40), text.slice(1) + text, `${12345}${text}`, String(0.1)]) assertAgrees(string);
	// V8 writes how a string is stored; what counts is that it is the same one.
	const narrow = `漢${text}`.slice(1);
	assert.equal(theirDecode(ours(narrow)), narrow);
});

agreement('plain objects keep keys of all kinds, in order', () => {
	const keys = [
		'a', '', ' ', 'b c', 'é', '漢字', 'x'.repeat(30), 'x'.repeat(31), 'y'.repeat(200), '01', '1.5', '-1', '4294967295',
		'4294967296', '1e3', 'toString', 'constructor', 'hasOwnProperty', 'length', '😀', '\ud800'
	];
	assertAgrees(Object.fromEntries(keys.map((key, i) => [key, i])));
	for (const key of keys) assertAgrees([{ [key]: 1 }, { [key]: { [key]: 2 } }]);
	assertAgrees({ 2: 'b', 1: 'a', 4294967294: 'z', 2147483648: 'y', 100: 'c', name: 'n' });
	assertAgrees({});
	assertAgrees(Object.assign(Object.create(null), { a: 1, b: {} }));
});

agreement('an object gives up neither symbols nor hidden nor inherited properties', () => {
	const object = Object.create({ inherited: 1 }, {
		hidden: { value: 1, enumerable: false },
		shown: { value: 2, enumerable: true },
		got: { get: () => 3, enumerable: true }
	});
	object[Symbol('s')] = 4;
	assertAgrees(object);
	assert.deepEqual(ourDecode(ours(object)), { shown: 2, got: 3 });
});

agreement('an own __proto__ stays an own property', () => {
	const object = JSON.parse('{"__proto__":{"polluted":true},"a":1}');
	for (let i = 0; i < 3; ++i) {
		const decoded = ourDecode(theirs(object));
		assert.deepEqual(Object.keys(decoded), ['__proto__', 'a']);
		assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
		assert.equal(decoded.polluted, undefined);
		assertAgrees(object);
	}
	const array = Object.defineProperty([1], '__proto__', { value: { polluted: true }, enumerable: true });
	assert.equal(Object.getPrototypeOf(ourDecode(theirs(array))), Array.prototype);
	assert.equal({}.polluted, undefined);
});

agreement('instances of classes become plain objects', () => {
	assertAgrees([new Point(1, 2), new Point(3, 4), new (class extends Point {})(5, 6)]);
	assert.equal(Object.getPrototypeOf(ourDecode(ours(new Point(1, 2)))), Object.prototype);
	for (const prototype of [Map, Date, RegExp, Promise, Error, Array, Function].map((type) => type.prototype)) {
		assertAgrees(Object.assign(Object.create(prototype), { a: 1 }));
	}
});

agreement('builtins of subclasses, of other realms and with odd prototypes are known', () => {
	const prototypes = [Promise.prototype, Object.create(null), Object.create(Map.prototype), class extends Set {}.prototype];
	for (const prototype of prototypes) {
		for (const value of [new Map([[1, 2]]), new Set([1]), new Date(5), /x/g, new Error('e'), Object('s'), new Uint8Array(3)]) {
			Object.setPrototypeOf(value, prototype);
			assert.equal(ours(value).toString('latin1'), theirs(value).toString('latin1'));
		}
	}
	const context = require('node:vm').createContext({});
	for (const code of [
		'({ a: 1, b: [1, { c: 2 }] })', 'new Map([[1, {}]])', 'new Date(7)', '/x/gi', 'new Uint8Array(4)',
		'Object.assign(new TypeError("far"), { code: "E" })', 'Object("s")', 'new (class A { x = 1 })', '10n ** 30n'
	]) assertAgrees(require('node:vm').runInContext(code, context));
});

agreement('dense arrays pass, with the properties they have besides', () => {
	for (const array of [
		[], [1], [1, 2, 3], ['a', 'b'], [[], [[]]], [undefined, null], [{ a: 1 }, { a: 2 }], [0.5, 1.5],
		Array.from({ length: 8 }, (_, i) => i), Array.from({ length: 9 }, (_, i) => i),
		Array.from({ length: 1000 }, (_, i) => i * i), Array.from({ length: 300 }, (_, i) => `s${i}`),
		Object.assign([], { named: 1 }), Object.assign([1, 2], { named: 1, '漢': 2, '': 3 }),
		Object.assign(Array.from({ length: 20 }, (_, i) => i), { index: 3, input: 'x' })
	]) assertAgrees(array);
	for (const array of [/b(?<n>.)/.exec('abc'), class extends Array {}.of(1, 2)]) assertAgrees(array, { sameBytes: false });
});

agreement('arrays with holes stay sparse', () => {
	const far = [1, 2];
	far[100000] = 3;
	const farthest = [];
	farthest[4294967294] = 1;
	farthest.name = 'n';
	const manyHoles = [];
	for (let i = 0; i < 3000; i += 3) manyHoles[i] = { i };
	for (const array of [
		[, 1], [1, , 3], [1, , ], [, ], Object.assign([, 1], { a: 1 }), far, farthest, manyHoles, new Array(5), new Array(100000)
	]) {
		assertAgrees(array, { holes: true });
		if (comparing === 'values') assert.equal(ours(array).toString('latin1'), theirs(array).toString('latin1'));
		const decoded = ourDecode(theirs(array));
		assert.equal(decoded.length, array.length);
		assert.deepEqual(Object.keys(decoded), Object.keys(array));
	}
});

agreement('arrays V8 stores as if they had holes are read as what they are', () => {
	const array = new Array(50).fill(7);
	assertAgrees(array, { sameBytes: false });
	assertAgrees([array, new Array(3).fill({ a: 1 })], { sameBytes: false });
});

agreement('dates, boxed primitives and regular expressions pass', () => {
	const flags = ['', 'g', 'i', 'm', 'y', 'u', 's', 'd', 'gimsuyd'];
	for (const value of [
		new Date(0), new Date(1e12), new Date(-1.5), Object(true), Object(false), Object(1), Object(-0),
		Object(NaN), Object('s'), Object('漢'), Object(''), Object(5n), Object(-(2n ** 70n)), new RegExp(''), /\//, /漢+/u, /\n/,
		...flags.map((flag) => new RegExp('a(b)', flag))
	]) {
		assertAgrees(value);
		assertAgrees([value, value]);
	}
	const invalid = new Date(NaN);
	assert.equal(ours(invalid).toString('latin1'), theirs(invalid).toString('latin1'));
	assert.equal(ourDecode(theirs(invalid)).getTime(), NaN);
	if (new RegExp('').unicodeSets === false) assertAgrees(new RegExp('[a--b]', 'v'));
});

agreement('maps and sets pass, whatever is in them', () => {
	assertAgrees(new Map());
	assertAgrees(new Set());
	assertAgrees(new Map([[1, 'a'], ['k', { a: 1 }], [{}, new Map([[NaN, undefined]])], [null, new Set([1, [2]])]]));
	assertAgrees(new Set([new Set(), 'x', -1, undefined, {}]));
	const map = new Map();
	map.set(map, map).set('self', new Set([map]));
	assertAgrees(map);
});

agreement('buffers and all kinds of views pass', () => {
	const buffer = Uint8Array.from({ length: 64 }, (_, i) => i * 3).buffer;
	assertAgrees(buffer);
	assertAgrees(new ArrayBuffer(0));
	const types = globalThis.Float16Array === undefined ? typedArrays : [...typedArrays, globalThis.Float16Array];
	for (const Type of [...types, DataView]) {
		assertAgrees(new Type(buffer));
		assertAgrees(new Type(buffer, 16));
		assertAgrees(new Type(buffer, 8, 2));
		assertAgrees(new Type(buffer, 64));
		assertAgrees({ view: new Type(buffer), buffer });
		assertAgrees({ buffer, view: new Type(buffer), twice: [new Type(buffer, 8)] });
	}
	const view = new Uint8Array(buffer, 1);
	assertAgrees([view, view, buffer, new DataView(buffer), view]);
	assertAgrees(new Map([[view, view]]));
});

agreement('resizable buffers pass, as do views which follow their length and those which do not', () => {
	for (const size of [8, 32]) {
		const buffer = new ArrayBuffer(size, { maxByteLength: 32 });
		new Uint8Array(buffer).set([1, 2, 3, 4, 5, 6, 7, 8].reverse(), size - 8);
		assertAgrees(buffer);
		for (const Type of [Uint8Array, Uint16Array, Float64Array, DataView]) {
			const elements = (Type.BYTES_PER_ELEMENT ?? 1);
			for (const view of [
				new Type(buffer), new Type(buffer, 0, size / elements), new Type(buffer, 8), new Type(buffer, 0, 0),
				new Type(buffer, 8, size / elements - 8 / elements)
			]) {
				assertAgrees(view);
				const [follows, decoded] = [view, ourDecode(ours(view))].map((v) => {
					v.buffer.resize(size - 8);
					let changed = true;
					try {
						changed = v.byteOffset + v.byteLength === size - 8;
					} catch {}
					v.buffer.resize(size);
					new Uint8Array(v.buffer).set([1, 2, 3, 4, 5, 6, 7, 8].reverse(), size - 8);
					return changed;
				});
				assert.equal(decoded, follows);
			}
		}
		assert.deepEqual([...new Uint8Array(buffer, size - 8)], [8, 7, 6, 5, 4, 3, 2, 1]);
	}
	const uneven = new ArrayBuffer(12, { maxByteLength: 13 });
	const views = [new Uint32Array(uneven), new Uint32Array(uneven, 0, 3), new Uint32Array(uneven, 4)];
	uneven.resize(13);
	// Node 20 wrongly refuses to make such views.
	if (Number(process.versions.node.split('.')[0]) > 20) views.forEach((view) => assertAgrees(view));
});

agreement('errors keep their type, message, stack and cause', () => {
	const custom = new Error('custom');
	custom.name = 'RangeError';
	const bare = new Error();
	const hidden = new TypeError('x');
	delete hidden.message;
	const unstacked = new Error('no stack');
	Object.defineProperty(unstacked, 'stack', { value: undefined });
	const odd = Object.assign(new Error('own'), { code: 'E_CODE', message: 12 });
	for (const error of [
		new Error('plain'), new EvalError('e'), new RangeError('r'), new ReferenceError('f'), new SyntaxError('s'),
		new TypeError('t'), new URIError('漢'), custom, bare, hidden, unstacked, odd, new (class Own extends TypeError {})('own'),
		new AggregateError([1], 'many')
	]) {
		assertAgrees(error);
		assertAgrees([error, { error }]);
	}
	const message = Object.defineProperty(new Error('m'), 'message', { get: () => 'got' });
	assertAgrees(message);
});

agreement('the cause of an error may be anything, even the error', () => {
	// V8 moved the cause to the end; it reads both orders, as the decoder does.
	for (const cause of [1, undefined, { a: [1] }, new TypeError('inner', { cause: 'deep' })]) {
		assertAgrees(new Error('outer', { cause }), { sameBytes: false });
		const decoded = ourDecode(theirs(new Error('outer', { cause })));
		assert.deepStrictEqual(decoded.cause, cause);
		assert.equal(Object.getOwnPropertyDescriptor(decoded, 'cause').enumerable, false);
	}
	const error = new Error('self');
	error.cause = { error };
	const decoded = ourDecode(ours(error));
	assert.equal(decoded.cause.error, decoded);
	assert.equal(decoded.message, 'self');
});

agreement('cycles and shared identities survive, however many objects there are', () => {
	const object = { list: [], map: new Map() };
	object.self = object;
	object.list.push(object, object.list, object.map);
	object.map.set(object, object.list);
	assertAgrees(object);
	for (const count of [10, 30, 31, 32, 33, 34, 100, 1000]) {
		const list = Array.from({ length: count }, (_, i) => ({ i, view: i % 7 === 0 ? new Uint8Array([i]) : null }));
		list.forEach((item, i) => {
			item.next = list[(i * 7 + 1) % count];
		});
		assertAgrees(list);
		const decoded = ourDecode(ours(list));
		decoded.forEach((item, i) => assert.equal(item.next, decoded[(i * 7 + 1) % count]));
	}
});

agreement('more different keys than can be remembered are no problem', () => {
	const next = random(3);
	const keys = Array.from({ length: 5000 }, (_, i) => `key_${Math.floor(next() * 1e9).toString(36)}_${i % 100}`);
	for (let i = 0; i + 30 <= keys.length; i += 20) {
		const object = {};
		for (const key of keys.slice(i, i + 30)) object[key] = { [key]: i, [`${key}_`]: [{ [key.slice(0, 5)]: 1 }] };
		assertAgrees(object);
	}
	assertAgrees(Object.fromEntries(keys.map((key, i) => [key, i])));
});

agreement('thousands of random values agree', () => {
	const next = random(20240607);
	const pick = (list) => list[Math.floor(next() * list.length)];
	const integer = (limit) => Math.floor(next() * limit);
	const words = ['id', 'name', 'x', 'y', 'kind', 'children', 'é', '漢', '7', '12', 'a long key, longer than thirty bytes are'];
	const string = () => pick(['', 'é', '漢字', 'goblin', '\ud83d', 'x'.repeat(integer(200)), '漢'.repeat(integer(60)), pick(words)]);
	// Doubles and holes make V8 store what comes later in another way.
	for (const others of comparing === 'bytes' ? [false] : [false, true]) {
		for (let run = 0; run < 2000; ++run) {
			const made = [];
			const keep = (object) => {
				made.push(object);
				return object;
			};
			const make = (depth) => {
				const kind = integer(depth > 0 ? 21 : 9);
				switch (kind) {
					case 0: return integer(100);
					case 1: return integer(2 ** 31) - 2 ** 30;
					case 2: return others ? pick([next(), -0, NaN, 1e20, 3]) : integer(9);
					case 3: case 4: return string();
					case 5: return pick([true, false, null, undefined]);
					case 6: return pick([0n, 1n, -1n, 2n ** 64n, -(3n ** 80n)]);
					case 7: return made.length > 0 ? pick(made) : null;
					case 8: return integer(7);
					case 9: return keep(new Date(integer(1e12)));
					case 10: return keep(pick([/a/g, /[b]+/iu, Object('s'), Object(1.5), Object(false), Object(7n)]));
					case 11: {
						const buffer = new Uint8Array(Array.from({ length: 8 * integer(5) }, () => integer(256))).buffer;
						const view = keep(new (pick([Uint8Array, Uint16Array, Float64Array, DataView]))(buffer));
						return pick([view, buffer]);
					}
					case 12: {
						const map = keep(new Map());
						for (let i = integer(4); i > 0; --i) map.set(make(depth - 1), make(depth - 1));
						return map;
					}
					case 13: {
						const set = keep(new Set());
						for (let i = integer(4); i > 0; --i) set.add(make(depth - 1));
						return set;
					}
					case 14: {
						const array = keep(others ? new Array(1 + integer(5)) : []);
						for (let i = 1; i < array.length; ++i) array[i] = make(depth - 1);
						return array;
					}
					case 15: case 16: {
						const array = keep([]);
						for (let i = integer(6); i > 0; --i) array.push(make(depth - 1));
						if (next() < 0.1) array.extra = make(depth - 1);
						return array;
					}
					default: {
						const object = keep({});
						for (let i = integer(8); i > 0; --i) object[pick(words)] = make(depth - 1);
						return object;
					}
				}
			};
			assertAgrees(make(4), { sameBytes: !others });
		}
	}
});

for (const [mode, what] of [['bytes', 'what is written is what V8 writes'], ['values', 'what is read is what V8 reads']]) {
	describe(`clone: ${what}`, () => {
		for (const { title, run } of agreements) {
			test(title, () => {
				comparing = mode;
				run();
			});
		}
	});
}

describe('clone: what cannot be cloned', () => {
	test('is refused with the message V8 has', () => {
		const refused = [
			() => {}, function named(a, b) { return a + b; }, class A {}, async () => {}, Math.max, (() => {}).bind(null),
			Function(`return '${'long'.repeat(100)}'`), Symbol('x'), Symbol(''), Object(Symbol('x')), Symbol.iterator, Promise.resolve(),
			new WeakMap(), new WeakSet(), new WeakRef({}), new FinalizationRegistry(() => {}), (function* () {})(),
			(async function* () {})(), new Map().keys(), new Set().values(), [].values(), ''.matchAll(/x/g),
			(function () { return arguments; })(), (function () { return arguments; })(1, 2), new Proxy({}, {}), new Proxy({ a: 1 }, {}),
			new Intl.NumberFormat(), new Intl.Collator(), new WebAssembly.Memory({ initial: 1 }), globalThis,
			new (class P extends Promise {})(() => {})
		];
		for (const value of refused) {
			for (const wrapped of [value, [value], { a: { value } }, new Map([[1, value]]), new Error('e', { cause: value })]) {
				let expected;
				try {
					theirs(wrapped);
				} catch (error) {
					expected = error.message;
				}
				assert.notEqual(expected, undefined);
				assert.throws(() => ours(wrapped), { name: 'CloneError', message: expected });
			}
		}
	});

	test('includes proxies of arrays and functions, whose traps are not run', () => {
		const handler = new Proxy({}, {
			get(_, trap) {
				throw new Error(`${String(trap)} was run`);
			}
		});
		for (const target of [{}, [], () => {}, new Map()]) {
			assert.throws(() => ours({ proxy: new Proxy(target, handler) }), { message: '#<Object> could not be cloned.' });
		}
		const { proxy, revoke } = Proxy.revocable([], {});
		revoke();
		assert.throws(() => ours(proxy), { message: '#<Object> could not be cloned.' });
	});

	test('includes namespaces of modules', async () => {
		const namespace = await import('node:path');
		assert.throws(() => ours(namespace), { name: 'CloneError', message: '[object Module] could not be cloned.' });
	});

	test('includes detached buffers and views which are out of bounds', () => {
		const buffer = new ArrayBuffer(8);
		const view = new Uint8Array(buffer);
		const data = new DataView(buffer);
		structuredClone(buffer, { transfer: [buffer] });
		for (const value of [buffer, view, data]) {
			assert.throws(() => ours(value), { message: 'An ArrayBuffer is detached and could not be cloned.' });
		}
		const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
		const views = [new Uint8Array(resizable, 4, 4), new DataView(resizable, 4, 4)];
		resizable.resize(6);
		assert.throws(() => ours(views[0]), { message: '[object Uint8Array] could not be cloned.' });
		assert.throws(() => ours(views[1]), { message: '#<DataView> could not be cloned.' });
		for (const value of views) assert.throws(() => theirs(value), /could not be cloned/);
	});

	test('leaves the writer where it was, and usable', () => {
		const writer = new Writer(new ArrayBuffer(8));
		encode(writer, [1, 2, 3], plain);
		const { pos } = writer;
		const objects = Array.from({ length: 100 }, (_, i) => ({ i }));
		assert.throws(() => encode(writer, [objects, 'x'.repeat(1000), () => {}], plain), CloneError);
		assert.equal(writer.pos, pos);
		const shared = {};
		encode(writer, [shared, shared], plain);
		const reader = new Reader(writer.buffer);
		assert.deepEqual(decode(reader, plain), [1, 2, 3]);
		assert.equal(reader.pos, pos);
		const [a, b] = decode(reader, plain);
		assert.equal(a, b);
		assert.equal(reader.pos, writer.pos);
	});

	test('errors of getters pass through', () => {
		const thrown = new Error('from the getter');
		const writer = new Writer();
		const value = { a: 1, get b() { throw thrown; } };
		assert.throws(() => encode(writer, [value], plain), (error) => error === thrown);
		assert.equal(writer.pos, 0);
		const error = Object.defineProperty(new Error('e'), 'name', { get() { throw thrown; } });
		assert.throws(() => encode(writer, error, plain), (e) => e === thrown);
	});

	test('too deep a structure raises a RangeError and leaves the writer usable', () => {
		const writer = new Writer();
		let deep = [];
		for (let i = 0; i < 200000; ++i) deep = [deep];
		assert.throws(() => encode(writer, deep, plain), RangeError);
		assert.equal(writer.pos, 0);
		encode(writer, { a: 1 }, plain);
		assert.deepEqual(ourDecode(writer.u8.slice(0, writer.pos)), { a: 1 });
	});
});

describe('clone: getters at work', () => {
	test('keys which a getter deletes or adds later are not written', () => {
		const make = () => ({ get a() { delete this.b; this.z = 1; return 'a'; }, b: 'b', c: 'c' });
		const expected = theirs(make()).toString('latin1');
		assert.equal(ours(make()).toString('latin1'), expected);
		assert.deepEqual(ourDecode(ours(make())), { a: 'a', c: 'c' });
		const named = Object.assign([], { a: 1, b: 2, c: 3 });
		Object.defineProperty(named, 'a', { get() { delete this.b; return 1; }, enumerable: true, configurable: true });
		assert.deepEqual(Object.keys(ourDecode(ours(named))), ['a', 'c']);
	});

	test('elements which a getter removes become holes', () => {
		const make = () => {
			const array = [{ get a() { array.length = 2; return 1; } }, 2, 3, 4];
			return array;
		};
		const expected = theirs(make()).toString('latin1');
		assert.equal(ours(make()).toString('latin1'), expected);
		assert.deepEqual(Object.keys(ourDecode(ours(make()))), ['0', '1']);
	});

	test('a map or set changed by a getter is written as it was', () => {
		const make = () => {
			const map = new Map();
			map.set({ get a() { map.clear(); return 1; } }, 1).set(2, 2);
			return map;
		};
		const expected = theirs(make()).toString('latin1');
		assert.equal(ours(make()).toString('latin1'), expected);
	});

	test('each getter is called once', () => {
		let calls = 0;
		const getter = { get: () => ++calls, enumerable: true };
		ours([Object.defineProperty({}, 'a', getter), Object.defineProperty([], 'a', getter), Object.defineProperty(new Point(1, 2), 'a', getter)]);
		assert.equal(calls, 3);
	});

	test('a getter may encode and decode with a writer and a reader of its own', () => {
		const inner = { list: Array.from({ length: 50 }, (_, i) => ({ i })), 'inner key': 1 };
		const make = () => {
			const shared = {};
			return {
				before: shared,
				get nested() {
					return ourDecode(ours(inner));
				},
				list: Array.from({ length: 50 }, () => shared),
				after: shared
			};
		};
		const decoded = ourDecode(ours(make()));
		assert.deepEqual(decoded.nested, inner);
		assert.equal(decoded.after, decoded.before);
		assert.equal(decoded.list[49], decoded.before);
	});

	test('the same writer is not to be used by a getter', () => {
		const writer = new Writer();
		const value = { get a() { encode(writer, 1, plain); return 1; } };
		assert.throws(() => encode(writer, value, plain), /in use/);
		encode(writer, 1, plain);
	});
});

describe('clone: writers and readers', () => {
	test('a writer grows, keeps what it has and tells of it', () => {
		const value = { text: 'x'.repeat(300), wide: '漢'.repeat(300), bytes: new Uint8Array(1000), big: 3n ** 900n, list: [1, 'a', 0.5, null] };
		for (let size = 0; size < 40; ++size) {
			const writer = new Writer(new ArrayBuffer(size));
			const grown = [];
			writer.onGrow = (buffer) => grown.push(buffer);
			encode(writer, value, plain);
			assert.equal(Buffer.from(writer.buffer, 0, writer.pos).toString('latin1'), ours(value).toString('latin1'));
			assert.equal(grown.at(-1), writer.buffer);
			assert.equal(writer.u8.buffer, writer.buffer);
			assert.equal(writer.view.buffer, writer.buffer);
		}
	});

	test('room can be reserved', () => {
		const writer = new Writer();
		assert.equal(writer.buffer.byteLength, 65536);
		writer.u8[0] = 7;
		writer.pos = 1;
		writer.reserve(65535);
		assert.equal(writer.buffer.byteLength, 65536);
		writer.reserve(65536);
		assert.equal(writer.buffer.byteLength, 131072);
		writer.reserve(1000000);
		assert.equal(writer.buffer.byteLength, 1000001);
		assert.deepEqual([writer.u8[0], writer.pos], [7, 1]);
	});

	test('data starts anywhere, and is aligned to its start', () => {
		const value = ['漢', 'a', '漢字', { 漢: '字' }, '漢'.repeat(100)];
		const expected = theirs(value);
		for (let start = 0; start < 6; ++start) {
			const writer = new Writer();
			writer.pos = start;
			encode(writer, value, plain);
			assert.deepEqual(Buffer.from(writer.buffer, start, writer.pos - start), expected);
			const reader = new Reader(new ArrayBuffer(0));
			reader.setBuffer(writer.buffer);
			reader.pos = start;
			assert.deepEqual(decode(reader, plain), value);
			assert.equal(reader.pos, writer.pos);
		}
	});

	test('a reader may be used again and again, after errors too', () => {
		const reader = new Reader(Uint8Array.from(message('A', 5)).buffer);
		for (let i = 0; i < 3; ++i) {
			reader.setBuffer(Uint8Array.from(message('A', 5)).buffer);
			assert.throws(() => decode(reader, plain), MALFORMED);
			reader.setBuffer(Uint8Array.from(ours({ i })).buffer);
			assert.deepEqual(decode(reader, plain), { i });
		}
	});

	test('properties which everything inherits are not written', () => {
		Object.prototype.polluted = 1;
		Array.prototype.polluted = 1;
		try {
			for (const value of [{ a: 1 }, [], [1], new Array(20).fill(1).map(() => [{}]), new Point(1, 2)]) {
				assert.equal(ours(value).includes('polluted'), false);
			}
		} finally {
			delete Object.prototype.polluted;
			delete Array.prototype.polluted;
		}
	});

	test('patched builtins change nothing', () => {
		const value = [new Map([[1, 2]]), new Set([3]), new Date(4), /x/g, Object('s'), 2n ** 70n, new Uint8Array(3)];
		const expected = ours(value);
		const patches = [
			[Map.prototype, 'forEach'], [Map.prototype, 'set'], [Set.prototype, 'forEach'], [Set.prototype, 'add'],
			[Date.prototype, 'getTime'], [RegExp.prototype, 'exec'], [BigInt.prototype, 'toString'], [String.prototype, 'valueOf'],
			[Object, 'keys'], [Object, 'defineProperty'], [Object, 'getPrototypeOf'], [Array, 'isArray'], [globalThis, 'Map'],
			[globalThis, 'Date'], [globalThis, 'Uint8Array']
		].map(([target, key]) => [target, key, Object.getOwnPropertyDescriptor(target, key)]);
		const define = Object.defineProperty;
		let actual;
		let decoded;
		for (const [target, key] of patches) define(target, key, { value: () => { throw new Error(key); }, configurable: true });
		try {
			const writer = new Writer();
			encode(writer, value, plain);
			actual = writer;
			const reader = new Reader(writer.buffer);
			decoded = decode(reader, plain);
		} finally {
			for (const [target, key, descriptor] of patches) define(target, key, descriptor);
		}
		assert.equal(Buffer.from(actual.buffer, 0, actual.pos).toString('latin1'), expected.toString('latin1'));
		assert.deepEqual(decoded, value);
	});
});

describe('clone: delegates', () => {
	class Handle {
		constructor(index) {
			this.index = index;
		}
	}

	test('handles pass by index, once each', () => {
		const asked = [];
		const delegate = delegateWith({
			hostObjectIndex(object) {
				asked.push(object);
				return object instanceof Handle ? object.index : -1;
			},
			hostObject: (index) => ({ handle: index })
		});
		const handle = new Handle(300);
		const point = new Point(1, 2);
		const value = { handle, again: handle, first: new Handle(0), point, builtins: [new Map(), [], new Date(), null], error: new Error('e') };
		const data = ours(value, delegate);
		assert.ok(data.includes(bytes('\\', varint(300))));
		assert.deepEqual(asked, [handle, value.first, point]);
		const decoded = ourDecode(data, delegate);
		assert.deepEqual(decoded.handle, { handle: 300 });
		assert.equal(decoded.again, decoded.handle);
		assert.deepEqual(decoded.first, { handle: 0 });
		class Deserializer extends v8.Deserializer {
			_readHostObject() {
				return { handle: this.readUint32() };
			}
		}
		const deserializer = new Deserializer(data);
		deserializer.readHeader();
		assertSame(decoded.handle, deserializer.readValue().handle);
	});

	test('functions pass by index when the delegate knows them', () => {
		const known = () => {};
		const delegate = delegateWith({ functionIndex: (fn) => fn === known ? 5 : -1, hostObject: (index) => index === 5 ? known : undefined });
		assert.deepEqual(ourDecode(ours([known, known, 1], delegate), delegate), [known, known, 1]);
		assert.throws(() => ours([known, () => 1], delegate), { message: '() => 1 could not be cloned.' });
		assert.throws(() => ours(new Proxy(known, {}), delegate), CloneError);
	});

	test('shared buffers pass by index, as do views on them', () => {
		const shared = new SharedArrayBuffer(16);
		const growable = new SharedArrayBuffer(8, { maxByteLength: 16 });
		const buffers = [shared, growable];
		const delegate = delegateWith({
			sharedArrayBufferIndex: (buffer) => buffers.indexOf(buffer),
			sharedArrayBuffer: (index) => buffers[index]
		});
		const value = [
			shared, new Uint8Array(shared), new Int32Array(shared, 4, 2), new DataView(shared, 1), shared,
			new Uint8Array(growable), new Uint8Array(growable, 2, 3), new DataView(growable)
		];
		class Serializer extends v8.Serializer {
			_getSharedArrayBufferId(buffer) {
				return buffers.indexOf(buffer);
			}
		}
		const serializer = new Serializer();
		serializer.writeHeader();
		serializer.writeValue(value);
		const expected = serializer.releaseBuffer();
		const data = ours(value, delegate);
		assert.equal(data.toString('latin1'), expected.toString('latin1'));
		const decoded = ourDecode(data, delegate);
		assertSame(decoded, value);
		decoded.forEach((item, i) => assert.equal(item.buffer ?? item, value[i].buffer ?? value[i]));
		assert.throws(() => ours(new SharedArrayBuffer(1), delegate), { message: '#<SharedArrayBuffer> could not be cloned.' });
	});

	test('transferred buffers pass by index', () => {
		const buffer = new ArrayBuffer(8);
		const other = new ArrayBuffer(3);
		const delegate = delegateWith({
			transferredIndex: (candidate) => candidate === buffer ? 2 : -1,
			transferred: (index) => index === 2 ? buffer : undefined
		});
		const value = { view: new Uint16Array(buffer, 2, 1), buffer, other };
		const serializer = new v8.Serializer();
		serializer.transferArrayBuffer(2, buffer);
		serializer.writeHeader();
		serializer.writeValue(value);
		const data = ours(value, delegate);
		assert.equal(data.toString('latin1'), serializer.releaseBuffer().toString('latin1'));
		const decoded = ourDecode(data, delegate);
		assert.equal(decoded.buffer, buffer);
		assert.equal(decoded.view.buffer, buffer);
		assertSame(decoded.view, value.view);
		assert.deepEqual(decoded.other, other);
	});

	test('what a delegate does not know of is malformed data', () => {
		for (const data of [message('\\', 1), message('u', 1), message('t', 1)]) assert.throws(() => ourDecode(data), MALFORMED);
		const wrong = delegateWith({ hostObject: () => 'string', sharedArrayBuffer: () => new ArrayBuffer(1), transferred: () => ({}) });
		for (const data of [message('\\', 1), message('u', 1), message('t', 1)]) assert.throws(() => ourDecode(data, wrong), MALFORMED);
	});

	test('what a delegate throws passes through', () => {
		const thrown = new Error('from the delegate');
		const delegate = delegateWith({ hostObject() { throw thrown; }, hostObjectIndex() { throw thrown; } });
		assert.throws(() => ourDecode(message('\\', 1), delegate), (error) => error === thrown);
		assert.throws(() => ours(new Handle(1), delegate), (error) => error === thrown);
	});
});

describe('clone: versions', () => {
	test('13 to 16 are read, no others', () => {
		for (const version of [13, 14, 15, 16]) assert.deepEqual(ourDecode(bytes(0xff, version, 'o"', 1, 'aI', 2, '{', 1)), { a: 1 });
		for (const version of [0, 1, 12, 17, 127]) {
			assert.throws(() => ourDecode(bytes(0xff, version, '0')), { message: /invalid or unsupported version/ });
		}
		assert.throws(() => ourDecode(bytes('0')), CloneError);
		assert.throws(() => ourDecode(bytes()), MALFORMED);
	});

	test('views of version 13 have no flags', () => {
		assert.deepEqual(ourDecode(bytes(0xff, 13, 'B', 4, '\x01\x02\x03\x04VB', 1, 2)), new Uint8Array([2, 3]));
		assert.deepEqual(ourDecode(bytes(0xff, 14, 'B', 4, '\x01\x02\x03\x04VB', 1, 2, 0)), new Uint8Array([2, 3]));
	});

	test('tags which V8 no longer writes are read', () => {
		assert.equal(ourDecode(message('S', 5, 'h\xc3\xa9\xc3\xa9')), 'héé');
		assert.equal(ourDecode(message('U', varint(4294967295))), 4294967295);
		assert.equal(ourDecode(message('?', 7, '?', 8, 'T')), true);
		assert.deepEqual(ourDecode(message('\0\0A', 2, '\0T\0\0-\0$', 0, 2)), [true, , ]);
		assert.deepEqual(ourDecode(message('o\0S', 1, 'aT\0{', 1)), { a: true });
		assert.deepEqual(ourDecode(message('C', 2, 'ab')).byteLength, 2);
		assert.equal(ourDecode(message('rm"', 1, 'ac0s"', 1, 'b.')).stack, 'b');
	});
});

describe('clone: hostile data', () => {
	const refused = {
		'lengths which the data does not have': [
			['"', varint(1e9), 'a'], ['"', 2, 'a'], ['c', 4, 'ab'], ['c', 3, 'abc'], ['S', 9, 'a'], ['Z', varint(2e9), 'a'], ['N1234567'],
			['A', varint(4294967295)], ['A', 100, 'TTT'], ['B', varint(4e9), 'x'], ['B', varint(2 ** 50), 'x'], ['~', 1, varint(2 ** 52), 'x'],
			['B', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', 'x'], ['I\xff\xff\xff\xff\xff\x01'], ['I\x80'], ['D123'], ['n']
		],
		'counts which are wrong': [
			['o"', 1, 'aT{', 2], ['o{', 1], ['A', 1, 'T$', 0, 2], ['A', 1, 'T$', 1, 1], ['a', 3, '@', 1, 3], ['a', 3, '@', 0, 4],
			[';TT:', 1], ['\'T,', 2], [';T:', 1], ['A', 0, '@', 0, 0]
		],
		'ends which are missing': [['o'], ['o"', 1, 'a'], ['o"', 1, 'aT'], ['A', 1, 'T'], ['a', 1], [';'], ['\''], ['r'], ['rm"', 1, 'a'], ['R"', 1, 'a']],
		'tags which are unknown or out of place': [['!'], ['-'], ['{', 0], ['V'], ['TV'].slice(1), ['p', 0], ['w', 0], ['m', 0], ['A', 1, 'V$', 0, 1]],
		'references to what is not there': [['^', 0], ['^', varint(4294967295)], ['A', 1, '^', 1, '$', 0, 1], ['rm"', 1, 'ac^', 1, '.'], ['s^', 0]],
		'keys which are neither strings nor numbers': [
			['oTT{', 1], ['oo{', 0, 'T{', 1], ['A', 0, 'A', 0, '$', 0, 0, 'T$', 1, 0], ['a', 1, '_T@', 1, 1], ['o0T{', 1], ['oZ', 0, 'T{', 1]
		],
		'properties which arrays have already': [
			['A', 0, '"', 6, 'lengthI', 2, '$', 1, 0], ['a', 9, 'I', 2, 'TI', 2, 'T@', 2, 9], ['A', 1, 'TI', 0, 'T$', 1, 1],
			['A', 0, '"', 1, 'aT"', 1, 'aT$', 2, 0], ['A', 1, 'T"', 1, '0T$', 1, 1]
		],
		'views beyond their buffer': [
			['B', 4, 'abcdVB', 5, 0, 0], ['B', 4, 'abcdVB', 2, 3, 0], ['B', 4, 'abcdVW', 1, 2, 0], ['B', 4, 'abcdVW', 0, 3, 0],
			['B', 4, 'abcdVx', 0, 0, 0], ['B', 4, 'abcdVB', 0, 4, 1], ['B', 4, 'abcdVB', 0, 4, 2], ['~', 4, 8, 'abcdVB', 0, 4, 0],
			['B', 4, 'abcdVB', varint(2 ** 52), 0, 0], ['B', 4, 'abcdVF', 0, 8, 0], ['B', 4, 'abcdV'], ['B', 4, 'abcdVB', 0], ['~', 8, 4, 'abcdefgh']
		],
		'values which cannot be': [
			['Z', 1], ['z', 1], ['R"', 1, '(', 0], ['R"', 1, 'a', varint(512)], ['R"', 1, 'a', 64], ['R"', 1, 'a', varint(0x110)],
			['R"', 1, 'a', varint(2 ** 31)], ['sT'], ['so{', 0], ['RT', 0], ['rmT.'], ['rx'], ['rm"', 1, 'am"', 1, 'a'], ['rcTcT.'], ['rcTm"', 1, 'a.']
		]
	};
	for (const [what, messages] of Object.entries(refused)) {
		test(`${what} are malformed`, () => {
			for (const parts of messages) assert.throws(() => ourDecode(message(...parts)), MALFORMED, JSON.stringify(parts));
		});
	}

	test('the data ends where the reader says', () => {
		const values = [
			{ a: 1, b: 'text', c: [1, 2, { d: 0.5 }], e: null }, new Map([[1, new Set(['x'])]]), new Error('e', { cause: { a: 1 } }), [1, , 3],
			'漢字', 'x'.repeat(300), 2n ** 100n, /x/g, new Date(1), new Uint16Array([1, 2]), { ['k'.repeat(40)]: 1, 7: 2 }, Object('s')
		];
		for (const value of values) {
			const data = ours(value);
			for (let end = 0; end < data.length; ++end) {
				// The rest of the data is there, but none of the reader's business.
				const reader = new Reader(Uint8Array.from(data).buffer);
				reader.end = end;
				// A buffer without its view is complete.
				if (ArrayBuffer.isView(value) && data[end] === 0x56) continue;
				assert.throws(() => decode(reader, plain), CloneError, `${end}`);
			}
			const reader = new Reader(Uint8Array.from(data).buffer);
			reader.end = data.length + 1;
			assert.throws(() => decode(reader, plain), MALFORMED);
		}
	});

	test('a key object is never asked for its name', () => {
		const delegate = delegateWith({ hostObject: () => () => { throw new Error('called'); } });
		for (const [open, close] of [['o', '{'], [`A${varint(0)}`, `$`]]) {
			const data = message(open, 'o"', 8, 'toString\\', 1, '{', 1, 'T', close, 1, 0);
			assert.throws(() => ourDecode(data, delegate), MALFORMED);
		}
	});

	test('implied elements cost no memory', () => {
		const before = process.memoryUsage();
		const many = (count, ...parts) => Buffer.concat([
			message('A', varint(count)), ...Array(count).fill(bytes(...parts)), bytes('$', 0, varint(count))
		]);
		const wanted = [
			// Lengths of which the engine would make room for each element.
			[many(5000, 'a', varint(30000000), '@', 0, varint(30000000)), (array) => array[4999].length === 30000000],
			[many(5000, 'a', varint(4294967295), '@', 0, varint(4294967295)), (array) => array[4999].length === 4294967295],
			// Indices, in arrays as in objects.
			[many(20000, 'a', varint(1001), 'I', varint(2000), 'T@', 1, varint(1001)), (array) => array[19999][1000] === true],
			[many(20000, 'oI', varint(2000), 'T{', 1), (array) => array[19999][1000] === true && array[0][1000] === true]
		];
		const kept = [];
		for (const [data, check] of wanted) {
			const value = ourDecode(data);
			assert.ok(check(value));
			kept.push(value);
		}
		// Arrays in arrays, each with as many elements as there are bytes left.
		const nested = Buffer.concat([message(), ...Array(2000).fill(bytes('A', varint(90000))), Buffer.alloc(100000)]);
		assert.throws(() => ourDecode(nested), MALFORMED);
		const after = process.memoryUsage();
		assert.ok(after.heapUsed + after.external - before.heapUsed - before.external < 100e6);
		assert.equal(Object.getOwnPropertyDescriptor(kept[3][19999], 1000).writable, true);
		kept[3][19999][1000] = false;
		assert.deepEqual(kept[3][19999], { 1000: false });
	});

	test('too deep a structure raises a RangeError, and the reader may be used again', () => {
		const reader = new Reader(Uint8Array.from(message(bytes('A', 1).toString('latin1').repeat(100000))).buffer);
		assert.throws(() => decode(reader, plain), RangeError);
		reader.setBuffer(Uint8Array.from(ours(1)).buffer);
		assert.equal(decode(reader, plain), 1);
	});

	test('thousands of damaged messages yield a value or a clean error', () => {
		const next = random(99);
		const integer = (limit) => Math.floor(next() * limit);
		const corpus = [
			{ a: 1, b: 'x', c: [1, 2, 3], d: { e: null } }, Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}`, on: true })),
			new Map([[1, { a: new Set([1, '漢']) }], ['k', 2n ** 70n]]), [new Date(0), /a+/gi, Object('s'), Object(1n), -0, NaN],
			[new Uint8Array([1, 2, 3]), new DataView(new ArrayBuffer(9), 3), new Float64Array(2), new ArrayBuffer(5, { maxByteLength: 10 })],
			new RangeError('bad', { cause: { code: 1 } }), [1, , 3, { 5: 'x', 700: 'y' }], Object.assign([1], { extra: true }), '漢'.repeat(30)
		];
		corpus.push({ all: [...corpus], again: corpus });
		const messages = corpus.map((value) => ours(value));
		const delegate = delegateWith({ hostObject: () => ({}), transferred: () => new ArrayBuffer(4), sharedArrayBuffer: () => new SharedArrayBuffer(4) });
		let values = 0;
		let errors = 0;
		for (let run = 0; run < 30000; ++run) {
			const data = Uint8Array.from(messages[integer(messages.length)]);
			for (let i = 1 + integer(4); i > 0; --i) {
				const at = 2 + integer(data.length - 2);
				data[at] = next() < 0.5 ? integer(256) : data[at] ^ (1 << integer(8));
			}
			const reader = new Reader(data.buffer);
			if (next() < 0.2) reader.end = integer(data.length + 1);
			try {
				decode(reader, delegate);
				++values;
				assert.ok(reader.pos <= reader.end);
			} catch (error) {
				assert.ok(error instanceof CloneError, error);
				++errors;
			}
		}
		assert.ok(values > 1000 && errors > 1000);
		assert.equal({}.polluted, undefined);
		assert.deepEqual(Object.keys(Object.prototype), []);
	});

	test('random bytes yield a value or a clean error', () => {
		const next = random(5);
		const tags = '_0TFINZS"c^o{a@A$Dyxnz sR;:\',BC~tVur\\?m.-'.split('');
		for (let run = 0; run < 20000; ++run) {
			const data = message(...Array.from({ length: 1 + Math.floor(next() * 40) }, () => (
				next() < 0.5 ? tags[Math.floor(next() * tags.length)] : Math.floor(next() * (next() < 0.7 ? 4 : 256))
			)));
			try {
				decode(new Reader(Uint8Array.from(data).buffer), plain);
			} catch (error) {
				assert.ok(error instanceof CloneError, error);
			}
		}
	});
});

test("a Buffer of Node's pool crosses as its own bytes, never with its neighbours'", () => {
	const secret = Buffer.from('a secret of the host');
	const value = Buffer.from('from the pool');
	assert.equal(secret.buffer, value.buffer, 'both lie in the pool');
	assert.ok(!ours({ value, again: value }).includes('secret'));
	assert.deepEqual(ours(value), ours(new Uint8Array(value)));
});
