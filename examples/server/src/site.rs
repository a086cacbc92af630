//! One example site: the files of its folder, with this run's ports, and the two small counters a site has of its own.
//!
//! A path with a slash at the end is its folder's `index.html`. Nothing outside the folder, and no hidden file, is
//! ever read. Files are read at each request, so that an edit shows on reload.

use crate::addresses::{Addresses, Site};
use crate::heard::{Heard, Kind, Log};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What a site's listener needs.
#[derive(Debug)]
pub(crate) struct SiteState {
    pub(crate) site: Site,
    pub(crate) folder: PathBuf,
    pub(crate) addresses: Addresses,
    /// Policy of every page; a request may choose another with `?csp=`.
    pub(crate) csp: Option<HeaderValue>,
    pub(crate) log: Log,
}

/// The site's routes.
pub(crate) fn router(state: SiteState) -> Router {
    Router::new()
        .route("/survey", post(survey))
        .route("/search-stats", post(search_stats))
        .route("/policy-reports", post(policy_report))
        .fallback(file)
        .with_state(Arc::new(state))
}

/// `None` when the path leaves the folder or names a hidden file.
fn file_path(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = path.strip_prefix('/')?;
    let mut found = folder.to_path_buf();
    for component in Path::new(relative).components() {
        let Component::Normal(name) = component else { return None };
        if name.to_str()?.starts_with('.') {
            return None;
        }
        found.push(name);
    }
    if relative.is_empty() || relative.ends_with('/') {
        found.push("index.html");
    }
    Some(found)
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt" | "toml") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

async fn file(State(state): State<Arc<SiteState>>, method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let welsh = uri.path() == "/cy" || uri.path().starts_with("/cy/");
    let wanted = file_path(&state.folder, uri.path());
    if let Some(path) = &wanted
        && path.is_dir()
    {
        return (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("{}/", uri.path()))]).into_response();
    }
    let (status, path, text) =
        match wanted.and_then(|path| Some((std::fs::read_to_string(&path).ok()?, path))) {
            Some((text, path)) => (StatusCode::OK, path, text),
            None => {
                let path = state.folder.join(if welsh { "cy/404.html" } else { "404.html" });
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                (StatusCode::NOT_FOUND, path, text)
            }
        };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(&path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if path.extension().is_some_and(|extension| extension == "html")
        && let Some(policy) = policy(&state, uri.query().unwrap_or_default())
    {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    (status, headers, state.addresses.rewrite(&text)).into_response()
}

/// The page's Content-Security-Policy: `?csp=no-wasm` and `?csp=strict` for one request, else the run's own.
///
/// `no-wasm` is what a page has that allows inline scripts but never heard of WebAssembly. `strict` allows wasm and
/// nothing inline, demands Trusted Types with the one policy `assent`, and hears of what breaks it.
fn policy(state: &SiteState, query: &str) -> Option<HeaderValue> {
    let variant = query.split('&').find_map(|pair| pair.strip_prefix("csp="));
    let (script, types) = match variant {
        Some("no-wasm") => ("'unsafe-inline'", ""),
        Some("strict") => {
            let types =
                "; require-trusted-types-for 'script'; trusted-types assent; report-uri /policy-reports";
            ("'wasm-unsafe-eval'", types)
        }
        _ => return state.csp.clone(),
    };
    let assent = format!("http://privacy.{}.localhost:8700", state.site.id());
    let others = "http://collector.localhost:8703";
    let policy = format!(
        "default-src 'self'; script-src 'self' {assent} {others} {script}; style-src 'self'; \
         img-src 'self' data: {others}; frame-src {others}; connect-src 'self' {assent} {others}; \
         form-action 'self' {assent}; object-src 'none'; base-uri 'none'{types}"
    );
    HeaderValue::from_str(&state.addresses.rewrite(&policy)).ok()
}

#[derive(Debug, Deserialize)]
struct Survey {
    page: String,
    found: String,
}

/// Counts an answer. Without script the form posts here itself, and the person goes back to where they were.
async fn survey(
    State(state): State<Arc<SiteState>>,
    headers: HeaderMap,
    Form(form): Form<Survey>,
) -> Response {
    let address = format!("http://{}.localhost{}", state.site.id(), form.page);
    state.log.add(Heard::new(Kind::Survey, &headers).page(&address).detail(form.found));
    let back = headers.get(REFERER).cloned().unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, back)]).into_response()
}

#[derive(Debug, Deserialize)]
struct SearchStats {
    term: String,
    found: u32,
}

/// Counts a search term. Terms that look like somebody's number or address are dropped here too, whoever sent them.
async fn search_stats(
    State(state): State<Arc<SiteState>>,
    headers: HeaderMap,
    Form(form): Form<SearchStats>,
) -> StatusCode {
    if looks_personal(&form.term) {
        return StatusCode::NO_CONTENT;
    }
    let address = format!("http://{}.localhost/search/", state.site.id());
    let term: String = form.term.trim().to_lowercase().chars().take(60).collect();
    state.log.add(
        Heard::new(Kind::Search, &headers).page(&address).detail(format!("{term} ({} found)", form.found)),
    );
    StatusCode::NO_CONTENT
}

/// What a browser sends when a page broke its policy (Content Security Policy Level 3, §5.3); of it, what was broken is kept.
async fn policy_report(State(state): State<Arc<SiteState>>, headers: HeaderMap, body: String) -> StatusCode {
    let report: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let said = |name: &str| report["csp-report"][name].as_str().unwrap_or_default().to_string();
    let directive =
        [said("effective-directive"), said("violated-directive")].into_iter().find(|it| !it.is_empty());
    let detail = format!("{} {}", directive.unwrap_or_default(), said("blocked-uri"));
    state.log.add(Heard::new(Kind::Violation, &headers).page(&said("document-uri")).detail(detail));
    StatusCode::NO_CONTENT
}

fn looks_personal(term: &str) -> bool {
    term.contains('@') || term.chars().filter(char::is_ascii_digit).count() >= 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    #[test]
    fn only_files_of_the_folder() {
        let folder = Path::new("/x");
        for (path, want) in [
            ("/", Some("/x/index.html")),
            ("/cy/", Some("/x/cy/index.html")),
            ("/assets/site.css", Some("/x/assets/site.css")),
            ("/../site.toml", None),
            ("/a/../../b", None),
            ("//etc/passwd", None),
            ("/.git/config", None),
            ("/a/.env", None),
        ] {
            assert_eq!(file_path(folder, path), want.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn personal_looking_terms_are_not_counted() {
        assert!(looks_personal("07700 900123") && looks_personal("a@b.org"));
        assert!(!looks_personal("bus pass") && !looks_personal("2026 supper"));
    }

    #[tokio::test]
    async fn what_broke_a_policy_is_heard() {
        let addresses = Addresses { assent: 9000, health: 9001, charity: 9002, third_party: 9003 };
        let log = Log::default();
        let folder = PathBuf::new();
        let router = router(SiteState { site: Site::Clinic, folder, addresses, csp: None, log: log.clone() });
        let report = r#"{"csp-report":{"document-uri":"http://clinic.localhost/contact/","effective-directive":"script-src-elem",
            "blocked-uri":"inline"}}"#;
        for body in [report, "rubbish"] {
            let request = Request::post("/policy-reports").body(Body::from(body)).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), StatusCode::NO_CONTENT);
        }
        let heard: Vec<_> =
            log.list().into_iter().map(|heard| (heard.kind, heard.path, heard.detail)).collect();
        let said = (Kind::Violation, "/contact/".into(), "script-src-elem inline".into());
        assert_eq!(heard, [said, (Kind::Violation, String::new(), " ".into())]);
    }

    #[tokio::test]
    async fn pages_are_rewritten_and_a_request_may_choose_its_policy() {
        let addresses = Addresses { assent: 9000, health: 9001, charity: 9002, third_party: 9003 };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../health-provider");
        let csp = Some(HeaderValue::from_static("default-src 'self'"));
        let router = router(SiteState { site: Site::Clinic, folder, addresses, csp, log: Log::default() });
        let mut seen = Vec::new();
        for path in ["/", "/?csp=no-wasm", "/?csp=strict", "/assets/site.css", "/nowhere", "/cy"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let policy = response.headers().get(CONTENT_SECURITY_POLICY);
            let policy = policy.map_or(String::new(), |value| value.to_str().unwrap().to_string());
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            seen.push((status, policy, String::from_utf8(body.to_vec()).unwrap()));
        }
        assert!(seen[0].2.contains("privacy.clinic.localhost:9000/v1/clinic/embed.js"));
        assert!(!seen[0].2.contains(":870"));
        assert_eq!(seen[0].1, "default-src 'self'");
        assert!(
            !seen[1].1.contains("wasm")
                && seen[1].1.contains("script-src 'self' http://privacy.clinic.localhost:9000 ")
        );
        assert!(seen[2].1.contains("'wasm-unsafe-eval'") && seen[2].1.contains("trusted-types assent"));
        assert_eq!((seen[3].0, seen[3].1.as_str()), (200, ""));
        assert_eq!((seen[4].0, seen[5].0), (404, 308));
    }
}
