//! Where the six-digit code from a text is entered, with the number it came to. Complete without script. A right code leads to the page
//! of a confirmation link, which says what would be confirmed before its button does it.

use super::choices::with_code;
use super::confirm::{about, answer};
use super::form::{self, Fields};
use super::frame::PageQuery;
use crate::app::alerts::code::{Entered, enter};
use crate::app::contact::normalise;
use crate::app::{self, App};
use crate::http::cookies;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use assent_core::notice::Channel;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use ui::pages::link::About;

const PATH: &str = "code";

/// The form for number and code. A browser that just signed up has its number filled in.
#[utoipa::path(
    get, path = "/v1/{site}/code", tag = "Alerts",
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
    let reader = Arc::clone(&site);
    let history = match cookies::sign_up(&headers) {
        // Frozen records say nothing, also not to their holder; the form works without.
        Some(token) => app::blocking(move || reader.ledger.history(&token.id())).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let numbers = history.iter().rev().flat_map(|opened| &opened.contacts);
    let mut number =
        numbers.filter(|contact| contact.channel == Channel::Text).map(|contact| &contact.address);
    let about = About::Code(number.next().cloned().unwrap_or_default(), false);
    Ok(answer(&app, &site, &headers, query.lang.as_deref(), PATH.into(), about))
}

/// See what a code confirms. Only the button of the page that it leads to confirms: it posts to `S/confirm/{link}`. After five wrong
/// codes a number has to wait for a day, known or not.
#[utoipa::path(
    post, path = "/v1/{site}/code", tag = "Alerts",
    params(("site" = String, Path, description = "The site.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`phone`, `code`, `language`."),
    responses((status = 200, description = "The page of what the code confirms, with the button; or, if that was pressed before, the page that says so.", body = String, content_type = "text/html"),
        (status = 400, description = "`bad-form`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-code`: the page again.", body = String, content_type = "text/html"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    form::origin(&site, &headers)?;
    let mut fields = Fields::read(&app, request).await?;
    let (language, typed) = (fields.required("language")?, fields.required("phone")?);
    let code = fields.required("code")?;
    let entered = match normalise(Channel::Text, &typed) {
        Ok(number) => {
            let hash = site.ledger.contact_hash(number.channel, &number.address);
            enter(&app.outbox, &site, hash, &code, app::now()).await?
        }
        Err(_) => None,
    };
    let shown = |path, about| answer(&app, &site, &headers, Some(&language), path, about);
    Ok(match entered {
        Some(Entered { link, waiting }) => {
            shown(format!("confirm/{}", link.seal(&site.links)), about(waiting))
        }
        None => {
            let mut page = shown(PATH.into(), About::Code(typed, true));
            *page.status_mut() = Code::BadCode.status();
            with_code(page, Code::BadCode)
        }
    })
}
