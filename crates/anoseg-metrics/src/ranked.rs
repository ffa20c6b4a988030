//! Scores of both classes, each sorted from the highest.

use rayon::slice::ParallelSliceMut;

use crate::MetricsError;

/// A finite score as an integer whose *ascending* order is the scores' *descending* order.
///
/// Equal scores have equal ranks: -0 and +0 share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u32);

const SIGN: u32 = 1 << 31;

impl Rank {
    pub(crate) fn of(score: f32) -> Self {
        // IEEE 754 floats of one sign order as their bits do; negative ones the other way round.
        let bits = (score + 0.0).to_bits();
        Self(if bits & SIGN == 0 { !(bits | SIGN) } else { bits })
    }

    pub(crate) fn score(self) -> f32 {
        f32::from_bits(if self.0 & SIGN == 0 { !self.0 & !SIGN } else { self.0 })
    }
}

/// An anomalous sample: its rank, and how many samples its ground-truth region has (at least 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Positive {
    pub(crate) rank: Rank,
    pub(crate) region_area: u32,
}

/// Samples (pixels or images) ready to be swept by a threshold from the highest score down.
///
/// Only ranks are kept: 4 bytes a defect-free sample, 8 bytes an anomalous one, sorted in place.
#[derive(Debug)]
pub(crate) struct Ranked {
    negatives: Vec<Rank>,
    positives: Vec<Positive>,
    regions: u64,
}

impl Ranked {
    /// Sorts the samples; `regions` is how many ground-truth regions `positives` belong to.
    pub(crate) fn new(mut negatives: Vec<Rank>, mut positives: Vec<Positive>, regions: u64) -> Self {
        // Equal elements cannot be told apart, so an unstable sort gives the same on any number of threads.
        negatives.par_sort_unstable();
        positives.par_sort_unstable();
        Self { negatives, positives, regions }
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

    /// Ranks (score, positive) pairs whose scores are known to be finite; the positives make one region.
    pub(crate) fn from_finite(samples: impl Iterator<Item = (f32, bool)> + Clone) -> Self {
        let ranks_of =
            |class| samples.clone().filter(move |sample| sample.1 == class).map(|sample| Rank::of(sample.0));
        let positives: Vec<_> = ranks_of(true).collect();
        let region_area = u32::try_from(positives.len()).unwrap_or(u32::MAX);
        let regions = u64::from(region_area > 0);
        let positives = positives.into_iter().map(|rank| Positive { rank, region_area }).collect();
        Self::new(ranks_of(false).collect(), positives, regions)
    }

    pub(crate) fn negatives(&self) -> &[Rank] {
        &self.negatives
    }

    pub(crate) fn positives(&self) -> &[Positive] {
        &self.positives
    }

    pub(crate) fn regions(&self) -> u64 {
        self.regions
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_zeros_share_a_rank() {
        assert_eq!(Rank::of(-0.0), Rank::of(0.0));
    }

    proptest! {
        #[test]
        fn ranks_descend_with_scores(a in finite(), b in finite()) {
            prop_assert_eq!(Rank::of(a).cmp(&Rank::of(b)), b.partial_cmp(&a).unwrap());
            prop_assert_eq!(Rank::of(a).score(), a);
        }
    }

    fn finite() -> impl Strategy<Value = f32> {
        any::<f32>().prop_filter("finite", |value| value.is_finite())
    }
}
