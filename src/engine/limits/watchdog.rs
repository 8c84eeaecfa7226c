//! Wall-clock limits: one thread for all isolates.
//!
//! A guest thread publishes the deadline of what it runs; the keeper thread (see `platform`) looks at all of
//! them when the earliest one it knew has come. Publishing costs two stores, and a wake-up only when
//! the new deadline is earlier than every known one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::{lock, platform};

/// Nanoseconds since the first question: never 0.
pub fn now() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

#[derive(Default)]
struct State {
    /// Who to terminate.
    target: Option<v8::IsolateHandle>,
    /// The deadline passed and the target was terminated.
    fired: bool,
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
        *lock(&self.state) = State { target: Some(target), fired: false };
        self.at.store(at, Ordering::SeqCst);
        platform::keeper_wake_before(at);
    }

    /// Ends the stretch.
    pub fn end(&self) -> Ended {
        if self.at.load(Ordering::Relaxed) == 0 {
            return Ended::Unlimited;
        }
        let at = self.at.swap(0, Ordering::SeqCst);
        let state = std::mem::take(&mut *lock(&self.state));
        if state.fired {
            return Ended::Fired;
        }
        Ended::Left(Duration::from_nanos(at.saturating_sub(now())))
    }

    /// The keeper's look: stops the guest when its time is over. Returns when to look again.
    pub fn check(&self, now: u64) -> Option<u64> {
        let at = self.at.load(Ordering::SeqCst);
        if at == 0 {
            return None;
        }
        if at > now {
            return Some(at);
        }
        let mut state = lock(&self.state);
        // The stretch may have ended, and another begun, since the first look.
        if self.at.load(Ordering::SeqCst) == at
            && let Some(target) = state.target.take()
        {
            state.fired = true;
            target.terminate_execution();
        }
        None
    }
}
