'use strict';

/**
 * Runs hostile cases through entries in processes of their own, and judges what came of them by the promises of docs/security.md.
 * Used by scripts/hostile.mjs (everything) and test/hostile.test.js (a slice).
 */

const { spawn } = require('node:child_process');
const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const ENTRIES = ['eval', 'evalSync', 'run', 'apply', 'module', 'argument', 'nested', 'thrownIn', 'thrown', 'copy'];
/** Beyond its timeout, in ms, a call may take so long. */
const GRACE = 500;
/** After all of that, a process that hasn't reported hangs. */
const DEADLINE = 20_000;

/** What a guest may take, in MB, by its limit. */
const bound = limit => limit * 2 + 64;

/** Runs one attempt; what it reported, and how its process ended. */
function run(command, attempt, args = [], deadline = DEADLINE) {
	return new Promise(resolve => {
		const child = spawn(command[0], [...command.slice(1), '--expose-gc', ...args, join(__dirname, 'attempt.js')], {
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '', ATTEMPT: JSON.stringify(attempt) },
		});
		let stdout = '';
		let stderr = '';
		child.stdout.on('data', chunk => { stdout += chunk; });
		child.stderr.on('data', chunk => { stderr = (stderr + chunk).slice(-4000); });
		let hung = false;
		const timer = setTimeout(() => {
			hung = true;
			child.kill('SIGKILL');
		}, deadline + attempt.timeout * 3);
		child.on('close', (status, signal) => {
			clearTimeout(timer);
			const line = stdout.split('\n').find(text => text.startsWith('@@'));
			resolve({ status, signal, hung, stderr, seen: line && JSON.parse(line.slice(2)) });
		});
	});
}

/** Why an attempt fell; empty when it held. */
function judge(attempt, { status, signal, hung, stderr, seen }) {
	if (seen?.skipped) {
		return [];
	}
	const why = [];
	if (seen === undefined) {
		why.push(hung ? 'never settles' : `host died (${signal ?? status})`);
	} else if (seen.broken) {
		why.push(`host broke: ${seen.broken.slice(0, 200)}`);
	} else {
		if (hung) {
			why.push('process cannot end');
		} else if (status !== 0) {
			why.push(`host died at its end (${signal ?? status})`);
		}
		// `nested` has a call of three times the length around it.
		const allowed = attempt.timeout * (attempt.entry === 'nested' ? 3 : 1) + GRACE;
		if (seen.took > allowed) {
			why.push(`late: ${Math.round(seen.took)} ms`);
		}
		if (seen.longest > GRACE && attempt.entry !== 'evalSync' && attempt.entry !== 'nested') {
			why.push(`late: the event loop stood still for ${Math.round(seen.longest)} ms`);
		}
		if (seen.peak > bound(attempt.memoryLimit)) {
			why.push(`memory: ${Math.round(seen.peak)} MB of ${bound(attempt.memoryLimit)}`);
		}
		// What is given up keeps its heap until the process ends.
		const may = 64 + (seen.condemned > 0 ? bound(attempt.memoryLimit) : 0);
		if (seen.left > may) {
			why.push(`memory: ${Math.round(seen.left)} MB stay`);
		}
		if (!seen.quiet) {
			why.push('burns CPU');
		}
		if (!seen.fresh) {
			why.push('others do not work');
		}
	}
	if (stderr.trim() !== '' && why.length === 0) {
		why.push(`noise: ${stderr.trim().slice(0, 200)}`);
	}
	return why;
}

/**
 * Runs a case through an entry. What may be the machine's doing (late, CPU) has to come three times to count.
 * @param {object} [options] `library`, `command`, `args`, `timeout` (ms, for cases that name none).
 * @returns {Promise<{ why: string[], seen: object | undefined, tries: number }>}
 */
async function attemptCase({ code, opts = {} }, entry, { library = ROOT, command = [process.execPath], args = [], timeout = 1000, deadline } = {}) {
	const attempt = {
		library, entry, code,
		timeout: opts.timeout ?? timeout,
		memoryLimit: opts.memoryLimit ?? 64,
		copy: opts.copy === true, promise: opts.promise === true,
		exit: entry === 'eval',
	};
	for (let tries = 1;; ++tries) {
		const ended = await run(command, attempt, args, deadline);
		const why = judge(attempt, ended);
		const machine = why.every(text => text.startsWith('late') || text.startsWith('burns'));
		if (why.length === 0 || !machine || tries === 3) {
			return { why, seen: ended.seen, tries };
		}
	}
}

/** Calls `body` for each item, `width` at a time. */
async function each(items, width, body) {
	let next = 0;
	const lane = async () => {
		while (next < items.length) {
			await body(items[next++]);
		}
	};
	await Promise.all(Array.from({ length: width }, lane));
}

module.exports = { ENTRIES, ROOT, attemptCase, each };
