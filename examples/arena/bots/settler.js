/*
 * The settler lives for its economy: worker upon worker, and depots next to sources that are far
 * from home. Soldiers only when somebody comes too close.
 */
const MOST_WORKERS = 14;
const FAR = 9;

module.exports.tick = (state, memory) => {
	const jobs = memory.jobs ??= {};
	const workers = game.of('worker');
	const intruders = state.enemies.filter(enemy => game.range(enemy, game.core) < 8);
	const intents = [];

	for (const [worker, source] of game.assign(workers, jobs)) {
		intents.push(game.flee(worker) ?? settle(state, worker, source) ?? work(worker, source));
	}
	for (const soldier of game.of('soldier')) {
		intents.push(game.hunt(soldier, game.nearest(soldier, intruders) ?? game.core));
	}
	if (intruders.length > game.of('soldier').length) {
		intents.push(game.spawn('soldier'));
	} else if (workers.length < MOST_WORKERS) {
		intents.push(game.spawn('worker'));
	}
	return intents.filter(Boolean);
};

function work(worker, source) {
	return source && game.gather(worker, source);
}

/** A depot, where the way home is long and there is energy to spare. */
function settle(state, worker, source) {
	const { cost } = state.rules.structures.depot;
	const arrived = source && game.range(worker, source) === 1;
	if (arrived && state.home[worker.y][worker.x] > FAR && state.me.energy > cost) {
		return game.build(worker, 'depot');
	}
}
