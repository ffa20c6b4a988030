//! `GET /openapi.json`: the description of all routes. It has no secrets and needs no token, as the page.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The document; `docs/schemas/openapi.json` of the project.
const DOCUMENT: &str = include_str!("../../../docs/schemas/openapi.json");

/// `GET /openapi.json`.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
