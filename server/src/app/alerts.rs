//! Signing up for alerts: the wish is recorded with its sealed address, and stays unconfirmed.

use super::contact::normalise;
use super::record::{Ask, RecordError, Recorded, record};
use super::sites::Site;
use assent_core::decision::{Act, Choice};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Channel};
use assent_core::record::{Signals, Surface};
use assent_core::subject::SubjectId;
use assent_core::wire::{DecisionRequest, SignUpRequest};
use assent_ledger::Contact;
use std::sync::Arc;

/// A sign-up as it arrived.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// Whose.
    pub subject: SubjectId,
    /// The page's origin.
    pub origin: Option<String>,
    /// What is wanted, and where to.
    pub request: SignUpRequest,
    /// Browser signals that were on.
    pub signals: Signals,
    /// The idempotency key, as the client drew it.
    pub key: String,
}

/// Why a sign-up was not recorded. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignUpError {
    /// What is wrong with the form, all of it.
    #[error("the form cannot be taken as it is")]
    Form(Vec<Wrong>),
    /// As for any decision.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// One thing wrong with a sign-up form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing was ticked.
    NothingWanted,
    /// What was ticked is not an alert of the notice.
    NotAnAlert(PurposeId),
    /// An alert on this channel is wanted, but there is no address for it.
    Missing(Channel),
    /// The address is not one.
    Malformed(Channel),
}

/// Records what is wanted, or nothing. An address for a channel that nothing wants is not kept.
pub async fn sign_up(site: Arc<Site>, asked: SignUp, now: u64) -> Result<Recorded, SignUpError> {
    let contacts = judge(&site, &asked.request).map_err(SignUpError::Form)?;
    let SignUp { subject, origin, request, signals, key } = asked;
    let request = DecisionRequest {
        notice: request.notice,
        language: request.language,
        act: Act::Save,
        surface: Surface::AlertForm,
        choices: request.wanted.into_iter().map(|id| (id, Choice::Yes)).collect(),
        signals,
        acted: None,
    };
    Ok(record(site, Ask { subject, origin, request, contacts, key }, now).await?)
}

fn judge(site: &Site, request: &SignUpRequest) -> Result<Vec<Contact>, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut contacts = Vec::new();
    if request.wanted.is_empty() {
        wrong.push(Wrong::NothingWanted);
    }
    let mut wanted_on = Vec::new();
    for id in &request.wanted {
        let alert = site.notice.purpose(id).filter(|purpose| purpose.asked == Asked::AlertForm);
        match alert.and_then(|purpose| purpose.channel) {
            Some(channel) => wanted_on.push(channel),
            // An older notice may have it: whether that one may still be answered is judged with the record.
            None if request.notice != site.hash => {}
            None => wrong.push(Wrong::NotAnAlert(id.clone())),
        }
    }
    for (channel, text) in [(Channel::Email, &request.email), (Channel::Text, &request.phone)] {
        if !wanted_on.contains(&channel) {
            continue;
        }
        match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => wrong.push(Wrong::Missing(channel)),
            Some(text) => match normalise(channel, text) {
                Ok(contact) => contacts.push(contact),
                Err(_) => wrong.push(Wrong::Malformed(channel)),
            },
        }
    }
    if wrong.is_empty() { Ok(contacts) } else { Err(wrong) }
}
