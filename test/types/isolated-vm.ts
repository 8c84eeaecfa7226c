// Programs that are typed for isolated-vm compile when the name is changed.

import ivm = require('islet');

declare const module: ivm.Module;
declare const context: ivm.Context;
declare const isolate: ivm.Isolate;

async function evaluated(): Promise<ivm.Transferable> {
	const last: ivm.Transferable = await module.evaluate();
	const number = module.evaluateSync({ timeout: 5 }) as number;
	return module.evaluateSync() ?? number ?? last;
}

async function native(): Promise<ivm.Reference<any>> {
	const addon = new ivm.NativeModule('x.node');
	const reference: ivm.Reference<any> = addon.createSync(context);
	await context.global.set('addon', (await addon.create(context)).derefInto());
	return reference;
}

async function idioms(): Promise<void> {
	const jail: ivm.Reference<Record<number | string | symbol, any>> = context.global;
	jail.setSync('global', jail.derefInto());
	await jail.set('log', new ivm.Callback((...values: any[]) => values.length, { ignored: true }));
	const options: ivm.ContextEvalOptions = { timeout: 5, copy: true };
	const result: any = await context.eval('1', options);
	const script: ivm.Script = await isolate.compileScript('1', { filename: 'file:///a.js' });
	const run: ivm.ScriptRunOptions = { timeout: 5, release: true, copy: true };
	const value: any = await script.run(context, run);
	const closure: ivm.ContextEvalClosureOptions = { arguments: { copy: true }, result: { promise: true, copy: true } };
	await context.evalClosure('return $0', [{ a: 1 }], closure);
	const specifiers: string[] = module.dependencySpecifiers;
	await module.instantiate(context, (specifier: string, referrer: ivm.Module): ivm.Module => specifiers.includes(specifier) ? referrer : module);
	const exported = await module.namespace.get('default', { reference: true });
	const applied: ivm.Transferable = await exported.apply(undefined, [1], { timeout: 5, result: { promise: true } });
	const session: ivm.InspectorSession = isolate.createInspectorSession();
	session.onNotification = (message: string) => void message;
	session.dispose();
	const statistics: ivm.HeapStatistics = await isolate.getHeapStatistics();
	const snapshot: ivm.ExternalCopy<ArrayBuffer> = ivm.Isolate.createSnapshot([{ code: '1' }], '1');
	const made: ivm.IsolateOptions = { memoryLimit: 8, snapshot, onCatastrophicError: message => void message };
	const compile: ivm.CompileModuleOptions = { filename: 'a' };
	const transfer: ivm.TransferOptions = { copy: true };
	const both: ivm.TransferOptionsBidirectional = { arguments: transfer };
	const profiles: ivm.ThreadCpuProfile[] = await isolate.stopCpuProfiler('t');
	const nodes: ivm.CpuProfile['nodes'] | undefined = profiles[0]?.profile.nodes;
	const copy: ivm.Copy<{ a: number }> = new ivm.ExternalCopy({ a: 1 }).copyInto({ release: true, transferIn: true });
	const got: any = jail.getSync('x', { copy: true });
	jail.setIgnored('x', got);
	jail.deleteIgnored('x');
	void [result, value, applied, statistics, made, compile, both, nodes, copy];
}

export { evaluated, idioms, native };
