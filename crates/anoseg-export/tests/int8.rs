//! Models in bytes: the graph in ONNX Runtime against the numbers that the loss was measured with. Without an
//! interpreter that has `onnx` and `onnxruntime` (`ANOSEG_PYTHON`, otherwise `python3`) only the numbers are
//! tested.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

mod models;

use std::process::Command;

use anoseg_export::{ExportError, FEWEST_SAMPLES, Numbers, Options, Quantisation, Sample, onnx, quantise};
use anoseg_image::{Filter, Image, Mask};
use anoseg_infer::{Geometry, Model, Window};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use models::{accurate, accurate_on_resnet, fixture};

/// Runs `input.bin`, and writes map and score. Says how many layers compute on bytes.
const RUN: &str = "
import sys, numpy as np, onnx, onnxruntime
folder, height, width, tiled = sys.argv[1], *map(int, sys.argv[2:])
onnx.checker.check_model(folder + '/m.onnx', full_check=True)
inputs = {'input': np.fromfile(folder + '/input.bin', np.float32).reshape(1, 3, height, width)}
if tiled:
    inputs['window'] = np.array([[0, 0, width, height]], np.float32)
options = onnxruntime.SessionOptions()
options.optimized_model_filepath = folder + '/run.onnx'
options.log_severity_level = 4
session = onnxruntime.InferenceSession(folder + '/m.onnx', options, providers=['CPUExecutionProvider'])
map, score = session.run(['anomaly_map', 'pred_score'], inputs)
np.concatenate([map.ravel(), score]).tofile(folder + '/found.bin')
names = [node.op_type for node in onnx.load(folder + '/run.onnx').graph.node]
print(sum(name in ('QLinearConv', 'MatMulIntegerToFloat') for name in names))
";

/// Random images, every second one with a bright rectangle that is its anomaly.
fn samples([width, height]: [usize; 2]) -> Vec<Sample> {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let sample = |number: usize| {
        let truth: Vec<bool> = (0..width * height)
            .map(|i| number % 2 == 1 && i % width > width / 2 && (8..24).contains(&(i / width)))
            .collect();
        let value = |i: usize| {
            let noise = random.random_range(0.0..0.5);
            if truth[i % (width * height)] { 0.5 + noise } else { noise }
        };
        let values = (0..3 * width * height).map(value).collect();
        let window = Window::whole(width, height);
        let image = Image::from_planar(width, height, values);
        Sample { image, window, truth: Mask::from_vec(width, height, truth), inside: None }
    };
    (0..16).map(sample).collect()
}

/// Map and score of the graph, and how many layers ONNX Runtime computes on bytes; None where it is not there.
fn in_onnx_runtime(model: &Model, chosen: &Quantisation, image: &Image) -> Option<(Vec<f32>, usize)> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import onnx, onnxruntime, numpy"]).output().ok()?;
    if !found.status.success() {
        println!("skipped: {python} has no onnx and onnxruntime");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = Options { with_preprocessing: false, numbers: Numbers::Int8(chosen) };
    std::fs::write(path("m.onnx"), onnx(model, &options).unwrap()).unwrap();
    let input: Vec<u8> = image.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(path("input.bin"), input).unwrap();
    let tiled = usize::from(model.description().preprocess.geometry.is_tiled());
    let sizes = [image.height(), image.width(), tiled].map(|size| size.to_string());
    let output = Command::new(python).args(["-c", RUN]).arg(folder.path()).args(sizes).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = std::fs::read(path("found.bin")).unwrap();
    let found = found.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Some((found, String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()))
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_graph_computes_with_the_numbers_that_the_loss_was_measured_with() {
    let whole = Geometry::Whole { width: 96, height: 64 };
    let tiles = Geometry::Tiles { width: 64, height: 96, scale: 1.0, overlap: 32, part: 64, step: 32 };
    let models = [
        ("compact", fixture("compact.anoseg")),
        ("published", fixture("published.anoseg")),
        ("whole", accurate(whole, Filter::Bilinear)),
        ("tiles", accurate(tiles, Filter::Bilinear)),
        ("resnet", accurate_on_resnet(whole)),
        ("resnet on tiles", accurate_on_resnet(tiles)),
    ];
    for (name, model) in models {
        let [height, width] = model.description().preprocess.size();
        let samples = samples([width, height]);
        let chosen = quantise(&model, &samples[..8], &samples[8..]).unwrap();
        assert!(!chosen.is_empty(), "{name}");
        let lost = chosen.loss.pixel_ap[0] - chosen.loss.pixel_ap[1];
        assert!(lost <= 0.005 && chosen.loss.samples == 8, "{name}: {:?}", chosen.loss);
        let sample = &samples[3];
        let expected = chosen.analyse(&model, sample).unwrap();
        let expected: Vec<f32> = expected.map.as_slice().iter().copied().chain([expected.score]).collect();
        let floats = model.analyse_prepared(&sample.image, None).unwrap();
        let floats: Vec<f32> = floats.map.as_slice().iter().copied().chain([floats.score]).collect();
        let rounding = largest_difference(&expected, &floats);
        assert!(rounding > 1e-5, "{name}: {rounding}");
        let Some((found, in_bytes)) = in_onnx_runtime(&model, &chosen, &sample.image) else { continue };
        // A sum that lies between two bytes may become either.
        let difference = largest_difference(&found, &expected);
        assert!(difference < 0.02, "{name}: {difference}, from floats {rounding}");
        assert!(in_bytes >= chosen.len(), "{name}: {in_bytes} of {} layers", chosen.len());
    }
}

#[test]
fn the_same_samples_give_the_same_file() {
    let model = fixture("compact.anoseg");
    let [height, width] = model.description().preprocess.size();
    let samples = samples([width, height]);
    let file = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let chosen = pool.install(|| quantise(&model, &samples[..8], &samples[8..])).unwrap();
        onnx(&model, &Options { numbers: Numbers::Int8(&chosen), ..Options::default() }).unwrap()
    };
    let plain = onnx(&model, &Options::default()).unwrap();
    let bytes = file(1);
    assert!(bytes.len() < plain.len(), "{} and {}", bytes.len(), plain.len());
    assert_eq!(bytes, file(2));
}

#[test]
fn too_few_samples_and_samples_of_several_sizes_are_refused() {
    let model = fixture("compact.anoseg");
    let [height, width] = model.description().preprocess.size();
    let samples = samples([width, height]);
    let refused =
        |samples: &[Sample]| matches!(quantise(&model, samples, samples), Err(ExportError::Samples { .. }));
    assert!(refused(&[]) && refused(&samples[..FEWEST_SAMPLES - 1]));
    let mut others = samples;
    others[5].image = Image::from_planar(width / 2, height, vec![0.0; 3 * width * height / 2]);
    assert!(refused(&others));
}
