'use strict';

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { Handle, MAKE, drop, idOf, open, own } = require('./handle');
const { originOf, setAsContext, writeSource } = require('./isolate');
const {
	ELSE_THROW, arrayArgument, directionOf, optionsOf, required, stringArgument, limitsOf, transferOf,
} = require('./options');
const wire = require('./wire');

const EVAL = 4;
const EVAL_CLOSURE = 5;
const GLOBAL = 20;
const KIND = 1;

function writeClosure(source, values, flags) {
	writeSource(source.origin, source.code);
	for (let i = 0; i < values.length; ++i) {
		wire.writeValue(values[i], flags);
	}
	return values.length;
}

/** Every `eval*`: options read, code sent by `call`. */
function evaluate(context, call, method, count, code, options) {
	required(count, 1, method);
	stringArgument(code, method, 1);
	options = optionsOf(options, method, 2);
	const origin = originOf(options);
	const flags = options === undefined ? 0 : transferOf(options);
	const limits = options === undefined ? 0 : limitsOf(options);
	// Last: options may have getters, which may release it.
	return call(EVAL, open(context, 'Context'), flags, limits, 0, writeSource, origin, code);
}

/** Every `evalClosure*`. */
function evaluateClosure(context, call, method, count, code, values, options) {
	required(count, 1, method);
	stringArgument(code, method, 1);
	values = arrayArgument(values, method, 2);
	options = optionsOf(options, method, 3);
	const source = { origin: originOf(options), code };
	const result = options === undefined ? 0 : directionOf(options, 'result');
	const flags = options === undefined ? 0 : directionOf(options, 'arguments');
	const limits = options === undefined ? 0 : limitsOf(options);
	return call(EVAL_CLOSURE, open(context, 'Context'), result | ELSE_THROW, limits, 0, writeClosure, source, values, flags);
}

/** A global scope with builtins of its own, inside an isolate. */
class Context extends Handle {
	#global;

	constructor(make, id) {
		super(make, id, 'Context');
	}

	static {
		setAsContext(pair => {
			pair[0].#global = pair[1];
			return pair[0];
		});
	}

	get global() {
		if (own(this, 'Context') >= 0) {
			// A context that was handed over comes without.
			this.#global ??= channel.callSync(GLOBAL, open(this, 'Context'), 0, 0, 0, channel.nothing);
		}
		return this.#global;
	}

	async eval(code, options) {
		return channel.outcome(await evaluate(this, channel.callLater, 'eval', arguments.length, code, options));
	}

	evalSync(code, options) {
		return evaluate(this, channel.callSync, 'evalSync', arguments.length, code, options);
	}

	evalIgnored(code, options) {
		evaluate(this, channel.callIgnored, 'evalIgnored', arguments.length, code, options);
	}

	async evalClosure(code, values, options) {
		return channel.outcome(await evaluateClosure(this, channel.callLater, 'evalClosure', arguments.length, code, values, options));
	}

	evalClosureSync(code, values, options) {
		return evaluateClosure(this, channel.callSync, 'evalClosureSync', arguments.length, code, values, options);
	}

	evalClosureIgnored(code, values, options) {
		evaluateClosure(this, channel.callIgnored, 'evalClosureIgnored', arguments.length, code, values, options);
	}

	release() {
		own(this, 'Context');
		const id = drop(this);
		if (id < 0) {
			return false;
		}
		channel.release(id);
		const global = this.#global;
		this.#global = undefined;
		if (global !== undefined && idOf(global) >= 0) {
			channel.release(drop(global));
		}
		return true;
	}

	[DISPOSE]() {
		own(this, 'Context');
		this.release();
	}
}

wire.hooks.make[KIND] = id => new Context(MAKE, id);

module.exports = { Context };
