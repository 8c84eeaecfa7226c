// What all comparisons need: the two libraries, and processes of their own that measure one figure on one of them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { stage } from '../scripts/bundle.mjs';
import { peer, runtimes } from '../scripts/runtimes.mjs';

export const PEER_VERSION = '7.0.1';
const PROCESS_DEADLINE = 300_000;

export const { median } = createRequire(import.meta.url)('./program.js');

/** The runtime that both libraries run on. */
export const [{ version, command: [node] }] = await runtimes(['node26']);

/**
 * Where the libraries are, by name.
 * @param {string} [islet] another one; by default what the package made of this repository would be
 */
export async function libraries(islet) {
	const theirs = await peer(PEER_VERSION);
	if (islet !== undefined) {
		return { 'isolated-vm': theirs, islet: resolve(islet) };
	}
	const folder = mkdtempSync(join(tmpdir(), 'islet-bench-'));
	process.on('exit', () => rmSync(folder, { recursive: true }));
	stage(folder);
	return { 'isolated-vm': theirs, islet: folder };
}

/**
 * Measures once, in a process of its own.
 * @param {string} program path of it
 * @param {string} library path of it
 * @param {string[]} args what the program is told besides
 * @param {string} [cpu] the one CPU that everything runs on
 * @returns {object} what the program printed as JSON
 * @throws {Error} if it failed
 */
export function measure(program, library, args, cpu) {
	const flags = basename(library) === 'isolated-vm' ? ['--no-node-snapshot'] : [];
	const command = [...cpu === undefined ? [] : ['taskset', '-c', cpu], node, ...flags, program, library, ...args];
	const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), {
		encoding: 'utf8', timeout: PROCESS_DEADLINE, killSignal: 'SIGKILL',
	});
	if (status !== 0) {
		throw new Error(`"${args.join(' ')}" failed on ${library}\n${error ?? stderr}`);
	}
	return JSON.parse(stdout);
}

/**
 * @param {number | undefined} value
 * @returns {string} with three digits that count
 */
export function format(value) {
	return value === undefined || value === null ? '' :
		value >= 1e6 ? `${(value / 1e6).toPrecision(3)} M` : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/**
 * Prints a table: the first column to the left, the others to the right.
 * @param {string[][]} lines
 */
export function print(lines) {
	const widths = lines[0].map((_, column) => Math.max(...lines.map(line => line[column].length)));
	for (const [name, ...figures] of lines) {
		console.log([
			name.padEnd(widths[0]),
			...figures.map((figure, column) => figure.padStart(widths[column + 1])),
		].join(' | '));
	}
}
