//! Names the version of the interpreter to the sources, and refuses in words the builds that
//! the extension cannot be compiled for.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    pyo3_build_config::use_pyo3_cfgs();
    if pyo3_build_config::get().is_free_threaded() {
        println!(
            "cargo::error=BustAPI does not support free-threaded builds of CPython yet, and \
             this is one. Build it for the ordinary build of the same version."
        );
    }
}
