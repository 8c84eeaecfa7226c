'use strict';

/**
 * Long strings that cross the line again and again, such as one program for many isolates. From the second time on their characters
 * are kept outside the heap, and every isolate that gets the string reads them there: no copy, and no memory for each. For Node,
 * Bun and Deno only.
 */

const { setTimeout } = require('node:timers');
const native = require('./native');

/** Shorter strings are copied by guests anyway (EXTERNAL_STRING in src/engine/transfer/guest.rs); longer ones are not kept. In characters. */
const SHORTEST = 16384;
const LONGEST = 8 << 20;
/** How many of the last strings are known. */
const COUNT = 4;
/** How long they are known unused, at least, in ms. */
const TIME = 500;

/** `{ text, number, used }`: with a number (not -1) its characters are kept. */
let entries = [];
let isWatched = false;

/** Whether two strings of one length are the same. Those of a game's state mostly begin alike: a look at some characters first. */
function isSame(one, other) {
	const { length } = one;
	return one.charCodeAt(length - 1) === other.charCodeAt(length - 1) &&
		one.charCodeAt(length >> 1) === other.charCodeAt(length >> 1) &&
		one.charCodeAt(length >> 2) === other.charCodeAt(length >> 2) &&
		one === other;
}

/**
 * The number of a string's characters beside the message, as `native.stageText` gives it; -1 when they have to be copied.
 * @param {string} text
 * @param {(text: string) => boolean} isWide Whether it has characters above U+00FF: such strings are not kept.
 */
function share(text, isWide) {
	const { length } = text;
	if (length < SHORTEST || length > LONGEST) {
		return -1;
	}
	for (let i = 0; i < entries.length; ++i) {
		const entry = entries[i];
		if (entry.text.length === length && isSame(entry.text, text)) {
			entry.used = true;
			if (entry.number < 0) {
				if (isWide(text)) {
					return -1;
				}
				entry.number = native.keepText(text);
			}
			return native.shareText(entry.number);
		}
	}
	if (entries.length === COUNT) {
		drop(entries.shift());
	}
	entries.push({ text, number: -1, used: true });
	if (!isWatched) {
		isWatched = true;
		watch();
	}
	return -1;
}

function drop({ number }) {
	if (number >= 0) {
		native.dropText(number);
	}
}

/** Forgets what was not used since the last look. */
function watch() {
	setTimeout(() => {
		const kept = [];
		for (let i = 0; i < entries.length; ++i) {
			if (entries[i].used) {
				entries[i].used = false;
				kept.push(entries[i]);
			} else {
				drop(entries[i]);
			}
		}
		entries = kept;
		isWatched = entries.length > 0;
		if (isWatched) {
			watch();
		}
	}, TIME).unref();
}

module.exports = { share };
