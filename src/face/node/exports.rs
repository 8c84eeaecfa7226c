//! Registration, and the functions that `lib/native.js` sees.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi_sys as sys;

use super::env::{Message, NodeEnv, Shared};
use super::{raw, shared};
use crate::engine::platform;
use crate::engine::transfer::{Block, Latin1, SharedText, Text, pool};

/// Every call from JavaScript enters here: a panic becomes a JavaScript error.
pub(super) fn guard(env: sys::napi_env, body: impl FnOnce(&NodeEnv) -> sys::napi_value) -> sys::napi_value {
    let Some(node) = NodeEnv::of(env) else {
        raw::throw_type_error(env, c"islet: start() was not called");
        return ptr::null_mut();
    };
    catch_unwind(AssertUnwindSafe(|| body(node))).unwrap_or_else(|_| {
        raw::throw_type_error(env, c"islet: internal error");
        ptr::null_mut()
    })
}

macro_rules! plain {
    ($($name:ident),*) => {$(
        unsafe extern "C" fn $name(env: sys::napi_env, _info: sys::napi_callback_info) -> sys::napi_value {
            guard(env, |node| { node.$name(); ptr::null_mut() })
        }
    )*};
}

macro_rules! with_env {
    ($($name:ident),*) => {$(
        unsafe extern "C" fn $name(env: sys::napi_env, _info: sys::napi_callback_info) -> sys::napi_value {
            guard(env, |node| { node.$name(env); ptr::null_mut() })
        }
    )*};
}

plain!(send_again);
with_env!(call, resume, post, poll, rest, reply, settle, local);

/// `start(scratch, wake)`: sets the environment up.
unsafe extern "C" fn start(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let [scratch, wake] = raw::arguments::<2>(env, info);
    if NodeEnv::of(env).is_some() {
        raw::throw_type_error(env, c"islet: start() was called before");
        return ptr::null_mut();
    }
    crate::face::guest::install();
    platform::start();
    // The threadsafe function is made first, our hook after it: hooks run last-in first-out.
    let Some(node) = NodeEnv::create(env, wake) else {
        raw::throw_type_error(env, c"islet: the event loop can't be reached");
        return ptr::null_mut();
    };
    if let Some(memory) = raw::buffer(env, scratch) {
        node.scratch.set(memory);
    }
    let node = Box::into_raw(node);
    // SAFETY: the Box lives until `drop_env`, which runs after the hook and after the last call.
    unsafe {
        sys::napi_set_instance_data(env, node.cast(), Some(drop_env), ptr::null_mut());
        sys::napi_add_env_cleanup_hook(env, Some(end_env), node.cast());
    }
    ptr::null_mut()
}

unsafe extern "C" fn end_env(node: *mut c_void) {
    // SAFETY: registered with the environment's Box, which lives longer than its hooks.
    let node = unsafe { &*node.cast::<NodeEnv>() };
    let _ = catch_unwind(AssertUnwindSafe(|| node.end()));
}

unsafe extern "C" fn drop_env(_env: sys::napi_env, node: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by Box::into_raw in `start`; instance data is finalised once, when no call comes any more.
    drop(unsafe { Box::from_raw(node.cast::<NodeEnv>()) });
}

/// `setScratch(buffer)`: another, larger scratch.
unsafe extern "C" fn set_scratch(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [scratch] = raw::arguments::<1>(env, info);
        if let Some(memory) = raw::buffer(env, scratch) {
            node.scratch.set(memory);
        }
        ptr::null_mut()
    })
}

/// `stage(buffer, offset, length)`: copies memory out of an ArrayBuffer and gives the copy's number.
unsafe extern "C" fn stage(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [buffer, offset, length] = raw::arguments::<3>(env, info);
        let Some((data, size)) = raw::buffer(env, buffer) else { return ptr::null_mut() };
        let offset = raw::number(env, offset).max(0.0) as usize;
        let length = raw::number(env, length).max(0.0) as usize;
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return ptr::null_mut();
        }
        let bytes = if length == 0 {
            Vec::new()
        } else {
            // SAFETY: within the buffer, which no JavaScript can touch while this call runs.
            unsafe { std::slice::from_raw_parts(data.add(offset), length) }.to_vec()
        };
        raw::make_number(env, f64::from(node.add_block(Block::from_vec(bytes))))
    })
}

/// Memory of an ArrayBuffer of this environment, lent to whoever holds the block.
struct Lent {
    shared: Arc<Shared>,
    slot: u32,
}

/// `adopt(buffer)`: lends the memory of an ArrayBuffer that nothing else refers to, without a copy; the number of
/// the block, or undefined for an empty one.
unsafe extern "C" fn adopt(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe extern "C" fn give_back(_data: *mut c_void, _length: usize, lent: *mut c_void) {
        // SAFETY: made by Box::into_raw below; V8 calls a deleter once.
        let lent = unsafe { Box::from_raw(lent.cast::<Lent>()) };
        lent.shared.push(Message::BufferReturned(lent.slot));
    }
    guard(env, |node| {
        let [buffer] = raw::arguments::<1>(env, info);
        let Some((data, length)) = raw::buffer(env, buffer) else { return ptr::null_mut() };
        if length == 0 {
            return ptr::null_mut();
        }
        let reference = raw::reference(env, buffer);
        let slot = node.lent.borrow_mut().insert((reference, data));
        let lent = Box::into_raw(Box::new(Lent { shared: Arc::clone(&node.shared), slot }));
        // SAFETY: the reference keeps the memory alive until `give_back` has been heard of; an environment ends only
        // after its guests have stopped.
        let block = unsafe { Block::lent(data.cast(), length, give_back, lent.cast()) };
        raw::make_number(env, f64::from(node.add_block(block)))
    })
}

/// `reclaim(buffer)`: takes back the block behind an ArrayBuffer that [`take_buffer`] made, and detaches the buffer; the
/// block's number, or undefined for any other buffer.
unsafe extern "C" fn reclaim(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [buffer] = raw::arguments::<1>(env, info);
        let Some((data, _)) = raw::buffer(env, buffer) else { return ptr::null_mut() };
        let block = node.exported.borrow_mut().remove(&(data as usize));
        let Some(block) = block else { return ptr::null_mut() };
        raw::detach(env, buffer);
        raw::make_number(env, f64::from(node.add_block(block)))
    })
}

/// `isOwn(buffer)`: whether [`take_buffer`] made an ArrayBuffer on memory of ours.
unsafe extern "C" fn is_own(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [buffer] = raw::arguments::<1>(env, info);
        let Some((data, _)) = raw::buffer(env, buffer) else { return ptr::null_mut() };
        raw::make_truth(env, node.exported.borrow().contains_key(&(data as usize)))
    })
}

/// `detach(buffer)`: detaches an ArrayBuffer, whoever made it.
unsafe extern "C" fn detach(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |_| {
        let [buffer] = raw::arguments::<1>(env, info);
        raw::detach(env, buffer);
        ptr::null_mut()
    })
}

/// `takeBuffer(number)`: an ArrayBuffer on a block's memory, without a copy where the runtime allows it.
unsafe extern "C" fn take_buffer(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe extern "C" fn release(env: sys::napi_env, _data: *mut c_void, block: *mut c_void) {
        // SAFETY: made by Box::into_raw below; a finaliser runs once.
        let block = unsafe { Box::from_raw(block.cast::<Block>()) };
        if let Some(node) = NodeEnv::of(env) {
            let exported = node.exported.borrow_mut().remove(&(block.as_ptr() as usize));
            drop(exported);
        }
    }
    guard(env, |node| {
        let [number] = raw::arguments::<1>(env, info);
        let Ok(block) = node.take_block(raw::number(env, number) as u32) else { return ptr::null_mut() };
        let (data, length) = (block.as_ptr(), block.size());
        // Lent memory that comes home: the very ArrayBuffer. One that lent it before, and gave it to another since, has it no more.
        let lenders = node.lent.borrow();
        let lenders = lenders.iter().filter(|(_, lent)| *lent == data);
        let mut lenders = lenders.map(|(reference, _)| raw::referenced(env, *reference));
        if let Some(lender) =
            lenders.find(|lender| raw::buffer(env, *lender).is_some_and(|(own, _)| own == data))
        {
            return lender;
        }
        let mut buffer = ptr::null_mut();
        if length > 0 {
            let owner = Box::into_raw(Box::new(block.clone()));
            // SAFETY: the memory lives until `release` drops its owner.
            let status = unsafe {
                sys::napi_create_external_arraybuffer(
                    env,
                    data.cast(),
                    length,
                    Some(release),
                    owner.cast(),
                    &mut buffer,
                )
            };
            if status == sys::Status::napi_ok {
                node.exported.borrow_mut().insert(data as usize, block);
                return buffer;
            }
            // SAFETY: not taken over by the failed call.
            drop(unsafe { Box::from_raw(owner) });
        }
        let mut copy = ptr::null_mut();
        // SAFETY: in a running call; the new buffer has room for `length` bytes.
        unsafe {
            if sys::napi_create_arraybuffer(env, length, &mut copy, &mut buffer) == sys::Status::napi_ok
                && length > 0
            {
                copy.cast::<u8>().copy_from_nonoverlapping(data, length);
            }
        }
        buffer
    })
}

/// `stageText(string, wide)`: takes a string's characters, one byte each if it is not `wide`, and gives their number.
unsafe extern "C" fn stage_text(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [string, wide] = raw::arguments::<2>(env, info);
        let wide_room = |length| {
            let mut units = Vec::new();
            units.try_reserve_exact(length).is_ok().then_some(units)
        };
        let text = if raw::truth(env, wide) {
            // SAFETY: as `raw::characters` asks for; the place has the size that goes with it.
            raw::characters(wide_room, |place, size, length| unsafe {
                sys::napi_get_value_string_utf16(env, string, place, size, length)
            })
            .map(|units: Vec<u16>| Text::Two(units.into_boxed_slice()))
        } else {
            // SAFETY: as above.
            raw::characters(pool::take, |place: *mut u8, size, length| unsafe {
                sys::napi_get_value_string_latin1(env, string, place.cast(), size, length)
            })
            .map(|bytes| Text::One(bytes.into()))
        };
        text.map_or(ptr::null_mut(), |text| raw::make_number(env, f64::from(node.add_text(text))))
    })
}

/// `keepText(string)`: takes the characters of a string that has one byte for each, for any number of messages, until
/// `dropText(number)`; gives their number.
unsafe extern "C" fn keep_text(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [string] = raw::arguments::<1>(env, info);
        let get = |place: *mut u8, size| {
            let mut length = 0;
            // SAFETY: the place, if any, has this size.
            unsafe { sys::napi_get_value_string_latin1(env, string, place.cast(), size, &mut length) };
            length
        };
        let length = get(ptr::null_mut(), 0);
        let kept = SharedText::new(length, |place| get(place, length + 1));
        kept.map_or(ptr::null_mut(), |text| {
            raw::make_number(env, f64::from(node.add_text(Text::One(Latin1::Shared(text)))))
        })
    })
}

/// `shareText(number)`: the number of a string with the characters kept there, as `stageText` gives it.
unsafe extern "C" fn share_text(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [number] = raw::arguments::<1>(env, info);
        let Ok(text) = node.copy_text(raw::number(env, number) as u32) else { return ptr::null_mut() };
        raw::make_number(env, f64::from(node.add_text(text)))
    })
}

/// `dropText(number)`: lets go of what `keepText` took.
unsafe extern "C" fn drop_text(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [number] = raw::arguments::<1>(env, info);
        drop(node.take_text(raw::number(env, number) as u32));
        ptr::null_mut()
    })
}

/// `takeText(number)`: the string.
unsafe extern "C" fn take_text(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard(env, |node| {
        let [number] = raw::arguments::<1>(env, info);
        let Ok(text) = node.take_text(raw::number(env, number) as u32) else { return ptr::null_mut() };
        let string = raw::make_string(env, &text);
        if let Text::One(Latin1::Own(bytes)) = text {
            pool::give_back(bytes);
        }
        string
    })
}

/// The Node-API version that the addon asks for: 8 is in every supported runtime.
#[unsafe(no_mangle)]
pub extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    8
}

/// Node-API's entry.
///
/// # Safety
///
/// Called by the runtime, once per environment, with valid arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(
    env: sys::napi_env,
    exports: sys::napi_value,
) -> sys::napi_value {
    // JavaScript is read meanwhile.
    platform::begin();
    for (name, function) in [
        (c"start", start as raw::Callback),
        (c"setScratch", set_scratch),
        (c"call", call),
        (c"resume", resume),
        (c"post", post),
        (c"poll", poll),
        (c"rest", rest),
        (c"reply", reply),
        (c"settle", settle),
        (c"local", local),
        (c"sendAgain", send_again),
        (c"stage", stage),
        (c"adopt", adopt),
        (c"reclaim", reclaim),
        (c"isOwn", is_own),
        (c"detach", detach),
        (c"takeBuffer", take_buffer),
        (c"stageText", stage_text),
        (c"keepText", keep_text),
        (c"shareText", share_text),
        (c"dropText", drop_text),
        (c"takeText", take_text),
        (c"lendShared", shared::lend_shared),
        (c"takeShared", shared::take_shared),
    ] {
        raw::set_function(env, exports, name, function);
    }
    exports
}
