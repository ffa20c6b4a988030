//! Messages: each once, with the right name, a remedy that exists, and nothing that acts on the
//! terminal.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::Workshop;

/// Each had its cause twice, the wrong name or no remedy.
#[test]
fn messages() {
    let shop = Workshop::new();
    shop.train(2);
    let told = |arguments: &str, code: i32| shop.run(arguments, code).1;
    let option = told("eval model.anoseg data --max-pixels 100", 3);
    assert!(option.contains("(max_pixels)") && option.contains("its option is --max-pixels"), "{option}");
    for command in ["check data", "synth data --out synthetic --config tiny.toml"] {
        let option = told(&format!("{command} --max-pixels 100"), 3);
        assert!(option.contains("its option is --max-pixels"), "{option}");
    }
    let option = told("train data -o m.anoseg --config tiny.toml --steps 1 --max-side 50", 3);
    assert!(option.contains("its option is --max-side"), "{option}");
    let option = told("calibrate model.anoseg data/test/good --max-file-bytes 10", 3);
    assert!(option.contains("its option is --max-file-bytes"), "{option}");
    for (option, value) in [("--steps", "-1"), ("--seed", "-1"), ("--time", "-5m"), ("--steps", "1.5")] {
        let message = told(&format!("train data -o m.anoseg {option} {value}"), 2);
        assert!(message.contains(&format!("invalid value '{value}' for '{option}")), "{message}");
    }
    fs::write(shop.path("c.toml"), "seed = 1\n[calibration]\nfalse_reject = 1.5\n").unwrap();
    let file = told("train data -o m.anoseg --config c.toml --steps 2", 2);
    assert!(file.contains("c.toml, line 3: calibration.false_reject = 1.5"), "{file}");
    assert!(!file.contains("its option is"), "train has no such option: {file}");
    fs::write(shop.path("s.toml"), "[synthesis]\nclean_share = 1.5\n").unwrap();
    let file = told("train data -o m.anoseg --config s.toml --steps 2", 2);
    assert!(file.contains("s.toml, line 2: synthesis.clean_share = 1.5"), "{file}");
    let way_out = told("train data -o tiny.toml/m.anoseg --steps 2", 2);
    assert!(way_out.contains("choose another") && !way_out.contains("lies there"), "{way_out}");
    let unit = told("train data -o m.anoseg --time 15", 2);
    assert!(unit.contains("such as 15m"), "{unit}");
    let share = told("calibrate model.anoseg data/test/good --false-reject 0.5%", 2);
    assert!(share.contains("a share such as 0.005"), "{share}");
}

/// "not a model, or cut short (it is a folder): copy the file again".
#[test]
fn swapped_arguments_are_named() {
    let shop = Workshop::new();
    shop.train(2);
    for command in [
        "predict data/test/good model.anoseg -o verdicts",
        "eval data model.anoseg",
        "calibrate data/test/good model.anoseg",
    ] {
        let (_, told) = shop.run(command, 2);
        assert!(told.contains("the model comes first") && told.contains("model.anoseg is a model"), "{told}");
    }
}

/// The share of anomalies rejected and the number of good images stood in two places, the promise in
/// none.
#[test]
fn a_training_ends_with_what_to_expect_of_the_model() {
    let shop = Workshop::new();
    let (told, notes) = shop.run("train data -o model.anoseg --config tiny.toml --steps 2", 0);
    let lines: Vec<&str> = told.lines().collect();
    let [expected, promise, next] = lines[lines.len() - 3..] else { panic!("{told}") };
    assert!(
        expected.starts_with("expected  ") && expected.contains("synthetic anomalies are rejected"),
        "{told}"
    );
    assert!(
        promise.contains("5 good images that were held out: on average at most 16.7 % of good images"),
        "{told}"
    );
    assert!(promise.contains("1 % is an estimate, which 99 images would guarantee"), "{told}");
    assert_eq!(told.matches("synthetic anomalies").count(), 1, "{told}");
    assert!(!notes.contains("guarantee") && !notes.contains("synthetic anomalies are"), "{notes}");
    let command = next.strip_prefix("next      ").unwrap();
    assert!(command.ends_with("anoseg eval model.anoseg data --report report.html"), "{command}");
    let ran =
        std::process::Command::new("sh").current_dir(shop.path("")).args(["-c", command]).status().unwrap();
    assert!(ran.success() && shop.path("report.html").is_file());
    let (told, _) = shop.run("train data/train/good -o m.anoseg --config tiny.toml --steps 1", 0);
    assert!(told.trim_end().ends_with("predict m.anoseg NEW_IMAGES -o verdicts"), "{told}");
}

#[test]
fn the_environment_is_blamed_by_the_variable() {
    let shop = Workshop::new();
    let told = |name: &str, value: &str, arguments: &str| {
        let output = shop.anoseg(arguments).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for value in ["many", "-1", "4000"] {
        let message = told("RAYON_NUM_THREADS", value, "info none.anoseg");
        assert!(message.contains("RAYON_NUM_THREADS") && message.contains(value), "{message}");
    }
    let message = told("ANOSEG_SIMD", "avx1024", "info none.anoseg");
    assert!(message.contains("ANOSEG_SIMD") && message.contains("stock"), "{message}");
}

/// A file name could clear the terminal, and look like lines of the program.
#[cfg(unix)]
#[test]
fn names_do_not_act_on_the_terminal() {
    let shop = Workshop::new();
    shop.train(2);
    let name = "a\u{1b}[2J\nerror: all is well\u{202e}\u{2028}\u{200b}.png";
    fs::write(shop.path("data/test/good").join(name), "no image").unwrap();
    let output = shop.anoseg("eval model.anoseg data").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{200b}']), "{told:?}");
    assert!(told.contains("%1B[2J") && !told.contains("\\u{"), "{told:?}");
    assert!(!told.lines().any(|line| line.starts_with("error: all is well")), "{told:?}");
    let output = shop.anoseg("info").arg("x\u{1b}]0;title\u{7}").output().unwrap();
    assert!(!String::from_utf8(output.stderr).unwrap().contains('\u{1b}'));
    let output = shop.anoseg("train").arg("--no\u{1b}[31mtion").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8(output.stderr).unwrap().contains('\u{1b}'));
}

/// A pipe or a device in the place of a file once blocked the program for ever, or filled the memory.
#[cfg(target_os = "linux")]
#[test]
fn pipes_and_devices_are_no_models_and_no_settings() {
    let shop = Workshop::new();
    shop.train(1);
    assert!(std::process::Command::new("mkfifo").arg(shop.path("pipe")).status().unwrap().success());
    for file in ["pipe", "/dev/zero"] {
        for (arguments, code) in [
            (format!("info {file}"), 4),
            (format!("predict {file} data/test -o out"), 4),
            (format!("train data -o m.anoseg --config {file}"), 2),
            (format!("train data -o m.anoseg --preset accurate --steps 0 --encoder {file}"), 2),
            (format!("encoder add {file}"), 2),
        ] {
            let (_, told) = shop.run(&arguments, code);
            assert!(told.contains(file) && told.contains("not a regular file"), "{arguments}: {told}");
        }
    }
    for name in ["checkpoint/state.safetensors", "metrics.jsonl"] {
        let path = shop.path("model-run").join(name);
        let before = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let output = shop.anoseg("train data -o model.anoseg --resume").output().unwrap();
        // A checkpoint before it may be there.
        assert!([0, 2, 4].contains(&output.status.code().unwrap()), "{name}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, before).unwrap();
    }
}

/// It was once a fault of the program.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_to_be_had_is_a_fault_of_the_environment() {
    let shop = Workshop::new();
    shop.train(1);
    let program = shop.anoseg("").get_program().to_owned();
    // Little memory for addresses: the stacks of a thousand threads do not fit. Where a thread still starts but its
    // stack for signals does not fit, the standard library ends the process: then by another limit.
    let predict = |limit: u32| {
        let line =
            format!("ulimit -v {limit}; exec {} predict model.anoseg data/test -o out", program.display());
        let output = std::process::Command::new("bash")
            .current_dir(shop.path(""))
            .args(["-c", &line])
            .env("RAYON_NUM_THREADS", "1000")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let ended_by_the_library = |told: &str| told.contains("alternative stack");
    let runs = [2_000_000, 2_001_000, 1_999_000, 2_000_500].map(predict);
    let (code, told) = runs.into_iter().find(|(_, told)| !ended_by_the_library(told)).unwrap();
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("threads"), "{told}");
}

/// The parser once said that the options cannot be used together, and not why. The advice to train for
/// longer did not say how.
#[test]
fn settings_beside_resume_are_refused_with_the_reason() {
    let shop = Workshop::new();
    shop.train(1);
    fs::remove_file(shop.path("model.anoseg")).unwrap();
    for (option, value) in [
        ("--time", "15m"),
        ("--steps", "9"),
        ("--preset", "paper"),
        ("--config", "tiny.toml"),
        ("--seed", "3"),
    ] {
        let (_, told) = shop.run(&format!("train data -o model.anoseg {option} {value} --resume"), 2);
        assert!(told.contains(&format!("{option} = {value}: ")), "{told}");
        assert!(told.contains("stored in model-run/config.toml; leave out"), "{told}");
    }
    let (_, told) = shop.run("train data -o model.anoseg --seed 3 --steps 2 --resume", 2);
    assert!(told.contains("leave out --steps, --seed to go on, or --resume to begin anew"), "{told}");
    let (result, _) = shop.run("train data -o model.anoseg --resume", 0);
    assert!(!result.contains("Only") || result.contains("train anew for longer first"), "{result}");
}
