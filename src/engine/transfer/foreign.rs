//! What a guest holds of others: instances of the library's classes, and functions that call over the line.
//!
//! Each has a place in the guest's table of foreign things, which a JavaScript object names by a number that no script
//! can read or change: an internal field of instances, a private property of functions. The place is emptied when
//! the object is collected, or when the instance is released.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::errors::{self, Stop};
use super::guest::{Realmed, string};
use super::{Arguments, CallbackMode, Copied, Function, Handle, PromiseCell, Transfer};
use crate::engine::error::Failure;
use crate::engine::host::HostValue;
use crate::engine::isolate::Remote;
use crate::engine::isolate::guest::Guest;
use crate::engine::isolate::task::{Exit, Fallback, Limits, Mode, Reply, Request};
use crate::engine::limits::account;
use crate::engine::limits::deadline::Deadline;
use crate::engine::place::{Named, Place};
use crate::engine::weak::WeakSlot;

/// Internal fields of instances. The number is one that no object of V8's own has (buffers and their views have two,
/// promises one).
pub const FIELDS: usize = 3;
/// The place in the table; undefined once released.
pub const FIELD_SLOT: usize = 0;
/// What is kept with it: the function of a `Callback`.
pub const FIELD_VALUE: usize = 1;
/// Its class, as errors name it.
pub const FIELD_CLASS: usize = 2;

/// How values pass through functions that were handed over: handles and functions as such, the rest copied.
pub const CALLBACK: Exit = Exit { mode: Mode::Plain, promise: false, fallback: Fallback::Copy };

/// About what one thing takes that a guest holds of others, outside V8's heap, in bytes.
pub const FOREIGN: usize = 512;
/// So many collected objects are forgotten at a time.
const COLLECTED: usize = 1024;

/// What a guest holds of others.
#[derive(Debug)]
pub enum Foreign {
    /// A function that calls over the line.
    Function(Arc<Function>),
    /// An instance of a class of the library. What lives in this isolate itself is held so that it doesn't
    /// keep the isolate alive.
    Handle(Handle),
    /// The isolate itself.
    Own,
    /// What `derefInto()` gives, `copyInto()` with `transferIn` or without: redeemed on arrival.
    Special {
        /// What arrives.
        value: Special,
        /// It can be passed only once.
        once: bool,
        /// It was passed.
        used: Cell<bool>,
    },
    /// A `Callback`: a function of this guest that crosses in this mode.
    Callback(CallbackMode),
    /// The library itself.
    Library,
}

/// See [`Foreign::Special`].
#[derive(Clone, Debug)]
pub enum Special {
    /// `derefInto()`
    Deref(Handle),
    /// `copyInto()`
    CopyInto(Arc<Copied>, bool),
}

/// The library as guests see it. `face::guest` provides it; it makes the instances of handles that arrive.
pub trait Library: Sync {
    /// What `import ivm` gives, in the current context.
    fn namespace<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Value>, Stop>;
    /// An instance for the handle in this place of the guest's table.
    fn instance<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        class: u8,
        slot: u32,
        type_of: u8,
    ) -> Result<v8::Local<'s, v8::Object>, Stop>;
}

static LIBRARY: OnceLock<&'static dyn Library> = OnceLock::new();

/// Names the library, once, before any guest runs.
pub fn set_library(library: &'static dyn Library) {
    let _ = LIBRARY.set(library);
}

fn library() -> Result<&'static dyn Library, Stop> {
    LIBRARY.get().copied().ok_or_else(|| Failure::Internal("no library for guests".into()).into())
}

impl Guest {
    /// Gives something foreign a place.
    pub fn add_foreign(&self, foreign: Foreign) -> u32 {
        if self.collected.borrow().len() >= COLLECTED {
            // In one long task as well: else its garbage would count to its end.
            self.forget_dropped(&self.context().isolate);
        }
        let charge = self.memory().note_outside(FOREIGN);
        self.foreign.borrow_mut().insert((Rc::new(foreign), None, charge))
    }

    /// What is in a place.
    pub fn foreign_at(&self, slot: u32) -> Option<Rc<Foreign>> {
        self.foreign.borrow().get(slot).map(|(foreign, ..)| Rc::clone(foreign))
    }

    /// Empties a place.
    pub fn remove_foreign(&self, slot: u32) {
        let foreign = self.foreign.borrow_mut().remove(slot);
        drop(foreign);
    }

    /// Empties the place when `object` is collected.
    pub fn watch_foreign(&self, scope: &v8::Isolate, object: v8::Local<v8::Object>, slot: u32) {
        let weak = WeakSlot::new(scope, object, slot, &self.collected);
        let kept = self.foreign_at(slot);
        if let Some(kept) = kept {
            let charge = self.memory().note_outside(FOREIGN);
            self.foreign.borrow_mut().replace(slot, (kept, Some(weak), charge));
        }
    }
}

/// The place that an instance names.
pub fn slot_of(scope: &v8::PinScope<'_, '_>, object: v8::Local<v8::Object>) -> Option<u32> {
    if object.internal_field_count() != FIELDS {
        return None;
    }
    number_field(scope, object, FIELD_SLOT)
}

fn number_field(scope: &v8::PinScope<'_, '_>, object: v8::Local<v8::Object>, field: usize) -> Option<u32> {
    let value = v8::Local::<v8::Value>::try_from(object.get_internal_field(scope, field)?).ok()?;
    if !value.is_uint32() {
        return None;
    }
    value.uint32_value(scope)
}

impl<'a> Realmed<'a> {
    // --- out of the guest ----------------------------------------------------------------------

    /// What an instance of the library's classes stands for; `None` for any other object.
    pub fn export_foreign<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Result<Option<Transfer>, Stop> {
        if object.internal_field_count() != FIELDS {
            return Ok(None);
        }
        let Some(slot) = number_field(scope, object, FIELD_SLOT) else {
            let class = number_field(scope, object, FIELD_CLASS).unwrap_or(0);
            return Err(Failure::Released(class_name(class as u8)).into());
        };
        let Some(foreign) = self.guest.foreign_at(slot) else { return Ok(None) };
        Ok(match &*foreign {
            Foreign::Function(_) => None,
            Foreign::Library => Some(Transfer::Library),
            Foreign::Handle(Handle::Remote(remote)) => {
                Some(Transfer::Handle(Handle::Remote(remote.outside())))
            }
            Foreign::Handle(handle) => Some(Transfer::Handle(handle.clone())),
            Foreign::Own => Some(Transfer::Handle(Handle::Isolate(self.isolate.lease()))),
            Foreign::Special { value, once, used } => {
                if used.replace(true) && (*once || matches!(value, Special::CopyInto(_, true))) {
                    return Err(Failure::UsedTwice(match value {
                        Special::Deref(_) => "derefInto",
                        Special::CopyInto(..) => "copyInto",
                    })
                    .into());
                }
                Some(match value {
                    Special::Deref(Handle::Remote(remote)) => {
                        Transfer::Deref(Handle::Remote(remote.outside()))
                    }
                    Special::Deref(handle) => Transfer::Deref(handle.clone()),
                    Special::CopyInto(copied, take) => Transfer::CopyInto(Arc::clone(copied), *take),
                })
            }
            Foreign::Callback(mode) => {
                let function = object
                    .get_internal_field(scope, FIELD_VALUE)
                    .and_then(|function| v8::Local::<v8::Value>::try_from(function).ok())
                    .and_then(|function| v8::Local::<v8::Function>::try_from(function).ok());
                function.map(|function| self.export_function(scope, function.into(), *mode))
            }
        })
    }

    /// The function that one of this guest's imported functions stands for.
    pub fn foreign_function(
        &self,
        scope: &v8::PinScope<'_, '_>,
        object: v8::Local<v8::Object>,
    ) -> Option<Arc<Function>> {
        let slot = object.get_private(scope, self.guest.private(scope, "slot"))?;
        let slot = slot.is_uint32().then(|| slot.uint32_value(scope)).flatten()?;
        match &*self.guest.foreign_at(slot)? {
            Foreign::Function(function) => Some(Arc::clone(function)),
            _ => None,
        }
    }

    // --- into the guest ------------------------------------------------------------------------

    /// The handle as this guest holds it.
    pub fn hold(&self, handle: Handle) -> Foreign {
        match handle {
            Handle::Isolate(lease) if Arc::ptr_eq(&lease.0, self.isolate) => Foreign::Own,
            Handle::Remote(remote) if remote.is_of(self.isolate) => {
                Foreign::Handle(Handle::Remote(remote.inside()))
            }
            handle => Foreign::Handle(handle),
        }
    }

    /// The function as this guest holds it.
    pub fn hold_function(&self, function: &Function) -> Arc<Function> {
        let target = match self.hold(function.target.clone()) {
            Foreign::Handle(target) => target,
            _ => function.target.clone(),
        };
        Arc::new(Function { target, ..function.clone() })
    }

    /// A value as this guest may keep it: no handle in it keeps the isolate alive.
    pub fn hold_value(&self, value: Transfer) -> Transfer {
        let inside = |handle: Handle| match handle {
            Handle::Remote(remote) if remote.is_of(self.isolate) => Handle::Remote(remote.inside()),
            handle => handle,
        };
        match value {
            Transfer::Handle(handle) => Transfer::Handle(inside(handle)),
            Transfer::Deref(handle) => Transfer::Deref(inside(handle)),
            Transfer::Function(function) => Transfer::Function(self.hold_function(&function)),
            value => value,
        }
    }

    /// An instance of the class that the handle belongs to.
    pub fn import_handle<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        handle: Handle,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        if let Handle::Copied(copied) = &handle
            && !copied.charge_to(self.guest.memory())
        {
            return Err(Failure::NoMemory.into());
        }
        let (class, type_of) = (handle.class(), handle.type_of());
        let slot = self.guest.add_foreign(self.hold(handle));
        match library()?.instance(scope, class, slot, type_of) {
            Ok(object) => Ok(object.into()),
            Err(stop) => {
                self.guest.remove_foreign(slot);
                Err(stop)
            }
        }
    }

    /// The library itself.
    pub fn import_library<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        library()?.namespace(scope)
    }

    /// A function of somebody else; of this very isolate: the function itself.
    pub fn import_function<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        function: Arc<Function>,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        if let Handle::Remote(remote) = &function.target
            && remote.is_of(self.isolate)
            && function.mode == CallbackMode::Sync
        {
            return Ok(self.guest.value(scope, remote.id())?.0);
        }
        let length = function.length.min(i32::MAX as u32) as i32;
        let name = string(scope, function.name.clone());
        let slot = self.guest.add_foreign(Foreign::Function(function));
        let data = v8::Integer::new_from_unsigned(scope, slot);
        let made = v8::Function::builder(call_foreign)
            .data(data.into())
            .length(length)
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)
            .ok_or(Stop::Exception)?;
        if let Some(name) = name {
            made.set_name(name);
        }
        made.set_private(scope, self.guest.private(scope, "slot"), data.into());
        self.guest.watch_foreign(scope, made.into(), slot);
        Ok(made.into())
    }
}

/// The classes of the library, by their numbers on the wire.
const CLASSES: [&str; 5] = ["Isolate", "Context", "Script", "Reference", "Copy"];

fn class_name(class: u8) -> &'static str {
    CLASSES.get(usize::from(class)).copied().unwrap_or("Handle")
}

/// A guest calls a function of somebody else.
fn call_foreign<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    let guest = Guest::of(scope);
    let context = guest.context();
    let slot = arguments.data().uint32_value(scope).unwrap_or(u32::MAX);
    let Some(foreign) = guest.foreign_at(slot) else { return };
    let Foreign::Function(function) = &*foreign else { return };
    let realm = guest.current_realm(scope);
    let realmed = Realmed { guest, isolate: &context.isolate, realm: &realm };
    // The guest may be in the middle of a copy (a getter).
    match account::fallible(false, || call_over(&realmed, scope, function, &arguments)) {
        Ok(value) => result.set(value),
        Err(stop) => errors::throw(&realmed, scope, stop),
    }
}

fn call_over<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    function: &Arc<Function>,
    arguments: &v8::FunctionCallbackArguments<'s>,
) -> Result<v8::Local<'s, v8::Value>, Stop> {
    let guest = realmed.guest;
    let mut values = Arguments::new();
    for i in 0..arguments.length() {
        values.push(realmed.export(scope, arguments.get(i), CALLBACK)?);
    }
    let Some((place, request)) = function.request(values) else { return Ok(v8::undefined(scope).into()) };
    match function.mode {
        CallbackMode::Ignored => {
            guest.post(place, request, Reply::Ignored, Limits::default(), Named::new())?;
            Ok(v8::undefined(scope).into())
        }
        CallbackMode::Async => {
            let (cell, settler) = PromiseCell::new();
            let promise = realmed.import_promise(scope, &cell)?;
            guest.post(place, request, Reply::Promise(settler), Limits::default(), Named::new())?;
            Ok(promise)
        }
        CallbackMode::Sync => {
            let deadline = Deadline::new(0, guest.deadline().as_ref());
            let limits = Limits { deadline, ..Limits::default() };
            let value = guest.call(scope, place, request, limits, Named::new())?;
            realmed.import(scope, value)
        }
    }
}

impl Function {
    /// Where a call of it goes, and the call.
    pub fn request(&self, arguments: Arguments) -> Option<(Place, Request)> {
        let (place, target) = Place::of(&self.target)?;
        // An async function of a guest gives a promise; environments follow theirs before they answer.
        let promise = self.mode == CallbackMode::Async && matches!(place, Place::Isolate(_));
        let exit = Exit { promise, ..CALLBACK };
        Some((place, Request::Apply { target, receiver: Transfer::Undefined, arguments, exit }))
    }

    /// Calls it, in no caller's time.
    pub fn send(&self, arguments: Arguments, reply: Reply) {
        self.send_within(arguments, reply, None);
    }

    /// The same, in an async context of its environment.
    pub fn send_within(&self, arguments: Arguments, reply: Reply, context: Option<Arc<HostValue>>) {
        let named = match &self.target {
            Handle::Remote(remote) => Named::from_elem(Arc::clone(remote), 1),
            _ => Named::new(),
        };
        if let Some((place, request)) = self.request(arguments) {
            place.send(
                request,
                reply,
                0,
                Limits { timeout: self.limit, context, ..Limits::default() },
                named,
            );
        }
    }
}

impl Handle {
    /// The class of the object that stands for it, as a number of the wire.
    pub fn class(&self) -> u8 {
        match self {
            Self::Isolate(_) => 0,
            Self::Session(_) => 6,
            Self::Copied(_) => 4,
            Self::Host(_) => 3,
            Self::Remote(remote) => remote.class(),
        }
    }

    /// What `typeof` says of what it refers to, as a number of the wire.
    pub fn type_of(&self) -> u8 {
        match self {
            Self::Isolate(_) | Self::Copied(_) | Self::Session(_) => 5,
            Self::Host(host) => host.type_of,
            Self::Remote(remote) => remote.type_of,
        }
    }
}

impl Remote {
    fn class(&self) -> u8 {
        use crate::engine::isolate::RemoteKind;
        match self.kind {
            RemoteKind::Context => 1,
            RemoteKind::Script => 2,
            RemoteKind::Reference | RemoteKind::Function => 3,
            RemoteKind::Module => 5,
        }
    }
}
