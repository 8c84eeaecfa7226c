//! Operations that need no guest: making isolates, letting go, clocks, external copies.

use std::sync::atomic::Ordering;

use napi_sys as sys;

use super::calls::{answer, at};
use super::env::NodeEnv;
use super::wire::Reader;
use crate::engine::error::{Failure, Outcome};
use crate::engine::isolate::task::{Reply, Request, Task};
use crate::engine::isolate::{Cause, Isolate};
use crate::engine::limits::memory::MB;
use crate::engine::transfer::{Copied, EXTERNAL_SIZE, Handle, Text, Transfer};

#[allow(missing_docs)]
mod op {
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
    pub const ISOLATE_ID: i32 = 111;
    pub const DISPOSE_REASON: i32 = 140;
    pub const ON_UNHANDLED: i32 = 160;
}

impl NodeEnv {
    /// Does what the scratch says and answers there.
    pub fn local(&self, env: sys::napi_env) {
        let outcome = self.run_local();
        self.send_outcome(outcome, answer::VALUE, answer::THROWN);
        self.hold(env);
    }

    /// A handle as its number: for constructors, whose object exists already.
    fn numbered(&self, handle: Handle) -> Transfer {
        Transfer::Number(f64::from(self.add_handle(handle)))
    }

    fn run_local(&self) -> Outcome {
        let target = self.header(at::TARGET);
        Ok(match self.header(at::OP) {
            op::NEW_ISOLATE => {
                let limit = self.header(at::COUNT).max(0) as usize * MB;
                let lease = Isolate::create(self.shared.as_host(), limit, self.header(at::OTHER) != 0);
                self.shared.add_isolate(&lease.0);
                // V8's isolate is made while the host goes on.
                lease.0.submit(Task::new(Request::Boot, Reply::Ignored, 0, 0));
                self.numbered(Handle::Isolate(lease))
            }
            op::RELEASE => {
                self.remove_handle(target as u32);
                Transfer::Undefined
            }
            op::DISPOSE => {
                // The other number: the end of a `using` block, to which an isolate that has ended is no surprise.
                if !self.lease(target)?.0.dispose(Cause::Disposed) && self.header(at::OTHER) == 0 {
                    return Err(Failure::AlreadyDisposed.into());
                }
                Transfer::Undefined
            }
            op::IS_DISPOSED => Transfer::Bool(!self.lease(target)?.0.is_live()),
            op::DISPOSE_REASON => {
                let reason = self.lease(target)?.0.end_reason();
                reason.map_or(Transfer::Undefined, |reason| Transfer::Text(Text::from_str(reason)))
            }
            op::CPU_TIME => Transfer::BigInt(false, vec![self.lease(target)?.0.clocks().cpu()]),
            op::WALL_TIME => Transfer::BigInt(false, vec![self.lease(target)?.0.clocks().wall()]),
            op::REFERENCE_COUNT => {
                Transfer::Number(self.lease(target)?.0.references().load(Ordering::Relaxed) as f64)
            }
            op::ISOLATE_ID => Transfer::Number(self.lease(target)?.0.id as f64),
            op::NEW_COPY => {
                let value = Reader::new(self.payload()).value(self)?;
                self.numbered(Handle::Copied(Copied::new(value)))
            }
            op::READ_COPY => match self.handle(target as u32)? {
                Handle::Copied(copied) => {
                    let value = if self.header(at::OTHER) != 0 { copied.take() } else { copied.get() };
                    value.ok_or(Failure::BufferGone)?
                }
                _ => return Err(Failure::Released("ExternalCopy").into()),
            },
            op::ON_UNHANDLED => {
                if let Transfer::Function(listener) = Reader::new(self.payload()).value(self)? {
                    self.lease(target)?.0.rejections.listen(listener);
                }
                Transfer::Undefined
            }
            op::EXTERNAL_SIZE => Transfer::Number(EXTERNAL_SIZE.load(Ordering::Relaxed) as f64),
            _ => return Err(Failure::Internal("unknown operation".into()).into()),
        })
    }
}
