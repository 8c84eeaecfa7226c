'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { get } = require('node:http');
const { describe, it } = require('node:test');
const WebSocket = require('ws');
const { ROOT, child, islet, rejects, times, until } = require('./helpers');

/** An isolate that is served, to the end of the test. */
async function serving(test, options) {
	const isolate = new islet.Isolate({ inspector: true });
	const context = isolate.createContextSync({ inspector: true });
	const server = await islet.serveInspector(isolate, options);
	test.after(() => server.close());
	return { isolate, context, server };
}

/** A client that speaks the DevTools protocol. */
async function connect(url, options) {
	const socket = new WebSocket(url, options);
	const answers = new Map();
	const notifications = [];
	let next = 1;
	socket.on('message', text => {
		const message = JSON.parse(text);
		if (message.id === undefined) {
			notifications.push(message);
		} else {
			answers.get(message.id)(message);
		}
	});
	await once(socket, 'open');
	return {
		socket, notifications,
		async send(method, params) {
			const id = next++;
			const answer = new Promise(resolve => answers.set(id, resolve));
			socket.send(JSON.stringify({ id, method, params }));
			const { result, error } = await answer;
			assert.equal(error, undefined);
			return result;
		},
		heard: method => until(() => {
			const at = notifications.findIndex(each => each.method === method);
			return at >= 0 && notifications.splice(at, 1)[0].params;
		}),
	};
}

function request(port, path, headers) {
	return new Promise((resolve, reject) => {
		get({ host: '127.0.0.1', port, path, headers, agent: false }, async response => {
			let body = '';
			for await (const chunk of response.setEncoding('utf8')) {
				body += chunk;
			}
			resolve({ status: response.statusCode, body: JSON.parse(body) });
		}).on('error', reject);
	});
}

/** The HTTP status with which a WebSocket is refused. */
async function refusal(url, options) {
	const socket = new WebSocket(url, options);
	const [, response] = await once(socket, 'unexpected-response');
	response.destroy();
	socket.on('error', () => {});
	socket.terminate();
	return response.statusCode;
}

describe('serveInspector', () => {
	it('tells where DevTools finds the guest', async test => {
		const { server: { url, port, devtoolsUrl } } = await serving(test);
		assert.match(url, /^ws:\/\/127\.0\.0\.1:\d+\/[\da-f-]{36}$/);
		assert.ok(url.includes(`:${port}/`));
		assert.match(devtoolsUrl, /^devtools:\/\/devtools\/bundled\/js_app\.html\?/);
		assert.ok(devtoolsUrl.endsWith(`ws=${url.slice('ws://'.length)}`));
		for (const path of ['/json', '/json/', '/json/list', '/json/list?t=1']) {
			const { status, body: [target] } = await request(port, path);
			assert.equal(status, 200);
			assert.equal(target.webSocketDebuggerUrl, url);
			assert.equal(target.devtoolsFrontendUrl, devtoolsUrl);
			assert.equal(target.type, 'node');
		}
		const { body: version } = await request(port, '/json/version');
		assert.deepEqual(version, { 'Browser': `islet/${islet.versions.islet}`, 'Protocol-Version': '1.3', 'V8-Version': islet.versions.v8 });
		assert.equal((await request(port, '/other')).status, 404);
	});

	it('lets a client debug', async test => {
		const { context, server } = await serving(test);
		const { send, heard } = await connect(server.url);
		await send('Runtime.enable');
		await send('Debugger.enable');
		await send('Runtime.runIfWaitingForDebugger');
		assert.equal((await heard('Runtime.executionContextCreated')).context.name, '<isolated-vm>');
		context.evalSync('console.log("from the guest", { wood: 3 })');
		const { args } = await heard('Runtime.consoleAPICalled');
		assert.equal(args[0].value, 'from the guest');
		const { result: properties } = await send('Runtime.getProperties', { objectId: args[1].objectId, ownProperties: true });
		assert.equal(properties.find(({ name }) => name === 'wood').value.value, 3);

		await send('Debugger.setBreakpointByUrl', { url: 'file:///bot.js', lineNumber: 1 });
		const running = context.eval('let wood = 1;\nwood += 1;\nwood', { filename: 'file:///bot.js' });
		const { callFrames: [frame] } = await heard('Debugger.paused');
		assert.equal(frame.location.lineNumber, 1);
		const { scriptSource } = await send('Debugger.getScriptSource', { scriptId: frame.location.scriptId });
		assert.match(scriptSource, /^let wood/);
		await send('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression: 'wood = 40' });
		await send('Debugger.resume');
		assert.equal(await running, 41);

		const looping = context.eval('globalThis.stop ??= false; while (!stop);');
		await send('Debugger.pause');
		await heard('Debugger.paused');
		await send('Runtime.evaluate', { expression: 'stop = true' });
		await send('Debugger.resume');
		await looping;
	});

	it('lets a client profile and take heap snapshots', async test => {
		const { context, server } = await serving(test);
		const { send, notifications } = await connect(server.url);
		await send('Profiler.enable');
		await send('Profiler.start');
		await context.eval('function busy() { const end = Date.now() + 50; while (Date.now() < end); } busy()');
		const { profile } = await send('Profiler.stop');
		assert.ok(profile.nodes.some(({ callFrame }) => callFrame.functionName === 'busy'));
		await send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
		const text = notifications.filter(({ method }) => method === 'HeapProfiler.addHeapSnapshotChunk')
			.map(({ params }) => params.chunk).join('');
		assert.ok(JSON.parse(text).snapshot.node_count > 1000);
	});

	it('serves several clients at once', async test => {
		const { context, server } = await serving(test);
		const clients = await Promise.all([1, 2, 3].map(() => connect(server.url)));
		await Promise.all(clients.map(({ send }) => send('Debugger.enable')));
		const running = context.eval('debugger; 5');
		await Promise.all(clients.map(({ heard }) => heard('Debugger.paused')));
		await clients[2].send('Debugger.resume');
		assert.equal(await running, 5);
		await Promise.all(clients.map(({ heard }) => heard('Debugger.resumed')));
	});

	it('refuses web pages, and names that others can make', async test => {
		const { server: { url, port } } = await serving(test);
		for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example']) {
			assert.equal((await request(port, '/json/list', { host })).status, 403, host);
			assert.equal(await refusal(url, { headers: { host } }), 403, host);
		}
		for (const host of ['localhost', `LOCALHOST:${port}`, '127.0.0.1', '[::1]:80']) {
			assert.equal((await request(port, '/json/list', { host })).status, 200, host);
		}
		for (const origin of ['http://localhost', 'https://evil.example', 'null', `http://127.0.0.1:${port}`, 'file://', 'xdevtools://x']) {
			assert.equal((await request(port, '/json/list', { origin })).status, 403, origin);
			assert.equal(await refusal(url, { origin }), 403, origin);
		}
		const { socket } = await connect(url, { origin: 'devtools://devtools' });
		socket.terminate();
		assert.equal(await refusal(url.slice(0, -1)), 404);
		assert.equal(await refusal(`${url}/x`), 404);
		assert.equal(await refusal(url.replace(/[^/]*$/, '')), 404);
	});

	it('lets a paused guest go on when its client goes', async test => {
		const { context, server } = await serving(test);
		for (let i = 0; i < times(200); ++i) {
			const { socket, send, heard } = await connect(server.url);
			await send('Debugger.enable');
			const running = context.eval('debugger; 7');
			await heard('Debugger.paused');
			if (i % 2) {
				socket.close();
			} else {
				socket.terminate();
			}
			assert.equal(await running, 7);
		}
	});

	it('works while the host waits in the paused call', async () => {
		const program = `
			const { Isolate, serveInspector } = require(${JSON.stringify(ROOT)});
			const isolate = new Isolate({ inspector: true });
			const context = isolate.createContextSync({ inspector: true });
			context.global.setSync('host', value => value + 1);
			serveInspector(isolate).then(({ url }) => {
				console.log(url);
				// A sync call in a loop: nothing of this thread answers meanwhile.
				context.evalSync('globalThis.go ??= false; while (!go);');
				console.log(context.evalSync('let secret = 20; debugger; host(secret)'));
			});
		`;
		const host = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
		let output = '';
		host.stdout.on('data', chunk => {
			output += chunk;
		});
		const ended = once(host, 'close');
		await until(() => output.includes('\n'));
		const { send, heard } = await connect(output.trim());
		await send('Debugger.enable');
		await send('Runtime.evaluate', { expression: 'go = true' });
		const { callFrames: [frame] } = await heard('Debugger.paused');
		await send('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression: 'secret = 41' });
		// The process may have ended before it answers this.
		send('Debugger.resume');
		assert.deepEqual(await ended, [0, null]);
		assert.equal(output.split('\n')[1], '42');
	});

	it('ends with the isolate', async test => {
		const { isolate, server } = await serving(test);
		const { socket } = await connect(server.url);
		isolate.dispose();
		const [code] = await once(socket, 'close');
		assert.equal(code, 1001);
		await server.close();
		await assert.rejects(request(server.port, '/json'), { code: 'ECONNREFUSED' });
	});

	it('ends by `close()`, and pauses with it', async test => {
		const { context, server } = await serving(test);
		const { socket, send, heard } = await connect(server.url);
		await send('Debugger.enable');
		const running = context.eval('debugger; 8');
		await heard('Debugger.paused');
		const closed = once(socket, 'close');
		await server.close();
		assert.equal((await closed)[0], 1001);
		assert.equal(await running, 8);
		await server.close();
	});

	it('takes a host and a port, and says what is wrong with them', async test => {
		const { isolate, server } = await serving(test, { host: 'localhost' });
		const { socket } = await connect(server.url);
		socket.terminate();
		await assert.rejects(islet.serveInspector(isolate, { host: '127.0.0.1', port: server.port }), error =>
			error.code === 'EADDRINUSE' || assert.match(server.url, /\[::1\]/) === undefined);
		await rejects(islet.serveInspector(isolate, { port: '1' }), TypeError, '`port` must be a number', 'ERR_INVALID_ARG_TYPE');
		await rejects(islet.serveInspector(isolate, { port: 65536 }), RangeError, /`port`/, 'ERR_OUT_OF_RANGE');
		await rejects(islet.serveInspector(isolate, { host: 1 }), TypeError, '`host` must be a string', 'ERR_INVALID_ARG_TYPE');
		await rejects(islet.serveInspector(), TypeError, '`serveInspector` requires at least 1 parameter', 'ERR_MISSING_ARGS');
		await rejects(islet.serveInspector({}), TypeError, 'Illegal invocation', 'ERR_INVALID_THIS');
		await rejects(islet.serveInspector(new islet.Isolate()), Error, /not enabled/, 'ERR_INSPECTOR_DISABLED');
		const disposed = new islet.Isolate({ inspector: true });
		disposed.dispose();
		await rejects(islet.serveInspector(disposed), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
	});

	it('doesn\'t keep the process alive', async () => {
		const [port] = await child(`
			islet.serveInspector(new Isolate({ inspector: true })).then(({ port }) => report(port));
		`);
		assert.ok(port > 0);
	});

	it('doesn\'t mind the end of the process', async () => {
		for (let i = 0; i < times(10); ++i) {
			await child(`
				const WebSocket = require(ROOT + '/node_modules/ws');
				(async () => {
					const { isolate, context } = (() => {
						const isolate = new Isolate({ inspector: true });
						return { isolate, context: isolate.createContextSync({ inspector: true }) };
					})();
					const server = await islet.serveInspector(isolate);
					const socket = new WebSocket(server.url);
					await new Promise(resolve => socket.once('open', resolve));
					socket.send('{"id":1,"method":"Debugger.enable"}');
					await new Promise(resolve => socket.once('message', resolve));
					context.eval('debugger; 1').catch(() => {});
					socket.on('message', message => {
						if (JSON.parse(message).method === 'Debugger.paused') process.exit(7);
					});
				})();
			`, { status: 7 });
		}
	});
});
