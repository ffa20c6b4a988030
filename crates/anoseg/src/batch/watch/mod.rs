//! A folder whose images are inspected as they appear.
//!
//! Events name files that are whole; a listing every second finds what events do not tell. A verdict's
//! line has the size and time of the file that it is on, and is the only note that it is done.

mod delivery;
mod events;
mod listing;
mod seen;
mod settle;
mod turn;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::{Limits, WriteError};
use anoseg_infer::{Error, ErrorKind, Model};

pub use delivery::Delivery;
pub(super) use seen::{Content, Stamp};

use super::names::name_of;
use super::{Results, ResultsError, Verdict, pipeline};
use events::Events;
use listing::{Listing, may_be_image};
use seen::Seen;
use turn::{ForWatch, Turn, WatchDesk};

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

/// Files whose turn it is at a time. Events are read between two times.
const AT_A_TIME: usize = 32;

/// Time after which results that could not be written are tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);

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
    /// Results cannot be written for this reason, such as a full disk. The images wait, and it is tried
    /// again.
    Held(&'a ResultsError),
    /// Results can be written again.
    GoesOn,
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

/// Why results cannot be written, and when they are tried again.
struct Held {
    error: ResultsError,
    next: Instant,
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
    /// The listing under way, and the time that it took so far.
    listing: Option<(Listing, Duration)>,
    /// Whether the last listing found more files than may wait ([`MOST_WAITING`]).
    left_out: bool,
    next_listing: Instant,
    missing: bool,
    held: Option<Held>,
}

/// Inspects the images of a folder and those below it as they appear, until `stop` says yes; it is
/// asked before each image, and every 50 ms. `results` should be resumed ones
/// ([`Results::resume`], JSON lines): each content of a file has one verdict across calls. A file whose
/// path, size and time of change are those of its verdict is not read again. A file is inspected once it
/// is closed after writing or renamed into place, or did not change for 200 ms, and can be decoded.
///
/// Where results cannot be written, because the disk is full or the folder is gone, the images wait, and
/// one of them is tried every 2 s.
///
/// # Errors
/// Results could not be written when it was stopped. What one file lacks is no error.
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
        left_out: false,
        next_listing: Instant::now(),
        missing: false,
        held: None,
    };
    let ended = watcher.run(stop);
    let counts = watcher.counts;
    let finished = results.finish(ended.is_ok());
    ended.and(finished).map(|()| counts)
}

impl Watcher<'_> {
    fn run(&mut self, stop: &dyn Fn() -> bool) -> Result<(), ResultsError> {
        while !stop() {
            self.read_events();
            self.list();
            self.reopen()?;
            let turns = self.take_turns();
            if !turns.is_empty() {
                self.inspect(&turns, stop)?;
            } else if self.listing.is_none() {
                self.events.wait(self.idle_time().min(ATTENTION));
            }
        }
        self.held.take().map_or(Ok(()), |held| Err(held.error))
    }

    /// The files whose turn it is, the longest due first. While results cannot be written, one file tells
    /// whether they can again.
    fn take_turns(&mut self) -> Vec<Turn> {
        let now = Instant::now();
        let most = match &self.held {
            Some(held) if held.next > now => return Vec::new(),
            Some(_) => 1,
            None => AT_A_TIME,
        };
        let mut due: Vec<(Instant, &PathBuf)> =
            self.waiting.iter().map(|(path, file)| (file.due, path)).filter(|(due, _)| *due <= now).collect();
        due.sort_unstable();
        let paths: Vec<PathBuf> = due.into_iter().take(most).map(|(_, path)| path.clone()).collect();
        paths.into_iter().filter_map(|path| self.take_turn(path)).collect()
    }

    fn take_turn(&mut self, path: PathBuf) -> Option<Turn> {
        let Waiting { stamp, changed, .. } = self.waiting.remove(&path)?;
        let former = self.seen.former(&name_of(&path), stamp);
        Some(Turn { path, stamp, changed, former })
    }

    /// Until there may be something to do, unless an event comes.
    fn idle_time(&self) -> Duration {
        let due = match &self.held {
            Some(held) => Some(held.next),
            None => self.waiting.values().map(|file| file.due).min(),
        };
        let next = due.map_or(self.next_listing, |due| due.min(self.next_listing));
        next.saturating_duration_since(Instant::now())
    }

    /// Inspects files, those that are whole. What cannot be written down waits on.
    fn inspect(&mut self, turns: &[Turn], stop: &dyn Fn() -> bool) -> Result<(), ResultsError> {
        let work = ForWatch { model: self.model, limits: &self.watch.limits, turns };
        let mut desk = WatchDesk { watcher: self, turns, stop, settled: 0, error: None };
        pipeline::run(turns.len(), &work, &mut desk);
        let WatchDesk { settled, error, .. } = desk;
        for turn in &turns[settled..] {
            if !self.seen.is_done(&name_of(&turn.path), turn.stamp) {
                let file = Waiting { stamp: turn.stamp, changed: turn.changed, due: Instant::now() };
                self.waiting.entry(turn.path.clone()).or_insert(file);
            }
        }
        match error {
            Some(error) => self.hold(error),
            None => Ok(()),
        }
    }

    /// Takes note that results cannot be written, and tells it once. Other faults end the watch.
    fn hold(&mut self, error: ResultsError) -> Result<(), ResultsError> {
        if error.kind() != ErrorKind::Environment {
            return Err(error);
        }
        if self.held.is_none() {
            (self.on_step)(&WatchStep::Held(&error));
        }
        self.held = Some(Held { error, next: Instant::now() + TRY_AGAIN });
        Ok(())
    }

    /// Results can be written again.
    fn go_on(&mut self) {
        if self.held.take().is_some() {
            (self.on_step)(&WatchStep::GoesOn);
        }
    }

    /// Goes on in a folder of results that was replaced, as after a restart: its verdicts alone tell which
    /// files are done.
    fn reopen(&mut self) -> Result<(), ResultsError> {
        let is_time = self.held.as_ref().is_some_and(|held| held.next <= Instant::now());
        if !is_time || self.results.require_in_place().is_ok() {
            return Ok(());
        }
        if let Err(error) = self.results.reopen() {
            return self.hold(error);
        }
        self.seen = Seen::of(self.results.take_known());
        self.waiting.clear();
        (self.listing, self.next_listing) = (None, Instant::now());
        self.go_on();
        Ok(())
    }

    fn read_events(&mut self) {
        // What is not read stays with the system, which tells when it drops events.
        if self.waiting.len() >= MOST_WAITING {
            return;
        }
        let news = self.events.read();
        if news.list_again {
            self.listing = None;
            self.next_listing = Instant::now();
        }
        news.whole.iter().for_each(|path| self.consider(path, Duration::ZERO));
    }

    /// Goes on with the listing under way, or begins one that is due.
    fn list(&mut self) {
        let now = Instant::now();
        if self.listing.is_none() && now >= self.next_listing {
            self.seen.begin_round();
            // The folder may not exist at first.
            let excluded = self.watch.delivery.as_ref().and_then(|d| fs::canonicalize(d.folder()).ok());
            self.listing = Some((Listing::of(&self.watch.folder, excluded), Duration::ZERO));
            self.left_out = false;
            self.is_there();
        }
        let Some((mut listing, spent)) = self.listing.take() else { return };
        for _ in 0..ENTRIES_AT_A_TIME {
            match listing.next(&mut |folder| self.events.watch(folder)) {
                Some(path) => self.consider(&path, SETTLE),
                None => {
                    // An empty folder may be a share that is not mounted.
                    if listing.complete && listing.files > 0 {
                        self.seen.end_round();
                    }
                    self.next_listing = Instant::now() + self.time_to_next_listing(spent + now.elapsed());
                    return;
                }
            }
        }
        self.listing = Some((listing, spent + now.elapsed()));
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
    fn consider(&mut self, path: &Path, after: Duration) {
        let Some(stamp) = may_be_image(path).then(|| Stamp::of(path).ok()).flatten() else {
            self.waiting.remove(path);
            return;
        };
        let (image, now) = (name_of(path), Instant::now());
        if self.seen.is_done(&image, stamp) {
            self.waiting.remove(path);
            if let Some(decision) = self.seen.take_decision(&image) {
                self.deliver(path, stamp, decision);
            }
            return;
        }
        let has_room = self.waiting.len() < MOST_WAITING;
        match self.waiting.get_mut(path) {
            Some(file) if file.stamp == stamp && after > Duration::ZERO => {}
            Some(file) => *file = Waiting { stamp, changed: now, due: now + after },
            None if has_room || after.is_zero() => {
                self.waiting.insert(path.to_owned(), Waiting { stamp, changed: now, due: now + after });
            }
            None => self.left_out = true,
        }
    }

    /// The time until the next listing, after one that took `spent`.
    fn time_to_next_listing(&self, spent: Duration) -> Duration {
        // The files beyond the most that may wait are found by a listing alone.
        let soon = self.left_out && self.held.is_none();
        if soon { ATTENTION } else { LISTING_EVERY.max(10 * spent) }
    }
}
