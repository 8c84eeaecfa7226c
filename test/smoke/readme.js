// Runs the first program of README.md in this runtime, and checks what it prints.
//
//   node test/smoke/readme.js       prints `ok`

'use strict';

const assert = require('node:assert');
const { join } = require('node:path');
const { format } = require('node:util');
const { ROOT, blocksOf, matches, workplace } = require('./blocks');

const DEADLINE = 10_000;

const [{ code, prints }] = blocksOf(join(ROOT, 'README.md'));
const lines = [];
const { log } = console;

async function main() {
	const place = workplace();
	console.log = (...values) => lines.push(...format(...values).split('\n'));
	try {
		require(place.write('readme', code));
		for (const end = Date.now() + DEADLINE; lines.length < prints.length && Date.now() < end;) {
			await new Promise(resolve => setTimeout(resolve, 20));
		}
	} finally {
		console.log = log;
		place.remove();
	}
	assert.ok(prints.length > 0, 'the program states what it prints');
	assert.ok(matches(lines, prints), `printed:\n${lines.join('\n')}\nexpected:\n${prints.join('\n')}`);
	process.exitCode = 0;
	console.log('ok');
}

// A process that ends with its work undone has failed as well.
process.exitCode = 1;
main().catch(error => console.error(error));
