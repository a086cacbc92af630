//! What staff see of a site's endpoints and do about them: which events were not taken, telling some again, enabling one that had
//! answered 410.

use super::Endpoint;
use super::follow::events;
use super::progress::{Trouble, Which};
use crate::app::alerts::outbox::refused;
use crate::app::record::RecordError;
use crate::app::sites::Site;
use crate::app::{App, blocking};
use assent_core::event::{EndpointState, Event, EventKind, RedeliverRequest, Undelivered, WebhooksResponse};
use assent_core::ids::EndpointId;
use assent_ledger::{ReadError, ReceiptId, rfc3339};
use std::sync::Arc;

/// Why nothing is told again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedeliverError {
    /// No such endpoint, or no such event.
    #[error("there is no such endpoint or event")]
    Unknown,
    /// Both were named, or neither.
    #[error("exactly one of `id` and `since` says what is told again")]
    What,
    /// `since` cannot be read.
    #[error("`since` is not RFC 3339 in UTC with `Z`")]
    Time,
    /// The ledger could not be read, or did not take it.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<ReadError> for RedeliverError {
    fn from(error: ReadError) -> Self {
        Self::Record(error.into())
    }
}

impl From<anyhow::Error> for RedeliverError {
    fn from(error: anyhow::Error) -> Self {
        Self::Record(RecordError::Stopped(error))
    }
}

/// A site's endpoints, with what they did not take. Blocks.
///
/// # Errors
/// [`ReadError`].
pub fn list(app: &App, site: &Site) -> Result<WebhooksResponse, ReadError> {
    let state = |endpoint: &Arc<Endpoint>| -> Result<EndpointState, ReadError> {
        let progress = endpoint.progress().unwrap_or_default();
        let mut undelivered = Vec::new();
        for trouble in &progress.troubles {
            undelivered.extend(shown(site, trouble)?);
        }
        Ok(EndpointState {
            name: endpoint.name.clone(),
            url: endpoint.shown.clone(),
            events: endpoint.events.iter().copied().collect(),
            disabled: progress.disabled.map(rfc3339),
            behind: site.ledger.size().saturating_sub(progress.next),
            undelivered,
        })
    };
    let endpoints = app.webhooks.of(&site.file.id).map(state).collect::<Result<_, _>>()?;
    Ok(WebhooksResponse { endpoints })
}

/// Nothing when it turns out that there is no such event, or none any more.
fn shown(site: &Site, trouble: &Trouble) -> Result<Option<Undelivered>, ReadError> {
    let id = match events(site, trouble.index)? {
        Some(found) => match found.into_iter().find(|(kind, _)| *kind == trouble.kind) {
            Some((_, event)) => event.id,
            None => return Ok(None),
        },
        // Nobody may read it now, and so it has no name.
        None => String::new(),
    };
    Ok(Some(Undelivered {
        id,
        type_name: trouble.kind.type_name(),
        tries: trouble.tries,
        tried: (trouble.tried > 0).then(|| rfc3339(trouble.tried)),
        reason: trouble.reason.clone(),
        next: trouble.due.map(rfc3339),
    }))
}

/// Tells an endpoint one event again, or everything since a time: soon, and by the whole schedule. One that is disabled is told when
/// it is enabled.
///
/// # Errors
/// [`RedeliverError`].
pub async fn redeliver(
    app: &App,
    site: &Arc<Site>,
    request: RedeliverRequest,
    now: u64,
) -> Result<(), RedeliverError> {
    let endpoint = find(app, site, &request.endpoint)?;
    let reader = Arc::clone(site);
    match (request.id, request.since) {
        (Some(id), None) => {
            let which = blocking(move || which(&reader, &id)).await??.ok_or(RedeliverError::Unknown)?;
            let changed = endpoint.change(site, now, |progress| progress.again(which, now)).await;
            changed.map_err(refused)?;
        }
        (None, Some(since)) => {
            let time = since.parse::<jiff::Timestamp>().ok().filter(|_| since.ends_with('Z'));
            let time = time.ok_or(RedeliverError::Time)?.as_millisecond();
            let time = u64::try_from(time).unwrap_or_default();
            let index = blocking(move || reader.ledger.first_since(time)).await??;
            let changed = endpoint.change(site, now, |progress| progress.again_from(index)).await;
            changed.map_err(refused)?;
        }
        _ => return Err(RedeliverError::What),
    }
    Ok(())
}

/// Tells an endpoint again that had answered 410, from where it stopped.
///
/// # Errors
/// [`RedeliverError`].
pub async fn enable(app: &App, site: &Arc<Site>, name: &EndpointId, now: u64) -> Result<(), RedeliverError> {
    let endpoint = find(app, site, name)?;
    let changed = endpoint.change(site, now, |progress| progress.disabled = None).await;
    Ok(changed.map_err(refused)?)
}

fn find<'a>(app: &'a App, site: &Site, name: &EndpointId) -> Result<&'a Arc<Endpoint>, RedeliverError> {
    let mut endpoints = app.webhooks.all().iter().filter(|endpoint| endpoint.site == site.file.id);
    // Without a place it was never told anything.
    let found = endpoints.find(|endpoint| endpoint.name == *name && endpoint.progress().is_some());
    found.ok_or(RedeliverError::Unknown)
}

/// The event of an id. Blocks.
fn which(site: &Site, id: &str) -> Result<Option<Which>, ReadError> {
    for version in site.ledger.notices()? {
        if Event::notice_id(&rfc3339(version.published)) == id {
            return Ok(Some((version.index, EventKind::NoticePublished)));
        }
    }
    let Some((receipt, _)) = id.split_at_checked(36) else { return Ok(None) };
    let Ok(receipt) = ReceiptId::parse(receipt) else { return Ok(None) };
    // Records of one moment stand beside each other.
    let moment = site.ledger.first_since(receipt.time())?..site.ledger.first_since(receipt.time() + 1)?;
    for index in moment {
        let found = events(site, index)?.unwrap_or_default();
        if let Some((kind, _)) = found.into_iter().find(|(_, event)| event.id == id) {
            return Ok(Some((index, kind)));
        }
    }
    Ok(None)
}
