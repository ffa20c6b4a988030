//! Models: load, describe, free.

use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;

use anoseg::{Model, Threads};

use crate::status::{Failure, anoseg_status, guard, text};

/// A model that is ready to inspect images.
pub struct anoseg_model {
    pub(crate) model: Model,
    digest: CString,
    description: CString,
}

/// What a model is. Texts belong to the model and are valid until it is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct anoseg_model_info {
    /// BLAKE3 of the model file's contents, in hexadecimal.
    pub digest: *const c_char,
    /// The description in the model file as JSON: architecture, preprocessing, thresholds, training.
    pub description: *const c_char,
    /// Whether it has thresholds. Without them it inspects nothing, and the three values are NaN.
    pub calibrated: bool,
    /// An image is rejected when its score is greater.
    pub image_threshold: f32,
    /// An image is to be reviewed when its score is greater.
    pub review_threshold: f32,
    /// A pixel is marked when its value is greater.
    pub pixel_threshold: f32,
}

impl anoseg_model {
    fn new(model: Model, threads: usize) -> Result<Box<Self>, Failure> {
        let model = if threads == 0 { model } else { model.with_threads(Threads::new(threads)?) };
        let description = serde_json::to_string(model.description());
        let description = description.map_err(|error| anoseg::Error::Bug(error.to_string()))?;
        let (digest, description) = (text(model.digest()?), text(description));
        Ok(Box::new(Self { model, digest, description }))
    }
}

/// Loads a model file. `path` is UTF-8 (on Unix any bytes). The model computes on `threads` threads of its own; 0:
/// on threads that all such models share, one for each processor. `*model` is to be freed by
/// anoseg_v1_model_free.
///
/// # Safety
/// `path` is null or ends with a byte of 0; `model` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_model_load(
    path: *const c_char,
    threads: usize,
    model: *mut *mut anoseg_model,
) -> anoseg_status {
    guard(|| {
        if model.is_null() {
            return Err(Failure::null("model"));
        }
        // SAFETY: as this function's caller promises.
        let loaded = Model::load(&unsafe { path_of(path) }?)?;
        let loaded = anoseg_model::new(loaded, threads)?;
        // SAFETY: no null pointer, and the caller promises that it points to a pointer.
        unsafe { model.write(Box::into_raw(loaded)) };
        Ok(())
    })
}

/// The same from the bytes of a model file, which are not needed any more afterwards.
///
/// # Safety
/// `bytes` is null or points to `length` bytes; `model` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_model_from_bytes(
    bytes: *const u8,
    length: usize,
    threads: usize,
    model: *mut *mut anoseg_model,
) -> anoseg_status {
    guard(|| {
        if model.is_null() {
            return Err(Failure::null("model"));
        }
        // SAFETY: as this function's caller promises.
        let loaded = Model::from_bytes(unsafe { bytes_of(bytes, length) }?)?;
        let loaded = anoseg_model::new(loaded, threads)?;
        // SAFETY: no null pointer, and the caller promises that it points to a pointer.
        unsafe { model.write(Box::into_raw(loaded)) };
        Ok(())
    })
}

/// Tells what a model is.
///
/// # Safety
/// `model` is null or a model that is not freed; `info` is null or points to an anoseg_model_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_model_describe(
    model: *const anoseg_model,
    info: *mut anoseg_model_info,
) -> anoseg_status {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let model = unsafe { model.as_ref() }.ok_or_else(|| Failure::null("model"))?;
        if info.is_null() {
            return Err(Failure::null("info"));
        }
        let calibration = model.model.description().calibration.as_ref();
        let told = anoseg_model_info {
            digest: model.digest.as_ptr(),
            description: model.description.as_ptr(),
            calibrated: calibration.is_some(),
            image_threshold: calibration.map_or(f32::NAN, |calibration| calibration.image_threshold),
            review_threshold: calibration.map_or(f32::NAN, |calibration| calibration.review_threshold),
            pixel_threshold: calibration.map_or(f32::NAN, |calibration| calibration.pixel_threshold),
        };
        // SAFETY: no null pointer, and the caller promises that it points to such a structure.
        unsafe { info.write(told) };
        Ok(())
    })
}

/// Frees a model. NULL is allowed.
///
/// # Safety
/// `model` is null or a model that is not freed and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_model_free(model: *mut anoseg_model) {
    guard(|| {
        if !model.is_null() {
            // SAFETY: the caller promises that a function above made it and that it is freed once.
            drop(unsafe { Box::from_raw(model) });
        }
        Ok(())
    });
}

/// A path that C gave.
///
/// # Safety
/// It is null or ends with a byte of 0.
pub(crate) unsafe fn path_of(path: *const c_char) -> Result<PathBuf, Failure> {
    if path.is_null() {
        return Err(Failure::null("path"));
    }
    // SAFETY: no null pointer, and the caller promises that it ends.
    let path = unsafe { CStr::from_ptr(path) };
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
    }
    #[cfg(not(unix))]
    path.to_str().map(PathBuf::from).map_err(|_| Failure::argument("path is not UTF-8"))
}

/// Bytes that C gave.
///
/// # Safety
/// It is null or points to so many bytes, which nobody writes while they are used.
pub(crate) unsafe fn bytes_of<'a>(bytes: *const u8, length: usize) -> Result<&'a [u8], Failure> {
    if bytes.is_null() {
        return Err(Failure::null("bytes"));
    }
    if isize::try_from(length).is_err() {
        return Err(Failure::argument(format!("length is {length}, more than memory has")));
    }
    // SAFETY: no null pointer, and the caller promises so many bytes.
    Ok(unsafe { std::slice::from_raw_parts(bytes, length) })
}
