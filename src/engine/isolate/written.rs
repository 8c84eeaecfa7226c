//! A request that the library in a guest is writing, part by part.

use std::sync::Arc;

use crate::engine::error::Failure;
use crate::engine::limits::memory::{Charge, Memory};
use crate::engine::transfer::{Text, Transfer};

/// A part of a request that the library in a guest is writing.
pub enum Part {
    /// A string.
    Text(Text),
    /// A number.
    Number(u32),
    /// A value.
    Value(Transfer),
}

/// A request that the library in a guest is writing.
#[derive(Default)]
pub struct Written {
    parts: Vec<Part>,
    /// What of it isn't in `charge` yet, in bytes.
    uncounted: usize,
    charge: Option<Charge>,
}

/// A request is counted in when it has grown by so much, in bytes.
const COUNTED: usize = 16 << 10;

impl Written {
    /// Adds a part.
    pub fn push(&mut self, part: Part, memory: &Arc<Memory>) -> Result<(), Failure> {
        self.uncounted += size_of::<Part>()
            + match &part {
                Part::Text(text) => text.size(),
                Part::Number(_) => 0,
                Part::Value(value) => value.weight(),
            };
        if self.uncounted >= COUNTED {
            let fits = match &mut self.charge {
                Some(charge) => charge.grow(self.uncounted),
                None => {
                    self.charge = memory.charge(self.uncounted);
                    self.charge.is_some()
                }
            };
            if !fits {
                return Err(Failure::NoMemory);
            }
            self.uncounted = 0;
        }
        self.parts.push(part);
        Ok(())
    }

    /// All parts; they count until the charge is dropped.
    pub fn finish(self) -> (Vec<Part>, Option<Charge>) {
        (self.parts, self.charge)
    }
}
