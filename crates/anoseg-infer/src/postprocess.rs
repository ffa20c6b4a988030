//! From the network's logits to the anomaly map and the score.

use anoseg_image::{AnomalyMap, Mask};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::score::{ScoreRule, blur_inside, gaussian_kernel};
use crate::settings::require;

/// A map is smoothed in its logits, so that nearly anomalous pixels count more than clearly normal
/// ones; beyond this, a probability of one in ten thousand, differences mean nothing.
const CERTAIN: f32 = 9.21;

/// How the network's logits become the anomaly map and the score. Stored in the model file. The
/// default is that of models whose file names no setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postprocess {
    /// Standard deviation of a Gaussian over the map's logits, in pixels of a map of 256 x 256 (it
    /// scales with the side); 0 = none.
    pub smoothing_px: f32,
    /// Pretrained network: amount that each standard deviation of the distance to good images adds
    /// to the map's logits at inference. The head was trained on synthetic anomalies; the distance
    /// also rises on anomalies that are unlike them.
    pub distance_weight: f32,
    /// How the score comes from the map, where no second GAN gives it.
    pub score: ScoreRule,
}

impl Postprocess {
    /// Logits are clipped to plus and minus this value before they are smoothed.
    pub const MOST_LOGIT: f32 = CERTAIN;

    /// The logits with their smoothing, for a network whose images have `area` pixels. Where `inside` is
    /// given, only its pixels count: what is outside has no effect on the values inside.
    ///
    /// # Panics
    /// If logits and mask differ in size.
    pub fn smooth(&self, mut logits: AnomalyMap, inside: Option<&Mask>, area: usize) -> AnomalyMap {
        if self.smoothing_px == 0.0 {
            return logits;
        }
        logits.as_mut_slice().iter_mut().for_each(|logit| *logit = logit.clamp(-CERTAIN, CERTAIN));
        blur_inside(logits, self.sigma(area), inside)
    }

    /// The weights by which rows and columns of the map's logits are smoothed, for a network whose images
    /// have `area` pixels: an odd number, which add up to 1. The border's values continue outwards. None where
    /// nothing is smoothed.
    pub fn smoothing(&self, area: usize) -> Option<Vec<f32>> {
        (self.smoothing_px != 0.0).then(|| gaussian_kernel(self.sigma(area)))
    }

    fn sigma(&self, area: usize) -> f32 {
        self.smoothing_px * (area as f32).sqrt() / 256.0
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        let Self { smoothing_px, distance_weight, .. } = *self;
        let in_range = (0.0..=64.0).contains(&smoothing_px);
        require(in_range, "output.smoothing_px", smoothing_px, "must be 0 to 64")?;
        let in_range = (0.0..=10.0).contains(&distance_weight);
        require(in_range, "output.distance_weight", distance_weight, "must be 0 to 10")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{gaussian_blur, logit, probability};

    #[test]
    fn smoothing_scales_with_the_maps_side() {
        let logits = AnomalyMap::from_fn(32, 32, |x, y| (x as f32 - y as f32) / 8.0);
        let smoothed = Postprocess { smoothing_px: 16.0, ..Postprocess::default() }.smooth(
            logits.clone(),
            None,
            32 * 32,
        );
        let expected = gaussian_blur(logits.clone(), 2.0);
        assert!(smoothed.as_slice().iter().zip(expected.as_slice()).all(|(a, b)| (a - b).abs() < 1e-4));
        assert_eq!(Postprocess::default().smooth(logits.clone(), None, 32 * 32), logits);
    }

    #[test]
    fn smoothing_extreme_logits_gives_numbers() {
        let extreme = AnomalyMap::from_fn(32, 32, |x, _| if x < 16 { -1e9 } else { 1e9 });
        let smoothing = Postprocess { smoothing_px: 16.0, ..Postprocess::default() };
        let map = smoothing.smooth(extreme, None, 32 * 32).map(probability);
        assert!(map.as_slice().iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(map.get(0, 0) < 1e-3 && map.get(31, 0) > 0.999 && map.get(15, 0) < map.get(16, 0));
        assert!(map.as_slice().iter().all(|value| logit(value).is_finite()));
    }

    #[test]
    fn ranges_are_checked() {
        for smoothing_px in [-1.0, 65.0, f32::NAN] {
            let refused = Postprocess { smoothing_px, ..Postprocess::default() }.validate().unwrap_err();
            assert!(refused.to_string().contains("output.smoothing_px"), "{refused}");
        }
    }
}
