'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const vm = require('node:vm');
const { guest, inBothForms, islet, rejection, rejects, thrown } = require('./helpers');
const { Callback, ExternalCopy } = islet;

const BOUNDARY = '    at (<isolated-vm boundary>)';
const NOT_AN_ERROR =
	'An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.';

/** The lines of a stack, below its head. */
const frames = error => error.stack.split('\n').filter(line => line.startsWith('    at '));
/** A frame's function, or where it is when it has none. */
const functionOf = frame => /^ {4}at (?:async )?(?:new )?(.*) \(/.exec(frame)?.[1] ?? frame.trim();

/** What the host catches when `code` runs in a guest. */
const caught = code => thrown(() => guest().context.evalSync(code));

describe('the class of an error from a guest', () => {
	inBothForms('is the host\'s class of the same name', 'eval', async call => {
		for (const Class of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
			const error = await rejection(call(guest().context, `throw new ${Class.name}("text")`));
			assert.equal(Object.getPrototypeOf(error), Class.prototype);
			assert.equal(error.message, 'text');
			assert.equal(error.name, Class.name);
			assert.equal(error.toString(), `${Class.name}: text`);
			assert.ok(error.stack.startsWith(`${Class.name}: text\n`));
		}
	});

	it('is that of errors which the language raises', () => {
		for (const [code, Class, message] of [
			['null.x', TypeError, 'Cannot read properties of null (reading \'x\')'],
			['undefinedVariable', ReferenceError, 'undefinedVariable is not defined'],
			['new Array(-1)', RangeError, 'Invalid array length'],
			['decodeURIComponent("%")', URIError, 'URI malformed'],
			['1n + 1', TypeError, 'Cannot mix BigInt and other types, use explicit conversions'],
			['const c = 1; c = 2', TypeError, 'Assignment to constant variable.'],
			['(function f() { f() })()', RangeError, 'Maximum call stack size exceeded'],
			['"x".repeat(2 ** 30)', RangeError, 'Invalid string length'],
		]) {
			const error = caught(code);
			assert.ok(error instanceof Class, code);
			assert.equal(error.message, message);
		}
	});

	it('is that of the nearest ancestor the host has, with the name the guest gave', () => {
		const cases = [
			['class My extends Error { constructor(m) { super(m); this.name = "My" } } throw new My("m")', Error, 'My'],
			['class My extends RangeError { constructor(m) { super(m); this.name = this.constructor.name } } throw new My("m")', RangeError, 'My'],
			['class My extends TypeError { get name() { return "Getter" } } throw new My("m")', TypeError, null],
			['class My extends TypeError {} My.prototype.name = "Proto"; throw new My("m")', TypeError, 'Proto'],
			['class My extends TypeError {} throw new My("m")', TypeError, 'TypeError'],
			['class A extends URIError {} class B extends A {} throw new B("m")', URIError, 'URIError'],
			['throw Object.assign(new Error("m"), { name: "Renamed" })', Error, 'Renamed'],
			['throw new AggregateError([], "m")', Error, 'AggregateError'],
		];
		for (const [code, Class, name] of cases) {
			const error = caught(code);
			assert.equal(Object.getPrototypeOf(error), Class.prototype, code);
			assert.equal(error.message, 'm', code);
			if (name !== null) {
				assert.equal(error.name, name, code);
			}
		}
	});

	it('keeps a name of its own out of sight', () => {
		const error = caught('throw Object.assign(new Error("m"), { name: "Renamed" })');
		assert.deepEqual(Object.getOwnPropertyDescriptor(error, 'name'),
			{ value: 'Renamed', writable: true, enumerable: false, configurable: true });
		assert.deepEqual(Object.keys(error), []);
	});

	it('has message and stack as plain properties', () => {
		const error = caught('throw new Error("m")');
		for (const key of ['message', 'stack']) {
			const { value, ...rest } = Object.getOwnPropertyDescriptor(error, key);
			assert.equal(typeof value, 'string');
			assert.deepEqual(rest, { writable: true, enumerable: false, configurable: true });
		}
		error.stack = 'mine';
		assert.equal(error.stack, 'mine');
	});
});

describe('what a guest\'s error carries', () => {
	it('its cause, an error or any other value', () => {
		const error = caught('throw new Error("outer", { cause: new TypeError("inner", { cause: { deep: [1] } }) })');
		assert.ok(error.cause instanceof TypeError);
		assert.equal(error.cause.message, 'inner');
		assert.deepEqual(error.cause.cause, { deep: [1] });
		assert.deepEqual(Object.getOwnPropertyDescriptor(error, 'cause').enumerable, false);
		for (const [code, value] of [['"text"', 'text'], ['5', 5], ['null', null], ['undefined', undefined], ['0', 0]]) {
			const { cause } = caught(`throw new Error("m", { cause: ${code} })`);
			assert.equal(cause, value);
		}
		assert.equal('cause' in caught('throw new Error("m")'), false);
	});

	it('a cause that is undefined but there', () => {
		assert.equal(Object.hasOwn(caught('throw new Error("m", { cause: undefined })'), 'cause'), true);
	});

	it('a chain of causes, however long', () => {
		const error = caught('let e; for (let i = 0; i < 1000; ++i) e = new Error("e" + i, { cause: e }); throw e');
		assert.equal(error.message, 'e999');
		assert.equal(error.cause.cause.cause.message, 'e996');
	});

	it('a cause that leads back to itself', () => {
		const error = caught('const a = new Error("a"), b = new Error("b", { cause: a }); a.cause = b; throw a');
		assert.equal(error.message, 'a');
		assert.equal(error.cause.message, 'b');
		assert.equal(error.cause.cause.message, 'a');
	});

	it('its own properties that can be copied', () => {
		const error = caught(`throw Object.assign(new Error("m"), {
			code: "E1", number: 5, object: { a: [1] }, date: new Date(3), nothing: undefined,
			f() {}, symbol: Symbol("s"), promise: Promise.resolve(1) })`);
		assert.equal(error.code, 'E1');
		assert.equal(error.number, 5);
		assert.deepEqual(error.object, { a: [1] });
		assert.deepEqual(error.date, new Date(3));
		assert.equal(Object.hasOwn(error, 'nothing'), true);
		for (const key of ['f', 'symbol', 'promise']) {
			assert.equal(key in error, false, key);
		}
		assert.deepEqual(Object.getOwnPropertyDescriptor(error, 'code'),
			{ value: 'E1', writable: true, enumerable: true, configurable: true });
	});

	it('no properties that would change what it is', () => {
		const error = caught(`throw Object.defineProperties(new Error("m"), {
			["__proto__"]: { value: { polluted: true }, enumerable: true },
			constructor: { value: 5, enumerable: true }, toString: { value: 6, enumerable: true },
			hidden: { value: 7 }, getter: { get() { globalThis.ran = true; return 8 }, enumerable: true } })`);
		assert.equal(Object.getPrototypeOf(error), Error.prototype);
		assert.equal(error.polluted, undefined);
		assert.equal(error.hidden, undefined);
		assert.equal(error.getter, undefined);
		assert.equal({}.polluted, undefined);
	});

	it('the errors of an AggregateError', () => {
		const error = caught('throw new AggregateError([new TypeError("one"), 2, { three: 3 }], "many")');
		assert.equal(error.errors.length, 3);
		assert.ok(error.errors[0] instanceof TypeError);
		assert.equal(error.errors[0].message, 'one');
		assert.deepEqual(error.errors.slice(1), [2, { three: 3 }]);
	});

	it('the same however it is caught', async () => {
		const { isolate, context, jail } = guest();
		const code = 'throw Object.assign(new RangeError("m", { cause: 1 }), { code: "E1" })';
		context.evalSync(`globalThis.f = function () { ${code} }`);
		const f = context.evalSync('f', { reference: true });
		const accessor = context.evalSync(`({ get a() { ${code} } })`, { reference: true });
		const script = isolate.compileScriptSync(code);
		const errors = [
			thrown(() => context.evalSync(code)), await rejection(context.eval(code)),
			thrown(() => context.evalClosureSync(code)), await rejection(context.evalClosure(code)),
			thrown(() => script.runSync(context)), await rejection(script.run(context)),
			thrown(() => f.applySync()), await rejection(f.apply()),
			thrown(() => context.evalSync('f')()),
			thrown(() => accessor.getSync('a', { accessors: true })), await rejection(accessor.get('a', { accessors: true })),
			await rejection(context.eval(`(async () => { ${code} })()`, { promise: true })),
			await rejection(context.evalSync(`(async () => { ${code} })()`, { promise: true })),
		];
		jail.setSync('g', () => { throw Object.assign(new RangeError('m', { cause: 1 }), { code: 'E1' }); });
		errors.push(thrown(() => context.evalSync('g()')));
		for (const error of errors) {
			assert.ok(error instanceof RangeError);
			assert.deepEqual([error.message, error.cause, error.code], ['m', 1, 'E1']);
		}
	});
});

describe('the stack of a guest\'s error', () => {
	inBothForms('has the guest\'s frames, the boundary, and the host\'s frames', 'eval', async call => {
		const { context } = guest();
		const outer = async () => {
			const error = await rejection((async function hostFunction() {
				await null;
				return await call(context, '(function inner() { throw new Error("x") })()');
			})());
			return error;
		};
		const error = await outer();
		const lines = error.stack.split('\n');
		assert.equal(lines[0], 'Error: x');
		assert.match(lines[1], /^ {4}at inner \(<isolated-vm>:1:\d+\)$/);
		assert.match(lines[2], /^ {4}at <isolated-vm>:1:\d+$/);
		assert.equal(lines[3], BOUNDARY);
		assert.ok(lines.slice(4).some(line => line.includes('hostFunction') && line.includes('errors.test.js')), error.stack);
		assert.ok(!error.stack.includes('/lib/'), error.stack);
	});

	it('names the host functions in a sync call, innermost first', () => {
		const { context } = guest();
		function inner() { return context.evalSync('throw new Error("x")'); }
		function outer() { return inner(); }
		const names = frames(thrown(outer)).map(functionOf);
		assert.equal(names[2], 'inner');
		assert.equal(names[3], 'outer');
	});

	it('does not depend on the host\'s limit', () => {
		const { context } = guest();
		const before = Error.stackTraceLimit;
		Error.stackTraceLimit = 0;
		let error;
		try {
			context.evalSync('throw new Error("x")');
		} catch (e) {
			error = e;
		} finally {
			assert.equal(Error.stackTraceLimit, 0);
			Error.stackTraceLimit = before;
		}
		assert.deepEqual(error.stack.split('\n').slice(0, 3), ['Error: x', '    at <isolated-vm>:1:7', BOUNDARY]);
	});

	it('survives a host that formats stacks in its own way', () => {
		const { context } = guest();
		const before = Error.prepareStackTrace;
		Error.prepareStackTrace = (error, sites) => sites;
		let error;
		try {
			context.evalSync('throw new Error("x")');
		} catch (e) {
			error = e;
		} finally {
			Error.prepareStackTrace = before;
		}
		assert.deepEqual(error.stack.split('\n').slice(0, 3), ['Error: x', '    at <isolated-vm>:1:7', BOUNDARY]);
	});

	it('is what the guest made it', () => {
		const stackOf = code => caught(code).stack.split('\n');
		assert.deepEqual(stackOf('Error.stackTraceLimit = 0; throw new Error("x")').slice(0, 2), ['Error: x', BOUNDARY]);
		assert.equal(frames(caught('Error.stackTraceLimit = 25; (function d(n) { if (n) d(n - 1); else throw new Error("x") })(40)'))
			.indexOf(BOUNDARY), 25);
		assert.deepEqual(stackOf('const e = new Error("x"); e.stack = "Mine\\n    at zed (zed.js:9:9)"; throw e').slice(0, 3),
			['Mine', '    at zed (zed.js:9:9)', BOUNDARY]);
		assert.deepEqual(stackOf('Error.prepareStackTrace = (e, f) => "prepared"; throw new Error("x")').slice(0, 2), ['prepared', BOUNDARY]);
	});

	it('need not be there', () => {
		for (const code of ['const e = new Error("x"); delete e.stack; throw e', 'const e = new Error("x"); e.stack = 5; throw e',
			'Error.prepareStackTrace = () => ({ a: 1 }); throw new Error("x")',
			'const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw new Error("again") } }); throw e',
			'Error.prepareStackTrace = () => { throw new Error("again") }; throw new Error("x")']) {
			const error = caught(code);
			assert.ok(error instanceof Error, code);
			assert.equal(error.message, 'x', code);
			assert.match(error.stack, /^Error: x\n/, code);
		}
	});

	it('keeps messages of many lines apart from frames', () => {
		const error = caught('throw new Error("line 1\\nline 2\\n    at fake (f.js:1:1)")');
		assert.equal(error.message, 'line 1\nline 2\n    at fake (f.js:1:1)');
		assert.deepEqual(error.stack.split('\n').slice(0, 5),
			['Error: line 1', 'line 2', '    at fake (f.js:1:1)', '    at <isolated-vm>:1:7', BOUNDARY]);
	});

	it('is of two-byte text when it has to be', () => {
		const error = caught('throw new Error("\\u1234 ü \\ud83d\\ude00")');
		assert.equal(error.message, '\u1234 ü \ud83d\ude00');
		assert.ok(error.stack.startsWith('Error: \u1234 ü \ud83d\ude00\n'));
		assert.equal(caught('throw new Error("\\ud800")').message, '\ud800');
	});

	it('has no frames of the library for its own complaints', () => {
		const { context, jail } = guest();
		const errors = [thrown(() => context.evalSync('while (true);', { timeout: 5 })),
			thrown(() => context.evalClosureSync('return {}'))];
		for (const error of errors) {
			assert.ok(frames(error)[0].includes('errors.test.js') || frames(error)[0] === BOUNDARY, error.stack);
			assert.ok(!error.stack.includes('/lib/'), error.stack);
		}
		assert.ok(thrown(() => jail.setSync('a', {})).stack.includes('errors.test.js'));
	});
});

describe('what is thrown and is no error', () => {
	inBothForms('arrives as it is when it is a primitive', 'eval', async call => {
		for (const [code, value] of [['"text"', 'text'], ['""', ''], ['5', 5], ['-0', -0], ['null', null], ['undefined', undefined],
			['true', true], ['1n', 1n], ['NaN', NaN]]) {
			const { context } = guest();
			let seen = 'nothing';
			await call(context, `throw ${code}`).catch(value => { seen = value; });
			assert.ok(Object.is(seen, value), code);
		}
	});

	inBothForms('arrives as a copy when it is an object', 'eval', async call => {
		for (const [code, value] of [['{ a: [1], b: { c: 2 } }', { a: [1], b: { c: 2 } }], ['[1, 2]', [1, 2]], ['new Date(5)', new Date(5)],
			['{ message: "fake", name: "TypeError" }', { message: 'fake', name: 'TypeError' }], ['new Map([[1, 2]])', new Map([[1, 2]])]]) {
			assert.deepEqual(await rejection(call(guest().context, `throw ${code}`)), value);
		}
	});

	inBothForms('is replaced by an error when it can not be copied', 'eval', async call => {
		for (const code of ['Symbol("s")', 'function () {}', '() => 1', '{ f() {} }', 'Promise.resolve()', 'globalThis', 'new Proxy({}, {})',
			'new Proxy(new Error("p"), {})', '{ get a() { throw 1 } }']) {
			const error = await rejection(call(guest().context, `throw (${code})`.replace('(function', '(function')));
			assert.ok(error instanceof Error, code);
			assert.equal(error.message, NOT_AN_ERROR, code);
		}
	});

	it('is looked at with care', () => {
		const { context } = guest();
		for (const code of [
			'throw { get message() { globalThis.ran = 1 }, get stack() { globalThis.ran = 1 }, [Symbol.toPrimitive]() { globalThis.ran = 1 } }',
			'const e = new Error("x"); Object.defineProperty(e, "message", { get() { while (true); } }); throw e',
			'const e = new Error("x"); Object.defineProperty(e, "name", { get() { throw 1 } }); throw e',
			'const e = new Error("x"); Object.setPrototypeOf(e, new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 1 } })); throw e',
			'const e = new Error("x"); Object.setPrototypeOf(e, null); throw e',
			'const e = new Error("x"); e.message = {}; throw e',
			'const e = new Error("x"); e.message = "m".repeat(1e6); throw e',
			'const e = new Error("x"); e.cause = new Proxy({}, { get() { throw 1 } }); throw e',
		]) {
			const error = thrown(() => context.evalSync(`{ ${code} }`, { timeout: 2000 }));
			assert.ok(error instanceof Error || typeof error === 'object', code);
		}
		assert.equal(context.evalSync('1 + 1'), 2);
	});
});

describe('errors of the host in a guest', () => {
	it('have the class, message and name there, too', () => {
		const { evaluate, jail } = guest();
		let error;
		jail.setSync('f', () => { throw error; });
		const seen = () => evaluate('try { f() } catch (e) { [Object.getPrototypeOf(e).constructor.name, e.name, e.message, e instanceof Error, Object.prototype.toString.call(e)] }');
		for (const Class of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
			error = new Class('text');
			assert.deepEqual(seen(), [Class.name, Class.name, 'text', true, '[object Error]']);
		}
		error = Object.assign(new TypeError('text'), { name: 'Mine' });
		assert.deepEqual(seen(), ['TypeError', 'Mine', 'text', true, '[object Error]']);
		error = new (class Own extends RangeError {})('text');
		assert.deepEqual(seen(), ['RangeError', 'RangeError', 'text', true, '[object Error]']);
		error = Object.create(Error.prototype, { message: { value: 'made by hand' } });
		assert.deepEqual(seen(), ['Error', 'Error', 'made by hand', true, '[object Error]']);
	});

	it('keep their class when they are of another realm of the host', async () => {
		const { context, evaluate, jail } = guest();
		const make = code => vm.runInNewContext(code);
		const see = 'e => [Object.getPrototypeOf(e).constructor.name, e.name, e.message, e instanceof Error]';
		let error;
		jail.setSync('f', () => { throw error; });
		jail.setSync('later', new Callback(async () => { throw error; }, { async: true }));
		const seen = async () => {
			jail.setSync('promise', Promise.reject(error), { promise: true });
			const all = [
				evaluate(`try { f() } catch (e) { (${see})(e) }`),
				await context.eval(`later().catch(${see})`, { promise: true, copy: true }),
				await context.eval(`promise.catch(${see})`, { promise: true, copy: true }),
			];
			error = new Error('outer', { cause: error });
			all.push(evaluate(`try { f() } catch (e) { (${see})(e.cause) }`));
			assert.deepEqual(all.slice(1), [all[0], all[0], all[0]]);
			return all[0];
		};
		for (const { name } of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
			error = make(`new ${name}('text')`);
			assert.deepEqual(await seen(), [name, name, 'text', true]);
		}
		error = make('new (class Own extends RangeError {})("text")');
		assert.deepEqual(await seen(), ['RangeError', 'RangeError', 'text', true]);
		error = make('Object.assign(new TypeError("text"), { name: "RangeError" })');
		assert.deepEqual(await seen(), ['TypeError', 'RangeError', 'text', true]);
		error = make('Object.create(RangeError.prototype, { message: { value: "made by hand" } })');
		assert.deepEqual(await seen(), ['RangeError', 'RangeError', 'made by hand', true]);
		error = make('class TypeError { name = "TypeError" } Object.assign(Object.setPrototypeOf(new RangeError("text"), TypeError.prototype), { name: "X" })');
		assert.deepEqual(await seen(), ['Error', 'X', 'text', true]);
		error = make('Object.setPrototypeOf(new RangeError("text"), null)');
		assert.deepEqual((await seen())[0], 'Error');
	});

	it('run no code when it is asked whether they are errors of another realm', () => {
		const { evaluate, jail } = guest();
		let ran = 0;
		const proxy = new Proxy({}, { getPrototypeOf() { ++ran; return null; }, getOwnPropertyDescriptor() { ++ran; }, get() { ++ran; } });
		const error = vm.runInNewContext(`
			const error = new RangeError('text');
			const link = { __proto__: RangeError.prototype, get constructor() { ran(); } };
			Object.setPrototypeOf(error, link)
		`, { ran: () => ++ran });
		jail.setSync('f', () => { throw error; });
		jail.setSync('g', () => { throw Object.create(Object.create(null, { constructor: { value: proxy } })); });
		assert.deepEqual(evaluate('try { f() } catch (e) { [e instanceof RangeError, e.message] }'), [true, 'text']);
		assert.deepEqual(evaluate('try { g() } catch (e) { typeof e }'), 'object');
		assert.equal(ran, 0);
	});

	it('carry cause and own properties', () => {
		const { evaluate, jail } = guest();
		jail.setSync('f', () => {
			throw Object.assign(new Error('m', { cause: new TypeError('inner') }), { code: 'E1', data: { a: [1] }, f() {}, s: Symbol('s') });
		});
		assert.deepEqual(evaluate('try { f() } catch (e) { [e.cause instanceof TypeError, e.cause.message, e.code, e.data, "f" in e, "s" in e] }'),
			[true, 'inner', 'E1', { a: [1] }, false, false]);
		const error = thrown(() => evaluate('f()'));
		assert.ok(error.cause instanceof TypeError);
		assert.deepEqual([error.code, error.data], ['E1', { a: [1] }]);
	});

	it('have host frames, the boundary and guest frames', () => {
		const { evaluate, jail } = guest();
		jail.setSync('f', function hostFunction() { throw new Error('x'); });
		const stack = evaluate('(function guestFunction() { try { f() } catch (e) { return e.stack } })()').split('\n');
		assert.equal(stack[0], 'Error: x');
		assert.match(stack[1], /hostFunction .*errors\.test\.js/);
		const at = stack.indexOf(BOUNDARY);
		assert.ok(at > 1);
		assert.match(stack[at + 1], /^ {4}at guestFunction \(<isolated-vm>:1:\d+\)$/);
	});

	it('keep their own identity for nobody but look the same', () => {
		const { context, jail } = guest();
		const error = new RangeError('mine');
		jail.setSync('f', () => { throw error; });
		const seen = thrown(() => context.evalSync('f()'));
		assert.notEqual(seen, error);
		assert.ok(seen instanceof RangeError);
		assert.equal(seen.message, 'mine');
	});

	it('arrive as such when they are arguments or results', () => {
		const { context, jail, evaluate } = guest();
		const fresh = () => Object.assign(new RangeError('m', { cause: 1 }), { ignored: true });
		jail.setSync('e', fresh(), { copy: true });
		assert.deepEqual(evaluate('[e instanceof RangeError, e.message, typeof e.stack, e.cause]'), [true, 'm', 'string', 1]);
		jail.setSync('f', fresh);
		assert.equal(evaluate('f() instanceof RangeError'), true);
		assert.ok(new ExternalCopy(fresh()).copy() instanceof RangeError);
		assert.ok(context.evalSync('new RangeError("x")', { copy: true }) instanceof RangeError);
		assert.ok(context.evalSync('({ list: [new RangeError("x")] })', { copy: true }).list[0] instanceof RangeError);
	});
});

describe('errors that pass through', () => {
	it('show every boundary: host → guest → host', () => {
		const { context, jail } = guest();
		jail.setSync('f', function innermost() { throw new Error('x'); });
		function outermost() { return context.evalSync('(function middle() { f() })()'); }
		const names = frames(thrown(outermost)).map(functionOf);
		const at = name => names.findIndex(each => each.includes(name));
		const first = names.indexOf(functionOf(BOUNDARY));
		const second = names.indexOf(functionOf(BOUNDARY), first + 1);
		assert.ok(at('innermost') < first && first < at('middle') && at('middle') < second, names.join('\n'));
		assert.ok(names.indexOf('outermost', second) > second, names.join('\n'));
	});

	it('show every boundary: guest → host → guest', () => {
		const { context, jail } = guest();
		context.evalSync('function innermost() { throw new RangeError("x") }');
		jail.setSync('f', function hostMiddle() { return context.evalSync('innermost()'); });
		const error = thrown(() => context.evalSync('(function outermost() { f() })()'));
		assert.ok(error instanceof RangeError);
		const names = frames(error).map(functionOf);
		const boundaries = names.filter(name => name === functionOf(BOUNDARY)).length;
		assert.equal(boundaries, 3);
		assert.ok(names.indexOf('innermost') < names.findIndex(name => name.includes('hostMiddle')));
		assert.ok(names.findIndex(name => name.includes('hostMiddle')) < names.lastIndexOf('outermost'));
	});

	it('can be caught and thrown again by the host', () => {
		const { context, jail, evaluate } = guest();
		jail.setSync('f', () => {
			try {
				return context.evalSync('throw new TypeError("first")');
			} catch (error) {
				throw new RangeError('second', { cause: error });
			}
		});
		assert.deepEqual(evaluate('try { f() } catch (e) { [e instanceof RangeError, e.message, e.cause instanceof TypeError, e.cause.message] }'),
			[true, 'second', true, 'first']);
	});

	it('pass through promises as well', async () => {
		const { context, jail } = guest();
		jail.setSync('f', new Callback(async function later() { throw new RangeError('late'); }, { async: true }));
		const error = await rejection(context.eval('(async function guestAsync() { await f() })()', { promise: true }));
		assert.ok(error instanceof RangeError);
		assert.equal(error.message, 'late');
		assert.match(error.stack, /later/);
	});

	it('keep the code of the library\'s own errors, which a guest can not counterfeit', () => {
		const { context, jail } = guest();
		const other = guest();
		jail.setSync('f', () => other.context.evalSync('1'));
		other.isolate.dispose();
		const error = thrown(() => context.evalSync('f()'));
		assert.equal(error.message, 'Isolate is disposed');
		assert.equal(error.code, 'ERR_ISOLATE_DISPOSED');
		const forged = thrown(() => context.evalSync('throw Object.assign(new Error("forged"), { code: "ERR_ISOLATE_DISPOSED" })'));
		assert.equal(forged.message, 'forged');
	});
});

inBothForms('what is thrown and can\'t be read here is an error of its own', 'eval', async call => {
	const { context } = guest();
	for (const code of ['throw new SharedArrayBuffer(8)', 'throw new SharedArrayBuffer(8, { maxByteLength: 16 })', 'throw { a: [new SharedArrayBuffer(8)] }']) {
		await rejects(call(context, code), TypeError, /./, 'ERR_DATA_CLONE');
		await rejects(call(context, `Promise.reject(${code.slice(6)})`, { promise: true }), TypeError, /./, 'ERR_DATA_CLONE');
	}
	assert.equal(context.evalSync('1 + 1'), 2);
});

inBothForms('only syntax errors say their place in the message', 'eval', async call => {
	const { context } = guest();
	await rejects(call(context, '\nlet let', { filename: 'a.js' }), SyntaxError, /\[a\.js:2:5\]$/);
	await rejects(call(context, '['.repeat(1e6)), RangeError, 'Maximum call stack size exceeded');
});
