'use strict';

const { both } = require('../kit');

module.exports = {
	'copies of primitives': both(async ({ ivm, attempt }) => {
		for (const value of [1, -0, 1.5, 'text', true, null, undefined, 5n]) {
			attempt(String(value), () => new ivm.ExternalCopy(value).copy());
		}
	}),
	'copies of objects': both(async ({ ivm, attempt }) => {
		const circle = { a: 1 };
		circle.self = circle;
		for (const value of [{ a: [1, { b: 2 }] }, [1, , 3], new Date(5), /x/gi, new Map([[1, { a: 1 }]]), new Set(['a', 1]), new Boolean(true), new Number(5),
			new String('s'), Object(1n), new Error('e'), new RangeError('r'), {}, []]) {
			attempt('copy', () => new ivm.ExternalCopy(value).copy());
		}
		const copy = new ivm.ExternalCopy(circle).copy();
		attempt('circle', () => copy.self === copy && copy !== circle);
	}),
	'copies of buffers and views': both(async ({ ivm, attempt }) => {
		const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
		for (const value of [buffer, new Uint8Array(buffer), new Uint8Array(buffer, 2, 3), new Float64Array(buffer), new DataView(buffer, 1, 2),
			new BigInt64Array(buffer), new ArrayBuffer(0), [new Uint8Array(buffer), new Uint16Array(buffer)]]) {
			attempt('copy', () => new ivm.ExternalCopy(value).copy());
		}
	}),
	'views keep their place in their buffer': both(async ({ ivm, log }) => {
		const buffer = new ArrayBuffer(8);
		const copy = new ivm.ExternalCopy({ a: new Uint8Array(buffer, 2, 3), b: new Uint8Array(buffer) }).copy();
		log(copy.a.buffer === copy.b.buffer, copy.a.byteOffset, copy.a.length, copy.b.length);
		const single = new ivm.ExternalCopy(new Uint8Array(buffer, 2, 3)).copy();
		log(single.byteOffset, single.length, single.buffer.byteLength);
	}),
	'what can not be copied': both(async ({ ivm, attempt }) => {
		for (const value of [() => 1, Symbol('s'), Promise.resolve(1), new WeakMap(), { f() {} }, [Symbol('t')], class A {}]) {
			attempt(typeof value, () => new ivm.ExternalCopy(value));
		}
	}),
	'getters run when copying': both(async ({ ivm, attempt }) => {
		attempt('getter', () => new ivm.ExternalCopy({ a: 1, get b() { return 2; } }).copy());
		attempt('throws', () => new ivm.ExternalCopy({ get b() { throw new RangeError('getter'); } }));
	}),
	'wrong calls': both(async ({ ivm, attempt }) => {
		attempt('none', () => new ivm.ExternalCopy());
		attempt('options', () => new ivm.ExternalCopy(1, 1));
		attempt('null', () => new ivm.ExternalCopy(1, null).copy());
		attempt('transferOut', () => new ivm.ExternalCopy(1, { transferOut: 1 }));
		attempt('transferList', () => new ivm.ExternalCopy(1, { transferList: 1 }));
		attempt('transferList of others', () => new ivm.ExternalCopy(1, { transferList: [{}] }));
		attempt('empty transferList', () => new ivm.ExternalCopy(1, { transferList: [] }).copy());
		attempt('copy options', () => new ivm.ExternalCopy(1).copy(1));
		attempt('copy release', () => new ivm.ExternalCopy(1).copy({ release: 1 }));
		attempt('copy transferIn', () => new ivm.ExternalCopy(1).copy({ transferIn: 'a' }));
		attempt('copyInto options', () => new ivm.ExternalCopy(1).copyInto('a'));
	}),
	'classes of plain objects are lost': both(async ({ ivm, log }) => {
		class Point { constructor() { this.x = 1; } }
		const copy = new ivm.ExternalCopy(new Point()).copy();
		log(Object.getPrototypeOf(copy) === Object.prototype, copy.x);
		log(Object.getPrototypeOf(new ivm.ExternalCopy(Object.create(null)).copy()) === Object.prototype);
	}),
	'release': both(async ({ ivm, attempt }) => {
		const copy = new ivm.ExternalCopy([1]);
		attempt('copy', () => copy.copy());
		attempt('release', () => copy.release());
		attempt('copy after', () => copy.copy());
		attempt('copyInto after', () => copy.copyInto());
		attempt('release after', () => copy.release());
	}),
	'the option release': both(async ({ ivm, attempt }) => {
		const copy = new ivm.ExternalCopy([1]);
		attempt('copy', () => copy.copy({ release: true }));
		attempt('again', () => copy.copy());
	}),
	'copyInto': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const copy = new ivm.ExternalCopy({ list: [1, 2], when: new Date(3) });
		attempt('made', () => copy.copyInto());
		attempt('set', () => jail.setSync('a', copy.copyInto()));
		attempt('seen', () => context.evalSync('a.list.length + " " + a.when.getTime() + (a instanceof Object)'));
		const into = copy.copyInto();
		attempt('first', () => jail.setSync('x', into));
		attempt('second', () => jail.setSync('y', into));
		attempt('apart', () => context.evalSync('x !== y && x.list.length === y.list.length'));
		attempt('as argument', () => context.evalClosureSync('return $0.list[1]', [copy.copyInto()]));
	}),
	'copyInto with release': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const copy = new ivm.ExternalCopy({ a: 1 });
		const into = attempt('made', () => copy.copyInto({ release: true }));
		attempt('copy', () => copy.copy());
		attempt('first', () => jail.setSync('x', into));
		attempt('seen', () => context.evalSync('x.a'));
		attempt('second', () => jail.setSync('y', into));
	}),
	'into many isolates': both(async ({ ivm, guest, log }) => {
		const copy = new ivm.ExternalCopy({ list: [1, 2, 3] });
		log([1, 2, 3].map(() => {
			const { context, jail } = guest();
			jail.setSync('a', copy.copyInto());
			return context.evalSync('a.list.push(4)');
		}));
	}),
	'transferOut empties the buffer': both(async ({ ivm, log, attempt }) => {
		const buffer = new ArrayBuffer(64);
		new Uint8Array(buffer)[5] = 9;
		const copy = new ivm.ExternalCopy(buffer, { transferOut: true });
		log(buffer.byteLength);
		attempt('copy', () => copy.copy());
		attempt('again', () => copy.copy().byteLength);
		const view = new Uint8Array([1, 2, 3]);
		const other = new ivm.ExternalCopy(view, { transferOut: true });
		log(view.length);
		attempt('view', () => other.copy());
		attempt('of another value', () => new ivm.ExternalCopy({ a: 1 }, { transferOut: true }).copy());
	}),
	'transferIn uses the copy up': both(async ({ ivm, attempt }) => {
		const copy = new ivm.ExternalCopy(new Uint8Array([1, 2, 3]).buffer);
		attempt('transferIn', () => copy.copy({ transferIn: true }));
		attempt('again', () => copy.copy());
		attempt('transferIn again', () => copy.copy({ transferIn: true }));
		attempt('of a number', () => new ivm.ExternalCopy(1).copy({ transferIn: true }));
	}),
	'transferIn into a guest': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		const copy = new ivm.ExternalCopy(new Uint8Array([1, 2, 3]).buffer, { transferOut: true });
		attempt('set', () => jail.setSync('b', copy.copyInto({ release: true, transferIn: true })));
		attempt('seen', () => context.evalSync('b.byteLength + " " + new Uint8Array(b)[2]'));
	}),
	'transferList': both(async ({ ivm, log, attempt }) => {
		const one = new ArrayBuffer(8);
		const two = new ArrayBuffer(16);
		new Uint8Array(two)[1] = 7;
		const copy = attempt('made', () => new ivm.ExternalCopy({ one, two }, { transferList: [two] }));
		log(one.byteLength, two.byteLength);
		attempt('copy', () => copy.copy());
	}),
	'transferList with a view': both(async ({ ivm, log, attempt }) => {
		const view = new Uint8Array([1, 2, 3]);
		const copy = attempt('made', () => new ivm.ExternalCopy({ view }, { transferList: [view.buffer] }));
		log(view.length);
		attempt('copy', () => copy.copy());
	}),
	'a transferred buffer that is not in the value': both(async ({ ivm, log, attempt }) => {
		const buffer = new ArrayBuffer(8);
		attempt('made', () => new ivm.ExternalCopy({ a: 1 }, { transferList: [buffer] }).copy());
		log(buffer.byteLength);
	}),
	'a detached buffer': both(async ({ ivm, attempt }) => {
		const buffer = new ArrayBuffer(8);
		new ivm.ExternalCopy(buffer, { transferOut: true });
		attempt('copy', () => new ivm.ExternalCopy(buffer).copy());
		attempt('transfer', () => new ivm.ExternalCopy(buffer, { transferOut: true }).copy());
	}),
	'instances nested in a copied value': both(async ({ ivm, guest, log, attempt }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('5');
		const copy = attempt('made', () => new ivm.ExternalCopy({ isolate, context, jail, list: [script], inner: new ivm.ExternalCopy([1]) }));
		const value = attempt('copy', () => copy.copy());
		log(value.isolate instanceof ivm.Isolate, value.list[0] instanceof ivm.Script);
		attempt('used', () => value.list[0].runSync(value.context));
		attempt('nested copy', () => value.inner.copy());
		attempt('apart', () => value.context === context);
	}),
	'callbacks nested in a copied value': both(async ({ ivm, guest, attempt }) => {
		const { context, jail } = guest();
		attempt('set', () => jail.setSync('api', { double: new ivm.Callback(value => value * 2) }, { copy: true }));
		attempt('call', () => context.evalSync('api.double(4)'));
	}),
	'references nested in a copied value': both(async ({ ivm, guest, attempt, log }) => {
		const { context, jail } = guest();
		const value = { mine: 1 };
		attempt('set', () => jail.setSync('o', { r: new ivm.Reference(value) }, { copy: true }));
		attempt('type', () => context.evalSync('typeof o.r'));
		const back = attempt('back', () => context.evalSync('o', { copy: true }));
		log(back?.r.deref() === value);
		attempt('derefInto', () => jail.setSync('p', { g: jail.derefInto() }, { copy: true }));
		attempt('seen', () => context.evalSync('p.g === globalThis'));
	}),
	'a copy from a guest outlives its isolate': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const copy = context.evalSync('({ list: [1, 2], text: "a" })', { externalCopy: true });
		const buffer = context.evalSync('new Uint8Array([1, 2, 3])', { externalCopy: true });
		isolate.dispose();
		attempt('copy', () => copy.copy());
		attempt('buffer', () => buffer.copy());
	}),
	'totalExternalSize': async ({ ivm, log, sleep }) => {
		// What earlier programs made is gone.
		for (let i = 0; i < 3; ++i) {
			gc();
			await sleep(10);
		}
		const before = ivm.ExternalCopy.totalExternalSize;
		const copy = new ivm.ExternalCopy(new ArrayBuffer(100000));
		log(ivm.ExternalCopy.totalExternalSize - before >= 100000);
		copy.release();
		log(ivm.ExternalCopy.totalExternalSize - before < 100000);
	},
	'array extras': both(async ({ ivm, attempt }) => {
		const list = [1, 2];
		list.extra = 'more';
		attempt('extra', () => new ivm.ExternalCopy(list).copy().extra);
		attempt('sparse', () => new ivm.ExternalCopy(Object.assign([], { 5: 1 })).copy());
		attempt('long', () => { const long = []; long.length = 1000; return new ivm.ExternalCopy(long).copy().length; });
	}),
	'errors copied': both(async ({ ivm, attempt, log }) => {
		class Own extends Error {}
		for (const error of [new Error('a'), new TypeError('b'), new Own('c'), new AggregateError([1], 'd')]) {
			attempt('error', () => new ivm.ExternalCopy(error).copy());
		}
		const copy = new ivm.ExternalCopy(new Error('with cause', { cause: 5 })).copy();
		log(copy.message, typeof copy.stack);
	}),
	'deep nesting': both(async ({ ivm, log, attempt }) => {
		let value = null;
		for (let i = 0; i < 500; ++i) {
			value = { value };
		}
		let copy = new ivm.ExternalCopy(value).copy();
		let depth = 0;
		for (; copy !== null; copy = copy.value) {
			++depth;
		}
		log(depth);
	}),
	'resizable buffers': both(async ({ ivm, attempt }) => {
		const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
		attempt('copy', () => { const copy = new ivm.ExternalCopy(buffer).copy(); return [copy.byteLength, copy.resizable, copy.maxByteLength]; });
	}),
	'methods on a wrong receiver': both(async ({ ivm, attempt }) => {
		const copy = new ivm.ExternalCopy(1);
		for (const name of ['copy', 'copyInto', 'release']) {
			attempt(name, () => copy[name].call({}));
		}
	}),
};
