//! A guest that asks others for something, and waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Context, Guest, Inside};
use crate::engine::error::{Failure, Outcome};
use crate::engine::isolate::clocks;
use crate::engine::isolate::task::{Limits, Reply, Request, Task};
use crate::engine::limits::watchdog::{Ended, Over, Rest};
use crate::engine::place::{Named, Place};
use crate::engine::promise_waits::{self, PromiseWait};
use crate::engine::signal::{Pending, Wait};
use crate::engine::transfer::errors::Stop;
use crate::engine::transfer::{PromiseCell, Transfer, Waker};

/// A guest stands still for a promise as long as this exists.
pub struct StandingStill<'a> {
    guest: &'a Guest,
    _wait: PromiseWait,
}

impl Drop for StandingStill<'_> {
    fn drop(&mut self) {
        self.guest.standing.set(self.guest.standing.get() - 1);
    }
}

impl Guest {
    /// Asks for something that somebody else does, or this isolate itself, and waits for it.
    pub fn call(
        &self,
        v8: &mut v8::Isolate,
        place: Place,
        request: Request,
        mut limits: Limits,
        named: Named,
    ) -> Result<Transfer, Stop> {
        if self.must_unwind() {
            return Err(Stop::Terminated);
        }
        limits.context = self.origin();
        let outcome = match place {
            Place::Isolate(isolate) if Arc::ptr_eq(&isolate, &self.context().isolate) => {
                self.call_self(v8, request, limits, named)
            }
            // Code of a host can't be stopped, and is not the guest's: its time isn't either.
            Place::Host(_) => {
                let tree = self.tree();
                self.wait(v8, true, |wait| place.send(request, Reply::Waiting(wait), tree, limits, named))
            }
            // Another guest works in this one's time.
            Place::Isolate(_) => {
                let left = self.context().worker.deadline.left();
                limits.timeout = shorter(limits.timeout, left);
                let tree = self.tree();
                self.wait(v8, false, |wait| place.send(request, Reply::Waiting(wait), tree, limits, named))
            }
        };
        match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(thrown)) => Err(Stop::Thrown(Box::new(thrown))),
            None => Err(Stop::Terminated),
        }
    }

    /// Asks for something and doesn't wait. What it costs of time is the guest's: without a limit of its own it has that of
    /// the call that asks.
    pub fn post(
        &self,
        place: Place,
        request: Request,
        reply: Reply,
        mut limits: Limits,
        named: Named,
    ) -> Result<(), Stop> {
        if self.must_unwind() {
            return Err(Stop::Terminated);
        }
        if limits.timeout == 0 {
            limits.timeout = self.bounds.get().timeout;
        }
        limits.context = self.origin();
        let charge = self.memory.charge(request.weight()).ok_or(Failure::NoMemory)?;
        let reply = match reply {
            Reply::Ignored => Reply::Counted(charge),
            Reply::Promise(settler) => Reply::Promise(settler.counted(charge)),
            reply => reply,
        };
        place.send(request, reply, self.tree(), limits, named);
        Ok(())
    }

    /// A request of the guest to its own isolate: done at once, on its own stack, in its own time.
    fn call_self(
        &self,
        v8: &mut v8::Isolate,
        request: Request,
        limits: Limits,
        named: Named,
    ) -> Option<Outcome> {
        let context = self.context();
        let Context { isolate, worker } = &*context;
        let paused = worker.deadline.end();
        let mut rest = match paused {
            Ended::Fired(over) => {
                self.timed_out.set(Some(over));
                return None;
            }
            Ended::Left(rest) => rest,
            Ended::Unlimited => Rest::default(),
        };
        let begun = Instant::now();
        let (mut pending, wait) = Pending::new(worker.signal, None);
        let Limits { timeout, cpu, deadline, context, .. } = limits;
        if let Some(deadline) = &deadline {
            deadline.queue(isolate);
        }
        let used = rest.cpu.map(|_| clocks::read(clocks::own_clock()));
        let task = Task::new(request, Reply::Waiting(wait), self.tree(), shorter(timeout, rest.wall))
            .cpu(shorter(cpu, rest.cpu))
            .until(deadline)
            .from(context);
        let outcome = Inside { guest: self, v8 }.run(task.holding(named), false);
        isolate.finish(outcome);
        let outcome = pending.poll().map(|(outcome, _)| outcome);
        rest.wall = rest.wall.map(|left| left.saturating_sub(begun.elapsed()));
        if let (Some(left), Some(before)) = (rest.cpu, used) {
            let used = clocks::read(clocks::own_clock()).saturating_sub(before);
            rest.cpu = Some(left.saturating_sub(Duration::from_nanos(used)));
        }
        if rest.wall.is_some_and(|left| left.is_zero()) {
            self.timed_out.set(Some(Over::Time));
        } else if rest.cpu.is_some_and(|left| left.is_zero()) {
            self.timed_out.set(Some(Over::Cpu));
        } else if !rest.is_unlimited() {
            worker.deadline.begin(rest, self.terminator());
        }
        if self.must_unwind() {
            self.terminator.terminate_execution();
            return None;
        }
        outcome
    }

    /// Waits until a promise that came over the line is settled.
    pub fn wait_settled(
        &self,
        v8: &mut v8::Isolate,
        cell: &PromiseCell,
        host: bool,
    ) -> Result<Transfer, Stop> {
        match self.wait(v8, host, |wait| cell.observe(Waker::Wait(wait))) {
            Some(Ok(value)) => Ok(value),
            Some(Err(thrown)) => Err(Stop::Thrown(Box::new(thrown))),
            None => Err(Stop::Terminated),
        }
    }

    /// From here on, until the result is dropped, it stands still for a promise.
    pub fn stand_still(&self) -> StandingStill<'_> {
        self.standing.set(self.standing.get() + 1);
        StandingStill { guest: self, _wait: PromiseWait::begin(self.tree()) }
    }

    /// Whether a task that nobody waits for may be what a promise hangs on for which some guest stands still: in the tree that
    /// this one waits in, or in any while it stands still itself.
    fn helps(&self, task: &Task) -> bool {
        let cause = self.cause_of(task);
        (cause == self.tree() || self.standing.get() > 0) && promise_waits::are_in(cause)
    }

    /// Waits for somebody else's outcome, inside a call of the guest, and serves tasks meanwhile that somebody waits for.
    /// With `host` the guest's own time limit stands still. `None` when the guest has to unwind instead.
    fn wait(&self, v8: &mut v8::Isolate, host: bool, start: impl FnOnce(Arc<Wait>)) -> Option<Outcome> {
        let context = self.context();
        let Context { isolate, worker } = &*context;
        let paused = if host { worker.deadline.end() } else { Ended::Unlimited };
        if let Ended::Fired(over) = paused {
            self.timed_out.set(Some(over));
            return None;
        }
        let (mut pending, wait) = Pending::new(worker.signal, None);
        start(wait);
        let outer = isolate.set_serving(true);
        let outcome = loop {
            let seen = worker.signal.seen();
            if let Some((outcome, _)) = pending.poll() {
                break Some(outcome);
            }
            if self.must_unwind() {
                break None;
            }
            // Its time went on while another guest worked for it.
            if !host && worker.deadline.has_fired() {
                break None;
            }
            if let Some(task) = isolate.take_servable(|task| self.helps(task)) {
                // What others ask of this guest meanwhile is not in the time of this call.
                let rest = if host { Ended::Unlimited } else { worker.deadline.end() };
                let reacts = self.helps(&task);
                let outcome = Inside { guest: self, v8 }.run(task, reacts);
                isolate.finish(outcome);
                match rest {
                    Ended::Unlimited => {}
                    Ended::Left(left) => worker.deadline.begin(left, self.terminator()),
                    Ended::Fired(over) => {
                        self.timed_out.set(Some(over));
                        break None;
                    }
                }
                continue;
            }
            self.sleep(seen, || pending.is_done());
        };
        isolate.set_serving(outer);
        if self.go_on(paused) { outcome } else { None }
    }

    /// Sleeps until somebody rang after `seen`, or `ready` holds.
    fn sleep(&self, seen: u32, ready: impl Fn() -> bool) {
        let context = self.context();
        let mut spun = Duration::ZERO;
        self.waiter.borrow_mut().wait(context.worker.signal, seen, None, &mut spun, ready);
        context.isolate.clocks().add_spun(spun);
    }

    /// After a wait: its own time goes on. Returns whether the guest does.
    fn go_on(&self, paused: Ended) -> bool {
        if let Ended::Left(left) = paused {
            self.context().worker.deadline.begin(left, self.terminator());
        }
        let unwinds = self.must_unwind();
        if unwinds {
            self.terminator.terminate_execution();
        }
        !unwinds
    }

    /// Stands still at a breakpoint until `over`, or the guest has to unwind, and does what the inspector is asked for
    /// meanwhile. Who waits for anything else is told, as the one who could end the pause may be among them; V8 lets
    /// no other code run here that could be stopped again. The guest's own time limit stands still.
    pub fn pause(&self, v8: &mut v8::Isolate, over: impl Fn() -> bool) {
        let context = self.context();
        let Context { isolate, worker } = &*context;
        let clock = worker.deadline.end();
        if let Ended::Fired(over) = clock {
            self.timed_out.set(Some(over));
            return;
        }
        let outer = isolate.set_serving(true);
        while !over() && !self.must_unwind() {
            let seen = worker.signal.seen();
            if self.obey(v8) {
                continue;
            }
            if let Some(mut task) = isolate.take_servable(|_| false) {
                if matches!(task.request, Request::Inspect) {
                    isolate.inspector.arrived();
                }
                task.take_reply().send(Err(Failure::Paused.into()));
                continue;
            }
            self.sleep(seen, || false);
        }
        isolate.set_serving(outer);
        self.go_on(clock);
    }
}

/// A `timeout` in ms (0 for none) that is no longer than what is left.
fn shorter(timeout: u32, left: Option<Duration>) -> u32 {
    let Some(left) = left else { return timeout };
    let left = u32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1);
    if timeout == 0 { left } else { timeout.min(left) }
}
