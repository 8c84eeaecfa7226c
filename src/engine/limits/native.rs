//! Memory that V8 takes from the system's allocator for a guest: parser, compiler, regular expressions, JSON, lists of
//! arguments; and that this library takes to carry a guest's values out.
//!
//! In the addon `malloc` and its kin are ours (`--wrap`, build.rs). Large blocks that a guest thread takes are counted in
//! the isolate's account until somebody frees them, on whatever thread. A guest that gets past its limit is told
//! to stop; what would go far past it is refused. V8 takes that for the end of memory, and `fatal` gives the isolate up.
//! Nothing is refused while V8 holds a lock, which other isolates would wait for then.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex};

use crate::engine::limits::account::{self, Busy};
use crate::engine::limits::memory::Memory;
use crate::engine::limits::zero_pages;
use crate::engine::lock;

/// Smaller blocks aren't counted: looking for an owner would cost more than the block. V8's own pools (zones, lists) ask
/// for more.
const LARGE: usize = 8 << 10;
/// Rust's blocks from this size on are refused where that is allowed.
const HUGE: usize = 64 << 10;

const SHARDS: usize = 64;
type Owners = HashMap<usize, (Arc<Memory>, usize)>;
static OWNERS: [Mutex<Option<Owners>>; SHARDS] = [const { Mutex::new(None) }; SHARDS];

unsafe extern "C" {
    fn __real_malloc(size: usize) -> *mut c_void;
    fn __real_calloc(count: usize, size: usize) -> *mut c_void;
    fn __real_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __real_free(block: *mut c_void);
    fn __real_posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int;
    fn __real_aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn __real_pthread_mutex_lock(mutex: *mut c_void) -> c_int;
    fn __real_pthread_mutex_trylock(mutex: *mut c_void) -> c_int;
    fn __real_pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
    // Of C++: `absl::Mutex`, which V8's own locks are. Its methods get the object as their one argument.
    #[link_name = "__real__ZN4absl5Mutex4lockEv"]
    fn real_absl_lock(mutex: *mut c_void);
    #[link_name = "__real__ZN4absl5Mutex8try_lockEv"]
    fn real_absl_try_lock(mutex: *mut c_void) -> bool;
    #[link_name = "__real__ZN4absl5Mutex6unlockEv"]
    fn real_absl_unlock(mutex: *mut c_void);
}

fn shard(block: usize) -> &'static Mutex<Option<Owners>> {
    &OWNERS[(block >> 12 ^ block >> 20) % SHARDS]
}

/// Whether V8 may have `size` bytes on this thread. A guest that is past its limit is told to stop.
fn allow(size: usize) -> bool {
    if size < LARGE || !account::is_set() {
        return true;
    }
    let Some(memory) = account::current() else { return true };
    memory.stop_if_past(size);
    if memory.fits(size) || !account::holds_nothing() {
        return true;
    }
    memory.refuse_native();
    false
}

/// Whether Rust may have `size` bytes on this thread.
fn allow_rust(size: usize) -> bool {
    // The lists of a hook can't do without: it has a lock.
    size < HUGE
        || !account::is_fallible()
        || account::is_busy()
        || account::current().is_none_or(|memory| memory.fits(size))
}

/// Counts a block that a guest thread took.
fn note(block: *mut c_void) {
    if block.is_null() || !account::is_set() || account::is_busy() {
        return;
    }
    // SAFETY: a block of the allocator, just taken.
    let size = unsafe { libc::malloc_usable_size(block) };
    if size < LARGE {
        return;
    }
    let Some(memory) = account::current() else { return };
    let _busy = Busy::begin();
    memory.count_native(size);
    lock(shard(block as usize)).get_or_insert_default().insert(block as usize, (memory, size));
}

/// Takes a block out of the count, before it is freed.
fn forget(block: *mut c_void) {
    // What the lists below take for themselves isn't in them.
    if block.is_null() || account::is_busy() {
        return;
    }
    // SAFETY: a block of the allocator, not freed yet.
    if unsafe { libc::malloc_usable_size(block) } < LARGE {
        return;
    }
    let owner = {
        let _busy = Busy::begin();
        lock(shard(block as usize)).as_mut().and_then(|owners| owners.remove(&(block as usize)))
    };
    if let Some((memory, size)) = owner {
        memory.uncount_native(size);
    }
}

// SAFETY (of all functions below): they do what those they stand for do, with the arguments as they came.

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_malloc(size: usize) -> *mut c_void {
    if !allow(size) {
        return std::ptr::null_mut();
    }
    // SAFETY: as said above.
    let block = unsafe { __real_malloc(size) };
    if size >= LARGE {
        note(block);
        zero_pages::note(block, size);
    }
    block
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_calloc(count: usize, size: usize) -> *mut c_void {
    let bytes = count.saturating_mul(size);
    if !allow(bytes) {
        return std::ptr::null_mut();
    }
    // SAFETY: as said above.
    let block = unsafe { __real_calloc(count, size) };
    if bytes >= LARGE {
        note(block);
    }
    block
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if !allow(size) {
        return std::ptr::null_mut();
    }
    forget(block);
    zero_pages::forget(block);
    // SAFETY: as said above.
    let moved = unsafe { __real_realloc(block, size) };
    note(if moved.is_null() && size > 0 { block } else { moved });
    moved
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_free(block: *mut c_void) {
    forget(block);
    zero_pages::forget(block);
    // SAFETY: as said above.
    unsafe { __real_free(block) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !allow(size) {
        return libc::ENOMEM;
    }
    // SAFETY: as said above.
    let result = unsafe { __real_posix_memalign(place, alignment, size) };
    if result == 0 && size >= LARGE {
        // SAFETY: filled on success.
        note(unsafe { *place });
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if !allow(size) {
        return std::ptr::null_mut();
    }
    // SAFETY: as said above.
    let block = unsafe { __real_aligned_alloc(alignment, size) };
    if size >= LARGE {
        note(block);
    }
    block
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_mutex_lock(mutex: *mut c_void) -> c_int {
    account::count_lock(1);
    // SAFETY: as said above.
    unsafe { __real_pthread_mutex_lock(mutex) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_mutex_trylock(mutex: *mut c_void) -> c_int {
    account::count_lock(1);
    // SAFETY: as said above.
    let result = unsafe { __real_pthread_mutex_trylock(mutex) };
    if result != 0 {
        account::count_lock(-1);
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_pthread_mutex_unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: as said above.
    let result = unsafe { __real_pthread_mutex_unlock(mutex) };
    account::count_lock(-1);
    result
}

#[unsafe(export_name = "__wrap__ZN4absl5Mutex4lockEv")]
unsafe extern "C" fn absl_lock(mutex: *mut c_void) {
    account::count_lock(1);
    // SAFETY: as said above.
    unsafe { real_absl_lock(mutex) };
}

#[unsafe(export_name = "__wrap__ZN4absl5Mutex8try_lockEv")]
unsafe extern "C" fn absl_try_lock(mutex: *mut c_void) -> bool {
    account::count_lock(1);
    // SAFETY: as said above.
    let locked = unsafe { real_absl_try_lock(mutex) };
    if !locked {
        account::count_lock(-1);
    }
    locked
}

#[unsafe(export_name = "__wrap__ZN4absl5Mutex6unlockEv")]
unsafe extern "C" fn absl_unlock(mutex: *mut c_void) {
    // SAFETY: as said above.
    unsafe { real_absl_unlock(mutex) };
    account::count_lock(-1);
}

/// A block of array-buffer memory: counted by who asks (`memory`), not here.
pub fn buffer(size: usize, zeroed: bool) -> *mut c_void {
    // SAFETY: any size may be asked for; null is the caller's to handle.
    unsafe { if zeroed { __real_calloc(size.max(1), 1) } else { __real_malloc(size.max(1)) } }
}

/// Frees what [`buffer`] gave.
///
/// # Safety
/// `block` came from [`buffer`] and is freed once.
pub unsafe fn free_buffer(block: *mut c_void) {
    // SAFETY: the caller's.
    unsafe { __real_free(block) };
}

/// Rust's allocator in the addon: counted like V8's, but refused only where the one who asks expects it (`account::fallible`).
pub struct Counting;

// SAFETY: the C library's allocator, with counting around it; large alignments go to `posix_memalign`, as in std.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        if !allow_rust(size) {
            return std::ptr::null_mut();
        }
        let block = if layout.align() <= 16 {
            // SAFETY: as said above.
            unsafe { __real_malloc(size) }
        } else {
            let mut block = std::ptr::null_mut();
            // SAFETY: `block` is a place for the result; the alignment is a power of two above 16.
            unsafe { __real_posix_memalign(&mut block, layout.align(), size) };
            block
        };
        if size >= LARGE {
            note(block);
        }
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= 16 {
            // SAFETY: as said above.
            let block = unsafe { __real_calloc(layout.size(), 1) };
            if layout.size() >= LARGE {
                note(block);
            }
            return block.cast();
        }
        // SAFETY: the caller's layout; what was given is that large.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !allow_rust(size.saturating_sub(layout.size())) {
            return std::ptr::null_mut();
        }
        if layout.align() <= 16 {
            if layout.size() >= LARGE {
                forget(block.cast());
            }
            // SAFETY: as said above.
            let moved = unsafe { __real_realloc(block.cast(), size) };
            if size >= LARGE {
                note(moved);
            }
            return moved.cast();
        }
        // SAFETY: the caller's block and layout.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            moved
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() >= LARGE {
            forget(block.cast());
        }
        // SAFETY: as said above.
        unsafe { __real_free(block.cast()) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
