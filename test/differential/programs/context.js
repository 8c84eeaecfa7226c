'use strict';

const { both } = require('../kit');

module.exports = {
	'eval gives primitives': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const code of ['1', '-0', '1.5', 'NaN', '"text"', '"\\u{1f600}"', 'true', 'null', 'undefined', '12345678901234567890n', '-1n',
			'"x".repeat(3)', '', 'let a = 1', '1; 2', 'if (true) 7']) {
			attempt(code, () => context.evalSync(code));
		}
	}),
	'eval of what is not transferable': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const code of ['({})', '[1]', 'new Date(0)', 'new Error("e")', 'Promise.resolve(1)', 'Symbol("s")', '/a/', 'new Map',
			'new ArrayBuffer(8)', 'globalThis']) {
			attempt(code, () => context.evalSync(code));
		}
	}),
	'eval of functions': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const code of ['(a, b) => a + b', '(function named(a) { return a * 2 })', 'class A {}; A', 'async () => 1', 'Math.max',
			'Object.assign(() => {}, { own: 1 })']) {
			const value = attempt(code, () => context.evalSync(code));
			attempt('type', () => typeof value);
		}
		const add = context.evalSync('(a, b) => a + b');
		attempt('call', () => add(1, 2));
		attempt('call with text', () => add('a', 'b'));
		attempt('too few', () => add(1));
	}),
	'eval async and ignored': both(async ({ guest, settle, attempt }) => {
		const { context } = guest();
		await settle('eval', () => context.eval('1 + 1'));
		attempt('evalIgnored', () => context.evalIgnored('globalThis.a = 5'));
		await settle('after', () => context.eval('a'));
		attempt('evalIgnored of what throws', () => context.evalIgnored('throw new Error("lost")'));
		attempt('evalIgnored of bad syntax', () => context.evalIgnored('let let'));
		await settle('after', () => context.eval('a'));
	}),
	'eval with wrong arguments': both(async ({ guest, attempt, settle }) => {
		const { context } = guest();
		attempt('none', () => context.evalSync());
		await settle('none', () => context.eval());
		for (const code of [undefined, null, 1, {}, ['1'], Symbol.iterator]) {
			attempt(typeof code, () => context.evalSync(code));
			await settle(typeof code, () => context.eval(code));
		}
		for (const options of [1, 'text', true]) {
			attempt(String(options), () => context.evalSync('1', options));
		}
		attempt('null', () => context.evalSync('1', null));
	}),
	'options of eval of the wrong type': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const options of [{ timeout: 'a' }, { timeout: 1.5 }, { timeout: NaN }, { timeout: 2 ** 31 }, { copy: 1 }, { reference: 'yes' },
			{ promise: {} }, { externalCopy: 0 }, { filename: 1 }, { lineOffset: '1' }, { columnOffset: 0.5 }]) {
			attempt(JSON.stringify(options), () => context.evalSync('1', options));
		}
	}),
	'options of eval that are absent': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const name of ['timeout', 'copy', 'reference', 'promise', 'externalCopy', 'filename', 'lineOffset', 'columnOffset']) {
			attempt(`${name} undefined`, () => context.evalSync('1', { [name]: undefined }));
			attempt(`${name} null`, () => context.evalSync('1', { [name]: null }));
		}
	}),
	'transfer options of eval': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const code of ['({ a: [1, { b: 2 }] })', '1', '"text"', 'undefined', 'null', '() => 1', 'new Date(5)', '[1, , 3]']) {
			attempt(`${code} copy`, () => context.evalSync(code, { copy: true }));
			attempt(`${code} externalCopy`, () => context.evalSync(code, { externalCopy: true }));
			attempt(`${code} reference`, () => context.evalSync(code, { reference: true }));
		}
	}),
	'two transfer options at once': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('copy, reference', () => context.evalSync('1', { copy: true, reference: true }));
		attempt('copy, externalCopy', () => context.evalSync('1', { copy: true, externalCopy: true }));
		attempt('externalCopy, reference', () => context.evalSync('1', { externalCopy: true, reference: true }));
		attempt('copy, promise', () => context.evalSync('1', { copy: true, promise: true }));
	}),
	'globals last from one eval to the next': both(async ({ guest, log }) => {
		const { context } = guest();
		context.evalSync('var a = 1; let b = 2; const c = 3; function f() { return a + b + c }');
		log(context.evalSync('f()'), context.evalSync('typeof globalThis.b'), context.evalSync('globalThis.a'));
	}),
	'redeclaring a let fails': both(async ({ guest, attempt }) => {
		const { context } = guest();
		context.evalSync('let a = 1');
		attempt('again', () => context.evalSync('let a = 2'));
		attempt('still', () => context.evalSync('a'));
	}),
	'what a new context has': both(async ({ guest, log }) => {
		const { context } = guest();
		for (const name of ['console', 'setTimeout', 'queueMicrotask', 'process', 'require', 'globalThis', 'WebAssembly',
			'SharedArrayBuffer', 'Atomics', 'Intl', 'structuredClone', 'URL', 'TextEncoder', 'module', 'global', 'eval']) {
			log(name, context.evalSync(`typeof ${name}`));
		}
	}),
	'eval, Function and wasm work in guests': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('eval', () => context.evalSync('eval("1 + 1")'));
		attempt('Function', () => context.evalSync('new Function("return 3")()'));
		attempt('wasm', () => context.evalSync('new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) instanceof WebAssembly.Module'));
	}),
	'evalClosure gives what is returned': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('return', () => context.evalClosureSync('return 5'));
		attempt('nothing', () => context.evalClosureSync('5'));
		attempt('arguments', () => context.evalClosureSync('return $0 + $1', [1, 2]));
		attempt('count', () => context.evalClosureSync('return arguments.length', [1, 2, 3]));
		attempt('absent argument', () => context.evalClosureSync('return typeof $0'));
		attempt('this', () => context.evalClosureSync('return this === globalThis'));
		attempt('strict', () => context.evalClosureSync('"use strict"; return this === undefined'));
		attempt('no leak', () => context.evalClosureSync('var inner = 1; return typeof globalThis.inner'));
	}),
	'evalClosure with wrong arguments': both(async ({ guest, attempt, settle }) => {
		const { context } = guest();
		attempt('none', () => context.evalClosureSync());
		attempt('code', () => context.evalClosureSync(1));
		for (const values of [1, 'ab', {}, true, null]) {
			attempt(JSON.stringify(values), () => context.evalClosureSync('return 1', values));
			await settle(JSON.stringify(values), () => context.evalClosure('return 1', values));
		}
		attempt('not transferable', () => context.evalClosureSync('return 1', [{}]));
		attempt('options', () => context.evalClosureSync('return 1', [], 1));
		attempt('arguments option', () => context.evalClosureSync('return 1', [], { arguments: 1 }));
		attempt('result option', () => context.evalClosureSync('return 1', [], { result: 'copy' }));
	}),
	'evalClosure with transfer options': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('arguments copy', () => context.evalClosureSync('return $0.a.length', [{ a: [1, 2] }], { arguments: { copy: true } }));
		attempt('arguments reference', () => context.evalClosureSync('return typeof $0', [{ a: 1 }], { arguments: { reference: true } }));
		attempt('arguments externalCopy', () => context.evalClosureSync('return typeof $0', [{ a: 1 }], { arguments: { externalCopy: true } }));
		attempt('result copy', () => context.evalClosureSync('return { a: 1 }', [], { result: { copy: true } }));
		attempt('result reference', () => context.evalClosureSync('return { a: 1 }', [], { result: { reference: true } }));
		attempt('result externalCopy', () => context.evalClosureSync('return { a: 1 }', [], { result: { externalCopy: true } }));
		attempt('result without', () => context.evalClosureSync('return { a: 1 }'));
		attempt('result promise', () => context.evalClosureSync('return Promise.resolve(1)', [], { result: { promise: true } }));
	}),
	'evalClosure async': both(async ({ guest, settle }) => {
		const { context } = guest();
		await settle('return', () => context.evalClosure('return $0 * 2', [4]));
		await settle('result copy', () => context.evalClosure('return [$0, $1]', [1, 'b'], { result: { copy: true } }));
		await settle('result promise', () => context.evalClosure('return Promise.resolve([1])', [], { result: { promise: true, copy: true } }));
		await settle('throws', () => context.evalClosure('throw new TypeError("no")'));
		await settle('result without', () => context.evalClosure('return []'));
	}),
	'evalClosure with functions as arguments': both(async ({ guest, attempt, log }) => {
		const { context } = guest();
		attempt('called', () => context.evalClosureSync('return $0(20) + 1', [value => value * 2]));
		attempt('kept', () => context.evalClosureSync('globalThis.kept = $0; return typeof kept', [() => 'kept']));
		log(context.evalSync('kept()'));
		attempt('many', () => context.evalClosureSync('return $0() + $1()', [() => 'a', () => 'b']));
	}),
	'syntax errors tell their place': both(async ({ guest, attempt, settle }) => {
		const { context } = guest();
		attempt('plain', () => context.evalSync('let let'));
		attempt('second line', () => context.evalSync('1;\n2;\n  )'));
		attempt('named', () => context.evalSync('}', { filename: 'file:///a.js' }));
		attempt('offsets', () => context.evalSync('\n }', { filename: 'a.js', lineOffset: 10, columnOffset: 5 }));
		attempt('first line with offset', () => context.evalSync(' }', { filename: 'a.js', lineOffset: 10, columnOffset: 5 }));
		attempt('empty name', () => context.evalSync('}', { filename: '' }));
		attempt('closure', () => context.evalClosureSync('return }'));
		await settle('async', () => context.eval('a b'));
	}),
	'filename and offsets show in stacks': both(async ({ guest, log }) => {
		const { context } = guest();
		const line = (code, options) => context.evalSync(code, options).split('\n')[1].trim();
		log(line('new Error().stack'));
		log(line('\n\n  new Error().stack', { filename: 'file:///test.js' }));
		log(line('new Error().stack', { filename: 'a.js', lineOffset: 4, columnOffset: 3 }));
		log(line('\nnew Error().stack', { filename: 'a.js', lineOffset: 4, columnOffset: 3 }));
		log(line('function named() { return new Error().stack }; named()', { filename: 'a.js' }));
		log(line('new Error().stack', { filename: 'a.js', lineOffset: -1 }));
	}),
	'timeout ends a loop': async ({ guest, attempt, settle }) => {
		const { context } = guest();
		attempt('evalSync', () => context.evalSync('for (;;);', { timeout: 20 }));
		await settle('eval', () => context.eval('for (;;);', { timeout: 20 }));
		attempt('evalClosureSync', () => context.evalClosureSync('for (;;);', [], { timeout: 20 }));
		attempt('the isolate goes on', () => context.evalSync('1 + 1'));
	},
	'timeout cannot be caught by the guest': async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('catch', () => context.evalSync('try { for (;;); } catch { globalThis.caught = 1 } finally { globalThis.finals = 1 }', { timeout: 20 }));
		attempt('seen', () => context.evalSync('typeof caught + typeof finals'));
	},
	'timeout that is not reached': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('1000', () => context.evalSync('1', { timeout: 1000 }));
		attempt('0', () => context.evalSync('2', { timeout: 0 }));
		attempt('-5', () => context.evalSync('3', { timeout: -5 }));
	}),
	'timeout of a microtask that loops': async ({ guest, settle }) => {
		const { context } = guest();
		await settle('eval', () => context.eval('Promise.resolve().then(() => { for (;;); }); 1', { timeout: 30 }));
		await settle('afterwards', () => context.eval('2'));
	},
	'timeout stands still during a callback': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('wait', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150));
		attempt('sync', () => context.evalSync('wait(); 1', { timeout: 100 }));
	},
	'global is a reference to the global object': both(async ({ ivm, guest, log, attempt }) => {
		const { context } = guest();
		log(context.global instanceof ivm.Reference, context.global.typeof, context.global === context.global);
		context.evalSync('globalThis.a = 4');
		attempt('get', () => context.global.getSync('a'));
		attempt('set', () => context.global.setSync('b', 5));
		attempt('seen', () => context.evalSync('b'));
		attempt('assign global', () => { 'use strict'; context.global = 1; });
	}),
	'release': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		attempt('release', () => context.release());
		attempt('again', () => context.release());
		attempt('global', () => context.global);
		attempt('evalSync', () => context.evalSync('1'));
		await settle('eval', () => context.eval('1'));
		attempt('evalIgnored', () => context.evalIgnored('1'));
		attempt('evalClosureSync', () => context.evalClosureSync('1'));
		attempt('its global, taken before', () => jail.getSync('a'));
	}),
	'what a released context had goes on': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.count = 0; globalThis.next = () => ++count; undefined');
		const next = jail.getSync('next', { reference: true });
		context.release();
		attempt('first', () => next.applySync());
		attempt('second', () => next.applySync());
	}),
	'methods on a wrong receiver': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		attempt('evalSync', () => context.evalSync.call(isolate, '1'));
		attempt('release', () => context.release.call({}));
		attempt('global', () => Reflect.get(Object.getPrototypeOf(context), 'global', {}));
	}),
	'a deep recursion is a RangeError': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('recursion', () => context.evalSync('(function f() { f() })()'));
		attempt('the isolate goes on', () => context.evalSync('1'));
	}),
	'import() without a resolver': async ({ guest, settle }) => {
		const { context } = guest();
		await settle('import', () => context.eval('import("a").then(() => "came", error => error.constructor.name + " " + typeof error.message)', { promise: true }));
	},
	'long strings cross whole': both(async ({ guest, log }) => {
		const { context } = guest();
		log(context.evalSync('"ab".repeat(300000)').length, context.evalSync('"é\\u4e2d".repeat(100000)').length);
		log(context.evalClosureSync('return $0.length', ['x'.repeat(500000)]), context.evalClosureSync('return $0.codePointAt(0)', ['\u{1f600}']));
		log(context.evalSync('"\\ud800"').charCodeAt(0), context.evalClosureSync('return $0.charCodeAt(0)', ['\udc00']), context.evalSync('"a\\0b"').length);
	}),
	'numbers at the edges': both(async ({ guest, log }) => {
		const { context } = guest();
		for (const code of ['2**31', '-(2**31)', '2**31 - 1', '2**53', '-0', 'Infinity', '-Infinity', 'NaN', '5e-324', '0.1']) {
			log(code, Object.is(context.evalClosureSync('return $0', [(0, eval)(code)]), (0, eval)(code)));
		}
		for (const value of [0n, -1n, 2n ** 64n, -(2n ** 63n), 2n ** 200n]) {
			log(context.evalClosureSync('return $0 + 1n', [value]));
		}
	}),
};
