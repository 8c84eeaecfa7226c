/** Types of what bounds a guest and listens to it: compiled, never run. */

import { Isolate } from 'islet';
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
