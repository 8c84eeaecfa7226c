'use strict';

const { both } = require('../kit');

module.exports = {
	'errors of a guest by class': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const name of ['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError']) {
			attempt(name, () => context.evalSync(`throw new ${name}("by the guest")`));
		}
	}),
	'EvalError and URIError': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('EvalError', () => context.evalSync('throw new EvalError("e")'));
		attempt('URIError', () => context.evalSync('throw new URIError("u")'));
		attempt('decodeURI', () => context.evalSync('decodeURIComponent("%")'));
	}),
	'classes of a guest': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('own', () => context.evalSync('class Own extends Error {}; throw new Own("own")'));
		attempt('named', () => context.evalSync('class Named extends Error { get name() { return "Named" } }; throw new Named("n")'));
		attempt('typed', () => context.evalSync('class Typed extends TypeError {}; throw new Typed("typed")'));
		attempt('aggregate', () => context.evalSync('throw new AggregateError([new Error("inner")], "many")'));
		attempt('name set', () => context.evalSync('const error = new Error("x"); error.name = "Mine"; throw error'));
	}),
	'errors that V8 raises in a guest': both(async ({ guest, attempt }) => {
		const { context } = guest();
		for (const code of ['null.a', 'undefined.a', 'nothing', '(1)()', 'new 1', 'const a = 1; a = 2', '[].reduce(() => 1)', 'new Array(-1)',
			'"x".repeat(-1)', 'JSON.parse("{")', 'BigInt(1.5)', '1n + 1', 'Symbol() + ""', 'let q = q1; let q1', 'super_()', '({}).a.b', 'null[Symbol.iterator]',
			'const [x] = null', 'const { y } = undefined', 'new (class { constructor() { this.#p } #p = 1 })().x.y', 'eval("}")', 'new Function("}")']) {
			attempt(code, () => context.evalSync(code));
		}
	}),
	'thrown values that are no errors': both(async ({ guest, attempt, settle }) => {
		const { context } = guest();
		for (const code of ['"text"', '1', 'true', 'null', 'undefined', '5n']) {
			attempt(code, () => context.evalSync(`throw ${code}`));
		}
		await settle('async', () => context.eval('throw "text"'));
	}),
	'thrown objects that are no errors': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('object', () => context.evalSync('throw { a: 1 }'));
		attempt('array', () => context.evalSync('throw [1, 2]'));
		attempt('function', () => context.evalSync('throw () => 1'));
		attempt('symbol', () => context.evalSync('throw Symbol("s")'));
	}),
	'thrown traps': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('message getter', () => context.evalSync('throw Object.defineProperty(new Error, "message", { get() { return "got" } })'));
		attempt('message object', () => context.evalSync('const e = new Error; e.message = { toString() { return "text" } }; throw e'));
		attempt('no prototype', () => context.evalSync('throw Object.setPrototypeOf(new Error("bare"), null)'));
		attempt('stack getter', () => context.evalSync('throw Object.defineProperty(new Error("s"), "stack", { get() { throw 1 } })'));
		attempt('the isolate goes on', () => context.evalSync('1'));
	}),
	'messages': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('empty', () => context.evalSync('throw new Error'));
		attempt('lines', () => context.evalSync('throw new Error("a\\nb")'));
		attempt('unicode', () => context.evalSync('throw new Error("\\u{1f600} é")'));
		attempt('long', () => context.evalSync('throw new Error("x".repeat(100))'));
	}),
	'stacks show both sides': async ({ guest, log }) => {
		const { context } = guest();
		const lines = error => error.stack.split('\n').map(line => line.trim()).filter(line => !line.includes('node:internal'));
		try {
			context.evalSync('function inner() { throw new Error("deep") }\nfunction outer() { inner() }\nouter()', { filename: 'guest.js' });
		} catch (error) {
			const all = lines(error);
			log(all[0], '|', all[1], '|', all[2], '|', all[3], '|', all[4]);
			log(all.some(line => line.includes('errors.js')));
		}
		try {
			await context.eval('throw new Error("later")', { filename: 'guest.js' });
		} catch (error) {
			const all = lines(error);
			log(all[0], '|', all[1], '|', all[2]);
			log(all.some(line => line.includes('errors.js')));
		}
	},
	'errors of the host in a guest': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('fail', () => { throw new TypeError('by the host'); });
		const look = what => `try { fail() } catch (error) { ${what} }`;
		attempt('class', () => context.evalSync(look('error instanceof TypeError && error.constructor.name')));
		attempt('message', () => context.evalSync(look('error.message')));
		attempt('name', () => context.evalSync(look('error.name')));
		attempt('stack', () => context.evalSync(look('typeof error.stack')));
		attempt('constructor', () => context.evalSync(look('error.constructor.constructor("return typeof process")()')));
		attempt('rethrown', () => context.evalSync(look('throw error')));
	},
	'errors of the host: values that are no errors': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		const values = ['text', 5, null, undefined, { a: 1 }, true];
		jail.setSync('fail', i => { throw values[i]; });
		for (let i = 0; i < values.length; ++i) {
			attempt(String(i), () => context.evalSync(`try { fail(${i}) } catch (error) { typeof error + (error instanceof Error ? error.message : JSON.stringify(error)) }`));
		}
	},
	'own classes of the host': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		class HttpError extends Error {
			constructor(status) {
				super(`status ${status}`);
				this.status = status;
			}
		}
		jail.setSync('fail', () => { throw new HttpError(404); });
		attempt('class', () => context.evalSync('try { fail() } catch (error) { [error.constructor.name, error.name, error.message].join() }'));
		attempt('property', () => context.evalSync('try { fail() } catch (error) { String(error.status) }'));
	},
	'own properties of guest errors': both(async ({ guest, log }) => {
		const { context } = guest();
		try {
			context.evalSync('const error = new Error("with more"); error.code = "E_MINE"; error.detail = { a: 1 }; throw error');
		} catch (error) {
			log(error.message, error.code, error.detail);
		}
	}),
	'cause': both(async ({ guest, log }) => {
		const { context } = guest();
		try {
			context.evalSync('throw new Error("outer", { cause: new TypeError("inner") })');
		} catch (error) {
			log(error.message, 'cause' in error, error.cause?.message);
		}
	}),
	'errors through two walls': async ({ guest, attempt }) => {
		const one = guest();
		const other = guest();
		one.context.evalSync('globalThis.fail = () => { throw new RangeError("from one") }; undefined');
		other.jail.setSync('fail', one.jail.getSync('fail'));
		attempt('uncaught', () => other.context.evalSync('fail()'));
		attempt('caught', () => other.context.evalSync('try { fail() } catch (error) { error.constructor.name + error.message + (error instanceof RangeError) }'));
	},
	'a stack overflow through callbacks': async ({ guest, attempt }) => {
		const { context, jail } = guest();
		jail.setSync('down', n => context.evalSync(`down(${n} + 1)`));
		attempt('overflow', () => {
			try {
				return context.evalSync('down(0)');
			} catch (error) {
				return error.constructor.name;
			}
		});
		attempt('the isolate goes on', () => context.evalSync('1'));
	},
	'errors are instances of the host\'s classes': both(async ({ guest, log }) => {
		const { context } = guest();
		for (const name of ['Error', 'TypeError', 'RangeError']) {
			try {
				context.evalSync(`throw new ${name}`);
			} catch (error) {
				log(error instanceof Error, error instanceof ({ Error, TypeError, RangeError })[name], Object.prototype.toString.call(error));
			}
		}
	}),
	'syntax errors in eval of a guest': both(async ({ guest, attempt }) => {
		const { context } = guest();
		attempt('caught', () => context.evalSync('try { eval("}") } catch (error) { error.constructor.name + error.message }'));
		attempt('regexp', () => context.evalSync('new RegExp("(")'));
		attempt('json', () => context.evalSync('JSON.parse("")'));
	}),
};
