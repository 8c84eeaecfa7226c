// node bench/scaling.mjs [--series NAME] [--json FILE] [--rounds N] [--islet PATH]   =   npm run bench:scaling
//
// How isolated-vm and islet do with more isolates, at work and idle, and with larger values: tables, of medians of `--rounds` (3).
// What a library can't do (so many isolates) has no figure.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, libraries, measure, median, PEER_VERSION, print, version } from './compare.mjs';

const { series } = createRequire(import.meta.url)('./scaling-program.js');
const program = fileURLToPath(new URL('scaling-program.js', import.meta.url));

const { values: options } = parseArgs({
	options: {
		series: { type: 'string' },
		json: { type: 'string' },
		rounds: { type: 'string', default: '3' },
		islet: { type: 'string' },
	},
});
const compared = await libraries(options.islet);

/** The median of one point; null when it can't be had. */
function point(library, name, n) {
	const seen = [];
	for (let round = 0; round < Number(options.rounds); ++round) {
		try {
			seen.push(measure(program, library, [name, String(n)]));
		} catch {
			return null;
		}
	}
	const of = kind => seen[0][kind] === undefined ? undefined : median(seen.map(one => one[kind]));
	return { perSecond: of('perSecond'), value: of('value'), restPercent: of('restPercent') };
}

const results = [];
for (const [name, { title, x, points, unit }] of Object.entries(series)) {
	if (options.series !== undefined && options.series !== name) {
		continue;
	}
	const measured = points.map(n => ({ n, 'isolated-vm': point(compared['isolated-vm'], name, n), islet: point(compared.islet, name, n) }));
	results.push({ name, title, x, unit, points: measured });
	const value = one => one === null ? null : one.value ?? one.perSecond;
	const rests = measured.some(({ islet }) => islet?.restPercent !== undefined);
	console.log(`\n${title}`);
	print([
		[x, `isolated-vm ${unit}`, `islet ${unit}`, 'ratio', ...rests ? ['isolated-vm CPU % at rest', 'islet CPU % at rest'] : []],
		...measured.map(({ n, 'isolated-vm': theirs, islet }) => [
			String(n), format(value(theirs)), format(value(islet)), theirs && islet ? (value(islet) / value(theirs)).toFixed(2) : '',
			...rests ? [format(theirs?.restPercent), format(islet?.restPercent)] : [],
		]),
	]);
}

if (options.json) {
	writeFileSync(options.json, `${JSON.stringify({ node: version, 'isolated-vm': PEER_VERSION, rounds: Number(options.rounds), series: results }, undefined, '\t')}\n`);
}
