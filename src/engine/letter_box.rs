//! A place for one thing that one thread hands to another, with as few cache lines moved between their CPUs as can be.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Who may write. On a line of its own, which the reader never touches.
#[repr(align(64))]
#[derive(Default)]
struct Writing(AtomicBool);

/// On lines of its own: who writes and who reads it are on different CPUs.
#[repr(align(64))]
struct Place<T>(UnsafeCell<MaybeUninit<T>>);

/// One thing on its way. Whether it is there says the *mark*, a word that the reader spins on: the writer fills the box first and
/// changes the mark after, in one step, as every change of it is a transfer of its line there and back.
///
/// Of the states of a mark one means that the box is full, and some that it may be filled ("open"). Only
/// [`LetterBox::post`] changes an open one to full; the reader, once it saw that, calls [`LetterBox::take`] once before it makes
/// the mark open again.
pub struct LetterBox<T> {
    place: Place<T>,
    writing: Writing,
}

// SAFETY: `post` writes while `writing` is its own and the mark is open, when the reader doesn't look; the reader reads after
// `full` and before the mark is open again.
unsafe impl<T: Send> Sync for LetterBox<T> {}

impl<T> Default for LetterBox<T> {
    fn default() -> Self {
        Self { place: Place(UnsafeCell::new(MaybeUninit::uninit())), writing: Writing::default() }
    }
}

impl<T> LetterBox<T> {
    /// Puts `thing` in, leaves `None`, and makes the mark `full`, if it is open. The owner of the mark is still to be woken.
    pub fn post(&self, mark: &AtomicU64, is_open: impl Fn(u64) -> bool, full: u64, thing: &mut Option<T>) {
        if !is_open(mark.load(Ordering::SeqCst)) || self.writing.0.swap(true, Ordering::Acquire) {
            return;
        }
        // Once more, now that nobody else can post: what came last was taken before the mark was open.
        let before = mark.load(Ordering::SeqCst);
        if is_open(before)
            && let Some(posted) = thing.take()
        {
            // SAFETY: nobody else writes while `writing` is ours, and the reader waits for `full`.
            let place = unsafe { &mut *self.place.0.get() };
            place.write(posted);
            if mark.compare_exchange(before, full, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                // SAFETY: written above, and never full: nobody read it.
                *thing = Some(unsafe { place.assume_init_read() });
            }
        }
        self.writing.0.store(false, Ordering::Release);
    }

    /// Asks for the lines of a full box, which are on the writer's CPU, before they are needed.
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        for line in (0..size_of::<T>()).step_by(64) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: within the box; nothing is read, so it doesn't matter who writes there.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.place.0.get().cast::<i8>().add(line)) };
        }
    }

    /// What is in the box.
    ///
    /// # Safety
    ///
    /// The caller is the reader, saw that the mark is full, and does this once before it makes the mark open again.
    pub unsafe fn take(&self) -> T {
        // SAFETY: full says that it was written, and that nobody writes.
        unsafe { (*self.place.0.get()).assume_init_read() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const OPEN: u64 = 0;
    const FULL: u64 = 1;
    const AWAY: u64 = 2;

    #[test]
    fn nothing_is_lost_or_doubled_among_many_writers() {
        const WRITERS: usize = 3;
        let each = if cfg!(miri) { 40 } else { 20_000 };
        let (letter_box, mark) = (Arc::new(LetterBox::default()), Arc::new(AtomicU64::new(OPEN)));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (letter_box, mark) = (Arc::clone(&letter_box), Arc::clone(&mark));
                std::thread::spawn(move || {
                    for i in 0..each {
                        let mut thing = Some(Box::new((writer, i)));
                        while thing.is_some() {
                            letter_box.post(&mark, |mark| mark == OPEN, FULL, &mut thing);
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut next = [0; WRITERS];
        for turn in 0..each * WRITERS {
            while mark.load(Ordering::SeqCst) != FULL {
                std::thread::yield_now();
            }
            // SAFETY: full, and taken once.
            let thing = unsafe { letter_box.take() };
            let (writer, i) = *thing;
            assert_eq!(i, next[writer]);
            next[writer] += 1;
            mark.store(OPEN, Ordering::SeqCst);
            // Now and then it is claimed for something else while a writer writes.
            if turn % 3 == 0 && mark.compare_exchange(OPEN, AWAY, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            {
                mark.store(OPEN, Ordering::SeqCst);
            }
        }
        assert_eq!(next, [each; WRITERS]);
        for writer in writers {
            assert!(writer.join().is_ok());
        }
    }

    #[test]
    fn what_is_not_taken_stays_with_the_writer() {
        let (letter_box, mark) = (LetterBox::default(), AtomicU64::new(AWAY));
        let mut thing = Some(String::from("letter"));
        letter_box.post(&mark, |mark| mark == OPEN, FULL, &mut thing);
        assert_eq!(thing.as_deref(), Some("letter"));
    }
}
