//! V8's heap at its limit, and what its full collections tell.
//!
//! V8 calls these on the guest's thread, inside of it. They look and tell the guest to stop; the task that runs reports it.

use std::cell::Cell;
use std::ffi::c_void;

use crate::engine::isolate::guest::Guest;
use crate::engine::transfer::foreign::FOREIGN;

/// What V8's callbacks get.
pub struct Watch {
    guest: *const Guest,
    /// V8 got room to unwind.
    extended: Cell<bool>,
    collecting: Cell<Collecting>,
}

impl Watch {
    /// Of this guest, which keeps it as long as V8's isolate lives, and stays where it is while a thread is inside.
    pub fn new(guest: *const Guest) -> Self {
        Self { guest, extended: Cell::new(false), collecting: Cell::default() }
    }

    /// Has V8 call us.
    pub fn install(&self, v8: &mut v8::Isolate) {
        let data: *const Self = self;
        let data = data.cast_mut().cast();
        v8.add_near_heap_limit_callback(near_heap_limit, data);
        v8.add_gc_prologue_callback(before_collection, data, v8::GCType::kGCTypeMarkSweepCompact);
        v8.add_gc_epilogue_callback(after_collection, data, v8::GCType::kGCTypeMarkSweepCompact);
        v8.add_gc_epilogue_callback(after_any, data, v8::GCType::kGCTypeAll);
    }

    /// Makes our callback the one that V8 asks when its heap is at the limit: the last one added.
    pub fn come_first(&self, v8: &mut v8::Isolate) {
        let data: *const Self = self;
        v8.remove_near_heap_limit_callback(near_heap_limit, 0);
        v8.add_near_heap_limit_callback(near_heap_limit, data.cast_mut().cast());
    }

    fn guest(&self) -> &Guest {
        // SAFETY: the guest that owns this watch; a thread is inside, so that it stays where it is.
        unsafe { &*self.guest }
    }

    fn stop(&self) {
        self.guest().memory().set_exceeded();
        self.guest().terminator().terminate_execution();
    }
}

/// V8's heap is at the limit (v8-isolate.h, `AddNearHeapLimitCallback`): the guest is stopped, and V8 gets
/// room to unwind once. If that isn't enough, the out-of-memory handler ends the thread's work.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: `data` is the Watch that the guest owns as long as V8's isolate lives.
    let watch = unsafe { &*data.cast::<Watch>() };
    let memory = watch.guest().memory();
    // V8 asks here too when an array buffer was refused, however small its heap is: the guest gets a RangeError then. Between that
    // and the question it doesn't collect; where its heap is full it does, in vain.
    let used = watch.guest().raw_isolate().get_heap_statistics().used_heap_size();
    if used < memory.limit / 10 * 9 && memory.was_refused_lately() {
        return current;
    }
    watch.stop();
    if watch.extended.replace(true) { current } else { current + memory.headroom() }
}

/// Whether full collections get anywhere.
///
/// A heap that V8 doesn't let grow, below its limit, has one for every few objects, for ever (heap-controller.cc), and V8's own look
/// for that (`CheckIneffectiveMarkCompact`) wants it fuller. What is looked at is bytes, not time: however busy the machine is, a guest
/// that makes garbage asks for much between two collections.
#[derive(Clone, Copy, Default)]
struct Collecting {
    /// V8's heap when the one under way began, in bytes.
    used: usize,
    /// What the guest had asked for in all its life when it began, in bytes.
    asked: u64,
    /// The same when the last one ended.
    asked_before: u64,
    /// How many in a row were futile.
    futile: u32,
}

/// Futile collections in a row before the heap counts as full.
const FUTILE: u32 = 40;
/// V8 hands its heap out to the guest by pages at the most: what was asked for is known no better, in bytes.
const PAGES: usize = 512 << 10;

impl Collecting {
    /// A collection begins.
    fn begin(self, used: usize, asked: u64) -> Self {
        Self { used, asked, ..self }
    }

    /// It ends. Futile is one that frees next to nothing of a heap that isn't small, and came after next to nothing was asked for.
    fn end(self, used: usize, asked: u64, limit: usize) -> Self {
        let little = limit / 64;
        let before = self.asked.saturating_sub(self.asked_before);
        let is_futile =
            used > limit / 4 && self.used.saturating_sub(used) < little && before < little.max(PAGES) as u64;
        Self { asked_before: asked, futile: if is_futile { self.futile + 1 } else { 0 }, ..self }
    }
}

/// What the guest has asked for in all its life, on V8's heap and in buffers, given or not; in bytes.
fn asked(guest: &Guest, statistics: &v8::HeapStatistics) -> u64 {
    statistics.total_allocated_bytes().saturating_add(guest.memory().asked())
}

/// Before a full collection.
unsafe extern "C" fn before_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that the calling thread is inside of.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    // SAFETY: as in `near_heap_limit`.
    let watch = unsafe { &*data.cast::<Watch>() };
    let statistics = isolate.get_heap_statistics();
    let asked = asked(watch.guest(), &statistics);
    watch.collecting.set(watch.collecting.get().begin(statistics.used_heap_size(), asked));
}

/// After any collection.
unsafe extern "C" fn after_any(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that the calling thread is inside of.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    // SAFETY: as in `near_heap_limit`.
    let memory = unsafe { &*data.cast::<Watch>() }.guest().memory();
    memory.set_untidy(true);
    memory.note_pages(isolate.get_heap_statistics().total_heap_size());
}

/// After a full collection: heap and array buffers together may have passed the limit.
unsafe extern "C" fn after_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that the calling thread is inside of.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    // SAFETY: as in `near_heap_limit`.
    let watch = unsafe { &*data.cast::<Watch>() };
    let guest = watch.guest();
    let memory = guest.memory();
    memory.note_collection();
    let statistics = isolate.get_heap_statistics();
    // What V8 knows of memory outside its heap: array buffers again, but also those that grew and external strings.
    let beside = statistics.external_memory().saturating_sub(memory.buffers());
    // Things whose objects were collected just now, and which are forgotten next.
    let gone = guest.collected.try_borrow().map_or(0, |slots| slots.len()) * FOREIGN;
    let used = statistics.used_heap_size();
    // Those that somebody asked for (`collectGarbage`) may come in a row, and say nothing.
    if flags == v8::GCCallbackFlags::kNoGCCallbackFlags {
        let last = watch.collecting.get();
        watch.collecting.set(last.end(used, asked(guest, &statistics), memory.limit));
    }
    let full = watch.collecting.get().futile >= FUTILE;
    if memory.note_heap((used + beside).saturating_sub(gone)) || full {
        watch.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::limits::memory::MB;

    const LIMIT: usize = 64 * MB;

    /// How many collections are futile at the end, when each comes after `asked` bytes and frees `freed`.
    fn futile(collections: u32, live: usize, asked: u64, freed: usize) -> u32 {
        let mut collecting = Collecting::default();
        let mut total = 0;
        for _ in 0..collections {
            total += asked;
            collecting = collecting.begin(live + freed, total).end(live, total, LIMIT);
        }
        collecting.futile
    }

    #[test]
    fn collections_that_follow_each_other_and_free_nothing_are_futile() {
        assert_eq!(futile(50, 20 * MB, 1000, 500), 50);
    }

    #[test]
    fn collections_are_not_futile_when_they_free_something_or_much_was_asked_for_or_the_heap_is_small() {
        assert_eq!(futile(50, 20 * MB, 1000, 2 * MB), 0);
        assert_eq!(futile(50, 20 * MB, 2 << 20, 0), 0);
        assert_eq!(futile(50, 10 * MB, 1000, 500), 0);
    }

    #[test]
    fn one_that_gets_somewhere_ends_a_row_of_futile_ones() {
        let mut collecting = Collecting::default();
        for _ in 0..30 {
            collecting = collecting.begin(20 * MB, 0).end(20 * MB, 0, LIMIT);
        }
        assert_eq!(collecting.futile, 30);
        assert_eq!(collecting.begin(20 * MB, 0).end(15 * MB, 0, LIMIT).futile, 0);
    }
}
