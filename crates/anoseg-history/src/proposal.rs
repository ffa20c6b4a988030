//! What the thresholds of a model would become, with the decisions that would change.

use anoseg_infer::{Calibration, Description, file_digest_of_blake3};
use serde::Serialize;

use crate::regression::Regression;
use crate::thresholds::{GoodScores, Proposal, Sources};
use crate::{Error, FeedbackFilter, Filter, Reader, Result, Truth, Used};

/// Verdicts that are read at a time.
const PAGE: usize = 1000;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Request {
    /// The scores that count.
    pub sources: Sources,
    /// Only verdicts from this time on, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Wanted share of good images that are rejected; the model's if None.
    pub false_reject: Option<f64>,
    /// Wanted share of good images that are rejected or reviewed; the model's if None.
    pub review: Option<f64>,
    /// Changes that are listed, at most.
    pub changes: usize,
}

/// The thresholds before and after, and what they are from.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The thresholds of the model.
    pub present: Used,
    /// Those that are proposed; the pixel threshold stays.
    pub proposed: Used,
    /// The scores that count.
    pub sources: Sources,
    /// How the thresholds come about.
    pub proposal: Proposal,
    /// The decisions that would change.
    pub regression: Regression,
    filter: Filter,
}

impl Preview {
    /// From the verdicts of all models that share this `network`, [`ModelKey::network`](crate::ModelKey::network).
    ///
    /// # Errors
    /// The model has no thresholds, there is no verdict or no score of a good image, a rate is out of range, or the
    /// history cannot be read.
    pub fn of(reader: &Reader, model: &Description, network: &str, request: &Request) -> Result<Self> {
        let calibration = model.calibration.as_ref();
        let calibration =
            calibration.ok_or_else(|| Error::value("the model has no thresholds: calibrate it first"))?;
        let filter = Filter { network: Some(network.to_owned()), from: request.since, ..Filter::default() };
        if reader.count(&filter)? == 0 {
            return Err(Error::NoVerdicts { path: reader.folder().to_owned(), known: known(reader)? });
        }
        let scores = GoodScores::gather(reader, &filter, model)?;
        let false_reject = request.false_reject.unwrap_or(calibration.false_reject);
        // A rate that nobody asked for gives way to one that somebody did.
        let review = request.review.unwrap_or(calibration.review.max(false_reject));
        let present = Used::from(calibration);
        let sources = request.sources;
        let proposal = scores.propose(sources, (false_reject, review), (present.image, present.review))?;
        let proposal = proposal.ok_or_else(|| Error::NoScores { path: reader.folder().to_owned() })?;
        let proposed = Used { image: proposal.image_threshold, review: proposal.review_threshold, ..present };
        let regression = Regression::of(reader, &filter, (&present, &proposed), request.changes)?;
        Ok(Self { present, proposed, sources, proposal, regression, filter })
    }

    /// The thresholds as a calibration, to put in force. It says that its scores are those of verdicts; what share
    /// of synthetic anomalies it rejects is not known.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn calibration(&self, reader: &Reader, present: &Calibration) -> Result<Calibration> {
        let Proposal { rule, false_reject, review, scores, counts, .. } = &self.proposal;
        let mut calibrated_on = self.confirmed(reader)?;
        if self.sources.calibration {
            calibrated_on.extend(present.calibrated_on.iter().cloned());
        }
        calibrated_on.sort_unstable();
        calibrated_on.dedup();
        Ok(Calibration {
            image_threshold: self.proposed.image,
            review_threshold: self.proposed.review,
            false_reject: *false_reject,
            review: *review,
            rule: *rule,
            // Those of a calibration on images that were trained on do not count.
            held_out: true,
            folds: None,
            normal_scores: scores.clone(),
            synthetic_rejected: None,
            calibrated_on,
            verdicts: Some(*counts),
            ..present.clone()
        })
    }

    /// Digests of the images that operators found good, where their files were kept.
    fn confirmed(&self, reader: &Reader) -> Result<Vec<String>> {
        let feedback = Some(FeedbackFilter::Is(Truth::Good));
        let filter = Filter { feedback, ..self.filter.clone() };
        let (mut digests, mut before) = (Vec::new(), None);
        loop {
            let page = reader.page(&filter, before, PAGE)?;
            let originals = page.rows.iter().filter_map(|row| row.original.as_deref());
            digests.extend(originals.map(file_digest_of_blake3));
            before = page.next;
            if before.is_none() {
                return Ok(digests);
            }
        }
    }

    /// What a server answers.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn told(&self, reader: &Reader) -> Result<Told> {
        let Proposal { rule, false_reject, review, counts, remarks, .. } = &self.proposal;
        Ok(Told {
            present: self.present,
            proposed: self.proposed,
            rule: *rule,
            false_reject: *false_reject,
            review: *review,
            sources: self.sources,
            scores: *counts,
            remarks: remarks.clone(),
            regression: self.regression.told(reader)?,
        })
    }
}

/// A preview as it is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// See [`Preview::present`].
    pub present: Used,
    /// See [`Preview::proposed`].
    pub proposed: Used,
    /// See [`Proposal::rule`].
    pub rule: anoseg_infer::Rule,
    /// See [`Proposal::false_reject`].
    pub false_reject: f64,
    /// See [`Proposal::review`].
    pub review: f64,
    /// See [`Preview::sources`].
    pub sources: Sources,
    /// See [`Proposal::counts`].
    pub scores: anoseg_infer::VerdictScores,
    /// See [`Proposal::remarks`].
    pub remarks: Vec<String>,
    /// See [`Preview::regression`].
    pub regression: crate::regression::Told,
}

/// The models of a history, in words.
fn known(reader: &Reader) -> Result<String> {
    let models = reader.models()?;
    let names: Vec<String> = models
        .iter()
        .map(|model| format!("{} version {} ({:.16})", model.name, model.version, model.digest))
        .collect();
    Ok(if names.is_empty() { "no verdicts at all".to_owned() } else { names.join(", ") })
}
