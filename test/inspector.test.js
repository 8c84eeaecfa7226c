'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, islet, rejects, throws, times, until } = require('./helpers');

/** An isolate that can be debugged, and a session that keeps what it hears. */
function debugged(options) {
	const isolate = new islet.Isolate({ inspector: true, ...options });
	const context = isolate.createContextSync({ inspector: true });
	return { isolate, context, client: client(isolate) };
}

function client(isolate) {
	const session = isolate.createInspectorSession();
	const notifications = [];
	const answers = new Map();
	let next = 1;
	session.onNotification = message => notifications.push(JSON.parse(message));
	session.onResponse = (id, message) => answers.get(id)?.(JSON.parse(message));
	return {
		session, notifications,
		/** Sends a message; its answer. */
		send(method, params) {
			const id = next++;
			const answer = new Promise(resolve => answers.set(id, resolve));
			session.dispatchProtocolMessage(JSON.stringify({ id, method, params }));
			return answer;
		},
		of: method => notifications.filter(each => each.method === method).map(each => each.params),
		/** The first notification of this method, once it is there; taken away. */
		heard: method => until(() => {
			const at = notifications.findIndex(each => each.method === method);
			return at >= 0 && notifications.splice(at, 1)[0].params;
		}),
	};
}

describe('inspector sessions', () => {
	it('exist only for isolates made with `inspector: true`', async () => {
		const isolate = new islet.Isolate();
		const message = 'Inspector is not enabled for this isolate';
		throws(() => isolate.createInspectorSession(), Error, message, 'ERR_INSPECTOR_DISABLED');
		throws(() => isolate.createContextSync({ inspector: true }), Error, message, 'ERR_INSPECTOR_DISABLED');
		await rejects(isolate.createContext({ inspector: true }), Error, message, 'ERR_INSPECTOR_DISABLED');
		throws(() => new islet.Isolate({ inspector: 1 }), TypeError, '`inspector` must be a boolean', 'ERR_INVALID_ARG_TYPE');
		throws(() => isolate.createContextSync({ inspector: 1 }), TypeError, '`inspector` must be a boolean');
		isolate.dispose();
		throws(() => isolate.createInspectorSession(), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
	});

	it('answer by number, and tell of what happens', async () => {
		const { context, client: { send, heard } } = debugged();
		assert.deepEqual(await send('Runtime.enable'), { id: 1, result: {} });
		assert.equal((await heard('Runtime.executionContextCreated')).context.name, '<isolated-vm>');
		context.evalSync('console.log("hällo 😀", 1, { a: 2 })');
		const { type, args } = await heard('Runtime.consoleAPICalled');
		assert.equal(type, 'log');
		assert.deepEqual(args.slice(0, 2).map(each => each.value), ['hällo 😀', 1]);
		const { result } = await send('Runtime.evaluate', { expression: '"ä😀".length + 39' });
		assert.deepEqual(result.result.value, 42);
		assert.match((await send('Nope.nope')).error.message, /wasn't found/);
	});

	it('hear of mistakes in what they send', async () => {
		const { client: { session, notifications } } = debugged();
		session.dispatchProtocolMessage('junk');
		await until(() => notifications.length > 0);
		assert.equal(notifications[0].error.code, -32700);
		throws(() => session.dispatchProtocolMessage(), TypeError, /requires at least 1 parameter/, 'ERR_MISSING_ARGS');
		throws(() => session.dispatchProtocolMessage(1), TypeError, /to be a string/, 'ERR_INVALID_ARG_TYPE');
		throws(() => { session.onResponse = 1; }, TypeError, '`onResponse` must be a function', 'ERR_INVALID_ARG_TYPE');
		throws(() => new session.constructor(), TypeError, /can't be constructed/, 'ERR_ILLEGAL_CONSTRUCTOR');
	});

	it('see only contexts made with `inspector: true`', async () => {
		const { isolate, client: { send, of } } = debugged();
		const hidden = isolate.createContextSync();
		await send('Runtime.enable');
		await send('Debugger.enable');
		hidden.evalSync('console.log("unseen"); debugger;');
		await send('Runtime.disable');
		assert.equal(of('Runtime.executionContextCreated').length, 1);
		assert.equal(of('Runtime.consoleAPICalled').length, 0);
		assert.equal(of('Debugger.paused').length, 0);
	});

	it('can\'t be passed to a guest', () => {
		const { context, client: { session } } = debugged();
		throws(() => context.global.setSync('session', session), TypeError, 'A non-transferable value was passed');
	});

	it('are dead after `dispose()`', () => {
		const { client: { session } } = debugged();
		session.dispose();
		throws(() => session.dispose(), Error, 'Session is dead', 'ERR_RELEASED');
		throws(() => session.dispatchProtocolMessage('{}'), Error, 'Session is dead', 'ERR_RELEASED');
		session[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
	});

	it('outlive their isolate without effect', () => {
		const { isolate, client: { session } } = debugged();
		isolate.dispose();
		throws(() => session.dispatchProtocolMessage('{}'), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		session.dispose();
	});

	it('hear of exceptions that leave the guest', async () => {
		const { isolate, context, client: { send, heard, of } } = debugged();
		await send('Runtime.enable');
		const next = async () => (await heard('Runtime.exceptionThrown')).exceptionDetails;
		throws(() => context.evalSync('\n  (function boom() { throw new TypeError("b😀m") })()', { filename: 'file:///a.js' }), TypeError, 'b😀m');
		const thrown = await next();
		assert.deepEqual([thrown.text, thrown.url, thrown.lineNumber, thrown.exception.className], ['Uncaught', 'file:///a.js', 1, 'TypeError']);
		assert.match(thrown.exception.description, /^TypeError: b😀m\n {4}at boom \(file:\/\/\/a\.js:2:28\)/);
		assert.equal(thrown.stackTrace.callFrames[0].functionName, 'boom');

		throws(() => context.evalSync('let let', { filename: 'file:///b.js' }), SyntaxError, /./);
		const syntax = await next();
		assert.deepEqual([syntax.url, syntax.lineNumber, syntax.columnNumber], ['file:///b.js', 0, 4]);

		await assert.rejects(isolate.compileScriptSync('throw 5').run(context));
		assert.equal((await next()).exception.value, 5);

		const module = isolate.compileModuleSync('throw new RangeError("in a module")', { filename: 'file:///c.js' });
		module.instantiateSync(context, () => {});
		await rejects(module.evaluate(), RangeError, 'in a module');
		assert.match((await next()).exception.description, /in a module/);

		context.evalSync('Promise.reject(new Error("alone")); Promise.reject(6).catch(() => {}); 0');
		const rejected = await next();
		assert.equal(rejected.text, 'Uncaught (in promise)');
		assert.match(rejected.exception.description, /^Error: alone/);
		await send('Runtime.evaluate', { expression: '1' });
		assert.deepEqual(of('Runtime.exceptionThrown'), []);
		isolate.dispose();
	});

	it('hear of none that the guest catches, be it from inside a call of its own', async () => {
		const { isolate, context, client: { send, of } } = debugged();
		await send('Runtime.enable');
		context.global.setSync('again', () => context.evalSync('throw new Error("inner")'));
		context.evalSync('try { again() } catch {} try { null.x } catch {} 0');
		await send('Runtime.evaluate', { expression: '1' });
		assert.deepEqual(of('Runtime.exceptionThrown'), []);
		isolate.dispose();
	});

	it('hear of exceptions that came before them', async () => {
		const { isolate, context, client: { send, heard } } = debugged();
		throws(() => context.evalSync('throw new Error("early")'), Error, 'early');
		await send('Runtime.enable');
		assert.match((await heard('Runtime.exceptionThrown')).exceptionDetails.exception.description, /early/);
		isolate.dispose();
	});

	it('leave unhandled rejections to the listener as well', async () => {
		const heard = [];
		const { isolate, context, client: { send, of } } = debugged({ onUnhandledRejection: (reason, { dropped }) => heard.push(reason, dropped) });
		await send('Runtime.enable');
		context.evalSync('for (let i = 0; i < 100; ++i) Promise.reject(i); 0');
		await until(() => heard.length === 64);
		assert.deepEqual([heard[0], heard[1], heard[62], heard[63]], [0, 0, 31, 68]);
		await until(() => of('Runtime.exceptionThrown').length === 100);
		isolate.dispose();
	});

	it('don\'t let a guest get past its limits by what it throws', async () => {
		const { isolate, context, client: { send } } = debugged({ timeout: 100 });
		await send('Runtime.enable');
		throws(() => context.evalSync('throw Object.defineProperty(new Error("x"), "stack", { get() { for (;;); } })'), Error, /./, 'ERR_TIMEOUT');
		throws(() => context.evalSync('Error.prepareStackTrace = () => { for (;;); }; throw new Error("y")'), Error, /./, 'ERR_TIMEOUT');
		assert.equal(context.evalSync('1 + 1'), 2);
		isolate.dispose();
	});

	it('go on when a handler throws', async () => {
		const { isolate, client: one } = debugged();
		one.session.onNotification = () => { throw new Error('ignored'); };
		await one.send('Runtime.enable');
		const { result } = await one.send('Runtime.evaluate', { expression: '1 + 1' });
		assert.equal(result.result.value, 2);
		isolate.dispose();
	});
});

describe('inside a guest', () => {
	it('the inspector, the profiler and heap snapshots are refused', () => {
		const { context } = debugged();
		context.global.setSync('ivm', islet);
		const refused = code => context.evalSync(`(() => { try { ${code}; } catch (error) { return [error.name, error.code].join(); } })()`);
		const expected = 'TypeError,ERR_NOT_SUPPORTED';
		assert.equal(refused('new ivm.Isolate({ inspector: true })'), expected);
		assert.equal(refused('new ivm.Isolate().createInspectorSession()'), expected);
		assert.equal(refused('new ivm.Isolate().startCpuProfiler("x")'), expected);
		assert.equal(refused('new ivm.InspectorSession()'), expected);
		assert.equal(refused('new ivm.Isolate().getHeapSnapshot()'), expected);
		assert.equal(refused('ivm.Isolate.prototype.getHeapSnapshot.call({})'), 'TypeError,ERR_INVALID_THIS');
		assert.equal(refused('new ivm.Isolate().createContextSync({ inspector: true })'), 'Error,ERR_INSPECTOR_DISABLED');
	});
});

describe('breakpoints', () => {
	it('pause a guest while the host goes on', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		let done = false;
		const running = context.eval('let secret = 42; debugger; secret + 1').finally(() => { done = true; });
		const { callFrames: [frame], reason } = await heard('Debugger.paused');
		assert.equal(reason, 'other');
		const seen = await send('Debugger.evaluateOnCallFrame', {
			callFrameId: frame.callFrameId, expression: 'secret *= 2',
		});
		assert.equal(seen.result.result.value, 84);
		await new Promise(resolve => setTimeout(resolve, 20));
		assert.equal(done, false);
		await send('Debugger.resume');
		assert.equal(await running, 85);
		await heard('Debugger.resumed');
	});

	it('are set by URL, hit, and stepped from', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const { result } = await send('Debugger.setBreakpointByUrl', { url: 'file:///game.js', lineNumber: 2 });
		assert.ok(result.breakpointId);
		const running = context.eval('let a = 1;\na += 1;\na += 2;\na += 4;\na', { filename: 'file:///game.js' });
		let paused = await heard('Debugger.paused');
		assert.deepEqual(paused.hitBreakpoints, [result.breakpointId]);
		assert.equal(paused.callFrames[0].location.lineNumber, 2);
		await send('Debugger.stepOver');
		paused = await heard('Debugger.paused');
		assert.equal(paused.callFrames[0].location.lineNumber, 3);
		await send('Debugger.resume');
		assert.equal(await running, 8);
	});

	it('stop the clock of `timeout`', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('debugger; "in time"', { timeout: 400 });
		await Promise.race([running, heard('Debugger.paused')]);
		await new Promise(resolve => setTimeout(resolve, 600));
		await send('Debugger.resume');
		assert.equal(await running, 'in time');
		const looping = rejects(context.eval('debugger; for (;;);', { timeout: 400 }), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
		await Promise.race([looping, heard('Debugger.paused')]);
		await send('Debugger.resume');
		await looping;
		assert.equal(context.evalSync('1'), 1);
	});

	it('hold up no `deadline`', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const over = rejects(context.eval('debugger; 1', { deadline: 600 }), Error, /deadline/i, 'ERR_TIMEOUT');
		await Promise.race([over, heard('Debugger.paused')]);
		await over;
		await heard('Debugger.resumed');
		assert.equal(context.evalSync('2'), 2);
	});

	it('are not in the time of the isolate\'s own `timeout`', async () => {
		const { context, client: { send, heard } } = debugged({ timeout: 600 });
		await send('Debugger.enable');
		await send('HeapProfiler.enable');
		await send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
		const running = context.eval('debugger; "in time"');
		await Promise.race([running, heard('Debugger.paused')]);
		await new Promise(resolve => setTimeout(resolve, 800));
		await send('Debugger.resume');
		assert.equal(await running, 'in time');
		await rejects(context.eval('for (;;);'), Error, 'Script execution timed out.', 'ERR_TIMEOUT');
	});

	it('are reached by `Debugger.pause` of a guest that loops', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const looping = context.eval('globalThis.stop = false; let turns = 0; while (!stop) ++turns; "stopped"');
		await until(async () => (await send('Runtime.evaluate', { expression: 'turns > 1000' })).result.result.value === true);
		await send('Debugger.pause');
		await heard('Debugger.paused');
		await send('Runtime.evaluate', { expression: 'stop = true' });
		await send('Debugger.resume');
		assert.equal(await looping, 'stopped');
	});

	it('fail sync calls of others, which nobody could answer, and hold up async ones', async () => {
		const { isolate, context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('globalThis.n = 1; debugger; n');
		await heard('Debugger.paused');
		const message = 'Isolate is paused in the debugger';
		throws(() => context.evalSync('n += 1'), Error, message, 'ERR_PAUSED');
		throws(() => isolate.getHeapStatisticsSync(), Error, message, 'ERR_PAUSED');
		let late = false;
		const waiting = context.eval('n += 10').then(value => { late = true; return value; });
		assert.equal((await send('Runtime.evaluate', { expression: 'n' })).result.result.value, 1);
		assert.equal(late, false);
		await send('Debugger.resume');
		assert.equal(await running, 1);
		assert.equal(await waiting, 11);
	});

	it('fail sync calls that were waiting for the guest when it paused', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('const end = Date.now() + 50; while (Date.now() < end); debugger; 1');
		throws(() => context.evalSync('2'), Error, 'Isolate is paused in the debugger', 'ERR_PAUSED');
		await heard('Debugger.paused');
		await send('Debugger.resume');
		assert.equal(await running, 1);
	});

	it('don\'t keep an evaluation that loops from being ended with the isolate', async () => {
		const { isolate, context, client: { session, send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('debugger; 1');
		await heard('Debugger.paused');
		session.dispatchProtocolMessage('{"id":99,"method":"Runtime.evaluate","params":{"expression":"for (;;);"}}');
		await new Promise(resolve => setTimeout(resolve, 20));
		isolate.dispose();
		await rejects(running, Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED');
	});

	it('in a sync call reach the handlers of the thread that waits', () => {
		const { context, client: { session } } = debugged();
		const heard = [];
		session.onNotification = message => {
			const { method } = JSON.parse(message);
			heard.push(method);
			if (method === 'Debugger.paused') {
				session.dispatchProtocolMessage('{"id":2,"method":"Debugger.resume"}');
			}
		};
		session.dispatchProtocolMessage('{"id":1,"method":"Debugger.enable"}');
		for (let i = 0; i < times(200); ++i) {
			heard.length = 0;
			assert.equal(context.evalSync('debugger; 7'), 7);
			assert.deepEqual(heard.filter(method => method !== 'Debugger.resumed'), ['Debugger.scriptParsed', 'Debugger.paused']);
		}
	});

	it('are hit inside what a host function calls', async () => {
		const { context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		context.global.setSync('call', new islet.Callback(() => context.eval('debugger; 5'), { async: true }));
		const running = context.eval('call().then(five => five + 1)', { promise: true });
		await heard('Debugger.paused');
		await send('Debugger.resume');
		assert.equal(await running, 6);
	});

	it('are answered while the guest waits for a host function', async () => {
		const { context, client: { session, send } } = debugged();
		await send('Runtime.enable');
		let answered;
		context.global.setSync('call', () => {
			session.dispatchProtocolMessage('{"id":99,"method":"Runtime.evaluate","params":{"expression":"n = 8"}}');
			const end = Date.now() + 2000;
			const look = () => context.evalSync('n');
			while ((answered = look()) !== 8 && Date.now() < end);
			return answered;
		});
		assert.equal(await context.eval('globalThis.n = 1; call()'), 8);
	});

	it('end with the session that holds them', async () => {
		const { isolate, context, client: { session, send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('debugger; 1');
		await heard('Debugger.paused');
		const other = client(isolate);
		session.dispose();
		assert.equal(await running, 1);
		assert.equal(context.evalSync('debugger; 2'), 2);
		assert.equal((await other.send('Runtime.evaluate', { expression: '3' })).result.result.value, 3);
	});

	it('in what a session evaluates end with that very session', async () => {
		const { context, client: { session, send, heard } } = debugged();
		await send('Debugger.enable');
		send('Runtime.evaluate', { expression: 'globalThis.before = 1; debugger; globalThis.after = 2' });
		await heard('Debugger.paused');
		session.dispose();
		assert.equal(await context.eval('before + after'), 3);
	});

	it('are held as long as one of several sessions wants them', async () => {
		const { isolate, context, client: one } = debugged();
		const two = client(isolate);
		await one.send('Debugger.enable');
		await two.send('Debugger.enable');
		const running = context.eval('debugger; 1');
		await one.heard('Debugger.paused');
		await two.heard('Debugger.paused');
		one.session.dispose();
		assert.equal((await two.send('Runtime.evaluate', { expression: '1 + 1' })).result.result.value, 2);
		await two.send('Debugger.resume');
		assert.equal(await running, 1);
	});

	it('end with the isolate', async () => {
		const { isolate, context, client: { send, heard } } = debugged();
		await send('Debugger.enable');
		const running = context.eval('debugger; 1');
		await heard('Debugger.paused');
		isolate.dispose();
		await rejects(running, Error, 'Isolate was disposed during execution', 'ERR_ISOLATE_DISPOSED');
	});

	it('don\'t lift the memory limit', async () => {
		const { context, client: { send } } = debugged({ memoryLimit: 16 });
		await send('Debugger.enable');
		await rejects(context.eval('const all = []; for (;;) all.push(new Array(1000).fill(all.length));'),
			Error, /memory limit/, 'ERR_MEMORY_LIMIT');
	});

	it('leave a guest that a session terminates usable', async () => {
		const { context, client: { send } } = debugged();
		await send('Runtime.enable');
		const looping = context.eval('globalThis.started = true; for (;;);');
		await until(async () => (await send('Runtime.evaluate', { expression: 'globalThis.started' })).result.result.value === true);
		const ended = rejects(looping, Error, /./);
		await send('Runtime.terminateExecution');
		await ended;
		assert.equal(context.evalSync('1 + 1'), 2);
	});
});

describe('heap snapshots', () => {
	it('come in chunks', async () => {
		const { client: { session, send, notifications } } = debugged();
		await send('HeapProfiler.enable');
		await send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
		const text = notifications.filter(each => each.method === 'HeapProfiler.addHeapSnapshotChunk')
			.map(each => each.params.chunk).join('');
		assert.ok(JSON.parse(text).snapshot.node_count > 1000);
		session.dispose();
	});
});

describe('the end of things while paused', () => {
	const PAUSED = `
		const paused = async () => {
			const isolate = new Isolate({ inspector: true });
			const context = isolate.createContextSync({ inspector: true });
			const session = isolate.createInspectorSession();
			const stopped = new Promise(resolve => {
				session.onNotification = message => JSON.parse(message).method === 'Debugger.paused' && resolve();
			});
			session.dispatchProtocolMessage('{"id":1,"method":"Debugger.enable"}');
			const running = context.eval('debugger; 1').then(String, error => error.message);
			await stopped;
			return { isolate, context, session, running };
		};
	`;

	it('is clean, whatever ends first', async () => {
		const [seen] = await child(`${PAUSED}
			(async () => {
				const seen = {};
				for (let i = 0; i < times(400); ++i) {
					const { isolate, session, running } = await paused();
					switch (i % 4) {
						case 0: isolate.dispose(); break;
						case 1: session.dispose(); break;
						case 2: session.dispose(); isolate.dispose(); break;
						default: session.dispatchProtocolMessage('{"id":2,"method":"Debugger.resume"}'); isolate.dispose(); session.dispose();
					}
					seen[await running] = true;
					if (i % 4 === 1) isolate.dispose();
				}
				report(Object.keys(seen).sort());
			})();
		`, { deadline: 120_000 });
		assert.deepEqual(seen.filter(each => each !== '1'), ['Isolate was disposed during execution']);
	});

	it('ends the process when the process says so', async () => {
		for (let i = 0; i < times(20); ++i) {
			await child(`${PAUSED}
				(async () => {
					const { session } = await paused();
					if (${i} % 2) session.dispatchProtocolMessage('{"id":2,"method":"Debugger.resume"}');
					process.exit(7);
				})();
			`, { status: 7 });
		}
	});

	it('ends a worker when it is terminated', async () => {
		await child(`
			const code = ${JSON.stringify(PAUSED)} + 'paused().then(() => parentPort.postMessage(0));';
			(async () => {
				for (let i = 0; i < times(60); ++i) {
					const worker = new Worker(\`
						const islet = require(\${JSON.stringify(ROOT)});
						const { Isolate } = islet;
						const { parentPort } = require('node:worker_threads');
						\${code}\`, { eval: true });
					await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
					await worker.terminate();
				}
			})();
		`, { deadline: 120_000 });
	});

	it('ends a worker that waits in the paused call itself', async () => {
		await child(`
			(async () => {
				for (let i = 0; i < times(20); ++i) {
					const worker = new Worker(\`
						const { Isolate } = require(\${JSON.stringify(ROOT)});
						const { parentPort } = require('node:worker_threads');
						const isolate = new Isolate({ inspector: true });
						const context = isolate.createContextSync({ inspector: true });
						const session = isolate.createInspectorSession();
						session.dispatchProtocolMessage('{"id":1,"method":"Debugger.enable"}');
						context.global.setSync('started', () => parentPort.postMessage(0));
						context.evalSync('started(); debugger;');\`, { eval: true });
					await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
					await worker.terminate();
				}
			})();
		`, { deadline: 120_000 });
	});

	it('doesn\'t matter to a session that nobody holds any more', async () => {
		const [value] = await child(`
			(async () => {
				const isolate = new Isolate({ inspector: true });
				const context = isolate.createContextSync({ inspector: true });
				(() => {
					const session = isolate.createInspectorSession();
					session.dispatchProtocolMessage('{"id":1,"method":"Debugger.enable"}');
				})();
				const running = context.eval('debugger; "gone on"');
				const collecting = setInterval(() => gc(), 10);
				report(await running);
				clearInterval(collecting);
			})();
		`, { args: ['--expose-gc'] });
		assert.equal(value, 'gone on');
	});

	it('doesn\'t keep a session with handlers, or its isolate, for good', async () => {
		const [left] = await child(`
			(async () => {
				let collected = 0;
				const registry = new FinalizationRegistry(() => { ++collected; });
				const make = () => {
					const isolate = new Isolate({ inspector: true });
					const session = isolate.createInspectorSession();
					session.onNotification = () => {};
					session.dispatchProtocolMessage('{"id":1,"method":"Runtime.enable"}');
					registry.register(isolate, 0);
					registry.register(session, 0);
				};
				for (let i = 0; i < 20; ++i) make();
				await until(() => { gc(); return collected === 40; });
				report(collected);
			})();
		`, { args: ['--expose-gc'] });
		assert.equal(left, 40);
	});
});

describe('a guest that floods the console', () => {
	it('doesn\'t fill the host\'s memory', async () => {
		const [grown] = await child(`
			const isolate = new Isolate({ inspector: true });
			const context = isolate.createContextSync({ inspector: true });
			const session = isolate.createInspectorSession();
			session.dispatchProtocolMessage('{"id":1,"method":"Runtime.enable"}');
			const before = process.memoryUsage().rss;
			// A sync call whose session has no handlers: nobody fetches what comes.
			context.evalSync('const text = "x".repeat(1e5); for (let i = 0; i < 5000; ++i) console.log(text);');
			report((process.memoryUsage().rss - before) / 1e6);
		`, { deadline: 60_000 });
		assert.ok(grown < 350, `grew by ${grown} MB`);
	});
});

describe('a message to a guest that no thread is in', () => {
	it('reaches it also when a call that never ends comes first, and so do later ones', async () => {
		for (let i = 0; i < times(5); ++i) {
			const isolate = new islet.Isolate({ inspector: true });
			const context = isolate.createContextSync({ inspector: true });
			// Without a session the isolate leaves its thread after 200 ms.
			await new Promise(resolve => setTimeout(resolve, 300));
			const looping = context.eval('globalThis.stop ??= false; while (!stop); "stopped"');
			const { session, send } = client(isolate);
			await send('Runtime.enable');
			await send('Runtime.evaluate', { expression: 'globalThis.stop = true' });
			assert.equal(await looping, 'stopped');
			session.dispose();
		}
	});
});
