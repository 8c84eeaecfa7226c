/*
 * The swarm trusts in numbers. It grows to a pack before it moves; the pack then goes together for
 * whatever is nearest to its middle, and visits one foreign core after the other.
 */
const WORKERS = 5;
const PACK = 5;
const LOOSE = 4;

module.exports.tick = (state, memory) => {
	const jobs = memory.jobs ??= {};
	const workers = game.of('worker');
	const pack = [...game.of('soldier'), ...game.of('ranger')];
	const intents = [];

	for (const [worker, source] of game.assign(workers, jobs)) {
		intents.push(game.flee(worker) ?? (source && game.gather(worker, source)));
	}

	memory.out = pack.length >= PACK || (memory.out && pack.length > 1);
	const middle = pack.length > 0 ? middleOf(pack) : game.core;
	const target = memory.out ? nextTarget(state, memory, middle) : undefined;
	for (const unit of pack) {
		// Who ran ahead waits for the others, unless there is something to fight.
		const ahead = target && game.range(unit, target) < game.range(middle, target) - LOOSE;
		intents.push(game.hunt(unit, ahead ? undefined : target));
	}

	if (workers.length < WORKERS) {
		intents.push(game.spawn('worker'));
	} else {
		intents.push(game.spawn(pack.length % 3 === 2 ? 'ranger' : 'soldier'));
	}
	return intents.filter(Boolean);
};

function middleOf(units) {
	const mean = key => Math.round(units.reduce((sum, unit) => sum + unit[key], 0) / units.length);
	return { x: mean('x'), y: mean('y') };
}

/** Enemies in sight of the pack first, then the cores in turn, each for forty ticks. */
function nextTarget(state, memory, middle) {
	const close = state.enemies.filter(enemy => game.range(enemy, middle) < 6);
	if (close.length > 0) {
		return game.nearest(middle, close);
	}
	const cores = game.foreign.filter(({ kind }) => kind === 'core');
	if (!(state.tick < memory.until)) {
		memory.visited = [...(memory.visited ?? []), memory.core].slice(1 - cores.length);
		memory.core = game.nearest(middle, cores.filter(({ id }) => !memory.visited.includes(id)))?.id;
		memory.until = state.tick + 40;
	}
	return cores.find(({ id }) => id === memory.core);
}
