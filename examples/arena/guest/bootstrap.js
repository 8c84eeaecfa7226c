'use strict';

/*
 * The first thing that runs in a player's isolate, and the only thing in there that is ours. It is
 * the body of a function called with
 *
 *   $0  emit(line)      host callback: takes a line of the bot's console
 *   $1  dropped(count)  host callback: so many lines were dropped in this tick so far
 *   $2  limits          see `LIMITS` in player.js
 *   $3  begin(state)    from game.js: prepares the `game` library for a tick
 *
 * and returns `{ load, tick }`, the two doors through which the host enters. The bot runs in the
 * same context and can change every object it can reach. It cannot reach anything in here: the
 * variables are out of its scope, and whatever is needed later is taken from the intrinsics now,
 * before the bot gets to replace them. (Strict mode matters: it keeps this code's functions out of
 * `Error.prepareStackTrace` and `caller`.)
 *
 * Both doors follow two rules:
 *
 * 1. Nothing that belongs to the bot crosses the border, only text made from it. A result or an
 *    error that the bot made can have getters, proxies and `toJSON`, and could be a hundred
 *    megabytes. All of that happens in here: on the bot's time, which is limited by the timeout,
 *    and in the bot's memory.
 * 2. Nothing is thrown, for the same reason. A call that is rejected nevertheless was ended by the
 *    library: it took too long, or too much memory.
 */

const emit = $0;
const reportDropped = $1;
const limits = $2;
const begin = $3;

const { parse, stringify } = JSON;
const CodeFunction = Function;
const TooLarge = RangeError;
const toText = String;
// `uncurry(f)(self, ...args)` is `f.call(self, ...args)`, whatever becomes of `Function.prototype`.
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const slice = uncurry(String.prototype.slice);

/*
 * What could run the bot's code when no call of the host is under way, and so without a timeout:
 * finalizers, compilation in the background, waking waiters. The rest depends on the garbage
 * collector or on shared memory, which has no place in a game that is to be repeatable.
 */
for (const name of [
	'FinalizationRegistry', 'WeakRef', 'WebAssembly', 'Atomics', 'SharedArrayBuffer',
]) {
	delete globalThis[name];
}

// `Math.random` is seeded by the host for every tick: the same seed gives the same game.
let seed = 0;
Math.random = () => {
	seed = (seed * 1664525 + 1013904223) % 4294967296;
	return seed / 4294967296;
};

/*
 * The console. Every line is a call into the host, which the bot waits for and the host has to
 * answer. So that a flood does not keep the host busy, what is past the limits does not leave the
 * isolate. The host learns the number of dropped lines whenever it reaches a power of two: twenty
 * calls tell of a million lines, and the number is there even if the tick never ends.
 */
let lines = 0;
let characters = 0;
let dropped = 0;
let reported = 0;

function write(...values) {
	const line = lines < limits.lines ? lineOf(values) : '';
	if (lines >= limits.lines || characters + line.length > limits.logLength) {
		if (++dropped === 1 || dropped === reported * 2) {
			reportDropped(reported = dropped);
		}
	} else {
		lines += 1;
		characters += line.length;
		emit(line);
	}
}

function lineOf(values) {
	let line = '';
	for (let i = 0; i < values.length && line.length < limits.lineLength; ++i) {
		line += (i ? ' ' : '') + format(values[i]);
	}
	return slice(line, 0, limits.lineLength);
}

function format(value) {
	try {
		return typeof value === 'object' ? stringify(value) ?? 'undefined' : toText(value);
	} catch {
		return '[unprintable]';
	}
}

globalThis.console = { log: write, info: write, warn: write, error: write, debug: write };

/** @returns {string} a short text for anything that can be thrown */
function describe(error) {
	try {
		const isError = typeof error === 'object' && error !== null && 'message' in error;
		return slice(toText(isError ? `${error.name}: ${error.message}` : error), 0, 200);
	} catch {
		return '[indescribable error]';
	}
}

function limited(text, limit, what) {
	if (text.length > limit) {
		throw new TooLarge(`${what}: ${text.length} characters, the limit is ${limit}`);
	}
	return text;
}

const module = { exports: {} };

/** Runs the bot's file. @returns {[boolean, string]} success and error text */
function load(source, filename) {
	try {
		// As a function, like node does, so that the bot's variables are its own. `Function` checks that
		// the text is a whole body: no closing brace gets anybody out of it.
		new CodeFunction('module', 'exports', `${source}\n//# sourceURL=${filename}`)(module, module.exports);
		return [true, ''];
	} catch (error) {
		return [false, describe(error)];
	}
}

/**
 * Plays a tick.
 *
 * @returns {[true, string, string] | [false, string]} intents and memory as JSON, or an error text
 */
function tick(state, memoryText, tickSeed) {
	lines = characters = dropped = reported = 0;
	seed = tickSeed;
	try {
		begin(state);
		const memory = parse(memoryText);
		const intents = module.exports.tick(state, memory);
		return [
			true,
			limited(stringify(intents) ?? 'null', limits.intentsLength, 'intents too large'),
			limited(stringify(memory) ?? '{}', limits.memoryLength, 'memory too large'),
		];
	} catch (error) {
		return [false, describe(error)];
	} finally {
		if (dropped > reported) {
			reportDropped(dropped);
		}
	}
}

return { load, tick };
