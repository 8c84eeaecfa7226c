'use strict';

/**
 * A small game whose players are scripts nobody has to trust. `node examples/arena --help` tells how
 * to watch it; `require('./examples/arena').runMatch` plays it with any library.
 */
const { runMatch } = require('./match');

module.exports = { runMatch };

if (require.main === module) {
	require('./cli').main(process.argv.slice(2));
}
