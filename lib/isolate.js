'use strict';

const { blobOf, writeBlob } = require('./blob');
const { cacheOf, withCache, writeCache } = require('./cached-data');
const channel = require('./channel');
const { withheldOf, writeWithheld } = require('./context-options');
const { DISPOSE } = require('./disposable');
const { typeError, withCode } = require('./errors');
const { Handle, MAKE, drop, open } = require('./handle');
const { openSession } = require('./inspector-session');
const { jsonSource, moduleSource, syntheticSource } = require('./module-source');
const { boolean, functionOption, int32, milliseconds, optionsOf, required, string, stringArgument } = require('./options');
const { profilesOf } = require('./profile');
const spares = require('./spares');
const wire = require('./wire');

// Operations (src/face/node/calls.rs, local.rs).
const CREATE_CONTEXT = 1;
const COMPILE_SCRIPT = 2;
const HEAP_STATISTICS = 11;
const NEW_ISOLATE = 101;
const DISPOSE_ISOLATE = 103;
const IS_DISPOSED = 104;
const CPU_TIME = 105;
const WALL_TIME = 106;
const REFERENCE_COUNT = 107;
const COLLECT_GARBAGE = 40;
const SET_IMPORTER = 132;
const DISPOSE_REASON = 140;
const ON_UNHANDLED = 160;
const DEFAULT_TIMEOUT = 161;
const START_PROFILE = 151;
const STOP_PROFILE = 152;

/** A flag of a new isolate, and of a new context. */
const INSPECTOR = 256;
const SOURCE_MAPS = 512;
const CPU_LIMIT = 162;

/** The kind of handle (src/face/node/wire.rs). */
const KIND = 0;

/** MB */
const DEFAULT_LIMIT = 128;
const LEAST_LIMIT = 8;
/** What a limit in bytes may reach: V8's own heap sizes are no larger. */
const MOST_LIMIT = 1 << 20;

const STATISTICS = [
	'total_heap_size', 'total_heap_size_executable', 'total_physical_size', 'total_available_size', 'used_heap_size',
	'heap_size_limit', 'malloced_memory', 'peak_malloced_memory', 'does_zap_garbage', 'externally_allocated_size',
	'number_of_native_contexts', 'number_of_detached_contexts', 'total_global_handles_size', 'used_global_handles_size',
	'external_memory', 'total_allocated_bytes',
];

function memoryLimitOf(options) {
	const limit = options?.memoryLimit;
	if (limit === undefined || limit === null) {
		return DEFAULT_LIMIT;
	}
	if (typeof limit !== 'number') {
		throw typeError('`memoryLimit` must be a number');
	}
	if (!(limit >= LEAST_LIMIT)) {
		throw withCode(new RangeError(`\`memoryLimit\` must be at least ${LEAST_LIMIT}`), 'ERR_OUT_OF_RANGE');
	}
	if (limit > MOST_LIMIT) {
		throw withCode(new RangeError(`\`memoryLimit\` must be at most ${MOST_LIMIT} (it is in MB), got ${limit}`), 'ERR_OUT_OF_RANGE');
	}
	return Math.ceil(limit);
}

/** What V8's isolate is made with: `blob` is what `snapshot` holds. */
function limitAndSnapshotOf(options) {
	const limit = memoryLimitOf(options);
	const snapshot = options?.snapshot ?? undefined;
	return { limit, snapshot, blob: blobOf({ __proto__: null, snapshot }, 'snapshot') };
}

/** `cpuLimit`: how fast the bucket fills, in ms of CPU time a second, and how much it holds, in ms. */
function cpuLimitOf(options) {
	const limit = options?.cpuLimit;
	if (limit === undefined || limit === null) {
		return undefined;
	}
	if (typeof limit !== 'object') {
		throw typeError('`cpuLimit` must be an object');
	}
	const perSecond = milliseconds(limit, 'perSecond');
	const burst = limit.burst === undefined ? perSecond : milliseconds(limit, 'burst');
	if (perSecond === 0 || burst === 0) {
		throw withCode(new RangeError('`perSecond` and `burst` of `cpuLimit` must be positive'), 'ERR_OUT_OF_RANGE');
	}
	return { perSecond, burst };
}

function writeCpuLimit(limit) {
	wire.u32(limit.perSecond);
	wire.u32(limit.burst);
	return 0;
}

/** The option `inspector` as a flag. */
function inspectorOf(options) {
	return options !== undefined && boolean(options, 'inspector') ? INSPECTOR : 0;
}

/** Where source comes from (`ScriptOrigin`). */
function originOf(options) {
	return options === undefined ? NO_ORIGIN : {
		filename: string(options, 'filename') ?? NO_ORIGIN.filename,
		line: int32(options, 'lineOffset'),
		column: int32(options, 'columnOffset'),
	};
}

const NO_ORIGIN = { filename: '<isolated-vm>', line: 0, column: 0 };

/** Writes an origin and source. */
function writeSource(origin, code) {
	wire.writeString(origin.filename);
	wire.u32(origin.line);
	wire.u32(origin.column);
	wire.writeString(code);
	return 0;
}

/** Writes the function that hears of unhandled rejections. What it throws is its own unhandled rejection, not lost. */
function writeListener(listener) {
	const tell = async (reason, dropped) => listener(reason, { dropped });
	wire.defer();
	wire.writeValue((reason, dropped) => {
		tell(reason, dropped);
	}, 0);
	return 0;
}

function writeIsolate(limit, { onCatastrophicError, snapshot }) {
	wire.u32(limit);
	wire.writeValue(onCatastrophicError, 0);
	if (snapshot === undefined) {
		wire.writeValue(undefined, 0);
	} else {
		writeBlob(snapshot);
	}
	return 0;
}

/** Writes source to be compiled, with its cached data. */
function writeCompile(origin, code, cache) {
	writeSource(origin, code);
	writeCache(cache);
	return 0;
}

function writeTitle(title) {
	wire.writeString(title);
	return 0;
}

function writeImporter(importer) {
	wire.defer();
	wire.writeValue(importerOf(importer), 0);
	return 0;
}

function statistics(numbers) {
	const result = {};
	for (let i = 0; i < STATISTICS.length; ++i) {
		result[STATISTICS[i]] = numbers[i];
	}
	return result;
}

/** Both forms of `compileScript`: options read, code sent by `call`. For {@link scriptOf}. */
function compile(call, isolate, count, code, options, method) {
	required(count, 1, method);
	stringArgument(code, method, 1);
	options = optionsOf(options, method, 2);
	const cache = cacheOf(options);
	const origin = originOf(options);
	const result = call(COMPILE_SCRIPT, open(isolate, 'Isolate'), cache.flags, 0, 0, writeCompile, origin, code, cache);
	return { result, flags: cache.flags };
}

/** The script that was compiled with these flags. */
function scriptOf(result, flags) {
	return flags === 0 ? result : withCache(result);
}

/** Everything that makes a module: `read` reads its arguments. For {@link moduleOf}. */
function makeModule(isolate, call, read, count, source, options, method) {
	required(count, 1, method);
	const parts = read(source, options, method, originOf, writeSource);
	const result = call(parts.op, open(isolate, 'Isolate'), parts.flags, 0, 0, parts.write, parts);
	return { result, flags: parts.flags };
}

/** The module that was made with these flags. */
function moduleOf(result, flags) {
	return asModule(flags === 0 ? result : withCache(result));
}

/** An isolate: a heap of its own, on threads of its own. */
class Isolate extends Handle {
	/** A context that was made ahead of need (`prewarm`). */
	#context;

	constructor(options, id) {
		if (options === MAKE) {
			super(MAKE, id, 'Isolate');
			return;
		}
		options = optionsOf(options, 'Isolate', 1);
		const { limit, snapshot, blob } = limitAndSnapshotOf(options);
		const { onCatastrophicError } = options ?? {};
		if (onCatastrophicError !== undefined && onCatastrophicError !== null && typeof onCatastrophicError !== 'function') {
			throw typeError('`onCatastrophicError` must be a function');
		}
		const { onUnhandledRejection } = options ?? {};
		if (onUnhandledRejection !== undefined && onUnhandledRejection !== null && typeof onUnhandledRejection !== 'function') {
			throw typeError('`onUnhandledRejection` must be a function');
		}
		const timeout = options === undefined ? 0 : milliseconds(options, 'timeout');
		const cpuLimit = cpuLimitOf(options);
		const importer = options === undefined ? undefined : functionOption(options, 'importModuleDynamically');
		const sourceMaps = options !== undefined && boolean(options, 'sourceMaps') ? SOURCE_MAPS : 0;
		const flags = inspectorOf(options) | sourceMaps;
		// What these options say has to be known when V8's isolate is made.
		const spare = flags === 0 && typeof onCatastrophicError !== 'function' ? spares.take(limit, snapshot) : undefined;
		super(MAKE, spare === undefined ? channel.local(NEW_ISOLATE, 0, flags, writeIsolate, limit,
			{ onCatastrophicError: onCatastrophicError ?? undefined, snapshot: blob }) : drop(spare.isolate), 'Isolate');
		this.#context = spare?.context;
		if (timeout > 0) {
			channel.local(DEFAULT_TIMEOUT, open(this, 'Isolate'), timeout);
		}
		if (cpuLimit !== undefined) {
			channel.local(CPU_LIMIT, open(this, 'Isolate'), 0, writeCpuLimit, cpuLimit);
		}
		if (typeof onUnhandledRejection === 'function') {
			channel.local(ON_UNHANDLED, open(this, 'Isolate'), 0, writeListener, onUnhandledRejection);
		}
		if (importer !== undefined) {
			channel.local(SET_IMPORTER, open(this, 'Isolate'), 0, writeImporter, importer);
		}
	}

	static createSnapshot(scripts, warmup, options) {
		return snapshots.sync(arguments.length, scripts, warmup, options);
	}

	static async createSnapshotAsync(scripts, warmup, options) {
		return snapshots.async(arguments.length, scripts, warmup, options);
	}

	get isDisposed() {
		return channel.local(IS_DISPOSED, open(this, 'Isolate'));
	}

	get disposeReason() {
		return channel.local(DISPOSE_REASON, open(this, 'Isolate'));
	}

	get cpuTime() {
		return channel.local(CPU_TIME, open(this, 'Isolate'));
	}

	get wallTime() {
		return channel.local(WALL_TIME, open(this, 'Isolate'));
	}

	get referenceCount() {
		return channel.local(REFERENCE_COUNT, open(this, 'Isolate'));
	}

	dispose() {
		channel.local(DISPOSE_ISOLATE, open(this, 'Isolate'));
	}

	[DISPOSE]() {
		channel.local(DISPOSE_ISOLATE, open(this, 'Isolate'), 1);
	}

	#takeContext() {
		const context = this.#context;
		this.#context = undefined;
		return context;
	}

	async createContext(options) {
		const id = open(this, 'Isolate');
		const flags = inspectorOf(optionsOf(options, 'createContext', 1));
		const withheld = withheldOf(options, 'createContext');
		const spare = options === undefined ? this.#takeContext() : undefined;
		return spare ?? asContext(channel.outcome(await channel.callLater(CREATE_CONTEXT, id, flags, 0, 0, writeWithheld, withheld)));
	}

	createContextSync(options) {
		const id = open(this, 'Isolate');
		const flags = inspectorOf(optionsOf(options, 'createContextSync', 1));
		const withheld = withheldOf(options, 'createContextSync');
		const spare = options === undefined ? this.#takeContext() : undefined;
		return spare ?? asContext(channel.callSync(CREATE_CONTEXT, id, flags, 0, 0, writeWithheld, withheld));
	}

	async compileScript(code, options) {
		const { result, flags } = compile(channel.callLater, this, arguments.length, code, options, 'compileScript');
		return scriptOf(channel.outcome(await result), flags);
	}

	compileScriptSync(code, options) {
		const { result, flags } = compile(channel.callSync, this, arguments.length, code, options, 'compileScriptSync');
		return scriptOf(result, flags);
	}

	createInspectorSession() {
		return openSession(open(this, 'Isolate'));
	}

	startCpuProfiler(title) {
		const id = open(this, 'Isolate');
		required(arguments.length, 1, 'startCpuProfiler');
		channel.local(START_PROFILE, id, 0, writeTitle, stringArgument(title, 'startCpuProfiler', 1));
	}

	async stopCpuProfiler(title) {
		const id = open(this, 'Isolate');
		required(arguments.length, 1, 'stopCpuProfiler');
		return profilesOf(await channel.local(STOP_PROFILE, id, 0, writeTitle, stringArgument(title, 'stopCpuProfiler', 1)));
	}

	async compileModule(code, options) {
		const { result, flags } = makeModule(this, channel.callLater, moduleSource, arguments.length, code, options, 'compileModule');
		return moduleOf(channel.outcome(await result), flags);
	}

	compileModuleSync(code, options) {
		const { result, flags } = makeModule(this, channel.callSync, moduleSource, arguments.length, code, options, 'compileModuleSync');
		return moduleOf(result, flags);
	}

	async compileJsonModule(text, options) {
		const { result, flags } = makeModule(this, channel.callLater, jsonSource, arguments.length, text, options, 'compileJsonModule');
		return moduleOf(channel.outcome(await result), flags);
	}

	compileJsonModuleSync(text, options) {
		const { result, flags } = makeModule(this, channel.callSync, jsonSource, arguments.length, text, options, 'compileJsonModuleSync');
		return moduleOf(result, flags);
	}

	async createSyntheticModule(exports, options) {
		const { result, flags } = makeModule(this, channel.callLater, syntheticSource, arguments.length, exports, options, 'createSyntheticModule');
		return moduleOf(channel.outcome(await result), flags);
	}

	createSyntheticModuleSync(exports, options) {
		const { result, flags } = makeModule(this, channel.callSync, syntheticSource, arguments.length, exports, options, 'createSyntheticModuleSync');
		return moduleOf(result, flags);
	}

	async getHeapStatistics() {
		return statistics(channel.outcome(await channel.callLater(HEAP_STATISTICS, open(this, 'Isolate'), 0, 0, 0, channel.nothing)));
	}

	getHeapStatisticsSync() {
		return statistics(channel.callSync(HEAP_STATISTICS, open(this, 'Isolate'), 0, 0, 0, channel.nothing));
	}

	async collectGarbage() {
		return channel.outcome(await channel.callLater(COLLECT_GARBAGE, open(this, 'Isolate'), 0, 0, 0, channel.nothing));
	}

	collectGarbageSync() {
		return channel.callSync(COLLECT_GARBAGE, open(this, 'Isolate'), 0, 0, 0, channel.nothing);
	}
}

let asContext;
let asModule;
let importerOf;
let snapshots;

wire.hooks.make[KIND] = id => new Isolate(MAKE, id);

module.exports = {
	Isolate, limitAndSnapshotOf, originOf, writeSource,
	setAsContext(callback) {
		asContext = callback;
	},
	/** What lib/module.js adds: what is done with a module that was made, and what answers `import()`. */
	setModuleParts(remember, importer) {
		asModule = remember;
		importerOf = importer;
	},
	setSnapshots(makers) {
		snapshots = makers;
	},
};
