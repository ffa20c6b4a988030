//! Which files of a watched folder are done, in about 60 bytes each.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anoseg_infer::Decision;

use crate::batch::Verdict;
use crate::batch::format::Known;

/// The state of a file. Another state is another image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::batch) struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
}

impl Stamp {
    /// The present state of a regular file; links are followed.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let nanoseconds = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let modified = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => nanoseconds(after),
            Err(before) => -nanoseconds(before.duration()),
        };
        Ok(Self { size: metadata.len(), modified })
    }

    /// The state that a verdict is on, where it says so.
    pub(in crate::batch) fn of_verdict(verdict: &Verdict) -> Option<Self> {
        Some(Self { size: verdict.size?, modified: verdict.modified? })
    }

    /// The verdict with this state and content.
    pub(super) fn on(self, verdict: Verdict, content: Option<Content>) -> Verdict {
        let file_digest = content.map(|content| content.to_string());
        Verdict { size: Some(self.size), modified: Some(self.modified), file_digest, ..verdict }
    }
}

/// What is in a file: the first 128 bits of its BLAKE3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::batch) struct Content(u128);

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let digest = blake3::hash(bytes);
        Self(digest.as_bytes().iter().take(16).fold(0, |first, &byte| first << 8 | u128::from(byte)))
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(in crate::batch) fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, target: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(target, "{:032x}", self.0)
    }
}

/// A digest of an image's name; 128 bits, so that no two of millions are equal by chance.
fn key(image: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, image).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

struct Entry {
    stamp: Stamp,
    content: Option<Content>,
    /// The listing that saw it last.
    round: u32,
    /// The decision by which it is still to be delivered.
    decision: Option<Decision>,
}

/// The files that are done, by name.
pub(super) struct Seen {
    entries: HashMap<u128, Entry>,
    round: u32,
}

impl Seen {
    /// The files that earlier runs have verdicts on.
    pub(super) fn of(known: HashMap<String, Known>) -> Self {
        let entry = |known: &Known| {
            let stamp = known.stamp?;
            // A failure may have another end now: permissions, for example, leave the stamp as it is.
            let (content, decision) = (known.content, Some(known.decision?));
            Some((key(&known.image), Entry { stamp, content, round: 0, decision }))
        };
        Self { entries: known.values().filter_map(entry).collect(), round: 0 }
    }

    /// Whether this state of a file is done. The file counts as there in either case.
    pub(super) fn is_done(&mut self, image: &str, stamp: Stamp) -> bool {
        let round = self.round;
        self.entries.get_mut(&key(image)).is_some_and(|entry| {
            entry.round = round;
            entry.stamp == stamp
        })
    }

    /// The decision by which an earlier run may not have delivered a file, once.
    pub(super) fn take_decision(&mut self, image: &str) -> Option<Decision> {
        self.entries.get_mut(&key(image))?.decision.take()
    }

    /// What the file of this name had in it when it was done, where it was as large as now.
    pub(super) fn former(&self, image: &str, now: Stamp) -> Option<Content> {
        let entry = self.entries.get(&key(image))?;
        entry.content.filter(|_| entry.stamp.size == now.size)
    }

    pub(super) fn add(&mut self, image: &str, stamp: Stamp, content: Option<Content>) {
        self.entries.insert(key(image), Entry { stamp, content, round: self.round, decision: None });
    }

    pub(super) fn forget(&mut self, image: &str) {
        self.entries.remove(&key(image));
    }

    /// A listing begins.
    pub(super) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Forgets what the listing did not see.
    pub(super) fn end_round(&mut self) {
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
        if self.entries.capacity() > 4 * self.entries.len() + 1024 {
            self.entries.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_read_as_it_was_written() {
        for bytes in [&b""[..], b"a", b"another"] {
            let content = Content::of(bytes);
            assert_eq!(Content::parse(&content.to_string()), Some(content));
            assert!(blake3::hash(bytes).to_hex().starts_with(&content.to_string()));
        }
        assert_eq!(Content::parse("12"), None);
        assert_eq!(Content::parse(&"x".repeat(32)), None);
    }

    #[test]
    fn the_former_content_counts_for_files_of_the_same_size() {
        let mut seen = Seen::of(HashMap::new());
        let (stamp, content) = (Stamp { size: 3, modified: 7 }, Content::of(b"abc"));
        seen.add("a.png", stamp, Some(content));
        assert_eq!(seen.former("a.png", Stamp { modified: 8, ..stamp }), Some(content));
        assert_eq!(seen.former("a.png", Stamp { size: 4, ..stamp }), None);
        assert_eq!(seen.former("b.png", stamp), None);
    }
}
