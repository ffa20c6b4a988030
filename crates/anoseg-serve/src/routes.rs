//! The routes, and what is around each of them: an id, a name for its caller, figures, one form of
//! failures.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::FutureExt as _;

use crate::app::App;
use crate::audit::Asked;
use crate::auth::{Caller, Denied, Role};
use crate::failure::Failure;
use crate::{drift, history, host, openapi, page, predict, proposal, protocol, regression, thresholds, work};

/// The header with the id of a request, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let open = Router::new()
        .merge(page::router())
        .route("/healthz", get(healthz))
        .route("/openapi.json", get(openapi::document))
        .route("/v2/health/live", get(protocol::live))
        .route("/v2/health/ready", get(protocol::ready));
    let inspect = Router::new()
        .route("/metrics", get(metrics))
        .route("/v2", get(protocol::server))
        .route("/v2/models/{model}", get(protocol::model))
        .route("/v2/models/{model}/ready", get(protocol::model_ready))
        .route("/v2/models/stats", get(protocol::statistics))
        .route("/v2/models/{model}/stats", get(protocol::model_statistics))
        .route("/v2/models/{model}/versions/{version}/stats", get(protocol::model_statistics))
        .route("/v2/models/{model}/infer", post(protocol::infer))
        .route("/v2/models/{model}/versions/{version}", get(protocol::model))
        .route("/v2/models/{model}/versions/{version}/ready", get(protocol::model_ready))
        .route("/v2/models/{model}/versions/{version}/infer", post(protocol::infer))
        .route("/v1/history", get(history::page))
        .route("/v1/history/{id}", get(history::verdict))
        .route("/v1/history/{id}/thumbnail", get(history::thumbnail))
        .route("/v2/repository/index", post(protocol::index))
        .route("/v1/models/{model}/calibration", get(thresholds::calibration))
        .route("/v1/models/{model}/versions/{version}/calibration", get(thresholds::calibration))
        .route("/v1/models/{model}/drift", get(drift::drift))
        .route("/v1/models/{model}/versions/{version}/drift", get(drift::drift))
        .route("/v1/models/{model}/proposal", get(proposal::proposal))
        .route("/v1/models/{model}/versions/{version}/proposal", get(proposal::proposal))
        .route("/v1/models/{model}/regression", get(regression::regression))
        .route("/v1/models/{model}/versions/{version}/regression", get(regression::regression))
        .route("/v1/models/{model}/predict", post(predict::predict))
        .route("/v1/models/{model}/versions/{version}/predict", post(predict::predict));
    let admin = Router::new()
        .route("/v2/repository/models/{model}/load", post(protocol::load))
        .route("/v2/repository/models/{model}/unload", post(protocol::unload))
        .route("/v2/repository/models/{model}/versions/{version}/load", post(protocol::load))
        .route("/v2/repository/models/{model}/versions/{version}/unload", post(protocol::unload));
    let feedback = Router::new().route("/v1/history/{id}/feedback", post(history::feedback));
    let role = |role: Role| {
        let app = app.clone();
        move |request: Request, next: Next| authorise(app.clone(), role, request, next)
    };
    open.merge(inspect.route_layer(from_fn(role(Role::Inspect))))
        .merge(feedback.route_layer(from_fn(role(Role::Feedback))))
        .merge(admin.route_layer(from_fn(role(Role::Admin))))
        .fallback(async || Failure::of_status(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(app.clone(), host::check))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}

/// `GET /healthz`: the process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /metrics`.
async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let text = app.metrics.text(app.pool.waiting(), &app.repository.served(), app.settings.drift);
    let text = text.map_err(|error| Failure::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Lets a request through whose token has the role, with the name of its caller.
async fn authorise(app: Arc<App>, role: Role, mut request: Request, next: Next) -> Result<Response, Failure> {
    let Caller { name } = caller(&app, request.headers(), role)?;
    if let Some(asked) = request.extensions_mut().get_mut::<Asked>() {
        asked.who = name;
    }
    Ok(next.run(request).await)
}

/// Who sent a request with these headers.
///
/// # Errors
/// The token is missing or unknown, or does not have the role.
pub(crate) fn caller(app: &App, headers: &HeaderMap, role: Role) -> Result<Caller, Failure> {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    app.settings.tokens.check(authorization, role).map_err(|denied| match denied {
        Denied::Unknown => Failure::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "give a token: Authorization: Bearer TOKEN",
        ),
        Denied::Role => Failure::new(StatusCode::FORBIDDEN, "forbidden", "the token does not allow this"),
    })
}

/// Gives a request its id, catches panics, gives failures their body, and counts.
async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let method = request.method().clone();
    request.extensions_mut().insert(Asked { who: None, request_id: Some(id.as_str().into()) });
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|panic| work::panicked(&*panic).into_response());
    let status = response.status();
    let mut code = "";
    if status.is_client_error() || status.is_server_error() {
        let failure = response.extensions_mut().remove::<Failure>();
        let failure = failure.unwrap_or_else(|| Failure::of_status(status));
        code = failure.code;
        app.metrics.failed(code);
        let mut full = failure.respond(&id);
        // Such as Allow, which tells the methods of a path.
        full.headers_mut()
            .extend(response.headers_mut().remove(header::ALLOW).map(|value| (header::ALLOW, value)));
        response = full;
    }
    let time = begun.elapsed();
    app.metrics.answered(&route, status.as_u16(), time);
    let milliseconds = time.as_secs_f64() * 1000.0;
    // What this server does not have is the client's mistake.
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        tracing::error!(request_id = id, %method, route, status = status.as_u16(), code, milliseconds);
    } else {
        tracing::debug!(request_id = id, %method, route, status = status.as_u16(), code, milliseconds);
    }
    response.headers_mut().extend(HeaderValue::from_str(&id).ok().map(|id| (REQUEST_ID, id)));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The id that the client gave, where it is short and plain, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_plain);
    given.map_or_else(new_id, str::to_owned)
}

/// A number that counts up, from a start that differs between processes.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_micros() as u64
    });
    format!("{:x}-{:x}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}
