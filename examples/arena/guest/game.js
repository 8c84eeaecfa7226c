'use strict';

/*
 * The library every bot finds as `game`. It lives in the bot's isolate and works on the bot's copy
 * of the world, so it grants nothing that a bot could not do by itself; a bot that breaks it has
 * broken its own copy.
 *
 * This file is a script; its value is the function that prepares the library for a tick.
 */
(() => {
	const DIRECTIONS = [[0, -1], [1, 0], [0, 1], [-1, 0], [1, -1], [1, 1], [-1, 1], [-1, -1]];
	/** Ways to fixed places are worth keeping: the terrain never changes. */
	const KEPT_WAYS = 32;

	let state;
	let takenCells;
	const ways = new Map();
	let floor;

	const cell = (x, y) => y * state.size + x;
	const range = (a, b) => Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));

	/** Cells something stands on, or will after this tick's steps. */
	function taken() {
		takenCells ??= new Set([...state.units, ...state.enemies, ...state.structures]
			.map(({ x, y }) => cell(x, y)));
		return takenCells;
	}

	/** @returns the nearest of `list`, the first of equals, or undefined */
	function nearest(from, list) {
		let found;
		for (const thing of list) {
			if (found === undefined || range(from, thing) < range(from, found)) {
				found = thing;
			}
		}
		return found;
	}

	/**
	 * A function that tells the steps from any cell to `target`, -1 if there is no way. The search
	 * spreads only as far as it is asked for, and goes on from there when asked again.
	 */
	function wayTo(target) {
		const key = cell(target.x, target.y);
		if (!ways.has(key)) {
			if (ways.size >= KEPT_WAYS) {
				ways.clear();
			}
			ways.set(key, search(target));
		}
		return ways.get(key);
	}

	/*
	 * A search may spread over the whole map, in a tick of an isolate whose code is still cold. So it
	 * works on a flat copy of the terrain with a closed border, which is made once.
	 */
	function search(target) {
		const width = state.size + 2;
		floor ??= floorOf(state.terrain, width);
		const around = DIRECTIONS.map(([dx, dy]) => dy * width + dx);
		const steps = new Int16Array(floor.length).fill(-1);
		const queue = new Int32Array(floor.length);
		const start = (target.y + 1) * width + target.x + 1;
		let head = 0;
		let tail = 1;
		queue[0] = start;
		steps[start] = 0;
		return (x, y) => {
			const wanted = (y + 1) * width + x + 1;
			while (steps[wanted] < 0 && head < tail) {
				const at = queue[head++];
				const next = steps[at] + 1;
				for (let i = 0; i < 8; ++i) {
					const neighbour = at + around[i];
					if (floor[neighbour] === 1 && steps[neighbour] < 0) {
						steps[neighbour] = next;
						queue[tail++] = neighbour;
					}
				}
			}
			return steps[wanted];
		};
	}

	/** @returns {Uint8Array} 1 where one can walk */
	function floorOf(terrain, width) {
		const flat = new Uint8Array(width * width);
		terrain.forEach((row, y) => flat.set(row.map(kind => kind === 0 ? 1 : 0), (y + 1) * width + 1));
		return flat;
	}

	/** The best step of a unit by a measure of cells (less is better); undefined if staying is best. */
	function stepBy(unit, measure) {
		let best;
		let least = measure(unit.x, unit.y);
		for (const [dx, dy] of DIRECTIONS) {
			const x = unit.x + dx;
			const y = unit.y + dy;
			if (state.terrain[y]?.[x] === 0 && !taken().has(cell(x, y))) {
				const value = measure(x, y);
				// A step aside is better than none, lest two units block each other for ever.
				if (value < least || (value === least && best === undefined)) {
					best = [dx, dy];
					least = value;
				}
			}
		}
		if (best) {
			const [dx, dy] = best;
			taken().delete(cell(unit.x, unit.y));
			taken().add(cell(unit.x + dx, unit.y + dy));
			return { do: 'move', id: unit.id, dx, dy };
		}
	}

	const measureOf = distance => distance < 0 ? Infinity : distance;

	/** One step of the shortest way to `target`; undefined if it is reached or there is no room. */
	function stepTo(unit, target) {
		if (range(unit, target) > 1) {
			const way = wayTo(target);
			return stepBy(unit, (x, y) => measureOf(way(x, y)));
		}
	}

	/** One step towards the nearest own core or depot. */
	function stepHome(unit) {
		return stepBy(unit, (x, y) => measureOf(state.home[y][x]));
	}

	/** One step away from danger, homewards if there is a choice; undefined if it is safe here. */
	function flee(unit) {
		if (state.danger[unit.y][unit.x] > 0) {
			return stepBy(unit, (x, y) => state.danger[y][x] * 1000 + measureOf(state.home[y][x]));
		}
	}

	const isStore = ({ kind }) => state.rules.structures[kind].store;

	/** What a worker does next to bring energy home from `source`. */
	function gather(worker, source) {
		const { id, carry, carryMax } = worker;
		const store = nearest(worker, game.structures.filter(isStore));
		if (store && carry > 0 && range(worker, store) === 1) {
			return { do: 'deliver', id, target: store.id };
		}
		if (carry === carryMax) {
			return stepHome(worker);
		}
		if (range(worker, source) === 1) {
			return source.energy > 0 ? { do: 'harvest', id, target: source.id } : stepHome(worker);
		}
		return stepTo(worker, source);
	}

	/**
	 * Gives every worker a source to work at, the nearest to home first, and remembers it in `jobs`
	 * (an object to be kept in the bot's memory).
	 *
	 * @returns {Map} from worker to source
	 */
	function assign(workers, jobs, perSource = 3) {
		const crew = new Map(state.sources.map(source => [source.id, []]));
		for (const worker of workers) {
			crew.get(jobs[worker.id])?.push(worker);
		}
		const way = source => Math.min(...DIRECTIONS.map(
			([dx, dy]) => measureOf(state.home[source.y + dy]?.[source.x + dx] ?? -1)));
		const known = new Set(workers.map(({ id }) => String(id)));
		Object.keys(jobs).filter(id => !known.has(id)).forEach(id => delete jobs[id]);
		const idle = workers.filter(worker => !crew.has(jobs[worker.id]));
		if (idle.length > 0) {
			const byWay = state.sources.map(source => ({ source, way: way(source) }))
				.sort((a, b) => a.way - b.way);
			for (const worker of idle) {
				const free = byWay.find(({ source }) => crew.get(source.id).length < perSource);
				if (free) {
					jobs[worker.id] = free.source.id;
					crew.get(free.source.id).push(worker);
				}
			}
		}
		const sources = new Map(state.sources.map(source => [source.id, source]));
		return new Map(workers.map(worker => [worker, sources.get(jobs[worker.id])]));
	}

	/** Attacks what is in reach (the weakest first), or goes for `target`; undefined if there is none. */
	function hunt(unit, target) {
		const { range: reach } = state.rules.units[unit.kind] ?? state.rules.structures[unit.kind];
		const near = [...state.enemies, ...game.foreign].filter(thing => range(unit, thing) <= reach);
		if (near.length > 0) {
			const weakest = near.reduce((a, b) => b.hp < a.hp ? b : a);
			return { do: 'attack', id: unit.id, target: weakest.id };
		}
		return target && stepTo(unit, target);
	}

	/** @returns {[number, number] | undefined} a direction from `worker` with room for a structure */
	function roomBeside(worker) {
		// Where somebody stands now there is no room, not even if it is about to leave.
		const standing = [...state.units, ...state.enemies];
		return DIRECTIONS.find(([dx, dy]) => {
			const x = worker.x + dx;
			const y = worker.y + dy;
			return state.terrain[y]?.[x] === 0 && !taken().has(cell(x, y))
				&& !standing.some(unit => unit.x === x && unit.y === y);
		});
	}

	/** Puts energy aside, so that it is not spent twice in a tick. @returns whether there was enough */
	function pay(cost) {
		const enough = state.me.energy >= cost;
		state.me.energy -= enough ? cost : 0;
		return enough;
	}

	/** An intent to build something beside a worker; undefined if there is no energy or no room. */
	function build(worker, kind) {
		const room = game.structures.length < state.rules.structureLimit && roomBeside(worker);
		if (room && pay(state.rules.structures[kind].cost)) {
			const [dx, dy] = room;
			taken().add(cell(worker.x + dx, worker.y + dy));
			return { do: 'build', id: worker.id, kind, dx, dy };
		}
	}

	/** An intent to spawn a unit; undefined if there is no energy or there are too many. */
	function spawn(kind) {
		if (state.units.length < state.rules.unitLimit && pay(state.rules.units[kind].cost)) {
			return { do: 'spawn', id: game.core.id, kind };
		}
	}

	const game = {
		range, nearest, stepTo, stepHome, flee, gather, assign, hunt, build, spawn,
		/** Own structures. */
		get structures() {
			return state.structures.filter(({ owner }) => owner === state.me.index);
		},
		/** Structures of others, as far as they are in sight; their cores always are. */
		get foreign() {
			return state.structures.filter(({ owner }) => owner !== state.me.index);
		},
		/** The own core. */
		get core() {
			return game.structures.find(({ kind }) => kind === 'core');
		},
		/** Own units of a kind. */
		of: kind => state.units.filter(unit => unit.kind === kind),
	};
	globalThis.game = game;

	// Does as little as possible: it runs before the bot's tick, even if the bot has broken things.
	return newState => {
		state = newState;
		takenCells = undefined;
	};
})();
