//! Pages of zeros in what V8 takes for an isolate, given back.
//!
//! V8 makes tables for each isolate that it fills with zeros and mostly doesn't use (`InnerPointerToCodeCache`, `WasmCodeLookupCache`: 110 KB). A page of
//! zeros that is given back reads as zeros, so nobody can tell; it takes memory again when it is written to.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// Smaller blocks aren't looked at.
const LARGE: usize = 32 << 10;
const PAGE: usize = 4096;

thread_local! {
    static IS_MAKING: Cell<bool> = const { Cell::new(false) };
    /// Blocks of the allocator taken on this thread since, and their sizes.
    static BLOCKS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

fn with_blocks(body: impl FnOnce(&mut Vec<(usize, usize)>)) {
    if IS_MAKING.try_with(Cell::get) == Ok(true) {
        // The list's own memory comes here again.
        let _ = BLOCKS.try_with(|blocks| blocks.try_borrow_mut().map(|mut blocks| body(&mut blocks)));
    }
}

/// The calling thread took a block.
pub fn note(block: *mut c_void, size: usize) {
    if size >= LARGE && !block.is_null() {
        with_blocks(|blocks| blocks.push((block as usize, size)));
    }
}

/// The calling thread is to free a block.
pub fn forget(block: *mut c_void) {
    with_blocks(|blocks| blocks.retain(|(known, _)| *known != block as usize));
}

/// Does what makes an isolate; after it no page of zeros is left in the blocks that it took and kept.
pub fn after<T>(make: impl FnOnce() -> T) -> T {
    IS_MAKING.set(true);
    let made = make();
    IS_MAKING.set(false);
    for (block, size) in BLOCKS.take() {
        give_back(block, size);
    }
    made
}

fn give_back(block: usize, size: usize) {
    let (first, last) = (block.next_multiple_of(PAGE), (block + size) / PAGE * PAGE);
    let mut run = first;
    for page in (first..last).step_by(PAGE) {
        // SAFETY: a page of a block that this thread took and nobody freed. Volatile, as V8 may not have written all of it.
        let is_zero = |at| unsafe { (page as *const u64).add(at).read_volatile() } == 0;
        if !(0..PAGE / 8).all(is_zero) {
            release(run, page);
            run = page + PAGE;
        }
    }
    release(run, last);
}

fn release(start: usize, end: usize) {
    if start < end {
        // SAFETY: whole pages of zeros within one block of the allocator, which are zeros after as well. No other thread writes there:
        // the isolate is being made by this one.
        unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
    }
}
