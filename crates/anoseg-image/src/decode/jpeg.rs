//! JPEG: baseline and progressive; grey, colour and CMYK.
//!
//! The decoder is called directly, not through `image`, because only its strict mode reports
//! damaged data; otherwise it fills missing pixels with grey. Before an end marker even strict mode
//! reads missing data as zeros, so sequential images of one scan are decoded without their end
//! marker.

use std::borrow::Cow;

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::Header;
use super::error::Fault;
use super::limits::LONGEST_SIDE;
use super::markers::Segments;
use super::raster::{Raster, Samples};

pub(super) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Fault::damaged("it has no frame header"))?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok(Header {
        width,
        height,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        bytes_per_pixel: out_channels(decoder.input_colorspace()) as u64,
        lossy: true,
    })
}

pub(super) fn pixels(bytes: &[u8], header: &Header) -> Result<Raster, Fault> {
    let segments = Segments::walk(bytes).ok_or_else(|| Fault::damaged("it ends too early"))?;
    let bytes = without_end(bytes, segments);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes[..]), options());
    decoder.decode_headers().map_err(fault)?;
    let channels = out_channels(decoder.input_colorspace());
    let colorspace = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options().jpeg_set_out_colorspace(colorspace));
    let mut data = vec![0; header.width * header.height * channels];
    decoder.decode_into(&mut data).map_err(fault)?;
    Ok(Raster { width: header.width, height: header.height, channels, samples: Samples::U8(data) })
}

/// Zeros in place of the end marker. The decoder reads up to 8 bytes ahead without using them.
const READ_AHEAD: [u8; 16] = [0; 16];

/// The bytes up to the end marker, so that the decoder reports missing data. Unchanged for
/// progressive images and several scans, where the decoder needs that marker.
fn without_end(bytes: &[u8], segments: Segments) -> Cow<'_, [u8]> {
    if segments.sequential && segments.scans == 1 {
        Cow::Owned([&bytes[..segments.end], &READ_AHEAD[..]].concat())
    } else {
        Cow::Borrowed(bytes)
    }
}

fn options() -> DecoderOptions {
    DecoderOptions::default().set_strict_mode(true).set_max_width(LONGEST_SIDE).set_max_height(LONGEST_SIDE)
}

fn out_channels(input: Option<ColorSpace>) -> usize {
    if input == Some(ColorSpace::Luma) { 1 } else { 3 }
}

fn fault(error: DecodeErrors) -> Fault {
    match error {
        DecodeErrors::Unsupported(what) => Fault::unsupported(format!("{what:?}")),
        DecodeErrors::ExhaustedData => Fault::damaged("it ends too early"),
        other => Fault::damaged_by(other),
    }
}
