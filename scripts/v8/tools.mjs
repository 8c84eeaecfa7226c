// The tools that V8 is built with, unpacked into a folder of ours: Debian's packages of clang, lld, ninja and GN, and
// bindgen from the crates registry. Nothing is installed; the system's package lists are read and not written.
//
// What is fetched from where: the packages come from the Debian archive that this machine's apt uses. clang and the
// like are those of its own release, so they run on its C library. GN has to be newer than a release's: it is unstable's,
// and runs with unstable's C library beside it.

import { spawnSync } from 'node:child_process';
import {
	chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasProgram, logged, once, output, say, StepError } from './steps.mjs';

export const LLVM = '22';
const BINDGEN = '0.73.2';
/** Debian's name of the place for libraries. */
const MULTIARCH = 'x86_64-linux-gnu';

/** The packages of the machine's own release; what they need besides is found by {@link closure}. */
const NATIVE = [
	`clang-${LLVM}`, `lld-${LLVM}`, `llvm-${LLVM}`, `libclang1-${LLVM}`, `libclang-common-${LLVM}-dev`,
	`libclang-rt-${LLVM}-dev`, 'ninja-build',
];
const UNSTABLE = ['generate-ninja', 'libc6', 'libgcc-s1', 'libstdc++6'];
/** Every program of the system's that the build runs. */
const PROGRAMS = {
	'apt-get': 'apt', 'apt-cache': 'apt', 'dpkg-deb': 'dpkg', cargo: 'rustup', rustc: 'rustup', python3: 'python3', cc: 'gcc libc6-dev',
};

/** What the machine lacks, one line each. */
export function lacks() {
	const missing = Object.entries(PROGRAMS).filter(([name]) => !hasProgram(name))
		.map(([name, from]) => `no \`${name}\` (${from})`);
	if (hasProgram('rustc') && !existsSync(rustfmt())) {
		missing.push('no rustfmt: run `rustup component add rustfmt`');
	}
	if (existsSync('/usr/include') && !existsSync('/usr/include/stdio.h')) {
		missing.push('no headers of the C library (libc6-dev)');
	}
	return missing;
}

export const sysroot = () => output('rustc', ['--print', 'sysroot']).trim();
const rustfmt = () => join(sysroot(), 'bin', 'rustfmt');

/**
 * The Debian archive that apt is set up with.
 * @param {Record<string, string | undefined>} env `ISLET_DEBIAN_MIRROR` names another one, and `ISLET_DEBIAN_RELEASE`
 * its release: for machines that aren't Debian's
 * @returns {{ native: string[], unstable: string[], release: string }} lines for lists of sources
 */
export function sources(env = process.env, system = undefined) {
	const keyring = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp']
		.find(file => existsSync(file));
	const line = (uri, suite, signed = keyring) => `deb ${signed ? `[signed-by=${signed}] ` : ''}${uri} ${suite} main`;
	if (env.ISLET_DEBIAN_MIRROR) {
		const uri = env.ISLET_DEBIAN_MIRROR;
		const release = env.ISLET_DEBIAN_RELEASE || 'trixie';
		return { native: [line(uri, release)], unstable: [line(uri, 'sid')], release };
	}
	const { id, codename: release, targets } = system ?? readSystem();
	if (id !== 'debian' || !release) {
		throw new StepError([
			'The tools are packages of Debian 12 or newer, and this machine is something else.',
			'ISLET_DEBIAN_MIRROR=<address of a Debian archive> takes them from there (release trixie, or ISLET_DEBIAN_RELEASE).',
		].join('\n'));
	}
	const own = targets.filter(target => target.component === 'main' &&
		(target.release === release || target.release.startsWith(`${release}-`)));
	const archive = own.find(target => target.release === release);
	if (!archive) {
		throw new StepError(`apt has no source for Debian ${release} (main): is it in /etc/apt/sources.list.d?`);
	}
	return {
		native: own.map(target => line(target.uri, target.release, target.signed ?? keyring)),
		unstable: [line(archive.uri, 'sid')],
		release,
	};
}

function readSystem() {
	const field = (text, name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1];
	const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
	const id = field(release, 'ID');
	if (id !== 'debian') {
		return { id, targets: [] };
	}
	const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)';
	const targets = output('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).trim().split('\n')
		.map(text => text.split('|'))
		.map(([uri, suite, component, signed]) =>
			({ uri, release: suite, component, signed: signed?.startsWith('/') ? signed : undefined }));
	return { id, codename: field(release, 'VERSION_CODENAME'), targets };
}

/**
 * An apt with lists, cache and state of its own. The system's configuration holds (a proxy, say), its hooks don't.
 * @param {string} folder
 * @param {string[]} lines of sources
 */
function privateApt(folder, lines) {
	const place = name => join(folder, name);
	['lists/partial', 'archives/partial', 'parts'].forEach(name => mkdirSync(place(name), { recursive: true }));
	writeFileSync(place('status'), '');
	writeFileSync(place('sources.list'), `${lines.join('\n')}\n`);
	const system = '/etc/apt/apt.conf.d';
	for (const name of existsSync(system) ? readdirSync(system) : []) {
		if (!existsSync(place(`parts/${name}`))) {
			symlinkSync(join(system, name), place(`parts/${name}`));
		}
	}
	writeFileSync(place('parts/zzz-islet'), [
		'#clear APT::Update;', '#clear DPkg;', 'APT::Sandbox::User "root";', 'Acquire::Languages "none";', 'Acquire::Retries "3";',
		'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
		'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";', '',
	].join('\n'));
	writeFileSync(place('apt.conf'), [
		`Dir::State "${folder}";`, `Dir::State::status "${place('status')}";`, `Dir::State::lists "${place('lists')}";`,
		`Dir::Cache "${folder}";`, `Dir::Cache::archives "${place('archives')}";`, `Dir::Log "${folder}";`,
		`Dir::Etc::sourcelist "${place('sources.list')}";`, 'Dir::Etc::sourceparts "/dev/null";',
		`Dir::Etc::parts "${place('parts')}";`, 'Dir::Etc::preferences "/dev/null";', 'Dir::Etc::preferencesparts "/dev/null";', '',
	].join('\n'));
	const env = { ...process.env, APT_CONFIG: place('apt.conf'), LC_ALL: 'C' };
	return {
		update: log => logged('apt-get', ['update'], { log, env, cwd: folder }),
		show: names => output('apt-cache', ['show', '--no-all-versions', ...names], { env }),
		download: (names, log) => logged('apt-get', ['download', ...names], { log, env, cwd: place('archives') }),
		archives: place('archives'),
	};
}

/** Reads what `apt-cache show` prints. @returns {Map<string, Record<string, string>>} by package */
export function readPackages(text) {
	const found = new Map();
	for (const paragraph of text.split(/\n\n+/)) {
		const fields = Object.fromEntries([...paragraph.matchAll(/^([A-Z][\w-]*): (.*)$/gm)].map(match => match.slice(1)));
		if (fields.Package && !found.has(fields.Package)) {
			found.set(fields.Package, fields);
		}
	}
	return found;
}

/** Whether a dependency is a library that a program loads; those that programs are compiled with stay the system's. */
const isLibrary = name => /^lib/.test(name) && !/-dev$|^libc6|^lib32|^libx32|^libobjc|^libgc1|-perl$/.test(name);

/**
 * The packages named, and the libraries they load.
 * @param {string[]} roots
 * @param {(names: string[]) => Map<string, Record<string, string>>} look
 * @returns {Map<string, Record<string, string>>}
 */
export function closure(roots, look) {
	const all = new Map();
	let next = roots;
	while (next.length > 0) {
		const found = look(next);
		const absent = next.filter(name => !found.has(name) && roots.includes(name));
		if (absent.length > 0) {
			throw new StepError(`apt knows no package ${absent.join(', ')}`);
		}
		found.forEach((fields, name) => all.set(name, fields));
		const needed = [...found.values()].flatMap(({ Depends = '', 'Pre-Depends': before = '' }) =>
			`${before},${Depends}`.split(',').map(part => /^\s*([a-z0-9.+-]+)/.exec(part)?.[1]));
		next = [...new Set(needed)].filter(name => name && isLibrary(name) && !all.has(name));
	}
	return all;
}

/** Unpacks the packages into `root`, and remembers which. */
async function unpack(packages, apt, root, log) {
	const names = [...packages.keys()];
	const file = ({ Package: name, Version: version, Architecture: architecture }) =>
		join(apt.archives, `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`);
	const missing = names.filter(name => !existsSync(file(packages.get(name))));
	// What an interrupted fetch left is gone on with; apt compares the hashes.
	if (missing.length > 0) {
		const bytes = missing.reduce((sum, name) => sum + Number(packages.get(name).Size), 0);
		say(`fetching ${missing.length} packages, ${Math.ceil(bytes / 1e6)} MB`);
		await apt.download(missing.map(name => `${name}=${packages.get(name).Version}`), log);
	}
	for (const fields of packages.values()) {
		await once(root, `package-${fields.Package}`, fields.Version, () => {
			mkdirSync(root, { recursive: true });
			const { status, stderr } = spawnSync('dpkg-deb', ['--extract', file(fields), root], { encoding: 'utf8' });
			if (status !== 0) {
				rmSync(file(fields), { force: true });
				throw new StepError(`${file(fields)} was damaged and is removed: run this again. ${stderr}`);
			}
		});
	}
}

/** Writes a program that runs another one with libraries of ours. */
function wrap(path, lines) {
	if (existsSync(path)) {
		unlinkSync(path);
	}
	writeFileSync(path, `#!/bin/sh\n${lines}\n`);
	chmodSync(path, 0o755);
}

function link(target, path) {
	rmSync(path, { force: true, recursive: true });
	symlinkSync(target, path);
}

/** Where something of a name is, under a folder of a Debian package. */
function find(root, names) {
	const found = names.map(name => join(root, name)).find(path => existsSync(path));
	if (!found) {
		throw new StepError(`none of ${names.join(', ')} in ${root}: remove that folder and run this again`);
	}
	return found;
}

/**
 * @typedef {object} Tools
 * @property {string} clang folder for GN's `clang_base_path`
 * @property {string} bindgen folder for GN's `rust_bindgen_root`
 * @property {string} gn path of the program
 * @property {string} ninja path of the program
 * @property {string} libraries for `LD_LIBRARY_PATH` of LLVM's programs
 */

/** What {@link fetchTools} makes of a folder. @returns {Tools} */
export function toolsIn(folder) {
	const native = join(folder, 'native');
	return {
		clang: join(folder, 'clang'),
		bindgen: join(folder, 'bindgen'),
		gn: join(folder, 'bin', 'gn'),
		ninja: join(folder, 'bin', 'ninja'),
		libraries: [`usr/lib/${MULTIARCH}`, `lib/${MULTIARCH}`, `usr/lib/llvm-${LLVM}/lib`].map(name => join(native, name)).join(':'),
	};
}

/** What of the tools is there already. */
export const haveTools = folder => ['packages', 'bindgen'].every(name => existsSync(join(folder, 'done', name)));

/**
 * Fetches and unpacks all tools.
 * @param {string} folder
 * @param {string} log
 * @returns {Promise<Tools>}
 */
export async function fetchTools(folder, log) {
	const { native, unstable, release } = sources();
	const tools = toolsIn(folder);
	await once(folder, 'packages', { native, unstable, NATIVE, UNSTABLE }, async () => {
		say(`tools: clang ${LLVM} and ninja of Debian ${release}, GN of Debian unstable`);
		for (const [name, lines, roots] of [['native', native, NATIVE], ['unstable', unstable, UNSTABLE]]) {
			const apt = privateApt(join(folder, `apt-${name}`), lines);
			await apt.update(log);
			const packages = closure(roots, names => readPackages(apt.show(names)));
			// Of unstable only what is named: its libraries go with its GN alone.
			const wanted = name === 'native' ? packages :
				new Map([...packages].filter(([key]) => roots.includes(key)));
			await unpack(wanted, apt, join(folder, name), log);
		}
		wrapPrograms(folder, tools);
	});
	await once(folder, 'bindgen', BINDGEN, async () => {
		say(`tools: bindgen ${BINDGEN} from the crates registry (compiled here, about two minutes)`);
		const built = join(folder, 'bindgen-cli');
		// Not in the checkout: its `.cargo/config.toml` is for the addon.
		const args = ['install', 'bindgen-cli', '--version', BINDGEN, '--locked', '--root', built];
		await logged('cargo', args, { log, cwd: folder, env: { ...process.env, CARGO_TARGET_DIR: join(folder, 'bindgen-target') } });
		rmSync(join(folder, 'bindgen-target'), { recursive: true, force: true });
		mkdirSync(join(tools.bindgen, 'bin'), { recursive: true });
		wrap(join(tools.bindgen, 'bin', 'bindgen'),
			`LD_LIBRARY_PATH='${tools.libraries}' exec '${join(built, 'bin', 'bindgen')}' "$@"`);
	});
	// Rust may have been updated since.
	link(rustfmt(), join(tools.bindgen, 'bin', 'rustfmt'));
	link(join(folder, 'native', 'usr', 'lib', `llvm-${LLVM}`, 'lib'), join(tools.bindgen, 'lib'));
	return tools;
}

function wrapPrograms(folder, { clang, gn, ninja, libraries }) {
	const llvm = find(join(folder, 'native'), [`usr/lib/llvm-${LLVM}`]);
	mkdirSync(join(clang, 'bin'), { recursive: true });
	for (const name of readdirSync(join(llvm, 'bin'))) {
		wrap(join(clang, 'bin', name), `LD_LIBRARY_PATH='${libraries}' exec '${join(llvm, 'bin', name)}' "$@"`);
	}
	link(join(llvm, 'lib'), join(clang, 'lib'));
	// GN looks for clang's builtins where LLVM's own builds have them.
	const runtime = join(llvm, 'lib', 'clang', LLVM, 'lib');
	mkdirSync(join(runtime, 'x86_64-unknown-linux-gnu'), { recursive: true });
	link('../linux/libclang_rt.builtins-x86_64.a', join(runtime, 'x86_64-unknown-linux-gnu', 'libclang_rt.builtins.a'));
	find(runtime, ['x86_64-unknown-linux-gnu/libclang_rt.builtins.a']);

	const unstable = join(folder, 'unstable');
	const loader = find(unstable, [
		`usr/lib/${MULTIARCH}/ld-linux-x86-64.so.2`, `lib/${MULTIARCH}/ld-linux-x86-64.so.2`, 'usr/lib64/ld-linux-x86-64.so.2', 'lib64/ld-linux-x86-64.so.2',
	]);
	const paths = [`usr/lib/${MULTIARCH}`, `lib/${MULTIARCH}`].map(name => join(unstable, name)).join(':');
	mkdirSync(join(folder, 'bin'), { recursive: true });
	wrap(gn, `exec '${loader}' --library-path '${paths}' '${find(unstable, ['usr/bin/gn'])}' "$@"`);
	wrap(ninja, `exec '${find(join(folder, 'native'), ['usr/bin/ninja'])}' "$@"`);
	for (const [program, args] of [[join(clang, 'bin', 'clang++'), ['--version']], [join(clang, 'bin', 'ld.lld'), ['--version']],
		[join(clang, 'bin', 'llvm-ar'), ['--version']], [gn, ['--version']], [ninja, ['--version']]]) {
		output(program, args);
	}
}
