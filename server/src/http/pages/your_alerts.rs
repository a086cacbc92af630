//! Everything an address told us, for whoever holds its link; and asking for such a link. One that is old shows what can be stopped, and no more.

use super::choices::with_code;
use super::confirm::answer;
use super::form::{self, Fields};
use super::frame::{self, PageQuery};
use crate::app::alerts::centre;
use crate::app::alerts::link::{ContactKey, Link, day};
use crate::app::alerts::outbox::send_link;
use crate::app::alerts::sign_up::{SignUpError, Wrong};
use crate::app::alerts::stop::{Which, stop};
use crate::app::alerts::subscriber::{Subscriber, choices_on};
use crate::app::contact::normalise;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::InSite;
use assent_core::age::AgeError;
use assent_core::decision::Act;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel};
use assent_core::receipt::Receipt;
use assent_ledger::{ReadError, ReceiptId};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use ui::pages::link::{About, AskError};
use ui::pages::your_alerts::{Outcome, YourAlertsProps, render};

const PATH: &str = "your-alerts";

/// The form that asks for a link.
#[utoipa::path(
    get, path = "/v1/{site}/your-alerts", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn ask(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    query: PageQuery,
    headers: HeaderMap,
) -> Response {
    let about = if query.done.is_some() { About::LinkSent } else { About::AskForLink(AskError::None) };
    answer(&app, &site, &headers, query.lang.as_deref(), PATH.into(), about)
}

/// Have a link sent to an address. The answer is the same whether the address is known or not.
#[utoipa::path(
    post, path = "/v1/{site}/your-alerts", tag = "Alerts",
    params(("site" = String, Path, description = "The site.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`email` or `phone`, `language`."),
    responses((status = 303, description = "To the page that says that a message is on its way."),
        (status = 400, description = "`bad-form`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-email`, `bad-phone`: the page again.", body = String, content_type = "text/html"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`: the page again.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn send(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    form::origin(&site, &headers)?;
    let mut fields = Fields::read(&app, request).await?;
    let language = fields.required("language")?;
    let again = |code: Code, error| {
        let page = answer(&app, &site, &headers, Some(&language), PATH.into(), About::AskForLink(error));
        let (mut parts, body) = page.into_parts();
        parts.status = code.status();
        with_code(Response::from_parts(parts, body), code)
    };
    let (email, phone) = (fields.optional("email")?, fields.optional("phone")?);
    let written = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let asked = if written(&phone) && !written(&email) {
        normalise(Channel::Text, &phone.unwrap_or_default()).map_err(|_| (Code::BadPhone, AskError::Phone))
    } else {
        normalise(Channel::Email, &email.unwrap_or_default()).map_err(|_| (Code::BadEmail, AskError::Address))
    };
    let contact = match asked {
        Ok(contact) => contact,
        Err((code, error)) => return Ok(again(code, error)),
    };
    let hash = site.ledger.contact_hash(contact.channel, &contact.address);
    let to = ContactKey { channel: contact.channel, hash };
    if let Err(error) = send_link(&site, to, known(&site, &language), app::now()).await {
        let problem = Problem::from(error);
        problem.log();
        return Ok(again(problem.code, AskError::NotRecorded));
    }
    app.outbox.wake();
    form::see_other(&format!("{}/{PATH}?lang={}&done=sent", site.api(), known(&site, &language)), None)
}

/// Everything an address told us. With a link that is older than limits.link_days: what holds, to be stopped, and a button that has a
/// fresh link sent to the address.
#[utoipa::path(
    get, path = "/v1/{site}/your-alerts/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From a message."), ("lang" = Option<String>, Query, description = "Language wanted.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "Nothing is kept about the address, or the link is none of ours: the page that says so. Or `unknown-site`.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn page(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let outcome = match query.done.as_deref() {
        Some("saved") => Some(Outcome::Saved),
        Some("stopped") => Some(Outcome::AllStopped),
        Some("asked") => Some(Outcome::MoveAsked),
        Some("sent") => Some(Outcome::LinkSent),
        _ => None,
    };
    shown(&app, &site, &headers, query.lang.as_deref(), &text, outcome).await
}

/// Change alerts, stop everything, ask another address, or have a fresh link sent. A link that is older than limits.link_days only stops
/// and asks for a fresh one.
#[utoipa::path(
    post, path = "/v1/{site}/your-alerts/{link}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From a message.")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`press` (`save`, `stop-all`, `move`, `link`), `language`, `key`; for `save` `wanted` for each alert that is to hold, and `age` where it is asked; for `move` `address`."),
    responses((status = 303, description = "Done; to the page."),
        (status = 400, description = "`bad-form`, `idempotency-key-malformed`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`link-old`: the page again. What was to be stopped is stopped.", body = String, content_type = "text/html"),
        (status = 404, description = "As for GET.", body = String, content_type = "text/html"),
        (status = 422, description = "`bad-email`, `bad-phone`, `phone-elsewhere`, `age-missing`, `bad-age`, `too-young`: the page again.", body = String, content_type = "text/html"),
        (status = 429, description = "`too-many-questions`, with `Retry-After`: the page again.", body = String, content_type = "text/html"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`: the page again.", body = String, content_type = "text/html"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let mut fields = Fields::read(&app, request).await?;
    let language = known(&site, &fields.required("language")?);
    let Some(holder) = Holder::of(&app, &site, &text) else {
        return Ok(answer(&app, &site, &headers, Some(&language), format!("{PATH}/{text}"), About::Over));
    };
    let (to, old) = (holder.to, holder.old);
    let (key, press, now) = (fields.key()?, fields.required("press")?, app::now());
    let done = match press.as_str() {
        "save" => {
            let wanted: Result<BTreeSet<_>, _> =
                fields.all("wanted").iter().map(|id| PurposeId::new(id)).collect();
            let wanted = wanted.map_err(|_| Code::UnknownPurpose)?;
            let age = fields.age()?;
            if old {
                match centre::only_stop(&site, to, &wanted, now).await {
                    Ok(false) => Ok("saved"),
                    Ok(true) => return too_old(&app, &site, &headers, &language, &text).await,
                    Err(error) => Err(error.into()),
                }
            } else {
                let changed = centre::change(&site, to, (wanted, age), language.clone(), now).await;
                changed.map(|()| "saved").map_err(SignUpError::from)
            }
        }
        "link" => {
            let sent = send_link(&site, to, language.clone(), now).await;
            app.outbox.wake();
            sent.map(|()| "sent").map_err(SignUpError::from)
        }
        "move" if old => return too_old(&app, &site, &headers, &language, &text).await,
        "stop-all" => {
            let stopped = stop(&site, to, Which::All, Act::Link, now).await;
            stopped.map(|_| "stopped").map_err(SignUpError::from)
        }
        "move" => {
            let address = fields.required("address")?;
            let asked =
                centre::move_to(&site, &app.outbox.questions, to, &address, (language.clone(), key), now)
                    .await;
            app.outbox.wake();
            asked.map(|()| "asked")
        }
        _ => {
            return Err(Problem::with(Code::BadForm, "The field `press` is none of the values it can have."));
        }
    };
    match done {
        Ok(done) => {
            form::see_other(&format!("{}/{PATH}/{text}?lang={language}&done={done}", site.api()), None)
        }
        Err(error) => {
            let outcome = match &error {
                SignUpError::Form(wrong) if wrong.contains(&Wrong::Elsewhere) => Outcome::Elsewhere,
                SignUpError::Form(_) => Outcome::BadAddress,
                SignUpError::Record(RecordError::Age(AgeError::TooYoung)) => Outcome::TooYoung,
                SignUpError::Record(RecordError::Age(_)) => Outcome::AgeMissing,
                SignUpError::Record(_) => Outcome::NotRecorded,
            };
            let problem = Problem::from(error);
            problem.log();
            let mut page = shown(&app, &site, &headers, Some(&language), &text, Some(outcome)).await?;
            *page.status_mut() = problem.code.status();
            Ok(with_code(page, problem.code))
        }
    }
}

/// The page again, for what needs a link that is not old.
async fn too_old(
    app: &App,
    site: &Arc<Site>,
    headers: &HeaderMap,
    language: &str,
    text: &str,
) -> Result<Response, Problem> {
    let mut page = shown(app, site, headers, Some(language), text, Some(Outcome::TooOld)).await?;
    *page.status_mut() = Code::LinkOld.status();
    Ok(with_code(page, Code::LinkOld))
}

/// One receipt.
#[utoipa::path(
    get, path = "/v1/{site}/your-alerts/{link}/receipts/{id}", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From a message."), ("id" = String, Path, description = "The receipt's id.")),
    responses((status = 200, description = "The receipt.", body = crate::http::schema::Receipt),
        (status = 403, description = "`link-old`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn receipt(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text, id)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let to = Holder::of(&app, &site, &text).ok_or(Code::NotFound)?.sees_all()?;
    let id = ReceiptId::parse(&id).map_err(|_| Code::NotFound)?;
    let all = app::blocking(move || all_receipts(&site, to, |one| one == id)).await??;
    let (_, receipt) = all.into_iter().next().ok_or(Code::NotFound)?;
    let about = [
        (header::CONTENT_TYPE, "application/json".to_string()),
        (header::CACHE_CONTROL, "private, no-store".to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"receipt-{id}.json\"")),
    ];
    Ok((about, receipt.to_json()).into_response())
}

/// Every receipt, in one file.
#[utoipa::path(
    get, path = "/v1/{site}/your-alerts/{link}/receipts.zip", tag = "Alerts",
    params(("site" = String, Path, description = "The site."), ("link" = String, Path, description = "From a message.")),
    responses((status = 200, description = "`receipt-{id}.json` for each.", body = Vec<u8>, content_type = "application/zip"),
        (status = 403, description = "`link-old`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`, `not-found`.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn receipts(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    Path((_, text)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let to = Holder::of(&app, &site, &text).ok_or(Code::NotFound)?.sees_all()?;
    let file = app::blocking(move || -> anyhow::Result<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (id, receipt) in all_receipts(&site, to, |_| true)? {
            zip.start_file(format!("receipt-{id}.json"), zip::write::SimpleFileOptions::default())?;
            zip.write_all(receipt.to_json().as_bytes())?;
        }
        Ok(zip.finish()?.into_inner())
    });
    let about = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"receipts.zip\""),
    ];
    Ok((about, file.await??).into_response())
}

fn all_receipts(
    site: &Site,
    of: ContactKey,
    wanted: impl Fn(ReceiptId) -> bool,
) -> Result<Vec<(ReceiptId, Receipt)>, ReadError> {
    let all = Subscriber::read(site, &of.hash, app::now())?;
    let mut found = Vec::new();
    for opened in all.history.iter().filter(|opened| wanted(opened.id)) {
        let receipt = site.ledger.receipt(&opened.record.subject, opened.id)?;
        found.extend(receipt.map(|appended| (opened.id, appended.receipt)));
    }
    Ok(found)
}

/// Whoever holds a link.
struct Holder {
    to: ContactKey,
    /// Whether it is good for stopping only.
    old: bool,
}

impl Holder {
    fn of(app: &App, site: &Site, text: &str) -> Option<Self> {
        let Some(Link::Centre { contact: to, day: made }) = Link::open(text, &site.links) else {
            return None;
        };
        let old = day(app::now()).saturating_sub(made) > app.config.limits.link_days;
        Some(Self { to, old })
    }

    /// Whose everything may be shown.
    fn sees_all(&self) -> Result<ContactKey, Problem> {
        if self.old { Err(Code::LinkOld.into()) } else { Ok(self.to) }
    }
}

/// The notice's language that fits best.
fn known(site: &Site, language: &str) -> String {
    site.notice.text([language]).0.to_string()
}

async fn shown(
    app: &App,
    site: &Arc<Site>,
    headers: &HeaderMap,
    lang: Option<&str>,
    text: &str,
    outcome: Option<Outcome>,
) -> Result<Response, Problem> {
    let path = format!("{PATH}/{text}");
    let over = |app: &App| answer(app, site, headers, lang, path.clone(), About::Over);
    let Some(Holder { to, old }) = Holder::of(app, site, text) else { return Ok(over(app)) };
    let reader = Arc::clone(site);
    let all = app::blocking(move || Subscriber::read(&reader, &to.hash, app::now())).await??;
    let Some(address) = all.contact().map(|contact| contact.address.clone()) else { return Ok(over(app)) };
    let standings =
        choices_on(site, to.channel).map(|purpose| (purpose.id.clone(), all.standing(&purpose.id))).collect();
    let ages = if all.age(site).is_some() { Vec::new() } else { site.notice.age_bands(Asked::AlertForm) };
    let html = render(&YourAlertsProps {
        frame: frame::of(app, site, lang, headers),
        path,
        address,
        key: app::random_hex()?,
        standings,
        ages,
        history: all.history.into_iter().map(|opened| opened.record).collect(),
        channel: to.channel,
        old: old.then_some(app.config.limits.link_days),
        outcome,
    });
    Ok(frame::page_with(StatusCode::OK, site, html))
}
