'use strict';

/** What requests of a guest are written with: the part of `lib/wire.js` that the public classes use. */

const { defineProperty } = Object;
const { apply } = Reflect;
const native = require('./native');

module.exports = {
	/** Async contexts are the environments' (lib/wire.js). */
	defer() {},
	writeString: native.text,
	u32: native.u32,
	u8: native.u32,
	writeValue: native.value,
	/** Writes a copy, to which the memory of the buffers in the list moves. */
	writeClone(value, transferList) {
		const values = [value];
		for (let i = 0; i < transferList.length; ++i) {
			defineProperty(values, i + 1, { __proto__: null, value: transferList[i], enumerable: true });
		}
		apply(native.clone, undefined, values);
	},
	hooks: { __proto__: null, make: { __proto__: null } },
};
