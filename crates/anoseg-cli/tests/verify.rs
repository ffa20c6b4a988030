//! `verify`: an exported file against the model, in the built-in engine and in ONNX Runtime where it is there.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

#[path = "../../anoseg-verify/tests/runtime/mod.rs"]
mod runtime;

use std::fs;
use std::path::{Path, PathBuf};

use anoseg::{Limits, Model, ModelFile, decode};
use assert_cmd::Command;
use tempfile::TempDir;

/// The program in a folder, without an ONNX Runtime of the machine.
fn program(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::cargo_bin("anoseg").unwrap();
    command.current_dir(folder).args(arguments.split_whitespace());
    command.env_remove("ORT_DYLIB_PATH").env_remove("LD_LIBRARY_PATH");
    command
}

/// Exit code, results and notes.
fn outcome(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn run(folder: &Path, arguments: &str) -> (i32, String, String) {
    outcome(program(folder, arguments))
}

/// The error of a call that must end with `code`; it names the file.
fn refused(folder: &Path, arguments: &str, code: i32) -> String {
    let (found, text, notes) = run(folder, arguments);
    assert_eq!((found, text.as_str()), (code, ""), "{arguments}: {notes}");
    assert!(notes.contains("error: ") && !notes.contains("panic"), "{notes}");
    notes
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1").join(name)
}

/// A folder with a small model `part.anoseg`, `part.onnx` exported from it with `options`, and the folder
/// `images` with one image.
fn folder(options: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    fs::copy(fixture("image.png"), folder.path().join("images/a.png")).unwrap();
    fs::copy(fixture("compact.anoseg"), folder.path().join("part.anoseg")).unwrap();
    export(folder.path(), options);
    folder
}

fn export(folder: &Path, options: &str) {
    let (code, _, notes) = run(folder, &format!("export part.anoseg --onnx part.onnx {options}"));
    assert_eq!(code, 0, "{notes}");
}

/// Replaces bytes of `part.onnx` by as many others.
fn change(folder: &Path, from: &[u8], to: &[u8]) {
    let path = folder.join("part.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty() && from.len() == to.len());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    fs::write(path, bytes).unwrap();
}

const VERIFY: &str = "verify part.anoseg part.onnx images";

#[test]
fn an_export_agrees_in_the_built_in_engine_and_a_missing_runtime_is_told() {
    for options in ["", "--with-preprocessing"] {
        let folder = folder(options);
        let (code, text, notes) = run(folder.path(), &format!("{VERIFY} --json found.json"));
        assert_eq!(code, 0, "{text}{notes}");
        for line in
            ["images    1", "engine    rten", "map       largest difference ", "decisions 0 of 1 changed"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(
            notes.contains("the built-in engine alone is compared") && notes.contains("--runtime"),
            "{notes}"
        );
        let found = fs::read_to_string(folder.path().join("found.json")).unwrap();
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["engines"][0]["engine"], "rten");
        assert!(found["agrees"] == true && found["missing"].is_string(), "{found}");
        assert!(found["engines"][0]["map"]["largest"].as_f64().unwrap() < 1e-4);
        let (code, _, notes) = run(folder.path(), &format!("{VERIFY} --engine rten"));
        assert_eq!((code, notes.as_str()), (0, ""));
    }
}

#[test]
fn a_difference_above_the_tolerance_fails_with_advice() {
    let folder = folder("--fp16");
    let (code, text, notes) = run(folder.path(), &format!("{VERIFY} --engine rten --tolerance 0"));
    assert_eq!(code, 1, "{text}{notes}");
    assert!(text.contains("map       largest difference"), "{text}");
    assert!(
        notes.contains("warning: rten: maps differ by up to ") && notes.contains("images/a.png"),
        "{notes}"
    );
    assert!(notes.contains("weights in 16-bit floats") && notes.contains("--tolerance 0.05"), "{notes}");
    let (code, _, notes) = run(folder.path(), &format!("{VERIFY} --engine rten --tolerance 0.05"));
    assert_eq!((code, notes.as_str()), (0, ""));
}

#[test]
fn a_changed_decision_fails_at_any_tolerance() {
    let folder = folder("");
    let path = folder.path().join("part.anoseg");
    let image = decode::load(&folder.path().join("images/a.png"), &Limits::default()).unwrap();
    let score = Model::load(&path).unwrap().analyse(&image).unwrap().score;
    let mut changed = 0;
    // The score in the other engine is above or below.
    for threshold in [score, score.next_down()] {
        let mut file = ModelFile::read(&path).unwrap();
        let calibration = file.description.calibration.as_mut().unwrap();
        (calibration.image_threshold, calibration.review_threshold) = (threshold, threshold.min(1e-6));
        file.write(&path).unwrap();
        export(folder.path(), "--fp16");
        let (code, text, notes) = run(folder.path(), &format!("{VERIFY} --engine rten --tolerance 1"));
        if code == 1 {
            changed += 1;
            assert!(
                text.contains("changed   images/a.png: re") && text.contains("in rten, not re"),
                "{text}"
            );
            assert!(notes.contains("1 image has another decision"), "{notes}");
        }
    }
    assert_eq!(changed, 1);
}

#[test]
fn files_that_are_not_of_the_model_are_refused_with_a_way_out() {
    let folder = folder("");
    let (here, whole) = (folder.path(), fs::read(folder.path().join("part.onnx")).unwrap());
    for broken in [&whole[..whole.len() / 2], b"no graph at all"] {
        fs::write(here.join("part.onnx"), broken).unwrap();
        let told = refused(here, VERIFY, 4);
        assert!(told.contains("part.onnx: not an ONNX file, or cut short"), "{told}");
        assert!(told.contains("the file that export wrote"), "{told}");
    }
    fs::write(here.join("part.onnx"), &whole).unwrap();
    let told = refused(here, "verify part.anoseg none.onnx images", 2);
    assert!(told.contains("none.onnx") && told.contains("check the path"), "{told}");
    let told = refused(here, "verify part.onnx part.anoseg images", 2);
    assert!(told.contains("the model comes first"), "{told}");
    fs::copy(fixture("published.anoseg"), here.join("other.anoseg")).unwrap();
    let told = refused(here, "verify other.anoseg part.onnx images", 4);
    assert!(told.contains("part.onnx: exported from another model"), "{told}");
    assert!(told.contains("export this one to another file"), "{told}");
    change(here, b"\x05input", b"\x05image");
    assert!(refused(here, VERIFY, 4).contains("part.onnx: its inputs are image, and not input"));
    change(here, b"anoseg_model_blake3", b"digest_of_the_model");
    assert!(refused(here, VERIFY, 4).contains("part.onnx: an ONNX file without metadata of anoseg"));
}

#[test]
fn images_that_cannot_be_compared_are_named() {
    let folder = folder("--with-preprocessing");
    let here = folder.path();
    let deep = anoseg_image::Image::from_fn(70, 50, |x, y| [(x * y % 97) as f32 / 96.0; 3]);
    let values = deep.as_slice()[..70 * 50].iter().map(|value| (value * 65_535.0) as u16);
    let values: Vec<u8> = values.flat_map(u16::to_be_bytes).collect();
    let file = [b"P5 70 50 65535\n", &values[..]].concat();
    fs::write(here.join("images/deep.pgm"), file).unwrap();
    fs::write(here.join("images/broken.png"), &fs::read(fixture("image.png")).unwrap()[..90]).unwrap();
    let (code, text, notes) = run(here, &format!("{VERIFY} --engine rten"));
    assert_eq!(code, 3, "{notes}");
    assert!(text.contains("images    1"), "{text}");
    assert!(notes.contains("left out: images/deep.pgm: the graph takes 8-bit images"), "{notes}");
    assert!(notes.contains("broken.png"), "{notes}");
    let told = refused(here, "verify part.anoseg part.onnx images/deep.pgm --engine rten", 3);
    assert!(told.contains("no image could be compared"), "{told}");
    fs::create_dir(here.join("empty")).unwrap();
    assert!(refused(here, "verify part.anoseg part.onnx empty --engine rten", 3).contains("empty"));
    assert_eq!(run(here, "verify part.anoseg part.onnx").0, 2);
}

#[test]
fn a_runtime_that_was_asked_for_must_be_there() {
    let folder = folder("");
    let here = folder.path();
    fs::write(here.join("text.so"), "no library").unwrap();
    let asked = ["--engine onnxruntime", "--runtime none.so", "--runtime text.so", "--runtime images"];
    for options in asked {
        let told = refused(here, &format!("{VERIFY} {options}"), 2);
        assert!(told.contains("ONNX Runtime cannot be used: "), "{told}");
        assert!(
            told.contains("--runtime names its library or the folder") && told.contains("--engine rten"),
            "{told}"
        );
    }
    refused(here, &format!("{VERIFY} --engine rten --runtime text.so"), 2);
    // The variable names one too.
    let mut command = program(here, VERIFY);
    command.env("ORT_DYLIB_PATH", "none.so");
    let (code, _, notes) = outcome(command);
    assert!(code == 2 && notes.contains("none.so"), "{notes}");
}

/// A pipe once hung, and a library that was cut short ended the program by a signal.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_and_a_library_that_is_cut_short_are_refused() {
    let folder = folder("");
    let here = folder.path();
    let program = std::env::current_exe().unwrap();
    let start = fs::read(program).unwrap();
    fs::write(here.join("cut.so"), &start[..start.len() / 2]).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(here.join("pipe")).status().unwrap().success());
    for (name, why) in [("cut.so", "cut short"), ("pipe", "not a file")] {
        assert!(refused(here, &format!("{VERIFY} --runtime {name}"), 2).contains(why));
    }
}

/// Users of the file decide by them.
#[test]
fn thresholds_of_the_file_are_those_of_the_model() {
    let folder = folder("");
    let path = folder.path().join("part.anoseg");
    let threshold = ModelFile::read(&path).unwrap().description.calibration.unwrap().image_threshold;
    let written = format!("\"image_threshold\":{threshold}");
    let other = written.replace(|digit: char| digit.is_ascii_digit(), "1").replace(":1.", ":0.");
    change(folder.path(), written.as_bytes(), other.as_bytes());
    assert!(refused(folder.path(), VERIFY, 4).contains("thresholds in its metadata are not those"));
}

#[test]
fn the_runtime_of_the_machine_is_compared() {
    let Some(library) = runtime::library() else { return };
    let folder = folder("");
    let here = folder.path();
    let (code, text, notes) = run(here, &format!("{VERIFY} --runtime {}", library.display()));
    assert_eq!((code, notes.as_str()), (0, ""), "{text}");
    assert!(text.contains("engine    rten\n") && text.contains("engine    onnxruntime ("), "{text}");
    let mut command = program(here, VERIFY);
    command.env("ORT_DYLIB_PATH", &library);
    assert!(outcome(command).1.contains("engine    onnxruntime ("));
    fs::copy(&library, here.join("libhere.so")).unwrap();
    let (code, text, notes) = run(here, &format!("{VERIFY} --engine onnxruntime --runtime libhere.so"));
    assert_eq!((code, notes.as_str()), (0, ""), "{text}");
    assert!(text.contains("engine    onnxruntime (libhere.so)") && !text.contains("rten"), "{text}");
    // The folder that has it.
    fs::create_dir(here.join("capi")).unwrap();
    fs::rename(here.join("libhere.so"), here.join("capi/libonnxruntime.so.1.99")).unwrap();
    let (code, text, _) = run(here, &format!("{VERIFY} --engine onnxruntime --runtime capi"));
    assert!(code == 0 && text.contains("(capi/libonnxruntime.so.1.99)"), "{text}");
    // Version 99 of the operators.
    change(here, b"\x42\x04\x0a\x00\x10\x12", b"\x42\x04\x0a\x00\x10\x63");
    assert!(refused(here, VERIFY, 4).contains("operators are of version 99, and not 18"));
}
