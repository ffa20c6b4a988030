//! PNG, BMP and WebP, decoded by the `image` crate.

use std::io::Cursor;

use image::error::LimitErrorKind;
use image::{DynamicImage, ImageDecoder, ImageError as Foreign, ImageFormat, ImageReader};

use super::error::Fault;
use super::raster::{Raster, Samples};
use super::sniff::Format;
use super::{Header, Limits};

pub(super) fn header(bytes: &[u8], format: Format, limits: &Limits) -> Result<Header, Fault> {
    let mut decoder = decoder(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    Ok(Header {
        width: width as usize,
        height: height as usize,
        bytes_per_pixel: u64::from(decoder.color_type().bytes_per_pixel()),
        orientation: decoder.orientation().map_err(fault)?,
        extra_bytes: 0,
        lossy: format == Format::WebP && webp_is_lossy(bytes),
        further_pages: 0,
    })
}

pub(super) fn pixels(bytes: &[u8], format: Format, limits: &Limits) -> Result<Raster, Fault> {
    let image = DynamicImage::from_decoder(decoder(bytes, format, limits)?).map_err(fault)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, samples) = match image {
        DynamicImage::ImageLuma8(p) => (1, Samples::U8(p.into_raw())),
        DynamicImage::ImageLumaA8(p) => (2, Samples::U8(p.into_raw())),
        DynamicImage::ImageRgb8(p) => (3, Samples::U8(p.into_raw())),
        DynamicImage::ImageRgba8(p) => (4, Samples::U8(p.into_raw())),
        DynamicImage::ImageLuma16(p) => (1, Samples::U16(p.into_raw())),
        DynamicImage::ImageLumaA16(p) => (2, Samples::U16(p.into_raw())),
        DynamicImage::ImageRgb16(p) => (3, Samples::U16(p.into_raw())),
        DynamicImage::ImageRgba16(p) => (4, Samples::U16(p.into_raw())),
        other => return Err(Fault::unsupported(format!("it has the colour type {:?}", other.color()))),
    };
    Ok(Raster { width, height, channels, samples })
}

/// Whether a WebP file holds lossily compressed pixels: a `VP8 ` chunk, alone or in an extended
/// file.
fn webp_is_lossy(bytes: &[u8]) -> bool {
    let mut at = 12usize;
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        match &head[..4] {
            b"VP8 " | b"ANMF" => return true,
            b"VP8L" => return false,
            _ => {}
        }
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        at = at.saturating_add(8).saturating_add(size).saturating_add(size % 2);
    }
    false
}

fn decoder<'a>(bytes: &'a [u8], format: Format, limits: &Limits) -> Result<impl ImageDecoder + 'a, Fault> {
    let foreign_format = match format {
        Format::Png => ImageFormat::Png,
        Format::Bmp => ImageFormat::Bmp,
        Format::WebP => ImageFormat::WebP,
        Format::Jpeg | Format::Tiff => return Err(Fault::unsupported("it needs another decoder")),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), foreign_format);
    let mut foreign = image::Limits::default();
    foreign.max_alloc = Some(limits.max_alloc_bytes);
    reader.limits(foreign);
    reader.into_decoder().map_err(fault)
}

fn fault(error: Foreign) -> Fault {
    match error {
        Foreign::IoError(error) => error.into(),
        Foreign::Unsupported(what) => Fault::unsupported_by(what.to_string(), what),
        Foreign::Limits(what) if what.kind() == LimitErrorKind::InsufficientMemory => {
            Fault::Limit("its data take more than max_alloc_bytes".into())
        }
        Foreign::Limits(what) => Fault::Limit(what.to_string()),
        other => Fault::damaged_by(other),
    }
}
