//! Values of our V8 as [`Transfer`] and back.

use std::rc::Rc;
use std::sync::Arc;

use super::clone;
use super::errors::{self, Stop};
use super::{CallbackMode, Copied, Function, Handle, Latin1, PromiseCell, Text, Transfer, Waker, pool};
use crate::engine::error::{Failure, Thrown};
use crate::engine::host::TreeId;
use crate::engine::isolate::guest::{Entry, Guest, Realm};
use crate::engine::isolate::task::{Exit, Fallback, Mode};
use crate::engine::isolate::{Isolate, Remote, RemoteKind};

/// Strings from this size on (bytes) are handed to V8 without a copy.
const EXTERNAL_STRING: usize = 16 << 10;
/// Values of less than this many bytes are copied out without a question.
const SMALL: usize = 64 << 10;

/// The state of one conversion: who converts, and where the value lives.
pub struct Realmed<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// Its isolate.
    pub isolate: &'a Arc<Isolate>,
    /// The context in which objects are made and references used.
    pub realm: &'a Rc<Realm>,
}

/// V8's string for `text`. `None` when it is longer than V8 allows.
pub fn string<'s>(scope: &v8::PinScope<'s, '_, ()>, text: Text) -> Option<v8::Local<'s, v8::String>> {
    match text {
        Text::One(Latin1::Own(bytes)) if bytes.len() >= EXTERNAL_STRING => {
            match pool::external(scope, bytes) {
                Ok(string) => string,
                Err(bytes) => v8::String::new_external_onebyte(scope, bytes.into_boxed_slice()),
            }
        }
        Text::One(Latin1::Shared(bytes)) if bytes.len() >= EXTERNAL_STRING => match Guest::find(scope) {
            Some(guest) => guest.texts.string(scope, bytes, guest.memory().limit),
            None => bytes.external(scope),
        },
        Text::One(bytes) => v8::String::new_from_one_byte(scope, &bytes, v8::NewStringType::Normal),
        Text::Two(units) if units.len() * 2 >= EXTERNAL_STRING => {
            v8::String::new_external_twobyte(scope, units)
        }
        Text::Two(units) => v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal),
    }
}

/// The same, unless the isolate has no room for it.
pub fn string_that_fits<'s>(
    scope: &v8::PinScope<'s, '_, ()>,
    text: Text,
) -> Result<v8::Local<'s, v8::String>, Failure> {
    let size = text.size();
    // The isolate in which a snapshot is made has no guest, and limits of its own.
    if size >= EXTERNAL_STRING
        && let Some(guest) = Guest::find(scope)
    {
        let memory = guest.memory();
        if size > memory.limit || !memory.fits(size) {
            return Err(Failure::TooLarge);
        }
    }
    string(scope, text).ok_or(Failure::StringTooLong)
}

/// V8's string for Rust text.
pub fn str<'s>(scope: &v8::PinScope<'s, '_, ()>, text: &str) -> v8::Local<'s, v8::String> {
    string(scope, Text::from_str(text)).unwrap_or_else(|| v8::String::empty(scope))
}

/// The text of a V8 string.
pub fn text(scope: &v8::Isolate, string: v8::Local<v8::String>) -> Text {
    let length = string.length();
    if string.contains_only_onebyte() {
        let mut bytes = pool::take(length + 1).unwrap_or_default();
        if bytes.capacity() < length {
            bytes.reserve_exact(length);
        }
        string.write_one_byte_uninit_v2(scope, 0, bytes.spare_capacity_mut(), v8::WriteFlags::empty());
        // SAFETY: all characters were written, as there is room for them.
        unsafe { bytes.set_len(length) };
        Text::One(bytes.into())
    } else {
        let mut units = vec![0; length];
        string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
        Text::Two(units.into())
    }
}

/// The text of a V8 string, when there is room for it beside what its isolate uses already.
pub fn text_that_fits(scope: &v8::Isolate, string: v8::Local<v8::String>) -> Option<Text> {
    let size = string.length() * 2;
    (size < SMALL || Guest::of(scope).memory().fits(size)).then(|| text(scope, string))
}

/// What `Reference.typeof` says, as a number of the wire: the real `typeof` but for null ("null") and
/// symbols and bigints ("object"), as isolated-vm has it.
pub fn type_of(value: v8::Local<v8::Value>) -> u8 {
    if value.is_undefined() {
        0
    } else if value.is_null() {
        1
    } else if value.is_boolean() {
        2
    } else if value.is_number() {
        3
    } else if value.is_string() {
        4
    } else if value.is_function() {
        6
    } else {
        5
    }
}

impl<'a> Realmed<'a> {
    // --- out of the guest ----------------------------------------------------------------------

    /// A value on its way out, as `exit` asks. An exception may be pending when it says so.
    pub fn export<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
        exit: Exit,
    ) -> Result<Transfer, Stop> {
        self.check_room(value)?;
        if exit.promise {
            return self.export_promise(scope, value, exit);
        }
        match exit.mode {
            Mode::Copy => return self.export_copy(scope, value),
            Mode::ExternalCopy => {
                let value = self.export_copy(scope, value)?;
                return Ok(Transfer::Handle(Handle::Copied(Copied::new(value))));
            }
            Mode::Reference => return Ok(self.export_reference(scope, value)),
            Mode::Plain => {}
        }
        if let Some(transfer) = self.export_plain(scope, value)? {
            return Ok(transfer);
        }
        match exit.fallback {
            Fallback::Undefined => Ok(Transfer::Undefined),
            Fallback::Reference => Ok(self.export_reference(scope, value)),
            Fallback::Throw => Err(Failure::NonTransferable.into()),
            Fallback::Copy => self.export_copy(scope, value),
        }
    }

    /// A value that crosses without any option.
    fn export_plain<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Result<Option<Transfer>, Stop> {
        if let Some(primitive) = export_primitive(scope, value) {
            return Ok(Some(primitive));
        }
        let Ok(object) = v8::Local::<v8::Object>::try_from(value) else { return Ok(None) };
        if value.is_function() {
            return Ok(Some(self.export_function(scope, object, CallbackMode::Sync)));
        }
        self.export_foreign(scope, object)
    }

    /// Whether there is room for what a primitive holds: it is copied out of the heap, into memory that counts until the other
    /// side has it.
    fn check_room(&self, value: v8::Local<v8::Value>) -> Result<(), Stop> {
        let size = if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
            string.length() * 2
        } else if let Ok(big) = v8::Local::<v8::BigInt>::try_from(value) {
            big.word_count() * 8
        } else {
            return Ok(());
        };
        if size < SMALL || self.guest.memory().fits(size) { Ok(()) } else { Err(Failure::TooLarge.into()) }
    }

    /// A copy, for `copy: true` and for what callbacks take and return.
    pub fn export_copy<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Result<Transfer, Stop> {
        self.check_room(value)?;
        if let Some(primitive) = export_primitive(scope, value) {
            return Ok(primitive);
        }
        if value.is_symbol() {
            return Err(Failure::UnsupportedType.into());
        }
        if let Ok(object) = v8::Local::<v8::Object>::try_from(value)
            && let Some(handle) = self.export_foreign(scope, object)?
        {
            return Ok(handle);
        }
        clone::serialize(self, scope, value, &[]).map(|cloned| Transfer::Cloned(Arc::new(cloned)))
    }

    /// A copy of the value, to which the memory of these buffers moves.
    pub fn export_moving<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
        buffers: &[v8::Local<'s, v8::ArrayBuffer>],
    ) -> Result<Transfer, Stop> {
        clone::serialize(self, scope, value, buffers).map(|cloned| Transfer::Cloned(Arc::new(cloned)))
    }

    /// A `Reference` to the value.
    pub fn export_reference<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Transfer {
        Transfer::Handle(self.keep_reference(scope, value, false))
    }

    /// A `Reference` to the value; with `inherit`, `get` by it finds inherited properties too.
    pub fn keep_reference<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
        inherit: bool,
    ) -> Handle {
        self.keep(scope, value, RemoteKind::Reference, type_of(value), inherit)
    }

    fn keep(
        &self,
        scope: &v8::Isolate,
        value: v8::Local<v8::Value>,
        kind: RemoteKind,
        type_of: u8,
        inherit: bool,
    ) -> Handle {
        let (value, realm) = (v8::Global::new(scope, value), Rc::clone(self.realm));
        let entry = Entry::Value { value, realm, inherit };
        let id = self.guest.keep(self.isolate, entry);
        self.remote(id, kind, type_of)
    }

    /// A handle to an entry of this guest's table.
    pub fn remote(&self, id: u32, kind: RemoteKind, type_of: u8) -> Handle {
        Handle::Remote(Remote::new(self.isolate, id, kind, type_of))
    }

    /// A function on its way out.
    pub fn export_function<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        mode: CallbackMode,
    ) -> Transfer {
        if let Some(function) = self.foreign_function(scope, object) {
            return Transfer::Function(function);
        }
        let (mut name, mut length) = (Text::from_str(""), 0);
        if !object.is_proxy()
            && let Ok(function) = v8::Local::<v8::Function>::try_from(v8::Local::<v8::Value>::from(object))
        {
            let own = errors::own_data_property(scope, object, "name");
            let own = own.and_then(|name| v8::Local::<v8::String>::try_from(name).ok());
            name = text(scope, own.unwrap_or_else(|| function.get_name(scope)));
            if let Some(value) = errors::own_data_property(scope, object, "length")
                && let Some(n) = value.uint32_value(scope)
            {
                length = n;
            }
        }
        let target = self.keep(scope, object.into(), RemoteKind::Function, 6, false);
        Transfer::Function(Arc::new(Function { target, mode, name, length, limit: self.guest.limit() }))
    }

    fn export_promise<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
        exit: Exit,
    ) -> Result<Transfer, Stop> {
        let settled = Exit {
            promise: false,
            // `undefined` for want of an option is for results of scripts, not for what promises give.
            fallback: if exit.fallback == Fallback::Undefined { Fallback::Throw } else { exit.fallback },
            ..exit
        };
        let (cell, settler) = PromiseCell::new();
        let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) else {
            settler.settle(errors::guarded(self, scope, |scope| self.export(scope, value, settled)));
            return Ok(Transfer::Promise(cell));
        };
        let watch = PromiseWatch {
            settler: Some(settler),
            exit: settled,
            realm: Rc::clone(self.realm),
            tree: self.guest.bounds().tree,
        };
        watch.attach(scope, promise).ok_or(Stop::Exception)?;
        Ok(Transfer::Promise(cell))
    }

    // --- into the guest ------------------------------------------------------------------------

    /// A value that arrives.
    pub fn import<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        transfer: Transfer,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        Ok(match transfer {
            Transfer::Undefined => v8::undefined(scope).into(),
            Transfer::Null => v8::null(scope).into(),
            Transfer::Bool(value) => v8::Boolean::new(scope, value).into(),
            Transfer::Int(value) => v8::Integer::new(scope, value).into(),
            Transfer::Number(value) => v8::Number::new(scope, value).into(),
            Transfer::Text(text) => string_that_fits(scope, text)?.into(),
            Transfer::BigInt(big) => {
                let (negative, words) = *big;
                v8::BigInt::new_from_words(scope, negative, &words).ok_or(Stop::Exception)?.into()
            }
            Transfer::Cloned(cloned) => clone::deserialize(self, scope, &cloned)?,
            Transfer::Error(error) => errors::import(self, scope, *error)?,
            Transfer::Deref(handle) => self.dereference(scope, &handle)?,
            Transfer::CopyInto(copied, take) => {
                let value = if take { copied.take() } else { copied.get() };
                let value = value.ok_or(Failure::BufferGone)?;
                self.import(scope, value)?
            }
            Transfer::Function(function) => self.import_function(scope, function)?,
            Transfer::Promise(cell) => self.import_promise(scope, &cell)?,
            Transfer::Handle(handle) => self.import_handle(scope, handle)?,
            Transfer::Library => self.import_library(scope)?,
            Transfer::Pair(pair) => {
                let values = [self.import(scope, pair.0)?, self.import(scope, pair.1)?];
                v8::Array::new_with_elements(scope, &values).into()
            }
            Transfer::List(values) => {
                let mut elements = Vec::with_capacity(values.len());
                for value in values {
                    elements.push(self.import(scope, value)?);
                }
                v8::Array::new_with_elements(scope, &elements).into()
            }
            Transfer::Numbers(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(|n| v8::Number::new(scope, *n).into()).collect();
                v8::Array::new_with_elements(scope, &numbers).into()
            }
        })
    }

    fn dereference<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        handle: &Handle,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        match handle {
            Handle::Remote(remote) if remote.is_of(self.isolate) => {
                Ok(self.guest.value(scope, remote.id())?.0)
            }
            _ => Err(Failure::ForeignDerefInto.into()),
        }
    }

    /// A promise that is settled from outside.
    pub fn import_promise<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        cell: &PromiseCell,
    ) -> Result<v8::Local<'s, v8::Value>, Stop> {
        let resolver = v8::PromiseResolver::new(scope).ok_or(Stop::Exception)?;
        let entry = Entry::Resolver {
            resolver: v8::Global::new(scope, resolver),
            realm: Rc::clone(self.realm),
            made_in: self.guest.bounds(),
            context: self.guest.origin(),
        };
        let id = self.guest.keep(self.isolate, entry);
        cell.observe(Waker::Guest(Arc::downgrade(self.isolate), id));
        Ok(resolver.get_promise(scope).into())
    }
}

/// Primitives but symbols.
pub(super) fn export_primitive(
    scope: &v8::PinScope<'_, '_>,
    value: v8::Local<v8::Value>,
) -> Option<Transfer> {
    if value.is_int32() {
        let value = value.cast::<v8::Int32>().value();
        return Some(Transfer::Int(value));
    }
    if value.is_undefined() {
        return Some(Transfer::Undefined);
    }
    if value.is_string() {
        return Some(Transfer::Text(text(scope, value.cast())));
    }
    if value.is_number() {
        return Some(Transfer::Number(value.cast::<v8::Number>().value()));
    }
    if value.is_boolean() {
        return Some(Transfer::Bool(value.is_true()));
    }
    if value.is_null() {
        return Some(Transfer::Null);
    }
    if value.is_big_int() {
        let big = value.cast::<v8::BigInt>();
        let mut words = vec![0; big.word_count()];
        let (negative, words) = big.to_words_array(&mut words);
        return Some(Transfer::BigInt(Box::new((negative, words.to_vec()))));
    }
    None
}

/// The guest's half of a promise that is observed from outside.
pub struct PromiseWatch {
    settler: Option<super::Settler>,
    exit: Exit,
    realm: Rc<Realm>,
    tree: TreeId,
}

impl PromiseWatch {
    /// Takes the right to settle away if the promise was given by a call of this tree. With no tree (0: what V8 does later, of
    /// which nobody knows whose it is) it may be any.
    pub fn take_settler(&mut self, tree: TreeId) -> Option<super::Settler> {
        if tree == 0 || self.tree == tree { self.settler.take() } else { None }
    }

    /// Rejects the promise; V8's half stays.
    pub fn abandon(mut self, failure: &Failure) {
        if let Some(settler) = self.settler.take() {
            settler.settle(Err(failure.clone().into()));
        }
        std::mem::forget(self);
    }

    /// Reacts to `promise` with functions that own the watch through an external value.
    fn attach<'s>(self, scope: &mut v8::PinScope<'s, '_>, promise: v8::Local<'s, v8::Promise>) -> Option<()> {
        let guest = Guest::of(scope);
        let slot = guest.watches.borrow_mut().insert(self);
        let data = v8::Integer::new_from_unsigned(scope, slot);
        let fulfilled = v8::Function::builder(on_fulfilled).data(data.into()).build(scope)?;
        let rejected = v8::Function::builder(on_rejected).data(data.into()).build(scope)?;
        promise.then2(scope, fulfilled, rejected)?;
        Some(())
    }
}

fn take_watch(scope: &v8::PinScope<'_, '_>, data: v8::Local<v8::Value>) -> Option<PromiseWatch> {
    let slot = data.uint32_value(scope)?;
    Guest::of(scope).watches.borrow_mut().remove(slot)
}

fn on_fulfilled<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    _result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut watch) = take_watch(scope, arguments.data()) else { return };
    let (guest, value) = (Guest::of(scope), arguments.get(0));
    let context = guest.context();
    let realmed = Realmed { guest, isolate: &context.isolate, realm: &watch.realm };
    let outcome = errors::guarded(&realmed, scope, |scope| realmed.export(scope, value, watch.exit));
    if let Some(settler) = watch.settler.take() {
        settler.settle(outcome);
    }
}

fn on_rejected<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    _result: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(mut watch) = take_watch(scope, arguments.data()) else { return };
    let (guest, value) = (Guest::of(scope), arguments.get(0));
    let context = guest.context();
    let realmed = Realmed { guest, isolate: &context.isolate, realm: &watch.realm };
    v8::tc_scope!(let scope, scope);
    let thrown = Thrown::Value(errors::export(&realmed, scope, value));
    if let Some(settler) = watch.settler.take() {
        settler.settle(Err(thrown));
    }
}
