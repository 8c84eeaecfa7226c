'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, islet, rejects, throws, times } = require('./helpers');

const BUSY = 'globalThis.busy = function busy(ms) { const end = Date.now() + ms; while (Date.now() < end); }; busy(1);';

const names = profile => profile.nodes.map(node => node.callFrame.functionName);

/** A profile is one that DevTools can load. */
function assertSound({ nodes, samples, timeDeltas, startTime, endTime }) {
	const ids = new Set(nodes.map(node => node.id));
	assert.equal(ids.size, nodes.length);
	assert.equal(nodes[0].callFrame.functionName, '(root)');
	for (const { children, hitCount, callFrame } of nodes) {
		assert.ok(children.every(id => ids.has(id)));
		assert.equal(typeof hitCount, 'number');
		assert.deepEqual([typeof callFrame.url, typeof callFrame.scriptId, typeof callFrame.lineNumber, typeof callFrame.columnNumber],
			['string', 'number', 'number', 'number']);
	}
	assert.ok(samples.length > 0 && samples.every(id => ids.has(id)));
	assert.equal(timeDeltas.length, samples.length);
	assert.ok(endTime > startTime);
}

describe('CPU profiles', () => {
	it('show where a guest spends its time', async () => {
		const { isolate, context } = guest();
		context.evalSync(BUSY, { filename: 'file:///busy.js' });
		isolate.startCpuProfiler('one');
		context.evalSync('busy(60)');
		await context.eval('busy(60)');
		const profiles = await isolate.stopCpuProfiler('one');
		assert.equal(profiles.length, 1);
		const [{ threadId, profile }] = profiles;
		assert.ok(threadId > 0);
		assert.deepEqual(Object.keys(profile), ['startTime', 'endTime', 'samples', 'timeDeltas', 'nodes']);
		assertSound(profile);
		const busy = profile.nodes.find(node => node.callFrame.functionName === 'busy');
		assert.ok(busy, `no sample of it among ${names(profile)}`);
		assert.equal(busy.callFrame.url, 'file:///busy.js');
		assert.equal(busy.callFrame.lineNumber, 0);
		assert.equal(typeof JSON.stringify(profiles), 'string');
	});

	it('are taken of a guest that is running already', async () => {
		const { isolate, context } = guest();
		context.evalSync(BUSY);
		const running = context.eval('busy(400)');
		await new Promise(resolve => setTimeout(resolve, 50));
		isolate.startCpuProfiler('amid');
		await new Promise(resolve => setTimeout(resolve, 100));
		const [{ profile }] = await isolate.stopCpuProfiler('amid');
		// What ran before it began may be named by the script alone.
		assert.ok(profile.nodes.some(node => node.callFrame.url === '<isolated-vm>' && node.hitCount > 0));
		await running;
	});

	it('are several at once, each under its title', async () => {
		const { isolate, context } = guest();
		context.evalSync(BUSY);
		isolate.startCpuProfiler('long');
		isolate.startCpuProfiler('long');
		context.evalSync('busy(20)');
		isolate.startCpuProfiler('short');
		context.evalSync('busy(20)');
		const [{ profile: short }] = await isolate.stopCpuProfiler('short');
		const [{ profile: long }] = await isolate.stopCpuProfiler('long');
		assertSound(short);
		assertSound(long);
		assert.ok(long.endTime - long.startTime > short.endTime - short.startTime);
		assert.deepEqual(await isolate.stopCpuProfiler('long'), []);
	});

	it('are empty under a title that nobody started', async () => {
		const { isolate } = guest();
		assert.deepEqual(await isolate.stopCpuProfiler('nobody'), []);
	});

	it('want a title', async () => {
		const { isolate } = guest();
		throws(() => isolate.startCpuProfiler(), TypeError, '`startCpuProfiler` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		throws(() => isolate.startCpuProfiler(1), TypeError, '`startCpuProfiler` requires parameter 1 to be a string');
		await rejects(isolate.stopCpuProfiler(), TypeError, '`stopCpuProfiler` requires at least 1 parameter', 'ERR_MISSING_ARGS');
	});

	it('end with the isolate', async () => {
		const { isolate, context } = guest();
		isolate.startCpuProfiler('cut');
		const running = context.eval('for (;;);');
		isolate.dispose();
		await rejects(running, Error, /disposed/);
		throws(() => isolate.startCpuProfiler('late'), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		await rejects(isolate.stopCpuProfiler('cut'), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
	});

	it('that are awaited are rejected when the isolate ends first', async () => {
		const { isolate, context, jail } = guest();
		isolate.startCpuProfiler('cut');
		const begun = new Promise(resolve => { jail.setSync('begin', new islet.Callback(resolve, { ignored: true })); });
		// A builtin that no interrupt reaches, until its isolate is given up.
		const running = context.eval('begin(); [].indexOf.call({ length: 2 ** 53 - 1 }, 1)');
		await begun;
		await new Promise(resolve => setTimeout(resolve, 30));
		const stopped = isolate.stopCpuProfiler('cut');
		isolate.dispose();
		await rejects(stopped, Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		await rejects(running, Error, /disposed/);
	});

	it('don\'t keep other isolates from their threads', async () => {
		const guests = Array.from({ length: 12 }, () => guest());
		for (const { isolate } of guests) {
			isolate.startCpuProfiler('all');
		}
		const others = Array.from({ length: 4 }, () => guest());
		for (let i = 0; i < times(50); ++i) {
			const all = await Promise.all([...guests, ...others].map(({ context }) => context.eval('1 + 1')));
			assert.ok(all.every(value => value === 2));
		}
		for (const { isolate } of guests) {
			assert.equal((await isolate.stopCpuProfiler('all')).length, 1);
		}
	});

	it('and those of the host don\'t end the process', async () => {
		const [seen] = await child(`
			const { Session } = require('node:inspector');
			const session = new Session();
			session.connect();
			const host = method => new Promise((resolve, reject) => session.post(method, (error, value) => error ? reject(error) : resolve(value)));
			const busy = ms => { const end = Date.now() + ms; while (Date.now() < end); };
			(async () => {
				const { isolate, context } = guest();
				context.evalSync(${JSON.stringify(BUSY)});
				await host('Profiler.enable');
				let seen = 0;
				for (let i = 0; i < times(20); ++i) {
					const first = i % 2 === 0;
					if (first) await host('Profiler.start');
					isolate.startCpuProfiler('guest');
					if (!first) { context.evalSync('1'); await host('Profiler.start'); }
					context.evalSync('busy(10)');
					busy(10);
					const own = () => isolate.stopCpuProfiler('guest').then(([{ profile }]) => profile);
					const its = () => host('Profiler.stop').then(({ profile }) => profile);
					let a, b;
					if (i % 4 < 2) { a = await its(); context.evalSync('busy(5)'); b = await own(); }
					else { b = await own(); busy(5); a = await its(); }
					if (a.samples.length > 3 && b.samples.length > 3) ++seen;
				}
				report(seen);
			})();
		`);
		assert.ok(seen >= times(20) / 2, `both had samples ${seen} times`);
	});

	it('start and stop many times, with isolates that come and go', async () => {
		await child(`
			(async () => {
				for (let i = 0; i < times(300); ++i) {
					const { isolate, context } = guest();
					isolate.startCpuProfiler('x');
					const running = context.eval('for (let i = 0; i < 1e5; ++i);').catch(() => {});
					if (i % 3 === 0) await isolate.stopCpuProfiler('x');
					else if (i % 3 === 1) { isolate.stopCpuProfiler('x').catch(() => {}); isolate.dispose(); }
					else isolate.dispose();
					await running;
				}
			})();
		`, { deadline: 90_000 });
	});
});

it('sessions profile too', async () => {
	const isolate = new islet.Isolate({ inspector: true });
	const context = isolate.createContextSync({ inspector: true });
	const session = isolate.createInspectorSession();
	const answers = [];
	session.onResponse = (id, message) => answers[id](JSON.parse(message).result);
	const send = method => new Promise(resolve => {
		const id = answers.push(resolve) - 1;
		session.dispatchProtocolMessage(JSON.stringify({ id, method }));
	});
	await send('Profiler.enable');
	await send('Profiler.start');
	context.evalSync(`${BUSY} busy(50)`);
	const { profile } = await send('Profiler.stop');
	assert.ok(names(profile).includes('busy'));
	session.dispose();
});
