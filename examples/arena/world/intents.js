'use strict';

const { DIRECTIONS, range } = require('./grid');
const { RULES, UNITS, STRUCTURES } = require('./rules');

/** More intents than a player can have actors are a mistake or an attack; the rest is not read. */
const MAX_INTENTS = 64;

/**
 * @typedef {object} Order an intent that was found to be legal. It holds things of the world, and
 *   nothing of what the bot sent.
 * @property {string} verb
 * @property {Thing} actor
 * @property {Thing} [target]
 * @property {string} [kind]
 * @property {number} [x]
 * @property {number} [y]
 */

/**
 * Reads what a bot returned. Nothing is known about `raw`: it may be of any type and any shape. It
 * did come out of `JSON.parse`, though, so looking at it cannot run any code.
 *
 * Whatever is not a legal intent is dropped and counted. An order may still come to nothing in the
 * turn itself (somebody else was faster), which is bad luck and not illegal.
 *
 * @param {World} world
 * @param {number} owner
 * @param {unknown} raw
 * @returns {{ orders: Order[], illegal: number }}
 */
function readIntents(world, owner, raw) {
	if (raw === null || raw === undefined) {
		return { orders: [], illegal: 0 };
	}
	if (!Array.isArray(raw)) {
		return { orders: [], illegal: 1 };
	}
	const player = {
		owner,
		energy: world.players[owner].energy,
		units: world.list('unit', owner).length,
		structures: world.list('structure', owner).length,
	};
	const busy = new Set();
	const orders = [];
	for (const intent of raw.slice(0, MAX_INTENTS)) {
		const order = readIntent(world, player, intent);
		// One thing does one thing per tick.
		if (order && !busy.has(order.actor)) {
			busy.add(order.actor);
			pay(player, order);
			orders.push(order);
		}
	}
	return { orders, illegal: raw.length - orders.length };
}

/** @returns {Order | undefined} */
function readIntent(world, player, intent) {
	if (typeof intent !== 'object' || intent === null) {
		return;
	}
	// A Map, because `intent.do` may well be 'constructor' or '__proto__'.
	const read = VERBS.get(intent.do);
	const actor = world.things.get(intent.id);
	if (read && actor && actor.owner === player.owner) {
		const order = read(world, player, actor, intent);
		return order && { verb: intent.do, actor, ...order };
	}
}

/** Keeps account, so that the same energy is not spent twice in a tick. */
function pay(player, { verb, kind }) {
	if (verb === 'spawn') {
		player.energy -= UNITS[kind].cost;
		player.units += 1;
	} else if (verb === 'build') {
		player.energy -= STRUCTURES[kind].cost;
		player.structures += 1;
	}
}

/** Each returns what the verb needs besides its actor, or nothing if it is not allowed. */
const VERBS = new Map(Object.entries({
	/** `{ do: 'move', id, dx, dy }`: a step to one of the eight neighbours. */
	move(world, player, actor, intent) {
		if (actor.type === 'unit') {
			return neighbour(world, actor, intent);
		}
	},

	/** `{ do: 'harvest', id, target }`: a worker takes energy out of a source next to it. */
	harvest(world, player, actor, intent) {
		const target = world.things.get(intent.target);
		const room = actor.kind === 'worker' && actor.carry < UNITS.worker.carry;
		if (room && target?.type === 'source' && range(actor, target) === 1) {
			return { target };
		}
	},

	/** `{ do: 'deliver', id, target }`: a worker unloads into an own core or depot next to it. */
	deliver(world, player, actor, intent) {
		const target = world.things.get(intent.target);
		const own = target?.type === 'structure' && target.owner === player.owner;
		const loaded = actor.type === 'unit' && actor.carry > 0;
		if (loaded && own && STRUCTURES[target.kind].store && range(actor, target) === 1) {
			return { target };
		}
	},

	/** `{ do: 'attack', id, target }`: on a foreign unit or structure that is near enough. */
	attack(world, player, actor, intent) {
		const target = world.things.get(intent.target);
		const arms = (UNITS[actor.kind] ?? STRUCTURES[actor.kind]);
		const foreign = target && target.type !== 'source' && target.owner !== player.owner;
		if (foreign && arms.damage > 0 && range(actor, target) <= arms.range) {
			return { target };
		}
	},

	/** `{ do: 'spawn', id, kind }`: a core makes a unit. */
	spawn(world, player, actor, intent) {
		const kind = keyOf(UNITS, intent.kind);
		const affordable = kind && UNITS[kind].cost <= player.energy;
		if (affordable && actor.kind === 'core' && player.units < RULES.unitLimit) {
			return { kind };
		}
	},

	/** `{ do: 'build', id, kind, dx, dy }`: a worker puts a depot or a turret on a free neighbour. */
	build(world, player, actor, intent) {
		const kind = keyOf(STRUCTURES, intent.kind);
		const affordable = kind && kind !== 'core' && STRUCTURES[kind].cost <= player.energy;
		if (affordable && actor.kind === 'worker' && player.structures < RULES.structureLimit) {
			const cell = neighbour(world, actor, intent);
			return cell && world.isFree(cell.x, cell.y) ? { kind, ...cell } : undefined;
		}
	},
}));

function keyOf(table, key) {
	return typeof key === 'string' && Object.hasOwn(table, key) ? key : undefined;
}

/** @returns {{ x: number, y: number } | undefined} the cell the intent points to, inside the map */
function neighbour(world, actor, intent) {
	const known = DIRECTIONS.some(([dx, dy]) => dx === intent.dx && dy === intent.dy);
	if (known) {
		const x = actor.x + intent.dx;
		const y = actor.y + intent.dy;
		return x >= 0 && y >= 0 && x < world.size && y < world.size ? { x, y } : undefined;
	}
}

module.exports = { readIntents, MAX_INTENTS };
