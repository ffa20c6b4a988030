//! The test pictures, worst mistakes first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use maud::{Markup, html};

use super::sections::{absent, section};
use crate::format::{count, significant};
use crate::model::{Decision, GOOD, Mistake, Report, ReportImage};
use crate::thumbnail::Thumbnail;

/// At most this many pictures are shown, so that the file stays small enough to mail; the tables count all of them.
pub const GALLERY_LIMIT: usize = 300;

/// The gallery with its filters and the key to its colours.
pub(super) fn gallery(report: &Report) -> Markup {
    if report.images.is_empty() {
        return section("pictures", "Pictures", absent("No pictures: no test pictures were given."));
    }
    let mut images = worst_first(&report.images, report.thresholds.image);
    images.truncate(GALLERY_LIMIT);
    let content = html! {
        (key())
        (filters(&images))
        @if images.len() < report.images.len() {
            p.aside {
                "Shown are the " (count(images.len() as u64)) " most telling of " (count(report.images.len() as u64))
                " pictures; all are counted above."
            }
        }
        div #gallery.gallery { @for image in &images { (card(image)) } }
    };
    section("pictures", "Pictures", content)
}

/// What became of a picture, the most telling first; also the order of the gallery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Missed,
    FalseAlarm,
    Review,
    Right,
}

impl Outcome {
    fn of(image: &ReportImage) -> Self {
        match (image.mistake(), image.decision) {
            (Some(Mistake::Missed), _) => Self::Missed,
            (Some(Mistake::FalseAlarm), _) => Self::FalseAlarm,
            (None, Decision::Review) => Self::Review,
            (None, _) => Self::Right,
        }
    }

    /// The name the script knows it by.
    fn id(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::FalseAlarm => "alarm",
            Self::Review => "review",
            Self::Right => "right",
        }
    }
}

/// Ordered by [`Outcome`]; within each the picture farthest on the wrong side of the threshold, or nearest to it on the
/// right side, comes first.
fn worst_first(images: &[ReportImage], threshold: f32) -> Vec<&ReportImage> {
    // How far the score lies on the right side for this picture's ground truth.
    let margin = |image: &ReportImage| {
        let margin = if image.is_defective() { image.score - threshold } else { threshold - image.score };
        if margin.is_nan() { f32::NEG_INFINITY } else { margin }
    };
    let mut sorted: Vec<&ReportImage> = images.iter().collect();
    sorted.sort_by(|a, b| {
        let by_outcome = Outcome::of(a).cmp(&Outcome::of(b));
        let by_margin = margin(a).partial_cmp(&margin(b)).unwrap_or(Ordering::Equal);
        by_outcome.then(by_margin).then_with(|| a.name.cmp(&b.name))
    });
    sorted
}

/// What the colours and outlines mean.
fn key() -> Markup {
    html! {
        ul.key {
            li { span.scale {} "anomaly value, low to high" }
            li { span.line.prediction {} "marked by the model" }
            li { span.line.truth {} "ground truth" }
        }
    }
}

/// The buttons; without script they stay hidden and everything is shown.
fn filters(images: &[&ReportImage]) -> Markup {
    let with_outcome = |outcome: Outcome| images.iter().filter(|i| Outcome::of(i) == outcome).count();
    let mut defects = BTreeMap::<&str, usize>::new();
    for image in images {
        *defects.entry(&image.defect).or_default() += 1;
    }
    let outcomes =
        [(Outcome::Missed, "Missed"), (Outcome::FalseAlarm, "False alarms"), (Outcome::Review, "Review")];
    html! {
        div #filters.filters role="group" aria-label="Which pictures to show" hidden {
            button type="button" data-filter="all" aria-pressed="true" { "All " span { (images.len()) } }
            @for (outcome, name) in outcomes {
                @let n = with_outcome(outcome);
                button type="button" data-filter={ "outcome:" (outcome.id()) } aria-pressed="false" disabled[n == 0] {
                    (name) " " span { (n) }
                }
            }
            @for (defect, n) in defects {
                button type="button" data-filter={ "defect:" (defect) } aria-pressed="false" {
                    (defect) " " span { (n) }
                }
            }
        }
    }
}

/// One picture: input, anomaly map and contours side by side, with its name, decision and score.
fn card(image: &ReportImage) -> Markup {
    let outcome = Outcome::of(image);
    html! {
        article.card data-outcome=(outcome.id()) data-defect=(image.defect) {
            button.pictures type="button" aria-label={ "Enlarge " (image.name) } {
                (picture(image.picture.as_ref(), "Picture"))
                (picture(image.anomaly_map.as_ref(), "Anomaly map"))
                (picture(image.contours.as_ref(), "Contours"))
            }
            div.caption {
                span.name title=(image.name) { (image.name) }
                span.score { (significant(f64::from(image.score))) }
                (badge(image, outcome))
            }
        }
    }
}

fn picture(thumbnail: Option<&Thumbnail>, name: &str) -> Markup {
    html! {
        span.picture {
            @match thumbnail {
                Some(thumbnail) => {
                    img src=(thumbnail.data_uri()) width=(thumbnail.width()) height=(thumbnail.height())
                        alt=(name) decoding="async";
                }
                None => { span.blank { "not kept" } }
            }
            span.label { (name) }
        }
    }
}

/// The decision, or the mistake if it is one.
fn badge(image: &ReportImage, outcome: Outcome) -> Markup {
    let text = match outcome {
        Outcome::Missed => "Missed",
        Outcome::FalseAlarm => "False alarm",
        Outcome::Review | Outcome::Right => image.decision.label(),
    };
    html! { span class={ "badge " (outcome.id()) } { (text) } }
}

/// The enlarged view, filled by the script.
pub(super) fn viewer() -> Markup {
    html! {
        dialog #viewer aria-label="Enlarged pictures" {
            div.viewer-bar {
                span.viewer-caption {}
                button type="button" data-step="-1" aria-label="Previous" { "‹" }
                button type="button" data-step="1" aria-label="Next" { "›" }
                button type="button" data-close aria-label="Close" { "×" }
            }
            div.viewer-pictures {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, defect: &str, score: f32, decision: Decision) -> ReportImage {
        let (name, defect) = (name.to_owned(), defect.to_owned());
        ReportImage { name, defect, score, decision, picture: None, anomaly_map: None, contours: None }
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
