//! Waking one thread: spin for a while, then sleep.
//!
//! Every thread that takes part (a guest thread, a Node thread) owns one [`Signal`]. Others change shared
//! state first and call [`Signal::notify`] after; the owner reads [`Signal::seen`] first, looks at the state
//! after, and waits only while the counter still is what it read. No wake-up can be lost that way.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::engine::error::Outcome;

/// Longest time a waiter spins before it sleeps. A call into a running isolate takes about a microsecond,
/// a futex wake-up 20 to 40: spinning about that long costs at most twice the best choice.
const SPIN_MAX: Duration = Duration::from_micros(50);
/// Spinning that failed again and again shrinks to this.
const SPIN_MIN: Duration = Duration::from_micros(2);

/// Whether spinning can ever pay: not with a single CPU, where the other side needs ours.
pub fn may_spin() -> bool {
    static SPIN: OnceLock<bool> = OnceLock::new();
    *SPIN.get_or_init(|| std::thread::available_parallelism().is_ok_and(|n| n.get() > 1))
}

/// One thread's doorbell. A cache line of its own: the owner spins on it.
#[derive(Default)]
#[repr(align(128))]
pub struct Signal {
    count: AtomicU32,
    asleep: AtomicBool,
    /// A word of the owner's state that those who ring change too (`executor::Worker`): on this very line, so that
    /// ringing costs one transfer between CPUs.
    pub mark: AtomicU8,
    owner: OnceLock<Thread>,
}

impl Signal {
    /// Makes the calling thread the owner: the only one that may wait.
    pub fn adopt(&self) {
        let _ = self.owner.set(std::thread::current());
    }

    /// The counter to hand to [`Waiter::wait`] after a look at the shared state.
    pub fn seen(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Rings. The state that the owner waits for must have been changed before.
    pub fn notify(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(owner) = self.owner.get()
        {
            owner.unpark();
        }
    }
}

/// How long the owner of a signal spins: adapted to whether spinning paid lately.
pub struct Waiter {
    spin: Duration,
}

impl Default for Waiter {
    fn default() -> Self {
        Self { spin: SPIN_MAX }
    }
}

impl Waiter {
    /// Waits until `signal` rang after `seen` was read, at most about `limit`. Returns whether it rang; adds to `spun`
    /// the time spent spinning: CPU time that did no work.
    pub fn wait(&mut self, signal: &Signal, seen: u32, limit: Option<Duration>, spun: &mut Duration) -> bool {
        if signal.seen() != seen {
            return true;
        }
        if may_spin() {
            let start = Instant::now();
            let mut took = Duration::ZERO;
            while took < self.spin {
                for _ in 0..64 {
                    if signal.seen() != seen {
                        self.spin = SPIN_MAX;
                        *spun += took;
                        return true;
                    }
                    std::hint::spin_loop();
                }
                took = start.elapsed();
            }
            *spun += took;
            self.spin = (self.spin / 2).max(SPIN_MIN);
        }
        signal.asleep.store(true, Ordering::SeqCst);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let rang = loop {
            if signal.count.load(Ordering::SeqCst) != seen {
                break true;
            }
            match deadline {
                None => std::thread::park(),
                Some(deadline) => {
                    let now = Instant::now();
                    if now >= deadline {
                        break false;
                    }
                    std::thread::park_timeout(deadline - now);
                }
            }
        };
        signal.asleep.store(false, Ordering::SeqCst);
        rang
    }
}

/// One thread's wait for one outcome, whichever side of the line it is on.
#[repr(align(128))]
pub struct Wait {
    signal: Arc<Signal>,
    done: AtomicBool,
    outcome: Mutex<Option<Outcome>>,
}

impl Wait {
    /// A wait of the thread that owns `signal`.
    pub fn new(signal: Arc<Signal>) -> Arc<Self> {
        Arc::new(Self { signal, done: AtomicBool::new(false), outcome: Mutex::new(None) })
    }

    /// Makes a wait that is over ready for another, if nobody else holds it any more.
    pub fn reuse(mut self: Arc<Self>) -> Option<Arc<Self>> {
        let wait = Arc::get_mut(&mut self)?;
        *wait.done.get_mut() = false;
        *wait.outcome.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        Some(self)
    }

    /// Hands over the outcome. Called once.
    pub fn complete(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.done.store(true, Ordering::Release);
        self.signal.notify();
    }

    /// Takes the outcome, once it is there.
    pub fn poll(&self) -> Option<Outcome> {
        if !self.done.load(Ordering::Acquire) {
            return None;
        }
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
