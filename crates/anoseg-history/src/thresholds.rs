//! What the thresholds would become, by the scores of images that are good.
//!
//! The rules are those of a calibration ([`image_threshold`]): a conformal quantile, which promises the wanted
//! false-reject rate, or a Gumbel prediction limit where there are too few scores. Both take the scores for a
//! sample of those that good images have. Feedback is no such sample: operators check what the model doubts,
//! and those scores are high. Verdicts of good that nobody questioned are none either: scores above the
//! thresholds are missing among them. [`Proposal::remarks`] says which of both applies.

use anoseg_infer::{Calibration, Decision, Description, Rule, VerdictScores, image_threshold, images_needed};
use serde::Serialize;

use crate::{Error, Filter, Reader, Result, Truth};

/// Most scores of each kind; the newest count. It is 2.5 times what a rate of 1 in 4000 takes.
pub const MOST_SCORES: usize = 10_000;

/// Which scores count as those of good images. Confirmed ones always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sources {
    /// Those that the present thresholds come from, unless their images were trained on.
    pub calibration: bool,
    /// Verdicts of good without feedback.
    pub unquestioned: bool,
}

impl Default for Sources {
    /// The calibration and feedback.
    fn default() -> Self {
        Self { calibration: true, unquestioned: false }
    }
}

/// Scores of good images of one network, by where they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoodScores {
    /// Confirmed by feedback.
    pub confirmed: Vec<f32>,
    /// Of verdicts of good without feedback.
    pub unquestioned: Vec<f32>,
    /// Of the model's calibration; empty where its images were trained on.
    pub calibration: Vec<f32>,
    /// Verdicts to reject or review without feedback: nobody knows whether the parts are good.
    pub unjudged: usize,
}

/// Thresholds that follow from scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// An image is rejected when its score is greater.
    pub image_threshold: f32,
    /// An image is to be reviewed when its score is greater.
    pub review_threshold: f32,
    /// How the image threshold was derived.
    pub rule: Rule,
    /// Wanted share of good images rejected.
    pub false_reject: f64,
    /// Wanted share of good images rejected or reviewed.
    pub review: f64,
    /// The scores, ascending.
    pub scores: Vec<f32>,
    /// How many of which kind they are.
    pub counts: VerdictScores,
    /// What makes the thresholds doubtful, and the way out.
    pub remarks: Vec<String>,
}

impl GoodScores {
    /// The scores of the verdicts that a filter passes; it should name one [`Filter::network`], because scores
    /// of others cannot be compared. At most [`MOST_SCORES`] of each kind, the newest.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn gather(reader: &Reader, filter: &Filter, model: &Description) -> Result<Self> {
        let mut scores = Self::default();
        reader.scores(filter, 0, |row| match (row.feedback, row.decision) {
            (Some(Truth::Good), _) => push(&mut scores.confirmed, row.score),
            (Some(Truth::Defect), _) => {}
            (None, Decision::Good) => push(&mut scores.unquestioned, row.score),
            (None, _) => scores.unjudged += 1,
        })?;
        for scores in [&mut scores.confirmed, &mut scores.unquestioned] {
            scores.drain(..scores.len().saturating_sub(MOST_SCORES));
        }
        if let Some(calibration) = of_images(model) {
            scores.calibration.clone_from(&calibration.normal_scores);
        }
        Ok(scores)
    }

    /// The thresholds that follow, at these wanted shares of good images rejected, and rejected or reviewed.
    /// `present` is the image threshold and the review threshold in force. None where there is no score.
    ///
    /// # Errors
    /// A rate does not lie between 0 and 1, or more are to be rejected than rejected or reviewed.
    pub fn propose(
        &self,
        sources: Sources,
        (false_reject, review): (f64, f64),
        present: (f32, f32),
    ) -> Result<Option<Proposal>> {
        for (name, rate) in [("false_reject", false_reject), ("review", review)] {
            if !(rate > 0.0 && rate < 1.0) {
                return Err(Error::value(format!("{name} = {rate}: must lie between 0 and 1")));
            }
        }
        if review < false_reject {
            let what = format!("review = {review}: must be at least false_reject, {false_reject}");
            return Err(Error::value(what));
        }
        let taken = |take: bool, scores: &[f32]| if take { scores.to_vec() } else { Vec::new() };
        let unquestioned = taken(sources.unquestioned, &self.unquestioned);
        let calibration = taken(sources.calibration, &self.calibration);
        let counts = VerdictScores {
            confirmed: self.confirmed.len(),
            unquestioned: unquestioned.len(),
            calibration: calibration.len(),
        };
        let mut scores = [self.confirmed.clone(), unquestioned, calibration].concat();
        if scores.is_empty() {
            return Ok(None);
        }
        scores.sort_unstable_by(f32::total_cmp);
        let (image, rule) = image_threshold(&scores, false_reject);
        let review_threshold = anoseg_infer::review_threshold(&scores, review).min(image);
        let remarks = self.remarks(sources, (scores.len(), rule, false_reject), present.1);
        Ok(Some(Proposal {
            image_threshold: image,
            review_threshold,
            rule,
            false_reject,
            review,
            scores,
            counts,
            remarks,
        }))
    }

    fn remarks(&self, sources: Sources, (n, rule, rate): (usize, Rule, f64), present: f32) -> Vec<String> {
        let mut remarks = Vec::new();
        let doubted = self.confirmed.iter().filter(|&&score| score > present).count();
        if !sources.unquestioned && 2 * doubted > n {
            remarks.push(format!(
                "{doubted} of the {n} scores are of images that the model doubted and an operator found good. Such \
                 images alone put the thresholds too high: take the verdicts of good that nobody questioned as well"
            ));
        }
        if sources.unquestioned && self.unjudged > 0 {
            remarks.push(format!(
                "{} rejected or reviewed images have no feedback. Where some of them are good, the thresholds come \
                 out too low, and lower each time: state of each whether it is good first",
                self.unjudged
            ));
        }
        if sources.unquestioned {
            remarks.push(
                "verdicts of good count as good images: a missed defect that nobody has named yet raises the \
                 thresholds"
                    .to_owned(),
            );
        }
        if rule == Rule::Gumbel {
            remarks.push(format!(
                "{n} good images are too few to guarantee a false-reject rate of {rate}: the threshold is an \
                 estimate; it takes at least {}",
                images_needed(rate)
            ));
        }
        remarks
    }
}

/// Adds a score, and leaves out the oldest now and then.
fn push(scores: &mut Vec<f32>, score: f32) {
    if scores.len() >= 2 * MOST_SCORES {
        scores.drain(..MOST_SCORES);
    }
    scores.push(score);
}

/// The newest calibration of a model whose scores are its own, of images that were not trained on. Those of verdicts
/// are in the history already.
pub(crate) fn of_images(model: &Description) -> Option<&Calibration> {
    let all = model.calibration.iter().chain(&model.former_calibrations);
    let mut of_images = all.filter(|calibration| calibration.verdicts.is_none());
    of_images.next().filter(|calibration| calibration.is_representative())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sources = Sources { calibration: true, unquestioned: true };
    const FEEDBACK: Sources = Sources { calibration: false, unquestioned: false };

    fn scores(confirmed: usize, unquestioned: usize) -> GoodScores {
        let spread = |n: usize, from: f32| (0..n).map(|i| from + 0.1 * i as f32 / n as f32).collect();
        GoodScores {
            confirmed: spread(confirmed, 0.5),
            unquestioned: spread(unquestioned, 0.2),
            ..GoodScores::default()
        }
    }

    #[test]
    fn the_rules_are_those_of_a_calibration() {
        let scores = scores(20, 480);
        let proposal = scores.propose(ALL, (0.01, 0.05), (0.4, 0.35)).unwrap().unwrap();
        let mut sorted = [scores.confirmed.clone(), scores.unquestioned.clone()].concat();
        sorted.sort_unstable_by(f32::total_cmp);
        let above = |threshold: f32| sorted.iter().filter(|&&score| score > threshold).count();
        assert_eq!(proposal.rule, Rule::Conformal);
        assert_eq!(
            (proposal.image_threshold, proposal.counts),
            (
                image_threshold(&sorted, 0.01).0,
                VerdictScores { confirmed: 20, unquestioned: 480, calibration: 0 }
            )
        );
        // ceil(501 * 0.99) = 496 of 500; 501 * 0.95 lies between 475 and 476.
        assert_eq!((above(proposal.image_threshold), above(proposal.review_threshold)), (4, 25));
    }

    #[test]
    fn what_is_no_fair_sample_is_named() {
        let remarks = |scores: &GoodScores, sources| {
            scores.propose(sources, (0.01, 0.05), (0.45, 0.4)).unwrap().unwrap().remarks.join("\n")
        };
        assert!(remarks(&scores(200, 0), FEEDBACK).contains("the model doubted"));
        assert!(remarks(&scores(20, 480), ALL).contains("nobody has named yet"));
        let unjudged = GoodScores { unjudged: 3, ..scores(20, 480) };
        assert!(remarks(&unjudged, ALL).contains("3 rejected or reviewed images have no feedback"));
        assert!(remarks(&scores(5, 0), FEEDBACK).contains("at least 99"));
    }

    #[test]
    fn no_score_gives_no_threshold_and_odd_rates_an_error() {
        assert_eq!(GoodScores::default().propose(ALL, (0.01, 0.05), (0.5, 0.5)).unwrap(), None);
        for rates in [(0.0, 0.1), (0.1, 1.0), (f64::NAN, 0.1), (0.2, 0.1)] {
            assert!(scores(5, 5).propose(ALL, rates, (0.5, 0.5)).is_err());
        }
    }
}
