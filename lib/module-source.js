'use strict';

/**
 * What modules are made of: reading the arguments of `compileModule`, `compileJsonModule` and `createSyntheticModule`.
 * Each reader gives `{ op, flags, write, … }`: an operation (src/face/message.rs), and what writes it.
 */

const { cacheOf, writeCache } = require('./cached-data');
const { typeError } = require('./errors');
const { ELSE_COPY, functionOption, optionsOf, string, stringArgument } = require('./options');
const wire = require('./wire');

const COMPILE_MODULE = 30;
const COMPILE_JSON_MODULE = 31;
const CREATE_SYNTHETIC_MODULE = 32;

const { keys } = Object;

function writeModule(source) {
	source.writeSource(source.origin, source.code);
	wire.writeValue(source.meta, 0);
	writeCache(source.cache);
	return 0;
}

function writeJson(source) {
	return source.writeSource(source.origin, source.code);
}

function writeSynthetic(source) {
	const { exports } = source;
	const names = keys(exports);
	wire.writeString(source.filename);
	for (let i = 0; i < names.length; ++i) {
		wire.writeString(names[i]);
		wire.writeValue(exports[names[i]], ELSE_COPY);
	}
	return names.length;
}

/** JavaScript. `originOf` and `writeSource` are those of scripts. */
function moduleSource(code, options, method, originOf, writeSource) {
	stringArgument(code, method, 1);
	options = optionsOf(options, method, 2);
	const meta = options === undefined ? undefined : functionOption(options, 'meta');
	const cache = cacheOf(options);
	return {
		op: COMPILE_MODULE, flags: cache.flags, write: writeModule, origin: originOf(options), code, meta, cache, writeSource,
	};
}

/** JSON. */
function jsonSource(text, options, method, originOf, writeSource) {
	stringArgument(text, method, 1);
	options = optionsOf(options, method, 2);
	return { op: COMPILE_JSON_MODULE, flags: 0, write: writeJson, origin: originOf(options), code: text, writeSource };
}

/** Values. */
function syntheticSource(exports, options, method, originOf) {
	if (typeof exports !== 'object' || exports === null) {
		throw typeError(`\`${method}\` requires parameter 1 to be an object`);
	}
	options = optionsOf(options, method, 2);
	const filename = options === undefined ? undefined : string(options, 'filename');
	return {
		op: CREATE_SYNTHETIC_MODULE, flags: 0, write: writeSynthetic, filename: filename ?? originOf().filename, exports,
	};
}

module.exports = { jsonSource, moduleSource, syntheticSource };
