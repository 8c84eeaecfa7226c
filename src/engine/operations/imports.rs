//! What V8 asks of its host while modules run: `import()`, and what `import.meta` holds.

use super::module::{TERMINATED, attributes, evaluate};
use super::*;
use crate::engine::isolate::Remote;
use crate::engine::isolate::modules::Record;
use crate::engine::isolate::task::{Limits, Reply, Task};
use crate::engine::place::Named;
use crate::engine::transfer::errors::{self, own_data_property};
use crate::engine::transfer::{Function, Handle, PromiseCell, Waker};

/// Entries for each attribute of an `import()`.
const WITHOUT_POSITION: usize = 2;

/// Lets V8 ask.
pub fn install(isolate: &mut v8::Isolate) {
    isolate.set_host_import_module_dynamically_callback(import_module);
    isolate.set_host_initialize_import_meta_object_callback(initialize_meta);
}

// --- import() ----------------------------------------------------------------------------------

fn import_module<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    options: v8::Local<'s, v8::Data>,
    filename: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    list: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let guest = Guest::of(scope);
    let inside = guest.context();
    let realm = guest.current_realm(scope);
    let cx = Cx { guest, isolate: &inside.isolate };
    let realmed = cx.in_realm(&realm);
    let resolver = v8::PromiseResolver::new(scope)?;
    if let Err(failure) = cx.ask(&realmed, scope, resolver, options, filename, specifier, list)
        && let Ok(error) = realmed.import(scope, Thrown::Failure(failure).into_transfer())
    {
        resolver.reject(scope, error)?;
    }
    Some(resolver.get_promise(scope))
}

/// The module that a piece of code belongs to, by the options it was compiled with.
fn importing(
    guest: &Guest,
    scope: &v8::PinScope<'_, '_>,
    options: v8::Local<v8::Data>,
) -> Option<Rc<Record>> {
    let options = v8::Local::<v8::FixedArray>::try_from(options).ok()?;
    let number = v8::Local::<v8::Value>::try_from(options.get(scope, 0)?).ok()?;
    guest.modules.numbered(number.uint32_value(scope)?)
}

impl Cx<'_> {
    /// Asks whoever answers `import()`: for a module, ready to be evaluated.
    #[allow(clippy::too_many_arguments)]
    fn ask<'s>(
        self,
        realmed: &Realmed<'_>,
        scope: &mut v8::PinScope<'s, '_>,
        resolver: v8::Local<'s, v8::PromiseResolver>,
        options: v8::Local<'s, v8::Data>,
        filename: v8::Local<'s, v8::Value>,
        specifier: v8::Local<'s, v8::String>,
        list: v8::Local<'s, v8::FixedArray>,
    ) -> Result<(), Failure> {
        let importer = self.isolate.importer().ok_or(Failure::NoImporter)?;
        if self.guest.must_unwind() {
            return Ok(());
        }
        if !self.guest.modules.begin_import() {
            return Err(Failure::TooManyImports);
        }
        let filename = v8::Local::<v8::String>::try_from(filename);
        let filename = filename.map_or(Transfer::Null, |name| Transfer::Text(values::text(scope, name)));
        let referrer = importing(self.guest, scope, options).and_then(|record| {
            let module = v8::Global::new(scope, record.module(scope)?);
            let info = Arc::clone(&record.info);
            let entry = Entry::Module { module, record, realm: Some(Rc::clone(realmed.realm)) };
            let id = self.guest.keep(self.isolate, entry);
            Some(Transfer::Handle(Handle::Remote(Remote::new_module(self.isolate, id, info))))
        });
        let context = self.guest.keep(self.isolate, Entry::Context(Rc::clone(realmed.realm)));
        let attributes = attributes(scope, list, WITHOUT_POSITION);
        let arguments = Arguments::from_iter([
            Transfer::Text(values::text(scope, specifier)),
            filename,
            referrer.unwrap_or(Transfer::Undefined),
            Transfer::Handle(realmed.remote(context, RemoteKind::Context, 5)),
            Transfer::List(
                attributes.into_iter().flat_map(|(key, value)| [key, value]).map(Transfer::Text).collect(),
            ),
        ]);
        // What is imported is the work of the code that imports it, within the same bounds.
        let entry = Entry::Resolver {
            resolver: v8::Global::new(scope, resolver),
            realm: Rc::clone(realmed.realm),
            made_in: self.guest.bounds(),
            context: self.guest.origin(),
        };
        let id = self.guest.keep(self.isolate, entry);
        let (cell, settler) = PromiseCell::new();
        self.await_import(&cell, id);
        if let Some((place, request)) = importer.request(arguments) {
            // Else it has to unwind, and nobody is there to be answered.
            let _ = self.guest.post(place, request, Reply::Promise(settler), Limits::default(), Named::new());
        }
        Ok(())
    }

    /// Goes on with an `import()` when its module comes.
    fn await_import(self, module: &PromiseCell, resolver: u32) {
        let isolate = Arc::downgrade(self.isolate);
        module.observe(Waker::Then(Box::new(move |outcome| {
            if let Some(isolate) = isolate.upgrade() {
                let request = Request::Imported { resolver, outcome: Box::new(outcome) };
                isolate.submit(Task::new(request, Reply::Ignored, 0, 0));
            }
        })));
    }

    /// What an `import()` asked for has come: a module, linked; it is evaluated, and the guest gets its namespace.
    pub(super) fn imported(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        resolver: u32,
        outcome: Outcome,
    ) -> Outcome {
        if let Ok(Transfer::Promise(cell)) = outcome {
            // From another guest.
            self.await_import(&cell, resolver);
            return Ok(Transfer::Undefined);
        }
        self.guest.modules.end_import();
        let Some(Entry::Resolver { resolver, realm, made_in, context }) =
            self.guest.take_resolver(self.isolate, resolver)
        else {
            return Ok(Transfer::Undefined);
        };
        let keeper = v8::Global::clone(&resolver);
        let outcome = self.enter(scope, &realm, |realmed, scope| {
            let resolver = v8::Local::new(scope, &resolver);
            let outcome = outcome.and_then(|value| {
                errors::guarded(realmed, scope, |scope| self.finish_import(scope, resolver, value))
            });
            let Err(thrown) = outcome else { return Ok(Transfer::Undefined) };
            if self.guest.is_stopped() {
                return Err(Stop::Terminated);
            }
            let error = realmed.import(scope, thrown.into_transfer())?;
            resolver.reject(scope, error).ok_or(Stop::Exception)?;
            Ok(Transfer::Undefined)
        });
        if outcome.is_err() && self.isolate.is_live() {
            // The time is over: the guest hears of it in a task of its own.
            let entry = Entry::Resolver { resolver: keeper, realm, made_in, context };
            let id = self.guest.keep(self.isolate, entry);
            self.isolate.settle(id, Err(Failure::Timeout.into()));
        }
        outcome
    }

    fn finish_import<'s>(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        resolver: v8::Local<'s, v8::PromiseResolver>,
        value: Transfer,
    ) -> Result<(), Stop> {
        let Transfer::Handle(Handle::Remote(remote)) = value else {
            return Err(Failure::NotAModule.into());
        };
        if remote.kind != RemoteKind::Module {
            return Err(Failure::NotAModule.into());
        }
        if !remote.is_of(self.isolate) {
            return Err(Failure::WrongIsolate("Module").into());
        }
        let module = match self.guest.table.borrow().get(remote.id()) {
            Some(Entry::Module { module, .. }) => v8::Local::new(scope, module),
            _ => return Err(Failure::Released("Module").into()),
        };
        let promise = evaluate(self.guest, scope, module)?;
        let namespace = v8::Local::new(scope, module.get_module_namespace());
        match promise.state() {
            v8::PromiseState::Fulfilled => resolver.resolve(scope, namespace),
            v8::PromiseState::Rejected => {
                let error = promise.result(scope);
                if error.is_null() && self.guest.modules.terminated.get() {
                    return Err(TERMINATED.into());
                }
                resolver.reject(scope, error)
            }
            v8::PromiseState::Pending => {
                let fulfilled = v8::Function::builder(give_data).data(namespace).build(scope);
                let namespace = promise.then(scope, fulfilled.ok_or(Stop::Exception)?);
                resolver.resolve(scope, namespace.ok_or(Stop::Exception)?.into())
            }
        }
        .ok_or(Stop::Exception)?;
        Ok(())
    }
}

/// What the function was made with.
fn give_data<'s>(
    _scope: &mut v8::PinScope<'s, '_>,
    arguments: v8::FunctionCallbackArguments<'s>,
    mut result: v8::ReturnValue<'s, v8::Value>,
) {
    result.set(arguments.data());
}

// --- import.meta -------------------------------------------------------------------------------

/// V8 makes the `import.meta` of a module (v8-callbacks.h, `HostInitializeImportMetaObjectCallback`).
unsafe extern "C" fn initialize_meta(
    context: v8::Local<v8::Context>,
    module: v8::Local<v8::Module>,
    meta: v8::Local<v8::Object>,
) {
    v8::callback_scope!(unsafe scope, context);
    let guest = Guest::of(scope);
    let inside = guest.context();
    let Some(function) = guest.modules.find(scope, module).and_then(|record| record.meta.clone()) else {
        return;
    };
    let realm = guest.current_realm(scope);
    let realmed = Realmed { guest, isolate: &inside.isolate, realm: &realm };
    let meta = v8::Local::new(scope, meta);
    if let Err(stop) = fill_meta(&realmed, scope, &function, meta) {
        errors::throw(&realmed, scope, stop);
    }
}

/// Hands the object to the user's function, which may set properties there, or return an object that has them.
fn fill_meta<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    function: &Arc<Function>,
    meta: v8::Local<'s, v8::Object>,
) -> Result<(), Stop> {
    let guest = realmed.guest;
    if guest.must_unwind() {
        return Err(Stop::Terminated);
    }
    let returned = match &function.target {
        // A function of this very guest gets the object itself.
        Handle::Remote(remote) if remote.is_of(realmed.isolate) => {
            let target: v8::Local<v8::Value> = guest.value(scope, remote.id())?.0;
            let target = v8::Local::<v8::Function>::try_from(target).map_err(|_| Failure::NotAFunction)?;
            let undefined = v8::undefined(scope);
            target.call(scope, undefined.into(), &[meta.into()]).ok_or(Stop::Exception)?
        }
        _ => {
            let arguments = Arguments::from_iter([realmed.export_reference(scope, meta.into())]);
            let Some((place, request)) = function.request(arguments) else { return Ok(()) };
            let value = guest.call(scope, place, request, Limits::default(), Named::new())?;
            realmed.import(scope, value)?
        }
    };
    let Ok(returned) = v8::Local::<v8::Object>::try_from(returned) else { return Ok(()) };
    if returned.strict_equals(meta.into()) || returned.is_promise() {
        return Ok(());
    }
    let names = returned.get_own_property_names(scope, Default::default()).ok_or(Stop::Exception)?;
    for i in 0..names.length() {
        let key = names.get_index(scope, i).ok_or(Stop::Exception)?;
        let text = key.to_rust_string_lossy(scope);
        if let (Some(value), Ok(key)) =
            (own_data_property(scope, returned, &text), v8::Local::<v8::Name>::try_from(key))
        {
            meta.create_data_property(scope, key, value).ok_or(Stop::Exception)?;
        }
    }
    Ok(())
}
