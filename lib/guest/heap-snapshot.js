'use strict';

/** `isolate.getHeapSnapshot()`: guests have no streams. */

const { typeError } = require('../errors');
const { open } = require('./handle');
const { Isolate } = require('../isolate');

function getHeapSnapshot() {
	open(this, 'Isolate');
	throw typeError('Heap snapshots are not supported inside a guest', 'ERR_NOT_SUPPORTED');
}

Object.defineProperty(Isolate.prototype, 'getHeapSnapshot', { __proto__: null, value: getHeapSnapshot, writable: true, configurable: true });
