//! Models as Python has them.

use std::path::PathBuf;
use std::sync::OnceLock;

use anoseg::batch::{Verdict, inspect_bytes};
use anoseg::{Error, ErrorKind, Image, Limits, Model, Threads, decode};
use anyhow::Result;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::array::{Order, image_of, refuse_single};
use crate::failure;
use crate::inspection::PyInspection;
use crate::work::{detached, start_threads};

/// More threads than this take minutes to start and gain nothing.
const MOST_THREADS: usize = 1024;

/// A model that is ready to inspect images, from any thread.
#[pyclass(frozen, weakref, name = "Model", module = "anoseg")]
pub(crate) struct PyModel {
    pub(crate) model: Model,
    /// Threads of its own; 0 where it computes on those that all models share.
    threads: usize,
    /// Its file; None where it comes from bytes.
    path: Option<PathBuf>,
    digest: OnceLock<String>,
}

impl PyModel {
    /// Loads a model file.
    pub(crate) fn load_file(py: Python<'_>, path: PathBuf, threads: usize) -> PyResult<Self> {
        detached(py, move || {
            // Loading computes, too.
            start_threads()?;
            let model = on_threads(Model::load(&path)?, threads)?;
            // Where another process loads it again, the folder may be another one.
            let path = std::path::absolute(&path).unwrap_or(path);
            Ok(Self { model, threads, path: Some(path), digest: OnceLock::new() })
        })
    }

    fn digest_of(&self, py: Python<'_>) -> PyResult<&str> {
        if self.digest.get().is_none() {
            let digest = detached(py, || Ok(self.model.digest()?))?;
            _ = self.digest.set(digest);
        }
        Ok(self.digest.get().map_or("", String::as_str))
    }

    fn inspected(
        &self,
        py: Python<'_>,
        image: impl FnOnce() -> Result<Image> + Send,
    ) -> PyResult<PyInspection> {
        let inspection = detached(py, || {
            start_threads()?;
            Ok(self.model.inspect(&image()?)?)
        })?;
        PyInspection::of(py, inspection)
    }
}

#[pymethods]
impl PyModel {
    /// Loads a model file. The model computes on `threads` threads of its own; 0: on threads that all such models
    /// share, one for each processor.
    #[staticmethod]
    #[pyo3(signature = (path, threads=None))]
    fn load(py: Python<'_>, path: PathBuf, threads: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        Self::load_file(py, path, thread_count(threads)?)
    }

    /// The same from the bytes of a model file.
    #[staticmethod]
    #[pyo3(signature = (data, threads=None))]
    fn from_bytes(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (threads, data) = (thread_count(threads)?, bytes_of(data)?);
        detached(py, || {
            start_threads()?;
            let model = on_threads(Model::from_bytes(&data)?, threads)?;
            Ok(Self { model, threads, path: None, digest: OnceLock::new() })
        })
    }

    /// Inspects an image: uint8 of height x width (grey), height x width x 3 (colour) or x 4 (with alpha, which is
    /// ignored), or uint16 of height x width. A crop of a larger frame is read where it is. `order="bgr"` for frames of
    /// OpenCV. Larger images than `max_pixels` are refused.
    #[pyo3(signature = (image, *, order="rgb", max_pixels=None))]
    fn inspect(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        order: &str,
        max_pixels: Option<u64>,
    ) -> PyResult<PyInspection> {
        let image = image_of(image, Order::named(order)?, max_pixels.unwrap_or(default_pixels()))?;
        self.inspected(py, move || Ok(image))
    }

    /// Inspects an image file, as `anoseg predict` does.
    fn inspect_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<PyInspection> {
        self.inspected(py, move || Ok(decode::load(&path, &Limits::default()).map_err(Error::from)?))
    }

    /// Inspects the bytes of an image file.
    fn inspect_bytes(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<PyInspection> {
        let data = bytes_of(data)?;
        self.inspected(py, move || {
            Ok(decode::load_bytes(&data, "image".as_ref(), &Limits::default()).map_err(Error::from)?)
        })
    }

    /// The line of verdicts.jsonl that `anoseg predict` writes of an image file with these bytes and this name. Of
    /// bytes that are no image it says why.
    #[pyo3(signature = (data, name))]
    fn verdict<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'_, PyAny>,
        name: PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = bytes_of(data)?;
        let model_digest = self.digest_of(py)?.to_owned();
        let verdict = detached(py, || {
            start_threads()?;
            match inspect_bytes(&self.model, &data, &name, &Limits::default()) {
                Ok(inspected) => Ok(Verdict::of(&inspected, false)),
                // It is the image's fault, and its verdict says so.
                Err(error) if error.kind() == ErrorKind::Data => Ok(Verdict::failed(&name, &error)),
                Err(error) => Err(error.into()),
            }
        })?;
        from_json(py, &Verdict { model_digest, ..verdict })
    }

    /// Inspects several images at a time, of a list or any iterable, or of an array of number x height x width x 3.
    #[pyo3(signature = (images, *, order="rgb", max_pixels=None))]
    fn inspect_batch(
        &self,
        py: Python<'_>,
        images: &Bound<'_, PyAny>,
        order: &str,
        max_pixels: Option<u64>,
    ) -> PyResult<Vec<PyInspection>> {
        let (order, max_pixels) = (Order::named(order)?, max_pixels.unwrap_or(default_pixels()));
        refuse_single(images)?;
        detached(py, || Ok(start_threads()?))?;
        // Only so many images are there twice, as arrays and converted.
        let at_once = 2 * rayon::current_num_threads();
        let (mut inspections, mut images) = (Vec::new(), images.try_iter()?);
        loop {
            let mut chunk = Vec::with_capacity(at_once);
            for (number, image) in images.by_ref().take(at_once).enumerate() {
                let image = image_of(&image?, order, max_pixels);
                chunk.push(image.map_err(|error| numbered(py, &error, inspections.len() + number))?);
            }
            if chunk.is_empty() {
                return Ok(inspections);
            }
            let done: Vec<_> = detached(py, || {
                let inspected = chunk.par_iter().map(|image| Ok(self.model.inspect(image)?));
                inspected.collect::<Result<_>>()
            })?;
            for inspection in done {
                inspections.push(PyInspection::of(py, inspection)?);
            }
        }
    }

    /// BLAKE3 of everything in the model, in hexadecimal: models of one digest give the same results.
    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<&str> {
        self.digest_of(py)
    }

    /// Architecture, preprocessing, thresholds and training, as in the model file.
    #[getter]
    fn description<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, self.model.description())
    }

    /// Its thresholds. A model that has none inspects nothing.
    #[getter]
    fn thresholds(&self) -> Option<PyThresholds> {
        let calibration = self.model.description().calibration.as_ref()?;
        Some(PyThresholds {
            image: calibration.image_threshold,
            review: calibration.review_threshold,
            pixel: calibration.pixel_threshold,
            min_area: calibration.regions.min_area,
            min_peak: calibration.regions.min_peak,
        })
    }

    /// Its file; None where it comes from bytes.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    /// Threads of its own; 0 where it has none.
    #[getter]
    fn threads(&self) -> usize {
        self.threads
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (PathBuf, String, usize))> {
        let Some(path) = self.path.clone() else {
            return Err(failure::argument(
                "a model from bytes cannot be pickled: load it from a file by Model.load, or send its bytes",
            ));
        };
        let again = py.import("anoseg._anoseg")?.getattr("load_again")?;
        Ok((again, (path, self.digest_of(py)?.to_owned(), self.threads)))
    }

    fn __repr__(&self) -> String {
        let description = self.model.description();
        let from =
            self.path.as_ref().map_or_else(|| "from bytes".to_owned(), |path| path.display().to_string());
        let category = &description.provenance.category;
        let thresholds = match &description.calibration {
            Some(calibration) => format!("rejects score > {:.4}", calibration.image_threshold),
            None => "no thresholds".to_owned(),
        };
        format!("<anoseg.Model {from}: {category}, preset {}, {thresholds}>", description.preset)
    }
}

/// The thresholds of a model.
#[pyclass(frozen, get_all, eq, name = "Thresholds", module = "anoseg")]
#[derive(Clone, PartialEq)]
pub(crate) struct PyThresholds {
    /// An image is rejected when its score is greater.
    image: f32,
    /// An image is to be reviewed when its score is greater.
    review: f32,
    /// A pixel is marked when its value is greater.
    pixel: f32,
    /// A region is reported when its share of the image is greater, or its peak greater than `min_peak`.
    min_area: f64,
    /// On a good image, a region is reported when its peak is greater, or its share of the image greater than
    /// `min_area`.
    min_peak: f32,
}

#[pymethods]
impl PyThresholds {
    #[new]
    fn new(image: f32, review: f32, pixel: f32, min_area: f64, min_peak: f32) -> Self {
        Self { image, review, pixel, min_area, min_peak }
    }

    fn __getnewargs__(&self) -> (f32, f32, f32, f64, f32) {
        (self.image, self.review, self.pixel, self.min_area, self.min_peak)
    }

    fn __repr__(&self) -> String {
        let Self { image, review, pixel, min_area, min_peak } = self;
        format!(
            "Thresholds(image={image}, review={review}, pixel={pixel}, min_area={min_area}, min_peak={min_peak})"
        )
    }
}

/// Loads a pickled model again. The file must still hold it.
#[pyfunction]
pub(crate) fn load_again(py: Python<'_>, path: PathBuf, digest: &str, threads: usize) -> PyResult<PyModel> {
    let shown = path.display().to_string();
    let model = PyModel::load_file(py, path, threads)?;
    if model.digest_of(py)? == digest {
        return Ok(model);
    }
    Err(failure::model(format!("{shown}: the file holds another model than the one that was pickled")))
}

/// A value as Python's dictionaries and lists.
pub(crate) fn from_json<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|error| failure::exception(&error.into()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// Most pixels of an image where nothing else is said.
fn default_pixels() -> u64 {
    Limits::default().max_pixels
}

/// The bytes of a value that has some: bytes, bytearray, memoryview, an array.
pub(crate) fn bytes_of(data: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let view = data.py().import("builtins")?.getattr("memoryview")?.call1((data,));
    let bytes = view.and_then(|view| view.call_method0("tobytes")?.extract::<Vec<u8>>());
    bytes.map_err(|_| {
        let kind = data.get_type().name().map_or_else(|_| "a value".to_owned(), |name| name.to_string());
        failure::argument(format!("{kind} has no bytes: give the bytes of a file"))
    })
}

/// A whole number from 0 on.
pub(crate) fn whole_number(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract::<u64>().map_err(|_| {
        let shown = value.repr().map_or_else(|_| "no number".to_owned(), |shown| shown.to_string());
        failure::argument(format!("{name} is {shown}: give a whole number from 0 on"))
    })
}

fn thread_count(threads: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    let Some(threads) = threads else { return Ok(0) };
    let count = whole_number("threads", threads)?;
    let count = usize::try_from(count).ok().filter(|&count| count <= MOST_THREADS);
    count.ok_or_else(|| {
        failure::argument(format!(
            "threads is more than {MOST_THREADS}: give fewer, or 0 for those that all models share"
        ))
    })
}

fn on_threads(model: Model, threads: usize) -> Result<Model> {
    Ok(if threads == 0 { model } else { model.with_threads(Threads::new(threads)?) })
}

/// The error of an image of a batch, with its number.
fn numbered(py: Python<'_>, error: &PyErr, number: usize) -> PyErr {
    failure::argument(format!("images[{number}]: {}", error.value(py)))
}
