//! What is written for a job: to whom, whether still, and in which language. The words are `message.rs`'s; sending is `outbox.rs`'s.

use super::link::ContactKey;
use super::outbox::is_too_often;
use super::subscriber::{Subscriber, contact, names};
use super::{code, message, renewal};
use crate::app::sites::Site;
use crate::deliver::mail::Mail;
use crate::deliver::text::Text;
use assent_core::decision::Standing;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::Channel;
use assent_core::record::Surface;
use assent_core::subject::SubjectId;
use assent_ledger::{Opened, ReadError};
use std::collections::BTreeSet;

/// A message, whichever way it goes.
pub(super) enum Message {
    /// An email.
    Mail(Box<Mail>),
    /// A text message.
    Text(Text),
}

/// What is to be sent for a job.
pub(super) enum Written {
    /// A message.
    Message(Message),
    /// One that asks this address whether a sign-up was theirs.
    Question(Hash, Message),
    /// Nothing more.
    Nothing,
    /// What it is about is not recorded yet.
    NotYet,
}

/// The message for a sign-up that waits.
pub(super) fn confirmation(
    site: &Site,
    (subject, channel, replaces): (SubjectId, Channel, Option<Hash>),
    (id, replies): (String, bool),
    now: u64,
) -> Result<Written, ReadError> {
    let history = site.ledger.history(&subject)?;
    let on_form = |surface| matches!(surface, Surface::AlertForm | Surface::Message | Surface::Told);
    let request = history.iter().rev().find(|opened| {
        on_form(opened.record.surface)
            && opened.record.contacts.iter().any(|contact| contact.channel == channel)
            && opened.record.decisions.values().any(|decision| decision.is_yes())
    });
    let Some(request) = request else { return Ok(Written::NotYet) };
    let Some(to) = request.record.contacts.iter().find(|contact| contact.channel == channel) else {
        return Ok(Written::NotYet);
    };
    let to = ContactKey { channel, hash: to.hash };
    let all = Subscriber::read(site, &to.hash, now)?;
    let of_channel = |id: &PurposeId| site.notice.purpose(id).is_some_and(|p| p.channel == Some(channel));
    let wanted: Vec<PurposeId> = request
        .record
        .decisions
        .iter()
        .filter(|(id, decision)| {
            decision.is_yes() && of_channel(id) && all.standing(id) == Standing::Unconfirmed
        })
        .map(|(id, _)| id.clone())
        .collect();
    // Codes count for the first requests of a day only (`code.rs`), so it is the first ones that are sent.
    if is_too_often(&all.history, &to.hash, request) {
        tracing::warn!(site = %site.file.id, "one address was signed up too often today: no message is sent");
        return Ok(Written::Nothing);
    }
    // Messages came back since it was asked for. Somebody who asks anew is written to once more.
    if all.bounced.is_some_and(|since| since >= request.time) {
        return Ok(Written::Nothing);
    }
    let Some(clear) = contact(request, &to.hash).filter(|_| !wanted.is_empty()) else {
        return Ok(Written::Nothing);
    };
    let (language, address) = (&request.record.language, clear.address.clone());
    let message = match channel {
        Channel::Email => {
            let parts = (subject, to, replaces);
            let mail = message::confirmation(site, language, parts, (&wanted, address), id);
            Message::Mail(Box::new(mail))
        }
        Channel::Text => {
            let code = code::of(site, subject, &to.hash);
            Message::Text(message::code(site, language, (&code, &wanted, replies), address, id))
        }
    };
    Ok(Written::Question(to.hash, message))
}

/// The copy for somebody who told staff something, as long as it holds.
pub(super) fn copy(
    site: &Site,
    (subject, channel): (SubjectId, Channel),
    id: String,
    now: u64,
) -> Result<Written, ReadError> {
    let history = site.ledger.history(&subject)?;
    let Some(record) = history.iter().find(|opened| opened.record.told.is_some()) else {
        return Ok(Written::NotYet);
    };
    let to = record.record.contacts.iter().find(|contact| contact.channel == channel);
    let Some(to) = to.map(|to| ContactKey { channel, hash: to.hash }) else { return Ok(Written::Nothing) };
    let all = Subscriber::read(site, &to.hash, now)?;
    let holds = |id: &&PurposeId| {
        site.notice.purpose(id).is_some_and(|p| p.channel == Some(channel)) && all.standing(id).allows()
    };
    let wanted: Vec<PurposeId> = record.record.decisions.keys().filter(holds).cloned().collect();
    Ok(copy_of(site, (to, &all), record, &wanted, id).map_or(Written::Nothing, Written::Message))
}

/// The copy of what lists say since then that somebody said, as far as it holds and no message where nothing does; and when the newest of
/// it was recorded, in Unix milliseconds. Nothing where no list says anything.
pub(super) fn list_copy(
    site: &Site,
    (to, since): (ContactKey, u64),
    id: String,
    now: u64,
) -> Result<Option<(Option<Message>, u64)>, ReadError> {
    let all = Subscriber::read(site, &to.hash, now)?;
    let of_list = |opened: &&Opened| {
        let told = opened.record.told.as_ref();
        opened.time >= since && names(opened, &to.hash) && told.is_some_and(|told| told.list.is_some())
    };
    let listed: Vec<_> = all.history.iter().filter(of_list).collect();
    let holds = |id: &&PurposeId| {
        site.notice.purpose(id).is_some_and(|p| p.channel == Some(to.channel)) && all.standing(id).allows()
    };
    let said = listed.iter().flat_map(|opened| opened.record.decisions.keys());
    let wanted: BTreeSet<PurposeId> = said.filter(holds).cloned().collect();
    let wanted: Vec<PurposeId> = wanted.into_iter().collect();
    let Some(newest) = listed.last() else { return Ok(None) };
    Ok(Some((copy_of(site, (to, &all), newest, &wanted, id), newest.time)))
}

/// The message, unless the address is not to be written to or nothing holds.
fn copy_of(
    site: &Site,
    (to, all): (ContactKey, &Subscriber),
    record: &Opened,
    wanted: &[PurposeId],
    id: String,
) -> Option<Message> {
    let silent = all.suppressed || all.restricted || all.bounced.is_some() || wanted.is_empty();
    let clear = contact(record, &to.hash).filter(|_| !silent)?;
    let (language, address) = (&record.record.language, clear.address.clone());
    Some(match to.channel {
        Channel::Email => Message::Mail(Box::new(message::copy(site, language, to, (wanted, address), id))),
        Channel::Text => Message::Text(message::copy_text(site, language, to, address, id)),
    })
}

/// The message with a fresh link, for an address that told us something.
pub(super) fn link(
    site: &Site,
    contact: Hash,
    language: &str,
    id: String,
    now: u64,
) -> Result<Option<Message>, ReadError> {
    let all = Subscriber::read(site, &contact, now)?;
    let Some(clear) = all.contact().filter(|_| all.bounced.is_none()) else { return Ok(None) };
    let (key, address) = (ContactKey { channel: clear.channel, hash: contact }, clear.address.clone());
    Ok(Some(match clear.channel {
        Channel::Email => Message::Mail(Box::new(message::fresh_link(site, language, key, address, id))),
        Channel::Text => Message::Text(message::fresh_link_text(site, language, key, address, id)),
    }))
}

/// The message about an alert that ends soon; nothing when it was kept or stopped meanwhile, or messages come back.
pub(super) fn reminder(
    site: &Site,
    to: ContactKey,
    purpose: &PurposeId,
    id: String,
    now: u64,
) -> Result<Option<Message>, ReadError> {
    let Some(end) = renewal::ends(site, to, purpose, now)? else { return Ok(None) };
    let all = Subscriber::read(site, &to.hash, now)?;
    let Some(clear) = all.contact().filter(|_| all.bounced.is_none()) else { return Ok(None) };
    let language = all.history.last().map(|opened| opened.record.language.clone()).unwrap_or_default();
    let (about, parts) = ((purpose, end), (clear.address.clone(), id));
    Ok(Some(match to.channel {
        Channel::Email => Message::Mail(Box::new(message::reminder(site, &language, to, about, parts))),
        Channel::Text => Message::Text(message::reminder_text(site, &language, to, about, parts)),
    }))
}

/// The message to an address that another took the place of; nothing when it was erased or messages come back. That it was suppressed
/// since is no reason: letting go of it may have done that.
pub(super) fn moved(site: &Site, to: ContactKey, id: String, now: u64) -> Result<Option<Message>, ReadError> {
    let all = Subscriber::read(site, &to.hash, now)?;
    let Some(clear) = all.contact().filter(|_| all.bounced.is_none()) else { return Ok(None) };
    let language = all.history.last().map(|opened| opened.record.language.clone()).unwrap_or_default();
    let address = clear.address.clone();
    Ok(Some(match to.channel {
        Channel::Email => Message::Mail(Box::new(message::moved(site, &language, to, address, id))),
        Channel::Text => Message::Text(message::moved_text(site, &language, to, address, id)),
    }))
}
