//! Values as bytes of the scratch. `lib/wire.js` is the other end; numbers are little-endian.
//!
//! A value is a tag byte and what follows it. Ids in values are of three kinds: handles (places in the
//! environment's handle table), host values (places in JavaScript's table of functions and referenced values) and
//! promises (JavaScript's numbers for its own promises).

use std::sync::Arc;

use super::env::NodeEnv;
use crate::engine::error::{ErrorClass, ErrorValue, Failure, Outcome, Thrown};
use crate::engine::host::{Host, HostValue};
use crate::engine::transfer::{
    Block, CallbackMode, Cloned, Copied, Function, Handle, PromiseCell, Text, Transfer, Waker,
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
    pub const LONG_TEXT: u8 = 22;
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

/// What ids in a message mean.
pub trait Tables {
    /// The handle with this number.
    fn handle(&self, id: u32) -> Result<Handle, Failure>;
    /// Takes the block with this number.
    fn take_block(&self, id: u32) -> Result<Block, Failure>;
    /// Takes the long string with this number.
    fn take_text(&self, id: u32) -> Result<Text, Failure>;
    /// The neutral half of JavaScript's promise `id`.
    fn new_promise(&self, id: u32) -> Arc<PromiseCell>;
    /// The environment that the message is from.
    fn host(&self) -> Arc<dyn Host>;
}

/// Strings from this size on, in bytes, go beside the message: copied once, from heap to heap.
const LONG: usize = 4096;

/// Values within values, at most: JavaScript writes no more (`lib/wire.js`), and each takes of the stack.
const DEPTH: u32 = 200;

/// Reads values out of a message.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Over the payload of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
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
    pub fn text(&mut self, env: &impl Tables) -> Result<Text, Failure> {
        match self.u8()? {
            tag::ONE_BYTE => self.one_byte(),
            tag::TWO_BYTE => self.two_byte(),
            tag::LONG_TEXT => env.take_text(self.u32()?),
            _ => Err(malformed()),
        }
    }

    fn one_byte(&mut self) -> Result<Text, Failure> {
        let n = self.u32()? as usize;
        Ok(Text::One(self.take(n)?.to_vec().into()))
    }

    fn two_byte(&mut self) -> Result<Text, Failure> {
        let n = self.u32()? as usize;
        let bytes = self.take(n.checked_mul(2).ok_or_else(malformed)?)?;
        Ok(Text::Two(bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect()))
    }

    /// A value.
    pub fn value(&mut self, env: &impl Tables) -> Result<Transfer, Failure> {
        if self.depth == DEPTH {
            return Err(malformed());
        }
        self.depth += 1;
        let value = self.value_within(env);
        self.depth -= 1;
        value
    }

    fn value_within(&mut self, env: &impl Tables) -> Result<Transfer, Failure> {
        Ok(match self.u8()? {
            tag::UNDEFINED => Transfer::Undefined,
            tag::NULL => Transfer::Null,
            tag::TRUE => Transfer::Bool(true),
            tag::FALSE => Transfer::Bool(false),
            tag::INT => Transfer::Int(i32::from_le_bytes(self.array()?)),
            tag::NUMBER => Transfer::Number(f64::from_le_bytes(self.array()?)),
            tag::ONE_BYTE => Transfer::Text(self.one_byte()?),
            tag::TWO_BYTE => Transfer::Text(self.two_byte()?),
            tag::LONG_TEXT => Transfer::Text(env.take_text(self.u32()?)?),
            tag::BIGINT => {
                let negative = self.u8()? != 0;
                let n = self.u32()? as usize;
                let words = self.take(n.checked_mul(8).ok_or_else(malformed)?)?;
                let words = words.chunks_exact(8).map(|c| c.try_into().map_or(0, u64::from_le_bytes));
                Transfer::BigInt(Box::new((negative, words.collect())))
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
                let name = self.text(env)?;
                let length = self.u32()?;
                Transfer::Function(Arc::new(Function { target, mode, name, length, limit: 0 }))
            }
            tag::HOST_REFERENCE => {
                let index = self.u32()?;
                let type_of = self.u8()?;
                let host = env.host();
                Transfer::Handle(Handle::Host(Arc::new(HostValue { host, index, type_of })))
            }
            tag::LIBRARY => Transfer::Library,
            tag::PROMISE => Transfer::Promise(env.new_promise(self.u32()?)),
            _ => return Err(malformed()),
        })
    }

    fn host_value(&mut self, env: &impl Tables, type_of: u8) -> Result<Arc<HostValue>, Failure> {
        let index = self.u32()?;
        Ok(Arc::new(HostValue { host: env.host(), index, type_of }))
    }

    fn error(&mut self, env: &impl Tables) -> Result<ErrorValue, Failure> {
        let class = ErrorClass::from_u8(self.u8()?);
        let flags = self.u8()?;
        let message = self.text(env)?;
        let name = if flags & HAS_NAME != 0 { Some(self.text(env)?) } else { None };
        let stack = if flags & HAS_STACK != 0 { Some(self.text(env)?) } else { None };
        let cause = if flags & HAS_CAUSE != 0 { Some(self.value(env)?) } else { None };
        let properties = if flags & HAS_PROPERTIES != 0 { Some(self.value(env)?) } else { None };
        Ok(ErrorValue { class, name, code: None, message, stack, cause, properties })
    }

    /// What JavaScript answers: a value, or what it threw.
    pub fn outcome(&mut self, env: &impl Tables, threw: bool) -> Outcome {
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
            Transfer::Text(text) if text.size() >= LONG => {
                self.bytes.push(tag::LONG_TEXT);
                self.u32(env.add_text(text) as usize);
            }
            Transfer::Text(text) => self.text(&text),
            Transfer::BigInt(big) => {
                let (negative, words) = *big;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::engine::host::{HostCall, TreeId, Work};
    use crate::engine::isolate::Isolate;
    use crate::engine::letter_box::LetterBox;

    /// An environment with handles 0 to 3 and no blocks.
    struct Env;

    impl Host for Env {
        fn call(&self, _call: HostCall) {}
        fn interrupt(&self, _call: HostCall) {}
        fn replied(&self, _id: u32, _outcome: Outcome, _work: Option<Work>) {}
        fn settled(&self, _id: u32, _outcome: Outcome) {}
        fn release(&self, _index: u32) {}
        fn begin_work(&self) {}
        fn end_work(&self) {}
        fn id(&self) -> u64 {
            1
        }
        fn waits_in(&self, _tree: TreeId) -> bool {
            false
        }
        fn add_isolate(&self, _isolate: &Arc<Isolate>) {}
    }

    impl Tables for Env {
        fn handle(&self, id: u32) -> Result<Handle, Failure> {
            if id > 3 {
                return Err(Failure::Released("Handle"));
            }
            Ok(Handle::Copied(Copied::new(Transfer::Int(id.cast_signed()))))
        }
        fn take_block(&self, _id: u32) -> Result<Block, Failure> {
            Err(Failure::BufferGone)
        }
        fn take_text(&self, _id: u32) -> Result<Text, Failure> {
            Err(Failure::BufferGone)
        }
        fn new_promise(&self, _id: u32) -> Arc<PromiseCell> {
            PromiseCell::new().0
        }
        fn host(&self) -> Arc<dyn Host> {
            Arc::new(Env)
        }
    }

    /// Random numbers from a seed (xorshift).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
        fn below(&mut self, n: usize) -> usize {
            (self.next() % n.max(1) as u64) as usize
        }
    }

    fn text(out: &mut Vec<u8>, random: &mut Random) {
        let n = random.below(5);
        if random.below(2) == 0 {
            out.push(tag::ONE_BYTE);
            out.extend((n as u32).to_le_bytes());
            out.extend((0..n).map(|_| random.next() as u8));
        } else {
            out.push(tag::TWO_BYTE);
            out.extend((n as u32).to_le_bytes());
            out.extend((0..2 * n).map(|_| random.next() as u8));
        }
    }

    /// A message as JavaScript writes it.
    fn well_formed(out: &mut Vec<u8>, random: &mut Random, depth: u32) {
        let kinds = if depth == 0 { 12 } else { 15 };
        match random.below(kinds) {
            kind @ 0..=3 => out.push(kind as u8),
            4 => out.extend([tag::INT, 1, 2, 3, 4]),
            5 => {
                out.push(tag::NUMBER);
                out.extend(random.next().to_le_bytes());
            }
            6 | 7 => text(out, random),
            8 => {
                let words = random.below(4) as u32;
                out.extend([tag::BIGINT, 1]);
                out.extend(words.to_le_bytes());
                out.extend((0..words).flat_map(|_| random.next().to_le_bytes()));
            }
            9 => out.extend([tag::HANDLE, random.below(4) as u8, 0, 0, 0]),
            10 => out.extend([tag::COPY_INTO, random.below(4) as u8, 0, 0, 0, 1]),
            11 => out.extend([tag::PROMISE, 9, 0, 0, 0]),
            12 => {
                let handles = random.below(4) as u32;
                out.extend([tag::CLONED, 3, 0, 0, 0, 0xff, 15, b'0']);
                out.extend(handles.to_le_bytes());
                for _ in 0..handles {
                    well_formed(out, random, depth - 1);
                }
                out.extend([0; 8]);
            }
            13 => {
                let flags = random.below(16) as u8;
                out.extend([tag::ERROR, random.below(8) as u8, flags]);
                for _ in 0..1 + (flags & 3).count_ones() {
                    text(out, random);
                }
                for _ in 0..(flags & 12).count_ones() {
                    well_formed(out, random, depth - 1);
                }
            }
            _ => {
                out.extend([tag::FUNCTION, 1, 0, 0, 0, 0]);
                text(out, random);
                out.extend([0; 4]);
            }
        }
    }

    fn rounds(n: u32) -> u32 {
        if cfg!(miri) { n / 200 } else { n }
    }

    #[test]
    fn what_is_well_formed_is_read_to_its_end_and_every_shorter_message_is_refused() {
        let mut random = Random(0x1234_5678_9abc_def1);
        for _ in 0..rounds(4000) {
            let mut bytes = Vec::new();
            well_formed(&mut bytes, &mut random, 4);
            let mut reader = Reader::new(&bytes);
            assert!(reader.value(&Env).is_ok(), "{bytes:?}");
            assert_eq!((reader.at, reader.depth), (bytes.len(), 0));
            let cut = random.below(bytes.len());
            assert!(Reader::new(&bytes[..cut]).value(&Env).is_err(), "{cut} of {bytes:?}");
        }
    }

    #[test]
    fn whatever_the_bytes_are_reading_ends_within_them() {
        let mut random = Random(0xfeed_f00d_dead_beef);
        let mut refused = 0;
        for round in 0..rounds(200_000) {
            let mut bytes = Vec::new();
            if round % 2 == 0 {
                bytes.extend((0..random.below(60)).map(|_| random.next() as u8));
                if let Some(first) = bytes.first_mut() {
                    *first %= 40;
                }
            } else {
                well_formed(&mut bytes, &mut random, 3);
                for _ in 0..1 + random.below(4) {
                    let at = random.below(bytes.len());
                    match random.below(4) {
                        0 => bytes[at] ^= 1 << random.below(8),
                        1 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
                        2 => bytes.truncate(at.max(1)),
                        _ => bytes.insert(at, random.next() as u8),
                    }
                }
            }
            let mut reader = Reader::new(&bytes);
            refused += u32::from(reader.outcome(&Env, random.below(2) == 0).is_err());
            assert!(reader.at <= bytes.len() && reader.depth == 0);
            let mut reader = Reader::new(&bytes);
            let _ = (reader.u32(), reader.text(&Env));
            assert!(reader.at <= bytes.len());
        }
        assert!(refused > rounds(200_000) / 10);
    }

    #[test]
    fn values_within_values_have_an_end() {
        for tag in [tag::EXTERNAL_COPY, tag::ERROR, tag::CLONED] {
            let step: &[u8] = match tag {
                tag::EXTERNAL_COPY => &[tag],
                tag::ERROR => &[tag, 0, HAS_CAUSE, tag::ONE_BYTE, 0, 0, 0, 0],
                _ => &[tag, 0, 0, 0, 0, 1, 0, 0, 0],
            };
            assert!(Reader::new(&step.repeat(1_000_000 / step.len())).value(&Env).is_err());
        }
        let mut fits = vec![tag::EXTERNAL_COPY; DEPTH as usize - 1];
        fits.push(tag::NULL);
        assert!(Reader::new(&fits).value(&Env).is_ok());
    }

    #[test]
    fn numbers_that_promise_more_than_there_is_take_no_memory() {
        for tag in [tag::ONE_BYTE, tag::TWO_BYTE, tag::CLONED] {
            assert!(Reader::new(&[tag, 0xff, 0xff, 0xff, 0xff, 1]).value(&Env).is_err());
        }
        assert!(Reader::new(&[tag::BIGINT, 0, 0xff, 0xff, 0xff, 0xff, 1]).value(&Env).is_err());
        // A clone without bytes, and four thousand million handles.
        assert!(
            Reader::new(&[tag::CLONED, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, tag::NULL]).value(&Env).is_err()
        );
    }

    // What `bench/instructions.mjs` counts the instructions of, by these names.

    /// Reads a message of so many values again and again.
    #[inline(never)]
    fn counted_reading(message: &[u8], values: usize) {
        for _ in 0..1000 {
            let mut reader = Reader::new(std::hint::black_box(message));
            for _ in 0..values {
                assert!(std::hint::black_box(reader.value(&Env)).is_ok());
            }
        }
    }

    #[test]
    fn small_arguments() {
        let mut message = vec![tag::UNDEFINED, tag::INT];
        message.extend(7_i32.to_le_bytes());
        message.push(tag::NUMBER);
        message.extend(0.5_f64.to_le_bytes());
        message.push(tag::ONE_BYTE);
        message.extend(5_u32.to_le_bytes());
        message.extend(b"tower");
        counted_reading(&message, 4);
    }

    #[test]
    fn copied_object() {
        let mut message = vec![tag::CLONED];
        message.extend(400_u32.to_le_bytes());
        message.extend([b'0'; 400]);
        message.extend([0; 12]);
        counted_reading(&message, 1);
    }

    #[test]
    fn error() {
        let mut message = vec![tag::ERROR, 2, HAS_NAME | HAS_STACK];
        for text in [&b"no such tower"[..], b"RangeError", &[b'x'; 300]] {
            message.push(tag::ONE_BYTE);
            message.extend((text.len() as u32).to_le_bytes());
            message.extend(text);
        }
        counted_reading(&message, 1);
    }

    #[inline(never)]
    fn counted_letters(letters: &LetterBox<[u64; 28]>, mark: &AtomicU64) {
        for i in 0..1000 {
            let mut letter = Some([i; 28]);
            letters.post(mark, |mark| mark == 0, 1, &mut letter);
            assert!(letter.is_none());
            // SAFETY: full, as it was posted, and opened after.
            assert_eq!(unsafe { letters.take() }[27], i);
            mark.store(0, Ordering::SeqCst);
        }
    }

    #[test]
    fn letters() {
        counted_letters(&LetterBox::default(), &AtomicU64::new(0));
    }
}
