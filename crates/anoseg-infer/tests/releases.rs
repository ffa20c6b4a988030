//! Models of each release load and score as in that release.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anoseg_image::{Limits, decode, write};
use anoseg_infer::Model;
use flate2::read::GzDecoder;

/// Most difference of scores and of maps. Code without vector instructions adds up in another order, which makes
/// a difference of up to 3e-6.
const MOST: f32 = 1e-5;

/// Folders of the kept files, one of each release.
fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/releases");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn scores_and_maps_equal_those_of_the_release_that_wrote_the_file() {
    for release in releases() {
        let image = decode::load(&release.join("image.png"), &Limits::default()).unwrap();
        let expected = std::fs::read(release.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let expected = expected.as_object().unwrap();
        assert!(expected.len() >= 4, "a model of each preset in {release:?}");
        for (name, of) in expected {
            let packed = std::fs::read(release.join(format!("{name}.anoseg.gz"))).unwrap();
            let mut bytes = Vec::new();
            GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
            let found = Model::from_bytes(&bytes).unwrap().inspect(&image).unwrap();
            let score = of["score"].as_f64().unwrap() as f32;
            assert!(
                (found.score - score).abs() < MOST,
                "{name} of {release:?}: {} is not {score}",
                found.score
            );
            assert_eq!(
                serde_json::to_value(found.decision).unwrap(),
                of["decision"],
                "{name} of {release:?}"
            );
            let kept = write::read_tiff_f32(&release.join(format!("{name}_map.tiff"))).unwrap();
            assert_eq!(found.map.as_slice().len(), kept.as_slice().len(), "{name} of {release:?}");
            let pairs = found.map.as_slice().iter().zip(kept.as_slice());
            let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < MOST, "{name} of {release:?}: maps differ by {difference}");
        }
    }
}
