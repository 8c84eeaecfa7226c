'use strict';

/**
 * Guests that stand still until a promise is settled (`applySyncPromise`), where what settles it has to be done by one that waits itself.
 * Each program would wait for ever if nobody served it: they run in processes of their own.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child } = require('./helpers.js');

/** Two guests, and a way to hand functions of theirs about. */
const TWO = `
	const a = guest();
	const b = guest();
	const of = (owner, code) => owner.context.evalClosureSync('return ' + code, [], { result: { reference: true } });
	const settled = '{ result: { promise: true } }';
`;

describe('a guest that waits for a promise (applySyncPromise)', () => {
	const inAllForms = (title, setUp, code, expected, more = '') => it(title, async () => {
		const [results] = await child(`${TWO}
			(async () => {
				${setUp}
				const results = [await a.context.eval(${JSON.stringify(code)}), a.context.evalSync(${JSON.stringify(code)})];
				${more}
				report(results);
			})();
		`);
		assert.deepEqual(results, [expected, expected]);
	});

	inAllForms('runs an async function of its own that the promise needs', `
		b.jail.setSync('inA', of(a, 'async n => { await null; return n * 2; }'));
		a.jail.setSync('inB', of(b, \`async n => 'B' + await inA.apply(undefined, [n], \${settled})\`));
	`, 'inB.applySyncPromise(undefined, [4])', 'B8');

	inAllForms('runs what a third guest asks of it', `
		const c = guest();
		c.jail.setSync('inA', of(a, 'async n => n + 1'));
		b.jail.setSync('inC', of(c, \`async n => await inA.apply(undefined, [n * 10], \${settled})\`));
		a.jail.setSync('inB', of(b, \`async n => await inC.apply(undefined, [n], \${settled})\`));
	`, 'inB.applySyncPromise(undefined, [4])', 41);

	inAllForms('is served by the promise\'s maker, which waits for it', `
		a.jail.setSync('later', of(a, 'n => { throw 1; }'));
		const visit = of(a, '() => late.applySyncPromise(undefined, [3])');
		a.jail.setSync('late', of(b, 'async n => { for (let i = 0; i < 10; ++i) await null; return n * 100; }'));
		b.jail.setSync('visit', visit);
		a.jail.setSync('go', of(b, '() => visit.applySync()'));
	`, 'go.applySync()', 300);

	inAllForms('hears of a rejection in such a circle', `
		b.jail.setSync('inA', of(a, 'async n => { await null; throw new RangeError("no " + n); }'));
		a.jail.setSync('inB', of(b, \`async n => await inA.apply(undefined, [n], \${settled})\`));
	`, 'try { inB.applySyncPromise(undefined, [4]) } catch (error) { error.name + error.message }', 'RangeErrorno 4');

	it('of the host runs what the host asks of it before its first await', async () => {
		const [result] = await child(`${TWO}
			const inA = of(a, 'async n => { await null; return n * 2; }');
			a.jail.setSync('host', new Reference(async n => 'H' + await inA.apply(undefined, [n], { result: { promise: true } })));
			a.context.eval('host.applySyncPromise(undefined, [6])').then(report);
		`);
		assert.equal(result, 'H12');
	});

	it('leaves calls that are none of its matter for later', async () => {
		const [order] = await child(`${TWO}
			a.context.evalSync('globalThis.order = []');
			let go;
			a.jail.setSync('host', new Reference(() => new Promise(resolve => { go = resolve; })));
			(async () => {
				const first = a.context.eval('order.push("first"); host.applySyncPromise(); order.push("first goes on")');
				await until(() => go);
				const second = a.context.eval('order.push("second")');
				await sleep(20);
				go();
				await Promise.all([first, second]);
				report(a.context.evalSync('order', { copy: true }));
			})();
		`);
		assert.deepEqual(order, ['first', 'first goes on', 'second']);
	});

	it('is not disturbed by calls of a callback that nobody waits for', async () => {
		const [order] = await child(`${TWO}
			a.context.evalSync('globalThis.order = []');
			const push = of(a, 'text => { order.push(text); }');
			a.jail.setSync('host', new Reference(() => { push.applyIgnored(undefined, ['ignored']); }));
			a.context.eval('host.applySync(); order.push("goes on")')
				.then(() => a.context.eval('order', { copy: true })).then(report);
		`);
		assert.deepEqual(order, ['goes on', 'ignored']);
	});

	it('many times over, from several guests at once', async () => {
		const [sums] = await child(`
			const guests = Array.from({ length: 4 }, () => guest());
			guests.forEach(({ context, jail }, i) => {
				const next = guests[(i + 1) % 4];
				next.jail.setSync('back', context.evalClosureSync('return async n => { await null; return n + 1; }', [], { result: { reference: true } }));
				jail.setSync('next', next.context.evalClosureSync(
					'return async n => await back.apply(undefined, [n], { result: { promise: true } })', [], { result: { reference: true } }));
			});
			const rounds = times(200);
			Promise.all(guests.map(({ context }) => context.eval(
				'let sum = 0; for (let i = 0; i < ' + rounds + '; ++i) sum = next.applySyncPromise(undefined, [sum]); sum', { timeout: 20_000 },
			).catch(error => error.message))).then(sums => report(sums.map(sum => sum === rounds || sum)));
		`);
		assert.deepEqual(sums, [true, true, true, true]);
	});

	it('of a host function that asks it after an await is answered by a sync call, and bounded by a deadline for an async one', async () => {
		const [results] = await child(`${TWO}
			a.jail.setSync('sync', new Reference(async () => { await sleep(1); return a.context.evalSync('1 + 1'); }));
			a.jail.setSync('async', new Reference(async () => { await sleep(1); return a.context.eval('1 + 1'); }));
			(async () => {
				const first = await a.context.eval('sync.applySyncPromise()');
				const second = await a.context.eval('async.applySyncPromise()', { deadline: 200 }).catch(error => error.message);
				report([first, second, await a.context.eval('2 + 2')]);
			})();
		`);
		assert.deepEqual(results, [2, 'Deadline of 200 ms exceeded', 4]);
	});

	it('in a reaction is bounded by its timeout, as no other reaction can run in it', async () => {
		const [result] = await child(`${TWO}
			b.jail.setSync('inA', of(a, 'async n => { await null; return n * 2; }'));
			a.jail.setSync('inB', of(b, \`async n => 'B' + await inA.apply(undefined, [n], \${settled})\`));
			a.context.eval('(async () => { await null; return inB.applySyncPromise(undefined, [4]); })()', { promise: true, timeout: 200 })
				.then(report, error => report(error.code));
		`);
		assert.equal(result, 'ERR_TIMEOUT');
	});
});
