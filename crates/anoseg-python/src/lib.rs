//! The extension module `anoseg._anoseg` of the Python package `anoseg`.
//!
//! | module | what |
//! |---|---|
//! | `model` | `Model`: load, inspect, describe |
//! | `array` | numpy arrays as images |
//! | `inspection` | `Inspection`, `Region`, and their arrays |
//! | `train`, `evaluate` | training, evaluation and export |
//! | `work` | work without the interpreter's lock, which Ctrl-C can stop |
//! | `failure` | errors and panics as Python's exceptions |
//!
//! The package around it is in `python/anoseg`. No panic becomes `pyo3_runtime.PanicException`: work runs in
//! `work::detached` or `work::stoppable`, which make `BugError` of it.

mod array;
mod evaluate;
mod failure;
mod inspection;
mod model;
mod train;
mod work;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Functions and classes in Rust; the package `anoseg` is what programs import.
#[pymodule]
mod _anoseg {
    use super::*;

    #[pymodule_export]
    use crate::evaluate::{evaluate, export};
    #[pymodule_export]
    use crate::inspection::{PyInspection, PyRegion};
    #[pymodule_export]
    use crate::model::{PyModel, PyThresholds, load_again};
    #[pymodule_export]
    use crate::train::train;
    #[pymodule_export]
    use crate::work::after_fork;

    /// Runs the program with these arguments, the first its name, and gives its exit code. `starter` is the command that
    /// runs it again when arguments follow.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>, starter: Vec<OsString>) -> u8 {
        if let Some((program, first)) = starter.split_first().filter(|(program, _)| !program.is_empty()) {
            anoseg_cli::set_starter(program.into(), first.to_vec());
        }
        py.detach(|| anoseg_cli::main_with(arguments))
    }

    /// Raises the error that a panic becomes.
    #[pyfunction]
    fn panic_for_tests(py: Python<'_>) -> PyResult<()> {
        crate::work::detached(py, || panic!("asked for by a test"))
    }

    /// The version of the library.
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the name that Python has for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
