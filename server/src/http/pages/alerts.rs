//! The alert sign-up form and its post; the same path takes JSON from programs.

use super::choices::with_code;
use super::form::{self, FORM, Fields};
use super::frame::{self, PageQuery};
use crate::app::alerts::sign_up::{SignUp, SignUpError, Wrong, sign_up, subject_of};
use crate::app::record::{RecordError, Recorded};
use crate::app::sites::Site;
use crate::app::{self, App};
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, StrictJson, has_content_type, subject_header};
use crate::http::public::decisions::{declared_origin, recorded};
use crate::http::{cookies, idempotency};
use assent_core::age::{AgeBand, AgeError};
use assent_core::hash::base64_encode;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectToken;
use assent_core::wire::SignUpRequest;
use assent_ledger::{ReceiptId, rfc3339};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;
use ui::pages::alerts::{AlertError, AlertsProps, DoneProps, render, render_done};

/// The sign-up form. Nothing is ticked.
#[utoipa::path(
    get, path = "/v1/{site}/alerts", tag = "Pages",
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
    let frame = frame::of(&app, &site, query.lang.as_deref(), &headers);
    if let Some(done) = &query.done {
        let reader = Arc::clone(&site);
        let history = match cookies::sign_up(&headers) {
            Some(token) => app::blocking(move || reader.ledger.history(&token.id())).await??,
            None => Vec::new(),
        };
        let signed_up = history.last().filter(|opened| opened.record.surface == Surface::AlertForm);
        if let Some(opened) = signed_up.filter(|opened| opened.id.to_string() == *done) {
            let wanted = opened.record.decisions.iter().filter(|(_, decision)| decision.is_yes());
            let wanted = wanted.map(|(id, _)| id.clone()).collect();
            let receipt = Some((done.clone(), format!("{}/receipts/{done}", site.api())));
            let time = opened.record.time.clone();
            let talk = opened.record.waits_for_talk();
            return Ok(frame::page(&site, render_done(&DoneProps { frame, wanted, receipt, time, talk })));
        }
    }
    let key = app::random_hex()?;
    let (email, phone) = (String::new(), String::new());
    let (wanted, objected) = (Vec::new(), Vec::new());
    let empty = AlertsProps { frame, key, wanted, objected, email, phone, age: None, errors: Vec::new() };
    Ok(frame::page(&site, render(&empty)))
}

/// Sign up for alerts: the wish is recorded, the address is sealed, and one message asks whether it was theirs.
///
/// A yes to "may we?" comes only after they confirmed, within 72 hours. Draw a new token for each sign-up: one that nobody confirms
/// is then erased whole.
#[utoipa::path(
    post, path = "/v1/{site}/alerts", tag = "Alerts",
    params(("site" = String, Path, description = "The site."),
        ("in" = Option<String>, Query, description = "`page` for a form in the site's own page: what happens next is the answer itself."),
        ("Idempotency-Key" = Option<String>, Header, description = "For JSON: 1–128 visible ASCII characters, new for each sign-up."),
        ("Assent-Subject" = Option<String>, Header, description = "For JSON: the holder's token.")),
    request_body(content((crate::http::schema::SignUpRequest = "application/json"),
        (crate::http::schema::AlertsForm = "application/x-www-form-urlencoded"))),
    responses((status = 201, description = "JSON: recorded.", body = crate::http::schema::Receipt),
        (status = 200, description = "Form in the site's own page: recorded; says what happens next.", body = String, content_type = "text/html"),
        (status = 303, description = "Form: recorded; to the page that says what happens next."),
        (status = 400, description = "`bad-json`, `idempotency-key-missing`, `idempotency-key-malformed`, `subject-missing`, `subject-malformed`; for a form, the page again.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`origin-missing`, `origin-not-declared`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale-notice`; for a form, the page again.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 415, description = "`wrong-content-type`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`, `unknown-field`, `idempotency-key-reused`, `unknown-notice`, `unknown-language`, `unknown-purpose`, `no-choices`, `contact-missing`, `bad-email`, `bad-phone`, `phone-elsewhere`, `age-missing`, `bad-age`, `too-young`; for a form, the page again.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-decisions`, `too-many-questions`, with `Retry-After`; for a form, the page again.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`; for a form, the page again.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn post(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    if !has_content_type(&headers, FORM) {
        let StrictJson(body) = StrictJson::<SignUpRequest>::from_request(request, &app).await?;
        let answer = by_program(&app, site, &headers, body).await;
        app.outbox.wake();
        return answer;
    }
    let origin = form::origin(&site, &headers)?;
    let query = request.uri().query().unwrap_or_default();
    let in_page = form_urlencoded::parse(query.as_bytes()).any(|pair| pair == ("in".into(), "page".into()));
    let fields = Fields::read(&app, request).await?;
    by_form(&app, site, &headers, (origin, in_page), fields).await
}

async fn by_program(
    app: &App,
    site: Arc<Site>,
    headers: &HeaderMap,
    request: SignUpRequest,
) -> Result<Response, Problem> {
    let origin = Some(declared_origin(&site, headers)?);
    let key = idempotency::key(headers)?;
    let token = subject_header(headers)?;
    let asked = SignUp { subject: token.id(), origin, request, signals: Signals::default(), key };
    let questions = &app.outbox.questions;
    let Recorded { appended, .. } = sign_up(Arc::clone(&site), questions, asked, app::now()).await?;
    Ok(recorded(&site, &appended, None))
}

async fn by_form(
    app: &App,
    site: Arc<Site>,
    headers: &HeaderMap,
    (origin, in_page): (String, bool),
    mut fields: Fields,
) -> Result<Response, Problem> {
    let mut typed = Typed::default();
    // Nobody sees this field: what fills it in is a machine.
    let trapped = fields.optional("website")?.is_some_and(|text| !text.is_empty());
    let (request, key) = match typed.take(&mut fields).and_then(|taken| fields.end().map(|()| taken)) {
        Ok(taken) => taken,
        Err(problem) => {
            return typed.again(app, &site, headers, problem.code, vec![AlertError::NotUnderstood]);
        }
    };
    let request = about_given_addresses(&site, request);
    let token = SubjectToken::from_random(subject_of(&site, &format!("form/{key}")));
    let done = |id: ReceiptId, receipt: Option<String>, request: &SignUpRequest| {
        let cookie = cookies::set_sign_up(&site, &token);
        let language = &request.language;
        if in_page {
            return Ok(told(app, &site, headers, cookie, receipt.map(|text| (id, text)), request));
        }
        let page = format!("{}/alerts?lang={language}&done={id}", site.api());
        form::see_other(&page, cookie)
    };
    if trapped {
        // Answered as if it had been taken, but for the receipt: there is none.
        let random: [u8; 16] = app::random_bytes()?;
        let id = ReceiptId::from_parts(app::now(), &std::array::from_fn(|place| random[place]));
        return done(id, None, &request);
    }
    let signals = form::signals(headers);
    let asked = SignUp { subject: token.id(), origin: Some(origin), request: request.clone(), signals, key };
    let signed_up = sign_up(Arc::clone(&site), &app.outbox.questions, asked, app::now()).await;
    let Recorded { appended, .. } = match signed_up {
        Ok(recorded) => recorded,
        Err(error) => {
            let errors = errors(&error);
            let problem = Problem::from(error);
            problem.log();
            return typed.again(app, &site, headers, problem.code, errors);
        }
    };
    app.outbox.wake();
    done(appended.id, Some(appended.receipt.to_json()), &request)
}

/// What happens next, for a form in the site's own page, which the browser need not leave. The receipt is in the answer: whether
/// a browser keeps the cookie that would show it later depends on whose domain Assent answers on.
fn told(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    cookie: Option<HeaderValue>,
    receipt: Option<(ReceiptId, String)>,
    request: &SignUpRequest,
) -> Response {
    let frame = frame::of(app, site, Some(&request.language), headers);
    let receipt = receipt.map(|(id, text)| {
        (id.to_string(), format!("data:application/json;base64,{}", base64_encode(text.as_bytes())))
    });
    let (wanted, time) = (request.wanted.clone(), rfc3339(app::now()));
    let talk = matches!(request.age, Some(AgeBand::Between(..)));
    let html = render_done(&DoneProps { frame, wanted, receipt, time, talk });
    let mut response = frame::page(site, html);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// The form tells about soft opt-in on every channel; it is about those for which an address was written.
fn about_given_addresses(site: &Site, mut request: SignUpRequest) -> SignUpRequest {
    let written = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let (email, phone) = (written(&request.email), written(&request.phone));
    let given = |id: &PurposeId| match site.notice.purpose(id).and_then(|purpose| purpose.channel) {
        Some(Channel::Email) => email,
        Some(Channel::Text) => phone,
        None => true,
    };
    request.told.retain(given);
    request.objected.retain(given);
    request
}

/// What the person wrote, to show it again beside what was wrong with it.
#[derive(Default)]
struct Typed {
    language: String,
    wanted: Vec<PurposeId>,
    objected: Vec<PurposeId>,
    email: String,
    phone: String,
    age: Option<AgeBand>,
}

impl Typed {
    fn take(&mut self, fields: &mut Fields) -> Result<(SignUpRequest, String), Problem> {
        self.email = fields.optional("email")?.unwrap_or_default();
        self.phone = fields.optional("phone")?.unwrap_or_default();
        self.language = fields.required("language")?;
        self.age = fields.age()?;
        let ids = |texts: Vec<String>| -> Result<Vec<_>, Problem> {
            let read = |id: &String| PurposeId::new(id).map_err(|_| Problem::from(Code::UnknownPurpose));
            texts.iter().map(read).collect()
        };
        self.wanted = ids(fields.all("wanted"))?;
        let told = ids(fields.all("told"))?;
        self.objected = ids(fields.all("objected"))?;
        let (email, phone) = (Some(self.email.clone()), Some(self.phone.clone()));
        let (language, wanted) = (self.language.clone(), self.wanted.clone());
        let objected = self.objected.clone();
        let notice = fields.notice()?;
        let age = self.age;
        let request = SignUpRequest { notice, language, wanted, told, objected, email, phone, age };
        Ok((request, fields.key()?))
    }

    /// The form again. Nothing was recorded.
    fn again(
        self,
        app: &App,
        site: &Site,
        headers: &HeaderMap,
        code: Code,
        errors: Vec<AlertError>,
    ) -> Result<Response, Problem> {
        let frame = frame::of(app, site, Some(&self.language), headers);
        let key = app::random_hex()?;
        let Self { wanted, objected, email, phone, age, .. } = self;
        let html = render(&AlertsProps { frame, key, wanted, objected, email, phone, age, errors });
        let status =
            if code.status().is_success() { StatusCode::UNPROCESSABLE_ENTITY } else { code.status() };
        Ok(with_code(frame::page_with(status, site, html), code))
    }
}

fn errors(error: &SignUpError) -> Vec<AlertError> {
    let one = |error| vec![error];
    match error {
        SignUpError::Form(wrong) => wrong.iter().map(shown).collect(),
        SignUpError::Record(RecordError::StaleNotice | RecordError::UnknownNotice) => {
            one(AlertError::QuestionsChanged)
        }
        SignUpError::Record(
            RecordError::Choices(_) | RecordError::UnknownLanguage | RecordError::BadTime,
        ) => one(AlertError::NotUnderstood),
        SignUpError::Record(_) => one(AlertError::NotRecorded),
    }
}

fn shown(wrong: &Wrong) -> AlertError {
    match wrong {
        Wrong::NothingWanted => AlertError::NothingWanted,
        Wrong::NotAnAlert(_) => AlertError::NotUnderstood,
        Wrong::Missing(Channel::Email) => AlertError::EmailMissing,
        Wrong::Missing(Channel::Text) => AlertError::PhoneMissing,
        Wrong::Malformed(Channel::Email) => AlertError::EmailWrong,
        Wrong::Malformed(Channel::Text) => AlertError::PhoneWrong,
        Wrong::Elsewhere => AlertError::PhoneElsewhere,
        Wrong::Age(AgeError::TooYoung) => AlertError::TooYoung,
        Wrong::Age(AgeError::Missing) => AlertError::AgeMissing,
        Wrong::Age(AgeError::NotAsked) => AlertError::NotUnderstood,
    }
}
