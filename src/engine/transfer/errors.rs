//! Errors over the line: what a guest throws, and what is thrown into it.
//!
//! A guest's error is read through property descriptors: no getter, proxy or `toString` of the guest runs for
//! it. The exception is `stack`, which V8 formats when it is first read, and with it a guest's
//! `Error.prepareStackTrace`; that happens inside the guest's time limit like everything else here.

use std::sync::Arc;

use super::guest::{self, Realmed};
use super::{Cloned, Text, Transfer};
use crate::engine::error::{ErrorClass, ErrorValue, Failure, Thrown};

/// Why a conversion or an operation stopped.
#[derive(Debug)]
pub enum Stop {
    /// For a reason of islet's.
    Failure(Failure),
    /// Something was thrown on the other side.
    Thrown(Box<Thrown>),
    /// A JavaScript exception is pending.
    Exception,
    /// The same, raised by the parser: its position belongs to the message if it is a `SyntaxError`. The stack may have been
    /// too short for it, too.
    Syntax,
    /// The same, for JSON from this file.
    Json(Text),
    /// The same, raised where modules don't fit together: the position belongs to the stack.
    Link,
    /// The guest has to unwind: its time is over, or its end was asked for.
    Terminated,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Between guest and host frames of a stack.
const BOUNDARY: &str = "\n    at (<isolated-vm boundary>)";
/// What stands for a thrown object that can't be copied.
const NOT_AN_ERROR: &str = "An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.";
/// How deep chains of causes and of prototypes are followed.
const DEPTH: usize = 16;

/// Runs `body` and turns what stops it into what the caller gets.
pub fn guarded<'s, T>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Result<T, Stop>,
) -> Result<T, Thrown> {
    guarded_work(realmed, scope, false, body)
}

/// The same for what the guest's caller asked for. `leaves`: nothing of the guest's is further down the stack to catch what it throws,
/// so debuggers hear of it.
pub fn guarded_work<'s, T>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    leaves: bool,
    body: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Result<T, Stop>,
) -> Result<T, Thrown> {
    v8::tc_scope!(let scope, scope);
    let stop = match body(scope) {
        Ok(value) => return Ok(value),
        Err(stop) => stop,
    };
    match stop {
        Stop::Failure(failure) => Err(failure.into()),
        Stop::Thrown(thrown) => Err(*thrown),
        // The reason is known where the task ends.
        Stop::Terminated => Err(Failure::DisposedDuring.into()),
        Stop::Exception | Stop::Syntax | Stop::Json(_) | Stop::Link => {
            if scope.has_terminated() {
                return Err(Failure::DisposedDuring.into());
            }
            let Some(exception) = scope.exception() else {
                return Err(Failure::Internal("V8 gave no exception".into()).into());
            };
            let message = scope.message();
            let position = message
                .filter(|_| !matches!(stop, Stop::Exception))
                .and_then(|message| syntax_position(scope, message, &stop));
            scope.reset();
            let mut value = export(realmed, scope, exception);
            if leaves {
                realmed.guest.tell_uncaught(scope, exception, message, "Uncaught");
            }
            if let (Some(position), Transfer::Error(error)) = (position, &mut value)
                && error.class == ErrorClass::SyntaxError
            {
                if matches!(stop, Stop::Link) {
                    let message = error.message.to_string_lossy();
                    error.stack = Some(Text::from_str(&format!("SyntaxError: {message}\n    at {position}")));
                } else {
                    add_position(error, &position);
                }
            }
            if let Transfer::Error(error) = &mut value
                && error.class == ErrorClass::RangeError
                && is_refusal(&error.message)
                && realmed.guest.memory().take_refused()
            {
                error.code = Some(Failure::BufferRefused.code());
            }
            Err(Thrown::Value(value))
        }
    }
}

/// Whether V8 says so when there is no memory for a buffer (messages' templates: `ArrayBufferAllocationFailed`,
/// `ArrayBufferResizeFailed`, and those of wasm-js.cc).
fn is_refusal(message: &Text) -> bool {
    let message = message.to_string_lossy();
    [
        "Array buffer allocation failed",
        "Out of memory",
        "could not allocate memory",
        "Unable to grow instance memory",
    ]
    .iter()
    .any(|text| message.ends_with(text))
}

/// `file:line:column` of an error that the parser raised: such an error has no frames of its own.
fn syntax_position(
    scope: &v8::PinScope<'_, '_>,
    message: v8::Local<v8::Message>,
    stop: &Stop,
) -> Option<String> {
    let line = message.get_line_number(scope)?;
    let name = match stop {
        Stop::Json(filename) => filename.to_string_lossy(),
        _ => {
            let name = message.get_script_resource_name(scope).filter(|name| name.is_string())?;
            name.to_rust_string_lossy(scope)
        }
    };
    Some(format!("{name}:{line}:{}", message.get_start_column() + 1))
}

/// A property's value if the object has it itself, as data. Runs no code of the guest.
pub fn own_data_property<'s>(
    scope: &v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    key: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    if object.is_proxy() {
        return None;
    }
    let key = guest::str(scope, key);
    let descriptor = object.get_own_property_descriptor(scope, key.into())?;
    let descriptor = v8::Local::<v8::Object>::try_from(descriptor).ok()?;
    let value = guest::str(scope, "value");
    if !descriptor.has_own_property(scope, value.into())? {
        return None;
    }
    descriptor.get(scope, value.into())
}

fn string_property<'s>(
    scope: &v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    key: &str,
) -> Option<Text> {
    let value = own_data_property(scope, object, key)?;
    let string = v8::Local::<v8::String>::try_from(value).ok()?;
    guest::text_that_fits(scope, string)
}

/// What was thrown, on its way out: errors as such, other values copied where they can be.
pub fn export<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Transfer {
    export_at(realmed, scope, value, DEPTH)
}

fn export_at<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    depth: usize,
) -> Transfer {
    if value.is_native_error()
        && let Ok(object) = v8::Local::<v8::Object>::try_from(value)
    {
        return Transfer::Error(Box::new(export_error(realmed, scope, object, depth)));
    }
    v8::tc_scope!(let scope, scope);
    let copy = realmed.export_copy(scope, value);
    scope.reset();
    copy.unwrap_or_else(|_| {
        Transfer::Error(Box::new(ErrorValue {
            class: ErrorClass::Error,
            name: None,
            code: None,
            message: Text::from_str(NOT_AN_ERROR),
            stack: None,
            cause: None,
            properties: None,
        }))
    })
}

/// An error's class, its name and its message.
fn identity<'s>(
    scope: &v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Object>,
) -> (ErrorClass, Option<Text>, Option<Text>) {
    let (mut class, mut name, mut message) = (ErrorClass::Error, None, None);
    let mut link = Some(error);
    for _ in 0..DEPTH {
        let Some(object) = link.filter(|object| !object.is_proxy()) else { break };
        message = message.or_else(|| string_property(scope, object, "message"));
        if let Some(found) = string_property(scope, object, "name") {
            let native = native_class(&found);
            name = name.or(Some(found));
            if object != error
                && let Some(native) = native
            {
                class = native;
                break;
            }
        }
        link = object.get_prototype(scope).and_then(|p| v8::Local::<v8::Object>::try_from(p).ok());
    }
    (class, name, message)
}

/// An error's stack, formatted if it wasn't yet.
fn stack<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Object>) -> Option<Text> {
    v8::tc_scope!(let scope, scope);
    let key = guest::str(scope, "stack");
    let stack = error.get(scope, key.into()).and_then(|s| v8::Local::<v8::String>::try_from(s).ok());
    stack.and_then(|stack| guest::text_that_fits(scope, stack))
}

fn export_error<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Object>,
    depth: usize,
) -> ErrorValue {
    let (class, name, message) = identity(scope, error);
    let stack = stack(scope, error);
    let cause = own_data_property(scope, error, "cause")
        .filter(|_| depth > 0)
        .map(|cause| export_at(realmed, scope, cause, depth - 1));
    let properties = export_properties(realmed, scope, error);
    ErrorValue {
        class,
        name: name.filter(|name| native_class(name) != Some(class)),
        code: error
            .get_private(scope, realmed.guest.private(scope, "code"))
            .filter(|code| code.is_string())
            .and_then(|code| Failure::known_code(&code.to_rust_string_lossy(scope))),
        message: message.unwrap_or_else(|| Text::from_str("")),
        stack,
        cause,
        properties,
    }
}

/// What was thrown in an isolate that has nothing of ours in it: an error with its message and stack, or a primitive. With
/// `syntax`, the message of an error that the parser raised.
pub fn export_bare<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    syntax: Option<v8::Local<'s, v8::Message>>,
) -> Thrown {
    let mut error = ErrorValue {
        class: ErrorClass::Error,
        name: None,
        code: None,
        message: Text::from_str(NOT_AN_ERROR),
        stack: None,
        cause: None,
        properties: None,
    };
    if value.is_native_error()
        && let Ok(object) = v8::Local::<v8::Object>::try_from(value)
    {
        let identity = identity(scope, object);
        error.class = identity.0;
        error.name = identity.1.filter(|name| native_class(name) != Some(identity.0));
        error.message = identity.2.unwrap_or_else(|| Text::from_str(""));
        error.stack = stack(scope, object);
        let syntax = syntax.filter(|_| error.class == ErrorClass::SyntaxError);
        if let Some(position) = syntax.and_then(|message| syntax_position(scope, message, &Stop::Syntax)) {
            add_position(&mut error, &position);
        }
    } else if let Some(primitive) = guest::export_primitive(scope, value) {
        return Thrown::Value(primitive);
    }
    Thrown::Value(Transfer::Error(Box::new(error)))
}

fn add_position(error: &mut ErrorValue, position: &str) {
    let message = format!("{} [{position}]", error.message.to_string_lossy());
    error.message = Text::from_str(&message);
    error.stack = Some(Text::from_str(&format!("SyntaxError: {message}")));
}

fn native_class(name: &Text) -> Option<ErrorClass> {
    let Text::One(name) = name else { return None };
    Some(match &**name {
        b"Error" => ErrorClass::Error,
        b"TypeError" => ErrorClass::TypeError,
        b"RangeError" => ErrorClass::RangeError,
        b"SyntaxError" => ErrorClass::SyntaxError,
        b"ReferenceError" => ErrorClass::ReferenceError,
        b"EvalError" => ErrorClass::EvalError,
        b"URIError" => ErrorClass::UriError,
        _ => return None,
    })
}

/// The error's own enumerable data properties that can be copied, as one copied object.
fn export_properties<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Object>,
) -> Option<Transfer> {
    v8::tc_scope!(let scope, scope);
    let filter = v8::GetPropertyNamesArgsBuilder::new()
        .mode(v8::KeyCollectionMode::OwnOnly)
        .property_filter(v8::PropertyFilter::ONLY_ENUMERABLE | v8::PropertyFilter::SKIP_SYMBOLS)
        .key_conversion(v8::KeyConversionMode::ConvertToString)
        .build();
    let keys = error.get_own_property_names(scope, filter)?;
    let null = v8::null(scope);
    let copy = v8::Object::with_prototype_and_properties(scope, null.into(), &[], &[]);
    let mut any = false;
    for i in 0..keys.length().min(256) {
        let key = v8::Local::<v8::String>::try_from(keys.get_index(scope, i)?).ok()?;
        let text = key.to_rust_string_lossy(scope);
        if matches!(text.as_str(), "name" | "message" | "stack" | "cause") {
            continue;
        }
        let Some(value) = own_data_property(scope, error, &text) else { continue };
        v8::tc_scope!(let scope, scope);
        if realmed.export_copy(scope, value).is_ok() {
            any |= copy.create_data_property(scope, key.into(), value).unwrap_or(false);
        }
    }
    // An AggregateError's own, which isn't enumerable.
    if let Some(errors) = own_data_property(scope, error, "errors") {
        v8::tc_scope!(let scope, scope);
        if realmed.export_copy(scope, errors).is_ok() {
            let key = guest::str(scope, "errors");
            any |= copy.create_data_property(scope, key.into(), errors).unwrap_or(false);
        }
    }
    if any { realmed.export_copy(scope, copy.into()).ok() } else { None }
}

/// An error object made from what was thrown elsewhere.
pub fn import<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    error: ErrorValue,
) -> Result<v8::Local<'s, v8::Value>, Stop> {
    let message = guest::string(scope, error.message).ok_or(Failure::StringTooLong)?;
    let value = match error.class {
        ErrorClass::Error => v8::Exception::error(scope, message),
        ErrorClass::EvalError => rare_error(realmed, scope, b'E', message)?,
        ErrorClass::UriError => rare_error(realmed, scope, b'U', message)?,
        ErrorClass::TypeError => v8::Exception::type_error(scope, message),
        ErrorClass::RangeError => v8::Exception::range_error(scope, message),
        ErrorClass::SyntaxError => v8::Exception::syntax_error(scope, message),
        ErrorClass::ReferenceError => v8::Exception::reference_error(scope, message),
    };
    let object = v8::Local::<v8::Object>::try_from(value).map_err(|_| Stop::Exception)?;
    if let Some(stack) = error.stack {
        let key = guest::str(scope, "stack");
        let own = object.get(scope, key.into()).ok_or(Stop::Exception)?;
        let own = own.to_rust_string_lossy(scope);
        let frames = own.find("\n    at ").map_or("", |i| &own[i..]);
        let whole = format!("{}{BOUNDARY}{frames}", stack.to_string_lossy());
        let whole = guest::str(scope, &whole);
        define(scope, object, "stack", whole.into());
    }
    if let Some(name) = error.name.and_then(|name| guest::string(scope, name)) {
        define(scope, object, "name", name.into());
    }
    if let Some(cause) = error.cause {
        let cause = realmed.import(scope, cause)?;
        define(scope, object, "cause", cause);
    }
    if let Some(code) = error.code {
        let (key, code) = (guest::str(scope, "code"), guest::str(scope, code));
        object.create_data_property(scope, key.into(), code.into());
        object.set_private(scope, realmed.guest.private(scope, "code"), code.into());
    }
    if let Some(properties) = error.properties {
        let properties = realmed.import(scope, properties)?;
        if let Ok(properties) = v8::Local::<v8::Object>::try_from(properties)
            && let Some(keys) = properties.get_own_property_names(scope, Default::default())
        {
            for i in 0..keys.length() {
                let (Some(key), true) = (keys.get_index(scope, i), true) else { continue };
                let Some(value) = properties.get(scope, key) else { continue };
                if let Ok(key) = v8::Local::<v8::Name>::try_from(key) {
                    object.create_data_property(scope, key, value);
                    let text = value.to_rust_string_lossy(scope);
                    if Failure::known_code(&text).is_some() && key.to_rust_string_lossy(scope) == "code" {
                        // Comes from outside: it stays the library's when the guest lets the error pass.
                        object.set_private(scope, realmed.guest.private(scope, "code"), value);
                    }
                }
            }
        }
    }
    Ok(value)
}

/// An error of a class that V8's API has no maker for: structured clone has (value-serializer.cc, `ErrorTag`).
fn rare_error<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    class: u8,
    message: v8::Local<'s, v8::String>,
) -> Result<v8::Local<'s, v8::Value>, Stop> {
    let bytes = vec![0xff, 15, b'r', class, b'.'];
    let error = super::clone::deserialize(realmed, scope, &Arc::new(Cloned { bytes, ..Cloned::default() }))?;
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        define(scope, object, "message", message.into());
    }
    Ok(error)
}

fn define(
    scope: &v8::PinScope<'_, '_>,
    object: v8::Local<v8::Object>,
    key: &str,
    value: v8::Local<v8::Value>,
) {
    let key = guest::str(scope, key);
    object.define_own_property(scope, key.into(), value, v8::PropertyAttribute::DONT_ENUM);
}

/// Throws into the guest what stopped a call of its.
pub fn throw(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'_, '_>, stop: Stop) {
    let transfer = match stop {
        Stop::Exception | Stop::Syntax | Stop::Json(_) | Stop::Link => return,
        Stop::Terminated => {
            realmed.guest.terminator().terminate_execution();
            if scope.is_execution_terminating() {
                return;
            }
            // V8 looks when a function is entered: here, so that nothing of the guest runs after the call.
            let source = guest::str(scope, "0");
            let _ = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope));
            return;
        }
        Stop::Failure(failure) => Thrown::Failure(failure).into_transfer(),
        Stop::Thrown(thrown) => thrown.into_transfer(),
    };
    if let Ok(error) = realmed.import(scope, transfer) {
        scope.throw_exception(error);
    }
}
