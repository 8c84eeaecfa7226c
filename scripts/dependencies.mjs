// Looks at what islet depends on: licences, sources, versions that are there twice, known vulnerabilities.
//
//   node scripts/dependencies.mjs
//
// The rules are those of deny.toml. cargo-deny checks all of them where it is installed (CI installs it); elsewhere this program
// checks what needs no list of advisories. npm's side is package-lock.json, and `npm audit` where the registry has it.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, isProgram, main, ROOT } from './build.mjs';

/**
 * The lists of deny.toml that are checked here.
 * @param {string} text
 * @returns {{ licences: string[], skipped: string[] }}
 */
export function readRules(text) {
	const list = name => new RegExp(`^${name} = \\[([^]*?)^\\]`, 'm').exec(text)?.[1] ?? '';
	return {
		licences: [...list('allow').matchAll(/^\s*"([^"]+)"/gm)].map(match => match[1]),
		skipped: [...list('skip').matchAll(/crate = "([^"]+)"/g)].map(match => match[1]),
	};
}

/**
 * Whether a licence is allowed: of a choice one has to be, of several that hold together all.
 * @param {string | null} expression of SPDX; a slash counts as OR
 * @param {string[]} licences
 */
export function isAllowed(expression, licences) {
	const tokens = (expression ?? '').replaceAll('/', ' OR ').replace(/ WITH /g, '~').match(/[()]|[^\s()]+/g) ?? [];
	let at = 0;
	const one = () => {
		const token = tokens[at++];
		if (token === '(') {
			const value = either();
			at += 1;
			return value;
		}
		return token !== undefined && licences.includes(token.replace('~', ' WITH '));
	};
	const chain = (word, next, combine) => {
		let value = next();
		while (tokens[at] === word) {
			at += 1;
			const other = next();
			value = combine(value, other);
		}
		return value;
	};
	const all = () => chain('AND', one, (a, b) => a && b);
	const either = () => chain('OR', all, (a, b) => a || b);
	return either() && at === tokens.length;
}

/**
 * @param {{ name: string, version: string, license: string | null, source: string | null }[]} packages of `cargo metadata`
 * @param {ReturnType<readRules>} rules
 * @returns {string[]} what is wrong
 */
export function wrongCrates(packages, { licences, skipped }) {
	const others = packages.filter(({ source, name }) => source !== null || name !== 'islet');
	const label = ({ name, version }) => `${name}@${version}`;
	const versions = Map.groupBy?.(others, ({ name }) => name) ?? others.reduce((map, entry) =>
		map.set(entry.name, [...map.get(entry.name) ?? [], entry]), new Map());
	return [
		...others.filter(({ license }) => !isAllowed(license, licences))
			.map(entry => `${label(entry)}: the licence ${entry.license} is not allowed`),
		// What a machine's configuration puts in the registry's place doesn't show here.
		...others.filter(({ source }) => !source?.startsWith('registry+') || source !== others[0].source)
			.map(entry => `${label(entry)}: comes from ${entry.source ?? 'a path'}, not from the crates registry`),
		...[...versions.values()].map(entries => entries.filter(entry => !skipped.includes(label(entry))))
			.filter(entries => entries.length > 1).map(entries => `${entries.map(label).join(', ')}: more than one version`),
		...skipped.filter(name => !others.some(entry => label(entry) === name)).map(name => `${name}: skipped in deny.toml, and not there`),
	];
}

/**
 * @param {object} lock package-lock.json
 * @param {object} manifest package.json
 * @returns {string[]} what is wrong
 */
export function wrongPackages(lock, manifest) {
	const entries = Object.entries(lock.packages).filter(([path]) => path !== '');
	const pinned = { ...manifest.dependencies, ...manifest.devDependencies };
	return [
		...entries.filter(([, entry]) => !entry.integrity).map(([path]) => `${path}: no hash`),
		...entries.filter(([, entry]) => entry.hasInstallScript).map(([path]) => `${path}: runs code when it is installed`),
		...Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)).map(([name]) => `${name}: not pinned in package.json`),
	];
}

const readJson = name => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const run = (command, args) => spawnSync(command, args, {
	cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28, shell: process.platform === 'win32' && command === 'npm',
});

function audit() {
	const { status, stdout } = run('npm', ['audit', '--package-lock-only', '--json']);
	let report;
	try {
		report = JSON.parse(stdout);
	} catch {
		report = { message: 'npm gave no report' };
	}
	if (!report.metadata) {
		console.log(`npm audit: left out, the registry doesn't answer it (${String(report.message).split(' - ')[0]})`);
		return [];
	}
	console.log(`npm audit: ${report.metadata.vulnerabilities.total} vulnerabilities`);
	return status === 0 ? [] : Object.values(report.vulnerabilities).map(({ name, severity }) => `${name}: a ${severity} vulnerability, see \`npm audit\``);
}

if (isProgram(import.meta.url)) {
	await main(() => {
		const deny = run('cargo', ['deny', '--version']);
		const problems = [];
		if (deny.status === 0) {
			const { status } = spawnSync('cargo', ['deny', '--all-features', 'check'], { cwd: ROOT, stdio: 'inherit' });
			if (status !== 0) {
				problems.push('cargo deny: see above');
			}
		} else {
			console.log('advisories of crates: left out, cargo-deny is not installed');
		}
		const { status, stdout, stderr } = run('cargo', ['metadata', '--locked', '--format-version', '1']);
		if (status !== 0) {
			throw new BuildError(`cargo metadata: ${stderr}`);
		}
		const { packages } = JSON.parse(stdout);
		problems.push(
			...wrongCrates(packages, readRules(readFileSync(join(ROOT, 'deny.toml'), 'utf8'))),
			...wrongPackages(readJson('package-lock.json'), readJson('package.json')), ...audit());
		if (problems.length > 0) {
			throw new BuildError(problems.join('\n'));
		}
		console.log(`${packages.length - 1} crates and ${Object.keys(readJson('package-lock.json').packages).length - 1} packages are fine`);
	});
}
