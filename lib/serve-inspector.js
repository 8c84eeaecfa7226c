'use strict';

/**
 * DevTools for a running guest. Node only: the server works on a thread of its own (lib/inspector-server.js), so that it
 * can be spoken to while this one waits in a sync call that is paused.
 */

const { join } = require('node:path');
const { typeError, withCode } = require('./errors');
const { open } = require('./handle');
const { numberOf } = require('./inspector-session');
const { optionsOf, required, string } = require('./options');

/** Isolates that are served: they stay. */
const served = new Set();

function portOf(options) {
	const port = options?.port ?? 0;
	if (typeof port !== 'number') {
		throw typeError('`port` must be a number');
	}
	if (!Number.isInteger(port) || port < 0 || port > 65535) {
		throw withCode(new RangeError('`port` must be an integer from 0 to 65535'), 'ERR_OUT_OF_RANGE');
	}
	return port;
}

/**
 * Serves the inspector of an isolate to Chrome DevTools, and to others that speak its protocol.
 * @param {import('./isolate').Isolate} isolate
 * @param {{ host?: string, port?: number }} [options]
 */
async function serveInspector(isolate, options) {
	required(arguments.length, 1, 'serveInspector');
	options = optionsOf(options, 'serveInspector', 2);
	const host = (options && string(options, 'host')) ?? '127.0.0.1';
	const port = portOf(options);
	const number = numberOf(open(isolate, 'Isolate'));
	// Only here: loading it takes 2 ms.
	const { Worker } = require('node:worker_threads');
	const worker = new Worker(join(__dirname, 'inspector-server.js'), {
		workerData: { number, host, port },
		execArgv: [],
		name: 'islet-inspector',
	});
	const ended = new Promise(resolve => worker.once('exit', resolve));
	const address = await new Promise((resolve, reject) => {
		worker.once('message', message => message.error === undefined ?
			resolve(message) :
			reject(Object.assign(new Error(message.error.message), { code: message.error.code })));
		worker.once('error', reject);
	});
	// Debugging is no reason for a process to go on.
	worker.unref();
	worker.on('error', () => {});
	served.add(isolate);
	ended.then(() => served.delete(isolate));
	return {
		...address,
		/** Ends the server and its sessions, and pauses that no other session holds. */
		async close() {
			worker.ref();
			worker.postMessage('close');
			await ended;
		},
	};
}

module.exports = { serveInspector };
