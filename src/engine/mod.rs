//! Our V8 and the threads it runs on. Nothing here knows Node-API.

pub mod blob;
pub mod error;
pub mod executor;
pub mod host;
pub mod inspector;
pub mod isolate;
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

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere while it was held does not spread, as every critical section leaves sound state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
