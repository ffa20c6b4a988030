//! Judging new pictures.

mod table;

use std::path::{Path, PathBuf};

use anoseg_image::{AnomalyMap, Image, Limits, Mask, Region, decode};
use serde::{Deserialize, Serialize};

pub use table::{Format, VerdictWriter};

use crate::Result;
use crate::calibrate::Decision;
use crate::model::Model;

/// What the model says about one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The picture's file.
    pub path: PathBuf,
    /// The picture's width in pixels.
    pub width: usize,
    /// The picture's height in pixels.
    pub height: usize,
    /// How anomalous the picture is, 0..=1.
    pub score: f32,
    /// What to do with the part.
    pub decision: Decision,
    /// Connected places above the pixel threshold that the region filter keeps, the most anomalous first.
    pub regions: Vec<Region>,
}

/// A verdict with the pictures it was drawn from.
pub struct Prediction {
    /// The verdict.
    pub verdict: Verdict,
    /// The picture as read.
    pub image: Image,
    /// The anomaly map, of the picture's size.
    pub map: AnomalyMap,
    /// Pixels of those places.
    pub mask: Mask,
}

/// Reads a picture and judges it.
///
/// # Errors
/// The picture cannot be read, or the model is not calibrated.
pub fn predict(model: &Model, path: &Path) -> Result<Prediction> {
    let calibration = model.calibration()?;
    let image = decode::load(path, &Limits::default())?;
    let analysis = model.analyse(&image)?;
    let (mask, mut found) = calibration.marks(&analysis.map);
    found.sort_by(|a, b| b.peak.total_cmp(&a.peak).then(b.area.cmp(&a.area)));
    let verdict = Verdict {
        path: path.to_owned(),
        width: image.width(),
        height: image.height(),
        score: analysis.score,
        decision: calibration.decide(analysis.score),
        regions: found,
    };
    Ok(Prediction { verdict, image, map: analysis.map, mask })
}

/// A region as it is written: box `[x, y, width, height]` in pixels, area in pixels, highest map value.
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
