//! A file of verdicts that grows by a line per image.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anoseg_image::write;

use super::error::{ResultsError, io_error};
use super::format::{Format, Known};
use super::watch::Stamp;

/// Each line reaches the system before the next image is read, so that a killed process loses none.
/// The last line of an image counts; of a watched folder, the last of each state of its file.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Whether more may be in the file than whole lines.
    torn: bool,
}

/// What is in a journal.
#[derive(Default)]
pub(super) struct Contents {
    /// The last line of each image, in the order of the file.
    pub(super) known: Vec<Known>,
    /// Lines that are no verdicts, the torn last one included.
    pub(super) broken: usize,
}

impl Journal {
    /// Begins a file that must not exist yet.
    pub(super) fn create(path: PathBuf, format: Format) -> Result<Self, ResultsError> {
        let options = File::options().append(true).create_new(true).clone();
        let file = options.open(&path).map_err(|error| io_error(&path, error))?;
        let mut journal = Self { path, file, length: 0, torn: false };
        journal.append(&format.head())?;
        Ok(journal)
    }

    /// Goes on with a file. What is left over of an interruption is taken out of it.
    pub(super) fn resume(path: PathBuf, format: Format) -> Result<(Self, Contents), ResultsError> {
        let contents = compact(&path, format)?;
        let failed = |error| io_error(&path, error);
        let file = File::options().append(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok((Self { path, file, length, torn: false }, contents))
    }

    /// Adds a line. After an error the file ends with the line before.
    pub(super) fn append(&mut self, line: &str) -> Result<(), ResultsError> {
        let written = self.cut().and_then(|()| self.file.write_all(line.as_bytes()));
        if let Err(error) = written {
            self.torn = true;
            _ = self.cut();
            return Err(io_error(&self.path, error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Takes off what a failure left of a line. A disk may refuse that at first.
    fn cut(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Whether the file is still in its folder, under its name.
    pub(super) fn is_in_place(&self) -> bool {
        write::is_file_of(&self.file, &self.path)
    }

    /// Writes everything to the disk and takes out lines that later ones replace. Gives those that stay.
    pub(super) fn finish(self, format: Format) -> Result<Vec<Known>, ResultsError> {
        self.file.sync_all().map_err(|error| io_error(&self.path, error))?;
        compact(&self.path, format).map(|contents| contents.known)
    }
}

/// What a later line of the same replaces.
type Key = (String, Option<Stamp>);

fn key(known: &Known) -> Key {
    (known.image.clone(), known.stamp)
}

/// Reads a journal. Lines that are no verdicts, and all but the last of an image, are taken out of
/// the file.
fn compact(path: &Path, format: Format) -> Result<Contents, ResultsError> {
    let mut contents = Contents::default();
    let (mut last, mut lines) = (HashMap::<Key, usize>::new(), 0);
    each_line(path, format, &mut |line| {
        match line.and_then(|line| format.parse(line)) {
            Some(known) => {
                last.insert(key(&known), lines);
                contents.known.push(known);
            }
            None => contents.broken += 1,
        }
        lines += 1;
        Ok(())
    })
    .map_err(|error| io_error(path, error))?;
    let is_whole = contents.broken == 0 && last.len() == contents.known.len() && lines > 0;
    if !is_whole {
        rewrite(path, format, &last)?;
        let mut seen = std::collections::HashSet::new();
        contents.known.reverse();
        contents.known.retain(|known| seen.insert(key(known)));
        contents.known.reverse();
    }
    Ok(contents)
}

/// Keeps the lines whose image has its last line there.
fn rewrite(path: &Path, format: Format, last: &HashMap<Key, usize>) -> Result<(), ResultsError> {
    write::atomic(path, |target| {
        target.write_all(format.head().as_bytes())?;
        let mut number = 0;
        each_line(path, format, &mut |line| {
            if let Some(line) = line
                && let Some(known) = format.parse(line)
                && last.get(&key(&known)) == Some(&number)
            {
                writeln!(target, "{line}")?;
            }
            number += 1;
            Ok(())
        })
    })?;
    Ok(())
}

/// Lines longer than this are no verdicts. Regions in run lengths may take megabytes.
const LONGEST_LINE: u64 = 1 << 30;

/// Calls `take` with each line after the head, without its end; None for one that is not UTF-8, is
/// too long, or has no end.
pub(super) fn each_line(
    path: &Path,
    format: Format,
    take: &mut dyn FnMut(Option<&str>) -> io::Result<()>,
) -> io::Result<()> {
    each_line_of(&open_regular(path)?, format, take)
}

/// As [`each_line`], of an open file from where it stands.
pub(super) fn each_line_of(
    file: &File,
    format: Format,
    take: &mut dyn FnMut(Option<&str>) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    let mut first = !format.head().is_empty();
    loop {
        bytes.clear();
        io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let line = bytes.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        if !std::mem::take(&mut first) {
            take(line)?;
        }
    }
}

/// Reading a pipe or a device could wait for ever.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file: move it away"));
    }
    File::open(path)
}
