//! Per-region overlap (PRO): the share of each defect that is found, every region with the same
//! weight.
//!
//! Definition: Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 129, 2021, section 5.

use anoseg_image::{AnomalyMap, Mask};

use crate::MetricsError;
use crate::curve::Curve;
use crate::pixels;
use crate::ranking::Ranking;
use crate::sweep::{Level, Totals, sweep};

/// Area under the PRO curve up to a false-positive rate, divided by that rate, in 0..=1.
///
/// At each threshold, PRO is the mean over all ground-truth regions (connected components of the
/// masks, pixels touching by a corner included) of the share of the region called anomalous; the
/// false-positive rate is taken over all defect-free pixels of all images. Every distinct value is
/// a threshold; tied pixels move together. The area is the trapezoid from (0, 0), the curve
/// linearly interpolated at `fpr_limit` (usually 0.3 or 0.05).
///
/// `None` when there is no ground-truth region or no defect-free pixel.
///
/// # Errors
/// When a map holds a value that is not finite, a mask is of another size than its map, or the
/// limit is not in `0 < limit <= 1`.
pub fn aupro(images: &[(&AnomalyMap, &Mask)], fpr_limit: f64) -> Result<Option<f64>, MetricsError> {
    if !(fpr_limit > 0.0 && fpr_limit <= 1.0) {
        return Err(MetricsError::FprLimit { limit: fpr_limit });
    }
    let ranking = rank(images)?;
    let mut area = ProArea::up_to(fpr_limit);
    sweep(&[&ranking], None, |level| area.add(level));
    Ok(area.value(&Totals::of(&[&ranking])))
}

/// The PRO curve as (false-positive rate, per-region overlap), from (0, 0) to (1, 1), with at most
/// `max_points` points (see [`Curve`]); empty when there is no ground-truth region or no
/// defect-free pixel.
///
/// # Errors
/// When a map holds a value that is not finite or a mask is of another size than its map.
pub fn pro_curve(images: &[(&AnomalyMap, &Mask)], max_points: usize) -> Result<Curve, MetricsError> {
    Ok(Curve::trace(&rank(images)?, PRO_START, pro_point, max_points))
}

pub(crate) const PRO_START: [f64; 2] = [0.0, 0.0];

pub(crate) fn pro_point(level: &Level) -> [f64; 2] {
    [level.false_positive_rate(), level.overlap()]
}

fn rank(images: &[(&AnomalyMap, &Mask)]) -> Result<Ranking, MetricsError> {
    let mut ranking = Ranking::default();
    for (i, &(map, mask)) in images.iter().enumerate() {
        pixels::check(i, map, Some(mask))?;
        pixels::add(&mut ranking, map, Some(mask), None);
    }
    Ok(ranking)
}

/// Adds up the trapezoids under the PRO curve, up to a false-positive rate.
#[derive(Debug)]
pub(crate) struct ProArea {
    limit: f64,
    area: f64,
    false_positive_rate: f64,
    overlap: f64,
}

impl ProArea {
    pub(crate) fn up_to(limit: f64) -> Self {
        Self { limit, area: 0.0, false_positive_rate: 0.0, overlap: 0.0 }
    }

    pub(crate) fn add(&mut self, level: &Level) {
        if self.false_positive_rate >= self.limit {
            return;
        }
        let (from, to) = (self.false_positive_rate, level.false_positive_rate());
        let level_overlap = level.overlap();
        // A level without negatives is a vertical step, which has no area.
        if to > from {
            let end = to.min(self.limit);
            let overlap = self.overlap + (level_overlap - self.overlap) * (end - from) / (to - from);
            self.area += (end - from) * (self.overlap + overlap) / 2.0;
        }
        (self.false_positive_rate, self.overlap) = (to, level_overlap);
    }

    pub(crate) fn value(&self, totals: &Totals) -> Option<f64> {
        totals.both_classes().then(|| self.area / self.limit)
    }
}
