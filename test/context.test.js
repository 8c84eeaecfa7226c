'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, rejection, thrown, throws, turn } = require('./helpers');
const { Context, ExternalCopy, Isolate, Reference } = islet;

describe('eval', () => {
	inBothForms('gives the value of the last statement', 'eval', async call => {
		const { context } = guest();
		assert.equal(await call(context, '1; 2; 3'), 3);
		assert.equal(await call(context, 'var a = 5'), undefined);
		assert.equal(await call(context, 'if (true) { 7 } else { 8 }'), 7);
		assert.equal(await call(context, ''), undefined);
		assert.equal(await call(context, '// nothing'), undefined);
	});

	inBothForms('gives primitives as they are', 'eval', async call => {
		const { context } = guest();
		const values = {
			undefined: undefined, null: null, true: true, false: false, 0: 0, '-0': -0, NaN: NaN, Infinity: Infinity,
			'-Infinity': -Infinity, '-1': -1, 0.1: 0.1, '2 ** 31': 2 ** 31, '-(2 ** 31)': -(2 ** 31), '2 ** 53': 2 ** 53,
			'5e-324': 5e-324, '1.7976931348623157e308': Number.MAX_VALUE, '"text"': 'text', '""': '', '"\\0"': '\0',
			'"\\xff"': '\xff', '"\\u0100"': '\u0100', '"\\ud83d\\ude00"': '\ud83d\ude00', '"\\ud800"': '\ud800',
			'1n': 1n, '0n': 0n, '-1n': -1n, '2n ** 64n': 2n ** 64n, '-(2n ** 200n)': -(2n ** 200n),
		};
		for (const [code, value] of Object.entries(values)) {
			const result = await call(context, `(${code})`);
			assert.ok(Object.is(result, value), `${code} gave ${String(result)}`);
		}
	});

	inBothForms('gives undefined for what needs an option', 'eval', async call => {
		const { context } = guest();
		for (const code of ['({})', '[1]', 'Symbol()', 'Promise.resolve(1)', 'new Date', 'new Error', 'globalThis',
			'new Map', '/x/', 'new Uint8Array(1)', 'new Proxy({}, {})', 'Object.create(null)', 'new String("x")']) {
			assert.equal(await call(context, code), undefined, code);
		}
	});

	inBothForms('gives functions as functions', 'eval', async call => {
		const { context } = guest();
		const add = await call(context, '(function add(a, b) { return a + b })');
		assert.equal(typeof add, 'function');
		assert.equal(add(1, 2), 3);
	});

	inBothForms('wants source', 'eval', async (call, form) => {
		const { context } = guest();
		await rejects(call(context), TypeError, `\`${form}\` requires at least 1 parameter`, 'ERR_MISSING_ARGS');
		for (const code of [undefined, null, 5, {}, ['1'], new String('1'), () => 1, Symbol('1')]) {
			await rejects(call(context, code), TypeError, `\`${form}\` requires parameter 1 to be a string`,
				'ERR_INVALID_ARG_TYPE');
		}
	});

	inBothForms('wants options to be an object', 'eval', async (call, form) => {
		const { context } = guest();
		for (const options of [5, 'x', true, 1n]) {
			await rejects(call(context, '1', options), TypeError, `\`${form}\` requires parameter 2 to be an object`);
		}
		for (const options of [undefined, null, {}, [], Object.create(null)]) {
			assert.equal(await call(context, '1', options), 1);
		}
	});

	inBothForms('names the option that is wrong', 'eval', async call => {
		const { context } = guest();
		for (const name of ['copy', 'externalCopy', 'reference', 'promise']) {
			for (const value of [1, 0, 'yes', '', {}, 1n]) {
				await rejects(call(context, '1', { [name]: value }), TypeError, `\`${name}\` must be a boolean`);
			}
			assert.equal(await call(context, '1', { [name]: null }), 1);
			assert.equal(await call(context, '1', { [name]: undefined }), 1);
			assert.equal(await call(context, '1', { [name]: false }), 1);
		}
		for (const timeout of ['10', 1.5, NaN, Infinity, 2 ** 31, -0, true, {}, 10n]) {
			await rejects(call(context, '1', { timeout }), TypeError, '`timeout` must be a 32-bit number');
		}
		await rejects(call(context, '1', { filename: 5 }), TypeError, '`filename` must be a string');
	});

	inBothForms('takes one way of transfer', 'eval', async call => {
		const { context } = guest();
		const ways = ['copy', 'externalCopy', 'reference'];
		for (const a of ways) {
			for (const b of ways.filter(b => b !== a)) {
				await rejects(call(context, '1', { [a]: true, [b]: true }), TypeError,
					'Only one of `copy`, `externalCopy`, or `reference` may be set');
			}
		}
	});

	inBothForms('looks at the options before anything runs', 'eval', async call => {
		const { context } = guest();
		await rejection(call(context, 'globalThis.ran = true', { timeout: 'x' }));
		await rejection(call(context, 'globalThis.ran = true', { copy: 1 }));
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('passes on what an option\'s getter throws', 'eval', async call => {
		const { context } = guest();
		const error = new Error('from the getter');
		assert.equal(await rejection(call(context, '1', { get timeout() { throw error; } })), error);
	});

	it('never throws in its async form', async () => {
		const { context } = guest();
		for (const call of [
			() => context.eval(), () => context.eval(5), () => context.eval('1', 5), () => context.eval('('),
			() => context.eval('throw 1'), () => context.eval('1', { copy: 1 }), () => context.evalClosure(),
			() => context.evalClosure('1', 5), () => context.evalClosure('1', [{}]), () => context.evalClosure('1', [], 5),
			() => Context.prototype.eval.call({}, '1'),
		]) {
			await rejection(call());
		}
	});

	it('sees what earlier code declared', () => {
		const { context } = guest();
		context.evalSync('let a = 1; const b = 2; var c = 3; class D {} function e() { return 5 } f = 6');
		assert.equal(context.evalSync('[a, b, c, typeof D, e(), f].join()'), '1,2,3,function,5,6');
		throws(() => context.evalSync('let a'), SyntaxError, 'Identifier \'a\' has already been declared');
	});

	it('runs sloppy code unless told otherwise', () => {
		const { context } = guest();
		assert.equal(context.evalSync('undeclared = 1; undeclared'), 1);
		throws(() => context.evalSync('"use strict"; another = 1'), ReferenceError, 'another is not defined');
	});

	it('takes source of any kind and length', () => {
		const { context } = guest();
		assert.equal(context.evalSync('#!shebang\n1'), 1);
		assert.equal(context.evalSync('"\ud83d\ude00".length'), 2);
		assert.equal(context.evalSync('"ÿ" + "\u0100"'), 'ÿ\u0100');
		for (const length of [10, 100, 16_000, 17_000, 70_000, 1_000_000]) {
			assert.equal(context.evalSync(`"${'x'.repeat(length)}".length`), length);
			assert.equal(context.evalSync(`"${'\u1234'.repeat(length)}".length`), length);
			assert.equal(context.evalSync(`"${'x'.repeat(length)}"`), 'x'.repeat(length));
			assert.equal(context.evalSync(`"${'\u1234'.repeat(length)}"`), '\u1234'.repeat(length));
		}
	});
});

describe('evalIgnored', () => {
	it('runs and gives nothing', async () => {
		const { context } = guest();
		assert.equal(context.evalIgnored('globalThis.a = 1; 5'), undefined);
		assert.equal(await context.eval('a'), 1);
	});

	it('swallows what is thrown', async () => {
		const { context } = guest();
		assert.equal(context.evalIgnored('throw new Error("nobody hears")'), undefined);
		assert.equal(context.evalIgnored('syntax error('), undefined);
		assert.equal(context.evalIgnored('while (true);', { timeout: 10 }), undefined);
		assert.equal(await context.eval('1'), 1);
		await turn();
	});

	it('throws for mistakes of the caller', () => {
		const { context } = guest();
		throws(() => context.evalIgnored(), TypeError, '`evalIgnored` requires at least 1 parameter');
		throws(() => context.evalIgnored(5), TypeError, '`evalIgnored` requires parameter 1 to be a string');
		throws(() => context.evalIgnored('1', 5), TypeError, '`evalIgnored` requires parameter 2 to be an object');
		throws(() => context.evalIgnored('1', { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number');
	});
});

describe('evalClosure', () => {
	inBothForms('runs code like the body of a function', 'evalClosure', async call => {
		const { context } = guest();
		assert.equal(await call(context, 'return $0 + $1', [1, 2]), 3);
		assert.equal(await call(context, '5'), undefined);
		assert.equal(await call(context, 'return arguments.length', [1, undefined, 3]), 3);
		assert.equal(await call(context, 'return 1 // and a comment'), 1);
		assert.equal(await call(context, 'return this === globalThis'), true);
		assert.equal(await call(context, '"use strict"; return this === globalThis'), true);
	});

	inBothForms('has names for the arguments given only', 'evalClosure', async call => {
		const { context } = guest();
		assert.equal(await call(context, 'return typeof $0'), 'undefined');
		await rejects(call(context, 'return $2', [1]), ReferenceError, '$2 is not defined');
		const many = Array.from({ length: 200 }, (_, i) => i);
		assert.equal(await call(context, 'return $0 + $199', many), 199);
	});

	inBothForms('keeps its variables to itself', 'evalClosure', async call => {
		const { context } = guest();
		await call(context, 'var a = 1; function b() {} let c = 2;');
		assert.equal(context.evalSync('[typeof a, typeof b, typeof c].join()'), 'undefined,undefined,undefined');
	});

	inBothForms('can not be broken out of', 'evalClosure', async call => {
		const { context } = guest();
		await rejects(call(context, 'return 1 }, function () { return 2'), SyntaxError,
			'Unexpected token \'}\' [<isolated-vm>:1:10]');
		await rejects(call(context, '}'), SyntaxError, /^Unexpected token '}'/);
		await rejects(call(context, 'return 1 /*'), SyntaxError, /./);
	});

	inBothForms('wants arguments in an array', 'evalClosure', async (call, form) => {
		const { context } = guest();
		for (const values of [5, 'ab', {}, { length: 1 }, new Set(), new Uint8Array(1), () => 1]) {
			await rejects(call(context, 'return 1', values), TypeError, `\`${form}\` requires parameter 2 to be an array`);
		}
		assert.equal(await call(context, 'return 1', null), 1);
		assert.equal(await call(context, 'return 1', undefined), 1);
		await rejects(call(context), TypeError, `\`${form}\` requires at least 1 parameter`);
		await rejects(call(context, 5), TypeError, `\`${form}\` requires parameter 1 to be a string`);
		await rejects(call(context, 'return 1', [], 5), TypeError, `\`${form}\` requires parameter 3 to be an object`);
	});

	inBothForms('passes holes as undefined', 'evalClosure', async call => {
		const { context } = guest();
		// eslint-disable-next-line no-sparse-arrays
		assert.equal(await call(context, 'return [typeof $0, $1, 0 in arguments].join()', [, 2]), 'undefined,2,true');
	});

	inBothForms('refuses arguments and results that need an option', 'evalClosure', async call => {
		const { context } = guest();
		for (const value of [{}, [], Symbol('s'), new Date(), new Error('e'), Promise.resolve(1), new Map()]) {
			await rejects(call(context, 'globalThis.ran = true', [value]), TypeError, 'A non-transferable value was passed',
				'ERR_NON_TRANSFERABLE');
		}
		for (const code of ['({})', '[]', 'Symbol()', 'new Date', 'Promise.resolve(1)', 'globalThis']) {
			await rejects(call(context, `return ${code}`), TypeError, 'A non-transferable value was passed',
				'ERR_NON_TRANSFERABLE');
		}
		assert.equal(context.evalSync('typeof ran'), 'undefined');
	});

	inBothForms('takes options for both directions', 'evalClosure', async call => {
		const { context } = guest();
		const both = { arguments: { copy: true }, result: { copy: true } };
		assert.deepEqual(await call(context, 'return { ...$0, b: $1 }', [{ a: 1 }, [2]], both), { a: 1, b: [2] });
		const reference = await call(context, 'return $0', [{ a: 1 }], { arguments: { reference: true } });
		assert.ok(reference instanceof Reference);
		const copy = await call(context, 'return { a: 1 }', [], { result: { externalCopy: true } });
		assert.ok(copy instanceof ExternalCopy);
		assert.deepEqual(await call(context, 'return Promise.resolve({ a: 1 })', [], { result: { promise: true, copy: true } }),
			{ a: 1 });
		// Options that are not for a direction mean nothing here.
		await rejects(call(context, 'return $0', [{ a: 1 }], { copy: true }), TypeError, 'A non-transferable value was passed');
	});

	inBothForms('names the direction that is wrong', 'evalClosure', async call => {
		const { context } = guest();
		for (const name of ['arguments', 'result']) {
			for (const value of [5, true, 'x']) {
				await rejects(call(context, 'return 1', [], { [name]: value }), TypeError, `\`${name}\` must be an object`);
			}
			await rejects(call(context, 'return 1', [], { [name]: { copy: 1 } }), TypeError, '`copy` must be a boolean');
			assert.equal(await call(context, 'return 1', [], { [name]: null }), 1);
		}
	});

	it('can be ignored', async () => {
		const { context } = guest();
		assert.equal(context.evalClosureIgnored('globalThis.sum = $0 + $1', [1, 2]), undefined);
		assert.equal(context.evalClosureIgnored('throw 1'), undefined);
		assert.equal(context.evalClosureIgnored('syntax error('), undefined);
		throws(() => context.evalClosureIgnored('1', [{}]), TypeError, 'A non-transferable value was passed');
		throws(() => context.evalClosureIgnored('1', 5), TypeError,
			'`evalClosureIgnored` requires parameter 2 to be an array');
		assert.equal(await context.eval('sum'), 3);
	});
});

describe('where source comes from', () => {
	const position = error => error.stack.split('\n')[1].trim();

	inBothForms('shows in stacks', 'eval', async call => {
		const { context } = guest();
		const at = async (code, options) => position(await rejection(call(context, code, options)));
		const code = 'throw new Error("x")';
		assert.equal(await at(code), 'at <isolated-vm>:1:7');
		assert.equal(await at(code, { filename: 'file:///a/b.js' }), 'at file:///a/b.js:1:7');
		assert.equal(await at(code, { filename: 'b.js', lineOffset: 10, columnOffset: 4 }), 'at b.js:11:11');
		assert.equal(await at(`\n\n${code}`, { filename: 'b.js', lineOffset: 10, columnOffset: 4 }), 'at b.js:13:7');
		assert.equal(await at(code, { filename: 'ü\u1234.js' }), 'at ü\u1234.js:1:7');
	});

	inBothForms('counts from the first line of a closure', 'evalClosure', async call => {
		const { context } = guest();
		const at = async (code, options) => position(await rejection(call(context, code, [1, 2], options)));
		assert.equal(await at('throw new Error("x")'), 'at <isolated-vm>:1:7');
		assert.equal(await at('throw new Error("x")', { filename: 'c.js', columnOffset: 3 }), 'at c.js:1:10');
		assert.equal(await at('\nthrow new Error("x")', { filename: 'c.js', lineOffset: 5, columnOffset: 3 }), 'at c.js:7:7');
	});
});

describe('the guest\'s world', () => {
	it('has the language and nothing of the host', () => {
		const { context } = guest();
		for (const name of ['Object', 'Map', 'Promise', 'Proxy', 'Reflect', 'Intl', 'WebAssembly', 'Atomics', 'JSON', 'BigInt',
			'WeakRef', 'FinalizationRegistry', 'Temporal', 'console', 'Iterator']) {
			assert.notEqual(context.evalSync(`typeof ${name}`), 'undefined', name);
		}
		for (const name of ['global', 'window', 'self', 'process', 'require', 'module', 'Buffer', 'setTimeout', 'setImmediate',
			'queueMicrotask', 'structuredClone', 'URL', 'TextEncoder', 'fetch', 'performance', 'gc', 'ivm', '__dirname']) {
			assert.equal(context.evalSync(`typeof ${name}`), 'undefined', name);
		}
	});

	it('can not reach the host through what is passed in', () => {
		const { context, jail } = guest();
		jail.setSync('f', function host() { return { a: [1] }; });
		jail.setSync('r', new Reference(process));
		jail.setSync('c', { a: 1 }, { copy: true });
		for (const value of ['f', 'r', 'c', 'f()', 'f().a']) {
			assert.equal(context.evalSync(`${value}.constructor.constructor("return typeof process")()`), 'undefined', value);
			assert.equal(context.evalSync(`Object.getPrototypeOf(${value}).constructor.constructor === Function ||
				Object.getPrototypeOf(${value}).constructor.constructor("return globalThis")() === globalThis`), true, value);
		}
		const error = context.evalSync('try { f(Symbol()) } catch (error) { error.constructor.constructor("return typeof process")() }');
		assert.equal(error, 'undefined');
	});

	it('has eval and Function of its own', () => {
		const { context } = guest();
		assert.equal(context.evalSync('eval("1 + 1") + new Function("return 2")()'), 4);
	});

	it('has Intl with its data', () => {
		const { context } = guest();
		assert.equal(context.evalSync('new Intl.NumberFormat("de").format(1234.5)'), '1.234,5');
		assert.equal(context.evalSync('(1234.5).toLocaleString("en-US")'), '1,234.5');
		assert.equal(context.evalSync('"a".localeCompare("b", "en")'), -1);
	});

	it('runs WebAssembly', () => {
		const { evaluate } = guest();
		// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
		const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
			10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11];
		assert.equal(evaluate(`
			const module = new WebAssembly.Module(new Uint8Array(${JSON.stringify(bytes)}));
			new WebAssembly.Instance(module).exports.add(40, 2)`), 42);
	});

	it('compiles WebAssembly in the background', async () => {
		const { context } = guest();
		const bytes = [0, 97, 115, 109, 1, 0, 0, 0];
		assert.equal(await context.eval(`WebAssembly.compile(new Uint8Array(${JSON.stringify(bytes)}))
			.then(module => module instanceof WebAssembly.Module)`, { promise: true }), true);
		assert.equal(await context.evalSync(`WebAssembly.compile(new Uint8Array(${JSON.stringify(bytes)}))
			.then(module => module instanceof WebAssembly.Module)`, { promise: true }), true);
	});

	it('has no modules to import', async () => {
		const { context } = guest();
		assert.ok(await rejection(context.eval('import("x")', { promise: true })) instanceof Error);
		throws(() => context.evalSync('import x from "y"'), SyntaxError, /^Cannot use import statement outside a module/);
		throws(() => context.evalSync('import.meta'), SyntaxError, /^Cannot use 'import.meta' outside a module/);
	});

	it('knows the time', () => {
		const { context } = guest();
		const before = Date.now();
		const inside = context.evalSync('Date.now()');
		assert.ok(inside >= before - 1 && inside <= Date.now() + 1);
	});

	it('gets random numbers of its own', () => {
		const numbers = Array.from({ length: 4 }, () => guest().context.evalSync('Math.random()'));
		assert.equal(new Set(numbers).size, 4);
	});
});

describe('context.global', () => {
	it('is always the same reference, to the global object', () => {
		const { context, jail } = guest();
		assert.equal(context.global, jail);
		assert.equal(jail.typeof, 'object');
		jail.setSync('self', jail.derefInto());
		assert.equal(context.evalSync('self === globalThis'), true);
	});

	it('can not be replaced', () => {
		const { context, jail } = guest();
		assert.throws(() => { context.global = 5; }, TypeError);
		assert.equal(context.global, jail);
	});

	it('can be released alone', () => {
		const { context } = guest();
		context.global.release();
		throws(() => context.global.typeof, Error, 'Reference has been released', 'ERR_RELEASED');
		assert.equal(context.evalSync('1'), 1);
		assert.equal(context.release(), true);
	});
});

describe('context.release', () => {
	it('says whether there was anything to release', () => {
		const { context } = guest();
		assert.equal(context.release(), true);
		assert.equal(context.release(), false);
	});

	it('ends the use of the context and of its global', async () => {
		const { context, jail, isolate } = guest();
		const script = isolate.compileScriptSync('1');
		context.release();
		assert.equal(context.global, undefined);
		throws(() => jail.getSync('Array'), Error, 'Reference has been released', 'ERR_RELEASED');
		throws(() => context.evalSync('1'), Error, 'Context is released', 'ERR_RELEASED');
		throws(() => context.evalClosureSync('return 1'), Error, 'Context is released');
		throws(() => context.evalIgnored('1'), Error, 'Context is released');
		throws(() => context.evalClosureIgnored('1'), Error, 'Context is released');
		throws(() => script.runSync(context), Error, 'Context is released');
		await rejects(context.eval('1'), Error, 'Context is released');
		await rejects(context.evalClosure('return 1'), Error, 'Context is released');
		await rejects(script.run(context), Error, 'Context is released');
	});

	it('leaves alone what was made in it', () => {
		const { context, isolate } = guest();
		const object = context.evalSync('globalThis.object = { a: 1 }; object', { reference: true });
		const f = context.evalSync('() => object.a');
		context.release();
		isolate.createContextSync().evalSync('Array.from({ length: 1000 }, () => ({}))');
		assert.equal(object.getSync('a'), 1);
		assert.equal(f(), 1);
	});

	it('lets go on what was asked for before', async () => {
		const { context } = guest();
		const promise = context.eval('40 + 2');
		context.release();
		assert.equal(await promise, 42);
	});

	it('may happen in the middle of a call', () => {
		const { context, jail } = guest();
		jail.setSync('release', () => context.release());
		assert.equal(context.evalSync('[release(), 1 + 1].join()'), 'true,2');
		throws(() => context.evalSync('1'), Error, 'Context is released');
	});
});

describe('a context on its way through guests', () => {
	it('comes back as a handle to the same context', () => {
		const a = guest();
		const b = guest();
		a.context.evalSync('globalThis.who = "a"');
		b.jail.setSync('other', a.context);
		const back = b.context.evalSync('other');
		assert.ok(back instanceof Context);
		assert.equal(back.evalSync('who'), 'a');
		a.context.release();
		assert.equal(back.evalSync('who'), 'a');
	});

	it('can be passed to its own guest', () => {
		const { context, jail } = guest();
		jail.setSync('me', context);
		assert.equal(context.evalSync('me').evalSync('typeof me'), 'object');
	});
});

describe('the class', () => {
	it('makes no contexts by itself', () => {
		for (const values of [[], [{}], [5], [undefined, 1]]) {
			assert.throws(() => new Context(...values), TypeError);
		}
		assert.throws(() => Context(), TypeError);
		class Mine extends Context {}
		assert.throws(() => new Mine(), TypeError);
	});

	it('has methods that refuse a foreign this', async () => {
		const others = [undefined, null, {}, 5, Context.prototype, new Isolate(), new Reference(1), new ExternalCopy(1)];
		for (const other of others) {
			for (const method of ['evalSync', 'evalIgnored', 'evalClosureSync', 'evalClosureIgnored', 'release']) {
				assert.throws(() => Context.prototype[method].call(other, '1'), TypeError, method);
			}
			for (const method of ['eval', 'evalClosure']) {
				await assert.rejects(Context.prototype[method].call(other, '1'), TypeError, method);
			}
			assert.ok(thrown(() => Object.getOwnPropertyDescriptor(Context.prototype, 'global').get.call(other)) instanceof TypeError);
		}
	});
});
