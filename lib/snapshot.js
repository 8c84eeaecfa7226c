'use strict';

/**
 * `Isolate.createSnapshot`. An isolate made for it lends its thread and its limits (src/engine/operations/snapshot.rs).
 */

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { typeError, withCode } = require('./errors');
const { open } = require('./handle');
const { Isolate, originOf, setSnapshots, writeSource } = require('./isolate');
const { milliseconds, optionsOf, required, stringArgument } = require('./options');
const spares = require('./spares');
const wire = require('./wire');

const CREATE_SNAPSHOT = 41;
/** ms */
const DEFAULT_TIMEOUT = 30_000;

const { isArray } = Array;
const { defineProperty } = Object;

/** A warmup script has no name of its own: errors and stacks tell it apart by this one. */
const WARMUP = originOf({ __proto__: null, filename: '<warmup>' });

/** The scripts, as a list of origins and code. */
function planOf(scripts, method) {
	const plan = { origins: [], codes: [] };
	for (let i = 0; i < scripts.length; ++i) {
		const script = optionsOf(scripts[i], method, 1);
		const code = script?.code;
		if (typeof code !== 'string') {
			throw typeError('`code` property is required');
		}
		defineProperty(plan.origins, i, { __proto__: null, value: originOf(script) });
		defineProperty(plan.codes, i, { __proto__: null, value: code });
	}
	return plan;
}

function writePlan(plan, warmup, timeout) {
	wire.u32(timeout);
	const { length } = plan.codes;
	wire.u32(length);
	for (let i = 0; i < length; ++i) {
		writeSource(plan.origins[i], plan.codes[i]);
	}
	wire.u32(warmup === undefined ? 0 : 1);
	if (warmup !== undefined) {
		writeSource(WARMUP, warmup);
	}
	return 0;
}

/** What was asked for, and an isolate that does it. */
function begin(method, count, scripts, warmup, options) {
	required(count, 1, method);
	if (!isArray(scripts)) {
		throw typeError(`\`${method}\` requires parameter 1 to be an array`);
	}
	if (warmup === null) {
		warmup = undefined;
	} else if (warmup !== undefined) {
		stringArgument(warmup, method, 2);
	}
	options = optionsOf(options, method, 3);
	const plan = planOf(scripts, method);
	const timeout = options?.timeout === undefined ? DEFAULT_TIMEOUT : milliseconds(options, 'timeout');
	return { plan, warmup, timeout, maker: spares.without(() => new Isolate({ __proto__: null, memoryLimit: options?.memoryLimit })) };
}

function send(call, { plan, warmup, timeout, maker }) {
	return call(CREATE_SNAPSHOT, open(maker, 'Isolate'), 0, 0, 0, writePlan, plan, warmup, timeout);
}

/** V8 ends the process over what a snapshot can't hold; here that ended the isolate, after the scripts had run. */
function explained(error) {
	return error?.code === 'ERR_ENGINE_FATAL' && error.scriptIndex === undefined ?
		withCode(new Error(`The scripts made something that a snapshot can't hold (objects of Intl, registrations of a FinalizationRegistry and the like): ${error.message}`), 'ERR_SNAPSHOT') :
		error;
}

setSnapshots({
	sync(count, scripts, warmup, options) {
		const plan = begin('createSnapshot', count, scripts, warmup, options);
		try {
			return send(channel.callSync, plan);
		} catch (error) {
			throw explained(error);
		} finally {
			plan.maker[DISPOSE]();
		}
	},
	async async(count, scripts, warmup, options) {
		const plan = begin('createSnapshotAsync', count, scripts, warmup, options);
		try {
			return await send(channel.callAsync, plan);
		} catch (error) {
			throw explained(error);
		} finally {
			plan.maker[DISPOSE]();
		}
	},
});
