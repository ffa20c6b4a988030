//! The run directory of a training: settings, log and checkpoint.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anoseg_image::write;

use crate::config::Config;
use crate::train::{TrainingLog, read_log};
use crate::{Error, Result};

/// A run directory: `config.toml` (the resolved settings), `metrics.jsonl` (one line per step),
/// `checkpoint/`, and a lock while a training uses it.
///
/// ```
/// use anoseg_train::RunDir;
///
/// let folder = tempfile::tempdir()?;
/// let run = RunDir::open(folder.path().join("run"));
/// assert!(!run.has_checkpoint() && run.log()?.records.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// Locks a run directory for one training, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The system releases the lock when the file is closed, also when the program is killed.
    _file: File,
}

impl RunDir {
    /// The run directory at `path`, which need not exist.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The default run directory of a model file: `<stem>-run` beside it.
    pub fn beside(model: &Path) -> Self {
        let stem = model.file_stem().unwrap_or(model.as_os_str());
        let mut name = stem.to_os_string();
        name.push("-run");
        Self::open(model.with_file_name(name))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the settings.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The file of the log.
    pub fn log_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The file of the checkpoint.
    pub(crate) fn checkpoint_path(&self) -> PathBuf {
        self.path.join("checkpoint").join("state.safetensors")
    }

    /// Whether there is a checkpoint to resume from.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoint_path().is_file()
    }

    /// The settings of the training; None where there are none.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    pub fn config_text(&self) -> Result<Option<String>> {
        let path = self.config_path();
        refuse_special(&path)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// The settings of the training.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn config(&self) -> Result<Config> {
        if !self.config_path().is_file() {
            return Err(Error::NoCheckpoint { path: self.path.clone() });
        }
        Config::read(&self.config_path(), None)
    }

    /// The log; no file is no steps. Lines that are not whole are counted and left out.
    ///
    /// # Errors
    /// The log exists but cannot be read.
    pub fn log(&self) -> Result<TrainingLog> {
        read_log(&self.log_path())
    }

    /// Creates the folder and locks it for one training.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let checkpoint = self.path.join("checkpoint");
        std::fs::create_dir_all(&checkpoint).map_err(|error| Error::io(&checkpoint, error))?;
        let path = self.path.join(".lock");
        let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        match file.try_lock() {
            Ok(()) => {
                self.remove_partial_files()?;
                Ok(Lock { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(Error::RunDirInUse { path: self.path.clone() }),
            // The file system has no locks; the training then runs without one.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                Ok(Lock { _file: file })
            }
            Err(TryLockError::Error(error)) => Err(Error::io(&path, error)),
        }
    }

    /// Removes the checkpoints that killed trainings left half written; nobody else writes them
    /// while the lock is held.
    fn remove_partial_files(&self) -> Result<()> {
        let folder = self.path.join("checkpoint");
        let io = |error| Error::io(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the checkpoint of an earlier training.
    pub(crate) fn remove_checkpoint(&self) -> Result<()> {
        remove_file(&self.checkpoint_path())
    }

    pub(crate) fn write_config(&self, text: &str) -> Result<()> {
        write::atomic(&self.config_path(), |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }
}

/// Removes a file, if there is one.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// Reading or writing a pipe or a device in the place of a file could wait for ever.
pub(crate) fn refuse_special(path: &Path) -> Result<()> {
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if special {
        let what = "not a regular file: move it away";
        return Err(Error::io(path, std::io::Error::new(std::io::ErrorKind::InvalidInput, what)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_serves_one_training_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path().join("run"));
        let lock = run.lock().unwrap();
        assert!(matches!(run.lock(), Err(Error::RunDirInUse { .. })));
        drop(lock);
        run.lock().unwrap();
    }

    /// They once stayed for ever, each as large as a checkpoint.
    #[test]
    fn what_a_killed_training_left_half_written_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path());
        drop(run.lock().unwrap());
        let partial = folder.path().join("checkpoint/.1114-9-509273753.tmp");
        std::fs::write(&partial, "half").unwrap();
        std::fs::write(run.checkpoint_path(), "whole").unwrap();
        drop(run.lock().unwrap());
        assert!(!partial.exists() && run.has_checkpoint());
    }

    #[test]
    fn the_run_directory_of_a_model_lies_beside_it() {
        assert_eq!(RunDir::beside(Path::new("a/part.anoseg")).path(), Path::new("a/part-run"));
    }
}
