'use strict';

const { grid } = require('./grid');
const { RULES, UNITS, STRUCTURES } = require('./rules');

/**
 * What one player gets to see in a tick: the whole map, its own things, the cores of all players,
 * and of everything else what is within sight of its own things. A plain object, made afresh for
 * every tick; it is copied into the player's isolate, so what a bot does to it concerns nobody.
 *
 * @param {World} world
 * @param {number} owner
 * @param {{ ticks: number, lastError: object | null, restarts: number }} about what the host has to
 *   tell the player
 */
function viewFor(world, owner, { ticks, lastError, restarts }) {
	const units = world.list('unit');
	const structures = world.list('structure');
	const isOwn = thing => thing.owner === owner;
	const seen = sightOf(world, [...units, ...structures].filter(isOwn));
	const isSeen = ({ x, y }) => seen[y][x];

	const enemies = units.filter(unit => !isOwn(unit) && isSeen(unit));
	const shown = structures.filter(thing => isSeen(thing) || thing.kind === 'core');
	const { index, energy, score } = world.players[owner];
	return {
		tick: world.tick,
		ticks,
		lastError,
		restarts,
		rules: RULES,
		size: world.size,
		terrain: world.terrain,
		home: world.homeOf(owner),
		danger: dangerOf(world, [...enemies, ...shown.filter(thing => !isOwn(thing))]),
		me: { index, energy, score },
		players: world.players.map(player => ({ index: player.index, score: player.score })),
		sources: world.list('source').map(describe),
		units: units.filter(isOwn).map(describe),
		enemies: enemies.map(describe),
		structures: shown.map(describe),
		events: world.events.filter(event => event.owner === owner || isSeen(event)),
	};
}

function describe(thing) {
	const { id, kind, owner, x, y, hp, carry, energy } = thing;
	switch (thing.type) {
		case 'unit':
			return { id, kind, owner, x, y, hp, hpMax: UNITS[kind].hp, carry, carryMax: UNITS[kind].carry };
		case 'structure':
			return { id, kind, owner, x, y, hp, hpMax: STRUCTURES[kind].hp };
		default:
			return { id, x, y, energy, capacity: RULES.source.capacity };
	}
}

/** @returns {boolean[][]} which cells are within sight of any of `things` */
function sightOf(world, things) {
	const seen = grid(world.size, false);
	things.forEach(thing => around(world, thing, RULES.sight, (x, y) => seen[y][x] = true));
	return seen;
}

/** @returns {number[][]} for every cell the damage that `things` could do there after one step */
function dangerOf(world, things) {
	const danger = grid(world.size, 0);
	for (const thing of things) {
		const unit = UNITS[thing.kind];
		const { damage, range: reach } = unit ?? STRUCTURES[thing.kind];
		if (damage > 0) {
			around(world, thing, reach + (unit ? 1 : 0), (x, y) => danger[y][x] += damage);
		}
	}
	return danger;
}

function around({ size }, centre, reach, visit) {
	for (let y = Math.max(0, centre.y - reach); y <= Math.min(size - 1, centre.y + reach); ++y) {
		for (let x = Math.max(0, centre.x - reach); x <= Math.min(size - 1, centre.x + reach); ++x) {
			visit(x, y);
		}
	}
}

module.exports = { viewFor };
