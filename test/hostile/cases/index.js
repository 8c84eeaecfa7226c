'use strict';

/**
 * The corpus: programs that try to kill, wedge or outgrow their host, by kind. They stand for kinds, not for themselves: a new one
 * that falls goes in here before it is mended.
 *
 * A case is `{ id, kind, code, opts }`; `opts` are those of a call that needs some (`timeout`, `memoryLimit`, `copy`, `promise`).
 */

const KINDS = {
	heap: require('./heap'),
	buffers: require('./buffers'),
	wasm: require('./wasm'),
	text: require('./text'),
	native: require('./native'),
	builtins: require('./builtins'),
	time: require('./time'),
	stack: require('./stack'),
	boundary: require('./boundary'),
	tampering: require('./tampering'),
};

const cases = Object.entries(KINDS).flatMap(([kind, list]) => Object.entries(list).map(([id, entry]) => {
	const [code, opts = {}] = Array.isArray(entry) ? entry : [entry];
	return { id: `${kind}-${id}`, kind, code, opts };
}));

module.exports = { KINDS: Object.keys(KINDS), cases };
