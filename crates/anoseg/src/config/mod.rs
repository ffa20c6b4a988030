//! The settings of a training, and where they come from.

use std::path::Path;
use std::time::Duration;

use anoseg_image::Filter;
use anoseg_synth::Recipe;
use serde::{Deserialize, Serialize};

use crate::network::Architecture;
use crate::{Error, Result};

/// Ready-made settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// AnoSeg with skip connections and the newer synthesis, from scratch, sized for a 2-core CPU.
    #[default]
    Fast,
}

/// When a training ends.
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
    /// Pictures per step.
    pub batch: usize,
}

impl Default for Optimiser {
    fn default() -> Self {
        Self { learning_rate: 2e-3, weight_decay: 1e-2, warmup_steps: 30, batch: 8 }
    }
}

/// How much each loss weighs. A weight of 0 switches the technique off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Focal loss of the anomaly map.
    pub focal: f32,
    /// Exponent of the focal loss.
    pub focal_gamma: f32,
    /// Soft Dice loss of the anomaly map.
    pub dice: f32,
    /// `L_re` of AnoSeg; needs `architecture.reconstruction`.
    pub reconstruction: f32,
    /// `L_adv` of AnoSeg; needs `architecture.reconstruction`.
    pub adversarial: f32,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { focal: 10.0, focal_gamma: 2.0, dice: 0.3, reconstruction: 0.0, adversarial: 0.0 }
    }
}

/// How thresholds are derived from good pictures that the network never saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationSettings {
    /// Share of the good pictures held out of training.
    pub holdout: f64,
    /// Wanted share of good pictures that are rejected.
    pub false_reject: f64,
    /// Wanted share of good pictures that are rejected or sent to review.
    pub review: f64,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self { holdout: 0.15, false_reject: 0.01, review: 0.05 }
    }
}

/// Everything that decides what a training gives. Written as `config.toml` into the run directory.
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
    /// How pictures reach the network.
    pub input: Input,
    /// The network's shape.
    pub architecture: Architecture,
    /// How the weights are fitted.
    pub optimiser: Optimiser,
    /// What is minimised.
    pub loss: LossWeights,
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
            architecture: Architecture::default(),
            optimiser: Optimiser::default(),
            loss: LossWeights::default(),
            calibration: CalibrationSettings::default(),
            synthesis: Recipe::default(),
        }
    }
}

/// How pictures reach the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// Pictures are resampled to `size` x `size` pixels.
    pub size: usize,
    /// Resampling filter.
    pub filter: Filter,
}

impl Default for Input {
    fn default() -> Self {
        Self { size: 256, filter: Filter::Bilinear }
    }
}

impl Config {
    /// Reads settings from a TOML file; what the file leaves out keeps its default.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or names a setting that does not exist.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, &error))?;
        toml::from_str(&text).map_err(|error| Error::Arguments(format!("{}: {error}", path.display())))
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|error| Error::Bug(format!("settings do not serialise: {error}")))
    }

    /// Checks ranges and that the settings fit each other.
    ///
    /// # Errors
    /// Names the setting, its value and what it may be.
    pub fn validate(&self) -> Result<()> {
        let require =
            |holds: bool, message: String| if holds { Ok(()) } else { Err(Error::Arguments(message)) };
        match self.budget {
            Budget::Seconds(seconds) => require(
                seconds.is_finite() && seconds >= 1.0,
                format!("a time budget of {seconds} s is too short: give at least 1s"),
            )?,
            Budget::Steps(steps) => {
                require(steps > 0, "a budget of 0 steps trains nothing: give at least 1".into())?
            }
        }
        require(
            self.checkpoint_seconds >= 0.0,
            format!("checkpoint_seconds = {}: must be at least 0", self.checkpoint_seconds),
        )?;
        let widths = &self.architecture.widths;
        require(
            (1..=6).contains(&widths.len()) && widths.iter().all(|&width| (1..=2048).contains(&width)),
            format!("architecture.widths = {widths:?}: give 1 to 6 widths of 1 to 2048 channels"),
        )?;
        require(
            self.architecture.blocks <= 16,
            format!("architecture.blocks = {}: at most 16", self.architecture.blocks),
        )?;
        let (size, stride) = (self.input.size, self.architecture.stride());
        require(
            size > 0 && size <= 4096 && size.is_multiple_of(stride),
            format!("input.size = {size}: must be a multiple of {stride} and at most 4096"),
        )?;
        require(
            (1..=1024).contains(&self.optimiser.batch),
            format!("optimiser.batch = {}: must be 1 to 1024", self.optimiser.batch),
        )?;
        let rate = self.optimiser.learning_rate;
        require(
            rate > 0.0 && rate < 1.0,
            format!("optimiser.learning_rate = {rate}: must lie between 0 and 1"),
        )?;
        self.validate_losses()?;
        let CalibrationSettings { holdout, false_reject, review } = self.calibration;
        require(
            (0.0..=0.5).contains(&holdout),
            format!("calibration.holdout = {holdout}: must be 0 to 0.5"),
        )?;
        validate_rates(false_reject, review)?;
        self.synthesis.validate()?;
        Ok(())
    }

    fn validate_losses(&self) -> Result<()> {
        let loss = &self.loss;
        let weights = [loss.focal, loss.focal_gamma, loss.dice, loss.reconstruction, loss.adversarial];
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(Error::Arguments("loss: every weight must be finite and at least 0".into()));
        }
        if loss.focal + loss.dice <= 0.0 {
            return Err(Error::Arguments(
                "loss.focal and loss.dice are both 0: the map would learn nothing".into(),
            ));
        }
        if loss.reconstruction + loss.adversarial > 0.0 && !self.architecture.reconstruction {
            return Err(Error::Arguments(
                "loss.reconstruction and loss.adversarial need architecture.reconstruction = true".into(),
            ));
        }
        Ok(())
    }
}

/// Both rates lie between 0 and 1, and review is the laxer one.
pub(crate) fn validate_rates(false_reject: f64, review: f64) -> Result<()> {
    if !(false_reject > 0.0 && false_reject < 1.0) {
        let message =
            format!("a false-reject rate of {false_reject} is out of range: give a share such as 0.01");
        return Err(Error::Arguments(message));
    }
    if !(review >= false_reject && review < 1.0) {
        let message =
            format!("a review rate of {review} must lie between the false-reject rate {false_reject} and 1");
        return Err(Error::Arguments(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml() {
        let config = Config::default();
        config.validate().unwrap();
        let again: Config = toml::from_str(&config.to_toml().unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = toml::from_str::<Config>("[optimiser]\nlearning_rat = 1.0").unwrap_err();
        assert!(error.to_string().contains("learning_rat"), "{error}");
    }

    #[test]
    fn a_size_that_the_network_cannot_halve_is_refused() {
        let mut config = Config::default();
        config.input.size = 250;
        assert!(config.validate().unwrap_err().to_string().contains("input.size = 250"));
    }

    #[test]
    fn adversarial_without_reconstruction_is_refused() {
        let mut config = Config::default();
        config.loss.adversarial = 0.1;
        assert!(config.validate().unwrap_err().to_string().contains("architecture.reconstruction"));
    }
}
