'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { describe, it, before } = require('node:test');
const { readIntents, MAX_INTENTS } = require('../examples/arena/world/intents');
const { playTurn } = require('../examples/arena/world/turn');
const { viewFor } = require('../examples/arena/world/view');
const { World } = require('../examples/arena/world/world');
const { seeded, between } = require('../examples/arena/random');

const ARENA = join(__dirname, '../examples/arena');
const DEADLINE = 120_000;

/** Runs node with a deadline. @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
function run(...args) {
	return new Promise((resolve, reject) => {
		execFile(process.execPath, args, { timeout: DEADLINE, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
			if (error?.signal || error?.killed) {
				reject(new Error(`${error.signal} after\n${stdout}\n${stderr}`));
			} else {
				resolve({ code: error?.code ?? 0, stdout, stderr });
			}
		});
	});
}

const arena = (...args) => run(ARENA, ...args);

/** Plays a match on the command line. @returns {Promise<object>} the result */
async function play(...args) {
	const { code, stdout, stderr } = await arena('--json', ...args);
	assert.equal(code, 0, stderr);
	return JSON.parse(stdout);
}

/** Plays a match in a process of its own, by `runMatch`; `expression` is what to report of `result`. */
async function match(options, expression = 'result') {
	const { code, stdout, stderr } = await run('-e', `
		const { runMatch } = require(${JSON.stringify(ARENA)});
		const lib = require(${JSON.stringify(join(__dirname, '..'))});
		runMatch({ lib, ...${JSON.stringify(options)} })
			.then(result => console.log(JSON.stringify(${expression})));
	`);
	assert.equal(code, 0, stderr);
	return JSON.parse(stdout);
}

const playerOf = (result, name) => result.players.find(player => player.name === name);
const sum = numbers => numbers.reduce((total, number) => total + number, 0);

describe('a match', () => {
	const TICKS = 30;
	/** Everybody, once. */
	let result;
	before(async () => {
		// Twice the usual time: the hog needs some of it to fill its memory, on a busy machine too.
		result = await play('--players', '10', '--ticks', String(TICKS), '--seed', '3', '--timeout', '100');
	});

	it('costs no earnest player a tick, whatever the hostile ones do', () => {
		const earnest = result.players.filter(({ hostile }) => !hostile);
		assert.equal(earnest.length, 5);
		for (const { name, lostTicks, restarts, errors, lastError } of earnest) {
			assert.deepEqual({ lostTicks, restarts, errors, lastError },
				{ lostTicks: 0, restarts: 0, errors: {}, lastError: null }, name);
		}
	});

	it('lets every earnest player score, with legal intents only', () => {
		for (const { name, score, illegalIntents } of result.players.filter(({ hostile }) => !hostile)) {
			assert.ok(score > 0, name);
			assert.equal(illegalIntents, 0, name);
		}
	});

	it('gives no hostile player a point', () => {
		const hostile = result.players.filter(player => player.hostile);
		assert.deepEqual(hostile.map(({ score }) => score), [0, 0, 0, 0, 0]);
	});

	it('records the looper with a timeout in every tick, and leaves its isolate alone', () => {
		const { lostTicks, errors, restarts } = playerOf(result, 'looper');
		assert.deepEqual({ lostTicks, errors, restarts },
			{ lostTicks: TICKS, errors: { ERR_TIMEOUT: TICKS }, restarts: 0 });
	});

	for (const name of ['hog', 'heapkiller']) {
		it(`restarts the ${name} whenever it hits the memory limit`, () => {
			const { lostTicks, errors, restarts } = playerOf(result, name);
			assert.equal(lostTicks, TICKS);
			assert.ok(restarts > 0);
			assert.equal(errors.ERR_MEMORY_LIMIT, restarts);
			assert.equal(sum(Object.values(errors)), TICKS);
		});

		it(`tells the ${name} that it died, and why`, () => {
			const { log } = playerOf(result, name);
			assert.ok(log.last.some(line => /^lost a tick: ERR_MEMORY_LIMIT; isolate number \d+$/.test(line)), log.last);
		});
	}

	it('takes no more than twenty lines per tick from the flooder and counts what it drops', () => {
		const { lostTicks, replays, log } = playerOf(result, 'flooder');
		assert.equal(lostTicks, TICKS);
		assert.ok(log.lines >= 20 && log.lines <= 20 * (TICKS + replays), log.lines);
		assert.ok(log.dropped > 20 * TICKS);
		assert.ok(log.last.every(line => line.length <= 300));
	});

	it('counts the illegal intents and the errors of the vandal', () => {
		const { illegalIntents, errors } = playerOf(result, 'vandal');
		assert.ok(illegalIntents > 0);
		assert.ok(errors.ERR_BOT > 0);
	});

	it('gives the fields that the README promises', () => {
		assert.deepEqual(Object.keys(result), [
			'seed', 'ticks', 'timeout', 'memory', 'durationMs', 'digest',
			'standings', 'players', 'tickMs', 'earnestTickMs',
		]);
		const { seed, ticks, timeout, memory } = result;
		assert.deepEqual({ seed, ticks, timeout, memory }, { seed: 3, ticks: TICKS, timeout: 100, memory: 32 });
		for (const [i, standing] of result.standings.entries()) {
			assert.deepEqual(Object.keys(standing), ['rank', 'name', 'hostile', 'score']);
			assert.equal(standing.rank, i + 1);
			assert.ok(i === 0 || standing.score <= result.standings[i - 1].score);
		}
		for (const player of result.players) {
			assert.deepEqual(Object.keys(player), [
				'name', 'bot', 'hostile', 'score', 'energy', 'kills', 'losses', 'units', 'structures', 'cpuMs',
				'heapMb', 'peakHeapMb', 'restarts', 'lostTicks', 'replays', 'errors', 'lastError', 'illegalIntents', 'log', 'tickMs',
			]);
			assert.ok(player.peakHeapMb >= player.heapMb);
			assert.ok(player.hostile || (player.cpuMs > 0 && player.heapMb > 0));
		}
		for (const { p50, p99, max } of [result.tickMs, result.earnestTickMs]) {
			assert.ok(p50 > 0 && p50 <= p99 && p99 <= max);
		}
	});

	it('ends with the same standings when it is played again with the same seed', async () => {
		const again = await play('--players', '10', '--ticks', String(TICKS), '--seed', '3');
		assert.deepEqual(again.standings, result.standings);
		assert.equal(again.digest, result.digest);
	});

	it('is another game with another seed', async () => {
		const other = await play('--bots', 'settler,swarm', '--ticks', '5', '--seed', '4');
		const another = await play('--bots', 'settler,swarm', '--ticks', '5', '--seed', '5');
		assert.notEqual(other.digest, another.digest);
	});

	it('goes exactly as it would if the hostile players were asleep', async () => {
		const players = result.players.map(({ bot, hostile }) => hostile
			? { bot, hostile, source: 'module.exports.tick = () => [];' }
			: bot);
		const asleep = await match({ players, ticks: TICKS, seed: 3 });
		assert.equal(asleep.digest, result.digest);
		assert.equal(sum(asleep.players.map(({ lostTicks }) => lostTicks)), 0);
	});
});

describe('a player', () => {
	/** Plays alone; reports its figures. */
	const alone = (source, options) => match({ players: [{ bot: 'me', source }], ticks: 8, ...options }, 'result.players[0]');

	it('keeps its memory from the last good tick when its isolate dies', async () => {
		const { log, restarts, lostTicks } = await alone(`
			const heap = new Map();
			module.exports.tick = (state, memory) => {
				memory.good = (memory.good ?? 0) + 1;
				console.log(state.tick, memory.good, state.restarts, state.lastError && state.lastError.code);
				if (state.tick === 3) {
					for (;;) heap.set(heap.size, new Array(64).fill(0));
				}
			};
		`, { timeout: 5000 });
		assert.deepEqual({ restarts, lostTicks }, { restarts: 1, lostTicks: 1 });
		assert.deepEqual(log.last, [
			'0 1 0 null', '1 2 0 null', '2 3 0 null', '3 4 0 null',
			'4 4 1 ERR_MEMORY_LIMIT', '5 5 1 null', '6 6 1 null', '7 7 1 null',
		]);
	});

	it('keeps its isolate when a tick throws or takes too long, and is told', async () => {
		const { log, restarts, errors } = await alone(`
			let ticks = 0;
			module.exports.tick = (state, memory) => {
				memory.good = (memory.good ?? 0) + 1;
				console.log(++ticks, memory.good, state.lastError);
				if (state.tick === 1) throw new TypeError('one');
				if (state.tick === 2) for (;;);
			};
		`, { ticks: 4 });
		assert.deepEqual({ restarts, errors }, { restarts: 0, errors: { ERR_BOT: 1, ERR_TIMEOUT: 1 } });
		assert.match(log.last[2], /^3 2 \{"code":"ERR_BOT","message":"TypeError: one"\}$/);
		assert.match(log.last[3], /^4 2 \{"code":"ERR_TIMEOUT",/);
	});

	it('loses every tick if its file does not compile, throws or never ends', async () => {
		const sources = ['}{', '}); for (;;); (function () {', 'throw { get message() { for (;;); } }', 'for (;;);', ''];
		const players = sources.map((source, i) => ({ bot: `bot${i}`, source }));
		const lost = await match({ players, ticks: 3 }, 'result.players.map(({ lostTicks }) => lostTicks)');
		assert.deepEqual(lost, [3, 3, 3, 3, 3]);
	});

	it('loses the tick if it wants to keep or to say too much', async () => {
		const { errors, lastError } = await alone(`
			module.exports.tick = (state, memory) => {
				if (state.tick % 2) return 'x'.repeat(20000);
				memory.fat = 'x'.repeat(20000);
			};
		`, { ticks: 3 });
		assert.deepEqual(errors, { ERR_BOT: 3 });
		assert.match(lastError.message, /memory too large: 20010 characters, the limit is 16384/);
	});

	it('counts console lines past the limit exactly if the tick ends', async () => {
		const { log } = await alone(`
			module.exports.tick = () => {
				for (let i = 0; i < 33; ++i) console.log('line', i, { i });
			};
		`, { ticks: 2 });
		assert.equal(log.lines, 40);
		assert.equal(log.dropped, 26);
		assert.equal(log.last.at(-1), 'line 19 {"i":19}');
	});

	it('gets the same random numbers for the same seed', async () => {
		const source = 'module.exports.tick = () => console.log(Math.random());';
		const [once, again, other] = await Promise.all([1, 1, 2].map(seed => alone(source, { seed, ticks: 2 })));
		assert.deepEqual(once.log.last, again.log.last);
		assert.notDeepEqual(once.log.last, other.log.last);
		assert.notEqual(once.log.last[0], once.log.last[1]);
	});

	it('does not reach the host by any handle, nor change its prototypes', async () => {
		const [clean, lostTicks] = await match({ players: ['vandal'], ticks: 50 }, `[
			Object.keys(Object.prototype).length === 0 && ({}).polluted === undefined
				&& [].map.call([1], x => x)[0] === 1 && JSON.parse('[]').length === 0,
			result.players[0].lostTicks,
		]`);
		assert.ok(clean);
		assert.ok(lostTicks > 0);
	});
});

describe('the command line', () => {
	const bad = [
		['--players', '0'], ['--players', 'many'], ['--ticks', '1.5'], ['--seed', '-1'], ['--seed'], ['--timeout', ''],
		['--memory', '4'], ['--bots', 'nobody'], ['--bots', ''], ['--bots', 'hog', '--hostile'], ['--what'], ['stray'],
	];
	for (const args of bad) {
		it(`rejects "${args.join(' ')}" with exit code 2 and a message`, async () => {
			const { code, stdout, stderr } = await arena(...args);
			assert.equal(code, 2);
			assert.equal(stdout, '');
			assert.match(stderr, /\S.*\nTry --help\.\n$/);
		});
	}

	it('explains itself with --help', async () => {
		const { code, stdout } = await arena('--help');
		assert.equal(code, 0);
		for (const word of ['--players', '--ticks', '--seed', '--json', '--bots', '--hostile', '--timeout', '--memory', 'vandal']) {
			assert.ok(stdout.includes(word), word);
		}
	});

	it('tells the game in a few lines where there is no terminal, and shows no escape sequences', async () => {
		const { code, stdout } = await arena('--players', '10', '--ticks', '25');
		assert.equal(code, 0);
		assert.ok(stdout.split('\n').filter(line => line.startsWith('tick ')).length <= 10);
		assert.match(stdout, /rank +player/);
		assert.match(stdout, /p50 [\d.]+ ms, p99 [\d.]+ ms/);
		assert.doesNotMatch(stdout, /[^\P{Cc}\n]/u);
	});

	it('takes bots from the roster in order, five earnest and three hostile for eight players', async () => {
		const { players } = await play('--ticks', '1', '--players', '12');
		assert.deepEqual(players.map(({ name }) => name), [
			'settler', 'rusher', 'looper', 'turtle', 'swarm', 'hog', 'opportunist', 'heapkiller', 'flooder', 'vandal',
			'settler-2', 'rusher-2',
		]);
		assert.equal(players.slice(0, 8).filter(({ hostile }) => hostile).length, 3);
	});

	it('takes hostile bots only with --hostile, and those asked for with --bots', async () => {
		const hostile = await play('--hostile', '--players', '6', '--ticks', '1');
		assert.deepEqual(hostile.players.map(({ name }) => name),
			['looper', 'hog', 'heapkiller', 'flooder', 'vandal', 'looper-2']);
		const chosen = await play('--bots', 'swarm,turtle,swarm', '--ticks', '1');
		assert.deepEqual(chosen.players.map(({ name }) => name), ['swarm', 'turtle', 'swarm-2']);
	});

	it('passes the limits on to the players', async () => {
		const { players: [{ errors }] } = await play('--bots', 'looper', '--ticks', '3', '--timeout', '5', '--memory', '8');
		assert.deepEqual(errors, { ERR_TIMEOUT: 3 });
	});
});

describe('intents', () => {
	const make = () => new World({ seed: 1, players: ['a', 'b'] });
	const own = (world, owner) => ({
		core: world.list('structure', owner).find(({ kind }) => kind === 'core'),
		worker: world.list('unit', owner)[0],
	});
	const illegal = (world, ...intents) => readIntents(world, 0, intents).illegal;

	it('are none if a bot returns nothing, and illegal if it returns something else than a list', () => {
		const world = make();
		for (const raw of [null, undefined]) {
			assert.deepEqual(readIntents(world, 0, raw), { orders: [], illegal: 0 });
		}
		for (const raw of [0, 1, '', 'spawn', true, {}, { length: 3 }, NaN, () => {}, Symbol('s')]) {
			assert.deepEqual(readIntents(world, 0, raw), { orders: [], illegal: 1 });
		}
	});

	it('become orders that share nothing with what the bot sent', () => {
		const world = make();
		const { core, worker } = own(world, 0);
		const raw = [{ do: 'spawn', id: core.id, kind: 'worker', target: {}, junk: 1 }];
		const { orders, illegal } = readIntents(world, 0, raw);
		assert.equal(illegal, 0);
		assert.deepEqual(orders, [{ verb: 'spawn', actor: core, kind: 'worker' }]);
		assert.deepEqual(readIntents(world, 0, [{ do: 'move', id: worker.id, dx: 0, dy: -1 }]).orders,
			[{ verb: 'move', actor: worker, x: worker.x, y: worker.y - 1 }]);
	});

	it('are illegal for things of others, for sources and for what does not exist', () => {
		const world = make();
		const other = own(world, 1);
		const [source] = world.list('source');
		for (const id of [other.core.id, other.worker.id, source.id, 0, -1, 1e9, '1', null, undefined, {}, [], '__proto__']) {
			assert.equal(illegal(world, { do: 'spawn', id, kind: 'worker' }), 1);
			assert.equal(illegal(world, { do: 'move', id, dx: 1, dy: 0 }), 1);
		}
	});

	it('are illegal if the verb or the kind is none, whatever objects inherit', () => {
		const world = make();
		const { core, worker } = own(world, 0);
		for (const word of ['constructor', '__proto__', 'toString', 'core', '', 0, null, undefined, {}, ['worker']]) {
			assert.equal(illegal(world, { do: word, id: core.id }), 1);
			assert.equal(illegal(world, { do: 'spawn', id: core.id, kind: word }), 1);
			assert.equal(illegal(world, { do: 'build', id: worker.id, kind: word, dx: 0, dy: 1 }), 1);
		}
	});

	it('are illegal if a unit is told to go anywhere but to a neighbour', () => {
		const world = make();
		const { worker, core } = own(world, 0);
		for (const [dx, dy] of [[0, 0], [2, 0], [0.5, 0], ['1', 0], [NaN, 1], [Infinity, 0], [null, 1], [undefined, 0], [[1], 0]]) {
			assert.equal(illegal(world, { do: 'move', id: worker.id, dx, dy }), 1);
		}
		assert.equal(illegal(world, { do: 'move', id: core.id, dx: 1, dy: 0 }), 1);
		world.move(worker, 0, 0);
		assert.equal(illegal(world, { do: 'move', id: worker.id, dx: -1, dy: 0 }), 1);
	});

	it('are illegal out of reach, without arms, without load, and against oneself', () => {
		const world = make();
		const { worker, core } = own(world, 0);
		const far = own(world, 1).core;
		const [source] = world.list('source').filter(({ x, y }) => Math.max(Math.abs(x - worker.x), Math.abs(y - worker.y)) > 1);
		const soldier = world.addUnit('soldier', 0, 0, 0);
		for (const intent of [
			{ do: 'harvest', id: worker.id, target: source.id },
			{ do: 'harvest', id: worker.id, target: core.id },
			{ do: 'deliver', id: worker.id, target: core.id },
			{ do: 'attack', id: worker.id, target: far.id },
			{ do: 'attack', id: soldier.id, target: far.id },
			{ do: 'attack', id: soldier.id, target: core.id },
			{ do: 'attack', id: soldier.id, target: source.id },
			{ do: 'spawn', id: worker.id, kind: 'worker' },
			{ do: 'build', id: soldier.id, kind: 'depot', dx: 0, dy: 1 },
		]) {
			assert.equal(illegal(world, intent), 1, JSON.stringify(intent));
		}
	});

	it('cannot make one thing do two things, nor spend the same energy twice', () => {
		const world = make();
		const { core, worker } = own(world, 0);
		const spawn = { do: 'spawn', id: core.id, kind: 'worker' };
		assert.equal(illegal(world, spawn, spawn, spawn), 2);
		world.players[0].energy = 150;
		const cell = [[0, -1], [1, 0], [0, 1], [-1, 0]].find(([dx, dy]) => world.isFree(worker.x + dx, worker.y + dy));
		const build = { do: 'build', id: worker.id, kind: 'turret', dx: cell[0], dy: cell[1] };
		assert.equal(illegal(world, build), 0);
		assert.equal(illegal(world, build, spawn), 1);
	});

	it('are not even read beyond a number that makes sense', () => {
		const { orders, illegal: count } = readIntents(make(), 0, new Array(100_000).fill({}));
		assert.equal(orders.length, 0);
		assert.equal(count, 100_000);
		assert.ok(MAX_INTENTS < 1000);
	});

	it('can be any garbage: the world stays sound and the rest of it is dropped', () => {
		const random = seeded(42);
		const pick = list => list[between(random, 0, list.length - 1)];
		const world = make();
		const values = depth => pick([
			() => null, () => undefined, () => true, () => between(random, -5, 60), () => random() * 1e300, () => NaN,
			() => -0, () => 'worker', () => '__proto__', () => 'x'.repeat(between(random, 0, 2000)), () => [], () => ({}),
			() => depth > 0 ? Array.from({ length: between(random, 0, 5) }, () => values(depth - 1)) : 0,
			() => depth > 0 ? intent(depth - 1) : {},
			() => JSON.parse('{"__proto__": {"do": "move"}, "constructor": 1}'),
		])();
		const verbs = ['move', 'harvest', 'deliver', 'attack', 'spawn', 'build'];
		const kinds = ['worker', 'soldier', 'ranger', 'core', 'depot', 'turret'];
		function intent(depth) {
			const sound = random() < 0.7;
			const or = list => sound || random() < 0.6 ? pick(list) : values(depth);
			const ids = [...world.things.keys()];
			const actors = [...world.things.values()].filter(({ type }) => type !== 'source').map(({ id }) => id);
			return {
				do: or(verbs), id: or(actors), target: or(ids), kind: or(kinds), dx: or([-1, 0, 1]), dy: or([-1, 0, 1]),
				...random() < 0.2 ? { [pick(['length', 'toString', 'actor', 'verb'])]: values(depth) } : {},
			};
		}
		const obeyed = [];
		for (let turn = 0; turn < 600; ++turn) {
			playTurn(world, world.players.map(({ index }) => {
				const raw = random() < 0.1 ? values(3) : Array.from({ length: between(random, 0, 70) }, () => random() < 0.9 ? intent(2) : values(2));
				const { orders, illegal: dropped } = readIntents(world, index, raw);
				assert.ok(Number.isInteger(dropped) && dropped >= 0);
				assert.ok(orders.every(({ actor }) => actor.owner === index));
				obeyed.push(...orders.map(({ verb }) => verb));
				return orders;
			}));
			assertSound(world);
		}
		// Garbage it is, but not only.
		assert.ok(obeyed.length > 500, String(obeyed.length));
		assert.deepEqual([...new Set(obeyed)].sort(), ['build', 'move', 'spawn']);
		assert.equal(Object.keys(Object.prototype).length, 0);
	});

	/** What must hold in every world. */
	function assertSound(world) {
		const cells = new Set();
		for (const thing of world.things.values()) {
			assert.ok(Number.isInteger(thing.x) && Number.isInteger(thing.y));
			if (thing.type === 'source') {
				assert.ok(thing.energy >= 0 && thing.energy <= 400);
				continue;
			}
			assert.equal(world.terrain[thing.y][thing.x], 0);
			assert.equal(world.at(thing.x, thing.y), thing);
			assert.ok(!cells.has(world.cell(thing.x, thing.y)));
			cells.add(world.cell(thing.x, thing.y));
			assert.ok(thing.hp > 0);
			assert.ok(thing.type === 'structure' || (thing.carry >= 0 && thing.carry <= 40));
		}
		assert.equal(world.occupied.size, cells.size);
		for (const { index, energy, score } of world.players) {
			assert.ok(Number.isInteger(energy) && energy >= 0);
			assert.ok(Number.isFinite(score) && score >= 0);
			assert.equal(world.list('structure', index).filter(({ kind }) => kind === 'core').length, 1);
			assert.ok(world.list('unit', index).length <= 24);
			assert.ok(world.list('structure', index).length <= 10);
		}
	}
});

describe('the world', () => {
	it('is the same for the same seed, with every place within reach of every core', () => {
		for (const seed of [0, 1, 2 ** 32 - 1]) {
			const players = Array.from({ length: 20 }, (_, i) => `p${i}`);
			const world = new World({ seed, players });
			assert.equal(world.digest(), new World({ seed, players }).digest());
			const home = world.homeOf(0);
			for (const { x, y } of world.list('structure')) {
				assert.ok(home[y][x] >= 0);
			}
			assert.ok(world.terrain.every((row, y) => row.every((cell, x) => cell !== 0 || home[y][x] >= 0)));
		}
	});

	it('shows a player its own things and what is in sight, and nothing else but cores', () => {
		const world = new World({ seed: 1, players: ['a', 'b'] });
		const view = viewFor(world, 0, { ticks: 10, lastError: null, restarts: 0 });
		assert.equal(view.units.length, 3);
		assert.equal(view.enemies.length, 0);
		assert.deepEqual(view.structures.map(({ kind }) => kind), ['core', 'core']);
		const [worker] = world.list('unit', 1);
		const core = world.list('structure', 0)[0];
		const { x, y } = world.freeCellAround(core);
		world.move(worker, x, y);
		const after = viewFor(world, 0, { ticks: 10, lastError: null, restarts: 0 });
		assert.deepEqual(after.enemies.map(({ id }) => id), [worker.id]);
	});

	it('gives a fallen core back, plundered, and its loot to who felled it', () => {
		const world = new World({ seed: 1, players: ['a', 'b'] });
		const [core] = world.list('structure', 1);
		const { x, y } = world.freeCellAround(core);
		const soldier = world.addUnit('soldier', 0, x, y);
		core.hp = 20;
		const { orders } = readIntents(world, 0, [{ do: 'attack', id: soldier.id, target: core.id }]);
		playTurn(world, [orders, []]);
		assert.equal(core.hp, 600);
		assert.equal(world.players[1].energy, 201);
		assert.equal(world.players[0].energy, 601);
		assert.equal(world.players[0].score, 400);
	});

	it('does not care in which order the intents of different players arrive', () => {
		const digestAfter = order => {
			const world = new World({ seed: 9, players: ['a', 'b', 'c'] });
			for (let turn = 0; turn < 5; ++turn) {
				const orders = [];
				for (const index of order) {
					orders[index] = readIntents(world, index, world.list('unit', index)
						.map(({ id }) => ({ do: 'move', id, dx: 1, dy: turn % 2 }))).orders;
				}
				playTurn(world, orders);
			}
			return world.digest();
		};
		assert.equal(digestAfter([0, 1, 2]), digestAfter([2, 0, 1]));
	});

	it('lets units follow one another and change places, but never share a cell', () => {
		const world = new World({ seed: 1, players: ['a', 'b'] });
		const row = world.terrain.findIndex((cells, y) => [0, 1, 2, 3].every(x => world.isFree(x, y)));
		const [first, second] = [1, 0].map(x => world.addUnit('worker', 0, x, row));
		const move = (unit, dx) => ({ do: 'move', id: unit.id, dx, dy: 0 });
		const turn = (...raw) => playTurn(world, [readIntents(world, 0, raw).orders, []]);
		turn(move(second, 1), move(first, 1));
		assert.deepEqual([first.x, second.x], [2, 1]);
		turn(move(second, 1), move(first, -1));
		assert.deepEqual([first.x, second.x], [1, 2]);
		turn(move(first, 1));
		assert.deepEqual([first.x, second.x], [1, 2]);
	});
});
