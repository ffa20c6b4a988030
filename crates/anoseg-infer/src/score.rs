//! From an anomaly map to one score for the image.

use std::borrow::Cow;
use std::collections::VecDeque;

use anoseg_image::{AnomalyMap, Mask};
use serde::{Deserialize, Serialize};

/// At 256 x 256 pixels: how many of the most anomalous pixels count.
const TOP_PIXELS: f32 = 100.0;

/// At 256 x 256 pixels: standard deviation of [`ScoreRule::Smoothed`]'s Gaussian, in pixels.
const SIGMA: f32 = 2.0;

/// How an image's score comes from its map: a mean of the most anomalous pixels, as many as 100 of
/// 256 x 256, so that the same defect gives the same score at another network size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreRule {
    /// The mean of their probabilities, in the map smoothed by two pixels: the rule of models whose
    /// file names none.
    #[default]
    Smoothed,
    /// The mean of their logits, as a probability. Where the probabilities are all nearly 1, logits
    /// still differ.
    Logits,
}

impl ScoreRule {
    /// Score of the image with this map and its logits, 0..=1; 0 if there is no pixel. The pixels that
    /// count are as many as 100 of 256 x 256 in `area` pixels. Where `inside` is given, they are taken
    /// from it alone; as many count as without it, so that the same defect gives the same score.
    ///
    /// # Panics
    /// If map, logits and mask differ in size.
    pub fn score(self, map: &AnomalyMap, logits: &AnomalyMap, inside: Option<&Mask>, area: usize) -> f32 {
        self.score_of(if self.takes_logits() { logits } else { map }, inside, area)
    }

    /// How many pixels count, of an image with `area` pixels at the network, where it has as many: at least 1.
    pub fn pixels(area: usize) -> usize {
        ((TOP_PIXELS * relative(area)).round() as usize).max(1)
    }

    /// The weights by which rows and columns of the map are smoothed for the score, for an image of `area`
    /// pixels at the network: an odd number, which add up to 1. The border's values continue outwards. None
    /// where nothing is smoothed.
    pub fn smoothing(self, area: usize) -> Option<Vec<f32>> {
        (self == Self::Smoothed).then(|| gaussian_kernel(SIGMA * relative(area).sqrt()))
    }

    /// Whether the score comes from the logits, and not from the map.
    pub fn takes_logits(self) -> bool {
        self == Self::Logits
    }

    /// As [`ScoreRule::score`], of the logits or the map, whichever the rule takes.
    pub(crate) fn score_of(self, values: &AnomalyMap, inside: Option<&Mask>, area: usize) -> f32 {
        let blurred;
        let values = match self {
            Self::Smoothed => {
                blurred = blur_inside(values.clone(), SIGMA * relative(area).sqrt(), inside);
                pixels_inside(&blurred, inside)
            }
            Self::Logits => pixels_inside(values, inside),
        };
        if values.is_empty() {
            return 0.0;
        }
        let count = Self::pixels(area).min(values.len());
        let mean = mean_of_largest(&values, count);
        if self == Self::Logits { probability(&mean) } else { mean }
    }
}

/// Pixels as a share of 256 x 256.
fn relative(area: usize) -> f32 {
    area as f32 / (256.0 * 256.0)
}

/// Values of which one maximum is taken before the largest are selected.
const BLOCK: usize = 64;

/// Mean of the `count` largest of the values, 1 to all of them.
fn mean_of_largest(values: &[f32], count: usize) -> f32 {
    let mut largest = candidates(values, count);
    largest.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    let largest = &mut largest[..count];
    // Summed in order of size, so that the sum does not depend on how the selection arranged them.
    largest.sort_unstable_by(|a, b| b.total_cmp(a));
    largest.iter().sum::<f32>() / count as f32
}

/// The `count` largest values and few others: where as many blocks have a maximum of at least
/// `limit`, so many values are at least `limit`.
fn candidates(values: &[f32], count: usize) -> Vec<f32> {
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    if blocks.len() < count {
        return values.to_vec();
    }
    let maximum = |block: &[f32; BLOCK]| block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut maxima: Vec<f32> = blocks.iter().map(maximum).collect();
    let (_, &mut limit, _) = maxima.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    // Values that are not numbers are no maxima.
    if limit == f32::NEG_INFINITY {
        return values.to_vec();
    }
    // In a constant map all values are at the limit. As many of them as can count are enough.
    let above = |value: &&f32| **value > limit;
    let above = blocks.as_flattened().iter().chain(rest).filter(above).copied();
    above.chain(std::iter::repeat_n(limit, count)).collect()
}

/// The probabilities of logits, in their place.
pub(crate) fn probabilities(mut logits: AnomalyMap) -> AnomalyMap {
    anoseg_kernels::sigmoid_in_place(logits.as_mut_slice());
    logits
}

/// The probability of a logit.
pub fn probability(logit: &f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The logit of a probability, finite for 0 and 1 too.
pub fn logit(probability: &f32) -> f32 {
    // The probability in f32 that is nearest to 1 and is not 1.
    const NEXT_TO_ONE: f32 = 1.0 - f32::EPSILON / 2.0;
    let p = probability.clamp(1.0 - NEXT_TO_ONE, NEXT_TO_ONE);
    (p / (1.0 - p)).ln()
}

/// The values inside, row by row; all of them without a mask.
fn pixels_inside<'a>(map: &'a AnomalyMap, inside: Option<&Mask>) -> Cow<'a, [f32]> {
    let Some(inside) = inside else { return Cow::Borrowed(map.as_slice()) };
    assert_eq!((map.width(), map.height()), (inside.width(), inside.height()), "a mask of the map's size");
    let pixels = map.as_slice().iter().zip(inside.as_slice());
    Cow::Owned(pixels.filter(|(_, inside)| **inside).map(|(value, _)| *value).collect())
}

/// As [`gaussian_blur`], each value of `inside` as a mean of values inside alone; those
/// elsewhere stay.
///
/// # Panics
/// If map and mask differ in size.
pub(crate) fn blur_inside(map: AnomalyMap, sigma: f32, inside: Option<&Mask>) -> AnomalyMap {
    if map.as_slice().is_empty() {
        return map;
    }
    let Some(inside) = inside else { return gaussian_blur(map, sigma) };
    let mut values = map.clone();
    clear_outside(&mut values, Some(inside));
    let mut blurred = gaussian_blur(values, sigma);
    let weights = gaussian_blur(inside.map(|&inside| f32::from(u8::from(inside))), sigma);
    let pixels = weights.as_slice().iter().zip(inside.as_slice()).zip(map.as_slice());
    for (value, ((weight, inside), own)) in blurred.as_mut_slice().iter_mut().zip(pixels) {
        // A pixel inside has at least the weight of the kernel's middle.
        *value = if *inside { *value / weight } else { *own };
    }
    blurred
}

/// Sets the values that are not inside to 0; none without a mask.
///
/// # Panics
/// If map and mask differ in size.
pub(crate) fn clear_outside(map: &mut AnomalyMap, inside: Option<&Mask>) {
    let Some(inside) = inside else { return };
    assert_eq!((map.width(), map.height()), (inside.width(), inside.height()), "a mask of the map's size");
    let pixels = map.as_mut_slice().iter_mut().zip(inside.as_slice());
    pixels.filter(|(_, inside)| !**inside).for_each(|(value, _)| *value = 0.0);
}

/// Separable Gaussian of standard deviation `sigma` pixels, in place; the border's values continue
/// outwards.
pub(crate) fn gaussian_blur(mut map: AnomalyMap, sigma: f32) -> AnomalyMap {
    let kernel = gaussian_kernel(sigma);
    let radius = kernel.len() / 2;
    let (width, height) = (map.width(), map.height());
    let mut line = vec![0.0; width + 2 * radius];
    for target in map.as_mut_slice().chunks_exact_mut(width.max(1)) {
        line[..radius].fill(target[0]);
        line[radius..radius + width].copy_from_slice(target);
        line[radius + width..].fill(target[width - 1]);
        weigh(&kernel, |k| &line[k..k + width], target);
    }
    // The rows up to the current one as they were, as far as the kernel reaches.
    let mut before: VecDeque<Vec<f32>> = VecDeque::with_capacity(radius + 1);
    for y in 0..height {
        let (done, below) = map.as_mut_slice().split_at_mut((y + 1) * width);
        let target = &mut done[y * width..];
        let mut own = if before.len() > radius { before.pop_front() } else { None }.unwrap_or_default();
        own.clear();
        own.extend_from_slice(target);
        before.push_back(own);
        let first = y + 1 - before.len();
        let row = |k: usize| match (y + k).saturating_sub(radius).min(height - 1) {
            above if above <= y => &before[above - first][..],
            other => &below[(other - y - 1) * width..][..width],
        };
        weigh(&kernel, row, target);
    }
    map
}

/// The sum of `kernel[k] * row(k)` over every k, into `target`: whole rows at a time, which the
/// compiler turns into vectors.
fn weigh<'a>(kernel: &[f32], row: impl Fn(usize) -> &'a [f32], target: &mut [f32]) {
    target.fill(0.0);
    for (k, weight) in kernel.iter().enumerate() {
        target.iter_mut().zip(row(k)).for_each(|(sum, value)| *sum += weight * value);
    }
}

pub(crate) fn gaussian_kernel(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil().max(0.0) as i32;
    let weight = |i: i32| if sigma > 0.0 { (-0.5 * (i as f32 / sigma).powi(2)).exp() } else { 1.0 };
    let weights: Vec<f32> = (-radius..=radius).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: [ScoreRule; 2] = [ScoreRule::Smoothed, ScoreRule::Logits];

    fn score(rule: ScoreRule, logits: &AnomalyMap) -> f32 {
        rule.score(&logits.map(probability), logits, None, logits.as_slice().len())
    }

    /// Logits of a map with a square mark in the corner.
    fn marked(side: usize, logit: f32) -> AnomalyMap {
        AnomalyMap::from_fn(256, 256, |x, y| if x < side && y < side { logit } else { -8.0 })
    }

    #[test]
    fn a_flat_map_scores_its_value() {
        for rule in RULES {
            for (side, value) in [(256, 0.25_f32), (3, 0.5)] {
                let score = score(rule, &AnomalyMap::filled(side, side, logit(&value)));
                assert!((score - value).abs() < 1e-5, "{rule:?}: {score}");
            }
            assert_eq!(score(rule, &AnomalyMap::filled(0, 7, 1.0)), 0.0);
        }
    }

    #[test]
    fn a_larger_or_stronger_defect_scores_higher() {
        for rule in RULES {
            let defect = |side: usize, logit: f32| score(rule, &marked(side, logit));
            assert!(defect(20, 8.0) > defect(6, 8.0));
            assert!(defect(20, 8.0) > defect(20, 0.0));
            assert!(defect(20, 1e9) <= 1.0);
        }
    }

    /// Good images with one broad region of medium logits scored above defects with a small region
    /// of high ones.
    #[test]
    fn a_small_region_of_high_logits_outranks_a_broad_one_of_medium_logits() {
        let (small, broad) = (marked(11, 9.0), marked(60, 4.0));
        assert!(score(ScoreRule::Logits, &small) > score(ScoreRule::Logits, &broad));
        assert!(score(ScoreRule::Smoothed, &small) < score(ScoreRule::Smoothed, &broad));
    }

    #[test]
    fn logits_and_probabilities_are_each_other_s_inverse() {
        for p in [1e-6_f32, 0.01, 0.5, 0.9, 0.9999] {
            assert!((probability(&logit(&p)) / p - 1.0).abs() < 1e-3);
        }
        assert!(logit(&0.0).is_finite() && logit(&1.0).is_finite());
        assert!((logit(&0.0) + logit(&1.0)).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn the_largest_are_those_of_a_sorted_list(
            values in prop::collection::vec(prop_oneof![-9.0f32..9.0, Just(0.5f32)], 1..700),
            share in 0.0f64..1.0,
        ) {
            let count = ((values.len() as f64 * share) as usize).clamp(1, values.len());
            let mut sorted = values.clone();
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            let expected = sorted[..count].iter().sum::<f32>() / count as f32;
            prop_assert_eq!(mean_of_largest(&values, count), expected);
        }
    }

    #[test]
    fn what_is_outside_has_no_effect_on_the_score() {
        let inside = Mask::from_fn(256, 256, |x, _| x < 100);
        let marked = |at: usize, level: f32| {
            AnomalyMap::from_fn(256, 256, |x, y| if x.abs_diff(at) < 20 && y < 40 { level } else { -8.0 })
        };
        for rule in RULES {
            let score = |logits: &AnomalyMap| {
                rule.score(&logits.map(probability), logits, Some(&inside), logits.as_slice().len())
            };
            let none = score(&AnomalyMap::filled(256, 256, -8.0));
            assert_eq!(score(&marked(130, 9.0)), none, "{rule:?}");
            assert!((none - probability(&-8.0)).abs() < 1e-6, "{rule:?}: {none}");
            let within = marked(30, 9.0);
            let whole = rule.score(&within.map(probability), &within, None, within.as_slice().len());
            assert!((score(&within) - whole).abs() < 1e-5, "{rule:?}: the same as without a region");
            let nothing = Mask::filled(256, 256, false);
            assert_eq!(rule.score(&within.map(probability), &within, Some(&nothing), 1), 0.0);
        }
    }

    #[test]
    fn blurring_keeps_the_sum_away_from_the_border() {
        let mut map = AnomalyMap::filled(41, 41, 0.0);
        map.set(20, 20, 1.0);
        let blurred = gaussian_blur(map, 2.0);
        assert!((blurred.as_slice().iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!((blurred.get(20, 20) - 0.0398).abs() < 1e-3);
    }
}
