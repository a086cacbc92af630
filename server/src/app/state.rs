//! What holds for one subject now, what they said, and their receipts.

use super::sites::Site;
use assent_core::choice_cookie::{ChoiceCookie, OLDEST};
use assent_core::decision::{Choice, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Notice};
use assent_core::standing::{Held, Said, held, standings};
use assent_core::subject::{SubjectId, SubjectToken};
use assent_core::wire::StateResponse;
use assent_ledger::{Opened, ReadError};
use std::collections::BTreeMap;

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// Everything one subject said, and what holds after it.
#[derive(Debug, Clone)]
pub struct State {
    /// Records, oldest first.
    pub history: Vec<Opened>,
    /// What holds for each choice of the current notice.
    pub standings: BTreeMap<PurposeId, Standing>,
}

impl State {
    /// Reads the subject's records and folds them over the current notice. Blocks.
    pub fn read(site: &Site, subject: &SubjectId, now: u64) -> Result<Self, ReadError> {
        let history = site.ledger.history(subject)?;
        let standings = fold(&site.notice, &history, now);
        Ok(Self { history, standings })
    }

    /// The state of someone who said nothing yet.
    #[must_use]
    pub fn empty(site: &Site) -> Self {
        Self { history: Vec::new(), standings: fold(&site.notice, &[], 0) }
    }

    /// As the wire has it.
    #[must_use]
    pub fn response(&self, site: &Site) -> StateResponse {
        StateResponse {
            notice: site.hash,
            purposes: self.standings.clone(),
            receipts: self.history.iter().map(|opened| opened.id.to_string()).collect(),
        }
    }
}

/// The cookie that tells the site's pages what holds, `decided` in Unix seconds.
#[must_use]
pub fn cookie(
    held: &BTreeMap<PurposeId, Held>,
    site: &Site,
    token: &SubjectToken,
    decided: u64,
) -> ChoiceCookie {
    let (mut choices, mut older) = (BTreeMap::new(), BTreeMap::new());
    let newest = held.values().map(|held| held.since).max().unwrap_or_default();
    for purpose in site.notice.asked_at(Asked::Banner) {
        let Some(Held { standing, since }) = held.get(&purpose.id) else { continue };
        let choice = match standing {
            Standing::Granted => Choice::Yes,
            Standing::Refused | Standing::Withdrawn | Standing::Objected => Choice::No,
            _ => continue,
        };
        choices.insert(purpose.id.clone(), choice);
        // Against the newest one by this server's clock: `decided` may be a browser's, which can be years ahead.
        let age = newest.saturating_sub(*since);
        // In doubt a yes is older than it is, and a no younger.
        let days = match choice {
            Choice::Yes => age.div_ceil(DAY_SECONDS * 1000),
            Choice::No => age / (DAY_SECONDS * 1000),
        };
        if days > 0 {
            let days = u16::try_from(days).unwrap_or(OLDEST).min(OLDEST);
            older.insert(purpose.id.clone(), days);
        }
    }
    ChoiceCookie {
        token: token.clone(),
        notice: site.hash.to_hex()[..16].to_string(),
        decided,
        choices,
        older,
    }
}

/// What holds after these records, under this notice.
#[must_use]
pub fn fold(notice: &Notice, history: &[Opened], now: u64) -> BTreeMap<PurposeId, Standing> {
    standings(notice, history.iter().map(said), now)
}

/// What holds after these records and this newest one.
#[must_use]
pub fn fold_with(
    notice: &Notice,
    history: &[Opened],
    newest: Said<'_>,
    now: u64,
) -> BTreeMap<PurposeId, Held> {
    held(notice, history.iter().map(said).chain([newest]), now)
}

/// What holds for a subject now, with the time of each. Blocks.
pub fn held_by(site: &Site, subject: &SubjectId, now: u64) -> Result<BTreeMap<PurposeId, Held>, ReadError> {
    Ok(held(&site.notice, site.ledger.history(subject)?.iter().map(said), now))
}

fn said(opened: &Opened) -> Said<'_> {
    Said {
        at: opened.time,
        acted: acted(opened),
        settled: opened.record.settles(),
        young: opened.record.waits_for_talk(),
        talked: opened.record.talked(),
        decisions: &opened.record.decisions,
    }
}

/// When the person pressed, by their own clock, in Unix milliseconds.
pub(super) fn acted(opened: &Opened) -> Option<u64> {
    let time: jiff::Timestamp = opened.record.acted.as_deref()?.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}
