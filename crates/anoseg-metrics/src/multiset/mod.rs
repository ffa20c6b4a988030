//! A sorted multiset of ranks that grows run by run, in little memory.

mod run;
mod windows;

pub(crate) use run::{Reader, Run};
pub(crate) use windows::{Slots, WINDOW, Windows, place_of, rank_at};

use run::RunWriter;

/// More runs than this are merged. With 6, a large run is rewritten once per several new runs.
const MAX_RUNS: usize = 6;

/// How often each rank occurs.
///
/// Like a log-structured merge tree it keeps a few compressed runs and merges those of similar
/// size. So each entry is rewritten a logarithmic number of times, and the memory is bounded by the
/// distinct ranks, not by the samples: see [`Run`] for the bound of one run.
#[derive(Debug, Default)]
pub(crate) struct Multiset {
    runs: Vec<Run>,
}

impl Multiset {
    /// Adds the samples of `run`.
    pub(crate) fn add(&mut self, run: Run) {
        if run.samples() > 0 {
            self.runs.push(run);
        }
        if self.runs.len() > MAX_RUNS {
            self.merge_from(self.first_worth_merging());
        }
    }

    /// Merges all runs into one, which is the smallest form and the fastest to read.
    pub(crate) fn collapse(&mut self) {
        if self.runs.len() > 1 {
            self.merge_from(0);
        }
    }

    /// How many samples the multiset has.
    pub(crate) fn samples(&self) -> u64 {
        self.runs.iter().map(Run::samples).sum()
    }

    /// How many bytes the encoded runs take.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.iter().map(Run::bytes).sum()
    }

    /// The runs whose union this is; their ranks overlap.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The oldest run that is at most twice as large as all younger ones together; otherwise
    /// the last but one.
    fn first_worth_merging(&self) -> usize {
        let (mut first, mut younger) = (self.runs.len() - 2, 0);
        for (i, run) in self.runs.iter().enumerate().rev() {
            if run.bytes() <= 2 * younger {
                first = i;
            }
            younger += run.bytes();
        }
        first
    }

    fn merge_from(&mut self, first: usize) {
        let merged = merge(self.runs.split_off(first));
        self.runs.push(merged);
    }
}

/// The union of `runs`. They are freed chunk by chunk while the result grows.
fn merge(runs: Vec<Run>) -> Run {
    let mut windows = Windows::new(runs.into_iter().map(Run::into_reader).collect());
    let (mut counts, mut occupied) = (vec![0_u64; WINDOW], Slots::new());
    let mut writer = RunWriter::default();
    while let Some(window) = windows.advance(|_, slot, count| {
        counts[slot] += count;
        occupied.insert(slot);
    }) {
        occupied.drain(|slot| writer.push(rank_at(window, slot), std::mem::take(&mut counts[slot])));
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::rank::Rank;

    fn entries(run: &Run) -> Vec<(u32, u64)> {
        let mut entries = Vec::new();
        run.reader().take_through(Rank(u32::MAX), |rank, count| entries.push((rank.0, count)));
        entries
    }

    /// The only run of a multiset to which `images` were added one by one.
    fn collapsed(images: &[Vec<u32>]) -> Run {
        let mut multiset = Multiset::default();
        for image in images {
            let mut ranks: Vec<_> = image.iter().map(|&rank| Rank(rank)).collect();
            ranks.sort_unstable();
            multiset.add(Run::of_sorted(&ranks));
            assert!(multiset.runs().len() <= MAX_RUNS);
        }
        multiset.collapse();
        multiset.runs.pop().unwrap_or_default()
    }

    /// Ranks with all lengths of gaps, ties, and both ends of the range.
    fn ranks() -> impl Strategy<Value = Vec<u32>> {
        let rank = prop_oneof![0..40_u32, 0..20_000_u32, any::<u32>(), Just(u32::MAX), Just(0)];
        prop::collection::vec(rank, 0..60)
    }

    proptest! {
        #[test]
        fn runs_merge_to_the_counts_of_all_samples(images in prop::collection::vec(ranks(), 0..40)) {
            let mut expected = BTreeMap::new();
            images.iter().flatten().for_each(|&rank| *expected.entry(rank).or_insert(0_u64) += 1);
            let run = collapsed(&images);
            prop_assert_eq!(run.samples(), expected.values().sum::<u64>());
            prop_assert_eq!(entries(&run), expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn the_encoded_size_is_bounded(images in prop::collection::vec(ranks(), 0..20)) {
            let run = collapsed(&images);
            let span = entries(&run).last().map_or(0, |&(rank, _)| u64::from(rank) + 1);
            prop_assert!(run.bytes() as u64 <= run.samples() + span / 32);
        }

        #[test]
        fn any_count_survives(counts in prop::collection::vec(1..=u64::MAX / 64, 1..60)) {
            let mut writer = RunWriter::default();
            let expected: Vec<_> = (0_u32..).map(|i| i * 50_000_000).zip(counts).collect();
            expected.iter().for_each(|&(rank, count)| writer.push(Rank(rank), count));
            prop_assert_eq!(entries(&writer.finish()), expected);
        }
    }

    /// A million values of a sigmoid, as a map has them: `steps` of them lie between -8 and 8.
    fn sigmoid_ranks(steps: u32) -> Vec<u32> {
        let value = |i: u32| 1.0 / (1.0 + (8.0 - 16.0 * (i % steps) as f32 / steps as f32).exp());
        (0..1_000_000).map(|i| Rank::of(value(i)).0).collect()
    }

    #[test]
    fn a_large_run_takes_about_a_byte_per_distinct_value() {
        // Distinct values far apart: the gaps take a second byte.
        assert!(collapsed(&[sigmoid_ranks(1_000_000)]).bytes() < 2_100_000);
        // Ties: 25 samples share a value.
        assert!(collapsed(&[sigmoid_ranks(40_000)]).bytes() < 200_000);
        // Dense: each of a million neighbouring values occurs three times.
        let dense: Vec<_> = (0..1_000_000_u32).map(|i| (1 << 30) + i).collect();
        assert!(collapsed(&[dense.clone(), dense.clone(), dense]).bytes() < 1_000_100);
    }

    #[test]
    fn repeated_images_take_no_more_memory() {
        let image = sigmoid_ranks(1_000_000);
        let once = collapsed(std::slice::from_ref(&image)).bytes();
        let often = collapsed(&vec![image; 12]).bytes();
        assert!(often <= once + 1_100_000, "{once} {often}");
    }
}
