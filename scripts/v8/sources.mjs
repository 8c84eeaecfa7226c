// The sources that V8 is built from: a copy of those of the crate `v8`, with what that crate lacks added and what
// Debian's clang can't do taken out.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logged, output, say, StepError } from './steps.mjs';
import { LLVM, sysroot } from './tools.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** ICU's data, which the crate `v8` lacks. Its ICU has to be of the same version as the crate's: 78. */
const ICU = { name: 'deno_core_icudata', version: '0.78.0', icu: '78' };
/**
 * Copies the crate's sources.
 * @param {string} crate folder of the crate
 * @param {string} source where the copy is to be
 */
export function copyCrate(crate, source) {
	rmSync(source, { recursive: true, force: true });
	cpSync(crate, source, { recursive: true });
	// It pins a Rust that may not be there; V8's Rust parts are built with the one at hand.
	rmSync(join(source, 'rust-toolchain.toml'), { force: true });
	for (const folder of [join(source, 'v8', 'tools'), join(source, 'v8', 'v8', 'tools')]) {
		mkdirSync(folder, { recursive: true });
		cpSync(join(HERE, 'cluster_files.py'), join(folder, 'cluster_files.py'));
	}
	edit(join(source, 'build/config/compiler/BUILD.gn'), [
		[/^\s*cflags \+= \[ "-fdiagnostics-show-inlining-chain" \]\n/m, ''],
		[/^\s*cflags \+= \[ "-fno-lifetime-dse" \]\n/m, ''],
	]);
	edit(join(source, 'build/config/sanitizers/sanitizers.gni'), [
		['if (_condition && !is_ubsan && is_clang) {', 'if (_condition && !is_ubsan && is_clang && false) {'],
	]);
	const icu = /U_ICU_VERSION_MAJOR_NUM (\d+)/.exec(
		readFileSync(join(source, 'third_party/icu/source/common/unicode/uvernum.h'), 'utf8'))?.[1];
	if (icu !== ICU.icu) {
		throw new StepError(`the crate's ICU is ${icu}, the data that is fetched is of ${ICU.icu}: change ICU in scripts/v8/sources.mjs`);
	}
}

/** Changes a file; each change must find its place. */
function edit(path, changes) {
	let text = readFileSync(path, 'utf8');
	for (const [from, to] of changes) {
		const changed = text.replace(from, to);
		if (changed === text) {
			throw new StepError(`${path} has no ${from}: is the crate v8 another one than scripts/v8/sources.mjs was written for?`);
		}
		text = changed;
	}
	writeFileSync(path, text);
}

/** @returns {string} GN's arguments for this machine */
export function gnArguments({ features, tools }) {
	const rustc = /^rustc (\S+)/.exec(output('rustc', ['--version']))[1];
	const sandbox = features.includes('sandbox');
	const values = {
		is_debug: false, symbol_level: 0, v8_symbol_level: 0, use_custom_libcxx: true,
		v8_enable_sandbox: sandbox,
		v8_enable_pointer_compression: sandbox || features.includes('pointer-compression'),
		...sandbox && { v8_enable_external_code_space: true },
		v8_enable_v8_checks: false,
		clang_base_path: tools.clang, clang_version: LLVM, treat_warnings_as_errors: false,
		v8_monolithic_for_shared_library: true, use_glib: false, v8_enable_cluster_build: true,
		rust_sysroot_absolute: sysroot(), rustc_version: rustc, rust_bindgen_root: tools.bindgen,
	};
	return Object.entries(values).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ');
}

/** Makes ninja's files. */
export async function generate({ source, out, tools, args, log }) {
	rmSync(join(source, 'third_party', 'rust-toolchain'), { recursive: true, force: true });
	symlinkSync(sysroot(), join(source, 'third_party', 'rust-toolchain'));
	await logged(tools.gn, [
		`--root=${source}`, '--script-executable=python3', 'gen', out, '--ide=json', `--args=${args}`,
	], { log, cwd: source, env: environment() });
	// ninja would run GN again by the path of the program, which is that of its loader.
	const rules = join(out, 'build.ninja');
	const text = readFileSync(rules, 'utf8');
	writeFileSync(rules, text.replace(/^(\s*command = )\S*ld-linux-x86-64\.so\.2(?=.* gen )/m, `$1${tools.gn}`));
}

/** The environment of GN and ninja: what Rust's unstable parts and Python need. */
export const environment = () => ({ ...process.env, RUSTC_BOOTSTRAP: '1', PYTHONDONTWRITEBYTECODE: '1', LC_ALL: 'C.UTF-8' });

/**
 * Which crates the Rust parts of V8 are made of.
 * @param {string} source
 * @param {string} labels what `gn desc … deps --all` prints
 * @returns {{ name: string, version: string, folder: string }[]}
 */
export function neededCrates(source, labels) {
	const folders = new Set([...labels.matchAll(/^\/\/(third_party\/rust\/[\w-]+\/v[\w]+)[:(]/gm)].map(match => match[1]));
	return [...folders].map(folder => {
		const text = readFileSync(join(source, folder, 'BUILD.gn'), 'utf8');
		const field = name => new RegExp(`\\b${name} = "([^"]+)"`).exec(text)?.[1];
		const vendored = /chromium_crates_io\/vendor\/([^/"]+)\//.exec(text)?.[1];
		return vendored && { name: field('cargo_pkg_name'), version: field('cargo_pkg_version'), folder: vendored };
	}).filter(Boolean);
}

/**
 * Fetches crates with cargo, from the registry that it is set up with, and puts them where V8's build expects them.
 */
export async function vendor({ source, crates, folder, log }) {
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(join(folder, 'src'), { recursive: true });
	writeFileSync(join(folder, 'src', 'lib.rs'), '');
	const lines = crates.map(({ name, version }, at) =>
		`c${at} = { package = "${name}", version = "=${version}", default-features = false }`);
	writeFileSync(join(folder, 'Cargo.toml'), [
		'[package]', 'name = "crates-of-v8"', 'version = "0.0.0"', 'edition = "2021"', '', '[workspace]', '',
		'[dependencies]', ...lines, '',
	].join('\n'));
	say(`fetching ${crates.length} crates`);
	await logged('cargo', ['vendor', '--versioned-dirs', 'crates'], { log, cwd: folder });
	const place = join(source, 'third_party/rust/chromium_crates_io/vendor');
	for (const { name, version, folder: target } of crates) {
		const from = join(folder, 'crates', `${name}-${version}`);
		if (!existsSync(from)) {
			throw new StepError(`cargo fetched no ${name} ${version}`);
		}
		if (target !== undefined) {
			rmSync(join(place, target), { recursive: true, force: true });
			cpSync(from, join(place, target), { recursive: true });
		}
	}
	const data = join(folder, 'crates', `${ICU.name}-${ICU.version}`, 'src', 'icudtl.dat');
	cpSync(data, join(source, 'third_party/icu/common/icudtl.dat'));
	rmSync(join(folder, 'crates'), { recursive: true, force: true });
}

/** ICU's data as one of the crates to fetch. */
export const ICU_CRATE = { name: ICU.name, version: ICU.version, folder: undefined };

/**
 * The crate's bindings for its C++ side: they come with the crate, but for the sandbox.
 * @returns {Promise<string>} text
 */
export async function bindings({ source, out, tools, name, log, anew = false }) {
	const shipped = join(source, 'gen', name);
	if (existsSync(shipped) && !anew) {
		return readFileSync(shipped, 'utf8');
	}
	const defines = output('python3', ['tools/get_bindgen_args.py', '--gn-out', out], { cwd: source, env: environment() })
		.split('\0').filter(arg => arg && !/^-fmodule|^-fno-implicit-module|^-Xclang|DUSE_LIBCXX_MODULES|-nostdinc\+\+|-isystem|libc\+\+/.test(arg));
	const resource = output(join(tools.clang, 'bin', 'clang'), ['-print-resource-dir']).trim();
	const file = join(out, 'src_binding.rs');
	// As build_binding() of the crate's build script does.
	await logged(join(tools.bindgen, 'bin', 'bindgen'), [
		'src/binding.hpp', '--output', file, '--generate-cstr',
		...['.*UseCounterFeature', '.*ModuleImportPhase', '.*Intercepted'].flatMap(text => ['--rustified-enum', text]),
		...['.*GCType', '.*GCCallbackFlags'].flatMap(text => ['--bitfield-enum', text]),
		...['v8__.*', 'cppgc__.*', 'RustObj', 'memory_span_t', 'const_memory_span_t', 'ExternalConstOneByteStringResource']
			.flatMap(text => ['--allowlist-item', text]),
		...['cppgc.*Visitor', 'RustObj.*Trace'].flatMap(text => ['--blocklist-item', text]),
		'--', '-x', 'c++', '-std=c++20', '-nostdinc++', '-Iv8/include', '-I.', '-isystembuildtools/third_party/libc++',
		'-isystemthird_party/libc++/src/include', '-isystemthird_party/libc++abi/src/include', `-isystem${resource}/include`, ...defines,
	], { log, cwd: source, env: { ...environment(), LIBCLANG_PATH: join(tools.bindgen, 'lib') } });
	return readFileSync(file, 'utf8');
}
