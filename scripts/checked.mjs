// Runs the tests on a V8 with its own assertions switched on:  node scripts/checked.mjs [FILE…]
//
// Access from the wrong thread, handles outside their scope and faults of locking end the process there, with V8's
// message and stack on stderr, where the ordinary V8 would go on and break something later. The addon parks a guest's
// thread when V8 gives up, so that the host lives on; here a failed assertion has to end the test, not to look like
// one more broken isolate: ISLET_ABORT_FOR_REAL (src/engine/limits/fatal.rs). Running out of memory stays what it is.
//
// Making an isolate takes about 50 ms in this V8: tests that make hundreds make fewer with ISLET_FEW.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, cargoSetup, main, ROOT, V8_FOLDER } from './build.mjs';
import { folderLacks } from './v8-archive.mjs';

/**
 * Tests that say nothing about the addon at work; that compare what differs on this V8 (figures, aborts that are survived);
 * that make so much that they take for ever on it; and snapshots, of which this V8 wants the hash seed to be that of the process.
 */
const LEFT_OUT = ['arena', 'build', 'cli', 'differential', 'docs', 'exports', 'fuzz', 'hostile', 'inside-hostile', 'snapshot', 'soak', 'types'];

const FOLDER = join(V8_FOLDER, 'checked');
const TARGET = join(ROOT, 'target', 'checked');
const ADDON = join(TARGET, 'islet.node');

/** No file of tests comes near that: one that does hangs. */
const DEADLINE = 300_000;

function testFiles() {
	const folder = join(ROOT, 'test');
	return readdirSync(folder)
		.filter(name => name.endsWith('.test.js') && !LEFT_OUT.includes(name.replace('.test.js', '')))
		.map(name => join(folder, name));
}

await main(async () => {
	const { version, target } = cargoSetup();
	const lack = folderLacks(FOLDER, version, target);
	if (lack) {
		console.log(`islet: nothing run, as there is no V8 with assertions (${FOLDER}: ${lack})`);
		return;
	}
	await build({
		profile: 'dev-fast',
		place: ADDON,
		env: { ...process.env, RUSTY_V8_ARCHIVE: '', RUSTY_V8_MIRROR: FOLDER, CARGO_TARGET_DIR: TARGET },
	});
	const named = process.argv.slice(2).map(file => resolve(file));
	const files = named.length > 0 ? named : testFiles();
	console.error(`islet: ${files.length} test files on ${ADDON}`);
	const { status, signal, error } = spawnSync(
		process.execPath,
		['--test', '--test-reporter=spec', `--test-timeout=${DEADLINE}`, ...files],
		{
			cwd: ROOT,
			env: { ...process.env, ISLET_ADDON: ADDON, ISLET_FEW: '1', ISLET_ABORT_FOR_REAL: '1' },
			stdio: ['ignore', 'inherit', 'inherit'],
		},
	);
	if (error) {
		throw error;
	}
	process.exitCode = signal ? 1 : status;
	if (process.exitCode !== 0) {
		console.error(`islet: for names in a C stack: addr2line -Cfpe ${ADDON} 0x… (the numbers after the +)`);
	}
});
