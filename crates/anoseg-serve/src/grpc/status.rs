//! Failures as gRPC has them, and the other way around.

use std::error::Error as _;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use tonic::{Code, Status};

use crate::failure::Failure;

/// The metadata with the name of a failure, such as `queue_full`.
const CODE: HeaderName = HeaderName::from_static("anoseg-code");

/// The metadata by which clients that retry are told after how many milliseconds.
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// The code of gRPC for a status of HTTP.
fn code(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        409 => Code::FailedPrecondition,
        413 | 429 => Code::ResourceExhausted,
        408 | 504 => Code::DeadlineExceeded,
        501 => Code::Unimplemented,
        400..=499 => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let mut status = Self::new(code(failure.status), failure.message.clone());
        status.set_source(Arc::new(failure));
        status
    }
}

/// The failure that a response tells; None where it tells none.
///
/// What tonic itself answers with is a fault of the message: all else was checked before, and is a [`Failure`].
pub(super) fn failure_of(response: &Response) -> Option<Failure> {
    let status = response.extensions().get::<Status>().filter(|status| status.code() != Code::Ok)?;
    if let Some(failure) = status.source().and_then(|source| source.downcast_ref::<Failure>()) {
        return Some(failure.clone());
    }
    Some(match status.code() {
        Code::Unimplemented => unimplemented(status.message()),
        _ => Failure::bad_request(format!("the message is none of this method: {}", status.message())),
    })
}

/// 501: a method, or a way to call it, that the server does not have.
pub(super) fn unimplemented(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::NOT_IMPLEMENTED, "unimplemented", message)
}

/// The response of a failed call.
pub(super) fn respond(failure: Failure) -> Response {
    let (name, retry_after) = (failure.code, failure.retry_after);
    let mut response: Response = Status::from(failure).into_http();
    let headers = response.headers_mut();
    headers.insert(CODE, HeaderValue::from_static(name));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(PUSHBACK, HeaderValue::from(seconds.saturating_mul(1000)));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_its_code_its_name_and_the_time_to_wait() {
        for (failure, number) in [
            (Failure::bad_request("x"), "3"),
            (Failure::unknown_model("x"), "5"),
            (Failure::too_large("x"), "8"),
            (Failure::deadline(), "4"),
            (Failure::internal("x"), "13"),
            (unimplemented("x"), "12"),
            (Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "x"), "16"),
            (Failure::new(StatusCode::FORBIDDEN, "forbidden", "x"), "7"),
            (Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", "x"), "3"),
        ] {
            let response = respond(failure.clone());
            assert_eq!(response.headers()["grpc-status"], number);
            assert_eq!(response.headers()["anoseg-code"], failure.code);
            assert_eq!(failure_of(&response), Some(failure));
        }
        let busy = respond(Failure::busy("queue_full", "später\n", 3));
        assert_eq!(
            (&busy.headers()["retry-after"], &busy.headers()["grpc-retry-pushback-ms"]),
            (&HeaderValue::from(3), &HeaderValue::from(3000))
        );
        assert_eq!(busy.headers()["grpc-message"], "sp%C3%A4ter%0A");
    }

    #[test]
    fn what_the_library_refuses_is_a_fault_of_the_message() {
        let response: Response = Status::internal("failed to decode").into_http();
        assert_eq!(failure_of(&response).unwrap().code, "bad_request");
        assert!(failure_of(&Response::default()).is_none());
    }
}
