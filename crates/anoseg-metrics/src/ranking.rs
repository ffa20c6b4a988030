//! Samples of both classes, ranked and compressed.

use std::collections::BTreeMap;

use rayon::slice::ParallelSliceMut;

use crate::MetricsError;
use crate::multiset::{Multiset, Run};
use crate::rank::Rank;

/// An anomalous sample: how many samples its ground-truth region has (at least 1), and its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Positive {
    pub(crate) region_area: u32,
    pub(crate) rank: Rank,
}

/// Samples (pixels or images) ready to be swept by a threshold from the highest score down.
///
/// Anomalous samples are kept by the area of their region, since each counts by its share of the
/// region (PRO). A multiset of ranks per area is smaller than an area or a share beside each rank,
/// and its counts stay integers.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    negatives: Multiset,
    positives: BTreeMap<u32, Multiset>,
    regions: u64,
}

impl Ranking {
    /// Adds samples in any order; `regions` is how many ground-truth regions `positives` belong to.
    pub(crate) fn add(&mut self, mut negatives: Vec<Rank>, mut positives: Vec<Positive>, regions: u64) {
        // Equal elements cannot be told apart, so an unstable sort gives the same on any number of
        // threads.
        negatives.par_sort_unstable();
        self.negatives.add(Run::of_sorted(&negatives));
        drop(negatives);
        positives.par_sort_unstable();
        for of_area in positives.chunk_by(|a, b| a.region_area == b.region_area) {
            let ranks: Vec<_> = of_area.iter().map(|positive| positive.rank).collect();
            self.positives.entry(of_area[0].region_area).or_default().add(Run::of_sorted(&ranks));
        }
        self.regions += regions;
    }

    /// Ranks labelled scores; the positives make one region.
    pub(crate) fn from_scores(scores: &[f32], positive: &[bool]) -> Result<Self, MetricsError> {
        if scores.len() != positive.len() {
            return Err(MetricsError::LengthMismatch { scores: scores.len(), labels: positive.len() });
        }
        if let Some(index) = scores.iter().position(|score| !score.is_finite()) {
            return Err(MetricsError::ScoreNotFinite { index, value: scores[index] });
        }
        Ok(Self::from_finite(scores.iter().copied().zip(positive.iter().copied())))
    }

    /// Ranks (score, positive) pairs whose scores are known to be finite; the positives make one
    /// region.
    pub(crate) fn from_finite(samples: impl Iterator<Item = (f32, bool)> + Clone) -> Self {
        let ranks_of =
            |class| samples.clone().filter(move |sample| sample.1 == class).map(|sample| Rank::of(sample.0));
        let region_area = u32::try_from(ranks_of(true).count()).unwrap_or(u32::MAX);
        let positives = ranks_of(true).map(|rank| Positive { rank, region_area }).collect();
        let mut ranking = Self::default();
        ranking.add(ranks_of(false).collect(), positives, u64::from(region_area > 0));
        ranking
    }

    /// Makes the ranking as small and as fast to sweep as it can be.
    pub(crate) fn collapse(&mut self) {
        self.negatives.collapse();
        self.positives.values_mut().for_each(Multiset::collapse);
    }

    pub(crate) fn negatives(&self) -> &Multiset {
        &self.negatives
    }

    /// The anomalous samples by the area of their region, in ascending order of areas.
    pub(crate) fn positives(&self) -> impl Iterator<Item = (u32, &Multiset)> {
        self.positives.iter().map(|(&area, ranks)| (area, ranks))
    }

    pub(crate) fn regions(&self) -> u64 {
        self.regions
    }

    /// How many bytes the encoded samples take.
    pub(crate) fn bytes(&self) -> usize {
        self.negatives.bytes() + self.positives.values().map(Multiset::bytes).sum::<usize>()
    }
}
