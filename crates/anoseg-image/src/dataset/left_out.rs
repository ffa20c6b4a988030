//! Files that were left out, and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::display_name;
use crate::decode::not_read;

/// A file or folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The file or folder.
    pub path: PathBuf,
    /// Why, as the end of a sentence: "a HEIC image, which is not read".
    pub reason: String,
    /// What kind of reason this is.
    pub kind: LeftOutKind,
}

/// The kinds of reasons for which a file is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeftOutKind {
    /// An image of a kind that is not read: a part that nobody looked at.
    NotRead,
    /// An image at a place that does not say whether its part is good.
    Unsorted,
    /// An image that is known not to show a good part, in a place where only those are used.
    NotGood,
    /// Named as the mask, overlay or map of an image beside it.
    Companion,
    /// A file that the program wrote itself.
    Result,
    /// Listed already under another name.
    Repeated,
    /// Text, tables, settings of the system and other files that are no images.
    NotAnImage,
    /// Its name begins with a dot.
    Hidden,
}

impl LeftOut {
    pub(super) fn new(path: impl Into<PathBuf>, kind: LeftOutKind, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), kind }
    }

    /// Why it was left out, as a sentence without its full stop. Of an image of another format it is
    /// the text of the error that reading it gives.
    pub fn message(&self) -> String {
        match (self.kind, self.reason.strip_suffix(NOT_READ)) {
            (LeftOutKind::NotRead, Some(name)) => not_read(&self.path, name),
            _ => format!("{} is left out: {}", display_name(&self.path), self.reason),
        }
    }

    /// Whether an image was left out that should have been looked at.
    pub fn is_loss(&self) -> bool {
        self.kind == LeftOutKind::NotRead
    }

    /// Whether the user should hear of it without asking.
    pub fn is_remarkable(&self) -> bool {
        !matches!(self.kind, LeftOutKind::Hidden | LeftOutKind::NotAnImage | LeftOutKind::Result)
    }
}

/// What follows the format's name in the reason of a file of another format.
pub(super) const NOT_READ: &str = ", which is not read";

/// Names of files in one line of a summary.
const NAMED: usize = 3;

/// Sums up what was left out, one line for each reason with the number of files and the first
/// names. What is remarkable comes first; with `all` false the rest is not mentioned.
pub fn summarise_left_out(left_out: &[LeftOut], all: bool) -> Vec<String> {
    let mut groups = BTreeMap::<(LeftOutKind, &str), Vec<&LeftOut>>::new();
    for item in left_out.iter().filter(|item| all || item.is_remarkable()) {
        groups.entry((item.kind, &item.reason)).or_default().push(item);
    }
    groups.into_values().map(|items| line(&items)).collect()
}

/// One line of a summary, of files that were left out for the same reason.
fn line(items: &[&LeftOut]) -> String {
    let LeftOut { reason, kind, .. } = items[0];
    if items.len() == 1 {
        return items[0].message();
    }
    let remedy = if *kind == LeftOutKind::NotRead { "; convert them to PNG, JPEG or TIFF" } else { "" };
    let paths: Vec<&Path> = items.iter().map(|item| item.path.as_path()).collect();
    format!("{} files are left out, each {reason}: {}{remedy}", items.len(), named(&paths))
}

/// The first names, and how many there are more.
pub(super) fn named(paths: &[&Path]) -> String {
    let first = paths.iter().take(NAMED).map(|path| display_name(path)).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
