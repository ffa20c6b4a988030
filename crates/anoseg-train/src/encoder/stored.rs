//! Encoders that are kept in a folder, a file each.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::write::{FileLock, FolderInUse};
use anoseg_infer::network::pretrained::Encoder;
use anoseg_infer::network::{EncoderArchitecture, EncoderKind};
use anoseg_infer::parameters::lookup;
use anoseg_infer::{Error as InferError, ModelFault, SettingError, archive};
use serde::{Deserialize, Serialize};

use super::published::LICENCE;
use super::{DEFAULT_ENCODER, ENDING, PretrainedEncoder};
use crate::{Error, Result};

pub(super) const KIND: &str = "encoder";

/// Newest format. Format 1 is that of EfficientNet-Lite0 as it was published, which earlier versions
/// read.
const FORMAT: u32 = 2;

/// Longest name of an encoder.
const MOST_LETTERS: usize = 64;

/// How long another process that stores an encoder of the same name is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long until it is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// The document of a stored encoder.
#[derive(Serialize, Deserialize)]
struct Origin {
    /// Name of the network.
    network: String,
    /// BLAKE3 of the file that the weights were read from.
    source_blake3: String,
    /// What decides the features beside the weights.
    #[serde(default, skip_serializing_if = "EncoderArchitecture::is_default")]
    architecture: EncoderArchitecture,
    /// The licence of the weights, if it is known. Format 1 has that of the published ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    licence: Option<String>,
}

/// An encoder of a folder.
#[derive(Debug)]
pub struct StoredEncoder {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// The encoder, or why it cannot be read.
    pub encoder: Result<PretrainedEncoder>,
}

impl PretrainedEncoder {
    /// Reads the encoder that is used where none is chosen, from `folder`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn find(folder: &Path) -> Result<Self> {
        match Self::named(folder, DEFAULT_ENCODER) {
            Err(Error::UnknownEncoder { stored, .. }) if stored.is_empty() => Err(Error::NoEncoder),
            found => found,
        }
    }

    /// The file in `folder` of the encoder of this name, whether it is there or not.
    pub fn path_in(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.{ENDING}"))
    }

    /// Reads the encoder of this name in `folder`.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn named(folder: &Path, name: &str) -> Result<Self> {
        let path = Self::path_in(folder, name);
        if is_name(name) && path.is_file() {
            return Self::stored(&path);
        }
        let stored = names(folder).into_iter().map(|(name, _)| name).collect();
        Err(Error::UnknownEncoder { name: name.to_owned(), stored })
    }

    /// The one encoder in `folder` that has this architecture.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn fitting(folder: &Path, architecture: &EncoderArchitecture) -> Result<Self> {
        let stored = Self::list(folder).into_iter().filter_map(|stored| stored.encoder.ok());
        let mut fitting: Vec<Self> = stored.filter(|encoder| encoder.architecture == *architecture).collect();
        if fitting.len() == 1 {
            return Ok(fitting.swap_remove(0));
        }
        let stored = if fitting.is_empty() {
            names(folder).into_iter().map(|(name, _)| name).collect()
        } else {
            fitting.into_iter().map(|encoder| encoder.name).collect()
        };
        Err(Error::UnknownEncoder { name: architecture.network.name().to_owned(), stored })
    }

    /// The encoders in `folder`, in the order of their names. None where the folder is missing.
    pub fn list(folder: &Path) -> Vec<StoredEncoder> {
        let read = |(name, path): (String, PathBuf)| {
            let bytes = path.metadata().map_or(0, |metadata| metadata.len());
            StoredEncoder { name, bytes, encoder: Self::stored(&path), path }
        };
        names(folder).into_iter().map(read).collect()
    }

    /// Whether the file at `path` is this encoder. One that cannot be read is none.
    ///
    /// # Errors
    /// It is another encoder.
    fn is_at(&self, path: &Path) -> Result<bool> {
        let Some(before) = path.is_file().then(|| Self::stored(path).ok()).flatten() else {
            return Ok(false);
        };
        if before.digest()? != self.digest()? {
            return Err(Error::EncoderNameTaken { path: path.to_owned(), name: self.name.clone() });
        }
        Ok(true)
    }

    /// Stores the encoder in `folder`, which is created if it is missing, unless it is there. Another process that
    /// stores one of the same name is waited for. Returns the file's path.
    ///
    /// # Errors
    /// Another encoder of this name is there, or folder or file cannot be written.
    pub fn store(&self, folder: &Path) -> Result<PathBuf> {
        let path = Self::path_in(folder, &self.name);
        if self.is_at(&path)? {
            return Ok(path);
        }
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let _lock = locked(&path)?;
        // Stored while it was waited for.
        if self.is_at(&path)? {
            return Ok(path);
        }
        let former =
            self.architecture.is_default() && self.licence.as_deref().is_none_or(|name| name == LICENCE);
        let origin = Origin {
            network: self.architecture.network.name().to_owned(),
            source_blake3: self.source_blake3.clone(),
            architecture: self.architecture,
            licence: self.licence.clone().filter(|_| !former),
        };
        archive::save(&path, KIND, if former { 1 } else { FORMAT }, &origin, &self.parameters)?;
        Ok(path)
    }

    /// Reads what [`PretrainedEncoder::store`] wrote.
    pub(super) fn stored(path: &Path) -> Result<Self> {
        let archive::Archive { tensors, body, format } = archive::load::<Origin>(path, KIND, FORMAT)?;
        let unfit = |fault| InferError::model(path, fault);
        let Origin { architecture, source_blake3, licence, .. } = body;
        architecture.validate().map_err(|error| unfit(ModelFault::Setting(error)))?;
        for (name, shape) in Encoder::layers(architecture.network) {
            for (part, shape) in [("weight", &shape[..]), ("bias", &shape[..1])] {
                lookup(&tensors, &format!("{name}.{part}"), shape)
                    .map_err(|error| unfit(ModelFault::from(error)))?;
            }
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_name(stem));
        let name = stem.unwrap_or(architecture.network.name()).to_owned();
        let licence = if format == 1 { Some(LICENCE.to_owned()) } else { licence };
        Ok(Self { name, architecture, licence, source_blake3, parameters: tensors })
    }
}

/// The lock of an encoder's file, within [`PATIENCE`].
fn locked(path: &Path) -> Result<FileLock> {
    let begin = Instant::now();
    loop {
        match FileLock::acquire(path, "encoder add") {
            Err(FolderInUse::By { .. }) if begin.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            acquired => return Ok(acquired?),
        }
    }
}

/// Whether this can be the name of an encoder: small letters of English, digits, `.`, `_` and `-`, of which
/// the first and the last are a letter or a digit; and no name that Windows keeps for devices.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let known = |byte: u8| plain(byte) || b"._-".contains(&byte);
    let ends = [name.bytes().next(), name.bytes().next_back()];
    let fits = ends.into_iter().all(|byte| byte.is_some_and(plain)) && name.bytes().all(known);
    fits && name.len() <= MOST_LETTERS && !is_device(name)
}

/// Whether Windows takes a file of this name, whatever its ending, for a device.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    ["con", "prn", "aux", "nul"].contains(&stem) || numbered("com") || numbered("lpt")
}

/// Checks that an encoder of this network can have this name.
pub(super) fn require_name(name: &str, network: EncoderKind) -> Result<(), SettingError> {
    let allowed = format!(
        "must be at most {MOST_LETTERS} small letters, digits, '.', '_' and '-', begin and end with a letter or \
         digit, and be no device of Windows such as con"
    );
    anoseg_infer::require(is_name(name), "name", name, allowed)?;
    let named = EncoderKind::ALL.into_iter().find(|kind| kind.name() == name);
    let allowed = format!("is the name of another network; these weights are of {network}");
    anoseg_infer::require(named.is_none_or(|kind| kind == network), "name", name, allowed)
}

/// Names and files of all encoders in a folder.
fn names(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?.to_owned();
        (is_name(&name) && path.is_file()).then_some((name, path))
    };
    let mut names: Vec<_> = entries.filter_map(|entry| named(entry.path())).collect();
    names.sort();
    names
}
