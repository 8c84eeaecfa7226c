//! Fatal errors of V8 cost one guest thread, never the host.
//!
//! V8 has three ways of ending the process: the isolate's out-of-memory handler, the fatal-error handler for
//! failed CHECKs, and `abort()`. None of them returns here when it comes from a guest thread of ours: the
//! isolate's callers are told, and the thread sleeps for good with the isolate's lock in its hands.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, OnceLock};

use crate::engine::error::Failure;
use crate::engine::executor;
use crate::engine::isolate::Isolate;
use crate::engine::limits::{account, condemned};

thread_local! {
    /// The isolate that this guest thread is in.
    static CURRENT: RefCell<Option<Arc<Isolate>>> = const { RefCell::new(None) };
    static IS_MAKING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Notes which isolate the calling guest thread is in.
pub fn set_current(isolate: Option<Arc<Isolate>>) {
    // The account lives as long as the isolate, whose share is kept here.
    account::forget_refusal();
    account::set(isolate.as_ref().map_or(std::ptr::null(), |isolate| Arc::as_ptr(&isolate.memory)));
    CURRENT.with(|current| *current.borrow_mut() = isolate);
}

/// Makes V8's isolate: until that is done V8 tells nobody who is told later of a heap that is full.
pub fn making<T>(make: impl FnOnce() -> T) -> T {
    IS_MAKING.set(true);
    let made = make();
    IS_MAKING.set(false);
    made
}

#[cfg(target_os = "linux")]
fn isolate_is_being_made() -> bool {
    IS_MAKING.try_with(std::cell::Cell::get).unwrap_or(false)
}

/// Gives the calling thread up if it is a guest thread; returns if it isn't.
fn give_up(failure: Failure) {
    let isolate = CURRENT.try_with(|current| current.try_borrow_mut().ok().and_then(|mut c| c.take()));
    let Ok(Some(isolate)) = isolate else { return };
    account::set(std::ptr::null());
    // Whatever V8 makes of it: the limit was passed.
    let limit = isolate.memory.was_native_refused() || isolate.memory.exceeded();
    isolate.condemn(match failure {
        _ if limit => Failure::MemoryLimit,
        Failure::MemoryLimit if account::was_refused() => Failure::NoSystemMemory,
        failure => failure,
    });
    executor::thread_lost();
    // SAFETY: the thread inside is this one, and stays in the loop below.
    unsafe { condemned::reclaim(&isolate) };
    loop {
        std::thread::park();
    }
}

/// V8's out-of-memory handler (v8-isolate.h, `SetOOMErrorHandler`).
///
/// # Safety
///
/// Called by V8, with a location that is a C string or null.
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

/// Whether V8's failed assertions and aborts end the process, as they do without us: `ISLET_ABORT_FOR_REAL=1`, which
/// `scripts/checked.mjs` sets. There they are what the run is looking for; out of memory still costs one thread.
fn abort_for_real() -> bool {
    static FOR_REAL: OnceLock<bool> = OnceLock::new();
    *FOR_REAL.get_or_init(|| std::env::var_os("ISLET_ABORT_FOR_REAL").is_some_and(|value| value == "1"))
}

/// V8's handler of failed CHECKs (v8-initialization.h, `V8::SetFatalErrorHandler`).
pub fn check_failed(file: &str, line: i32, message: &str) {
    if abort_for_real() {
        // V8 goes on to print the message with its stack, and aborts.
        return;
    }
    // Release builds of V8 tell no place.
    let place = if file.is_empty() { String::new() } else { format!(" ({file}:{line})") };
    give_up(Failure::EngineFatal(format!("{message}{place}")));
}

#[cfg(target_os = "linux")]
unsafe extern "C" {
    #[link_name = "__real__ZN2v88internal2V823FatalProcessOutOfMemoryEPNS0_7IsolateEPKcRKNS_10OOMDetailsE"]
    fn real_out_of_memory(isolate: *mut c_void, location: *const c_char, details: *const c_void) -> !;
    fn __real_abort() -> !;
    fn __real_vfprintf(
        stream: *mut libc::FILE,
        format: *const c_char,
        arguments: *mut libc::c_void,
    ) -> libc::c_int;
    #[cfg(target_env = "gnu")]
    fn __real___vfprintf_chk(
        stream: *mut libc::FILE,
        flag: libc::c_int,
        format: *const c_char,
        arguments: *mut libc::c_void,
    ) -> libc::c_int;
    static stderr: *mut libc::FILE;
    static stdout: *mut libc::FILE;
}

/// Whether the calling thread is inside an isolate of ours.
#[cfg(target_os = "linux")]
fn in_guest() -> bool {
    CURRENT.try_with(|c| c.try_borrow().is_ok_and(|c| c.is_some())).unwrap_or(false)
}

/// Whether something about to be printed is V8's report of a guest's fatal error: that is for V8's developers, not for
/// the host's stderr. Two reports begin an abort that is no fault of V8 or of ours (base/logging.cc): the guest asked
/// for too much, and V8 has no better answer. There the thread stays, before V8 prints its stack.
///
/// # Safety
/// `format` is a C string.
#[cfg(target_os = "linux")]
unsafe fn is_report(stream: *mut libc::FILE, format: *const c_char) -> bool {
    // SAFETY: both are the C library's, set before main.
    let is_standard = stream == unsafe { stderr } || stream == unsafe { stdout };
    if !is_standard || !in_guest() {
        return false;
    }
    // SAFETY: the caller's.
    let text = unsafe { CStr::from_ptr(format) }.to_bytes();
    if text.ends_with(b"handle not serialized: ") {
        // What a snapshot can't hold (startup-serializer.cc); the fatal error comes next.
        give_up(Failure::EngineFatal("a snapshot can't hold handles".into()));
    } else if text.starts_with(b"\n\n#\n# Fatal error with no security impact") {
        give_up(Failure::EngineFatal("abort".into()));
    } else if text.starts_with(b"\n\n#\n# Fatal %s out of memory") {
        give_up(Failure::MemoryLimit);
    }
    !abort_for_real()
}

/// Stands for `vfprintf` in everything linked into the addon (see build.rs).
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_vfprintf(
    stream: *mut libc::FILE,
    format: *const c_char,
    arguments: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the arguments as they came; a va_list is passed as a pointer on the targets built.
    unsafe { if is_report(stream, format) { 0 } else { __real_vfprintf(stream, format, arguments) } }
}

/// What `vfprintf` is in C compiled with `_FORTIFY_SOURCE`, as V8's archive may be.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap___vfprintf_chk(
    stream: *mut libc::FILE,
    flag: libc::c_int,
    format: *const c_char,
    arguments: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: as in `__wrap_vfprintf`.
    unsafe {
        if is_report(stream, format) { 0 } else { __real___vfprintf_chk(stream, flag, format, arguments) }
    }
}

/// Stands for `v8::internal::V8::FatalProcessOutOfMemory(Isolate*, const char*, const OOMDetails&)`, which comes before the handler: it
/// looks into the heap for statistics, and falls over one that is only half made.
#[cfg(target_os = "linux")]
#[unsafe(export_name = "__wrap__ZN2v88internal2V823FatalProcessOutOfMemoryEPNS0_7IsolateEPKcRKNS_10OOMDetailsE")]
unsafe extern "C" fn fatal_out_of_memory(
    isolate: *mut c_void,
    location: *const c_char,
    details: *const c_void,
) -> ! {
    if isolate_is_being_made() {
        give_up(Failure::MemoryLimit);
    }
    // SAFETY: the arguments as they came.
    unsafe { real_out_of_memory(isolate, location, details) }
}

/// Stands for `abort` in everything linked into the addon (see build.rs).
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
extern "C" fn __wrap_abort() -> ! {
    if !abort_for_real() {
        give_up(Failure::EngineFatal("abort".into()));
    }
    // SAFETY: the C library's abort.
    unsafe { __real_abort() }
}
