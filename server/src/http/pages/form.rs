//! Reading form posts: from Assent's own pages or a declared origin's, each field known and given once.

use crate::app::App;
use crate::app::sites::Site;
use crate::http::error::{Code, Problem};
use crate::http::extract::{expect_content_type, read_body};
use crate::http::{idempotency, public};
use assent_core::age::AgeBand;
use assent_core::hash::Hash;
use assent_core::record::Signals;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

/// The content type of forms.
pub(in crate::http) const FORM: &str = "application/x-www-form-urlencoded";

/// The fields of a form post, in the order sent.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads the body.
    pub(super) async fn read(app: &App, request: Request) -> Result<Self, Problem> {
        expect_content_type(request.headers(), FORM)?;
        let bytes = read_body(request.into_body(), app.config.limits.body_bytes).await?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// Takes a field that may stand once.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let found = self.all(name);
        if found.len() > 1 {
            return Err(Problem::with(Code::BadForm, format!("The field `{name}` stands twice.")));
        }
        Ok(found.into_iter().next())
    }

    /// Takes a field that must stand once.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Problem> {
        let missing = || Problem::with(Code::BadForm, format!("The field `{name}` is missing."));
        self.optional(name)?.ok_or_else(missing)
    }

    /// Takes a field that must be one of an enum's words.
    pub(super) fn word<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Problem> {
        word(name, self.required(name)?)
    }

    /// Takes the hash of the notice that was on screen.
    pub(super) fn notice(&mut self) -> Result<Hash, Problem> {
        Hash::from_hex(&self.required("notice")?).map_err(|_| wrong("notice"))
    }

    /// Takes the form's random key.
    pub(super) fn key(&mut self) -> Result<String, Problem> {
        idempotency::parse(&self.required("key")?).ok_or_else(|| Code::IdempotencyKeyMalformed.into())
    }

    /// The same of a form that many people get alike, and so has none: each press is one of its own.
    pub(super) fn key_or_new(&mut self) -> Result<String, Problem> {
        match self.optional("key")? {
            Some(text) => idempotency::parse(&text).ok_or_else(|| Code::IdempotencyKeyMalformed.into()),
            None => crate::app::random_hex().map_err(Problem::internal),
        }
    }

    /// Takes how old the person says they are, if they do.
    pub(super) fn age(&mut self) -> Result<Option<AgeBand>, Problem> {
        let text = self.optional("age")?.filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|_| Code::BadAge.into())).transpose()
    }

    /// Takes every field of this name.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        self.with_prefix(name)
            .into_iter()
            .filter(|(rest, _)| rest.is_empty())
            .map(|(_, value)| value)
            .collect()
    }

    /// Takes every field whose name begins so, without that beginning.
    pub(super) fn with_prefix(&mut self, prefix: &str) -> Vec<(String, String)> {
        let exact = !prefix.ends_with('.');
        let fits = |name: &str| if exact { name == prefix } else { name.starts_with(prefix) };
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(name, _)| fits(name));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_string(), value)).collect()
    }

    /// Refuses what nobody took.
    pub(super) fn end(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::with(Code::BadForm, "There is an unknown field."))
        }
    }
}

/// A value that must be one of an enum's words.
pub(super) fn word<T: DeserializeOwned>(name: &str, value: String) -> Result<T, Problem> {
    serde_json::from_value(serde_json::Value::String(value)).map_err(|_| wrong(name))
}

fn wrong(name: &str) -> Problem {
    Problem::with(Code::BadForm, format!("The field `{name}` is none of the values it can have."))
}

/// The origin of the page that posted the form: Assent's own address or a declared one.
///
/// A browser that sends no `Origin` with a form still says whether the page was ours.
pub(super) fn origin(site: &Site, headers: &HeaderMap) -> Result<String, Problem> {
    let fetch_site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if !headers.contains_key(header::ORIGIN) && fetch_site == Some("same-origin") {
        return Ok(site.file.public_url.clone());
    }
    public::decisions::declared_origin(site, headers)
}

/// Browser signals of this request. Any value of `Sec-GPC` other than `1` is to be ignored.
pub(super) fn signals(headers: &HeaderMap) -> Signals {
    Signals { gpc: headers.get_all("sec-gpc").iter().any(|value| value == "1"), dnt: false }
}

/// 303 to `address`, with the choice.
pub(super) fn see_other(address: &str, cookie: Option<HeaderValue>) -> Result<Response, Problem> {
    let address = HeaderValue::from_str(address).map_err(Problem::internal)?;
    let about = [(header::LOCATION, address), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::SEE_OTHER, about).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
