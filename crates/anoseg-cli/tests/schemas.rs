//! Every output for machines is as its published schema says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use anoseg_history::export::export;
use anoseg_history::{History, ImageSummary, ModelKey, Record, Retention, Statement, Truth, Used};
use anoseg_image::{Image, Limits};
use anoseg_infer::Decision;
use common::Workshop;
use serde_json::{Value, json};

/// A schema of `docs/schemas`. A small part of JSON Schema (draft 2020-12) is checked here; a schema
/// that uses more makes the test fail. Readers must accept fields that a schema does not list, but
/// what we write has none.
struct Schema(Value);

impl Schema {
    fn named(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// What is wrong with a value; empty if it is valid.
    fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let mut fault = |what: String| faults.push(format!("{at}: {what}: {value}"));
        let mut inner: Vec<(&Value, &Value, String)> = Vec::new();
        if *schema == Value::Bool(true) {
            return;
        }
        for (keyword, rule) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|one| is_type(one, value)),
                    one => is_type(one, value),
                },
                "const" => rule == value,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|v| v >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|v| v <= rule.as_f64().unwrap()),
                "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= rule.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|v| v.len() as u64 <= rule.as_u64().unwrap()),
                "minLength" => {
                    value.as_str().is_none_or(|v| v.chars().count() as u64 >= rule.as_u64().unwrap())
                }
                "maxLength" => {
                    value.as_str().is_none_or(|v| v.chars().count() as u64 <= rule.as_u64().unwrap())
                }
                "required" => value.as_object().is_none_or(|fields| {
                    rule.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
                }),
                "properties" => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        match (rule.get(name), schema.get("additionalProperties")) {
                            (Some(rule), _) => inner.push((rule, field, format!("{at}/{name}"))),
                            (None, Some(_)) => {}
                            (None, None) => fault(format!("{name} is not in the schema")),
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = schema.get("properties").and_then(Value::as_object);
                    for (name, field) in value.as_object().into_iter().flatten() {
                        if known.is_none_or(|known| !known.contains_key(name)) {
                            inner.push((rule, field, format!("{at}/{name}")));
                        }
                    }
                    true
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    inner.extend(items.map(|(i, item)| (rule, item, format!("{at}/{i}"))));
                    true
                }
                "oneOf" => {
                    let valid = rule.as_array().unwrap().iter().filter(|one| {
                        let mut faults = Vec::new();
                        self.check(one, value, at, &mut faults);
                        faults.is_empty()
                    });
                    valid.count() == 1
                }
                "$ref" => {
                    let target = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    inner.push((self.0.pointer(target).unwrap(), value, at.to_owned()));
                    true
                }
                other => panic!("the test does not know the keyword {other}"),
            };
            if !holds {
                fault(format!("{keyword} {rule} does not hold"));
            }
        }
        inner.into_iter().for_each(|(rule, field, at)| self.check(rule, field, &at, faults));
    }
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}

fn assert_valid(schema: &str, text: &str) {
    let value = serde_json::from_str(text).unwrap();
    let faults = Schema::named(schema).faults(&value);
    assert!(faults.is_empty(), "{schema}: {faults:#?}");
}

#[test]
fn outputs_are_as_their_schemas_say() {
    let shop = Workshop::new();
    shop.train(3);
    shop.run("calibrate model.anoseg data/train/good --false-reject 0.9 --review 0.95", 0);
    let image = fs::read(shop.path("data/test/chip/000.png")).unwrap();
    fs::write(shop.path("data/test/chip/002.png"), &image[..image.len() / 2]).unwrap();
    let read = |name: &str| fs::read_to_string(shop.path(name)).unwrap();

    shop.run("predict model.anoseg data/test -o out --overlay --mask --map", 3);
    shop.run("predict model.anoseg data/test -o out --format coco", 3);
    let lines: Vec<String> = read("out/verdicts.jsonl").lines().map(str::to_owned).collect();
    let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert!(count("\"decision\":null") > 0 && count("\"reject\"") > 0, "{lines:?}");
    lines.iter().for_each(|line| assert_valid("verdict", line));
    read("out/verdicts.coco.jsonl").lines().for_each(|line| assert_valid("verdict", line));
    assert_valid("coco", &read("out/verdicts.coco.json"));
    shop.run("predict model.anoseg data/test -o polygons --format coco --coco-segmentation polygons", 3);
    let polygons = read("polygons/verdicts.coco.json");
    assert!(polygons.contains("\"segmentation\":[["), "{polygons}");
    assert_valid("coco", &polygons);
    for name in ["verdicts.jsonl", "verdicts.coco.json"] {
        assert_valid("run", &read(&format!("out/{name}.run.json")));
    }

    fs::remove_file(shop.path("data/test/chip/002.png")).unwrap();
    shop.run("eval model.anoseg data --json f.json --maps maps", 0);
    assert_valid("evaluation", &read("f.json"));
    shop.run("check data --json check.json", 0);
    assert_valid("check", &read("check.json"));
    shop.run("export model.anoseg --onnx model.onnx", 0);
    shop.run("verify model.anoseg model.onnx data/test/good --engine rten --json verify.json", 0);
    assert_valid("verify", &read("verify.json"));
    fs::create_dir(shop.path("all")).unwrap();
    fs::rename(shop.path("data"), shop.path("all/model")).unwrap();
    fs::create_dir_all(shop.path("all/bare/test/good")).unwrap();
    fs::write(shop.path("all/bare/test/good/0.png"), &image).unwrap();
    shop.run("eval . all --json bench.json", 3);
    assert!(read("bench.json").contains("there is no model ./bare.anoseg"));
    assert_valid("benchmark", &read("bench.json"));

    assert_valid("model", &shop.run("info model.anoseg --json", 0).0);
    read("model-run/metrics.jsonl").lines().for_each(|line| assert_valid("training_log", line));
}

#[test]
fn exported_feedback_is_as_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("history"), Retention::default()).unwrap();
    let summary = ImageSummary::of(&Image::filled(40, 30, [0.5; 3]));
    let (key, used) = (ModelKey { name: "token".into(), ..ModelKey::default() }, Used::default());
    for (truth, original) in [(Truth::Good, true), (Truth::Defect, false)] {
        let id =
            history.record(&Record::new("a.png", &key, (Decision::Reject, 0.5), used, &summary)).unwrap();
        let original = original.then_some(&summary.thumbnail[..]);
        history.state(id, &Statement { original, ..Statement::new(truth, "kim") }).unwrap();
    }
    let out = folder.path().join("out");
    let exported = export(history.reader(), &out, None, &Limits::default()).unwrap();
    assert_eq!((exported.exported.len(), exported.left_out.len()), (1, 1));
    assert_valid("feedback_export", &fs::read_to_string(out.join("export.json")).unwrap());
}

/// A check that accepts everything would prove nothing.
#[test]
fn the_check_finds_faults() {
    let valid = json!({
        "image": "a.png", "width": 9, "height": 9, "score": 0.5, "decision": "good", "regions": [],
        "warnings": [], "files": { "overlay": null, "mask": null, "map": null }, "errors": [],
        "error": null, "model_digest": "0f", "schema": 1,
    });
    let schema = Schema::named("verdict");
    assert!(schema.faults(&valid).is_empty());
    let changes = [
        ("/score", json!(1.5)),
        ("/score", json!("0.5")),
        ("/decision", json!("fine")),
        ("/regions", json!([{}])),
        ("/width", json!(1.5)),
        ("/schema", json!(2)),
        ("/files", json!({ "overlay": null, "mask": null, "map": null, "report": "r.html" })),
    ];
    for (at, wrong) in changes {
        let mut changed = valid.clone();
        *changed.pointer_mut(at).unwrap() = wrong;
        assert!(!schema.faults(&changed).is_empty(), "{changed}");
    }
    for name in [
        "benchmark",
        "check",
        "coco",
        "evaluation",
        "feedback_export",
        "model",
        "run",
        "training_log",
        "verdict",
        "verify",
    ] {
        assert!(!Schema::named(name).faults(&json!({})).is_empty(), "{name}");
    }
}
