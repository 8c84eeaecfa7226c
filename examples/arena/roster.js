'use strict';

const { readFileSync } = require('fs');
const { join } = require('path');

/**
 * All bots, in the order in which `--players N` takes them. Two earnest, one hostile, and so on: a
 * game of 8 has five of the former and three of the latter, a game of 10 has everyone.
 */
const ROSTER = [
	{ bot: 'settler', hostile: false },
	{ bot: 'rusher', hostile: false },
	{ bot: 'looper', hostile: true },
	{ bot: 'turtle', hostile: false },
	{ bot: 'swarm', hostile: false },
	{ bot: 'hog', hostile: true },
	{ bot: 'opportunist', hostile: false },
	{ bot: 'heapkiller', hostile: true },
	{ bot: 'flooder', hostile: true },
	{ bot: 'vandal', hostile: true },
];

/**
 * @typedef {object} Entry a player to be
 * @property {string} name unique in the game
 * @property {string} bot
 * @property {boolean} hostile
 * @property {string} source
 */

/**
 * Takes bots from a list, round and round, until there are as many as wanted.
 *
 * @param {{ bot: string, hostile?: boolean, source?: string }[]} list
 * @param {number} count
 * @returns {Entry[]}
 */
function enlist(list, count) {
	const copies = new Map();
	return Array.from({ length: count }, (_, i) => {
		const { bot, hostile = false, source = sourceOf(bot) } = list[i % list.length];
		const copy = (copies.get(bot) ?? 0) + 1;
		copies.set(bot, copy);
		return { name: copy > 1 ? `${bot}-${copy}` : bot, bot, hostile, source };
	});
}

function sourceOf(bot) {
	return readFileSync(join(__dirname, 'bots', `${bot}.js`), 'utf8');
}

/** @returns {{ bot: string, hostile: boolean } | undefined} */
function find(bot) {
	return ROSTER.find(entry => entry.bot === bot);
}

module.exports = { ROSTER, enlist, find };
