'use strict';

/**
 * The programs in the documentation.
 *
 * Every block that begins with ```js is a whole program. What it prints stands in it, line by line, in the order of
 * printing: `// prints: 42`. An ellipsis in such a line stands for anything. A block with an `import` is
 * an ES module, any other is CommonJS.
 */

const { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..');

/**
 * The blocks of a file.
 * @param {string} file
 * @returns {{ line: number, info: string, code: string, prints: string[] }[]}
 */
function blocksOf(file) {
	const blocks = [];
	let open = null;
	readFileSync(file, 'utf8').split('\n').forEach((text, index) => {
		const fence = /^\s*(`{3,})(.*)$/.exec(text);
		if (open === null) {
			if (fence !== null) {
				open = { fence: fence[1], line: index + 1, info: fence[2].trim(), lines: [] };
			}
		} else if (fence !== null && fence[1] === open.fence && fence[2] === '') {
			if (/^js\b/.test(open.info)) {
				const code = `${open.lines.join('\n')}\n`;
				const prints = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(match => match[1].trimEnd());
				blocks.push({ line: open.line, info: open.info, code, prints });
			}
			open = null;
		} else {
			open.lines.push(text);
		}
	});
	return blocks;
}

/** Whether lines are the expected ones. */
function matches(lines, prints) {
	const escaped = text => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
	return lines.length === prints.length && prints.every((expected, i) =>
		new RegExp(`^${expected.split('…').map(escaped).join('.*')}$`).test(lines[i].trimEnd()));
}

/**
 * A folder from which `islet` can be loaded, to be removed with `remove`.
 * @returns {{ write(name: string, code: string): string, remove(): void }} `write` gives the file's path
 */
function workplace() {
	const folder = mkdtempSync(join(tmpdir(), 'islet-docs-'));
	mkdirSync(join(folder, 'node_modules'));
	symlinkSync(ROOT, join(folder, 'node_modules', 'islet'), 'junction');
	return {
		write(name, code) {
			const file = join(folder, `${name}.${/^import\b/m.test(code) ? 'mjs' : 'cjs'}`);
			writeFileSync(file, code);
			return file;
		},
		remove: () => rmSync(folder, { recursive: true, force: true }),
	};
}

module.exports = { ROOT, blocksOf, matches, workplace };
