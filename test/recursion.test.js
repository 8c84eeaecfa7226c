'use strict';

/**
 * Recursion of every kind, by every entry: it ends in a RangeError, or as V8 ends it, and isolate and host go on. What overflows a
 * native stack takes the process, so each kind has one of its own.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child } = require('./helpers');
const { ENDS, OVERFLOWS } = require('./recursion/kinds');

const OVERFLOW = 'RangeError: Maximum call stack size exceeded';

/** Runs a program by every entry, in one isolate; what came of it by each. */
const ENTRIES = `
	const attempt = async (code, promise) => {
		const isolate = new Isolate({ memoryLimit: 256, timeout: 20_000 });
		let context, jail;
		const entries = {
			evalSync: () => context.evalSync(code),
			eval: () => context.eval(code),
			'script.run': async () => (await isolate.compileScript(code)).run(context),
			'reference.apply': () => context.evalSync('code => (0, eval)(code)', { reference: true }).apply(undefined, [code]),
			'module.evaluate': async () => {
				const module = await isolate.compileModule('export default (0, eval)(' + JSON.stringify(code) + ')');
				await module.instantiate(context, () => {});
				await module.evaluate();
				return module.namespace.get('default');
			},
			'an argument of a callback': () => {
				let got;
				jail.setSync('take', new Callback(value => { got = value; }));
				context.evalSync('take((0, eval)(' + JSON.stringify(code) + '))');
				return got;
			},
			'a callback': () => {
				jail.setSync('again', new Callback(() => context.evalSync(code)));
				return context.evalSync('again()');
			},
			'a callback of a callback': () => {
				jail.setSync('again', new Callback(n => n > 0 ? context.evalSync('again(' + (n - 1) + ')') : context.evalSync(code)));
				return context.evalSync('again(5)');
			},
		};
		const seen = {};
		for (const [name, enter] of Object.entries(entries)) {
			context = isolate.createContextSync();
			jail = context.global;
			try {
				seen[name] = await enter();
			} catch (error) {
				seen[name] = (error instanceof RangeError ? 'RangeError' : error.name) + ': ' + error.message.slice(-100);
			}
			// The isolate goes on, with as much stack as before.
			seen[name + ', then'] = isolate.isDisposed ? 'disposed' : context.evalSync('(function f(n) { return n > 0 ? f(n - 1) + 1 : 0 })(5000)');
			seen.host = guest().context.evalSync('1 + 1');
		}
		return seen;
	};
`;

async function outcomes(code) {
	const [seen] = await child(`${ENTRIES} attempt(${JSON.stringify(code)}).then(seen => { report(seen); process.exit(0) });`, { deadline: 60_000 });
	const { host, ...rest } = seen;
	assert.equal(host, 2);
	const ended = Object.entries(rest).filter(([name]) => !name.endsWith(', then'));
	assert.equal(ended.length, 8);
	for (const [name] of ended) {
		assert.equal(rest[`${name}, then`], 5000, name);
	}
	return ended;
}

describe('recursion ends in a RangeError, by every entry, and isolate and host go on:', { concurrency: 2 }, () => {
	for (const [kind, code] of Object.entries(OVERFLOWS)) {
		it(kind, async () => {
			const ended = await outcomes(code);
			assert.deepEqual(ended, ended.map(([name]) => [name, OVERFLOW]));
		});
	}
});

describe('what V8 does without a stack ends well, or as V8 says, by every entry:', { concurrency: 2 }, () => {
	for (const [kind, [code, expected]] of Object.entries(ENDS)) {
		it(kind, async () => {
			for (const [name, outcome] of await outcomes(code)) {
				if (expected instanceof RegExp) {
					assert.match(String(outcome), expected, name);
				} else {
					assert.deepEqual([name, outcome], [name, expected]);
				}
			}
		});
	}
});

describe('deeply nested values that cross the line', () => {
	const NESTED = {
		objects: 'let o = {}; for (let i = 0; i < 1e5; ++i) o = { o }; o',
		arrays: 'let o = []; for (let i = 0; i < 1e5; ++i) o = [o]; o',
		maps: 'let o = 1; for (let i = 0; i < 1e5; ++i) o = new Map([[o, o]]); o',
		sets: 'let o = 1; for (let i = 0; i < 1e5; ++i) o = new Set([o]); o',
		causes: 'let o = new Error("x"); for (let i = 0; i < 1e5; ++i) o = new Error("x", { cause: o }); o',
	};
	/** An outcome is a RangeError, or arrived: of a chain of errors only so much as is told. */
	const PROGRAM = `
		const outcome = async body => {
			try {
				const value = await body();
				return 'arrived as ' + typeof value;
			} catch (error) {
				return error instanceof RangeError ? 'RangeError' : error.name + ': ' + error.message.slice(0, 100);
			}
		};
		const seen = {};
		const { isolate, context, jail } = guest({ memoryLimit: 256, timeout: 20_000 });
	`;
	for (const [what, code] of Object.entries(NESTED)) {
		it(`(${what}) are a RangeError on their way out, and isolate and host go on`, async () => {
			const [seen] = await child(`${PROGRAM}
				jail.setSync('take', new Callback(() => 1));
				jail.setSync('code', ${JSON.stringify(code)});
				const reference = context.evalSync('globalThis.make = () => (0, eval)("{" + code + "}"); make', { reference: true });
				context.evalSync('globalThis.holder = { deep: make() }; 1');
				(async () => {
					seen.evalSync = await outcome(() => context.evalSync('make()', { copy: true }));
					seen.eval = await outcome(() => context.eval('make()', { copy: true }));
					seen.apply = await outcome(() => reference.apply(undefined, [], { result: { copy: true } }));
					seen.get = await outcome(async () => context.evalSync('holder', { reference: true }).get('deep', { copy: true }));
					seen.copy = await outcome(() => context.evalSync('make()', { reference: true }).copy());
					seen.argument = await outcome(() => context.evalSync('take(make())'));
					seen.promise = await outcome(() => context.eval('Promise.resolve(make())', { promise: true, copy: true }));
					seen.then = context.evalSync('1 + 1') + guest().context.evalSync('1 + 1');
					report(seen);
					process.exit(0);
				})();
			`, { deadline: 60_000 });
			assert.equal(seen.then, 4);
			// The chain of causes that is told has an end.
			const expected = what === 'causes' ? /^(?:RangeError|arrived as object|arrived as number)$/ : /^RangeError$/;
			for (const [name, outcome] of Object.entries(seen).filter(([name]) => name !== 'then')) {
				assert.match(outcome, expected, name);
			}
		});

		it(`(${what}) are a RangeError on their way in, and isolate and host go on`, async () => {
			const [seen] = await child(`${PROGRAM}
				const deep = (0, eval)('{' + ${JSON.stringify(code)} + '}');
				const identity = context.evalSync('x => typeof x', { reference: true });
				(async () => {
					seen.setSync = await outcome(() => jail.setSync('deep', deep, { copy: true }));
					seen.set = await outcome(() => jail.set('deep', deep, { copy: true }));
					seen.apply = await outcome(() => identity.apply(undefined, [deep], { arguments: { copy: true } }));
					seen.externalCopy = await outcome(() => jail.setSync('deep', new ExternalCopy(deep).copyInto()));
					jail.setSync('give', new Callback(() => deep));
					seen.result = await outcome(() => context.evalSync('give()'));
					jail.setSync('fail', new Callback(() => { throw Object.assign(new Error('x'), { deep }); }));
					seen.thrown = await outcome(() => context.evalSync('try { fail() } catch { 1 }'));
					seen.then = context.evalSync('1 + 1') + guest().context.evalSync('1 + 1');
					report(seen);
					process.exit(0);
				})();
			`, { deadline: 60_000 });
			assert.equal(seen.then, 4);
			const expected = what === 'causes' ? /^(?:RangeError|arrived as \w+)$/ : /^RangeError$/;
			for (const [name, outcome] of Object.entries(seen).filter(([name]) => name !== 'then')) {
				assert.match(outcome, name === 'thrown' ? /^(?:RangeError|arrived as number)$/ : expected, name);
			}
		});
	}
});

describe('functions that call each other across the line without end', () => {
	const PROGRAMS = {
		'as functions': 'jail.setSync("f", () => again()); const again = context.evalSync("() => f()"); return again()',
		'by applySync': 'jail.setSync("f", new Callback(() => again.applySync())); const again = context.evalSync("() => f()", { reference: true }); return again.applySync()',
		'by evalSync': 'jail.setSync("f", new Callback(() => context.evalSync("f()"))); return context.evalSync("f()")',
		'by runSync': 'const script = isolate.compileScriptSync("f()"); jail.setSync("f", new Callback(() => script.runSync(context))); return script.runSync(context)',
		'by applySyncPromise, in their promises': 'jail.setSync("f", new Reference(() => context.eval("1"))); return context.eval("(function g() { f.applySyncPromise(); g() })()")',
		'in two isolates': 'const b = guest(); b.jail.setSync("f", context.evalSync("() => g()")); jail.setSync("g", b.context.evalSync("() => f()")); return context.evalSync("g()")',
		'inside a getter of the guest': 'jail.setSync("f", new Callback(() => o.getSync("a", { accessors: true }))); const o = context.evalSync("({ get a() { return f() } })", { reference: true }); return o.getSync("a", { accessors: true })',
		'from a sort': 'jail.setSync("f", new Callback(() => context.evalSync("[2, 1].sort(() => f())[0]"))); return context.evalSync("f()")',
	};
	for (const [how, program] of Object.entries(PROGRAMS)) {
		it(`end in a RangeError, ${how}, and isolate and host go on`, async () => {
			const [seen] = await child(`
				const { isolate, context, jail } = guest({ memoryLimit: 256 });
				(async () => {
					let seen;
					try {
						seen = await (async () => { ${program} })();
					} catch (error) {
						seen = [error instanceof RangeError, error.message];
					}
					report([seen, context.evalSync('(function f(n) { return n > 0 ? f(n - 1) + 1 : 0 })(5000)'), guest().context.evalSync('1 + 1')]);
					process.exit(0);
				})();
			`, { deadline: 60_000 });
			assert.deepEqual(seen, [[true, 'Maximum call stack size exceeded'], 5000, 2]);
		});
	}
});
