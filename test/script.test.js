'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, inBothForms, islet, rejects, rejection, throws } = require('./helpers');
const { Context, ExternalCopy, Isolate, Reference, Script } = islet;

describe('run', () => {
	inBothForms('gives the value of the last statement', 'run', async call => {
		const { isolate, context } = guest();
		assert.equal(await call(isolate.compileScriptSync('1; 2; 3'), context), 3);
		assert.equal(await call(isolate.compileScriptSync(''), context), undefined);
		assert.equal(await call(isolate.compileScriptSync('({})'), context), undefined);
		assert.equal((await call(isolate.compileScriptSync('x => x + 1'), context))(1), 2);
	});

	inBothForms('runs one script in many contexts, and in each many times', 'run', async call => {
		const isolate = new Isolate();
		const script = isolate.compileScriptSync('globalThis.n = (globalThis.n || 0) + 1');
		const [a, b] = [isolate.createContextSync(), isolate.createContextSync()];
		assert.deepEqual([await call(script, a), await call(script, a), await call(script, b), await call(script, a)],
			[1, 2, 1, 3]);
	});

	inBothForms('takes the ways of transfer', 'run', async call => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('({ a: 1 })');
		assert.deepEqual(await call(script, context, { copy: true }), { a: 1 });
		assert.ok(await call(script, context, { reference: true }) instanceof Reference);
		assert.ok(await call(script, context, { externalCopy: true }) instanceof ExternalCopy);
		const promise = isolate.compileScriptSync('Promise.resolve({ a: 1 })');
		assert.deepEqual(await call(promise, context, { promise: true, copy: true }), { a: 1 });
	});

	inBothForms('passes on what the script throws', 'run', async call => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('\n\nthrow new RangeError("x")', { filename: 'here.js' });
		const error = await rejects(call(script, context), RangeError, 'x');
		assert.equal(error.stack.split('\n')[1].trim(), 'at here.js:3:7');
	});

	inBothForms('wants a context', 'run', async (call, form) => {
		const { isolate } = guest();
		const script = isolate.compileScriptSync('1');
		await rejects(call(script), TypeError, `\`${form}\` requires at least 1 parameter`, 'ERR_MISSING_ARGS');
		for (const context of [undefined, null, 5, {}, isolate, script, 'x']) {
			await rejects(call(script, context), TypeError, `\`${form}\` requires parameter 1 to be a Context`);
		}
	});

	inBothForms('wants a context of the same isolate', 'run', async call => {
		const script = guest().isolate.compileScriptSync('1');
		await rejects(call(script, guest().context), TypeError, 'Context does not belong to this isolate',
			'ERR_WRONG_ISOLATE');
	});

	inBothForms('wants sensible options', 'run', async (call, form) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		for (const options of [5, 'x', true]) {
			await rejects(call(script, context, options), TypeError, `\`${form}\` requires parameter 2 to be an object`);
		}
		await rejects(call(script, context, { release: 5 }), TypeError, '`release` must be a boolean');
		await rejects(call(script, context, { timeout: 'x' }), TypeError, '`timeout` must be a 32-bit number');
		await rejects(call(script, context, { copy: 1 }), TypeError, '`copy` must be a boolean');
		assert.equal(await call(script, context, null), 1);
	});

	inBothForms('releases the script afterwards when asked to', 'run', async call => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('7');
		assert.equal(await call(script, context, { release: true }), 7);
		await rejects(call(script, context), Error, 'Script has been released', 'ERR_RELEASED');
	});

	it('releases the script at once when asked to asynchronously', async () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('7');
		const promise = script.run(context, { release: true });
		throws(() => script.runSync(context), Error, 'Script has been released');
		assert.equal(await promise, 7);
	});

	it('can be ignored', async () => {
		const { isolate, context } = guest();
		assert.equal(isolate.compileScriptSync('globalThis.a = 1').runIgnored(context), undefined);
		assert.equal(isolate.compileScriptSync('throw 1').runIgnored(context), undefined);
		assert.equal(await context.eval('a'), 1);
		const script = isolate.compileScriptSync('1');
		throws(() => script.runIgnored(), TypeError, '`runIgnored` requires at least 1 parameter');
		throws(() => script.runIgnored(5), TypeError, '`runIgnored` requires parameter 1 to be a Context');
		throws(() => script.runIgnored(context, { copy: 1 }), TypeError, '`copy` must be a boolean');
		throws(() => script.runIgnored(guest().context), TypeError, 'Context does not belong to this isolate');
	});

	it('shares declarations with other code of the context', () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('let once = 1; once');
		assert.equal(script.runSync(context), 1);
		throws(() => script.runSync(context), SyntaxError, 'Identifier \'once\' has already been declared');
		assert.equal(context.evalSync('once'), 1);
	});
});

describe('syntax errors', () => {
	inBothForms('come from compiling, with their position', 'compileScript', async call => {
		const { isolate } = guest();
		const cases = [
			['x = ;', {}, 'Unexpected token \';\' [<isolated-vm>:1:5]'],
			['(', {}, 'Unexpected end of input [<isolated-vm>:1:2]'],
			['\nx = ;', {}, 'Unexpected token \';\' [<isolated-vm>:2:5]'],
			['x = ;', { filename: 'f.js' }, 'Unexpected token \';\' [f.js:1:5]'],
			['x = ;', { filename: 'f.js', lineOffset: 7, columnOffset: 2 }, 'Unexpected token \';\' [f.js:8:7]'],
			['var a;\n\n  let let = 1', {}, 'let is disallowed as a lexically bound name [<isolated-vm>:3:7]'],
			['return 1', {}, 'Illegal return statement [<isolated-vm>:1:1]'],
			['x = ;', { filename: 'ü\u1234.js' }, 'Unexpected token \';\' [ü\u1234.js:1:5]'],
		];
		for (const [code, options, message] of cases) {
			const error = await rejects(call(isolate, code, options), SyntaxError, message);
			assert.deepEqual(error.stack.split('\n').slice(0, 2),
				[`SyntaxError: ${message}`, '    at (<isolated-vm boundary>)']);
		}
	});

	inBothForms('of eval have a position too', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, '\nx = ;'), SyntaxError, 'Unexpected token \';\' [<isolated-vm>:2:5]');
		await rejects(call(context, 'x = ;', { filename: 'g.js' }), SyntaxError, 'Unexpected token \';\' [g.js:1:5]');
		await rejects(call(context, 'await 1'), SyntaxError,
			'await is only valid in async functions and the top level bodies of modules [<isolated-vm>:1:1]');
	});

	inBothForms('that the guest causes itself are errors like any other', 'eval', async call => {
		const { context } = guest();
		await rejects(call(context, 'eval("x = ;")'), SyntaxError, 'Unexpected token \';\'');
		await rejects(call(context, 'new Function("x = ;")'), SyntaxError, 'Unexpected token \';\'');
		const error = await rejection(call(context, 'JSON.parse("{")'));
		assert.ok(error instanceof SyntaxError);
		assert.doesNotMatch(error.message, /\[<isolated-vm>/);
		assert.equal(await call(context, 'try { eval("x = ;") } catch (error) { error.name }'), 'SyntaxError');
	});
});

describe('release', () => {
	it('gives nothing, also the second time', () => {
		const script = guest().isolate.compileScriptSync('1');
		assert.equal(script.release(), undefined);
		assert.equal(script.release(), undefined);
	});

	it('ends the use of the script', async () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		script.release();
		throws(() => script.runSync(context), Error, 'Script has been released', 'ERR_RELEASED');
		throws(() => script.runIgnored(context), Error, 'Script has been released');
		await rejects(script.run(context), Error, 'Script has been released');
	});

	it('lets go on what was asked for before', async () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('7');
		const promise = script.run(context);
		script.release();
		assert.equal(await promise, 7);
	});

	it('leaves alone what the script made', () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('globalThis.f = () => 5; f');
		const f = script.runSync(context);
		script.release();
		assert.equal(f(), 5);
		assert.equal(context.evalSync('f()'), 5);
	});
});

describe('a script on its way through guests', () => {
	it('comes back as a handle to the same script', () => {
		const a = guest();
		const b = guest();
		b.jail.setSync('script', a.isolate.compileScriptSync('globalThis.n = (globalThis.n || 0) + 1'));
		const back = b.context.evalSync('script');
		assert.ok(back instanceof Script);
		assert.equal(back.runSync(a.context), 1);
		throws(() => back.runSync(b.context), TypeError, 'Context does not belong to this isolate');
	});
});

describe('the class', () => {
	it('makes no scripts by itself', () => {
		for (const values of [[], [{}], ['1'], [undefined, 1]]) {
			assert.throws(() => new Script(...values), TypeError);
		}
		assert.throws(() => Script(), TypeError);
	});

	it('has methods that refuse a foreign this', async () => {
		const { context } = guest();
		for (const other of [undefined, null, {}, 5, Script.prototype, new Isolate(), context, new Reference(1)]) {
			for (const method of ['runSync', 'runIgnored', 'release']) {
				assert.throws(() => Script.prototype[method].call(other, context), TypeError, method);
			}
			await assert.rejects(Script.prototype.run.call(other, context), TypeError);
		}
		assert.equal(context.evalSync('1'), 1);
	});

	it('takes no lookalike for a context', async () => {
		const { isolate } = guest();
		const script = isolate.compileScriptSync('1');
		const lookalike = Object.create(Context.prototype);
		assert.throws(() => script.runSync(lookalike), TypeError);
		await assert.rejects(script.run(lookalike), TypeError);
	});
});
