//! Our V8 and the threads it runs on. Nothing here knows Node-API.

pub mod blob;
pub mod error;
pub mod executor;
pub mod host;
pub mod inspector;
pub mod isolate;
pub mod letter_box;
pub mod limits;
pub mod operations;
pub mod place;
pub mod platform;
pub mod promise_waits;
pub mod realm_slot;
pub mod rejections;
pub mod signal;
mod source_maps;
pub mod transfer;
mod weak;

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use limits::account;

/// A lock that is held. A guest thread that holds one isn't put to sleep for good (`limits::park`).
pub(crate) struct Locked<'a, T> {
    // In this order: it counts until it was let go.
    guard: MutexGuard<'a, T>,
    _counted: Counted,
}

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        account::count_lock(-1);
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Locks; a panic elsewhere while it was held does not spread, as every critical section leaves sound state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    account::count_lock(1);
    let counted = Counted;
    Locked { guard: mutex.lock().unwrap_or_else(PoisonError::into_inner), _counted: counted }
}
