//! Compares with scikit-learn and with AUPRO by definition; `scripts/metrics_fixtures.py` writes
//! the fixtures.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use anoseg_image::{AnomalyMap, Mask};
use anoseg_metrics::{
    EvaluatedImage, Evaluation, Thresholds, auroc, average_precision, evaluate, evaluate_by_defect, f1_max,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Ranking {
    name: String,
    scores: Vec<f32>,
    positive: Vec<bool>,
    auroc: Option<f64>,
    ap: Option<f64>,
    f1_max: Option<f64>,
    lowest_positive: Option<f32>,
}

#[derive(Deserialize)]
struct Segmentation {
    scale: f32,
    thresholds: Option<Thresholds>,
    images: Vec<StoredImage>,
    expected: Evaluation,
    by_defect: BTreeMap<String, Evaluation>,
}

#[derive(Deserialize)]
struct StoredImage {
    defect: String,
    score: f32,
    width: usize,
    height: usize,
    /// Values times `scale`.
    map: Vec<i32>,
    /// Rows of `#` (anomalous) and `.`.
    mask: Option<Vec<String>>,
}

impl StoredImage {
    fn load(&self, scale: f32) -> EvaluatedImage {
        let values = self.map.iter().map(|&value| value as f32 / scale).collect();
        let mask = self.mask.as_ref().map(|rows| rows.concat().chars().map(|c| c == '#').collect());
        EvaluatedImage {
            defect: self.defect.clone(),
            score: self.score,
            map: AnomalyMap::from_vec(self.width, self.height, values),
            mask: mask.map(|mask| Mask::from_vec(self.width, self.height, mask)),
        }
    }
}

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn assert_near(what: &str, ours: Option<f64>, expected: Option<f64>) {
    match (ours, expected) {
        (Some(ours), Some(expected)) if (ours - expected).abs() <= TOLERANCE => {}
        (None, None) => {}
        _ => panic!("{what}: {ours:?} instead of {expected:?}"),
    }
}

fn assert_evaluation(case: &str, ours: &Evaluation, expected: &Evaluation) {
    assert_eq!(ours.images, expected.images, "{case}: images");
    let figures = |e: &Evaluation| {
        [
            ("image_auroc", e.image_auroc),
            ("image_ap", e.image_ap),
            ("pixel_auroc", e.pixel_auroc),
            ("pixel_ap", e.pixel_ap),
            ("pixel_f1_max", e.pixel_f1_max),
            ("iou_max", e.iou_max),
            ("iou_at_threshold", e.iou_at_threshold),
            ("region_recall", e.region_recall),
            ("aupro_30", e.aupro_30),
            ("aupro_05", e.aupro_05),
            ("false_reject_rate", e.false_reject_rate),
            ("detection_rate", e.detection_rate),
        ]
    };
    for ((name, ours), (_, expected)) in figures(ours).into_iter().zip(figures(expected)) {
        assert_near(&format!("{case}: {name}"), ours, expected);
    }
}

fn assert_segmentation(case: &str) {
    let stored: Segmentation = fixture(case);
    let images: Vec<_> = stored.images.iter().map(|image| image.load(stored.scale)).collect();
    assert_evaluation(case, &evaluate(&images, stored.thresholds).unwrap(), &stored.expected);

    let by_defect = evaluate_by_defect(&images, stored.thresholds).unwrap();
    let names: Vec<_> = by_defect.iter().map(|(name, _)| name).collect();
    assert_eq!(names, stored.by_defect.keys().collect::<Vec<_>>(), "{case}: defect types");
    for (name, evaluation) in &by_defect {
        assert_evaluation(&format!("{case}, {name}"), evaluation, &stored.by_defect[name]);
    }
}

#[test]
fn rankings() {
    for case in fixture::<Vec<Ranking>>("rankings") {
        let (name, scores, positive) = (&case.name, &case.scores, &case.positive);
        assert_near(&format!("{name}: AUROC"), auroc(scores, positive).unwrap(), case.auroc);
        assert_near(&format!("{name}: AP"), average_precision(scores, positive).unwrap(), case.ap);
        let best = f1_max(scores, positive).unwrap();
        assert_near(&format!("{name}: F1"), best.map(|best| best.f1), case.f1_max);
        let threshold = best.map(|best| best.threshold);
        assert_eq!(threshold, case.lowest_positive.map(f32::next_down), "{name}: threshold");
    }
}

macro_rules! segmentations {
    ($($case:ident),*) => {
        $(#[test] fn $case() { assert_segmentation(stringify!($case)); })*
    };
}

segmentations!(
    several_sizes,
    ties,
    fine,
    constant,
    all_good,
    all_bad,
    all_anomalous,
    one_pixel,
    perfect,
    shapes
);
