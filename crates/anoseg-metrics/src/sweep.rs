//! The one pass that every metric is derived from: a threshold sweeping down through all distinct scores.

use crate::ranked::{Positive, Rank, Ranked};

/// How many samples of each class, and how many ground-truth regions, are swept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) positives: u64,
    pub(crate) negatives: u64,
    pub(crate) regions: u64,
}

impl Totals {
    /// Whether both classes are present, without which ranking metrics say nothing.
    pub(crate) fn both_classes(&self) -> bool {
        self.positives > 0 && self.negatives > 0
    }
}

/// The state of the sweep when the threshold has passed one distinct score; ties are one level.
///
/// Rates of an absent class mean nothing (see [`Totals::both_classes`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// The score that the samples of this level share.
    pub(crate) score: f32,
    /// Positives with exactly this score.
    pub(crate) positives: u64,
    /// Negatives with exactly this score.
    pub(crate) negatives: u64,
    /// Positives with this score or a higher one.
    pub(crate) true_positives: u64,
    /// Negatives with this score or a higher one.
    pub(crate) false_positives: u64,
    /// Share of all positives with this score or a higher one, in 0..=1: recall, or true-positive rate.
    pub(crate) recall: f64,
    /// Share of all negatives with this score or a higher one, in 0..=1.
    pub(crate) false_positive_rate: f64,
    /// Mean over the regions of their share with this score or a higher one, in 0..=1.
    pub(crate) overlap: f64,
}

impl Level {
    /// Share of positives among the samples with this score or a higher one, in 0..=1.
    pub(crate) fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }
}

/// Merges sorted samples into [`Level`]s, from the highest score to the lowest.
#[derive(Debug)]
pub(crate) struct Sweep<'a> {
    negatives: Vec<&'a [Rank]>,
    positives: Vec<&'a [Positive]>,
    totals: Totals,
    true_positives: u64,
    false_positives: u64,
    /// Sum over the regions of the share passed.
    overlaps: f64,
}

impl<'a> Sweep<'a> {
    /// Sweeps the union of `parts`; their regions are distinct.
    pub(crate) fn new(parts: &[&'a Ranked]) -> Self {
        let negatives: Vec<_> = parts.iter().map(|part| part.negatives()).collect();
        let positives: Vec<_> = parts.iter().map(|part| part.positives()).collect();
        let totals = Totals {
            positives: positives.iter().map(|run| run.len() as u64).sum(),
            negatives: negatives.iter().map(|run| run.len() as u64).sum(),
            regions: parts.iter().map(|part| part.regions()).sum(),
        };
        Self { negatives, positives, totals, true_positives: 0, false_positives: 0, overlaps: 0.0 }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    fn next_rank(&self) -> Option<Rank> {
        let negatives = self.negatives.iter().filter_map(|run| run.first().copied());
        let positives = self.positives.iter().filter_map(|run| run.first().map(|sample| sample.rank));
        negatives.chain(positives).min()
    }
}

impl Iterator for Sweep<'_> {
    type Item = Level;

    fn next(&mut self) -> Option<Level> {
        let rank = self.next_rank()?;
        let (mut positives, mut negatives) = (0, 0);
        for run in &mut self.negatives {
            negatives += take_while(run, |&sample| sample == rank).len() as u64;
        }
        for run in &mut self.positives {
            let tied = take_while(run, |sample| sample.rank == rank);
            positives += tied.len() as u64;
            self.overlaps += tied.iter().map(|sample| 1.0 / f64::from(sample.region_area)).sum::<f64>();
        }
        self.true_positives += positives;
        self.false_positives += negatives;
        Some(Level {
            score: rank.score(),
            positives,
            negatives,
            true_positives: self.true_positives,
            false_positives: self.false_positives,
            recall: self.true_positives as f64 / self.totals.positives as f64,
            false_positive_rate: self.false_positives as f64 / self.totals.negatives as f64,
            // The sum of many shares can round to slightly more than the number of regions.
            overlap: (self.overlaps / self.totals.regions as f64).min(1.0),
        })
    }
}

/// Cuts the leading samples that satisfy `condition` off `run` and returns them.
fn take_while<'a, T>(run: &mut &'a [T], condition: impl Fn(&T) -> bool) -> &'a [T] {
    let length = run.iter().take_while(|&sample| condition(sample)).count();
    let (taken, rest) = run.split_at(length);
    *run = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_within_and_across_parts_are_one_level() {
        let first = Ranked::from_scores(&[1.0, 0.5, 0.5, 0.0], &[true, true, false, false]).unwrap();
        let second = Ranked::from_scores(&[0.5, -1.0], &[false, false]).unwrap();
        let counts: Vec<_> = Sweep::new(&[&first, &second])
            .map(|level| (level.score, level.true_positives, level.false_positives, level.overlap))
            .collect();
        assert_eq!(counts, [(1.0, 1, 0, 0.5), (0.5, 2, 2, 1.0), (0.0, 2, 3, 1.0), (-1.0, 2, 4, 1.0)]);
    }
}
