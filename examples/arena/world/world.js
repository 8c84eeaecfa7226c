'use strict';

const { createHash } = require('crypto');
const { PLAIN, DIRECTIONS, distances } = require('./grid');
const { drawMap } = require('./map');
const { RULES, UNITS, STRUCTURES } = require('./rules');
const { seeded } = require('../random');

/**
 * @typedef {object} Thing a unit, a structure or a source
 * @property {number} id
 * @property {'unit' | 'structure' | 'source'} type
 * @property {string} [kind] a key of `rules.units` or `rules.structures`
 * @property {number} [owner] index of the player
 * @property {number} x
 * @property {number} y
 * @property {number} [hp]
 * @property {number} [carry] energy a unit carries
 * @property {number} [energy] energy left in a source
 */

/** All there is to know about a game. Changed by `playTurn` only, shown to players by `viewFor`. */
class World {
	/** @param {{ seed: number, players: string[] }} options */
	constructor({ seed, players }) {
		const map = drawMap(seeded(seed), players.length);
		this.tick = 0;
		this.size = map.size;
		this.terrain = map.terrain;
		/** What happened in the last turn. @type {object[]} */
		this.events = [];
		/** @type {Map<number, Thing>} */
		this.things = new Map();
		this.players = players.map((name, index) => ({
			index, name, energy: RULES.energy, score: 0, kills: 0, losses: 0,
		}));
		this.nextId = 1;
		/** Who stands where; sources are part of the terrain. @type {Map<number, Thing>} */
		this.occupied = new Map();
		/** Per player, the steps to the nearest store; see `homeOf`. */
		this.homes = [];

		for (const { x, y } of map.sources) {
			this.add({ type: 'source', x, y, energy: RULES.source.capacity });
		}
		map.cores.forEach(({ x, y }, owner) => {
			const core = this.addStructure('core', owner, x, y);
			for (let count = 0; count < RULES.workers; ++count) {
				const cell = this.freeCellAround(core);
				this.addUnit('worker', owner, cell.x, cell.y);
			}
		});
	}

	/** @returns {Thing} */
	add(properties) {
		const thing = { id: this.nextId++, ...properties };
		this.things.set(thing.id, thing);
		if (thing.type !== 'source') {
			this.occupied.set(this.cell(thing.x, thing.y), thing);
		}
		return thing;
	}

	addUnit(kind, owner, x, y) {
		return this.add({ type: 'unit', kind, owner, x, y, hp: UNITS[kind].hp, carry: 0 });
	}

	addStructure(kind, owner, x, y) {
		if (STRUCTURES[kind].store) {
			delete this.homes[owner];
		}
		return this.add({ type: 'structure', kind, owner, x, y, hp: STRUCTURES[kind].hp });
	}

	remove(thing) {
		this.things.delete(thing.id);
		this.occupied.delete(this.cell(thing.x, thing.y));
		if (STRUCTURES[thing.kind]?.store) {
			delete this.homes[thing.owner];
		}
	}

	move(unit, x, y) {
		this.occupied.delete(this.cell(unit.x, unit.y));
		unit.x = x;
		unit.y = y;
		this.occupied.set(this.cell(x, y), unit);
	}

	/** Two units change places. */
	swap(a, b) {
		[a.x, a.y, b.x, b.y] = [b.x, b.y, a.x, a.y];
		this.occupied.set(this.cell(a.x, a.y), a);
		this.occupied.set(this.cell(b.x, b.y), b);
	}

	cell(x, y) {
		return y * this.size + x;
	}

	/** @returns {Thing | undefined} the unit or structure on a cell */
	at(x, y) {
		return this.occupied.get(this.cell(x, y));
	}

	isFree(x, y) {
		return this.terrain[y]?.[x] === PLAIN && this.at(x, y) === undefined;
	}

	freeCellAround({ x, y }) {
		const found = DIRECTIONS.find(([dx, dy]) => this.isFree(x + dx, y + dy));
		return found && { x: x + found[0], y: y + found[1] };
	}

	/** @returns {Thing[]} in the order they came into being */
	list(type, owner) {
		const found = [];
		for (const thing of this.things.values()) {
			if (thing.type === type && (owner === undefined || thing.owner === owner)) {
				found.push(thing);
			}
		}
		return found;
	}

	/** Steps to the player's nearest store. The terrain never changes, so it is seldom computed. */
	homeOf(owner) {
		this.homes[owner] ??= distances(
			this.terrain,
			this.list('structure', owner).filter(({ kind }) => STRUCTURES[kind].store));
		return this.homes[owner];
	}

	/** A fingerprint of everything in the game: equal games have equal digests. */
	digest() {
		const { tick, terrain, players } = this;
		const everything = JSON.stringify({ tick, terrain, players, things: [...this.things.values()] });
		return createHash('sha256').update(everything).digest('hex').slice(0, 16);
	}
}

module.exports = { World };
