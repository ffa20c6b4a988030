//! The confusion table: the numbers of images by ground truth and decision.

use std::collections::{BTreeMap, BTreeSet};

use anoseg_metrics::GOOD;
use maud::{Markup, html};

use super::threshold::exact_scores;
use crate::format::percent;
use anoseg_infer::Decision;

use crate::model::{Report, ReportImage, label};

/// One row of the table: some images that are all good or all defective in truth.
struct Row<'a> {
    name: &'a str,
    images: Vec<&'a ReportImage>,
    /// `total` or, for one of several defect types, `part`.
    class: &'static str,
}

impl Row<'_> {
    fn truth(&self) -> &'static str {
        if self.images.iter().any(|i| i.is_defective()) { "defective" } else { GOOD }
    }

    fn with(&self, decision: Decision) -> usize {
        self.images.iter().filter(|i| i.decision == decision).count()
    }
}

/// All good images, all defective ones and, where there are several, each type of defect; without
/// what does not occur.
fn rows(images: &[ReportImage]) -> Vec<Row<'_>> {
    let with = |name, class, belongs: &dyn Fn(&ReportImage) -> bool| Row {
        name,
        class,
        images: images.iter().filter(|i| belongs(i)).collect(),
    };
    let types: BTreeSet<&str> =
        images.iter().filter(|i| i.is_defective()).map(|i| i.defect.as_str()).collect();
    let mut rows = vec![with(GOOD, "total", &|i| !i.is_defective())];
    if types.len() > 1 {
        rows.push(with("defective", "total", &|i| i.is_defective()));
    }
    let class = if types.len() > 1 { "part" } else { "total" };
    rows.extend(types.into_iter().map(|defect| with(defect, class, &|i| i.defect == defect)));
    rows.retain(|row| !row.images.is_empty());
    rows
}

/// The rows that tell which share of the images with a defect, of all types or of one, is found,
/// and which share of the good ones is rejected; by their places in the table.
pub(super) struct Places {
    good: Option<usize>,
    defective: Option<usize>,
    types: BTreeMap<String, usize>,
}

impl Places {
    pub(super) fn of(images: &[ReportImage]) -> Self {
        let rows = rows(images);
        let total = |truth| rows.iter().position(|row| row.class == "total" && row.truth() == truth);
        let defective = rows.iter().enumerate().filter(|(_, row)| row.truth() == "defective");
        Self {
            good: total(GOOD),
            defective: total("defective"),
            // Of two rows of one name the first is that of all types.
            types: defective.map(|(place, row)| (row.name.to_owned(), place)).collect(),
        }
    }

    /// Of the found images with this type of defect, `None` for all types, and of the rejected good
    /// ones.
    pub(super) fn shares(&self, defect: Option<&str>) -> [Option<usize>; 2] {
        [defect.map_or(self.defective, |defect| self.types.get(defect).copied()), self.good]
    }
}

/// Ground truth by row, decision by column. The scores are kept for the script, which counts anew
/// when the threshold moves.
pub(super) fn table(report: &Report) -> Markup {
    html! {
        table #confusion.numbers {
            thead {
                tr {
                    th scope="col" { "In truth" }
                    @for decision in Decision::ALL { th scope="col" { (label(decision)) } }
                    th scope="col" { "All" }
                }
            }
            tbody { @for row in rows(&report.images) { (table_row(&row)) } }
        }
    }
}

fn table_row(row: &Row) -> Markup {
    let counts = Decision::ALL.map(|decision| row.with(decision));
    let calibrated = counts.map(|n| n.to_string()).join(" ");
    let scores = exact_scores(row.images.iter().map(|i| i.score));
    html! {
        tr class=(row.class) data-truth=(row.truth()) data-calibrated=(calibrated) data-scores=(scores) {
            th scope="row" { (row.name) }
            @for (decision, n) in Decision::ALL.into_iter().zip(counts) {
                @let mistaken = row.images.iter().any(|i| i.decision == decision && i.mistake().is_some());
                td.none[n == 0].mistake[mistaken] { (n) }
            }
            td.all { (row.images.len()) }
        }
    }
}

/// The share of the good images and of the defective ones that are rejected.
pub(super) fn rates(report: &Report) -> Markup {
    let rows = rows(&report.images);
    html! {
        dl.thresholds {
            @for (name, truth) in [("False-reject rate", GOOD), ("Detection rate", "defective")] {
                @if let Some(row) = rows.iter().find(|row| row.class == "total" && row.truth() == truth) {
                    @let (rejected, all) = (row.with(Decision::Reject), row.images.len());
                    div {
                        dt { (name) }
                        dd {
                            span data-rate=(truth) { (percent(rejected as f64 / all as f64)) }
                            " "
                            small data-count=(truth) { (rejected) " of " (all) }
                        }
                    }
                }
            }
        }
    }
}
