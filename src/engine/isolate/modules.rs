//! Modules of an isolate: what everybody may know of one, and how the thread inside finds it again.
//!
//! V8 asks about a module (`import.meta`, `import()`, the values of a synthetic one) as long as any code of it can run, which
//! may be long after its last handle is gone. So what is known of it lives as long as V8's module, watched by a weak
//! handle, and nothing here keeps that module alive.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use crate::engine::transfer::{Function, Text, Transfer};
use crate::engine::weak::{Collected, WeakSlot};

/// Imports under way in one isolate. Each costs memory of the host until it is answered.
const IMPORTS_MAX: u32 = 10_000;

/// Living modules of one isolate. When modules fail that wait for each other in a row, V8 goes through the row by recursion
/// and doesn't look at its stack (source-text-module.cc, `AsyncModuleExecutionRejected`): a guest thread's is large enough
/// for this many, with much to spare.
const MODULES_MAX: usize = 32 << 10;

/// What an `import` in a module asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModuleRequest {
    /// What stands after `from`.
    pub specifier: Text,
    /// What stands after `with`.
    pub attributes: Vec<(Text, Text)>,
}

/// What everybody may know of a module.
#[derive(Debug)]
pub struct ModuleInfo {
    /// A number of its own in its isolate.
    pub number: u32,
    /// Where its source comes from.
    pub filename: Text,
    /// What it imports, each once, in the order of its source.
    pub requests: Vec<ModuleRequest>,
    linked: AtomicBool,
}

impl ModuleInfo {
    /// Of a fresh module.
    pub fn new(number: u32, filename: Text, requests: Vec<ModuleRequest>) -> Arc<Self> {
        Arc::new(Self { number, filename, requests, linked: AtomicBool::new(false) })
    }

    /// Whether its imports are resolved.
    pub fn is_linked(&self) -> bool {
        self.linked.load(Ordering::Acquire)
    }

    /// Its imports are resolved.
    pub fn set_linked(&self) {
        self.linked.store(true, Ordering::Release);
    }
}

/// What a module that isn't made of JavaScript exports.
#[derive(Debug)]
pub enum Exports {
    /// Names and values.
    Values(Vec<(Text, Transfer)>),
    /// `default`: what this JSON says.
    Json(Text),
}

/// What the thread inside knows of a module.
pub struct Record {
    /// What everybody may know.
    pub info: Arc<ModuleInfo>,
    /// What fills its `import.meta`.
    pub meta: Option<Arc<Function>>,
    /// What it will export, until it is evaluated; `None` for JavaScript.
    pub exports: RefCell<Option<Exports>>,
    hash: i32,
    module: WeakSlot,
}

impl Record {
    /// V8's module.
    pub fn module<'s>(&self, scope: &v8::PinScope<'s, '_, ()>) -> Option<v8::Local<'s, v8::Module>> {
        self.module.module(scope)
    }
}

/// The modules that the imports of a graph are resolved to, while V8 links it: by importing module and request.
pub type Links = HashMap<(u32, ModuleRequest), v8::Global<v8::Module>>;

/// The modules of a guest.
#[derive(Default)]
pub struct Modules {
    records: RefCell<HashMap<u32, Rc<Record>>>,
    by_hash: RefCell<HashMap<i32, SmallVec<[u32; 1]>>>,
    collected: Collected,
    last: Cell<u32>,
    /// What V8 links at the moment.
    pub links: RefCell<Links>,
    /// The evaluation of a module was terminated: V8 says `null` of its error since.
    pub terminated: Cell<bool>,
    importing: Cell<u32>,
}

impl Modules {
    /// A number for a new module; `None` when there are too many.
    pub fn new_number(&self, isolate: &mut v8::Isolate) -> Option<u32> {
        if self.records.borrow().len() >= MODULES_MAX {
            isolate.low_memory_notification();
            self.forget_collected();
            if self.records.borrow().len() >= MODULES_MAX {
                return None;
            }
        }
        let number = self.last.get().checked_add(1)?;
        self.last.set(number);
        Some(number)
    }

    /// Remembers a module until it is collected.
    pub fn add(
        &self,
        isolate: &v8::Isolate,
        module: v8::Local<'_, v8::Module>,
        info: Arc<ModuleInfo>,
        meta: Option<Arc<Function>>,
        exports: Option<Exports>,
    ) -> Rc<Record> {
        let (number, hash) = (info.number, module.get_identity_hash().get());
        let module = WeakSlot::new(isolate, module, number, &self.collected);
        let record = Rc::new(Record { info, meta, exports: RefCell::new(exports), hash, module });
        self.records.borrow_mut().insert(number, Rc::clone(&record));
        self.by_hash.borrow_mut().entry(hash).or_default().push(number);
        record
    }

    /// What is known of the module with this number.
    pub fn numbered(&self, number: u32) -> Option<Rc<Record>> {
        self.records.borrow().get(&number).cloned()
    }

    /// What is known of V8's module.
    pub fn find(
        &self,
        scope: &v8::PinScope<'_, '_, ()>,
        module: v8::Local<v8::Module>,
    ) -> Option<Rc<Record>> {
        let by_hash = self.by_hash.borrow();
        let numbers = by_hash.get(&module.get_identity_hash().get())?;
        let mut records = numbers.iter().filter_map(|&number| self.numbered(number));
        records.find(|record| record.module(scope).is_some_and(|found| found == module))
    }

    /// Forgets modules that were collected.
    pub fn forget_collected(&self) {
        let collected = std::mem::take(&mut *self.collected.borrow_mut());
        for number in collected {
            let record = self.records.borrow_mut().remove(&number);
            let Some(record) = record else { continue };
            let mut by_hash = self.by_hash.borrow_mut();
            if let Some(numbers) = by_hash.get_mut(&record.hash) {
                numbers.retain(|each| *each != number);
                if numbers.is_empty() {
                    by_hash.remove(&record.hash);
                }
            }
        }
    }

    /// Forgets everything, at the end of the isolate.
    pub fn clear(&self) {
        let records = std::mem::take(&mut *self.records.borrow_mut());
        drop(records);
        self.by_hash.borrow_mut().clear();
    }

    /// An import begins; `false` when there are too many.
    pub fn begin_import(&self) -> bool {
        let importing = self.importing.get();
        if importing < IMPORTS_MAX {
            self.importing.set(importing + 1);
        }
        importing < IMPORTS_MAX
    }

    /// An import is answered.
    pub fn end_import(&self) {
        self.importing.set(self.importing.get().saturating_sub(1));
    }
}
