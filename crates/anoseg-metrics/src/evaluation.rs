//! Evaluating a test set: all metrics from one sweep over its images and one over its pixels.

use std::collections::BTreeMap;

use anoseg_image::{AnomalyMap, Mask};
use serde::{Deserialize, Serialize};

use crate::MetricsError;
use crate::curve::Curve;
use crate::figures::Figures;
use crate::intervals::{Intervals, Sample};
use crate::pixels;
use crate::precision_recall::precision_recall;
use crate::pro::pro;
use crate::ranked::Ranked;
use crate::roc::roc;

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
    /// Ground truth, of the map's size. `None`: a defect-free image, or a defect without ground truth, which counts
    /// for the image-level figures only: its pixels are left out of the pixel-level ones.
    pub mask: Option<Mask>,
}

impl EvaluatedImage {
    /// Whether the image is defect-free.
    pub fn is_good(&self) -> bool {
        self.defect == GOOD
    }

    /// The map with the truth about its pixels, where that is known.
    fn truth(&self) -> Option<pixels::Truth<'_>> {
        (self.is_good() || self.mask.is_some()).then_some((&self.map, self.mask.as_ref()))
    }
}

/// Decision thresholds, chosen without sight of a defect (calibration). Both decide by strictly greater: a value
/// equal to its threshold is normal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// An image is rejected when `score > image`.
    pub image: f32,
    /// A pixel is anomalous when `value > pixel`.
    pub pixel: f32,
}

/// The figures of a test set, each in 0..=1; `None` where the data cannot tell.
///
/// Image-level figures rank the images' scores. Pixel-level figures pool the pixels of all images whose truth is
/// known. Nothing is binned or resampled: every distinct value is a threshold, and tied samples move together.
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
    /// Intersection over union of all pixels at the pixel threshold given; `None` also without anomalous pixels.
    pub iou_at_threshold: Option<f64>,
    /// Per-region recall: mean over the ground-truth regions of the share of each that is above the pixel threshold given,
    /// so that a small region counts as much as a large one; `None` without regions.
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

/// The curves of a test set, simplified for plotting; empty where the data cannot tell.
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

/// All figures of a test set.
///
/// # Errors
/// When a score or a map is not finite, a mask is of another size than its map, a good image has anomalous ground
/// truth, or a threshold is NaN; the error names the image by its position in `images`.
pub fn evaluate(
    images: &[EvaluatedImage],
    thresholds: Option<Thresholds>,
) -> Result<Evaluation, MetricsError> {
    check(images, thresholds)?;
    Ok(evaluate_parts(&[&Part::new(images.iter().collect())], thresholds))
}

/// All figures of each defect type against all good images, sorted by the name of the defect.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_by_defect(
    images: &[EvaluatedImage],
    thresholds: Option<Thresholds>,
) -> Result<Vec<(String, Evaluation)>, MetricsError> {
    check(images, thresholds)?;
    let (good, defective): (Vec<_>, Vec<_>) = images.iter().partition(|image| image.is_good());
    let mut by_defect: BTreeMap<&str, Vec<&EvaluatedImage>> = BTreeMap::new();
    for image in defective {
        by_defect.entry(&image.defect).or_default().push(image);
    }
    // The good images are ranked once and merged with the images of each defect type.
    let good = Part::new(good);
    let evaluate_type = |(defect, images): (&str, _)| {
        (defect.to_owned(), evaluate_parts(&[&good, &Part::new(images)], thresholds))
    };
    Ok(by_defect.into_iter().map(evaluate_type).collect())
}

/// The curves of a test set, each with at most `max_points` points.
///
/// # Errors
/// As [`evaluate`].
pub fn curves(images: &[EvaluatedImage], max_points: usize) -> Result<Curves, MetricsError> {
    check(images, None)?;
    let Part { scores, pixels, .. } = Part::new(images.iter().collect());
    Ok(Curves {
        image_roc: roc(&scores, max_points),
        image_pr: precision_recall(&scores, max_points),
        pixel_roc: roc(&pixels, max_points),
        pixel_pr: precision_recall(&pixels, max_points),
        pro: pro(&pixels, max_points),
    })
}

/// Refuses input that cannot be evaluated.
fn check(images: &[EvaluatedImage], thresholds: Option<Thresholds>) -> Result<(), MetricsError> {
    for (which, threshold) in thresholds.iter().flat_map(|t| [("image", t.image), ("pixel", t.pixel)]) {
        if threshold.is_nan() {
            return Err(MetricsError::ThresholdNan { which });
        }
    }
    for (i, image) in images.iter().enumerate() {
        if !image.score.is_finite() {
            return Err(MetricsError::ScoreNotFinite { index: i, value: image.score });
        }
        if image.is_good() && image.mask.as_ref().is_some_and(Mask::any) {
            return Err(MetricsError::DefectOnGood { image: i });
        }
        pixels::check(i, &image.map, image.mask.as_ref())?;
    }
    Ok(())
}

/// Some images of a test set, ranked.
struct Part<'a> {
    images: Vec<&'a EvaluatedImage>,
    scores: Ranked,
    pixels: Ranked,
}

impl<'a> Part<'a> {
    fn new(images: Vec<&'a EvaluatedImage>) -> Self {
        let truths: Vec<_> = images.iter().filter_map(|image| image.truth()).collect();
        let scores = Ranked::from_finite(images.iter().map(|image| (image.score, !image.is_good())));
        Self { pixels: pixels::rank(&truths), scores, images }
    }

    /// How many of the good (or the defective) images there are, and how many of those are rejected.
    fn rejected(&self, good: bool, threshold: f32) -> [usize; 2] {
        let of_kind = self.images.iter().filter(|image| image.is_good() == good);
        of_kind.fold([0, 0], |[n, rejected], image| [n + 1, rejected + usize::from(image.score > threshold)])
    }
}

/// The figures of the union of `parts`.
fn evaluate_parts(parts: &[&Part<'_>], thresholds: Option<Thresholds>) -> Evaluation {
    let scores: Vec<_> = parts.iter().map(|part| &part.scores).collect();
    let pixels: Vec<_> = parts.iter().map(|part| &part.pixels).collect();
    let image_level = Figures::of(&scores, None);
    let pixel_level = Figures::of(&pixels, thresholds.map(|t| t.pixel));
    let rejection_rate = |good| {
        let threshold = thresholds?.image;
        let counts = parts.iter().map(|part| part.rejected(good, threshold));
        let [n, rejected] = counts.fold([0, 0], |sum, part| [sum[0] + part[0], sum[1] + part[1]]);
        (n > 0).then(|| rejected as f64 / n as f64)
    };
    let samples = parts
        .iter()
        .flat_map(|part| &part.images)
        .map(|image| Sample { score: image.score, defective: !image.is_good() });
    Evaluation {
        images: parts.iter().map(|part| part.images.len()).sum(),
        image_auroc: image_level.auroc,
        image_ap: image_level.average_precision,
        pixel_auroc: pixel_level.auroc,
        pixel_ap: pixel_level.average_precision,
        pixel_f1_max: pixel_level.best.map(|best| best.f1),
        iou_max: pixel_level.best.map(|best| best.iou()),
        iou_at_threshold: pixel_level.iou_at_threshold,
        region_recall: pixel_level.region_recall,
        aupro_30: pixel_level.aupro_30,
        aupro_05: pixel_level.aupro_05,
        false_reject_rate: rejection_rate(true),
        detection_rate: rejection_rate(false),
        intervals: Intervals::of(samples.collect(), thresholds.map(|t| t.image)),
    }
}
