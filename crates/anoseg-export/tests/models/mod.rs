//! Small models of every preset, with random parameters.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anoseg_image::{Filter, Image};
use anoseg_infer::network::pretrained::{Encoder, FineMemory, Spread};
use anoseg_infer::network::{
    Architecture, Backbone, Blueprint, EncoderArchitecture, EncoderKind, Init, MemoryBank, head,
};
use anoseg_infer::parameters::{ParameterData, ParameterStore};
use anoseg_infer::{Description, Geometry, Model, Network, Postprocess, Preprocess, Provenance, ScoreRule};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// An image with values that bytes have.
pub(crate) fn image(width: usize, height: usize) -> Image {
    let mut random = random(1);
    let values = (0..3 * width * height).map(|_| f32::from(random.random_range(0..=255_u8)) / 255.0);
    Image::from_planar(width, height, values.collect())
}

/// A model file of the tests of inference.
pub(crate) fn fixture(name: &str) -> Model {
    let folder: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1");
    Model::load(&folder.join(name)).unwrap()
}

/// Random parameters of the scale that training begins with.
fn parameters(blueprint: Blueprint) -> ParameterStore {
    let mut random = random(2);
    let specs = blueprint.into_parameters();
    let mut tensors = BTreeMap::new();
    for spec in &specs {
        let mut value = || match spec.init {
            Init::Normal(deviation) => random.random_range(-1.7..1.7) * deviation,
            Init::Constant(value) => value + random.random_range(0.0..0.2),
        };
        let values = (0..spec.len()).map(|_| value()).collect();
        tensors.insert(spec.name.clone(), ParameterData { shape: spec.shape.clone(), values });
    }
    ParameterStore::import(&tensors, &specs).unwrap()
}

fn spread(channels: usize, deviation: f32) -> Spread {
    let mean = (0..channels).map(|i| i as f32 / channels as f32 - 0.5).collect();
    Spread { mean, deviation: vec![deviation; channels] }
}

fn bank(count: usize, channels: usize) -> MemoryBank {
    let mut random = random(3);
    let values = (0..count * channels).map(|_| random.random_range(-1.0..1.0)).collect();
    MemoryBank::new(ParameterData { shape: vec![count, channels], values }, Vec::new())
}

/// Preset `accurate`; on tiles with a second memory bank.
pub(crate) fn accurate(geometry: Geometry, filter: Filter) -> Model {
    accurate_on(EncoderArchitecture::default(), geometry, filter)
}

/// Preset `accurate` on a ResNet, whose input is scaled for each colour.
pub(crate) fn accurate_on_resnet(geometry: Geometry) -> Model {
    let (centre, scale) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
    let encoder = EncoderArchitecture { network: EncoderKind::ResNet18, centre, scale };
    accurate_on(encoder, geometry, Filter::Bilinear)
}

/// Preset `accurate` on any encoder.
pub(crate) fn accurate_on(encoder: EncoderArchitecture, geometry: Geometry, filter: Filter) -> Model {
    let tiled = geometry.is_tiled();
    let architecture = Architecture { context: !tiled, encoder, ..Architecture::pretrained() };
    let mut blueprint = Blueprint::default();
    let kind = architecture.encoder.network;
    let encoder = Encoder::new(&mut blueprint, &architecture.encoder);
    let backbone = Backbone {
        encoder,
        encoder_parameters: parameters(blueprint),
        features: spread(kind.all_channels(), 2.0),
        memory: bank(300, kind.descriptor()),
        distances: Spread { mean: vec![5.0], deviation: vec![2.0] },
        coarse: tiled.then(|| spread(kind.all_channels(), 1.5)),
        fine: tiled.then(|| FineMemory {
            memory: bank(40, kind.fine_descriptor()),
            distances: Spread { mean: vec![2.0], deviation: vec![1.0] },
        }),
        averaging: architecture.averaging,
    };
    let mut blueprint = Blueprint::default();
    head(&mut blueprint, &architecture);
    let score = if tiled { ScoreRule::Smoothed } else { ScoreRule::Logits };
    let description = Description {
        preset: "accurate".into(),
        architecture,
        preprocess: Preprocess::square(64, filter).with_geometry(geometry),
        postprocess: Postprocess { smoothing_px: 4.0, distance_weight: 0.5, score },
        synthesis: serde_json::Value::Null,
        calibration: None,
        former_calibrations: Vec::new(),
        provenance: Provenance { steps: 1, ..Provenance::default() },
        training_images: None,
    };
    let network = Network::Pretrained { backbone: backbone.into(), head: Some(parameters(blueprint)) };
    Model::new(description, network).unwrap()
}
