'use strict';

/**
 * `cachedData` and `produceCachedData` of everything that compiles.
 */

const { blobOf, writeBlob } = require('./blob');
const { boolean } = require('./options');

/** Flags of a request that compiles (src/face/node/calls.rs). */
const CONSUME = 1;
const PRODUCE = 2;

const NONE = { flags: 0, data: undefined };

/**
 * The two options.
 * @returns {{ flags: number, data: object | undefined }} `flags` for the request, `data` for {@link writeCache}
 */
function cacheOf(options) {
	if (options === undefined) {
		return NONE;
	}
	const data = blobOf(options, 'cachedData');
	const produce = boolean(options, 'produceCachedData');
	return data === undefined && !produce ? NONE : { flags: (data === undefined ? 0 : CONSUME) | (produce ? PRODUCE : 0), data };
}

/** Writes the cached data, after the source. */
function writeCache(cache) {
	if (cache.data !== undefined) {
		writeBlob(cache.data);
	}
}

/** What was compiled with one of the options, with `cachedData` and `cachedDataRejected` as properties of its own where there is something to say. */
function withCache(result) {
	const compiled = result[0];
	const cachedData = result[1][0];
	const rejected = result[1][1];
	if (cachedData !== undefined) {
		compiled.cachedData = cachedData;
	}
	if (rejected !== undefined) {
		compiled.cachedDataRejected = rejected;
	}
	return compiled;
}

module.exports = { cacheOf, withCache, writeCache };
