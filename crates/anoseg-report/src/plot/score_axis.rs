//! The axis of the image scores, the same in the histogram and in each image's mark.

use super::axis::Axis;
use crate::model::{ReportImage, Thresholds};

/// Room at both ends, as a part of the axis.
const ROOM: f64 = 0.02;

/// Where half of the images of one kind lie within this part of a linear axis, the axis is
/// stretched.
const CROWDED: f64 = 1.0 / 16.0;

/// Fewer images of one kind are no crowd.
const CROWD: usize = 4;

/// The axis for these images' scores.
pub(crate) fn of_images(images: &[ReportImage], thresholds: &Thresholds) -> Axis {
    let [good, defective] = scores(images);
    score_axis(&good, &defective, thresholds)
}

/// The scores of the good and of the defective images.
pub(crate) fn scores(images: &[ReportImage]) -> [Vec<f64>; 2] {
    [false, true].map(|defective| {
        images.iter().filter(|i| i.is_defective() == defective).map(|i| f64::from(i.score)).collect()
    })
}

/// An axis that holds all finite scores and thresholds with a little room on both sides.
///
/// Scores are often shares (0..=1) that pile up near one end; then both ends are stretched.
pub(crate) fn score_axis(good: &[f64], defective: &[f64], thresholds: &Thresholds) -> Axis {
    let limits = [thresholds.image, thresholds.review].map(f64::from);
    let all = || good.iter().chain(defective).chain(&limits).copied().filter(|v| v.is_finite());
    let low = all().fold(f64::INFINITY, f64::min);
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let linear = Axis::linear(low, high);
    let shares = low >= 0.0 && high <= 1.0;
    let crowded = |values: &[f64]| middle_half(values).is_some_and(|span| span < CROWDED * (high - low));
    if shares && (crowded(good) || crowded(defective)) {
        Axis::spread(low, high).padded(ROOM)
    } else {
        linear.padded(ROOM)
    }
}

/// How far the finite values spread without their lowest and their highest quarter; `None` for few
/// values.
fn middle_half(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    (sorted.len() >= CROWD).then(|| sorted[sorted.len() - 1 - quarter] - sorted[quarter])
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { image: 0.6, review: 0.4, pixel: 0.5 };

    #[test]
    fn scores_that_pile_up_are_stretched() {
        let good = [0.001, 0.0012, 0.0015, 0.0011, 0.002];
        let defective = [0.3, 0.7, 0.9, 0.95];
        let axis = score_axis(&good, &defective, &THRESHOLDS);
        assert!(axis.is_stretched());
        assert!(axis.position(0.002) - axis.position(0.001) > 0.05);
        let odd = [0.001, 0.0012, 0.0015, 0.0011, 7.0];
        assert!(!score_axis(&odd, &defective, &THRESHOLDS).is_stretched(), "these are no shares");
    }

    #[test]
    fn spread_scores_are_not() {
        let good = [0.05, 0.1, 0.2, 0.3, 0.35];
        assert!(!score_axis(&good, &[0.5, 0.7, 0.8, 0.9], &THRESHOLDS).is_stretched());
        assert!(!score_axis(&[0.1], &[0.9], &THRESHOLDS).is_stretched(), "one image is no crowd");
        assert!(!score_axis(&[f64::NAN], &[], &THRESHOLDS).is_stretched());
    }

    #[test]
    fn all_that_is_finite_has_its_place() {
        let axis = score_axis(&[0.0, f64::NAN, f64::INFINITY], &[1.0], &THRESHOLDS);
        for value in [0.0, 0.4, 0.6, 1.0] {
            assert!(axis.position(value) > 0.0 && axis.position(value) < 1.0);
        }
    }
}
