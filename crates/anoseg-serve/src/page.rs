//! The page for operators, embedded in the program: `GET /`, and its parts below `/page/`.
//!
//! It has no secrets and needs no token; what it shows comes from the other routes, with the token that its user
//! enters. The files are in the crate's folder `page`, as they are served: no build step makes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::app::App;
use crate::failure::Failure;

/// A part of the page.
struct Part {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The parts by their names in the folder.
macro_rules! parts {
    ($($name:literal: $kind:expr,)*) => {
        [$(Part { name: $name, kind: $kind, text: include_str!(concat!("../page/", $name)) },)*]
    };
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page itself.
const PAGE: &str = include_str!("../page/index.html");

/// Everything that it loads.
static PARTS: [Part; 27] = parts! {
    "style.css": STYLE,
    "history.css": STYLE,
    "icon.svg": "image/svg+xml",
    "main.js": SCRIPT,
    "strings.js": SCRIPT,
    "dom.js": SCRIPT,
    "server.js": SCRIPT,
    "token.js": SCRIPT,
    "inspect.js": SCRIPT,
    "camera.js": SCRIPT,
    "stage.js": SCRIPT,
    "thresholds.js": SCRIPT,
    "rates.js": SCRIPT,
    "models.js": SCRIPT,
    "figures.js": SCRIPT,
    "charts.js": SCRIPT,
    "route.js": SCRIPT,
    "plural.js": SCRIPT,
    "strings_history.js": SCRIPT,
    "history.js": SCRIPT,
    "filter.js": SCRIPT,
    "verdict.js": SCRIPT,
    "thumbnails.js": SCRIPT,
    "feedback.js": SCRIPT,
    "proposal.js": SCRIPT,
    "comparison.js": SCRIPT,
    "drift.js": SCRIPT,
};

/// Scripts, styles and data of this server alone; images that the user gave (`blob:`). No other page may show this
/// one in a frame, and no text becomes HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// What every part is sent with.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Another version of the program has another page.
    (header::CACHE_CONTROL, "no-cache"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// The routes of the page.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || respond("text/html; charset=utf-8", PAGE)))
        .route("/page/{part}", get(part))
}

/// `GET /page/{part}`. The name is looked up in the list above and never becomes a path.
async fn part(Path(name): Path<String>) -> Result<Response, Failure> {
    let part = PARTS.iter().find(|part| part.name == name);
    let part = part.ok_or_else(|| Failure::of_status(StatusCode::NOT_FOUND))?;
    Ok(respond(part.kind, part.text))
}

fn respond(kind: &'static str, text: &'static str) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}
