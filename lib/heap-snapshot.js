'use strict';

/**
 * `isolate.getHeapSnapshot()`. For Node only: guests have no streams.
 */

const channel = require('./channel');
const { open } = require('./handle');
const { Isolate } = require('./isolate');
const wire = require('./wire');

const HEAP_SNAPSHOT = 42;

function writeSink(sink) {
	wire.writeValue(sink, 0);
	return 0;
}

function getHeapSnapshot() {
	const id = open(this, 'Isolate');
	// Here, as most programs never come here: it takes a millisecond to load.
	const { Readable } = require('node:stream');
	const stream = new Readable({ read() {} });
	// An isolate's end must not end the process of those who don't listen. Who reads the stream hears of it all the same.
	stream.on('error', () => {});
	const sink = piece => {
		if (!stream.destroyed) {
			stream.push(new Uint8Array(piece));
		}
	};
	channel.callAsync(HEAP_SNAPSHOT, id, 0, 0, 0, writeSink, sink)
		.then(() => stream.push(null), error => stream.destroy(error));
	return stream;
}

Object.defineProperty(Isolate.prototype, 'getHeapSnapshot', { value: getHeapSnapshot, writable: true, configurable: true });
