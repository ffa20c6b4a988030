//! Where the map is cut: a threshold that marks synthetic anomalies of every size up to their border.

/// Thresholds that are tried, evenly spaced in their logits from minus to plus [`MOST_LOGIT`].
const TRIED: usize = 281;

const MOST_LOGIT: f32 = 7.0;

/// The overlap with synthetic anomalies may be this share of the best one. It hardly changes over a wide range of
/// thresholds, as synthetic anomalies are found with certainty; true defects are found with less.
const GOOD_ENOUGH: f64 = 0.8;

/// Largest share of the good images' pixels above the threshold. Regions that are no larger and no stronger than those
/// of good images are dropped afterwards.
const FALSE_PIXELS: f64 = 1e-2;

/// Pixels that are this little anomalous are not marked, however well that suits synthetic anomalies: of few images it
/// would be one in twenty, and marks twice the area of a defect.
const LEAST: f32 = 0.25;

/// The threshold where there is no synthetic anomaly.
const WITHOUT_ANOMALIES: f32 = 0.5;

/// Overlaps of maps and true masks at each threshold that is tried, added up over images, so that a small anomaly
/// counts as much as a large one.
pub(crate) struct Overlaps {
    thresholds: Vec<f32>,
    /// Sums of intersection over union.
    sums: Vec<f64>,
    images: usize,
}

impl Overlaps {
    /// Of no image.
    pub(crate) fn new() -> Self {
        let logit = |i: usize| MOST_LOGIT * (2.0 * i as f32 / (TRIED - 1) as f32 - 1.0);
        let thresholds = (0..TRIED).map(|i| 1.0 / (1.0 + (-logit(i)).exp())).collect();
        Self { thresholds, sums: vec![0.0; TRIED], images: 0 }
    }

    /// Adds an image's pixels, value and whether it is anomalous; an image without an anomalous one changes nothing.
    pub(crate) fn add(&mut self, pixels: impl Iterator<Item = (f32, bool)>) {
        // By the number of thresholds below a pixel's value: how many anomalous pixels, and how many good ones.
        let mut counts = vec![[0_u64; 2]; TRIED + 1];
        for (value, anomalous) in pixels {
            let below = self.thresholds.partition_point(|&threshold| threshold < value);
            counts[below][usize::from(!anomalous)] += 1;
        }
        let anomalous: u64 = counts.iter().map(|[anomalous, _]| anomalous).sum();
        if anomalous == 0 {
            return;
        }
        self.images += 1;
        let mut above = [0; 2];
        for (number, sum) in self.sums.iter_mut().enumerate().rev() {
            above = [0, 1].map(|class| above[class] + counts[number + 1][class]);
            *sum += above[0] as f64 / (anomalous + above[1]) as f64;
        }
    }

    /// The lowest threshold whose overlap is good enough, but at least [`LEAST`], and the value that all but a share
    /// [`FALSE_PIXELS`] of the good images' pixels do not exceed.
    pub(crate) fn threshold(&self, good: Vec<f32>) -> f32 {
        let best = self.sums.iter().copied().fold(0.0, f64::max);
        let lowest = self.sums.iter().position(|&sum| sum >= GOOD_ENOUGH * best);
        let lowest = lowest.filter(|_| self.images > 0);
        let lowest = lowest.map_or(WITHOUT_ANOMALIES, |number| self.thresholds[number]);
        lowest.max(good_pixel_quantile(good)).clamp(LEAST, 0.999)
    }
}

/// The value that all but a share [`FALSE_PIXELS`] of the values do not exceed; 0 without values.
fn good_pixel_quantile(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = ((values.len() as f64 * (1.0 - FALSE_PIXELS)).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use anoseg_image::Mask;

    use super::*;
    use crate::calibrate::counting;

    fn pixels<'a>(
        values: &'a [f32],
        truth: &'a Mask,
        inside: Option<&'a Mask>,
    ) -> impl Iterator<Item = (f32, bool)> + 'a {
        counting(values, inside).zip(counting(truth.as_slice(), inside))
    }

    /// 100 x 100 pixels; the first `pixels` are anomalous and have the value `found`, the others `rest`.
    fn image(pixels: usize, found: f32, rest: f32) -> (Vec<f32>, Mask) {
        let of = |i: usize| if i < pixels { found } else { rest };
        ((0..10_000).map(of).collect(), Mask::from_fn(100, 100, |x, y| y * 100 + x < pixels))
    }

    fn overlaps(images: &[(Vec<f32>, Mask)]) -> Overlaps {
        let mut overlaps = Overlaps::new();
        images.iter().for_each(|(values, truth)| overlaps.add(pixels(values, truth, None)));
        overlaps
    }

    #[test]
    fn overlaps_are_those_that_are_counted_pixel_by_pixel() {
        let values: Vec<f32> = (0..10_000).map(|i| (i * 7919 % 10_007) as f32 / 10_007.0).collect();
        let truth = Mask::from_fn(100, 100, |x, y| values[y * 100 + x] > 0.6 || (x + y) % 9 == 0);
        let found = overlaps(&[(values.clone(), truth.clone())]);
        for (threshold, sum) in found.thresholds.iter().zip(&found.sums) {
            let pixels =
                || values.iter().map(|value| value > threshold).zip(truth.as_slice().iter().copied());
            let both = pixels().filter(|&(marked, anomalous)| marked && anomalous).count();
            let either = pixels().filter(|&(marked, anomalous)| marked || anomalous).count();
            assert!((sum - both as f64 / either as f64).abs() < 1e-12, "{threshold}");
        }
    }

    #[test]
    fn a_certain_anomaly_is_cut_low_and_above_its_surroundings() {
        let threshold = |surroundings| overlaps(&[image(200, 0.99, surroundings)]).threshold(vec![0.01; 100]);
        assert!((0.4..0.41).contains(&threshold(0.4)), "{}", threshold(0.4));
        assert_eq!(threshold(0.05), LEAST);
    }

    /// Of all pixels together, the large one alone would decide.
    #[test]
    fn a_small_anomaly_counts_as_much_as_a_large_one() {
        let (small, large) = (image(20, 0.6, 0.01), image(6000, 0.95, 0.7));
        let both = overlaps(&[small, large]);
        let threshold = both.threshold(Vec::new());
        assert!(threshold < 0.6, "{threshold}");
    }

    #[test]
    fn few_good_pixels_lie_above_the_threshold() {
        let good: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        assert_eq!(overlaps(&[image(200, 0.999, 0.001)]).threshold(good), 0.989);
    }

    #[test]
    fn without_an_anomaly_the_threshold_is_in_the_middle() {
        assert_eq!(overlaps(&[image(0, 0.0, 0.3)]).threshold(Vec::new()), WITHOUT_ANOMALIES);
        assert_eq!(Overlaps::new().threshold(vec![1.0]), 0.999);
    }

    #[test]
    fn pixels_outside_the_region_do_not_count() {
        let (values, truth) = image(200, 0.9, 0.1);
        let inside = Mask::from_fn(100, 100, |_, y| y >= 50);
        let mut overlaps = Overlaps::new();
        overlaps.add(pixels(&values, &truth, Some(&inside)));
        assert_eq!(overlaps.images, 0);
    }
}
