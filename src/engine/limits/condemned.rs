//! Isolates that were given up: how many there are, what they hold, and what of that is given back.
//!
//! Each leaves a thread that sleeps for good, and V8's heap, which nobody can take apart any more. What isn't V8's goes: the
//! functions and handles of others, promises that somebody waits for, the contents of buffers and of large heap pages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::engine::isolate::Isolate;
use crate::engine::limits::memory::Memory;
use crate::engine::{executor, lock};

/// Isolates that were made and haven't ended.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// Isolates that were given up, by number.
static CONDEMNED: Mutex<Vec<(u64, Arc<Memory>)>> = Mutex::new(Vec::new());
/// How many of them there may be before no more isolates are made.
static MOST: AtomicUsize = AtomicUsize::new(64);

/// From so many isolates alive on, memory for each counts more than the time that it takes to make one.
const CROWD: usize = 16;

/// Whether there are many isolates.
pub fn is_crowded() -> bool {
    ALIVE.load(Ordering::Relaxed) >= CROWD
}

/// An isolate was made.
pub fn born() {
    ALIVE.fetch_add(1, Ordering::SeqCst);
}

/// An isolate has ended.
pub fn ended() {
    ALIVE.fetch_sub(1, Ordering::SeqCst);
}

/// An isolate is given up.
pub fn add(isolate: &Isolate) {
    ALIVE.fetch_sub(1, Ordering::SeqCst);
    lock(&CONDEMNED).push((isolate.id, Arc::clone(&isolate.memory)));
}

/// An isolate that was given up stopped after all, and has ended in order.
pub fn came_back(isolate: &Isolate) {
    let mut condemned = lock(&CONDEMNED);
    if let Some(i) = condemned.iter().position(|(id, _)| *id == isolate.id) {
        let entry = condemned.swap_remove(i);
        drop(condemned);
        drop(entry);
    }
}

/// Gives back what a condemned isolate holds, as far as that is possible.
///
/// # Safety
/// Its thread sleeps for good, or is the calling one and never returns to V8.
pub unsafe fn reclaim(isolate: &Isolate) {
    if let Some(guest) = isolate.take_abandoned() {
        guest.abandon(&isolate.end_failure());
    }
    #[cfg(all(target_os = "linux", not(test)))]
    // SAFETY: the caller's: V8's isolate is used by that thread only.
    unsafe {
        isolate.memory.drop_contents();
    }
}

/// Sets how many isolates may be given up before no more are made.
pub fn set_most(most: usize) {
    MOST.store(most, Ordering::SeqCst);
}

/// How many were given up when no more isolates may be made.
pub fn overflow() -> Option<usize> {
    let count = lock(&CONDEMNED).len();
    (count > 0 && count >= MOST.load(Ordering::SeqCst)).then_some(count)
}

/// Isolates alive, given up, memory of the latter in bytes, threads of all, and the bound.
pub fn statistics() -> [usize; 5] {
    let (count, bytes) = {
        let condemned = lock(&CONDEMNED);
        (condemned.len(), condemned.iter().map(|(_, memory)| memory.held()).sum())
    };
    [ALIVE.load(Ordering::SeqCst), count, bytes, executor::threads() + count, MOST.load(Ordering::SeqCst)]
}
