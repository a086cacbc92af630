//! The six-digit code in a text: whoever enters it with the number reads what is sent there, as whoever has a link from an email does.
//! So a right code leads to what such a link leads to: a page that says what it would say yes to, and a button that confirms. A wrong
//! one says nothing, whatever is known of the number.
//!
//! A code is kept nowhere. It is made again from the sign-up and the number under a key of the site's, so that a text that is sent
//! twice has the same one. A million codes can be guessed, so wrong tries are counted for each number that has a code, on disk before
//! it is looked at: nobody locks a number before its owner signed up. And only sign-ups for which a text could go out have a code at all: ten thousand of them make guessing no easier.

use super::confirm::{Waiting, waiting};
use super::job::{Job, Task};
use super::link::{ContactKey, Link};
use super::outbox::{Outbox, is_too_often, refused, replaced};
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

/// The key of the job that is written in place of a count: one for all numbers.
const NOBODYS: &[u8] = b"no-tries";

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

/// What a right code leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// The link that confirms.
    pub link: Link,
    /// What waits behind it, or came of it before.
    pub waiting: Waiting,
}

/// What a code leads to; nothing when it does not fit, is over, or was tried too often: whoever guesses learns no more than that.
/// Records nothing about anybody: the link does, by a press.
///
/// # Errors
/// [`RecordError`].
pub async fn enter(
    outbox: &Outbox,
    site: &Arc<Site>,
    number: Hash,
    code: &str,
    now: u64,
) -> Result<Option<Entered>, RecordError> {
    let code: String = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if code.len() != DIGITS || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(None);
    }
    let to = ContactKey { channel: Channel::Text, hash: number };
    // One at a time: else a thousand at once would all find that none was tried yet.
    let _alone = outbox.codes.lock().await;
    let reader = Arc::clone(site);
    let key = tries(&number);
    let tried = key.clone();
    let read =
        move || -> Result<_, ReadError> { Ok((candidates(&reader, to, now)?, reader.ledger.job(&tried)?)) };
    let (candidates, before) = blocking(read).await.map_err(RecordError::Stopped)??;
    let (wrong, due) = match before.as_deref().and_then(Job::from_bytes) {
        Some(Job { task: Task::Tries { wrong }, due, .. }) if due > now => (wrong, due),
        _ => (0, now + WAIT),
    };
    // Where there is nothing to guess, or no more guess, nothing is counted, but as much is written: so how long an answer takes does not
    // tell whether a number is known.
    let counts = !candidates.is_empty() && wrong < TRIES;
    let (kept, count) = if counts {
        (key.clone(), Job::new(Task::Tries { wrong: wrong + 1 }, due, u64::MAX))
    } else {
        (NOBODYS.to_vec(), Job::new(Task::Pause, now + WAIT, u64::MAX))
    };
    site.ledger.set_jobs(vec![(kept, count.to_bytes())]).await.map_err(refused)?;
    if !counts {
        return Ok(None);
    }
    let mut fitting = None;
    for (subject, waiting) in candidates {
        let fits: bool = of(site, subject, &number).as_bytes().ct_eq(code.as_bytes()).into();
        // One that still waits comes first: the same code may have confirmed something before.
        if fits && (matches!(waiting, Waiting::For(..)) || fitting.is_none()) {
            fitting = Some((subject, waiting));
        }
    }
    let Some((subject, waiting)) = fitting else { return Ok(None) };
    // It was no wrong one. Those before it are forgotten only once it confirms (`forget_tries`): else one right code, entered again and
    // again, would buy any number of guesses at another.
    site.ledger.set_jobs(vec![(key, before)]).await.map_err(refused)?;
    let reader = Arc::clone(site);
    let replaces = blocking(move || replaced(&reader, subject)).await.map_err(RecordError::Stopped)??;
    Ok(Some(Entered { link: Link::Confirm { subject, contact: to, replaces }, waiting }))
}

/// Forgets the wrong codes that were entered for a number, once something was confirmed for it.
pub(super) async fn forget_tries(site: &Site, number: &Hash) -> Result<(), RecordError> {
    site.ledger.set_jobs(vec![(tries(number), None)]).await.map(|_| ()).map_err(refused)
}

/// The key of the job that counts wrong codes.
fn tries(number: &Hash) -> Vec<u8> {
    format!("tries/{number}").into_bytes()
}

/// Whose sign-ups have a code for this number, and what of it waits.
fn candidates(site: &Site, to: ContactKey, now: u64) -> Result<Vec<(SubjectId, Waiting)>, ReadError> {
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
            Waiting::Over => {}
            leads => found.push((*subject, leads)),
        }
    }
    Ok(found)
}
