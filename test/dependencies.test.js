'use strict';

/** scripts/dependencies.mjs: what it lets in, and what not. */

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { before, describe, it } = require('node:test');
const { ROOT } = require('./helpers');

const REGISTRY = 'registry+https://registry.example/index';

describe('the check of dependencies', () => {
	let check, rules;
	before(async () => {
		check = await import('../scripts/dependencies.mjs');
		rules = check.readRules(readFileSync(join(ROOT, 'deny.toml'), 'utf8'));
	});

	it('takes its rules from deny.toml', () => {
		assert.ok(rules.licences.includes('MIT') && rules.licences.includes('Apache-2.0 WITH LLVM-exception'));
		assert.ok(!rules.licences.some(name => name.includes('GPL')));
		assert.ok(rules.skipped.every(name => /^[\w-]+@\d+\.\d+\.\d+$/.test(name)));
	});

	it('lets a licence pass when one of a choice is allowed, and all that hold together are', () => {
		const allowed = ['MIT', 'Apache-2.0', 'Unicode-3.0', 'Apache-2.0 WITH LLVM-exception'];
		for (const [expression, expected] of [
			['MIT', true], ['GPL-3.0', false], ['MIT OR GPL-3.0', true], ['MIT AND GPL-3.0', false], ['GPL-3.0/MIT', true],
			['(MIT OR Apache-2.0) AND Unicode-3.0', true], ['(MIT OR Apache-2.0) AND GPL-3.0', false],
			['Apache-2.0 WITH LLVM-exception OR GPL-3.0', true], ['GPL-2.0 WITH LLVM-exception', false],
			['GPL-3.0 OR MIT AND Unicode-3.0', true], ['GPL-3.0 OR MIT AND GPL-2.0', false], [null, false], ['', false], ['MIT MIT', false],
		]) {
			assert.equal(check.isAllowed(expression, allowed), expected, expression);
		}
	});

	it('finds crates of another licence, from elsewhere, or there twice', () => {
		const crate = (name, version, more) => ({ name, version, license: 'MIT', source: REGISTRY, ...more });
		const plain = { licences: ['MIT'], skipped: [] };
		assert.deepEqual(check.wrongCrates([crate('islet', '0.1.0', { source: null }), crate('a', '1.0.0')], plain), []);
		const wrong = check.wrongCrates([
			crate('a', '1.0.0'), crate('a', '2.0.0'), crate('b', '1.0.0', { license: 'GPL-3.0' }),
			crate('c', '1.0.0', { source: 'git+https://example.org/c' }), crate('d', '1.0.0', { source: null }),
		], plain);
		assert.deepEqual(wrong, [
			'b@1.0.0: the licence GPL-3.0 is not allowed', 'c@1.0.0: comes from git+https://example.org/c, not from the crates registry',
			'd@1.0.0: comes from a path, not from the crates registry', 'a@1.0.0, a@2.0.0: more than one version',
		]);
		const twice = [crate('a', '1.0.0'), crate('a', '2.0.0')];
		assert.deepEqual(check.wrongCrates(twice, { ...plain, skipped: ['a@1.0.0'] }), []);
		assert.match(check.wrongCrates([crate('a', '2.0.0')], { ...plain, skipped: ['a@1.0.0'] })[0], /skipped in deny\.toml, and not there/);
	});

	it('finds packages without a hash, with install scripts, or not pinned', () => {
		const lock = {
			packages: { '': {}, 'node_modules/a': { integrity: 'sha512-x' }, 'node_modules/b': { hasInstallScript: true } },
		};
		assert.deepEqual(check.wrongPackages(lock, { dependencies: { a: '1.0.0', b: '^2.0.0' } }), [
			'node_modules/b: no hash', 'node_modules/b: runs code when it is installed', 'b: not pinned in package.json',
		]);
		const read = name => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
		assert.deepEqual(check.wrongPackages(read('package-lock.json'), read('package.json')), []);
	});
});
