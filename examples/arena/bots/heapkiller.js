/*
 * Hostile: fills its heap with many small things. If the timeout comes first, it goes on in the next
 * tick; a timeout leaves the isolate, and what is in it, alone.
 */
const heap = new Map();

module.exports.tick = state => {
	if (state.lastError) {
		console.log(`lost a tick: ${state.lastError.code}; isolate number ${state.restarts + 1}`);
	}
	for (;;) {
		heap.set(heap.size, new Array(64).fill(state.tick));
	}
};
