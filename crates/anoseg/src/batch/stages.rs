//! An image on its way to its line.

use std::path::PathBuf;

use anoseg_image::WriteError;
use anoseg_infer::{Decision, RegionOfInterest};

use super::names::plain;
use super::{ImageFiles, Inspected, ResultsError, Verdict};

/// An image that is to be inspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The image's file.
    pub path: PathBuf,
    /// The stem of its result files.
    pub(super) stem: String,
}

/// The images of a batch, as [`Results::plan`](super::Results::plan) sorts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Images to inspect.
    pub tasks: Vec<Task>,
    /// Decisions on the others, by an earlier run.
    pub earlier: Vec<Decision>,
}

/// An image whose files have names and are not written yet.
pub(super) struct Unwritten {
    pub(super) verdict: Verdict,
    pub(super) inspected: Inspected,
    pub(super) files: ImageFiles,
    pub(super) folder: PathBuf,
    pub(super) region: Option<RegionOfInterest>,
}

/// An image whose files are written, and whose verdict is not.
pub(super) struct Written {
    pub(super) verdict: Verdict,
    /// Why files could not be written.
    pub(super) errors: Vec<WriteError>,
}

/// An image whose verdict is written.
pub(super) struct Recorded {
    pub(super) verdict: Verdict,
    /// Files of it that could not be written, and why.
    pub(super) unwritten: Vec<WriteError>,
    /// Why no further image can be written.
    pub(super) stop: Option<ResultsError>,
}

impl Written {
    /// What is to be written down.
    pub(super) fn verdict_mut(&mut self) -> &mut Verdict {
        &mut self.verdict
    }
}

impl Unwritten {
    /// Writes the files. Those that cannot be written are in the verdict's errors.
    pub(super) fn write(self) -> Written {
        let Self { mut verdict, inspected, files, folder, region } = self;
        let errors = files.write(&folder, &mut verdict.files, inspected, region.as_ref());
        verdict.errors = errors.iter().map(|error| plain(&error.to_string())).collect();
        Written { verdict, errors }
    }
}
