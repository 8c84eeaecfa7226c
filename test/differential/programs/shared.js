'use strict';

const { both } = require('../kit');

module.exports = {
	'a shared buffer in an external copy stays shared': both(async ({ ivm, log, attempt }) => {
		const shared = new SharedArrayBuffer(8);
		const copy = attempt('made', () => new ivm.ExternalCopy(shared));
		const other = attempt('copy', () => copy.copy());
		new Uint8Array(shared)[1] = 5;
		log(new Uint8Array(other)[1], other === shared);
	}),
	'a shared buffer goes into a guest': both(async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(8);
		const bytes = new Uint8Array(shared);
		attempt('set', () => jail.setSync('shared', new ivm.ExternalCopy(shared).copyInto()));
		attempt('type', () => context.evalSync('shared instanceof SharedArrayBuffer && shared.byteLength'));
		bytes[0] = 7;
		attempt('read', () => context.evalSync('new Uint8Array(shared)[0]'));
		context.evalSync('new Uint8Array(shared)[1] = 9; undefined');
		log(bytes[1]);
	}),
	'a shared buffer by the option copy': both(async ({ guest, attempt, log }) => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(4);
		attempt('set', () => jail.setSync('shared', shared, { copy: true }));
		attempt('write', () => context.evalSync('new Uint8Array(shared)[2] = 3; undefined'));
		log(new Uint8Array(shared)[2]);
	}),
	'a shared buffer of a guest comes out': both(async ({ guest, attempt, log }) => {
		const { context } = guest();
		const shared = attempt('copy', () => context.evalSync('globalThis.s = new SharedArrayBuffer(4); new Uint8Array(s)[0] = 4; s', { copy: true }));
		if (shared) {
			new Uint8Array(shared)[1] = 6;
			log(context.evalSync('new Uint8Array(s)[1]'));
		}
	}),
	'a shared buffer outlives its maker': both(async ({ guest, attempt, log }) => {
		const one = guest();
		const copy = one.context.evalSync('globalThis.s = new SharedArrayBuffer(16); new Uint8Array(s)[0] = 4; s', { externalCopy: true });
		one.isolate.dispose();
		const shared = attempt('copy', () => copy.copy());
		if (shared) {
			log(new Uint8Array(shared)[0]);
		}
	}),
	'terrain for many isolates': async ({ ivm, guest, log }) => {
		const shared = new SharedArrayBuffer(1024);
		const bytes = new Uint8Array(shared).fill(2);
		const copy = new ivm.ExternalCopy(shared);
		const guests = [1, 2, 3].map(() => guest());
		guests.forEach(({ jail }) => jail.setSync('terrain', copy.copyInto()));
		log(guests.map(({ context }) => context.evalSync('new Uint8Array(terrain).reduce((a, b) => a + b)')));
		guests[0].context.evalSync('new Uint8Array(terrain)[0] = 10; undefined');
		log(bytes[0], guests[2].context.evalSync('new Uint8Array(terrain)[0]'));
	},
	'views of shared buffers': async ({ ivm, guest, log, attempt }) => {
		const { context, jail } = guest();
		const view = new Uint16Array(new SharedArrayBuffer(16), 4, 3);
		attempt('copy', () => new ivm.ExternalCopy(view).copy());
		attempt('set', () => jail.setSync('view', new ivm.ExternalCopy(view).copyInto()));
		attempt('seen', () => context.evalSync('[view.constructor.name, view.byteOffset, view.length, view.buffer.byteLength, view.buffer.constructor.name].join()'));
		view[0] = 500;
		attempt('read', () => context.evalSync('view[0]'));
	},
	'shared buffers within objects': async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(8);
		attempt('set', () => jail.setSync('o', { shared, bytes: new Uint8Array(shared, 2) }, { copy: true }));
		attempt('same', () => context.evalSync('o.bytes.buffer === o.shared && o.bytes.byteOffset'));
		context.evalSync('o.bytes[0] = 8; undefined');
		log(new Uint8Array(shared)[2]);
	},
	'Atomics across isolates': async ({ ivm, guest, log }) => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(4);
		jail.setSync('shared', new ivm.ExternalCopy(shared).copyInto());
		const cells = new Int32Array(shared);
		Atomics.add(cells, 0, 5);
		log(context.evalSync('Atomics.add(new Int32Array(shared), 0, 1)'), Atomics.load(cells, 0));
	},
	'transferOut of a shared buffer': async ({ ivm, attempt, log }) => {
		const shared = new SharedArrayBuffer(8);
		attempt('transferOut', () => new ivm.ExternalCopy(shared, { transferOut: true }).copy());
		log(shared.byteLength);
		attempt('transferList', () => new ivm.ExternalCopy({ shared }, { transferList: [shared] }));
	},
	'a shared buffer as argument and result of a callback': async ({ guest, attempt, log }) => {
		const { context, jail } = guest();
		const shared = new SharedArrayBuffer(4);
		jail.setSync('give', () => shared);
		jail.setSync('take', buffer => { log(buffer); });
		attempt('give', () => context.evalSync('new Uint8Array(give())[0] = 1; undefined'));
		log(new Uint8Array(shared)[0]);
		attempt('take', () => context.evalSync('take(new SharedArrayBuffer(2)); undefined'));
	},
};
