import { type DisposeReason, ExternalCopy, Isolate, NativeModule, Reference } from 'islet';

const isolate = new Isolate();
const handles: Disposable[] = [
	isolate, isolate.createContextSync(), isolate.compileScriptSync('1'), new Reference(1), new ExternalCopy(1),
];
handles.length;
{
	using context = isolate.createContextSync();
	context.evalSync('1');
}

const reason: DisposeReason | undefined = isolate.disposeReason;
// @ts-expect-error the reason is for reading
isolate.disposeReason = reason;
// @ts-expect-error there is no such reason
isolate.disposeReason === 'tired';
const collected: Promise<void> = isolate.collectGarbage();
isolate.collectGarbageSync();
const contexts: number = isolate.getHeapStatisticsSync().number_of_native_contexts;
export { collected, contexts };

new NativeModule('x.node');
// @ts-expect-error the file's name is missing
new NativeModule();

const heap: AsyncIterable<Uint8Array> = isolate.getHeapSnapshot();
export { heap };
