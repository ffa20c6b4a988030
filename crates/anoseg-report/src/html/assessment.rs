//! Key figures, verdict counts and the figures per defect type.

use anoseg_metrics::Evaluation;
use maud::{Markup, html};

use super::sections::{absent, section};
use super::{confusion, threshold};
use crate::format::{percent, percent_or_dash, typeset_exact};
use crate::model::Report;
use crate::plot::{self, score_axis::scores};
use crate::shown::ShownScores;

/// The key figures as cards, those without a value left out.
pub(super) fn figures(report: &Report) -> Markup {
    let Some(figures) = &report.figures else {
        return section(
            "figures",
            "Key figures",
            absent("No figures: there are no test images with known defects."),
        );
    };
    let cards = [
        ("Image AUROC", figures.image_auroc, "how well scores rank defective images above good ones"),
        ("Pixel AUROC", figures.pixel_auroc, "the same for single pixels"),
        ("Pixel AP", figures.pixel_ap, "average precision of the marked pixels"),
        (
            "AUPRO",
            figures.aupro_30,
            "overlap with each defect, small and large alike, up to 30\u{a0}% false positives",
        ),
        ("IoU", figures.iou_at_threshold, "overlap of marked and true area at the pixel threshold"),
    ];
    let content = html! {
        dl.cards {
            @for (name, value, meaning) in cards {
                @if let Some(value) = value {
                    div.figure-card {
                        dt { (name) }
                        dd.value { (percent(value)) }
                        dd.meaning { (meaning) (remark(name, figures)) }
                    }
                }
            }
        }
    };
    section("figures", "Key figures", content)
}

/// Additional text on the card of a key figure.
fn remark(name: &str, figures: &Evaluation) -> String {
    match (name, figures.iou_max, figures.intervals.image_auroc) {
        ("IoU", Some(best), _) => format!("; {} at the best one", percent(best)),
        ("Image AUROC", ..) if figures.ranks_nothing() => "; all scores are equal".to_owned(),
        ("Image AUROC", _, Some([low, high])) => {
            format!("; 95\u{a0}% interval {} to {}", percent(low), percent(high))
        }
        _ => String::new(),
    }
}

/// The numbers of images by ground truth and decision, and the histogram of the scores.
pub(super) fn verdicts(report: &Report) -> Markup {
    let content = if report.images.is_empty() {
        absent("No verdicts: no test images were given.")
    } else {
        html! {
            div.verdicts {
                div {
                    (threshold::control(report))
                    div.panel.scroll { (confusion::table(report)) }
                    (confusion::rates(report))
                    (thresholds(report))
                }
                div.panel { (histogram(report)) }
            }
        }
    };
    section("verdicts", "Verdicts", content)
}

fn thresholds(report: &Report) -> Markup {
    let limits = &report.thresholds;
    let shown = ShownScores::of(&report.images, limits);
    html! {
        dl.thresholds {
            div { dt { "Reject above" } dd { (shown.text(limits.image)) } }
            @if limits.review < limits.image {
                div { dt { "Review above" } dd { (shown.text(limits.review)) } }
            }
            div { dt { "Mark above" } dd { (typeset_exact(limits.pixel)) } }
        }
    }
}

fn histogram(report: &Report) -> Markup {
    let [good, defective] = scores(&report.images);
    plot::score_histogram(&good, &defective, &report.thresholds)
}

/// All figures per defect type, with those over all images as the last row.
pub(super) fn by_defect(report: &Report) -> Markup {
    if report.by_defect.is_empty() && report.figures.is_none() {
        return html! {};
    }
    let places = confusion::Places::of(&report.images);
    let content = html! {
        div.panel.scroll {
            table #by-defect.numbers {
                thead {
                    tr {
                        th scope="col" { "Defect" }
                        @for (name, _) in columns(&Evaluation::default()) { th scope="col" { (name) } }
                    }
                }
                tbody {
                    @for (defect, figures) in &report.by_defect {
                        (figures_row(defect, figures, "", places.shares(Some(defect))))
                    }
                    @if let Some(figures) = &report.figures {
                        (figures_row("All", figures, "total", places.shares(None)))
                    }
                }
            }
        }
    };
    section("defects", "Figures by defect type", content)
}

/// The first figures are shares of images that are rejected; `counted` says in which rows of the
/// table of verdicts, for the script, which counts anew when the threshold moves.
fn figures_row(name: &str, figures: &Evaluation, class: &str, counted: [Option<usize>; 2]) -> Markup {
    let counted = counted.into_iter().chain(std::iter::repeat(None));
    html! {
        tr class=(class) {
            th scope="row" { (name) }
            @for ((_, value), row) in columns(figures).into_iter().zip(counted) {
                td data-counted=[row] { (percent_or_dash(value)) }
            }
        }
    }
}

/// The columns of the table, in order; first those that the image threshold decides.
fn columns(figures: &Evaluation) -> [(&'static str, Option<f64>); 12] {
    [
        ("Found", figures.detection_rate),
        ("False rejects", figures.false_reject_rate),
        ("Image AUROC", figures.image_auroc),
        ("Image AP", figures.image_ap),
        ("Pixel AUROC", figures.pixel_auroc),
        ("Pixel AP", figures.pixel_ap),
        ("F1 max", figures.pixel_f1_max),
        ("IoU", figures.iou_at_threshold),
        ("IoU max", figures.iou_max),
        ("Region recall", figures.region_recall),
        ("AUPRO 30\u{a0}%", figures.aupro_30),
        ("AUPRO 5\u{a0}%", figures.aupro_05),
    ]
}
