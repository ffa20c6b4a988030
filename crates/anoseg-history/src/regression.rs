//! Which decisions would change, and whether feedback speaks for it.

use std::cmp::Reverse;

use anoseg_infer::Decision;
use serde::Serialize;

use crate::record::decision_number;
use crate::{Filter, Reader, Result, ScoreRow, Truth, Used};

/// A decision that would change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Number of the verdict.
    pub verdict: i64,
    /// Its score, 0..=1.
    pub score: f32,
    /// The decision before.
    pub before: Decision,
    /// The decision after.
    pub after: Decision,
    /// What an operator states of the part.
    pub feedback: Option<Truth>,
}

impl Change {
    /// Whether the decision was right and no longer is: a good part is to be rejected or reviewed, or a defect
    /// passes.
    pub fn is_worse(&self) -> bool {
        match self.feedback {
            Some(Truth::Good) => decision_number(self.after) > decision_number(self.before),
            Some(Truth::Defect) => decision_number(self.after) < decision_number(self.before),
            None => false,
        }
    }
}

/// Decisions on parts of which feedback tells what they are: good, review, reject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Of good parts; the last are false rejects.
    pub good: [u64; 3],
    /// Of defects; the first are missed.
    pub defect: [u64; 3],
}

impl Counts {
    /// Defects that pass as good.
    pub fn missed_defects(&self) -> u64 {
        self.defect[0]
    }

    /// Good parts that are rejected.
    pub fn false_rejects(&self) -> u64 {
        self.good[2]
    }

    fn add(&mut self, truth: Truth, decision: Decision) {
        let counts = match truth {
            Truth::Good => &mut self.good,
            Truth::Defect => &mut self.defect,
        };
        counts[decision_number(decision) as usize] += 1;
    }
}

/// Two ways to decide, on the same verdicts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Regression {
    /// Verdicts that were compared.
    pub verdicts: u64,
    /// Decisions by `[before][after]`: good, review, reject.
    pub decisions: [[u64; 3]; 3],
    /// Against feedback, as decided before.
    pub before: Counts,
    /// Against feedback, as decided after.
    pub after: Counts,
    /// Decisions that would change; those that feedback speaks against first, then others with feedback, then the
    /// newest. At most as many as asked for.
    pub changes: Vec<Change>,
}

impl Regression {
    /// Compares thresholds on the verdicts that a filter passes; it should name one [`Filter::network`]. Lists at
    /// most `most` changes.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn of(
        reader: &Reader,
        filter: &Filter,
        (before, after): (&Used, &Used),
        most: usize,
    ) -> Result<Self> {
        let mut regression = Self::default();
        reader.scores(filter, 0, |row| {
            regression.add(&row, before.decide(row.score), after.decide(row.score), most);
        })?;
        regression.sort(most);
        Ok(regression)
    }

    /// Takes a verdict that is decided in two ways, such as by two models. Call [`Regression::sort`] at the end.
    pub fn add(&mut self, row: &ScoreRow, before: Decision, after: Decision, most: usize) {
        self.verdicts += 1;
        self.decisions[decision_number(before) as usize][decision_number(after) as usize] += 1;
        if let Some(truth) = row.feedback {
            self.before.add(truth, before);
            self.after.add(truth, after);
        }
        if before != after && most > 0 {
            let change = Change { verdict: row.id, score: row.score, before, after, feedback: row.feedback };
            self.changes.push(change);
            // Now and then, so that millions of changes take no memory.
            if self.changes.len() >= 2 * most.max(512) {
                self.sort(most);
            }
        }
    }

    /// Brings the changes into their order and leaves out those beyond `most`.
    pub fn sort(&mut self, most: usize) {
        self.changes.sort_by_key(|change| {
            (Reverse(change.is_worse()), Reverse(change.feedback.is_some()), Reverse(change.verdict))
        });
        self.changes.truncate(most);
    }

    /// Decisions that would change.
    pub fn changed(&self) -> u64 {
        let same: u64 = (0..3).map(|i| self.decisions[i][i]).sum();
        self.verdicts - same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(id: i64, score: f32, feedback: Option<Truth>) -> ScoreRow {
        let decision = Decision::Good;
        ScoreRow {
            id,
            time: 0,
            decision,
            score,
            brightness: 0.0,
            sharpness: 0.0,
            feedback,
            width: 1,
            height: 1,
        }
    }

    proptest! {
        #[test]
        fn counts_add_up_and_the_worst_changes_are_listed(
            rows in proptest::collection::vec((0..=20_u8, 0..3_u8), 0..80),
            most in 0..20_usize,
        ) {
            let before = Used { image: 0.6, review: 0.4, pixel: 0.5 };
            let after = Used { image: 0.8, review: 0.3, pixel: 0.5 };
            let truth = [None, Some(Truth::Good), Some(Truth::Defect)];
            let (mut regression, mut worse) = (Regression::default(), 0);
            for (id, &(score, feedback)) in rows.iter().enumerate() {
                let row = row(id as i64, f32::from(score) / 20.0, truth[usize::from(feedback)]);
                let (b, a) = (before.decide(row.score), after.decide(row.score));
                let change = Change { verdict: row.id, score: row.score, before: b, after: a, feedback: row.feedback };
                worse += usize::from(change.is_worse());
                regression.add(&row, b, a, most);
            }
            regression.sort(most);
            prop_assert_eq!(regression.decisions.iter().flatten().sum::<u64>(), rows.len() as u64);
            let good = rows.iter().filter(|(_, feedback)| *feedback == 1).count() as u64;
            for counts in [regression.before, regression.after] {
                prop_assert_eq!(counts.good.iter().sum::<u64>(), good);
            }
            prop_assert_eq!(regression.changes.len() as u64, regression.changed().min(most as u64));
            let listed = regression.changes.iter().filter(|change| change.is_worse()).count();
            prop_assert_eq!(listed, worse.min(most));
        }
    }
}
