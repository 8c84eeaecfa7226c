'use strict';

// node bench/scaling-program.js LIBRARY SERIES N
//
// Measures one point of a series (below) and prints it as JSON. `scaling.mjs` starts it on two libraries.

const assert = require('assert');

const ivm = require.main === module ? require(process.argv[2]) : undefined;

const TIME = 700;
const PIPELINED = 64;
const REST = 2000;
const copied = { arguments: { copy: true }, result: { copy: true } };

const guest = (source = '(a, b) => a + b') => {
	const isolate = new ivm.Isolate({ memoryLimit: 256 });
	const context = isolate.createContextSync();
	return { isolate, context, call: context.evalSync(source, { reference: true }) };
};
const guests = n => Array.from({ length: n }, () => guest());
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** How often `operation` can be done in a second. */
function rate(operation) {
	for (const end = now() + TIME / 2; now() < end;) operation();
	let count = 0;
	const start = now();
	while (now() - start < TIME) {
		for (let i = 0; i < 8; ++i) operation();
		count += 8;
	}
	return count / (now() - start) * 1000;
}

/** Of what a value of so many bytes is passed in and back. */
const echo = value => ({ perSecond: rate(() => guestEcho.applySync(undefined, [value], copied)) });
let guestEcho;

/** @type {{ [series: string]: { title: string, x: string, points: number[], unit: string, run(n: number): object } }} */
const series = {
	sync: {
		title: 'Calls per second by one thread, each into the next isolate', x: 'isolates at work', points: [1, 2, 4, 8, 16, 64], unit: 'calls/s',
		run(n) {
			const all = guests(n);
			let i = 0;
			return { perSecond: rate(() => all[i++ % n].call.applySync(undefined, [1, 2])) };
		},
	},
	async: {
		title: `Calls per second, ${PIPELINED} under way in each isolate`, x: 'isolates at work', points: [1, 2, 4, 8, 16, 64], unit: 'calls/s',
		async run(n) {
			let count = 0;
			// By the clock, not by a timer: where calls leave timers no turn, they are to be counted all the same.
			const start = now() + TIME / 2;
			const end = start + TIME * 1.5;
			const lane = async ({ call }) => {
				while (now() < end) {
					await call.apply(undefined, [1, 2]);
					if (now() >= start) ++count;
				}
			};
			await Promise.all(guests(n).flatMap(one => Array.from({ length: PIPELINED }, () => lane(one))));
			return { perSecond: count / (now() - start) * 1000 };
		},
	},
	idle: {
		title: 'Calls per second into one isolate beside idle ones', x: 'idle isolates', points: [0, 10, 100, 1000, 8000], unit: 'calls/s',
		async run(n) {
			const all = guests(n);
			const { call } = guest();
			const perSecond = rate(() => call.applySync(undefined, [1, 2]));
			// What all of them cost when nobody calls.
			await new Promise(done => setTimeout(done, 500));
			const cpu = process.cpuUsage();
			await new Promise(done => setTimeout(done, REST));
			const { user, system } = process.cpuUsage(cpu);
			assert.equal(all.length, n);
			return { perSecond, restPercent: (user + system) / 1000 / REST * 100 };
		},
	},
	strings: {
		title: 'Strings passed in and back, another one each time', x: 'bytes', points: [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000], unit: 'MB/s',
		run(n) {
			guestEcho = guest('s => s').call;
			const strings = Array.from({ length: 8 }, (_, i) => Buffer.alloc(n, 97 + i).toString('latin1'));
			let i = 0;
			const perSecond = rate(() => guestEcho.applySync(undefined, [strings[i++ % 8]]));
			return { perSecond, value: perSecond * n / 1e6 };
		},
	},
	objects: {
		title: 'Lists of objects, copied in and back', x: 'bytes as JSON, about', points: [10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000], unit: 'MB/s',
		run(n) {
			guestEcho = guest('o => o').call;
			const one = id => ({ id, name: `item ${id}`, price: id + 0.5, active: id % 2 === 0 });
			const value = n < 100 ? { id: 1 } : Array.from({ length: Math.max(1, Math.round(n / 60)) }, (_, id) => one(id));
			const bytes = JSON.stringify(value).length;
			const { perSecond } = echo(value);
			return { perSecond, value: perSecond * bytes / 1e6 };
		},
	},
};

module.exports = { series };

if (require.main === module) {
	const [, , , name, n] = process.argv;
	Promise.resolve(series[name].run(Number(n))).then(point => {
		console.log(JSON.stringify(point));
		// Isolates still alive need no tidy end.
		process.exit();
	});
}
