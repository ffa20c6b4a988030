//! Another region of interest, pixel threshold or rule for one request.

use anoseg::batch::{Verdict, inspect_bytes};
use anoseg::{Drawing, Drawings, Limits, Model, TrainingImages, decode};
use anoseg_image::draw;
use anoseg_serve::{Retention, Settings};
use serde_json::{Value, json};

use crate::common::{Answer, FORM, Running, Shop, form, image, model, png};

const PREDICT: &str = "/v1/models/part/predict";
const ROI: &str = "0,0,40,56";
const IGNORED: &str = "5,5,8,8";

/// The model of the tests, trained on images of the size of the test image, and without a region filter.
fn sized() -> Model {
    let mut file = model().to_file();
    file.description.training_images = Some(TrainingImages::of(&image()));
    let mut model = Model::from_bytes(&bytes_of(&file)).unwrap();
    let mut calibration = model.calibration().unwrap().clone();
    calibration.regions = anoseg::RegionFilter::default();
    model.set_calibration(calibration);
    model
}

fn bytes_of(file: &anoseg::ModelFile) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    file.write(&folder.path().join("model.anoseg")).unwrap();
    std::fs::read(folder.path().join("model.anoseg")).unwrap()
}

/// The model as `predict --roi ROI --ignore IGNORED` narrows it.
fn narrowed() -> Model {
    let mut drawings = Drawings::default();
    drawings.inside("--roi", ROI, Drawing::rectangle(ROI).unwrap());
    drawings.ignore("--ignore", IGNORED, Drawing::rectangle(IGNORED).unwrap());
    sized().narrowed_by(&drawings).unwrap().0
}

fn shop() -> Shop {
    let shop = Shop::new();
    shop.add("part", 1, &sized());
    shop
}

fn ask(server: &Running, query: &str) -> Answer {
    server.post(&format!("{PREDICT}{query}"), &[], &png())
}

/// A verdict without what says how it was decided.
fn bare(answer: &Answer) -> Value {
    let mut verdict = answer.json();
    for field in ["thresholds", "model_digest", "warnings"] {
        verdict.as_object_mut().unwrap().remove(field);
    }
    verdict
}

fn verdict_of(model: &Model) -> Value {
    let inspected = inspect_bytes(model, &png(), "image".as_ref(), &Limits::default()).unwrap();
    let text = serde_json::to_string(&Verdict::of(&inspected, false)).unwrap();
    let mut verdict: Value = serde_json::from_str(&text).unwrap();
    for field in ["model_digest", "warnings"] {
        verdict.as_object_mut().unwrap().remove(field);
    }
    verdict
}

#[test]
fn a_region_narrows_the_models_as_predict_does() {
    let server = shop().start();
    let usual = ask(&server, "");
    let answer = ask(&server, &format!("?roi={ROI}&ignore={IGNORED}"));
    assert_eq!((answer.status, answer.header("anoseg-thresholds")), (200, Some("overridden")), "{answer:?}");
    assert_eq!(bare(&answer), verdict_of(&narrowed()));
    assert_ne!(bare(&answer), bare(&usual));
    let told = &answer.json()["thresholds"];
    assert_eq!(
        (&told["roi"], &told["ignore"], &told["rule"]),
        (&ROI.into(), &json!([IGNORED]), &"score".into())
    );
    assert_eq!(answer.json()["model_digest"], usual.json()["model_digest"]);
    // The map is that of the narrowed model, bit by bit.
    let query = format!("{PREDICT}?roi={ROI}&ignore={IGNORED}");
    let map = server.post(&query, &[("accept", "image/tiff")], &png()).body;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tiff");
    std::fs::write(&path, map).unwrap();
    let found = narrowed().inspect(&image()).unwrap();
    assert_eq!(anoseg::write::read_tiff_f32(&path).unwrap(), found.map);
    // A request leaves nothing behind.
    assert_eq!(ask(&server, "").text(), usual.text());
}

#[test]
fn a_form_has_polygons_or_a_mask() {
    let server = shop().start();
    let (width, height) = (image().width(), image().height());
    let polygons = json!({
        "width": width, "height": height,
        "include": [[[0, 0], [40, 0], [40, height], [0, height]]],
        "exclude": [[[5, 5], [13, 5], [13, 13], [5, 13]]],
    })
    .to_string();
    let mask = anoseg::Image::from_fn(width, height, |x, y| {
        [if x < 40 && !((5..13).contains(&x) && (5..13).contains(&y)) { 1.0 } else { 0.0 }; 3]
    });
    let mask = anoseg::write::encode_png(&mask);
    let expected = bare(&ask(&server, &format!("?roi={ROI}&ignore={IGNORED}")));
    for fields in [
        vec![("roi", None, polygons.as_bytes()), ("image", Some("image"), &png()[..])],
        vec![("image", Some("image"), &png()[..]), ("roi", Some("mask.png"), &mask[..])],
        vec![
            ("image", Some("image"), &png()),
            ("ignore", None, IGNORED.as_bytes()),
            ("roi", None, ROI.as_bytes()),
        ],
    ] {
        let answer = server.post(PREDICT, &[FORM], &form(&fields));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(bare(&answer), expected);
    }
    for (field, part) in [(&b"[[1,1]"[..], "no valid JSON"), (b"../../etc/passwd", "roi")] {
        let fields = form(&[("roi", Some("/etc/passwd"), field), ("image", Some("image"), &png())]);
        let answer = server.post(PREDICT, &[FORM], &fields);
        assert!(answer.status == 400 && answer.text().contains(part), "{}", answer.text());
    }
}

#[test]
fn regions_that_do_not_fit_are_refused_as_predict_does() {
    let shop = shop();
    shop.add("unknown", 1, &model());
    let server = shop.start();
    let refused = |model: &str, query: &str| {
        let answer = server.post(&format!("/v1/models/{model}/predict?{query}"), &[], &png());
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{query}");
        answer.json()["error"].as_str().unwrap().to_owned()
    };
    for (query, part) in [
        ("roi=70,0,30,20", "outside the image of"),
        ("roi=5,5,0,9", "must be above 0"),
        ("roi=0,0,9,9&ignore=0,0,20,20", "nothing of the image is left"),
        ("roi=0.6,0.6,0.2,0.2", "no pixel"),
        ("roi=x.json", "neither a rectangle"),
    ] {
        let error = refused("part", query);
        assert!(error.contains(part), "{query}: {error}");
    }
    // A region takes no more memory than an image may.
    let huge = "%7B%22width%22:30000,%22height%22:30000,%22exclude%22:[[[0,0],[9,0],[9,9]]]%7D";
    let answer = ask(&server, &format!("?roi={huge}"));
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    assert!(refused("unknown", "roi=0,0,9,9").contains("does not tell the size of its training images"));
    let small = ask(&server, "?roi=0,0,6,6").json();
    assert!(small["warnings"].to_string().contains("\"code\":\"region\""), "{small}");
}

#[test]
fn another_pixel_threshold_marks_other_pixels() {
    let server = shop().start();
    let map = model().inspect(&image()).unwrap().map;
    let most = map.as_slice().iter().copied().fold(0.0, f32::max);
    let cut = 0.5 * most;
    let query = format!("{PREDICT}?pixel_threshold={cut}");
    let mask = server.post(&query, &[("accept", "image/png;view=mask")], &png()).body;
    let mask = decode::load_mask_bytes(&mask, "x".as_ref(), &Limits::default()).unwrap();
    assert_eq!(mask, map.map(|&value| value > cut));
    let mut other = sized();
    let mut calibration = other.calibration().unwrap().clone();
    calibration.pixel_threshold = cut;
    other.set_calibration(calibration);
    let found = other.inspect(&image()).unwrap();
    assert_eq!(bare(&server.post(&query, &[], &png())), verdict_of(&other));
    let overlay = server.post(&query, &[("accept", "image/png")], &png()).body;
    let overlay = decode::load_bytes(&overlay, "x".as_ref(), &Limits::default()).unwrap();
    let expected = draw::overlay(&other.scaled(&image()), &found.map, &found.mask, cut);
    assert_eq!(overlay.to_rgb8(), expected.to_rgb8());
}

#[test]
fn marked_regions_decide_where_the_request_says_so() {
    let shop = shop();
    let audit = shop.path("audit.jsonl");
    let history = Some((shop.path("history"), Retention::default()));
    let server = Running::new(Settings { audit: Some(audit.clone()), history, ..shop.settings() });
    let usual = ask(&server, "").json();
    let map = model().inspect(&image()).unwrap().map;
    let most = map.as_slice().iter().copied().fold(0.0, f32::max);
    let cut = 0.5 * most;
    let rule = |rest: &str| ask(&server, &format!("?rule=regions&pixel_threshold={cut}{rest}"));
    let found = rule("").json();
    let regions = found["regions"].as_array().unwrap();
    let largest = regions.iter().map(|region| region["area"].as_u64().unwrap()).max().unwrap();
    assert_eq!((&found["decision"], &found["score"]), (&"reject".into(), &usual["score"]));
    for (rest, decision) in [
        (format!("&min_pixels={largest}"), "reject"),
        (format!("&min_pixels={}", largest + 1), "review"),
        ("&min_peak=1".to_owned(), "review"),
        (format!("&min_peak={cut}"), "reject"),
    ] {
        let answer = rule(&rest);
        assert_eq!(answer.json()["decision"], decision, "{rest}");
        assert_eq!(answer.header("anoseg-decision"), Some(decision));
    }
    // Above the highest value nothing is marked, the strongest place neither.
    let none = ask(&server, "?rule=regions&pixel_threshold=1").json();
    assert_eq!((&none["decision"], &none["regions"]), (&"good".into(), &json!([])));
    assert_eq!(
        none["thresholds"],
        json!({"pixel": 1.0, "rule": "regions", "min_pixels": 1, "min_peak": 0.0})
    );
    for query in ["?rule=regions&image_threshold=0.5", "?min_pixels=5", "?rule=both"] {
        assert_eq!(ask(&server, query).code(), "bad_request", "{query}");
    }
    // The history and the audit log say what decided.
    let rows = server.get("/v1/history").json()["rows"].clone();
    assert_eq!(rows[0]["decided_by"], none["thresholds"]);
    assert_eq!((&rows[0]["used"]["pixel"], &rows[5]["decided_by"]), (&1.0.into(), &found["thresholds"]));
    assert!(rows[6]["request"].is_string() && rows[6].get("decided_by").is_none());
    let log = std::fs::read_to_string(audit).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decisions: Vec<Value> = lines.filter(|line| line["event"] == "decision").collect();
    assert_eq!((decisions.len(), &decisions[6]["thresholds"]), (7, &none["thresholds"]));
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/audit.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    decisions.iter().for_each(|line| jsonschema::validate(&schema, line).unwrap());
}

#[test]
fn the_protocol_takes_the_same_as_parameters() {
    let server = shop().start();
    let file = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(png())
    };
    let infer = |parameters: Value| {
        let outputs = json!([{"name": "score"}, {"name": "decision"}, {"name": "regions"}]);
        let inputs = json!([{"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [file]}]);
        let body = json!({"inputs": inputs, "outputs": outputs, "parameters": parameters});
        server.post("/v2/models/part/infer", &[], body.to_string().as_bytes())
    };
    let data = |answer: &Answer, output: usize| answer.json()["outputs"][output]["data"][0].clone();
    let usual = infer(json!({}));
    assert!(usual.json().get("parameters").is_none());
    let regions = |answer: &Answer| serde_json::from_str::<Value>(data(answer, 2).as_str().unwrap()).unwrap();
    for (parameters, query) in [
        (json!({"roi": ROI, "ignore": IGNORED}), format!("?roi={ROI}&ignore={IGNORED}")),
        (json!({"image_threshold": 0}), "?image_threshold=0".to_owned()),
        (
            json!({"rule": "regions", "min_pixels": 3, "pixel_threshold": 0.25, "other": true}),
            "?rule=regions&min_pixels=3&pixel_threshold=0.25".to_owned(),
        ),
    ] {
        let (answer, expected) = (infer(parameters), ask(&server, &query).json());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((&data(&answer, 0), &data(&answer, 1)), (&expected["score"], &expected["decision"]));
        assert_eq!(regions(&answer), expected["regions"]);
        let told = answer.json()["parameters"]["thresholds"].as_str().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), expected["thresholds"]);
    }
    assert_eq!(infer(json!({"image_threshold": 2})).code(), "bad_request");
    assert_eq!(infer(json!({"roi": "/etc/passwd"})).code(), "bad_request");
}
