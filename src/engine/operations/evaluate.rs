//! Compiling and running source.

use super::*;
use crate::engine::isolate::task::{Exit, Source};

fn source<'s>(
    scope: &v8::PinScope<'s, '_>,
    Source { code, origin }: Source,
) -> Result<v8::script_compiler::Source, Stop> {
    let source = values::string(scope, code).ok_or(Failure::StringTooLong)?;
    let filename = values::string(scope, origin.filename).ok_or(Failure::StringTooLong)?;
    let origin = v8::ScriptOrigin::new(
        scope,
        filename.into(),
        origin.line,
        origin.column,
        false,
        -1,
        None,
        false,
        false,
        false,
        None,
    );
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

impl Cx<'_> {
    pub(super) fn compile_script(self, scope: &mut v8::PinScope<'_, '_, ()>, code: Source) -> Outcome {
        let realm = self.guest.service_realm(scope);
        self.enter(scope, &realm, |realmed, scope| {
            let script = compile(scope, code)?;
            let id = self.guest.keep(self.isolate, Entry::Script(v8::Global::new(scope, script)));
            Ok(Transfer::Handle(realmed.remote(id, RemoteKind::Script, 5)))
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
