//! Weights in timm's form: features as timm gives them, and how encoders are stored.

mod refusals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anoseg_image::Image;
use anoseg_infer::ErrorKind;
use anoseg_infer::network::pretrained::Encoder;
use anoseg_infer::network::{Blueprint, EncoderKind};
use anoseg_infer::parameters::ParameterStore;
use anoseg_infer::runtime::Recorder;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::PretrainedEncoder;
use super::folding::SourceNames;
use super::timm::source_names;

/// Features that timm computed; see `scripts/timm_goldens.py`.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/timm_features.json")).unwrap()
}

/// A tensor of a file: type, shape and bytes.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Numbers of the script: from -1 to below 1.
fn noise(name: &str) -> impl Iterator<Item = f32> {
    let first = name
        .bytes()
        .fold(2_166_136_261_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(16_777_619));
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let states = std::iter::successors(next(&first), next);
    states.map(|state| (state >> 8) as f32 / 8_388_608.0 - 1.0)
}

/// The weights of the script.
fn formula(name: &str, shape: &[usize]) -> Vec<f32> {
    let values = noise(name).take(shape.iter().product());
    let fan_in: usize = shape[1..].iter().product();
    let part = name.rsplit('.').next().unwrap();
    let scale = (6.0 / fan_in as f64).sqrt().log2().floor().exp2() as f32;
    let weight = |value: f32| match (part, shape.len()) {
        ("running_var", _) => 1.0 + value / 2.0,
        ("weight", 1) => 1.0 + value / 8.0,
        (_, 1) => value / 8.0,
        _ => value * scale,
    };
    values.map(weight).collect()
}

/// All tensors of a network down to stride 16, and some that are not used.
fn tensors(kind: EncoderKind) -> Tensors {
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize]| {
        let bytes = formula(&name, shape).iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.insert(name, (Dtype::F32, shape.to_vec(), bytes));
    };
    for (name, [outputs, inputs, kernel, _]) in Encoder::layers(kind) {
        let SourceNames { filters, norm } = source_names(kind, &name);
        let kernel = kernel - usize::from(kernel % 2 == 0);
        add(format!("{filters}.weight"), &[outputs, inputs, kernel, kernel]);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{part}"), &[outputs]);
        }
    }
    add("fc.weight".into(), &[10, 4]);
    add("classifier.bias".into(), &[10]);
    tensors.insert("bn1.num_batches_tracked".into(), (Dtype::I64, vec![], vec![0; 8]));
    tensors
}

fn config(architecture: &str) -> Value {
    let fixture = fixture();
    json!({
        "architecture": architecture,
        "num_classes": 1000,
        "pretrained_cfg": {
            "tag": "a1_in1k", "mean": fixture["mean"], "std": fixture["std"], "input_size": [3, 224, 224],
            "interpolation": "bicubic", "license": "apache-2.0"
        }
    })
}

fn write(folder: &Path, tensors: &Tensors, config: &Value) -> PathBuf {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    let path = folder.join("model.safetensors");
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    std::fs::write(&path, safetensors::serialize(views, Some(metadata.into_iter().collect())).unwrap())
        .unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    path
}

fn features(encoder: &PretrainedEncoder, image: &Image) -> Vec<Vec<f32>> {
    let mut blueprint = Blueprint::default();
    let network = Encoder::new(&mut blueprint, encoder.architecture());
    let parameters = ParameterStore::import(encoder.parameters(), blueprint.parameters()).unwrap();
    let (mut x, input) = Recorder::new([1, 3, image.height(), image.width()]);
    x.use_parameters(&parameters);
    let features = network.features(&mut x, &input);
    x.finish(&features).run(image.as_slice(), &[])
}

#[test]
fn features_of_every_network_equal_those_of_timm() {
    let fixture = fixture();
    let size = |name: &str| fixture[name].as_u64().unwrap() as usize;
    let image = Image::from_fn(size("width"), size("height"), |x, y| {
        [0, 1, 2].map(|c| ((x * 7 + y * 13 + c * 29 + x * y) % 256) as f32 / 255.0)
    });
    for (name, levels) in fixture["networks"].as_object().unwrap() {
        let kind = match name.as_str() {
            "resnet18" => EncoderKind::ResNet18,
            "wide_resnet50_2" => EncoderKind::WideResNet50,
            lite => EncoderKind::ALL[lite[lite.len() - 1..].parse::<usize>().unwrap()],
        };
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &tensors(kind), &config(name));
        let encoder = PretrainedEncoder::read(folder.path()).unwrap();
        assert_eq!(encoder.architecture().network, kind);
        for (found, level) in features(&encoder, &image).iter().zip(levels.as_array().unwrap()) {
            let number = |value: &Value| value.as_f64().unwrap();
            let shape: Vec<usize> =
                level["shape"].as_array().unwrap().iter().map(|n| number(n) as usize).collect();
            assert_eq!(found.len(), shape.iter().product::<usize>(), "{name} {shape:?}");
            let most = 1e-4 * number(&level["most"]).max(1.0);
            let values = level["values"].as_array().unwrap();
            for (i, expected) in values.iter().enumerate() {
                let place = i as f64 * (found.len() - 1) as f64 / (values.len() - 1) as f64;
                let found = f64::from(found[place as usize]);
                assert!(
                    (found - number(expected)).abs() <= most,
                    "{name} {shape:?} {i}: {found}, {expected}"
                );
            }
            let mean = found.iter().map(|&value| f64::from(value)).sum::<f64>() / found.len() as f64;
            assert!((mean - number(&level["mean"])).abs() <= most, "{name} {shape:?}: mean {mean}");
            let largest = found.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            assert!(
                (f64::from(largest) - number(&level["most"])).abs() <= most,
                "{name} {shape:?}: {largest}"
            );
        }
    }
}

#[test]
fn an_encoder_is_stored_and_found_by_its_name() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut tensors = tensors(EncoderKind::ResNet18);
    let file = write(source.path(), &tensors, &config("resnet18"));
    let read = PretrainedEncoder::read(&file).unwrap();
    assert_eq!((read.name(), read.licence()), ("resnet18.a1_in1k", Some("apache-2.0")));
    assert_eq!(read.architecture().centre, [123.675, 116.28, 103.53]);
    let path = read.store(folder.path()).unwrap();
    assert_eq!(path, folder.path().join("resnet18.a1_in1k.encoder"));
    let stored = PretrainedEncoder::read(&path).unwrap();
    assert_eq!((stored.name(), stored.licence()), (read.name(), read.licence()));
    assert_eq!((stored.architecture(), stored.parameters()), (read.architecture(), read.parameters()));
    assert_eq!(stored.digest().unwrap(), read.digest().unwrap());
    // The same again is no fault; another of its name is, and gets a name of its own.
    read.store(folder.path()).unwrap();
    tensors.get_mut("conv1.weight").unwrap().2[3] ^= 128;
    let other = PretrainedEncoder::read(&write(source.path(), &tensors, &config("resnet18"))).unwrap();
    assert!(other.store(folder.path()).unwrap_err().to_string().contains("stored as resnet18.a1_in1k"));
    for name in ["../up", "Upper", "", ".hidden", "a/b", &"x".repeat(65)] {
        assert!(other.clone().with_name(name).is_err(), "{name}");
    }
    let other = other.with_name("mine").unwrap();
    other.store(folder.path()).unwrap();
    std::fs::write(folder.path().join("broken.encoder"), b"broken").unwrap();
    let listed = PretrainedEncoder::list(folder.path());
    let names: Vec<&str> = listed.iter().map(|stored| &*stored.name).collect();
    assert_eq!(names, ["broken", "mine", "resnet18.a1_in1k"]);
    assert!(listed[0].encoder.is_err() && listed[1].encoder.is_ok());
    let found = PretrainedEncoder::named(folder.path(), "mine").unwrap();
    assert_eq!(found.digest().unwrap(), other.digest().unwrap());
    for name in ["theirs", "../mine"] {
        let error = PretrainedEncoder::named(folder.path(), name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Arguments);
        assert!(error.to_string().contains("broken, mine, resnet18.a1_in1k"), "{error}");
    }
    let several = PretrainedEncoder::fitting(folder.path(), read.architecture()).unwrap_err().to_string();
    assert!(several.contains("mine, resnet18.a1_in1k"), "{several}");
    std::fs::remove_file(folder.path().join("mine.encoder")).unwrap();
    let fitting = PretrainedEncoder::fitting(folder.path(), read.architecture()).unwrap();
    assert_eq!(fitting.name(), "resnet18.a1_in1k");
}

#[test]
fn numbers_of_other_types_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let mut given = tensors(EncoderKind::ResNet18);
    let as_bits = |bytes: &[u8]| -> Vec<u32> {
        bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
    };
    let folder = folder.path();
    let read = |tensors: &Tensors| {
        PretrainedEncoder::read(&write(folder, tensors, &config("resnet18"))).unwrap().parameters().clone()
    };
    // Without the lower half of the bits, so that 16 of them have the same value.
    for (dtype, _, bytes) in given.values_mut().filter(|(dtype, ..)| *dtype == Dtype::F32) {
        *bytes = as_bits(bytes).iter().flat_map(|bits| (bits & 0xffff_0000).to_le_bytes()).collect();
        assert_eq!(*dtype, Dtype::F32);
    }
    let expected = read(&given);
    for (dtype, _, bytes) in given.values_mut().filter(|(dtype, ..)| *dtype == Dtype::F32) {
        *dtype = Dtype::BF16;
        *bytes = as_bits(bytes).iter().flat_map(|bits| ((bits >> 16) as u16).to_le_bytes()).collect();
    }
    assert!(read(&given) == expected);
    for (dtype, _, bytes) in given.values_mut().filter(|(dtype, ..)| *dtype == Dtype::BF16) {
        *dtype = Dtype::F64;
        let value = |bits: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*bits)) << 16);
        let values = bytes.as_chunks::<2>().0.iter().map(value);
        *bytes = values.flat_map(|value| f64::from(value).to_le_bytes()).collect();
    }
    assert!(read(&given) == expected);
    let (dtype, _, bytes) = given.get_mut("bn1.weight").unwrap();
    *dtype = Dtype::F16;
    *bytes = [0x00, 0x3c].repeat(64);
    let (dtype, _, bytes) = given.get_mut("bn1.bias").unwrap();
    *dtype = Dtype::F16;
    *bytes = [0x00, 0x00].repeat(64);
    let half = read(&given);
    assert!(
        half["stem.weight"] != expected["stem.weight"]
            && half["stages.0.0.0.bias"] == expected["stages.0.0.0.bias"]
    );
}

#[test]
fn fields_may_be_at_the_top_level_and_a_tag_in_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "architecture": "resnet18.tv_in1k", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
        "license": ["several", "in a list"]
    });
    write(folder.path(), &tensors(EncoderKind::ResNet18), &config);
    let read = PretrainedEncoder::read(folder.path()).unwrap();
    assert_eq!((read.name(), read.licence()), ("resnet18.tv_in1k", None));
    assert_eq!((read.architecture().centre, read.architecture().scale), ([127.5; 3], [127.5; 3]));
}
