//! The six-digit code in a text: entering it with the number says that whoever reads the number asked for the texts.
//!
//! A code is kept nowhere. It is made again from the sign-up and the number under a key of the site's, so that a text that is sent
//! twice has the same one. A million codes can be guessed, so wrong tries are counted for each number, on disk before a code is
//! looked at, and only sign-ups for which a text could go out have a code at all: ten thousand of them make guessing no easier.

use super::confirm::{Waiting, confirm, waiting};
use super::link::ContactKey;
use super::outbox::{Job, Outbox, Task, is_too_often, refused};
use super::subscriber::{Subscriber, names};
use crate::app::blocking;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use assent_core::decision::Decision;
use assent_core::hash::Hash;
use assent_core::notice::Channel;
use assent_core::subject::SubjectId;
use assent_ledger::ReadError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Digits of a code.
const DIGITS: usize = 6;
/// Wrong codes after which a number has to wait.
const TRIES: u32 = 5;
/// How long it waits, and how long wrong tries are remembered: a day, in milliseconds.
const WAIT: u64 = 24 * 60 * 60 * 1000;

/// The code that confirms one sign-up for one number.
#[must_use]
pub fn of(site: &Site, subject: SubjectId, number: &Hash) -> String {
    let key = site.ledger.derived_key("text codes");
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(&subject.0);
    mac.update(&number.0);
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    let number = hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    // 2^64 is so far above a million that no code is likelier than another.
    format!("{:0DIGITS$}", number % 10_u64.pow(6))
}

/// Confirms by a code; nothing when it does not fit, is over, or was tried too often: whoever guesses learns no more than that.
/// Safe to repeat.
///
/// # Errors
/// [`RecordError`].
pub async fn enter(
    outbox: &Outbox,
    site: &Arc<Site>,
    number: Hash,
    code: &str,
    now: u64,
) -> Result<Option<Waiting>, RecordError> {
    let code: String = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if code.len() != DIGITS || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(None);
    }
    let to = ContactKey { channel: Channel::Text, hash: number };
    // One at a time: else a thousand at once would all find that none was tried yet.
    let _alone = outbox.codes.lock().await;
    let reader = Arc::clone(site);
    let key = format!("tries/{number}").into_bytes();
    let tried = key.clone();
    let read = move || -> Result<_, ReadError> {
        Ok((candidates(&reader, to, now)?, reader.ledger.job(&tried)?.and_then(|job| Job::from_bytes(&job))))
    };
    let (candidates, tried) = blocking(read).await.map_err(RecordError::Stopped)??;
    if candidates.is_empty() {
        return Ok(None);
    }
    let (wrong, due) = match tried {
        Some(Job { task: Task::Tries { wrong }, due, .. }) if due > now => (wrong, due),
        _ => (0, now + WAIT),
    };
    if wrong >= TRIES {
        return Ok(None);
    }
    let counted = Job::new(Task::Tries { wrong: wrong + 1 }, due, u64::MAX).to_bytes();
    site.ledger.set_jobs(vec![(key.clone(), counted)]).await.map_err(refused)?;
    let mut fitting = None;
    for (subject, is_waiting) in candidates {
        let fits: bool = of(site, subject, &number).as_bytes().ct_eq(code.as_bytes()).into();
        // One that still waits comes first: the same code may have confirmed something before.
        if fits && (is_waiting || fitting.is_none()) {
            fitting = Some(subject);
        }
    }
    let Some(subject) = fitting else { return Ok(None) };
    match confirm(site, (subject, to, None), now).await? {
        Waiting::Over => Ok(None),
        already @ Waiting::Already(_) => Ok(Some(already)),
        confirmed @ (Waiting::For(..) | Waiting::Talk(_)) => {
            site.ledger.set_jobs(vec![(key, None)]).await.map_err(refused)?;
            Ok(Some(confirmed))
        }
    }
}

/// Whose sign-ups have a code for this number, and whether they still wait.
fn candidates(site: &Site, to: ContactKey, now: u64) -> Result<Vec<(SubjectId, bool)>, ReadError> {
    let all = Subscriber::read(site, &to.hash, now)?;
    let mut found = Vec::new();
    for subject in &all.subjects {
        let mut requests = all.history.iter().filter(|opened| {
            opened.record.subject == *subject
                && names(opened, &to.hash)
                && opened.record.decisions.values().any(|decision| *decision == Decision::Given)
        });
        if requests.all(|request| is_too_often(&all.history, &to.hash, request)) {
            continue;
        }
        match waiting(site, *subject, to, now)? {
            Waiting::For(..) => found.push((*subject, true)),
            Waiting::Already(_) | Waiting::Talk(_) => found.push((*subject, false)),
            Waiting::Over => {}
        }
    }
    Ok(found)
}
