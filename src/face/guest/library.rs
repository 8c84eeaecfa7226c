//! Loading the library into a context of a guest, and making instances there.

use std::sync::OnceLock;

use super::native;
use crate::engine::error::Failure;
use crate::engine::realm_slot;
use crate::engine::transfer::errors::Stop;
use crate::engine::transfer::foreign::{Library, set_library};
use crate::engine::transfer::guest::str;

/// `lib/guest/index.js` and all that it requires, as one function's body (build.rs). ASCII.
static SOURCE: &str = include_str!(concat!(env!("OUT_DIR"), "/guest.js"));

/// What V8 made of the source, for the next context: compiled once in a process.
static CODE: OnceLock<Vec<u8>> = OnceLock::new();

// What is kept with a context that has the library.
const NAMESPACE: u32 = 0;
const MAKE: u32 = 1;
const TOKEN: u32 = 2;

/// What `typeof` says, by its number on the wire.
const TYPES: [&str; 7] = ["undefined", "null", "boolean", "number", "string", "object", "function"];

/// Lets guests have the library.
pub fn install() {
    set_library(&Guests);
}

struct Guests;

type Kept<'s> = v8::Local<'s, v8::Array>;

fn kept<'s>(scope: &v8::PinScope<'s, '_>) -> Option<Kept<'s>> {
    let value = realm_slot::get(scope, scope.get_current_context())?;
    v8::Local::<v8::Array>::try_from(value).ok()
}

/// What the constructor of all instances asks for, so that only the library makes any.
pub fn is_token(scope: &v8::PinScope<'_, '_>, value: v8::Local<v8::Value>) -> bool {
    kept(scope).and_then(|kept| kept.get_index(scope, TOKEN)).is_some_and(|token| token.strict_equals(value))
}

fn load<'s>(scope: &mut v8::PinScope<'s, '_>) -> Result<Kept<'s>, Stop> {
    if let Some(kept) = kept(scope) {
        return Ok(kept);
    }
    let token = v8::Object::new(scope);
    let native = native::object(scope, token.into())?;
    let text = v8::String::new_external_onebyte_static(scope, SOURCE.as_bytes()).ok_or(Stop::Exception)?;
    let name = str(scope, "islet");
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, false, None);
    let (mut source, options) = match CODE.get() {
        Some(code) => {
            let code = v8::script_compiler::CachedData::new(code);
            let source = v8::script_compiler::Source::new_with_cached_data(text, Some(&origin), code);
            (source, v8::script_compiler::CompileOptions::ConsumeCodeCache)
        }
        None => {
            let source = v8::script_compiler::Source::new(text, Some(&origin));
            (source, v8::script_compiler::CompileOptions::NoCompileOptions)
        }
    };
    let function = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &[str(scope, "native")],
        &[],
        options,
        v8::script_compiler::NoCacheReason::NoReason,
    )
    .ok_or(Stop::Exception)?;
    let undefined = v8::undefined(scope).into();
    // The token first: the library makes an instance of its own while it is loaded.
    let kept = v8::Array::new_with_elements(scope, &[undefined, undefined, token.into()]);
    realm_slot::set(scope.get_current_context(), kept.into());
    let made = function.call(scope, undefined, &[native]).filter(|made| made.is_array());
    let Some(made) = made else {
        realm_slot::set(scope.get_current_context(), undefined);
        return Err(Stop::Exception);
    };
    if CODE.get().is_none()
        && let Some(code) = function.create_code_cache()
    {
        let _ = CODE.set(code.to_vec());
    }
    let made = v8::Local::<v8::Array>::try_from(made)
        .map_err(|_| Failure::Internal("the library gave no array".into()))?;
    let (namespace, make) =
        (made.get_index(scope, 0).ok_or(Stop::Exception)?, made.get_index(scope, 1).ok_or(Stop::Exception)?);
    let kept = v8::Array::new_with_elements(scope, &[namespace, make, token.into()]);
    realm_slot::set(scope.get_current_context(), kept.into());
    Ok(kept)
}

impl Library for Guests {
    fn namespace<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> Result<v8::Local<'s, v8::Value>, Stop> {
        load(scope)?.get_index(scope, NAMESPACE).ok_or(Stop::Exception)
    }

    fn instance<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        class: u8,
        slot: u32,
        type_of: u8,
    ) -> Result<v8::Local<'s, v8::Object>, Stop> {
        let make = load(scope)?.get_index(scope, MAKE).ok_or(Stop::Exception)?;
        let make = v8::Local::<v8::Function>::try_from(make)
            .map_err(|_| Failure::Internal("the library makes no instances".into()))?;
        let type_of = TYPES.get(usize::from(type_of)).copied().unwrap_or("object");
        let arguments = [
            v8::Integer::new(scope, i32::from(class)).into(),
            v8::Integer::new_from_unsigned(scope, slot).into(),
            str(scope, type_of).into(),
        ];
        let undefined = v8::undefined(scope).into();
        let made = make.call(scope, undefined, &arguments).ok_or(Stop::Exception)?;
        made.try_into().map_err(|_| Failure::Internal("the library made no instance".into()).into())
    }
}
