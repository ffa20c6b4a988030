//! Exported graphs in ONNX Runtime and OpenVINO against the inference runtime. `ANOSEG_PYTHON` names the interpreter
//! (otherwise `python3`); without the packages `onnx` and `onnxruntime` nothing is compared.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

mod models;

use std::path::{Path, PathBuf};
use std::process::Command;

use anoseg_export::{Numbers, Options, onnx};
use anoseg_image::{Filter, write};
use anoseg_infer::runtime::Recorder;
use anoseg_infer::{Drawing, Extent, Geometry, Model, RegionOfInterest, Window};

use models::{accurate, accurate_on_resnet, fixture, image};

/// Reads the graph and runs it on `input.bin`, the second image of a batch, in ONNX Runtime and, if it is there,
/// OpenVINO. Writes map and score of each.
const RUN: &str = "
import sys, numpy as np, onnx, onnxruntime
folder, height, width, tiled, bytes = sys.argv[1], *map(int, sys.argv[2:])
onnx.checker.check_model(folder + '/m.onnx', full_check=True)
shape = (1, height, width, 3) if bytes else (1, 3, height, width)
x = np.fromfile(folder + '/input.bin', np.uint8 if bytes else np.float32).reshape(shape)
inputs = {'input': np.concatenate([x[::, ::, ::-1], x])}
if tiled and not bytes:
    inputs['window'] = np.array([[0, 0, width, height]] * 2, np.float32)
session = onnxruntime.InferenceSession(folder + '/m.onnx', providers=['CPUExecutionProvider'])
map, score = session.run(['anomaly_map', 'pred_score'], inputs)
found = [map[1].ravel(), score[1:]]
try:
    import openvino
    compiled = openvino.compile_model(folder + '/m.onnx', 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    results = compiled(inputs)
    found += [results['anomaly_map'][1].ravel(), results['pred_score'][1:]]
except ImportError:
    pass
np.concatenate(found).tofile(folder + '/found.bin')
";

fn python() -> Option<String> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import onnx, onnxruntime, numpy, PIL"]).output().ok()?;
    if !found.status.success() {
        println!("skipped: {python} has no onnx and onnxruntime");
    }
    found.status.success().then_some(python)
}

/// Compares map and score of an image of this size. Without preprocessing in the graph that is the network's
/// size.
fn compare(name: &str, model: &Model, options: Options<'_>, [width, height]: [usize; 2]) {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("m.onnx"), onnx(model, &options).unwrap()).unwrap();
    let image = image(width, height);
    let values = image.as_slice();
    let input: Vec<u8> = if options.with_preprocessing {
        let pixels = width * height;
        let byte = |i: usize| (values[i % 3 * pixels + i / 3] * 255.0).round() as u8;
        (0..3 * pixels).map(byte).collect()
    } else {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    std::fs::write(path("input.bin"), input).unwrap();
    let tiled = model.description().preprocess.geometry.is_tiled();
    let sizes = [height, width, usize::from(tiled), usize::from(options.with_preprocessing)];
    let mut command = Command::new(python);
    command.args(["-c", RUN]).arg(folder.path()).args(sizes.map(|size| size.to_string()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let expected = model.analyse_prepared(&model.prepare(&image), None).unwrap();
    let found = std::fs::read(path("found.bin")).unwrap();
    let found: Vec<f32> = found.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected: Vec<f32> = expected.map.as_slice().iter().copied().chain([expected.score]).collect();
    let engines = found.len() / expected.len();
    assert!(engines > 0 && found.len() == engines * expected.len(), "{name}");
    let most = if matches!(options.numbers, Numbers::Float16) { 0.02 } else { 1e-4 };
    for (number, found) in found.chunks_exact(expected.len()).enumerate() {
        let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < most, "{name}, engine {number}: {difference}");
    }
    let spread = expected.iter().fold([1.0_f32, 0.0], |[low, high], &x| [low.min(x), high.max(x)]);
    assert!(spread[1] - spread[0] > 1e-4, "{name}: a map that differs from place to place: {spread:?}");
}

const HALF: Options<'_> = Options { with_preprocessing: false, numbers: Numbers::Float16 };
const WITH_PREPROCESSING: Options<'_> = Options { with_preprocessing: true, numbers: Numbers::Float32 };

#[test]
fn graphs_of_compact_and_published_networks_give_map_and_score_of_inference() {
    for name in ["compact.anoseg", "published.anoseg"] {
        let model = fixture(name);
        let [height, width] = model.description().preprocess.size();
        compare(name, &model, Options::default(), [width, height]);
        compare(name, &model, WITH_PREPROCESSING, [width + 37, height / 2 + 3]);
        compare(name, &model, Options { numbers: Numbers::Float16, ..Options::default() }, [width, height]);
    }
}

#[test]
fn graphs_of_pretrained_networks_give_map_and_score_of_inference() {
    for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
        let model = accurate(Geometry::Whole { width: 128, height: 64 }, filter);
        compare("whole", &model, Options::default(), [128, 64]);
        compare("whole images of another size", &model, WITH_PREPROCESSING, [333, 55]);
    }
    let (width, height) = (128, 192);
    let geometry = Geometry::Tiles { width, height, scale: 1.0, overlap: 32, part: 64, step: 32 };
    let model = accurate(geometry, Filter::Bilinear);
    compare("a tile", &model, Options::default(), [128, 192]);
    compare("a smaller tile", &model, Options::default(), [96, 64]);
    compare("an image of one tile", &model, WITH_PREPROCESSING, [120, 170]);
    let window = Window { x: 64, y: 32, plane: Extent { width: 416, height: 160 } };
    compare_logits(&model, [96, 64], window);
    let model = accurate_on_resnet(Geometry::Whole { width: 128, height: 64 });
    compare("a ResNet", &model, WITH_PREPROCESSING, [333, 55]);
    let model = accurate_on_resnet(geometry);
    compare("a tile of a ResNet", &model, Options::default(), [96, 64]);
    compare("a ResNet of 16-bit floats", &model, HALF, [96, 64]);
    compare_logits(&model, [96, 64], window);
}

/// Compares the logits of a tile with those of the runtime.
fn compare_logits(model: &Model, [width, height]: [usize; 2], window: Window) {
    const RUN: &str = "
import sys, numpy as np, onnxruntime
folder, height, width, *window = sys.argv[1], *map(int, sys.argv[2:])
x = np.fromfile(folder + '/input.bin', np.float32).reshape(1, 3, height, width)
session = onnxruntime.InferenceSession(folder + '/m.onnx', providers=['CPUExecutionProvider'])
inputs = {'input': x, 'window': np.array([window], np.float32)}
session.run(['logits'], inputs)[0].tofile(folder + '/found.bin')
";
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("m.onnx"), onnx(model, &Options::default()).unwrap()).unwrap();
    let image = image(width, height);
    let input: Vec<u8> = image.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(path("input.bin"), input).unwrap();
    let Window { x, y, plane } = window;
    let numbers = [height, width, x as usize, y as usize, plane.width, plane.height];
    let mut command = Command::new(python);
    command.args(["-c", RUN]).arg(folder.path()).args(numbers.map(|number| number.to_string()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut recorder, input) = Recorder::windowed([1, 3, height, width]);
    let logits = model.forward(&mut recorder, &input).unwrap().logits;
    let expected = recorder.finish(&[logits]).run_windows(image.as_slice(), &[], &[window]);
    let found = std::fs::read(path("found.bin")).unwrap();
    let found: Vec<f32> = found.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(found.len(), expected[0].len());
    let difference = found.iter().zip(&expected[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-3, "{difference}");
}

fn tiles_program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/onnx_tiles.py")
}

/// scripts/onnx_tiles.py says what it needs where it is given another file or no arguments.
#[test]
fn the_program_for_tiles_refuses_other_models() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let geometry = Geometry::Tiles { width: 128, height: 192, scale: 0.5, overlap: 32, part: 128, step: 32 };
    let tiled = accurate(geometry, Filter::Bilinear);
    let polygon = Drawing::Unsized(vec![vec![[9.0, 9.0], [400.0, 9.0], [99.0, 300.0]]]).on((700, 500));
    let narrowed = tiled.clone().narrowed(RegionOfInterest::inside(polygon)).unwrap();
    let refused = |arguments: &[&str], what: &str| {
        let mut command = Command::new(&python);
        let output =
            command.arg(tiles_program()).args(arguments).current_dir(folder.path()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(what), "{told}");
        assert!(!told.contains("Traceback"), "{told}");
    };
    refused(&[], "usage: onnx_tiles.py MODEL.onnx IMAGE MAP.tiff");
    write::write_png(&folder.path().join("image.png"), &image(700, 500)).unwrap();
    for (model, options, what) in [
        (fixture("compact.anoseg"), Options::default(), "not a model on tiles"),
        (tiled, WITH_PREPROCESSING, "exported with --with-preprocessing"),
        (narrowed, Options::default(), "not a rectangle"),
    ] {
        std::fs::write(folder.path().join("m.onnx"), onnx(&model, &options).unwrap()).unwrap();
        refused(&["m.onnx", "image.png", "map.tiff"], what);
    }
}

/// Tiles and a region of interest, which stay outside of the graph, by scripts/onnx_tiles.py.
#[test]
fn tiles_that_are_joined_outside_of_the_graph_give_map_and_score_of_inference() {
    let Some(python) = python() else { return };
    let geometry = Geometry::Tiles { width: 128, height: 192, scale: 0.5, overlap: 32, part: 128, step: 32 };
    for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let image = image(700, 500);
        write::write_png(&path("image.png"), &image).unwrap();
        for region in [None, Some("90,130,333,300")] {
            let model = accurate(geometry, filter);
            let area = region.map(|text| Drawing::rectangle(text).unwrap().on((700, 500)));
            let model = match area {
                Some(area) => model.narrowed(RegionOfInterest::inside(area)).unwrap(),
                None => model,
            };
            std::fs::write(path("m.onnx"), onnx(&model, &Options::default()).unwrap()).unwrap();
            let mut command = Command::new(&python);
            command.arg(tiles_program()).args(["m.onnx", "image.png", "map.tiff"]);
            let output = command.current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8(output.stdout).unwrap();
            let score: f32 = told.split_whitespace().next().unwrap().parse().unwrap();
            let map = write::read_tiff_f32(&path("map.tiff")).unwrap();
            let expected = model.analyse(&image).unwrap();
            assert!((score - expected.score).abs() < 1e-4, "{filter:?}: {score}, not {}", expected.score);
            let pairs = map.as_slice().iter().zip(expected.map.as_slice());
            let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < 1e-4, "{filter:?}, {region:?}: maps differ by {difference}");
        }
    }
}
