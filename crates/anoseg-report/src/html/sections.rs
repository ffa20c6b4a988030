//! The sections around the figures and the gallery.

use maud::{Markup, html};

use crate::model::{Comparison, Report};
use crate::plot;

/// A section with its heading; `id` is the target of links.
pub(super) fn section(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section id=(id) {
            h2 { (heading) }
            (content)
        }
    }
}

/// A sentence in place of missing content.
pub(super) fn absent(sentence: &str) -> Markup {
    html! { p.absent { (sentence) } }
}

/// The summary, the first sentence larger.
pub(super) fn summary(report: &Report) -> Markup {
    html! {
        @for (i, paragraph) in report.summary.iter().enumerate() {
            p.lead[i == 0].aside[i > 0] { (paragraph) }
        }
    }
}

/// Links to the sections with content.
pub(super) fn contents(report: &Report) -> Markup {
    let all = [
        ("figures", "Figures", report.figures.is_some()),
        ("verdicts", "Verdicts", !report.images.is_empty()),
        (
            "comparison",
            report.comparison.as_ref().map_or("", |comparison| comparison.title.as_str()),
            report.comparison.is_some(),
        ),
        ("curves", "Curves", !report.curves.is_empty()),
        ("images", "Images", !report.images.is_empty()),
        ("training", "Training", !report.training.is_empty()),
        ("samples", "Synthetic anomalies", !report.samples.is_empty()),
        ("provenance", "Provenance", !report.provenance.is_empty()),
        ("configuration", "Configuration", !report.config.trim().is_empty()),
    ];
    html! {
        nav aria-label="Sections" {
            @for (id, name, _) in all.iter().filter(|(_, _, there)| *there) {
                a href={ "#" (id) } { (name) }
            }
        }
    }
}

/// The table that compares results.
pub(super) fn comparison(comparison: &Comparison) -> Markup {
    let content = html! {
        p.aside { (comparison.note) }
        div.panel.scroll {
            table.numbers {
                thead {
                    tr {
                        th scope="col" { (comparison.head) }
                        @for column in &comparison.columns { th scope="col" { (column) } }
                    }
                }
                tbody {
                    @for (name, cells) in &comparison.rows {
                        tr {
                            th scope="row" { (name) }
                            @for cell in cells { td.words[is_text(cell)] { (cell) } }
                        }
                    }
                }
            }
        }
        @for remark in &comparison.remarks { p.aside { (remark) } }
    };
    section("comparison", &comparison.title, content)
}

/// Whether a cell holds words, which may wrap, and no number.
fn is_text(cell: &str) -> bool {
    cell.split_whitespace().count() > 2 && cell.contains(char::is_alphabetic)
}

/// ROC, precision-recall and PRO curves.
pub(super) fn curves(report: &Report) -> Markup {
    let content = if report.curves.is_empty() {
        absent("No curves: they need test images of both good and defective parts.")
    } else {
        html! {
            div.curves {
                @for curve in &report.curves { div.panel { (plot::curve(curve)) } }
            }
        }
    };
    section("curves", "Curves", content)
}

/// Loss and learning rate.
pub(super) fn training(report: &Report) -> Markup {
    let content = if report.training.is_empty() {
        absent(
            "No training curve: this report was made from a finished model, without the log of its training.",
        )
    } else {
        html! {
            div.panel.plain { (plot::training_curve(&report.training, plot::spans_decades(&report.training))) }
        }
    };
    section("training", "Training", content)
}

/// Synthetic anomalies; no section if there are none.
pub(super) fn samples(report: &Report) -> Markup {
    if report.samples.is_empty() {
        return html! {};
    }
    let content = html! {
        p.aside { "Synthetic defects on good images, as in the training data of the model." }
        div.samples {
            @for sample in &report.samples {
                img src=(sample.data_uri()) width=(sample.width()) height=(sample.height())
                    alt="Synthetic anomaly" decoding="async";
            }
        }
    };
    section("samples", "Synthetic anomalies", content)
}

/// The provenance of the result.
pub(super) fn provenance(report: &Report) -> Markup {
    if report.provenance.is_empty() {
        return html! {};
    }
    let content = html! {
        div.panel.scroll {
            table.pairs {
                tbody {
                    @for (name, value) in &report.provenance {
                        tr { th scope="row" { (name) } td { (value) } }
                    }
                }
            }
        }
    };
    section("provenance", "Provenance", content)
}

/// The resolved configuration, folded.
pub(super) fn configuration(report: &Report) -> Markup {
    if report.config.trim().is_empty() {
        return html! {};
    }
    let content = html! {
        details {
            summary { "Show the configuration (TOML)" }
            pre { code { (report.config.trim_end()) } }
        }
    };
    section("configuration", "Configuration", content)
}
