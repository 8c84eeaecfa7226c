'use strict';

/** The command line: bin/. */

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { WebSocket } = require('ws');
const { ROOT } = require('./helpers');

const folder = mkdtempSync(join(tmpdir(), 'islet-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `islet` with these arguments; `input` is its standard input. */
function islet(args, input = '') {
	const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin', 'islet.js'), ...args], {
		input, encoding: 'utf8', timeout: 60_000, cwd: folder,
	});
	return { status, stdout, stderr };
}

function file(name, text) {
	writeFileSync(join(folder, name), text);
	return name;
}

describe('islet run', () => {
	it('prints the value of the last statement as JSON', () => {
		assert.deepEqual(islet(['run', file('a.js', '({ a: [1, "x"] })')]),
			{ status: 0, stdout: '{\n\t"a": [\n\t\t1,\n\t\t"x"\n\t]\n}\n', stderr: '' });
	});

	it('reads standard input', () => {
		assert.equal(islet(['run'], '6 * 7').stdout, '42\n');
		assert.equal(islet(['run', '-'], '"-"').stdout, '"-"\n');
	});

	it('waits for promises, and prints what JSON has no word for', () => {
		assert.equal(islet(['run'], '(async () => 5)()').stdout, '5\n');
		assert.equal(islet(['run'], 'undefined').stdout, 'undefined\n');
		assert.equal(islet(['run'], '12345678901234567890n').stdout, '"12345678901234567890"\n');
	});

	it('prints the console on standard error, in order, whatever is printed', () => {
		const { stdout, stderr } = islet(['run'],
			'console.log("a", { b: [1] }); console.error(Symbol("s")); console.log(() => 1, new WeakMap()); 0');
		assert.equal(stdout, '0\n');
		assert.equal(stderr, 'a { b: [ 1 ] }\nSymbol(s)\n() => 1 [object WeakMap]\n');
		assert.equal(islet(['run', '--quiet'], 'console.log(1); 2').stderr, '');
	});

	it('gives globals', () => {
		assert.equal(islet(['run', '--global', 'a={"n":2}', '--global', 'b=[1]'], 'a.n + b.length').stdout, '3\n');
	});

	it('says by its exit code how the script failed', () => {
		const cases = [
			['throw new RangeError("no")', [], 1, /^RangeError: no\n {4}at <stdin>:1:7\n$/],
			['throw { a: 1 }', [], 1, /^\{ a: 1 \}\n$/],
			['let let', [], 1, /^SyntaxError: .* \[<stdin>:1:5\]\n$/],
			['for (;;);', ['--timeout', '50'], 3, /^Error: Script execution timed out\.\n$/],
			['const all = []; for (;;) all.push(new Array(1000).fill(0))', ['--memory', '16'], 4, /memory limit/],
		];
		for (const [code, args, status, stderr] of cases) {
			const ran = islet(['run', ...args], code);
			assert.deepEqual([code, ran.status, ran.stdout], [code, status, '']);
			assert.match(ran.stderr, stderr);
		}
	});

	it('says what is wrong with its arguments', () => {
		const cases = [
			[['--memory', '7'], /--memory takes an integer of at least 8, not `7`/],
			[['--timeout', 'x'], /--timeout takes an integer of at least 0, not `x`/],
			[['--global', 'a'], /--global takes NAME=JSON, not `a`/],
			[['--global', 'a={'], /--global a: /],
			[['--nothing'], /--nothing/],
			[['a.js', 'b.js'], /one file at a time, not 2/],
			[['missing.js'], /missing\.js can't be read: ENOENT/],
		];
		for (const [args, message] of cases) {
			const { status, stderr } = islet(['run', ...args]);
			assert.equal(status, 2, args.join(' '));
			assert.match(stderr, message);
		}
	});

	it('runs modules, which import what lies beside them', () => {
		file('main.mjs', 'import { x } from "./other.mjs"; import data from "./data.json" with { type: "json" }; export default x + data.k + await 4;');
		file('other.mjs', 'import { y } from "./main2.mjs"; export const x = y;');
		file('main2.mjs', 'export const y = 2;');
		file('data.json', '{ "k": 1 }');
		assert.deepEqual(islet(['run', '--module', 'main.mjs']), { status: 0, stdout: '7\n', stderr: '' });
		assert.equal(islet(['run', '--module'], 'export default [1]').stdout, '[\n\t1\n]\n');
		for (const specifier of ['/etc/hostname', '../outside.mjs', 'fs', 'node:fs', './missing.mjs']) {
			const { status, stdout, stderr } = islet(['run', '--module'], `import ${JSON.stringify(specifier)}`);
			assert.deepEqual([status, stdout], [1, ''], specifier);
			assert.match(stderr, /^Error: (Cannot import '|ENOENT)/);
		}
	});

	it('lets a debugger in before the script runs, and pauses at its start', async () => {
		file('debugged.js', '1 + 1');
		const child = spawn(process.execPath, [join(ROOT, 'bin', 'islet.js'), 'run', '--inspect', 'debugged.js'], { cwd: folder });
		const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
		let [stdout, stderr] = ['', ''];
		child.stdout.on('data', chunk => { stdout += chunk; });
		const url = await new Promise(resolve => child.stderr.on('data', chunk => {
			stderr += chunk;
			const found = /\((ws:[^)]+)\)/.exec(stderr);
			if (found) {
				resolve(found[1]);
			}
		}));
		const socket = new WebSocket(url);
		const seen = [];
		const send = (id, method, params) => socket.send(JSON.stringify({ id, method, params }));
		socket.on('message', data => {
			const { id, method, params } = JSON.parse(data);
			seen.push(method ?? id);
			if (id === 1) {
				child.stdin.write('\n');
			} else if (method === 'Debugger.paused') {
				seen.push(params.callFrames[0].location.lineNumber);
				send(2, 'Debugger.resume');
			}
		});
		await once(socket, 'open');
		send(1, 'Debugger.enable');
		const [status] = await once(child, 'close');
		clearTimeout(timer);
		assert.deepEqual([status, stdout], [0, '2\n']);
		assert.deepEqual(seen.slice(seen.indexOf('Debugger.paused')).slice(0, 2), ['Debugger.paused', 0]);
		assert.equal(islet(['run', '--inspect'], '1').status, 2);
	});

	it('leaves nothing running', () => {
		assert.equal(islet(['run', '--timeout', '100'], 'Promise.resolve().then(() => { for (;;); }); 1').status, 3);
		assert.equal(islet(['run'], 'WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); 1').stdout, '1\n');
	});
});

describe('islet', () => {
	it('doctor says what is installed, and that it works', () => {
		const { status, stdout, stderr } = islet(['doctor']);
		assert.deepEqual([status, stderr], [0, '']);
		assert.match(stdout, /^islet +\d+\.\d+\.\d+\nV8 of guests +\d+\./);
		assert.doesNotMatch(stdout, /FAILED/);
		assert.match(stdout, /^fine {4}runs code$/m);
	});

	it('knows its commands', () => {
		assert.equal(islet([]).status, 2);
		assert.equal(islet(['--help']).status, 0);
		assert.equal(islet(['run', '--help']).status, 0);
		assert.match(islet(['walk']).stderr, /no command `walk`/);
		assert.match(islet(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
	});
});
