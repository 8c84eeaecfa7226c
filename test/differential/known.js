'use strict';

/**
 * Differences from isolated-vm that are meant. Each names a text of docs/migration.md that says so, and why.
 */

/** Differences that show in many programs: what is isolated-vm's text, and what is islet's instead. */
const texts = [
	{ theirs: /`\w+` requires `this` to be something else/, ours: /Illegal invocation/, text: 'Illegal invocation', says: '`this` to be something else' },
	{ theirs: /`\w+` requires/, ours: /`\w+` requires/, text: '`method` requires', says: 'name the method' },
	{ theirs: /Isolated is disposed/, ours: /Isolate is disposed/, text: 'Isolate is disposed', says: '"Isolated is disposed"' },
];

/** By the program's key: the lines that differ, as `node scripts/differential.mjs` prints them. */
const programs = {
	'isolate: snapshot must be an external copy of a buffer': {
		says: 'a `snapshot` of another version, damaged, or anything else',
		differs: [
			'- object: throws TypeError: `snapshot` must be an ExternalCopy to ArrayBuffer',
			'+ object: throws Error: The snapshot can\'t be used: it was not made by islet',
		],
	},
	'snapshots: scripts that fail': {
		says: 'an error of a script of `createSnapshot`',
		differs: [
			'- warmup: throws TypeError: warm [<isolated-vm>:1:1]',
			'+ warmup: throws TypeError: warm',
		],
	},
	'snapshots: a released snapshot': {
		says: 'a released `snapshot` or `cachedData`',
		differs: [
			'- new isolate: throws TypeError: `snapshot` must be an ExternalCopy to ArrayBuffer',
			'+ new isolate: throws Error: Copy has been released',
		],
	},
	'snapshots: wrong cachedData': {
		says: '| `cachedData` | an `ExternalCopy`',
		differs: [
			'- object: throws TypeError: `cachedData` must be an ExternalCopy to ArrayBuffer',
			'+ object: <Script>',
		],
	},
	'snapshots: NativeModule with a wrong path': {
		says: '`new NativeModule(file)`',
		differs: [
			'- absent: "Error"',
			'+ absent: "TypeError"',
		],
	},
	'callback: wrong calls of the constructor': {
		says: 'modes that are no booleans',
		differs: [
			'- {"sync":"a"}: <Callback>',
			'+ {"sync":"a"}: throws TypeError: `sync` must be a boolean',
		],
	},
	'callback: two modes at once': {
		says: 'two modes of one `Callback`',
		differs: [
			'- sync, async: <Callback>',
			'- async, ignored: <Callback>',
			'+ sync, async: throws TypeError: Only one of `sync`, `async`, or `ignored` may be set',
			'+ async, ignored: throws TypeError: Only one of `sync`, `async`, or `ignored` may be set',
		],
	},
	'callback: async callbacks that return a promise': {
		says: 'an `async` callback whose function returns a promise',
		differs: [
			'- eval: fails TypeError: #<Promise> could not be cloned.',
			'+ eval: 7',
		],
	},
	'callback: functions as arguments of callbacks': {
		says: 'functions as arguments of functions',
		differs: [
			'- call: "TypeError: () => 1 could not be cloned."',
			'+ call: "function"',
		],
	},
	'callback: a function of a guest that returns home': {
		says: 'a guest\'s function that comes back to its isolate',
		differs: [
			'- same: false',
			'+ same: true',
		],
	},
	'context: eval of functions': {
		says: '`name` of a function that has none',
		differs: [
			'- Object.assign(() => {}, { own: 1 }): function Object.assign.own/0',
			'+ Object.assign(() => {}, { own: 1 }): function /0',
		],
	},
	'errors: EvalError and URIError': {
		says: '`EvalError`, `URIError`',
		differs: [
			'- EvalError: throws Error (EvalError): e',
			'- URIError: throws Error (URIError): u',
			'- decodeURI: throws Error (URIError): URI malformed',
			'+ EvalError: throws EvalError: e',
			'+ URIError: throws URIError: u',
			'+ decodeURI: throws URIError: URI malformed',
		],
	},
	'errors: classes of a guest': {
		says: 'own `name` of an error',
		differs: [
			'- named: throws Error (Named): n',
			'- typed: throws Error (TypeError): typed',
			'+ named: throws Error: n',
			'+ typed: throws TypeError: typed',
			'- name set: throws Error: x',
			'+ name set: throws Error (Mine): x',
		],
	},
	'errors: thrown objects that are no errors': {
		says: '`throw { a: 1 }` in a guest',
		differs: [
			'- object: throws Error: An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.',
			'- array: throws Error: An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.',
			'+ object: throws thrown value {a: 1}',
			'+ array: throws thrown value [1, 2]',
		],
	},
	'errors: thrown traps': {
		says: 'an error whose `message` is a getter',
		differs: [
			'- message getter: throws Error: got',
			'- message object: throws Error: text',
			'+ message getter: throws Error: ',
			'+ message object: throws Error: ',
		],
	},
	'errors: errors of the host: values that are no errors': {
		says: '`throw { a: 1 }` in a guest',
		differs: [
			'- 4: "objectAn object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`."',
			'+ 4: "object{\\"a\\":1}"',
		],
	},
	'errors: own classes of the host': {
		says: 'own properties and `cause` of a thrown error',
		differs: [
			'- property: "undefined"',
			'+ property: "404"',
		],
	},
	'errors: own properties of guest errors': {
		says: 'own properties and `cause` of a thrown error',
		differs: [
			'- with more undefined undefined',
			'+ with more E_MINE {a: 1}',
		],
	},
	'errors: cause': {
		says: 'own properties and `cause` of a thrown error',
		differs: [
			'- outer false undefined',
			'+ outer true inner',
		],
	},
	'external-copy: copies of objects': {
		says: 'an object with a getter, or an error whose `stack`',
		differs: [
			'- copy: throws thrown value "illegal access"',
			'- copy: throws thrown value "illegal access"',
			'+ copy: [Error: e]',
			'+ copy: [RangeError: r]',
		],
	},
	'external-copy: getters run when copying': {
		says: 'an object with a getter, or an error whose `stack`',
		differs: [
			'- getter: throws thrown value "illegal access"',
			'- throws: throws thrown value "illegal access"',
			'+ getter: {a: 1, b: 2}',
			'+ throws: throws RangeError: getter',
		],
	},
	'external-copy: wrong calls': {
		says: 'something else than a buffer in `transferList`',
		differs: [
			'- transferList of others: <ExternalCopy>',
			'+ transferList of others: throws TypeError: Non-ArrayBuffer passed in `transferList`',
		],
	},
	'external-copy: copyInto': {
		says: 'what `derefInto()`, `copyInto()` gave, passed twice',
		differs: [
			'- made: ExternalCopyInto {}',
			'+ made: <Copy>',
			'- second: throws Error: The return value of `copyInto()` should only be used once',
			'- apart: throws ReferenceError: y is not defined',
			'+ second: undefined',
			'+ apart: true',
		],
	},
	'external-copy: copyInto with release': {
		says: 'class of what `copyInto()` gives',
		differs: [
			'- made: ExternalCopyInto {}',
			'+ made: <Copy>',
		],
	},
	'external-copy: a detached buffer': {
		says: 'a detached buffer, copied',
		differs: [
			'- copy: ArrayBuffer(0)[]',
			'- transfer: ArrayBuffer(0)[]',
			'+ copy: throws TypeError: An ArrayBuffer is detached and could not be cloned.',
			'+ transfer: throws TypeError: An ArrayBuffer is detached and could not be cloned.',
		],
	},
	'external-copy: totalExternalSize': {
		says: '`ExternalCopy.totalExternalSize`',
		differs: [
			'- false',
			'+ true',
		],
	},
	'external-copy: errors copied': {
		says: 'an object with a getter, or an error whose `stack`',
		differs: [
			'- error: throws thrown value "illegal access"',
			'- error: throws thrown value "illegal access"',
			'- error: throws thrown value "illegal access"',
			'- error: throws thrown value "illegal access"',
			'- program fails: undefined: illegal access',
			'+ error: [Error: a]',
			'+ error: [TypeError: b]',
			'+ error: [Error: c]',
			'+ error: [Error: d]',
			'+ with cause string',
		],
	},
	'external-copy: resizable buffers': {
		says: 'a resizable buffer, copied',
		differs: [
			'- copy: [8, false, 8]',
			'+ copy: [8, true, 16]',
		],
	},
	'isolate: memoryLimit has a least value': {
		says: '`memoryLimit` below 8',
		differs: [
			'- 7: throws Error: `memoryLimit` must be at least 8',
			'- 1: throws Error: `memoryLimit` must be at least 8',
			'- 0: throws Error: `memoryLimit` must be at least 8',
			'+ 7: throws RangeError: `memoryLimit` must be at least 8',
			'+ 1: throws RangeError: `memoryLimit` must be at least 8',
			'+ 0: throws RangeError: `memoryLimit` must be at least 8',
		],
	},
	'isolate: figures of a disposed isolate': {
		says: '`cpuTime`, `wallTime`, `referenceCount` after `dispose()`',
		differs: [
			'- cpuTime: throws Error: Isolate is disposed',
			'- wallTime: throws Error: Isolate is disposed',
			'- referenceCount: throws Error: Isolate is disposed',
			'+ cpuTime: "bigint"',
			'+ wallTime: "bigint"',
			'+ referenceCount: "number"',
		],
	},
	'isolate: referenceCount counts references': {
		says: 'counts the context of each reference as well',
		differs: [
			'- 6',
			'+ 3',
		],
	},
	'isolate: contexts of one isolate share its heap, not their globals': {
		says: 'the global object of one context in another one',
		differs: [
			'- a value: throws TypeError: no access',
			'- a builtin: throws TypeError: no access',
			'+ a value: 1',
			'+ a builtin: false',
		],
	},
	'isolate: a guest that fills its heap slowly': {
		says: 'a guest fills its heap',
		differs: [
			'- the program hangs',
			'+ eval: fails Error: Isolate was disposed during execution due to memory limit',
			'+ true',
			'+ afterwards: fails Error: Isolate is disposed',
		],
	},
	'isolate: classes without new': {
		says: '`ivm.Isolate()` without `new`',
		differs: [
			'- Isolate: throws TypeError: `Isolate` must be called with `new`',
			'- Reference: throws TypeError: `Reference` must be called with `new`',
			'- ExternalCopy: throws TypeError: `ExternalCopy` must be called with `new`',
			'- Callback: throws TypeError: `Callback` must be called with `new`',
			'+ Isolate: throws TypeError: Class constructor Isolate cannot be invoked without \'new\'',
			'+ Reference: throws TypeError: Class constructor Reference cannot be invoked without \'new\'',
			'+ ExternalCopy: throws TypeError: Class constructor ExternalCopy cannot be invoked without \'new\'',
			'+ Callback: throws TypeError: Class constructor Callback cannot be invoked without \'new\'',
		],
	},
	'promise: what a passed promise is fulfilled with must cross': {
		says: 'a promise passed with `promise`, whose value can\'t cross',
		differs: [
			'- set: fails TypeError: A non-transferable value was passed',
			'+ set: undefined',
		],
	},
	'promise: unhandled rejections of a guest': {
		says: 'a rejection that the guest doesn\'t handle',
		differs: [
			'- eval: fails Error: forgotten',
			'+ eval: 1',
		],
	},
	'promise: unhandled rejections in a sync call': {
		says: 'a rejection that the guest doesn\'t handle',
		differs: [
			'- eval: throws Error: forgotten',
			'+ eval: 1',
		],
	},
	'reference: keys': {
		says: 'keys that are numbers',
		differs: [
			'- -1: throws TypeError: Invalid `key`',
			'+ -1: "minus"',
			'- length: throws TypeError: Property is getter',
			'+ length: 2',
		],
	},
	'reference: get of what is no plain object': {
		says: '`get`, `set` on a function',
		differs: [
			'- f: throws TypeError: Reference is not an object',
			'- f set: throws TypeError: Reference is not an object',
			'- f delete: throws TypeError: Reference is not an object',
			'+ f: undefined',
			'+ f set: undefined',
			'+ f delete: undefined',
		],
	},
	'reference: derefInto': {
		says: 'what `derefInto()`, `copyInto()` gave, passed twice',
		differs: [
			'- second: throws Error: The return value of `derefInto()` should only be used once',
			'- both: throws ReferenceError: y is not defined',
			'+ second: undefined',
			'+ both: true',
		],
	},
	'reference: release': {
		says: 'a released reference, passed',
		differs: [
			'- pass: undefined',
			'+ pass: throws Error: Reference has been released',
		],
	},
	'script: wrong arguments of run': {
		says: 'a `Context` argument that is none',
		differs: [
			'- undefined: throws TypeError: `method` requires parameter 1 to be an object',
			'- undefined: fails TypeError: `method` requires parameter 1 to be an object',
			'- object: throws TypeError: `method` requires parameter 1 to be an object',
			'- object: fails TypeError: `method` requires parameter 1 to be an object',
			'- number: throws TypeError: `method` requires parameter 1 to be an object',
			'- number: fails TypeError: `method` requires parameter 1 to be an object',
			'- object: throws TypeError: `method` requires parameter 1 to be something else',
			'- object: fails TypeError: `method` requires parameter 1 to be something else',
			'- object: throws TypeError: `method` requires parameter 1 to be something else',
			'- object: fails TypeError: `method` requires parameter 1 to be something else',
			'- object: throws TypeError: `method` requires parameter 1 to be something else',
			'- object: fails TypeError: `method` requires parameter 1 to be something else',
			'- string: throws TypeError: `method` requires parameter 1 to be an object',
			'- string: fails TypeError: `method` requires parameter 1 to be an object',
			'+ undefined: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ undefined: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ object: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ object: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ number: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ number: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ object: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ object: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ object: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ object: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ object: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ object: fails TypeError: `method` requires parameter 1 to be a Context',
			'+ string: throws TypeError: `method` requires parameter 1 to be a Context',
			'+ string: fails TypeError: `method` requires parameter 1 to be a Context',
		],
	},
	'script: a context of another isolate': {
		says: 'a context of another isolate in `run`',
		differs: [
			'- sync: throws Error: Invalid context',
			'- async: fails Error: Invalid context',
			'+ sync: throws TypeError: Context does not belong to this isolate',
			'+ async: fails TypeError: Context does not belong to this isolate',
		],
	},
	'texts: Array buffer allocation failed': {
		says: 'an array buffer that doesn\'t fit, caught by the guest',
		differs: [
			'- caught: throws Error: Isolate was disposed during execution due to memory limit',
			'- typed array: throws Error: Isolate is disposed',
			'- goes on: throws Error: Isolate is disposed',
			'+ caught: "RangeError: Array buffer allocation failed"',
			'+ typed array: throws RangeError: Array buffer allocation failed',
			'+ goes on: 1',
		],
	},
	'inside: the library by other ways': {
		says: 'the library that a guest gives back',
		differs: [
			'- comes back: false',
			'+ comes back: true',
		],
	},
	'inside: a reference to a host function: results': {
		says: '`get` of an array\'s `length`',
		differs: [
			'- reference: throws TypeError: Property is getter',
			'+ reference: 2',
		],
	},
	'inside: a reference to a host function: applySyncPromise': {
		says: '`result` options of `applySyncPromise`',
		differs: [
			'- copy: fails TypeError: `result` options are not available for `applySyncPromise`',
			'- none: fails TypeError: A non-transferable value was passed',
			'- arguments: fails TypeError: `result` options are not available for `applySyncPromise`',
			'+ copy: 2',
			'+ none: <Reference object>',
			'+ arguments: 1',
		],
	},
	'inside: applySyncPromise of a function of the guest': {
		says: '`applySyncPromise` of a function that is not the host\'s',
		differs: [
			'- own: fails Error: This function may not be called from the default thread',
			'+ own: 1',
		],
	},
	'inside: external copies inside': {
		says: 'class of what `copyInto()` gives',
		differs: [
			'- e.copyInto().constructor.name: "ExternalCopyInto"',
			'+ e.copyInto().constructor.name: "Copy"',
		],
	},
	'inside: callbacks inside': {
		says: '`name` of a function that has none',
		differs: [
			'- async: function ivm.Callback.async/1',
			'+ async: function /1',
			'- ignored: function ivm.Callback.ignored/1',
			'+ ignored: function /1',
		],
	},
	'inside: a guest waits for another guest, in an async call': {
		says: 'sync calls into another isolate, by a guest in an async call',
		differs: [
			'- evalSync: fails Error: Calling a synchronous isolated-vm function on a non-default isolate from within an asynchronous isolated-vm function is not allowed.',
			'+ evalSync: 2',
		],
	},
	'inside: errors of misuse inside are the guest\'s': {
		says: '`memoryLimit` below 8',
		differs: [
			'- new ivm.Isolate({ memoryLimit: 1 }): "true Error `memoryLimit` must be at least 8"',
			'+ new ivm.Isolate({ memoryLimit: 1 }): "true RangeError `memoryLimit` must be at least 8"',
			'- ivm.Reference(1): "true TypeError `Reference` must be called with `new`"',
			'+ ivm.Reference(1): "true TypeError Class constructor Reference cannot be invoked without \'new\'"',
		],
	},
	'inside: members of an instance inside': {
		says: 'the library inside a guest, as an object',
		differs: [
			'- frozen: "Cannot assign to read only property \'Isolate\' of object \'#<isolated_vm>\'"',
			'+ frozen: "number"',
		],
	},
	'nested: limits of a nested isolate': {
		says: '`memoryLimit` below 8',
		differs: [
			'- too small: throws Error: `memoryLimit` must be at least 8',
			'+ too small: throws RangeError: `memoryLimit` must be at least 8',
		],
	},
	'shared: a shared buffer in an external copy stays shared': {
		says: 'a shared array buffer that comes home to the host',
		differs: [
			'- 5 false',
			'+ 5 true',
		],
	},
	'shared: a shared buffer of a guest comes out': {
		says: 'a shared array buffer that a guest made, on its way to the host',
		below: 24,
		differs: [
			'- copy: SharedArrayBuffer(4)[4 0 0 0]',
			'- 6',
			'+ copy: throws TypeError: A SharedArrayBuffer that a guest made can\'t be shared with this host, or grows. Make it in the host, and hand it to the guest.',
		],
	},
	'shared: a shared buffer outlives its maker': {
		says: 'a shared array buffer that a guest made, on its way to the host',
		below: 24,
		differs: [
			'- copy: SharedArrayBuffer(16)[4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]',
			'- 4',
			'+ copy: throws TypeError: A SharedArrayBuffer that a guest made can\'t be shared with this host, or grows. Make it in the host, and hand it to the guest.',
		],
	},
	'shared: a shared buffer as argument and result of a callback': {
		says: 'a shared array buffer that a guest made, on its way to the host',
		below: 24,
		differs: [
			'- SharedArrayBuffer(2)[0 0]',
			'- take: undefined',
			'+ take: throws TypeError: A SharedArrayBuffer that a guest made can\'t be shared with this host, or grows. Make it in the host, and hand it to the guest.',
		],
	},
	'inside: functions of the host, by reference and as they are': {
		says: 'functions as arguments of functions',
		differs: [
			'- plain: throws TypeError: () => 1 could not be cloned.',
			'+ plain: "object,function"',
		],
	},
	'inside: apply with promises': {
		says: 'a rejected promise of the host that `promise` took to a guest',
		differs: [
			'- unhandled rejection: later',
		],
	},
	'inside: a script of the host, run by a guest': {
		says: 'a context of another isolate in `run`',
		differs: [
			'- wrong context: throws Error: Invalid context',
			'+ wrong context: throws TypeError: Context does not belong to this isolate',
		],
	},
	'modules: imports are resolved': {
		says: 'only of the module that `instantiate` was called on',
		differs: [
			'- b: throws Error: Module has not been instantiated.',
			'+ b: 2',
		],
	},
	'modules: cycles': {
		says: 'only of the module that `instantiate` was called on',
		differs: [
			'- later: throws Error: Module has not been instantiated.',
			'+ later: "a"',
		],
	},
	'modules: wrong arguments of instantiate': {
		says: 'a `Context` argument that is none',
		differs: [
			'- context: throws TypeError: `method` requires parameter 1 to be an object',
			'+ context: throws TypeError: `method` requires parameter 1 to be a Context',
		],
	},
	'modules: what a resolver gives that is no module': {
		says: 'a wrong value from the resolver',
		differs: [
			'- undefined: throws TypeError: Resolved dependency was not `Module`',
			'- null: throws TypeError: Resolved dependency was not `Module`',
			'- 1: throws TypeError: Resolved dependency was not `Module`',
			'- text: throws TypeError: Resolved dependency was not `Module`',
			'- [object Object]: throws TypeError: Resolved dependency was not `Module`',
			'- [object Promise]: throws TypeError: Resolved dependency was not `Module`',
			'+ undefined: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ null: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ 1: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ text: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ [object Object]: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ [object Promise]: throws TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'; for promises there is `instantiate`',
		],
	},
	'modules: what an async resolver gives that is no module': {
		says: 'a wrong value from the resolver',
		differs: [
			'- undefined: fails TypeError: Resolved dependency was not `Module`',
			'- 1: fails TypeError: Resolved dependency was not `Module`',
			'- [object Object]: fails TypeError: Resolved dependency was not `Module`',
			'+ undefined: fails TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ 1: fails TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
			'+ [object Object]: fails TypeError: Resolved dependency was not `Module`: \'a\', imported by \'<isolated-vm>\'',
		],
	},
	'modules: a module of another isolate': {
		says: 'a module of another isolate from the resolver',
		differs: [
			'- resolver: undefined',
			'- context: throws Error: Invalid context',
			'+ resolver: throws TypeError: Module does not belong to this isolate',
			'+ context: throws TypeError: Context does not belong to this isolate',
		],
	},
	'modules: namespace before evaluate': {
		says: 'only of the module that `instantiate` was called on',
		differs: [
			'- namespace: throws Error: Module has not been instantiated.',
			'- f: throws TypeError: Cannot read properties of undefined (reading \'getSync\')',
			'- a: throws TypeError: Cannot read properties of undefined (reading \'getSync\')',
			'+ namespace: <Reference object>',
			'+ f: "hoisted"',
			'+ a: throws ReferenceError: a is not defined',
		],
	},
	'modules: a module that throws': {
		says: '`evaluate` of a module that failed, again',
		differs: [
			'- second: undefined',
			'- async: undefined',
			'+ second: throws RangeError: at the top',
			'+ async: fails RangeError: at the top',
		],
	},
	'modules: top-level await of a host promise': {
		says: '`evaluate()` of a module with `await` at its top',
		differs: [
			'- a: "not yet"',
			'+ a: "came"',
		],
	},
	'modules: import.meta with a callback of the host': {
		says: '`meta`, given by the host',
		differs: [
			'- compile: throws Error: `meta` callback must belong to entered isolate',
			'+ compile: <Module>',
			'+ instantiate: undefined',
			'+ evaluate: undefined',
			'+ url: undefined',
		],
	},
	'modules: release': {
		says: '`dependencySpecifiers` of a released module',
		differs: [
			'- the process ends: SIGSEGV',
			'+ dependencySpecifiers: []',
			'+ async: fails Error: Module has been released',
		],
	},
	'inspector: a session': {
		says: '`createInspectorSession` on Node 26',
		differs: [
			'- the process ends: SIGTRAP',
			'+ session: <InspectorSession>',
			'+ enable: undefined',
			'+ evaluate: undefined',
			'+ [1, 2] {type: "number", value: 2, description: "2"}',
			'+ true',
			'+ dispose: undefined',
			'+ after: throws Error: Session is dead',
			'+ again: throws Error: Session is dead',
		],
	},
	'inspector: console messages': {
		says: '`createInspectorSession` on Node 26',
		differs: [
			'- the process ends: SIGTRAP',
			'+ [["log", ["a", 1]], ["warning", ["b"]], ["error", ["c"]]]',
		],
	},
	'inspector: a breakpoint pauses, and goes on': {
		says: '`createInspectorSession` on Node 26',
		differs: [
			'- the process ends: SIGTRAP',
			'+ paused inner 1',
			'+ resumed',
			'+ 7',
		],
	},
	'inspector: wrong messages': {
		says: '`createInspectorSession` on Node 26',
		differs: [
			'- the process ends: SIGTRAP',
			'+ none: throws TypeError: `method` requires at least 1 parameter',
			'+ number: throws TypeError: `method` requires parameter 1 to be a string',
			'+ unknown method: undefined',
			'+ 5 -32601',
		],
	},
	'inspector: a session of a disposed isolate': {
		says: '`createInspectorSession` on Node 26',
		differs: [
			'- the process ends: SIGTRAP',
			'+ dispatch: throws Error: Isolate is disposed',
			'+ dispose: undefined',
			'+ another: throws Error: Isolate is disposed',
		],
	},
	'inspector: a CPU profile': {
		says: '`startCpuProfiler`',
		differs: [
			'- start: true',
			'+ start: undefined',
		],
	},
	'isolate: members of the library': {
		says: '`lib`',
		differs: [
			'- lib object',
			'+ lib undefined',
		],
	},
};

/**
 * What is said of the lines in which a program differs. What differs on the host may differ inside guests as well, if
 * nothing else is said. An entry with `below` is for versions of Node below that one.
 * @param {string} key
 * @param {string[]} lines
 * @param {number} node The major version of the Node that ran it.
 */
function entryOf(key, lines, node) {
	const entry = programs[key] ?? (lines.length > 0 ? programs[key.replace(/ \(inside\)$/, '')] : undefined);
	return entry?.below <= node ? undefined : entry;
}

module.exports = { entryOf, programs, texts };
