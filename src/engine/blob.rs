//! Code caches and snapshots: data that V8 made and takes back without looking closely.
//!
//! V8's own checks of them (code-serializer.cc `SanityCheck`, snapshot.cc `CheckVersion`) tell its version, and end the
//! process for a snapshot of another; whether the data is for this very source they tell by the source's length. So
//! the library puts an envelope around the data: what it is, the build it is for, what it belongs to, its length and a
//! checksum. That finds accidents. A forger can compute the checksum as well: whoever may hand data to the host is
//! trusted like its code. A guest is not; what it hands over is taken only if the library itself made or checked it.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, OnceLock};

use crate::engine::platform;
use crate::engine::transfer::{Cloned, Copied, Handle, Text, Transfer};

/// What a blob holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// V8's code cache of one script.
    Code = b'c',
    /// V8's startup snapshot.
    Snapshot = b's',
}

/// Why data is no blob that can be used.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The value isn't bytes at all.
    #[error("it is not an array buffer")]
    NotBytes,
    /// Nothing that the library wrote.
    #[error("it was not made by islet")]
    Foreign,
    /// The other kind of blob.
    #[error("it is something else")]
    OtherKind,
    /// Made by another build.
    #[error("it was made by V8 {0} of another build, this is V8 {version}", version = v8::VERSION_STRING)]
    OtherBuild(String),
    /// Its content isn't what was written.
    #[error("it is damaged")]
    Damaged,
    /// A guest made it up, or the library can't tell that it didn't.
    #[error("it comes from a guest")]
    Untrusted,
}

const MAGIC: &[u8; 6] = b"islet\0";
const FORMAT: u8 = 1;
/// Magic, kind, format, then build, key, length and checksum as 64-bit numbers, and the version of V8 as text.
/// A multiple of 16: the content is as aligned as the whole.
const HEADER: usize = 64;

/// Checked data in memory that nobody else writes to.
#[derive(Debug)]
pub struct Blob {
    kind: Kind,
    whole: Box<[u8]>,
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

/// What a blob depends on beside its content.
fn build() -> u64 {
    static BUILD: OnceLock<u64> = OnceLock::new();
    *BUILD.get_or_init(|| {
        let here = [v8::VERSION_STRING, platform::FLAGS, std::env::consts::ARCH, std::env::consts::OS];
        hash(&[here.join("\n").as_bytes()])
    })
}

/// What a code cache belongs to: the source, however its text is kept.
pub fn key_of(source: &Text) -> u64 {
    match source {
        Text::One(bytes) => hash(&[bytes]),
        Text::Two(units) if units.iter().all(|unit| *unit < 256) => {
            hash(&[&units.iter().map(|unit| *unit as u8).collect::<Vec<_>>()])
        }
        Text::Two(units) => {
            hash(&[b"2", &units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>()])
        }
    }
}

impl Blob {
    /// Puts an envelope around what V8 made.
    pub fn seal(kind: Kind, key: u64, content: &[u8]) -> Arc<Self> {
        let mut whole = Vec::with_capacity(HEADER + content.len());
        whole.extend_from_slice(MAGIC);
        whole.extend_from_slice(&[kind as u8, FORMAT]);
        for number in [build(), key, content.len() as u64, hash(&[content])] {
            whole.extend_from_slice(&number.to_le_bytes());
        }
        whole.extend(v8::VERSION_STRING.bytes().take(HEADER - whole.len()));
        whole.resize(HEADER, 0);
        whole.extend_from_slice(content);
        Arc::new(Self { kind, whole: whole.into_boxed_slice() })
    }

    /// The blob in a value: an `ExternalCopy` of an array buffer, which remembers that it was looked at, or the
    /// buffer itself, which is only taken from those who are trusted.
    pub fn open(kind: Kind, value: &Transfer, trusted: bool) -> Result<Arc<Self>, Refusal> {
        let Transfer::Handle(Handle::Copied(copied)) = value else {
            return if trusted { Self::check(kind, value) } else { Err(Refusal::Untrusted) };
        };
        let blob = match copied.blob.get() {
            // What was moved out of the copy is gone, as everywhere else.
            Some(blob) if copied.get().is_some() => Arc::clone(blob),
            _ if !trusted => return Err(Refusal::Untrusted),
            _ => {
                let blob = Self::check(kind, &copied.get().ok_or(Refusal::NotBytes)?)?;
                Arc::clone(copied.blob.get_or_init(|| blob))
            }
        };
        if blob.kind == kind { Ok(blob) } else { Err(Refusal::OtherKind) }
    }

    fn check(kind: Kind, value: &Transfer) -> Result<Arc<Self>, Refusal> {
        let Transfer::Cloned(cloned) = value else { return Err(Refusal::NotBytes) };
        // First a copy: JavaScript may write to the original at any time.
        let whole: Box<[u8]> = bytes_of(cloned).ok_or(Refusal::NotBytes)?.into();
        let header = whole.get(..HEADER).ok_or(Refusal::Foreign)?;
        if &header[..6] != MAGIC || header[7] != FORMAT {
            return Err(Refusal::Foreign);
        }
        if header[6] != kind as u8 {
            return Err(Refusal::OtherKind);
        }
        if number(header, 8) != build() {
            let version = header[40..].iter().take_while(|byte| byte.is_ascii_graphic());
            return Err(Refusal::OtherBuild(version.map(|byte| *byte as char).collect()));
        }
        let content = &whole[HEADER..];
        if number(header, 24) != content.len() as u64 || number(header, 32) != hash(&[content]) {
            return Err(Refusal::Damaged);
        }
        Ok(Arc::new(Self { kind, whole }))
    }

    /// What V8 made.
    pub fn content(&self) -> &[u8] {
        &self.whole[HEADER..]
    }

    /// What it belongs to.
    pub fn key(&self) -> u64 {
        number(&self.whole, 16)
    }

    /// As the user gets it: an `ExternalCopy` of an array buffer.
    pub fn into_copy(self: Arc<Self>) -> Transfer {
        let copied = Copied::new(Transfer::Cloned(Arc::new(Cloned::buffer(self.whole.to_vec()))));
        let _ = copied.blob.set(self);
        Transfer::Handle(Handle::Copied(copied))
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
}

/// The content of an array buffer in structured-clone format.
fn bytes_of(cloned: &Cloned) -> Option<&[u8]> {
    let (&[0xff, _], rest) = cloned.bytes.split_first_chunk::<2>()? else { return None };
    match rest.split_first()? {
        (b't', [0]) => {
            let block = cloned.buffers.first()?;
            // SAFETY: valid for its size as long as `cloned` lives. JavaScript may write meanwhile if it has the memory
            // too; each byte then reads as either value.
            Some(unsafe { std::slice::from_raw_parts(block.as_ptr(), block.size()) })
        }
        (b'B', mut rest) => {
            let (mut length, mut shift) = (0usize, 0);
            while shift < 35 {
                let (&byte, after) = rest.split_first()?;
                rest = after;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    // After the buffer comes a view on it, if it is one of those.
                    return (rest.len() == length).then_some(rest);
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> Transfer {
        Transfer::Cloned(Arc::new(Cloned::buffer(bytes.to_vec())))
    }

    #[test]
    #[cfg_attr(miri, ignore = "V8 makes the buffer")]
    fn finds_every_changed_byte_but_those_of_the_version_text() {
        let blob = Blob::seal(Kind::Code, 7, b"some content");
        assert_eq!(Blob::check(Kind::Code, &buffer(&blob.whole)).map(|b| b.key()), Ok(7));
        for at in (0..blob.whole.len()).filter(|at| !(16..24).contains(at) && !(40..HEADER).contains(at)) {
            let mut bytes = blob.whole.to_vec();
            bytes[at] ^= 1;
            assert!(Blob::check(Kind::Code, &buffer(&bytes)).is_err(), "byte {at}");
        }
        for length in 0..blob.whole.len() {
            assert!(Blob::check(Kind::Code, &buffer(&blob.whole[..length])).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_source_has_one_key_however_it_is_kept() {
        assert_eq!(key_of(&Text::One(b"a\xe4".to_vec().into())), key_of(&Text::Two([0x61, 0xe4].into())));
        assert_ne!(key_of(&Text::from_str("a")), key_of(&Text::Two([0x61, 0x20ac].into())));
    }

    #[test]
    fn bytes_in_structured_clone_format_are_found_or_refused_whatever_they_are() {
        let mut seed = 0x2468_ace0_1357_9bdf_u64;
        let mut found = 0;
        for _ in 0..if cfg!(miri) { 500 } else { 100_000 } {
            let mut bytes = vec![0xff, 15, b'B'];
            for _ in 0..seed % 12 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                bytes.push([seed as u8, 0, 1, 5, 0x80, 0xff, b't', b'B'][(seed >> 32) as usize % 8]);
            }
            if seed.is_multiple_of(5) {
                bytes.remove(0);
            }
            seed = seed.wrapping_add(1);
            let cloned = Cloned { bytes, ..Cloned::default() };
            found += bytes_of(&cloned).map_or(0, |found| usize::from(found.len() < cloned.bytes.len()));
        }
        assert!(found > 0);
    }
}
