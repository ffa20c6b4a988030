//! What is written down of one inspection.

use std::time::{SystemTime, UNIX_EPOCH};

use anoseg_image::Region;
use anoseg_infer::{Calibration, Decision, ModelFile};
use serde::{Deserialize, Serialize};

use crate::{Error, ImageSummary, Result};

/// Milliseconds since the beginning of 1970, UTC.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Which model gave a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelKey {
    /// The name that it is served under.
    pub name: String,
    /// Its version under that name.
    pub version: String,
    /// [`Model::digest`](anoseg_infer::Model::digest); thresholds are part of it.
    pub digest: String,
    /// [`ModelKey::network_digest`]: scores of models that share it can be compared.
    pub network: String,
}

impl ModelKey {
    /// The key of a model that is served under a name.
    ///
    /// # Errors
    /// The description does not serialise, which is a fault of the library.
    pub fn of(name: &str, version: &str, model: ModelFile) -> Result<Self, anoseg_infer::Error> {
        let digest = model.digest()?;
        let network = Self::network_digest(model)?;
        Ok(Self { name: name.to_owned(), version: version.to_owned(), digest, network })
    }

    /// Digest of all of a model that decides the score of an image: everything but the thresholds. A model
    /// that is calibrated anew keeps it.
    ///
    /// # Errors
    /// The description does not serialise, which is a fault of the library.
    pub fn network_digest(mut model: ModelFile) -> Result<String, anoseg_infer::Error> {
        model.description.calibration = None;
        model.description.former_calibrations.clear();
        model.digest()
    }
}

/// The thresholds that a decision was made by, each 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// An image is rejected when its score is greater.
    pub image: f32,
    /// An image is to be reviewed when its score is greater.
    pub review: f32,
    /// A pixel is anomalous when the map is greater.
    pub pixel: f32,
}

impl From<&Calibration> for Used {
    fn from(calibration: &Calibration) -> Self {
        Self {
            image: calibration.image_threshold,
            review: calibration.review_threshold,
            pixel: calibration.pixel_threshold,
        }
    }
}

impl Used {
    /// The decision on a score.
    pub fn decide(&self, score: f32) -> Decision {
        if score > self.image {
            Decision::Reject
        } else if score > self.review {
            Decision::Review
        } else {
            Decision::Good
        }
    }
}

/// A verdict to be written down.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// When, in milliseconds since 1970; see [`now`].
    pub time: i64,
    /// The image's name, or the id of the request where it has none.
    pub name: &'a str,
    /// The id of the request.
    pub request: Option<&'a str>,
    /// Which model.
    pub model: &'a ModelKey,
    /// Its decision.
    pub decision: Decision,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// The thresholds of the decision.
    pub used: Used,
    /// What decided beside thresholds on the model's own score, as JSON; None where nothing did. It is another rule,
    /// or another region of interest, so that score and decision do not compare with those of other verdicts:
    /// thresholds, regression and drift leave it out ([`Reader::scores`](crate::Reader::scores)).
    pub decided_by: Option<&'a str>,
    /// The anomalous regions.
    pub regions: &'a [Region],
    /// Size, statistics and thumbnail of the image.
    pub summary: &'a ImageSummary,
}

impl<'a> Record<'a> {
    /// A verdict of now, without regions and id of a request.
    pub fn new(
        name: &'a str,
        model: &'a ModelKey,
        (decision, score): (Decision, f32),
        used: Used,
        summary: &'a ImageSummary,
    ) -> Self {
        Self {
            time: now(),
            name,
            request: None,
            model,
            decision,
            score,
            used,
            decided_by: None,
            regions: &[],
            summary,
        }
    }

    /// Checks the ranges.
    pub(crate) fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.score) {
            return Err(Error::value(format!("score = {}: must be 0 to 1", self.score)));
        }
        let Used { image, review, pixel } = self.used;
        let (brightness, sharpness) = (self.summary.brightness, self.summary.sharpness);
        let finite = [image, review, pixel].iter().all(|value| value.is_finite());
        if !finite || !brightness.is_finite() || !sharpness.is_finite() {
            return Err(Error::value("thresholds, brightness and sharpness: must be finite"));
        }
        if self.decided_by.is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_err()) {
            return Err(Error::value("what decided: must be JSON"));
        }
        if self.name.len() > MOST_NAME || self.request.is_some_and(|request| request.len() > MOST_NAME) {
            return Err(Error::value(format!(
                "the name of the image or request has more than {MOST_NAME} bytes"
            )));
        }
        Ok(())
    }
}

/// Bytes of a name.
const MOST_NAME: usize = 4096;

/// A region of a verdict, in pixels of the image; with the names that `anoseg predict` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionRow {
    /// `[x, y, width, height]`.
    #[serde(rename = "box")]
    pub bounds: [usize; 4],
    /// Pixels that belong to the region.
    pub area: usize,
    /// Highest value of the anomaly map inside; None if it is not finite.
    pub peak: Option<f32>,
    /// `[x, y]` of the first pixel with that value.
    pub peak_at: [usize; 2],
}

impl From<&Region> for RegionRow {
    fn from(region: &Region) -> Self {
        Self {
            bounds: [region.x, region.y, region.width, region.height],
            area: region.area,
            peak: region.peak.is_finite().then_some(region.peak),
            peak_at: [region.peak_x, region.peak_y],
        }
    }
}

/// A decision as it is stored.
pub(crate) fn decision_number(decision: Decision) -> i64 {
    match decision {
        Decision::Good => 0,
        Decision::Review => 1,
        Decision::Reject => 2,
    }
}

/// The decision of a stored number; None for one that no version wrote.
pub(crate) fn decision_of(number: i64) -> Option<Decision> {
    Decision::ALL.into_iter().find(|&decision| decision_number(decision) == number)
}
