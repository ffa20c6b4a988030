//! Model files of format 1 load and score as before.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use anoseg_image::{Image, Limits, decode, write};
use anoseg_infer::{Decision, Model, ModelFile};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format1").join(name)
}

fn image() -> Image {
    decode::load(&fixture("image.png"), &Limits::default()).unwrap()
}

#[test]
fn scores_and_maps_equal_those_of_the_version_that_wrote_the_file() {
    for (name, score, decision) in
        [("compact", 0.046_888_914, Decision::Review), ("published", 0.000_913_983_56, Decision::Reject)]
    {
        let model = Model::load(&fixture(&format!("{name}.anoseg"))).unwrap();
        let found = model.inspect(&image()).unwrap();
        assert!((found.score - score).abs() < 1e-6, "{name}: {} is not {score}", found.score);
        assert_eq!(found.decision, decision);
        let expected = write::read_tiff_f32(&fixture(&format!("{name}_map.tiff"))).unwrap();
        let pairs = found.map.as_slice().iter().zip(expected.as_slice());
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-6, "{name}: maps differ by {difference}");
    }
}

#[test]
fn saved_again_the_model_has_the_present_format_and_equal_scores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.anoseg");
    let model = Model::load(&fixture("compact.anoseg")).unwrap();
    model.save(&path).unwrap();
    let again = Model::load(&path).unwrap();
    assert_eq!(again.description(), model.description());
    assert_eq!(again.inspect(&image()).unwrap(), model.inspect(&image()).unwrap());
    let json = ModelFile::read(&path).unwrap().description.to_json();
    assert_eq!((&json["preset"], &json["input"]["size"]), (&"fast".into(), &64.into()));
}

#[test]
fn a_file_whose_parameters_are_out_of_range_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("negative.anoseg");
    let mut file = ModelFile::read(&fixture("compact.anoseg")).unwrap();
    let (_, variances) = file.tensors.iter_mut().find(|(name, _)| name.ends_with(".variance")).unwrap();
    variances.values[0] = -1.0;
    file.write(&path).unwrap();
    let error = Model::load(&path).err().unwrap().to_string();
    assert!(error.contains("negative.anoseg") && error.contains("variance"), "{error}");
}
