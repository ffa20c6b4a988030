//! Thresholds, and the decisions that they give.

use anoseg_image::{AnomalyMap, Mask, Region};
use serde::{Deserialize, Serialize};

use crate::settings::require;
use crate::{RegionFilter, SettingError};

/// Below this share of synthetic anomalies rejected, [`Calibration::cautions`] warns.
const FEW_REJECTED: f64 = 0.5;

/// How an image threshold was derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Order statistic with a finite-sample guarantee.
    Conformal,
    /// Prediction limit of a Gumbel distribution, where there are too few scores for the rate.
    Gumbel,
}

/// What an image's score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Score at most the review threshold.
    Good,
    /// Score above the review threshold, at most the image threshold: a person should inspect the
    /// image.
    Review,
    /// Score above the image threshold.
    Reject,
}

/// Thresholds, and the scores they are derived from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// An image is rejected when its score is greater.
    pub image_threshold: f32,
    /// An image is to be reviewed when its score is greater.
    pub review_threshold: f32,
    /// A pixel is anomalous when the map is greater.
    pub pixel_threshold: f32,
    /// Which regions above the pixel threshold are reported.
    #[serde(default)]
    pub regions: RegionFilter,
    /// Wanted share of good images rejected.
    pub false_reject: f64,
    /// Wanted share of good images rejected or reviewed.
    pub review: f64,
    /// How the image threshold was derived.
    pub rule: Rule,
    /// Whether the scores come from images that were not trained on.
    pub held_out: bool,
    /// Scores of the good images, ascending.
    pub normal_scores: Vec<f32>,
    /// Share of images with synthetic anomalies that are rejected, 0..=1; the anomalies are on the
    /// same good images. None where the recipe makes no anomalies, and in older models.
    #[serde(default)]
    pub synthetic_rejected: Option<f64>,
}

impl Calibration {
    /// What to do with an image of this score.
    pub fn decide(&self, score: f32) -> Decision {
        if score > self.image_threshold {
            Decision::Reject
        } else if score > self.review_threshold {
            Decision::Review
        } else {
            Decision::Good
        }
    }

    /// The pixels of `map` that are reported, and their connected regions, in the order of their
    /// labels.
    pub fn marks(&self, map: &AnomalyMap) -> (Mask, Vec<Region>) {
        let mut mask = map.map(|&value| value > self.pixel_threshold);
        let regions = self.regions.apply(&mut mask, map);
        (mask, regions)
    }

    /// Remarks on the thresholds; none when they are guaranteed and reject most synthetic
    /// anomalies.
    pub fn cautions(&self) -> Vec<String> {
        self.rate_caution().into_iter().chain(self.detection_caution()).collect()
    }

    /// How many good images it takes to guarantee the wanted false-reject rate.
    pub fn images_needed(&self) -> usize {
        ((1.0 / self.false_reject).ceil() as usize).saturating_sub(1)
    }

    /// A remark if the false-reject rate is not guaranteed.
    fn rate_caution(&self) -> Option<String> {
        let n = self.normal_scores.len();
        if !self.held_out {
            return Some(format!(
                "the thresholds come from the {n} images that were also trained on, and will reject too \
                 much: calibrate with other good images"
            ));
        }
        let needed = self.images_needed();
        (self.rule == Rule::Gumbel).then(|| {
            format!(
                "{n} good images are too few to guarantee a false-reject rate of {}: the threshold is an \
                 estimate; calibrate with at least {needed} good images",
                self.false_reject
            )
        })
    }

    /// A remark if few synthetic anomalies are rejected.
    fn detection_caution(&self) -> Option<String> {
        let share = self.synthetic_rejected.filter(|&share| share < FEW_REJECTED)?;
        Some(format!(
            "only {:.0} % are rejected of the images with synthetic anomalies, and perhaps as few of the \
             real defects. The good images differ so much that the threshold is high: train on more of \
             them, calibrate with more of them, or allow a higher false-reject rate",
            100.0 * share
        ))
    }

    /// Checks that every number is in its range.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        let thresholds = [
            ("image_threshold", self.image_threshold),
            ("review_threshold", self.review_threshold),
            ("pixel_threshold", self.pixel_threshold),
        ];
        for (name, value) in thresholds {
            require((0.0..=1.0).contains(&value), &format!("calibration.{name}"), value, "must be 0 to 1")?;
        }
        for (name, rate) in [("false_reject", self.false_reject), ("review", self.review)] {
            let in_range = rate > 0.0 && rate < 1.0;
            require(in_range, &format!("calibration.{name}"), rate, "must lie between 0 and 1")?;
        }
        let (review, reject) = (self.review_threshold, self.image_threshold);
        let allowed = format!("must be at most calibration.image_threshold, {reject}");
        require(review <= reject, "calibration.review_threshold", review, allowed)?;
        let odd = self.normal_scores.iter().find(|score| !(0.0..=1.0).contains(*score));
        require(odd.is_none(), "calibration.normal_scores", odd, "every score must be 0 to 1")?;
        let share = self.synthetic_rejected.unwrap_or(0.0);
        require((0.0..=1.0).contains(&share), "calibration.synthetic_rejected", share, "must be 0 to 1")?;
        self.regions.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration() -> Calibration {
        Calibration {
            image_threshold: 0.5,
            review_threshold: 0.2,
            pixel_threshold: 0.5,
            regions: RegionFilter::default(),
            false_reject: 0.01,
            review: 0.05,
            rule: Rule::Conformal,
            held_out: true,
            normal_scores: vec![0.1],
            synthetic_rejected: Some(0.8),
        }
    }

    #[test]
    fn decisions_are_strict() {
        let calibration = calibration();
        assert_eq!(calibration.decide(0.2), Decision::Good);
        assert_eq!(calibration.decide(0.5), Decision::Review);
        assert_eq!(calibration.decide(0.51), Decision::Reject);
    }

    /// Seven held-out images of very different scores once gave a threshold of 1: the model passed
    /// every defect, without a warning.
    #[test]
    fn thresholds_that_reject_few_anomalies_give_a_warning() {
        assert_eq!(calibration().cautions(), Vec::<String>::new());
        let blind = Calibration { image_threshold: 1.0, synthetic_rejected: Some(0.125), ..calibration() };
        let [caution] = &blind.cautions()[..] else { panic!("{:?}", blind.cautions()) };
        assert!(caution.contains("12 % are rejected"), "{caution}");
        let few = Calibration { rule: Rule::Gumbel, ..blind };
        assert_eq!(few.cautions().len(), 2);
        assert!(Calibration { synthetic_rejected: None, ..few }.cautions()[0].contains("too few"));
    }

    /// A rate of -1 in a model file once asked for 18446744073709551615 good images.
    #[test]
    fn rates_out_of_range_are_refused() {
        assert!(calibration().validate().is_ok());
        for rate in [-1.0, 0.0, 1.0, f64::NAN] {
            let refused = Calibration { false_reject: rate, ..calibration() }.validate().unwrap_err();
            assert!(refused.to_string().contains("calibration.false_reject"), "{refused}");
        }
        let scores = Calibration { normal_scores: vec![f32::NAN], ..calibration() };
        assert!(scores.validate().is_err());
    }

    #[test]
    fn thresholds_out_of_range_or_order_are_refused() {
        for threshold in [-0.1, 1.1, f32::INFINITY, f32::NAN] {
            assert!(Calibration { pixel_threshold: threshold, ..calibration() }.validate().is_err());
        }
        let crossed = Calibration { review_threshold: 0.6, ..calibration() }.validate().unwrap_err();
        assert!(crossed.to_string().contains("calibration.review_threshold = 0.6"), "{crossed}");
    }
}
