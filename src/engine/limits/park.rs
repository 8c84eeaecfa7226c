//! Taking the CPU from a guest thread that doesn't stop.
//!
//! Some of V8's builtins loop without ever looking at a termination request. The thread's callers have their answer by
//! then (`watchdog`), but it would burn a CPU for hours. A signal to that one thread interrupts it; if what it interrupts
//! is one of V8's embedded builtins, which hold no lock of anybody, the handler never returns. In C++ or libc it might hold
//! one (the allocator's, say): then the handler returns and the signal is sent again later. After some tries V8's C++
//! will do as well, if the thread holds none of its locks (`account::holds_nothing`): it is in a long loop there, such as
//! the search for a string. After more the thread is left to run, in the lowest scheduling class.

use std::sync::Mutex;

use crate::engine::executor::Worker;
use crate::engine::limits::{condemned, watchdog};
use crate::engine::{lock, platform};

/// Time between tries, in ns.
const RETRY: u64 = 2_000_000;
/// Tries before it may be parked in C++.
const PATIENCE: u32 = 50;
/// Tries before the thread is left to run.
const TRIES: u32 = 500;

/// Threads to be parked: when to try next, and how often that was done.
static WANTED: Mutex<Vec<(u64, u32, &'static Worker)>> = Mutex::new(Vec::new());

/// Has the thread parked.
pub fn soon(worker: &'static Worker) {
    let now = watchdog::now();
    lock(&WANTED).push((now, 0, worker));
    platform::keeper_wake_before(now);
}

/// The keeper's tries; when the next one is due.
pub fn retry(now: u64) -> Option<u64> {
    let due = {
        let mut wanted = lock(&WANTED);
        let mut due = Vec::new();
        wanted.retain(|entry| {
            if entry.0 <= now {
                due.push(*entry);
            }
            entry.0 > now
        });
        due
    };
    let mut parked = Vec::new();
    for (_, tries, worker) in due {
        let again = worker.with_thread(|thread| {
            if thread.is_parked() {
                parked.push(worker);
                return false;
            }
            if tries == PATIENCE {
                thread.insist();
            }
            if tries >= TRIES {
                thread.demote();
                return false;
            }
            thread.interrupt();
            true
        });
        if again == Some(true) {
            lock(&WANTED).push((now + RETRY, tries + 1, worker));
        }
    }
    for worker in parked {
        if let Some(isolate) = worker.isolate() {
            // SAFETY: the thread inside is parked: its handler never returns.
            unsafe { condemned::reclaim(&isolate) };
        }
    }
    lock(&WANTED).iter().map(|(at, ..)| *at).min()
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// A thread, as the system knows it. Here it can only be left to run.
    pub struct Handle;

    impl Handle {
        /// The calling thread.
        pub fn own() -> Self {
            Self
        }
        /// Whether it sleeps for good.
        pub fn is_parked(&self) -> bool {
            false
        }
        /// Interrupts it.
        pub fn interrupt(&self) {}
        /// Lets it be parked in C++ too.
        pub fn insist(&self) {}
        /// Lets it run when nothing else wants to.
        pub fn demote(&self) {}
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::{c_int, c_void};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

    use crate::engine::limits::account;

    unsafe extern "C" {
        static v8_Default_embedded_blob_code_: u8;
        static v8_Default_embedded_blob_code_size_: u32;
        // Of the linker: where what it linked starts, and where its code ends.
        static __ehdr_start: u8;
        static etext: u8;
    }

    /// Where V8's embedded builtins lie: start and end.
    static BUILTINS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

    /// A thread, as the system knows it.
    pub struct Handle {
        thread: libc::pthread_t,
        id: libc::pid_t,
        state: &'static AtomicU8,
    }

    // What the handler is to do, and did.
    const GENTLY: u8 = 0;
    const INSISTING: u8 = 1;
    const PARKED: u8 = 2;

    thread_local! {
        static STATE: std::cell::Cell<Option<&'static AtomicU8>> = const { std::cell::Cell::new(None) };
    }

    impl Handle {
        /// The calling thread.
        pub fn own() -> Self {
            // One flag a thread that ever ran, some bytes: the handler may look at it at any time.
            let state: &'static AtomicU8 = Box::leak(Box::new(AtomicU8::new(GENTLY)));
            STATE.with(|own| own.set(Some(state)));
            // SAFETY: both calls only read who the calling thread is.
            let (thread, id) = unsafe { (libc::pthread_self(), libc::gettid()) };
            Self { thread, id, state }
        }

        /// Whether it sleeps for good.
        pub fn is_parked(&self) -> bool {
            self.state.load(Ordering::SeqCst) == PARKED
        }

        /// Interrupts it.
        pub fn interrupt(&self) {
            if let Some(signal) = signal() {
                // SAFETY: the thread exists as long as its handle can be reached (`Worker::with_thread`).
                unsafe { libc::pthread_kill(self.thread, signal) };
            }
        }

        /// Lets it be parked in C++ too.
        pub fn insist(&self) {
            let _ = self.state.compare_exchange(GENTLY, INSISTING, Ordering::SeqCst, Ordering::SeqCst);
        }

        /// Lets it run when nothing else wants to.
        pub fn demote(&self) {
            // SAFETY: a zeroed parameter is what SCHED_IDLE takes; the thread exists.
            unsafe {
                let parameter: libc::sched_param = std::mem::zeroed();
                libc::sched_setscheduler(self.id, libc::SCHED_IDLE, &parameter);
            }
        }
    }

    /// The signal used: a real-time one that nobody handled when it was first needed.
    fn signal() -> Option<c_int> {
        static SIGNAL: OnceLock<Option<c_int>> = OnceLock::new();
        *SIGNAL.get_or_init(|| {
            let start = &raw const v8_Default_embedded_blob_code_ as usize;
            // SAFETY: defined by the archive that is linked, constant.
            let size = unsafe { v8_Default_embedded_blob_code_size_ } as usize;
            BUILTINS[0].store(start, Ordering::SeqCst);
            BUILTINS[1].store(start + size, Ordering::SeqCst);
            (libc::SIGRTMIN() + 8..=libc::SIGRTMAX()).rev().find(|&signal| {
                // SAFETY: valid places for the old and the new action; the handler has the signature that
                // SA_SIGINFO asks for.
                unsafe {
                    let mut old: libc::sigaction = std::mem::zeroed();
                    if libc::sigaction(signal, std::ptr::null(), &mut old) != 0
                        || old.sa_sigaction != libc::SIG_DFL
                    {
                        return false;
                    }
                    let mut action: libc::sigaction = std::mem::zeroed();
                    action.sa_sigaction = on_signal as *const () as usize;
                    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                    libc::sigfillset(&mut action.sa_mask);
                    libc::sigaction(signal, &action, std::ptr::null_mut()) == 0
                }
            })
        })
    }

    /// Runs on the interrupted thread; calls only what is safe in a signal handler.
    unsafe extern "C" fn on_signal(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
        let context = context.cast::<libc::ucontext_t>();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the kernel passes the interrupted context.
        let at = unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] as usize };
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        let at = unsafe { (*context).uc_mcontext.pc as usize };
        let Some(state) = STATE.with(std::cell::Cell::get) else { return };
        let builtin = at >= BUILTINS[0].load(Ordering::Relaxed) && at < BUILTINS[1].load(Ordering::Relaxed);
        let ours = || at >= &raw const __ehdr_start as usize && at < &raw const etext as usize;
        let insists = || state.load(Ordering::SeqCst) == INSISTING;
        if !(builtin || insists() && ours() && account::holds_nothing()) {
            return;
        }
        state.store(PARKED, Ordering::SeqCst);
        loop {
            // SAFETY: every signal is blocked in this handler; sigsuspend with a full set sleeps for good.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&mut all);
                libc::sigsuspend(&all);
            }
        }
    }
}

pub use system::Handle;
