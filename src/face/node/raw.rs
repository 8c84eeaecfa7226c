//! The few Node-API calls that the face makes (nodejs.org/api/n-api.html).

use std::ffi::{CStr, c_void};
use std::ptr;

use napi_sys as sys;

use crate::engine::transfer::Text;

/// A function that JavaScript calls.
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Up to `N` arguments of a call, missing ones null.
pub fn arguments<const N: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> [sys::napi_value; N] {
    let mut count = N;
    let mut values = [ptr::null_mut(); N];
    // SAFETY: `info` belongs to the running call; `values` has room for `count`.
    unsafe {
        sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), ptr::null_mut());
    }
    values
}

/// A number argument.
pub fn number(env: sys::napi_env, value: sys::napi_value) -> f64 {
    let mut number = 0.0;
    // SAFETY: `value` is a value of the running call; on a wrong type `number` stays.
    unsafe { sys::napi_get_value_double(env, value, &mut number) };
    number
}

/// The memory of an `ArrayBuffer`.
pub fn buffer(env: sys::napi_env, value: sys::napi_value) -> Option<(*mut u8, usize)> {
    let (mut data, mut length) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: `value` is a value of the running call; on a wrong type the call fails.
    let status = unsafe { sys::napi_get_arraybuffer_info(env, value, &mut data, &mut length) };
    (status == sys::Status::napi_ok).then_some((data.cast(), length))
}

/// Detaches an `ArrayBuffer`.
pub fn detach(env: sys::napi_env, buffer: sys::napi_value) {
    // SAFETY: in a running call, `buffer` belongs to it; on a wrong type nothing happens.
    unsafe { sys::napi_detach_arraybuffer(env, buffer) };
}

/// A number for JavaScript.
pub fn make_number(env: sys::napi_env, number: f64) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: in a running call; on failure the value stays null, which means undefined.
    unsafe { sys::napi_create_double(env, number, &mut value) };
    value
}

/// A boolean for JavaScript.
pub fn make_truth(env: sys::napi_env, truth: bool) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: in a running call; on failure the value stays null, which means undefined.
    unsafe { sys::napi_get_boolean(env, truth, &mut value) };
    value
}

/// Throws a `TypeError`.
pub fn throw_type_error(env: sys::napi_env, message: &CStr) {
    // SAFETY: in a running call; the message ends with a zero byte.
    unsafe { sys::napi_throw_type_error(env, ptr::null(), message.as_ptr()) };
}

/// Sets a function as a property of `target`.
pub fn set_function(env: sys::napi_env, target: sys::napi_value, name: &CStr, callback: Callback) {
    let mut function = ptr::null_mut();
    // SAFETY: in a running call; the name ends with a zero byte; the callback needs no data.
    unsafe {
        sys::napi_create_function(
            env,
            name.as_ptr(),
            name.to_bytes().len() as isize,
            Some(callback),
            ptr::null_mut(),
            &mut function,
        );
        sys::napi_set_named_property(env, target, name.as_ptr(), function);
    }
}

/// Keeps `value` alive.
pub fn reference(env: sys::napi_env, value: sys::napi_value) -> sys::napi_ref {
    let mut reference = ptr::null_mut();
    // SAFETY: in a running call, `value` belongs to it.
    unsafe { sys::napi_create_reference(env, value, 1, &mut reference) };
    reference
}

/// Lets go of what [`reference`] keeps alive.
pub fn delete_reference(env: sys::napi_env, reference: sys::napi_ref) {
    // SAFETY: made by `reference`, deleted once.
    unsafe { sys::napi_delete_reference(env, reference) };
}

/// What a reference keeps alive.
pub fn referenced(env: sys::napi_env, reference: sys::napi_ref) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: in a running call; the reference was made by `reference` and not deleted.
    unsafe { sys::napi_get_reference_value(env, reference, &mut value) };
    value
}

/// Calls the function behind a reference, without arguments.
pub fn call(env: sys::napi_env, reference: sys::napi_ref) {
    let (mut function, mut undefined) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: on the environment's thread inside a handle scope; the reference was made by `reference`.
    unsafe {
        if sys::napi_get_reference_value(env, reference, &mut function) != sys::Status::napi_ok {
            return;
        }
        sys::napi_get_undefined(env, &mut undefined);
        sys::napi_call_function(env, undefined, function, 0, ptr::null(), ptr::null_mut());
    }
}

/// Whether an argument is `true`.
pub fn truth(env: sys::napi_env, value: sys::napi_value) -> bool {
    let mut truth = false;
    // SAFETY: `value` is a value of the running call; on a wrong type `truth` stays.
    unsafe { sys::napi_get_value_bool(env, value, &mut truth) };
    truth
}

/// The characters of a string. `get` is one of `napi_get_value_string_…` on it: with no place it tells the length, with a place for so
/// many it writes what fits, and a null. `room` makes a place for so many.
pub fn characters<T>(
    room: impl Fn(usize) -> Option<Vec<T>>,
    get: impl Fn(*mut T, usize, *mut usize) -> sys::napi_status,
) -> Option<Vec<T>> {
    let mut length = 0;
    if get(ptr::null_mut(), 0, &mut length) != sys::Status::napi_ok {
        return None;
    }
    // One more for the null that is written after them.
    let mut characters = room(length + 1)?;
    let mut written = 0;
    let status = get(characters.as_mut_ptr(), (length + 1).min(characters.capacity()), &mut written);
    if status != sys::Status::napi_ok || written > length {
        return None;
    }
    // SAFETY: there was room for so many, and they were written.
    unsafe { characters.set_len(written) };
    Some(characters)
}

/// A string for JavaScript.
pub fn make_string(env: sys::napi_env, text: &Text) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: in a running call; on failure (too long) the value stays null, which means undefined.
    unsafe {
        match text {
            Text::One(bytes) => {
                sys::napi_create_string_latin1(env, bytes.as_ptr().cast(), bytes.len() as isize, &mut value)
            }
            Text::Two(units) => {
                sys::napi_create_string_utf16(env, units.as_ptr(), units.len() as isize, &mut value)
            }
        }
    };
    value
}
