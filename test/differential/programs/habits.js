'use strict';

/** What programs that use isolated-vm do. */

module.exports = {
	'a guest runs code on itself, catches the timeout, and goes on': async ({ ivm, guest, attempt }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		jail.setSync('context', context);
		attempt('run', () => context.evalSync(`
			const script = isolate.compileScriptSync('for (;;);');
			const outcomes = [];
			for (let i = 0; i < 3; ++i) {
				try { script.runSync(context, { timeout: 15 }); outcomes.push('ended') } catch (error) { outcomes.push(error.message) }
			}
			outcomes.join()`));
	},
	'a guest reads its own figures': async ({ guest, attempt }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		attempt('cpuTime', () => context.evalSync('const before = isolate.cpuTime; for (let i = 0; i < 1e6; ++i); isolate.cpuTime > before'));
		attempt('heap', () => context.evalSync('const { used_heap_size, heap_size_limit } = isolate.getHeapStatisticsSync(); used_heap_size > 0 && used_heap_size < heap_size_limit'));
		attempt('wallTime', () => context.evalSync('isolate.wallTime > 0n'));
	},
	'a guest disposes its own isolate': async ({ guest, settle, log }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		await settle('run', () => context.eval('function halt() { isolate.dispose() } halt(); "never seen"'));
		log(isolate.isDisposed);
	},
	'handles set as globals, used at the start, then deleted': async ({ ivm, guest, attempt, log }) => {
		const { isolate, context, jail } = guest();
		const seen = [];
		jail.setSync('global', jail.derefInto());
		jail.setSync('_ivm', ivm);
		jail.setSync('_isolate', isolate);
		jail.setSync('_out', new ivm.Reference(value => { seen.push(value); }));
		attempt('start', () => context.evalSync(`
			(() => {
				const ivm = _ivm, isolate = _isolate, out = _out;
				for (const name of ['_ivm', '_isolate', '_out']) delete global[name];
				global.print = value => out.applySync(undefined, [new ivm.ExternalCopy(value).copyInto()]);
				global.cpu = () => isolate.cpuTime;
			})()`));
		attempt('used', () => context.evalSync('print({ n: 1 }); print([typeof _ivm, typeof _isolate, typeof _out]); typeof cpu()'));
		log(seen);
	},
	'a function read by get without options is a plain callable': async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('function tick(n) { return { n, squared: n * n } }');
		const tick = await jail.get('tick');
		attempt('type', () => typeof tick);
		attempt('call', () => tick(4));
		await settle('in a promise', async () => tick(5));
	},
	'scripts compiled once, run every tick': async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		const script = await isolate.compileScript('globalThis.memory = globalThis.memory ?? { ticks: 0 }; ++memory.ticks');
		const results = [];
		for (let i = 0; i < 5; ++i) {
			jail.setSync('time', i);
			results.push(await script.run(context, { timeout: 500 }));
		}
		log(results);
	},
	'state goes in by ExternalCopy, and out by copy': async ({ ivm, guest, log }) => {
		const { context, jail } = guest();
		const state = { units: [{ x: 1, y: 2 }], name: 'world' };
		await jail.set('state', new ivm.ExternalCopy(state).copyInto());
		log(await context.eval('state.units[0].x += 5; state', { copy: true }));
		log(state.units[0].x);
	},
	'a console made of references': async ({ ivm, guest, log }) => {
		const { context, jail } = guest();
		const lines = [];
		await context.evalClosure(`globalThis.console = { log: (...values) => $0.applyIgnored(undefined, values, { arguments: { copy: true } }) }`,
			[(...values) => { lines.push(values); }], { arguments: { reference: true } });
		await context.eval('console.log("a", { b: 1 }, [1, 2]); console.log(5); 1');
		await new Promise(resolve => setTimeout(resolve, 20));
		log(lines);
		log(typeof jail);
	},
	'setTimeout for guests': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('_setTimeout', new ivm.Reference((callback, ms) => { setTimeout(() => callback.applyIgnored(undefined, []), ms); }));
		jail.setSync('ivm', ivm);
		await settle('eval', () => context.eval(`
			const sleep = ms => new Promise(resolve => _setTimeout.applySync(undefined, [new ivm.Reference(resolve), ms]));
			(async () => { const start = Date.now(); await sleep(30); return Date.now() - start >= 25 })()`, { promise: true }));
	},
	'fetch for guests by a promised apply': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('_fetch', new ivm.Reference(async url => ({ status: 200, body: `page of ${url}` })));
		await settle('eval', () => context.eval(`
			const fetch = url => _fetch.apply(undefined, [url], { result: { promise: true, copy: true } });
			(async () => (await fetch('a')).body + ', ' + (await fetch('b')).status)()`, { promise: true }));
	},
	'evalClosure as a bootstrap': async ({ ivm, guest, attempt }) => {
		const { context } = guest();
		attempt('bootstrap', () => context.evalClosureSync(`
			globalThis.api = { add: (a, b) => $0(a, b), config: $1, name: $2 };
			return Object.keys(api).length`, [(a, b) => a + b, new ivm.ExternalCopy({ debug: true }).copyInto(), 'bot']));
		attempt('used', () => context.evalSync('[api.add(1, 2), api.config.debug, api.name].join()'));
	},
	'promises of a guest with a timeout of the host': async ({ guest, log, sleep }) => {
		const { context } = guest();
		const result = await Promise.race([context.eval('new Promise(() => {})', { promise: true }), sleep(20).then(() => 'too late')]);
		log(result);
	},
	'a pool of isolates': async ({ ivm, log }) => {
		const pool = await Promise.all(Array.from({ length: 4 }, async () => {
			const isolate = new ivm.Isolate({ memoryLimit: 16 });
			return { isolate, context: await isolate.createContext() };
		}));
		const results = await Promise.all(Array.from({ length: 20 }, (_, i) => pool[i % 4].context.evalClosure('return $0 * $0', [i])));
		log(results.reduce((a, b) => a + b));
		pool.forEach(({ isolate }) => isolate.dispose());
		log(pool.every(({ isolate }) => isolate.isDisposed));
	},
	'instanceof for all that comes back': async ({ ivm, guest, log }) => {
		const { isolate, context, jail } = guest();
		context.evalSync('globalThis.o = {}; undefined');
		log([
			[jail, 'Reference'], [jail.getSync('o'), 'Reference'], [await jail.get('o'), 'Reference'], [context.evalSync('o', { reference: true }), 'Reference'],
			[context.evalSync('o', { externalCopy: true }), 'ExternalCopy'], [await isolate.compileScript('1'), 'Script'], [await isolate.createContext(), 'Context'],
		].map(([value, name]) => value instanceof ivm[name] && Object.getPrototypeOf(value) === ivm[name].prototype && value.constructor === ivm[name]));
	},
	'Buffers and binary data': async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		attempt('Buffer by copy', () => jail.setSync('bytes', Buffer.from('hello'), { copy: true }));
		attempt('seen', () => context.evalSync('bytes.constructor.name + String.fromCharCode(...bytes)'));
		attempt('back', () => Buffer.from(context.evalSync('new Uint8Array([104, 105])', { copy: true })).toString());
		const big = new ArrayBuffer(1 << 20);
		attempt('moved', () => jail.setSync('big', new ivm.ExternalCopy(big, { transferOut: true }).copyInto({ release: true, transferIn: true })));
		log(big.byteLength, context.evalSync('big.byteLength'));
	},
};
