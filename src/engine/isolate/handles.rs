//! What others hold of an isolate.

use std::sync::Arc;

use super::modules::ModuleInfo;
use super::{Cause, Isolate};

/// Keeps an isolate alive: while one exists the isolate can be used, when the last goes it ends.
#[derive(Debug)]
pub struct Lease(pub Arc<Isolate>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.dispose(Cause::Unreachable);
    }
}

/// What an entry of an isolate's handle table is to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RemoteKind {
    /// `Context`.
    Context = 1,
    /// `Script`.
    Script = 2,
    /// `Reference`.
    Reference = 3,
    /// A function that arrives as a plain function.
    Function = 4,
    /// `Module`.
    Module = 5,
}

/// A share in an entry of an isolate's handle table. Dropping the last one lets the isolate forget the entry.
#[derive(Debug)]
pub struct Share {
    /// The owner.
    pub isolate: Arc<Isolate>,
    /// The entry.
    pub id: u32,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.isolate.drop_entry(self.id);
    }
}

/// An entry of an isolate's handle table, as others hold it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Keeps the isolate alive; `None` inside the isolate itself, which must not keep itself alive.
    lease: Option<Arc<Lease>>,
    share: Arc<Share>,
    /// What it is.
    pub kind: RemoteKind,
    /// What `typeof` says of it, as a number of the wire.
    pub type_of: u8,
    /// What is known of it, if it is a module.
    module: Option<Arc<ModuleInfo>>,
}

impl Remote {
    /// A handle to the entry `id` of `isolate`.
    pub fn new(isolate: &Arc<Isolate>, id: u32, kind: RemoteKind, type_of: u8) -> Arc<Self> {
        let share = Arc::new(Share { isolate: Arc::clone(isolate), id });
        Arc::new(Self { lease: Some(isolate.lease()), share, kind, type_of, module: None })
    }

    /// A handle to the module in the entry `id` of `isolate`.
    pub fn new_module(isolate: &Arc<Isolate>, id: u32, module: Arc<ModuleInfo>) -> Arc<Self> {
        let share = Arc::new(Share { isolate: Arc::clone(isolate), id });
        let (kind, type_of) = (RemoteKind::Module, 5);
        Arc::new(Self { lease: Some(isolate.lease()), share, kind, type_of, module: Some(module) })
    }

    /// What is known of it, if it is a module.
    pub fn module(&self) -> Option<&ModuleInfo> {
        self.module.as_deref()
    }

    /// The owner.
    pub fn isolate(&self) -> &Arc<Isolate> {
        &self.share.isolate
    }

    /// The entry.
    pub fn id(&self) -> u32 {
        self.share.id
    }

    /// Whether it lives in this isolate.
    pub fn is_of(&self, isolate: &Arc<Isolate>) -> bool {
        Arc::ptr_eq(&self.share.isolate, isolate)
    }

    /// The same entry, as its own isolate holds it.
    pub fn inside(&self) -> Arc<Self> {
        Arc::new(Self { lease: None, ..self.clone() })
    }

    /// The same entry, as others hold it.
    pub fn outside(self: &Arc<Self>) -> Arc<Self> {
        match self.lease {
            Some(_) => Arc::clone(self),
            None => Arc::new(Self { lease: Some(self.share.isolate.lease()), ..(**self).clone() }),
        }
    }
}
