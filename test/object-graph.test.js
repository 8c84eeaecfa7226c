'use strict';

/**
 * What a guest finds: all that leads anywhere from its global object, from what it was handed, and from what its code is told
 * of the code that called it, is of its own realm, and a handle only where it was given one.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest } = require('./helpers');
const WALK = require('./object-graph/walk');

/** Everything that is global in a new context. A new one of V8's is to be looked at before it stands here. */
const GLOBALS = `
	AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date DisposableStack Error
	EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON
	Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol
	SyntaxError Temporal TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly console
	decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape
`.trim().split(/\s+/);

/** Names that are like the host's, and are JavaScript's or the library's own. */
const LIKE = ['globalThis.RegExp.prototype.global'];
const UNSCOPABLES = 'globalThis.Array.prototype.[Symbol.unscopables]';

/** Walks from a context's global object and from further roots: `setup` is code of the host, `roots` of the guest. */
async function walked(setup, roots = '') {
	const [told] = await child(`
		const { isolate, context, jail } = guest({ memoryLimit: 256 });
		${setup}
		const code = ${JSON.stringify(`
			globalThis.walk = ${WALK};
			JSON.stringify(walk({ globalThis, async: async () => {}, generator: function* () {}, asyncGenerator: async function* () {}, ${roots} }))`)};
		const told = JSON.parse(context.evalSync(code, { timeout: 20_000 }));
		report(told);
		process.exit(0);
	`, { deadline: 60_000 });
	assert.ok(told.count > 5000, String(told.count));
	return told;
}

/** Classes of which there is an object in `told`, but none in `bare`. */
const added = (told, bare) => Object.keys(told.instances).filter(name => !(name in bare.instances)).sort();

describe('the walk over all a guest can reach', () => {
	let bare;

	it('finds things of JavaScript in a bare context, and nothing else', async () => {
		bare = await walked('');
		const { strangers, bare: without, names } = bare;
		assert.deepEqual({ strangers, without, names }, { strangers: [], without: [UNSCOPABLES], names: LIKE });
		const classes = ['Reference', 'ExternalCopy', 'Callback', 'Isolate', 'Context', 'Script', 'Module', 'Handle', 'Library'];
		assert.deepEqual(Object.keys(bare.instances).filter(name => classes.includes(name)), []);
	});

	it('finds references and external copies with their classes in a context that has some, and no other handles', async () => {
		const told = await walked(`
			jail.setSync('reference', new Reference({ a: 1 }));
			jail.setSync('referenceToFunction', new Reference(() => ({ a: 1 })));
			jail.setSync('callback', new Callback(() => ({ a: [1, new Error('of the host')] })));
			jail.setSync('async', new Callback(async () => ({ a: 1 }), { async: true }));
			jail.setSync('ignored', new Callback(() => {}, { ignored: true }));
			jail.setSync('fails', new Callback(() => { throw Object.assign(new RangeError('of the host', { cause: { a: 1 } }), { extra: [1] }); }));
			jail.setSync('plain', function plain() { return this === undefined; });
			jail.setSync('copy', new ExternalCopy({ a: [1, new Map([[1, new Date()]])] }));
			jail.setSync('data', { a: [1, new Set([/x/])], error: new TypeError('x'), bytes: new Uint8Array(3) }, { copy: true });
			jail.setSync('promise', Promise.resolve(1), { promise: true });
		`);
		const { strangers, bare: without, names } = told;
		assert.deepEqual({ strangers, without, names }, { strangers: [], without: [UNSCOPABLES], names: LIKE });
		assert.deepEqual(added(told, bare), ['ExternalCopy', 'Handle', 'Reference']);
	});

	it('finds isolates only that it makes itself in a context that has the library', async () => {
		const told = await walked('jail.setSync("ivm", islet);');
		const { strangers, bare: without, names } = told;
		assert.deepEqual({ strangers, without, names: names.filter(name => !name.startsWith('globalThis.ivm.Context.')) }, {
			strangers: [], without: [UNSCOPABLES], names: LIKE,
		});
		assert.deepEqual(added(told, bare), ['CallbackBase', 'Handle', 'Isolate', 'Library']);
		assert.match(told.instances.Isolate, /^new globalThis\.ivm\.(?:Isolate|constructor)/);
	});

	it('finds nothing more when a handle of each kind was given', async () => {
		const told = await walked(`
			jail.setSync('isolate', isolate);
			jail.setSync('context', context);
			jail.setSync('script', isolate.compileScriptSync('({ a: 1 })'));
			jail.setSync('aModule', isolate.compileModuleSync('export const a = 1'));
		`);
		assert.deepEqual(told.strangers, []);
		assert.deepEqual(told.bare, [UNSCOPABLES]);
		assert.deepEqual(told.names.filter(name => !/\.global$/.test(name)), []);
	});

	it('would find what is of another realm', async () => {
		const { strangers } = await walked(`
			const other = isolate.createContextSync();
			jail.setSync('alien', other.evalSync('({ deep: [() => 1] })', { reference: true }).derefInto());
		`);
		for (const stranger of ['globalThis.alien (prototypes)', 'globalThis.alien.deep (prototypes)', 'globalThis.alien.deep.0 (function)']) {
			assert.ok(strangers.includes(stranger), stranger);
		}
	});
});

describe('the global object', () => {
	it('has exactly the properties that are known', () => {
		const { evaluate } = guest();
		assert.deepEqual(evaluate('Reflect.ownKeys(globalThis).map(String)').sort(), [...GLOBALS].sort());
	});

	it('is what functions without a receiver get, however they are made', () => {
		const { context } = guest();
		for (const maker of [
			'Function("return this")()', '(0, eval)("this")', '(function () { return this })()', 'new Function("return this")()', '(() => {}).constructor("return this")()',
			'[].map.constructor("return this")()', '(class {}).constructor("return this")()', 'Reflect.construct(Function, ["return this"])()',
			'[function () { return this }][0].call(null)', 'Object.getOwnPropertyDescriptor(RegExp.prototype, "flags").get.constructor("return this")()',
		]) {
			assert.equal(context.evalSync(`${maker} === globalThis`), true, maker);
		}
	});

	it('has a chain of prototypes that ends in the realm', () => {
		const { evaluate } = guest();
		assert.deepEqual(evaluate(`
			const chain = [];
			for (let o = globalThis; o !== null; o = Object.getPrototypeOf(o)) chain.push(o === globalThis ? 'global' : o === Object.prototype ? 'Object.prototype' : Reflect.ownKeys(o).length);
			[chain.at(0), chain.at(-1), chain.length <= 3]`), ['global', 'Object.prototype', true]);
	});
});

describe('functions of the host', () => {
	/** Code that is run with a function of each kind that a host gives. */
	const KINDS = `
		jail.setSync('callback', new Callback(() => 1));
		jail.setSync('plain', () => 1);
		jail.setSync('async', new Callback(async () => 1, { async: true }));
		jail.setSync('ignored', new Callback(() => {}, { ignored: true }));
		context.evalSync('globalThis.functions = [callback, plain, async, ignored]; 1');
	`;

	it('lead by their constructors to the guest\'s own realm', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			${KINDS}
			report(context.evalSync(\`functions.every(f =>
				Object.getPrototypeOf(f) === Function.prototype && f.constructor === Function && f.constructor('return this')() === globalThis &&
				f.constructor.constructor === Function && f.__proto__.__proto__ === Object.prototype)\`));
		`);
		assert.equal(seen, true);
	});

	it('tell neither source nor caller nor arguments', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			${KINDS}
			report(context.evalSync(\`JSON.stringify(functions.map(f => {
				const look = key => { try { return String(f[key]) } catch (error) { return error.constructor === TypeError ? 'TypeError' : 'stranger' } };
				return [Function.prototype.toString.call(f).replace(/\\\\s+/g, ' '), look('caller'), look('arguments'), Reflect.ownKeys(f).join()];
			}))\`));
		`);
		for (const [source, caller, args, keys] of JSON.parse(seen)) {
			assert.match(source, /^function \w*\(\) { \[native code\] }$/);
			assert.match(caller, /^(?:null|undefined|TypeError)$/);
			assert.match(args, /^(?:null|undefined|TypeError)$/);
			assert.doesNotMatch(keys, /caller|arguments/);
		}
	});

	it('throw errors of the guest\'s own realm, whatever the host throws', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			const thrown = [new Error('e'), new RangeError('r', { cause: new TypeError('t') }), new AggregateError([new Error('inner')], 'a'), { a: 1 }, [1], new Map(), new Date(), () => 1, Symbol('s'), 1,
				Object.create(null), new (class Own extends Error {})('own'), new Proxy({}, {}), Promise.resolve(1), new (class { #secret = 1 })()];
			jail.setSync('fail', new Callback(n => { throw thrown[n]; }));
			report(JSON.parse(context.evalSync(\`
				const walk = ${WALK.replace(/[\\`$]/g, '\\$&')};
				const roots = {};
				for (let n = 0; n < \${thrown.length}; ++n) try { fail(n) } catch (error) { roots['e' + n] = { error } }
				JSON.stringify([Object.keys(roots).length, walk(roots)])
			\`)));
			process.exit(0);
		`);
		const [count, { strangers, bare: without }] = seen;
		assert.equal(count, 15);
		assert.deepEqual(strangers, []);
		assert.deepEqual(without.filter(path => !path.endsWith('.[Symbol.unscopables]')), []);
	});
});

describe('what code is told of the code that called it', () => {
	/** Sees, in `seen`, all that call sites tell when an error is made in a function that was called by `call`. */
	const LOOK = `
		globalThis.seen = { n: 0 };
		globalThis.look = () => {
			const before = Error.prepareStackTrace;
			Error.prepareStackTrace = (error, sites) => {
				for (const site of sites) {
					for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(site))) {
						if (name === 'constructor') continue;
						let value;
						try { value = site[name](); } catch (error) { value = { error }; }
						seen['n' + seen.n++ + '-' + name] = { value };
					}
					seen['n' + seen.n++ + '-site'] = site;
				}
				return sites.length;
			};
			const error = new Error('x');
			seen['n' + seen.n++ + '-stack'] = { stack: error.stack };
			Error.prepareStackTrace = before;
			for (let f = look, i = 0; f && i < 50; ++i) {
				let caller;
				try { caller = f.caller; seen['n' + seen.n++ + '-arguments'] = { arguments: f.arguments }; } catch (error) { seen['n' + seen.n++ + '-error'] = error; }
				seen['n' + seen.n++ + '-caller'] = { caller };
				f = caller;
			}
			return 1;
		};
		globalThis.sloppy = function sloppy() {
			for (const key of ['caller', 'arguments']) {
				let value;
				try { value = sloppy[key]; } catch (error) { value = error; }
				seen['n' + seen.n++ + '-' + key] = { value };
			}
			return look();
		};
	`;
	const CALLS = {
		'a call of the host\'s': 'context.evalSync("look")()',
		'evalSync': 'context.evalSync("sloppy()")',
		'evalClosureSync': 'context.evalClosureSync("return sloppy()")',
		'applySync of the host\'s': 'context.evalSync("sloppy", { reference: true }).applySync(undefined, [])',
		'a getter that a reference of the host\'s reads': 'context.evalSync("({ get a() { return sloppy() } })", { reference: true }).getSync("a", { accessors: true })',
		'a function within a function of the host': 'jail.setSync("host", new Callback(() => context.evalSync("sloppy()"))); context.evalSync("(function inner() { return host() })()")',
		'an argument\'s getter that the library reads': `jail.setSync("reference", new Reference(() => 1)); context.evalSync("reference.applySync(undefined, [1], { get arguments() { sloppy(); return { copy: true } } })")`,
		'an iterator of arguments': `jail.setSync("reference", new Reference(() => 1)); context.evalSync("reference.applySync(undefined, { get length() { sloppy(); return 0 }, [Symbol.iterator]: sloppy })")`,
		'an option that converts itself': `jail.setSync("reference", new Reference(() => 1)); context.evalSync("reference.applySync(undefined, [], { timeout: { valueOf() { sloppy(); return 5 } } })")`,
		'a constructor of the library': 'jail.setSync("ivm", islet); context.evalSync("new ivm.ExternalCopy({ get a() { return sloppy() } })"); context.evalSync("new ivm.Isolate({ get memoryLimit() { sloppy(); return 16 } })")',
		'a class that extends one of the library': 'jail.setSync("ivm", islet); context.evalSync("new (class extends ivm.Reference { constructor() { super({}); sloppy() } })()")',
		'a reaction to a promise of the library': 'jail.setSync("later", new Callback(async () => 1, { async: true })); await context.eval("later().then(sloppy)", { promise: true })',
		'a then that the library calls': 'await context.eval("({ then(resolve) { sloppy(); resolve(1) } })", { promise: true, copy: true })',
		'a getter of what is copied': 'context.evalSync("({ get a() { return sloppy() } })", { copy: true })',
		'a thrown error\'s accessors': 'context.evalSync("throw Object.defineProperties(new Error(1), { message: { get: sloppy }, name: { get: sloppy }, stack: { get: sloppy }, cause: { get: sloppy } })")',
	};
	/** These run no code of the guest at all. */
	const QUIET = ['an iterator of arguments', 'an option that converts itself', 'a then that the library calls'];
	for (const [how, call] of Object.entries(CALLS)) {
		it(`leads nowhere else: ${how}`, async () => {
			const [told] = await child(`
				const { isolate, context, jail } = guest();
				const code = ${JSON.stringify(LOOK)};
				context.evalSync(code);
				(async () => {
					try { ${call.replace(/\n/g, ' ')} } catch {}
					const seen = JSON.parse(context.evalSync('globalThis.walk = ' + ${JSON.stringify(WALK)} + '; seen.first = globalThis; JSON.stringify([seen.n, walk(seen)])', { timeout: 20_000 }));
					report(seen);
					process.exit(0);
				})();
			`);
			const [n, { strangers, names, instances }] = told;
			assert.ok(QUIET.includes(how) ? n === 0 : n > 20, String(n));
			assert.deepEqual(strangers, []);
			assert.deepEqual(names.filter(name => !/\.global$/.test(name)), []);
			for (const name of Object.keys(instances).filter(name => ['Isolate', 'Context', 'Script', 'Module', 'Session'].includes(name))) {
				assert.match(instances[name], /^new |\.new /, name);
			}
		});
	}
});

describe('what the library makes in a guest', () => {
	it('are plain promises, whatever the guest puts in the place of Promise and its species', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			jail.setSync('reference', new Reference(async () => 1));
			jail.setSync('later', new Callback(async () => 1, { async: true }));
			(async () => {
				const told = await context.eval(\`(async () => {
					const { prototype } = Promise;
					const taken = [];
					Object.defineProperty(Promise, Symbol.species, { get() { taken.push('species'); return class extends Promise {} } });
					const made = [reference.apply(undefined, []), later(), reference.get('a')];
					return JSON.stringify([made.map(each => Object.getPrototypeOf(each) === prototype), (await Promise.all(made)).length, walk({ made }).strangers]);
				})()\`.replace('(async', 'globalThis.walk = ' + ${JSON.stringify(WALK)} + '; (async'), { promise: true, timeout: 20_000 });
				report(JSON.parse(told));
				process.exit(0);
			})();
		`);
		assert.deepEqual(seen, [[true, true, true], 3, []]);
	});

	it('are arrays and objects of its own realm, whatever the species of its arrays', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			jail.setSync('give', new Callback(() => [[1], { a: [1] }, new Uint8Array(2), new Map([[1, [2]]])]));
			report(JSON.parse(context.evalSync(\`
				let taken = 0;
				for (const Class of [Array, Map, Set, ArrayBuffer, RegExp, Object.getPrototypeOf(Uint8Array)])
					Object.defineProperty(Class, Symbol.species, { get() { ++taken; return Class } });
				const value = give();
				JSON.stringify([taken, value.constructor === Array, value[1].constructor === Object, value[3].get(1).constructor === Array])
			\`)));
		`);
		assert.deepEqual(seen, [0, true, true, true]);
	});

	it('by __proto__ of what came in reaches nothing that was there before', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			jail.setSync('data', JSON.parse('{ "__proto__": { "polluted": 1 }, "constructor": { "prototype": { "polluted": 1 } } }'), { copy: true });
			const out = context.evalSync("({ ['__proto__']: { polluted: 1 }, constructor: 1 })", { copy: true });
			report([context.evalSync('[typeof {}.polluted, Object.keys(data).join()].join(" ")'), typeof {}.polluted, Object.getPrototypeOf(out) === Object.prototype, Object.keys(out)]);
		`);
		assert.deepEqual(seen, ['undefined __proto__,constructor', 'undefined', true, ['__proto__', 'constructor']]);
	});
});
