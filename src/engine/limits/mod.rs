//! What bounds a guest: memory, time, and V8's own fatal errors.

pub mod bucket;
pub mod deadline;
pub mod fatal;
pub mod memory;
pub mod park;
#[cfg(target_os = "linux")]
mod sampling;
pub mod watchdog;
