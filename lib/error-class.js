'use strict';

/** What is an error, and of which class. */

const { types } = require('node:util');
const { dataProperty, uncurry } = require('./clone/inspect');
const { CLASSES } = require('./errors');

const { getPrototypeOf } = Object;
const functionToString = uncurry(Function.prototype.toString);

const NAMES = CLASSES.map(Class => Class.name);
/** The text of a builtin tells its name, and that it is one. */
const TEXTS = CLASSES.map(Class => functionToString(Class));

/** The number of the native class that an object is an instance of, of whatever realm; -1 for what is no error. */
function classOf(value) {
	if (value instanceof Error) {
		return Math.max(CLASSES.findIndex((Class, i) => i > 0 && value instanceof Class), 0);
	}
	if (typeof value !== 'object' || value === null) {
		return -1;
	}
	const type = foreignClassOf(value);
	return type < 0 && types.isNativeError(value) ? 0 : type;
}

/**
 * The same for what inherits from none of these classes: test runners run their tests in a realm of their own, whose errors are
 * as good. Runs no code of the object's.
 */
function foreignClassOf(value) {
	for (let link = value; link !== null && !types.isProxy(link); link = getPrototypeOf(link)) {
		const Class = dataProperty(link, 'constructor');
		if (typeof Class !== 'function' || types.isProxy(Class) || dataProperty(Class, 'prototype') !== link) {
			continue;
		}
		const type = NAMES.indexOf(dataProperty(Class, 'name'));
		if (type >= 0 && functionToString(Class) === TEXTS[type]) {
			return type;
		}
	}
	return -1;
}

module.exports = { classOf };
