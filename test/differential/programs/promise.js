'use strict';

const { both } = require('../kit');

module.exports = {
	'a promise is proxied': both(async ({ guest, attempt, settle }) => {
		const { context } = guest();
		const promises = ['Promise.resolve(1)', '(async () => "text")()', 'new Promise(resolve => resolve(null))', '5', 'undefined', '({ then(f) { f(6) } })']
			.map(code => [code, attempt(code, () => context.evalSync(code, { promise: true }))]);
		for (const [code, promise] of promises) {
			await settle(code, () => promise);
		}
	}),
	'what a promise is fulfilled with needs options too': both(async ({ guest, settle }) => {
		const { context } = guest();
		const eventually = (code, options) => settle(`${code} ${JSON.stringify(options)}`, () => context.eval(code, { promise: true, ...options }));
		await eventually('Promise.resolve({ a: [1] })', { copy: true });
		await eventually('Promise.resolve({ a: [1] })', { reference: true });
		await eventually('Promise.resolve({ a: [1] })', { externalCopy: true });
		await eventually('Promise.resolve({ a: [1] })', {});
		await eventually('Promise.resolve(() => 1)', { copy: true });
		await eventually('Promise.resolve(1)', { reference: true });
	}),
	'rejections arrive': both(async ({ guest, settle }) => {
		const { context } = guest();
		for (const what of ['new Error("e")', 'new TypeError("t")', '"text"', '5', 'undefined', 'null']) {
			await settle(what, () => context.eval(`Promise.reject(${what})`, { promise: true }));
			await settle(`async ${what}`, () => context.eval(`(async () => { await null; throw ${what} })()`, { promise: true }));
		}
	}),
	'promises without the option': both(async ({ guest, settle }) => {
		const { context } = guest();
		await settle('eval', () => context.eval('Promise.resolve(1)'));
		await settle('copy', () => context.eval('Promise.resolve(1)', { copy: true }));
		await settle('reference', () => context.eval('Promise.resolve(1)', { reference: true }));
		await settle('rejected', () => context.eval('Promise.reject(new Error("e")).catch(() => {})'));
	}),
	'promise: true in every direction': both(async ({ ivm, guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.later = async value => value * 2; globalThis.wait = async promise => (await promise) + 1; undefined');
		const later = jail.getSync('later', { reference: true });
		const wait = jail.getSync('wait', { reference: true });
		const first = attempt('apply', () => later.applySync(undefined, [4], { result: { promise: true } }));
		const second = attempt('argument', () => wait.applySync(undefined, [Promise.resolve(5)], { arguments: { promise: true }, result: { promise: true } }));
		const third = attempt('closure', () => context.evalClosureSync('return $0.then(value => value + $1)', [Promise.resolve(1), 2],
			{ arguments: { promise: true }, result: { promise: true } }));
		await settle('apply', () => first);
		await settle('argument', () => second);
		await settle('closure', () => third);
	}),
	'a promise passed in settles there': async ({ guest, settle, sleep }) => {
		const { context, jail } = guest();
		await jail.set('p', sleep(10).then(() => ({ a: 1 })), { promise: true, copy: true });
		await settle('seen', () => context.eval('p.then(value => value.a + (p instanceof Promise))', { promise: true }));
		await jail.set('q', sleep(10).then(() => { throw new RangeError('host'); }), { promise: true });
		await settle('rejected', () => context.eval('q.catch(error => error.constructor.name + error.message + (error instanceof Error))', { promise: true }));
	},
	'what a passed promise is fulfilled with must cross': async ({ guest, settle }) => {
		const { context, jail } = guest();
		await settle('set', () => jail.set('p', Promise.resolve({}), { promise: true }));
		await settle('seen', () => context.eval('p.then(value => typeof value, error => error.constructor.name + ": " + error.message)', { promise: true }));
	},
	'async functions of a guest, called by applySync': async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = async () => { await null; return { a: 1 } }; undefined');
		const f = jail.getSync('f', { reference: true });
		attempt('none', () => f.applySync());
		await settle('promise, copy', () => f.applySync(undefined, [], { result: { promise: true, copy: true } }));
		await settle('apply', () => f.apply(undefined, [], { result: { promise: true, copy: true } }));
	},
	'reactions run before an async call settles': async ({ guest, settle }) => {
		const { context } = guest();
		await settle('eval', () => context.eval('globalThis.n = 0; Promise.resolve().then(() => ++n).then(() => ++n); n'));
		await settle('after', () => context.eval('n'));
	},
	'reactions run before a sync call returns': async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('eval', () => context.evalSync('globalThis.n = 0; Promise.resolve().then(() => ++n).then(() => ++n); n'));
		attempt('after', () => context.evalSync('n'));
	},
	'a promise that never settles does not hold up others': async ({ guest, settle, log }) => {
		const { context } = guest();
		let settled = false;
		context.eval('new Promise(() => {})', { promise: true }).then(() => { settled = true; }, () => { settled = true; });
		await settle('other', () => context.eval('1'));
		log(settled);
	},
	'pending promises when the isolate is disposed': async ({ guest, settle, log }) => {
		const { isolate, context } = guest();
		let settled = false;
		const promise = context.evalSync('new Promise(() => {})', { promise: true });
		promise.then(() => { settled = true; }, () => { settled = true; });
		isolate.dispose();
		await new Promise(resolve => setTimeout(resolve, 50));
		log(settled);
	},
	'async callback, result promised': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('read', new ivm.Callback(name => `contents of ${name}`, { async: true }));
		await settle('eval', () => context.eval('(async () => { const a = await read("a"); return a + "|" + await read("b") })()', { promise: true }));
	},
	'reference to an async host function': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('read', new ivm.Reference(async name => `contents of ${name}`));
		await settle('apply', () => context.eval('read.apply(undefined, ["a"], { result: { promise: true } })', { promise: true }));
	},
	'unhandled rejections of a guest': async ({ guest, settle, sleep }) => {
		const { context } = guest();
		await settle('eval', () => context.eval('Promise.reject(new Error("forgotten")); 1'));
		await sleep(5);
		await settle('next', () => context.eval('2'));
	},
	'unhandled rejections in a sync call': async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('eval', () => context.evalSync('Promise.reject(new Error("forgotten")); 1'));
		attempt('next', () => context.evalSync('2'));
	},
	'a rejection of a proxied promise that nobody handles': async ({ guest, sleep }) => {
		const { context } = guest();
		context.evalSync('Promise.reject(new Error("left alone"))', { promise: true });
		await sleep(20);
	},
	'then of a guest promise is not run by the boundary': both(async ({ guest, settle }) => {
		const { context } = guest();
		await settle('patched', () => context.eval('Promise.prototype.then = () => { throw new Error("patched") }; 1'));
		await settle('eval', () => context.eval('(async () => 5)()', { promise: true }));
	}),
	'order of settling': async ({ guest, log }) => {
		const { context } = guest();
		const promises = ['1', '2', '3'].map(code => context.eval(`Promise.resolve(${code})`, { promise: true }).then(value => log(value)));
		await Promise.all(promises);
	},
	'await of many': async ({ guest, log }) => {
		const { context } = guest();
		const all = await Promise.all(Array.from({ length: 50 }, (_, i) => context.eval(`Promise.resolve(${i})`, { promise: true })));
		log(all.every((value, i) => value === i));
	},
	'AsyncFunction results by script.run': async ({ guest, settle }) => {
		const { isolate, context } = guest();
		const script = await isolate.compileScript('(async () => ({ a: [1] }))()');
		await settle('run', () => script.run(context, { promise: true, copy: true }));
	},
};
