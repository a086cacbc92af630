//! Addresses whose messages come back: they are not written to, whatever was agreed to, until somebody reads there again.
//!
//! It is not a withdrawal: nobody said anything. So it stands beside the log, as a keyed hash, and ends when the address is
//! confirmed anew or when whoever runs the mail server says that it was mended.

use crate::app::contact::normalise;
use crate::app::people::PeopleError;
use crate::app::sites::Site;
use assent_core::wire::BouncedRequest;

/// Takes down that messages to an address come back, or do no longer. Also for an address that nobody signed up: the answer must
/// not tell.
///
/// # Errors
/// [`PeopleError`].
pub async fn bounced(site: &Site, request: BouncedRequest) -> Result<(), PeopleError> {
    let contact = normalise(request.channel, &request.address)?;
    let hash = site.ledger.contact_hash(contact.channel, &contact.address);
    site.ledger.set_bounced(hash, request.bounces).await?;
    Ok(())
}
