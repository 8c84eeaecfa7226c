'use strict';

/** WebAssembly is compiled on the guest's own thread: what that takes is the guest's, and ends with it. */

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { FEW, ROOT, child, guest, inBothForms, rejects } = require('./helpers');
const { wasmModule } = require('./wasm-module');

const MAKE = `const { wasmModule } = require(${JSON.stringify(join(ROOT, 'test', 'wasm-module'))});`;
const linux = process.platform === 'linux';

describe('what WebAssembly\'s compilers take', () => {
	it('of CPU time is the guest\'s: V8\'s own threads do nothing for it', { skip: !linux || FEW }, async () => {
		const [seen] = await child(`
			${MAKE}
			const fs = require('node:fs');
			// Ticks of 10 ms, of all threads of the process by their names.
			const ticks = () => {
				const all = {};
				for (const id of fs.readdirSync('/proc/self/task')) {
					const stat = fs.readFileSync('/proc/self/task/' + id + '/stat', 'utf8');
					const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
					const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
					all[name] = (all[name] ?? 0) + +fields[11] + +fields[12];
				}
				return all;
			};
			const { isolate, context, jail } = guest({ memoryLimit: 512 });
			jail.setSync('bytes', wasmModule(40, 9000), { copy: true });
			const node = ticks();
			const before = isolate.cpuTime;
			(async () => {
				// Enough calls for the optimizing compiler.
				await context.eval('WebAssembly.instantiate(bytes).then(({ instance: { exports } }) => { for (let i = 0; i < 2000; ++i) exports.f(i); return 1 })', { promise: true });
				const after = ticks();
				// Those of Node's own V8 have other names.
				const others = Object.keys(after).filter(name => name.startsWith('V8 Default'));
				report([isolate.cpuTime - before > 100_000_000n, others.length > 0, others.filter(name => after[name] - (node[name] ?? 0) > 5)]);
				process.exit(0);
			})();
		`);
		assert.deepEqual(seen, [true, true, []]);
	});

	it('of memory counts: the optimizer stops at the limit, and takes nothing afterwards', { skip: !linux || FEW }, async () => {
		const [[code, peak, quiet, other]] = await child(`
			${MAKE}
			const fs = require('node:fs');
			const most = () => parseInt(/VmHWM:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
			const { context, jail } = guest({ memoryLimit: 64 });
			// One function of 4.5 MB, which the optimizer would take half a gigabyte for.
			jail.setSync('bytes', wasmModule(1, 1_500_000), { copy: true });
			const before = most();
			(async () => {
				const code = await context.eval('const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports; for (;;) f(1)', { timeout: 1000 }).catch(error => error.code);
				const quiet = await until(async () => {
					const { user, system } = process.cpuUsage();
					await sleep(300);
					const used = process.cpuUsage();
					return used.user + used.system - user - system < 100_000;
				});
				report([code, most() - before, quiet, guest().context.evalSync('1 + 1')]);
				process.exit(0);
			})();
		`);
		assert.match(code, /^ERR_(?:MEMORY_LIMIT|TIMEOUT)$/);
		assert.ok(peak < 64 * 2 + 64, String(peak));
		assert.deepEqual([quiet, other], [true, 2]);
	});
});

describe('asynchronous compilation of WebAssembly', () => {
	const of = bytes => {
		const made = guest({ memoryLimit: 128 });
		made.jail.setSync('bytes', bytes, { copy: true });
		return made;
	};

	it('gives the module, and instances of it', async () => {
		const { context } = of(wasmModule(300, 200));
		for (const code of [
			'WebAssembly.compile(bytes).then(module => new WebAssembly.Instance(module).exports.f(1))',
			'WebAssembly.instantiate(bytes).then(({ instance }) => instance.exports.f(1))',
			'WebAssembly.compile(bytes).then(module => WebAssembly.instantiate(module)).then(instance => instance.exports.f(1))',
			'(async () => new WebAssembly.Instance(await WebAssembly.compile(bytes)).exports.f(1))()',
		]) {
			assert.equal(typeof await context.eval(code, { promise: true, timeout: 20_000 }), 'number', code);
		}
		assert.equal(await context.eval('Promise.all(Array.from({ length: 10 }, () => WebAssembly.compile(bytes))).then(all => all.length)', { promise: true }), 10);
	});

	it('rejects what is no module, wherever the mistake is', async () => {
		const bytes = wasmModule(300, 200);
		bytes[bytes.length - 1] = 0x0c;
		const { context } = of(bytes);
		const name = 'error => error instanceof WebAssembly.CompileError';
		assert.equal(await context.eval(`WebAssembly.compile(bytes).then(() => 0, ${name})`, { promise: true }), true);
		assert.equal(await context.eval(`WebAssembly.compile(bytes.slice(0, 4)).then(() => 0, ${name})`, { promise: true }), true);
	});

	inBothForms('goes on after a call that nobody waited for', 'eval', async call => {
		const { context } = of(wasmModule(300, 200));
		await call(context, 'globalThis.done = WebAssembly.compile(bytes); 1');
		assert.equal(await context.eval('done.then(module => module instanceof WebAssembly.Module)', { promise: true }), true);
	});

	it('ends with its isolate', async () => {
		const { isolate, context } = of(wasmModule(3000, 200));
		const pending = context.eval('WebAssembly.compile(bytes).then(() => new Promise(() => {}))', { promise: true });
		isolate.dispose();
		await rejects(pending, Error, /disposed/, 'ERR_ISOLATE_DISPOSED');
	});

	it('keeps the process alive until the promise that was asked for is settled', async () => {
		const [seen] = await child(`
			${MAKE}
			const { context, jail } = guest({ memoryLimit: 128 });
			jail.setSync('bytes', wasmModule(300, 200), { copy: true });
			context.eval('WebAssembly.compile(bytes).then(() => "compiled")', { promise: true }).then(report);
		`);
		assert.equal(seen, 'compiled');
	});

	it('of the same bytes in many isolates at once gives each a module', async () => {
		const bytes = wasmModule(500, 200);
		const made = Array.from({ length: 6 }, () => of(bytes));
		const all = await Promise.all(made.map(({ context }) => context.eval('WebAssembly.instantiate(bytes).then(({ instance }) => instance.exports.f(5))', { promise: true })));
		assert.equal(new Set(all).size, 1);
		made.forEach(({ isolate }) => isolate.dispose());
	});
});
