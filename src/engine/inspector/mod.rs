//! The inspector of an isolate: sessions that speak the DevTools protocol, and CPU profiles.
//!
//! | part | holds |
//! |---|---|
//! | [`Inspector`] | what any thread may touch: commands to the guest's thread |
//! | [`Session`], [`outlet`] | what a client holds; messages on their way to it |
//! | [`agent`] | V8's inspector and its sessions, touched by the thread inside only |
//! | [`profile`] | CPU profiles, each by a session of its own |
//!
//! A command reaches the guest wherever it is: idle, as a task; running, by an interrupt of V8; waiting or paused at
//! a breakpoint, by waking its thread, which looks for commands there.

pub mod agent;
pub mod outlet;
pub mod profile;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::engine::error::Failure;
use crate::engine::executor;
use crate::engine::isolate::Isolate;
use crate::engine::isolate::guest::Guest;
use crate::engine::isolate::task::{Reply, Request, Task};
use crate::engine::lock;
use crate::engine::transfer::{Function, Settler, Text};

pub use outlet::{Message, Outlet};

/// What is asked of the guest's thread.
pub enum Command {
    /// A client connects, under this number.
    Connect(u64, Arc<Outlet>),
    /// A client's message.
    Dispatch(u64, Text),
    /// A client leaves.
    Disconnect(u64),
    /// A CPU profile begins, under this title.
    StartProfile(Text),
    /// It ends; the profile goes to the promise.
    StopProfile(Text, Settler),
}

/// The inspector as any thread sees it.
#[derive(Default)]
pub struct Inspector {
    enabled: AtomicBool,
    commands: Mutex<VecDeque<Command>>,
    /// A task that looks for commands is queued.
    summoned: AtomicBool,
    /// An interrupt that looks for commands is under way.
    interrupting: AtomicBool,
    keeps: AtomicBool,
    outlets: Mutex<Vec<Weak<Outlet>>>,
}

/// Isolates that clients of other environments may connect to.
static ENABLED: Mutex<Vec<Weak<Isolate>>> = Mutex::new(Vec::new());

/// The isolate with this number, if clients may connect to it.
pub fn find(number: u64) -> Option<Arc<Isolate>> {
    lock(&ENABLED).iter().filter_map(Weak::upgrade).find(|isolate| isolate.id == number)
}

impl Inspector {
    /// Whether the isolate was made with `inspector: true`.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// The next command.
    pub fn take(&self) -> Option<Command> {
        lock(&self.commands).pop_front()
    }

    /// A thread has entered the isolate. V8 forgets an interrupt that was requested while no thread was inside (it puts
    /// the state of its stack guard aside for each thread that leaves, and back).
    pub fn entered(&self, terminator: &v8::IsolateHandle) {
        if !lock(&self.commands).is_empty() {
            terminator.request_interrupt(on_interrupt, std::ptr::null_mut());
        }
    }

    /// The task that was queued for the commands runs.
    pub fn arrived(&self) {
        self.summoned.store(false, Ordering::SeqCst);
    }

    /// Whether the isolate stays on the thread it is on: V8's sampler is bound to that thread.
    pub fn keeps_thread(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// Binds the isolate to the thread it is on, or no more.
    pub fn set_keeps_thread(&self, keeps: bool) {
        if self.keeps.swap(keeps, Ordering::SeqCst) != keeps {
            executor::note_kept(keeps);
        }
    }

    /// The isolate has ended: nothing more comes from there, nothing more is heard there.
    pub fn end(&self) {
        self.set_keeps_thread(false);
        let commands = std::mem::take(&mut *lock(&self.commands));
        drop(commands);
        let outlets = std::mem::take(&mut *lock(&self.outlets));
        for outlet in outlets.iter().filter_map(Weak::upgrade) {
            outlet.end();
        }
    }
}

impl Isolate {
    /// Lets clients connect (`inspector: true`).
    pub fn enable_inspector(self: &Arc<Self>) {
        self.inspector.enabled.store(true, Ordering::Relaxed);
        let mut enabled = lock(&ENABLED);
        enabled.retain(|isolate| isolate.strong_count() > 0);
        enabled.push(Arc::downgrade(self));
    }

    /// Asks something of the guest's thread.
    pub fn command(self: &Arc<Self>, command: Command) {
        let inspector = &self.inspector;
        lock(&inspector.commands).push_back(command);
        if !self.is_live() {
            // Nobody comes for it any more.
            inspector.end();
            return;
        }
        if !inspector.summoned.swap(true, Ordering::SeqCst) {
            self.submit(Task::new(Request::Inspect, Reply::Ignored, 0, 0));
        }
        if let Some(terminator) = self.terminator()
            && !inspector.interrupting.swap(true, Ordering::SeqCst)
        {
            terminator.request_interrupt(on_interrupt, std::ptr::null_mut());
        }
        self.ring();
    }

    /// Opens a session. `wake` is called when there are messages for [`Session::take`].
    pub fn open_session(self: &Arc<Self>, wake: Arc<Function>) -> Result<Arc<Session>, Failure> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if !self.is_live() {
            return Err(Failure::Disposed);
        }
        if !self.inspector.is_enabled() {
            return Err(Failure::InspectorDisabled);
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let outlet = Outlet::new(wake);
        {
            let mut outlets = lock(&self.inspector.outlets);
            outlets.retain(|outlet| outlet.strong_count() > 0);
            outlets.push(Arc::downgrade(&outlet));
        }
        self.command(Command::Connect(number, Arc::clone(&outlet)));
        Ok(Arc::new(Session { number, isolate: Arc::downgrade(self), outlet }))
    }
}

/// V8 interrupts the running guest for us (v8-isolate.h, `RequestInterrupt`).
unsafe extern "C" fn on_interrupt(isolate: v8::UnsafeRawIsolatePtr, _data: *mut std::ffi::c_void) {
    // SAFETY: V8 passes the isolate that the calling thread is inside of.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let guest = Guest::of(&isolate);
    guest.context().isolate.inspector.interrupting.store(false, Ordering::SeqCst);
    while guest.obey(&mut isolate) {}
}

/// A client's connection. It ends when the last share in it goes; it doesn't keep the isolate alive.
pub struct Session {
    number: u64,
    isolate: Weak<Isolate>,
    outlet: Arc<Outlet>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.number)
    }
}

impl Session {
    /// Sends a message of the client.
    pub fn dispatch(&self, message: Text) -> Result<(), Failure> {
        let isolate = self.isolate.upgrade().filter(|isolate| isolate.is_live()).ok_or(Failure::Disposed)?;
        isolate.command(Command::Dispatch(self.number, message));
        Ok(())
    }

    /// The next message for the client.
    pub fn take(&self) -> Option<Message> {
        self.outlet.take()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.outlet.close();
        if let Some(isolate) = self.isolate.upgrade() {
            isolate.command(Command::Disconnect(self.number));
        }
    }
}
