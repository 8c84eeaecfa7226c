/*
 * Hostile: tries to get out, and to break what it finds inside. In every tick it makes another
 * attempt; if one of them ever gets hold of the host's `process`, the host exits with this code.
 */
const PROOF = 66;

/** Anything reachable from what it was given, and what lies behind it, could be the host's. */
function escape(...starts) {
	const queue = [...starts];
	const known = new Set();
	while (queue.length > 0 && known.size < 100) {
		const thing = queue.pop();
		if ((typeof thing !== 'object' && typeof thing !== 'function') || !thing || known.has(thing)) {
			continue;
		}
		known.add(thing);
		try {
			thing.constructor.constructor('return process')().exit(PROOF);
		} catch {}
		try {
			queue.push(Object.getPrototypeOf(thing), thing.constructor, thing.caller, thing.arguments);
			queue.push(...Reflect.ownKeys(thing).slice(0, 10).map(key => thing[key]));
		} catch {}
	}
}

function callSites() {
	const { prepareStackTrace } = Error;
	try {
		Error.prepareStackTrace = (error, sites) => sites;
		return new Error().stack;
	} finally {
		Error.prepareStackTrace = prepareStackTrace;
	}
}

/** What the last attempt has replaced is put back before the next one, which would suffer from it. */
const replaced = [];
const { defineProperty, getOwnPropertyDescriptor } = Object;

function replace(object, key, descriptor) {
	replaced[replaced.length] = { object, key, was: getOwnPropertyDescriptor(object, key) };
	defineProperty(object, key, { configurable: true, ...descriptor });
}

function putBack() {
	while (replaced.length > 0) {
		const { object, key, was } = replaced[replaced.length - 1];
		replaced.length -= 1;
		delete object[key];
		if (was) {
			defineProperty(object, key, was);
		}
	}
}

const attempts = [
	function reachOut(state, memory) {
		escape(state, memory, globalThis, console.log, game, module, Math.random);
		return [];
	},
	function climbTheStack() {
		for (const site of callSites()) {
			escape(site, site.getFunction(), site.getThis());
		}
		return [];
	},
	function overflow(state) {
		// With no stack left, the host's own functions fail; would their errors be the host's?
		const dive = () => {
			try {
				dive();
			} catch (error) {
				console.log(state.me);
				throw error;
			}
		};
		try {
			dive();
		} catch (error) {
			escape(error);
			throw error;
		}
	},
	function hostErrors() {
		for (const call of [console.log, console.error]) {
			try {
				call({ toJSON() { throw new Error('inside'); } }, Symbol('symbol'), Object.create(null));
				call(new Proxy({}, { ownKeys() { throw callSites(); } }));
			} catch (error) {
				escape(error);
			}
		}
		return [];
	},
	function polluteObject() {
		for (const key of ['do', 'id', 'kind', 'target', 'then', 'toJSON', 'timeout', 'copy', '0']) {
			replace(Object.prototype, key, {
				get() { return 'polluted'; }, set() { throw new Error(key); },
			});
		}
		return [{}];
	},
	function polluteArray() {
		replace(Array.prototype, Symbol.iterator, { *value() { yield process; } });
		for (const key of ['push', 'map', 'filter', 'concat']) {
			replace(Array.prototype, key, { value() { throw 1; } });
		}
		return [{ do: 'constructor', id: '__proto__' }];
	},
	function pollutePromise() {
		replace(Promise.prototype, 'then', { value() { throw new Error('then'); } });
		replace(Promise, 'resolve', { value() { throw new Error('resolve'); } });
		replace(globalThis, 'Promise', { value: function Promise() { throw new Error('Promise'); } });
		return { then(resolve) { escape(resolve); for (;;); } };
	},
	function replaceBuiltins() {
		replace(JSON, 'parse', { value: () => escape });
		replace(JSON, 'stringify', { value: () => '[{"do":"spawn"}]' });
		for (const key of ['bind', 'call', 'apply']) {
			replace(Function.prototype, key, { value: () => 'mine' });
		}
		replace(String.prototype, 'slice', { value: () => 'mine' });
		for (const name of ['String', 'Function', 'RangeError', 'Array', 'Object']) {
			replace(globalThis, name, { value: undefined });
		}
		return '[]';
	},
	function protoIntents() {
		return [
			JSON.parse('{"__proto__": {"polluted": true}, "do": "move", "id": 1}'),
			{ do: 'constructor', id: 1 }, { do: '__proto__', id: 1 }, { do: 'spawn', id: 'constructor' },
			{ do: 'spawn', id: -1, kind: '__proto__' }, { do: 'build', kind: 'toString' },
			null, undefined, 1e999, 'spawn', [[[[]]]], () => {}, Symbol.iterator,
		];
	},
	function othersThings(state) {
		// As if it were the one who owns them.
		const others = [...state.enemies, ...state.structures.filter(({ owner }) => owner !== state.me.index)];
		return others.map(({ id }) => ({ do: 'spawn', id, kind: 'worker', dx: 1, dy: 0, target: id }));
	},
	function tooMuch(state) {
		return new Array(state.tick % 2 === 0 ? 1e5 : 1e3).fill({});
	},
	function circularMemory(state, memory) {
		memory.self = memory;
		return [];
	},
	function fatMemory(state, memory) {
		memory.fat = 'x'.repeat(1e6);
		return [];
	},
	function throwNull() {
		throw null;
	},
	function throwProxy() {
		throw new Proxy(function () {}, {
			get(target, key) { throw key; }, getPrototypeOf() { throw 1; }, has() { throw 2; },
		});
	},
	function throwLiar() {
		const error = new Error('\u001b[2J');
		Object.defineProperty(error, 'name', { value: 'x'.repeat(1e6) });
		Object.defineProperty(error, 'stack', { get() { escape(this); throw error; } });
		throw error;
	},
	function returnFunction() {
		return () => process.exit(PROOF);
	},
	function returnProxy() {
		return new Proxy([], { get(target, key) { throw new Error(String(key)); } });
	},
	function later() {
		// Nothing of this may run when nobody is watching.
		new FinalizationRegistry(() => { for (;;); }).register({}, 1);
	},
	function compileLater() {
		WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(() => { for (;;); });
	},
	function importLater() {
		import('fs').then(fs => fs.writeFileSync('/dev/null', ''), () => {});
		return [];
	},
	function closeTheDoor() {
		// What the host's code finds when it comes for the next tick, once.
		replace(module, 'exports', { get() { putBack(); for (;;); } });
		replace(globalThis, 'game', { value: null });
		replace(globalThis, 'console', { value: null });
		return [];
	},
];

module.exports.tick = (state, memory) => {
	putBack();
	return attempts[state.tick % attempts.length](state, memory);
};
