//! V8's inspector inside one isolate, and standing still at breakpoints.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use v8::inspector::{
    Channel, ChannelImpl, StringBuffer, StringView, V8Inspector, V8InspectorClient, V8InspectorClientImpl,
    V8InspectorClientTrustLevel, V8InspectorSession,
};

use super::Command;
use super::outlet::{Message, Outlet};
use super::profile::Profile;
use crate::engine::isolate::guest::{Guest, Realm};
use crate::engine::transfer::{Text, Transfer, guest as values};

/// All contexts of an isolate are debugged together.
const GROUP: i32 = 1;
/// Frames of the stacks of exceptions.
const FRAMES: i32 = 32;

/// V8's inspector and who uses it. Must be dropped inside its isolate, before V8's isolate.
pub struct Agent {
    // Dropped in this order: V8's sessions refer to its inspector.
    sessions: RefCell<Vec<(u64, Rc<V8InspectorSession>)>>,
    profiles: RefCell<Vec<Profile>>,
    inspector: V8Inspector,
    state: Rc<State>,
}

/// What V8's callbacks share with the agent.
struct State {
    guest: *const Guest,
    /// The pause at hand is over.
    resumed: Cell<bool>,
    /// The contexts that are debugged.
    realms: RefCell<Vec<Weak<Realm>>>,
}

impl State {
    fn guest(&self) -> &Guest {
        // SAFETY: the guest owns the agent that owns this, and stays at its address while a thread is inside.
        unsafe { &*self.guest }
    }
}

struct Client(Rc<State>);

impl V8InspectorClientImpl for Client {
    fn run_message_loop_on_pause(&self, _group: i32) {
        self.0.resumed.set(false);
        let guest = self.0.guest();
        guest.pause(&mut guest.raw_isolate(), || self.0.resumed.get());
    }

    fn quit_message_loop_on_pause(&self) {
        self.0.resumed.set(true);
    }

    fn ensure_default_context_in_group(&self, _group: i32) -> Option<v8::Local<'_, v8::Context>> {
        let realm = self.0.realms.borrow().iter().find_map(Weak::upgrade)?;
        let mut isolate = self.0.guest().raw_isolate();
        v8::callback_scope!(unsafe scope, &mut isolate);
        let context = v8::Local::new(scope, &realm.context);
        // SAFETY: V8 calls this inside a handle scope of its own, which the handle belongs to.
        Some(unsafe { context.extend_lifetime_unchecked() })
    }
}

/// Where a client's messages leave.
struct Line {
    outlet: Arc<Outlet>,
    state: Rc<State>,
}

impl ChannelImpl for Line {
    fn send_response(&self, id: i32, message: v8::UniquePtr<StringBuffer>) {
        self.outlet.send(Message::Response(id, text(&message)), self.state.guest().tree());
    }

    fn send_notification(&self, message: v8::UniquePtr<StringBuffer>) {
        self.outlet.send(Message::Notification(text(&message)), self.state.guest().tree());
    }

    fn flush_protocol_notifications(&self) {}
}

/// The text of a message.
pub fn text(message: &v8::UniquePtr<StringBuffer>) -> Text {
    match message.as_ref().map(|buffer| buffer.string()) {
        Some(StringView::U8(bytes)) => Text::One(bytes.to_vec().into()),
        Some(StringView::U16(units)) => Text::Two(units.to_vec().into()),
        None => Text::from_str(""),
    }
}

fn view(text: &Text) -> StringView<'_> {
    match text {
        Text::One(bytes) => StringView::from(&**bytes),
        Text::Two(units) => StringView::from(&**units),
    }
}

/// Has V8 read a message. Bytes are taken for UTF-8 there (and the first ones for those of its binary format), so only
/// ASCII goes as such.
pub fn dispatch(session: &V8InspectorSession, message: &Text) {
    match message {
        Text::One(bytes) if bytes.is_ascii() => session.dispatch_protocol_message(StringView::from(&**bytes)),
        Text::One(bytes) => {
            let units: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte)).collect();
            session.dispatch_protocol_message(StringView::from(&*units));
        }
        Text::Two(units) => session.dispatch_protocol_message(StringView::from(&**units)),
    }
}

impl Agent {
    /// Makes V8's inspector for the guest's isolate, which the calling thread is inside of.
    pub fn new(guest: &Guest, v8: &mut v8::Isolate) -> Rc<Self> {
        let state = Rc::new(State { guest, resumed: Cell::new(false), realms: RefCell::default() });
        // V8 wants to know the script of what is thrown, also before the first session asks for stacks.
        v8.set_capture_stack_trace_for_uncaught_exceptions(true, FRAMES);
        let client = V8InspectorClient::new(Box::new(Client(Rc::clone(&state))));
        Rc::new(Self {
            sessions: RefCell::default(),
            profiles: RefCell::default(),
            inspector: V8Inspector::create(v8, client),
            state,
        })
    }

    /// A context is to be debugged.
    pub fn add_realm(&self, realm: &Rc<Realm>, context: v8::Local<'_, v8::Context>) {
        let mut realms = self.state.realms.borrow_mut();
        realms.retain(|realm| realm.strong_count() > 0);
        realms.push(Rc::downgrade(realm));
        self.inspector.context_created(
            context,
            GROUP,
            StringView::from(&b"<isolated-vm>"[..]),
            StringView::from(&br#"{"isDefault":true}"#[..]),
        );
    }

    /// Connects a session of V8's.
    pub fn connect(&self, channel: impl ChannelImpl + 'static) -> V8InspectorSession {
        let channel = Channel::new(Box::new(channel));
        self.inspector.connect(GROUP, channel, StringView::empty(), V8InspectorClientTrustLevel::FullyTrusted)
    }

    /// Tells sessions, also those that come later, of an exception that nothing in the guest caught, in the context that is
    /// entered. Of contexts that aren't debugged V8 tells nothing.
    pub fn exception_thrown(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        exception: v8::Local<'_, v8::Value>,
        message: Option<v8::Local<'_, v8::Message>>,
        what: &str,
    ) {
        v8::tc_scope!(let scope, scope);
        let message = message.map_or_else(
            || v8::Exception::create_message(scope, exception),
            |message| v8::Local::new(scope, message),
        );
        let stack =
            message.get_stack_trace(scope).or_else(|| v8::Exception::get_stack_trace(scope, exception));
        let details = values::text(scope, message.get(scope));
        let url = message
            .get_script_resource_name(scope)
            .and_then(|url| v8::Local::<v8::String>::try_from(url).ok());
        let url = url.map_or_else(|| Text::from_str(""), |url| values::text(scope, url));
        // Counted from 1; 0 for none.
        let line = message.get_line_number(scope).unwrap_or(0);
        let column = if line == 0 { 0 } else { message.get_start_column() + 1 };
        self.inspector.exception_thrown(
            scope.get_current_context(),
            StringView::from(what.as_bytes()),
            exception,
            view(&details),
            view(&url),
            u32::try_from(line).unwrap_or(0),
            u32::try_from(column).unwrap_or(0),
            self.inspector.create_stack_trace(stack),
            0,
        );
        scope.reset();
    }

    fn disconnect(&self, number: u64) {
        let place = self.sessions.borrow().iter().position(|(each, _)| *each == number);
        let Some(place) = place else { return };
        let (_, session) = self.sessions.borrow_mut().remove(place);
        if Rc::strong_count(&session) > 1 {
            // It is at work further up the stack: what it evaluates has paused, and goes on by this.
            dispatch(&session, &Text::from_str(r#"{"id":0,"method":"Debugger.disable"}"#));
        }
        drop(session);
    }

    /// Whether the isolate is bound to its thread.
    fn is_used(&self) -> bool {
        !self.sessions.borrow().is_empty() || !self.profiles.borrow().is_empty()
    }

    /// Tells V8's profiler that the guest has nothing to do, or has again.
    pub fn set_idle(&self, idle: bool) {
        if idle {
            self.inspector.idle_started();
        } else {
            self.inspector.idle_finished();
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Connect(number, outlet) => {
                let session = self.connect(Line { outlet, state: Rc::clone(&self.state) });
                self.sessions.borrow_mut().push((number, Rc::new(session)));
            }
            Command::Dispatch(number, message) => {
                let sessions = self.sessions.borrow();
                let session = sessions.iter().find(|(each, _)| *each == number).map(|(_, s)| Rc::clone(s));
                drop(sessions);
                if let Some(session) = session {
                    dispatch(&session, &message);
                }
            }
            Command::Disconnect(number) => self.disconnect(number),
            Command::StartProfile(title) => {
                let known = self.profiles.borrow().iter().any(|profile| profile.title == title);
                if !known {
                    let profile = Profile::start(self, title);
                    self.profiles.borrow_mut().push(profile);
                }
            }
            Command::StopProfile(title, settler) => {
                let place = self.profiles.borrow().iter().position(|profile| profile.title == title);
                let profile = place.map(|place| self.profiles.borrow_mut().remove(place));
                settler.settle(Ok(profile.map_or(Transfer::Undefined, Profile::stop)));
            }
        }
    }
}

impl Guest {
    /// The inspector, made when it is first needed.
    pub fn agent(&self, v8: &mut v8::Isolate) -> Rc<Agent> {
        if let Some(agent) = &*self.agent.borrow() {
            return Rc::clone(agent);
        }
        let agent = Agent::new(self, v8);
        *self.agent.borrow_mut() = Some(Rc::clone(&agent));
        agent
    }

    /// An exception leaves the guest: sessions hear of it. `what` says how V8 calls that. V8 reads its stack, and doesn't look
    /// meanwhile whether it has to stop: so whoever asks for this has read the stack before, and so run what the guest has for it.
    pub fn tell_uncaught(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        exception: v8::Local<'_, v8::Value>,
        message: Option<v8::Local<'_, v8::Message>>,
        what: &str,
    ) {
        let agent = self.agent.borrow().clone();
        if let Some(agent) = agent.filter(|_| !self.is_stopped()) {
            agent.exception_thrown(scope, exception, message, what);
            self.watch_heap_limit(scope);
        }
    }

    /// Does what was asked of the inspector next, if anything was.
    pub fn obey(&self, v8: &mut v8::Isolate) -> bool {
        let context = self.context();
        let inspector = &context.isolate.inspector;
        if self.must_unwind() {
            return false;
        }
        let Some(command) = inspector.take() else { return false };
        let agent = self.agent(v8);
        {
            v8::scope!(let _scope, v8);
            agent.obey(command);
        }
        inspector.set_keeps_thread(agent.is_used());
        // The debugger puts a callback of its own before ours, which would let the heap grow.
        self.watch_heap_limit(v8);
        true
    }
}
