//! Ranges of the settings, and how they fit each other.

use anoseg_infer::network::Kind;
use anoseg_infer::{RegionOfInterest, SettingError, require};

use super::{Align, Budget, CalibrationSettings, Config, Optimiser, View};
use crate::Result;

/// Longest time budget: a year.
const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;

/// Sides of tiles are multiples of this, as far as the network's stride is no larger.
pub(crate) const TILES_MULTIPLE: usize = 32;

/// Least and most side of a tile that can be asked for. Smaller ones consist of what their neighbours have in
/// common; batches of larger ones take more memory than most machines have.
const SMALLEST_TILE: usize = 64;
const LARGEST_TILE: usize = 1024;

/// Most trainings for the thresholds.
const MOST_FOLDS: usize = 20;

/// Most steps of a budget, and of everything that is counted in steps.
const MOST_STEPS: u64 = 1 << 48;

impl CalibrationSettings {
    /// Checks the ranges, and that they fit each other.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        let Self { holdout, folds, false_reject, review } = *self;
        require((0.0..=0.5).contains(&holdout), "calibration.holdout", holdout, "must be 0 to 0.5")?;
        let folds = folds.unwrap_or(0);
        require(
            folds == 0 || (2..=MOST_FOLDS).contains(&folds),
            "calibration.folds",
            folds,
            "must be 0, or 2 to 20",
        )?;
        validate_rates(false_reject, review)
    }
}

impl Config {
    /// Checks ranges and that the settings fit each other.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<()> {
        self.validate_budget()?;
        self.architecture.validate()?;
        self.validate_input()?;
        self.output.validate()?;
        self.validate_optimiser()?;
        self.validate_losses()?;
        self.calibration.validate()?;
        self.synthesis.validate()?;
        self.region.as_ref().map_or(Ok(()), RegionOfInterest::validate)?;
        let fixed = self.region.is_none() || self.input.align == Align::Off;
        let allowed = "a region of interest (region) is fixed on the image, aligned parts (input.align) move: leave one off";
        require(fixed, "input.align", "auto", allowed)?;
        self.validate_patch()?;
        Ok(())
    }

    fn validate_patch(&self) -> Result<(), SettingError> {
        let Some([left, top, width, height]) = self.input.align_patch else { return Ok(()) };
        let patch = format!("{left},{top},{width},{height}");
        let sound = width > 0 && height > 0;
        require(sound, "input.align_patch", &patch, "width and height must be above 0")?;
        let aligned = self.input.align != Align::Off;
        require(
            aligned,
            "input.align_patch",
            &patch,
            "is for images that are aligned: set input.align to auto",
        )
    }

    /// The network's input has sides that are multiples of this.
    pub(crate) fn stride(&self) -> usize {
        let judged = self.architecture.network == Kind::Published && self.loss.adversarial > 0.0;
        // The published discriminator halves the image eight times.
        if judged { 256 } else { self.architecture.stride() }
    }

    fn validate_budget(&self) -> Result<(), SettingError> {
        match self.budget {
            Budget::Seconds(seconds) => {
                let in_range = (1.0..=LONGEST_SECONDS).contains(&seconds);
                require(in_range, "budget.seconds", seconds, "must be 1 second to a year")?;
            }
            Budget::Steps(0) => {
                let allowed =
                    "0 steps are for preset accurate only; its map is then the distance to good images";
                require(self.architecture.network == Kind::Pretrained, "budget.steps", 0, allowed)?;
            }
            Budget::Steps(steps) => {
                require(steps <= MOST_STEPS, "budget.steps", steps, format!("must be at most {MOST_STEPS}"))?;
            }
        }
        let seconds = self.checkpoint_seconds;
        let in_range = (0.0..=LONGEST_SECONDS).contains(&seconds);
        require(in_range, "checkpoint_seconds", seconds, "must be 0 to a year")
    }

    fn validate_input(&self) -> Result<(), SettingError> {
        let (size, stride) = (self.input.size, self.stride());
        let smallest = anoseg_synth::SMALLEST_SIDE.next_multiple_of(stride);
        let in_range = (smallest..=4096).contains(&size) && size.is_multiple_of(stride);
        let allowed = format!("must be a multiple of {stride} from {smallest} to 4096");
        require(in_range, "input.size", size, allowed)?;
        let max_pixels = self.input.max_pixels.unwrap_or(1);
        require(max_pixels > 0, "input.max_pixels", max_pixels, "must be at least 1")?;
        match self.input.view {
            View::Scale(scale) => {
                let in_range = scale > 0.0 && scale <= 1.0;
                require(in_range, "input.view.scale", scale, "must be above 0 and at most 1, such as 0.5")?;
            }
            View::Smallest(pixels) => {
                let in_range = (1.0..=10_000.0).contains(&pixels);
                require(in_range, "input.view.smallest", pixels, "must be 1 to 10000 pixels, such as 6")?;
            }
            _ => {}
        }
        self.architecture.validate_work([size; 2])?;
        self.input.tile.map_or(Ok(()), |tile| self.validate_tile(tile))
    }

    fn validate_tile(&self, tile: usize) -> Result<(), SettingError> {
        let multiple = self.stride().max(TILES_MULTIPLE);
        let (smallest, largest) = (SMALLEST_TILE.next_multiple_of(multiple), LARGEST_TILE);
        let fits = (smallest..=largest).contains(&tile) && tile.is_multiple_of(multiple);
        let allowed = format!("must be a multiple of {multiple} from {smallest} to {largest}");
        require(fits, "input.tile", tile, allowed)?;
        let whole = match self.input.view {
            View::Square => "square",
            View::Whole => "whole",
            _ => return self.architecture.validate_work([tile; 2]),
        };
        let allowed = format!(
            "with input.view = \"{whole}\" the network takes whole images, not tiles: leave it out, or give a \
             scale such as 0.5 or the size of the smallest defect"
        );
        Err(SettingError::new("input.tile", tile, allowed))
    }

    fn validate_optimiser(&self) -> Result<(), SettingError> {
        let Optimiser { learning_rate, weight_decay, batch, discriminator_rate, .. } = self.optimiser;
        let Optimiser { warmup_steps, most_views, average_steps, feature_dropout, .. } = self.optimiser;
        require((1..=1024).contains(&batch), "optimiser.batch", batch, "must be 1 to 1024")?;
        let in_range = learning_rate > 0.0 && learning_rate < 1.0;
        require(in_range, "optimiser.learning_rate", learning_rate, "must lie between 0 and 1")?;
        let in_range = (0.0..=1.0).contains(&weight_decay);
        require(in_range, "optimiser.weight_decay", weight_decay, "must be 0 to 1")?;
        let in_range = discriminator_rate > 0.0 && discriminator_rate <= 10.0;
        let name = "optimiser.discriminator_rate";
        require(in_range, name, discriminator_rate, "must be above 0 and at most 10")?;
        let in_range = (0.0..=0.9).contains(&feature_dropout);
        require(in_range, "optimiser.feature_dropout", feature_dropout, "must be 0 to 0.9")?;
        let counts = [
            ("optimiser.warmup_steps", warmup_steps),
            ("optimiser.most_views", most_views),
            ("optimiser.average_steps", average_steps),
            ("loss.focal_steps", self.loss.focal_steps),
        ];
        for (name, count) in counts {
            require(count <= MOST_STEPS, name, count, format!("must be at most {MOST_STEPS}"))?;
        }
        let every = self.detector.every;
        require((1..=MOST_STEPS).contains(&every), "detector.every", every, "must be at least 1")
    }

    fn validate_losses(&self) -> Result<(), SettingError> {
        let (loss, detector) = (&self.loss, &self.detector);
        let weights = [
            ("loss.focal", loss.focal),
            ("loss.focal_gamma", loss.focal_gamma),
            ("loss.cross_entropy", loss.cross_entropy),
            ("loss.dice", loss.dice),
            ("loss.segmentation", loss.segmentation),
            ("loss.reconstruction", loss.reconstruction),
            ("loss.adversarial", loss.adversarial),
            ("detector.reconstruction", detector.reconstruction),
            ("detector.features", detector.features),
            ("detector.adversarial", detector.adversarial),
            ("detector.classification", detector.classification),
        ];
        for (name, weight) in weights {
            let in_range = weight.is_finite() && weight >= 0.0;
            require(in_range, name, weight, "must be finite and at least 0")?;
        }
        let throughout = loss.dice + loss.segmentation;
        let phases = [
            ("loss.focal", loss.focal, loss.focal_steps > 0),
            ("loss.cross_entropy", loss.cross_entropy, true),
        ];
        for (name, weight, comes) in phases {
            let allowed = "it, loss.dice and loss.segmentation are all 0: the map would not be trained";
            require(!comes || weight + throughout > 0.0, name, weight, allowed)?;
        }
        let reconstructs = loss.reconstruction + loss.adversarial > 0.0;
        let allowed = "loss.reconstruction and loss.adversarial need architecture.reconstruction = true";
        require(
            !reconstructs || self.architecture.reconstruction,
            "architecture.reconstruction",
            false,
            allowed,
        )
    }
}

/// Checks that both rates lie between 0 and 1, and that review is the laxer one.
pub(crate) fn validate_rates(false_reject: f64, review: f64) -> Result<(), SettingError> {
    let in_range = false_reject > 0.0 && false_reject < 1.0;
    require(
        in_range,
        "calibration.false_reject",
        false_reject,
        "give a share between 0 and 1, such as 0.01",
    )?;
    let in_range = review >= false_reject && review < 1.0;
    let allowed = format!("must lie between the false-reject rate {false_reject} and 1");
    require(in_range, "calibration.review", review, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of the default settings after `change`.
    fn refusal(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_size_that_the_network_cannot_halve_is_refused() {
        assert!(refusal(|config| config.input.size = 250).contains("input.size = 250"));
    }

    /// 8 x 8 pixels leave one position at stride 8: the synthesis and the network once failed on
    /// it.
    #[test]
    fn sizes_and_step_counts_at_the_ends_of_their_ranges_are_judged() {
        let mut config = Config::default();
        config.architecture.widths = vec![8];
        for size in [0, 4, usize::MAX] {
            config.input.size = size;
            assert!(config.validate().unwrap_err().to_string().contains("input.size"), "{size}");
        }
        config.input.size = 8;
        config.validate().unwrap();
        config.budget = Budget::Steps(u64::MAX);
        assert!(config.validate().unwrap_err().to_string().contains("budget.steps"));
        config.budget = Budget::Seconds(f64::INFINITY);
        assert!(config.validate().unwrap_err().to_string().contains("budget.seconds"));
    }

    #[test]
    fn tiles_of_a_side_out_of_range_or_of_whole_images_are_refused() {
        for tile in [0, 32, 100, 1056, usize::MAX] {
            let told = refusal(|config| config.input.tile = Some(tile));
            assert!(
                told.contains("input.tile") && told.ends_with("a multiple of 32 from 64 to 1024"),
                "{told}"
            );
        }
        for view in [View::Square, View::Whole] {
            let told = refusal(|config| {
                config.input.view = view;
                config.input.tile = Some(128);
            });
            assert!(told.contains("takes whole images, not tiles: leave it out"), "{told}");
        }
        let mut config = Config::default();
        for tile in [64, 96, 1024] {
            config.input.tile = Some(tile);
            config.validate().unwrap();
        }
        let mut paper = Config::of(crate::Preset::Paper);
        paper.input = crate::config::Input { view: View::Scale(0.5), tile: Some(128), ..paper.input };
        assert!(paper.validate().unwrap_err().to_string().contains("a multiple of 256 from 256"));
    }

    #[test]
    fn the_smallest_anomaly_has_the_same_pixels_on_tiles_of_any_side() {
        let mut config = Config::default();
        assert_eq!(config.recipe(), config.synthesis);
        for tile in [64, 256, 1024] {
            config.input.tile = Some(tile);
            // The recipe counts in pixels of a part of 256.
            assert_eq!(config.recipe().size.smallest_px * tile as f32 / 256.0, 4.0);
        }
    }

    #[test]
    fn a_detector_that_is_never_trained_is_refused() {
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
