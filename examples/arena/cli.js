'use strict';

const { parseArgs } = require('util');
const { createDisplay } = require('./display');
const { runMatch } = require('./match');
const { ROSTER, enlist, find } = require('./roster');

const NUMBERS = {
	players: { fallback: 8, low: 1, high: 64 },
	ticks: { fallback: 30, low: 1, high: 100_000 },
	seed: { fallback: 1, low: 0, high: 2 ** 32 - 1 },
	timeout: { fallback: 50, low: 1, high: 60_000 },
	memory: { fallback: 32, low: 8, high: 4096 },
};

const namesOf = hostile => ROSTER.filter(entry => entry.hostile === hostile)
	.map(({ bot }) => bot).join(', ');

const HELP = `\
Usage: node examples/arena [options]

Plays a game between scripts that do not have to be trusted, and shows it.

  --players N   number of players (8), taken from this list, over and over:
                ${ROSTER.slice(0, 6).map(({ bot }) => bot).join(', ')},
                ${ROSTER.slice(6).map(({ bot }) => bot).join(', ')}
  --bots A,B,C  take them from this list instead
  --hostile     take hostile bots only
  --ticks N     length of the game (30)
  --seed N      the same seed gives the same game (1)
  --timeout MS  time a script may take per tick (50)
  --memory MB   memory an isolate may take (32)
  --json        print one JSON object at the end and nothing else
  --help        print this

Earnest bots: ${namesOf(false)}
Hostile bots: ${namesOf(true)}
`;

/** Something is wrong with the arguments; the message is for whoever typed them. */
class UsageError extends Error {}

/**
 * @param {string[]} args
 * @returns {object} `help`, `json` and the options of `runMatch`
 */
function readArguments(args) {
	let values;
	try {
		({ values } = parseArgs({
			args,
			options: {
				...Object.fromEntries(Object.keys(NUMBERS).map(name => [name, { type: 'string' }])),
				bots: { type: 'string' },
				hostile: { type: 'boolean' },
				json: { type: 'boolean' },
				help: { type: 'boolean', short: 'h' },
			},
		}));
	} catch (error) {
		throw new UsageError(error.message);
	}
	if (values.bots !== undefined && values.hostile) {
		throw new UsageError('--bots and --hostile exclude each other');
	}
	const number = name => readNumber(name, values[name]);
	const bots = listOf(values);
	const count = values.bots !== undefined && values.players === undefined
		? bots.length
		: number('players');
	return {
		help: values.help ?? false,
		json: values.json ?? false,
		players: enlist(bots, count),
		ticks: number('ticks'),
		seed: number('seed'),
		timeout: number('timeout'),
		memory: number('memory'),
	};
}

function readNumber(name, text) {
	const { fallback, low, high } = NUMBERS[name];
	if (text === undefined) {
		return fallback;
	}
	const number = /^\d+$/.test(text) ? Number(text) : NaN;
	if (!(number >= low && number <= high)) {
		throw new UsageError(`--${name} must be a whole number from ${low} to ${high}, not '${text}'`);
	}
	return number;
}

function listOf({ bots, hostile }) {
	if (bots === undefined) {
		return hostile ? ROSTER.filter(entry => entry.hostile) : ROSTER;
	}
	return bots.split(',').map(name => {
		const entry = find(name.trim());
		if (!entry) {
			const known = ROSTER.map(({ bot }) => bot).join(', ');
			throw new UsageError(`--bots: there is no bot '${name}'; there are ${known}`);
		}
		return entry;
	});
}

/** @param {string[]} args what follows `node examples/arena` */
async function main(args) {
	let options;
	try {
		options = readArguments(args);
	} catch (error) {
		if (!(error instanceof UsageError)) {
			throw error;
		}
		process.stderr.write(`${error.message}\nTry --help.\n`);
		process.exitCode = 2;
		return;
	}
	const { help, json, ...match } = options;
	if (help) {
		process.stdout.write(HELP);
		return;
	}
	const lib = require('../..');
	const display = createDisplay({ stream: process.stdout, json });
	display.finish(await runMatch({ lib, ...match, onTick: display.onTick }));
}

module.exports = { main, readArguments, UsageError };
