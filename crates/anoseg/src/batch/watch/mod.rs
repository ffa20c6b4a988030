//! A folder whose images are inspected as they appear.
//!
//! Events name files that are whole; a listing every second finds what events do not tell. A verdict's
//! line has the size and time of the file that it is on, and is the only note that it is done.

mod delivery;
mod events;
mod listing;
mod seen;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::dataset::is_image_to_inspect;
use anoseg_image::{Limits, WriteError};
use anoseg_infer::{Decision, Error, Model};

pub use delivery::Delivery;
pub(super) use seen::Stamp;

use super::names::{name_of, plain};
use super::results::Recorded;
use super::{Inspected, Results, ResultsError, Verdict, inspect_file};
use events::Events;
use listing::{Listing, may_be_image};
use seen::Seen;

/// A file that was not changed for this long may be whole, where no event says so.
const SETTLE: Duration = Duration::from_millis(200);

/// A file that cannot be decoded and was not changed for this long has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between listings; more where a listing takes long.
const LISTING_EVERY: Duration = Duration::from_secs(1);

/// Time after which the wish to stop is asked for again.
const ATTENTION: Duration = Duration::from_millis(50);

/// Files that wait at a time. Listings find the others later.
const MOST_WAITING: usize = 1024;

/// Entries of a listing between two looks at the events.
const ENTRIES_AT_A_TIME: usize = 64;

/// What is watched, and what becomes of the files.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The folder. It need not exist yet.
    pub folder: PathBuf,
    /// Limits of each image.
    pub limits: Limits,
    /// Where files go after their verdict; None: they stay.
    pub delivery: Option<Delivery>,
}

/// What happens in [`watch_into`].
#[derive(Debug)]
pub enum WatchStep<'a> {
    /// An image was judged; files of it could not be written for these reasons.
    Judged(&'a Verdict, &'a [WriteError]),
    /// A file could not be judged, and was not changed for 5 s.
    Failed(&'a Error),
    /// A file could not be moved or linked.
    Undelivered(&'a Path, &'a io::Error),
    /// The folder is not there, or cannot be listed; it is waited for.
    FolderMissing,
    /// The folder is there again.
    FolderBack,
}

/// Counts of [`watch_into`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Images judged good.
    pub good: usize,
    /// Images to review.
    pub review: usize,
    /// Images rejected.
    pub rejected: usize,
    /// Files that could not be judged.
    pub failed: usize,
}

/// A file that is not done.
struct Waiting {
    stamp: Stamp,
    changed: Instant,
    due: Instant,
}

struct Watcher<'a> {
    results: &'a mut Results,
    model: &'a Model,
    watch: &'a Watch,
    on_step: &'a mut dyn FnMut(&WatchStep<'_>),
    counts: Watched,
    seen: Seen,
    waiting: HashMap<PathBuf, Waiting>,
    events: Events,
    listing: Option<(Listing, Instant)>,
    next_listing: Instant,
    missing: bool,
}

/// Inspects the images of a folder and those below it as they appear, until `stop` says yes; it is
/// asked before each image, and every 50 ms. `results` should be resumed ones
/// ([`Results::resume`], JSON lines): each state of a file, told by path, size and time of change,
/// has one verdict across calls. A file is inspected once it is closed after writing or renamed into
/// place, or did not change for 200 ms, and can be decoded.
///
/// # Errors
/// Results cannot be written, for example because the disk is full. What one file lacks is no error.
///
/// # Examples
/// ```no_run
/// use anoseg::batch::{Format, ImageFiles, Results, Watch, watch_into};
/// use anoseg::prelude::*;
///
/// let model = Model::load("part.anoseg".as_ref())?;
/// let results = Results::resume("results".as_ref(), Format::Jsonl, ImageFiles::default(), &model)?;
/// let watch = Watch { folder: "camera".into(), limits: Limits::default(), delivery: None };
/// let counts = watch_into(results, &model, &watch, &|| false, &mut |_| {})?;
/// println!("{} rejected", counts.rejected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn watch_into(
    mut results: Results,
    model: &Model,
    watch: &Watch,
    stop: &dyn Fn() -> bool,
    on_step: &mut dyn FnMut(&WatchStep<'_>),
) -> Result<Watched, ResultsError> {
    let seen = Seen::of(results.take_known());
    let mut watcher = Watcher {
        results: &mut results,
        model,
        watch,
        on_step,
        counts: Watched::default(),
        seen,
        waiting: HashMap::new(),
        events: Events::new(),
        listing: None,
        next_listing: Instant::now(),
        missing: false,
    };
    let ended = watcher.run(stop);
    let counts = watcher.counts;
    let finished = results.finish(ended.is_ok());
    ended.and(finished).map(|()| counts)
}

impl Watcher<'_> {
    fn run(&mut self, stop: &dyn Fn() -> bool) -> Result<(), ResultsError> {
        while !stop() {
            self.read_events()?;
            self.list()?;
            let now = Instant::now();
            let next = self.waiting.iter().min_by_key(|(_, file)| file.due);
            match next.map(|(path, file)| (path.clone(), file.due)) {
                Some((path, due)) if due <= now => self.attempt(&path)?,
                _ if self.listing.is_some() => {}
                next => {
                    let due = next.map_or(self.next_listing, |(_, due)| due.min(self.next_listing));
                    self.events.wait(due.saturating_duration_since(now).min(ATTENTION));
                }
            }
        }
        Ok(())
    }

    fn read_events(&mut self) -> Result<(), ResultsError> {
        // What is not read stays with the system, which tells when it drops events.
        if self.waiting.len() >= MOST_WAITING {
            return Ok(());
        }
        let news = self.events.read();
        if news.list_again {
            self.listing = None;
            self.next_listing = Instant::now();
        }
        news.whole.iter().try_for_each(|path| self.consider(path, Duration::ZERO))
    }

    /// Goes on with the listing under way, or begins one that is due.
    fn list(&mut self) -> Result<(), ResultsError> {
        let now = Instant::now();
        if self.listing.is_none() && now >= self.next_listing {
            self.seen.begin_round();
            // The folder may not exist at first.
            let excluded = self.watch.delivery.as_ref().and_then(|d| fs::canonicalize(d.folder()).ok());
            self.listing = Some((Listing::of(&self.watch.folder, excluded), now));
            self.is_there();
        }
        let Some((mut listing, begun)) = self.listing.take() else { return Ok(()) };
        for _ in 0..ENTRIES_AT_A_TIME {
            match listing.next(&mut |folder| self.events.watch(folder)) {
                Some(path) => self.consider(&path, SETTLE)?,
                None => {
                    // An empty folder may be a share that is not mounted.
                    if listing.complete && listing.files > 0 {
                        self.seen.end_round();
                    }
                    self.next_listing = Instant::now() + LISTING_EVERY.max(10 * begun.elapsed());
                    return Ok(());
                }
            }
        }
        self.listing = Some((listing, begun));
        Ok(())
    }

    /// Tells once that the folder is missing, and that it is back.
    fn is_there(&mut self) {
        let missing = fs::read_dir(&self.watch.folder).is_err();
        if missing != self.missing {
            self.missing = missing;
            (self.on_step)(&if missing { WatchStep::FolderMissing } else { WatchStep::FolderBack });
        }
    }

    /// Takes note of a file, which is to be inspected after this time unless it changes.
    fn consider(&mut self, path: &Path, after: Duration) -> Result<(), ResultsError> {
        let Some(stamp) = may_be_image(path).then(|| Stamp::of(path).ok()).flatten() else {
            self.waiting.remove(path);
            return Ok(());
        };
        let (image, now) = (name_of(path), Instant::now());
        if self.seen.is_done(&image, stamp) {
            self.waiting.remove(path);
            if let Some(decision) = self.seen.take_decision(&image) {
                self.deliver(path, stamp, decision);
            }
            return Ok(());
        }
        let has_room = self.waiting.len() < MOST_WAITING;
        match self.waiting.get_mut(path) {
            Some(file) if file.stamp == stamp && after > Duration::ZERO => {}
            Some(file) => *file = Waiting { stamp, changed: now, due: now + after },
            None if has_room || after.is_zero() => {
                self.waiting.insert(path.to_owned(), Waiting { stamp, changed: now, due: now + after });
            }
            None => {}
        }
        Ok(())
    }

    /// Inspects a file, if it is whole.
    fn attempt(&mut self, path: &Path) -> Result<(), ResultsError> {
        let Some(Waiting { stamp, changed, .. }) = self.waiting.remove(path) else { return Ok(()) };
        if Stamp::of(path).ok() != Some(stamp) {
            return self.consider(path, SETTLE);
        }
        if !is_image_to_inspect(path) {
            self.seen.add(&name_of(path), stamp);
            return Ok(());
        }
        let inspected = inspect_file(self.model, path, &self.watch.limits);
        if Stamp::of(path).ok() != Some(stamp) {
            return self.consider(path, SETTLE);
        }
        match inspected {
            Ok(inspected) => self.judged(path, stamp, inspected),
            Err(error) if changed.elapsed() >= PATIENCE => self.failed(path, stamp, &error),
            Err(_) => {
                let due = changed + PATIENCE;
                self.waiting.insert(path.to_owned(), Waiting { stamp, changed, due });
                Ok(())
            }
        }
    }

    fn judged(&mut self, path: &Path, stamp: Stamp, inspected: Inspected) -> Result<(), ResultsError> {
        let decision = inspected.inspection.decision;
        let verdict = stamp.on(Verdict::of(&inspected, false));
        let stem = stem_of(&verdict);
        let written = self.results.place_alone(&stem, verdict, inspected).write();
        let Recorded { mut verdict, unwritten, stop } = self.results.record(written)?;
        stop.map_or(Ok(()), Err)?;
        self.seen.add(&verdict.image, stamp);
        match decision {
            Decision::Good => self.counts.good += 1,
            Decision::Review => self.counts.review += 1,
            Decision::Reject => self.counts.rejected += 1,
        }
        if let Some(error) = self.deliver(path, stamp, decision) {
            // This line replaces the one before.
            verdict.errors.push(plain(&format!("not moved or linked: {error}")));
            self.results.append(&verdict)?;
        }
        (self.on_step)(&WatchStep::Judged(&verdict, &unwritten));
        Ok(())
    }

    fn failed(&mut self, path: &Path, stamp: Stamp, error: &Error) -> Result<(), ResultsError> {
        let verdict = self.results.signed(stamp.on(Verdict::failed(path, error)));
        self.results.append(&verdict)?;
        self.seen.add(&verdict.image, stamp);
        self.counts.failed += 1;
        (self.on_step)(&WatchStep::Failed(error));
        Ok(())
    }

    /// Moves or links a file that is still the one that was judged. Gives what went wrong.
    fn deliver(&mut self, path: &Path, stamp: Stamp, decision: Decision) -> Option<io::Error> {
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
fn stem_of(verdict: &Verdict) -> PathBuf {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (&verdict.image, verdict.size, verdict.modified).hash(&mut hasher);
    let stem = Path::new(&verdict.image).file_stem().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{stem}-{:016x}.x", hasher.finish()))
}
