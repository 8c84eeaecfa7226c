'use strict';

const { both } = require('../kit');

module.exports = {
	'a snapshot starts isolates with its globals': async ({ ivm, attempt }) => {
		const snapshot = attempt('made', () => ivm.Isolate.createSnapshot([{ code: 'var counter = 5; function next() { return ++counter } const lexical = { a: [1, 2] }' }]));
		for (let i = 0; i < 2; ++i) {
			const isolate = attempt('isolate', () => new ivm.Isolate({ snapshot }));
			const context = isolate.createContextSync();
			attempt('counter', () => context.evalSync('counter'));
			attempt('next', () => context.evalSync('next()'));
			attempt('lexical', () => context.evalSync('lexical.a.length'));
			const other = isolate.createContextSync();
			attempt('another context', () => other.evalSync('next()'));
			isolate.dispose();
		}
	},
	'several scripts': async ({ ivm, attempt }) => {
		const snapshot = attempt('made', () => ivm.Isolate.createSnapshot([
			{ code: 'var a = 1', filename: 'file:///a.js' }, { code: 'var b = a + 1', filename: 'file:///b.js', lineOffset: 3 }]));
		const context = new ivm.Isolate({ snapshot }).createContextSync();
		attempt('b', () => context.evalSync('b'));
	},
	'a warmup script leaves nothing behind': async ({ ivm, attempt }) => {
		const snapshot = attempt('made', () => ivm.Isolate.createSnapshot([{ code: 'var list = []; function push(a) { list.push(a) }' }], 'push(1); globalThis.warm = true'));
		const context = new ivm.Isolate({ snapshot }).createContextSync();
		attempt('list', () => context.evalSync('list.length'));
		attempt('warm', () => context.evalSync('typeof warm'));
	},
	'no scripts': async ({ ivm, attempt }) => {
		const snapshot = attempt('made', () => ivm.Isolate.createSnapshot([]));
		attempt('used', () => new ivm.Isolate({ snapshot }).createContextSync().evalSync('1 + 1'));
	},
	'wrong arguments: none': async ({ ivm, attempt }) => {
		attempt('none', () => ivm.Isolate.createSnapshot());
	},
	'wrong arguments': async ({ ivm, attempt }) => {
		for (const scripts of [1, 'code', {}, null, [1], ['code'], [{}], [{ code: 1 }]]) {
			attempt(JSON.stringify(scripts), () => ivm.Isolate.createSnapshot(scripts));
		}
		attempt('warmup', () => ivm.Isolate.createSnapshot([{ code: '1' }], 1));
	},
	'scripts that fail': async ({ ivm, attempt }) => {
		attempt('throws', () => ivm.Isolate.createSnapshot([{ code: 'throw new RangeError("at the start")', filename: 'bad.js' }]));
		attempt('syntax', () => ivm.Isolate.createSnapshot([{ code: 'let let', filename: 'bad.js' }]));
		attempt('second', () => ivm.Isolate.createSnapshot([{ code: '1' }, { code: 'nothing', filename: 'second.js' }]));
		attempt('warmup', () => ivm.Isolate.createSnapshot([{ code: '1' }], 'throw new TypeError("warm")'));
	},
	'the bytes of a snapshot': async ({ ivm, attempt, log }) => {
		const snapshot = ivm.Isolate.createSnapshot([{ code: 'var a = "from the bytes"' }]);
		const bytes = snapshot.copy();
		log(bytes instanceof ArrayBuffer, bytes.byteLength > 1000);
		const again = new ivm.ExternalCopy(bytes);
		attempt('used', () => new ivm.Isolate({ snapshot: again }).createContextSync().evalSync('a'));
		attempt('view', () => new ivm.Isolate({ snapshot: new ivm.ExternalCopy(new Uint8Array(bytes)) }).createContextSync().evalSync('a'));
	},
	'a snapshot by transfer': async ({ ivm, attempt, log }) => {
		const bytes = ivm.Isolate.createSnapshot([{ code: 'var a = "moved"' }]).copy({ transferIn: true });
		const snapshot = new ivm.ExternalCopy(bytes, { transferOut: true });
		log(bytes.byteLength);
		attempt('used', () => new ivm.Isolate({ snapshot }).createContextSync().evalSync('a'));
		attempt('used again', () => new ivm.Isolate({ snapshot }).createContextSync().evalSync('a'));
	},
	'a released snapshot': async ({ ivm, attempt }) => {
		const snapshot = ivm.Isolate.createSnapshot([{ code: 'var a = 1' }]);
		const isolate = new ivm.Isolate({ snapshot });
		snapshot.release();
		attempt('isolate made before', () => isolate.createContextSync().evalSync('a'));
		attempt('new isolate', () => new ivm.Isolate({ snapshot }));
	},
	'snapshot that is no copy of a buffer': async ({ ivm, attempt }) => {
		attempt('object', () => new ivm.Isolate({ snapshot: new ivm.ExternalCopy({}) }));
		attempt('number', () => new ivm.Isolate({ snapshot: new ivm.ExternalCopy(1) }));
		attempt('reference', () => new ivm.Isolate({ snapshot: new ivm.Reference(new ArrayBuffer(1)) }));
	},
	'functions and classes of a snapshot': async ({ ivm, attempt }) => {
		const snapshot = ivm.Isolate.createSnapshot([{ code: 'class Point { constructor(x) { this.x = x } double() { return this.x * 2 } } var make = x => new Point(x); var map = new Map([[1, "one"]]); var re = /a(b)/' }]);
		const context = new ivm.Isolate({ snapshot }).createContextSync();
		attempt('class', () => context.evalSync('make(4).double() + (make(1) instanceof Point)'));
		attempt('map', () => context.evalSync('map.get(1)'));
		attempt('regexp', () => context.evalSync('re.exec("ab")[1]'));
		attempt('function out', () => context.evalSync('make', { reference: true }).applySync(undefined, [3], { result: { copy: true } }));
	},
	'limits of an isolate from a snapshot': async ({ ivm, attempt }) => {
		const snapshot = ivm.Isolate.createSnapshot([{ code: 'var a = 1' }]);
		const isolate = new ivm.Isolate({ snapshot, memoryLimit: 16 });
		const context = isolate.createContextSync();
		attempt('timeout', () => context.evalSync('for (;;);', { timeout: 20 }));
		attempt('buffer', () => context.evalSync('new ArrayBuffer(64 * 1024 * 1024)'));
		attempt('goes on', () => context.evalSync('a'));
	},
	'produceCachedData': both(async ({ ivm, guest, attempt, log }) => {
		const { isolate, context } = guest();
		const script = attempt('compile', () => isolate.compileScriptSync('function f() { return 5 } f()', { produceCachedData: true }));
		attempt('cachedData', () => script.cachedData);
		log('cachedDataRejected' in script);
		attempt('bytes', () => script.cachedData.copy() instanceof ArrayBuffer);
		attempt('run', () => script.runSync(context));
	}),
	'cachedData is taken': both(async ({ ivm, guest, attempt, log }) => {
		const code = 'function f() { return 6 } f()';
		const { cachedData } = guest().isolate.compileScriptSync(code, { produceCachedData: true });
		const { isolate, context } = guest();
		const script = attempt('compile', () => isolate.compileScriptSync(code, { cachedData }));
		log(script.cachedDataRejected, 'cachedData' in script);
		attempt('run', () => script.runSync(context));
	}),
	'cachedData of other code is rejected': async ({ guest, attempt, log }) => {
		const { cachedData } = guest().isolate.compileScriptSync('1 + 1', { produceCachedData: true });
		const { isolate, context } = guest();
		const script = attempt('compile', () => isolate.compileScriptSync('2 + 222', { cachedData }));
		log(script.cachedDataRejected);
		attempt('run', () => script.runSync(context));
	},
	'cachedData that is nonsense is rejected': async ({ ivm, guest, attempt, log }) => {
		const { isolate, context } = guest();
		const cachedData = new ivm.ExternalCopy(new Uint8Array(64).buffer);
		const script = attempt('compile', () => isolate.compileScriptSync('3', { cachedData }));
		log(script?.cachedDataRejected);
		attempt('run', () => script.runSync(context));
	},
	'cachedData and produceCachedData': async ({ guest, attempt, log }) => {
		const code = 'function g() { return 7 } g()';
		const { cachedData } = guest().isolate.compileScriptSync(code, { produceCachedData: true });
		const good = attempt('good', () => guest().isolate.compileScriptSync(code, { cachedData, produceCachedData: true }));
		log(good.cachedDataRejected, 'cachedData' in good);
		const bad = attempt('bad', () => guest().isolate.compileScriptSync(`${code};1`, { cachedData, produceCachedData: true }));
		log(bad.cachedDataRejected, 'cachedData' in bad);
	},
	'cachedData of compileScript, async': async ({ guest, settle, log }) => {
		const code = 'function h() { return 8 } h()';
		const script = await guest().isolate.compileScript(code, { produceCachedData: true });
		log(typeof script.cachedData);
		const { isolate, context } = guest();
		const again = await isolate.compileScript(code, { cachedData: script.cachedData });
		log(again.cachedDataRejected);
		await settle('run', () => again.run(context));
	},
	'cachedData of modules': async ({ guest, settle, log }) => {
		const code = 'export const a = 9';
		const module = await guest().isolate.compileModule(code, { produceCachedData: true });
		log(typeof module.cachedData);
		const { isolate, context } = guest();
		const again = await isolate.compileModule(code, { cachedData: module.cachedData });
		log(again.cachedDataRejected);
		await again.instantiate(context, () => {});
		await again.evaluate();
		await settle('a', () => again.namespace.get('a'));
	},
	'wrong cachedData': async ({ ivm, guest, attempt }) => {
		const { isolate } = guest();
		for (const cachedData of [1, 'a', {}, new ArrayBuffer(8), new ivm.ExternalCopy({}), new ivm.ExternalCopy(1)]) {
			attempt(typeof cachedData, () => isolate.compileScriptSync('1', { cachedData }));
		}
		attempt('produce', () => isolate.compileScriptSync('1', { produceCachedData: 1 }));
	},
	'NativeModule with a wrong path': async ({ ivm, attempt }) => {
		attempt('none', () => new ivm.NativeModule());
		attempt('number', () => new ivm.NativeModule(1));
		attempt('absent', () => { try { new ivm.NativeModule('/nowhere/at/all.node'); } catch (error) { return error.constructor.name; } });
	},
};
