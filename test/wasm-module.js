'use strict';

/** A number as WebAssembly's binary format has it (LEB128). */
function leb(n) {
	const bytes = [];
	do {
		bytes.push(n & 127 | (n > 127 ? 128 : 0));
		n >>>= 7;
	} while (n > 0);
	return bytes;
}

/** A section, or anything else that begins with its size. */
const sized = bytes => Buffer.concat([Buffer.from(leb(bytes.length)), bytes]);
const section = (id, ...parts) => Buffer.concat([Buffer.from([id]), sized(Buffer.concat(parts.map(part => Buffer.from(part))))]);

/**
 * A WebAssembly module of `count` functions of `operations` additions and the like, about three bytes each. It exports `f(i32)`, which
 * calls them all.
 */
function wasmModule(count, operations) {
	const bodies = [];
	for (let k = 0; k < count; ++k) {
		const code = [0, 0x20, 0];
		for (let i = 0; i < operations; ++i) {
			code.push(0x41, i * 7 + k & 63, [0x6a, 0x73, 0x6c, 0x6b][i & 3]);
		}
		code.push(0x0b);
		bodies.push(sized(Buffer.from(code)));
	}
	const calls = Array.from({ length: count }, (_, k) => [0x10, ...leb(k)]).flat();
	bodies.push(sized(Buffer.from([0, 0x20, 0, ...calls, 0x0b])));
	return new Uint8Array(Buffer.concat([
		Buffer.from([0, 97, 115, 109, 1, 0, 0, 0]),
		section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
		section(3, leb(count + 1), Buffer.alloc(count + 1)),
		section(7, [1, 1, 102, 0], leb(count)),
		section(10, leb(count + 1), ...bodies),
	]));
}

module.exports = { wasmModule };
