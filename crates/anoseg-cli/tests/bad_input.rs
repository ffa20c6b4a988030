//! Bad input: a clear message that names the file, the right exit code, nothing half-written, and
//! the rest goes on.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use anoseg_image::Mask;
use anoseg_image::write::write_mask_png;
use common::Workshop;

/// Runs a command that must fail with `code` and a message that holds every one of `words`.
fn fails(shop: &Workshop, arguments: &str, code: i32, words: &[&str]) {
    let (_, message) = shop.run(arguments, code);
    for word in words {
        assert!(message.contains(word), "anoseg {arguments}: {word:?} is not in\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn folders_without_enough_images() {
    let shop = Workshop::new();
    fs::create_dir(shop.path("empty")).unwrap();
    fails(&shop, "train empty -o m.anoseg", 3, &["empty"]);
    fails(&shop, "train missing -o m.anoseg", 3, &["missing"]);
    fails(&shop, "train tiny.toml -o m.anoseg", 3, &["tiny.toml"]);
    fs::create_dir(shop.path("one")).unwrap();
    fs::copy(shop.path("data/train/good/000.png"), shop.path("one/a.png")).unwrap();
    fails(&shop, "train one -o m.anoseg --config tiny.toml --steps 2", 3, &["one", "not enough"]);
    assert!(!shop.path("m.anoseg").exists());
}

#[test]
fn a_damaged_training_image_is_named_and_left_out() {
    let shop = Workshop::new();
    truncate(&shop.path("data/train/good/003.png"));
    fs::write(shop.path("data/train/good/004.png"), "a text, not an image").unwrap();
    let (_, message) = shop.run("train data -o m.anoseg --config tiny.toml --steps 2", 0);
    assert!(message.contains("003.png") && message.contains("004.png"), "{message}");
}

#[test]
fn an_ablation_without_test_images_is_refused_before_it_trains() {
    let shop = Workshop::new();
    fails(&shop, "ablate data/train/good --out ablation --steps 2", 3, &["good", "nothing to evaluate"]);
    assert!(!shop.path("ablation").exists());
}

#[test]
fn an_ablation_that_left_an_image_out_ends_with_exit_code_3() {
    let shop = Workshop::new();
    truncate(&shop.path("data/test/chip/000.png"));
    let ablate = "ablate data --out ablation --preset fast --config tiny.toml --steps 1";
    fails(&shop, ablate, 3, &["left out", "chip/000.png"]);
    assert!(shop.path("ablation/ablation.md").is_file());
}

#[test]
fn one_bad_image_does_not_stop_a_batch() {
    let shop = Workshop::new();
    shop.train(2);
    truncate(&shop.path("data/test/chip/000.png"));
    fails(&shop, "predict model.anoseg data/test -o out", 3, &["chip/000.png"]);
    let verdicts = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    assert_eq!(verdicts.lines().count(), 8, "the unreadable image has its line");
    assert_eq!(verdicts.lines().filter(|line| line.contains("\"decision\":null")).count(), 1);
    fails(&shop, "eval model.anoseg data --json f.json", 3, &["chip/000.png"]);
    assert!(shop.path("f.json").is_file());
}

#[test]
fn a_mask_of_another_size_is_named() {
    let shop = Workshop::new();
    shop.train(2);
    let mask = shop.path("data/ground_truth/chip/001_mask.png");
    write_mask_png(&mask, &Mask::filled(10, 10, true)).unwrap();
    fails(&shop, "eval model.anoseg data", 3, &["001_mask.png", "10"]);
}

#[test]
fn a_category_without_test_images_cannot_be_evaluated() {
    let shop = Workshop::new();
    shop.train(2);
    fails(&shop, "eval model.anoseg data/train/good", 3, &["nothing to evaluate"]);
}

#[test]
fn damaged_models() {
    let shop = Workshop::new();
    shop.train(2);
    let model = fs::read(shop.path("model.anoseg")).unwrap();
    fs::write(shop.path("cut.anoseg"), &model[..model.len() - 100]).unwrap();
    fails(&shop, "info cut.anoseg", 4, &["cut.anoseg"]);
    let mut flipped = model.clone();
    let last = flipped.len() - 5;
    flipped[last] ^= 0x10;
    fs::write(shop.path("flipped.anoseg"), &flipped).unwrap();
    fails(&shop, "predict flipped.anoseg data/test -o out", 4, &["flipped.anoseg", "damaged"]);
    fs::write(shop.path("text.anoseg"), "not a model").unwrap();
    fails(&shop, "eval text.anoseg data", 4, &["text.anoseg"]);
    fails(&shop, "info none.anoseg", 2, &["none.anoseg"]);
    let format = br#"\"format\":"#;
    let at = model.windows(format.len()).position(|bytes| bytes == format).unwrap() + format.len();
    let mut newer = model.clone();
    newer[at] = b'9';
    fs::write(shop.path("newer.anoseg"), newer).unwrap();
    fails(&shop, "info newer.anoseg", 4, &["newer.anoseg", "update anoseg"]);
    fails(&shop, "info model-run/checkpoint/state.safetensors", 4, &["checkpoint, not a model"]);
    fails(&shop, "encoder add model.anoseg", 4, &["model.anoseg", "this is a model, not an encoder"]);
}

#[cfg(target_os = "linux")]
#[test]
fn places_that_cannot_be_written() {
    let shop = Workshop::new();
    shop.train(2);
    fails(&shop, "train data -o /proc/m.anoseg --config tiny.toml --steps 2", 2, &["/proc"]);
    fails(&shop, "train data -o data --config tiny.toml --steps 2", 2, &["folder"]);
    fails(&shop, "eval model.anoseg data --json /dev/full", 2, &["/dev/full", "disk is full"]);
    fails(&shop, "eval model.anoseg data --report tiny.toml/r.html", 2, &["tiny.toml"]);
    fails(&shop, "predict model.anoseg data/test -o tiny.toml", 2, &["tiny.toml"]);
    fails(&shop, "synth data --out /proc/synth --config tiny.toml", 2, &["/proc"]);
}

#[test]
fn settings_out_of_range() {
    let shop = Workshop::new();
    fs::write(shop.path("odd.toml"), "[input]\nsize = 250\n").unwrap();
    fails(&shop, "train data -o m.anoseg --config odd.toml", 2, &["input.size = 250"]);
    fs::write(shop.path("typo.toml"), "[optimiser]\nlearning_rat = 1\n").unwrap();
    fails(&shop, "train data -o m.anoseg --config typo.toml", 2, &["typo.toml", "learning_rat"]);
    fails(&shop, "train data -o m.anoseg --device gpu", 2, &["gpu"]);
    fails(&shop, "train data -o m.anoseg --steps 0", 2, &["0 steps"]);
    fails(&shop, "train data -o m.anoseg --time 10x", 2, &["10x"]);
}

/// A million threads once kept the machine busy for minutes; a level that does not exist was ignored.
#[test]
fn an_environment_that_cannot_be_met_is_refused() {
    let shop = Workshop::new();
    for (name, value) in [("RAYON_NUM_THREADS", "1000000"), ("ANOSEG_SIMD", "avx1024")] {
        let output = shop.anoseg("info none.anoseg").env(name, value).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(name) && message.contains(value), "{message}");
    }
}

/// A pipe in the place of the log once made the program wait for ever.
#[cfg(unix)]
#[test]
fn a_pipe_in_a_run_directory_is_refused() {
    let shop = Workshop::new();
    shop.train(2);
    for name in ["model-run/metrics.jsonl", "model-run/config.toml"] {
        fs::remove_file(shop.path(name)).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(shop.path(name)).status().unwrap().success());
        fails(&shop, "eval model.anoseg data --report r.html", 2, &[name, "not a regular file"]);
        fs::remove_file(shop.path(name)).unwrap();
        shop.train(2);
    }
}

/// They were once left out of the training curve without a word.
#[test]
fn a_report_tells_of_broken_lines_in_the_log() {
    let shop = Workshop::new();
    shop.train(2);
    let page = || {
        shop.run("eval model.anoseg data --report r.html", 0);
        fs::read_to_string(shop.path("r.html")).unwrap()
    };
    assert!(!page().contains("Broken lines"));
    let log = shop.path("model-run/metrics.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{text}\u{0}\nno record\n")).unwrap();
    assert!(page().contains("metrics.jsonl are left out: 2."));
}
