//! Folders of images to verdicts, masks and maps.
//!
//! [`inspect_files`] reads images, inspects them and hands each result to [`Sink`]s.
//! [`inspect_into`] writes [`Results`] into a folder, from which a later call can go on. A file that
//! cannot be read does not stop a batch.

mod coco;
mod csv;
mod error;
mod files;
mod format;
mod journal;
mod judge;
mod merge;
mod names;
mod pipeline;
mod polygons;
mod results;
mod rle;
mod run;
mod shard;
mod stages;
mod tree;
mod verdict;
mod watch;
mod work;

use std::path::{Path, PathBuf};

use anoseg_image::dataset::Found;
use anoseg_image::{DatasetError, Decoded, Image, Limits, WriteError};
use anoseg_infer::{Decision, Error, Inspection, Model, Result};

pub use coco::CocoSegmentation;
pub use error::ResultsError;
pub use files::{ImageFiles, MapFormat};
pub use format::Format;
pub use judge::{ImageSource, JudgeFailure, judge};
pub use merge::{MergeError, MergeOptions, Merged, merge};
pub use results::Results;
pub use rle::Rle;
pub use shard::{Counts, Part, Shard};
pub use stages::{Plan, Task};
pub use verdict::{FileNames, RegionRecord, SCHEMA, Verdict, WarningRecord};
pub use watch::{Delivery, Watch, WatchStep, Watched, watch_into};

use work::{Folder, ForResults, ForSinks, Sinks};

/// An inspected image with everything that sinks may want.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The image's file.
    pub path: PathBuf,
    /// The image, on the model's value scale.
    pub image: Image,
    /// Further images in the file that were not inspected.
    pub further_pages: usize,
    /// The model's result.
    pub inspection: Inspection,
}

impl Inspected {
    /// What makes the result doubtful, the file's further images included.
    pub fn warnings(&self) -> Vec<WarningRecord> {
        let further = (self.further_pages > 0).then(|| WarningRecord {
            code: "further_pages".to_owned(),
            message: format!(
                "only the first of the {} images in the file was inspected",
                self.further_pages + 1
            ),
        });
        self.inspection.warnings.iter().map(WarningRecord::from).chain(further).collect()
    }
}

/// Takes the results of a batch.
pub trait Sink {
    /// Takes the result of one image. The images come in the order of their files.
    ///
    /// # Errors
    /// It cannot be written; the image then counts as failed.
    fn take(&mut self, inspected: &Inspected) -> Result<()>;
}

impl<F: FnMut(&Inspected) -> Result<()>> Sink for F {
    fn take(&mut self, inspected: &Inspected) -> Result<()> {
        self(inspected)
    }
}

/// Counts of a batch.
#[derive(Debug, Default)]
pub struct Summary {
    /// Images judged good.
    pub good: usize,
    /// Images to review.
    pub review: usize,
    /// Images rejected.
    pub rejected: usize,
    /// Images that could not be read or judged, and why.
    pub failures: Vec<Error>,
    /// Files of judged images that could not be written, and why.
    pub unwritten: Vec<WriteError>,
    /// Whether and why images were not looked at.
    pub end: End,
}

/// How a batch ended.
#[derive(Debug, Default)]
pub enum End {
    /// After the last image.
    #[default]
    Complete,
    /// Before, as the caller wished.
    Stopped,
    /// Before, because nothing more could be written.
    Failed(ResultsError),
}

impl Summary {
    /// Images that were judged.
    pub fn judged(&self) -> usize {
        self.good + self.review + self.rejected
    }

    fn count(&mut self, decision: Decision) {
        match decision {
            Decision::Good => self.good += 1,
            Decision::Review => self.review += 1,
            Decision::Reject => self.rejected += 1,
        }
    }
}

/// Inspects image files, each within `limits`, and hands each result to all `sinks` in the order of the
/// files. `on_failure` is called with each failure. Both happen on this thread, while other threads read
/// and inspect the images that follow. Called on a thread of a rayon pool, it takes one image at a time.
///
/// # Errors
/// The model is not calibrated.
///
/// # Examples
/// ```no_run
/// use anoseg::batch::{Inspected, inspect_files};
/// use anoseg::prelude::*;
///
/// let model = Model::load("part.anoseg".as_ref())?;
/// let paths = anoseg::dataset::find_images(&["new-images".into()]).images;
/// let mut print = |inspected: &Inspected| {
///     println!("{}: {:?}", inspected.path.display(), inspected.inspection.decision);
///     Ok(())
/// };
/// let mut complain = |error: &_| eprintln!("{error}");
/// let summary = inspect_files(&model, &paths, &Limits::default(), &mut [&mut print], &mut complain)?;
/// println!("{} rejected", summary.rejected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect_files(
    model: &Model,
    paths: &[PathBuf],
    limits: &Limits,
    sinks: &mut [&mut dyn Sink],
    on_failure: &mut dyn FnMut(&Error),
) -> Result<Summary> {
    model.calibration()?;
    let mut desk = Sinks { sinks, on_failure, summary: Summary::default() };
    pipeline::run(paths.len(), &ForSinks { model, paths, limits }, &mut desk);
    Ok(desk.summary)
}

/// Reads an image and inspects it.
///
/// # Errors
/// The image cannot be read or exceeds the limits, or the model is not calibrated.
pub fn inspect_file(model: &Model, path: &Path, limits: &Limits) -> Result<Inspected> {
    inspected(model, path, Decoded::load(path, limits)?)
}

/// As [`inspect_file`], for a file that is already in memory. Errors name it `name`.
///
/// # Errors
/// As for [`inspect_file`].
pub fn inspect_bytes(model: &Model, bytes: &[u8], name: &Path, limits: &Limits) -> Result<Inspected> {
    inspected(model, name, Decoded::from_bytes(bytes, name, limits)?)
}

fn inspected(model: &Model, path: &Path, decoded: Decoded) -> Result<Inspected> {
    let Decoded { image, further_pages, .. } = decoded;
    let inspection = model.inspect(&image)?;
    let image = model.into_scaled(image);
    Ok(Inspected { path: path.to_owned(), image, further_pages, inspection })
}

/// Files that were found and get a line without being looked at, and why: images of other formats, and inputs that do
/// not exist. In the order of their lines, which come before those of the images.
pub fn lines_of_left_out(found: &Found) -> Vec<(PathBuf, String)> {
    let losses =
        found.left_out.iter().filter(|item| item.is_loss()).map(|item| (item.path.clone(), item.message()));
    let missing = found.failures.iter().filter_map(|failure| match failure {
        DatasetError::Missing { path } => Some((path.clone(), failure.to_string())),
        _ => None,
    });
    losses.chain(missing).collect()
}

/// What happens to an image of [`inspect_into`].
#[derive(Debug)]
pub enum Step<'a> {
    /// It was judged; files of it could not be written for these reasons.
    Judged(&'a Verdict, &'a [WriteError]),
    /// It could not be judged.
    Failed(&'a Error),
}

/// Inspects image files, each within `limits`, and writes every result in the order of the files.
/// Images that `results` already has a verdict on are counted and not inspected. `stop` is asked
/// before each image, and those under way are finished; `on_step` is called after the verdict is
/// written. Several images are under way at a time, unless this is called on a thread of a rayon pool.
///
/// # Errors
/// The end of the results cannot be written. What happens before is in the summary.
///
/// # Examples
/// ```no_run
/// use anoseg::batch::{Format, ImageFiles, Results, inspect_into};
/// use anoseg::prelude::*;
///
/// let model = Model::load("part.anoseg".as_ref())?;
/// let paths = anoseg::dataset::find_images(&["new-images".into()]).images;
/// let files = ImageFiles::default().mask();
/// let results = Results::create("results".as_ref(), Format::Jsonl, files, &model)?;
/// let summary = inspect_into(results, &model, &paths, &Limits::default(), &|| false, &mut |_| {})?;
/// println!("{} rejected", summary.rejected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect_into(
    mut results: Results,
    model: &Model,
    paths: &[PathBuf],
    limits: &Limits,
    stop: &dyn Fn() -> bool,
    on_step: &mut dyn FnMut(&Step<'_>),
) -> Result<Summary, ResultsError> {
    let Plan { tasks, earlier } = results.plan(paths);
    let mut summary = Summary::default();
    earlier.into_iter().for_each(|decision| summary.count(decision));
    inspect_tasks(&mut results, model, &tasks, limits, stop, on_step, &mut summary);
    let ended = results.finish(matches!(summary.end, End::Complete));
    // What made it fail makes the ending fail as well, and is the reason to report.
    if !matches!(summary.end, End::Failed(_)) {
        ended?;
    }
    Ok(summary)
}

/// Inspects the images of these tasks, writes every result, and counts them in `summary`.
fn inspect_tasks(
    results: &mut Results,
    model: &Model,
    tasks: &[Task],
    limits: &Limits,
    stop: &dyn Fn() -> bool,
    on_step: &mut dyn FnMut(&Step<'_>),
    summary: &mut Summary,
) {
    let work = ForResults { model, tasks, limits, pixels: results.has_pixels() };
    pipeline::run(tasks.len(), &work, &mut Folder { results, tasks, stop, on_step, summary });
}
