'use strict';

/** Options of `createContext*`: what the guest is not to have. */

const { typeError, withCode } = require('./errors');
const { boolean, optionsOf } = require('./options');
const wire = require('./wire');

// src/engine/operations/withhold.rs
const STRINGS = 1;
const WASM = 2;
const SHARED = 4;

const { isFinite, isSafeInteger } = Number;
/** The farthest time that `Date` knows. */
const FARTHEST = 8.64e15;

/** A flag that is on unless it is switched off. */
function allowed(options, name) {
	return options?.[name] === undefined || options[name] === null || boolean(options, name);
}

function group(options, name) {
	const value = options?.[name];
	if (value !== undefined && value !== null && typeof value !== 'object') {
		throw typeError(`\`${name}\` must be an object`);
	}
	return value;
}

function number(options, name, least, most) {
	const value = options?.[name];
	if (value === undefined || value === null) {
		return undefined;
	}
	if (typeof value !== 'number') {
		throw typeError(`\`${name}\` must be a number`);
	}
	if (!(isFinite(value) && value >= least && value <= most)) {
		throw withCode(new RangeError(`\`${name}\` must be between ${least} and ${most}, got ${value}`), 'ERR_OUT_OF_RANGE');
	}
	return value;
}

/** What `writeWithheld` writes. */
function withheldOf(options, method) {
	options = optionsOf(options, method, 1);
	const generation = group(options, 'codeGeneration');
	const clock = group(options, 'clock');
	const frozen = number(clock, 'frozen', -FARTHEST, FARTHEST);
	const resolution = number(clock, 'resolution', 1, FARTHEST);
	if (frozen !== undefined && resolution !== undefined) {
		throw typeError('Only one of `frozen` and `resolution` may be set');
	}
	const seed = number(options, 'randomSeed', 0, 4294967295);
	if (seed !== undefined && !isSafeInteger(seed)) {
		throw typeError('`randomSeed` must be an integer');
	}
	return {
		what: (allowed(generation, 'strings') ? 0 : STRINGS) | (allowed(generation, 'wasm') ? 0 : WASM) |
			(allowed(options, 'sharedArrayBuffer') ? 0 : SHARED),
		frozen, resolution, seed,
	};
}

function writeWithheld(withheld) {
	wire.u32(withheld.what);
	wire.writeValue(withheld.frozen, 0);
	wire.writeValue(withheld.resolution, 0);
	wire.writeValue(withheld.seed, 0);
	return 0;
}

module.exports = { withheldOf, writeWithheld };
