//! Making startup snapshots (`Isolate.createSnapshot`).
//!
//! V8 makes a snapshot of an isolate that was made for nothing else, on the thread that made it. So it runs as an operation of
//! an ordinary isolate of ours, which lends its thread, its memory account and its ways of ending: limits hold as for
//! any guest, and what ends V8's process ends that isolate.
//!
//! The scripts run in a bare context, without anything of the library: what is in it must be found again by a
//! process that knows nothing of this one.

use std::cell::Cell;
use std::ffi::c_void;
use std::time::Duration;

use super::*;
use crate::engine::blob::{Blob, Kind};
use crate::engine::error::{ErrorClass, ErrorValue};
use crate::engine::isolate::task::{Plan, Source};
use crate::engine::limits::fatal;
use crate::engine::limits::memory::{self, Memory};
use crate::engine::limits::watchdog::{Ended, Rest};
use crate::engine::transfer::{Cloned, Text, errors};

/// What V8's callback about memory gets.
struct Watch {
    memory: Arc<Memory>,
    terminator: Cell<Option<v8::IsolateHandle>>,
    exceeded: Cell<bool>,
}

/// V8's heap is at the limit: the scripts are stopped, and V8 gets room to unwind once (see `isolate::guest`).
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: `data` is the Watch that lives in `create_snapshot` as long as V8's isolate does; on this thread.
    let watch = unsafe { &*data.cast::<Watch>() };
    // V8 asks here too when an array buffer was refused: that is a RangeError and no end.
    if watch.memory.take_refused() {
        return current;
    }
    if let Some(terminator) = watch.terminator.take() {
        terminator.terminate_execution();
        watch.terminator.set(Some(terminator));
    }
    if watch.exceeded.replace(true) { current } else { current + watch.memory.headroom() }
}

impl Cx<'_> {
    pub(super) fn create_snapshot(self, plan: Plan) -> Outcome {
        let Plan { scripts, warmup, timeout } = plan;
        let watch = Watch {
            memory: Arc::clone(self.guest.memory()),
            terminator: Cell::new(None),
            exceeded: Cell::new(false),
        };
        let mut left = (timeout > 0).then(|| Duration::from_millis(timeout.into()));
        let cold = self.stage(&watch, None, &mut left, scripts, false)?;
        let warm = match warmup {
            None => cold,
            Some(source) => self.stage(&watch, Some(cold), &mut left, vec![source], true)?,
        };
        Ok(Blob::seal(Kind::Snapshot, 0, &warm).into_copy())
    }

    /// Runs scripts in a new isolate, and makes a snapshot of it: of the context they ran in, or, to `warm` it up, of a fresh one.
    fn stage(
        self,
        watch: &Watch,
        from: Option<v8::StartupData>,
        left: &mut Option<Duration>,
        scripts: Vec<Source>,
        warm: bool,
    ) -> Result<v8::StartupData, Thrown> {
        let params = v8::CreateParams::default()
            .heap_limits(0, watch.memory.limit)
            .array_buffer_allocator(memory::allocator(&watch.memory).make_shared())
            .allow_atomics_wait(false);
        let mut creator = match from {
            None => v8::Isolate::snapshot_creator(None, Some(params)),
            Some(blob) => v8::Isolate::snapshot_creator_from_existing_snapshot(blob, None, Some(params)),
        };
        creator.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        creator.set_oom_error_handler(fatal::out_of_memory);
        let terminator = creator.thread_safe_handle();
        watch.terminator.set(Some(terminator.clone()));
        let data = (&raw const *watch).cast_mut().cast();
        creator.add_near_heap_limit_callback(near_heap_limit, data);

        let context = self.guest.context();
        let worker = context.worker;
        if let Some(left) = *left {
            worker.deadline.begin(Rest { wall: Some(left), ..Rest::default() }, terminator.clone());
        }
        self.isolate.set_beside(Some(terminator.clone()));
        let (ran, ran_in) = run_all(&mut creator, scripts, warm, self.isolate);
        self.isolate.set_beside(None);
        let ended = worker.deadline.end();
        if let Ended::Left(Rest { wall: Some(rest), .. }) = &ended {
            *left = Some((*rest).max(Duration::from_millis(1)));
        }
        creator.cancel_terminate_execution();
        let failed = if watch.exceeded.get() {
            Some(ran.blame(Failure::MemoryLimit.into()))
        } else if !self.isolate.is_live() {
            Some(self.isolate.end_failure().into())
        } else if matches!(ended, Ended::Fired(_)) {
            Some(ran.blame(Failure::Timeout.into()))
        } else {
            ran.thrown.clone().map(|thrown| ran.blame(thrown))
        };
        if let Some(thrown) = &failed {
            // V8's isolate can be left only by a snapshot (of an empty context), and may fail once more.
            let thrown = thrown.clone();
            self.isolate.set_last_words(Some(Box::new(|_| thrown)));
        }
        {
            v8::scope!(let scope, &mut creator);
            let context = if failed.is_some() || warm {
                v8::Context::new(scope, v8::ContextOptions::default())
            } else {
                v8::Local::new(scope, &ran_in)
            };
            scope.set_default_context(context);
        }
        // A snapshot can't hold handles.
        drop(ran_in);
        let blob = creator.create_blob(v8::FunctionCodeHandling::Keep);
        self.isolate.set_last_words(None);
        match (failed, blob) {
            (Some(thrown), _) => Err(thrown),
            (None, Some(blob)) => Ok(blob),
            (None, None) => Err(Failure::Snapshot("V8 gave none".into()).into()),
        }
    }
}

/// What stands for the warmup script where scripts are counted.
const WARMUP: isize = -1;

/// How far the scripts came.
struct Ran {
    /// What the last one threw.
    thrown: Option<Thrown>,
    /// Which one ran last; `WARMUP` for the warmup script.
    at: isize,
    filename: String,
}

impl Ran {
    fn blame(&self, thrown: Thrown) -> Thrown {
        blame(thrown, place(self.at, &self.filename))
    }
}

/// Says with an error in which script it came up.
fn blame(thrown: Thrown, place: Transfer) -> Thrown {
    match thrown.into_transfer() {
        Transfer::Error(mut error) => {
            error.properties = Some(place);
            Thrown::Value(Transfer::Error(error))
        }
        // Nothing can be said with a primitive.
        other => Thrown::Value(Transfer::Error(Box::new(ErrorValue {
            class: ErrorClass::Error,
            name: None,
            code: None,
            message: Text::from_str("A script threw a value that is no error"),
            stack: None,
            cause: Some(other),
            properties: Some(place),
        }))),
    }
}

/// `{ scriptIndex, scriptFilename }`, in structured-clone format.
fn place(index: isize, filename: &str) -> Transfer {
    fn varint(bytes: &mut Vec<u8>, mut n: usize) {
        while n > 0x7f {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
    }
    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.push(b'S');
        varint(bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
    }
    let mut bytes = vec![0xff, 15, b'o'];
    text(&mut bytes, "scriptIndex");
    bytes.push(b'I');
    // Zigzag: the sign is the lowest bit.
    varint(&mut bytes, ((index << 1) ^ (index >> (isize::BITS - 1))).cast_unsigned());
    text(&mut bytes, "scriptFilename");
    text(&mut bytes, filename);
    bytes.extend_from_slice(&[b'{', 2]);
    Transfer::Cloned(Arc::new(Cloned { bytes, ..Cloned::default() }))
}

/// Runs scripts in a context of their own.
fn run_all(
    creator: &mut v8::OwnedIsolate,
    scripts: Vec<Source>,
    warm: bool,
    isolate: &Isolate,
) -> (Ran, v8::Global<v8::Context>) {
    let mut ran = Ran { thrown: None, at: 0, filename: String::new() };
    v8::scope!(let handles, creator);
    let context = v8::Context::new(handles, v8::ContextOptions::default());
    let kept = v8::Global::new(handles, context);
    let scope = &mut v8::ContextScope::new(handles, context);
    set_stack_trace_limit(scope, true);
    for (at, source) in (if warm { WARMUP } else { 0 }..).zip(scripts) {
        ran.at = at;
        ran.filename = source.origin.filename.to_string_lossy();
        let place = place(at, &ran.filename);
        isolate.set_last_words(Some(Box::new(|failure| blame(failure.into(), place))));
        v8::tc_scope!(let scope, scope);
        let done = evaluate::run_bare(scope, source);
        if done.is_ok() {
            scope.perform_microtask_checkpoint();
        }
        if scope.has_terminated() || scope.is_execution_terminating() {
            break;
        }
        if let Err(stop) = done {
            let syntax = matches!(stop, Stop::Syntax);
            ran.thrown = Some(match (stop, scope.exception()) {
                (Stop::Failure(failure), _) => failure.into(),
                (_, Some(exception)) => {
                    let message = scope.message().filter(|_| syntax);
                    errors::export_bare(scope, exception, message)
                }
                (_, None) => Failure::Internal("V8 gave no exception".into()).into(),
            });
            break;
        }
    }
    isolate.set_last_words(None);
    set_stack_trace_limit(scope, false);
    (ran, kept)
}

/// Lets errors have stacks. V8 does so only in contexts that are not for snapshots, and does it itself in those made from
/// one: so there it must not be found.
fn set_stack_trace_limit(scope: &mut v8::PinScope<'_, '_>, on: bool) {
    v8::tc_scope!(let scope, scope);
    let global = scope.get_current_context().global(scope);
    let key = values::str(scope, "Error");
    let class = global.get(scope, key.into()).and_then(|class| v8::Local::<v8::Object>::try_from(class).ok());
    let Some(class) = class else { return };
    let key = values::str(scope, "stackTraceLimit");
    if on {
        let limit = v8::Integer::new(scope, 10);
        class.create_data_property(scope, key.into(), limit.into());
    } else {
        class.delete(scope, key.into());
    }
}
