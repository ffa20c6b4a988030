//! The audit log: a line of JSON for every decision, load and unload. It is only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anoseg::Decision;
use anoseg_history::drift::Alarm;
use anoseg_history::{Truth, VerdictRow};
use serde::Serialize;

use crate::regression::Counted;
use crate::repository::Served;
use crate::thresholds::Thresholds;

/// The file, or none.
#[derive(Default)]
pub(crate) struct Audit(Option<Mutex<Log>>);

/// The file, opened to append.
struct Log {
    file: File,
    /// Whether the last write failed: a part of its line may be there.
    is_doubtful: bool,
}

impl Log {
    /// Ends a line that was cut short, so that it does not spoil the next.
    fn end_line(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > 0 {
            let mut last = [0];
            self.file.seek(SeekFrom::End(-1))?;
            self.file.read_exact(&mut last)?;
            if last != *b"\n" {
                self.file.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_doubtful {
            self.end_line()?;
        }
        let written = self.file.write_all(line);
        self.is_doubtful = written.is_err();
        written
    }
}

/// A line of the log.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// UTC, to the millisecond.
    time: String,
    /// `decision`, `load`, `unload`, `refused`, `feedback`, `drift` or `regression`.
    event: &'a str,
    /// The name of the caller's token; None without tokens, or where nobody asked for it.
    who: Option<&'a str>,
    request_id: Option<&'a str>,
    model: &'a str,
    version: u64,
    /// Of a model that could be loaded.
    model_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// What decided, where the request asked for another way than the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<&'a Thresholds>,
    /// The number of the verdict in the history: of feedback, and of a decision that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<i64>,
    /// Of feedback: what the part is; null where that was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    truth: Option<Option<Truth>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<&'a Alarm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regression: Option<Counted<'a>>,
}

/// Who asked, and by which request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) who: Option<std::sync::Arc<str>>,
    pub(crate) request_id: Option<std::sync::Arc<str>>,
}

impl<'a> Entry<'a> {
    fn new(event: &'a str, asked: &'a Asked, model: &'a str, version: u64) -> Self {
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let (who, request_id) = (asked.who.as_deref(), asked.request_id.as_deref());
        Self {
            time,
            event,
            who,
            request_id,
            model,
            version,
            model_digest: None,
            image: None,
            decision: None,
            score: None,
            thresholds: None,
            verdict: None,
            truth: None,
            reason: None,
            drift: None,
            regression: None,
        }
    }

    pub(crate) fn of_model(event: &'a str, asked: &'a Asked, served: &'a Served) -> Self {
        let entry = Self::new(event, asked, &served.name, served.version);
        Self { model_digest: Some(&served.digest), ..entry }
    }

    pub(crate) fn refused(asked: &'a Asked, model: &'a str, version: u64, reason: &'a str) -> Self {
        Self { reason: Some(reason), ..Self::new("refused", asked, model, version) }
    }

    pub(crate) fn decision(
        asked: &'a Asked,
        served: &'a Served,
        image: Option<&'a str>,
        (decision, score): (Decision, f32),
        thresholds: Option<&'a Thresholds>,
        verdict: Option<i64>,
    ) -> Self {
        let entry = Self::of_model("decision", asked, served);
        Self { image, decision: Some(decision), score: Some(score), thresholds, verdict, ..entry }
    }
}

impl<'a> Entry<'a> {
    /// An alarm that is raised.
    pub(crate) fn drift(asked: &'a Asked, served: &'a Served, alarm: &'a Alarm) -> Self {
        Self { drift: Some(alarm), ..Self::of_model("drift", asked, served) }
    }

    /// How a version that is loaded decides, beside the former one.
    pub(crate) fn regression(asked: &'a Asked, served: &'a Served, counted: Counted<'a>) -> Self {
        Self { regression: Some(counted), ..Self::of_model("regression", asked, served) }
    }

    /// What an operator states of a verdict.
    pub(crate) fn feedback(asked: &'a Asked, verdict: &'a VerdictRow) -> Self {
        let version = verdict.model.version.parse().unwrap_or_default();
        let entry = Self::new("feedback", asked, &verdict.model.name, version);
        Self {
            model_digest: Some(&verdict.model.digest),
            image: Some(&verdict.name),
            verdict: Some(verdict.id),
            truth: Some(verdict.feedback),
            ..entry
        }
    }
}

impl Audit {
    /// Opens a log to append to. A line that a kill cut short is ended, so that it does not spoil the
    /// next.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        anoseg_image::read::refuse_special(path)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut log = Log { file, is_doubtful: false };
        log.end_line()?;
        Ok(Self(Some(Mutex::new(log))))
    }

    /// Appends a line, in one write.
    ///
    /// # Errors
    /// The disk is full, for example.
    pub(crate) fn add(&self, entry: &Entry<'_>) -> io::Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        file.lock().unwrap_or_else(PoisonError::into_inner).add(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_gone_on_with_and_a_cut_line_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let asked = Asked { who: Some("ada".into()), request_id: None };
        let add = || Audit::open(&path).unwrap().add(&Entry::refused(&asked, "part", 3, "damaged")).unwrap();
        add();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        add();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        for line in [lines[0], lines[2]] {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&entry["who"], &entry["event"]), (&"ada".into(), &"refused".into()));
            assert_eq!((&entry["version"], &entry["reason"]), (&3.into(), &"damaged".into()));
            assert!(humantime::parse_rfc3339(entry["time"].as_str().unwrap()).is_ok());
        }
    }

    #[test]
    fn a_line_that_a_full_disk_cut_short_does_not_spoil_the_next() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"{\"time\":").unwrap();
        let mut log = Log { file, is_doubtful: true };
        log.add(b"{}\n").unwrap();
        log.add(b"{}\n").unwrap();
        let mut text = String::new();
        log.file.rewind().unwrap();
        log.file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"time\":\n{}\n{}\n");
    }
}
