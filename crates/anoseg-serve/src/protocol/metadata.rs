//! Health, and what the server and its models are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::output::Output;
use super::tensors::InputKind;
use crate::app::App;
use crate::failure::Failure;
use crate::repository::{Named, Served};

/// The program's name, which is also the platform of its models.
pub(crate) const NAME: &str = "anoseg";

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /v2`.
pub(crate) async fn server() -> Json<Value> {
    Json(json!({
        "name": NAME,
        "version": VERSION,
        "extensions": ["binary_tensor_data", "model_repository", "statistics"],
    }))
}

/// `GET /v2/health/live`.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`. The protocol asks for a status of 4xx where it is not.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Failure> {
    if app.is_ready() { Ok(Json(json!({ "ready": true }))) } else { Err(not_ready()) }
}

fn not_ready() -> Failure {
    Failure::new(
        StatusCode::BAD_REQUEST,
        "not_ready",
        "models are being loaded, or the server is about to end",
    )
}

/// `GET /v2/models/{model}[/versions/{version}]`.
pub(crate) async fn model(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Value>, Failure> {
    Ok(Json(metadata(&app, &*app.served(&named)?)))
}

/// `GET /v2/models/{model}[/versions/{version}]/ready`.
pub(crate) async fn model_ready(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Value>, Failure> {
    let served = app.served(&named)?;
    if app.is_stopping() {
        return Err(not_ready());
    }
    Ok(Json(json!({ "name": served.name, "version": served.version.to_string(), "ready": true })))
}

/// What a client asks before it sends images.
fn metadata(app: &App, served: &Served) -> Value {
    let versions: Vec<String> = app.repository.versions(&served.name).iter().map(u64::to_string).collect();
    let inputs = InputKind::ALL
        .map(|kind| json!({ "name": kind.name(), "datatype": kind.datatype(), "shape": kind.shape() }));
    let outputs = Output::ALL.map(
        |output| json!({ "name": output.name(), "datatype": output.datatype(), "shape": output.shape() }),
    );
    json!({
        "name": served.name,
        "versions": versions,
        "platform": NAME,
        "inputs": inputs,
        "outputs": outputs,
        "parameters": { "version": served.version.to_string(), "digest": served.digest },
    })
}

/// `GET /v2/models/stats`: all versions that are loaded.
pub(crate) async fn statistics(State(app): State<Arc<App>>) -> Json<Value> {
    Json(statistics_of(&app.repository.served()))
}

/// `GET /v2/models/{model}[/versions/{version}]/stats`: of a version, or of all versions of a model that are
/// loaded.
pub(crate) async fn model_statistics(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Value>, Failure> {
    Ok(Json(statistics_of(&served_as(&app, &named)?)))
}

/// The version that is named, or all versions of the model that are loaded.
///
/// # Errors
/// None is.
pub(crate) fn served_as(app: &App, named: &Named) -> Result<Vec<Arc<Served>>, Failure> {
    let served = app.served(named)?;
    if named.version.is_some() {
        return Ok(vec![served]);
    }
    let all = app.repository.served().into_iter().filter(|served| served.name == named.model);
    Ok(all.collect())
}

fn statistics_of(served: &[Arc<Served>]) -> Value {
    let all: Vec<_> =
        served.iter().map(|served| served.statistics.read(&served.name, served.version)).collect();
    json!({ "model_stats": all })
}
