//! islet: V8 isolates of their own for programs that run on Node, Bun or Deno.
//!
//! # Map
//!
//! | layer | what | knows |
//! |---|---|---|
//! | `lib/*.js` | the public classes, in JavaScript | the wire |
//! | [`face::node`] | the wire's native end in a Node environment | Node-API, the engine |
//! | [`engine`] | our V8, guest threads, operations, limits | V8 |
//!
//! # Invariants
//!
//! 1. Guest code runs only on threads of ours (`engine::executor`); a Node thread that calls one waits.
//! 2. An isolate is on at most one thread, a thread in at most one isolate (`engine::isolate`, `Isolate::serve`).
//! 3. Whoever waits, serves: a Node thread the host calls of its call tree, a guest thread the calls that
//!    others wait for (`engine::isolate::guest`, `Guest::wait`).
//! 4. Across the line go neutral values and ids (`engine::transfer`); nothing on the Node side points into
//!    our V8's heap.

pub mod engine;
pub mod face;
