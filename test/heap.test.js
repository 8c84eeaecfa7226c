'use strict';

/**
 * `isolate.getHeapSnapshot()`.
 */

const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const { text } = require('node:stream/consumers');
const { describe, it } = require('node:test');
const { child, guest, islet, rejects, throws } = require('./helpers');

const { Isolate } = islet;

describe('getHeapSnapshot', () => {
	it('gives a stream of what DevTools read as .heapsnapshot', async () => {
		const { isolate, context } = guest();
		context.evalSync('class VeryNoticeable {} ; globalThis.list = Array.from({ length: 10 }, () => new VeryNoticeable()); 0');
		const stream = isolate.getHeapSnapshot();
		assert.ok(stream instanceof Readable);
		const snapshot = JSON.parse(await text(stream));
		const { meta, node_count: count } = snapshot.snapshot;
		const width = meta.node_fields.length;
		assert.equal(snapshot.nodes.length, count * width);
		const type = meta.node_types[0].indexOf('object');
		let found = 0;
		for (let at = 0; at < snapshot.nodes.length; at += width) {
			if (snapshot.nodes[at] === type && snapshot.strings[snapshot.nodes[at + 1]] === 'VeryNoticeable') {
				++found;
			}
		}
		assert.ok(found >= 10, `${found}`);
		assert.equal(context.evalSync('list.length'), 10, 'the guest goes on');
	});

	it('comes in pieces', async () => {
		const { isolate, context } = guest();
		context.evalSync('globalThis.big = Array.from({ length: 20000 }, (_, i) => ({ i })); 0');
		let pieces = 0;
		for await (const piece of isolate.getHeapSnapshot()) {
			assert.ok(piece.length > 0);
			++pieces;
		}
		assert.ok(pieces > 3);
	});

	it('may be left unread, or be destroyed', async () => {
		const { isolate, context } = guest();
		isolate.getHeapSnapshot().destroy();
		isolate.getHeapSnapshot();
		for await (const piece of isolate.getHeapSnapshot()) {
			assert.ok(piece);
			break;
		}
		assert.equal(await context.eval('1 + 1'), 2);
	});

	it('fails when the isolate has ended, or ends', async () => {
		const isolate = new Isolate();
		isolate.dispose();
		await rejects(text(isolate.getHeapSnapshot()), Error, 'Isolate is disposed', 'ERR_ISOLATE_DISPOSED');
		throws(() => Isolate.prototype.getHeapSnapshot.call({}), TypeError, /./, 'ERR_INVALID_THIS');
	});

	it('of an isolate that has ended doesn\'t end a process that forgot it', async () => {
		await child('const { isolate } = guest(); isolate.dispose(); isolate.getHeapSnapshot(); report(1)');
	});

	it('lets the process end', async () => {
		await child('guest().isolate.getHeapSnapshot(); report(1)');
	});
});
