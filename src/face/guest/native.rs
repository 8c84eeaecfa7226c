//! The functions that `lib/guest/` calls. None of them is ever handed to a script of the guest's.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::library::is_token;
use super::parts::{HEADER, Parts};
use crate::engine::error::Failure;
use crate::engine::isolate::guest::Guest;
use crate::engine::isolate::task::{Exit, Fallback, Reply};
use crate::engine::isolate::written::{Part, Written};
use crate::engine::place::Place;
use crate::engine::transfer::errors::{self, Stop};
use crate::engine::transfer::foreign::{
    FIELD_CLASS, FIELD_SLOT, FIELD_VALUE, FIELDS, Foreign, Special, slot_of,
};
use crate::engine::transfer::guest::{Realmed, str, text_that_fits};
use crate::engine::transfer::{CallbackMode, Handle, PromiseCell, Transfer};
use crate::face::message::{self, Call, at, exit_of};

type Arguments<'s> = v8::FunctionCallbackArguments<'s>;
type Return<'s> = v8::ReturnValue<'s, v8::Value>;
type Given<'s> = Result<v8::Local<'s, v8::Value>, Stop>;

/// `applySyncPromise`: the caller waits until the promise is settled (lib/options.js).
const FLAG_AWAIT: i32 = 64;

/// How long the end of isolates that were forgotten is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// The object with all functions, for `lib/guest/native.js`.
pub fn object<'s>(scope: &mut v8::PinScope<'s, '_>, token: v8::Local<'s, v8::Value>) -> Given<'s> {
    let null = v8::null(scope).into();
    let native = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    macro_rules! add {
        ($($name:literal $function:ident),* $(,)?) => {$({
            fn enter<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, result: Return<'s>) {
                guarded(scope, &arguments, result, $function);
            }
            let function = v8::Function::builder(enter)
            .constructor_behavior(v8::ConstructorBehavior::Throw)
            .build(scope)
            .ok_or(Stop::Exception)?;
            native.create_data_property(scope, str(scope, $name).into(), function.into());
        })*};
    }
    add!(
        "begin" begin, "abort" abort, "text" add_text, "u32" add_number, "value" add_value, "clone" add_clone,
        "call" call, "post" post, "send" send, "local" local,
        "keep" keep, "deref" deref, "derefInto" deref_into, "copyInto" copy_into, "callback" callback,
        "release" release, "mark" mark, "library" library, "seal" seal, "isArrayBuffer" is_array_buffer,
    );
    let base = base(scope).ok_or(Stop::Exception)?;
    native.create_data_property(scope, str(scope, "Base").into(), base.into());
    native.create_data_property(scope, str(scope, "token").into(), token);
    Ok(native.into())
}

/// Runs one of the functions; what stops it is thrown into the guest.
fn guarded<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
    mut result: Return<'s>,
    body: impl FnOnce(&Realmed<'_>, &mut v8::PinScope<'s, '_>, &Arguments<'s>) -> Given<'s>,
) {
    let guest = Guest::of(scope);
    let context = guest.context();
    let realm = guest.current_realm(scope);
    let realmed = Realmed { guest, isolate: &context.isolate, realm: &realm };
    match body(&realmed, scope, arguments) {
        Ok(value) => result.set(value),
        Err(stop) => errors::throw(&realmed, scope, stop),
    }
}

fn undefined<'s>(scope: &v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
    v8::undefined(scope).into()
}

fn number<'s>(scope: &v8::PinScope<'s, '_>, n: u32) -> v8::Local<'s, v8::Value> {
    v8::Integer::new_from_unsigned(scope, n).into()
}

/// A number argument: the library passes nothing else there.
fn int(scope: &v8::PinScope<'_, '_>, arguments: &Arguments<'_>, i: i32) -> i32 {
    arguments.get(i).int32_value(scope).unwrap_or(0)
}

// --- instances -------------------------------------------------------------------------------------

/// The class that all classes of the library are made from: its instances have a place in the guest's table.
fn base<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Function>> {
    let guest = Guest::of(scope);
    let known = guest.templates.borrow().get("Base").map(|template| v8::Local::new(scope, template));
    let template = known.unwrap_or_else(|| {
        let template = v8::FunctionTemplate::new(scope, construct);
        template.set_class_name(str(scope, "Handle"));
        template.instance_template(scope).set_internal_field_count(FIELDS);
        let global = v8::Global::new(scope, template);
        guest.templates.borrow_mut().insert("Base", global);
        template
    });
    let base = template.get_function(scope)?;
    base.set_integrity_level(scope, v8::IntegrityLevel::Sealed)?;
    Some(base)
}

/// `super(token, slot, class, value)`
fn construct<'s>(scope: &mut v8::PinScope<'s, '_>, arguments: Arguments<'s>, _result: Return<'s>) {
    if !arguments.is_construct_call() || !is_token(scope, arguments.get(0)) {
        let message = str(scope, "Illegal constructor");
        let error = v8::Exception::type_error(scope, message);
        scope.throw_exception(error);
        return;
    }
    let this = arguments.this();
    let slot = int(scope, &arguments, 1) as u32;
    this.set_internal_field(FIELD_SLOT, number(scope, slot).into());
    this.set_internal_field(FIELD_VALUE, arguments.get(3).into());
    this.set_internal_field(FIELD_CLASS, number(scope, int(scope, &arguments, 2) as u32).into());
    Guest::of(scope).watch_foreign(scope, this, slot);
}

/// `release(instance)`
fn release<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    if let Ok(object) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && let Some(slot) = slot_of(scope, object)
    {
        object.set_internal_field(FIELD_SLOT, undefined(scope).into());
        realmed.guest.remove_foreign(slot);
    }
    Ok(undefined(scope))
}

/// `keep(value, inherit)`: the place of a reference to a value of this guest.
fn keep<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    let handle = realmed.keep_reference(scope, arguments.get(0), arguments.get(1).is_true());
    Ok(number(scope, realmed.guest.add_foreign(realmed.hold(handle))))
}

/// The handle in the place that an argument names.
fn handle(
    realmed: &Realmed<'_>,
    scope: &v8::PinScope<'_, '_>,
    arguments: &Arguments<'_>,
) -> Result<Handle, Stop> {
    match realmed.guest.foreign_at(int(scope, arguments, 0) as u32).as_deref() {
        Some(Foreign::Handle(handle)) => Ok(handle.clone()),
        _ => Err(Failure::Released("Reference").into()),
    }
}

/// `deref(slot)`: the value, if it lives in this isolate.
fn deref<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    match handle(realmed, scope, arguments)? {
        Handle::Remote(remote) if remote.is_of(realmed.isolate) => {
            Ok(realmed.guest.value(scope, remote.id())?.0)
        }
        _ => Err(Failure::ForeignDeref.into()),
    }
}

/// `derefInto(slot, once)`: the place of what arrives as the value.
fn deref_into<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let value = Special::Deref(handle(realmed, scope, arguments)?);
    Ok(special(realmed, scope, value, arguments.get(1).is_true()))
}

/// `copyInto(slot, once, transferIn)`: the place of what arrives as a copy.
fn copy_into<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    match handle(realmed, scope, arguments)? {
        Handle::Copied(copied) => {
            let value = Special::CopyInto(copied, arguments.get(2).is_true());
            Ok(special(realmed, scope, value, arguments.get(1).is_true()))
        }
        _ => Err(Failure::Released("ExternalCopy").into()),
    }
}

fn special<'s>(
    realmed: &Realmed<'_>,
    scope: &v8::PinScope<'s, '_>,
    value: Special,
    once: bool,
) -> v8::Local<'s, v8::Value> {
    let used = std::cell::Cell::new(false);
    number(scope, realmed.guest.add_foreign(Foreign::Special { value, once, used }))
}

/// `callback(mode)`: the place of a `Callback`.
fn callback<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let mode = CallbackMode::from_u8(int(scope, arguments, 0) as u8);
    Ok(number(scope, realmed.guest.add_foreign(Foreign::Callback(mode))))
}

/// `library()`: the place of the library itself.
fn library<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, _: &Arguments<'s>) -> Given<'s> {
    Ok(number(scope, realmed.guest.add_foreign(Foreign::Library)))
}

/// `seal(class)`: what it is made from stays so.
fn seal<'s>(_: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    if let Ok(class) = v8::Local::<v8::Object>::try_from(arguments.get(0)) {
        class.set_integrity_level(scope, v8::IntegrityLevel::Sealed).ok_or(Stop::Exception)?;
    }
    Ok(undefined(scope))
}

/// `isArrayBuffer(value)`: of whatever context.
fn is_array_buffer<'s>(
    _: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    Ok(v8::Boolean::new(scope, arguments.get(0).is_array_buffer()).into())
}

/// `mark(error, code)`: the code is the library's, so that it passes where a guest's would not.
fn mark<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    let code = arguments.get(1);
    if let Ok(error) = v8::Local::<v8::Object>::try_from(arguments.get(0))
        && Failure::known_code(&code.to_rust_string_lossy(scope)).is_some()
    {
        error.set_private(scope, realmed.guest.private(scope, "code"), code);
    }
    Ok(undefined(scope))
}

// --- requests --------------------------------------------------------------------------------------

/// `begin()`: a request is written from here on; those that write it may make others meanwhile.
fn begin<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, _: &Arguments<'s>) -> Given<'s> {
    realmed.guest.message.borrow_mut().push(Written::default());
    Ok(undefined(scope))
}

/// `abort()`: it will not be sent.
fn abort<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, _: &Arguments<'s>) -> Given<'s> {
    let message = realmed.guest.message.borrow_mut().pop();
    drop(message);
    Ok(undefined(scope))
}

fn add<'s>(realmed: &Realmed<'_>, scope: &v8::PinScope<'s, '_>, part: Part) -> Given<'s> {
    if let Some(message) = realmed.guest.message.borrow_mut().last_mut() {
        message.push(part, realmed.guest.memory())?;
    }
    Ok(undefined(scope))
}

/// `text(string)`
fn add_text<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let string = v8::Local::<v8::String>::try_from(arguments.get(0))
        .map_err(|_| Failure::Internal("no string".into()))?;
    let part = Part::Text(text_that_fits(scope, string).ok_or(Failure::TooLarge)?);
    add(realmed, scope, part)
}

/// `u32(number)`
fn add_number<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let part = Part::Number(int(scope, arguments, 0) as u32);
    add(realmed, scope, part)
}

/// `value(value, flags)`
fn add_value<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let exit = exit_of(int(scope, arguments, 1));
    // An argument is never left out.
    let fallback = if exit.fallback == Fallback::Undefined { Fallback::Throw } else { exit.fallback };
    let part = Part::Value(realmed.export(scope, arguments.get(0), Exit { fallback, ..exit })?);
    add(realmed, scope, part)
}

/// `clone(value, buffer, …)`: a copy of the value, to which the buffers' memory moves.
fn add_clone<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let mut buffers = Vec::new();
    for i in 1..arguments.length() {
        let buffer = v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(i));
        buffers.push(buffer.map_err(|_| Failure::Internal("no array buffer".into()))?);
    }
    let part = Part::Value(realmed.export_moving(scope, arguments.get(0), &buffers)?);
    add(realmed, scope, part)
}

/// A count may come from the `length` of a proxy, and so be anything that runs code when it is read as a number.
fn header(
    realmed: &Realmed<'_>,
    scope: &v8::PinScope<'_, '_>,
    arguments: &Arguments<'_>,
) -> Result<[i32; 12], Stop> {
    let mut header = [0; 12];
    for (i, at) in HEADER.into_iter().enumerate() {
        let Some(number) = arguments.get(i as i32).int32_value(scope) else {
            let message = realmed.guest.message.borrow_mut().pop();
            drop(message);
            return Err(Stop::Exception);
        };
        header[at] = number;
    }
    Ok(header)
}

/// `call(op, target, flags, timeout, other, count)`: waits for the outcome.
fn call<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    let guest = realmed.guest;
    let header = header(realmed, scope, arguments)?;
    let Call { place, request, named } = message::read(&mut Parts::take(realmed, header))?;
    let waits = header[at::FLAGS] & FLAG_AWAIT != 0;
    let own = matches!(&place, Place::Isolate(isolate) if Arc::ptr_eq(isolate, realmed.isolate));
    let host = match &place {
        Place::Host(value) => {
            if waits && value.host.waits_in(guest.tree()) {
                return Err(Failure::WrongThread.into());
            }
            true
        }
        Place::Isolate(_) => false,
    };
    let _standing = waits.then(|| guest.stand_still());
    let mut value = guest.call(
        scope,
        place,
        request,
        message::limits(|at| header[at], guest.deadline().as_ref()),
        named,
    )?;
    if waits && let Transfer::Promise(cell) = &value {
        // Reactions of the guest's own promises run when it doesn't wait any more.
        let settled = if own { cell.take_settled() } else { None };
        value = match settled {
            Some(outcome) => outcome.map_err(|thrown| Stop::Thrown(Box::new(thrown)))?,
            None if own => return Err(Failure::WrongThread.into()),
            None => guest.wait_settled(scope, cell, host)?,
        };
    }
    realmed.import(scope, value)
}

/// The same; gives a promise.
fn post<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    let header = header(realmed, scope, arguments)?;
    let Call { place, request, named } = message::read(&mut Parts::take(realmed, header))?;
    let (cell, settler) = PromiseCell::new();
    let promise = realmed.import_promise(scope, &cell)?;
    let limits = message::limits(|at| header[at], None);
    realmed.guest.post(place, request, Reply::Promise(settler), limits, named)?;
    Ok(promise)
}

/// The same; nobody hears of the outcome. An isolate that has ended is no error here.
fn send<'s>(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'s, '_>, arguments: &Arguments<'s>) -> Given<'s> {
    let header = header(realmed, scope, arguments)?;
    match message::read(&mut Parts::take(realmed, header)) {
        Ok(Call { place, request, named }) => {
            let limits = message::limits(|at| header[at], None);
            realmed.guest.post(place, request, Reply::Ignored, limits, named)?;
        }
        Err(Failure::Disposed) => {}
        Err(failure) => return Err(failure.into()),
    }
    Ok(undefined(scope))
}

/// Isolates that this guest disposed of or forgot hold memory of it, of which its V8 knows nothing. When there is no room
/// for another one, the garbage is collected, and they get the time to end.
fn make_room(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'_, '_>) {
    await_ends(realmed);
    if realmed.guest.memory().has_room_for_isolate() {
        return;
    }
    scope.low_memory_notification();
    realmed.guest.forget_dropped(realmed.isolate);
    await_ends(realmed);
}

/// Waits for ends that are under way, if they have to make room.
fn await_ends(realmed: &Realmed<'_>) {
    let (guest, memory) = (realmed.guest, realmed.guest.memory());
    let start = Instant::now();
    while !memory.has_room_for_isolate()
        && memory.has_ending()
        && !guest.must_unwind()
        && start.elapsed() < PATIENCE
    {
        thread::sleep(Duration::from_micros(200));
    }
}

/// The same for what needs no guest.
fn local<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    arguments: &Arguments<'s>,
) -> Given<'s> {
    let header = header(realmed, scope, arguments)?;
    if header[at::OP] == message::local::NEW_ISOLATE {
        make_room(realmed, scope);
    }
    match message::run_local(&mut Parts::take(realmed, header)) {
        Ok(value) => realmed.import(scope, value),
        Err(thrown) => Err(Stop::Thrown(Box::new(thrown))),
    }
}
