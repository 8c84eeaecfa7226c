'use strict';

/** WebAssembly: memories, tables, code, endless functions. Modules are assembled by hand below. */

const bytes = list => `new Uint8Array([${list.join(',')}])`;
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0];
const section = (id, ...body) => [id, body.length, ...body];

/** A module that exports `f`, of no arguments and results, with this body. */
const assemble = (body, before = [], after = []) => bytes([
	...HEAD, ...section(1, 1, 0x60, 0, 0), ...section(3, 1, 0), ...before, ...section(7, 1, 1, 102, 0, 0), ...after,
	...section(10, 1, body.length + 2, 0, ...body, 0x0b),
]);

const LOOP = assemble([0x03, 0x40, 0x0c, 0, 0x0b]);
const RECURSE = assemble([0x10, 0]);
/** A memory of one page without a maximum, and a loop that grows it. */
const GROW = assemble([0x03, 0x40, 0x41, 16, 0x40, 0, 0x1a, 0x0c, 0, 0x0b], section(5, 1, 0, 1));
const instance = source => `new WebAssembly.Instance(new WebAssembly.Module(${source}))`;

module.exports = {
	'memory-large': 'const m = new WebAssembly.Memory({ initial: 60000 }); new Uint8Array(m.buffer).fill(1)',
	'memory-grow': 'const m = new WebAssembly.Memory({ initial: 1 }); m.grow(65000); new Uint8Array(m.buffer).fill(1)',
	'memory-grow-in-steps': 'const m = new WebAssembly.Memory({ initial: 1 }); for (;;) { m.grow(16); new Uint8Array(m.buffer).fill(1) }',
	'memory-many': 'const kept = []; for (;;) { const m = new WebAssembly.Memory({ initial: 16 }); new Uint8Array(m.buffer).fill(1); kept.push(m) }',
	'memory-reserved': 'const kept = []; for (;;) kept.push(new WebAssembly.Memory({ initial: 0, maximum: 65536 }))',
	'memory-shared': 'const m = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }); m.grow(65000); new Uint8Array(m.buffer).fill(1)',
	'memory-shared-steps': 'const m = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }); for (;;) { m.grow(16); new Uint8Array(m.buffer).fill(1) }',
	'memory64': 'const m = new WebAssembly.Memory({ address: "i64", initial: 1n, maximum: 131072n }); m.grow(100000n); new Uint8Array(m.buffer, 0, 2 ** 32).fill(1)',
	'memory64-initial': 'const m = new WebAssembly.Memory({ address: "i64", initial: 131072n }); new Uint8Array(m.buffer, 0, 2 ** 32).fill(1)',
	'memory-resizable': 'const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); const b = m.toResizableBuffer?.() ?? m.buffer; b.resize?.(2 ** 31); new Uint8Array(b).fill(1)',
	'memory-grow-inside': `${instance(GROW)}.exports.f()`,
	'memory-grow-caught': 'const m = new WebAssembly.Memory({ initial: 1 }); let n = 0; try { for (;;) { m.grow(64); new Uint8Array(m.buffer).fill(1); ++n } } catch (e) { e instanceof RangeError }',
	'table-large': 'new WebAssembly.Table({ initial: 1e7, element: "anyfunc" })',
	'table-grow': 'const t = new WebAssembly.Table({ initial: 1, element: "externref" }); for (;;) t.grow(100000, {})',
	'tables-many': 'const kept = []; for (;;) kept.push(new WebAssembly.Table({ initial: 100000, element: "anyfunc" }))',
	'loop': `${instance(LOOP)}.exports.f()`,
	'recursion': `${instance(RECURSE)}.exports.f()`,
	'compile-many': `const kept = []; for (;;) kept.push(new WebAssembly.Module(${LOOP}))`,
	'instances': `const m = new WebAssembly.Module(${LOOP}); const kept = []; for (;;) kept.push(new WebAssembly.Instance(m))`,
	'instances-called': `const kept = []; for (let i = 0;; ++i) kept.push(new WebAssembly.Instance(new WebAssembly.Module(${RECURSE})).exports.f)`,
	'async-compile': `const kept = []; for (let i = 0; i < 20000; ++i) kept.push(WebAssembly.compile(${LOOP})); 1`,
	'async-result': [`WebAssembly.instantiate(${LOOP}).then(x => x.instance.exports.f())`, { promise: true }],
	'large-body': `const n = 300000; const leb = x => [x & 127 | 128, x >> 7 & 127 | 128, x >> 14 & 127 | 128, x >> 21]; const body = new Array(n).fill(1); const b = [0, ...body.slice(0, n - 2), 11];
		new WebAssembly.Module(new Uint8Array([${HEAD}, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, ...leb(b.length + 5), 1, ...leb(b.length), ...b]))`,
	'nested-blocks': `const n = 200000; const leb = x => [x & 127 | 128, x >> 7 & 127 | 128, x >> 14 & 127 | 128, x >> 21]; const b = new Uint8Array(n * 3 + 2); for (let i = 0; i < n; ++i) { b[1 + i * 2] = 2; b[2 + i * 2] = 64; b[1 + n * 2 + i] = 11 } b[n * 3 + 1] = 11;
		const h = [${HEAD}, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, ...leb(b.length + 5), 1, ...leb(b.length)]; const all = new Uint8Array(h.length + b.length); all.set(h); all.set(b, h.length); WebAssembly.validate(all) && new WebAssembly.Instance(new WebAssembly.Module(all))`,
	'garbage': 'for (let i = 0; i < 1e5; ++i) { const b = new Uint8Array(64).map(() => Math.random() * 256); b.set([0, 97, 115, 109, 1, 0, 0, 0]); try { new WebAssembly.Module(b) } catch {} }',
	'module-out': [`new WebAssembly.Module(${LOOP})`, { copy: true }],
	'memory-out': ['new WebAssembly.Memory({ initial: 1 }).buffer', { copy: true }],
};
