'use strict';

const { both } = require('../kit');


module.exports = {
	'typeof': both(async ({ ivm, guest, log }) => {
		const { context } = guest();
		for (const code of ['1', '"a"', 'true', 'null', 'undefined', '({})', '[]', '() => 1', '1n', 'Symbol()', 'new Date', 'class {}']) {
			log(code, context.evalSync(`(${code})`, { reference: true }).typeof);
		}
		for (const value of [1, 'a', true, null, undefined, {}, [], () => 1, 1n, Symbol('s')]) {
			log(typeof value, new ivm.Reference(value).typeof);
		}
	}),
	'get, of a guest': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync(`
			globalThis.o = { a: 1, text: 'b', nested: { deep: [1, 2] }, f(x) { return x }, undef: undefined, nil: null, big: 5n, when: new Date(0) };
			undefined`);
		const o = attempt('o', () => jail.getSync('o'));
		for (const key of ['a', 'text', 'nested', 'f', 'undef', 'nil', 'big', 'when', 'absent', 'toString', '__proto__']) {
			attempt(key, () => o.getSync(key));
		}
	}),
	'get with transfer options': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { a: 1, nested: { deep: [1, 2] }, f(x) { return x }, absent: undefined }; undefined');
		const o = jail.getSync('o');
		for (const key of ['a', 'nested', 'f', 'absent']) {
			attempt(`${key} copy`, () => o.getSync(key, { copy: true }));
			attempt(`${key} reference`, () => o.getSync(key, { reference: true }));
			attempt(`${key} externalCopy`, () => o.getSync(key, { externalCopy: true }));
		}
	}),
	'get of a function without options is callable': both(async ({ guest, attempt, log }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.add = (a, b) => a + b; globalThis.self = function () { return typeof this }; undefined');
		const add = jail.getSync('add');
		log(typeof add);
		attempt('call', () => add(1, 2));
		attempt('objects in', () => add({ a: 1 }, 1));
		attempt('this', () => jail.getSync('self')());
		attempt('call with this', () => jail.getSync('self').call({ a: 1 }));
	}),
	'a plain callable copies arguments and results': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.give = () => ({ a: [1] }); globalThis.take = o => o.a.length; globalThis.fail = () => { throw new RangeError("no") }; undefined');
		attempt('give', () => jail.getSync('give')());
		attempt('take', () => jail.getSync('take')({ a: [1, 2, 3] }));
		attempt('fail', () => jail.getSync('fail')());
	}),
	'get async': both(async ({ guest, settle }) => {
		const { context, jail } = guest();
		context.evalIgnored('globalThis.o = { a: 1, inner: {} }; undefined');
		await settle('a value', () => jail.get('o').then(o => o.get('a')));
		await settle('an object', () => jail.get('o'));
		await settle('copy', () => jail.get('o', { copy: true }));
		await settle('absent', () => jail.get('nothing'));
	}),
	'keys': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.list = [10, 20]; list[-1] = "minus"; globalThis[""] = "empty"; undefined');
		const list = jail.getSync('list');
		for (const key of [0, 1, -1, '0', 5, 'length', 2 ** 31, 1.5, undefined, null, true, {}, Symbol.iterator, 1n]) {
			attempt(String(typeof key === 'object' && key ? 'object' : String(key)), () => list.getSync(key));
		}
		attempt('empty', () => jail.getSync(''));
		attempt('none', () => jail.getSync());
		await settle('async', () => list.get(Symbol.iterator));
	}),
	'get of getters': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync(`
			globalThis.o = { get got() { return 'got' }, get thrown() { throw new TypeError('getter') }, get object() { return {} } };
			undefined`);
		const o = jail.getSync('o');
		attempt('plain', () => o.getSync('got'));
		attempt('accessors', () => o.getSync('got', { accessors: true }));
		attempt('throws', () => o.getSync('thrown', { accessors: true }));
		attempt('object', () => o.getSync('object', { accessors: true }));
		attempt('accessors false', () => o.getSync('got', { accessors: false }));
		attempt('accessors wrong', () => o.getSync('got', { accessors: 1 }));
		await settle('async', () => o.get('got', { accessors: true }));
	}),
	'get of what is no plain object': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.proxy = new Proxy({ a: 1 }, {}); globalThis.over = Object.create(new Proxy({}, {})); globalThis.n = 1; globalThis.f = () => 1; globalThis.nil = null; undefined');
		for (const name of ['proxy', 'over', 'n', 'nil', 'f']) {
			attempt(name, () => jail.getSync(name, { reference: true }).getSync('a'));
			attempt(`${name} set`, () => jail.getSync(name, { reference: true }).setSync('a', 1));
			attempt(`${name} delete`, () => jail.getSync(name, { reference: true }).deleteSync('a'));
		}
	}),
	'inherited properties': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = Object.create({ inherited: 1 }); globalThis.list = [1]; undefined');
		attempt('inherited', () => jail.getSync('o').getSync('inherited'));
		attempt('push', () => jail.getSync('list').getSync('push'));
		const own = new ivm.Reference(Object.create({ inherited: 1 }));
		attempt('own', () => own.getSync('inherited'));
		const unsafe = new ivm.Reference(Object.create({ inherited: 1 }), { unsafeInherit: true });
		attempt('own, unsafeInherit', () => unsafe.getSync('inherited'));
		attempt('method', () => new ivm.Reference([1, 2], { unsafeInherit: true }).getSync('join', { reference: true }).typeof);
	}),
	'unsafeInherit wrong': both(async ({ ivm, attempt }) => {
		attempt('1', () => new ivm.Reference({}, { unsafeInherit: 1 }));
		attempt('options 1', () => new ivm.Reference({}, 1));
		attempt('null', () => new ivm.Reference({}, null));
		attempt('none', () => new ivm.Reference());
		attempt('undefined', () => new ivm.Reference(undefined));
	}),
	'set': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		for (const value of [1, 'text', true, null, undefined, 5n, -0]) {
			attempt(`${value} set`, () => jail.setSync('v', value));
			attempt(`${value} seen`, () => context.evalSync('v'));
		}
		attempt('object', () => jail.setSync('v', {}));
		attempt('array', () => jail.setSync('v', [1]));
		attempt('symbol', () => jail.setSync('v', Symbol('s')));
		attempt('date', () => jail.setSync('v', new Date(0)));
		attempt('number key', () => jail.setSync(3, 'three'));
		attempt('number key seen', () => context.evalSync('globalThis[3]'));
	}),
	'set with transfer options': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		attempt('copy', () => jail.setSync('v', { a: [1, 2] }, { copy: true }));
		attempt('seen', () => context.evalSync('v.a.length + (v instanceof Object ? " own" : " other")'));
		attempt('reference', () => jail.setSync('r', { a: 1 }, { reference: true }));
		attempt('seen', () => context.evalSync('typeof r'));
		attempt('externalCopy', () => jail.setSync('e', { a: 1 }, { externalCopy: true }));
		attempt('seen', () => context.evalSync('typeof e'));
		attempt('function copy', () => jail.setSync('f', () => 1, { copy: true }));
		attempt('two', () => jail.setSync('v', 1, { copy: true, reference: true }));
		attempt('options wrong', () => jail.setSync('v', 1, 1));
	}),
	'set, wrong calls': both(async ({ guest, attempt, settle }) => {
		const { jail } = guest();
		attempt('none', () => jail.setSync());
		attempt('one', () => jail.setSync('a'));
		for (const key of [undefined, null, {}, Symbol.iterator, 1.5]) {
			attempt(typeof key, () => jail.setSync(key, 1));
		}
		attempt('ignored, not transferable', () => jail.setIgnored('a', {}));
		await settle('async, not transferable', () => jail.set('a', {}));
	}),
	'set of functions': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('double', value => value * 2);
		attempt('call', () => context.evalSync('double(21)'));
		attempt('type', () => context.evalSync('typeof double'));
		jail.setSync('give', () => ({ a: [1] }));
		attempt('object', () => context.evalSync('give().a.length'));
		jail.setSync('fail', () => { throw new TypeError('by the owner'); });
		attempt('throws', () => context.evalSync('fail()'));
		attempt('caught', () => context.evalSync('try { fail() } catch (error) { error.constructor.name + (error instanceof Error) + error.message }'));
	}),
	'set does not run setters': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.ran = 0; globalThis.o = { set a(value) { ++ran } }; globalThis.sealed = Object.seal({}); globalThis.frozen = Object.freeze({ a: 1 }); Object.defineProperty(globalThis, "fixed", { value: 1 }); undefined');
		attempt('setter', () => jail.getSync('o').setSync('a', 5));
		attempt('ran', () => context.evalSync('ran'));
		attempt('now', () => context.evalSync('o.a'));
		attempt('sealed', () => jail.getSync('sealed').setSync('a', 5));
		attempt('frozen', () => jail.getSync('frozen').setSync('a', 5));
		attempt('fixed', () => jail.setSync('fixed', 5));
		attempt('seen', () => context.evalSync('[frozen.a, fixed, sealed.a].join()'));
	}),
	'set async and ignored': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		attempt('ignored', () => jail.setIgnored('a', 1));
		await settle('set', () => jail.set('b', 2));
		await settle('seen', () => context.eval('a + b'));
	}),
	'delete': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.a = 1; globalThis.b = 2; globalThis.c = 3; Object.defineProperty(globalThis, "fixed", { value: 1 }); undefined');
		attempt('deleteSync', () => jail.deleteSync('a'));
		attempt('absent', () => jail.deleteSync('nothing'));
		attempt('fixed', () => jail.deleteSync('fixed'));
		attempt('none', () => jail.deleteSync());
		attempt('key', () => jail.deleteSync({}));
		attempt('ignored', () => jail.deleteIgnored('b'));
		await settle('delete', () => jail.delete('c'));
		await settle('seen', () => context.eval('[typeof a, typeof b, typeof c, fixed].join()'));
	}),
	'apply': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.add = function (a, b) { return a + b }; globalThis.count = (...all) => all.length; globalThis.self = function () { return this }; globalThis.strict = function () { "use strict"; return this === undefined ? "undefined" : typeof this }; undefined');
		const get = name => jail.getSync(name, { reference: true });
		attempt('two', () => get('add').applySync(undefined, [1, 2]));
		attempt('null receiver', () => get('add').applySync(null, [1, 2]));
		attempt('none', () => get('count').applySync());
		attempt('no arguments', () => get('count').applySync(undefined));
		attempt('empty', () => get('count').applySync(undefined, []));
		attempt('holes', () => get('count').applySync(undefined, [, 1, , 2]));
		attempt('this', () => get('self').applySync('text'));
		attempt('this of nothing', () => get('self').applySync());
		attempt('strict', () => get('strict').applySync());
		attempt('strict text', () => get('strict').applySync('a'));
		attempt('receiver by derefInto', () => get('self').applySync(jail.derefInto()));
	}),
	'apply, wrong calls': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = () => 1; globalThis.o = {}; undefined');
		const f = jail.getSync('f', { reference: true });
		attempt('no function', () => jail.getSync('o').applySync());
		attempt('a number', () => context.evalSync('1', { reference: true }).applySync());
		for (const values of [1, 'ab', {}, true, null]) {
			attempt(JSON.stringify(values), () => f.applySync(undefined, values));
		}
		attempt('object argument', () => f.applySync(undefined, [{}]));
		attempt('object receiver', () => f.applySync({}, []));
		attempt('options', () => f.applySync(undefined, [], 1));
		attempt('timeout', () => f.applySync(undefined, [], { timeout: 'a' }));
		attempt('arguments', () => f.applySync(undefined, [], { arguments: true }));
		attempt('copy at the wrong place', () => f.applySync(undefined, [], { copy: true }));
		attempt('ignored', () => f.applyIgnored(undefined, [{}]));
		await settle('async', () => f.apply(undefined, [{}]));
		await settle('async, no function', () => context.global.apply());
	}),
	'apply with options': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.id = value => value; globalThis.type = value => typeof value; globalThis.give = () => ({ a: 1 }); undefined');
		const get = name => jail.getSync(name, { reference: true });
		attempt('result none', () => get('give').applySync());
		attempt('result copy', () => get('give').applySync(undefined, [], { result: { copy: true } }));
		attempt('result externalCopy', () => get('give').applySync(undefined, [], { result: { externalCopy: true } }));
		attempt('result reference', () => get('give').applySync(undefined, [], { result: { reference: true } }));
		attempt('result reference of a number', () => get('id').applySync(undefined, [1], { result: { reference: true } }));
		attempt('arguments copy', () => get('id').applySync(undefined, [{ a: [1] }], { arguments: { copy: true }, result: { copy: true } }));
		attempt('arguments reference', () => get('type').applySync(undefined, [{ a: [1] }], { arguments: { reference: true } }));
		attempt('a reference comes back', () => get('id').applySync(undefined, [{ mine: 1 }], { arguments: { reference: true } }));
		attempt('arguments externalCopy', () => get('type').applySync(undefined, [{ a: [1] }], { arguments: { externalCopy: true } }));
		attempt('function result', () => get('id').applySync(undefined, [() => 'f'])());
	}),
	'apply async and ignored': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.n = 0; globalThis.next = by => n += by; globalThis.fail = () => { throw new TypeError("no") }; undefined');
		const next = jail.getSync('next', { reference: true });
		const fail = jail.getSync('fail', { reference: true });
		attempt('ignored', () => next.applyIgnored(undefined, [5]));
		attempt('ignored, throws', () => fail.applyIgnored());
		await settle('apply', () => next.apply(undefined, [1]));
		await settle('throws', () => fail.apply());
		await settle('result', () => context.eval('n'));
	}),
	'apply with a timeout': async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.loop = () => { for (;;); }; undefined');
		const loop = jail.getSync('loop', { reference: true });
		attempt('sync', () => loop.applySync(undefined, [], { timeout: 20 }));
		await settle('async', () => loop.apply(undefined, [], { timeout: 20 }));
	},
	'apply of what throws': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = what => { throw what === "error" ? new RangeError("range") : what }; undefined');
		const f = jail.getSync('f', { reference: true });
		for (const what of ['error', 'text', 1, null, undefined, true]) {
			attempt(String(what), () => f.applySync(undefined, [what]));
		}
	}),
	'apply of a class': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('class', () => context.evalSync('class A {}; A', { reference: true }).applySync());
		attempt('bound', () => context.evalSync('(function () { return this.a }).bind({ a: 7 })', { reference: true }).applySync());
		attempt('async', () => context.evalSync('async () => 1', { reference: true }).applySync());
		attempt('generator', () => context.evalSync('(function* () {})', { reference: true }).applySync());
	}),
	'applySyncPromise from the default thread': async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.f = () => 1; undefined');
		attempt('of a guest', () => jail.getSync('f', { reference: true }).applySyncPromise());
		attempt('of the host', () => new ivm.Reference(() => 1).applySyncPromise(undefined, []));
	},
	'copy': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { a: [1, { b: 2 }], when: new Date(7), re: /x/g, map: new Map([[1, 2]]), set: new Set([3]) }; globalThis.f = () => 1; globalThis.s = Symbol("s"); undefined');
		attempt('copySync', () => jail.getSync('o').copySync());
		attempt('number', () => context.evalSync('5', { reference: true }).copySync());
		attempt('function', () => jail.getSync('f', { reference: true }).copySync());
		attempt('symbol', () => jail.getSync('s', { reference: true }).copySync());
		await settle('copy', () => jail.get('o').then(o => o.copy()));
	}),
	'copies are copies': both(async ({ guest, log }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { list: [1] }; undefined');
		const o = jail.getSync('o');
		const copy = o.copySync();
		copy.list.push(2);
		log(copy.list.length, o.copySync().list.length, Object.getPrototypeOf(copy) === Object.prototype);
	}),
	'deref of an own value': both(async ({ ivm, log, attempt }) => {
		const value = { a: 1 };
		const reference = new ivm.Reference(value);
		log(reference.deref() === value, reference.deref() === value);
		log(new ivm.Reference(5).deref(), new ivm.Reference('a').deref());
		log(reference.deref({ release: true }) === value);
		attempt('after release', () => reference.deref());
		attempt('wrong option', () => new ivm.Reference(1).deref({ release: 1 }));
		attempt('null option', () => new ivm.Reference(1).deref(null));
		const symbol = Symbol('s');
		log(new ivm.Reference(symbol).deref() === symbol);
	}),
	'deref of a foreign value': both(async ({ guest, attempt }) => {
		const { jail } = guest();
		attempt('deref', () => jail.deref());
	}),
	'derefInto': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { a: 1 }; undefined');
		const o = jail.getSync('o');
		attempt('made', () => o.derefInto());
		attempt('set', () => jail.setSync('same', o.derefInto()));
		attempt('same', () => context.evalSync('same === o'));
		const into = o.derefInto();
		attempt('first', () => jail.setSync('x', into));
		attempt('second', () => jail.setSync('y', into));
		attempt('both', () => context.evalSync('x === y'));
		attempt('global', () => jail.setSync('global', jail.derefInto()));
		attempt('global same', () => context.evalSync('global === globalThis'));
	}),
	'derefInto with release': both(async ({ guest, attempt }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { a: 1 }; undefined');
		const o = jail.getSync('o');
		const into = attempt('made', () => o.derefInto({ release: true }));
		attempt('released', () => o.getSync('a'));
		attempt('first', () => jail.setSync('x', into));
		attempt('seen', () => context.evalSync('x === o'));
		attempt('second', () => jail.setSync('y', into));
	}),
	'derefInto into a wrong isolate': both(async ({ ivm, guest, attempt }) => {
		const one = guest();
		const other = guest();
		attempt('guest', () => other.jail.setSync('x', one.jail.derefInto()));
		attempt('own value', () => other.jail.setSync('x', new ivm.Reference({}).derefInto()));
		attempt('the isolate goes on', () => other.context.evalSync('typeof x'));
	}),
	'release': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.o = { a: 1 }; undefined');
		const o = jail.getSync('o');
		attempt('release', () => o.release());
		attempt('again', () => o.release());
		attempt('typeof', () => o.typeof);
		attempt('getSync', () => o.getSync('a'));
		attempt('setSync', () => o.setSync('a', 1));
		attempt('deleteSync', () => o.deleteSync('a'));
		attempt('applySync', () => o.applySync());
		attempt('applyIgnored', () => o.applyIgnored());
		attempt('copySync', () => o.copySync());
		attempt('deref', () => o.deref());
		attempt('derefInto', () => o.derefInto());
		attempt('pass', () => jail.setSync('x', o));
		await settle('get', () => o.get('a'));
		await settle('copy', () => o.copy());
	}),
	'own values: get, set, delete, apply, copy': both(async ({ ivm, attempt, log }) => {
		const value = { a: 1, f(x) { return [x, this === undefined] }, inner: { b: 2 }, get g() { return 3; } };
		const reference = new ivm.Reference(value);
		attempt('get', () => reference.getSync('a'));
		attempt('get object', () => reference.getSync('inner'));
		attempt('get copy', () => reference.getSync('inner', { copy: true }));
		attempt('get getter', () => reference.getSync('g'));
		attempt('set', () => reference.setSync('c', 5));
		log(value.c);
		attempt('set object', () => reference.setSync('d', {}));
		attempt('delete', () => reference.deleteSync('c'));
		log('c' in value);
		attempt('copy', () => new ivm.Reference({ x: [1] }).copySync());
		attempt('apply', () => new ivm.Reference((a, b) => a + b).applySync(undefined, [1, 2]));
		attempt('apply object', () => new ivm.Reference(() => ({})).applySync());
		attempt('apply copy', () => new ivm.Reference(o => o.list).applySync(undefined, [{ list: [1] }], { arguments: { copy: true }, result: { copy: true } }));
		attempt('throws', () => new ivm.Reference(() => { throw new RangeError('own'); }).applySync());
	}),
	'own values, async': both(async ({ ivm, settle }) => {
		const reference = new ivm.Reference({ a: 1, f: () => 2 });
		await settle('get', () => reference.get('a'));
		await settle('set', () => reference.set('b', 5));
		await settle('copy', () => new ivm.Reference([1, 2]).copy());
		await settle('apply', () => new ivm.Reference(a => a * 2).apply(undefined, [4]));
		await settle('throws', () => new ivm.Reference(() => { throw new TypeError('own'); }).apply());
		await settle('promise', () => new ivm.Reference(async () => 'later').apply(undefined, [], { result: { promise: true } }));
	}),
	'errors thrown by own values are the same objects': async ({ ivm, log }) => {
		const error = new RangeError('own');
		try {
			new ivm.Reference(() => { throw error; }).applySync();
		} catch (caught) {
			log(caught === error, caught.message);
		}
	},
	'a reference passes through a guest and back': both(async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		const value = { mine: true };
		jail.setSync('r', new ivm.Reference(value));
		const back = attempt('back', () => jail.getSync('r'));
		log(back.deref() === value);
		const evaluated = context.evalSync('r');
		log(evaluated instanceof ivm.Reference, evaluated.deref() === value);
	}),
	'classes of what is returned': both(async ({ ivm, guest, log }) => {
		const { isolate, context, jail } = guest();
		context.evalSync('globalThis.o = {}; undefined');
		log(Object.getPrototypeOf(jail) === ivm.Reference.prototype, jail.getSync('o') instanceof ivm.Reference,
			Object.getPrototypeOf(context) === ivm.Context.prototype,
			Object.getPrototypeOf(isolate.compileScriptSync('1')) === ivm.Script.prototype,
			Object.getPrototypeOf(context.evalSync('o', { externalCopy: true })) === ivm.ExternalCopy.prototype,
			Object.getPrototypeOf(context.evalSync('o', { reference: true })) === ivm.Reference.prototype);
	}),
	'get of a promise': both(async ({ guest, attempt, settle }) => {
		const { context, jail } = guest();
		context.evalSync('globalThis.p = Promise.resolve([1]); globalThis.bad = Promise.reject(new RangeError("bad")); bad.catch(() => {}); undefined');
		attempt('none', () => jail.getSync('p'));
		const promise = attempt('promise', () => jail.getSync('p', { promise: true, copy: true }));
		const bad = jail.getSync('bad', { promise: true });
		await settle('settled', () => promise);
		await settle('bad', () => bad);
	}),
	'methods on a wrong receiver': both(async ({ ivm, guest, attempt }) => {
		const { isolate, jail } = guest();
		for (const name of ['getSync', 'setSync', 'deleteSync', 'applySync', 'copySync', 'deref', 'derefInto', 'release']) {
			attempt(name, () => jail[name].call(isolate, 'a', 'b'));
		}
		attempt('typeof', () => Reflect.get(ivm.Reference.prototype, 'typeof', {}));
	}),
};
