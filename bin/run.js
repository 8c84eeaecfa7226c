'use strict';

/** `islet run`: one script, one isolate; its result on standard output, its console on standard error. */

const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { inspect, parseArgs } = require('node:util');

const OK = 0;
const THREW = 1;
const USAGE = 2;
/** Exit codes by the `code` of the error. */
const EXIT = { ERR_TIMEOUT: 3, ERR_CPU_LIMIT: 3, ERR_MEMORY_LIMIT: 4, ERR_ENGINE_FATAL: 5 };

const HELP = `Usage: islet run [options] [FILE]

Runs FILE, or standard input, in an isolate with nothing of this machine: no files, no network, no timers. Prints the value of its last
expression statement as JSON (a promise is awaited; a module gives its default export) on standard output, and what it writes to
its console on standard error.

  --memory MB         memory limit; default 128
  --timeout MS        how long each stretch of the script may run; default 5000, 0 for no limit
  --deadline MS       how long all of it may take, waiting included; default none
  --cpu-timeout MS    how much CPU time it may use; default none
  --global NAME=JSON  a global for the script; may be given several times
  --module            FILE is an ES module. It may import files of its folder and below by relative paths, JSON too
  --inspect[=PORT]    for Chrome DevTools: says where to connect, runs FILE when a line comes on standard input, pauses at its
                      start, and sets no time limit
  --quiet             no console
  --help

Exit code: 0 fine; 1 the script threw; 2 wrong usage; 3 time was over; 4 memory limit; 5 V8 gave up.`;

/** What goes before a script that is debugged. */
const PAUSE = 'debugger;';

/** A mistake in the command line. */
class UsageError extends Error {}

function numberOf(values, name, least) {
	const text = values[name];
	if (text === undefined) {
		return undefined;
	}
	const number = Number(text);
	if (text.trim() === '' || !Number.isInteger(number) || number < least || number > 0x7fffffff) {
		throw new UsageError(`--${name} takes an integer of at least ${least}, not \`${text}\``);
	}
	return number;
}

function globalsOf(list = []) {
	return list.map(text => {
		const [, name, json] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
		if (name === undefined) {
			throw new UsageError(`--global takes NAME=JSON, not \`${text}\``);
		}
		try {
			return [name, JSON.parse(json)];
		} catch (error) {
			throw new UsageError(`--global ${name}: ${error.message}`);
		}
	});
}

function read(args) {
	// --inspect alone and --inspect=PORT: an option with an optional value.
	args = args.map(arg => arg === '--inspect' ? '--inspect=0' : arg);
	let parsed;
	try {
		parsed = parseArgs({
			args, allowPositionals: true,
			options: {
				memory: { type: 'string' }, timeout: { type: 'string' }, deadline: { type: 'string' },
				'cpu-timeout': { type: 'string' }, global: { type: 'string', multiple: true },
				module: { type: 'boolean' }, inspect: { type: 'string' }, quiet: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
			},
		});
	} catch (error) {
		throw new UsageError(error.message);
	}
	const { values, positionals } = parsed;
	if (positionals.length > 1) {
		throw new UsageError(`one file at a time, not ${positionals.length}`);
	}
	const inspectPort = numberOf(values, 'inspect', 0);
	const limits = {
		timeout: inspectPort === undefined ? numberOf(values, 'timeout', 0) ?? 5000 : 0,
		deadline: numberOf(values, 'deadline', 1),
		cpuTimeout: numberOf(values, 'cpu-timeout', 1),
	};
	return {
		help: values.help, module: values.module, quiet: values.quiet, inspectPort, limits,
		file: positionals[0], memory: numberOf(values, 'memory', 8), globals: globalsOf(values.global),
	};
}

function sourceOf(file) {
	const name = file === undefined || file === '-' ? undefined : path.resolve(file);
	try {
		return { name, code: readFileSync(name ?? 0, 'utf8') };
	} catch (error) {
		throw new UsageError(`${file ?? 'standard input'} can't be read: ${error.message}`);
	}
}

/** The guest's side of the console: what can't be copied goes as text. */
const CONSOLE = `
	const print = $0;
	const text = value => {
		try { return typeof value === 'symbol' ? value.toString() : String(value); } catch { return '(unprintable)'; }
	};
	for (const level of ['log', 'info', 'debug', 'warn', 'error', 'trace', 'dir']) {
		console[level] = (...values) => {
			values = values.map(value => typeof value === 'symbol' ? text(value) : value);
			try { print(level, ...values); } catch { print(level, ...values.map(text)); }
		};
	}
`;

function printer(quiet) {
	return (level, ...values) => {
		if (!quiet) {
			const shown = values.map(value => typeof value === 'string' ? value : inspect(value, { colors: process.stderr.isTTY }));
			process.stderr.write(`${shown.join(' ')}\n`);
		}
	};
}

/** Follows the imports of a module: files of the folder that the script lies in, and below. */
function resolver(isolate, source, root, file) {
	const known = new Map();
	const places = new WeakMap();
	const load = async place => {
		const main = place === source.name;
		const code = main ? source.code : readFileSync(place, 'utf8');
		const module = place.endsWith('.json') ?
			await isolate.compileJsonModule(code, { filename: place }) :
			await isolate.compileModule(code, { filename: place, columnOffset: main ? source.columnOffset : 0 });
		places.set(module, place);
		return module;
	};
	const get = place => {
		if (!known.has(place)) {
			known.set(place, load(place));
		}
		return known.get(place);
	};
	return {
		get,
		resolve(specifier, referrer) {
			const from = places.get(referrer) ?? file;
			const place = path.resolve(path.dirname(from), specifier);
			if (!/^\.{0,2}\//.test(specifier) || !place.startsWith(root + path.sep)) {
				throw new Error(`Cannot import '${specifier}': only files below ${root} can be imported, by relative paths`);
			}
			return get(place);
		},
	};
}

async function evaluate({ isolate, context, source, options, limits }) {
	const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
	if (!options.module) {
		const { code, columnOffset, name = '<stdin>' } = source;
		return context.eval(code, { ...given, filename: name, columnOffset, promise: true, copy: true });
	}
	const file = source.name ?? path.resolve('stdin.mjs');
	const { get, resolve } = resolver(isolate, source, path.dirname(file), file);
	const module = source.name === undefined ? await isolate.compileModule(source.code, { filename: file }) : await get(file);
	await module.instantiate(context, resolve);
	await module.evaluate({ ...given, promise: true });
	return module.namespace.get('default', { copy: true });
}

async function run(args) {
	const options = read(args);
	if (options.help) {
		console.log(HELP);
		return OK;
	}
	const inspected = options.inspectPort !== undefined;
	if (inspected && (options.file === undefined || options.file === '-')) {
		throw new UsageError('--inspect needs a FILE: standard input says when to run it');
	}
	const source = sourceOf(options.file);
	const islet = require('..');
	const isolate = new islet.Isolate({
		...options.memory === undefined ? {} : { memoryLimit: options.memory },
		...inspected ? { inspector: true } : {},
	});
	const context = await isolate.createContext(inspected ? { inspector: true } : {});
	await context.evalClosure(CONSOLE, [printer(options.quiet)]);
	for (const [name, value] of options.globals) {
		await context.global.set(name, value, { copy: true });
	}
	let server;
	if (inspected) {
		server = await islet.serveInspector(isolate, { port: options.inspectPort });
		process.stderr.write(`islet: open ${server.devtoolsUrl}\n       (${server.url}), then press Enter to run the script\n`);
		await once(process.stdin, 'data');
		process.stdin.pause();
		// Pauses where somebody debugs. The offset keeps the columns of the first line what they were.
		source.code = PAUSE + source.code;
		source.columnOffset = -PAUSE.length;
	}
	try {
		const value = await evaluate({ isolate, context, source, options, limits: options.limits });
		const json = JSON.stringify(value, (_key, each) => typeof each === 'bigint' ? String(each) : each, '\t');
		process.stdout.write(`${json ?? 'undefined'}\n`);
		return OK;
	} finally {
		await server?.close();
	}
}

/** Where frames of this program come from. */
const OWN = [__dirname, path.join(__dirname, '..', 'lib')];

/** The stack as the script's author wants it: without the frames of this program. */
function stackOf(error) {
	const lines = (error.stack ?? error.message).split('\n');
	return lines.filter(line => !OWN.some(place => line.includes(place)) && !line.includes('(<isolated-vm boundary>)')).join('\n');
}

/** @param {string[]} args @returns {Promise<number>} the exit code */
module.exports = async args => {
	try {
		return await run(args);
	} catch (error) {
		if (error instanceof UsageError) {
			process.stderr.write(`islet run: ${error.message}\n\nislet run --help says more.\n`);
			return USAGE;
		}
		process.stderr.write(`${error instanceof Error ? stackOf(error) : inspect(error)}\n`);
		return error instanceof Error && Object.hasOwn(EXIT, error.code) ? EXIT[error.code] : THREW;
	}
};
