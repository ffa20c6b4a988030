//! 95 % confidence intervals of image-level figures.
//!
//! Ranking figures have percentile bootstrap intervals (Efron and Tibshirani, "An introduction to
//! the bootstrap", 1993, chapter 13). The images are resampled with replacement, good and defective
//! ones separately, so that the size of each class stays the same. The figure is computed anew for
//! each resample.
//!
//! Rates have Wilson's score interval (Wilson, "Probable inference, the law of succession, and
//! statistical inference", 1927). Their bootstrap interval would be too narrow: if none of twenty
//! images is rejected, no resample rejects any.
//!
//! Pixel-level figures have no interval: the pixels of one image are not independent.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The number of bootstrap resamples.
const RESAMPLES: usize = 2000;

/// A fixed seed, so that the same test set gives the same intervals.
const SEED: u64 = 0x626f_6f74;

/// Share of the resamples on either side of an interval.
const TAIL: f64 = 0.025;

/// Half the width of a 95 % interval, in standard deviations of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// 95 % intervals `[low, high]` of the image-level figures; `None` where the figure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of the area under the ROC curve of the images' scores; `[1, 1]` where the classes are
    /// separated.
    pub image_auroc: Option<[f64; 2]>,
    /// Of the average precision of the images' scores.
    pub image_ap: Option<[f64; 2]>,
    /// Of the share of defect-free images rejected.
    pub false_reject_rate: Option<[f64; 2]>,
    /// Of the share of defective images rejected.
    pub detection_rate: Option<[f64; 2]>,
}

/// The score and the class of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) score: f32,
    pub(crate) defective: bool,
}

impl Intervals {
    /// The intervals of a test set whose scores are finite; an image is rejected above `threshold`.
    pub(crate) fn of(mut samples: Vec<Sample>, threshold: Option<f32>) -> Self {
        samples.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        let class = |defective| -> Vec<usize> {
            (0..samples.len()).filter(|&i| samples[i].defective == defective).collect()
        };
        let classes = [class(false), class(true)];
        let rejected = |class: &[usize]| {
            let threshold = threshold?;
            wilson(class.iter().filter(|&&i| samples[i].score > threshold).count(), class.len())
        };
        let [image_auroc, image_ap] = bootstrap(&samples, &classes);
        Self {
            image_auroc,
            image_ap,
            false_reject_rate: rejected(&classes[0]),
            detection_rate: rejected(&classes[1]),
        }
    }
}

/// The intervals of AUROC and average precision. The scores of `samples` descend; `classes` are the
/// indices of the good and of the defective ones.
fn bootstrap(samples: &[Sample], classes: &[Vec<usize>; 2]) -> [Option<[f64; 2]>; 2] {
    if classes.iter().any(Vec::is_empty) {
        return [None, None];
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut figures: [Vec<f64>; 2] = Default::default();
    for _ in 0..RESAMPLES {
        let mut counts = vec![0_u32; samples.len()];
        for class in classes {
            for _ in 0..class.len() {
                counts[class[rng.random_range(0..class.len())]] += 1;
            }
        }
        let resampled = Resample { samples, counts: &counts }.ranking();
        figures.iter_mut().zip(resampled).for_each(|(figures, figure)| figures.push(figure));
    }
    figures.map(middle)
}

/// Wilson's score interval of `hits` out of `n`.
fn wilson(hits: usize, n: usize) -> Option<[f64; 2]> {
    let (share, n) = ((n > 0).then(|| hits as f64 / n as f64)?, n as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Exact at the ends, where rounding leaves something like 3e-17.
    let low = if share == 0.0 { 0.0 } else { (centre - spread) / scale };
    let high = if share == 1.0 { 1.0 } else { (centre + spread) / scale };
    Some([low.max(0.0), high.min(1.0)])
}

/// A resampled test set: how often each image occurs. The scores of the samples descend.
struct Resample<'a> {
    samples: &'a [Sample],
    counts: &'a [u32],
}

impl Resample<'_> {
    /// AUROC and average precision; tied images move together.
    fn ranking(&self) -> [f64; 2] {
        let total = |defective| -> f64 {
            let of_class = self.samples.iter().zip(self.counts).filter(|(s, _)| s.defective == defective);
            of_class.map(|(_, &count)| f64::from(count)).sum()
        };
        let [good, defective] = [total(false), total(true)];
        let (mut passed, mut pairs, mut precisions) = ([0.0; 2], 0.0, 0.0);
        let mut rest = self.samples.iter().zip(self.counts).peekable();
        while let Some((first, &count)) = rest.next() {
            let mut level = [0.0; 2];
            level[usize::from(first.defective)] += f64::from(count);
            while let Some((sample, &count)) = rest.next_if(|(sample, _)| sample.score == first.score) {
                level[usize::from(sample.defective)] += f64::from(count);
            }
            pairs += level[0] * (passed[1] + level[1] / 2.0);
            passed = [passed[0] + level[0], passed[1] + level[1]];
            if level[1] > 0.0 {
                precisions += level[1] * passed[1] / (passed[0] + passed[1]);
            }
        }
        [pairs / (good * defective), precisions / defective]
    }
}

/// The interval that leaves [`TAIL`] of the values on either side, linearly interpolated between
/// them.
fn middle(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let quantile = |share: f64| {
        let place = share * last as f64;
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    Some([quantile(TAIL), quantile(1.0 - TAIL)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auroc, average_precision};

    fn samples(good: &[f32], defective: &[f32]) -> Vec<Sample> {
        let of = |scores: &[f32], defective| -> Vec<Sample> {
            scores.iter().map(|&score| Sample { score, defective }).collect()
        };
        [of(good, false), of(defective, true)].concat()
    }

    #[test]
    fn a_resample_with_every_image_once_gives_the_figures_themselves() {
        let mut samples = samples(&[0.1, 0.5, 0.5, -1.0, 0.0], &[0.5, 0.7, -0.0, 0.4]);
        samples.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        let counts = vec![1; samples.len()];
        let [area, precision] = Resample { samples: &samples, counts: &counts }.ranking();
        let scores: Vec<f32> = samples.iter().map(|sample| sample.score).collect();
        let positive: Vec<bool> = samples.iter().map(|sample| sample.defective).collect();
        assert!((area - auroc(&scores, &positive).unwrap().unwrap()).abs() < 1e-12);
        assert!((precision - average_precision(&scores, &positive).unwrap().unwrap()).abs() < 1e-12);
    }

    #[test]
    fn shares_have_the_intervals_of_statsmodels() {
        // statsmodels 0.15: proportion_confint(hits, n, method="wilson").
        let known = [
            (0, 20, [0.0, 0.161_125_158_8]),
            (1, 20, [0.008_881_448_8, 0.236_131_193_4]),
            (20, 80, [0.168_062_318_6, 0.354_846_746_2]),
            (5, 5, [0.565_517_535_2, 1.0]),
        ];
        for (hits, n, expected) in known {
            let found = wilson(hits, n).unwrap();
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
                "{hits} of {n}: {found:?}"
            );
        }
    }

    /// An interval once began at 3.4e-17.
    #[test]
    fn intervals_of_none_and_all_begin_and_end_exactly() {
        for n in 1..300 {
            assert_eq!(wilson(0, n).unwrap()[0], 0.0);
            assert_eq!(wilson(n, n).unwrap()[1], 1.0);
        }
    }

    #[test]
    fn undefined_figures_have_no_interval() {
        let good = Intervals::of(samples(&[0.1, 0.2], &[]), Some(0.5));
        assert_eq!((good.image_auroc, good.image_ap, good.detection_rate), (None, None, None));
        assert!(good.false_reject_rate.is_some());
        assert_eq!(Intervals::of(samples(&[0.1], &[0.3]), None).detection_rate, None);
        assert_eq!(Intervals::of(Vec::new(), Some(0.5)), Intervals::default());
    }

    #[test]
    fn equal_scores_rank_nothing() {
        let figures = |good: &[f32], defective: &[f32]| {
            let intervals = Intervals::of(samples(good, defective), None);
            crate::Evaluation { image_auroc: Some(0.5), intervals, ..Default::default() }
        };
        assert!(figures(&[1.0, 1.0, 1.0], &[1.0, 1.0]).ranks_nothing());
        assert!(!figures(&[0.1, 0.4], &[0.1, 0.4]).ranks_nothing());
    }

    #[test]
    fn separated_scores_have_a_point_interval_and_overlapping_ones_a_wider_one() {
        let separated = Intervals::of(samples(&[0.1, 0.2, 0.3], &[0.8, 0.9]), None);
        assert_eq!(separated.image_auroc, Some([1.0, 1.0]));
        let [low, high] =
            Intervals::of(samples(&[0.1, 0.4, 0.6], &[0.3, 0.5, 0.9]), None).image_auroc.unwrap();
        assert!(low < 6.0 / 9.0 && high > 6.0 / 9.0, "{low} {high}");
    }
}
