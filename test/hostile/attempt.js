'use strict';

/**
 * One hostile case through one entry, in this process: `node [--expose-gc] attempt.js`, with the attempt as JSON in the
 * environment variable `ATTEMPT`. What it saw goes to stdout as one line of JSON after `@@`. Whoever started it (hostile.js) judges
 * what is missing: a process that died or hung reports nothing.
 *
 * The attempt: `{ library, entry, code, timeout, memoryLimit, copy, promise, exit }`. The library is islet or what has its interface.
 */

const fs = require('node:fs');

const attempt = JSON.parse(process.env.ATTEMPT);
const ivm = require(attempt.library);
const { code, timeout, memoryLimit } = attempt;
const MB = 1024 * 1024;
const linux = process.platform === 'linux';

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** A figure of `/proc/self/status`, in bytes. */
function status(name) {
	const line = fs.readFileSync('/proc/self/status', 'utf8').split('\n').find(text => text.startsWith(`${name}:`));
	return parseInt(line.slice(name.length + 1), 10) * 1024;
}

const resident = () => linux ? status('VmRSS') : process.memoryUsage.rss();

/** The most that was resident since {@link forgetPeak}. */
const peak = () => linux ? status('VmHWM') : process.memoryUsage.rss();

function forgetPeak() {
	if (linux) {
		fs.writeFileSync('/proc/self/clear_refs', '5');
	}
}

const QUOTED = JSON.stringify(code);
const exit = { timeout, ...attempt.copy && { copy: true }, ...attempt.promise && { promise: true } };
const result = { ...attempt.copy && { copy: true }, ...attempt.promise && { promise: true } };

/** The ways into a guest. Each gives a promise of what came of it. */
const entries = {
	eval: guest => guest.context.eval(code, exit),
	evalSync: async guest => guest.context.evalSync(code, exit),
	run: async guest => (await guest.isolate.compileScript(code)).run(guest.context, exit),
	apply: async guest => {
		const run = guest.context.evalSync('code => (0, eval)(code)', { reference: true });
		return run.apply(undefined, [code], { timeout, result });
	},
	module: async guest => {
		const module = await guest.isolate.compileModule(`(0, eval)(${QUOTED})`);
		await module.instantiate(guest.context, () => {
			throw new Error('nothing to import');
		});
		return module.evaluate({ timeout });
	},
	argument: async guest => {
		guest.context.global.setSync('take', new ivm.Callback(value => typeof value));
		return guest.context.eval(`take((0, eval)(${QUOTED}))`, { timeout });
	},
	nested: async guest => {
		guest.context.global.setSync('again', new ivm.Callback(() => guest.context.evalSync(code, exit)));
		return guest.context.eval('again()', { timeout: timeout * 3 });
	},
	thrownIn: async guest => {
		guest.context.global.setSync('fail', new ivm.Callback(() => {
			throw new RangeError('of the host', { cause: [1] });
		}));
		return guest.context.eval(`const got = (0, eval)(${QUOTED}); try { fail() } catch (error) { String(error.stack).length }; got`, exit);
	},
	thrown: guest => guest.context.eval(`throw (0, eval)(${QUOTED})`, { timeout }),
	copy: guest => guest.context.eval(code, { ...exit, copy: true }),
};

function makeGuest() {
	const isolate = new ivm.Isolate({ memoryLimit });
	return { isolate, context: isolate.createContextSync() };
}

/** What an outcome was, for the table. */
function describe(outcome) {
	const { error, value } = outcome;
	if ('error' in outcome) {
		return error instanceof Error ? `${error.code ?? error.name}: ${String(error.message).slice(0, 100)}` : `threw ${typeof error}`;
	}
	return `gave ${typeof value}`;
}

async function main() {
	if (entries[attempt.entry] === undefined || (attempt.entry === 'module' && ivm.Isolate.prototype.compileModule === undefined)) {
		return { skipped: true };
	}
	const other = makeGuest();
	other.context.evalSync('1');
	const guest = makeGuest();
	guest.context.evalSync('1');
	// A first use of everything that keeps memory for the next.
	await guest.context.eval('[1]', { copy: true });
	globalThis.gc?.();
	const before = resident();
	forgetPeak();

	const seen = { longest: 0, others: 0 };
	let last = performance.now();
	const ticks = setInterval(() => {
		const now = performance.now();
		seen.longest = Math.max(seen.longest, now - last);
		last = now;
	}, 5);
	const sync = ['evalSync'].includes(attempt.entry);
	let done = false;
	const neighbour = (async () => {
		while (!done && !sync) {
			if (await other.context.eval('1 + 1') === 2) {
				++seen.others;
			}
			await sleep(20);
		}
	})();
	const start = performance.now();
	let outcome;
	try {
		outcome = { value: await entries[attempt.entry](guest) };
	} catch (error) {
		outcome = { error };
	}
	seen.took = performance.now() - start;
	seen.outcome = describe(outcome);
	done = true;
	outcome = undefined;
	await neighbour;
	clearInterval(ticks);
	seen.peak = (peak() - before) / MB;
	try {
		seen.disposed = guest.isolate.isDisposed;
		if (!seen.disposed) {
			guest.isolate.dispose();
		}
	} catch {}

	// It burns no CPU: some stretch of 100 ms comes that is quiet.
	seen.quiet = false;
	for (let i = 0; i < 30 && !seen.quiet; ++i) {
		const { user, system } = process.cpuUsage();
		await sleep(100);
		const used = process.cpuUsage();
		seen.quiet = used.user + used.system - user - system < 50_000;
	}
	for (let i = 0; i < 60; ++i) {
		globalThis.gc?.();
		seen.left = (resident() - before) / MB;
		if (seen.left < 16) {
			break;
		}
		await sleep(50);
	}
	seen.condemned = ivm.stats?.().condemnedIsolates ?? 0;
	const fresh = makeGuest();
	seen.fresh = fresh.context.evalSync('[1, 2, 3].map(x => x * 2).join()') === '2,4,6' && other.context.evalSync('1 + 1') === 2;
	return seen;
}

main().then(seen => {
	fs.writeSync(1, `\n@@${JSON.stringify(seen)}\n`);
	if (attempt.exit && !seen.skipped) {
		// Again, and in the middle of it the process is to end.
		entries.eval(makeGuest()).catch(() => {});
		setTimeout(() => process.exit(0), 50);
	}
}, error => {
	fs.writeSync(1, `\n@@${JSON.stringify({ broken: String(error?.stack) })}\n`);
	process.exit(1);
});
