'use strict';

const { Player } = require('./player');
const { percentiles, round } = require('./figures');
const { seeded } = require('./random');
const { ROSTER, enlist, find } = require('./roster');
const { World } = require('./world/world');
const { readIntents } = require('./world/intents');
const { playTurn } = require('./world/turn');
const { viewFor } = require('./world/view');

/**
 * @typedef {object} Seat a player in a match
 * @property {string} name
 * @property {string} bot
 * @property {boolean} hostile
 * @property {number} index its place in `world.players`
 * @property {Player} player its script
 * @property {() => number} random what its `Math.random` is seeded from
 * @property {number} illegalIntents
 */

/**
 * Plays a match.
 *
 * @param {object} options
 * @param {object} options.lib islet, or isolated-vm, or anything that does the same
 * @param {number | (string | { bot: string, source: string, hostile?: boolean })[]} [options.players]
 *   how many of the roster, or who: names of the roster, or scripts of your own
 * @param {number} [options.ticks]
 * @param {number} [options.seed]
 * @param {number} [options.timeout] milliseconds a script may take per tick
 * @param {number} [options.memory] megabytes per isolate
 * @param {(progress: { world: World, seats: Seat[], ticks: number }) => void} [options.onTick]
 *   called after every tick, to look and not to touch
 * @returns {Promise<object>} see `report`
 */
async function runMatch({
	lib, players = 8, ticks = 30, seed = 1, timeout = 50, memory = 32, onTick,
}) {
	const started = performance.now();
	const entries = typeof players === 'number'
		? enlist(ROSTER, players)
		: enlist(players.map(entryOf), players.length);
	const world = new World({ seed, players: entries.map(({ name }) => name) });
	/** @type {Seat[]} */
	const seats = entries.map((entry, index) => ({
		...entry,
		index,
		player: new Player(lib, { ...entry, timeout, memory }),
		random: seeded(seed * 1000 + index),
		illegalIntents: 0,
	}));

	try {
		await Promise.all(seats.map(({ player }) => player.start()));
		while (world.tick < ticks) {
			await playTick(world, seats, ticks);
			onTick?.({ world, seats, ticks });
		}
	} finally {
		seats.forEach(({ player }) => player.dispose());
	}
	return report(world, seats, {
		seed, ticks, timeout, memory, durationMs: round(performance.now() - started),
	});
}

function entryOf(player) {
	if (typeof player === 'object') {
		return player;
	}
	const entry = find(player);
	if (!entry) {
		throw new RangeError(`No such bot: ${player}`);
	}
	return entry;
}

/** All scripts think at the same time; then the host, alone, does what they said. */
async function playTick(world, seats, ticks) {
	const answers = await Promise.all(seats.map(({ index, player, random }) => {
		const { lastError, restarts } = player;
		const view = viewFor(world, index, { ticks, lastError, restarts });
		return player.tick(view, Math.floor(random() * 2 ** 32));
	}));
	playTurn(world, answers.map((answer, index) => {
		const { orders, illegal } = readIntents(world, index, answer);
		seats[index].illegalIntents += illegal;
		return orders;
	}));
}

/** @returns {object[]} best first */
function standings(world, seats) {
	return seats
		.map(({ name, hostile, index }) => ({ name, hostile, score: world.players[index].score }))
		.sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
		.map((entry, place) => ({ rank: place + 1, ...entry }));
}

/** Everything there is to say about a match, ready for JSON. */
function report(world, seats, about) {
	const timesOf = list => percentiles(list.flatMap(({ player }) => player.figures.tickMs));
	return {
		...about,
		digest: world.digest(),
		standings: standings(world, seats),
		players: seats.map(({ name, bot, hostile, index, player, illegalIntents }) => {
			const { score, energy, kills, losses } = world.players[index];
			const { figures, restarts } = player;
			return {
				name, bot, hostile, score, energy, kills, losses,
				units: world.list('unit', index).length,
				structures: world.list('structure', index).length,
				cpuMs: round(figures.cpuMs),
				heapMb: round(figures.heapMb),
				peakHeapMb: round(figures.peakHeapMb),
				restarts,
				lostTicks: figures.lostTicks,
				replays: figures.replays,
				errors: figures.errors,
				lastError: figures.lastError,
				illegalIntents,
				log: { lines: figures.logLines, dropped: figures.droppedLines, last: figures.lines },
				tickMs: percentiles(figures.tickMs),
			};
		}),
		tickMs: timesOf(seats),
		earnestTickMs: timesOf(seats.filter(({ hostile }) => !hostile)),
	};
}

module.exports = { runMatch, standings };
