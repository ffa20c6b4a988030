//! Files in a run directory that no training wrote, told by their content.

use std::fs::DirEntry;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use anoseg_image::read;

use super::origin::is_origin;
use super::{FINISHED, MOST_CONFIG_BYTES, RunDir};
use crate::train::StepRecord;
use crate::{Error, Result};

/// What the resolved settings of a training have at their top level, in this version and earlier
/// ones. Settings that a person wrote leave most of it out.
const SETTINGS: [&str; 8] =
    ["seed", "budget", "input", "architecture", "optimiser", "loss", "calibration", "synthesis"];

/// Bytes at the start of a log or a checkpoint that tell what it is.
const START_BYTES: u64 = 64 << 10;

/// A file that a training here would replace, remove or move, and that no training wrote.
///
/// # Errors
/// A file exists but cannot be read.
pub(super) fn find(run: &RunDir) -> Result<Option<PathBuf>> {
    let (config, log, finished) = (run.config_path(), run.log_path(), run.path.join(FINISHED));
    let settings = start(&config, MOST_CONFIG_BYTES)?;
    if settings.as_ref().is_some_and(|text| !is_settings(text)) {
        return Ok(Some(config));
    }
    if start(&log, START_BYTES)?.is_some_and(|text| !is_log(&text)) {
        return Ok(Some(log));
    }
    let origin = run.origin_path();
    if start(&origin, MOST_CONFIG_BYTES)?.is_some_and(|text| !is_origin(&text)) {
        return Ok(Some(origin));
    }
    if start(&finished, START_BYTES)?.is_some_and(|text| !text.is_empty()) {
        return Ok(Some(finished));
    }
    // Beside the settings of a training, a checkpoint is that training's, even if it is damaged.
    if settings.is_some() { Ok(None) } else { in_checkpoint(run) }
}

/// The first bytes of a file; None if there is no file.
fn start(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let file = match read::open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path, error)),
    };
    file.take(most).read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
    Ok(Some(bytes))
}

fn is_settings(text: &[u8]) -> bool {
    let table = std::str::from_utf8(text).ok().and_then(|text| toml::from_str::<toml::Table>(text).ok());
    table.is_some_and(|table| SETTINGS.iter().all(|name| table.contains_key(*name)))
}

/// Whether a log that begins so has a whole line of a training's step, or is the first such line as
/// a full disk leaves it.
fn is_log(text: &[u8]) -> bool {
    const FIRST: &[u8] = b"{\"step\":1,\"learning_rate\":";
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    let record = |line: &[u8]| serde_json::from_slice::<StepRecord>(line).is_ok();
    let first = lines.peek().copied().unwrap_or_default();
    let cut = text.starts_with(FIRST) || FIRST.starts_with(first) && first.len() == text.len();
    cut || lines.any(record)
}

/// What lies in `checkpoint/` and is no checkpoint.
fn in_checkpoint(run: &RunDir) -> Result<Option<PathBuf>> {
    let folder = run.path.join("checkpoint");
    let io = |error| Error::io(&folder, error);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Some(folder)),
        Err(error) => return Err(io(error)),
    };
    let mut entries = entries.collect::<std::io::Result<Vec<DirEntry>>>().map_err(io)?;
    entries.sort_by_key(DirEntry::file_name);
    let checkpoints = [run.checkpoint_path(), run.previous_checkpoint_path()];
    for path in entries.iter().map(DirEntry::path).filter(|path| !super::is_partial_file(path)) {
        let ours =
            checkpoints.contains(&path) && start(&path, START_BYTES)?.is_some_and(|bytes| is_archive(&bytes));
        if !ours {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether a file that begins so is an archive of this library.
fn is_archive(start: &[u8]) -> bool {
    String::from_utf8_lossy(start).contains("{\"__metadata__\":{\"anoseg\":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn logs_are_told_by_their_steps() {
        for ours in [
            "",
            "{\"step\":1,\"learn",
            "{\"step\":1,\"learning_rate\":0.1,\"total",
            "\u{fffd}\n{\"step\": 3,\"learning_rate\":0.1,\"total\":1.0,\"dice\":1.0,\"elapsed\":2.0}\n",
        ] {
            assert!(is_log(ours.as_bytes()), "{ours}");
        }
        for foreign in ["{\"step\": 1, \"loss\": 0.5}\n", "epoch,loss\n", "{\"epoch\": 1}"] {
            assert!(!is_log(foreign.as_bytes()), "{foreign}");
        }
    }

    #[test]
    fn settings_are_told_by_being_complete() {
        assert!(is_settings(Config::default().to_toml().unwrap().as_bytes()));
        for foreign in ["", "preset = \"fast\"\nseed = 3\n", "[project]\nname = \"mine\"\n", "\u{1}", "[loss"]
        {
            assert!(!is_settings(foreign.as_bytes()), "{foreign}");
        }
    }
}
