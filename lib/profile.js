'use strict';

/**
 * CPU profiles: the DevTools protocol's answer as isolated-vm gives it.
 */

const { parse } = JSON;

/** A node of the protocol's (`Profiler.ProfileNode`) as a node of a `CpuProfile`. */
function nodeOf(node) {
	const { callFrame } = node;
	const frame = {
		functionName: callFrame.functionName,
		url: callFrame.url,
		scriptId: +callFrame.scriptId,
		lineNumber: callFrame.lineNumber,
		columnNumber: callFrame.columnNumber,
	};
	if (node.deoptReason) {
		frame.bailoutReason = node.deoptReason;
	}
	const result = { hitCount: node.hitCount ?? 0, id: node.id, children: node.children ?? [], callFrame: frame };
	if (node.positionTicks) {
		result.positionTicks = node.positionTicks;
	}
	return result;
}

/**
 * What `stopCpuProfiler` resolves to.
 * @param {[number, string] | undefined} answer The thread's number and the protocol's answer, when there was a profile.
 */
function profilesOf(answer) {
	const profile = answer && parse(answer[1]).result?.profile;
	if (!profile) {
		return [];
	}
	const { startTime, endTime, samples, timeDeltas, nodes } = profile;
	for (let i = 0; i < nodes.length; ++i) {
		nodes[i] = nodeOf(nodes[i]);
	}
	return [{ threadId: answer[0], profile: { startTime, endTime, samples, timeDeltas, nodes } }];
}

module.exports = { profilesOf };
