//! What `predict` reports of a test set: images to review, and masks as it writes them.
//!
//! The other figures at a threshold take the bare pixel threshold. What is reported has passed the region filter too.

use anoseg_image::Mask;
use anoseg_image::regions::label_components;
use anoseg_infer::Decision;
use serde::Serialize;

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
    both: u64,
    either: u64,
    anomalous: u64,
    /// Sum over the regions of the share reported.
    shares: f64,
    regions: u64,
}

impl Reports {
    /// Adds an image. `marked` are the reported pixels, `truth` the anomalous ones: None on a good image, and where they
    /// are not known, which then says nothing of masks. Where `inside` is given, only its pixels count.
    pub(crate) fn add(
        &mut self,
        (is_good, decision): (bool, Decision),
        marked: &Mask,
        truth: Option<&Mask>,
        inside: Option<&Mask>,
    ) {
        let [images, reviewed] = &mut self.images[usize::from(!is_good)];
        *images += 1;
        *reviewed += u64::from(decision == Decision::Review);
        if !is_good && truth.is_none() {
            return;
        }
        let counts = |i: usize| inside.is_none_or(|inside| inside.as_slice()[i]);
        let size = (marked.width(), marked.height());
        let truth = match truth {
            None => Mask::filled(size.0, size.1, false),
            Some(truth) => Mask::from_fn(size.0, size.1, |x, y| truth.get(x, y) && counts(y * size.0 + x)),
        };
        let components = label_components(&truth);
        // For each region, the pixels it has and those of them that are reported; the first is what is good.
        let mut pixels = vec![[0_u64; 2]; components.count + 1];
        let marked = marked.as_slice().iter().zip(components.labels.as_slice()).enumerate();
        for (_, (&marked, &label)) in marked.filter(|&(i, _)| counts(i)) {
            let [all, found] = &mut pixels[label as usize];
            *all += 1;
            *found += u64::from(marked);
        }
        self.either += pixels[0][1];
        for [all, found] in &pixels[1..] {
            self.both += found;
            self.either += all;
            self.anomalous += all;
            self.shares += *found as f64 / *all as f64;
        }
        self.regions += components.count as u64;
    }

    /// The shares of all that was added.
    pub(crate) fn shares(&self) -> Reported {
        let share = |[images, reviewed]: [u64; 2]| (images > 0).then(|| reviewed as f64 / images as f64);
        Reported {
            good_reviewed: share(self.images[0]),
            defective_reviewed: share(self.images[1]),
            mask_iou: (self.anomalous > 0).then(|| self.both as f64 / self.either as f64),
            mask_region_recall: (self.regions > 0).then(|| self.shares / self.regions as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use anoseg_image::AnomalyMap;
    use anoseg_metrics::{EvaluatedImage, Evaluator, GOOD, Thresholds};

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
                let is_good = defect == GOOD;
                reports.add((is_good, Decision::Reject), &marked(&image), image.mask.as_ref(), inside);
                evaluator.add_inside(&image, inside).unwrap();
            }
            let all = evaluator.finish(Some(Thresholds { image: 0.5, pixel: 0.5 }), 2).unwrap().all;
            let shares = reports.shares();
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
        assert_eq!(reports.shares(), Reported::default());
        let image = image("scratch");
        for decision in [Decision::Good, Decision::Review, Decision::Reject, Decision::Review] {
            reports.add((false, decision), &marked(&image), None, None);
        }
        let shares = Reported { defective_reviewed: Some(0.5), ..Reported::default() };
        assert_eq!(reports.shares(), shares);
        assert_eq!(shares.lines(), ["defective images to review: 50.0 %"]);
    }
}
