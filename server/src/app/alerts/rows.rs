//! Lists of what people said elsewhere, row by row: each is taken with its evidence, or refused with its reason.
//!
//! A row is known by a keyed hash of what it says, which is its record's subject: the same row is recorded once, however often its list
//! is brought, and a list that broke off is simply brought again. Whoever said yes is sent a copy, unless they had theirs elsewhere: one
//! message for each address, kept as a job before the row is, and none for a row that was there already. Reading files is the command line's.

use super::link::ContactKey;
use super::told::{Heard, TellError, ToldRefusal, address, judge, keys_to_talk_about, subject, time};
use super::{outbox, talk};
use crate::app::may::alert;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use assent_core::decision::Choice;
use assent_core::hash::sha256;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::told::{Evidence, EvidenceKind, Recording, TOLD_MAX, Telling, Told};
use assent_core::wire::{RowOutcome, RowResult, TOLD_ROWS_MAX, ToldRow, ToldRowsRequest, ToldRowsResponse};
use assent_ledger::{Draft, ReceiptId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Why rows are not taken. Those that were recorded before it happened are found again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// Too many at once.
    #[error("at most {TOLD_ROWS_MAX} rows are taken at a time")]
    TooMany,
    /// The list has no name that can stand in a record.
    #[error("`list` must name the list in 1 to {TOLD_MAX} characters on one line")]
    List,
    /// They could not be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Takes rows, or only says what would become of them. One answer for each, in order.
///
/// # Errors
/// [`RowsError`].
pub async fn take(
    site: Arc<Site>,
    request: ToldRowsRequest,
    now: u64,
) -> Result<ToldRowsResponse, RowsError> {
    if request.rows.len() > TOLD_ROWS_MAX {
        return Err(RowsError::TooMany);
    }
    let list = &request.list;
    if list.trim().is_empty() || list.chars().count() > TOLD_MAX || list.chars().any(char::is_control) {
        return Err(RowsError::List);
    }
    let (reader, dry_run, copies) = (Arc::clone(&site), request.dry_run, request.copies);
    let judge = move || judge_all(&reader, &request, now);
    let judged = crate::app::blocking(judge).await.map_err(RecordError::Stopped)??;
    let good = judged.iter().filter_map(|judged| match judged {
        Judged::Good(draft) if !dry_run => Some(draft),
        _ => None,
    });
    let talks: Vec<_> = good.clone().flat_map(|draft| keys_to_talk_about(&site, draft)).collect();
    let told: BTreeSet<_> = good.filter(|_| copies).flat_map(|draft| to_copy(&site, draft)).collect();
    for to in talks {
        talk::expect(&site, to, now).await?;
    }
    outbox::list_copies(&site, told, now).await?;
    let mut outcomes = Vec::with_capacity(judged.len());
    let mut appends = JoinSet::new();
    for (place, judged) in judged.into_iter().enumerate() {
        outcomes.push(match judged {
            Judged::Already(id) => outcome(RowResult::Already, Some(id)),
            Judged::Refused(reason, column) => refused(reason, column),
            Judged::Good(draft) if dry_run => {
                let copy = copies && !to_copy(&site, &draft).is_empty();
                RowOutcome { copy, ..outcome(RowResult::Good, None) }
            }
            Judged::Good(draft) => {
                let copy = copies && !to_copy(&site, &draft).is_empty();
                let site = Arc::clone(&site);
                appends.spawn(async move { (place, site.ledger.append(*draft).await) });
                RowOutcome { copy, ..outcome(RowResult::Recorded, None) }
            }
        });
    }
    while let Some(done) = appends.join_next().await {
        let (place, appended) = done.map_err(|error| RecordError::Stopped(error.into()))?;
        let appended = appended.map_err(RecordError::from)?;
        let result = if appended.replayed { RowResult::Already } else { RowResult::Recorded };
        let copy = outcomes[place].copy && result == RowResult::Recorded;
        outcomes[place] = RowOutcome { copy, ..outcome(result, Some(appended.id)) };
    }
    Ok(ToldRowsResponse { rows: outcomes })
}

enum Judged {
    Good(Box<Draft>),
    Already(ReceiptId),
    /// The reason, and the column it is about where it is about one.
    Refused(&'static str, Option<&'static str>),
}

fn outcome(result: RowResult, receipt: Option<ReceiptId>) -> RowOutcome {
    RowOutcome { result, reason: None, column: None, receipt: receipt.map(|id| id.to_string()), copy: false }
}

fn refused(reason: &str, column: Option<&str>) -> RowOutcome {
    let (reason, column) = (Some(reason.to_string()), column.map(String::from));
    RowOutcome { result: RowResult::Refused, reason, column, receipt: None, copy: false }
}

/// The addresses that are sent a copy of a row: those that a yes is about. Who only said no is not written to.
fn to_copy(site: &Site, draft: &Draft) -> Vec<ContactKey> {
    let said_yes = |channel| {
        let mut yes = draft.decisions.iter().filter(|(_, decision)| decision.is_yes());
        yes.any(|(id, _)| site.notice.purpose(id).is_some_and(|alert| alert.channel == Some(channel)))
    };
    let told = draft.contacts.iter().filter(|contact| said_yes(contact.channel));
    told.map(|contact| ContactKey::of(&site.ledger, contact)).collect()
}

fn judge_all(site: &Site, request: &ToldRowsRequest, now: u64) -> Result<Vec<Judged>, RecordError> {
    // What rows nearby made good. A no is never taken for another row's yes, and what was refused says nothing about others.
    let mut seen = BTreeSet::new();
    let mut judged = Vec::with_capacity(request.rows.len());
    for row in &request.rows {
        judged.push(match read(site, &request.list, row) {
            Err(Bad::Value(column)) => Judged::Refused("bad-value", Some(column)),
            Err(Bad::Refused(refusal)) => Judged::Refused(refusal.code(), None),
            Ok(heard) => {
                let about = heard.contacts.iter().map(|to| to.address.clone()).collect::<String>();
                let said =
                    (about, heard.choices.iter().next().map(|(id, yes)| (id.clone(), *yes == Choice::Yes)));
                if seen.contains(&said) {
                    Judged::Refused("duplicate", None)
                } else {
                    let judged = judge_one(site, &heard, now)?;
                    if !matches!(judged, Judged::Refused(..)) {
                        seen.insert(said);
                    }
                    judged
                }
            }
        });
    }
    Ok(judged)
}

fn judge_one(site: &Site, heard: &Heard, now: u64) -> Result<Judged, RecordError> {
    let key = row_key(heard);
    if let Some(id) = site.ledger.newest(&subject(site, &key))? {
        return Ok(Judged::Already(id));
    }
    match judge(site, heard, &key, now) {
        Ok(draft) => Ok(Judged::Good(Box::new(draft))),
        Err(TellError::Refused(refusal)) => Ok(Judged::Refused(refusal.code(), None)),
        Err(TellError::Record(error)) => Err(error),
    }
}

/// What a row is known by: everything it says but the name of its list. The subject made from it is keyed with the site's own secret.
fn row_key(heard: &Heard) -> String {
    let told = Told { list: None, ..heard.told.clone() };
    let address = heard.contacts.iter().map(|to| to.address.as_str()).collect::<Vec<_>>();
    let says = (&told, heard.said, &heard.language, &heard.choices, address);
    // It has text keys and finite numbers.
    let mut bytes = serde_json::to_vec(&says).unwrap_or_default();
    bytes.extend(heard.age.iter().flat_map(|band| band.to_string().into_bytes()));
    format!("row/{}", sha256(&bytes).to_hex())
}

enum Bad {
    Value(&'static str),
    Refused(ToldRefusal),
}

impl From<ToldRefusal> for Bad {
    fn from(refusal: ToldRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads a row's cells.
fn read(site: &Site, list: &str, row: &ToldRow) -> Result<Heard, Bad> {
    if let Some(column) = row.too_long() {
        return Err(Bad::Value(column));
    }
    let channel = match row.channel.trim() {
        "email" => Channel::Email,
        "text" => Channel::Text,
        _ => return Err(Bad::Value("channel")),
    };
    let topic = PurposeId::new(row.topic.trim()).map_err(|_| ToldRefusal::UnknownPurpose)?;
    let alert = alert(site, channel, &topic).ok_or(ToldRefusal::UnknownPurpose)?;
    let contact = address(site, channel, &row.address)?;
    let choice = if yes_or_no(&row.choice, true, "choice")? { Choice::Yes } else { Choice::No };
    let how = row.how.trim();
    let by = Telling::ALL.into_iter().find(|by| by.as_str() == how).ok_or(Bad::Value("how"))?;
    let recording = match row.recording.trim() {
        "" => None,
        "told" => Some(Recording::Told),
        "not-recorded" => Some(Recording::NotRecorded),
        _ => return Err(Bad::Value("recording")),
    };
    let kind = match row.evidence.trim() {
        "" => None,
        word => {
            let kind = EvidenceKind::ALL.into_iter().find(|kind| kind.as_str() == word);
            Some(kind.ok_or(Bad::Value("evidence"))?)
        }
    };
    let evidence = kind.map(|kind| Evidence { kind, reference: row.reference.trim().to_string() });
    let language = match row.language.trim() {
        "" => site.notice.default_language.clone(),
        language => language.to_string(),
    };
    let told = Told {
        by,
        script: row.script.trim().to_string(),
        staff: row.staff.trim().to_string(),
        recording,
        evidence,
        directly: yes_or_no(&row.directly, false, "directly")?,
        opt_out_offered: yes_or_no(&row.opt_out_offered, false, "opt_out_offered")?,
        talked: false,
        list: Some(list.trim().to_string()),
    };
    let age = match row.age.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| Bad::Value("age"))?),
    };
    let choices = BTreeMap::from([(alert.id.clone(), choice)]);
    Ok(Heard { told, said: time(row.said.trim())?, language, contacts: vec![contact], age, choices })
}

fn yes_or_no(text: &str, empty: bool, column: &'static str) -> Result<bool, Bad> {
    match text.trim() {
        "" => Ok(empty),
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Bad::Value(column)),
    }
}
