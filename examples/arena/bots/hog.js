/*
 * Hostile: wants all the memory there is. Array buffers lie outside of the heap; when there is no
 * more, the attempt fails with a RangeError, which this bot catches to try again for ever, until
 * the timeout. Strings lie in the heap, and the isolate does not survive it when that is full.
 */
const MEGABYTE = 2 ** 20;
const hoard = [];

module.exports.tick = state => {
	if (state.lastError) {
		console.log(`lost a tick: ${state.lastError.code}; isolate number ${state.restarts + 1}`);
	}
	if (state.tick % 2 === 0) {
		const buffers = [];
		for (;;) {
			try {
				buffers.push(new Uint8Array(MEGABYTE).fill(1));
			} catch {
				buffers.length -= 1;
			}
		}
	}
	for (;;) {
		const text = 'x'.repeat(MEGABYTE) + hoard.length;
		// Concatenated strings are made lazily; asking for a character makes this one real.
		text.charCodeAt(0);
		hoard.push(text);
	}
};
