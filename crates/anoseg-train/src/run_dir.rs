//! The run directory of a training: settings, log and checkpoint.

mod foreign;
mod origin;

use std::path::{Path, PathBuf};

use anoseg_image::write::{FolderInUse, FolderLock};
use anoseg_image::{read, write};

use crate::config::Config;
use crate::train::{TrainingLog, read_log};
use crate::{Error, Result};
use origin::ORIGIN;
pub use origin::Origin;

/// A run directory: `config.toml` (the resolved settings), `data.toml` ([`Origin`]), `metrics.jsonl`
/// (one line per step), `checkpoint/`, and a lock while a training uses it.
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

/// Largest file of settings.
pub(crate) const MOST_CONFIG_BYTES: u64 = 1 << 20;

/// An empty file that a training leaves whose model is complete.
const FINISHED: &str = "finished";

/// Everything that a training, a series or a model that could not be written elsewhere leaves here,
/// besides hidden files.
const NAMES: [&str; 7] =
    ["checkpoint", "config.toml", ORIGIN, "metrics.jsonl", FINISHED, "pictures.txt", "model.anoseg"];

/// What is moved aside from among other files.
const MOVED: [&str; 7] = [
    "checkpoint/state.safetensors",
    "checkpoint/previous.safetensors",
    "config.toml",
    ORIGIN,
    "metrics.jsonl",
    FINISHED,
    "pictures.txt",
];

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

    /// The file of the checkpoint before that one.
    pub(crate) fn previous_checkpoint_path(&self) -> PathBuf {
        self.path.join("checkpoint").join("previous.safetensors")
    }

    /// Whether there is a checkpoint to resume from.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoint_path().is_file() || self.previous_checkpoint_path().is_file()
    }

    /// Whether it holds a training whose model was not stored ([`RunDir::mark_finished`]).
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn is_unfinished(&self) -> Result<bool> {
        Ok(!self.path.join(FINISHED).is_file() && (self.has_checkpoint() || !self.log()?.records.is_empty()))
    }

    /// Fails where a training would replace, remove or move a file that no training wrote. A file is
    /// known by its content.
    ///
    /// # Errors
    /// There is such a file, or a file cannot be read.
    pub fn require_own_files(&self) -> Result<()> {
        foreign::find(self)?.map_or(Ok(()), |path| Err(Error::ForeignFile { path }))
    }

    /// Moves the settings, the log and the checkpoint of a training aside, into a folder of the
    /// same name with `.previous` and, from the second on, a number behind it. Files of others stay.
    /// Gives that folder.
    ///
    /// # Errors
    /// A training uses it, no training wrote what would be moved, or it cannot be moved.
    pub fn move_aside(&self) -> Result<PathBuf> {
        self.require_own_files()?;
        drop(self.lock()?);
        let io = |error| Error::io(&self.path, error);
        // A path such as `.` has no name of its own.
        let path = std::fs::canonicalize(&self.path).map_err(io)?;
        let path = if self.path.file_name().is_some() { self.path.clone() } else { path };
        let numbered = |number: u32| {
            let mut name = path.file_name().unwrap_or_default().to_os_string();
            name.push(if number == 1 { ".previous".to_owned() } else { format!(".previous-{number}") });
            path.with_file_name(name)
        };
        let target = write::first_free(numbered);
        if self.holds_only_training().map_err(io)? {
            std::fs::rename(&path, &target).map_err(io)?;
        } else {
            std::fs::create_dir_all(target.join("checkpoint")).map_err(|error| Error::io(&target, error))?;
            for name in MOVED {
                match std::fs::rename(path.join(name), target.join(name)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
                    _ => {}
                }
            }
        }
        Ok(target)
    }

    /// Whether there is nothing beside what trainings write.
    fn holds_only_training(&self) -> std::io::Result<bool> {
        let known = |names: &[&str], folder: &Path| -> std::io::Result<bool> {
            for entry in std::fs::read_dir(folder)? {
                let name = entry?.file_name();
                let hidden = name.as_encoded_bytes().starts_with(b".");
                if !hidden && !names.iter().any(|known| name == *known) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let checkpoints = ["state.safetensors", "previous.safetensors"];
        Ok(known(&NAMES, &self.path)? && known(&checkpoints, &self.path.join("checkpoint"))?)
    }

    /// Notes that the model of the training is stored, so that another training may take its place.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn mark_finished(&self) -> Result<()> {
        write::atomic(&self.path.join(FINISHED), |_| Ok(()))?;
        Ok(())
    }

    /// The settings of the training; None where there are none.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    pub fn config_text(&self) -> Result<Option<String>> {
        let path = self.config_path();
        match read::regular_text(&path, MOST_CONFIG_BYTES) {
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
        if !self.config_path().exists() {
            return Err(Error::NoCheckpoint { path: self.path.clone() });
        }
        Config::read_run(&self.config_path())
    }

    /// The log; no file is no steps. Lines that are not whole are counted and left out.
    ///
    /// # Errors
    /// The log exists but cannot be read.
    pub fn log(&self) -> Result<TrainingLog> {
        read_log(&self.log_path())
    }

    /// Which process trains in it, such as "process 1234 (train)"; None if none does.
    pub fn user(&self) -> Option<String> {
        FolderLock::holder(&self.path)
    }

    /// Creates the folder and locks it for one training, until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<FolderLock> {
        let checkpoint = self.path.join("checkpoint");
        std::fs::create_dir_all(&checkpoint).map_err(|error| Error::io(&checkpoint, error))?;
        let lock = FolderLock::acquire(&self.path, "train").map_err(|error| match error {
            FolderInUse::Write(error) => error.into(),
            _ => Error::RunDirInUse { path: self.path.clone() },
        })?;
        self.remove_partial_files()?;
        Ok(lock)
    }

    /// Removes the checkpoints that killed trainings left half written; nobody else writes them
    /// while the lock is held.
    fn remove_partial_files(&self) -> Result<()> {
        let folder = self.path.join("checkpoint");
        let io = |error| Error::io(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if is_partial_file(&path) {
                remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the checkpoints of an earlier training, and what tells where its images were.
    pub(crate) fn remove_checkpoint(&self) -> Result<()> {
        remove_file(&self.path.join(FINISHED))?;
        remove_file(&self.previous_checkpoint_path())?;
        remove_file(&self.checkpoint_path())?;
        remove_file(&self.origin_path())
    }

    pub(crate) fn write_config(&self, text: &str) -> Result<()> {
        let path = self.config_path();
        read::refuse_special(&path).map_err(|error| Error::io(&path, error))?;
        write::atomic(&path, |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }
}

/// Whether a file has the name of one that is written beside its target.
fn is_partial_file(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    hidden && path.extension().is_some_and(|extension| extension == "tmp")
}

/// Removes a file, if there is one.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
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
        assert!(run.user().unwrap().ends_with("(train)"));
        drop(lock);
        assert_eq!(run.user(), None);
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
    fn a_training_is_moved_aside_under_a_name_that_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path().join("run"));
        for name in ["run.previous", "run.previous-2"] {
            drop(run.lock().unwrap());
            assert!(!run.is_unfinished().unwrap());
            run.write_config(&Config::default().to_toml().unwrap()).unwrap();
            std::fs::write(run.checkpoint_path(), name).unwrap();
            assert!(run.is_unfinished().unwrap());
            assert_eq!(run.move_aside().unwrap(), folder.path().join(name));
            assert!(!run.has_checkpoint());
        }
        let moved = RunDir::open(folder.path().join("run.previous"));
        assert_eq!(std::fs::read_to_string(moved.checkpoint_path()).unwrap(), "run.previous");
    }

    /// The whole folder was once renamed, whatever else it held.
    #[test]
    fn what_no_training_wrote_is_not_moved() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::open(folder.path().join("run"));
        drop(run.lock().unwrap());
        run.write_config(&Config::default().to_toml().unwrap()).unwrap();
        std::fs::write(run.checkpoint_path(), "checkpoint").unwrap();
        let others = [run.path().join("notes.txt"), run.path().join("checkpoint/epoch1.pt")];
        others.iter().for_each(|path| std::fs::write(path, "mine").unwrap());
        let moved = RunDir::open(run.move_aside().unwrap());
        assert!(moved.has_checkpoint() && moved.config().is_ok());
        assert!(!run.has_checkpoint() && !run.config_path().exists());
        assert!(others.iter().all(|path| path.is_file()));
    }

    #[test]
    fn the_run_directory_of_a_model_lies_beside_it() {
        assert_eq!(RunDir::beside(Path::new("a/part.anoseg")).path(), Path::new("a/part-run"));
    }
}
