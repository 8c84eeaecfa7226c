// The result's type follows the options.

import ivm = require('islet');
import { check, exactly, type Same } from './assert.js';

declare const isolate: ivm.Isolate;
declare const context: ivm.Context;
declare const script: ivm.Script;
declare const module: ivm.Module;
declare const jail: ivm.Reference<{
	count: number;
	maybe: string | undefined;
	list: number[];
	later: Promise<{ done: boolean }>;
	add(a: number, b: number): number;
	make(name: string): { name: string };
	save(this: Date, value: { a: 1 }): void;
}>;
declare const either: boolean;

// --- eval, run ---
exactly<any>()(context.evalSync('1'));
exactly<Promise<any>>()(context.eval('1'));
exactly<void>()(context.evalIgnored('1'));
exactly<any>()(context.evalSync('1', { copy: true }));
exactly<any>()(context.evalSync('1', { timeout: 5, filename: 'a.js' }));
exactly<any>()(context.evalSync('1', null));
exactly<ivm.Reference<any>>()(context.evalSync('1', { reference: true }));
exactly<ivm.ExternalCopy<any>>()(context.evalSync('1', { externalCopy: true }));
exactly<Promise<ivm.ExternalCopy<any>>>()(context.eval('1', { externalCopy: true }));
exactly<Promise<any>>()(context.evalSync('1', { promise: true }));
exactly<Promise<ivm.Reference<any>>>()(context.evalSync('1', { promise: true, reference: true }));
exactly<Promise<ivm.Reference<any>>>()(context.eval('1', { promise: true, reference: true }));
exactly<ivm.Reference<any>>()(script.runSync(context, { reference: true, release: true }));
exactly<Promise<any>>()(script.run(context));
exactly<Promise<any>>()(script.runSync(context, { promise: true }));

// --- modules ---
exactly<Promise<ivm.Module & ivm.CachedDataResult>>()(isolate.compileModule('', { filename: 'a', meta: meta => meta.setSync('url', 'a') }));
exactly<ivm.Module & ivm.CachedDataResult>()(isolate.compileModuleSync('', { meta: () => ({ url: 'a' }) }));
exactly<ivm.Module>()(isolate.compileJsonModuleSync('{}', { filename: 'a.json' }));
exactly<Promise<ivm.Module>>()(isolate.createSyntheticModule({ default: 1, add: (a: number, b: number) => a + b }));
exactly<string[]>()(module.dependencySpecifiers);
exactly<string>()(module.filename);
exactly<ivm.Reference<any>>()(module.namespace);
exactly<Promise<void>>()(module.instantiate(context, async (specifier, referrer, { attributes }) => {
	exactly<string>()(specifier);
	exactly<ivm.Module>()(referrer);
	exactly<string | undefined>()(attributes.type);
	return module;
}));
exactly<void>()(module.instantiateSync(context, () => module));
exactly<Promise<ivm.Transferable>>()(module.evaluate({ timeout: 5, promise: true }));
exactly<ivm.Transferable>()(module.evaluateSync());
exactly<ivm.Transferable>()(module.evaluateSync({ timeout: 5 }));
exactly<Promise<void>>()(module.evaluateSync({ promise: true }));
new ivm.Isolate({ importModuleDynamically: async (specifier, referrer, attributes) => typeof referrer === 'string' ? module : module });
new ivm.Isolate({ importModuleDynamically: () => module });

// --- evalClosure ---
exactly<any>()(context.evalClosureSync('return $0', [1]));
exactly<ivm.Reference<any>>()(context.evalClosureSync('return $0', [1], { result: { reference: true } }));
exactly<Promise<ivm.ExternalCopy<any>>>()(context.evalClosure('return $0', [], { result: { externalCopy: true } }));
exactly<Promise<any>>()(context.evalClosureSync('return $0', null, { result: { promise: true, copy: true } }));
context.evalClosureSync('return $0', [{ a: 1 }], { arguments: { copy: true } });
context.evalClosureSync('return $0', [Promise.resolve(1)], { arguments: { promise: true } });

// --- get ---
exactly<number>()(jail.getSync('count'));
exactly<Promise<number>>()(jail.get('count'));
exactly<string | undefined>()(jail.getSync('maybe'));
exactly<ivm.Reference<number[]>>()(jail.getSync('list'));
exactly<Promise<ivm.Reference<number[]>>>()(jail.get('list'));
exactly<number[]>()(jail.getSync('list', { copy: true }));
exactly<ivm.ExternalCopy<number[]>>()(jail.getSync('list', { externalCopy: true }));
exactly<ivm.Reference<number>>()(jail.getSync('count', { reference: true }));
exactly<(a: number, b: number) => number>()(jail.getSync('add'));
exactly<ivm.Reference<(a: number, b: number) => number>>()(jail.getSync('add', { reference: true }));
exactly<ivm.Reference<Promise<{ done: boolean }>>>()(jail.getSync('later'));
exactly<Promise<{ done: boolean }>>()(jail.getSync('later', { promise: true, copy: true }));
exactly<Promise<ivm.Reference<{ done: boolean }>>>()(jail.getSync('later', { promise: true }));
exactly<Promise<{ done: boolean }>>()(jail.get('later', { promise: true, copy: true }));
exactly<number>()(jail.getSync('count', { accessors: true }));
exactly<any>()(context.global.getSync('anything'));

// An option that is not known before run time gives both.
exactly<number[] | ivm.Reference<number[]>>()(jail.getSync('list', { copy: either }));
exactly<number | Promise<number>>()(jail.getSync('count', { promise: either }));

// --- apply ---
const add = jail.getSync('add', { reference: true });
const make = jail.getSync('make', { reference: true });
const save = jail.getSync('save', { reference: true });
exactly<number>()(add.applySync(undefined, [1, 2]));
exactly<Promise<number>>()(add.apply(undefined, [1, 2], { timeout: 10 }));
exactly<void>()(add.applyIgnored(undefined, [1, 2]));
exactly<ivm.Reference<{ name: string }>>()(make.applySync(undefined, ['x']));
exactly<{ name: string }>()(make.applySync(undefined, ['x'], { result: { copy: true } }));
exactly<Promise<{ name: string }>>()(make.applySync(undefined, ['x'], { result: { copy: true, promise: true } }));
exactly<Promise<ivm.ExternalCopy<{ name: string }>>>()(make.apply(undefined, ['x'], { result: { externalCopy: true } }));
exactly<void>()(save.applySync(new ivm.ExternalCopy(new Date()).copyInto(), [{ a: 1 }], { arguments: { copy: true } }));
exactly<void>()(save.applySync(new ivm.Reference(new Date()).derefInto(), [new ivm.ExternalCopy({ a: 1 } as const).copyInto()]));
exactly<any>()(new ivm.Reference<any>(1).applySync(null, [1, 'two']));
exactly<any>()(context.evalSync('f', { reference: true }).applySync());
exactly<ivm.Reference<any>>()(context.evalSync('f', { reference: true }).applySync(undefined, [], { result: { reference: true } }));

// --- the rest ---
exactly<{ a: number }>()(new ivm.Reference({ a: 1 }).deref());
exactly<{ a: number }>()(new ivm.Reference({ a: 1 }).copySync());
exactly<Promise<{ a: number }>>()(new ivm.Reference({ a: 1 }).copy());
exactly<ivm.Dereference<{ a: number }>>()(new ivm.Reference({ a: 1 }).derefInto({ release: true }));
exactly<Map<string, Date>>()(new ivm.ExternalCopy(new Map<string, Date>()).copy({ transferIn: true }));
exactly<ivm.Copy<Uint8Array<ArrayBuffer>>>()(new ivm.ExternalCopy(new Uint8Array(1), { transferOut: true }).copyInto());
exactly<number>()(ivm.ExternalCopy.totalExternalSize);
exactly<boolean>()(context.release());
exactly<void>()(script.release());
exactly<bigint>()(isolate.cpuTime);
exactly<bigint>()(isolate.wallTime);
exactly<number>()(isolate.referenceCount);
exactly<boolean>()(isolate.isDisposed);
exactly<Promise<ivm.HeapStatistics>>()(isolate.getHeapStatistics());
exactly<number>()(isolate.getHeapStatisticsSync().externally_allocated_size);
exactly<number>()(add.applySyncPromise(undefined, [1, 2]));
exactly<string>()(new ivm.Reference(async (n: number) => String(n)).applySyncPromise(undefined, [1]));
void context.global.set('ivm', ivm);
check<Same<ivm.Reference['typeof'], 'undefined' | 'null' | 'boolean' | 'number' | 'string' | 'object' | 'function'>>();
