//! A promise that two heaps share: settled in one, observed in the other.

use std::sync::{Arc, Mutex, OnceLock};

use crate::engine::error::{Failure, Outcome};
use crate::engine::host::Host;
use crate::engine::isolate::Isolate;
use crate::engine::limits::deadline::Deadline;
use crate::engine::limits::memory::Charge;
use crate::engine::signal::Wait;
use crate::engine::{Locked, lock};

/// Who is told of the outcome.
pub enum Waker {
    /// A promise of a Node environment, by its number there.
    Host(Arc<dyn Host>, u32),
    /// A resolver in an isolate's handle table.
    Guest(std::sync::Weak<Isolate>, u32),
    /// Code of the library.
    Then(Box<dyn FnOnce(Outcome) + Send>),
    /// A thread that waits.
    Wait(Arc<Wait>),
}

impl Waker {
    fn wake(self, outcome: Outcome) {
        match self {
            Self::Host(host, id) => host.settled(id, outcome),
            Self::Wait(wait) => wait.complete(outcome),
            Self::Guest(isolate, resolver) => {
                if let Some(isolate) = isolate.upgrade() {
                    isolate.settle(resolver, outcome);
                }
            }
            Self::Then(body) => body(outcome),
        }
    }
}

enum State {
    Pending(Option<Waker>),
    Settled(Option<Outcome>),
}

/// The neutral half of a promise that crosses the line.
pub struct PromiseCell {
    state: Mutex<State>,
    /// Of the call that gave it.
    deadline: OnceLock<Arc<Deadline>>,
}

impl std::fmt::Debug for PromiseCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PromiseCell")
    }
}

impl PromiseCell {
    /// A pending promise and the right to settle it.
    pub fn new() -> (Arc<Self>, Settler) {
        let cell = Arc::new(Self { state: Mutex::new(State::Pending(None)), deadline: OnceLock::new() });
        (Arc::clone(&cell), Settler(Some(cell), None))
    }

    fn lock(&self) -> Locked<'_, State> {
        lock(&self.state)
    }

    /// Names who is told; at once when it is settled already. There is one observer per promise.
    pub fn observe(&self, waker: Waker) {
        let outcome = match &mut *self.lock() {
            State::Pending(slot) => {
                *slot = Some(waker);
                return;
            }
            State::Settled(outcome) => outcome.take(),
        };
        if let Some(outcome) = outcome {
            waker.wake(outcome);
        }
    }

    /// Bounds it: the deadline breaks it off unless it is settled before.
    pub fn bound(&self, deadline: Arc<Deadline>) {
        let state = self.lock();
        if matches!(*state, State::Pending(_)) {
            let _ = self.deadline.set(deadline);
        } else {
            drop(state);
            deadline.forget();
        }
    }

    /// Settles it instead of the one who has the right to.
    pub fn break_off(&self, outcome: Outcome) {
        self.settle(outcome);
    }

    /// The outcome, if it is there already.
    pub fn take_settled(&self) -> Option<Outcome> {
        match &mut *self.lock() {
            State::Pending(_) => None,
            State::Settled(outcome) => outcome.take(),
        }
    }

    fn settle(&self, outcome: Outcome) {
        let mut state = self.lock();
        let State::Pending(waker) = &mut *state else { return };
        let waker = waker.take();
        if let Some(deadline) = self.deadline.get() {
            deadline.forget();
        }
        match waker {
            None => *state = State::Settled(Some(outcome)),
            Some(waker) => {
                *state = State::Settled(None);
                drop(state);
                waker.wake(outcome);
            }
        }
    }
}

/// The right to settle a promise, once. Dropped unused (its isolate or environment ended) it rejects.
#[derive(Debug)]
pub struct Settler(Option<Arc<PromiseCell>>, Option<Charge>);

impl Settler {
    /// What has to be done for it counts as the memory of a guest until then.
    pub fn counted(mut self, charge: Charge) -> Self {
        self.1 = Some(charge);
        self
    }

    /// Settles the promise.
    pub fn settle(mut self, outcome: Outcome) {
        if let Some(cell) = self.0.take() {
            cell.settle(outcome);
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.settle(Err(Failure::Disposed.into()));
        }
    }
}
