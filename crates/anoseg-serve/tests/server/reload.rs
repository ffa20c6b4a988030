//! Models are replaced while requests go on, and none fails by it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use anoseg::batch::{Verdict, inspect_file};
use anoseg::{Limits, Model};
use serde_json::{Value, json};

use crate::common::{Running, Shop, model, model_with_threshold, png, wait_until};

const PREDICT: &str = "/v1/models/part/predict";

fn digest(model: &Model) -> String {
    model.digest().unwrap()
}

/// The digest of the version that answers.
fn answering(server: &Running) -> String {
    let answer = server.post(PREDICT, &[], &png());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["model_digest"].as_str().unwrap().to_owned()
}

/// Versions in the index with their states.
fn index(server: &Running) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = server.post("/v2/repository/index", &[], b"").json();
    let list = list.as_array().unwrap().iter();
    list.map(|entry| (text(&entry["version"]), text(&entry["state"]), text(&entry["reason"]))).collect()
}

fn state(server: &Running, version: &str) -> Option<(String, String)> {
    index(server).into_iter().find(|entry| entry.0 == version).map(|(_, state, reason)| (state, reason))
}

fn is_unavailable(server: &Running, version: &str, part: &str) -> bool {
    state(server, version).is_some_and(|(state, reason)| state == "UNAVAILABLE" && reason.contains(part))
}

#[test]
fn new_and_changed_files_are_loaded_and_no_request_fails() {
    let shop = Shop::new();
    let server = shop.start();
    let end = AtomicBool::new(false);
    let models: Vec<Model> = (1..=12).map(|i| model_with_threshold(i as f32 / 100.0)).collect();
    std::thread::scope(|scope| {
        let client = || {
            let mut answers = 0;
            while !end.load(Ordering::Relaxed) {
                assert_eq!(server.post(PREDICT, &[], &png()).status, 200);
                assert_eq!(server.get("/v2/models/part/ready").status, 200);
                answers += 1;
            }
            answers
        };
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
        for (i, model) in models.iter().enumerate() {
            // A new version, or the same one with another file.
            shop.add("part", 2 + i as u64 / 2, model);
            wait_until("it answers", || answering(&server) == digest(model));
        }
        end.store(true, Ordering::Relaxed);
        assert!(clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>() > 0);
    });
    // Two versions are kept.
    wait_until("lower ones are unloaded", || {
        let ready = index(&server).into_iter().filter(|entry| entry.1 == "READY");
        ready.map(|entry| entry.0).collect::<Vec<_>>() == ["6", "7"]
    });
    assert!(is_unavailable(&server, "1", "higher version"));
    assert!(server.figure("anoseg_model_changes_total", "change=\"load\"") >= 13.0);
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let (shop, good) = (Shop::new(), digest(&model()));
    let server = shop.start();
    let folder = shop.version("part", 2);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.anoseg"), "no model").unwrap();
    wait_until("it was tried", || is_unavailable(&server, "2", "not a model"));
    assert_eq!(answering(&server), good);
    // The file of the version that answers is damaged: it goes on with what it has.
    fs::write(shop.version("part", 1).join("model.anoseg"), "no model").unwrap();
    wait_until("it was tried", || state(&server, "1").unwrap().1.contains("not a model"));
    assert_eq!((answering(&server), state(&server, "1").unwrap().0), (good, "READY".to_owned()));
    // Once it is mended, it is loaded.
    let mended = model_with_threshold(0.9);
    mended.save(&folder.join("model.anoseg")).unwrap();
    wait_until("it answers", || answering(&server) == digest(&mended));
    // Without thresholds there is no decision.
    let mut file = model().to_file();
    file.description.calibration = None;
    let folder = shop.version("part", 3);
    fs::create_dir_all(&folder).unwrap();
    file.write(&folder.join("model.anoseg")).unwrap();
    wait_until("it was tried", || is_unavailable(&server, "3", "no thresholds"));
    let load = server.post("/v2/repository/models/part/load", &[], b"{}");
    assert_eq!((load.status, load.code().as_str()), (409, "not_loaded"));
    assert_eq!(answering(&server), digest(&mended));
}

#[test]
fn canary_images_must_be_judged_as_recorded() {
    let shop = Shop::new();
    let server = shop.start();
    let canary = |version: u64, model: &Model, recorded: &Model| {
        let folder = shop.version("part", version).join("canary");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.png"), png()).unwrap();
        let inspected = inspect_file(recorded, &folder.join("a.png"), &Limits::default()).unwrap();
        let line = serde_json::to_string(&Verdict::of(&inspected, false)).unwrap();
        fs::write(folder.join("verdicts.jsonl"), line + "\n").unwrap();
        shop.add("part", version, model);
    };
    let strict = model_with_threshold(0.001);
    canary(2, &strict, &model());
    wait_until("it was tried", || is_unavailable(&server, "2", "canary image a.png: the decision is"));
    assert_eq!(answering(&server), digest(&model()));
    canary(3, &strict, &strict);
    wait_until("it answers", || answering(&server) == digest(&strict));
    // An image that cannot be read, or that is recorded and not there.
    let folder = shop.version("part", 4).join("canary");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.png"), &png()[..999]).unwrap();
    shop.add("part", 4, &model());
    wait_until("it was tried", || is_unavailable(&server, "4", "a.png"));
    canary(5, &model(), &model());
    fs::rename(shop.version("part", 5).join("canary/a.png"), shop.version("part", 5).join("canary/b.png"))
        .unwrap();
    shop.add("part", 5, &model_with_threshold(0.7));
    wait_until("it was tried", || is_unavailable(&server, "5", "a.png: it has a recorded verdict"));
    assert_eq!(answering(&server), digest(&strict));
}

#[test]
fn versions_are_unloaded_and_loaded_by_request() {
    let (shop, high) = (Shop::new(), model_with_threshold(0.9));
    let low = digest(&model());
    shop.add("part", 2, &high);
    shop.add("part", 5, &model_with_threshold(0.8));
    let mut settings = shop.settings();
    settings.versions = 1;
    let server = Running::new(settings);
    let post = |path: &str| server.post(&format!("/v2/repository/models/part{path}"), &[], b"").status;
    assert_eq!(index(&server).iter().filter(|entry| entry.1 == "READY").count(), 1);
    // Without the highest version the next one answers, and stays even though a listing finds the other
    // one.
    assert_eq!(post("/versions/5/unload"), 200);
    assert_eq!(answering(&server), digest(&high));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(answering(&server), digest(&high));
    assert!(is_unavailable(&server, "5", "unloaded"));
    // A low version is loaded beside the highest one, and stays.
    assert_eq!(server.post("/v1/models/part/versions/1/predict", &[], &png()).status, 404);
    assert_eq!(post("/versions/1/load"), 200);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let one = server.post("/v1/models/part/versions/1/predict", &[], &png());
    assert_eq!(one.json()["model_digest"], low);
    // The whole model.
    assert_eq!(post("/unload"), 200);
    assert_eq!(server.post(PREDICT, &[], &png()).code(), "unknown_model");
    assert_eq!(server.post("/v2/repository/index", &[], br#"{"ready":true}"#).json(), json!([]));
    assert_eq!(post("/load"), 200);
    assert_eq!(server.get("/v2/models/part").json()["parameters"]["version"], "5");
    for (path, body, status) in [
        ("other/load", "{}", 404),
        ("other/unload", "{}", 404),
        ("part/versions/9/load", "", 404),
        ("part/versions/9/unload", "", 404),
        ("part/versions/-1/load", "", 404),
        ("..%2f..%2fetc/load", "", 404),
        ("part/load", "nonsense", 400),
        ("part/load", r#"{"parameters":{"config":"{}"}}"#, 400),
        ("part/load", r#"{"parameters":{"file:1/model.anoseg":"AAAA"}}"#, 400),
        ("part/unload", r#"{"parameters":{"version":"2","unload_dependents":true}}"#, 200),
    ] {
        let answer = server.post(&format!("/v2/repository/models/{path}"), &[], body.as_bytes());
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
    }
}

#[test]
fn a_model_whose_files_vanish_goes_on_and_its_other_versions_end() {
    let (shop, high) = (Shop::new(), model_with_threshold(0.9));
    shop.add("part", 2, &high);
    let server = shop.start();
    fs::remove_dir_all(shop.version("part", 2)).unwrap();
    wait_until("the lower one answers", || answering(&server) == digest(&model()));
    assert_eq!(state(&server, "2"), None);
    fs::remove_dir_all(shop.path("models/part")).unwrap();
    wait_until("that is told", || state(&server, "1").unwrap().1.contains("gone"));
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(answering(&server), digest(&model()));
    if cfg!(unix) {
        fs::rename(shop.path("models"), shop.path("elsewhere")).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(answering(&server), digest(&model()));
}
