//! Filters and sort order of the gallery.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::card::decision_id;
use super::gallery::Outcome;
use anoseg_infer::Decision;

use crate::model::{ReportImage, label};

/// One choice of a group: its identifier for the script, its name and its number of images.
type Choice<'a> = (&'a str, &'a str, usize);

/// Two groups of buttons, one by decision and one by defect type, and the order. Without script
/// they stay hidden and everything is shown.
pub(super) fn controls(images: &[&ReportImage]) -> Markup {
    html! {
        div #filters hidden {
            (group("Decision", "decision", &decisions(images)))
            (group("Defect type", "defect", &defects(images)))
            div.sort {
                label for="sort" { "Sort" }
                select #sort autocomplete="off" {
                    option value="worst" { "Worst mistakes first" }
                    option value="highest" { "Highest score first" }
                    option value="lowest" { "Lowest score first" }
                    option value="name" { "Name" }
                }
                span #shown role="status" {}
            }
        }
    }
}

fn decisions<'a>(images: &[&ReportImage]) -> Vec<Choice<'a>> {
    let outcome = |outcome: Outcome| images.iter().filter(|i| Outcome::of(i) == outcome).count();
    let mistakes = [(Outcome::Missed, "Missed"), (Outcome::FalseAlarm, "False alarms")];
    let mistakes = mistakes.map(|(mistake, name)| (mistake.id(), name, outcome(mistake)));
    let decisions = Decision::ALL.map(|decision| {
        let n = images.iter().filter(|i| i.decision == decision).count();
        (decision_id(decision), label(decision), n)
    });
    [("", "All", images.len())].into_iter().chain(mistakes).chain(decisions).collect()
}

fn defects<'a>(images: &[&'a ReportImage]) -> Vec<Choice<'a>> {
    let mut types = BTreeMap::<&str, usize>::new();
    for image in images {
        *types.entry(&image.defect).or_default() += 1;
    }
    let types = types.into_iter().map(|(defect, n)| (defect, defect, n));
    [("", "All", images.len())].into_iter().chain(types).collect()
}

/// The first choice is the one that holds at first.
fn group(name: &str, by: &str, choices: &[Choice]) -> Markup {
    html! {
        div.filters role="group" aria-label=(name) data-by=(by) {
            span.group aria-hidden="true" { (name) }
            @for (i, (value, name, n)) in choices.iter().enumerate() {
                button type="button" data-value=(value) aria-pressed=(i == 0) disabled[*n == 0] {
                    (name) " " span { (n) }
                }
            }
        }
    }
}
