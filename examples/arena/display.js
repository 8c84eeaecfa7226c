'use strict';

const { paintMap, colour } = require('./display-map');

/** A live picture is not repainted more often than this, in milliseconds. */
const FRAME = 40;
/** Without a terminal, a game is told in so many lines, however long it is. */
const LINES = 10;

/**
 * Shows a match while it is played and when it is over.
 *
 * @param {{ stream: NodeJS.WriteStream, json: boolean }} options
 * @returns {{ onTick?: (progress: object) => void, finish: (report: object) => void }}
 */
function createDisplay({ stream, json }) {
	if (json) {
		return { finish: report => stream.write(`${JSON.stringify(report)}\n`) };
	}
	return {
		onTick: stream.isTTY ? live(stream) : told(stream),
		finish: report => stream.write(summary(report)),
	};
}

/** Repaints the same part of the terminal again and again. */
function live(stream) {
	let height = 0;
	let painted = -Infinity;
	return ({ world, seats, ticks }) => {
		if (performance.now() - painted < FRAME && world.tick < ticks) {
			return;
		}
		painted = performance.now();
		const rows = table(LIVE_COLUMNS, seats.map(seat => ({ ...seat, world })));
		const map = paintMap(world);
		// What does not fit on the screen could not be repainted.
		const room = (stream.rows || 24) > map.length + rows.length + 1;
		const lines = [`tick ${world.tick} of ${ticks}`, ...room ? map : [], ...rows]
			.map(line => clip(line, stream.columns || 80));
		const back = height > 0 ? `\u001b[${height}A` : '';
		stream.write(`${back}${lines.map(line => `${line}\u001b[K\n`).join('')}`);
		height = lines.length;
	};
}

/** A line every now and then. */
function told(stream) {
	return ({ world, seats, ticks }) => {
		const every = Math.ceil(ticks / LINES);
		if (world.tick % every === 0 || world.tick === ticks) {
			const sum = count => seats.reduce((total, seat) => total + count(seat), 0);
			const leader = seats.reduce((best, seat) => scoreOf(world, seat) > scoreOf(world, best) ? seat : best);
			stream.write([
				`tick ${String(world.tick).padStart(String(ticks).length)}/${ticks}`,
				`leader ${leader.name} ${scoreOf(world, leader)}`,
				`units ${world.list('unit').length}`,
				`lost ticks ${sum(({ player }) => player.figures.lostTicks)}`,
				`restarts ${sum(({ player }) => player.restarts)}`,
			].join('  ') + '\n');
		}
	};
}

const scoreOf = (world, { index }) => world.players[index].score;

/**
 * Text is aligned to the left, numbers to the right.
 *
 * @typedef {[title: string, value: (row: object) => string | number, isText?: boolean]} Column
 */

/** @type {Column[]} */
const LIVE_COLUMNS = [
	['', ({ index }) => colour(index, '*'), true],
	['player', ({ name }) => name, true],
	['score', ({ world, index }) => world.players[index].score],
	['energy', ({ world, index }) => world.players[index].energy],
	['units', ({ world, index }) => world.list('unit', index).length],
	['cpu ms', ({ player }) => player.figures.cpuMs.toFixed(0)],
	['heap MB', ({ player }) => player.figures.heapMb.toFixed(1)],
	['restarts', ({ player }) => player.restarts],
	['lost', ({ player }) => player.figures.lostTicks],
	['illegal', ({ illegalIntents }) => illegalIntents],
	['last error', ({ player }) => errorText(player.figures.lastError), true],
];

/** @type {Column[]} */
const SUMMARY_COLUMNS = [
	['rank', ({ rank }) => rank],
	['player', ({ name }) => name, true],
	['score', ({ score }) => score],
	['kills', ({ kills }) => kills],
	['losses', ({ losses }) => losses],
	['cpu ms', ({ cpuMs }) => cpuMs.toFixed(0)],
	['peak MB', ({ peakHeapMb }) => peakHeapMb.toFixed(1)],
	['restarts', ({ restarts }) => restarts],
	['lost', ({ lostTicks }) => lostTicks],
	['illegal', ({ illegalIntents }) => illegalIntents],
	['dropped lines', ({ log }) => log.dropped],
	['last error', ({ lastError }) => errorText(lastError), true],
];

function summary(report) {
	const { standings, players, tickMs, earnestTickMs, ticks, durationMs } = report;
	const rows = standings.map(({ rank, name }) => ({
		rank, ...players.find(player => player.name === name),
	}));
	const times = ({ p50, p99, max }) => `p50 ${p50} ms, p99 ${p99} ms, at most ${max} ms`;
	return [
		'',
		...table(SUMMARY_COLUMNS, rows),
		'',
		`${players.length} players, ${ticks} ticks, ${(durationMs / 1000).toFixed(1)} s`,
		`a tick of a player: ${times(tickMs)}`,
		...players.every(({ hostile }) => hostile) ? [] : [`of an earnest one:  ${times(earnestTickMs)}`],
		'',
	].join('\n');
}

function errorText(error) {
	return error ? `${error.tick}: ${error.code} ${printable(error.message).slice(0, 60)}` : '';
}

/** What a bot wrote could be an escape sequence for the terminal; only what can be seen is shown. */
function printable(text) {
	return text.replace(/\s+/g, ' ').replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?');
}

const ESCAPES = /\u001b\[[\d;]*m/g;
const widthOf = text => text.replace(ESCAPES, '').length;

/** @param {Column[]} columns @param {object[]} rows @returns {string[]} lines */
function table(columns, rows) {
	const cells = [
		columns.map(([title]) => title),
		...rows.map(row => columns.map(([, value]) => String(value(row)))),
	];
	const widths = columns.map((_, i) => Math.max(...cells.map(row => widthOf(row[i]))));
	return cells.map(row => row.map((cell, i) => {
		const space = ' '.repeat(widths[i] - widthOf(cell));
		return columns[i][2] ? cell + space : space + cell;
	}).join('  ').trimEnd());
}

/** Cuts a line to the width of the terminal; colours take no room. */
function clip(line, width) {
	let room = width;
	return line.split(/(\u001b\[[\d;]*m)/).map((part, i) => {
		if (i % 2 === 1) {
			return part;
		}
		const shown = part.slice(0, room);
		room -= shown.length;
		return shown;
	}).join('');
}

module.exports = { createDisplay, printable };
