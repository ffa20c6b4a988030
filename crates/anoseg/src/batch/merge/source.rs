//! The results of one shard.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::MergeError;
use crate::batch::Format;
use crate::batch::format::Known;
use crate::batch::journal::{each_line_of, open_regular};
use crate::batch::run::Run;
use crate::batch::shard::{Counts, Record};

/// Where in the file of the verdicts a line lies, its end included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    offset: u64,
    length: usize,
}

/// The folder of a shard. Its verdicts are read one at a time.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) format: Format,
    pub(super) record: Record,
    pub(super) run: Run,
    /// The verdicts' lines, by the place of their image in the whole batch.
    pub(super) lines: BTreeMap<usize, Place>,
    /// Open all the time: at the end of a run the file is replaced. None: nothing was written yet.
    file: Option<File>,
}

impl Source {
    /// Opens a folder; an unfinished shard only if `partial`.
    pub(super) fn open(folder: &Path, partial: bool) -> Result<Self, MergeError> {
        let mut found = Vec::new();
        for format in Format::ALL {
            let path = folder.join(format.shard_name());
            match Record::read(folder, format) {
                Ok(record) => found.extend(record.map(|record| (format, record))),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
                {
                    return Err(MergeError::damaged(
                        &path,
                        format!("not the description of a shard: {error}"),
                    ));
                }
                Err(error) => return Err(MergeError::io(&path, error)),
            }
        }
        if found.len() > 1 {
            return Err(MergeError::ManyFormats { path: folder.to_owned() });
        }
        let Some((format, record)) = found.pop() else {
            return Err(MergeError::NotResults { path: folder.to_owned() });
        };
        if !record.complete && !partial {
            return Err(MergeError::Unfinished { path: folder.to_owned(), shard: record.shard });
        }
        let Some(run) = Run::read(folder, format) else {
            let path = folder.join(format.run_name());
            return Err(MergeError::damaged(&path, "missing, or not the description of a run"));
        };
        let path = folder.join(format.journal_name());
        let file = match open_regular(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !record.complete => None,
            file => Some(file.map_err(|error| MergeError::io(&path, error))?),
        };
        let folder = folder.to_owned();
        let mut source = Self { folder, format, record, run, lines: BTreeMap::new(), file };
        source.scan()?;
        Ok(source)
    }

    /// Finds the lines. The last one of an image counts.
    fn scan(&mut self) -> Result<(), MergeError> {
        let Some(file) = &self.file else { return Ok(()) };
        let path = self.folder.join(self.format.journal_name());
        let positions: HashMap<&str, usize> =
            self.record.images.iter().map(|(position, name)| (name.as_str(), *position)).collect();
        let head = self.format.head();
        if !begins_with(file, head.as_bytes()).map_err(|error| MergeError::io(&path, error))? {
            return Err(MergeError::damaged(&path, "its first line is not the one that predict writes"));
        }
        let mut offset = head.len() as u64;
        let (mut wrong, mut torn) = (None, false);
        let format = self.format;
        let (lines, mut last) = (&mut self.lines, HashMap::new());
        each_line_of(file, format, &mut |line| {
            // The line under way when a run was killed has no end. Nothing follows it.
            let Some(text) = line.filter(|_| !torn) else {
                torn = true;
                return Ok(());
            };
            let length = text.len() + 1;
            match format.parse(text) {
                Some(known) => match positions.get(known.image.as_str()) {
                    Some(&position) => {
                        _ = lines.insert(position, Place { offset, length });
                        last.insert(position, known.decision);
                    }
                    None => {
                        wrong =
                            Some(format!("has a verdict on {}, which this shard does not list", known.image))
                    }
                },
                None => wrong = Some(format!("a line is no verdict: {text:.40}")),
            }
            offset += length as u64;
            Ok(())
        })
        .map_err(|error| MergeError::io(&path, error))?;
        if torn && self.record.complete {
            wrong = Some("a line is damaged".to_owned());
        }
        if wrong.is_none() && self.record.complete {
            let lacking = self.record.images.iter().find(|(position, _)| !self.lines.contains_key(position));
            wrong = lacking.map(|(_, name)| format!("has no verdict on {name}"));
            let mut counts = Counts::default();
            last.into_values().for_each(|decision| counts.add(decision));
            if wrong.is_none() && self.record.counts.is_some_and(|written| written != counts) {
                wrong = Some(format!("has other numbers of verdicts than {}", self.format.shard_name()));
            }
        }
        wrong.map_or(Ok(()), |what| Err(MergeError::damaged(&path, what)))
    }

    /// What differs from another folder that is no shard of the same run.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let (a, b) = (&self.record, &other.record);
        let same = [
            (self.format == other.format, "the format"),
            (a.shard.count() == b.shard.count(), "the number of shards"),
            (
                self.run.model_blake3 == other.run.model_blake3,
                "the model, or its thresholds or region of interest,",
            ),
            (self.run.program == other.run.program, "the version of the program"),
            (a.listing_blake3 == b.listing_blake3, "the list of images that each machine found"),
            (a.files == b.files, "what is written beside verdicts (overlays, masks, maps)"),
            (a.limits == b.limits, "the limit on images (--max-pixels and the like)"),
            (a.tree == b.tree, "how image files lie in folders"),
            (a.coco_segmentation == b.coco_segmentation, "the form of regions"),
        ];
        same.into_iter().find(|(same, _)| !same).map(|(_, what)| what)
    }

    /// The text of a line, with its end.
    pub(super) fn line(&self, place: Place) -> Result<String, MergeError> {
        let read = || -> io::Result<String> {
            let mut file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
            file.seek(SeekFrom::Start(place.offset))?;
            let mut bytes = vec![0; place.length];
            file.read_exact(&mut bytes)?;
            String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
        };
        read().map_err(|error| MergeError::io(&self.folder.join(self.format.journal_name()), error))
    }

    /// What a line says.
    pub(super) fn parse(&self, line: &str) -> Result<Known, MergeError> {
        self.format.parse(line.trim_end_matches('\n')).ok_or_else(|| {
            MergeError::damaged(
                &self.folder.join(self.format.journal_name()),
                "was changed while it was read",
            )
        })
    }
}

/// Whether a file begins with this. It stands at its start afterwards.
fn begins_with(mut file: &File, head: &[u8]) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.take(head.len() as u64).read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(0))?;
    // Nothing was written yet.
    Ok(bytes == head || bytes.is_empty())
}
