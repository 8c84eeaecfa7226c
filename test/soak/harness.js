'use strict';

/** Runs the soak's program in a process of its own, and judges it. */

const { spawn } = require('node:child_process');
const { readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/** Without a sign of life for so long it hangs, in ms. */
const SILENCE = 120_000;

const median = list => list.toSorted ? list.toSorted((a, b) => a - b)[list.length >> 1] : [...list].sort((a, b) => a - b)[list.length >> 1];

/**
 * @param {{ seconds: number, seed: number, mode?: 'soak' | 'fuzz', onRound?: (round: object) => void }} options
 * @returns {Promise<{ faults: string[], rounds: object[], kinds?: object }>} Nothing in `faults`: all is well.
 */
function soak({ seconds, seed, mode = 'soak', onRound = () => {} }) {
	const trace = join(tmpdir(), `islet-soak-${process.pid}-${mode}-${seed}`);
	const child = spawn(process.execPath, ['--expose-gc', join(__dirname, 'program.js'), String(seconds), String(seed), mode, trace], {
		stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '' },
	});
	const faults = [];
	const rounds = [];
	let kinds;
	let rest = '';
	let stderr = '';
	let timer;
	const watch = () => {
		clearTimeout(timer);
		timer = setTimeout(() => {
			faults.push(`no sign of life for ${SILENCE / 1000} s`);
			child.kill('SIGKILL');
		}, SILENCE);
	};
	watch();
	child.stderr.on('data', chunk => {
		stderr = (stderr + chunk).slice(-4000);
	});
	child.stdout.setEncoding('utf8');
	child.stdout.on('data', chunk => {
		const lines = (rest + chunk).split('\n');
		rest = lines.pop();
		for (const line of lines) {
			if (!line.startsWith('@@')) {
				continue;
			}
			watch();
			const said = JSON.parse(line.slice(2));
			if (said.failure !== undefined) {
				faults.push(said.failure);
			} else if (said.done) {
				({ kinds } = said);
			} else {
				rounds.push(said);
				onRound(said);
			}
		}
	});
	return new Promise(resolve => child.on('close', (status, signal) => {
		clearTimeout(timer);
		if (kinds === undefined && faults.length === 0) {
			faults.push(`the process ends: ${signal ?? `exit code ${status}`}, at ${lastOf(trace)}\n${stderr}`);
		} else if (faults.length === 0 && mode === 'soak') {
			faults.push(...grown(rounds));
		}
		rmSync(trace, { force: true });
		for (let i = 0; i < 100; ++i) {
			rmSync(`${trace}.${i}`, { force: true });
		}
		resolve({ faults, rounds, kinds });
	}));
}

function lastOf(trace) {
	try {
		return `operation ${readFileSync(trace, 'utf8').trim()}`;
	} catch {
		return 'the start';
	}
}

/** What has grown, once everything that it takes was there. */
function grown(rounds) {
	const quarter = Math.floor(rounds.length / 4);
	if (quarter < 2) {
		return [];
	}
	const faults = [];
	const compare = (name, unit, factor, room) => {
		const before = median(rounds.slice(quarter, quarter * 2).map(round => round[name]));
		const after = median(rounds.slice(-quarter).map(round => round[name]));
		if (after > before * factor + room) {
			faults.push(`${name} grew from ${before} to ${after}${unit}`);
		}
	};
	compare('rss', ' MB', 1.2, 32);
	compare('heap', ' MB', 1.2, 4);
	compare('threads', '', 1.5, 8);
	const last = rounds[rounds.length - 1];
	// A few may be on their way back from isolates that have just ended.
	if (last.hostValues > 32) {
		faults.push(`${last.hostValues} values are held for guests that are gone`);
	}
	if (last.external > 1 << 20) {
		faults.push(`${last.external} bytes of external copies are left`);
	}
	return faults;
}

module.exports = { soak };
