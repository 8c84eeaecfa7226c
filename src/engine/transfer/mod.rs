//! Neutral values: what crosses the line between two heaps.
//!
//! A [`Transfer`] owns its data, is `Send`, and points into no heap. Each face turns its own values into it
//! and back: [`guest`] for our V8, `face/node` for Node's.

mod block;
pub mod clone;
pub mod errors;
pub mod foreign;
pub mod guest;
pub mod pool;
mod promise;
mod text;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

pub use block::Block;
pub use promise::{PromiseCell, Settler, Waker};
pub use text::{LastTexts, Latin1, Shared as SharedText, Text};

use crate::engine::blob::Blob;
use crate::engine::error::ErrorValue;
use crate::engine::host::HostValue;
use crate::engine::inspector::Session;
use crate::engine::isolate::{Lease, Remote};
use crate::engine::limits::memory::{Charge, Memory};
use crate::engine::{Locked, lock};

/// A value in V8's structured-clone format, with what the bytes refer to by index.
#[derive(Debug, Default)]
pub struct Cloned {
    /// Header and value; the version byte says 15, which every V8 from Node 20 on reads.
    pub bytes: Vec<u8>,
    /// Array buffers that travel beside the bytes (tag `t`).
    pub buffers: Vec<Block>,
    /// Shared array buffers (tag `u`).
    pub shared: Vec<Block>,
    /// Handles nested in the value (tag `\`).
    pub handles: Vec<Transfer>,
}

impl Cloned {
    /// An array buffer.
    pub fn buffer(bytes: Vec<u8>) -> Self {
        // Structured clone's header, and "the transferred array buffer 0".
        Self { bytes: vec![0xff, 15, b't', 0], buffers: vec![Block::from_vec(bytes)], ..Self::default() }
    }

    /// Bytes held outside every heap.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.buffers.iter().map(Block::size).sum::<usize>()
    }
}

/// The memory all living [`Copied`] hold, in bytes: `ExternalCopy.totalExternalSize`.
pub static EXTERNAL_SIZE: AtomicUsize = AtomicUsize::new(0);

/// What an `ExternalCopy` holds.
#[derive(Debug)]
pub struct Copied {
    value: std::sync::Mutex<Option<Transfer>>,
    /// What it holds, in bytes; 0 once that was moved out.
    size: AtomicUsize,
    /// A code cache or snapshot that the library made, or found to be in order.
    pub blob: OnceLock<Arc<Blob>>,
    /// Whose memory it is: of the guest that had it first; nobody's (`None`) when that was a Node environment.
    charge: Mutex<Option<Option<Charge>>>,
    /// What is counted there, in bytes.
    weight: usize,
}

impl Copied {
    /// Holds `value`.
    pub fn new(value: Transfer) -> Arc<Self> {
        let size = match &value {
            Transfer::Cloned(cloned) => cloned.size(),
            Transfer::Text(text) => text.size(),
            _ => 0,
        };
        let weight = value.weight();
        EXTERNAL_SIZE.fetch_add(size, Ordering::Relaxed);
        Arc::new(Self {
            value: std::sync::Mutex::new(Some(value)),
            size: AtomicUsize::new(size),
            blob: OnceLock::new(),
            charge: Mutex::default(),
            weight,
        })
    }

    /// A guest has it; `false` when it is the first to have it, and there is no room.
    pub fn charge_to(&self, memory: &Arc<Memory>) -> bool {
        let mut owner = lock(&self.charge);
        if owner.is_none() {
            let Some(charge) = memory.charge(self.weight) else { return false };
            *owner = Some(Some(charge));
        }
        true
    }

    /// A Node environment has it.
    pub fn charge_nobody(&self) {
        lock(&self.charge).get_or_insert(None);
    }

    fn lock(&self) -> Locked<'_, Option<Transfer>> {
        lock(&self.value)
    }

    /// The value, its memory shared with this copy; `None` after [`Copied::take`].
    pub fn get(&self) -> Option<Transfer> {
        self.lock().clone()
    }

    /// Moves the value out (`transferIn`). Shared memory can't move: a copy of nothing else stays.
    pub fn take(&self) -> Option<Transfer> {
        if let Some(Transfer::Cloned(cloned)) = &*self.lock()
            && cloned.buffers.is_empty()
            && !cloned.shared.is_empty()
        {
            return Some(Transfer::Cloned(Arc::clone(cloned)));
        }
        self.forget_size();
        let charge = lock(&self.charge).replace(None);
        drop(charge);
        self.lock().take()
    }

    fn forget_size(&self) {
        EXTERNAL_SIZE.fetch_sub(self.size.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.forget_size();
    }
}

/// An instance of one of the library's own classes.
#[derive(Clone, Debug)]
pub enum Handle {
    /// `Isolate`.
    Isolate(Arc<Lease>),
    /// `Context`, `Script`, `Reference` or a function: something that lives in an isolate of ours.
    Remote(Arc<Remote>),
    /// `Reference` or `Callback` to something that lives in a Node environment.
    Host(Arc<HostValue>),
    /// `ExternalCopy`.
    Copied(Arc<Copied>),
    /// `InspectorSession`.
    Session(Arc<Session>),
}

/// How a guest waits for a host function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CallbackMode {
    /// Until it returned.
    Sync = 0,
    /// Not: it gets a promise.
    Async = 1,
    /// Not at all.
    Ignored = 2,
}

impl CallbackMode {
    /// The mode with this number on the wire.
    pub fn from_u8(n: u8) -> Self {
        match n {
            1 => Self::Async,
            2 => Self::Ignored,
            _ => Self::Sync,
        }
    }
}

/// A function on its way: it arrives as a plain function that calls back over the line.
#[derive(Clone, Debug)]
pub struct Function {
    /// The function itself: a [`Handle::Remote`] or a [`Handle::Host`].
    pub target: Handle,
    /// How its caller waits.
    pub mode: CallbackMode,
    /// Its `name`.
    pub name: Text,
    /// Its `length`.
    pub length: u32,
    /// For calls that no caller waits for: the time limit (ms, 0 for none) of the guest's call that handed it over.
    pub limit: u32,
}

/// Arguments of a call: a few need no memory of their own.
pub type Arguments = smallvec::SmallVec<[Transfer; 3]>;

/// A value on its way between two heaps.
#[derive(Clone, Debug)]
pub enum Transfer {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number that is a 32-bit integer.
    Int(i32),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(Text),
    /// A bigint: sign and 64-bit words, least first.
    BigInt(Box<(bool, Vec<u64>)>),
    /// Everything that structured clone can copy.
    Cloned(Arc<Cloned>),
    /// An error object.
    Error(Box<ErrorValue>),
    /// An instance of a class of the library; it arrives as such.
    Handle(Handle),
    /// Arrives as what the reference refers to (`derefInto`).
    Deref(Handle),
    /// Arrives as a copy of what the external copy holds (`copyInto`); moved out of it when the flag is set.
    CopyInto(Arc<Copied>, bool),
    /// The library itself.
    Library,
    /// Arrives as a plain function.
    Function(Arc<Function>),
    /// Arrives as a promise.
    Promise(Arc<PromiseCell>),
    /// Two results of one operation.
    Pair(Box<(Transfer, Transfer)>),
    /// Several results of one operation.
    List(Box<[Transfer]>),
    /// Figures, as of `getHeapStatistics`.
    Numbers(Box<[f64]>),
}

impl Transfer {
    /// About what it takes outside every heap, in bytes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(value) => value.size(),
            Self::Cloned(cloned) => {
                let counted = |block: &&Block| block.is_counted();
                let counted = cloned.buffers.iter().filter(counted).map(Block::size).sum::<usize>();
                cloned.size() - counted
                    + cloned.handles.iter().map(|handle| 64 + handle.weight()).sum::<usize>()
            }
            Self::BigInt(big) => big.1.len() * 8,
            Self::Error(error) => {
                error.message.size()
                    + error.stack.as_ref().map_or(0, Text::size)
                    + error.cause.as_ref().map_or(0, Self::weight)
                    + error.properties.as_ref().map_or(0, Self::weight)
            }
            Self::Function(function) => 256 + function.name.size(),
            Self::Handle(_) | Self::Deref(_) => 256,
            _ => 0,
        }
    }
}
