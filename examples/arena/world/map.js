'use strict';

const { PLAIN, WALL, SOURCE, DIRECTIONS, range, grid } = require('./grid');
const { between, shuffle } = require('../random');

/** A map is cut into square sectors of this many cells; a sector holds at most one player. */
const SECTOR = 19;
const MIDDLE = Math.floor(SECTOR / 2);
/** The smallest map is so many sectors wide. */
const SMALLEST = 4;

/**
 * Draws the map: where the cores go, where the sources are, what is walled off. Everybody gets two
 * sources at the same two distances from home; sectors without a player hold two more each, for
 * those who dare to go there.
 *
 * @param {() => number} random
 * @param {number} players
 * @returns {{ size: number, terrain: number[][], cores: Point[], sources: Point[] }}
 */
function drawMap(random, players) {
	const side = Math.max(SMALLEST, Math.ceil(Math.sqrt(players)));
	const size = side * SECTOR;
	const terrain = grid(size, PLAIN);
	const sectors = shuffle(random, Array.from({ length: side * side }, (_, i) => i));
	const cores = [];
	const sources = [];

	const place = (x, y) => {
		const taken = [...cores, ...sources].some(point => range(point, { x, y }) < 3);
		const inside = x > 0 && y > 0 && x < size - 1 && y < size - 1;
		if (taken || !inside) {
			return false;
		}
		terrain[y][x] = SOURCE;
		sources.push({ x, y });
		return true;
	};

	sectors.forEach((sector, index) => {
		const centre = {
			x: (sector % side) * SECTOR + MIDDLE + between(random, -1, 1),
			y: Math.floor(sector / side) * SECTOR + MIDDLE + between(random, -1, 1),
		};
		if (index < players) {
			cores.push(centre);
		}
		for (const distance of [4, 6]) {
			for (let placed = false; !placed;) {
				// Any point on the square ring at this distance.
				const along = between(random, -distance, distance);
				const across = random() < 0.5 ? -distance : distance;
				const [dx, dy] = random() < 0.5 ? [along, across] : [across, along];
				placed = place(centre.x + dx, centre.y + dy);
			}
		}
	});

	buildWalls(random, terrain, [...cores, ...sources]);
	return { size, terrain, cores, sources };
}

/**
 * Strews short walls over the map. No wall touches another, a source or the edge, so one can walk
 * around each of them: no part of the map is ever cut off.
 */
function buildWalls(random, terrain, keepClear) {
	const size = terrain.length;
	for (let count = Math.floor(size * size / 20); count > 0; --count) {
		const [dx, dy] = DIRECTIONS[between(random, 0, DIRECTIONS.length - 1)];
		let x = between(random, 0, size - 1);
		let y = between(random, 0, size - 1);
		const wall = [];
		for (let length = between(random, 2, 6); length > 0; --length, x += dx, y += dy) {
			wall.push({ x, y });
		}
		const clear = cell => keepClear.every(point => range(point, cell) > 2);
		const apart = cell => DIRECTIONS.every(([dx, dy]) => terrain[cell.y + dy]?.[cell.x + dx] === PLAIN);
		if (wall.every(cell => apart(cell) && clear(cell))) {
			wall.forEach(cell => terrain[cell.y][cell.x] = WALL);
		}
	}
}

module.exports = { drawMap };
