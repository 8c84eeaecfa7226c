// What the compiler refuses.

import ivm = require('islet');

declare const isolate: ivm.Isolate;
declare const context: ivm.Context;
declare const script: ivm.Script;
declare const module: ivm.Module;
const jail = context.global;
const typed = new ivm.Reference({ count: 1, list: [1], add: (a: number, b: number) => a + b });

// --- classes that the library makes ---
// @ts-expect-error
new ivm.Context();
// @ts-expect-error
new ivm.Script();
// @ts-expect-error without `new`
ivm.Isolate();
// @ts-expect-error one class is not another
const wrong: ivm.Context = isolate;

// --- options ---
// @ts-expect-error
new ivm.Isolate({ memoryLimit: '128' });
// @ts-expect-error
new ivm.Isolate({ memorylimit: 128 });
// @ts-expect-error
new ivm.Isolate({ inspector: 1 });
// @ts-expect-error
new ivm.Isolate({ snapshot: 'file' });
// @ts-expect-error
ivm.Isolate.createSnapshot([{ filename: 'no code' }]);
// @ts-expect-error
new ivm.Isolate({ onCatastrophicError: 'log' });
// @ts-expect-error
isolate.compileScriptSync('1', { produceCachedData: 1 });
// @ts-expect-error
isolate.compileScriptSync('1', { cachedData: 'bytes' });
// @ts-expect-error
isolate.createContextSync({ inspector: 'yes' });
// @ts-expect-error
isolate.compileModuleSync(5);
// @ts-expect-error
isolate.compileModuleSync('1', { meta: {} });
// @ts-expect-error
isolate.compileModuleSync('1', { produceCachedData: 1 });
// @ts-expect-error
new ivm.Module();
// @ts-expect-error a resolver has to give modules
module.instantiateSync(context, () => undefined);
// @ts-expect-error at once
module.instantiateSync(context, async () => module);
// @ts-expect-error
module.instantiate(context);
// @ts-expect-error
module.namespace = jail;
// @ts-expect-error
isolate.createSyntheticModuleSync('1');
// @ts-expect-error
new ivm.Isolate({ importModuleDynamically: () => 5 });
// @ts-expect-error
context.evalSync('1', { timeout: '5' });
// @ts-expect-error
context.evalSync('1', { filename: 5 });
// @ts-expect-error
context.evalSync('1', { copy: 1 });
// @ts-expect-error one way to cross at a time
context.evalSync('1', { copy: true, reference: true });
// @ts-expect-error one way to cross at a time
context.evalSync('1', { copy: true, externalCopy: true });
// @ts-expect-error options of two directions
context.evalSync('1', { result: { copy: true } });
// @ts-expect-error options of one direction
context.evalClosureSync('return 1', [], { copy: true });
// @ts-expect-error
new ivm.Callback(() => 1, { async: true, ignored: true });
// @ts-expect-error
new ivm.Callback(5);
// @ts-expect-error
new ivm.ExternalCopy(new ArrayBuffer(1), { transferList: [new Uint8Array(1)] });

// --- arguments ---
// @ts-expect-error
context.evalSync();
// @ts-expect-error
context.evalSync(5);
// @ts-expect-error
context.evalClosureSync('return 1', 'arguments');
// @ts-expect-error
script.runSync();
// @ts-expect-error
script.runSync(isolate);
// @ts-expect-error symbols are no keys
jail.getSync(Symbol.iterator);
// @ts-expect-error no such property
typed.getSync('cuont');
// @ts-expect-error
typed.deleteSync('cuont');

// --- values ---
// @ts-expect-error an object needs an option
jail.setSync('config', { a: 1 });
jail.setSync('config', { a: 1 }, { copy: true });
jail.setSync('config', new ivm.ExternalCopy({ a: 1 }).copyInto());
jail.setSync('config', new ivm.Reference({ a: 1 }));
jail.setSync('log', (...values: unknown[]) => console.assert(values));
// @ts-expect-error an object needs an option
context.evalClosureSync('return $0', [{ a: 1 }]);
// @ts-expect-error that option is for the result
context.evalClosureSync('return $0', [{ a: 1 }], { result: { copy: true } });
// @ts-expect-error a promise needs an option
jail.setSync('later', Promise.resolve(1));
jail.setSync('later', Promise.resolve(1), { promise: true });
// @ts-expect-error and what it gives needs one too
jail.setSync('later', Promise.resolve({ a: 1 }), { promise: true });
jail.setSync('later', Promise.resolve({ a: 1 }), { promise: true, copy: true });
// @ts-expect-error functions can't be copied by themselves
new ivm.ExternalCopy(() => 1);
// @ts-expect-error symbols can't be copied
new ivm.ExternalCopy(Symbol('s'));
// @ts-expect-error
typed.setSync('count', 'one');
// @ts-expect-error an array needs an option
typed.setSync('list', [1]);
typed.setSync('list', [1], { copy: true });
// @ts-expect-error
typed.getSync('add', { reference: true }).applySync(undefined, ['1', 2]);
// @ts-expect-error too many
typed.getSync('add', { reference: true }).applySync(undefined, [1, 2, 3]);
// @ts-expect-error the receiver takes no options
jail.getSync('f', { reference: true }).applySync({ a: 1 }, [], { arguments: { copy: true } });
// @ts-expect-error read only
isolate.cpuTime = 0n;

export { wrong };
declare const console: { assert(value: unknown): void };
