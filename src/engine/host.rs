//! What the engine asks of a Node environment. `face/node` implements it; the engine knows no Node-API.

use std::sync::Arc;

use crate::engine::error::{Failure, Outcome};
use crate::engine::isolate::Isolate;
use crate::engine::isolate::task::{Reply, Request};

/// A tree of calls: all that one root call causes, however often it crosses the line.
///
/// A Node thread that waits serves host calls of the tree it waits in; others wait for its event loop,
/// as any callback would.
pub type TreeId = u64;

/// One Node environment (the main thread's, or a worker's).
pub trait Host: Send + Sync {
    /// Does what is asked of a value and answers. Called from guest threads, and from those of other environments.
    fn call(&self, call: HostCall);
    /// Does what is asked of a value at once, if the environment's thread waits: not bound to its event loop.
    fn interrupt(&self, call: HostCall);
    /// The async call `id` has ended, and with it the `work` that it was.
    fn replied(&self, id: u32, outcome: Outcome, work: Option<Work>);
    /// The promise `id`, made when a [`Transfer::Promise`] arrived there, is settled.
    fn settled(&self, id: u32, outcome: Outcome);
    /// Nothing refers to the host's value `index` any more.
    fn release(&self, index: u32);
    /// Work for the environment begins that nobody waits for: it stays alive for it.
    fn begin_work(&self);
    /// Such work has ended.
    fn end_work(&self);
    /// A number of its own for each environment.
    fn id(&self) -> u64;
    /// Whether the environment's thread waits for a call of this tree: its event loop stands still until that returns.
    fn waits_in(&self, tree: TreeId) -> bool;
    /// The environment's end is the isolate's.
    fn add_isolate(&self, isolate: &Arc<Isolate>);
}

/// Keeps an environment alive while it exists.
pub struct Work(Option<Arc<dyn Host>>);

impl Work {
    /// Work for `host` begins.
    pub fn begin(host: &Arc<dyn Host>) -> Self {
        host.begin_work();
        Self(Some(Arc::clone(host)))
    }

    /// Takes what is counted by [`Host::begin_work`] over from it, if it is work for the environment with this number.
    pub fn hand_over(mut self, host: u64) -> bool {
        self.0.take_if(|own| own.id() == host).is_some()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(host) = &self.0 {
            host.end_work();
        }
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

/// Something asked of a value that lives in a Node environment.
pub struct HostCall {
    /// The value.
    pub value: Arc<HostValue>,
    /// What to do with it: `Apply`, `Get`, `Set`, `Delete` or `Copy`. The value is the target, the number there is not used.
    pub request: Request,
    /// The tree of calls it belongs to.
    pub tree: TreeId,
    /// The async context of the call that caused it: a value of that environment.
    pub context: Option<Arc<HostValue>>,
    reply: Option<Reply>,
}

impl HostCall {
    /// Asks for `request` on `value`.
    pub fn new(value: Arc<HostValue>, request: Request, reply: Reply, tree: TreeId) -> Self {
        Self { value, request, tree, context: None, reply: Some(reply) }
    }

    /// Says in which async context it runs, if that is one of the value's own environment.
    pub fn within(mut self, context: Option<Arc<HostValue>>) -> Self {
        self.context = context.filter(|context| context.host.id() == self.value.host.id());
        self
    }

    /// Whether a thread waits for it.
    pub fn is_waited_for(&self) -> bool {
        matches!(self.reply, Some(Reply::Waiting(_)))
    }

    /// Whether anybody wants the outcome.
    pub fn wants_reply(&self) -> bool {
        !matches!(self.reply, Some(Reply::Ignored | Reply::Counted(_) | Reply::Reported) | None)
    }

    /// Whether an error is the environment's own: nobody hears of the outcome, but nothing may be lost.
    pub fn is_reported(&self) -> bool {
        matches!(self.reply, Some(Reply::Reported))
    }

    /// Tells the outcome.
    pub fn reply(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            reply.send(outcome);
        }
    }
}

impl Drop for HostCall {
    /// A call that its environment could not make any more still answers.
    fn drop(&mut self) {
        self.send(Err(Failure::EnvironmentGone.into()));
    }
}
