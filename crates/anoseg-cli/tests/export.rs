//! `export`: what it writes, says and refuses.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use anoseg::ModelFile;
use anoseg_image::{Image, write};
use assert_cmd::Command;

/// Exit code, results and notes of the program in a folder.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("anoseg").unwrap().current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with a small model, `part.anoseg`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1/compact.anoseg");
    fs::copy(source, folder.path().join("part.anoseg")).unwrap();
    folder
}

#[test]
fn inputs_outputs_and_thresholds_are_told_and_an_earlier_export_is_replaced() {
    let folder = folder();
    let (code, text, notes) = run(folder.path(), &["export", "part.anoseg", "--onnx", "new/part.onnx"]);
    assert_eq!((code, notes.as_str()), (0, ""), "{text}");
    for line in [
        "opset     18",
        "input     input float32 [batch, 3, 64, 64]",
        "output    anomaly_map float32 [batch, 1, 64, 64]",
        "output    pred_score float32 [batch]",
        "reject    score > ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let whole = fs::metadata(folder.path().join("new/part.onnx")).unwrap().len();
    let arguments = ["export", "part.anoseg", "--onnx", "new/part.onnx", "--with-preprocessing", "--fp16"];
    let (code, text, _) = run(folder.path(), &arguments);
    assert_eq!(code, 0);
    assert!(text.contains("input     input uint8 [batch, height, width, 3]"), "{text}");
    assert!(fs::metadata(folder.path().join("new/part.onnx")).unwrap().len() < whole);
}

/// Images of good parts in `good`.
fn add_good_images(folder: &Path) {
    fs::create_dir(folder.join("good")).unwrap();
    for number in 0..6 {
        let value = |i: usize| ((i * 37 + number * 11) % 101) as f32 / 200.0;
        let image = Image::from_planar(80, 72, (0..3 * 80 * 72).map(value).collect());
        write::write_png(&folder.join(format!("good/{number}.png")), &image).unwrap();
    }
}

#[test]
fn layers_in_bytes_are_chosen_on_images_and_their_loss_is_told() {
    let folder = folder();
    add_good_images(folder.path());
    let int8 = ["export", "part.anoseg", "--onnx", "part.onnx", "--int8"];
    let (code, text, notes) = run(folder.path(), &[&int8[..], &["--images", "good"]].concat());
    assert_eq!(code, 0, "{notes}");
    for line in ["int8      10 of 10 layers", "pixel AP      0.", "image AUROC   0.", "scores up to 0."] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(notes.contains("scales on 3 good images and the loss on 3 others"), "{notes}");
    let bytes = fs::read(folder.path().join("part.onnx")).unwrap();
    assert!(bytes.windows(16).any(|window| window == b"DequantizeLinear"));
    let (code, _, notes) = run(folder.path(), &int8);
    assert!(code == 2 && notes.contains("--images"), "{notes}");
    let (code, _, notes) = run(folder.path(), &[&int8[..], &["--images", "missing"]].concat());
    assert!(code != 0 && notes.contains("missing"), "{notes}");
    assert_eq!(fs::read(folder.path().join("part.onnx")).unwrap(), bytes);
}

#[test]
fn files_of_others_and_models_are_never_replaced() {
    let folder = folder();
    fs::write(folder.path().join("mine.onnx"), "mine").unwrap();
    for target in ["mine.onnx", "part.anoseg"] {
        let before = fs::read(folder.path().join(target)).unwrap();
        let (code, _, notes) = run(folder.path(), &["export", "part.anoseg", "--onnx", target]);
        assert_eq!(code, 2);
        assert!(notes.contains("--onnx"), "{notes}");
        assert_eq!(fs::read(folder.path().join(target)).unwrap(), before);
    }
    let (code, _, notes) = run(folder.path(), &["export", "mine.onnx", "--onnx", "out.onnx"]);
    assert_eq!(code, 4, "{notes}");
    assert!(!folder.path().join("out.onnx").exists());
}

#[test]
fn a_model_without_thresholds_is_exported_with_a_warning() {
    let folder = folder();
    let path = folder.path().join("part.anoseg");
    let mut file = ModelFile::read(&path).unwrap();
    file.description.calibration = None;
    file.write(&path).unwrap();
    let (code, text, notes) = run(folder.path(), &["export", "part.anoseg", "--onnx", "part.onnx"]);
    assert_eq!(code, 0);
    assert!(notes.contains("no thresholds") && !text.contains("reject"), "{notes}{text}");
    let bytes = fs::read(folder.path().join("part.onnx")).unwrap();
    let has = |key: &str| bytes.windows(key.len()).any(|window| window == key.as_bytes());
    assert!(has("anoseg_model_blake3") && has("model_info model_type") && !has("image_threshold"));
}
