'use strict';

/** @returns {string} the name of the package that carries the addon for this platform */
function platformPackage() {
	const libc = process.platform !== 'linux' ? '' : isMusl() ? '-musl' : '-gnu';
	return `@islet/${process.platform}-${process.arch}${libc}`;
}

function isMusl() {
	const report = typeof process.report?.getReport === 'function' ? process.report.getReport() : undefined;
	return report?.header !== undefined && report.header.glibcVersionRuntime === undefined &&
		Array.isArray(report.sharedObjects) && report.sharedObjects.some(file => file.includes('musl'));
}

module.exports = { platformPackage };
