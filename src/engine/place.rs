//! Where a request goes: to an isolate of ours, or to a value of a Node environment.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::host::{HostCall, HostValue, TreeId};
use crate::engine::isolate::task::{Limits, Reply, Request, Task};
use crate::engine::isolate::{Isolate, Remote};
use crate::engine::transfer::Handle;

/// Entries of a handle table that a request names: not forgotten before it has run.
pub type Named = SmallVec<[Arc<Remote>; 2]>;

/// Who does what is asked for.
pub enum Place {
    /// An isolate.
    Isolate(Arc<Isolate>),
    /// A value of a Node environment.
    Host(Arc<HostValue>),
}

impl Place {
    /// Where the value behind a handle lives, and its number there. `None` for handles that are no values.
    pub fn of(handle: &Handle) -> Option<(Self, u32)> {
        match handle {
            Handle::Remote(remote) => Some((Self::Isolate(Arc::clone(remote.isolate())), remote.id())),
            Handle::Host(host) => Some((Self::Host(Arc::clone(host)), host.index)),
            Handle::Isolate(_) | Handle::Copied(_) | Handle::Session(_) => None,
        }
    }

    /// Asks for it. `limits` bound guests; code of a Node environment can't be stopped.
    pub fn send(self, request: Request, reply: Reply, tree: TreeId, limits: impl Into<Limits>, named: Named) {
        match self {
            Self::Isolate(isolate) => {
                let Limits { timeout, cpu, deadline, context, cause } = limits.into();
                let task = Task::new(request, reply, tree, timeout).cpu(cpu).until(deadline).from(context);
                isolate.submit(task.because_of(cause).holding(named));
            }
            Self::Host(value) => {
                let host = Arc::clone(&value.host);
                host.call(HostCall::new(value, request, reply, tree).within(limits.into().context));
            }
        }
    }
}
