//! Fatal errors of V8 cost one guest thread, never the host.
//!
//! V8 has three ways of ending the process: the isolate's out-of-memory handler, the fatal-error handler for
//! failed CHECKs, and `abort()`. None of them returns here when it comes from a guest thread of ours: the
//! isolate's callers are told, and the thread sleeps for good with the isolate's lock in its hands.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::sync::Arc;

use crate::engine::error::Failure;
use crate::engine::executor;
use crate::engine::isolate::Isolate;

thread_local! {
    /// The isolate that this guest thread is in.
    static CURRENT: RefCell<Option<Arc<Isolate>>> = const { RefCell::new(None) };
}

/// Notes which isolate the calling guest thread is in.
pub fn set_current(isolate: Option<Arc<Isolate>>) {
    CURRENT.with(|current| *current.borrow_mut() = isolate);
}

/// Gives the calling thread up if it is a guest thread; returns if it isn't.
fn give_up(failure: Failure) {
    let isolate = CURRENT.try_with(|current| current.try_borrow_mut().ok().and_then(|mut c| c.take()));
    let Ok(Some(isolate)) = isolate else { return };
    isolate.condemn(failure);
    executor::thread_lost();
    loop {
        std::thread::park();
    }
}

/// V8's out-of-memory handler (v8-isolate.h, `SetOOMErrorHandler`).
pub unsafe extern "C" fn out_of_memory(location: *const c_char, details: &v8::OomDetails) {
    // SAFETY: V8 passes a C string literal, or null.
    let location = unsafe { location.as_ref().map(|l| CStr::from_ptr(l).to_string_lossy().into_owned()) };
    let location = location.unwrap_or_default();
    give_up(if details.is_heap_oom || location.contains("memory") || location.contains("heap") {
        Failure::MemoryLimit
    } else {
        Failure::EngineFatal(location)
    });
}

/// V8's handler of failed CHECKs (v8-initialization.h, `V8::SetFatalErrorHandler`).
pub fn check_failed(file: &str, line: i32, message: &str) {
    give_up(Failure::EngineFatal(format!("{message} ({file}:{line})")));
}

unsafe extern "C" {
    fn __real_abort() -> !;
}

/// Stands for `abort` in everything linked into the addon (see build.rs).
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
extern "C" fn __wrap_abort() -> ! {
    give_up(Failure::EngineFatal("abort".into()));
    // SAFETY: the C library's abort.
    unsafe { __real_abort() }
}
