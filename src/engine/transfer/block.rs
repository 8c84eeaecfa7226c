//! Memory of array buffers outside every heap.
//!
//! Outside V8's sandbox any memory can be a buffer's, so that a block is V8's own handle of memory wherever it came from. With the
//! sandbox (cargo feature `sandbox`) the buffers of guests lie inside it, in memory of V8's making: what comes from elsewhere is kept as it is until a
//! guest gets a copy of it.

use std::ffi::c_void;
use std::sync::Arc;

use crate::engine::error::Failure;
use crate::engine::limits::memory::Memory;

type Store = v8::SharedRef<v8::BackingStore>;
type Release = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

/// A block of array-buffer memory outside every heap.
#[derive(Clone)]
pub struct Block {
    memory: Bytes,
    /// The account of a guest that it counts in as long as it exists.
    account: Option<Arc<Memory>>,
}

#[derive(Clone)]
enum Bytes {
    /// V8's, or memory that V8 knows how to let go of.
    V8(Store),
    #[cfg(feature = "sandbox")]
    Outside(Arc<outside::Outside>),
}

// SAFETY: the shared pointer's count is atomic (std::shared_ptr), the store it points to is immutable
// but for its bytes, and those are used by one heap at a time (or declared shared by the script).
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} bytes)", self.size())
    }
}

impl Block {
    /// The memory of a guest's buffer, counted there if there is an account.
    pub fn of_guest(store: Store, account: Option<Arc<Memory>>) -> Self {
        Self { memory: Bytes::V8(store), account }
    }

    /// Start of the memory; dangling when empty.
    pub fn as_ptr(&self) -> *mut u8 {
        match &self.memory {
            Bytes::V8(store) => {
                store.data().map_or(std::ptr::NonNull::dangling().as_ptr(), |p| p.as_ptr().cast())
            }
            #[cfg(feature = "sandbox")]
            Bytes::Outside(outside) => outside.data.cast(),
        }
    }

    /// Length in bytes.
    pub fn size(&self) -> usize {
        match &self.memory {
            Bytes::V8(store) => store.byte_length(),
            #[cfg(feature = "sandbox")]
            Bytes::Outside(outside) => outside.size,
        }
    }

    /// Whether scripts can change its size.
    pub fn is_resizable(&self) -> bool {
        match &self.memory {
            Bytes::V8(store) => store.is_resizable_by_user_javascript(),
            #[cfg(feature = "sandbox")]
            Bytes::Outside(_) => false,
        }
    }

    /// Whether some guest's account counts it.
    pub fn is_counted(&self) -> bool {
        self.account.is_some()
    }

    /// Whether this account counts it.
    pub fn is_counted_in(&self, memory: &Arc<Memory>) -> bool {
        self.account.as_ref().is_some_and(|owner| Arc::ptr_eq(owner, memory))
    }

    /// A copy of the bytes in memory of its own.
    pub fn duplicate(&self) -> Self {
        // SAFETY: `as_ptr` is valid for `size` bytes as long as `self` lives. A shared block may be written
        // meanwhile by scripts; u8 reads of it then give either value, as in JavaScript.
        let bytes = unsafe { std::slice::from_raw_parts(self.as_ptr(), self.size()) };
        Self::from_vec(bytes.to_vec())
    }
}

#[cfg(not(feature = "sandbox"))]
impl Block {
    /// Takes over `bytes`.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self::of_guest(v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared(), None)
    }

    /// No memory, for shared buffers.
    pub fn empty_shared() -> Self {
        Self::of_guest(v8::SharedArrayBuffer::new_backing_store_from_vec(Vec::new()).make_shared(), None)
    }

    /// Memory of somebody else, until `release` is called with all three, once, on any thread.
    ///
    /// # Safety
    /// It is valid until then.
    pub unsafe fn lent(data: *mut c_void, size: usize, release: Release, owner: *mut c_void) -> Self {
        // SAFETY: the caller's.
        let store = unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, size, release, owner) };
        Self::of_guest(store.make_shared(), None)
    }

    /// The same, for memory that is shared.
    ///
    /// # Safety
    /// As of [`Block::lent`].
    pub unsafe fn lent_shared(data: *mut c_void, size: usize, release: Release, owner: *mut c_void) -> Self {
        // SAFETY: the caller's.
        let store = unsafe { v8::SharedArrayBuffer::new_backing_store_from_ptr(data, size, release, owner) };
        Self::of_guest(store.make_shared(), None)
    }

    /// As memory of a shared buffer of a guest.
    pub fn shared_store(&self) -> Result<Store, Failure> {
        let Bytes::V8(store) = &self.memory;
        Ok(store.clone())
    }

    /// As memory of a buffer of this guest: counted until the guest lets go of it. `None` when it doesn't fit the limit.
    pub fn adopt(self, _isolate: &mut v8::Isolate, memory: &Arc<Memory>) -> Option<Store> {
        struct Adopted {
            block: Block,
            memory: Arc<Memory>,
        }
        unsafe extern "C" fn release(_: *mut c_void, _: usize, adopted: *mut c_void) {
            // SAFETY: made by Box::into_raw below; V8 calls a deleter once.
            let adopted = unsafe { Box::from_raw(adopted.cast::<Adopted>()) };
            adopted.memory.free(adopted.block.size());
        }
        let Bytes::V8(store) = &self.memory;
        // It moved out of this isolate, and is counted still.
        if self.is_counted_in(memory) && !self.is_resizable() {
            return Some(store.clone());
        }
        let size = self.size();
        if !memory.reserve(size) {
            return None;
        }
        let data = self.as_ptr();
        let adopted = Box::into_raw(Box::new(Adopted { block: self, memory: Arc::clone(memory) }));
        // SAFETY: the memory stays valid until `release` drops the block that owns it.
        let store = unsafe {
            v8::ArrayBuffer::new_backing_store_from_ptr(data.cast(), size, release, adopted.cast())
        };
        Some(store.make_shared())
    }
}

#[cfg(feature = "sandbox")]
mod outside {
    use super::{Arc, Block, Bytes, Failure, Memory, Release, Store, c_void};

    /// Memory that isn't V8's.
    pub struct Outside {
        pub data: *mut c_void,
        pub size: usize,
        release: Release,
        owner: *mut c_void,
    }

    // SAFETY: whoever lent it lets it be used and released on any thread.
    unsafe impl Send for Outside {}
    // SAFETY: as above.
    unsafe impl Sync for Outside {}

    impl Drop for Outside {
        fn drop(&mut self) {
            // SAFETY: once, says who lent it.
            unsafe { (self.release)(self.data, self.size, self.owner) };
        }
    }

    impl Block {
        /// Takes over `bytes`.
        pub fn from_vec(bytes: Vec<u8>) -> Self {
            unsafe extern "C" fn release(_: *mut c_void, _: usize, owner: *mut c_void) {
                // SAFETY: made by Box::into_raw below, and released once.
                drop(unsafe { Box::from_raw(owner.cast::<Vec<u8>>()) });
            }
            let mut bytes = Box::new(bytes);
            let (data, size) = (bytes.as_mut_ptr().cast(), bytes.len());
            // SAFETY: valid as long as the owner lives.
            unsafe { Self::lent(data, size, release, Box::into_raw(bytes).cast()) }
        }

        /// No memory, for shared buffers.
        pub fn empty_shared() -> Self {
            Self::from_vec(Vec::new())
        }

        /// Memory of somebody else, until `release` is called with all three, once, on any thread.
        ///
        /// # Safety
        /// It is valid until then.
        pub unsafe fn lent(data: *mut c_void, size: usize, release: Release, owner: *mut c_void) -> Self {
            Self { memory: Bytes::Outside(Arc::new(Outside { data, size, release, owner })), account: None }
        }

        /// The same, for memory that is shared.
        ///
        /// # Safety
        /// As of [`Block::lent`].
        pub unsafe fn lent_shared(
            data: *mut c_void,
            size: usize,
            release: Release,
            owner: *mut c_void,
        ) -> Self {
            // SAFETY: the caller's.
            unsafe { Self::lent(data, size, release, owner) }
        }

        /// As memory of a shared buffer of a guest: that of another guest only.
        pub fn shared_store(&self) -> Result<Store, Failure> {
            match &self.memory {
                Bytes::V8(store) => Ok(store.clone()),
                Bytes::Outside(_) => Err(Failure::NotCloneable(
                    "Memory of a host can't be shared with a guest inside V8's sandbox.".into(),
                )),
            }
        }

        /// As memory of a buffer of this guest: a copy, unless it is a guest's already. V8 counts it, the account doesn't.
        pub fn adopt(self, isolate: &mut v8::Isolate, _memory: &Arc<Memory>) -> Option<Store> {
            if let Bytes::V8(store) = &self.memory
                && !self.is_resizable()
            {
                return Some(store.clone());
            }
            let store = v8::ArrayBuffer::new_backing_store(isolate, self.size());
            if let Some(data) = store.data() {
                // SAFETY: as large as this block; nobody else knows of it yet.
                unsafe { data.as_ptr().cast::<u8>().copy_from_nonoverlapping(self.as_ptr(), self.size()) };
            }
            Some(store.make_shared())
        }
    }
}
