//! The two faces of the library: what a Node environment sees of it, and what guests see.

pub mod guest;
mod inspect;
mod message;
pub mod node;
