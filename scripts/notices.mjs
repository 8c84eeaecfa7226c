// Writes THIRD_PARTY.md: what the addon has linked in, and under which licences.
//
//   node scripts/notices.mjs            writes it, from Cargo.lock and the sources of the crates
//   node scripts/notices.mjs --check    fails when it isn't what would be written
//
// The crate `v8` ships V8 and its parts without their licence files: scripts/notices has them.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BuildError, isProgram, main, ROOT } from './build.mjs';

export const FILE = join(ROOT, 'THIRD_PARTY.md');
const text = name => readFileSync(join(ROOT, 'scripts', 'notices', `${name}.txt`), 'utf8').trimEnd();
const mit = copyright => `${copyright}\n\n${text('mit')}`;
const bsd3 = copyright => `${copyright}\n\n${/Redistribution and use[^]*/.exec(text('v8'))[0]}`;
const llvm = 'Apache-2.0 WITH LLVM-exception';

/**
 * What the crate `v8` has in it besides V8's own code. `folders`: where, in the crate's sources.
 * @type {{ name: string, folders: string[], licence: string, text?: () => string, same?: string }[]}
 */
export const PARTS = [
	{ name: 'V8', folders: [], licence: 'BSD-3-Clause', text: () => text('v8') },
	{ name: 'rusty_v8 (the crate v8)', folders: [], licence: 'MIT', text: () => mit('Copyright 2018-2026 the Deno authors') },
	{ name: 'ICU', folders: ['third_party/icu'], licence: 'Unicode-3.0 and others', text: () => text('icu') },
	{
		name: 'Chromium\'s build files and helpers, and parts of V8 that come from Chromium, Dart and Go', folders: [], licence: 'BSD-3-Clause',
		text: () => bsd3('Copyright The Chromium Authors.\nCopyright 2012 the Dart project authors.\nCopyright 2009 The Go Authors.\nAll rights reserved.'),
	},
	{ name: 'fdlibm', folders: [], licence: 'fdlibm', text: () => text('fdlibm') },
	{ name: 'Abseil', folders: ['third_party/abseil-cpp'], licence: 'Apache-2.0', text: () => text('apache-2.0') },
	{ name: 'Highway', folders: ['third_party/highway', 'v8/third_party/highway'], licence: 'Apache-2.0', same: 'Abseil' },
	{
		name: 'libc++, libc++abi, libunwind and llvm-libc', licence: llvm,
		folders: ['third_party/libc++', 'third_party/libc++abi', 'third_party/libunwind', 'third_party/llvm-libc', 'v8/third_party/llvm-libc'],
		text: () => `Apache-2.0, as under Abseil, with:\n\n${text('llvm-exception')}`,
	},
	{ name: 'Dragonbox', folders: ['third_party/dragonbox', 'v8/third_party/dragonbox'], licence: llvm, same: 'libc++, libc++abi, libunwind and llvm-libc' },
	{ name: 'fast_float', folders: ['third_party/fast_float', 'v8/third_party/fast_float'], licence: 'MIT', text: () => mit('Copyright (c) 2021 The fast_float authors') },
	{
		name: 'FP16', folders: ['third_party/fp16', 'v8/third_party/fp16'], licence: 'MIT',
		text: () => mit('Copyright (c) 2017 Facebook Inc.\nCopyright (c) 2017 Georgia Institute of Technology\nCopyright 2019 Google LLC'),
	},
	{ name: 'simdutf', folders: ['third_party/simdutf'], licence: 'MIT', text: () => text('simdutf') },
	{ name: 'inspector_protocol', folders: ['v8/third_party/inspector_protocol'], licence: 'BSD-3-Clause', text: () => text('inspector_protocol') },
	{ name: 'SipHash', folders: ['v8/third_party/siphash'], licence: 'CC0-1.0', text: () => text('siphash') },
	{ name: 'rapidhash', folders: ['v8/third_party/rapidhash-v8'], licence: 'BSD-2-Clause', text: () => text('rapidhash') },
	{ name: 'utf8-decoder', folders: ['v8/third_party/utf8-decoder'], licence: 'MIT', text: () => mit('Copyright (c) 2008-2009 Bjoern Hoehrmann <bjoern@hoehrmann.de>') },
	{ name: 'valgrind.h', folders: ['v8/third_party/valgrind'], licence: 'BSD-style', text: () => text('valgrind') },
	{ name: 'utf8_iter', folders: [], licence: 'MIT', text: () => mit('Copyright Mozilla Foundation') },
];

/** Folders of the crate's sources that are not linked in: tests, tools of the build, or nothing but build files. */
export const NOT_LINKED = [
	'third_party/googletest', 'third_party/jinja2', 'third_party/markupsafe', 'third_party/partition_alloc', 'v8/third_party/disarm',
	'v8/third_party/fadec', 'v8/third_party/googletest', 'v8/third_party/jsoncpp', 'v8/third_party/re2', 'v8/third_party/vtune',
	'v8/third_party/wasm-api',
	// Crates: the part "Rust" below. And sources of V8 itself.
	'third_party/rust', 'v8/third_party/v8',
];

/** Licences of crates that ship no file of them. */
const WITHOUT_FILE = { 'napi-sys': () => mit('Copyright (c) LongYinan and the napi-rs authors'), v8: () => PARTS[1].text() };

/** @returns the packages of Cargo.lock: those that are linked in, and those that only help to build */
export function packages() {
	const { status, stdout, stderr, error } = spawnSync('cargo', ['metadata', '--locked', '--format-version', '1'],
		{ cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28 });
	if (status !== 0) {
		throw new BuildError(`cargo metadata: ${error?.message ?? stderr}`);
	}
	const { packages: all, resolve } = JSON.parse(stdout);
	const byId = new Map(all.map(entry => [entry.id, entry]));
	const nodes = new Map(resolve.nodes.map(node => [node.id, node]));
	const linked = new Set();
	const visit = id => {
		if (linked.has(id) || byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))) {
			return;
		}
		linked.add(id);
		nodes.get(id).deps.filter(({ dep_kinds: kinds }) => kinds.some(({ kind }) => kind === null)).forEach(({ pkg }) => visit(pkg));
	};
	visit(resolve.root);
	const order = (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1;
	const others = all.filter(({ id }) => id !== resolve.root).sort(order);
	return { linked: others.filter(({ id }) => linked.has(id)), helping: others.filter(({ id }) => !linked.has(id)) };
}

/** The licence file of a crate: of several, the one of the simplest licence. */
function licenceOf({ name, manifest_path: manifest }) {
	const folder = dirname(manifest);
	const files = readdirSync(folder).filter(file => /^(licen[cs]e|copying|unlicense)/i.test(file)).sort();
	const file = [/mit/i, /isc/i, /bsd/i, /^licen[cs]e(\.\w+)?$/i, /./].map(kind => files.find(entry => kind.test(entry))).find(Boolean);
	if (file) {
		return readFileSync(join(folder, file), 'utf8').replaceAll('\r', '').replace(/[ \t]+$/gm, '').trim();
	}
	if (!(name in WITHOUT_FILE)) {
		throw new BuildError(`${name} has no licence file: add its text to WITHOUT_FILE in scripts/notices.mjs`);
	}
	return WITHOUT_FILE[name]();
}

/** @returns {string} what THIRD_PARTY.md is to be */
export function notices() {
	const { linked, helping } = packages();
	const block = licence => `\`\`\`\`text\n${licence}\n\`\`\`\`\n`;
	const texts = new Map();
	for (const crate of linked) {
		const licence = licenceOf(crate);
		texts.set(licence, [...texts.get(licence) ?? [], crate]);
	}
	const label = ({ name, version, license }) => `${name} ${version} (${license})`;
	return [
		'# What islet has linked in',
		'',
		'The addon (`islet.node`) contains V8, ICU and the Rust crates below. islet itself is under the MIT licence, see LICENSE.',
		'Where a crate offers a choice of licences (`MIT OR Apache-2.0`), the text here is the one taken.',
		'Written by `node scripts/notices.mjs`.',
		'',
		'## V8 and its parts',
		'',
		...PARTS.flatMap(({ name, licence, same, text: body }) => [
			`### ${name}`, '', `${licence}${same ? `: as under ${same}` : ''}`, '', ...same ? [] : [block(body())],
		]),
		'## Rust',
		'',
		'V8\'s library also has crates in it that V8 pins by itself, for Temporal: those of `temporal_capi` below at versions of its own, and',
		'`either`, `icu_collections`, `icu_locale`, `icu_locale_data` and `utf8_iter`, under the licences that stand here; and the standard library of Rust',
		'(MIT OR Apache-2.0, Copyright (c) The Rust Project Contributors).',
		'',
		...[...texts].flatMap(([licence, crates]) => [`### ${crates.map(({ name }) => name).join(', ')}`, '', ...crates.map(crate => `- ${label(crate)}`), '', block(licence)]),
		'## Not linked in',
		'',
		'These help to build it, or belong to platforms of the crates above:',
		'',
		...helping.map(crate => `- ${label(crate)}`),
		'',
		'The package depends on `ws` (MIT), which npm installs beside it.',
		'',
	].join('\n');
}

if (isProgram(import.meta.url)) {
	await main(() => {
		const wanted = notices();
		if (!process.argv.includes('--check')) {
			writeFileSync(FILE, wanted);
		} else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== wanted) {
			throw new BuildError('THIRD_PARTY.md is not up to date: run `node scripts/notices.mjs`');
		}
	});
}
