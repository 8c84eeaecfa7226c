'use strict';

const { RULES, UNITS, STRUCTURES } = require('./rules');

/**
 * Plays one turn. All players act at the same time; where that is impossible (two want the same
 * cell, or the last energy of a source) the order of the players decides, and the order rotates
 * with every tick. It never depends on whose script answered first.
 *
 * @param {World} world
 * @param {Order[][]} ordersOf the legal orders of every player
 */
function playTurn(world, ordersOf) {
	const count = ordersOf.length;
	const orders = ordersOf.flatMap((_, i) => ordersOf[(i + world.tick) % count]);
	const given = verb => orders.filter(order => order.verb === verb && order.actor.hp > 0);

	world.events = [];
	fight(world, given('attack'));
	// From here on whoever fell in the fight has no orders left.
	given('harvest').forEach(order => harvest(world, order));
	given('deliver').forEach(order => deliver(world, order));
	given('build').forEach(order => build(world, order));
	given('spawn').forEach(order => spawn(world, order));
	march(world, given('move'));
	regrow(world);
	world.tick += 1;
}

function log(world, type, { id, owner, kind, x, y }, more) {
	world.events.push({ type, id, owner, kind, x, y, ...more });
}

/** All blows fall at once, then the fallen are counted. */
function fight(world, orders) {
	/** Damage done to each victim, by player. @type {Map<Thing, number[]>} */
	const damage = new Map();
	for (const { actor, target } of orders) {
		const amount = (UNITS[actor.kind] ?? STRUCTURES[actor.kind]).damage;
		const byPlayer = damage.get(target) ?? world.players.map(() => 0);
		byPlayer[actor.owner] += amount;
		damage.set(target, byPlayer);
		target.hp -= amount;
		log(world, 'hit', target, { by: actor.id, amount });
	}
	for (const [victim, byPlayer] of damage) {
		if (victim.hp <= 0) {
			// Who did most of it; the lower index in a draw.
			fall(world, victim, world.players[byPlayer.indexOf(Math.max(...byPlayer))]);
		}
	}
}

function fall(world, victim, winner) {
	const loser = world.players[victim.owner];
	winner.kills += 1;
	loser.losses += 1;
	if (victim.kind === 'core') {
		// Nobody is ever out of the game: the core is plundered and rises again.
		const loot = Math.floor(loser.energy / 2);
		loser.energy -= loot;
		winner.energy += loot;
		winner.score += RULES.coreBounty + loot;
		victim.hp = STRUCTURES.core.hp;
		log(world, 'plunder', victim, { by: winner.index, loot });
	} else {
		winner.score += (UNITS[victim.kind] ?? STRUCTURES[victim.kind]).cost / 2;
		world.remove(victim);
		log(world, 'fall', victim, { by: winner.index });
	}
}

function harvest(world, { actor, target }) {
	const { carry, harvest: most } = UNITS[actor.kind];
	const amount = Math.min(most, carry - actor.carry, target.energy);
	actor.carry += amount;
	target.energy -= amount;
	log(world, 'harvest', actor, { from: target.id, amount });
}

function deliver(world, { actor, target }) {
	// A depot may have fallen in this very turn.
	if (target.hp > 0) {
		const player = world.players[actor.owner];
		player.energy += actor.carry;
		player.score += actor.carry;
		log(world, 'deliver', actor, { to: target.id, amount: actor.carry });
		actor.carry = 0;
	}
}

function build(world, { actor, kind, x, y }) {
	const player = world.players[actor.owner];
	const { cost } = STRUCTURES[kind];
	// Energy that was there when the order was read may have been plundered since.
	if (world.isFree(x, y) && player.energy >= cost) {
		player.energy -= cost;
		log(world, 'build', world.addStructure(kind, actor.owner, x, y));
	}
}

function spawn(world, { actor, kind }) {
	const player = world.players[actor.owner];
	const { cost } = UNITS[kind];
	const cell = world.freeCellAround(actor);
	if (cell && player.energy >= cost) {
		player.energy -= cost;
		log(world, 'spawn', world.addUnit(kind, actor.owner, cell.x, cell.y));
	}
}

/** Whoever can step does; that may make room for others, so it goes on until nobody moves. */
function march(world, orders) {
	let waiting = new Map(orders.map(order => [order.actor, order]));
	for (let before = -1; before !== waiting.size;) {
		before = waiting.size;
		for (const [unit, { x, y }] of waiting) {
			const other = world.at(x, y);
			const wish = waiting.get(other);
			if (world.isFree(x, y)) {
				world.move(unit, x, y);
				waiting.delete(unit);
			} else if (wish && wish.x === unit.x && wish.y === unit.y && other.owner === unit.owner) {
				// Two of the same side face each other in a narrow place: let them pass.
				world.swap(unit, other);
				waiting.delete(unit);
				waiting.delete(other);
			}
		}
	}
}

function regrow(world) {
	for (const source of world.list('source')) {
		source.energy = Math.min(RULES.source.capacity, source.energy + RULES.source.regrow);
	}
	for (const player of world.players) {
		player.energy += RULES.trickle;
	}
}

module.exports = { playTurn };
