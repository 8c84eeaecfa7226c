'use strict';

/**
 * The addon. Built in the checkout (`islet.node`), or from the platform's package. With the environment variable
 * `ISLET_ADDON` set: exactly the file it names, for trying another build (scripts/checked.mjs).
 */

const path = require('node:path');

function load() {
	if (process.env.ISLET_ADDON) {
		return require(path.resolve(process.env.ISLET_ADDON));
	}
	const local = path.join(__dirname, '..', 'islet.node');
	try {
		return require(local);
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND') {
			throw error;
		}
	}
	const name = require('./platform-package').platformPackage();
	try {
		return require(name);
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND') {
			throw error;
		}
		throw new Error(
			`islet: no addon for this platform. Neither ${local} nor the package ${name} was found. ` +
			'npm installs the package with islet, if there is one for the platform, but not with --omit=optional. ' +
			'In a checkout, run `npm install`.',
			{ cause: error });
	}
}

module.exports = load();
