//! Guest threads: who runs which isolate.
//!
//! A thread takes one isolate, drains its queue, and lingers with the isolate still entered: the next call finds
//! it there, spinning at first and then asleep. Another isolate that needs a thread takes a
//! lingering one away. The pool grows at once for synchronous calls, so a looping guest never blocks
//! another isolate's call, and after a short stall for asynchronous ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::engine::error::Failure;
use crate::engine::isolate::Isolate;
use crate::engine::limits::watchdog::{self, Deadline};
use crate::engine::signal::{Signal, Waiter};
use crate::engine::{lock, platform};

/// How long an idle isolate keeps its thread, and an idle thread waits for another isolate.
pub const LINGER: Duration = Duration::from_millis(200);
const THREAD_IDLE: Duration = Duration::from_secs(5);
/// How long asynchronous work may wait for a thread before the pool grows, in ns.
const STALL: u64 = 5_000_000;

const BUSY: u8 = 0;
const IDLE: u8 = 1;
const CLAIMED_AGAIN: u8 = 2;
const CLAIMED_AWAY: u8 = 3;

/// One guest thread.
#[derive(Default)]
pub struct Worker {
    /// Its doorbell.
    pub signal: Arc<Signal>,
    /// The time limit of what it runs.
    pub deadline: Deadline,
    listed: AtomicBool,
    next: Mutex<Option<Arc<Isolate>>>,
}

/// What became of a lingering thread.
pub enum Claim {
    /// Its isolate has work again.
    Again,
    /// Another isolate needs it, or its time is over.
    Leave,
}

impl Worker {
    /// Declares itself idle. The caller holds the queue lock of the isolate it lingers in, if any.
    pub fn set_idle(&self) {
        self.signal.mark.store(IDLE, Ordering::SeqCst);
    }

    /// Claims the thread for the isolate it lingers in. The caller holds that isolate's queue lock.
    pub fn claim_again(&self) -> bool {
        self.signal.mark.compare_exchange(IDLE, CLAIMED_AGAIN, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn claim_away(&self, isolate: &Arc<Isolate>) -> bool {
        let mut next = lock(&self.next);
        if self.signal.mark.compare_exchange(IDLE, CLAIMED_AWAY, Ordering::SeqCst, Ordering::SeqCst).is_err()
        {
            return false;
        }
        *next = Some(Arc::clone(isolate));
        true
    }

    /// Waits to be claimed, after [`Worker::set_idle`]. Adds to `spun` the CPU time that waiting took.
    pub fn linger(self: &Arc<Self>, waiter: &mut Waiter, time: Duration, spun: &mut Duration) -> Claim {
        executor().list_idle(self);
        loop {
            let seen = self.signal.seen();
            match self.signal.mark.load(Ordering::Acquire) {
                CLAIMED_AGAIN => {
                    self.signal.mark.store(BUSY, Ordering::Release);
                    return Claim::Again;
                }
                CLAIMED_AWAY => return Claim::Leave,
                _ => {}
            }
            if !waiter.wait(&self.signal, seen, Some(time), spun)
                && self.signal.mark.compare_exchange(IDLE, BUSY, Ordering::SeqCst, Ordering::SeqCst).is_ok()
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
    idle: Vec<Arc<Worker>>,
    all: Vec<Arc<Worker>>,
    /// Isolates whose asynchronous work waits for a thread, and since when.
    waiting: VecDeque<(Arc<Isolate>, u64)>,
}

struct Executor {
    pool: Mutex<Pool>,
    waiting: AtomicUsize,
    /// Threads that asynchronous work may start at once.
    size: usize,
}

fn executor() -> &'static Executor {
    static EXECUTOR: OnceLock<Executor> = OnceLock::new();
    EXECUTOR.get_or_init(|| Executor {
        pool: Mutex::default(),
        waiting: AtomicUsize::new(0),
        size: std::thread::available_parallelism().map_or(1, usize::from) + 1,
    })
}

impl Executor {
    fn list_idle(&self, worker: &Arc<Worker>) {
        if !worker.listed.load(Ordering::Relaxed) && !worker.listed.swap(true, Ordering::SeqCst) {
            lock(&self.pool).idle.push(Arc::clone(worker));
        }
    }

    fn start_thread(&'static self, isolate: &Arc<Isolate>) -> Result<(), Failure> {
        let worker = Arc::new(Worker::default());
        lock(&self.pool).all.push(Arc::clone(&worker));
        let first = Arc::clone(isolate);
        let body = {
            let worker = Arc::clone(&worker);
            move || work(&worker, first)
        };
        platform::spawn_guest(body).map_err(|reason| {
            lock(&self.pool).all.retain(|w| !Arc::ptr_eq(w, &worker));
            Failure::NoThread(reason)
        })
    }
}

/// Finds a thread for an isolate that has work and none. With `urgent` somebody waits for it.
pub fn assign(isolate: &Arc<Isolate>, urgent: bool) {
    let executor = executor();
    let started = {
        let mut pool = lock(&executor.pool);
        while let Some(worker) = pool.idle.pop() {
            worker.listed.store(false, Ordering::SeqCst);
            if worker.claim_away(isolate) {
                drop(pool);
                worker.signal.notify();
                return;
            }
        }
        if !urgent && pool.all.len() >= executor.size {
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
    workers.iter().filter_map(|worker| worker.deadline.check(now)).min()
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
        let worker = Arc::new(Worker::default());
        lock(&executor.pool).all.push(Arc::clone(&worker));
        let body = {
            let (worker, isolate) = (Arc::clone(&worker), Arc::clone(&isolate));
            move || work(&worker, isolate)
        };
        if platform::spawn_from_keeper(body).is_err() {
            let mut pool = lock(&executor.pool);
            pool.all.retain(|w| !Arc::ptr_eq(w, &worker));
            pool.waiting.push_back((isolate, now));
            executor.waiting.store(pool.waiting.len(), Ordering::SeqCst);
        }
    }
    Some(now + STALL)
}

/// A guest thread was given up for good (`limits::fatal`).
pub fn thread_lost() {
    let executor = executor();
    THREAD.with(|thread| {
        if let Some(worker) = thread.borrow().as_ref() {
            lock(&executor.pool).all.retain(|w| !Arc::ptr_eq(w, worker));
        }
    });
}

thread_local! {
    static THREAD: std::cell::RefCell<Option<Arc<Worker>>> = const { std::cell::RefCell::new(None) };
}

/// The body of a guest thread.
fn work(worker: &Arc<Worker>, first: Arc<Isolate>) {
    worker.signal.adopt();
    THREAD.with(|thread| *thread.borrow_mut() = Some(Arc::clone(worker)));
    let mut waiter = Waiter::default();
    let mut next = Some(first);
    loop {
        while let Some(isolate) = next.take() {
            isolate.serve(worker, &mut waiter);
            drop(isolate);
            next = worker.take_next().or_else(take_waiting);
        }
        worker.set_idle();
        match worker.linger(&mut waiter, THREAD_IDLE, &mut Duration::default()) {
            Claim::Again => {}
            Claim::Leave => next = worker.take_next().or_else(take_waiting),
        }
        if next.is_none() {
            break;
        }
    }
    let mut pool = lock(&executor().pool);
    pool.all.retain(|w| !Arc::ptr_eq(w, worker));
    pool.idle.retain(|w| !Arc::ptr_eq(w, worker));
}
