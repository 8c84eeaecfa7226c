'use strict';

const { existsSync } = require('node:fs');

/** What loads programs, by the C library that it belongs to. */
const LOADERS = {
	x64: { gnu: '/lib64/ld-linux-x86-64.so.2', musl: '/lib/ld-musl-x86_64.so.1' },
	arm64: { gnu: '/lib/ld-linux-aarch64.so.1', musl: '/lib/ld-musl-aarch64.so.1' },
};

/** @returns {string} the name of the package that carries the addon for this platform */
function platformPackage() {
	const libc = process.platform !== 'linux' ? '' : isMusl() ? '-musl' : '-gnu';
	return `@islet/${process.platform}-${process.arch}${libc}`;
}

function isMusl() {
	const { gnu, musl } = LOADERS[process.arch] ?? {};
	const [hasGnu, hasMusl] = [gnu, musl].map(file => file !== undefined && existsSync(file));
	// Either system can have the other one's loader as well; then the process itself knows. Asking it is slow, and a matter of
	// permissions in Deno, which isn't there for musl.
	if (hasGnu !== hasMusl || process.versions.deno) {
		return hasMusl && !hasGnu;
	}
	const { header, sharedObjects = [] } = process.report?.getReport?.() ?? {};
	return header !== undefined && header.glibcVersionRuntime === undefined && sharedObjects.some(file => file.includes('musl'));
}

module.exports = { platformPackage };
