//! `anoseg feedback`: from the history that a server writes to datasets and thresholds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use anoseg_history::{History, ImageSummary, ModelKey, Record, Retention, Statement, Truth, Used};
use anoseg_image::{Limits, decode};
use anoseg_infer::{Model, ModelFile};
use common::Workshop;

/// Inspects the images of a folder as a server would, and writes the verdicts down. Gives their numbers.
fn inspect(shop: &Workshop, history: &History, folder: &str) -> Vec<i64> {
    let path = shop.path("model.anoseg");
    let key = ModelKey::of("token", "3", ModelFile::read(&path).unwrap()).unwrap();
    let model = Model::load(&path).unwrap();
    let used = Used::from(model.calibration().unwrap());
    images(&shop.path(folder))
        .iter()
        .map(|image| {
            let decoded = decode::load(image, &Limits::default()).unwrap();
            let inspection = model.inspect(&decoded).unwrap();
            let summary = ImageSummary::of(&model.scaled(&decoded));
            let name = image.display().to_string();
            let verdict = (inspection.decision, inspection.score);
            let record =
                Record { regions: &inspection.regions, ..Record::new(&name, &key, verdict, used, &summary) };
            history.record(&record).unwrap()
        })
        .collect()
}

fn images(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn state(history: &History, id: i64, truth: Truth, image: Option<&Path>) {
    let original = image.map(|path| fs::read(path).unwrap());
    let statement = Statement { original: original.as_deref(), ..Statement::new(truth, "kim") };
    history.state(id, &statement).unwrap();
}

#[test]
fn feedback_is_exported_and_tried_on_the_history() {
    let shop = Workshop::new();
    shop.train(12);
    let history = History::open(&shop.path("history"), Retention::default()).unwrap();
    let good = inspect(&shop, &history, "data/test/good");
    let train = inspect(&shop, &history, "data/train/good");
    let bad = inspect(&shop, &history, "data/test/chip");
    for (&id, path) in good.iter().zip(images(&shop.path("data/test/good"))) {
        state(&history, id, Truth::Good, Some(&path));
    }
    for (&id, path) in bad.iter().zip(images(&shop.path("data/test/chip"))) {
        state(&history, id, Truth::Defect, Some(&path));
    }
    // While the server runs.
    let (out, err) = shop.run("feedback export new --history history", 0);
    assert!(out.contains("4 good images and 2 images of defects; 0 verdicts left out"), "{out}{err}");
    assert_eq!(images(&shop.path("new/token/train/good")).len(), 4);
    let (checked, _) = shop.run("check new/token", 0);
    assert!(checked.contains("layout mvtec"), "{checked}");
    let (calibrated, told) = shop.run("calibrate model.anoseg new/token -o again.anoseg", 0);
    assert!(calibrated.contains("normals   4"), "{calibrated}{told}");

    state(&history, train[0], Truth::Good, None);
    let (_, told) = shop.run("feedback export other --history history --model token", 3);
    assert!(told.contains("left out: verdict") && told.contains("was not kept"), "{told}");
    let (_, told) = shop.run("feedback export new --history history", 2);
    assert!(told.contains("not empty") && told.contains("new"), "{told}");
    let (_, told) = shop.run("feedback export third --history history --model gear", 3);
    assert!(told.contains("no feedback on model gear"), "{told}");

    let before = fs::read(shop.path("model.anoseg")).unwrap();
    let (out, told) = shop.run("feedback thresholds model.anoseg --history history --unquestioned", 0);
    for line in
        ["reject    score > ", "review    score > ", "scores    5 confirmed by feedback", "of 26 decisions"]
    {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.contains("defects that pass: ") && out.contains("of 2 with feedback"), "{out}");
    assert!(told.contains("was not changed"), "{told}");
    assert!(fs::read(shop.path("model.anoseg")).unwrap() == before);
    // A model of the same network with other thresholds takes the same verdicts.
    let (out, _) = shop.run("feedback thresholds again.anoseg --history history --since 1h --list 0", 0);
    assert!(out.contains("of 26 decisions"), "{out}");
}

#[test]
fn what_is_no_history_is_named_with_the_way_out() {
    let shop = Workshop::new();
    shop.train(12);
    let told = |arguments: &str, code: i32| shop.run(arguments, code).1;
    let missing = told("feedback export out --history nothing", 2);
    assert!(missing.contains("nothing holds no history") && missing.contains("give the folder"), "{missing}");
    drop(History::open(&shop.path("history"), Retention::default()).unwrap());
    let empty = told("feedback export out --history history", 3);
    assert!(empty.contains("has no feedback"), "{empty}");
    let none = told("feedback thresholds model.anoseg --history history", 3);
    assert!(none.contains("no verdict of this model") && none.contains("no verdicts at all"), "{none}");
    fs::write(shop.path("history/history.sqlite"), "notes").unwrap();
    let damaged = told("feedback thresholds model.anoseg --history history", 3);
    assert!(damaged.contains("history.sqlite is damaged") && damaged.contains("left as it is"), "{damaged}");
    assert!(told("feedback thresholds data --history history", 4).contains("data"));
    let share = told("feedback thresholds model.anoseg --history history --false-reject few", 2);
    assert!(share.contains("give a share"), "{share}");
    assert!(!shop.path("out").exists());
}
