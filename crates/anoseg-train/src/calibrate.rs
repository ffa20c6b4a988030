//! Thresholds from good images alone.
//!
//! Image thresholds are quantiles of the scores of good images that were not trained on:
//! [`image_threshold`](anoseg_infer::image_threshold). The model file names the rule that was used.
//!
//! The pixel threshold marks synthetic anomalies on the same good images up to their border (`pixel_threshold`). A
//! [`RegionFilter`] drops the regions above it that are no larger and no stronger than those of good images: of all of
//! them on an image that the score calls good, of most of them on the others.

use std::sync::Arc;

use anoseg_image::{AnomalyMap, Image, Mask};
use anoseg_infer::{Analysis, Calibration, FalseMarks, Model, RegionFilter};
use anoseg_synth::{Pair, Recipe, Synthesizer};

use crate::config::{CalibrationSettings, validate_rates};
use crate::pixel_threshold::Overlaps;
use crate::{Error, Result, in_parts};

/// Synthetic pairs used to choose the pixel threshold, of images of up to [`PAIR_PIXELS`].
const SYNTHETIC_PAIRS: u64 = 48;

/// Pixels at the network of an image from which on there are fewer pairs: each takes seconds.
const PAIR_PIXELS: usize = 4 << 20;

/// Pairs of images of any size.
const FEWEST_PAIRS: u64 = 12;

/// On an image that is rejected or reviewed, a region is reported if it is larger or stronger than those of nine in ten
/// good images: both limits are quantiles at half of this.
const ORDINARY: f64 = 0.2;

/// Seed of those pairs, so that calibrating twice gives the same threshold.
const SYNTHETIC_SEED: u64 = 0x616e_6f73_6567;

/// Calibrates `model` on good images that it was not trained on, each prepared by
/// [`Model::prepare`]. Which files they come from is not known here: set
/// [`Calibration::calibrated_on`] so that an evaluation on the same images can tell.
///
/// # Errors
/// No image, or rates out of range.
pub fn calibrate(model: &Model, normals: Vec<Image>, settings: &CalibrationSettings) -> Result<Calibration> {
    calibrate_until(model, normals, settings, &mut |_, _| Ok(()))
}

/// As [`calibrate`]. `on_image` is called before each image is judged, and once at the end, with the number of
/// images that are done and of all; an error of it ends the work.
///
/// # Errors
/// As [`calibrate`], and that of `on_image`.
pub fn calibrate_until(
    model: &Model,
    normals: Vec<Image>,
    settings: &CalibrationSettings,
    on_image: &mut OnImage<'_>,
) -> Result<Calibration> {
    let of = judged_images(&normals);
    let normals = Arc::new(normals);
    let mut steps = Steps::new(of, on_image);
    let judges = Judges::HeldOut(model);
    let calibration = from_normals(model, &judges, &normals, settings, &mut steps)?.calibration;
    steps.next()?;
    Ok(calibration)
}

/// Called with the number of images that are done and of all.
pub type OnImage<'a> = dyn FnMut(usize, usize) -> Result<()> + 'a;

/// Counts the images that are judged.
pub(crate) struct Steps<'a> {
    done: usize,
    of: usize,
    on_image: &'a mut OnImage<'a>,
}

impl<'a> Steps<'a> {
    /// Of so many images.
    pub(crate) fn new(of: usize, on_image: &'a mut OnImage<'a>) -> Self {
        Self { done: 0, of, on_image }
    }

    /// Comes before each image, and at the end.
    pub(crate) fn next(&mut self) -> Result<()> {
        (self.on_image)(self.done, self.of)?;
        self.done += 1;
        Ok(())
    }
}

/// Images that [`from_normals`] judges: these, and synthetic pairs.
pub(crate) fn judged_images(normals: &[Image]) -> usize {
    normals.len() + pairs(largest(normals)) as usize
}

/// Pixels of the largest image.
fn largest(images: &[Image]) -> usize {
    images.iter().map(|image| image.width() * image.height()).max().unwrap_or(0)
}

/// Thresholds, and the scores of the synthetic anomalies that they were tried on.
pub(crate) struct Calibrated {
    pub(crate) calibration: Calibration,
    pub(crate) synthetic_scores: Vec<f32>,
}

/// Which model judges which of the good images.
pub(crate) enum Judges<'a> {
    /// One that was trained on none of them.
    HeldOut(&'a Model),
    /// One that was trained on all of them.
    Trained(&'a Model),
    /// Several, each for those that it was not trained on. All have the memory bank of the model that is calibrated.
    Folds {
        models: Vec<Model>,
        /// For each image the number of its model.
        of_images: Vec<usize>,
    },
}

impl Judges<'_> {
    /// A good image as it is. Features of its own in the memory bank do not count.
    fn judge(&self, i: usize, image: &Image) -> Result<Analysis> {
        let own = Some(i).filter(|_| !matches!(self, Self::HeldOut(_)));
        Ok(self.of_image(i).analyse_prepared(image, own)?)
    }

    /// A synthetic anomaly on a good image.
    fn judge_pair(&self, pair: &Pair) -> Result<Analysis> {
        let own = Some(pair.source).filter(|_| matches!(self, Self::Folds { .. }));
        Ok(self.of_image(pair.source).analyse_inside(&pair.image, own, pair.inside.as_ref())?)
    }

    fn of_image(&self, i: usize) -> &Model {
        match self {
            Self::HeldOut(model) | Self::Trained(model) => model,
            Self::Folds { models, of_images } => &models[of_images[i]],
        }
    }
}

/// As [`calibrate`], with the images judged by `judges`.
pub(crate) fn from_normals(
    model: &Model,
    judges: &Judges<'_>,
    normals: &Arc<Vec<Image>>,
    settings: &CalibrationSettings,
    steps: &mut Steps<'_>,
) -> Result<Calibrated> {
    validate_rates(settings.false_reject, settings.review)?;
    if normals.is_empty() {
        return Err(Error::data(std::path::Path::new("calibration"), "needs at least one good image"));
    }
    let judge = |(i, image)| {
        steps.next()?;
        judges.judge(i, image)
    };
    let judged = normals.iter().enumerate().map(judge).collect::<Result<Vec<_>>>()?;
    let (mut scores, maps): (Vec<f32>, Vec<AnomalyMap>) =
        judged.into_iter().map(|Analysis { score, map }| (score, map)).unzip();
    scores.sort_unstable_by(f32::total_cmp);
    let (image_threshold, rule) = anoseg_infer::image_threshold(&scores, settings.false_reject);
    let review_threshold = anoseg_infer::review_threshold(&scores, settings.review);
    let trial = Trial::of(model, judges, normals, steps)?;
    let insides: Vec<Option<Mask>> = normals.iter().map(|image| model.inside(image)).collect();
    let good = maps.iter().zip(&insides).flat_map(|(map, inside)| counting(map.as_slice(), inside.as_ref()));
    let pixel_threshold = trial.overlaps.threshold(good.collect());
    let marks: Vec<FalseMarks> = maps.iter().map(|map| FalseMarks::of(map, pixel_threshold)).collect();
    let calibration = Calibration {
        image_threshold,
        review_threshold: review_threshold.min(image_threshold),
        pixel_threshold,
        regions: RegionFilter::from_normals(&marks, settings.false_reject),
        regions_if_not_good: Some(RegionFilter::from_normals(&marks, ORDINARY)),
        false_reject: settings.false_reject,
        review: settings.review,
        rule,
        held_out: !matches!(judges, Judges::Trained(_)),
        folds: match judges {
            Judges::Folds { models, .. } => Some(models.len()),
            _ => None,
        },
        normal_scores: scores,
        synthetic_rejected: trial.rejected(image_threshold),
        calibrated_on: Vec::new(),
        verdicts: None,
    };
    Ok(Calibrated { calibration, synthetic_scores: trial.scores })
}

/// Synthetic pairs of images of so many pixels.
fn pairs(pixels: usize) -> u64 {
    let fewer = SYNTHETIC_PAIRS as usize * PAIR_PIXELS / pixels.max(1);
    (fewer as u64).clamp(FEWEST_PAIRS, SYNTHETIC_PAIRS)
}

/// The settings of the synthesis that the model was trained with.
///
/// # Errors
/// The model file has other settings.
pub fn recipe(model: &Model) -> Result<Recipe> {
    let damaged = |what: String| {
        let fault = anoseg_infer::ModelFault::Damaged(format!("its synthesis settings: {what}"));
        Error::from(anoseg_infer::Error::model(model.path(), fault))
    };
    let recipe: Recipe = serde_json::from_value(model.description().synthesis.clone())
        .map_err(|error| damaged(error.to_string()))?;
    recipe.validate().map_err(|error| damaged(error.to_string()))?;
    Ok(recipe)
}

/// Synthetic anomalies on good images that [`Model::prepare`] gave, as large as in the model's training. The
/// same of the same images each time.
///
/// # Errors
/// The images do not fit the recipe.
pub fn synthesizer_of(model: &Model, normals: &Arc<Vec<Image>>, recipe: Recipe) -> Result<Synthesizer> {
    let geometry = &model.description().preprocess.geometry;
    synthesizer_of_all(model, in_parts::without_small(normals, geometry), recipe)
}

/// As [`synthesizer_of`], where no image is too small.
fn synthesizer_of_all(model: &Model, normals: Arc<Vec<Image>>, recipe: Recipe) -> Result<Synthesizer> {
    let geometry = &model.description().preprocess.geometry;
    let inside = normals.first().and_then(|image| model.inside(image));
    Ok(in_parts::synthesizer(normals, recipe, SYNTHETIC_SEED, geometry)?.within(inside))
}

/// A model's maps and scores of synthetic anomalies on good images.
struct Trial {
    overlaps: Overlaps,
    /// Scores of the images that have an anomaly.
    scores: Vec<f32>,
}

impl Trial {
    fn of(
        model: &Model,
        judges: &Judges<'_>,
        normals: &Arc<Vec<Image>>,
        steps: &mut Steps<'_>,
    ) -> Result<Self> {
        let recipe = recipe(model)?;
        let synthesizer = match judges {
            // None of them is too small, and the numbers of the others must stay as they are.
            Judges::Folds { .. } => synthesizer_of_all(model, Arc::clone(normals), recipe)?,
            _ => synthesizer_of(model, normals, recipe)?,
        };
        let pairs = pairs(largest(normals));
        let mut trial = Self { overlaps: Overlaps::new(), scores: Vec::new() };
        for step in 0..pairs {
            steps.next()?;
            let pair = synthesizer.whole_pair(step, 0);
            let Analysis { score, map } = judges.judge_pair(&pair)?;
            let (values, truth) = (map.as_slice(), pair.label.as_slice());
            let inside = pair.inside.as_ref();
            trial.overlaps.add(counting(values, inside).zip(counting(truth, inside)));
            if pair.label.as_slice().contains(&true) {
                trial.scores.push(score);
            }
        }
        Ok(trial)
    }

    /// Share of the anomalous images that score above `threshold`; None if there are none.
    fn rejected(&self, threshold: f32) -> Option<f64> {
        let above = self.scores.iter().filter(|&&score| score > threshold).count();
        (!self.scores.is_empty()).then(|| above as f64 / self.scores.len() as f64)
    }
}

/// The pixels of a plane that lie inside; all of them without a mask.
pub(crate) fn counting<'a, T: Copy>(
    pixels: &'a [T],
    inside: Option<&'a Mask>,
) -> impl Iterator<Item = T> + 'a {
    let counts = move |i: usize| inside.is_none_or(|inside| inside.as_slice()[i]);
    pixels.iter().enumerate().filter(move |&(i, _)| counts(i)).map(|(_, &value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of 6000 x 4000 once took five minutes and five gigabytes.
    #[test]
    fn large_images_have_fewer_pairs() {
        assert_eq!([256 * 256, 2048 * 2048, 4096 * 2048, 6016 * 4000].map(pairs), [48, 48, 24, 12]);
    }

    #[test]
    fn the_share_rejected_counts_what_is_above_the_threshold() {
        let trial = |scores: &[f32]| Trial { overlaps: Overlaps::new(), scores: scores.to_vec() };
        assert_eq!(trial(&[0.1, 0.5, 0.7, 0.9]).rejected(0.5), Some(0.5));
        assert_eq!(trial(&[]).rejected(0.5), None);
    }
}
