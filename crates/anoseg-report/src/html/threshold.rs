//! The slider that moves the image threshold in the page.

use maud::{Markup, html};

use super::exact;
use crate::model::Report;
use crate::plot::{Axis, score_axis};
use crate::shown::ShownScores;

/// Where the slider can stand: one threshold for every set of images that a threshold can reject.
struct Places {
    /// Lowest first.
    thresholds: Vec<f64>,
    /// Which of them is the calibrated one.
    calibrated: usize,
}

impl Places {
    /// Half-way between neighbouring scores, below the lowest and at the highest one. The
    /// calibrated threshold stands for the gap that it lies in.
    ///
    /// `None` without a finite score, or where the calibrated threshold is not finite.
    fn of(scores: impl Iterator<Item = f64>, calibrated: f64) -> Option<Self> {
        let mut scores: Vec<f64> = scores.filter(|v| v.is_finite()).collect();
        scores.sort_by(f64::total_cmp);
        // Equality, not the order's, so that 0 and -0 are one score.
        scores.dedup();
        let (&lowest, &highest) = (scores.first()?, scores.last()?);
        if !calibrated.is_finite() {
            return None;
        }
        let below = if lowest == 0.0 { -1.0 } else { lowest - lowest.abs() / 2.0 };
        let between = scores.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0);
        let mut thresholds: Vec<f64> = [below].into_iter().chain(between).chain([highest]).collect();
        let rejects_none_below = scores.partition_point(|&score| score <= calibrated);
        thresholds[rejects_none_below] = calibrated;
        Some(Self { thresholds, calibrated: rejects_none_below })
    }

    /// For the script: threshold, what is shown of it and its place on the axis (0..=1), for each
    /// place.
    fn text(&self, axis: Axis, shown: &ShownScores) -> String {
        let place = |&threshold: &f64| {
            format!("{threshold}|{}|{:.4}", shown.text_between(threshold), axis.position(threshold))
        };
        self.thresholds.iter().map(place).collect::<Vec<_>>().join(";")
    }
}

/// The slider with its threshold; the script unhides it.
pub(super) fn control(report: &Report) -> Markup {
    let calibrated = f64::from(report.thresholds.image);
    let Some(places) = Places::of(report.images.iter().map(|i| f64::from(i.score)), calibrated) else {
        return html! {};
    };
    let shown = ShownScores::of(&report.images, &report.thresholds);
    let text = places.text(score_axis::of_images(&report.images, &report.thresholds), &shown);
    let last = places.thresholds.len() - 1;
    html! {
        div #threshold.panel data-places=(text) data-calibrated=(places.calibrated) hidden {
            div.threshold-head {
                label for="slider" { "Threshold" }
                output #limit for="slider" { (shown.text_between(calibrated)) }
                button #calibrated type="button" disabled { "Back to calibrated" }
            }
            input #slider type="range" min="0" max=(last) step="1" value=(places.calibrated) autocomplete="off";
            p.as-calibrated { "As calibrated. Move it to see what another threshold would reject." }
            p.as-moved hidden { "Moved: the review band isn't applied." }
        }
    }
}

/// The place of the calibrated threshold on the axis, as the style of the elements that show it.
pub(super) fn limit_style(report: &Report, axis: Axis) -> Option<String> {
    let limit = f64::from(report.thresholds.image);
    limit.is_finite().then(|| format!("--limit:{:.2}%", 100.0 * axis.position(limit)))
}

/// A small axis with the place of one score; what lies above the threshold is tinted. Nothing for a
/// score that is no number.
pub(super) fn strip(score: f32, axis: Axis) -> Markup {
    html! {
        @if !score.is_nan() {
            span.strip aria-hidden="true" title="Where the score lies on the scale of the histogram" {
                span style={ "left:" (format!("{:.2}%", 100.0 * axis.position(f64::from(score)))) } {}
            }
        }
    }
}

/// The scores for the script, in full, and in an order that does not depend on that of the images.
pub(super) fn exact_scores(scores: impl Iterator<Item = f32>) -> String {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_by(f32::total_cmp);
    scores.into_iter().map(exact).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_gap_has_a_place_and_the_calibrated_one_takes_its_own() {
        let places = Places::of([0.5, 0.25, 0.25, 1.0, f64::NAN].into_iter(), 0.6).unwrap();
        assert_eq!(places.thresholds, [0.125, 0.375, 0.6, 1.0]);
        assert_eq!(places.calibrated, 2);
    }

    #[test]
    fn a_threshold_at_or_beyond_the_scores_is_an_end() {
        for (calibrated, thresholds, at) in [
            (-5.0, [-5.0, 0.5, 1.0], 0),
            (1.0, [-1.0, 0.5, 1.0], 2),
            (7.0, [-1.0, 0.5, 7.0], 2),
            (0.0, [-1.0, 0.0, 1.0], 1),
        ] {
            let places = Places::of([0.0, -0.0, 1.0].into_iter(), calibrated).unwrap();
            assert_eq!((places.thresholds.as_slice(), places.calibrated), (thresholds.as_slice(), at));
        }
    }

    #[test]
    fn without_numbers_there_is_no_slider() {
        assert!(Places::of([f64::NAN, f64::INFINITY].into_iter(), 0.5).is_none());
        assert!(Places::of([0.1].into_iter(), f64::NAN).is_none());
    }

    proptest! {
        #[test]
        fn each_place_rejects_one_score_fewer(
            scores in prop::collection::vec(prop::num::f32::NORMAL, 1..30), calibrated in prop::num::f32::NORMAL,
        ) {
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            let places = Places::of(scores.iter().copied(), f64::from(calibrated)).unwrap();
            let mut distinct = scores.clone();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            prop_assert_eq!(places.thresholds.len(), distinct.len() + 1);
            for (i, threshold) in places.thresholds.iter().enumerate() {
                prop_assert_eq!(distinct.iter().filter(|score| *score > threshold).count(), distinct.len() - i);
            }
        }
    }
}
