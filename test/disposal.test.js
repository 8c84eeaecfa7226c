'use strict';

/**
 * Letting go by `using`, why an isolate ended, and garbage collection on request. How isolates end is in dispose.test.js.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, inBothForms, islet, rejection, rejects, throws, until } = require('./helpers');

const { Context, ExternalCopy, Isolate, NativeModule, Reference, Script } = islet;
const { dispose } = Symbol;

describe('using', () => {
	for (const Class of [Isolate, Context, Script, Reference, ExternalCopy]) {
		it(`${Class.name} has Symbol.dispose, not enumerable, which checks its this`, () => {
			const { value, enumerable } = Object.getOwnPropertyDescriptor(Class.prototype, dispose);
			assert.deepEqual([typeof value, enumerable], ['function', false]);
			throws(() => value.call({}), TypeError, /./);
			throws(() => value.call(undefined), TypeError, /./);
		});
	}

	it('ends an isolate, and does no harm to one that has ended', () => {
		const isolate = new Isolate();
		isolate[dispose]();
		assert.equal(isolate.isDisposed, true);
		assert.equal(isolate.disposeReason, 'disposed');
		isolate[dispose]();
		const other = new Isolate();
		other.dispose();
		other[dispose]();
		throws(() => other.dispose(), Error, 'Isolate is already disposed', 'ERR_ISOLATE_DISPOSED');
	});

	it('releases a context, a script, references and copies, once', () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		const reference = context.evalSync('({})', { reference: true });
		const here = new Reference({});
		const copy = new ExternalCopy([1]);
		for (const handle of [script, reference, here, copy, context]) {
			handle[dispose]();
			handle[dispose]();
		}
		throws(() => script.runSync(context), Error, /released/, 'ERR_RELEASED');
		throws(() => reference.copySync(), Error, 'Reference has been released', 'ERR_RELEASED');
		throws(() => here.deref(), Error, 'Reference has been released', 'ERR_RELEASED');
		throws(() => copy.copy(), Error, 'Copy has been released', 'ERR_RELEASED');
		throws(() => context.evalSync('1'), Error, 'Context is released', 'ERR_RELEASED');
		assert.equal(isolate.referenceCount >= 0, true);
	});

	it('does no harm after release()', () => {
		const { isolate, context } = guest();
		for (const handle of [
			isolate.compileScriptSync('1'), context.evalSync('({})', { reference: true }), new Reference(1), new ExternalCopy(1), context,
		]) {
			handle.release();
			handle[dispose]();
		}
	});

	it('does no harm in an isolate that has ended', () => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		const reference = context.evalSync('({})', { reference: true });
		isolate.dispose();
		for (const handle of [script, reference, context, isolate]) {
			handle[dispose]();
		}
	});
});

describe('isolate.disposeReason', () => {
	it('is undefined while the isolate works', () => {
		assert.equal(new Isolate().disposeReason, undefined);
	});

	it('is "disposed" after dispose(), whoever waits', async () => {
		const { isolate, context } = guest();
		const running = context.eval('for (;;);');
		isolate.dispose();
		assert.equal(isolate.disposeReason, 'disposed');
		await rejection(running);
		assert.equal(isolate.disposeReason, 'disposed');
	});

	it('is "memory" after the memory limit', () => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		throws(() => context.evalSync('const all = []; for (;;) all.push(new Array(1000).fill({}))'), Error, /memory limit/, 'ERR_MEMORY_LIMIT');
		assert.equal(isolate.isDisposed, true);
		assert.equal(isolate.disposeReason, 'memory');
	});

	it('is "memory" where V8 could not unwind, "timeout" for a guest that did not stop, "fatal" after an abort of V8', async () => {
		const [reasons] = await child(`
			const reason = (code, options, memoryLimit = 32) => {
				const { isolate, context } = guest({ memoryLimit });
				try { context.evalSync(code, options); } catch {}
				return isolate.disposeReason;
			};
			report([
				reason('new Array(1e8).fill(0)'),
				reason('[].indexOf.call({ length: 2 ** 53 - 1 }, 1)', { timeout: 20 }),
				// The string fits, its characters in an array are more than V8 can think of.
				reason("'x'.repeat(2 ** 28).split('')", {}, 1024),
			]);
		`);
		assert.deepEqual(reasons, ['memory', 'timeout', process.env.ISLET_ABORT_FOR_REAL ? reasons[2] : 'fatal']);
	});

	it('is undefined after a timeout that the isolate survived', () => {
		const { isolate, context } = guest();
		throws(() => context.evalSync('for (;;);', { timeout: 10 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		assert.equal(isolate.disposeReason, undefined);
	});
});

describe('isolate.collectGarbage', () => {
	inBothForms('collects what nothing refers to', 'collectGarbage', async call => {
		const { isolate, context } = guest();
		context.evalSync('globalThis.weak = new WeakRef({}); globalThis.big = new Array(1e6).fill(1.5)');
		const before = isolate.getHeapStatisticsSync().used_heap_size;
		context.evalSync('delete globalThis.big');
		assert.equal(await call(isolate), undefined);
		assert.equal(context.evalSync('weak.deref() === undefined'), true);
		assert.ok(before - isolate.getHeapStatisticsSync().used_heap_size > 7e6);
	});

	it('runs callbacks of finalisation registries', async () => {
		const { isolate, context } = guest();
		context.evalSync('seen = []; registry = new FinalizationRegistry(held => seen.push(held)); registry.register({}, "held"); 0');
		await isolate.collectGarbage();
		await until(() => context.evalSync('seen[0] === "held"'));
	});

	it('lets go of host functions that the guest has dropped', async () => {
		const [collected] = await child(`
			const { isolate, context, jail } = guest();
			const weak = (() => {
				const made = () => {};
				jail.setSync('fn', made);
				return new WeakRef(made);
			})();
			context.evalSync('delete globalThis.fn');
			(async () => {
				await until(async () => {
					await isolate.collectGarbage();
					await sleep(0);
					gc();
					return weak.deref() === undefined;
				});
				report(true);
			})();
		`, { args: ['--expose-gc'] });
		assert.equal(collected, true);
	});

	it('fails in an isolate that has ended', async () => {
		const isolate = new Isolate();
		isolate.dispose();
		throws(() => isolate.collectGarbageSync(), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		await rejects(isolate.collectGarbage(), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
	});
});

describe('NativeModule', () => {
	it('says that addons can\'t be loaded, and what to do instead', () => {
		const error = throws(() => new NativeModule('/addon.node'), TypeError, /^The addon '\/addon\.node' can't be loaded/, 'ERR_NOT_SUPPORTED');
		assert.match(error.message, /WebAssembly/);
		assert.match(error.message, /Callback/);
	});

	it('checks its argument as isolated-vm does', () => {
		throws(() => new NativeModule(), TypeError, '`NativeModule` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		throws(() => new NativeModule(1), TypeError, '`NativeModule` requires parameter 1 to be a string', 'ERR_INVALID_ARG_TYPE');
	});

	it('has isolated-vm\'s methods, and no instance to call them on', async () => {
		throws(() => NativeModule.prototype.createSync.call({}), TypeError, 'Illegal invocation', 'ERR_INVALID_THIS');
		await rejects(NativeModule.prototype.create.call({}), TypeError, 'Illegal invocation', 'ERR_INVALID_THIS');
	});
});
