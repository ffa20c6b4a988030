//! `GET /v1/models/{model}[/versions/{version}]/proposal`: what the thresholds would become.

use std::sync::Arc;

use anoseg_history::proposal::{Preview, Request, Told};
use anoseg_history::thresholds::Sources;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::failure::Failure;
use crate::history::{asked_for, on_disk};
use crate::regression::MOST_CHANGES;
use crate::repository::Named;

/// Proposals that are computed at a time: each reads all verdicts of a model.
pub(crate) const MOST_AT_A_TIME: usize = 2;

/// The query of a proposal.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asks {
    unquestioned: bool,
    calibration: bool,
    since: Option<i64>,
    false_reject: Option<f64>,
    review: Option<f64>,
}

impl Default for Asks {
    fn default() -> Self {
        let Sources { calibration, unquestioned } = Sources::default();
        Self { unquestioned, calibration, since: None, false_reject: None, review: None }
    }
}

/// A proposal, and the version that it is for.
#[derive(Serialize)]
pub(crate) struct Proposed {
    model: String,
    version: String,
    digest: String,
    #[serde(flatten)]
    told: Told,
}

/// The thresholds that follow from feedback, and the decisions that would change. Nothing is changed.
pub(crate) async fn proposal(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    query: Result<Query<Asks>, QueryRejection>,
) -> Result<Json<Proposed>, Failure> {
    let Asks { unquestioned, calibration, since, false_reject, review } = asked_for(query)?;
    let sources = Sources { calibration, unquestioned };
    let request = Request { sources, since, false_reject, review, changes: MOST_CHANGES };
    let served = app.served(&named)?;
    app.history()?;
    let Ok(permit) = app.proposals.clone().try_acquire_owned() else {
        return Err(Failure::busy("queue_full", "other proposals are being computed; try again later", 1));
    };
    let proposed = on_disk(app, move |_, history| {
        let _permit = permit;
        let (reader, description) = (history.reader(), served.model.description());
        let told = Preview::of(reader, description, &served.key.network, &request)?.told(reader)?;
        let (model, version) = (served.name.clone(), served.version.to_string());
        Ok(Proposed { model, version, digest: served.digest.clone(), told })
    });
    Ok(Json(proposed.await?))
}
