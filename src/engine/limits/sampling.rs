//! The signal by which V8 samples a profiled thread.
//!
//! V8 uses SIGPROF, and so does the V8 of the host: each puts its handler in place of the other's when its first
//! profile starts, and puts back what it found when its last one ends. Whoever ends first would leave the other's
//! signals to the system, which ends the process on SIGPROF. So ours takes another signal: what our V8 says to
//! `sigaction` and `pthread_kill` comes here (see build.rs). The handler stays once it is there.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    fn __real_sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
    fn __real_pthread_kill(thread: libc::pthread_t, signal: c_int) -> c_int;
}

/// V8's handler, or what stands for none.
static HANDLER: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);

type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

unsafe extern "C" fn on_signal(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let handler = HANDLER.load(Ordering::Relaxed);
    if handler != libc::SIG_DFL && handler != libc::SIG_IGN {
        // SAFETY: V8 installed it with SA_SIGINFO, for SIGPROF.
        unsafe { std::mem::transmute::<usize, Handler>(handler)(libc::SIGPROF, info, context) };
    }
}

/// The signal used: a real-time one that nobody handled when it was first needed.
fn signal() -> Option<c_int> {
    static SIGNAL: OnceLock<Option<c_int>> = OnceLock::new();
    *SIGNAL.get_or_init(|| {
        (libc::SIGRTMIN() + 8..=libc::SIGRTMAX()).rev().find(|&signal| {
            // SAFETY: valid places for the old and the new action; the handler has the signature that SA_SIGINFO
            // asks for.
            unsafe {
                let mut old: libc::sigaction = std::mem::zeroed();
                if __real_sigaction(signal, std::ptr::null(), &mut old) != 0
                    || old.sa_sigaction != libc::SIG_DFL
                {
                    return false;
                }
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
                __real_sigaction(signal, &action, std::ptr::null_mut()) == 0
            }
        })
    })
}

/// Stands for `sigaction` in everything linked into the addon.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_sigaction(
    number: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    if number != libc::SIGPROF {
        // SAFETY: the arguments as they came.
        return unsafe { __real_sigaction(number, new, old) };
    }
    if signal().is_none() {
        return -1;
    }
    // SAFETY: the caller's places, or null.
    unsafe {
        if let Some(old) = old.as_mut() {
            *old = std::mem::zeroed();
            old.sa_sigaction = HANDLER.load(Ordering::Relaxed);
        }
        if let Some(new) = new.as_ref() {
            HANDLER.store(new.sa_sigaction, Ordering::Relaxed);
        }
    }
    0
}

/// Stands for `pthread_kill` in everything linked into the addon.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_kill(thread: libc::pthread_t, number: c_int) -> c_int {
    let number = if number == libc::SIGPROF { signal().unwrap_or(0) } else { number };
    // SAFETY: the arguments as they came; signal 0 is none.
    unsafe { __real_pthread_kill(thread, number) }
}
