//! Requests as both faces read them: what `lib/*.js` asks for, whichever heap it runs in.
//!
//! The classes are JavaScript, the same files for a Node environment and for guests. A request is a header of
//! numbers and a payload of parts, in the order in which the class wrote them. How header and parts get here is
//! up to the face ([`Message`]); what they mean is said here, once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::blob::{Blob, Kind, Refusal};
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::Host;
use crate::engine::isolate::task::{
    Cache, Exit, Fallback, Graph, Limits, Mode, Origin, Plan, Reply, Request, Source, Task,
};
use crate::engine::isolate::{Cause, Isolate, Lease, Options, Remote, RemoteKind};
use crate::engine::limits::bucket::Bucket;
use crate::engine::limits::condemned;
use crate::engine::limits::deadline::Deadline;
use crate::engine::limits::idle;
use crate::engine::limits::memory::MB;
use crate::engine::operations::Withheld;
use crate::engine::place::{Named, Place};
use crate::engine::platform;
use crate::engine::transfer::{
    Arguments, CallbackMode, Copied, EXTERNAL_SIZE, Function, Handle, Text, Transfer,
};
use crate::face::inspect;

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
    /// `deadline` in ms; 0 for none.
    pub const DEADLINE: usize = 9;
    /// Of a Node environment: the host value, and one, that is the async context of the call; 0 for none.
    pub const CONTEXT: usize = 10;
    /// `cpuTimeout` in ms; 0 for none.
    pub const CPU_TIMEOUT: usize = 11;
}

/// Operations on isolates and on values of Node environments.
#[allow(missing_docs)]
pub mod op {
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
    pub const GLOBAL: i32 = 20;
    pub const COMPILE_MODULE: i32 = 30;
    pub const COMPILE_JSON_MODULE: i32 = 31;
    pub const CREATE_SYNTHETIC_MODULE: i32 = 32;
    pub const LINK_MODULE: i32 = 33;
    pub const EVALUATE_MODULE: i32 = 34;
    pub const MODULE_NAMESPACE: i32 = 35;
    pub const COLLECT_GARBAGE: i32 = 40;
    pub const CREATE_SNAPSHOT: i32 = 41;
    pub const HEAP_SNAPSHOT: i32 = 42;
}

/// Operations that need no guest.
#[allow(missing_docs)]
pub mod local {
    pub const NEW_ISOLATE: i32 = 101;
    pub const RELEASE: i32 = 102;
    pub const DISPOSE: i32 = 103;
    pub const IS_DISPOSED: i32 = 104;
    pub const CPU_TIME: i32 = 105;
    pub const WALL_TIME: i32 = 106;
    pub const REFERENCE_COUNT: i32 = 107;
    pub const NEW_COPY: i32 = 108;
    pub const READ_COPY: i32 = 109;
    pub const EXTERNAL_SIZE: i32 = 110;
    pub const VERSIONS: i32 = 121;
    pub const MODULE_INFO: i32 = 130;
    pub const IS_LINKED: i32 = 131;
    pub const SET_IMPORTER: i32 = 132;
    pub const DISPOSE_REASON: i32 = 140;
    pub const STATISTICS: i32 = 170;
    pub const CONFIGURE: i32 = 171;
    pub const ON_UNHANDLED: i32 = 160;
    pub const DEFAULT_TIMEOUT: i32 = 161;
    pub const CPU_LIMIT: i32 = 162;
}

const FLAG_PROMISE: i32 = 4;
const FLAG_ACCESSORS: i32 = 32;
// Of what compiles.
const FLAG_CONSUME_CACHE: i32 = 1;
const FLAG_PRODUCE_CACHE: i32 = 2;
/// Of a new context, and of a new isolate.
const FLAG_INSPECTOR: i32 = 256;
// Of what makes an isolate.
const FLAG_SOURCE_MAPS: i32 = 512;

/// A request on its way in.
pub trait Message {
    /// A number of the header.
    fn header(&self, at: usize) -> i32;
    /// The next part: a string.
    fn text(&mut self) -> Result<Text, Failure>;
    /// The next part: a number.
    fn u32(&mut self) -> Result<u32, Failure>;
    /// The next part: a value.
    fn value(&mut self) -> Result<Transfer, Failure>;
    /// The handle with this number.
    fn handle(&self, id: i32) -> Result<Handle, Failure>;
    /// Gives a handle a number.
    fn add_handle(&self, handle: Handle) -> u32;
    /// Forgets a handle.
    fn remove_handle(&self, id: u32);
    /// The environment that isolates made here belong to.
    fn host(&self) -> Arc<dyn Host>;
    /// The isolate that asks, if it is one.
    fn parent(&self) -> Option<Arc<Isolate>>;

    /// The next `n` parts: values.
    fn values(&mut self, n: i32) -> Result<Arguments, Failure> {
        let mut values = Arguments::new();
        for _ in 0..n {
            values.push(self.value()?);
        }
        Ok(values)
    }
}

/// A request, and who does what it asks for.
pub struct Call {
    /// Who does it.
    pub place: Place,
    /// What to do.
    pub request: Request,
    /// What it names of handle tables.
    pub named: Named,
}

fn remote(
    message: &impl Message,
    id: i32,
    kind: RemoteKind,
    name: &'static str,
) -> Result<Arc<Remote>, Failure> {
    expect(message.handle(id), kind, name)
}

/// What a handle is to, if it is to that.
fn expect(
    handle: Result<Handle, Failure>,
    kind: RemoteKind,
    name: &'static str,
) -> Result<Arc<Remote>, Failure> {
    match handle {
        Ok(Handle::Remote(remote))
            if remote.kind == kind
                || (kind == RemoteKind::Reference && remote.kind == RemoteKind::Function) =>
        {
            Ok(remote)
        }
        Ok(_) | Err(Failure::Released(_)) => Err(Failure::Released(name)),
        Err(failure) => Err(failure),
    }
}

fn exit(message: &impl Message) -> Exit {
    exit_of(message.header(at::FLAGS))
}

/// What bounds a call, from the numbers of its header. It ends no later than `outer`, the call that it is made in.
pub fn limits(header: impl Fn(usize) -> i32, outer: Option<&Arc<Deadline>>) -> Limits {
    let ms = |at| header(at).max(0) as u32;
    Limits {
        timeout: ms(at::TIMEOUT),
        cpu: ms(at::CPU_TIMEOUT),
        deadline: Deadline::new(ms(at::DEADLINE), outer),
        ..Limits::default()
    }
}

/// How a value leaves, from the flags of `lib/options.js`.
pub fn exit_of(flags: i32) -> Exit {
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

/// The flags that [`exit_of`] reads.
pub fn flags_of(exit: Exit) -> i32 {
    let mode = match exit.mode {
        Mode::Plain => 0,
        Mode::Copy => 1,
        Mode::ExternalCopy => 2,
        Mode::Reference => 3,
    };
    let fallback = match exit.fallback {
        Fallback::Undefined => 0,
        Fallback::Reference => 1,
        Fallback::Throw => 2,
        Fallback::Copy => 3,
    };
    mode | if exit.promise { FLAG_PROMISE } else { 0 } | fallback << 3
}

/// The operation of a request to a value of a Node environment, its flags, and its values.
pub fn parts_of(request: Request) -> (i32, i32, Arguments) {
    match request {
        Request::Apply { receiver, mut arguments, exit, .. } => {
            arguments.insert(0, receiver);
            (op::APPLY, flags_of(exit), arguments)
        }
        Request::Get { key, accessors, exit, .. } => {
            let accessors = if accessors { FLAG_ACCESSORS } else { 0 };
            (op::GET, flags_of(exit) | accessors, Arguments::from_iter([key]))
        }
        Request::Set { key, value, .. } => (op::SET, 0, Arguments::from_iter([key, value])),
        Request::Delete { key, .. } => (op::DELETE, 0, Arguments::from_iter([key])),
        _ => (op::COPY, 0, Arguments::new()),
    }
}

fn source(message: &mut impl Message) -> Result<Box<Source>, Failure> {
    let origin =
        Origin { filename: message.text()?, line: message.u32()? as i32, column: message.u32()? as i32 };
    Ok(Box::new(Source { code: message.text()?, origin }))
}

/// What a snapshot is made of: the time limit, the scripts, and a 1 before the one to warm up with, or 0.
fn plan(message: &mut impl Message) -> Result<Box<Plan>, Failure> {
    let timeout = message.u32()?;
    let scripts =
        (0..message.u32()?).map(|_| source(message).map(|source| *source)).collect::<Result<_, _>>()?;
    let warmup = if message.u32()? == 0 { None } else { Some(*source(message)?) };
    Ok(Box::new(Plan { scripts, warmup, timeout }))
}

/// What is wanted of code caches, as the flags say.
fn cache(message: &mut impl Message) -> Result<Option<Box<Cache>>, Failure> {
    let flags = message.header(at::FLAGS);
    if flags & (FLAG_CONSUME_CACHE | FLAG_PRODUCE_CACHE) == 0 {
        return Ok(None);
    }
    let mut consume = None;
    if flags & FLAG_CONSUME_CACHE != 0 {
        let value = message.value()?;
        consume = Some(match Blob::open(Kind::Code, &value, message.parent().is_none()) {
            Err(Refusal::NotBytes) => return Err(Failure::NotBytes("cachedData")),
            opened => opened,
        });
    }
    Ok(Some(Box::new(Cache { consume, produce: flags & FLAG_PRODUCE_CACHE != 0 })))
}

/// A module that is made in an isolate.
fn new_module(message: &mut impl Message, op: i32) -> Result<Request, Failure> {
    Ok(match op {
        op::COMPILE_MODULE => {
            let (source, meta) = (source(message)?, message.value()?);
            Request::CompileModule { source, meta, cache: cache(message)? }
        }
        op::COMPILE_JSON_MODULE => Request::CompileJsonModule(source(message)?),
        _ => {
            let filename = message.text()?;
            let exports = (0..message.header(at::COUNT)).map(|_| Ok((message.text()?, message.value()?)));
            let exports = exports.collect::<Result<_, Failure>>()?;
            Request::CreateSyntheticModule { filename, exports }
        }
    })
}

/// A graph of modules, all of the isolate of a context.
fn graph(message: &mut impl Message, context: &Remote) -> Result<Box<Graph>, Failure> {
    let mut graph = Box::new(Graph { modules: Vec::new(), links: Vec::new() });
    for _ in 0..message.header(at::COUNT) {
        let id = message.u32()? as i32;
        let module = remote(message, id, RemoteKind::Module, "Module")?;
        if !module.is_of(context.isolate()) {
            let stray = if graph.modules.is_empty() { "Context" } else { "Module" };
            return Err(Failure::WrongIsolate(stray));
        }
        graph.modules.push(module);
        graph.links.push((0..message.u32()?).map(|_| message.u32()).collect::<Result<_, _>>()?);
    }
    Ok(graph)
}

/// What is known of a module: its isolate, its number there, where it comes from, and each request's specifier and attributes.
fn module_info(module: &Remote) -> Result<Transfer, Failure> {
    let info = module.module().ok_or_else(|| Failure::Internal("a module without information".into()))?;
    let mut values = vec![
        Transfer::Number(module.isolate().id as f64),
        Transfer::Number(f64::from(info.number)),
        Transfer::Text(info.filename.clone()),
    ];
    values.extend(info.requests.iter().map(|request| {
        let attributes = request.attributes.iter().flat_map(|(key, value)| [key, value]);
        let texts = std::iter::once(&request.specifier).chain(attributes);
        Transfer::List(texts.cloned().map(Transfer::Text).collect())
    }));
    Ok(Transfer::List(values.into()))
}

/// Reads a request.
pub fn read(message: &mut impl Message) -> Result<Call, Failure> {
    let target = message.header(at::TARGET);
    let mut named = Named::new();
    let (place, request) = match message.header(at::OP) {
        op @ (op::CREATE_CONTEXT
        | op::COMPILE_SCRIPT
        | op::HEAP_STATISTICS
        | op::COLLECT_GARBAGE
        | op::CREATE_SNAPSHOT
        | op::HEAP_SNAPSHOT) => {
            let lease = isolate(message, target)?;
            let request = match op {
                op::CREATE_CONTEXT => {
                    let inspector = message.header(at::FLAGS) & FLAG_INSPECTOR != 0;
                    if inspector && !lease.0.inspector.is_enabled() {
                        return Err(Failure::InspectorDisabled);
                    }
                    Request::CreateContext { inspector, withheld: withheld(message)? }
                }
                op::HEAP_STATISTICS => Request::HeapStatistics,
                op::COLLECT_GARBAGE => Request::CollectGarbage,
                op::CREATE_SNAPSHOT => Request::CreateSnapshot(plan(message)?),
                op::HEAP_SNAPSHOT => match message.value()? {
                    Transfer::Function(sink) => Request::HeapSnapshot(sink),
                    _ => return Err(Failure::Internal("nobody takes the snapshot".into())),
                },
                _ => {
                    let source = source(message)?;
                    Request::CompileScript { source, cache: cache(message)? }
                }
            };
            (Place::Isolate(Arc::clone(&lease.0)), request)
        }
        op::RUN_SCRIPT => {
            let script = remote(message, target, RemoteKind::Script, "Script")?;
            let context = remote(message, message.header(at::OTHER), RemoteKind::Context, "Context")?;
            if !script.is_of(context.isolate()) {
                return Err(Failure::WrongIsolate("Context"));
            }
            let request =
                Request::RunScript { script: script.id(), context: context.id(), exit: exit(message) };
            let place = Place::Isolate(Arc::clone(script.isolate()));
            named.extend([script, context]);
            (place, request)
        }
        op @ (op::COMPILE_MODULE | op::COMPILE_JSON_MODULE | op::CREATE_SYNTHETIC_MODULE) => {
            let lease = isolate(message, target)?;
            (Place::Isolate(Arc::clone(&lease.0)), new_module(message, op)?)
        }
        op::LINK_MODULE => {
            let remote = remote(message, target, RemoteKind::Context, "Context")?;
            let request = Request::LinkModule { context: remote.id(), graph: graph(message, &remote)? };
            let place = Place::Isolate(Arc::clone(remote.isolate()));
            named.push(remote);
            (place, request)
        }
        op @ (op::EVALUATE_MODULE | op::MODULE_NAMESPACE) => {
            let remote = remote(message, target, RemoteKind::Module, "Module")?;
            let module = remote.id();
            let request = match op {
                op::EVALUATE_MODULE => Request::EvaluateModule { module, exit: exit(message) },
                _ => Request::ModuleNamespace { module },
            };
            let place = Place::Isolate(Arc::clone(remote.isolate()));
            named.push(remote);
            (place, request)
        }
        op @ (op::EVAL | op::EVAL_CLOSURE | op::GLOBAL) => {
            let remote = remote(message, target, RemoteKind::Context, "Context")?;
            let context = remote.id();
            let request = match op {
                op::GLOBAL => Request::Global { context },
                op::EVAL => Request::Eval { context, source: source(message)?, exit: exit(message) },
                _ => {
                    let (source, exit) = (source(message)?, exit(message));
                    let arguments = message.values(message.header(at::COUNT))?;
                    Request::EvalClosure { context, source, arguments, exit }
                }
            };
            let place = Place::Isolate(Arc::clone(remote.isolate()));
            named.push(remote);
            (place, request)
        }
        op @ (op::GET | op::SET | op::DELETE | op::APPLY | op::COPY) => {
            let handle = match message.handle(target) {
                Ok(Handle::Host(host)) => Handle::Host(host),
                handle => Handle::Remote(expect(handle, RemoteKind::Reference, "Reference")?),
            };
            let (place, target) = Place::of(&handle).ok_or(Failure::Released("Reference"))?;
            if let Handle::Remote(remote) = handle {
                named.push(remote);
            }
            let request = match op {
                op::GET => {
                    let (key, exit) = (message.value()?, exit(message));
                    let accessors = message.header(at::FLAGS) & FLAG_ACCESSORS != 0;
                    Request::Get { target, key, accessors, exit }
                }
                op::SET => Request::Set { target, key: message.value()?, value: message.value()? },
                op::DELETE => Request::Delete { target, key: message.value()? },
                op::APPLY => {
                    let (receiver, exit) = (message.value()?, exit(message));
                    let arguments = message.values(message.header(at::COUNT))?;
                    Request::Apply { target, receiver, arguments, exit }
                }
                _ => Request::Copy { target },
            };
            (place, request)
        }
        _ => return Err(Failure::Internal("unknown operation".into())),
    };
    if let Place::Isolate(isolate) = &place
        && !isolate.is_live()
    {
        return Err(isolate.gone_failure());
    }
    Ok(Call { place, request, named })
}

/// What a new context is not to have.
fn withheld(message: &mut impl Message) -> Result<Withheld, Failure> {
    let what = message.u32()?;
    let mut number = || {
        Ok::<_, Failure>(match message.value()? {
            Transfer::Int(n) => Some(f64::from(n)),
            Transfer::Number(n) => Some(n),
            _ => None,
        })
    };
    let (frozen, resolution, seed) = (number()?, number()?, number()?);
    Ok(Withheld { what, frozen, resolution, seed: seed.map(|seed| seed as u32) })
}

/// The isolate with this handle, if it still works.
pub fn isolate(message: &impl Message, id: i32) -> Result<Arc<Lease>, Failure> {
    let lease = lease(message, id)?;
    if lease.0.is_live() { Ok(lease) } else { Err(lease.0.gone_failure()) }
}

/// The isolate with this handle.
fn lease(message: &impl Message, id: i32) -> Result<Arc<Lease>, Failure> {
    match message.handle(id)? {
        Handle::Isolate(lease) => Ok(lease),
        _ => Err(Failure::Released("Isolate")),
    }
}

/// Does what a request asks for that needs no guest.
pub fn run_local(message: &mut impl Message) -> Outcome {
    let target = message.header(at::TARGET);
    // A handle as its number: for constructors, whose object exists already.
    let number = |n: u32| Transfer::Number(f64::from(n));
    Ok(match message.header(at::OP) {
        local::NEW_ISOLATE => {
            let lease = new_isolate(message)?;
            number(message.add_handle(Handle::Isolate(lease)))
        }
        local::RELEASE => {
            message.remove_handle(target as u32);
            Transfer::Undefined
        }
        local::DISPOSE => {
            // The other number: the end of a `using` block, to which an isolate that has ended is no surprise.
            if !lease(message, target)?.0.dispose(Cause::Disposed) && message.header(at::OTHER) == 0 {
                return Err(Failure::AlreadyDisposed.into());
            }
            Transfer::Undefined
        }
        local::IS_DISPOSED => Transfer::Bool(!lease(message, target)?.0.is_live()),
        local::DISPOSE_REASON => {
            let reason = lease(message, target)?.0.end_reason();
            reason.map_or(Transfer::Undefined, |reason| Transfer::Text(Text::from_str(reason)))
        }
        local::MODULE_INFO => module_info(&*remote(message, target, RemoteKind::Module, "Module")?)?,
        local::IS_LINKED => {
            let module = remote(message, target, RemoteKind::Module, "Module")?;
            Transfer::Bool(module.module().is_some_and(|info| info.is_linked()))
        }
        local::SET_IMPORTER => {
            if let Transfer::Function(importer) = message.value()? {
                // It gives promises.
                let importer = Function { mode: CallbackMode::Async, ..(*importer).clone() };
                lease(message, target)?.0.set_importer(Some(Arc::new(importer)));
            }
            Transfer::Undefined
        }
        local::STATISTICS => {
            Transfer::Numbers(condemned::statistics().into_iter().map(|n| n as f64).collect())
        }
        local::CONFIGURE => {
            if message.parent().is_some() {
                return Err(Failure::Internal("guests configure nothing".into()).into());
            }
            let (most, after) = (message.u32()?, message.u32()?);
            if most > 0 {
                condemned::set_most(most as usize);
            }
            if after < u32::MAX {
                idle::set_after(after);
            }
            Transfer::Undefined
        }
        local::ON_UNHANDLED => {
            if let Transfer::Function(listener) = message.value()? {
                lease(message, target)?.0.rejections.listen(listener);
            }
            Transfer::Undefined
        }
        local::DEFAULT_TIMEOUT => {
            let ms = message.header(at::OTHER).max(0) as u32;
            lease(message, target)?.0.default_timeout.store(ms, Ordering::Relaxed);
            Transfer::Undefined
        }
        local::CPU_LIMIT => {
            let share = Bucket::new(message.u32()?, message.u32()?);
            let _ = lease(message, target)?.0.share.set(Arc::new(share));
            Transfer::Undefined
        }
        local::CPU_TIME => {
            Transfer::BigInt(Box::new((false, vec![lease(message, target)?.0.clocks().cpu()])))
        }
        local::WALL_TIME => {
            Transfer::BigInt(Box::new((false, vec![lease(message, target)?.0.clocks().wall()])))
        }
        local::REFERENCE_COUNT => {
            Transfer::Number(lease(message, target)?.0.references().load(Ordering::Relaxed) as f64)
        }
        local::NEW_COPY => {
            let value = message.value()?;
            let copied = Copied::new(value);
            if let Some(guest) = message.parent()
                && !copied.charge_to(&guest.memory)
            {
                return Err(Failure::NoMemory.into());
            }
            number(message.add_handle(Handle::Copied(copied)))
        }
        local::READ_COPY => match message.handle(target)? {
            Handle::Copied(copied) => {
                let value = if message.header(at::OTHER) != 0 { copied.take() } else { copied.get() };
                value.ok_or(Failure::BufferGone)?
            }
            _ => return Err(Failure::Released("ExternalCopy").into()),
        },
        local::VERSIONS => {
            let text = |text| Transfer::Text(Text::from_str(text));
            Transfer::Pair(Box::new((text(v8::V8::get_version()), text(platform::FLAGS))))
        }
        local::EXTERNAL_SIZE => Transfer::Number(EXTERNAL_SIZE.load(Ordering::Relaxed) as f64),
        op => return inspect::run(message, op),
    })
}

/// Makes an isolate: its limit in MB, and the function for `onCatastrophicError` and the snapshot, or undefined.
fn new_isolate(message: &mut impl Message) -> Result<Arc<Lease>, Failure> {
    let limit = message.u32()? as usize * MB;
    let on_catastrophe = match message.value()? {
        Transfer::Function(function) => Some(function),
        _ => None,
    };
    if let Some(count) = condemned::overflow() {
        return Err(Failure::TooManyCondemned(count));
    }
    let parent = message.parent();
    let snapshot = match message.value()? {
        Transfer::Undefined => None,
        value => {
            Some(Blob::open(Kind::Snapshot, &value, parent.is_none()).map_err(|refusal| match refusal {
                Refusal::NotBytes => Failure::NotBytes("snapshot"),
                refusal => Failure::Snapshot(refusal.to_string()),
            })?)
        }
    };
    let host = message.host();
    if parent.as_ref().is_some_and(|parent| !parent.memory.has_room_for_isolate()) {
        return Err(Failure::NoRoom);
    }
    let options = Options {
        limit: parent.as_ref().map_or(limit, |parent| limit.min(parent.memory.limit)),
        parent: parent.map(|parent| Arc::clone(&parent.memory)),
        on_catastrophe,
        snapshot,
    };
    let inspector = message.header(at::OTHER) & FLAG_INSPECTOR != 0;
    if inspector && options.parent.is_some() {
        return Err(Failure::HostOnly("`inspector`"));
    }
    let lease = Isolate::create(Arc::clone(&host), options);
    lease.0.maps_sources.store(message.header(at::OTHER) & FLAG_SOURCE_MAPS != 0, Ordering::Relaxed);
    if inspector {
        lease.0.enable_inspector();
    }
    host.add_isolate(&lease.0);
    // V8's isolate is made while its maker goes on.
    lease.0.submit(Task::new(Request::Boot, Reply::Ignored, 0, 0));
    Ok(lease)
}
