//! The programs of docs/deploy.md and docs/deploy, each run as it is written there, against inference.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

mod python;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anoseg_export::{Options, onnx};
use anoseg_image::{Limits, decode};
use anoseg_infer::{Decision, Inspection, Model};
use flate2::Crc;
use flate2::read::GzDecoder;

const ONNX_RUNTIME: &str = include_str!("../../../docs/deploy.md");
const OPENVINO: &str = include_str!("../../../docs/deploy/openvino.md");
const CPP: &str = include_str!("../../../docs/deploy/cpp.md");
const TRITON: &str = include_str!("../../../docs/deploy/triton.md");

fn with_preprocessing() -> Options<'static> {
    Options { with_preprocessing: true, ..Options::default() }
}

/// The blocks of a document, all of which are in this language.
fn blocks<'a, const N: usize>(document: &'a str, language: &str) -> [&'a str; N] {
    let parts = document.split("```").skip(1).step_by(2);
    let blocks: Vec<&str> = parts.map(|part| part.strip_prefix(&format!("{language}\n")).unwrap()).collect();
    blocks.try_into().unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures")
}

/// A PNG file with an entry that tells to turn it by a quarter (EXIF orientation 6).
fn on_its_side(png: &[u8]) -> Vec<u8> {
    const AFTER_HEADER: usize = 33;
    let exif = b"eXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut sum = Crc::new();
    sum.update(exif);
    let length = u32::try_from(exif.len() - 4).unwrap();
    let (header, rest) = png.split_at(AFTER_HEADER);
    [header, &length.to_be_bytes(), exif, &sum.sum().to_be_bytes(), rest].concat()
}

/// A folder with `part.onnx`, `part.png` and `part.ppm`, and what inference gives: an image to review, one to
/// reject, and one that is turned before it is inspected.
fn examples() -> Vec<(tempfile::TempDir, Inspection)> {
    let release = fixtures().join("releases/0.1.0");
    let mut bytes = Vec::new();
    let packed = std::fs::read(release.join("fast.anoseg.gz")).unwrap();
    GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
    let earlier = fixtures().join("format1");
    let [review, reject] = [earlier, release].map(|folder| std::fs::read(folder.join("image.png")).unwrap());
    let turned = on_its_side(&review);
    let compact = || Model::load(&fixtures().join("format1/compact.anoseg")).unwrap();
    let example = |(model, file): (Model, Vec<u8>)| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("part.onnx"), onnx(&model, &with_preprocessing()).unwrap()).unwrap();
        std::fs::write(path("part.png"), file).unwrap();
        let image = decode::load(&path("part.png"), &Limits::default()).unwrap();
        let (pixels, values) = (image.width() * image.height(), image.as_slice());
        let mut ppm = format!("P6\n{} {}\n255\n", image.width(), image.height()).into_bytes();
        ppm.extend((0..3 * pixels).map(|i| (values[i % 3 * pixels + i / 3] * 255.0).round() as u8));
        std::fs::write(path("part.ppm"), ppm).unwrap();
        (folder, model.inspect(&image).unwrap())
    };
    [(compact(), review), (Model::from_bytes(&bytes).unwrap(), reject), (compact(), turned)]
        .map(example)
        .into()
}

/// Compares the first two words that a program prints with score and decision.
fn check(told: &str, expected: &Inspection, decision: &str) {
    let (score, rest) = told.split_once(' ').unwrap();
    let score: f32 = score.parse().unwrap();
    assert!((score - expected.score).abs() < 1e-4, "{told:?} is not {}", expected.score);
    assert!(rest.starts_with(decision), "{told:?} is not {decision}");
}

fn name(decision: Decision) -> String {
    format!("{decision:?}").to_lowercase()
}

#[test]
fn the_turned_example_has_another_score() {
    let [review, _, turned] = examples().try_into().unwrap();
    assert!((review.1.score - turned.1.score).abs() > 1e-3);
}

#[test]
fn the_program_for_onnx_runtime_gives_score_and_decision_of_inference() {
    let Some(python) = python::with("numpy, onnxruntime, PIL") else { return };
    let (_, rest) = ONNX_RUNTIME.split_once("```python\n").unwrap();
    let (program, _) = rest.split_once("```").unwrap();
    for (folder, expected) in examples() {
        let told = python::told(Command::new(&python).args(["-c", program]), folder.path());
        check(&told, &expected, &name(expected.decision));
    }
}

#[test]
fn the_program_for_openvino_gives_score_and_decision_of_inference() {
    let Some(python) = python::with("numpy, openvino, PIL") else { return };
    for (folder, expected) in examples() {
        let [program, _, _] = blocks(OPENVINO, "python");
        let told = python::told(Command::new(&python).args(["-c", program]), folder.path());
        check(&told, &expected, &name(expected.decision));
    }
}

#[test]
fn the_programs_for_the_model_api_give_score_and_label_of_inference() {
    let Some(python) = python::with("numpy, onnx, openvino, model_api, cv2") else { return };
    for (folder, expected) in examples() {
        let [_, convert, inspect] = blocks(OPENVINO, "python");
        python::told(Command::new(&python).args(["-c", convert]), folder.path());
        let told = python::told(Command::new(&python).args(["-c", inspect]), folder.path());
        let label = if expected.decision == Decision::Reject { "reject" } else { "good or review" };
        check(&told, &expected, label);
        let peak: f32 = told.split_whitespace().rev().nth(1).unwrap().parse().unwrap();
        let highest = expected.map.as_slice().iter().copied().fold(0.0, f32::max);
        assert!((peak - highest).abs() < 0.05, "{told:?}: the map's peak is {highest}");
    }
}

/// Needs g++ and ONNX Runtime's headers (`ANOSEG_ORT_INCLUDE`, scripts/onnxruntime_headers.sh); the library is that of
/// the Python package.
#[cfg(target_os = "linux")]
#[test]
fn the_program_in_cpp_gives_score_and_decision_of_inference() {
    use std::os::unix::fs::PermissionsExt;
    let include =
        std::env::var("ANOSEG_ORT_INCLUDE").unwrap_or_else(|_| "/usr/include/onnxruntime".to_owned());
    let compiler = Command::new("g++").arg("--version").output().is_ok();
    if !compiler || !Path::new(&include).join("onnxruntime_cxx_api.h").exists() {
        println!("skipped: no g++, or no headers of ONNX Runtime in {include}");
        return;
    }
    let Some(python) = python::with("onnxruntime") else { return };
    let built = tempfile::tempdir().unwrap();
    let path = |name: &str| built.path().join(name);
    // Folder and program that the documentation has before: the headers, and `python` with ONNX Runtime.
    std::fs::create_dir_all(path("headers")).unwrap();
    std::os::unix::fs::symlink(include, path("headers/onnxruntime")).unwrap();
    std::fs::create_dir_all(path("bin")).unwrap();
    std::fs::write(path("bin/python"), format!("#!/bin/sh\nexec '{python}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(path("bin/python"), PermissionsExt::from_mode(0o755)).unwrap();
    let programs = format!("{}:{}", path("bin").display(), std::env::var("PATH").unwrap());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cpp/inspect.cpp");
    std::fs::copy(source, path("inspect.cpp")).unwrap();
    let mut compile = Command::new("sh");
    let [lines] = blocks(CPP, "sh");
    python::told(compile.args(["-ec", lines]).env("PATH", programs), built.path());
    for (folder, expected) in examples() {
        let mut inspect = Command::new(path("inspect"));
        let told = python::told(inspect.args(["part.onnx", "part.ppm"]), folder.path());
        check(&told, &expected, &name(expected.decision));
    }
}

/// Parses a configuration of Triton and compares it with the file that it is for.
const CONFIGURATION: &str = "
import sys, onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
config = text_format.Parse(open('config.pbtxt').read(), model_config_pb2.ModelConfig())
assert config.backend == 'onnxruntime', config.backend
types = {onnx.TensorProto.FLOAT: 'TYPE_FP32', onnx.TensorProto.UINT8: 'TYPE_UINT8'}
def shape_of(port):
    dims = list(port.reshape.shape if port.HasField('reshape') else port.dims)
    return ([-1] if config.max_batch_size > 0 else []) + dims
def declared(ports):
    return [(p.name, model_config_pb2.DataType.Name(p.data_type), shape_of(p)) for p in ports]
def exported(values):
    of = lambda value: value.type.tensor_type
    dims = lambda value: [d.dim_value if d.HasField('dim_value') else -1 for d in of(value).shape.dim]
    return [(v.name, types[of(v).elem_type], dims(v)) for v in values]
graph = onnx.load('m.onnx').graph
for found, wanted in ((config.input, graph.input), (config.output, graph.output)):
    assert declared(found) == exported(wanted), (declared(found), exported(wanted))
";

#[test]
fn the_configurations_for_triton_are_those_of_exported_files() {
    let Some(python) = python::with("onnx, tritonclient.grpc.model_config_pb2") else { return };
    let model = Model::load(&fixtures().join("format1/published.anoseg")).unwrap();
    let [whole, prepared] = blocks(TRITON, "");
    for (configuration, options) in [(whole, with_preprocessing()), (prepared, Options::default())] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("m.onnx"), onnx(&model, &options).unwrap()).unwrap();
        std::fs::write(folder.path().join("config.pbtxt"), configuration).unwrap();
        python::told(Command::new(&python).args(["-c", CONFIGURATION]), folder.path());
    }
}
