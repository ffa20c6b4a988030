//! The stated false-alarm rate holds on stationary data, and stated changes are found.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_history::drift::{Against, Alarm, BASELINE, Drift, Settings, Signal};
use anoseg_history::{History, ModelKey, ScoreRow};
use anoseg_infer::{Calibration, Decision, RegionFilter, VerdictScores, image_threshold};
use common::{FOR_EVER, model};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A line: how its images come out.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Shift of the logits of scores, in standard deviations.
    shift: f64,
    defects: f64,
    brightness: f64,
}

const STEADY: Line = Line { shift: 0.0, defects: 0.01, brightness: 0.5 };

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A score whose logit is Gumbel, as highest values are.
fn good_score(rng: &mut ChaCha8Rng, shift: f64) -> f32 {
    let gumbel = -(-(1.0 - rng.random::<f64>()).ln()).max(1e-300).ln();
    let logit = -3.0 + 0.6 * gumbel + 0.6 * 1.2825 * shift;
    (1.0 / (1.0 + (-logit).exp())) as f32
}

fn calibration(rng: &mut ChaCha8Rng, n: usize) -> Calibration {
    let mut scores: Vec<f32> = (0..n).map(|_| good_score(rng, 0.0)).collect();
    scores.sort_unstable_by(f32::total_cmp);
    let (image, rule) = image_threshold(&scores, 0.01);
    let (review, _) = image_threshold(&scores, 0.05);
    Calibration {
        image_threshold: image,
        review_threshold: review.min(image),
        pixel_threshold: 0.5,
        regions: RegionFilter::default(),
        regions_if_not_good: None,
        false_reject: 0.01,
        review: 0.05,
        rule,
        held_out: true,
        folds: None,
        normal_scores: scores,
        synthetic_rejected: None,
        calibrated_on: Vec::new(),
        verdicts: None,
    }
}

fn image(rng: &mut ChaCha8Rng, calibration: &Calibration, line: Line, id: i64) -> ScoreRow {
    let defect = rng.random::<f64>() < line.defects;
    let score = if defect { 0.99 } else { good_score(rng, line.shift) };
    ScoreRow {
        id,
        time: id,
        decision: calibration.decide(score),
        score,
        brightness: (line.brightness + 0.02 * normal(rng)).clamp(0.0, 1.0),
        sharpness: 0.05 * (0.1 * normal(rng)).exp(),
        feedback: None,
        width: 512,
        height: 512,
    }
}

fn settings(images: u64) -> Settings {
    Settings { images_per_false_alarm: images, ..Settings::default() }
}

/// Alarms by monitor on a steady line, over fresh calibrations and baselines: at most one in N images each.
#[test]
fn steady_lines_give_no_more_false_alarms_than_stated() {
    let (each, lines, images_per_alarm) = (1_536_u64, 1_000_u64, 2_000_u64);
    for n in [7, 30, 200] {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let mut found: Vec<((Signal, Against), u64)> = Vec::new();
        for _ in 0..lines {
            let calibration = calibration(&mut rng, n);
            let mut drift =
                Drift::new(&model("token"), &calibration, None, settings(images_per_alarm)).unwrap();
            for id in 0..each as i64 {
                drift.add(&image(&mut rng, &calibration, STEADY, id));
            }
            for monitor in drift.status().monitors {
                let key = (monitor.signal, monitor.against);
                match found.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, alarms)) => *alarms += monitor.alarms,
                    None => found.push((key, monitor.alarms)),
                }
            }
        }
        // A calibration whose few scores lie apart by chance raises alarms in all windows of a line. Some
        // twenty such lines are expected with 7 scores, so that the count has a deviation of a quarter.
        let stated = (lines * each / images_per_alarm) as f64;
        assert_eq!(found.len(), 8);
        for (monitor, alarms) in found {
            assert!((alarms as f64) < 1.5 * stated, "{n} scores, {monitor:?}: {alarms} of {stated}");
        }
    }
}

/// Images from the change to the first alarm that `counts`, of lines with fresh references.
fn delays(n: usize, after: Line, counts: impl Fn(&Alarm) -> bool) -> Vec<i64> {
    let mut rng = ChaCha8Rng::seed_from_u64(100 + n as u64);
    let most = 4000;
    let delay = |_| {
        let calibration = calibration(&mut rng, n);
        let mut drift = Drift::new(&model("token"), &calibration, None, Settings::default()).unwrap();
        for id in 0..2 * BASELINE as i64 {
            drift.add(&image(&mut rng, &calibration, STEADY, id));
        }
        let mut alarm = |id: &i64| drift.add(&image(&mut rng, &calibration, after, *id)).iter().any(&counts);
        (1..=most).find(&mut alarm).unwrap_or(most)
    };
    let mut delays: Vec<i64> = (0..20).map(delay).collect();
    delays.sort_unstable();
    delays
}

/// One false alarm in a million images, and the change is found within so many images in nine of ten lines.
#[test]
fn stated_changes_are_found() {
    let of = |signal, against| move |alarm: &Alarm| (alarm.signal, alarm.against) == (signal, against);
    let calibration = Against::Calibration;
    let cases = [
        (200, Line { shift: 1.0, ..STEADY }, Signal::Score, calibration, 64),
        (30, Line { shift: 1.0, ..STEADY }, Signal::Score, calibration, 320),
        (30, Line { shift: 2.0, ..STEADY }, Signal::Score, calibration, 96),
        (15, Line { shift: 2.0, ..STEADY }, Signal::Score, calibration, 96),
        (7, Line { shift: 3.0, ..STEADY }, Signal::Score, calibration, 512),
        (7, Line { shift: -2.0, ..STEADY }, Signal::Score, calibration, 512),
        (7, Line { shift: 1.0, ..STEADY }, Signal::Score, Against::Baseline, 64),
        (200, Line { defects: 0.15, ..STEADY }, Signal::Rejects, calibration, 256),
        (30, Line { defects: 0.35, ..STEADY }, Signal::Rejects, calibration, 256),
        (30, Line { defects: 0.1, ..STEADY }, Signal::Rejects, Against::Baseline, 1024),
        (7, Line { brightness: 0.52, ..STEADY }, Signal::Brightness, Against::Baseline, 96),
    ];
    for (n, line, signal, against, within) in cases {
        let delays = delays(n, line, of(signal, against));
        assert!(delays[17] <= within, "{n} scores, {signal:?} against {against:?}: {delays:?}");
    }
}

#[test]
fn thresholds_of_images_that_were_trained_on_are_no_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let calibration = Calibration { held_out: false, ..calibration(&mut rng, 30) };
    let drift = Drift::new(&model("token"), &calibration, None, Settings::default()).unwrap();
    assert!(drift.status().monitors.is_empty());
}

#[test]
fn thresholds_of_scores_of_verdicts_are_no_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let verdicts = Some(VerdictScores { confirmed: 30, ..VerdictScores::default() });
    let calibration = Calibration { verdicts, ..calibration(&mut rng, 30) };
    let drift = Drift::new(&model("token"), &calibration, None, Settings::default()).unwrap();
    assert!(drift.status().monitors.is_empty());
}

/// Whatever thresholds a request gave.
#[test]
fn decisions_are_those_of_the_own_thresholds() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let calibration = calibration(&mut rng, 30);
    let mut drift = Drift::new(&model("token"), &calibration, None, Settings::default()).unwrap();
    for id in 0..64 {
        let row = image(&mut rng, &calibration, Line { defects: 0.0, ..STEADY }, id);
        let rejected = ScoreRow {
            decision: Decision::Reject,
            score: row.score.min(calibration.review_threshold),
            ..row
        };
        assert!(drift.add(&rejected).is_empty());
    }
    assert_eq!((drift.status().rejected, drift.status().flagged), (0.0, 0.0));
}

#[test]
fn odd_settings_and_few_values_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let key = model("token");
    let few = |n| calibration(&mut ChaCha8Rng::seed_from_u64(2), n);
    for settings in [
        settings(5),
        Settings { defects: 1.0, ..Settings::default() },
        Settings { defects: f64::NAN, ..Settings::default() },
    ] {
        assert!(Drift::new(&key, &few(30), None, settings).is_err());
    }
    let one = few(1);
    let mut drift = Drift::new(&key, &one, None, Settings::default()).unwrap();
    assert!(drift.status().monitors.iter().all(|monitor| !monitor.can_alarm));
    assert_eq!(drift.status().scores, None);
    // All equal: no alarm, whatever their number.
    let row = ScoreRow { score: one.normal_scores[0], ..image(&mut rng, &one, STEADY, 1) };
    assert!((0..2000).all(|_| drift.add(&row).is_empty()));
    assert_eq!(drift.status().baseline, [BASELINE; 2]);
}

/// The baseline does not move when the first verdicts are removed.
#[test]
fn a_baseline_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (calibration, key) = (calibration(&mut rng, 30), ModelKey { digest: "d".into(), ..model("token") });
    let resume = |key: &ModelKey| {
        Drift::resume(history.reader(), key, (&calibration, None), Settings::default()).unwrap()
    };
    let mut drift = resume(&key);
    for id in 0..BASELINE as i64 + 10 {
        let row = image(&mut rng, &calibration, STEADY, id);
        common::write_of(&history, &key, id, "a", row.score);
        assert!(drift.observe(&history, &row).1.is_none());
    }
    let again = resume(&key).status();
    assert_eq!(again.baseline, [BASELINE; 2]);
    assert_eq!(again.brightness[1], drift.status().brightness[1]);
    assert_eq!(again.recent, BASELINE);
    assert_eq!(resume(&model("gear")).status().baseline, [0, BASELINE]);
}
