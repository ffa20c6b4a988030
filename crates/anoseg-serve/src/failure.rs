//! Why a request is not answered as it asked: one form for every route.

use anoseg::{Error, ErrorKind, ModelFault};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A failed request: status, a name for programs, a message for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// A name that stays the same, such as `queue_full`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Seconds after which another attempt is worth it.
    pub(crate) retry_after: Option<u64>,
}

/// The body of a failed request. The Open Inference Protocol asks for `error`.
#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    code: &'a str,
    request_id: &'a str,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// 400: the request is malformed.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 404: no such model or version is loaded.
    pub(crate) fn unknown_model(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_model", message)
    }

    /// 413: a limit on a body, or on the number of images, is exceeded.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 429: as much as allowed is waiting already.
    pub(crate) fn busy(code: &'static str, message: impl Into<String>, seconds: u64) -> Self {
        let failure = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        Self { retry_after: Some(seconds.max(1)), ..failure }
    }

    /// 504: the time for a request is over.
    pub(crate) fn deadline() -> Self {
        let message = "the time for a request was over before its result was there";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline", message)
    }

    /// 500: a fault of this program.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The failure of a status that a library answered with, such as 405 of the router.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::BAD_REQUEST => {
                ("bad_request", "a part of the path is not what the route takes, such as a number")
            }
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path has other methods"),
            _ => ("refused", status.canonical_reason().unwrap_or("refused")),
        };
        Self::new(status, code, message)
    }

    /// The response with its body, for the request of this id.
    pub(crate) fn respond(&self, request_id: &str) -> Response {
        let body = Body { error: &self.message, code: self.code, request_id };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], text).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Error> for Failure {
    /// Images are the client's, everything else is ours. A model that gave finite values when it was
    /// loaded gives others because of an image, such as one of huge floats.
    fn from(error: Error) -> Self {
        if let Error::Model { fault: fault @ ModelFault::NotFinite, .. } = &error {
            return Self::new(StatusCode::BAD_REQUEST, "bad_image", fault.to_string());
        }
        match error.kind() {
            ErrorKind::Data => Self::new(StatusCode::BAD_REQUEST, "bad_image", error.to_string()),
            ErrorKind::Arguments => Self::bad_request(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    /// Without a body: the outermost layer writes it, because it knows the id of the request.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
