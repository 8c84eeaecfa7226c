//! A JavaScript value that is kept with a context, where no script finds it.
//!
//! The crate's own `Context::set_embedder_data` makes a weak handle beside it, which isolates that move between threads
//! can't have (see `weak`). The C entry points are those the crate uses itself.

use std::ffi::c_int;

unsafe extern "C" {
    fn v8__Context__SetEmbedderData(context: *const v8::Context, slot: c_int, data: *const v8::Value);
    fn v8__Context__GetNumberOfEmbedderDataFields(context: *const v8::Context) -> u32;
}

/// Slots that are others': the inspector's and the crate's. The crate counts from behind them.
const OTHERS: c_int = 2;

/// Keeps `value` with `context`.
pub fn set(context: v8::Local<v8::Context>, value: v8::Local<v8::Value>) {
    // SAFETY: both are handles of the isolate that the calling thread is inside of; V8 makes room for the slot.
    unsafe { v8__Context__SetEmbedderData(&raw const *context, OTHERS, &raw const *value) };
}

/// What [`set`] kept with `context`.
pub fn get<'s>(
    scope: &v8::PinScope<'s, '_>,
    context: v8::Local<'s, v8::Context>,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: a handle of the isolate that the calling thread is inside of.
    let fields = unsafe { v8__Context__GetNumberOfEmbedderDataFields(&raw const *context) };
    // Beyond its end V8 gives up.
    if fields <= OTHERS as u32 { None } else { context.get_embedder_data(scope, 0) }
}
