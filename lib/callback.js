'use strict';

const { typeError } = require('./errors');
const { CallbackBase } = require('./handle');
const { boolean, optionsOf, required } = require('./options');

const SYNC = 0;
const ASYNC = 1;
const IGNORED = 2;

/** A function of this environment that arrives elsewhere as a plain function. */
class Callback extends CallbackBase {
	#fn;
	#mode;

	constructor(fn, options) {
		required(arguments.length, 1, 'Callback');
		if (typeof fn !== 'function') {
			throw typeError('`Callback` requires parameter 1 to be a function');
		}
		options = optionsOf(options, 'Callback', 2) ?? {};
		const sync = boolean(options, 'sync');
		const async = boolean(options, 'async');
		const ignored = boolean(options, 'ignored');
		if (sync + async + ignored > 1) {
			throw typeError('Only one of `sync`, `async`, or `ignored` may be set');
		}
		const mode = ignored ? IGNORED : async ? ASYNC : SYNC;
		super(fn, mode);
		this.#fn = fn;
		this.#mode = mode;
	}

	/** Whether `value` is a callback. */
	static is(value) {
		return #fn in value;
	}

	/** Its function and mode. */
	static parts(value) {
		return [value.#fn, value.#mode];
	}
}

// For the library, not for users.
const { is, parts } = Callback;
delete Callback.is;
delete Callback.parts;

module.exports = { Callback, isCallback: is, callbackParts: parts };
