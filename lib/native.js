'use strict';

/**
 * The addon. Built in the checkout (`islet.node`), or from the platform's package.
 */

const path = require('node:path');

/** The name of the package that carries the addon for this platform. */
function platformPackage() {
	const libc = process.platform !== 'linux' ? '' : isMusl() ? '-musl' : '-gnu';
	return `@islet/${process.platform}-${process.arch}${libc}`;
}

function isMusl() {
	const report = typeof process.report?.getReport === 'function' ? process.report.getReport() : undefined;
	return report?.header !== undefined && report.header.glibcVersionRuntime === undefined &&
		Array.isArray(report.sharedObjects) && report.sharedObjects.some(file => file.includes('musl'));
}

function load() {
	const local = path.join(__dirname, '..', 'islet.node');
	try {
		return require(local);
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND') {
			throw error;
		}
	}
	try {
		return require(platformPackage());
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND') {
			throw error;
		}
		throw new Error(
			`islet: no addon for this platform. Neither ${local} nor the package ${platformPackage()} was found. ` +
			'In a checkout, run `npm install`.',
			{ cause: error });
	}
}

module.exports = load();
