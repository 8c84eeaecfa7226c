'use strict';

/**
 * The library inside a guest. `src/face/guest/library.rs` runs this, with all it requires, in each context that needs it: the
 * public classes are those of `lib/`, on the other files of this folder.
 *
 * The builtins of that context may be the guest's own by then, or replaced later. So what is used of them while a method runs
 * is taken when this is loaded, and nothing internal passes through what a script could put in the way: no iterators, no array
 * methods, no properties of objects that have a prototype.
 */

const { Callback } = require('../callback');
const { Context } = require('../context');
const { ExternalCopy } = require('../external-copy');
const { InspectorSession } = require('./inspector-session');
const { Isolate } = require('../isolate');
const { Module } = require('../module');
const { NativeModule } = require('../native-module');
const { Reference } = require('../reference');
const { Script } = require('../script');
require('../snapshot');
require('./heap-snapshot');
const { Library } = require('./handle');
const { seal } = require('./native');
const wire = require('./wire');

const { defineProperty, keys } = Object;

const classes = { __proto__: null, Callback, Context, ExternalCopy, InspectorSession, Isolate, Module, NativeModule, Reference, Script };
// As in guest/handle.js, and before anything of the guest's sees them.
for (const name in classes) {
	seal(classes[name]);
}
const library = new Library();
for (const name of keys(classes)) {
	defineProperty(library, name, { __proto__: null, value: classes[name], writable: true, enumerable: true, configurable: true });
}

module.exports = [
	library,
	(kind, id, type) => wire.hooks.make[kind](id, type),
];
