//! Good images that may show defects, told by their scores after the training.
//!
//! The logits of the scores of good images are taken to follow a Gumbel distribution (as in
//! `anoseg_infer::image_threshold`). Its location and scale come from the median and the median absolute deviation, on
//! which a few defects have no effect. An image is suspect when its score lies above the quantile
//! that the highest of as many good images exceeds in one set of twenty.
//!
//! That says something about defects only if defects have high scores. After a short training, scores
//! tell brightness, contrast or the place of the part, and the images that differ in these would be
//! named. Nothing is suspect, therefore, unless the scores tell synthetic anomalies from good images:
//! by an AUROC of at least [`LEAST_AUROC`].

use std::path::PathBuf;

use anoseg_image::Image;
use anoseg_infer::{Model, logit};

use crate::Result;
use crate::calibrate::Steps;

/// In fewer images nothing is suspect.
const FEWEST: usize = 12;

/// How often a set of good images has a suspect one.
const FALSE_ALARMS: f64 = 0.05;

/// How often an image with a synthetic anomaly must score above a good one, so that high scores are
/// a sign of defects. After 10 to 100 steps of preset `fast`, good images were named in 13 of 28
/// trainings, and the AUROC was at most 0.71 in all of them. It was 0.90 where defects were named
/// (docs/experiments.md).
const LEAST_AUROC: f64 = 0.8;

/// Median absolute deviation of the standard Gumbel distribution, and its median.
const GUMBEL_MAD: f64 = 0.767_049;
const GUMBEL_MEDIAN: f64 = 0.366_513;

/// Least scale of the logits: where all scores are nearly equal, small differences mean nothing.
const LEAST_SCALE: f64 = 0.002;

/// Most images of which the scores are taken; of larger sets every so many are left out.
const MOST: usize = 1000;

/// Of so many images, every so many are judged.
fn every(images: usize) -> usize {
    images.div_ceil(MOST).max(1)
}

/// How many of these images [`find`] judges.
pub(crate) fn judged_images(trained: usize, held_out: usize) -> usize {
    let step = every(trained + held_out);
    trained.div_ceil(step) + held_out.div_ceil(step)
}

/// The files of the images that may show defects, the highest score first. `held_out` are images
/// that the model was not trained on; both are prepared. `synthetic_scores` are those of synthetic
/// anomalies on good images.
///
/// # Errors
/// The network gave a value that is not finite.
pub(crate) fn find(
    model: &Model,
    (trained, trained_names): (&[Image], &[PathBuf]),
    (held_out, held_out_names): (&[Image], &[PathBuf]),
    synthetic_scores: &[f32],
    steps: &mut Steps<'_>,
) -> Result<Vec<PathBuf>> {
    let step = every(trained.len() + held_out.len());
    let mut scored = Vec::new();
    for (i, image) in trained.iter().enumerate().step_by(step) {
        steps.next()?;
        scored.push((model.analyse_prepared(image, Some(i))?.score, &trained_names[i]));
    }
    for (i, image) in held_out.iter().enumerate().step_by(step) {
        steps.next()?;
        scored.push((model.analyse_prepared(image, None)?.score, &held_out_names[i]));
    }
    if !tells_anomalies(synthetic_scores, &scored.iter().map(|(score, _)| *score).collect::<Vec<_>>())? {
        return Ok(Vec::new());
    }
    scored.iter_mut().for_each(|(score, _)| *score = logit(score));
    let limit = limit(&scored.iter().map(|(score, _)| f64::from(*score)).collect::<Vec<_>>());
    scored.retain(|(score, _)| f64::from(*score) > limit);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(scored.into_iter().map(|(_, name)| name.clone()).collect())
}

/// Whether the scores of synthetic anomalies are high among those of good images.
fn tells_anomalies(synthetic: &[f32], good: &[f32]) -> Result<bool> {
    let anomalous: Vec<bool> = [vec![true; synthetic.len()], vec![false; good.len()]].concat();
    let auroc = anoseg_metrics::auroc(&[synthetic, good].concat(), &anomalous)?;
    Ok(auroc.is_some_and(|auroc| auroc >= LEAST_AUROC))
}

/// The logit above which an image is suspect.
fn limit(logits: &[f64]) -> f64 {
    if logits.len() < FEWEST {
        return f64::INFINITY;
    }
    let centre = median(logits.to_vec());
    let deviation = median(logits.iter().map(|logit| (logit - centre).abs()).collect());
    let scale = (deviation / GUMBEL_MAD).max(LEAST_SCALE);
    centre + scale * ((logits.len() as f64 / FALSE_ALARMS).ln() - GUMBEL_MEDIAN)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn good(rng: &mut ChaCha8Rng) -> f64 {
        let uniform: f64 = 1.0 - rng.random::<f64>();
        -3.0 - 0.3 * (-uniform.ln()).max(f64::MIN_POSITIVE).ln()
    }

    #[test]
    fn good_images_are_seldom_suspect() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for n in [20, 50, 250] {
            let alarms = (0..500).filter(|_| {
                let logits: Vec<f64> = (0..n).map(|_| good(&mut rng)).collect();
                let limit = limit(&logits);
                logits.iter().any(|&logit| logit > limit)
            });
            // The scale is estimated, so that small sets have a few more than one in twenty.
            let share = alarms.count() as f64 / 500.0;
            assert!(share < if n < 50 { 0.2 } else { 0.12 }, "{n}: {share}");
        }
    }

    #[test]
    fn defects_among_good_images_do_not_hide_each_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut logits: Vec<f64> = (0..29).map(|_| good(&mut rng)).collect();
        logits.extend([1.0, 2.0, 2.5]);
        let limit = limit(&logits);
        assert!((-2.0..1.0).contains(&limit), "{limit}");
    }

    /// Trainings of a few steps once named good images of an unusual brightness or place.
    #[test]
    fn scores_that_do_not_tell_anomalies_name_no_image() {
        let good = [0.1, 0.2, 0.3, 0.9];
        assert!(tells_anomalies(&[0.4, 0.5, 0.95, 0.96], &good).unwrap());
        assert!(!tells_anomalies(&[0.1, 0.2, 0.3, 0.9], &good).unwrap());
        assert!(!tells_anomalies(&[], &good).unwrap(), "the recipe draws no anomalies");
    }

    #[test]
    fn equal_scores_and_few_scores_are_not_suspect() {
        assert_eq!(limit(&[0.0, 0.0, 9.0]), f64::INFINITY);
        let equal = [vec![-2.0; 30], vec![-1.99]].concat();
        assert!(limit(&equal) > -1.99);
    }
}
