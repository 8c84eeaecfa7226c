//! Requests of debugging and profiling, for hosts only. None waits for the guest: it is told, and answers in its own
//! time.

use std::sync::Arc;

use super::message::{Message, at, isolate};
use crate::engine::error::{Failure, Outcome};
use crate::engine::inspector::{self, Command, Session};
use crate::engine::transfer::{Handle, PromiseCell, Transfer};

#[allow(missing_docs)]
mod local {
    pub const NEW_SESSION: i32 = 150;
    pub const START_PROFILE: i32 = 151;
    pub const STOP_PROFILE: i32 = 152;
    pub const DISPATCH: i32 = 153;
    pub const TAKE_MESSAGE: i32 = 154;
    pub const ATTACH_SESSION: i32 = 155;
    pub const ISOLATE_NUMBER: i32 = 156;
}

/// Does what a request asks for.
pub fn run(message: &mut impl Message, op: i32) -> Outcome {
    if message.parent().is_some() {
        // A guest that can debug sees all of what it debugs, and what waits for it is in the host's memory.
        let what = if matches!(op, local::NEW_SESSION) { "The inspector" } else { "The profiler" };
        return Err(Failure::HostOnly(what).into());
    }
    let target = message.header(at::TARGET);
    Ok(match op {
        local::NEW_SESSION | local::ATTACH_SESSION => {
            let isolate = if op == local::NEW_SESSION {
                Arc::clone(&isolate(message, target)?.0)
            } else {
                // By its number, which another thread of the process told.
                inspector::find(target as u64).ok_or(Failure::Disposed)?
            };
            let Transfer::Function(wake) = message.value()? else {
                return Err(Failure::Internal("no function".into()).into());
            };
            let session = isolate.open_session(wake)?;
            Transfer::Number(f64::from(message.add_handle(Handle::Session(session))))
        }
        local::ISOLATE_NUMBER => {
            let isolate = isolate(message, target)?;
            if !isolate.0.inspector.is_enabled() {
                return Err(Failure::InspectorDisabled.into());
            }
            Transfer::Number(isolate.0.id as f64)
        }
        local::START_PROFILE => {
            let isolate = isolate(message, target)?;
            isolate.0.command(Command::StartProfile(message.text()?));
            Transfer::Undefined
        }
        local::STOP_PROFILE => {
            let isolate = isolate(message, target)?;
            let (cell, settler) = PromiseCell::new();
            isolate.0.command(Command::StopProfile(message.text()?, settler));
            Transfer::Promise(cell)
        }
        local::DISPATCH => {
            session(message, target)?.dispatch(message.text()?)?;
            Transfer::Undefined
        }
        local::TAKE_MESSAGE => match session(message, target)?.take() {
            None => Transfer::Undefined,
            Some(inspector::Message::End) => Transfer::Null,
            Some(inspector::Message::Notification(text)) => Transfer::Text(text),
            Some(inspector::Message::Response(id, text)) => {
                Transfer::Pair(Box::new((Transfer::Int(id), Transfer::Text(text))))
            }
        },
        _ => return Err(Failure::Internal("unknown operation".into()).into()),
    })
}

fn session(message: &impl Message, id: i32) -> Result<Arc<Session>, Failure> {
    match message.handle(id)? {
        Handle::Session(session) => Ok(session),
        _ => Err(Failure::Released("InspectorSession")),
    }
}
