//! Errors and panics as Python's exceptions, which `anoseg/_errors.py` defines.

use std::any::Any;

use anoseg::ErrorKind;
use anoseg_image::text;
use pyo3::PyErr;
use pyo3::exceptions::PyKeyboardInterrupt;

/// The classes that Python defines.
mod class {
    use pyo3::import_exception;

    import_exception!(anoseg._errors, ArgumentError);
    import_exception!(anoseg._errors, BugError);
    import_exception!(anoseg._errors, DataError);
    import_exception!(anoseg._errors, ModelError);
    import_exception!(anoseg._errors, ResourceError);
}

/// An argument is wrong.
pub(crate) fn argument(message: impl Into<String>) -> PyErr {
    class::ArgumentError::new_err(message.into())
}

/// A model is another than it should be.
pub(crate) fn model(message: impl Into<String>) -> PyErr {
    class::ModelError::new_err(message.into())
}

/// The environment does not give what is needed.
pub(crate) fn resource(message: impl Into<String>) -> PyErr {
    class::ResourceError::new_err(message.into())
}

/// The exception of an error, by who can fix it.
pub(crate) fn exception(error: &anyhow::Error) -> PyErr {
    let message = anoseg_cli::text(error);
    // Bytes have no name.
    let message = match message.strip_prefix(": ") {
        Some(what) => format!("the bytes: {what}"),
        None => message,
    };
    match error.chain().find_map(anoseg_cli::kind_of) {
        Some(ErrorKind::Data) => class::DataError::new_err(message),
        Some(ErrorKind::Arguments) => class::ArgumentError::new_err(message),
        Some(ErrorKind::Model) => class::ModelError::new_err(message),
        Some(ErrorKind::Environment) => class::ResourceError::new_err(message),
        Some(ErrorKind::Interrupted) => PyKeyboardInterrupt::new_err(message),
        _ => class::BugError::new_err(message),
    }
}

/// The exception of a panic, which is a fault of this library.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let text = text::of_panic(payload).unwrap_or("no text");
    class::BugError::new_err(format!("a fault of anoseg; please report it: {text}"))
}
