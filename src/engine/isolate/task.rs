//! What is asked of an isolate, as data.

use std::sync::Arc;

use crate::engine::blob::{Blob, Refusal};
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::{Host, HostValue, TreeId, Work};
use crate::engine::isolate::Remote;
use crate::engine::limits::deadline::Deadline;
use crate::engine::limits::memory::Charge;
use crate::engine::operations::Withheld;
use crate::engine::place::Named;
use crate::engine::signal::Wait;
use crate::engine::transfer::{Arguments, Function, Settler, Text, Transfer};

/// How a value leaves the guest (`TransferOptions`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Transferable values as they are.
    #[default]
    Plain,
    /// `copy: true`.
    Copy,
    /// `externalCopy: true`.
    ExternalCopy,
    /// `reference: true`.
    Reference,
}

/// What becomes of a value that needs a mode and has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fallback {
    /// It is left out: `undefined` (`eval`, `run`).
    Undefined,
    /// It becomes a reference (`get`, `apply`).
    Reference,
    /// It is an error (`evalClosure`, settled promises of `eval`).
    Throw,
    /// It is copied (results of functions that were handed over as such).
    Copy,
}

/// How the result of an operation leaves the guest.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The transfer option.
    pub mode: Mode,
    /// `promise: true`.
    pub promise: bool,
    /// For values that need a mode and have none.
    pub fallback: Fallback,
}

/// Where a piece of source comes from (`ScriptOrigin`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `filename`; `<isolated-vm>` by default.
    pub filename: Text,
    /// `lineOffset`.
    pub line: i32,
    /// `columnOffset`.
    pub column: i32,
}

/// Source code and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The code.
    pub code: Text,
    /// Where it comes from.
    pub origin: Origin,
}

/// What is wanted of code caches (`CachedDataOptions`).
#[derive(Debug)]
pub struct Cache {
    /// `cachedData`; an error when it is none that can be used.
    pub consume: Option<Result<Arc<Blob>, Refusal>>,
    /// `produceCachedData`.
    pub produce: bool,
}

/// A graph of modules to be linked: the modules, and for each one where its imports lead, as places in the list.
#[derive(Debug)]
pub struct Graph {
    /// The modules, the one to be instantiated first.
    pub modules: Vec<Arc<Remote>>,
    /// For each its imports, in the order of its requests; none when it is linked already.
    pub links: Vec<Vec<u32>>,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub struct Plan {
    /// What runs in the snapshot's context.
    pub scripts: Vec<Source>,
    /// What runs in another context, so that functions that it calls are compiled in the snapshot.
    pub warmup: Option<Source>,
    /// How long all of them may run, in ms; 0 for no limit.
    pub timeout: u32,
}

/// One operation on an isolate. Numbers are ids in its handle table.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Request {
    /// Makes the V8 isolate ahead of the first real operation.
    Boot,
    CreateContext {
        /// It can be debugged.
        inspector: bool,
        /// What the guest doesn't get.
        withheld: Withheld,
    },
    /// A reference to a context's global object.
    Global {
        context: u32,
    },
    CompileScript {
        source: Box<Source>,
        cache: Option<Box<Cache>>,
    },
    RunScript {
        script: u32,
        context: u32,
        exit: Exit,
    },
    Eval {
        context: u32,
        source: Box<Source>,
        exit: Exit,
    },
    EvalClosure {
        context: u32,
        source: Box<Source>,
        arguments: Arguments,
        exit: Exit,
    },
    Get {
        target: u32,
        key: Transfer,
        accessors: bool,
        exit: Exit,
    },
    Set {
        target: u32,
        key: Transfer,
        value: Transfer,
    },
    Delete {
        target: u32,
        key: Transfer,
    },
    Apply {
        target: u32,
        receiver: Transfer,
        arguments: Arguments,
        exit: Exit,
    },
    Copy {
        target: u32,
    },
    HeapStatistics,
    /// A full collection.
    CollectGarbage,
    CompileModule {
        source: Box<Source>,
        meta: Transfer,
        cache: Option<Box<Cache>>,
    },
    CompileJsonModule(Box<Source>),
    CreateSyntheticModule {
        filename: Text,
        exports: Vec<(Text, Transfer)>,
    },
    LinkModule {
        context: u32,
        graph: Box<Graph>,
    },
    EvaluateModule {
        module: u32,
        exit: Exit,
    },
    ModuleNamespace {
        module: u32,
    },
    /// What an `import()` of the guest asked for has come.
    Imported {
        resolver: u32,
        outcome: Box<Outcome>,
    },
    /// Makes a snapshot, of an isolate made for that.
    CreateSnapshot(Box<Plan>),
    /// Tells a function of all that is in the heap, piece by piece.
    HeapSnapshot(Arc<Function>),
    /// A promise of the guest is settled from outside.
    Settle {
        resolver: u32,
        outcome: Box<Outcome>,
    },
    /// V8's own foreground tasks.
    Foreground,
    /// What is asked of the inspector.
    Inspect,
}

impl Request {
    /// Whether it runs no code of the guest: such a request can't be stopped, and is done whatever the guest has used.
    /// Reactions to what it does come after it.
    pub fn is_idle(&self) -> bool {
        matches!(
            self,
            Self::Boot
                | Self::Inspect
                | Self::CreateContext { .. }
                | Self::CompileScript { .. }
                | Self::CompileModule { .. }
                | Self::CompileJsonModule(_)
                | Self::CreateSyntheticModule { .. }
                | Self::LinkModule { .. }
                | Self::ModuleNamespace { .. }
                | Self::HeapStatistics
                | Self::CollectGarbage
                | Self::HeapSnapshot(_)
        )
    }
}

impl Request {
    /// Whether it settles a promise of the guest.
    pub fn settles(&self) -> bool {
        matches!(self, Self::Settle { .. } | Self::Imported { .. })
    }
}

/// What bounds a call, and where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// `timeout` in ms; 0 for none.
    pub timeout: u32,
    /// `cpuTimeout` in ms; 0 for none.
    pub cpu: u32,
    /// `deadline`.
    pub deadline: Option<Arc<Deadline>>,
    /// The async context of the environment that it comes from: functions called because of it run there.
    pub context: Option<Arc<HostValue>>,
    /// The tree of calls in which it was asked for, if that isn't the one it belongs to.
    pub cause: Option<TreeId>,
}

impl From<u32> for Limits {
    fn from(timeout: u32) -> Self {
        Self { timeout, ..Self::default() }
    }
}

impl Request {
    /// About what it takes outside every heap, in bytes.
    pub fn weight(&self) -> usize {
        let source = |source: &Source| source.code.size() + source.origin.filename.size();
        let all = |values: &Arguments| values.iter().map(|value| 64 + value.weight()).sum::<usize>();
        let own = match self {
            Self::CompileScript { source: code, .. }
            | Self::CompileModule { source: code, .. }
            | Self::CompileJsonModule(code)
            | Self::Eval { source: code, .. } => source(code),
            Self::EvalClosure { source: code, arguments, .. } => source(code) + all(arguments),
            Self::Get { key, .. } | Self::Delete { key, .. } => key.weight(),
            Self::Set { key, value, .. } => key.weight() + value.weight(),
            Self::Apply { receiver, arguments, .. } => receiver.weight() + all(arguments),
            _ => 0,
        };
        size_of::<Task>() + own
    }
}

/// Who hears of the outcome.
pub enum Reply {
    /// A thread that waits.
    Waiting(Arc<Wait>),
    /// A promise of a Node environment.
    Async(Arc<dyn Host>, u32),
    /// A promise that two heaps share.
    Promise(Settler),
    /// Nobody.
    Ignored,
    /// Nobody; what is asked counts as the memory of a guest until it was done.
    Counted(Charge),
    /// Nobody; an error of a function of a Node environment is reported there as uncaught.
    Reported,
}

impl Reply {
    /// Tells the outcome.
    pub fn send(self, outcome: Outcome) {
        self.send_and_end(outcome, None);
    }

    /// Tells the outcome, with which `work` ends.
    fn send_and_end(self, outcome: Outcome, work: Option<Work>) {
        match self {
            Self::Waiting(wait) => wait.complete(outcome),
            Self::Async(host, id) => host.replied(id, outcome, work),
            Self::Promise(settler) => settler.settle(outcome),
            Self::Ignored | Self::Counted(_) | Self::Reported => {}
        }
    }
}

/// An operation in an isolate's queue.
pub struct Task {
    /// What to do.
    pub request: Request,
    /// The tree of calls it belongs to.
    pub tree: TreeId,
    /// The tree of calls in which it was asked for.
    pub cause: TreeId,
    /// `timeout` in ms; 0 for none.
    pub timeout: u32,
    /// `cpuTimeout` in ms; 0 for none.
    pub cpu: u32,
    /// `deadline`.
    pub deadline: Option<Arc<Deadline>>,
    /// The async context that it comes from.
    pub context: Option<Arc<HostValue>>,
    reply: Option<Reply>,
    /// Keeps the environment alive until the task has run, when nobody waits for it.
    pub work: Option<Work>,
    /// The entries that the request names: not forgotten before it has run.
    pub holds: Named,
}

impl Task {
    /// An operation whose outcome goes to `reply`.
    pub fn new(request: Request, reply: Reply, tree: TreeId, timeout: u32) -> Self {
        Self {
            request,
            tree,
            cause: tree,
            timeout,
            cpu: 0,
            deadline: None,
            context: None,
            reply: Some(reply),
            work: None,
            holds: Named::new(),
        }
    }

    /// Bounds the whole call.
    pub fn until(mut self, deadline: Option<Arc<Deadline>>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bounds the CPU time of the guest's thread, in ms; 0 for not.
    pub fn cpu(mut self, cpu: u32) -> Self {
        self.cpu = cpu;
        self
    }

    /// Says which async context it comes from.
    pub fn from(mut self, context: Option<Arc<HostValue>>) -> Self {
        self.context = context;
        self
    }

    /// Says in which tree of calls it was asked for.
    pub fn because_of(mut self, cause: Option<TreeId>) -> Self {
        self.cause = cause.unwrap_or(self.cause);
        self
    }

    /// Keeps the entries that the request names until it has run.
    pub fn holding(mut self, named: Named) -> Self {
        self.holds = named;
        self
    }

    /// Whether a thread waits for it.
    pub fn is_waited_for(&self) -> bool {
        matches!(self.reply, Some(Reply::Waiting(_)))
    }

    /// Whether a guest thread that waits runs it meanwhile.
    pub fn is_prompt(&self) -> bool {
        self.is_waited_for() || matches!(self.request, Request::Inspect)
    }

    /// Splits off who hears of the outcome.
    pub fn take_reply(&mut self) -> Answer {
        Answer { reply: self.reply.take(), work: self.work.take() }
    }
}

impl Drop for Task {
    /// A task that never ran still answers.
    fn drop(&mut self) {
        drop(self.take_reply());
    }
}

/// The duty to answer, once.
pub struct Answer {
    reply: Option<Reply>,
    /// Ends with the answer.
    work: Option<Work>,
}

impl Answer {
    /// Answers.
    pub fn send(mut self, outcome: Outcome) {
        self.dispatch(outcome);
    }

    fn dispatch(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            reply.send_and_end(outcome, self.work.take());
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.dispatch(Err(Failure::Disposed.into()));
    }
}
