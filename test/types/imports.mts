// Default and named imports in an ES module.

import ivm, { Callback, Context, ExternalCopy, Isolate, Reference, Script } from 'islet';
import { versions } from 'islet';
import type { CpuLimit, ErrorCode, Library, Transferable, TransferOptions, UnhandledRejectionInfo } from 'islet';
import * as all from 'islet';
import { check, type Same } from './assert.js';

check<Same<Isolate, ivm.Isolate>>();
check<Same<typeof Isolate, typeof ivm.Isolate>>();
check<Same<typeof Isolate, typeof all.Isolate>>();
check<Same<Transferable, ivm.Transferable>>();
check<Same<Library, typeof ivm>>();
check<Same<typeof versions.v8, string>>();

const isolate = new Isolate({ memoryLimit: 64 });
const context: Context = await isolate.createContext();
const script: Script = await isolate.compileScript('1');
const reference: Reference = new Reference(isolate);
const copy = new ExternalCopy(new Date());
const callback = new Callback(() => 1);
const options: TransferOptions = { copy: true };
const code: ErrorCode = 'ERR_TIMEOUT';
const limit: CpuLimit = { perSecond: 5 };
const info: UnhandledRejectionInfo = { dropped: 0 };

// @ts-expect-error no such code
const other: ErrorCode = 'ERR_TIME_OUT';
// @ts-expect-error no such export
import { Modules } from 'islet';

export { callback, code, context, copy, info, limit, options, other, reference, script };
