//! How a version decides beside the former one, before it takes its place: on the images of the history that
//! feedback was given on.

use std::sync::Arc;

use anoseg_history::comparison;
use anoseg_history::now;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::app::App;
use crate::audit::{Asked, Entry};
use crate::failure::Failure;
use crate::repository::{Named, Served};

/// Changes that are listed.
pub(crate) const MOST_CHANGES: usize = 50;

/// A comparison with the former version, as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    former: Former,
    /// When it was made, in milliseconds since 1970.
    time: i64,
    #[serde(flatten)]
    pub(crate) comparison: comparison::Told,
}

/// The version that was served before.
#[derive(Debug, Serialize)]
struct Former {
    version: String,
    digest: String,
}

/// What log and audit log tell of a report.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Counted<'a> {
    former_version: &'a str,
    former_digest: &'a str,
    images: usize,
    complete: bool,
    changed: u64,
    worse: u64,
    better: u64,
    missed_defects: [u64; 2],
    false_rejects: [u64; 2],
}

impl Report {
    pub(crate) fn new(former: &Served, comparison: comparison::Told) -> Self {
        let former = Former { version: former.version.to_string(), digest: former.digest.clone() };
        Self { former, time: now(), comparison }
    }

    /// Why the version is refused, if it decides more images worse than allowed.
    pub(crate) fn refusal(&self, most: u64) -> Option<String> {
        let Counted { former_version, images, worse, missed_defects, false_rejects, .. } = self.counted();
        let ([missed, missed_now], [rejected, rejected_now]) = (missed_defects, false_rejects);
        (worse > most).then(|| {
            format!(
                "it decides {worse} of {images} images with feedback worse than version {former_version}, and {most} \
                 are allowed: missed defects {missed} -> {missed_now}, false rejects {rejected} -> {rejected_now}"
            )
        })
    }

    fn counted(&self) -> Counted<'_> {
        let comparison::Told { images, complete, regression, .. } = &self.comparison;
        Counted {
            former_version: &self.former.version,
            former_digest: &self.former.digest,
            images: *images,
            complete: *complete,
            changed: regression.changed,
            worse: regression.worse,
            better: regression.better,
            missed_defects: regression.missed_defects,
            false_rejects: regression.false_rejects,
        }
    }
}

impl App {
    /// Tells in the log and in the audit log how a version that was loaded decides.
    pub(crate) fn compared(&self, served: &Served, asked: &Asked) {
        let Some(report) = &served.regression else { return };
        let counted = report.counted();
        let Counted { former_version: former, images, changed, worse, better, .. } = counted;
        let ([missed_before, missed], [rejected_before, rejected]) =
            (counted.missed_defects, counted.false_rejects);
        let (model, version) = (&served.name, served.version);
        let what = "compared with the former version";
        if worse > 0 {
            tracing::warn!(
                model,
                version,
                former,
                images,
                changed,
                worse,
                better,
                missed_before,
                missed,
                rejected_before,
                rejected,
                "{what}: it decides images with feedback worse"
            );
        } else {
            tracing::info!(model, version, former, images, changed, better, "{what}");
        }
        self.write_down(&Entry::regression(asked, served, counted));
    }
}

/// A report, and the version that it is of.
#[derive(Serialize)]
struct Told<'a> {
    model: &'a str,
    version: String,
    digest: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

/// `GET /v1/models/{model}[/versions/{version}]/regression`: how the version decides beside the former one.
pub(crate) async fn regression(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Response, Failure> {
    let served = app.served(&named)?;
    let report = served.regression.as_deref().ok_or_else(|| {
        let message = "this version was not compared with a former one: that takes --history with feedback whose \
                       images were kept, and another version that is served when this one is loaded";
        Failure::new(StatusCode::NOT_FOUND, "no_regression", message)
    })?;
    let Served { name, version, digest, .. } = &*served;
    Ok(Json(Told { model: name, version: version.to_string(), digest, report }).into_response())
}
