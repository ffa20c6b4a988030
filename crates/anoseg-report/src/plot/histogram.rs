//! The histogram of the scores of good and defective images.

use maud::{Markup, html};

use super::axis::Axis;
use super::frame::{Frame, empty, svg, unit};
use super::score_axis::score_axis;
use crate::format::score;
use crate::model::Thresholds;
use crate::shown::ShownScores;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 330.0;
const BINS: usize = 32;

/// Top and bottom of the two lanes.
const GOOD_LANE: [f64; 2] = [66.0, 154.0];
const DEFECT_LANE: [f64; 2] = [194.0, 282.0];

/// Room a threshold's label needs, in SVG units, also in the larger type of a phone.
const LABEL_ROOM: f64 = 190.0;

/// How many of the finite `values` fall into each of `bins` equal parts of `low..=high`. Values
/// outside count in the first or last bin, so that the counts always sum to the number of finite
/// values (unless `bins` is 0).
pub fn bin_counts(values: &[f64], low: f64, high: f64, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    if bins == 0 {
        return counts;
    }
    for value in values.iter().filter(|v| v.is_finite()) {
        let part = ((value - low) / (high - low) * bins as f64).floor();
        // A cast to an unsigned integer maps NaN and everything below 0 to 0.
        counts[(part as usize).min(bins - 1)] += 1;
    }
    counts
}

/// The scores of good images above those of defective ones, on one scale, with both thresholds as
/// labelled lines and a hidden line that the page's script moves.
///
/// Each lane has its own count axis, because there are often far more images of one kind than of
/// the other. Scores that pile up near 0 or 1 get an axis that stretches both ends.
pub fn score_histogram(good: &[f64], defective: &[f64], thresholds: &Thresholds) -> Markup {
    let label = "Histogram of the image scores of good and of defective images";
    if !good.iter().chain(defective).any(|v| v.is_finite()) {
        return empty("wide", WIDTH, HEIGHT, label);
    }
    let x = score_axis(good, defective, thresholds);
    let limits = [thresholds.image, thresholds.review].map(f64::from);
    let shown = ShownScores::of_values(good.iter().chain(defective).copied().chain(limits));
    let name =
        if x.is_stretched() { "Image score (both ends of the scale stretched)" } else { "Image score" };
    let good_lane = lane(good, GOOD_LANE, x);
    let defect_lane = lane(defective, DEFECT_LANE, x);
    // A label that has to stand right of its line must not cross the other line, which starts below
    // it then.
    let review_fits = good_lane.column(f64::from(thresholds.review)) - good_lane.left > LABEL_ROOM;
    let [reject_label, review_label] = if review_fits { [14.0, 31.0] } else { [31.0, 14.0] };
    let reject = format!("Reject above {}", shown.text(thresholds.image));
    let review = format!("Review above {}", shown.text(thresholds.review));
    let content = html! {
        (review_zone(&good_lane, thresholds))
        (bars(&good_lane, good, "good"))
        (bars(&defect_lane, defective, "defect"))
        (defect_lane.columns(&x.ticks(7), name))
        (threshold_line(&good_lane, thresholds.image, reject_label, &reject, Side::Right))
        @if thresholds.review < thresholds.image {
            (threshold_line(&good_lane, thresholds.review, review_label, &review, Side::Left))
        }
        // After the lines, which would cross them.
        (lane_label(&good_lane, "Good", good.len()))
        (lane_label(&defect_lane, "Defective", defective.len()))
        (moved_mark(&good_lane))
    };
    svg("wide", WIDTH, HEIGHT, label, content)
}

/// The line where a reader has moved the threshold to.
fn moved_mark(frame: &Frame) -> Markup {
    let (top, bottom) = (GOOD_LANE[0] - 8.0, DEFECT_LANE[1] + 4.0);
    html! {
        g #moved.moved data-left=(frame.left) data-right=(frame.right) visibility="hidden" {
            line y1=(top) y2=(bottom) {}
            path d={ "M-6 " (top - 8.0) "L6 " (top - 8.0) "L0 " (top) "Z" } {}
        }
    }
}

fn lane(values: &[f64], [top, bottom]: [f64; 2], x: Axis) -> Frame {
    let most = counts(values, x).into_iter().max().unwrap_or(0);
    Frame { left: 48.0, right: WIDTH - 12.0, top, bottom, x, y: Axis::linear(0.0, most.max(1) as f64) }
}

/// How many of the finite values fall into each of `BINS` parts of the axis, equally wide as drawn.
fn counts(values: &[f64], x: Axis) -> Vec<usize> {
    let places: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|&v| x.position(v)).collect();
    bin_counts(&places, 0.0, 1.0, BINS)
}

fn lane_label(frame: &Frame, name: &str, images: usize) -> Markup {
    html! {
        text.lane x=(frame.left) y=(frame.top - 10.0) { (name) " " tspan.tick { "(" (images) ")" } }
    }
}

fn bars(frame: &Frame, values: &[f64], class: &str) -> Markup {
    let counts = counts(values, frame.x);
    let width = (frame.right - frame.left) / BINS as f64;
    let edge = |bin: usize| score(frame.x.value_at(bin as f64 / BINS as f64));
    html! {
        (frame.rows(&frame.y.whole_ticks(2)))
        @for (bin, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            @let top = frame.row(count as f64);
            rect class={ "bar " (class) } x=(unit(frame.left + bin as f64 * width + 0.75)) y=(unit(top))
                width=(unit(width - 1.5)) height=(unit(frame.bottom - top)) rx="1" {
                title { (edge(bin)) " to " (edge(bin + 1)) ": " (count) }
            }
        }
    }
}

/// The band of scores that go to review.
fn review_zone(frame: &Frame, thresholds: &Thresholds) -> Markup {
    let from = frame.column(f64::from(thresholds.review));
    let width = frame.column(f64::from(thresholds.image)) - from;
    html! {
        @if width > 0.0 {
            rect.zone x=(unit(from)) y=(GOOD_LANE[0]) width=(unit(width)) height=(DEFECT_LANE[1] - GOOD_LANE[0]) {}
        }
    }
}

/// The side of its line that a label prefers.
enum Side {
    Left,
    Right,
}

/// A line through both lanes with its label at `height`, on the preferred side unless the plot ends
/// there.
fn threshold_line(frame: &Frame, threshold: f32, height: f64, name: &str, side: Side) -> Markup {
    let x = unit(frame.column(f64::from(threshold)));
    let left = match side {
        Side::Left => x - frame.left > LABEL_ROOM,
        Side::Right => frame.right - x < LABEL_ROOM,
    };
    let (anchor, at) = if left { ("end", x - 6.0) } else { ("start", x + 6.0) };
    html! {
        @if threshold.is_finite() {
            line.threshold x1=(x) x2=(x) y1=(height - 10.0) y2=(DEFECT_LANE[1]) {}
            text.mark x=(at) y=(height) text-anchor=(anchor) { (name) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THRESHOLDS: Thresholds = Thresholds { image: 0.6, review: 0.4, pixel: 0.5 };

    proptest! {
        #[test]
        fn counts_sum_to_the_finite_values(
            values in prop::collection::vec(prop::num::f64::ANY, 0..60), bins in 1usize..40,
            low in -10.0..10.0f64, span in 0.0..20.0f64,
        ) {
            let counts = bin_counts(&values, low, low + span, bins);
            prop_assert_eq!(counts.len(), bins);
            prop_assert_eq!(counts.iter().sum::<usize>(), values.iter().filter(|v| v.is_finite()).count());
        }
    }

    #[test]
    fn values_fall_into_their_bins() {
        assert_eq!(
            bin_counts(&[0.0, 0.09, 0.5, 0.95, 1.0, 7.0, -7.0], 0.0, 1.0, 10),
            [3, 0, 0, 0, 0, 1, 0, 0, 0, 3]
        );
        assert!(bin_counts(&[1.0], 0.0, 1.0, 0).is_empty());
    }

    #[test]
    fn both_thresholds_are_labelled() {
        let text = score_histogram(&[0.1, 0.2], &[0.8, 0.9], &THRESHOLDS).into_string();
        assert!(text.contains("Reject above 0.600") && text.contains("Review above 0.400"));
        let no_review = Thresholds { review: 0.6, ..THRESHOLDS };
        assert!(!score_histogram(&[0.1], &[0.8], &no_review).into_string().contains("Review above"));
    }

    /// A threshold's line ran through "Defective (36)".
    #[test]
    fn lanes_labels_are_drawn_over_the_thresholds_lines() {
        let text = score_histogram(&[0.1], &[0.9], &THRESHOLDS).into_string();
        let (line, label) = (text.rfind(r#"class="threshold""#), text.find(r#"class="lane""#));
        assert!(line.unwrap() < label.unwrap());
    }

    #[test]
    fn scores_that_pile_up_are_told_apart() {
        let good: Vec<f64> = (1..=8).map(|i| 1e-4 * 1.6f64.powi(i)).collect();
        let text = score_histogram(&good, &[0.4, 0.9], &THRESHOLDS).into_string();
        assert!(text.contains("stretched"));
        assert!(text.matches("bar good").count() >= 6, "{text}");
    }

    #[test]
    fn degenerate_scores_are_drawn() {
        assert!(score_histogram(&[], &[], &THRESHOLDS).into_string().contains("No data"));
        for scores in [vec![0.5], vec![2.0; 30], vec![f64::NAN, 1e300, -1e300]] {
            let text = score_histogram(&scores, &[], &THRESHOLDS).into_string();
            assert!(text.contains("bar good") && !text.contains("NaN") && !text.contains("inf"), "{text}");
        }
        let no_thresholds = Thresholds { image: f32::NAN, review: f32::INFINITY, pixel: 0.0 };
        assert!(!score_histogram(&[1.0], &[2.0], &no_thresholds).into_string().contains("NaN"));
    }
}
