//! Thresholds of a model as a route gives them, and what decides in their place for one request.

use std::sync::Arc;

use anoseg::{Calibration, DecisionRule, Limits, Model, RegionRule};
use anoseg_history::Used;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::options::{Options, RuleName};
use crate::repository::Named;

/// What decided, where a request asked for another way than the model's. Answers and the audit log have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Thresholds {
    /// By the rule of scores: an image is rejected when its score is greater, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<f32>,
    /// By the rule of scores: an image is to be reviewed when its score is greater, 0..=image.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<f32>,
    /// A pixel is marked when the map is greater, 0..=1.
    pixel: f32,
    /// `score` or `regions`.
    rule: &'static str,
    /// By the rule of regions: one that rejects the image has at least so many pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_pixels: Option<usize>,
    /// By the rule of regions: one that rejects the image has at least this peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_peak: Option<f32>,
    /// Where defects count, as the request gave it; its digest where it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    roi: Option<String>,
    /// Where they do not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignore: Vec<String>,
}

/// How the images of a request are decided, where it asks for another way than the model's.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The model with other thresholds and a narrower region; it shares the network.
    pub(crate) model: Model,
    /// What decides.
    pub(crate) rule: DecisionRule,
    /// The same for answers and logs.
    pub(crate) thresholds: Thresholds,
    /// What is doubtful about the region; usually nothing.
    pub(crate) remarks: Vec<String>,
}

impl Chosen {
    /// What a request asks for, on this model; None where it asks for nothing. What is not given stays as
    /// calibrated; a calibrated review threshold above the image threshold that is given becomes equal to it.
    ///
    /// # Errors
    /// Options do not fit each other, the region does not fit the model, or it was drawn on an image beyond the
    /// limits.
    pub(crate) fn of(options: Options, model: &Model, limits: &Limits) -> Result<Option<Self>, Failure> {
        if options == Options::default() {
            return Ok(None);
        }
        if options.drawings.most_pixels() as u64 > limits.max_pixels {
            let message = format!(
                "a region was drawn on an image of more than {} pixels: draw it on a smaller one",
                limits.max_pixels
            );
            return Err(Failure::too_large(message));
        }
        let mut calibration = model.calibration()?.clone();
        calibration.pixel_threshold = options.pixel_threshold.unwrap_or(calibration.pixel_threshold);
        let rule = rule(&options)?;
        set_thresholds(&options, &mut calibration)?;
        let by_score = rule == DecisionRule::Score;
        let (min_pixels, min_peak) = match rule {
            DecisionRule::Score => (None, None),
            DecisionRule::Regions(rule) => (Some(rule.min_pixels), Some(rule.min_peak)),
        };
        let thresholds = Thresholds {
            image: by_score.then_some(calibration.image_threshold),
            review: by_score.then_some(calibration.review_threshold),
            pixel: calibration.pixel_threshold,
            rule: if by_score { "score" } else { "regions" },
            min_pixels,
            min_peak,
            roi: options.roi,
            ignore: options.ignore,
        };
        let narrowed = model.clone().narrowed_by(&options.drawings);
        let (mut model, remarks) = narrowed.map_err(|error| Failure::bad_request(error.to_string()))?;
        model.set_calibration(calibration);
        Ok(Some(Self { model, rule, thresholds, remarks }))
    }

    /// The thresholds of a verdict.
    pub(crate) fn used(&self) -> Used {
        self.model.description().calibration.as_ref().map(Used::from).unwrap_or_default()
    }

    /// What decided beside thresholds on the model's own score, as JSON: another rule, or another region. Scores or
    /// decisions of such a verdict do not compare with those of the model.
    pub(crate) fn decided_by(&self) -> Option<String> {
        let Thresholds { roi, ignore, .. } = &self.thresholds;
        let is_own = self.rule == DecisionRule::Score && roi.is_none() && ignore.is_empty();
        if is_own { None } else { serde_json::to_string(&self.thresholds).ok() }
    }
}

/// The rule that a request asks for.
fn rule(options: &Options) -> Result<DecisionRule, Failure> {
    let Options { image_threshold, review_threshold, min_pixels, min_peak, .. } = options;
    let useless = |name: &str, needs: &str| {
        Err(Failure::bad_request(format!(
            "{name} has an effect with {needs} only: leave out {name}, or give {needs}"
        )))
    };
    match options.rule {
        Some(RuleName::Regions) => {
            let given = [("image_threshold", image_threshold), ("review_threshold", review_threshold)];
            if let Some((name, _)) = given.into_iter().find(|(_, value)| value.is_some()) {
                return useless(name, "rule=score");
            }
            let all = RegionRule::default();
            let (min_pixels, min_peak) =
                (min_pixels.unwrap_or(all.min_pixels), min_peak.unwrap_or(all.min_peak));
            Ok(DecisionRule::Regions(RegionRule { min_pixels, min_peak }))
        }
        None | Some(RuleName::Score) if min_pixels.is_some() => useless("min_pixels", "rule=regions"),
        None | Some(RuleName::Score) if min_peak.is_some() => useless("min_peak", "rule=regions"),
        None | Some(RuleName::Score) => Ok(DecisionRule::Score),
    }
}

/// Puts the image threshold and the review threshold of a request in the place of those of a model.
fn set_thresholds(options: &Options, calibration: &mut Calibration) -> Result<(), Failure> {
    let image = options.image_threshold.unwrap_or(calibration.image_threshold);
    let review = options.review_threshold.unwrap_or(calibration.review_threshold.min(image));
    if review > image {
        let message = format!("review_threshold must not be above image_threshold, {image}");
        return Err(Failure::bad_request(message));
    }
    (calibration.image_threshold, calibration.review_threshold) = (image, review);
    Ok(())
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
    representative: bool,
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
        representative: calibration.is_representative(),
        images_needed: calibration.images_needed(),
        normal_scores: calibration.normal_scores.clone(),
        synthetic_rejected: calibration.synthetic_rejected,
        cautions: description.cautions(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../anoseg-infer/tests/fixtures/format1/compact.anoseg");
        let mut model = Model::load(path.as_ref()).unwrap();
        let mut calibration = model.calibration().unwrap().clone();
        (calibration.image_threshold, calibration.review_threshold) = (0.6, 0.4);
        model.set_calibration(calibration);
        model
    }

    fn chosen(query: &str) -> Result<Option<Chosen>, String> {
        let uri = format!("/?{query}").parse().unwrap();
        let chosen =
            Options::of_query(&uri).and_then(|options| Chosen::of(options, &model(), &Limits::default()));
        chosen.map_err(|failure| failure.message)
    }

    fn of(query: &str) -> Result<Option<(f32, f32)>, String> {
        Ok(chosen(query)?.map(|chosen| (chosen.used().image, chosen.used().review)))
    }

    #[test]
    fn what_is_not_given_stays_as_calibrated() {
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("image_threshold=0.7"), Ok(Some((0.7, 0.4))));
        assert_eq!(of("review_threshold=0.5"), Ok(Some((0.6, 0.5))));
        assert_eq!(of("image_threshold=0.3"), Ok(Some((0.3, 0.3))));
        assert_eq!(of("image_threshold=1&review_threshold=0"), Ok(Some((1.0, 0.0))));
        assert_eq!(of("image_threshold=0&review_threshold=-0"), Ok(Some((0.0, 0.0))));
        let pixel = chosen("pixel_threshold=0.25").unwrap().unwrap();
        assert_eq!((pixel.used().image, pixel.used().pixel), (0.6, 0.25));
    }

    #[test]
    fn options_that_would_have_no_effect_are_refused() {
        assert!(of("review_threshold=0.7").unwrap_err().contains("must not be above"));
        for query in [
            "min_pixels=5",
            "rule=score&min_peak=0.5",
            "rule=regions&image_threshold=0.5",
            "rule=regions&review_threshold=0.5",
        ] {
            assert!(of(query).unwrap_err().contains("has an effect with"), "{query}");
        }
    }

    #[test]
    fn only_the_models_own_rule_and_region_give_scores_to_compare() {
        let decided_by = |query: &str| chosen(query).unwrap().unwrap().decided_by();
        assert_eq!(decided_by("image_threshold=0.7&pixel_threshold=0.2&rule=score"), None);
        let regions = decided_by("rule=regions&min_pixels=7").unwrap();
        let regions: serde_json::Value = serde_json::from_str(&regions).unwrap();
        assert_eq!((&regions["rule"], &regions["min_pixels"]), (&"regions".into(), &7.into()));
        assert!(regions.get("image").is_none() && regions["min_peak"] == 0.0);
    }
}
