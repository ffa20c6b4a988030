//! Trainings that each leave out a part of few good images, so that every image gets a score of a network that has not
//! seen it.
//!
//! A share that is held out of thirty images gives seven scores, and the threshold of a low false-reject rate lies far
//! above seven scores. All trainings share the backbone, in whose memory bank an image's own features do not count
//! for itself. (Cross-conformal prediction: Vovk, 2015. Its bound, about twice the rate: Barber, Candès, Ramdas and
//! Tibshirani, "Predictive inference with the jackknife+", 2021. It holds for the networks that gave the scores
//! together, not for one that is trained on all images, which the model has: nothing is guaranteed.)

use std::sync::Arc;

use anoseg_infer::Model;
use anoseg_infer::network::{Backbone, Kind};
use anoseg_synth::Synthesizer;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::event::{Event, StopToken};
use super::session::{OnEvent, Session};
use crate::calibrate::Judges;
use crate::config::{Budget, Config};
use crate::data::shuffle;
use crate::run_dir::RunDir;
use crate::{Error, Result};

/// Trainings for the thresholds of a pretrained network, unless `calibration.folds` says another number.
const USUAL: usize = 4;

/// Fewer images are held out of none of the trainings.
const FEWEST: usize = 4;

/// Which training leaves out which images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folds {
    count: usize,
    /// For each image the training that leaves it out.
    of_image: Vec<usize>,
}

impl Folds {
    /// Those of so many images; None where a share is held out instead, as of many images.
    pub(super) fn of(config: &Config, images: usize) -> Option<Self> {
        let (calibration, few) = (&config.calibration, config.optimiser.few_pictures);
        let usual = if config.architecture.network == Kind::Pretrained { USUAL } else { 0 };
        let count = calibration.folds.unwrap_or(usual).min(images);
        let wanted = calibration.holdout > 0.0 && count >= 2;
        if !wanted || !(FEWEST..=few).contains(&images) {
            return None;
        }
        let mut order: Vec<usize> = (0..images).collect();
        shuffle(&mut order, &mut ChaCha8Rng::seed_from_u64(config.seed));
        let mut of_image = vec![0; images];
        order.into_iter().enumerate().for_each(|(place, image)| of_image[image] = place % count);
        Some(Self { count, of_image })
    }

    /// How many trainings leave out a part.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Trains the networks that each leave out a part of the images, on the `backbone` of `model`, which was trained on
    /// all of them, and which judges them itself, with a warning, if one of these trainings fails. Their checkpoints are in a hidden folder of `run_dir` for
    /// the time being: a training that is interrupted here begins with the first of them again.
    ///
    /// # Errors
    /// `stop` was called, or a checkpoint cannot be written.
    pub(super) fn train<'a>(
        self,
        (config, parts, run_dir): (&Config, usize, &RunDir),
        (model, backbone): (&'a Model, Option<&Arc<Backbone>>),
        synthesizer: &Synthesizer,
        stop: &StopToken,
        on_event: &mut OnEvent<'_>,
    ) -> Result<Judges<'a>> {
        let steps = model.description().provenance.steps;
        // It is the main training that is gone on with.
        let interrupted = || Error::Interrupted { step: steps, run_dir: run_dir.path().to_owned() };
        let mut train = |fold: usize| {
            // A training of no steps does not look.
            if stop.is_stopped() {
                return Err(interrupted());
            }
            let kept = self.kept(fold);
            let (train, held_out) = (kept.len(), self.of_image.len() - kept.len());
            on_event(Event::Fold { number: fold + 1, of: self.count, train, held_out });
            let folder = tempfile::Builder::new().prefix(".fold-").tempdir_in(run_dir.path());
            let folder = folder.map_err(|error| Error::io(run_dir.path(), error))?;
            let config = Config { budget: self.budget(fold, steps), ..config.clone() };
            let own_dir = RunDir::open(folder.path());
            let _lock = own_dir.lock()?;
            let backbone = backbone.map(Arc::clone);
            let mut session = Session::begin(&config, &own_dir, ("", train, parts), backbone, (0.0, 0))?;
            session.run(&synthesizer.clone().among(kept), stop, &mut |event| {
                // The model is that of the main training.
                if !matches!(event, Event::FellBack { .. }) {
                    on_event(event);
                }
            })?;
            session.model(model.description().clone())
        };
        let trained = (0..self.count).map(&mut train).collect();
        match trained {
            Ok(models) => Ok(Judges::Folds { models, of_images: self.of_image }),
            Err(Error::Diverged { .. }) => {
                let what = "a training for the thresholds failed: they come from images that were trained on";
                on_event(Event::Warning(what.to_owned()));
                Ok(Judges::Trained(model))
            }
            Err(Error::Interrupted { .. }) => Err(interrupted()),
            Err(error) => Err(error),
        }
    }

    /// The images that a training does not leave out.
    fn kept(&self, fold: usize) -> Vec<usize> {
        (0..self.of_image.len()).filter(|&image| self.of_image[image] != fold).collect()
    }

    /// The budget of such a training, beside one of so many steps on all images: each image is used as often.
    fn budget(&self, fold: usize, steps: u64) -> Budget {
        let share = self.kept(fold).len() as f64 / self.of_image.len() as f64;
        Budget::Steps(((steps as f64 * share).round() as u64).max(steps.min(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preset;

    #[test]
    fn each_image_is_left_out_once_and_parts_are_equal() {
        let config = Config::of(Preset::Accurate);
        let folds = Folds::of(&config, 31).unwrap();
        assert_eq!(folds.count(), 4);
        let sizes: Vec<usize> = (0..4).map(|fold| 31 - folds.kept(fold).len()).collect();
        assert_eq!(sizes, [8, 8, 8, 7]);
        let mut left_out: Vec<usize> =
            (0..31).map(|image| (0..4).filter(|&fold| !folds.kept(fold).contains(&image)).count()).collect();
        left_out.dedup();
        assert_eq!(left_out, [1]);
        assert_eq!(folds.budget(0, 310), Budget::Steps(230));
        assert_eq!(Some(folds), Folds::of(&config, 31), "the same of the same seed");
    }

    #[test]
    fn many_images_and_networks_from_scratch_have_a_share_held_out() {
        let accurate = Config::of(Preset::Accurate);
        let few = accurate.optimiser.few_pictures;
        assert!(Folds::of(&accurate, few).is_some() && Folds::of(&accurate, few + 1).is_none());
        assert!(Folds::of(&accurate, 3).is_none());
        assert!(Folds::of(&Config::of(Preset::Fast), 20).is_none());
        let mut asked = Config::of(Preset::Fast);
        asked.calibration.folds = Some(3);
        assert_eq!(Folds::of(&asked, 20).unwrap().count(), 3);
        let mut none = accurate.clone();
        none.calibration.folds = Some(0);
        assert!(Folds::of(&none, 20).is_none());
        none = Config {
            calibration: crate::config::CalibrationSettings { holdout: 0.0, ..accurate.calibration.clone() },
            ..accurate
        };
        assert!(Folds::of(&none, 20).is_none(), "none is held out");
    }
}
