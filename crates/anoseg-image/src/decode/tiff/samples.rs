//! From the bytes of strips and tiles to samples in one of the supported types, and to colours.

use super::super::error::Fault;
use super::super::jpeg;
use super::super::raster::Samples;
use super::directory::{Directory, tag};
use super::layout::{Format, Layout, Meaning};
use crate::floats::{float24, half};

/// Samples of the page's type, all zero.
pub(super) fn empty(layout: &Layout, count: usize) -> Samples {
    match (layout.format, layout.bits) {
        (Format::Unsigned, ..=8) => Samples::U8(vec![0; count]),
        (Format::Unsigned, ..=16) => Samples::U16(vec![0; count]),
        _ => Samples::F32(vec![0.0; count]),
    }
}

/// The samples of a strip or tile without what fills up its rows. Integers are brought to the full
/// scale of their type, but not where they are indices of a palette.
pub(super) fn values(bytes: Vec<u8>, layout: &Layout) -> Samples {
    if layout.subsampling != (1, 1) {
        return Samples::U8(cells(&bytes, layout));
    }
    let (bits, index) = (layout.bits, layout.meaning == Meaning::Palette);
    let full = f64::from(((1u64 << bits.min(32)) - 1) as u32);
    let whole_bytes = bits.is_multiple_of(8);
    let integers = |size: usize| {
        let little = layout.little;
        bytes.chunks_exact(size).map(move |b| {
            let add = |sum: u32, &byte: &u8| sum << 8 | u32::from(byte);
            if little { b.iter().rev().fold(0, add) } else { b.iter().fold(0, add) }
        })
    };
    match (layout.format, bits) {
        (Format::Unsigned, 8) => Samples::U8(bytes),
        (Format::Unsigned, ..8) => {
            let scale = |v: u32| if index { v } else { (v * 255 + full as u32 / 2) / full as u32 };
            Samples::U8(packed(&bytes, layout).map(|v| scale(v) as u8).collect())
        }
        (Format::Unsigned, 16) => Samples::U16(integers(2).map(|v| v as u16).collect()),
        (Format::Unsigned, ..16) => {
            let scale = |v: u32| if index { v } else { (v * 65_535 + full as u32 / 2) / full as u32 };
            Samples::U16(packed(&bytes, layout).map(|v| scale(v) as u16).collect())
        }
        (Format::Unsigned, _) => {
            let share = |v: u32| (f64::from(v) / full) as f32;
            Samples::F32(if whole_bytes {
                integers(bits / 8).map(share).collect()
            } else {
                packed(&bytes, layout).map(share).collect()
            })
        }
        (Format::Float, 16) => Samples::F32(integers(2).map(|v| half(v as u16)).collect()),
        (Format::Float, 24) => Samples::F32(integers(3).map(float24).collect()),
        (Format::Float, 32) => Samples::F32(integers(4).map(f32::from_bits).collect()),
        (Format::Float, _) => Samples::F32(doubles(&bytes, layout.little)),
    }
}

fn doubles(bytes: &[u8], little: bool) -> Vec<f32> {
    let double = |b: &[u8; 8]| if little { f64::from_le_bytes(*b) } else { f64::from_be_bytes(*b) };
    bytes.as_chunks().0.iter().map(|b| double(b) as f32).collect()
}

/// Samples packed from the high bit down, each row filled up to a byte (TIFF 6.0, section 3).
fn packed<'a>(bytes: &'a [u8], layout: &Layout) -> impl Iterator<Item = u32> + 'a {
    let (bits, row_samples) = (layout.bits, layout.chunk.0 * layout.interleaved());
    bytes.chunks_exact(layout.row_bytes().max(1)).flat_map(move |row| {
        (0..row_samples).map(move |i| {
            let first = i * bits;
            let last = (first + bits).div_ceil(8);
            let sum = row[first / 8..last].iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
            (sum >> (last * 8 - first - bits) & ((1 << bits) - 1)) as u32
        })
    })
}

/// Pixels of cells that share their colour: the cell's luma values, then Cb and Cr (TIFF 6.0,
/// section 21).
fn cells(bytes: &[u8], layout: &Layout) -> Vec<u8> {
    let ((across, down), width) = (layout.subsampling, layout.chunk.0);
    let cell = across * down + 2;
    let mut pixels = Vec::new();
    for row in bytes.chunks_exact(layout.row_bytes().max(1)) {
        for y in 0..down {
            for x in 0..width {
                let cell = &row[x / across * cell..][..cell];
                pixels.extend([cell[y * across + x % across], cell[across * down], cell[across * down + 1]]);
            }
        }
    }
    pixels
}

/// Where a strip or tile goes.
pub(super) struct Place {
    pub(super) left: usize,
    pub(super) top: usize,
    /// The colour plane, where each has its own.
    pub(super) plane: usize,
}

/// Copies the samples of a strip or tile into the page, without extra samples.
pub(super) fn place(part: &Samples, page: &mut Samples, layout: &Layout, place: &Place) -> Result<(), Fault> {
    match (part, page) {
        (Samples::U8(from), Samples::U8(to)) => copy(from, to, layout, place),
        (Samples::U16(from), Samples::U16(to)) => copy(from, to, layout, place),
        (Samples::F32(from), Samples::F32(to)) => copy(from, to, layout, place),
        _ => return Err(Fault::damaged("its strips or tiles differ in type")),
    }
    Ok(())
}

fn copy<T: Copy>(from: &[T], to: &mut [T], layout: &Layout, place: &Place) {
    let (stored, colours) = (layout.interleaved(), layout.meaning.colours());
    let columns = layout.chunk.0.min(layout.width - place.left);
    let rows = from.chunks_exact(layout.chunk.0 * stored);
    for (y, row) in rows.enumerate().take(layout.height - place.top) {
        let begin = (place.top + y) * layout.width + place.left;
        let out = &mut to[begin * colours..(begin + columns) * colours];
        for (to, from) in out.chunks_exact_mut(colours).zip(row.chunks_exact(stored)) {
            if layout.planar {
                to[place.plane] = from[0];
            } else {
                to.copy_from_slice(&from[..colours]);
            }
        }
    }
}

/// The smallest and largest value of a sample.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range(Option<(f64, f64)>);

impl Range {
    /// Takes in the sample at this place within each pixel of a strip or tile.
    pub(super) fn add(&mut self, part: &Samples, sample: usize, layout: &Layout, place: &Place) {
        match part {
            Samples::U8(values) => self.add_values(values, sample, layout, place),
            Samples::U16(values) => self.add_values(values, sample, layout, place),
            Samples::F32(values) => self.add_values(values, sample, layout, place),
        }
    }

    fn add_values<T: Copy + PartialOrd + Into<f64>>(
        &mut self,
        values: &[T],
        sample: usize,
        layout: &Layout,
        place: &Place,
    ) {
        let stored = layout.interleaved();
        let columns = layout.chunk.0.min(layout.width - place.left);
        let rows = values.chunks_exact(layout.chunk.0 * stored).take(layout.height - place.top);
        let mut values =
            rows.flat_map(|row| row.chunks_exact(stored).take(columns).map(|pixel| pixel[sample]));
        let Some(first) = values.next() else { return };
        let (low, high) = values.fold((first, first), |(low, high), value| {
            (if value < low { value } else { low }, if value > high { value } else { high })
        });
        let (low, high) = (low.into(), high.into());
        self.0 = Some(self.0.map_or((low, high), |(least, most)| (low.min(least), high.max(most))));
    }

    /// Whether the values differ.
    pub(super) fn is_wide(self) -> bool {
        self.0.is_some_and(|(least, most)| least < most)
    }
}

/// Turns the samples into grey or RGB; gives the number of channels as well.
pub(super) fn coloured(
    samples: Samples,
    layout: &Layout,
    page: &Directory,
) -> Result<(usize, Samples), Fault> {
    Ok(match (layout.meaning, samples) {
        (Meaning::BlackIsZero, samples) => (1, samples),
        (Meaning::WhiteIsZero, samples) => (1, inverted(samples)),
        (Meaning::Palette, samples) => (3, looked_up(&samples, layout.bits, page)?),
        (Meaning::Cmyk, Samples::U8(v)) => (3, Samples::U8(inks(&v, 255))),
        (Meaning::Cmyk, Samples::U16(v)) => (3, Samples::U16(inks(&v, 65_535))),
        (Meaning::YCbCr, Samples::U8(mut v)) if layout.compression != super::layout::Compression::Jpeg => {
            for pixel in v.as_chunks_mut().0 {
                let [y, cb, cr] = *pixel;
                *pixel = jpeg::rgb(y, cb, cr);
            }
            (3, Samples::U8(v))
        }
        (_, samples) => (3, samples),
    })
}

fn inverted(samples: Samples) -> Samples {
    match samples {
        Samples::U8(v) => Samples::U8(v.into_iter().map(|s| !s).collect()),
        Samples::U16(v) => Samples::U16(v.into_iter().map(|s| !s).collect()),
        Samples::F32(v) => Samples::F32(v.into_iter().map(|s| 1.0 - s).collect()),
    }
}

/// CMYK to RGB. No ink profile is applied: each ink removes its share of white.
fn inks<T: Copy + Into<u64> + TryFrom<u64> + Default>(v: &[T], full: u64) -> Vec<T> {
    let rgb = |pixel: &[T; 4]| {
        let [c, m, y, black] = pixel.map(Into::into);
        [c, m, y]
            .map(|ink| T::try_from(((full - ink) * (full - black) + full / 2) / full).unwrap_or_default())
    };
    v.as_chunks().0.iter().flat_map(rgb).collect()
}

/// Looks up the colours of palette indices (TIFF 6.0, section 5).
fn looked_up(indices: &Samples, bits: usize, page: &Directory) -> Result<Samples, Fault> {
    let map = page.numbers(tag::COLOR_MAP)?;
    let entries = 1usize << bits;
    if map.len() < 3 * entries {
        return Err(Fault::damaged("its palette has too few colours"));
    }
    let map: Vec<u16> = map[..3 * entries].iter().map(|&v| v as u16).collect();
    let indices: Vec<usize> = match indices {
        Samples::U8(v) => v.iter().map(|&i| usize::from(i)).collect(),
        Samples::U16(v) => v.iter().map(|&i| usize::from(i)).collect(),
        Samples::F32(_) => return Err(Fault::damaged("its palette has indices that are no integers")),
    };
    let colours = indices.iter().flat_map(|&i| [map[i], map[entries + i], map[2 * entries + i]]);
    // Values of 8 bits are stored as multiples of 257 or 256, and by some writers as they are.
    Ok(if map.iter().all(|&v| v < 256) {
        Samples::U8(colours.map(|v| v as u8).collect())
    } else if map.iter().all(|&v| v % 257 == 0 || v % 256 == 0) {
        Samples::U8(colours.map(|v| (v >> 8) as u8).collect())
    } else {
        Samples::U16(colours.collect())
    })
}
