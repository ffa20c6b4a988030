//! Receiver operating characteristic: true-positive rate over false-positive rate.

use crate::MetricsError;
use crate::curve::Curve;
use crate::ranking::Ranking;
use crate::sweep::{Level, Totals, sweep};

/// Area under the ROC curve, in 0..=1: the probability that a positive outranks a negative, a tie
/// counting half (Mann-Whitney U).
///
/// `None` when a class is absent.
///
/// # Errors
/// When the lengths differ or a score is not finite.
pub fn auroc(scores: &[f32], positive: &[bool]) -> Result<Option<f64>, MetricsError> {
    let ranking = Ranking::from_scores(scores, positive)?;
    let mut area = AurocArea::default();
    sweep(&[&ranking], None, |level| area.add(level));
    Ok(area.value(&Totals::of(&[&ranking])))
}

/// The ROC curve as (false-positive rate, true-positive rate), from (0, 0) to (1, 1), with at most
/// `max_points` points (see [`Curve`]); empty when a class is absent.
///
/// # Errors
/// When the lengths differ or a score is not finite.
pub fn roc_curve(scores: &[f32], positive: &[bool], max_points: usize) -> Result<Curve, MetricsError> {
    let ranking = Ranking::from_scores(scores, positive)?;
    Ok(Curve::trace(&ranking, ROC_START, roc_point, max_points))
}

pub(crate) const ROC_START: [f64; 2] = [0.0, 0.0];

pub(crate) fn roc_point(level: &Level) -> [f64; 2] {
    [level.false_positive_rate(), level.recall()]
}

/// Counts (positive, negative) pairs in the right order, in exact integers.
#[derive(Debug, Default)]
pub(crate) struct AurocArea {
    /// Twice the number of pairs in the right order, a tied pair counting once.
    twice_pairs: u128,
}

impl AurocArea {
    pub(crate) fn add(&mut self, level: &Level) {
        let above = level.true_positives - level.positives;
        self.twice_pairs +=
            u128::from(level.negatives) * (2 * u128::from(above) + u128::from(level.positives));
    }

    pub(crate) fn value(&self, totals: &Totals) -> Option<f64> {
        let pairs = u128::from(totals.positives) * u128::from(totals.negatives);
        totals.both_classes().then(|| self.twice_pairs as f64 / (2 * pairs) as f64)
    }
}
