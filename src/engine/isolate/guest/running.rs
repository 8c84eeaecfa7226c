//! One task, run inside.

use std::sync::Arc;
use std::time::Duration;

use super::{Bounds, Context, Guest};
use crate::engine::error::{Failure, Outcome};
use crate::engine::host::Work;
use crate::engine::isolate::Cause;
use crate::engine::isolate::task::{Request, Task};
use crate::engine::limits::watchdog::{self, Ended, Rest};
use crate::engine::transfer::Transfer;
use crate::engine::{operations, rejections};

/// What settling a promise may take of a guest that has no CPU time left: it may run a getter of the guest's.
const SETTLING: Duration = Duration::from_millis(1);

/// An isolate entered by the calling thread.
pub struct Inside<'a> {
    pub(super) guest: &'a Guest,
    pub(super) v8: &'a mut v8::Isolate,
}

impl Inside<'_> {
    /// Forgets what nobody refers to any more.
    pub fn forget_dropped(&mut self) {
        self.guest.forget_dropped(&self.guest.context().isolate);
    }

    /// Tells the profiler, if `kept` to this thread for it, that there is nothing to do, or is again.
    pub fn set_idle(&self, kept: bool, idle: bool) {
        if let Some(agent) = self.guest.agent.borrow().as_ref().filter(|_| kept) {
            agent.set_idle(idle);
        }
    }

    /// Runs one task; the caller hands the outcome to [`Isolate::finish`](crate::engine::isolate::Isolate::finish). With `reacts`
    /// the guest's reactions to promises run after it, as they do when nothing else runs. The outermost task's time begins
    /// and ends with the caller's [`Clocks::begin`](crate::engine::isolate::Clocks::begin) and `end`.
    pub fn run(&mut self, mut task: Task, reacts: bool) -> Outcome {
        let guest = self.guest;
        let context = guest.context();
        let Context { isolate, worker } = &*context;
        let depth = guest.depth.get();
        let tree = guest.tree.replace(task.tree);
        let (made_in, origin_of_settled) = guest.made_in(&task.request).unzip();
        let bounds = guest.bounds.replace(guest.bounds_of(isolate, &task, made_in));
        let Bounds { tree: origin, timeout } = guest.bounds.get();
        let outer_origin = guest.origin.replace(task.context.take().or(origin_of_settled.flatten()));
        let timed_out = guest.timed_out.replace(None);
        let message = guest.message.take();
        guest.depth.set(depth + 1);
        isolate.begin(task.take_reply());
        if depth == 0 {
            guest.forget_dropped(isolate);
        }
        if timeout > 0 {
            guest.last_timeout.set(timeout);
        }
        let share = isolate.share.get();
        let spent = share.is_some_and(|share| share.left().is_none());
        let ms = |n: u32| (n > 0).then(|| Duration::from_millis(n.into()));
        let (idle, settles) = (task.request.is_idle(), task.request.settles());
        let rest = match &task.request {
            Request::Inspect => Rest::default(),
            // A promise is settled though there is no CPU time: its reactions can wait, but one that is settled can't.
            _ if spent => Rest { wall: ms(timeout), cpu: settles.then_some(SETTLING), share: None },
            _ => Rest { wall: ms(timeout), cpu: ms(task.cpu), share: share.map(Arc::clone) },
        };
        let begin = || {
            if !rest.is_unlimited() {
                worker.deadline.begin(rest, guest.terminator());
            }
        };
        let mut begin = Some(begin);
        if !idle && let Some(begin) = begin.take() {
            begin();
        }
        let refused = spent && !idle && !settles;
        let deadline = task.deadline.take();
        let in_time = deadline.as_ref().is_none_or(|deadline| deadline.begin(isolate, worker));
        guest.deadlines.borrow_mut().extend(deadline.clone());
        let request = std::mem::replace(&mut task.request, Request::Boot);
        let mut outcome = if refused {
            if matches!(request, Request::Foreground) {
                Ok(Transfer::Undefined)
            } else {
                Err(Failure::CpuLimit.into())
            }
        } else if in_time {
            v8::scope!(let scope, self.v8);
            operations::run(guest, isolate, scope, request)
        } else {
            Err(Failure::Timeout.into())
        };
        if let Some(share) = share.filter(|_| spent) {
            // Reactions and tasks of V8 wait for their share.
            watchdog::wake_at(share.refilled_at(), isolate);
        } else if reacts && !guest.is_stopped() {
            if let Some(begin) = begin.take() {
                begin();
            }
            // Inside the time limit: reactions are as much the guest's work as the call itself.
            self.v8.perform_microtask_checkpoint();
            // What stands still outside may handle rejections yet, and comes here in the end.
            if depth == 0 {
                rejections::report(guest, isolate, self.v8, || {
                    !worker.deadline.has_fired() && !guest.must_unwind()
                });
                if matches!(outcome, Ok(Transfer::Promise(_))) || guest.has_background.get() {
                    // V8 compiles WebAssembly in the background: somebody may wait for what comes of it.
                    let busy = self.v8.has_pending_background_tasks();
                    guest.has_background.set(busy);
                    isolate.set_background(busy.then(|| Work::begin(&isolate.host)));
                }
            }
        }
        let fired = match worker.deadline.end() {
            Ended::Fired(over) => Some(over),
            _ => guest.timed_out.get(),
        };
        if let Some(deadline) = &deadline {
            guest.deadlines.borrow_mut().pop();
            if deadline.end(&outcome) || !in_time {
                self.v8.cancel_terminate_execution();
                outcome = Err(deadline.failure().into());
            }
        }
        if depth == 0
            && isolate.is_live()
            && guest.memory.note_growth(|| self.v8.get_heap_statistics().used_heap_size())
        {
            self.v8.low_memory_notification();
        }
        if guest.memory.exceeded() {
            isolate.dispose(Cause::Memory);
        }
        if !isolate.is_live() {
            outcome = Err(isolate.end_failure().into());
        } else if let Some(over) = fired {
            self.v8.cancel_terminate_execution();
            outcome = Err(over.failure().into());
            guest.break_promises(origin, &over.failure());
        } else if let Some(outer) = guest.fired_deadline() {
            // What waits for this task is over time, and unwinds next.
            outcome = Err(outer.failure().into());
        }
        guest.message.replace(message);
        guest.timed_out.set(timed_out);
        guest.bounds.set(bounds);
        guest.origin.replace(outer_origin);
        guest.tree.set(tree);
        guest.depth.set(depth);
        outcome
    }
}
