'use strict';

const { WALL, SOURCE } = require('./world/grid');

/** One character stands for so many cells; characters are about twice as high as wide. */
const WIDE = 2;
const HIGH = 4;

const PALETTE = [203, 75, 114, 221, 177, 80, 215, 147, 168, 108];
const GREY = 240;

/** In a crowd, the first of these is shown. */
const SIGNS = { core: '@', turret: 'A', depot: 'o', ranger: 'r', soldier: 's', worker: 'w' };
const ORDER = Object.keys(SIGNS);

function colour(player, text) {
	return paint(PALETTE[player % PALETTE.length], text);
}

function paint(code, text) {
	return `\u001b[38;5;${code}m${text}\u001b[0m`;
}

/** @returns {string[]} the map as lines of coloured characters */
function paintMap(world) {
	const lines = [];
	for (let y = 0; y < world.size; y += HIGH) {
		let line = '';
		for (let x = 0; x < world.size; x += WIDE) {
			line += paintBlock(world, x, y);
		}
		lines.push(line);
	}
	return lines;
}

function paintBlock(world, left, top) {
	let shown;
	let walls = 0;
	let source = false;
	for (let y = top; y < Math.min(world.size, top + HIGH); ++y) {
		for (let x = left; x < Math.min(world.size, left + WIDE); ++x) {
			const thing = world.at(x, y);
			if (thing && (!shown || ORDER.indexOf(thing.kind) < ORDER.indexOf(shown.kind))) {
				shown = thing;
			}
			walls += world.terrain[y][x] === WALL ? 1 : 0;
			source ||= world.terrain[y][x] === SOURCE;
		}
	}
	if (shown) {
		return colour(shown.owner, SIGNS[shown.kind]);
	}
	return source ? '$' : paint(GREY, walls >= 2 ? '#' : walls === 1 ? ':' : '.');
}

module.exports = { paintMap, colour };
