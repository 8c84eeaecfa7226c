// Writes docs/api.md from index.d.ts: its text is that of the doc comments, its order the one below.
//
//   node scripts/api.mjs            writes it
//   node scripts/api.mjs --check    fails when it isn't what would be written
//
// What a comment says is Markdown, whose links are relative to index.d.ts; {@link Name} and {@link Name.member} become links, @example blocks are programs that
// test/docs.test.js runs.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { BuildError, isProgram, main, ROOT } from './build.mjs';

export const FILE = join(ROOT, 'docs', 'api.md');

/** Classes, in the order in which one meets them. */
const CLASSES = [
	'Isolate', 'Context', 'Script', 'Module', 'Reference', 'ExternalCopy', 'Callback', 'NativeModule', 'InspectorSession',
];
/** Types whose heading isn't their name: it would have the anchor of something else. */
const HEADINGS = {
	ErrorCode: 'Error codes', Stats: 'What stats() tells', ExternalCopyCopyOptions: 'Options of externalCopy.copy()',
	ModuleEvaluateOptions: 'Options of module.evaluate()', PrewarmOptions: 'What prewarm() takes',
};
/** The one with a section of its own. */
const SECTION = 'ErrorCode';
/** What comes after a method's name in the forms of it that do the same. */
const FORMS = { Sync: 'waits', Async: 'doesn\'t wait', Ignored: 'does neither' };

/** The anchor that viewers make of a heading. */
const anchor = heading => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');

/** @returns {string} what docs/api.md is to be */
export function reference(source = readFileSync(join(ROOT, 'index.d.ts'), 'utf8')) {
	const file = ts.createSourceFile('index.d.ts', source, ts.ScriptTarget.Latest, true);
	const namespace = file.statements.find(ts.isModuleDeclaration);
	const statements = namespace.body.statements;
	const exported = new Set(statements.filter(ts.isExportDeclaration)
		.flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text)));

	const named = (kind, name) => statements.find(node => kind(node) && node.name.text === name);
	const classes = CLASSES.map(name => named(ts.isClassDeclaration, name));
	const missing = CLASSES.filter((_, at) => !classes[at]);
	const unlisted = statements.filter(ts.isClassDeclaration).map(({ name }) => name.text).filter(name => !CLASSES.includes(name));
	if (missing.length + unlisted.length > 0) {
		throw new BuildError(`scripts/api.mjs: the classes of index.d.ts are others than its list: ${[...missing, ...unlisted].join(', ')}`);
	}
	const functions = statements.filter(ts.isFunctionDeclaration);
	const values = statements.filter(ts.isVariableStatement).flatMap(({ declarationList }) => [...declarationList.declarations]);
	// Classes and interfaces of one name are one thing.
	const types = statements.filter(node => (ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)) &&
		exported.has(node.name.text) && !CLASSES.includes(node.name.text));

	/** The headings, which links lead to: by name, and by `Class.member`. */
	const headings = new Map();
	const memberGroups = new Map(classes.map(node => [node.name.text, groups(node)]));
	for (const [name, list] of memberGroups) {
		headings.set(name, name);
		for (const { names, heading } of list) {
			names.forEach(member => headings.set(`${name}.${member}`, heading));
		}
	}
	functions.forEach(node => headings.set(node.name.text, callOf('', node)));
	values.forEach(({ name }) => headings.set(name.text, `versions`));
	types.forEach(({ name }) => headings.set(name.text, HEADINGS[name.text] ?? name.text));
	const link = (name, label = name) => {
		const heading = headings.get(name) ?? headings.get(name.split('.')[0]);
		return heading ? `[\`${label}\`](#${anchor(heading)})` : `\`${label}\``;
	};

	/** A doc comment as Markdown. */
	function doc(node) {
		const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
		if (!comment) {
			return { text: '', rest: [] };
		}
		const plain = value => (ts.getTextOfJSDocComment(value) ?? '').trim()
			.replace(/\{@link ([\w.]+)\}/g, (_, name) => link(name)).replaceAll('](docs/', '](');
		const text = plain(comment.comment);
		const tags = (comment.tags ?? []).map(tag => [tag.tagName.text, plain(tag.comment), tag]);
		const parameters = tags.filter(([name]) => name === 'param').map(([, body, tag]) => `- \`${tag.name.getText()}\`: ${indent(body)}`);
		const one = (name, label) => tags.filter(([tag]) => tag === name).map(([, body, tag]) => {
			// TypeScript takes a first word in braces or of an identifier for a type.
			const type = tag.typeExpression ? `${tag.typeExpression.getText()} ` : '';
			return ended(`${label}${type}${body}`);
		});
		return {
			text,
			rest: [
				...parameters.length > 0 ? [parameters.join('\n')] : [], ...one('returns', 'Returns '), ...one('throws', 'Throws '),
				...one('default', 'Default: ').map(line => line.replace(/: (.*)$/, ': `$1`.')), ...tags.filter(([name]) => name === 'example').map(([, body]) => body),
			],
		};
	}

	const paragraphs = node => {
		const { text, rest } = doc(node);
		return [text, ...rest].filter(Boolean);
	};

	/** The options or fields of a type, as a list. */
	function fields(node) {
		if (ts.isUnionTypeNode(node) || ts.isIntersectionTypeNode(node)) {
			// Of a choice, each field once: where it says most.
			const all = node.types.flatMap(fields);
			return all.filter(({ name, text }, at) => all.findIndex(other => other.name === name && other.text.length > text.length) < 0 &&
				all.findIndex(other => other.name === name && other.text.length === text.length) === at);
		}
		if (ts.isParenthesizedTypeNode(node)) {
			return fields(node.type);
		}
		if (!ts.isTypeLiteralNode(node) && !ts.isInterfaceDeclaration(node)) {
			return [];
		}
		return node.members.filter(member => member.name && !ts.isComputedPropertyName(member.name)).map(member => {
			const type = member.type ? withoutAbsent(member.type) : undefined;
			const inner = type && ts.isTypeLiteralNode(type) ? type : undefined;
			const label = ts.isMethodSignature(member) ? '' : inner ? '' : ` (\`${code(type)}\`)`;
			const body = paragraphs(member).map(indent);
			const nested = inner ? fields(inner).map(({ text }) => `  ${indent(text)}`) : [];
			const [first = '', ...more] = body;
			const start = `- \`${member.name.getText()}\`${label}${first ? `: ${first}` : ''}`;
			return { name: member.name.getText(), text: [start, ...more.map(text => `\n  ${text}`), ...nested].join('\n') };
		});
	}

	/** What a type is made of besides fields, for types that extend others. */
	function bases(node) {
		const parts = ts.isIntersectionTypeNode(node) ? node.types : [node];
		const names = parts.filter(ts.isTypeReferenceNode).map(part => part.getText()).filter(name => headings.has(name));
		return names.length > 0 ? `The options of ${names.map(name => link(name)).join(', ')}${fields(node).length > 0 ? ', and:' : '.'}` : '';
	}

	function typeSection(node) {
		const name = node.name.text;
		const body = ts.isInterfaceDeclaration(node) ? node : node.type;
		const list = fields(body);
		const literals = !ts.isInterfaceDeclaration(node) && (ts.isUnionTypeNode(body) || ts.isFunctionTypeNode(body)) && list.length === 0 && name !== SECTION;
		return [
			`${name === SECTION ? '##' : '###'} ${HEADINGS[name] ?? name}`, ...paragraphs(node),
			...literals ? [`\`\`\`ts\n${ts.isFunctionTypeNode(body) ? oneLine(body.getText()) : body.getText().replace(/^\t\t/gm, '')}\n\`\`\``] : [],
			...ts.isInterfaceDeclaration(node) ? [] : [bases(body)].filter(Boolean),
			...list.length > 0 ? [list.map(({ text }) => text).join('\n')] : [],
		];
	}

	/** Members of a class that are documented as one: a method and its other forms. */
	function groups(node) {
		const owner = node.name.text.replace(/^./, letter => letter.toLowerCase());
		const found = [];
		for (const member of node.members) {
			const isPrivate = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private;
			if (isPrivate || (member.name && ts.isComputedPropertyName(member.name))) {
				continue;
			}
			const name = ts.isConstructorDeclaration(member) ? 'constructor' : member.name.getText();
			const base = found.find(({ names: [first] }) =>
				Object.keys(FORMS).some(form => name === first + form) || `${first}s` === name);
			if (base && base.member.kind === member.kind) {
				base.names.push(name);
				base.others.push(member);
				continue;
			}
			const isStatic = ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static;
			const heading = ts.isConstructorDeclaration(member) ? callOf(`new ${node.name.text}`, member) :
				ts.isMethodDeclaration(member) ? callOf(`${isStatic ? node.name.text : owner}.`, member) : `${isStatic ? node.name.text : owner}.${name}`;
			found.push({ names: [name], heading, member, others: [] });
		}
		return found;
	}

	/** Why a form of a method differs from the method itself; nothing when it is as always. */
	function form(member) {
		const name = member.name.getText();
		const { text } = doc(member);
		const usual = /^Like \[`[\w.]+`\]\([^)]*\)(?:; (?:the caller|nobody) waits|, but nobody hears of the outcome; see \[.*\))\.$/.test(text);
		const kind = Object.keys(FORMS).find(ending => name.endsWith(ending));
		return usual ? `\`${name}\` ${FORMS[kind]}.` : `\`${name}\`: ${text.replace(/^Like \[[^\]]*\]\([^)]*\)[;,] (?:but )?/, '')}`;
	}

	/** The names in a type that have a section. */
	const known = type => [...new Set(type.match(/\w+/g) ?? [])].filter(name => types.some(node => node.name.text === name));

	/** What a call gives, where that can be said in short. */
	const returns = member => {
		const type = member.type && oneLine(member.type.getText());
		if ((!ts.isMethodDeclaration(member) && !ts.isFunctionDeclaration(member)) || !type || /ResultType|^Promise<void>$|^void$/.test(type)) {
			return [];
		}
		const names = known(type);
		return [names[0] === type ? `Returns ${link(type)}.` :
			`Returns \`${type}\`${names.length > 0 ? `, see ${names.map(name => link(name)).join(', ')}` : ''}.`];
	};

	/** Where the options of a call are told. */
	const options = member => {
		const bounds = [...member.typeParameters ?? []].map(parameter => parameter.constraint?.getText() ?? '');
		const names = [...member.parameters.map(parameter => parameter.type?.getText() ?? ''), ...bounds]
			.flatMap(known).filter(name => /Options|Info$|Origin$|Configuration|^ResolveCallback/.test(name));
		return names.length > 0 ? [`See ${[...new Set(names)].map(name => link(name)).join(', ')}.`] : [];
	};

	const lines = [
		'# The interface', 'By class. Written from `index.d.ts` by `node scripts/api.mjs`: an editor shows the same. What is in square brackets may be left out.',
		[...CLASSES.map(name => `[${name}](#${anchor(name)})`), '[Functions](#functions-and-values)', '[Types](#types)', '[Error codes](#error-codes)'].join(' · '),
		...paragraphs(namespace),
	];
	for (const node of classes) {
		const more = statements.filter(other => ts.isInterfaceDeclaration(other) && other.name.text === node.name.text)
			.flatMap(({ heritageClauses = [] }) => heritageClauses.flatMap(({ types: bases_ }) => bases_.map(type => link(type.getText()))));
		lines.push(`## ${node.name.text}`, ...paragraphs(node), ...more.length > 0 ? [`It also has what is in ${more.join(', ')}.`] : []);
		const list = memberGroups.get(node.name.text);
		for (const { heading, member, others } of list) {
			const { text, rest } = doc(member);
			const field = ts.isPropertyDeclaration(member) ? `\`${code(member.type)}\`${member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword) ? '' : ', to be set'}. ` : '';
			lines.push(`### \`${heading}\``, `${field}${text}`.trim(), ...ts.isPropertyDeclaration(member) ? [] : options(member), ...rest,
				...rest.some(line => line.startsWith('Returns')) ? [] : returns(member), ...others.length > 0 ? [others.map(form).join(' ')] : []);
		}
	}
	lines.push('## Functions and values');
	for (const node of functions) {
		const [first, ...more] = paragraphs(node);
		lines.push(`### \`${callOf('', node)}\``, first, ...options(node), ...more, ...returns(node));
	}
	for (const node of values) {
		const statement = node.parent.parent;
		lines.push(`### \`${node.name.text}\``, ...paragraphs(statement), fields(node.type).map(({ text }) => text).join('\n'));
	}
	const own = types.filter(({ name }) => name.text !== SECTION);
	lines.push('## Types', 'Options that are `undefined` or `null` count as absent.');
	own.sort((a, b) => a.name.text < b.name.text ? -1 : 1).forEach(node => lines.push(...typeSection(node)));
	types.filter(({ name }) => name.text === SECTION).forEach(node => lines.push(...typeSection(node)));
	return `${lines.filter(Boolean).join('\n\n').replace(/[ \t]+$/gm, '')}\n`;
}

/** A sentence that has its end. */
const ended = text => /[.:]$/.test(text) ? text : `${text}.`;

const oneLine = text => text.replace(/\s+/g, ' ').replace(/([(<]) /g, '$1').replace(/,? ([)>])(?!=)/g, '$1');

/** Further lines of what stands in a list. */
const indent = text => text.replace(/\n(?=.)/g, '\n  ');

/** A type in short: on one line, without what only says that it may be absent. */
const code = type => type === undefined ? '' : oneLine(withoutAbsent(type).getText()).replaceAll('| undefined', '').replaceAll(' | null', '').trim();

function withoutAbsent(type) {
	if (!ts.isUnionTypeNode(type)) {
		return ts.isParenthesizedTypeNode(type) ? withoutAbsent(type.type) : type;
	}
	const isAbsent = part => part.kind === ts.SyntaxKind.UndefinedKeyword || (ts.isLiteralTypeNode(part) && part.literal.kind === ts.SyntaxKind.NullKeyword);
	const rest = type.types.filter(part => !isAbsent(part));
	return rest.length === 1 ? withoutAbsent(rest[0]) : type;
}

/** A call as one writes it: `isolate.createContext([options])`. */
function callOf(prefix, node) {
	const name = node.name?.getText() ?? '';
	const parameters = node.parameters.map(parameter => parameter.questionToken ? `[${parameter.name.getText()}]` : parameter.name.getText());
	return `${prefix}${name}(${parameters.join(', ')})`;
}

if (isProgram(import.meta.url)) {
	await main(() => {
		const wanted = reference();
		if (!process.argv.includes('--check')) {
			writeFileSync(FILE, wanted);
		} else if (readFileSync(FILE, 'utf8') !== wanted) {
			throw new BuildError('docs/api.md is not up to date: run `node scripts/api.mjs`');
		}
	});
}
