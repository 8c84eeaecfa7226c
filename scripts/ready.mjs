// Everything that has to be fine before a change goes in; stops at the first thing that isn't.
//
//   node scripts/ready.mjs           all of it
//   node scripts/ready.mjs STEP…     only these, in the order given

import { spawnSync } from 'node:child_process';
import { ROOT } from './build.mjs';

const cargo = (...args) => [process.execPath, 'scripts/cargo.mjs', ...args];
// The release profile throughout: the addon, the lint and the Rust tests share one compiled V8 crate.
const STEPS = {
	format: ['cargo', 'fmt', '--check'],
	lint: cargo('clippy', '--release', '--locked', '--all-targets', '--', '-D', 'warnings'),
	features: [process.execPath, 'scripts/features.mjs'],
	build: [process.execPath, 'scripts/build.mjs'],
	rust: cargo('test', '--release', '--locked'),
	node: ['npm', '--silent', 'test'],
	types: ['npm', '--silent', 'run', 'test:types'],
	dependencies: [process.execPath, 'scripts/dependencies.mjs'],
};

const named = process.argv.slice(2);
const unknown = named.find(step => !(step in STEPS));
if (unknown !== undefined) {
	console.error(`no step ${unknown}, there are: ${Object.keys(STEPS).join(' ')}`);
	process.exit(2);
}

for (const step of named.length > 0 ? named : Object.keys(STEPS)) {
	const [command, ...args] = STEPS[step];
	console.log(`\n--- ${step}: ${[command === process.execPath ? 'node' : command, ...args].join(' ')}`);
	const start = Date.now();
	const { status, signal, error } = spawnSync(command, args, {
		cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' && command === 'npm',
	});
	const seconds = ((Date.now() - start) / 1000).toFixed(1);
	if (status !== 0) {
		console.error(`\n--- ${step} FAILED (${error?.message ?? signal ?? `exit code ${status}`}, ${seconds} s)`);
		process.exit(1);
	}
	console.log(`--- ${step} is fine (${seconds} s)`);
}
