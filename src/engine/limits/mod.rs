//! What bounds a guest: memory, time, and V8's own fatal errors.

#[cfg_attr(any(test, not(target_os = "linux")), allow(dead_code))]
pub mod account;
#[cfg(target_os = "linux")]
mod blocks;
pub mod bucket;
#[cfg(all(target_os = "linux", not(test)))]
mod budget;
pub mod condemned;
pub mod deadline;
pub mod fatal;
pub mod heap;
pub mod idle;
pub mod memory;
// The hooks are the linker's, in the addon: Rust's own tests are linked without.
#[cfg_attr(any(test, not(target_os = "linux")), path = "native_elsewhere.rs")]
pub mod native;
#[cfg(all(target_os = "linux", not(test)))]
pub mod pages;
pub mod park;
#[cfg(target_os = "linux")]
mod sampling;
#[cfg(all(target_os = "linux", not(test)))]
mod stub_cache;
pub mod watchdog;
#[cfg(target_os = "linux")]
pub mod zero_pages;
