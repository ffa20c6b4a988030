//! Arrays of numpy as images.
//!
//! The pixels are converted while the interpreter is locked, so that no code in Python writes them meanwhile.

use anoseg::{Image, ImageView, Limits, PixelFormat};
use bytemuck::Pod;
use numpy::{Element, PyArrayDyn, PyArrayMethods as _, PyUntypedArray, PyUntypedArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::failure;

/// What arrays are taken.
const TAKEN: &str = "an image is a numpy array: uint8 of height x width (grey), height x width x 3 (colour) or x 4 (with \
                     alpha, which is ignored), or uint16 of height x width (grey, in this machine's byte order); \
                     numpy.asarray makes one of other images, and inspect_batch takes several";

/// The order of the channels of a colour image.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV has them.
    Bgr,
}

impl Order {
    /// The order of this name.
    pub(crate) fn named(name: &str) -> PyResult<Self> {
        match name {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            _ => Err(failure::argument(format!("order is {name:?}: give \"rgb\" or \"bgr\""))),
        }
    }
}

/// Fails if an array is one colour image, whose rows would be taken for images.
pub(crate) fn refuse_single(images: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(array) = images.cast::<PyUntypedArray>() else { return Ok(()) };
    match array.shape() {
        &[height, width, channels @ (3 | 4)] => Err(failure::argument(format!(
            "an array of {height} x {width} x {channels} is one image: give [image], or an array of number x height x width"
        ))),
        _ => Ok(()),
    }
}

/// Fails if an array is larger or smaller than images from files may be. Arrays that cost no memory can be of any size.
fn check_size(height: usize, width: usize, max_pixels: u64) -> PyResult<()> {
    let Limits { min_side, max_side, .. } = Limits::default();
    let said = format!("an image of {width} x {height} pixels");
    if height.min(width) < min_side {
        return Err(failure::argument(format!("{said} is too small: each side has at least {min_side}")));
    }
    if height.max(width) > max_side {
        return Err(failure::argument(format!("{said} is too long: each side has at most {max_side}")));
    }
    let pixels = height as u64 * width as u64;
    if pixels > max_pixels {
        return Err(failure::argument(format!("{said} has more than max_pixels={max_pixels}: raise it")));
    }
    Ok(())
}

/// The image that an array of at most so many pixels shows.
pub(crate) fn image_of(array: &Bound<'_, PyAny>, order: Order, max_pixels: u64) -> PyResult<Image> {
    let Ok(untyped) = array.cast::<PyUntypedArray>() else {
        return Err(failure::argument(format!("{} is no image: {TAKEN}", array.get_type().name()?)));
    };
    let unfit = || {
        let shape: Vec<String> = untyped.shape().iter().map(ToString::to_string).collect();
        let (dtype, shape) = (untyped.dtype(), shape.join(" x "));
        failure::argument(format!("an array of {dtype}, shape {shape}, is no image: {TAKEN}"))
    };
    let (height, width, channels) = match *untyped.shape() {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        _ => return Err(unfit()),
    };
    if height == 0 || width == 0 {
        return Err(unfit());
    }
    check_size(height, width, max_pixels)?;
    if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        let format = match (channels, order) {
            (1, _) => PixelFormat::Grey8,
            (3, Order::Rgb) => PixelFormat::Rgb8,
            (3, Order::Bgr) => PixelFormat::Bgr8,
            (4, Order::Rgb) => PixelFormat::Rgba8,
            (4, Order::Bgr) => PixelFormat::Bgra8,
            _ => return Err(unfit()),
        };
        return converted(array, format);
    }
    match array.cast::<PyArrayDyn<u16>>() {
        Ok(array) if channels == 1 => converted(array, PixelFormat::Grey16),
        _ => Err(unfit()),
    }
}

/// How the rows of an array lie in memory.
enum Rows {
    /// One after the other.
    Joined,
    /// Each whole, so many bytes apart.
    Apart(usize),
    /// Otherwise.
    Other,
}

fn rows_of<T: Element>(array: &Bound<'_, PyArrayDyn<T>>, format: PixelFormat) -> Rows {
    let aligned = array.getattr("flags").and_then(|flags| flags.getattr("aligned"));
    if !aligned.is_ok_and(|aligned| aligned.is_truthy().unwrap_or(false)) {
        return Rows::Other;
    }
    if array.is_c_contiguous() {
        return Rows::Joined;
    }
    let (shape, strides) = (array.shape(), array.strides());
    let (pixel, sample) = (format.bytes_per_pixel(), size_of::<T>());
    let has = |axis: usize, bytes: usize| {
        shape.get(axis).is_none_or(|&size| size == 1) || strides[axis] == bytes as isize
    };
    match usize::try_from(strides[0]) {
        Ok(stride)
            if has(1, pixel) && has(2, sample) && stride >= shape[1] * pixel && stride % sample == 0 =>
        {
            Rows::Apart(stride)
        }
        _ => Rows::Other,
    }
}

/// Converts the pixels. Rows that are whole are read where they are; others are copied by numpy first.
fn converted<T: Element + Pod>(array: &Bound<'_, PyArrayDyn<T>>, format: PixelFormat) -> PyResult<Image> {
    let py = array.py();
    let (height, width) = (array.shape()[0], array.shape()[1]);
    let row = width * format.bytes_per_pixel();
    let (flat, stride) = match rows_of(array, format) {
        Rows::Joined => (array.clone(), row),
        Rows::Apart(stride) => {
            let length = ((height - 1) * stride + row) / size_of::<T>();
            let options = PyDict::new(py);
            options.set_item("shape", (length,))?;
            options.set_item("strides", (size_of::<T>(),))?;
            options.set_item("writeable", false)?;
            let tricks = py.import("numpy.lib.stride_tricks")?;
            (tricks.call_method("as_strided", (array,), Some(&options))?.cast_into()?, stride)
        }
        Rows::Other => (array.call_method1("copy", ("C",))?.cast_into()?, row),
    };
    let unreadable =
        |error: &dyn std::fmt::Display| failure::argument(format!("the array cannot be read: {error}"));
    let flat = flat.try_readonly().map_err(|error| unreadable(&error))?;
    let bytes: &[u8] = bytemuck::cast_slice(flat.as_slice().map_err(|error| unreadable(&error))?);
    let view = ImageView::new(bytes, width, height, format).and_then(|view| view.with_stride(stride));
    Ok(view.map_err(|error| failure::argument(error.to_string()))?.to_image())
}
