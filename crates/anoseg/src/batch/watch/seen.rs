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

/// A file that could not be judged.
struct Failure {
    stamp: Stamp,
    content: Option<Content>,
    /// A digest of the reason.
    error: u128,
}

/// Files that are gone, such as those of a folder that was moved away, and are still known. Those that are
/// gone longest are forgotten first.
const MOST_GONE: usize = 100_000;

/// The files that are done, by name.
pub(super) struct Seen {
    entries: HashMap<u128, Entry>,
    /// The files that earlier runs could not judge.
    failed: HashMap<u128, Failure>,
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
        let failure = |known: &Known| {
            let error = known.error.as_ref().filter(|_| known.decision.is_none())?;
            let failure = Failure { stamp: known.stamp?, content: known.content, error: key(error) };
            Some((key(&known.image), failure))
        };
        Self {
            entries: known.values().filter_map(entry).collect(),
            failed: known.values().filter_map(failure).collect(),
            round: 0,
        }
    }

    /// Whether an earlier run wrote down that a file cannot be judged, for this reason, in this state or with
    /// this content; once.
    pub(super) fn take_failure(
        &mut self,
        image: &str,
        stamp: Stamp,
        content: Option<Content>,
        error: &str,
    ) -> bool {
        self.failed.remove(&key(image)).is_some_and(|former| {
            let is_same = former.stamp == stamp || (content.is_some() && former.content == content);
            is_same && former.error == key(error)
        })
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

    /// A file was moved away after its verdict. If it is put back, it is moved again.
    pub(super) fn moved(&mut self, image: &str, decision: Decision) {
        if let Some(entry) = self.entries.get_mut(&key(image)) {
            (entry.content, entry.decision) = (None, Some(decision));
        }
    }

    /// A listing begins.
    pub(super) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Takes note of what the listing did not see. Such a file has its verdict when it comes back as it was:
    /// whole folders are moved away and back. With another time it is a new file, even if its content is
    /// the same.
    pub(super) fn end_round(&mut self) {
        let round = self.round;
        let mut gone: Vec<u32> = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| entry.round != round) {
            // One that was never there in this run may have got its time before the run.
            if entry.round > 0 {
                entry.content = None;
            }
            gone.push(entry.round);
        }
        if gone.len() <= MOST_GONE {
            return;
        }
        let mut surplus = gone.len() - MOST_GONE;
        let (_, last, _) = gone.select_nth_unstable(surplus - 1);
        let last = *last;
        self.entries.retain(|_, entry| {
            let stays = entry.round == round || entry.round > last || surplus == 0;
            surplus -= usize::from(!stays);
            stays
        });
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

    /// Files of a folder that was moved away and back once got a second line.
    #[test]
    fn a_file_that_comes_back_as_it_was_is_done() {
        let mut seen = Seen::of(HashMap::new());
        let stamp = |size| Stamp { size, modified: 7 };
        seen.begin_round();
        seen.add("a.png", stamp(1), Some(Content::of(b"a")));
        for _ in 0..3 {
            seen.begin_round();
            seen.end_round();
        }
        assert!(seen.is_done("a.png", stamp(1)));
        assert_eq!(seen.former("a.png", Stamp { modified: 8, ..stamp(1) }), None, "a new file");
    }

    #[test]
    fn of_the_files_that_are_gone_the_last_are_known() {
        let mut seen = Seen::of(HashMap::new());
        for half in 0..2 {
            seen.begin_round();
            for number in 0..MOST_GONE {
                seen.add(&format!("{half}-{number}"), Stamp { size: 1, modified: 7 }, None);
            }
        }
        for _ in 0..2 {
            seen.begin_round();
            seen.end_round();
        }
        assert_eq!(seen.entries.len(), MOST_GONE);
        let stamp = Stamp { size: 1, modified: 7 };
        assert!((0..MOST_GONE).all(|number| seen.is_done(&format!("1-{number}"), stamp)));
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
