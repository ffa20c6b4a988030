//! Thresholds of a model as a route gives them, and others in their place for one request.

use std::sync::Arc;

use anoseg::{Calibration, Decision, Image, Inspection, Model};
use anoseg_history::Used;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::repository::Named;

/// The thresholds that a request gave in place of the model's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Thresholds {
    /// An image is rejected when its score is greater, 0..=1.
    image: f32,
    /// An image is to be reviewed when its score is greater, 0..=image.
    review: f32,
}

impl Thresholds {
    /// Those of a query, `image_threshold=0.6&review_threshold=0.4`. What is not given stays as calibrated; a
    /// calibrated review threshold above the image threshold that is given becomes equal to it. None where the
    /// query has neither.
    ///
    /// # Errors
    /// A value is no number of 0..=1, a parameter is unknown or there twice, or review is above image.
    pub(crate) fn of(query: Option<&str>, calibration: &Calibration) -> Result<Option<Self>, Failure> {
        let (mut image, mut review) = (None, None);
        for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (known, target) = match name {
                "image_threshold" => ("image_threshold", &mut image),
                "review_threshold" => ("review_threshold", &mut review),
                _ => {
                    let message =
                        "the query has an unknown parameter; known are image_threshold and review_threshold";
                    return Err(Failure::bad_request(message));
                }
            };
            let number = value.parse().ok().filter(|number| (0.0..=1.0_f32).contains(number));
            let number =
                number.ok_or_else(|| Failure::bad_request(format!("{known} is a number from 0 to 1")))?;
            if target.replace(number).is_some() {
                return Err(Failure::bad_request(format!("{known} is there twice")));
            }
        }
        if image.is_none() && review.is_none() {
            return Ok(None);
        }
        let image_threshold = image.unwrap_or(calibration.image_threshold);
        let calibrated = calibration.review_threshold.min(image_threshold);
        let thresholds = Self { image: image_threshold, review: review.unwrap_or(calibrated) };
        if thresholds.review > thresholds.image {
            let message = format!("review_threshold must not be above image_threshold, {}", thresholds.image);
            return Err(Failure::bad_request(message));
        }
        Ok(Some(thresholds))
    }

    /// Decides anew. An image that is not good any more gets its strongest place marked, as
    /// [`Model::inspect`] does.
    ///
    /// # Errors
    /// The model has no thresholds.
    pub(crate) fn apply(
        self,
        model: &Model,
        image: &Image,
        inspection: &mut Inspection,
    ) -> Result<(), anoseg::Error> {
        let before = std::mem::replace(&mut inspection.decision, self.decide(inspection.score));
        let is_good = inspection.decision == Decision::Good;
        if is_good != (before == Decision::Good) {
            // With the model's own thresholds, 0 is good and 2 is not.
            let score = if is_good { 0.0 } else { 2.0 };
            (inspection.mask, inspection.regions) = model.marks(image, &inspection.map, score)?;
        }
        Ok(())
    }

    /// The thresholds of a verdict: these in place of those of the model.
    pub(crate) fn used(self, model: Used) -> Used {
        Used { image: self.image, review: self.review, ..model }
    }

    fn decide(self, score: f32) -> Decision {
        match score {
            score if score > self.image => Decision::Reject,
            score if score > self.review => Decision::Review,
            _ => Decision::Good,
        }
    }
}

/// The answer of `calibration`; fields as in [`Calibration`]. A value of 32 bits has as few digits as in verdicts, so
/// that scores and thresholds compare as in the server.
#[derive(Serialize)]
pub(crate) struct Described {
    model: String,
    version: String,
    digest: String,
    preset: String,
    image_threshold: f32,
    review_threshold: f32,
    pixel_threshold: f32,
    false_reject: f64,
    review: f64,
    held_out: bool,
    images_needed: usize,
    normal_scores: Vec<f32>,
    synthetic_rejected: Option<f64>,
    cautions: Vec<String>,
}

/// `GET /v1/models/{model}[/versions/{version}]/calibration`: the thresholds, and what they were derived from.
pub(crate) async fn calibration(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Described>, Failure> {
    let served = app.served(&named)?;
    let description = served.model.description();
    let calibration = served.model.calibration()?;
    Ok(Json(Described {
        model: served.name.clone(),
        version: served.version.to_string(),
        digest: served.digest.clone(),
        preset: description.preset.clone(),
        image_threshold: calibration.image_threshold,
        review_threshold: calibration.review_threshold,
        pixel_threshold: calibration.pixel_threshold,
        false_reject: calibration.false_reject,
        review: calibration.review,
        held_out: calibration.held_out,
        images_needed: calibration.images_needed(),
        normal_scores: calibration.normal_scores.clone(),
        synthetic_rejected: calibration.synthetic_rejected,
        cautions: description.cautions(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Option<(f32, f32)>, String> {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../anoseg-infer/tests/fixtures/format1/compact.anoseg");
        let model = Model::load(path.as_ref()).unwrap();
        let mut calibration = model.calibration().unwrap().clone();
        (calibration.image_threshold, calibration.review_threshold) = (0.6, 0.4);
        let thresholds = Thresholds::of(Some(query), &calibration).map_err(|failure| failure.message)?;
        Ok(thresholds.map(|thresholds| (thresholds.image, thresholds.review)))
    }

    #[test]
    fn what_is_not_given_stays_as_calibrated() {
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("image_threshold=0.7"), Ok(Some((0.7, 0.4))));
        assert_eq!(of("review_threshold=0.5"), Ok(Some((0.6, 0.5))));
        assert_eq!(of("image_threshold=0.3"), Ok(Some((0.3, 0.3))));
        assert_eq!(of("image_threshold=1&review_threshold=0"), Ok(Some((1.0, 0.0))));
        assert_eq!(of("image_threshold=0&review_threshold=-0"), Ok(Some((0.0, 0.0))));
    }

    #[test]
    fn other_values_and_names_are_refused() {
        for value in ["", "1.01", "-0.1", "nan", "inf", "1e99", "0,5", "0.5%00", "0.5=", " 0.5", "0x1"] {
            let message = of(&format!("image_threshold={value}")).unwrap_err();
            assert!(message.contains("image_threshold is a number from 0 to 1"), "{value}: {message}");
        }
        assert!(of("image_threshold=0.5&image_threshold=0.5").unwrap_err().contains("twice"));
        assert!(of("review_threshold=0.7").unwrap_err().contains("must not be above"));
        assert!(of("image_treshold=0.5").unwrap_err().contains("unknown parameter"));
    }
}
