//! CPU profiles. V8's profiler has no binding of its own: the inspector's `Profiler` domain gives it, by a session of
//! ours that nobody else sees.

use std::cell::RefCell;
use std::rc::Rc;

use v8::inspector::{ChannelImpl, StringBuffer, V8InspectorSession};

use super::agent::{Agent, dispatch, text};
use crate::engine::transfer::{Text, Transfer};

/// Keeps the last answer.
struct Answer(Rc<RefCell<Text>>);

impl ChannelImpl for Answer {
    fn send_response(&self, _id: i32, message: v8::UniquePtr<StringBuffer>) {
        *self.0.borrow_mut() = text(&message);
    }

    fn send_notification(&self, _message: v8::UniquePtr<StringBuffer>) {}

    fn flush_protocol_notifications(&self) {}
}

/// A CPU profile being taken, of the thread that the isolate is on, and stays on meanwhile.
pub struct Profile {
    /// What it is stopped by.
    pub title: Text,
    session: V8InspectorSession,
    answer: Rc<RefCell<Text>>,
}

impl Profile {
    /// Starts a profile.
    pub fn start(agent: &Agent, title: Text) -> Self {
        let answer = Rc::new(RefCell::new(Text::from_str("")));
        let session = agent.connect(Answer(Rc::clone(&answer)));
        let profile = Self { title, session, answer };
        profile.ask("Profiler.enable");
        profile.ask("Profiler.start");
        profile
    }

    /// Ends it: the thread's number, and the protocol's answer with the profile.
    pub fn stop(self) -> Transfer {
        self.ask("Profiler.stop");
        let answer = std::mem::replace(&mut *self.answer.borrow_mut(), Text::from_str(""));
        Transfer::Pair(Box::new((Transfer::Number(thread_number()), Transfer::Text(answer))))
    }

    fn ask(&self, method: &str) {
        dispatch(&self.session, &Text::from_str(&format!(r#"{{"id":1,"method":"{method}"}}"#)));
    }
}

/// The system's number of the calling thread, or 0 where it has none.
fn thread_number() -> f64 {
    #[cfg(target_os = "linux")]
    // SAFETY: only reads who the calling thread is.
    return f64::from(unsafe { libc::gettid() });
    #[cfg(not(target_os = "linux"))]
    return 0.0;
}
