//! The settings of a training, and where they come from.

mod preset;
mod validate;

use std::time::Duration;

use anoseg_image::Filter;
use anoseg_infer::network::Architecture;
use anoseg_infer::{Postprocess, ScoreRule};
use anoseg_synth::Recipe;
use serde::{Deserialize, Serialize};

pub use preset::Preset;
pub(crate) use validate::validate_rates;

/// The end of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// After this many seconds, calibration included.
    Seconds(f64),
    /// After this many steps.
    Steps(u64),
}

impl Default for Budget {
    fn default() -> Self {
        Self::Seconds(600.0)
    }
}

impl From<Duration> for Budget {
    fn from(time: Duration) -> Self {
        Self::Seconds(time.as_secs_f64())
    }
}

/// How the weights are fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimiser {
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Steps over which the learning rate rises to its peak.
    pub warmup_steps: u64,
    /// Images per step.
    pub batch: usize,
    /// Learning rate of the discriminators as a share of the others' (Heusel et al., "GANs trained by a two time-scale
    /// update rule", 2017).
    pub discriminator_rate: f64,
    /// A budget of time ends when each image has been trained on this often on average, if that is sooner; 0 = it never
    /// does. A budget of steps stands.
    pub most_views: u64,
    /// The model has the running average of the weights over about so many steps; 0 = the weights of the last step.
    pub average_steps: u64,
    /// Pretrained network: share of its features that each image is trained on without, 0 to 0.9; only where the images are few.
    pub feature_dropout: f32,
    /// Up to so many training images are few.
    pub few_pictures: usize,
}

impl Default for Optimiser {
    fn default() -> Self {
        Self {
            learning_rate: 2e-3,
            weight_decay: 1e-2,
            warmup_steps: 30,
            batch: 8,
            discriminator_rate: 1.0,
            most_views: 0,
            average_steps: 0,
            feature_dropout: 0.0,
            few_pictures: 50,
        }
    }
}

/// How much each loss weighs. A weight of 0 switches the technique off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Focal loss of the anomaly map, in the first steps.
    pub focal: f32,
    /// Exponent of the focal loss.
    pub focal_gamma: f32,
    /// After so many steps the cross-entropy takes the place of the focal loss; 0 = from the start.
    pub focal_steps: u64,
    /// Cross-entropy of the anomaly map, in the steps after those.
    pub cross_entropy: f32,
    /// Soft Dice loss of the anomaly map.
    pub dice: f32,
    /// `L_seg` of AnoSeg: mean absolute error of the anomaly map.
    pub segmentation: f32,
    /// `L_re` of AnoSeg; needs `architecture.reconstruction`.
    pub reconstruction: f32,
    /// `L_adv` of AnoSeg; needs `architecture.reconstruction`.
    pub adversarial: f32,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            focal: 10.0,
            focal_gamma: 2.0,
            focal_steps: 300,
            cross_entropy: 2.0,
            dice: 0.3,
            segmentation: 0.0,
            reconstruction: 0.0,
            adversarial: 0.0,
        }
    }
}

impl LossWeights {
    /// Whether the focal loss is minimised in this step, not the cross-entropy.
    pub(crate) fn focuses(&self, step: u64) -> bool {
        step < self.focal_steps
    }
}

/// How the second GAN is trained, where `architecture.detector` is on. The paper (appendix) names its losses; their weights
/// are ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorSettings {
    /// It learns in every n-th step, this being n: one of its steps costs as much as one of the first GAN's.
    pub every: u64,
    /// Generator: mean absolute error of the redrawn image.
    pub reconstruction: f32,
    /// Generator: `L_fea`, mean square error of the discriminator's features.
    pub features: f32,
    /// Generator: its images should pass for true ones.
    pub adversarial: f32,
    /// Discriminator: `L_cls`, images with synthetic anomalies are no true ones.
    pub classification: f32,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self { every: 3, reconstruction: 1.0, features: 10.0, adversarial: 0.01, classification: 10.0 }
    }
}

/// How thresholds are derived from good images that were not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationSettings {
    /// Share of the good images held out of training; of few images it is more, up to a quarter and eight of them. 0 = none.
    pub holdout: f64,
    /// Wanted share of good images that are rejected.
    pub false_reject: f64,
    /// Wanted share of good images that are rejected or sent to review.
    pub review: f64,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self { holdout: 0.15, false_reject: 0.01, review: 0.05 }
    }
}

/// All settings of a training. Written as `config.toml` into the run directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Ready-made settings that the others refine.
    pub preset: Preset,
    /// Seed of weights, synthesis and split.
    pub seed: u64,
    /// Seconds between two checkpoints; 0 = after every step.
    pub checkpoint_seconds: f64,
    /// When the training ends.
    pub budget: Budget,
    /// How images become the network's input.
    pub input: Input,
    /// How the network's logits become map and score.
    pub output: Postprocess,
    /// The network's shape.
    pub architecture: Architecture,
    /// How the weights are fitted.
    pub optimiser: Optimiser,
    /// The loss.
    pub loss: LossWeights,
    /// How the second GAN is trained.
    pub detector: DetectorSettings,
    /// How thresholds are derived.
    pub calibration: CalibrationSettings,
    /// How synthetic anomalies are made.
    pub synthesis: Recipe,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            seed: 0,
            checkpoint_seconds: 60.0,
            budget: Budget::default(),
            input: Input::default(),
            output: Postprocess { score: ScoreRule::Logits, ..Postprocess::default() },
            architecture: Architecture::default(),
            optimiser: Optimiser::default(),
            loss: LossWeights::default(),
            detector: DetectorSettings::default(),
            calibration: CalibrationSettings::default(),
            synthesis: Recipe::default(),
        }
    }
}

/// How images become the network's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// Images are resampled to `size` x `size` pixels.
    pub size: usize,
    /// Resampling filter.
    pub filter: Filter,
}

impl Default for Input {
    fn default() -> Self {
        Self { size: 256, filter: Filter::Bilinear }
    }
}
