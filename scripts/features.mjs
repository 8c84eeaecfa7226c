// Checks that the addon compiles for the V8s of its cargo features (pointer compression, the sandbox). It isn't linked: any archive does
// for that, so that the one at hand stands for theirs, under their names.
//
//   node scripts/features.mjs [FEATURE…]

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cargoSetup, main, ROOT } from './build.mjs';
import { FEATURES, fileNames } from './v8-archive.mjs';

await main(() => {
	const { env, target } = cargoSetup();
	const plain = fileNames(target);
	const folder = env.RUSTY_V8_MIRROR;
	if (!folder || !existsSync(join(folder, plain.library))) {
		console.log('features: not checked, as there is no folder with an archive of V8 (RUSTY_V8_MIRROR)');
		return;
	}
	const mirror = mkdtempSync(join(tmpdir(), 'islet-features-'));
	try {
		const wanted = process.argv.slice(2);
		for (const feature of wanted.length > 0 ? wanted : Object.keys(FEATURES)) {
			const { library, binding } = fileNames(target, [feature]);
			symlinkSync(join(folder, plain.library), join(mirror, library));
			copyFileSync(join(folder, plain.binding), join(mirror, binding));
			const sum = createHash('sha256').update(readFileSync(join(mirror, library))).digest('hex');
			writeFileSync(join(mirror, 'SHA256SUMS'), `${sum}  ${library}\n`);
			console.log(`features: ${feature}`);
			const args = ['clippy', '--locked', '--release', '--all-targets', '--features', feature, '--', '-D', 'warnings'];
			const { status, error } = spawnSync('cargo', args, {
				cwd: ROOT, stdio: 'inherit',
				env: { ...env, RUSTY_V8_MIRROR: mirror, CARGO_TARGET_DIR: join(ROOT, 'target', 'features') },
			});
			if (error || status !== 0) {
				throw error ?? new Error(`features: the addon doesn't compile with ${feature}`);
			}
		}
	} finally {
		rmSync(mirror, { recursive: true });
	}
});
