'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, islet, seeded, thrown, times, turn, until, child } = require('./helpers');
const { Callback, Isolate, Reference } = islet;

describe('async operations of one isolate', () => {
	it('run one by one in the order they were asked for', async () => {
		for (let round = 0; round < times(20); ++round) {
			const { isolate, context, jail } = guest();
			context.evalSync('globalThis.log = []; globalThis.push = n => { log.push(n) }');
			const push = jail.getSync('push', { reference: true });
			const script = isolate.compileScriptSync('log.push("run")');
			const settled = [];
			const note = (name, promise) => promise.then(() => settled.push(name));
			const all = [
				note('apply', push.apply(undefined, ['apply'])),
				void push.applyIgnored(undefined, ['applyIgnored']),
				note('eval', context.eval('log.push("eval")')),
				void context.evalIgnored('log.push("evalIgnored")'),
				note('run', script.run(context)),
				note('set', jail.set('a', 1)),
				note('closure', context.evalClosure('log.push("closure" + a)')),
				void jail.setIgnored('a', 2),
				note('get', jail.get('a').then(a => assert.equal(a, 2))),
				void jail.deleteIgnored('a'),
				note('compile', isolate.compileScript('1')),
				note('last', context.eval('log.push(typeof a)')),
			];
			await Promise.all(all);
			assert.deepEqual(context.evalSync('log', { copy: true }),
				['apply', 'applyIgnored', 'eval', 'evalIgnored', 'run', 'closure1', 'undefined']);
			assert.deepEqual(settled.filter(name => name !== 'get'), ['apply', 'eval', 'run', 'set', 'closure', 'compile', 'last']);
		}
	});

	it('keep their order in thousands, whatever else is called', async () => {
		const { context, jail } = guest();
		context.evalSync('globalThis.log = []');
		const random = seeded(11);
		const count = times(5000);
		for (let i = 0; i < count; ++i) {
			switch (random.below(4)) {
				case 0: context.evalIgnored(`log.push(${i})`); break;
				case 1: context.eval(`log.push(${i})`); break;
				case 2: context.evalClosureIgnored('log.push($0)', [i]); break;
				default: jail.setIgnored('x', i); context.evalIgnored('log.push(x)');
			}
			if (random() < 0.01) {
				await turn();
			}
		}
		await context.eval('0');
		assert.deepEqual(context.evalSync('log', { copy: true }), Array.from({ length: count }, (_, i) => i));
	});

	it('find what was done before, from the first call on', async () => {
		for (let i = 0; i < times(200); ++i) {
			const { isolate, context, jail } = guest();
			jail.setIgnored('a', i);
			assert.equal(await context.eval('a'), i);
			jail.set('b', 1);
			context.evalIgnored('b += 1');
			assert.equal(await jail.get('b'), 2);
			isolate.dispose();
		}
	});

	it('are complete before a sync call that comes later sees the isolate idle', async () => {
		const { context } = guest();
		await context.eval('globalThis.q = 9');
		assert.equal(context.evalSync('q'), 9);
	});

	it('settle on the event loop, never at once', async () => {
		const { context } = guest();
		const order = [];
		const promise = context.eval('1').then(() => order.push('settled'));
		order.push('asked');
		context.evalSync('1');
		order.push('sync');
		await promise;
		assert.deepEqual(order, ['asked', 'sync', 'settled']);
	});

	it('of several contexts are serial', async () => {
		const { isolate, context } = guest();
		const second = isolate.createContextSync();
		let running = 0;
		let most = 0;
		for (const each of [context, second]) {
			each.global.setSync('enter', () => { most = Math.max(most, ++running); });
			each.global.setSync('leave', () => { --running; });
		}
		await Promise.all([context, second, context, second].map(each => each.eval('enter(); for (let i = 0; i < 1e5; ++i); leave()')));
		assert.equal(most, 1);
	});
});

describe('a sync call', () => {
	it('waits for the async work under way', async () => {
		const { context, jail } = guest();
		let running = false;
		jail.setSync('started', new Callback(() => { running = true; }, { ignored: true }));
		const first = context.eval('started(); globalThis.state = "half"; for (const end = Date.now() + 50; Date.now() < end;); state = "done"');
		await until(() => running);
		assert.equal(context.evalSync('state'), 'done');
		assert.equal(await first, 'done');
	});

	it('is answered while an endless queue of async work is worked off', async () => {
		const { context } = guest();
		let stop = false;
		let rounds = 0;
		const feed = (async () => {
			while (!stop) {
				++rounds;
				await context.eval('for (let i = 0; i < 1000; ++i);');
			}
		})();
		for (let i = 0; i < 50; ++i) {
			assert.equal(context.evalSync(`${i}`), i);
			await turn();
		}
		stop = true;
		await feed;
		assert.ok(rounds > 0);
	});

	it('and async ones may alternate', async () => {
		const { context } = guest();
		context.evalSync('globalThis.n = 0');
		const promises = [];
		for (let i = 0; i < times(500); ++i) {
			promises.push(context.eval('++n'));
			context.evalSync('++n');
		}
		const results = await Promise.all(promises);
		assert.equal(context.evalSync('n'), 2 * promises.length);
		assert.ok(results.every((value, i) => i === 0 || value > results[i - 1]));
	});
});

describe('re-entrance', () => {
	it('a guest in a sync host function is called again', () => {
		const { isolate, context, jail } = guest();
		jail.setSync('host', n => {
			assert.equal(context.evalSync('inside'), n);
			context.evalSync('inside += 100');
			assert.equal(jail.getSync('inside'), n + 100);
			jail.setSync('fresh', 1);
			assert.equal(isolate.createContextSync().evalSync('1 + 1'), 2);
			return isolate.compileScriptSync('fresh + inside').runSync(context);
		});
		assert.equal(context.evalSync('globalThis.inside = 5; host(5)'), 106);
	});

	it('the same from an async call', async () => {
		const { context, jail } = guest();
		jail.setSync('host', () => context.evalSync('inner()'));
		assert.equal(await context.eval('globalThis.inner = () => 7; host() + host()'), 14);
	});

	it('the inner call\'s error can be caught in the host function, in the guest, or outside', () => {
		const { context, jail } = guest();
		jail.setSync('safe', () => thrown(() => context.evalSync('throw new RangeError("inner")')).message);
		jail.setSync('unsafe', () => context.evalSync('throw new RangeError("inner")'));
		assert.equal(context.evalSync('safe()'), 'inner');
		assert.equal(context.evalSync('try { unsafe() } catch (error) { (error instanceof RangeError) + error.message }'), 'trueinner');
		assert.equal(thrown(() => context.evalSync('unsafe()')).message, 'inner');
		assert.equal(context.evalSync('1'), 1);
	});

	it('host, guest, host and so on, each with its own values', () => {
		const { context, jail } = guest();
		jail.setSync('host', (n, path) => n === 0 ? path : context.evalClosureSync('return guest($0, $1)', [n - 1, `${path}h`]));
		context.evalSync('globalThis.guest = (n, path) => n === 0 ? path : host(n - 1, path + "g")');
		assert.equal(context.evalSync('guest(21, "")'), 'ghghghghghghghghghghg');
	});

	it('async calls made in a host function wait for their turn', async () => {
		const { context, jail } = guest();
		const order = [];
		let inner;
		jail.setSync('host', () => {
			inner = context.eval('"inner"').then(() => order.push('inner'));
			order.push('host');
		});
		await context.eval('host(); "outer"').then(() => order.push('outer'));
		await inner;
		assert.deepEqual(order, ['host', 'outer', 'inner']);
	});

	it('a function kept from one call can be used in the next', () => {
		const { context, jail } = guest();
		const kept = [];
		jail.setSync('keep', f => { kept.push(f); });
		context.evalSync('for (let i = 0; i < 10; ++i) keep(() => i * 2)');
		assert.deepEqual(kept.map(f => f()), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
		jail.setSync('useAll', () => kept.reduce((sum, f) => sum + f(), 0));
		assert.equal(context.evalSync('useAll()'), 90);
	});

	it('large arguments and results on every level do not disturb each other', () => {
		const { context, jail } = guest();
		jail.setSync('host', (n, data) => {
			assert.equal(data.length, 20_000 + n);
			const result = n === 0 ? [] : context.evalClosureSync('return host($0, new Uint8Array(20000 + $0).fill($0))', [n - 1], { result: { copy: true } });
			assert.ok(data.every(byte => byte === n));
			return [...result, { n, text: 'x'.repeat(n * 3000) }];
		});
		const result = context.evalSync('host(9, new Uint8Array(20009).fill(9))', { copy: true });
		assert.deepEqual(result.map(({ n, text }) => [n, text.length]), Array.from({ length: 10 }, (_, n) => [n, n * 3000]));
	});
});

describe('isolates that call each other', () => {
	/** Guests named in order, each with the functions of the others. */
	function ring(count) {
		const guests = Array.from({ length: count }, () => guest());
		guests.forEach(({ context }, i) => context.evalSync(`
			globalThis.me = ${i};
			globalThis.visit = (n, path) => { path += me; return n === 0 ? path : next(n - 1, path) };
			visit`));
		guests.forEach(({ jail }, i) => jail.setSync('next', guests[(i + 1) % count].context.evalSync('visit')));
		return guests;
	}

	it('A calls B, which calls A', () => {
		const [a, b] = ring(2);
		assert.equal(a.context.evalSync('visit(5, "")'), '010101');
		assert.equal(b.context.evalSync('visit(5, "")'), '101010');
	});

	it('round and round, from sync and async calls at once', async () => {
		const guests = ring(4);
		const expected = i => Array.from({ length: 21 }, (_, k) => (i + k) % 4).join('');
		const later = guests.map(({ context }) => context.eval('visit(20, "")'));
		guests.forEach(({ context }, i) => assert.equal(context.evalSync('visit(20, "")'), expected(i)));
		assert.deepEqual(await Promise.all(later), [0, 1, 2, 3].map(expected));
	});

	it('through host functions', () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('callB', n => b.context.evalSync(`step(${n})`));
		b.jail.setSync('callA', n => a.context.evalSync(`step(${n})`));
		a.context.evalSync('globalThis.step = n => n === 0 ? "a" : "a" + callB(n - 1)');
		b.context.evalSync('globalThis.step = n => n === 0 ? "b" : "b" + callA(n - 1)');
		assert.equal(a.context.evalSync('step(9)'), 'ababababab');
	});

	it('through host functions, from an async call', async () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('callB', n => b.context.evalSync(`step(${n})`));
		b.jail.setSync('callA', n => a.context.evalSync(`step(${n})`));
		a.context.evalSync('globalThis.step = n => n === 0 ? "a" : "a" + callB(n - 1)');
		b.context.evalSync('globalThis.step = n => n === 0 ? "b" : "b" + callA(n - 1)');
		assert.deepEqual(await Promise.all([a.context.eval('step(9)'), b.context.eval('step(8)'), a.context.eval('step(3)')]),
			['ababababab', 'babababab', 'abab']);
	});

	it('both at the same time, each waiting for the other', async () => {
		const a = guest();
		const b = guest();
		b.jail.setSync('inA', a.context.evalSync('globalThis.n = 0; globalThis.count = x => { n += x; return n }; count'));
		a.jail.setSync('inB', b.context.evalSync('globalThis.n = 0; globalThis.count = x => { n += x; return n }; count'));
		const rounds = times(500);
		await Promise.all([
			a.context.eval(`for (let i = 0; i < ${rounds}; ++i) inB(1)`),
			b.context.eval(`for (let i = 0; i < ${rounds}; ++i) inA(1)`),
		]);
		assert.deepEqual([a.context.evalSync('n'), b.context.evalSync('n')], [rounds, rounds]);
	});

	it('both at the same time, with the host in between', async () => {
		const a = guest();
		const b = guest();
		a.jail.setSync('inB', x => b.context.evalClosureSync('return count($0)', [x]));
		b.jail.setSync('inA', x => a.context.evalClosureSync('return count($0)', [x]));
		for (const { context } of [a, b]) {
			context.evalSync('globalThis.n = 0; globalThis.count = x => { n += x; return n }');
		}
		const rounds = times(200);
		const done = Promise.all([
			a.context.eval(`for (let i = 0; i < ${rounds}; ++i) inB(1)`),
			b.context.eval(`for (let i = 0; i < ${rounds}; ++i) inA(1)`),
		]);
		for (let i = 0; i < 20; ++i) {
			a.context.evalSync('count(1)');
			b.context.evalSync('count(1)');
			await turn();
		}
		await done;
		assert.deepEqual([a.context.evalSync('n'), b.context.evalSync('n')], [rounds + 20, rounds + 20]);
	});

	it('three in a circle, all started at once', async () => {
		const guests = ring(3);
		const rounds = times(30);
		const results = await Promise.all(guests.map(({ context }) =>
			context.eval(`let last; for (let i = 0; i < ${rounds}; ++i) last = visit(7, ""); last`)));
		assert.deepEqual(results, ['01201201', '12012012', '20120120']);
	});

	it('a thread waiting for one isolate is not needed by another', async () => {
		const blocked = guest();
		let release;
		blocked.jail.setSync('wait', new Callback(() => new Promise(resolve => { release = resolve; }), { async: true }));
		const waiting = blocked.context.eval('wait()', { promise: true });
		const many = Array.from({ length: 12 }, () => guest());
		assert.deepEqual(await Promise.all(many.map(({ context }, i) => context.eval(`${i}`))), many.map((_, i) => i));
		await until(() => release !== undefined);
		release('released');
		assert.equal(await waiting, 'released');
	});
});

describe('host functions of one async call', () => {
	it('run between others on the event loop', async () => {
		const { context, jail } = guest();
		const order = [];
		jail.setSync('host', n => { order.push(n); });
		let ticks = 0;
		const timer = setInterval(() => { ++ticks; }, 1);
		await context.eval('for (let i = 0; i < 50; ++i) { host(i); for (const end = Date.now() + 1; Date.now() < end;); }');
		clearInterval(timer);
		assert.deepEqual(order, Array.from({ length: 50 }, (_, i) => i));
		assert.ok(ticks > 0);
	});

	it('of several isolates take turns', async () => {
		const seen = [];
		const all = Array.from({ length: 4 }, (_, i) => {
			const made = guest();
			made.jail.setSync('host', n => { seen.push([i, n]); });
			return made;
		});
		await Promise.all(all.map(({ context }) => context.eval('for (let n = 0; n < 20; ++n) host(n)')));
		for (let i = 0; i < 4; ++i) {
			assert.deepEqual(seen.filter(([k]) => k === i).map(([, n]) => n), Array.from({ length: 20 }, (_, n) => n));
		}
	});

	it('ignored ones come before later sync ones', async () => {
		const { context, jail } = guest();
		const order = [];
		jail.setSync('ignored', new Callback(n => { order.push(n); }, { ignored: true }));
		jail.setSync('async', new Callback(n => { order.push(n); }, { async: true }));
		jail.setSync('sync', n => { order.push(n); });
		await context.eval('ignored(1); async(2); ignored(3); sync(4); ignored(5); sync(6)');
		assert.deepEqual(order, [1, 2, 3, 4, 5, 6]);
	});

	it('see references and values in the order they were made', async () => {
		const { context, jail } = guest();
		const references = [];
		jail.setSync('give', reference => { references.push(reference); });
		jail.setSync('host', new Reference({ a: 1 }));
		await context.eval('for (let i = 0; i < 10; ++i) give(host)');
		assert.ok(references.every(reference => reference.deref().a === 1));
	});
});

describe('an isolate made for each task', () => {
	it('works in parallel with others, hundreds of times', async () => {
		const count = times(200);
		const results = await Promise.all(Array.from({ length: count }, async (_, i) => {
			const isolate = new Isolate();
			const context = await isolate.createContext();
			await context.global.set('i', i);
			const result = await context.eval('i * 2');
			isolate.dispose();
			return result;
		}));
		assert.deepEqual(results, Array.from({ length: count }, (_, i) => i * 2));
	});
});

describe('the event loop', () => {
	it('gives timers and others their turn, however many calls are under way', async () => {
		const [seen] = await child(`
			const all = Array.from({ length: 64 }, () => {
				const { context } = guest();
				return context.evalSync('(a, b) => a + b', { reference: true });
			});
			let calls = 0;
			let ends = false;
			const lane = async call => {
				while (!ends) {
					await call.apply(undefined, [1, 2]);
					++calls;
				}
			};
			// As many as one turn handles: each answer brings the next call.
			const lanes = all.flatMap(call => Array.from({ length: 80 }, () => lane(call)));
			let ticks = 0;
			const timer = setInterval(() => {
				if (++ticks === 20) {
					clearInterval(timer);
					ends = true;
					Promise.all(lanes).then(() => report(calls));
				}
			}, 1);
		`);
		assert.ok(seen > 5000, String(seen));
	});
});

