//! Drift of the images of a served version: figures, alarms, and what is no drift.

use anoseg::{Image, write};
use anoseg_history::{History, ImageSummary, ModelKey, Record, Used};
use anoseg_serve::{Retention, Settings};
use serde_json::Value;

use crate::common::{Running, Shop, model, model_with_threshold, png, wait_until};

const PREDICT: &str = "/v1/models/part/predict";
const DRIFT: &str = "/v1/models/part/drift";

fn settings(shop: &Shop) -> Settings {
    let history = Some((shop.path("history"), Retention::default()));
    Settings { history, audit: Some(shop.path("audit.jsonl")), ..shop.settings() }
}

/// A history with so many verdicts of version 1, of images of medium brightness.
fn fill(shop: &Shop, images: usize) {
    let history = History::open(&shop.path("history"), Retention::default()).unwrap();
    let key = ModelKey::of("part", "1", model().to_file()).unwrap();
    let used = Used::from(model().calibration().unwrap());
    for number in 0..images {
        let summary = ImageSummary {
            brightness: 0.5 + 0.001 * (number % 40) as f64,
            ..ImageSummary::of(&Image::filled(64, 64, [0.5; 3]))
        };
        let score = 0.01 + 0.0001 * (number % 50) as f32;
        let record = Record::new("part", &key, (used.decide(score), score), used, &summary);
        history.record(&record).unwrap();
    }
}

fn dark() -> Vec<u8> {
    write::encode_png(&Image::from_fn(64, 64, |x, y| [((x + y) % 7) as f32 / 70.0; 3]))
}

fn monitor(drift: &Value, signal: &str, against: &str) -> Value {
    let monitors = drift["monitors"].as_array().unwrap();
    let found = monitors.iter().find(|monitor| monitor["signal"] == signal && monitor["against"] == against);
    found.unwrap_or_else(|| panic!("no monitor of {signal} against {against}: {drift}")).clone()
}

fn events(shop: &Shop, event: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(shop.path("audit.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

#[test]
fn darker_images_raise_an_alarm_that_is_told_once() {
    let shop = Shop::new();
    fill(&shop, 256);
    let server = Running::new(settings(&shop));
    let steady = server.get(DRIFT).json();
    assert_eq!((&steady["baseline"][0], &steady["images_per_false_alarm"]), (&256.into(), &1_000_000.into()));
    assert!(monitor(&steady, "brightness", "baseline")["raised"].is_null(), "{steady}");
    let alarm = "model=\"part\",version=\"1\",signal=\"brightness\",against=\"baseline\"";
    assert_eq!(server.figure("anoseg_drift_alarm", alarm), 0.0);
    assert_eq!(server.figure("anoseg_drift_can_alarm", alarm), 1.0);
    // Two windows of 32.
    for _ in 0..64 {
        assert_eq!(server.post(PREDICT, &[], &dark()).status, 200);
    }
    let drifted = server.get(DRIFT).json();
    let raised = &monitor(&drifted, "brightness", "baseline")["raised"];
    assert_eq!((&raised["higher"], &raised["window"]), (&false.into(), &32.into()), "{drifted}");
    assert_eq!(server.figure("anoseg_drift_alarm", alarm), 1.0);
    assert_eq!(server.figure("anoseg_drift_alarms_total", alarm), 2.0);
    assert_eq!(server.figure("anoseg_drift_images_per_false_alarm", ""), 1_000_000.0);
    assert!(server.figure("anoseg_drift_brightness", "of=\"baseline\"") > 0.4);
    let told: Vec<Value> = events(&shop, "drift");
    let of_brightness = told.iter().filter(|event| event["drift"]["signal"] == "brightness");
    let of_brightness: Vec<&Value> = of_brightness.collect();
    assert_eq!(of_brightness.len(), 1, "{told:?}");
    assert_eq!(of_brightness[0]["drift"]["against"], "baseline");
    assert_eq!(server.get("/v1/models/part/versions/1/drift").json(), drifted);
    assert_eq!(server.get("/v1/models/other/drift").code(), "unknown_model");
}

#[test]
fn thresholds_of_a_request_are_no_drift_of_rejects() {
    let shop = Shop::new();
    fill(&shop, 256);
    let server = Running::new(settings(&shop));
    for _ in 0..32 {
        let answer = server.post(&format!("{PREDICT}?image_threshold=0&review_threshold=0"), &[], &png());
        assert_eq!(answer.json()["decision"], "reject");
    }
    let own = model()
        .calibration()
        .unwrap()
        .decide(server.post(PREDICT, &[], &png()).json()["score"].as_f64().unwrap() as f32);
    assert_ne!(own, anoseg::Decision::Reject);
    let drift = server.get(DRIFT).json();
    assert_eq!(drift["rejected"], 0.0, "{drift}");
    assert!(monitor(&drift, "rejects", "baseline")["raised"].is_null(), "{drift}");
    // After a restart, too.
    drop(server);
    let drift = Running::new(settings(&shop)).get(DRIFT).json();
    assert_eq!((&drift["rejected"], &drift["recent"]), (&0.0.into(), &256.into()), "{drift}");
}

#[test]
fn the_same_model_goes_on_and_another_begins_anew() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    for _ in 0..3 {
        server.post(PREDICT, &[], &png());
    }
    let loads = || server.figure("anoseg_model_changes_total", "change=\"load\"");
    let before = loads();
    shop.add("part", 1, &model());
    wait_until("the file is loaded again", || loads() > before);
    assert_eq!(server.get(DRIFT).json()["recent"], 3);
    shop.add("part", 1, &model_with_threshold(0.9));
    wait_until("another model is loaded", || server.get(DRIFT).json()["recent"] == 0);
    assert!(
        server.get("/metrics").text().lines().filter(|line| line.contains("anoseg_drift_images{")).count()
            == 2
    );
}

#[test]
fn without_a_history_there_is_no_drift() {
    let server = Shop::new().start();
    assert_eq!(server.get(DRIFT).code(), "no_history");
    assert_eq!(server.get("/v1/models/part/proposal").code(), "no_history");
    assert_eq!(server.get("/v1/models/part/regression").code(), "no_regression");
    assert!(!server.get("/metrics").text().contains("anoseg_drift_images{"));
}

#[test]
fn settings_out_of_range_are_refused_at_the_start() {
    let shop = Shop::new();
    let mut settings = settings(&shop);
    settings.drift.images_per_false_alarm = 10;
    let refused = anoseg_serve::Server::bind(settings).err().unwrap();
    assert!(refused.to_string().contains("at least 1000"), "{refused}");
}
