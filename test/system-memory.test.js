'use strict';

// What happens when the system gives no more memory, or the process may have no more mappings.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { describe, it } = require('node:test');
const { child } = require('./helpers');

const MAPPINGS = '/proc/sys/vm/max_map_count';
const most = fs.existsSync(MAPPINGS) ? Number(fs.readFileSync(MAPPINGS, 'utf8')) : Infinity;

describe('a process that may have no more mappings', { skip: most > 200_000 && 'this system allows too many' }, () => {
	/** Uses mappings up until `left` are left: each resizable buffer has one for what is in use of it, and one for the rest. */
	const use = `
		const fs = require('node:fs');
		const mappings = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').length;
		const buffers = [];
		function use(left) {
			for (;;) {
				const over = ${most} - left - mappings();
				if (over <= 0) return;
				for (let i = 0; i < Math.max(1, over / 3); ++i) buffers.push(new ArrayBuffer(4096, { maxByteLength: 65536 }));
			}
		}
		function make() {
			const isolate = new islet.Isolate({ memoryLimit: 32 });
			const context = isolate.createContextSync();
			context.evalSync('1 + 1');
			return context;
		}
	`;
	for (const left of [400, 150, 40]) {
		it(`is told so by a new isolate, and goes on with those that it has (${left} are left)`, async () => {
			const [seen] = await child(`
				${use}
				const first = make();
				use(${left});
				const made = [];
				const errors = [];
				while (errors.length < 5) {
					try {
						made.push(make());
					} catch (error) {
						errors.push([error.code, error.message]);
					}
				}
				const works = [first, ...made].every(context => context.evalSync('[1, 2].map(x => x * 2).join()') === '2,4');
				const { condemnedIsolates } = islet.stats();
				buffers.length = 0;
				report({ works, errors, condemnedIsolates, made: made.length });
			`);
			assert.ok(seen.works);
			assert.equal(seen.condemnedIsolates, 0);
			for (const [code, message] of seen.errors) {
				assert.equal(code, 'ERR_NO_SYSTEM_MEMORY');
				assert.match(message, /vm\.max_map_count/);
			}
		});
	}

	it('can end isolates, and make others in their place', async () => {
		const [made] = await child(`
			${use}
			make();
			use(300);
			let made = 0;
			for (let round = 0; round < 20; ++round) {
				const contexts = [];
				const isolates = [];
				try {
					for (;;) {
						const isolate = new islet.Isolate({ memoryLimit: 32 });
						contexts.push(isolate.createContextSync());
						isolates.push(isolate);
					}
				} catch (error) {
					if (error.code !== 'ERR_NO_SYSTEM_MEMORY') throw error;
				}
				made += isolates.length;
				for (const isolate of isolates) isolate.dispose();
				// They end on threads of their own.
				const until = Date.now() + 300;
				while (Date.now() < until);
			}
			report(made);
		`);
		assert.ok(made > 40, String(made));
	});
});
