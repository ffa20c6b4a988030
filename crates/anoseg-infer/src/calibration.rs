//! Thresholds, and the decisions that they give.

use anoseg_image::{AnomalyMap, Mask, Region};
use serde::{Deserialize, Serialize};

use crate::settings::require;
use crate::{RegionFilter, SettingError, conformal_rank, sure_rate};

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

impl Decision {
    /// All decisions, mildest first.
    pub const ALL: [Self; 3] = [Self::Good, Self::Review, Self::Reject];

    /// The decision of this name; None if there is none.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }

    /// Its name in every output: `good`, `review`, `reject`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Review => "review",
            Self::Reject => "reject",
        }
    }
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
    /// Which of them are reported where the score rejects the image or sends it to review: more, as whoever looks at
    /// the part shall see all of the defect, and one odd good image must not hide it. None, as in older models: the
    /// same as on other images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions_if_not_good: Option<RegionFilter>,
    /// Wanted share of good images rejected.
    pub false_reject: f64,
    /// Wanted share of good images rejected or reviewed.
    pub review: f64,
    /// How the image threshold was derived.
    pub rule: Rule,
    /// Whether the scores come from images that were not trained on.
    pub held_out: bool,
    /// How many networks gave the scores, each of the images that it was not trained on, where it was not this model
    /// that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Scores of the good images, ascending.
    pub normal_scores: Vec<f32>,
    /// Share of images with synthetic anomalies that are rejected, 0..=1; the anomalies are on the
    /// same good images. None where the recipe makes no anomalies, and in older models.
    #[serde(default)]
    pub synthetic_rejected: Option<f64>,
    /// The files of the images that the scores come from, as [`file_digest`](crate::file_digest) gives
    /// them, in ascending order. Empty where the images were trained on, and in older models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibrated_on: Vec<String>,
    /// Where the scores are those of a history's verdicts: how many of which kind. None where they are those of a
    /// set of good images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictScores>,
}

/// Scores of good images in a history, by what says that they are good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictScores {
    /// An operator.
    pub confirmed: usize,
    /// The verdict itself, which nobody questioned.
    pub unquestioned: usize,
    /// The calibration before.
    pub calibration: usize,
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

    /// The pixels of `map` that are reported on a good image, and their connected regions, in the order of their
    /// labels.
    pub fn marks(&self, map: &AnomalyMap) -> (Mask, Vec<Region>) {
        self.marks_among(map, map.as_slice().len(), Decision::Good)
    }

    /// As [`Calibration::marks`], of an image that the score decided on so, and of a map in which only so many pixels
    /// were inspected: areas are shares of those.
    pub(crate) fn marks_among(
        &self,
        map: &AnomalyMap,
        inspected: usize,
        decision: Decision,
    ) -> (Mask, Vec<Region>) {
        let filter = self.regions_if_not_good.filter(|_| decision != Decision::Good).unwrap_or(self.regions);
        let mut mask = map.map(|&value| value > self.pixel_threshold);
        let regions = filter.apply_among(&mut mask, map, inspected);
        (mask, regions)
    }

    /// Whether the scores are like those of other good images to come: they are those of this model on images that it
    /// was not trained on, and that were not chosen by their verdicts.
    pub fn is_representative(&self) -> bool {
        self.held_out && self.verdicts.is_none() && self.folds.is_none()
    }

    /// The share of good images rejected that is not exceeded with 95 % confidence ([`sure_rate`]), where the scores
    /// promise one ([`Calibration::is_representative`]).
    pub fn sure_rate(&self) -> Option<f64> {
        let n = self.normal_scores.len();
        // A threshold that is extrapolated lies above all scores.
        (self.is_representative() && n > 0)
            .then(|| sure_rate(n - conformal_rank(n, self.false_reject).min(n), n))
    }

    /// How many good images it takes to guarantee the wanted false-reject rate on average.
    pub fn images_needed(&self) -> usize {
        images_needed(self.false_reject)
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
        self.regions.validate("regions")?;
        self.regions_if_not_good.map_or(Ok(()), |filter| filter.validate("regions_if_not_good"))
    }
}

/// How many good images it takes to guarantee a false-reject rate above 0 on average over all choices of so many.
pub fn images_needed(false_reject: f64) -> usize {
    ((1.0 / false_reject).ceil() as usize).saturating_sub(1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Thresholds with a guarantee, from one image.
    pub(crate) fn calibration() -> Calibration {
        Calibration {
            image_threshold: 0.5,
            review_threshold: 0.2,
            pixel_threshold: 0.5,
            regions: RegionFilter::default(),
            regions_if_not_good: None,
            false_reject: 0.01,
            review: 0.05,
            rule: Rule::Conformal,
            held_out: true,
            folds: None,
            normal_scores: vec![0.1],
            synthetic_rejected: Some(0.8),
            calibrated_on: Vec::new(),
            verdicts: None,
        }
    }

    #[test]
    fn decisions_are_strict() {
        let calibration = calibration();
        assert_eq!(calibration.decide(0.2), Decision::Good);
        assert_eq!(calibration.decide(0.5), Decision::Review);
        assert_eq!(calibration.decide(0.51), Decision::Reject);
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
