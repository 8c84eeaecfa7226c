//! A request of the library in a guest: its parts were converted as the class wrote them.

use std::sync::Arc;

use crate::engine::error::Failure;
use crate::engine::host::Host;
use crate::engine::isolate::Isolate;
use crate::engine::isolate::guest::Guest;
use crate::engine::isolate::written::Part;
use crate::engine::limits::memory::Charge;
use crate::engine::transfer::foreign::Foreign;
use crate::engine::transfer::guest::Realmed;
use crate::engine::transfer::{Handle, Text, Transfer};
use crate::face::message::{Message, at};

/// The numbers of a header, in the order in which `lib/guest/channel.js` passes them.
pub const HEADER: [usize; 8] =
    [at::OP, at::TARGET, at::FLAGS, at::TIMEOUT, at::OTHER, at::COUNT, at::DEADLINE, at::CPU_TIMEOUT];

/// A request of this guest.
pub struct Parts<'a> {
    guest: &'a Guest,
    isolate: &'a Arc<Isolate>,
    realmed: &'a Realmed<'a>,
    header: [i32; 12],
    parts: std::vec::IntoIter<Part>,
    /// The parts are the guest's memory until they were read.
    _charge: Option<Charge>,
}

impl<'a> Parts<'a> {
    /// The innermost request that was written, with this header.
    pub fn take(realmed: &'a Realmed<'a>, header: [i32; 12]) -> Self {
        let written = realmed.guest.message.borrow_mut().pop().unwrap_or_default();
        let (parts, charge) = written.finish();
        let parts = parts.into_iter();
        Self { guest: realmed.guest, isolate: realmed.isolate, realmed, header, parts, _charge: charge }
    }

    fn malformed() -> Failure {
        Failure::Internal("malformed request".into())
    }
}

impl Message for Parts<'_> {
    fn header(&self, at: usize) -> i32 {
        self.header[at]
    }

    fn text(&mut self) -> Result<Text, Failure> {
        match self.parts.next() {
            Some(Part::Text(text)) => Ok(text),
            _ => Err(Self::malformed()),
        }
    }

    fn u32(&mut self) -> Result<u32, Failure> {
        match self.parts.next() {
            Some(Part::Number(number)) => Ok(number),
            _ => Err(Self::malformed()),
        }
    }

    fn value(&mut self) -> Result<Transfer, Failure> {
        match self.parts.next() {
            Some(Part::Value(value)) => Ok(value),
            _ => Err(Self::malformed()),
        }
    }

    fn handle(&self, id: i32) -> Result<Handle, Failure> {
        match self.guest.foreign_at(id as u32).as_deref() {
            Some(Foreign::Handle(handle)) => Ok(handle.clone()),
            Some(Foreign::Own) => Ok(Handle::Isolate(self.isolate.lease())),
            _ => Err(Failure::Released("Handle")),
        }
    }

    fn add_handle(&self, handle: Handle) -> u32 {
        self.guest.add_foreign(self.realmed.hold(handle))
    }

    fn remove_handle(&self, id: u32) {
        self.guest.remove_foreign(id);
    }

    fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.isolate.host)
    }

    fn parent(&self) -> Option<Arc<Isolate>> {
        Some(Arc::clone(self.isolate))
    }
}
