//! Weights of timm (PyTorch Image Models): `model.safetensors` with `config.json` beside it.

use std::path::Path;

use anoseg_image::read;
use anoseg_infer::network::{EncoderArchitecture, EncoderKind};
use serde::Deserialize;

use super::folding::{Source, SourceNames, folded};
use super::tensor_file::TensorFile;
use super::{PretrainedEncoder, stored, unfit};
use crate::{Error, Result};

/// The file of the weights in a folder.
const WEIGHTS: &str = "model.safetensors";

/// The file that describes them, in the same folder.
pub(super) const CONFIG: &str = "config.json";

/// Largest description.
const MAX_CONFIG: u64 = 1 << 20;

/// Longest name of a licence.
const MOST_LICENCE: usize = 100;

/// Names of the networks, as messages tell them.
const TAKEN: &str = "tf_efficientnet_lite0 to 4, efficientnet_lite0 to 4, resnet18 and wide_resnet50_2";

/// What is used of a description. Fields may also be at the top level.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object, as the repository of a timm model has it")]
struct Document {
    #[serde(flatten)]
    fields: Fields,
    pretrained_cfg: Option<Fields>,
}

#[derive(Debug, Default, Deserialize)]
struct Fields {
    architecture: Option<String>,
    tag: Option<String>,
    mean: Option<[f64; 3]>,
    std: Option<[f64; 3]>,
    input_size: Option<Vec<usize>>,
    license: Option<serde_json::Value>,
}

impl Document {
    /// A field of the inner part, or of the whole.
    fn get<T: Clone>(&self, field: impl Fn(&Fields) -> &Option<T>) -> Option<T> {
        let inner = self.pretrained_cfg.as_ref().and_then(|inner| field(inner).clone());
        inner.or_else(|| field(&self.fields).clone())
    }
}

/// Reads the weights in a folder, with the description beside them.
pub(super) fn read_folder(folder: &Path) -> Result<PretrainedEncoder> {
    let path = folder.join(WEIGHTS);
    let Some(file) = open(&path)? else { return Err(unfit(&path, "not a safetensors file")) };
    read(&path, &file)
}

/// Reads the weights in the file at `path`, with the description beside them.
pub(super) fn read(path: &Path, file: &TensorFile) -> Result<PretrainedEncoder> {
    let config = path.with_file_name(CONFIG);
    let text = read::regular_text(&config, MAX_CONFIG).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let what =
                "it is missing; it must lie beside the weights, as the repository of a timm model has it";
            unfit(&config, what)
        }
        _ => Error::io(&config, error),
    })?;
    let document: Document = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| unfit(&config, format!("no description of a timm model: {error}")))?;
    let (kind, source, name) = network(&document).map_err(|what| unfit(&config, what))?;
    let architecture = architecture(kind, &document).map_err(|what| unfit(&config, what))?;
    let names = |name: &str| source_names(kind, name);
    let read = |name: &str, shape: &[usize]| file.get(name, shape);
    let parameters = folded(kind, source, names, read)
        .map_err(|what| unfit(path, format!("{what}; {CONFIG} calls it {name}")))?;
    let licence = document.get(|fields| &fields.license);
    let licence = licence.and_then(|name| name.as_str().map(str::to_owned)).filter(|name| is_one_line(name));
    let encoder =
        PretrainedEncoder { name, architecture, licence, source_blake3: file.blake3()?, parameters };
    encoder.examine().map_err(|what| unfit(path, what))?;
    Ok(encoder)
}

fn open(path: &Path) -> Result<Option<TensorFile>> {
    match TensorFile::open(path) {
        Err(Error::Infer(anoseg_infer::Error::Io { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            let what = format!(
                "it is missing; weights in another form are written as that file by Python: \
                 safetensors.torch.save_file(model.state_dict(), {WEIGHTS:?})"
            );
            Err(unfit(path, what))
        }
        opened => opened,
    }
}

fn is_one_line(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_LICENCE && !text.chars().any(char::is_control)
}

/// The network that a description names, how its layers differ from ours, and its name with its tag.
fn network(document: &Document) -> Result<(EncoderKind, Source, String), String> {
    let named = document.fields.architecture.clone();
    let named = named.or_else(|| document.get(|fields| &fields.architecture));
    let named = named
        .ok_or_else(|| format!("it does not name the network: \"architecture\" must be one of {TAKEN}"))?;
    let (base, tag) =
        named.split_once('.').map_or((&*named, None), |(base, tag)| (base, Some(tag.to_owned())));
    let lite = |number: &str| match number {
        "0" => Some(EncoderKind::EfficientNetLite0),
        "1" => Some(EncoderKind::EfficientNetLite1),
        "2" => Some(EncoderKind::EfficientNetLite2),
        "3" => Some(EncoderKind::EfficientNetLite3),
        "4" => Some(EncoderKind::EfficientNetLite4),
        _ => None,
    };
    let of_tensorflow = base.strip_prefix("tf_efficientnet_lite").and_then(lite);
    let of_torch = || match base {
        "resnet18" => Some(EncoderKind::ResNet18),
        "wide_resnet50_2" => Some(EncoderKind::WideResNet50),
        _ => base.strip_prefix("efficientnet_lite").and_then(lite),
    };
    let (kind, source) = match of_tensorflow {
        Some(kind) => (kind, Source::TENSORFLOW),
        None => {
            let kind = of_torch().ok_or_else(|| not_taken(&named))?;
            (kind, Source::PYTORCH)
        }
    };
    let tag = document.get(|fields| &fields.tag).or(tag);
    let tagged = tag.map(|tag| format!("{base}.{tag}")).filter(|name| stored::is_name(name));
    Ok((kind, source, tagged.unwrap_or_else(|| base.to_owned())))
}

fn not_taken(named: &str) -> String {
    let named: String = named.chars().filter(|letter| !letter.is_control()).take(MOST_LICENCE).collect();
    let why = if ["vit_", "deit", "dinov", "eva"].iter().any(|prefix| named.starts_with(prefix)) {
        "a vision transformer, which has no features at several resolutions"
    } else {
        "a network that is not known here"
    };
    format!("{named:?} is {why}; networks that are taken: {TAKEN}")
}

/// The network with the scale of its input.
fn architecture(network: EncoderKind, document: &Document) -> Result<EncoderArchitecture, String> {
    let needed = |name: &str, values: Option<[f64; 3]>| {
        values.ok_or_else(|| {
            format!("{name:?} of the input is missing: three numbers, for red, green and blue")
        })
    };
    let mean = needed("mean", document.get(|fields| &fields.mean))?;
    let deviation = needed("std", document.get(|fields| &fields.std))?;
    if let Some(size) = document.get(|fields| &fields.input_size)
        && size.first() != Some(&3)
    {
        return Err(format!("\"input_size\" is {size:?}: images of three channels are needed"));
    }
    let levels = |values: [f64; 3]| values.map(|value| (value * 255.0) as f32);
    let architecture = EncoderArchitecture { network, centre: levels(mean), scale: levels(deviation) };
    architecture.validate().map_err(|_| {
        format!(
            "\"mean\" {mean:?} and \"std\" {deviation:?} are out of range: give shares of the brightest value"
        )
    })?;
    Ok(architecture)
}

/// Names of our layer `name` and its normalisation in timm.
pub(super) fn source_names(kind: EncoderKind, name: &str) -> SourceNames {
    let named = |filters: String, norm: String| SourceNames { filters, norm };
    let parts: Vec<&str> = name.split('.').collect();
    let number = |text: &str| text.parse::<usize>().unwrap_or(0);
    match *parts {
        ["blocks", block, layer] => {
            let (stage, index) = stage_of(kind, number(block));
            let block = format!("blocks.{stage}.{index}");
            // The first stage has no layer that expands.
            let (filters, norm) = match (layer, stage) {
                ("expand", _) => ("conv_pw", 1),
                ("depthwise", 0) => ("conv_dw", 1),
                ("depthwise", _) => ("conv_dw", 2),
                (_, 0) => ("conv_pw", 2),
                _ => ("conv_pwl", 3),
            };
            named(format!("{block}.{filters}"), format!("{block}.bn{norm}"))
        }
        ["stages", stage, block, layer] => {
            let block = format!("layer{}.{block}", number(stage) + 1);
            if layer == "shortcut" {
                return named(format!("{block}.downsample.0"), format!("{block}.downsample.1"));
            }
            let layer = number(layer) + 1;
            named(format!("{block}.conv{layer}"), format!("{block}.bn{layer}"))
        }
        _ => {
            let resnet = matches!(kind, EncoderKind::ResNet18 | EncoderKind::WideResNet50);
            named(if resnet { "conv1".into() } else { "conv_stem".into() }, "bn1".into())
        }
    }
}

/// The stage of block number `block` of all, and its number there.
fn stage_of(kind: EncoderKind, mut block: usize) -> (usize, usize) {
    for (stage, &blocks) in kind.blocks().iter().enumerate() {
        if block < blocks {
            return (stage, block);
        }
        block -= blocks;
    }
    (kind.blocks().len(), block)
}
