'use strict';

const { both } = require('../kit');

module.exports = {
	'an isolate is what its class says': both(async ({ ivm, log, attempt }) => {
		const isolate = new ivm.Isolate();
		log(isolate instanceof ivm.Isolate, Object.getPrototypeOf(isolate) === ivm.Isolate.prototype, isolate.constructor === ivm.Isolate);
		log(Object.prototype.toString.call(isolate), typeof isolate);
		attempt('name', () => ivm.Isolate.name);
		isolate.dispose();
	}),
	'members have the types of the contract': both(async ({ ivm, log }) => {
		const isolate = new ivm.Isolate();
		log(typeof isolate.cpuTime, typeof isolate.wallTime, typeof isolate.referenceCount, typeof isolate.isDisposed);
		for (const name of ['compileScript', 'compileScriptSync', 'createContext', 'createContextSync', 'dispose',
			'getHeapStatistics', 'getHeapStatisticsSync']) {
			log(name, typeof isolate[name]);
		}
		isolate.dispose();
	}),
	'options may be left out': both(async ({ ivm, attempt }) => {
		for (const options of [undefined, null, {}, { memoryLimit: undefined }, { memoryLimit: null }, { inspector: false },
			{ onCatastrophicError: undefined }, { unknown: 1 }]) {
			attempt(JSON.stringify(options), () => new ivm.Isolate(options));
		}
	}),
	'options must be an object': both(async ({ ivm, attempt }) => {
		for (const options of [1, 'text', true, 1n]) {
			attempt(String(options), () => new ivm.Isolate(options));
		}
	}),
	'memoryLimit must be a number': both(async ({ ivm, attempt }) => {
		for (const memoryLimit of ['64', true, {}, [], 64n]) {
			attempt(typeof memoryLimit, () => new ivm.Isolate({ memoryLimit }));
		}
	}),
	'memoryLimit may be fractional': both(async ({ ivm, attempt }) => {
		attempt('8.5', () => new ivm.Isolate({ memoryLimit: 8.5 }));
	}),
	'memoryLimit has a least value': both(async ({ ivm, attempt }) => {
		for (const memoryLimit of [7, 1, 0]) {
			attempt(String(memoryLimit), () => new ivm.Isolate({ memoryLimit }));
		}
		attempt('8', () => new ivm.Isolate({ memoryLimit: 8 }));
	}),
	'inspector must be a boolean': async ({ ivm, attempt }) => {
		for (const inspector of ['yes', 1, {}]) {
			attempt(typeof inspector, () => new ivm.Isolate({ inspector }));
		}
	},
	'onCatastrophicError must be a function': async ({ ivm, attempt }) => {
		for (const onCatastrophicError of ['yes', 1, {}]) {
			attempt(typeof onCatastrophicError, () => new ivm.Isolate({ onCatastrophicError }));
		}
		attempt('function', () => new ivm.Isolate({ onCatastrophicError() {} }));
	},
	'snapshot must be an external copy of a buffer': async ({ ivm, attempt }) => {
		for (const snapshot of ['yes', 1, {}, new ArrayBuffer(8)]) {
			attempt(typeof snapshot, () => new ivm.Isolate({ snapshot }));
		}
	},
	'a getter of the options that throws': both(async ({ ivm, attempt }) => {
		attempt('memoryLimit', () => new ivm.Isolate({ get memoryLimit() { throw new RangeError('from the getter'); } }));
	}),
	'dispose ends an isolate, and what is of it': both(async ({ guest, log, attempt }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		log(isolate.isDisposed);
		attempt('dispose', () => isolate.dispose());
		log(isolate.isDisposed);
		for (const [label, call] of Object.entries({
			createContext: () => isolate.createContextSync(),
			compileScript: () => isolate.compileScriptSync('1'),
			eval: () => context.evalSync('1'),
			run: () => script.runSync(context),
			get: () => jail.getSync('a'),
			statistics: () => isolate.getHeapStatisticsSync(),
		})) {
			attempt(label, call);
		}
	}),
	'dispose twice': both(async ({ guest, attempt }) => {
		const { isolate } = guest();
		attempt('first', () => isolate.dispose());
		attempt('second', () => isolate.dispose());
	}),
	'async calls into a disposed isolate': both(async ({ guest, settle }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		isolate.dispose();
		await settle('createContext', () => isolate.createContext());
		await settle('compileScript', () => isolate.compileScript('1'));
		await settle('eval', () => context.eval('1'));
		await settle('run', () => script.run(context));
		await settle('get', () => jail.get('a'));
		await settle('set', () => jail.set('a', 1));
		await settle('statistics', () => isolate.getHeapStatistics());
	}),
	'ignored calls into a disposed isolate': both(async ({ guest, attempt }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		isolate.dispose();
		attempt('evalIgnored', () => context.evalIgnored('1'));
		attempt('evalClosureIgnored', () => context.evalClosureIgnored('1'));
		attempt('runIgnored', () => script.runIgnored(context));
		attempt('setIgnored', () => jail.setIgnored('a', 1));
		attempt('deleteIgnored', () => jail.deleteIgnored('a'));
		attempt('applyIgnored', () => jail.applyIgnored(undefined, []));
	}),
	'dispose while an async call runs': async ({ guest, settle, until }) => {
		const { isolate, context, jail } = guest();
		let begun = false;
		jail.setSync('begin', () => { begun = true; });
		const running = settle('running', () => context.eval('begin(); for (;;);'));
		const waiting = settle('waiting', () => context.eval('1'));
		await until(() => begun);
		isolate.dispose();
		await running;
		await waiting;
	},
	'dispose by a callback that a sync call waits for': async ({ guest, attempt }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('end', () => isolate.dispose());
		attempt('evalSync', () => context.evalSync('end(); for (;;);'));
	},
	'handles of a disposed isolate can be released': both(async ({ guest, attempt }) => {
		const { isolate, context, jail } = guest();
		const script = isolate.compileScriptSync('1');
		context.evalSync('globalThis.o = {}');
		const o = jail.getSync('o');
		isolate.dispose();
		attempt('typeof', () => o.typeof);
		attempt('reference', () => o.release());
		attempt('script', () => script.release());
		attempt('context', () => context.release());
	}),
	'figures of a new isolate': both(async ({ guest, log }) => {
		const { isolate } = guest();
		log(isolate.cpuTime > 0n, isolate.wallTime > 0n, isolate.wallTime < 10000000000n);
	}),
	'figures of a disposed isolate': async ({ guest, attempt }) => {
		const { isolate } = guest();
		isolate.dispose();
		attempt('cpuTime', () => typeof isolate.cpuTime);
		attempt('wallTime', () => typeof isolate.wallTime);
		attempt('referenceCount', () => typeof isolate.referenceCount);
	},
	'cpuTime grows with work': async ({ guest, log }) => {
		const { isolate, context } = guest();
		const before = isolate.cpuTime;
		context.evalSync('let sum = 0; for (let i = 0; i < 3e7; ++i) sum += i; sum');
		log(isolate.cpuTime - before > 5000000n);
	},
	'wallTime grows while the guest waits for a callback, cpuTime does not': async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('wait', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100));
		const { cpuTime, wallTime } = isolate;
		context.evalSync('wait(); undefined');
		log(isolate.wallTime - wallTime > 90000000n, isolate.cpuTime - cpuTime < 80000000n);
	},
	'cpuTime read while the isolate runs': async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('cpu', () => String(isolate.cpuTime));
		log(context.evalSync(`
			const before = BigInt(cpu());
			for (let i = 0; i < 1e7; ++i);
			BigInt(cpu()) > before
		`));
	},
	'referenceCount counts references': both(async ({ guest, log }) => {
		const { isolate, context, jail } = guest();
		const start = isolate.referenceCount;
		context.evalSync('globalThis.o = {}; undefined');
		const all = [jail.getSync('o'), jail.getSync('o'), jail.getSync('o')];
		log(isolate.referenceCount - start);
		all.forEach(reference => reference.release());
		context.evalSync('1');
		log(isolate.referenceCount - start);
	}),
	'referenceCount counts scripts and contexts': both(async ({ guest, log }) => {
		const { isolate, context } = guest();
		const start = isolate.referenceCount;
		const script = isolate.compileScriptSync('1');
		log(isolate.referenceCount - start);
		script.release();
		context.evalSync('1');
		log(isolate.referenceCount - start);
		const other = isolate.createContextSync();
		const grown = isolate.referenceCount - start;
		log(grown);
		other.release();
		context.evalSync('1');
		log(isolate.referenceCount - start < grown);
	}),
	'heap statistics have these fields': both(async ({ guest, log, show }) => {
		const { isolate } = guest();
		const statistics = isolate.getHeapStatisticsSync();
		for (const each of [statistics, await isolate.getHeapStatistics()]) {
			for (const name of ['does_zap_garbage', 'externally_allocated_size', 'heap_size_limit', 'malloced_memory', 'peak_malloced_memory',
				'total_available_size', 'total_heap_size', 'total_heap_size_executable', 'total_physical_size', 'used_heap_size']) {
				log(name, typeof each[name]);
			}
		}
		log(statistics.used_heap_size > 0, statistics.used_heap_size <= statistics.total_heap_size, show(statistics.does_zap_garbage));
	}),
	'heap_size_limit follows memoryLimit': both(async ({ guest, log }) => {
		for (const memoryLimit of [8, 64]) {
			const limit = guest({ memoryLimit }).isolate.getHeapStatisticsSync().heap_size_limit / 1048576;
			log(limit >= memoryLimit, limit < memoryLimit * 2 + 64);
		}
	}),
	'externally_allocated_size counts array buffers': both(async ({ guest, log }) => {
		const { isolate, context } = guest();
		const before = isolate.getHeapStatisticsSync().externally_allocated_size;
		context.evalSync('globalThis.b = new ArrayBuffer(1000000); undefined');
		log(isolate.getHeapStatisticsSync().externally_allocated_size - before >= 1000000);
	}),
	'an isolate that has no handle but a context': async ({ ivm, log }) => {
		const context = new ivm.Isolate().createContextSync();
		gc();
		log(context.evalSync('1 + 1'));
	},
	'contexts of one isolate share its heap, not their globals': both(async ({ guest, log, attempt }) => {
		const { isolate, context } = guest();
		const other = isolate.createContextSync();
		context.evalSync('globalThis.a = 1');
		log(other.evalSync('typeof a'));
		other.global.setSync('theirs', context.global.derefInto());
		attempt('a value', () => other.evalSync('theirs.a'));
		attempt('a builtin', () => other.evalSync('theirs.Array === Array'));
	}),
	'createContext async': both(async ({ guest, settle }) => {
		const { isolate } = guest();
		const context = await settle('createContext', () => isolate.createContext());
		await settle('eval', () => context.eval('1 + 2'));
	}),
	'createContext with wrong options': both(async ({ guest, attempt, settle }) => {
		const { isolate } = guest();
		for (const options of [1, 'text', { inspector: 1 }]) {
			attempt(JSON.stringify(options), () => isolate.createContextSync(options));
			await settle(JSON.stringify(options), () => isolate.createContext(options));
		}
		attempt('null', () => isolate.createContextSync(null));
	}),
	'compileScript with wrong arguments': both(async ({ guest, attempt, settle }) => {
		const { isolate } = guest();
		attempt('none', () => isolate.compileScriptSync());
		for (const code of [undefined, null, 1, {}, Symbol.iterator]) {
			attempt(typeof code, () => isolate.compileScriptSync(code));
			await settle(typeof code, () => isolate.compileScript(code));
		}
		for (const options of [1, { filename: 1 }, { lineOffset: 'a' }, { columnOffset: 1.5 }, { produceCachedData: 1 }, { cachedData: 1 }]) {
			attempt(JSON.stringify(options), () => isolate.compileScriptSync('1', options));
			await settle(JSON.stringify(options), () => isolate.compileScript('1', options));
		}
	}),
	'methods on a wrong receiver': both(async ({ ivm, guest, attempt }) => {
		const { isolate, context } = guest();
		for (const name of ['dispose', 'createContextSync', 'getHeapStatisticsSync']) {
			attempt(name, () => isolate[name].call({}));
			attempt(name, () => isolate[name].call(context));
		}
		attempt('isDisposed', () => Reflect.get(ivm.Isolate.prototype, 'isDisposed', {}));
	}),
	'memory that does not fit is a RangeError of the guest': async ({ guest, attempt }) => {
		const { context } = guest({ memoryLimit: 16 });
		attempt('a big buffer', () => context.evalSync('new ArrayBuffer(64 * 1024 * 1024)'));
		attempt('the isolate goes on', () => context.evalSync('1'));
	},
	'a guest that fills its heap slowly': async ({ guest, settle, log }) => {
		const { isolate, context } = guest({ memoryLimit: 16 });
		await settle('eval', () => context.eval('const all = []; for (;;) all.push({ a: new Array(100).fill(1.5) })'));
		log(isolate.isDisposed);
		await settle('afterwards', () => context.eval('1'));
	},
	'many isolates at once': async ({ ivm, log }) => {
		const all = Array.from({ length: 12 }, () => new ivm.Isolate({ memoryLimit: 8 }));
		const results = await Promise.all(all.map(async (isolate, i) => (await isolate.createContext()).eval(`${i} * 2`)));
		log(results);
		all.forEach(isolate => isolate.dispose());
	},
	'members of the library': async ({ ivm, log }) => {
		for (const name of ['Callback', 'Context', 'ExternalCopy', 'Isolate', 'NativeModule', 'Reference', 'Script', 'lib']) {
			log(name, typeof ivm[name]);
		}
		log(typeof ivm.Isolate.createSnapshot, typeof ivm.ExternalCopy.totalExternalSize);
	},
	'classes without new': both(async ({ ivm, attempt }) => {
		for (const name of ['Isolate', 'Reference', 'ExternalCopy', 'Callback']) {
			attempt(name, () => ivm[name](1));
		}
	}),
};
