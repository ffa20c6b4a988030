//! Two models on the images that feedback was given on.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::time::Duration;

use anoseg_history::comparison::{Bounds, Comparison, Judge};
use anoseg_history::{History, Statement, Truth};
use anoseg_image::{Limits, decode};
use anoseg_infer::{Decision, Model};
use common::{FOR_EVER, image_file, write};

fn model(threshold: f32) -> Model {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1/compact.anoseg");
    let mut model = Model::load(&path).unwrap();
    let mut calibration = model.calibration().unwrap().clone();
    (calibration.image_threshold, calibration.review_threshold) = (threshold, threshold);
    model.set_calibration(calibration);
    model
}

/// A history with verdicts of good on so many images that an operator found good.
fn history(folder: &Path, images: u32) -> History {
    let history = History::open(folder, FOR_EVER).unwrap();
    for number in 0..images {
        let id = write(&history, i64::from(number), &format!("{number}.png"), 0.1);
        let file = image_file(number);
        let statement = Statement { original: Some(&file), ..Statement::new(Truth::Good, "kim") };
        history.state(id, &statement).unwrap();
    }
    history
}

fn compare(
    history: &History,
    former: Option<&Model>,
    new: &Model,
    (images, time): (usize, Duration),
) -> Comparison {
    let judge = |model| Judge { model, network: "same" };
    let limits = Limits::default();
    let bounds = Bounds { images, time, limits: &limits, changes: 2, stopped: &|| false };
    let judges = (former.map(judge), judge(new));
    Comparison::of(history.reader(), "token", judges, bounds).unwrap()
}

#[test]
fn both_judge_the_newest_images_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), 5);
    // The same file again, which now has a defect.
    let again = write(&history, 9, "again.png", 0.1);
    let file = image_file(4);
    let statement = Statement { original: Some(&file), ..Statement::new(Truth::Defect, "kim") };
    history.state(again, &statement).unwrap();
    let (lax, strict) = (model(1.0), model(0.0));
    let found = compare(&history, Some(&lax), &strict, (10, Duration::MAX));
    assert_eq!((found.available, found.images, found.left_out, found.complete), (5, 5, 0, true));
    let regression = &found.regression;
    assert_eq!((regression.worse, regression.better, regression.changed()), (4, 1, 5));
    assert_eq!((regression.before.missed_defects(), regression.after.missed_defects()), (1, 0));
    assert_eq!(regression.changes.len(), 2);
    // The score is that of the file, and not the recorded one.
    let change = regression.changes[0];
    let image = decode::load_bytes(&image_file(3), "image".as_ref(), &Limits::default()).unwrap();
    assert_eq!(change.scores, [lax.inspect(&image).unwrap().score; 2]);
    assert_eq!((change.before, change.after), (Decision::Good, Decision::Reject));
    let told = found.told(history.reader()).unwrap();
    assert_eq!((told.regression.changes[0].name.as_str(), told.regression.changes[0].worse), ("3.png", true));
    assert_eq!(compare(&history, Some(&lax), &lax, (2, Duration::MAX)).regression.changed(), 0);
}

#[test]
fn without_a_former_model_the_record_counts() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), 1);
    let found = compare(&history, None, &model(0.0), (10, Duration::MAX));
    assert_eq!((found.regression.changes[0].scores[0], found.regression.worse), (0.1, 1));
}

#[test]
fn what_is_missing_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(folder.path(), 4);
    let digest = |id: i64| history.reader().verdict(id).unwrap().unwrap().original.unwrap();
    std::fs::write(history.reader().original(&digest(1)), "no image").unwrap();
    std::fs::remove_file(history.reader().original(&digest(2))).unwrap();
    let new = model(0.0);
    let found = compare(&history, Some(&new), &new, (10, Duration::MAX));
    assert_eq!((found.available, found.images, found.left_out, found.complete), (4, 2, 2, true));
    let late = compare(&history, Some(&new), &new, (10, Duration::ZERO));
    assert_eq!((late.available, late.images, late.complete), (4, 0, false));
    assert_eq!(compare(&history, None, &new, (1, Duration::MAX)).available, 1);
}
