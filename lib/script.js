'use strict';

const channel = require('./channel');
const { Context } = require('./context');
const { DISPOSE } = require('./disposable');
const { typeError } = require('./errors');
const { Handle, MAKE, drop, open, own } = require('./handle');
const { boolean, optionsOf, required, limitsOf, transferOf } = require('./options');
const wire = require('./wire');

const RUN_SCRIPT = 3;
const KIND = 2;

/** Every `run*`. */
function run(script, call, method, count, context, options) {
	required(count, 1, method);
	if (!(context instanceof Context)) {
		throw typeError(`\`${method}\` requires parameter 1 to be a Context`);
	}
	options = optionsOf(options, method, 2);
	const release = options !== undefined && boolean(options, 'release');
	const flags = options === undefined ? 0 : transferOf(options);
	const limits = options === undefined ? 0 : limitsOf(options);
	// Last: options may have getters, which may release them.
	const id = open(script, 'Script');
	const contextId = open(context, 'Context');
	try {
		return call(RUN_SCRIPT, id, flags, limits, contextId, channel.nothing);
	} finally {
		// Also when it threw. An async call has been queued, and keeps what it names.
		if (release) {
			channel.release(drop(script));
		}
	}
}

/** Compiled source, to be run in any context of its isolate. */
class Script extends Handle {
	constructor(make, id) {
		super(make, id, 'Script');
	}

	async run(context, options) {
		return channel.outcome(await run(this, channel.callLater, 'run', arguments.length, context, options));
	}

	runSync(context, options) {
		return run(this, channel.callSync, 'runSync', arguments.length, context, options);
	}

	runIgnored(context, options) {
		run(this, channel.callIgnored, 'runIgnored', arguments.length, context, options);
	}

	release() {
		own(this, 'Script');
		const id = drop(this);
		if (id >= 0) {
			channel.release(id);
		}
	}

	[DISPOSE]() {
		own(this, 'Script');
		this.release();
	}
}

wire.hooks.make[KIND] = id => new Script(MAKE, id);

module.exports = { Script };
