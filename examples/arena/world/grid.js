'use strict';

/** What a cell of `terrain[y][x]` can be. Sources are terrain too: nothing can stand on them. */
const PLAIN = 0;
const WALL = 1;
const SOURCE = 2;

/** The eight neighbours of a cell, straight ones first. The order decides ties, so it is fixed. */
const DIRECTIONS = [
	[0, -1], [1, 0], [0, 1], [-1, 0],
	[1, -1], [1, 1], [-1, 1], [-1, -1],
];

/** Distance when a diagonal step costs as much as a straight one. */
function range(a, b) {
	return Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
}

/** @returns {number[][]} a square grid of rows */
function grid(size, value) {
	return Array.from({ length: size }, () => new Array(size).fill(value));
}

/**
 * Steps from every cell to the nearest of `starts`, walking over plain cells; -1 where there is no
 * way. (The starts themselves need not be plain.)
 *
 * @param {number[][]} terrain
 * @param {{ x: number, y: number }[]} starts
 * @returns {number[][]}
 */
function distances(terrain, starts) {
	const field = grid(terrain.length, -1);
	const queue = [];
	for (const { x, y } of starts) {
		field[y][x] = 0;
		queue.push(x, y);
	}
	for (let head = 0; head < queue.length; head += 2) {
		const x = queue[head];
		const y = queue[head + 1];
		const next = field[y][x] + 1;
		for (const [dx, dy] of DIRECTIONS) {
			if (terrain[y + dy]?.[x + dx] === PLAIN && field[y + dy][x + dx] < 0) {
				field[y + dy][x + dx] = next;
				queue.push(x + dx, y + dy);
			}
		}
	}
	return field;
}

module.exports = { PLAIN, WALL, SOURCE, DIRECTIONS, range, grid, distances };
