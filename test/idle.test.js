'use strict';

// Isolates that have nothing to do: what they give back, and what they cost.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { child, islet } = require('./helpers');

/** What a child's program needs: isolates, work that makes some megabytes of garbage in each and keeps little, and the resident MB. */
const WORK = `
	const wait = ms => new Promise(done => setTimeout(done, ms));
	const rss = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
	const make = count => Array.from({ length: count }, () => {
		const isolate = new islet.Isolate({ memoryLimit: 128 });
		return { isolate, context: isolate.createContextSync() };
	});
	function work(count, all = make(count)) {
		for (const { context } of all) {
			context.evalSync('var keep = []; for (let k = 0; k < 3e5; k++) { const o = { k, s: "x" + k }; if (k % 300 === 0) keep.push(o); } 0');
		}
		return all;
	}
`;

describe('an isolate that has nothing to do', () => {
	it('gives its garbage back after `trimAfter`, once, and costs nothing from then on', async () => {
		const [seen] = await child(`
			${WORK}
			islet.configure({ trimAfter: 200 });
			const all = make(20);
			const before = rss();
			work(20, all);
			const full = rss();
			(async () => {
				let trimmed = full;
				for (let i = 0; i < 100 && trimmed - before > (full - before) / 2; ++i) {
					await wait(100);
					trimmed = rss();
				}
				await wait(1000);
				const times = () => all.map(({ isolate }) => String(isolate.cpuTime)).join();
				const then = times();
				await wait(1500);
				const quiet = times() === then;
				const works = all.every(({ context }) => context.evalSync('keep.length') === 1000);
				report({ before, full, trimmed, quiet, works });
			})();
		`);
		assert.ok(seen.full - seen.before > 25, JSON.stringify(seen));
		assert.ok(seen.trimmed - seen.before < (seen.full - seen.before) / 2, JSON.stringify(seen));
		assert.ok(seen.quiet, 'CPU time was used');
		assert.ok(seen.works);
	});

	it('is collected no more than once for one stretch of work', async () => {
		const [same] = await child(`
			${WORK}
			islet.configure({ trimAfter: 100 });
			const [{ isolate }] = work(1);
			(async () => {
				await wait(1500);
				const then = isolate.cpuTime;
				await wait(1500);
				report(isolate.cpuTime === then && then > 0n);
			})();
		`);
		assert.equal(same, true);
	});

	it('is left alone where `trimAfter` is 0, or while it has something to do', async () => {
		const [idle, busy] = await child(`
			${WORK}
			(async () => {
				islet.configure({ trimAfter: 0 });
				const [{ isolate }] = work(1);
				const used = isolate.getHeapStatisticsSync().used_heap_size;
				await wait(1500);
				const idle = isolate.getHeapStatisticsSync().used_heap_size >= used;

				islet.configure({ trimAfter: 400 });
				const [other] = work(1);
				const heap = () => other.isolate.getHeapStatisticsSync().used_heap_size;
				const first = heap();
				let least = first;
				for (const end = Date.now() + 2000; Date.now() < end;) {
					await wait(50);
					least = Math.min(least, heap());
				}
				report(idle);
				report(least >= first);
			})();
		`);
		assert.equal(idle, true);
		assert.equal(busy, true);
	});

	it('keeps no process alive with that', async () => {
		const [took] = await child(`
			${WORK}
			const begun = Date.now();
			islet.configure({ trimAfter: 5000 });
			work(3);
			process.on('exit', () => report(Date.now() - begun));
		`);
		assert.ok(took < 5000, `${took} ms`);
	});
});

describe('`trimAfter`', () => {
	it('is a number of milliseconds that isn\'t negative', () => {
		for (const wrong of ['1', true, {}, NaN]) {
			assert.throws(() => islet.configure({ trimAfter: wrong }), { name: 'TypeError', message: /`trimAfter` must be a number/ });
		}
		assert.throws(() => islet.configure({ trimAfter: -1 }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: /got -1/ });
		islet.configure({ trimAfter: Infinity });
		islet.configure({ trimAfter: 10_000 });
		islet.configure({ trimAfter: undefined, maxCondemned: null });
	});
});
