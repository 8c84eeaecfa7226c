'use strict';

const { both } = require('../kit');

module.exports = {
	'a callback arrives as a function': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		attempt('set', () => jail.setSync('f', new ivm.Callback((a, b) => a + b)));
		attempt('type', () => context.evalSync('typeof f + f.name + f.length + Object.getPrototypeOf(f).constructor.name'));
		attempt('call', () => context.evalSync('f(1, 2)'));
		attempt('instance', () => new ivm.Callback(() => 1));
	}),
	'wrong calls of the constructor': both(async ({ ivm, attempt }) => {
		attempt('none', () => new ivm.Callback());
		for (const fn of [1, 'f', {}, null, undefined]) {
			attempt(String(fn), () => new ivm.Callback(fn));
		}
		for (const options of [1, { async: 1 }, { sync: 'a' }, { ignored: {} }]) {
			attempt(JSON.stringify(options), () => new ivm.Callback(() => 1, options));
		}
		attempt('null', () => new ivm.Callback(() => 1, null));
		attempt('class', () => new ivm.Callback(class {}));
	}),
	'modes': both(async ({ ivm, attempt }) => {
		for (const options of [{}, { sync: true }, { async: true }, { ignored: true }, { sync: false }, { sync: true, async: false }]) {
			attempt(JSON.stringify(options), () => new ivm.Callback(() => 1, options));
		}
	}),
	'two modes at once': both(async ({ ivm, attempt }) => {
		attempt('sync, async', () => new ivm.Callback(() => 1, { sync: true, async: true }));
		attempt('async, ignored', () => new ivm.Callback(() => 1, { async: true, ignored: true }));
	}),
	'arguments and results are copied': both(async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		let seen;
		jail.setSync('f', new ivm.Callback((...values) => { seen = values; return { list: [1, 2] }; }));
		attempt('result', () => context.evalSync('f({ a: [1] }, new Date(3), "t", 5n, null, undefined, [1, , 2]).list.length'));
		log(seen);
		attempt('no arguments', () => context.evalSync('f(), undefined'));
		log(seen);
	}),
	'results': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const values = { number: 1, text: 'a', nil: null, nothing: undefined, big: 5n, object: { a: 1 }, list: [1, 2], date: new Date(4), map: new Map([[1, 2]]) };
		jail.setSync('f', new ivm.Callback(name => values[name]));
		for (const name of Object.keys(values)) {
			attempt(name, () => context.evalSync(`f(${JSON.stringify(name)})`, { copy: true }));
		}
	}),
	'results that can not be copied': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const values = { symbol: Symbol('s'), nested: { f() {} }, weak: new WeakMap() };
		jail.setSync('f', new ivm.Callback(name => values[name]));
		for (const name of Object.keys(values)) {
			attempt(name, () => context.evalSync(`try { typeof f(${JSON.stringify(name)}) } catch (error) { error.constructor.name + ": " + error.message }`));
		}
	}),
	'arguments that can not be copied': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(value => typeof value));
		for (const code of ['f({ g() {} })', 'f(new WeakMap)', 'f(Promise.resolve(1))']) {
			attempt(code, () => context.evalSync(`try { ${code} } catch (error) { error.constructor.name + ": " + error.message }`));
		}
	}),
	'results that are promises, of a sync callback': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(async () => 1));
		attempt('call', () => context.evalSync('try { typeof f() } catch (error) { error.constructor.name + ": " + error.message }'));
	}),
	'what a callback throws arrives': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(what => {
			throw { error: new Error('plain'), type: new TypeError('typed'), range: new RangeError('ranged'), text: 'text', number: 5, nothing: undefined }[what];
		}));
		for (const what of ['error', 'type', 'range', 'text', 'number', 'nothing']) {
			attempt(what, () => context.evalSync(`try { f("${what}") } catch (error) { error instanceof Error ? error.constructor.name + ": " + error.message : typeof error + String(error) }`));
			attempt(`${what} uncaught`, () => context.evalSync(`f("${what}")`));
		}
	}),
	'this of a callback': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(function () { 'use strict'; return this === undefined ? 'undefined' : typeof this; }));
		attempt('plain', () => context.evalSync('f()'));
		attempt('method', () => context.evalSync('({ f }).f()'));
	}),
	'a callback with new': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(() => 5));
		attempt('new', () => context.evalSync('try { typeof new f() } catch (error) { error.constructor.name }'));
	}),
	'async callbacks give a promise': async ({ ivm, guest, settle, log }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(value => { log('called', value); return value * 2; }, { async: true }));
		await settle('eval', () => context.eval('const p = f(4); (async () => [p instanceof Promise, await p])()', { promise: true, copy: true }));
	},
	'async callbacks that throw': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(() => { throw new RangeError('later'); }, { async: true }));
		await settle('uncaught', () => context.eval('f()', { promise: true }));
		await settle('caught', () => context.eval('f().catch(error => error.constructor.name + error.message)', { promise: true }));
	},
	'async callbacks that return a promise': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(async () => 7, { async: true }));
		await settle('eval', () => context.eval('f()', { promise: true }));
	},
	'ignored callbacks': async ({ ivm, guest, attempt, until, log }) => {
		const { context, jail } = guest();
		let calls = 0;
		jail.setSync('f', new ivm.Callback(value => { ++calls; log('called', value); return 5; }, { ignored: true }));
		attempt('eval', () => context.evalSync('typeof f({ a: 1 })'));
		await until(() => calls === 1);
	},
	'ignored callbacks that throw': async ({ ivm, guest, attempt, until }) => {
		const { context, jail } = guest();
		let calls = 0;
		jail.setSync('f', new ivm.Callback(() => { ++calls; throw new Error('lost'); }, { ignored: true }));
		attempt('eval', () => context.evalSync('typeof f()'));
		await until(() => calls === 1);
	},
	'ignored callbacks keep their order': async ({ ivm, guest, until, log }) => {
		const { context, jail } = guest();
		const seen = [];
		jail.setSync('f', new ivm.Callback(value => seen.push(value), { ignored: true }));
		context.evalSync('for (let i = 0; i < 10; ++i) f(i); undefined');
		await until(() => seen.length === 10);
		log(seen);
	},
	'sync callbacks during an async call': async ({ ivm, guest, settle }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(value => value + 1));
		await settle('eval', () => context.eval('f(f(f(0)))'));
	},
	'callbacks call back into the guest': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(n => n === 0 ? 0 : context.evalSync(`f(${n - 1}) + 1`)));
		attempt('nested', () => context.evalSync('f(5)'));
	}),
	'callbacks outlive their Callback': async ({ ivm, guest, log }) => {
		const { context, jail } = guest();
		jail.setSync('f', new ivm.Callback(() => 'alive'));
		gc();
		log(context.evalSync('f()'));
	},
	'functions passed as they are': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', function named(a, b) { return [a, b]; });
		attempt('shape', () => context.evalSync('f.name + f.length'));
		attempt('result', () => context.evalSync('f(1, { a: 2 })', { copy: true }));
		attempt('arrow', () => { jail.setSync('g', () => 'g'); return context.evalSync('g()'); });
		attempt('async', () => { jail.setSync('h', async () => 1); return context.evalSync('try { typeof h() } catch (error) { error.message }'); });
	}),
	'functions within copied values': both(async ({ guest, attempt }) => {
		const { jail } = guest();
		attempt('object', () => jail.setSync('o', { f: () => 1 }, { copy: true }));
	}),
	'functions as arguments of callbacks': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', callback => typeof callback);
		attempt('call', () => context.evalSync('try { f(() => 1) } catch (error) { error.constructor.name + ": " + error.message }'));
	}),
	'functions as results of callbacks': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('f', () => () => 'inner');
		attempt('call', () => context.evalSync('try { f()() } catch (error) { error.constructor.name + ": " + error.message }'));
	}),
	'instances as arguments and results of callbacks': both(async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		const value = { mine: 1 };
		jail.setSync('give', () => new ivm.Reference(value));
		jail.setSync('take', reference => reference.deref() === value);
		attempt('round', () => context.evalSync('take(give())'));
		jail.setSync('nested', () => ({ r: new ivm.Reference(value) }));
		attempt('nested', () => context.evalSync('take(nested().r)'));
	}),
	'the same function set twice': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		const f = () => 1;
		jail.setSync('a', f);
		jail.setSync('b', f);
		attempt('same', () => context.evalSync('a === b'));
	}),
	'a function of a guest that returns home': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = () => "f"; undefined');
		const f = jail.getSync('f');
		attempt('set', () => jail.setSync('g', f));
		attempt('call', () => context.evalSync('g()'));
		attempt('same', () => context.evalSync('f === g'));
	}),
	'a function of one guest in another': both(async ({ guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.context.evalSync('globalThis.f = value => value + " by one"; undefined');
		attempt('set', () => other.jail.setSync('f', one.jail.getSync('f')));
		attempt('call', () => other.context.evalSync('f("called")'));
		one.isolate.dispose();
		attempt('disposed', () => other.context.evalSync('try { f("called") } catch (error) { error.message }'));
	}),
};
