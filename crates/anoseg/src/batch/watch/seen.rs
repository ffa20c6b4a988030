//! Which files of a watched folder are done, in about 40 bytes each.

use std::collections::HashMap;
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

    /// The verdict with this state.
    pub(super) fn on(self, verdict: Verdict) -> Verdict {
        Verdict { size: Some(self.size), modified: Some(self.modified), ..verdict }
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
            Some((key(&known.image), Entry { stamp, round: 0, decision: known.decision }))
        };
        Self { entries: known.values().filter_map(entry).collect(), round: 0 }
    }

    /// Whether this state of a file is done. It then counts as there.
    pub(super) fn is_done(&mut self, image: &str, stamp: Stamp) -> bool {
        let round = self.round;
        self.entries.get_mut(&key(image)).filter(|entry| entry.stamp == stamp).is_some_and(|entry| {
            entry.round = round;
            true
        })
    }

    /// The decision by which an earlier run may not have delivered a file, once.
    pub(super) fn take_decision(&mut self, image: &str) -> Option<Decision> {
        self.entries.get_mut(&key(image))?.decision.take()
    }

    pub(super) fn add(&mut self, image: &str, stamp: Stamp) {
        self.entries.insert(key(image), Entry { stamp, round: self.round, decision: None });
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
