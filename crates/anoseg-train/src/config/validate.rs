//! Ranges of the settings, and how they fit each other.

use super::{Budget, CalibrationSettings, Config};
use crate::network::{Architecture, Kind};
use crate::{Error, Result};

impl Config {
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
            Budget::Steps(steps) => require(
                steps > 0 || self.architecture.network == Kind::Pretrained,
                "a budget of 0 steps trains nothing: give at least 1, or choose preset accurate, which then judges by \
                 the distance to good pictures alone"
                    .into(),
            )?,
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
        let scale = self.architecture.coordinate_scale;
        require(
            (0.0..=1.0).contains(&scale),
            format!("architecture.coordinate_scale = {scale}: must be 0 to 1"),
        )?;
        let memory = self.architecture.memory;
        require(
            (1..=100_000).contains(&memory),
            format!("architecture.memory = {memory}: must be 1 to 100000"),
        )?;
        let width = self.architecture.width;
        require(
            width > 0.0 && width <= 1.0,
            format!("architecture.width = {width}: must be above 0 and at most 1"),
        )?;
        let (size, mut stride) = (self.input.size, self.architecture.stride());
        let judged = self.architecture.network == Kind::Published && self.loss.adversarial > 0.0;
        if judged || self.architecture.detector {
            // The published discriminator halves the picture eight times.
            stride = 256;
        }
        require(
            size > 0 && size <= 4096 && size.is_multiple_of(stride),
            format!("input.size = {size}: must be a multiple of {stride} and at most 4096"),
        )?;
        let smoothing = self.output.smoothing_px;
        require(
            (0.0..=64.0).contains(&smoothing),
            format!("output.smoothing_px = {smoothing}: must be 0 to 64"),
        )?;
        require(
            (0.0..=10.0).contains(&self.output.distance_weight),
            format!("output.distance_weight = {}: must be 0 to 10", self.output.distance_weight),
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
        let rate = self.optimiser.discriminator_rate;
        require(
            rate > 0.0 && rate <= 10.0,
            format!("optimiser.discriminator_rate = {rate}: must be above 0 and at most 10"),
        )?;
        let dropout = self.optimiser.feature_dropout;
        require(
            (0.0..=0.9).contains(&dropout),
            format!("optimiser.feature_dropout = {dropout}: must be 0 to 0.9"),
        )?;
        let every = self.detector.every;
        require(every > 0, format!("detector.every = {every}: must be at least 1"))?;
        self.validate_losses()?;
        let Architecture { network, reconstruction, detector, .. } = self.architecture;
        require(
            network != Kind::Pretrained || !(reconstruction || detector),
            "a pretrained network draws the map alone: leave architecture.reconstruction and .detector off"
                .into(),
        )?;
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
        let (loss, detector) = (&self.loss, &self.detector);
        let weights = [
            loss.focal,
            loss.focal_gamma,
            loss.cross_entropy,
            loss.dice,
            loss.segmentation,
            loss.reconstruction,
            loss.adversarial,
            detector.reconstruction,
            detector.features,
            detector.adversarial,
            detector.classification,
        ];
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(Error::Arguments(
                "loss and detector: every weight must be finite and at least 0".into(),
            ));
        }
        let throughout = loss.dice + loss.segmentation;
        let phases =
            [("focal", loss.focal, loss.focal_steps > 0), ("cross_entropy", loss.cross_entropy, true)];
        if let Some((name, ..)) =
            phases.into_iter().find(|&(_, weight, comes)| comes && weight + throughout <= 0.0)
        {
            return Err(Error::Arguments(format!(
                "loss.{name}, loss.dice and loss.segmentation are all 0: the map would learn nothing"
            )));
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

    /// What the default settings are refused for after this change.
    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_size_that_the_network_cannot_halve_is_refused() {
        assert!(refusal(|config| config.input.size = 250).contains("input.size = 250"));
    }

    #[test]
    fn a_detector_that_never_learns_is_refused() {
        let mut config = Config::default();
        config.detector.every = 0;
        assert!(config.validate().unwrap_err().to_string().contains("detector.every = 0"));
        config.detector.every = 1;
        config.detector.features = f32::NAN;
        assert!(config.validate().unwrap_err().to_string().contains("detector"));
        config.detector.features = 1.0;
        config.optimiser.discriminator_rate = 0.0;
        assert!(config.validate().unwrap_err().to_string().contains("optimiser.discriminator_rate = 0"));
    }

    #[test]
    fn a_smoothing_out_of_range_is_refused() {
        for smoothing in [-1.0, 65.0, f32::NAN] {
            assert!(refusal(|config| config.output.smoothing_px = smoothing).contains("output.smoothing_px"));
        }
    }

    #[test]
    fn steps_in_which_nothing_is_learned_are_refused() {
        let mut config = Config::default();
        config.loss.dice = 0.0;
        config.validate().unwrap();
        config.loss.focal = 0.0;
        assert!(config.validate().unwrap_err().to_string().contains("loss.focal"));
        config.loss.focal_steps = 0;
        config.validate().unwrap();
        config.loss.cross_entropy = 0.0;
        assert!(config.validate().unwrap_err().to_string().contains("loss.cross_entropy"));
    }

    #[test]
    fn coordinates_out_of_range_are_refused() {
        for scale in [-0.1, 1.1, f32::NAN] {
            let told = refusal(|config| config.architecture.coordinate_scale = scale);
            assert!(told.contains("architecture.coordinate_scale"));
        }
    }

    #[test]
    fn adversarial_without_reconstruction_is_refused() {
        assert!(refusal(|config| config.loss.adversarial = 0.1).contains("architecture.reconstruction"));
    }
}
