//! V8, initialised once, and the keeper thread.
//!
//! The keeper initialises V8 and starts every guest thread, so that all of them descend from the initialising
//! thread: on CPUs with memory protection keys only descendants may use V8's code pages (see
//! `V8::initialize` of the crate), and a Node worker's thread is no such descendant. Between
//! those duties it watches deadlines and delivers V8's delayed tasks.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

use crate::engine::executor;
use crate::engine::isolate::Isolate;
use crate::engine::limits::{deadline, fatal, idle, park, watchdog};
use crate::engine::lock;
use crate::engine::transfer::pool;

/// Native stack of a guest thread. V8 itself stops at about 1 MB (`--stack-size`); the rest is for the frames
/// of nested calls around it.
const GUEST_STACK: usize = 8 << 20;

/// Flags that hold for every isolate.
///
/// - `--no-hard-abort`: a fatal error calls `abort()`, which `limits::fatal` catches, instead of a trap instruction.
/// - `--single-threaded`: all that V8 does for a guest it does on the guest's own thread, so that time, memory and fatal errors
///   of it are the guest's own: collections, and compilation.
///   While JavaScript is compiled elsewhere, V8's interpreter looks at a termination request only every 2^30 bytes of
///   bytecode, which takes seconds (tiering-manager.cc, `InterruptBudgetFor`): a `timeout` would come that much too late.
///   WebAssembly's optimizing compiler takes a hundred times the size of a function, elsewhere uncounted. And an isolate that
///   compiles what another one is compiling would wait for it (wasm-engine.cc, `MaybeGetNativeModule`): for ever, if that is given up.
/// - `--no-large-page-pool`: large pages go back to the system, so that what was counted for an isolate is its own.
///
/// Ordinary pages of an isolate that ended stay for the next one for a moment (V8's memory pool): see [`trim_soon`].
#[cfg(unix)]
pub const FLAGS: &str = "--no-hard-abort --single-threaded --no-print-flag-values --no-large-page-pool \
     --memory-pool-release-on-malloc-failures";
/// The same. Elsewhere the function that empties the pool has another name: it isn't used there.
#[cfg(not(unix))]
pub const FLAGS: &str = "--no-hard-abort --single-threaded --no-print-flag-values --no-large-page-pool \
     --no-memory-pool-share-memory-on-teardown";

/// How long after the last isolate ended the memory of all is given back to the system, in ns: not for each of many.
const TRIM_AFTER: u64 = 100_000_000;
/// How long after the first one at most.
const TRIM_AFTER_FIRST: u64 = 1_000_000_000;
/// When memory is to be given back, and at the latest, as [`watchdog::now`]; `None` when there is none to give.
static TRIM: Mutex<Option<(u64, u64)>> = Mutex::new(None);

#[cfg(unix)]
unsafe extern "C" {
    /// `v8::internal::OnCriticalMemoryPressure()` (allocation.cc): gives back what its memory pool holds.
    /// V8's own way, a delayed task, ends with the isolate it was posted to.
    #[link_name = "_ZN2v88internal24OnCriticalMemoryPressureEv"]
    fn release_pool();
}

/// An isolate ended: what it used is free, but V8 and the allocator keep it.
pub fn trim_soon() {
    let now = watchdog::now();
    let at = {
        let mut trim = lock(&TRIM);
        let latest = trim.map_or(now + TRIM_AFTER_FIRST, |(_, latest)| latest);
        let at = latest.min(now + TRIM_AFTER);
        *trim = Some((at, latest));
        at
    };
    keeper_wake_before(at);
}

fn trim(now: u64) -> Option<u64> {
    {
        let mut trim = lock(&TRIM);
        let (at, _) = (*trim)?;
        if at > now {
            return Some(at);
        }
        *trim = None;
    }
    #[cfg(unix)]
    // SAFETY: takes no pointers and locks for itself. V8 was initialised, by this thread.
    unsafe {
        release_pool();
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers; the allocator locks itself.
    unsafe {
        libc::malloc_trim(0);
    }
    None
}

type Start = Box<dyn FnOnce() + Send>;
/// A guest thread to start, and where to say whether it did.
type Order = (Start, Sender<Result<(), String>>);

struct Keeper {
    /// `None` when the system gave none: then there is no V8 either, and no guest thread can be had.
    thread: Option<Thread>,
    spawn: Mutex<Sender<Order>>,
    /// Ends when V8 is initialised.
    starting: Mutex<Receiver<()>>,
}

static KEEPER: OnceLock<Keeper> = OnceLock::new();
/// When the keeper looks next, as [`watchdog::now`]; everything earlier has to wake it.
static NEXT_LOOK: AtomicU64 = AtomicU64::new(u64::MAX);

/// Isolates by V8's address of them: for the tasks that V8 posts.
static ISOLATES: Mutex<Option<HashMap<usize, Weak<Isolate>>>> = Mutex::new(None);
/// V8's delayed tasks and when they are due.
static DELAYED: Mutex<Vec<(u64, Weak<Isolate>, v8::Task)>> = Mutex::new(Vec::new());

/// Starts the keeper, once, which initialises V8: beside what else a process has to load.
pub fn begin() {
    keeper();
}

/// Returns when V8 is initialised.
pub fn start() {
    let _ = lock(&keeper().starting).recv();
}

fn keeper() -> &'static Keeper {
    KEEPER.get_or_init(|| {
        let (spawn, orders) = channel();
        let (ready, starting) = channel();
        let built = std::thread::Builder::new().name("islet-keeper".into()).spawn(move || {
            if has_threads() {
                initialize();
                drop(ready);
                keep(&orders);
            }
        });
        let thread = built.ok().map(|handle| handle.thread().clone());
        Keeper { thread, spawn: Mutex::new(spawn), starting: Mutex::new(starting) }
    })
}

/// Random bytes by a system call: V8's own way opens a file, twice for each isolate.
#[cfg(target_os = "linux")]
fn entropy(bytes: &mut [u8]) -> bool {
    // SAFETY: the slice is a valid place for as many bytes.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    usize::try_from(got) == Ok(bytes.len())
}

/// Threads that V8 starts for itself, and one more. With `--single-threaded` it has no work for them, and no way to do without.
const THREADS: usize = 3;

/// Whether the system gives V8 its threads: where it doesn't, V8 ends the process.
fn has_threads() -> bool {
    let gate = Mutex::new(());
    let closed = lock(&gate);
    std::thread::scope(|scope| {
        let all = (0..THREADS).all(|_| {
            let thread = std::thread::Builder::new().stack_size(1 << 16);
            thread.spawn_scoped(scope, || drop(lock(&gate))).is_ok()
        });
        drop(closed);
        all
    })
}

fn initialize() {
    v8::V8::set_flags_from_string(FLAGS);
    #[cfg(target_os = "linux")]
    v8::V8::set_entropy_source(entropy);
    v8::V8::set_fatal_error_handler(fatal::check_failed);
    // No pool at all means one as large as the machine.
    let platform = v8::new_custom_platform(1, false, false, Tasks).make_shared();
    v8::V8::initialize_platform(platform);
    v8::V8::initialize();
}

const NO_V8: &str = "V8 was not started, as there were no threads for it";

/// Starts a guest thread.
pub fn spawn_guest(body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let keeper = keeper();
    let Some(thread) = &keeper.thread else {
        return Err(NO_V8.into());
    };
    if std::thread::current().id() == thread.id() {
        // The keeper's own duties (a delayed task, an isolate given up) may come here: it can't wait for itself.
        return start_guest(Box::new(body));
    }
    let (answer, answered) = channel();
    lock(&keeper.spawn).send((Box::new(body), answer)).map_err(|_| NO_V8)?;
    thread.unpark();
    answered.recv().map_err(|_| NO_V8.to_string())?
}

fn start_guest(body: Start) -> Result<(), String> {
    let thread = std::thread::Builder::new().name("islet-guest".into()).stack_size(GUEST_STACK);
    thread.spawn(body).map(drop).map_err(|error| error.to_string())
}

/// Makes sure that the keeper looks no later than `at`.
pub fn keeper_wake_before(at: u64) {
    if at < NEXT_LOOK.load(Ordering::SeqCst)
        && let Some(thread) = KEEPER.get().and_then(|keeper| keeper.thread.as_ref())
    {
        thread.unpark();
    }
}

fn keep(orders: &Receiver<Order>) {
    loop {
        // Until the look is over, every new deadline wakes us: none can fall between look and sleep.
        NEXT_LOOK.store(u64::MAX, Ordering::SeqCst);
        while let Ok((body, answer)) = orders.try_recv() {
            let _ = answer.send(start_guest(body));
        }
        let now = watchdog::now();
        let mut next = u64::MAX;
        for at in [
            executor::check_deadlines(now),
            executor::check_stall(now),
            deadline::check(now),
            watchdog::check_ends(now),
            watchdog::check_exhausted(now),
            park::retry(now),
            deliver_delayed(now),
            trim(now),
            pool::trim(now),
            idle::check(now),
        ] {
            next = next.min(at.unwrap_or(u64::MAX));
        }
        NEXT_LOOK.store(next, Ordering::SeqCst);
        if next == u64::MAX {
            std::thread::park();
        } else {
            std::thread::park_timeout(Duration::from_nanos(next.saturating_sub(watchdog::now())));
        }
    }
}

/// Lets V8's tasks for the isolate at this address reach it.
pub fn register(address: usize, isolate: Weak<Isolate>) {
    lock(&ISOLATES).get_or_insert_default().insert(address, isolate);
}

/// Ends what [`register`] began.
pub fn unregister(address: usize) {
    if let Some(isolates) = lock(&ISOLATES).as_mut() {
        isolates.remove(&address);
    }
}

fn isolate_at(address: *mut c_void) -> Option<Weak<Isolate>> {
    lock(&ISOLATES).as_ref()?.get(&(address as usize)).cloned()
}

fn deliver_delayed(now: u64) -> Option<u64> {
    let mut delayed = lock(&DELAYED);
    let mut due = Vec::new();
    let mut i = 0;
    while i < delayed.len() {
        if delayed[i].0 <= now { due.push(delayed.swap_remove(i)) } else { i += 1 }
    }
    let next = delayed.iter().map(|(at, ..)| *at).min();
    drop(delayed);
    for (_, isolate, task) in due {
        if let Some(isolate) = isolate.upgrade() {
            isolate.post_foreground(task);
        }
    }
    next
}

/// V8's foreground tasks (async WebAssembly compilation, finalisation registries) become tasks of the isolate.
struct Tasks;

impl v8::PlatformImpl for Tasks {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        if let Some(isolate) = isolate_at(isolate).and_then(|isolate| isolate.upgrade()) {
            isolate.post_foreground(task);
        }
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        self.post_task(isolate, task);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        let Some(isolate) = isolate_at(isolate) else { return };
        let at = watchdog::now() + (delay_in_seconds.max(0.0) * 1e9) as u64;
        lock(&DELAYED).push((at, isolate, task));
        keeper_wake_before(at);
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        self.post_delayed_task(isolate, task, delay);
    }

    /// Idle tasks are optional work for spare time that a guest doesn't have.
    fn post_idle_task(&self, _isolate: *mut c_void, _task: v8::IdleTask) {}
}
