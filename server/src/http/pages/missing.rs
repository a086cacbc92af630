//! What people see at an address that leads to nothing. Programs get the problem document, with the same status.

use super::choices::with_code;
use super::frame::{self, PageQuery, wants_page};
use crate::app::App;
use crate::http::cors::site_of;
use crate::http::error::Code;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::message::{Around, MessageProps, render};

/// Shows a page instead of "not found" to whoever asks for pages.
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    query: PageQuery,
    request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || !wants_page(request.headers()) {
        return next.run(request).await;
    }
    let site = site_of(request.uri().path()).and_then(|id| app.sites.get(&id));
    let headers = request.headers().clone();
    let response = next.run(request).await;
    match (response.extensions().get::<Code>().copied(), site) {
        (Some(code @ Code::NotFound), Some(site)) => {
            let frame = frame::of(&app, &site, query.lang.as_deref(), &headers);
            let html = render(&MessageProps::not_found(frame));
            with_code(frame::page_with(StatusCode::NOT_FOUND, &site, html), code)
        }
        (Some(code @ Code::UnknownSite), _) => {
            with_code(plain(&MessageProps::no_site(frame::stylesheet(&app))), code)
        }
        (Some(code @ Code::NotFound), None) => {
            let nothing = MessageProps {
                around: Around::Nobody { stylesheet: frame::stylesheet(&app) },
                title: code.title().to_string(),
                paragraphs: vec!["Please check the address.".to_string()],
                links: Vec::new(),
            };
            with_code(plain(&nothing), code)
        }
        _ => response,
    }
}

/// Not kept by anyone: the site may be published in the next minute.
fn plain(props: &MessageProps) -> Response {
    let mut response = frame::plain(StatusCode::NOT_FOUND, render(props));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
