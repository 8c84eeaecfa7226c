//! An isolate as every thread sees it: its queue, its state, its account.
//!
//! | part | holds |
//! |---|---|
//! | [`Isolate`] | what any thread may touch: queue, status, clocks, memory account |
//! | [`guest::Guest`] | what only the thread inside may touch: V8's isolate and the handle table |
//! | [`task`] | operations as data |
//! | [`slots`] | a table of things by number |
//! | [`written`] | a request that the library in a guest is writing |
//! | [`modules`] | what is known of modules |
//! | [`handles`] | [`Lease`] and [`Remote`]: what others hold of an isolate |
//! | [`clocks`] | `cpuTime` and `wallTime` |

pub mod clocks;
pub mod guest;
pub mod handles;
pub mod modules;
pub mod slots;
pub mod task;
pub mod written;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

pub use clocks::Clocks;
pub use handles::{Lease, Remote, RemoteKind, Share};

use self::guest::Guest;
use self::task::{Answer, Reply, Request, Task};
use crate::engine::blob::Blob;
use crate::engine::error::{Failure, Outcome, Thrown};
use crate::engine::executor::{self, Claim, Worker};
use crate::engine::host::{Host, Work};
use crate::engine::inspector::Inspector;
use crate::engine::limits::bucket::Bucket;
use crate::engine::limits::condemned;
use crate::engine::limits::deadline::Deadline;
use crate::engine::limits::idle::{self, Idle};
use crate::engine::limits::memory::Memory;
#[cfg(all(target_os = "linux", not(test)))]
use crate::engine::limits::pages;
use crate::engine::limits::watchdog;
use crate::engine::rejections::Reports;
use crate::engine::signal::Waiter;
use crate::engine::transfer::{Arguments, Function, Text, Transfer};
use crate::engine::{Locked, lock, platform};

/// Where an isolate is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Status {
    /// It works.
    Live = 0,
    /// Its end was asked for; V8 may still be unwinding.
    Ending = 1,
    /// V8's isolate is gone.
    Ended = 2,
    /// V8 gave it up: its thread sleeps for good and its heap stays.
    Condemned = 3,
}

/// Why an isolate ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// `dispose()`.
    Disposed,
    /// Nothing referred to it any more.
    Unreachable,
    /// It passed its memory limit.
    Memory,
    /// Its Node environment ended.
    Environment,
    /// It did not stop when its time was over.
    Timeout,
    /// V8 met a fatal error.
    Fatal,
    /// The system had no memory for it.
    System,
}

impl Cause {
    /// What `disposeReason` says.
    fn name(self) -> &'static str {
        match self {
            Self::Disposed => "disposed",
            Self::Unreachable => "unreachable",
            Self::Memory | Self::System => "memory",
            Self::Environment => "environment",
            Self::Timeout => "timeout",
            Self::Fatal => "fatal",
        }
    }
}

/// What an isolate without a thread inside is at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// It has nothing to do.
    Idle,
    /// It has work, and a thread is on its way.
    Awaiting,
}

struct Queue {
    tasks: VecDeque<Task>,
    run: Run,
    /// The thread inside.
    worker: Option<&'static Worker>,
    /// What that thread took in; here while no thread is inside.
    guest: Option<Box<Guest>>,
}

/// Keeps what one side of a call writes off the cache lines that the other side reads.
#[repr(align(128))]
struct Apart<T>(T);

/// An isolate, as any thread sees it.
pub struct Isolate {
    /// A number of its own in this process.
    pub id: u64,
    /// The environment it belongs to.
    pub host: Arc<dyn Host>,
    /// Its memory account.
    pub memory: Arc<Memory>,
    /// The user's function for fatal errors.
    on_catastrophe: Option<Arc<Function>>,
    /// What its contexts start with.
    pub snapshot: Option<Arc<Blob>>,
    /// Stacks tell where code came from (`sourceMaps`).
    pub maps_sources: AtomicBool,
    beside: Mutex<Option<v8::IsolateHandle>>,
    last_words: Mutex<Option<LastWords>>,
    /// `timeout` of calls that have none of their own, and of what V8 and settled promises make the guest do, in ms.
    pub default_timeout: AtomicU32,
    /// `cpuLimit`.
    pub share: OnceLock<Arc<Bucket>>,
    /// What becomes of rejections that its guest leaves unhandled.
    pub rejections: Reports,
    /// Debugging and profiling.
    pub inspector: Inspector,
    /// How long it has had nothing to do.
    pub idle: Idle,
    status: AtomicU8,
    dropped_len: AtomicUsize,
    cause: OnceLock<Cause>,
    terminator: OnceLock<v8::IsolateHandle>,
    lease: OnceLock<Weak<Lease>>,
    /// Handle-table entries that nobody refers to any more.
    dropped: Mutex<Vec<u32>>,
    foreground: Mutex<Vec<v8::Task>>,
    background: Mutex<Option<Work>>,
    /// What answers `import()` inside; set once, gone at its end.
    importer: Mutex<Option<Arc<Function>>>,
    /// Its end is under way: promises that it still has to reject keep the environment alive.
    ending: Mutex<Option<Work>>,
    /// The thread that lingered inside last, for handing it a task without the queue; null while none is inside.
    lingering: AtomicPtr<Worker>,
    /// The guest while a thread is inside; null else. Only looked into when that thread doesn't run any more.
    entered: AtomicPtr<Guest>,
    queue: Apart<Mutex<Queue>>,
    /// Tasks in the queue.
    queued: AtomicUsize,
    inside: Apart<Inner>,
}

/// What the thread inside writes all the time.
struct Inner {
    clocks: Clocks,
    /// What runs, innermost last: who hears of each outcome.
    running: Mutex<Vec<Answer>>,
    /// Entries in the handle table.
    references: AtomicUsize,
    /// The thread inside has one task on its stack that waits for a host function, and serves others.
    serving: AtomicBool,
}

impl std::fmt::Debug for Isolate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Isolate({})", self.id)
    }
}

/// How long an isolate with more to do keeps its thread while others wait for one.
const TURN: std::time::Duration = std::time::Duration::from_millis(2);

/// Entries dropped before the isolate is woken just to forget them.
const DROPPED_MAX: usize = 1024;

/// What an operation has to say when a fatal error ends it.
pub type LastWords = Box<dyn FnOnce(Failure) -> Thrown + Send>;

/// How an isolate is made.
#[derive(Default)]
pub struct Options {
    /// How much memory it may use, in bytes.
    pub limit: usize,
    /// The account of the isolate that made it: what this one uses counts there too.
    pub parent: Option<Arc<Memory>>,
    /// Told of fatal errors.
    pub on_catastrophe: Option<Arc<Function>>,
    /// What its contexts start with.
    pub snapshot: Option<Arc<Blob>>,
}

impl Isolate {
    /// An isolate that belongs to the environment `host`. V8's own is made by the first task.
    pub fn create(host: Arc<dyn Host>, options: Options) -> Arc<Lease> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let isolate = Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            host,
            memory: Memory::new(options.limit, options.parent),
            on_catastrophe: options.on_catastrophe,
            snapshot: options.snapshot,
            maps_sources: AtomicBool::new(false),
            beside: Mutex::default(),
            last_words: Mutex::default(),
            default_timeout: AtomicU32::new(0),
            share: OnceLock::new(),
            rejections: Reports::default(),
            inspector: Inspector::default(),
            idle: Idle::default(),
            status: AtomicU8::new(Status::Live as u8),
            dropped_len: AtomicUsize::new(0),
            cause: OnceLock::new(),
            terminator: OnceLock::new(),
            lease: OnceLock::new(),
            dropped: Mutex::default(),
            foreground: Mutex::default(),
            background: Mutex::default(),
            importer: Mutex::default(),
            ending: Mutex::default(),
            lingering: AtomicPtr::new(std::ptr::null_mut()),
            entered: AtomicPtr::new(std::ptr::null_mut()),
            queued: AtomicUsize::new(0),
            queue: Apart(Mutex::new(Queue {
                tasks: VecDeque::new(),
                run: Run::Idle,
                worker: None,
                guest: None,
            })),
            inside: Apart(Inner {
                clocks: Clocks::default(),
                running: Mutex::default(),
                references: AtomicUsize::new(0),
                serving: AtomicBool::new(false),
            }),
        });
        let lease = Arc::new(Lease(Arc::clone(&isolate)));
        condemned::born();
        let _ = isolate.lease.set(Arc::downgrade(&lease));
        lease
    }

    /// A share in keeping it alive, for handles made inside of it. When the last share is gone its end has been
    /// asked for, and a new one changes nothing.
    pub fn lease(self: &Arc<Self>) -> Arc<Lease> {
        let lease = self.lease.get().and_then(Weak::upgrade);
        lease.unwrap_or_else(|| Arc::new(Lease(Arc::clone(self))))
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::SeqCst) {
            0 => Status::Live,
            1 => Status::Ending,
            2 => Status::Ended,
            _ => Status::Condemned,
        }
    }

    /// Whether it still takes tasks.
    pub fn is_live(&self) -> bool {
        self.status.load(Ordering::Relaxed) == Status::Live as u8
    }

    /// What it has used of time.
    pub fn clocks(&self) -> &Clocks {
        &self.inside.0.clocks
    }

    /// Entries in its handle table.
    pub fn references(&self) -> &AtomicUsize {
        &self.inside.0.references
    }

    /// What an operation that its end cut short reports.
    pub fn end_failure(&self) -> Failure {
        match self.cause.get() {
            Some(Cause::Memory) => Failure::MemoryLimit,
            Some(Cause::System) => Failure::NoSystemMemory,
            _ => Failure::DisposedDuring,
        }
    }

    /// What an operation that comes after its end reports.
    pub fn gone_failure(&self) -> Failure {
        match self.cause.get() {
            Some(Cause::System) => Failure::NoSystemMemory,
            _ => Failure::Disposed,
        }
    }

    /// Why it ended, by the name that users know; `None` while it lives.
    pub fn end_reason(&self) -> Option<&'static str> {
        if self.is_live() { None } else { self.cause.get().map(|cause| cause.name()) }
    }

    /// V8's handle for terminating it from any thread.
    pub fn terminator(&self) -> Option<&v8::IsolateHandle> {
        self.terminator.get()
    }

    // --- queue -----------------------------------------------------------------------------------

    /// Queues a task and sees to a thread for it.
    pub fn submit(self: &Arc<Self>, mut task: Task) {
        if let Some(deadline) = &task.deadline {
            deadline.queue(self);
        }
        if !task.is_waited_for() {
            task.work = Some(Work::begin(&self.host));
        }
        // SAFETY: workers are never freed.
        let lingering = unsafe { self.lingering.load(Ordering::Acquire).as_ref() };
        let mut task = Some(task);
        if let Some(worker) = lingering
            && self.queued.load(Ordering::SeqCst) == 0
        {
            // If it idles inside, it gets the task without the queue, whose lock would be one more transfer between CPUs.
            // What is in the queue already goes first, what comes there later goes after.
            worker.mail(self.id, &mut task);
        }
        let Some(task) = task else { return };
        let urgent = task.is_waited_for();
        let mut queue = lock(&self.queue.0);
        if !self.is_live() {
            drop(queue);
            let mut task = task;
            return task.take_reply().send(Err(self.gone_failure().into()));
        }
        queue.tasks.push_back(task);
        self.queued.store(queue.tasks.len(), Ordering::SeqCst);
        self.attend(queue, urgent);
    }

    /// Sees to a thread for an isolate that has something to do.
    fn attend(self: &Arc<Self>, mut queue: Locked<'_, Queue>, urgent: bool) {
        match queue.worker {
            // It lingers inside, or waits for a host function there. If it is busy or just leaving, it looks into
            // the queue before it idles or goes (see `serve`).
            Some(worker) => {
                let wake = worker.claim_again(self.id)
                    || self.inside.0.serving.load(Ordering::SeqCst)
                    || !self.is_live();
                drop(queue);
                if wake {
                    worker.signal.notify();
                }
            }
            None => {
                let before = std::mem::replace(&mut queue.run, Run::Awaiting);
                drop(queue);
                match before {
                    Run::Idle => executor::assign(self, urgent),
                    Run::Awaiting if urgent => executor::promote(self),
                    Run::Awaiting => {}
                }
            }
        }
    }

    /// Whether a thread is inside.
    pub fn is_entered(&self) -> bool {
        lock(&self.queue.0).worker.is_some()
    }

    /// Wakes the thread inside, if there is one.
    pub fn ring(&self) {
        let worker = lock(&self.queue.0).worker;
        if let Some(worker) = worker {
            worker.signal.notify();
        }
    }

    /// Answers everything queued with `failure`: no thread can be had.
    pub fn fail_queue(&self, failure: Failure) {
        let tasks = {
            let mut queue = lock(&self.queue.0);
            queue.run = Run::Idle;
            self.queued.store(0, Ordering::SeqCst);
            std::mem::take(&mut queue.tasks)
        };
        for mut task in tasks {
            task.take_reply().send(Err(failure.clone().into()));
        }
    }

    /// A promise of the guest is settled from outside.
    pub fn settle(self: &Arc<Self>, resolver: u32, outcome: Outcome) {
        let request = Request::Settle { resolver, outcome: Box::new(outcome) };
        self.submit(Task::new(request, Reply::Ignored, 0, 0));
    }

    /// V8 posts work to be done inside.
    pub fn post_foreground(self: &Arc<Self>, task: v8::Task) {
        let first = {
            let mut tasks = lock(&self.foreground);
            tasks.push(task);
            tasks.len() == 1
        };
        if first {
            self.submit(Task::new(Request::Foreground, Reply::Ignored, 0, 0));
        }
    }

    /// There was something to do and no CPU time for it; now there is.
    pub fn go_on(self: &Arc<Self>) {
        let request = if lock(&self.foreground).is_empty() { Request::Boot } else { Request::Foreground };
        self.submit(Task::new(request, Reply::Ignored, 0, 0));
    }

    /// V8's posted work.
    pub fn take_foreground(&self) -> Vec<v8::Task> {
        std::mem::take(&mut *lock(&self.foreground))
    }

    /// A task that a guest thread may run while it waits: one that somebody waits for, one of the inspector, or
    /// one that `helps`.
    pub fn take_servable(&self, helps: impl Fn(&Task) -> bool) -> Option<Task> {
        // What is queued from here on rings, as the thread is `serving`.
        if self.queued.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut queue = lock(&self.queue.0);
        let i = queue.tasks.iter().position(|task| task.is_prompt() || helps(task))?;
        let task = queue.tasks.remove(i);
        self.queued.store(queue.tasks.len(), Ordering::SeqCst);
        task
    }

    /// The time of a task that is still queued is over.
    pub fn expire(&self, deadline: &Arc<Deadline>) {
        let task = {
            let mut queue = lock(&self.queue.0);
            let is_it = |task: &Task| task.deadline.as_ref().is_some_and(|own| Arc::ptr_eq(own, deadline));
            let task = queue.tasks.iter().position(is_it).and_then(|i| queue.tasks.remove(i));
            self.queued.store(queue.tasks.len(), Ordering::SeqCst);
            task
        };
        if let Some(mut task) = task {
            task.take_reply().send(Err(deadline.failure().into()));
        }
    }

    /// Tells submitters that the thread inside waits and has to be woken. What they queue after is seen by them to be so, what
    /// they queued before by [`Isolate::take_servable`].
    pub fn set_serving(&self, serving: bool) -> bool {
        self.inside.0.serving.swap(serving, Ordering::SeqCst)
    }

    /// V8 works in the background for the guest, or no more.
    pub fn set_background(&self, work: Option<Work>) {
        let before = std::mem::replace(&mut *lock(&self.background), work);
        drop(before);
    }

    /// Says what answers `import()` inside, or that nothing does any more.
    pub fn set_importer(&self, importer: Option<Arc<Function>>) {
        let before = std::mem::replace(&mut *lock(&self.importer), importer);
        drop(before);
    }

    /// What answers `import()` inside.
    pub fn importer(&self) -> Option<Arc<Function>> {
        lock(&self.importer).clone()
    }

    // --- handle table ----------------------------------------------------------------------------

    /// Nobody refers to this entry of the handle table any more.
    pub fn drop_entry(self: &Arc<Self>, id: u32) {
        let len = {
            let mut dropped = lock(&self.dropped);
            dropped.push(id);
            dropped.len()
        };
        self.dropped_len.store(len, Ordering::Relaxed);
        if len == DROPPED_MAX {
            self.submit(Task::new(Request::Boot, Reply::Ignored, 0, 0));
        }
    }

    /// The entries to forget.
    pub fn take_dropped(&self) -> Vec<u32> {
        if self.dropped_len.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        self.dropped_len.store(0, Ordering::Relaxed);
        std::mem::take(&mut *lock(&self.dropped))
    }

    // --- running ---------------------------------------------------------------------------------

    /// A task begins to run inside.
    pub fn begin(&self, answer: Answer) {
        lock(&self.inside.0.running).push(answer);
    }

    /// The innermost task has run.
    pub fn finish(&self, outcome: Outcome) {
        let answer = lock(&self.inside.0.running).pop();
        if let Some(answer) = answer {
            answer.send(outcome);
        }
    }

    // --- end -------------------------------------------------------------------------------------

    /// Asks for its end. Returns whether it was alive.
    pub fn dispose(self: &Arc<Self>, cause: Cause) -> bool {
        let queue = lock(&self.queue.0);
        if !self.is_live() {
            return false;
        }
        // Before the status: whoever sees that it has ended sees why, and ends this.
        let _ = self.cause.set(cause);
        *lock(&self.ending) = Some(Work::begin(&self.host));
        self.memory.begin_end();
        let live = self.status.compare_exchange(
            Status::Live as u8,
            Status::Ending as u8,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        if live.is_err() {
            // V8 gave it up at the same moment.
            drop(queue);
            self.end_ending(false);
            return false;
        }
        if let Some(terminator) = self.terminator.get() {
            terminator.terminate_execution();
        }
        if let Some(terminator) = &*lock(&self.beside) {
            terminator.terminate_execution();
        }
        if let Some(worker) = queue.worker.filter(|_| self.terminator.get().is_some()) {
            // If the guest inside doesn't stop, its thread is given up. While V8's isolate is being made there is none yet.
            watchdog::expect_end(worker, self);
        }
        self.attend(queue, true);
        true
    }

    /// Gives the isolate up: V8 did, and the calling thread is the one inside and never returns; or the guest doesn't
    /// stop, and the calling thread is the keeper.
    pub fn condemn(self: &Arc<Self>, failure: Failure) {
        // The environment stays until its function for this was told, which comes after the callers' answers.
        let _work = Work::begin(&self.host);
        let _ = self.cause.set(match failure {
            Failure::MemoryLimit => Cause::Memory,
            Failure::NoSystemMemory => Cause::System,
            Failure::Timeout | Failure::Deadline(_) | Failure::CpuTimeout | Failure::CpuLimit => {
                Cause::Timeout
            }
            _ => Cause::Fatal,
        });
        self.status.store(Status::Condemned as u8, Ordering::SeqCst);
        condemned::add(self);
        let answers = std::mem::take(&mut *lock(&self.inside.0.running));
        let tasks = std::mem::take(&mut lock(&self.queue.0).tasks);
        let last_words = lock(&self.last_words).take();
        let thrown = match last_words {
            Some(words) => words(failure.clone()),
            None => failure.clone().into(),
        };
        for answer in answers.into_iter().rev() {
            answer.send(Err(thrown.clone()));
        }
        for mut task in tasks {
            task.take_reply().send(Err(self.gone_failure().into()));
        }
        self.clocks().stop();
        self.set_background(None);
        self.inspector.end();
        self.set_importer(None);
        self.end_ending(false);
        if let Some(function) = &self.on_catastrophe {
            let message = Transfer::Text(Text::from_str(&failure.to_string()));
            function.send(Arguments::from_iter([message]), Reply::Reported);
        }
    }

    /// Notes another isolate of V8 that the thread inside works on meanwhile: it has to stop as well.
    pub fn set_beside(&self, terminator: Option<v8::IsolateHandle>) {
        *lock(&self.beside) = terminator;
    }

    /// Notes what to make of a fatal error that may come now.
    pub fn set_last_words(&self, words: Option<LastWords>) {
        *lock(&self.last_words) = words;
    }

    /// The end is over; with `gone` V8's heap is no more.
    fn end_ending(&self, gone: bool) {
        self.rejections.end();
        let work = lock(&self.ending).take();
        if work.is_some() {
            self.memory.finish_end(gone);
        }
        drop(work);
    }

    /// The guest that a thread is, or was, inside of, once.
    pub fn take_abandoned(&self) -> Option<&Guest> {
        let guest = self.entered.swap(std::ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: set while a thread is inside, which owns the guest and stays inside: it is the calling one, which never
        // leaves, or sleeps for good.
        unsafe { guest.as_ref() }
    }

    /// Notes the guest that the calling thread is inside of.
    pub fn set_entered(&self, guest: Option<&Guest>) {
        let guest = guest.map_or(std::ptr::null_mut(), |guest| (&raw const *guest).cast_mut());
        self.entered.store(guest, Ordering::SeqCst);
    }

    fn set_ended(&self) {
        match self.status.swap(Status::Ended as u8, Ordering::SeqCst) {
            was if was == Status::Condemned as u8 => condemned::came_back(self),
            was if was == Status::Ended as u8 => {}
            _ => condemned::ended(),
        }
        self.set_importer(None);
        platform::trim_soon();
        let tasks = {
            let mut queue = lock(&self.queue.0);
            queue.worker = None;
            queue.run = Run::Idle;
            self.queued.store(0, Ordering::SeqCst);
            std::mem::take(&mut queue.tasks)
        };
        for mut task in tasks {
            task.take_reply().send(Err(self.gone_failure().into()));
        }
        self.inspector.end();
        self.end_ending(true);
    }

    /// A guest thread works for this isolate: all that is queued, and what comes while it lingers.
    pub fn serve(self: &Arc<Self>, worker: &'static Worker, waiter: &mut Waiter) {
        let guest = {
            let mut queue = lock(&self.queue.0);
            if queue.worker.is_some() {
                // Another thread is inside still; it passes the isolate on when it leaves.
                return;
            }
            queue.worker = Some(worker);
            queue.guest.take()
        };
        if !self.is_live() && guest.is_none() {
            self.set_ended();
            return;
        }
        #[cfg(all(target_os = "linux", not(test)))]
        if guest.is_none() && !pages::has_room_for_isolate() {
            let _ = self.cause.set(Cause::System);
            self.set_ended();
            return;
        }
        worker.set_inside(Arc::downgrade(self));
        let guest = guest.unwrap_or_else(|| {
            self.clocks().begin();
            let guest = Guest::new(self);
            self.clocks().end();
            let _ = self.terminator.set(guest.terminator());
            guest
        });
        self.lingering.store((&raw const *worker).cast_mut(), Ordering::Release);
        self.clocks().enter(worker.cpu.load(Ordering::Relaxed));
        let guest = guest.enter(self, worker, |inside| self.drain(inside, worker, waiter));
        worker.cpu.store(self.clocks().leave(), Ordering::Relaxed);
        worker.set_inside(Weak::new());
        self.lingering.store(std::ptr::null_mut(), Ordering::Release);
        match guest {
            None => self.set_ended(),
            Some(guest) => {
                let mut queue = lock(&self.queue.0);
                queue.guest = Some(guest);
                queue.worker = None;
                let more = !queue.tasks.is_empty() || !self.is_live();
                queue.run = if more { Run::Awaiting } else { Run::Idle };
                let urgent = !self.is_live() || queue.tasks.iter().any(Task::is_waited_for);
                drop(queue);
                if more {
                    executor::assign(self, urgent);
                } else {
                    idle::left(self);
                }
            }
        }
    }

    /// Runs tasks until the thread is needed elsewhere, has lingered long enough, or the isolate ends. Returns whether
    /// the isolate goes on.
    fn drain(&self, inside: &mut guest::Inside<'_>, worker: &'static Worker, waiter: &mut Waiter) -> bool {
        let mut since = None;
        let mut mail = None;
        loop {
            let task = match mail.take() {
                Some(task) => {
                    if !self.is_live() {
                        self.clocks().end();
                        return false;
                    }
                    Some(task)
                }
                None => {
                    let mut queue = lock(&self.queue.0);
                    if !self.is_live() {
                        return false;
                    }
                    let task = queue.tasks.pop_front();
                    self.queued.store(queue.tasks.len(), Ordering::SeqCst);
                    drop(queue);
                    if task.is_some() {
                        self.clocks().begin();
                    }
                    task
                }
            };
            if let Some(task) = task {
                let outcome = inside.run(task, true);
                // Idle before the answer: whoever waits for it mostly comes with the next task at once.
                let idle = self.idle(worker);
                self.finish(outcome);
                // After the answer: whoever waits for it need not wait for this.
                self.clocks().end();
                if !idle {
                    // Others that wait for a thread get theirs after a while.
                    if !self.inspector.keeps_thread()
                        && executor::is_contended()
                        && since.get_or_insert_with(Instant::now).elapsed() > TURN
                    {
                        return true;
                    }
                    continue;
                }
            } else if !self.idle(worker) {
                continue;
            }
            since = None;
            let mut spun = std::time::Duration::ZERO;
            // A profile is of one thread.
            let kept = self.inspector.keeps_thread();
            inside.set_idle(kept, true);
            let time = (!kept).then(executor::linger_time);
            let claim = worker.linger(self.id, waiter, time, &mut spun);
            inside.set_idle(kept, false);
            self.clocks().add_spun(spun);
            match claim {
                Claim::Again => {}
                Claim::Mail => {
                    // While the task is on its way between the CPUs.
                    self.clocks().begin();
                    mail = Some(worker.take_mail());
                }
                Claim::Leave => return true,
            }
        }
    }

    /// Declares the thread inside idle if there is nothing to do. A task that is queued at the same moment is seen
    /// either here or by the one who queues it.
    fn idle(&self, worker: &Worker) -> bool {
        if self.queued.load(Ordering::SeqCst) != 0 || !self.is_live() {
            return false;
        }
        worker.set_idle(self.id, self.inspector.keeps_thread());
        let busy = self.queued.load(Ordering::SeqCst) != 0 || !self.is_live();
        // If somebody claimed the thread meanwhile, lingering finds that out.
        !(busy && worker.unset_idle(self.id))
    }
}
