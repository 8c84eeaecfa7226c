'use strict';

/** The library inside a guest: what it is given, what it makes, and what comes home. */

module.exports = {
	'the library arrives': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		attempt('set', () => jail.setSync('ivm', ivm));
		attempt('type', () => context.evalSync('typeof ivm'));
		for (const name of ['Isolate', 'Context', 'Script', 'Reference', 'ExternalCopy', 'Callback', 'NativeModule']) {
			attempt(name, () => context.evalSync(`typeof ivm.${name} + " " + ivm.${name}.name`));
		}
		attempt('instance', () => context.evalSync('new ivm.Reference(1) instanceof ivm.Reference'));
		attempt('prototype', () => context.evalSync('Object.getPrototypeOf(new ivm.ExternalCopy(1)) === ivm.ExternalCopy.prototype'));
	},
	'the library by other ways': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		attempt('argument', () => context.evalClosureSync('return typeof $0.Isolate', [ivm]));
		attempt('within a copy', () => jail.setSync('o', { ivm }, { copy: true }));
		attempt('seen', () => context.evalSync('typeof o.ivm.Reference'));
		jail.setSync('give', () => ivm);
		attempt('result of a callback', () => context.evalSync('typeof give().Isolate'));
		attempt('by reference', () => { jail.setSync('r', new ivm.Reference(ivm)); return context.evalSync('r.typeof'); });
		attempt('comes back', () => { jail.setSync('ivm', ivm); return jail.getSync('ivm') === ivm; });
	},
	'the library in two contexts of an isolate': async ({ ivm, guest, attempt }) => {
		const { isolate, context, jail } = guest();
		const other = isolate.createContextSync();
		jail.setSync('ivm', ivm);
		other.global.setSync('ivm', ivm);
		attempt('one', () => context.evalSync('new ivm.ExternalCopy({ a: 1 }).copy().a'));
		attempt('other', () => other.evalSync('new ivm.ExternalCopy({ a: 2 }).copy() instanceof Object'));
		attempt('error class', () => other.evalSync('try { new ivm.ExternalCopy } catch (error) { error instanceof TypeError }'));
	},
	'instances that arrive are of its classes': async ({ ivm, guest, attempt }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('r', new ivm.Reference({}));
		jail.setSync('i', isolate);
		jail.setSync('c', context);
		jail.setSync('s', isolate.compileScriptSync('1'));
		jail.setSync('e', new ivm.ExternalCopy(1));
		for (const [name, Class] of [['r', 'Reference'], ['i', 'Isolate'], ['c', 'Context'], ['s', 'Script'], ['e', 'ExternalCopy']]) {
			attempt(Class, () => context.evalSync(`${name} instanceof ivm.${Class} && Object.getPrototypeOf(${name}) === ivm.${Class}.prototype`));
		}
	},
	'instances arrive without the library too': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('r', new ivm.Reference({ a: 1 }));
		attempt('typeof', () => context.evalSync('r.typeof'));
		attempt('members', () => context.evalSync('typeof r.applySync + typeof r.copySync + r.constructor.name'));
		attempt('a way to the classes', () => context.evalSync('typeof r.constructor'));
		attempt('new by it', () => context.evalSync('new r.constructor({}).typeof'));
	},
	'a reference to a host function: applySync': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Reference((...values) => { log(values); return values.length; }));
		attempt('call', () => context.evalSync('f.applySync(undefined, [1, "a", null])'));
		attempt('none', () => context.evalSync('f.applySync()'));
		attempt('object', () => context.evalSync('f.applySync(undefined, [{ a: 1 }])'));
		attempt('copied', () => context.evalSync('f.applySync(undefined, [{ a: [1] }], { arguments: { copy: true } })'));
		attempt('reference', () => context.evalSync('f.applySync(undefined, [{ a: [1] }], { arguments: { reference: true } })'));
	},
	'a reference to a host function: results': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Reference(() => ({ a: [1, 2] })));
		attempt('none', () => context.evalSync('f.applySync()'));
		attempt('none, typeof', () => context.evalSync('f.applySync().typeof'));
		attempt('copy', () => context.evalSync('f.applySync(undefined, [], { result: { copy: true } }).a.length'));
		attempt('copy is of the guest', () => context.evalSync('f.applySync(undefined, [], { result: { copy: true } }) instanceof Object'));
		attempt('externalCopy', () => context.evalSync('f.applySync(undefined, [], { result: { externalCopy: true } }).copy().a[1]'));
		attempt('reference', () => context.evalSync('f.applySync(undefined, [], { result: { reference: true } }).getSync("a").getSync("length")'));
		attempt('reference copied', () => context.evalSync('f.applySync().copySync().a.length'));
	},
	'a reference to a host function: apply': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Reference((a, b) => a + b));
		jail.setSync('o', new ivm.Reference(() => ({ a: 1 })));
		jail.setSync('fail', new ivm.Reference(() => { throw new RangeError('by the host'); }));
		await settle('value', () => context.eval('f.apply(undefined, [1, 2])', { promise: true }));
		await settle('copy', () => context.eval('o.apply(undefined, [], { result: { copy: true } }).then(o => o.a)', { promise: true }));
		await settle('throws', () => context.eval('fail.apply().catch(error => error.constructor.name + error.message + (error instanceof RangeError))', { promise: true }));
		await settle('uncaught', () => context.eval('fail.apply()', { promise: true }));
	},
	'a reference to a host function: applyIgnored': async ({ ivm, guest, attempt, until, log }) => {
		const { context, jail } = guest();
		const seen = [];
		jail.setSync('f', new ivm.Reference((...values) => { seen.push(values); throw new Error('lost'); }));
		attempt('call', () => context.evalSync('f.applyIgnored(undefined, [1, "a"])'));
		attempt('copy', () => context.evalSync('f.applyIgnored(undefined, [{ a: 1 }], { arguments: { copy: true } })'));
		await until(() => seen.length === 2);
		log(seen);
	},
	'a reference to a host function: applySyncPromise': async ({ ivm, guest, settle, sleep }) => {
		const { context, jail } = guest();
		jail.setSync('read', new ivm.Reference(async name => { await sleep(5); return `contents of ${name}`; }));
		jail.setSync('fail', new ivm.Reference(async () => { await sleep(1); throw new RangeError('no file'); }));
		jail.setSync('plain', new ivm.Reference(value => value));
		jail.setSync('object', new ivm.Reference(async () => ({ a: [1, 2] })));
		await settle('read', () => context.eval('read.applySyncPromise(undefined, ["a"])'));
		await settle('two', () => context.eval('read.applySyncPromise(undefined, ["a"]) + read.applySyncPromise(undefined, ["b"])'));
		await settle('fail', () => context.eval('fail.applySyncPromise(undefined, [])'));
		await settle('caught', () => context.eval('try { fail.applySyncPromise(undefined, []) } catch (error) { error.constructor.name + error.message }'));
		await settle('plain', () => context.eval('plain.applySyncPromise(undefined, [5])'));
		await settle('copy', () => context.eval('object.applySyncPromise(undefined, [], { result: { copy: true } }).a.length'));
		await settle('none', () => context.eval('object.applySyncPromise(undefined, [])'));
		await settle('arguments', () => context.eval('plain.applySyncPromise(undefined, [{ a: 1 }], { arguments: { copy: true }, result: { copy: true } }).a'));
	},
	'applySyncPromise in a sync call': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('read', new ivm.Reference(async () => 1));
		attempt('evalSync', () => context.evalSync('read.applySyncPromise()'));
	},
	'applySyncPromise of a function of the guest': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		await settle('own', () => context.eval('new ivm.Reference(() => 1).applySyncPromise()'));
	},
	'a module bridge by applySyncPromise': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		const files = { './a': 'exports.name = "a" + require("./b").name', './b': 'exports.name = "b"' };
		jail.setSync('load', new ivm.Reference(async path => files[path]));
		await settle('require', () => context.eval(`
			const cache = {};
			function require(path) {
				if (!(path in cache)) {
					const exports = cache[path] = {};
					new Function('exports', 'require', load.applySyncPromise(undefined, [path]))(exports, require);
				}
				return cache[path];
			}
			require('./a').name
		`));
	},
	'the classic bootstrap': async ({ ivm, guest, attempt, log }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('global', jail.derefInto());
		jail.setSync('_ivm', ivm);
		jail.setSync('_log', new ivm.Reference((...values) => log('log:', ...values)));
		const bootstrap = isolate.compileScriptSync('new ' + function () {
			const ivm = global._ivm;
			delete global._ivm;
			const log = global._log;
			delete global._log;
			global.log = (...values) => {
				log.applyIgnored(undefined, values.map(value => new ivm.ExternalCopy(value).copyInto()));
			};
			return new ivm.Reference(function forward(main, ...values) {
				return typeof global[main] === 'function' ? global[main](...values) : 'absent';
			});
		});
		const forward = attempt('bootstrap', () => bootstrap.runSync(context));
		context.evalSync('log({ a: [1, 2] }, "text"); undefined');
		await new Promise(resolve => setTimeout(resolve, 10));
		context.evalSync('function main(a, b) { return a + b }');
		attempt('forward', () => forward.applySync(undefined, ['main', 1, 2]));
		attempt('absent', () => forward.applySync(undefined, ['other']));
		attempt('deleted', () => context.evalSync('typeof _ivm + typeof _log'));
	},
	'references made inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		const r = attempt('object', () => context.evalSync('globalThis.o = { a: 1, f(x) { return x * 2 } }; new ivm.Reference(o)'));
		attempt('get', () => r.getSync('a'));
		attempt('copy', () => context.evalSync('new ivm.Reference([1, 2])').copySync());
		attempt('apply', () => r.getSync('f', { reference: true }).applySync(undefined, [4]));
		attempt('derefInto', () => jail.setSync('same', r.derefInto()));
		attempt('same', () => context.evalSync('same === o'));
		attempt('deref', () => r.deref());
		attempt('deref inside', () => context.evalSync('new ivm.Reference(o).deref() === o'));
		attempt('back inside', () => { jail.setSync('r', r); return context.evalSync('r.deref() === o'); });
	},
	'references of the host inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const value = { a: 1, inner: { b: 2 }, f(x) { return x + 1; }, list: [1, 2, 3] };
		jail.setSync('r', new ivm.Reference(value));
		for (const code of ['r.typeof', 'r.getSync("a")', 'r.getSync("inner").typeof', 'r.getSync("inner", { copy: true }).b', 'r.getSync("list", { copy: true }).length',
			'r.getSync("f").constructor.name', 'r.getSync("f")(4)', 'r.getSync("f", { reference: true }).applySync(undefined, [4])', 'r.setSync("c", 5)', 'r.getSync("c")', 'r.deleteSync("a")', 'typeof r.getSync("a")',
			'typeof r.copySync', 'r.getSync("inner").copySync().b', 'r.getSync("toString")', 'r.getSync("__proto__")', 'r.getSync("constructor")', 'r.deref()',
			'r.derefInto().constructor.name']) {
			attempt(code, () => context.evalSync(code));
		}
		attempt('c', () => value.c);
	},
	'unsafeInherit inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		class Base { method() { return 'base'; } }
		jail.setSync('safe', new ivm.Reference(new Base()));
		jail.setSync('unsafe', new ivm.Reference(new Base(), { unsafeInherit: true }));
		attempt('safe', () => context.evalSync('typeof safe.getSync("method")'));
		attempt('unsafe', () => context.evalSync('typeof unsafe.getSync("method")'));
		attempt('called', () => context.evalSync('unsafe.getSync("method", { reference: true }).applySync()'));
		attempt('constructor', () => context.evalSync('unsafe.getSync("constructor", { reference: true }).typeof'));
	},
	'deref at home': async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		const value = { secret: 1 };
		jail.setSync('ivm', ivm);
		jail.setSync('r', new ivm.Reference(value));
		const back = context.evalSync('r');
		log(back.deref() === value);
		log(context.evalSync('new ivm.ExternalCopy({ r })').copy().r.deref() === value);
		jail.setSync('same', reference => reference.deref() === value);
		attempt('by a callback', () => context.evalSync('same(r)'));
		attempt('by a function', () => context.evalSync('() => r')().deref() === value);
	},
	'release inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const reference = new ivm.Reference({ a: 1 });
		jail.setSync('r', reference);
		attempt('release', () => context.evalSync('r.release()'));
		attempt('used', () => context.evalSync('r.getSync("a")'));
		attempt('outside', () => reference.getSync('a'));
	},
	'released outside, used inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const reference = new ivm.Reference({ a: 1 });
		jail.setSync('r', reference);
		reference.release();
		attempt('inside', () => context.evalSync('r.getSync("a")'));
	},
	'external copies inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('e', new ivm.ExternalCopy({ list: [1, 2], when: new Date(4) }));
		for (const code of ['e.copy().list.length', 'e.copy() instanceof Object', 'e.copy().when.getTime()', 'e.copyInto().constructor.name',
			'new ivm.ExternalCopy({ a: 1 }).copy().a', 'new ivm.ExternalCopy([1, 2])', 'new ivm.ExternalCopy(() => 1)', 'new ivm.ExternalCopy(Symbol())', 'e.release()', 'e.copy()',
			'typeof ivm.ExternalCopy.totalExternalSize']) {
			attempt(code, () => context.evalSync(code));
		}
		attempt('comes out', () => context.evalSync('new ivm.ExternalCopy({ a: [1] })').copy());
		attempt('copyInto comes out', () => context.evalSync('new ivm.ExternalCopy({ a: [1] }).copyInto()'));
		attempt('copyInto with release comes out', () => context.evalSync('new ivm.ExternalCopy({ a: [2] }).copyInto({ release: true })'));
		attempt('copyInto as argument', () => { jail.setSync('take', value => JSON.stringify(value)); return context.evalSync('take(new ivm.ExternalCopy({ a: [3] }).copyInto())'); });
		attempt('copyInto to a reference', () => { jail.setSync('ref', new ivm.Reference(value => JSON.stringify(value))); return context.evalSync('ref.applySync(undefined, [new ivm.ExternalCopy({ a: [4] }).copyInto()])'); });
	},
	'transfers inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('transferOut', () => context.evalSync('globalThis.b = new Uint8Array([1, 2, 3]).buffer; globalThis.e = new ivm.ExternalCopy(b, { transferOut: true }); b.byteLength'));
		attempt('copy', () => context.evalSync('new Uint8Array(e.copy())[2]'));
		attempt('out', () => context.evalSync('e').copy());
		attempt('transferIn', () => context.evalSync('e.copy({ transferIn: true }).byteLength'));
		attempt('used up', () => context.evalSync('e.copy()'));
	},
	'callbacks inside': async ({ ivm, guest, attempt, settle }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		const f = attempt('made', () => context.evalSync('new ivm.Callback((a, b) => a + b)'));
		attempt('called', () => f(1, 2));
		const later = attempt('async', () => context.evalSync('new ivm.Callback(value => value * 2, { async: true })'));
		await settle('called', () => later(4));
		const ignored = attempt('ignored', () => context.evalSync('globalThis.seen = 0; new ivm.Callback(value => { seen = value }, { ignored: true })'));
		attempt('called', () => ignored(9));
		await settle('seen', () => context.eval('seen'));
		attempt('wrong', () => context.evalSync('new ivm.Callback(1)'));
	},
	'dereferences that come out': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		const value = { mine: 1 };
		jail.setSync('ivm', ivm);
		jail.setSync('r', new ivm.Reference(value));
		attempt('same', () => context.evalSync('r.derefInto()') === value);
		jail.setSync('take', given => given === value);
		attempt('as argument', () => context.evalSync('take(r.derefInto())'));
		attempt('own', () => context.evalSync('new ivm.Reference({}).derefInto()'));
		log(context.evalSync('1'));
	},
	'its own isolate and context inside': async ({ ivm, guest, attempt, settle }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		jail.setSync('context', context);
		for (const code of ['context.evalSync("1 + 1")', 'context.evalSync("this === globalThis")', 'isolate.compileScriptSync("3").runSync(context)', 'typeof isolate.cpuTime', 'isolate.isDisposed',
			'isolate.getHeapStatisticsSync().used_heap_size > 0', 'isolate.createContextSync().evalSync("4")', 'context.global.getSync("isolate") === isolate', 'context.global.deref() === globalThis',
			'context.evalClosureSync("return $0", [5])']) {
			attempt(code, () => context.evalSync(code));
		}
		for (const code of ['context.eval("1 + 1")', 'isolate.compileScript("3").then(script => script.run(context))', 'isolate.createContext().then(c => c.eval("4"))']) {
			await settle(code, () => context.eval(code, { promise: true }));
		}
	},
	'a timeout of its own code, inside': async ({ guest, attempt, settle }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		jail.setSync('context', context);
		const code = `(() => {
			const script = isolate.compileScriptSync('for (;;);');
			let caught;
			try { script.runSync(context, { timeout: 20 }) } catch (error) { caught = error.message }
			return caught + ' and on';
		})()`;
		attempt('sync', () => context.evalSync(code));
		await settle('async', () => context.eval(code));
		attempt('afterwards', () => context.evalSync('1'));
	},
	'disposing its own isolate': async ({ guest, attempt, settle, log }) => {
		const one = guest();
		one.jail.setSync('isolate', one.isolate);
		attempt('sync', () => one.context.evalSync('isolate.dispose(); for (;;);'));
		log(one.isolate.isDisposed);
		const other = guest();
		other.jail.setSync('isolate', other.isolate);
		await settle('async', () => other.context.eval('isolate.dispose(); for (;;);'));
		const third = guest();
		third.jail.setSync('isolate', third.isolate);
		attempt('caught', () => third.context.evalSync('try { isolate.dispose(); for (;;); } catch { 1 }'));
	},
	'a host isolate used by a guest of another': async ({ guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('other', other.context);
		one.jail.setSync('otherIsolate', other.isolate);
		attempt('evalSync', () => one.context.evalSync('other.evalSync("1 + 1")'));
		attempt('set', () => one.context.evalSync('other.global.setSync("a", 5)'));
		attempt('seen', () => other.context.evalSync('a'));
		attempt('throws', () => one.context.evalSync('try { other.evalSync("throw new RangeError(\\"r\\")") } catch (error) { error instanceof RangeError && error.message }'));
		attempt('dispose', () => one.context.evalSync('otherIsolate.dispose()'));
		attempt('disposed', () => other.isolate.isDisposed);
	},
	'a guest waits for another guest, in an async call': async ({ guest, settle }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('other', other.context);
		await settle('eval', () => one.context.eval('other.eval("1 + 1")', { promise: true }));
		await settle('evalSync', () => one.context.eval('other.evalSync("1 + 1")'));
	},
	'errors of misuse inside are the guest\'s': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		for (const code of ['new ivm.Isolate({ memoryLimit: 1 })', 'new ivm.Reference()', 'new ivm.ExternalCopy()', 'ivm.Reference(1)', 'new ivm.Callback()', 'new ivm.Reference({}).applySync()', 'ivm.Reference.prototype.getSync.call({}, "a")']) {
			attempt(code, () => context.evalSync(`try { ${code} } catch (error) { [error instanceof Error, error.constructor.name, error.message].join(' ') }`));
		}
	},
	'functions of the host as arguments of its references': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('call', new ivm.Reference(f => f(5)));
		attempt('a guest function', () => context.evalSync('call.applySync(undefined, [value => value * 2])'));
		jail.setSync('keep', new ivm.Reference(f => { globalThis.keptFunction = f; }));
		attempt('kept', () => context.evalSync('keep.applySync(undefined, [value => value + 1])'));
		attempt('later', () => globalThis.keptFunction(1));
	},
	'constructor chains lead nowhere': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		jail.setSync('r', new ivm.Reference({ a: 1 }));
		jail.setSync('f', () => 1);
		for (const code of ['r.constructor.constructor("return typeof process")()', 'f.constructor("return typeof process")()', 'ivm.constructor.constructor("return typeof process")()',
			'ivm.Isolate.constructor("return typeof process")()', 'r.getSync.constructor("return typeof process")()', 'r.getSync("constructor")', 'r.getSync("__proto__")']) {
			attempt(code, () => context.evalSync(code));
		}
	},
	'members of an instance inside': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('reference', () => context.evalSync('["apply", "applyIgnored", "applySync", "applySyncPromise", "copy", "copySync", "delete", "deleteIgnored", "deleteSync", "deref", "derefInto", "get", "getSync", "release", "set", "setIgnored", "setSync"].map(name => typeof ivm.Reference.prototype[name]).join()'));
		attempt('isolate', () => context.evalSync('["compileScript", "compileScriptSync", "createContext", "createContextSync", "dispose", "getHeapStatistics", "getHeapStatisticsSync"].map(name => typeof ivm.Isolate.prototype[name]).join()'));
		attempt('frozen', () => context.evalSync('"use strict"; try { ivm.Isolate = 1; typeof ivm.Isolate } catch (error) { error.message }'));
	},
	'references given as arguments to a guest function': async ({ ivm, guest, attempt }) => {
		const { context } = guest();
		const value = { n: 5, list: [1, 2] };
		attempt('get', () => context.evalClosureSync('return $0.getSync("n")', [new ivm.Reference(value)]));
		attempt('copy', () => context.evalClosureSync('return $0.copySync().list.length', [new ivm.Reference(value)]));
		attempt('by the option', () => context.evalClosureSync('return $0.typeof + $0.getSync("n")', [value], { arguments: { reference: true } }));
		attempt('back', () => context.evalClosureSync('return $0', [new ivm.Reference(value)]).deref() === value);
		attempt('by the option, back', () => context.evalClosureSync('return $0', [value], { arguments: { reference: true } }).deref() === value);
	},
	'functions of the host, by reference and as they are': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('plain', (a, b) => [typeof a, typeof b].join());
		jail.setSync('ref', new ivm.Reference((a, b) => [typeof a, typeof b].join()));
		attempt('plain', () => context.evalSync('plain({}, () => 1)'));
		attempt('reference', () => context.evalSync('ref.applySync(undefined, [1, () => 1])'));
		attempt('as receiver', () => context.evalSync('ref.applySync("this", [1, 2])'));
	},
	'this of a host function that is applied': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Reference(function () { 'use strict'; return this === undefined ? 'undefined' : String(this); }));
		jail.setSync('o', new ivm.Reference({ toString: () => 'an object' }));
		attempt('none', () => context.evalSync('f.applySync()'));
		attempt('text', () => context.evalSync('f.applySync("text")'));
		attempt('a reference', () => context.evalSync('f.applySync(o)'));
		attempt('derefInto', () => context.evalSync('f.applySync(o.derefInto())'));
	},
	'apply with promises': async ({ ivm, guest, settle, sleep }) => {
		const { context, jail } = guest();
		jail.setSync('later', new ivm.Reference(async value => { await sleep(2); return { value }; }));
		jail.setSync('reject', new ivm.Reference(async () => { throw new TypeError('later'); }));
		jail.setSync('take', new ivm.Reference(async promise => (await promise) + 1));
		await settle('promise, copy', () => context.eval('later.apply(undefined, [1], { result: { promise: true, copy: true } }).then(r => r.value)', { promise: true }));
		await settle('promise, reference', () => context.eval('later.apply(undefined, [1], { result: { promise: true, reference: true } }).then(r => r.typeof)', { promise: true }));
		await settle('none', () => context.eval('later.apply(undefined, [1]).then(r => typeof r)', { promise: true }));
		await settle('rejected', () => context.eval('reject.apply(undefined, [], { result: { promise: true } }).catch(e => e.constructor.name + e.message)', { promise: true }));
		await settle('argument', () => context.eval('take.apply(undefined, [Promise.resolve(4)], { arguments: { promise: true }, result: { promise: true } })', { promise: true }));
	},
	'applySync with promise: true': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('later', new ivm.Reference(async () => 'came'));
		await settle('sync', () => context.evalSync('later.applySync(undefined, [], { result: { promise: true } })', { promise: true }));
		await settle('async', () => context.eval('later.applySync(undefined, [], { result: { promise: true } })', { promise: true }));
	},
	'get and set of a host object, async': async ({ ivm, guest, settle, log }) => {
		const { context, jail } = guest();
		const value = { a: 1, inner: { b: 2 } };
		jail.setSync('o', new ivm.Reference(value));
		await settle('get', () => context.eval('o.get("a")', { promise: true }));
		await settle('get copy', () => context.eval('o.get("inner", { copy: true }).then(i => i.b)', { promise: true }));
		await settle('set', () => context.eval('o.set("c", { d: 4 }, { copy: true })', { promise: true }));
		await settle('delete', () => context.eval('o.delete("a")', { promise: true }));
		await settle('copy', () => context.eval('o.copy().then(c => Object.keys(c).join())', { promise: true }));
		log(value);
	},
	'setIgnored and deleteIgnored of a host object': async ({ ivm, guest, attempt, until, log }) => {
		const { context, jail } = guest();
		const value = { a: 1 };
		jail.setSync('o', new ivm.Reference(value));
		attempt('ignored', () => context.evalSync('o.setIgnored("b", 2); o.deleteIgnored("a"); o.setIgnored("done", true)'));
		await until(() => value.done);
		log(value);
	},
	'getters and proxies of the host': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		let ran = 0;
		jail.setSync('o', new ivm.Reference({ get a() { ++ran; return 1; } }));
		jail.setSync('p', new ivm.Reference(new Proxy({ a: 1 }, { get() { ++ran; } })));
		attempt('getter', () => context.evalSync('o.getSync("a")'));
		attempt('accessors', () => context.evalSync('o.getSync("a", { accessors: true })'));
		attempt('proxy', () => context.evalSync('p.getSync("a")'));
		attempt('proxy set', () => context.evalSync('p.setSync("a", 1)'));
		attempt('ran', () => ran);
	},
	'errors of misuse of host references': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('o', new ivm.Reference({ frozen: Object.freeze({}) }));
		jail.setSync('n', new ivm.Reference(1));
		for (const code of ['o.applySync()', 'n.getSync("a")', 'n.setSync("a", 1)', 'o.getSync()', 'o.getSync(Symbol())', 'o.setSync("a", {})', 'o.getSync("frozen").setSync("a", 1)',
			'o.applySync(undefined, 1)', 'o.getSync("a", 1)', 'o.getSync("a", { copy: 1 })']) {
			attempt(code, () => context.evalSync(`try { ${code} } catch (error) { error.constructor.name + ": " + error.message + (error instanceof Error) }`));
		}
	},
	'a reference set into a host object': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		const value = {};
		jail.setSync('ivm', ivm);
		jail.setSync('o', new ivm.Reference(value));
		attempt('reference', () => context.evalSync('o.setSync("r", new ivm.Reference({ x: 1 }))'));
		log(value.r);
		attempt('used', () => value.r.getSync('x'));
		attempt('function', () => context.evalSync('o.setSync("f", x => x * 3)'));
		attempt('called', () => value.f(4));
		attempt('derefInto', () => context.evalSync('o.setSync("self", o.derefInto())'));
		attempt('same', () => value.self === value);
		attempt('copyInto', () => context.evalSync('o.setSync("c", new ivm.ExternalCopy([1]).copyInto())'));
		log(value.c);
	},
	'a guest keeps what it was given, when the host lets go': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		let reference = new ivm.Reference({ a: 1 });
		jail.setSync('r', reference);
		reference = undefined;
		gc();
		attempt('alive', () => context.evalSync('r.getSync("a")'));
	},
	'callbacks with what guests pass': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		const seen = [];
		jail.setSync('take', (...values) => { seen.push(...values); });
		attempt('instances', () => context.evalSync('take(new ivm.Reference({ a: 1 }), new ivm.ExternalCopy([1]), new ivm.ExternalCopy({ b: 2 }).copyInto())'));
		log(seen);
		attempt('nested', () => context.evalSync('take({ r: new ivm.Reference(1), list: [new ivm.ExternalCopy(1)] })'));
		log(seen[3]);
	},
	'throwing errors of the library through the host': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('ivm', ivm);
		attempt('uncaught', () => context.evalSync('new ivm.Reference({}).applySync()'));
		attempt('through a callback', () => { jail.setSync('f', () => new ivm.Reference({}).applySync()); return context.evalSync('try { f() } catch (error) { error.constructor.name + error.message }'); });
	},
	'handles in guests after the host disposed of what they stand for': async ({ ivm, guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('c', other.context);
		one.jail.setSync('i', other.isolate);
		one.jail.setSync('r', other.jail);
		other.isolate.dispose();
		for (const code of ['c.evalSync("1")', 'i.isDisposed', 'i.createContextSync()', 'r.getSync("a")', 'r.typeof', 'i.dispose()', 'c.release()', 'r.release()']) {
			attempt(code, () => one.context.evalSync(code));
		}
	},
	'evalClosure with the library as argument': async ({ ivm, guest, attempt }) => {
		const { context } = guest();
		attempt('made', () => context.evalClosureSync('const { Isolate, Reference } = $0; const c = new Isolate({ memoryLimit: 8 }).createContextSync(); c.global.setSync("v", $1); return c.evalSync("v * 2")', [ivm, 21]));
	},
	'a script of the host, run by a guest': async ({ guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('script', other.isolate.compileScriptSync('globalThis.n = (globalThis.n ?? 0) + 1'));
		one.jail.setSync('context', other.context);
		attempt('run', () => one.context.evalSync('script.runSync(context) + script.runSync(context)'));
		attempt('wrong context', () => { one.jail.setSync('own', one.context); return one.context.evalSync('script.runSync(own)'); });
		attempt('release', () => one.context.evalSync('script.release()'));
		attempt('afterwards', () => one.context.evalSync('script.runSync(context)'));
		attempt('outside', () => other.context.evalSync('n'));
	},
	'timeouts for calls of the host by a guest': async ({ guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('other', other.context);
		attempt('inner', () => one.context.evalSync('try { other.evalSync("for (;;);", { timeout: 20 }) } catch (error) { error.message }'));
		attempt('goes on', () => one.context.evalSync('other.evalSync("1")'));
	},
};
