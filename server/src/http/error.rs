//! The only place where something wrong becomes a status: RFC 9457 problems with stable codes.
//!
//! Each [`Code`]'s documentation starts with its status; `/problems/{code}` shows the same words to people. A
//! problem's detail is public and never personal; its cause is for the log and never public. Which application
//! error becomes which code is in [`super::mapping`].

use crate::app::record::TOO_MANY_RETRY_SECONDS;
use assent_core::wire::Problem as Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $status:ident $code:literal $title:literal;)*) => {
        /// Everything that can be answered instead of success.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)*
        }
        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The stable name, kebab-case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
            /// The same short text for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
            /// What it means and what to do, in plain words.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// 400: The body is not JSON. Nothing was stored. Send one JSON object.
    BadJson BAD_REQUEST "bad-json" "The body is not JSON";
    /// 422: A value in the body is missing or of the wrong kind. Nothing was stored. The reference lists the fields.
    BadBody UNPROCESSABLE_ENTITY "bad-body" "The body does not fit";
    /// 422: The body has a field that is not known here. Nothing was stored, because a field that is not
    /// understood could have changed the meaning.
    UnknownField UNPROCESSABLE_ENTITY "unknown-field" "The body has a field that is not known";
    /// 400: The form's fields could not be read. Nothing was stored.
    BadForm BAD_REQUEST "bad-form" "The form could not be read";
    /// 400: Something in the address after `?` is missing, unknown or of the wrong kind.
    BadQuery BAD_REQUEST "bad-query" "The query does not fit";
    /// 413: The body is longer than the server takes (limits.body_bytes). Nothing was stored.
    BodyTooLarge PAYLOAD_TOO_LARGE "body-too-large" "The body is too large";
    /// 415: The Content-Type is not the one this address takes. Nothing was stored.
    WrongContentType UNSUPPORTED_MEDIA_TYPE "wrong-content-type" "The body has the wrong content type";
    /// 405: The address exists, but not for this method. The Allow header lists the methods.
    WrongMethod METHOD_NOT_ALLOWED "wrong-method" "The method is not allowed here";
    /// 404: There is nothing at this address, or nothing that the holder of this token may see.
    NotFound NOT_FOUND "not-found" "There is nothing here";
    /// 404: No site of this name is published here. `assent site apply` publishes one.
    UnknownSite NOT_FOUND "unknown-site" "The site is not known";
    /// 403: The request came over plain http. Ask again over https; people's choices do not travel in clear.
    InsecureTransport FORBIDDEN "insecure-transport" "Only https is accepted";
    /// 403: The page's origin is not one the site file declares. Nothing was stored. Add it to `origins`.
    OriginNotDeclared FORBIDDEN "origin-not-declared" "The origin is not declared";
    /// 403: The request names no origin, so that it cannot be told which page it came from. Nothing was stored.
    OriginMissing FORBIDDEN "origin-missing" "The origin is missing";
    /// 400: The Assent-Subject header is missing. It carries the token that lets its holder change the choice.
    SubjectMissing BAD_REQUEST "subject-missing" "The subject token is missing";
    /// 400: The subject token is not 22 characters of unpadded base64url.
    SubjectMalformed BAD_REQUEST "subject-malformed" "The subject token cannot be read";
    /// 400: The Idempotency-Key header is missing. With it, a repeated request is recorded once.
    IdempotencyKeyMissing BAD_REQUEST "idempotency-key-missing" "The idempotency key is missing";
    /// 400: The Idempotency-Key is not 1 to 128 visible ASCII characters, in quotes or without.
    IdempotencyKeyMalformed BAD_REQUEST "idempotency-key-malformed" "The idempotency key cannot be read";
    /// 422: The same Idempotency-Key came before with another body. Nothing was stored. Draw a new key.
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key was used for another body";
    /// 400: The Assent-Reason header is missing, or not 1 to 200 characters. A list of addresses is given out for a reason, which the
    /// server's log keeps. What needs no addresses is in the export.
    ReasonMissing BAD_REQUEST "reason-missing" "The reason is missing";
    /// 422: No notice with this hash was ever published for the site. Nothing was stored.
    UnknownNotice UNPROCESSABLE_ENTITY "unknown-notice" "The notice is not known";
    /// 409: The notice was replaced before the choice was made. Nothing was stored. Show the current notice and ask
    /// again; nobody agrees to words that were not on screen.
    StaleNotice CONFLICT "stale-notice" "The notice was replaced";
    /// 422: The notice is not in this language. Nothing was stored.
    UnknownLanguage UNPROCESSABLE_ENTITY "unknown-language" "The notice is not in this language";
    /// 422: The notice has no such purpose, or asks it elsewhere. Nothing was stored.
    UnknownPurpose UNPROCESSABLE_ENTITY "unknown-purpose" "The purpose is not known";
    /// 422: The purpose is told, not asked. Nothing was stored.
    NotAChoice UNPROCESSABLE_ENTITY "not-a-choice" "There is nothing to choose";
    /// 422: No purpose was decided. Nothing was stored.
    NoChoices UNPROCESSABLE_ENTITY "no-choices" "Nothing was decided";
    /// 422: "Accept all" or "decline all" does not say the same of every purpose the banner asks. Nothing was stored.
    ActDiffers UNPROCESSABLE_ENTITY "act-differs" "The act and the choices differ";
    /// 422: A visitor's browser cannot make this act. Nothing was stored.
    ActNotVisitors UNPROCESSABLE_ENTITY "act-not-visitors" "The act is not a visitor's";
    /// 422: A time is not RFC 3339 in UTC with `Z`. Nothing was stored.
    BadTime UNPROCESSABLE_ENTITY "bad-time" "The time cannot be read";
    /// 422: An alert was wanted on a channel for which no address was given. Nothing was stored.
    ContactMissing UNPROCESSABLE_ENTITY "contact-missing" "An address is missing";
    /// 422: The email address cannot be one. Nothing was stored.
    BadEmail UNPROCESSABLE_ENTITY "bad-email" "The email address cannot be read";
    /// 422: The number is not a possible telephone number in international form, as +44 7700 900123. Nothing was stored.
    BadPhone UNPROCESSABLE_ENTITY "bad-phone" "The phone number cannot be read";
    /// 422: The number is of a country that the site sends no texts to (`text_countries` in the site file). Nothing was stored.
    PhoneElsewhere UNPROCESSABLE_ENTITY "phone-elsewhere" "No texts are sent to this country";
    /// 422: The site asks how old people are, and a yes came without it. Nothing was stored. Send `age`, one of the notice's bands.
    AgeMissing UNPROCESSABLE_ENTITY "age-missing" "The age is missing";
    /// 422: The age is none of the bands that are asked for there, or none is asked for. Nothing was stored.
    BadAge UNPROCESSABLE_ENTITY "bad-age" "No such age is asked for";
    /// 422: Somebody who is too young for it said yes. Nothing was stored. They can say no, and who looks after them can write to the
    /// controller.
    TooYoung UNPROCESSABLE_ENTITY "too-young" "Too young to say yes to this";
    /// 422: The code does not fit the number, is over, or was tried too often. Nothing was stored.
    BadCode UNPROCESSABLE_ENTITY "bad-code" "The code does not fit";
    /// 422: It was said by telephone, and nobody said whether the call was recorded. Nothing was stored. `recording` is `told` when the
    /// person was told of it at the start, and `not-recorded` when there is none.
    RecordingUnanswered UNPROCESSABLE_ENTITY "recording-unanswered" "Was the call recorded?";
    /// 422: The account of what was told is not whole: the script, who wrote it down, or where the evidence is kept. Nothing was stored.
    ToldIncomplete UNPROCESSABLE_ENTITY "told-incomplete" "The account of what was told is not whole";
    /// 422: It would have been said in the future. Nothing was stored.
    SaidInFuture UNPROCESSABLE_ENTITY "said-in-future" "The time is in the future";
    /// 422: The alert has no route on which it may be sent: see the site file. Nothing was stored.
    NoRoute UNPROCESSABLE_ENTITY "no-route" "The alert has no route";
    /// 409: The address must not be written to. Nothing was stored. Only its owner can change that, by signing up and confirming.
    Suppressed CONFLICT "suppressed" "The address must not be written to";
    /// 409: A no was said after the time of this yes, so the no counts. Nothing was stored.
    SaidNoSince CONFLICT "said-no-since" "They said no since";
    /// 422: The charitable soft opt-in is only for details that were collected on or after 5 February 2026 (PECR reg 22(3A)). Nothing
    /// was stored. Ask for consent instead.
    SoftOptInTooEarly UNPROCESSABLE_ENTITY "soft-opt-in-too-early" "The details were collected too early";
    /// 422: Soft opt-in needs details that came from the person directly (`directly`), and an opt-out that was offered when they were
    /// collected (`opt_out_offered`). Nothing was stored. Ask for consent instead.
    SoftOptInNotOffered UNPROCESSABLE_ENTITY "soft-opt-in-not-offered" "The conditions of soft opt-in are not kept";
    /// 403: The request is not the text gateway's: its secret or signature is missing or wrong, or no gateway is set up whose texts
    /// can be answered (gateway.replies). Nothing was done.
    NotTheGateway FORBIDDEN "not-the-gateway" "The request is not the text gateway's";
    /// 401: The token is missing or wrong: only mail.bounce_token and the staff token may say that messages come back.
    NotTheMailServer UNAUTHORIZED "not-the-mail-server" "The token is missing or wrong";
    /// 409: The records are restricted (UK GDPR Art 18): nobody looks at them until that is ended.
    Restricted CONFLICT "restricted" "The records are restricted";
    /// 410: It was recorded before with this idempotency key, and its record is gone by now, because its time was over. Nothing more was
    /// stored.
    RecordGone GONE "record-gone" "What was recorded is gone";
    /// 403: The link is older than limits.link_days. Alerts can still be stopped with it, and a fresh one can be sent to the same address
    /// from its page. Nothing else was done.
    LinkOld FORBIDDEN "link-old" "The link is too old for this";
    /// 404: Nothing was recorded here for a subject with this id. Nothing was changed.
    UnknownSubject NOT_FOUND "unknown-subject" "The subject is not known";
    /// 409: The records are held: somebody decided that they must stay for now. End the hold first.
    Held CONFLICT "held" "The records are held";
    /// 422: The ticket was not made here, or not since the server started, or not for this site. Nothing was stored. Begin again on
    /// the choices page of the site that the choices are from.
    UnknownTicket UNPROCESSABLE_ENTITY "unknown-ticket" "The ticket is not known";
    /// 410: The ticket is older than a quarter of an hour, or one of the two sites asks something else by now. Nothing was stored.
    /// Begin again on the choices page of the site that the choices are from.
    TicketOver GONE "ticket-over" "The ticket is over";
    /// 409: The ticket was used before. Nothing more was stored.
    TicketUsed CONFLICT "ticket-used" "The ticket was used before";
    /// 401: The staff token is missing or wrong.
    Unauthorised UNAUTHORIZED "unauthorised" "The staff token is missing or wrong";
    /// 422: The site file cannot be read, or does not make a notice. Nothing was changed.
    BadSiteFile UNPROCESSABLE_ENTITY "bad-site-file" "The site file does not fit";
    /// 422: The notice breaks rules of fair asking, each named in the detail. Nothing was changed.
    NoticeRefused UNPROCESSABLE_ENTITY "notice-refused" "The notice asks unfairly";
    /// 409: The site has no log here. A log is begun once, on purpose: `assent log create`.
    NoLog CONFLICT "no-log" "The site has no log";
    /// 409: The site has a log already, and a site has one only.
    LogExists CONFLICT "log-exists" "The site has a log";
    /// 409: No backup was made: backup.dir is not set, another backup is being made, sites or entries are fewer than in the newest
    /// backup, or others, so that something was lost, or a site file was altered. The detail says which.
    NoBackup CONFLICT "no-backup" "No backup was made";
    /// 410: The log was taken over from another instance, to be read: nobody is asked for it, and it takes no decisions. Nothing was stored.
    TakenOver GONE "taken-over" "The log takes no decisions";
    /// 503: The server has no built loader and widget, so there is no embed. The operator builds them and sets
    /// server.web_dir.
    WebFilesMissing SERVICE_UNAVAILABLE "web-files-missing" "The web files are missing";
    /// 429: This token has decided more often than limits.decisions_per_person allows, so no yes is taken. Nothing was
    /// stored. A no still is: it is recorded where it ends something, and answered with the receipt of the earlier no where
    /// it holds already. Retry-After says when to ask again.
    TooManyDecisions TOO_MANY_REQUESTS "too-many-decisions" "Too many decisions of one person";
    /// 429: So many people were asked within the last hour whether sign-ups were theirs that no more are asked now
    /// (limits.email_questions_per_hour, limits.text_questions_per_hour), whoever they are. Nothing was stored but a no: what the form
    /// objects to is recorded. Send all of it again; Retry-After says when there is room at the latest.
    TooManyQuestions TOO_MANY_REQUESTS "too-many-questions" "Too many were asked within an hour";
    /// 503: More decisions are waiting for the disk than limits.queue allows, or somebody decided with the same token at
    /// the same moment more often than was tried again. Nothing was stored. Send it again later, with the same Idempotency-Key.
    Busy SERVICE_UNAVAILABLE "busy" "The server is busy";
    /// 503: The request took too long. Send it again with the same Idempotency-Key: it is recorded once.
    Timeout SERVICE_UNAVAILABLE "timeout" "The request took too long";
    /// 503: The ledger takes nothing now: it could not tell whether a write reached the disk, or the disk is full. It tries
    /// to recover with each new request; the operator's log says why. Send the request again later with the same
    /// Idempotency-Key.
    LedgerStopped SERVICE_UNAVAILABLE "ledger-stopped" "The ledger stopped";
    /// 500: Something failed that should not. The cause is in the operator's log, not here.
    Internal INTERNAL_SERVER_ERROR "internal" "Something failed";
}

/// What is answered, and what only the log learns.
#[derive(Debug)]
pub struct Problem {
    /// Which.
    pub code: Code,
    /// What was wrong this time. Public; never personal data.
    pub detail: Option<String>,
    /// Why. For the log.
    pub cause: Option<anyhow::Error>,
}

impl Code {
    /// Seconds after which asking again makes sense.
    #[must_use]
    pub fn retry_after(self) -> Option<u32> {
        match self.status() {
            _ if self == Self::TooManyQuestions => Some(60 * 60),
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::TOO_MANY_REQUESTS => Some(TOO_MANY_RETRY_SECONDS),
            _ => None,
        }
    }
}

impl Problem {
    /// A problem with a detail for this time.
    #[must_use]
    pub fn with(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()), cause: None }
    }

    /// Something that should not happen: the cause is logged, the answer says nothing of it.
    #[must_use]
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self { code: Code::Internal, detail: None, cause: Some(cause.into()) }
    }

    /// Logs the cause, with everything behind it. The one place where a failed request's cause is written down.
    pub fn log(&self) {
        if let Some(cause) = &self.cause {
            tracing::error!(code = self.code.as_str(), cause = format!("{cause:#}"), "request failed");
        }
    }

    /// The document.
    #[must_use]
    pub fn body(&self) -> Body {
        Body {
            r#type: format!("/problems/{}", self.code.as_str()),
            title: self.code.title().to_string(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code.as_str().to_string(),
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self { code, detail: None, cause: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let text = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.code.status(), text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.code.retry_after().map(|seconds| (header::RETRY_AFTER, seconds.into())));
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"assent\""));
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_states_the_status_and_codes_are_unique() {
        for (index, code) in Code::ALL.iter().enumerate() {
            let status = format!("{}: ", code.status().as_u16());
            assert!(code.explanation().starts_with(&status), "{code:?}");
            assert!(Code::ALL[..index].iter().all(|other| other.as_str() != code.as_str()), "{code:?}");
        }
    }
}
