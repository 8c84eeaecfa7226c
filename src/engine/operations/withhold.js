'use strict';
// Runs in a new context before anybody else: takes away, or replaces, what its maker withholds (operations/withhold.rs).
// What it leaves must lead back to nothing that it took: constructors are reached by `constructor` too.
(withheld, frozen, resolution, seed) => {
	const WASM = 2;
	const SHARED = 4;
	const { defineProperty, getOwnPropertyDescriptor } = Object;
	const { apply, construct } = Reflect;
	const hide = (object, key, value) =>
		defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
	if (withheld & WASM) {
		delete globalThis.WebAssembly;
	}
	if (withheld & SHARED && typeof SharedArrayBuffer === 'function') {
		delete SharedArrayBuffer.prototype.constructor;
		delete globalThis.SharedArrayBuffer;
	}
	if (seed !== undefined) {
		// mulberry32, twice for 53 bits.
		let state = seed >>> 0;
		const { imul } = Math;
		const next = () => {
			state = state + 0x6d2b79f5 >>> 0;
			let t = imul(state ^ state >>> 15, 1 | state);
			t = t + imul(t ^ t >>> 7, 61 | t) ^ t;
			return (t ^ t >>> 14) >>> 0;
		};
		hide(Math, 'random', { random: () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992 }.random);
	}
	if (frozen === undefined && resolution === undefined) {
		return;
	}
	const RealDate = Date;
	const realNow = Date.now;
	const { floor } = Math;
	const { now } = { now: frozen === undefined ? () => floor(realNow() / resolution) * resolution : () => frozen };
	const { toString } = RealDate.prototype;
	const Replaced = function Date(...values) {
		if (new.target === undefined) {
			return apply(toString, new RealDate(now()), []);
		}
		return construct(RealDate, values.length === 0 ? [now()] : values, new.target);
	};
	defineProperty(Replaced, 'prototype', { __proto__: null, value: RealDate.prototype, writable: false });
	defineProperty(Replaced, 'length', { __proto__: null, value: 7, configurable: true });
	hide(Replaced, 'now', now);
	hide(Replaced, 'parse', RealDate.parse);
	hide(Replaced, 'UTC', RealDate.UTC);
	hide(RealDate.prototype, 'constructor', Replaced);
	hide(globalThis, 'Date', Replaced);
	if (typeof Temporal === 'object') {
		delete Temporal.Now;
	}
	// It settles after a time that the guest chooses.
	delete Atomics.waitAsync;
	if (typeof Intl === 'object') {
		const { prototype } = Intl.DateTimeFormat;
		const { get } = getOwnPropertyDescriptor(prototype, 'format');
		const { formatToParts } = prototype;
		const formats = new WeakMap();
		const [find, keep] = [formats.get, formats.set];
		defineProperty(prototype, 'format', {
			__proto__: null,
			get: getOwnPropertyDescriptor({
				get format() {
					const real = apply(get, this, []);
					let format = apply(find, formats, [real]);
					if (format === undefined) {
						format = date => real(date === undefined ? now() : date);
						apply(keep, formats, [real, format]);
					}
					return format;
				},
			}, 'format').get,
			configurable: true,
		});
		hide(prototype, 'formatToParts', {
			formatToParts(date) {
				return apply(formatToParts, this, [date === undefined ? now() : date]);
			},
		}.formatToParts);
	}
}
