//! Weights of an encoder with their description, as timm writes them.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anoseg_infer::ErrorKind;
use anoseg_infer::network::EncoderKind;
use anoseg_infer::network::pretrained::Encoder;
use anoseg_train::{Error as TrainError, PretrainedEncoder};
use serde_json::json;

/// Between the description and the header of the weights.
const END: u8 = 0;

/// Longest file of weights that is made; its numbers are zeros, a hole in the file.
const LONGEST: u64 = 1 << 30;

/// Reads weights of which `bytes` are the description and, after a zero, the header. The numbers are zeros, as
/// many as the header tells of.
pub(super) fn read(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|&byte| byte == END).unwrap_or(bytes.len());
    let (config, header) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    super::scratch("config.json", config);
    let path = super::scratch("model.safetensors", &[]);
    write(&path, header).expect("a temporary file can be written");
    match PretrainedEncoder::read(&path) {
        Ok(encoder) => encoder.architecture().validate().is_ok(),
        // All was read: that the numbers are zeros is found last.
        Err(TrainError::Encoder { what, .. }) if what.contains("the same at every position") => true,
        Err(error) => {
            assert!(error.kind() != ErrorKind::Bug, "{error}");
            false
        }
    }
}

fn write(path: &Path, header: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header)?;
    let described = serde_json::from_slice::<serde_json::Value>(header).unwrap_or_default();
    let ends = described.as_object().into_iter().flatten();
    let ends = ends.filter_map(|(_, tensor)| tensor["data_offsets"][1].as_u64());
    let numbers = ends.max().unwrap_or(0).min(LONGEST);
    file.set_len(8 + header.len() as u64 + numbers)
}

/// A network in numbers of 32 and of 16 bits.
pub(super) fn generated() -> Vec<Vec<u8>> {
    ["F32", "BF16"].map(|dtype| network(dtype).into_bytes()).to_vec()
}

/// ResNet-18.
fn network(dtype: &str) -> String {
    let config = json!({
        "architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "tag": "a"}
    });
    let mut header = serde_json::Map::new();
    let mut first = 0;
    let mut add = |name: String, shape: &[usize]| {
        let end = first + shape.iter().product::<usize>() * if dtype == "F32" { 4 } else { 2 };
        header.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": [first, end]}));
        first = end;
    };
    for (name, shape) in Encoder::layers(EncoderKind::ResNet18) {
        let (filters, norm) = in_timm(&name);
        add(format!("{filters}.weight"), &shape);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{part}"), &shape[..1]);
        }
    }
    add("fc.bias".to_owned(), &[10]);
    format!("{config}{}{}", char::from(END), serde_json::Value::from(header))
}

/// Names of a layer of ResNet-18 and its normalisation in timm.
fn in_timm(name: &str) -> (String, String) {
    let parts: Vec<&str> = name.split('.').collect();
    let number = |text: &str| 1 + text.parse::<usize>().unwrap_or(0);
    let ["stages", stage, block, layer] = *parts else { return ("conv1".into(), "bn1".into()) };
    let block = format!("layer{}.{block}", number(stage));
    if layer == "shortcut" {
        return (format!("{block}.downsample.0"), format!("{block}.downsample.1"));
    }
    (format!("{block}.conv{}", number(layer)), format!("{block}.bn{}", number(layer)))
}
