'use strict';

/**
 * How things end while others still run. Every program has a process of its own, with a deadline: these tests ask whether it
 * survives, not how long it takes.
 */

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { ROOT, WORKER_PREAMBLE, child, repeat, runChild, times } = require('./helpers');

/**
 * What an environment may be doing when its end comes. Each calls `ready` when it is well under way. `blocks` says that the thread
 * itself waits; `ends` that nothing keeps the environment alive.
 */
const ACTIVITIES = {
	'idle isolates': {
		code: 'for (let i = 0; i < 3; ++i) guest().context.evalSync("1"); ready()', ends: true,
	},
	'handles of all kinds': {
		code: `
			const { isolate, context, jail } = guest();
			globalThis.kept = [isolate, context, jail, context.evalSync('() => 1'), isolate.compileScriptSync('1'), new Reference({}),
				new ExternalCopy({ a: new Uint8Array(100000) }), context.evalSync('new Promise(() => {})', { promise: true })];
			kept[7].catch(() => {});
			jail.setSync('f', () => 1); jail.setSync('r', new Reference({})); jail.setSync('p', new Promise(() => {}), { promise: true });
			ready()`,
		ends: true,
	},
	'a promise that is never settled': {
		code: `
			const { context, jail } = guest();
			jail.setSync('f', new Callback(() => new Promise(() => {}), { async: true }));
			context.eval('f()', { promise: true }).catch(() => {}); context.eval('1').then(ready)`,
		ends: true,
	},
	'an async loop': {
		code: 'const { context, jail } = guest(); jail.setSync("ready", new Callback(ready, { ignored: true })); context.eval("ready(); while (true);").catch(() => {})',
	},
	'an ignored loop': {
		code: 'const { context, jail } = guest(); jail.setSync("ready", new Callback(ready, { ignored: true })); context.evalIgnored("ready(); while (true);")',
	},
	'many async loops': {
		code: `
			const all = Array.from({ length: 6 }, () => guest());
			let running = 0;
			for (const { context, jail } of all) {
				jail.setSync('started', new Callback(() => { if (++running === all.length) ready() }, { ignored: true }));
				context.eval('started(); while (true);').catch(() => {});
			}`,
	},
	'a queue of async calls': {
		code: `
			const { context, jail } = guest();
			jail.setSync('ready', new Callback(ready, { ignored: true }));
			context.eval('ready(); for (let i = 0; i < 1e6; ++i);').catch(() => {});
			for (let i = 0; i < 500; ++i) { context.eval('for (let i = 0; i < 1e5; ++i);').catch(() => {}); context.evalIgnored('1') }`,
	},
	'a sync loop': {
		code: 'const { context, jail } = guest(); jail.setSync("ready", ready); context.evalSync("ready(); while (true);")', blocks: true,
	},
	'a sync loop that calls the host': {
		code: 'const { context, jail } = guest(); let n = 0; jail.setSync("f", () => { if (++n === 100) ready() }); context.evalSync("while (true) f()")',
		blocks: true,
	},
	'a loop in a host function that a guest called': {
		code: 'const { context, jail } = guest(); jail.setSync("f", () => { ready(); while (true); }); context.evalSync("f()")', blocks: true,
	},
	'a loop in a host function that an async guest called': {
		code: 'const { context, jail } = guest(); jail.setSync("f", () => { ready(); while (true); }); context.eval("f()")', blocks: true,
	},
	'guests waiting for a host function to be called': {
		code: `
			const all = Array.from({ length: 4 }, () => guest());
			let n = 0;
			for (const { context, jail } of all) {
				jail.setSync('f', () => { if (++n === 20) ready() });
				context.eval('while (true) f()').catch(() => {});
			}`,
	},
	'guests calling each other': {
		code: `
			const a = guest(), b = guest();
			b.jail.setSync('inA', a.context.evalSync('() => 1'));
			a.jail.setSync('inB', b.context.evalSync('() => 1'));
			a.jail.setSync('ready', new Callback(ready, { ignored: true }));
			a.context.eval('inB(); ready(); while (true) inB()').catch(() => {});
			b.context.eval('while (true) inA()').catch(() => {});`,
	},
	'guest, host and guest, nested': {
		code: `
			const a = guest(), b = guest();
			a.jail.setSync('f', () => b.context.evalSync('g()'));
			b.jail.setSync('g', () => a.context.evalSync('ready(); while (true);'));
			a.jail.setSync('ready', ready);
			a.context.evalSync('f()');`,
		blocks: true,
	},
	'memory that was lent': {
		code: `
			const { context, jail } = guest();
			for (let i = 0; i < 5; ++i) jail.setSync('b' + i, new ExternalCopy(new Uint8Array(1000000), { transferOut: true }).copyInto({ transferIn: true, release: true }));
			jail.setSync('ready', new Callback(ready, { ignored: true }));
			context.eval('ready(); while (true) { b0.fill(1); b1.fill(2); b4.set(b3) }').catch(() => {});`,
	},
	'memory that was borrowed': {
		code: `
			const { context, jail } = guest();
			globalThis.kept = Array.from({ length: 5 }, () => context.evalSync('new Uint8Array(1000000).fill(1)', { externalCopy: true }).copy({ transferIn: true }));
			jail.setSync('ready', new Callback(() => { kept[0].fill(5); ready() }, { ignored: true }));
			context.eval('ready(); while (true) new Uint8Array(1000000)').catch(() => {});`,
	},
	'a guest at its memory limit': {
		code: `
			const { context, jail } = guest({ memoryLimit: 8 });
			jail.setSync('ready', new Callback(ready, { ignored: true }));
			context.eval('ready(); const a = []; while (true) a.push({})').catch(() => {}); guest().context.eval('while (true);').catch(() => {})`,
	},
	'isolates being made and disposed': {
		code: `
			(async () => {
				for (let i = 0;; ++i) {
					const isolate = new Isolate();
					const context = await isolate.createContext();
					context.eval('while (true);').catch(() => {});
					isolate.dispose();
					if (i === 3) ready();
				}
			})()`,
	},
	'promises on their way': {
		code: `
			const { context, jail } = guest();
			let n = 0;
			jail.setSync('f', new Callback(async x => { if (++n === 20) ready(); return x }, { async: true }));
			context.eval('(async () => { while (true) await f(1) })()', { promise: true }).catch(() => {}); const alive = setInterval(() => {}, 1000)`,
	},
};

const entries = select => Object.entries(ACTIVITIES).filter(([, activity]) => select(activity));

// --- workers --------------------------------------------------------------------------------------

/** A worker's program: `ready` tells the main thread. */
const workerSource = code => `${WORKER_PREAMBLE}
	let told = false;
	const ready = () => { if (!told) { told = true; parentPort.postMessage('ready') } };
	${code}`;

/** The main program that starts workers with `sources`, one after another or in groups, and ends each by `end`. */
const mainSource = (source, end, { rounds, group = 1 }) => `
	const source = ${JSON.stringify(source)};
	(async () => {
		for (let i = 0; i < ${rounds}; ++i) {
			await Promise.all(Array.from({ length: ${group} }, async (_, k) => {
				const worker = new Worker(source, { eval: true });
				const ended = new Promise(resolve => worker.once('exit', resolve));
				worker.on('error', error => { if (!/^expected/.test(error.message)) { console.error(error); process.exit(7) } });
				await new Promise(resolve => { worker.once('message', resolve); worker.once('exit', resolve) });
				if ((i + k) % 3) await sleep((i + k) % 3 * 3);
				${end};
				await ended;
			}));
		}
		const { context } = guest();
		report([context.evalSync('1 + 1'), await context.eval('2 + 2')]);
	})();
`;

describe('a worker is terminated', { concurrency: 2 }, () => {
	for (const [what, { code }] of entries(() => true)) {
		it(`with ${what}`, async () => {
			const source = mainSource(workerSource(code), 'await worker.terminate()', { rounds: times(4) });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}
});

describe('a worker calls process.exit()', { concurrency: 2 }, () => {
	for (const [what, { code }] of entries(({ blocks }) => !blocks)) {
		it(`with ${what}`, async () => {
			const ending = code.includes('ready()') || code.includes('ready') ?
				`const tell = () => setTimeout(() => process.exit(), 2); ${code.replaceAll('ready', 'tell')}` : code;
			const source = mainSource(`${WORKER_PREAMBLE} ${ending}`, '', { rounds: times(3) });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}

	for (const [what, code] of Object.entries({
		'in a host function that a guest called': 'const { context, jail } = guest(); jail.setSync("f", () => process.exit()); context.evalSync("f()")',
		'in a host function that an async guest called': 'const { context, jail } = guest(); jail.setSync("f", () => process.exit()); context.eval("f()")',
		'in a nested host function': `
			const { context, jail } = guest();
			jail.setSync("f", n => n === 0 ? process.exit() : context.evalSync("f(" + (n - 1) + ")"));
			context.evalSync("try { f(5) } finally { f(0) }")`,
		'in a getter of an argument': 'guest().context.evalSync("x => x")({ get a() { process.exit() } })',
	})) {
		it(what, async () => {
			const source = mainSource(`${WORKER_PREAMBLE} ${code}`, '', { rounds: times(4) });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}
});

describe('a worker ends', { concurrency: 2 }, () => {
	for (const [what, { code }] of entries(({ ends }) => ends)) {
		it(`by itself, with ${what}`, async () => {
			const source = mainSource(workerSource(code), '', { rounds: times(4) });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}

	for (const [what, { code }] of entries(({ blocks }) => !blocks)) {
		it(`by an uncaught exception, with ${what}`, async () => {
			const throwing = `const fail = () => setTimeout(() => { throw new Error('expected') }, 2); ${code.replaceAll('ready', 'fail')}`;
			const source = mainSource(`${WORKER_PREAMBLE} ${throwing}`, '', { rounds: times(2) });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}

	it('by its own resource limits', async () => {
		const source = mainSource(workerSource(`
			const { context, jail } = guest();
			jail.setSync('f', () => { ready(); const a = []; while (true) a.push(new Array(1000).fill(1)) });
			context.evalSync('f()')`), '', { rounds: times(3) })
			.replace('{ eval: true }', '{ eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } }')
			.replace('/^expected/', '/memory/');
		assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
	});
});

describe('several workers', { concurrency: 2 }, () => {
	for (const what of ['an async loop', 'a sync loop', 'guests waiting for a host function to be called', 'memory that was lent', 'handles of all kinds',
		'isolates being made and disposed']) {
		it(`are terminated at once, with ${what}`, async () => {
			const source = mainSource(workerSource(ACTIVITIES[what].code), 'await worker.terminate()', { rounds: times(3), group: 5 });
			assert.deepEqual(await child(source, { deadline: 60_000 }), [[2, 4]]);
		});
	}

	it('and the main thread use the library at the same time', async () => {
		const [seen] = await child(`
			const source = ${JSON.stringify(workerSource(`
				const { context, jail } = guest();
				jail.setSync('f', x => x + 1);
				let sum = 0;
				for (let i = 0; i < ${times(300)}; ++i) sum += context.evalSync('f(' + i + ')') - i;
				context.eval('f(1)').then(async last => {
					const later = await Promise.all(Array.from({ length: 20 }, (_, i) => guest().context.eval(String(i))));
					parentPort.postMessage([sum, last, later.length]);
				});`))};
			const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true }));
			const results = workers.map(worker => new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject) }));
			const { context, jail } = guest();
			jail.setSync('f', x => x + 1);
			let sum = 0;
			for (let i = 0; i < ${times(300)}; ++i) sum += context.evalSync('f(' + i + ')') - i;
			Promise.all(results).then(all => report([sum, all]));
		`, { deadline: 60_000 });
		assert.deepEqual(seen, [times(300), Array(4).fill([times(300), 2, 20])]);
	});

	it('load the library at the same time, before the main thread does', async () => {
		const [seen] = await child(`
			const { Worker } = require('node:worker_threads');
			const source = ${JSON.stringify(workerSource('parentPort.postMessage(guest().context.evalSync("1 + 1"))'))};
			const run = () => new Promise((resolve, reject) => {
				const worker = new Worker(source, { eval: true });
				let value;
				worker.on('message', message => { value = message }).on('error', reject).on('exit', () => resolve(value));
			});
			(async () => {
				const first = await Promise.all([run(), run(), run()]);
				const second = await run();
				const { Isolate } = require(${JSON.stringify(require('./helpers').ROOT)});
				const main = new Isolate().createContextSync().evalSync('2 + 2');
				const third = await run();
				require('node:fs').writeSync(1, '\\n@@' + JSON.stringify([first, second, main, third]) + '\\n');
			})();
		`, { bare: true });
		assert.deepEqual(seen, [[2, 2, 2], 2, 4, 2]);
	});

	it('come and go in great numbers', async () => {
		const source = mainSource(workerSource('guest().context.evalSync("1"); guest().context.eval("1").then(ready)'), '', { rounds: times(8), group: 4 });
		assert.deepEqual(await child(source, { deadline: 90_000 }), [[2, 4]]);
	});

	it('do not mix up their functions', async () => {
		const [seen] = await child(`
			const source = ${JSON.stringify(workerSource(`
				const fs = Array.from({ length: 50 }, (_, i) => () => workerData * 1000 + i);
				const { context, jail } = guest();
				fs.forEach((f, i) => jail.setSync('f' + i, f));
				const right = fs.every((f, i) => context.evalSync('f' + i + '()') === workerData * 1000 + i && context.evalSync('f' + i) === f);
				parentPort.postMessage(right);`))};
			Promise.all([1, 2, 3, 4].map(workerData => new Promise((resolve, reject) =>
				new Worker(source, { eval: true, workerData }).once('message', resolve).once('error', reject)))).then(report);
		`);
		assert.deepEqual(seen, [true, true, true, true]);
	});
});

// --- the main thread --------------------------------------------------------------------------------

/** Ends the process a moment after the activity is under way. */
const ending = (code, end) => `
	let told = false;
	const ready = () => { if (!told) { told = true; setTimeout(() => { ${end} }, 2) } };
	${code}`;

describe('the process', { concurrency: 2 }, () => {
	for (const [what, { code }] of entries(({ blocks }) => !blocks)) {
		it(`exits by process.exit() with ${what}`, async () => {
			for (let i = 0; i < 2; ++i) {
				await child(ending(code, 'process.exit(5)'), { status: 5 });
			}
		});

		it(`exits by an uncaught exception with ${what}`, async () => {
			const { stderr, status, signal, hung } = await runChild(ending(code, 'throw new Error("the cause")'));
			assert.deepEqual({ status, signal, hung }, { status: 1, signal: null, hung: false }, stderr);
			assert.match(stderr, /the cause/);
		});
	}

	for (const [what, { code }] of entries(({ ends }) => ends)) {
		it(`ends by itself with ${what}`, async () => {
			for (let i = 0; i < 2; ++i) {
				await child(`const ready = () => {}; ${code}`);
			}
		});
	}

	for (const [what, code] of Object.entries({
		'a host function that a guest called': 'jail.setSync("f", () => process.exit(5)); context.evalSync("f(); while (true);")',
		'a host function that an async guest called': 'jail.setSync("f", () => process.exit(5)); context.eval("f(); while (true);")',
		'an async callback': 'jail.setSync("f", new Callback(() => process.exit(5), { async: true })); context.eval("f(); while (true);")',
		'an ignored callback': 'jail.setSync("f", new Callback(() => process.exit(5), { ignored: true })); context.evalIgnored("f(); while (true);")',
		'a nested host function': 'jail.setSync("f", n => n === 0 ? process.exit(5) : context.evalSync("f(" + (n - 1) + ")")); context.evalSync("f(8)")',
		'a getter of an argument': 'context.evalSync("x => x")({ get a() { process.exit(5) } })',
		'a getter of a result': 'jail.setSync("f", () => ({ get a() { process.exit(5) } })); context.evalSync("f()")',
		'a reaction': 'context.eval("1").then(() => { guest().context.eval("while (true);"); process.exit(5) })',
		'an exit handler\'s time': 'context.eval("while (true);").catch(() => {}); process.on("exit", () => { guest().context.evalSync("1") }); process.exit(5)',
	})) {
		it(`exits by process.exit() in ${what}`, async () => {
			for (let i = 0; i < 2; ++i) {
				await child(`const { context, jail } = guest(); ${code}`, { status: 5 });
			}
		});
	}

	for (const what of ['an async loop', 'a sync loop', 'a loop in a host function that a guest called', 'memory that was lent', 'guests calling each other']) {
		it(`exits with workers busy with ${what}`, async () => {
			await child(`
				const source = ${JSON.stringify(workerSource(ACTIVITIES[what].code))};
				let running = 0;
				for (let i = 0; i < 2; ++i) new Worker(source, { eval: true }).once('message', () => { if (++running === 2) process.exit(5) });
			`, { status: 5 });
		});
	}

	it('lets exit handlers use the library', async () => {
		assert.deepEqual(await child(`
			const { context, jail } = guest();
			process.on('exit', () => { jail.setSync('f', x => x * 2); report(context.evalSync('f(21)')) });
		`), [42]);
	});

	it('may use isolates from beforeExit on', async () => {
		assert.deepEqual(await child(`
			let rounds = 0;
			process.on('beforeExit', () => { if (++rounds < 3) guest().context.eval(String(rounds)).then(report) });
		`), [1, 2]);
	});
});

describe('what keeps the process alive', { concurrency: 2 }, () => {
	it('idle isolates, handles, references and pending promises do not', async () => {
		assert.deepEqual(await child(`
			const all = Array.from({ length: 5 }, () => guest());
			all.forEach(({ jail, context }) => { jail.setSync('f', () => 1); jail.setSync('r', new Reference({})); context.evalSync('f()') });
			all[0].context.evalSync('new Promise(() => {})', { promise: true }).catch(() => {});
			report('end');
		`), ['end']);
	});

	it('pending calls do', async () => {
		assert.deepEqual(await child(`
			const { isolate, context, jail } = guest();
			const slow = 'for (const end = Date.now() + 30; Date.now() < end;); ';
			context.eval(slow + '1').then(report);
			isolate.compileScript('2').then(script => script.run(context)).then(report);
			jail.set('a', 3).then(() => jail.get('a')).then(report);
			guest().context.evalClosure(slow + 'return $0', [4]).then(report);
		`).then(all => all.sort()), [1, 2, 3, 4]);
	});

	it('ignored calls do, until they have run', async () => {
		assert.deepEqual(await child(`
			const { context, jail } = guest();
			jail.setSync('tell', new Callback(report, { ignored: true }));
			context.evalIgnored('for (const end = Date.now() + 30; Date.now() < end;); globalThis.done = 1');
			context.evalIgnored('tell(done + 1)');
		`), [2]);
	});

	it('calls that ended, one way or another, do not any more', async () => {
		assert.deepEqual(await child(`
			(async () => {
				const seen = [];
				const note = promise => promise.then(value => seen.push(value), error => seen.push(error.code ?? error.name));
				await note(guest().context.eval('1'));
				await note(guest().context.eval('throw new RangeError()'));
				await note(guest().context.eval('while (true);', { timeout: 10 }));
				await note(guest({ memoryLimit: 8 }).context.eval('const a = []; while (true) a.push({})'));
				await note(guest({ memoryLimit: 8 }).context.eval('new Array(1e8).fill(0)'));
				const gone = guest();
				const last = note(gone.context.eval('while (true);'));
				gone.isolate.dispose();
				await last;
				report(seen);
			})();
		`), [[1, 'RangeError', 'ERR_TIMEOUT', 'ERR_MEMORY_LIMIT', 'ERR_MEMORY_LIMIT', 'ERR_ISOLATE_DISPOSED']]);
	});
});

// --- races --------------------------------------------------------------------------------------------

describe('dispose', { concurrency: 2 }, () => {
	const programs = {
		'at any moment of an async call': `
			for (let i = 0; i < ${times(200)}; ++i) {
				const { isolate, context, jail } = guest();
				jail.setSync('f', x => x);
				const calls = [context.eval('for (let i = 0; i < ' + i * 50 + '; ++i); 1'), context.eval('f(2)'), jail.set('a', {}, { copy: true }), isolate.createContext()]
					.map(call => call.then(() => 'ok', error => error.code));
				if (i % 4 === 1) await null;
				if (i % 4 === 2) await new Promise(setImmediate);
				if (i % 4 === 3) await Promise.race(calls);
				isolate.dispose();
				for (const outcome of await Promise.all(calls)) assert.ok(outcome === 'ok' || outcome === 'ERR_ISOLATE_DISPOSED', outcome);
			}`,
		'at any moment of a loop': `
			for (let i = 0; i < ${times(150)}; ++i) {
				const { isolate, context } = guest();
				const call = context.eval(['while (true);', '(async () => { while (true) await null })()', 'const a = []; while (true) { a.push({}); if (a.length > 1000) a.length = 0 }'][i % 3])
					.then(() => 'ok', error => error.code);
				if (i % 5) await sleep(i % 5 - 1);
				isolate.dispose();
				assert.equal(await call, 'ERR_ISOLATE_DISPOSED');
			}`,
		'of many at once, while all run': `
			for (let round = 0; round < ${times(10)}; ++round) {
				const all = Array.from({ length: 20 }, () => guest());
				const calls = all.map(({ context }, i) => context.eval(i % 2 ? 'while (true);' : '1').then(() => 'ok', error => error.code));
				if (round % 2) await sleep(round);
				all.forEach(({ isolate }) => isolate.dispose());
				const outcomes = await Promise.all(calls);
				outcomes.forEach((outcome, i) => assert.ok(outcome === 'ERR_ISOLATE_DISPOSED' || i % 2 === 0, outcome));
			}`,
		'from its own host functions, again and again': `
			for (let i = 0; i < ${times(150)}; ++i) {
				const { isolate, context, jail } = guest();
				jail.setSync('end', new Callback(() => isolate.dispose(), [{}, { async: true }, { ignored: true }][i % 3]));
				const code = 'end(); while (true);';
				let outcome;
				if (i % 3 === 0 && i % 2) { try { context.evalSync(code) } catch (error) { outcome = error.code } }
				else outcome = await context.eval(code).then(() => 'ok', error => error.code);
				assert.equal(outcome, 'ERR_ISOLATE_DISPOSED');
			}`,
		'against time limits': `
			for (let i = 0; i < ${times(100)}; ++i) {
				const { isolate, context } = guest();
				const call = context.eval('while (true);', { timeout: 1 + i % 5 }).then(() => 'ok', error => error.code);
				await sleep(i % 6);
				isolate.dispose();
				assert.ok(['ERR_ISOLATE_DISPOSED', 'ERR_TIMEOUT'].includes(await call), await call);
			}`,
		'against memory limits': `
			for (let i = 0; i < ${times(30)}; ++i) {
				const { isolate, context } = guest({ memoryLimit: 8 });
				const call = context.eval(i % 2 ? 'const a = []; while (true) a.push({})' : 'new Array(1e8).fill(0); while (true);').then(() => 'ok', error => error.code);
				await sleep(i % 12);
				try { isolate.dispose() } catch (error) { assert.equal(error.message, 'Isolate is already disposed') }
				assert.ok(['ERR_ISOLATE_DISPOSED', 'ERR_MEMORY_LIMIT'].includes(await call), await call);
			}`,
		'against a guest that another guest calls': `
			for (let i = 0; i < ${times(100)}; ++i) {
				const a = guest(), b = guest();
				a.jail.setSync('f', b.context.evalSync(i % 2 ? '() => { for (let i = 0; i < 1e5; ++i); return 1 }' : '() => 1'));
				const call = a.context.eval('let n = 0; for (let i = 0; i < 1e4; ++i) n += f(); n').then(() => 'ok', error => error.code);
				await sleep(i % 4);
				(i % 3 ? b : a).isolate.dispose();
				assert.ok(['ok', 'ERR_ISOLATE_DISPOSED'].includes(await call), await call);
				(i % 3 ? a : b).isolate.dispose();
			}`,
		'against releases in any order': `
			let seed = 1;
			const random = n => (seed = seed * 16807 % 2147483647) % n;
			for (let i = 0; i < ${times(200)}; ++i) {
				const { isolate, context, jail } = guest();
				const handles = [context, isolate.compileScriptSync('1'), ...Array.from({ length: 5 }, () => context.evalSync('({})', { reference: true }))];
				const calls = handles.map(handle => (handle.run ? handle.run(context) : handle.eval ? handle.eval('1') : handle.get('a')).catch(() => {}));
				const steps = [...handles.map(handle => () => handle.release()), () => isolate.dispose()];
				while (steps.length) { steps.splice(random(steps.length), 1)[0](); if (random(5) === 0) await null }
				await Promise.all(calls);
			}`,
		'against promises that settle': `
			for (let i = 0; i < ${times(150)}; ++i) {
				const { isolate, context, jail } = guest();
				let resolve;
				jail.setSync('p', new Promise(done => { resolve = done }), { promise: true });
				jail.setSync('f', new Callback(async x => x, { async: true }));
				const call = context.eval('p.then(f).then(f)', { promise: true }).then(() => 'ok', error => error.code);
				await context.eval('1');
				resolve(1);
				if (i % 3 === 1) await null;
				if (i % 3 === 2) await sleep(0);
				isolate.dispose();
				assert.ok(['ok', 'ERR_ISOLATE_DISPOSED'].includes(await call), await call);
			}`,
	};
	for (const [when, program] of Object.entries(programs)) {
		it(`${when} does no harm`, async () => {
			assert.deepEqual(await child(`
				(async () => {
					${program}
					report(guest().context.evalSync('1 + 1'));
				})().catch(error => { console.error(error); process.exit(3) });
			`, { deadline: 60_000 }), [2]);
		});
	}

	it('by the garbage collector does no harm while calls are under way', async () => {
		assert.deepEqual(await child(`
			(async () => {
				const calls = [];
				for (let i = 0; i < ${times(100)}; ++i) {
					calls.push(guest().context.eval('for (let i = 0; i < 1e5; ++i); ' + i));
					guest().context.evalIgnored('for (let i = 0; i < 1e6; ++i);');
					guest().context.evalSync('() => 1');
					if (i % 10 === 0) { gc(); await sleep(0) }
				}
				const all = await Promise.all(calls);
				assert.ok(all.every((value, i) => value === i));
				report(guest().context.evalSync('1 + 1'));
			})().catch(error => { console.error(error); process.exit(3) });
		`, { args: ['--expose-gc'], deadline: 60_000 }), [2]);
	});
});

describe('hundreds of short lives', () => {
	it('load, use and end', async () => {
		await repeat(times(36), async i => {
			const reports = await child([
				'report(guest().context.evalSync("1 + 1"))',
				'guest().context.eval("1 + 1").then(report)',
				'const { isolate, context } = guest(); context.eval("while (true);").catch(() => { report(2) }); setTimeout(() => isolate.dispose(), 1)',
				'report(2)',
				'new Isolate(); report(2)',
				'const { context, jail } = guest(); jail.setSync("f", () => { report(2); process.exit() }); context.eval("f()")',
			][i % 6]);
			assert.deepEqual(reports, [2]);
		});
	});

	it('end while V8 still starts, on a thread of its own', async () => {
		const addon = `require(${JSON.stringify(join(ROOT, 'lib', 'native.js'))})`;
		const worker = then => `
			const { Worker } = require('node:worker_threads');
			for (let i = 0; i < 3; ++i) {
				const worker = new Worker(${JSON.stringify(addon)}, { eval: true });
				${then}
			}
		`;
		const programs = [addon, `${addon}; process.exit()`, worker(''), worker(`worker.on('online', () => worker.terminate());`)];
		await repeat(times(60), i => child(programs[i % programs.length], { bare: true }));
	});
});
