'use strict';

const { readFileSync } = require('fs');
const { join } = require('path');
const { Figures } = require('./figures');

/** What a bot may send out of its isolate, in characters; `lines` and `logLength` are per tick. */
const LIMITS = {
	lines: 20,
	lineLength: 300,
	logLength: 4000,
	intentsLength: 16 * 1024,
	memoryLength: 16 * 1024,
};

/**
 * A timeout is measured by the clock on the wall. If the machine was so busy that a script hardly got
 * to run (less than this share of its time), that is not the script's fault: the tick is played again.
 */
const FAIR_SHARE = 0.2;
const ATTEMPTS = 3;

/** The ways to lose a tick. */
const CODES = { memory: 'ERR_MEMORY_LIMIT', timeout: 'ERR_TIMEOUT', bot: 'ERR_BOT' };

const guest = name => readFileSync(join(__dirname, 'guest', name), 'utf8');
const GAME = guest('game.js');
const BOOTSTRAP = guest('bootstrap.js');

/**
 * Hosts the script of one player: gives it an isolate, asks it for its intents once per tick, and
 * takes note of everything that goes wrong. `tick` never rejects, whatever the script does.
 */
class Player {
	#lib;
	#options;
	#isolate = null;
	/** The door to the bot; there is one as long as the bot is loaded. */
	#door = null;
	/** The bot's memory after its last good tick. JSON, but the host never has to look inside. */
	#memory = '{}';

	/**
	 * @param {object} lib islet or isolated-vm
	 * @param {object} options
	 * @param {string} options.name
	 * @param {string} options.source the bot's file
	 * @param {number} options.timeout milliseconds per tick
	 * @param {number} options.memory megabytes per isolate
	 */
	constructor(lib, { name, source, timeout, memory }) {
		this.#lib = lib;
		this.#options = { source, timeout, memory, filename: `${name}.js` };
		this.figures = new Figures();
		/** What the bot is told in its next tick: why it lost the last one. */
		this.lastError = null;
		this.restarts = 0;
	}

	/** Loads the bot before the first tick, so that no tick has to pay for it. */
	async start() {
		await this.#open().catch(error => this.#fail(error));
	}

	/**
	 * Asks the bot for its intents.
	 *
	 * @param {object} view
	 * @param {number} seed for the bot's `Math.random`
	 * @returns {Promise<unknown>} what it wants to do, in no way checked; null if it lost the tick
	 */
	async tick(view, seed) {
		const started = performance.now();
		this.figures.beginTick();
		let intents = null;
		try {
			await this.#open();
			intents = await this.#play(view, seed);
			this.lastError = null;
		} catch (error) {
			this.figures.lostTicks += 1;
			this.#fail(error);
		}
		this.figures.tickMs.push(performance.now() - started);
		await this.#measure();
		return intents;
	}

	dispose() {
		if (this.#isolate?.isDisposed === false) {
			this.#isolate.dispose();
		}
		this.#isolate = null;
		this.#door = null;
		this.figures.isolateGone();
	}

	/** Makes an isolate and loads the bot into it, unless there is one. */
	async #open() {
		if (this.#door) {
			return;
		}
		const { Isolate, Callback, ExternalCopy } = this.#lib;
		const { source, filename, timeout, memory } = this.#options;
		const isolate = this.#isolate = new Isolate({ memoryLimit: memory });
		const context = await isolate.createContext();

		// Our own code: it needs no timeout, and it is the only code that gets hold of the callbacks.
		const begin = await context.eval(GAME, { filename: 'game.js', reference: true });
		const doors = await context.evalClosure(BOOTSTRAP, [
			// Nothing comes back from these, so the bot does not have to wait for them.
			new Callback(line => this.figures.log(line), { ignored: true }),
			new Callback(count => this.figures.drop(count), { ignored: true }),
			new ExternalCopy(LIMITS).copyInto({ release: true }),
			begin.derefInto({ release: true }),
		], { filename: 'bootstrap.js', result: { reference: true } });
		const load = await doors.get('load', { reference: true });
		const tick = await doors.get('tick', { reference: true });
		doors.release();

		// From here on the bot's.
		const [ok, message] = await load.apply(
			undefined, [source, filename], { timeout, result: { copy: true } });
		load.release();
		if (!ok) {
			throw new BotError(message);
		}
		this.#door = tick;
	}

	/** @returns {Promise<unknown>} the intents; rejects if the tick is lost */
	async #play(view, seed) {
		for (let attempt = 1; ; ++attempt) {
			const before = this.#isolate.cpuTime;
			try {
				return await this.#ask(view, seed);
			} catch (error) {
				if (attempt === ATTEMPTS || codeOf(error, this.#isolate) !== CODES.timeout) {
					throw error;
				}
				const used = Number(this.#isolate.cpuTime - before) / 1e6;
				if (used > this.#options.timeout * FAIR_SHARE) {
					throw error;
				}
				this.figures.replays += 1;
			}
		}
	}

	async #ask(view, seed) {
		const [ok, intents, memory] = await this.#door.apply(
			undefined,
			[view, this.#memory, seed],
			{ timeout: this.#options.timeout, arguments: { copy: true }, result: { copy: true } });
		if (!ok) {
			throw new BotError(intents);
		}
		this.#memory = memory;
		return JSON.parse(intents);
	}

	/** Notes an error. If there is no more isolate, or no bot in it, the next tick makes a new one. */
	#fail(error) {
		const code = codeOf(error, this.#isolate);
		this.lastError = { code, message: String(error?.message ?? error) };
		this.figures.error(this.lastError);
		this.restarts += code === CODES.memory ? 1 : 0;
		if (code === CODES.memory || !this.#door) {
			this.#measureCpu();
			this.dispose();
		}
	}

	async #measure() {
		if (this.#isolate) {
			this.#measureCpu();
			// It may have died just now; the next tick will tell.
			await this.#isolate.getHeapStatistics().then(heap => this.figures.heap(heap), () => {});
		}
	}

	#measureCpu() {
		try {
			this.figures.cpu(this.#isolate.cpuTime);
		} catch {
			// isolated-vm does not say what a dead isolate has used.
		}
	}
}

/** The bot threw, or returned too much; its isolate is fine. */
class BotError extends Error {}

/** The libraries differ in what an error carries, so ask what is certain first. */
function codeOf(error, isolate) {
	if (isolate?.isDisposed || error?.code === CODES.memory) {
		return CODES.memory;
	}
	return /timed out/.test(error?.message) ? CODES.timeout : CODES.bot;
}

module.exports = { Player, LIMITS, CODES };
