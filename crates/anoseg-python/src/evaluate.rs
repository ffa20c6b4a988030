//! Figures on test images, and models as ONNX files.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use anoseg::dataset::summarise_masks;
use anoseg::evaluation::{EvaluationFiles, evaluate_with_files};
use anoseg::{Dataset, RunDir, StopToken};
use anoseg_cli::{Output, prepare_file};
use anoseg_export::{Numbers, Options};
use anoseg_image::write;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use crate::model::{PyModel, from_json};
use crate::work::{detached, start_threads, stoppable};

/// A model, or its file.
#[derive(FromPyObject)]
pub(crate) enum Given<'py> {
    /// A model that was loaded.
    Model(Bound<'py, PyModel>),
    /// Its file.
    Path(PathBuf),
}

impl<'py> Given<'py> {
    fn model(self, py: Python<'py>) -> PyResult<Bound<'py, PyModel>> {
        match self {
            Self::Model(model) => Ok(model),
            Self::Path(path) => Bound::new(py, PyModel::load_file(py, path, 0)?),
        }
    }
}

/// Evaluates a model on the test images of a folder. What was left out, and what makes the figures doubtful, is warned
/// of.
#[pyfunction]
#[pyo3(signature = (model, data, *, report=None))]
pub(crate) fn evaluate<'py>(
    py: Python<'py>,
    model: Given<'py>,
    data: PathBuf,
    report: Option<PathBuf>,
) -> PyResult<Bound<'py, PyAny>> {
    let model = model.model(py)?;
    let model = model.get();
    let stop = StopToken::new();
    let files = EvaluationFiles { report, stop: stop.clone(), ..EvaluationFiles::default() };
    let work = |_: SyncSender<()>| -> anyhow::Result<_> {
        start_threads()?;
        let dataset = Dataset::open(&data)?;
        if let Some(path) = &files.report {
            prepare_file(path, "report", Output::Report)?;
        }
        let run_dir = RunDir::beside(model.model.path());
        let mut run = evaluate_with_files(&model.model, &dataset, &run_dir, &files)?;
        if !run.unwritten.is_empty() {
            return Err(run.unwritten.swap_remove(0).into());
        }
        let mut remarks = dataset.warnings.clone();
        remarks.extend(dataset.without_good_tests());
        remarks.extend(run.failures.iter().map(|failure| format!("left out: {failure}")));
        remarks.extend(summarise_masks(&run.masks));
        remarks.extend(run.doubts.iter().cloned());
        Ok((run.record(), remarks))
    };
    let (record, remarks) = stoppable(py, &stop, work, |()| Ok(()))?;
    for remark in remarks {
        let remark = CString::new(remark.replace('\0', "%00"))?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &remark, 1)?;
    }
    from_json(py, &record)
}

/// Writes a model as an ONNX file, and gives what the graph leaves to its user.
#[pyfunction]
#[pyo3(signature = (model, output, *, preprocessing=false, fp16=false))]
pub(crate) fn export(
    py: Python<'_>,
    model: Given<'_>,
    output: PathBuf,
    preprocessing: bool,
    fp16: bool,
) -> PyResult<Vec<String>> {
    let model = model.model(py)?;
    let model = &model.get().model;
    detached(py, || {
        prepare_file(&output, "output", Output::Onnx)?;
        start_threads()?;
        let numbers = if fp16 { Numbers::Float16 } else { Numbers::Float32 };
        let export = anoseg_export::export(model, &Options { with_preprocessing: preprocessing, numbers })?;
        write::atomic(&output, |target| target.write_all(&export.bytes))?;
        Ok(export.remarks)
    })
}
