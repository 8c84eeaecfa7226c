'use strict';

const { illegalInvocation, typeError } = require('./errors');
const { required, stringArgument } = require('./options');

/** Where isolated-vm loads an addon into an isolate. Such an addon is built for another V8 than the one here. */
class NativeModule {
	constructor(filename) {
		required(arguments.length, 1, 'NativeModule');
		stringArgument(filename, 'NativeModule', 1);
		throw typeError(
			`The addon '${filename}' can't be loaded into an isolate: addons are built for the V8 of Node, guests run on another one. ` +
			'Compile the code to WebAssembly and run it in the guest, or call it in the host through a `Callback`',
			'ERR_NOT_SUPPORTED');
	}

	// There are no instances.

	async create() {
		throw illegalInvocation();
	}

	createSync() {
		throw illegalInvocation();
	}
}

module.exports = { NativeModule };
