//! What `predict` reports of a test set: images to review, and masks as it writes them.
//!
//! The other figures at a threshold take the bare pixel threshold. What is reported has passed the region filter too.

use anoseg_image::Mask;
use anoseg_infer::Decision;
use anoseg_metrics::{EvaluatedImage, Evaluator, Thresholds};
use serde::Serialize;

use crate::Result;

/// Points of the curves, which nobody sees.
const FEWEST_POINTS: usize = 2;

/// Shares of what a model reports; None where the images do not define one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reported {
    /// Of the good images, those sent to review.
    pub good_reviewed: Option<f64>,
    /// Of the defective images, those sent to review.
    pub defective_reviewed: Option<f64>,
    /// Intersection over union of the reported pixels with the ground truth, over all images.
    pub mask_iou: Option<f64>,
    /// Mean over the ground-truth regions of the share of their pixels that is reported.
    pub mask_region_recall: Option<f64>,
}

impl Reported {
    /// In words, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let mut lines = Vec::new();
        let reviewed = [("defective", self.defective_reviewed), ("good", self.good_reviewed)];
        for (what, share) in reviewed {
            lines.extend(share.map(|share| format!("{what} images to review: {}", percent(share))));
        }
        if let (Some(iou), Some(recall)) = (self.mask_iou, self.mask_region_recall) {
            lines.push(format!(
                "masks as predict writes them: IoU {iou:.4}, {} of a defect marked",
                percent(recall)
            ));
        }
        lines
    }
}

/// Adds up what is reported, image by image.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Of good and of defective images: how many there are, and how many are sent to review.
    images: [[u64; 2]; 2],
    /// Of the reported pixels, as maps of 0 and 1.
    masks: Evaluator,
}

impl Reports {
    /// Adds an image that was decided on so, with its reported pixels. Where `inside` is given, only its pixels count.
    ///
    /// # Errors
    /// As [`Evaluator::add_inside`].
    pub(crate) fn add(
        &mut self,
        image: &EvaluatedImage,
        decision: Decision,
        marked: &Mask,
        inside: Option<&Mask>,
    ) -> Result<()> {
        let [images, reviewed] = &mut self.images[usize::from(!image.is_good())];
        *images += 1;
        *reviewed += u64::from(decision == Decision::Review);
        let map = marked.map(|&marked| f32::from(u8::from(marked)));
        let EvaluatedImage { defect, score, mask, .. } = image;
        let reported = EvaluatedImage { defect: defect.clone(), score: *score, map, mask: mask.clone() };
        Ok(self.masks.add_inside(&reported, inside)?)
    }

    /// The shares of all that was added.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn shares(self) -> Result<Reported> {
        let share = |[images, reviewed]: [u64; 2]| (images > 0).then(|| reviewed as f64 / images as f64);
        let of_masks = self.masks.finish(Some(Thresholds { image: 0.5, pixel: 0.5 }), FEWEST_POINTS)?.all;
        Ok(Reported {
            good_reviewed: share(self.images[0]),
            defective_reviewed: share(self.images[1]),
            mask_iou: of_masks.iou_at_threshold,
            mask_region_recall: of_masks.region_recall,
        })
    }
}

#[cfg(test)]
mod tests {
    use anoseg_image::AnomalyMap;
    use anoseg_metrics::GOOD;

    use super::*;

    /// Two defects of 12 and 4 pixels, and a map that is above 0.5 on a part of them and beside them.
    fn image(defect: &str) -> EvaluatedImage {
        let truth = Mask::from_fn(20, 10, |x, y| (x < 4 && y < 3) || ((8..10).contains(&x) && y > 7));
        let map = AnomalyMap::from_fn(20, 10, |x, y| if (2..9).contains(&x) && y != 1 { 0.9 } else { 0.2 });
        let mask = (defect != GOOD).then_some(truth);
        EvaluatedImage { defect: defect.to_owned(), score: 0.7, map, mask }
    }

    fn marked(image: &EvaluatedImage) -> Mask {
        image.map.map(|&value| value > 0.5)
    }

    #[test]
    fn without_a_filter_they_are_the_figures_at_the_threshold() {
        let region = Mask::from_fn(20, 10, |x, _| x != 3);
        for inside in [None, Some(&region)] {
            let (mut reports, mut evaluator) = (Reports::default(), Evaluator::new());
            for defect in [GOOD, "scratch", "dent"] {
                let image = image(defect);
                reports.add(&image, Decision::Reject, &marked(&image), inside).unwrap();
                evaluator.add_inside(&image, inside).unwrap();
            }
            let all = evaluator.finish(Some(Thresholds { image: 0.5, pixel: 0.5 }), 2).unwrap().all;
            let shares = reports.shares().unwrap();
            for (ours, theirs) in
                [(shares.mask_iou, all.iou_at_threshold), (shares.mask_region_recall, all.region_recall)]
            {
                assert!((ours.unwrap() - theirs.unwrap()).abs() < 1e-12, "{ours:?}, not {theirs:?}");
            }
        }
    }

    #[test]
    fn images_to_review_are_counted_and_unknown_pixels_are_not() {
        let mut reports = Reports::default();
        assert_eq!(Reports::default().shares().unwrap(), Reported::default());
        let image = EvaluatedImage { mask: None, ..image("scratch") };
        for decision in [Decision::Good, Decision::Review, Decision::Reject, Decision::Review] {
            reports.add(&image, decision, &marked(&image), None).unwrap();
        }
        let shares = Reported { defective_reviewed: Some(0.5), ..Reported::default() };
        assert_eq!(reports.shares().unwrap(), shares);
        assert_eq!(shares.lines(), ["defective images to review: 50.0 %"]);
    }
}
