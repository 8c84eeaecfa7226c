'use strict';

module.exports = {
	'an isolate without inspector': async ({ guest, attempt }) => {
		const { isolate } = guest();
		attempt('session', () => isolate.createInspectorSession());
	},
	'a session': async ({ ivm, log, attempt, until }) => {
		const isolate = new ivm.Isolate({ inspector: true });
		const context = isolate.createContextSync({ inspector: true });
		const session = attempt('session', () => isolate.createInspectorSession());
		const responses = [];
		const notifications = [];
		session.onResponse = (id, message) => responses.push([id, JSON.parse(message)]);
		session.onNotification = message => notifications.push(JSON.parse(message));
		attempt('enable', () => session.dispatchProtocolMessage('{"id":1,"method":"Runtime.enable"}'));
		attempt('evaluate', () => session.dispatchProtocolMessage('{"id":2,"method":"Runtime.evaluate","params":{"expression":"1 + 1"}}'));
		await until(() => responses.length === 2);
		log(responses.map(([id]) => id), responses[1][1].result.result);
		log(notifications.some(({ method }) => method === 'Runtime.executionContextCreated'));
		attempt('dispose', () => session.dispose());
		attempt('after', () => session.dispatchProtocolMessage('{"id":3,"method":"Runtime.enable"}'));
		attempt('again', () => session.dispose());
		context.release();
		isolate.dispose();
	},
	'console messages': async ({ ivm, log, until }) => {
		const isolate = new ivm.Isolate({ inspector: true });
		const context = isolate.createContextSync({ inspector: true });
		const session = isolate.createInspectorSession();
		const calls = [];
		session.onResponse = () => {};
		session.onNotification = message => {
			const { method, params } = JSON.parse(message);
			if (method === 'Runtime.consoleAPICalled') {
				calls.push([params.type, params.args.map(({ value }) => value)]);
			}
		};
		session.dispatchProtocolMessage('{"id":1,"method":"Runtime.enable"}');
		await context.eval('console.log("a", 1); console.warn("b"); console.error("c"); 1');
		await until(() => calls.length === 3);
		log(calls);
		session.dispose();
		isolate.dispose();
	},
	'a breakpoint pauses, and goes on': async ({ ivm, log, until }) => {
		const isolate = new ivm.Isolate({ inspector: true });
		const context = await isolate.createContext({ inspector: true });
		const session = isolate.createInspectorSession();
		let id = 0;
		const send = (method, params = {}) => session.dispatchProtocolMessage(JSON.stringify({ id: ++id, method, params }));
		session.onResponse = () => {};
		session.onNotification = message => {
			const { method, params } = JSON.parse(message);
			if (method === 'Debugger.paused') {
				log('paused', params.callFrames[0].functionName, params.callFrames[0].location.lineNumber);
				setImmediate(() => send('Debugger.resume'));
			}
			if (method === 'Debugger.resumed') {
				log('resumed');
			}
		};
		send('Debugger.enable');
		const value = await context.eval('function inner() {\n\tdebugger;\n\treturn 7\n}\ninner()', { filename: 'file:///pause.js' });
		log(value);
		session.dispose();
		isolate.dispose();
	},
	'wrong messages': async ({ ivm, attempt, until, log }) => {
		const isolate = new ivm.Isolate({ inspector: true });
		isolate.createContextSync({ inspector: true });
		const session = isolate.createInspectorSession();
		const responses = [];
		session.onResponse = (id, message) => responses.push([id, JSON.parse(message)]);
		session.onNotification = () => {};
		attempt('none', () => session.dispatchProtocolMessage());
		attempt('number', () => session.dispatchProtocolMessage(1));
		attempt('unknown method', () => session.dispatchProtocolMessage('{"id":5,"method":"No.such"}'));
		await until(() => responses.length > 0);
		log(responses[0][0], responses[0][1].error.code);
		session.dispose();
		isolate.dispose();
	},
	'a context with inspector in an isolate without': async ({ ivm, attempt }) => {
		const isolate = new ivm.Isolate();
		attempt('context', () => isolate.createContextSync({ inspector: true }));
	},
	'a session of a disposed isolate': async ({ ivm, attempt }) => {
		const isolate = new ivm.Isolate({ inspector: true });
		isolate.createContextSync({ inspector: true });
		const session = isolate.createInspectorSession();
		isolate.dispose();
		attempt('dispatch', () => session.dispatchProtocolMessage('{"id":1,"method":"Runtime.enable"}'));
		attempt('dispose', () => session.dispose());
		attempt('another', () => isolate.createInspectorSession());
	},
	'a CPU profile': async ({ guest, attempt, settle, log }) => {
		const { isolate, context } = guest();
		attempt('start', () => isolate.startCpuProfiler('title'));
		await context.eval('function busy() { const end = Date.now() + 60; let n = 0; while (Date.now() < end) ++n; return n } busy(); 1', { filename: 'file:///busy.js' });
		const profiles = await isolate.stopCpuProfiler('title');
		log(Array.isArray(profiles), profiles.length > 0);
		const [{ threadId, profile }] = profiles;
		log(typeof threadId, Object.keys(profile).sort().join(' '));
		log(profile.samples.length > 0, profile.samples.length === profile.timeDeltas.length, profile.endTime > profile.startTime);
		const names = profiles.flatMap(each => each.profile.nodes.map(node => node.callFrame.functionName));
		log(names.includes('busy'), names.includes('(root)'));
		const node = profile.nodes[0];
		log(Object.keys(node).sort().join(' '), Object.keys(node.callFrame).sort().join(' '));
	},
	'a profiler that was not started': async ({ guest, settle }) => {
		const { isolate } = guest();
		await settle('stop', () => isolate.stopCpuProfiler('never'));
	},
	'wrong calls of the profiler': async ({ guest, attempt, settle }) => {
		const { isolate } = guest();
		attempt('start', () => isolate.startCpuProfiler());
		attempt('start number', () => isolate.startCpuProfiler(1));
		await settle('stop', () => isolate.stopCpuProfiler());
		await settle('stop number', () => isolate.stopCpuProfiler(1));
	},
};
