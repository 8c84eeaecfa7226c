// npm run bench   =   node bench/run.mjs [--rows SUBSTRING] [--cpus] [--json FILE]
//                                        [--rounds N] [--cpu N] [--long] [--islet PATH]
//
// Runs `program.js` on isolated-vm and on islet, both on node26, and prints the median of each row.
//
// For fairness: every figure comes from a process of its own, the libraries take turns row by row
// (and in who is first), so that other work on the machine, its warmth, and what earlier rows left
// behind hit both alike. isolated-vm gets the flag it demands, which bears on the start of the
// process only, before anything is timed; islet runs without flags.
//
//   --rows    only rows whose name contains this
//   --cpus    show the CPU time of all threads per operation too, not only the time on the clock
//   --json    write all figures there too
//   --rounds  how often each row is measured on each library, 3 by default
//   --cpu     the one CPU that everything runs on (`taskset`), for what a machine without a second one sees
//   --long    with the rows that take minutes
//   --islet   library to measure as islet; by default what the package made of this repository would be

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, libraries, measure, median, PEER_VERSION, print, version } from './compare.mjs';

/** Rows that take minutes. */
const LONG = /10000/;

const { names } = createRequire(import.meta.url)('./program.js');
const program = fileURLToPath(new URL('program.js', import.meta.url));

const { values: options } = parseArgs({
	options: {
		rows: { type: 'string', default: '' },
		cpus: { type: 'boolean', default: false },
		json: { type: 'string' },
		rounds: { type: 'string', default: '3' },
		cpu: { type: 'string' },
		long: { type: 'boolean', default: false },
		islet: { type: 'string' },
	},
});

const compared = await libraries(options.islet);

const table = names.filter(name => name.includes(options.rows) && (options.long || !LONG.test(name))).map(name => ({
	name, samples: { 'isolated-vm': [], islet: [] },
}));

for (let round = 0; round < Number(options.rounds); ++round) {
	const turns = Object.entries(compared);
	for (const { name, samples } of table) {
		turns.reverse();
		for (const [library, path] of turns) {
			samples[library].push(measure(program, path, [name], options.cpu));
		}
	}
}

const results = table.map(({ name, samples }) => {
	const figure = (library, kind) => (
		samples[library].every(sample => kind in sample) ?
			median(samples[library].map(sample => sample[kind])) :
			undefined
	);
	const theirs = figure('isolated-vm', 'wall');
	const ours = figure('islet', 'wall');
	return {
		name, samples, 'isolated-vm': theirs, islet: ours, ratio: theirs / ours,
		cpu: { 'isolated-vm': figure('isolated-vm', 'cpu'), islet: figure('islet', 'cpu') },
	};
});

print([
	['row', 'isolated-vm µs', 'islet µs', 'ratio',
		...options.cpus ? ['isolated-vm CPU µs', 'islet CPU µs'] : []],
	...results.map(({ name, 'isolated-vm': theirs, islet, ratio, cpu }) => [
		name, format(theirs), format(islet), ratio.toFixed(2),
		...options.cpus ? [format(cpu['isolated-vm']), format(cpu.islet)] : [],
	]),
]);

if (options.json) {
	writeFileSync(options.json, `${JSON.stringify({
		node: version, 'isolated-vm': PEER_VERSION, rounds: Number(options.rounds), rows: results,
	}, undefined, '\t')}\n`);
}
