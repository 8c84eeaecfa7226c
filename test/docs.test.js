'use strict';

/**
 * The documentation: its programs run and print what they say (test/smoke/blocks.js tells how they say it), its
 * links lead somewhere.
 */

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { dirname, join, relative } = require('node:path');
const { after, describe, it } = require('node:test');
const { ROOT, blocksOf, matches, workplace } = require('./smoke/blocks');

const DEADLINE = 60_000;

const files = [
	...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map(name => join(ROOT, name)),
	...readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md')).map(name => join(ROOT, 'docs', name)),
];
const place = workplace();
after(() => place.remove());

/** Runs a program in a process of its own. */
function run(file) {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
		const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
		let stdout = '';
		let stderr = '';
		child.stdout.setEncoding('utf8').on('data', data => stdout += data);
		child.stderr.setEncoding('utf8').on('data', data => stderr += data);
		child.on('error', reject);
		child.on('close', (status, signal) => {
			clearTimeout(timer);
			resolve({ status, signal, stdout, stderr });
		});
	});
}

/** The anchors of a file's headings, as the usual viewers make them. */
function anchorsOf(text) {
	const headings = text.replace(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm);
	return [...headings].map(([, heading]) =>
		heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-'));
}

describe('documentation', () => {
	for (const file of files) {
		const name = relative(ROOT, file);
		for (const { line, info, code, prints } of blocksOf(file)) {
			it(`${name}:${line} runs and prints what it says`, async () => {
				assert.equal(info, 'js', 'a block is marked `js` and nothing else: every block runs');
				const { status, signal, stdout, stderr } =
					await run(place.write(`${name.replace(/\W/g, '-')}-${line}`, code));
				assert.equal(signal ?? status, 0, stdout + stderr);
				assert.equal(stderr, '');
				const lines = stdout === '' ? [] : stdout.replace(/\n$/, '').split('\n');
				assert.ok(matches(lines, prints), `printed:\n${lines.join('\n')}\nexpected:\n${prints.join('\n')}`);
			});
		}

		it(`${name} has links that lead somewhere`, () => {
			const text = readFileSync(file, 'utf8');
			for (const [, target] of text.replace(/^```[^]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
				if (/^https?:/.test(target)) {
					continue;
				}
				const [path, anchor] = target.split('#');
				const linked = path === '' ? file : join(dirname(file), path);
				assert.ok(existsSync(linked), `${target}: no such file`);
				if (anchor !== undefined) {
					assert.ok(anchorsOf(readFileSync(linked, 'utf8')).includes(anchor), `${target}: no such heading`);
				}
			}
		});
	}

	it('has a heading for every class in docs/api.md, and names every member there', () => {
		const text = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8');
		for (const [name, Class] of Object.entries(require(ROOT)).filter(([name]) => /^[A-Z]/.test(name))) {
			const section = new RegExp(`^## ${name}\\n([^]*?)(?=^## |(?![^]))`, 'm').exec(text)?.[1];
			if (!/^[A-Z]/.test(name)) {
				assert.match(text, new RegExp(`\`(?:islet\\.)?${name}\\b`), `${name} is missing`);
				continue;
			}
			assert.ok(section !== undefined, `no section ${name}`);
			const members = [...Object.getOwnPropertyNames(Class.prototype), ...Object.getOwnPropertyNames(Class)]
				.filter(member => !['constructor', 'length', 'name', 'prototype'].includes(member));
			for (const member of members) {
				assert.match(section, new RegExp(`\`[\\w.]*\\b${member}\\b`), `${name}: ${member} is missing`);
			}
		}
	});

	it('has in docs/api.md what index.d.ts says', async () => {
		const { reference } = await import('../scripts/api.mjs');
		assert.equal(readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8'), reference(), 'run `node scripts/api.mjs`');
	});

	it('links to sections of docs/api.md that are there once', () => {
		const anchors = anchorsOf(readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8'));
		assert.deepEqual(anchors.filter((anchor, at) => anchors.indexOf(anchor) !== at), []);
	});

	it('names every error code in docs/api.md', () => {
		const declarations = readFileSync(join(ROOT, 'index.d.ts'), 'utf8');
		const text = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8');
		const codes = new Set([...declarations.matchAll(/\| '(ERR_\w+)'/g)].map(match => match[1]));
		assert.deepEqual([...codes].filter(code => !text.includes(`\`${code}\``)), []);
	});
});

describe('figures', () => {
	it('of docs/performance.md and its plots are those that bench/results has', () => {
		const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'bench/plot.mjs'), '--check'], { encoding: 'utf8', timeout: DEADLINE });
		assert.equal(status, 0, stderr);
	});
});
