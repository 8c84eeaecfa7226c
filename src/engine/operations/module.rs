//! Modules: making, linking and evaluating them.
//!
//! The graph is walked by those who ask (`lib/module.js`), for they call the user's resolver. What arrives here is resolved
//! already, and V8 links it in one go: nobody sees half a graph, and instantiations that share modules can't meet.

use super::*;
use crate::engine::blob;
use crate::engine::isolate::Remote;
use crate::engine::isolate::modules::{Exports, Links, ModuleInfo, ModuleRequest, Record};
use crate::engine::isolate::task::{Cache, Exit, Graph, Source};
use crate::engine::transfer::errors::export as export_error;
use crate::engine::transfer::{Handle, Text};

/// Attributes as V8 lists them: key and value, followed by as many entries more as `stride` says.
pub(super) fn attributes(
    scope: &v8::PinScope<'_, '_>,
    list: v8::Local<v8::FixedArray>,
    stride: usize,
) -> Vec<(Text, Text)> {
    let text_at = |i| {
        let value = v8::Local::<v8::Value>::try_from(list.get(scope, i)?).ok()?;
        Some(values::text(scope, v8::Local::<v8::String>::try_from(value).ok()?))
    };
    (0..list.length()).step_by(stride).filter_map(|i| Some((text_at(i)?, text_at(i + 1)?))).collect()
}

/// Entries for each attribute where V8 tells its position too.
const WITH_POSITION: usize = 3;

/// What a module imports, each once.
fn requests(scope: &v8::PinScope<'_, '_>, module: v8::Local<v8::Module>) -> Vec<ModuleRequest> {
    let list = module.get_module_requests();
    let request_at = |i| {
        let request = v8::Local::<v8::ModuleRequest>::try_from(list.get(scope, i)?).ok()?;
        let attributes = attributes(scope, request.get_import_attributes(), WITH_POSITION);
        Some(ModuleRequest { specifier: values::text(scope, request.get_specifier()), attributes })
    };
    (0..list.length()).filter_map(request_at).collect()
}

/// V8 asks where an import of a graph that it links leads.
fn resolve<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    list: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let modules = &Guest::of(scope).modules;
    let found = modules.find(scope, referrer).and_then(|record| {
        let specifier = values::text(scope, specifier);
        let request = ModuleRequest { specifier, attributes: attributes(scope, list, WITH_POSITION) };
        let links = modules.links.borrow();
        links.get(&(record.info.number, request)).map(|module| v8::Local::new(scope, module))
    });
    if found.is_none() {
        let message = str(scope, "Module is not linked");
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }
    found
}

/// V8 evaluates a synthetic module: its values are made in the context that it was linked in.
fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let guest = Guest::of(scope);
    let inside = guest.context();
    let realm = guest.current_realm(scope);
    let realmed = Realmed { guest, isolate: &inside.isolate, realm: &realm };
    let exports = guest.modules.find(scope, module).and_then(|record| record.exports.borrow_mut().take());
    if let Some(exports) = exports
        && let Err(stop) = set_exports(&realmed, scope, module, exports)
    {
        crate::engine::transfer::errors::throw(&realmed, scope, stop);
        return None;
    }
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into())?;
    Some(resolver.get_promise(scope).into())
}

fn set_exports<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
    exports: Exports,
) -> Result<(), Stop> {
    match exports {
        Exports::Values(exports) => {
            for (name, value) in exports {
                let name = values::string_that_fits(scope, name)?;
                let value = realmed.import(scope, value)?;
                module.set_synthetic_module_export(scope, name, value).ok_or(Stop::Exception)?;
            }
        }
        Exports::Json(text) => {
            let text = values::string_that_fits(scope, text)?;
            let value = v8::json::parse(scope, text).ok_or(Stop::Exception)?;
            let name = str(scope, "default");
            module.set_synthetic_module_export(scope, name, value).ok_or(Stop::Exception)?;
        }
    }
    Ok(())
}

/// Of a module whose evaluation ran out of time.
pub(super) const TERMINATED: Failure = Failure::Module("The evaluation of the module was terminated");

/// What a module failed with. V8 says `null` where the evaluation was terminated.
fn error_of(realmed: &Realmed<'_>, scope: &mut v8::PinScope<'_, '_>, error: v8::Local<v8::Value>) -> Thrown {
    if error.is_null() && realmed.guest.modules.terminated.get() {
        return TERMINATED.into();
    }
    let error = v8::Local::new(scope, error);
    Thrown::Value(export_error(realmed, scope, error))
}

/// Evaluates a module; the promise of its end.
pub(super) fn evaluate<'s>(
    guest: &Guest,
    scope: &mut v8::PinScope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Result<v8::Local<'s, v8::Promise>, Stop> {
    match module.get_status() {
        v8::ModuleStatus::Uninstantiated | v8::ModuleStatus::Instantiating => {
            return Err(Failure::Module("Module is uninstantiated").into());
        }
        // By its own code, through a function of the host that it waits for.
        v8::ModuleStatus::Evaluating => {
            return Err(Failure::Module("Module is being evaluated").into());
        }
        // V8 says so where the evaluation was terminated, and its promise stays pending.
        v8::ModuleStatus::Errored if module.get_exception().is_null() && guest.modules.terminated.get() => {
            return Err(TERMINATED.into());
        }
        _ => {}
    }
    let Some(promise) = module.evaluate(scope) else {
        if guest.is_stopped() {
            guest.modules.terminated.set(true);
        }
        return Err(Stop::Exception);
    };
    let promise = v8::Local::<v8::Promise>::try_from(promise)
        .map_err(|_| Failure::Internal("the evaluation of a module gave no promise".into()))?;
    if promise.state() == v8::PromiseState::Rejected {
        // Its error goes to whoever asked.
        promise.mark_as_handled();
    }
    Ok(promise)
}

impl Cx<'_> {
    fn number(self, scope: &mut v8::Isolate) -> Result<u32, Stop> {
        self.guest.modules.new_number(scope).ok_or_else(|| Failure::TooManyModules.into())
    }

    /// A handle to a new module.
    fn keep_module(self, scope: &v8::Isolate, module: v8::Local<v8::Module>, record: Rc<Record>) -> Transfer {
        let info = Arc::clone(&record.info);
        let entry = Entry::Module { module: v8::Global::new(scope, module), record, realm: None };
        let id = self.guest.keep(self.isolate, entry);
        Transfer::Handle(Handle::Remote(Remote::new_module(self.isolate, id, info)))
    }

    /// The module; with `cache` as of [`Cx::compile_script`].
    pub(super) fn compile_module(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        code: Source,
        meta: Transfer,
        cache: Option<Box<Cache>>,
    ) -> Outcome {
        self.note_source(&code);
        let realm = self.guest.service_realm(scope);
        self.enter(scope, &realm, |realmed, scope| {
            let number = self.number(scope)?;
            // By its number `import()` finds the module that it stands in. It costs V8's cache of compiled code, whose entries
            // have the number too: only where there is somebody to ask.
            let tag = self.isolate.importer().map(|_| number);
            let filename = code.origin.filename.clone();
            let key = cache.as_ref().map(|_| blob::key_of(&code.code));
            let (module, rejected) = evaluate::compile_module(scope, code, tag, cache.as_deref())?;
            let info = ModuleInfo::new(number, filename, requests(scope, module));
            let meta = match meta {
                Transfer::Function(function) => Some(realmed.hold_function(&function)),
                _ => None,
            };
            let record = self.guest.modules.add(scope, module, info, meta, None);
            let kept = self.keep_module(scope, module, record);
            let (Some(cache), Some(key)) = (cache, key) else { return Ok(kept) };
            let produce = cache.produce && rejected != Some(false);
            let data =
                if produce { module.get_unbound_module_script(scope).create_code_cache() } else { None };
            Ok(evaluate::with_cache(kept, key, data, rejected))
        })
    }

    pub(super) fn compile_json_module(self, scope: &mut v8::PinScope<'_, '_, ()>, code: Source) -> Outcome {
        let realm = self.guest.service_realm(scope);
        self.enter(scope, &realm, |_, scope| {
            let text = values::string_that_fits(scope, code.code.clone())?;
            // Only to find mistakes; the value is made in the context of those who import it.
            v8::json::parse(scope, text).ok_or_else(|| Stop::Json(code.origin.filename.clone()))?;
            let names = [str(scope, "default")];
            self.synthetic(scope, code.origin.filename, &names, Exports::Json(code.code))
        })
    }

    pub(super) fn create_synthetic_module(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        filename: Text,
        exports: Vec<(Text, Transfer)>,
    ) -> Outcome {
        let realm = self.guest.service_realm(scope);
        self.enter(scope, &realm, |realmed, scope| {
            let mut names = Vec::with_capacity(exports.len());
            for (name, _) in &exports {
                names.push(values::string_that_fits(scope, name.clone())?);
            }
            let exports =
                exports.into_iter().map(|(name, value)| (name, realmed.hold_value(value))).collect();
            self.synthetic(scope, filename, &names, Exports::Values(exports))
        })
    }

    fn synthetic<'s>(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        filename: Text,
        names: &[v8::Local<'s, v8::String>],
        exports: Exports,
    ) -> Result<Transfer, Stop> {
        let number = self.number(scope)?;
        let name = values::string_that_fits(scope, filename.clone())?;
        let module = v8::Module::create_synthetic_module(scope, name, names, evaluate_synthetic);
        let info = ModuleInfo::new(number, filename, Vec::new());
        let record = self.guest.modules.add(scope, module, info, None, Some(exports));
        Ok(self.keep_module(scope, module, record))
    }

    /// A module of the handle table.
    fn module<'s>(
        self,
        scope: &v8::PinScope<'s, '_, ()>,
        id: u32,
    ) -> Result<(v8::Local<'s, v8::Module>, Option<Rc<Realm>>), Failure> {
        match self.guest.table.borrow().get(id) {
            Some(Entry::Module { module, realm, .. }) => Ok((v8::Local::new(scope, module), realm.clone())),
            _ => Err(Failure::Released("Module")),
        }
    }

    pub(super) fn link_module(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        context: u32,
        graph: &Graph,
    ) -> Outcome {
        let realm = self.guest.realm(context)?;
        let mut links = Links::new();
        for (module, targets) in graph.modules.iter().zip(&graph.links) {
            let Some(info) = module.module() else { continue };
            for (request, &target) in info.requests.iter().zip(targets) {
                let target = graph.modules.get(target as usize);
                let target = target.ok_or_else(|| Failure::Internal("a link leads nowhere".into()))?;
                let target = v8::Global::new(scope, self.module(scope, target.id())?.0);
                links.insert((info.number, request.clone()), target);
            }
        }
        let root = graph.modules.first().ok_or(Failure::Released("Module"))?;
        let root = self.module(scope, root.id())?.0;
        self.enter(scope, &realm, |_, scope| {
            let root = v8::Local::new(scope, root);
            let modules = &self.guest.modules;
            modules.links.replace(links);
            let linked = root.instantiate_module(scope, resolve);
            modules.links.take();
            linked.ok_or(Stop::Link)?;
            self.note_linked(scope, graph, &realm);
            Ok(Transfer::Undefined)
        })
    }

    /// Notes where the modules of a graph were linked.
    fn note_linked(self, scope: &v8::PinScope<'_, '_>, graph: &Graph, where_: &Rc<Realm>) {
        for remote in &graph.modules {
            if let Some(Entry::Module { module, record, realm }) =
                self.guest.table.borrow_mut().get_mut(remote.id())
                && v8::Local::new(scope, &*module).get_status() != v8::ModuleStatus::Uninstantiated
            {
                realm.get_or_insert_with(|| Rc::clone(where_));
                record.info.set_linked();
            }
        }
    }

    pub(super) fn evaluate_module(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        module: u32,
        exit: Exit,
    ) -> Outcome {
        let (module, realm) = self.module(scope, module)?;
        let realm = realm.ok_or(Failure::Module("Module is uninstantiated"))?;
        self.enter(scope, &realm, |realmed, scope| {
            let module = v8::Local::new(scope, module);
            let promise = evaluate(self.guest, scope, module)?;
            if promise.state() == v8::PromiseState::Pending && self.guest.is_outermost() {
                // Most modules with `await` at their top need no more than this.
                scope.perform_microtask_checkpoint();
            }
            match promise.state() {
                v8::PromiseState::Fulfilled => Ok(Transfer::Undefined),
                v8::PromiseState::Rejected => {
                    promise.mark_as_handled();
                    let error = promise.result(scope);
                    let thrown = error_of(realmed, scope, error);
                    if self.guest.is_outermost() {
                        self.guest.tell_uncaught(scope, error, None, "Uncaught");
                    }
                    Err(Stop::Thrown(Box::new(thrown)))
                }
                v8::PromiseState::Pending if exit.promise => realmed.export(scope, promise.into(), exit),
                v8::PromiseState::Pending => Ok(Transfer::Undefined),
            }
        })
    }

    pub(super) fn module_namespace(self, scope: &mut v8::PinScope<'_, '_, ()>, module: u32) -> Outcome {
        let (module, realm) = self.module(scope, module)?;
        let realm = realm.ok_or(Failure::Module("Module has not been instantiated."))?;
        self.enter(scope, &realm, |realmed, scope| {
            let namespace = v8::Local::new(scope, module).get_module_namespace();
            let namespace = v8::Local::new(scope, namespace);
            Ok(realmed.export_reference(scope, namespace))
        })
    }
}
