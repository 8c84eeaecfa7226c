'use strict';

/**
 * Guests that were given the library and want what isn't theirs: handles of other contexts, time after their time, memory beside
 * their memory.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Isolate, Reference } = require('..');
const ivm = require('..');
const { FEW, child, guest, throws, until } = require('./helpers');

/** A guest that has the library, itself, and its context. */
function inside(options) {
	const made = guest(options);
	made.jail.setSync('ivm', ivm);
	made.jail.setSync('isolate', made.isolate);
	made.jail.setSync('context', made.context);
	made.run = (code, more) => made.context.evalSync(code, more);
	return made;
}

/** An isolate with a context that holds a secret, and another context of it. */
function besideSecret() {
	const isolate = new Isolate();
	isolate.createContextSync().global.setSync('secret', new Reference({ key: 'SECRET' }));
	const context = isolate.createContextSync();
	return { context, jail: context.global, run: code => context.evalSync(code) };
}

/** Code that tries `make` for every place of the guest's table. */
const tryPlaces = make => `
	let found = '';
	for (let i = 0; i < 16; ++i) {
		try { found += (${make})(i).getSync('key') ?? ''; } catch {}
	}
	found
`;

describe('handles of others', () => {
	it('can\'t be made by setters that wait in the way while the library is loaded', () => {
		const { run, jail } = besideSecret();
		run(`
			const { defineProperty } = Reflect;
			globalThis.stolen = [];
			let count = 0;
			for (let i = 0; i < 8; ++i) {
				for (const target of [Array.prototype, Object.prototype]) {
					defineProperty(target, i, { __proto__: null, configurable: true, set(value) {
						defineProperty(stolen, count++, { __proto__: null, value, enumerable: true });
						defineProperty(this, i, { __proto__: null, value, configurable: true, writable: true, enumerable: true });
					} });
				}
			}
		`);
		jail.setSync('r', new Reference({}));
		run('for (let i = 0; i < 8; ++i) { delete Array.prototype[i]; delete Object.prototype[i]; }');
		assert.equal(run(tryPlaces(`i => { for (const f of stolen) { const made = f(i, 'object'); if (made.getSync?.('key')) return made; } }`)), '');
		assert.equal(run('stolen.filter(each => typeof each === "function").length'), 0);
	});

	it('can\'t be made with a Symbol that keeps what it makes', () => {
		const { run, jail } = besideSecret();
		run(`
			globalThis.made = [];
			globalThis.Symbol = new Proxy(Symbol, { apply: (target, self, values) => made[made.length] = target(...values) });
		`);
		jail.setSync('r', new Reference({}));
		assert.equal(run(tryPlaces('i => { for (const each of made) { try { return new r.constructor(each, i, "object"); } catch {} } }')), '');
		assert.equal(run('r.getSync("key")'), undefined);
	});

	it('can\'t be made by a class put under one of the library', () => {
		const { run, jail } = besideSecret();
		jail.setSync('ivm', ivm);
		assert.equal(run(`
			let told = 0;
			for (let Class of [ivm.Reference, ivm.ExternalCopy, ivm.Isolate, ivm.Callback, ivm.Context, ivm.Script, ivm.constructor]) {
				for (; typeof Class === 'function' && Class !== Function.prototype; Class = Object.getPrototypeOf(Class)) {
					if (Reflect.setPrototypeOf(Class, function(...values) { told += values.length; return {}; })) ++told;
				}
			}
			new ivm.Reference({});
			new ivm.ExternalCopy({});
			new ivm.Callback(() => {});
			new ivm.Reference({}).derefInto();
			told
		`), 0);
	});
});

describe('time', () => {
	it('of reactions is that of the call that made the promise', async () => {
		const { run, context, jail, isolate } = inside();
		jail.setSync('later', new ivm.Callback(async () => {}, { async: true }));
		for (const code of [
			'context.eval("1").then(() => { for (;;); })',
			'later().then(() => { for (;;); })',
			'new ivm.Isolate().createContext().then(() => { for (;;); })',
			'isolate.getHeapStatistics().then(() => later()).then(() => { for (;;); })',
		]) {
			assert.equal(run(`${code}; 1`, { timeout: 50 }), 1);
			await until(() => context.eval('true'));
		}
		assert.equal(isolate.isDisposed, false);
	});

	it('of functions that hear of nested isolates is that of the call that handed them over', async () => {
		const { run, context, isolate } = inside();
		run(`
			const inner = new ivm.Isolate({ onUnhandledRejection() { globalThis.heard = true; for (;;); } }).createContextSync();
			inner.evalSync('Promise.reject(1); 1');
		`, { timeout: FEW ? 2000 : 300 });
		await until(() => context.eval('globalThis.heard === true'));
		assert.equal(await context.eval('1 + 1'), 2);
		assert.equal(isolate.isDisposed, false);
	});

	it('isn\'t spent waiting for a promise of the guest\'s own, which could not be settled meanwhile', async () => {
		const [seen] = await child(`
			const { context, jail } = guest();
			jail.setSync('ivm', islet);
			const code = \`
				const caught = [];
				for (const f of [async () => { await null; return 1; }, () => new Promise(() => {})]) {
					try { caught.push(new ivm.Reference(f).applySyncPromise()); } catch (error) { caught.push(error.code); }
				}
				caught.push(new ivm.Reference(() => 5).applySyncPromise());
				caught.join()
			\`;
			report(context.evalSync(code));
		`);
		assert.equal(seen, 'ERR_WRONG_THREAD,ERR_WRONG_THREAD,5');
	});
});

describe('requests', () => {
	it('end with what the number of their arguments throws', () => {
		const { run } = inside();
		throws(() => run(`
			let count = 0;
			const length = { valueOf() { if (count++ > 0) throw new RangeError('no number'); return 0; } };
			const values = new Proxy([], { get: (target, key) => key === 'length' ? length : target[key] });
			globalThis.called = false;
			new ivm.Reference(() => { called = true; }).applySync(undefined, values)
		`), RangeError, 'no number');
		assert.equal(run('called'), false);
	});
});

describe('memory', () => {
	it('of isolates that ended is given back at once, also in the middle of a call', () => {
		const { run } = inside({ memoryLimit: 32 });
		assert.equal(run(`
			let count = 0;
			for (; count < 60; ++count) {
				const made = new ivm.Isolate({ memoryLimit: 8 });
				if (count % 2) made.createContextSync();
				made.dispose();
			}
			count
		`), 60);
	});

	it('of isolates that nothing refers to is given back when there is no room for another', () => {
		const { run } = inside({ memoryLimit: 32 });
		assert.equal(run('let count = 0; for (; count < 60; ++count) new ivm.Isolate({ memoryLimit: 8 }); count'), 60);
	});

	it('of isolates that a guest keeps is counted also before one of them collects', async () => {
		const [made, grown] = await child(`
			const { context, jail } = guest({ memoryLimit: 64 });
			jail.setSync('ivm', islet);
			const before = process.memoryUsage.rss();
			report(context.evalSync(\`
				globalThis.kept = [];
				let count = 0;
				try {
					for (; count < 30; ++count) {
						const made = new ivm.Isolate({ memoryLimit: 64 }).createContextSync();
						kept.push(made);
						made.evalSync('globalThis.data = []; for (let i = 0; i < 200; ++i) data.push(new Array(5000).fill(i))');
					}
				} catch {}
				count
			\`));
			report((process.memoryUsage.rss() - before) / 2 ** 20);
		`);
		assert.ok(made > 0 && made < 15, `${made} isolates with 8 MB each`);
		assert.ok(grown < 400, `${grown} MB`);
	});

	// What is looked at is the memory of the process: nothing else shows it.
	for (const [title, code, rest] of [
		['external copies', 'kept.push(new ivm.ExternalCopy(text))'],
		['external copies that operations give', 'kept.push(context.evalSync("text", { externalCopy: true }))'],
		['calls that nobody waits for', 'context.evalIgnored("0//" + text)'],
		['promises of calls', 'const call = context.eval("0//" + text); kept.push(call); call.catch(error => { globalThis.caught = error.code })'],
		['calls of functions that nobody waits for', 'ignored(text)'],
		['long lists of arguments', 'r.applySync(undefined, Object.assign([], { length: 1e9 }))'],
		['references', 'for (let i = 0; i < 50000; ++i) kept.push(new ivm.Reference(1))', true],
	]) {
		it(`of ${title} is the guest's`, async () => {
			const [outcome, grown] = await child(`
				const { isolate, context, jail } = guest({ memoryLimit: 32 });
				jail.setSync('ivm', islet);
				jail.setSync('context', context);
				jail.setSync('r', new Reference(() => {}));
				jail.setSync('ignored', new Callback(() => {}, { ignored: true }));
				context.evalSync('globalThis.kept = []; globalThis.text = "x".repeat(2e6); text.charCodeAt(5)');
				const before = process.resourceUsage().maxRSS;
				let outcome;
				try {
					context.evalSync('for (let i = 0; i < 200; ++i) { ' + ${JSON.stringify(code)} + ' }', { timeout: 20_000 });
				} catch (error) {
					outcome = error.code;
				}
				report(outcome ?? context.evalSync('globalThis.caught'));
				report((process.resourceUsage().maxRSS - before) / 2 ** 10);
				${rest ? '' : `
				// And it is given back.
				context.evalSync('kept = []');
				isolate.collectGarbageSync();
				setTimeout(() => report(context.evalSync('new ivm.ExternalCopy(text) instanceof ivm.ExternalCopy')), 50);
				`}
			`);
			assert.equal(outcome, 'ERR_MEMORY_LIMIT');
			assert.ok(grown < 150, `${grown} MB`);
		});
	}

	it('of handles that a guest forgot is given back in the middle of a call', async () => {
		const [count, grown] = await child(`
			const { context, jail } = guest({ memoryLimit: 32 });
			jail.setSync('ivm', islet);
			const before = process.resourceUsage().maxRSS;
			report(context.evalSync('let n = 0, kept; for (; n < 300000; ++n) { new ivm.Reference(1); kept = n % 50 ? kept : new Array(2000).fill(n); } n'));
			report((process.resourceUsage().maxRSS - before) / 2 ** 10);
		`);
		assert.equal(count, 300_000);
		assert.ok(grown < 120, `${grown} MB`);
	});

	it('that a guest moves into an external copy and back is counted once', () => {
		const { run } = inside({ memoryLimit: 32 });
		assert.equal(run(`
			let buffer = new ArrayBuffer(18 << 20);
			for (let i = 0; i < 5; ++i) {
				buffer = new ivm.ExternalCopy(buffer, { transferOut: true }).copy({ transferIn: true });
			}
			buffer.byteLength
		`), 18 << 20);
	});

	it('of external copies that a host has is no guest\'s', () => {
		const { run, jail } = inside({ memoryLimit: 16 });
		const copy = new ivm.ExternalCopy('x'.repeat(100 << 20));
		jail.setSync('copy', copy);
		assert.equal(run('copy instanceof ivm.ExternalCopy'), true);
	});
});
