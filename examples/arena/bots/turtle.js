/*
 * The turtle stays at home. Its workers put turrets around the core, as many as the energy allows,
 * and go on working under their fire; a few rangers stand behind them.
 */
const WORKERS = 10;
const TURRETS = 6;
const RANGERS = 3;

module.exports.tick = (state, memory) => {
	const jobs = memory.jobs ??= {};
	const workers = game.of('worker');
	const rangers = game.of('ranger');
	const turrets = game.structures.filter(({ kind }) => kind === 'turret');
	const { cost } = state.rules.structures.turret;
	const intents = [];

	const wantsTurret = workers.length >= 4 && turrets.length < TURRETS;
	// Whoever comes by the core with energy in the bank builds the next one, not too close to it.
	const builder = wantsTurret && state.me.energy >= cost
		? workers.find(worker => Math.abs(game.range(worker, game.core) - 2.5) < 1)
		: undefined;
	for (const [worker, source] of game.assign(workers, jobs)) {
		intents.push(worker === builder
			? game.build(worker, 'turret')
			: game.flee(worker) ?? (source && game.gather(worker, source)));
	}
	for (const guard of [...turrets, ...rangers]) {
		intents.push(game.hunt(guard));
	}
	if (workers.length < WORKERS) {
		// Save up for the turret once there are enough hands.
		if (!wantsTurret || state.me.energy >= cost + state.rules.units.worker.cost) {
			intents.push(game.spawn('worker'));
		}
	} else if (!wantsTurret && rangers.length < RANGERS) {
		intents.push(game.spawn('ranger'));
	}
	return intents.filter(Boolean);
};
