//! Array-buffer memory where the hooks of `native.rs` aren't there: off Linux, and in Rust's tests.

use std::ffi::c_void;

/// A block of array-buffer memory.
pub fn buffer(size: usize, zeroed: bool) -> *mut c_void {
    // SAFETY: any size may be asked for; null is the caller's to handle.
    unsafe { if zeroed { libc::calloc(size.max(1), 1) } else { libc::malloc(size.max(1)) } }
}

/// Frees what [`buffer`] gave.
///
/// # Safety
/// `block` came from [`buffer`] and is freed once.
pub unsafe fn free_buffer(block: *mut c_void) {
    // SAFETY: the caller's.
    unsafe { libc::free(block) };
}
