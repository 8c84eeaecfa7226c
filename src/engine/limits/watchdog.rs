//! Limits of wall-clock and CPU time: one thread for all isolates.
//!
//! A guest thread publishes the deadline of what it runs; the keeper thread (see `platform`) looks at all of
//! them when the earliest one it knew has come. Publishing costs two stores, and a wake-up only when
//! the new deadline is earlier than every known one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::bucket::Bucket;
use crate::engine::error::Failure;
use crate::engine::executor::Worker;
use crate::engine::isolate::{Isolate, Status, clocks};
use crate::engine::{lock, platform};

/// How long a guest may take to stop after it was told to, in ns. Some of V8's builtins never look.
const GRACE: u64 = 250_000_000;
/// How much of that its thread must have had of the CPU, in ns: on a busy machine it may not have had the chance to look.
const GRACE_CPU: u64 = 150_000_000;
/// How long it may take if it doesn't get as much, in ns.
const GRACE_MAX: u64 = 8 * GRACE;
/// Time between looks in that case, in ns.
const GRACE_LOOKS: u64 = 25_000_000;

/// Time between looks at a thread's CPU clock, at least, in ns.
const LOOKS: u64 = 200_000;

/// When a guest was told to stop.
#[derive(Clone, Copy, Default)]
pub struct Told {
    at: u64,
    cpu: u64,
}

impl Told {
    /// Now, when its CPU clock shows `cpu`.
    pub fn new(at: u64, cpu: u64) -> Self {
        Self { at, cpu }
    }

    /// When to look first.
    pub fn first_look(&self) -> u64 {
        self.at + GRACE
    }

    /// When to look again; `None` if it has had the time to stop. `cpu` reads its CPU clock.
    pub fn next_look(&self, now: u64, cpu: impl FnOnce() -> u64) -> Option<u64> {
        if now < self.first_look() {
            return Some(self.first_look());
        }
        let had_its_chance = now >= self.at + GRACE_MAX || cpu().saturating_sub(self.cpu) >= GRACE_CPU;
        (!had_its_chance).then_some(now + GRACE_LOOKS)
    }
}

/// Nanoseconds since some moment before the first question: never 0.
#[cfg(unix)]
pub fn now() -> u64 {
    clocks::read(libc::CLOCK_MONOTONIC) + 1
}

/// The same.
#[cfg(not(unix))]
pub fn now() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64 + 1
}

/// Isolates whose guest has something to do but no CPU time left, and when it will have.
static EXHAUSTED: Mutex<Vec<(u64, Weak<Isolate>)>> = Mutex::new(Vec::new());

/// Lets the guest go on when it may use CPU time again.
pub fn wake_at(at: u64, isolate: &Arc<Isolate>) {
    {
        let mut exhausted = lock(&EXHAUSTED);
        if exhausted.iter().any(|(_, other)| std::ptr::eq(other.as_ptr(), Arc::as_ptr(isolate))) {
            return;
        }
        exhausted.push((at, Arc::downgrade(isolate)));
    }
    platform::keeper_wake_before(at);
}

/// The keeper's look at them; when to look again.
pub fn check_exhausted(now: u64) -> Option<u64> {
    let mut due = Vec::new();
    let next = {
        let mut exhausted = lock(&EXHAUSTED);
        exhausted.retain(|(at, isolate)| {
            if *at <= now {
                due.push(Weak::clone(isolate));
            }
            *at > now
        });
        exhausted.iter().map(|(at, _)| *at).min()
    };
    for isolate in due {
        if let Some(isolate) = isolate.upgrade() {
            isolate.go_on();
        }
    }
    next
}

/// Which limit was passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// `timeout`.
    Time,
    /// `cpuTimeout`.
    Cpu,
    /// `cpuLimit`.
    Share,
}

impl Over {
    /// What the call fails with.
    pub fn failure(self) -> Failure {
        match self {
            Self::Time => Failure::Timeout,
            Self::Cpu => Failure::CpuTimeout,
            Self::Share => Failure::CpuLimit,
        }
    }
}

/// What a guest may still use.
#[derive(Clone, Default, Debug)]
pub struct Rest {
    /// Of `timeout`.
    pub wall: Option<Duration>,
    /// Of `cpuTimeout`.
    pub cpu: Option<Duration>,
    /// The isolate's `cpuLimit`.
    pub share: Option<Arc<Bucket>>,
}

impl Rest {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        self.wall.is_none() && self.cpu.is_none() && self.share.is_none()
    }
}

/// A limit of CPU time that is under way.
struct Cpu {
    /// The thread's clock, what it showed at the start, and what it may show.
    clock: libc::clockid_t,
    start: u64,
    until: u64,
    /// What is passed then.
    over: Over,
}

#[derive(Default)]
struct State {
    /// Who to terminate.
    target: Option<v8::IsolateHandle>,
    /// When `timeout` is over, as [`now`]; 0 for never.
    wall: u64,
    cpu: Option<Cpu>,
    /// What there was at the start.
    rest: Rest,
    /// When a limit had passed and the target was terminated.
    fired: Option<Told>,
    /// The thread's CPU clock.
    clock: libc::clockid_t,
    /// Which one.
    over: Option<Over>,
}

/// What the keeper's look at a deadline found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nothing to wait for.
    Never,
    /// The next look is due then.
    At(u64),
    /// The guest was told to stop and didn't in time.
    Stuck,
}

/// An isolate whose end was asked for while a thread was inside.
struct Ending {
    isolate: Weak<Isolate>,
    worker: &'static Worker,
    told: Told,
    /// When to look.
    at: u64,
}

static ENDING: Mutex<Vec<Ending>> = Mutex::new(Vec::new());

/// Watches that the guest which `worker` runs stops, as the end of the isolate was asked for.
pub fn expect_end(worker: &'static Worker, isolate: &Arc<Isolate>) {
    let told = Told::new(now(), isolate.clocks().cpu());
    let at = told.first_look();
    lock(&ENDING).push(Ending { isolate: Arc::downgrade(isolate), worker, told, at });
    platform::keeper_wake_before(at);
}

/// The guest has stopped: what is left to do takes as long as it takes.
pub fn has_stopped(isolate: &Arc<Isolate>) {
    lock(&ENDING).retain(|ending| !std::ptr::eq(ending.isolate.as_ptr(), Arc::as_ptr(isolate)));
}

/// The keeper's look at ends; when to look again.
pub fn check_ends(now: u64) -> Option<u64> {
    let mut stuck = Vec::new();
    let next = {
        let mut endings = lock(&ENDING);
        endings.retain_mut(|ending| {
            if ending.at > now {
                return true;
            }
            let isolate = ending.isolate.upgrade().filter(|isolate| isolate.status() == Status::Ending);
            let Some(isolate) = isolate else { return false };
            match ending.told.next_look(now, || isolate.clocks().cpu()) {
                Some(at) => {
                    ending.at = at;
                    true
                }
                None => {
                    stuck.push((ending.worker, isolate));
                    false
                }
            }
        });
        endings.iter().map(|ending| ending.at).min()
    };
    for (worker, isolate) in stuck {
        if worker.lose().is_some_and(|inside| Arc::ptr_eq(&inside, &isolate)) {
            isolate.condemn(isolate.end_failure());
        }
    }
    next
}

/// How a limited stretch ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// There was no limit.
    Unlimited,
    /// In time, with this much left.
    Left(Rest),
    /// The limit had passed and V8 was told to stop.
    Fired(Over),
}

/// The time limits of what one guest thread runs at the moment.
#[derive(Default)]
pub struct Deadline {
    /// When to look, as [`now`]; 0 for never.
    at: AtomicU64,
    state: Mutex<State>,
}

impl Deadline {
    /// Begins a limited stretch of the calling thread.
    pub fn begin(&self, rest: Rest, target: v8::IsolateHandle) {
        let now = now();
        let wall = rest.wall.map_or(0, |wall| now.saturating_add(wall.as_nanos() as u64));
        let share = rest.share.as_ref().map(|share| share.left().unwrap_or_default());
        let cpu = match (rest.cpu, share) {
            (None, None) => None,
            (Some(own), Some(share)) if own <= share => Some((own, Over::Cpu)),
            (Some(own), None) => Some((own, Over::Cpu)),
            (_, Some(share)) => Some((share, Over::Share)),
        };
        let mut at = if wall == 0 { u64::MAX } else { wall };
        let cpu = cpu.map(|(limit, over)| {
            let (clock, limit) = (clocks::own_clock(), limit.as_nanos() as u64);
            let start = clocks::read(clock);
            // No thread uses CPU time faster than time goes by.
            at = at.min(now.saturating_add(limit));
            Cpu { clock, start, until: start.saturating_add(limit), over }
        });
        let clock = clocks::own_clock();
        *lock(&self.state) = State { target: Some(target), wall, cpu, rest, clock, ..State::default() };
        self.at.store(at, Ordering::SeqCst);
        platform::keeper_wake_before(at);
    }

    /// Whether a limit has passed and V8 was told to stop: nothing more of the guest is to run then.
    pub fn has_fired(&self) -> bool {
        self.at.load(Ordering::Relaxed) != 0 && lock(&self.state).fired.is_some()
    }

    /// How much of `timeout` is left; `None` without one.
    pub fn left(&self) -> Option<Duration> {
        if self.at.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let wall = lock(&self.state).wall;
        (wall != 0).then(|| Duration::from_nanos(wall.saturating_sub(now())))
    }

    /// Ends the stretch.
    pub fn end(&self) -> Ended {
        if self.at.load(Ordering::Relaxed) == 0 {
            return Ended::Unlimited;
        }
        self.at.swap(0, Ordering::SeqCst);
        let state = std::mem::take(&mut *lock(&self.state));
        let mut rest = state.rest;
        if let Some(Cpu { clock, start, .. }) = state.cpu {
            let used = clocks::read(clock).saturating_sub(start);
            if let Some(share) = &rest.share {
                share.charge(used);
            }
            rest.cpu = rest.cpu.map(|own| own.saturating_sub(Duration::from_nanos(used)));
        }
        if let Some(over) = state.over {
            return Ended::Fired(over);
        }
        rest.wall = rest.wall.map(|_| Duration::from_nanos(state.wall.saturating_sub(now())));
        Ended::Left(rest)
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
        if state.fired.is_none() {
            let wall = state.wall != 0 && state.wall <= now;
            // The thread is inside until it has the lock, so its clock is valid.
            let cpu =
                state.cpu.as_ref().map(|cpu| (cpu.until.saturating_sub(clocks::read(cpu.clock)), cpu.over));
            let over = match cpu {
                _ if wall => Over::Time,
                Some((0, over)) => over,
                Some((left, _)) => {
                    let next = now.saturating_add(left.max(LOOKS));
                    let next = if state.wall == 0 { next } else { next.min(state.wall) };
                    self.at.store(next, Ordering::SeqCst);
                    return Look::At(next);
                }
                None => Over::Time,
            };
            state.fired = Some(Told::new(now, clocks::read(state.clock)));
            state.over = Some(over);
            if let Some(target) = state.target.take() {
                target.terminate_execution();
            }
        }
        match state.fired.and_then(|told| told.next_look(now, || clocks::read(state.clock))) {
            Some(at) => Look::At(at),
            None => Look::Stuck,
        }
    }

    /// Which limit was passed.
    pub fn over(&self) -> Option<Over> {
        lock(&self.state).over
    }
}
