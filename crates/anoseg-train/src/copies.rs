//! Images of a training set that are the same one, pixel by pixel or stored anew.
//!
//! A camera's noise and the small differences between parts make two images of real parts differ
//! more than storing one image anew as JPEG does. On thumbnails of 32 x 32 pixels, JPEG of quality 75
//! changes an image by a root mean square of at most 0.7 levels of 255, while the two most similar
//! images of the four categories measured differ by 1.8 to 8.8 levels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anoseg_image::{Filter, Image, resample};

use crate::sanity::Seen;

/// Side of a thumbnail, in pixels.
const SIDE: usize = 32;

/// Images whose thumbnails differ by less, as root mean square, are nearly the same.
const NEARLY: f32 = 0.8 / 255.0;

/// The same as a share of the thumbnail's standard deviation, so that images of a plain surface, which
/// all differ little, are not taken for copies.
const NEARLY_OF_DEVIATION: f32 = 0.025;

/// An image made small, to be compared with others.
#[derive(Clone, Debug)]
pub(crate) struct Thumbnail {
    /// In 1/65535 of white, three planes.
    values: Vec<u16>,
    mean: f32,
    deviation: f32,
}

impl Thumbnail {
    /// The image in the size of a thumbnail, values as they are.
    pub(crate) fn reduced(image: &Image) -> Image {
        resample::resize_raw(image, SIDE, SIDE, Filter::Bilinear)
    }

    /// `scaled` has values in 0..=1.
    pub(crate) fn of(scaled: &Image) -> Self {
        let small = resample::resize(scaled, SIDE, SIDE, Filter::Bilinear);
        let values = small.as_slice();
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / n).sqrt();
        let values = values.iter().map(|value| (value * 65535.0).round() as u16).collect();
        Self { values, mean, deviation }
    }

    /// The root mean square of the differences, in shares of white.
    fn distance(&self, other: &Self) -> f32 {
        let pairs = self.values.iter().zip(&other.values);
        let squares: u64 = pairs.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
        ((squares as f64 / self.values.len() as f64).sqrt() / 65535.0) as f32
    }

    fn is_nearly(&self, other: &Self) -> bool {
        // The mean and the deviation differ by at most the distance.
        let limit = NEARLY.min(NEARLY_OF_DEVIATION * self.deviation.min(other.deviation));
        (self.mean - other.mean).abs() < limit
            && (self.deviation - other.deviation).abs() < limit
            && self.distance(other) < limit
    }
}

/// Each image that is the same as an earlier one, pixel by pixel, with that one.
pub(crate) fn exact(seen: &[Seen]) -> Vec<(PathBuf, PathBuf)> {
    let mut first: HashMap<_, &Path> = HashMap::new();
    let mut copies = Vec::new();
    for seen in seen {
        match first.get(&seen.identity()) {
            Some(first) => copies.push((seen.name.clone(), first.to_path_buf())),
            None => _ = first.insert(seen.identity(), &seen.name),
        }
    }
    copies
}

/// Each image that is nearly the same as an earlier one, with that one. Equal images are not named.
pub(crate) fn near(seen: &[Seen]) -> Vec<(PathBuf, PathBuf)> {
    let mut in_order: Vec<usize> = (0..seen.len()).collect();
    in_order.sort_by(|&a, &b| seen[a].thumbnail.mean.total_cmp(&seen[b].thumbnail.mean).then(a.cmp(&b)));
    let mut earlier: HashMap<usize, usize> = HashMap::new();
    for (place, &a) in in_order.iter().enumerate() {
        let close = |&&b: &&usize| seen[b].thumbnail.mean - seen[a].thumbnail.mean < NEARLY;
        for &b in in_order[place + 1..].iter().take_while(close) {
            if seen[a].identity() != seen[b].identity() && seen[a].thumbnail.is_nearly(&seen[b].thumbnail) {
                let first = earlier.entry(a.max(b)).or_insert(a.min(b));
                *first = (*first).min(a.min(b));
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = earlier.into_iter().collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(copy, first)| (seen[copy].name.clone(), seen[first].name.clone())).collect()
}
