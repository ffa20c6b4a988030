//! Folders of images to verdicts, masks and maps.
//!
//! [`inspect_files`] reads images, inspects them and hands each result to [`Sink`]s. A file that
//! cannot be read does not stop the batch.

mod files;
mod verdicts;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anoseg_image::{Image, Limits, Region, decode};
use anoseg_infer::{Decision, Error, Inspection, Model, Result};
use serde::{Deserialize, Serialize};

pub use files::ImageFiles;
pub use verdicts::{Format, VerdictWriter};

/// The verdict on one image, without its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The image's file.
    pub path: PathBuf,
    /// The image's width in pixels.
    pub width: usize,
    /// The image's height in pixels.
    pub height: usize,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// Accept, review or reject.
    pub decision: Decision,
    /// Anomalous regions, the highest peak first.
    pub regions: Vec<Region>,
}

/// An inspected image with everything that sinks may want.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The image's file.
    pub path: PathBuf,
    /// The image, on the model's value scale.
    pub image: Image,
    /// The model's result.
    pub inspection: Inspection,
}

impl Inspected {
    /// The verdict without pixels.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            path: self.path.clone(),
            width: self.image.width(),
            height: self.image.height(),
            score: self.inspection.score,
            decision: self.inspection.decision,
            regions: self.inspection.regions.clone(),
        }
    }
}

/// Takes the results of a batch.
pub trait Sink {
    /// Takes the result of one image.
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
    /// Images that could not be read, judged or written, and why.
    pub failures: Vec<Error>,
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

/// Inspects image files one by one, each within `limits`, and hands each result to all `sinks`.
/// `on_failure` is called with each failure as it happens.
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
    let mut summary = Summary::default();
    for path in paths {
        match inspect_file(model, path, limits).and_then(|inspected| {
            sinks.iter_mut().try_for_each(|sink| sink.take(&inspected))?;
            Ok(inspected.inspection.decision)
        }) {
            Ok(decision) => summary.count(decision),
            Err(error) => {
                on_failure(&error);
                summary.failures.push(error);
            }
        }
    }
    Ok(summary)
}

/// Reads an image and inspects it.
///
/// # Errors
/// The image cannot be read or exceeds the limits, or the model is not calibrated.
pub fn inspect_file(model: &Model, path: &Path, limits: &Limits) -> Result<Inspected> {
    let image = decode::load(path, limits)?;
    let inspection = model.inspect(&image)?;
    let scaled = match model.scaled(&image) {
        Cow::Owned(scaled) => Some(scaled),
        Cow::Borrowed(_) => None,
    };
    Ok(Inspected { path: path.to_owned(), image: scaled.unwrap_or(image), inspection })
}

/// A region as it is written: box `[x, y, width, height]` in pixels, area in pixels, highest map
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionRecord {
    /// `[x, y, width, height]`.
    #[serde(rename = "box")]
    pub bounds: [usize; 4],
    /// Pixels above the threshold.
    pub area: usize,
    /// Highest value of the map inside.
    pub peak: f32,
}

impl From<&Region> for RegionRecord {
    fn from(region: &Region) -> Self {
        Self {
            bounds: [region.x, region.y, region.width, region.height],
            area: region.area,
            peak: region.peak,
        }
    }
}
