//! What holds for one subject now, what they said, and their receipts.

use super::sites::Site;
use assent_core::choice_cookie::ChoiceCookie;
use assent_core::decision::{Choice, Standing};
use assent_core::ids::PurposeId;
use assent_core::notice::{Asked, Notice};
use assent_core::standing::{Said, standings};
use assent_core::subject::{SubjectId, SubjectToken};
use assent_core::wire::StateResponse;
use assent_ledger::{Opened, ReadError};
use std::collections::BTreeMap;

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
    standings: &BTreeMap<PurposeId, Standing>,
    site: &Site,
    token: &SubjectToken,
    decided: u64,
) -> ChoiceCookie {
    let mut choices = BTreeMap::new();
    for purpose in site.notice.asked_at(Asked::Banner) {
        let said = match standings.get(&purpose.id) {
            Some(Standing::Granted) => Some(Choice::Yes),
            Some(Standing::Refused | Standing::Withdrawn | Standing::Objected) => Some(Choice::No),
            _ => None,
        };
        choices.extend(said.map(|choice| (purpose.id.clone(), choice)));
    }
    ChoiceCookie { token: token.clone(), notice: site.hash.to_hex()[..16].to_string(), decided, choices }
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
) -> BTreeMap<PurposeId, Standing> {
    standings(notice, history.iter().map(said).chain([newest]), now)
}

fn said(opened: &Opened) -> Said<'_> {
    Said { at: opened.time, acted: acted(opened), decisions: &opened.record.decisions }
}

/// When the person pressed, by their own clock, in Unix milliseconds.
pub(super) fn acted(opened: &Opened) -> Option<u64> {
    let time: jiff::Timestamp = opened.record.acted.as_deref()?.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}
