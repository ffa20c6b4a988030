//! Thresholds from good pictures alone.
//!
//! Image thresholds are quantiles of the scores of good pictures that the network never saw. With `n` scores the
//! conformal quantile (the `ceil((n + 1) * (1 - q))`-th smallest) rejects an exchangeable good picture with
//! probability at most `q`; it exists when `n >= 1/q - 1`. With fewer it is the limit that the next of the
//! scores' logits exceeds with probability `q` if they are Gumbel's (`gumbel`). That is an assumption, not a guarantee, and
//! the rule is stored.
//!
//! The pixel threshold is the one that segments synthetic anomalies on those same good pictures best, but never
//! so low that more than one in a thousand of their own pixels exceeds it. Of the places it marks, a [`RegionFilter`] drops
//! those that are no larger and no stronger than what it marks on good pictures.

use anoseg_image::{AnomalyMap, Image, Mask, Region};
use anoseg_metrics::f1_max;
use anoseg_synth::Synthesizer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::config::{CalibrationSettings, validate_rates};
use crate::gumbel::prediction_limit;
use crate::model::{Analysis, Model};
use crate::region_filter::{FalseMarks, RegionFilter};
use crate::{Error, Result};

/// Synthetic pairs used to choose the pixel threshold.
const SYNTHETIC_PAIRS: u64 = 48;

/// Seed of those pairs, so that calibrating twice gives the same threshold.
const SYNTHETIC_SEED: u64 = 0x616e_6f73_6567;

/// A reader is warned where fewer of the synthetic anomalies are rejected.
const FEW_REJECTED: f64 = 0.5;

/// Largest share of good pixels above the pixel threshold.
const FALSE_PIXELS: f64 = 1e-3;

/// How an image threshold was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Order statistic with a finite-sample guarantee.
    Conformal,
    /// Prediction limit of a Gumbel distribution, where there are too few scores for the rate.
    Gumbel,
}

/// What a picture's score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Score at most the review threshold.
    Good,
    /// Score above the review threshold, at most the image threshold: a person should look.
    Review,
    /// Score above the image threshold.
    Reject,
}

/// Thresholds and what they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// A picture is rejected when its score is greater.
    pub image_threshold: f32,
    /// A picture is to be reviewed when its score is greater.
    pub review_threshold: f32,
    /// A pixel is anomalous when the map is greater.
    pub pixel_threshold: f32,
    /// Which places above the pixel threshold are worth reporting.
    #[serde(default)]
    pub regions: RegionFilter,
    /// Wanted share of good pictures rejected.
    pub false_reject: f64,
    /// Wanted share of good pictures rejected or reviewed.
    pub review: f64,
    /// How the image threshold was derived.
    pub rule: Rule,
    /// Whether the scores come from pictures that the training did not see.
    pub held_out: bool,
    /// Scores of the good pictures, ascending.
    pub normal_scores: Vec<f32>,
    /// Share of pictures with synthetic anomalies on those good ones that are rejected, 0..=1. None where the recipe makes none, and
    /// in older models.
    #[serde(default)]
    pub synthetic_rejected: Option<f64>,
}

impl Calibration {
    /// What to do with a picture of this score.
    pub fn decide(&self, score: f32) -> Decision {
        if score > self.image_threshold {
            Decision::Reject
        } else if score > self.review_threshold {
            Decision::Review
        } else {
            Decision::Good
        }
    }

    /// The pixels of `map` that are worth reporting, and the places that they make up, in the order of their labels.
    pub fn marks(&self, map: &AnomalyMap) -> (Mask, Vec<Region>) {
        let mut mask = map.map(|&value| value > self.pixel_threshold);
        let places = self.regions.apply(&mut mask, map);
        (mask, places)
    }

    /// What a reader of the thresholds should know; nothing when they are guaranteed and reject what they should.
    pub fn cautions(&self) -> Vec<String> {
        self.of_the_rate().into_iter().chain(self.of_the_finds()).collect()
    }

    /// Whether good pictures are rejected as rarely as promised.
    fn of_the_rate(&self) -> Option<String> {
        let n = self.normal_scores.len();
        if !self.held_out {
            return Some(format!(
                "the thresholds come from the {n} pictures that were also learned from, and will reject too much: \
                 calibrate with other good pictures"
            ));
        }
        let needed = (1.0 / self.false_reject).ceil() as usize - 1;
        (self.rule == Rule::Gumbel).then(|| {
            format!(
                "{n} good pictures are too few to guarantee a false-reject rate of {}: the threshold is an \
                 estimate; calibrate with at least {needed} good pictures",
                self.false_reject
            )
        })
    }

    /// Whether anything else is rejected.
    fn of_the_finds(&self) -> Option<String> {
        let share = self.synthetic_rejected.filter(|&share| share < FEW_REJECTED)?;
        Some(format!(
            "of pictures with made-up anomalies {:.0} % are rejected, and of true defects perhaps as few: the good pictures differ \
             among themselves so much that the threshold is high; learn from more of them, calibrate with more, or allow a higher \
             false-reject rate",
            100.0 * share
        ))
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        let thresholds = [self.image_threshold, self.review_threshold, self.pixel_threshold];
        if !thresholds.iter().all(|threshold| threshold.is_finite()) {
            return Err("its thresholds are not finite: calibrate it again".into());
        }
        self.regions.validate()
    }
}

/// Calibrates `model` on good pictures that it was not trained on, each brought to the network's size by
/// [`Model::fit`].
///
/// # Errors
/// No picture, or rates out of range.
pub fn calibrate(model: &Model, normals: Vec<Image>, settings: &CalibrationSettings) -> Result<Calibration> {
    from_normals(model, &Arc::new(normals), settings, true)
}

/// As [`calibrate`]; `held_out` tells whether the training saw the pictures.
pub(crate) fn from_normals(
    model: &Model,
    normals: &Arc<Vec<Image>>,
    settings: &CalibrationSettings,
    held_out: bool,
) -> Result<Calibration> {
    validate_rates(settings.false_reject, settings.review)?;
    if normals.is_empty() {
        return Err(Error::Arguments("calibration needs at least one good picture".into()));
    }
    let judge = |(i, image)| model.judge_from(image, (!held_out).then_some(i));
    let judged = normals.iter().enumerate().map(judge).collect::<Result<Vec<_>>>()?;
    let (mut scores, maps): (Vec<f32>, Vec<AnomalyMap>) =
        judged.into_iter().map(|Analysis { score, map }| (score, map)).unzip();
    scores.sort_unstable_by(f32::total_cmp);
    let (image_threshold, rule) = image_threshold(&scores, settings.false_reject);
    let (review_threshold, _) = self::image_threshold(&scores, settings.review);
    let trial = Trial::of(model, normals)?;
    let pixel_threshold = trial.pixel_threshold(&maps)?;
    let marks: Vec<FalseMarks> = maps.iter().map(|map| FalseMarks::of(map, pixel_threshold)).collect();
    Ok(Calibration {
        image_threshold,
        review_threshold: review_threshold.min(image_threshold),
        pixel_threshold,
        regions: RegionFilter::from_normals(&marks, settings.false_reject),
        false_reject: settings.false_reject,
        review: settings.review,
        rule,
        held_out,
        normal_scores: scores,
        synthetic_rejected: trial.rejected(image_threshold),
    })
}

/// Which of `n` ascending values, counted from 1, another one exceeds with a probability of at most `rate`; above `n` where
/// none can promise that.
pub(crate) fn conformal_rank(n: usize, rate: f64) -> usize {
    (((n + 1) as f64 * (1.0 - rate)).ceil() as usize).max(1)
}

/// The threshold that good pictures exceed with probability `rate`. `scores` ascend and are not empty.
fn image_threshold(scores: &[f32], rate: f64) -> (f32, Rule) {
    let n = scores.len();
    let rank = conformal_rank(n, rate);
    if rank <= n {
        return (scores[rank - 1], Rule::Conformal);
    }
    let logits: Vec<f64> = scores.iter().map(|&score| logit(f64::from(score))).collect();
    let limit = 1.0 / (1.0 + (-prediction_limit(&logits, rate)).exp());
    ((limit as f32).max(scores[n - 1]), Rule::Gumbel)
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

/// What a model says of synthetic anomalies on good pictures.
struct Trial {
    /// The map's values at all pixels, and which of them are anomalous.
    values: Vec<f32>,
    truth: Vec<bool>,
    /// Scores of the pictures that have an anomaly.
    scores: Vec<f32>,
}

impl Trial {
    fn of(model: &Model, normals: &Arc<Vec<Image>>) -> Result<Self> {
        let recipe = model.description().synthesis.clone();
        let synthesizer = Synthesizer::new(Arc::clone(normals), recipe, SYNTHETIC_SEED)?;
        let mut trial = Self { values: Vec::new(), truth: Vec::new(), scores: Vec::new() };
        for step in 0..SYNTHETIC_PAIRS {
            let pair = synthesizer.pair(step, 0);
            let Analysis { score, map } = model.judge(&pair.image)?;
            trial.values.extend_from_slice(map.as_slice());
            trial.truth.extend_from_slice(pair.label.as_slice());
            if pair.label.as_slice().contains(&true) {
                trial.scores.push(score);
            }
        }
        Ok(trial)
    }

    /// Best F1, but at least what all but [`FALSE_PIXELS`] of the good pixels stay below.
    fn pixel_threshold(&self, good: &[AnomalyMap]) -> Result<f32> {
        let best = f1_max(&self.values, &self.truth)?.map_or(0.5, |best| best.threshold);
        Ok(best.max(good_pixel_quantile(good)).min(0.999))
    }

    /// Share of the anomalous pictures that score above `threshold`; None if there are none.
    fn rejected(&self, threshold: f32) -> Option<f64> {
        let above = self.scores.iter().filter(|&&score| score > threshold).count();
        (!self.scores.is_empty()).then(|| above as f64 / self.scores.len() as f64)
    }
}

fn good_pixel_quantile(maps: &[AnomalyMap]) -> f32 {
    let mut values: Vec<f32> = maps.iter().flat_map(|map| map.as_slice().iter().copied()).collect();
    let rank = ((values.len() as f64 * (1.0 - FALSE_PIXELS)).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// Share of fresh scores above the threshold, over many drawings of `n` calibration scores.
    fn rejected(n: usize, rate: f64, draw: impl Fn(&mut ChaCha8Rng) -> f32) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut above = 0;
        let trials = 3000;
        for _ in 0..trials {
            let mut scores: Vec<f32> = (0..n).map(|_| draw(&mut rng)).collect();
            scores.sort_unstable_by(f32::total_cmp);
            let (threshold, _) = image_threshold(&scores, rate);
            above += usize::from(draw(&mut rng) > threshold);
        }
        above as f64 / trials as f64
    }

    #[test]
    fn the_conformal_threshold_keeps_its_promise() {
        for (n, rate) in [(19, 0.05), (50, 0.05), (99, 0.01), (200, 0.1)] {
            let found = rejected(n, rate, |rng| rng.random::<f32>().powi(3));
            assert!(found <= rate + 3.0 * (rate / 3000.0).sqrt(), "n {n}: {found} > {rate}");
        }
    }

    #[test]
    fn too_few_scores_are_extrapolated_upwards() {
        let scores = [0.01, 0.015, 0.016, 0.02, 0.02, 0.022, 0.025, 0.03, 0.035, 0.05];
        let (threshold, rule) = image_threshold(&scores, 0.01);
        assert_eq!(rule, Rule::Gumbel);
        assert!(threshold > 0.05 && threshold < 0.6, "{threshold}");
        let (stricter, _) = image_threshold(&scores, 0.001);
        assert!(stricter > threshold);
        // Fewer scores tell less.
        let (careful, _) = image_threshold(&scores[5..], 0.01);
        assert!(careful > threshold);
    }

    #[test]
    fn one_score_gives_a_threshold_that_is_not_below_it() {
        let (threshold, _) = image_threshold(&[0.4], 0.01);
        assert!(threshold >= 0.4 && threshold.is_finite());
    }

    fn calibration() -> Calibration {
        Calibration {
            image_threshold: 0.5,
            review_threshold: 0.2,
            pixel_threshold: 0.5,
            regions: RegionFilter::default(),
            false_reject: 0.01,
            review: 0.05,
            rule: Rule::Conformal,
            held_out: true,
            normal_scores: vec![0.1],
            synthetic_rejected: Some(0.8),
        }
    }

    #[test]
    fn decisions_are_strict() {
        let calibration = calibration();
        assert_eq!(calibration.decide(0.2), Decision::Good);
        assert_eq!(calibration.decide(0.5), Decision::Review);
        assert_eq!(calibration.decide(0.51), Decision::Reject);
    }

    /// Seven held-out pictures of very different scores once gave a threshold of 1: the model passed every defect, without a word.
    #[test]
    fn thresholds_that_reject_next_to_nothing_are_warned_of() {
        assert_eq!(calibration().cautions(), Vec::<String>::new());
        let blind = Calibration { image_threshold: 1.0, synthetic_rejected: Some(0.125), ..calibration() };
        let [caution] = &blind.cautions()[..] else { panic!("{:?}", blind.cautions()) };
        assert!(caution.contains("12 % are rejected"), "{caution}");
        let few = Calibration { rule: Rule::Gumbel, ..blind };
        assert_eq!(few.cautions().len(), 2);
        assert!(Calibration { synthetic_rejected: None, ..few }.cautions()[0].contains("too few"));
    }

    #[test]
    fn the_share_rejected_counts_what_is_above_the_threshold() {
        let trial = |scores: &[f32]| Trial { values: vec![], truth: vec![], scores: scores.to_vec() };
        assert_eq!(trial(&[0.1, 0.5, 0.7, 0.9]).rejected(0.5), Some(0.5));
        assert_eq!(trial(&[]).rejected(0.5), None);
    }
}
