//! Weak handles for isolates that move between threads.
//!
//! The crate's own `v8::Weak` refuses such isolates, because its owner might be on another thread than
//! the collection. Here the owner is the guest's own table, which only the thread inside touches, and that is
//! the thread that collects. The C entry points are those the crate uses itself.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::rc::Rc;

unsafe extern "C" {
    fn v8__Global__NewWeak(
        isolate: v8::UnsafeRawIsolatePtr,
        data: *const v8::Data,
        parameter: *const c_void,
        callback: unsafe extern "C" fn(*const c_void),
    ) -> *const v8::Data;
    fn v8__Global__Reset(data: *const v8::Data);
    fn v8__Local__New(isolate: v8::UnsafeRawIsolatePtr, data: *const v8::Data) -> *const v8::Data;
    fn v8__WeakCallbackInfo__GetParameter(info: *const c_void) -> *mut c_void;
}

/// Slots whose objects were collected; the guest frees them when it is not in V8.
pub type Collected = Rc<RefCell<Vec<u32>>>;

struct Watch {
    slot: u32,
    collected: Collected,
    handle: Option<NonNull<v8::Data>>,
}

/// Notes in a list when an object is collected. Must be dropped inside its isolate.
pub struct WeakSlot(Box<Watch>);

impl WeakSlot {
    /// Watches `object`; when it is collected, `slot` is pushed to `collected`.
    pub fn new<T>(isolate: &v8::Isolate, object: v8::Local<'_, T>, slot: u32, collected: &Collected) -> Self {
        let mut watch = Box::new(Watch { slot, collected: Rc::clone(collected), handle: None });
        let parameter: *const Watch = &*watch;
        // SAFETY: the isolate is entered by the calling thread and `object` is a handle of it. The parameter
        // stays at its address until the handle is reset, by `on_collected` or by drop.
        let handle = unsafe {
            v8__Global__NewWeak(
                isolate.as_raw_isolate_ptr(),
                (&raw const *object).cast(),
                parameter.cast(),
                on_collected,
            )
        };
        watch.handle = NonNull::new(handle.cast_mut());
        Self(watch)
    }

    /// What is watched, if it is a module and wasn't collected.
    pub fn module<'s>(&self, scope: &v8::PinScope<'s, '_, ()>) -> Option<v8::Local<'s, v8::Module>> {
        let handle = self.0.handle?;
        // SAFETY: a living handle of the isolate that the calling thread is inside of; the new one belongs to `scope`.
        let data = unsafe { v8__Local__New(scope.as_raw_isolate_ptr(), handle.as_ptr()) };
        // SAFETY: a `Local` is a pointer that isn't null and a lifetime; the casts check nothing, but the caller made the watch
        // of a module.
        unsafe { std::mem::transmute::<*const v8::Data, Option<v8::Local<'s, v8::Module>>>(data) }
    }
}

/// V8's first-pass callback (v8-weak-callback-info.h): resets the handle and calls nothing of V8 beside.
unsafe extern "C" fn on_collected(info: *const c_void) {
    // SAFETY: V8 passes its info object; the parameter is the living `Watch` of an unreset handle.
    let watch = unsafe { &mut *v8__WeakCallbackInfo__GetParameter(info).cast::<Watch>() };
    if let Some(handle) = watch.handle.take() {
        // SAFETY: made by NewWeak, reset once.
        unsafe { v8__Global__Reset(handle.as_ptr()) };
    }
    // The list is borrowed only for moments in which no V8 code runs.
    if let Ok(mut collected) = watch.collected.try_borrow_mut() {
        collected.push(watch.slot);
    }
}

impl Drop for WeakSlot {
    fn drop(&mut self) {
        if let Some(handle) = self.0.handle.take() {
            // SAFETY: made by NewWeak, reset once, inside its isolate as the type demands.
            unsafe { v8__Global__Reset(handle.as_ptr()) };
        }
    }
}
