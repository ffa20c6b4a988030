//! Exact metrics of anomaly detection and segmentation.
//!
//! Every distinct score is a threshold, tied samples move together, and nothing is binned, so that figures can be
//! compared with anybody's. Larger scores are more anomalous; the anomalous class is the positive one.
//!
//! [`evaluate`] gives all figures of a test set; [`auroc`], [`average_precision`], [`f1_max`] and [`aupro`] are the
//! parts. All of them rank the samples once and derive everything from one sweep of a threshold from the highest
//! score to the lowest. Results do not depend on the number of threads.

mod curve;
mod error;
mod evaluation;
mod figures;
mod intervals;
mod pixels;
mod precision_recall;
mod pro;
mod ranked;
mod roc;
mod sweep;

pub use curve::Curve;
pub use error::MetricsError;
pub use evaluation::{
    Curves, EvaluatedImage, Evaluation, GOOD, Thresholds, curves, evaluate, evaluate_by_defect,
};
pub use intervals::Intervals;
pub use precision_recall::{Best, average_precision, f1_max, precision_recall_curve};
pub use pro::{aupro, pro_curve};
pub use roc::{auroc, roc_curve};
