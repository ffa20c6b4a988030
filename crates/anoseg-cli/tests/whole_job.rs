//! Train, evaluate, predict, calibrate, info: the whole workflow on a generated category.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{Limits, decode, write};
use common::{SIDE, Workshop};
use serde_json::Value;

#[test]
fn the_whole_workflow_from_good_images_to_masks() {
    let shop = Workshop::new();
    shop.train(12);
    for name in ["model.anoseg", "model-run/config.toml", "model-run/metrics.jsonl"] {
        assert!(shop.path(name).is_file(), "{name} is missing");
    }
    assert_eq!(std::fs::read_to_string(shop.path("model-run/metrics.jsonl")).unwrap().lines().count(), 12);
    evaluates(&shop);
    predicts(&shop);
    calibrates(&shop);
    shows_synthetic_anomalies(&shop);
    informs(&shop);
}

fn evaluates(shop: &Workshop) {
    let (table, _) = shop.run("eval model.anoseg data --json f.json --report r.html --maps maps", 0);
    assert!(table.contains("chip") && table.contains("colour_spot"), "{table}");
    let figures: Value = serde_json::from_slice(&std::fs::read(shop.path("f.json")).unwrap()).unwrap();
    assert_eq!((&figures["schema"], &figures["images"]), (&1.into(), &8.into()));
    let rates = [
        "image_auroc",
        "image_ap",
        "pixel_auroc",
        "pixel_ap",
        "pixel_f1_max",
        "iou_max",
        "iou_at_threshold",
        "region_recall",
        "aupro_30",
        "aupro_05",
        "false_reject_rate",
        "detection_rate",
    ];
    for figure in rates {
        let value = figures[figure].as_f64().unwrap_or_else(|| panic!("{figure} is {}", figures[figure]));
        assert!((0.0..=1.0).contains(&value), "{figure} = {value}");
        assert!(figures["defects"]["chip"].get(figure).is_some(), "chip has no {figure}");
    }
    for figure in ["image_auroc", "image_ap", "false_reject_rate", "detection_rate"] {
        let [low, high] = [0, 1].map(|end| figures["intervals"][figure][end].as_f64().unwrap());
        let value = figures[figure].as_f64().unwrap();
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{figure}: {low} {value} {high}");
    }
    assert!(table.contains("95 % interval"), "{table}");
    recounts(&figures);
    assert!(figures["seconds_per_image"].as_f64().unwrap() > 0.0);
    let map = write::read_tiff_f32(&shop.path("maps/chip/000.tiff")).unwrap();
    assert_eq!((map.width(), map.height()), (SIDE, SIDE));
    let report = std::fs::read_to_string(shop.path("r.html")).unwrap();
    assert!(report.contains("chip/000.png") && report.contains("<svg"));
    assert!(!report.replace("http://www.w3.org", "").contains("http://"), "the report loads from elsewhere");
}

/// The rates follow from the scores and the threshold in the same file.
fn recounts(figures: &Value) {
    let threshold = figures["thresholds"]["image"].as_f64().unwrap();
    let images = figures["pictures"].as_array().unwrap();
    assert_eq!(images.len(), 8);
    let rejected = |good: bool| {
        let of_kind: Vec<_> = images.iter().filter(|image| (image["defect"] == "good") == good).collect();
        let rejected = of_kind.iter().filter(|image| image["score"].as_f64().unwrap() > threshold);
        rejected.clone().for_each(|image| assert_eq!(image["decision"], "reject"));
        rejected.count() as f64 / of_kind.len() as f64
    };
    assert_eq!(figures["false_reject_rate"].as_f64().unwrap(), rejected(true));
    assert_eq!(figures["detection_rate"].as_f64().unwrap(), rejected(false));
    assert_eq!(images[0]["file"], "test/chip/000.png");
    assert_eq!(images[0]["map"], "chip/000.tiff");
}

fn predicts(shop: &Workshop) {
    shop.run("predict model.anoseg data/test -o out --overlay --mask --map", 0);
    let lines = std::fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let verdicts: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), 8);
    for verdict in &verdicts {
        assert!(["good", "review", "reject"].contains(&verdict["decision"].as_str().unwrap()));
        assert_eq!(verdict["width"], SIDE);
    }
    // Three folders hold an image named 000: none may overwrite another's results.
    for name in ["000", "000-2", "000-3"] {
        for suffix in ["_overlay.png", "_mask.png"] {
            let path = shop.path(&format!("out/{name}{suffix}"));
            assert_eq!(decode::probe(&path, &Limits::default()).unwrap(), (SIDE, SIDE), "{}", path.display());
        }
        assert!(write::read_tiff_f32(&shop.path(&format!("out/{name}_map.tiff"))).is_ok());
    }
    shop.run("predict model.anoseg data/test/chip data/test/good/000.png -o csv --format csv", 0);
    assert_eq!(std::fs::read_to_string(shop.path("csv/verdicts.csv")).unwrap().lines().count(), 4);
    shop.run("predict model.anoseg data/test/chip -o coco --format coco", 0);
    let coco: Value =
        serde_json::from_slice(&std::fs::read(shop.path("coco/verdicts.coco.json")).unwrap()).unwrap();
    assert_eq!(coco["images"].as_array().unwrap().len(), 2);
}

fn calibrates(shop: &Workshop) {
    let thresholds = || {
        let (text, _) = shop.run("info model.anoseg --json", 0);
        let description: Value = serde_json::from_str(&text).unwrap();
        // Once 0.10000000149011612.
        assert_eq!(description["architecture"]["coordinate_scale"], 0.1);
        description["calibration"].clone()
    };
    let before = thresholds();
    shop.run("calibrate model.anoseg data/test/good --false-reject 0.2", 0);
    let after = thresholds();
    assert_ne!(before["normal_scores"], after["normal_scores"]);
    assert_eq!(after["normal_scores"].as_array().unwrap().len(), 4);
    assert_eq!(after["false_reject"], 0.2);
    let detects = after["synthetic_rejected"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&detects), "{detects}");
    let (text, _) = shop.run("info model.anoseg", 0);
    assert!(text.contains(&format!("detects   {:.0} %", 100.0 * detects)), "{text}");
    assert!(after["image_threshold"].as_f64() >= after["review_threshold"].as_f64());
    // With a threshold of 20 % of four images, the highest good score, anything above is rejected.
    let (_, message) = shop.run("calibrate model.anoseg data/test/good --false-reject 1.5", 2);
    assert!(message.contains("1.5"), "{message}");
}

fn shows_synthetic_anomalies(shop: &Workshop) {
    shop.run("synth data --out synth --count 3 --config tiny.toml", 0);
    assert!(shop.path("synth/sheet.png").is_file());
    assert_eq!(
        decode::probe(&shop.path("synth/pairs/00002_mask.png"), &Limits::default()).unwrap(),
        (64, 64)
    );
}

fn informs(shop: &Workshop) {
    let (text, _) = shop.run("info model.anoseg", 0);
    for word in ["fast", "64 x 64", "12 steps", "reject"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn a_rejected_image_can_fail_the_command() {
    let shop = Workshop::new();
    shop.train(4);
    // At a rate near one nearly every image is rejected.
    shop.run("calibrate model.anoseg data/train/good --false-reject 0.9 --review 0.95", 0);
    shop.run("predict model.anoseg data/test -o out", 0);
    shop.run("predict model.anoseg data/test -o out --fail-on-anomaly", 1);
}

/// `anoseg info model.anoseg | head` once ended with an internal error.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shop = Workshop::new();
    shop.train(1);
    let program = shop.anoseg("").get_program().to_owned();
    let mut child = std::process::Command::new(program)
        .current_dir(shop.path(""))
        .args(["info", "model.anoseg"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
