'use strict';

/**
 * The program of the thread that `serveInspector` starts: an HTTP server by which DevTools finds the isolate, and a
 * WebSocket for each client, with a session of its own.
 *
 * Whoever gets a WebSocket here can do anything in the guest. A page in a browser of this machine must not: it can
 * name this server by a host name of its own (DNS rebinding), and open WebSockets to anybody. So a request has to name the
 * server by an IP address or as localhost, as Node's inspector asks for, and must not come from a web page; and the
 * path can't be guessed.
 */

const { randomUUID } = require('node:crypto');
const { createServer } = require('node:http');
const { isIP } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const { WebSocketServer } = require('ws');
const { DISPOSE } = require('./disposable');
const { attachSession } = require('./inspector-session');
const { versions } = require('..');

/** A client that doesn't read for so long that this many bytes wait for it is cut off. */
const MOST_WAITING = 256 << 20;
const LARGEST_MESSAGE = 256 << 20;
/** WebSocket's code for an end that the server wants ("going away"). */
const GOING_AWAY = 1001;

const { number, host, port } = workerData;
const id = randomUUID();
/** Where clients reach the server: `address:port`. */
let authority;

/** Whether a `Host` header names this machine by something that no other can make it resolve to. */
function isLocalName(header) {
	if (header === undefined) {
		return false;
	}
	const name = header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1').toLowerCase();
	return name === 'localhost' || name === 'localhost6' || name.endsWith('.localhost') || isIP(name) !== 0;
}

/** Whether an `Origin` header is that of DevTools, or absent as with programs. */
function isNoPage(origin) {
	return origin === undefined || /^(devtools|chrome-devtools):\/\//.test(origin);
}

function addresses() {
	const query = `experiments=true&v8only=true&ws=${authority}/${id}`;
	return {
		url: `ws://${authority}/${id}`,
		devtoolsUrl: `devtools://devtools/bundled/js_app.html?${query}`,
	};
}

const server = createServer((request, response) => {
	const answer = (status, body) => {
		response.writeHead(status, {
			'Content-Type': 'application/json; charset=UTF-8', 'Cache-Control': 'no-cache', 'Connection': 'close',
		});
		response.end(JSON.stringify(body, null, 2));
	};
	if (!isLocalName(request.headers.host) || !isNoPage(request.headers.origin)) {
		return answer(403, { error: 'Only by an IP address or as localhost, and not from web pages' });
	}
	if (request.method !== 'GET') {
		return answer(405, { error: 'Only GET' });
	}
	switch (request.url.replace(/\?.*$/, '').replace(/\/$/, '')) {
		case '/json':
		case '/json/list': {
			const { url, devtoolsUrl } = addresses();
			return answer(200, [{
				description: 'islet isolate',
				devtoolsFrontendUrl: devtoolsUrl,
				devtoolsFrontendUrlCompat: devtoolsUrl.replace('js_app', 'inspector'),
				id,
				title: `islet isolate ${number} (process ${process.pid})`,
				type: 'node',
				url: 'file://',
				webSocketDebuggerUrl: url,
			}]);
		}
		case '/json/version':
			return answer(200, { 'Browser': `islet/${versions.islet}`, 'Protocol-Version': '1.3', 'V8-Version': versions.v8 });
		default:
			// Among them /json/protocol: clients have descriptions of V8's domains themselves.
			return answer(404, { error: 'Not found' });
	}
});

const sockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE });

server.on('upgrade', (request, socket, head) => {
	const refusal = !isLocalName(request.headers.host) || !isNoPage(request.headers.origin) ? '403 Forbidden' :
		request.url !== `/${id}` ? '404 Not Found' : undefined;
	if (refusal !== undefined) {
		socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\n\r\n`);
		return;
	}
	sockets.handleUpgrade(request, socket, head, serve);
});

/** Gives a client its session. */
function serve(socket) {
	let session;
	const end = () => {
		session?.[DISPOSE]();
		session = undefined;
	};
	const send = message => {
		socket.send(message);
		if (socket.bufferedAmount > MOST_WAITING) {
			socket.terminate();
		}
	};
	socket.on('error', () => {});
	socket.on('close', end);
	try {
		session = attachSession(number, close);
	} catch {
		return close();
	}
	session.onNotification = send;
	session.onResponse = (_, message) => send(message);
	socket.on('message', message => {
		try {
			session?.dispatchProtocolMessage(message.toString());
		} catch {
			// The isolate has ended.
			socket.close(GOING_AWAY);
		}
	});
}

/** Ends everything; then this thread has nothing to do. */
function close() {
	for (const socket of sockets.clients) {
		socket.close(GOING_AWAY);
		// A client that doesn't answer is not waited for.
		setTimeout(() => socket.terminate(), 500).unref();
	}
	server.close();
	server.closeAllConnections();
	parentPort.close();
}

/** Hears of the isolate's end also while there is no client. */
let watch;
try {
	watch = attachSession(number, close);
} catch (error) {
	parentPort.postMessage({ error: { message: error.message, code: error.code } });
}
if (watch !== undefined) {
	parentPort.once('message', () => {
		watch[DISPOSE]();
		close();
	});
	server.once('error', ({ message, code }) => {
		parentPort.postMessage({ error: { message, code } });
		watch[DISPOSE]();
		parentPort.close();
	});
	server.listen({ host, port }, () => {
		const { address, port: own, family } = server.address();
		authority = family === 'IPv6' ? `[${address}]:${own}` : `${address}:${own}`;
		parentPort.postMessage({ ...addresses(), port: own });
	});
}
