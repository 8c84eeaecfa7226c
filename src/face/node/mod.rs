//! The native end of the wire in a Node environment.
//!
//! The public classes are JavaScript (`lib/`). They and this module share an `ArrayBuffer`, the scratch: JavaScript
//! writes a request there and calls one of a dozen functions without arguments; the answer is written to
//! the same place. A crossing costs one plain function call, whatever the values are.
//!
//! | file | what |
//! |---|---|
//! | [`wire`] | values and requests as bytes |
//! | [`env`] | what one environment owns; how guest threads reach it |
//! | [`calls`] | calls into isolates: waiting, serving, posting |
//! | [`exports`] | registration, and the functions JavaScript sees |
//! | [`raw`] | the few Node-API calls, wrapped |

mod calls;
mod env;
mod exports;
mod raw;
mod shared;
mod wire;
