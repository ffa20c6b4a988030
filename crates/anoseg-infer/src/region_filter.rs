//! Which regions above the pixel threshold are reported.

use anoseg_image::regions::{label_components, labelled_regions, regions};
use anoseg_image::{AnomalyMap, Mask, Region};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// Drops regions that are both small and weak; large or strong ones are kept.
///
/// Both limits come from good images that were not trained on, each the conformal quantile at half
/// of the false-reject rate, so that a good image has a kept region with a probability of at most
/// that rate. With fewer than `2 / rate - 1` images the limits are the largest values of those
/// images, and the probability is at most `2 / (n + 1)`.
///
/// The default keeps everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionFilter {
    /// A region with more area is kept, as a share of the image, 0..=1.
    pub min_area: f64,
    /// A region with a higher peak is kept; 0 keeps all.
    pub min_peak: f32,
}

/// Area and peak of the regions of a good image; zeros where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FalseMarks {
    /// Area of the largest as a share of the image.
    pub area: f64,
    /// Highest value.
    pub peak: f32,
}

impl FalseMarks {
    /// Of a good image's map at the pixel threshold.
    pub fn of(map: &AnomalyMap, pixel_threshold: f32) -> Self {
        let found = regions(&map.map(|&value| value > pixel_threshold), map);
        let largest = found.iter().map(|region| region.area).max().unwrap_or(0);
        Self {
            area: largest as f64 / map.as_slice().len() as f64,
            peak: found.iter().map(|region| region.peak).fold(0.0, f32::max),
        }
    }
}

impl RegionFilter {
    /// From the regions of good images; the default if there are none.
    pub fn from_normals(marks: &[FalseMarks], false_reject: f64) -> Self {
        let n = marks.len();
        let Some(index) = conformal_rank(n, false_reject / 2.0).min(n).checked_sub(1) else {
            return Self::default();
        };
        let mut areas: Vec<f64> = marks.iter().map(|marks| marks.area).collect();
        let mut peaks: Vec<f32> = marks.iter().map(|marks| marks.peak).collect();
        areas.sort_unstable_by(f64::total_cmp);
        peaks.sort_unstable_by(f32::total_cmp);
        Self { min_area: areas[index], min_peak: peaks[index] }
    }

    /// Whether a region in an image of `pixels` pixels is reported.
    pub fn keeps(&self, region: &Region, pixels: usize) -> bool {
        region.area as f64 > self.min_area * pixels as f64 || region.peak > self.min_peak
    }

    /// Removes the regions that are not kept from `mask`; gives the others, in the order of their
    /// labels.
    ///
    /// # Panics
    /// If mask and map differ in size.
    pub fn apply(&self, mask: &mut Mask, map: &AnomalyMap) -> Vec<Region> {
        self.apply_among(mask, map, map.as_slice().len())
    }

    /// As [`RegionFilter::apply`], where the image has `pixels` pixels that were inspected.
    pub(crate) fn apply_among(&self, mask: &mut Mask, map: &AnomalyMap, pixels: usize) -> Vec<Region> {
        if !mask.any() {
            return Vec::new();
        }
        let components = label_components(mask);
        let found = labelled_regions(&components, map);
        let kept: Vec<bool> = found.iter().map(|region| self.keeps(region, pixels)).collect();
        if kept.contains(&false) {
            // The regions come in the order of their labels, which begin at 1.
            for (marked, &label) in mask.as_mut_slice().iter_mut().zip(components.labels.as_slice()) {
                *marked = label > 0 && kept[label as usize - 1];
            }
        }
        found.into_iter().zip(kept).filter_map(|(region, kept)| kept.then_some(region)).collect()
    }

    /// `name` is that of the calibration's field.
    pub(crate) fn validate(&self, name: &str) -> Result<(), SettingError> {
        let Self { min_area, min_peak } = *self;
        let allowed = "must be 0 to 1";
        require((0.0..=1.0).contains(&min_area), &format!("calibration.{name}.min_area"), min_area, allowed)?;
        require((0.0..=1.0).contains(&min_peak), &format!("calibration.{name}.min_peak"), min_peak, allowed)
    }
}

/// Rank, counted from 1, of the conformal quantile of `n` ascending values: another value exceeds
/// it with a probability of at most `rate`. The rank is above `n` if no value has this guarantee.
pub fn conformal_rank(n: usize, rate: f64) -> usize {
    (((n as f64 + 1.0) * (1.0 - rate)).ceil() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// A single pixel of 0.6, a single one of 0.9, and a block of four of 0.6.
    fn image() -> AnomalyMap {
        AnomalyMap::from_fn(8, 4, |x, y| match (x, y) {
            (0, 0) => 0.6,
            (2, 0) => 0.9,
            (5..=6, 1..=2) => 0.6,
            _ => 0.1,
        })
    }

    fn mask() -> Mask {
        image().map(|&value| value > 0.5)
    }

    #[test]
    fn only_regions_both_small_and_weak_are_dropped() {
        let mut mask = mask();
        let kept = RegionFilter { min_area: 1.0 / 32.0, min_peak: 0.7 }.apply(&mut mask, &image());
        assert_eq!(kept.iter().map(|region| (region.x, region.area)).collect::<Vec<_>>(), [(2, 1), (5, 4)]);
        assert!(!mask.get(0, 0) && mask.get(2, 0) && mask.get(5, 1));
        assert_eq!(mask.count(), 5);
    }

    #[test]
    fn the_default_keeps_everything() {
        let mut all = mask();
        assert_eq!(RegionFilter::default().apply(&mut all, &image()).len(), 3);
        assert_eq!(all, mask());
    }

    #[test]
    fn regions_of_good_images_are_measured() {
        let marks = FalseMarks::of(&image(), 0.5);
        assert_eq!(marks, FalseMarks { area: 4.0 / 32.0, peak: 0.9 });
        assert_eq!(FalseMarks::of(&image(), 0.95), FalseMarks::default());
    }

    /// Share of fresh good images with a kept region, over many drawings of `n` images to calibrate
    /// on.
    fn kept(n: usize, rate: f64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut draw = || {
            let strength = rng.random::<f32>().powi(4);
            FalseMarks { area: f64::from(strength * rng.random::<f32>()), peak: strength }
        };
        let trials = 2000;
        let shown = (0..trials).filter(|_| {
            let marks: Vec<FalseMarks> = (0..n).map(|_| draw()).collect();
            let filter = RegionFilter::from_normals(&marks, rate);
            let fresh = draw();
            fresh.area > filter.min_area || fresh.peak > filter.min_peak
        });
        shown.count() as f64 / f64::from(trials)
    }

    #[test]
    fn good_images_keep_a_region_no_more_often_than_the_rate() {
        for (n, rate) in [(199, 0.01), (39, 0.05), (60, 0.1)] {
            let found = kept(n, rate);
            assert!(found <= rate + 3.0 * (rate / 2000.0).sqrt(), "n {n}: {found} > {rate}");
        }
        // Too few images for the rate: the bound is 2 / (n + 1).
        let found = kept(9, 0.01);
        assert!(found <= 0.2 + 0.03, "{found}");
    }

    /// Without images, or with a rate beyond every range, a rank of -1 was once asked for.
    #[test]
    fn no_images_and_odd_rates_are_no_fault() {
        assert_eq!(RegionFilter::from_normals(&[], 0.1), RegionFilter::default());
        for rate in [-1.0, 0.0, 1.0, 3.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
            RegionFilter::from_normals(&[FalseMarks { area: 0.1, peak: 0.5 }], rate);
            assert!(conformal_rank(usize::MAX, rate) >= 1);
        }
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        assert!(RegionFilter::default().validate("regions").is_ok());
        for filter in [
            RegionFilter { min_area: f64::NAN, min_peak: 0.5 },
            RegionFilter { min_area: 0.0, min_peak: 2.0 },
        ] {
            assert!(filter.validate("regions").is_err());
        }
    }
}
