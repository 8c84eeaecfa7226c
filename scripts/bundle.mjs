// Puts the files of lib/ into one: Node takes longer to find and read forty files than to run them. Packages have it
// (scripts/pack.mjs); a checkout runs the files themselves, and can't run stale ones.

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './build.mjs';

/** What is read before it, as V8 starts meanwhile; and what runs in a worker of its own. */
const APART = ['native.js', 'platform-package.js', 'inspector-server.js'];
/** The library in guests, which the addon has. */
const GUEST = /^guest\//;
const NAME = 'all.js';

/** JavaScript without its comments. */
function strip(source, fileName) {
	const { outputText } = ts.transpileModule(source, {
		fileName, compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.CommonJS, allowJs: true, removeComments: true },
	});
	return outputText;
}

/** A file that takes from the bundle what it took from the files of a folder, but for those that stay apart. */
function through(folder, source) {
	const text = source.replace(/\brequire\('([^']+)'\)/g, (call, path) => {
		const name = path.startsWith(folder) && path.slice(folder.length);
		return !name || APART.includes(`${name}.js`) ? call : `part('./${name}')`;
	});
	// Not before it is wanted first: what comes earlier is to be run before the bundle is read.
	return text.replace(/^.*\bpart\('/m, `const part = require('${folder}${NAME}');\n$&`);
}

/**
 * @returns {{ [file: string]: string }} by its path in the package: the bundle, what lib/ has besides, and `index.js` to go with them
 */
export function bundle(root = ROOT) {
	const lib = join(root, 'lib');
	const files = readdirSync(lib, { recursive: true }).map(file => file.replaceAll('\\', '/'))
		.filter(file => file.endsWith('.js') && !GUEST.test(file) && !APART.includes(file)).sort();
	// A function in parentheses is compiled at once, not skipped first and compiled after.
	const modules = files.map(file => (
		`${JSON.stringify(file.replace(/(\/index)?\.js$/, ''))}: (function (module, require) {\n${strip(readFileSync(join(lib, file), 'utf8'), file)}}),\n`
	));
	// Packages are asked for their version: a file less to look for.
	const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	modules.push(`'../package.json': (function (module) { module.exports = ${JSON.stringify({ version })}; }),\n`);
	return {
		[`lib/${NAME}`]: `'use strict';

// Made of the files beside it, by scripts/bundle.mjs.
const outer = require;
const loaded = { __proto__: null };
const modules = { __proto__: null,
${modules.join('')}};

/** What a file of lib/ exports, by its path from the folder of the one that asks. */
function load(path, folder) {
	if (!path.startsWith('.')) {
		return outer(path);
	}
	let name = folder === '' ? path : \`\${folder}/\${path}\`;
	name = name.replace(/(^|\\/)\\.\\//g, '$1').replace(/[^/.]+\\/\\.\\.\\//g, '');
	const known = loaded[name];
	if (known !== undefined) {
		return known.exports;
	}
	if (modules[name] === undefined) {
		return outer(path);
	}
	const module = loaded[name] = { exports: {} };
	const own = name === 'clone' ? 'clone' : name.slice(0, Math.max(0, name.lastIndexOf('/')));
	modules[name](module, next => load(next, own));
	return module.exports;
}

module.exports = path => load(path, '');
`,
		...Object.fromEntries(APART.map(file => [`lib/${file}`, through('./', readFileSync(join(lib, file), 'utf8'))])),
		'index.js': through('./lib/', readFileSync(join(root, 'index.js'), 'utf8')),
	};
}

/** Writes them into a package's folder, which has no lib/ yet. */
export function writeBundle(folder, root = ROOT) {
	mkdirSync(join(folder, 'lib'));
	Object.entries(bundle(root)).forEach(([file, text]) => writeFileSync(join(folder, file), text));
}

/** Makes of a checkout what its package would be, as far as it takes for running it, in an empty folder. */
export function stage(folder, root = ROOT) {
	mkdirSync(folder, { recursive: true });
	cpSync(join(root, 'package.json'), join(folder, 'package.json'));
	['islet.node', 'node_modules'].forEach(name => symlinkSync(join(root, name), join(folder, name)));
	writeBundle(folder, root);
}
