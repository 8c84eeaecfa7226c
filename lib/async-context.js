'use strict';

/**
 * The AsyncLocalStorage context of calls, on Node: functions of the host that a guest calls later, from the event loop, run in
 * the context of the call that caused them. While a call waits, its own stack sees to that.
 *
 * An `AsyncResource` is the cheapest thing that keeps a context (some 40 ns), and shows whether there is any store in it: that
 * decides whether the call carries it at all. Other runtimes are left alone.
 */

const { AsyncResource } = require('node:async_hooks');

/** Where a resource keeps its stores: in one frame (Node 24 and later), or each under a symbol of its own. */
const FRAME = Object.getOwnPropertySymbols(new AsyncResource('islet')).find(symbol => symbol.description === 'context_frame');
const IS_NODE = process.versions.bun === undefined && process.versions.deno === undefined;

function hasStores(resource) {
	if (FRAME !== undefined) {
		return resource[FRAME] !== undefined;
	}
	const symbols = Object.getOwnPropertySymbols(resource);
	for (let i = 0; i < symbols.length; ++i) {
		if (symbols[i].description === 'kResourceStore') {
			return true;
		}
	}
	return false;
}

/** The context that the caller is in; undefined when nothing is stored in it. */
function capture() {
	const resource = new AsyncResource('islet');
	return hasStores(resource) ? resource : undefined;
}

module.exports = {
	capture: IS_NODE ? capture : () => undefined,
	/** Runs `body` in such a context. */
	within: (context, body) => context.runInAsyncScope(body),
};
