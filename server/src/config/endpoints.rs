//! The endpoints of webhooks: a file of their own beside the configuration, because there are as many as the operator likes.
//!
//! What is refused here is what could not work or would not be safe. When an endpoint is told what is `app/webhooks`.

use super::secret_file;
use anyhow::{Context as _, bail};
use assent_core::event::EventKind;
use assent_core::ids::{EndpointId, SiteId};
use axum::http::Uri;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most secrets that sign at a time: one that comes and one that goes are enough.
const SECRETS_MAX: usize = 4;

/// One endpoint, as the file describes it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The site whose events it is told of.
    pub site: SiteId,
    /// Its name: once for each site.
    pub name: EndpointId,
    /// Where it is: an https address, or http with `private`.
    pub url: String,
    /// Secrets that sign, the newest first: `whsec_` and base64.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The same, each the first line of a file; paths from the folder of this file.
    #[serde(default)]
    pub secret_files: Vec<PathBuf>,
    /// What it is told of. Everything without it.
    #[serde(default = "everything")]
    pub events: BTreeSet<EventKind>,
    /// Whether it may be at an address that is not everybody's: on this machine, or in the operator's own network.
    #[serde(default)]
    pub private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

fn everything() -> BTreeSet<EventKind> {
    EventKind::ALL.into()
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("site", &self.site).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the file, and the files that it names.
///
/// # Errors
/// One cannot be read, or an endpoint could not work or would not be safe; the text says which, and never a secret.
pub fn read(path: &Path) -> anyhow::Result<Vec<Endpoint>> {
    let file = path.display();
    let text = Zeroizing::new(
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {file} (webhooks.endpoints_file)"))?,
    );
    // The parser's whole error would show the line, which may hold a secret; so may its message.
    let File { mut endpoints } = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        let secret = error.message().contains("whsec_");
        let message = if secret { "a secret stands where none belongs" } else { error.message() };
        anyhow::anyhow!("{file}, line {line}: {message}")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut names = BTreeSet::new();
    for endpoint in &mut endpoints {
        let Endpoint { site, name, .. } = &*endpoint;
        if !names.insert((site.clone(), name.clone())) {
            bail!("{file}: the site `{site}` has two endpoints `{name}`: give each a name of its own");
        }
        let wrong = format!("{file}: the endpoint `{name}` of the site `{site}`");
        for path in &endpoint.secret_files {
            let secret = secret_file(&folder.join(path), "secret_files").with_context(|| wrong.clone())?;
            endpoint.secrets.push(secret);
        }
        check(endpoint).with_context(|| wrong)?;
    }
    Ok(endpoints)
}

fn check(endpoint: &Endpoint) -> anyhow::Result<()> {
    let uri: Uri = endpoint.url.parse().ok().context("its url cannot be read")?;
    match (uri.scheme_str(), endpoint.private) {
        (Some("https"), _) | (Some("http"), true) => {}
        (Some("http"), false) => {
            bail!("its url is http: use https, or set private = true when it is in a network of your own")
        }
        _ => bail!("its url must begin with https://"),
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        bail!("its url must name a host, and no user: events are signed instead");
    }
    if endpoint.events.is_empty() {
        bail!("its events are an empty list: leave it out to tell everything");
    }
    if !(1..=SECRETS_MAX).contains(&endpoint.secrets.len()) {
        bail!("it needs 1 to {SECRETS_MAX} secrets or secret_files");
    }
    Ok(())
}
