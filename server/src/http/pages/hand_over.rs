//! The page on which a choice made on another site of the controller is taken over, by the person's own press.
//!
//! The other site's choices page posts a ticket here, which shows what it says and changes nothing. The button on this page posts it
//! again, and only that records. Whatever is wrong with a ticket is said in words, and nothing is recorded.

use super::choices::{record_press, with_code};
use super::form::{self, Fields};
use super::frame::{self, PageQuery};
use crate::app::hand_over::{Ticket, TicketError, name};
use crate::app::record::from_form;
use crate::app::sites::Site;
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, only_header};
use assent_core::decision::Act;
use assent_core::record::Surface;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use std::sync::Arc;
use ui::pages::hand_over::{About, HandOverProps, render};

/// What would be taken over: a page with one button. Changes nothing.
#[utoipa::path(
    post, path = "/v1/{site}/hand-over", tag = "Pages", params(("site" = String, Path, description = "The site.")),
    request_body(content = crate::http::schema::HandOverForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 400, description = "`bad-form`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`: it must come from the other site's own pages here.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`ticket-used`: the page that says so.", body = String, content_type = "text/html"),
        (status = 410, description = "`ticket-over`: the page that says so.", body = String, content_type = "text/html"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown-ticket`: the page that says so.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let text = ticket_of(&app, request).await?;
    match app.hand_overs.read(&app.sites, &site, &text, app::now()) {
        Ok((ticket, from)) => {
            posted_by(&headers, &from)?;
            Ok(asks(&app, &site, &headers, (ticket, text), &from, None))
        }
        Err(error) => Ok(refuses(&app, &site, &headers, query.lang.as_deref(), error)),
    }
}

/// Take it over.
#[utoipa::path(
    post, path = "/v1/{site}/hand-over/take", tag = "Pages", params(("site" = String, Path, description = "The site.")),
    request_body(content = crate::http::schema::HandOverForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Recorded; to the choices page."),
        (status = 400, description = "`bad-form`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`: it must come from this site's own page here.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`ticket-used`: the page that says so.", body = String, content_type = "text/html"),
        (status = 410, description = "`ticket-over`: the page that says so.", body = String, content_type = "text/html"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown-ticket`: the page that says so.", body = String, content_type = "text/html"),
        (status = 429, description = "The page again: nothing was recorded.", body = String, content_type = "text/html"),
        (status = 503, description = "The page again: nothing was recorded.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn take(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    posted_by(&headers, &site)?;
    let text = ticket_of(&app, request).await?;
    let now = app::now();
    let read = app.hand_overs.read(&app.sites, &site, &text, now);
    let taken = read.and_then(|(ticket, from)| {
        app.hand_overs.take(&ticket, now)?;
        Ok((ticket, from))
    });
    let (ticket, from) = match taken {
        Ok(taken) => taken,
        Err(error) => return Ok(refuses(&app, &site, &headers, query.lang.as_deref(), error)),
    };
    let (language, choices) = (ticket.language.clone(), ticket.choices.clone());
    let pressed = (Act::Save, Surface::HandOver);
    let request = from_form(site.hash, language.clone(), pressed, choices, form::signals(&headers));
    let origin = site.file.public_url.clone();
    match record_press(&site, &headers, origin, request, ticket.once.clone()).await {
        Ok((id, cookie)) => {
            form::see_other(&format!("{}/choices?lang={language}&done={id}", site.api()), cookie)
        }
        Err(problem) => {
            // Where the outcome is not known the ticket stays used: asking again could record it twice.
            if problem.code == Code::Busy || problem.code.status().is_client_error() {
                app.hand_overs.give_back(&ticket);
            }
            problem.log();
            Ok(asks(&app, &site, &headers, (ticket, text), &from, Some(problem.code)))
        }
    }
}

/// The form's one field.
async fn ticket_of(app: &App, request: Request) -> Result<String, Problem> {
    let mut fields = Fields::read(app, request).await?;
    let text = fields.required("ticket")?;
    fields.end()?;
    Ok(text)
}

/// Refuses what does not come from a page of `site` on Assent's own address: nobody else's page may put words before people here.
fn posted_by(headers: &HeaderMap, site: &Site) -> Result<(), Problem> {
    let name = header::ORIGIN.as_str();
    let origin = only_header(headers, name, Code::OriginMissing, Code::OriginNotDeclared)?;
    if origin == site.file.public_url { Ok(()) } else { Err(Code::OriginNotDeclared.into()) }
}

fn asks(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    (ticket, text): (Ticket, String),
    from: &Site,
    failed: Option<Code>,
) -> Response {
    let about = About::Asks {
        from: name(from),
        choices: ticket.choices.into_iter().collect(),
        ticket: text,
        failed: failed.is_some(),
    };
    let frame = frame::of(app, site, Some(&ticket.language), headers);
    let html = render(&HandOverProps { frame, about });
    match failed {
        None => frame::page(site, html),
        Some(code) => with_code(frame::page_with(code.status(), site, html), code),
    }
}

fn refuses(app: &App, site: &Site, headers: &HeaderMap, lang: Option<&str>, error: TicketError) -> Response {
    let (code, about) = match error {
        TicketError::Unknown => (Code::UnknownTicket, About::Over),
        TicketError::Over => (Code::TicketOver, About::Over),
        TicketError::Used => (Code::TicketUsed, About::Used),
    };
    let html = render(&HandOverProps { frame: frame::of(app, site, lang, headers), about });
    with_code(frame::page_with(code.status(), site, html), code)
}
