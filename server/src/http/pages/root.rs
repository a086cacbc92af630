//! The page at the server's bare address: what answers here, and where to go.
//!
//! It names only the sites whose address this is. Who else is served from the same machine is nobody's business.

use super::frame;
use crate::app::App;
use crate::http::headers::host;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::message::{Around, MessageProps, render};

/// What answers here.
#[utoipa::path(get, path = "/", tag = "Pages",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")))]
pub(in crate::http) async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    let here = host(request.headers(), request.uri()).unwrap_or_default().to_ascii_lowercase();
    let is_here = |url: &str| url.split_once("://").is_some_and(|(_, host)| host == here);
    let mut links = Vec::new();
    for site in app.sites.all().iter().filter(|site| is_here(&site.file.public_url)) {
        let (who, of) = (&site.notice.controller.name, site.file.origins.join(", "));
        links.push((format!("{}/choices", site.api()), format!("{who}: your privacy choices on {of}")));
        links.push((format!("{}/log", site.api()), format!("{who}: how records are proven")));
    }
    links.push(("/reference".to_string(), "For programmers: the API reference".to_string()));
    let html = render(&MessageProps {
        around: Around::Nobody { stylesheet: frame::stylesheet(&app) },
        title: "Privacy choices are kept here".to_string(),
        paragraphs: vec![
            "This is an Assent server. It asks visitors of websites what they agree to, keeps a record that can be proven, \
             and lets everyone take back what they said."
                .to_string(),
        ],
        links,
    });
    frame::plain(StatusCode::OK, html)
}
