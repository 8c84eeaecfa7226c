/*
 * The opportunist works like everybody else and watches. Its rangers keep away from danger, pick off
 * what is weak or alone, and plunder the core of whoever seems to be asleep.
 */
const WORKERS = 7;
const RAIDERS = 6;

module.exports.tick = (state, memory) => {
	const jobs = memory.jobs ??= {};
	const workers = game.of('worker');
	const raiders = game.of('ranger');
	const intents = [];

	for (const [worker, source] of game.assign(workers, jobs)) {
		intents.push(game.flee(worker) ?? (source && game.gather(worker, source)));
	}
	const victim = chooseVictim(state);
	for (const raider of raiders) {
		const { danger } = state;
		const outgunned = danger[raider.y][raider.x] > 24 || raider.hp * 2 < raider.hpMax;
		intents.push((outgunned && game.flee(raider)) || game.hunt(raider, prey(state, raider, victim)));
	}
	const wantsRaider = workers.length >= 4 && raiders.length < RAIDERS && raiders.length < workers.length;
	if (wantsRaider) {
		intents.push(game.spawn('ranger'));
	} else if (workers.length < WORKERS) {
		intents.push(game.spawn('worker'));
	}
	return intents.filter(Boolean);
};

/** The sleeper with the shortest way: somebody who scored nothing in half of the game so far. */
function chooseVictim(state) {
	const asleep = new Set(state.players.filter(({ score }) => score === 0).map(({ index }) => index));
	const cores = game.foreign.filter(({ kind }) => kind === 'core');
	return state.tick > 12
		? game.nearest(game.core, cores.filter(({ owner }) => asleep.has(owner)))
		: undefined;
}

/** Something unarmed or nearly dead close by, or else the victim's core. */
function prey(state, raider, victim) {
	const easy = state.enemies.filter(enemy => game.range(enemy, raider) < 9
		&& (enemy.kind === 'worker' || enemy.hp < 40)
		&& state.danger[enemy.y][enemy.x] <= 20);
	return game.nearest(raider, easy) ?? victim;
}
