//! `metrics.jsonl`: one line per step.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::step_losses::StepLosses;
use crate::{Error, Result};

/// One line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Number of the step, counted from 1.
    pub step: u64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Losses of the step.
    #[serde(flatten)]
    pub losses: StepLosses,
    /// Seconds of training until the step's end.
    pub elapsed: f64,
}

/// The log while it is written.
pub(super) struct StepLog {
    path: PathBuf,
    file: BufWriter<File>,
}

fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("metrics.jsonl")
}

impl StepLog {
    pub(super) fn create(run_dir: &Path) -> Result<Self> {
        let path = path(run_dir);
        let file = File::create(&path).map_err(|error| Error::io(&path, &error))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    /// Goes on after `step`: lines of later steps, from a run that was killed after its last checkpoint, go.
    pub(super) fn reopen(run_dir: &Path, step: u64) -> Result<Self> {
        let kept: Vec<StepRecord> =
            read_log(run_dir)?.into_iter().filter(|record| record.step <= step).collect();
        let mut log = Self::create(run_dir)?;
        kept.iter().try_for_each(|record| log.append(record))?;
        log.flush()?;
        Ok(log)
    }

    pub(super) fn append(&mut self, record: &StepRecord) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|error| Error::Bug(error.to_string()))?;
        writeln!(self.file, "{line}").map_err(|error| Error::io(&self.path, &error))
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| Error::io(&self.path, &error))
    }
}

/// The steps logged in a run directory. A last line that was cut short is left out; no log is no steps.
///
/// # Errors
/// The log exists but cannot be read.
pub fn read_log(run_dir: &Path) -> Result<Vec<StepRecord>> {
    let path = path(run_dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&path, &error)),
    };
    let mut records = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| Error::io(&path, &error))?;
        records.extend(serde_json::from_str::<StepRecord>(&line).ok());
    }
    Ok(records)
}
