'use strict';

/**
 * Errors that come over the line, and those the library raises itself.
 */

const { OWN_FRAMES, mark } = require('./here');

const { defineProperty } = Object;

const BOUNDARY = '\n    at (<isolated-vm boundary>)';
/** The native classes, by their number on the wire. */
const CLASSES = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];

/** Codes of errors that the addon raises (src/engine/error.rs). */
const OWN_CODES = new Set([
	'ERR_ISOLATE_DISPOSED', 'ERR_MEMORY_LIMIT', 'ERR_ENGINE_FATAL', 'ERR_TIMEOUT', 'ERR_CPU_LIMIT', 'ERR_NON_TRANSFERABLE', 'ERR_RELEASED',
	'ERR_REFERENCE', 'ERR_WRONG_ISOLATE', 'ERR_DATA_CLONE', 'ERR_STRING_TOO_LONG', 'ERR_ENVIRONMENT_GONE', 'ERR_NO_THREAD', 'ERR_NO_SYSTEM_MEMORY',
	'ERR_INSPECTOR_DISABLED', 'ERR_PAUSED', 'ERR_TOO_MANY_CONDEMNED', 'ERR_INTERNAL', 'ERR_MODULE',
]);

/**
 * The `TypeError` for a wrong argument or option.
 * @param {string} message
 * @param {string} [code]
 */
function typeError(message, code = 'ERR_INVALID_ARG_TYPE') {
	return withCode(new TypeError(message), code);
}

function withCode(error, code) {
	defineProperty(error, 'code', { __proto__: null, value: code, writable: true, configurable: true, enumerable: true });
	mark(error, code);
	return error;
}

/** The error for the use of a released handle. */
function released(what) {
	return withCode(new Error(what === 'Context' ? 'Context is released' : `${what} has been released`), 'ERR_RELEASED');
}

/** The error for a method called on something else than an instance of its class. */
function illegalInvocation() {
	return typeError('Illegal invocation', 'ERR_INVALID_THIS');
}

/**
 * The error for `new` on a class that only the library makes.
 * @param {string} hint What makes it.
 */
function illegalConstructor(name, hint) {
	return typeError(`\`${name}\` can't be constructed; ${hint} makes it`, 'ERR_ILLEGAL_CONSTRUCTOR');
}

/** A stack without the library's own frames. */
function withoutOwnFrames(stack) {
	return stack?.includes(OWN_FRAMES) ?
		stack.split('\n').filter(line => !(line.startsWith('    at ') && line.includes(OWN_FRAMES))).join('\n') :
		stack;
}

/** The caller's frames, without the library's own. */
function hostFrames() {
	const holder = {};
	const { stackTraceLimit } = Error;
	if (typeof Error.captureStackTrace !== 'function') {
		return '';
	}
	if (stackTraceLimit < 20) {
		Error.stackTraceLimit = stackTraceLimit + 6;
	}
	Error.captureStackTrace(holder, hostFrames);
	Error.stackTraceLimit = stackTraceLimit;
	if (typeof holder.stack !== 'string') {
		return '';
	}
	let frames = '';
	for (const line of holder.stack.split('\n')) {
		if (line.startsWith('    at ') && !line.includes(OWN_FRAMES)) {
			frames += `\n${line}`;
		}
	}
	return frames;
}

/**
 * What a call threw, on its way to the caller. Its host frames are taken where it is thrown, which for an
 * async call is inside the async method: there the engine still knows who awaits.
 */
class Thrown {
	/** @param {unknown} value Thrown as it is unless it is an {@link ErrorParts}. */
	constructor(value) {
		this.value = value;
	}

	/** The value to throw. */
	materialize() {
		return this.value instanceof ErrorParts ? this.value.make(hostFrames()) : this.value;
	}
}

/** An error as it came over the line, not yet an object. */
class ErrorParts {
	constructor(type, message, code, name, stack, cause, properties) {
		this.type = type;
		this.message = message;
		this.code = code;
		this.name = name;
		this.stack = stack;
		this.cause = cause;
		this.properties = properties;
	}

	/** @param {string} frames Host frames to append. */
	make(frames) {
		const error = new CLASSES[this.type](this.message);
		const define = (key, value) =>
			Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
		const name = this.name ?? error.name;
		const head = this.message === '' ? name : `${name}: ${this.message}`;
		define('stack', this.stack === undefined ? head + frames : this.stack + BOUNDARY + frames);
		if (this.name !== undefined) {
			define('name', this.name);
		}
		if (this.cause !== undefined) {
			define('cause', this.cause.value instanceof ErrorParts ? this.cause.value.make('') : this.cause.value);
		}
		if (this.properties !== undefined) {
			for (const key of Object.keys(this.properties)) {
				if (key === 'code' && OWN_CODES.has(this.properties[key])) {
					// Only the library gives these: what a guest says mustn't pass for it.
					continue;
				}
				Object.defineProperty(error, key,
					{ value: this.properties[key], writable: true, configurable: true, enumerable: true });
			}
		}
		if (this.code !== undefined) {
			withCode(error, this.code);
		}
		return error;
	}
}

module.exports = { CLASSES, ErrorParts, Thrown, illegalConstructor, illegalInvocation, released, typeError, withCode, withoutOwnFrames };
