//! What is written down of one image.

use std::path::Path;

use anoseg_image::{Region, write};
use anoseg_infer::{Decision, InspectionWarning};
use serde::{Deserialize, Serialize};

use super::Inspected;
use super::names::{name_of, plain};
use super::rle::{self, Rle};

/// The version of the records' layout. Fields are added without a new version.
pub const SCHEMA: u32 = 1;

/// The verdict on one image, or why there is none. A line of `verdicts.jsonl`; every line has all
/// fields but `size`, `modified`, `file_digest`, `moved_to` and `linked_to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The image's file as it was named, [`display_name`](anoseg_image::dataset::display_name).
    pub image: String,
    /// The image's width in pixels; None if it could not be read.
    pub width: Option<usize>,
    /// The image's height in pixels; None if it could not be read.
    pub height: Option<usize>,
    /// How anomalous the image is, 0..=1; None if it was not judged.
    pub score: Option<f32>,
    /// Good, review or reject; None if the image was not judged.
    pub decision: Option<Decision>,
    /// Anomalous regions, the highest peak first.
    pub regions: Vec<RegionRecord>,
    /// What makes the verdict doubtful.
    pub warnings: Vec<WarningRecord>,
    /// The files that were written for this image, relative to the folder of the verdicts.
    pub files: FileNames,
    /// Why files that were asked for could not be written.
    pub errors: Vec<String>,
    /// Why the image was not judged; None if it was.
    pub error: Option<String>,
    /// [`Model::digest`](anoseg_infer::Model::digest) of the model; empty in lines of earlier versions.
    #[serde(default)]
    pub model_digest: String,
    /// Bytes of the image's file; only of a watched folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When the image's file was last changed, in nanoseconds since 1970; only of a watched folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// BLAKE3 of the image's file, its first 128 bits as 32 hexadecimal digits; only of a watched folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<String>,
    /// Where the image's file was moved to; only of a watched folder whose files are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The link to the image's file; only of a watched folder whose files are linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_to: Option<String>,
    /// [`SCHEMA`].
    pub schema: u32,
}

impl Verdict {
    /// The verdict on an inspected image, without files and the model's digest; with the regions' pixels if `pixels`.
    pub fn of(inspected: &Inspected, pixels: bool) -> Self {
        let result = &inspected.inspection;
        let record = |region: &Region| RegionRecord {
            segmentation: pixels.then(|| rle::encode(region, &result.mask)),
            ..region.into()
        };
        Self {
            width: Some(inspected.image.width()),
            height: Some(inspected.image.height()),
            score: Some(result.score),
            decision: Some(result.decision),
            regions: result.regions.iter().map(record).collect(),
            warnings: inspected.warnings(),
            ..Self::unjudged(name_of(&inspected.path))
        }
    }

    /// The entry of an image that could not be judged, without the model's digest.
    pub fn failed(path: &Path, error: &dyn std::fmt::Display) -> Self {
        Self { error: Some(plain(&error.to_string())), ..Self::unjudged(name_of(path)) }
    }

    /// The entry of an image of this name, of which nothing is said.
    pub fn unjudged(image: String) -> Self {
        Self {
            image,
            width: None,
            height: None,
            score: None,
            decision: None,
            regions: Vec::new(),
            warnings: Vec::new(),
            files: FileNames::default(),
            errors: Vec::new(),
            error: None,
            model_digest: String::new(),
            size: None,
            modified: None,
            file_digest: None,
            moved_to: None,
            linked_to: None,
            schema: SCHEMA,
        }
    }
}

/// The result files of an image; None for one that was not asked for or could not be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNames {
    /// The image with its anomalous regions.
    pub overlay: Option<String>,
    /// The mask of anomalous pixels.
    pub mask: Option<String>,
    /// The anomaly map.
    pub map: Option<String>,
}

impl FileNames {
    /// The names that there are.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        [&self.overlay, &self.mask, &self.map].into_iter().flatten().map(String::as_str)
    }

    /// Takes out the names of files that are gone, or that somebody replaced.
    pub(super) fn keep_results(&mut self, folder: &Path) {
        for name in [&mut self.overlay, &mut self.mask, &mut self.map] {
            name.take_if(|name| !write::is_result(&folder.join(name)));
        }
    }
}

/// A remark on an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningRecord {
    /// A name that stays the same, such as `other_shape`.
    pub code: String,
    /// The remark in words.
    pub message: String,
}

impl From<&InspectionWarning> for WarningRecord {
    fn from(warning: &InspectionWarning) -> Self {
        Self { code: warning.code().to_owned(), message: warning.to_string() }
    }
}

/// A region as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionRecord {
    /// `[x, y, width, height]` in pixels.
    #[serde(rename = "box")]
    pub bounds: [usize; 4],
    /// Pixels of the region.
    pub area: usize,
    /// Highest value of the map inside, 0..=1.
    pub peak: f32,
    /// `[x, y]` of the first pixel with that value.
    pub peak_at: [usize; 2],
    /// The region's pixels, where the format has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<Rle>,
}

impl From<&Region> for RegionRecord {
    fn from(region: &Region) -> Self {
        Self {
            bounds: [region.x, region.y, region.width, region.height],
            area: region.area,
            peak: region.peak,
            peak_at: [region.peak_x, region.peak_y],
            segmentation: None,
        }
    }
}
