//! What becomes of a file after its turn: its line, its delivery, or another turn.

use std::io;
use std::path::{Path, PathBuf};

use anoseg_infer::{Decision, Error};

use super::seen::{Content, Stamp};
use super::turn::{Outcome, Turn};
use super::{Delivery, PATIENCE, SETTLE, Waiting, WatchStep, Watcher};
use crate::batch::names::{name_of, plain};
use crate::batch::results::Written;
use crate::batch::{ResultsError, Verdict};

impl Watcher<'_> {
    /// Writes down what became of a file, or lets it wait on.
    pub(super) fn settle(&mut self, turn: &Turn, outcome: Outcome<Written>) -> Result<(), ResultsError> {
        let Turn { path, stamp, changed, .. } = turn;
        let image = name_of(path);
        match outcome {
            Outcome::Changed => self.consider(path, SETTLE),
            Outcome::NoImage => self.seen.add(&image, *stamp, None),
            Outcome::Same(content) => {
                let decision = self.seen.take_decision(&image);
                self.seen.add(&image, *stamp, Some(content));
                decision.into_iter().for_each(|decision| _ = self.deliver(path, *stamp, decision));
            }
            Outcome::Judged(written, content) => return self.judged(path, *stamp, written, content),
            Outcome::Failed(error, content) if changed.elapsed() >= PATIENCE => {
                return self.failed(path, *stamp, &error, content);
            }
            Outcome::Failed(..) => {
                let due = *changed + PATIENCE;
                self.waiting.insert(path.clone(), Waiting { stamp: *stamp, changed: *changed, due });
            }
        }
        Ok(())
    }

    fn judged(
        &mut self,
        path: &Path,
        stamp: Stamp,
        written: Written,
        content: Content,
    ) -> Result<(), ResultsError> {
        let (mut verdict, unwritten) = self.results.record_whole(written)?;
        self.go_on();
        self.seen.add(&verdict.image, stamp, Some(content));
        let Some(decision) = verdict.decision else { return Ok(()) };
        match decision {
            Decision::Good => self.counts.good += 1,
            Decision::Review => self.counts.review += 1,
            Decision::Reject => self.counts.rejected += 1,
        }
        let undelivered = self.deliver(path, stamp, decision);
        let noted = undelivered.map_or(Ok(()), |error| {
            // This line replaces the one before.
            verdict.errors.push(plain(&format!("not moved or linked: {error}")));
            self.results.append(&verdict)
        });
        (self.on_step)(&WatchStep::Judged(&verdict, &unwritten));
        noted
    }

    fn failed(
        &mut self,
        path: &Path,
        stamp: Stamp,
        error: &Error,
        content: Option<Content>,
    ) -> Result<(), ResultsError> {
        let verdict = self.results.signed(stamp.on(Verdict::failed(path, error), content));
        self.results.require_in_place()?;
        self.results.append(&verdict)?;
        self.go_on();
        self.seen.add(&verdict.image, stamp, content);
        self.counts.failed += 1;
        (self.on_step)(&WatchStep::Failed(error));
        Ok(())
    }

    /// Moves or links a file that is still the one that was judged. Gives what went wrong.
    pub(super) fn deliver(&mut self, path: &Path, stamp: Stamp, decision: Decision) -> Option<io::Error> {
        let delivery = self.watch.delivery.as_ref()?;
        if Stamp::of(path).ok() != Some(stamp) {
            return None;
        }
        let error = delivery.deliver(path, decision).err();
        match &error {
            Some(error) => (self.on_step)(&WatchStep::Undelivered(path, error)),
            None if matches!(delivery, Delivery::Move(_)) => self.seen.forget(&name_of(path)),
            None => {}
        }
        error
    }
}

/// The stem of a verdict's files. It depends on the image alone, so that no names need to be kept;
/// after an interruption the same files are written again.
pub(super) fn stem_of(verdict: &Verdict) -> PathBuf {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (&verdict.image, verdict.size, verdict.modified).hash(&mut hasher);
    let stem = Path::new(&verdict.image).file_stem().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{stem}-{:016x}.x", hasher.finish()))
}
