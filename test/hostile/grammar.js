'use strict';

/** Programs from a grammar of hostile pieces: the same for the same seed. */

const VALUES = [
	'0', '-0', '1.5', 'NaN', '2 ** 31', '2 ** 53 - 1', '1n', '2n ** 64n', '""', '"x".repeat(1000)', '"\\ud800"', 'undefined', 'null', 'true', 'Symbol()',
	'{}', '[]', '[1, [2, [3]]]', '() => 1', 'class {}', 'new Map([[1, 2]])', 'new Set([1])', 'new Error("e")', '/a+/g', 'new Date(0)', 'new Uint8Array(100)',
	'new ArrayBuffer(8, { maxByteLength: 2 ** 30 })', 'new SharedArrayBuffer(8, { maxByteLength: 2 ** 30 })', 'new Proxy({}, {})', 'new Proxy(() => {}, {})',
	'globalThis', 'Promise.resolve(1)', '(function* () { yield 1 })()', '{ length: 2 ** 40 }', '{ length: 1e6 }', 'new WeakMap()', 'Object.create(null)',
	'{ [Symbol.toPrimitive]() { return v0 } }', '{ toJSON() { return v1 } }', '{ get a() { return v0 } }', '{ then(f) { f(v1) } }', 'Array(1e6)', 'Array(1e5).fill(1.5)',
	'new WebAssembly.Memory({ initial: 1, maximum: 1000 })', '"a".repeat(2 ** 20)', 'new Array(10).fill({})',
];
const METHODS = [
	'toString', 'valueOf', 'concat', 'slice', 'splice', 'fill', 'map', 'flat', 'join', 'sort', 'reverse', 'indexOf', 'includes', 'push', 'unshift', 'repeat', 'padEnd',
	'replace', 'replaceAll', 'split', 'match', 'matchAll', 'normalize', 'toUpperCase', 'then', 'resize', 'grow', 'transfer', 'set', 'add', 'next', 'exec', 'call', 'apply',
	'bind', 'buffer', 'constructor', 'toLocaleString', 'at', 'with', 'copyWithin', 'subarray', 'entries', 'flatMap', 'reduce', 'toSorted',
];
const STATICS = [
	'Object.keys', 'Object.entries', 'Object.assign', 'Object.freeze', 'Object.setPrototypeOf', 'Object.defineProperty', 'Reflect.ownKeys', 'Reflect.construct', 'Reflect.apply',
	'Array.from', 'Array.of', 'JSON.stringify', 'JSON.parse', 'Promise.all', 'Promise.race', 'String.raw', 'String.fromCharCode', 'Math.max', 'BigInt', 'Number', 'String',
	'Symbol.for', 'Object.fromEntries', 'Object.groupBy', 'structuredClone', 'eval', 'Function', 'RegExp', 'Error', 'Error.captureStackTrace', 'Atomics.add', 'parseFloat',
	'encodeURIComponent', 'Uint8Array.from', 'Float64Array.of', 'new Proxy', 'new Map', 'new Set', 'new Array', 'new Uint8Array', 'new ArrayBuffer', 'new WeakRef', 'new Function',
	'new WebAssembly.Memory', 'new WebAssembly.Module', 'new Intl.NumberFormat', 'new RegExp', 'Iterator.from',
];
const NAMES = ['v0', 'v1', 'v2', 'v3'];
const GLOBALS = ['Object.prototype', 'Array.prototype', 'Promise.prototype', 'Error.prototype', 'Function.prototype', 'String.prototype', 'Map.prototype', 'RegExp.prototype'];
const KEYS = ['then', 'constructor', 'length', 'name', 'message', 'stack', 'toString', 'valueOf', 'get', 'value', '0', 'cause', 'toJSON', 'exec', 'next', 'return'];

function program(random) {
	const pick = list => random.pick(list);
	const value = () => random.below(3) === 0 ? pick(NAMES) : pick(VALUES);
	const call = depth => {
		switch (random.below(4)) {
			case 0: return `(${value()}).${pick(METHODS)}(${value()}, ${value()})`;
			case 1: return `${pick(STATICS)}(${value()}, ${value()})`;
			case 2: return depth > 0 ? `(${call(depth - 1)})?.${pick(METHODS)}?.(${value()})` : value();
			default: return `${pick(GLOBALS)}.${pick(METHODS)}?.call(${value()}, ${value()}, ${value()})`;
		}
	};
	const statement = depth => {
		switch (random.below(depth > 0 ? 12 : 6)) {
			case 0: return `${pick(NAMES)} = ${value()};`;
			case 1: return `${pick(NAMES)} = ${call(2)};`;
			case 2: return `${call(2)};`;
			case 3: return `${pick(GLOBALS)}[${JSON.stringify(pick(KEYS))}] = ${value()};`;
			case 4: return `Object.defineProperty(${pick(GLOBALS)}, ${JSON.stringify(pick(KEYS))}, { configurable: true, get() { return ${value()} }, set(v) { ${pick(NAMES)} = v } });`;
			case 5: return `kept.push(${call(1)});`;
			case 6: return `try { ${block(depth - 1)} } catch (e) { ${pick(NAMES)} = e } finally { ${statement(0)} }`;
			case 7: return `for (let i = 0; i < ${pick(['10', '1e4', '1e9'])}; ++i) { ${block(depth - 1)} }`;
			case 8: return `Promise.resolve(${value()}).then(() => { ${block(depth - 1)} });`;
			case 9: return `(function f(n) { if (n) { ${statement(depth - 1)} f(n - 1) } })(${pick(['5', '1e3', '1e7'])});`;
			case 10: return `(async () => { ${statement(depth - 1)} await ${value()}; ${statement(depth - 1)} })();`;
			default: return `throw ${value()};`;
		}
	};
	const block = depth => Array.from({ length: 1 + random.below(3) }, () => statement(depth)).join(' ');
	return `var kept = [], v0 = ${pick(VALUES.slice(0, 37))}, v1, v2, v3; ${Array.from({ length: 3 + random.below(6) }, () => {
		const text = statement(2);
		return text.startsWith('throw') ? text : `try { ${text} } catch (e) { v3 = e }`;
	}).join('\n')}\n${value()}`;
}

module.exports = { program };
