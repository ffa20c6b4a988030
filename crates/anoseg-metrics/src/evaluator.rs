//! Evaluating a test set image by image, in bounded memory.

use std::collections::BTreeMap;

use anoseg_image::Mask;
use rayon::prelude::*;

use crate::MetricsError;
use crate::evaluation::{Curves, EvaluatedImage, Evaluation, TestResults, Thresholds};
use crate::figures::Figures;
use crate::intervals::{Intervals, Sample};
use crate::pixels;
use crate::ranking::Ranking;

/// Evaluates a test set image by image.
///
/// Each map is ranked once and then no longer needed. The evaluator keeps how often each distinct
/// value occurs, compressed; for good pixels per defect type, for anomalous ones also per area of
/// their region. A distinct value takes about one byte. n pixels encoded together take at most n
/// bytes, and one byte more per 32 floating-point numbers above their minimum (128 MiB for all
/// numbers). Figures are exact, and do not depend on the order of the images or the number of
/// threads.
///
/// ```
/// use anoseg_image::{AnomalyMap, Mask};
/// use anoseg_metrics::{EvaluatedImage, Evaluator, GOOD, Thresholds};
///
/// let mut evaluator = Evaluator::new();
/// for (defect, score) in [(GOOD, 0.2), (GOOD, 0.3), ("scratch", 0.9)] {
///     let defective = |x: usize| defect != GOOD && x < 2;
///     let map = AnomalyMap::from_fn(8, 8, |x, _| if defective(x) { score } else { 0.1 });
///     let mask = (defect != GOOD).then(|| Mask::from_fn(8, 8, |x, _| defective(x)));
///     evaluator.add(&EvaluatedImage { defect: defect.to_owned(), score, map, mask })?;
/// }
/// let results = evaluator.finish(Some(Thresholds { image: 0.5, pixel: 0.5 }), 100)?;
/// assert_eq!(results.all.images, 3);
/// assert_eq!(results.all.pixel_auroc, Some(1.0));
/// assert_eq!(results.all.detection_rate, Some(1.0));
/// assert_eq!(results.by_defect[0].0, "scratch");
/// assert!(results.curves.pro.points.len() <= 100);
/// # Ok::<(), anoseg_metrics::MetricsError>(())
/// ```
#[derive(Debug, Default)]
pub struct Evaluator {
    images: usize,
    good: Part,
    by_defect: BTreeMap<String, Part>,
}

impl Evaluator {
    /// An evaluator without images.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image; nothing of it is kept but the ranking of its pixels and its score.
    ///
    /// # Errors
    /// When the score or the map is not finite, the mask is of another size than the map, or a good
    /// image has anomalous ground truth. The error names the image by its position, which is the
    /// number of images added before. The evaluator is then as before and takes further images.
    pub fn add(&mut self, image: &EvaluatedImage) -> Result<(), MetricsError> {
        self.add_inside(image, None)
    }

    /// The same where only the pixels of `inside` count, if it is given: the others are left out of the
    /// figures of pixels, and of a ground-truth region its part inside counts. Score and defect type
    /// count as they are.
    ///
    /// # Errors
    /// As [`Evaluator::add`], or `inside` is of another size than the map.
    pub fn add_inside(&mut self, image: &EvaluatedImage, inside: Option<&Mask>) -> Result<(), MetricsError> {
        check(self.images, image)?;
        pixels::check(self.images, &image.map, inside)?;
        self.images += 1;
        let part = match image.is_good() {
            true => &mut self.good,
            false => self.by_defect.entry(image.defect.clone()).or_default(),
        };
        part.scores.push(image.score);
        // The pixels of a defective image without ground truth are of unknown class.
        if image.is_good() || image.mask.is_some() {
            pixels::add(&mut part.pixels, &image.map, image.mask.as_ref(), inside);
        }
        Ok(())
    }

    /// How many bytes the ranked pixels take.
    pub fn ranking_bytes(&self) -> usize {
        self.good.pixels.bytes() + self.by_defect.values().map(|part| part.pixels.bytes()).sum::<usize>()
    }

    /// Computes all figures, and curves of at most `curve_points` points each (at least 2).
    ///
    /// Without `thresholds` the figures at a threshold are `None`.
    ///
    /// # Errors
    /// When a threshold is NaN.
    pub fn finish(
        mut self,
        thresholds: Option<Thresholds>,
        curve_points: usize,
    ) -> Result<TestResults, MetricsError> {
        for (which, threshold) in thresholds.iter().flat_map(|t| [("image", t.image), ("pixel", t.pixel)]) {
            if threshold.is_nan() {
                return Err(MetricsError::ThresholdNan { which });
            }
        }
        // The good images are swept once more for each defect type.
        self.good.pixels.collapse();
        let by_defect: Vec<_> = self.by_defect.iter().collect();
        let of_defect = |(name, part): (&String, &Part)| {
            let union = Union { good: &self.good, defective: vec![part] };
            (name.clone(), union.evaluate(thresholds))
        };
        let union = Union { good: &self.good, defective: self.by_defect.values().collect() };
        let ((all, curves), by_defect) = rayon::join(
            || union.evaluate_with_curves(thresholds, curve_points),
            || by_defect.into_par_iter().map(of_defect).collect(),
        );
        Ok(TestResults { all, by_defect, curves })
    }
}

/// Refuses an image that cannot be evaluated. `position` is named in the error.
fn check(position: usize, image: &EvaluatedImage) -> Result<(), MetricsError> {
    if !image.score.is_finite() {
        return Err(MetricsError::ScoreNotFinite { index: position, value: image.score });
    }
    if image.is_good() && image.mask.as_ref().is_some_and(Mask::any) {
        return Err(MetricsError::DefectOnGood { image: position });
    }
    pixels::check(position, &image.map, image.mask.as_ref())
}

/// The good images, or those of one defect type.
#[derive(Debug, Default)]
struct Part {
    scores: Vec<f32>,
    pixels: Ranking,
}

/// The good images with those of one or more defect types.
struct Union<'a> {
    good: &'a Part,
    defective: Vec<&'a Part>,
}

impl Union<'_> {
    fn evaluate(&self, thresholds: Option<Thresholds>) -> Evaluation {
        let image_level = Figures::of(&[&self.ranked_scores()], None);
        let pixel_level = Figures::of(&self.pixels(), thresholds.map(|t| t.pixel));
        self.evaluation(&image_level, &pixel_level, thresholds)
    }

    fn evaluate_with_curves(
        &self,
        thresholds: Option<Thresholds>,
        curve_points: usize,
    ) -> (Evaluation, Curves) {
        let scores = self.ranked_scores();
        let (image_level, image_curves) = Figures::with_curves(&[&scores], None, curve_points);
        let (pixel_level, pixel_curves) =
            Figures::with_curves(&self.pixels(), thresholds.map(|t| t.pixel), curve_points);
        let curves = Curves {
            image_roc: image_curves.roc,
            image_pr: image_curves.precision_recall,
            pixel_roc: pixel_curves.roc,
            pixel_pr: pixel_curves.precision_recall,
            pro: pixel_curves.pro,
        };
        (self.evaluation(&image_level, &pixel_level, thresholds), curves)
    }

    fn pixels(&self) -> Vec<&Ranking> {
        [self.good].iter().chain(&self.defective).map(|part| &part.pixels).collect()
    }

    /// The images' scores; `true` for defective.
    fn scores(&self) -> impl Iterator<Item = (f32, bool)> + Clone {
        let defective = self.defective.iter().flat_map(|part| &part.scores);
        self.good.scores.iter().map(|&score| (score, false)).chain(defective.map(|&score| (score, true)))
    }

    fn ranked_scores(&self) -> Ranking {
        Ranking::from_finite(self.scores())
    }

    /// The share of the good (or the defective) images whose score is above `threshold`; `None`
    /// without such images.
    fn rejection_rate(&self, defective: bool, threshold: f32) -> Option<f64> {
        let of_class = self.scores().filter(|sample| sample.1 == defective);
        let n = of_class.clone().count();
        let rejected = of_class.filter(|sample| sample.0 > threshold).count();
        (n > 0).then(|| rejected as f64 / n as f64)
    }

    fn evaluation(
        &self,
        image_level: &Figures,
        pixel_level: &Figures,
        thresholds: Option<Thresholds>,
    ) -> Evaluation {
        let samples = self.scores().map(|(score, defective)| Sample { score, defective });
        let image_threshold = thresholds.map(|t| t.image);
        Evaluation {
            images: self.scores().count(),
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
            false_reject_rate: image_threshold.and_then(|t| self.rejection_rate(false, t)),
            detection_rate: image_threshold.and_then(|t| self.rejection_rate(true, t)),
            intervals: Intervals::of(samples.collect(), image_threshold),
        }
    }
}
