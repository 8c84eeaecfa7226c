'use strict';

/** scripts/build-v8: all of it but the compiling. */

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const {
	chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { delimiter, join } = require('node:path');
const { after, before, beforeEach, describe, it } = require('node:test');
const { gunzipSync } = require('node:zlib');
const { ROOT } = require('./helpers');

const TARGET = 'x86_64-unknown-linux-gnu';
const DEADLINE = 60_000;

let archive, program, crates, steps, tools, version;
before(async () => {
	archive = await import('../scripts/v8-archive.mjs');
	program = await import('../scripts/build-v8.mjs');
	crates = await import('../scripts/v8/sources.mjs');
	steps = await import('../scripts/v8/steps.mjs');
	tools = await import('../scripts/v8/tools.mjs');
	version = archive.readManifest(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8')).v8;
});

const base = mkdtempSync(join(tmpdir(), 'islet-build-v8-'));
after(() => rmSync(base, { recursive: true, force: true }));

let root;
beforeEach(() => root = mkdtempSync(join(base, 'case-')));

function write(name, text, mode) {
	const path = join(root, name);
	mkdirSync(join(path, '..'), { recursive: true });
	writeFileSync(path, text);
	if (mode) {
		chmodSync(path, mode);
	}
	return path;
}

/** Runs the script with a cache of its own. */
function run(args, env = {}) {
	const { status, signal, stdout, stderr } = spawnSync(join(ROOT, 'scripts/build-v8'), args, {
		encoding: 'utf8', timeout: DEADLINE, killSignal: 'SIGKILL',
		env: { ...process.env, XDG_CACHE_HOME: join(root, 'cache'), ...env },
	});
	assert.equal(signal, null, stderr);
	return { status, stdout, stderr };
}

/** Puts an archive into the cache, as the script leaves it. */
function fillCache(features = []) {
	const folder = archive.cacheFolder({ XDG_CACHE_HOME: join(root, 'cache') }, version, features);
	mkdirSync(folder, { recursive: true });
	Object.values(archive.fileNames(TARGET, features)).forEach(name => writeFileSync(join(folder, name), ''));
	writeFileSync(join(folder, 'README.md'), `The static library of the crate \`v8\` ${version}`);
	return folder;
}

const isLinux = process.platform === 'linux' && process.arch === 'x64';

describe('scripts/build-v8', { skip: process.platform === 'win32' }, () => {
	it('refuses options that it does not know, and says which there are', () => {
		for (const [args, message] of [
			[['--feature', 'simd'], /no feature simd, there are: pointer-compression sandbox/],
			[['--until', 'lunch'], /no step lunch, there are: tools sources generate crates compile/],
			[['--jobs', 'many'], /--jobs takes a number/],
			[['--fast'], /--fast/],
		]) {
			const { status, stderr } = run(args);
			assert.equal(status, 2);
			assert.match(stderr, message);
			assert.match(stderr, /usage: scripts\/build-v8/);
		}
	});

	it('--help tells what it does and where', () => {
		const { status, stdout } = run(['--help']);
		assert.equal(status, 0);
		assert.match(stdout, /XDG_CACHE_HOME\/islet\/v8[^]*goes on where it was/);
	});

	it('--check says what there is and what is to do, and writes nothing', { skip: !isLinux }, () => {
		const { stdout } = run(['--check', '--feature', 'sandbox']);
		assert.match(stdout, new RegExp(`v8 ${version}, sandbox, for ${TARGET}`));
		for (const step of ['archive', 'tools', 'sources', 'generate', 'crates']) {
			assert.match(stdout, new RegExp(`${step} +to do`));
		}
		assert.equal(existsSync(join(root, 'cache')), false);
	});

	it('does nothing when the archive is there, for each V8 by itself', () => {
		const folder = fillCache();
		const { status, stderr } = run([]);
		assert.equal(status, 0, stderr);
		assert.match(stderr, new RegExp(`${folder} is there`));
		assert.match(run(['--check']).stdout, /archive +there[^]*Nothing to do/);
		assert.match(run(['--check', '--feature', 'sandbox']).stdout, /archive +to do/);
		fillCache(['sandbox']);
		assert.match(run(['--feature', 'sandbox', '--feature', 'pointer-compression']).stderr, /-sandbox is there/);
	});

	it('says what the machine lacks, and begins nothing', { skip: !isLinux }, () => {
		// A PATH with nothing but what starts the script.
		for (const name of ['node', 'sh', 'dirname']) {
			const found = name === 'node' ? process.execPath :
				process.env.PATH.split(delimiter).map(folder => join(folder, name)).find(path => existsSync(path));
			mkdirSync(join(root, 'bin'), { recursive: true });
			symlinkSync(found, join(root, 'bin', name));
		}
		const { status, stderr } = run([], { PATH: join(root, 'bin') });
		assert.equal(status, 1);
		for (const name of ['apt-get', 'dpkg-deb', 'cargo', 'python3', 'cc']) {
			assert.match(stderr, new RegExp(`no \`${name}\``));
		}
		assert.equal(existsSync(join(root, 'cache')), false);
	});

	it('does not run twice at once, and takes a lock over that nobody holds', async () => {
		const folder = join(root, 'cache');
		let inside;
		await steps.alone(folder, async () => {
			await assert.rejects(steps.alone(folder, () => {}), new RegExp(`process ${process.pid} is at it`));
			inside = true;
		});
		assert.equal(inside, true);
		writeFileSync(join(folder, 'lock'), '999999999');
		assert.equal(await steps.alone(folder, async () => 'went on'), 'went on');
		assert.equal(existsSync(join(folder, 'lock')), false);
	});

	it('does a step again when it failed or its input changed, and not otherwise', async () => {
		const done = [];
		const step = (input, fails) => steps.once(root, 'step', input, () => {
			done.push(input);
			if (fails) {
				throw new Error('interrupted');
			}
		});
		await assert.rejects(step('a', true), /interrupted/);
		assert.equal(await step('a'), true);
		assert.equal(await step('a'), false);
		await assert.rejects(step('b', true), /interrupted/);
		assert.equal(await step('a'), true, 'what failed has undone the mark');
		assert.deepEqual(done, ['a', 'a', 'b', 'a']);
	});

	it('shows the end of the log when a program fails', async () => {
		const log = join(root, 'log.txt');
		const failing = steps.logged('sh', ['-c', 'seq 100; echo reason >&2; exit 3'], { log });
		await assert.rejects(failing, error => {
			assert.ok(error instanceof steps.StepError);
			assert.match(error.message, /failed \(3\)[^]*log\.txt[^]*\n100\n?[^]*/);
			assert.match(error.message, /reason/);
			assert.doesNotMatch(error.message, /^1$/m);
			return true;
		});
		assert.match(readFileSync(log, 'utf8'), /^1$/m);
		const killed = steps.logged('sh', ['-c', 'echo "clang: error: unable to execute command: Killed"; exit 1'], { log });
		await assert.rejects(killed, /too little memory: try `--jobs 1`/);
	});
});

describe('the tools of scripts/build-v8', () => {
	const debian = (codename, releases) => ({
		id: 'debian', codename,
		targets: releases.map(([uri, release, component = 'main']) => ({ uri, release, component })),
	});

	it('come from the archive that apt is set up with: of the release, and GN of unstable', () => {
		const { native, unstable, release } = tools.sources({}, debian('bookworm', [
			['http://mirror.example/debian/', 'bookworm'], ['http://mirror.example/debian/', 'bookworm', 'contrib'],
			['http://mirror.example/security/', 'bookworm-security'], ['http://other.example/apt/', 'nodistro'],
		]));
		assert.equal(release, 'bookworm');
		assert.deepEqual(native.map(line => line.replace(/\[.*\] /, '')), [
			'deb http://mirror.example/debian/ bookworm main', 'deb http://mirror.example/security/ bookworm-security main',
		]);
		assert.deepEqual(unstable.map(line => line.replace(/\[.*\] /, '')), ['deb http://mirror.example/debian/ sid main']);
	});

	it('come from a mirror of the environment where the machine is not Debian\'s', () => {
		const ubuntu = { id: 'ubuntu', targets: [] };
		assert.throws(() => tools.sources({}, ubuntu), /Debian 12 or newer[^]*ISLET_DEBIAN_MIRROR/);
		const { native } = tools.sources({ ISLET_DEBIAN_MIRROR: 'http://mirror.example/debian' }, ubuntu);
		assert.match(native[0], /^deb .*http:\/\/mirror\.example\/debian trixie main$/);
		assert.throws(() => tools.sources({}, debian('bookworm', [])), /no source for Debian bookworm/);
	});

	it('are packages and the libraries that they load, not what programs are compiled with', () => {
		const packages = {
			'clang-22': 'libc6 (>= 2.36), libllvm22 (= 1), libstdc++-12-dev, binutils',
			libllvm22: 'libedit2 (>= 2), libxml2 | libxml3',
			libedit2: 'libc6, libbsd0', libxml2: '', libbsd0: '',
		};
		const look = names => tools.readPackages(names.filter(name => name in packages).map(name =>
			`Package: ${name}\nVersion: 1\nDepends: ${packages[name]}\nDescription: a\n text\n`).join('\n\n'));
		assert.deepEqual([...tools.closure(['clang-22'], look).keys()].sort(),
			['clang-22', 'libbsd0', 'libedit2', 'libllvm22', 'libxml2']);
		assert.throws(() => tools.closure(['clang-23'], look), /no package clang-23/);
	});

	it('are unpacked into the cache, go on after an interruption, and leave the system alone', {
		skip: !isLinux || !existsSync('/usr/bin/dpkg-deb'),
	}, () => {
		// Stand-ins: an apt that knows small packages, whose fetching is cut off the first time, and a cargo.
		const packages = [
			'clang-22', 'lld-22', 'llvm-22', 'libclang1-22', 'libclang-common-22-dev', 'libclang-rt-22-dev', 'ninja-build',
			'generate-ninja', 'libc6', 'libgcc-s1', 'libstdc++6',
		];
		const files = {
			'clang-22': { 'usr/lib/llvm-22/bin/clang++': '#!/bin/sh\necho "clang, $LD_LIBRARY_PATH"\n' },
			'lld-22': { 'usr/lib/llvm-22/bin/ld.lld': '#!/bin/sh\n' },
			'llvm-22': { 'usr/lib/llvm-22/bin/llvm-ar': '#!/bin/sh\n' },
			'libclang-rt-22-dev': { 'usr/lib/llvm-22/lib/clang/22/lib/linux/libclang_rt.builtins-x86_64.a': '!<arch>\n' },
			'ninja-build': { 'usr/bin/ninja': '#!/bin/sh\n' },
			'generate-ninja': { 'usr/bin/gn': 'gn\n' },
			libc6: { 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': '#!/bin/sh\necho "loaded $3 $4"\n' },
		};
		for (const name of packages) {
			const tree = join(root, 'trees', name);
			write(`trees/${name}/DEBIAN/control`,
				`Package: ${name}\nVersion: 1:2\nArchitecture: amd64\nMaintainer: nobody\nDescription: stand-in\n`);
			Object.entries(files[name] ?? {}).forEach(([path, text]) => write(`trees/${name}/${path}`, text, 0o755));
			mkdirSync(join(root, 'debs'), { recursive: true });
			const { status, stderr } = spawnSync('dpkg-deb', ['--build', tree, join(root, 'debs', `${name}_1%3a2_amd64.deb`)]);
			assert.equal(status, 0, String(stderr));
		}
		write('bin/apt-cache', [
			'#!/bin/sh', 'shift 2', 'for name; do',
			'printf "Package: %s\\nVersion: 1:2\\nArchitecture: amd64\\nSize: 1000\\n\\n" "$name"', 'done', '',
		].join('\n'), 0o755);
		write('bin/apt-get', [
			'#!/bin/sh', `echo "$*" >> '${root}/calls'`, `cp "$APT_CONFIG" '${root}/apt.conf'`,
			'[ "$1" = download ] || exit 0', 'shift', 'for name; do', 'file="${name%%=*}_1%3a2_amd64.deb"',
			`if [ "$file" = ninja-build_1%3a2_amd64.deb ] && [ ! -e '${root}/cut' ]; then touch '${root}/cut'; exit 100; fi`,
			`cp "${root}/debs/$file" .`, 'done', '',
		].join('\n'), 0o755);
		write('bin/cargo', [
			'#!/bin/sh', `echo "cargo $*" >> '${root}/calls'`, 'while [ $# -gt 0 ]; do',
			'[ "$1" = --root ] && { mkdir -p "$2/bin"; printf "#!/bin/sh\\necho bindgen\\n" > "$2/bin/bindgen"; chmod +x "$2/bin/bindgen"; }',
			'shift', 'done', '',
		].join('\n'), 0o755);
		const env = {
			PATH: `${join(root, 'bin')}${delimiter}${process.env.PATH}`, ISLET_DEBIAN_MIRROR: 'http://mirror.example/debian',
		};
		const first = run(['--until', 'tools'], env);
		assert.equal(first.status, 1);
		assert.match(first.stderr, /apt-get` failed \(100\)[^]*Run it again to go on/);

		const second = run(['--until', 'tools'], env);
		assert.equal(second.status, 0, second.stderr);
		const calls = readFileSync(join(root, 'calls'), 'utf8').split('\n');
		const downloads = calls.filter(line => line.startsWith('download'));
		assert.match(downloads[0], /clang-22=1:2 .*ninja-build=1:2/);
		assert.equal(downloads[1], 'download ninja-build=1:2', 'only what was not there yet');
		assert.match(readFileSync(join(root, 'apt.conf'), 'utf8'), /Dir::State "[^"]*cache\/islet/);

		const folder = join(root, 'cache', 'islet', 'v8', 'tools');
		const { clang, gn, bindgen } = tools.toolsIn(folder);
		const print = (path, ...args) => spawnSync(path, args, { encoding: 'utf8' }).stdout.trim();
		assert.match(print(join(clang, 'bin', 'clang++')), /clang, .*native\/usr\/lib\/x86_64-linux-gnu/);
		assert.match(print(gn, 'gen'), /^loaded .*unstable\/usr\/bin\/gn gen$/);
		assert.equal(print(join(bindgen, 'bin', 'bindgen')), 'bindgen');
		assert.ok(existsSync(join(clang, 'lib/clang/22/lib/x86_64-unknown-linux-gnu/libclang_rt.builtins.a')));

		const before = calls.length;
		assert.equal(run(['--until', 'tools'], env).status, 0);
		assert.deepEqual(readFileSync(join(root, 'calls'), 'utf8').split('\n').slice(before - 1), [''], 'nothing is fetched twice');
	});
});

describe('the sources of scripts/build-v8', { skip: process.platform === 'win32' }, () => {
	/** The folder of the crate, when cargo has fetched it already. */
	function crate() {
		const { status, stdout } = spawnSync('cargo', ['metadata', '--offline', '--locked', '--format-version', '1'],
			{ cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });
		const found = status === 0 && JSON.parse(stdout).packages.find(({ name }) => name === 'v8');
		return found && join(found.manifest_path, '..');
	}

	it('are the crate\'s, edited where Debian\'s clang needs it: every edit finds its place', context => {
		const from = crate();
		if (!from) {
			context.skip('cargo has not fetched the crate');
			return;
		}
		// What the edits look at: the whole is 200 MB.
		for (const name of [
			'build/config/compiler/BUILD.gn', 'build/config/sanitizers/sanitizers.gni', 'rust-toolchain.toml',
			'third_party/icu/source/common/unicode/uvernum.h',
		]) {
			cpSync(join(from, name), join(root, 'crate', name));
		}
		const copy = join(root, 'copy');
		crates.copyCrate(join(root, 'crate'), copy);
		assert.equal(existsSync(join(copy, 'rust-toolchain.toml')), false);
		const flags = readFileSync(join(copy, 'build/config/compiler/BUILD.gn'), 'utf8');
		assert.doesNotMatch(flags, /"-fdiagnostics-show-inlining-chain"|"-fno-lifetime-dse"/);
		assert.match(readFileSync(join(copy, 'build/config/sanitizers/sanitizers.gni'), 'utf8'), /is_clang && false\)/);

		write('crate/build/config/sanitizers/sanitizers.gni', 'of another version');
		assert.throws(() => crates.copyCrate(join(root, 'crate'), copy), /sanitizers\.gni has no .*another one/);
	});

	it('get the crates that V8\'s Rust parts name', () => {
		write('third_party/rust/syn/v2/BUILD.gn', [
			'crate_root = "//third_party/rust/chromium_crates_io/vendor/syn-v2/src/lib.rs"',
			'cargo_pkg_name = "syn"', 'cargo_pkg_version = "2.0.118"',
		].join('\n'));
		write('third_party/rust/diplomat_runtime/v0_15/BUILD.gn', [
			'crate_root = "//third_party/rust/chromium_crates_io/vendor/diplomat-runtime-v0_15/src/lib.rs"',
			'cargo_pkg_name = "diplomat-runtime"', 'cargo_pkg_version = "0.15.1"',
		].join('\n'));
		const labels = [
			'//v8:v8', '//third_party/rust/syn/v2:lib(//build/toolchain:host)', '//third_party/rust/syn/v2:lib',
			'//third_party/rust/diplomat_runtime/v0_15:lib', '//third_party/icu:icuuc',
		].join('\n');
		assert.deepEqual(crates.neededCrates(root, labels), [
			{ name: 'syn', version: '2.0.118', folder: 'syn-v2' },
			{ name: 'diplomat-runtime', version: '0.15.1', folder: 'diplomat-runtime-v0_15' },
		]);
	});

	it('are put together by folder, apart those with definitions of their own', { skip: !isLinux }, () => {
		const script = join(ROOT, 'scripts/v8/cluster_files.py');
		const sources = [
			'../v8/src/a/1.cc', '../v8/src/a/2.cc', '../v8/src/a/3.cc', '../v8/src/a/x-tsa.cc', '../v8/src/maglev/4.cc', '../v8/src/maglev/5.cc',
		];
		const options = ['--cluster-size', '2', '--prefix', 'p', '--small-cluster-size', '1', '--small-cluster-dirs', 'src/maglev'];
		const python = args => {
			const { status, stdout, stderr } = spawnSync('python3', [script, ...args], { cwd: root, encoding: 'utf8' });
			assert.equal(status, 0, stderr);
			return stdout;
		};
		const names = python(['--compute-filenames', ...options, ...sources]).trim().split('\n');
		assert.equal(names.length, 5);
		python(['--generate', '--output-dir', 'gen/clustered', ...options, '--include-prefix', '../../', ...sources]);
		assert.deepEqual(readdirSync(join(root, 'gen/clustered')).sort(), [...names].sort());
		const texts = names.map(name => readFileSync(join(root, 'gen/clustered', name), 'utf8'));
		assert.equal(texts[0], '#include "../../../v8/src/a/1.cc"\n#include "../../../v8/src/a/2.cc"\n');
		const included = texts.join('').match(/src\/\S+\.cc/g).sort();
		assert.deepEqual(included, sources.map(source => source.slice(6)).sort());
		assert.equal(texts.find(text => text.includes('x-tsa')), '#include "../../../v8/src/a/x-tsa.cc"\n');
		python(['--generate', '--output-dir', 'out', ...options, '--strip-prefix', 'gen/', 'gen/torque/1.cc']);
		assert.equal(readFileSync(join(root, 'out', 'p_cluster_0.cc'), 'utf8'), '#include "torque/1.cc"\n');
	});

	it('become an archive that a build takes', { skip: !isLinux }, async () => {
		for (const features of [[], ['sandbox']]) {
			const env = { XDG_CACHE_HOME: join(root, 'cache') };
			const place = program.places(env, version, features);
			mkdirSync(join(place.out, 'obj'), { recursive: true });
			writeFileSync(join(place.out, 'obj', 'librusty_v8.a'), '!<arch>\nobjects');
			await program.store({ place, version, features, args: 'is_debug=false', binding: 'pub fn bound() {}' });
			const { kind, env: chosen } = archive.findArchive({ env, folder: join(root, 'none'), version, target: TARGET, features });
			assert.equal(kind, 'cache');
			assert.equal(chosen.RUSTY_V8_MIRROR, place.result);
			const { library, binding } = archive.fileNames(TARGET, features);
			const packed = readFileSync(join(place.result, library));
			assert.equal(gunzipSync(packed).toString(), '!<arch>\nobjects');
			assert.equal(readFileSync(join(place.result, binding), 'utf8'), 'pub fn bound() {}');
			const sum = createHash('sha256').update(packed).digest('hex');
			assert.ok(readFileSync(join(place.result, 'SHA256SUMS'), 'utf8').includes(`${sum}  ${library}`));
			assert.equal(existsSync(`${place.result}.part`), false);
		}
	});

	it('are built with the features asked for', { skip: !isLinux }, () => {
		const places = { clang: '/tools/clang', bindgen: '/tools/bindgen' };
		const plain = crates.gnArguments({ features: [], tools: places });
		assert.match(plain, /v8_enable_sandbox=false v8_enable_pointer_compression=false/);
		assert.match(plain, /clang_base_path="\/tools\/clang" clang_version="22"/);
		assert.match(crates.gnArguments({ features: ['pointer-compression'], tools: places }),
			/v8_enable_sandbox=false v8_enable_pointer_compression=true/);
		assert.match(crates.gnArguments({ features: ['sandbox'], tools: places }),
			/v8_enable_sandbox=true v8_enable_pointer_compression=true v8_enable_external_code_space=true/);
		const names = [[], ['pointer-compression'], ['sandbox']].map(features => program.places({}, version, features).result);
		assert.equal(new Set(names).size, 3);
	});
});
