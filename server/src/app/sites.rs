//! The sites published here: opening them at start, and publishing a site file.
//!
//! Publishing writes the file beside the one in force, lets the ledger publish the notice, and then puts the file in
//! force. A crash in between leaves `next.toml`: at the next start it is put in force if its notice was published,
//! and dropped if not, so that file and log never disagree for long.

use super::alerts::standings::{Preparer, Standings};
use super::alerts::template::{self, TemplateFault};
use super::alerts::{Sealer, link};
use super::contact::normalise;
use super::embed::Embeds;
use super::publish::Publication;
use super::site_text::{self, SiteTextError, vouched};
use crate::assets::Assets;
use crate::bundle::{self, BundleFault, BundleSummary};
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, replace_file};
use assent_core::bundle::RECORDS;
use assent_core::hand_over::same_controller;
use assent_core::hash::{Hash, sha256};
use assent_core::ids::{PurposeId, SiteId};
use assent_core::lint::{self, Finding};
use assent_core::note::VerifierKey;
use assent_core::notice::{Asked, Channel, Notice};
use assent_core::site::{MessageKind, SiteFile, SiteFileError};
use assent_ledger::store::{Reclaimed, StoreError};
use assent_ledger::{
    AppendError, CheckError, CreateError, Import, ImportError, Ledger, LogConfig, OpenError, OperatorKey,
    Outside, PublishedNotice, ReadError, Store,
};
use assent_store_sled::SledStore;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use zip::ZipArchive;

/// One site as it is served now. Replaced as a whole when a site file is published.
#[derive(Debug)]
pub struct Site {
    /// The file in force.
    pub file: SiteFile,
    /// The notice published last.
    pub notice: Arc<Notice>,
    /// Its hash: of the bytes in the log.
    pub hash: Hash,
    /// The log.
    pub ledger: Arc<Ledger>,
    /// Its public checkpoint.
    pub publication: Publication,
    /// The embed in every language, ready to send; nothing without built web files.
    pub embeds: Option<Embeds>,
    /// What seals links in messages.
    pub links: Sealer,
    /// What holds for addresses, as far as it was worked out.
    pub standings: Standings,
    /// Records a subject may have before nothing more is taken but what ends something (`limits.decisions_per_person`).
    pub most_decisions: usize,
}

impl Site {
    /// `{public_url}/v1/{site}`.
    #[must_use]
    pub fn api(&self) -> String {
        format!("{}/v1/{}", self.file.public_url, self.file.id)
    }
}

/// Every published site, and what is needed to publish more.
#[derive(Debug)]
pub struct Sites {
    data: DataDir,
    store: Arc<SledStore>,
    queue: usize,
    most_decisions: usize,
    accept_clock: bool,
    assets: Arc<Assets>,
    served: RwLock<BTreeMap<SiteId, Arc<Site>>>,
    /// One publication at a time.
    publishing: tokio::sync::Mutex<()>,
    /// One reclaim at a time, with what the logs remember of it: one that fails must not be taken for the other, which did not.
    reclaiming: Mutex<()>,
    /// Works out what holds for addresses; only where somebody is served.
    preparer: OnceLock<Preparer>,
}

/// Whether publishing a site file begins the site's log. A history is begun once, and on purpose: a server that lost its
/// data must not start a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogIs {
    /// The log must be there.
    There,
    /// The log must not be there, and is created.
    New,
}

/// A site file was published.
#[derive(Debug, Clone, Copy)]
pub struct Applied {
    /// The notice in force.
    pub notice: PublishedNotice,
    /// Whether the site's log was begun.
    pub begun: bool,
}

/// Why a site file was not put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// It is not TOML, or not a site file's shape.
    #[error("the site file cannot be read: {0}")]
    Shape(String),
    /// It does not make a notice.
    #[error(transparent)]
    File(#[from] SiteFileError),
    /// The notice breaks rules of fair asking.
    #[error("the notice asks unfairly: {}", findings(.0))]
    Unfair(Vec<Finding>),
    /// The address it was sent to names another site.
    #[error("the file is of the site `{found}`")]
    OtherSite {
        /// The id in the file.
        found: SiteId,
    },
    /// The log's name would change.
    #[error(
        "public_url must stay `{0}`: the log is named after it, and every receipt names the log. Publish the site under \
         another id if it must move"
    )]
    Moved(String),
    /// What people said about an alert was said about its route.
    #[error(
        "the alert `{alert}` was published with the route `{was}`: what people said was said about that, and would mean something else \
         on another one. Give the alert a topic of its own"
    )]
    RouteChanged {
        /// The alert's purpose.
        alert: PurposeId,
        /// Its route until now.
        was: &'static str,
    },
    /// Browsers would send the choice made on one site to the other.
    #[error(
        "the site `{other}` is seen by the same browsers' cookies: give each site a cookie_domain (or, without one, a \
         public_url) of its own, so that a choice holds only where it was made"
    )]
    SharesCookies {
        /// The site that is published already.
        other: SiteId,
    },
    /// Messages could not come from there.
    #[error(
        "`{key}` is `{}`: messages could not be sent from it. Write one email address, as in alerts@example.org, or for text_from a \
         number or name on one line",
        .found.escape_debug()
    )]
    Sender {
        /// The key.
        key: &'static str,
        /// What it says.
        found: String,
    },
    /// A template of its messages does not do.
    #[error(
        "a template under [messages] cannot be used: `{body}` of the message `{kind}` in `{language}`: {fault}. `assent site templates` prints the \
         built-in ones to start from",
        kind = .kind.as_str()
    )]
    Template {
        /// Of which message.
        kind: MessageKind,
        /// In which language (BCP 47).
        language: String,
        /// `text` or `html`.
        body: &'static str,
        /// Why.
        fault: TemplateFault,
    },
    /// It would hand over to a site that is not here, or is somebody else's.
    #[error(
        "hands_over_to names `{0}`, which is not published here as a site of the same controller (name and address): people can take \
         their choices on to a site of the same controller only"
    )]
    HandsOver(SiteId),
    /// The site has no log yet.
    #[error("the site `{0}` has no log here; begin it once, on purpose, with `assent log create`")]
    NoLog(SiteId),
    /// The site has a log already.
    #[error("the site `{0}` has a log; publish the file with `assent site apply`")]
    LogExists(SiteId),
    /// The log could not be begun.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The notice was not published.
    #[error(transparent)]
    Publish(#[from] AppendError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file could not be kept.
    #[error(transparent)]
    Keep(#[from] DataDirError),
    /// The work could not be run.
    #[error("the work was stopped")]
    Stopped(#[source] anyhow::Error),
}

/// Whether every alert has the route that it always had. Blocks.
fn same_routes(ledger: &Ledger, new: &Notice) -> Result<(), ApplyError> {
    for version in ledger.notices()? {
        let old = ledger.notice(&version.hash)?;
        let Some(old) = old.and_then(|document| serde_json::from_slice::<Notice>(&document).ok()) else {
            continue;
        };
        for alert in new.asked_at(Asked::AlertForm) {
            let was = old.purpose(&alert.id).map(|old| old.route);
            if let Some(was) = was.filter(|was| *was != alert.route) {
                return Err(ApplyError::RouteChanged { alert: alert.id.clone(), was: was.as_str() });
            }
        }
    }
    Ok(())
}

/// Why a log was not taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeOverError {
    /// The site file cannot be used, or the site has a log.
    #[error(transparent)]
    Site(#[from] ApplyError),
    /// The bundle does not hold.
    #[error("the bundle does not hold: {0} ({code})", code = .0.code())]
    Bundle(#[from] BundleFault),
    /// A part of a log cannot go on for the whole.
    #[error(
        "the bundle is a part of the log, or withholds records ({withheld}): export it without filters, and release what is restricted first"
    )]
    NotWhole {
        /// Records that are withheld.
        withheld: u64,
    },
    /// The ledger did not take it.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// What was taken over does not hold.
    #[error("what was taken over does not hold")]
    Check(#[source] CheckError),
    /// The bundle could not be read again.
    #[error("the bundle could not be read")]
    Read(#[from] io::Error),
    /// The site file could not be kept.
    #[error(transparent)]
    Keep(#[from] DataDirError),
}

/// Findings, one a line.
#[must_use]
pub fn findings(findings: &[Finding]) -> String {
    let lines =
        findings.iter().map(|finding| format!("{} at {}: {}", finding.rule, finding.place, finding.message));
    lines.collect::<Vec<_>>().join("\n")
}

/// What to say of a site whose log is here without its site file.
#[must_use]
pub fn lost(site: &SiteId) -> String {
    format!(
        "the log of the site `{site}` is here and its site file is not, so it is not served: publish the file again (`assent site \
         apply`), or restore a backup"
    )
}

/// Whether messages can come from whom the file says: no mail server takes them from anything but one address, so all of them would
/// be lost.
fn senders(file: &SiteFile) -> Result<(), ApplyError> {
    let email = Some(&file.controller.email).filter(|email| !email.trim().is_empty());
    for (key, address) in [("controller.email", email), ("mail_from", file.mail_from.as_ref())] {
        if let Some(wrong) = address.filter(|address| !is_email(address)) {
            return Err(ApplyError::Sender { key, found: wrong.clone() });
        }
    }
    let is_name = |name: &&String| !name.trim().is_empty() && !name.chars().any(char::is_control);
    match file.text_from.as_ref().filter(|name| !is_name(name)) {
        Some(wrong) => Err(ApplyError::Sender { key: "text_from", found: wrong.clone() }),
        None => Ok(()),
    }
}

/// An address as it stands, without a space around it.
fn is_email(text: &str) -> bool {
    text.trim() == text && normalise(Channel::Email, text).is_ok()
}

/// Without the mark of byte order that some editors put first: it is kept behind a line of ours, where it would be no TOML.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads and judges a site file, without changing anything.
pub fn check(text: &str) -> Result<(SiteFile, Notice), ApplyError> {
    let shape = |error: toml::de::Error| ApplyError::Shape(error.to_string());
    // Before the shape, which would only say that there is no such key.
    let written: serde_json::Value = toml::from_str(text).map_err(shape)?;
    let findings = lint::check_keys(&written);
    if !findings.is_empty() {
        return Err(ApplyError::Unfair(findings));
    }
    let file: SiteFile = toml::from_str(text).map_err(shape)?;
    let notice = file.notice()?;
    senders(&file)?;
    template::check(&file, &notice).map_err(|(kind, language, body, fault)| ApplyError::Template {
        kind,
        language,
        body,
        fault,
    })?;
    let findings = lint::check(&notice);
    if findings.is_empty() { Ok((file, notice)) } else { Err(ApplyError::Unfair(findings)) }
}

impl Sites {
    /// Opens the store and every site that was published.
    pub fn open(data: DataDir, config: &Config, assets: Arc<Assets>) -> anyhow::Result<Self> {
        let store = Arc::new(SledStore::open_with_cache(&data.store(), config.ledger.cache_mib << 20)?);
        let (served, publishing) = (RwLock::default(), tokio::sync::Mutex::new(()));
        let (queue, accept_clock) = (config.limits.queue, config.ledger.accept_clock);
        let most_decisions = config.limits.decisions_per_person;
        let (reclaiming, preparer) = (Mutex::default(), OnceLock::new());
        let sites = Self {
            data,
            store,
            queue,
            most_decisions,
            accept_clock,
            assets,
            served,
            publishing,
            reclaiming,
            preparer,
        };
        let folders = fs::read_dir(sites.data.sites())?;
        for folder in folders {
            let name = folder?.file_name();
            let Some(id) = name.to_str().and_then(|name| SiteId::new(name).ok()) else { continue };
            let opened =
                sites.reopen(&id).map_err(|error| error.context(format!("site `{id}` cannot be opened")))?;
            if let Some(site) = opened {
                sites.serve(site);
            }
        }
        for site in sites.lost()? {
            tracing::error!(%site, "{}", lost(&site));
        }
        Ok(sites)
    }

    /// Sites that have a log here, or had one, and no site file.
    pub fn lost(&self) -> anyhow::Result<Vec<SiteId>> {
        let mut lost = Vec::new();
        for id in self.data.known()? {
            let has_file = ["site.toml", "next.toml"].iter().any(|name| self.path(&id, name).exists());
            if self.get(&id).is_some() || has_file {
                continue;
            }
            // Keys alone are what a beginning that failed leaves.
            let is_there = self.data.checkpoint(&id).exists() || self.store.head(&id)?.is_some();
            if is_there && !self.is_half_taken_over(&id)? {
                lost.push(id);
            }
        }
        Ok(lost)
    }

    /// Gets ready for people, who ask for what is theirs: whoever only reads logs needs no index of subjects.
    ///
    /// # Errors
    /// The index is damaged, or gone.
    pub fn open_index(&self) -> Result<(), StoreError> {
        self.store.open_index()
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }

    /// The site of this name.
    #[must_use]
    pub fn get(&self, id: &SiteId) -> Option<Arc<Site>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Every site, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Site>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Publishes a site file: begins the log if it is new, publishes the notice and the retention rules if they changed, keeps
    /// the file.
    pub async fn apply(
        &self,
        text: &str,
        expected: Option<&SiteId>,
        log: LogIs,
    ) -> Result<Applied, ApplyError> {
        let text = unmarked(text);
        let (file, notice) = check(text)?;
        if let Some(expected) = expected.filter(|expected| **expected != file.id) {
            tracing::debug!(site = %expected, "site file sent to another site's address");
            return Err(ApplyError::OtherSite { found: file.id });
        }
        let _one_at_a_time = self.publishing.lock().await;
        let before = self.get(&file.id);
        match (&before, log) {
            // With a log, only the site file was lost.
            (None, LogIs::There) if self.store.head(&file.id).map_err(ReadError::from)?.is_none() => {
                return Err(ApplyError::NoLog(file.id));
            }
            (Some(_), LogIs::New) => return Err(ApplyError::LogExists(file.id)),
            _ => {}
        }
        if let Some(site) = before.as_ref().filter(|site| site.file.log_origin() != file.log_origin()) {
            return Err(ApplyError::Moved(site.file.public_url.clone()));
        }
        if let Some(other) = self.all().iter().find(|other| shares_cookies(&other.file, &file)) {
            return Err(ApplyError::SharesCookies { other: other.file.id.clone() });
        }
        let same = |other: &Arc<Site>| same_controller(&other.file.controller, &file.controller);
        let is_wrong = |id: &&SiteId| !self.get(id).as_ref().is_some_and(same);
        if let Some(other) = file.hands_over_to.iter().find(is_wrong) {
            return Err(ApplyError::HandsOver(other.clone()));
        }
        if let Some(site) = &before {
            let (ledger, new) = (Arc::clone(&site.ledger), notice.clone());
            let look = move || same_routes(&ledger, &new);
            super::blocking(look).await.map_err(ApplyError::Stopped)??;
        }
        replace_file(&self.path(&file.id, "next.toml"), vouched(text).as_bytes())?;
        let begun = before.is_none() && log == LogIs::New;
        let ledger = match &before {
            Some(site) => Arc::clone(&site.ledger),
            None => {
                let (config, store, key) = (self.log(&file), self.store(), self.key());
                let new = notice.clone();
                let begin = move || {
                    if log == LogIs::New {
                        match Ledger::create(config.clone(), Arc::clone(&store), &key, Outside::system()) {
                            // An earlier attempt was cut short after the log was begun.
                            Err(CreateError::Exists { .. }) => {}
                            other => return Ok::<_, ApplyError>(other?),
                        }
                    }
                    let ledger = Ledger::open(config, store, &key, Outside::system())?;
                    same_routes(&ledger, &new)?;
                    Ok(ledger)
                };
                match super::blocking(begin).await.map_err(ApplyError::Stopped)? {
                    Ok(ledger) => Arc::new(ledger),
                    Err(error) => {
                        // Nothing was published: a file that cannot be served must not stand in the next start's way.
                        let _ = fs::remove_file(self.path(&file.id, "next.toml"));
                        return Err(error);
                    }
                }
            }
        };
        let published = ledger.publish_notice(notice.document()).await?;
        ledger.publish_change(file.retention_rules().document()).await?;
        self.keep(&file.id)
            .map_err(|source| DataDirError::Io { path: self.path(&file.id, "site.toml"), source })?;
        tracing::info!(site = %file.id, notice = %published.hash, changed = published.changed, "site file applied");
        let assets = Arc::clone(&self.assets);
        let (kept, most, root) = (self.data.published(&file.id), self.most_decisions, self.data.root());
        let site = super::blocking(move || {
            let embeds = before.as_ref().and_then(|site| site.embeds.as_ref());
            let standings = Standings::new(root);
            Site::new((file, notice, published.hash), ledger, (kept, standings), &assets, embeds, most)
        });
        self.serve(site.await.and_then(|site| site).map_err(ApplyError::Stopped)?);
        Ok(Applied { notice: published, begun })
    }

    /// Takes over a site's log from an audit bundle of another instance. `open` opens the bundle; `key` is the log's key as the
    /// caller knows it; `progress` is told how many of how many bytes are checked. Blocks.
    ///
    /// # Errors
    /// [`TakeOverError`]; nothing is served, and what was brought in is taken up by the next try.
    pub fn take_over<R: Read + Seek>(
        &self,
        text: &str,
        key: VerifierKey,
        open: &dyn Fn() -> io::Result<R>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BundleSummary, TakeOverError> {
        let text = unmarked(text);
        let (file, _) = check(text)?;
        if self.get(&file.id).is_some() {
            return Err(ApplyError::LogExists(file.id).into());
        }
        if let Some(other) = self.all().iter().find(|other| shares_cookies(&other.file, &file)) {
            return Err(ApplyError::SharesCookies { other: other.file.id.clone() }.into());
        }
        let summary = bundle::check(open, Some(key.clone()), progress)?;
        let (size, withheld) = (summary.manifest.size, summary.export.withheld);
        if (summary.export.first, summary.export.end, withheld) != (0, size, 0) {
            return Err(TakeOverError::NotWhole { withheld });
        }
        let archive = || Ok::<_, io::Error>(ZipArchive::new(io::BufReader::new(open()?))?);
        let (mut records, mut leaves, mut receipts) = (archive()?, archive()?, archive()?);
        let rules = file.retention_rules();
        let from = Import {
            head: summary.export.checkpoint.note().to_string(),
            key,
            bundle: content(&summary),
            entries: &mut bundle::entries(&mut records, &mut leaves, size, &rules)?,
            checkpoints: &mut bundle::checkpoints(&mut receipts)?,
        };
        replace_file(&self.path(&file.id, "next.toml"), vouched(text).as_bytes())?;
        let ledger = match Ledger::import(self.log(&file), self.store(), &self.key(), Outside::system(), from)
        {
            Ok(ledger) => ledger,
            Err(error) => {
                // A log that is there already is left alone.
                if matches!(error, ImportError::Create(CreateError::Open(_))) {
                    self.take_back(&file.id)?;
                }
                // Nothing is served yet: a half log must not stand in the next start's way.
                let _ = fs::remove_file(self.path(&file.id, "next.toml"));
                return Err(error.into());
            }
        };
        if let Err(error) = ledger.check(&mut |_| ()) {
            drop(ledger);
            self.take_back(&file.id)?;
            return Err(TakeOverError::Check(error));
        }
        self.keep(&file.id)?;
        tracing::info!(site = %file.id, entries = size, "took over a log");
        Ok(summary)
    }

    /// Leaves an import as one that was cut short: no start takes it up, and no request is answered from it. Its checkpoint goes first:
    /// without it the log is an unfinished one, whatever else fails.
    fn take_back(&self, id: &SiteId) -> Result<(), DataDirError> {
        for path in [self.data.checkpoint(id), self.path(id, "next.toml")] {
            let gone = fs::remove_file(&path).and_then(|()| match path.parent() {
                Some(folder) => fs::File::open(folder)?.sync_all(),
                None => Ok(()),
            });
            gone.map_err(|source| DataDirError::Io { path, source })?;
        }
        Ok(())
    }

    fn is_half_taken_over(&self, id: &SiteId) -> Result<bool, StoreError> {
        assent_ledger::is_unfinished(&*self.store, id, &self.data.checkpoint(id))
    }

    /// Opens one site as its folder has it; nothing if its first publication never came to an end.
    fn reopen(&self, id: &SiteId) -> anyhow::Result<Option<Site>> {
        let [kept, next] = ["site.toml", "next.toml"].map(|name| site_text::read(&self.path(id, name)));
        let (kept, next) = (kept?, next?);
        let Some(text) = kept.as_ref().or(next.as_ref()) else { return Ok(None) };
        let mut file: SiteFile = toml::from_str(text)?;
        if kept.is_none() && self.is_half_taken_over(id)? {
            tracing::warn!(site = %id, "taking its log over was cut short: run `assent log import` again");
            return Ok(None);
        }
        let ledger = match Ledger::open(self.log(&file), self.store(), &self.key(), Outside::system()) {
            Err(OpenError::NoLog { .. }) if kept.is_none() => return Ok(None),
            other => Arc::new(other?),
        };
        let Some((version, document)) = ledger.current_notice()? else { return Ok(None) };
        if let Some(next) = next {
            let next: SiteFile = toml::from_str(&next)?;
            if next.notice().is_ok_and(|notice| notice.hash() == version.hash) {
                tracing::warn!(site = %id, "finishing a site file's publication that was cut short");
                self.keep(id)?;
                file = next;
            }
        }
        let notice: Notice = serde_json::from_slice(&document)?;
        if file.notice().map(|notice| notice.hash()) != Ok(version.hash) {
            tracing::warn!(site = %id, "the site file makes another notice than the published one: apply it again");
        }
        let kept = (self.data.published(id), Standings::new(self.data.root()));
        let site =
            Site::new((file, notice, version.hash), ledger, kept, &self.assets, None, self.most_decisions)?;
        // Not before it was seen that the log was not rolled back: nothing may be signed for another history.
        tell_rules(&site.ledger, &site.file)?;
        Ok(Some(site))
    }

    /// Gives space back: lets go of the bytes of everything that was erased or purged. Blocks.
    ///
    /// # Errors
    /// When the store could not be copied; nothing is lost, and some space may have been given back.
    pub fn reclaim(&self) -> Result<Reclaimed, StoreError> {
        let _one_at_a_time = self.reclaiming.lock().unwrap_or_else(PoisonError::into_inner);
        let sites = self.served.read().unwrap_or_else(PoisonError::into_inner).clone();
        let note = |done| {
            for (id, site) in &sites {
                // Where it cannot be noted it stays owed, and is done once more.
                if let Err(error) = site.ledger.note_reclaim(done) {
                    tracing::warn!(site = %id, %error, "space will be reclaimed again");
                }
            }
        };
        note(false);
        let done =
            self.store.reclaim(&|id, _, row| sites.get(id).and_then(|site| site.ledger.replaces(row)))?;
        note(true);
        Ok(done)
    }

    fn serve(&self, site: Site) {
        let (id, site) = (site.file.id.clone(), Arc::new(site));
        self.served.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&site));
        if let Some(preparer) = self.preparer.get() {
            preparer.prepare(&site);
        }
    }

    /// Works out what holds for every address that is not remembered, on a thread of its own, and from now on after each publication.
    ///
    /// # Errors
    /// The thread cannot be had.
    pub fn prepare_standings(&self) -> io::Result<()> {
        let preparer = match self.preparer.get() {
            Some(preparer) => preparer,
            None => {
                let begun = Preparer::begin(super::now)?;
                self.preparer.get_or_init(|| begun)
            }
        };
        self.all().iter().for_each(|site| preparer.prepare(site));
        Ok(())
    }

    /// Where everything lies.
    pub(crate) fn data(&self) -> &DataDir {
        &self.data
    }

    fn log(&self, file: &SiteFile) -> LogConfig {
        let origin = file.log_origin();
        LogConfig {
            queue: self.queue,
            accept_clock: self.accept_clock,
            ..self.data.log_config(&file.id, origin)
        }
    }

    fn key(&self) -> OperatorKey {
        self.data.key().for_ledger()
    }

    fn path(&self, id: &SiteId, name: &str) -> PathBuf {
        self.data.sites().join(id.as_str()).join(name)
    }

    /// Whether the file in force is still as it was applied.
    ///
    /// # Errors
    /// [`SiteTextError`].
    pub fn file_is_whole(&self, id: &SiteId) -> Result<(), SiteTextError> {
        site_text::read(&self.path(id, "site.toml")).map(drop)
    }

    /// Puts `next.toml` in force.
    fn keep(&self, id: &SiteId) -> io::Result<()> {
        let path = self.path(id, "site.toml");
        fs::rename(self.path(id, "next.toml"), &path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    }
}

impl Site {
    fn new(
        (file, notice, hash): (SiteFile, Notice, Hash),
        ledger: Arc<Ledger>,
        (published, standings): (PathBuf, Standings),
        assets: &Assets,
        before: Option<&Embeds>,
        most_decisions: usize,
    ) -> anyhow::Result<Self> {
        // Nobody is asked for a log that takes no answers.
        let asks = !ledger.is_imported();
        let key = ledger.vkey().to_string();
        let embeds = asks.then(|| Embeds::render(&file, &notice, hash, &key, assets, before));
        let embeds = embeds.flatten();
        let publication = Publication::new(&file, &ledger, published)?;
        let (notice, links) = (Arc::new(notice), link::sealer(&ledger));
        Ok(Self { file, notice, hash, ledger, publication, embeds, links, standings, most_decisions })
    }
}

/// Publishes the rules in force, where a publication that was cut short left no leaf that tells of them: a purge commits to them. Blocks.
fn tell_rules(ledger: &Ledger, file: &SiteFile) -> io::Result<()> {
    if ledger.is_imported() {
        return Ok(());
    }
    let told = ledger.publish_change(file.retention_rules().document());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // On a thread of its own, because whoever opens may be on a runtime's.
    let told = std::thread::scope(|scope| scope.spawn(move || runtime.block_on(told)).join());
    if let Err(error) = told.unwrap_or(Err(AppendError::OutcomeUnknown)) {
        tracing::warn!(site = %file.id, cause = assent_ledger::causes(&error), "the retention rules are not in the log yet: the next start tries again");
    }
    Ok(())
}

/// Names what a bundle brings: the same log, with the same people in it, made into a bundle twice is one.
fn content(bundle: &BundleSummary) -> Hash {
    let records = bundle.manifest.files.iter().find(|file| file.name == RECORDS);
    let records = records.map_or_else(String::new, |file| file.sha256.to_hex());
    sha256(format!("{records}\n{}", bundle.export.checkpoint.note()).as_bytes())
}

/// Whether browsers would send one site's choice to another: both are seen by the same domain, and the choice cookie has
/// one name. A choice must hold only for the site it was made on.
fn shares_cookies(one: &SiteFile, other: &SiteFile) -> bool {
    let under = |host: &str, domain: &str| {
        host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    };
    let reach = |file: &SiteFile| -> Vec<String> {
        let host = |address: &String| {
            let host = address.split("://").nth(1).unwrap_or_default();
            host.split(':').next().unwrap_or_default().to_string()
        };
        match &file.cookie_domain {
            Some(domain) => vec![domain.clone()],
            None => file.origins.iter().chain([&file.public_url]).map(host).collect(),
        }
    };
    one.id != other.id && reach(one).iter().any(|a| reach(other).iter().any(|b| under(a, b) || under(b, a)))
}
