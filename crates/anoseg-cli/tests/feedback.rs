//! `anoseg feedback`: from the history that a server writes to datasets and thresholds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use anoseg_history::{History, ImageSummary, ModelKey, Record, Retention, Statement, Truth, Used};
use anoseg_image::{Limits, decode};
use anoseg_infer::{Calibration, Model, ModelFile};
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

    // The next version of the model, with these thresholds.
    let (out, told) =
        shop.run("feedback thresholds model.anoseg --history history --unquestioned -o next.anoseg", 0);
    assert!(out.contains("model     next.anoseg") && told.contains("not guaranteed"), "{out}{told}");
    assert!(fs::read(shop.path("model.anoseg")).unwrap() == before);
    let (old, new) = (calibration(&shop, "model.anoseg"), calibration(&shop, "next.anoseg"));
    assert_eq!(new.verdicts.map(|scores| scores.confirmed), Some(5));
    assert!(new.held_out && new.synthetic_rejected.is_none() && new.pixel_threshold == old.pixel_threshold);
    assert!(out.contains(&format!("reject    score > {}", new.image_threshold)), "{out}");
    // Those of the four images that were kept.
    assert!(new.calibrated_on.len() >= 4 && new.normal_scores.is_sorted());
    let file = ModelFile::read(&shop.path("next.anoseg")).unwrap();
    assert_eq!(file.description.former_calibrations[0], old);
    assert_eq!(file.tensors, ModelFile::read(&shop.path("model.anoseg")).unwrap().tensors);
    // Its scores are in the history already: those of the images before count, and not twice.
    let (out, _) = shop.run("feedback thresholds next.anoseg --history history --unquestioned", 0);
    let images = old.normal_scores.len();
    assert!(out.contains(&format!(" {images} of the calibration")), "{out}");
    let (_, told) = shop.run("feedback thresholds model.anoseg --history history -o model.anoseg", 2);
    assert!(told.contains("stays as it is"), "{told}");
    assert!(fs::read(shop.path("model.anoseg")).unwrap() == before);
}

fn calibration(shop: &Workshop, model: &str) -> Calibration {
    ModelFile::read(&shop.path(model)).unwrap().description.calibration.unwrap()
}

#[test]
fn a_new_model_is_compared_on_the_images_of_the_feedback() {
    let shop = Workshop::new();
    shop.train(12);
    let history = History::open(&shop.path("history"), Retention::default()).unwrap();
    let good = inspect(&shop, &history, "data/test/good");
    let (out, told) = shop.run("feedback regression model.anoseg --history history", 3);
    assert!(told.contains("no feedback on this model whose image was kept"), "{out}{told}");
    for (&id, path) in good.iter().zip(images(&shop.path("data/test/good"))) {
        state(&history, id, Truth::Good, Some(&path));
    }
    // The same model decides as recorded.
    let same = "feedback regression model.anoseg --history history --max-worse 0";
    let (out, _) = shop.run(same, 0);
    assert!(out.contains("images    4 of 4") && out.contains("changes   0 of 4"), "{out}");
    // One that rejects everything.
    let mut model = Model::load(&shop.path("model.anoseg")).unwrap();
    let strict =
        Calibration { image_threshold: 0.0, review_threshold: 0.0, ..model.calibration().unwrap().clone() };
    model.set_calibration(strict);
    model.save(&shop.path("strict.anoseg")).unwrap();
    let compare = "feedback regression strict.anoseg --history history --former model.anoseg --list 1";
    let (out, _) = shop.run(compare, 0);
    assert!(out.contains("good parts rejected: 4 of 4 with feedback, at present 0"), "{out}");
    assert!(out.contains("confirmed good: worse") && out.contains("and 3 more"), "{out}");
    let (_, told) = shop.run(&format!("{compare} --max-worse 3"), 1);
    assert!(told.contains("4 of the images are decided worse"), "{told}");
    shop.run(&format!("{compare} --max-worse 4"), 0);
    let (_, told) = shop.run("feedback regression strict.anoseg --history history --name gear", 3);
    assert!(told.contains("no feedback"), "{told}");
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
