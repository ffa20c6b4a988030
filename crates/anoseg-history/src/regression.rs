//! Which decisions would change, and whether feedback speaks for it.

use std::cmp::Reverse;

use anoseg_infer::Decision;
use serde::Serialize;

use crate::record::decision_number;
use crate::{Filter, Reader, Result, Truth, Used};

/// A part that is decided in two ways, by other thresholds or by another model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Number of the verdict.
    pub verdict: i64,
    /// Its score, 0..=1, before and after. Other thresholds leave it as it is.
    pub scores: [f32; 2],
    /// The decision before.
    pub before: Decision,
    /// The decision after.
    pub after: Decision,
    /// What an operator states of the part.
    pub feedback: Option<Truth>,
}

impl Change {
    /// Whether the decision changes away from what feedback says: a good part is rejected or reviewed instead, or a
    /// defect passes or is only reviewed.
    pub fn is_worse(&self) -> bool {
        self.steps_towards_wrong() > 0
    }

    /// Whether the decision changes towards what feedback says.
    pub fn is_better(&self) -> bool {
        self.steps_towards_wrong() < 0
    }

    fn steps_towards_wrong(&self) -> i64 {
        let steps = decision_number(self.after) - decision_number(self.before);
        match self.feedback {
            Some(Truth::Good) => steps,
            Some(Truth::Defect) => -steps,
            None => 0,
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

/// Two ways to decide, on the same parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Regression {
    /// Parts that were compared.
    pub verdicts: u64,
    /// Decisions that change away from what feedback says.
    pub worse: u64,
    /// Decisions that change towards what feedback says.
    pub better: u64,
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

/// A regression with what a reader wants to see beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Parts that were compared.
    pub verdicts: u64,
    /// Decisions that change.
    pub changed: u64,
    /// See [`Regression::worse`].
    pub worse: u64,
    /// See [`Regression::better`].
    pub better: u64,
    /// See [`Regression::decisions`].
    pub decisions: [[u64; 3]; 3],
    /// Against feedback, as decided before.
    pub before: Counts,
    /// Against feedback, as decided after.
    pub after: Counts,
    /// Defects that pass as good, before and after.
    pub missed_defects: [u64; 2],
    /// Good parts that are rejected, before and after.
    pub false_rejects: [u64; 2],
    /// The changes that are listed.
    pub changes: Vec<NamedChange>,
}

/// A change with the name of its image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedChange {
    /// The image's name; empty where the verdict was removed meanwhile.
    pub name: String,
    /// What changes.
    #[serde(flatten)]
    pub change: Change,
    /// See [`Change::is_worse`].
    pub worse: bool,
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
            let (before, after) = (before.decide(row.score), after.decide(row.score));
            let scores = [row.score; 2];
            let change = Change { verdict: row.id, scores, before, after, feedback: row.feedback };
            regression.add(change, most);
        })?;
        regression.sort(most);
        Ok(regression)
    }

    /// Takes a part that is decided in two ways. Call [`Regression::sort`] at the end.
    pub fn add(&mut self, change: Change, most: usize) {
        let Change { before, after, feedback, .. } = change;
        self.verdicts += 1;
        self.worse += u64::from(change.is_worse());
        self.better += u64::from(change.is_better());
        self.decisions[decision_number(before) as usize][decision_number(after) as usize] += 1;
        if let Some(truth) = feedback {
            self.before.add(truth, before);
            self.after.add(truth, after);
        }
        if before != after && most > 0 {
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

    /// With the names of the images, which the history has.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn told(&self, reader: &Reader) -> Result<Told> {
        let named = |change: &Change| {
            let name = reader.verdict(change.verdict)?.map_or_else(String::new, |row| row.name);
            Ok(NamedChange { name, change: *change, worse: change.is_worse() })
        };
        let Self { verdicts, worse, better, decisions, before, after, .. } = *self;
        Ok(Told {
            verdicts,
            changed: self.changed(),
            worse,
            better,
            decisions,
            before,
            after,
            missed_defects: [before.missed_defects(), after.missed_defects()],
            false_rejects: [before.false_rejects(), after.false_rejects()],
            changes: self.changes.iter().map(named).collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
                let (score, feedback) = (f32::from(score) / 20.0, truth[usize::from(feedback)]);
                let (before, after) = (before.decide(score), after.decide(score));
                let change = Change { verdict: id as i64, scores: [score; 2], before, after, feedback };
                worse += usize::from(change.is_worse());
                regression.add(change, most);
            }
            regression.sort(most);
            prop_assert_eq!(regression.decisions.iter().flatten().sum::<u64>(), rows.len() as u64);
            let good = rows.iter().filter(|(_, feedback)| *feedback == 1).count() as u64;
            for counts in [regression.before, regression.after] {
                prop_assert_eq!(counts.good.iter().sum::<u64>(), good);
            }
            prop_assert_eq!(regression.changes.len() as u64, regression.changed().min(most as u64));
            prop_assert_eq!(regression.worse, worse as u64);
            prop_assert!(regression.worse + regression.better <= regression.changed());
            let listed = regression.changes.iter().filter(|change| change.is_worse()).count();
            prop_assert_eq!(listed, worse.min(most));
        }
    }
}
