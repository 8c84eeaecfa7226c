'use strict';

/**
 * Calls every member of a class in every wrong way there is, and says what didn't go as it should. Classes and their members
 * are found at run time.
 *
 * This is plain JavaScript that needs nothing around it: its text runs inside guests as well (program.js).
 */

/**
 * @param {object} islet The library.
 * @param {string} className
 * @param {{ inside: boolean, more: object, trace: (label: string) => void, patience: () => Promise<void> }} place
 * `more`: further wrong values. `trace`: hears of every call before it is made. `patience`: how long async calls may take.
 */
async function abuse(islet, className, { inside, more, trace, patience }) {
	// --- values -----------------------------------------------------------------------------------------

	/** What getters and traps of wrong values throw: the caller's own error, which has to arrive as it is. */
	const MINE = new RangeError('mine');
	const throwMine = () => {
		throw MINE;
	};

	const throwing = new Proxy({}, Object.fromEntries(
		['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'defineProperty', 'deleteProperty'].map(trap => [trap, throwMine])));

	function revoked(target) {
		const { proxy, revoke } = Proxy.revocable(target, {});
		revoke();
		return proxy;
	}

	function detached(buffer = new ArrayBuffer(64)) {
		if (typeof buffer.transfer === 'function') {
			buffer.transfer();
		} else {
			structuredClone(buffer, { transfer: [buffer] });
		}
		return buffer;
	}

	function nested(depth) {
		let value = [];
		for (let i = 0; i < depth; ++i) {
			value = [value];
		}
		return value;
	}

	/** Values that are wrong nearly everywhere, by what they are. Made anew for every call. */
	const WRONG = {
		undefined: () => undefined,
		null: () => null,
		true: () => true,
		zero: () => 0,
		minusOne: () => -1,
		half: () => 1.5,
		NaN: () => NaN,
		Infinity: () => Infinity,
		big: () => 2 ** 53,
		bigint: () => 10n ** 30n,
		empty: () => '',
		text: () => 'text',
		loneSurrogate: () => '\ud800',
		zeroByte: () => 'a\0b',
		long: () => 'x'.repeat(100_000),
		symbol: () => Symbol('wrong'),
		object: () => ({}),
		array: () => [],
		values: () => [1, 'a', {}, () => {}],
		holes: () => [, 1, , ],
		arrayOfItself: () => {
			const list = [];
			list.push(list);
			return list;
		},
		function: () => () => 1,
		throws: () => throwMine,
		async: () => async () => 1,
		class: () => class {},
		bound: () => function () {}.bind(null),
		date: () => new Date(NaN),
		regexp: () => /x/,
		map: () => new Map([[{}, new Set()]]),
		weakMap: () => new WeakMap(),
		error: () => new Error('an argument'),
		promise: () => Promise.resolve(1),
		rejected: () => {
			const promise = Promise.reject(MINE);
			promise.catch(() => {});
			return promise;
		},
		never: () => new Promise(() => {}),
		thenable: () => ({ then: 1 }),
		thenThrows: () => ({ get then() { throw MINE; } }),
		buffer: () => new ArrayBuffer(8),
		detached: () => detached(),
		detachedView: () => {
			const view = new Uint8Array(16);
			detached(view.buffer);
			return view;
		},
		resizable: () => new ArrayBuffer(8, { maxByteLength: 64 }),
		shared: () => new SharedArrayBuffer(8),
		view: () => new Float64Array(2),
		...more,
		nullPrototype: () => Object.create(null),
		getter: () => ({ get a() { throw MINE; } }),
		toStringThrows: () => ({ toString: throwMine, valueOf: throwMine, [Symbol.toPrimitive]: throwMine }),
		proxy: () => new Proxy({}, {}),
		proxyFunction: () => new Proxy(() => 1, {}),
		proxyArray: () => new Proxy([1, 2], {}),
		throwing: () => throwing,
		throwingArray: () => new Proxy([1], { get: throwMine }),
		lyingArray: () => new Proxy([], { get: (target, key) => key === 'length' ? 3 : Reflect.get(target, key) }),
		revoked: () => revoked({}),
		revokedArray: () => revoked([]),
		revokedFunction: () => revoked(() => 1),
		deep: () => nested(5000),
		global: () => globalThis,
		library: () => islet,
		prototype: () => islet.Reference.prototype,
		inherits: () => Object.create(islet.Reference.prototype),
		fakeContext: () => Object.create(islet.Context.prototype),
	};

	// --- instances --------------------------------------------------------------------------------------

	/** With its inspector, which guests have no access to. */
	function makeIsolate() {
		try {
			return new islet.Isolate({ memoryLimit: 16, inspector: true });
		} catch {
			return new islet.Isolate({ memoryLimit: 16 });
		}
	}

	/** One isolate with an instance of everything. */
	function makeAll() {
		const isolate = makeIsolate();
		const context = isolate.createContextSync();
		context.evalSync('globalThis.o = { a: 1 }; globalThis.f = (...all) => all.length; undefined');
		const all = {
			Isolate: isolate,
			Context: context,
			Script: isolate.compileScriptSync('1'),
			Reference: context.global.getSync('f', { reference: true }),
			object: context.global.getSync('o'),
			own: new islet.Reference({ a: 1 }),
			ownFunction: new islet.Reference((...values) => values.length),
			ExternalCopy: new islet.ExternalCopy(new ArrayBuffer(8)),
			copy: new islet.ExternalCopy({ a: 1 }),
			Callback: new islet.Callback(() => 1),
			Dereference: context.global.derefInto(),
			Copy: new islet.ExternalCopy([1]).copyInto(),
			guestFunction: context.global.getSync('f'),
		};
		try {
			all.InspectorSession = isolate.createInspectorSession();
		} catch {
			// Inside a guest.
		}
		if (typeof isolate.compileModuleSync === 'function') {
			all.Module = isolate.compileModuleSync('export default 1');
		}
		return all;
	}

	/** States in which an instance may be: all of one isolate, made ready. */
	const STATES = {
		alive: makeAll,
		released() {
			const all = makeAll();
			const { Isolate: isolate, ...others } = all;
			for (const name of Object.keys(others)) {
				others[name].release?.();
			}
			return all;
		},
		disposed() {
			const all = makeAll();
			all.Isolate.dispose();
			return all;
		},
	};

	/** Instances of a class among all that were made. */
	const instancesOf = (all, Class) => Object.values(all).filter(each =>
		typeof each === 'object' && each !== null && Object.getPrototypeOf(each) === Class.prototype);

	// --- what is called ---------------------------------------------------------------------------------

	/** The class, also when it isn't exported. */
	function classOf(name) {
		const Class = islet[name] ?? makeAll()[name]?.constructor;
		if (typeof Class !== 'function') {
			throw new Error(`no class ${name}`);
		}
		return Class;
	}

	/** The members of a prototype: `[label, how to call it]`. */
	function membersOf(Class) {
		const members = [];
		for (const key of Reflect.ownKeys(Class.prototype)) {
			if (key === 'constructor') {
				continue;
			}
			const { value, get, set } = Object.getOwnPropertyDescriptor(Class.prototype, key);
			if (typeof value === 'function') {
				members.push([String(key), (receiver, args) => Reflect.apply(value, receiver, args), key]);
			}
			if (get !== undefined) {
				members.push([`get ${String(key)}`, receiver => Reflect.apply(get, receiver, []), key]);
			}
			if (set !== undefined) {
				members.push([`set ${String(key)}`, (receiver, args) => Reflect.apply(set, receiver, args), key]);
			}
		}
		return members;
	}

	/** Functions of the class itself. */
	function staticsOf(Class) {
		return Reflect.ownKeys(Class)
			.filter(key => typeof Object.getOwnPropertyDescriptor(Class, key).value === 'function')
			.map(key => [`static ${String(key)}`, (_, args) => Reflect.apply(Class[key], Class, args), key]);
	}

	/** After these the instances are no longer what they were. */
	const USES_UP = new Set(['release', 'dispose', Symbol.dispose]);

	// --- judging ----------------------------------------------------------------------------------------

	const findings = new Map();
	let calls = 0;

	function note(label) {
		++calls;
		trace(label);
	}

	function find(what, label) {
		const list = findings.get(what) ?? [];
		list.push(label);
		findings.set(what, list);
	}

	/** Texts of errors that come from the inside by mistake, from Node's V8. */
	const INTERNAL = /Cannot read prop|Cannot set prop|is not a function$|is not iterable|private (member|field)|Receiver must be|unknown tag|Cannot destructure|Cannot convert a (Symbol|BigInt)|is not a constructor|Reduce of|Invalid array length|Cannot mix BigInt/;

	/** Looks at what was thrown. */
	function judge(error, label) {
		if (error === MINE) {
			return;
		}
		if (!(error instanceof Error)) {
			find(`threw no error but ${typeof error}`, label);
			return;
		}
		// Errors of guest code are the guest's: no code of ours.
		const guest = error instanceof SyntaxError || error instanceof ReferenceError;
		// A proxy that is revoked says so itself, in the words of the engine.
		const engine = /has been revoked|Maximum call stack size exceeded/.test(error.message);
		if (error.message === '' || error.message === 'mine') {
			find(`no message, or somebody else's: ${error.message}`, label);
		} else if (INTERNAL.test(error.message) && !guest && error.code === undefined) {
			find(`an internal error: ${error.message}`, label);
		} else if (error.code === 'ERR_INTERNAL') {
			find(`ERR_INTERNAL: ${error.message}`, label);
		} else if (typeof error.code !== 'string' && !guest && !engine) {
			find(`no code: ${error.constructor.name}: ${error.message}`, label);
		}
	}

	/** Async calls that have to settle, by their label. */
	const pending = new Map();

	/** Makes a call, and judges what comes of it. */
	function attempt(label, call) {
		note(label);
		let value;
		try {
			value = call();
		} catch (error) {
			judge(error, label);
			return;
		}
		tidy(value);
		if (value instanceof Promise) {
			const key = `${label} #${calls}`;
			const settled = value.then(tidy, error => judge(error, label)).then(() => pending.delete(key));
			if (!label.includes('never')) {
				pending.set(key, settled);
			}
		}
	}

	/** Isolates that came of it are ended, or there would be thousands. */
	function tidy(value) {
		if (value instanceof islet.Isolate) {
			value.dispose();
		}
	}

	/** Waits until what was asked for has settled. */
	async function settle() {
		await Promise.race([Promise.all(pending.values()), patience()]);
		for (const label of pending.keys()) {
			find('never settles', label);
		}
		pending.clear();
	}

	// --- the calls --------------------------------------------------------------------------------------

	/**
	 * Lists of arguments, as functions that make them: each wrong value at each of the first places, among values that
	 * are fine there.
	 * @type {[string, (all: object) => unknown[]][]}
	 */
	const LISTS = [['()', () => []]];
	const FINE = {
		code: () => ['1', [], {}],
		key: () => ['a', 1, {}],
		context: all => [all.Context, () => all.Module, {}],
		nothing: () => [undefined, undefined, undefined],
	};
	for (const [wrong, make] of Object.entries(WRONG)) {
		for (let place = 0; place < 3; ++place) {
			for (const [fine, values] of Object.entries(FINE)) {
				LISTS.push([`(${wrong} at ${place}, else ${fine})`, all => values(all).map((value, at) => at === place ? make() : value)]);
			}
		}
	}
	for (const name of Object.keys(makeAll())) {
		LISTS.push([`(${name})`, all => [all[name]]]);
		LISTS.push([`([${name}])`, all => [[all[name]]]]);
		LISTS.push([`("a", ${name})`, all => ['a', all[name]]]);
		LISTS.push([`(undefined, [${name}])`, all => [undefined, [all[name]]]]);
		LISTS.push([`("a", [], ${name})`, all => ['a', [], all[name]]]);
		LISTS.push([`("a", 1, { ${name} })`, all => ['a', { a: all[name] }, { copy: all[name] }]]);
	}

	/** Which options a call reads: by an object that watches. */
	function optionsRead(call, all) {
		const names = new Map();
		for (let place = 0; place < 3; ++place) {
			const watch = path => new Proxy({}, {
				get(_, key) {
					if (typeof key === 'string' && key !== 'then' && key !== 'toJSON' && !(key in Object.prototype)) {
						names.set(`${place}:${[...path, key].join('.')}`, [place, [...path, key]]);
						if (path.length === 0 && (key === 'arguments' || key === 'result')) {
							return watch([key]);
						}
					}
					return undefined;
				},
			});
			for (const filler of [['1', [], {}], [all.Context, {}, {}], [undefined, [], {}]]) {
				const args = [...filler];
				args[place] = watch([]);
				try {
					const value = call(args);
					tidy(value);
					value?.catch?.(() => {});
				} catch {
					// Only what was read matters.
				}
			}
		}
		return [...names.values()];
	}

	/** An options object in which one option has this value, or this getter. */
	function withOption(path, property) {
		const last = path[path.length - 1];
		const holder = Object.defineProperty({}, last, { enumerable: true, configurable: true, ...property });
		return path.length === 1 ? holder : { [path[0]]: holder };
	}

	/** What some instances came to: replaced by new ones now and then, for calls that use them up. */
	class Stage {
		#state;
		#uses = 0;
		/** How many calls one set of instances is good for. */
		#lasts;

		constructor(state, lasts) {
			this.#state = state;
			this.#lasts = lasts;
			this.all = STATES[state]();
		}

		/** To be called after each call. */
		async used(all = 1) {
			this.#uses += all;
			if (this.#uses < this.#lasts) {
				return;
			}
			this.#uses = 0;
			await settle();
			this.end();
			this.all = STATES[this.#state]();
		}

		end() {
			try {
				this.all.Isolate.dispose();
			} catch {
				// It was.
			}
		}
	}

	/**
	 * Calls something in all ways.
	 * @param {string} label
	 * @param {(receiver: unknown, args: unknown[]) => unknown} call
	 * @param {string} state
	 * @param {Function | undefined} Class What the receivers are; none for functions without.
	 * @param {boolean} usesUp
	 */
	async function callAll(label, call, state, Class, usesUp) {
		const stage = new Stage(state, usesUp ? 8 : 50);
		const receivers = () => Class === undefined ? [undefined] : instancesOf(stage.all, Class);
		const count = receivers().length;
		for (let r = 0; r < count; ++r) {
			const where = `${state} #${r}`;
			for (let i = 0; i < LISTS.length; ++i) {
				// Less of what is nearly the same.
				if ((state !== 'alive' || inside) && (i + r) % 5 !== 0 || r > 0 && i % 3 !== 0) {
					continue;
				}
				const [text, make] = LISTS[i];
				attempt(`${label}${text} ${where}`, () => call(receivers()[r], make(stage.all)));
				await stage.used();
			}
			if (state !== 'alive') {
				continue;
			}
			// Options: every one that is read, with every wrong value, and getters that get in the way.
			for (const [place, path] of optionsRead(args => call(receivers()[r], args), stage.all)) {
				for (const [fine, values] of Object.entries(FINE)) {
					const callWith = async (text, property, wears = 1) => {
						const args = values(stage.all).slice(0, place);
						args[place] = withOption(path, property);
						attempt(`${label} with ${path.join('.')}: ${text}, else ${fine} ${where}`, () => call(receivers()[r], args));
						await stage.used(wears);
					};
					for (const [wrong, make] of fine === 'code' ? Object.entries(WRONG) : []) {
						await callWith(wrong, { value: make() });
					}
					await callWith('getter that throws', { get: throwMine });
					await callWith('getter that calls again', { get: once(() => call(receivers()[r], [])) });
					await callWith('getter that evaluates', { get: once(() => stage.all.Context.evalSync('1')) });
					await callWith('getter that releases', { get: once(() => Object.values(stage.all).forEach(each => each.release?.())) }, 50);
					await callWith('getter that disposes', { get: once(() => stage.all.Isolate.dispose()) }, 50);
				}
			}
		}
		await settle();
		stage.end();
	}

	/** A getter that does something the first time, whatever comes of it. */
	function once(body) {
		let done = false;
		return () => {
			if (!done) {
				done = true;
				try {
					const value = body();
					tidy(value);
					value?.catch?.(() => {});
				} catch {
					// Only what it does to the call around it matters.
				}
			}
			return undefined;
		};
	}

	async function run() {
		const Class = classOf(className);
		for (const [label, call, key] of membersOf(Class)) {
			const tell = `${className}.prototype.${label}`;
			// On everything that it is no method of.
			const all = makeAll();
			for (const [wrong, make] of [...Object.entries(WRONG), ...Object.entries(all).map(([name, each]) => [name, () => each])]) {
				const receiver = make();
				if (Object(receiver) === receiver && wrong in all && Object.getPrototypeOf(receiver) === Class.prototype) {
					continue;
				}
				attempt(`${tell} on ${wrong}`, () => call(receiver, ['1', [], {}]));
				attempt(`${tell} on ${wrong}, without arguments`, () => call(receiver, []));
			}
			await settle();
			all.Isolate.dispose();
			for (const state of Object.keys(STATES)) {
				await callAll(tell, call, state, Class, USES_UP.has(key));
			}
		}
		for (const [label, call] of staticsOf(Class)) {
			await callAll(`${className} ${label}`, call, 'alive', undefined, true);
		}
		await callAll(`new ${className}`, (_, args) => Reflect.construct(Class, args), 'alive', undefined, true);
		// All of it alive and well.
		const { Context: context } = makeAll();
		if (context.evalSync('6 * 7') !== 42) {
			find('a new isolate does not work', 'at the end');
		}
		return { calls, findings: [...findings].map(([what, labels]) => ({ what, count: labels.length, example: labels[0] })) };
	}

	return run();
}

module.exports = { abuse };
