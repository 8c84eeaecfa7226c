//! Messages of V8's inspector on their way to a client, in order.
//!
//! They stay here until the client's thread fetches them; what crosses to it is only a call that says so. It is sent
//! twice: to the event loop, and to the thread itself in case it waits in the very tree of calls that paused. So a
//! client that made the call which is paused still hears of it, and can let it go on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::host::{HostCall, TreeId};
use crate::engine::isolate::task::Reply;
use crate::engine::lock;
use crate::engine::transfer::{Arguments, Function, Handle, Text};

/// What may wait here, in characters: a guest that logs faster than the client reads would fill the host's memory.
const MOST: usize = 64 << 20;
/// How long the guest is held up for a client that doesn't read, before messages are lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// A message for a client.
#[derive(Debug)]
pub enum Message {
    /// The answer to the client's message with this number.
    Response(i32, Text),
    /// Anything else.
    Notification(Text),
    /// The isolate has ended: nothing comes any more.
    End,
}

impl Message {
    fn size(&self) -> usize {
        match self {
            Self::Response(_, Text::One(bytes)) | Self::Notification(Text::One(bytes)) => bytes.len(),
            Self::Response(_, Text::Two(units)) | Self::Notification(Text::Two(units)) => units.len(),
            Self::End => 0,
        }
    }
}

struct Waiting {
    messages: VecDeque<Message>,
    size: usize,
    /// The client was told, in this tree of calls, and hasn't emptied the outlet since.
    told: Option<TreeId>,
    /// What tells the client; `None` once either side has gone.
    wake: Option<Arc<Function>>,
    /// The isolate has ended.
    ended: bool,
    /// The client didn't read for too long: what doesn't fit is lost.
    impatient: bool,
}

/// Where messages wait for a client.
pub struct Outlet(Mutex<Waiting>);

impl Outlet {
    /// For a client that is told by `wake`.
    pub fn new(wake: Arc<Function>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiting {
            messages: VecDeque::new(),
            size: 0,
            told: None,
            wake: Some(wake),
            ended: false,
            impatient: false,
        })))
    }

    /// Sends a message, from a guest's thread that runs in this tree of calls.
    pub fn send(&self, message: Message, tree: TreeId) {
        if !self.has_room() {
            return;
        }
        let wake = {
            let mut waiting = lock(&self.0);
            let Some(wake) = waiting.wake.clone() else { return };
            waiting.size += message.size();
            waiting.messages.push_back(message);
            if waiting.told.replace(tree) == Some(tree) {
                return;
            }
            wake
        };
        tell(&wake, tree);
    }

    /// Waits for room, for a while.
    fn has_room(&self) -> bool {
        let start = Instant::now();
        loop {
            {
                let mut waiting = lock(&self.0);
                if waiting.size <= MOST || waiting.wake.is_none() {
                    return true;
                }
                if waiting.impatient || start.elapsed() > PATIENCE {
                    waiting.impatient = true;
                    return false;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The next message.
    pub fn take(&self) -> Option<Message> {
        let mut waiting = lock(&self.0);
        let message = waiting.messages.pop_front();
        match &message {
            Some(message) => waiting.size -= message.size(),
            None => {
                waiting.told = None;
                waiting.impatient = false;
                if waiting.ended {
                    return Some(Message::End);
                }
            }
        }
        message
    }

    /// The client has gone.
    pub fn close(&self) {
        let wake = lock(&self.0).wake.take();
        drop(wake);
    }

    /// The isolate has ended. What waits can still be fetched.
    pub fn end(&self) {
        let wake = {
            let mut waiting = lock(&self.0);
            waiting.ended = true;
            waiting.wake.take()
        };
        if let Some(wake) = wake {
            tell(&wake, 0);
        }
    }
}

fn tell(wake: &Function, tree: TreeId) {
    wake.send(Arguments::new(), Reply::Ignored);
    if let Handle::Host(value) = &wake.target
        && value.host.waits_in(tree)
        && let Some((_, request)) = wake.request(Arguments::new())
    {
        value.host.interrupt(HostCall::new(Arc::clone(value), request, Reply::Ignored, tree));
    }
}
