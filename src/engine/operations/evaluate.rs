//! Compiling and running source.

use super::*;
use crate::engine::blob::{self, Blob, Kind};
use crate::engine::isolate::task::{Cache, Exit, Origin, Source};

/// Where code comes from. Code of a module has `number` on it when it says `import()`.
fn origin<'s>(
    scope: &v8::PinScope<'s, '_>,
    origin: Origin,
    is_module: bool,
    number: Option<u32>,
) -> Result<v8::ScriptOrigin<'s>, Stop> {
    let filename = values::string_that_fits(scope, origin.filename)?;
    let options = number.map(|number| {
        let options = v8::PrimitiveArray::new(scope, 1);
        options.set(scope, 0, v8::Integer::new_from_unsigned(scope, number).into());
        options
    });
    Ok(v8::ScriptOrigin::new(
        scope,
        filename.into(),
        origin.line,
        origin.column,
        // "Shared cross origin": else V8's inspector keeps to itself what the code throws.
        true,
        -1,
        None,
        false,
        false,
        is_module,
        options.map(Into::into),
    ))
}

fn source<'s>(
    scope: &v8::PinScope<'s, '_>,
    Source { code, origin: from }: Source,
) -> Result<v8::script_compiler::Source, Stop> {
    let source = values::string_that_fits(scope, code)?;
    let origin = origin(scope, from, false, None)?;
    Ok(v8::script_compiler::Source::new(source, Some(&origin)))
}

fn compile<'s>(scope: &v8::PinScope<'s, '_>, code: Source) -> Result<v8::Local<'s, v8::UnboundScript>, Stop> {
    let mut source = source(scope, code)?;
    v8::script_compiler::compile_unbound_script(
        scope,
        &mut source,
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )
    .ok_or(Stop::Syntax)
}

/// Compiles with a code cache, if it fits. Says also whether it was refused, if there was one.
fn compile_cached<'s>(
    scope: &v8::PinScope<'s, '_>,
    code: Source,
    cache: &Cache,
) -> Result<(v8::Local<'s, v8::UnboundScript>, Option<bool>), Stop> {
    let Some(consume) = &cache.consume else { return Ok((compile(scope, code)?, None)) };
    let blob = match consume {
        Ok(blob) if blob.key() == blob::key_of(&code.code) => blob,
        _ => return Ok((compile(scope, code)?, Some(true))),
    };
    let text = values::string_that_fits(scope, code.code)?;
    let origin = origin(scope, code.origin, false, None)?;
    let data = v8::CachedData::new(blob.content());
    let mut source = v8::script_compiler::Source::new_with_cached_data(text, Some(&origin), data);
    let script = v8::script_compiler::compile_unbound_script(
        scope,
        &mut source,
        v8::script_compiler::CompileOptions::ConsumeCodeCache,
        v8::script_compiler::NoCacheReason::NoReason,
    )
    .ok_or(Stop::Syntax)?;
    Ok((script, Some(source.get_cached_data().is_none_or(v8::CachedData::rejected))))
}

/// Compiles a module, with a code cache if there is one that fits. Says also whether it was refused.
pub(super) fn compile_module<'s>(
    scope: &v8::PinScope<'s, '_>,
    code: Source,
    number: Option<u32>,
    cache: Option<&Cache>,
) -> Result<(v8::Local<'s, v8::Module>, Option<bool>), Stop> {
    use v8::script_compiler::{CompileOptions, NoCacheReason, Source};
    let consume = cache.and_then(|cache| cache.consume.as_ref());
    let blob =
        consume.and_then(|blob| blob.as_ref().ok()).filter(|blob| blob.key() == blob::key_of(&code.code));
    let text = values::string_that_fits(scope, code.code)?;
    let origin = origin(scope, code.origin, true, number)?;
    let (mut source, options) = match blob {
        Some(blob) => {
            let data = v8::CachedData::new(blob.content());
            (Source::new_with_cached_data(text, Some(&origin), data), CompileOptions::ConsumeCodeCache)
        }
        None => (Source::new(text, Some(&origin)), CompileOptions::NoCompileOptions),
    };
    let module = v8::script_compiler::compile_module2(scope, &mut source, options, NoCacheReason::NoReason);
    let module = module.ok_or(Stop::Syntax)?;
    let refused = || source.get_cached_data().is_none_or(v8::CachedData::rejected);
    Ok((module, consume.map(|_| blob.is_none() || refused())))
}

/// What was compiled with a code cache: it comes with the one it gave, and whether the one that was given was refused.
pub(super) fn with_cache(
    compiled: Transfer,
    key: u64,
    data: Option<v8::UniqueRef<v8::CachedData<'_>>>,
    rejected: Option<bool>,
) -> Transfer {
    let produced = data.map_or(Transfer::Undefined, |data| Blob::seal(Kind::Code, key, &data).into_copy());
    let rejected = rejected.map_or(Transfer::Undefined, Transfer::Bool);
    Transfer::Pair(Box::new((compiled, Transfer::Pair(Box::new((produced, rejected))))))
}

/// Runs a script for its effects, in the context that is entered.
pub(super) fn run_bare(scope: &mut v8::PinScope<'_, '_>, code: Source) -> Result<(), Stop> {
    let script = compile(scope, code)?;
    script.bind_to_current_context(scope).run(scope).map(drop).ok_or(Stop::Exception)
}

impl Cx<'_> {
    /// The script; with `cache` it comes with the code cache it gave, and whether the one given was refused.
    pub(super) fn compile_script(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        code: Source,
        cache: Option<Box<Cache>>,
    ) -> Outcome {
        self.note_source(&code);
        let realm = self.guest.service_realm(scope);
        self.enter(scope, &realm, |realmed, scope| {
            let keep = |script| {
                let id = self.guest.keep(self.isolate, Entry::Script(v8::Global::new(scope, script)));
                Transfer::Handle(realmed.remote(id, RemoteKind::Script, 5))
            };
            let Some(cache) = cache else { return Ok(keep(compile(scope, code)?)) };
            let key = blob::key_of(&code.code);
            let (script, rejected) = compile_cached(scope, code, &cache)?;
            // Data that was good is as good as what would be made now.
            let produce = cache.produce && rejected != Some(false);
            let data = if produce { script.create_code_cache() } else { None };
            Ok(with_cache(keep(script), key, data, rejected))
        })
    }

    pub(super) fn run_script(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        script: u32,
        context: u32,
        exit: Exit,
    ) -> Outcome {
        let realm = self.guest.realm(context)?;
        let script = match self.guest.table.borrow().get(script) {
            Some(Entry::Script(script)) => v8::Local::new(scope, script),
            _ => return Err(Failure::Released("Script").into()),
        };
        self.enter(scope, &realm, |realmed, scope| {
            // A handle of the outer scope lives as long as this one.
            let script = v8::Local::new(scope, script);
            let value = script.bind_to_current_context(scope).run(scope).ok_or(Stop::Exception)?;
            realmed.export(scope, value, exit)
        })
    }

    pub(super) fn eval(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        context: u32,
        code: Source,
        exit: Exit,
    ) -> Outcome {
        self.note_source(&code);
        let realm = self.guest.realm(context)?;
        self.enter(scope, &realm, |realmed, scope| {
            let script = compile(scope, code)?;
            let value = script.bind_to_current_context(scope).run(scope).ok_or(Stop::Exception)?;
            realmed.export(scope, value, exit)
        })
    }

    pub(super) fn eval_closure(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        context: u32,
        code: Source,
        arguments: Arguments,
        exit: Exit,
    ) -> Outcome {
        self.note_source(&code);
        let realm = self.guest.realm(context)?;
        self.enter(scope, &realm, |realmed, scope| {
            let mut source = source(scope, code)?;
            let names: Vec<_> = (0..arguments.len()).map(|i| str(scope, &format!("${i}"))).collect();
            let function = v8::script_compiler::compile_function(
                scope,
                &mut source,
                &names,
                &[],
                v8::script_compiler::CompileOptions::NoCompileOptions,
                v8::script_compiler::NoCacheReason::NoReason,
            )
            .ok_or(Stop::Syntax)?;
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(realmed.import(scope, argument)?);
            }
            let receiver = scope.get_current_context().global(scope);
            let value = function.call(scope, receiver.into(), &values).ok_or(Stop::Exception)?;
            realmed.export(scope, value, exit)
        })
    }
}
