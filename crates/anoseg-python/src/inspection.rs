//! The result of an inspection as Python has it.

use anoseg::{Decision, Inspection, Plane, Region};
use numpy::ndarray::Array2;
use numpy::{Element, PyArray2};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};

use crate::failure;

/// A connected region of anomalous pixels, in pixels of the image.
#[pyclass(frozen, get_all, eq, name = "Region", module = "anoseg")]
#[derive(Clone, PartialEq)]
pub(crate) struct PyRegion {
    /// Left column of the bounding box.
    x: usize,
    /// Top row of the bounding box.
    y: usize,
    /// Width of the bounding box.
    width: usize,
    /// Height of the bounding box.
    height: usize,
    /// Pixels of the region.
    area: usize,
    /// The map's value at the most anomalous pixel, 0 to 1.
    peak: f32,
    /// Column of that pixel.
    peak_x: usize,
    /// Row of that pixel.
    peak_y: usize,
}

/// The fields of a region, in order.
type Fields = (usize, usize, usize, usize, usize, f32, usize, usize);

#[pymethods]
impl PyRegion {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "pickle gives the fields one by one")]
    fn new(
        x: usize,
        y: usize,
        width: usize,
        height: usize,
        area: usize,
        peak: f32,
        peak_x: usize,
        peak_y: usize,
    ) -> Self {
        Self { x, y, width, height, area, peak, peak_x, peak_y }
    }

    fn __getnewargs__(&self) -> Fields {
        let Self { x, y, width, height, area, peak, peak_x, peak_y } = *self;
        (x, y, width, height, area, peak, peak_x, peak_y)
    }

    fn __repr__(&self) -> String {
        let Self { x, y, width, height, area, peak, peak_x, peak_y } = self;
        format!(
            "Region(x={x}, y={y}, width={width}, height={height}, area={area}, peak={peak:.4}, peak_x={peak_x}, \
             peak_y={peak_y})"
        )
    }
}

impl From<&Region> for PyRegion {
    fn from(region: &Region) -> Self {
        let Region { x, y, width, height, area, peak, peak_x, peak_y } = *region;
        Self { x, y, width, height, area, peak, peak_x, peak_y }
    }
}

/// The result of an inspection.
#[pyclass(frozen, get_all, name = "Inspection", module = "anoseg")]
pub(crate) struct PyInspection {
    /// How anomalous the image is, 0 to 1.
    score: f32,
    /// What follows.
    decision: Py<PyAny>,
    /// The regions, the highest peak first.
    regions: Py<PyList>,
    /// How anomalous each pixel is, 0 to 1: float32, height x width.
    map: Py<PyArray2<f32>>,
    /// The pixels of the regions: bool, height x width.
    mask: Py<PyArray2<bool>>,
    /// What makes the result doubtful, in words; usually nothing.
    warnings: Py<PyList>,
}

/// What an inspection consists of, in order.
type Parts = (f32, Py<PyAny>, Py<PyList>, Py<PyArray2<f32>>, Py<PyArray2<bool>>, Py<PyList>);

#[pymethods]
impl PyInspection {
    #[new]
    fn new(
        score: f32,
        decision: Py<PyAny>,
        regions: Py<PyList>,
        map: Py<PyArray2<f32>>,
        mask: Py<PyArray2<bool>>,
        warnings: Py<PyList>,
    ) -> Self {
        Self { score, decision, regions, map, mask, warnings }
    }

    fn __getnewargs__(&self, py: Python<'_>) -> Parts {
        let Self { score, decision, regions, map, mask, warnings } = self;
        let (decision, regions, warnings) =
            (decision.clone_ref(py), regions.clone_ref(py), warnings.clone_ref(py));
        (*score, decision, regions, map.clone_ref(py), mask.clone_ref(py), warnings)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let Self { score, decision, regions, map, warnings, .. } = self;
        let decision = decision.bind(py).str()?;
        let (height, width): (usize, usize) = map.bind(py).getattr("shape")?.extract()?;
        let (regions, warnings) = (regions.bind(py).len(), warnings.bind(py).len());
        Ok(format!(
            "<anoseg.Inspection {decision} score={score:.4} regions={regions} warnings={warnings} {width}x{height}>"
        ))
    }
}

impl PyInspection {
    /// Map and mask move into numpy's arrays without a copy.
    pub(crate) fn of(py: Python<'_>, inspection: Inspection) -> PyResult<Self> {
        let Inspection { decision, score, regions, mask, map, warnings } = inspection;
        let regions: Vec<PyRegion> = regions.iter().map(PyRegion::from).collect();
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        Ok(Self {
            score,
            decision: decision_of(py, decision)?,
            regions: PyList::new(py, regions)?.unbind(),
            map: array_of(py, map)?,
            mask: array_of(py, mask)?,
            warnings: PyList::new(py, warnings)?.unbind(),
        })
    }
}

/// The member of Python's enum.
fn decision_of(py: Python<'_>, decision: Decision) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let name = match decision {
        Decision::Good => "good",
        Decision::Review => "review",
        Decision::Reject => "reject",
    };
    Ok(CLASS.import(py, "anoseg._decision", "Decision")?.call1((name,))?.unbind())
}

/// The values of a plane as an array, height x width.
fn array_of<T: Element + Copy>(py: Python<'_>, plane: Plane<T>) -> PyResult<Py<PyArray2<T>>> {
    let shape = (plane.height(), plane.width());
    let array = Array2::from_shape_vec(shape, plane.into_vec());
    let array = array.map_err(|error| failure::exception(&error.into()))?;
    Ok(PyArray2::from_owned_array(py, array).unbind())
}
