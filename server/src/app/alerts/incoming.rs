//! Texts that people send: STOP and its kin, START, HELP, and everything else, which is for people to read.
//!
//! A number can be forged, so a text can end things and never begin any: START is answered with the way to sign up. What is no
//! keyword is kept, sealed, until staff say that it is done: "Cancel my appointment" must neither stop the alerts nor get lost.
//! Gateways send a text again when they got no answer; the second one changes nothing. How a gateway's request is read and known to
//! be its own is `http`'s.

use super::job::{Answer, Job, Task};
use super::link::ContactKey;
use super::outbox::refused;
use super::sealed::{Sealer, Use};
use super::stop::{Which, stop};
use super::subscriber::Subscriber;
use crate::app::contact::normalise;
use crate::app::people::PeopleError;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::{App, blocking};
use crate::config::{self, GatewayKind};
use anyhow::bail;
use assent_core::decision::Act;
use assent_core::hash::{Hash, sha256};
use assent_core::notice::Channel;
use assent_core::wire::{TextToRead, TextsResponse};
use assent_ledger::{Contact, ReadError, rfc3339};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// How long it is remembered that a text came: longer than any gateway sends one again. Milliseconds.
const HEARD: u64 = 8 * 24 * 60 * 60 * 1000;
/// Shortest secret, in characters.
const SHORTEST: usize = 24;
/// Longest text that is kept, in characters: more than any phone sends as one.
const TEXT_MAX: usize = 2000;
const TEXTS: Use = Use { key: "texts", nonces: "text nonces", label: "assent text v1" };
const READ: &str = "read/";

/// What people write to have everything stopped, letters and digits only. Sources: the lists of Twilio, AWS and Telnyx.
const STOPS: [&str; 10] =
    ["stop", "stopall", "unsubscribe", "unsub", "end", "quit", "cancel", "optout", "revoke", "remove"];
/// First words of such a text, whatever follows.
const STOPS_BEGIN: [&str; 3] = ["stop", "stopall", "unsubscribe"];
const STARTS: [&str; 2] = ["start", "unstop"];
const HELPS: [&str; 2] = ["help", "info"];

/// A text as a gateway handed it over.
#[derive(Clone)]
pub struct Incoming {
    /// What makes it the same text when it comes again.
    pub id: String,
    /// Who wrote, with or without the plus sign.
    pub number: String,
    /// What they wrote.
    pub text: String,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// Where texts come in: whose they are, and how they are known.
pub struct Door {
    /// Whose shape they have.
    pub kind: GatewayKind,
    secret: Zeroizing<String>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Door {
    /// For the configuration; nothing when nobody can answer what its gateway sends.
    ///
    /// # Errors
    /// A file that cannot be read, or a secret that is too short.
    pub fn new(config: &config::Gateway) -> anyhow::Result<Option<Self>> {
        if !config.replies || config.kind == GatewayKind::None {
            return Ok(None);
        }
        let signs = matches!(config.kind, GatewayKind::Twilio | GatewayKind::Webhook);
        let secret = if signs {
            config::secret(&config.password, &config.password_file, "gateway.password_file")?
        } else {
            config::secret(
                &config.inbound_secret,
                &config.inbound_secret_file,
                "gateway.inbound_secret_file",
            )?
        };
        if secret.len() < SHORTEST {
            bail!("the secret that inbound texts are known by must have at least {SHORTEST} characters");
        }
        Ok(Some(Self { kind: config.kind, secret: Zeroizing::new(secret) }))
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether this is the secret, in a time that says nothing about it.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        sha256(shown.as_bytes()).0.ct_eq(&sha256(self.secret.as_bytes()).0).into()
    }
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Stop everything by text.
    Stop,
    /// Send again.
    Start,
    /// Who are you?
    Help,
    /// Whatever else; a person has to read it.
    Other,
}

/// What a text means: capitals, punctuation and width do not matter.
#[must_use]
pub fn meaning(text: &str) -> Meaning {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let joined: String = plain.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let first = plain.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    if STOPS.contains(&joined.as_str()) || first.is_some_and(|word| STOPS_BEGIN.contains(&word)) {
        Meaning::Stop
    } else if STARTS.contains(&joined.as_str()) {
        Meaning::Start
    } else if HELPS.contains(&joined.as_str()) {
        Meaning::Help
    } else {
        Meaning::Other
    }
}

/// Who wrote, and perhaps what, sealed in a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) number: String,
    pub(super) language: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
    pub(super) received: u64,
}

impl Sealed {
    fn new(site: &Site, written: &Written) -> Self {
        // It has text keys and whole numbers.
        let plain = serde_json::to_vec(written).unwrap_or_default();
        Self(Sealer::new(&site.ledger, &TEXTS).seal(&plain))
    }

    pub(super) fn open(&self, site: &Site) -> Option<Written> {
        serde_json::from_slice(&Sealer::new(&site.ledger, &TEXTS).open(&self.0)?).ok()
    }
}

/// The number that a gateway hands over, with its calling code, with or without `+` or `00` before it, or as it is dialled in the one country
/// that the site sends texts to. Nothing for a name or a short code.
fn number_of(countries: &[String], text: &str) -> Option<Contact> {
    let text = text.trim();
    let whole = if text.starts_with('+') { text.to_string() } else { format!("+{text}") };
    let abroad = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    let at_home = match (countries, text.strip_prefix('0')) {
        ([code], Some(rest)) => Some(format!("{code}{rest}")),
        _ => None,
    };
    let forms = [Some(whole), abroad, at_home];
    forms.into_iter().flatten().find_map(|form| normalise(Channel::Text, &form).ok())
}

/// Does what a text says, once. When it returns well, it is done or kept.
///
/// # Errors
/// [`RecordError`]; the gateway should send it again.
pub async fn hear(app: &App, site: &Arc<Site>, incoming: Incoming, now: u64) -> Result<(), RecordError> {
    let Some(contact) = number_of(&site.file.text_countries, &incoming.number) else {
        // A name or a short code, which nobody can answer.
        tracing::warn!(site = %site.file.id, "a text came from something that is no number, and is let go");
        return Ok(());
    };
    if site.ledger.is_imported() {
        return Ok(());
    }
    let hash = site.ledger.contact_hash(Channel::Text, &contact.address);
    let heard = key_of_heard(&hash, &incoming);
    let (reader, asked) = (Arc::clone(site), heard.clone());
    let read = move || -> Result<_, ReadError> {
        let before = reader.ledger.job(&asked)?.is_some();
        let language = Subscriber::read(&reader, &hash, now)?
            .history
            .last()
            .map_or_else(|| reader.file.default_language.clone(), |opened| opened.record.language.clone());
        Ok((before, language))
    };
    let (before, language) = blocking(read).await.map_err(RecordError::Stopped)??;
    if before {
        return Ok(());
    }
    let mut written = Written { number: contact.address, language, text: String::new(), received: now };
    let mut jobs = vec![(heard, Job::new(Task::Pause, now + HEARD, u64::MAX))];
    match meaning(&incoming.text) {
        Meaning::Stop => {
            let to = ContactKey { channel: Channel::Text, hash };
            let stopped = stop(site, to, Which::All, Act::TextStop, now).await?;
            jobs.extend(answer(site, &hash, Answer::Stopped, &written, stopped > 0, now).await?);
        }
        Meaning::Start => jobs.extend(answer(site, &hash, Answer::Start, &written, false, now).await?),
        Meaning::Help => jobs.extend(answer(site, &hash, Answer::Help, &written, false, now).await?),
        Meaning::Other => {
            written.text = incoming.text.chars().take(TEXT_MAX).collect();
            let key = format!("{READ}{now:016x}-{}", &sha256(&jobs[0].0).to_hex()[..16]);
            let text = Sealed::new(site, &written);
            jobs.push((key.into_bytes(), Job::new(Task::Read { text }, u64::MAX, u64::MAX)));
            tracing::info!(site = %site.file.id, "a text came that staff have to read");
        }
    }
    let jobs = jobs.into_iter().map(|(key, job)| (key, job.to_bytes())).collect();
    site.ledger.set_jobs(jobs).await.map_err(refused)?;
    app.outbox.wake();
    Ok(())
}

/// The job of answering, unless the same was answered lately and nothing was done since.
async fn answer(
    site: &Arc<Site>,
    hash: &Hash,
    answer: Answer,
    written: &Written,
    at_any_rate: bool,
    now: u64,
) -> Result<Option<(Vec<u8>, Job)>, RecordError> {
    let key = format!("answer/{}/{hash}", answer.as_str()).into_bytes();
    let (reader, asked) = (Arc::clone(site), key.clone());
    let before = blocking(move || reader.ledger.job(&asked)).await.map_err(RecordError::Stopped)??;
    if before.is_some() && !at_any_rate {
        return Ok(None);
    }
    let task = Task::Answer { to: Sealed::new(site, written), answer };
    Ok(Some((key, Job::new(task, now, now + HEARD))))
}

/// The same text has the same key. Who wrote it is in there as a keyed hash only.
fn key_of_heard(hash: &Hash, incoming: &Incoming) -> Vec<u8> {
    let text = format!("{hash}/{}", incoming.id);
    format!("heard/{}", &sha256(text.as_bytes()).to_hex()[..32]).into_bytes()
}

/// What staff have to read, oldest first. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn to_read(site: &Site) -> Result<TextsResponse, ReadError> {
    let mut texts = Vec::new();
    for (key, value) in site.ledger.jobs()? {
        let Some(id) = key.strip_prefix(READ.as_bytes()) else { continue };
        let Some(Job { task: Task::Read { text }, .. }) = Job::from_bytes(&value) else { continue };
        let Some(written) = text.open(site) else { continue };
        texts.push(TextToRead {
            id: String::from_utf8_lossy(id).into_owned(),
            received: rfc3339(written.received),
            number: written.number,
            text: written.text,
        });
    }
    Ok(TextsResponse { texts })
}

/// Forgets a text that staff dealt with. Safe to repeat. Answers whether it was there.
///
/// # Errors
/// [`RecordError`].
pub async fn done(site: &Arc<Site>, id: &str) -> Result<bool, RecordError> {
    let key = format!("{READ}{id}").into_bytes();
    let (reader, asked) = (Arc::clone(site), key.clone());
    let there = blocking(move || reader.ledger.job(&asked)).await.map_err(RecordError::Stopped)??;
    if there.is_none() {
        return Ok(false);
    }
    site.ledger.forget_jobs(vec![key]).await.map_err(refused)?;
    Ok(true)
}

/// Forgets every text that is kept of a number: its owner is erased.
///
/// # Errors
/// [`PeopleError`].
pub async fn forget(site: &Arc<Site>, number: Hash) -> Result<(), PeopleError> {
    let reader = Arc::clone(site);
    let read = move || -> Result<_, ReadError> {
        let of_number = |value: &[u8]| {
            let text = match Job::from_bytes(value)?.task {
                Task::Read { text } | Task::Answer { to: text, .. } => text,
                _ => return None,
            };
            let written = text.open(&reader)?;
            Some(reader.ledger.contact_hash(Channel::Text, &written.number) == number)
        };
        let all = reader.ledger.jobs()?.into_iter();
        Ok(all.filter(|(_, value)| of_number(value) == Some(true)).map(|(key, _)| key).collect())
    };
    let jobs: Vec<_> = blocking(read).await.map_err(PeopleError::Stopped)??;
    if !jobs.is_empty() {
        site.ledger.forget_jobs(jobs).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_however_the_gateway_writes_it() {
        let (uk, both) = (["+44".to_string()], ["+44".to_string(), "+353".to_string()]);
        for (countries, text, number) in [
            (&uk[..], "+447700900123", Some("+447700900123")),
            (&uk, "447700900123", Some("+447700900123")),
            (&uk, " 00447700900123", Some("+447700900123")),
            (&uk, "07700900123", Some("+447700900123")),
            // Of which country it is nobody can say.
            (&both, "07700900123", None),
            (&[], "07700900123", None),
            (&uk, "Clinic", None),
            (&uk, "60777", None),
        ] {
            let found = number_of(countries, text).map(|contact| contact.address);
            assert_eq!(found.as_deref(), number, "{text}");
        }
    }

    #[test]
    fn keywords_are_known_and_other_words_are_read_by_people() {
        for (text, wanted) in [
            ("STOP", Meaning::Stop),
            ("Stop.", Meaning::Stop),
            (" s.t.o.p ", Meaning::Stop),
            ("ＳＴＯＰ", Meaning::Stop),
            ("stop it please", Meaning::Stop),
            ("Unsubscribe me!", Meaning::Stop),
            ("STOP ALL", Meaning::Stop),
            ("stopall", Meaning::Stop),
            ("unsub", Meaning::Stop),
            ("End", Meaning::Stop),
            ("quit!", Meaning::Stop),
            ("Cancel", Meaning::Stop),
            ("opt-out", Meaning::Stop),
            ("OPT OUT", Meaning::Stop),
            ("revoke", Meaning::Stop),
            ("Remove.", Meaning::Stop),
            ("Cancel my appointment", Meaning::Other),
            ("Cancel my appointment Tuesday", Meaning::Other),
            ("Please don't stop", Meaning::Other),
            ("Stopping by at 3", Meaning::Other),
            ("The end of the month?", Meaning::Other),
            ("thanks", Meaning::Other),
            ("", Meaning::Other),
            ("START", Meaning::Start),
            ("Unstop", Meaning::Start),
            ("start again", Meaning::Other),
            ("help", Meaning::Help),
            ("INFO?", Meaning::Help),
        ] {
            assert_eq!(meaning(text), wanted, "{text}");
        }
    }
}
