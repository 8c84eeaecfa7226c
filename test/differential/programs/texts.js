'use strict';

/** Texts that programs match on. */

module.exports = {
	'Script execution timed out.': async ({ guest, attempt, settle }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('for (;;);');
		context.evalSync('globalThis.loop = () => { for (;;); }; undefined');
		const loop = jail.getSync('loop', { reference: true });
		attempt('evalSync', () => context.evalSync('for (;;);', { timeout: 10 }));
		attempt('evalClosureSync', () => context.evalClosureSync('for (;;);', [], { timeout: 10 }));
		attempt('runSync', () => script.runSync(context, { timeout: 10 }));
		attempt('applySync', () => loop.applySync(undefined, [], { timeout: 10 }));
		await settle('eval', () => context.eval('for (;;);', { timeout: 10 }));
		await settle('run', () => script.run(context, { timeout: 10 }));
		await settle('apply', () => loop.apply(undefined, [], { timeout: 10 }));
	},
	'Array buffer allocation failed': async ({ guest, attempt, settle }) => {
		const { context } = guest({ memoryLimit: 8 });
		const code = 'const all = []; for (;;) all.push(new ArrayBuffer(1 << 20))';
		attempt('uncaught', () => context.evalSync(code));
		attempt('caught', () => context.evalSync(`try { { ${code} } } catch (error) { error.constructor.name + ": " + error.message }`));
		attempt('typed array', () => context.evalSync('new Float64Array(1 << 24)'));
		attempt('goes on', () => context.evalSync('1'));
	},
	'Isolate is already disposed': async ({ guest, attempt }) => {
		const { isolate } = guest();
		isolate.dispose();
		attempt('dispose', () => isolate.dispose());
	},
	'Isolate was disposed during execution': async ({ guest, settle }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('end', () => isolate.dispose());
		await settle('eval', () => context.eval('end(); for (;;);'));
	},
	'Isolate is disposed': async ({ guest, settle }) => {
		const { isolate, context } = guest();
		isolate.dispose();
		await settle('eval', () => context.eval('1'));
	},
	'options': async ({ ivm, guest, attempt }) => {
		const { context } = guest();
		attempt('memoryLimit', () => new ivm.Isolate({ memoryLimit: '128' }));
		attempt('timeout', () => context.evalSync('1', { timeout: '100' }));
		attempt('timeout fraction', () => context.evalSync('1', { timeout: 0.5 }));
		attempt('copy', () => context.evalSync('1', { copy: 'yes' }));
	},
	'A non-transferable value was passed': async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = () => 1; undefined');
		const f = jail.getSync('f', { reference: true });
		attempt('set', () => jail.setSync('a', {}));
		attempt('apply', () => f.applySync(undefined, [{}]));
		attempt('closure', () => context.evalClosureSync('1', [[]]));
		attempt('closure result', () => context.evalClosureSync('return {}'));
		await settle('set', () => jail.set('a', {}));
	},
	'could not be cloned': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		attempt('function', () => new ivm.ExternalCopy(() => 1));
		attempt('set', () => jail.setSync('a', () => 1, { copy: true }));
		attempt('result', () => context.evalSync('(function named() {})', { copy: true }));
		attempt('promise', () => context.evalSync('Promise.resolve()', { copy: true }));
		attempt('weak map', () => context.evalSync('new WeakMap', { copy: true }));
		attempt('proxy', () => context.evalSync('new Proxy({}, {})', { copy: true }));
		attempt('symbol', () => context.evalSync('Symbol("s")', { copy: true }));
		attempt('nested', () => context.evalSync('({ a: { b() {} } })', { copy: true }));
	},
	'syntax errors end in their position': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		attempt('eval', () => context.evalSync('\n\n )'));
		attempt('compile', () => isolate.compileScriptSync('\n\n )'));
		attempt('closure', () => context.evalClosureSync('\n\n )'));
		attempt('file', () => context.evalSync('a b', { filename: 'file:///bot/main.js' }));
	},
	'references': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { get g() { return 1 } }; undefined');
		attempt('deref', () => jail.deref());
		attempt('getter', () => jail.getSync('o').getSync('g'));
		attempt('not a function', () => jail.applySync());
		const o = jail.getSync('o');
		o.release();
		attempt('released', () => o.getSync('g'));
		context.release();
		attempt('context', () => context.evalSync('1'));
	},
	'memory limit': async ({ guest, settle, log }) => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		await settle('eval', () => context.eval('const all = []; for (let i = 0; ; ++i) all.push("text " + i + Math.random())'));
		log(isolate.isDisposed);
	},
};
