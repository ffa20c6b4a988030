//! PNG, BMP and WebP, decoded by the `image` crate.

use std::borrow::Cow;
use std::io::Cursor;

use image::error::LimitErrorKind;
use image::{DynamicImage, ImageDecoder, ImageError as Foreign, ImageFormat, ImageReader};

use super::container::{self, WebP};
use super::error::Fault;
use super::raster::{Raster, Samples};
use super::sniff::Format;
use super::{Header, Limits};

pub(super) fn header(bytes: &[u8], format: Format, limits: &Limits) -> Result<Header, Fault> {
    let webp = if format == Format::WebP { Some(WebP::read(bytes)?) } else { None };
    let further_pages = match &webp {
        Some(webp) => webp.further_frames,
        None if format == Format::Png => container::png_further_frames(bytes),
        None => 0,
    };
    let (bytes, copied) = pixel_bytes(bytes, format);
    let mut decoder = decoder(&bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    Ok(Header {
        width: width as usize,
        height: height as usize,
        bytes_per_pixel: u64::from(decoder.color_type().bytes_per_pixel()),
        orientation: decoder.orientation().map_err(fault)?,
        extra_bytes: copied,
        lossy: webp.is_some_and(|webp| webp.lossy),
        further_pages,
        states_depth: false,
    })
}

pub(super) fn pixels(bytes: &[u8], format: Format, limits: &Limits) -> Result<Raster, Fault> {
    match format {
        Format::Png if !container::png_has_end(bytes) => return Err(Fault::damaged("it ends too early")),
        Format::Png if container::is_apple_png(bytes) => {
            return Err(Fault::unsupported("it is a PNG in Apple's own variant (CgBI)"));
        }
        Format::Bmp => container::check_bmp(bytes)?,
        _ => {}
    }
    let (bytes, _) = pixel_bytes(bytes, format);
    let image = DynamicImage::from_decoder(decoder(&bytes, format, limits)?).map_err(fault)?;
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
    Ok(Raster::new(width, height, channels, samples))
}

/// The bytes that are decoded, and how many were copied for that.
fn pixel_bytes(bytes: &[u8], format: Format) -> (Cow<'_, [u8]>, u64) {
    let bytes = match format {
        Format::Png => container::png_pixels(bytes),
        // The decoder would go on to chunks behind the end, whose lengths nobody has checked.
        Format::WebP => Cow::Borrowed(container::riff_content(bytes)),
        _ => Cow::Borrowed(bytes),
    };
    let copied = if let Cow::Owned(copy) = &bytes { copy.len() as u64 } else { 0 };
    (bytes, copied)
}

fn decoder<'a>(bytes: &'a [u8], format: Format, limits: &Limits) -> Result<impl ImageDecoder + 'a, Fault> {
    let foreign_format = match format {
        Format::Png => ImageFormat::Png,
        Format::Bmp => ImageFormat::Bmp,
        Format::WebP => ImageFormat::WebP,
        Format::Jpeg | Format::Tiff | Format::Pnm | Format::Gif => {
            return Err(Fault::unsupported("it needs another decoder"));
        }
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
        Foreign::Limits(_) => Fault::Limit("its sides are longer than max_side allows".into()),
        // Without the decoder's own error, whose text would be repeated as the cause.
        other => Fault::Damaged(plain(&other.to_string()), None),
    }
}

/// The text of a decoder as a plain sentence: chunks by their names, and what a wrong checksum means.
fn plain(text: &str) -> String {
    let text = text
        .split_once(": ")
        .filter(|(start, _)| start.starts_with("Format error"))
        .map_or(text, |(_, rest)| rest);
    let text = with_chunks_named(text);
    if !text.starts_with("CRC error") {
        return text.trim_end_matches('.').to_owned();
    }
    let chunk = text.split_once("while decoding ").map_or("", |(_, chunk)| chunk.trim_end_matches(" chunk."));
    format!("the checksum of its chunk {chunk} does not match its data")
}

/// The text with `IDAT` in place of `ChunkType { type: IDAT, critical: true, ... }`.
fn with_chunks_named(text: &str) -> String {
    let (mut named, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("ChunkType { type: ") {
        let Some((inside, behind)) = after.split_once('}') else { break };
        named.push_str(before);
        named.push_str(inside.split(',').next().unwrap_or_default());
        rest = behind;
    }
    named + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoder_texts_become_plain_sentences() {
        let chunk =
            "ChunkType { type: IDAT, critical: true, private: false, reserved: false, safecopy: false }";
        let text = format!(
            "Format error decoding Png: CRC error: expected 0x1 have 0x2 while decoding {chunk} chunk."
        );
        assert_eq!(plain(&text), "the checksum of its chunk IDAT does not match its data");
        let text = format!("Format error decoding Png: Chunk {chunk} must appear at most once.");
        assert_eq!(plain(&text), "Chunk IDAT must appear at most once");
        assert_eq!(plain("The file is odd."), "The file is odd");
    }
}
