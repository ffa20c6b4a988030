//! The incremental evaluator compared with brute force, in any order of images and on any number of
//! threads.

#![allow(clippy::unwrap_used)]

use anoseg_image::regions::label_components;
use anoseg_image::{AnomalyMap, Mask};
use anoseg_metrics::{
    EvaluatedImage, Evaluation, Evaluator, GOOD, MetricsError, TestResults, Thresholds, curves, evaluate,
    evaluate_by_defect,
};
use proptest::prelude::*;

const POINTS: usize = 50;

/// Few distinct values, so that images share many, with both zeros, and values of any size.
fn value() -> impl Strategy<Value = f32> {
    let coarse = (-8_i8..=8).prop_map(|v| f32::from(v) / 8.0);
    let any_size = any::<f32>().prop_filter("finite", |v| v.is_finite());
    prop_oneof![8 => coarse, 1 => Just(-0.0), 1 => Just(f32::MIN_POSITIVE / 8.0), 2 => any_size]
}

fn image() -> impl Strategy<Value = EvaluatedImage> {
    let sides = (0_usize..8, 0_usize..8);
    let defect = prop::sample::select(vec![GOOD, "hole", "scratch", "unmasked"]);
    (sides, defect, value()).prop_flat_map(|((width, height), defect, score)| {
        let values = prop::collection::vec(value(), width * height);
        let mask = prop::collection::vec(prop::bool::weighted(0.4), width * height);
        (values, mask).prop_map(move |(values, mask)| EvaluatedImage {
            defect: defect.to_owned(),
            score,
            map: AnomalyMap::from_vec(width, height, values),
            mask: ["hole", "scratch"].contains(&defect).then(|| Mask::from_vec(width, height, mask)),
        })
    })
}

fn images() -> impl Strategy<Value = Vec<EvaluatedImage>> {
    prop::collection::vec(image(), 0..24)
}

fn thresholds() -> impl Strategy<Value = Option<Thresholds>> {
    prop::option::of((value(), value()).prop_map(|(image, pixel)| Thresholds { image, pixel }))
}

fn run(images: &[EvaluatedImage], thresholds: Option<Thresholds>) -> TestResults {
    let mut evaluator = Evaluator::new();
    images.iter().for_each(|image| evaluator.add(image).unwrap());
    evaluator.finish(thresholds, POINTS).unwrap()
}

/// A sample: its score, and 0 if negative, or else its share of its region.
type Labelled = (f32, f64);

fn pixels(images: &[&EvaluatedImage]) -> (Vec<Labelled>, usize) {
    let (mut samples, mut regions) = (Vec::new(), 0);
    for image in images.iter().filter(|image| image.is_good() || image.mask.is_some()) {
        let none = Mask::filled(image.map.width(), image.map.height(), false);
        let components = label_components(image.mask.as_ref().unwrap_or(&none));
        let labels = components.labels.as_slice();
        let share = |label: u32| match label {
            0 => 0.0,
            _ => 1.0 / labels.iter().filter(|&&other| other == label).count() as f64,
        };
        samples.extend(image.map.as_slice().iter().zip(labels).map(|(&value, &label)| (value, share(label))));
        regions += components.count;
    }
    (samples, regions)
}

/// True positives, false positives, and the share of the regions among `samples` that satisfy
/// `passed`.
fn count(samples: &[Labelled], passed: impl Fn(f32) -> bool) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for &(_, share) in samples.iter().filter(|sample| passed(sample.0)) {
        counts[usize::from(share == 0.0)] += 1.0;
        counts[2] += share;
    }
    counts
}

/// AUROC, AP, best F1, AUPRO 0.3 and 0.05 by counting anew at every distinct score.
fn figures_by_counting(samples: &[Labelled], regions: usize) -> [Option<f64>; 5] {
    let [positives, negatives, _] = count(samples, |_| true);
    if positives == 0.0 || negatives == 0.0 {
        return [None; 5];
    }
    let mut distinct: Vec<f32> = samples.iter().map(|sample| sample.0).collect();
    distinct.sort_by(|a, b| b.partial_cmp(a).unwrap());
    distinct.dedup();
    let (mut auroc, mut ap, mut f1, mut pro) = (0.0, 0.0, 0.0_f64, vec![[0.0, 0.0]]);
    let mut last = [0.0; 3];
    for threshold in distinct {
        let now = count(samples, |score| score >= threshold);
        auroc += (now[1] - last[1]) * (now[0] + last[0]) / 2.0;
        ap += (now[0] - last[0]) * now[0] / (now[0] + now[1]);
        f1 = f1.max(2.0 * now[0] / (now[0] + now[1] + positives));
        pro.push([now[1] / negatives, now[2] / regions as f64]);
        last = now;
    }
    let [pro_30, pro_05] = [0.3, 0.05].map(|limit| Some(area_up_to(&pro, limit) / limit));
    [Some(auroc / (positives * negatives)), Some(ap / positives), Some(f1), pro_30, pro_05]
}

fn area_up_to(points: &[[f64; 2]], limit: f64) -> f64 {
    let mut area = 0.0;
    for pair in points.windows(2) {
        let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
        if x0 < limit && x1 > x0 {
            let end = x1.min(limit);
            area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2.0;
        }
    }
    area
}

fn assert_evaluation(ours: &Evaluation, images: &[&EvaluatedImage], thresholds: Option<Thresholds>) {
    assert_eq!(ours.images, images.len());
    let scores: Vec<Labelled> = images.iter().map(|i| (i.score, f64::from(u8::from(!i.is_good())))).collect();
    let (samples, regions) = pixels(images);
    let [image_auroc, image_ap, ..] = figures_by_counting(&scores, 1);
    let [auroc, ap, f1, pro_30, pro_05] = figures_by_counting(&samples, regions);
    let rate = |class: usize| {
        let n = count(&scores, |_| true)[class];
        let rejected = count(&scores, |score| score > thresholds.unwrap().image)[class];
        (thresholds.is_some() && n > 0.0).then(|| rejected / n)
    };
    let above = thresholds.filter(|_| regions > 0).map(|t| count(&samples, |score| score > t.pixel));
    let expected = [
        (ours.image_auroc, image_auroc),
        (ours.image_ap, image_ap),
        (ours.pixel_auroc, auroc),
        (ours.pixel_ap, ap),
        (ours.pixel_f1_max, f1),
        (ours.iou_max, f1.map(|f1| f1 / (2.0 - f1))),
        (ours.aupro_30, pro_30),
        (ours.aupro_05, pro_05),
        (ours.iou_at_threshold, above.map(|[tp, fp, _]| tp / (count(&samples, |_| true)[0] + fp))),
        (ours.region_recall, above.map(|[.., shares]| shares / regions as f64)),
        (ours.false_reject_rate, thresholds.and_then(|_| rate(1))),
        (ours.detection_rate, thresholds.and_then(|_| rate(0))),
    ];
    for (i, (ours, expected)) in expected.into_iter().enumerate() {
        let near = ours.zip(expected).is_none_or(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near && ours.is_some() == expected.is_some(), "figure {i}: {ours:?}, expected {expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn figures_are_those_of_brute_force(images in images(), thresholds in thresholds()) {
        let results = run(&images, thresholds);
        assert_evaluation(&results.all, &images.iter().collect::<Vec<_>>(), thresholds);
        let mut names: Vec<_> = images.iter().filter(|i| !i.is_good()).map(|i| i.defect.clone()).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(&names, &results.by_defect.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        for (name, evaluation) in &results.by_defect {
            let union = images.iter().filter(|i| i.is_good() || i.defect == *name).collect::<Vec<_>>();
            assert_evaluation(evaluation, &union, thresholds);
        }
    }

    #[test]
    fn order_and_threads_change_nothing(images in images().prop_shuffle(), thresholds in thresholds()) {
        let expected = run(&images, thresholds);
        let mut sorted = images;
        sorted.sort_by_key(|image| (image.map.as_slice().len(), image.map.width()));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert_eq!(&pool.install(|| run(&sorted, thresholds)), &expected);
        }
    }

    #[test]
    fn functions_on_slices_give_the_same(images in images(), thresholds in thresholds()) {
        let results = run(&images, thresholds);
        prop_assert_eq!(evaluate(&images, thresholds).unwrap(), results.all);
        prop_assert_eq!(evaluate_by_defect(&images, thresholds).unwrap(), results.by_defect);
        prop_assert_eq!(curves(&images, POINTS).unwrap(), results.curves);
    }
}

#[test]
fn ties_across_images_move_together() {
    let image = |defect: &str, value: f32| EvaluatedImage {
        defect: defect.into(),
        score: value,
        map: AnomalyMap::filled(3, 2, value),
        mask: (defect != GOOD).then(|| Mask::filled(3, 2, true)),
    };
    // -0 and +0 are equal, hence all pixels are one tie.
    let results = run(&[image(GOOD, 0.0), image("hole", -0.0), image(GOOD, -0.0), image("hole", 0.0)], None);
    assert_eq!((results.all.pixel_auroc, results.all.image_auroc), (Some(0.5), Some(0.5)));
    assert_eq!(results.curves.pro.points, [[0.0, 0.0], [1.0, 1.0]]);
}

#[test]
fn regions_add_up_to_the_same_in_any_order() {
    // In f64, 1/5 + 2/5 + 3/5 is not 3/5 + 2/5 + 1/5.
    let found = |count: usize| EvaluatedImage {
        defect: "hole".into(),
        score: 0.5,
        map: AnomalyMap::from_fn(5, 2, |x, y| if y == 0 && x < count { 1.0 } else { 0.0 }),
        mask: Some(Mask::from_fn(5, 2, |_, y| y == 0)),
    };
    let thresholds = Some(Thresholds { image: 0.5, pixel: 0.5 });
    let results = |counts: [usize; 3]| run(&counts.map(found), thresholds);
    assert_eq!(results([1, 2, 3]), results([3, 2, 1]));
}

#[test]
fn a_refused_image_leaves_the_evaluator_as_it_was() {
    let good =
        EvaluatedImage { defect: GOOD.into(), score: 0.0, map: AnomalyMap::filled(2, 2, 0.0), mask: None };
    let mut bad = good.clone();
    bad.map.set(1, 0, f32::NAN);
    let mut evaluator = Evaluator::new();
    evaluator.add(&good).unwrap();
    for _ in 0..2 {
        let error = evaluator.add(&bad).unwrap_err();
        assert!(matches!(error, MetricsError::MapNotFinite { image: 1, x: 1, y: 0, .. }), "{error}");
    }
    evaluator.add(&good).unwrap();
    assert_eq!(evaluator.finish(None, 10).unwrap().all.images, 2);
}

#[test]
fn half_anomalous_maps_take_under_two_bytes_per_pixel() {
    let side = 512;
    let mut evaluator = Evaluator::new();
    for i in 0..16_u32 {
        // All values of an image differ, and hardly one occurs in two images.
        let mut state = i;
        let map = AnomalyMap::from_fn(side, side, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.25 + 0.75 * (state >> 8) as f32 / (1 << 24) as f32
        });
        let rows = side / 2 + i as usize;
        let mask = Some(Mask::from_fn(side, side, |_, y| y < rows));
        evaluator.add(&EvaluatedImage { defect: "flood".into(), score: 0.5, map, mask }).unwrap();
    }
    let bytes_per_pixel = evaluator.ranking_bytes() as f64 / (16 * side * side) as f64;
    assert!(bytes_per_pixel < 2.0, "{bytes_per_pixel}");
}

/// Images, each with the columns that count.
fn images_with_regions() -> impl Strategy<Value = Vec<(EvaluatedImage, usize)>> {
    prop::collection::vec((image(), 0_usize..8), 0..24)
}

proptest! {
    /// Leaving out columns on the right gives the figures of images that end before them.
    #[test]
    fn pixels_outside_the_region_are_left_out(images in images_with_regions(), thresholds in thresholds()) {
        let mut evaluator = Evaluator::new();
        let mut cut = Vec::new();
        for (image, columns) in &images {
            let (width, height) = (image.map.width(), image.map.height());
            let columns = *columns.min(&width);
            let inside = Mask::from_fn(width, height, |x, _| x < columns);
            evaluator.add_inside(image, Some(&inside)).unwrap();
            cut.push(EvaluatedImage {
                map: AnomalyMap::from_fn(columns, height, |x, y| image.map.get(x, y)),
                mask: image.mask.as_ref().map(|mask| Mask::from_fn(columns, height, |x, y| mask.get(x, y))),
                ..image.clone()
            });
        }
        prop_assert_eq!(evaluator.finish(thresholds, POINTS).unwrap(), run(&cut, thresholds));
    }
}
