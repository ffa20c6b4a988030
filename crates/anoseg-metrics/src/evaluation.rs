//! The input and the results of an evaluation.

use anoseg_image::{AnomalyMap, Mask};
use serde::{Deserialize, Serialize};

use crate::MetricsError;
use crate::curve::Curve;
use crate::evaluator::Evaluator;
use crate::intervals::Intervals;

/// The [`EvaluatedImage::defect`] of a defect-free image.
pub const GOOD: &str = "good";

/// One evaluated image of a test set.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedImage {
    /// Defect type; [`GOOD`] (`"good"`) = defect-free, in the image and in every pixel.
    pub defect: String,
    /// How anomalous the image is; larger = more anomalous, any finite value.
    pub score: f32,
    /// How anomalous each pixel is, at the image's original resolution; any finite values.
    pub map: AnomalyMap,
    /// Ground truth, of the map's size. `None`: a defect-free image, or a defect without ground
    /// truth, which counts for the image-level figures only: its pixels are left out of the
    /// pixel-level ones.
    pub mask: Option<Mask>,
}

impl EvaluatedImage {
    /// Whether the image is defect-free.
    pub fn is_good(&self) -> bool {
        self.defect == GOOD
    }
}

/// Decision thresholds. Both decide by strictly greater: a value equal to its threshold is normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// An image is rejected when `score > image`.
    pub image: f32,
    /// A pixel is anomalous when `value > pixel`.
    pub pixel: f32,
}

/// The figures of a test set, each in 0..=1; `None` where the data do not define it, for example
/// without defects.
///
/// Image-level figures rank the images' scores. Pixel-level figures pool the pixels of all images
/// with known ground truth. Nothing is binned or resampled: every distinct value is a threshold,
/// and tied samples move together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many images were evaluated.
    pub images: usize,
    /// Area under the ROC curve of the images' scores.
    pub image_auroc: Option<f64>,
    /// Average precision of the images' scores.
    pub image_ap: Option<f64>,
    /// Area under the ROC curve of all pixels.
    pub pixel_auroc: Option<f64>,
    /// Average precision of all pixels.
    pub pixel_ap: Option<f64>,
    /// Best F1 of all pixels over all thresholds.
    pub pixel_f1_max: Option<f64>,
    /// Best intersection over union of all pixels over all thresholds: `F1 / (2 - F1)`.
    pub iou_max: Option<f64>,
    /// Intersection over union of all pixels at the pixel threshold given; `None` also without
    /// anomalous pixels.
    pub iou_at_threshold: Option<f64>,
    /// Per-region recall: mean over the ground-truth regions of the share of each that is above the
    /// pixel threshold given, so that a small region counts as much as a large one; `None` without
    /// regions.
    pub region_recall: Option<f64>,
    /// Area under the per-region-overlap curve up to a false-positive rate of 0.3, divided by it.
    pub aupro_30: Option<f64>,
    /// Area under the per-region-overlap curve up to a false-positive rate of 0.05, divided by it.
    pub aupro_05: Option<f64>,
    /// Share of the defect-free images rejected at the image threshold given.
    pub false_reject_rate: Option<f64>,
    /// Share of the defective images rejected at the image threshold given.
    pub detection_rate: Option<f64>,
    /// 95 % intervals of the image-level figures.
    #[serde(default)]
    pub intervals: Intervals,
}

impl Evaluation {
    /// Whether all images have the same score, so that an image AUROC of 0.5 says nothing: every
    /// resample gives it.
    pub fn ranks_nothing(&self) -> bool {
        self.image_auroc == Some(0.5) && self.intervals.image_auroc == Some([0.5; 2])
    }
}

/// The curves of a test set, simplified for plotting; empty where a class is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// (false-positive rate, true-positive rate) of the images.
    pub image_roc: Curve,
    /// (recall, precision) of the images.
    pub image_pr: Curve,
    /// (false-positive rate, true-positive rate) of the pixels.
    pub pixel_roc: Curve,
    /// (recall, precision) of the pixels.
    pub pixel_pr: Curve,
    /// (false-positive rate of the pixels, per-region overlap).
    pub pro: Curve,
}

/// Everything an [`Evaluator`] computes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestResults {
    /// The figures of all images.
    pub all: Evaluation,
    /// The figures of each defect type against all good images, sorted by the name of the defect.
    pub by_defect: Vec<(String, Evaluation)>,
    /// The curves of all images.
    pub curves: Curves,
}

/// All figures of a test set whose maps are in memory: [`TestResults::all`] of an [`Evaluator`].
///
/// # Errors
/// As [`Evaluator::add`] and [`Evaluator::finish`].
pub fn evaluate(
    images: &[EvaluatedImage],
    thresholds: Option<Thresholds>,
) -> Result<Evaluation, MetricsError> {
    Ok(results(images, thresholds, 0)?.all)
}

/// All figures of each defect type of a test set whose maps are in memory:
/// [`TestResults::by_defect`] of an [`Evaluator`].
///
/// # Errors
/// As [`Evaluator::add`] and [`Evaluator::finish`].
pub fn evaluate_by_defect(
    images: &[EvaluatedImage],
    thresholds: Option<Thresholds>,
) -> Result<Vec<(String, Evaluation)>, MetricsError> {
    Ok(results(images, thresholds, 0)?.by_defect)
}

/// The curves of a test set whose maps are in memory, each with at most `max_points` points:
/// [`TestResults::curves`] of an [`Evaluator`].
///
/// # Errors
/// As [`Evaluator::add`].
pub fn curves(images: &[EvaluatedImage], max_points: usize) -> Result<Curves, MetricsError> {
    Ok(results(images, None, max_points)?.curves)
}

fn results(
    images: &[EvaluatedImage],
    thresholds: Option<Thresholds>,
    curve_points: usize,
) -> Result<TestResults, MetricsError> {
    let mut evaluator = Evaluator::new();
    for image in images {
        evaluator.add(image)?;
    }
    evaluator.finish(thresholds, curve_points)
}
