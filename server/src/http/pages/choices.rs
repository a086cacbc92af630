//! The choices page: what holds, one press to change it, everything said so far. Complete without script.

use super::form::{self, Fields};
use super::frame::{self, PageQuery};
use crate::app::hand_over::name;
use crate::app::record::{Ask, Recorded, from_form, record};
use crate::app::sites::Site;
use crate::app::state::State as Standings;
use crate::app::{self, App};
use crate::http::cookies;
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use crate::http::public::decisions::cookie;
use assent_core::age::AgeBand;
use assent_core::decision::{Act, Choice};
use assent_core::ids::PurposeId;
use assent_core::notice::Asked;
use assent_core::record::Surface;
use assent_core::subject::SubjectToken;
use assent_core::wire::DecisionRequest;
use assent_ledger::ReceiptId;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use ui::pages::choices::{ChoicesProps, Outcome, render};
use ui::pages::hand_over::Onward;

/// The choices page.
#[utoipa::path(
    get, path = "/v1/{site}/choices", tag = "Pages",
    params(("site" = String, Path, description = "The site."), ("lang" = Option<String>, Query, description = "Language wanted."), ("age" = Option<String>, Query, description = "Where the site asks: the age band of whoever looks.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = read(&site, &headers).await?;
    let newest = state.history.last().map(|opened| opened.id.to_string());
    let outcome = query.done.filter(|done| Some(done) == newest.as_ref()).map(|_| Outcome::Recorded);
    let age = query.age.and_then(|text| text.parse().ok());
    answer(&app, &site, &headers, (query.lang.as_deref(), age), state, outcome, StatusCode::OK)
}

/// A form of the choices page, or one like it on the site's own pages.
#[utoipa::path(
    post, path = "/v1/{site}/choices", tag = "Pages", params(("site" = String, Path, description = "The site.")),
    request_body(content = crate::http::schema::ChoicesForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "Recorded; to the page, or to `back`."),
        (status = 400, description = "The page again: the form was not understood.", body = String, content_type = "text/html"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The page again: the notice was replaced.", body = String, content_type = "text/html"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The page again: the form was not understood.", body = String, content_type = "text/html"),
        (status = 429, description = "The page again: nothing was recorded.", body = String, content_type = "text/html"),
        (status = 503, description = "The page again: nothing was recorded.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let origin = form::origin(&site, &headers)?;
    let fields = Fields::read(&app, request).await?;
    let mut lang = query.lang;
    match take(&site, &headers, origin, fields, &mut lang).await {
        Ok(response) => Ok(response),
        Err(problem) => again(&app, &site, &headers, lang.as_deref(), &problem).await,
    }
}

async fn take(
    site: &Arc<Site>,
    headers: &HeaderMap,
    origin: String,
    mut fields: Fields,
    lang: &mut Option<String>,
) -> Result<Response, Problem> {
    let language = fields.required("language")?;
    *lang = Some(language.clone());
    let notice = fields.notice()?;
    let (act, surface): (Act, Surface) = (fields.word("act")?, fields.word("surface")?);
    let key = fields.key_or_new()?;
    let age = fields.age()?;
    let back = fields.optional("back")?;
    let back = back.filter(|back| !back.is_empty());
    let mut choices = BTreeMap::new();
    for (id, value) in fields.with_prefix("choice.") {
        let id = PurposeId::new(&id).map_err(|_| Problem::from(Code::UnknownPurpose))?;
        let choice: Choice = form::word("choice", value)?;
        if choices.insert(id, choice).is_some() {
            return Err(Problem::with(Code::BadForm, "A choice stands twice."));
        }
    }
    fields.end()?;
    // What comes in by other doors says so itself.
    use Surface::{AlertForm, HandOver, Message, Server, Told};
    if matches!(surface, AlertForm | HandOver | Message | Server | Told) {
        return Err(Problem::with(
            Code::BadForm,
            "The form is for what was pressed on the choices page or the site's own.",
        ));
    }
    // Checked before anything is recorded: it must fit into a header, too.
    let fits =
        |back: &str| frame::declared(site, back).is_some() && back.bytes().all(|b| b.is_ascii_graphic());
    if back.as_deref().is_some_and(|back| !fits(back)) {
        return Err(Problem::with(Code::OriginNotDeclared, "`back` must lead to a declared origin."));
    }
    let request = from_form(notice, language, (act, surface), choices, form::signals(headers));
    let request = DecisionRequest { age, ..request };
    let (id, cookie) = record_press(site, headers, origin, request, key).await?;
    let lang = lang.as_deref().unwrap_or_default();
    let page = format!("{}/choices?lang={lang}&done={id}", site.api());
    form::see_other(back.as_deref().unwrap_or(&page), cookie)
}

/// Records what was pressed on a page of Assent's, by whoever holds the browser's choice cookie, or somebody new. Gives the receipt's
/// id, and the cookie that says what holds now.
pub(super) async fn record_press(
    site: &Arc<Site>,
    headers: &HeaderMap,
    origin: String,
    request: DecisionRequest,
    key: String,
) -> Result<(ReceiptId, Option<HeaderValue>), Problem> {
    let held = cookies::choice(headers).map(|cookie| (cookie.token, cookie.decided));
    let (token, before) = match held {
        Some(held) => held,
        None => (SubjectToken::from_random(app::random_bytes()?), 0),
    };
    let now = app::now();
    let ask = Ask { subject: token.id(), origin: Some(origin), request, contacts: Vec::new(), key };
    let Recorded { appended, held } = record(Arc::clone(site), ask, now).await?;
    // What is pressed here is the newest, also within one second and when the browser's clock is ahead of ours, by
    // however much: a page that goes by that clock must find this press after the one it undoes.
    let decided = (now / 1000).max(before.saturating_add(1));
    Ok((appended.id, cookie(site, held, &token, decided, headers).await?))
}

/// The page again, with what went wrong. Nothing was recorded.
async fn again(
    app: &App,
    site: &Arc<Site>,
    headers: &HeaderMap,
    lang: Option<&str>,
    problem: &Problem,
) -> Result<Response, Problem> {
    let outcome = match problem.code {
        Code::StaleNotice | Code::UnknownNotice => Outcome::QuestionsChanged,
        code if code.retry_after().is_some() || code.status().is_server_error() => Outcome::NotRecorded,
        _ => Outcome::NotUnderstood,
    };
    problem.log();
    let state = read(site, headers).await?;
    let page = answer(app, site, headers, (lang, None), state, Some(outcome), problem.code.status())?;
    Ok(with_code(page, problem.code))
}

/// The answer, known to the log by its code.
pub(super) fn with_code(mut response: Response, code: Code) -> Response {
    response.headers_mut().extend(code.retry_after().map(|seconds| (header::RETRY_AFTER, seconds.into())));
    response.extensions_mut().insert(code);
    response
}

/// What holds for whoever sent the cookie.
pub(super) async fn read(site: &Arc<Site>, headers: &HeaderMap) -> Result<Standings, Problem> {
    let Some(cookie) = cookies::choice(headers) else { return Ok(Standings::empty(site)) };
    let reader = Arc::clone(site);
    Ok(app::reading(move || Standings::read(&reader, &cookie.token.id(), app::now())).await??)
}

fn answer(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    (lang, age): (Option<&str>, Option<AgeBand>),
    state: Standings,
    outcome: Option<Outcome>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let bands = site.notice.age_bands(Asked::Banner);
    // As they say now, else as they said last.
    let said = state.history.iter().rev().filter_map(|opened| opened.record.age);
    let age = age.into_iter().chain(said).find(|band| bands.contains(band));
    let frame = frame::of(app, site, lang, headers);
    let offers = app.hand_overs.offers(&app.sites, site, &state, &frame.language, app::now())?;
    let others: Vec<String> = offers.iter().map(|offer| offer.to.file.public_url.clone()).collect();
    let onward = offers.into_iter().map(|offer| Onward {
        name: name(&offer.to),
        address: format!("{}/hand-over", offer.to.api()),
        choices: offer.choices.into_iter().collect(),
        ticket: offer.ticket,
    });
    let html = render(&ChoicesProps {
        frame,
        key: app::random_hex()?,
        standings: state.standings,
        onward: onward.collect(),
        history: state.history.into_iter().map(|opened| opened.record).collect(),
        age,
        outcome,
        gpc: form::signals(headers).gpc,
        browser_help: None,
    });
    Ok(frame::page_leading_to(status, site, html, &others))
}
