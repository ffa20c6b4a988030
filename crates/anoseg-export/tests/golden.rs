//! The graphs that releases exported give the results of those releases, in ONNX Runtime; and the writer of
//! the models of preset `accurate` that a release keeps (`scripts/golden_files.py`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod python;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anoseg_image::{Filter, write};
use anoseg_infer::network::pretrained::{Encoder, FineMemory, Spread};
use anoseg_infer::network::{Architecture, Averaging, Backbone, Blueprint, Init, MemoryBank, head};
use anoseg_infer::parameters::{ParameterData, ParameterStore};
use anoseg_infer::{Description, Geometry, Model, Network, Postprocess, Preprocess, Provenance, ScoreRule};
use flate2::read::GzDecoder;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Runs a graph with preprocessing on an image; the map at the image's size, then the score.
const WHOLE: &str = "
import sys, numpy, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession('m.onnx', providers=['CPUExecutionProvider'])
image = Image.open(sys.argv[1]).convert('RGB')
found, score = session.run(['anomaly_map', 'pred_score'], {'input': numpy.asarray(image)[None]})
Image.fromarray(found[0, 0]).resize(image.size, Image.BILINEAR).save('map.tiff')
print(f'{score[0]:.6f}')
";

/// Folders of the kept files, one of each release.
fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/releases");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn the_kept_graphs_of_each_release_give_the_results_of_that_release() {
    let Some(python) = python::with("numpy, onnxruntime, PIL") else { return };
    let tiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/onnx_tiles.py");
    for release in releases() {
        let expected = std::fs::read(release.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
        let image = release.join("image.png");
        for (name, of) in expected.as_object().unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            let packed = std::fs::read(release.join(format!("{name}.onnx.gz"))).unwrap();
            let mut graph = Vec::new();
            GzDecoder::new(&*packed).read_to_end(&mut graph).unwrap();
            std::fs::write(path("m.onnx"), graph).unwrap();
            let mut command = Command::new(&python);
            // Tiles are joined outside of the graph.
            let told = if of["tiled"] == true {
                python::told(command.arg(&tiles).arg("m.onnx").arg(&image).arg("map.tiff"), folder.path())
            } else {
                python::told(command.args(["-c", WHOLE]).arg(&image), folder.path())
            };
            let score: f64 = told.split_whitespace().next().unwrap().parse().unwrap();
            let wanted = of["score"].as_f64().unwrap();
            assert!((score - wanted).abs() < 1e-4, "{name} of {release:?}: {score} is not {wanted}");
            let found = write::read_tiff_f32(&path("map.tiff")).unwrap();
            let kept = write::read_tiff_f32(&release.join(format!("{name}_map.tiff"))).unwrap();
            assert_eq!(found.as_slice().len(), kept.as_slice().len(), "{name} of {release:?}");
            let pairs = found.as_slice().iter().zip(kept.as_slice());
            let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < 1e-4, "{name} of {release:?}: maps differ by {difference}");
        }
    }
}

/// The values of a tensor: `period` different ones, repeated, so that a million of them are packed into some
/// kilobytes.
fn repeated(length: usize, period: usize, mut value: impl FnMut() -> f32) -> Vec<f32> {
    let table: Vec<f32> = (0..period).map(|_| (value() * 4096.0).round() / 4096.0).collect();
    (0..length).map(|i| table[i % period]).collect()
}

/// Random parameters, at a share of the scale that training begins with: at the full scale the sums of repeated
/// values grow from layer to layer, and with them the differences between processors.
fn parameters(scale: f32, random: &mut ChaCha8Rng, blueprint: Blueprint) -> ParameterStore {
    let specs = blueprint.into_parameters();
    let mut tensors = BTreeMap::new();
    for spec in &specs {
        // A map of logits beyond 9 would be the same everywhere.
        let scale = if spec.name == "map.head.weight" { 0.1 * scale } else { scale };
        let values = match spec.init {
            Init::Normal(deviation) => {
                repeated(spec.len(), 19, || random.random_range(-1.7..1.7) * deviation * scale)
            }
            Init::Constant(value) => repeated(spec.len(), 3, || value + random.random_range(0.0..0.2)),
        };
        tensors.insert(spec.name.clone(), ParameterData { shape: spec.shape.clone(), values });
    }
    ParameterStore::import(&tensors, &specs).unwrap()
}

fn spread(channels: usize, deviation: f32) -> Spread {
    Spread { mean: repeated(channels, 7, || 0.25), deviation: vec![deviation; channels] }
}

fn bank(random: &mut ChaCha8Rng, count: usize, channels: usize) -> MemoryBank {
    let values = (0..count * channels).map(|_| random.random_range(-4_i8..=4).into()).map(|x: f32| x / 4.0);
    MemoryBank::new(ParameterData { shape: vec![count, channels], values: values.collect() }, Vec::new())
}

fn accurate(seed: u64, geometry: Geometry, synthesis: serde_json::Value) -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let tiled = geometry.is_tiled();
    let averaging = Averaging::Joined;
    let architecture = Architecture { context: !tiled, averaging, ..Architecture::pretrained() };
    let mut blueprint = Blueprint::default();
    let kind = architecture.encoder.network;
    let encoder = Encoder::new(&mut blueprint, &architecture.encoder);
    let backbone = Backbone {
        encoder,
        encoder_parameters: parameters(0.5, &mut random, blueprint),
        features: spread(kind.all_channels(), 1.0),
        memory: bank(&mut random, 24, kind.descriptor()),
        distances: Spread { mean: vec![8.0], deviation: vec![2.0] },
        coarse: tiled.then(|| spread(kind.all_channels(), 1.5)),
        fine: tiled.then(|| FineMemory {
            memory: bank(&mut random, 24, kind.fine_descriptor()),
            distances: Spread { mean: vec![2.0], deviation: vec![1.0] },
        }),
        averaging: architecture.averaging,
    };
    let mut blueprint = Blueprint::default();
    head(&mut blueprint, &architecture);
    let head = parameters(0.7, &mut random, blueprint);
    let description = Description {
        preset: "accurate".into(),
        architecture,
        preprocess: Preprocess::square(64, Filter::Bilinear).with_geometry(geometry),
        postprocess: Postprocess {
            smoothing_px: 4.0,
            distance_weight: 0.5,
            score: if tiled { ScoreRule::Smoothed } else { ScoreRule::Logits },
        },
        synthesis,
        calibration: None,
        former_calibrations: Vec::new(),
        provenance: Provenance { steps: 1, category: "token".into(), ..Provenance::default() },
        training_images: None,
    };
    Model::new(description, Network::Pretrained { backbone: backbone.into(), head: Some(head) }).unwrap()
}

/// Writes the models of preset `accurate`, without thresholds, into the folder `ANOSEG_GOLDEN`. Their weights are
/// generated: the pretrained ones take 3 MB and are not ours to pass on.
#[test]
#[ignore = "writes files; scripts/golden_files.py calls it"]
fn write_models_of_preset_accurate() {
    let folder = PathBuf::from(std::env::var_os("ANOSEG_GOLDEN").unwrap());
    // Thresholds are derived with synthetic anomalies.
    let synthesis = Model::load(&folder.join("fast.anoseg")).unwrap().description().synthesis.clone();
    let whole = Geometry::Whole { width: 64, height: 64 };
    accurate(2, whole, synthesis.clone()).save(&folder.join("accurate.anoseg")).unwrap();
    let tiles = Geometry::Tiles { width: 64, height: 64, scale: 1.0, overlap: 32, part: 64, step: 32 };
    accurate(1, tiles, synthesis).save(&folder.join("accurate_tiles.anoseg")).unwrap();
}
