'use strict';

/**
 * Reading options: each reader names the option and refuses what it can't mean.
 */

const { typeError, withCode } = require('./errors');

/** How a value crosses (`TransferOptions`), as flags of a request. */
const COPY = 1;
const EXTERNAL_COPY = 2;
const REFERENCE = 3;
const PROMISE = 4;
/** What becomes of a result that needs an option and has none. */
const ELSE_REFERENCE = 8;
const ELSE_THROW = 16;
const ELSE_COPY = 24;
const ACCESSORS = 32;
/** `applySyncPromise` (src/face/guest/native.rs). */
const AWAIT = 64;

/** The options object of a call, or undefined. */
function optionsOf(options, method, position) {
	if (options === undefined || options === null) {
		return undefined;
	}
	if (typeof options !== 'object') {
		throw typeError(`\`${method}\` requires parameter ${position} to be an object`);
	}
	return options;
}

function boolean(options, name) {
	const value = options[name];
	if (value === undefined || value === null) {
		return false;
	}
	if (typeof value !== 'boolean') {
		throw typeError(`\`${name}\` must be a boolean`);
	}
	return value;
}

function int32(options, name) {
	const value = options[name];
	if (value === undefined || value === null) {
		return 0;
	}
	if (typeof value !== 'number' || (value | 0) !== value || Object.is(value, -0)) {
		throw typeError(`\`${name}\` must be a 32-bit number`);
	}
	return value;
}

function string(options, name) {
	const value = options[name];
	if (value === undefined || value === null) {
		return undefined;
	}
	if (typeof value !== 'string') {
		throw typeError(`\`${name}\` must be a string`);
	}
	return value;
}

function functionOption(options, name) {
	const value = options[name];
	if (value === undefined || value === null) {
		return undefined;
	}
	if (typeof value !== 'function') {
		throw typeError(`\`${name}\` must be a function`);
	}
	return value;
}

/** `timeout` in ms; 0 for none. */
function timeoutOf(options) {
	return Math.max(0, int32(options, 'timeout'));
}

/** An option in ms; 0 for none. */
function milliseconds(options, name) {
	const value = int32(options, name);
	if (value < 0) {
		throw withCode(new RangeError(`\`${name}\` must not be negative`), 'ERR_OUT_OF_RANGE');
	}
	return value;
}

/** What bounds a call: `timeout` alone as a number, more as an object. */
function limitsOf(options) {
	const timeout = timeoutOf(options);
	const deadline = milliseconds(options, 'deadline');
	const cpuTimeout = milliseconds(options, 'cpuTimeout');
	return deadline === 0 && cpuTimeout === 0 ? timeout : { timeout, deadline, cpuTimeout };
}

/** Transfer options as flags. */
function transferOf(options) {
	const copy = boolean(options, 'copy');
	const externalCopy = boolean(options, 'externalCopy');
	const reference = boolean(options, 'reference');
	if (copy + externalCopy + reference > 1) {
		throw typeError('Only one of `copy`, `externalCopy`, or `reference` may be set');
	}
	return (copy ? COPY : externalCopy ? EXTERNAL_COPY : reference ? REFERENCE : 0) |
		(boolean(options, 'promise') ? PROMISE : 0);
}

/** Transfer options of one direction (`arguments`, `result`) as flags. */
function directionOf(options, name) {
	const direction = options[name];
	if (direction === undefined || direction === null) {
		return 0;
	}
	if (typeof direction !== 'object') {
		throw typeError(`\`${name}\` must be an object`);
	}
	return transferOf(direction);
}

/** Refuses a missing argument. */
function required(args, count, method) {
	if (args < count) {
		throw typeError(`\`${method}\` requires at least ${count} parameter${count === 1 ? '' : 's'}`, 'ERR_MISSING_ARGS');
	}
}

/** A string argument. */
function stringArgument(value, method, position) {
	if (typeof value !== 'string') {
		throw typeError(`\`${method}\` requires parameter ${position} to be a string`);
	}
	return value;
}

/** An array argument; missing ones are empty. */
function arrayArgument(value, method, position) {
	if (value === undefined || value === null) {
		return [];
	}
	if (!Array.isArray(value)) {
		throw typeError(`\`${method}\` requires parameter ${position} to be an array`);
	}
	return value;
}

module.exports = {
	ACCESSORS, AWAIT, COPY, ELSE_COPY, ELSE_REFERENCE, ELSE_THROW, EXTERNAL_COPY, PROMISE, REFERENCE,
	arrayArgument, boolean, directionOf, functionOption, int32, limitsOf, milliseconds, optionsOf, required, string, stringArgument,
	timeoutOf, transferOf,
};
