'use strict';

/**
 * `sourceMaps: true`: stacks tell the places that an inline source map names.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, guest, islet, thrown, throws } = require('./helpers');

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function vlq(number) {
	let rest = number < 0 ? -number * 2 + 1 : number * 2;
	let text = '';
	do {
		text += DIGITS[rest & 31 | (rest > 31 ? 32 : 0)];
		rest >>>= 5;
	} while (rest > 0);
	return text;
}

/** `mappings` of places `[column, source, line, column there]`, a list for each line of the code. */
function mappingsOf(lines) {
	const last = [0, 0, 0, 0];
	return lines.map(places => {
		last[0] = 0;
		return places.map(place => place.map((number, i) => {
			const difference = number - last[i];
			last[i] = number;
			return vlq(difference);
		}).join('')).join(',');
	}).join(';');
}

const inline = (map, head = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,') =>
	`\n${head}${Buffer.from(typeof map === 'string' ? map : JSON.stringify(map)).toString('base64')}`;

/** Line 1: `function boom() {`, line 2 throws in column 3; they are lines 41 and 43 of game.ts. */
const CODE = 'function boom() {\n  throw new Error("x");\n}\nboom();';
const MAP = {
	version: 3, sources: ['src/game.ts', 'src/other.ts'],
	mappings: mappingsOf([[[0, 0, 40, 0]], [[2, 0, 42, 4], [8, 0, 42, 10]], [[0, 0, 44, 0]], [[0, 1, 6, 1]]]),
};

const frames = stack => stack.split('\n').filter(line => line.startsWith('    at ')).map(line => line.slice(7)).slice(0, 2);
const stackOf = (code, options, isolateOptions = { sourceMaps: true }) =>
	thrown(() => guest(isolateOptions).context.evalSync(code, { filename: 'bundle.js', ...options })).stack;

describe('sourceMaps', () => {
	it('maps stacks as the host reads them', () => {
		assert.deepEqual(frames(stackOf(CODE + inline(MAP))), ['boom (src/game.ts:43:11)', 'src/other.ts:7:2']);
	});

	it('maps stacks as the guest reads them', () => {
		const { context } = guest({ sourceMaps: true });
		const code = `${CODE.replace('boom();', 'let s; try { boom() } catch (error) { s = error.stack } s')}${inline(MAP)}`;
		assert.equal(frames(context.evalSync(code, { filename: 'bundle.js' }))[0], 'boom (src/game.ts:43:11)');
	});

	it('is off unless asked for, and must be a boolean', () => {
		assert.deepEqual(frames(stackOf(CODE + inline(MAP), {}, {})), ['boom (bundle.js:2:9)', 'bundle.js:4:1']);
		throws(() => new islet.Isolate({ sourceMaps: 1 }), TypeError, '`sourceMaps` must be a boolean', 'ERR_INVALID_ARG_TYPE');
	});

	it('heeds offsets, the root of sources, and the old form of the comment', () => {
		const map = { ...MAP, sourceRoot: 'https://example.org/game' };
		assert.deepEqual(frames(stackOf(CODE + inline(map), { lineOffset: 10 })),
			['boom (https://example.org/game/src/game.ts:43:11)', 'https://example.org/game/src/other.ts:7:2']);
		assert.equal(frames(stackOf(CODE + inline(MAP, '//@ sourceMappingURL=data:application/json;base64,')))[0], 'boom (src/game.ts:43:11)');
	});

	it('reads data URLs in base64 and percent-encoded ones', () => {
		const text = JSON.stringify({ ...MAP, sources: ['src/ä%.ts', 'b.ts'] });
		for (const url of [
			`application/json;base64,${Buffer.from(text).toString('base64')}`,
			`application/json;charset=utf-8;base64,${Buffer.from(text).toString('base64')}`,
			`application/json,${encodeURIComponent(text)}`,
			`application/json;charset=utf-8,${encodeURIComponent(text)}`,
		]) {
			assert.deepEqual(frames(stackOf(`${CODE}\n//# sourceMappingURL=data:${url}`)), ['boom (src/ä%.ts:43:11)', 'b.ts:7:2'], url);
		}
	});

	it('holds for scripts, functions, closures, modules, and code with any characters', async () => {
		const { isolate, context } = guest({ sourceMaps: true });
		const code = CODE + inline(MAP);
		const options = { filename: 'bundle.js' };
		const script = isolate.compileScriptSync(code, options);
		assert.equal(frames(thrown(() => script.runSync(context)).stack)[0], 'boom (src/game.ts:43:11)');
		assert.equal(frames(thrown(() => context.evalClosureSync(code, [], options)).stack)[0], 'boom (src/game.ts:43:11)');
		assert.equal(frames(thrown(() => context.evalSync(code.replace('"x"', '"☃"'), options)).stack)[0], 'boom (src/game.ts:43:11)');
		const module = isolate.compileModuleSync(code, options);
		await module.instantiate(context, () => {});
		const error = await module.evaluate().then(() => {}, reason => reason);
		assert.equal(frames(error.stack)[0], 'boom (src/game.ts:43:11)');
	});

	it('leaves Error.prepareStackTrace to the guest', () => {
		const { context } = guest({ sourceMaps: true });
		context.evalSync('Error.prepareStackTrace = (error, sites) => `${error.message} in ${sites[0].getFunctionName()}`');
		assert.equal(context.evalSync('(function named() { return new Error("m").stack })()'), 'm in named');
		context.evalSync('Error.prepareStackTrace = () => { throw new RangeError("from there") }');
		assert.equal(context.evalSync('try { new Error("m").stack; "nothing" } catch (error) { error.message }'), 'from there');
	});

	it('gives the stack that there is without it, where no map applies', () => {
		for (const code of ['(function f() { throw new TypeError("t") })()', 'null.x', '[1].map(() => { throw new Error("in map") })', 'eval("throw new Error(1)")', 'new Promise(() => {}); throw new (class Own extends Error {})("o")']) {
			assert.deepEqual(frames(stackOf(code)), frames(stackOf(code, {}, {})));
			assert.equal(stackOf(code).split('\n')[0], stackOf(code, {}, {}).split('\n')[0]);
		}
	});

	it('is not misled by maps that are wrong, and stays within the limits', async () => {
		const plain = ['boom (bundle.js:2:9)', 'bundle.js:4:1'];
		for (const map of [
			'', 'nonsense', '[]', '1', 'null', '{', {}, { ...MAP, mappings: 5 }, { ...MAP, sources: 'x' }, { ...MAP, sources: [] },
			{ ...MAP, mappings: '!!!' }, { ...MAP, mappings: 'ggggggggggggggggggggg' }, { ...MAP, mappings: 'g' }, { ...MAP, mappings: 'DDDD' },
			{ ...MAP, mappings: ';'.repeat(100000) }, { ...MAP, sections: [] , mappings: undefined }, { ...MAP, mappings: '+/////D'.repeat(1000) },
		]) {
			assert.deepEqual(frames(stackOf(CODE + inline(map))), plain, JSON.stringify(map).slice(0, 60));
		}
		assert.deepEqual(frames(stackOf(`${CODE}\n//# sourceMappingURL=data:application/json;base64,%%%`)), plain);
		assert.deepEqual(frames(stackOf(`${CODE}\n//# sourceMappingURL=https://example.org/map`)), plain);
		const [seen] = await child(`
			const { isolate, context } = guest({ sourceMaps: true, memoryLimit: 32 });
			const map = JSON.stringify({ version: 3, sources: ['a'], mappings: 'AAAA,'.repeat(3e6) });
			const code = 'throw new Error("x")\\n//# sourceMappingURL=data:application/json;base64,' + Buffer.from(map).toString('base64');
			let error;
			try { context.evalSync(code, { timeout: 5000, filename: 'f.js' }) } catch (caught) { error = caught }
			report(error.message === 'x' || error.code);
		`);
		assert.ok(seen === true || seen === 'ERR_MEMORY_LIMIT' || seen === 'ERR_TIMEOUT', String(seen));
	});
});
