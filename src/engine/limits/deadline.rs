//! `deadline`: a bound on a whole call, whatever it waits for.
//!
//! `timeout` bounds stretches in which the guest runs (`watchdog`). A deadline runs on while the call is queued, while the
//! guest waits for functions of others, and while the promise that it returned is pending. The keeper
//! thread looks at all of them when the earliest is due.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::watchdog::{Told, now};
use crate::engine::error::{Failure, Outcome};
use crate::engine::executor::Worker;
use crate::engine::host::Work;
use crate::engine::isolate::Isolate;
use crate::engine::transfer::{PromiseCell, Transfer};
use crate::engine::{lock, platform};

/// Where the call is.
enum State {
    /// In its isolate's queue.
    Queued(Weak<Isolate>),
    /// On this thread.
    Running(Arc<Isolate>, &'static Worker),
    /// It returned this promise, for which the environment stays alive.
    Promised(Weak<PromiseCell>, Option<Work>),
    /// It was over time and its guest told to stop.
    Fired(Arc<Isolate>, &'static Worker, Told),
    /// It was over time before it ran.
    Expired,
    /// It has ended.
    Done,
}

/// The deadline of one call.
pub struct Deadline {
    /// When it is, as [`now`].
    at: u64,
    /// As the user gave it, in ms.
    ms: u32,
    serial: u64,
    fired: AtomicBool,
    state: Mutex<State>,
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deadline({} ms)", self.ms)
    }
}

/// All that are pending, by when the keeper has to look.
static PENDING: Mutex<BTreeMap<(u64, u64), Arc<Deadline>>> = Mutex::new(BTreeMap::new());

fn add(at: u64, deadline: &Arc<Deadline>) {
    lock(&PENDING).insert((at, deadline.serial), Arc::clone(deadline));
    platform::keeper_wake_before(at);
}

impl Deadline {
    /// A call that begins now has this many ms. It ends no later than the call that caused it.
    pub fn new(ms: u32, outer: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let at = now().saturating_add(u64::from(ms) * 1_000_000);
        let (at, ms) = match outer {
            Some(outer) if ms == 0 || outer.at < at => (outer.at, outer.ms),
            _ if ms == 0 => return None,
            _ => (at, ms),
        };
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let state = Mutex::new(State::Done);
        Some(Arc::new(Self { at, ms, serial, fired: AtomicBool::new(false), state }))
    }

    /// What the call fails with.
    pub fn failure(&self) -> Failure {
        Failure::Deadline(self.ms)
    }

    /// Whether the guest was told to stop.
    pub fn has_fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }

    /// The call is about to be queued.
    pub fn queue(self: &Arc<Self>, isolate: &Arc<Isolate>) {
        *lock(&self.state) = State::Queued(Arc::downgrade(isolate));
        add(self.at, self);
    }

    /// The call begins to run. `false` when it is too late.
    pub fn begin(&self, isolate: &Arc<Isolate>, worker: &'static Worker) -> bool {
        let mut state = lock(&self.state);
        if matches!(*state, State::Expired) || self.at <= now() {
            *state = State::Done;
            return false;
        }
        *state = State::Running(Arc::clone(isolate), worker);
        true
    }

    /// The call has run. Returns whether its guest was told to stop.
    pub fn end(self: &Arc<Self>, outcome: &Outcome) -> bool {
        let before = {
            let mut state = lock(&self.state);
            let after = match (&*state, outcome) {
                (State::Running(isolate, _), Ok(Transfer::Promise(cell))) => {
                    let work = Some(Work::begin(&isolate.host));
                    State::Promised(Arc::downgrade(cell), work)
                }
                _ => State::Done,
            };
            std::mem::replace(&mut *state, after)
        };
        match outcome {
            Ok(Transfer::Promise(cell)) => cell.bound(Arc::clone(self)),
            _ => self.forget(),
        }
        matches!(before, State::Fired(..))
    }

    /// The promise that the call returned is settled, or nothing is left to bound.
    pub fn forget(&self) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Done);
        drop(before);
        lock(&PENDING).remove(&(self.at, self.serial));
    }

    /// The time is over.
    fn expire(self: &Arc<Self>, now: u64) {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut *state, State::Done) {
            State::Queued(isolate) => {
                *state = State::Expired;
                drop(state);
                if let Some(isolate) = isolate.upgrade() {
                    isolate.expire(self);
                }
            }
            State::Running(isolate, worker) => {
                self.fired.store(true, Ordering::SeqCst);
                if let Some(terminator) = isolate.terminator() {
                    terminator.terminate_execution();
                }
                // It may be waiting for somebody.
                worker.signal.notify();
                let told = Told::new(now, isolate.clocks().cpu());
                *state = State::Fired(isolate, worker, told);
                drop(state);
                add(told.first_look(), self);
            }
            State::Fired(isolate, worker, told) => {
                if let Some(at) = told.next_look(now, || isolate.clocks().cpu()) {
                    *state = State::Fired(isolate, worker, told);
                    drop(state);
                    return add(at, self);
                }
                drop(state);
                if worker.lose().is_some_and(|inside| Arc::ptr_eq(&inside, &isolate)) {
                    isolate.condemn(self.failure());
                }
            }
            State::Promised(cell, work) => {
                drop(state);
                if let Some(cell) = cell.upgrade() {
                    cell.break_off(Err(self.failure().into()));
                }
                drop(work);
            }
            State::Expired | State::Done => {}
        }
    }
}

/// The keeper's look; when to look again.
pub fn check(now: u64) -> Option<u64> {
    loop {
        let due = {
            let mut pending = lock(&PENDING);
            let first = pending.first_entry()?;
            if first.key().0 > now {
                return Some(first.key().0);
            }
            first.remove()
        };
        due.expire(now);
    }
}
