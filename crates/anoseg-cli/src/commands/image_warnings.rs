//! What makes the results for single images doubtful, shown without flooding the terminal.

use std::collections::BTreeMap;

use anoseg::InspectionWarning;
use anoseg_image::text;

use crate::console;

/// Warnings of one kind that are shown.
const SHOWN: usize = 5;

/// Shows the first warnings of each kind and counts the others.
#[derive(Default)]
pub(super) struct ImageWarnings {
    /// How many warnings of each kind there were, by the kind's code.
    counts: BTreeMap<String, usize>,
}

impl ImageWarnings {
    /// Shows the warning of this kind about `image`, unless enough of them were shown.
    pub(super) fn show(&mut self, image: &str, code: &str, message: &str) {
        let count = self.counts.entry(code.to_owned()).or_default();
        *count += 1;
        if *count <= SHOWN {
            console::warning(&format!("{image}: {message}"));
        }
    }

    /// Tells how many were not shown; `elsewhere` says where they are, such as ": see the verdicts".
    pub(super) fn say_how_many_more(&self, elsewhere: &str) {
        for (code, count) in self.counts.iter().filter(|(_, count)| **count > SHOWN) {
            let more = text::count(count - SHOWN, "more image", "more images");
            console::warning(&format!("{more} {}{elsewhere}", InspectionWarning::summary(code)));
        }
    }
}
