// Runs cargo with the V8 archive that scripts/build.mjs builds with:  node scripts/cargo.mjs clippy …
// Without it, cargo would look for the archive elsewhere, and compile the crate `v8` again on the way.

import { spawnSync } from 'node:child_process';
import { cargoSetup, main, ROOT } from './build.mjs';

await main(() => {
	const { env } = cargoSetup();
	const { status, error } = spawnSync('cargo', process.argv.slice(2), { cwd: ROOT, env, stdio: 'inherit' });
	if (error) {
		throw error;
	}
	process.exitCode = status ?? 1;
});
