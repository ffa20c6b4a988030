//! Inspect an image, read the result, free it.

use std::ffi::{CString, c_char};

use anoseg::{Decision, Error, Image, Inspection, Limits, decode};

use crate::image::anoseg_image;
use crate::model::{anoseg_model, bytes_of, path_of};
use crate::status::{Failure, anoseg_status, guard, text};

/// What follows from a score.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum anoseg_decision {
    /// The score is at most the review threshold.
    ANOSEG_GOOD = 0,
    /// A person should inspect the part.
    ANOSEG_REVIEW = 1,
    /// The score is above the image threshold.
    ANOSEG_REJECT = 2,
}

/// A connected region of anomalous pixels, in pixels of the image.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct anoseg_region {
    /// Left column of the bounding box.
    pub x: usize,
    /// Top row of the bounding box.
    pub y: usize,
    /// Width of the bounding box.
    pub width: usize,
    /// Height of the bounding box.
    pub height: usize,
    /// Pixels of the region.
    pub area: usize,
    /// Column of the most anomalous pixel.
    pub peak_x: usize,
    /// Row of the most anomalous pixel.
    pub peak_y: usize,
    /// The anomaly map's value there, 0 to 1.
    pub peak: f32,
}

/// The result of an inspection. Its pointers belong to the inspection and are valid until it is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct anoseg_result {
    /// What follows.
    pub decision: anoseg_decision,
    /// How anomalous the image is, 0 to 1.
    pub score: f32,
    /// Width of image, map and mask in pixels.
    pub width: usize,
    /// Their height.
    pub height: usize,
    /// How anomalous each pixel is, 0 to 1: height rows of width values, without padding.
    pub map: *const f32,
    /// 255 for the pixels of the regions, 0 for others: height rows of width bytes, without padding.
    pub mask: *const u8,
    /// The regions, the highest peak first.
    pub regions: *const anoseg_region,
    /// Number of regions.
    pub region_count: usize,
    /// What makes the result doubtful, in words, UTF-8.
    pub warnings: *const *const c_char,
    /// Number of warnings; usually 0.
    pub warning_count: usize,
}

/// The result of an inspection, with its memory.
pub struct anoseg_inspection {
    inspection: Inspection,
    mask: Vec<u8>,
    regions: Vec<anoseg_region>,
    /// What `warnings` points to.
    _texts: Vec<CString>,
    warnings: Vec<*const c_char>,
}

// SAFETY: the pointers point to texts that the value owns, which nobody writes.
unsafe impl Send for anoseg_inspection {}
// SAFETY: as above; the value is only read.
unsafe impl Sync for anoseg_inspection {}

impl anoseg_inspection {
    fn of(model: &anoseg_model, image: &Image) -> Result<Box<Self>, Failure> {
        let inspection = model.model.inspect(image)?;
        let mask = inspection.mask.as_slice().iter().map(|&inside| if inside { 255 } else { 0 }).collect();
        let regions = inspection.regions.iter().map(|region| anoseg_region {
            x: region.x,
            y: region.y,
            width: region.width,
            height: region.height,
            area: region.area,
            peak_x: region.peak_x,
            peak_y: region.peak_y,
            peak: region.peak,
        });
        let regions = regions.collect();
        let texts: Vec<CString> =
            inspection.warnings.iter().map(|warning| text(warning.to_string())).collect();
        let warnings = texts.iter().map(|text| text.as_ptr()).collect();
        Ok(Box::new(Self { inspection, mask, regions, _texts: texts, warnings }))
    }

    fn result(&self) -> anoseg_result {
        let Inspection { decision, score, map, .. } = &self.inspection;
        let decision = match decision {
            Decision::Good => anoseg_decision::ANOSEG_GOOD,
            Decision::Review => anoseg_decision::ANOSEG_REVIEW,
            Decision::Reject => anoseg_decision::ANOSEG_REJECT,
        };
        anoseg_result {
            decision,
            score: *score,
            width: map.width(),
            height: map.height(),
            map: map.as_slice().as_ptr(),
            mask: self.mask.as_ptr(),
            regions: self.regions.as_ptr(),
            region_count: self.regions.len(),
            warnings: self.warnings.as_ptr(),
            warning_count: self.warnings.len(),
        }
    }
}

/// Inspects an image. `*inspection` is to be freed by anoseg_v1_inspection_free.
///
/// # Safety
/// `model` is null or a model that is not freed; `image` is null or points to an image whose pixels are there and
/// are not written meanwhile; `inspection` is null or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_inspect(
    model: *const anoseg_model,
    image: *const anoseg_image,
    inspection: *mut *mut anoseg_inspection,
) -> anoseg_status {
    // SAFETY: as this function's caller promises.
    unsafe {
        inspect(model, inspection, || {
            let image = image.as_ref().ok_or_else(|| Failure::null("image"))?;
            Ok(image.view()?.to_image())
        })
    }
}

/// Inspects an image file (PNG, JPEG, TIFF, BMP and the other formats of anoseg), as `anoseg predict` does.
///
/// # Safety
/// `model` is null or a model that is not freed; `path` is null or ends with a byte of 0; `inspection` is null or
/// points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_inspect_file(
    model: *const anoseg_model,
    path: *const c_char,
    inspection: *mut *mut anoseg_inspection,
) -> anoseg_status {
    // SAFETY: as this function's caller promises.
    unsafe {
        inspect(model, inspection, || {
            let image = decode::load(&path_of(path)?, &Limits::default());
            Ok(image.map_err(Error::from)?)
        })
    }
}

/// Inspects the bytes of an image file.
///
/// # Safety
/// `model` is null or a model that is not freed; `bytes` is null or points to `length` bytes; `inspection` is null
/// or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_inspect_bytes(
    model: *const anoseg_model,
    bytes: *const u8,
    length: usize,
    inspection: *mut *mut anoseg_inspection,
) -> anoseg_status {
    // SAFETY: as this function's caller promises.
    unsafe {
        inspect(model, inspection, || {
            let image = decode::load_bytes(bytes_of(bytes, length)?, "image".as_ref(), &Limits::default());
            Ok(image.map_err(Error::from)?)
        })
    }
}

/// Checks the handles, inspects the image that `image` gives, and writes the result.
///
/// # Safety
/// As [`anoseg_v1_inspect`].
unsafe fn inspect(
    model: *const anoseg_model,
    inspection: *mut *mut anoseg_inspection,
    image: impl FnOnce() -> Result<Image, Failure>,
) -> anoseg_status {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let model = unsafe { model.as_ref() }.ok_or_else(|| Failure::null("model"))?;
        if inspection.is_null() {
            return Err(Failure::null("inspection"));
        }
        let done = anoseg_inspection::of(model, &image()?)?;
        // SAFETY: no null pointer, and the caller promises that it points to a pointer.
        unsafe { inspection.write(Box::into_raw(done)) };
        Ok(())
    })
}

/// Reads the result of an inspection.
///
/// # Safety
/// `inspection` is null or one that is not freed; `result` is null or points to an anoseg_result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_inspection_read(
    inspection: *const anoseg_inspection,
    result: *mut anoseg_result,
) -> anoseg_status {
    guard(|| {
        // SAFETY: as this function's caller promises.
        let inspection = unsafe { inspection.as_ref() }.ok_or_else(|| Failure::null("inspection"))?;
        if result.is_null() {
            return Err(Failure::null("result"));
        }
        // SAFETY: no null pointer, and the caller promises that it points to such a structure.
        unsafe { result.write(inspection.result()) };
        Ok(())
    })
}

/// Frees an inspection, with everything that its result points to. NULL is allowed.
///
/// # Safety
/// `inspection` is null or one that is not freed and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn anoseg_v1_inspection_free(inspection: *mut anoseg_inspection) {
    guard(|| {
        if !inspection.is_null() {
            // SAFETY: the caller promises that a function above made it and that it is freed once.
            drop(unsafe { Box::from_raw(inspection) });
        }
        Ok(())
    });
}
