//! Isolates that have nothing to do give back what they don't use: garbage, and room for more of it.
//!
//! V8 collects when it needs room, so that an isolate that worked and then waits keeps its garbage, mostly some megabytes. After a while
//! without a call it collects once (`configure({ trimAfter })`), if V8 has collected since it did so last: one that did next to nothing has
//! nothing to give.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::engine::isolate::Isolate;
use crate::engine::isolate::task::{Reply, Request, Task};
use crate::engine::limits::watchdog;
use crate::engine::{lock, platform};

/// How long an isolate has nothing to do before, in ns; 0 for never.
static AFTER: AtomicU64 = AtomicU64::new(10_000_000_000);
/// Isolates that may have something to give, and when to look; in about that order.
static LIST: Mutex<VecDeque<(u64, Weak<Isolate>)>> = Mutex::new(VecDeque::new());

/// So many at a time, and the time between, in ns: who works meanwhile is not to notice.
const BATCH: usize = 4;
const PAUSE: u64 = 50_000_000;

/// What is known of one isolate.
#[derive(Default)]
pub struct Idle {
    /// When a thread left it last, as [`watchdog::now`].
    left: AtomicU64,
    listed: AtomicBool,
}

/// Sets how long an isolate has nothing to do before it is trimmed, in ms; 0 for never.
pub fn set_after(ms: u32) {
    AFTER.store(u64::from(ms) * 1_000_000, Ordering::SeqCst);
}

/// A thread has left the isolate, which has nothing to do.
pub fn left(isolate: &Arc<Isolate>) {
    let after = AFTER.load(Ordering::Relaxed);
    if after == 0 || !isolate.memory.is_untidy() {
        return;
    }
    let now = watchdog::now();
    isolate.idle.left.store(now, Ordering::Relaxed);
    if !isolate.idle.listed.swap(true, Ordering::SeqCst) {
        lock(&LIST).push_back((now + after, Arc::downgrade(isolate)));
        platform::keeper_wake_before(now + after);
    }
}

/// The keeper's look; when to look again.
pub fn check(now: u64) -> Option<u64> {
    let mut trimmed = 0;
    loop {
        let isolate = {
            let mut list = lock(&LIST);
            let due = list.front()?.0;
            if due > now {
                return Some(due);
            }
            list.pop_front()?.1.upgrade()
        };
        let Some(isolate) = isolate else { continue };
        isolate.idle.listed.store(false, Ordering::SeqCst);
        let after = AFTER.load(Ordering::Relaxed);
        if after == 0 || !isolate.is_live() || !isolate.memory.is_untidy() || isolate.is_entered() {
            // Who is inside lists it again.
            continue;
        }
        let due = isolate.idle.left.load(Ordering::Relaxed) + after;
        if due > now {
            if !isolate.idle.listed.swap(true, Ordering::SeqCst) {
                lock(&LIST).push_back((due, Arc::downgrade(&isolate)));
            }
            continue;
        }
        isolate.submit(Task::new(Request::CollectGarbage, Reply::Ignored, 0, 0));
        trimmed += 1;
        if trimmed == BATCH {
            return Some(now + PAUSE);
        }
    }
}
