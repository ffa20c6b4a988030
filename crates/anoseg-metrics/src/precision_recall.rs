//! Precision and recall: average precision, the best F1 and the best IoU.

use crate::MetricsError;
use crate::curve::Curve;
use crate::ranking::Ranking;
use crate::sweep::{Level, Totals, sweep};

/// The best F1 over all thresholds, and the threshold that reaches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// `2 TP / (2 TP + FP + FN)`, in 0..=1.
    pub f1: f64,
    /// Calling every score *strictly* above this value anomalous gives that F1.
    ///
    /// It is the largest float below the lowest score that must be called anomalous. Of several
    /// thresholds that reach the same F1, this is the highest.
    pub threshold: f32,
}

impl Best {
    /// The best intersection over union, `TP / (TP + FP + FN) = F1 / (2 - F1)`; the same threshold
    /// reaches it.
    pub fn iou(&self) -> f64 {
        self.f1 / (2.0 - self.f1)
    }
}

/// Average precision, in 0..=1: `sum over thresholds of (recall step) * precision`.
///
/// The sum is step-wise, as in scikit-learn's `average_precision_score`. The trapezoid under the
/// curve would be too large, since it interpolates linearly. `None` when a class is absent (without
/// negatives it would be 1 for any scores).
///
/// # Errors
/// When the lengths differ or a score is not finite.
pub fn average_precision(scores: &[f32], positive: &[bool]) -> Result<Option<f64>, MetricsError> {
    let ranking = Ranking::from_scores(scores, positive)?;
    let mut sum = PrecisionSum::default();
    sweep(&[&ranking], None, |level| sum.add(level));
    Ok(sum.value(&Totals::of(&[&ranking])))
}

/// The best F1 over all thresholds. `None` when a class is absent.
///
/// # Errors
/// When the lengths differ or a score is not finite.
pub fn f1_max(scores: &[f32], positive: &[bool]) -> Result<Option<Best>, MetricsError> {
    let ranking = Ranking::from_scores(scores, positive)?;
    let totals = Totals::of(&[&ranking]);
    let mut best = BestF1::default();
    sweep(&[&ranking], None, |level| best.add(level, &totals));
    Ok(best.value(&totals))
}

/// The precision-recall curve as (recall, precision), with at most `max_points` points (see
/// [`Curve`]); empty when a class is absent.
///
/// It starts at (0, 1), where nothing is called anomalous, as in scikit-learn.
///
/// # Errors
/// When the lengths differ or a score is not finite.
pub fn precision_recall_curve(
    scores: &[f32],
    positive: &[bool],
    max_points: usize,
) -> Result<Curve, MetricsError> {
    let ranking = Ranking::from_scores(scores, positive)?;
    Ok(Curve::trace(&ranking, PRECISION_RECALL_START, precision_recall_point, max_points))
}

pub(crate) const PRECISION_RECALL_START: [f64; 2] = [0.0, 1.0];

pub(crate) fn precision_recall_point(level: &Level) -> [f64; 2] {
    [level.recall(), level.precision()]
}

/// Sums the precision at every positive.
#[derive(Debug, Default)]
pub(crate) struct PrecisionSum {
    sum: f64,
}

impl PrecisionSum {
    pub(crate) fn add(&mut self, level: &Level) {
        if level.positives > 0 {
            self.sum += level.positives as f64 * level.precision();
        }
    }

    pub(crate) fn value(&self, totals: &Totals) -> Option<f64> {
        totals.both_classes().then(|| self.sum / totals.positives as f64)
    }
}

/// Keeps the best F1.
#[derive(Debug, Default)]
pub(crate) struct BestF1 {
    /// The F1, and the lowest score called anomalous.
    best: Option<(f64, f32)>,
}

impl BestF1 {
    pub(crate) fn add(&mut self, level: &Level, totals: &Totals) {
        // A level without positives only adds false positives.
        if level.positives == 0 {
            return;
        }
        // TP + FP + (TP + FN): the denominator is never 0 here.
        let called_and_true = level.true_positives + level.false_positives + totals.positives;
        let f1 = 2.0 * level.true_positives as f64 / called_and_true as f64;
        if self.best.is_none_or(|(best, _)| f1 > best) {
            self.best = Some((f1, level.rank.score()));
        }
    }

    pub(crate) fn value(&self, totals: &Totals) -> Option<Best> {
        let (f1, lowest) = self.best.filter(|_| totals.both_classes())?;
        Some(Best { f1, threshold: lowest.next_down() })
    }
}
