//! Waking one thread: spin for a while, then sleep.
//!
//! Every thread that takes part (a guest thread, a Node thread) owns one [`Signal`]. Others change shared
//! state first and call [`Signal::notify`] after; the owner reads [`Signal::seen`] first, looks at the state
//! after, and waits only while the counter still is what it read. No wake-up can be lost that way.
//!
//! What the owner itself looks at while it waits (`ready` of [`Waiter::wait`]) needs no ring: who changed it calls
//! [`Signal::wake`], which writes nothing while the owner spins. A ring writes the line that the owner spins on, and costs both
//! sides a transfer between CPUs.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::engine::error::Outcome;
use crate::engine::lock;

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

/// One thread's doorbell, on a cache line of its own: the owner spins on it.
///
/// Signals are never freed but used again, so that whoever rings needs no share in one. A late ring reaches
/// the next owner, who looks, finds nothing, and waits on.
#[derive(Default)]
#[repr(align(128))]
pub struct Signal {
    count: AtomicU32,
    asleep: AtomicBool,
    /// A word of the owner's state that others change (`executor::Worker`): on this very line, so that it costs one transfer
    /// between CPUs.
    pub mark: AtomicU64,
    owner: Mutex<Option<Thread>>,
}

static FREE: Mutex<Vec<&'static Signal>> = Mutex::new(Vec::new());

impl Signal {
    /// A signal that nobody owns; [`Signal::adopt`] makes it the calling thread's.
    pub fn take() -> &'static Self {
        lock(&FREE).pop().unwrap_or_else(|| Box::leak(Box::default()))
    }

    /// Lets another thread own it.
    pub fn give_back(&'static self) {
        *lock(&self.owner) = None;
        lock(&FREE).push(self);
    }

    /// Makes the calling thread the owner: the only one that may wait.
    pub fn adopt(&self) {
        *lock(&self.owner) = Some(std::thread::current());
    }

    /// Whether the owner sleeps, or is about to.
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }

    /// The counter to hand to [`Waiter::wait`] after a look at the shared state.
    pub fn seen(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Rings. The state that the owner waits for must have been changed before.
    pub fn notify(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }

    /// Wakes the owner if it sleeps. For changes of what its `ready` reads: `SeqCst`, made before.
    pub fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && let Some(owner) = &*lock(&self.owner)
        {
            owner.unpark();
        }
    }
}

/// How long the owner of a signal spins: adapted to whether spinning paid lately.
#[derive(Default)]
pub struct Waiter {
    /// Waits in a row that didn't end while spinning.
    failed: u32,
    /// The next wait is one without spinning.
    sleeps: bool,
}

/// Waits in a row that failed, after which spinning is tried at full length again as often as once in half as many.
const FAILED_MAX: u32 = 512;

impl Waiter {
    /// How long to spin. Less after each failure; but once in a while as long as ever: two who both sleep take longer to
    /// answer each other than short spinning lasts, and would never find out that long spinning pays.
    fn spin(&self) -> Duration {
        if self.failed >= 8 && self.failed.is_power_of_two() {
            return SPIN_MAX;
        }
        (SPIN_MAX / (1 << self.failed.min(8))).max(SPIN_MIN)
    }

    /// The next wait is one without spinning: there was enough of it.
    pub fn sleeps_next(&mut self) {
        self.sleeps = true;
    }

    fn note_failure(&mut self) {
        self.failed = if self.failed == FAILED_MAX { FAILED_MAX / 2 + 1 } else { self.failed + 1 };
    }

    /// Waits until `signal` rang after `seen` was read, or `ready` holds, which reads with `SeqCst`; at most about `limit`.
    /// Returns whether there is reason to look. Adds to `spun` the time spent spinning: CPU time that did no work.
    pub fn wait(
        &mut self,
        signal: &Signal,
        seen: u32,
        limit: Option<Duration>,
        spun: &mut Duration,
        ready: impl Fn() -> bool,
    ) -> bool {
        if signal.seen() != seen || ready() {
            return true;
        }
        if !std::mem::take(&mut self.sleeps) && may_spin() {
            // Not read before the first look at the clock is due: most answers come before that.
            let mut start = None;
            let mut took = Duration::ZERO;
            let spin = self.spin();
            while took < spin {
                for _ in 0..64 {
                    if signal.seen() != seen || ready() {
                        self.failed = 0;
                        *spun += took.min(SPIN_MAX);
                        return true;
                    }
                    std::hint::spin_loop();
                }
                took = start.get_or_insert_with(Instant::now).elapsed();
            }
            // On a busy machine more time goes by than the thread had of the CPU.
            *spun += took.min(SPIN_MAX);
            self.note_failure();
        }
        if limit == Some(Duration::ZERO) {
            return false;
        }
        signal.asleep.store(true, Ordering::SeqCst);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let rang = loop {
            if signal.count.load(Ordering::SeqCst) != seen || ready() {
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

// How far a wait is.
const PENDING: u8 = 0;
const DONE: u8 = 1;
const ABANDONED: u8 = 2;

/// One thread's wait for one outcome, whichever side of the line it is on: the share of the one who answers.
///
/// Two hold it. The one who answers hands its share over with the outcome, so that the one who waits, by
/// its [`Pending`], holds it alone and can use it for the next wait.
#[repr(align(128))]
pub struct Wait {
    state: AtomicU8,
    outcome: UnsafeCell<Option<Outcome>>,
    signal: &'static Signal,
}

// SAFETY: `outcome` is written by the one who answers before `state` says DONE, and touched by the one who waits only
// after it does.
unsafe impl Sync for Wait {}
// SAFETY: what it holds is Send.
unsafe impl Send for Wait {}

impl Wait {
    /// Hands over the outcome, and this share with it.
    pub fn complete(self: Arc<Self>, outcome: Outcome) {
        let signal = self.signal;
        // SAFETY: `complete` takes the one share of the side that answers, so nobody else writes, and the side that
        // waits doesn't look before DONE.
        unsafe { *self.outcome.get() = Some(outcome) };
        let this = Arc::into_raw(self);
        // SAFETY: the share lives until the one who waits takes it over, after it saw DONE.
        if unsafe { (*this).state.swap(DONE, Ordering::SeqCst) } == ABANDONED {
            // SAFETY: nobody waits any more and nobody else holds a share: it is ours again.
            drop(unsafe { Arc::from_raw(this) });
        } else {
            signal.wake();
        }
    }
}

/// The share of the one who waits.
pub struct Pending(Option<Arc<Wait>>);

impl Pending {
    /// A wait of the thread that owns `signal`, and the share of the one who is to answer. `spare` is the allocation of an
    /// earlier wait of this thread.
    pub fn new(signal: &'static Signal, spare: Option<Arc<Wait>>) -> (Self, Arc<Wait>) {
        let wait = spare.unwrap_or_else(|| {
            Arc::new(Wait { state: AtomicU8::new(PENDING), outcome: UnsafeCell::new(None), signal })
        });
        (Self(Some(Arc::clone(&wait))), wait)
    }

    /// Whether the outcome is there.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().is_some_and(|wait| wait.state.load(Ordering::SeqCst) == DONE)
    }

    /// The outcome, once it is there, and the allocation for another wait.
    pub fn poll(&mut self) -> Option<(Outcome, Arc<Wait>)> {
        if !self.is_done() {
            return None;
        }
        let wait = self.0.take()?;
        wait.state.store(PENDING, Ordering::Relaxed);
        // SAFETY: DONE was seen, so the other side has written and handed its share to us, once.
        let outcome = unsafe {
            Arc::decrement_strong_count(Arc::as_ptr(&wait));
            (*wait.outcome.get()).take()
        };
        outcome.map(|outcome| (outcome, wait))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(wait) = self.0.take()
            && wait.state.swap(ABANDONED, Ordering::AcqRel) == DONE
        {
            // SAFETY: the other side handed its share over with DONE.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&wait)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::transfer::Transfer;

    #[test]
    fn spinning_gets_shorter_with_every_failure_and_is_tried_again_for_ever() {
        let mut waiter = Waiter::default();
        let mut spins = Vec::new();
        for _ in 0..5000 {
            spins.push(waiter.spin());
            waiter.note_failure();
        }
        assert_eq!(spins[0], SPIN_MAX);
        assert!(spins[..5].is_sorted_by(|a, b| a > b));
        let tries = |spins: &[Duration]| spins.iter().filter(|spin| **spin == SPIN_MAX).count();
        assert!(spins[5..].iter().all(|spin| *spin == SPIN_MIN || *spin == SPIN_MAX));
        assert!(
            spins[1000..]
                .windows(600)
                .step_by(if cfg!(miri) { 60 } else { 1 })
                .all(|spins| (1..=3).contains(&tries(spins)))
        );
    }

    #[test]
    fn an_answer_is_seen_by_who_spins_and_wakes_who_sleeps() {
        let (ask, asked) = std::sync::mpsc::channel::<(Arc<Wait>, Duration)>();
        let answering = std::thread::spawn(move || {
            for (wait, delay) in asked {
                if delay > Duration::ZERO {
                    std::thread::sleep(delay);
                }
                wait.complete(Ok(Transfer::Undefined));
            }
        });
        let signal = Signal::take();
        signal.adopt();
        let mut waiter = Waiter::default();
        let mut spare = None;
        for i in 0..if cfg!(miri) { 30 } else { 3000 } {
            let (mut pending, wait) = Pending::new(signal, spare.take());
            // At once, about when spinning ends, and long after.
            let delay = Duration::from_micros([0, 0, 5, 50, 300][i % 5]);
            assert!(ask.send((wait, delay)).is_ok());
            let answer = loop {
                let seen = signal.seen();
                if let Some((answer, again)) = pending.poll() {
                    spare = Some(again);
                    break answer;
                }
                assert!(waiter.wait(signal, seen, None, &mut Duration::default(), || pending.is_done()));
            };
            assert!(matches!(answer, Ok(Transfer::Undefined)));
        }
        drop(ask);
        assert!(answering.join().is_ok());
        signal.give_back();
    }
}
