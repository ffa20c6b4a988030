//! `GET /v1/models/{model}[/versions/{version}]/drift`.

use std::sync::Arc;

use anoseg_history::drift::Status;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::repository::Named;

/// How the images of a version stand.
#[derive(Serialize)]
pub(crate) struct Told {
    model: String,
    version: String,
    digest: String,
    /// Each monitor raises at most one false alarm in so many images, on average.
    images_per_false_alarm: u64,
    /// Share of images with defects that is expected.
    defects: f64,
    /// Shares of good images rejected, and rejected or reviewed, that the thresholds are for.
    false_reject: f64,
    review: f64,
    #[serde(flatten)]
    status: Status,
}

/// How the images of a version stand.
pub(crate) async fn drift(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Told>, Failure> {
    let served = app.served(&named)?;
    app.history()?;
    let watch = served.drift.as_ref();
    let watch =
        watch.ok_or_else(|| Failure::internal("the history could not be read when the model was loaded"))?;
    let calibration = served.model.calibration()?;
    let settings = app.settings.drift;
    Ok(Json(Told {
        model: served.name.clone(),
        version: served.version.to_string(),
        digest: served.digest.clone(),
        images_per_false_alarm: settings.images_per_false_alarm,
        defects: settings.defects,
        false_reject: calibration.false_reject,
        review: calibration.review,
        status: watch.status(),
    }))
}
