//! What becomes of a file after its turn: its line, its delivery, or another turn.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anoseg_infer::{Decision, Error};

use super::delivery::Placed;
use super::seen::{Content, Stamp};
use super::turn::{Outcome, Turn};
use super::{Delivery, PATIENCE, SETTLE, Waiting, WatchStep, Watcher};
use crate::batch::names::{name_of, plain};
use crate::batch::stages::Written;
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
                decision.into_iter().for_each(|decision| self.deliver(path, *stamp, decision));
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

    /// The file is linked or copied to its new place first, so that the line can say where it is, and taken
    /// from its old place last. Whenever this is interrupted, the file still lies at one of the two, and
    /// doing it again gives the same.
    fn judged(
        &mut self,
        path: &Path,
        stamp: Stamp,
        mut written: Written,
        content: Content,
    ) -> Result<(), ResultsError> {
        let Some(decision) = written.verdict_mut().decision else { return Ok(()) };
        let placed = self.place(path, stamp, decision);
        note(&placed, written.verdict_mut());
        let (mut verdict, unwritten) = match self.results.record_whole(written) {
            Ok(recorded) => recorded,
            Err(error) => {
                placed.iter().flatten().for_each(Placed::withdraw);
                return Err(error);
            }
        };
        self.go_on();
        self.seen.add(&verdict.image, stamp, Some(content));
        match decision {
            Decision::Good => self.counts.good += 1,
            Decision::Review => self.counts.review += 1,
            Decision::Reject => self.counts.rejected += 1,
        }
        let is_placed = matches!(placed, Some(Ok(_)));
        let undelivered = self.finish(path, stamp, decision, placed);
        let noted = undelivered.filter(|_| is_placed).map_or(Ok(()), |error| {
            // This line replaces the one before.
            note(&Some(Err(error)), &mut verdict);
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
        let error_text = verdict.error.as_deref().unwrap_or_default();
        let is_known = self.seen.take_failure(&verdict.image, stamp, content, error_text);
        if !is_known {
            self.results.append(&verdict)?;
            self.go_on();
        }
        self.seen.add(&verdict.image, stamp, content);
        self.counts.failed += 1;
        (self.on_step)(&WatchStep::Failed(error));
        Ok(())
    }

    /// Moves or links a file that was judged before.
    pub(super) fn deliver(&mut self, path: &Path, stamp: Stamp, decision: Decision) {
        let placed = self.place(path, stamp, decision);
        self.finish(path, stamp, decision, placed);
    }

    /// Links or copies a file that is still the one that was judged to where it is delivered.
    fn place(&self, path: &Path, stamp: Stamp, decision: Decision) -> Option<io::Result<Placed>> {
        let delivery = self.watch.delivery.as_ref()?;
        (Stamp::of(path).ok() == Some(stamp)).then(|| delivery.place(path, decision))
    }

    /// Takes a file that is to be moved from its old place. Gives what went wrong with its delivery.
    fn finish(
        &mut self,
        path: &Path,
        stamp: Stamp,
        decision: Decision,
        placed: Option<io::Result<Placed>>,
    ) -> Option<io::Error> {
        let delivery = self.watch.delivery.as_ref()?;
        let finished = placed?.and_then(|placed| {
            let Delivery::Move(_) = delivery else { return Ok(()) };
            let removed = match Stamp::of(path) {
                Ok(now) if now == stamp => fs::remove_file(path),
                _ => Err(io::Error::other("it was changed after its verdict")),
            };
            removed.inspect_err(|_| placed.withdraw())
        });
        match finished {
            Err(error) => {
                (self.on_step)(&WatchStep::Undelivered(path, &error));
                return Some(error);
            }
            Ok(()) if matches!(delivery, Delivery::Move(_)) => self.seen.moved(&name_of(path), decision),
            Ok(()) => {}
        }
        None
    }
}

/// Writes into a verdict where its file is delivered, or why it is not.
fn note(placed: &Option<io::Result<Placed>>, verdict: &mut Verdict) {
    (verdict.moved_to, verdict.linked_to) = (None, None);
    match placed {
        None => {}
        Some(Ok(Placed { place, is_link: false, .. })) => verdict.moved_to = Some(name_of(place)),
        Some(Ok(Placed { place, .. })) => verdict.linked_to = Some(name_of(place)),
        Some(Err(error)) => verdict.errors.push(plain(&format!("not moved or linked: {error}"))),
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
