'use strict';

// The addon first: V8 starts on a thread of its own while the rest is read.
require('./lib/native');

const { Callback } = require('./lib/callback');
const { Context } = require('./lib/context');
const { ExternalCopy } = require('./lib/external-copy');
const { InspectorSession } = require('./lib/inspector-session');
const { Isolate } = require('./lib/isolate');
const { Module } = require('./lib/module');
const { NativeModule } = require('./lib/native-module');
const { prewarm } = require('./lib/prewarm');
const { configure, stats } = require('./lib/process');
const { Reference } = require('./lib/reference');
const { Script } = require('./lib/script');
const { serveInspector } = require('./lib/serve-inspector');
const { versions } = require('./lib/versions');
const { setLibrary } = require('./lib/library');
require('./lib/snapshot');
require('./lib/heap-snapshot');

module.exports = {
	Callback, Context, ExternalCopy, InspectorSession, Isolate, Module, NativeModule, Reference, Script,
	configure, prewarm, serveInspector, stats, versions,
};
setLibrary(module.exports);
