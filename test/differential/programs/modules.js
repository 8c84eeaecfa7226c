'use strict';

const { both } = require('../kit');

module.exports = {
	'a module': both(async ({ guest, attempt, log }) => {
		const { isolate, context } = guest();
		const module = attempt('compile', () => isolate.compileModuleSync('export const a = 1; export default "d"; export function f(x) { return x * 2 } export let o = { b: 2 };'));
		log(module.dependencySpecifiers);
		attempt('instantiate', () => module.instantiateSync(context, () => { throw new Error('not called'); }));
		attempt('evaluate', () => module.evaluateSync());
		const namespace = attempt('namespace', () => module.namespace);
		for (const name of ['a', 'default', 'f', 'o', 'absent']) {
			attempt(name, () => namespace.getSync(name));
		}
		attempt('call', () => namespace.getSync('f', { reference: true }).applySync(undefined, [4]));
		attempt('copy', () => namespace.getSync('o', { copy: true }));
	}),
	'a module, async': both(async ({ guest, settle, log }) => {
		const { isolate, context } = guest();
		const module = await settle('compile', () => isolate.compileModule('export default 1 + 1'));
		await settle('instantiate', () => module.instantiate(context, () => {}));
		await settle('evaluate', () => module.evaluate());
		await settle('namespace', () => module.namespace.get('default'));
	}),
	'imports are resolved': both(async ({ guest, attempt, log }) => {
		const { isolate, context } = guest();
		const dependency = isolate.compileModuleSync('export const b = 2');
		const module = isolate.compileModuleSync('import { b } from "./dep.js"; export const c = b + 1');
		log(module.dependencySpecifiers);
		attempt('instantiate', () => module.instantiateSync(context, (specifier, referrer) => {
			log('resolve', specifier, referrer === module);
			return dependency;
		}));
		attempt('evaluate', () => module.evaluateSync());
		attempt('c', () => module.namespace.getSync('c'));
		attempt('b', () => dependency.namespace.getSync('b'));
	}),
	'dependency specifiers': both(async ({ guest, log }) => {
		const { isolate } = guest();
		log(isolate.compileModuleSync('import "a"; import b from "b"; export * from "c"; import { d } from "a"; import("dynamic")').dependencySpecifiers);
		log(isolate.compileModuleSync('1').dependencySpecifiers);
	}),
	'resolvers are asked once per specifier and referrer': async ({ guest, attempt, log }) => {
		const { isolate, context } = guest();
		const shared = isolate.compileModuleSync('export const s = 1');
		const left = isolate.compileModuleSync('import { s } from "shared"; export const l = s');
		const right = isolate.compileModuleSync('import { s } from "shared"; export const r = s');
		const top = isolate.compileModuleSync('import { l } from "left"; import { r } from "right"; import "left"; export const sum = l + r');
		const names = new Map([[top, 'top'], [left, 'left'], [right, 'right'], [shared, 'shared']]);
		attempt('instantiate', () => top.instantiateSync(context, (specifier, referrer) => {
			log(names.get(referrer), 'asks for', specifier);
			return { left, right, shared }[specifier];
		}));
		attempt('evaluate', () => top.evaluateSync());
		attempt('sum', () => top.namespace.getSync('sum'));
	},
	'async resolvers': async ({ guest, settle, sleep, log }) => {
		const { isolate, context } = guest();
		const sources = { a: 'import { b } from "b"; export const a = b + "a"', b: 'import { c } from "c"; export const b = c + "b"', c: 'export const c = "c"' };
		const module = await isolate.compileModule('import { a } from "a"; export const result = a');
		await settle('instantiate', () => module.instantiate(context, async specifier => {
			log('resolve', specifier);
			await sleep(2);
			return isolate.compileModule(sources[specifier]);
		}));
		await settle('evaluate', () => module.evaluate());
		await settle('result', () => module.namespace.get('result'));
	},
	'cycles': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const a = isolate.compileModuleSync('import { b } from "b"; export function a() { return "a" } export const ab = a() + b()');
		const b = isolate.compileModuleSync('import { a } from "a"; export function b() { return "b" } export const later = () => a()');
		attempt('instantiate', () => a.instantiateSync(context, specifier => ({ a, b })[specifier]));
		attempt('evaluate', () => a.evaluateSync());
		attempt('ab', () => a.namespace.getSync('ab'));
		attempt('later', () => b.namespace.getSync('later')());
	},
	'a module that imports itself': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('import * as self from "self"; export const a = 1; export const b = () => self.a');
		attempt('instantiate', () => module.instantiateSync(context, () => module));
		attempt('evaluate', () => module.evaluateSync());
		attempt('b', () => module.namespace.getSync('b')());
	},
	'syntax errors': both(async ({ guest, attempt, settle }) => {
		const { isolate } = guest();
		attempt('sync', () => isolate.compileModuleSync('export }'));
		attempt('named', () => isolate.compileModuleSync('\nimport {', { filename: 'file:///m.mjs' }));
		attempt('twice', () => isolate.compileModuleSync('export const a = 1; export const a = 2'));
		await settle('async', () => isolate.compileModule('let let'));
	}),
	'wrong arguments of compileModule': both(async ({ guest, attempt }) => {
		const { isolate } = guest();
		attempt('none', () => isolate.compileModuleSync());
		attempt('number', () => isolate.compileModuleSync(1));
		attempt('options', () => isolate.compileModuleSync('1', 1));
		attempt('filename', () => isolate.compileModuleSync('1', { filename: 1 }));
		attempt('meta', () => isolate.compileModuleSync('1', { meta: 1 }));
	}),
	'wrong arguments of instantiate': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('import "a"');
		attempt('none', () => module.instantiateSync());
		attempt('one', () => module.instantiateSync(context));
		attempt('context', () => module.instantiateSync(1, () => {}));
		attempt('resolver', () => module.instantiateSync(context, 1));
		await settle('none', () => module.instantiate());
		await settle('resolver', () => module.instantiate(context, {}));
	}),
	'what a resolver gives that is no module': async ({ guest, attempt }) => {
		for (const value of [undefined, null, 1, 'text', {}, Promise.resolve(1)]) {
			const { isolate, context } = guest();
			const module = isolate.compileModuleSync('import "a"');
			attempt(String(value), () => module.instantiateSync(context, () => value));
		}
	},
	'what an async resolver gives that is no module': async ({ guest, settle }) => {
		for (const value of [undefined, 1, {}]) {
			const { isolate, context } = guest();
			const module = isolate.compileModuleSync('import "a"');
			await settle(String(value), () => module.instantiate(context, async () => value));
		}
	},
	'a resolver that throws': async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('import "a"');
		attempt('sync', () => module.instantiateSync(context, () => { throw new RangeError('no module'); }));
		await settle('async', () => module.instantiate(context, () => { throw new RangeError('no module'); }));
		await settle('rejects', () => module.instantiate(context, async () => { throw new RangeError('no module'); }));
		const good = isolate.compileModuleSync('export default 1');
		attempt('again, better', () => module.instantiateSync(context, () => good));
		attempt('evaluate', () => module.evaluateSync());
	},
	'a module of another isolate': async ({ guest, attempt }) => {
		const one = guest();
		const foreign = guest().isolate.compileModuleSync('export default 1');
		const module = one.isolate.compileModuleSync('import "a"');
		attempt('resolver', () => module.instantiateSync(one.context, () => foreign));
		attempt('context', () => one.isolate.compileModuleSync('1').instantiateSync(guest().context, () => {}));
	},
	'missing exports': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const dependency = isolate.compileModuleSync('export const b = 2');
		const module = isolate.compileModuleSync('import { missing } from "dep"');
		attempt('instantiate', () => module.instantiateSync(context, () => dependency));
	},
	'evaluate before instantiate': both(async ({ guest, attempt, settle }) => {
		const { isolate } = guest();
		const module = isolate.compileModuleSync('export default 1');
		attempt('evaluate', () => module.evaluateSync());
		attempt('namespace', () => module.namespace);
		await settle('async', () => module.evaluate());
	}),
	'namespace before evaluate': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export let a = 1; export function f() { return "hoisted" }');
		module.instantiateSync(context, () => {});
		const namespace = attempt('namespace', () => module.namespace);
		attempt('f', () => namespace.getSync('f')());
		attempt('a', () => namespace.getSync('a'));
	}),
	'instantiate twice': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export default 1');
		attempt('first', () => module.instantiateSync(context, () => {}));
		attempt('second', () => module.instantiateSync(context, () => {}));
		attempt('another context', () => module.instantiateSync(isolate.createContextSync(), () => {}));
		attempt('evaluate', () => module.evaluateSync());
		attempt('after evaluation', () => module.instantiateSync(context, () => {}));
	}),
	'evaluate twice': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		context.evalSync('globalThis.n = 0');
		const module = isolate.compileModuleSync('++globalThis.n');
		module.instantiateSync(context, () => {});
		attempt('first', () => module.evaluateSync());
		attempt('second', () => module.evaluateSync());
		attempt('n', () => context.evalSync('n'));
	}),
	'a module that throws': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('throw new RangeError("at the top")');
		module.instantiateSync(context, () => {});
		attempt('first', () => module.evaluateSync());
		attempt('second', () => module.evaluateSync());
		await settle('async', () => module.evaluate());
	}),
	'a dependency that throws': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const dependency = isolate.compileModuleSync('throw new TypeError("below"); export default 1');
		const module = isolate.compileModuleSync('import d from "d"; globalThis.reached = true');
		module.instantiateSync(context, () => dependency);
		attempt('evaluate', () => module.evaluateSync());
		attempt('reached', () => context.evalSync('typeof reached'));
	},
	'top-level await': async ({ guest, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export let a = 1; a = await Promise.resolve(5);');
		module.instantiateSync(context, () => {});
		await settle('evaluate', () => module.evaluate());
		await settle('a', () => module.namespace.get('a'));
	},
	'top-level await of a host promise': async ({ ivm, guest, settle, sleep, log }) => {
		const { isolate, context, jail } = guest();
		await jail.set('later', sleep(20).then(() => 'came'), { promise: true });
		const module = isolate.compileModuleSync('export let a = "not yet"; a = await later;');
		module.instantiateSync(context, () => {});
		await settle('evaluate', () => module.evaluate());
		await settle('a', () => module.namespace.get('a'));
		await sleep(60);
		await settle('later', () => module.namespace.get('a'));
	},
	'top-level await that rejects': async ({ guest, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('await Promise.reject(new RangeError("awaited"))');
		module.instantiateSync(context, () => {});
		await settle('evaluate', () => module.evaluate());
	},
	'timeout of evaluate': async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const loop = () => {
			const module = isolate.compileModuleSync('for (;;);');
			module.instantiateSync(context, () => {});
			return module;
		};
		attempt('sync', () => loop().evaluateSync({ timeout: 20 }));
		await settle('async', () => loop().evaluate({ timeout: 20 }));
		attempt('goes on', () => context.evalSync('1'));
	},
	'wrong options of evaluate': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('1');
		module.instantiateSync(context, () => {});
		attempt('number', () => module.evaluateSync(1));
		attempt('timeout', () => module.evaluateSync({ timeout: 'a' }));
		attempt('null', () => module.evaluateSync(null));
	}),
	'import.meta': async ({ guest, attempt, log }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export const keys = Object.keys(import.meta).length; export const type = typeof import.meta; export const proto = Object.getPrototypeOf(import.meta)');
		module.instantiateSync(context, () => {});
		attempt('evaluate', () => module.evaluateSync());
		for (const name of ['keys', 'type', 'proto']) {
			attempt(name, () => module.namespace.getSync(name));
		}
	},
	'import.meta with a callback, from within the isolate': async ({ ivm, guest, attempt }) => {
		const { isolate, context, jail } = guest();
		jail.setSync('isolate', isolate);
		attempt('compile', () => context.evalSync(`
			globalThis.module = isolate.compileModuleSync('export const url = import.meta.url', { meta: meta => { meta.url = 'file:///here.js' } });
			typeof module`));
		const module = context.evalSync('module');
		attempt('instantiate', () => module.instantiateSync(context, () => {}));
		attempt('evaluate', () => module.evaluateSync());
		attempt('url', () => module.namespace.getSync('url'));
	},
	'import.meta with a callback of the host': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = attempt('compile', () => isolate.compileModuleSync('export const url = import.meta.url', { meta(meta) { meta.url = 'file:///here.js'; } }));
		if (module) {
			attempt('instantiate', () => module.instantiateSync(context, () => {}));
			attempt('evaluate', () => module.evaluateSync());
			attempt('url', () => module.namespace.getSync('url'));
		}
	},
	'dynamic import without a resolver': async ({ guest, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('globalThis.outcome = import("a").then(() => "came", error => error.constructor.name)');
		module.instantiateSync(context, () => {});
		await settle('evaluate', () => module.evaluate());
		await settle('outcome', () => context.eval('outcome', { promise: true }));
	},
	'release': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export default 1');
		attempt('release', () => module.release());
		attempt('instantiate', () => module.instantiateSync(context, () => {}));
		attempt('evaluate', () => module.evaluateSync());
		attempt('dependencySpecifiers', () => module.dependencySpecifiers);
		await settle('async', () => module.instantiate(context, () => {}));
	}),
	'release twice': both(async ({ guest, attempt }) => {
		const { isolate } = guest();
		const module = isolate.compileModuleSync('export default 1');
		attempt('first', () => module.release());
		attempt('second', () => module.release());
	}),
	'modules and scripts share globals': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		context.evalSync('globalThis.a = 1; let lexical = 2; undefined');
		const module = isolate.compileModuleSync('export const sum = a + lexical; globalThis.b = 5; export const self = typeof this');
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		attempt('sum', () => module.namespace.getSync('sum'));
		attempt('this', () => module.namespace.getSync('self'));
		attempt('b', () => context.evalSync('b'));
	},
	'live bindings': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export let n = 0; export const next = () => ++n');
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		attempt('before', () => module.namespace.getSync('n'));
		module.namespace.getSync('next', { reference: true }).applySync();
		attempt('after', () => module.namespace.getSync('n'));
		attempt('set', () => module.namespace.setSync('n', 5));
	},
	'the namespace object': async ({ guest, attempt, log }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export const b = 1; export const a = 2');
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		attempt('typeof', () => module.namespace.typeof);
		attempt('copy', () => module.namespace.copySync());
		attempt('derefInto', () => { context.global.setSync('ns', module.namespace.derefInto()); return context.evalSync('Object.keys(ns).join()'); });
		log(module.namespace === module.namespace);
	},
	'concurrent instantiation with a shared dependency': async ({ guest, settle, sleep }) => {
		const { isolate, context } = guest();
		const shared = await isolate.compileModule('export const s = {}');
		const [a, b] = await Promise.all(['a', 'b'].map(name => isolate.compileModule(`import { s } from "shared"; export const ${name} = s`)));
		const resolve = async () => { await sleep(1); return shared; };
		await settle('instantiate', () => Promise.all([a.instantiate(context, resolve), b.instantiate(context, resolve)]).then(() => 'both'));
		await settle('evaluate', () => Promise.all([a.evaluate(), b.evaluate()]).then(() => 'both'));
		await settle('same', async () => {
			context.global.setSync('a', (await a.namespace.get('a', { reference: true })).derefInto());
			context.global.setSync('b', (await b.namespace.get('b', { reference: true })).derefInto());
			return context.evalSync('a === b');
		});
	},
	'a module as a transferable': async ({ guest, attempt }) => {
		const { isolate, context, jail } = guest();
		const module = isolate.compileModuleSync('export default 5');
		jail.setSync('module', module);
		attempt('type', () => context.evalSync('typeof module + module.constructor.name'));
		attempt('back', () => { const back = jail.getSync('module'); back.instantiateSync(context, () => {}); back.evaluateSync(); return back.namespace.getSync('default'); });
	},
	'filename in stacks of modules': async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const module = isolate.compileModuleSync('export const line = new Error().stack.split("\\n")[1].trim()', { filename: 'file:///m.mjs', lineOffset: 2 });
		module.instantiateSync(context, () => {});
		module.evaluateSync();
		attempt('line', () => module.namespace.getSync('line'));
	},
};
