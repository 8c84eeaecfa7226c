// `require`, as TypeScript writes it, in a CommonJS file.

import ivm = require('islet');
import { check, type Same } from './assert.js';

const isolate: ivm.Isolate = new ivm.Isolate();
const context: ivm.Context = isolate.createContextSync();

check<Same<typeof context, ivm.Context>>();

// @ts-expect-error isolated-vm's modules are not in this version
new ivm.Module();
// @ts-expect-error a type only
ivm.Dereference;
// @ts-expect-error a type only
ivm.Copy;
