/// <reference lib="esnext.disposable" />

// Types of islet 0.1. The names are those of isolated-vm 7, as far as this version has what they name. docs/api.md is made of the
// comments here: run `node scripts/api.mjs` after a change.

declare const brand: unique symbol;

/**
 * ```js
 * import ivm, { Callback, Context, ExternalCopy, Isolate, Reference, Script } from 'islet';
 * import { createRequire } from 'node:module';
 *
 * console.log(ivm === createRequire(import.meta.url)('islet'), ivm.Isolate === Isolate);
 * // prints: true true
 * console.log([Callback, Context, ExternalCopy, Isolate, Reference, Script].map(({ name }) => name).join(' '));
 * // prints: Callback Context ExternalCopy Isolate Reference Script
 * ```
 *
 * - `name()` returns a promise, `nameSync()` waits, `nameIgnored()` does neither. They take the same arguments and do the same.
 * - Sync methods throw, async ones reject. `*Ignored` methods throw what is found before the call is queued (wrong
 *   arguments, released handles, values that don't cross); later failures, and a disposed isolate, are ignored.
 * - An option that is `undefined` or `null` counts as absent, and so does an options object. Boolean options must be booleans.
 * - Every class of handles has `[Symbol.dispose]()`, for `using`: it releases the handle, or ends the isolate, if that wasn't done
 *   yet.
 * - Every class of handles checks its `this`: a method called on something else is `ERR_INVALID_THIS`.
 * - *Any call* into an isolate may fail with `ERR_ISOLATE_DISPOSED`, `ERR_MEMORY_LIMIT`, `ERR_ENGINE_FATAL`, `ERR_NO_THREAD` or `ERR_NO_SYSTEM_MEMORY`.
 * - Memory limits are in MB (1048576 bytes), sizes in bytes, times in milliseconds, clocks of isolates in nanoseconds.
 */
declare namespace islet {
	// --- what can cross --------------------------------------------------------------------------

	/**
	 * What passes between two isolates without any option: primitives except symbols, functions, and instances of
	 * the classes here. A function arrives as a plain function that calls back; see {@link Callback}.
	 *
	 * Everything else needs a {@link TransferOptions} option, or an {@link ExternalCopy}, or a {@link Reference}.
	 */
	type Transferable =
		| undefined
		| null
		| boolean
		| number
		| string
		| bigint
		| ((...args: any[]) => any)
		| Isolate
		| Context
		| Script
		| Module
		| Reference<any>
		| ExternalCopy<any>
		| Library
		| Callback<any>
		| Dereference<any>
		| Copy<any>;

	/**
	 * How a value crosses that is not {@link Transferable}. At most one of `copy`, `externalCopy` and `reference` may
	 * be `true`. All options must be booleans: any other value than `undefined` or `null` is a `TypeError`
	 * (`ERR_INVALID_ARG_TYPE`).
	 */
	type TransferOptions = {
		/**
		 * The value is a promise, and a promise arrives, which settles as the first one does. Of a value that is no
		 * promise a fulfilled promise arrives. The other options say how the value crosses that the promise is
		 * fulfilled with. Default: `false`.
		 */
		promise?: boolean | undefined;
	} & (
		| {
			/**
			 * A structured copy arrives (HTML standard, "StructuredSerialize"; V8's `ValueSerializer`). Functions and
			 * symbols can't be copied this way, nor can objects that contain them: `TypeError`. Instances of
			 * the classes here may be nested anywhere in the value; a {@link Callback} becomes a function. Default: `false`.
			 */
			copy?: boolean | undefined;
			externalCopy?: false | undefined;
			reference?: false | undefined;
		}
		| {
			copy?: false | undefined;
			/** An {@link ExternalCopy} of the value arrives. Default: `false`. */
			externalCopy?: boolean | undefined;
			reference?: false | undefined;
		}
		| {
			copy?: false | undefined;
			externalCopy?: false | undefined;
			/** A {@link Reference} to the value arrives; the value stays where it is. Default: `false`. */
			reference?: boolean | undefined;
		}
	);

	/** Transfer options for calls, which have values going both ways. */
	type TransferOptionsBidirectional = {
		/** For the arguments, on their way in. The receiver of `apply` never takes part. */
		arguments?: TransferOptions | undefined;
		/** For the result, on its way out. */
		result?: TransferOptions | undefined;
	};

	/** The library itself: a guest that gets it has these classes, and may make isolates of its own. */
	type Library = typeof islet;

	// --- options ---------------------------------------------------------------------------------

	/** Options of everything that runs code. */
	type RunOptions = {
		/**
		 * How long the guest may run, in milliseconds by the clock on the wall: a 32-bit integer. The clock stands
		 * still while the guest waits for a function of the host: calls that this function makes need a limit of their own. It covers the call and the promise
		 * reactions that run before the call ends; those that run later, because a promise of the host settled, get
		 * this time each for themselves. Without it, the isolate's `timeout` holds.
		 *
		 * Past it the call fails with `Error` "Script execution timed out." (`ERR_TIMEOUT`). The guest can't catch
		 * that, and no `finally` runs. The isolate can be used further, unless the guest didn't stop within 250 ms more: some
		 * of V8's builtins never look. Then the isolate is given up. Default: 0, no limit. Negative: no limit.
		 */
		timeout?: number | undefined;
		/**
		 * How long the whole call may take, in milliseconds: a 32-bit integer, not negative. It counts time in the queue, in
		 * functions of the host that the guest waits for, and, with `promise: true`, until the promise is settled.
		 * Calls that such functions of the host make end no later.
		 *
		 * Past it the call fails, or its promise rejects, with `Error` "Deadline of `n` ms exceeded" (`ERR_TIMEOUT`). A guest
		 * that runs is stopped as by `timeout`, one that waits waits no more. A function of the host itself can't be
		 * stopped: a sync call returns once it has. Default: 0, none.
		 */
		deadline?: number | undefined;
		/**
		 * How much CPU time the guest's thread may use for the call, in milliseconds: a 32-bit integer, not negative. Unlike
		 * `timeout` it doesn't depend on how busy the machine is. Garbage collection and compilation count, waiting doesn't.
		 *
		 * Past it the call fails with `Error` "Script execution used up its CPU time." (`ERR_TIMEOUT`). Default: 0, no limit.
		 */
		cpuTimeout?: number | undefined;
	};

	/** Where source comes from. It shows in stack traces and in messages of syntax errors. */
	type ScriptOrigin = {
		/** Name of the file. Default: `"<isolated-vm>"`. */
		filename?: string | undefined;
		/** How many lines of the file come before the code: a 32-bit integer. Default: 0. */
		lineOffset?: number | undefined;
		/** How many columns come before it in its first line: a 32-bit integer. Default: 0. */
		columnOffset?: number | undefined;
	};

	/** Options of everything that can let go of its object on the way. */
	type ReleaseOptions = {
		/** Calls `release()` on the object once it has been used. Default: `false`. */
		release?: boolean | undefined;
	};

	/** Options of `new Isolate`. */
	type IsolateOptions = {
		/**
		 * How much memory the guest may hold, in MB: V8's heap, array buffers, WebAssembly memories and what else V8 takes for it,
		 * together. At least 8, at most 1048576; fractions are rounded up. Default: 128.
		 *
		 * An array buffer that doesn't fit is a `RangeError` in the guest. A guest whose heap passes the limit ends with its
		 * isolate: the running call fails with `Error` (`ERR_MEMORY_LIMIT`), later ones with `ERR_ISOLATE_DISPOSED`. V8
		 * looks when it collects garbage, so for a moment the guest may hold more.
		 */
		memoryLimit?: number | undefined;
		/**
		 * The `timeout` of every call that has none of its own, in milliseconds: a 32-bit integer, not negative. It also bounds
		 * functions of the guest that are called as functions, getters, and what the guest does by itself later (reactions to
		 * promises, tasks of V8). Default: 0, none.
		 */
		timeout?: number | undefined;
		/** The isolate's share of CPU time over all calls. Default: none. */
		cpuLimit?: CpuLimit | undefined;
		/**
		 * Called on the event loop when the isolate was given up: V8 met a fatal error, or ran out of memory where
		 * it can't unwind, or the guest didn't stop when it was told to. The isolate's callers have been answered
		 * (`ERR_ENGINE_FATAL`, `ERR_MEMORY_LIMIT`, `ERR_TIMEOUT`), the process goes on; the isolate's memory and one
		 * sleeping thread stay until the process ends. What it throws is an uncaught exception of your own.
		 */
		onCatastrophicError?: ((message: string) => void) | undefined;
		/**
		 * Called on the event loop for every rejection of the guest's that is still unhandled when its microtasks have
		 * run. Without it such rejections are dropped. At most some dozens of reports are under way at a time: the rest
		 * is counted, and `info.dropped` says how many since the last report. It runs in the `AsyncLocalStorage` context of the call in
		 * which the promise was rejected. What it throws is an unhandled rejection of your own.
		 */
		onUnhandledRejection?: ((reason: unknown, info: UnhandledRejectionInfo) => void) | undefined;
		/**
		 * Answers `import()` in the isolate's code. Without it, `import()` rejects (`ERR_MODULE`). What it throws, the guest's
		 * promise is rejected with. Modules are not remembered: give the same one for the same specifier. See
		 * [Modules](docs/modules.md#import).
		 *
		 * The module is evaluated under the time limit of the code that imports it. Such a function mostly refers to the
		 * isolate, which then lives until it is disposed.
		 */
		importModuleDynamically?: ImportModuleDynamically | null;
		/**
		 * The isolate's contexts can be debugged ({@link Isolate.createInspectorSession}, {@link ContextOptions.inspector}).
		 * See [Debugging](docs/debugging.md). Default: `false`.
		 */
		inspector?: boolean | undefined;
		/**
		 * Stacks of errors tell the places in the sources that code was made from, when its last line is a
		 * `//# sourceMappingURL=data:application/json,…`, percent-encoded or, after `;base64`, in base64. For scripts, evals and modules that
		 * the host compiles, not for functions that come from a {@link IsolateOptions.snapshot}. The positions
		 * in messages of syntax errors stay. A map that is wrong changes nothing. See
		 * [Debugging](docs/debugging.md#source-maps). Default: `false`.
		 */
		sourceMaps?: boolean | undefined;
		/**
		 * What {@link Isolate.createSnapshot} made, in this process or another: every context of the isolate starts with the
		 * globals that its scripts left. One of another build, or damaged, is refused: `Error` (`ERR_SNAPSHOT`). Trust it like
		 * native code: who makes one up on purpose may take over the process. An `ExternalCopy` is looked at once, a buffer each time.
		 * See [Start faster](docs/snapshots.md).
		 */
		snapshot?: Blob | null | undefined;
	};

	/** What `import x from 'specifier' with { key: 'value' }` says after `with`; without it, nothing. */
	type ImportAttributes = { readonly [key: string]: string | undefined };

	/**
	 * Answers an `import()` of a guest, and the imports of what it gives.
	 * @param specifier what is imported
	 * @param referrer the module that imports; for a script or an eval its `filename`
	 * @param attributes what stands after `with`
	 * @returns the module, of the same isolate. It is instantiated and evaluated as needed.
	 */
	type ImportModuleDynamically = (
		specifier: string, referrer: Module | string | undefined, attributes: ImportAttributes,
	) => Module | PromiseLike<Module>;

	/**
	 * Says which module an import means.
	 * @param specifier what is imported
	 * @param referrer the module that imports
	 * @param request with `attributes`: what stands after `with`
	 */
	type ResolveCallback<Result = Module> = (
		specifier: string, referrer: Module, request: { readonly attributes: ImportAttributes },
	) => Result;

	/**
	 * A bucket of CPU time. The guest may use what is in it; it is full at first, and fills at a steady rate. When it is empty, the
	 * running call fails with `Error` "Isolate used up its CPU limit." (`ERR_CPU_LIMIT`), and so do all calls until there
	 * is something in it again. Late reactions wait for that.
	 */
	type CpuLimit = {
		/** Milliseconds of CPU time that come in every second: a positive 32-bit integer. */
		perSecond: number;
		/** Milliseconds of CPU time that the bucket holds: a positive 32-bit integer. Default: `perSecond`. */
		burst?: number | undefined;
	};

	/** What `onUnhandledRejection` gets beside the reason. */
	type UnhandledRejectionInfo = {
		/** Rejections that were not reported since the last report, because too many came. */
		dropped: number;
	};

	/**
	 * What a context is made with. Besides `inspector` they take things away from the guest. `Atomics.wait` always throws. With a
	 * frozen clock and a seed, a script that is run twice does the same twice.
	 * @example
	 * ```js
	 * const { Isolate } = require('islet');
	 *
	 * const options = { codeGeneration: { strings: false }, clock: { frozen: Date.UTC(2000, 0, 1) }, randomSeed: 7 };
	 * const [first, second] = [0, 1].map(() => new Isolate().createContextSync(options));
	 * console.log(first.evalSync('new Date().toISOString()'));
	 * // prints: 2000-01-01T00:00:00.000Z
	 * console.log(first.evalSync('Math.random()') === second.evalSync('Math.random()'));
	 * // prints: true
	 * try {
	 * 	first.evalSync('new Function("return 1")');
	 * } catch (error) {
	 * 	console.log(error.name);
	 * 	// prints: EvalError
	 * }
	 * ```
	 */
	type ContextOptions = {
		/**
		 * Sessions see this context: its console, its scripts, its breakpoints. Its isolate must have been made with the same
		 * option: else `Error` (`ERR_INSPECTOR_DISABLED`). Default: `false`.
		 */
		inspector?: boolean | undefined;
		/** Making code at run time. */
		codeGeneration?: {
			/**
			 * `eval` and `Function` (and its kin for async functions and generators) take strings. Without, they throw an `EvalError`.
			 * What the host evaluates isn't concerned.
			 * @default true
			 */
			strings?: boolean | undefined;
			/**
			 * There is `WebAssembly`.
			 * @default true
			 */
			wasm?: boolean | undefined;
		} | null | undefined;
		/**
		 * There is `SharedArrayBuffer`. Without, shared memories of WebAssembly still are: take `wasm` as well.
		 * @default true
		 */
		sharedArrayBuffer?: boolean | undefined;
		/**
		 * The clock of `Date` and of `Intl.DateTimeFormat`. A clock that is coarse or frozen takes `Temporal.Now` and
		 * `Atomics.waitAsync` away.
		 */
		clock?: {
			/** The time at which it stands still, in ms since 1970. */
			frozen?: number | undefined;
			/** It goes in steps of so many ms; at least 1. */
			resolution?: number | undefined;
		} | null | undefined;
		/** `Math.random` gives the same numbers for the same seed: an integer from 0 to 4294967295. */
		randomSeed?: number | undefined;
	};

	/** Options of `compileScript`. */
	type ScriptInfo = CachedDataOptions & ScriptOrigin;

	/** What the library made of code and takes back: cached data and snapshots. */
	type Blob = ExternalCopy<ArrayBuffer> | ArrayBufferLike | ArrayBufferView;

	/**
	 * V8's code cache. Compiling with it skips most of parsing. It holds what was compiled when it was made: functions that had
	 * not run yet are parsed when they do. See [Start faster](docs/snapshots.md#cached-data).
	 */
	type CachedDataOptions = {
		/**
		 * Cached data of the very same source, as `cachedData` of a script gave it, in this process or another. Data that
		 * doesn't fit (of another source, of another build of the library, damaged) is no error: the code is compiled as
		 * usual, and `cachedDataRejected` is `true`.
		 *
		 * Trust it like code: it is checked against accidents, but who makes it up on purpose may take over the process.
		 */
		cachedData?: Blob | null | undefined;
		/**
		 * Makes cached data, as property `cachedData` of the result. Together with `cachedData`: only if that was rejected.
		 * Default: `false`.
		 */
		produceCachedData?: boolean | null | undefined;
	};

	/** A script for {@link Isolate.createSnapshot}. */
	type SnapshotScriptInfo = ScriptOrigin & {
		/** What runs. */
		code: string;
	};

	/** Limits for the making of a snapshot. */
	type SnapshotOptions = {
		/** How much memory the scripts may hold, in MB; as of {@link IsolateOptions.memoryLimit}. Default: 128. */
		memoryLimit?: number | undefined;
		/** How long the scripts may run together, in milliseconds; 0 for no limit. Default: 30000. */
		timeout?: number | undefined;
	};

	/** What {@link CachedDataOptions} add to what was compiled. */
	interface CachedDataResult {
		/** Made because of `produceCachedData`. Its bytes may be kept in a file. */
		cachedData?: ExternalCopy<ArrayBuffer>;
		/** Whether the `cachedData` given was of no use; not there if none was given. */
		cachedDataRejected?: boolean;
	}

	/** Options of `compileModule`. */
	type CompileModuleOptions = ScriptInfo & {
		/**
		 * Called the first time that the module says `import.meta`. It gets a reference to that object, to set properties; or
		 * it returns an object, whose own properties are copied there. A guest that compiles a module of its own
		 * isolate gets the object itself.
		 */
		meta?: ((meta: Reference<any>) => { readonly [key: string]: any } | void) | null;
	};

	/** Options of `createSyntheticModule`. */
	type SyntheticModuleOptions = {
		/** What {@link Module.filename} says. Default `<isolated-vm>`. */
		filename?: string | null;
	};

	/** Options of `module.evaluate`. The module has no result; of the ways of transfer only `promise` matters. */
	type ModuleEvaluateOptions = ScriptRunOptions;

	/** Options of `context.eval`. */
	type ContextEvalOptions = RunOptions & ScriptOrigin & TransferOptions;
	/** Options of `context.evalClosure`. */
	type ContextEvalClosureOptions = RunOptions & ScriptOrigin & TransferOptionsBidirectional;
	/** Options of `script.run`. */
	type ScriptRunOptions = RunOptions & ReleaseOptions & TransferOptions;
	/** Options that say how long a function may run mean nothing for a function of this thread. */
	type ReferenceApplyOptions = RunOptions & TransferOptionsBidirectional;

	/** Options of `reference.get`. */
	type ReferenceGetOptions = RunOptions & TransferOptions & {
		/**
		 * Runs the getter when the property has one: give a `timeout` then. Without it a getter is a `TypeError` (`ERR_REFERENCE`). Proxies are refused either way. Default: `false`.
		 */
		accessors?: boolean | undefined;
	};

	/** Options of `new Reference`. */
	type ReferenceOptions = {
		/**
		 * `get` also finds inherited properties. It holds for everybody who gets this reference, and for references that `get`
		 * gives. Default: `false`.
		 */
		unsafeInherit?: boolean | undefined;
	};

	/** Options of `new ExternalCopy`. */
	type ExternalCopyOptions = {
		/**
		 * Array buffers, part of the value, whose memory moves into the copy: they are empty (detached) afterwards.
		 * Like the list of the same name of `structuredClone`. Default: none, everything is copied.
		 */
		transferList?: ArrayBuffer[] | undefined;
		/** The same for the value itself, when it is an array buffer or a view on one. Default: `false`. */
		transferOut?: boolean | undefined;
	};

	/** Options of `copy.copy` and `copy.copyInto`. */
	type ExternalCopyCopyOptions = ReleaseOptions & {
		/**
		 * Takes the memory of array buffers over instead of copying it. After it the external copy is used up: `Error`
		 * "Array buffer is invalid" (`ERR_RELEASED`). Default: `false`.
		 */
		transferIn?: boolean | undefined;
	};

	/** How a guest waits for a {@link Callback}. At most one may be `true`. */
	type CallbackOptions =
		| {
			/** The guest waits for the result. This is the default. */
			sync?: boolean | undefined;
			async?: false | undefined;
			ignored?: false | undefined;
		}
		| {
			sync?: false | undefined;
			/** The guest gets a promise, and goes on. The function may return a promise itself. */
			async?: boolean | undefined;
			ignored?: false | undefined;
		}
		| {
			sync?: false | undefined;
			async?: false | undefined;
			/** The guest gets `undefined`, and goes on. What the function returns or throws is dropped. */
			ignored?: boolean | undefined;
		};

	// --- errors ----------------------------------------------------------------------------------

	/**
	 * The `code` property of errors that the library raises.
	 *
	 * | code | class | when |
	 * |---|---|---|
	 * | `ERR_INVALID_ARG_TYPE` | `TypeError` | an argument or an option has the wrong type |
	 * | `ERR_ILLEGAL_CONSTRUCTOR` | `TypeError` | `new` on a class that only the library makes |
	 * | `ERR_INVALID_THIS` | `TypeError` | a method was called on something else than an instance of its class |
	 * | `ERR_MISSING_ARGS` | `TypeError` | a required argument is missing |
	 * | `ERR_OUT_OF_RANGE` | `RangeError` | `memoryLimit` is below 8 or above 1048576, `maxCondemned` below 1, `trimAfter` below 0 |
	 * | `ERR_NOT_SUPPORTED` | `TypeError` | an option of isolated-vm that this version has not, or `NativeModule` |
	 * | `ERR_NON_TRANSFERABLE` | `TypeError` | a value needs a transfer option and has none, or is a symbol |
	 * | `ERR_DATA_CLONE` | `TypeError` | a value can't be copied, or a buffer can't be transferred |
	 * | `ERR_REFERENCE` | `TypeError` | `get`, `set`, `delete` or `apply` can't be done on this value |
	 * | `ERR_SNAPSHOT` | `Error` | a snapshot can't be made of what the scripts left, or not be used |
	 * | `ERR_RELEASED` | `Error` | a handle that was released, or a copy that was used up |
	 * | `ERR_WRONG_ISOLATE` | `TypeError` | a handle was used with an isolate that isn't its own |
	 * | `ERR_WRONG_THREAD` | `Error` | `applySyncPromise` was called by the host, or by a guest while the host waits for it; a value of another thread was used synchronously |
	 * | `ERR_TIMEOUT` | `Error` | `timeout`, `deadline` or `cpuTimeout` ran out |
	 * | `ERR_CPU_LIMIT` | `Error` | the isolate has used up its `cpuLimit` for now |
	 * | `ERR_MEMORY_LIMIT` | `Error` | the guest passed its memory limit, and its isolate ended |
	 * | `ERR_MEMORY_LIMIT` | `RangeError` | an array buffer doesn't fit the guest's memory limit; the isolate goes on |
	 * | `ERR_MEMORY_LIMIT` | `RangeError` | a value is too large to leave an isolate that is near its limit |
	 * | `ERR_TOO_MANY_CONDEMNED` | `Error` | `new Isolate()`, when as many were given up as `configure({ maxCondemned })` allows |
	 * | `ERR_STRING_TOO_LONG` | `RangeError` | a string is longer than V8 allows |
	 * | `ERR_ISOLATE_DISPOSED` | `Error` | the isolate has ended, before the call or during it |
	 * | `ERR_ENGINE_FATAL` | `Error` | V8 met a fatal error in this isolate, which ended |
	 * | `ERR_ENVIRONMENT_GONE` | `Error` | the worker that owns a function has ended |
	 * | `ERR_NO_SYSTEM_MEMORY` | `Error` | the system had no memory for the isolate, or allows the process no more mappings (`vm.max_map_count`) |
	 * | `ERR_NO_THREAD` | `Error` | the system gave no thread to run the isolate on |
	 * | `ERR_INSPECTOR_DISABLED` | `Error` | the inspector of an isolate that was made without `inspector: true` |
	 * | `ERR_PAUSED` | `Error` | a sync call into an isolate that is paused in the debugger |
	 * | `ERR_INTERNAL` | `Error` | a mistake of the library: please report it |
	 * | `ERR_MODULE` | `Error`, `TypeError`, `RangeError` | a module isn't in the state that is needed, a resolver gave no module, `import()` has nobody to ask, there are too many modules or imports |
	 *
	 * An `Error` that a guest throws keeps the `code` the guest gave it, unless it is one that the engine raises
	 * (`ERR_TIMEOUT`, `ERR_MEMORY_LIMIT`, …): these can't be forged. What isn't an `Error` is copied as it is. But a guest may throw any other object as well: look for
	 * `instanceof Error` first. Ask {@link Isolate.isDisposed} whether an isolate has ended.
	 */
	type ErrorCode =
		| 'ERR_CPU_LIMIT'
		| 'ERR_DATA_CLONE'
		| 'ERR_ENGINE_FATAL'
		| 'ERR_ENVIRONMENT_GONE'
		| 'ERR_ILLEGAL_CONSTRUCTOR'
		| 'ERR_INSPECTOR_DISABLED'
		| 'ERR_INTERNAL'
		| 'ERR_INVALID_ARG_TYPE'
		| 'ERR_INVALID_THIS'
		| 'ERR_ISOLATE_DISPOSED'
		| 'ERR_MEMORY_LIMIT'
		| 'ERR_MISSING_ARGS'
		| 'ERR_MODULE'
		| 'ERR_NON_TRANSFERABLE'
		| 'ERR_NOT_SUPPORTED'
		| 'ERR_NO_SYSTEM_MEMORY'
		| 'ERR_NO_THREAD'
		| 'ERR_OUT_OF_RANGE'
		| 'ERR_PAUSED'
		| 'ERR_REFERENCE'
		| 'ERR_RELEASED'
		| 'ERR_SNAPSHOT'
		| 'ERR_STRING_TOO_LONG'
		| 'ERR_TIMEOUT'
		| 'ERR_TOO_MANY_CONDEMNED'
		| 'ERR_WRONG_ISOLATE'
		| 'ERR_WRONG_THREAD';

	/** What is installed. */
	const versions: {
		/** Of this library. */
		readonly islet: string;
		/** Of the V8 that guests run on. */
		readonly v8: string;
		/** The flags which that V8 was started with. */
		readonly flags: string;
	};

	// --- Isolate ---------------------------------------------------------------------------------

	/** A `stream.Readable` of Node, named without its types. */
	interface HeapSnapshotStream extends AsyncIterable<Uint8Array> {
		pipe<Destination>(destination: Destination): Destination;
		on(event: string, listener: (...values: any[]) => void): this;
		destroy(error?: Error): this;
	}

	/**
	 * Why an isolate ended: `dispose()` was called; it passed its memory limit; its guest didn't stop when its time was over;
	 * V8 met a fatal error; nothing referred to it any more; the thread (main or worker) that made it ended.
	 */
	type DisposeReason = 'disposed' | 'memory' | 'timeout' | 'fatal' | 'unreachable' | 'environment';

	/**
	 * A conversation with an isolate in the DevTools protocol, made by {@link Isolate.createInspectorSession}. It isn't
	 * transferable. It ends by {@link InspectorSession.dispose}, or with its isolate, which it doesn't keep alive; one
	 * without handlers also when nothing refers to it any more.
	 *
	 * Whoever speaks this protocol can do anything in the guest. Don't give strangers access to it.
	 */
	class InspectorSession {
		private readonly [brand]: 'InspectorSession';
		private constructor();

		/**
		 * Sends a message: JSON with `id`, `method` and `params`. It reaches the guest whether it is idle, runs, waits, or is
		 * paused. The answer comes to {@link InspectorSession.onResponse}.
		 * @throws `Error` "Session is dead" (`ERR_RELEASED`), `ERR_ISOLATE_DISPOSED`
		 */
		dispatchProtocolMessage(message: string): void;

		/**
		 * Hears of what the guest's inspector tells unasked: JSON with `method` and `params`. Called on the event loop, and
		 * also inside a sync call of this thread that is paused. What it throws is ignored.
		 */
		onNotification: ((message: string) => void) | null | undefined;

		/** Hears of answers: the `id` of the message that was sent, and JSON with `id` and `result` or `error`. What it throws is ignored. */
		onResponse: ((callId: number, message: string) => void) | null | undefined;

		/**
		 * Ends the session, and with it a pause that no other session holds.
		 * @throws `Error` "Session is dead" (`ERR_RELEASED`) the second time
		 */
		dispose(): void;
		/** Like {@link InspectorSession.dispose}; a second time it does nothing. */
		[Symbol.dispose](): void;
	}

	/** Options of `serveInspector`. */
	type ServeInspectorOptions = {
		/** The address to listen at. Whoever reaches it can do anything in the guest. Default: `"127.0.0.1"`. */
		host?: string | undefined;
		/** The port; 0 for any that is free. Default: 0. */
		port?: number | undefined;
	};

	/** A server by which DevTools debugs an isolate. It doesn't keep the process alive; it ends with its isolate. */
	type InspectorServer = {
		/** Where clients connect: `ws://…`. The path can't be guessed. */
		url: string;
		/** The port it listens at. */
		port: number;
		/** What to open in Chrome. */
		devtoolsUrl: string;
		/** Ends the server and its clients' sessions, and with them pauses that no other session holds. */
		close(): Promise<void>;
	};

	/**
	 * Lets Chrome DevTools, and others that speak its protocol, debug a running guest: console, breakpoints, profiler, heap
	 * snapshots (see [DevTools](docs/debugging.md#devtools)). Several clients may be connected at once. The server has a thread of its own: it works
	 * while this one waits in a sync call that is paused. For hosts on Node; not there inside guests.
	 * @throws `ERR_INSPECTOR_DISABLED`, `ERR_ISOLATE_DISPOSED`, `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`; what the system says
	 * of the address, as `EADDRINUSE`
	 */
	function serveInspector(isolate: Isolate, options?: ServeInspectorOptions | null): Promise<InspectorServer>;

	/** What {@link Isolate.stopCpuProfiler} gives. */
	type ThreadCpuProfile = {
		/** The system's number of the thread that the isolate was on. */
		threadId: number;
		/** The profile. As JSON in a file with the extension `.cpuprofile`, DevTools opens it. */
		profile: CpuProfile;
	};

	/** A CPU profile in the format of DevTools (`Profiler.Profile`). Times are in microseconds. */
	type CpuProfile = {
		/** When it began, by V8's clock. */
		startTime: number;
		/** When it ended. */
		endTime: number;
		/** The node that was on top, sample by sample: an `id` of `nodes`. */
		samples: number[];
		/** Time between a sample and the one before it. */
		timeDeltas: number[];
		/** The tree of calls; the first is its root. */
		nodes: CpuProfileNode[];
	};

	/** A function, as it was called from one place in the tree of calls. */
	type CpuProfileNode = {
		id: number;
		/** How many samples had it on top. */
		hitCount: number;
		/** The `id`s of what it called. */
		children: number[];
		callFrame: {
			/** Its name; V8's own are in parentheses, as `(garbage collector)`. */
			functionName: string;
			/** `filename` of its script. */
			url: string;
			scriptId: number;
			/** Where it begins, counted from 0. */
			lineNumber: number;
			/** Where it begins, counted from 0. */
			columnNumber: number;
			/** Why V8 doesn't optimise it, if so. */
			bailoutReason?: string;
		};
		/** How many samples were in which of its lines, counted from 1. */
		positionTicks?: { line: number; ticks: number }[];
	};

	/**
	 * What `getHeapStatistics` gives, in bytes: V8's `HeapStatistics`, the isolate's array buffers, and what isolated-vm leaves out.
	 * @example
	 * ```js
	 * import { Isolate } from 'islet';
	 *
	 * const statistics = await new Isolate({ memoryLimit: 8 }).getHeapStatistics();
	 * console.log(statistics.heap_size_limit, statistics.externally_allocated_size);
	 * // prints: 8388608 0
	 * ```
	 */
	type HeapStatistics = {
		/** What V8 has taken from the system for its heap. */
		total_heap_size: number;
		/** The part of it that holds compiled code. */
		total_heap_size_executable: number;
		/** The part of it that is backed by memory. */
		total_physical_size: number;
		/** How much the heap could still grow. */
		total_available_size: number;
		/** What objects take, dead ones that were not collected yet included. */
		used_heap_size: number;
		/** `memoryLimit`, in bytes. */
		heap_size_limit: number;
		/** What V8 holds beside its heap. */
		malloced_memory: number;
		/** The most it held beside its heap. */
		peak_malloced_memory: number;
		/** Whether V8 overwrites garbage: 0 or 1. */
		does_zap_garbage: number;
		/** Array buffers of the isolate. They count against `memoryLimit`. */
		externally_allocated_size: number;
		/** Contexts that live, released ones included as long as something refers into them. A count. */
		number_of_native_contexts: number;
		/** The ones among them that V8 knows to be detached and that were not collected yet. A count. */
		number_of_detached_contexts: number;
		/** What V8's table of global handles takes. */
		total_global_handles_size: number;
		/** The part of it in use. */
		used_global_handles_size: number;
		/** Memory outside the heap that V8 knows to be kept alive by objects in it: array buffers, external strings. */
		external_memory: number;
		/** What has been allocated in the heap since the isolate was made, collected objects included. */
		total_allocated_bytes: number;
	};

	/**
	 * A V8 isolate: a heap and a garbage collector of its own, which runs on threads of the library, never on the
	 * caller's. Several contexts may live in one; they share its heap and its limits, and run one at a time.
	 *
	 * An isolate ends by {@link Isolate.dispose}, by its memory limit, by a fatal error of V8, when its guest doesn't
	 * stop, when the thread (main or worker) that made it ends, or when nothing refers to it any more: neither it nor any
	 * context, script, reference or function of it. What it tells of itself can still be read then.
	 */
	class Isolate {
		private readonly [brand]: 'Isolate';

		/**
		 * Makes an isolate. V8's part of it is made on a guest thread while this one goes on.
		 * @throws `TypeError` (`ERR_INVALID_ARG_TYPE`, `ERR_NOT_SUPPORTED`), `RangeError` (`ERR_OUT_OF_RANGE`)
		 */
		constructor(options?: IsolateOptions | null);

		/**
		 * Runs scripts in a context of a new isolate and makes a snapshot of what they leave, for `new Isolate({ snapshot })`. Its
		 * bytes may be kept in a file: they belong to this build of the library. As in isolated-vm, the name without ending is that
		 * of the form that waits. See [Start faster](docs/snapshots.md).
		 *
		 * The scripts run like any guest, on a thread of the library and within the limits. They have plain JavaScript: nothing of
		 * the host, and no `WebAssembly`, `SharedArrayBuffer` or `Temporal`, which come with the contexts that start from the snapshot.
		 * @param warmup a script that runs in another context, of which nothing stays but that the functions it called
		 * are compiled in the snapshot
		 * @throws what a script throws, with the properties `scriptIndex` and `scriptFilename` (-1 and `<warmup>` for the warmup script); a
		 * value that is no error as the `cause` of one; `ERR_TIMEOUT`, `ERR_MEMORY_LIMIT`, with the
		 * same; `Error` (`ERR_SNAPSHOT`) when the scripts left something that a snapshot can't hold (objects of `Intl`,
		 * registrations of a `FinalizationRegistry`): this costs a sleeping thread and memory until the process ends
		 */
		static createSnapshot(
			scripts: SnapshotScriptInfo[], warmup?: string | null, options?: SnapshotOptions | null,
		): ExternalCopy<ArrayBuffer>;
		/** Like {@link Isolate.createSnapshot}; nobody waits. */
		static createSnapshotAsync(
			scripts: SnapshotScriptInfo[], warmup?: string | null, options?: SnapshotOptions | null,
		): Promise<ExternalCopy<ArrayBuffer>>;

		/**
		 * CPU time spent on this isolate, in nanoseconds: of whatever thread was in it, garbage collection and the making
		 * of the isolate included, spinning for work not. Readable after the isolate's end.
		 */
		readonly cpuTime: bigint;

		/**
		 * Time during which the isolate had a call in hand or was being made, in nanoseconds: time in which it waited for
		 * functions of others included. Readable after the isolate's end.
		 */
		readonly wallTime: bigint;

		/** Whether the isolate has ended, for whatever reason, or is about to. */
		readonly isDisposed: boolean;

		/** Why the isolate has ended, or is about to; `undefined` while it works. */
		readonly disposeReason: DisposeReason | undefined;

		/**
		 * How many things in this isolate others hold: contexts, their globals, scripts, references, functions, pending
		 * promises. What was released is taken off with the next call into the isolate.
		 */
		readonly referenceCount: number;

		/**
		 * Makes a context: a global scope with builtins of its own.
		 * @throws `ERR_ISOLATE_DISPOSED`, `ERR_MEMORY_LIMIT`, `ERR_NOT_SUPPORTED`
		 */
		createContext(options?: ContextOptions | null): Promise<Context>;
		/** Like {@link Isolate.createContext}; the caller waits. */
		createContextSync(options?: ContextOptions | null): Context;

		/**
		 * Compiles a script, which can be run in every context of this isolate.
		 * @throws `SyntaxError` whose message ends in ` [file:line:column]`; `ERR_ISOLATE_DISPOSED`, `ERR_NOT_SUPPORTED`
		 */
		compileScript(code: string, options?: ScriptInfo | null): Promise<Script>;
		/** Like {@link Isolate.compileScript}; the caller waits. */
		compileScriptSync(code: string, options?: ScriptInfo | null): Script;

		/**
		 * Compiles an ES module.
		 * @throws `SyntaxError` whose message ends in ` [file:line:column]`; `ERR_ISOLATE_DISPOSED`, `ERR_NOT_SUPPORTED`,
		 * `ERR_MODULE` when the isolate has more than 32768 living modules
		 */
		compileModule(code: string, options?: CompileModuleOptions | null): Promise<Module & CachedDataResult>;
		/** Like {@link Isolate.compileModule}; the caller waits. */
		compileModuleSync(code: string, options?: CompileModuleOptions | null): Module & CachedDataResult;

		/**
		 * Makes a module of JSON. It exports the value as `default`.
		 * @throws `SyntaxError` whose message ends in ` [file:line:column]`; `ERR_ISOLATE_DISPOSED`
		 */
		compileJsonModule(text: string, options?: ScriptOrigin | null): Promise<Module>;
		/** Like {@link Isolate.compileJsonModule}; the caller waits. */
		compileJsonModuleSync(text: string, options?: ScriptOrigin | null): Module;

		/**
		 * Makes a module of values: it exports the object's own enumerable properties under their names. Functions and
		 * handles arrive as such, everything else is copied, now.
		 * @throws `ERR_DATA_CLONE`, `ERR_NON_TRANSFERABLE`, `ERR_ISOLATE_DISPOSED`
		 */
		createSyntheticModule(exports: { readonly [name: string]: any }, options?: SyntheticModuleOptions | null): Promise<Module>;
		/** Like {@link Isolate.createSyntheticModule}; the caller waits. */
		createSyntheticModuleSync(exports: { readonly [name: string]: any }, options?: SyntheticModuleOptions | null): Module;

		/**
		 * V8's figures of this isolate's heap, in bytes.
		 * @throws `ERR_ISOLATE_DISPOSED`
		 */
		getHeapStatistics(): Promise<HeapStatistics>;
		/** Like {@link Isolate.getHeapStatistics}; the caller waits. */
		getHeapStatisticsSync(): HeapStatistics;

		/**
		 * Opens a session in the DevTools protocol. The isolate must have been made with `inspector: true`.
		 * @throws `ERR_INSPECTOR_DISABLED`, `ERR_ISOLATE_DISPOSED`
		 */
		createInspectorSession(): InspectorSession;

		/**
		 * Begins a CPU profile, also of a guest that is running already. Several, under different titles, can be taken at
		 * once. While one is taken the isolate stays on one thread. `inspector: true` isn't needed. See
		 * [CPU profiles](docs/debugging.md#cpu-profiles).
		 * @throws `ERR_ISOLATE_DISPOSED`
		 */
		startCpuProfiler(title: string): void;

		/**
		 * Ends the CPU profile with this title: an array of one; of none when there was no such profile.
		 * @throws `ERR_ISOLATE_DISPOSED`
		 */
		stopCpuProfiler(title: string): Promise<ThreadCpuProfile[]>;

		/**
		 * All that is in the guest's heap, as V8 writes it: the JSON of a `.heapsnapshot` file, which Chrome DevTools open ("Memory",
		 * "Load"). The guest stands still while it is made; V8 takes about as much memory for it as the heap itself, not
		 * counted in `memoryLimit`, and what you don't read yet waits in the stream. Not there inside guests.
		 * The stream fails with `ERR_ISOLATE_DISPOSED` when the isolate has ended.
		 */
		getHeapSnapshot(): HeapSnapshotStream;

		/**
		 * Collects all garbage of the guest, on its own thread. No time limit holds meanwhile; it takes longer the more
		 * is alive.
		 * @throws `ERR_ISOLATE_DISPOSED`
		 */
		collectGarbage(): Promise<void>;
		/** Like {@link Isolate.collectGarbage}; the caller waits. */
		collectGarbageSync(): void;

		/**
		 * Ends the isolate. What runs in it is stopped and fails, as do calls that wait for their turn and
		 * all later ones (`ERR_ISOLATE_DISPOSED`). Doesn't wait for the end.
		 * @throws `Error` "Isolate is already disposed" (`ERR_ISOLATE_DISPOSED`)
		 */
		dispose(): void;

		/** For `using`: {@link Isolate.dispose}, unless the isolate has ended already. */
		[Symbol.dispose](): void;
	}

	// --- Context ---------------------------------------------------------------------------------

	/**
	 * A global scope with builtins of its own, inside an isolate. It has what ECMAScript defines, WebAssembly,
	 * and a `console` that prints nothing; no timers, no `require`, nothing of the host.
	 */
	class Context {
		private readonly [brand]: 'Context';
		private constructor();

		/** The context's global object. After {@link Context.release} `undefined`, and the reference is released. */
		readonly global: Reference<Record<string | number | symbol, any>>;

		/**
		 * Runs code. The result is that of its last expression statement; where that is not {@link Transferable} and no
		 * option says how it crosses, it is `undefined`.
		 *
		 * A promise of the guest needs `promise: true`. Errors that the guest throws arrive with class, message, stack,
		 * `cause` and own properties.
		 * @throws what the guest throws; `SyntaxError`; `ERR_TIMEOUT`, `ERR_MEMORY_LIMIT`, `ERR_ENGINE_FATAL`,
		 * `ERR_ISOLATE_DISPOSED`, `ERR_RELEASED`, `ERR_DATA_CLONE`, `ERR_NON_TRANSFERABLE`, `ERR_INVALID_ARG_TYPE`
		 */
		eval<Options extends ContextEvalOptions = {}>(code: string, options?: Options | null): ResultTypeAsync<Options>;
		/** Like {@link Context.eval}; the caller waits. With `promise: true` it gets a promise nevertheless. */
		evalSync<Options extends ContextEvalOptions = {}>(code: string, options?: Options | null): ResultTypeSync<Options>;
		/**
		 * Like {@link Context.eval}, but nobody hears of the outcome. Throws only for what is found before the code is
		 * queued: wrong arguments, a released context.
		 */
		evalIgnored(code: string, options?: ContextEvalOptions | null): void;

		/**
		 * Runs code as the body of a function: it may `return`, and finds its arguments as `$0`, `$1`, …
		 * A result that is not {@link Transferable} and has no option is a `TypeError` (`ERR_NON_TRANSFERABLE`).
		 * @throws as {@link Context.eval}
		 */
		evalClosure<Options extends ContextEvalClosureOptions = {}>(
			code: string, arguments?: ArgumentsTypeBidirectional<Options> | null, options?: Options | null,
		): ResultTypeBidirectionalAsync<Options>;
		/** Like {@link Context.evalClosure}; the caller waits. */
		evalClosureSync<Options extends ContextEvalClosureOptions = {}>(
			code: string, arguments?: ArgumentsTypeBidirectional<Options> | null, options?: Options | null,
		): ResultTypeBidirectionalSync<Options>;
		/** Like {@link Context.evalClosure}, but nobody hears of the outcome; see {@link Context.evalIgnored}. */
		evalClosureIgnored<Options extends ContextEvalClosureOptions = {}>(
			code: string, arguments?: ArgumentsTypeBidirectional<Options> | null, options?: Options | null,
		): void;

		/**
		 * Lets go of the context and of {@link Context.global}. It goes on living inside the isolate as long as
		 * a function or a reference of it does.
		 * @returns `false` when it had been released before
		 */
		release(): boolean;
		/** For `using`: {@link Context.release}. */
		[Symbol.dispose](): void;
	}

	// --- Script ----------------------------------------------------------------------------------

	interface Script extends CachedDataResult {}

	/** Compiled code, to be run in any context of its isolate, as often as needed. */
	class Script {
		private readonly [brand]: 'Script';
		private constructor();

		/**
		 * Runs the script in a context. Results are as of {@link Context.eval}.
		 * @throws as {@link Context.eval}; `ERR_WRONG_ISOLATE` for a context of another isolate
		 */
		run<Options extends ScriptRunOptions = {}>(context: Context, options?: Options | null): ResultTypeAsync<Options>;
		/** Like {@link Script.run}; the caller waits. */
		runSync<Options extends ScriptRunOptions = {}>(context: Context, options?: Options | null): ResultTypeSync<Options>;
		/** Like {@link Script.run}, but nobody hears of the outcome; see {@link Context.evalIgnored}. */
		runIgnored(context: Context, options?: ScriptRunOptions | null): void;

		/** Lets go of the script. What it made when it ran stays. A second time it does nothing. */
		release(): void;
		/** For `using`: {@link Script.release}. */
		[Symbol.dispose](): void;
	}

	// --- Module ----------------------------------------------------------------------------------

	/**
	 * An ES module, JSON, or values of yours. It is instantiated in one context of its isolate, then evaluated, each
	 * once. Guests can use it as the host does. See [Modules](docs/modules.md).
	 */
	class Module {
		private readonly [brand]: 'Module';
		private constructor();

		/** What the module imports, each specifier once, in the order of its source. A new array each time, which is yours. */
		readonly dependencySpecifiers: string[];

		/** Where the source comes from: the `filename` it was compiled with. */
		readonly filename: string;

		/**
		 * A new reference to the module's namespace: its exports, as they are at the moment. The caller waits.
		 * @throws `ERR_MODULE` before the module is instantiated; `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`
		 */
		readonly namespace: Reference<any>;

		/**
		 * Links the module with what it imports, and that with what it imports. For a module that is instantiated already it
		 * does nothing. May be called at the same time for graphs that share modules.
		 * @param context where the modules will run
		 * @param resolveCallback called for each import of each module; modules that are instantiated already stay as
		 * they are. What it throws is thrown on, unchanged.
		 * @throws `SyntaxError`: a name that is imported is not exported; `TypeError`: `ERR_MODULE` when the callback gave no
		 * module, `ERR_WRONG_ISOLATE`; `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`
		 */
		instantiate(context: Context, resolveCallback: ResolveCallback<Module | PromiseLike<Module>>): Promise<void>;
		/** Like {@link Module.instantiate}, with a callback that gives modules at once; the caller waits. */
		instantiateSync(context: Context, resolveCallback: ResolveCallback): void;

		/**
		 * Runs the module, after what it imports. Settles when the module does: `await` at its top included. A second time it
		 * runs nothing, and ends like the first time. It gives `undefined`; the type is isolated-vm's.
		 * @throws what the module throws; `ERR_MODULE` when it isn't instantiated; `ERR_TIMEOUT`, `ERR_MEMORY_LIMIT`,
		 * `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`
		 */
		evaluate(options?: ModuleEvaluateOptions | null): Promise<Transferable>;
		/**
		 * Like {@link Module.evaluate}; the caller waits, as long as code of the guest runs. A module that waits for
		 * something else goes on later: with `promise: true` you get a promise of its end.
		 */
		evaluateSync<Options extends ModuleEvaluateOptions = {}>(
			options?: Options | null,
		): Options extends { promise: true } ? Promise<void> : Transferable;

		/** Lets go of the module. What imports it keeps it. A second time it does nothing. */
		release(): void;
		/** For `using`: {@link Module.release}. */
		[Symbol.dispose](): void;
	}

	// --- Reference -------------------------------------------------------------------------------

	/**
	 * A pointer to a value that stays where it is: in an isolate, or in the environment (main thread or worker) that
	 * made the reference. Its methods reach into the place where the value lives.
	 *
	 * Given to a guest, a reference works there as well: the guest can read, write and delete own properties of the value, and
	 * call it.
	 */
	class Reference<T = any> {
		private readonly [brand]: T;

		/**
		 * A reference to a value of this environment.
		 * @throws `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE`
		 */
		constructor(value: T, options?: ReferenceOptions | null);

		/**
		 * What `typeof` says of the value, but `"null"` for null and `"object"` for symbols and bigints.
		 * @throws `ERR_RELEASED`
		 */
		readonly typeof: 'undefined' | 'null' | 'boolean' | 'number' | 'string' | 'object' | 'function';

		/**
		 * Reads an own property. What is not {@link Transferable} arrives as a reference, unless an option says otherwise.
		 * A missing or inherited property is `undefined`. Keys are strings and 32-bit integers, signed or not.
		 * @throws `TypeError` (`ERR_REFERENCE`): the value is a primitive ("Reference is not an object"), it or its
		 * prototype is a proxy ("Object is or has proxy"), the property is a getter ("Property is getter"), the
		 * key is of another type; `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`, `ERR_DATA_CLONE`
		 */
		get<Key extends KeyOf<T>, Options extends ReferenceGetOptions = {}>(
			key: Key, options?: Options | null,
		): ResultTypeAsync<Options & FallbackReference, T[Key]>;
		/** Like {@link Reference.get}; the caller waits. */
		getSync<Key extends KeyOf<T>, Options extends ReferenceGetOptions = {}>(
			key: Key, options?: Options | null,
		): ResultTypeSync<Options & FallbackReference, T[Key]>;

		/**
		 * Defines an own data property. A setter of that name doesn't run, it is replaced.
		 * @throws `TypeError` (`ERR_REFERENCE`): as {@link Reference.get}, and "Set failed" for frozen objects; `TypeError`
		 * (`ERR_NON_TRANSFERABLE`) for a value that needs an option; `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`, `ERR_DATA_CLONE`
		 */
		set<Key extends KeyOf<T>, Options extends TransferOptions = {}>(
			key: Key, value: ArgumentType<Options, T[Key]>, options?: Options | null,
		): Promise<void>;
		/** Like {@link Reference.set}; the caller waits. */
		setSync<Key extends KeyOf<T>, Options extends TransferOptions = {}>(
			key: Key, value: ArgumentType<Options, T[Key]>, options?: Options | null,
		): void;
		/** Like {@link Reference.set}, but nobody hears of the outcome; see {@link Context.evalIgnored}. */
		setIgnored<Key extends KeyOf<T>, Options extends TransferOptions = {}>(
			key: Key, value: ArgumentType<Options, T[Key]>, options?: Options | null,
		): void;

		/**
		 * Deletes an own property.
		 * @throws `TypeError` (`ERR_REFERENCE`): as {@link Reference.get}, and "Delete failed"; `ERR_RELEASED`,
		 * `ERR_ISOLATE_DISPOSED`
		 */
		delete(key: KeyOf<T>): Promise<void>;
		/** Like {@link Reference.delete}; the caller waits. */
		deleteSync(key: KeyOf<T>): void;
		/** Like {@link Reference.delete}, but nobody hears of the outcome; see {@link Context.evalIgnored}. */
		deleteIgnored(key: KeyOf<T>): void;

		/**
		 * Calls the function. `receiver` is its `this` and takes no transfer options. A result that is not
		 * {@link Transferable} arrives as a reference, unless an option says otherwise.
		 * @throws what the function throws; `TypeError` "Reference is not a function" (`ERR_REFERENCE`); as
		 * {@link Context.eval}
		 */
		apply<Options extends ReferenceApplyOptions = {}>(
			receiver?: ArgumentType<{}, ApplyArgumentThis<T>>,
			arguments?: ArgumentsTypeBidirectional<Options, ApplyArguments<T>>,
			options?: Options | null,
		): ResultTypeBidirectionalAsync<Options & BidirectionalFallback, ApplyResult<T>>;
		/** Like {@link Reference.apply}; the caller waits. */
		applySync<Options extends ReferenceApplyOptions = {}>(
			receiver?: ArgumentType<{}, ApplyArgumentThis<T>>,
			arguments?: ArgumentsTypeBidirectional<Options, ApplyArguments<T>>,
			options?: Options | null,
		): ResultTypeBidirectionalSync<Options & BidirectionalFallback, ApplyResult<T>>;
		/** Like {@link Reference.apply}, but nobody hears of the outcome; see {@link Context.evalIgnored}. */
		applyIgnored<Options extends ReferenceApplyOptions = {}>(
			receiver?: ArgumentType<{}, ApplyArgumentThis<T>>,
			arguments?: ArgumentsTypeBidirectional<Options, ApplyArguments<T>>,
			options?: Options | null,
		): void;
		/**
		 * For guests: calls the function, and waits until the promise that it returns is settled. What it is fulfilled with is
		 * the result. The guest's `timeout` stands still when the function is the host's.
		 * @throws what the promise is rejected with; `Error` "This function may not be called from the default thread"
		 * (`ERR_WRONG_THREAD`): by the host, always; by a guest, when the thread that would have to settle the promise
		 * waits for this very call. The function isn't called then. Else as {@link Reference.apply}
		 */
		applySyncPromise<Options extends ReferenceApplyOptions = {}>(
			receiver?: ArgumentType<{}, ApplyArgumentThis<T>>,
			arguments?: ArgumentsTypeBidirectional<Options, ApplyArguments<T>>,
			options?: Options | null,
		): ResultTypeBidirectionalSync<Options & BidirectionalFallback, Awaited<ApplyResult<T>>>;

		/**
		 * A structured copy of the value.
		 * @throws `ERR_DATA_CLONE`, `ERR_NON_TRANSFERABLE` (a symbol), `ERR_RELEASED`, `ERR_ISOLATE_DISPOSED`
		 */
		copy(): Promise<T>;
		/** Like {@link Reference.copy}; the caller waits. */
		copySync(): T;

		/**
		 * The value itself, where it is one of this environment.
		 * @throws `TypeError` "Cannot dereference this from current isolate" (`ERR_WRONG_ISOLATE`), `ERR_RELEASED`
		 */
		deref(options?: ReleaseOptions | null): T;

		/**
		 * Something to pass: in the isolate that owns the value it arrives as the value itself. With `release` it can
		 * be passed once.
		 * @throws `ERR_RELEASED`. Passing it to another isolate: `TypeError` (`ERR_WRONG_ISOLATE`)
		 */
		derefInto(options?: ReleaseOptions | null): Dereference<T>;

		/**
		 * Lets go of the value. Every later use throws.
		 * @throws `Error` "Reference has been released" (`ERR_RELEASED`), the second time
		 */
		release(): void;
		/** For `using`: {@link Reference.release}, unless that was done before. */
		[Symbol.dispose](): void;
	}

	/** What {@link Reference.derefInto} gives. It has no members; it is there to be passed. */
	interface Dereference<T> {
		readonly [brand]: ['Dereference', T];
	}

	// --- ExternalCopy ----------------------------------------------------------------------------

	/**
	 * A copy of a value outside every heap. It can be copied into any isolate, any number of times, with no call
	 * into the isolate that the value came from.
	 * @example
	 * ```js
	 * import { ExternalCopy } from 'islet';
	 *
	 * const copy = new ExternalCopy({ when: new Date(0), list: [1, , 3] });
	 * console.log(copy.copy());
	 * // prints: { when: 1970-01-01T00:00:00.000Z, list: [ 1, <1 empty item>, 3 ] }
	 * copy.release();
	 * try {
	 * 	copy.copy();
	 * } catch ({ code, message }) {
	 * 	console.log(code, message);
	 * 	// prints: ERR_RELEASED Copy has been released
	 * }
	 * ```
	 */
	class ExternalCopy<T = any> {
		private readonly [brand]: T;

		/**
		 * Copies a value: primitives except symbols, and what structured clone takes, instances of the classes
		 * here nested in it included.
		 * @throws `TypeError` (`ERR_DATA_CLONE`): functions, promises, shared array buffers that grow, a buffer of
		 * Node's `Buffer` pool to be transferred; `ERR_NON_TRANSFERABLE` for a symbol; what a getter of the
		 * value throws; `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE`
		 */
		constructor(value: T & Copyable<T>, options?: ExternalCopyOptions | null);

		/** Bytes that all living external copies of the process hold. */
		static readonly totalExternalSize: number;

		/**
		 * The value, made in this environment.
		 * @throws `Error` "Copy has been released" or "Array buffer is invalid" (`ERR_RELEASED`)
		 */
		copy(options?: ExternalCopyCopyOptions | null): T;

		/**
		 * Something to pass: it arrives as a copy of the value. With `release` it can be passed once, and this object is
		 * released at once.
		 * @throws `ERR_RELEASED`
		 */
		copyInto(options?: ExternalCopyCopyOptions | null): Copy<T>;

		/**
		 * Lets go of the copy.
		 * @throws `Error` "Copy has been released" (`ERR_RELEASED`), the second time
		 */
		release(): void;
		/** For `using`: {@link ExternalCopy.release}, unless that was done before. */
		[Symbol.dispose](): void;
	}

	/** What {@link ExternalCopy.copyInto} gives. It has no members; it is there to be passed. */
	interface Copy<T> {
		readonly [brand]: ['Copy', T];
	}

	// --- Callback --------------------------------------------------------------------------------

	/**
	 * A function of this environment, to be passed, also nested in a copied value. It arrives as a plain function;
	 * arguments and results are copied, functions and instances of the classes here cross as such. `this` is not passed.
	 *
	 * A function passed by itself becomes a callback of the default mode. Async and ignored calls are queued without a bound: a
	 * guest can call faster than the function runs. A callback has no members, not even `[Symbol.dispose]`: it holds nothing that
	 * could be released. Guests that got it have its function, for as long as they refer to it.
	 */
	class Callback<T extends (...args: any[]) => any = any> {
		private readonly [brand]: T;

		/** @throws `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE` (also for two modes at once) */
		constructor(fn: T, options?: CallbackOptions | null);
	}

	// --- NativeModule ----------------------------------------------------------------------------

	/**
	 * In isolated-vm this loads an addon into an isolate. Here that can't be: addons are built for the V8 of Node, and guests
	 * run on another one. What there is instead: the addon's code compiled to WebAssembly, which runs in the guest,
	 * or functions of the host that call the addon ({@link Callback}).
	 */
	class NativeModule {
		private readonly [brand]: 'NativeModule';

		/** @throws `TypeError` (`ERR_NOT_SUPPORTED`), always */
		constructor(filename: string);

		/** Of isolated-vm's interface: there is nothing to call it on. */
		create(context: Context): Promise<Reference<any>>;
		/** Of isolated-vm's interface: there is nothing to call it on. */
		createSync(context: Context): Reference<any>;
	}

	// --- how types follow the options ------------------------------------------------------------

	/** What a reference can be asked for: its value's keys, but no symbols. */
	type KeyOf<T> = Extract<keyof T, string | number>;

	/** `never` for what can't be copied by itself. */
	type Copyable<T> = T extends symbol | ((...args: any[]) => any) ? never : unknown;

	/** Added to options where a value without an option arrives as a reference. */
	type FallbackReference = { _reference?: true };
	/** The same for options with two directions. */
	type BidirectionalFallback = { result?: FallbackReference };

	/** The type of an option; `undefined` where it isn't named. */
	type OptionOf<Options, Name extends string> = Name extends keyof Options ? Options[Name] : undefined;
	type IsOn<Flag> = true extends Flag ? true : false;
	type MayBeOff<Flag> = [Flag] extends [true] ? false : true;

	/** A value that crosses with these options, `promise` left aside. An option that may be on or off gives both. */
	type ResultTypeBase<Options, Result> =
		| (IsOn<OptionOf<Options, 'copy'>> extends true ? Result : never)
		| (IsOn<OptionOf<Options, 'externalCopy'>> extends true ? ExternalCopy<Result> : never)
		| (IsOn<OptionOf<Options, 'reference'>> extends true ? Reference<Result> : never)
		| (false extends MayBeOff<OptionOf<Options, 'copy'>> | MayBeOff<OptionOf<Options, 'externalCopy'>> |
			MayBeOff<OptionOf<Options, 'reference'>> ? never : ResultTypePlain<Options, Result>);

	/** A value that crosses without an option. */
	type ResultTypePlain<Options, Result> =
		unknown extends Result ? Result :
		Result extends void | Transferable ? Result :
		'_reference' extends keyof Options ? Reference<Result> : undefined;

	/** Wraps a result as `promise` asks. */
	type CheckPromise<Options, Result> =
		| (IsOn<OptionOf<Options, 'promise'>> extends true ? Promise<ResultTypeBase<Options, Awaited<Result>>> : never)
		| (MayBeOff<OptionOf<Options, 'promise'>> extends true ? ResultTypeBase<Options, Result> : never);

	/** What a sync method gives. */
	type ResultTypeSync<Options, Result = any> = CheckPromise<Options, Result>;
	/** What an async method gives. */
	type ResultTypeAsync<Options, Result = any> = Promise<Awaited<CheckPromise<Options, Result>>>;

	type DirectionOf<Options, Name extends string> =
		Options extends { [Key in Name]?: infer Direction } ? NonNullable<Direction> : {};

	/** What a sync method with two directions gives. */
	type ResultTypeBidirectionalSync<Options, Result = any> = ResultTypeSync<DirectionOf<Options, 'result'>, Result>;
	/** What an async method with two directions gives. */
	type ResultTypeBidirectionalAsync<Options, Result = any> = ResultTypeAsync<DirectionOf<Options, 'result'>, Result>;

	/** A value that is passed with these options, where a `Type` is to arrive. */
	type ArgumentType<Options, Type> =
		| (true extends OptionOf<Options, 'promise'> ? PromiseLike<ArgumentTypeBase<Options, Type>> : never)
		| ArgumentTypeBase<Options, Type>;
	type ArgumentTypeBase<Options, Type> =
		| Copy<Type>
		| Dereference<Type>
		| (true extends OptionOf<Options, 'copy'> | OptionOf<Options, 'externalCopy'> | OptionOf<Options, 'reference'> ? Type :
			unknown extends Type ? Transferable :
			Extract<Type, Transferable>);

	/** Arguments that are passed with these options. */
	type ArgumentsTypeBidirectional<Options, Args extends readonly any[] = any[]> = {
		readonly [Key in keyof Args]: ArgumentType<DirectionOf<Options, 'arguments'>, Args[Key]>
	};

	type ApplyArguments<Value> = Value extends (...args: infer Args) => unknown ? Args : any[];
	type ApplyArgumentThis<Value> = Value extends (this: infer This, ...args: any) => unknown ? This : unknown;
	type ApplyResult<Value> = Value extends (...args: any) => infer Result ? Result : any;

	// --- The process ----------------------------------------------------------------------------

	/** What {@link stats} tells. */
	type Stats = {
		/** Isolates that were made, and haven't ended. */
		isolates: number;
		/** Those of them that {@link prewarm} keeps ready in this environment (the main thread, or a worker). */
		spareIsolates: number;
		/**
		 * Isolates that were given up: V8 met a fatal error in them, or they didn't stop when they were told to. What they held of
		 * others is let go of; each keeps a sleeping thread and V8's heap until the process ends.
		 */
		condemnedIsolates: number;
		/** What these hold of memory, in bytes, as far as is known: V8's heaps as of their last collections. */
		condemnedMemory: number;
		/** Threads of guests, those that sleep for good among them. */
		threads: number;
		/** The bound that {@link configure} set. */
		maxCondemned: number;
	};

	/** What holds for all isolates of the process. */
	type Configuration = {
		/**
		 * How many isolates may be given up before no more are made (`ERR_TOO_MANY_CONDEMNED`): by then it is time for another
		 * process. At least 1; `Infinity` for no bound.
		 * @default 64
		 */
		maxCondemned?: number | undefined;
		/**
		 * How long an isolate has nothing to do before it collects its garbage and gives the memory back to the system, in ms: once, and only if V8
		 * has collected since it did so last. That takes a few milliseconds of CPU time, which `cpuTime` counts. 0 or `Infinity` for never.
		 * @default 10000
		 */
		trimAfter?: number | undefined;
	};

	/**
	 * How many isolates, threads, and isolates that were given up there are in this process, workers included.
	 * @example
	 * ```js
	 * const { configure, stats } = require('islet');
	 *
	 * configure({ maxCondemned: 20 });
	 * console.log(stats().condemnedIsolates, stats().maxCondemned);
	 * // prints: 0 20
	 * ```
	 */
	function stats(): Stats;

	/** What {@link prewarm} keeps ready. */
	type PrewarmOptions = {
		/** How many isolates, an integer from 0 to 10,000. 0 ends it, and disposes of those that are ready. */
		count: number;
		/**
		 * Their `memoryLimit`, in MB.
		 * @default 128
		 */
		memoryLimit?: number | undefined;
		/** Their `snapshot`: the very object that `new Isolate({ snapshot })` will get. */
		snapshot?: Blob | null | undefined;
	};

	/**
	 * Makes isolates ahead of need, each with a context, and keeps so many ready: `new Isolate()` with the same `memoryLimit` and
	 * `snapshot` takes one, the first `createContext()` without options of that takes its context, and another is made meanwhile.
	 * `inspector`, `sourceMaps` and `onCatastrophicError` need an isolate of their own making, and get one.
	 *
	 * Each takes about a megabyte of memory. Each environment (the main thread, a worker) keeps its own. Another call with the same limit
	 * and snapshot changes the number.
	 * @returns when all are ready
	 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`, and whatever making them throws (`ERR_SNAPSHOT`, `ERR_TOO_MANY_CONDEMNED`)
	 * @example
	 * ```js
	 * const { Isolate, prewarm, stats } = require('islet');
	 *
	 * prewarm({ count: 4, memoryLimit: 32 }).then(() => {
	 * 	const isolate = new Isolate({ memoryLimit: 32 });
	 * 	console.log(isolate.createContextSync().evalSync('1 + 1'), stats().spareIsolates);
	 * 	// prints: 2 3
	 * });
	 * ```
	 */
	function prewarm(options: PrewarmOptions): Promise<void>;

	/**
	 * Sets what holds for all isolates of the process, workers included. What is left out stays as it is.
	 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`
	 */
	function configure(options?: Configuration | null): void;

	export {
		Blob,
		CachedDataOptions,
		CachedDataResult,
		Callback,
		CallbackOptions,
		CompileModuleOptions,
		Context,
		ContextEvalClosureOptions,
		ContextEvalOptions,
		Configuration,
		ContextOptions,
		Copy,
		CpuLimit,
		CpuProfile,
		CpuProfileNode,
		Dereference,
		DisposeReason,
		ErrorCode,
		ExternalCopy,
		ExternalCopyCopyOptions,
		ExternalCopyOptions,
		HeapSnapshotStream,
		HeapStatistics,
		ImportAttributes,
		ImportModuleDynamically,
		InspectorServer,
		InspectorSession,
		Isolate,
		IsolateOptions,
		Library,
		Module,
		ModuleEvaluateOptions,
		NativeModule,
		Reference,
		ReferenceApplyOptions,
		ReferenceGetOptions,
		ReferenceOptions,
		ReleaseOptions,
		ResolveCallback,
		RunOptions,
		Script,
		ScriptInfo,
		ScriptOrigin,
		ScriptRunOptions,
		Stats,
		SnapshotOptions,
		SnapshotScriptInfo,
		SyntheticModuleOptions,
		serveInspector,
		ServeInspectorOptions,
		ThreadCpuProfile,
		Transferable,
		TransferOptions,
		TransferOptionsBidirectional,
		UnhandledRejectionInfo,
		configure,
		prewarm,
		PrewarmOptions,
		stats,
		versions,
	};
}

export = islet;
