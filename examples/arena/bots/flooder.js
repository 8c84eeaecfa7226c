/*
 * Hostile: talks without end. The first lines of a tick reach the host, the others are dropped
 * before they leave the isolate, and the timeout ends it.
 */
module.exports.tick = state => {
	if (state.tick % 2 === 0) {
		console.log('x'.repeat(1e6));
	}
	for (let line = 0; ; ++line) {
		console.log(`tick ${state.tick}, line ${line}`, { state: state.me }, '\u001b[2J\u0007');
	}
};
