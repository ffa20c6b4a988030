//! Reading images and masks from files, within limits.
//!
//! The format is told by content, never by name: PNG, JPEG, TIFF, BMP, WebP, GIF or PNM; other kinds
//! are refused by their names ([`sniff_file`]). Of several frames or pages the first is read, and the
//! others are counted ([`Decoded::further_pages`]). `docs/formats.md` lists the variants.
//!
//! **Values.** Integers are divided by their full scale (16-bit images keep their precision);
//! floats are as the file has them. Grey becomes three equal planes; palettes are looked up; CMYK
//! becomes RGB without an ink profile; other colour profiles are not applied.
//!
//! **Alpha is ignored**, not composited: compositing needs a background colour that no file
//! defines, and the images of a camera have no transparent parts.
//!
//! **Orientation.** The Exif orientation is applied, to masks as well.
//!
//! **Completeness.** A file that is cut short or whose data do not decode is an error, even where a
//! viewer would fill the rest with grey. JPEG has no checksum: changed bytes that still decode give
//! other pixels. A variant that is not read is [`ImageError::Unsupported`], never called damaged.
//!
//! **Memory.** The header is checked against [`Limits`] before memory is taken for pixels, and lengths
//! inside a file against the file.

mod common;
mod container;
mod error;
mod gif;
mod guard;
mod jpeg;
mod limits;
mod parts;
mod pnm;
mod raster;
mod sniff;
mod tiff;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use image::metadata::Orientation;

use crate::plane::{AnomalyMap, Image, Mask, SampleType};
pub use error::{DecoderError, ImageError};
pub(crate) use error::{io_advice, not_read};
pub use limits::{BYTES_PER_PIXEL, LONGEST_SIDE, Limits};
pub use sniff::{Kind, sniff_file};

use guard::guarded;
use parts::{Bytes, Parts};
use raster::Raster;
use sniff::{Content, Format};

/// Reads an image, upright: integers as shares of full scale, 0..=1, and floats as they are.
///
/// # Errors
/// When the file cannot be read, is not a complete image of a known format, or exceeds `limits`.
pub fn load(path: &Path, limits: &Limits) -> Result<Image, ImageError> {
    Decoded::load(path, limits).map(|decoded| decoded.image)
}

/// As [`load`], for a file that is already in memory, such as an upload. Errors name it `name`.
///
/// # Errors
/// As for [`load`].
pub fn load_bytes(bytes: &[u8], name: &Path, limits: &Limits) -> Result<Image, ImageError> {
    Decoded::from_bytes(bytes, name, limits).map(|decoded| decoded.image)
}

/// An image with what its file says beside the pixels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The image, upright.
    pub image: Image,
    /// Whether the file holds one grey value per pixel, not colours.
    pub grey: bool,
    /// Whether an orientation tag turned or mirrored the stored pixels.
    pub turned: bool,
    /// The orientation that the file states, as Exif numbers it, 1..=8; 1 if it states none.
    pub orientation: u8,
    /// Whether the pixels differ in their alpha, which is not applied.
    pub alpha_varies: bool,
    /// Width and height of the stored pixels, before they are turned.
    pub stored_size: (usize, usize),
    /// Further full-size images in the file (pages of a TIFF, frames of a GIF) that were not read.
    pub further_pages: usize,
}

impl Decoded {
    /// As [`load`].
    ///
    /// # Errors
    /// As for [`load`].
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, ImageError> {
        Self::from_bytes(&read_file(path, limits)?, path, limits)
    }

    /// As [`load_bytes`].
    ///
    /// # Errors
    /// As for [`load`].
    pub fn from_bytes(bytes: &[u8], name: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let (raster, header) = decode(bytes, name, limits)?;
        let (grey, alpha_varies) = (raster.channels < 3, raster.alpha_varies);
        let orientation = header.orientation.to_exif();
        let turned = header.orientation != Orientation::NoTransforms;
        let (stored_size, further_pages) = ((header.width, header.height), header.further_pages);
        let image = raster.into_image(header.orientation);
        let image = if header.states_depth { image.with_sample_type(SampleType::U8) } else { image };
        Ok(Self { image, grey, turned, orientation, alpha_varies, stored_size, further_pages })
    }
}

/// Reads a ground-truth mask, upright. In lossless files every pixel with a colour value other than
/// zero is anomalous. In lossy files (JPEG, lossy WebP) a pixel needs a colour value of at least
/// half of full scale, because compression changes zeros.
///
/// # Errors
/// As for [`load`].
pub fn load_mask(path: &Path, limits: &Limits) -> Result<Mask, ImageError> {
    load_mask_bytes(&read_file(path, limits)?, path, limits)
}

/// As [`load_mask`], for a file that is already in memory. Errors name it `name`.
///
/// # Errors
/// As for [`load`].
pub fn load_mask_bytes(bytes: &[u8], name: &Path, limits: &Limits) -> Result<Mask, ImageError> {
    let (raster, header) = decode(bytes, name, limits)?;
    Ok(raster.into_mask(header.orientation, header.lossy))
}

/// Reads a one-channel float image with its values as they are, neither clamped nor scaled.
pub(crate) fn load_float(path: &Path, limits: &Limits) -> Result<AnomalyMap, ImageError> {
    let (raster, header) = decode(&read_file(path, limits)?, path, limits)?;
    raster.into_map(header.orientation).map_err(|fault| fault.at(path))
}

/// Width and height of the upright image, from the file's header alone.
///
/// # Errors
/// As for [`load`], as far as the header shows.
pub fn probe(path: &Path, limits: &Limits) -> Result<(usize, usize), ImageError> {
    let header = match probe_start(path, limits)? {
        Some(header) => header,
        None => read_header(&read_file(path, limits)?, path, limits)?.1,
    };
    Ok(raster::upright_size(header.width, header.height, header.orientation))
}

/// The header, read from the start of the file, and from the places that a TIFF or WebP names. `None`
/// for files whose header lies behind large metadata or in many places.
fn probe_start(path: &Path, limits: &Limits) -> Result<Option<Header>, ImageError> {
    let io = |source| ImageError::Io { path: path.to_path_buf(), source };
    let mut start = Vec::new();
    let mut file = open(path, limits)?;
    (&mut file).take(PROBE_BYTES).read_to_end(&mut start).map_err(io)?;
    let format = sniffed(path, &start)?;
    if (start.len() as u64) < PROBE_BYTES {
        return read_header(&start, path, limits).map(|(_, header)| Some(header));
    }
    if !matches!(format, Format::Tiff | Format::WebP) {
        return Ok(read_header(&start, path, limits).ok().map(|(_, header)| header));
    }
    let length = file.metadata().map_err(io)?.len();
    let found = Parts::new(length, start).header(&mut file, |bytes| {
        guarded(|| match format {
            Format::Tiff => tiff::header(bytes, limits),
            _ => container::webp_header(bytes),
        })
    });
    let Some(header) = found.map_err(io)? else { return Ok(None) };
    let header = header.map_err(|fault| fault.at(path))?;
    check_size(header.width, header.height, path, limits)?;
    check_memory(&header, path, limits)?;
    Ok(Some(header))
}

/// Bytes at the start of a file that contain most headers.
const PROBE_BYTES: u64 = 64 << 10;

/// The header of an image file. Width and height are those of the stored image, not yet upright.
#[derive(Clone, Copy, Debug)]
struct Header {
    width: usize,
    height: usize,
    orientation: Orientation,
    /// Bytes per pixel that the decoder allocates.
    bytes_per_pixel: u64,
    /// Bytes beside these, whatever the number of pixels.
    extra_bytes: u64,
    /// Whether compression may have changed pixel values.
    lossy: bool,
    /// Further full-size images in the file.
    further_pages: usize,
    /// Whether the file says how many bits its samples have, so that its full scale is white.
    states_depth: bool,
}

/// Decodes a file: detects the format, reads the header, checks the limits and completeness,
/// decodes the pixels.
fn decode(bytes: &[u8], path: &Path, limits: &Limits) -> Result<(Raster, Header), ImageError> {
    check_file_size(bytes.len() as u64, path, limits)?;
    let (format, header) = read_header(bytes, path, limits)?;
    let raster = guarded(|| match format {
        Format::Jpeg => jpeg::pixels(bytes, &header),
        Format::Tiff => tiff::pixels(bytes, &header),
        Format::Pnm => pnm::pixels(bytes),
        Format::Gif => gif::pixels(bytes),
        _ => common::pixels(bytes, format, limits),
    });
    Ok((raster.map_err(|fault| fault.at(path))?, header))
}

/// Reads the header and checks it against the limits.
fn read_header(bytes: &[u8], path: &Path, limits: &Limits) -> Result<(Format, Header), ImageError> {
    let format = sniffed(path, bytes)?;
    if format == Format::Png {
        // The PNG decoder reserves memory for its rows while it reads the header.
        let (width, height) = container::png_size(bytes).map_err(|fault| fault.at(path))?;
        check_size(width, height, path, limits)?;
    }
    let header = guarded(|| match format {
        Format::Jpeg => jpeg::header(bytes),
        Format::Tiff => tiff::header(Bytes::Whole(bytes), limits),
        Format::Pnm => pnm::header(bytes),
        Format::Gif => gif::header(bytes),
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
    let per_pixel = header.bytes_per_pixel + BYTES_PER_PIXEL;
    let bytes = (width as u64 * height as u64).saturating_mul(per_pixel).saturating_add(header.extra_bytes);
    let most = limits.max_alloc_bytes;
    if bytes > most {
        let what = format!(
            "{width} x {height} pixels take {bytes} bytes, where {most} are allowed (max_alloc_bytes)"
        );
        return Err(ImageError::Limit { path: path.to_path_buf(), what });
    }
    Ok(())
}

fn sniffed(path: &Path, head: &[u8]) -> Result<Format, ImageError> {
    let path = path.to_path_buf();
    if head.is_empty() {
        return Err(ImageError::NotAnImage { path, reason: "the file is empty".into() });
    }
    match sniff::content(head) {
        Content::Image(format) => Ok(format),
        Content::OtherImage(name) => Err(ImageError::OtherFormat { path, name }),
        Content::NoImage(name) => {
            Err(ImageError::NotAnImage { path, reason: format!("its content is {name}") })
        }
        Content::Unknown => {
            Err(ImageError::NotAnImage { path, reason: "its content has no known signature".into() })
        }
    }
}

/// Opens a regular file of allowed size. Pipes and devices are refused, because reading them could
/// block forever.
fn open(path: &Path, limits: &Limits) -> Result<File, ImageError> {
    let io = |source| ImageError::Io { path: path.to_path_buf(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.to_path_buf() });
    }
    check_file_size(metadata.len(), path, limits)?;
    File::open(path).map_err(io)
}

/// The bytes of an image file, for those who need them beside the pixels of [`load_bytes`]. Pipes and
/// devices are refused.
///
/// # Errors
/// When the file cannot be read, is not a regular file, or exceeds [`Limits::max_file_bytes`].
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let file = open(path, limits)?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a file that grows while it is read is detected.
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
