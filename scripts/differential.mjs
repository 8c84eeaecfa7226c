// Runs the differential programs (test/differential) on islet and on isolated-vm, both on node26, and compares.
//
//   node scripts/differential.mjs [AREA…]            compare, print a table; fails on an unknown difference
//   node scripts/differential.mjs --record [AREA…]   run isolated-vm only, and write down what it does
//   --ours        compare with what is written down, without fetching anything
//   --only TEXT   programs whose title contains it
//   --show        print all events
//   --entries     print unknown differences as entries of test/differential/known.js
//
// isolated-vm and node26 are fetched once, as scripts/runtimes.mjs says.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peer, runtimes } from './runtimes.mjs';

const require = createRequire(import.meta.url);
const { RECORDED, areas, difference, list, recorded, run } = require('../test/differential/harness.js');
const { entryOf } = require('../test/differential/known.js');

const PEER_VERSION = '7.0.1';
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		record: { type: 'boolean', default: false },
		ours: { type: 'boolean', default: false },
		only: { type: 'string', default: '' },
		entries: { type: 'boolean', default: false },
		show: { type: 'boolean', default: false },
	},
});

const chosen = positionals.length > 0 ? positionals : areas();
const written = recorded();

/** The Node that islet runs on. */
let node = Number(process.versions.node.split('.')[0]);
/** The sides to run. */
const islet = { command: [process.execPath, '--expose-gc'], library: ROOT };
let theirs;
if (!options.ours) {
	try {
		const [{ command }] = await runtimes(['node26']);
		theirs = { command: [...command, '--no-node-snapshot', '--expose-gc'], library: await peer(PEER_VERSION) };
		islet.command = [...command, '--expose-gc'];
		node = 26;
	} catch (error) {
		if (options.record) {
			throw error;
		}
		console.log(`isolated-vm can't be fetched, this compares with what was recorded of it (${error.message})`);
	}
}

if (options.record) {
	const fresh = new Map();
	for (const area of chosen) {
		const events = await run(theirs, area);
		fresh.set(area, events);
		console.log(`${area}: ${events.size} programs`);
		for (const [key, lines] of options.show ? events : []) {
			if (key.includes(options.only)) {
				console.log(`\n${key}\n${lines.map(line => `    ${line}`).join('\n')}`);
			}
		}
	}
	const result = {};
	for (const area of areas()) {
		for (const { key, hash } of list(area)) {
			const events = fresh.get(area)?.get(key);
			const entry = events === undefined ? written[key] : { hash, events };
			if (entry !== undefined) {
				result[key] = entry;
			}
		}
	}
	writeFileSync(RECORDED, `${JSON.stringify(result, null, '\t')}\n`);
	process.exit(0);
}

const quoted = text => `'${text.replace(/[\\']/g, '\\$&')}'`;
let failed = 0;
const counts = [];
for (const area of chosen) {
	const ours = await run(islet, area);
	const other = theirs === undefined ?
		new Map(list(area).map(({ key }) => [key, written[key]?.events ?? []])) :
		await run(theirs, area);
	let same = 0;
	let meant = 0;
	let bad = 0;
	for (const [key, events] of ours) {
		/** How islet differs from a run of isolated-vm, and whether it may. */
		const compare = theirEvents => {
			const lines = difference(theirEvents, events);
			const entry = entryOf(key, lines, node);
			return { lines, entry, fine: JSON.stringify(lines) === JSON.stringify(entry?.differs ?? []) };
		};
		let outcome = compare(other.get(key));
		if (!outcome.fine && written[key] !== undefined && compare(written[key].events).fine) {
			// What races there goes one way today and another tomorrow.
			outcome = compare(written[key].events);
			console.log(`${key}: isolated-vm did something else this time`);
		}
		const { lines, entry, fine } = outcome;
		if (fine) {
			lines.length === 0 ? ++same : ++meant;
		} else {
			++bad;
			if (options.entries) {
				console.log(`\t${quoted(key)}: {\n\t\tsays: ${quoted(entry?.says ?? '')},\n\t\tdiffers: [\n${
					lines.map(line => `\t\t\t${quoted(line)},\n`).join('')}\t\t],\n\t},`);
			} else if (key.includes(options.only)) {
				console.log(`\n${key}${entry === undefined ? '' : ' (known, but not like this)'}`);
				console.log(lines.map(line => `    ${line}`).join('\n'));
			}
		}
		if (options.show && key.includes(options.only)) {
			console.log(`\n${key}: all events\n${events.map(line => `    ${line}`).join('\n')}`);
		}
	}
	failed += bad;
	counts.push([area, ours.size, same, meant, bad]);
}

console.log();
for (const row of [['area', 'programs', 'same', 'meant', 'other'], ...counts,
	['all', ...[1, 2, 3, 4].map(i => counts.reduce((sum, row) => sum + (Number(row[i]) || 0), 0))]]) {
	console.log(row.map((cell, i) => i === 0 ? String(cell).padEnd(24) : String(cell).padStart(9)).join(''));
}
process.exitCode = failed > 0 ? 1 : 0;
