// node bench/instructions.mjs [--update]   =   npm run bench:instructions
//
// Counts the instructions of what carries values over the line, in Rust, under valgrind: unlike time, the same on every run. Fails where one
// takes more than bench/instructions.json says, by 3 %; --update writes what was counted there. The programs are tests in
// src/face/node/wire.rs; the compiler is the one of rust-version, or the counts are others.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cargoSetup, main, ROOT } from '../scripts/build.mjs';

const FILE = new URL('instructions.json', import.meta.url);
const TOLERANCE = 0.03;
const PROGRAMS = ['small_arguments', 'copied_object', 'error', 'letters'];

const { values: options } = parseArgs({ options: { update: { type: 'boolean', default: false } } });

/** The program with the Rust tests; in the profile that keeps the names of functions. */
function build() {
	const { env } = cargoSetup();
	const { status, stdout, error } = spawnSync('cargo', ['test', '--profile', 'dev-fast', '--locked', '--no-run', '--message-format=json-render-diagnostics'],
		{ cwd: ROOT, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 });
	if (error || status !== 0) {
		throw error ?? new Error('the Rust tests don\'t compile');
	}
	return stdout.split('\n').filter(Boolean).map(line => JSON.parse(line)).find(({ executable, profile }) => executable && profile?.test).executable;
}

function count(executable, name) {
	const { stderr, status, error } = spawnSync('valgrind', [
		'--tool=callgrind', '--callgrind-out-file=/dev/null', '--toggle-collect=*counted_*',
		executable, '--exact', `face::node::wire::tests::${name}`, '--test-threads=1',
	], { encoding: 'utf8' });
	const collected = /Collected : (\d+)/.exec(stderr)?.[1];
	if (error || status !== 0 || !Number(collected)) {
		throw error ?? new Error(`${name}: valgrind counted nothing\n${stderr}`);
	}
	return Number(collected);
}

await main(() => {
	if (spawnSync('valgrind', ['--version']).status !== 0) {
		console.log('instructions: not counted, valgrind isn\'t there');
		return;
	}
	const executable = build();
	const known = JSON.parse(readFileSync(FILE, 'utf8'));
	const counted = Object.fromEntries(PROGRAMS.map(name => [name, count(executable, name)]));
	let worse = 0;
	for (const [name, instructions] of Object.entries(counted)) {
		const ratio = instructions / (known[name] ?? instructions);
		console.log(`${name.padEnd(20)} ${String(instructions).padStart(10)}  ${((ratio - 1) * 100).toFixed(1)} %`);
		worse += ratio > 1 + TOLERANCE ? 1 : 0;
	}
	if (options.update) {
		writeFileSync(FILE, `${JSON.stringify(counted, undefined, '\t')}\n`);
	} else if (worse > 0) {
		throw new Error(`${worse} take more instructions than bench/instructions.json says: if that is meant, run it with --update`);
	}
});
