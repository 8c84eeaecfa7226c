//! Guest threads: who runs which isolate.
//!
//! A thread takes one isolate, drains its queue, and lingers with the isolate still entered as long as it spins: the next call finds
//! it there. Before it sleeps it leaves the isolate, so that any other can enter. An isolate that needs a thread takes one that spins, in
//! whatever isolate, rather than one that has to be woken: calls into one isolate after the other are all done by one thread. The pool grows at once for synchronous calls, so a looping guest never blocks
//! another isolate's call, and after a short stall for asynchronous ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use crate::engine::error::Failure;
use crate::engine::isolate::Isolate;
use crate::engine::isolate::task::Task;
use crate::engine::letter_box::LetterBox;
use crate::engine::limits::park;
use crate::engine::limits::watchdog::{self, Deadline, Look, Over};
use crate::engine::signal::{self, Signal, Waiter};
use crate::engine::{lock, platform};

/// How long an idle isolate keeps its thread after that has spun. With a single CPU nobody spins, and no thread is there to
/// take over.
pub fn linger_time() -> Duration {
    if signal::may_spin() { Duration::ZERO } else { Duration::from_millis(200) }
}
/// How long an idle thread waits for another isolate.
/// The number of no isolate.
const NOWHERE: u64 = 0;
const THREAD_IDLE: Duration = Duration::from_secs(5);
/// How long asynchronous work may wait for a thread before the pool grows, in ns.
const STALL: u64 = 5_000_000;

// What a guest thread is at, in the low bits of its signal's mark.
const BUSY: u64 = 0;
/// It lingers; the bits above say in which isolate (0: in none). Who changes this owns the thread's next step.
const IDLE: u64 = 1;
/// Its isolate has work queued.
const CLAIMED_AGAIN: u64 = 2;
/// Another isolate needs it.
const CLAIMED_AWAY: u64 = 3;
/// A task for its isolate is in its letter box, or was: it is busy with that.
const MAILED: u64 = 4;
/// As [`IDLE`], but its isolate doesn't let it go.
const KEPT: u64 = 5;
const BITS: u32 = 3;

/// One guest thread. Like signals, workers are never freed but used again: an isolate may remember the one that
/// lingered inside it last without a share in it.
pub struct Worker {
    /// Its doorbell.
    pub signal: &'static Signal,
    /// The time limit of what it runs.
    pub deadline: Deadline,
    /// What its CPU clock showed when it left an isolate last, in ns: its own business.
    pub cpu: AtomicU64,
    /// Where an idle thread gets a task without its isolate's queue. The signal's mark is the box's.
    mail: LetterBox<Task>,
    listed: AtomicBool,
    /// The isolate it is inside of.
    inside: Mutex<Weak<Isolate>>,
    /// Its guest was given up: if the thread ever comes back, it ends.
    lost: AtomicBool,
    /// The system's handle of the thread while it runs.
    thread: Mutex<Option<park::Handle>>,
    next: Mutex<Option<Arc<Isolate>>>,
}

/// Whether a mark says that the thread lingers in the isolate with this number.
fn idles_in(mark: u64, isolate: u64) -> bool {
    mark == isolate << BITS | IDLE || mark == isolate << BITS | KEPT
}

/// What became of a lingering thread.
pub enum Claim {
    /// Its isolate has work queued.
    Again,
    /// A task for its isolate is in the letter box.
    Mail,
    /// Another isolate needs it, or its time is over.
    Leave,
}

impl Worker {
    /// Notes the isolate it is inside of.
    pub fn set_inside(&self, isolate: Weak<Isolate>) {
        *lock(&self.inside) = isolate;
    }

    /// Takes the thread out of service: its guest doesn't stop. Returns the isolate it is stuck in.
    pub fn lose(&'static self) -> Option<Arc<Isolate>> {
        if self.lost.swap(true, Ordering::SeqCst) {
            return None;
        }
        let mut pool = lock(&executor().pool);
        pool.all.retain(|w| !std::ptr::eq(*w, self));
        pool.idle.retain(|w| !std::ptr::eq(*w, self));
        drop(pool);
        park::soon(self);
        lock(&self.inside).upgrade()
    }

    /// The isolate it is inside of.
    pub fn isolate(&self) -> Option<Arc<Isolate>> {
        lock(&self.inside).upgrade()
    }

    /// Does something with the thread while it certainly exists; `None` when it has ended.
    pub fn with_thread<T>(&self, body: impl FnOnce(&park::Handle) -> T) -> Option<T> {
        lock(&self.thread).as_ref().map(body)
    }

    fn take() -> &'static Self {
        let free = lock(&executor().pool).free.pop();
        free.unwrap_or_else(|| {
            Box::leak(Box::new(Self {
                signal: Signal::take(),
                deadline: Deadline::default(),
                cpu: AtomicU64::new(0),
                mail: LetterBox::default(),
                listed: AtomicBool::new(false),
                inside: Mutex::default(),
                lost: AtomicBool::new(false),
                thread: Mutex::default(),
                next: Mutex::default(),
            }))
        })
    }

    /// Declares itself idle inside the isolate with this number; `kept` for no other.
    pub fn set_idle(&self, isolate: u64, kept: bool) {
        let state = if kept { KEPT } else { IDLE };
        self.signal.mark.store(isolate << BITS | state, Ordering::SeqCst);
    }

    /// Takes [`Worker::set_idle`] back, unless somebody claimed the thread meanwhile.
    pub fn unset_idle(&self, isolate: u64) -> bool {
        self.claim(isolate, BUSY)
    }

    /// Claims the thread if it lingers in the isolate with this number.
    fn claim(&self, isolate: u64, what: u64) -> bool {
        // A look first: a failed exchange costs as much as one that succeeds.
        let mark = self.signal.mark.load(Ordering::SeqCst);
        idles_in(mark, isolate)
            && self.signal.mark.compare_exchange(mark, what, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Claims the thread for work queued in the isolate it lingers in.
    pub fn claim_again(&self, isolate: u64) -> bool {
        self.claim(isolate, CLAIMED_AGAIN)
    }

    /// Hands the task to the thread if it lingers in the isolate with this number, and leaves `None`.
    pub fn mail(&self, isolate: u64, task: &mut Option<Task>) {
        self.mail.post(&self.signal.mark, |mark| idles_in(mark, isolate), MAILED, task);
        if task.is_none() {
            self.signal.wake();
        }
    }

    /// What is in the letter box: once after each [`Claim::Mail`].
    pub fn take_mail(&self) -> Task {
        // SAFETY: the thread itself, after MAILED, which it replaces only when it has run the task.
        unsafe { self.mail.take() }
    }

    fn claim_away(&self, isolate: &Arc<Isolate>) -> bool {
        let mut next = lock(&self.next);
        let mark = self.signal.mark.load(Ordering::SeqCst);
        if mark & ((1 << BITS) - 1) != IDLE
            || self
                .signal
                .mark
                .compare_exchange(mark, CLAIMED_AWAY, Ordering::SeqCst, Ordering::SeqCst)
                .is_err()
        {
            return false;
        }
        *next = Some(Arc::clone(isolate));
        true
    }

    /// Waits to be claimed, after [`Worker::set_idle`], for some time, or without end if it is kept. Adds to `spun` the CPU time that waiting took.
    pub fn linger(
        &'static self,
        isolate: u64,
        waiter: &mut Waiter,
        time: Option<Duration>,
        spun: &mut Duration,
    ) -> Claim {
        if time.is_some() {
            executor().list_idle(self);
        }
        loop {
            let seen = self.signal.seen();
            match self.signal.mark.load(Ordering::Acquire) {
                CLAIMED_AGAIN => {
                    self.signal.mark.store(BUSY, Ordering::Release);
                    return Claim::Again;
                }
                // The mark stays: a busy thread writes it only to say that it is idle.
                MAILED => {
                    self.mail.prefetch();
                    return Claim::Mail;
                }
                CLAIMED_AWAY => return Claim::Leave,
                _ => {}
            }
            let idle = isolate << BITS | IDLE;
            let claimed = || self.signal.mark.load(Ordering::SeqCst) == MAILED;
            if !waiter.wait(self.signal, seen, time, spun, claimed)
                && self.signal.mark.compare_exchange(idle, BUSY, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            {
                return Claim::Leave;
            }
        }
    }

    /// The isolate it was claimed for.
    fn take_next(&self) -> Option<Arc<Isolate>> {
        let next = lock(&self.next).take();
        self.signal.mark.store(BUSY, Ordering::SeqCst);
        next
    }
}

#[derive(Default)]
struct Pool {
    idle: Vec<&'static Worker>,
    all: Vec<&'static Worker>,
    /// Of threads that have ended.
    free: Vec<&'static Worker>,
    /// Isolates whose asynchronous work waits for a thread, and since when.
    waiting: VecDeque<(Arc<Isolate>, u64)>,
}

impl Pool {
    /// A thread that waits: one that spins, if there is one. The last are looked at first, as they waited least.
    fn take_idle(&mut self) -> Option<&'static Worker> {
        let spinning = self.idle.iter().rposition(|worker| !worker.signal.is_asleep());
        match spinning {
            Some(i) => Some(self.idle.remove(i)),
            None => self.idle.pop(),
        }
    }
}

struct Executor {
    pool: Mutex<Pool>,
    waiting: AtomicUsize,
    /// Threads that isolates keep for themselves while they are debugged or profiled.
    kept: AtomicUsize,
    /// Threads that asynchronous work may start at once.
    size: usize,
}

fn executor() -> &'static Executor {
    static EXECUTOR: OnceLock<Executor> = OnceLock::new();
    EXECUTOR.get_or_init(|| Executor {
        pool: Mutex::default(),
        waiting: AtomicUsize::new(0),
        kept: AtomicUsize::new(0),
        size: std::thread::available_parallelism().map_or(1, usize::from) + 1,
    })
}

impl Executor {
    fn list_idle(&self, worker: &'static Worker) {
        if !worker.listed.load(Ordering::Relaxed) && !worker.listed.swap(true, Ordering::SeqCst) {
            lock(&self.pool).idle.push(worker);
        }
    }

    fn start_thread(&'static self, isolate: &Arc<Isolate>) -> Result<(), Failure> {
        let worker = Worker::take();
        lock(&self.pool).all.push(worker);
        let first = Arc::clone(isolate);
        platform::spawn_guest(move || work(worker, first)).map_err(|reason| {
            self.retire(worker);
            Failure::NoThread(reason)
        })
    }

    fn retire(&self, worker: &'static Worker) {
        let mut pool = lock(&self.pool);
        pool.all.retain(|w| !std::ptr::eq(*w, worker));
        pool.idle.retain(|w| !std::ptr::eq(*w, worker));
        worker.listed.store(false, Ordering::SeqCst);
        pool.free.push(worker);
    }
}

/// Finds a thread for an isolate that has work and none. With `urgent` somebody waits for it.
pub fn assign(isolate: &Arc<Isolate>, urgent: bool) {
    let executor = executor();
    let started = {
        let mut pool = lock(&executor.pool);
        while let Some(worker) = pool.take_idle() {
            worker.listed.store(false, Ordering::SeqCst);
            if worker.claim_away(isolate) {
                drop(pool);
                worker.signal.notify();
                return;
            }
        }
        if !urgent && pool.all.len() >= executor.size + executor.kept.load(Ordering::Relaxed) {
            pool.waiting.push_back((Arc::clone(isolate), watchdog::now()));
            executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
            drop(pool);
            platform::keeper_wake_before(watchdog::now() + STALL);
            return;
        }
        drop(pool);
        executor.start_thread(isolate)
    };
    if let Err(failure) = started {
        isolate.fail_queue(failure);
    }
}

/// Somebody now waits for an isolate whose asynchronous work was waiting for a thread.
pub fn promote(isolate: &Arc<Isolate>) {
    let executor = executor();
    let found = {
        let mut pool = lock(&executor.pool);
        let found = pool.waiting.iter().position(|(waiting, _)| Arc::ptr_eq(waiting, isolate));
        if let Some(i) = found {
            pool.waiting.remove(i);
        }
        executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
        found.is_some()
    };
    if found {
        assign(isolate, true);
    }
}

/// An isolate keeps its thread for itself, or no more.
pub fn note_kept(kept: bool) {
    let count = &executor().kept;
    if kept {
        count.fetch_add(1, Ordering::Relaxed);
    } else {
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets all guest threads that wait look again.
pub fn ring_all() {
    let workers = lock(&executor().pool).all.clone();
    for worker in workers {
        worker.signal.notify();
    }
}

/// Guest threads in service.
pub fn threads() -> usize {
    lock(&executor().pool).all.len()
}

/// Whether another isolate waits for a thread.
pub fn is_contended() -> bool {
    executor().waiting.load(Ordering::Relaxed) > 0
}

fn take_waiting() -> Option<Arc<Isolate>> {
    let executor = executor();
    if executor.waiting.load(Ordering::SeqCst) == 0 {
        return None;
    }
    let mut pool = lock(&executor.pool);
    let next = pool.waiting.pop_front();
    executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
    next.map(|(isolate, _)| isolate)
}

/// The keeper's look at all time limits; when to look again.
pub fn check_deadlines(now: u64) -> Option<u64> {
    let workers = lock(&executor().pool).all.clone();
    let mut next = None;
    for worker in workers {
        match worker.deadline.check(now) {
            Look::Never => {}
            Look::At(at) => {
                if worker.deadline.has_fired() {
                    // It may be waiting for another guest.
                    worker.signal.notify();
                }
                next = Some(next.map_or(at, |next: u64| next.min(at)));
            }
            Look::Stuck => {
                let over = worker.deadline.over();
                if let Some(isolate) = worker.lose() {
                    isolate.condemn(over.map_or(Failure::Timeout, Over::failure));
                }
            }
        }
    }
    next
}

/// The keeper's look at waiting work: a thread more when it has waited too long.
pub fn check_stall(now: u64) -> Option<u64> {
    let executor = executor();
    let stalled = {
        let mut pool = lock(&executor.pool);
        match pool.waiting.front() {
            None => return None,
            Some((_, since)) if *since + STALL > now => return Some(*since + STALL),
            Some(_) => {
                let next = pool.waiting.pop_front();
                executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
                next
            }
        }
    };
    if let Some((isolate, _)) = stalled {
        let worker = Worker::take();
        lock(&executor.pool).all.push(worker);
        let first = Arc::clone(&isolate);
        if platform::spawn_guest(move || work(worker, first)).is_err() {
            executor.retire(worker);
            let mut pool = lock(&executor.pool);
            pool.waiting.push_back((isolate, now));
            executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
        }
    }
    Some(now + STALL)
}

/// A guest thread was given up for good (`limits::fatal`): its worker is not used again.
pub fn thread_lost() {
    let lost = THREAD.with(std::cell::Cell::get);
    if let Some(worker) = lost {
        lock(&executor().pool).all.retain(|w| !std::ptr::eq(*w, worker));
    }
}

thread_local! {
    static THREAD: std::cell::Cell<Option<&'static Worker>> = const { std::cell::Cell::new(None) };
}

/// The body of a guest thread.
fn work(worker: &'static Worker, first: Arc<Isolate>) {
    worker.signal.adopt();
    worker.signal.mark.store(BUSY, Ordering::SeqCst);
    worker.cpu.store(0, Ordering::Relaxed);
    THREAD.with(|thread| thread.set(Some(worker)));
    *lock(&worker.thread) = Some(park::Handle::own());
    let mut waiter = Waiter::default();
    let mut next = Some(first);
    loop {
        while let Some(isolate) = next.take() {
            isolate.serve(worker, &mut waiter);
            drop(isolate);
            if worker.lost.load(Ordering::SeqCst) {
                // It came back after all. Its place has been given to another; the worker is left alone.
                *lock(&worker.thread) = None;
                return;
            }
            next = worker.take_next().or_else(take_waiting);
        }
        worker.set_idle(NOWHERE, false);
        let spun = &mut Duration::default();
        // It has spun inside the isolate that it left.
        waiter.sleeps_next();
        if let Claim::Leave = worker.linger(NOWHERE, &mut waiter, Some(THREAD_IDLE), spun) {
            next = worker.take_next().or_else(take_waiting);
            if next.is_none() {
                break;
            }
        }
    }
    *lock(&worker.thread) = None;
    executor().retire(worker);
}
