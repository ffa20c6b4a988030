//! Exported models of every preset in all engines: no difference from native inference.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

#[path = "../../anoseg-export/tests/models/mod.rs"]
mod models;
mod runtime;

use std::path::Path;

use anoseg_export::{FEWEST_SAMPLES, Numbers, Options, Sample, Weights, onnx, quantise};
use anoseg_image::{Filter, Image, Mask, SampleType};
use anoseg_infer::{Alignment, Drawing, Geometry, Model, ReducedImage, RegionOfInterest, Window};
use anoseg_verify::{Choice, Comparison, Engines, Exported, Report, VerifyError};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use models::{accurate, accurate_on_resnet, fixture, image};

const PLAIN: Options<'_> = Options { with_preprocessing: false, numbers: Numbers::Float32 };
const WITH_PREPROCESSING: Options<'_> = Options { with_preprocessing: true, numbers: Numbers::Float32 };
const HALF: Options<'_> = Options { with_preprocessing: false, numbers: Numbers::Float16 };

/// The model's file in a folder of its own.
fn exported(model: &Model, options: Options) -> Result<Exported, VerifyError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, onnx(model, &options).unwrap()).unwrap();
    Exported::read(&path, model)
}

/// The engines that there are.
fn engines(file: &Exported) -> Engines {
    match runtime::library() {
        Some(library) => Engines::load(file, Choice::All, Some(&library)).unwrap(),
        None => Engines::load(file, Choice::Rten, None).unwrap(),
    }
}

/// Compares images in all engines.
fn compared(model: &Model, options: Options, images: &[Image]) -> Report {
    let file = exported(model, options).unwrap();
    let mut comparison = Comparison::new(model, &file, engines(&file));
    for (number, image) in images.iter().enumerate() {
        comparison.add(&number.to_string(), image).unwrap();
    }
    comparison.finish()
}

/// Images of these sizes have no difference; of another one they are left out for a reason that has `reason`.
fn check(name: &str, model: &Model, options: Options, sizes: &[[usize; 2]]) {
    let images: Vec<Image> = sizes.iter().map(|&[width, height]| image(width, height)).collect();
    let report = compared(model, options, &images);
    assert_eq!((report.images, report.left_out.len()), (images.len(), 0), "{name}: {:?}", report.left_out);
    let most = if matches!(options.numbers, Numbers::Float16) { 0.02 } else { 1e-4 };
    assert!(report.agrees(most), "{name}: {:#?}", report.engines);
    for engine in &report.engines {
        assert!(engine.map.largest >= engine.map.mean && engine.map.image.is_some(), "{name}");
    }
}

/// The reason for which an image is left out.
fn reason(model: &Model, options: Options, image: Image) -> String {
    let mut report = compared(model, options, &[image]);
    assert_eq!(report.images, 0);
    report.left_out.remove(0).reason
}

/// The model with a region of interest that was drawn on an image of this size.
fn narrowed(model: &Model, rectangle: &str, size: (usize, usize)) -> Model {
    let area = Drawing::rectangle(rectangle).unwrap().on(size);
    model.clone().narrowed(RegionOfInterest::inside(area)).unwrap()
}

#[test]
fn compact_and_published_networks() {
    for name in ["compact.anoseg", "published.anoseg"] {
        let model = fixture(name);
        let [height, width] = model.description().preprocess.size();
        check(name, &model, PLAIN, &[[width, height], [211, 97]]);
        check(name, &model, WITH_PREPROCESSING, &[[width + 37, height / 2 + 3]]);
        check(name, &model, HALF, &[[width, height]]);
        let model = narrowed(&model, "30,20,90,60", (211, 97));
        check(name, &model, PLAIN, &[[211, 97]]);
        check(name, &model, WITH_PREPROCESSING, &[[211, 97]]);
    }
}

#[test]
fn pretrained_networks_on_whole_images() {
    for filter in [Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3] {
        let model = accurate(Geometry::Whole { width: 128, height: 64 }, filter);
        check("whole", &model, PLAIN, &[[333, 55]]);
        check("whole, with preprocessing", &model, WITH_PREPROCESSING, &[[333, 55]]);
        check("a region", &narrowed(&model, "40,10,150,30", (333, 55)), PLAIN, &[[333, 55]]);
    }
    let model = accurate(Geometry::Fitted { width: 128, height: 64 }, Filter::Bilinear);
    check("fitted", &model, PLAIN, &[[256, 128]]);
    for options in [PLAIN, WITH_PREPROCESSING] {
        assert!(reason(&model, options, image(100, 100)).contains("another shape"));
    }
    let model = narrowed(&model, "10,10,60,50", (100, 100));
    check("fitted, of another shape, with a region", &model, PLAIN, &[[100, 100]]);
    assert!(reason(&model, WITH_PREPROCESSING, image(100, 100)).contains("another shape"));
}

#[test]
fn pretrained_networks_on_tiles() {
    let geometry = Geometry::Tiles { width: 128, height: 192, scale: 0.5, overlap: 32, part: 128, step: 32 };
    let model = accurate(geometry, Filter::Bilinear);
    check("tiles", &model, PLAIN, &[[700, 500], [256, 384], [60, 50]]);
    check("tiles, a region", &narrowed(&model, "90,130,333,300", (700, 500)), PLAIN, &[[700, 500]]);
    check("one tile", &model, WITH_PREPROCESSING, &[[250, 300]]);
    check(
        "one tile, a region",
        &narrowed(&model, "20,20,50,50", (250, 300)),
        WITH_PREPROCESSING,
        &[[250, 300]],
    );
    assert!(reason(&model, WITH_PREPROCESSING, image(700, 500)).contains("larger than a tile"));
    assert!(reason(&model, WITH_PREPROCESSING, image(60, 50)).contains("smaller than the parts"));
}

#[test]
fn other_encoders_on_whole_images_and_tiles() {
    let model = accurate_on_resnet(Geometry::Whole { width: 128, height: 64 });
    check("a ResNet", &model, WITH_PREPROCESSING, &[[333, 55]]);
    let geometry = Geometry::Tiles { width: 128, height: 192, scale: 0.5, overlap: 32, part: 128, step: 32 };
    check("a ResNet on tiles", &accurate_on_resnet(geometry), PLAIN, &[[700, 500]]);
}

#[test]
fn deep_images_are_compared_without_preprocessing_in_the_graph() {
    let model = fixture("compact.anoseg");
    let deep = image(90, 70).with_sample_type(SampleType::U16);
    assert!(reason(&model, WITH_PREPROCESSING, deep.clone()).contains("8-bit"));
    assert!(compared(&model, PLAIN, &[deep]).agrees(1e-4));
}

#[test]
fn files_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let model = fixture("compact.anoseg");
    let bytes = onnx(&model, &PLAIN).unwrap();
    let refused = |bytes: &[u8], model: &Model| {
        std::fs::write(&path, bytes).unwrap();
        Exported::read(&path, model).unwrap_err().to_string()
    };
    for broken in [&bytes[..bytes.len() / 2], &bytes[..0], b"a text that is no graph"] {
        assert!(refused(broken, &model).contains("m.onnx: not an ONNX file, or cut short"));
    }
    let other = fixture("published.anoseg");
    let told = refused(&bytes, &other);
    assert!(told.contains("from another model") && told.contains("published.anoseg"), "{told}");
    // The key of the digest, of the same length.
    let told = refused(&replaced(&bytes, b"anoseg_model_blake3", b"unknown_model_digit"), &model);
    assert!(told.contains("without metadata"), "{told}");
    let told = refused(&replaced(&bytes, b"\x05input", b"\x05image"), &model);
    assert!(told.contains("its inputs are image, and not input"), "{told}");
    // Field 8, of 2 bytes: the version.
    let told = refused(&replaced(&bytes, b"\x0a\x00\x10\x12", b"\x0a\x00\x10\x11"), &model);
    assert!(told.contains("its operators are of version 17, and not 18"), "{told}");
    let told = Exported::read(Path::new("none.onnx"), &model).unwrap_err();
    assert!(matches!(told, VerifyError::Io { .. }), "{told}");
}

/// `bytes` with every `from` replaced by `to`, which is as long.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty() && from.len() == to.len());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

/// Damaged files end in an error or in other results. A panic of the built-in engine is caught.
#[test]
fn damaged_graphs_end_in_an_error() {
    let model = fixture("compact.anoseg");
    let whole = onnx(&model, &PLAIN).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, image) = (folder.path().join("m.onnx"), image(64, 64));
    let mut random = ChaCha8Rng::seed_from_u64(5);
    // Operators are at the beginning, before the weights.
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..8000.min(bytes.len()));
            bytes[at] = random.random();
        }
        std::fs::write(&path, bytes).unwrap();
        let compared = Exported::read(&path, &model).and_then(|file| {
            let mut comparison = Comparison::new(&model, &file, Engines::load(&file, Choice::Rten, None)?);
            comparison.add("image", &image)
        });
        if compared.is_ok() { loaded += 1 } else { refused += 1 }
    }
    assert!(loaded > 10 && refused > 10, "{loaded}, {refused}");
}

/// A part in the place and at the angle `turn`, on a plain background.
fn scene(turn: f32) -> Image {
    let (sin, cos) = turn.sin_cos();
    Image::from_fn(200, 160, |x, y| {
        let (dx, dy) = (x as f32 - 95.0 - 5.0 * turn, y as f32 - 80.0);
        let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
        let inside = u.abs() < 45.0 && v.abs() < 28.0 && u - v < 55.0;
        let hole = (u + 22.0).hypot(v + 10.0) < 8.0;
        let value = if inside && !hole { 0.8 - 0.004 * v } else { 0.2 + x as f32 / 4000.0 };
        [(value * 255.0).round() / 255.0; 3]
    })
}

#[test]
fn images_of_models_that_align_are_framed_outside_of_the_graph() {
    let reduced: Vec<_> = (0..6_u8).map(|i| ReducedImage::of(&scene(f32::from(i) * 0.3))).collect();
    let alignment = Alignment::learn(&reduced).unwrap().alignment;
    let model = accurate(Geometry::Whole { width: 128, height: 64 }, Filter::Bilinear);
    let mut file = model.to_file();
    file.description.preprocess = file.description.preprocess.with_alignment(Some(alignment));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aligned.anoseg");
    file.write(&path).unwrap();
    let model = Model::load(&path).unwrap();
    let report = compared(&model, PLAIN, &[scene(0.2), scene(1.1)]);
    assert!(report.images == 2 && report.agrees(1e-4), "{report:#?}");
    let refused = exported(&model, WITH_PREPROCESSING).unwrap_err();
    assert!(matches!(refused, VerifyError::Aligned { .. }), "{refused}");
}

#[test]
fn how_weights_are_stored_is_known() {
    let model = accurate(Geometry::Whole { width: 64, height: 64 }, Filter::Bilinear);
    assert_eq!(exported(&model, PLAIN).unwrap().weights(), Weights::Floats);
    assert_eq!(exported(&model, HALF).unwrap().weights(), Weights::Halves);
}

/// Layers in bytes give slightly other results, and the same in each engine.
#[test]
fn layers_in_bytes_differ_within_limits() {
    let tiles = Geometry::Tiles { width: 64, height: 96, scale: 1.0, overlap: 32, part: 64, step: 32 };
    for model in [fixture("compact.anoseg"), accurate(tiles, Filter::Bilinear)] {
        let [height, width] = model.description().preprocess.size();
        let image = image(width, height);
        let sample = |number: usize| Sample {
            image: image.clone(),
            window: Window::whole(width, height),
            truth: Mask::filled(width, height, number % 2 == 1),
            inside: None,
        };
        let samples: Vec<Sample> = (0..FEWEST_SAMPLES).map(sample).collect();
        let chosen = quantise(&model, &samples, &samples).unwrap();
        let options = Options { numbers: Numbers::Int8(&chosen), ..PLAIN };
        assert_eq!(exported(&model, options).unwrap().weights(), Weights::Bytes);
        let report = compared(&model, options, &[image]);
        assert!(report.agrees(0.05) && !report.agrees(1e-5), "{report:#?}");
        let largest: Vec<f64> = report.engines.iter().map(|engine| engine.map.largest).collect();
        assert!(largest.iter().all(|other| (other - largest[0]).abs() < 0.01), "{largest:?}");
    }
}
