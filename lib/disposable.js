'use strict';

/** The key of what `using` calls. Where the runtime has no `Symbol.dispose`, a key that nobody else has: nothing is added to `Symbol`. */
const DISPOSE = Symbol.dispose ?? Symbol('Symbol.dispose');

module.exports = { DISPOSE };
