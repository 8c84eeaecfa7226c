'use strict';

/**
 * The numbers of the game, in one place. They are handed to every bot as `state.rules`, so that no
 * bot has to repeat them.
 */

const UNITS = {
	worker: { cost: 50, hp: 60, carry: 40, harvest: 10, damage: 0, range: 0 },
	soldier: { cost: 80, hp: 140, carry: 0, harvest: 0, damage: 20, range: 1 },
	ranger: { cost: 100, hp: 70, carry: 0, harvest: 0, damage: 12, range: 3 },
};

const STRUCTURES = {
	/** Every player has one. It spawns units and stores energy, and rises again when it falls. */
	core: { cost: 0, hp: 600, damage: 0, range: 0, store: true },
	/** A second place to deliver energy to, next to sources that are far from home. */
	depot: { cost: 120, hp: 200, damage: 0, range: 0, store: true },
	turret: { cost: 140, hp: 260, damage: 18, range: 5, store: false },
};

const RULES = {
	units: UNITS,
	structures: STRUCTURES,
	/** What a player starts with. */
	energy: 400,
	workers: 3,
	/** Energy a core makes per tick; what keeps a player without workers in the game. */
	trickle: 1,
	unitLimit: 24,
	structureLimit: 10,
	/** Foreign units and structures are seen from this far. */
	sight: 10,
	source: { capacity: 400, regrow: 4 },
	/** Score for felling a core, on top of half the energy stored in it. */
	coreBounty: 200,
};

module.exports = { RULES, UNITS, STRUCTURES };
