'use strict';

const { both } = require('../kit');

module.exports = {
	'a script runs, and gives its last value': both(async ({ ivm, guest, log, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = attempt('compile', () => isolate.compileScriptSync('let foo = 1; let bar = 2; bar = foo + bar'));
		log(script instanceof ivm.Script);
		attempt('run', () => script.runSync(context));
		await settle('run again', () => script.run(context));
	}),
	'a script runs many times, in many contexts': both(async ({ guest, log }) => {
		const { isolate, context } = guest();
		const other = isolate.createContextSync();
		const script = isolate.compileScriptSync('globalThis.n = (globalThis.n ?? 0) + 1');
		log([context, other, context, context, other].map(each => script.runSync(each)));
	}),
	'compile async': both(async ({ guest, settle }) => {
		const { isolate, context } = guest();
		const script = await settle('compile', () => isolate.compileScript('6 * 7'));
		await settle('run', () => script.run(context));
		await settle('syntax', () => isolate.compileScript('6 *'));
	}),
	'syntax errors when compiling': both(async ({ guest, attempt }) => {
		const { isolate } = guest();
		attempt('sync', () => isolate.compileScriptSync('\n\n )'));
		attempt('named', () => isolate.compileScriptSync('}', { filename: 'file:///b.js', lineOffset: 2 }));
		attempt('module code', () => isolate.compileScriptSync('import "a"'));
		attempt('await', () => isolate.compileScriptSync('await 1'));
		attempt('return', () => isolate.compileScriptSync('return 1'));
	}),
	'transfer options of run': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('({ a: 1 })');
		attempt('none', () => script.runSync(context));
		attempt('copy', () => script.runSync(context, { copy: true }));
		attempt('reference', () => script.runSync(context, { reference: true }));
		attempt('externalCopy', () => script.runSync(context, { externalCopy: true }));
		attempt('promise', () => isolate.compileScriptSync('Promise.resolve(1)').runSync(context, { promise: true }));
	}),
	'wrong arguments of run': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		attempt('none', () => script.runSync());
		for (const wrong of [undefined, null, 1, {}, isolate, script, 'text']) {
			attempt(typeof wrong, () => script.runSync(wrong));
			await settle(typeof wrong, () => script.run(wrong));
		}
		for (const options of [1, { timeout: 'a' }, { release: 1 }, { copy: 1 }]) {
			attempt(JSON.stringify(options), () => script.runSync(context, options));
		}
	}),
	'a context of another isolate': both(async ({ guest, attempt, settle }) => {
		const script = guest().isolate.compileScriptSync('1');
		const { context } = guest();
		attempt('sync', () => script.runSync(context));
		await settle('async', () => script.run(context));
	}),
	'a released context': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		context.release();
		attempt('sync', () => script.runSync(context));
		await settle('async', () => script.run(context));
	}),
	'release': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		attempt('release', () => script.release());
		attempt('run', () => script.runSync(context));
		await settle('run', () => script.run(context));
		attempt('runIgnored', () => script.runIgnored(context));
	}),
	'release twice': both(async ({ guest, attempt }) => {
		const { isolate } = guest();
		const script = isolate.compileScriptSync('1');
		attempt('first', () => script.release());
		attempt('second', () => script.release());
	}),
	'the option release': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('1');
		attempt('run', () => script.runSync(context, { release: true }));
		attempt('again', () => script.runSync(context));
		const other = isolate.compileScriptSync('2');
		await settle('run', () => other.run(context, { release: true }));
		await settle('again', () => other.run(context));
	}),
	'the option release, when the script throws': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('throw new Error("no")');
		attempt('run', () => script.runSync(context, { release: true }));
		attempt('again', () => script.runSync(context));
	}),
	'runIgnored': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('globalThis.ran = true');
		attempt('runIgnored', () => script.runIgnored(context));
		await settle('ran', () => context.eval('ran'));
	}),
	'timeout': async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('for (;;);');
		attempt('runSync', () => script.runSync(context, { timeout: 20 }));
		await settle('run', () => script.run(context, { timeout: 20 }));
		attempt('afterwards', () => context.evalSync('1'));
	},
	'no cachedData unless asked for': both(async ({ guest, log }) => {
		const script = guest().isolate.compileScriptSync('1');
		log('cachedData' in script, 'cachedDataRejected' in script);
	}),
	'filename in stacks': both(async ({ guest, attempt }) => {
		const { isolate, context } = guest();
		const script = isolate.compileScriptSync('new Error("here").stack.split("\\n")[1].trim()',
			{ filename: 'file:///c.js', lineOffset: 5, columnOffset: 7 });
		attempt('stack', () => script.runSync(context));
	}),
	'a script that throws': both(async ({ guest, attempt, settle }) => {
		const { isolate, context } = guest();
		for (const code of ['throw new TypeError("a")', 'null.x', 'undefinedName', 'throw new RangeError("b")']) {
			attempt(code, () => isolate.compileScriptSync(code).runSync(context));
		}
		await settle('async', () => isolate.compileScript('null.x').then(script => script.run(context)));
	}),
};
