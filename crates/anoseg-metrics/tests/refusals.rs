//! Input that cannot be evaluated is refused with an error that names it; odd but sound input is
//! not.

#![allow(clippy::unwrap_used)]

use anoseg_image::{AnomalyMap, Mask};
use anoseg_metrics::{
    EvaluatedImage, Evaluation, MetricsError, Thresholds, aupro, auroc, average_precision, curves, evaluate,
    evaluate_by_defect, f1_max, pro_curve, roc_curve,
};

fn image(defect: &str, width: usize, height: usize) -> EvaluatedImage {
    let map = AnomalyMap::from_fn(width, height, |x, y| (x + 2 * y) as f32);
    let mask = (defect != "good").then(|| Mask::from_fn(width, height, |x, _| x == 0));
    EvaluatedImage { defect: defect.into(), score: 0.5, map, mask }
}

/// All entry points refuse `images` alike.
fn refusal(images: &[EvaluatedImage]) -> MetricsError {
    let error = evaluate(images, None).unwrap_err();
    // As text, since an error that holds NaN does not equal itself.
    assert_eq!(evaluate_by_defect(images, None).unwrap_err().to_string(), error.to_string());
    assert_eq!(curves(images, 100).unwrap_err().to_string(), error.to_string());
    error
}

#[test]
fn scores_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (scores, labels) = ([0.0, bad, 1.0], [true, false, true]);
        let is_refused = |error| matches!(error, MetricsError::ScoreNotFinite { index: 1, .. });
        assert!(is_refused(auroc(&scores, &labels).unwrap_err()));
        assert!(is_refused(average_precision(&scores, &labels).unwrap_err()));
        assert!(is_refused(f1_max(&scores, &labels).unwrap_err()));
        assert!(is_refused(roc_curve(&scores, &labels, 10).unwrap_err()));
        let mut images = [image("good", 2, 2), image("hole", 2, 2)];
        images[1].score = bad;
        assert!(is_refused(refusal(&images)));
    }
}

#[test]
fn labels_of_another_number() {
    let error = auroc(&[0.0, 1.0], &[true]).unwrap_err();
    assert_eq!(error, MetricsError::LengthMismatch { scores: 2, labels: 1 });
}

#[test]
fn maps_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut images = [image("good", 2, 2), image("hole", 3, 4)];
        images[1].map.set(2, 1, bad);
        let is_refused = |error| matches!(error, MetricsError::MapNotFinite { image: 1, x: 2, y: 1, .. });
        assert!(is_refused(refusal(&images)));
        // Also where its pixels would be left out.
        images[1].mask = None;
        assert!(is_refused(refusal(&images)));
    }
}

#[test]
fn masks_of_another_size() {
    let mut images = [image("good", 2, 2), image("hole", 3, 4)];
    images[1].mask = Some(Mask::filled(4, 3, false));
    let error = refusal(&images);
    assert_eq!(error, MetricsError::MaskSize { image: 1, mask: (4, 3), map: (3, 4) });
    assert!(error.to_string().contains("image 1 is 4 x 3 pixels but its anomaly map is 3 x 4"));
    let (map, mask) = (AnomalyMap::filled(2, 1, 0.0), Mask::filled(1, 2, true));
    assert!(matches!(aupro(&[(&map, &mask)], 0.3), Err(MetricsError::MaskSize { image: 0, .. })));
    assert!(matches!(pro_curve(&[(&map, &mask)], 9), Err(MetricsError::MaskSize { image: 0, .. })));
}

#[test]
fn a_good_image_with_a_defect() {
    let mut images = [image("good", 2, 2)];
    images[0].mask = Some(Mask::filled(2, 2, true));
    assert_eq!(refusal(&images), MetricsError::DefectOnGood { image: 0 });
    images[0].mask = Some(Mask::filled(2, 2, false));
    assert!(evaluate(&images, None).is_ok());
}

#[test]
fn thresholds_that_are_not_numbers() {
    let evaluate = |image, pixel| evaluate(&[], Some(Thresholds { image, pixel }));
    assert_eq!(evaluate(f32::NAN, 0.0), Err(MetricsError::ThresholdNan { which: "image" }));
    assert_eq!(evaluate(0.0, f32::NAN), Err(MetricsError::ThresholdNan { which: "pixel" }));
    // "Reject nothing" is a sound choice.
    assert!(evaluate(f32::INFINITY, f32::INFINITY).is_ok());
}

#[test]
fn limits_of_aupro() {
    for limit in [0.0, -0.1, 1.1, f64::NAN] {
        assert!(matches!(aupro(&[], limit), Err(MetricsError::FprLimit { .. })), "{limit}");
    }
    assert_eq!(aupro(&[], 1.0), Ok(None));
}

#[test]
fn nothing_to_evaluate() {
    assert_eq!(evaluate(&[], None), Ok(Evaluation::default()));
    assert_eq!(evaluate_by_defect(&[image("good", 3, 3)], None), Ok(vec![]));
    assert!(curves(&[], 10).unwrap().pro.points.is_empty());
    let empty = image("good", 0, 0);
    assert_eq!(evaluate(&[empty], None).unwrap().images, 1);
}

#[test]
fn a_defect_without_ground_truth_counts_for_images_only() {
    let known = [image("good", 4, 4), image("hole", 4, 4)];
    let mut unknown = image("hole", 4, 4);
    (unknown.mask, unknown.score) = (None, 0.25);
    let thresholds = Some(Thresholds { image: 0.3, pixel: 1.0 });
    let before = evaluate(&known, thresholds).unwrap();
    let after = evaluate(&[&known[..], &[unknown]].concat(), thresholds).unwrap();
    assert_eq!((before.detection_rate, after.detection_rate), (Some(1.0), Some(0.5)));
    assert_eq!((before.image_auroc, after.image_auroc), (Some(0.5), Some(0.25)));
    assert_eq!(
        Evaluation {
            images: 2,
            detection_rate: Some(1.0),
            image_auroc: Some(0.5),
            image_ap: before.image_ap,
            intervals: before.intervals,
            ..after
        },
        before
    );
}

#[test]
fn evaluations_survive_json() {
    let evaluation = evaluate(&[image("good", 4, 4), image("hole", 4, 4)], None).unwrap();
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["images"], 2);
    assert!(json["iou_at_threshold"].is_null());
    assert_eq!(serde_json::from_value::<Evaluation>(json).unwrap(), evaluation);
}
