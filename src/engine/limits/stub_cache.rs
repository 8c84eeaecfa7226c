//! V8's stub caches without the memory that nobody uses.
//!
//! Each V8 isolate has three (stub-cache.h), for property accesses that see many shapes: 360 KB of tables, a third of all that a new isolate takes, in
//! which V8 writes an empty entry everywhere, once at the start and in every full collection. Zeros are empty entries as well: no name has
//! the address 0, and an entry whose map is 0 is not retired (`StubCache::Set`). So in the addon these two methods are ours
//! (`--wrap`, build.rs). Pages that are not there are left alone, and where there are many isolates all are given back to the system: what isn't
//! used takes no memory.

use std::ffi::c_void;

use crate::engine::limits::condemned;

/// Bytes of both tables: 4096 and 1024 entries of three words (`kPrimaryTableBits`, `kSecondaryTableBits`), at the start of the object.
/// What comes after them stays.
const TABLES: usize = (4096 + 1024) * 3 * WORD;
/// Of V8's heap.
const WORD: usize = if cfg!(any(feature = "pointer-compression", feature = "sandbox")) { 4 } else { 8 };
const PAGE: usize = 4096;

/// Zeroes the tables at `tables`: pages that are there by writing, unless there are many isolates, as letting go of them interrupts other CPUs;
/// those that are not (untouched or swapped out) by letting go of what they may hold, so that they stay away.
///
/// # Safety
/// They are memory of ours that nobody reads meanwhile.
unsafe fn zero(tables: *mut c_void) {
    let start = tables as usize;
    let end = start + TABLES;
    let (first, last) = (start.next_multiple_of(PAGE), end / PAGE * PAGE);
    let mut there = [0_u8; TABLES / PAGE];
    // SAFETY: whole pages within the tables; there is room for a byte for each.
    let known = condemned::is_crowded()
        || unsafe { libc::mincore(first as *mut c_void, last - first, there.as_mut_ptr()) } == 0;
    let pages = &there[..(last - first) / PAGE];
    let mut at = first;
    for run in pages.chunk_by(|a, b| a & 1 == b & 1) {
        let size = run.len() * PAGE;
        let goes = known && run[0] & 1 == 0;
        // SAFETY: as above; of anonymous private memory: what is let go of reads as zeros after.
        unsafe {
            if !goes || libc::madvise(at as *mut c_void, size, libc::MADV_DONTNEED) != 0 {
                (at as *mut u8).write_bytes(0, size);
            }
        }
        at += size;
    }
    // SAFETY: within the tables.
    unsafe {
        tables.write_bytes(0, first - start);
        (last as *mut u8).write_bytes(0, end - last);
    }
}

/// Stands for `v8::internal::StubCache::Initialize()`.
#[unsafe(export_name = "__wrap__ZN2v88internal9StubCache10InitializeEv")]
unsafe extern "C" fn initialize(cache: *mut c_void) {
    // SAFETY: the object, which V8 is making.
    unsafe { zero(cache) };
}

/// Stands for `v8::internal::StubCache::Clear()`.
#[unsafe(export_name = "__wrap__ZN2v88internal9StubCache5ClearEv")]
unsafe extern "C" fn clear(cache: *mut c_void) {
    // SAFETY: the object, in a collection: no code of the isolate runs.
    unsafe { zero(cache) };
}
