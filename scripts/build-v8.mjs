// Builds the static library of V8 that the addon links, from the sources of the crate `v8`: for machines that can't
// download it. It takes the crates registry, Debian's packages, about 6 GB of disk and an hour of CPU time.
//
//   scripts/build-v8                       builds it into the cache, where `npm install` finds it
//   scripts/build-v8 --check               says what there is, what is missing and what would be done; changes nothing
//   scripts/build-v8 --feature sandbox     the V8 for a cargo feature of islet (or pointer-compression): in a folder of its own
//   scripts/build-v8 --until STEP          stops after tools, sources, generate or crates
//   scripts/build-v8 --jobs N              compiles N files at a time
//   scripts/build-v8 --keep                keeps the tools, the sources and what was compiled
//
// The cache is $XDG_CACHE_HOME/islet/v8 (~/.cache/islet/v8); nothing is written elsewhere but what cargo fetches. Interrupted, it
// goes on where it was. Debian's packages come from where apt gets them; ISLET_DEBIAN_MIRROR names another archive.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';
import { isProgram, ROOT } from './build.mjs';
import { BUILDABLE as TARGET, cacheFolder, cacheRoot, FEATURES, fileNames, folderLacks, readManifest } from './v8-archive.mjs';
import { alone, hasProgram, logged, once, output, say, StepError } from './v8/steps.mjs';
import { bindings, copyCrate, generate, gnArguments, environment, ICU_CRATE, neededCrates, vendor } from './v8/sources.mjs';
import { fetchTools, haveTools, lacks, sources, toolsIn } from './v8/tools.mjs';

const STEPS = ['tools', 'sources', 'generate', 'crates', 'compile'];
const DISK = 6e9;
const PROGRESS = 120_000;

/** @returns {string} folder of the crate's sources, which cargo fetches if need be */
function crateFolder(version) {
	output('cargo', ['fetch', '--locked'], { cwd: ROOT });
	const { packages } = JSON.parse(output('cargo', ['metadata', '--locked', '--format-version', '1'], { cwd: ROOT }));
	const crate = packages.find(entry => entry.name === 'v8' && entry.version === version);
	if (!crate) {
		throw new StepError(`cargo has no crate v8 ${version}`);
	}
	return join(crate.manifest_path, '..');
}

/** The places of a build. */
export function places(env, version, features) {
	const root = cacheRoot(env);
	const result = cacheFolder(env, version, features);
	const work = join(root, 'build', [version, ...features].join('-'));
	return { root, result, work, source: join(work, 'source'), out: join(work, 'out'), tools: join(root, 'tools'), log: join(work, 'log.txt') };
}

/** What stands in the way, one line each. */
function obstacles(place) {
	const found = [];
	const { platform, arch } = process;
	if (platform !== 'linux' || arch !== 'x64' || process.report.getReport().header.glibcVersionRuntime === undefined) {
		found.push(`this builds for Linux on x86-64 with glibc only, here is ${platform}-${arch}`);
		return found;
	}
	found.push(...lacks());
	if (!haveTools(place.tools) && hasProgram('apt-get')) {
		try {
			sources();
		} catch (error) {
			found.push(error.message);
		}
	}
	let folder = place.root;
	while (!existsSync(folder)) {
		folder = dirname(folder);
	}
	const { bavail, bsize } = statfsSync(folder);
	if (!existsSync(place.out) && bavail * bsize < DISK) {
		found.push(`${place.root} has ${(bavail * bsize / 1e9).toFixed(1)} GB left, it takes ${DISK / 1e9}`);
	}
	return found;
}

/** Prints what would be done. @returns {boolean} whether it can be */
function check(place, version, features) {
	const lack = folderLacks(place.result, version, TARGET, features);
	const done = name => existsSync(join(place.work, 'done', name));
	const list = [
		['archive', lack === undefined, place.result],
		['tools', haveTools(place.tools), place.tools],
		['sources', done('sources'), place.source],
		['generate', done('generate'), place.out],
		['crates', done('crates'), 'third_party/rust in the sources'],
	];
	console.log(`V8 of the crate v8 ${version}${features.map(name => `, ${name}`).join('')}, for ${TARGET}`);
	list.forEach(([name, there, where]) => console.log(`  ${name.padEnd(9)} ${there ? 'there ' : 'to do '} ${where}`));
	if (lack === undefined) {
		console.log('Nothing to do.');
		return true;
	}
	const found = obstacles(place);
	found.forEach(line => console.log(`  missing: ${line}`));
	console.log(found.length > 0 ? 'It can\'t be built before these are there.' :
		'Ready: about an hour of CPU time (35 minutes on two idle cores) and 6 GB, which are freed at the end.');
	return found.length === 0;
}

async function compile({ out, log, tools, jobs }) {
	const start = Date.now();
	let last = 0;
	await logged(tools.ninja, ['-C', out, ...jobs ? ['-j', jobs] : [], 'rusty_v8'], {
		log, env: { ...environment(), NINJA_STATUS: '[%f/%t] ' },
		onLine: line => {
			const [, done, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
			const now = Date.now();
			if (done && (now - last >= PROGRESS || done === total)) {
				last = now;
				say(`compiling: ${done} of ${total} steps, ${Math.round((now - start) / 60_000)} min`);
			}
		},
	});
}

const sha256 = async path => {
	const hash = createHash('sha256');
	await pipeline(createReadStream(path), hash);
	return hash.digest('hex');
};

/**
 * Puts the archive together, beside its place, and moves it there.
 * @param {object} made `args`: GN's, for the README; `binding`: text of the bindings
 */
export async function store({ place, version, features, args, binding: text }) {
	const making = `${place.result}.part`;
	rmSync(making, { recursive: true, force: true });
	mkdirSync(making, { recursive: true });
	const { library, binding } = fileNames(TARGET, features);
	say(`packing ${library}`);
	await pipeline(createReadStream(join(place.out, 'obj', 'librusty_v8.a')), createGzip({ level: 6 }), createWriteStream(join(making, library)));
	writeFileSync(join(making, binding), text);
	const sums = await Promise.all([library, binding].map(async name => `${await sha256(join(making, name))}  ${name}\n`));
	writeFileSync(join(making, 'SHA256SUMS'), sums.join(''));
	writeFileSync(join(making, 'README.md'),
		`The static library of the crate \`v8\` ${version}, built from its sources by islet's scripts/build-v8 with:\n\n    ${args}\n`);
	rmSync(place.result, { recursive: true, force: true });
	renameSync(making, place.result);
}

/**
 * Builds the archive into the cache, unless it is there.
 * @param {object} [options]
 * @param {Record<string, string | undefined>} [options.env]
 * @param {string[]} [options.features] cargo features of islet: keys of FEATURES
 * @param {string} [options.until] the last step
 * @param {string} [options.jobs]
 * @param {boolean} [options.keep]
 */
export async function buildV8({ env = process.env, features = [], until = 'compile', jobs, keep = false } = {}) {
	const { v8: version } = readManifest(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
	const place = places(env, version, features);
	if (folderLacks(place.result, version, TARGET, features) === undefined) {
		say(`${place.result} is there`);
		return;
	}
	const found = obstacles(place);
	if (found.length > 0) {
		throw new StepError(`V8 can't be built here yet:\n${found.map(line => `  - ${line}`).join('\n')}`);
	}
	const start = Date.now();
	await alone(place.root, async () => {
		const { work, source, out, log } = place;
		const last = STEPS.indexOf(until);
		say(`V8 of the crate v8 ${version} into ${place.result}; the log is ${log}`);
		const tools = await fetchTools(place.tools, log);
		const args = gnArguments({ features, tools });
		if (last >= 1) {
			await once(work, 'sources', version, () => {
				say('copying the sources of the crate');
				['generate', 'crates'].forEach(name => rmSync(join(work, 'done', name), { force: true }));
				copyCrate(crateFolder(version), source);
			});
		}
		if (last >= 2) {
			await once(work, 'generate', args, () => {
				say('generating the build');
				return generate({ source, out, tools, args, log });
			});
		}
		if (last >= 3) {
			await once(work, 'crates', version, () => {
				const labels = output(tools.gn, [`--root=${source}`, 'desc', out, '//:rusty_v8', 'deps', '--all'], { env: environment() });
				return vendor({ source, crates: [...neededCrates(source, labels), ICU_CRATE], folder: join(work, 'crates'), log });
			});
		}
		if (last >= 4) {
			// Before the long part: it may fail as well.
			const binding = await bindings({ source, out, tools, name: fileNames(TARGET, features).binding, log });
			await compile({ out, log, tools, jobs });
			await store({ place, version, features, args, binding });
			if (!keep) {
				[work, place.tools].forEach(folder => rmSync(folder, { recursive: true, force: true }));
			}
		}
	});
	say(`${until === 'compile' ? place.result : until} is done (${Math.round((Date.now() - start) / 60_000)} min)`);
}

if (isProgram(import.meta.url)) {
	let options;
	try {
		({ values: options } = parseArgs({
			options: {
				check: { type: 'boolean' }, feature: { type: 'string', multiple: true }, until: { type: 'string' },
				jobs: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean' },
			},
		}));
		const unknown = options.feature?.find(name => !(name in FEATURES));
		if (unknown !== undefined) {
			throw new Error(`no feature ${unknown}, there are: ${Object.keys(FEATURES).join(' ')}`);
		}
		if (options.until !== undefined && !STEPS.includes(options.until)) {
			throw new Error(`no step ${options.until}, there are: ${STEPS.join(' ')}`);
		}
		if (options.jobs !== undefined && !/^[1-9]\d*$/.test(options.jobs)) {
			throw new Error('--jobs takes a number');
		}
	} catch (error) {
		console.error(`build-v8: ${error.message}`);
		console.error('usage: scripts/build-v8 [--check] [--feature pointer-compression|sandbox] [--until STEP] [--jobs N] [--keep]');
		process.exit(2);
	}
	if (options.help) {
		const head = readFileSync(new URL(import.meta.url), 'utf8').split('\n\n')[0].replace(/^\/\/ ?/gm, '');
		console.log(head);
		process.exit();
	}
	// The sandbox has pointer compression in it.
	const features = options.feature?.includes('sandbox') ? ['sandbox'] : [...new Set(options.feature)];
	try {
		if (options.check) {
			const { v8: version } = readManifest(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'));
			process.exitCode = check(places(process.env, version, features), version, features) ? 0 : 1;
		} else {
			await buildV8({ ...options, features });
		}
	} catch (error) {
		if (!(error instanceof StepError)) {
			throw error;
		}
		console.error(`\nbuild-v8: ${error.message}\nRun it again to go on where it stopped.`);
		process.exitCode = 1;
	}
}
