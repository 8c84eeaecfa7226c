'use strict';

/**
 * Areas of programs for what islet does not have yet: what isolated-vm does is recorded, islet isn't compared.
 */

module.exports = ['isolate: members of the library'];
