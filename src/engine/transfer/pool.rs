//! Memory for long strings, used again.
//!
//! Fresh memory costs a page fault for every 4 KB, several times what copying into it costs, and the allocator gives large blocks back to the
//! system as soon as they are free. Strings that cross the line are garbage soon: their memory is kept for the next ones, as much
//! as [`MOST`], until none has crossed for a while.

use std::sync::Mutex;

use crate::engine::limits::{account, watchdog};
use crate::engine::{lock, platform};

/// Shorter strings don't use it, in bytes.
const LEAST: usize = 64 << 10;
/// What is kept at most, in bytes.
const MOST: usize = 32 << 20;
/// How long it is kept unused, in ns.
const KEPT: u64 = 200_000_000;

#[derive(Default)]
struct Pool {
    buffers: Vec<Vec<u8>>,
    /// The sum of their capacities.
    size: usize,
    /// When one was put in or taken last, as [`watchdog::now`].
    used: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { buffers: Vec::new(), size: 0, used: 0 });

/// What a buffer for so many bytes has room for: four sizes between one power of two and the next.
fn class(size: usize) -> usize {
    let step = (size.next_power_of_two() / 8).max(1);
    size.next_multiple_of(step)
}

/// An empty buffer for `size` bytes; `None` when there is no memory.
pub fn take(size: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    if size < LEAST {
        buffer.try_reserve_exact(size).ok()?;
        return Some(buffer);
    }
    let capacity = class(size);
    {
        let mut pool = lock(&POOL);
        pool.used = watchdog::now();
        if let Some(i) = pool.buffers.iter().rposition(|buffer| buffer.capacity() == capacity) {
            pool.size -= capacity;
            return Some(pool.buffers.swap_remove(i));
        }
    }
    // Nobody's: who takes it for a guest looks whether it may.
    account::without(|| buffer.try_reserve_exact(capacity)).ok()?;
    Some(buffer)
}

/// Takes a buffer back, if it is one of these.
pub fn give_back(buffer: Vec<u8>) {
    if buffer.len() >= LEAST && buffer.capacity() == class(buffer.len() + 1) {
        give(buffer);
    }
}

fn give(mut buffer: Vec<u8>) {
    // It is nobody's memory while it is here.
    account::without(|| {
        buffer.clear();
        let mut pool = lock(&POOL);
        if pool.size + buffer.capacity() > MOST {
            drop(pool);
            return drop(buffer);
        }
        let first = pool.buffers.is_empty();
        pool.used = watchdog::now();
        pool.size += buffer.capacity();
        pool.buffers.push(buffer);
        let look = pool.used + KEPT;
        drop(pool);
        if first {
            platform::keeper_wake_before(look);
        }
    });
}

/// A V8 string on a buffer of this pool, which gets it back; the buffer itself if it is none.
pub fn external<'s>(
    scope: &v8::PinScope<'s, '_, ()>,
    buffer: Vec<u8>,
) -> Result<Option<v8::Local<'s, v8::String>>, Vec<u8>> {
    unsafe extern "C" fn release(characters: *mut std::ffi::c_char, length: usize) {
        // SAFETY: taken apart below; V8 calls this once, with the same two. The capacity follows from the length.
        give(unsafe { Vec::from_raw_parts(characters.cast(), length, class(length + 1)) });
    }
    let length = buffer.len();
    if length < LEAST || buffer.capacity() != class(length + 1) || length > v8::String::MAX_LENGTH {
        return Err(buffer);
    }
    let mut buffer = std::mem::ManuallyDrop::new(buffer);
    // SAFETY: the memory is the string's until `release`.
    Ok(unsafe { v8::String::new_external_onebyte_raw(scope, buffer.as_mut_ptr().cast(), length, release) })
}

/// The keeper's look: lets go of everything that was not used for a while; when to look again.
pub fn trim(now: u64) -> Option<u64> {
    let unused = {
        let mut pool = lock(&POOL);
        if pool.buffers.is_empty() {
            return None;
        }
        if now < pool.used + KEPT {
            return Some(pool.used + KEPT);
        }
        pool.size = 0;
        std::mem::take(&mut pool.buffers)
    };
    drop(unused);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_size_and_at_most_a_third_more() {
        for size in (LEAST..LEAST * 64).step_by(997) {
            let capacity = class(size);
            assert!(capacity >= size && capacity <= size + size / 3, "{size}: {capacity}");
            assert_eq!(class(capacity), capacity);
        }
    }

    #[test]
    fn a_buffer_that_was_given_back_is_used_again_until_nobody_has_used_one_for_a_while() {
        let size = LEAST * 3;
        let buffer = take(size).unwrap_or_default();
        let place = buffer.as_ptr();
        give(buffer);
        assert_eq!(take(size).map(|buffer| buffer.as_ptr()), Some(place));
        give(take(size).unwrap_or_default());
        let now = watchdog::now();
        assert!(trim(now).is_some_and(|next| next > now));
        assert!(trim(now + 2 * KEPT).is_none());
        assert_eq!(lock(&POOL).size, 0);
    }
}
