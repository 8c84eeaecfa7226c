//! Ends of the line that are not our V8.

pub mod node;
