//! Contract fakes of text gateways that cannot be run here: GOV.UK Notify and Twilio, and a receiver of signed JSON. Built from their
//! published interfaces (Notify's REST documentation, Twilio's Messages resource, Standard Webhooks 1.0.0), of which each checks
//! what Assent sends, and nothing else.
//!
//! They are not those services: what they answer shows that Assent keeps the contract, not that the services do.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

use super::stack::free_port;
use super::until;

/// Parts of what Assent is configured with.
pub(crate) const NOTIFY_SERVICE: &str = "26785a09-ab16-4eb0-8407-a37497a57506";
pub(crate) const NOTIFY_SECRET: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";
pub(crate) const TEMPLATE: &str = "f33517ff-2a88-4f6e-b855-c550268ce08a";
pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Whose contract is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contract {
    Notify,
    Twilio,
    Webhook,
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Good,
    /// 500.
    Failing,
    /// Takes the text and never says so.
    Silent,
    /// Says that this number cannot be written to.
    Refusing,
}

/// A text that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) text: String,
    /// What names it, where the contract has that.
    pub(crate) id: String,
}

/// A running fake.
pub(crate) struct GatewayFake {
    pub(crate) url: String,
    state: Arc<Fake>,
}

struct Fake {
    contract: Contract,
    mood: Mutex<Mood>,
    taken: Mutex<Vec<Taken>>,
    asked: Mutex<usize>,
}

impl GatewayFake {
    /// Starts one on loopback.
    pub(crate) async fn starts(contract: Contract) -> Self {
        let state = Arc::new(Fake {
            contract,
            mood: Mutex::new(Mood::Good),
            taken: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&state));
        let port = free_port();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: format!("http://127.0.0.1:{port}"), state }
    }

    /// From now on it answers so.
    pub(crate) fn is(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// The lines of `[gateway]` that name it.
    pub(crate) fn configuration(&self) -> Vec<(&'static str, toml::Value)> {
        let url = self.url.as_str();
        let lines: Vec<(&str, &str)> = match self.state.contract {
            Contract::Notify => vec![("kind", "notify"), ("url", url), ("template", TEMPLATE)],
            Contract::Twilio => {
                vec![("kind", "twilio"), ("url", url), ("username", ACCOUNT), ("sender", "+447700900999")]
            }
            Contract::Webhook => vec![("kind", "webhook"), ("url", url), ("sender", "Glanmor")],
        };
        let key = format!("tests-{NOTIFY_SERVICE}-{NOTIFY_SECRET}");
        let password = match self.state.contract {
            Contract::Notify => key.as_str(),
            Contract::Twilio => AUTH_TOKEN,
            Contract::Webhook => WEBHOOK_SECRET,
        };
        let lines = lines.into_iter().chain([("password", password)]);
        lines.map(|(key, value)| (key, value.into())).collect()
    }

    /// How often it was asked to send something.
    pub(crate) fn asked(&self) -> usize {
        *self.state.asked.lock().unwrap()
    }

    /// What it took so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }

    /// The text with this number (from 1), once it was taken.
    pub(crate) async fn text(&self, number: usize) -> Taken {
        until(&format!("text {number} to be taken"), async || self.taken().into_iter().nth(number - 1)).await
    }
}

async fn take(State(fake): State<Arc<Fake>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    *fake.asked.lock().unwrap() += 1;
    let mood = *fake.mood.lock().unwrap();
    if mood == Mood::Failing {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = match fake.contract {
        Contract::Notify => notify(uri.path(), header("authorization"), &body),
        Contract::Twilio => twilio(uri.path(), header("authorization"), &body),
        Contract::Webhook => webhook(&headers, &body),
    };
    let taken = match read {
        Ok(taken) => taken,
        Err(why) => panic!("{:?}: Assent does not keep the contract: {why}", fake.contract),
    };
    if mood == Mood::Refusing {
        return match fake.contract {
            Contract::Notify => answer(
                400,
                &json!({ "status_code": 400, "errors": [{ "error": "ValidationError", "message": "phone_number Not enough digits" }] }),
            ),
            Contract::Twilio => answer(
                400,
                &json!({ "code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400 }),
            ),
            Contract::Webhook => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        };
    }
    fake.taken.lock().unwrap().push(taken);
    if mood == Mood::Silent {
        std::future::pending::<()>().await;
    }
    match fake.contract {
        Contract::Webhook => StatusCode::NO_CONTENT.into_response(),
        _ => answer(
            201,
            &json!({ "id": "740e5834-3a29-46b4-9a6f-16142fde533a", "sid": "SM0", "status": "queued" }),
        ),
    }
}

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_string())
        .into_response()
}

/// `POST /v2/notifications/sms` with a JWT (HS256; `iss` the service, `iat` within 30 seconds).
fn notify(path: &str, authorization: &str, body: &[u8]) -> Result<Taken, &'static str> {
    if path != "/v2/notifications/sms" {
        return Err("wrong path");
    }
    let token = authorization.strip_prefix("Bearer ").ok_or("no token")?;
    let claims = super::python_says(
        "import base64, hashlib, hmac, sys\n\
         token, secret = sys.argv[1:]\n\
         head, claims, mac = token.split('.')\n\
         un = lambda text: base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))\n\
         want = hmac.new(secret.encode(), f'{head}.{claims}'.encode(), hashlib.sha256).digest()\n\
         assert hmac.compare_digest(want, un(mac)) and b'HS256' in un(head)\n\
         print(un(claims).decode())",
        &[token, NOTIFY_SECRET],
    );
    let claims: Value = serde_json::from_str(&claims).map_err(|_| "the token's signature does not fit")?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    if claims["iss"] != NOTIFY_SERVICE || claims["iat"].as_u64().is_none_or(|at| now.abs_diff(at) > 30) {
        return Err("the token's claims are wrong");
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| "not JSON")?;
    let text = |value: &Value| value.as_str().map(ToString::to_string).ok_or("a field is missing");
    if body["template_id"] != TEMPLATE {
        return Err("another template");
    }
    Ok(Taken {
        to: text(&body["phone_number"])?,
        text: text(&body["personalisation"]["message"])?,
        id: text(&body["reference"])?,
    })
}

/// `POST /2010-04-01/Accounts/{sid}/Messages.json`, a form, with HTTP Basic.
fn twilio(path: &str, authorization: &str, body: &[u8]) -> Result<Taken, &'static str> {
    if path != format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json") {
        return Err("wrong path");
    }
    let basic = assent_core::hash::base64_encode(format!("{ACCOUNT}:{AUTH_TOKEN}").as_bytes());
    if authorization != format!("Basic {basic}") {
        return Err("no login");
    }
    let field = |name: &str| {
        super::form_field(body, name).filter(|value| !value.is_empty()).ok_or("a field is missing")
    };
    field("From")?;
    Ok(Taken { to: field("To")?, text: field("Body")?, id: String::new() })
}

/// Signed JSON, checked by the library of the specification's authors.
fn webhook(headers: &HeaderMap, body: &[u8]) -> Result<Taken, &'static str> {
    let key = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
    key.verify(body, headers).map_err(|_| "the signature does not fit")?;
    let body: Value = serde_json::from_slice(body).map_err(|_| "not JSON")?;
    if body["type"] != "text.send" || body["id"] != headers["webhook-id"].to_str().unwrap() {
        return Err("another type or id");
    }
    let text = |name: &str| body[name].as_str().map(ToString::to_string).ok_or("a field is missing");
    Ok(Taken { to: text("to")?, text: text("text")?, id: text("id")? })
}
