//! One test image in the gallery.

use anoseg_metrics::GOOD;
use maud::{Markup, html};

use super::exact;
use super::gallery::Outcome;
use super::threshold::strip;
use anoseg_infer::Decision;

use crate::model::{ReportImage, label};
use crate::plot::Axis;
use crate::shown::ShownScores;
use crate::thumbnail::Thumbnail;

/// Input, anomaly map and contours side by side, with name, decision and score.
pub(super) fn card(image: &ReportImage, axis: Axis, shown: &ShownScores) -> Markup {
    let outcome = Outcome::of(image);
    let decision = decision_id(image.decision);
    let truth = if image.is_defective() { "defective" } else { GOOD };
    html! {
        article.card data-name=(image.name) data-defect=(image.defect) data-truth=(truth)
            data-score=(exact(image.score)) data-calibrated=(decision)
            data-decision=(decision) data-outcome=(outcome.id()) {
            button.images type="button" aria-label={ "Enlarge " (image.name) } {
                (view(image.image.as_ref(), "Image"))
                (view(image.anomaly_map.as_ref(), "Anomaly map"))
                (view(image.contours.as_ref(), "Contours"))
            }
            div.caption {
                span.name title=(image.name) { (image.name) }
                (strip(image.score, axis))
                span.score { (shown.text(image.score)) }
                (badge(image, outcome))
            }
        }
    }
}

/// The identifier of a decision for the script.
pub(super) fn decision_id(decision: Decision) -> &'static str {
    match decision {
        Decision::Good => "accept",
        Decision::Review => "review",
        Decision::Reject => "reject",
    }
}

/// One thumbnail with its name below it.
fn view(thumbnail: Option<&Thumbnail>, name: &str) -> Markup {
    html! {
        span.image {
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
        Outcome::Review | Outcome::Right => label(image.decision),
    };
    html! { span class={ "badge " (outcome.id()) } { (text) } }
}
