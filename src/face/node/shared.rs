//! Shared array buffers over the line: the same memory on both sides.
//!
//! Memory of the host's is lent: a reference keeps the buffer alive until the last guest has let go, and when it
//! comes home it is the very object. Memory that a guest made can become a buffer of the host's where Node-API has a function
//! for that (`node_api_create_external_sharedarraybuffer`, Node 24 and later; not in the headers' stable part, so it is looked up).

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use napi_sys as sys;

use super::env::{Message, NodeEnv, Shared};
use super::exports::guard;
use super::raw;
use crate::engine::transfer::Block;

/// Memory of a shared buffer of this environment, lent to whoever holds the block.
struct Lent {
    shared: Arc<Shared>,
    slot: u32,
}

unsafe extern "C" fn give_back(_data: *mut c_void, _length: usize, lent: *mut c_void) {
    // SAFETY: made by Box::into_raw in `lend_shared`; V8 calls a deleter once.
    let lent = unsafe { Box::from_raw(lent.cast::<Lent>()) };
    lent.shared.push(Message::BufferReturned(lent.slot));
}

/// `lendShared(buffer, view)`: the number of a block on the memory of a `SharedArrayBuffer`, seen through a `Uint8Array` on
/// all of it (Node-API 8 has no look at the buffer itself); undefined for an empty one.
pub unsafe extern "C" fn lend_shared(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [buffer, view] = raw::arguments::<2>(env, info);
        let (mut data, mut length) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: `view` is a value of the running call; on a wrong type the call fails and the length stays 0.
        unsafe {
            sys::napi_get_typedarray_info(
                env,
                view,
                ptr::null_mut(),
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        let block = if length == 0 || data.is_null() {
            Block::empty_shared()
        } else {
            let slot = node.lent.borrow_mut().insert((raw::reference(env, buffer), data.cast()));
            let lent = Box::into_raw(Box::new(Lent { shared: Arc::clone(&node.shared), slot }));
            // SAFETY: the reference keeps the memory alive until `give_back` has been heard of; an environment ends
            // only after its guests have stopped. A shared buffer of fixed length never moves.
            unsafe { Block::lent_shared(data, length, give_back, lent.cast()) }
        };
        raw::make_number(env, f64::from(node.add_block(block)))
    })
}

/// As Node-API declares it (js_native_api.h).
type CreateExternal = unsafe extern "C" fn(
    sys::napi_env,
    *mut c_void,
    usize,
    unsafe extern "C" fn(*mut c_void, *mut c_void),
    *mut c_void,
    *mut sys::napi_value,
) -> sys::napi_status;

fn create_external() -> Option<CreateExternal> {
    static FOUND: OnceLock<Option<CreateExternal>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let name: *const c_char = c"node_api_create_external_sharedarraybuffer".as_ptr();
        // SAFETY: a name that ends with a zero byte, looked up among what the process has loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name) };
        // SAFETY: a function of this name has that type.
        (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, CreateExternal>(found) })
    })
}

unsafe extern "C" fn release(_data: *mut c_void, block: *mut c_void) {
    // SAFETY: made by Box::into_raw in `take_shared`; a finaliser runs once. On whatever thread: a block may be
    // dropped on any.
    drop(unsafe { Box::from_raw(block.cast::<Block>()) });
}

/// `takeShared(number)`: a `SharedArrayBuffer` on a block's memory; undefined where the runtime can't make one.
pub unsafe extern "C" fn take_shared(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node: &NodeEnv| {
        let [number] = raw::arguments::<1>(env, info);
        let Ok(block) = node.take_block(raw::number(env, number) as u32) else { return ptr::null_mut() };
        let (data, length) = (block.as_ptr(), block.size());
        if let Some((reference, _)) = node.lent.borrow().iter().find(|(_, lent)| *lent == data) {
            return raw::referenced(env, *reference);
        }
        let Some(create) = create_external() else { return ptr::null_mut() };
        if block.is_resizable() {
            return ptr::null_mut();
        }
        let mut buffer = ptr::null_mut();
        let owner = Box::into_raw(Box::new(block));
        // SAFETY: the memory lives until `release` drops its owner.
        let status = unsafe { create(env, data.cast(), length, release, owner.cast(), &mut buffer) };
        if status != sys::Status::napi_ok {
            // SAFETY: not taken over by the failed call.
            drop(unsafe { Box::from_raw(owner) });
            return ptr::null_mut();
        }
        buffer
    })
}
