//! The files whose turn it is, several at a time: from a file to what is written of it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anoseg_image::dataset::is_image_to_inspect;
use anoseg_image::{Decoded, Limits, decode};
use anoseg_infer::{Error, Model};

use super::Watcher;
use super::seen::{Content, Stamp};
use super::settle::stem_of;
use crate::batch::pipeline::{Desk, Work};
use crate::batch::stages::{Unwritten, Written};
use crate::batch::work::bytes;
use crate::batch::{Inspected, ResultsError, Verdict, inspected};

/// A file whose turn it is.
pub(super) struct Turn {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// When it was changed last.
    pub(super) changed: Instant,
    /// What the file of this name had in it at its verdict, where it was as large.
    pub(super) former: Option<Content>,
}

/// What became of a file.
pub(super) enum Outcome<T> {
    /// It changed meanwhile.
    Changed,
    /// It is no image to inspect.
    NoImage,
    /// It has a verdict; only its time is another.
    Same(Content),
    /// It cannot be judged, perhaps because it is not whole yet.
    Failed(Error, Option<Content>),
    /// It was judged.
    Judged(T, Content),
}

impl<T> Outcome<T> {
    fn map<U>(self, with: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Changed => Outcome::Changed,
            Self::NoImage => Outcome::NoImage,
            Self::Same(content) => Outcome::Same(content),
            Self::Failed(error, content) => Outcome::Failed(error, content),
            Self::Judged(value, content) => Outcome::Judged(with(value), content),
        }
    }
}

/// The steps that run on any thread.
pub(super) struct ForWatch<'a> {
    pub(super) model: &'a Model,
    pub(super) limits: &'a Limits,
    pub(super) turns: &'a [Turn],
}

impl Work for ForWatch<'_> {
    type Found = Outcome<(Verdict, Inspected)>;
    type Unwritten = Outcome<Unwritten>;
    type Written = Outcome<Written>;

    fn bytes(&self, turn: usize) -> u64 {
        bytes(&self.turns[turn].path, self.limits)
    }

    fn inspect(&self, turn: usize) -> Self::Found {
        let turn = &self.turns[turn];
        let is_as_before = || Stamp::of(&turn.path).ok() == Some(turn.stamp);
        if !is_as_before() {
            return Outcome::Changed;
        }
        let found = self.outcome(turn);
        // What was read is what the stamp says only if it is the same after reading.
        if is_as_before() { found } else { Outcome::Changed }
    }

    fn write(&self, unwritten: Self::Unwritten) -> Self::Written {
        unwritten.map(Unwritten::write)
    }
}

impl ForWatch<'_> {
    fn outcome(&self, turn: &Turn) -> Outcome<(Verdict, Inspected)> {
        if !is_image_to_inspect(&turn.path) {
            return Outcome::NoImage;
        }
        let read = match decode::read_file(&turn.path, self.limits) {
            Ok(read) => read,
            Err(error) => return Outcome::Failed(error.into(), None),
        };
        let content = Content::of(&read);
        if turn.former == Some(content) {
            return Outcome::Same(content);
        }
        match self.judge(&turn.path, read) {
            Ok(inspected) => {
                let verdict = Verdict::of(&inspected, false);
                Outcome::Judged((turn.stamp.on(verdict, Some(content)), inspected), content)
            }
            Err(error) => Outcome::Failed(error, Some(content)),
        }
    }

    fn judge(&self, path: &Path, read: Vec<u8>) -> Result<Inspected, Error> {
        let decoded = Decoded::from_bytes(&read, path, self.limits)?;
        drop(read);
        inspected(self.model, path, decoded)
    }
}

/// The steps on the caller's thread.
pub(super) struct WatchDesk<'w, 'a> {
    pub(super) watcher: &'w mut Watcher<'a>,
    pub(super) turns: &'w [Turn],
    pub(super) stop: &'w dyn Fn() -> bool,
    /// How many of the files, from the first on, need no other turn.
    pub(super) settled: usize,
    pub(super) error: Option<ResultsError>,
}

impl Desk<ForWatch<'_>> for WatchDesk<'_, '_> {
    fn may_begin(&mut self) -> bool {
        !(self.stop)()
    }

    fn place(&mut self, _: usize, found: Outcome<(Verdict, Inspected)>) -> Outcome<Unwritten> {
        found.map(|(verdict, inspected)| {
            let stem = stem_of(&verdict);
            self.watcher.results.place_alone(&stem, verdict, inspected)
        })
    }

    fn record(&mut self, turn: usize, written: Outcome<Written>) -> ControlFlow<()> {
        let Err(error) = self.watcher.settle(&self.turns[turn], written) else {
            if self.settled == turn {
                self.settled += 1;
            }
            return ControlFlow::Continue(());
        };
        self.error.get_or_insert(error);
        ControlFlow::Break(())
    }
}
