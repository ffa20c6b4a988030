//! Properties that hold for any scores, and comparison with brute force.

use anoseg_image::{AnomalyMap, Mask};
use anoseg_metrics::{
    Best, EvaluatedImage, Thresholds, aupro, auroc, average_precision, curves, evaluate, f1_max,
    precision_recall_curve, pro_curve, roc_curve,
};
use proptest::prelude::*;

/// Scores from a small set, so that ties are common, with labels.
fn samples() -> impl Strategy<Value = (Vec<f32>, Vec<bool>)> {
    let sample = (-6_i8..=6, any::<bool>()).prop_map(|(score, label)| (f32::from(score) / 4.0, label));
    prop::collection::vec(sample, 1..60).prop_map(|samples| samples.into_iter().unzip())
}

fn both_classes(positive: &[bool]) -> bool {
    positive.contains(&true) && positive.contains(&false)
}

/// A test image of up to 12 x 12 pixels with a random mask.
fn image() -> impl Strategy<Value = (AnomalyMap, Mask)> {
    (1_usize..12, 1_usize..12).prop_flat_map(|(width, height)| {
        let values = prop::collection::vec((-8_i8..=8).prop_map(|v| f32::from(v) / 8.0), width * height);
        let mask = prop::collection::vec(prop::bool::weighted(0.3), width * height);
        (values, mask).prop_map(move |(values, mask)| {
            (AnomalyMap::from_vec(width, height, values), Mask::from_vec(width, height, mask))
        })
    })
}

fn evaluated(images: &[(AnomalyMap, Mask)]) -> Vec<EvaluatedImage> {
    let evaluate = |(i, (map, mask)): (usize, &(AnomalyMap, Mask))| EvaluatedImage {
        defect: "hole".into(),
        score: i as f32,
        map: map.clone(),
        mask: Some(mask.clone()),
    };
    images.iter().enumerate().map(evaluate).collect()
}

/// The share of (positive, negative) pairs in the right order, a tie counting half.
fn auroc_by_pairs(scores: &[f32], positive: &[bool]) -> f64 {
    let of_class = |class| scores.iter().zip(positive).filter(move |s| *s.1 == class).map(|s| *s.0);
    let pairs: Vec<f64> = of_class(true)
        .flat_map(|p| of_class(false).map(move |n| f64::from(u8::from(p > n) + u8::from(p >= n)) / 2.0))
        .collect();
    pairs.iter().sum::<f64>() / pairs.len() as f64
}

/// True positives, false positives and false negatives when scores of at least `threshold` are
/// called positive.
fn confusion(scores: &[f32], positive: &[bool], threshold: f32) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for (&score, &positive) in scores.iter().zip(positive) {
        match (score >= threshold, positive) {
            (true, true) => counts[0] += 1.0,
            (true, false) => counts[1] += 1.0,
            (false, true) => counts[2] += 1.0,
            (false, false) => {}
        }
    }
    counts
}

/// AP by counting anew at every distinct score.
fn average_precision_by_counting(scores: &[f32], positive: &[bool]) -> f64 {
    let mut thresholds = scores.to_vec();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let (mut area, mut last_recall) = (0.0, 0.0);
    for threshold in thresholds {
        let [tp, fp, missed] = confusion(scores, positive, threshold);
        let recall = tp / (tp + missed);
        area += (recall - last_recall) * tp / (tp + fp);
        last_recall = recall;
    }
    area
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn auroc_counts_pairs((scores, positive) in samples()) {
        match auroc(&scores, &positive).unwrap() {
            Some(ours) => prop_assert!((ours - auroc_by_pairs(&scores, &positive)).abs() < 1e-12),
            None => prop_assert!(!both_classes(&positive)),
        }
    }

    #[test]
    fn average_precision_by_definition((scores, positive) in samples()) {
        match average_precision(&scores, &positive).unwrap() {
            Some(ours) => {
                prop_assert!((ours - average_precision_by_counting(&scores, &positive)).abs() < 1e-12);
            }
            None => prop_assert!(!both_classes(&positive)),
        }
    }

    #[test]
    fn the_best_threshold_gives_the_best_f1((scores, positive) in samples()) {
        let Some(best) = f1_max(&scores, &positive).unwrap() else { return Ok(()) };
        let [f1, iou] = f1_and_iou(confusion(&scores, &positive, best.threshold.next_up()));
        prop_assert!((f1 - best.f1).abs() < 1e-12 && (iou - best.iou()).abs() < 1e-12);
        for &threshold in &scores {
            prop_assert!(f1_and_iou(confusion(&scores, &positive, threshold))[0] <= best.f1 + 1e-12);
        }
    }

    #[test]
    fn only_the_order_of_scores_counts((scores, positive) in samples()) {
        let squashed: Vec<f32> = scores.iter().map(|score| (score * 3.0).exp() - 100.0).collect();
        prop_assert_eq!(auroc(&scores, &positive), auroc(&squashed, &positive));
        prop_assert_eq!(average_precision(&scores, &positive), average_precision(&squashed, &positive));
        let f1 = |best: Option<Best>| best.map(|best| best.f1);
        prop_assert_eq!(f1(f1_max(&scores, &positive).unwrap()), f1(f1_max(&squashed, &positive).unwrap()));
    }

    #[test]
    fn reversed_scores_mirror_the_auroc((scores, positive) in samples()) {
        let reversed: Vec<f32> = scores.iter().map(|score| -score).collect();
        let sum = auroc(&scores, &positive).unwrap().zip(auroc(&reversed, &positive).unwrap());
        prop_assert!(sum.is_none_or(|(a, b)| (a + b - 1.0).abs() < 1e-12));
    }

    #[test]
    fn small_curves_are_exact((scores, positive) in samples()) {
        let Some(auroc) = auroc(&scores, &positive).unwrap() else { return Ok(()) };
        let roc = roc_curve(&scores, &positive, 100).unwrap().points;
        prop_assert_eq!((roc.first(), roc.last()), (Some(&[0.0, 0.0]), Some(&[1.0, 1.0])));
        let area: f64 = roc.windows(2).map(|p| (p[1][0] - p[0][0]) * (p[0][1] + p[1][1]) / 2.0).sum();
        prop_assert!((area - auroc).abs() < 1e-12);

        let ap = average_precision(&scores, &positive).unwrap().unwrap();
        let curve = precision_recall_curve(&scores, &positive, 100).unwrap().points;
        let steps: f64 = curve.windows(2).map(|p| (p[1][0] - p[0][0]) * p[1][1]).sum();
        prop_assert!((steps - ap).abs() < 1e-12);
    }

    #[test]
    fn curves_keep_to_the_limit((scores, positive) in samples(), limit in 2_usize..20) {
        let roc = roc_curve(&scores, &positive, limit).unwrap().points;
        prop_assert!(roc.len() <= limit && roc.is_sorted());
        prop_assert!(precision_recall_curve(&scores, &positive, limit).unwrap().points.len() <= limit);
    }

    #[test]
    fn the_evaluation_agrees_with_its_parts(images in prop::collection::vec(image(), 1..4)) {
        let evaluation = evaluate(&evaluated(&images), None).unwrap();
        let scores: Vec<f32> = images.iter().flat_map(|(map, _)| map.as_slice().to_vec()).collect();
        let positive: Vec<bool> = images.iter().flat_map(|(_, mask)| mask.as_slice().to_vec()).collect();
        let pairs: Vec<_> = images.iter().map(|(map, mask)| (map, mask)).collect();
        prop_assert_eq!(evaluation.pixel_auroc, auroc(&scores, &positive).unwrap());
        prop_assert_eq!(evaluation.pixel_ap, average_precision(&scores, &positive).unwrap());
        prop_assert_eq!(evaluation.aupro_30, aupro(&pairs, 0.3).unwrap());
        prop_assert_eq!(evaluation.aupro_05, aupro(&pairs, 0.05).unwrap());
        let best = f1_max(&scores, &positive).unwrap();
        prop_assert_eq!(evaluation.pixel_f1_max, best.map(|best| best.f1));
        if let Some(best) = best {
            let thresholds = Thresholds { image: 0.0, pixel: best.threshold };
            let at_best = evaluate(&evaluated(&images), Some(thresholds)).unwrap().iou_at_threshold.unwrap();
            prop_assert!((at_best - evaluation.iou_max.unwrap()).abs() < 1e-12);
        }

        let all = curves(&evaluated(&images), 50).unwrap();
        prop_assert_eq!(all.pixel_roc, roc_curve(&scores, &positive, 50).unwrap());
        prop_assert_eq!(all.pixel_pr, precision_recall_curve(&scores, &positive, 50).unwrap());
        prop_assert_eq!(all.pro, pro_curve(&pairs, 50).unwrap());
    }

    #[test]
    fn the_whole_pro_area_is_under_its_curve(images in prop::collection::vec(image(), 1..4)) {
        let pairs: Vec<_> = images.iter().map(|(map, mask)| (map, mask)).collect();
        let Some(area) = aupro(&pairs, 1.0).unwrap() else { return Ok(()) };
        let points = pro_curve(&pairs, 1000).unwrap().points;
        let under: f64 = points.windows(2).map(|p| (p[1][0] - p[0][0]) * (p[0][1] + p[1][1]) / 2.0).sum();
        prop_assert!((area - under).abs() < 1e-3, "{} {}", area, under);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&area));
    }

    #[test]
    fn a_single_region_makes_pro_the_roc(map in image()) {
        // With one region, per-region overlap is the true-positive rate.
        let (map, _) = map;
        let mask = Mask::from_fn(map.width(), map.height(), |_, y| y == 0);
        let ours = aupro(&[(&map, &mask)], 1.0).unwrap();
        let roc = auroc(map.as_slice(), mask.as_slice()).unwrap();
        prop_assert_eq!(ours.is_some(), roc.is_some());
        prop_assert!(ours.zip(roc).is_none_or(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn the_number_of_threads_changes_nothing(images in prop::collection::vec(image(), 1..4)) {
        let images = evaluated(&images);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evaluate(&images, None).unwrap())
        };
        prop_assert_eq!(on(1), on(3));
    }
}

fn f1_and_iou([tp, fp, missed]: [f64; 3]) -> [f64; 2] {
    [2.0 * tp / (2.0 * tp + fp + missed), tp / (tp + fp + missed)]
}
