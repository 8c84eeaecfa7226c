//! The operations of [`Request`], executed inside the guest. Each is written once; which class and method asks for it,
//! and whether anybody waits, is the business of those who send requests.

mod evaluate;
mod heap;
pub mod imports;
mod module;
mod reference;
mod snapshot;
mod withhold;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::error::{Failure, Outcome, Thrown};
use crate::engine::isolate::Isolate;
use crate::engine::isolate::guest::{Entry, Guest, Realm};
use crate::engine::isolate::handles::RemoteKind;
use crate::engine::isolate::task::{Request, Source};
use crate::engine::transfer::errors::{Stop, guarded, guarded_work};
use crate::engine::transfer::guest::{Realmed, str};
use crate::engine::transfer::{Arguments, Transfer, guest as values};

pub use withhold::Withheld;

/// What operations need to know of where they run.
#[derive(Clone, Copy)]
pub(super) struct Cx<'a> {
    guest: &'a Guest,
    isolate: &'a Arc<Isolate>,
}

impl<'a> Cx<'a> {
    fn in_realm(self, realm: &'a Rc<Realm>) -> Realmed<'a> {
        Realmed { guest: self.guest, isolate: self.isolate, realm }
    }

    /// Source is compiled: stacks may have to tell what it was made from.
    fn note_source(self, source: &Source) {
        if self.isolate.maps_sources.load(Ordering::Relaxed) {
            self.guest.source_maps.borrow_mut().note(source);
        }
    }

    /// Runs `body` in the context of `realm`, exceptions turned into what the caller gets.
    fn enter<T>(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        realm: &'a Rc<Realm>,
        body: impl for<'s, 'i> FnOnce(&Realmed<'_>, &mut v8::PinScope<'s, 'i>) -> Result<T, Stop>,
    ) -> Result<T, Thrown> {
        let context = v8::Local::new(scope, &realm.context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let realmed = self.in_realm(realm);
        guarded_work(&realmed, scope, self.guest.is_outermost(), |scope| body(&realmed, scope))
    }
}

/// Executes one request.
pub fn run(
    guest: &Guest,
    isolate: &Arc<Isolate>,
    scope: &mut v8::PinScope<'_, '_, ()>,
    request: Request,
) -> Outcome {
    let cx = Cx { guest, isolate };
    match request {
        Request::Boot => Ok(Transfer::Undefined),
        Request::CreateContext { inspector, withheld } => cx.create_context(scope, inspector, withheld),
        Request::Global { context } => cx.global(scope, context),
        Request::CompileScript { source, cache } => cx.compile_script(scope, *source, cache),
        Request::RunScript { script, context, exit } => cx.run_script(scope, script, context, exit),
        Request::Eval { context, source, exit } => cx.eval(scope, context, *source, exit),
        Request::EvalClosure { context, source, arguments, exit } => {
            cx.eval_closure(scope, context, *source, arguments, exit)
        }
        Request::Get { target, key, accessors, exit } => cx.get(scope, target, key, accessors, exit),
        Request::Set { target, key, value } => cx.set(scope, target, key, value),
        Request::Delete { target, key } => cx.delete(scope, target, key),
        Request::Apply { target, receiver, arguments, exit } => {
            cx.apply(scope, target, receiver, arguments, exit)
        }
        Request::Copy { target } => cx.copy(scope, target),
        Request::CompileModule { source, meta, cache } => cx.compile_module(scope, *source, meta, cache),
        Request::CompileJsonModule(source) => cx.compile_json_module(scope, *source),
        Request::CreateSyntheticModule { filename, exports } => {
            cx.create_synthetic_module(scope, filename, exports)
        }
        Request::LinkModule { context, graph } => cx.link_module(scope, context, &graph),
        Request::EvaluateModule { module, exit } => cx.evaluate_module(scope, module, exit),
        Request::ModuleNamespace { module } => cx.module_namespace(scope, module),
        Request::Imported { resolver, outcome } => cx.imported(scope, resolver, *outcome),
        Request::HeapStatistics => cx.heap_statistics(scope),
        Request::CollectGarbage => cx.collect_garbage(scope),
        Request::CreateSnapshot(plan) => cx.create_snapshot(*plan),
        Request::HeapSnapshot(sink) => cx.heap_snapshot(scope, &sink),
        Request::Settle { resolver, outcome } => cx.settle(scope, resolver, *outcome),
        Request::Inspect => {
            isolate.inspector.arrived();
            while guest.obey(scope) {}
            Ok(Transfer::Undefined)
        }
        Request::Foreground => {
            for task in isolate.take_foreground() {
                task.run();
            }
            Ok(Transfer::Undefined)
        }
    }
}

impl Cx<'_> {
    fn create_context(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        inspector: bool,
        withheld: Withheld,
    ) -> Outcome {
        let context = v8::Context::new(scope, v8::ContextOptions::default());
        // One token for all contexts of an isolate: a global object that the host hands to another of them can be used
        // there. What isn't handed over isn't reached anyway.
        let token = v8::String::new_from_utf8(scope, b"islet", v8::NewStringType::Internalized);
        if let Some(token) = token {
            context.set_security_token(token.into());
        }
        let realm = Rc::new(Realm { context: v8::Global::new(scope, context) });
        self.enter(scope, &realm, |_, scope| {
            let context = scope.get_current_context();
            withheld.apply(scope, context)
        })?;
        self.guest.note_realm(&realm);
        if inspector {
            self.guest.agent(scope).add_realm(&realm, context);
        }
        let scope = &mut v8::ContextScope::new(scope, context);
        let realmed = self.in_realm(&realm);
        let global = context.global(scope);
        let global = realmed.export_reference(scope, global.into());
        let id = self.guest.keep(self.isolate, Entry::Context(Rc::clone(&realm)));
        let context = Transfer::Handle(realmed.remote(id, RemoteKind::Context, 5));
        Ok(Transfer::Pair(Box::new((context, global))))
    }

    fn global(self, scope: &mut v8::PinScope<'_, '_, ()>, context: u32) -> Outcome {
        let realm = self.guest.realm(context)?;
        self.enter(scope, &realm, |realmed, scope| {
            let global = scope.get_current_context().global(scope);
            Ok(realmed.export_reference(scope, global.into()))
        })
    }

    fn settle(self, scope: &mut v8::PinScope<'_, '_, ()>, resolver: u32, outcome: Outcome) -> Outcome {
        let Some(Entry::Resolver { resolver, realm, .. }) = self.guest.take_resolver(self.isolate, resolver)
        else {
            return Ok(Transfer::Undefined);
        };
        self.enter(scope, &realm, |realmed, scope| {
            let resolver = v8::Local::new(scope, &resolver);
            let outcome =
                outcome.and_then(|value| guarded(realmed, scope, |scope| realmed.import(scope, value)));
            let settled = match outcome {
                Ok(value) => resolver.resolve(scope, value),
                Err(thrown) => {
                    let error = realmed.import(scope, thrown.into_transfer())?;
                    resolver.reject(scope, error)
                }
            };
            settled.ok_or(Stop::Exception)?;
            Ok(Transfer::Undefined)
        })
    }
}
