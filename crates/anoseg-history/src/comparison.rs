//! Two models on the images of a history that feedback was given on.
//!
//! Both judge the same files now: what was recorded may be by thresholds of a request, and the file that an operator
//! gave with the feedback may be another one than was inspected. Only where there is no former model is the
//! recorded verdict taken in its place.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anoseg_image::{Limits, decode, read};
use anoseg_infer::{Decision, Model};
use serde::Serialize;

use crate::originals::Originals;
use crate::regression::{Change, Regression};
use crate::{FeedbackFilter, Filter, Reader, Result, VerdictRow};

/// Verdicts that are read at a time.
const PAGE: usize = 200;

/// A model to judge images with.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The model, with thresholds.
    pub model: &'a Model,
    /// Its [`ModelKey::network`](crate::ModelKey::network). An image is inspected once where both have the same.
    pub network: &'a str,
}

/// Bounds of a comparison.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// The newest so many images are judged, at most.
    pub images: usize,
    /// No further image is begun after this time.
    pub time: Duration,
    /// Limits on each image.
    pub limits: &'a Limits,
    /// Changes that are listed, at most.
    pub changes: usize,
    /// Whether to end early.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// How two models decide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Images with feedback whose file was kept, at most as many as were to be judged.
    pub available: usize,
    /// Images that were judged.
    pub images: usize,
    /// Images whose file is gone, damaged or too large, or that a model cannot judge.
    pub left_out: usize,
    /// Whether no image is missing because of the time.
    pub complete: bool,
    /// Seconds that it took.
    pub seconds: f64,
    /// What changes.
    pub regression: Regression,
}

/// What is told of a comparison beside the models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// See [`Comparison::seconds`].
    pub seconds: f64,
    /// See [`Comparison::available`].
    pub available: usize,
    /// See [`Comparison::images`].
    pub images: usize,
    /// See [`Comparison::left_out`].
    pub left_out: usize,
    /// See [`Comparison::complete`].
    pub complete: bool,
    /// See [`Comparison::regression`].
    pub regression: crate::regression::Told,
}

impl Comparison {
    /// Judges the newest images of the model that is served under `name`, by the `former` model, or as recorded
    /// without one, and by the `new` one. Of several verdicts on one file the newest counts. It computes on the
    /// rayon pool of the caller.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn of(
        reader: &Reader,
        name: &str,
        (former, new): (Option<Judge<'_>>, Judge<'_>),
        bounds: Bounds<'_>,
    ) -> Result<Self> {
        let begun = Instant::now();
        let images = images(reader, name, bounds.images)?;
        let mut comparison = Self { available: images.len(), complete: true, ..Self::default() };
        for row in &images {
            if begun.elapsed() >= bounds.time || (bounds.stopped)() {
                comparison.complete = false;
                break;
            }
            match judge(reader, row, (former, new), bounds.limits) {
                Some(change) => {
                    comparison.images += 1;
                    comparison.regression.add(change, bounds.changes);
                }
                None => comparison.left_out += 1,
            }
        }
        comparison.regression.sort(bounds.changes);
        comparison.seconds = begun.elapsed().as_secs_f64();
        Ok(comparison)
    }

    /// With the names of the images.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn told(&self, reader: &Reader) -> Result<Told> {
        let Self { available, images, left_out, complete, seconds, .. } = *self;
        let regression = self.regression.told(reader)?;
        Ok(Told { seconds, available, images, left_out, complete, regression })
    }
}

/// The newest verdicts with feedback and a file, each file once.
fn images(reader: &Reader, name: &str, most: usize) -> Result<Vec<VerdictRow>> {
    let feedback = Some(FeedbackFilter::With);
    let filter = Filter { model: Some(name.to_owned()), feedback, ..Filter::default() };
    let (mut images, mut seen, mut before) = (Vec::new(), HashSet::new(), None);
    while images.len() < most {
        let page = reader.page(&filter, before, PAGE)?;
        before = page.next;
        let new =
            page.rows.into_iter().filter(|row| row.original.clone().is_some_and(|file| seen.insert(file)));
        images.extend(new);
        if before.is_none() {
            break;
        }
    }
    images.truncate(most);
    Ok(images)
}

/// Score and decision of both; None where the image cannot be judged.
fn judge(
    reader: &Reader,
    row: &VerdictRow,
    (former, new): (Option<Judge<'_>>, Judge<'_>),
    limits: &Limits,
) -> Option<Change> {
    let digest = row.original.as_deref()?;
    let path = reader.original(digest);
    let content = read::regular(&path, limits.max_file_bytes).ok()?;
    if Originals::digest(&content) != digest {
        return None;
    }
    let image = decode::load_bytes(&content, &path, limits).ok()?;
    let verdict = |judge: Judge<'_>, score: Option<f32>| -> Option<(f32, Decision)> {
        let score = score.map_or_else(|| Some(judge.model.analyse(&image).ok()?.score), Some)?;
        Some((score, judge.model.calibration().ok()?.decide(score)))
    };
    let after = verdict(new, None)?;
    let before = match former {
        Some(former) => verdict(former, (former.network == new.network).then_some(after.0))?,
        None => (row.score, row.decision),
    };
    Some(Change {
        verdict: row.id,
        scores: [before.0, after.0],
        before: before.1,
        after: after.1,
        feedback: row.feedback,
    })
}
