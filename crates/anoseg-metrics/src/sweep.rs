//! The one pass that every metric is derived from: a threshold that falls through all distinct
//! scores.

use crate::multiset::{Reader, Run, Slots, WINDOW, Windows, place_of, rank_at};
use crate::rank::Rank;
use crate::ranking::Ranking;

/// How many samples of each class, and how many ground-truth regions, are swept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) positives: u64,
    pub(crate) negatives: u64,
    pub(crate) regions: u64,
}

impl Totals {
    /// The totals of the union of `parts`; their regions are distinct.
    pub(crate) fn of(parts: &[&Ranking]) -> Self {
        let positives = parts.iter().flat_map(|part| part.positives());
        Self {
            positives: positives.map(|(_, ranks)| ranks.samples()).sum(),
            negatives: parts.iter().map(|part| part.negatives().samples()).sum(),
            regions: parts.iter().map(|part| part.regions()).sum(),
        }
    }

    /// Whether both classes are present, without which ranking metrics have no value.
    pub(crate) fn both_classes(&self) -> bool {
        self.positives > 0 && self.negatives > 0
    }
}

/// A share of regions, in units of `1 / WHOLE_REGION` of one region.
///
/// Whole numbers add up to the same sum in any order, so that no figure depends on the order of the
/// images. A sum of 2^31 regions fits.
type Share = u128;

/// One region; fine enough that the remainders of its pixels, dropped, are below the precision of
/// f64 for regions of up to 2^43 pixels.
const WHOLE_REGION: Share = 1 << 96;

/// The state of the sweep after one step of the threshold.
///
/// A step takes either all samples of one score, or the negatives of several scores with no
/// positive at or between them. Ties are always one step. Joining negatives changes no figure:
/// while only negatives are passed, recall and overlap stay, precision falls, and the curves are
/// straight lines.
///
/// Rates of an absent class are not defined (see [`Totals::both_classes`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// The rank that the samples of this step share; of joined negatives, a rank at or below all of
    /// their scores and above the next sample's.
    pub(crate) rank: Rank,
    /// Positives of this step.
    pub(crate) positives: u64,
    /// Negatives of this step.
    pub(crate) negatives: u64,
    /// Positives of this step and all before it.
    pub(crate) true_positives: u64,
    /// Negatives of this step and all before it.
    pub(crate) false_positives: u64,
    /// Sum over the regions of the share passed.
    overlaps: Share,
    totals: Totals,
}

impl Level {
    /// Share of positives among the samples passed, in 0..=1.
    pub(crate) fn precision(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_positives) as f64
    }

    /// Share of all positives passed, in 0..=1: recall, or true-positive rate.
    pub(crate) fn recall(&self) -> f64 {
        self.true_positives as f64 / self.totals.positives as f64
    }

    /// Share of all negatives passed, in 0..=1.
    pub(crate) fn false_positive_rate(&self) -> f64 {
        self.false_positives as f64 / self.totals.negatives as f64
    }

    /// Mean over the regions of their share passed, in 0..=1.
    pub(crate) fn overlap(&self) -> f64 {
        self.overlaps as f64 / WHOLE_REGION as f64 / self.totals.regions as f64
    }
}

/// Sweeps the union of `parts` from the highest score to the lowest and calls `visit` after each
/// step.
///
/// With a `boundary`, no step joins a sample above that score with one at or below it.
pub(crate) fn sweep(parts: &[&Ranking], boundary: Option<f32>, visit: impl FnMut(&Level)) {
    let mut readers: Vec<_> =
        parts.iter().flat_map(|part| part.negatives().runs()).map(Run::reader).collect();
    let negative_runs = readers.len();
    let mut shares = Vec::new();
    for (area, ranks) in parts.iter().flat_map(|part| part.positives()) {
        readers.extend(ranks.runs().iter().map(Run::reader));
        shares.resize(readers.len() - negative_runs, WHOLE_REGION / Share::from(area));
    }
    let counts = WindowCounts::new(shares, negative_runs, boundary.map(Rank::of));
    let first = Level {
        rank: Rank(0),
        positives: 0,
        negatives: 0,
        true_positives: 0,
        false_positives: 0,
        overlaps: 0,
        totals: Totals::of(parts),
    };
    counts.sweep(readers, Steps { level: first, visit });
}

/// The samples of one window of ranks.
#[derive(Debug)]
struct WindowCounts {
    negatives: Vec<u64>,
    positives: Vec<u64>,
    /// Sum over the positives of the share of each in its region.
    shares: Vec<Share>,
    /// Slots that are a step of their own: those with positives, and the boundary.
    stops: Slots,
    boundary: Option<Rank>,
    /// Runs at and after this position are of positives.
    negative_runs: usize,
    /// The share of a pixel in its region, for each run of positives.
    pixel_shares: Vec<Share>,
}

impl WindowCounts {
    fn new(pixel_shares: Vec<Share>, negative_runs: usize, boundary: Option<Rank>) -> Self {
        Self {
            negatives: vec![0; WINDOW],
            positives: vec![0; WINDOW],
            shares: vec![0; WINDOW],
            stops: Slots::new(),
            boundary,
            negative_runs,
            pixel_shares,
        }
    }

    fn sweep<'a, F: FnMut(&Level)>(
        mut self,
        readers: Vec<Reader<std::slice::Iter<'a, Vec<u8>>>>,
        mut steps: Steps<F>,
    ) {
        let mut windows = Windows::new(readers);
        while let Some(window) = windows.advance(|run, slot, count| self.add(run, slot, count)) {
            self.take_steps(window, &mut steps);
        }
    }

    fn add(&mut self, run: usize, slot: usize, count: u64) {
        match run.checked_sub(self.negative_runs) {
            None => self.negatives[slot] += count,
            Some(run) => {
                self.positives[slot] += count;
                self.shares[slot] += Share::from(count) * self.pixel_shares[run];
                self.stops.insert(slot);
            }
        }
    }

    /// Steps through the window and empties it.
    fn take_steps(&mut self, window: u32, steps: &mut Steps<impl FnMut(&Level)>) {
        if let Some((_, slot)) = self.boundary.map(place_of).filter(|place| place.0 == window) {
            self.stops.insert(slot);
        }
        let Self { negatives, positives, shares, stops, .. } = self;
        let mut passed = 0;
        stops.drain(|slot| {
            let joined = negatives[passed..slot].iter().sum();
            // Where the slot is the first, nothing is joined and the rank does not matter.
            steps.step(rank_at(window, slot.saturating_sub(1)), joined, (0, 0));
            let (count, share) = (std::mem::take(&mut positives[slot]), std::mem::take(&mut shares[slot]));
            steps.step(rank_at(window, slot), negatives[slot], (count, share));
            passed = slot + 1;
        });
        steps.step(rank_at(window, WINDOW - 1), negatives[passed..].iter().sum(), (0, 0));
        negatives.fill(0);
    }
}

/// Turns the samples of each step into the state after it.
struct Steps<F> {
    level: Level,
    visit: F,
}

impl<F: FnMut(&Level)> Steps<F> {
    fn step(&mut self, rank: Rank, negatives: u64, (positives, share): (u64, Share)) {
        if negatives == 0 && positives == 0 {
            return;
        }
        let level = &mut self.level;
        (level.rank, level.positives, level.negatives) = (rank, positives, negatives);
        level.true_positives += positives;
        level.false_positives += negatives;
        level.overlaps += share;
        (self.visit)(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(boundary: Option<f32>) -> Vec<(u64, u64, f64)> {
        let first = Ranking::from_scores(&[1.0, 0.5, 0.5, 0.0], &[true, true, false, false]).unwrap();
        let second = Ranking::from_scores(&[0.5, 1e-40, -1.0], &[false; 3]).unwrap();
        let mut steps = Vec::new();
        sweep(&[&first, &second], boundary, |level| {
            steps.push((level.true_positives, level.false_positives, level.overlap()));
        });
        steps
    }

    #[test]
    fn ties_within_and_across_parts_are_one_step() {
        // 1e-40 and 0 lie in different windows of ranks, as do 0 and -1; joining them is allowed,
        // not required.
        let steps = steps(None);
        assert_eq!(steps[..2], [(1, 0, 0.5), (2, 2, 1.0)]);
        assert_eq!(steps.last(), Some(&(2, 5, 1.0)));
    }

    #[test]
    fn no_step_crosses_the_boundary() {
        for (boundary, above) in [(0.5, 0), (0.2, 2), (1e-40, 2), (0.0, 3), (-0.0, 3), (-0.5, 4), (-2.0, 5)] {
            let steps = steps(Some(boundary));
            assert!(above == 0 || steps.iter().any(|step| step.1 == above), "{boundary}: {steps:?}");
        }
    }
}
