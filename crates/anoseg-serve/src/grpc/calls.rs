//! What is around each call: an id, a name for its caller, its deadline, its whole message, figures, one form of
//! failures. The same as around the routes of HTTP.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;

use super::methods::Method;
use super::{status, wire};
use crate::app::App;
use crate::audit::Asked;
use crate::failure::Failure;
use crate::held::Share;
use crate::{host, routes, work};

/// The time that a client gives a call.
const TIMEOUT: &str = "grpc-timeout";

/// Most bytes of a message without images.
const MOST_SMALL: u64 = 64 << 10;

/// What a handler is told of a call.
#[derive(Clone)]
pub(super) struct Call {
    /// When its time is over.
    pub(super) deadline: Instant,
    pub(super) asked: Asked,
    /// The memory of its message.
    pub(super) share: Arc<Share>,
}

/// Answers a call, and writes down how it went.
pub(super) async fn answer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = routes::request_id(request.headers());
    let method = Method::at(request.uri().path());
    let is_call = request.method() == Verb::POST && is_grpc(request.headers());
    let handled = AssertUnwindSafe(handle(&app, method, &id, begun, request, next)).catch_unwind().await;
    let handled = handled.unwrap_or_else(|panic| Err(work::panicked(&*panic)));
    let handled = handled.and_then(|response| status::failure_of(&response).map_or(Ok(response), Err));
    let (status, code) =
        handled.as_ref().err().map_or((StatusCode::OK, ""), |failure| (failure.status, failure.code));
    if !code.is_empty() {
        app.metrics.failed(code);
    }
    let mut response = handled
        .unwrap_or_else(|failure| if is_call { status::respond(failure) } else { failure.respond(&id) });
    let (route, status, time) =
        (method.map_or("other", |method| method.path), status.as_u16(), begun.elapsed());
    app.metrics.answered(route, status, time);
    let milliseconds = time.as_secs_f64() * 1000.0;
    if status >= 500 {
        tracing::error!(request_id = id, route, status, code, milliseconds);
    } else {
        tracing::debug!(request_id = id, route, status, code, milliseconds);
    }
    response.headers_mut().extend(HeaderValue::from_str(&id).ok().map(|id| (routes::REQUEST_ID, id)));
    response
}

/// Checks a call, reads its message and passes it on.
async fn handle(
    app: &App,
    method: Option<&'static Method>,
    id: &str,
    begun: Instant,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if request.method() != Verb::POST || !is_grpc(request.headers()) {
        let message = "this port answers gRPC; the routes of HTTP are at another one";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_grpc", message));
    }
    let address = app.settings.grpc.unwrap_or(app.settings.address);
    host::allow(&app.settings, address, &request)?;
    let path = request.uri().path();
    let method =
        method.ok_or_else(|| status::unimplemented(format!("{path} is no method of this server")))?;
    let who = match method.role {
        Some(role) => routes::caller(app, request.headers(), role)?.name,
        None => None,
    };
    let (mut parts, body) = request.into_parts();
    let deadline = begun
        + timeout(&parts.headers)?.map_or(app.settings.deadline, |time| time.min(app.settings.deadline));
    let most = if method.has_images { app.settings.most_body } else { MOST_SMALL };
    let received = app.intake.read_at_most(most, &parts.headers, body);
    let received = tokio::time::timeout_at(deadline.into(), received).await;
    let mut received = received.map_err(|_| Failure::deadline())??;
    let message = wire::message(received.bytes.clone())?;
    if method.has_images {
        let further = wire::further_bytes(message, app.settings.most_images)?;
        app.intake.grow(&mut received.share, further)?;
    }
    let asked = Asked { who, request_id: Some(id.into()) };
    parts.extensions.insert(Call { deadline, asked, share: Arc::new(received.share) });
    Ok(next.run(Request::from_parts(parts, Body::from(received.bytes))).await)
}

/// Whether the content is gRPC with messages of Protocol Buffers.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE).and_then(|content| content.to_str().ok());
    let content = content.and_then(|content| content.split(';').next()).map(str::trim);
    content.is_some_and(|content| ["application/grpc", "application/grpc+proto"].contains(&content))
}

/// The header with the time for a call: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let time = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| is_number)?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    });
    time.map(Some).ok_or_else(|| Failure::bad_request("grpc-timeout is a number and one of H, M, S, m, u, n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_for_a_call_has_a_unit() {
        let read =
            |text: &str| timeout(&HeaderMap::from_iter([(TIMEOUT.parse().unwrap(), text.parse().unwrap())]));
        for (text, time) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("99999999S", Duration::from_secs(99_999_999)),
            ("5m", Duration::from_millis(5)),
            ("6u", Duration::from_micros(6)),
            ("7n", Duration::from_nanos(7)),
        ] {
            assert_eq!(read(text), Ok(Some(time)), "{text}");
        }
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "+1S", "1.5S", "1 S"] {
            assert_eq!(read(text).unwrap_err().code, "bad_request", "{text}");
        }
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
    }
}
