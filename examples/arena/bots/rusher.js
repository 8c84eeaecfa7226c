/*
 * The rusher keeps just enough workers to pay for soldiers and sends them, two by two, to the
 * nearest foreign core. A core that falls is plundered and rises again, so there is always a target.
 */
const WORKERS = 4;
const PAIR = 2;

module.exports.tick = (state, memory) => {
	const jobs = memory.jobs ??= {};
	const workers = game.of('worker');
	const soldiers = game.of('soldier');
	const intents = [];

	for (const [worker, source] of game.assign(workers, jobs)) {
		intents.push(source && game.gather(worker, source));
	}
	const prey = game.nearest(game.core, game.foreign.filter(({ kind }) => kind === 'core'));
	// Nobody goes alone; who has left does not come back.
	const marching = new Set(memory.marching ?? []);
	const waiting = soldiers.filter(({ id }) => !marching.has(id));
	if (waiting.length >= PAIR) {
		waiting.forEach(({ id }) => marching.add(id));
	}
	memory.marching = soldiers.map(({ id }) => id).filter(id => marching.has(id));
	for (const soldier of soldiers) {
		intents.push(game.hunt(soldier, marching.has(soldier.id) ? prey : undefined));
	}
	intents.push(game.spawn(workers.length < WORKERS ? 'worker' : 'soldier'));
	return intents.filter(Boolean);
};
