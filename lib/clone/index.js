'use strict';

/**
 * V8's structured-clone wire format in plain JavaScript: what the addon shares
 * with JavaScript is an `ArrayBuffer`, and encoding in JITted code straight into
 * it costs less than any crossing into native code would.
 */

const { Writer, encode } = require('./encode');
const { Reader, decode } = require('./decode');

module.exports = { Writer, encode, Reader, decode };
