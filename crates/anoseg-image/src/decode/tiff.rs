//! TIFF: integers of 1 to 32 bits and floats; grey, RGB, CMYK, each with or without alpha; strips
//! and tiles.
//!
//! The decoder is called directly, not through `image`, which does not read single-channel floats,
//! the usual format of measurement cameras.

use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult, Limits as TiffLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::error::Fault;
use super::raster::{Raster, Samples};
use super::{Header, Limits};

pub(super) fn header(bytes: &[u8], limits: &Limits) -> Result<Header, Fault> {
    let mut decoder = open(bytes, limits)?;
    let (width, height) = decoder.dimensions().map_err(fault)?;
    let colours = decoder.colortype().map_err(fault)?;
    let layout = Layout::of(colours)?;
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).map_err(fault)?;
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).map_err(fault)?;
    Ok(Header {
        width: width as usize,
        height: height as usize,
        orientation: orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms),
        // Stored samples, and their copy in a common layout.
        bytes_per_pixel: 2 * layout.stored as u64 * u64::from(layout.bits).div_ceil(8).max(4),
        // 6 and 7 are JPEG (TIFF 6.0 and technical note 2), 34712 JPEG 2000, 50001 WebP.
        lossy: matches!(compression, Some(6 | 7 | 34712 | 50001)),
    })
}

pub(super) fn pixels(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Raster, Fault> {
    let mut decoder = open(bytes, limits)?;
    let layout = Layout::of(decoder.colortype().map_err(fault)?)?;
    let mut stored = DecodingResult::U8(Vec::new());
    let buffer = decoder.read_image_to_buffer(&mut stored).map_err(fault)?;
    let (width, height) = (header.width, header.height);
    if stored.as_buffer(0).as_bytes().len() < buffer.complete_len {
        return Err(Fault::Limit("its colour planes take more than max_alloc_bytes".into()));
    }
    let samples = scaled(stored, &layout, width)?;
    let samples = interleaved(samples, &buffer, width * height)?;
    let raster = Raster { width, height, channels: layout.stored, samples };
    raster.with_channels(&layout)
}

/// The number, depth and meaning of the samples of a pixel.
struct Layout {
    bits: u8,
    /// Samples per pixel as stored.
    stored: usize,
    cmyk: bool,
}

impl Layout {
    fn of(colours: ColorType) -> Result<Self, Fault> {
        let (stored, bits, cmyk) = match colours {
            ColorType::Gray(bits) => (1, bits, false),
            // Grey with an extra sample is reported like this.
            ColorType::GrayA(bits) | ColorType::Multiband { bit_depth: bits, num_samples: 2 } => {
                (2, bits, false)
            }
            ColorType::RGB(bits) => (3, bits, false),
            ColorType::RGBA(bits) => (4, bits, false),
            ColorType::CMYK(bits) => (4, bits, true),
            ColorType::CMYKA(bits) => (5, bits, true),
            other => return Err(unsupported(other)),
        };
        let depths: &[u8] = if stored == 1 { &[1, 2, 4, 8, 16, 32, 64] } else { &[8, 16, 32, 64] };
        if !depths.contains(&bits) {
            return Err(unsupported(colours));
        }
        Ok(Self { bits, stored, cmyk })
    }
}

fn unsupported(colours: ColorType) -> Fault {
    Fault::unsupported(format!("it is a TIFF of colour type {colours:?}"))
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Decoder<Cursor<&'a [u8]>>, Fault> {
    let most = usize::try_from(limits.max_alloc_bytes).unwrap_or(usize::MAX);
    let mut tiff_limits = TiffLimits::default();
    tiff_limits.decoding_buffer_size = most;
    tiff_limits.intermediate_buffer_size = most;
    tiff_limits.ifd_value_size = most.min(64 << 20);
    Ok(Decoder::new(Cursor::new(bytes)).map_err(fault)?.with_limits(tiff_limits))
}

/// Converts the samples to a supported depth; integers keep their share of full scale.
fn scaled(stored: DecodingResult, layout: &Layout, width: usize) -> Result<Samples, Fault> {
    let samples = match stored {
        DecodingResult::U8(v) if layout.bits < 8 => Samples::U8(unpacked(&v, layout.bits, width)),
        DecodingResult::U8(v) if layout.bits == 8 => Samples::U8(v),
        DecodingResult::U16(v) if layout.bits == 16 => Samples::U16(v),
        DecodingResult::U32(v) if layout.bits == 32 => {
            Samples::F32(v.into_iter().map(|s| (f64::from(s) / f64::from(u32::MAX)) as f32).collect())
        }
        DecodingResult::F16(v) => Samples::F32(v.into_iter().map(f32::from).collect()),
        DecodingResult::F32(v) => Samples::F32(v),
        DecodingResult::F64(v) => Samples::F32(v.into_iter().map(|s| s as f32).collect()),
        _ => {
            return Err(Fault::unsupported(format!(
                "it is a TIFF of {}-bit signed or wide integers",
                layout.bits
            )));
        }
    };
    match &samples {
        Samples::F32(v) if v.iter().any(|s| !s.is_finite()) => {
            Err(Fault::damaged("it holds values that are not finite"))
        }
        _ => Ok(samples),
    }
}

/// Grey samples below 8 bits, packed from the high bit down, each row filled up to a byte (TIFF
/// 6.0, section 3).
fn unpacked(packed: &[u8], bits: u8, width: usize) -> Vec<u8> {
    let bits = usize::from(bits.max(1));
    let full = (1u32 << bits) - 1;
    let row_bytes = (width * bits).div_ceil(8).max(1);
    let sample = |row: &[u8], x: usize| {
        let first = x * bits;
        let value = (0..bits).fold(0u32, |value, bit| {
            let at = first + bit;
            value << 1 | u32::from(row[at / 8] >> (7 - at % 8) & 1)
        });
        (value * 255 / full) as u8
    };
    packed.chunks_exact(row_bytes).flat_map(|row| (0..width).map(move |x| sample(row, x))).collect()
}

/// Interleaves planes that are stored one after the other (planar configuration 2).
fn interleaved(samples: Samples, buffer: &BufferLayoutPreference, pixels: usize) -> Result<Samples, Fault> {
    fn weave<T: Copy>(data: &[T], planes: usize, pixels: usize) -> Option<Vec<T>> {
        if data.len() != planes * pixels {
            return None;
        }
        Some((0..pixels).flat_map(|i| (0..planes).map(move |p| data[p * pixels + i])).collect())
    }
    let planes = buffer.planes;
    if planes <= 1 {
        return Ok(samples);
    }
    match samples {
        Samples::U8(v) => weave(&v, planes, pixels).map(Samples::U8),
        Samples::U16(v) => weave(&v, planes, pixels).map(Samples::U16),
        Samples::F32(v) => weave(&v, planes, pixels).map(Samples::F32),
    }
    .ok_or_else(|| Fault::damaged("its colour planes differ in size"))
}

impl Raster {
    /// Checks the number of samples and turns CMYK into RGB.
    fn with_channels(self, layout: &Layout) -> Result<Self, Fault> {
        let Self { width, height, channels, samples } = self;
        let length = match &samples {
            Samples::U8(v) => v.len(),
            Samples::U16(v) => v.len(),
            Samples::F32(v) => v.len(),
        };
        if length != width * height * channels {
            return Err(Fault::damaged("its number of samples does not match its size"));
        }
        if !layout.cmyk {
            return Ok(Self { width, height, channels, samples });
        }
        let ink: Vec<f32> = match samples {
            Samples::U8(v) => v.into_iter().map(|s| f32::from(s) / 255.0).collect(),
            Samples::U16(v) => v.into_iter().map(|s| f32::from(s) / 65_535.0).collect(),
            Samples::F32(v) => v,
        };
        // No ink profile is applied: each ink removes its share of white.
        let rgb = ink.chunks_exact(channels).flat_map(|p| [0, 1, 2].map(|c| (1.0 - p[c]) * (1.0 - p[3])));
        Ok(Self { width, height, channels: 3, samples: Samples::F32(rgb.collect()) })
    }
}

fn fault(error: TiffError) -> Fault {
    match error {
        TiffError::IoError(error) => error.into(),
        TiffError::UnsupportedError(what) => {
            let text = format!("its TIFF variant: {what}");
            Fault::unsupported_by(text, TiffError::UnsupportedError(what))
        }
        TiffError::LimitsExceeded => Fault::Limit("its TIFF data take more than max_alloc_bytes".into()),
        other => Fault::damaged_by(other),
    }
}
