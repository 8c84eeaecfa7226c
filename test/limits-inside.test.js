'use strict';

/** Limits of isolates that guests make, and of calls that guests make: the same as for the host. */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { guest, islet, until } = require('./helpers');

/** A guest that has the library, an isolate of its own, and a list of what it heard. */
function nesting(options) {
	const heard = [];
	const made = guest({ memoryLimit: 64, onUnhandledRejection: reason => { heard.push(['host', reason?.message ?? reason]); } });
	made.jail.setSync('ivm', islet);
	made.jail.setSync('hear', value => { heard.push(['guest', value]); });
	made.context.evalSync(`
		globalThis.isolate = new ivm.Isolate({ memoryLimit: 8, ${options}
			onUnhandledRejection(reason, info) { if (reason === 'throw') throw new Error('listener'); hear(reason + info.dropped) } });
		globalThis.inner = isolate.createContextSync(); 0`);
	return { ...made, heard, run: code => made.context.eval(`(async () => { ${code} })()`, { promise: true }) };
}

describe('inside a guest', () => {
	it('deadline, cpuTimeout and timeout bound calls', async () => {
		const { run } = nesting('');
		for (const [options, message] of [['deadline: 30', 'Deadline of 30 ms exceeded'],
			['cpuTimeout: 30', 'Script execution used up its CPU time.'], ['timeout: 30', 'Script execution timed out.']]) {
			assert.equal(await run(`try { inner.evalSync('for (;;);', { ${options} }) } catch (error) { return error.code + error.message }`), `ERR_TIMEOUT${message}`);
			assert.equal(await run(`try { await inner.eval('for (;;);', { ${options} }) } catch (error) { return error.code + error.message }`), `ERR_TIMEOUT${message}`);
			assert.equal(await run('return inner.evalSync("1 + 1")'), 2);
		}
	});

	it('isolates have limits of their own', async () => {
		const { run } = nesting('timeout: 10_000, cpuLimit: { perSecond: 1, burst: 20 },');
		assert.equal(await run('try { inner.evalSync("for (;;);") } catch (error) { return error.code }'), 'ERR_CPU_LIMIT');
		assert.equal(await run('try { new ivm.Isolate({ cpuLimit: 3 }) } catch (error) { return error.message }'), '`cpuLimit` must be an object');
	});

	it('rejections that an inner guest forgets go to the guest that made it, what its listener throws to the host', async () => {
		const { run, heard } = nesting('');
		await run('inner.evalSync("Promise.reject(\'in\'); 0")');
		await until(() => heard.length === 1);
		await run('inner.evalSync("Promise.reject(\'throw\'); 0")');
		await until(() => heard.length === 2);
		assert.deepEqual(heard, [['guest', 'in0'], ['host', 'listener']]);
	});

	it('shared memory is shared', async () => {
		const { run } = nesting('');
		assert.equal(await run(`
			const shared = new SharedArrayBuffer(8);
			inner.global.setSync('shared', shared, { copy: true });
			inner.evalSync('new Int32Array(shared)[0] = 5');
			new Int32Array(shared)[1] = 6;
			return new Int32Array(inner.evalSync('shared', { copy: true })).join()`), '5,6');
	});
});
