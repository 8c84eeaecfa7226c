//! Calls into isolates: requests read from the scratch, waiting and serving, posting, answering.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use napi_sys as sys;

use super::env::{Frame, Message, NodeEnv};
use super::raw;
use super::wire::Reader;
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::{Host, HostCall, HostValue, TreeId};
use crate::engine::isolate::Isolate;
use crate::engine::isolate::task::{Limits, Reply, Request};
use crate::engine::limits::deadline::Deadline;
use crate::engine::place::{Named, Place};
use crate::engine::signal::Pending;
use crate::engine::transfer::{Handle, Text, Transfer};
use crate::face::message::{self, Call, at};

/// Bytes of the header: sixteen 32-bit numbers.
pub const HEADER: usize = 64;
/// How long a Node thread waits before JavaScript gets a look: there V8 can end a worker that is terminated.
const SLICE: Duration = Duration::from_millis(20);

/// What the answer is.
#[allow(missing_docs)]
pub mod answer {
    pub const NOTHING: i32 = 0;
    pub const VALUE: i32 = 1;
    pub const THROWN: i32 = 2;
    pub const HOST_CALL: i32 = 3;
    pub const AGAIN: i32 = 4;
    pub const GROW: i32 = 5;
    pub const REPLIED: i32 = 6;
    pub const REJECTED: i32 = 7;
    pub const FULFILLED: i32 = 8;
    pub const BROKEN: i32 = 9;
    pub const RELEASED: i32 = 10;
}

impl NodeEnv {
    /// A number of the header.
    pub fn header(&self, at: usize) -> i32 {
        let (scratch, length) = self.scratch.get();
        if length < HEADER {
            return 0;
        }
        // SAFETY: the scratch is an ArrayBuffer that JavaScript keeps; `at` is within the header, aligned.
        unsafe { scratch.cast::<i32>().add(at).read() }
    }

    /// Sets a number of the header.
    pub fn set_header(&self, at: usize, value: i32) {
        let (scratch, length) = self.scratch.get();
        if length >= HEADER {
            // SAFETY: as in `header`.
            unsafe { scratch.cast::<i32>().add(at).write(value) };
        }
    }

    /// The message's payload. Must not be held across anything that runs JavaScript or writes the scratch.
    pub fn payload(&self) -> &[u8] {
        let (scratch, length) = self.scratch.get();
        let end = (self.header(at::END).max(0) as usize).min(length);
        if end <= HEADER {
            return &[];
        }
        // SAFETY: within the scratch, which stays as it is while native code runs.
        unsafe { std::slice::from_raw_parts(scratch.add(HEADER), end - HEADER) }
    }

    /// Writes an answer, or keeps it and asks for a larger scratch.
    fn send(&self, kind: i32) {
        let mut out = self.out.borrow_mut();
        if !self.put(kind, &out.bytes) {
            *self.unsent.borrow_mut() = Some((kind, std::mem::take(&mut out.bytes)));
        }
        out.bytes.clear();
        if out.bytes.capacity() > 1 << 20 {
            out.bytes = Vec::new();
        }
    }

    fn put(&self, kind: i32, bytes: &[u8]) -> bool {
        let (scratch, length) = self.scratch.get();
        let end = HEADER + bytes.len();
        self.set_header(at::END, end as i32);
        if end > length {
            self.set_header(at::OP, answer::GROW);
            return false;
        }
        self.set_header(at::OP, kind);
        // SAFETY: `end` is within the scratch; `bytes` is memory of ours.
        unsafe { scratch.add(HEADER).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        true
    }

    /// Writes again the answer that did not fit; the header's other numbers are still right.
    pub fn send_again(&self) {
        let unsent = self.unsent.borrow_mut().take();
        if let Some((kind, bytes)) = unsent
            && !self.put(kind, &bytes)
        {
            *self.unsent.borrow_mut() = Some((kind, bytes));
        }
    }

    /// Whether a handle is to a value of this environment.
    fn owns(&self, handle: &Handle) -> bool {
        matches!(handle, Handle::Host(host) if host.host.id() == self.shared.id)
    }

    /// Answers with an outcome.
    pub fn send_outcome(&self, outcome: Outcome, value: i32, thrown: i32) {
        // There is nothing behind it for those who don't own it.
        let outcome = match outcome {
            Ok(Transfer::Deref(ref handle)) if !self.owns(handle) => Err(Failure::ForeignDerefInto.into()),
            outcome => outcome,
        };
        let kind = if outcome.is_ok() { value } else { thrown };
        let transfer = outcome.unwrap_or_else(crate::engine::error::Thrown::into_transfer);
        self.out.borrow_mut().value(self, transfer);
        self.send(kind);
    }

    // --- calling -------------------------------------------------------------------------------

    /// What bounds the call in the scratch. It ends no later than the call that it is made in.
    fn limits(&self, outer: Option<&Arc<Deadline>>, context: Option<Arc<HostValue>>) -> Limits {
        Limits { context, ..message::limits(|at| self.header(at), outer) }
    }

    /// The async context of the call in the scratch: from here on it is counted by this share.
    fn context(&self) -> Option<Arc<HostValue>> {
        let index = self.header(at::CONTEXT);
        let host = || self.shared.as_host();
        (index > 0).then(|| Arc::new(HostValue { host: host(), index: index as u32 - 1, type_of: 5 }))
    }

    /// The tree of calls that the host function belongs to which makes the call in the scratch; none outside of such.
    fn cause(&self) -> Option<TreeId> {
        let outer = self.frames.borrow().last().map_or(0, |frame| frame.tree);
        [outer, self.current_tree.get()].into_iter().find(|tree| *tree != 0)
    }

    /// Makes the call in the scratch and waits for its outcome, or for something to serve.
    pub fn call(&self, env: sys::napi_env) {
        let context = self.context();
        let Call { place, request, named } = match self.read().and_then(|call| {
            // Two environments that wait for each other would wait for ever.
            if matches!(call.place, Place::Host(_)) { Err(Failure::OtherThread) } else { Ok(call) }
        }) {
            Ok(call) => call,
            Err(failure) => return self.send_outcome(Err(failure.into()), answer::VALUE, answer::THROWN),
        };
        let depth = self.header(at::DEPTH).max(0) as usize;
        self.cut_frames(depth);
        let tree = self.cause().unwrap_or_else(|| self.new_tree());
        let (pending, wait) = Pending::new(self.shared.signal, self.spare.borrow_mut().take());
        // Told to guests by the queue's lock.
        self.shared.waiting_tree.store(tree, Ordering::Relaxed);
        let outer = self.frames.borrow().last().and_then(|frame| frame.deadline.clone());
        let limits = self.limits(outer.as_ref(), context);
        let deadline = limits.deadline.clone();
        self.frames.borrow_mut().push(Frame { pending, _named: named, tree, deadline, serving: None });
        place.send(request, Reply::Waiting(wait), tree, limits, Named::new());
        self.wait(env);
    }

    fn read(&self) -> Result<Call, Failure> {
        message::read(&mut Scratch::new(self))
    }

    /// Answers the host call that JavaScript served, if any, and waits on.
    pub fn resume(&self, env: sys::napi_env) {
        let depth = self.header(at::DEPTH).max(0) as usize;
        self.cut_frames(depth + 1);
        let served = self.frames.borrow_mut().last_mut().and_then(|frame| frame.serving.take());
        if let Some(call) = served {
            let threw = self.header(at::OP) == answer::THROWN;
            let outcome = Reader::new(self.payload()).outcome(self, threw);
            call.reply(outcome);
        }
        self.wait(env);
    }

    /// Drops frames that JavaScript left by an exception of its own (a stack overflow, a worker's termination).
    fn cut_frames(&self, depth: usize) {
        if self.frames.borrow().len() > depth {
            let cut = self.frames.borrow_mut().split_off(depth);
            drop(cut);
        }
    }

    fn wait(&self, env: sys::napi_env) {
        // Read after the first look only: it is on a line that guests may have just written.
        let mut seen = None;
        loop {
            let outcome = match self.frames.borrow_mut().last_mut() {
                Some(frame) => frame.pending.poll().map(|(outcome, spare)| {
                    *self.spare.borrow_mut() = Some(spare);
                    outcome
                }),
                None => Some(Err(Failure::Internal("no call to wait for".into()).into())),
            };
            if let Some(outcome) = outcome {
                self.frames.borrow_mut().pop();
                let tree = self.frames.borrow().last().map_or(0, |frame| frame.tree);
                self.shared.waiting_tree.store(tree, Ordering::Relaxed);
                self.send_outcome(outcome, answer::VALUE, answer::THROWN);
                return self.hold(env);
            }
            if let Some(mut call) = self.shared.take_urgent() {
                self.write_call(&mut call);
                if let Some(frame) = self.frames.borrow_mut().last_mut() {
                    frame.serving = Some(call);
                }
                return self.send(answer::HOST_CALL);
            }
            let signal = self.shared.signal;
            let Some(seen) = seen.replace(signal.seen()) else { continue };
            let mut spun = Duration::ZERO;
            let frames = self.frames.borrow();
            let ready =
                || self.shared.is_urgent() || frames.last().is_some_and(|frame| frame.pending.is_done());
            if !self.waiter.borrow_mut().wait(signal, seen, Some(SLICE), &mut spun, ready) {
                return self.set_header(at::OP, answer::AGAIN);
            }
        }
    }

    fn write_call(&self, call: &mut HostCall) {
        let request = std::mem::replace(&mut call.request, Request::Boot);
        let (op, flags, values) = message::parts_of(request);
        self.set_header(at::TARGET, call.value.index as i32);
        self.set_header(at::CONTEXT, call.context.as_ref().map_or(0, |context| context.index as i32 + 1));
        self.set_header(at::COUNT, values.len() as i32);
        self.set_header(at::OTHER, op | flags << 8);
        let flags = i32::from(call.is_waited_for())
            | i32::from(call.wants_reply()) << 1
            | i32::from(call.is_reported()) << 2;
        self.set_header(at::FLAGS, flags);
        let mut out = self.out.borrow_mut();
        for value in values {
            out.value(self, value);
        }
    }

    /// Queues the call in the scratch and doesn't wait.
    pub fn post(&self, env: sys::napi_env) {
        let context = self.context();
        let Call { place, request, named } = match self.read() {
            Ok(call) => call,
            Err(failure) => return self.send_outcome(Err(failure.into()), answer::VALUE, answer::THROWN),
        };
        let call = self.header(at::CALL) as u32;
        let reply = if call == 0 { Reply::Ignored } else { Reply::Async(self.shared.as_host(), call) };
        let limits = Limits { cause: self.cause(), ..self.limits(None, context) };
        place.send(request, reply, self.new_tree(), limits, named);
        self.hold(env);
        self.set_header(at::OP, answer::NOTHING);
    }

    /// Does what the scratch says that needs no guest, and answers there.
    pub fn local(&self, env: sys::napi_env) {
        let outcome = message::run_local(&mut Scratch::new(self));
        self.send_outcome(outcome, answer::VALUE, answer::THROWN);
        self.hold(env);
    }

    // --- the event loop's side -------------------------------------------------------------------

    /// Writes the next message of the inbox.
    pub fn poll(&self, env: sys::napi_env) {
        self.current_tree.set(0);
        let Some(message) = self.next_message() else {
            self.hold(env);
            return self.set_header(at::OP, answer::NOTHING);
        };
        match message {
            Message::Replied(id, outcome) => {
                self.set_header(at::CALL, id as i32);
                self.send_outcome(outcome, answer::REPLIED, answer::REJECTED);
            }
            Message::Settled(id, outcome) => {
                self.set_header(at::CALL, id as i32);
                self.send_outcome(outcome, answer::FULFILLED, answer::BROKEN);
            }
            Message::Call(mut call) => {
                self.current_tree.set(if call.is_waited_for() { call.tree } else { 0 });
                self.write_call(&mut call);
                let token = self.taken.borrow_mut().insert(call);
                self.set_header(at::CALL, token as i32);
                self.send(answer::HOST_CALL);
            }
            Message::Released(index) => {
                self.set_header(at::TARGET, index as i32);
                self.set_header(at::OP, answer::RELEASED);
            }
            Message::BufferReturned(slot) => {
                let lent = self.lent.borrow_mut().remove(slot);
                if let Some((reference, _)) = lent {
                    raw::delete_reference(env, reference);
                }
                self.poll(env);
            }
        }
    }

    /// The event loop has emptied the inbox, and is woken again from here on; or there is more.
    pub fn rest(&self, env: sys::napi_env) {
        let more = self.comes_to_rest();
        self.hold(env);
        self.set_header(at::OP, if more { answer::AGAIN } else { answer::NOTHING });
    }

    /// Answers a host call that the event loop served.
    pub fn reply(&self, env: sys::napi_env) {
        self.current_tree.set(0);
        let call = self.taken.borrow_mut().remove(self.header(at::CALL) as u32);
        if let Some(call) = call {
            let threw = self.header(at::OP) == answer::THROWN;
            let outcome = Reader::new(self.payload()).outcome(self, threw);
            call.reply(outcome);
        }
        self.hold(env);
    }

    /// JavaScript's own promise, that a guest observes, is settled.
    pub fn settle(&self, env: sys::napi_env) {
        let threw = self.header(at::OP) == answer::THROWN;
        let outcome = Reader::new(self.payload()).outcome(self, threw);
        self.settle_promise(self.header(at::CALL) as u32, outcome);
        self.hold(env);
    }
}

/// The request in the scratch.
struct Scratch<'a> {
    env: &'a NodeEnv,
    reader: Reader<'a>,
}

impl<'a> Scratch<'a> {
    fn new(env: &'a NodeEnv) -> Self {
        Self { env, reader: Reader::new(env.payload()) }
    }
}

impl message::Message for Scratch<'_> {
    fn header(&self, at: usize) -> i32 {
        self.env.header(at)
    }

    fn text(&mut self) -> Result<Text, Failure> {
        self.reader.text(self.env)
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        self.reader.u32()
    }

    fn value(&mut self) -> Result<Transfer, Failure> {
        self.reader.value(self.env)
    }

    fn handle(&self, id: i32) -> Result<Handle, Failure> {
        self.env.handle(id as u32)
    }

    fn add_handle(&self, handle: Handle) -> u32 {
        self.env.add_handle(handle)
    }

    fn remove_handle(&self, id: u32) {
        self.env.remove_handle(id);
    }

    fn host(&self) -> Arc<dyn Host> {
        self.env.shared.as_host()
    }

    fn parent(&self) -> Option<Arc<Isolate>> {
        None
    }
}
