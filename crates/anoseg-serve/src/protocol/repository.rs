//! The extension `model_repository`: what is there, loading and unloading.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::audit::Asked;
use crate::failure::Failure;
use crate::repository::{Change, Listed, Named, Refused, Repository, version};

/// The body of a request for the index.
#[derive(Default, Deserialize)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

/// The body of a request to load or unload.
#[derive(Default, Deserialize)]
struct ChangeRequest {
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// `POST /v2/repository/index`.
pub(crate) async fn index(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Vec<Listed>>, Failure> {
    let IndexRequest { ready } = body(&app, request).await?;
    Ok(Json(app.repository.index(ready)))
}

/// `POST /v2/repository/models/{model}[/versions/{version}]/load`: the highest version, unless one is named.
pub(crate) async fn load(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    Extension(asked): Extension<Asked>,
    request: Request,
) -> Result<Json<Value>, Failure> {
    let version = version_of(&app, &named, request).await?;
    change(app, asked, move |repository, tell| repository.load(&named.model, version, tell)).await?;
    Ok(Json(json!({})))
}

/// `POST /v2/repository/models/{model}[/versions/{version}]/unload`: all versions, unless one is named. Without its
/// highest version a model is served by the next one.
pub(crate) async fn unload(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    Extension(asked): Extension<Asked>,
    request: Request,
) -> Result<Json<Value>, Failure> {
    let version = version_of(&app, &named, request).await?;
    change(app, asked, move |repository, tell| repository.unload(&named.model, version, tell)).await?;
    Ok(Json(json!({})))
}

/// The version that the path names, otherwise the request's parameter.
async fn version_of(app: &App, named: &Named, request: Request) -> Result<Option<u64>, Failure> {
    let ChangeRequest { parameters } = body(app, request).await?;
    let parameter = version_in(parameters.keys(), parameters.get("version").map(text_of))?;
    Ok(named.version.as_deref().map(number_in).transpose()?.or(parameter))
}

/// A version as text, whether it is a string or a number.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Runs a change on a thread that may wait, and to its end even where the client goes.
///
/// # Errors
/// There is no such version, or it cannot be loaded.
pub(crate) async fn change(
    app: Arc<App>,
    asked: Asked,
    work: impl FnOnce(&Repository, &mut dyn FnMut(&Change)) -> Result<(), Refused> + Send + 'static,
) -> Result<(), Failure> {
    let changing =
        tokio::task::spawn_blocking(move || work(&app.repository, &mut |change| app.changed(change, &asked)));
    match changing.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refused @ Refused::Unknown)) => Err(Failure::unknown_model(refused.to_string())),
        Ok(Err(refused @ Refused::Unusable(_))) => {
            Err(Failure::new(StatusCode::CONFLICT, "not_loaded", refused.to_string()))
        }
        Err(_) => Err(Failure::internal("a fault of this program while the models were changed")),
    }
}

/// The JSON of a body that may be empty.
async fn body<T: Default + for<'de> Deserialize<'de>>(app: &App, request: Request) -> Result<T, Failure> {
    let (parts, body) = request.into_parts();
    let received = app.intake.read(&parts.headers, body).await?;
    if received.bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&received.bytes)
        .map_err(|error| Failure::bad_request(format!("the request is no JSON of the protocol: {error}")))
}

/// The parameter `version` among those of these names. Models come from the folder alone, so that files and
/// configurations in a request are refused.
///
/// # Errors
/// A parameter is refused, or the version is no number.
pub(crate) fn version_in<'a>(
    names: impl IntoIterator<Item = &'a String>,
    version: Option<String>,
) -> Result<Option<u64>, Failure> {
    if names.into_iter().any(|name| name.starts_with("file:") || name == "config") {
        return Err(Failure::bad_request("models are loaded from the repository alone"));
    }
    version.as_deref().map(number_in).transpose()
}

fn number_in(text: &str) -> Result<u64, Failure> {
    version(text).ok_or_else(|| Failure::unknown_model("a version is a whole number above 0"))
}
