//! Resizing of images, anomaly maps and masks.
//!
//! Pixel centres lie at half-integers, so that all sizes cover the same area: pixel `i` of `n`
//! spans `i / n` to `(i + 1) / n` of the side. When shrinking, filters are widened by the factor,
//! so that every source pixel contributes (no aliasing), as in Pillow's `Image.resize`.

mod rows;

use std::ops::Range;

use fast_image_resize::FilterType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::plane::{AnomalyMap, Image, Mask, SampleType};
use rows::Resampling;

/// The interpolation kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// Triangle: linear interpolation when enlarging.
    #[default]
    Bilinear,
    /// Catmull-Rom cubic (Pillow's `BICUBIC`); may overshoot, which is clamped.
    CatmullRom,
    /// Windowed sinc over three lobes; sharpest, may overshoot, which is clamped.
    Lanczos3,
}

impl Filter {
    fn kernel(self) -> FilterType {
        match self {
            Self::Bilinear => FilterType::Bilinear,
            Self::CatmullRom => FilterType::CatmullRom,
            Self::Lanczos3 => FilterType::Lanczos3,
        }
    }
}

/// The image at `width` x `height` pixels, with values in 0..=1. The aspect ratio is not kept.
///
/// The result equals that of Pillow's `Image.resize((width, height), filter)` except for its
/// rounding to 8 bits.
///
/// # Panics
/// If a side has more than `u32::MAX` pixels.
pub fn resize(image: &Image, width: usize, height: usize, filter: Filter) -> Image {
    let mut resized = resize_raw(image, width, height, filter).with_sample_type(SampleType::U8);
    resized.as_mut_slice().iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    resized
}

/// As [`resize`] with values on the image's own scale: nothing is clamped, and the type of the
/// samples stays.
///
/// # Panics
/// As [`resize`].
pub fn resize_raw(image: &Image, width: usize, height: usize, filter: Filter) -> Image {
    resize_part(image, (width, height), (0..width, 0..height), filter, |_| {})
}

/// Columns and rows of what [`resize_raw`] gives, bit for bit, for an image whose rows are first changed by
/// `change`, whole or in parts. Neither the image's values nor the result are made whole.
///
/// # Panics
/// As [`resize`], or the part reaches beyond the result.
pub fn resize_part(
    image: &Image,
    (width, height): (usize, usize),
    (columns, rows): (Range<usize>, Range<usize>),
    filter: Filter,
    change: impl Fn(&mut [f32]) + Sync,
) -> Image {
    let resampling = Resampling::new((image.width(), image.height()), (width, height), filter);
    let pixels = columns.len() * rows.len();
    let mut data = vec![0.0; 3 * pixels];
    // The channels of a grey image are equal.
    let channels = if image.stores_grey() { 1 } else { 3 };
    let planes = data.par_chunks_exact_mut(pixels.max(1)).take(channels).enumerate();
    planes.for_each(|(c, plane)| {
        let source = |x: usize, y: usize, row: &mut [f32]| {
            image.copy_row(c, x, y, row);
            change(row);
        };
        resampling.part(columns.clone(), rows.clone(), &source, plane);
    });
    let (first, others) = data.split_at_mut(pixels);
    if channels == 1 {
        others.chunks_exact_mut(pixels.max(1)).for_each(|plane| plane.copy_from_slice(first));
    }
    Image::from_planar(columns.len(), rows.len(), data).with_sample_type(image.sample_type())
}

/// The anomaly map at `width` x `height` pixels: bilinear when enlarging, antialiased when
/// shrinking.
///
/// Weights are positive and sum to one, so no value leaves the range of the map.
///
/// # Panics
/// If a side has more than `u32::MAX` pixels.
pub fn resize_map(map: &AnomalyMap, width: usize, height: usize) -> AnomalyMap {
    let mut data = vec![0.0; width * height];
    let source = |x: usize, y: usize, row: &mut [f32]| row.copy_from_slice(&map.row(y)[x..x + row.len()]);
    let resampling = Resampling::new((map.width(), map.height()), (width, height), Filter::Bilinear);
    resampling.part(0..width, 0..height, &source, &mut data);
    AnomalyMap::from_vec(width, height, data)
}

/// As [`resize_map`], in the memory of the map where the result is no wider and no higher.
///
/// # Panics
/// As [`resize_map`].
pub fn resize_map_in_place(map: AnomalyMap, width: usize, height: usize) -> AnomalyMap {
    let from = (map.width(), map.height());
    if from == (width, height) {
        return map;
    }
    if width == 0 || height == 0 || width > from.0 || height > from.1 {
        return resize_map(&map, width, height);
    }
    let mut values = map.into_vec();
    Resampling::new(from, (width, height), Filter::Bilinear).in_place(&mut values);
    AnomalyMap::from_vec(width, height, values)
}

/// The share of anomalous area in each of `width` x `height` pixels, 0..=1. It is exact: a mask
/// pixel that overlaps several target pixels contributes to each in proportion to the overlap.
pub fn resize_mask_area(mask: &Mask, width: usize, height: usize) -> AnomalyMap {
    let columns = overlaps(mask.width(), width);
    let rows = overlaps(mask.height(), height);
    // Overlaps are whole numbers: side / target side in units of 1 / target side. So is the full
    // area.
    let full = (mask.width() * mask.height()) as f64;
    let mut data = Vec::with_capacity(width * height);
    for row in &rows {
        let mut column_sums = vec![0u64; mask.width()];
        for (offset, &weight) in row.weights.iter().enumerate() {
            for (sum, &anomalous) in column_sums.iter_mut().zip(mask.row(row.start + offset)) {
                *sum += if anomalous { weight } else { 0 };
            }
        }
        data.extend(columns.iter().map(|column| {
            let sums = &column_sums[column.start..];
            let area: u64 = column.weights.iter().zip(sums).map(|(weight, sum)| weight * sum).sum();
            (area as f64 / full) as f32
        }));
    }
    if full == 0.0 {
        data = vec![0.0; width * height];
    }
    AnomalyMap::from_vec(width, height, data)
}

/// The source pixels that one target pixel overlaps, from `start` on, and the length of each
/// overlap. Lengths are in units in which a target pixel is as long as the number of source pixels.
struct Overlap {
    start: usize,
    weights: Vec<u64>,
}

fn overlaps(source: usize, target: usize) -> Vec<Overlap> {
    (0..target)
        .map(|i| {
            let (from, to) = (i * source, (i + 1) * source);
            let start = from / target;
            let end = to.div_ceil(target);
            let weight = |s: usize| (to.min((s + 1) * target) - from.max(s * target)) as u64;
            Overlap { start, weights: (start..end).map(weight).collect() }
        })
        .collect()
}
