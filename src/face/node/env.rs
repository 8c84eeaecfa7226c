//! One Node environment: what its thread owns, and how guest threads reach it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use napi_sys as sys;

use super::raw;
use super::wire::{Tables, Writer};
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::{Host, HostCall, TreeId, Work};
use crate::engine::isolate::slots::Slots;
use crate::engine::isolate::{Cause, Isolate, Status};
use crate::engine::letter_box::LetterBox;
use crate::engine::limits::deadline::Deadline;
use crate::engine::lock;
use crate::engine::place::Named;
use crate::engine::signal::{Pending, Signal, Wait, Waiter};
use crate::engine::transfer::{Block, Handle, PromiseCell, Settler, Text};

/// How long the end of an environment waits for its guests to stop.
const TEARDOWN: Duration = Duration::from_secs(2);

// What a waiting thread's letter box is at, by its signal's mark.
const OPEN: u64 = 0;
const FULL: u64 = 1;
const CLOSED: u64 = 2;

/// What guest threads send to the environment's event loop.
pub enum Message {
    /// The async call with this number has ended.
    Replied(u32, Outcome),
    /// The promise with this number is settled.
    Settled(u32, Outcome),
    /// A host function is called and nobody of this environment waits in that call's tree.
    Call(HostCall),
    /// A host value is no longer referred to.
    Released(u32),
    /// Memory that JavaScript lent is no longer used.
    BufferReturned(u32),
}

#[derive(Default)]
struct Inbox {
    messages: VecDeque<Message>,
    closed: bool,
}

/// The part that guest threads reach.
pub struct Shared {
    /// A number of its own for each environment.
    pub id: u64,
    /// The thread's doorbell.
    pub signal: &'static Signal,
    /// The tree in which the thread waits; 0 when it doesn't.
    pub waiting_tree: AtomicU64,
    /// A host call of that tree, handed to the thread that waits. The signal's mark is the box's.
    urgent: LetterBox<HostCall>,
    /// Those for which there was no room; `None` when the environment has ended.
    more_urgent: Mutex<Option<VecDeque<HostCall>>>,
    more_urgent_len: AtomicUsize,
    inbox: Mutex<Inbox>,
    /// Messages in the inbox, and tasks that nobody waits for: what the event loop stays alive for.
    owed: AtomicUsize,
    /// The event loop is at work on the inbox, or about to be: from the wake-up on until `rest`.
    waking: AtomicBool,
    wake: AtomicPtr<c_void>,
    promises: AtomicU32,
    isolates: Mutex<Vec<Weak<Isolate>>>,
    this: Weak<Shared>,
}

impl Shared {
    fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let signal = Signal::take();
        signal.mark.store(OPEN, Ordering::SeqCst);
        Arc::new_cyclic(|this| Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            signal,
            waiting_tree: AtomicU64::new(0),
            urgent: LetterBox::default(),
            more_urgent: Mutex::new(Some(VecDeque::new())),
            more_urgent_len: AtomicUsize::new(0),
            inbox: Mutex::default(),
            owed: AtomicUsize::new(0),
            waking: AtomicBool::new(false),
            wake: AtomicPtr::new(ptr::null_mut()),
            promises: AtomicU32::new(1),
            isolates: Mutex::default(),
            this: Weak::clone(this),
        })
    }

    /// As the engine knows it.
    pub fn as_host(&self) -> Arc<dyn Host> {
        match self.this.upgrade() {
            Some(this) => this,
            None => unreachable!("called through an Arc of it"),
        }
    }

    /// A number for a promise that arrives.
    pub fn next_promise(&self) -> u32 {
        self.promises.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether there is a host call of the tree that the thread waits in.
    pub fn is_urgent(&self) -> bool {
        self.signal.mark.load(Ordering::SeqCst) == FULL
    }

    /// A host call of the tree that the thread waits in.
    pub fn take_urgent(&self) -> Option<HostCall> {
        if self.is_urgent() {
            // SAFETY: on the thread of the environment, full, and opened after.
            let call = unsafe { self.urgent.take() };
            self.signal.mark.store(OPEN, Ordering::SeqCst);
            return Some(call);
        }
        if self.more_urgent_len.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut urgent = lock(&self.more_urgent);
        let calls = urgent.as_mut()?;
        let call = calls.pop_front();
        self.more_urgent_len.store(calls.len(), Ordering::SeqCst);
        call
    }

    /// Sends a message to the event loop.
    pub fn push(&self, message: Message) {
        self.begin_work();
        self.push_owed(message);
    }

    /// Sends a message that is counted in `owed` already.
    fn push_owed(&self, message: Message) {
        let mut inbox = lock(&self.inbox);
        if inbox.closed {
            drop(inbox);
            self.end_work();
            // Outside the lock: a call that is dropped answers its caller.
            drop(message);
            return;
        }
        inbox.messages.push_back(message);
        drop(inbox);
        self.wake_loop();
    }

    /// Makes the event loop look at the inbox.
    fn wake_loop(&self) {
        // A look first, as guest threads do this for each message.
        if !self.waking.load(Ordering::SeqCst) && !self.waking.swap(true, Ordering::SeqCst) {
            let _closing = lock(&self.inbox);
            let wake: sys::napi_threadsafe_function = self.wake.load(Ordering::SeqCst).cast();
            if !wake.is_null() {
                // SAFETY: valid until `close` took it away, under the lock that is held here.
                unsafe {
                    sys::napi_call_threadsafe_function(
                        wake,
                        ptr::null_mut(),
                        sys::ThreadsafeFunctionCallMode::nonblocking,
                    );
                }
            }
        }
    }

    /// All messages there are, in place of `taken`, which is empty. They stay owed until each is handled.
    fn take_messages(&self, taken: &mut VecDeque<Message>) {
        std::mem::swap(&mut lock(&self.inbox).messages, taken);
    }

    /// Whether the event loop has to stay alive.
    pub fn is_owed(&self) -> bool {
        self.owed.load(Ordering::SeqCst) > 0
    }

    /// Takes no more messages; answers the calls that wait.
    fn close(&self) -> sys::napi_threadsafe_function {
        let (messages, wake) = {
            let mut inbox = lock(&self.inbox);
            inbox.closed = true;
            (std::mem::take(&mut inbox.messages), self.wake.swap(ptr::null_mut(), Ordering::SeqCst))
        };
        drop(messages);
        let mark = &self.signal.mark;
        while let Err(FULL) = mark.compare_exchange(OPEN, CLOSED, Ordering::SeqCst, Ordering::SeqCst) {
            drop(self.take_urgent());
        }
        let urgent = lock(&self.more_urgent).take();
        drop(urgent);
        wake.cast()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.signal.give_back();
    }
}

impl Host for Shared {
    fn call(&self, call: HostCall) {
        if call.is_waited_for() && self.waits_in(call.tree) {
            return self.interrupt(call);
        }
        self.push(Message::Call(call));
    }

    fn interrupt(&self, call: HostCall) {
        let mut call = Some(call);
        // What there was no room for goes first.
        if self.more_urgent_len.load(Ordering::SeqCst) == 0 {
            self.urgent.post(&self.signal.mark, |mark| mark == OPEN, FULL, &mut call);
        }
        if call.is_none() {
            return self.signal.wake();
        }
        let mut urgent = lock(&self.more_urgent);
        if let Some(calls) = &mut *urgent {
            calls.extend(call.take());
            self.more_urgent_len.store(calls.len(), Ordering::SeqCst);
        }
        drop(urgent);
        self.signal.notify();
        // Outside the lock: a call that is dropped answers its caller.
        drop(call);
    }

    fn replied(&self, id: u32, outcome: Outcome, work: Option<Work>) {
        let message = Message::Replied(id, outcome);
        if work.is_some_and(|work| work.hand_over(self.id)) {
            self.push_owed(message);
        } else {
            self.push(message);
        }
    }

    fn settled(&self, id: u32, outcome: Outcome) {
        self.push(Message::Settled(id, outcome));
    }

    fn release(&self, index: u32) {
        self.push(Message::Released(index));
    }

    fn begin_work(&self) {
        self.owed.fetch_add(1, Ordering::SeqCst);
    }

    fn end_work(&self) {
        if self.owed.fetch_sub(1, Ordering::SeqCst) == 1 {
            // The event loop may end now, if it looks.
            self.wake_loop();
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn waits_in(&self, tree: TreeId) -> bool {
        tree != 0 && self.waiting_tree.load(Ordering::SeqCst) == tree
    }

    fn add_isolate(&self, isolate: &Arc<Isolate>) {
        let mut isolates = lock(&self.isolates);
        if isolates.len() >= 64 && isolates.len().is_power_of_two() {
            isolates.retain(|isolate| isolate.strong_count() > 0);
        }
        isolates.push(Arc::downgrade(isolate));
    }
}

/// A call into an isolate that the thread waits for.
pub struct Frame {
    /// The wait.
    pub pending: Pending,
    /// Entries that the call names: held, so that they aren't forgotten before it has ended.
    pub _named: Named,
    /// Its tree.
    pub tree: TreeId,
    /// Calls made inside it end no later.
    pub deadline: Option<Arc<Deadline>>,
    /// Host calls served inside it, not yet answered: at most one.
    pub serving: Option<HostCall>,
}

/// The part that only the environment's own thread touches.
pub struct NodeEnv {
    /// What others reach.
    pub shared: Arc<Shared>,
    /// The memory shared with JavaScript: start and length.
    pub scratch: Cell<(*mut u8, usize)>,
    /// Calls into isolates that wait, innermost last.
    pub frames: RefCell<Vec<Frame>>,
    /// A wait that is over, for the next call.
    pub spare: RefCell<Option<Arc<Wait>>>,
    /// Host calls taken by the event loop, not yet answered, by token.
    pub taken: RefCell<Slots<HostCall>>,
    /// The tree of the host call that the event loop serves.
    pub current_tree: Cell<TreeId>,
    /// An answer that did not fit the scratch.
    pub unsent: RefCell<Option<(i32, Vec<u8>)>>,
    /// A buffer for answers, kept for its capacity.
    pub out: RefCell<Writer>,
    /// Spinning, adapted.
    pub waiter: RefCell<Waiter>,
    /// The event loop is kept alive.
    held: Cell<bool>,
    /// Taken out of the inbox, not yet handled.
    messages: RefCell<VecDeque<Message>>,
    handles: RefCell<Slots<Handle>>,
    beside: RefCell<Slots<Beside>>,
    /// ArrayBuffers whose memory others use: what keeps each alive, and where its memory is.
    pub lent: RefCell<Slots<(sys::napi_ref, *mut u8)>>,
    /// Blocks on whose memory ArrayBuffers were made here, by address.
    pub exported: RefCell<HashMap<usize, Block>>,
    promises: RefCell<HashMap<u32, Settler>>,
    next_tree: Cell<TreeId>,
    on_wake: Cell<sys::napi_ref>,
    wake: Cell<sys::napi_threadsafe_function>,
}

/// What goes beside messages, by number.
enum Beside {
    Block(Block),
    Text(Text),
}

impl NodeEnv {
    /// Sets an environment up. `wake` is the JavaScript function that empties the inbox.
    pub fn create(env: sys::napi_env, wake: sys::napi_value) -> Option<Box<Self>> {
        let shared = Shared::new();
        shared.signal.adopt();
        let wake_ref = raw::reference(env, wake);
        let mut name = ptr::null_mut();
        let mut function = ptr::null_mut();
        // SAFETY: in the call that registers the addon; all out-parameters are valid.
        unsafe {
            sys::napi_create_string_utf8(env, c"islet".as_ptr(), 5, &mut name);
            let status = sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(on_wake),
                &mut function,
            );
            if status != sys::Status::napi_ok {
                return None;
            }
            sys::napi_unref_threadsafe_function(env, function);
        }
        shared.wake.store(function.cast(), Ordering::SeqCst);
        let first_tree = shared.id << 40;
        Some(Box::new(Self {
            shared,
            scratch: Cell::new((ptr::null_mut(), 0)),
            frames: RefCell::default(),
            spare: RefCell::default(),
            taken: RefCell::default(),
            current_tree: Cell::new(0),
            unsent: RefCell::new(None),
            out: RefCell::default(),
            waiter: RefCell::default(),
            held: Cell::new(false),
            messages: RefCell::default(),
            handles: RefCell::default(),
            beside: RefCell::default(),
            lent: RefCell::default(),
            exported: RefCell::default(),
            promises: RefCell::default(),
            next_tree: Cell::new(first_tree),
            on_wake: Cell::new(wake_ref),
            wake: Cell::new(function),
        }))
    }

    /// The environment that the running call belongs to.
    pub fn of<'a>(env: sys::napi_env) -> Option<&'a Self> {
        let mut data = ptr::null_mut();
        // SAFETY: on the environment's thread; the data is the Box set at registration, which lives until the
        // environment's end, after which no call comes.
        unsafe {
            sys::napi_get_instance_data(env, &mut data);
            data.cast::<Self>().as_ref()
        }
    }

    /// A number for a new tree of calls.
    pub fn new_tree(&self) -> TreeId {
        let tree = self.next_tree.get() + 1;
        self.next_tree.set(tree);
        tree
    }

    /// Keeps the event loop alive while anything is owed to it, and lets it end else. Called after everything that may
    /// have changed that: on this thread, for only here the loop can be told.
    pub fn hold(&self, env: sys::napi_env) {
        let owed = self.shared.is_owed();
        if self.held.replace(owed) != owed {
            // SAFETY: on the environment's thread, before `end`.
            unsafe {
                if owed {
                    sys::napi_ref_threadsafe_function(env, self.wake.get());
                } else {
                    sys::napi_unref_threadsafe_function(env, self.wake.get());
                }
            }
        }
    }

    /// The event loop found no more messages. Returns whether there are some after all: then it goes on.
    pub fn comes_to_rest(&self) -> bool {
        self.shared.waking.store(false, Ordering::SeqCst);
        // What comes after the look wakes the event loop.
        !lock(&self.shared.inbox).messages.is_empty() && !self.shared.waking.swap(true, Ordering::SeqCst)
    }

    /// The next message.
    pub fn next_message(&self) -> Option<Message> {
        let mut messages = self.messages.borrow_mut();
        if messages.is_empty() {
            self.shared.take_messages(&mut messages);
        }
        let message = messages.pop_front();
        if message.is_some() {
            self.shared.owed.fetch_sub(1, Ordering::SeqCst);
        }
        message
    }

    // --- handles, what goes beside messages, promises -----------------------------------------------------------

    /// The handle with this number.
    pub fn handle(&self, id: u32) -> Result<Handle, Failure> {
        self.handles.borrow().get(id).cloned().ok_or(Failure::Released("Handle"))
    }

    /// Gives a handle a number.
    pub fn add_handle(&self, handle: Handle) -> u32 {
        if let Handle::Copied(copied) = &handle {
            copied.charge_nobody();
        }
        self.handles.borrow_mut().insert(handle)
    }

    /// Forgets a handle.
    pub fn remove_handle(&self, id: u32) {
        let handle = self.handles.borrow_mut().remove(id);
        drop(handle);
    }

    /// Gives a block a number.
    pub fn add_block(&self, block: Block) -> u32 {
        self.beside.borrow_mut().insert(Beside::Block(block))
    }

    /// Gives a long string a number.
    pub fn add_text(&self, text: Text) -> u32 {
        self.beside.borrow_mut().insert(Beside::Text(text))
    }

    /// The long string with this number, which stays.
    pub fn copy_text(&self, id: u32) -> Result<Text, Failure> {
        match self.beside.borrow().get(id) {
            Some(Beside::Text(text)) => Ok(text.clone()),
            _ => Err(Failure::Internal("a long string is gone".into())),
        }
    }

    /// Takes the long string with this number.
    pub fn take_text(&self, id: u32) -> Result<Text, Failure> {
        match self.beside.borrow_mut().remove(id) {
            Some(Beside::Text(text)) => Ok(text),
            _ => Err(Failure::Internal("a long string is gone".into())),
        }
    }

    /// Takes the block with this number.
    pub fn take_block(&self, id: u32) -> Result<Block, Failure> {
        match self.beside.borrow_mut().remove(id) {
            Some(Beside::Block(block)) => Ok(block),
            _ => Err(Failure::BufferGone),
        }
    }

    /// The neutral half of JavaScript's promise `id`.
    pub fn new_promise(&self, id: u32) -> Arc<PromiseCell> {
        let (cell, settler) = PromiseCell::new();
        self.promises.borrow_mut().insert(id, settler);
        cell
    }

    /// JavaScript's promise `id` is settled.
    pub fn settle_promise(&self, id: u32, outcome: Outcome) {
        let settler = self.promises.borrow_mut().remove(&id);
        if let Some(settler) = settler {
            settler.settle(outcome);
        }
    }

    // --- end -----------------------------------------------------------------------------------

    /// The ordered end of the environment: no more messages, guests stopped, everything let go.
    pub fn end(&self) {
        let wake = self.shared.close();
        self.shared.waiting_tree.store(0, Ordering::SeqCst);
        let frames = std::mem::take(&mut *self.frames.borrow_mut());
        drop(frames);
        let isolates: Vec<_> =
            lock(&self.shared.isolates).drain(..).filter_map(|isolate| isolate.upgrade()).collect();
        for isolate in &isolates {
            isolate.dispose(Cause::Environment);
        }
        let messages = std::mem::take(&mut *self.messages.borrow_mut());
        drop(messages);
        let taken = std::mem::take(&mut *self.taken.borrow_mut());
        drop(taken);
        let promises = std::mem::take(&mut *self.promises.borrow_mut());
        drop(promises);
        let handles = std::mem::take(&mut *self.handles.borrow_mut());
        drop(handles);
        let beside = std::mem::take(&mut *self.beside.borrow_mut());
        drop(beside);
        // Guests may use memory of this environment until they have stopped.
        let deadline = Instant::now() + TEARDOWN;
        while isolates.iter().any(|isolate| isolate.status() == Status::Ending) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
        if !wake.is_null() {
            // SAFETY: taken out of reach by `close`; released once.
            unsafe {
                sys::napi_release_threadsafe_function(wake, sys::ThreadsafeFunctionReleaseMode::abort);
            }
        }
    }
}

/// The event loop's turn: lets JavaScript empty the inbox.
unsafe extern "C" fn on_wake(
    env: sys::napi_env,
    _function: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    let Some(node) = NodeEnv::of(env) else { return };
    raw::call(env, node.on_wake.get());
}

impl Tables for NodeEnv {
    fn handle(&self, id: u32) -> Result<Handle, Failure> {
        self.handle(id)
    }

    fn take_block(&self, id: u32) -> Result<Block, Failure> {
        self.take_block(id)
    }

    fn take_text(&self, id: u32) -> Result<Text, Failure> {
        self.take_text(id)
    }

    fn new_promise(&self, id: u32) -> Arc<PromiseCell> {
        self.new_promise(id)
    }

    fn host(&self) -> Arc<dyn Host> {
        self.shared.as_host()
    }
}
