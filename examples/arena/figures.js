'use strict';

/** How much of a bot's console is kept. */
const KEPT_LINES = 10;

/** What is known about a player's script: the account of `Player`, shown to people only. */
class Figures {
	tickMs = [];
	lostTicks = 0;
	/** How often a tick was played again because the machine was too busy. */
	replays = 0;
	/** How often each error code occurred. @type {Record<string, number>} */
	errors = {};
	/** The most recent one. @type {{ tick: number, code: string, message: string } | null} */
	lastError = null;
	heapMb = 0;
	peakHeapMb = 0;
	logLines = 0;
	droppedLines = 0;
	/** The most recent lines. @type {string[]} */
	lines = [];
	#droppedBefore = 0;
	#cpuBefore = 0;
	#cpu = 0;

	beginTick() {
		this.#droppedBefore = this.droppedLines;
	}

	log(line) {
		this.logLines += 1;
		this.lines.push(line);
		if (this.lines.length > KEPT_LINES) {
			this.lines.shift();
		}
	}

	/** @param {number} count lines dropped in this tick so far */
	drop(count) {
		this.droppedLines = this.#droppedBefore + count;
	}

	error({ code, message }) {
		this.errors[code] = (this.errors[code] ?? 0) + 1;
		this.lastError = { tick: this.tickMs.length, code, message };
	}

	/** @param {bigint} time nanoseconds since the isolate was made */
	cpu(time) {
		this.#cpu = Number(time) / 1e6;
	}

	heap({ used_heap_size: used, externally_allocated_size: external }) {
		this.heapMb = (used + external) / 2 ** 20;
		this.peakHeapMb = Math.max(this.peakHeapMb, this.heapMb);
	}

	/** The next isolate counts its CPU time from zero. */
	isolateGone() {
		this.#cpuBefore += this.#cpu;
		this.#cpu = 0;
	}

	/** CPU milliseconds in all isolates the player had. */
	get cpuMs() {
		return this.#cpuBefore + this.#cpu;
	}
}

/**
 * @param {number[]} values
 * @returns {{ p50: number, p99: number, max: number }}
 */
function percentiles(values) {
	const sorted = [...values].sort((a, b) => a - b);
	const at = share => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
	return { p50: round(at(0.5)), p99: round(at(0.99)), max: round(at(1)) };
}

/** Two decimals are enough for people. */
function round(value) {
	return Math.round(value * 100) / 100;
}

module.exports = { Figures, percentiles, round };
