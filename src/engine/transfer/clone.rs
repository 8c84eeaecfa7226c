//! Structured clone inside our V8 (v8-value-serializer.h).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::errors::Stop;
use super::guest::{Realmed, str};
use super::{Block, Cloned, Transfer};
use crate::engine::error::Failure;
use crate::engine::isolate::guest::Guest;
use crate::engine::limits::account;

/// The format version written. Our V8 writes 16, which differs from 15 only in buffers of 4 GB and more; every
/// V8 from Node 20 on reads 15.
const VERSION: u8 = 15;

#[derive(Default)]
struct Side {
    shared: Vec<Block>,
    handles: Vec<Transfer>,
    /// What V8 says about a value that can't be copied.
    refused: Option<String>,
}

struct Writer<'a> {
    realmed: &'a Realmed<'a>,
    side: Rc<RefCell<Side>>,
}

impl v8::ValueSerializerImpl for Writer<'_> {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        self.side.borrow_mut().refused = Some(message.to_rust_string_lossy(scope));
        let error = v8::Exception::type_error(scope, message);
        scope.throw_exception(error);
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        let handle = match self.realmed.export_foreign(scope, object) {
            Ok(Some(handle)) => handle,
            Ok(None) => {
                let message = str(scope, "#<Object> could not be cloned.");
                self.throw_data_clone_error(scope, message);
                return None;
            }
            Err(stop) => {
                super::errors::throw(self.realmed, scope, stop);
                return None;
            }
        };
        let mut side = self.side.borrow_mut();
        serializer.write_uint32(side.handles.len() as u32);
        side.handles.push(handle);
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        _scope: &mut v8::PinScope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let store = buffer.get_backing_store();
        self.realmed.guest.memory().lend(&store);
        let mut side = self.side.borrow_mut();
        side.shared.push(Block::of_guest(store, None));
        Some((side.shared.len() - 1) as u32)
    }
}

/// A copy of `value` in neutral form. The memory of the buffers in `moved` moves into it; they are detached when all is
/// written, whether they are part of the value or not. Resizable ones are copied: a buffer that takes memory over isn't resizable.
pub fn serialize<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
    moved: &[v8::Local<'s, v8::ArrayBuffer>],
) -> Result<Cloned, Stop> {
    use v8::ValueSerializerHelper;
    v8::tc_scope!(let scope, scope);
    let side = Rc::new(RefCell::new(Side::default()));
    let mut buffers = Vec::new();
    let (written, mut bytes) = {
        let context = scope.get_current_context();
        let writer = Box::new(Writer { realmed, side: Rc::clone(&side) });
        let serializer = v8::ValueSerializer::new(scope, writer);
        serializer.write_header();
        for buffer in moved {
            let refused = if buffer.was_detached() {
                "An ArrayBuffer is detached and could not be cloned."
            } else if !buffer.is_detachable() {
                "ArrayBuffer is not detachable and could not be cloned."
            } else {
                continue;
            };
            return Err(Failure::NotCloneable(refused.into()).into());
        }
        for buffer in moved.iter().filter(|buffer| !is_resizable(buffer)) {
            serializer.transfer_array_buffer(buffers.len() as u32, *buffer);
            let store = buffer.get_backing_store();
            realmed.guest.memory().lend(&store);
            buffers.push(Block::of_guest(store, Some(Arc::clone(realmed.guest.memory()))));
        }
        // A buffer by itself, or under one view, travels beside the bytes: one copy instead of three.
        if moved.is_empty()
            && let Some(buffer) = sole_buffer(scope, value)
        {
            serializer.transfer_array_buffer(0, buffer);
            buffers.push(Block::of_guest(buffer.get_backing_store(), None).duplicate());
        }
        // Null for an answer is a `DataCloneError`.
        let written = account::fallible(true, || serializer.write_value(context, value));
        (written == Some(true), serializer.release())
    };
    let side = side.take();
    if !written {
        return match side.refused {
            Some(message) => {
                scope.reset();
                Err(Failure::NotCloneable(message).into())
            }
            None => {
                scope.rethrow();
                Err(Stop::Exception)
            }
        };
    }
    for buffer in moved {
        buffer.detach(None);
    }
    if let Some(version) = bytes.get_mut(1) {
        *version = VERSION;
    }
    Ok(Cloned { bytes, buffers, shared: side.shared, handles: side.handles })
}

fn is_resizable(buffer: &v8::ArrayBuffer) -> bool {
    buffer.get_backing_store().is_resizable_by_user_javascript()
}

/// The array buffer that `value` is, or is a view on, when copying it whole is what is asked for.
fn sole_buffer<'s>(
    scope: &v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
    let buffer = if value.is_array_buffer_view() {
        let view = v8::Local::<v8::ArrayBufferView>::try_from(value).ok()?;
        let buffer = view.buffer(scope)?;
        if v8::Local::<v8::Value>::from(buffer).is_shared_array_buffer() {
            return None;
        }
        buffer
    } else {
        v8::Local::<v8::ArrayBuffer>::try_from(value).ok()?
    };
    (!is_resizable(&buffer) && !buffer.was_detached() && buffer.byte_length() > 0).then_some(buffer)
}

struct Reader<'a> {
    cloned: &'a Cloned,
    /// What the handles became. Made before: instances are made by JavaScript, which V8 allows nobody to run while it reads.
    handles: Option<v8::Global<v8::Array>>,
}

impl v8::ValueDeserializerImpl for Reader<'_> {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut index = 0;
        let handles = self.handles.as_ref().map(|handles| v8::Local::new(scope, handles));
        let found = deserializer.read_uint32(&mut index);
        let value = handles.filter(|_| found).and_then(|handles| handles.get_index(scope, index));
        match value.and_then(|value| v8::Local::<v8::Object>::try_from(value).ok()) {
            Some(object) => Some(object),
            None => {
                let message = str(scope, "Unable to deserialize cloned data.");
                let error = v8::Exception::error(scope, message);
                scope.throw_exception(error);
                None
            }
        }
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        let block = self.cloned.shared.get(id as usize)?;
        Some(v8::SharedArrayBuffer::with_backing_store(scope, &block.shared_store().ok()?))
    }
}

/// The value that `cloned` holds, made in the current context. Buffers that travelled beside the bytes are taken
/// over without a copy when nothing else holds them.
pub fn deserialize<'s>(
    realmed: &Realmed<'_>,
    scope: &mut v8::PinScope<'s, '_>,
    cloned: &std::sync::Arc<Cloned>,
) -> Result<v8::Local<'s, v8::Value>, Stop> {
    use v8::ValueDeserializerHelper;
    let context = scope.get_current_context();
    let guest: &Guest = realmed.guest;
    let sole = std::sync::Arc::strong_count(cloned) == 1;
    let mut handles = Vec::with_capacity(cloned.handles.len());
    for handle in &cloned.handles {
        handles.push(realmed.import(scope, handle.clone())?);
    }
    for block in &cloned.shared {
        block.shared_store()?;
    }
    let handles = (!handles.is_empty()).then(|| {
        let handles = v8::Array::new_with_elements(scope, &handles);
        v8::Global::new(scope, handles)
    });
    let reader = Reader { cloned, handles };
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(reader), &cloned.bytes);
    for (i, block) in cloned.buffers.iter().enumerate() {
        let block = if sole { block.clone() } else { block.duplicate() };
        let store = block.adopt(scope, guest.memory()).ok_or(Failure::BufferRefused)?;
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
        deserializer.transfer_array_buffer(i as u32, buffer);
    }
    deserializer.read_header(context).filter(|&ok| ok).ok_or(Stop::Exception)?;
    deserializer.read_value(context).ok_or(Stop::Exception)
}
