//! The test images, worst mistakes first.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::card::card;
use super::exact;
use super::filters::controls;
use super::sections::{absent, section};
use super::threshold::limit_style;
use crate::format::count;
use anoseg_infer::Decision;

use crate::model::{Mistake, Report, ReportImage};
use crate::plot::score_axis;
use crate::shown::ShownScores;

/// At most this many images are shown, so that the file stays small enough to mail; the tables
/// count all of them.
pub const GALLERY_LIMIT: usize = 300;

/// The gallery with its filters and the legend of its colours.
pub(super) fn gallery(report: &Report) -> Markup {
    if report.images.is_empty() {
        return section("images", "Images", absent("No images: no test images were given."));
    }
    let mut images = worst_first(&report.images, report.thresholds.image);
    images.truncate(GALLERY_LIMIT);
    let axis = score_axis::of_images(&report.images, &report.thresholds);
    let shown = ShownScores::of(&report.images, &report.thresholds);
    let content = html! {
        (key(report.region))
        (controls(&images))
        @if images.len() < report.images.len() {
            p.aside {
                "Shown are the " (count(images.len() as u64)) " most telling of " (count(report.images.len() as u64))
                " images; all are counted above."
            }
        }
        div #gallery.gallery data-threshold=(exact(report.thresholds.image)) style=[limit_style(report, axis)] {
            @for image in &images { (card(image, axis, &shown)) }
        }
    };
    section("images", "Images", content)
}

/// What became of an image, the most telling first; also the order of the gallery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Missed,
    FalseAlarm,
    Review,
    Right,
}

impl Outcome {
    pub(super) fn of(image: &ReportImage) -> Self {
        match (image.mistake(), image.decision) {
            (Some(Mistake::Missed), _) => Self::Missed,
            (Some(Mistake::FalseAlarm), _) => Self::FalseAlarm,
            (None, Decision::Review) => Self::Review,
            (None, _) => Self::Right,
        }
    }

    /// The identifier for the script.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::FalseAlarm => "alarm",
            Self::Review => "review",
            Self::Right => "right",
        }
    }
}

/// Ordered by [`Outcome`]; within each the image farthest on the wrong side of the threshold, or
/// nearest to it on the right side, comes first.
fn worst_first(images: &[ReportImage], threshold: f32) -> Vec<&ReportImage> {
    // How far the score lies on the right side for this image's ground truth.
    let margin = |image: &ReportImage| {
        let above = f64::from(image.score) - f64::from(threshold);
        let margin = if image.is_defective() { above } else { -above };
        if margin.is_nan() { f64::NEG_INFINITY } else { margin }
    };
    let mut sorted: Vec<&ReportImage> = images.iter().collect();
    sorted.sort_by(|a, b| {
        let by_outcome = Outcome::of(a).cmp(&Outcome::of(b));
        let by_margin = margin(a).partial_cmp(&margin(b)).unwrap_or(Ordering::Equal);
        by_outcome.then(by_margin).then_with(|| a.name.cmp(&b.name))
    });
    sorted
}

/// What the colours and outlines mean; with that of the region of interest where there is one.
fn key(region: bool) -> Markup {
    html! {
        ul.key style="--limit:55%" {
            li { span.scale {} "anomaly value, low to high" }
            li { span.line.prediction {} "marked by the model" }
            li { span.line.truth {} "ground truth" }
            @if region {
                li { span.line.region {} "region of interest" }
            }
            li { span.strip { span style="left:70%" {} } "score, and the scores that are rejected" }
        }
    }
}

/// The enlarged view, filled by the script.
pub(super) fn viewer(report: &Report) -> Markup {
    let axis = score_axis::of_images(&report.images, &report.thresholds);
    html! {
        dialog #viewer style=[limit_style(report, axis)] aria-label="Enlarged images" {
            div.viewer-bar {
                span.viewer-caption {}
                span.viewer-score {}
                button type="button" data-step="-1" aria-label="Previous" { "‹" }
                button type="button" data-step="1" aria-label="Next" { "›" }
                button type="button" data-close aria-label="Close" { "×" }
            }
            div.viewer-images {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg_metrics::GOOD;

    fn image(name: &str, defect: &str, score: f32, decision: Decision) -> ReportImage {
        let (name, defect) = (name.to_owned(), defect.to_owned());
        ReportImage { name, defect, score, decision, image: None, anomaly_map: None, contours: None }
    }

    #[test]
    fn the_worst_comes_first() {
        let images = [
            image("right", GOOD, 0.1, Decision::Good),
            image("nearly wrong", "crack", 0.51, Decision::Reject),
            image("review", "crack", 0.4, Decision::Review),
            image("false alarm", GOOD, 0.9, Decision::Reject),
            image("missed", "crack", 0.3, Decision::Good),
            image("badly missed", "crack", 0.1, Decision::Good),
            image("no score", "crack", f32::NAN, Decision::Good),
        ];
        let names: Vec<&str> = worst_first(&images, 0.5).iter().map(|i| i.name.as_str()).collect();
        assert_eq!(
            names,
            ["no score", "badly missed", "missed", "false alarm", "review", "nearly wrong", "right"]
        );
    }
}
