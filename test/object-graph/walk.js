'use strict';

/**
 * A walk over everything that a guest can get at, as code for the guest: `walk(roots)` with `roots` an object of what to begin at.
 *
 * From each object it goes on to its prototype, the values of its properties, its accessors and what they give (also for those
 * that inherit them), what its functions throw at a wrong receiver, what they return without arguments, and what the constructors
 * among them make. Its own tools are taken before anything is called.
 *
 * Told is: `count`, the number of things seen; `strangers`, paths of what belongs to another realm; `bare`, paths of objects without a prototype;
 * `names`, names of the host's that are properties anywhere; `instances`, the path of one object for each class that isn't JavaScript's.
 */
function walker() {
	const { apply, construct, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf } = Reflect;
	const [ObjectPrototype, FunctionPrototype, PromisePrototype] = [Object.prototype, Function.prototype, Promise.prototype];
	const [bind, then, test] = [Function.prototype.bind, Promise.prototype.then, RegExp.prototype.test];
	const [Set_, Map_, String_, Proxy_, Object_, Error_] = [Set, Map, String, Proxy, Object, Error];
	const realm = globalThis;
	// What ends things, waits, makes a promise that is rejected without anybody who knows, or what has no prototype to tell it by.
	const LEAVE = /^(?:release|dispose|terminate|wait|waitAsync|reject|any|race|withResolvers|Proxy|revocable|revoke|bind)$|\[?Symbol\.(?:async)?[dD]ispose/;
	const HOST = new Set_(['process', 'require', 'Buffer', 'global', 'module', 'setTimeout', 'setImmediate', 'queueMicrotask', 'structuredClone', 'fetch', 'Deno', 'Bun', '__filename']);
	const isObject = value => typeof value === 'object' && value !== null || typeof value === 'function';
	const nothing = () => {};

	return function walk(roots, { calls = true, limit = 200_000 } = {}) {
		const seen = new Map_();
		const queue = [];
		const told = { count: 0, strangers: [], bare: [], names: [], instances: {} };
		const see = (value, path) => {
			if (isObject(value) && !seen.has(value)) {
				seen.set(value, path);
				queue.push(value);
			}
		};
		const attempt = body => {
			try {
				return body();
			} catch (error) {
				return error;
			}
		};
		/** The last object of the chain of prototypes, and the last function's prototype on it. */
		const root = value => {
			let last = value;
			let functional = false;
			for (let i = 0; i < 1000; ++i) {
				functional ||= last === FunctionPrototype;
				const next = getPrototypeOf(last);
				if (next === null) {
					break;
				}
				last = next;
			}
			return { last, functional };
		};
		const settle = (value, path) => {
			if (isObject(value)) {
				attempt(() => apply(then, value, [nothing, nothing]));
			}
			see(value, path);
		};

		for (const key of ownKeys(roots)) {
			see(roots[key], String_(key));
		}
		while (queue.length > 0 && seen.size < limit) {
			const value = queue.shift();
			const path = seen.get(value);
			++told.count;
			const { last, functional } = root(value);
			if (last !== ObjectPrototype) {
				if (last === value && typeof value === 'object') {
					told.bare.push(path);
				} else {
					told.strangers.push(path + ' (prototypes)');
				}
			}
			if (typeof value === 'function') {
				if (!functional) {
					told.strangers.push(path + ' (function)');
				}
				// Without a property `prototype`, what is constructed for a constructor gets that of the constructor's realm.
				const made = attempt(() => {
					const bound = apply(bind, value, [null]);
					setPrototypeOf(bound, null);
					return construct(Object_, [], bound);
				});
				if (isObject(made) && getPrototypeOf(made) !== ObjectPrototype && !(made instanceof Error_ && root(made).last === ObjectPrototype)) {
					told.strangers.push(path + ' (realm)');
				}
			}
			const prototype = getPrototypeOf(value);
			see(prototype, path + '.__proto__');
			const constructor = prototype === null ? undefined : attempt(() => getOwnPropertyDescriptor(prototype, 'constructor')?.value);
			if (typeof constructor === 'function') {
				const name = attempt(() => String_(getOwnPropertyDescriptor(constructor, 'name')?.value));
				if (!(name in realm) || realm[name] !== constructor) {
					told.instances[name] ??= path;
				}
			}
			for (const key of ownKeys(value)) {
				const name = typeof key === 'symbol' ? `[${key.description}]` : key;
				const at = `${path}.${name}`;
				if (HOST.has(key)) {
					told.names.push(at);
				}
				const descriptor = getOwnPropertyDescriptor(value, key);
				see(descriptor.value, at);
				see(descriptor.get, `${at} (getter)`);
				see(descriptor.set, `${at} (setter)`);
				if (descriptor.get !== undefined) {
					settle(attempt(() => apply(descriptor.get, value, [])), `${at}()`);
				}
				if (calls && typeof descriptor.value === 'function' && !apply(test, LEAVE, [name])) {
					const method = descriptor.value;
					settle(attempt(() => apply(method, value, [])), `${at}()`);
					settle(attempt(() => apply(method, undefined, [])), `${at}(nobody)`);
					settle(attempt(() => apply(method, 1, [nothing, value])), `${at}(1, f)`);
					settle(attempt(() => construct(method, [])), `new ${at}`);
				}
			}
			// Accessors that it inherits, on itself.
			for (let from = prototype, i = 0; from !== null && from !== ObjectPrototype && i < 20; from = getPrototypeOf(from), ++i) {
				for (const key of ownKeys(from)) {
					const getter = getOwnPropertyDescriptor(from, key).get;
					if (getter !== undefined) {
						settle(attempt(() => apply(getter, value, [])), `${path}.${String_(key)}`);
					}
				}
			}
		}
		return told;
	};
}

module.exports = `(${walker})()`;
