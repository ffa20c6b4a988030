//! Exact metrics of anomaly detection and segmentation.
//!
//! Every distinct score is a threshold, tied samples move together, and nothing is binned. So
//! figures compare with those of any other exact program. Larger scores are more anomalous; the
//! anomalous class is the positive one.
//!
//! [`Evaluator`] computes all figures and curves of a test set from one image at a time, in memory
//! for one map and the distinct values of all maps. [`auroc`], [`average_precision`], [`f1_max`]
//! and [`aupro`] compute a single figure of samples in memory. All of them rank the samples once
//! and derive everything from one sweep of a threshold from the highest score to the lowest.
//! Results do not depend on the number of threads.

mod curve;
mod error;
mod evaluation;
mod evaluator;
mod figures;
mod intervals;
mod multiset;
mod pixels;
mod precision_recall;
mod pro;
mod rank;
mod ranking;
mod roc;
mod sweep;

pub use curve::Curve;
pub use error::MetricsError;
pub use evaluation::{
    Curves, EvaluatedImage, Evaluation, GOOD, TestResults, Thresholds, curves, evaluate, evaluate_by_defect,
};
pub use evaluator::Evaluator;
pub use intervals::Intervals;
pub use precision_recall::{Best, average_precision, f1_max, precision_recall_curve};
pub use pro::{aupro, pro_curve};
pub use roc::{auroc, roc_curve};
