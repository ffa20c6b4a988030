//! All figures and curves of a ranking from one sweep.

use crate::curve::{Curve, Tracer};
use crate::precision_recall::{Best, BestF1, PRECISION_RECALL_START, PrecisionSum, precision_recall_point};
use crate::pro::{PRO_START, ProArea, pro_point};
use crate::rank::Rank;
use crate::ranking::Ranking;
use crate::roc::{AurocArea, ROC_START, roc_point};
use crate::sweep::{Level, Totals, sweep};

/// The figures of ranked samples; `None` where the data do not define them.
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
    /// The figures of the union of `parts`; a sample is called positive when strictly above
    /// `threshold`.
    pub(crate) fn of(parts: &[&Ranking], threshold: Option<f32>) -> Self {
        let totals = Totals::of(parts);
        let mut sums = FigureSums::new(threshold);
        sweep(parts, threshold, |level| sums.add(level, &totals));
        sums.figures(&totals)
    }

    /// As [`Figures::of`], with the curves of the same sweep.
    pub(crate) fn with_curves(
        parts: &[&Ranking],
        threshold: Option<f32>,
        max_points: usize,
    ) -> (Self, TracedCurves) {
        let totals = Totals::of(parts);
        let mut sums = FigureSums::new(threshold);
        let [mut roc, mut precision_recall, mut pro] =
            [ROC_START, PRECISION_RECALL_START, PRO_START].map(Tracer::starting_at);
        sweep(parts, threshold, |level| {
            sums.add(level, &totals);
            roc.add(roc_point(level));
            precision_recall.add(precision_recall_point(level));
            pro.add(pro_point(level));
        });
        let [roc, precision_recall, pro] =
            [roc, precision_recall, pro].map(|tracer| tracer.finish(&totals, max_points));
        (sums.figures(&totals), TracedCurves { roc, precision_recall, pro })
    }
}

/// The curves of ranked samples; empty when a class is absent.
#[derive(Debug)]
pub(crate) struct TracedCurves {
    pub(crate) roc: Curve,
    pub(crate) precision_recall: Curve,
    pub(crate) pro: Curve,
}

/// What a sweep adds up for the figures.
#[derive(Debug)]
struct FigureSums {
    auroc: AurocArea,
    precisions: PrecisionSum,
    f1: BestF1,
    pro_30: ProArea,
    pro_05: ProArea,
    above: Option<Above>,
}

impl FigureSums {
    fn new(threshold: Option<f32>) -> Self {
        Self {
            auroc: AurocArea::default(),
            precisions: PrecisionSum::default(),
            f1: BestF1::default(),
            pro_30: ProArea::up_to(0.3),
            pro_05: ProArea::up_to(0.05),
            above: threshold.map(Above::new),
        }
    }

    fn add(&mut self, level: &Level, totals: &Totals) {
        self.auroc.add(level);
        self.precisions.add(level);
        self.f1.add(level, totals);
        self.pro_30.add(level);
        self.pro_05.add(level);
        if let Some(above) = &mut self.above {
            above.add(level);
        }
    }

    fn figures(&self, totals: &Totals) -> Figures {
        Figures {
            auroc: self.auroc.value(totals),
            average_precision: self.precisions.value(totals),
            best: self.f1.value(totals),
            aupro_30: self.pro_30.value(totals),
            aupro_05: self.pro_05.value(totals),
            iou_at_threshold: self.above.as_ref().and_then(|above| above.iou(totals)),
            region_recall: self.above.as_ref().and_then(|above| above.overlap(totals)),
        }
    }
}

/// The samples strictly above a threshold. The sweep must have the threshold as its boundary.
#[derive(Debug)]
struct Above {
    threshold: Rank,
    true_positives: u64,
    false_positives: u64,
    overlap: f64,
}

impl Above {
    fn new(threshold: f32) -> Self {
        Self { threshold: Rank::of(threshold), true_positives: 0, false_positives: 0, overlap: 0.0 }
    }

    fn add(&mut self, level: &Level) {
        // Ranks ascend as scores descend.
        if level.rank < self.threshold {
            (self.true_positives, self.false_positives) = (level.true_positives, level.false_positives);
            self.overlap = level.overlap();
        }
    }

    /// Intersection over union with the positives, `TP / (TP + FP + FN)`. `None` without positives;
    /// unlike a ranking it needs no negatives.
    fn iou(&self, totals: &Totals) -> Option<f64> {
        let union = self.false_positives + totals.positives;
        (totals.positives > 0).then(|| self.true_positives as f64 / union as f64)
    }

    /// Mean over the regions of their share above the threshold; `None` without regions.
    fn overlap(&self, totals: &Totals) -> Option<f64> {
        (totals.regions > 0).then_some(self.overlap)
    }
}
