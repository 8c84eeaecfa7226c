'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { describe, it } = require('node:test');

const ADDON = join(__dirname, '..', 'islet.node');

/** What Node-API calls. V8's own symbols must stay inside: they'd meet those of the host's V8. */
const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/**
 * The symbols that a shared library defines for others, read from its table for the dynamic linker (ELF-64,
 * little-endian: the gABI's chapter 4).
 * @param {Buffer} file
 * @returns {string[]}
 */
function exportsOfElf(file) {
	assert.equal(file.toString('latin1', 0, 4), '\x7fELF');
	assert.deepEqual([file[4], file[5]], [2, 1], 'ELF-64, little-endian');
	const number = at => Number(file.readBigUInt64LE(at));
	const [sectionsAt, sectionSize, sectionCount] = [number(0x28), file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)];
	const sections = Array.from({ length: sectionCount }, (_, index) => {
		const at = sectionsAt + index * sectionSize;
		return {
			type: file.readUInt32LE(at + 4),
			offset: number(at + 0x18),
			size: number(at + 0x20),
			link: file.readUInt32LE(at + 0x28),
			entrySize: number(at + 0x38),
		};
	});
	const SHT_DYNSYM = 11;
	const table = sections.find(({ type }) => type === SHT_DYNSYM);
	assert.ok(table, 'a table of dynamic symbols');
	const names = sections[table.link].offset;
	const found = [];
	for (let at = table.offset; at < table.offset + table.size; at += table.entrySize) {
		const binding = file[at + 4] >> 4;
		const section = file.readUInt16LE(at + 6);
		const STB_LOCAL = 0, SHN_UNDEF = 0;
		if (binding !== STB_LOCAL && section !== SHN_UNDEF) {
			const start = names + file.readUInt32LE(at);
			found.push(file.toString('latin1', start, file.indexOf(0, start)));
		}
	}
	return found;
}

/** @returns {string[] | undefined} `undefined` where there is no reader for the platform's format */
function exportsOfAddon() {
	if (process.platform === 'linux') {
		return exportsOfElf(readFileSync(ADDON));
	}
	if (process.platform === 'darwin') {
		return execFileSync('nm', ['-gU', ADDON], { encoding: 'utf8' }).trim().split('\n')
			.map(line => line.split(' ').at(-1).replace(/^_/, ''));
	}
}

describe('the addon file', () => {
	it('exports the entry points of Node-API and nothing else', () => {
		const found = exportsOfAddon();
		if (found) {
			assert.deepEqual(found.sort(), ENTRY_POINTS);
		}
	});

	it('is loaded by the runtime', () => {
		const loaded = { exports: {} };
		process.dlopen(loaded, ADDON);
		assert.ok(Object.keys(loaded.exports).length > 0);
	});
});
