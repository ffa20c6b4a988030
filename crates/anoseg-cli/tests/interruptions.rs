//! Signals: what is done so far is kept, and the way to go on is said.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::Duration;

use anoseg_image::{Image, Limits, decode, write};
use common::{Workshop, signal};

/// Standard error and exit code of a program that ends.
fn ended(mut child: Child) -> (String, Option<i32>) {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (text, child.wait().unwrap().code())
}

/// Whether this process, and so every program that it starts, ignores SIGHUP. Linux alone tells.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1)
}

/// A supervisor that signals the process and its group once ended a training at once, without a
/// checkpoint and without a word on how to go on.
#[test]
fn double_signal() {
    let shop = Workshop::new();
    // Under nohup the program ignores SIGHUP, as it should.
    let kinds = if hangup_is_ignored() { &["-TERM", "-INT"][..] } else { &["-TERM", "-INT", "-HUP"] };
    for &kind in kinds {
        let mut child = shop.start("train data -o model.anoseg --steps 100000");
        shop.wait_for_steps("model-run", 1);
        signal(child.id(), kind);
        std::thread::sleep(Duration::from_millis(30));
        if child.try_wait().unwrap().is_none() {
            _ = std::process::Command::new("kill").args([kind, &child.id().to_string()]).status();
        }
        let (message, code) = ended(child);
        assert_eq!(code, Some(130), "{kind}: {message}");
        assert_eq!(message.matches("stopping after this step").count(), 1, "{kind}: {message}");
        assert!(message.contains("/anoseg train data -o"), "{kind}: {message}");
        assert!(shop.path("model-run/checkpoint/state.safetensors").is_file(), "{kind}");
        std::fs::remove_dir_all(shop.path("model-run")).unwrap();
    }
}

/// It once was only said that there is no such file.
#[test]
fn a_model_whose_training_was_stopped_is_named_with_the_way_to_go_on() {
    let shop = Workshop::new();
    let child = shop.start("train data -o my-model --layout mvtec --config tiny.toml --steps 100000");
    shop.wait_for_steps("my-model-run", 2);
    signal(child.id(), "-INT");
    assert_eq!(ended(child).1, Some(130));
    for (command, code) in
        [("info my-model", 2), ("predict my-model data -o out", 2), ("eval my-model data", 2)]
    {
        let (_, told) = shop.run(command, code);
        assert!(
            told.contains("my-model: ") && told.contains("training was stopped before the end"),
            "{told}"
        );
        let hint = told.trim_end().split("to go on: ").nth(1).unwrap();
        assert!(hint.ends_with("/data --layout mvtec -o my-model --resume"), "{hint}");
    }
    let (_, told) = shop.run("info other-model", 2);
    assert!(told.contains("check the path"), "{told}");
}

/// The training was said to be stopped, and to be gone on with.
#[test]
fn a_model_whose_training_is_under_way_is_named_so() {
    let shop = Workshop::new();
    std::fs::create_dir(shop.path("models")).unwrap();
    std::fs::create_dir(shop.path("sets")).unwrap();
    for run_dir in ["", " --run-dir elsewhere"] {
        let mut child = shop
            .start(&format!("train data -o models/data.anoseg --config tiny.toml --steps 100000{run_dir}"));
        shop.wait_for_steps(if run_dir.is_empty() { "models/data-run" } else { "elsewhere" }, 2);
        let expected =
            format!("its training is under way, by process {} (train): wait for its end", child.id());
        for command in ["info", "predict -o out", "eval"] {
            let (command, options) = command.split_once(' ').unwrap_or((command, ""));
            let data = if command == "info" { "" } else { "data" };
            let (_, told) = shop.run(&format!("{command} models/data.anoseg {data} {options}"), 2);
            assert!(told.contains(&expected) && !told.contains("was stopped"), "{command}: {told}");
        }
        if run_dir.is_empty() {
            std::os::unix::fs::symlink(shop.path("data"), shop.path("sets/data")).unwrap();
        }
        let (_, told) = shop.run("eval models sets", 2);
        assert!(told.contains(&expected), "{told}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (_, told) = shop.run("info models/data.anoseg", 2);
    assert!(told.contains("was stopped before the end"), "{told}");
}

#[test]
fn a_demo_goes_on_where_it_was_stopped() {
    let shop = Workshop::new();
    let child = shop.start("demo --out demo --time 20s");
    shop.wait_for_steps("demo/fabric/model-run", 1);
    signal(child.id(), "-INT");
    let (message, code) = ended(child);
    assert_eq!(code, Some(130), "{message}");
    assert!(message.contains("the same command goes on where this one stopped"), "{message}");
    let mut child = shop.start("demo --out demo --time 20s");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("going on at step")));
    signal(child.id(), "-TERM");
    let told: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told:?}");
}

/// Ctrl-C had no effect until the thresholds were there.
#[test]
fn thresholds_under_way_are_stopped_and_gone_on_with() {
    let shop = Workshop::new();
    for entry in std::fs::read_dir(shop.path("data/train/good")).unwrap() {
        let path = entry.unwrap().path();
        let image = decode::load(&path, &Limits::default()).unwrap();
        write::write_png(&path, &Image::from_fn(960, 960, |x, y| image.get(x % 96, y % 96))).unwrap();
    }
    let train = "train data -o model.anoseg --config tiny.toml --scale 1 --steps 2";
    let mut child = shop.start(train);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("deriving the thresholds")));
    signal(child.id(), "-INT");
    let told: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told:?}");
    let told = told.join("\n");
    assert!(told.contains("stopped at step 2; the checkpoint in model-run is complete"), "{told}");
    assert!(told.contains("to go on: ") && told.contains("--resume"), "{told}");
    assert!(!shop.path("model.anoseg").exists());
    let (out, err) = shop.run("train data -o model.anoseg --resume", 0);
    assert!(err.contains("all 2 steps are done") && out.contains("reject "), "{out}{err}");
}
