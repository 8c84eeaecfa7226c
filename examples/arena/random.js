'use strict';

/**
 * A small seeded generator (mulberry32). The host must never use `Math.random`: the same seed has
 * to give the same game.
 *
 * @param {number} seed
 * @returns {() => number} numbers in [0, 1)
 */
function seeded(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** @returns {number} an integer in [low, high] */
function between(random, low, high) {
	return low + Math.floor(random() * (high - low + 1));
}

/** Shuffles in place (Fisher-Yates). */
function shuffle(random, list) {
	for (let i = list.length - 1; i > 0; --i) {
		const j = between(random, 0, i);
		[list[i], list[j]] = [list[j], list[i]];
	}
	return list;
}

module.exports = { seeded, between, shuffle };
