'use strict';

const channel = require('./channel');
const { DISPOSE } = require('./disposable');
const { illegalConstructor, illegalInvocation, typeError, withCode } = require('./errors');
const { registry } = require('./handle');
const { required, stringArgument } = require('./options');
const wire = require('./wire');

// Local operations (src/face/node/inspect.rs).
const NEW_SESSION = 150;
const DISPATCH = 153;
const TAKE_MESSAGE = 154;
const ATTACH_SESSION = 155;
const ISOLATE_NUMBER = 156;

/** Only the library makes sessions. */
const MAKE = Symbol('make');

function writeFunction(fn) {
	wire.writeValue(fn, 0);
	return 0;
}

function writeText(text) {
	wire.writeString(text);
	return 0;
}

/** Hands over what has come, in order. What a handler throws is nobody's: it mustn't keep the rest from coming. */
function deliver(state) {
	while (state.id >= 0) {
		const message = channel.local(TAKE_MESSAGE, state.id);
		if (message === undefined) {
			return;
		}
		if (message === null) {
			// The isolate has ended.
			state.session = undefined;
			state.onEnd?.();
			return;
		}
		try {
			if (typeof message === 'string') {
				state.onNotification?.(message);
			} else {
				state.onResponse?.(message[0], message[1]);
			}
		} catch {
			// As the contract has it.
		}
	}
}

let stateOf;

function openId(state) {
	if (state.id < 0) {
		throw withCode(new Error('Session is dead'), 'ERR_RELEASED');
	}
	return state.id;
}

function setHandler(session, name, handler) {
	const state = stateOf(session);
	if (handler !== undefined && handler !== null && typeof handler !== 'function') {
		throw typeError(`\`${name}\` must be a function`);
	}
	state[name] = handler ?? undefined;
	state.session = state.onNotification || state.onResponse ? session : undefined;
}

function end(state) {
	const { id } = state;
	if (id >= 0) {
		state.id = -1;
		state.session = undefined;
		registry.unregister(state);
		channel.release(id);
	}
}

/**
 * A conversation in the DevTools protocol with an isolate. Not transferable. It lasts as long as it has handlers, also
 * when nothing else refers to it, but at most as long as its isolate.
 */
class InspectorSession {
	/**
	 * What the function that the addon calls refers to. The session itself only while there are handlers: else it can be
	 * collected, which ends it.
	 */
	#state = { id: -1, onNotification: undefined, onResponse: undefined, onEnd: undefined, session: undefined };

	constructor(make, op, target, onEnd) {
		if (make !== MAKE) {
			throw illegalConstructor('InspectorSession', '`isolate.createInspectorSession`');
		}
		const state = this.#state;
		state.onEnd = onEnd;
		state.id = channel.local(op, target, 0, writeFunction, () => deliver(state));
		registry.register(this, state.id, state);
	}

	static {
		stateOf = value => {
			if (typeof value !== 'object' || value === null || !(#state in value)) {
				throw illegalInvocation();
			}
			return value.#state;
		};
	}

	/** Sends a message: JSON of the DevTools protocol. The answer comes to `onResponse`. */
	dispatchProtocolMessage(message) {
		const id = openId(stateOf(this));
		required(arguments.length, 1, 'dispatchProtocolMessage');
		stringArgument(message, 'dispatchProtocolMessage', 1);
		channel.local(DISPATCH, id, 0, writeText, message);
	}

	get onNotification() {
		return stateOf(this).onNotification;
	}

	set onNotification(handler) {
		setHandler(this, 'onNotification', handler);
	}

	get onResponse() {
		return stateOf(this).onResponse;
	}

	set onResponse(handler) {
		setHandler(this, 'onResponse', handler);
	}

	/** Ends the session, and with it a pause that no other session holds. */
	dispose() {
		const state = stateOf(this);
		openId(state);
		end(state);
	}

	[DISPOSE]() {
		end(stateOf(this));
	}
}

module.exports = {
	InspectorSession,
	/** A session with the isolate behind this handle. */
	openSession: isolate => new InspectorSession(MAKE, NEW_SESSION, isolate),
	/** A session with the isolate that has this number, which another thread may have made. */
	attachSession: (number, onEnd) => new InspectorSession(MAKE, ATTACH_SESSION, number, onEnd),
	/** The number of the isolate behind this handle, for {@link attachSession}. */
	numberOf: isolate => channel.local(ISOLATE_NUMBER, isolate),
};
