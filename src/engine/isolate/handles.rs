//! What others hold of an isolate.

use std::sync::Arc;

use super::{Cause, Isolate};

/// Keeps an isolate alive: while one exists the isolate can be used, when the last goes it ends.
#[derive(Debug)]
pub struct Lease(pub Arc<Isolate>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.dispose(Cause::Unreachable);
    }
}

/// What an entry of an isolate's handle table is to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RemoteKind {
    /// `Context`.
    Context = 1,
    /// `Script`.
    Script = 2,
    /// `Reference`.
    Reference = 3,
    /// A function that arrives as a plain function.
    Function = 4,
}

/// An entry of an isolate's handle table, by its id. Dropping the last one lets the isolate forget the entry.
#[derive(Debug)]
pub struct Remote {
    /// The owner.
    pub lease: Arc<Lease>,
    /// The entry.
    pub id: u32,
    /// What it is.
    pub kind: RemoteKind,
    /// What `typeof` says of it, as a number of the wire.
    pub type_of: u8,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.lease.0.drop_entry(self.id);
    }
}
