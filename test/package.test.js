'use strict';

/**
 * What is published: the tarballs, installed into an empty project as a user would, without Rust and without a network.
 */

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { delimiter, dirname, join } = require('node:path');
const { after, before, describe, it } = require('node:test');
const { platformPackage } = require('../lib/platform-package');
const { ROOT } = require('./helpers');
const { blocksOf, matches } = require('./smoke/blocks');

const DEADLINE = 120_000;
const MB = 1e6;

const skip = process.env.ISLET_ADDON ? 'another addon is tried' : process.platform === 'win32' && 'npm needs a shell there';

/** Runs a program that ends well. @returns {string} what it printed */
function run(command, args, options) {
	const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
		encoding: 'utf8', timeout: DEADLINE, killSignal: 'SIGKILL', ...options,
	});
	assert.equal(error?.code ?? signal ?? status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`.slice(-4000));
	return stdout;
}

describe('the release', () => {
	it('builds and tests the package of every platform', async () => {
		const { PLATFORMS } = await import('../scripts/pack.mjs');
		const workflow = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8');
		const built = [...workflow.matchAll(/^ +- \{ platform: ([\w-]+), runner: /gm)].map(match => match[1]);
		assert.deepEqual(built, Object.keys(PLATFORMS));
		assert.match(workflow, /npm test[^]*pack\.mjs platform --platform \$\{\{ matrix\.platform \}\}/);
		assert.match(workflow, /npm publish .* --provenance/);
		assert.match(workflow, new RegExp(`wc -l\\)" = ${built.length}$`, 'm'));
	});
});

describe('the version', () => {
	it('is the same in package.json, package-lock.json and Cargo.toml, and has its place in the changelog', () => {
		const { version } = require('../package.json');
		assert.equal(require('../package-lock.json').version, version);
		assert.equal(/^version = "(.+)"$/m.exec(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8'))[1], version);
		assert.ok(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').includes(`\n## ${version} (`));
	});
});

describe('the packages', { skip }, () => {
	const base = realpathSync(mkdtempSync(join(tmpdir(), 'islet-package-')));
	after(() => rmSync(base, { recursive: true, force: true }));
	const project = join(base, 'project');
	let pack, platform, main, env;

	before(async () => {
		pack = await import('../scripts/pack.mjs');
		// A build for work has symbols in it that a release has not.
		const addon = join(base, 'islet.node');
		cpSync(join(ROOT, 'islet.node'), addon);
		if (process.platform === 'linux') {
			spawnSync('strip', ['--strip-all', addon]);
		}
		const out = join(base, 'dist');
		mkdirSync(out);
		platform = pack.packPlatform({ platform: pack.platformHere(), addon, out });
		main = pack.packMain({ out });

		// What a user has: node and npm, and no cargo.
		const bin = join(base, 'bin');
		mkdirSync(bin);
		symlinkSync(process.execPath, join(bin, 'node'));
		const find = name => process.env.PATH.split(delimiter).map(folder => join(folder, name)).find(path => existsSync(path));
		for (const name of ['npm', 'npx', 'sh', 'env']) {
			symlinkSync(realpathSync(find(name)), join(bin, name));
		}
		env = {
			PATH: bin, HOME: base, npm_config_cache: join(base, 'cache'), npm_config_offline: 'true', npm_config_audit: 'false',
			npm_config_fund: 'false', npm_config_update_notifier: 'false',
		};
		mkdirSync(project);
		writeFileSync(join(project, 'package.json'), '{ "private": true }');
		// Stands for the registry, with the one dependency there is.
		run('npm', ['pack', join(ROOT, 'node_modules', 'ws'), '--silent', '--pack-destination', out]);
		const ws = join(out, `ws-${require('ws/package.json').version}.tgz`);
		run('npm', ['install', ws, platform.tarball, main.tarball], { cwd: project, env });
	});

	it('keep to their sizes', () => {
		assert.ok(statSync(join(platform.folder, 'islet.node')).size <= 52 * MB);
		assert.ok(statSync(platform.tarball).size <= 20 * MB);
		assert.ok(statSync(main.tarball).size <= MB);
		assert.deepEqual(pack.BUDGET, { addon: 52, packed: 20 });
	});

	it('are chosen by platform, and named at the same version', () => {
		const own = JSON.parse(readFileSync(join(main.folder, 'package.json'), 'utf8'));
		assert.deepEqual(Object.keys(own.optionalDependencies).sort(), [
			'@islet/darwin-arm64', '@islet/darwin-x64', '@islet/linux-arm64-gnu', '@islet/linux-arm64-musl', '@islet/linux-x64-gnu',
			'@islet/linux-x64-musl', '@islet/win32-x64',
		]);
		const { name, version, os, cpu, main: entry } = JSON.parse(readFileSync(join(platform.folder, 'package.json'), 'utf8'));
		assert.equal(name, platformPackage());
		assert.deepEqual([os, cpu, entry], [[process.platform], [process.arch], 'islet.node']);
		assert.deepEqual([...new Set([own.version, version, ...Object.values(own.optionalDependencies)])], [version]);
	});

	it('run nothing when they are installed, and bring nothing of the checkout\'s', () => {
		const own = JSON.parse(readFileSync(join(project, 'node_modules/islet/package.json'), 'utf8'));
		assert.equal(own.scripts, undefined);
		assert.equal(own.devDependencies, undefined);
		for (const name of ['src', 'scripts', 'test', 'Cargo.toml', 'islet.node']) {
			assert.equal(existsSync(join(project, 'node_modules/islet', name)), false, name);
		}
		for (const folder of ['islet', platformPackage()]) {
			for (const name of ['LICENSE', 'THIRD_PARTY.md', 'README.md']) {
				assert.ok(existsSync(join(project, 'node_modules', folder, name)), `${folder}/${name}`);
			}
		}
	});

	it('have all files that the library and the command line load', () => {
		const loads = run(process.execPath, ['-e', `
			const { Isolate, serveInspector, versions } = require('islet');
			for (const file of require('node:fs').readdirSync('node_modules/islet/lib')) {
				// A worker's program: the server below runs it.
				if (file.endsWith('.js') && file !== 'inspector-server.js') require('./node_modules/islet/lib/' + file);
			}
			serveInspector(new Isolate({ inspector: true })).then(async server => {
				console.log(versions.islet, server.url.slice(0, 5));
				await server.close();
			});
		`], { cwd: project, env });
		assert.equal(loads.trim(), `${require('../package.json').version} ws://`);
		assert.match(run('npx', ['--no-install', 'islet', 'doctor'], { cwd: project, env }), /fine +runs code/);
	});

	it('run the program of the README', () => {
		const [{ code, prints }] = blocksOf(join(ROOT, 'README.md'));
		writeFileSync(join(project, 'readme.cjs'), code);
		const lines = run(process.execPath, ['readme.cjs'], { cwd: project, env }).trimEnd().split('\n');
		assert.ok(prints.length > 0 && matches(lines, prints), lines.join('\n'));
	});

	for (const name of ['node22', 'node24', 'node26', 'bun', 'deno']) {
		it(`run it on ${name}, with no more permissions than the README asks for`, async context => {
			const { isCached, runtimes } = await import('../scripts/runtimes.mjs');
			if (!isCached(name)) {
				context.skip('`npm run test:runtimes` fetches it');
				return;
			}
			const [{ command: [binary, ...args] }] = await runtimes([name]);
			const [, flags] = /Deno: `(--allow[^`]*)`/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'));
			const granted = name === 'deno' ? [...args.filter(arg => arg !== '-A'), ...flags.split(' ')] : args;
			const [{ code, prints }] = blocksOf(join(ROOT, 'README.md'));
			writeFileSync(join(project, 'readme.cjs'), code);
			const lines = run(binary, [...granted, 'readme.cjs'], { cwd: project, env }).trimEnd().split('\n');
			assert.ok(matches(lines, prints), lines.join('\n'));
		});
	}

	it('have no link in their pages that leads nowhere', () => {
		const folder = join(project, 'node_modules/islet');
		const pages = readdirSync(folder, { recursive: true }).filter(name => name.endsWith('.md'));
		assert.ok(pages.length > 10);
		for (const page of pages) {
			const text = readFileSync(join(folder, page), 'utf8').replace(/^```[^]*?^```/gm, '');
			for (const [, target] of text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
				assert.ok(/^https?:/.test(target) || existsSync(join(folder, dirname(page), target)), `${page}: ${target}`);
			}
		}
	});

	it('bring the game that the README starts with', () => {
		const out = run(process.execPath, ['node_modules/islet/examples/arena', '--players', '3', '--ticks', '3', '--json'], { cwd: project, env });
		assert.equal(JSON.parse(out).players.length, 3);
	});

	it('are loaded by `import`, too', () => {
		writeFileSync(join(project, 'main.mjs'), `
			import ivm, { Isolate } from 'islet';
			const context = await new Isolate().createContext();
			console.log(await context.eval('6 * 7'), ivm.Isolate === Isolate);
		`);
		assert.equal(run(process.execPath, ['main.mjs'], { cwd: project, env }).trim(), '42 true');
	});

	it('have types that resolve, for CommonJS, for modules and for bundlers', () => {
		const source = `
			import { Isolate, type Context } from 'islet';
			const context: Context = new Isolate({ memoryLimit: 32 }).createContextSync();
			export const answer: Promise<any> = context.eval('1', { copy: true });
			// @ts-expect-error a limit is a number
			new Isolate({ memoryLimit: 'much' });
		`;
		writeFileSync(join(project, 'types.mts'), source);
		writeFileSync(join(project, 'types.cts'), source);
		const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
		for (const [moduleResolution, module, include] of [
			['nodenext', 'nodenext', ['types.mts', 'types.cts']], ['bundler', 'esnext', ['types.mts']],
		]) {
			const compilerOptions = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022'], types: [], module, moduleResolution };
			writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
			run(process.execPath, [tsc, '-p', '.'], { cwd: project, env });
		}
	});

	it('are found without a look at the whole process', { skip: process.platform !== 'linux' || existsSync('/lib/ld-musl-x86_64.so.1') }, () => {
		const name = run(process.execPath, ['-e', `
			process.report.getReport = () => { throw new Error('slow, and not permitted everywhere'); };
			console.log(require('./node_modules/islet/lib/platform-package.js').platformPackage());
		`], { cwd: project, env });
		assert.equal(name.trim(), `@islet/linux-${process.arch}-gnu`);
	});

	it('say what is missing where the platform\'s package is not installed', () => {
		const bare = join(base, 'bare');
		mkdirSync(join(bare, 'node_modules'), { recursive: true });
		cpSync(main.folder, join(bare, 'node_modules', 'islet'), { recursive: true });
		const { status, stderr } = spawnSync(process.execPath, ['-e', 'require("islet")'], { cwd: bare, env, encoding: 'utf8' });
		assert.equal(status, 1);
		assert.match(stderr, new RegExp(`no addon for this platform[^]*${platformPackage()}[^]*--omit=optional`));
	});

	it('are refused when the addon is too large, or for no platform', () => {
		const out = join(base, 'refused');
		mkdirSync(out);
		const large = join(base, 'large.node');
		writeFileSync(large, Buffer.alloc(53 * MB));
		assert.throws(() => pack.packPlatform({ platform: 'linux-x64-gnu', addon: large, out }), /53\.0 MB, more than the 52 allowed/);
		assert.throws(() => pack.packPlatform({ platform: 'plan9-x64', addon: large, out }), /no package for plan9-x64/);
		assert.throws(() => pack.packPlatform({ platform: 'linux-x64-gnu', addon: join(base, 'none'), out }), /npm run build/);
	});
});
