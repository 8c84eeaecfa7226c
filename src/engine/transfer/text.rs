//! Strings outside every heap.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A string as V8 keeps it: one byte a character where all are below U+0100, else UTF-16.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// Latin-1.
    One(Latin1),
    /// UTF-16, lone surrogates included.
    Two(Box<[u16]>),
}

impl Text {
    /// From Rust text.
    #[allow(clippy::should_implement_trait)]
    pub fn from_str(text: &str) -> Self {
        if text.is_ascii() {
            Self::One(text.as_bytes().to_vec().into())
        } else {
            Self::Two(text.encode_utf16().collect())
        }
    }

    /// As Rust text, lone surrogates replaced: for messages only.
    pub fn to_string_lossy(&self) -> String {
        match self {
            Self::One(bytes) => bytes.iter().map(|&b| b as char).collect(),
            Self::Two(units) => String::from_utf16_lossy(units),
        }
    }

    /// Bytes it takes.
    pub fn size(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Two(units) => units.len() * 2,
        }
    }
}

/// The characters of a Latin-1 string.
#[derive(Clone)]
pub enum Latin1 {
    /// For one string.
    Own(Vec<u8>),
    /// For any number of strings, in any number of heaps.
    Shared(Shared),
}

impl Deref for Latin1 {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Latin1 {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes)
    }
}

impl PartialEq for Latin1 {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Latin1 {}

impl Hash for Latin1 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl std::fmt::Debug for Latin1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self))
    }
}

/// Characters that nobody changes any more, and a byte after them: who writes them ends them with a null.
#[derive(Clone)]
pub struct Shared(Arc<[u8]>);

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[..self.0.len() - 1]
    }
}

impl Shared {
    /// `length` characters that `write` puts where it is told, with room for one byte more; it says how many they were.
    /// `None` if that isn't `length`.
    pub fn new(length: usize, write: impl FnOnce(*mut u8) -> usize) -> Option<Self> {
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length + 1).collect();
        let place = Arc::get_mut(&mut bytes)?;
        (write(place.as_mut_ptr()) == length).then_some(Self(bytes))
    }

    /// A V8 string on these characters, not on a copy of them. `None` when it is longer than V8 allows.
    pub fn external<'s>(self, scope: &v8::PinScope<'s, '_, ()>) -> Option<v8::Local<'s, v8::String>> {
        unsafe extern "C" fn release(characters: *mut std::ffi::c_char, length: usize) {
            let bytes = std::ptr::slice_from_raw_parts(characters.cast::<u8>(), length + 1);
            // SAFETY: taken apart below; V8 calls this once, with the same two.
            drop(unsafe { Arc::from_raw(bytes) });
        }
        let length = self.len();
        if length > v8::String::MAX_LENGTH {
            return None;
        }
        let characters = Arc::into_raw(self.0).cast::<std::ffi::c_char>().cast_mut();
        // SAFETY: the share is the string's until `release`; V8 only reads external strings.
        unsafe { v8::String::new_external_onebyte_raw(scope, characters, length, release) }
    }
}

/// The shared texts that came into one isolate last, and what became of them: one that comes again is the same string there.
/// Every external string weighs on V8's collector with all its length.
#[derive(Default)]
pub struct LastTexts(RefCell<[Option<LastText>; 2]>);

type LastText = (Shared, v8::Global<v8::String>);

/// What part of an isolate's limit a text may take that is kept for coming again.
const PART_KEPT: usize = 32;

impl LastTexts {
    /// The string for a text, in an isolate with this limit.
    pub fn string<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        text: Shared,
        limit: usize,
    ) -> Option<v8::Local<'s, v8::String>> {
        let mut last = self.0.borrow_mut();
        let known = last.iter().flatten().find(|(known, _)| Arc::ptr_eq(&known.0, &text.0));
        if let Some((_, string)) = known {
            return Some(v8::Local::new(scope, string));
        }
        let string = text.clone().external(scope)?;
        if text.len() <= limit / PART_KEPT {
            last.swap(0, 1);
            last[0] = Some((text, v8::Global::new(scope, string)));
        }
        Some(string)
    }

    /// Forgets them, at the end of the isolate.
    pub fn clear(&self) {
        self.0.take();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shared(text: &str) -> Text {
        let write = |place: *mut u8| {
            // SAFETY: there is room for so many.
            unsafe { place.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
            text.len()
        };
        Text::One(Latin1::Shared(Shared::new(text.len(), write).unwrap_or_else(|| unreachable!("written"))))
    }

    #[test]
    fn a_shared_text_is_the_same_as_one_of_its_own() {
        let (one, other) = (shared("1 + 1"), Text::from_str("1 + 1"));
        assert_eq!(one, other);
        assert_eq!(one.size(), 5);
        assert!(HashSet::from([one]).contains(&other));
        assert_ne!(shared("a"), other);
        assert_eq!(shared("").to_string_lossy(), "");
    }

    #[test]
    fn characters_that_were_not_all_written_are_no_text() {
        assert!(Shared::new(3, |_| 2).is_none());
    }
}
