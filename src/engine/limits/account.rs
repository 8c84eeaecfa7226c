//! Which isolate's memory the calling thread uses, for the hooks beneath V8 (`native`, `pages`): they know of a thread
//! and of bytes, and nothing else.

use std::cell::Cell;
use std::sync::Arc;

use crate::engine::limits::memory::Memory;

thread_local! {
    /// The account of the isolate that this guest thread is in; null elsewhere.
    static ACCOUNT: Cell<*const Memory> = const { Cell::new(std::ptr::null()) };
    /// Locks that V8 holds on this thread.
    static LOCKS: Cell<u32> = const { Cell::new(0) };
    /// A hook is at work on this thread: it must not be left in the middle.
    static BUSY: Cell<u32> = const { Cell::new(0) };
    /// The system refused memory.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    /// Memory that Rust asks for may be refused: who asks looks at the answer.
    static FALLIBLE: Cell<bool> = const { Cell::new(false) };
}

/// The system refused memory to V8 on the calling thread.
pub fn note_refusal() {
    let _ = REFUSED.try_with(|refused| refused.set(true));
}

/// Whether it did since [`forget_refusal`].
pub fn was_refused() -> bool {
    REFUSED.try_with(Cell::get).unwrap_or(false)
}

/// What it refused before is no concern of what comes.
pub fn forget_refusal() {
    REFUSED.set(false);
}

/// Sets the calling thread's account. Whoever sets it keeps it alive until it is set again.
pub fn set(memory: *const Memory) {
    ACCOUNT.with(|account| account.set(memory));
}

/// Does something that is nobody's doing, and counted nowhere.
pub fn without<T>(body: impl FnOnce() -> T) -> T {
    let before = ACCOUNT.with(|account| account.replace(std::ptr::null()));
    let value = body();
    ACCOUNT.with(|account| account.set(before));
    value
}

/// The calling thread's account.
pub fn current() -> Option<Arc<Memory>> {
    let account = ACCOUNT.try_with(Cell::get).unwrap_or(std::ptr::null());
    if account.is_null() {
        return None;
    }
    // SAFETY: the pointer is an Arc's, which `set`'s caller keeps; counting up makes a share of our own.
    unsafe {
        Arc::increment_strong_count(account);
        Some(Arc::from_raw(account))
    }
}

/// Whether the calling thread has an account.
#[inline]
pub fn is_set() -> bool {
    ACCOUNT.try_with(|account| !account.get().is_null()).unwrap_or(false)
}

/// V8 took a lock (1) or let one go (-1).
pub fn count_lock(change: i32) {
    let _ = LOCKS.try_with(|locks| locks.set(locks.get().saturating_add_signed(change)));
}

/// Whether the calling thread may stop here for good without taking a lock along. Callable from a signal handler.
pub fn holds_nothing() -> bool {
    LOCKS.try_with(Cell::get).unwrap_or(1) == 0 && BUSY.try_with(Cell::get).unwrap_or(1) == 0
}

/// Whether a hook is at work on the calling thread.
pub fn is_busy() -> bool {
    BUSY.try_with(Cell::get).unwrap_or(0) > 0
}

/// Marks the calling thread as busy in a hook while it exists.
pub struct Busy(());

impl Busy {
    /// Begins.
    pub fn begin() -> Self {
        let _ = BUSY.try_with(|busy| busy.set(busy.get() + 1));
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = BUSY.try_with(|busy| busy.set(busy.get() - 1));
    }
}

/// Whether memory that Rust asks for on this thread may be refused.
pub fn is_fallible() -> bool {
    FALLIBLE.try_with(Cell::get).unwrap_or(false)
}

/// While `body` runs, large memory that Rust asks for on this thread is refused when it doesn't fit: what asks has to
/// take null for an answer, as V8's serializer does.
pub fn fallible<T>(fallible: bool, body: impl FnOnce() -> T) -> T {
    let before = FALLIBLE.with(|flag| flag.replace(fallible));
    let value = body();
    FALLIBLE.with(|flag| flag.set(before));
    value
}
