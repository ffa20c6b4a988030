//! Model files with right digests whose contents no training gives.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::Image;
use anoseg_infer::network::{EncoderArchitecture, EncoderKind};
use anoseg_infer::parameters::ParameterData;
use anoseg_infer::{ErrorKind, Model, ModelFile, archive};
use tempfile::TempDir;

fn fixture(name: &str) -> ModelFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format1");
    ModelFile::read(&folder.join(format!("{name}.anoseg"))).unwrap()
}

/// The file written after `change`, with right digests.
fn crafted(folder: &TempDir, name: &str, change: impl FnOnce(&mut ModelFile)) -> PathBuf {
    let mut file = fixture(name);
    change(&mut file);
    let path = folder.path().join("crafted.anoseg");
    file.write(&path).unwrap();
    path
}

/// Why both reading and loading are refused.
fn refusal(path: &Path) -> String {
    let read = ModelFile::read(path).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::Model);
    // `info` once showed what `predict` refused.
    assert_eq!(Model::load(path).unwrap_err().to_string(), read.to_string());
    read.to_string()
}

/// It once kept `info` busy for 43 seconds, which then aborted.
#[test]
fn a_small_file_that_asks_for_a_huge_network_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let path = crafted(&folder, "compact", |file| {
        file.description.architecture.widths = vec![2048; 6];
        file.description.architecture.blocks = 16;
    });
    let begun = Instant::now();
    assert!(refusal(&path).contains("architecture.blocks = 16"));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn surplus_and_negative_parameters_are_named() {
    let folder = TempDir::new().unwrap();
    let surplus = crafted(&folder, "compact", |file| {
        let data = ParameterData { shape: vec![1], values: vec![0.0] };
        file.tensors.insert("backdoor.weight".into(), data);
    });
    assert!(refusal(&surplus).contains("backdoor.weight is not part of the network"));
    for name in ["compact", "published"] {
        let negative = crafted(&folder, name, |file| {
            let variance = file.tensors.iter_mut().rfind(|(name, _)| name.ends_with(".variance"));
            variance.unwrap().1.values.fill(-1.0);
        });
        assert!(refusal(&negative).contains("variance"));
    }
}

#[test]
fn thresholds_out_of_order_are_named() {
    let folder = TempDir::new().unwrap();
    let path = crafted(&folder, "compact", |file| {
        let calibration = file.description.calibration.as_mut().unwrap();
        calibration.review_threshold = 0.9;
        calibration.image_threshold = 0.8;
    });
    assert!(refusal(&path).contains("calibration.review_threshold"));
}

/// The model of preset `accurate` that a release wrote.
fn accurate() -> ModelFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/releases/0.1.0");
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(folder.join("accurate.anoseg.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    ModelFile::parse(&bytes).unwrap()
}

#[test]
fn an_encoder_that_is_unknown_or_does_not_fit_is_named() {
    let (folder, file) = (TempDir::new().unwrap(), accurate());
    let path = folder.path().join("crafted.anoseg");
    let mut body = serde_json::to_value(&file.description).unwrap();
    assert!(body["architecture"].get("encoder").is_none(), "earlier versions read files of the default");
    let usual = [127.0, 127.0, 127.0];
    let mut written = |encoder: serde_json::Value| {
        body["architecture"]["encoder"] = encoder;
        archive::save(&path, "model", 2, &body, &file.tensors).unwrap();
        refusal(&path)
    };
    let unknown = written(serde_json::json!({"network": "resnet99", "centre": usual, "scale": usual}));
    assert!(unknown.contains("resnet99") && unknown.contains("resnet18"), "{unknown}");
    let other = written(serde_json::json!({"network": "resnet18", "centre": usual, "scale": usual}));
    assert!(other.contains("has shape") || other.contains("is missing"), "{other}");
    let flat =
        written(serde_json::json!({"network": "efficientnet-lite0", "centre": usual, "scale": [1, 0, 1]}));
    assert!(flat.contains("architecture.encoder.scale"), "{flat}");
    let more = written(serde_json::json!({"network": "resnet18", "centre": usual, "scale": usual, "pad": 1}));
    assert!(more.contains("pad"), "{more}");
    let elsewhere = crafted(&folder, "compact", |file| {
        file.description.architecture.encoder = EncoderArchitecture::as_published(EncoderKind::ResNet18);
    });
    assert!(refusal(&elsewhere).contains("architecture.encoder"));
}

/// They once ended as a fault of the program.
#[test]
fn huge_finite_weights_are_a_fault_of_the_model() {
    let folder = TempDir::new().unwrap();
    let image = Image::from_fn(40, 30, |x, y| [x as f32 / 40.0, y as f32 / 30.0, 0.5]);
    for name in ["compact", "published"] {
        let names: Vec<String> = fixture(name).tensors.into_keys().collect();
        for (number, changed) in names.iter().enumerate().step_by(if name == "compact" { 2 } else { 7 }) {
            let value = [f32::MAX, -f32::MAX, 1e30, 1e19, f32::MIN_POSITIVE, 0.0][number % 6];
            let path = crafted(&folder, name, |file| {
                file.tensors.get_mut(changed).unwrap().values.fill(value.abs());
                if !changed.ends_with(".variance") {
                    file.tensors.get_mut(changed).unwrap().values.fill(value);
                }
            });
            match Model::load(&path).and_then(|model| model.inspect(&image)) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Model, "{changed} = {value}: {error}"),
                Ok(found) => assert!((0.0..=1.0).contains(&found.score), "{changed}: {}", found.score),
            }
        }
    }
}
