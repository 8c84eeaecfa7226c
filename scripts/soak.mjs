// Random calls over many isolates, for a while: nothing may crash, hang or grow (test/soak/program.js).
//
//   npm run soak -- --seconds 600 --seed 7          orderly guests; memory and handles are looked at
//   npm run soak -- --mode fuzz --seconds 60        dispose, release, terminate at any point, and hostile guests
//   --runs N    N runs one after the other, with seeds that follow each other

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { soak } = createRequire(import.meta.url)('../test/soak/harness.js');

const { values: options } = parseArgs({
	options: {
		seconds: { type: 'string', default: '60' },
		seed: { type: 'string', default: '1' },
		mode: { type: 'string', default: 'soak' },
		runs: { type: 'string', default: '1' },
	},
});

const COLUMNS = ['operations', 'rss', 'heap', 'external', 'hostValues', 'threads'];
const row = cells => console.log(cells.map(cell => String(cell).padStart(12)).join(''));

for (let run = 0; run < Number(options.runs); ++run) {
	const seed = Number(options.seed) + run;
	console.log(`\n${options.mode}, seed ${seed}, ${options.seconds} s`);
	row(COLUMNS);
	const { faults, rounds, kinds } = await soak({
		seconds: Number(options.seconds), seed, mode: options.mode,
		onRound: round => row(COLUMNS.map(name => round[name])),
	});
	if (kinds !== undefined) {
		console.log(`${rounds.at(-1)?.operations} operations of ${Object.keys(kinds).length} kinds`);
	}
	for (const fault of faults) {
		console.log(`FAULT: ${fault}`);
		process.exitCode = 1;
	}
}
