/*
 * Hostile: never comes back. Every tick it gets stuck in another way; all of them end with the
 * timeout, and none of them with the isolate.
 */
const traps = [
	function loop() {
		for (;;);
	},
	function stubborn() {
		// Catches whatever is meant to stop it, and goes on.
		for (;;) {
			try {
				for (;;);
			} catch {} finally {
				continue;
			}
		}
	},
	function backtrack() {
		return /^(a+)+$/.test(`${'a'.repeat(40)}b`);
	},
	function promise() {
		// Comes back at once, but leaves microtasks behind that beget microtasks.
		const again = () => Promise.resolve().then(again);
		again();
		return [];
	},
	function returnTrap() {
		// Comes back at once with an answer that never ends when it is read.
		return [{ get do() { for (;;); } }];
	},
	function serialise() {
		return { toJSON() { for (;;); } };
	},
	function throwTrap() {
		throw { get message() { for (;;); } };
	},
	function proxy() {
		return new Proxy([], { get: () => { for (;;); } });
	},
	function sort() {
		return Array.from({ length: 1000 }, (_, i) => i).sort(() => { for (;;); });
	},
];

module.exports.tick = state => traps[state.tick % traps.length]();
