//! The extension module `bustapi._bustapi`: bindings, connections, event loop and threads.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

mod answer;
mod event_loop;
mod exchange;
mod io;
mod lazy;
mod protocol;
mod request;
mod run;
mod unpatched;
mod values;
mod worker;

#[pymodule]
fn _bustapi(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("BodyError", request::body::body_error(module.py())?)?;
    module.add_class::<request::head::RequestHead>()?;
    module.add_class::<request::body::Body>()?;
    request::body::register(module.py())?;
    module.add_class::<answer::file_wrapper::FileWrapper>()?;
    module.add_class::<lazy::LazyAttribute>()?;
    module.add_class::<unpatched::Globals>()?;
    module.add_class::<unpatched::Originals>()?;
    module.add_class::<unpatched::Unpatched>()?;
    module.add_class::<values::signed_json::SignedJSON>()?;
    module.add_class::<worker::Worker>()?;
    module.add_function(wrap_pyfunction!(exchange::exchange, module)?)?;
    module.add_function(wrap_pyfunction!(exchange::parse_request, module)?)?;
    module.add_function(wrap_pyfunction!(values::cookie::find_cookie, module)?)?;
    module.add_function(wrap_pyfunction!(values::json_reader::read_json, module)?)?;
    module.add_function(wrap_pyfunction!(values::json_writer::write_json, module)?)?;
    request::rule_index::register(module)?;
    name_classes(module)?;
    // What is private to the package has no list of public names.
    module.delattr("__all__")
}

/// Let the classes say the name that the module was loaded under: the package's own one, or
/// Flask's where `import flask` gives this package.
fn name_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let name = module.name()?;
    for value in module.dict().values() {
        if value.is_instance_of::<PyType>() {
            value.setattr(intern!(module.py(), "__module__"), &name)?;
        }
    }
    Ok(())
}
