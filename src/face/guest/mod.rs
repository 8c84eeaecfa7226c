//! The library inside guests.
//!
//! Guests get the same classes as Node environments, from the same files: `build.rs` puts `lib/guest/index.js` and all that it
//! requires into one text, which is run once in each context that a handle or the library itself arrives in. Where the two
//! faces differ, `lib/guest/` has a file of the same name.
//!
//! | file | what |
//! |---|---|
//! | [`library`] | loading it into a context, and making instances |
//! | [`native`] | the functions that `lib/guest/` calls |
//! | [`parts`] | its requests, as `face::message` reads them |
//!
//! The classes run in the guest's own realm, with all that the guest did to its builtins. They name things by numbers, places
//! in the guest's table of foreign things, and nothing but what was handed to the guest is in there: whoever gets at the
//! functions here can do no more than the guest could.

mod library;
mod native;
mod parts;

pub use library::install;
