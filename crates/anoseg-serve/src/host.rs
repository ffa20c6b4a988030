//! Protection from pages in a browser: they must not use a server that has no tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::Settings;
use crate::app::App;
use crate::failure::Failure;

/// Refuses requests of pages of other origins. A server that is open on a loopback address also refuses
/// other host names than that of the machine itself: a page can give a name of its own the address
/// 127.0.0.1.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    allow(&app.settings, app.settings.address, &request)?;
    Ok(next.run(request).await)
}

/// The same for a request that came to `address`.
///
/// # Errors
/// It is refused.
pub(crate) fn allow(settings: &Settings, address: SocketAddr, request: &Request) -> Result<(), Failure> {
    let local = address.ip().is_loopback() && settings.tokens.count() == 0;
    if is_allowed(request.headers(), request.uri().host(), local, settings.tls.is_some()) {
        return Ok(());
    }
    let message = "requests of other web pages, or to another host, are not answered";
    Err(Failure::new(StatusCode::FORBIDDEN, "other_origin", message))
}

/// `encrypted`: by this server. Without it, a proxy may be.
fn is_allowed(headers: &HeaderMap, uri_host: Option<&str>, local: bool, encrypted: bool) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST);
    if let Some(origin) = text(header::ORIGIN) {
        let own = origin.split_once("://").is_some_and(|(scheme, of_origin)| {
            // A page that came without encryption may be anybody's.
            host == Some(of_origin) && (scheme == "https" || (scheme == "http" && !encrypted))
        });
        if !own {
            return false;
        }
    }
    !local || uri_host.or(host).is_none_or(is_this_machine)
}

/// Whether a host with or without its port is a name of this machine.
fn is_this_machine(host: &str) -> bool {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.3.4.5", "[::1]:80", "[::1]", "::1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", "example.com", "localhost.example.com", "127.0.0.1.example.com:80", "10.0.0.1:80", "?"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn other_origins_are_refused() {
        let allowed = |origin: Option<&str>, local| {
            let mut headers = HeaderMap::from_iter([(header::HOST, "127.0.0.1:8000".parse().unwrap())]);
            headers.extend(origin.map(|origin| (header::ORIGIN, origin.parse().unwrap())));
            is_allowed(&headers, None, local, false)
        };
        for local in [false, true] {
            assert!(allowed(None, local) && allowed(Some("http://127.0.0.1:8000"), local));
            assert!(!allowed(Some("null"), local) && !allowed(Some("https://example.com"), local));
        }
        let rebound = HeaderMap::from_iter([(header::HOST, "example.com".parse().unwrap())]);
        assert!(!is_allowed(&rebound, None, true, false) && is_allowed(&rebound, None, false, false));
        assert!(is_allowed(&HeaderMap::new(), None, true, false));
        assert!(is_allowed(&HeaderMap::new(), Some("127.0.0.1"), true, true));
        assert!(!is_allowed(&HeaderMap::new(), Some("example.com"), true, true));
    }

    #[test]
    fn an_encrypted_server_answers_no_page_that_came_without_encryption() {
        for (origin, encrypted, expected) in [
            ("https://part.example:8000", true, true),
            ("http://part.example:8000", true, false),
            ("http://part.example:8000", false, true),
            // Behind a proxy.
            ("https://part.example:8000", false, true),
            ("ftp://part.example:8000", false, false),
        ] {
            let headers = [(header::HOST, "part.example:8000"), (header::ORIGIN, origin)];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
            let headers = HeaderMap::from_iter(headers);
            assert_eq!(is_allowed(&headers, None, false, encrypted), expected, "{origin} {encrypted}");
        }
    }
}
