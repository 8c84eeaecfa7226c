'use strict';

/**
 * The library inside guests: what a guest that was given `ivm` can do with it. The same operations from outside and inside
 * are compared by test/differential.test.js; here is what is so only inside.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Callback, ExternalCopy, Isolate, Reference } = require('..');
const ivm = require('..');
const { child, guest, rejects, throws, times, until } = require('./helpers');

/** A guest that has the library, itself, and its context. */
function inside(options) {
	const made = guest(options);
	made.jail.setSync('ivm', ivm);
	made.jail.setSync('isolate', made.isolate);
	made.jail.setSync('context', made.context);
	made.run = (code, more) => made.context.evalSync(code, more);
	return made;
}

describe('the library inside a guest', () => {
	it('has the classes of the library outside', () => {
		const { run } = inside();
		assert.deepEqual(run('Object.keys(ivm).sort()', { copy: true }), Object.keys(ivm).filter(name => name in ivm &&
			run(`name => name in ivm`)(name)).sort());
		assert.equal(run('new ivm.Isolate() instanceof ivm.Isolate'), true);
	});

	it('comes home as the library', () => {
		const { run, jail } = inside();
		assert.equal(run('ivm'), ivm);
		assert.equal(run('({ ivm })', { copy: true }).ivm, ivm);
		assert.equal(jail.getSync('ivm'), ivm);
	});

	it('goes on into guests of guests, at any depth', () => {
		const { run } = inside();
		run(`
			globalThis.nest = depth => {
				const context = new ivm.Isolate({ memoryLimit: 16 }).createContextSync();
				context.global.setSync('ivm', ivm);
				return depth === 0 ? context.evalSync('6 * 7') :
					context.evalClosureSync('globalThis.nest = eval("(" + $0 + ")"); return nest($1)', [nest.toString(), depth - 1]);
			};
		`);
		assert.equal(run('nest(4)'), 42);
	});

	it('gives one set of classes to a context, however often it arrives', () => {
		const { run, jail, isolate } = inside();
		jail.setSync('again', ivm);
		assert.equal(run('again === ivm'), true);
		const other = isolate.createContextSync();
		other.global.setSync('ivm', ivm);
		assert.equal(other.evalSync('new ivm.Reference(1) instanceof ivm.Reference'), true);
		assert.equal(other.evalSync('try { new ivm.Reference() } catch (error) { error instanceof TypeError }'), true);
	});

	it('makes instances only by its own constructors', () => {
		const { run, jail } = inside();
		jail.setSync('r', new Reference({ secret: 1 }));
		for (const code of [
			'new ivm.Context()', 'new ivm.Script()', 'new ivm.Context(0, 1)', 'Reflect.construct(ivm.Context, [Symbol("make"), 0])',
			'new (Object.getPrototypeOf(ivm.Reference))(0, 0)',
			'new (Object.getPrototypeOf(Object.getPrototypeOf(ivm.Reference)))(0, 0, 3)',
			'Reflect.construct(Object.getPrototypeOf(Object.getPrototypeOf(ivm.Reference)), [ivm, 0, 3], ivm.Reference)',
			'Object.getPrototypeOf(Object.getPrototypeOf(ivm.Reference)).call(r, ivm, 0, 3)',
			'new (r.derefInto().constructor)()',
			'ivm.Reference.prototype.getSync.call({}, "secret")',
			'ivm.Reference.prototype.getSync.call(Object.create(r), "secret")',
			'ivm.Reference.prototype.getSync.call(new Proxy(r, {}), "secret")',
		]) {
			throws(() => run(code), TypeError, /./);
		}
	});
});

describe('what a guest reaches by handles', () => {
	it('are own properties of a host value, and no inherited ones', () => {
		const { run, jail } = inside();
		jail.setSync('r', new Reference({ a: 1, f() { return 2; } }));
		assert.equal(run('r.getSync("a")'), 1);
		assert.equal(run('r.getSync("f").constructor === Function'), true);
		for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
			assert.equal(run(`r.getSync("${key}")`), undefined, key);
			assert.equal(run(`r.getSync("f", { reference: true }).getSync("${key}")`), undefined, key);
		}
	});

	it('are inherited ones too when the host says so', () => {
		const { run, jail } = inside();
		jail.setSync('r', new Reference(Object.create({ inherited: 7 }), { unsafeInherit: true }));
		jail.setSync('plain', new Reference(Object.create({ inherited: 7 })));
		assert.equal(run('r.getSync("inherited")'), 7);
		assert.equal(run('plain.getSync("inherited")'), undefined);
		assert.equal(run('new ivm.Reference(Object.create({ a: 3 }), { unsafeInherit: true }).getSync("a")'), 3);
		assert.equal(run('new ivm.Reference(Object.create({ a: 3 })).getSync("a")'), undefined);
	});

	it('are not the realm of the host', () => {
		const { run, jail } = inside();
		const seen = [];
		jail.setSync('r', new Reference(function f(...values) {
			seen.push(values);
			throw new RangeError('no');
		}));
		assert.equal(run(`
			const ways = [];
			try { r.applySync(undefined, [1]) } catch (error) {
				ways.push(error.constructor === RangeError, error.constructor.constructor === Function,
					error.constructor.constructor('return typeof process')());
			}
			ways.push(r.constructor.constructor === Function, r.applySync.constructor('return typeof process')());
			ways.join()
		`), 'true,true,undefined,true,undefined');
		assert.deepEqual(seen, [[1]]);
	});

	it('stay what they were when the guest replaces builtins before it uses them', () => {
		const { run, jail } = inside();
		jail.setSync('r', new Reference({ a: 1 }));
		jail.setSync('secret', new Reference({ hidden: 'token' }));
		// The guest's start-up code keeps a handle to itself; code that comes later wants it.
		const found = run(`(() => {
			const hidden = secret;
			delete globalThis.secret;
			const caught = [];
			let count = 0;
			const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
			const note = value => { defineProperty(caught, count++, { __proto__: null, value, configurable: true }); };
			for (const Class of [Array, Object, Function, Map, Set, WeakMap, String, Symbol, Number, Promise, ArrayBuffer]) {
				for (const key of ownKeys(Class.prototype)) {
					const { value } = getOwnPropertyDescriptor(Class.prototype, key);
					if (typeof value === 'function' && key !== 'constructor') {
						defineProperty(Class.prototype, key, {
							__proto__: null, configurable: true, writable: true,
							value(...values) {
								note(this);
								for (let i = 0; i < values.length; ++i) note(values[i]);
								return apply(value, this, values);
							},
						});
					}
				}
			}
			const keys = ['0', '1', '2', 'get', 'set', 'value', 'copy', 'timeout', 'code', 'id', 'host', 'type', 'exports', 'accessors', 'make'];
			for (let i = 0; i < keys.length; ++i) {
				defineProperty(Object.prototype, keys[i], {
					__proto__: null, configurable: true, set(value) { note(value); }, get() { note(this); return undefined; },
				});
			}
			count = 0;
			let result = hidden.getSync('hidden');
			hidden.setSync('n', 1);
			result += new ivm.Isolate().createContextSync().evalSync('1');
			result += hidden.applySync === undefined;
			try { hidden.applySync(undefined, [1, 2]); } catch {}
			let leaked = 0;
			for (let i = 0; i < count; ++i) leaked += caught[i] === hidden;
			return result + ':' + leaked;
		})()`);
		assert.equal(found, 'token1false:0');
	});

	it('end with release, for whoever names the same place later', () => {
		const { run, jail } = inside();
		jail.setSync('a', new Reference({ which: 'a' }));
		run('a.release()');
		jail.setSync('b', new Reference({ which: 'b' }));
		assert.equal(run('b.getSync("which")'), 'b');
		throws(() => run('a.getSync("which")'), Error, 'Reference has been released', 'ERR_RELEASED');
		throws(() => run('a'), Error, 'Reference has been released', 'ERR_RELEASED');
		throws(() => run('({ a })', { copy: true }), Error, 'Reference has been released', 'ERR_RELEASED');
	});

	it('are let go of when the guest forgets them', async () => {
		const [counts] = await child(`
			const { isolate, context, jail } = guest();
			const target = guest();
			context.evalSync('globalThis.kept = undefined');
			for (let i = 0; i < 200; ++i) {
				jail.setSync('r', target.jail);
				context.evalSync('r.getSync("Array"); r = undefined');
			}
			const before = target.isolate.referenceCount;
			await until(() => {
				isolate.collectGarbageSync();
				gc();
				target.context.evalSync('0');
				return target.isolate.referenceCount < 10;
			});
			report([before > 10, target.isolate.referenceCount < 10]);
		`.replace(/^/, '(async () => {').replace(/$/, '})()'), { args: ['--expose-gc'] });
		assert.deepEqual(counts, [true, true]);
	});
});

describe('a guest and its own isolate', () => {
	it('runs code on itself, catches the timeout, and goes on', () => {
		const { run } = inside();
		assert.equal(run(`
			const script = isolate.compileScriptSync('for (;;);');
			let caught;
			try { script.runSync(context, { timeout: 20 }); } catch (error) { caught = error.message + error.code; }
			caught + context.evalSync('1 + 1')
		`), 'Script execution timed out.ERR_TIMEOUT2');
	});

	it('can not run longer by it than it may', () => {
		const { run } = inside();
		for (const code of [
			'context.evalSync("for (;;);")',
			'context.evalSync("for (;;);", { timeout: 60000 })',
			'for (;;) { try { context.evalSync("for (;;);", { timeout: 5 }) } catch {} }',
			'new ivm.Isolate().createContextSync().evalSync("for (;;);")',
			'for (;;) { try { new ivm.Isolate({ memoryLimit: 8 }).createContextSync().evalSync("for (;;);", { timeout: 5 }) } catch {} }',
			'{ const c = new ivm.Isolate().createContextSync(); c.global.setSync("f", () => { for (;;); }); c.evalSync("f()") }',
			'{ const c = new ivm.Isolate().createContextSync(); c.evalSync("() => { for (;;); }")() }',
			'new ivm.Reference(() => { for (;;); }).applySync()',
		]) {
			throws(() => run(code, { timeout: 60 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		}
		assert.equal(run('1 + 1'), 2);
	});

	it('can not leave work behind that runs without a limit', async () => {
		const { run, context, isolate } = inside();
		assert.equal(run('context.evalIgnored("for (;;);"); 1', { timeout: 50 }), 1);
		run('context.eval("for (;;);").catch(error => { globalThis.caught = error.message; }); 1', { timeout: 50 });
		await until(() => context.eval('globalThis.caught === "Script execution timed out."'));
		assert.equal(isolate.isDisposed, false);
	});

	it('reads its own figures', () => {
		const { run } = inside();
		assert.equal(run('isolate.cpuTime > 0n && isolate.wallTime > 0n && isolate.getHeapStatisticsSync().used_heap_size > 1000'), true);
		assert.equal(run('isolate.isDisposed'), false);
	});

	it('ends itself', () => {
		const { run, isolate } = inside();
		throws(() => run('isolate.dispose(); 1'), Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED');
		assert.equal(isolate.isDisposed, true);
	});

	it('is not kept alive by what the guest holds of itself', async () => {
		const [ended] = await child(`
			(async () => {
				// A guest lets go of a function of the host only when its isolate ends, for it is a global there.
				const make = () => {
					const { isolate, context, jail } = guest();
					const held = () => {};
					jail.setSync('ivm', islet);
					jail.setSync('isolate', isolate);
					jail.setSync('context', context);
					jail.setSync('global', jail);
					jail.setSync('held', held);
					context.evalSync(\`
						globalThis.all = [new ivm.Reference({}), new ivm.Callback(() => {}), isolate.compileScriptSync('1'), isolate.createContextSync(),
							new ivm.Reference({}).derefInto(), context.global, new ivm.Callback(() => {}, { async: true })];
					\`);
					return new WeakRef(held);
				};
				const made = Array.from({ length: 20 }, make);
				await until(() => { gc(); return made.every(each => each.deref() === undefined); });
				report(true);
			})();
		`, { args: ['--expose-gc'], deadline: 20_000 });
		assert.equal(ended, true);
	});
});

describe('isolates of guests', () => {
	it('may use no more memory than their maker', () => {
		const { run } = inside({ memoryLimit: 24 });
		assert.equal(run('new ivm.Isolate({ memoryLimit: 1000 }).getHeapStatisticsSync().heap_size_limit'), 24 * 1024 * 1024);
		throws(() => run(`
			const context = new ivm.Isolate({ memoryLimit: 1000 }).createContextSync();
			context.evalSync('globalThis.all = []; for (let i = 0; i < 1000; ++i) all.push(new Uint8Array(1 << 20));');
		`), RangeError, 'Array buffer allocation failed');
		assert.equal(run('1 + 1'), 2);
	});

	it('use the memory of their maker together', () => {
		const { run, isolate } = inside({ memoryLimit: 32 });
		const made = run(`
			globalThis.contexts = [];
			try {
				for (;;) {
					const context = new ivm.Isolate({ memoryLimit: 32 }).createContextSync();
					context.evalSync('globalThis.data = new Uint8Array(4 << 20)');
					contexts.push(context);
				}
			} catch (error) {
				contexts.length + error.code;
			}
		`);
		assert.match(made, /^[1-7]ERR_MEMORY_LIMIT$/);
		assert.equal(isolate.isDisposed, false);
		// And give it back.
		assert.equal(run(`
			for (const context of contexts) context.release();
			contexts = undefined;
			'released'
		`), 'released');
	});

	it('end without their maker noticing', () => {
		const { run } = inside();
		throws(() => run(`
			const context = new ivm.Isolate({ memoryLimit: 8 }).createContextSync();
			context.evalSync('const all = []; for (;;) all.push(new Array(1000).fill(0));');
		`), Error, 'Isolate was disposed during execution due to memory limit', 'ERR_MEMORY_LIMIT');
		assert.equal(run('1 + 1'), 2);
	});

	it('tell the guest that made them of fatal errors', async () => {
		const { run, context } = inside();
		run(`
			globalThis.told = [];
			const made = new ivm.Isolate({ memoryLimit: 64, onCatastrophicError: message => { told.push(message); } }).createContextSync();
			try { made.evalSync("'x'.repeat(2 ** 28).split('')"); } catch (error) { told.push(error.code); }
		`);
		await until(() => context.eval('told.length === 2'));
		assert.match(run('told.sort().join("|")'), /^ERR_(ENGINE_FATAL|MEMORY_LIMIT)\|Isolate was disposed during execution/);
	});

	it('pass into other guests and to the host, where they go on', () => {
		const { run } = inside();
		const made = run('globalThis.made = new ivm.Isolate(); made');
		assert.ok(made instanceof Isolate);
		const context = made.createContextSync();
		assert.equal(context.evalSync('1 + 2'), 3);
		assert.equal(run('const c = made.createContextSync(); c.evalSync("globalThis.x = 5; x")'), 5);
		made.dispose();
		assert.equal(run('made.isDisposed'), true);
	});

	it('that were forgotten make room for others, as those that were disposed of do', async () => {
		const { context, jail } = guest({ memoryLimit: 32 });
		jail.setSync('ivm', ivm);
		for (const code of [
			'new ivm.Isolate({ memoryLimit: 8 }).createContextSync()',
			'{ const isolate = new ivm.Isolate({ memoryLimit: 8 }); kept.push(isolate, isolate.createContextSync()); isolate.dispose(); }',
		]) {
			assert.equal(context.evalSync(`globalThis.kept = []; let n = 0; for (; n < ${times(200)}; ++n) ${code}; n`.replace('let n', 'var n')), times(200));
			assert.equal(await context.eval(`kept = []; for (n = 0; n < ${times(200)}; ++n) ${code}; n`), times(200));
		}
	});

	it('end when nothing refers to them', async () => {
		const { run, isolate } = inside();
		run('globalThis.weak = []; for (let i = 0; i < 20; ++i) weak.push(new WeakRef(new ivm.Isolate({ memoryLimit: 8 })));');
		await until(async () => {
			await isolate.collectGarbage();
			return isolate.isDisposed || run('weak.every(each => each.deref() === undefined)');
		});
		assert.equal(isolate.isDisposed, false);
	});
});

describe('waiting', () => {
	it('host on A, whose callback calls B, whose callback calls A', () => {
		const a = inside();
		const b = inside();
		b.jail.setSync('callA', () => a.run('globalThis.count = (globalThis.count ?? 0) + 1'));
		a.jail.setSync('callB', () => b.run('callA() + 10'));
		assert.equal(a.run('callB() + 100'), 111);
	});

	it('a guest on a guest whose callback calls the first', () => {
		const { run } = inside();
		assert.equal(run(`
			const other = new ivm.Isolate().createContextSync();
			let inner = 0;
			other.global.setSync('back', n => { inner = n; return context.evalSync('40') + n; });
			other.evalSync('back(2)') + inner
		`), 44);
	});

	it('a guest on a promise of the host that waits for it is refused, and the function is not called', () => {
		const { run, jail } = inside();
		let called = 0;
		jail.setSync('r', new Reference(async () => ++called));
		throws(() => run('r.applySyncPromise()'), Error, 'This function may not be called from the default thread', 'ERR_WRONG_THREAD');
		assert.equal(called, 0);
	});

	it('a guest on a promise of the host, in an async call', async () => {
		const { context, jail } = inside();
		jail.setSync('r', new Reference(async n => {
			await null;
			if (n < 0) {
				throw new RangeError('below');
			}
			return n * 2;
		}));
		assert.equal(await context.eval('r.applySyncPromise(undefined, [4]) + 1'), 9);
		await rejects(context.eval('r.applySyncPromise(undefined, [-1])'), RangeError, 'below');
		assert.equal(await context.eval('let e; try { r.applySyncPromise(undefined, [-1]) } catch (error) { e = error.constructor === RangeError } e'), true);
	});

	it('dispose of an isolate from its own callback', () => {
		const { run, jail, isolate } = inside();
		jail.setSync('end', () => isolate.dispose());
		throws(() => run('end(); 1'), Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED');
	});

	it('two workers and one guest, each waiting on the other', async () => {
		const results = await child(`
			const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
			// Handles don't cross between workers but through guests; here each worker has a guest of its own, and both call
			// a function of the main thread's, while that waits for its guest.
			const worker = new Worker(\`
				const { Isolate } = require(\${JSON.stringify(ROOT)});
				const { parentPort } = require('node:worker_threads');
				const context = new Isolate().createContextSync();
				let count = 0;
				context.global.setSync('f', n => n + 1);
				for (let i = 0; i < 200; ++i) count = context.evalSync('f(' + count + ')');
				parentPort.postMessage(count);
			\`, { eval: true });
			const { context, jail } = guest();
			jail.setSync('f', n => n + 1);
			let count = 0;
			for (let i = 0; i < 200; ++i) count = context.evalSync('f(' + count + ')');
			worker.on('message', other => { report([count, other]); });
		`);
		assert.deepEqual(results, [[200, 200]]);
	});

	it('many nested guests disposed of while they wait for each other, hundreds of times', async () => {
		const [done] = await child(`
			(async () => {
				const count = times(150);
				let settled = 0;
				for (let i = 0; i < count; ++i) {
					const { isolate, context, jail } = guest({ memoryLimit: 32 });
					jail.setSync('ivm', islet);
					let inner;
					jail.setSync('give', made => { inner = made; });
					const call = context.eval(\`
						const inner = new ivm.Isolate({ memoryLimit: 8 });
						give(inner);
						const c = inner.createContextSync();
						c.global.setSync('back', n => n < 50 ? c.evalSync('back(' + (n + 1) + ')') : 1);
						for (;;) c.evalSync('back(0)');
					\`);
					await until(() => inner !== undefined);
					if (i % 3) await new Promise(resolve => setTimeout(resolve, i % 5));
					const [first, second] = i % 2 ? [inner, isolate] : [isolate, inner];
					first.dispose();
					if (i % 4 === 0 && !second.isDisposed) second.dispose();
					await call.catch(() => {});
					++settled;
					if (!isolate.isDisposed) isolate.dispose();
				}
				report(settled === count);
			})();
		`, { deadline: 60_000 });
		assert.equal(done, true);
	});
});

describe('callbacks and copies made inside', () => {
	it('callbacks are functions elsewhere, and wait as they say', async () => {
		const { run } = inside();
		const sync = run('new ivm.Callback(x => x + 1)');
		assert.equal(sync(1), 2);
		const asynchronous = run('new ivm.Callback(async x => x + 1, { async: true })');
		assert.equal(await asynchronous(1), 2);
		const ignored = run('globalThis.seen = 0; new ivm.Callback(x => { seen = x; }, { ignored: true })');
		assert.equal(ignored(3), undefined);
		await until(() => run('seen') === 3);
		assert.equal(run(`
			const c = new ivm.Isolate().createContextSync();
			c.global.setSync('f', new ivm.Callback(x => [x, x], { sync: true }));
			c.evalSync('f(2).length')
		`), 2);
	});

	it('external copies cross without what they hold', () => {
		const { run } = inside();
		const copy = run('new ivm.ExternalCopy({ a: [1, 2, { b: new Date(0) }], bytes: new Uint8Array(3) })');
		assert.ok(copy instanceof ExternalCopy);
		assert.deepEqual(copy.copy(), { a: [1, 2, { b: new Date(0) }], bytes: new Uint8Array(3) });
		assert.equal(run('new ivm.ExternalCopy(new Uint8Array([1, 2, 3])).copy()[1]'), 2);
	});

	it('memory of array buffers moves where that is asked for', () => {
		const { run } = inside();
		assert.equal(run(`
			const buffer = new Uint8Array([1, 2, 3]).buffer;
			const copy = new ivm.ExternalCopy(buffer, { transferOut: true });
			[buffer.byteLength, copy.copy().byteLength, copy.copy({ transferIn: true }).byteLength].join()
		`), '0,3,3');
		throws(() => run('new ivm.ExternalCopy({}, { transferList: [1] })'), TypeError, 'Non-ArrayBuffer passed in `transferList`');
		assert.equal(run(`
			const moved = new ArrayBuffer(8);
			const taken = new ivm.ExternalCopy({ moved, n: 1 }, { transferList: [moved] });
			moved.byteLength + ":" + taken.copy().moved.byteLength
		`), '0:8');
	});

	it('derefInto releases at once when it is to', () => {
		const { run, jail } = inside();
		jail.setSync('theirs', new Reference({}));
		const seen = run(`[new ivm.Reference({ a: 1 }), theirs].map(reference => {
			reference.derefInto({ release: true });
			try { return reference.typeof } catch (error) { return error.message }
		})`, { copy: true });
		assert.deepEqual(seen, ['Reference has been released', 'Reference has been released']);
	});

	it('what only pretends to be an array buffer can not be transferred', () => {
		const { run } = inside();
		for (const no of ['{ __proto__: ArrayBuffer.prototype }', 'new SharedArrayBuffer(8)', 'new Proxy(new ArrayBuffer(1), {})']) {
			throws(() => run(`new ivm.ExternalCopy({}, { transferList: [${no}] })`), TypeError, 'Non-ArrayBuffer passed in `transferList`');
		}
	});

	it('callbacks of the host stay functions, in all modes', async () => {
		const { context, jail } = inside();
		jail.setSync('a', new Callback(async n => n * 2, { async: true }));
		assert.equal(await context.eval(`
			const c = new ivm.Isolate().createContextSync();
			c.global.setSync('a', a);
			c.eval('a(21)', { promise: true })
		`, { promise: true }), 42);
	});
});
