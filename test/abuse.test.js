'use strict';

/**
 * Every member of every class, called in every wrong way: wrong arguments, on released, disposed and foreign handles, with options
 * whose getters throw, release, dispose or call again. It fails with an error that says what is wrong and has a code; nothing
 * crashes, nothing hangs (test/abuse/calls.js). New classes and members take part by being there.
 */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { FEW, islet } = require('./helpers');

const DEADLINE = 240_000;

/** Classes that nobody can name, but get hold of. */
const HIDDEN = ['Dereference', 'Copy'];
const CLASSES = [...Object.keys(islet).filter(name => typeof islet[name] === 'function' && /^[A-Z]/.test(name)), ...HIDDEN];

function run(className, face) {
	const trace = join(tmpdir(), `islet-abuse-${process.pid}-${className}-${face}`);
	const child = spawn(process.execPath, [join(__dirname, 'abuse', 'program.js'), className, face, trace], {
		stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '' },
	});
	let output = '';
	child.stdout.on('data', chunk => {
		output += chunk;
	});
	child.stderr.on('data', chunk => {
		output += chunk;
	});
	let hung = false;
	const timer = setTimeout(() => {
		hung = true;
		child.kill('SIGKILL');
	}, DEADLINE);
	return new Promise(resolve => child.on('close', (status, signal) => {
		clearTimeout(timer);
		const at = readFileSync(trace, 'utf8').trim();
		rmSync(trace, { force: true });
		const report = output.split('\n').find(line => line.startsWith('@@'));
		resolve({
			ended: hung ? `hangs at ${at}` : status === 0 ? 'well' : `${signal ?? `exit code ${status}`} at ${at}\n${output.slice(-2000)}`,
			report: report && JSON.parse(report.slice(2)),
		});
	}));
}

describe('wrong calls', { concurrency: 2, skip: FEW && 'takes long on a slow V8' }, () => {
	for (const face of ['outside', 'inside']) {
		for (const className of CLASSES) {
			it(`of ${className}, ${face}, fail with an error that has a code`, async () => {
				const { ended, report } = await run(className, face);
				assert.equal(ended, 'well');
				assert.deepEqual(report.findings, []);
				assert.ok(report.calls > 100);
			});
		}
	}
});
