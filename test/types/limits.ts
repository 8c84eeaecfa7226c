/** Types of what bounds a guest and listens to it: compiled, never run. */

import { type Context, Isolate, prewarm, stats } from 'islet';
import { exactly } from './assert.js';

new Isolate({
	onUnhandledRejection(reason, info) {
		exactly<unknown>()(reason);
		exactly<number>()(info.dropped);
	},
});
new Isolate({ onUnhandledRejection: () => {} });
new Isolate({ onUnhandledRejection: undefined });
// @ts-expect-error A function is needed.
new Isolate({ onUnhandledRejection: true });

new Isolate({ timeout: 100 });
// @ts-expect-error A number is needed.
new Isolate({ timeout: '100' });

declare const context: Context;
exactly<Promise<any>>()(context.eval('1', { deadline: 5, timeout: 5 }));
// @ts-expect-error A number is needed.
context.evalSync('1', { deadline: '5' });

new Isolate({ cpuLimit: { perSecond: 20, burst: 500 } });
new Isolate({ cpuLimit: { perSecond: 20 } });
// @ts-expect-error `perSecond` is needed.
new Isolate({ cpuLimit: { burst: 20 } });
context.evalSync('1', { cpuTimeout: 5 });

const warmed: Promise<void> = prewarm({ count: 2, memoryLimit: 32, snapshot: null });
const spare: number = stats().spareIsolates;
// @ts-expect-error how many has to be said
prewarm({ memoryLimit: 32 });
// @ts-expect-error it is no option of these
prewarm({ count: 1, inspector: true });
export { warmed, spare };
