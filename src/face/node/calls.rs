//! Calls into isolates: requests read from the scratch, waiting and serving, posting, answering.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use napi_sys as sys;

use super::env::{Frame, Message, Named, NodeEnv};
use super::raw;
use super::wire::Reader;
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::HostCall;
use crate::engine::isolate::handles::RemoteKind;
use crate::engine::isolate::task::{Exit, Fallback, Mode, Origin, Reply, Request, Source, Task};
use crate::engine::isolate::{Isolate, Lease, Remote};
use crate::engine::signal::Pending;
use crate::engine::transfer::{Handle, Transfer};

/// Bytes of the header: sixteen 32-bit numbers.
pub const HEADER: usize = 64;
/// How long a Node thread waits before JavaScript gets a look: there V8 can end a worker that is terminated.
const SLICE: Duration = Duration::from_millis(20);

/// Places in the header.
#[allow(missing_docs)]
pub mod at {
    /// To native: the operation. To JavaScript: what the answer is.
    pub const OP: usize = 0;
    pub const TARGET: usize = 1;
    pub const FLAGS: usize = 2;
    pub const TIMEOUT: usize = 3;
    /// Where the payload ends, from the start of the scratch.
    pub const END: usize = 4;
    pub const COUNT: usize = 5;
    pub const OTHER: usize = 6;
    /// The number of an async call; 0 for an ignored one.
    pub const CALL: usize = 7;
    /// The depth of the frame that JavaScript is in.
    pub const DEPTH: usize = 8;
}

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
    pub const CATASTROPHE: i32 = 11;
}

#[allow(missing_docs)]
mod op {
    pub const CREATE_CONTEXT: i32 = 1;
    pub const COMPILE_SCRIPT: i32 = 2;
    pub const RUN_SCRIPT: i32 = 3;
    pub const EVAL: i32 = 4;
    pub const EVAL_CLOSURE: i32 = 5;
    pub const GET: i32 = 6;
    pub const SET: i32 = 7;
    pub const DELETE: i32 = 8;
    pub const APPLY: i32 = 9;
    pub const COPY: i32 = 10;
    pub const HEAP_STATISTICS: i32 = 11;
    pub const COLLECT_GARBAGE: i32 = 40;
}

const FLAG_PROMISE: i32 = 4;
const FLAG_ACCESSORS: i32 = 32;

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

    /// Answers with an outcome.
    pub fn send_outcome(&self, outcome: Outcome, value: i32, thrown: i32) {
        let kind = if outcome.is_ok() { value } else { thrown };
        let transfer = outcome.unwrap_or_else(crate::engine::error::Thrown::into_transfer);
        self.out.borrow_mut().value(self, transfer);
        self.send(kind);
    }

    // --- requests ------------------------------------------------------------------------------

    fn remote(&self, id: i32, kind: RemoteKind, name: &'static str) -> Result<Arc<Remote>, Failure> {
        self.with_handle(id as u32, |handle| match handle {
            Handle::Remote(remote)
                if remote.kind == kind
                    || (kind == RemoteKind::Reference && remote.kind == RemoteKind::Function) =>
            {
                Ok(Arc::clone(remote))
            }
            _ => Err(Failure::Released(name)),
        })
        .map_err(|failure| {
            if matches!(failure, Failure::Released(_)) { Failure::Released(name) } else { failure }
        })
    }

    fn exit(&self) -> Exit {
        let flags = self.header(at::FLAGS);
        Exit {
            mode: match flags & 3 {
                1 => Mode::Copy,
                2 => Mode::ExternalCopy,
                3 => Mode::Reference,
                _ => Mode::Plain,
            },
            promise: flags & FLAG_PROMISE != 0,
            fallback: match flags >> 3 & 3 {
                1 => Fallback::Reference,
                2 => Fallback::Throw,
                3 => Fallback::Copy,
                _ => Fallback::Undefined,
            },
        }
    }

    fn source(reader: &mut Reader<'_>) -> Result<Box<Source>, Failure> {
        let origin =
            Origin { filename: reader.text()?, line: reader.u32()? as i32, column: reader.u32()? as i32 };
        Ok(Box::new(Source { code: reader.text()?, origin }))
    }

    /// The request in the scratch, the isolate it is for, and the entries it names.
    fn request(&self) -> Result<(Arc<Lease>, Request, Named), Failure> {
        let mut reader = Reader::new(self.payload());
        let reader = &mut reader;
        let target = self.header(at::TARGET);
        let reference = || self.remote(target, RemoteKind::Reference, "Reference");
        let context = || self.remote(target, RemoteKind::Context, "Context");
        let mut other = None;
        let (remote, request) = match self.header(at::OP) {
            op @ (op::CREATE_CONTEXT | op::COMPILE_SCRIPT | op::HEAP_STATISTICS | op::COLLECT_GARBAGE) => {
                let lease = self.isolate(target)?;
                let request = match op {
                    op::CREATE_CONTEXT => Request::CreateContext,
                    op::HEAP_STATISTICS => Request::HeapStatistics,
                    op::COLLECT_GARBAGE => Request::CollectGarbage,
                    _ => Request::CompileScript(Self::source(reader)?),
                };
                return Ok((lease, request, [None, None]));
            }
            op::RUN_SCRIPT => {
                let script = self.remote(target, RemoteKind::Script, "Script")?;
                let context = self.remote(self.header(at::OTHER), RemoteKind::Context, "Context")?;
                if !Arc::ptr_eq(&script.lease.0, &context.lease.0) {
                    return Err(Failure::WrongIsolate("Context"));
                }
                let request =
                    Request::RunScript { script: script.id, context: context.id, exit: self.exit() };
                other = Some(context);
                (script, request)
            }
            op::EVAL => {
                let remote = context()?;
                let (context, source, exit) = (remote.id, Self::source(reader)?, self.exit());
                (remote, Request::Eval { context, source, exit })
            }
            op::EVAL_CLOSURE => {
                let remote = context()?;
                let (context, source, exit) = (remote.id, Self::source(reader)?, self.exit());
                let arguments = reader.values(self, self.header(at::COUNT) as u32)?;
                (remote, Request::EvalClosure { context, source, arguments, exit })
            }
            op::GET => {
                let remote = reference()?;
                let (target, key, exit) = (remote.id, reader.value(self)?, self.exit());
                let accessors = self.header(at::FLAGS) & FLAG_ACCESSORS != 0;
                (remote, Request::Get { target, key, accessors, exit })
            }
            op::SET => {
                let remote = reference()?;
                let (target, key, value) = (remote.id, reader.value(self)?, reader.value(self)?);
                (remote, Request::Set { target, key, value })
            }
            op::DELETE => {
                let remote = reference()?;
                let (target, key) = (remote.id, reader.value(self)?);
                (remote, Request::Delete { target, key })
            }
            op::APPLY => {
                let remote = reference()?;
                let (target, receiver, exit) = (remote.id, reader.value(self)?, self.exit());
                let arguments = reader.values(self, self.header(at::COUNT) as u32)?;
                (remote, Request::Apply { target, receiver, arguments, exit })
            }
            op::COPY => {
                let remote = reference()?;
                let target = remote.id;
                (remote, Request::Copy { target })
            }
            _ => return Err(Failure::Internal("unknown operation".into())),
        };
        if !remote.lease.0.is_live() {
            return Err(Failure::Disposed);
        }
        Ok((Arc::clone(&remote.lease), request, [Some(remote), other]))
    }

    /// The isolate with this handle, if it still works.
    pub fn isolate(&self, id: i32) -> Result<Arc<Lease>, Failure> {
        let lease = self.lease(id)?;
        if lease.0.is_live() { Ok(lease) } else { Err(Failure::Disposed) }
    }

    /// The isolate with this handle.
    pub fn lease(&self, id: i32) -> Result<Arc<Lease>, Failure> {
        self.with_handle(id as u32, |handle| match handle {
            Handle::Isolate(lease) => Ok(Arc::clone(lease)),
            _ => Err(Failure::Released("Isolate")),
        })
    }

    // --- calling -------------------------------------------------------------------------------

    /// Makes the call in the scratch and waits for its outcome, or for something to serve.
    pub fn call(&self, env: sys::napi_env) {
        let (lease, request, named) = match self.request() {
            Ok(found) => found,
            Err(failure) => return self.send_outcome(Err(failure.into()), answer::VALUE, answer::THROWN),
        };
        let depth = self.header(at::DEPTH).max(0) as usize;
        self.cut_frames(depth);
        let outer = self.frames.borrow().last().map_or(0, |frame| frame.tree);
        let tree = match (outer, self.current_tree.get()) {
            (0, 0) => self.new_tree(),
            (0, current) => current,
            (outer, _) => outer,
        };
        let (pending, wait) = Pending::new(self.shared.signal, self.spare.borrow_mut().take());
        let timeout = self.header(at::TIMEOUT).max(0) as u32;
        // Told to guests by the queue's lock.
        self.shared.waiting_tree.store(tree, Ordering::Relaxed);
        self.frames.borrow_mut().push(Frame { pending, _named: named, tree, serving: None });
        let isolate: &Arc<Isolate> = &lease.0;
        isolate.submit(Task::new(request, Reply::Waiting(wait), tree, timeout));
        self.wait(env);
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
        loop {
            let seen = self.shared.signal.seen();
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
            let mut spun = Duration::ZERO;
            let frames = self.frames.borrow();
            let ready = || frames.last().is_some_and(|frame| frame.pending.is_done());
            let signal = self.shared.signal;
            if !self.waiter.borrow_mut().wait(signal, seen, Some(SLICE), &mut spun, ready) {
                return self.set_header(at::OP, answer::AGAIN);
            }
        }
    }

    fn write_call(&self, call: &mut HostCall) {
        let arguments = std::mem::take(&mut call.arguments);
        self.set_header(at::TARGET, call.function.index as i32);
        self.set_header(at::COUNT, arguments.len() as i32);
        let flags = i32::from(call.is_waited_for()) | i32::from(call.wants_reply()) << 1;
        self.set_header(at::FLAGS, flags);
        let mut out = self.out.borrow_mut();
        for argument in arguments {
            out.value(self, argument);
        }
    }

    /// Queues the call in the scratch and doesn't wait.
    pub fn post(&self, env: sys::napi_env) {
        let (lease, request, named) = match self.request() {
            Ok(found) => found,
            Err(failure) => return self.send_outcome(Err(failure.into()), answer::VALUE, answer::THROWN),
        };
        let call = self.header(at::CALL) as u32;
        let timeout = self.header(at::TIMEOUT).max(0) as u32;
        let reply = if call == 0 { Reply::Ignored } else { Reply::Async(self.shared.as_host(), call) };
        let task = Task::new(request, reply, self.new_tree(), timeout);
        lease.0.submit(task.holding(named.into_iter().flatten()));
        self.hold(env);
        self.set_header(at::OP, answer::NOTHING);
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
            Message::Catastrophe(isolate, message) => {
                let mut out = self.out.borrow_mut();
                out.value(self, Transfer::Number(isolate as f64));
                out.text(&crate::engine::transfer::Text::from_str(&message));
                drop(out);
                self.send(answer::CATASTROPHE);
            }
        }
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
