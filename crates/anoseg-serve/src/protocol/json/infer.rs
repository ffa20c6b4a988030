//! `POST /v2/models/{model}/infer`.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::input::{self, Input};
use super::output::{self, Written};
use crate::app::App;
use crate::audit::Asked;
use crate::failure::Failure;
use crate::inspect::Inspector;
use crate::options::Options;
use crate::protocol::inspect;
use crate::protocol::output::Output;
use crate::protocol::parameters::Parameters;
use crate::repository::Named;
use crate::thresholds::Chosen;

/// The length of the JSON of a body, where tensors follow it as bytes.
const JSON_LENGTH: &str = "inference-header-content-length";

/// A request's JSON.
#[derive(Deserialize)]
struct InferRequest<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    outputs: Option<Vec<output::Asked>>,
}

/// An answer's JSON.
#[derive(Serialize)]
struct InferResponse<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
    outputs: Vec<Written>,
}

/// One version of a model.
pub(crate) async fn infer(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    Extension(asked): Extension<Asked>,
    request: Request,
) -> Result<Response, Failure> {
    let served = app.served(&named)?;
    let deadline = Instant::now() + app.settings.deadline;
    let (parts, body) = request.into_parts();
    let json_length = json_length(&parts.headers)?;
    let received = app.intake.read(&parts.headers, body).await?;
    let answer = app.compute(served, deadline, move |app, served, turn| {
        let inspector = Inspector { app, served, asked: &asked, turn, chosen: None };
        answer(&inspector, &received.bytes, json_length)
    });
    Ok(respond(&app, answer.await?))
}

/// The header with the length of the JSON.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Failure> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|value| value.trim().parse().ok());
    length.map(Some).ok_or_else(|| Failure::bad_request(format!("{JSON_LENGTH} must be a number of bytes")))
}

/// JSON, and the bytes of tensors behind it.
struct Answer {
    json: Vec<u8>,
    binary: Vec<u8>,
}

/// Reads the request, inspects its images one after the other, and writes the answer.
fn answer(inspector: &Inspector<'_>, body: &Bytes, json_length: Option<usize>) -> Result<Answer, Failure> {
    let length = json_length.unwrap_or(body.len());
    if length > body.len() {
        let message = format!("{JSON_LENGTH} is {length}, and the body has {} bytes", body.len());
        return Err(Failure::bad_request(message));
    }
    let (json, binary) = (body.slice(..length), body.slice(length..));
    let request: InferRequest<'_> = serde_json::from_slice(&json)
        .map_err(|error| Failure::bad_request(format!("the request is no JSON of the protocol: {error}")))?;
    let wanted = output::wanted(request.outputs.as_deref(), &request.parameters)?;
    let (options, limits) = (Options::of_parameters(&request.parameters)?, &inspector.app.settings.limits);
    let chosen = Chosen::of(options, &inspector.served.model, limits)?;
    let inspector = &Inspector { chosen: chosen.as_ref(), ..*inspector };
    let images = input::images(request.inputs, binary, inspector.app.settings.most_images)?;
    let with_map = wanted.iter().any(|wanted| wanted.output == Output::Map);
    let outcomes = inspect(inspector, images, with_map)?;
    let begun = Instant::now();
    let mut binary = Vec::new();
    let outputs = wanted.iter().map(|&wanted| output::write(wanted, &outcomes, &mut binary));
    let response = InferResponse {
        model_name: &inspector.served.name,
        model_version: inspector.served.version.to_string(),
        parameters: Parameters::of(&outcomes, inspector.chosen)?,
        outputs: outputs.collect::<Result<_, _>>()?,
        id: request.id,
    };
    let json = serde_json::to_vec(&response).map_err(|error| Failure::internal(error.to_string()))?;
    inspector.served.statistics.output.add(begun.elapsed());
    Ok(Answer { json, binary })
}

fn respond(app: &App, Answer { mut json, binary }: Answer) -> Response {
    if binary.is_empty() {
        return ([(header::CONTENT_TYPE, "application/json")], Body::new(app.held.answer(json)))
            .into_response();
    }
    let length = HeaderValue::from(json.len());
    json.extend(binary);
    let body = Body::new(app.held.answer(json));
    let mut response = ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response();
    response.headers_mut().insert(JSON_LENGTH, length);
    response
}
