'use strict';

const channel = require('./channel');
const { Context } = require('./context');
const { DISPOSE } = require('./disposable');
const { typeError } = require('./errors');
const { Handle, MAKE, drop, kindOf, open, own } = require('./handle');
const { setModuleParts } = require('./isolate');
const { PROMISE, boolean, limitsOf, optionsOf, required, transferOf } = require('./options');
const wire = require('./wire');

// Operations (src/face/message.rs).
const LINK = 33;
const EVALUATE = 34;
const NAMESPACE = 35;
const INFO = 130;
const IS_LINKED = 131;
const KIND = 5;

// Taken now: a guest may replace its builtins later.
const { create, defineProperty, freeze } = Object;
const { apply } = Reflect;
const NativePromise = Promise;
const NativeWeakRef = WeakRef;
const { deref } = WeakRef.prototype;
const { register } = FinalizationRegistry.prototype;

/** A list that takes what is assigned, whatever a guest does to `Array.prototype`. */
const list = () => ({ __proto__: null, length: 0 });
const NONE = freeze(list());

function append(to, value) {
	to[to.length] = value;
	return to.length++;
}

let infoOf;

/** A module: JavaScript, JSON or values. */
class Module extends Handle {
	/** What is known of it: see {@link readInfo}. */
	#info;

	constructor(make, id) {
		super(make, id, 'Module');
	}

	static {
		infoOf = module => module.#info ??= readInfo(open(module, 'Module'));
	}

	get dependencySpecifiers() {
		own(this, 'Module');
		const { requests } = infoOf(this);
		const specifiers = [];
		const seen = create(null);
		for (let i = 0; i < requests.length; ++i) {
			const { specifier } = requests[i];
			if (seen[specifier] === undefined) {
				seen[specifier] = true;
				defineProperty(specifiers, specifiers.length,
					{ __proto__: null, value: specifier, writable: true, enumerable: true, configurable: true });
			}
		}
		return specifiers;
	}

	get filename() {
		own(this, 'Module');
		return infoOf(this).filename;
	}

	get namespace() {
		return channel.callSync(NAMESPACE, open(this, 'Module'), 0, 0, 0, channel.nothing);
	}

	async instantiate(context, resolveCallback) {
		const graph = graphOf(this, arguments.length, context, resolveCallback, 'instantiate');
		await walk(graph, resolveCallback);
		channel.outcome(await link(channel.callLater, graph, context));
	}

	instantiateSync(context, resolveCallback) {
		const graph = graphOf(this, arguments.length, context, resolveCallback, 'instantiateSync');
		walkSync(graph, resolveCallback);
		link(channel.callSync, graph, context);
	}

	async evaluate(options) {
		return channel.outcome(await evaluate(this, channel.callLater, 'evaluate', options, PROMISE));
	}

	evaluateSync(options) {
		return evaluate(this, channel.callSync, 'evaluateSync', options, 0);
	}

	release() {
		release(this);
	}

	[DISPOSE]() {
		release(this);
	}
}

function release(module) {
	own(module, 'Module');
	const id = drop(module);
	if (id >= 0) {
		channel.release(id);
	}
}

/** Every `evaluate*`. `promise` says how what isn't over at once comes. */
function evaluate(module, call, method, options, promise) {
	options = optionsOf(options, method, 1);
	const flags = options === undefined ? 0 : transferOf(options) & PROMISE;
	const limits = options === undefined ? 0 : limitsOf(options);
	const release = options !== undefined && boolean(options, 'release');
	// Last: options may have getters, which may release it.
	const id = open(module, 'Module');
	try {
		const result = call(EVALUATE, id, flags | promise, limits, 0, channel.nothing);
		return flags === 0 ? result : settled(result);
	} finally {
		// Also when it threw. An async call has been queued, and keeps what it names.
		if (release) {
			channel.release(drop(module));
		}
	}
}

/** A promise in any case: what ended within the call gives none. */
async function settled(result) {
	return result;
}

/** What is known of a module: whose it is, where it comes from, what it imports (`{ specifier, attributes }`, each once). */
function readInfo(id) {
	const parts = channel.local(INFO, id);
	const requests = list();
	for (let i = 3; i < parts.length; ++i) {
		append(requests, requestOf(parts[i][0], parts[i], 1));
	}
	return { isolate: parts[0], key: `${parts[0]}:${parts[1]}`, filename: parts[2], requests };
}

/** `texts` holds keys and values from `start` on. */
function requestOf(specifier, texts, start) {
	const attributes = create(null);
	for (let i = start; i < texts.length; i += 2) {
		attributes[texts[i]] = texts[i + 1];
	}
	return { specifier, attributes: freeze(attributes) };
}

// --- graphs ------------------------------------------------------------------------------------

/**
 * The graph that begins with a module, before its imports are followed. A module has a place in it once, also when there
 * are several objects for it; `links` holds the places that its imports lead to.
 */
function graphOf(root, count, context, resolveCallback, method) {
	open(root, 'Module');
	required(count, 2, method);
	if (!(context instanceof Context)) {
		throw typeError(`\`${method}\` requires parameter 1 to be a Context`);
	}
	open(context, 'Context');
	if (typeof resolveCallback !== 'function') {
		throw typeError(`\`${method}\` requires parameter 2 to be a function`);
	}
	const graph = {
		modules: list(), requests: list(), links: list(), places: create(null), isolate: infoOf(root).isolate, failed: false,
	};
	place(graph, root);
	return graph;
}

/** A module's place in a graph. */
function place(graph, module) {
	const { key, requests } = infoOf(module);
	const known = graph.places[key];
	if (known !== undefined) {
		return known;
	}
	// What is linked already stays as it is.
	append(graph.requests, channel.local(IS_LINKED, open(module, 'Module')) ? NONE : requests);
	append(graph.links, list());
	return graph.places[key] = append(graph.modules, module);
}

/** Notes what an import was resolved to; the place, if its own imports are to be followed now. */
function follow(graph, from, i, resolved) {
	const { specifier } = graph.requests[from][i];
	if (typeof resolved !== 'object' || resolved === null || kindOf(resolved) !== 'Module') {
		const hint = typeof resolved?.then === 'function' ? '; for promises there is `instantiate`' : '';
		const by = infoOf(graph.modules[from]).filename;
		throw typeError(`Resolved dependency was not \`Module\`: '${specifier}', imported by '${by}'${hint}`, 'ERR_MODULE');
	}
	open(resolved, 'Module');
	if (infoOf(resolved).isolate !== graph.isolate) {
		throw typeError('Module does not belong to this isolate', 'ERR_WRONG_ISOLATE');
	}
	const known = graph.modules.length;
	const at = place(graph, resolved);
	const links = graph.links[from];
	links[i] = at;
	if (i >= links.length) {
		links.length = i + 1;
	}
	return at < known ? -1 : at;
}

function resolve(graph, from, i, resolveCallback) {
	const { specifier, attributes } = graph.requests[from][i];
	return resolveCallback(specifier, graph.modules[from], { attributes });
}

/** Follows all imports, depth first. */
function walkSync(graph, resolveCallback) {
	const path = { __proto__: null, 0: 0 };
	const next = { __proto__: null, 0: 0 };
	for (let depth = 0; depth >= 0;) {
		const from = path[depth];
		const i = next[depth]++;
		if (i === graph.requests[from].length) {
			--depth;
			continue;
		}
		const at = follow(graph, from, i, resolve(graph, from, i, resolveCallback));
		if (at >= 0) {
			++depth;
			path[depth] = at;
			next[depth] = 0;
		}
	}
}

/** Follows all imports; what one module imports is resolved at the same time. */
function walk(graph, resolveCallback) {
	return new NativePromise((done, fail) => {
		let open = 1;
		const close = () => {
			if (--open === 0) {
				done();
			}
		};
		const visit = from => {
			for (let i = 0; i < graph.requests[from].length && !graph.failed; ++i) {
				++open;
				step(from, i);
			}
		};
		const step = async (from, i) => {
			try {
				const resolved = await resolve(graph, from, i, resolveCallback);
				if (graph.failed) {
					return;
				}
				const at = follow(graph, from, i, resolved);
				if (at >= 0) {
					visit(at);
				}
				close();
			} catch (error) {
				graph.failed = true;
				fail(error);
			}
		};
		visit(0);
		close();
	});
}

function writeGraph(graph) {
	const { modules, links } = graph;
	for (let i = 0; i < modules.length; ++i) {
		wire.u32(open(modules[i], 'Module'));
		wire.u32(links[i].length);
		for (let k = 0; k < links[i].length; ++k) {
			wire.u32(links[i][k]);
		}
	}
	return modules.length;
}

function link(call, graph, context) {
	const id = open(context, 'Context');
	return call(LINK, id, 0, 0, 0, writeGraph, graph);
}

// --- import() ----------------------------------------------------------------------------------

/**
 * Modules made here, while they live: the one that an `import()` stands in is the object that the program knows.
 */
const known = create(null);
const collected = new FinalizationRegistry(key => {
	if (living(key) === undefined) {
		delete known[key];
	}
});

function living(key) {
	const reference = known[key];
	return reference === undefined ? undefined : apply(deref, reference, []);
}

function remember(module) {
	const { key } = infoOf(module);
	known[key] = new NativeWeakRef(module);
	apply(register, collected, [module, key]);
	return module;
}

/** The object that stands for a module, which may be another one than the one that has just arrived. */
function recall(module) {
	const before = living(infoOf(module).key);
	if (before === undefined) {
		return remember(module);
	}
	module.release();
	return before;
}

/**
 * What answers the `import()`s of an isolate: resolves what is asked for, and all that it imports, by the user's function.
 * The isolate evaluates the module that this gives.
 */
function importerOf(resolveCallback) {
	const asResolver = (specifier, referrer, { attributes }) => resolveCallback(specifier, referrer, attributes);
	return async (specifier, filename, module, context, texts) => {
		try {
			const referrer = module === undefined ? filename ?? undefined : recall(module);
			const target = await resolveCallback(specifier, referrer, requestOf(specifier, texts, 0).attributes);
			if (typeof target !== 'object' || target === null || kindOf(target) !== 'Module') {
				throw typeError(`\`importModuleDynamically\` did not return a Module for '${specifier}'`, 'ERR_MODULE');
			}
			await target.instantiate(context, asResolver);
			return target;
		} finally {
			context.release();
		}
	};
}

setModuleParts(remember, importerOf);

wire.hooks.make[KIND] = id => new Module(MAKE, id);

module.exports = { Module };
