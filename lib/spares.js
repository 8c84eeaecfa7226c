'use strict';

/**
 * Isolates made ahead of need, for `prewarm`. Guests have `guest/spares.js`: none.
 */

const { availableParallelism } = require('node:os');

/**
 * What is kept ready: `count` isolates with such a limit (MB) and snapshot. `ready` are those that are, `making` the promises of others.
 * @type {{ limit: number, snapshot: unknown, count: number, ready: object[], making: Set<Promise<void>>, timer?: NodeJS.Timeout }[]}
 */
const kinds = [];

/** How many are made at once beside other work: counted when it is first wanted, as that asks the system. */
let few;
const atOnceBeside = () => few ??= Math.max(1, availableParallelism() - 1);
/** When that begins, in ms. */
const LATER = 2;

/** Makes one, with its context. Set by `prewarm.js`. */
let make;
let paused = false;

/** Makes what is missing, when the isolate that was taken has had its moment: its user waits for it. */
function fillLater(kind) {
	kind.timer ??= setTimeout(() => {
		kind.timer = undefined;
		fill(kind, atOnceBeside());
	}, LATER).unref();
}

const same = (limit, snapshot) => kind => kind.limit === limit && kind.snapshot === snapshot;

/** Makes what is missing, so many at once; what went wrong goes to whoever waits for it. */
function fill(kind, atOnce) {
	while (kind.making.size < atOnce && kind.ready.length + kind.making.size < kind.count) {
		const one = make(kind).then(spare => {
			kind.making.delete(one);
			if (kind.ready.length < kind.count) {
				kind.ready.push(spare);
			} else {
				spare.isolate.dispose();
			}
			fill(kind, atOnceBeside());
		}, error => {
			kind.making.delete(one);
			throw error;
		});
		// Unless it is awaited, the isolate is made when it is needed, and that fails in the same way.
		one.catch(() => {});
		kind.making.add(one);
	}
}

module.exports = {
	setMake(body) {
		make = body;
	},

	/** Keeps so many ready. */
	async keep(limit, snapshot, count) {
		let kind = kinds.find(same(limit, snapshot));
		if (kind === undefined) {
			kind = { limit, snapshot, count, ready: [], making: new Set() };
			kinds.push(kind);
		}
		kind.count = count;
		for (const { isolate } of kind.ready.splice(count)) {
			isolate.dispose();
		}
		if (count === 0) {
			kinds.splice(kinds.indexOf(kind), 1);
		}
		fill(kind, count);
		while (kind.making.size > 0) {
			await Promise.all(kind.making);
		}
	},

	/** One that is ready, or undefined. */
	take(limit, snapshot) {
		if (kinds.length === 0 || paused) {
			return undefined;
		}
		const kind = kinds.find(same(limit, snapshot));
		let spare;
		do {
			spare = kind?.ready.pop();
		} while (spare?.isolate.isDisposed);
		if (spare !== undefined) {
			fillLater(kind);
		}
		return spare;
	},

	/** Runs something that takes none. */
	without(body) {
		const before = paused;
		paused = true;
		try {
			return body();
		} finally {
			paused = before;
		}
	},

	/** How many are ready. */
	count: () => kinds.reduce((sum, { ready }) => sum + ready.length, 0),
};
