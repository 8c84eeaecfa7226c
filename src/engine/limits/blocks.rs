//! Which blocks of the allocator hold array buffers of an isolate: what can be given back of one that is given up.
//!
//! V8 can't free them any more. The blocks stay the allocator's, but nobody looks at their contents again, so that the
//! pages within go back to the system.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Mutex;

use crate::engine::limits::account::Busy;
use crate::engine::lock;

/// Smaller blocks aren't noted: of most of them no page could be given back, and they are made too often.
const LARGE: usize = 16 << 10;

/// The blocks of one isolate, by address, with their sizes.
#[derive(Default)]
pub struct Blocks(Mutex<HashMap<usize, usize>>);

impl Blocks {
    /// Notes a block.
    #[cfg_attr(feature = "sandbox", allow(dead_code))]
    pub fn add(&self, block: *mut c_void, size: usize) {
        if size >= LARGE {
            let _busy = Busy::begin();
            lock(&self.0).insert(block as usize, size);
        }
    }

    /// Forgets a block: it is freed, or somebody else uses it too from now on.
    pub fn remove(&self, block: *mut c_void, size: usize) {
        if size >= LARGE {
            let _busy = Busy::begin();
            lock(&self.0).remove(&(block as usize));
        }
    }

    /// Gives the pages of all blocks back to the system and forgets them; how many bytes that are. Their contents are zeros then.
    ///
    /// # Safety
    /// Nobody reads or writes what is in the blocks any more, and none of them is being freed.
    pub unsafe fn drop_contents(&self) -> usize {
        let _busy = Busy::begin();
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(LARGE);
        let mut dropped = 0;
        for (start, size) in lock(&self.0).drain() {
            let first = start.next_multiple_of(page);
            let end = (start + size) / page * page;
            if first >= end {
                continue;
            }
            // SAFETY: whole pages within a block that isn't freed; its contents are nobody's, says the caller.
            if unsafe { libc::madvise(first as *mut c_void, end - first, libc::MADV_DONTNEED) } == 0 {
                dropped += end - first;
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(size: usize) -> Vec<u8> {
        vec![7; size]
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no MADV_DONTNEED")]
    fn pages_of_noted_blocks_are_given_back_and_their_edges_stay() {
        let blocks = Blocks::default();
        let mut noted = block(1 << 20);
        blocks.add(noted.as_mut_ptr().cast(), noted.len());
        // SAFETY: the block is this test's.
        let dropped = unsafe { blocks.drop_contents() };
        assert!(dropped > noted.len() - (128 << 10) && dropped <= noted.len());
        assert_eq!(noted.iter().filter(|byte| **byte == 0).count(), dropped);
        // SAFETY: as above.
        assert_eq!(unsafe { blocks.drop_contents() }, 0);
    }

    #[test]
    fn what_is_small_or_was_forgotten_keeps_its_contents() {
        let blocks = Blocks::default();
        let (mut small, mut lent) = (block(LARGE - 1), block(2 * LARGE));
        for block in [&mut small, &mut lent] {
            blocks.add(block.as_mut_ptr().cast(), block.len());
        }
        blocks.remove(lent.as_mut_ptr().cast(), lent.len());
        // SAFETY: as above.
        assert_eq!(unsafe { blocks.drop_contents() }, 0);
        assert!(small.iter().chain(&lent).all(|byte| *byte == 7));
    }
}
