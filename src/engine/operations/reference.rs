//! Operations on values that a `Reference` refers to.

use smallvec::SmallVec;

use super::*;
use crate::engine::isolate::task::{Exit, Mode};

/// Whether `object` or one of its prototypes is a proxy: reading through one runs code of the guest.
fn has_proxy(scope: &v8::PinScope<'_, '_>, object: v8::Local<v8::Object>) -> bool {
    let mut link: v8::Local<v8::Value> = v8::Local::new(scope, object).into();
    // Prototype chains can't be cyclic; a proxy ends the walk.
    loop {
        if link.is_proxy() {
            return true;
        }
        let Ok(object) = v8::Local::<v8::Object>::try_from(link) else { return false };
        match object.get_prototype(scope) {
            Some(prototype) => link = prototype,
            None => return true,
        }
    }
}

/// Whether the property is one with a getter or a setter, where it is found first. No proxy is in the way.
fn is_getter<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: v8::Local<'s, v8::Name>,
) -> Result<bool, Stop> {
    let getter = str(scope, "get");
    let mut link = object;
    loop {
        let descriptor = link.get_own_property_descriptor(scope, name).ok_or(Stop::Exception)?;
        if let Ok(descriptor) = v8::Local::<v8::Object>::try_from(descriptor) {
            return descriptor.has_own_property(scope, getter.into()).ok_or(Stop::Exception);
        }
        match link.get_prototype(scope).and_then(|p| v8::Local::<v8::Object>::try_from(p).ok()) {
            Some(prototype) => link = prototype,
            None => return Ok(false),
        }
    }
}

fn object<'s>(value: v8::Local<'s, v8::Value>) -> Result<v8::Local<'s, v8::Object>, Stop> {
    v8::Local::<v8::Object>::try_from(value).map_err(|_| Failure::NotAnObject.into())
}

fn key<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    key: Transfer,
) -> Result<v8::Local<'s, v8::Name>, Stop> {
    let value = realmed.import(scope, key)?;
    let name = if value.is_number() { value.to_string(scope).map(Into::into) } else { value.try_into().ok() };
    name.ok_or_else(|| Failure::InvalidKey.into())
}

impl Cx<'_> {
    pub(super) fn get(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        target: u32,
        name: Transfer,
        accessors: bool,
        exit: Exit,
    ) -> Outcome {
        let inherit = self.guest.inherits(target);
        let (target, realm) = self.guest.value(scope, target)?;
        self.enter(scope, &realm, |realmed, scope| {
            let target = object(v8::Local::new(scope, target))?;
            let name = key(realmed, scope, name)?;
            if has_proxy(scope, target) {
                return Err(Failure::HasProxy.into());
            }
            let found =
                if inherit { target.has(scope, name.into()) } else { target.has_own_property(scope, name) };
            if !found.ok_or(Stop::Exception)? {
                let undefined = v8::undefined(scope).into();
                return realmed.export(scope, undefined, exit);
            }
            if !accessors && is_getter(scope, target, name)? {
                return Err(Failure::IsGetter.into());
            }
            let value = target.get(scope, name.into()).ok_or(Stop::Exception)?;
            realmed.export(scope, value, exit)
        })
    }

    pub(super) fn set(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        target: u32,
        name: Transfer,
        value: Transfer,
    ) -> Outcome {
        let (target, realm) = self.guest.value(scope, target)?;
        self.enter(scope, &realm, |realmed, scope| {
            let target = object(v8::Local::new(scope, target))?;
            let name = key(realmed, scope, name)?;
            let value = realmed.import(scope, value)?;
            if has_proxy(scope, target) {
                return Err(Failure::HasProxy.into());
            }
            // Defines rather than assigns: a setter of the guest must not run, it has no time limit here.
            match target.create_data_property(scope, name, value) {
                Some(true) => Ok(Transfer::Undefined),
                Some(false) => Err(Failure::SetFailed.into()),
                None => Err(Stop::Exception),
            }
        })
    }

    pub(super) fn delete(self, scope: &mut v8::PinScope<'_, '_, ()>, target: u32, name: Transfer) -> Outcome {
        let (target, realm) = self.guest.value(scope, target)?;
        self.enter(scope, &realm, |realmed, scope| {
            let target = object(v8::Local::new(scope, target))?;
            let name = key(realmed, scope, name)?;
            if has_proxy(scope, target) {
                return Err(Failure::HasProxy.into());
            }
            match target.delete(scope, name.into()) {
                Some(true) => Ok(Transfer::Undefined),
                Some(false) => Err(Failure::DeleteFailed.into()),
                None => Err(Stop::Exception),
            }
        })
    }

    pub(super) fn apply(
        self,
        scope: &mut v8::PinScope<'_, '_, ()>,
        target: u32,
        receiver: Transfer,
        arguments: Arguments,
        exit: Exit,
    ) -> Outcome {
        let (target, realm) = self.guest.value(scope, target)?;
        self.enter(scope, &realm, |realmed, scope| {
            let target: v8::Local<v8::Value> = v8::Local::new(scope, target);
            let function = v8::Local::<v8::Function>::try_from(target).map_err(|_| Failure::NotAFunction)?;
            let receiver = realmed.import(scope, receiver)?;
            let mut values: SmallVec<[_; 4]> = SmallVec::new();
            for argument in arguments {
                values.push(realmed.import(scope, argument)?);
            }
            let value = function.call(scope, receiver, &values).ok_or(Stop::Exception)?;
            realmed.export(scope, value, exit)
        })
    }

    pub(super) fn copy(self, scope: &mut v8::PinScope<'_, '_, ()>, target: u32) -> Outcome {
        let (target, realm) = self.guest.value(scope, target)?;
        self.enter(scope, &realm, |realmed, scope| {
            let target = v8::Local::new(scope, target);
            let exit = Exit {
                mode: Mode::Copy,
                promise: false,
                fallback: crate::engine::isolate::task::Fallback::Throw,
            };
            realmed.export(scope, target, exit)
        })
    }
}
