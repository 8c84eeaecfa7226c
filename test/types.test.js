'use strict';

/**
 * index.d.ts: the type tests in test/types/, and that it names what there is.
 */

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { describe, it } = require('node:test');

const ROOT = join(__dirname, '..');
const islet = require(ROOT);
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const declarations = readFileSync(join(ROOT, 'index.d.ts'), 'utf8');

/** The files below a folder with this ending. */
function filesOf(folder, ending) {
	return readdirSync(join(ROOT, folder), { recursive: true })
		.filter(name => name.endsWith(ending))
		.map(name => readFileSync(join(ROOT, folder, name), 'utf8'));
}

/** The body of a class in index.d.ts. */
function classBody(name) {
	const start = declarations.search(new RegExp(`^\tclass ${name}\\b`, 'm'));
	assert.ok(start >= 0, `index.d.ts declares no class ${name}`);
	return declarations.slice(start, declarations.indexOf('\n\t}\n', start));
}

describe('index.d.ts', () => {
	it('passes the type tests', { skip: existsSync(TSC) ? false : 'typescript is not installed' }, () => {
		const { status, stdout, stderr } =
			spawnSync(process.execPath, [TSC, '--noEmit', '-p', join(ROOT, 'test', 'types')], { encoding: 'utf8' });
		assert.equal(status, 0, stdout + stderr);
	});

	it('names every error code of the sources, and no other', () => {
		const union = /type ErrorCode =\n((?:\t\t\| '.*'[;]?\n)+)/.exec(declarations)[1];
		const declared = [...union.matchAll(/'(ERR_\w+)'/g)].map(match => match[1]);
		const sources = [...filesOf('src', '.rs'), ...filesOf('lib', '.js')].join('\n');
		const raised = new Set([...sources.matchAll(/["'](ERR_[A-Z_]+)["']/g)].map(match => match[1]));
		assert.deepEqual(declared, [...raised].sort());
	});

	it('has a row for every error code in its table', () => {
		const rows = new Set([...declarations.matchAll(/^\t \* \| `(ERR_\w+)` \|/gm)].map(match => match[1]));
		const union = /type ErrorCode =\n((?:\t\t\| '.*'[;]?\n)+)/.exec(declarations)[1];
		const declared = [...union.matchAll(/'(ERR_\w+)'/g)].map(match => match[1]);
		assert.deepEqual([...rows].sort(), declared);
	});

	const isClass = name => /^[A-Z]/.test(name);

	it('declares everything that is no class', () => {
		for (const name of Object.keys(islet).filter(name => !isClass(name))) {
			assert.match(declarations, new RegExp(`^\\t(?:const|function) ${name}\\b`, 'm'), name);
		}
	});

	for (const [name, Class] of Object.entries(islet).filter(([name]) => isClass(name))) {
		it(`declares every public member of ${name}, and no other`, () => {
			const body = classBody(name);
			const names = [...body.matchAll(/^\t\t(?:static )?(?:readonly )?([a-z]\w*)(?:<.*)?[(:<]/gm)].map(match => match[1]);
			const declared = new Set(names.filter(member => member !== 'constructor'));
			const present = [
				...Object.getOwnPropertyNames(Class.prototype),
				...Object.getOwnPropertyNames(Class),
			].filter(member => !['constructor', 'length', 'name', 'prototype'].includes(member));
			assert.deepEqual([...declared].sort(), [...new Set(present)].sort());
		});
	}
});
