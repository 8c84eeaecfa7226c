//! What the engine asks of a Node environment. `face/node` implements it; the engine knows no Node-API.

use std::sync::Arc;

use crate::engine::error::{Failure, Outcome};
use crate::engine::signal::Wait;
use crate::engine::transfer::{Arguments, Settler};

/// A tree of calls: all that one root call causes, however often it crosses the line.
///
/// A Node thread that waits serves host calls of the tree it waits in; others wait for its event loop,
/// as any callback would.
pub type TreeId = u64;

/// One Node environment (the main thread's, or a worker's).
pub trait Host: Send + Sync {
    /// Runs a host function and tells `reply` of its outcome. Called from guest threads.
    fn call(&self, call: HostCall);
    /// The async call `id` has ended.
    fn replied(&self, id: u32, outcome: Outcome);
    /// The promise `id`, made when a [`Transfer::Promise`] arrived there, is settled.
    fn settled(&self, id: u32, outcome: Outcome);
    /// Nothing refers to the host's value `index` any more.
    fn release(&self, index: u32);
    /// A message for the user's `onCatastrophicError`.
    fn catastrophe(&self, isolate: u64, message: String);
    /// Work for the environment begins that nobody waits for: it stays alive for it.
    fn begin_work(&self);
    /// Such work has ended.
    fn end_work(&self);
    /// A number of its own for each environment.
    fn id(&self) -> u64;
}

/// Keeps an environment alive while it exists.
pub struct Work(Arc<dyn Host>);

impl Work {
    /// Work for `host` begins.
    pub fn begin(host: &Arc<dyn Host>) -> Self {
        host.begin_work();
        Self(Arc::clone(host))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.end_work();
    }
}

/// A value (mostly a function) that lives in a Node environment, by its index in a table there.
pub struct HostValue {
    /// Where it lives.
    pub host: Arc<dyn Host>,
    /// Its place in the table of that environment.
    pub index: u32,
    /// What `typeof` says of it, as a number of the wire.
    pub type_of: u8,
}

impl std::fmt::Debug for HostValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostValue({}:{})", self.host.id(), self.index)
    }
}

impl Drop for HostValue {
    fn drop(&mut self) {
        self.host.release(self.index);
    }
}

/// Where the outcome of a host call goes.
pub enum HostReply {
    /// A guest thread that waits.
    Waiting(Arc<Wait>),
    /// A promise in the guest.
    Promise(Settler),
    /// Nobody.
    Ignored,
}

/// A guest's call of a host function.
pub struct HostCall {
    /// The function.
    pub function: Arc<HostValue>,
    /// Its arguments.
    pub arguments: Arguments,
    /// The tree of calls it belongs to.
    pub tree: TreeId,
    reply: Option<HostReply>,
}

impl HostCall {
    /// A call of `function`.
    pub fn new(function: Arc<HostValue>, arguments: Arguments, tree: TreeId, reply: HostReply) -> Self {
        Self { function, arguments, tree, reply: Some(reply) }
    }

    /// Whether a guest thread waits for it.
    pub fn is_waited_for(&self) -> bool {
        matches!(self.reply, Some(HostReply::Waiting(_)))
    }

    /// Whether anybody wants the outcome.
    pub fn wants_reply(&self) -> bool {
        !matches!(self.reply, Some(HostReply::Ignored) | None)
    }

    /// Tells the outcome.
    pub fn reply(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        match self.reply.take() {
            Some(HostReply::Waiting(wait)) => wait.complete(outcome),
            Some(HostReply::Promise(settler)) => settler.settle(outcome),
            Some(HostReply::Ignored) | None => {}
        }
    }
}

impl Drop for HostCall {
    /// A call that its environment could not make any more still answers.
    fn drop(&mut self) {
        self.send(Err(Failure::EnvironmentGone.into()));
    }
}
