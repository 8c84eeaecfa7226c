//! Rejections that a guest leaves unhandled, on their way to `onUnhandledRejection`.
//!
//! V8 says when a promise is rejected without a handler, and when it gets one after all. What is still unhandled when
//! the guest's microtasks have run is reported. A guest can reject faster than anybody listens: only so many
//! reports are under way at a time, the rest is counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::engine::host::HostValue;
use crate::engine::isolate::Isolate;
use crate::engine::isolate::guest::{Guest, Realm};
use crate::engine::isolate::task::Reply;
use crate::engine::lock;
use crate::engine::transfer::guest::Realmed;
use crate::engine::transfer::{Arguments, Function, PromiseCell, Transfer, Waker, errors};

/// Promises remembered until the guest's microtasks have run.
const REMEMBERED: usize = 1024;
/// Reports on their way at a time.
const REPORTS: usize = 32;
/// Bytes of reasons on their way at a time; one may be larger.
const BYTES: usize = 1 << 20;

/// An isolate's reports, as any thread sees them.
#[derive(Default)]
pub struct Reports {
    wanted: AtomicBool,
    listener: Mutex<Option<Arc<Function>>>,
    /// Handed over, not yet heard.
    under_way: AtomicUsize,
    bytes: AtomicUsize,
    /// Not handed over since the last report.
    dropped: AtomicUsize,
}

impl Reports {
    /// Reports go to `listener`.
    pub fn listen(&self, listener: Arc<Function>) {
        *lock(&self.listener) = Some(listener);
        self.wanted.store(true, Ordering::SeqCst);
    }

    /// Nobody hears of anything any more.
    pub fn end(&self) {
        self.wanted.store(false, Ordering::SeqCst);
        let listener = lock(&self.listener).take();
        drop(listener);
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Makes room for a report; `false` when as many as may be are under way.
    fn begin(&self) -> bool {
        if self.under_way.load(Ordering::SeqCst) >= REPORTS || self.bytes.load(Ordering::SeqCst) >= BYTES {
            return false;
        }
        self.under_way.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn send(isolate: &Arc<Isolate>, reason: Transfer, dropped: usize, origin: Option<Arc<HostValue>>) {
        let reports = &isolate.rejections;
        let listener = lock(&reports.listener).clone();
        let Some(listener) = listener else { return };
        let bytes = reason.weight();
        reports.bytes.fetch_add(bytes, Ordering::SeqCst);
        let (cell, settler) = PromiseCell::new();
        let heard = Arc::clone(isolate);
        cell.observe(Waker::Then(Box::new(move |_| {
            heard.rejections.bytes.fetch_sub(bytes, Ordering::SeqCst);
            heard.rejections.under_way.fetch_sub(1, Ordering::SeqCst);
        })));
        let arguments = Arguments::from_iter([reason, Transfer::Number(dropped as f64)]);
        listener.send_within(arguments, Reply::Promise(settler), origin);
    }
}

/// A promise that was rejected, and the async context of the environment that caused the task in which it was.
type Rejected = (v8::Global<v8::Promise>, Option<Arc<HostValue>>);

/// What the thread inside remembers.
#[derive(Default)]
pub struct Unhandled {
    promises: RefCell<Vec<Rejected>>,
    overflow: std::cell::Cell<usize>,
}

impl Unhandled {
    /// Forgets all, at the isolate's end.
    pub fn clear(&self) {
        let promises = std::mem::take(&mut *self.promises.borrow_mut());
        drop(promises);
    }
}

/// V8's callback (v8-promise.h, `PromiseRejectCallback`).
///
/// # Safety
///
/// Called by V8, on a thread inside an isolate of ours.
pub unsafe extern "C" fn on_reject(message: v8::PromiseRejectMessage<'_>) {
    v8::callback_scope!(unsafe scope, &message);
    let guest = Guest::of(scope);
    if !guest.context().isolate.rejections.is_wanted() && !guest.is_debugged() {
        return;
    }
    let promise = message.get_promise();
    let unhandled = &guest.unhandled;
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let mut promises = unhandled.promises.borrow_mut();
            if promises.len() < REMEMBERED {
                promises.push((v8::Global::new(scope, promise), guest.origin()));
            } else {
                unhandled.overflow.set(unhandled.overflow.get() + 1);
            }
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            let mut promises = unhandled.promises.borrow_mut();
            // Mostly the last one.
            match promises.iter().rposition(|(known, _)| *known == promise) {
                Some(i) => drop(promises.swap_remove(i)),
                // One of those that were only counted, if there are such.
                None => unhandled.overflow.set(unhandled.overflow.get().saturating_sub(1)),
            }
        }
        _ => {}
    }
}

/// Reports what is unhandled, when the guest's microtasks have run, to the isolate's listener and to debuggers. Reading a reason may run code of the guest (`stack`,
/// getters of what is copied): `go_on` says whether there is time left.
pub fn report(guest: &Guest, isolate: &Arc<Isolate>, v8: &mut v8::Isolate, go_on: impl Fn() -> bool) {
    let unhandled = &guest.unhandled;
    if unhandled.promises.borrow().is_empty() && unhandled.overflow.get() == 0 {
        return;
    }
    let promises = std::mem::take(&mut *unhandled.promises.borrow_mut());
    let reports = &isolate.rejections;
    let mut left = promises.len();
    let mut wanted = reports.is_wanted();
    let debugged = guest.is_debugged();
    reports.dropped.fetch_add(unhandled.overflow.take(), Ordering::SeqCst);
    v8::scope!(let scope, v8);
    for (promise, origin) in promises {
        left -= 1;
        if v8::Local::new(scope, &promise).has_handler() {
            // The library's own: its reason goes to a caller.
            continue;
        }
        if wanted && (!go_on() || !reports.begin()) {
            reports.dropped.fetch_add(left + 1, Ordering::SeqCst);
            wanted = false;
        }
        if !(wanted || debugged && go_on()) {
            return;
        }
        v8::scope!(let scope, scope);
        let promise = v8::Local::new(scope, promise);
        let any = guest.service_realm(scope);
        let any = v8::Local::new(scope, &any.context);
        let scope = &mut v8::ContextScope::new(scope, any);
        let context = promise.get_creation_context(scope).unwrap_or(any);
        let scope = &mut v8::ContextScope::new(scope, context);
        let realm = Rc::new(Realm { context: v8::Global::new(scope, context) });
        let realmed = Realmed { guest, isolate, realm: &realm };
        v8::tc_scope!(let scope, scope);
        let reason = promise.result(scope);
        let copy = errors::export(&realmed, scope, reason);
        guest.tell_uncaught(scope, reason, None, "Uncaught (in promise)");
        if !wanted {
            continue;
        }
        // The last report of this turn tells of what comes after it.
        let last = left > 0 && reports.under_way.load(Ordering::SeqCst) >= REPORTS;
        let after = if last { left } else { 0 };
        let dropped = reports.dropped.swap(0, Ordering::SeqCst) + after;
        Reports::send(isolate, copy, dropped, origin);
        wanted &= !last;
    }
}
