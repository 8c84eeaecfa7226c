// Runs every hostile case through every entry, each in a process of its own, and prints what held, what fell, and why.
//
//   node scripts/hostile.mjs [options] [id…]
//     --runtimes node20,node26   which (scripts/runtimes.mjs); by default the one that runs this, and node26
//     --entries eval,copy        which entries; by default all
//     --spread                   each case through one of the entries, not through all
//     --deadline MS              when a process counts as hung (20000, and three times the timeout)
//     --timeout MS               of cases that name none (1000)
//     --times N                  every case N times
//     --width N                  processes at a time (as many as there are CPUs)
//     --journal FILE             notes every attempt there, and leaves out those noted before: a run can be interrupted and gone on with
//     --peer                     isolated-vm 7.0.1 on node26 instead
//
// The cases are those of test/hostile/cases and, where that file is there, of ../shared/hostile/cases.json.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { peer, runtimes } from './runtimes.mjs';

const require = createRequire(import.meta.url);
const { ENTRIES, ROOT, attemptCase, each } = require('../test/hostile/hostile.js');
const { cases } = require('../test/hostile/cases');

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		runtimes: { type: 'string' }, entries: { type: 'string' }, timeout: { type: 'string', default: '1000' },
		times: { type: 'string', default: '1' }, width: { type: 'string' }, peer: { type: 'boolean' }, spread: { type: 'boolean' },
		deadline: { type: 'string' }, verbose: { type: 'boolean' }, journal: { type: 'string' },
	},
});

const shared = join(ROOT, '..', 'shared', 'hostile', 'cases.json');
const list = [...cases];
if (existsSync(shared)) {
	const known = new Set(list.map(({ id }) => id));
	list.push(...JSON.parse(readFileSync(shared, 'utf8')).filter(({ id }) => !known.has(id)).map(one => ({ kind: 'shared', ...one })));
}
const chosen = positionals.length === 0 ? list : list.filter(({ id, kind }) => positionals.includes(id) || positionals.includes(kind));
const entries = values.entries?.split(',') ?? ENTRIES;
const self = `node${process.versions.node.split('.')[0]}`;
const on = await runtimes(values.peer ? ['node26'] : values.runtimes?.split(',') ?? [...new Set([self, 'node26'])]);
const library = values.peer ? await peer('7.0.1') : ROOT;

const rows = values.journal && existsSync(values.journal) ?
	readFileSync(values.journal, 'utf8').trim().split('\n').map(line => JSON.parse(line)) : [];
const name = (runtime, id, entry, round) => [runtime, id, entry, round].join(' ');
const noted = new Set(rows.map(row => name(row.runtime, row.id, row.entry, row.round)));

const jobs = [];
for (let round = 0; round < Number(values.times); ++round) {
	for (const runtime of on) {
		for (const [i, one] of chosen.entries()) {
			for (const entry of values.spread ? [entries[i % entries.length]] : entries) {
				if (!noted.has(name(runtime.name, one.id, entry, round))) {
					jobs.push({ runtime, one, entry, round });
				}
			}
		}
	}
}

let done = 0;
await each(jobs, Number(values.width ?? availableParallelism()), async ({ runtime, one, entry, round }) => {
	const { why, seen, tries } = await attemptCase(one, entry, {
		library, command: runtime.command, args: values.peer ? ['--no-node-snapshot'] : [], timeout: Number(values.timeout),
		deadline: values.deadline === undefined ? undefined : Number(values.deadline),
	});
	const row = { runtime: runtime.name, id: one.id, kind: one.kind, entry, round, why, tries, skipped: seen?.skipped };
	rows.push(row);
	if (values.journal) {
		appendFileSync(values.journal, `${JSON.stringify(row)}\n`);
	}
	++done;
	if (values.verbose || why.length > 0) {
		const { outcome = '', took = 0, peak = 0, left = 0 } = seen ?? {};
		console.log(`${why.length > 0 ? 'fell' : 'held'}  ${runtime.name}  ${one.id}  ${entry}  ${why.join('; ')}` +
			(values.verbose ? `  [${outcome}, ${Math.round(took)} ms, ${Math.round(peak)} MB, ${Math.round(left)} MB left]` : ''));
	} else if (process.stderr.isTTY) {
		process.stderr.write(`\r${done} of ${jobs.length} `);
	}
});

/** Prints a table of how many held, by what `key` gives. */
function table(title, key) {
	const groups = new Map();
	for (const row of rows.filter(({ skipped }) => !skipped)) {
		const name = key(row);
		const group = groups.get(name) ?? { held: 0, again: 0, fell: 0 };
		++group[row.why.length > 0 ? 'fell' : 'held'];
		group.again += row.why.length === 0 && row.tries > 1 ? 1 : 0;
		groups.set(name, group);
	}
	const width = Math.max(title.length, ...[...groups.keys()].map(name => name.length));
	// Late on a busy machine, and not when tried again.
	console.log(`\n${title.padEnd(width)}   held  of them late at first   fell`);
	for (const [name, { held, again, fell }] of groups) {
		console.log(`${name.padEnd(width)}  ${String(held).padStart(5)}  ${String(again).padStart(21)}  ${String(fell).padStart(5)}`);
	}
}

table('entry', ({ runtime, entry }) => `${runtime} ${entry}`);
table('kind', ({ runtime, kind }) => `${runtime} ${kind}`);
const fallen = rows.filter(({ why }) => why.length > 0);
const reasons = new Map();
for (const { why } of fallen) {
	for (const reason of why) {
		const name = reason.split(/[:(]/)[0].trim();
		reasons.set(name, (reasons.get(name) ?? 0) + 1);
	}
}
if (reasons.size > 0) {
	console.log(`\n${[...reasons].map(([name, count]) => `${name}: ${count}`).join(', ')}`);
}
const lost = new Set(fallen.map(({ id }) => id));
console.log(`\n${chosen.length - lost.size} of ${chosen.length} cases held through every entry${lost.size > 0 ? `; fell: ${[...lost].join(' ')}` : ''}`);
process.exitCode = fallen.length > 0 ? 1 : 0;
