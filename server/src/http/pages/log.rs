//! The readable page about a site's log.

use super::frame::{self, PageQuery};
use crate::app::App;
use crate::http::error::Problem;
use crate::http::extract::InSite;
use assent_core::checkpoint::Checkpoint;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::log::{LogHead, LogProps, render};

/// What the log is, where it stands, and how to check a receipt against it.
#[utoipa::path(
    get, path = "/v1/{site}/log", tag = "Pages",
    params(("site" = String, Path, description = "The site."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let note = site.publication.note(&site.ledger);
    let signed = Checkpoint::verify(&note, site.ledger.vkey()).map_err(Problem::internal)?;
    let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
    let props = LogProps {
        frame: frame::of(&app, &site, query.lang.as_deref(), &headers),
        origin: site.ledger.origin().to_string(),
        vkey: site.ledger.vkey().to_string(),
        head: (size > 0).then(|| LogHead { size, root, checkpoint: note.to_string() }),
    };
    Ok(frame::page(&site, render(&props)))
}
