//! Remarks on thresholds, for every command and report in the same words.

use crate::network::Kind;
use crate::{Calibration, Description, Rule, images_to_be_sure};

/// Below this share of synthetic anomalies rejected, a model is expected to miss most defects.
const FEW_REJECTED: f64 = 0.5;

/// After fewer steps, networks that start from random weights have learned little. Two cores make about
/// 450 a minute.
const FEW_STEPS: u64 = 1000;

/// The same for a head on pretrained features.
const FEW_STEPS_OF_A_HEAD: u64 = 200;

impl Description {
    /// Remarks on the thresholds, and on a region of interest that does not limit the score. None when the
    /// thresholds are guaranteed and reject most synthetic anomalies, and where there are none yet.
    pub fn cautions(&self) -> Vec<String> {
        let rate = self.calibration.as_ref().and_then(rate_caution);
        rate.into_iter().chain(self.detection_caution()).chain(self.region_caution()).collect()
    }

    /// A remark where the second GAN gives the score: it takes the whole image.
    fn region_caution(&self) -> Option<String> {
        let limited = self.preprocess.region.is_some() && self.architecture.detector;
        limited.then(|| {
            "the region of interest limits the map only: the score comes from the second GAN, which takes the whole \
             image"
                .to_owned()
        })
    }

    /// A remark if few synthetic anomalies are rejected, with what to do first.
    pub fn detection_caution(&self) -> Option<String> {
        let calibration = self.calibration.as_ref()?;
        let share = calibration.synthetic_rejected.filter(|&share| share < FEW_REJECTED)?;
        Some(format!(
            "only {:.0} % of the images with synthetic anomalies are rejected, and perhaps as few of the real \
             defects. {}",
            100.0 * share,
            self.remedy(calibration)
        ))
    }

    /// What promises most where few anomalies are rejected.
    fn remedy(&self, calibration: &Calibration) -> String {
        let (steps, n) = (self.provenance.steps, calibration.normal_scores.len());
        let few = match self.architecture.network {
            Kind::Pretrained => FEW_STEPS_OF_A_HEAD,
            _ => FEW_STEPS,
        };
        if steps == 0 && self.architecture.network == Kind::Pretrained {
            "It only compares with good images: train anew with steps (without --steps 0) first".to_owned()
        } else if steps < few {
            let trained = match steps {
                0 => "It was not trained".to_owned(),
                1 => "It was trained for one step only".to_owned(),
                _ => format!("It was trained for {steps} steps only"),
            };
            format!("{trained}: train anew for longer first")
        } else if calibration.rule == Rule::Gumbel {
            format!(
                "Few good images ({n}) put the threshold high: give more of them, train for longer, or allow a \
                 higher false-reject rate"
            )
        } else {
            "Some good images score as high: train for longer or on more of them, or allow a higher false-reject \
             rate"
                .to_owned()
        }
    }
}

/// A remark if the false-reject rate is not guaranteed.
fn rate_caution(calibration: &Calibration) -> Option<String> {
    let n = calibration.normal_scores.len();
    if !calibration.held_out {
        return Some(format!(
            "the thresholds come from the {n} images that were also trained on, and will reject too much: calibrate \
             with other good images"
        ));
    }
    if calibration.verdicts.is_some() {
        return Some(format!(
            "the thresholds come from the scores of {n} verdicts, which were not chosen at random: a false-reject rate \
             of {} is aimed at, not guaranteed; a calibration with good images that were would guarantee it",
            calibration.false_reject
        ));
    }
    let needed = calibration.images_needed();
    if let (Some(folds), Rule::Conformal) = (calibration.folds, calibration.rule) {
        return Some(format!(
            "the thresholds come from the {n} training images, each scored by the one of {folds} networks that was not \
             trained on it: a false-reject rate of {} is aimed at, not guaranteed; a calibration with at least \
             {needed} other good images would guarantee it",
            calibration.false_reject
        ));
    }
    (calibration.rule == Rule::Gumbel).then(|| {
        format!(
            "{n} good images are too few to guarantee a false-reject rate of {}: the threshold is an estimate; \
             calibrate with at least {needed} good images, or with {} to be sure (95 %)",
            calibration.false_reject,
            images_to_be_sure(calibration.false_reject)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::tests::calibration;
    use crate::network::Architecture;
    use crate::{Preprocess, Provenance};

    fn description(steps: u64, rule: Rule, synthetic_rejected: Option<f64>) -> Description {
        let calibration =
            Calibration { rule, normal_scores: vec![0.1; 7], synthetic_rejected, ..calibration() };
        Description {
            preset: "fast".into(),
            architecture: Architecture::default(),
            preprocess: Preprocess::square(64, anoseg_image::Filter::Bilinear),
            postprocess: Default::default(),
            synthesis: serde_json::Value::Null,
            calibration: Some(calibration),
            former_calibrations: Vec::new(),
            provenance: Provenance { steps, ..Provenance::default() },
            training_images: None,
        }
    }

    /// Seven held-out images of very different scores once gave a threshold of 1: the model passed
    /// every defect, without a warning.
    #[test]
    fn thresholds_that_reject_few_anomalies_give_a_warning() {
        let cautions = |rule, share| description(5000, rule, share).cautions();
        assert_eq!(cautions(Rule::Conformal, Some(0.8)), Vec::<String>::new());
        let [caution] = &cautions(Rule::Conformal, Some(0.125))[..] else { panic!("one caution") };
        assert!(caution.contains("only 12 % of the images"), "{caution}");
        assert_eq!(cautions(Rule::Gumbel, Some(0.125)).len(), 2);
        assert!(cautions(Rule::Gumbel, None)[0].contains("too few"));
    }

    /// The rule is the same, its promise is not.
    #[test]
    fn scores_of_verdicts_guarantee_nothing() {
        let mut model = description(5000, Rule::Conformal, None);
        let calibration = model.calibration.as_mut().unwrap();
        calibration.verdicts = Some(crate::VerdictScores { confirmed: 7, ..Default::default() });
        let [caution] = &model.cautions()[..] else { panic!("one caution") };
        assert!(caution.contains("7 verdicts") && caution.contains("not guaranteed"), "{caution}");
    }

    /// `train` said to train for longer, `calibrate` that the good images differ too much, of the same
    /// model.
    #[test]
    fn the_remedy_depends_on_what_is_known() {
        let caution = |steps, rule| description(steps, rule, Some(0.3)).detection_caution().unwrap();
        assert!(
            caution(40, Rule::Gumbel).ends_with("trained for 40 steps only: train anew for longer first")
        );
        assert!(caution(5000, Rule::Gumbel).contains("Few good images (7)"));
        assert!(caution(5000, Rule::Conformal).contains("Some good images score as high"));
        assert_eq!(description(40, Rule::Gumbel, Some(0.9)).detection_caution(), None);
    }

    #[test]
    fn a_score_that_a_region_does_not_limit_is_named() {
        let mut model = description(5000, Rule::Conformal, Some(0.8));
        let area = crate::Drawing::rectangle("0,0,4,4").unwrap().on((8, 8));
        model.preprocess.region = Some(crate::RegionOfInterest::inside(area));
        assert_eq!(model.cautions(), Vec::<String>::new());
        model.architecture.detector = true;
        assert!(model.cautions()[0].contains("region of interest limits the map only"));
    }
}
