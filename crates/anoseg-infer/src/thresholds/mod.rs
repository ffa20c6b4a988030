//! Image thresholds from the scores of good images.

mod chacha;
mod gumbel;

use self::gumbel::prediction_limit;
use crate::{Rule, conformal_rank};

/// The threshold that good images exceed with probability `rate`, and the rule that gave it.
///
/// `scores` are those of good images that were not trained on, ascending, each 0..=1; `rate` lies between 0
/// and 1. With `n` scores the conformal quantile (the `ceil((n + 1) * (1 - rate))`-th smallest) is exceeded
/// by an exchangeable good image with probability at most `rate`; it exists when `n >= 1 / rate - 1`. With
/// fewer scores the threshold is a prediction limit: the logit of the next score exceeds it with probability
/// `rate`, if the logits follow a Gumbel distribution. That is an assumption, not a guarantee.
///
/// ```
/// use anoseg_infer::{Rule, image_threshold};
///
/// let scores: Vec<f32> = (1..100).map(|i| i as f32 / 100.0).collect();
/// assert_eq!(image_threshold(&scores, 0.05), (0.95, Rule::Conformal));
/// ```
///
/// # Panics
/// When there is no score.
pub fn image_threshold(scores: &[f32], rate: f64) -> (f32, Rule) {
    let n = scores.len();
    assert!(n > 0, "a threshold needs at least one score");
    let rank = conformal_rank(n, rate);
    if rank <= n {
        return (scores[rank - 1], Rule::Conformal);
    }
    let logits: Vec<f64> = scores.iter().map(|&score| logit(f64::from(score))).collect();
    let limit = probability(prediction_limit(&logits, rate));
    ((limit as f32).max(scores[n - 1]), Rule::Gumbel)
}

/// The threshold above which good images are reviewed with probability `rate`, of scores as [`image_threshold`] takes
/// them.
///
/// A review costs less than a good part that is thrown away, so the rate is aimed at and not guaranteed: between two
/// scores the threshold lies where `(n + 1) * (1 - rate)` does between their ranks, in logits. The conformal quantile is
/// the upper one of them, so that one odd image among thirty alone would decide what is reviewed. Where `n` is below
/// `1 / rate - 1`, it is that of [`image_threshold`].
///
/// ```
/// use anoseg_infer::{image_threshold, review_threshold};
///
/// let scores: Vec<f32> = (0..38).map(|i| if i == 37 { 0.9998 } else { i as f32 / 100.0 }).collect();
/// assert_eq!(image_threshold(&scores, 0.05).0, 0.9998);
/// assert!((0.36..0.5).contains(&review_threshold(&scores, 0.05)));
/// ```
///
/// # Panics
/// When there is no score.
pub fn review_threshold(scores: &[f32], rate: f64) -> f32 {
    let (above, rule) = image_threshold(scores, rate);
    let place = (scores.len() as f64 + 1.0) * (1.0 - rate);
    let below = place as usize;
    if rule == Rule::Gumbel || below == 0 {
        return above;
    }
    let [low, high] = [scores[below - 1], above].map(|score| logit(f64::from(score)));
    // An ulp of the logit must not lead out of what is between them.
    (probability(low + place.fract() * (high - low)) as f32).clamp(scores[below - 1], above)
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// Share of fresh scores above the threshold, over many drawings of `n` calibration scores.
    fn rejected(n: usize, rate: f64, draw: impl Fn(&mut ChaCha8Rng) -> f32) -> f64 {
        exceeded(n, |scores| image_threshold(scores, rate).0, draw)
    }

    /// As [`rejected`], of another threshold.
    fn exceeded(n: usize, threshold: impl Fn(&[f32]) -> f32, draw: impl Fn(&mut ChaCha8Rng) -> f32) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut above = 0;
        let trials = 3000;
        for _ in 0..trials {
            let mut scores: Vec<f32> = (0..n).map(|_| draw(&mut rng)).collect();
            scores.sort_unstable_by(f32::total_cmp);
            above += usize::from(draw(&mut rng) > threshold(&scores));
        }
        above as f64 / trials as f64
    }

    #[test]
    fn the_conformal_threshold_keeps_the_rate() {
        for (n, rate) in [(19, 0.05), (50, 0.05), (99, 0.01), (200, 0.1)] {
            let found = rejected(n, rate, |rng| rng.random::<f32>().powi(3));
            assert!(found <= rate + 3.0 * (rate / 3000.0).sqrt(), "n {n}: {found} > {rate}");
        }
    }

    /// On average over all drawings; an odd image now and then leaves it so.
    #[test]
    fn the_review_threshold_aims_at_the_rate() {
        for (n, rate) in [(19, 0.05), (24, 0.05), (31, 0.05), (38, 0.05), (57, 0.1)] {
            let found =
                exceeded(n, |scores| review_threshold(scores, rate), |rng| rng.random::<f32>().powi(3));
            assert!((found - rate).abs() <= 4.0 * (rate / 3000.0).sqrt(), "n {n}: {found}, not {rate}");
        }
    }

    #[test]
    fn the_review_threshold_lies_between_scores() {
        let scores: Vec<f32> = (1..=38).map(|i| i as f32 / 100.0).collect();
        let threshold = review_threshold(&scores, 0.05);
        assert!((threshold - 0.3705).abs() < 1e-4, "{threshold}");
        assert_eq!(review_threshold(&[0.3; 38], 0.05), 0.3);
        assert_eq!(review_threshold(&[1.0; 38], 0.05), 1.0);
        let few = [0.1, 0.2, 0.3];
        assert_eq!(review_threshold(&few, 0.05), image_threshold(&few, 0.05).0);
        assert_eq!(review_threshold(&few, 0.9), 0.1);
    }

    #[test]
    fn too_few_scores_are_extrapolated_upwards() {
        let scores = [0.01, 0.015, 0.016, 0.02, 0.02, 0.022, 0.025, 0.03, 0.035, 0.05];
        let (threshold, rule) = image_threshold(&scores, 0.01);
        assert_eq!(rule, Rule::Gumbel);
        assert!(threshold > 0.05 && threshold < 0.6, "{threshold}");
        let (stricter, _) = image_threshold(&scores, 0.001);
        assert!(stricter > threshold);
        // Fewer scores raise the threshold: the estimate is less certain.
        let (careful, _) = image_threshold(&scores[5..], 0.01);
        assert!(careful > threshold);
    }

    #[test]
    fn one_score_gives_a_threshold_that_is_not_below_it() {
        let (threshold, _) = image_threshold(&[0.4], 0.01);
        assert!(threshold >= 0.4 && threshold.is_finite());
    }
}
