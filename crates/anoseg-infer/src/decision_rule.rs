//! What decides on an image: its score, or its marked regions.

use anoseg_image::Region;

use crate::Decision;

/// What decides on an image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum DecisionRule {
    /// Its score, by the image and the review threshold.
    #[default]
    Score,
    /// Its regions above the pixel threshold.
    Regions(RegionRule),
}

/// Decides by the regions above the pixel threshold that the region filter passes.
///
/// The image is rejected where one of them is large and strong enough, is to be reviewed where there are others
/// only, and is good where there is none.
///
/// ```
/// use anoseg_infer::{Decision, RegionRule};
///
/// let rule = RegionRule { min_pixels: 20, ..RegionRule::default() };
/// assert_eq!(rule.decide(&[]), Decision::Good);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionRule {
    /// A region that rejects the image has at least so many pixels of the image.
    pub min_pixels: usize,
    /// A region that rejects the image has at least this peak in the anomaly map, 0..=1.
    pub min_peak: f32,
}

impl Default for RegionRule {
    /// Every region rejects the image.
    fn default() -> Self {
        Self { min_pixels: 1, min_peak: 0.0 }
    }
}

impl RegionRule {
    /// The decision on an image with these marked regions.
    pub fn decide(&self, regions: &[Region]) -> Decision {
        let rejects = |region: &Region| region.area >= self.min_pixels && region.peak >= self.min_peak;
        if regions.iter().any(rejects) {
            Decision::Reject
        } else if regions.is_empty() {
            Decision::Good
        } else {
            Decision::Review
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg_image::AnomalyMap;
    use anoseg_image::regions::regions;

    /// Regions of 1 pixel with a peak of 0.9, and of 4 pixels with one of 0.6.
    fn found() -> Vec<Region> {
        let map = AnomalyMap::from_fn(8, 4, |x, y| match (x, y) {
            (2, 0) => 0.9,
            (5..=6, 1..=2) => 0.6,
            _ => 0.1,
        });
        regions(&map.map(|&value| value > 0.5), &map)
    }

    #[test]
    fn one_region_must_be_large_and_strong_enough_to_reject() {
        for (min_pixels, min_peak, decision) in [
            (1, 0.0, Decision::Reject),
            (4, 0.6, Decision::Reject),
            (5, 0.0, Decision::Review),
            (1, 0.9, Decision::Reject),
            (2, 0.9, Decision::Review),
            (1, 0.95, Decision::Review),
        ] {
            assert_eq!(
                RegionRule { min_pixels, min_peak }.decide(&found()),
                decision,
                "{min_pixels} {min_peak}"
            );
        }
        assert_eq!(RegionRule::default().decide(&[]), Decision::Good);
    }
}
