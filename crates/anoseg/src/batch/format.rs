//! The formats of verdicts.

use std::str::FromStr;

use anoseg_infer::Decision;

use super::verdict::FileNames;
use super::watch::{Content, Stamp};
use super::{Verdict, csv};

/// How verdicts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line and image.
    #[default]
    Jsonl,
    /// One line per image; regions as counts and the largest one.
    Csv,
    /// One COCO object-detection document.
    Coco,
}

impl Format {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Coco];

    /// Usual name of the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Jsonl => "verdicts.jsonl",
            Self::Csv => "verdicts.csv",
            Self::Coco => "verdicts.coco.json",
        }
    }

    /// The file that grows by a line per image. For COCO the document is made from it at the end.
    pub(super) fn journal_name(self) -> &'static str {
        match self {
            Self::Coco => "verdicts.coco.jsonl",
            _ => self.file_name(),
        }
    }

    /// The file that says which model the verdicts are from.
    pub(super) fn run_name(self) -> String {
        format!("{}.run.json", self.file_name())
    }

    /// The file that says which part of a batch the verdicts are of.
    pub(super) fn shard_name(self) -> String {
        format!("{}.shard.json", self.file_name())
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Coco => "coco",
        }
    }

    /// The first line of the journal, with its end; empty where there is none.
    pub(super) fn head(self) -> String {
        if self == Self::Csv { format!("{}\n", csv::COLUMNS) } else { String::new() }
    }

    /// A verdict as a line of the journal, with its end.
    pub(super) fn line(self, verdict: &Verdict) -> serde_json::Result<String> {
        match self {
            Self::Csv => Ok(csv::line(verdict)),
            _ => serde_json::to_string(verdict).map(|text| text + "\n"),
        }
    }

    /// What a line of the journal says; None for a line that is no verdict.
    pub(super) fn parse(self, line: &str) -> Option<Known> {
        match self {
            Self::Csv => csv::parse(line),
            _ => {
                let verdict: Verdict = serde_json::from_str(line).ok()?;
                let stamp = Stamp::of_verdict(&verdict);
                let content = verdict.file_digest.as_deref().and_then(Content::parse);
                let Verdict { image, decision, files, error, .. } = verdict;
                Some(Known { image, decision, files, error, stamp, content })
            }
        }
    }
}

/// What an earlier run said of an image, as far as resuming needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) image: String,
    pub(super) decision: Option<Decision>,
    pub(super) files: FileNames,
    pub(super) error: Option<String>,
    /// Of a watched folder: the state of the file that was inspected.
    pub(super) stamp: Option<Stamp>,
    /// Of a watched folder: what was in the file.
    pub(super) content: Option<Content>,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| format!("no such format: {name}; use jsonl, csv or coco"))
    }
}
