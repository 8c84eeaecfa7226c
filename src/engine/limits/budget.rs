//! How often V8's interpreter and its baseline code look at a termination request.
//!
//! They do when a function's interrupt budget is used up: a number of bytes of bytecode, which also decides when the function is
//! compiled again. For functions that V8 never compiles again, those above 60 KB of bytecode, and while one is being compiled
//! elsewhere, V8 sets it to 2^30 (tiering-manager.cc, `InterruptBudgetFor`). Such a guest would not stop for seconds, and be given
//! up. V8 has no flag for it, so the linker puts this function in between (`--wrap`, build.rs).

use std::ffi::{c_int, c_void};

/// The largest budget: some ten milliseconds of baseline code.
const MOST: c_int = 1 << 25;

unsafe extern "C" {
    #[link_name = "__real__ZN2v88internal14TieringManager18InterruptBudgetForEPNS0_7IsolateENS0_6TaggedINS0_10JSFunctionEEENSt4__Cr8optionalINS0_8CodeKindEEE"]
    fn real_budget(isolate: *mut c_void, function: usize, kind: usize) -> c_int;
}

/// Stands for `TieringManager::InterruptBudgetFor`. A tagged pointer and an optional byte are passed in one register each.
#[unsafe(export_name = "__wrap__ZN2v88internal14TieringManager18InterruptBudgetForEPNS0_7IsolateENS0_6TaggedINS0_10JSFunctionEEENSt4__Cr8optionalINS0_8CodeKindEEE")]
unsafe extern "C" fn budget(isolate: *mut c_void, function: usize, kind: usize) -> c_int {
    // SAFETY: the arguments as they came.
    unsafe { real_budget(isolate, function, kind) }.min(MOST)
}
