//! Wall-clock limits: one thread for all isolates.
//!
//! A guest thread publishes the deadline of what it runs; the keeper thread (see `platform`) looks at all of
//! them when the earliest one it knew has come. Publishing costs two stores, and a wake-up only when
//! the new deadline is earlier than every known one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::engine::executor::Worker;
use crate::engine::isolate::{Isolate, Status};
use crate::engine::{lock, platform};

/// How long a guest may take to stop after it was told to, in ns. Some of V8's builtins never look.
pub const GRACE: u64 = 250_000_000;

/// Nanoseconds since the first question: never 0.
pub fn now() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

#[derive(Default)]
struct State {
    /// Who to terminate.
    target: Option<v8::IsolateHandle>,
    /// When the deadline passed and the target was terminated, as [`now`]; 0 for not.
    fired: u64,
}

/// What the keeper's look at a deadline found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nothing to wait for.
    Never,
    /// The next look is due then.
    At(u64),
    /// The guest was told to stop and didn't within [`GRACE`].
    Stuck,
}

/// Isolates whose end was asked for while a thread was inside, and when that thread has to be out.
static ENDING: Mutex<Vec<(u64, &'static Worker, Weak<Isolate>)>> = Mutex::new(Vec::new());

/// Watches that `worker` leaves the isolate, whose end was asked for.
pub fn expect_end(worker: &'static Worker, isolate: Weak<Isolate>) {
    let at = now() + GRACE;
    lock(&ENDING).push((at, worker, isolate));
    platform::keeper_wake_before(at);
}

/// The keeper's look at ends; when to look again.
pub fn check_ends(now: u64) -> Option<u64> {
    let mut due = Vec::new();
    let next = {
        let mut ending = lock(&ENDING);
        ending.retain(|(at, worker, isolate)| {
            if *at <= now {
                due.push((*worker, Weak::clone(isolate)));
            }
            *at > now
        });
        ending.iter().map(|(at, ..)| *at).min()
    };
    for (worker, isolate) in due {
        let stuck = isolate.upgrade().filter(|isolate| isolate.status() == Status::Ending);
        if let Some(isolate) = stuck
            && worker.lose().is_some_and(|inside| Arc::ptr_eq(&inside, &isolate))
        {
            isolate.condemn(isolate.end_failure());
        }
    }
    next
}

/// How a limited stretch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// There was no limit.
    Unlimited,
    /// In time, with this much left.
    Left(Duration),
    /// The limit had passed and V8 was told to stop.
    Fired,
}

/// The time limit of what one guest thread runs at the moment.
#[derive(Default)]
pub struct Deadline {
    /// When it ends, as [`now`]; 0 for none.
    at: AtomicU64,
    state: Mutex<State>,
}

impl Deadline {
    /// Begins a limited stretch.
    pub fn begin(&self, limit: Duration, target: v8::IsolateHandle) {
        let at = now().saturating_add(limit.as_nanos() as u64);
        *lock(&self.state) = State { target: Some(target), fired: 0 };
        self.at.store(at, Ordering::SeqCst);
        platform::keeper_wake_before(at);
    }

    /// Whether the limit has passed and V8 was told to stop: nothing more of the guest is to run then.
    pub fn has_fired(&self) -> bool {
        self.at.load(Ordering::Relaxed) != 0 && lock(&self.state).fired != 0
    }

    /// How much time is left; `None` without a limit.
    pub fn left(&self) -> Option<Duration> {
        let at = self.at.load(Ordering::Relaxed);
        (at != 0).then(|| Duration::from_nanos(at.saturating_sub(now())))
    }

    /// Ends the stretch.
    pub fn end(&self) -> Ended {
        if self.at.load(Ordering::Relaxed) == 0 {
            return Ended::Unlimited;
        }
        let at = self.at.swap(0, Ordering::SeqCst);
        let state = std::mem::take(&mut *lock(&self.state));
        if state.fired != 0 {
            return Ended::Fired;
        }
        Ended::Left(Duration::from_nanos(at.saturating_sub(now())))
    }

    /// The keeper's look: stops the guest when its time is over. Returns when to look again, or that the guest
    /// doesn't stop.
    pub fn check(&self, now: u64) -> Look {
        let at = self.at.load(Ordering::SeqCst);
        if at == 0 {
            return Look::Never;
        }
        if at > now {
            return Look::At(at);
        }
        let mut state = lock(&self.state);
        // The stretch may have ended, and another begun, since the first look.
        if self.at.load(Ordering::SeqCst) != at {
            return Look::At(now + 1);
        }
        if let Some(target) = state.target.take() {
            state.fired = now;
            target.terminate_execution();
        }
        if now < state.fired + GRACE {
            return Look::At(state.fired + GRACE);
        }
        Look::Stuck
    }
}
