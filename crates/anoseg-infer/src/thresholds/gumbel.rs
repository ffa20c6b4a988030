//! The threshold where good images are too few for an order statistic: a prediction limit of
//! Gumbel's distribution.
//!
//! An image's score is a mean of the map's largest values, and largest values follow a Gumbel
//! distribution. With known location and scale, the threshold would be its quantile. With location
//! and scale estimated from few scores, that quantile is exceeded too often. The distance of the
//! next score from the sample mean, in standard deviations of the sample, is a pivot of a
//! location-scale family: its distribution depends on the number of scores alone (Hahn and Meeker,
//! "Statistical Intervals", 1991, chapter 4). The quantile of the pivot is estimated by drawing
//! samples. With Gumbel scores the share rejected is then the one asked for, on average over all
//! samples.
//!
//! The upper tail of a Gumbel distribution is the long one. A score far below the median, such as
//! that of a nearly empty image, does not tell how high the next score may be, but it increases the
//! sample's deviation and so raises the limit above every defect. A score that lies farther below
//! the median than the largest lies above it is therefore moved up to the same distance. The draws
//! are treated in the same way.

use super::chacha::ChaCha8;

/// Samples drawn to find the quantile.
const DRAWS: usize = 2000;

/// Always the same samples, so that the same scores give the same threshold.
const SEED: u64 = 0x6775_6d62;

/// The limit that the next value exceeds with probability `rate`, if it and `values` are from one
/// Gumbel distribution. A single value has no spread and is its own limit.
///
/// # Panics
/// When there is no value.
pub(super) fn prediction_limit(values: &[f64], rate: f64) -> f64 {
    let (mean, deviation) = moments(values);
    if deviation == 0.0 { mean } else { mean + deviation * factor(values.len(), rate) }
}

/// How many sample deviations above the sample mean the next of `n` values lies with probability
/// `rate`.
fn factor(n: usize, rate: f64) -> f64 {
    let mut rng = ChaCha8::seeded(SEED);
    let samples: Vec<(f64, f64)> = (0..DRAWS)
        .map(|_| {
            let values: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
            moments(&values)
        })
        .collect();
    let exceeded = |factor: f64| {
        let share: f64 =
            samples.iter().map(|(mean, deviation)| -(-(-(mean + factor * deviation)).exp()).exp_m1()).sum();
        share / DRAWS as f64
    };
    let (mut low, mut high) = (0.0, 1.0);
    while exceeded(high) > rate && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        *(if exceeded(middle) > rate { &mut low } else { &mut high }) = middle;
    }
    high
}

/// A value of the standard Gumbel distribution.
fn draw(rng: &mut ChaCha8) -> f64 {
    // The uniform value is in (0, 1] and its logarithm is kept away from 0, so that both logarithms
    // are finite.
    let uniform = 1.0 - rng.uniform();
    -(-uniform.ln()).max(f64::MIN_POSITIVE).ln()
}

/// Mean and standard deviation of a sample; the deviation of a single value is 0. Values farther
/// below the median than the largest is above it are moved up to that distance.
fn moments(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let lowest = 2.0 * median - sorted[sorted.len() - 1];
    let n = values.len() as f64;
    let counted = || sorted.iter().map(|value| value.max(lowest));
    let mean = counted().sum::<f64>() / n;
    let squares: f64 = counted().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the plain quantile, 6 % were rejected instead of 1 % with twenty scores.
    #[test]
    fn the_limit_is_exceeded_at_the_given_rate() {
        for (n, rate) in [(5, 0.05), (20, 0.01), (50, 0.01)] {
            let mut rng = ChaCha8::seeded(3);
            let factor = factor(n, rate);
            let trials = 40_000;
            let above = (0..trials)
                .filter(|_| {
                    let values: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
                    let (mean, deviation) = moments(&values);
                    draw(&mut rng) > mean + factor * deviation
                })
                .count();
            let found = above as f64 / f64::from(trials);
            let tolerance = 4.0 * (rate / f64::from(trials)).sqrt() + 0.1 * rate;
            assert!((found - rate).abs() < tolerance, "{n} values, {rate}: {found}");
        }
    }

    #[test]
    fn with_many_values_the_factor_is_the_quantile() {
        // ((-ln(-ln 0.99)) - 0.5772) * sqrt(6) / pi
        assert!((factor(2000, 0.01) - 3.1367).abs() < 0.03);
    }

    /// Seven held-out images, one of them nearly empty: the limit was 8.2, above the score of every
    /// defect.
    #[test]
    fn a_value_far_below_the_others_does_not_raise_the_limit() {
        let others = [-1.08, -0.76, -0.35, -0.22, 0.41, 0.42];
        let limit = |lowest: f64| prediction_limit(&[&[lowest][..], &others].concat(), 0.01);
        assert_eq!(limit(-5.0), limit(-50.0));
        assert!(limit(-5.0) < 3.5, "{}", limit(-5.0));
        assert!(limit(-5.0) > 0.42 + 1.0, "{}", limit(-5.0));
    }

    #[test]
    fn values_without_spread_are_their_own_limit() {
        assert_eq!(prediction_limit(&[2.0], 0.01), 2.0);
        assert_eq!(prediction_limit(&[2.0, 2.0, 2.0], 0.01), 2.0);
    }
}
