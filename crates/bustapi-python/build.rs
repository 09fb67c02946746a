//! Refuses the interpreters that the extension cannot be built for, in words.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if pyo3_build_config::get().is_free_threaded() {
        println!(
            "cargo::error=BustAPI does not support free-threaded builds of CPython yet, and \
             this is one. Build it for the ordinary build of the same version."
        );
    }
}
