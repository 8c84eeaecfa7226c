//! Linker arguments of the addon, and the text of the library inside guests.

use std::fmt::Write;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    write_guest_library();
    println!("cargo:rerun-if-changed=exports.map");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    match os.as_str() {
        "linux" => {
            // Only the Node-API entry points leave the addon: V8's symbols must not meet the host's own V8.
            println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={root}/exports.map");
            // Node closes addons when the last environment using them ends; our threads would lose their code.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
            // V8 ends the process with abort(); see engine/limits/fatal.rs.
            for symbol in ["abort", "vfprintf", "__vfprintf_chk"] {
                wrap(symbol);
            }
            // The same, where there is no isolate yet whose handlers are asked.
            wrap("_ZN2v88internal2V823FatalProcessOutOfMemoryEPNS0_7IsolateEPKcRKNS_10OOMDetailsE");
            // What V8 takes from the system is counted; see engine/limits/native.rs and pages.rs.
            for symbol in ["malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc"] {
                wrap(symbol);
            }
            for symbol in ["mmap64", "mprotect", "munmap"] {
                wrap(symbol);
            }
            for symbol in ["lock", "trylock", "unlock"] {
                wrap(&format!("pthread_mutex_{symbol}"));
            }
            // Functions of any size look at a termination request; see engine/limits/budget.rs.
            wrap(concat!(
                "_ZN2v88internal14TieringManager18InterruptBudgetForEPNS0_7IsolateENS0_6TaggedINS0_10JSFunctionEEE",
                "NSt4__Cr8optionalINS0_8CodeKindEEE",
            ));
            // Empty stub caches take no memory; see engine/limits/stub_cache.rs.
            wrap("_ZN2v88internal9StubCache10InitializeEv");
            wrap("_ZN2v88internal9StubCache5ClearEv");
            // V8's own locks: absl::Mutex::lock(), try_lock(), unlock().
            for symbol in ["4lock", "8try_lock", "6unlock"] {
                wrap(&format!("_ZN4absl5Mutex{symbol}Ev"));
            }
            // V8's profiler uses SIGPROF, as the host's V8 does; see engine/limits/sampling.rs.
            wrap("sigaction");
            wrap("pthread_kill");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup");
            println!("cargo:rustc-cdylib-link-arg=-Wl,-exported_symbols_list,{root}/exports.macos");
        }
        _ => {}
    }
}

/// Puts `lib/guest/index.js` and all that it requires into one function's body. A file of the same name in `lib/guest` goes
/// before the one in `lib`.
fn write_guest_library() {
    println!("cargo:rerun-if-changed=lib");
    let (lib, out) = (Path::new("lib"), std::env::var("OUT_DIR").unwrap_or_default());
    let mut wanted = vec!["index".to_string()];
    let mut modules = String::new();
    let mut i = 0;
    while let Some(name) = wanted.get(i).cloned() {
        i += 1;
        let own = lib.join("guest").join(format!("{name}.js"));
        let path = if own.exists() { own } else { lib.join(format!("{name}.js")) };
        let source =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for rest in source.split("require('").skip(1) {
            let Some((required, _)) = rest.split_once('\'') else { continue };
            let file = required.trim_start_matches("../").trim_start_matches("./");
            assert!(required.starts_with('.'), "{}: guests have no `{required}`", path.display());
            if file != "native" && !wanted.iter().any(|known| known == file) {
                wanted.push(file.to_string());
            }
        }
        let _ = writeln!(modules, "{name:?}: (module, require) => {{");
        for c in source.chars() {
            // V8 takes the text as it lies in the addon, a byte a character.
            let _ =
                if c.is_ascii() { modules.write_char(c) } else { write!(modules, "\\u{{{:x}}}", c as u32) };
        }
        modules.push_str("\n},\n");
    }
    let text = format!(
        "\
'use strict';
const modules = {{ __proto__: null,
{modules}}};
const loaded = {{ __proto__: null, native: {{ exports: native }} }};
const require = path => {{
	const name = path.slice(path.lastIndexOf('/') + 1);
	if (loaded[name] === undefined) {{
		const module = loaded[name] = {{ exports: {{}} }};
		modules[name](module, require);
	}}
	return loaded[name].exports;
}};
return require('index');
"
    );
    if let Err(error) = std::fs::write(Path::new(&out).join("guest.js"), text) {
        panic!("guest.js: {error}");
    }
}

/// In the addon, calls of `symbol` go to `__wrap_symbol`.
fn wrap(symbol: &str) {
    println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={symbol}");
}
