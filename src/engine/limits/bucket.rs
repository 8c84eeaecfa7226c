//! `cpuLimit`: an isolate's share of CPU time over many calls, as a bucket that fills at a steady rate.

use std::sync::Mutex;
use std::time::Duration;

use super::watchdog::now;
use crate::engine::{Locked, lock};

struct Level {
    /// CPU time that may be used, in ns; less than nothing after a stretch that was stopped late.
    left: f64,
    /// When that was so, as [`now`].
    at: u64,
}

/// The bucket of one isolate.
pub struct Bucket {
    /// How fast it fills, in ns of CPU time for each ns.
    rate: f64,
    /// What it holds at most, in ns.
    burst: f64,
    level: Mutex<Level>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bucket")
    }
}

impl Bucket {
    /// A full bucket. Both in ms.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let burst = f64::from(burst) * 1e6;
        let level = Mutex::new(Level { left: burst, at: now() });
        Self { rate: f64::from(per_second) / 1000.0, burst, level }
    }

    fn level(&self) -> Locked<'_, Level> {
        let mut level = lock(&self.level);
        let now = now();
        level.left = (level.left + now.saturating_sub(level.at) as f64 * self.rate).min(self.burst);
        level.at = now;
        level
    }

    /// What may be used now; `None` when it is empty.
    pub fn left(&self) -> Option<Duration> {
        let left = self.level().left;
        (left >= 1.0).then(|| Duration::from_nanos(left as u64))
    }

    /// So much was used.
    pub fn charge(&self, used: u64) {
        self.level().left -= used as f64;
    }

    /// When it will hold a millisecond, or all that it can: worth waking the guest for. As [`now`].
    pub fn refilled_at(&self) -> u64 {
        let level = self.level();
        let missing = (self.burst.min(1e6) - level.left).max(0.0);
        level.at.saturating_add((missing / self.rate) as u64)
    }
}
