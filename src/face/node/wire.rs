//! Values as bytes of the scratch. `lib/wire.js` is the other end; numbers are little-endian.
//!
//! A value is a tag byte and what follows it. Ids in values are of three kinds: handles (places in the
//! environment's handle table), host values (places in JavaScript's table of functions and referenced values) and
//! promises (JavaScript's numbers for its own promises).

use std::sync::Arc;

use super::env::NodeEnv;
use crate::engine::error::{ErrorClass, ErrorValue, Failure, Outcome, Thrown};
use crate::engine::host::HostValue;
use crate::engine::transfer::{
    CallbackMode, Cloned, Copied, Function, Handle, PromiseCell, Text, Transfer, Waker,
};

#[allow(missing_docs)]
mod tag {
    pub const UNDEFINED: u8 = 0;
    pub const NULL: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const FALSE: u8 = 3;
    pub const INT: u8 = 4;
    pub const NUMBER: u8 = 5;
    pub const ONE_BYTE: u8 = 6;
    pub const TWO_BYTE: u8 = 7;
    pub const BIGINT: u8 = 8;
    pub const HANDLE: u8 = 9;
    pub const DEREF: u8 = 10;
    pub const COPY_INTO: u8 = 11;
    pub const CLONED: u8 = 12;
    pub const ERROR: u8 = 13;
    pub const FUNCTION: u8 = 14;
    pub const PROMISE: u8 = 15;
    pub const HOST_VALUE: u8 = 16;
    pub const PAIR: u8 = 17;
    pub const NUMBERS: u8 = 18;
    pub const HOST_REFERENCE: u8 = 19;
    pub const EXTERNAL_COPY: u8 = 20;
    pub const GUEST_FUNCTION: u8 = 21;
    pub const LIBRARY: u8 = 30;
    pub const LIST: u8 = 35;
}

const HAS_NAME: u8 = 1;
const HAS_STACK: u8 = 2;
const HAS_CAUSE: u8 = 4;
const HAS_PROPERTIES: u8 = 8;
const HAS_CODE: u8 = 16;

fn malformed() -> Failure {
    Failure::Internal("malformed message".into())
}

/// Reads values out of a message.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Over the payload of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Failure> {
        let end = self.at.checked_add(n).ok_or_else(malformed)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(malformed)?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        self.take(N)?.try_into().map_err(|_| malformed())
    }

    fn u8(&mut self) -> Result<u8, Failure> {
        Ok(self.array::<1>()?[0])
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Failure> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A string.
    pub fn text(&mut self) -> Result<Text, Failure> {
        match self.u8()? {
            tag::ONE_BYTE => self.one_byte(),
            tag::TWO_BYTE => self.two_byte(),
            _ => Err(malformed()),
        }
    }

    fn one_byte(&mut self) -> Result<Text, Failure> {
        let n = self.u32()? as usize;
        Ok(Text::One(self.take(n)?.to_vec()))
    }

    fn two_byte(&mut self) -> Result<Text, Failure> {
        let n = self.u32()? as usize;
        let bytes = self.take(n.checked_mul(2).ok_or_else(malformed)?)?;
        Ok(Text::Two(bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect()))
    }

    /// A value.
    pub fn value(&mut self, env: &NodeEnv) -> Result<Transfer, Failure> {
        Ok(match self.u8()? {
            tag::UNDEFINED => Transfer::Undefined,
            tag::NULL => Transfer::Null,
            tag::TRUE => Transfer::Bool(true),
            tag::FALSE => Transfer::Bool(false),
            tag::INT => Transfer::Int(i32::from_le_bytes(self.array()?)),
            tag::NUMBER => Transfer::Number(f64::from_le_bytes(self.array()?)),
            tag::ONE_BYTE => Transfer::Text(self.one_byte()?),
            tag::TWO_BYTE => Transfer::Text(self.two_byte()?),
            tag::BIGINT => {
                let negative = self.u8()? != 0;
                let n = self.u32()? as usize;
                let words = self.take(n.checked_mul(8).ok_or_else(malformed)?)?;
                let words = words.chunks_exact(8).map(|c| c.try_into().map_or(0, u64::from_le_bytes));
                Transfer::BigInt(negative, words.collect())
            }
            tag::HANDLE => Transfer::Handle(env.handle(self.u32()?)?),
            tag::DEREF => Transfer::Deref(env.handle(self.u32()?)?),
            tag::COPY_INTO => {
                let id = self.u32()?;
                let take = self.u8()? != 0;
                match env.handle(id)? {
                    Handle::Copied(copied) => Transfer::CopyInto(copied, take),
                    _ => return Err(malformed()),
                }
            }
            tag::CLONED => {
                let n = self.u32()? as usize;
                let mut cloned = Cloned { bytes: self.take(n)?.to_vec(), ..Cloned::default() };
                for _ in 0..self.u32()? {
                    cloned.handles.push(self.value(env)?);
                }
                for _ in 0..self.u32()? {
                    cloned.buffers.push(env.take_block(self.u32()?)?);
                }
                for _ in 0..self.u32()? {
                    cloned.shared.push(env.take_block(self.u32()?)?);
                }
                Transfer::Cloned(Arc::new(cloned))
            }
            tag::EXTERNAL_COPY => Transfer::Handle(Handle::Copied(Copied::new(self.value(env)?))),
            tag::ERROR => Transfer::Error(Box::new(self.error(env)?)),
            tag @ (tag::FUNCTION | tag::GUEST_FUNCTION) => {
                let target = if tag == tag::FUNCTION {
                    Handle::Host(self.host_value(env, 6)?)
                } else {
                    env.handle(self.u32()?)?
                };
                let mode = CallbackMode::from_u8(self.u8()?);
                let name = self.text()?;
                let length = self.u32()?;
                Transfer::Function(Arc::new(Function { target, mode, name, length, limit: 0 }))
            }
            tag::HOST_REFERENCE => {
                let index = self.u32()?;
                let type_of = self.u8()?;
                let host = env.shared.as_host();
                Transfer::Handle(Handle::Host(Arc::new(HostValue { host, index, type_of })))
            }
            tag::LIBRARY => Transfer::Library,
            tag::PROMISE => Transfer::Promise(env.new_promise(self.u32()?)),
            _ => return Err(malformed()),
        })
    }

    fn host_value(&mut self, env: &NodeEnv, type_of: u8) -> Result<Arc<HostValue>, Failure> {
        let index = self.u32()?;
        Ok(Arc::new(HostValue { host: env.shared.as_host(), index, type_of }))
    }

    fn error(&mut self, env: &NodeEnv) -> Result<ErrorValue, Failure> {
        let class = ErrorClass::from_u8(self.u8()?);
        let flags = self.u8()?;
        let message = self.text()?;
        let name = if flags & HAS_NAME != 0 { Some(self.text()?) } else { None };
        let stack = if flags & HAS_STACK != 0 { Some(self.text()?) } else { None };
        let cause = if flags & HAS_CAUSE != 0 { Some(self.value(env)?) } else { None };
        let properties = if flags & HAS_PROPERTIES != 0 { Some(self.value(env)?) } else { None };
        Ok(ErrorValue { class, name, code: None, message, stack, cause, properties })
    }

    /// What JavaScript answers: a value, or what it threw.
    pub fn outcome(&mut self, env: &NodeEnv, threw: bool) -> Outcome {
        let value = self.value(env)?;
        if threw { Err(Thrown::Value(value)) } else { Ok(value) }
    }
}

/// Writes values into a message.
#[derive(Default)]
pub struct Writer {
    /// The payload so far.
    pub bytes: Vec<u8>,
}

impl Writer {
    fn u32(&mut self, n: usize) {
        self.bytes.extend_from_slice(&(n as u32).to_le_bytes());
    }

    /// A string.
    pub fn text(&mut self, text: &Text) {
        match text {
            Text::One(bytes) => {
                self.bytes.push(tag::ONE_BYTE);
                self.u32(bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
            Text::Two(units) => {
                self.bytes.push(tag::TWO_BYTE);
                self.u32(units.len());
                self.bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
            }
        }
    }

    /// A value. What it holds of handles goes to the environment's table.
    pub fn value(&mut self, env: &NodeEnv, value: Transfer) {
        match value {
            Transfer::Undefined => self.bytes.push(tag::UNDEFINED),
            Transfer::Null => self.bytes.push(tag::NULL),
            Transfer::Bool(true) => self.bytes.push(tag::TRUE),
            Transfer::Bool(false) => self.bytes.push(tag::FALSE),
            Transfer::Int(n) => {
                self.bytes.push(tag::INT);
                self.bytes.extend_from_slice(&n.to_le_bytes());
            }
            Transfer::Number(n) => {
                self.bytes.push(tag::NUMBER);
                self.bytes.extend_from_slice(&n.to_le_bytes());
            }
            Transfer::Text(text) => self.text(&text),
            Transfer::BigInt(negative, words) => {
                self.bytes.push(tag::BIGINT);
                self.bytes.push(u8::from(negative));
                self.u32(words.len());
                self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }
            Transfer::Handle(handle) => self.handle(env, handle),
            // Redeemed in the isolate that owns it; elsewhere there is nothing behind it.
            Transfer::Deref(Handle::Host(host)) if host.host.id() == env.shared.id => {
                self.host_value(tag::HOST_VALUE, &host);
            }
            Transfer::Deref(_) => {
                let error = Thrown::Failure(Failure::ForeignDerefInto).into_transfer();
                self.value(env, error);
            }
            Transfer::CopyInto(copied, take) => {
                let value = if take { copied.take() } else { copied.get() };
                self.value(env, value.unwrap_or(Transfer::Undefined));
            }
            Transfer::Cloned(cloned) => self.cloned(env, cloned),
            Transfer::Error(error) => self.error(env, *error),
            Transfer::Function(function) => match &function.target {
                Handle::Host(host) if host.host.id() == env.shared.id => {
                    self.host_value(tag::HOST_VALUE, host);
                }
                target => {
                    self.bytes.push(tag::FUNCTION);
                    let id = env.add_handle(target.clone());
                    self.u32(id as usize);
                    self.bytes.push(function.mode as u8);
                    self.text(&function.name);
                    self.u32(function.length as usize);
                }
            },
            Transfer::Library => self.bytes.push(tag::LIBRARY),
            Transfer::Promise(cell) => self.promise(env, &cell),
            Transfer::Pair(pair) => {
                self.bytes.push(tag::PAIR);
                self.value(env, pair.0);
                self.value(env, pair.1);
            }
            Transfer::List(values) => {
                self.bytes.push(tag::LIST);
                self.u32(values.len());
                for value in values {
                    self.value(env, value);
                }
            }
            Transfer::Numbers(numbers) => {
                self.bytes.push(tag::NUMBERS);
                self.u32(numbers.len());
                self.bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
            }
        }
    }

    fn promise(&mut self, env: &NodeEnv, cell: &Arc<PromiseCell>) {
        self.bytes.push(tag::PROMISE);
        let id = env.shared.next_promise();
        self.u32(id as usize);
        cell.observe(Waker::Host(env.shared.as_host(), id));
    }

    fn host_value(&mut self, tag: u8, host: &Arc<HostValue>) {
        self.bytes.push(tag);
        self.u32(host.index as usize);
    }

    fn handle(&mut self, env: &NodeEnv, handle: Handle) {
        if let Handle::Host(host) = &handle
            && host.host.id() == env.shared.id
        {
            return self.host_value(tag::HOST_REFERENCE, host);
        }
        let (class, type_of) = (handle.class(), handle.type_of());
        self.bytes.push(tag::HANDLE);
        self.bytes.push(class);
        let id = env.add_handle(handle);
        self.u32(id as usize);
        self.bytes.push(type_of);
    }

    fn cloned(&mut self, env: &NodeEnv, cloned: Arc<Cloned>) {
        self.bytes.push(tag::CLONED);
        self.u32(cloned.bytes.len());
        self.bytes.extend_from_slice(&cloned.bytes);
        self.u32(cloned.handles.len());
        for handle in &cloned.handles {
            self.value(env, handle.clone());
        }
        let sole = Arc::strong_count(&cloned) == 1;
        self.u32(cloned.buffers.len());
        for block in &cloned.buffers {
            let block = if sole { block.clone() } else { block.duplicate() };
            let id = env.add_block(block);
            self.u32(id as usize);
        }
        self.u32(cloned.shared.len());
        for block in &cloned.shared {
            let id = env.add_block(block.clone());
            self.u32(id as usize);
        }
    }

    fn error(&mut self, env: &NodeEnv, error: ErrorValue) {
        self.bytes.push(tag::ERROR);
        self.bytes.push(error.class as u8);
        let flag = |has: bool, flag: u8| if has { flag } else { 0 };
        self.bytes.push(
            flag(error.name.is_some(), HAS_NAME)
                | flag(error.stack.is_some(), HAS_STACK)
                | flag(error.cause.is_some(), HAS_CAUSE)
                | flag(error.properties.is_some(), HAS_PROPERTIES)
                | flag(error.code.is_some(), HAS_CODE),
        );
        self.text(&error.message);
        let code = error.code.map(Text::from_str);
        for text in [&code, &error.name, &error.stack].into_iter().flatten() {
            self.text(text);
        }
        for value in [error.cause, error.properties].into_iter().flatten() {
            self.value(env, value);
        }
    }
}
