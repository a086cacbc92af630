//! What surrounds every request: encrypted or refused, safe headers, counted and logged without personal data.

use super::error::{Code, Problem};
use crate::app::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses that probes on the same machine ask, and that carry nothing of a person.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Counts and logs each answer: route pattern, method, status, problem code, duration.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_string();
    // A made-up method would make a label without end.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS") => known.to_string(),
        _ => "other".to_string(),
    };
    let response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    app.metrics.answered(&route, &method, status, took);
    let code = response.extensions().get::<Code>().map_or("", |code| code.as_str());
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if PROBES.contains(&route.as_str()) {
        tracing::debug!(%method, %route, status, code, duration_ms, "answered");
    } else {
        tracing::info!(%method, %route, status, code, duration_ms, "answered");
    }
    response
}

/// Headers for every answer that did not set its own.
pub(super) async fn secure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let trusted = app.config.server.trust_forwarded_proto;
    let transport = transport(request.headers(), request.uri(), trusted);
    let probe = PROBES.contains(&request.uri().path());
    let mut response = if transport == Transport::Plain && !probe {
        refuse_plain(&request)
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if transport == Transport::Encrypted {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Ends requests that take too long. What was queued for the ledger is still recorded, once.
pub(super) async fn limit_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(app.config.server.request_timeout_seconds);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Code::Timeout).into_response(),
    }
}

/// How the request travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// Over https, says a trusted proxy.
    Encrypted,
    /// Within this machine.
    Loopback,
    /// Over plain http.
    Plain,
}

fn transport(headers: &HeaderMap, uri: &Uri, trust_forwarded_proto: bool) -> Transport {
    let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    if trust_forwarded_proto && forwarded.is_some_and(|proto| proto.eq_ignore_ascii_case("https")) {
        return Transport::Encrypted;
    }
    if host(headers, uri).is_some_and(is_loopback) { Transport::Loopback } else { Transport::Plain }
}

/// The host that was asked, with its port where that is said.
pub(super) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    uri.authority().map(axum::http::uri::Authority::as_str).or(named)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    address || name == "localhost" || name.ends_with(".localhost")
}

fn refuse_plain(request: &Request) -> Response {
    let host = host(request.headers(), request.uri()).unwrap_or_default();
    let sound = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match HeaderValue::from_str(&format!("https://{host}{path}")) {
        Ok(address) if reads && sound => {
            (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, address)]).into_response()
        }
        _ => Problem::from(Code::InsecureTransport).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_trusted_https_pass() {
        for (host, proto, trust, expected) in [
            ("localhost:8700", None, false, Transport::Loopback),
            ("privacy.clinic.localhost:8700", None, false, Transport::Loopback),
            ("127.0.0.1:8700", None, false, Transport::Loopback),
            ("[::1]:8700", None, false, Transport::Loopback),
            ("privacy.example.org", None, false, Transport::Plain),
            ("privacy.example.org", Some("https"), false, Transport::Plain),
            ("privacy.example.org", Some("https"), true, Transport::Encrypted),
            ("privacy.example.org", Some("http"), true, Transport::Plain),
            ("localhost.example.org", None, false, Transport::Plain),
            ("127.0.0.1.example.org", None, false, Transport::Plain),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(proto) = proto {
                headers.insert("x-forwarded-proto", HeaderValue::from_static(proto));
            }
            assert_eq!(
                transport(&headers, &Uri::from_static("/"), trust),
                expected,
                "{host} {proto:?} {trust}"
            );
        }
    }
}
