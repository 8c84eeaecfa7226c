//! One limit for everything a guest holds: V8's heap, array buffers, WebAssembly memories, and what V8 takes from the
//! system for it.
//!
//! | what | counted | when it doesn't fit |
//! |---|---|---|
//! | V8's heap | after each full collection; V8 knows the limit | the guest is stopped, the isolate ends |
//! | array buffers | by V8's allocator of them, here | `RangeError` |
//! | buffers that grow, WebAssembly memories | as they are committed (`pages`) | `RangeError`, -1 |
//! | other native memory | in large blocks (`native`) | the guest is stopped; far above, the isolate is given up |

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(target_os = "linux")]
use crate::engine::limits::blocks::Blocks;
#[cfg(all(target_os = "linux", not(test)))]
use crate::engine::limits::pages;

/// Bytes in a megabyte, as `memoryLimit` counts them.
pub const MB: usize = 1 << 20;

/// What V8's heap is taken to use before its first collection, in bytes.
const YOUNG_HEAP: usize = 2 * MB;

/// Native memory that comes with any isolate, however small its limit.
const NATIVE: usize = 16 * MB;

/// Address space that the buffers and WebAssembly memories of one isolate may reserve. One of the latter takes 8 GB or more.
const SPACE: usize = 2 << 40;
/// The same for all isolates together: half of what there is.
const ALL_SPACE: usize = 64 << 40;
static ALL_SPACE_TAKEN: AtomicUsize = AtomicUsize::new(0);

/// What one isolate may use and does use.
pub struct Memory {
    /// The user's limit in bytes.
    pub limit: usize,
    /// Array buffers and WebAssembly memories of this isolate, in bytes.
    buffers: AtomicUsize,
    /// Large pages of V8's heap, in bytes.
    large: AtomicUsize,
    /// Of `heap`, what large pages held.
    heap_large: AtomicUsize,
    /// Native memory in large blocks, in bytes.
    native: AtomicUsize,
    /// Address space reserved, in bytes.
    space: AtomicUsize,
    /// How the guest is told to stop.
    stop: OnceLock<v8::IsolateHandle>,
    /// Where its array buffers are.
    #[cfg(target_os = "linux")]
    blocks: Blocks,
    /// Native memory was refused.
    native_refused: AtomicBool,
    /// V8's heap in use after its last collection, in bytes.
    heap: AtomicUsize,
    /// Ordinary pages of V8's heap after its last collection of any kind, garbage included, in bytes.
    small_pages: AtomicUsize,
    /// Bytes of buffers and address space that were asked for in all, given or not.
    asked: AtomicU64,
    /// An array buffer was refused since the flag was last taken.
    refused: AtomicBool,
    /// One was refused since V8 collected garbage last.
    refused_lately: AtomicBool,
    /// The limit was passed by the heap: the isolate ends.
    exceeded: AtomicBool,
    /// Heaps of isolates that this one made, and of theirs, in bytes.
    nested: AtomicUsize,
    /// What it holds outside V8's heap, of its own and by isolates that it made, in bytes: see [`Charge`].
    outside: AtomicUsize,
    /// Isolates that this one made, and of theirs, whose end is under way.
    ending: AtomicUsize,
    /// V8 has collected since everything was collected for an idle isolate.
    untidy: AtomicBool,
    /// The account of the isolate that made this one: all that is used here counts there too.
    parent: Option<Arc<Memory>>,
}

impl Memory {
    /// Accounts for an isolate with this limit in bytes, made by one with the account `parent`.
    pub fn new(limit: usize, parent: Option<Arc<Memory>>) -> Arc<Self> {
        if let Some(parent) = &parent {
            parent.change_nested(0, YOUNG_HEAP);
        }
        Arc::new(Self {
            limit,
            buffers: AtomicUsize::new(0),
            untidy: AtomicBool::new(false),
            large: AtomicUsize::new(0),
            heap_large: AtomicUsize::new(0),
            native: AtomicUsize::new(0),
            space: AtomicUsize::new(0),
            stop: OnceLock::new(),
            #[cfg(target_os = "linux")]
            blocks: Blocks::default(),
            native_refused: AtomicBool::new(false),
            heap: AtomicUsize::new(YOUNG_HEAP),
            small_pages: AtomicUsize::new(0),
            asked: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            refused_lately: AtomicBool::new(false),
            exceeded: AtomicBool::new(false),
            nested: AtomicUsize::new(0),
            outside: AtomicUsize::new(0),
            ending: AtomicUsize::new(0),
            parent,
        })
    }

    /// Array-buffer bytes in use.
    pub fn buffers(&self) -> usize {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Notes the heap's size after a collection; `true` when the limit is passed. Buffers that were within it when they
    /// were made may be over it together with a heap that grew since: for that there is some room. The same holds
    /// for the isolates that made this one, each with all that it made.
    pub fn note_heap(&self, used: usize) -> bool {
        let before = self.heap.swap(used, Ordering::Relaxed);
        self.heap_large.store(self.large.load(Ordering::Relaxed).min(used), Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.change_nested(before, used);
        }
        used > self.limit || self.is_over()
    }

    /// Notes the heap's size between collections, garbage included, for an isolate that another one made: what all such
    /// isolates use together passes the maker's limit long before one of them has to collect. `true` when it is time to.
    pub fn note_growth(&self, used: impl FnOnce() -> usize) -> bool {
        let Some(parent) = &self.parent else { return false };
        let used = used();
        let before = self.heap.swap(used, Ordering::Relaxed);
        parent.change_nested(before, used);
        used > before && self.is_over()
    }

    fn is_over(&self) -> bool {
        self.used() > self.limit + self.headroom() || self.parent.as_ref().is_some_and(|p| p.is_over())
    }

    /// What it uses, as far as is known, with all isolates that it made; in bytes.
    fn used(&self) -> usize {
        let nested = self.nested.load(Ordering::Relaxed);
        let outside = self.outside.load(Ordering::Relaxed);
        let own = self.heap.load(Ordering::Relaxed).saturating_add(self.buffers());
        own.saturating_add(nested).saturating_add(outside)
    }

    /// Whether there is room for one more isolate.
    pub fn has_room_for_isolate(&self) -> bool {
        self.used() + YOUNG_HEAP <= self.limit
            && self.parent.as_ref().is_none_or(|p| p.has_room_for_isolate())
    }

    /// Whether isolates that this one made are ending: what they use is given back soon.
    pub fn has_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst) > 0
    }

    /// The isolate's end was asked for.
    pub fn begin_end(&self) {
        let mut maker = self.parent.as_ref();
        while let Some(memory) = maker {
            memory.ending.fetch_add(1, Ordering::SeqCst);
            maker = memory.parent.as_ref();
        }
    }

    /// That end is over; with `gone` V8's heap is no more.
    pub fn finish_end(&self, gone: bool) {
        if gone && let Some(parent) = &self.parent {
            parent.change_nested(self.heap.swap(0, Ordering::Relaxed), 0);
        }
        let mut maker = self.parent.as_ref();
        while let Some(memory) = maker {
            memory.ending.fetch_sub(1, Ordering::SeqCst);
            maker = memory.parent.as_ref();
        }
    }

    fn change_nested(&self, before: usize, after: usize) {
        self.nested.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.change_nested(before, after);
        }
    }

    /// How far above the limit the guest may get while it unwinds, in bytes.
    pub fn headroom(&self) -> usize {
        (self.limit / 4).max(8 * MB)
    }

    /// Marks the limit as passed.
    pub fn set_exceeded(&self) {
        self.exceeded.store(true, Ordering::SeqCst);
    }

    /// Whether the heap passed the limit.
    pub fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::SeqCst)
    }

    /// Notes that V8 collected (`true`), or that all there is was collected for an idle isolate.
    pub fn set_untidy(&self, untidy: bool) {
        self.untidy.store(untidy, Ordering::Relaxed);
    }

    /// Whether V8 collected since then: there may be garbage, and room for more.
    pub fn is_untidy(&self) -> bool {
        self.untidy.load(Ordering::Relaxed)
    }

    /// Whether an array buffer was refused since the last question.
    pub fn take_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed) && self.refused.swap(false, Ordering::Relaxed)
    }

    fn note_refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
        self.refused_lately.store(true, Ordering::Relaxed);
    }

    /// Whether an array buffer was refused since V8 collected garbage last.
    pub fn was_refused_lately(&self) -> bool {
        self.refused_lately.load(Ordering::Relaxed)
    }

    /// V8 has collected garbage.
    pub fn note_collection(&self) {
        self.refused_lately.store(false, Ordering::Relaxed);
    }

    /// Bytes of buffers and address space that were asked for in all the isolate's life, given or not.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Counts `size` bytes of array buffers in, unless that would pass the limit.
    pub fn reserve(&self, size: usize) -> bool {
        self.asked.fetch_add(size as u64, Ordering::Relaxed);
        let fits = self.try_reserve(size);
        if !fits {
            self.note_refused();
        }
        fits
    }

    fn try_reserve(&self, size: usize) -> bool {
        self.buffers.fetch_add(size, Ordering::Relaxed);
        if self.used() > self.limit || self.parent.as_ref().is_some_and(|p| !p.try_reserve(size)) {
            self.buffers.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Counts memory outside V8's heap in, unless that would pass the limit.
    pub fn charge(self: &Arc<Self>, size: usize) -> Option<Charge> {
        self.try_charge(size).then(|| Charge { memory: Arc::clone(self), size })
    }

    /// Counts memory outside V8's heap in, which is there already: looked at when V8 collects.
    pub fn note_outside(self: &Arc<Self>, size: usize) -> Charge {
        self.add_outside(size);
        Charge { memory: Arc::clone(self), size }
    }

    fn try_charge(&self, size: usize) -> bool {
        self.add_outside(size);
        let fits = !self.is_full();
        if !fits {
            self.remove_outside(size);
        }
        fits
    }

    fn is_full(&self) -> bool {
        self.used() > self.limit || self.parent.as_ref().is_some_and(|p| p.is_full())
    }

    fn add_outside(&self, size: usize) {
        self.outside.fetch_add(size, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.add_outside(size);
        }
    }

    fn remove_outside(&self, size: usize) {
        self.outside.fetch_sub(size, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.remove_outside(size);
        }
    }

    /// Counts `size` bytes of [`Memory::reserve`] out.
    pub fn free(&self, size: usize) {
        self.buffers.fetch_sub(size, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.free(size);
        }
    }

    // --- native memory -------------------------------------------------------------------------

    /// Names who is told to stop when native memory passes the limit.
    pub fn set_stop(&self, stop: v8::IsolateHandle) {
        let _ = self.stop.set(stop);
    }

    /// Native memory in use, in bytes.
    pub fn native(&self) -> usize {
        self.native.load(Ordering::Relaxed)
    }

    /// Notes how much V8's heap has of the system, after any collection.
    pub fn note_pages(&self, size: usize) {
        self.small_pages.store(size.saturating_sub(self.large.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    /// Small objects of V8's heap that were in use after the last full collection, in bytes.
    fn small(&self) -> usize {
        self.heap.load(Ordering::Relaxed) - self.heap_large.load(Ordering::Relaxed)
    }

    /// `small`, and all other that is known to be in use, with all isolates that it made; in bytes.
    fn total_with(&self, small: usize) -> usize {
        [&self.large, &self.buffers, &self.native, &self.nested]
            .iter()
            .fold(small, |sum, part| sum.saturating_add(part.load(Ordering::Relaxed)))
    }

    /// All that is known to be in use, with all isolates that it made; in bytes.
    pub fn total(&self) -> usize {
        self.total_with(self.small())
    }

    /// All that is known to be taken from the system, garbage included; in bytes.
    pub fn held(&self) -> usize {
        self.total_with(self.small().max(self.small_pages.load(Ordering::Relaxed)))
    }

    /// Stops the guest when `size` bytes more would pass the limit and what there is for unwinding.
    pub fn stop_if_past(&self, size: usize) {
        if self.total().saturating_add(size) > self.limit + self.headroom() + NATIVE
            && let Some(stop) = self.stop.get()
            && !self.exceeded.swap(true, Ordering::SeqCst)
        {
            stop.terminate_execution();
        }
    }

    /// Whether `size` bytes more stay within the bound that is not passed at any moment: the limit, half of it again, and
    /// 32 MB.
    pub fn fits(&self, size: usize) -> bool {
        self.total().saturating_add(size) <= self.limit + self.limit / 2 + 2 * NATIVE
            && self.parent.as_ref().is_none_or(|parent| parent.fits(size))
    }

    /// Counts a large page of V8's heap in, unless it doesn't fit.
    pub fn take_large_page(&self, size: usize) -> bool {
        self.stop_if_past(size);
        if !self.fits(size) {
            self.refuse_native();
            return false;
        }
        self.large.fetch_add(size, Ordering::Relaxed);
        true
    }

    /// Counts a large page of V8's heap, or a part of one, out.
    pub fn free_large_page(&self, size: usize) {
        self.large.fetch_sub(size, Ordering::Relaxed);
    }

    /// Counts a block in.
    pub fn count_native(&self, size: usize) {
        self.native.fetch_add(size, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.count_native(size);
        }
    }

    /// Counts a block out.
    pub fn uncount_native(&self, size: usize) {
        self.native.fetch_sub(size, Ordering::Relaxed);
        if let Some(parent) = &self.parent {
            parent.uncount_native(size);
        }
    }

    /// Notes that native memory was refused: what comes of it is the limit's doing.
    pub fn refuse_native(&self) {
        self.native_refused.store(true, Ordering::SeqCst);
    }

    /// Whether native memory was refused.
    pub fn was_native_refused(&self) -> bool {
        self.native_refused.load(Ordering::SeqCst)
    }

    /// A buffer that this isolate has goes out without being copied: others use it too from now on.
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    pub fn lend(&self, store: &v8::BackingStore) {
        #[cfg(target_os = "linux")]
        if let Some(data) = store.data() {
            self.blocks.remove(data.as_ptr(), store.byte_length());
            #[cfg(not(test))]
            pages::lend(data.as_ptr() as usize);
        }
    }

    /// Gives the contents of its array buffers back to the system, but for those that others may use too.
    ///
    /// # Safety
    /// The isolate was given up, and its thread never runs again, or is the calling one and never returns to V8.
    #[cfg(all(target_os = "linux", not(test)))]
    pub unsafe fn drop_contents(self: &Arc<Self>) {
        // SAFETY: only V8's isolate uses and frees what was not lent, on that thread.
        let dropped = unsafe { self.blocks.drop_contents() };
        self.free(dropped);
        // SAFETY: as above.
        unsafe { pages::drop_contents(self) };
    }

    // --- address space -------------------------------------------------------------------------

    /// Counts `size` bytes of address space in, unless that is too much.
    pub fn take_space(&self, size: usize) -> bool {
        self.asked.fetch_add(size as u64, Ordering::Relaxed);
        let own = self.space.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        let all = ALL_SPACE_TAKEN.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        if own > SPACE || all > ALL_SPACE {
            self.give_space_back(size);
            self.note_refused();
            return false;
        }
        true
    }

    /// Counts `size` bytes of address space out.
    pub fn give_space_back(&self, size: usize) {
        self.space.fetch_sub(size, Ordering::Relaxed);
        ALL_SPACE_TAKEN.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            parent.change_nested(self.heap.load(Ordering::Relaxed), 0);
        }
    }
}

/// Memory that a guest makes the library hold outside V8's heap: requests under way, external copies, handles. Counted until
/// this is dropped, on any thread.
#[derive(Debug)]
pub struct Charge {
    memory: Arc<Memory>,
    size: usize,
}

impl Charge {
    /// Counts more in, unless that would pass the limit.
    pub fn grow(&mut self, size: usize) -> bool {
        let fits = self.memory.try_charge(size);
        if fits {
            self.size += size;
        }
        fits
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.remove_outside(self.size);
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} of {} bytes)", self.total(), self.limit)
    }
}

/// V8's array-buffer allocator for an isolate with this account.
#[cfg(not(feature = "sandbox"))]
pub fn allocator(memory: &Arc<Memory>) -> v8::UniqueRef<v8::Allocator> {
    allocation::allocator(memory)
}

/// The same: V8's own, as its sandbox takes no other. The account doesn't count what it gives.
#[cfg(feature = "sandbox")]
pub fn allocator(_memory: &Arc<Memory>) -> v8::UniqueRef<v8::Allocator> {
    v8::new_default_allocator()
}

#[cfg(not(feature = "sandbox"))]
mod allocation {
    use std::ffi::c_void;

    use super::{Arc, Memory};
    use crate::engine::limits::native;

    pub fn allocator(memory: &Arc<Memory>) -> v8::UniqueRef<v8::Allocator> {
        static VTABLE: v8::RustAllocatorVtable<Memory> =
            v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop: drop_allocator };
        // SAFETY: the handle is an Arc turned raw, which `drop_allocator` turns back once V8 is done with it;
        // the vtable's functions take that very type.
        unsafe { v8::new_rust_allocator(Arc::into_raw(Arc::clone(memory)), &VTABLE) }
    }

    unsafe extern "C" fn allocate(memory: &Memory, size: usize) -> *mut c_void {
        if !memory.reserve(size) {
            return std::ptr::null_mut();
        }
        given(memory, native::buffer(size, true), size)
    }

    unsafe extern "C" fn allocate_uninitialized(memory: &Memory, size: usize) -> *mut c_void {
        if !memory.reserve(size) {
            return std::ptr::null_mut();
        }
        given(memory, native::buffer(size, false), size)
    }

    /// Notes what the allocator gave, if it did.
    fn given(memory: &Memory, data: *mut c_void, size: usize) -> *mut c_void {
        if data.is_null() {
            memory.free(size);
        } else {
            #[cfg(target_os = "linux")]
            memory.blocks.add(data, size);
        }
        data
    }

    unsafe extern "C" fn free(memory: &Memory, data: *mut c_void, size: usize) {
        #[cfg(target_os = "linux")]
        memory.blocks.remove(data, size);
        // SAFETY: V8 hands back what `allocate*` gave, once.
        unsafe { native::free_buffer(data) };
        memory.free(size);
    }

    unsafe extern "C" fn drop_allocator(memory: *const Memory) {
        // SAFETY: made by Arc::into_raw in `allocator`; V8 drops an allocator once.
        drop(unsafe { Arc::from_raw(memory) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_refused_when_they_do_not_fit_and_make_room_again() {
        let memory = Memory::new(64 * MB, None);
        assert!(memory.reserve(60 * MB));
        assert!(!memory.reserve(8 * MB));
        assert!(memory.take_refused() && !memory.take_refused());
        memory.free(60 * MB);
        assert!(memory.reserve(60 * MB));
    }

    #[test]
    fn what_a_nested_isolate_takes_counts_above_it() {
        let outer = Memory::new(64 * MB, None);
        let inner = Memory::new(64 * MB, Some(Arc::clone(&outer)));
        assert!(inner.reserve(40 * MB));
        assert!(!outer.reserve(40 * MB));
        inner.free(40 * MB);
        drop(inner);
        assert!(outer.reserve(40 * MB));
    }

    #[test]
    fn native_memory_and_large_pages_have_a_bound_together() {
        let memory = Memory::new(64 * MB, None);
        memory.count_native(60 * MB);
        assert!(memory.take_large_page(50 * MB));
        assert!(!memory.take_large_page(50 * MB) && memory.was_native_refused());
        memory.uncount_native(60 * MB);
        assert!(memory.take_large_page(50 * MB));
        memory.free_large_page(100 * MB);
        assert!(memory.total() <= YOUNG_HEAP);
    }

    #[test]
    fn address_space_has_a_bound_of_its_own() {
        let memory = Memory::new(64 * MB, None);
        assert!(memory.take_space(SPACE));
        assert!(!memory.take_space(1));
        memory.give_space_back(SPACE);
        assert!(memory.take_space(SPACE));
        memory.give_space_back(SPACE);
    }
}
