//! Texts that came in, as the configured gateway hands them over: how each is read, and known to be the gateway's own.
//!
//! What a text means is `app/alerts/incoming.rs`. Sources: Kannel's user guide (`post-url`), GOV.UK Notify's documentation ("received
//! text messages"), Twilio's ("webhook security": HMAC-SHA-1 over address and sorted fields), Standard Webhooks 1.0.0.

use crate::app::alerts::incoming::{Door, Incoming, hear};
use crate::app::{self, App};
use crate::config::GatewayKind;
use crate::http::error::{Code, Problem};
use crate::http::extract::{InSite, read_body};
use assent_core::hash::sha256;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha1::Sha1;
use std::sync::Arc;

/// What Twilio takes for "say nothing".
const SAY_NOTHING: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

/// A text from the configured gateway. Safe to repeat: a text that comes again changes nothing.
///
/// STOP and its kin stop every text alert of the number; START and HELP are answered; everything else waits for staff. The shape of the
/// body is the gateway's: `gateway.kind` of the configuration.
#[utoipa::path(
    post, path = "/v1/{site}/texts/in", tag = "Alerts",
    params(("site" = String, Path, description = "The site.")),
    request_body(content = String, content_type = "text/plain", description = "kannel: the text, with `X-Kannel-From`; HTTP Basic with `gateway.inbound_secret` as password. notify: its JSON, with the secret as bearer token. twilio: its form, signed. webhook: JSON with `from` and `text`, signed as Standard Webhooks say."),
    responses((status = 200, description = "Done, or kept for staff.", body = String, content_type = "text/plain"),
        (status = 400, description = "`bad-json`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-gateway`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-site`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad-body`.", body = crate::http::schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `timeout`, `ledger-stopped`: send it again.", body = crate::http::schema::Problem, content_type = "application/problem+json"))
)]
pub(in crate::http) async fn heard(
    State(app): State<Arc<App>>,
    InSite(site): InSite,
    request: Request,
) -> Result<Response, Problem> {
    let door = app.outbox.door.as_ref().ok_or(Code::NotTheGateway)?;
    let (parts, body) = request.into_parts();
    let body = read_body(body, app.config.limits.body_bytes).await?;
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let address = format!("{}/texts/in{query}", site.api());
    let incoming = read(door, &parts.headers, &address, &body)?;
    hear(&app, &site, incoming, app::now()).await?;
    // 200 with nothing in it: Kannel takes other good statuses for failures, and would send a body to the person.
    Ok(match door.kind {
        GatewayKind::Twilio => ([(header::CONTENT_TYPE, "text/xml")], SAY_NOTHING).into_response(),
        _ => ([(header::CONTENT_TYPE, "text/plain")], "").into_response(),
    })
}

/// The text, if the request is the gateway's.
fn read(door: &Door, headers: &HeaderMap, address: &str, body: &[u8]) -> Result<Incoming, Problem> {
    match door.kind {
        GatewayKind::None => Err(Code::NotTheGateway.into()),
        GatewayKind::Kannel => {
            shows_secret(door, headers)?;
            kannel(headers, body)
        }
        GatewayKind::Notify => {
            shows_secret(door, headers)?;
            notify(body)
        }
        GatewayKind::Twilio => {
            let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            let signature = text_of(headers, "x-twilio-signature");
            if !is_twilios(door.secret(), address, &fields, signature) {
                return Err(Code::NotTheGateway.into());
            }
            twilio(fields)
        }
        GatewayKind::Webhook => {
            let key = crate::deliver::signed::key(door.secret())?;
            key.verify(body, headers).map_err(|_| Code::NotTheGateway)?;
            webhook(headers, body)
        }
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The secret as bearer token, or as the password of HTTP Basic, which is all that Kannel can send.
fn shows_secret(door: &Door, headers: &HeaderMap) -> Result<(), Problem> {
    let shown = text_of(headers, "authorization").split_once(' ').and_then(|(scheme, shown)| {
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(shown.trim().to_string());
        }
        let basic = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(shown.trim()).ok())??;
        Some(String::from_utf8(basic).ok()?.split_once(':')?.1.to_string())
    });
    let shown = shown.is_some_and(|shown| door.is(&shown));
    if shown { Ok(()) } else { Err(Code::NotTheGateway.into()) }
}

fn kannel(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Problem> {
    let number = text_of(headers, "x-kannel-from").to_string();
    if number.is_empty() {
        return Err(Problem::with(Code::BadBody, "X-Kannel-From is missing: set send-sender = true."));
    }
    let content_type = text_of(headers, "content-type").to_ascii_lowercase();
    let text = if content_type.contains("utf-16be") || content_type.contains("ucs-2") {
        let units = body.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    // It gives a text no name; nobody writes the same twice within a second.
    let id = format!("{}/{}", text_of(headers, "x-kannel-time"), sha256(body).to_hex());
    Ok(Incoming { id, number, text })
}

fn notify(body: &[u8]) -> Result<Incoming, Problem> {
    // Notify may add fields.
    #[derive(Deserialize)]
    struct Received {
        id: String,
        source_number: String,
        message: String,
    }
    let Received { id, source_number: number, message: text } = json(body)?;
    Ok(Incoming { id, number, text })
}

fn twilio(fields: Vec<(String, String)>) -> Result<Incoming, Problem> {
    let field = |name: &str| {
        let missing = || Problem::with(Code::BadBody, format!("The field {name} is missing."));
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).ok_or_else(missing)
    };
    Ok(Incoming { id: field("MessageSid")?, number: field("From")?, text: field("Body")? })
}

fn webhook(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, Problem> {
    #[derive(Deserialize)]
    struct Received {
        from: String,
        text: String,
    }
    let Received { from: number, text } = json(body)?;
    Ok(Incoming { id: text_of(headers, "webhook-id").to_string(), number, text })
}

fn json<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Code::BadBody.into(),
        _ => Code::BadJson.into(),
    })
}

/// Whether Twilio signed these fields for this address.
fn is_twilios(token: &str, address: &str, fields: &[(String, String)], signature: &str) -> bool {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort();
    fields.dedup();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(address.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kannels_texts_are_read_in_both_alphabets() {
        let headers = |content_type: &'static str| {
            let pairs = [("x-kannel-from", "+447700900123"), ("content-type", content_type)];
            let pair = |(name, value): (&'static str, &'static str)| {
                (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
            };
            pairs.into_iter().map(pair).collect::<HeaderMap>()
        };
        let plain = kannel(&headers("text/plain; charset=\"UTF-8\""), "Glanmôr".as_bytes()).unwrap();
        let wide: Vec<u8> = "Ŵyl 🙏".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let wide = kannel(&headers("text/plain; charset=\"UTF-16BE\""), &wide).unwrap();
        assert_eq!((plain.text.as_str(), wide.text.as_str()), ("Glanmôr", "Ŵyl 🙏"));
        assert_eq!(plain.number, "+447700900123");
        assert!(kannel(&HeaderMap::new(), b"STOP").is_err(), "without a number there is nobody to obey");
    }

    /// The example of Twilio's documentation.
    #[test]
    fn twilios_own_signature_is_known_and_no_other() {
        let address = "https://example.com/myapp.php?foo=1&bar=2";
        let fields = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ];
        let fields: Vec<_> = fields.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let signature = "L/OH5YylLD5NRKLltdqwSvS0BnU=";
        assert!(is_twilios("12345", address, &fields, signature));
        assert!(!is_twilios("12346", address, &fields, signature));
        assert!(!is_twilios("12345", "https://example.com/myapp.php?foo=1", &fields, signature));
        assert!(!is_twilios("12345", address, &fields[1..], signature));
        assert!(!is_twilios("12345", address, &fields, ""));
    }
}
