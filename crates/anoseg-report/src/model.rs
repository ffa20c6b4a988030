//! The view model: everything that the report shows, already computed.

use anoseg_infer::Decision;
use anoseg_metrics::{Evaluation, GOOD};

use crate::thumbnail::Thumbnail;

/// Everything [`render`](crate::render) shows. Whatever is empty or `None` is left out, with a
/// sentence that says so.
#[derive(Clone, Debug)]
pub struct Report {
    /// The heading, for example the name of the dataset.
    pub title: String,
    /// The result in words, most important sentence first; see
    /// [`plain_summary`](crate::plain_summary).
    pub summary: Vec<String>,
    /// What made this result: names and values, in the order shown.
    pub provenance: Vec<(String, String)>,
    /// Figures over all test images.
    pub figures: Option<Evaluation>,
    /// The same figures per defect type, in the order shown.
    pub by_defect: Vec<(String, Evaluation)>,
    /// The calibrated thresholds.
    pub thresholds: Thresholds,
    /// A table of this result beside others.
    pub comparison: Option<Comparison>,
    /// The test images, in any order.
    pub images: Vec<ReportImage>,
    /// Curves such as ROC, precision-recall and PRO.
    pub curves: Vec<Curve>,
    /// Loss and learning rate while training, by step.
    pub training: Vec<TrainingPoint>,
    /// Synthetic anomalies the model was trained on: images or contact sheets.
    pub samples: Vec<Thumbnail>,
    /// The resolved configuration as TOML text; empty = not shown.
    pub config: String,
    /// Whether a region of interest is outlined on the test images.
    pub region: bool,
}

impl Report {
    /// A report with nothing in it yet but its title and thresholds.
    pub fn new(title: impl Into<String>, thresholds: Thresholds) -> Self {
        Self {
            title: title.into(),
            summary: Vec::new(),
            provenance: Vec::new(),
            figures: None,
            by_defect: Vec::new(),
            thresholds,
            comparison: None,
            images: Vec::new(),
            curves: Vec::new(),
            training: Vec::new(),
            samples: Vec::new(),
            config: String::new(),
            region: false,
        }
    }
}

/// A table that compares results.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The section's heading.
    pub title: String,
    /// A sentence that says what is compared.
    pub note: String,
    /// Sentences below the table.
    pub remarks: Vec<String>,
    /// Heading of the rows' names.
    pub head: String,
    /// Headings of the columns after the first.
    pub columns: Vec<String>,
    /// Each result's name and its cells, one per column.
    pub rows: Vec<(String, Vec<String>)>,
}

/// The calibrated thresholds, in the units of the scores and of the anomaly map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Images that score above this are rejected.
    pub image: f32,
    /// Images that score above this, but not above `image`, go to review; equal to `image` = there
    /// is no review.
    pub review: f32,
    /// Pixels above this are marked.
    pub pixel: f32,
}

/// The word that the report shows for a decision.
pub(crate) fn label(decision: Decision) -> &'static str {
    match decision {
        Decision::Good => "Accepted",
        Decision::Review => "Review",
        Decision::Reject => "Rejected",
    }
}

/// A decision that contradicts the ground truth. Review is never a mistake: a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// A defective part passed.
    Missed,
    /// A good part was rejected.
    FalseAlarm,
}

/// One test image and the results of the model.
#[derive(Clone, Debug)]
pub struct ReportImage {
    /// The file's name as shown, for example `broken_large/003.png`.
    pub name: String,
    /// The defect type by the ground truth; [`GOOD`] for an image without a defect.
    pub defect: String,
    /// The image score; larger = more anomalous.
    pub score: f32,
    /// The decision on the image.
    pub decision: Decision,
    /// The image itself.
    pub image: Option<Thumbnail>,
    /// The image with its anomaly map; see [`heat_overlay`](crate::heat_overlay).
    pub anomaly_map: Option<Thumbnail>,
    /// The image with the contours of prediction and ground truth; see
    /// [`contours`](crate::contours).
    pub contours: Option<Thumbnail>,
}

impl ReportImage {
    /// Whether the ground truth says that the part is defective.
    pub fn is_defective(&self) -> bool {
        self.defect != GOOD
    }

    /// How the decision contradicts the ground truth, if it does.
    pub fn mistake(&self) -> Option<Mistake> {
        match (self.is_defective(), self.decision) {
            (true, Decision::Good) => Some(Mistake::Missed),
            (false, Decision::Reject) => Some(Mistake::FalseAlarm),
            _ => None,
        }
    }
}

/// A curve to plot.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// What curve it is, for example `ROC, images`.
    pub title: String,
    /// The horizontal axis.
    pub x_label: String,
    /// The vertical axis.
    pub y_label: String,
    /// `[x, y]` in drawing order; points that are not finite are skipped.
    pub points: Vec<[f64; 2]>,
    /// The figure that belongs to the curve, for example `AUROC 98.7 %`.
    pub note: String,
}

/// One logged training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingPoint {
    /// The step, counted from 1.
    pub step: u64,
    /// The loss at that step.
    pub loss: f64,
    /// The learning rate at that step.
    pub learning_rate: f64,
    /// Share of the pairs that the discriminator classified correctly, 0..=1; `None` without a
    /// discriminator.
    pub discriminator_accuracy: Option<f64>,
}
