//! What holds for each address, kept ready for "may we?".
//!
//! Worked out from the log ([`Subscriber`]) and then remembered until anything changes about the address, or about anybody who named it,
//! until its time is over, and as long as the notice is in force. Whoever is not remembered is worked out when asked for; [`Preparer`] does it for all addresses at a start
//! and with each new notice, so that whoever sends to many finds them ready. Nothing of it is kept beyond the process.

mod prepare;
mod table;

use crate::app::alerts::subscriber::Subscriber;
use crate::app::sites::Site;
use assent_core::decision::Standing;
use assent_core::hash::Hash;
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Notice};
use assent_ledger::{ChangePlace, Moment, ReadError, ReceiptId};
use std::path::PathBuf;
use std::sync::OnceLock;
use table::Table;

pub use prepare::Preparer;

/// Most people naming one address, and the longest language tag, that are remembered.
const SUBJECTS: usize = 4;
const LANGUAGE: usize = 15;
/// Before the alerts: moment, end, flags, how many subjects, their places, the language's length and letters.
const HEADER: usize = 8 + 8 + 1 + 1 + 4 * SUBJECTS + 1 + LANGUAGE;
/// An alert: its standing, and a receipt's id.
const ALERT: usize = 1 + 16;

const RESTRICTED: u8 = 1;
const SUPPRESSED: u8 = 2;
const BOUNCED: u8 = 4;

/// Every standing, by its number here.
const STANDINGS: [Standing; 8] = [
    Standing::NotAsked,
    Standing::Unconfirmed,
    Standing::PendingContact,
    Standing::Granted,
    Standing::Refused,
    Standing::Withdrawn,
    Standing::Objected,
    Standing::Expired,
];

/// What holds for one address, as far as it matters to whoever wants to write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressStanding {
    /// Whether records of somebody who named it are frozen.
    pub restricted: bool,
    /// Whether nothing may be sent whatever was said.
    pub suppressed: bool,
    /// Whether messages to it come back.
    pub bounced: bool,
    /// The language of what was last said about it; empty when nothing was.
    pub language: String,
    /// Each alert of the notice, in its order.
    alerts: Vec<(Standing, Option<ReceiptId>)>,
}

impl AddressStanding {
    /// What [`Subscriber`] comes to under the site's notice.
    #[must_use]
    pub fn of(site: &Site, all: &Subscriber) -> Self {
        let alerts = site.notice.asked_at(Asked::AlertForm);
        Self {
            restricted: all.restricted,
            suppressed: all.suppressed,
            bounced: all.bounced.is_some(),
            language: all.history.last().map(|opened| opened.record.language.clone()).unwrap_or_default(),
            alerts: alerts.map(|alert| (all.standing(&alert.id), all.receipt(&alert.id))).collect(),
        }
    }

    /// What holds for one alert of the notice that this was worked out under, and the receipt behind it.
    #[must_use]
    pub fn alert(&self, notice: &Notice, alert: &PurposeId) -> (Standing, Option<ReceiptId>) {
        let place = notice.asked_at(Asked::AlertForm).position(|purpose| purpose.id == *alert);
        place.and_then(|place| self.alerts.get(place)).copied().unwrap_or((Standing::NotAsked, None))
    }
}

/// What is remembered of a site's addresses, under one notice.
#[derive(Debug)]
pub struct Standings {
    /// Where the table's file is.
    folder: PathBuf,
    /// Begun with the first address; nothing where it cannot be.
    table: OnceLock<Option<Table>>,
    /// Whether every address was gone through.
    prepared: std::sync::atomic::AtomicBool,
}

impl Standings {
    /// Nothing yet. What is remembered will be in a file without a name in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, table: OnceLock::new(), prepared: false.into() }
    }

    /// What holds for an address, if it is remembered and nothing changed. One read of a file that mostly is in memory.
    #[must_use]
    pub fn remembered(&self, site: &Site, address: &Hash, now: u64) -> Option<AddressStanding> {
        let text = self.table.get()?.as_ref()?.get(address)?;
        let remembered = Remembered::from_bytes(&text)?;
        let places = remembered.places.iter().copied().chain([ChangePlace::of_contact(address)]);
        let holds = now < remembered.until && site.ledger.unchanged_since(remembered.moment, places);
        holds.then_some(remembered.standing)
    }

    /// What holds for an address, read from the log, and remembered. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, site: &Site, address: &Hash, now: u64) -> Result<AddressStanding, ReadError> {
        // Before anything is read: what changes from here on ends what is remembered.
        let moment = site.ledger.moment();
        let all = Subscriber::read(site, address, now)?;
        let standing = AddressStanding::of(site, &all);
        // Nobody knows how many addresses are asked for that nobody ever signed up.
        if !all.subjects.is_empty() {
            let places = all.subjects.iter().map(ChangePlace::of_subject).collect();
            let remembered =
                Remembered { moment, until: all.holds_until(site, now), places, standing: standing.clone() };
            self.remember(site, address, &remembered);
        }
        Ok(standing)
    }

    /// Whether every address of the log is remembered that can be.
    #[must_use]
    pub fn prepared(&self) -> bool {
        self.prepared.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn remember(&self, site: &Site, address: &Hash, remembered: &Remembered) {
        let alerts = remembered.standing.alerts.len();
        let begin = || {
            let table = Table::begin(&self.folder, HEADER + alerts * ALERT);
            table
                .inspect_err(
                    |error| tracing::warn!(site = %site.file.id, %error, "standings are not remembered"),
                )
                .ok()
        };
        if let Some(table) = self.table.get_or_init(begin)
            && let Some(text) = remembered.to_bytes()
            && let Err(error) = table.put(address, &text)
        {
            tracing::debug!(site = %site.file.id, %error, "a standing is not remembered");
        }
    }
}

/// What stands in the table.
#[derive(Debug, PartialEq, Eq)]
struct Remembered {
    moment: Moment,
    until: u64,
    places: Vec<ChangePlace>,
    standing: AddressStanding,
}

impl Remembered {
    /// Of one length for one notice; nothing when too many people named the address.
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let standing = &self.standing;
        let (subjects, language) = (self.places.len(), standing.language.as_bytes());
        if subjects > SUBJECTS || language.len() > LANGUAGE {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEADER + standing.alerts.len() * ALERT);
        bytes.extend(self.moment.0.to_be_bytes());
        bytes.extend(self.until.to_be_bytes());
        let flags = [
            (standing.restricted, RESTRICTED),
            (standing.suppressed, SUPPRESSED),
            (standing.bounced, BOUNCED),
        ];
        bytes.push(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum());
        bytes.push(subjects as u8);
        let places = self.places.iter().map(|place| place.0).chain(std::iter::repeat(0));
        bytes.extend(places.take(SUBJECTS).flat_map(u32::to_be_bytes));
        bytes.push(language.len() as u8);
        bytes.extend(language.iter().copied().chain(std::iter::repeat(0)).take(LANGUAGE));
        for (holds, receipt) in &standing.alerts {
            // Without a receipt nothing was ever said; an id is never all noughts.
            bytes.push(STANDINGS.iter().position(|one| one == holds)? as u8);
            bytes.extend(receipt.map_or([0; 16], |id| id.0));
        }
        Some(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (moment, rest) = bytes.split_first_chunk::<8>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let ([flags, subjects], rest) = rest.split_first_chunk::<2>()?;
        let (places, rest) = rest.split_first_chunk::<{ 4 * SUBJECTS }>()?;
        let (length, rest) = rest.split_first()?;
        let (language, alerts) = rest.split_first_chunk::<LANGUAGE>()?;
        let places = places.as_chunks::<4>().0.get(..usize::from(*subjects))?;
        let language = std::str::from_utf8(language.get(..usize::from(*length))?).ok()?.to_string();
        let alerts = alerts.as_chunks::<ALERT>().0.iter().map(|[holds, id @ ..]| {
            let receipt = Some(ReceiptId(*id)).filter(|id| id.0 != [0; 16]);
            Some((*STANDINGS.get(usize::from(*holds))?, receipt))
        });
        let has = |flag| flags & flag != 0;
        Some(Self {
            moment: Moment(u64::from_be_bytes(*moment)),
            until: u64::from_be_bytes(*until),
            places: places.iter().map(|place| ChangePlace(u32::from_be_bytes(*place))).collect(),
            standing: AddressStanding {
                restricted: has(RESTRICTED),
                suppressed: has(SUPPRESSED),
                bounced: has(BOUNCED),
                language,
                alerts: alerts.collect::<Option<_>>()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back() {
        let standing = AddressStanding {
            restricted: true,
            suppressed: false,
            bounced: true,
            language: "zh-Hant".into(),
            alerts: STANDINGS
                .iter()
                .zip(0..)
                .map(|(one, n)| (*one, (n > 0).then_some(ReceiptId([n; 16]))))
                .collect(),
        };
        let places = vec![ChangePlace(7), ChangePlace(131_071)];
        let remembered = Remembered { moment: Moment(3), until: u64::MAX, places, standing };
        let bytes = remembered.to_bytes().unwrap();
        assert_eq!(bytes.len(), HEADER + 8 * ALERT);
        assert_eq!(Remembered::from_bytes(&bytes).as_ref(), Some(&remembered));
        for cut in 0..HEADER {
            assert_eq!(Remembered::from_bytes(&bytes[..cut]), None);
        }
        let crowd = Remembered { places: vec![ChangePlace(0); SUBJECTS + 1], ..remembered };
        assert_eq!(crowd.to_bytes(), None);
    }
}
