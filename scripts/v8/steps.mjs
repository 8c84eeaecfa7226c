// What the steps of scripts/build-v8.mjs share: running programs, and remembering what was done.

import { spawn, spawnSync } from 'node:child_process';
import {
	appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** What stops the build, in words for a person: what is wrong, and what helps. */
export class StepError extends Error {}

export const say = text => console.error(`build-v8: ${text}`);

/** How many last lines of a program's output a failure shows, and how much of each. */
const TAIL = 25;
const WIDTH = 300;
/** What a compiler says that the system ended. */
const NO_MEMORY = /\bKilled\b|signal 9|out of memory|std::bad_alloc/i;

/**
 * Runs a program and returns what it prints.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 * @returns {string}
 */
export function output(command, args, options) {
	const { status, stdout, stderr, error } = spawnSync(command, args, {
		encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'], ...options,
	});
	if (status !== 0) {
		const lines = error ? [error.message] : `${stdout}${stderr}`.trimEnd().split('\n').slice(-TAIL);
		throw new StepError(`\`${command} ${args.slice(0, 3).join(' ')}\` failed:\n${lines.join('\n')}`);
	}
	return stdout;
}

/** Whether there is a program of this name. */
export const hasProgram = name => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;

/**
 * Runs a program that takes a while: what it prints goes into a file.
 * @param {string} command
 * @param {string[]} args
 * @param {object} options of `spawn`, and
 * @param {string} options.log path of the file
 * @param {(line: string) => void} [options.onLine] hears each line
 */
export async function logged(command, args, { log, onLine, ...options }) {
	mkdirSync(dirname(log), { recursive: true });
	appendFileSync(log, `\n$ ${command} ${args.join(' ')}\n`);
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	const last = [];
	for (const stream of [child.stdout, child.stderr]) {
		createInterface({ input: stream }).on('line', line => {
			appendFileSync(log, `${line}\n`);
			last.push(line);
			last.splice(0, last.length - TAIL);
			onLine?.(line);
		});
	}
	const code = await new Promise((resolve, reject) => {
		child.on('error', error => reject(new StepError(`\`${command}\`: ${error.message}`)));
		child.on('close', (status, signal) => resolve(signal ?? status));
	});
	if (code !== 0) {
		const hint = last.some(line => NO_MEMORY.test(line)) ? '\nThat looks like too little memory: try `--jobs 1`.' : '';
		throw new StepError(`\`${command}\` failed (${code}). The end of ${log}:\n${last.map(line => line.slice(0, WIDTH)).join('\n')}${hint}`);
	}
}

/** Writes a file that is either there whole or not at all. */
export function writeWhole(path, text) {
	mkdirSync(dirname(path), { recursive: true });
	writeFileSync(`${path}.part`, text);
	renameSync(`${path}.part`, path);
}

/**
 * Does a step unless it was done with the same input: then its mark is there.
 * @param {string} folder where marks are kept
 * @param {string} name of the step
 * @param {unknown} input what the step's result depends on
 * @param {() => unknown} body
 * @returns {Promise<boolean>} whether it had to be done
 */
export async function once(folder, name, input, body) {
	const mark = join(folder, 'done', name);
	const text = JSON.stringify(input ?? null);
	if (existsSync(mark) && readFileSync(mark, 'utf8') === text) {
		return false;
	}
	rmSync(mark, { force: true });
	await body();
	writeWhole(mark, text);
	return true;
}

/**
 * Runs `body` while no other process does, in the same folder.
 * @param {string} folder
 * @param {() => Promise<T>} body
 * @returns {Promise<T>}
 * @template T
 */
export async function alone(folder, body) {
	mkdirSync(folder, { recursive: true });
	const lock = join(folder, 'lock');
	const holder = () => {
		try {
			const pid = Number(readFileSync(lock, 'utf8'));
			process.kill(pid, 0);
			return pid;
		} catch {
			return undefined;
		}
	};
	if (existsSync(lock)) {
		const pid = holder();
		if (pid !== undefined) {
			throw new StepError(`process ${pid} is at it already (if it isn't: remove ${lock})`);
		}
		rmSync(lock, { force: true });
	}
	let file;
	try {
		file = openSync(lock, 'wx');
	} catch {
		throw new StepError(`another process is at it (if not: remove ${lock})`);
	}
	writeSync(file, String(process.pid));
	closeSync(file);
	try {
		return await body();
	} finally {
		rmSync(lock, { force: true });
	}
}
