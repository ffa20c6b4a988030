//! Reading pictures and masks from files, within limits.
//!
//! All decoding of the program goes through this module. The format is told by content, never by name: PNG,
//! JPEG, TIFF, BMP or WebP; of several frames or pages the first is read.
//!
//! **Values.** Integers are divided by their full scale (16-bit pictures keep their precision); floats are
//! clamped to 0..=1, and refused when they lie further out than -1..=2, because then they are on another
//! scale. Grey becomes three equal planes; palettes are looked up; CMYK becomes RGB without an ink profile;
//! other colour profiles are not applied.
//!
//! **Alpha is left out**, not composited: compositing needs a background that no file names, and a camera's
//! picture has no transparent parts. The colour stored in a pixel is what counts.
//!
//! **Upright.** The orientation that a camera wrote (Exif) is applied, to masks as well.
//!
//! **Whole.** A file that is cut short or whose data do not decode is an error, even where a viewer would
//! fill the rest with grey. A JPEG has no checksum, though: bytes that changed in its middle and still make
//! sense are read as other pixels.

mod common;
mod error;
mod format;
mod jpeg;
mod limits;
mod markers;
mod raster;
mod tiff;

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::ImageFormat;
use image::metadata::Orientation;

use crate::plane::{AnomalyMap, Image, Mask};
pub use error::ImageError;
pub(crate) use error::io_advice;
pub use limits::{LONGEST_SIDE, Limits};

use error::Fault;
use raster::Raster;

/// Reads a picture, upright, in 0..=1.
///
/// # Errors
/// When the file cannot be read, is no whole picture of a known format, or lies outside `limits`.
pub fn load(path: &Path, limits: &Limits) -> Result<Image, ImageError> {
    load_bytes(&read(path, limits)?, path, limits)
}

/// As [`load`], for a picture that is in memory already: an upload. Messages call it `name`.
///
/// # Errors
/// As for [`load`].
pub fn load_bytes(bytes: &[u8], name: &Path, limits: &Limits) -> Result<Image, ImageError> {
    let (raster, header) = decode(bytes, name, limits)?;
    raster.into_image(header.orientation).map_err(|fault| fault.at(name))
}

/// Reads a ground-truth mask, upright: in lossless files every pixel with a colour value other than zero is
/// anomalous, in lossy ones (JPEG, lossy WebP) those with a colour value of at least half of full scale,
/// because compression smears the zeros.
///
/// # Errors
/// As for [`load`].
pub fn load_mask(path: &Path, limits: &Limits) -> Result<Mask, ImageError> {
    let (raster, header) = decode(&read(path, limits)?, path, limits)?;
    Ok(raster.into_mask(header.orientation, header.lossy))
}

/// Reads a one-channel float picture with its values as they are, neither clamped nor scaled.
pub(crate) fn load_float(path: &Path, limits: &Limits) -> Result<AnomalyMap, ImageError> {
    let (raster, header) = decode(&read(path, limits)?, path, limits)?;
    raster.into_map(header.orientation).map_err(|fault| fault.at(path))
}

/// Width and height of the upright picture, from the file's header alone.
///
/// # Errors
/// As for [`load`], as far as the header shows.
pub fn probe(path: &Path, limits: &Limits) -> Result<(usize, usize), ImageError> {
    let header = match probe_start(path, limits)? {
        Some(header) => header,
        None => read_header(&read(path, limits)?, path, limits)?.1,
    };
    Ok(raster::upright_size(header.width, header.height, header.orientation))
}

/// The header, where the start of the file suffices: not in TIFF and WebP, which may keep their orientation
/// at the end, and not behind large metadata.
fn probe_start(path: &Path, limits: &Limits) -> Result<Option<Header>, ImageError> {
    let mut start = Vec::new();
    open(path, limits)?
        .take(PROBE_BYTES)
        .read_to_end(&mut start)
        .map_err(|source| ImageError::Io { path: path.to_path_buf(), source })?;
    match sniffed(path, &start)? {
        ImageFormat::Tiff | ImageFormat::WebP => Ok(None),
        _ => Ok(read_header(&start, path, limits).ok().map(|(_, header)| header)),
    }
}

/// Bytes that hold most headers.
const PROBE_BYTES: u64 = 64 << 10;

/// What the header of a file says about its picture, before it is turned upright.
#[derive(Clone, Copy, Debug)]
struct Header {
    width: usize,
    height: usize,
    orientation: Orientation,
    /// Bytes per pixel that the decoder takes.
    bytes_per_pixel: u64,
    /// Whether compression may have changed pixel values.
    lossy: bool,
}

/// The one way from bytes to samples: format, header, limits, completeness, pixels.
fn decode(bytes: &[u8], path: &Path, limits: &Limits) -> Result<(Raster, Header), ImageError> {
    check_file_size(bytes.len() as u64, path, limits)?;
    let (format, header) = read_header(bytes, path, limits)?;
    let raster = guarded(|| {
        format::check_complete(format, bytes)?;
        match format {
            ImageFormat::Jpeg => jpeg::pixels(bytes, &header),
            ImageFormat::Tiff => tiff::pixels(bytes, &header, limits),
            _ => common::pixels(bytes, format, limits),
        }
    });
    Ok((raster.map_err(|fault| fault.at(path))?, header))
}

/// Reads the header and holds it against the limits.
fn read_header(bytes: &[u8], path: &Path, limits: &Limits) -> Result<(ImageFormat, Header), ImageError> {
    let format = sniffed(path, bytes)?;
    if format == ImageFormat::Png {
        // The PNG decoder reserves memory for its rows while it reads the header.
        let (width, height) = format::png_size(bytes).map_err(|fault| fault.at(path))?;
        check_size(width, height, path, limits)?;
    }
    let header = guarded(|| match format {
        ImageFormat::Jpeg => jpeg::header(bytes),
        ImageFormat::Tiff => tiff::header(bytes, limits),
        _ => common::header(bytes, format, limits),
    });
    let header = header.map_err(|fault| fault.at(path))?;
    check_size(header.width, header.height, path, limits)?;
    check_memory(&header, path, limits)?;
    Ok((format, header))
}

fn check_size(width: usize, height: usize, path: &Path, limits: &Limits) -> Result<(), ImageError> {
    let limit = |what: String| Err(ImageError::Limit { path: path.to_path_buf(), what });
    let max_side = limits.max_side.min(LONGEST_SIDE);
    if width.max(height) > max_side {
        return limit(format!("{width} x {height} pixels, where a side may have {max_side} (max_side)"));
    }
    let pixels = (width as u64).saturating_mul(height as u64);
    if pixels > limits.max_pixels {
        let most = limits.max_pixels;
        return limit(format!(
            "{width} x {height} is {pixels} pixels, where {most} are allowed (max_pixels)"
        ));
    }
    let min_side = limits.min_side.max(1);
    if width.min(height) < min_side {
        return Err(ImageError::TooSmall { path: path.to_path_buf(), width, height, min_side });
    }
    Ok(())
}

fn check_memory(header: &Header, path: &Path, limits: &Limits) -> Result<(), ImageError> {
    let Header { width, height, .. } = *header;
    let planes = 3 * size_of::<f32>() as u64;
    let bytes = (width as u64 * height as u64).saturating_mul(header.bytes_per_pixel + planes);
    let most = limits.max_alloc_bytes;
    if bytes > most {
        let what = format!(
            "{width} x {height} pixels take {bytes} bytes, where {most} are allowed (max_alloc_bytes)"
        );
        return Err(ImageError::Limit { path: path.to_path_buf(), what });
    }
    Ok(())
}

fn sniffed(path: &Path, head: &[u8]) -> Result<ImageFormat, ImageError> {
    format::sniff(&head[..head.len().min(format::MAGIC_BYTES)])
        .map_err(|reason| ImageError::NotAnImage { path: path.to_path_buf(), reason })
}

/// Opens a regular file of allowed size. Pipes and devices are refused: reading them could wait forever.
fn open(path: &Path, limits: &Limits) -> Result<File, ImageError> {
    let io = |source| ImageError::Io { path: path.to_path_buf(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_path_buf() });
    }
    check_file_size(metadata.len(), path, limits)?;
    File::open(path).map_err(io)
}

fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let file = open(path, limits)?;
    let mut bytes = Vec::new();
    // One byte more than allowed: a file that grows while it is read must not pass.
    let most = limits.max_file_bytes.saturating_add(1);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|source| ImageError::Io { path: path.to_path_buf(), source })?;
    check_file_size(bytes.len() as u64, path, limits)?;
    Ok(bytes)
}

fn check_file_size(bytes: u64, path: &Path, limits: &Limits) -> Result<(), ImageError> {
    let most = limits.max_file_bytes;
    if bytes > most {
        let what = format!("the file has more than {most} bytes (max_file_bytes)");
        return Err(ImageError::Limit { path: path.to_path_buf(), what });
    }
    Ok(())
}

/// Turns a panic of a decoder into an error.
///
/// The decoders are others' work and read others' files; one file must not end a batch or a server. Nothing
/// outlives the call but its result, so no half-changed state can be seen afterwards.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Fault::damaged("its decoder failed on it")))
}
