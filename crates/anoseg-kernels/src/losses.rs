//! The losses of an anomaly map, with exponentials and logarithms that the compiler turns into
//! vectors.
//!
//! For a logit z and its label, s = z on anomalous and -z on normal pixels. `p = sigmoid(s)` is the
//! probability that the map gives to the label, and `m = 1 - p` its error. Sums are taken over
//! pieces of fixed length in a fixed order, so that threads do not change a bit.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::correlate::LANES;
use crate::sigmoid::exp;
use crate::simd::Level;

/// Pixels that are summed before they are added to the others.
const PIECE: usize = 4096;

/// Sums over all pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// `-m^gamma * log p`
    focal: f32,
    /// Probabilities of an anomaly on anomalous pixels.
    overlap: f32,
    /// Probabilities of an anomaly.
    predicted: f32,
    labelled: f32,
    pixels: f32,
}

impl Sums {
    /// Mean focal loss: `-m^gamma * log p`.
    pub(crate) fn focal(&self) -> f32 {
        self.focal / self.pixels
    }

    /// Soft Dice loss: `1 - (2 * overlap + 1) / (predicted + labelled + 1)`.
    pub(crate) fn dice(&self) -> f32 {
        1.0 - (2.0 * self.overlap + 1.0) / (self.predicted + self.labelled + 1.0)
    }

    /// What [`gradient`] needs for a sum of both losses with these weights.
    pub(crate) fn slopes(&self, focal: f32, dice: f32) -> Slopes {
        let total = self.predicted + self.labelled + 1.0;
        Slopes {
            focal: focal / self.pixels,
            everywhere: dice * (2.0 * self.overlap + 1.0) / (total * total),
            labelled: -2.0 * dice / total,
        }
    }
}

/// Derivatives of the loss, the same for all pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slopes {
    /// By the focal term of a pixel.
    focal: f32,
    /// By the probability of an anomaly of a pixel.
    everywhere: f32,
    /// Added to `everywhere` on anomalous pixels.
    labelled: f32,
}

/// Sums over `logits` with `labels` of 0 or 1.
pub(crate) fn sums(level: Level, logits: &[f32], labels: &[f32], gamma: f32) -> Sums {
    let pieces: Vec<[f32; 4]> = logits
        .par_chunks(PIECE)
        .zip(labels.par_chunks(PIECE))
        .map(|(logits, labels)| level.run(PieceSums { logits, labels, gamma }))
        .collect();
    let total = |i: usize| pieces.iter().map(|piece| f64::from(piece[i])).sum::<f64>() as f32;
    let pixels = logits.len() as f32;
    Sums { focal: total(0), overlap: total(1), predicted: total(2), labelled: total(3), pixels }
}

/// Gradient of the loss for each of `logits`.
pub(crate) fn gradient(level: Level, logits: &[f32], labels: &[f32], gamma: f32, slopes: Slopes) -> Vec<f32> {
    let mut gradient = vec![0.0; logits.len()];
    let pieces = gradient.par_chunks_mut(PIECE).zip(logits.par_chunks(PIECE)).zip(labels.par_chunks(PIECE));
    pieces.for_each(|((gradient, logits), labels)| {
        level.run(PieceGradient { logits, labels, gamma, slopes, gradient });
    });
    gradient
}

/// A pixel's values, in the terms of the module's description.
struct Pixel {
    p: f32,
    m: f32,
    log_p: f32,
    /// `m^gamma`
    weight: f32,
    /// Probability of an anomaly.
    anomalous: f32,
}

impl Pixel {
    #[inline(always)]
    fn new(logit: f32, label: f32, gamma: f32) -> Self {
        let s = if label > 0.5 { logit } else { -logit };
        let small = exp(-s.abs());
        let (sure, doubt) = (1.0 / (1.0 + small), small / (1.0 + small));
        let log_sure = -log_1p(small);
        let log_doubt = log_sure - s.abs();
        let (p, m, log_p, log_m) =
            if s < 0.0 { (doubt, sure, log_doubt, log_sure) } else { (sure, doubt, log_sure, log_doubt) };
        Self { p, m, log_p, weight: exp(gamma * log_m), anomalous: if label > 0.5 { p } else { m } }
    }
}

/// `log(1 + x)` for x in 0..=1, to a few units in the last place (after Cephes' `logf`).
#[inline(always)]
fn log_1p(x: f32) -> f32 {
    let large = x > std::f32::consts::SQRT_2 - 1.0;
    let r = if large { (x - 1.0) * 0.5 } else { x };
    let series = 7.037_684e-2;
    let series = series * r - 1.151_461e-1;
    let series = series * r + 1.167_7e-1;
    let series = series * r - 1.242_014_1e-1;
    let series = series * r + 1.424_932_3e-1;
    let series = series * r - 1.666_805_8e-1;
    let series = series * r + 2.000_071_5e-1;
    let series = series * r - 2.499_999_4e-1;
    let series = series * r + 3.333_333e-1;
    let log = r - 0.5 * r * r + series * r * r * r;
    if large { log + std::f32::consts::LN_2 } else { log }
}

struct PieceSums<'a> {
    logits: &'a [f32],
    labels: &'a [f32],
    gamma: f32,
}

impl WithSimd for PieceSums<'_> {
    type Output = [f32; 4];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; 4] {
        let mut sums = [[0.0_f32; LANES]; 4];
        let (logits, last_logits) = self.logits.as_chunks::<LANES>();
        let (labels, last_labels) = self.labels.as_chunks::<LANES>();
        for (logits, labels) in logits.iter().zip(labels) {
            for i in 0..LANES {
                let pixel = Pixel::new(logits[i], labels[i], self.gamma);
                sums[0][i] -= pixel.weight * pixel.log_p;
                sums[1][i] += if labels[i] > 0.5 { pixel.anomalous } else { 0.0 };
                sums[2][i] += pixel.anomalous;
                sums[3][i] += labels[i];
            }
        }
        for (&logit, &label) in last_logits.iter().zip(last_labels) {
            let pixel = Pixel::new(logit, label, self.gamma);
            sums[0][0] -= pixel.weight * pixel.log_p;
            sums[1][0] += if label > 0.5 { pixel.anomalous } else { 0.0 };
            sums[2][0] += pixel.anomalous;
            sums[3][0] += label;
        }
        sums.map(|lanes| lanes.iter().sum())
    }
}

struct PieceGradient<'a> {
    logits: &'a [f32],
    labels: &'a [f32],
    gamma: f32,
    slopes: Slopes,
    gradient: &'a mut [f32],
}

impl WithSimd for PieceGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { logits, labels, gamma, slopes, gradient } = self;
        for ((gradient, &logit), &label) in gradient.iter_mut().zip(logits).zip(labels) {
            let pixel = Pixel::new(logit, label, gamma);
            let by_s = pixel.weight * (gamma * pixel.p * pixel.log_p - pixel.m);
            let focal = if label > 0.5 { by_s } else { -by_s };
            let dice = slopes.everywhere + if label > 0.5 { slopes.labelled } else { 0.0 };
            *gradient = slopes.focal * focal + dice * pixel.p * pixel.m;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_and_logarithms_are_those_of_the_standard_library() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 3e-7, "exp({x}) is not {found}");
            let y = i as f32 / 87_000.0;
            let (found, expected) = (f64::from(log_1p(y)), f64::from(y).ln_1p());
            assert!((found - expected).abs() <= 3e-7 * expected, "log_1p({y}) is not {found}");
        }
        assert!(exp(-1e9) < 1e-37);
        assert!(exp(f32::NAN).is_nan() && log_1p(f32::NAN).is_nan());
    }

    #[test]
    fn a_logit_that_is_not_a_number_is_not_hidden() {
        for level in Level::available() {
            let sums = sums(level, &[0.5, f32::NAN, 1.0], &[0.0, 0.0, 1.0], 2.0);
            assert!(sums.focal().is_nan() && sums.dice().is_nan());
        }
    }
}
