//! Pages that V8 takes from the system for buffers that grow and for WebAssembly memories.
//!
//! V8 reserves address space for them (`mmap` without access) and commits parts of it later (`mprotect`), past every
//! allocator an embedder can give it (backing-store.cc). In the addon these calls are ours (`--wrap`, build.rs): what
//! a guest thread reserves is noted, what is committed of it is counted in the isolate's account, and what doesn't
//! fit is refused as the system would (`ENOMEM`). V8 then collects garbage, tries again, and tells the guest what
//! JavaScript says in such a case: a `RangeError`, or -1 from `memory.grow`.
//!
//! V8 asks for each heap page at a random address. Where there are many isolates they get the next free one, beside each other: neighbours are
//! one mapping, of which a process has 65530 by default (`vm.max_map_count`), and an isolate needs five pages and more. Threads that make
//! isolates and end them are in each other's way then, which is why it isn't done always.
//!
//! V8's heap pages are mapped with access at once. The heap has its own limit, but V8 looks at it before a large object
//! is made, whatever its size (`NewLargeObjectSpace::AllocateRaw`): a string may take half a gigabyte in a heap of 16 MB. So
//! large pages are counted here as well. One that doesn't fit is refused, which V8 takes for the end of memory.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex};

use crate::engine::limits::account::{self, Busy};
use crate::engine::limits::condemned;
use crate::engine::limits::memory::Memory;
use crate::engine::lock;

/// Heap pages from this size on are counted: ordinary ones have 256 KB, and may go from one isolate to another unseen.
const LARGE_PAGE: usize = 1 << 20;

/// A reservation, or a large page of a heap, by its start.
struct Region {
    end: usize,
    account: Arc<Memory>,
    is_heap: bool,
    /// Somebody else uses it too.
    is_lent: bool,
    /// Bytes from the start that are committed: V8 commits and gives back at the end of what is in use.
    committed: usize,
}

impl Region {
    fn free(&self, size: usize) {
        if self.is_heap {
            self.account.free_large_page(size);
        } else {
            self.account.free(size);
        }
    }
}

static REGIONS: Mutex<BTreeMap<usize, Region>> = Mutex::new(BTreeMap::new());

unsafe extern "C" {
    fn __real_mmap64(
        at: *mut c_void,
        size: usize,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn __real_mprotect(at: *mut c_void, size: usize, prot: c_int) -> c_int;
    fn __real_munmap(at: *mut c_void, size: usize) -> c_int;
}

/// How many mappings an isolate needs at first, and its thread's work: more than enough.
const MAPPINGS: usize = 24;

/// Whether the system allows as many mappings more as a new isolate needs. V8 has no way back when it is half made.
pub fn has_room_for_isolate() -> bool {
    const PAGE: usize = 4096;
    let size = MAPPINGS * PAGE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a mapping of our own, which nobody else sees and which is gone at the end.
    unsafe {
        let start = __real_mmap64(std::ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return false;
        }
        // Every second page with other access than its neighbours is a mapping by itself.
        let has_room = (0..MAPPINGS)
            .step_by(2)
            .all(|page| __real_mprotect(start.byte_add(page * PAGE), PAGE, libc::PROT_READ) == 0);
        __real_munmap(start, size);
        has_room
    }
}

fn no_memory() {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__errno_location() = libc::ENOMEM };
}

/// The start of the reservation that `[at, at + size)` lies in.
fn containing(regions: &BTreeMap<usize, Region>, at: usize, size: usize) -> Option<usize> {
    let (start, region) = regions.range(..=at).next_back()?;
    (at.checked_add(size)? <= region.end).then_some(*start)
}

/// Notes that `[at, at + size)` can be used now; `false` when that doesn't fit the account.
fn commit(at: usize, size: usize) -> bool {
    let _busy = Busy::begin();
    let mut regions = lock(&REGIONS);
    let Some(start) = containing(&regions, at, size) else { return true };
    let Some(region) = regions.get_mut(&start) else { return true };
    if region.is_heap {
        return true;
    }
    let committed = region.committed.max(at + size - start);
    if committed > region.committed && !region.account.reserve(committed - region.committed) {
        return false;
    }
    region.committed = committed;
    true
}

/// Notes that `[at, at + size)` can't be used any more.
fn give_back(at: usize, size: usize) {
    let _busy = Busy::begin();
    let mut regions = lock(&REGIONS);
    let Some(start) = containing(&regions, at, size) else { return };
    let Some(region) = regions.get_mut(&start).filter(|region| !region.is_heap) else { return };
    if at + size >= start + region.committed && at < start + region.committed {
        region.free(start + region.committed - at);
        region.committed = at - start;
    }
}

/// Notes that `[at, at + size)` is gone: a whole reservation, or one of its ends (alignment).
fn remove(at: usize, size: usize) {
    let end = at + size;
    let _busy = Busy::begin();
    let mut gone = Vec::new();
    {
        let mut regions = lock(&REGIONS);
        let touched: Vec<usize> = regions
            .range(..end)
            .rev()
            .take_while(|(_, region)| region.end > at)
            .map(|(start, _)| *start)
            .collect();
        for start in touched {
            let Some(mut region) = regions.remove(&start) else { continue };
            let (kept_start, kept_end) = if at <= start { (end, region.end) } else { (start, at) };
            let kept = kept_end.saturating_sub(kept_start);
            if !region.is_heap {
                region.account.give_space_back(region.end - start - kept);
            }
            if kept == 0 {
                region.free(region.committed);
                gone.push(region);
                continue;
            }
            let committed = (start + region.committed).clamp(kept_start, kept_end) - kept_start;
            region.free(region.committed - committed);
            region.committed = committed;
            region.end = kept_end;
            regions.insert(kept_start, region);
        }
    }
    // Outside the lock: the last share of an account may go with it.
    drop(gone);
}

/// Notes that others use the buffer at this address too.
pub fn lend(at: usize) {
    let _busy = Busy::begin();
    let mut regions = lock(&REGIONS);
    if let Some(start) = containing(&regions, at, 0)
        && let Some(region) = regions.get_mut(&start)
    {
        region.is_lent = true;
    }
}

/// Gives the contents of all that was noted for this account back to the system, but for buffers that others may use too. The
/// addresses stay.
///
/// # Safety
/// Only a guest that never runs again looks at what wasn't lent.
pub unsafe fn drop_contents(memory: &Arc<Memory>) {
    let _busy = Busy::begin();
    let mut regions = lock(&REGIONS);
    for (start, region) in regions.iter_mut() {
        if !Arc::ptr_eq(&region.account, memory) || region.committed == 0 || region.is_lent {
            continue;
        }
        // SAFETY: mapped, as it was not removed; nobody looks at it, says the caller.
        unsafe { libc::madvise(*start as *mut c_void, region.committed, libc::MADV_DONTNEED) };
        region.free(region.committed);
        region.committed = 0;
    }
}

/// Stands for `mmap64` in everything linked into the addon.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mmap64(
    at: *mut c_void,
    size: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    if prot == libc::PROT_NONE && flags & libc::MAP_FIXED != 0 {
        give_back(at as usize, size);
    }
    let is_heap = prot == libc::PROT_READ | libc::PROT_WRITE && size >= LARGE_PAGE;
    let owner = if (is_heap || prot == libc::PROT_NONE) && flags & (libc::MAP_FIXED | libc::MAP_SHARED) == 0 {
        account::current()
    } else {
        None
    };
    let take =
        |owner: &Arc<Memory>| if is_heap { owner.take_large_page(size) } else { owner.take_space(size) };
    if owner.as_ref().is_some_and(|owner| !take(owner)) {
        no_memory();
        return libc::MAP_FAILED;
    }
    let is_page = prot == libc::PROT_READ | libc::PROT_WRITE && flags & libc::MAP_FIXED == 0 && fd == -1;
    let at = if is_page && condemned::is_crowded() { std::ptr::null_mut() } else { at };
    // SAFETY: the arguments as they came, but for the address, which was a wish.
    let mapped = unsafe { __real_mmap64(at, size, prot, flags, fd, offset) };
    if mapped == libc::MAP_FAILED {
        account::note_refusal();
    }
    if let Some(account) = owner {
        if mapped == libc::MAP_FAILED {
            if is_heap {
                account.free_large_page(size);
            } else {
                account.give_space_back(size);
            }
            no_memory();
        } else {
            let _busy = Busy::begin();
            let start = mapped as usize;
            let committed = if is_heap { size } else { 0 };
            lock(&REGIONS)
                .insert(start, Region { end: start + size, account, is_heap, is_lent: false, committed });
        }
    }
    mapped
}

/// Stands for `mprotect` in everything linked into the addon.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mprotect(at: *mut c_void, size: usize, prot: c_int) -> c_int {
    if prot == libc::PROT_READ | libc::PROT_WRITE && !commit(at as usize, size) {
        no_memory();
        return -1;
    }
    // SAFETY: the arguments as they came.
    let result = unsafe { __real_mprotect(at, size, prot) };
    if result != 0 {
        account::note_refusal();
    }
    if result == 0 && prot == libc::PROT_NONE {
        give_back(at as usize, size);
    }
    result
}

/// Stands for `munmap` in everything linked into the addon.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_munmap(at: *mut c_void, size: usize) -> c_int {
    // Before: as soon as it is gone another thread may get the place.
    remove(at as usize, size);
    // SAFETY: the arguments as they came.
    let result = unsafe { __real_munmap(at, size) };
    // SAFETY: the calling thread's own errno.
    if result == 0 || unsafe { *libc::__errno_location() } != libc::ENOMEM {
        return result;
    }
    // A hole makes two mappings of one, and there may be no more of them. V8 would end the process: the memory is given back, and the
    // addresses stay in use.
    // SAFETY: a mapping that nobody uses any more.
    unsafe { libc::madvise(at, size, libc::MADV_DONTNEED) }
}
