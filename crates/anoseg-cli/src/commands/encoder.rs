//! `anoseg encoder`, and the encoder that a training needs.

use std::path::{Path, PathBuf};

use anoseg::{
    Config, DEFAULT_ENCODER, PretrainedEncoder, SettingError, StoredEncoder, TrainError, is_encoder_name,
};
use anoseg_infer::network::Kind;
use anyhow::Result;
use etcetera::BaseStrategy as _;

use crate::args::EncoderCommand;
use crate::exit::Outcome;
use crate::{advice, console};

/// What is told where the source of an encoder does not name its licence.
const UNKNOWN_LICENCE: &str = "licence not known";

pub(crate) fn run(command: &EncoderCommand) -> Result<Outcome> {
    match command {
        EncoderCommand::Add { file, name } => add(file, name.as_deref()),
        EncoderCommand::List => list(),
    }
}

fn add(file: &Path, name: Option<&str>) -> Result<Outcome> {
    let mut encoder = PretrainedEncoder::read(file)?;
    if let Some(name) = name {
        let named = |error: SettingError| SettingError { name: "--name".to_owned(), ..error };
        encoder = encoder.with_name(name).map_err(|error| match error {
            TrainError::Setting(error) => TrainError::Setting(named(error)),
            error => error,
        })?;
    }
    let stored = encoder.store(&data_folder()?)?;
    console::result(&console::one_line(&format!("encoder   {}", stored.display())));
    if encoder.name() != DEFAULT_ENCODER {
        let (name, network) = (encoder.name(), encoder.architecture().network);
        let licence = encoder.licence().unwrap_or(UNKNOWN_LICENCE);
        console::note(&console::one_line(&format!(
            "{network}, {licence}; to train with it: --preset accurate --encoder {name}"
        )));
    }
    Ok(Outcome::Fine)
}

fn list() -> Result<Outcome> {
    let folder = data_folder()?;
    let stored = PretrainedEncoder::list(&folder);
    if stored.is_empty() {
        let error = TrainError::NoEncoder;
        console::note(&format!("no encoder in {}: {}", folder.display(), advice::with(&error)));
        return Ok(Outcome::Fine);
    }
    let width = stored.iter().map(|stored| stored.name.len()).max().unwrap_or(0);
    for StoredEncoder { name, path, bytes, encoder } in &stored {
        let size = *bytes as f64 / 1e6;
        let (network, licence) = match encoder {
            Ok(encoder) => {
                (encoder.architecture().network.name(), encoder.licence().unwrap_or(UNKNOWN_LICENCE))
            }
            Err(_) => ("", "cannot be read"),
        };
        let network = if name.starts_with(network) { String::new() } else { format!("{network}  ") };
        let default = if name == DEFAULT_ENCODER { "  (default)" } else { "" };
        let row = format!("{name:<width$}  {size:>6.1} MB  {network}{licence}  {}{default}", path.display());
        console::result(&console::one_line(&row));
    }
    for error in stored.iter().filter_map(|stored| stored.encoder.as_ref().err()) {
        console::warning(&error.to_string());
    }
    Ok(Outcome::Fine)
}

/// The encoder that `config` needs: the one of this name or file, or the one that was added. None if it
/// needs none.
pub(crate) fn of(config: &Config, chosen: Option<&Path>) -> Result<Option<PretrainedEncoder>, TrainError> {
    let architecture = &config.architecture;
    match (architecture.network, chosen) {
        (Kind::Pretrained, Some(chosen)) => named(chosen).map(Some),
        (Kind::Pretrained, None) if architecture.encoder.is_default() => {
            PretrainedEncoder::find(&data_folder()?).map(Some)
        }
        (Kind::Pretrained, None) => {
            PretrainedEncoder::fitting(&data_folder()?, &architecture.encoder).map(Some)
        }
        (_, Some(file)) => Err(SettingError::new("--encoder", file, "only preset accurate takes one").into()),
        (_, None) => Ok(None),
    }
}

/// The stored encoder of this name; if there is none, the one in the file of this name.
fn named(chosen: &Path) -> Result<PretrainedEncoder, TrainError> {
    match stored_name(chosen) {
        Some((folder, name)) => match PretrainedEncoder::named(&folder, name) {
            Err(TrainError::UnknownEncoder { .. }) if chosen.exists() => PretrainedEncoder::read(chosen),
            found => found,
        },
        None => PretrainedEncoder::read(chosen),
    }
}

/// The file of a chosen encoder: a name stands for that of the one that is stored by it.
pub(crate) fn file_of(chosen: &Path) -> PathBuf {
    let stored = stored_name(chosen).map(|(folder, name)| PretrainedEncoder::path_in(&folder, name));
    stored.filter(|path| path.is_file()).unwrap_or_else(|| chosen.to_owned())
}

/// What was chosen as a name in the data folder, where it can be one.
fn stored_name(chosen: &Path) -> Option<(PathBuf, &str)> {
    let name = chosen.to_str().filter(|name| is_encoder_name(name))?;
    Some((data_folder().ok()?, name))
}

/// Where the user's programs keep their data.
fn data_folder() -> Result<PathBuf, TrainError> {
    let homeless = |error: etcetera::HomeDirError| {
        let allowed = format!("there is no folder for the user's data ({error}): give the encoder's file");
        TrainError::from(SettingError::new("--encoder", "", allowed))
    };
    let folders = etcetera::choose_base_strategy().map_err(homeless)?;
    Ok(folders.data_dir().join("anoseg"))
}
