//! The formats of images, masks and anomaly maps.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::marker::{KEYWORD, MARKER, SOFTWARE_TAG};
use super::{WriteError, atomic};
use crate::decode::{ImageError, Limits};
use crate::plane::{AnomalyMap, Image, Mask, interleave};

/// Writes an image as 8-bit RGB PNG.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// As [`encode_png`].
pub fn write_png(path: &Path, image: &Image) -> Result<(), WriteError> {
    atomic(path, |file| file.write_all(&encode_png(image)))
}

/// As [`write_png`], marked as the result of a model: [`is_result`](super::is_result) tells it from
/// an image to inspect. Rows are compressed as they are written; no copy of the image is made.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// If the image has no pixels.
pub fn write_result_png(path: &Path, image: &Image) -> Result<(), WriteError> {
    let kind = (png::ColorType::Rgb, png::BitDepth::Eight);
    marked_png(path, (image.width(), image.height()), kind, |y, row| image.write_rgb8(y, row))
}

/// As [`write_result_png`], each row (red, green, blue) as `change` leaves it, which is called with the
/// number of the row, from the top on. No floats of the whole image are made.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// If the image has no pixels.
pub fn write_result_rows(
    path: &Path,
    image: &Image,
    mut change: impl FnMut(usize, [&mut [f32]; 3]),
) -> Result<(), WriteError> {
    atomic(path, |file| encode_result_rows(file, image, &mut change))
}

/// As [`write_result_rows`], to any target.
///
/// # Errors
/// Those of the target.
///
/// # Panics
/// If the image has no pixels.
pub fn encode_result_rows(
    target: &mut dyn Write,
    image: &Image,
    mut change: impl FnMut(usize, [&mut [f32]; 3]),
) -> io::Result<()> {
    let kind = (png::ColorType::Rgb, png::BitDepth::Eight);
    let mut rows = [0, 1, 2].map(|_| vec![0.0; image.width()]);
    encode_marked_png(target, (image.width(), image.height()), kind, |y, bytes| {
        for (c, row) in rows.iter_mut().enumerate() {
            image.copy_row(c, 0, y, row);
        }
        change(y, rows.each_mut().map(Vec::as_mut_slice));
        interleave(&rows, bytes);
    })
}

/// Writes a mask as 8-bit grey PNG: 255 anomalous, 0 normal.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// If the mask has no pixels.
pub fn write_mask_png(path: &Path, mask: &Mask) -> Result<(), WriteError> {
    let grey: Vec<u8> = mask.as_slice().iter().map(|&anomalous| grey(anomalous)).collect();
    let bytes = png_bytes(&grey, mask.width(), mask.height(), ExtendedColorType::L8);
    atomic(path, |file| file.write_all(&bytes))
}

/// As [`write_mask_png`], marked as the result of a model: [`is_result`](super::is_result) tells it
/// from a ground-truth mask.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// If the mask has no pixels.
pub fn write_result_mask(path: &Path, mask: &Mask) -> Result<(), WriteError> {
    atomic(path, |file| encode_result_mask(file, mask))
}

/// As [`write_result_mask`], to any target.
///
/// # Errors
/// Those of the target.
///
/// # Panics
/// If the mask has no pixels.
pub fn encode_result_mask(target: &mut dyn Write, mask: &Mask) -> io::Result<()> {
    let kind = (png::ColorType::Grayscale, png::BitDepth::Eight);
    encode_marked_png(target, (mask.width(), mask.height()), kind, |y, row| {
        for (sample, &anomalous) in row.iter_mut().zip(mask.row(y)) {
            *sample = grey(anomalous);
        }
    })
}

/// Writes an anomaly map as 16-bit grey PNG, marked as the result of a model
/// ([`is_result`](super::is_result)): values from 0 to 1 become 0 to 65535, rounded. Values beyond are
/// clipped.
///
/// # Errors
/// As for [`atomic()`].
///
/// # Panics
/// If the map has no pixels.
pub fn write_map_png16(path: &Path, map: &AnomalyMap) -> Result<(), WriteError> {
    let kind = (png::ColorType::Grayscale, png::BitDepth::Sixteen);
    marked_png(path, (map.width(), map.height()), kind, |y, row| {
        for (sample, &value) in row.chunks_exact_mut(2).zip(map.row(y)) {
            let grey = (f64::from(value).clamp(0.0, 1.0) * 65535.0).round() as u16;
            sample.copy_from_slice(&grey.to_be_bytes());
        }
    })
}

fn grey(anomalous: bool) -> u8 {
    if anomalous { 255 } else { 0 }
}

/// Writes a PNG with the marker of results, whose rows `fill` gives.
fn marked_png(
    path: &Path,
    size: (usize, usize),
    kind: (png::ColorType, png::BitDepth),
    mut fill: impl FnMut(usize, &mut [u8]),
) -> Result<(), WriteError> {
    atomic(path, |file| encode_marked_png(file, size, kind, &mut fill))
}

fn encode_marked_png(
    target: &mut dyn Write,
    (width, height): (usize, usize),
    (colour, depth): (png::ColorType, png::BitDepth),
    mut fill: impl FnMut(usize, &mut [u8]),
) -> io::Result<()> {
    let mut row = vec![0; width * colour.samples() * (depth as usize / 8)];
    let mut write = |file: &mut dyn Write| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(file, side(width), side(height));
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::Adaptive);
        encoder.add_text_chunk(KEYWORD.to_owned(), MARKER.to_owned())?;
        let mut writer = encoder.write_header()?;
        let mut rows = writer.stream_writer()?;
        for y in 0..height {
            fill(y, &mut row);
            rows.write_all(&row)?;
        }
        rows.finish()?;
        writer.finish()
    };
    let mut target = Remembering { target, error: None };
    write(&mut target).map_err(|error| match target.error {
        Some(error) => error,
        None => io::Error::other(error),
    })
}

/// Keeps the error of the system, whose kind tells what to do: the encoder passes on its text only.
struct Remembering<'a> {
    target: &'a mut dyn Write,
    error: Option<io::Error>,
}

impl Remembering<'_> {
    fn remember<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error = Some(error);
            }
            kind.into()
        })
    }
}

impl Write for Remembering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.target.write(bytes);
        self.remember(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.target.flush();
        self.remember(result)
    }
}

/// The image as the bytes of an 8-bit RGB PNG.
///
/// # Panics
/// If the image has no pixels; every image that [`decode`](crate::decode) reads has some.
pub fn encode_png(image: &Image) -> Vec<u8> {
    png_bytes(&image.to_rgb8(), image.width(), image.height(), ExtendedColorType::Rgb8)
}

fn png_bytes(samples: &[u8], width: usize, height: usize, colour: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(samples, side(width), side(height), colour)
        .expect("an image with pixels can be written to memory");
    bytes
}

/// The image as the bytes of a JPEG of `quality` 1..=100 (others are clamped).
///
/// # Panics
/// If the image has no pixels or a side above [`LONGEST_SIDE`](crate::decode::LONGEST_SIDE); no
/// image that [`decode`](crate::decode) reads is so.
pub fn encode_jpeg(image: &Image, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
        .write_image(&image.to_rgb8(), side(image.width()), side(image.height()), ExtendedColorType::Rgb8)
        .expect("an image with pixels and sides of at most 65535 can be written to memory");
    bytes
}

/// Writes an anomaly map as a TIFF of one 32-bit float per pixel, uncompressed, marked as the result
/// of a model ([`is_result`](super::is_result)).
///
/// # Errors
/// As for [`atomic()`], or the map has more than 4 GiB.
///
/// # Panics
/// If the map has no pixels.
pub fn write_tiff_f32(path: &Path, map: &AnomalyMap) -> Result<(), WriteError> {
    atomic(path, |file| encode_tiff_f32(file, map))
}

/// As [`write_tiff_f32`], to any target.
///
/// # Errors
/// Those of the target, or the map has more than 4 GiB.
///
/// # Panics
/// If the map has no pixels.
pub fn encode_tiff_f32(target: &mut dyn Write, map: &AnomalyMap) -> io::Result<()> {
    target.write_all(&tiff_head(map.width(), map.height())?)?;
    for y in 0..map.height() {
        let row: Vec<u8> = map.row(y).iter().flat_map(|value| value.to_le_bytes()).collect();
        target.write_all(&row)?;
    }
    Ok(())
}

/// All of a baseline TIFF (TIFF 6.0, 1992) before its samples, which follow in one strip: header,
/// directory, the text of the marker.
fn tiff_head(width: usize, height: usize) -> io::Result<Vec<u8>> {
    assert!(width > 0 && height > 0, "a map with pixels can be written");
    const DIRECTORY: u32 = 8;
    const ENTRIES: u16 = 11;
    const TEXT: u32 = DIRECTORY + 2 + 12 * ENTRIES as u32 + 4;
    let text_length = MARKER.len() as u32 + 1;
    // The samples begin at a multiple of their size.
    let samples = (TEXT + text_length).next_multiple_of(4);
    let bytes = (width as u64 * height as u64).saturating_mul(4);
    let most = u64::from(u32::MAX - samples);
    let bytes = u32::try_from(bytes).ok().filter(|&bytes| u64::from(bytes) <= most);
    let bytes = bytes.ok_or_else(|| io::Error::other("a TIFF holds at most 4 GiB"))?;
    let (short, long, ascii) = (3u16, 4u16, 2u16);
    let entries: [(u16, u16, u32, u32); ENTRIES as usize] = [
        (256, long, 1, side(width)),
        (257, long, 1, side(height)),
        (258, short, 1, 32), // bits per sample
        (259, short, 1, 1),  // no compression
        (262, short, 1, 1),  // black is zero
        (273, long, 1, samples),
        (277, short, 1, 1),           // samples per pixel
        (278, long, 1, side(height)), // rows per strip
        (279, long, 1, bytes),
        (SOFTWARE_TAG, ascii, text_length, TEXT),
        (339, short, 1, 3), // IEEE floats
    ];
    let mut head = b"II\x2a\0".to_vec();
    head.extend(DIRECTORY.to_le_bytes());
    head.extend(ENTRIES.to_le_bytes());
    for (tag, kind, count, value) in entries {
        head.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        head.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    head.extend([0; 4]); // no further directory
    head.extend(MARKER.as_bytes());
    head.resize(samples as usize, 0);
    Ok(head)
}

/// Reads an anomaly map from a TIFF of one 32-bit float per pixel, values as they are.
///
/// # Errors
/// When the file cannot be read, is no such TIFF, holds values that are not finite, or exceeds the
/// default [`Limits`].
pub fn read_tiff_f32(path: &Path) -> Result<AnomalyMap, ImageError> {
    crate::decode::load_float(path, &Limits { min_side: 1, ..Limits::default() })
}

fn side(pixels: usize) -> u32 {
    u32::try_from(pixels).expect("a side has at most u32::MAX pixels")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both forms of a map agree, and values beyond 0..=1 are clipped.
    #[test]
    fn a_map_as_png_is_the_map_to_half_a_level() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        let map = AnomalyMap::from_fn(40, 9, |x, y| ((x * 9 + y) as f32 / 300.0).sin().abs() * 1.1 - 0.05);
        write_map_png16(&path, &map).unwrap();
        let read = crate::Decoded::load(&path, &Limits::default()).unwrap().image;
        for (x, y) in (0..40).flat_map(|x| (0..9).map(move |y| (x, y))) {
            let difference = (read.get(x, y)[0] - map.get(x, y).clamp(0.0, 1.0)).abs();
            assert!(difference <= 0.5 / 65535.0 + f32::EPSILON, "{x} {y}: {difference}");
        }
    }

    /// A full disk once counted as any other error, and the batch went on in vain.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        // So much that the encoder does not keep all of it until the end.
        let image = Image::from_fn(900, 900, |x, y| [(x * x + y * y * y) as f32 % 7.0 / 7.0; 3]);
        let map = AnomalyMap::from_fn(900, 900, |x, y| image.get(x, y)[0]);
        let full = Path::new("/dev/full");
        let errors = [
            write_result_png(full, &image),
            write_result_mask(full, &map.map(|&value| value > 0.5)),
            write_tiff_f32(full, &map),
            write_map_png16(full, &map),
        ];
        for error in errors.map(Result::unwrap_err) {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        }
    }
}
