//! Whether a set of good images is fit to train on, told by the images alone.
//!
//! | remark | rule |
//! |---|---|
//! | copies | equal pixels at the network's size, and equal sizes |
//! | near copies | see [`crate::copies`] |
//! | one value | all pixels of the image have the same value |
//! | low contrast | the values of all images at the network's size lie within 8 % of the scale |
//! | nearly black | the brightest pixel at the network's size is below 6 % of white |
//! | far from the others | see [`far_from_the_others`] |
//! | other shape | width to height differs by more than 5 % from the set's median |
//! | other size | a side is more than twice, or less than half, the set's median |
//! | grey with colour | some images have three equal planes and some do not |
//! | further images | the file has further pages or frames |
//! | far values | see [`crate::scale`] |
//! | types of samples | files of 8 bits, 16 bits or floats in one set |

use std::path::PathBuf;

use anoseg_image::{Image, SampleType};
use anoseg_infer::{Colours, Geometry, TrainingImages};

use crate::copies::{self, Thumbnail};
use crate::remark::{Remark, ShapeEffect};

/// Below this brightness an image is nearly black.
const NEARLY_BLACK: f32 = 0.06;

/// Sets of images whose values all lie this close together have a low contrast.
const LOW_CONTRAST: f32 = 0.08;

/// Pixels of an image of one value differ by less than this; resampling rounds.
const ONE_VALUE: f32 = 1e-5;

/// Sizes differ when a side differs by more than this factor.
const OTHER_SIZE: f32 = 2.0;

/// In smaller sets no image is said to be far from the others.
const FEWEST_TO_COMPARE: usize = 5;

/// Added to means and deviations before they are compared as ratios, so that noise in the dark is
/// no difference.
const DARK: f32 = 0.02;

/// Digest of an image's pixels at the network's size, and its own width and height.
pub(crate) type Identity = (blake3::Hash, [usize; 2]);

/// Digest of the pixels of a resampled image.
pub(crate) fn digest(resampled: &Image) -> blake3::Hash {
    blake3::hash(bytemuck::cast_slice(resampled.as_slice()))
}

/// What is known of one good image.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its file, below the dataset's folder.
    pub(crate) name: PathBuf,
    /// Size, shape, colours and type.
    pub(crate) traits: TrainingImages,
    /// Digest of the pixels at the network's size, before they are scaled.
    pub(crate) pixels: blake3::Hash,
    /// Whether its file has further images, which are not used.
    pub(crate) further: bool,
    /// Mean of the red, green and blue plane, and the deviation of all values.
    levels: [f32; 4],
    /// Smallest and largest value at the network's size.
    range: [f32; 2],
    /// To be compared with other images.
    pub(crate) thumbnail: Thumbnail,
}

impl Seen {
    /// `scaled` is the network's input of the image.
    pub(crate) fn new(name: PathBuf, traits: TrainingImages, pixels: blake3::Hash, scaled: &Image) -> Self {
        let values = scaled.as_slice();
        let mean = |values: &[f32]| {
            (values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64) as f32
        };
        let [red, green, blue] = [0, 1, 2].map(|c| mean(scaled.plane(c)));
        let all = f64::from(mean(values));
        let squares: f64 = values.iter().map(|&v| (f64::from(v) - all).powi(2)).sum();
        let deviation = (squares / values.len().max(1) as f64).sqrt() as f32;
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (levels, range) = ([red, green, blue, deviation], [least, most]);
        let (further, thumbnail) = (false, Thumbnail::of(scaled));
        Self { name, traits, pixels, further, levels, range, thumbnail }
    }

    /// Equal for images that are the same.
    pub(crate) fn identity(&self) -> Identity {
        (self.pixels, [self.traits.widths[0], self.traits.heights[0]])
    }

    fn has_one_value(&self) -> bool {
        self.range[1] - self.range[0] < ONE_VALUE
    }
}

/// Remarks on these images. `effect` is what becomes of images of another shape; None where shapes do not
/// matter.
pub(crate) fn remarks(seen: &[Seen], effect: Option<ShapeEffect>) -> Vec<Remark> {
    let of = seen.len();
    let chosen = |which: &dyn Fn(&Seen) -> bool| -> Vec<PathBuf> {
        seen.iter().filter(|seen| which(seen)).map(|seen| seen.name.clone()).collect()
    };
    let mut remarks = Vec::new();
    let exact = copies::exact(seen);
    if !exact.is_empty() {
        remarks.push(Remark::Copies { copies: exact, of });
    }
    let near = copies::near(seen);
    if !near.is_empty() {
        remarks.push(Remark::NearCopies { copies: near, of });
    }
    let images = chosen(&Seen::has_one_value);
    if !images.is_empty() {
        remarks.push(Remark::OneValue { images });
    }
    let black = |seen: &Seen| !seen.has_one_value() && seen.range[1] < NEARLY_BLACK;
    let images = chosen(&black);
    if !images.is_empty() {
        remarks.push(Remark::NearlyBlack { images, of });
    }
    let compared: Vec<&Seen> = seen.iter().filter(|seen| !seen.has_one_value() && !black(seen)).collect();
    let images: Vec<PathBuf> =
        far_from_the_others(&compared).into_iter().map(|i| compared[i].name.clone()).collect();
    if !images.is_empty() {
        remarks.push(Remark::FarFromTheOthers { images, of });
    }
    let images = chosen(&|seen| seen.further);
    if !images.is_empty() {
        remarks.push(Remark::FurtherImages { images, of });
    }
    remarks.extend(low_contrast(seen));
    remarks.extend(shapes(seen, effect));
    remarks.extend(colours(seen));
    let of_type = |samples: &[SampleType]| chosen(&|seen| samples.contains(&seen.traits.samples[0])).len();
    let counts = [&[SampleType::U8][..], &[SampleType::U16], &[SampleType::F32]].map(of_type);
    if counts.iter().filter(|&&count| count > 0).count() > 1 {
        remarks.push(Remark::SampleTypes { counts });
    }
    remarks
}

/// A remark if all images together use a small part of the value scale.
fn low_contrast(seen: &[Seen]) -> Option<Remark> {
    let least = seen.iter().map(|seen| seen.range[0]).fold(f32::INFINITY, f32::min);
    let most = seen.iter().map(|seen| seen.range[1]).fold(f32::NEG_INFINITY, f32::max);
    let one_value = seen.iter().all(Seen::has_one_value);
    (!one_value && most - least < LOW_CONTRAST).then_some(Remark::LowContrast { range: [least, most] })
}

/// How many images differ from each other.
pub(crate) fn distinct(seen: &[Seen]) -> usize {
    seen.len() - copies::exact(seen).len()
}

fn shapes(seen: &[Seen], effect: Option<ShapeEffect>) -> Vec<Remark> {
    let of = seen.len();
    let [width, height, aspect] = [
        median(seen.iter().map(|seen| seen.traits.widths[0] as f32)),
        median(seen.iter().map(|seen| seen.traits.heights[0] as f32)),
        median(seen.iter().map(|seen| seen.traits.aspects[0])),
    ];
    let differs = |value: f32, usual: f32, factor: f32| value > usual * factor || value * factor < usual;
    let other_shape = |seen: &Seen| differs(seen.traits.aspects[0], aspect, Geometry::SAME_SHAPE);
    let other_size = |seen: &Seen| {
        let [w, h] = [seen.traits.widths[0] as f32, seen.traits.heights[0] as f32];
        (effect.is_none() || !other_shape(seen))
            && (differs(w, width, OTHER_SIZE) || differs(h, height, OTHER_SIZE))
    };
    let chosen = |which: &dyn Fn(&Seen) -> bool| -> Vec<PathBuf> {
        seen.iter().filter(|seen| which(seen)).map(|seen| seen.name.clone()).collect()
    };
    let (shapes, sizes) = (chosen(&other_shape), chosen(&other_size));
    let shapes = effect.filter(|_| !shapes.is_empty()).map(|effect| {
        if 2 * shapes.len() > of {
            Remark::ManyShapes { effect, of }
        } else {
            Remark::OtherShape { effect, images: shapes, of }
        }
    });
    let sizes = (!sizes.is_empty()).then_some(Remark::OtherSize { images: sizes, of });
    shapes.into_iter().chain(sizes).collect()
}

/// A remark if some images are grey and some are not. Images of one value are neither.
fn colours(seen: &[Seen]) -> Option<Remark> {
    let of = |colours: Colours| -> Vec<PathBuf> {
        let images = seen.iter().filter(|seen| seen.traits.colours == colours && !seen.has_one_value());
        images.map(|seen| seen.name.clone()).collect()
    };
    let (greys, coloured) = (of(Colours::Grey), of(Colours::Colour));
    if greys.is_empty() || coloured.is_empty() {
        return None;
    }
    let grey = greys.len() <= coloured.len();
    Some(Remark::GreyWithColour { grey, images: if grey { greys } else { coloured }, of: seen.len() })
}

/// The numbers of the images whose brightness, colour or contrast is far from that of the others.
///
/// Compared are the logarithms of the mean of each plane and of the deviation of all values. In the
/// order of one of them, the images are parted at a gap that is either a factor of 3, or a factor
/// of 1.25 and twice as wide as the range of the larger part. The smaller part is named; of equal
/// parts the lower one. This also finds two populations of equal size, which a comparison with the
/// median and the median deviation does not.
fn far_from_the_others(seen: &[&Seen]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..seen.len()).collect();
    while left.len() >= FEWEST_TO_COMPARE {
        let found = (0..4).find_map(|level| {
            parted(left.iter().map(|&i| (i, (seen[i].levels[level] + DARK).ln())).collect())
        });
        let Some(apart) = found else { break };
        left.retain(|i| !apart.contains(i));
    }
    let far: Vec<usize> = (0..seen.len()).filter(|i| !left.contains(i)).collect();
    // Where most images were parted from each other, no one is a stranger.
    if far.len() * 2 > seen.len() { Vec::new() } else { far }
}

/// The smaller part, if there is a wide gap.
fn parted(mut values: Vec<(usize, f32)>) -> Option<Vec<usize>> {
    let (narrow, wide) = (1.25f32.ln(), 3f32.ln());
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let n = values.len();
    let gap = |i: usize| values[i].1 - values[i - 1].1;
    let widest = (1..n).max_by(|&a, &b| gap(a).total_cmp(&gap(b)))?;
    let (low, high) = values.split_at(widest);
    let (smaller, larger) = if low.len() <= high.len() { (low, high) } else { (high, low) };
    let range = larger[larger.len() - 1].1 - larger[0].1;
    let far = gap(widest) >= wide || gap(widest) >= narrow.max(2.0 * range);
    far.then(|| smaller.iter().map(|(i, _)| *i).collect())
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "sanity_tests.rs"]
mod tests;
