'use strict';

// The one file that packages have in place of lib/ (scripts/bundle.mjs): it is to be what the files are.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, before, describe, it } = require('node:test');
const { ROOT, islet } = require('./helpers');

describe('the bundle', () => {
	const base = mkdtempSync(join(tmpdir(), 'islet-bundle-'));
	const folder = join(base, 'islet');
	after(() => rmSync(base, { recursive: true, force: true }));
	before(async () => {
		const { stage } = await import('../scripts/bundle.mjs');
		stage(folder);
	});

	function run(code, file = 'program.cjs') {
		const path = join(base, file);
		writeFileSync(path, code);
		const { status, signal, stdout, stderr } = spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: 60_000, cwd: base });
		assert.equal(signal ?? status, 0, stderr);
		return stdout.trim() && JSON.parse(stdout);
	}

	it('exports what the library does, to require and to import', () => {
		const names = Object.keys(islet).sort();
		assert.deepEqual(run('console.log(JSON.stringify(Object.keys(require("./islet")).sort()))'), names);
		const [imported, missing] = run(`
			import * as all from './islet/index.js';
			console.log(JSON.stringify([Object.keys(all), Object.keys(all).filter(name => all[name] === undefined)]));
		`, 'program.mjs');
		assert.deepEqual(names.filter(name => !imported.includes(name)), []);
		assert.deepEqual(missing, []);
	});

	it('has every file of the library, each of which loads', () => {
		const files = readdirSync(join(ROOT, 'lib')).filter(file => file.endsWith('.js') && file !== 'inspector-server.js');
		const kinds = run(`
			require('./islet');
			const part = require('./islet/lib/all.js');
			console.log(JSON.stringify(${JSON.stringify(files)}.map(file => typeof part('./' + file.slice(0, -3)))));
		`);
		assert.deepEqual([...new Set(kinds)], ['object']);
	});

	it('runs programs, and none of the files that it is made of', () => {
		const { results, loaded } = run(`
			const islet = require('./islet');
			const isolate = new islet.Isolate({ memoryLimit: 32 });
			const context = isolate.createContextSync();
			const results = [];
			(async () => {
				results.push(context.evalSync('1 + 1'));
				results.push(await context.eval('({ a: [1, new Date(0)] })', { copy: true }));
				context.global.setSync('host', new islet.Callback(n => n * 2));
				results.push(context.evalSync('host(21)'));
				const module = await isolate.compileModule('export default 7');
				await module.instantiate(context, () => {});
				await module.evaluate();
				results.push(module.namespace.getSync('default'));
				context.global.setSync('ivm', islet);
				results.push(context.evalSync('typeof ivm.Isolate'));
				results.push(new islet.ExternalCopy({ deep: { est: 1 } }).copy());
				try {
					context.evalSync('function inner() { throw new RangeError("no") } inner()');
				} catch (error) {
					results.push(error.name, error.stack.includes('all.js'));
				}
				const loaded = Object.keys(require.cache).filter(file => file.endsWith('.js')).map(file => file.slice(file.lastIndexOf('islet')));
				console.log(JSON.stringify({ results, loaded }));
			})();
		`);
		assert.deepEqual(results, [2, { a: [1, '1970-01-01T00:00:00.000Z'] }, 42, 7, 'function', { deep: { est: 1 } }, 'RangeError', false]);
		assert.deepEqual(loaded.map(file => file.replaceAll('\\', '/')).sort(), ['islet/index.js', 'islet/lib/all.js', 'islet/lib/native.js']);
	});
});
