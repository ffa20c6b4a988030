//! The settings of a training, and where they come from.

mod preset;
mod seed;
mod validate;

use std::time::Duration;

use anoseg_image::{Filter, Limits};
use anoseg_infer::network::Architecture;
use anoseg_infer::{Postprocess, RegionOfInterest, ScoreRule};
use anoseg_synth::Recipe;
use serde::{Deserialize, Serialize};

pub use preset::Preset;
pub(crate) use validate::{TILES_MULTIPLE, validate_rates};

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
    /// Learning rate of the discriminators as a share of the others' (Heusel et al., "GANs trained
    /// by a two time-scale update rule", 2017).
    pub discriminator_rate: f64,
    /// A time budget ends early when each image has been used this many times on average; 0 = no
    /// limit. A step budget is not affected.
    pub most_views: u64,
    /// The model gets the running average of the weights over about this many steps; 0 = the
    /// weights of the last step.
    pub average_steps: u64,
    /// Pretrained network: share of the feature channels that are dropped for each image while
    /// training, 0 to 0.9; only with at most `few_pictures` training images.
    pub feature_dropout: f32,
    /// `feature_dropout` and `calibration.folds` apply up to this many training images.
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
    /// After this many steps the cross-entropy replaces the focal loss; 0 = from the start.
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

/// How the second GAN is trained, where `architecture.detector` is on. The paper (appendix) names
/// its losses; the weights are our choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorSettings {
    /// The second GAN is trained in every n-th step; this is n. One of its steps costs as much as
    /// one of the first GAN's.
    pub every: u64,
    /// Generator: mean absolute error of the reconstructed image.
    pub reconstruction: f32,
    /// Generator: `L_fea`, mean square error of the discriminator's features.
    pub features: f32,
    /// Generator: adversarial loss; its images are to be classified as real.
    pub adversarial: f32,
    /// Discriminator: `L_cls`; images with synthetic anomalies are to be classified as not real.
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
    /// Share of the good images held out of training. With few images the share is larger: up to a
    /// quarter, and at most eight images. 0 = none.
    pub holdout: f64,
    /// Of few images (at most `optimiser.few_pictures`) none is held out: so many further trainings each leave out a
    /// part of them, so that each image gets a score of a network that has not seen it, whatever `holdout` is above
    /// 0. Each uses each image as often as the training itself, and a budget of time is for all. 0 = a share is held
    /// out of few images, too. If it is left out: 4 for a pretrained network, whose head learns fast, and 0 for
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Wanted share of good images that are rejected.
    pub false_reject: f64,
    /// Wanted share of good images that are rejected or sent to review.
    pub review: f64,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self { holdout: 0.15, folds: None, false_reject: 0.01, review: 0.05 }
    }
}

/// All settings of a training. Written as `config.toml` into the run directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The preset; the other settings override its values.
    pub preset: Preset,
    /// Seed of weights, synthesis and split.
    #[serde(with = "seed")]
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
    /// Where on the image defects count; everywhere if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionOfInterest>,
}

impl Config {
    /// The settings of the synthesis for parts of this training. The recipe's sizes are shares of a part,
    /// but the smallest anomaly has the same pixels on parts of any side (`input.tile`).
    pub fn recipe(&self) -> Recipe {
        let mut recipe = self.synthesis.clone();
        if let Some(tile) = self.input.tile {
            let smallest = recipe.size.smallest_px * self.input.size as f32 / tile as f32;
            recipe.size.smallest_px = smallest.clamp(1.0, 128.0);
        }
        recipe
    }
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
            region: None,
        }
    }
}

/// How images become the network's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// The network takes `size` x `size` pixels at a time, or as many in another shape.
    pub size: usize,
    /// What it takes of an image.
    pub view: View,
    /// Side of the parts in training and of the tiles in inference, in pixels of the network; only where
    /// the network works on tiles. If it is left out, parts have `size` pixels a side, and tiles are as
    /// large as they may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<usize>,
    /// Resampling filter.
    pub filter: Filter,
    /// Whether the part, or a reference patch, is found in each image, which is then inspected in a frame
    /// that follows it. Not written where it is
    /// off, so that earlier versions can read the file.
    #[serde(default, skip_serializing_if = "is_off")]
    pub align: Align,
    /// Images are aligned by this patch: left, top, width and height in pixels of the first training
    /// image. Not written where it is left out, so that earlier versions can read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align_patch: Option<[usize; 4]>,
    /// Most pixels (width x height) of a training image, at least 1; larger ones are left out. The default
    /// of [`Limits`] if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u64>,
}

impl Input {
    /// The limits on each training image, where the caller of a training sets no others.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits { max_pixels: self.max_pixels.unwrap_or(default.max_pixels), ..default }
    }
}

/// Whether images are aligned by what they show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Align {
    /// Images are taken as they are.
    #[default]
    Off,
    /// Images are aligned if they move in training: by the part where one stands out from a plain
    /// background, otherwise by a reference patch.
    Auto,
}

fn is_off(align: &Align) -> bool {
    *align == Align::Off
}

/// What the network takes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum View {
    /// The shape and the size of the training images decide. Images of one shape that are at least twice
    /// as long as wide keep it: whole while they have no more than four times the pixels that the network
    /// takes, otherwise in parts, at half of their resolution or less. All others are resampled to a
    /// square.
    #[default]
    Auto,
    /// The whole image, resampled to a square.
    Square,
    /// The whole image in its shape.
    Whole,
    /// So many pixels for each of the image, above 0 and at most 1. Training takes parts of the images.
    Scale(f32),
    /// The scale at which a defect of so many pixels of the image has four pixels, at least 1; whole images
    /// where that is enough.
    Smallest(f32),
}

impl Default for Input {
    fn default() -> Self {
        Self {
            size: 256,
            view: View::default(),
            tile: None,
            filter: Filter::Bilinear,
            align: Align::Off,
            align_patch: None,
            max_pixels: None,
        }
    }
}
