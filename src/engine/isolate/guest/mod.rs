//! What only the thread inside an isolate touches: V8's isolate, the handle table, and what the guest holds of others.

mod running;
mod waiting;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use self::running::Inside;
use super::Isolate;
use super::modules::{Modules, Record};
use super::slots::Slots;
use super::task::{Request, Task};
use super::written::Written;
use crate::engine::blob::Blob;
use crate::engine::error::Failure;
use crate::engine::executor::Worker;
use crate::engine::host::{HostValue, TreeId};
use crate::engine::inspector::agent::Agent;
use crate::engine::limits::deadline::Deadline;
use crate::engine::limits::memory::{self, Charge, Memory};
use crate::engine::limits::watchdog::{self, Over};
use crate::engine::limits::{account, fatal, heap};
#[cfg(target_os = "linux")]
use crate::engine::limits::{condemned, zero_pages};
use crate::engine::operations;
use crate::engine::platform;
use crate::engine::rejections::{self, Unhandled};
use crate::engine::signal::Waiter;
use crate::engine::source_maps::{self, SourceMaps};
use crate::engine::transfer::LastTexts;
use crate::engine::transfer::foreign::Foreign;
use crate::engine::transfer::guest::PromiseWatch;
use crate::engine::weak::{Collected, WeakSlot};

/// A context of the guest, shared by everything that lives in it.
pub struct Realm {
    /// V8's context.
    pub context: v8::Global<v8::Context>,
}

/// What bounds late reactions to a promise: the bounds of the call that made it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The tree of calls.
    pub tree: TreeId,
    /// `timeout` in ms; 0 for none.
    pub timeout: u32,
}

/// One entry of the handle table.
pub enum Entry {
    /// A `Context`.
    Context(Rc<Realm>),
    /// A `Script`.
    Script(v8::Global<v8::UnboundScript>),
    /// A `Module`.
    Module {
        /// V8's module.
        module: v8::Global<v8::Module>,
        /// What is known of it.
        record: Rc<Record>,
        /// Where it was linked.
        realm: Option<Rc<Realm>>,
    },
    /// Any value: what a `Reference` or an exported function refers to.
    Value {
        /// The value.
        value: v8::Global<v8::Value>,
        /// Where it is used.
        realm: Rc<Realm>,
        /// `get` finds inherited properties too (`unsafeInherit`).
        inherit: bool,
    },
    /// The guest's half of a promise that somebody else settles.
    Resolver {
        /// V8's resolver.
        resolver: v8::Global<v8::PromiseResolver>,
        /// Where it lives.
        realm: Rc<Realm>,
        /// The call that made the promise: its reactions are that call's.
        made_in: Bounds,
        /// The async context of that call.
        context: Option<Arc<HostValue>>,
    },
}

/// What this guest holds of others: the thing, who sees its object go, and that it is memory.
type Held = (Rc<Foreign>, Option<WeakSlot>, Charge);

/// Everything inside one isolate.
pub struct Guest {
    shared: v8::SharedIsolate,
    terminator: v8::IsolateHandle,
    address: usize,
    memory: Arc<Memory>,
    /// What others hold of this isolate.
    pub table: RefCell<Slots<Entry>>,
    /// Its modules.
    pub modules: Modules,
    /// What this guest holds of others: functions and handles, freed when their objects are collected.
    pub foreign: RefCell<Slots<Held>>,
    /// Slots of `foreign` whose objects were collected.
    pub collected: Collected,
    /// What the library in guests keeps for all contexts of the isolate, by name.
    pub templates: RefCell<HashMap<&'static str, v8::Global<v8::FunctionTemplate>>>,
    /// Requests that the library in this guest is writing, innermost last.
    pub message: RefCell<Vec<Written>>,
    /// Promises of this guest that are observed from outside.
    pub watches: RefCell<Slots<PromiseWatch>>,
    /// Long strings that came in last.
    pub texts: LastTexts,
    /// Where its code came from, if it says so.
    pub source_maps: RefCell<SourceMaps>,
    /// Promises of this guest that were rejected and have no handler.
    pub unhandled: Unhandled,
    /// Debugging and profiling, once somebody asked for it.
    pub agent: RefCell<Option<Rc<Agent>>>,
    service: RefCell<Option<Rc<Realm>>>,
    last_realm: RefCell<std::rc::Weak<Realm>>,
    privates: RefCell<HashMap<&'static str, v8::Global<v8::Private>>>,
    current: RefCell<Option<Rc<Context>>>,
    depth: Cell<u32>,
    /// How many of the tasks on the stack stand still for a promise.
    standing: Cell<u32>,
    /// V8 works in the background for it, as [`Isolate::set_background`] was told.
    has_background: Cell<bool>,
    tree: Cell<TreeId>,
    timed_out: Cell<Option<Over>>,
    /// What bounds the task that runs.
    bounds: Cell<Bounds>,
    /// The async context of the environment that caused the task.
    origin: RefCell<Option<Arc<HostValue>>>,
    /// The last `timeout` that a call had: for what V8 does later, of which nobody knows who caused it.
    last_timeout: Cell<u32>,
    /// Deadlines of the tasks that run, innermost last.
    deadlines: RefCell<Vec<Arc<Deadline>>>,
    waiter: RefCell<Waiter>,
    heap: OnceCell<Box<heap::Watch>>,
    /// What V8's isolate was made from, and reads from as long as it lives.
    _snapshot: Option<Arc<Blob>>,
}

// SAFETY: a Guest moves between threads only while no thread is inside (it is handed over through the isolate's
// queue, under its lock), and V8's Locker orders all use of what it holds.
unsafe impl Send for Guest {}

/// Where a running guest is: which isolate, on which thread.
pub struct Context {
    /// The isolate.
    pub isolate: Arc<Isolate>,
    /// The thread.
    pub worker: &'static Worker,
}

#[derive(Clone, Copy)]
struct GuestSlot(*const Guest);

impl Guest {
    /// Makes V8's isolate, on the calling guest thread.
    pub fn new(isolate: &Arc<Isolate>) -> Box<Self> {
        fatal::set_current(Some(Arc::clone(isolate)));
        let memory = Arc::clone(&isolate.memory);
        let mut params = v8::CreateParams::default()
            .heap_limits(0, memory.limit)
            .array_buffer_allocator(memory::allocator(&memory).make_shared())
            .allow_atomics_wait(false);
        if let Some(snapshot) = &isolate.snapshot {
            // SAFETY: the guest holds the blob, whose memory nobody writes to, longer than V8's isolate (the order of its
            // fields). A guest that is given up is never dropped.
            let content = unsafe { std::mem::transmute::<&[u8], &'static [u8]>(snapshot.content()) };
            params = params.snapshot_blob(v8::StartupData::from(content));
        }
        // What V8 reserves for itself is no buffer of the guest's.
        let make = || fatal::making(|| account::without(|| v8::Isolate::new(params)));
        #[cfg(target_os = "linux")]
        let mut owned = if condemned::is_crowded() { zero_pages::after(make) } else { make() };
        #[cfg(not(target_os = "linux"))]
        let mut owned = make();
        owned.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        owned.set_oom_error_handler(fatal::out_of_memory);
        owned.set_capture_stack_trace_for_uncaught_exceptions(false, 0);
        // SAFETY: the raw pointer is used as a number only.
        let address =
            unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(owned.as_raw_isolate_ptr()) };
        platform::register(address, Arc::downgrade(isolate));
        let terminator = owned.thread_safe_handle();
        memory.set_stop(terminator.clone());
        // SAFETY: everything attached to the isolate (the slot below, its callbacks' data, the allocator) is
        // used only by the thread inside, or is Sync.
        let shared = match unsafe { owned.try_into_shared() } {
            Ok(shared) => shared,
            Err(error) => unreachable!("a fresh isolate can be shared: {error}"),
        };
        let guest = Box::new(Self {
            shared,
            terminator,
            address,
            memory,
            table: RefCell::default(),
            modules: Modules::default(),
            foreign: RefCell::default(),
            collected: Collected::default(),
            templates: RefCell::default(),
            message: RefCell::default(),
            watches: RefCell::default(),
            texts: LastTexts::default(),
            source_maps: RefCell::default(),
            unhandled: Unhandled::default(),
            agent: RefCell::new(None),
            service: RefCell::new(None),
            last_realm: RefCell::default(),
            privates: RefCell::default(),
            current: RefCell::new(None),
            depth: Cell::new(0),
            standing: Cell::new(0),
            has_background: Cell::new(false),
            tree: Cell::new(0),
            timed_out: Cell::default(),
            bounds: Cell::default(),
            origin: RefCell::default(),
            last_timeout: Cell::new(0),
            deadlines: RefCell::default(),
            waiter: RefCell::default(),
            heap: OnceCell::new(),
            _snapshot: isolate.snapshot.clone(),
        });
        let link: *const Guest = &*guest;
        {
            let mut locker = guest.shared.lock();
            locker.set_slot(GuestSlot(link));
            if isolate.maps_sources.load(Ordering::Relaxed) {
                locker.set_prepare_stack_trace_callback(source_maps::prepare_stack_trace);
            }
            locker.set_promise_reject_callback(rejections::on_reject);
            operations::imports::install(&mut locker);
            guest.heap.get_or_init(|| Box::new(heap::Watch::new(link))).install(&mut locker);
        }
        guest
    }

    /// Terminates what runs inside, from any thread.
    pub fn terminator(&self) -> v8::IsolateHandle {
        self.terminator.clone()
    }

    /// The guest that the calling thread is inside of. For V8's callbacks: the reference must not be kept
    /// beyond the callback, during which `enter` holds the guest.
    pub fn of<'a>(isolate: &v8::Isolate) -> &'a Self {
        Self::find(isolate).unwrap_or_else(|| unreachable!("an isolate of ours has a guest"))
    }

    /// The same, where V8's isolate may be one in which a snapshot is made.
    pub fn find<'a>(isolate: &v8::Isolate) -> Option<&'a Self> {
        let slot = isolate.get_slot::<GuestSlot>().copied()?;
        // SAFETY: set in `new` for every isolate with a guest; the Guest owns V8's isolate and so outlives it, and
        // stays at its address while a thread is inside.
        Some(unsafe { &*slot.0 })
    }

    /// V8's isolate, for its callbacks that don't pass it: while the calling thread is inside.
    pub fn raw_isolate(&self) -> v8::Isolate {
        // SAFETY: the guest owns V8's isolate, and the callback's caller is inside of it.
        unsafe { v8::Isolate::from_raw_ptr(self.address as *mut v8::RealIsolate) }
    }

    /// Makes our callback the one that V8 asks when its heap is at the limit: the last one added.
    pub fn watch_heap_limit(&self, v8: &mut v8::Isolate) {
        if let Some(heap) = self.heap.get() {
            heap.come_first(v8);
        }
    }

    /// The isolate's memory account.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The context that V8 is in.
    pub fn current_realm(&self, scope: &v8::PinScope<'_, '_>) -> Rc<Realm> {
        Rc::new(Realm { context: v8::Global::new(scope, scope.get_current_context()) })
    }

    /// A key for what only the library sees on the guest's objects.
    pub fn private<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        name: &'static str,
    ) -> v8::Local<'s, v8::Private> {
        let known = self.privates.borrow().get(name).map(|key| v8::Local::new(scope, key));
        known.unwrap_or_else(|| {
            let text = crate::engine::transfer::guest::str(scope, name);
            let key = v8::Private::new(scope, Some(text));
            self.privates.borrow_mut().insert(name, v8::Global::new(scope, key));
            key
        })
    }

    /// A context for work that needs any: the last one made, or else one of its own.
    pub fn service_realm(&self, scope: &mut v8::PinScope<'_, '_, ()>) -> Rc<Realm> {
        if let Some(realm) = self.last_realm.borrow().upgrade() {
            return realm;
        }
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        let realm = Rc::new(Realm { context: v8::Global::new(scope, context) });
        *self.service.borrow_mut() = Some(Rc::clone(&realm));
        self.note_realm(&realm);
        realm
    }

    /// Notes a context as the last one made.
    pub fn note_realm(&self, realm: &Rc<Realm>) {
        *self.last_realm.borrow_mut() = Rc::downgrade(realm);
    }

    /// Where it runs at the moment.
    pub fn context(&self) -> Rc<Context> {
        match &*self.current.borrow() {
            Some(context) => Rc::clone(context),
            None => unreachable!("guest code runs only while a thread is inside"),
        }
    }

    /// `timeout` of the task that runs, in ms; 0 for none.
    pub fn limit(&self) -> u32 {
        self.bounds.get().timeout
    }

    /// The tree of calls that runs.
    pub fn tree(&self) -> TreeId {
        self.tree.get()
    }

    /// Whether there are contexts that can be debugged, or debuggers.
    pub fn is_debugged(&self) -> bool {
        self.agent.borrow().is_some()
    }

    /// Whether the task that runs isn't served inside another one: microtasks may run.
    pub fn is_outermost(&self) -> bool {
        self.depth.get() == 1
    }

    /// Enters the isolate on the calling thread and lets `body` work. `body` says whether the isolate goes on;
    /// if not, V8's isolate is disposed here.
    pub fn enter(
        self: Box<Self>,
        isolate: &Arc<Isolate>,
        worker: &'static Worker,
        body: impl FnOnce(&mut Inside<'_>) -> bool,
    ) -> Option<Box<Self>> {
        fatal::set_current(Some(Arc::clone(isolate)));
        let mut locker = self.shared.lock();
        // The isolate's own lock is no other's concern: a thread that sleeps for good takes it along with the isolate.
        account::count_lock(-1);
        isolate.inspector.entered(&self.terminator);
        *self.current.borrow_mut() = Some(Rc::new(Context { isolate: Arc::clone(isolate), worker }));
        isolate.set_entered(Some(&self));
        let live = body(&mut Inside { guest: &self, v8: &mut locker });
        if !live {
            self.forget_everything(isolate, &mut locker);
        }
        isolate.set_entered(None);
        *self.current.borrow_mut() = None;
        account::count_lock(1);
        drop(locker);
        let guest = if live {
            Some(self)
        } else {
            drop(self);
            // Handles keep the account, for long perhaps; the heap is gone.
            isolate.memory.note_heap(0);
            None
        };
        fatal::set_current(None);
        guest
    }

    /// The end without V8, which is out of order: lets go of what is others', and tells who waits for promises of this guest.
    /// Its thread doesn't run any more, or is the calling one.
    pub fn abandon(&self, failure: &Failure) {
        if let Ok(mut foreign) = self.foreign.try_borrow_mut() {
            for (foreign, weak, _) in std::mem::take(&mut *foreign).into_values() {
                // V8's half stays.
                std::mem::forget(weak);
                drop(foreign);
            }
        }
        if let Ok(mut watches) = self.watches.try_borrow_mut() {
            for watch in std::mem::take(&mut *watches).into_values() {
                watch.abandon(failure);
            }
        }
    }

    /// The ordered end: handles first, then what V8 posted, then (by drop) V8's isolate.
    fn forget_everything(&self, isolate: &Arc<Isolate>, v8: &mut v8::Isolate) {
        watchdog::has_stopped(isolate);
        platform::unregister(self.address);
        v8.cancel_terminate_execution();
        drop(isolate.take_foreground());
        let agent = self.agent.borrow_mut().take();
        if let Some(agent) = agent {
            v8::scope!(let _scope, v8);
            drop(agent);
        }
        let table = std::mem::take(&mut *self.table.borrow_mut());
        isolate.references().store(0, Ordering::Relaxed);
        drop(table);
        let foreign = std::mem::take(&mut *self.foreign.borrow_mut());
        drop(foreign);
        let watches = std::mem::take(&mut *self.watches.borrow_mut());
        drop(watches);
        self.unhandled.clear();
        self.modules.clear();
        self.texts.clear();
        self.templates.borrow_mut().clear();
        self.privates.borrow_mut().clear();
        *self.service.borrow_mut() = None;
        isolate.set_background(None);
    }

    // --- handle table ------------------------------------------------------------------------

    /// Adds an entry.
    pub fn keep(&self, isolate: &Isolate, entry: Entry) -> u32 {
        isolate.references().fetch_add(1, Ordering::Relaxed);
        self.table.borrow_mut().insert(entry)
    }

    /// The realm of a context's entry.
    pub fn realm(&self, id: u32) -> Result<Rc<Realm>, Failure> {
        match self.table.borrow().get(id) {
            Some(Entry::Context(realm) | Entry::Value { realm, .. }) => Ok(Rc::clone(realm)),
            _ => Err(Failure::Released("Context")),
        }
    }

    /// The value of an entry, and where it is used.
    pub fn value<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        id: u32,
    ) -> Result<(v8::Local<'s, v8::Value>, Rc<Realm>), Failure> {
        match self.table.borrow().get(id) {
            Some(Entry::Value { value, realm, .. }) => Ok((v8::Local::new(scope, value), Rc::clone(realm))),
            _ => Err(Failure::Released("Reference")),
        }
    }

    /// Whether `get` by this entry finds inherited properties.
    pub fn inherits(&self, id: u32) -> bool {
        matches!(self.table.borrow().get(id), Some(Entry::Value { inherit: true, .. }))
    }

    /// Takes the resolver of a promise.
    pub fn take_resolver(&self, isolate: &Isolate, id: u32) -> Option<Entry> {
        isolate.references().fetch_sub(1, Ordering::Relaxed);
        self.table.borrow_mut().remove(id)
    }

    /// Forgets what nobody refers to any more.
    pub fn forget_dropped(&self, isolate: &Isolate) {
        for id in isolate.take_dropped() {
            let entry = self.table.borrow_mut().remove(id);
            if entry.is_some() {
                isolate.references().fetch_sub(1, Ordering::Relaxed);
            }
        }
        let collected = std::mem::take(&mut *self.collected.borrow_mut());
        for slot in collected {
            let foreign = self.foreign.borrow_mut().remove(slot);
            drop(foreign);
        }
        self.modules.forget_collected();
    }

    // --- waiting -------------------------------------------------------------------------------

    /// What bounds the task that runs.
    pub fn bounds(&self) -> Bounds {
        self.bounds.get()
    }

    /// The async context of the environment that caused the task that runs.
    pub fn origin(&self) -> Option<Arc<HostValue>> {
        self.origin.borrow().clone()
    }

    /// The deadline of what runs: that which comes first, as those of inner calls are no later.
    pub fn deadline(&self) -> Option<Arc<Deadline>> {
        self.deadlines.borrow().last().cloned()
    }

    /// The deadline that is over, of any task on the stack.
    fn fired_deadline(&self) -> Option<Arc<Deadline>> {
        self.deadlines.borrow().iter().find(|deadline| deadline.has_fired()).cloned()
    }

    /// Whether the task that runs was stopped, or has to unwind.
    pub fn is_stopped(&self) -> bool {
        self.must_unwind() || self.context().worker.deadline.has_fired()
    }

    /// Whether the guest has to unwind: its time is over or its end was asked for. V8 notices at its next check; a
    /// call out of the guest may come before that.
    pub fn must_unwind(&self) -> bool {
        self.timed_out.get().is_some() || !self.context().isolate.is_live() || self.fired_deadline().is_some()
    }

    /// The bounds of the call that made the promise which a request settles, and its async context; `None` for other requests.
    fn made_in(&self, request: &Request) -> Option<(Bounds, Option<Arc<HostValue>>)> {
        let (Request::Settle { resolver, .. } | Request::Imported { resolver, .. }) = request else {
            return None;
        };
        match self.table.borrow().get(*resolver) {
            Some(Entry::Resolver { made_in, context, .. }) => Some((*made_in, context.clone())),
            _ => None,
        }
    }

    /// The tree of calls in which a task was asked for, or that made what it settles.
    fn cause_of(&self, task: &Task) -> TreeId {
        self.made_in(&task.request).map_or(task.cause, |(bounds, _)| bounds.tree)
    }

    /// What bounds a task; `made_in` is that of what it settles.
    fn bounds_of(&self, isolate: &Isolate, task: &Task, made_in: Option<Bounds>) -> Bounds {
        let own = Bounds { tree: task.tree, timeout: task.timeout };
        let bounds = match &task.request {
            Request::Boot | Request::Foreground => Bounds { timeout: self.last_timeout.get(), ..own },
            // The debugger's.
            Request::Inspect => return own,
            _ => made_in.unwrap_or(own),
        };
        match bounds.timeout {
            0 => Bounds { timeout: isolate.default_timeout.load(Ordering::Relaxed), ..bounds },
            _ => bounds,
        }
    }

    /// Late reactions of a call ran out of time: what they were to settle never will be.
    fn break_promises(&self, tree: TreeId, failure: &Failure) {
        let settlers: Vec<_> =
            self.watches.borrow_mut().iter_mut().filter_map(|watch| watch.take_settler(tree)).collect();
        for settler in settlers {
            settler.settle(Err(failure.clone().into()));
        }
    }
}
