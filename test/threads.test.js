'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { describe, it } = require('node:test');
const { ROOT, child, guest, islet, times, turn, until } = require('./helpers');
const { Callback } = islet;

/** A guest that loops until its isolate is disposed; resolves when it runs. */
async function looping() {
	const made = guest();
	let running = false;
	made.jail.setSync('started', new Callback(() => { running = true; }, { ignored: true }));
	made.outcome = made.context.eval('started(); while (true);').then(() => 'ended', error => error.code);
	await until(() => running);
	return made;
}

describe('a guest that loops', () => {
	it('does not hold up sync calls of another isolate', async () => {
		const loop = await looping();
		const other = guest();
		for (let i = 0; i < 100; ++i) {
			assert.equal(other.context.evalSync(`${i} + 1`), i + 1);
		}
		loop.isolate.dispose();
		assert.equal(await loop.outcome, 'ERR_ISOLATE_DISPOSED');
	});

	it('does not hold up async calls of another isolate', async () => {
		const loop = await looping();
		const others = Array.from({ length: 5 }, () => guest());
		for (let i = 0; i < 10; ++i) {
			assert.deepEqual(await Promise.all(others.map(({ context }, k) => context.eval(`${k} * ${i}`))), others.map((_, k) => k * i));
		}
		loop.isolate.dispose();
		await loop.outcome;
	});

	it('does not hold up anybody when it is one of many', async () => {
		const loops = await Promise.all(Array.from({ length: 12 }, looping));
		const others = Array.from({ length: 6 }, () => guest());
		others.forEach(({ context }, i) => assert.equal(context.evalSync(`${i}`), i));
		assert.deepEqual(await Promise.all(others.map(({ context }, i) => context.eval(`${i}`))), [0, 1, 2, 3, 4, 5]);
		const fresh = guest();
		fresh.jail.setSync('f', x => others[0].context.evalSync(`${x} + 1`));
		assert.equal(await fresh.context.eval('f(1)'), 2);
		loops.forEach(({ isolate }) => isolate.dispose());
		assert.deepEqual(await Promise.all(loops.map(({ outcome }) => outcome)), Array(12).fill('ERR_ISOLATE_DISPOSED'));
	});

	it('leaves the event loop free', async () => {
		const loop = await looping();
		const order = [];
		setTimeout(() => order.push('timer'), 1);
		setImmediate(() => order.push('immediate'));
		await until(() => order.length === 2);
		assert.deepEqual(order.sort(), ['immediate', 'timer']);
		loop.isolate.dispose();
		await loop.outcome;
	});

	it('is ended by its own time limit, with others looping for ever', async () => {
		const loop = await looping();
		const limited = guest();
		assert.equal(await limited.context.eval('while (true);', { timeout: 10 }).catch(error => error.code), 'ERR_TIMEOUT');
		assert.equal(limited.context.evalSync('1 + 1'), 2);
		loop.isolate.dispose();
		await loop.outcome;
	});
});

describe('a guest that waits for the host', () => {
	it('does not hold up other isolates', async () => {
		const waiting = guest();
		let answer;
		waiting.jail.setSync('ask', new Callback(() => new Promise(resolve => { answer = resolve; }), { async: true }));
		const outcome = waiting.context.eval('ask().then(x => x * 2)', { promise: true });
		await until(() => answer !== undefined);
		const others = Array.from({ length: 8 }, () => guest());
		assert.deepEqual(others.map(({ context }, i) => context.evalSync(`${i}`)), [0, 1, 2, 3, 4, 5, 6, 7]);
		assert.equal(waiting.context.evalSync('"served meanwhile"'), 'served meanwhile');
		answer(21);
		assert.equal(await outcome, 42);
	});

	it('in great numbers gets all its answers', async () => {
		const count = times(60);
		const all = Array.from({ length: count }, () => guest());
		const seen = [];
		all.forEach(({ jail }, i) => jail.setSync('ask', x => { seen.push(i); return x + i; }));
		const results = await Promise.all(all.map(({ context }) => context.eval('ask(1) + ask(2)')));
		assert.deepEqual(results, all.map((_, i) => 3 + 2 * i));
		assert.equal(seen.length, 2 * count);
	});
});

describe('isolates in parallel', () => {
	it('run at the same time', async () => {
		// Each waits until the other has been heard of: neither could end if they took turns.
		const all = [guest(), guest()];
		const heard = new Set();
		all.forEach(({ jail }, i) => {
			jail.setSync('here', new Callback(() => { heard.add(i); }, { ignored: true }));
			jail.setSync('both', new Callback(() => heard.size === 2));
		});
		const outcomes = await Promise.all(all.map(({ context }) => context.eval('here(); while (!both()); "met"', { timeout: 20_000 })));
		assert.deepEqual(outcomes, ['met', 'met']);
	});

	it('may be more than there are threads', async () => {
		const count = times(200);
		const all = Array.from({ length: count }, () => guest());
		for (let round = 0; round < 3; ++round) {
			const results = await Promise.all(all.map(({ context }, i) => context.eval(`for (let i = 0; i < 1e4; ++i); ${i}`)));
			assert.deepEqual(results, all.map((_, i) => i));
		}
		all.forEach(({ context }, i) => assert.equal(context.evalSync(`${i}`), i));
	});

	it('go back to sleep', async () => {
		const [threads] = await child(`
			const { readdirSync } = require('node:fs');
			const threads = () => process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
			const all = Array.from({ length: ${times(60)} }, () => guest());
			Promise.all(all.map(({ context }) => context.eval('for (const end = Date.now() + 20; Date.now() < end;);'))).then(async () => {
				const most = threads();
				all.forEach(({ isolate }) => isolate.dispose());
				for (let i = 0; i < 200 && threads() > 20; ++i) await sleep(50);
				report(threads());
			});
		`);
		assert.ok(threads <= 20, `${threads} threads`);
	});

	it('cost no CPU time when idle', async () => {
		const [used] = await child(`
			const all = Array.from({ length: 10 }, () => guest());
			all.forEach(({ context }) => context.evalSync('1'));
			sleep(500).then(async () => {
				const before = process.cpuUsage();
				await sleep(1000);
				const { user, system } = process.cpuUsage(before);
				report((user + system) / 1e6);
			});
		`);
		assert.ok(used < 0.5, `${used} s in one second`);
	});
});

describe('clocks', () => {
	it('count the guest\'s work', () => {
		const { isolate, context } = guest();
		const [cpu, wall] = [isolate.cpuTime, isolate.wallTime];
		context.evalSync('for (const end = Date.now() + 30; Date.now() < end;);');
		assert.ok(isolate.wallTime - wall >= 29_000_000n, `${isolate.wallTime - wall}`);
		assert.ok(isolate.cpuTime > cpu);
	});

	it('count waiting as wall time only', async () => {
		const { isolate, context, jail } = guest();
		jail.setSync('wait', () => { for (const end = Date.now() + 60; Date.now() < end;); });
		const [cpu, wall] = [isolate.cpuTime, isolate.wallTime];
		context.evalSync('wait(); wait()');
		const [cpuUsed, wallUsed] = [isolate.cpuTime - cpu, isolate.wallTime - wall];
		assert.ok(wallUsed >= 119_000_000n, `${wallUsed}`);
		assert.ok(cpuUsed < wallUsed, `${cpuUsed} of ${wallUsed}`);
	});

	it('stand still while the isolate is idle', async () => {
		const { isolate, context } = guest();
		context.evalSync('1');
		await until(() => true);
		const [cpu, wall] = [isolate.cpuTime, isolate.wallTime];
		await new Promise(resolve => setTimeout(resolve, 60));
		assert.ok(isolate.wallTime - wall < 50_000_000n, `${isolate.wallTime - wall}`);
		assert.ok(isolate.cpuTime - cpu < 50_000_000n, `${isolate.cpuTime - cpu}`);
	});

	it('of another isolate do not move', () => {
		const [a, b] = [guest(), guest()];
		b.context.evalSync('1');
		const wall = b.isolate.wallTime;
		a.context.evalSync('for (const end = Date.now() + 30; Date.now() < end;);');
		assert.ok(b.isolate.wallTime - wall < 25_000_000n);
	});

	it('can be read while the guest runs', async () => {
		const loop = await looping();
		const first = loop.isolate.wallTime;
		await until(() => loop.isolate.wallTime > first);
		const cpu = loop.isolate.cpuTime;
		await until(() => loop.isolate.cpuTime > cpu);
		loop.isolate.dispose();
		await loop.outcome;
	});
});

describe('the event loop', () => {
	it('turns while guests work', async () => {
		const { context } = guest();
		let turns = 0;
		let done = false;
		const work = context.eval('for (const end = Date.now() + 50; Date.now() < end;);').then(() => { done = true; });
		while (!done) {
			++turns;
			await turn();
		}
		await work;
		assert.ok(turns > 1, `${turns} turns`);
	});

	it('gets its turn between thousands of results', async () => {
		const { context } = guest();
		const all = Promise.all(Array.from({ length: times(5000) }, (_, i) => context.eval(`${i}`)));
		let turns = 0;
		let done = false;
		all.then(() => { done = true; });
		while (!done) {
			++turns;
			await turn();
		}
		assert.ok(turns > 0);
		assert.equal((await all).length, times(5000));
	});
});

describe('a process that may have no more threads', () => {
	/** A user whom nobody is: the bound is one on all processes of a user, and root has none. */
	const NOBODY = 54321;
	const run = (threads, code, timeout = 20_000) => spawnSync('prlimit', [`--nproc=${threads}`, process.execPath, '-e', code], {
		uid: NOBODY, gid: NOBODY, encoding: 'utf8', timeout, killSignal: 'SIGKILL', env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '' },
	});
	const can = process.getuid?.() === 0 && run(1000, `require(${JSON.stringify(ROOT)})`).status === 0;

	it('is told so by new isolates, and lives', { skip: can ? false : 'this user can\'t bound threads' }, context => {
		const outcomes = [];
		for (let threads = 4; threads <= 20; ++threads) {
			// With fewer than it wants for itself Node ends, or hangs.
			if (run(threads, 'setTimeout(() => {}, 10)', 3000).status !== 0) {
				continue;
			}
			const { status, signal, stdout, stderr } = run(threads, `
				const { Isolate } = require(${JSON.stringify(ROOT)});
				const isolate = new Isolate();
				try {
					console.log(isolate.createContextSync().evalSync('1 + 1'));
				} catch ({ code }) {
					console.log(code);
				}
			`);
			assert.deepEqual([status, signal], [0, null], `${threads} threads: ${stderr}`);
			outcomes.push(stdout.trim());
		}
		context.diagnostic(outcomes.join(' '));
		assert.deepEqual([...new Set(outcomes)], ['ERR_NO_THREAD', '2']);
	});
});
