//! `cpuTime` and `wallTime` of an isolate.
//!
//! Reading a thread's CPU clock is a system call, and half of what it costs to go from one isolate to another. So it is read when a thread
//! leaves an isolate, not for each task, and from there on its time is that of the isolate that it enters next. The time that
//! it spends spinning for work is counted apart and taken off.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::limits::watchdog;
use crate::engine::lock;

#[derive(Default)]
struct Cpu {
    /// Of threads that left, in ns.
    total: u64,
    /// The clock of the thread inside and what it showed on entry.
    inside: Option<(libc::clockid_t, u64)>,
}

/// Time used by one isolate.
#[derive(Default)]
pub struct Clocks {
    cpu: Mutex<Cpu>,
    spun: AtomicU64,
    wall: AtomicU64,
    /// When the outermost task began, as [`watchdog::now`]; 0 outside tasks.
    since: AtomicU64,
}

/// What a CPU clock shows, in ns.
pub fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result; an invalid clock gives an error and leaves 0.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The CPU clock of the calling thread, for any thread to read.
pub fn own_clock() -> libc::clockid_t {
    let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: the calling thread exists; `clock` is a valid place. On failure the default stays.
    #[cfg(not(target_os = "macos"))]
    unsafe {
        libc::pthread_getcpuclockid(libc::pthread_self(), &mut clock);
    }
    clock
}

impl Clocks {
    /// The calling thread enters the isolate. Its clock showed `since` when it left another one.
    pub fn enter(&self, since: u64) {
        lock(&self.cpu).inside = Some((own_clock(), since));
    }

    /// The calling thread leaves it. Returns what its clock shows.
    pub fn leave(&self) -> u64 {
        let now = read(libc::CLOCK_THREAD_CPUTIME_ID);
        let mut cpu = lock(&self.cpu);
        if let Some((_, start)) = cpu.inside.take() {
            cpu.total += now.saturating_sub(start);
        }
        now
    }

    /// The thread inside never leaves it.
    pub fn stop(&self) {
        let mut cpu = lock(&self.cpu);
        if let Some((clock, start)) = cpu.inside.take() {
            cpu.total += read(clock).saturating_sub(start);
        }
    }

    /// The thread inside spun for this long.
    pub fn add_spun(&self, spun: Duration) {
        self.spun.fetch_add(spun.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The outermost task begins, or the making of the isolate.
    pub fn begin(&self) {
        self.since.store(watchdog::now(), Ordering::Relaxed);
    }

    /// The outermost task ends.
    pub fn end(&self) {
        let since = self.since.swap(0, Ordering::Relaxed);
        if since != 0 {
            self.wall.fetch_add(watchdog::now().saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// CPU time so far, in ns.
    pub fn cpu(&self) -> u64 {
        let cpu = lock(&self.cpu);
        // The thread inside can't leave while the lock is held, so its clock is valid.
        let inside = cpu.inside.map_or(0, |(clock, start)| read(clock).saturating_sub(start));
        (cpu.total + inside).saturating_sub(self.spun.load(Ordering::Relaxed))
    }

    /// Time in tasks so far, and of its making, in ns.
    pub fn wall(&self) -> u64 {
        let since = self.since.load(Ordering::Relaxed);
        let running = if since == 0 { 0 } else { watchdog::now().saturating_sub(since) };
        self.wall.load(Ordering::Relaxed) + running
    }
}
