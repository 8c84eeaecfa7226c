'use strict';

module.exports = {
	'async calls run in the order they were made': async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		context.evalSync('globalThis.seen = []; globalThis.push = value => { seen.push(value) }; undefined');
		const push = jail.getSync('push', { reference: true });
		const script = isolate.compileScriptSync('seen.push("run")');
		push.applyIgnored(undefined, ['applyIgnored']);
		const all = [push.apply(undefined, ['apply']), context.eval('seen.push("eval")'), script.run(context)];
		context.evalIgnored('seen.push("evalIgnored")');
		context.evalClosureIgnored('seen.push($0)', ['closureIgnored']);
		script.runIgnored(context);
		jail.setIgnored('a', 1);
		all.push(context.eval('seen.push("a" + a)'));
		jail.deleteIgnored('a');
		all.push(context.eval('seen.push(typeof a)'));
		await Promise.all(all);
		log(context.evalSync('seen', { copy: true }));
	},
	'promises of one isolate settle in order': async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		await Promise.all([
			context.eval('1').then(() => log('first')),
			jail.set('a', 1).then(() => log('second')),
			isolate.compileScript('1').then(() => log('third')),
			context.eval('throw new Error("x")').catch(() => log('fourth')),
			jail.get('a').then(() => log('fifth')),
		]);
	},
	'async calls never settle at once': async ({ guest, log }) => {
		const { context } = guest();
		const promise = context.eval('1').then(() => log('settled'));
		log('asked');
		await null;
		log('one microtask later');
		await promise;
	},
	'callbacks of an async call run on the event loop': async ({ guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('note', value => log(value));
		const promise = context.eval('note("in the guest"); 1').then(() => log('settled'));
		log('asked');
		await promise;
	},
	'callbacks of a sync call run during it': async ({ guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('note', value => log(value));
		log('before');
		context.evalSync('note("during"); 1');
		log('after');
	},
	'microtasks of the host during a sync call': async ({ guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('note', value => { Promise.resolve().then(() => log('microtask of', value)); log(value); });
		context.evalSync('note("a"); note("b"); 1');
		log('returned');
		await null;
		log('after a microtask');
	},
	'microtasks of the guest in a call with callbacks': async ({ guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('note', value => log(value));
		context.evalSync('Promise.resolve().then(() => note("microtask")); note("first"); note("second"); undefined');
		log('returned');
	},
	'nested calls: microtasks of the guest': async ({ guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('note', value => log(value));
		jail.setSync('inner', () => { context.evalSync('note("inner"); undefined'); log('inner returned'); });
		context.evalSync('Promise.resolve().then(() => note("microtask")); inner(); note("outer"); undefined');
		log('returned');
	},
	'a loop in one isolate does not hold up another': async ({ guest, log }) => {
		const one = guest();
		const other = guest();
		let released = false;
		one.jail.setSync('released', () => released);
		const loop = one.context.eval('while (!released()); 1').then(() => log('the long one'));
		await other.context.eval('1').then(() => log('the short one'));
		released = true;
		await loop;
	},
	'sync calls into another isolate while one is busy': async ({ guest, log }) => {
		const one = guest();
		const other = guest();
		const busy = one.context.eval('const end = Date.now() + 100; while (Date.now() < end); 1').then(() => log('busy done'));
		log(other.context.evalSync('2'));
		await busy;
	},
	'a sync call into a busy isolate waits': async ({ guest, log }) => {
		const { context } = guest();
		await context.eval('1');
		const busy = context.eval('globalThis.n = 0; const end = Date.now() + 50; while (Date.now() < end); n = 1').then(() => log('settled'));
		await new Promise(resolve => setTimeout(resolve, 20));
		log(context.evalSync('n'));
		await busy;
	},
	'host, A, host, B': async ({ guest, log }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('toOther', value => other.context.evalClosureSync('return $0 + "b"', [value]));
		log(one.context.evalSync('toOther("a") + "a"'));
	},
	'host waits on A, whose callback calls B, whose callback calls A': async ({ guest, log }) => {
		const one = guest();
		const other = guest();
		one.jail.setSync('toOther', () => other.context.evalSync('toOne()'));
		other.jail.setSync('toOne', () => one.context.evalSync('"deep"'));
		log(one.context.evalSync('toOther()'));
	},
	'guest to guest by functions': async ({ guest, log }) => {
		const one = guest();
		const other = guest();
		other.context.evalSync('globalThis.f = value => value * 2; undefined');
		one.jail.setSync('f', other.jail.getSync('f'));
		log(one.context.evalSync('f(21)'));
		log(await one.context.eval('f(22)').catch(error => error.message));
	},
	'the event loop is free while a guest runs': async ({ guest, log }) => {
		const { context, jail } = guest();
		let ticks = 0;
		const timer = setInterval(() => ++ticks, 1);
		jail.setSync('ticks', () => ticks);
		log(await context.eval('while (ticks() < 3); "ticked"'));
		clearInterval(timer);
	},
};
