'use strict';

/**
 * Differential programs: small programs that run on islet and on isolated-vm 7.0.1, whose events must be the same.
 *
 * `programs/*.js` hold the programs, one file an area. `recorded.json` holds what happens on isolated-vm,
 * `known.js` the differences that are meant.
 */

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const known = require('./known');

const PROGRAMS = join(__dirname, 'programs');
const RECORDED = join(__dirname, 'recorded.json');
/** How long one program may take, in ms. */
const DEADLINE = 15_000;

/** The areas: names of files in `programs/`. */
const areas = () => readdirSync(PROGRAMS).filter(name => name.endsWith('.js')).map(name => name.slice(0, -3)).sort();

/**
 * The programs of an area.
 * @returns {{ key: string, title: string, face: 'host' | 'inside', program: Function, hash: string }[]}
 */
function list(area) {
	const programs = require(join(PROGRAMS, `${area}.js`));
	const result = [];
	for (const title of Object.keys(programs)) {
		const program = programs[title];
		const hash = createHash('sha256').update(String(program)).digest('hex').slice(0, 12);
		result.push({ key: `${area}: ${title}`, title, face: 'host', program, hash });
		if (program.both) {
			result.push({ key: `${area}: ${title} (inside)`, title, face: 'inside', program, hash });
		}
	}
	return result;
}

/** Runs the programs of one area from a number on; tells the last one begun, and how the process ended. */
function runFrom({ command, library, env, deadline = DEADLINE }, area, from, outcomes) {
	const [binary, ...flags] = command;
	return new Promise(resolve => {
		const child = spawn(binary, [...flags, join(__dirname, 'child.js'), library, area, String(from)], {
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '', ...env },
		});
		let current = from - 1;
		let ended = true;
		let hung = false;
		let rest = '';
		let stderr = '';
		let timer;
		const watch = () => {
			clearTimeout(timer);
			timer = setTimeout(() => {
				hung = true;
				child.kill('SIGKILL');
			}, deadline);
		};
		watch();
		child.stderr.on('data', chunk => {
			stderr = (stderr + chunk).slice(-2000);
		});
		child.stdout.setEncoding('utf8');
		child.stdout.on('data', chunk => {
			const lines = (rest + chunk).split('\n');
			rest = lines.pop();
			for (const line of lines) {
				if (!line.startsWith('@@')) {
					continue;
				}
				const said = JSON.parse(line.slice(2));
				if ('start' in said) {
					current = said.start;
					ended = false;
					outcomes[current] = [];
					watch();
				} else if ('event' in said) {
					outcomes[current].push(said.event);
				} else {
					ended = true;
				}
			}
		});
		child.on('close', (status, signal) => {
			clearTimeout(timer);
			if (!ended) {
				outcomes[current].push(hung ? 'the program hangs' : `the process ends: ${signal ?? `exit code ${status}`}`);
			} else if (hung || status !== 0) {
				outcomes[current + 1] = [`the process ends: ${hung ? 'it hangs' : signal ?? `exit code ${status}`} ${stderr}`];
				++current;
			}
			resolve(current);
		});
	});
}

/**
 * Runs all programs of an area.
 * @param {{ command: string[], library: string, env?: object, deadline?: number }} side
 * @param {string} area
 * @returns {Promise<Map<string, string[]>>} events by the program's key
 */
async function run(side, area) {
	const programs = list(area);
	const outcomes = [];
	for (let from = 0; from < programs.length;) {
		from = await runFrom(side, area, from, outcomes) + 1;
	}
	return new Map(programs.map(({ key }, i) => [key, outcomes[i] ?? ['did not run']]));
}

/** What was recorded of isolated-vm: `{ [key]: { hash, events } }`. */
const recorded = () => existsSync(RECORDED) ? JSON.parse(readFileSync(RECORDED, 'utf8')) : {};

/** How two lists of events differ, apart from the texts that always do (known.js): lines that begin with `- ` are isolated-vm's, with `+ ` islet's. */
function difference(theirs, ours) {
	theirs = theirs.map(event => known.texts.reduce((text, each) => text.replace(each.theirs, each.text), event));
	ours = ours.map(event => known.texts.reduce((text, each) => text.replace(each.ours, each.text), event));
	// The longest common subsequence, from the end.
	const lengths = Array.from({ length: theirs.length + 1 }, () => new Array(ours.length + 1).fill(0));
	for (let i = theirs.length - 1; i >= 0; --i) {
		for (let j = ours.length - 1; j >= 0; --j) {
			lengths[i][j] = theirs[i] === ours[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
		}
	}
	const lines = [];
	let i = 0;
	let j = 0;
	while (i < theirs.length || j < ours.length) {
		if (i < theirs.length && j < ours.length && theirs[i] === ours[j]) {
			++i;
			++j;
		} else if (j === ours.length || (i < theirs.length && lengths[i + 1][j] >= lengths[i][j + 1])) {
			lines.push(`- ${theirs[i++]}`);
		} else {
			lines.push(`+ ${ours[j++]}`);
		}
	}
	return lines;
}

module.exports = { RECORDED, areas, difference, list, recorded, run };
