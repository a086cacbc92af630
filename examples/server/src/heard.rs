//! What the third parties, and the sites' own counters, heard: the list that shows what ran and what did not.
//!
//! Kept in memory for this run. It holds names of cookies, never their values or anybody's address.

use crate::addresses::Site;
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, ORIGIN, REFERER};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// The most entries kept; older ones go first.
const KEPT: usize = 10_000;

/// One thing that was asked of a third party, or told to a site's own counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Heard {
    /// What it was.
    pub(crate) kind: Kind,
    /// The site that asked: `clinic`, `charity`, or empty when the request does not say.
    pub(crate) site: String,
    /// Path of the page it was about; empty when the request does not say.
    pub(crate) path: String,
    /// Names of the cookies it came with, and of the visitor numbers inside it, in alphabetical order.
    pub(crate) cookies: Vec<String>,
    /// When, RFC 3339 in UTC.
    pub(crate) time: String,
    /// What it said: the event, the film, the search term. For Google's stand-in, with its consent signal (`gcs`).
    pub(crate) detail: String,
}

/// The kinds of [`Heard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A tag's program was fetched.
    Script,
    /// An analytics client sent an event.
    Hit,
    /// A pixel was fetched.
    Pixel,
    /// A frame was opened.
    Frame,
    /// A search term was counted (by the site itself).
    Search,
    /// A survey was answered (to the site itself).
    Survey,
    /// A page broke its policy (told to the site itself).
    Violation,
}

impl Heard {
    /// An entry for a request with these headers, now.
    pub(crate) fn new(kind: Kind, headers: &HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let referer = header(REFERER);
        let site = Site::of_address(header(ORIGIN)).or_else(|| Site::of_address(referer));
        let mut cookies: Vec<String> = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.split('=').next())
            .map(|name| name.trim().to_string())
            .filter(|name| !name.is_empty())
            .collect();
        cookies.sort();
        Self {
            kind,
            site: site.map(Site::id).unwrap_or_default().to_string(),
            path: String::new(),
            cookies,
            time: jiff::Timestamp::now().to_string(),
            detail: String::new(),
        }
    }

    /// With the page's address, which also says which site it is.
    pub(crate) fn page(mut self, address: &str) -> Self {
        if let Some(site) = Site::of_address(address) {
            self.site = site.id().to_string();
        }
        self.path = path_of(address);
        self
    }

    /// With what it said.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With the name of a visitor number that was in the message itself.
    pub(crate) fn carries(mut self, name: &str) -> Self {
        self.cookies.push(name.to_string());
        self.cookies.sort();
        self
    }
}

fn path_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or(path).to_string()
}

/// The list, shared by the three listeners.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Heard>>>);

impl Log {
    /// Adds one.
    pub(crate) fn add(&self, heard: Heard) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() == KEPT {
            list.remove(0);
        }
        list.push(heard);
    }

    /// All, oldest first.
    pub(crate) fn list(&self) -> Vec<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_cookies_but_not_their_values() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "wf_network=abc; a=b".parse().unwrap());
        headers.insert(ORIGIN, "http://clinic.localhost:8701".parse().unwrap());
        let heard = Heard::new(Kind::Hit, &headers)
            .page("http://clinic.localhost:8701/cy/?q=secret")
            .carries("_sp_id");
        assert_eq!((heard.site.as_str(), heard.path.as_str()), ("clinic", "/cy/"));
        assert_eq!(heard.cookies, ["_sp_id", "a", "wf_network"]);
    }
}
