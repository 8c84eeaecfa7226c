//! Linker arguments of the addon.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
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
            println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap=abort");
            println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap=vfprintf");
            println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap=__vfprintf_chk");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-undefined,dynamic_lookup");
            println!("cargo:rustc-cdylib-link-arg=-Wl,-exported_symbols_list,{root}/exports.macos");
        }
        _ => {}
    }
}
