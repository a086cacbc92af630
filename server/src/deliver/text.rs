//! Handing text messages to a gateway: Kannel, GOV.UK Notify, Twilio, or anything that takes signed JSON.
//!
//! What a text says, when it is sent and how often it is tried are not decided here. A text that the gateway took is its business
//! from then on. Numbers and words go in bodies, never in addresses, so that they do not end in anybody's access log; what a
//! gateway answers is never logged, because it may repeat them.

use super::signed::{Signer, unix_seconds};
use super::{Proxies, SendError, Unreachable, agent, read_body, segments};
use crate::config::{Gateway as Config, GatewayKind, secret};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use zeroize::Zeroizing;

/// Longest answer of a gateway that is looked at, in bytes.
const ANSWER_MAX: usize = 64 << 10;
const NOTIFY: &str = "https://api.notifications.service.gov.uk";
const TWILIO: &str = "https://api.twilio.com";
/// A service's id and a key's secret end an API key of GOV.UK Notify; each is a UUID.
const UUID_LEN: usize = 36;
/// Twilio's codes for a number that cannot be written to: not a number, not a mobile one, unreachable, or its owner said STOP to Twilio.
const TWILIO_REFUSED: [u64; 7] = [21211, 21214, 21217, 21610, 21612, 21614, 30006];

/// One text to one number.
#[derive(Clone)]
pub struct Text {
    /// What it comes from; empty: what the gateway is set up with.
    pub from: String,
    /// The number, in E.164.
    pub to: String,
    /// What it says.
    pub text: String,
    /// What makes this text the same text when it is sent again: visible ASCII without spaces.
    pub id: String,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The configured gateway.
pub struct Gateway {
    agent: Agent,
    sender: String,
    kind: Kind,
}

enum Kind {
    Kannel { url: String, username: String, password: Zeroizing<String> },
    Notify { url: String, service: String, secret: Zeroizing<String>, template: String },
    Twilio { url: String, authorization: Zeroizing<String> },
    Webhook { url: String, signer: Signer },
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// For the configuration; nothing when no gateway is configured.
    ///
    /// # Errors
    /// A file that cannot be read, or a secret that is not of its kind.
    pub fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let password =
            || secret(&config.password, &config.password_file, "gateway.password_file").map(Zeroizing::new);
        let url = |default: &str| match config.url.trim_end_matches('/') {
            "" => default.to_string(),
            url => url.to_string(),
        };
        let kind = match config.kind {
            GatewayKind::None => return Ok(None),
            GatewayKind::Kannel => {
                Kind::Kannel { url: url(""), username: config.username.clone(), password: password()? }
            }
            GatewayKind::Notify => {
                let (service, secret) = notify_key(&password()?)?;
                Kind::Notify { url: url(NOTIFY), service, secret, template: config.template.clone() }
            }
            GatewayKind::Twilio => {
                let account = format!("{}:{}", config.username, *password()?);
                Kind::Twilio {
                    url: format!("{}/2010-04-01/Accounts/{}/Messages.json", url(TWILIO), config.username),
                    authorization: Zeroizing::new(format!("Basic {}", STANDARD.encode(account))),
                }
            }
            GatewayKind::Webhook => {
                let signer = Signer::new([password()?.as_str()]).context("gateway.password")?;
                Kind::Webhook { url: url(""), signer }
            }
        };
        let agent = agent(Duration::from_secs(config.timeout_seconds), Proxies::None);
        Ok(Some(Self { agent, sender: config.sender.clone(), kind }))
    }

    /// Hands a text over. When it returns well, the gateway has taken it. Blocks for at most the configured time.
    ///
    /// # Errors
    /// [`SendError`]. After [`SendError::Away`] nobody knows whether the gateway took it.
    pub fn send(&self, text: &Text) -> Result<(), SendError> {
        let from = if text.from.is_empty() { &self.sender } else { &text.from };
        match &self.kind {
            Kind::Kannel { url, username, password } => {
                let coding = if segments::is_gsm7(&text.text) { "0" } else { "2" };
                let mut post = self
                    .agent
                    .post(url)
                    .header("content-type", "text/plain; charset=UTF-8")
                    .header("x-kannel-username", username)
                    .header("x-kannel-password", password.as_str())
                    .header("x-kannel-to", &text.to)
                    .header("x-kannel-charset", "UTF-8")
                    .header("x-kannel-coding", coding);
                if !from.is_empty() {
                    post = post.header("x-kannel-from", from);
                }
                // 400 is about the number; 403 is about us; 503 passes.
                judge(post.send(text.text.as_str()), |status, _| status == 400)
            }
            Kind::Notify { url, service, secret, template } => {
                let mut body = json!({
                    "phone_number": text.to,
                    "template_id": template,
                    "personalisation": { "message": text.text },
                    "reference": text.id,
                });
                if !from.is_empty() {
                    body["sms_sender_id"] = from.as_str().into();
                }
                let post = self
                    .agent
                    .post(format!("{url}/v2/notifications/sms"))
                    .header("content-type", "application/json")
                    .header("authorization", format!("Bearer {}", notify_token(service, secret)));
                // 400 is about the number when it names that field; else about the template or the account.
                judge(post.send(body.to_string()), |status, answer| {
                    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
                    let names = |error: &Value| {
                        error["message"].as_str().is_some_and(|text| text.starts_with("phone_number"))
                    };
                    status == 400 && errors.iter().any(names)
                })
            }
            Kind::Twilio { url, authorization } => {
                let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
                let body = form_urlencoded::Serializer::new(String::new())
                    .append_pair("To", &text.to)
                    .append_pair(sender, from)
                    .append_pair("Body", &text.text)
                    .finish();
                let post = self
                    .agent
                    .post(url)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .header("authorization", authorization.as_str());
                judge(post.send(body), |_, answer| {
                    answer["code"].as_u64().is_some_and(|code| TWILIO_REFUSED.contains(&code))
                })
            }
            Kind::Webhook { url, signer } => {
                let body = json!({ "type": "text.send", "id": text.id, "from": from, "to": text.to, "text": text.text });
                let body = body.to_string();
                let mut post = self.agent.post(url).header("content-type", "application/json");
                for (name, value) in signer.headers(&text.id, &body) {
                    post = post.header(name, value);
                }
                judge(post.send(body), |status, _| status == 422)
            }
        }
    }
}

/// What an exchange came to. `refused` knows by status and answer (JSON, or null) that no later try would do.
fn judge(
    answer: Result<Response<ureq::Body>, ureq::Error>,
    refused: impl Fn(u16, &Value) -> bool,
) -> Result<(), SendError> {
    let away = |error: Unreachable| SendError::Away(error.to_string());
    let (parts, body) = answer.map_err(|error| away(error.into()))?.into_parts();
    let status = parts.status.as_u16();
    if parts.status.is_success() {
        return Ok(());
    }
    let bytes = read_body(body, ANSWER_MAX).map_err(away)?;
    let answer = serde_json::from_slice(&bytes).unwrap_or_default();
    let reason = status.to_string();
    if refused(status, &answer) { Err(SendError::Refused(reason)) } else { Err(SendError::Later(reason)) }
}

/// Service id and secret of an API key: `{name}-{service id}-{secret}`.
fn notify_key(key: &str) -> anyhow::Result<(String, Zeroizing<String>)> {
    let wrong = "gateway.password is no API key of GOV.UK Notify";
    let (rest, secret) =
        key.len().checked_sub(UUID_LEN).and_then(|place| key.split_at_checked(place)).context(wrong)?;
    let rest = rest.strip_suffix('-').context(wrong)?;
    let service =
        rest.len().checked_sub(UUID_LEN).and_then(|place| rest.split_at_checked(place)).context(wrong)?.1;
    let is_uuid = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !is_uuid(service) || !is_uuid(secret) {
        bail!(wrong);
    }
    Ok((service.to_string(), Zeroizing::new(secret.to_string())))
}

/// The token that Notify's API asks for: a JWT of three fixed parts, good for half a minute. Too little to bring a library for.
fn notify_token(service: &str, secret: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": service, "iat": unix_seconds() });
    let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "HS256" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_or_refused() {
        let (service, secret) =
            ("8f9e4b3c-0c4d-4a1e-9b1a-0123456789ab", "1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9");
        let (found, key) = notify_key(&format!("my-test_key-{service}-{secret}")).unwrap();
        assert_eq!((found.as_str(), key.as_str()), (service, secret));
        for bad in ["", "x", secret, &format!("k-{service}{secret}"), &format!("k-{secret}")] {
            assert!(notify_key(bad).is_err(), "{bad}");
        }
    }
}
