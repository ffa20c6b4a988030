//! `metrics.jsonl`: one line per step.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anoseg_image::{read, write};
use serde::{Deserialize, Serialize};

use super::step_losses::StepLosses;
use crate::{Error, Result};

/// What is beyond this many bytes of a log is not read.
const MOST_BYTES: u64 = 1 << 30;

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

/// The log of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingLog {
    /// The steps of whole lines.
    pub records: Vec<StepRecord>,
    /// Number of lines that are not records.
    pub broken: usize,
}

impl StepLog {
    /// An empty log.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Self::with_lines(path, b"")
    }

    /// Continues after `step`. Lines of later steps, from a run that was killed after its last
    /// checkpoint, are dropped, and so are broken lines, whose number is returned.
    pub(super) fn reopen(path: &Path, step: u64) -> Result<(Self, usize)> {
        let mut kept = Vec::new();
        let log = read_lines(path, |line, record| {
            if record.step <= step {
                kept.extend_from_slice(line);
                kept.push(b'\n');
            }
        })?;
        Ok((Self::with_lines(path, &kept)?, log.broken))
    }

    /// Replaces the log in one step, so that a crash leaves the old one or the new one.
    fn with_lines(path: &Path, lines: &[u8]) -> Result<Self> {
        read::refuse_special(path).map_err(|error| Error::io(path, error))?;
        write::atomic(path, |file| file.write_all(lines))?;
        let file = File::options().append(true).open(path).map_err(|error| Error::io(path, error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    pub(super) fn append(&mut self, record: &StepRecord) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|error| Error::Bug(error.to_string()))?;
        // Line by line, so that a killed training leaves its log, and whole lines.
        let written = writeln!(self.file, "{line}").and_then(|()| self.file.flush());
        written.map_err(|error| Error::io(&self.path, error))
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| Error::io(&self.path, error))
    }
}

/// The steps of a log; no log is no steps.
pub(crate) fn read_log(path: &Path) -> Result<TrainingLog> {
    read_lines(path, |_, _| ())
}

/// As [`read_log`]; `take` gets each whole line and its record.
fn read_lines(path: &Path, mut take: impl FnMut(&[u8], StepRecord)) -> Result<TrainingLog> {
    let file = match read::open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TrainingLog::default()),
        Err(error) => return Err(Error::io(path, error)),
    };
    let mut log = TrainingLog::default();
    for line in BufReader::new(file.take(MOST_BYTES)).split(b'\n') {
        let line = line.map_err(|error| Error::io(path, error))?;
        match serde_json::from_slice::<StepRecord>(&line) {
            Ok(record) => {
                take(&line, record);
                log.records.push(record);
            }
            Err(_) => log.broken += 1,
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Broken lines were once dropped without a warning.
    #[test]
    fn broken_lines_are_counted_and_whole_ones_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = StepLog::create(&path).unwrap();
        for step in 1..=4 {
            let losses = StepLosses::default();
            log.append(&StepRecord { step, learning_rate: 0.1, losses, elapsed: 0.0 }).unwrap();
        }
        log.flush().unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"\xff\xfe not a record\n{\"step\": 5");
        std::fs::write(&path, text).unwrap();
        let read = read_log(&path).unwrap();
        assert_eq!((read.records.len(), read.broken), (4, 2));
        let (_, broken) = StepLog::reopen(&path, 3).unwrap();
        assert_eq!(broken, 2);
        let read = read_log(&path).unwrap();
        assert_eq!((read.records.len(), read.broken), (3, 0));
    }
}
