// node bench/plot.mjs [--check]
//
// Draws what bench/results has (`npm run bench -- --json bench/results/table.json`, `npm run bench:scaling -- --json bench/results/scaling.json`)
// as SVG into docs/plots, and writes its tables into docs/performance.md, between `<!-- figures: NAME -->` and `<!-- end -->`.
// --check fails when what is there is something else.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const results = new URL('results/', import.meta.url);
const plots = new URL('../docs/plots/', import.meta.url);
const read = name => JSON.parse(readFileSync(new URL(name, results), 'utf8'));
const PAGE = new URL('../docs/performance.md', import.meta.url);
const escape = text => text.replace(/[&<>]/g, c => `&#${c.charCodeAt(0)};`);
const round = n => Math.round(n * 10) / 10;

/** Readable on light and on dark pages. */
const STYLE = `text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-size: 14px; font-weight: 600 } .axis { stroke: #999 } .grid { stroke: #9993 }
.islet { stroke: #0a7d55; fill: #0a7d55 } .peer { stroke: #b3541e; fill: #b3541e } .line { fill: none; stroke-width: 2 } .end { text-anchor: end } .middle { text-anchor: middle }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .islet { stroke: #3ecf9a; fill: #3ecf9a } .peer { stroke: #f0975f; fill: #f0975f } }`;

function svg(width, height, title, parts) {
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<style>${STYLE}</style>
<text x="12" y="22" class="title">${escape(title)}</text>
${parts.join('\n')}
</svg>
`;
}

/** How many times as fast, each row a bar, by the logarithm: to the right of 1 where islet is ahead. */
function bars({ rows }) {
	const left = 330;
	const scale = 75;
	const x = ratio => left + 130 + Math.log2(Math.min(Math.max(ratio, 1 / 4), 32)) * scale;
	const marks = [0.25, 0.5, 1, 2, 4, 8, 16, 32];
	const height = 60 + rows.length * 20;
	const parts = marks.map(mark => `<line x1="${x(mark)}" x2="${x(mark)}" y1="36" y2="${height - 24}" class="${mark === 1 ? 'axis' : 'grid'}"/>` +
		`<text x="${x(mark)}" y="${height - 8}" class="middle">${mark}</text>`);
	rows.forEach(({ name, ratio }, i) => {
		const y = 40 + i * 20;
		const [from, to] = [x(1), x(ratio)].sort((a, b) => a - b);
		parts.push(`<text x="${left - 26}" y="${y + 12}" class="end">${escape(name)}</text>` +
			`<rect x="${round(from)}" y="${y}" width="${round(Math.max(to - from, 1))}" height="14" class="${ratio >= 1 ? 'islet' : 'peer'}"/>` +
			`<text x="${round(to + 6)}" y="${y + 12}">${ratio >= 100 ? Math.round(ratio) : ratio.toPrecision(2)}</text>`);
	});
	return svg(left + 130 + 5 * scale + 60, height, 'How many times as fast islet is (time of isolated-vm ÷ time of islet)', parts);
}

/** Both libraries along one axis, both axes by the logarithm. */
function lines({ title, x: xName, unit, points }) {
	const [width, height, left, right, top, bottom] = [640, 340, 70, 110, 40, 50];
	const value = one => one === null ? undefined : one.value ?? one.perSecond;
	const log = n => Math.log10(Math.max(n, 1e-9));
	const xs = points.map(({ n }) => n === 0 ? 1 : n);
	const all = points.flatMap(point => [value(point.islet), value(point['isolated-vm'])]).filter(Boolean);
	const [low, high] = [Math.floor(log(Math.min(...all))), Math.ceil(log(Math.max(...all)))];
	const [first, last] = [log(xs[0]), log(xs.at(-1))];
	const x = n => round(left + (log(n) - first) / (last - first) * (width - left - right));
	const y = v => round(top + (high - log(v)) / (high - low) * (height - top - bottom));
	const short = n => n >= 1e6 ? `${n / 1e6} M` : n >= 1e3 ? `${n / 1e3} k` : String(n);
	const parts = [];
	for (let power = low; power <= high; ++power) {
		parts.push(`<line x1="${left}" x2="${width - right}" y1="${y(10 ** power)}" y2="${y(10 ** power)}" class="grid"/>` +
			`<text x="${left - 8}" y="${y(10 ** power) + 4}" class="end">${short(10 ** power)}</text>`);
	}
	points.forEach(({ n }, i) => parts.push(`<text x="${x(xs[i])}" y="${height - bottom + 18}" class="middle">${short(n)}</text>`));
	parts.push(`<text x="${(left + width - right) / 2}" y="${height - 10}" class="middle">${escape(xName)}</text>`, `<text x="${left - 58}" y="${top - 6}">${escape(unit)}</text>`);
	for (const [library, style] of [['isolated-vm', 'peer'], ['islet', 'islet']]) {
		const seen = points.map((point, i) => [xs[i], value(point[library])]).filter(([, v]) => v !== undefined);
		parts.push(`<polyline class="line ${style}" points="${seen.map(([n, v]) => `${x(n)},${y(v)}`).join(' ')}"/>`,
			...seen.map(([n, v]) => `<circle cx="${x(n)}" cy="${y(v)}" r="3" class="${style}"/>`));
		const [n, v] = seen.at(-1);
		parts.push(`<text x="${x(n) + 10}" y="${y(v) + 4}">${library}</text>`);
	}
	return svg(width, height, title, parts);
}

/** A number with as many digits as count. */
function figure(n) {
	if (n === null || n === undefined) {
		return '';
	}
	return n >= 1e6 ? `${Number((n / 1e6).toPrecision(3))} M` : n >= 100 ? n.toFixed(0) : String(Number(n.toPrecision(3)));
}

const row = cells => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(row)].join('\n');
const times = ratio => ratio >= 10 ? ratio.toFixed(0) : String(Number(ratio.toPrecision(2)));

/** Tables as the page has them, by name. */
function tables({ rows }, { series }) {
	const value = one => one === null ? null : one.value ?? one.perSecond;
	const made = {
		table: table(['row', 'isolated-vm', 'islet', 'isolated-vm ÷ islet'],
			rows.map(({ name, 'isolated-vm': theirs, islet, ratio }) => [name.replace('1+1', '`1+1`'), figure(theirs), figure(islet), times(ratio)])),
	};
	for (const { name, x, unit, points } of series) {
		const rests = points.some(({ islet }) => islet?.restPercent !== undefined);
		made[name] = table([x, `isolated-vm, ${unit}`, `islet, ${unit}`, 'islet ÷ isolated-vm', ...rests ? ['CPU of islet at rest, %'] : []],
			points.map(({ n, 'isolated-vm': theirs, islet }) => [
				String(n), figure(value(theirs)), figure(value(islet)), theirs && islet ? times(value(islet) / value(theirs)) : '',
				...rests ? [figure(islet?.restPercent)] : [],
			]));
	}
	return made;
}

const [compared, scaled] = [read('table.json'), read('scaling.json')];
const drawn = { 'table.svg': bars(compared) };
for (const one of scaled.series) {
	drawn[`${one.name}.svg`] = lines(one);
}
mkdirSync(plots, { recursive: true });
for (const [name, text] of Object.entries(drawn)) {
	const file = new URL(name, plots);
	if (!options.check) {
		writeFileSync(file, text);
	} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
		console.error(`docs/plots/${name} isn't what bench/results has: run node bench/plot.mjs`);
		process.exitCode = 1;
	}
}

const page = readFileSync(PAGE, 'utf8');
const made = tables(compared, scaled);
const written = page.replace(/(<!-- figures: (\w+) -->\n)[^]*?(<!-- end -->)/g, (_, begin, name, end) => `${begin}${made[name]}\n${end}`);
if (!options.check) {
	writeFileSync(PAGE, written);
} else if (written !== page) {
	console.error('the tables of docs/performance.md are not what bench/results has: run node bench/plot.mjs');
	process.exitCode = 1;
}
