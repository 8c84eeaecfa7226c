'use strict';

/**
 * What every differential program has at hand, on either library. `makeKit` is plain JavaScript that needs nothing around
 * it: its text also runs inside guests, for programs that are marked by `both`.
 */

/**
 * @param {object} ivm The library.
 * @param {(event: string) => void} write Notes an event.
 */
function makeKit(ivm, write) {
	const instanceName = value => {
		for (const name of ['Isolate', 'Context', 'Script', 'Module', 'Callback', 'Reference', 'ExternalCopy', 'NativeModule']) {
			if (typeof ivm[name] === 'function' && value instanceof ivm[name]) {
				return name === 'Reference' ? `Reference ${value.typeof}` : name;
			}
		}
		const name = value.constructor?.name;
		return ['Dereference', 'Copy', 'Module', 'InspectorSession'].includes(name) ? name : undefined;
	};

	/** An error by class and message. `name` only where it says something else. */
	const showError = error => {
		const Class = Object.getPrototypeOf(error)?.constructor?.name;
		const name = error.name === Class ? '' : ` (${error.name})`;
		return `${Class}${name}: ${error.message}${error instanceof Error ? '' : ' (foreign)'}`;
	};

	/** A value as text that is the same in every version of V8. */
	const show = (value, depth = 5) => {
		switch (typeof value) {
			case 'string': return JSON.stringify(value);
			case 'bigint': return `${value}n`;
			case 'symbol': return String(value);
			case 'number': return Object.is(value, -0) ? '-0' : String(value);
			case 'function': return `function ${value.name}/${value.length}`;
			case 'object': break;
			default: return String(value);
		}
		if (value === null) {
			return 'null';
		}
		const own = instanceName(value);
		if (own !== undefined) {
			return `<${own}>`;
		}
		if (depth === 0) {
			return '…';
		}
		const tag = Object.prototype.toString.call(value).slice(8, -1);
		const inner = each => show(each, depth - 1);
		switch (tag) {
			case 'Error': return `[${showError(value)}]`;
			case 'Date': return `Date(${value.getTime()})`;
			case 'RegExp': return String(value);
			case 'Promise': return 'Promise';
			case 'Map': return `Map{${Array.from(value, pair => pair.map(inner).join(' => ')).join(', ')}}`;
			case 'Set': return `Set{${Array.from(value, inner).join(', ')}}`;
			case 'ArrayBuffer':
			case 'SharedArrayBuffer': {
				const bytes = new Uint8Array(value);
				return `${tag}(${bytes.length})[${Array.from(bytes.subarray(0, 16)).join(' ')}]`;
			}
			case 'Boolean': case 'Number': case 'String': case 'BigInt':
				return `${tag}(${show(value.valueOf())})`;
			default:
		}
		if (ArrayBuffer.isView(value)) {
			return `${value.constructor.name}@${value.byteOffset}(${value.byteLength})`;
		}
		if (Array.isArray(value)) {
			const cells = [];
			for (let i = 0; i < value.length; ++i) {
				cells.push(i in value ? inner(value[i]) : '-');
			}
			return `[${cells.join(', ')}]`;
		}
		const prototype = Object.getPrototypeOf(value);
		const prefix = prototype === Object.prototype ? '' : `${prototype === null ? 'null' : prototype.constructor?.name} `;
		return `${prefix}{${Object.keys(value).map(key => `${key}: ${inner(value[key])}`).join(', ')}}`;
	};

	const showThrown = error => error !== null && typeof error === 'object' && 'message' in error ?
		showError(error) : `thrown value ${show(error)}`;

	const log = (...values) => write(values.map(each => typeof each === 'string' ? each : show(each)).join(' '));

	/** Notes what a call gives or throws. A promise is noted as such. */
	const attempt = (label, call) => {
		let value;
		try {
			value = call();
		} catch (error) {
			log(`${label}: throws ${showThrown(error)}`);
			return undefined;
		}
		log(`${label}: ${show(value)}`);
		return value;
	};

	/** Notes what a call gives in the end: sync or async, thrown or rejected is the same here. */
	const settle = async (label, call) => {
		let value;
		try {
			value = await call();
		} catch (error) {
			log(`${label}: fails ${showThrown(error)}`);
			return undefined;
		}
		log(`${label}: ${show(value)}`);
		return value;
	};

	const made = [];

	/** A new isolate with one context. Disposed when the program has ended. */
	const guest = options => {
		const isolate = new ivm.Isolate(options);
		made.push(isolate);
		const context = isolate.createContextSync();
		return { isolate, context, jail: context.global };
	};

	const cleanUp = () => {
		for (const isolate of made) {
			try {
				isolate.dispose();
			} catch {
				// Done by the program.
			}
		}
	};

	return { ivm, log, show, showThrown, attempt, settle, guest, cleanUp };
}

/** Marks a program that runs on the host, and again inside a guest that was given the library. */
function both(program) {
	program.both = true;
	return program;
}

module.exports = { both, makeKit };
