//! All figures of a ranking from one sweep.

use crate::precision_recall::{Best, BestF1, PrecisionSum};
use crate::pro::ProArea;
use crate::ranked::Ranked;
use crate::roc::AurocArea;
use crate::sweep::{Level, Sweep, Totals};

/// What one sweep over ranked samples tells; `None` where the data cannot tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) auroc: Option<f64>,
    pub(crate) average_precision: Option<f64>,
    pub(crate) best: Option<Best>,
    pub(crate) aupro_30: Option<f64>,
    pub(crate) aupro_05: Option<f64>,
    pub(crate) iou_at_threshold: Option<f64>,
    pub(crate) region_recall: Option<f64>,
}

impl Figures {
    /// The figures of the union of `parts`; a sample is called positive when strictly above `threshold`.
    pub(crate) fn of(parts: &[&Ranked], threshold: Option<f32>) -> Self {
        let sweep = Sweep::new(parts);
        let totals = sweep.totals();
        let (mut auroc, mut precisions, mut f1) =
            (AurocArea::default(), PrecisionSum::default(), BestF1::default());
        let (mut pro_30, mut pro_05) = (ProArea::up_to(0.3), ProArea::up_to(0.05));
        let mut above = threshold.map(Above::new);
        for level in sweep {
            auroc.add(&level);
            precisions.add(&level);
            f1.add(&level, &totals);
            pro_30.add(&level);
            pro_05.add(&level);
            if let Some(above) = &mut above {
                above.add(&level);
            }
        }
        Self {
            auroc: auroc.value(&totals),
            average_precision: precisions.value(&totals),
            best: f1.value(&totals),
            aupro_30: pro_30.value(&totals),
            aupro_05: pro_05.value(&totals),
            iou_at_threshold: above.as_ref().and_then(|above| above.iou(&totals)),
            region_recall: above.and_then(|above| above.overlap(&totals)),
        }
    }
}

/// What lies strictly above a threshold.
#[derive(Debug)]
struct Above {
    threshold: f32,
    true_positives: u64,
    false_positives: u64,
    overlap: f64,
}

impl Above {
    fn new(threshold: f32) -> Self {
        Self { threshold, true_positives: 0, false_positives: 0, overlap: 0.0 }
    }

    fn add(&mut self, level: &Level) {
        if level.score > self.threshold {
            (self.true_positives, self.false_positives) = (level.true_positives, level.false_positives);
            self.overlap = level.overlap;
        }
    }

    /// Intersection over union with the positives, `TP / (TP + FP + FN)`. `None` without positives; unlike a ranking it
    /// needs no negatives.
    fn iou(&self, totals: &Totals) -> Option<f64> {
        let union = self.false_positives + totals.positives;
        (totals.positives > 0).then(|| self.true_positives as f64 / union as f64)
    }

    /// Mean over the regions of their share above the threshold; `None` without regions.
    fn overlap(&self, totals: &Totals) -> Option<f64> {
        (totals.regions > 0).then_some(self.overlap)
    }
}
