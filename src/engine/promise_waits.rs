//! Trees of calls in which a guest stands still until a promise is settled (`applySyncPromise`).
//!
//! What settles it may have to be done by a guest that waits itself, for this one or in this very wait: such guests do, while
//! the promise is pending, also what nobody waits for, as far as it belongs to the tree.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::host::TreeId;
use crate::engine::{executor, lock};

static TREES: Mutex<Vec<TreeId>> = Mutex::new(Vec::new());
/// How many there are, so that who waits for something else needs no lock.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A guest waits for a promise in a tree, as long as this exists.
pub struct PromiseWait(TreeId);

impl PromiseWait {
    /// The wait begins: all who wait look again at what they could do.
    pub fn begin(tree: TreeId) -> Self {
        lock(&TREES).push(tree);
        COUNT.fetch_add(1, Ordering::SeqCst);
        executor::ring_all();
        Self(tree)
    }
}

impl Drop for PromiseWait {
    fn drop(&mut self) {
        let mut trees = lock(&TREES);
        if let Some(i) = trees.iter().position(|tree| *tree == self.0) {
            trees.swap_remove(i);
            COUNT.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Whether some guest waits for a promise in this tree.
pub fn are_in(tree: TreeId) -> bool {
    COUNT.load(Ordering::SeqCst) > 0 && lock(&TREES).contains(&tree)
}
