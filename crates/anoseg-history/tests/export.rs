//! Exported feedback is a dataset, and each verdict with feedback is exported or left out for a reason.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use anoseg_history::export::{Export, export};
use anoseg_history::{Error, History, Statement, Truth};
use anoseg_image::Limits;
use anoseg_image::dataset::{Dataset, Layout};
use common::{FOR_EVER, image_file, model, write_of};

fn state(history: &History, id: i64, truth: Truth, image: Option<&[u8]>) {
    let statement = Statement { original: image, note: "seen, twice", ..Statement::new(truth, "kim") };
    history.state(id, &statement).unwrap();
}

fn why(export: &Export, verdict: i64) -> &str {
    &export.left_out.iter().find(|left| left.verdict == verdict).unwrap().why
}

#[test]
fn feedback_becomes_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("history"), FOR_EVER).unwrap();
    let (token, gear) = (model("token"), model("a/../gear"));
    let write = |name: &str| write_of(&history, &token, 1, name, 0.9);
    let good: Vec<i64> = (0..3).map(|i| write(&format!("{i}_mask.png"))).collect();
    for &id in &good {
        state(&history, id, Truth::Good, Some(&image_file(id as u32)));
    }
    let defect = write("bad.png");
    state(&history, defect, Truth::Defect, Some(&image_file(1000)));
    let without = write("without.png");
    state(&history, without, Truth::Good, None);
    let damaged = write("damaged.png");
    state(&history, damaged, Truth::Good, Some(&image_file(1001)[..200]));
    let earlier = write("earlier.png");
    state(&history, earlier, Truth::Good, Some(&image_file(1002)));
    let later = write("later.png");
    state(&history, later, Truth::Defect, Some(&image_file(1002)));
    let same = write("same.png");
    state(&history, same, Truth::Defect, Some(&image_file(1002)));
    let revoked = write("revoked.png");
    state(&history, revoked, Truth::Good, Some(&image_file(1003)));
    history.state(revoked, &Statement::revoke("kim")).unwrap();
    let other = write_of(&history, &gear, 1, "gear.png", 0.9);
    state(&history, other, Truth::Good, Some(&image_file(1002)));

    let out = folder.path().join("out");
    let reader = history.reader();
    let exported = export(reader, &out, None, &Limits::default()).unwrap();
    assert_eq!(exported.exported.len(), 6);
    assert!(why(&exported, without).contains("not kept"));
    assert!(why(&exported, damaged).contains("cannot be decoded"));
    assert!(why(&exported, earlier).contains("says otherwise"));
    assert!(why(&exported, later).contains(&format!("verdict {same} has the same image")));
    assert_eq!(exported.left_out.len(), 4);
    let listed: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("export.json")).unwrap()).unwrap();
    assert_eq!(listed["exported"][1]["author"], "kim");

    let dataset = Dataset::open(&out.join("token")).unwrap();
    assert_eq!(dataset.layout, Layout::Mvtec);
    assert_eq!(dataset.train.len(), 3);
    assert_eq!(dataset.test.len(), 2);
    assert!(dataset.test.iter().all(|test| !test.is_good()));
    let first = out.join(format!("token/train/good/verdict-{}.png", good[0]));
    assert_eq!(fs::read(first).unwrap(), image_file(good[0] as u32));
    assert!(out.join("a_.._gear/train/good").is_dir());

    assert!(matches!(export(reader, &out, None, &Limits::default()), Err(Error::NotEmpty { .. })));
    let one = export(reader, &folder.path().join("new/one"), Some("a/../gear"), &Limits::default()).unwrap();
    assert_eq!(one.exported.len(), 1);
    let none = folder.path().join("none");
    let error = export(reader, &none, Some("part"), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("no feedback on model part"), "{error}");
    assert!(!none.exists());
}

#[test]
fn a_kept_file_that_changed_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("history"), FOR_EVER).unwrap();
    let ids: Vec<i64> = (0..2).map(|_| write_of(&history, &model("token"), 1, "a.png", 0.9)).collect();
    for &id in &ids {
        state(&history, id, Truth::Good, Some(&image_file(id as u32)));
    }
    let file = |id: i64| {
        let row = history.reader().verdict(id).unwrap().unwrap();
        history.reader().original(&row.original.unwrap())
    };
    fs::write(file(ids[0]), image_file(77)).unwrap();
    fs::remove_file(file(ids[1])).unwrap();
    let export = export(history.reader(), &folder.path().join("out"), None, &Limits::default()).unwrap();
    assert!(why(&export, ids[0]).contains("is damaged") && why(&export, ids[1]).contains("cannot be read"));
    assert!(export.exported.is_empty());
}
