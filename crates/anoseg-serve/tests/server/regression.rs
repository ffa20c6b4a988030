//! A version is compared with the one it takes the place of, on images with feedback; proposals of thresholds.

use anoseg_history::proposal::{Preview, Request};
use anoseg_history::thresholds::Sources;
use anoseg_history::{ModelKey, Reader};
use anoseg_serve::{Retention, Settings};
use serde_json::Value;

use crate::common::{Running, Shop, model, model_with_threshold, png, wait_until};

const PREDICT: &str = "/v1/models/part/predict";

fn settings(shop: &Shop) -> Settings {
    let history = Some((shop.path("history"), Retention::default()));
    Settings { history, audit: Some(shop.path("audit.jsonl")), ..shop.settings() }
}

/// Inspects the image and states what the part is; with the image's file. Gives the verdict.
fn state(server: &Running, truth: &str) -> Value {
    let answer = server.post(PREDICT, &[], &png());
    let verdict = answer.json();
    let id = answer.header("anoseg-verdict").unwrap().to_owned();
    assert_eq!(verdict["verdict"].to_string(), id);
    let stated = server.post(&format!("/v1/history/{id}/feedback?truth={truth}"), &[], &png());
    assert_eq!(stated.json()["id"].to_string(), id);
    verdict
}

fn reason(server: &Running, version: &str) -> Option<String> {
    let index = server.post("/v2/repository/index", &[], b"").json();
    let entries = index.as_array().unwrap().iter();
    let mut reasons = entries.filter(|entry| entry["version"] == version);
    reasons.next().map(|entry| entry["reason"].as_str().unwrap().to_owned())
}

#[test]
fn a_version_is_compared_with_the_former_one_before_it_answers() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    let verdict = state(&server, "good");
    let path = "/v1/models/part/versions/2/regression";
    assert_eq!(server.get("/v1/models/part/regression").code(), "no_regression");
    shop.add("part", 2, &model_with_threshold(0.001));
    wait_until("version 2 answers", || {
        server.post(PREDICT, &[], &png()).header("anoseg-model-version") == Some("2")
    });
    let report = server.get(path).json();
    assert_eq!((&report["former"]["version"], &report["images"]), (&"1".into(), &1.into()), "{report}");
    assert_eq!(report["former"]["digest"], model().digest().unwrap());
    let regression = &report["regression"];
    assert_eq!((&regression["worse"], &regression["false_rejects"]), (&1.into(), &serde_json::json!([0, 1])));
    let change = &regression["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&verdict["decision"], &"reject".into()));
    assert_eq!((&change["name"], &change["scores"][0]), (&"image".into(), &verdict["score"]));
    assert_eq!((&change["worse"], &change["feedback"]), (&true.into(), &"good".into()));
    let audit = std::fs::read_to_string(shop.path("audit.jsonl")).unwrap();
    let line = audit.lines().find(|line| line.contains("\"event\":\"regression\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["version"], &line["regression"]["worse"]), (&2.into(), &1.into()));
}

#[test]
fn a_version_that_decides_more_images_worse_than_allowed_is_refused() {
    let shop = Shop::new();
    let settings = || Settings { max_worse: Some(0), ..settings(&shop) };
    let server = Running::new(settings());
    state(&server, "good");
    shop.add("part", 2, &model_with_threshold(0.001));
    let refused =
        |server: &Running| reason(server, "2").is_some_and(|reason| reason.contains("decides 1 of 1 images"));
    wait_until("it was refused", || {
        assert_eq!(server.post(PREDICT, &[], &png()).header("anoseg-model-version"), Some("1"));
        refused(&server)
    });
    assert!(reason(&server, "2").unwrap().contains("false rejects 0 -> 1"));
    // One that decides as before is loaded.
    shop.add("part", 3, &model_with_threshold(0.95));
    wait_until("version 3 answers", || {
        server.post(PREDICT, &[], &png()).header("anoseg-model-version") == Some("3")
    });
    assert_eq!(server.get("/v1/models/part/regression").json()["regression"]["worse"], 0);
    // A restart does not let a worse one in.
    shop.add("part", 4, &model_with_threshold(0.002));
    wait_until("it was refused", || {
        reason(&server, "4").is_some_and(|reason| reason.contains("false rejects"))
    });
    drop(server);
    let server = Running::new(settings());
    assert_eq!(server.post(PREDICT, &[], &png()).header("anoseg-model-version"), Some("3"));
    assert!(reason(&server, "4").unwrap().contains("false rejects 0 -> 1"));
}

#[test]
fn comparing_can_be_turned_off() {
    let shop = Shop::new();
    let server = Running::new(Settings { regression_images: 0, max_worse: Some(0), ..settings(&shop) });
    state(&server, "good");
    shop.add("part", 2, &model_with_threshold(0.001));
    wait_until("version 2 answers", || {
        server.post(PREDICT, &[], &png()).header("anoseg-model-version") == Some("2")
    });
    assert_eq!(server.get("/v1/models/part/regression").code(), "no_regression");
}

#[test]
fn a_proposal_is_that_of_the_library() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    let path = "/v1/models/part/proposal";
    assert_eq!(server.get(path).code(), "no_verdicts");
    let verdict = state(&server, "good");
    state(&server, "defect");
    // By thresholds that call it good.
    server.post(&format!("{PREDICT}?image_threshold=1&review_threshold=1"), &[], &png());
    let told = server.get(&format!("{path}?unquestioned=true&calibration=false&false_reject=0.1")).json();
    assert_eq!(told["scores"], serde_json::json!({"confirmed": 1, "unquestioned": 1, "calibration": 0}));
    assert_eq!((&told["false_reject"], &told["present"]["pixel"]), (&0.1.into(), &told["proposed"]["pixel"]));
    let key = ModelKey::of("part", "1", model().to_file()).unwrap();
    let request = Request {
        sources: Sources { calibration: false, unquestioned: true },
        false_reject: Some(0.1),
        changes: 50,
        ..Request::default()
    };
    let reader = Reader::open(&shop.path("history")).unwrap();
    let expected = Preview::of(&reader, model().description(), &key.network, &request).unwrap();
    let expected = serde_json::to_string(&expected.told(&reader).unwrap()).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    assert_eq!(told["regression"]["verdicts"], 3);
    assert!(told["proposed"]["image"].as_f64().unwrap() >= verdict["score"].as_f64().unwrap() - 1e-6);
    for (query, code) in [
        ("false_reject=2", "bad_request"),
        ("false_reject=0.1&review=0.05", "bad_request"),
        ("since=soon", "bad_request"),
        ("other=1", "bad_request"),
        ("since=99999999999999", "no_verdicts"),
    ] {
        assert_eq!(server.get(&format!("{path}?{query}")).code(), code, "{query}");
    }
    assert_eq!(server.get("/v1/models/part/versions/9/proposal").code(), "unknown_model");
}

#[test]
fn nobody_found_an_image_good_and_the_answer_says_the_way_out() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    state(&server, "defect");
    let answer = server.get("/v1/models/part/proposal?calibration=false");
    assert_eq!((answer.status, answer.code().as_str()), (404, "no_feedback"));
    assert!(answer.json()["error"].as_str().unwrap().contains("unquestioned=true"));
}

#[test]
fn infer_tells_the_numbers_of_its_verdicts() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    let request = serde_json::json!({
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [2, 64, 64, 3], "data": vec![90; 2 * 64 * 64 * 3]}],
        "outputs": [{"name": "score"}],
    });
    let answer = server.post("/v2/models/part/infer", &[], request.to_string().as_bytes()).json();
    assert_eq!(answer["parameters"]["verdicts"], "1,2", "{answer}");
}
