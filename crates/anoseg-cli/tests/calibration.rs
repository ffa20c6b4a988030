//! `calibrate`: which images it takes, and that good thresholds are never lost.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use anoseg_image::write::write_png;
use anoseg_synth::demo::{Part, good};
use common::Workshop;
use serde_json::Value;

fn description(shop: &Workshop, model: &str) -> Value {
    let (text, _) = shop.run(&format!("info {model} --json"), 0);
    serde_json::from_str(&text).unwrap()
}

/// Copies images from `data` into a folder of their own.
fn folder_of(shop: &Workshop, folder: &str, images: &[String]) {
    fs::create_dir_all(shop.path(folder)).unwrap();
    for (number, image) in images.iter().enumerate() {
        fs::copy(shop.path("data").join(image), shop.path(folder).join(format!("{number:03}.png"))).unwrap();
    }
}

/// The category that `train` and `eval` take once had its defects and masks taken for good images, and
/// the thresholds became 1.
#[test]
fn calibrate_category() {
    let shop = Workshop::new();
    shop.train(12);
    let before = description(&shop, "model.anoseg");
    let (text, notes) = shop.run("calibrate model.anoseg data --false-reject 0.2", 0);
    assert!(notes.contains("the good images are taken"), "{notes}");
    // Fifteen of twenty were trained on; five held out and four for testing are left.
    assert!(notes.contains("15 images that were trained on"), "{notes}");
    assert!(text.contains("normals   9"), "{text}");
    let after = description(&shop, "model.anoseg");
    assert_eq!(after["former_calibrations"][0], before["calibration"]);
    assert_eq!(after["provenance"]["trained_on"].as_array().unwrap().len(), 15);
    let (text, _) = shop.run("info model.anoseg", 0);
    assert!(text.contains("thresholds kept: 1"), "{text}");
}

/// Thresholds from a category's good test images, and figures at these thresholds on the same images,
/// were shown without a word.
#[test]
fn an_evaluation_names_images_that_gave_the_thresholds_or_were_trained_on() {
    let shop = Workshop::new();
    shop.train(12);
    let held_out = &description(&shop, "model.anoseg")["calibration"]["calibrated_on"];
    assert_eq!(held_out.as_array().unwrap().len(), 5);
    let (_, told) = shop.run("eval model.anoseg data", 0);
    assert!(!told.contains("used for the thresholds") && !told.contains("trained on"), "{told}");
    shop.run("calibrate model.anoseg data --false-reject 0.2", 0);
    // Another is trained on: the first of the training images, or one of those held out.
    for number in 0..20 {
        let (image, copy) =
            (format!("data/train/good/{number:03}.png"), format!("data/test/good/t{number}.png"));
        fs::copy(shop.path(&image), shop.path(&copy)).unwrap();
    }
    let (_, told) = shop.run("eval model.anoseg data --json f.json --report r.html", 0);
    let json = fs::read_to_string(shop.path("f.json")).unwrap();
    let report = fs::read_to_string(shop.path("r.html")).unwrap();
    for text in [told, json, report] {
        assert!(text.contains("test images were trained on") && text.contains("15 of "), "{text}");
        assert!(
            text.contains("test images were used for the thresholds") && text.contains("9 of "),
            "{text}"
        );
    }
}

/// `predict` named them, `eval` did not.
#[test]
fn an_evaluation_on_images_unlike_those_of_the_training_says_so() {
    let shop = Workshop::new();
    shop.train(4);
    for number in 0..3 {
        let image = good(Part::Token, 1, 100 + number, 4 * common::SIDE, 4 * common::SIDE);
        write_png(&shop.path(&format!("data/test/good/large{number}.png")), &image).unwrap();
    }
    let (_, told) = shop.run("eval model.anoseg data", 0);
    assert_eq!(told.matches("of another size than the training images, such as").count(), 1, "{told}");
    assert!(told.contains("3 of "), "{told}");
}

#[test]
fn too_few_images_are_refused_with_the_number_needed() {
    let shop = Workshop::new();
    shop.train(4);
    let old = fs::read(shop.path("model.anoseg")).unwrap();
    folder_of(&shop, "one", &["test/good/000.png".into()]);
    let (_, told) = shop.run("calibrate model.anoseg one", 3);
    assert!(told.contains("1 good image: give at least 4, and 99 for"), "{told}");
    // All of these were learned from, or held out: the rest is too few.
    let trained: Vec<String> = (0..3).map(|number| format!("train/good/{number:03}.png")).collect();
    folder_of(&shop, "trained", &trained);
    let (_, told) = shop.run("calibrate model.anoseg trained", 3);
    assert!(told.contains("give at least 4"), "{told}");
    assert_eq!(fs::read(shop.path("model.anoseg")).unwrap(), old);
}

#[test]
fn another_file_can_be_written_and_a_read_only_one_is_not_replaced() {
    let shop = Workshop::new();
    shop.train(4);
    let old = fs::read(shop.path("model.anoseg")).unwrap();
    shop.run("calibrate model.anoseg data/test/good --false-reject 0.2 -o new/other.anoseg", 0);
    assert_eq!(fs::read(shop.path("model.anoseg")).unwrap(), old);
    assert_eq!(description(&shop, "new/other.anoseg")["calibration"]["false_reject"], 0.2);
    let mut permissions = fs::metadata(shop.path("model.anoseg")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(shop.path("model.anoseg"), permissions).unwrap();
    let (_, told) = shop.run("calibrate model.anoseg data/test/good --false-reject 0.2", 2);
    assert!(told.contains("model.anoseg") && told.contains("read-only"), "{told}");
    assert_eq!(fs::read(shop.path("model.anoseg")).unwrap(), old);
}

#[test]
fn a_file_of_format_1_is_said_to_be_rewritten() {
    let shop = Workshop::new();
    let fixture = "../anoseg-infer/tests/fixtures/format1/compact.anoseg";
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
    fs::copy(fixture, shop.path("old.anoseg")).unwrap();
    let (_, notes) = shop.run("calibrate old.anoseg data/test/good --false-reject 0.2 -o new.anoseg", 0);
    assert!(notes.contains("is written in format 2, the first was in format 1"), "{notes}");
    assert!(notes.contains("does not tell which images it was trained on"), "{notes}");
}

#[test]
fn rates_are_checked_before_the_images_are_read() {
    let shop = Workshop::new();
    shop.train(2);
    for (options, name) in [
        ("--false-reject -0.1", "calibration.false_reject = -0.1"),
        ("--false-reject nan", "calibration.false_reject = NaN"),
        ("--false-reject 0.2 --review 0.1", "calibration.review = 0.1"),
    ] {
        let (_, told) = shop.run(&format!("calibrate model.anoseg none {options}"), 2);
        assert!(told.contains(name) && told.contains("its option is --"), "{told}");
    }
}

/// The thresholds were once printed before they were refused or could not be written, as if the model
/// had them.
#[cfg(target_os = "linux")]
#[test]
fn thresholds_are_printed_once_they_are_written() {
    let shop = Workshop::new();
    shop.train(4);
    let (told, _) = shop.run("calibrate model.anoseg data/test/good --false-reject 0.2 -o /dev/full", 2);
    assert_eq!(told, "");
    let (told, _) = shop.run("calibrate model.anoseg data/test/good --false-reject 0.2 -o o.anoseg", 0);
    assert!(told.starts_with("model     o.anoseg\n") && told.contains("reject    score >"), "{told}");
}

/// Images of another size or scale than those of the training once moved the thresholds without a
/// word.
#[test]
fn images_unlike_those_of_the_training_are_named() {
    let shop = Workshop::new();
    shop.train(4);
    for number in 0..7 {
        let image = good(Part::Token, 1, 100 + number, 4 * common::SIDE, 4 * common::SIDE);
        fs::create_dir_all(shop.path("large")).unwrap();
        write_png(&shop.path(&format!("large/{number}.png")), &image).unwrap();
    }
    let (_, told) = shop.run("calibrate model.anoseg large --false-reject 0.2 -o other.anoseg", 0);
    assert_eq!(told.matches("the training images: 96 x 96").count(), 5, "{told}");
    assert!(told.contains("large/0.png: the image is 384 x 384 pixels"), "{told}");
    assert!(told.contains("2 more images of another size than the training images"), "{told}");
}

/// `info` named former thresholds, and nothing put them in force again.
#[test]
fn former_thresholds_can_be_put_in_force_again() {
    let shop = Workshop::new();
    shop.train(4);
    let (_, told) = shop.run("calibrate model.anoseg --former 1", 2);
    assert!(told.contains("--former = 1: the model has no former thresholds"), "{told}");
    for rate in ["0.2", "0.3"] {
        shop.run(&format!("calibrate model.anoseg data/test/good --false-reject {rate}"), 0);
    }
    let rates = |model: &str| {
        let description = description(&shop, model);
        let rate = |calibration: &Value| calibration["false_reject"].as_f64().unwrap();
        let former = description["former_calibrations"].as_array().unwrap().iter().map(rate);
        std::iter::once(rate(&description["calibration"])).chain(former).collect::<Vec<_>>()
    };
    assert_eq!(rates("model.anoseg"), [0.3, 0.2, 0.01]);
    let (text, _) = shop.run("info model.anoseg", 0);
    let command = text.split("in force again: ").nth(1).unwrap().lines().next().unwrap();
    assert!(command.ends_with("calibrate model.anoseg --former 1"), "{text}");
    assert!(text.contains("  2: score > ") && text.contains("wanted false-reject rate 0.01"), "{text}");
    let (told, _) = shop.run("calibrate model.anoseg --former 2", 0);
    assert!(told.starts_with("model     model.anoseg\n") && told.contains("normals   5"), "{told}");
    assert_eq!(rates("model.anoseg"), [0.01, 0.2, 0.3]);
    // Former thresholds are not lost where those of the training are in force.
    let (_, told) = shop.run("train data -o model.anoseg --resume", 0);
    assert!(told.contains("model.anoseg was calibrated since and stays as it is"), "{told}");
    shop.run("calibrate model.anoseg --former 2 -o other.anoseg", 0);
    assert_eq!(rates("other.anoseg"), [0.3, 0.2, 0.01]);
    for number in ["0", "3"] {
        let (_, told) = shop.run(&format!("calibrate model.anoseg --former {number}"), 2);
        assert!(told.contains("the model has 2, counted from 1"), "{told}");
    }
    shop.run("calibrate model.anoseg data/test/good --former 1", 2);
    shop.run("calibrate model.anoseg", 2);
}

/// Of two calibrations or trainings into one file at the same time, the result of one was lost without a word.
#[cfg(unix)]
#[test]
fn one_process_at_a_time_writes_a_model() {
    use common::signal;

    let shop = Workshop::new();
    shop.train(2);
    fs::copy(shop.path("model.anoseg"), shop.path("other.anoseg")).unwrap();
    // Under way: a training into the same file with a run directory of its own.
    let train = "train data -o model.anoseg --config tiny.toml";
    let mut child = shop.start(&format!("{train} --run-dir first --steps 100000"));
    shop.wait_for_steps("first", 2);
    let holder = format!("model.anoseg is in use by process {} (train): wait for its end", child.id());
    for command in [
        &format!("{train} --run-dir second --steps 2"),
        "calibrate model.anoseg data/test/good",
        "calibrate other.anoseg data/test/good -o model.anoseg",
        "calibrate other.anoseg --former 1 -o ./model.anoseg",
    ] {
        let (_, told) = shop.run(command, 2);
        assert!(told.contains(&holder) && told.contains("another file with --output"), "{command}: {told}");
    }
    shop.run("calibrate model.anoseg data/test/good -o fine.anoseg", 0);
    shop.run("info model.anoseg", 0);
    // The lock of a killed process does not hold.
    signal(child.id(), "-KILL");
    child.wait().unwrap();
    assert!(shop.path(".model.anoseg.lock").is_file());
    shop.run("calibrate model.anoseg data/test/good", 0);
    shop.run("calibrate model.anoseg --former 1", 0);
    assert!(!shop.path(".model.anoseg.lock").exists());
}
